"""`python -m gateway.cli` is `outcry`."""

from gateway.cli import main

main()
