"""The shipped configuration is the demo, and has no fault. Dictionaries know what the exchange's table needs."""

import shutil
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest

from config import reference
from config.passwords import is_password
from config.settings import SHIPPED, Settings, check, load
from tests.config.folder import copy_shipped
from tests.support.exchange import free_ports, ports_of, with_ports


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The shipped configuration."""
    return load(copy_shipped(tmp_path_factory.mktemp("shipped") / "config"))


def test_the_demo_has_no_fault_and_nothing_to_remark(demo: Settings) -> None:
    assert demo.notes == ()


def test_the_demo_listens_on_this_machine_alone_with_and_without_tls(demo: Settings) -> None:
    found = [(each.host, each.port, each.tls is not None, each.is_loopback) for each in demo.exchange.listeners]
    assert found == [("127.0.0.1", 9878, False, True), ("127.0.0.1", 9879, True, True)]
    assert demo.exchange.durability == "fsync"


def test_the_demo_has_its_sessions_in_their_versions(demo: Settings) -> None:
    found = [(each.name, each.role, each.accounts) for each in demo.sessions]
    traders = [
        (f"{version}:OUTCRY->{comp_id}", "order_entry", (account,))
        for comp_id, account in (("TRADER1", "ACC1"), ("TRADER2", "ACC2"), ("MAKER1", "ACC3"))
        for version in ("FIX.4.2", "FIX.4.4", "FIXT.1.1")
    ]
    readers = [
        (f"{version}:OUTCRY->{comp_id}", role, accounts)
        for comp_id, role, accounts in (
            ("DROP1", "drop_copy", ("ACC1", "ACC2", "ACC3")),
            ("MD1", "market_data", ()),
        )
        for version in ("FIX.4.4", "FIXT.1.1")
    ]
    assert found == traders + readers


@pytest.mark.slow
def test_the_demos_passwords_are_the_comp_ids_in_lower_case(demo: Settings) -> None:
    assert sorted(demo.passwords) == ["DROP1", "MAKER1", "MD1", "TRADER1", "TRADER2"]
    assert all(is_password(credential, name.lower()) for name, credential in demo.passwords.items())
    assert not is_password(demo.passwords["TRADER1"], "trader2")


def test_the_demos_instruments_settle_exactly(demo: Settings) -> None:
    found = [
        (each.symbol, each.kind, each.tick, each.lot, each.tick_lot_value, each.reference_price, each.band_bp)
        for each in demo.instruments
    ]
    assert found == [
        ("AAPL", "spot", Decimal("0.01"), Decimal(1), 10_000, 58_500, 5_000),
        ("MSFT", "spot", Decimal("0.01"), Decimal(1), 10_000, 3_000, 5_000),
        ("BTC-PERP", "perpetual", Decimal("0.5"), Decimal("0.001"), 500, 120_000, 5_000),
    ]


def test_the_demos_accounts_own_what_is_promised(demo: Settings) -> None:
    shares = 100_000_000
    opening = {"USD": 10_000_000_000 * 1_000_000, "AAPL": shares, "MSFT": shares}
    assert [(each.name, each.opening) for each in demo.accounts] == [
        (name, opening) for name in ("ACC1", "ACC2", "ACC3")
    ]
    assert all(each.limits[0].open_orders_max >= 2_000_000 and each.limits[0].rate == 0 for each in demo.accounts)


def test_the_demo_fails_where_other_machines_reach_it(demo: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "config"
    shutil.copytree(demo.config_dir, folder)
    text = (folder / "exchange.toml").read_text().replace('host = "127.0.0.1"', 'host = "0.0.0.0"', 1)
    (folder / "exchange.toml").write_text(text)
    found = [(fault.file, fault.key, fault.found) for fault in check(folder).faults]
    names = ("TRADER1", "TRADER2", "MAKER1", "DROP1", "MD1")
    assert found == [("passwords", name, "the demo's password") for name in names]


def test_the_reference_equals_the_tables() -> None:
    text = reference.README.read_text(encoding="utf-8")
    assert text == reference.replaced(text), "run python -m config.reference"


def _logon_fields(name: str) -> set[str]:
    root = ElementTree.parse(SHIPPED / "dictionaries" / name).getroot()
    return {field.get("name", "") for field in root.findall("messages/message[@msgtype='A']/field")}


@pytest.mark.parametrize("name", ["FIX42.xml", "FIX44.xml", "FIXT11.xml"])
def test_every_logon_knows_a_password_and_the_next_number_expected(name: str) -> None:
    assert {"Username", "Password", "NextExpectedMsgSeqNum", "ResetSeqNumFlag", "RawData"} <= _logon_fields(name)


FIELDS_OF_REQUESTS = [
    # message, fields that the stock file requires of it and clients have to send
    ("FIX42.xml", "D", {"ClOrdID", "HandlInst", "Symbol", "Side", "TransactTime", "OrdType"}),
    ("FIX42.xml", "F", {"OrigClOrdID", "ClOrdID", "Symbol", "Side", "TransactTime"}),
    ("FIX42.xml", "G", {"OrigClOrdID", "ClOrdID", "HandlInst", "Symbol", "Side", "TransactTime", "OrdType"}),
    ("FIX44.xml", "D", {"ClOrdID", "Side", "TransactTime", "OrdType"}),
    ("FIX44.xml", "F", {"OrigClOrdID", "ClOrdID", "Side", "TransactTime"}),
    ("FIX44.xml", "G", {"OrigClOrdID", "ClOrdID", "Side", "TransactTime", "OrdType"}),
    ("FIX50SP2.xml", "D", {"ClOrdID", "Side", "TransactTime", "OrdType"}),
]


@pytest.mark.parametrize(("name", "msg_type", "fields"), FIELDS_OF_REQUESTS)
def test_orders_carry_what_the_stock_file_requires_and_no_more(name: str, msg_type: str, fields: set[str]) -> None:
    root = ElementTree.parse(SHIPPED / "dictionaries" / name).getroot()
    required = root.findall(f"messages/message[@msgtype='{msg_type}']/field[@required='Y']")
    assert {field.get("name") for field in required} == fields


def test_what_is_sent_beyond_the_stock_file_is_in_ours() -> None:
    root = ElementTree.parse(SHIPPED / "dictionaries/FIX44.xml").getroot()
    report = {field.get("name") for field in root.findall("messages/message[@msgtype='8']/field")}
    assert {"AggressorIndicator", "TrdMatchID"} <= report
    enums = {
        number: {value.get("enum") for value in root.findall(f"fields/field[@number='{number}']/value")}
        for number in ("103", "150", "378", "380")
    }
    assert {"16", "18", "20", "25", "27"} <= enums["103"]
    assert "L" in enums["150"]
    assert {"12", "13", "17", "18", "19", "20"} <= enums["378"]
    assert {"8", "9"} <= enums["380"]


def test_a_copy_takes_ports_that_have_a_shipped_port_s_digits_in_them() -> None:
    assert with_ports("port = 9878\nport = 9879\nport = 12000\n", [19879, 25643]) == (
        "port = 19879\nport = 25643\nport = 12000\n"
    )


def test_exchanges_of_one_test_run_have_ports_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    ranges = [set(ports_of(f"gw{number}")) for number in range(4)]
    assert sum(map(len, ranges)) == len(set[int]().union(*ranges))
    assert ports_of("") == ports_of("gw0")
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw1")
    found = [port for _ in range(200) for port in free_ports(2)]
    assert len(set(found)) == 400
    assert set(found) <= ranges[1]
