"""A client with a stock dictionary loses no report: the real QuickFIX initiator, a test for each message and value.

The real wire numbers and sends every body that the report writers can say, and every message of other kinds that the
real exchange has said in the conversations about market data, status and phases. A value of those kinds that no
conversation comes to is put into such a message in the place of another. The initiator validates by the dictionary as
shipped; what it refuses with Reject(3) would be lost to a member.
"""

from pathlib import Path
from typing import Final, NamedTuple

import pytest

from gateway.reports import ReportWriter
from gateway.rules import client_files
from gateway.rules.sent import SENT, flat
from gateway.rules.specification import specification
from gateway.sessions import FIX42, FIX44, FIX44_EXTENDED, FIX50SP2, VERSION_OF_BEGIN_STRING, Version
from tests.gateway.test_reports import TIME_NS
from tests.gateway.test_rules_tables import BY_THE_WIRE, bodies
from tests.gateway.test_translation import AAPL
from tests.interop.test_quickfix_initiator import SPECIFICATIONS, Initiator, interpreter
from tests.support.conversation import Runner
from tests.support.exchange import ROOT, running_exchange
from tests.support.fix_peer import Message
from tests.support.script import read_script
from tests.support.sent_table import HEADER
from tests.wire.peer import Exchange

pytestmark = [pytest.mark.interop, pytest.mark.slow]

BEGIN_STRINGS: Final = {version: begin_string for begin_string, version in VERSION_OF_BEGIN_STRING.items()}
BEGIN_STRINGS[FIX44_EXTENDED] = "FIX.4.4"
CONVERSATIONS: Final = ROOT / "tests" / "conversations"
SPOKEN: Final = ("market_data_updates", "market_data_refused", "market_data_snapshot", "market_data_indicative_price")
STATUS: Final = ("status_of_instruments", "status_of_a_session_that_is_unknown", "phase_opening_auction")
BY_WRITERS: Final = ("8", "9", "N", "r", "b", "j", "BX", "BF", "B")
NOT_IN_STOCK: Final[frozenset[tuple[Version, str]]] = frozenset({(FIX42, "BX"), (FIX44, "BX")})
"""Answers to what a client with the stock file cannot ask."""
BATCH: Final = 100
COMP_ID: Final = "TRADER1"


class Row(NamedTuple):
    """One value of one field of one message in one version; value "": the field, whatever stands in it."""

    version: Version
    msg_type: str
    tag: int
    value: str

    def __str__(self) -> str:
        return f"{self.version}-{self.msg_type}-{self.tag}-{self.value or 'any'}"


def rows_of(version: Version) -> list[Row]:
    """Return every row of the table in a version."""
    found: dict[Row, None] = {}
    for message in SENT:
        fields = flat(message.fields) if version in message.versions else ()
        for field in fields:
            values = (field.values_in(version) or ("",)) if version in field.versions else ()
            found.update(dict.fromkeys(Row(version, message.msg_type, field.tag, value) for value in values))
    return list(found)


STOCK: Final[tuple[Version, ...]] = (FIX42, FIX44, FIX50SP2)
ROWS: Final = [row for version in STOCK for row in rows_of(version) if (version, row.msg_type) not in NOT_IN_STOCK]


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[str, str]]]:
    """What the real exchange has said in the conversations, as message type and body, by BeginString."""
    said: dict[str, list[tuple[str, str]]] = {begin_string: [] for begin_string in VERSION_OF_BEGIN_STRING}
    for name in (*SPOKEN, *STATUS):
        script = read_script(CONVERSATIONS / f"{name}.fix")
        for version in script.versions:
            with running_exchange(
                tmp_path_factory.mktemp(name),
                session_keys=script.session_keys,
                instrument_keys=script.instrument_keys,
                account_keys=script.account_keys,
            ) as exchange:
                for message in heard_in(Runner(script, version, exchange)):
                    body = "".join(f"{tag}={value}\x01" for tag, value in message.fields if tag not in HEADER)
                    if message.msg_type in "WXYfh":
                        said[message[8]].append((message.msg_type, body))
    return said


def heard_in(runner: Runner) -> list[Message]:
    """Hold a conversation; return what its peers were told."""
    try:
        runner.run()
    finally:
        runner.close()
    return runner.heard


def every_message(version: Version, spoken: dict[str, list[tuple[str, str]]]) -> list[tuple[str, str]]:
    """Return every message that is to be taken by a client of that version."""
    writer = ReportWriter({1: AAPL}, {1: "ACC1"})
    writer.set_time(TIME_NS)
    # An order without a Side(54) that the version knows has no ExecutionReport(8) that any dictionary would take.
    written = [each for each in bodies(writer, version) if each[0] != "8" or "\x0154=" in each[1]]
    found = dict.fromkeys([*written, *spoken[BEGIN_STRINGS[version]], *own_data(version)])
    for row in rows_of(version):
        if row.msg_type in BY_WRITERS or not row.value:
            continue
        for msg_type, body in list(found):
            fields = body.split("\x01")
            at = next((i for i, one in enumerate(fields) if one.startswith(f"{row.tag}=")), -1)
            if msg_type == row.msg_type and at >= 0:
                found[msg_type, "\x01".join([*fields[:at], f"{row.tag}={row.value}", *fields[at + 1 :]])] = None
                break
    wire_says = f"45=1\x01372=n\x01380={BY_THE_WIRE[2]}\x0158=type\x01"
    return [*found, ("j", wire_says)]


def own_data(version: Version) -> list[tuple[str, str]]:
    """Return market data that no conversation comes to: in FIX.4.2, which the shipped configuration has no session of,
    and a snapshot in the midst of an auction in FIX.4.4.
    """
    entry = "270=585.00\x01271=5\x01"
    if version == FIX44:
        return [("W", f"262=r\x0155=AAPL\x01268=1\x01269=4\x01{entry}286=5\x01")]
    if version != FIX42:
        return []
    return [
        ("W", f"262=r\x0155=AAPL\x01268=1\x01269=0\x01{entry}346=1\x01290=1\x01"),
        ("X", f"262=r\x01268=1\x01279=0\x01269=0\x01278=0-58500\x0155=AAPL\x01{entry}346=1\x01"),
        ("Y", "262=r\x01281=0\x0158=Symbol(55) X is not traded here\x01"),
    ]


def taken_by(
    base: Path, version: Version, specifications: Path, messages: list[tuple[str, str]]
) -> tuple[set[tuple[str, int, str]], list[str]]:
    """Send all to an initiator with these dictionaries; return every (type, tag, value) it took, and its refusals."""
    taken: set[tuple[str, int, str]] = set()
    count = 0
    with Exchange() as exchange:
        exchange.password = COMP_ID.lower()
        exchange.add(1, COMP_ID, BEGIN_STRINGS[version])
        initiator = Initiator(base, exchange.port, BEGIN_STRINGS[version], COMP_ID, specifications=specifications)
        try:
            initiator.wait_for("logon")
            for begin in range(0, len(messages), BATCH):
                exchange.stage(*((1, msg_type, body) for msg_type, body in messages[begin : begin + BATCH]))
            while count < len(messages):
                event = initiator.next_event()
                if event is None or event["event"] in ("logout", "error") or "|35=3|" in event["text"]:
                    break
                if event["event"] == "message":
                    count += 1
                    note(taken, event["text"])
        finally:
            initiator.kill()
    refused = initiator.refusals()
    if count < len(messages) and not refused:
        refused.append(f"{len(messages) - count} of {len(messages)} messages were not taken")
    return taken, refused


def note(taken: set[tuple[str, int, str]], text: str) -> None:
    """Note every field of a message."""
    pairs = [part.partition("=") for part in text.split("|") if part]
    msg_type = next(value for tag, _, value in pairs if tag == "35")
    for tag, _, value in pairs:
        taken.add((msg_type, int(tag), ""))
        taken.update((msg_type, int(tag), one) for one in {value, *value.split(" ")})


@pytest.fixture(scope="module")
def live(
    tmp_path_factory: pytest.TempPathFactory, spoken: dict[str, list[tuple[str, str]]]
) -> dict[Version, tuple[set[tuple[str, int, str]], list[str]]]:
    """What an initiator with the stock dictionaries has taken, by version."""
    if interpreter() is None:
        pytest.skip("the quickfix package is not installed: `make interop` builds it")
    if not SPECIFICATIONS.exists():
        pytest.skip(f"{SPECIFICATIONS} is not here: `make setup` unpacks it")
    taken = {}
    for version in STOCK:
        messages = [each for each in every_message(version, spoken) if (version, each[0]) not in NOT_IN_STOCK]
        taken[version] = taken_by(tmp_path_factory.mktemp("stock"), version, SPECIFICATIONS, messages)
    return taken


@pytest.mark.parametrize("version", STOCK)
def test_a_client_with_the_stock_dictionary_refuses_nothing(
    version: Version, live: dict[Version, tuple[set[tuple[str, int, str]], list[str]]]
) -> None:
    assert live[version][1] == []


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_client_with_the_stock_dictionary_takes(
    row: Row, live: dict[Version, tuple[set[tuple[str, int, str]], list[str]]]
) -> None:
    assert (row.msg_type, row.tag, row.value) in live[row.version][0], specification(row.version).name(row.tag)


@pytest.mark.parametrize("folder", [client_files.FOLDER, client_files.SHIPPED], ids=["clients", "whole"])
@pytest.mark.parametrize("version", [FIX42, FIX44_EXTENDED, FIX50SP2])
def test_a_client_with_our_dictionary_refuses_nothing(
    version: Version, folder: Path, tmp_path: Path, spoken: dict[str, list[tuple[str, str]]]
) -> None:
    if interpreter() is None:
        pytest.skip("the quickfix package is not installed: `make interop` builds it")
    specifications = tmp_path / "dictionaries"
    specifications.mkdir()
    for name in ("FIX42.xml", "FIX44.xml", "FIX50SP2.xml", "FIXT11.xml"):
        source = folder / name if (folder / name).exists() else client_files.SHIPPED / name
        (specifications / name).write_bytes(source.read_bytes())
    assert taken_by(tmp_path, version, specifications, every_message(version, spoken))[1] == []
