"""Decimal text is exact, and looks alike within an instrument."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from gateway.decimals import ScaledTexts, average_text, decimal_text, e8_text


def test_prices_of_an_instrument_have_the_decimals_of_its_tick() -> None:
    cents = ScaledTexts(1_000_000)
    halves = ScaledTexts(50_000_000)
    whole = ScaledTexts(100_000_000)
    assert (cents[58500], cents[1], halves[3], whole[7]) == ("585.00", "0.01", "1.5", "7")


@given(st.integers(min_value=-(1 << 62), max_value=1 << 62))
def test_e8_text_is_the_exact_value(value: int) -> None:
    assert Decimal(e8_text(value)) * 100_000_000 == value
    assert "E" not in e8_text(value)


@given(st.integers(min_value=0, max_value=8), st.integers(min_value=0, max_value=1 << 50))
def test_decimal_text_keeps_its_decimals(decimals: int, count: int) -> None:
    text = decimal_text(count * 10 ** (8 - decimals), decimals)
    assert len(text.partition(".")[2]) == decimals
    assert Decimal(text) == Decimal(count).scaleb(-decimals)


def test_average_is_rounded_half_up_to_eight_decimals() -> None:
    assert average_text(value=58500 * 1 + 58501 * 2, qty=3, step_e8=1_000_000) == "585.00666667"
