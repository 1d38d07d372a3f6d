"""The command `outcry`: start, check, watch and steer an exchange, try it out, and read its journal."""

from gateway.cli.application import main

__all__ = ["main"]
