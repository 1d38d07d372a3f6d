"""Exact decimal text of integers: the only way in which ticks, lots and scaled values become FIX text."""

from typing import Final

TEXTS_MAX: Final = 200_000
"""Texts kept per scale; at about 100 bytes each the cache of one instrument stays under 40 MB."""


def e8_text(value_e8: int) -> str:
    """Return `value_e8` / 10^8 as the shortest exact decimal text, without exponent."""
    whole, part = divmod(abs(value_e8), 100_000_000)
    sign = "-" if value_e8 < 0 else ""
    if not part:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{part:08d}".rstrip("0")


class ScaledTexts(dict[int, str]):
    """Decimal texts of multiples of a step, each made once. Owner: the matching thread.

    `texts[n]` is the text of n times the step, with as many decimals as the step itself has, so that prices of one
    instrument all look alike (585.00, not 585).
    """

    def __init__(self, step_e8: int) -> None:
        super().__init__()
        self._step_e8 = step_e8
        self._decimals = len(f"{step_e8:08d}"[-8:].rstrip("0")) if step_e8 % 100_000_000 else 0

    def __missing__(self, count: int) -> str:
        if len(self) >= TEXTS_MAX:
            self.clear()
        text = decimal_text(count * self._step_e8, self._decimals)
        self[count] = text
        return text


def decimal_text(value_e8: int, decimals: int) -> str:
    """Return `value_e8` / 10^8 with exactly `decimals` digits behind the point; the rest must be zero.

    Args:
        value_e8: the value times 10^8.
        decimals: 0 to 8.
    """
    sign = "-" if value_e8 < 0 else ""
    whole, part = divmod(abs(value_e8), 100_000_000)
    if not decimals:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{part:08d}"[: len(sign) + len(str(whole)) + 1 + decimals]


def average_text(value: int, qty: int, step_e8: int) -> str:
    """Return `value` ticks times lots divided by `qty` lots as a price, rounded half up to 10^-8."""
    return e8_text((2 * value * step_e8 + qty) // (2 * qty))
