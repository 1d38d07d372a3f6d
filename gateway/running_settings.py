"""The configuration that runs: what was read at the start, with what has been read again since."""

from config.settings import Settings


class RunningSettings:
    """Holds it for all that ask for it later than at the start. Owner: the main thread's event loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
