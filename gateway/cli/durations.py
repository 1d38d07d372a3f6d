"""Durations as operators write them: 90s, 30m, 8h, 1d."""

import re
from typing import Final

from gateway.cli.output import ExitCode, fail

_DURATION: Final = re.compile(r"(\d{1,6})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def seconds_of(text: str, *, option: str, as_json: bool) -> int:
    """Return the seconds of a duration, 0 where none is given; end with what is allowed where it is none."""
    if not text:
        return 0
    match = _DURATION.fullmatch(text)
    if match is None or int(match[1]) == 0:
        fail(
            f"found {option} {text!r}, allowed: more than nothing, as 90s, 30m, 8h, 1d",
            as_json=as_json,
            code=ExitCode.USAGE,
        )
    return int(match[1]) * _SECONDS[match[2]]
