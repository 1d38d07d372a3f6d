"""Numbers as people read them, made of integers."""

import pytest

from matching.texts import decimal_text
from risk.texts import cash_text


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [
        (0, 100, "0"),
        (5_000, 100, "50"),
        (5_050, 100, "50.5"),
        (5_005, 100, "50.05"),
        (-5, 100, "-0.05"),
        (-100, 100, "-1"),
        (1, 10**8, "0.00000001"),
        (10**30, 10**8, "1" + "0" * 22),
    ],
)
def test_decimal_text(value: int, scale: int, text: str) -> None:
    assert decimal_text(value, scale) == text


def test_cash_text_names_its_currency() -> None:
    assert cash_text("USD", 1_500_000) == "1.5 USD"
