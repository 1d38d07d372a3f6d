"""ListStatus(N) in every version: what its stock dictionary knows, in the order in which the group has it."""

from xml.etree import ElementTree

import pytest

from gateway.list_reports import list_status
from gateway.reports import ReportWriter
from gateway.sessions import FIX42, FIX44, FIX44_EXTENDED, FIX50SP2, Version
from matching import refusals
from matching.events import ListedOrder, OrderListAnswered
from tests.gateway.test_stock_dictionaries import JUDGES
from tests.gateway.test_translation import AAPL
from tests.support.sessions import gateway_session
from tests.support.stock_dictionaries import without_additions

NAMES: dict[Version, str] = {FIX42: "FIX42", FIX44: "FIX44", FIX44_EXTENDED: "FIX44", FIX50SP2: "FIX50SP2"}
OPEN = ListedOrder("a", "1", 10, 10, 0, 585_010, 1)
CANCELED = ListedOrder("b", "4", 0, 0, 20, 0, 1)
FILLED = ListedOrder("c", "2", 20, 0, 0, 1_170_000, 1)
REFUSED = ListedOrder("d", "8")


@pytest.fixture
def reports() -> ReportWriter:
    """A writer that knows AAPL."""
    return ReportWriter({1: AAPL}, {})


def group_of(root: ElementTree.Element) -> list[str]:
    """Return the tags of the orders in a ListStatus(N), in the dictionary's order."""
    numbers = {field.get("name"): field.get("number", "") for field in root.findall("fields/field")}
    group = root.find("messages/message[@msgtype='N']/group[@name='NoOrders']")
    if group is None:
        group = root.find("components/component[@name='OrdListStatGrp']/group")
    assert group is not None
    return [numbers[field.get("name")] for field in group.findall("field")]


def parts(body: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the fields before the group with its count, and those of the group."""
    head, _, rest = body.partition("\x0173=")
    count, _, group = rest.partition("\x01")
    pairs = [tuple(field.split("=", 1)) for field in group.split("\x01")[:-1]]
    return f"{head}\x0173={count}\x01", [(tag, value) for tag, value in pairs]


EVENTS = [
    OrderListAnswered(1, 7, "L1", (1, 2), kind="oco", orders=(OPEN, CANCELED)),
    OrderListAnswered(1, 7, "L1", (1, 2, 3), kind="bracket", orders=(FILLED, CANCELED, OPEN), is_status=True),
    *(
        OrderListAnswered(1, 7, "L1", (), "why", code, kind="", orders=(REFUSED,))
        for code in refusals.TABLE
        if code // 10_000 == 1
    ),
]


@pytest.mark.parametrize("version", list(NAMES))
def test_list_status_is_one_of_the_stock_dictionary(reports: ReportWriter, version: Version) -> None:
    known = group_of(without_additions(NAMES[version]))
    for event in EVENTS:
        session = gateway_session(1)
        message = reports.message(event, session)
        assert message is not None
        assert message[0] == "N"
        head, group = parts(_body(reports, event, version))
        assert JUDGES[version].faults("N", head) == [], (event, head.replace("\x01", "|"))
        orders = _entries(group)
        assert len(orders) == len(event.orders)
        for order in orders:
            places = [known.index(tag) for tag in order]
            assert places == sorted(places)
            assert {"11", "14", "39", "151", "84", "6"} == set(order)
            assert all(value in (JUDGES[version].values(int(tag)) or {value}) for tag, value in order.items())


def _body(reports: ReportWriter, event: OrderListAnswered, version: Version) -> str:
    return list_status(event, version, "60=20260102-12:00:00.000\x01", reports.texts)


def _entries(group: list[tuple[str, str]]) -> list[dict[str, str]]:
    entries: list[dict[str, str]] = []
    for tag, value in group:
        if tag == "11":
            entries.append({})
        entries[-1][tag] = value
    return entries


@pytest.mark.parametrize(
    ("orders", "code", "status"),
    [
        ((OPEN, CANCELED), 0, "3"),
        ((FILLED, CANCELED), 0, "6"),
        ((FILLED, REFUSED), 0, "6"),
        ((REFUSED, REFUSED), 0, "7"),
        ((REFUSED,), refusals.DUPLICATE_ORDER, "7"),
    ],
)
def test_status_of_a_list_is_that_of_its_orders(
    reports: ReportWriter, orders: tuple[ListedOrder, ...], code: int, status: str
) -> None:
    body = _body(reports, OrderListAnswered(1, 7, "L1", (), "why", code, "oco", orders), FIX50SP2)
    assert f"\x01431={status}\x01" in body


def test_fields_of_an_order_are_those_of_its_fills(reports: ReportWriter) -> None:
    _, group = parts(_body(reports, EVENTS[0], FIX50SP2))
    assert _entries(group) == [
        {"11": "a", "14": "10", "39": "1", "151": "10", "84": "0", "6": "585.01"},
        {"11": "b", "14": "0", "39": "4", "151": "0", "84": "20", "6": "0"},
    ]


def test_list_without_an_order_has_no_group_where_none_is_required(reports: ReportWriter) -> None:
    event = OrderListAnswered(1, 7, "L1", (), "NoOrders(73) is absent or 0", refusals.LIST_NOT_EXPRESSIBLE)
    assert "\x0173=" not in _body(reports, event, FIX50SP2)
    assert _body(reports, event, FIX44).endswith("\x0168=0\x0173=0\x01")


def test_code_is_said_in_each_version_as_it_can_be(reports: ReportWriter) -> None:
    event = OrderListAnswered(1, 7, "L1", (), "a\x01b", refusals.DUPLICATE_ORDER, "oco", (REFUSED,))
    assert "\x011386=6\x01" in _body(reports, event, FIX50SP2)
    for version in NAMES:
        assert "\x01444=10601: a b\x01" in _body(reports, event, version)
