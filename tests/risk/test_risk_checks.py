"""The pre-trade checks: each at its bound and one past it, what the refusal says, and which answers first."""

from collections.abc import Callable

import pytest

from matching import refusals
from matching.instrument import Instrument
from matching.types import BUY, SELL, Side
from risk.accounts import Exposure, Ledger
from risk.checks import PRECEDENCE, Gates, check_order
from risk.firms import Firm
from tests.matching.harness import AAPL, PERP

USD = 1_000_000


class Situation:
    """ACC1 in AAPL or BTC-PERP with 1,000,000 USD and 500 shares, and one order of 100 lots at 100.00 or 5000."""

    def __init__(self, *, perpetual: bool = False) -> None:
        command = PERP if perpetual else AAPL
        self.instrument = Instrument(
            **{name: getattr(command, name) for name in command.__struct_fields__}  # the same names on both
        )
        self.gates = Gates()
        self.ledger = Ledger(1, "ACC1")
        self.line = Exposure(self.ledger, self.instrument)
        self.line.cash.amount = 1_000_000 * USD
        if not perpetual:
            self.line.position.amount = 500
        self.taken_price = 0

    def check(
        self,
        side: Side = BUY,
        price: int = 10_000,
        qty: int = 100,
        *,
        leaves: int = -1,
        prior: tuple[int, int] = (0, 0),
    ) -> tuple[int, str] | None:
        """Check the order, as a replace where `prior` has (price, leaves)."""
        return check_order(
            self.gates, self.line, 7, side, price, qty, self.taken_price, qty if leaves < 0 else leaves, *prior
        )


def test_ordinary_order_passes() -> None:
    assert Situation().check() is None
    assert Situation().check(SELL) is None


# -- each check at its bound and one past it --------------------------------------------------------------------------


def test_order_qty() -> None:
    here = Situation()
    here.line.order_qty_max = 100
    assert here.check(qty=100) is None
    assert here.check(qty=101) == (
        refusals.ORDER_QTY_MAX,
        "OrderQty(38) 101 exceeds order_qty_max 100 of the exchange in AAPL",
    )
    for qty, text in ((0, "0"), (-1, "-1")):
        assert here.check(qty=qty) == (
            refusals.QTY_NOT_POSITIVE,
            f"OrderQty(38) {text} is below the least quantity 1 of AAPL",
        )


def test_no_limit_still_bounds_the_quantity() -> None:
    here = Situation()
    here.line.cash.amount = 10**30
    assert here.check(qty=10**9) is None
    refusal = here.check(qty=10**9 + 1)
    assert refusal == (
        refusals.ORDER_QTY_MAX,
        "OrderQty(38) 1000000001 exceeds order_qty_max 1000000000 of the exchange in AAPL",
    )


@pytest.mark.parametrize("side", [BUY, SELL])
def test_price_band(side: Side) -> None:
    here = Situation()
    assert here.check(side, 9_000) is None
    assert here.check(side, 11_000, 1) is None
    assert here.check(side, 8_999) == (
        refusals.PRICE_BAND,
        "Price(44) 89.99 is outside the price band 90 to 110 of AAPL",
    )
    assert here.check(side, 11_001) == (
        refusals.PRICE_BAND,
        "Price(44) 110.01 is outside the price band 90 to 110 of AAPL",
    )
    assert here.check(side, 0) is not None
    assert here.check(side, -5) is not None


def test_no_reference_price_fails_closed() -> None:
    here = Situation()
    here.instrument.set_band(reference_price=0, band_bp=1_000)
    for price in (0, 1, 10_000):
        refusal = (
            refusals.NO_REFERENCE_PRICE,
            "AAPL has no reference price, so that no price lies within its price band",
        )
        assert here.check(price=price) == refusal


def test_order_value() -> None:
    here = Situation()
    here.line.order_value_max = 10_000 * USD
    assert here.check(price=10_000, qty=100) is None
    text = "order value 10001 USD exceeds order_value_max 10000 USD of the exchange in AAPL"
    assert here.check(price=10_001, qty=100) == (refusals.ORDER_VALUE_MAX, text)


def test_order_value_of_a_huge_order_does_not_wrap() -> None:
    here = Situation()
    here.line.order_value_max = 10_000 * USD
    here.line.order_qty_max = 1 << 80
    refusal = here.check(qty=1 << 70)
    assert refusal is not None
    assert refusal[0] == refusals.ORDER_VALUE_MAX


def test_open_orders_in_the_instrument_and_over_all() -> None:
    here = Situation()
    here.line.open_orders_max = 3
    here.line.open_orders = 2
    assert here.check() is None
    here.line.open_orders = 3
    assert here.check() == (
        refusals.OPEN_ORDERS_MAX,
        "open orders 4 would exceed open_orders_max 3 of account ACC1 in AAPL",
    )
    here.line.open_orders_max, here.ledger.open_orders, here.ledger.open_orders_max = 100, 9, 10
    assert here.check() is None
    here.ledger.open_orders = 10
    text = "open orders 11 would exceed open_orders_max 10 of account ACC1 over all instruments"
    assert here.check() == (refusals.OPEN_ORDERS_MAX_OF_ACCOUNT, text)


def test_replace_does_not_count_as_one_more_open_order() -> None:
    here = Situation()
    here.line.open_orders_max = here.line.open_orders = 3
    assert here.check(prior=(10_000, 50)) is None


def test_position_counts_open_orders_of_the_side() -> None:
    here = Situation(perpetual=True)
    here.line.position_max, here.line.open_buy_qty, here.line.open_sell_qty = 1_000, 700, 900
    here.line.position.amount = 200
    assert here.check(BUY, qty=100) is None
    text = "long position 1.001 with open orders would exceed position_max 1 of the exchange in BTC-PERP"
    assert here.check(BUY, qty=101) == (refusals.POSITION_MAX, text)
    assert here.check(SELL, qty=300) is None
    text = "short position 1.001 with open orders would exceed position_max 1 of the exchange in BTC-PERP"
    assert here.check(SELL, qty=301) == (refusals.POSITION_MAX, text)


def test_position_of_a_replace_counts_the_difference() -> None:
    here = Situation(perpetual=True)
    here.line.position_max, here.line.open_buy_qty = 1_000, 1_000
    assert here.check(BUY, qty=400, prior=(10_000, 400)) is None
    assert here.check(BUY, qty=401, prior=(10_000, 400)) is not None
    assert here.check(BUY, qty=450, leaves=400, prior=(10_000, 400)) is None


@pytest.mark.parametrize("side", [BUY, SELL])
def test_what_takes_nothing_more_is_not_refused_for_a_position_that_was_lowered(side: Side) -> None:
    here = Situation(perpetual=True)
    here.line.position_max, here.line.open_buy_qty, here.line.open_sell_qty = 100, 400, 400
    assert here.check(side, qty=399, prior=(10_000, 400)) is None
    assert here.check(side, qty=400, prior=(10_000, 400)) is None
    refused = here.check(side, qty=401, prior=(10_000, 400))
    assert refused is not None
    assert refused[0] == refusals.POSITION_MAX


def test_post_only() -> None:
    here = Situation()
    here.taken_price = 9_990
    text = "post-only order at Price(44) 100 would take the best opposite price 99.9"
    assert here.check() == (refusals.POST_ONLY_WOULD_TAKE, text)


def test_available_cash_of_a_spot_buy() -> None:
    here = Situation()
    here.line.cash.held = 990_000 * USD
    assert here.check(qty=100) is None
    text = "order needs 10001 USD, available cash of account ACC1 is 10000 USD"
    assert here.check(price=10_001) == (refusals.CASH, text)


def test_available_shares_of_a_spot_sell() -> None:
    here = Situation()
    here.line.position.held = 400
    assert here.check(SELL, qty=100) is None
    assert here.check(SELL, qty=101) == (refusals.SHARES, "order needs 101 AAPL of account ACC1, available are 100")
    here.line.cash.amount = 0
    assert here.check(SELL, qty=100) is None


@pytest.mark.parametrize("side", [BUY, SELL])
def test_perpetual_needs_its_full_notional_on_either_side(side: Side) -> None:
    here = Situation(perpetual=True)
    here.line.cash.amount = 500 * USD
    assert here.check(side, 10_000, 100) is None
    text = "order needs 505 USD, available cash of account ACC1 is 500 USD"
    assert here.check(side, 10_000, 101) == (refusals.CASH, text)


def test_cash_of_a_replace_counts_the_difference() -> None:
    here = Situation()
    here.line.cash.amount = here.line.cash.held = 10_000 * USD
    assert here.check(price=10_000, qty=100, prior=(10_000, 100)) is None
    assert here.check(price=9_999, qty=100, prior=(10_000, 100)) is None
    assert here.check(price=10_001, qty=100, prior=(10_000, 100)) is not None


def test_limit_text_names_where_the_limit_was_set() -> None:
    from matching.commands import SetLimits

    here = Situation()
    here.ledger.limits = {0: SetLimits(1, 0, 50, 0, 0, 0), 1: SetLimits(1, 1, 80, 0, 0, 0)}
    here.line.take_limits()
    assert here.check() == (refusals.ORDER_QTY_MAX, "OrderQty(38) 100 exceeds order_qty_max 50 of account ACC1")
    here.ledger.limits[0] = SetLimits(1, 0, 0, 0, 0, 0)
    here.line.take_limits()
    assert here.check() == (refusals.ORDER_QTY_MAX, "OrderQty(38) 100 exceeds order_qty_max 80 of account ACC1 in AAPL")


# -- precedence -------------------------------------------------------------------------------------------------------


def kill(here: Situation) -> None:
    here.gates.sessions_killed[7] = "runaway"
    here.gates.renew()


def stop_acceptance(here: Situation) -> None:
    here.gates.accepting = False
    here.gates.acceptance_reason = "disk full"
    here.gates.renew()


def halt(here: Situation) -> None:
    here.instrument.set_phase("halted")


def forbid_side(here: Situation) -> None:
    here.line.sides = "sell"
    here.line.order_qty_max = 0


def limit_qty(here: Situation) -> None:
    here.line.order_qty_max = 99


def move_band(here: Situation) -> None:
    here.instrument.set_band(reference_price=20_000, band_bp=1_000)


def limit_value(here: Situation) -> None:
    here.line.order_value_max = 1


def limit_open_orders(here: Situation) -> None:
    here.line.open_orders_max = 0


def limit_position(here: Situation) -> None:
    here.line.position_max = 0


def cross_post_only(here: Situation) -> None:
    here.taken_price = 9_990


def spend_cash(here: Situation) -> None:
    here.line.cash.held = here.line.cash.amount


def limit_firm(here: Situation) -> None:
    """Nothing may be open in the accounts of the firm."""
    firm = Firm("FIRM1")
    firm.open_orders_max = 0
    here.line.firm = firm.line(here.line.instrument)


# The order of precedence; each row fails itself and, below, together with all that come after it.
FAULTS: list[tuple[str, Callable[[Situation], None], int, str]] = [
    # check, what is wrong, code, the text begins
    ("kill switch", kill, refusals.KILL_SWITCH_OF_SESSION, "kill switch of this session is engaged: runaway"),
    ("acceptance", stop_acceptance, refusals.NOT_ACCEPTING, "the exchange accepts no orders: disk full"),
    ("trading phase", halt, refusals.TRADING_PHASE, "trading phase of AAPL is halted"),
    (
        "permission",
        forbid_side,
        refusals.SIDE_NOT_PERMITTED,
        "Side(54) 1 is not permitted to account ACC1 in AAPL: sell",
    ),
    ("order quantity", limit_qty, refusals.ORDER_QTY_MAX, "OrderQty(38) 100 exceeds order_qty_max 99"),
    ("price band", move_band, refusals.PRICE_BAND, "Price(44) 100 is outside the price band 180 to 220"),
    (
        "order value",
        limit_value,
        refusals.ORDER_VALUE_MAX,
        "order value 10000 USD exceeds order_value_max 0.000001 USD",
    ),
    ("open orders", limit_open_orders, refusals.OPEN_ORDERS_MAX, "open orders 1 would exceed open_orders_max 0"),
    (
        "position",
        limit_position,
        refusals.POSITION_MAX,
        "long position 600 with open orders would exceed position_max 0",
    ),
    ("firm", limit_firm, refusals.FIRM_OPEN_ORDERS_MAX, "open orders 1 would exceed open_orders_max 0 of firm FIRM1"),
    ("post-only", cross_post_only, refusals.POST_ONLY_WOULD_TAKE, "post-only order at Price(44) 100 would take"),
    ("available cash", spend_cash, refusals.CASH, "order needs 10000 USD, available cash of account ACC1 is 0 USD"),
]


def test_the_table_is_the_stated_precedence() -> None:
    assert tuple(row[0] for row in FAULTS) == PRECEDENCE


@pytest.mark.parametrize("first", range(len(FAULTS)), ids=[row[0] for row in FAULTS])
def test_first_check_that_fails_answers(first: int) -> None:
    _, _, code, text = FAULTS[first]
    for faults in (FAULTS[first : first + 1], FAULTS[first:]):
        here = Situation()
        for _, break_it, _, _ in faults:
            break_it(here)
        refusal = here.check()
        assert refusal is not None
        assert refusal[0] == code
        assert refusal[1].startswith(text)


def test_widest_kill_switch_answers_first() -> None:
    here = Situation()
    kill(here)
    here.ledger.killed = "account stop"
    assert here.check() == (refusals.KILL_SWITCH_OF_ACCOUNT, "kill switch of account ACC1 is engaged: account stop")
    here.gates.market_killed = "market stop"
    assert here.check() == (refusals.KILL_SWITCH_OF_MARKET, "kill switch of the market is engaged: market stop")


def test_kill_switch_of_another_session_does_not_close() -> None:
    here = Situation()
    here.gates.sessions_killed[8] = "runaway"
    here.gates.renew()
    assert here.check() is None
