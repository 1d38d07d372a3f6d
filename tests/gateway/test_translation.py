"""Every message becomes a command, also the wrong ones; the fault's text names what was found and what is allowed."""

from typing import Any

import pytest

from gateway.inbound import NO_TERMS, TERM_TAGS
from gateway.sessions import GatewaySession
from gateway.translation import Translator, order_id_of
from matching.codec import SessionState
from matching.commands import CancelOrder, NewOrder, RefuseCancel, RefuseOrder, ReplaceOrder, RequestStatus
from matching.instrument import Instrument

AAPL = Instrument(
    instrument_id=1,
    symbol="AAPL",
    kind="spot",
    currency="USD",
    tick_e8=1_000_000,
    lot_e8=100_000_000,
    tick_lot_value=10_000,
    reference_price=58_500,
    band_bp=5_000,
)


PERPETUAL = Instrument(
    instrument_id=2,
    symbol="BTC-PERP",
    kind="perpetual",
    currency="USD",
    tick_e8=50_000_000,
    lot_e8=100_000,
    tick_lot_value=500,
    reference_price=120_000,
    band_bp=5_000,
)


@pytest.fixture
def session() -> GatewaySession:
    """An order entry session with two accounts."""
    state = SessionState(7, "FIX.4.4:OUTCRY->T", "T", 3, 0, 1, 3, 1, 0, 0, 0)
    return GatewaySession(
        state=state,
        begin_string="FIX.4.4",
        sender_comp_id="OUTCRY",
        target_comp_id="T",
        role="order_entry",
        accounts={"ACC1": 1, "ACC2": 2},
        strict=True,
    )


@pytest.fixture
def translator() -> Translator:
    """A translator that knows AAPL."""
    return Translator(
        {"AAPL": AAPL, "BTC-PERP": PERPETUAL}, lambda text: 86_400 * 10**9 if text == "19700101" else None
    )


def terms(given: dict[int, Any]) -> tuple[Any, ...] | None:
    """Values of the terms given, by tag, as the wire gives them."""
    assert set(given) <= set(TERM_TAGS)
    return tuple(given.get(tag) for tag in TERM_TAGS) if given else NO_TERMS


def order(given: dict[int, Any] | None = None, **changed: Any) -> tuple[Any, ...]:
    """Values of a NewOrderSingle(D) as the wire gives them; `given` are its terms by tag."""
    values = {
        "cl_ord_id": "a",
        "account": None,
        "symbol": "AAPL",
        "side": "1",
        "ord_type": "2",
        "price": 58_500_000_000,
        "qty": 10_000_000_000,
        "tif": None,
        "exec_inst": None,
    }
    return (*{**values, **changed}.values(), terms(given or {}))


def test_a_limit_order_becomes_ticks_and_lots(translator: Translator, session: GatewaySession) -> None:
    command = translator.new_order(session, 5, False, order(account="ACC2", exec_inst="6", tif="1"))
    assert command == NewOrder(7, 3, 5, False, "a", 2, 1, "1", "2", "1", 58_500, 100, True)


def test_a_market_order_has_no_price(translator: Translator, session: GatewaySession) -> None:
    command = translator.new_order(session, 5, True, order(ord_type="1", price=None, tif="3"))
    assert command == NewOrder(7, 3, 5, True, "a", 1, 1, "1", "1", "3", 0, 100)


@pytest.mark.parametrize(
    ("changed", "reason", "text"),
    [
        ({"symbol": "NONE"}, 1, "Symbol(55) NONE is not traded here"),
        ({"symbol": None}, 1, "Symbol(55) absent is not traded here"),
        ({"account": "ACC9"}, 15, "Account(1) ACC9 is not one of T"),
        ({"side": "5"}, 11, "Side(54) 5 is not offered, allowed: 1, 2"),
        ({"ord_type": "9"}, 11, "OrdType(40) 9 is not offered, allowed: 1, 2, 3, 4, J, P"),
        ({"tif": "5"}, 11, "TimeInForce(59) 5 is not offered, allowed: 0, 1, 2, 3, 4, 6, 7"),
        (
            {"exec_inst": "G"},
            11,
            "ExecInst(18) G with OrdType(40) 2 is not offered, allowed: 6 on a limit or pegged order, E, R, M, P on a "
            "pegged order, a on a stop order",
        ),
        ({"given": {110: "10"}}, 11, "MinQty(110) 10 is not offered"),
        ({"given": {15: "EUR"}}, 11, "Currency(15) EUR is not offered, allowed: USD"),
        ({"given": {63: "1"}}, 11, "SettlType(63) 1 is not offered, allowed: 0"),
        ({"qty": 0}, 13, "OrderQty(38) 0 is not positive"),
        ({"qty": -100_000_000}, 13, "OrderQty(38) -1 is not positive"),
        ({"qty": 150_000_000}, 13, "OrderQty(38) 1.5 is not a multiple of the lot 1 of AAPL"),
        ({"qty": "1e5"}, 13, "OrderQty(38) 1e5 is not a number that can be traded"),
        ({"qty": None}, 13, "OrderQty(38) is absent"),
        ({"price": 58_500_500_000}, 18, "Price(44) 585.005 is not a multiple of the tick 0.01 of AAPL"),
        ({"price": 0}, 18, "Price(44) 0 is not positive"),
        ({"price": "NaN"}, 18, "Price(44) NaN is not a number that can be traded"),
        ({"price": None}, 11, "Price(44) is absent on OrdType(40) 2"),
        ({"ord_type": "1"}, 11, "Price(44) 585 on OrdType(40) 1, which has no limit"),
    ],
)
def test_what_cannot_be_expressed_is_refused_with_reason_and_text(
    translator: Translator, session: GatewaySession, changed: dict[str, Any], reason: int, text: str
) -> None:
    command = translator.new_order(session, 5, False, order(**changed))
    assert isinstance(command, RefuseOrder)
    assert (command.reason, command.text, command.cl_ord_id, command.msg_seq_num) == (reason, text, "a", 5)


def test_a_cl_ord_id_over_its_bound_is_refused(translator: Translator, session: GatewaySession) -> None:
    command = translator.new_order(session, 5, False, order(cl_ord_id="x" * 65))
    assert isinstance(command, RefuseOrder)
    assert command.text == "ClOrdID(11) has 65 characters, allowed: 64"


def test_a_cancel_names_its_order_by_either_id(translator: Translator, session: GatewaySession) -> None:
    by_client = translator.cancel_order(session, 6, False, ("c", "a", None, "AAPL", "1"))
    by_order = translator.cancel_order(session, 6, False, ("c", "x", "O12", "NONE", "1"))
    assert by_client == CancelOrder(7, 3, 6, "c", "a", 0, 1, "1")
    assert by_order == CancelOrder(7, 3, 6, "c", "x", 12, -1, "1")


def test_a_replace_that_cannot_be_expressed_is_a_refusal_of_the_replace(
    translator: Translator, session: GatewaySession
) -> None:
    good = ("c", "a", None, "AAPL", "1", "2", 58_600_000_000, 5_000_000_000, "0", None, None, NO_TERMS)
    bad = (*good[:6], 58_600_500_000, *good[7:])
    assert translator.replace_order(session, 6, False, good) == ReplaceOrder(
        7, 3, 6, "c", "a", 0, 1, "1", "2", "0", 58_600, 50
    )
    refused = translator.replace_order(session, 6, False, bad)
    assert isinstance(refused, RefuseCancel)
    assert (refused.response_to, refused.text) == ("2", "Price(44) 586.005 is not a multiple of the tick 0.01 of AAPL")


def test_a_status_request_echoes_its_id(translator: Translator, session: GatewaySession) -> None:
    command = translator.request_status(session, 8, ("a", "O5", "AAPL", "1", "q"))
    assert command == RequestStatus(7, 3, 8, "a", 5, "q", "AAPL", "1")


@pytest.mark.parametrize(
    ("text", "order_id"),
    [(None, 0), ("", 0), ("NONE", 0), ("O7", 7), ("7", -1), ("O", -1), ("O-1", -1), ("O٣", -1), ("O0", -1)],
)
def test_order_id_text_names_an_order_or_none(text: str | None, order_id: int) -> None:
    assert order_id_of(text) == order_id


def test_possible_resends_of_requests_say_so(translator: Translator, session: GatewaySession) -> None:
    good = ("c", "a", None, "AAPL", "1", "2", 58_600_000_000, 5_000_000_000, "0", None, None, NO_TERMS)
    canceled = translator.cancel_order(session, 6, True, ("c", "a", None, "AAPL", "1"))
    replaced = translator.replace_order(session, 6, True, good)
    assert isinstance(canceled, CancelOrder)
    assert isinstance(replaced, ReplaceOrder)
    assert canceled.poss_resend
    assert replaced.poss_resend


@pytest.mark.parametrize("side", [None, "5", ""])
def test_a_cancel_with_a_side_that_is_not_offered_is_refused_before_it_is_journaled(
    translator: Translator, session: GatewaySession, side: str | None
) -> None:
    command = translator.cancel_order(session, 6, False, ("c", "a", None, None, side))
    assert isinstance(command, RefuseCancel)
    assert command.text == f"Side(54) {side or 'absent'} is not offered, allowed: 1, 2"


def test_a_cancel_may_leave_out_the_symbol(translator: Translator, session: GatewaySession) -> None:
    command = translator.cancel_order(session, 6, False, ("c", "a", None, None, "1"))
    assert command == CancelOrder(7, 3, 6, "c", "a", 0, 0, "1")


def test_the_instruments_own_currency_may_be_named(translator: Translator, session: GatewaySession) -> None:
    assert isinstance(translator.new_order(session, 5, False, order({15: "USD"})), NewOrder)
