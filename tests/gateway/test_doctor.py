"""The session doctor: schedules on a time line, dictionaries, certificates, numbers; what is a fault."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from config.exchange import ListenerSettings, TlsSettings
from config.schedules import NON_STOP, Schedule, TimeRange
from config.sessions import SessionSettings
from config.settings import SHIPPED, load
from gateway.certificates import make_demo_certificate
from gateway.cli.application import app
from gateway.doctor.certificates import certificate_findings
from gateway.doctor.dictionaries import dictionary_findings
from gateway.doctor.findings import Finding
from gateway.doctor.numbers import number_findings
from gateway.doctor.time_lines import time_lines
from matching.codec import SessionState, Unsent
from matching.journal import Journal
from tests.support.exchange import copy_config, replace_in

HOUR: Final = 3_600
NOW: Final = int(datetime(2026, 3, 25, 12, 0, tzinfo=UTC).timestamp())
"""A Wednesday; the clocks of London go forward on Sunday."""


@pytest.fixture(scope="module")
def sessions() -> tuple[SessionSettings, ...]:
    make_demo_certificate(SHIPPED / "certs")
    return load(SHIPPED).sessions


def of(sessions: tuple[SessionSettings, ...], name: str) -> SessionSettings:
    return next(each for each in sessions if each.name == name)


def with_schedule(session: SessionSettings, schedule: Schedule) -> SessionSettings:
    return msgspec.structs.replace(session, schedule=schedule)


def state_of(session: SessionSettings, **more: object) -> SessionState:
    state = SessionState(1, session.name, session.target_comp_id, 1, NOW - HOUR, 9, 1, 9, 8, 0, 100)
    for name, value in more.items():
        setattr(state, name, value)
    return state


# -- time lines -------------------------------------------------------------------------------------------------------


def test_a_week_is_drawn_in_the_zone_of_the_session_with_its_reset_and_the_change_of_the_clock(
    sessions: tuple[SessionSettings, ...],
) -> None:
    days = TimeRange(8 * HOUR, 18 * HOUR), TimeRange(10 * HOUR, 18 * HOUR)
    (line,) = time_lines([with_schedule(sessions[0], Schedule(*days, "Europe/London"))], NOW)
    assert line.schedule == "daily 08:00:00 to 18:00:00, logon daily 10:00:00 to 18:00:00 Europe/London"
    assert line.week[0] == ("Wed 25", "....R####...")
    assert [signs for _, signs in line.week] == ["....R####..."] * 7
    assert line.open_now
    assert (line.next_reset, line.next_logon) == ("2026-03-26 08:00:00 UTC", "")
    assert line.clock_change == "clocks go forward on 2026-03-29: from then on all is 60 minutes earlier in UTC"


def test_a_week_with_a_time_between_logons_and_end_and_the_next_logon_after_the_weekend(
    sessions: tuple[SessionSettings, ...],
) -> None:
    week = TimeRange(20 * HOUR, 22 * HOUR, 2, 3), TimeRange(20 * HOUR, 0, 2, 3)
    (line,) = time_lines([with_schedule(sessions[0], Schedule(*week, "UTC"))], NOW)
    assert [signs for _, signs in line.week][-3:] == ["............", "..........R#", "===========."]
    assert not line.open_now
    assert line.next_reset == line.next_logon == "2026-03-30 20:00:00 UTC"
    assert line.clock_change == ""


def test_sessions_of_one_schedule_share_a_line_and_a_non_stop_one_is_always_open(
    sessions: tuple[SessionSettings, ...],
) -> None:
    daily = with_schedule(sessions[0], Schedule(TimeRange(0, 0), None, "UTC"))
    lines = time_lines([with_schedule(each, NON_STOP) for each in sessions[:3]] + [daily], NOW)
    assert [(line.schedule, len(line.sessions), line.week == ()) for line in lines] == [
        ("non-stop", 3, True),
        ("daily 00:00:00 to 00:00:00 UTC", 1, False),
    ]
    assert lines[1].week[0][1] == "R###########"


# -- dictionaries -----------------------------------------------------------------------------------------------------


def test_the_shipped_dictionaries_have_nothing_to_be_said_of(sessions: tuple[SessionSettings, ...]) -> None:
    assert dictionary_findings(sessions) == []


def test_what_a_dictionary_lacks_or_wants_is_named(sessions: tuple[SessionSettings, ...], tmp_path: Path) -> None:
    text = (SHIPPED / "dictionaries" / "FIX44.xml").read_text(encoding="utf-8")
    cancel = text.index("<message name='OrderCancelRequest'")
    end = text.index("</message>", cancel) + len("</message>")
    text = text[:cancel] + text[end:]
    order = text.index("<message name='NewOrderSingle'")
    body = text[order : text.index("</message>", order)]
    spoiled = body.replace("<field name='TimeInForce' required='N'/>", "")
    spoiled = spoiled.replace("<field name='Account' required='N'/>", "<field name='Account' required='Y'/>")
    spoiled = spoiled.replace("<field name='Account' required='N' />", "<field name='Account' required='Y' />")
    spoiled = spoiled.replace("<field name='TimeInForce' required='N' />", "")
    path = tmp_path / "mine.xml"
    path.write_text(text.replace(body, spoiled), encoding="utf-8")
    session = of(sessions, "FIX.4.4:OUTCRY->TRADER1")
    found = dictionary_findings([msgspec.structs.replace(session, app_dictionary=str(path))])
    assert [(each.level, each.about, each.found) for each in found] == [
        (
            "warning",
            f"mine.xml of {session.name}",
            "lacks in NewOrderSingle(D) what is read and would be refused: TimeInForce",
        ),
        (
            "warning",
            f"mine.xml of {session.name}",
            "wants in NewOrderSingle(D) what the shipped file leaves free: Account",
        ),
        (
            "warning",
            f"mine.xml of {session.name}",
            "lacks the message OrderCancelRequest(F), which is read and would be refused",
        ),
    ]


# -- certificates -----------------------------------------------------------------------------------------------------


def certificate(folder: Path, *, since: timedelta, until: timedelta, name: str = "localhost") -> TlsSettings:
    """Make a certificate and its key that are valid so long before and after NOW."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.fromtimestamp(NOW, UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now + since)
        .not_valid_after(now + until)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir()
    (folder / "crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key").write_bytes(key.private_bytes(*form))
    return TlsSettings(str(folder / "crt"), str(folder / "key"))


def found_of(tls: TlsSettings) -> list[tuple[str, str]]:
    listener = ListenerSettings("tls", "127.0.0.1", 9879, tls)
    return [(each.level, each.found) for each in certificate_findings([listener], (), NOW)]


def test_a_certificate_is_judged_by_its_time_and_its_key(tmp_path: Path) -> None:
    day = timedelta(days=1)
    good = certificate(tmp_path / "good", since=-day, until=90 * day)
    soon = certificate(tmp_path / "soon", since=-day, until=12 * day)
    past = certificate(tmp_path / "past", since=-9 * day, until=-day)
    early = certificate(tmp_path / "early", since=day, until=90 * day)
    mixed = TlsSettings(good.certificate, soon.private_key)
    assert found_of(good) == []
    assert found_of(soon) == [
        ("warning", f"localhost in {soon.certificate} is valid no longer in 12 days, on 2026-04-06")
    ]
    assert found_of(past) == [
        ("fault", f"localhost in {past.certificate} is valid no longer, since 2026-03-24 12:00 UTC")
    ]
    assert found_of(early) == [("fault", f"localhost in {early.certificate} is not valid before 2026-03-26 12:00 UTC")]
    assert found_of(mixed) == [("fault", f"{mixed.private_key} is not the key of {mixed.certificate}")]
    clients = msgspec.structs.replace(good, client_certificates="required", authorities=past.certificate)
    assert [level for level, _ in found_of(clients)] == ["fault"]


def test_one_certificate_name_for_two_users_is_told(sessions: tuple[SessionSettings, ...]) -> None:
    one, two = (msgspec.structs.replace(each, certificate_cn="desk") for each in (sessions[0], sessions[4]))
    (found,) = certificate_findings((), [one, two], NOW)
    assert found.found == "CertificateCN desk is that of 2 users: TRADER1, TRADER2"


# -- numbers ----------------------------------------------------------------------------------------------------------


def test_numbers_that_promise_trouble_are_told_with_what_to_do(sessions: tuple[SessionSettings, ...]) -> None:
    trader, copy = of(sessions, "FIX.4.4:OUTCRY->TRADER1"), of(sessions, "FIX.4.4:OUTCRY->DROP1")
    daily = with_schedule(of(sessions, "FIX.4.4:OUTCRY->TRADER2"), Schedule(TimeRange(12 * HOUR, 0), None, "UTC"))
    states = [
        state_of(trader, next_sender=20_010, anew=(Unsent(1, 5, True),)),
        state_of(copy),
        state_of(daily, created_s=NOW - 2 * HOUR),
    ]
    found = number_findings([trader, copy, daily], states, last_batch=200_101, now_s=NOW)
    assert [(each.about, each.found) for each in found] == [
        (trader.name, "20001 messages up to 20009 have not reached the client"),
        (trader.name, "numbers began anew, and what 1 earlier numberings have left waits to be sent again"),
        (copy.name, "drop copy is 200001 batches behind"),
        (daily.name, "its numbers, 9 out and 9 in, are of before its present session"),
    ]
    assert {each.level for each in found} == {"warning"}


def test_sessions_of_one_side_only_are_told(sessions: tuple[SessionSettings, ...]) -> None:
    older, newer = of(sessions, "FIX.4.2:OUTCRY->TRADER1"), of(sessions, "FIX.4.4:OUTCRY->TRADER1")
    found = number_findings([newer], [state_of(older)], last_batch=0, now_s=NOW)
    assert [(each.about, each.found) for each in found] == [
        ("sessions", f"1 in the journal and not in the file: {older.name}"),
        (newer.name, "was FIX.4.2 before, which is another session"),
        ("sessions", f"1 in the file and not in the journal: {newer.name}"),
    ]


# -- the command ------------------------------------------------------------------------------------------------------


def test_check_shows_all_of_it_and_a_warning_leaves_the_exit_code_alone(tmp_path: Path) -> None:
    config = tmp_path / "config"
    copy_config(config)
    replace_in(config / "sessions.cfg", "NonStopSession=Y", "StartTime=08:00:00\nEndTime=18:00:00")
    Journal.open(tmp_path / "data" / "journal", map_bytes=1 << 24).close()
    words = ["check", "--config", str(config), "--data", str(tmp_path / "data")]
    said = CliRunner().invoke(app, words)
    assert said.exit_code == 0, said.output
    assert "schedule daily 08:00:00 to 18:00:00 UTC" in said.output
    assert "....R####..." in said.output
    assert "warning: sessions: 13 in the file and not in the journal" in said.output
    answer = json.loads(CliRunner().invoke(app, [*words, "--json"]).output)
    assert answer["ok"] is True
    assert [msgspec.convert(each, Finding).level for each in answer["findings"]] == ["warning"]
    assert len(answer["schedules"][0]["week"]) == 7
    (config / "certs" / "server.key").write_text("no key\n", encoding="utf-8")
    said = CliRunner().invoke(app, words)
    assert said.exit_code == 2
    assert "fault: listener tls: certificate or key cannot be read" in said.output
    missing = CliRunner().invoke(app, [*words[:3], "--data", str(tmp_path / "none")])
    assert missing.exit_code == 2
    assert "name the folder that `outcry serve --data` has" in missing.output
