"""Holds and settlement: what is reserved, moved and released, exact to the last unit, and zero in sum."""

import random

import pytest

from matching.types import BUY, IMMEDIATE_OR_CANCEL, SELL
from tests.matching.harness import ACC1, ACC2, ACC3, CASH, SHARES, Harness, brief, buy, cancel, order, replace, sell

UNIT = 10_000
"""Cash of one AAPL at one tick."""
PERP_UNIT = 500


@pytest.fixture
def exchange() -> Harness:
    return Harness()


def perp(name: str, side: str, qty: int, price: int, account_id: int = ACC1) -> object:
    return order(name, BUY if side == "1" else SELL, qty, price, instrument_id=2, account_id=account_id)


def test_spot_buy_holds_cash_at_its_limit_and_pays_the_real_price(exchange: Harness) -> None:
    exchange.apply(sell("s", 40, 9_900), buy("b", 100, 10_000))
    assert exchange.cash(ACC1) == (-40 * 9_900 * UNIT, 60 * 10_000 * UNIT)
    assert exchange.risk.balance_of(ACC1, "AAPL") == (SHARES + 40, 0)
    assert exchange.cash(ACC2) == (40 * 9_900 * UNIT, 0)
    assert exchange.risk.balance_of(ACC2, "AAPL") == (SHARES - 40, 0)
    exchange.apply(cancel("c", "b"))
    assert exchange.cash(ACC1) == (-40 * 9_900 * UNIT, 0)


def test_spot_sell_holds_its_shares_and_no_more_can_be_sold(exchange: Harness) -> None:
    exchange.apply(sell("s", SHARES, 10_500))
    assert exchange.risk.balance_of(ACC2, "AAPL") == (SHARES, SHARES)
    assert brief(exchange.apply(sell("s2", 1, 10_500))) == [("s2", "8", "8", 0, 0, 3)]
    assert exchange.cash(ACC2) == (0, 0)


def test_sell_above_its_limit_brings_the_better_price(exchange: Harness) -> None:
    exchange.apply(buy("b", 10, 10_000), sell("s", 10, 9_500))
    assert exchange.cash(ACC2) == (10 * 10_000 * UNIT, 0)


def test_expired_remainder_holds_nothing(exchange: Harness) -> None:
    exchange.apply(sell("s", 4, 10_000), buy("b", 10, 10_000, time_in_force=IMMEDIATE_OR_CANCEL))
    assert exchange.cash(ACC1) == (-4 * 10_000 * UNIT, 0)


def test_refused_order_holds_nothing(exchange: Harness) -> None:
    exchange.limits(order_qty_max=1)
    exchange.apply(buy("b", 10, 10_000))
    assert exchange.cash(ACC1) == (0, 0)


def test_replace_moves_the_hold_to_the_new_terms(exchange: Harness) -> None:
    exchange.apply(buy("b", 10, 10_000), replace("b2", "b", 5, 9_990))
    assert exchange.cash(ACC1) == (0, 5 * 9_990 * UNIT)


def test_cash_to_the_last_unit_can_be_spent(exchange: Harness) -> None:
    qty = CASH // (10_000 * UNIT)
    assert brief(exchange.apply(buy("b", qty, 10_000)))[0][1] == "0"
    assert exchange.cash(ACC1) == (0, CASH)
    assert brief(exchange.apply(buy("c", 1, 9_000)))[0][1] == "8"


def test_two_accounts_race_for_nothing_but_their_own_cash(exchange: Harness) -> None:
    exchange.apply(buy("b", 10_000, 10_000))
    assert brief(exchange.apply(buy("c", 1, 10_000, account_id=ACC3)))[0][1] == "0"


# -- perpetuals -------------------------------------------------------------------------------------------------------


def test_perpetual_trade_moves_cash_and_position(exchange: Harness) -> None:
    exchange.apply(perp("s", "2", 10, 10_000, ACC2), perp("b", "1", 10, 10_000))  # type: ignore[arg-type]
    value = 10 * 10_000 * PERP_UNIT
    assert exchange.cash(ACC1) == (-value, 0)
    assert exchange.cash(ACC2) == (value, 2 * value)
    assert exchange.risk.balance_of(ACC1, "BTC-PERP") == (10, 0)
    assert exchange.risk.balance_of(ACC2, "BTC-PERP") == (-10, 0)


def test_short_locks_proceeds_and_the_notional_its_order_held(exchange: Harness) -> None:
    exchange.apply(perp("b", "1", 10, 10_050), perp("s", "2", 10, 10_000, ACC2))  # type: ignore[arg-type]
    assert exchange.cash(ACC2) == (10 * 10_050 * PERP_UNIT, 10 * (10_050 + 10_000) * PERP_UNIT)


def test_short_lock_is_released_in_proportion_and_the_last_lot_releases_the_rest(exchange: Harness) -> None:
    exchange.apply(perp("b", "1", 3, 10_001), perp("s", "2", 3, 10_000, ACC2))  # type: ignore[arg-type]
    lock = 3 * (10_001 + 10_000) * PERP_UNIT
    exchange.apply(perp("o", "2", 3, 9_999, ACC3))  # type: ignore[arg-type]
    locked = []
    for name in ("x", "y", "z"):
        exchange.apply(perp(name, "1", 1, 9_999, ACC2))  # type: ignore[arg-type]
        locked.append(exchange.cash(ACC2)[1])
    first = lock - lock // 3
    assert locked == [first, first - first // 2, 0]
    assert exchange.risk.balance_of(ACC2, "BTC-PERP") == (0, 0)


def test_sell_beyond_a_long_locks_only_what_opens_a_short(exchange: Harness) -> None:
    exchange.apply(perp("o", "2", 4, 10_000, ACC3), perp("l", "1", 4, 10_000, ACC2))  # type: ignore[arg-type]
    exchange.apply(perp("b", "1", 10, 10_000), perp("s", "2", 10, 10_000, ACC2))  # type: ignore[arg-type]
    assert exchange.risk.balance_of(ACC2, "BTC-PERP") == (-6, 0)
    assert exchange.cash(ACC2)[1] == 6 * 2 * 10_000 * PERP_UNIT


@pytest.mark.parametrize("position", [-5, 0, 5])
def test_account_trading_with_itself_ends_where_it_was(exchange: Harness, position: int) -> None:
    if position:
        own, other = ("1", "2") if position > 0 else ("2", "1")
        exchange.apply(perp("o", other, 5, 10_000, ACC2), perp("p", own, 5, 10_000))  # type: ignore[arg-type]
    before = exchange.cash(ACC1)
    exchange.apply(perp("s", "2", 5, 10_000), perp("b", "1", 5, 10_000))  # type: ignore[arg-type]
    assert exchange.risk.balance_of(ACC1, "BTC-PERP") == (position, 0)
    assert exchange.cash(ACC1) == before


@pytest.mark.parametrize("seed", range(4))
def test_random_perpetual_trading_never_holds_more_than_there_is(exchange: Harness, seed: int) -> None:
    draw = random.Random(seed)
    for number in range(120):
        side = draw.choice("12")
        price = draw.randint(9_900, 10_100)
        command = perp(f"n{number}", side, draw.randint(1, 60_000), price, draw.choice((ACC1, ACC2, ACC3)))
        exchange.apply(command)  # type: ignore[arg-type]  # the harness checks holds and zero sums after each
    assert exchange.engine.statistics()["trades"] > 10
