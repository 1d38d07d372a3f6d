"""Closing a perpetual's position: what it needs of cash until margin comes, and what it ought not to need."""

import pytest

from matching import refusals
from matching.terms import Terms
from matching.types import BUY, SELL
from tests.matching.harness import ACC1, ACC2, CASH, MAKER, Harness, order
from tests.risk.test_overrides import code_of

PERP_UNIT = 500
PRICE = 10_000
FULL = CASH // (PRICE * PERP_UNIT)
"""So many lots cost all the cash of an account."""


def long_with_all_cash(exchange: Harness) -> None:
    """ACC1 spends all of its cash on a long position."""
    half = FULL // 2
    exchange.apply(
        order("s", SELL, half, PRICE, session_id=MAKER, account_id=ACC2, instrument_id=2),
        order("t", SELL, half, PRICE, session_id=MAKER, account_id=3, instrument_id=2),
        order("b", BUY, 2 * half, PRICE, account_id=ACC1, instrument_id=2),
    )
    assert exchange.risk.balance_of(ACC1, "BTC-PERP")[0] == 2 * half
    assert exchange.cash(ACC1)[0] == -CASH


def test_a_long_position_that_took_all_cash_cannot_be_closed_at_a_limit(exchange: Harness) -> None:
    """As risk/README.md says: both sides of a perpetual are fully paid, whatever the position is."""
    long_with_all_cash(exchange)
    assert code_of(exchange.apply(order("c", SELL, 1, PRICE, account_id=ACC1, instrument_id=2))) == refusals.CASH


@pytest.mark.xfail(strict=True, reason="a sell out of a long position holds its full notional, which it never needs")
@pytest.mark.parametrize("terms", [None, Terms(reduce_only=True)])
def test_a_sell_that_only_closes_a_long_position_needs_no_cash(exchange: Harness, terms: Terms | None) -> None:
    long_with_all_cash(exchange)
    assert code_of(exchange.apply(order("c", SELL, 1, PRICE, account_id=ACC1, instrument_id=2, terms=terms))) == 0
