"""The rules of engagement's tables cannot drift from what is read, written, shipped and documented."""

import itertools
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from gateway import inbound
from gateway.list_reports import list_status
from gateway.mass_reports import mass_cancel_report
from gateway.quote_reports import acknowledgement, frozen
from gateway.range_requests import RangeRequest, completed, refused
from gateway.rejects import business_reject
from gateway.reports import ReportWriter
from gateway.rules import client_files, document, sent, sent_fields, taken
from gateway.rules.specification import Members, read_specification, specification
from gateway.sessions import FIX42, FIX44, FIX44_EXTENDED, FIX50SP2, GatewaySession, Version
from gateway.stop_notices import news
from gateway.translation import Translator
from gateway.user_desk import LOGGED_IN, user_response
from matching import refusals
from matching.codec import SessionState
from matching.events import (
    CancelRejected,
    Event,
    ListedOrder,
    MassCancelReported,
    MassStatusReported,
    OrderListAnswered,
    OrderRefused,
)
from matching.quote_events import AnsweredEntry, QuotesAnswered, QuotesFrozen
from matching.types import OrdStatus
from matching.user_events import UserAnswered
from matching.users import PASSWORD_CHANGED
from tests.gateway.test_list_reports import EVENTS as LIST_EVENTS
from tests.gateway.test_reports import TIME_NS, execution
from tests.gateway.test_stock_dictionaries import JUDGES, executions, reports
from tests.gateway.test_translation import order, translator
from tests.support.sent_table import HEADER, sent_faults
from tests.support.sessions import session_in

__all__ = ["reports", "translator"]

pytestmark = pytest.mark.slow

VERSIONS: tuple[Version, ...] = (FIX42, FIX44, FIX44_EXTENDED, FIX50SP2)
WRITTEN = ("8", "9", "N", "r", "b", "j", "BX", "BF", "B")
"""Messages whose writers are driven here through all they can say; of the others the conversations are the proof."""
BY_THE_WIRE = ("j", 380, "3")
"""What the wire says by itself: the type of a message is not offered."""
ORD_STATUSES: tuple[OrdStatus, ...] = ("0", "1", "2", "4", "8", "C")


def session_of(version: Version) -> GatewaySession:
    """Return a session of that version."""
    session = session_in(SessionState(1, "S", "T1", 1, 0, 1, 1, 1, 0, 0, 0, ()))
    session.version = version
    session.accounts = {"ACC1": 1, None: 1}
    return session


def bodies(writer: ReportWriter, version: Version) -> Iterator[tuple[str, str]]:
    """Yield every kind of message that the report writers say, with MsgType(35)."""
    session = session_of(version)
    for event in executions():
        if event.exec_restatement_reason and event.exec_restatement_reason not in sent_fields.SAID_RESTATEMENTS:
            continue
        yield "8", writer.execution(event, version)
    yield from echoes(writer, version)
    fill = {"last_price": 58_400, "last_qty": 10, "trade_id": 3, "cum_qty": 10, "cum_value": 584_000}
    for is_aggressor, is_auction in itertools.product((True, False), repeat=2):
        event = execution("F", "1", leaves_qty=90, is_aggressor=is_aggressor, is_auction=is_auction, **fill)
        yield "8", writer.execution(event, version)
    yield "8", writer.execution(execution("F", "2", leaves_qty=0, **fill), version)
    for code, row in refusals.TABLE.items():
        group = code // 10_000
        if group == 1:
            reason = refusals.ord_rej_reason(code)
            no_order = OrderRefused(4, 1, "a", "ACC9", "X", "1", "2", "0", "1.5", "1", reason, "w", code=code)
            yield "8", writer.refused(no_order, version)
        for status, response in itertools.product("01248C", "12"):
            reason = refusals.cxl_rej_reason(code)
            refused_cancel = CancelRejected(1, 5, "c", "a", "4", "1", reason, row.meaning, 1, code)
            changed = msgspec.structs.replace(refused_cancel, ord_status=status, response_to=response)
            yield "9", writer.cancel_rejected(changed, version)
        if group == 3:
            yield "j", business_reject(version, ref_seq_num=1, ref_msg_type="D", code=code, text="why", ref_id="a")
        if group in (1, 5):
            yield from quotes(version, code)
        if group == 4 and version != FIX42:
            told = writer.message(MassCancelReported(9, 7, "q", "1", "0", 0, "X", "2", code, "why"), session)
            assert told is not None
            yield told
    for event_n in LIST_EVENTS:
        yield "N", list_status(event_n, version, "60=20260101-00:00:00\x01", writer.texts)
        several = msgspec.structs.replace(event_n, kind="oto", code=0)
        yield "N", list_status(several, version, "60=20260101-00:00:00\x01", writer.texts)
    for status in ORD_STATUSES:
        done = OrderListAnswered(1, 7, "L1", (1,), kind="oco", orders=(ListedOrder("a", status, 1, 0, 0, 1, 1),))
        yield "N", list_status(done, version, "60=20260101-00:00:00\x01", writer.texts)
    if version != FIX42:
        yield from mass_reports(writer, version)
        yield from user_responses()
    yield from range_answers(version)
    for at_ns, text in ((TIME_NS, "works"), (TIME_NS, ""), (0, "")):
        yield "B", news(at_ns, text, TIME_NS)


def user_responses() -> Iterator[tuple[str, str]]:
    """Yield every answer to a UserRequest(BE)."""
    for status in (LOGGED_IN, PASSWORD_CHANGED):
        yield "BF", user_response(UserAnswered(1, "u", "TRADER1", status))
    for code, row in refusals.TABLE.items():
        if code // 10_000 == 7:
            answered = UserAnswered(1, "u", "TRADER1", refusals.user_status(code), code, row.meaning)
            yield "BF", user_response(answered)


def range_answers(version: Version) -> Iterator[tuple[str, str]]:
    """Yield the end of a range by ExecID, and every refusal."""
    asked = RangeRequest("R1", "r", 5, 9)
    yield completed(asked, count=3, first=5, last=9)
    for code, row in refusals.TABLE.items():
        if code // 10_000 == 6:
            yield refused(asked, version, (code, row.meaning))
            yield refused(RangeRequest("R1", ""), version, (code, row.meaning))


def echoes(writer: ReportWriter, version: Version) -> Iterator[tuple[str, str]]:
    """Yield refusals that say again what was sent, whatever that was."""
    spec = specification(version)
    for name, tag in (("side", 54), ("ord_type", 40), ("time_in_force", 59)):
        refused = OrderRefused(
            4, 1, "a", "ACC9", "X", "1", "2", "0", "1.5", "1", 0, "w", code=refusals.TERM_NOT_OFFERED
        )
        for value in spec.fields[tag].values:
            yield "8", writer.refused(msgspec.structs.replace(refused, **{name: value}), version)
    for cancel_type in spec.fields[298].values:
        code = refusals.QUOTE_CANCEL_NOT_SUPPORTED
        said = QuotesAnswered(1, 2, "Q1", 1, "5", cancel_type=cancel_type, code=code, text="why")
        yield "b", acknowledgement(said, version)
    if version != FIX42:
        clock = "60=20260101-00:00:00\x01"
        for kind in spec.fields[530].values:
            event = MassCancelReported(9, 7, "q", kind, "0", 0, "X", "", refusals.MASS_UNKNOWN_SYMBOL, "why")
            yield "r", mass_cancel_report(event, version, clock)
        for side in spec.fields[54].values:
            event = MassCancelReported(9, 7, "q", "7", "0", 0, "X", side, refusals.MASS_UNKNOWN_SYMBOL, "why")
            yield "r", mass_cancel_report(event, version, clock)


def quotes(version: Version, code: int) -> Iterator[tuple[str, str]]:
    """Yield answers to quotes with this code."""
    entries = (AnsweredEntry("S", "E", "AAPL", code, "why"),)
    for status, cancel_type, level in itertools.product("0145", ("", "1", "4"), ("", "0", "1", "2")):
        yield "b", acknowledgement(QuotesAnswered(1, 2, "Q1", 1, status, level, entries, (("S", 1),)), version)
        said = QuotesAnswered(1, 2, "Q1", 1, status, level, cancel_type=cancel_type, code=code, text="why")
        yield "b", acknowledgement(said, version)
    yield "b", frozen(QuotesFrozen(1, 1, 1, "AAPL", "Q1", "S", "E", code, "why"), version)


def mass_reports(writer: ReportWriter, version: Version) -> Iterator[tuple[str, str]]:
    """Yield answers to mass requests that were taken."""
    session = session_of(version)
    events: list[Event] = [
        MassCancelReported(9, 7, "q", kind, kind, 3, "AAPL", side) for kind in "137" for side in ("", "1", "2")
    ]
    status = [MassStatusReported(9, 7, "s", 2, is_last, execution("I", "0")) for is_last in (True, False)]
    for event in (*events, *status, MassStatusReported(9, 7, "s", 0, True, text="none")):
        told = writer.message(event, session)
        assert told is not None
        yield told


def pairs_of(body: str) -> list[tuple[int, str]]:
    """Tags and values of a body."""
    return [(int(tag), value) for tag, _, value in (field.partition("=") for field in body.split("\x01")[:-1])]


@pytest.mark.parametrize("version", VERSIONS)
def test_all_that_is_written_is_in_the_table_and_all_of_the_table_is_written(
    reports: ReportWriter, version: Version
) -> None:
    written: dict[str, set[int]] = {msg_type: set() for msg_type in WRITTEN}
    values: dict[tuple[str, int], set[str]] = {}
    seen: set[tuple[str, str]] = set()
    for msg_type, body in bodies(reports, version):
        if (msg_type, body) in seen:
            continue
        seen.add((msg_type, body))
        pairs = pairs_of(body)
        # Side(54) of a refused order may be one that the version has no word for.
        faults = [
            each for each in sent_faults(msg_type, pairs, version) if not each.startswith("8: Side(54) is absent")
        ]
        assert faults == [], body
        written[msg_type].update(tag for tag, _ in pairs)
        for tag, value in pairs:
            values.setdefault((msg_type, tag), set()).update(value.split(" ") if tag == 18 else [value])
    for msg_type in WRITTEN:
        row = sent.sent_message(msg_type)
        assert row is not None
        if version in row.versions:
            listed = {field.tag for field in sent.flat(row.fields) if version in field.versions}
            assert listed - HEADER == written[msg_type], msg_type
            never = [
                (msg_type, field.tag, value)
                for field in sent.flat(row.fields)
                if version in field.versions
                for value in field.values_in(version)
                if value not in values[msg_type, field.tag] and (msg_type, field.tag, value) != BY_THE_WIRE
            ]
            assert never == []


@pytest.mark.parametrize("version", VERSIONS)
def test_every_row_of_what_is_sent_is_one_of_the_dictionary(version: Version) -> None:
    spec = specification(version)
    judge = JUDGES[version]
    for row in (*sent.SENT, *sent.ADMIN):
        if version not in row.versions:
            continue
        rule = spec.messages[row.msg_type]
        members = {member.tag for member in rule.all_members()}
        fields = [field for field in sent.flat(row.fields) if version in field.versions]
        assert [field.tag for field in fields if field.tag not in members] == [], row.msg_type
        top = {field.tag for field in row.fields_in(version)}
        assert {tag for tag, member in rule.members.items() if member.is_required} <= top, row.msg_type
        for field in fields:
            # Our own FIX42.xml has more in a Logon(A); FIXT.1.1 has the session layer of FIX.5.0SP2. BX answers BW,
            # which no client with a stock file before FIX.5.0SP2 can send.
            is_ours = row in sent.ADMIN or row is sent.RANGE_ANSWER
            known = set(spec.fields[field.tag].values) if is_ours else judge.values(field.tag)
            assert not known or set(field.values_in(version)) <= known, (row.msg_type, field.tag)
            assert not known or field.values_in(version) or field.tag == 372, (row.msg_type, field.tag)


def test_every_message_that_is_taken_has_its_answers_and_its_role() -> None:
    assert set(taken.ANSWERS) == set(inbound.SCHEMA), "say in gateway/rules/taken.py how it is answered"
    assert set(inbound.ROLE_OF_MESSAGE) == set(inbound.SCHEMA)
    known = {row.msg_type for row in sent.SENT}
    assert {answer for answers in taken.ANSWERS.values() for answer in answers} <= known


@pytest.mark.parametrize("version", VERSIONS)
def test_every_field_that_is_read_of_a_message_of_the_version_is_in_the_table(version: Version) -> None:
    spec = specification(version)
    for msg_type in inbound.SCHEMA:
        if not taken.is_offered(msg_type, version):
            continue
        rows = {row.tag for row in taken.fields_of(msg_type, version)}
        read = set(tags_of(inbound.SCHEMA[msg_type]))
        members = {member.tag for member in spec.messages[msg_type].all_members()}
        assert {tag for tag in read if tag in members} <= rows
        required = {tag for tag, member in spec.messages[msg_type].members.items() if member.is_required}
        assert required <= rows


def tags_of(fields: object) -> Iterator[int]:
    """Yield the tags of a schema, those of groups too."""
    assert isinstance(fields, tuple | list)
    for tag, kind in fields:
        if tag:
            yield tag
        if not isinstance(kind, str):
            yield from tags_of(kind)


@pytest.mark.parametrize("tag", [40, 59, 54])
@pytest.mark.parametrize("version", [FIX42, FIX44, FIX50SP2])
def test_values_in_the_table_are_those_that_translation_takes(
    version: Version, tag: int, translator: Translator
) -> None:
    """An order is refused because of a value exactly where the table does not have it."""
    listed = set(taken.values_taken(tag, version))
    code = {
        40: refusals.ORD_TYPE_NOT_OFFERED,
        59: refusals.TIME_IN_FORCE_NOT_OFFERED,
        54: refusals.SIDE_NOT_OFFERED,
    }[tag]
    for value in specification(version).fields[tag].values:
        changed: dict[str, Any] = {{40: "ord_type", 59: "tif", 54: "side"}[tag]: value}
        command = translator.new_order(session_of(version), 1, False, order(**changed))
        assert (getattr(command, "code", 0) == code) == (value not in listed), (value, command)


def test_the_document_is_that_of_the_tables() -> None:
    text = document.DOCUMENT.read_text(encoding="utf-8")
    assert text == document.placed(text, document.render()), "run: python -m gateway.rules"


def test_a_document_without_the_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="tables: begin"):
        document.placed("# nothing", "tables")


def test_dictionaries_for_clients_are_those_of_the_tables() -> None:
    rendered = client_files.render()
    assert sorted(rendered) == sorted(path.name for path in client_files.FOLDER.iterdir() if path.suffix == ".xml")
    for name, text in rendered.items():
        assert (client_files.FOLDER / name).read_text(encoding="utf-8") == text, "run: python -m gateway.rules"


@pytest.mark.parametrize("name", list(client_files.HEADS))
def test_dictionaries_for_clients_have_all_that_is_sent_and_taken_and_nothing_else(name: str) -> None:
    version = client_files.HEADS[name][0]
    path = client_files.FOLDER / name
    spec = read_specification(path)
    whole = specification(version)
    app = {msg_type for msg_type, rule in spec.messages.items() if not rule.is_admin}
    known = {row.msg_type for row in sent.SENT if version in row.versions}
    known |= {msg_type for msg_type in inbound.SCHEMA if taken.is_offered(msg_type, version)}
    assert app == known
    for row in sent.SENT:
        if version in row.versions:
            members = {member.tag for member in spec.messages[row.msg_type].all_members()}
            fields = {field.tag for field in sent.flat(row.fields) if version in field.versions}
            assert fields <= members
            if row.msg_type not in inbound.SCHEMA:
                extra = members - fields
                assert extra <= required_or_first(whole.messages[row.msg_type].members), row.msg_type
    used = {member.tag for rule in spec.messages.values() for member in rule.all_members()}
    used |= set(spec.header) | set(spec.trailer) | {tag for part in (spec.header,) for tag in nested(part)}
    assert set(spec.fields) == used
    defined = [field.get("number") for field in ElementTree.parse(path).getroot().findall("fields/field")]
    assert len(defined) == len(set(defined))


def required_or_first(members: Members) -> set[int]:
    """Tags that are required, or begin an entry, at any depth."""
    found = {tag for tag, member in members.items() if member.is_required}
    for member in members.values():
        if member.group is not None:
            found |= {next(iter(member.group))} | required_or_first(member.group)
    return found


def nested(members: Members) -> set[int]:
    """Tags of groups of a header."""
    return {tag for member in members.values() if member.group is not None for tag in member.group}
