"""kill -9 at any instant: an outside client that keeps its own record judges what the exchange remembers."""
