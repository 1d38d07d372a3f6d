"""Runs `outcry serve` with trading days of a few seconds, so that a run of minutes sees many of them end.

    python -m tests.soak.short_days SECONDS COMMAND...

COMMAND is what `ExchangeProcess` starts: an interpreter, `-c`, the program and its arguments. Nothing but the calendar
is replaced: which day a moment belongs to is asked in one place.
"""

import sys

from config.exchange import TradingDaySettings
from gateway import timers

SECOND_NS = 1_000_000_000


def main(arguments: list[str]) -> None:
    """Replace the calendar and run the program in this process."""
    seconds = int(arguments[0])
    _, _, program, *rest = arguments[1:]

    def trading_day_at(settings: TradingDaySettings, now_ns: int) -> int:
        assert settings.time_zone, "the real calendar would be asked for"
        return now_ns // (seconds * SECOND_NS)

    timers.trading_day_at = trading_day_at
    sys.argv = ["outcry", *rest]
    exec(compile(program, "outcry", "exec"), {"__name__": "__main__"})


if __name__ == "__main__":
    main(sys.argv[1:])
