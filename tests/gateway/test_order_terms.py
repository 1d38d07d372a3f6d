"""Every term of an order is taken as it was meant, or refused with a code of its own; none is ignored."""

from typing import Any

import pytest

from gateway import inbound
from gateway.inbound import NOT_OFFERED, TERMS
from gateway.sessions import GatewaySession
from gateway.translation import Translator
from matching import refusals
from matching.codec import SessionState
from matching.commands import NewOrder, RefuseCancel, RefuseOrder, ReplaceOrder
from matching.terms import Terms
from tests.gateway.test_translation import AAPL, PERPETUAL, order, terms

DAY_END_NS = 86_400 * 10**9
EXPIRE_NS = 1_800_000_000 * 10**9
E8 = 100_000_000
STOP: dict[str, Any] = {"ord_type": "3", "price": None, "given": {99: 590 * E8}}
STOP_LIMIT: dict[str, Any] = {"ord_type": "4", "given": {99: 590 * E8}}
TOUCHED: dict[str, Any] = {"ord_type": "J", "price": None, "given": {99: 580 * E8}}
ICEBERG: dict[str, Any] = {"given": {111: 10 * E8}}
GTD: dict[str, Any] = {"tif": "6", "given": {126: EXPIRE_NS}}
BEST: dict[str, Any] = {"ord_type": "P", "price": None, "exec_inst": "R"}
TRAIL: dict[str, Any] = {"ord_type": "3", "price": None, "exec_inst": "a", "given": {211: 5 * E8}}
PERP: dict[str, Any] = {"symbol": "BTC-PERP", "price": 60_000 * E8, "qty": E8}


def session_with(**defaults: Any) -> GatewaySession:
    """An order entry session with these defaults."""
    state = SessionState(7, "FIX.4.4:OUTCRY->T", "T", 3, 0, 1, 3, 1, 0, 0, 0)
    return GatewaySession(
        state=state,
        begin_string="FIX.4.4",
        sender_comp_id="OUTCRY",
        target_comp_id="T",
        role="order_entry",
        accounts={"ACC1": 1},
        strict=True,
        **defaults,
    )


@pytest.fixture
def translator() -> Translator:
    """A translator that knows AAPL, a perpetual, and one date."""
    return Translator({"AAPL": AAPL, "BTC-PERP": PERPETUAL}, {"19700101": DAY_END_NS}.get)


def merged(base: dict[str, Any], given: dict[int, Any] | None = None, **changed: Any) -> tuple[Any, ...]:
    """Values of `base` with other fields and more terms; a term that is None is left out."""
    all_given = {**base.get("given", {}), **(given or {})}
    fields = {**base, **changed, "given": {tag: value for tag, value in all_given.items() if value is not None}}
    return order(**fields)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (merged(STOP), Terms(stop_price=59_000)),
        (merged(STOP, {99: None, 1102: 590 * E8, 1100: "4", 1107: "2", 1109: "U"}), Terms(stop_price=59_000)),
        (merged(STOP, {1102: 590 * E8}), Terms(stop_price=59_000)),
        (merged(STOP, {5951: "M"}), Terms(stop_price=59_000, trigger="mark")),
        (merged(STOP_LIMIT), Terms(stop_price=59_000)),
        (merged(TOUCHED, {1109: "D"}), Terms(stop_price=58_000)),
        (merged(ICEBERG), Terms(display_qty=10)),
        (merged(ICEBERG, {1138: 10 * E8}), Terms(display_qty=10)),
        (merged(ICEBERG, {111: None, 1138: 20 * E8, 1084: "1"}), Terms(display_qty=20)),
        (merged(GTD), Terms(expire_ns=EXPIRE_NS)),
        (merged(GTD, {126: None, 432: "19700101"}), Terms(expire_ns=DAY_END_NS)),
        (merged(BEST), Terms(peg="best")),
        (merged(BEST, {1094: "5", 211: -2 * E8}), Terms(peg="best", offset=-200)),
        (merged(BEST, exec_inst="M"), Terms(peg="mid")),
        (merged(BEST, {1094: "4"}, exec_inst=None), Terms(peg="opposite")),
        (merged(BEST, exec_inst="6 R"), Terms(peg="best")),
        (merged(TRAIL), Terms(peg="trail", offset=500)),
        (merged(TRAIL, {99: 590 * E8, 1094: "8"}), Terms(stop_price=59_000, peg="trail", offset=500)),
        (merged(STOP_LIMIT, {111: 5 * E8}), Terms(stop_price=59_000, display_qty=5)),
        (merged(PERP, exec_inst="E"), Terms(reduce_only=True)),
        (merged(PERP, exec_inst="6 E"), Terms(reduce_only=True)),
        (merged({}, {2362: "desk"}), Terms(self_match_id="desk", self_match_mode="newest")),
        (merged({}, {2362: "desk", 2964: "3"}), Terms(self_match_id="desk", self_match_mode="both")),
        (merged({}, {2362: "desk", 2964: "4"}), Terms(self_match_id="desk", self_match_mode="decrement")),
        (merged({}, {5952: 600 * E8, 5953: 570 * E8}), Terms(take_profit=60_000, stop_loss=57_000)),
        (merged({}, {5953: 570 * E8, 5951: "M"}), Terms(stop_loss=57_000, trigger="mark")),
        (merged({}, {583: "pair"}), Terms(link_id="pair")),
        (merged({"tif": "2"}), None),
        (merged({"tif": "7", "ord_type": "1", "price": None}), None),
        (merged({}, {15: "USD", 63: "0", 423: "2", 854: "0"}), None),
    ],
)
def test_terms_are_taken_as_they_were_meant(translator: Translator, values: Any, expected: Terms | None) -> None:
    command = translator.new_order(session_with(), 5, False, values)
    assert isinstance(command, NewOrder), command
    assert command.terms == expected
    assert (command.ord_type, command.time_in_force) == (values[4], values[7] or "0")


REFUSED: list[tuple[tuple[Any, ...], int, str]] = [
    (merged(STOP, {99: None}), refusals.STOP_PRICE_ABSENT, "StopPx(99)"),
    (merged(STOP_LIMIT, {99: None}), refusals.STOP_PRICE_ABSENT, "OrdType(40) 4"),
    (merged(TOUCHED, {99: None}), refusals.STOP_PRICE_ABSENT, "OrdType(40) J"),
    (merged({}, {99: 590 * E8}), refusals.STOP_PRICE_WITHOUT_STOP, "StopPx(99) 590 on OrdType(40) 2"),
    (merged(BEST, {99: 590 * E8}), refusals.STOP_PRICE_WITHOUT_STOP, "StopPx(99) 590"),
    (merged({}, {1107: "2"}), refusals.STOP_PRICE_WITHOUT_STOP, "TriggerPriceType(1107) 2"),
    (merged({}, {1100: "4"}), refusals.STOP_PRICE_WITHOUT_STOP, "TriggerType(1100) 4"),
    (merged({}, {1109: "U"}), refusals.STOP_PRICE_WITHOUT_STOP, "TriggerPriceDirection(1109) U"),
    (merged({}, {5951: "M"}), refusals.STOP_PRICE_WITHOUT_STOP, "TriggerBasis(5951) M"),
    (merged(STOP, {1102: 591 * E8}), refusals.STOP_PRICES_DIFFER, "590 and TriggerPrice(1102) 591"),
    (merged(STOP, {1100: "1"}), refusals.TRIGGER_NOT_OFFERED, "TriggerType(1100) 1 is not offered, allowed: 4"),
    (merged(STOP, {1107: "1"}), refusals.TRIGGER_NOT_OFFERED, "TriggerPriceType(1107) 1"),
    (merged(STOP, {1107: "2", 5951: "M"}), refusals.TRIGGER_NOT_OFFERED, "TriggerBasis(5951) M"),
    (merged(STOP, {1109: "D"}), refusals.TRIGGER_NOT_OFFERED, "allowed: U"),
    (merged(TOUCHED, {1109: "U"}), refusals.TRIGGER_NOT_OFFERED, "allowed: D"),
    (merged(STOP, side="2", given={1109: "U"}), refusals.TRIGGER_NOT_OFFERED, "allowed: D"),
    (merged(STOP, {99: "1" * 30}), refusals.STOP_PRICE_NO_NUMBER, "is not a number"),
    (merged(STOP, {99: 0}), refusals.STOP_PRICE_NOT_POSITIVE, "StopPx(99) 0 is not positive"),
    (merged(STOP, {99: 59_000_500_000}), refusals.STOP_PRICE_OFF_TICK, "590.005 is not a multiple of the tick 0.01"),
    (merged(STOP, price=590 * E8), refusals.PRICE_ON_MARKET_ORDER, "Price(44) 590 on OrdType(40) 3"),
    (merged(TOUCHED, price=590 * E8), refusals.PRICE_ON_MARKET_ORDER, "Price(44) 590 on OrdType(40) J"),
    (merged(STOP_LIMIT, price=None), refusals.PRICE_ABSENT, "Price(44) is absent on OrdType(40) 4"),
    (merged(STOP, tif="3"), refusals.TIME_IN_FORCE_NOT_WITH_ORD_TYPE, "allowed: 0, 1, 6"),
    (merged(STOP_LIMIT, tif="4"), refusals.TIME_IN_FORCE_NOT_WITH_ORD_TYPE, "TimeInForce(59) 4 with OrdType(40) 4"),
    (merged(BEST, tif="7"), refusals.TIME_IN_FORCE_NOT_WITH_ORD_TYPE, "TimeInForce(59) 7 with OrdType(40) P"),
    (merged(GTD, ord_type="1", price=None), refusals.TIME_IN_FORCE_NOT_WITH_ORD_TYPE, "TimeInForce(59) 6"),
    (merged(ICEBERG, {111: 101 * E8}), refusals.DISPLAY_QTY_OVER_QTY, "MaxFloor(111) 101 is above OrderQty(38) 100"),
    (merged(ICEBERG, {111: 150_000_000}), refusals.DISPLAY_QTY_OFF_LOT, "not a multiple of the lot 1 of AAPL"),
    (merged(ICEBERG, {111: 0}), refusals.DISPLAY_QTY_NOT_POSITIVE, "MaxFloor(111) 0 is not positive"),
    (merged(ICEBERG, {111: "9" * 40}), refusals.DISPLAY_QTY_NO_NUMBER, "is not a number"),
    (merged(ICEBERG, {1138: 11 * E8}), refusals.DISPLAY_QTYS_DIFFER, "DisplayQty(1138) 11 differ"),
    (merged(ICEBERG, tif="3"), refusals.DISPLAY_QTY_NOT_OFFERED, "TimeInForce(59) 3"),
    (merged(ICEBERG, ord_type="1", price=None), refusals.DISPLAY_QTY_NOT_OFFERED, "OrdType(40) 1"),
    (merged(GTD, {126: None}), refusals.EXPIRE_TIME_ABSENT, "ExpireTime(126) or ExpireDate(432) is absent"),
    (merged(GTD, tif="1"), refusals.EXPIRE_TIME_WITHOUT_GTD, "ExpireTime(126) with TimeInForce(59) 1"),
    (merged({}, {432: "19700101"}), refusals.EXPIRE_TIME_WITHOUT_GTD, "ExpireDate(432) with TimeInForce(59) 0"),
    (merged(GTD, {432: "19700101"}), refusals.EXPIRE_TIME_TWICE, "both ExpireTime(126) and ExpireDate(432)"),
    (merged(GTD, {126: "20261131-00:00:00"}), refusals.EXPIRE_TIME_NO_TIME, "20261131-00:00:00 is no time"),
    (merged(GTD, {126: None, 432: "20269999"}), refusals.EXPIRE_TIME_NO_TIME, "ExpireDate(432) 20269999 is no date"),
    (merged({"exec_inst": "6", "tif": "3"}), refusals.POST_ONLY_ON_TAKING_ORDER, "post-only"),
    (merged({"exec_inst": "6", "tif": "7"}), refusals.POST_ONLY_ON_TAKING_ORDER, "TimeInForce(59) 7"),
    (merged({"exec_inst": "6", "ord_type": "1", "price": None}), refusals.EXEC_INST_NOT_OFFERED, "ExecInst(18) 6"),
    (merged(STOP_LIMIT, exec_inst="6"), refusals.EXEC_INST_NOT_OFFERED, "ExecInst(18) 6 with OrdType(40) 4"),
    (merged({"exec_inst": "6 G"}), refusals.EXEC_INST_NOT_OFFERED, "ExecInst(18) 6 G"),
    (merged({"exec_inst": "E"}), refusals.REDUCE_ONLY_NOT_OFFERED, "on AAPL, which has no positions"),
    (merged({"exec_inst": "R"}), refusals.PEG_NOT_EXPRESSIBLE, "ExecInst(18) R on OrdType(40) 2"),
    (merged({}, {211: E8}), refusals.PEG_NOT_EXPRESSIBLE, "PegOffsetValue(211) 1 on OrdType(40) 2"),
    (merged({}, {1094: "5"}), refusals.PEG_NOT_EXPRESSIBLE, "PegPriceType(1094) 5 on OrdType(40) 2"),
    (merged(BEST, exec_inst=None), refusals.PEG_NOT_EXPRESSIBLE, "is absent on a pegged order"),
    (merged(BEST, {1094: "7"}), refusals.PEG_NOT_EXPRESSIBLE, "PegPriceType(1094) 7 is not offered"),
    (merged(BEST, exec_inst="R M"), refusals.PEG_CONTRADICTS, "ExecInst(18) R and ExecInst(18) M"),
    (merged(TRAIL, ord_type="P"), refusals.PEG_NOT_EXPRESSIBLE, "not a trailing stop, which has OrdType(40) 3"),
    (merged(STOP, exec_inst="R"), refusals.PEG_NOT_EXPRESSIBLE, "ExecInst(18) R on OrdType(40) 3, which is not pegged"),
    (merged(BEST, {1094: "2"}), refusals.PEG_CONTRADICTS, "ExecInst(18) R and PegPriceType(1094) 2"),
    (merged(BEST, {836: "1"}), refusals.TERM_NOT_OFFERED, "PegOffsetType(836) 1 is not offered, allowed: 0"),
    (merged(TRAIL, {211: None}), refusals.TRAIL_OFFSET_ABSENT, "PegOffsetValue(211) is absent"),
    (merged(TRAIL, {211: 0}), refusals.TRAIL_OFFSET_NOT_POSITIVE, "PegOffsetValue(211) 0"),
    (merged(TRAIL, {211: 500_000}), refusals.PEG_OFFSET_OFF_TICK, "0.005 is not a multiple of the tick"),
    (merged(BEST, {211: "9" * 40}), refusals.PEG_OFFSET_NO_NUMBER, "is not a number"),
    (merged({}, {5952: 0}), refusals.BRACKET_PRICE_NOT_POSITIVE, "TakeProfitPx(5952) 0 is not positive"),
    (merged({}, {5953: 500_000}), refusals.BRACKET_PRICE_OFF_TICK, "StopLossPx(5953) 0.005 is not a multiple"),
    (merged({}, {5953: "x"}), refusals.BRACKET_PRICE_NO_NUMBER, "StopLossPx(5953) x is not a number"),
    (merged({}, {5952: 600 * E8, 5951: "M"}), refusals.STOP_PRICE_WITHOUT_STOP, "TriggerBasis(5951) M"),
    (merged({}, {583: "x" * 65}), refusals.CL_ORD_ID_TOO_LONG, "ClOrdLinkID(583) has 65 characters, allowed: 64"),
    (merged({}, {583: "x", 5952: 600 * E8}), refusals.LIST_NOT_EXPRESSIBLE, "ClOrdLinkID(583) x"),
    (merged({}, {2964: "1"}), refusals.SELF_MATCH_ID_ABSENT, "without SelfMatchPreventionID(2362)"),
    (merged({}, {2362: "x" * 65}), refusals.SELF_MATCH_ID_TOO_LONG, "has 65 characters, allowed: 64"),
    (merged({}, {2362: "x", 2964: "9"}), refusals.SELF_MATCH_INSTRUCTION_NOT_OFFERED, "allowed: 1, 2, 3, 4"),
]


@pytest.mark.parametrize(("values", "code", "text"), REFUSED)
def test_terms_that_contradict_or_are_missing_are_refused(
    translator: Translator, values: tuple[Any, ...], code: int, text: str
) -> None:
    command = translator.new_order(session_with(), 5, False, values)
    assert isinstance(command, RefuseOrder), command
    assert command.code == code, command
    assert text in command.text
    assert command.reason == refusals.ord_rej_reason(code)


@pytest.mark.parametrize(("values", "code", "text"), REFUSED)
def test_a_replace_refuses_what_an_order_refuses(
    translator: Translator, values: tuple[Any, ...], code: int, text: str
) -> None:
    cl_ord_id, account, symbol, side, *kind, given = values
    replace = (cl_ord_id, "a", None, symbol, side, *kind, account, given)
    command = translator.replace_order(session_with(), 5, False, replace)
    assert isinstance(command, RefuseCancel), command
    assert command.code == code
    assert text in command.text


def test_a_replace_brings_no_legs(translator: Translator) -> None:
    values = ("c", "a", None, "AAPL", "1", "2", 586 * E8, 50 * E8, "0", None, None, terms({5952: 600 * E8}))
    command = translator.replace_order(session_with(), 6, False, values)
    assert isinstance(command, RefuseCancel)
    assert command.code == refusals.TERM_NOT_REPLACEABLE


def test_a_replace_takes_the_terms_of_an_order(translator: Translator) -> None:
    values = ("c", "a", None, "AAPL", "1", "2", 586 * E8, 50 * E8, "6", "6", None, terms({111: 5 * E8, 126: EXPIRE_NS}))
    assert translator.replace_order(session_with(), 6, False, values) == ReplaceOrder(
        7, 3, 6, "c", "a", 0, 1, "1", "2", "6", 58_600, 50, True, False, Terms(display_qty=5, expire_ns=EXPIRE_NS)
    )


@pytest.mark.parametrize("term", list(NOT_OFFERED.values()), ids=lambda term: term.name)
def test_no_field_that_changes_the_meaning_is_ignored(translator: Translator, term: inbound.Term) -> None:
    command = translator.new_order(session_with(), 5, False, order({term.tag: "WRONG"}))
    assert isinstance(command, RefuseOrder)
    assert command.code == refusals.TERM_NOT_OFFERED
    assert f"{term.name}({term.tag}) WRONG is not offered" in command.text


@pytest.mark.parametrize("term", [term for term in TERMS if term.kind], ids=lambda term: term.name)
def test_no_term_that_is_offered_is_ignored_on_a_plain_order(translator: Translator, term: inbound.Term) -> None:
    """Each either is refused on a plain limit order or changes the command."""
    plain = translator.new_order(session_with(), 5, False, order())
    given = {"d": 10 * E8, "u": EXPIRE_NS}.get(term.kind, "2")
    assert translator.new_order(session_with(), 5, False, order({term.tag: given})) != plain


def test_a_pegged_order_may_have_a_limit(translator: Translator) -> None:
    command = translator.new_order(session_with(), 5, False, merged(BEST, price=590 * E8))
    assert isinstance(command, NewOrder)
    assert (command.price, command.terms) == (59_000, Terms(peg="best"))


def test_the_session_says_what_triggers_where_the_order_does_not(translator: Translator) -> None:
    session = session_with(trigger="mark")
    by_default = translator.new_order(session, 5, False, merged(STOP))
    by_order = translator.new_order(session, 5, False, merged(STOP, {1107: "2"}))
    assert isinstance(by_default, NewOrder)
    assert isinstance(by_order, NewOrder)
    assert by_default.terms == Terms(stop_price=59_000, trigger="mark")
    assert by_order.terms == Terms(stop_price=59_000)


def test_self_match_prevention_of_a_session_is_on_every_order_that_has_none_of_its_own(translator: Translator) -> None:
    session = session_with(self_match_id="firm", self_match_mode="oldest")
    plain = translator.new_order(session, 5, False, order())
    own = translator.new_order(session, 5, False, order({2362: "desk", 2964: "1"}))
    iceberg = translator.new_order(session, 5, False, merged(ICEBERG, {2964: "3"}))
    assert isinstance(plain, NewOrder)
    assert isinstance(own, NewOrder)
    assert isinstance(iceberg, NewOrder)
    assert plain.terms == Terms(self_match_id="firm", self_match_mode="oldest")
    assert own.terms == Terms(self_match_id="desk", self_match_mode="newest")
    assert iceberg.terms == Terms(display_qty=10, self_match_id="firm", self_match_mode="both")


def test_terms_are_listed_once_in_ascending_order() -> None:
    tags = [term.tag for term in TERMS]
    assert tags == sorted(set(tags))
