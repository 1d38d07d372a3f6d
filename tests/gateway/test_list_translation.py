"""A NewOrderList(E) becomes a list of orders, or a refusal of every one of them with a code for the list."""

from typing import Any

import msgspec
import pytest

from gateway.inbound import LIST_TERMS, TERM_TAGS
from gateway.list_translation import ORDERS_MAX, new_order_list
from gateway.sessions import GatewaySession
from gateway.translation import Translator
from matching import codec, refusals
from matching.codec import SessionState
from matching.commands import Command, NewOrderList, RefuseOrderList
from matching.terms import Terms
from matching.types import E8
from tests.gateway.test_translation import AAPL, PERPETUAL

INSTRUMENTS = {"AAPL": AAPL, "BTC-PERP": PERPETUAL}


def entry(number: str | None, name: str, side: str = "2", **more: Any) -> tuple[Any, ...]:
    """What the wire gives for one order of a list: a limit order, or what `more` says of it."""
    given = {"account": None, "symbol": "AAPL", "type": "2", "price": 590 * E8, "qty": 20 * E8, "terms": {}} | more
    plain = (name, given["account"], given["symbol"], side, given["type"], given["price"], given["qty"], None, None)
    return (number, *plain, *(given["terms"].get(tag) for tag in TERM_TAGS))


def stop(number: str, name: str) -> tuple[Any, ...]:
    """A stop to sell at 580.00."""
    return entry(number, name, type="3", price=None, terms={99: 580 * E8})


OCO = (entry("1", "p"), stop("2", "l"))


def read(
    orders: tuple[Any, ...] = OCO,
    *,
    list_id: str | None = "L1",
    exec_inst: str | None = "OCO",
    contingency: str | None = None,
    total: str | None = None,
    poss_resend: bool = False,
    **terms: str,
) -> Command:
    """Translate a list; `terms` are those of the list, by name."""
    more = [terms.get(term.name, "3" if term.name == "BidType" else None) for term in LIST_TERMS]
    values = (list_id, exec_inst, contingency, str(len(orders)) if total is None else total, *more, orders)
    session = GatewaySession(
        state=SessionState(1, "FIX.4.4:OUTCRY->T", "T", 1, 0, 1, 1, 1, 0, 0, 0),
        begin_string="FIX.4.4",
        sender_comp_id="OUTCRY",
        target_comp_id="T",
        role="order_entry",
        accounts={"ACC1": 1},
        strict=True,
    )
    translator = Translator(INSTRUMENTS, lambda _: None)
    return new_order_list(translator, session, 7, poss_resend, values)


def test_list_becomes_its_orders_in_the_order_of_their_numbers() -> None:
    command = read((stop("2", "l"), entry("1", "p")), poss_resend=True)
    assert isinstance(command, NewOrderList)
    assert (command.list_id, command.kind, command.poss_resend) == ("L1", "oco", True)
    profit, loss = command.orders
    assert (profit.cl_ord_id, profit.price, profit.qty, profit.terms) == ("p", 59_000, 20, None)
    assert (loss.cl_ord_id, loss.ord_type, loss.terms) == ("l", "3", Terms(stop_price=58_000))
    assert all(each.msg_seq_num == 7 and each.poss_resend for each in command.orders)
    assert codec.decode_commands(codec.encode_commands([command])) == [command]


@pytest.mark.parametrize(
    ("said", "count", "kind"),
    [
        ({"exec_inst": "OCO"}, 2, "oco"),
        ({"exec_inst": None, "contingency": "1"}, 2, "oco"),
        ({"exec_inst": "OTO"}, 2, "oto"),
        ({"exec_inst": "OTO", "contingency": "2"}, 3, "bracket"),
        ({"exec_inst": None, "contingency": "2"}, 3, "bracket"),
    ],
)
def test_kind_is_what_either_field_says_and_how_many_orders_there_are(
    said: dict[str, Any], count: int, kind: str
) -> None:
    command = read(tuple(entry(str(number), f"o{number}") for number in range(1, count + 1)), **said)
    assert isinstance(command, NewOrderList)
    assert command.kind == kind


LONG = "L" * 65
FAULTS: list[tuple[dict[str, Any], int, str]] = [
    ({"list_id": None}, refusals.LIST_ID_ABSENT, "ListID(66) is absent"),
    ({"list_id": LONG}, refusals.LIST_ID_TOO_LONG, "has 65 characters, allowed: 64"),
    ({"exec_inst": None}, refusals.CONTINGENCY_NOT_OFFERED, "ListExecInst(69) is absent"),
    ({"exec_inst": "oco"}, refusals.CONTINGENCY_NOT_OFFERED, "ListExecInst(69) oco"),
    ({"exec_inst": None, "contingency": "3"}, refusals.CONTINGENCY_NOT_OFFERED, "ContingencyType(1385) 3"),
    ({"contingency": "2"}, refusals.CONTINGENCY_NOT_OFFERED, "ListExecInst(69) OCO and ContingencyType(1385) 2 differ"),
    ({"total": "3"}, refusals.LIST_COUNTS_DIFFER, "TotNoOrders(68) 3, found 2 orders"),
    ({"orders": ()}, refusals.LIST_NOT_EXPRESSIBLE, "NoOrders(73) is absent or 0"),
    ({"orders": (OCO[0], stop("3", "l"))}, refusals.LIST_COUNTS_DIFFER, "ListSeqNo(67) 1, 3, expected each of 1 to 2"),
    ({"orders": (OCO[0], stop("1", "l"))}, refusals.LIST_COUNTS_DIFFER, "ListSeqNo(67) 1, 1"),
    ({"orders": (entry(None, "p"),)}, refusals.LIST_COUNTS_DIFFER, "ListSeqNo(67) absent"),
    ({"BidType": "1"}, refusals.TERM_NOT_OFFERED, "BidType(394) 1 is not offered on a list, allowed: 3"),
    ({"LastFragment": "N"}, refusals.TERM_NOT_OFFERED, "LastFragment(893) N"),
    ({"TakeProfitPx": "600"}, refusals.TERM_NOT_OFFERED, "TakeProfitPx(5952) 600 is not offered on a list"),
    ({"orders": (OCO[0], entry("2", "m", symbol="BTC-PERP"))}, refusals.LIST_NOT_EXPRESSIBLE, "another symbol"),
    ({"orders": (OCO[0], entry("2", "m", account="ACC9"))}, refusals.UNKNOWN_ACCOUNT, "Account(1) ACC9"),
    ({"orders": (OCO[0], entry("2", "m", price=E8 // 1000))}, refusals.PRICE_OFF_TICK, "0.001 is not a multiple"),
    ({"orders": (OCO[0], entry("2", "m", terms={110: "5"}))}, refusals.TERM_NOT_OFFERED, "MinQty(110) 5"),
    ({"orders": (OCO[0], entry("2", ""))}, refusals.CL_ORD_ID_ABSENT, "ClOrdID(11) is absent"),
]


@pytest.mark.parametrize(("said", "code", "text"), FAULTS)
def test_fault_refuses_every_order_and_the_list_says_the_code(said: dict[str, Any], code: int, text: str) -> None:
    command = read(**said)
    assert isinstance(command, RefuseOrderList)
    assert command.code == code
    assert text in command.text
    assert len(command.orders) == len(said.get("orders", OCO))
    assert {order.code for order in command.orders} <= {code, refusals.LIST_REFUSED}
    assert codec.decode_commands(codec.encode_commands([command])) == [command]


def test_list_that_is_far_too_long_is_not_read_to_its_end() -> None:
    command = read(tuple(entry(str(number), f"o{number}") for number in range(1, 1_000)))
    assert isinstance(command, RefuseOrderList)
    assert (command.code, len(command.orders)) == (refusals.LIST_TOO_LONG, ORDERS_MAX)
    assert "more than 16 orders found" in command.text


def test_terms_that_hold_anyway_are_taken() -> None:
    assert isinstance(read(LastFragment="Y", ListExecInstType="1", CancellationRights="N"), NewOrderList)


def test_order_with_a_fault_says_it_and_the_others_say_the_list() -> None:
    command = read((OCO[0], entry("2", "bad", symbol="NOSUCH")))
    assert isinstance(command, RefuseOrderList)
    assert [(order.cl_ord_id, order.code) for order in command.orders] == [
        ("p", refusals.LIST_REFUSED),
        ("bad", refusals.UNKNOWN_SYMBOL),
    ]
    assert command.orders[0].text == f"refused with its list L1: {command.text}"
    assert command.orders[0] == msgspec.structs.replace(command.orders[0], price="590", qty="20", symbol="AAPL")
