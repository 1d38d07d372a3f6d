# ruff: noqa: E501 - a table of faults is read by its rows
"""sessions.cfg: QuickFIX's meaning of QuickFIX's keys, ours beside them, and every kind of fault."""

from pathlib import Path
from typing import Literal

import pytest

from config.exchange import TlsSettings
from config.session_file import FILE
from config.sessions import wire_spec
from config.settings import Settings, check, load
from tests.config.folder import ACCOUNTS, EXCHANGE, INSTRUMENTS, Edit, faults, notes, write_config

LINE_6 = "BeginString=FIX.4.4\n"

FAULTS = [
    # a line below [DEFAULT] (it becomes line 2), the fault
    ("HeartBtIntMin=abc", '2: HeartBtIntMin: found "abc", allowed: whole number of seconds 1..3600'),
    ("HeartBtInt=abc", '2: HeartBtInt: found "abc", allowed: whole number of seconds 1..3600'),
    ("HeartBtIntMax=4", "2: HeartBtIntMax: found 5, allowed: HeartBtIntMin at most HeartBtIntMax, which is 4"),
    ("PersistMessages=N", '2: PersistMessages: found "N", allowed: Y'),
    ("CheckCompID=N", '2: CheckCompID: found "N", allowed: Y'),
    ("UseDataDictionary=N", '2: UseDataDictionary: found "N", allowed: Y'),
    ("ConnectionType=initiator", '2: ConnectionType: found "initiator", allowed: acceptor'),
    ("ResetOnLogon=yes", '2: ResetOnLogon: found "yes", allowed: Y or N'),
    ("resetonlogon=y", '2: ResetOnLogon: found "y", allowed: Y or N'),
    ("ResetOnLogn=Y", "2: ResetOnLogn: found an unknown key, allowed: a known key; did you mean ResetOnLogon?"),
    ("Zzz=Y", "2: Zzz: found an unknown key, allowed: a known key, see config/README.md"),
    ("SessionQualifier=A", '2: SessionQualifier: found "A", allowed: no SessionQualifier: QuickFIX refuses it for an acceptor too'),
    ("MaxLatency=0", '2: MaxLatency: found "0", allowed: whole number of seconds 1..86400'),
    ("TimestampPrecision=12", '2: TimestampPrecision: found "12", allowed: number of digits 0..9'),
    ("AllowedRemoteAddresses=10.0.0.1,host", '2: AllowedRemoteAddresses: found "10.0.0.1,host", allowed: IP addresses with commas between'),
    ("SocketAcceptPort=0", '2: SocketAcceptPort: found "0", allowed: port 1..65535'),
    ("TimeZone=Mars/Olympus", '2: TimeZone: found "Mars/Olympus", allowed: the IANA name of a time zone that this machine knows'),
    ("StartDay=Someday", '2: StartDay: found "Someday", allowed: a day of the week, Sunday..Saturday or its first two letters or more'),
    ("StartTime=9:00", '2: StartTime: found "9:00", allowed: a time HH:MM:SS, 00:00:00..23:59:59'),
    ("StartTime=09:00:00", "2: StartTime: found StartTime beside NonStopSession=Y, allowed: no schedule for a session that never ends"),
    ("MessageBurst=5", "2: MessageBurst: found 5, allowed: only with MessageRate"),
    ("Role=operator", '2: Role: found "operator", allowed: order_entry, drop_copy or market_data'),
    ("Authentication=token", '2: Authentication: found "token", allowed: password, hmac or none'),
    ("CertificateRevocationListFile=a.crl", '2: CertificateRevocationListFile: found "a.crl", allowed: no revocation list: it would not be looked at'),
    ("just words", '2: line: found "just words", allowed: [DEFAULT], [SESSION], Key=Value or # comment'),
    ("=Y", '2: line: found "=Y", allowed: a key before the ='),
    ("Role=\x01", "2: line: found control character 0x01, allowed: printable text"),
    ("[Session]", '2: section: found "[Session]", allowed: [DEFAULT] or [SESSION]'),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), FAULTS)
def test_a_fault_names_line_key_found_and_allowed(tmp_path: Path, line: str, expected: str) -> None:
    found = faults(tmp_path, Edit(FILE, "[DEFAULT]\n", f"[DEFAULT]\n{line}\n"))
    assert [fault for fault in found if fault.startswith(f"{FILE}:2: ")] == [f"{FILE}:{expected}"]
    assert len(found) == 1 or line in ("[Session]", "HeartBtIntMax=4")


SESSION_FAULTS = [
    # old, new, faults
    ("BeginString=FIX.4.4", "BeginString=FIX.4.1", ['6: BeginString: found "FIX.4.1", allowed: FIX.4.2, FIX.4.4 or FIXT.1.1']),
    ("TargetCompID=TRADER1\n", "", ["5: TargetCompID: found nothing, allowed: 1..64 printable ASCII characters without : and >"]),
    ("DefaultApplVerID=FIX.5.0SP2\n", "", ["10: DefaultApplVerID: found nothing, allowed: FIX.5.0SP2 or 9, for FIXT.1.1"]),
    ("DefaultApplVerID=FIX.5.0SP2", "DefaultApplVerID=FIX.5.0", ['12: DefaultApplVerID: found "FIX.5.0", allowed: FIX.5.0SP2 or 9']),
    ("Accounts=ACC1\n", "Accounts=ACC1,,ACC2\n", ['8: Accounts: found "ACC1,,ACC2", allowed: names of accounts with commas between, none twice, at most 10000']),
    ("Accounts=ACC1\n", "Accounts=ACC7, ACC1\n", ['8: Accounts: found "ACC7", allowed: accounts of accounts.toml: ACC1, ACC2']),
    ("Accounts=ACC1\n", "Accounts=ACC1\nFirms=FIRM1\n", ['9: Firms: found "FIRM1", allowed: only with Role=drop_copy; this session has Role=order_entry']),
    ("Role=drop_copy\n", "Role=drop_copy\nFirms=FIRM1, FIRM7\n", ['15: Firms: found "FIRM7", allowed: firms of accounts.toml: FIRM1']),
    ("Role=drop_copy\n", "Role=drop_copy\nFirms=FIRM1,FIRM1\n", ['15: Firms: found "FIRM1,FIRM1", allowed: names of firms with commas between, none twice, at most 10000']),
    ("Accounts=ACC1\n", "Accounts=ACC1\nInstruments=AAPL, NOSUCH\n", ['9: Instruments: found "NOSUCH", allowed: symbols of instruments.toml: AAPL, BTC-PERP']),
    ("Role=drop_copy\n", "Role=drop_copy\nInstruments=AAPL\n", ['15: Instruments: found "AAPL", allowed: no Instruments with Role=drop_copy, which receives the reports of its accounts']),
    ("Accounts=ACC1\n", "Accounts=ACC1\nAuthentication=hmac\nCheckLatency=N\n", ["10: CheckLatency: found N, allowed: Y with Authentication=hmac: a signed Logon has to have an age from which on it is too old"]),
    ("Role=drop_copy\n", "Role=drop_copy\nRequireTLS=Y\n", ["10: RequireTLS: found no listener that takes this session, allowed: one, in exchange.toml"]),
    ("Role=drop_copy\n", "Role=drop_copy\nDataDictionary=no.xml\nTransportDataDictionary=sessions.cfg\n", None),
    ("NonStopSession=Y\n", "", [
        "4: EndTime: found nothing, allowed: a time HH:MM:SS, or NonStopSession=Y",
        "4: StartTime: found nothing, allowed: a time HH:MM:SS, or NonStopSession=Y",
        "9: EndTime: found nothing, allowed: a time HH:MM:SS, or NonStopSession=Y",
        "9: StartTime: found nothing, allowed: a time HH:MM:SS, or NonStopSession=Y",
    ]),
    ("NonStopSession=Y", "StartTime=09:00:00\nEndTime=17:00:00\nStartDay=Mo", ["5: StartDay: found StartDay without EndDay, allowed: StartDay and EndDay together"]),
    ("NonStopSession=Y", "StartTime=09:00:00\nEndTime=17:00:00\nLogonTime=08:00:00", ["5: LogonTime: found 08:00:00, allowed: a time between StartTime and EndTime"]),
    ("NonStopSession=Y", "StartTime=09:00:00\nEndTime=17:00:00\nLogonDay=Mo", ["5: LogonDay: found LogonDay alone, allowed: LogonDay and LogoutDay together, or StartDay and EndDay too"]),
    ("NonStopSession=Y", "NonStopSession=Y\nUseLocalTime=N\nTimeZone=Asia/Tokyo", ["4: UseLocalTime: found N beside TimeZone=Asia/Tokyo, allowed: Y, or no TimeZone"]),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), SESSION_FAULTS)
def test_a_session_that_contradicts_itself_is_refused(
    tmp_path: Path, old: str, new: str, expected: list[str] | None
) -> None:
    found = faults(tmp_path, Edit(FILE, old, new))
    if expected is None:
        # The path may be cut where the temporary folder lies deep.
        (fault,) = found
        assert fault.startswith(f'{FILE}:16: TransportDataDictionary: found "{tmp_path}'[:90])
    else:
        assert found == [f"{FILE}:{line}" for line in expected]


def test_a_session_stands_once(tmp_path: Path) -> None:
    again = "[SESSION]\nBeginString=FIX.4.4\nTargetCompID=TRADER1\nAccounts=ACC2\n"
    found = faults(tmp_path, Edit(FILE, "[SESSION]\nBeginString=FIXT.1.1", f"{again}\n[SESSION]\nBeginString=FIXT.1.1"))
    twice = "a second FIX.4.4:OUTCRY->TRADER1"
    assert found == [f"{FILE}:10: SESSION: found {twice}, allowed: each session once; line 5 has it already"]


def test_a_second_default_section_is_refused(tmp_path: Path) -> None:
    found = faults(tmp_path, Edit(FILE, "NonStopSession=Y\n", "NonStopSession=Y\n[DEFAULT]\nMaxLatency=5\n"))
    assert found == [f"{FILE}:4: section: found a second [DEFAULT], allowed: one, which is at line 1"]


def test_a_line_that_quickfix_would_stop_at_is_refused(tmp_path: Path) -> None:
    found = faults(tmp_path, Edit(FILE, "NonStopSession=Y\n", f"NonStopSession=Y\n# {'x' * 1021}\n"))
    assert found == [f"{FILE}:4: line: found 1023 bytes, allowed: at most 1022 bytes"]


def test_keys_without_effect_are_named_once_at_their_first_line(tmp_path: Path) -> None:
    default = Edit(FILE, "NonStopSession=Y\n", "NonStopSession=Y\nFileStorePath=store\nHeartBtInt=30\n")
    session = Edit(FILE, "Role=drop_copy\n", "Role=drop_copy\nfilestorepath=elsewhere\nSocketConnectHost12=x\n")
    assert [note for note in notes(tmp_path, default, session) if note.startswith(FILE)] == [
        f"{FILE}:4: FileStorePath: without effect here: numbers and messages are kept in the journal of the data folder",
        f"{FILE}:5: HeartBtInt: without effect here: the client's Logon says HeartBtInt(108), within HeartBtIntMin and "
        "HeartBtIntMax",
        f"{FILE}:18: SocketConnectHost: without effect here: the exchange accepts connections and makes none",
    ]


def test_users_without_a_password_and_sessions_without_accounts_are_noted(tmp_path: Path) -> None:
    assert notes(tmp_path, Edit(FILE, "Accounts=ACC1\n", "")) == [
        "passwords: DROP1: nobody can log on as DROP1 until `outcry passwd DROP1` has been run",
        "passwords: TRADER1: nobody can log on as TRADER1 until `outcry passwd TRADER1` has been run",
        f"{FILE}:5: Accounts: no Accounts: every order is refused",
    ]


def test_a_drop_copy_without_accounts_and_firms_is_noted(tmp_path: Path) -> None:
    alone = Edit(FILE, "Role=drop_copy\nAccounts=ACC1, ACC2\n", "Role=drop_copy\n")
    expected = f"{FILE}:10: Accounts: neither Accounts nor Firms: nothing is copied"
    assert expected in notes(tmp_path, alone)


def test_a_drop_copy_may_watch_firms_alone(tmp_path: Path) -> None:
    firm = Edit(FILE, "Role=drop_copy\nAccounts=ACC1, ACC2\n", "Role=drop_copy\nFirms=FIRM1\n")
    settings = load(write_config(tmp_path, firm))
    assert [(session.accounts, session.firms) for session in settings.sessions] == [(("ACC1",), ()), ((), ("FIRM1",))]
    assert not [note for note in settings.notes if note.file == FILE]


def test_the_last_of_two_equal_keys_holds_as_in_quickfix(tmp_path: Path) -> None:
    edit = Edit(FILE, "NonStopSession=Y\n", "NonStopSession=Y\nMaxLatency=10\nMAXLATENCY=20\n")
    settings = load(write_config(tmp_path, edit))
    assert [session.max_latency_s for session in settings.sessions] == [20, 20]
    assert "sessions.cfg:5: MAXLATENCY: holds over line 4 of the same section, as in QuickFIX" in map(
        str, settings.notes
    )


def test_a_key_of_the_session_holds_over_the_default(tmp_path: Path) -> None:
    edits = (
        Edit(FILE, "NonStopSession=Y\n", "NonStopSession=Y\nResetOnLogout=Y\nTimestampPrecision=6\n"),
        Edit(FILE, "Role=drop_copy\n", "Role=drop_copy\nResetOnLogout=N\nMillisecondsInTimeStamp=N\n"),
    )
    sessions = load(write_config(tmp_path, *edits)).sessions
    assert [(session.reset_on_logout, session.timestamp_precision) for session in sessions] == [(True, 6), (False, 6)]


@pytest.mark.parametrize(
    ("lines", "precision"),
    [
        ("", 3),
        ("MillisecondsInTimeStamp=N\n", 0),
        ("MillisecondsInTimeStamp=Y\n", 3),
        ("MillisecondsInTimeStamp=N\nTimestampPrecision=9\n", 9),
        ("TimestampPrecision=0\n", 0),
    ],
)
def test_time_stamps_have_the_precision_that_quickfix_would_give(tmp_path: Path, lines: str, precision: int) -> None:
    settings = load(write_config(tmp_path, Edit(FILE, "NonStopSession=Y\n", f"NonStopSession=Y\n{lines}")))
    assert {session.timestamp_precision for session in settings.sessions} == {precision}


QUICKFIX_ACCEPTOR = """\
# default settings for sessions
[DEFAULT]
ConnectionType=acceptor
ReconnectInterval=60
SenderCompID=ARCA
FileStorePath=store
FileLogPath=log
SocketAcceptPort=9823
SocketReuseAddress=Y
StartTime=12:30:00
EndTime=21:30:00
UseDataDictionary=Y
ValidateUserDefinedFields=N

[SESSION]
BeginString=FIX.4.2
TargetCompID=TW
HeartBtInt=20
DataDictionary=spec/FIX42.xml

[SESSION]
  BeginString = FIX.4.4
  TargetCompID = INCA  \r
  SocketAcceptPort=9824
  ResetOnLogon=Y
"""


def _quickfix_settings(tmp_path: Path) -> Settings:
    files = {"exchange.toml": EXCHANGE, "instruments.toml": INSTRUMENTS, "accounts.toml": ACCOUNTS}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / FILE).write_bytes(QUICKFIX_ACCEPTOR.encode())
    (tmp_path / "spec").mkdir()
    shipped = Path(__file__).parents[2] / "config/dictionaries/FIX42.xml"
    (tmp_path / "spec/FIX42.xml").write_bytes(shipped.read_bytes())
    return load(tmp_path)


def test_an_acceptors_file_of_quickfix_works_as_it_is(tmp_path: Path) -> None:
    settings = _quickfix_settings(tmp_path)
    first, second = settings.sessions
    assert (first.name, first.ports, first.reset_on_logon) == ("FIX.4.2:ARCA->TW", (9823,), False)
    assert (second.name, second.ports, second.reset_on_logon) == ("FIX.4.4:ARCA->INCA", (9824,), True)
    assert first.app_dictionary == first.transport_dictionary == str(tmp_path / "spec/FIX42.xml")
    assert Path(second.app_dictionary).name == "FIX44.xml"
    assert not first.validate_user_defined_fields
    listeners = [(listener.host, listener.port, listener.tls) for listener in settings.exchange.listeners]
    assert listeners == [("127.0.0.1", 9878, None), ("127.0.0.1", 9823, None), ("127.0.0.1", 9824, None)]
    named = {note.key for note in settings.notes if note.file == FILE}
    assert named == {
        "Accounts",
        "FileLogPath",
        "FileStorePath",
        "HeartBtInt",
        "ReconnectInterval",
        "SocketAcceptPort",
        "SocketReuseAddress",
    }


def test_the_wire_is_told_quickfixs_own_defaults(tmp_path: Path) -> None:
    session = load(write_config(tmp_path)).sessions[1]
    assert wire_spec(session) == {
        "begin_string": "FIXT.1.1",
        "sender_comp_id": "OUTCRY",
        "target_comp_id": "DROP1",
        "default_appl_ver_id": "9",
        "transport_dictionary": session.transport_dictionary,
        "app_dictionary": session.app_dictionary,
        "heart_bt_int_min": 5,
        "heart_bt_int_max": 60,
        "check_latency": True,
        "max_latency_s": 120,
        "reset_on_logon": False,
        "reset_on_logout": False,
        "reset_on_disconnect": False,
        "refresh_on_logon": False,
        "send_redundant_resend_requests": False,
        "send_next_expected_msg_seq_num": False,
        "validate_length_and_checksum": True,
        "validate_fields_out_of_order": True,
        "validate_fields_have_values": True,
        "validate_user_defined_fields": True,
        "allow_unknown_msg_fields": False,
        "preserve_message_fields_order": False,
        "timestamp_precision": 3,
        "logon_timeout_s": 10,
        "logout_timeout_s": 2,
        "allowed_remote_addresses": (),
        "certificate_cn": "",
        "require_tls": False,
        "ports": (),
        "enabled": True,
    }
    assert Path(session.transport_dictionary).name == "FIXT11.xml"
    assert Path(session.app_dictionary).name == "FIX50SP2.xml"


def test_the_dictionary_of_an_application_version_is_the_qualified_one(tmp_path: Path) -> None:
    lines = "AppDataDictionary.FIX.4.4=other.xml\nAppDataDictionary.FIX.5.0SP2=mine.xml\nAppDataDictionary=no.xml\n"
    shipped = Path(__file__).parents[2] / "config/dictionaries/FIX50SP2.xml"
    (tmp_path / "mine.xml").symlink_to(shipped)
    edit = Edit(FILE, "Role=drop_copy\n", f"Role=drop_copy\n{lines}")
    assert load(write_config(tmp_path, edit)).sessions[1].app_dictionary == str(tmp_path / "mine.xml")


def test_a_dictionary_of_another_version_is_refused(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "config/dictionaries/FIX42.xml"
    (tmp_path / "mine.xml").symlink_to(shipped)
    found = faults(tmp_path, Edit(FILE, LINE_6, f"{LINE_6}DataDictionary=mine.xml\n"))
    what = f'"{tmp_path}/mine.xml" of FIX.4.2'
    assert found == [f"{FILE}:7: DataDictionary: found {what}, allowed: a dictionary of FIX.4.4"]


def test_a_dictionary_whose_logon_knows_no_password_is_refused(tmp_path: Path) -> None:
    stock = (
        "<fix type='FIX' major='4' minor='4'><messages><message name='Logon' msgtype='A'/></messages><fields/></fix>"
    )
    (tmp_path / "mine.xml").write_text(stock)
    dictionary = Edit(FILE, LINE_6, f"{LINE_6}DataDictionary=mine.xml\n")
    allowed = "a dictionary whose Logon(A) has Username, Password, as dictionaries/FIX44.xml"
    what = f'DataDictionary: found "{tmp_path}/mine.xml", allowed: {allowed}'
    assert faults(tmp_path, dictionary) == [f"{FILE}:7: {what}"]
    without = Edit(FILE, LINE_6, f"{LINE_6}DataDictionary=mine.xml\nAuthentication=none\n")
    assert faults(tmp_path, without) == []


OUTSIDE = Edit("exchange.toml", "port = 9878\n", 'port = 9878\nhost = "0.0.0.0"\n')


def test_no_authentication_is_for_this_machine_alone(tmp_path: Path) -> None:
    open_session = Edit(FILE, LINE_6, f"{LINE_6}Authentication=none\n")
    assert faults(tmp_path, open_session) == []
    expected = f"{FILE}:5: Authentication: found none, allowed: password or hmac, as other machines reach 0.0.0.0:9878"
    assert faults(tmp_path, open_session, OUTSIDE) == [expected]


def test_a_port_of_this_machine_alone_may_stand_beside_an_open_one(tmp_path: Path) -> None:
    inside = Edit(FILE, LINE_6, f"{LINE_6}Authentication=none\nSocketAcceptPort=9000\n")
    assert faults(tmp_path, inside, OUTSIDE) == []


def test_a_credential_of_another_kind_is_refused(tmp_path: Path) -> None:
    found = faults(tmp_path, Edit("passwords", "NOBODY", "TRADER1"))
    allowed = "what its line 1 in `passwords` holds: hmac"
    assert found == [f"{FILE}:5: Authentication: found password for TRADER1, allowed: {allowed}"]


@pytest.mark.parametrize(("level", "wanted"), [(0, "none"), (1, "required"), (2, "optional"), (3, "none")])
def test_a_port_that_a_session_asks_for_gets_the_tls_of_the_defaults(
    tmp_path: Path, level: int, wanted: Literal["none", "optional", "required"]
) -> None:
    (tmp_path / "cert.pem").touch()
    (tmp_path / "ca.pem").touch()
    files = "ServerCertificateFile=cert.pem\nCertificationAuthoritiesFile=ca.pem"
    tls = f"{files}\nCertificateVerifyLevel={level}\n"
    edits = (
        Edit(FILE, "NonStopSession=Y\n", f"NonStopSession=Y\n{tls}"),
        Edit(FILE, LINE_6, f"{LINE_6}SocketAcceptPort=9900\nRequireTLS=Y\n"),
    )
    settings = load(write_config(tmp_path, *edits))
    certificate, authorities = str(tmp_path / "cert.pem"), str(tmp_path / "ca.pem")
    assert settings.exchange.listeners[1].tls == TlsSettings(certificate, certificate, wanted, authorities)
    assert settings.sessions[0].require_tls


def test_the_name_of_a_certificate_implies_tls(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").touch()
    files = "ServerCertificateFile=cert.pem\nCertificationAuthoritiesFile=cert.pem\nCertificateVerifyLevel=1"
    edits = (
        Edit(FILE, "NonStopSession=Y\n", f"NonStopSession=Y\n{files}\n"),
        Edit(FILE, LINE_6, f"{LINE_6}SocketAcceptPort=9900\nCertificateCN=trader one\n"),
    )
    session = load(write_config(tmp_path, *edits)).sessions[0]
    assert (session.require_tls, session.certificate_cn) == (True, "trader one")


def test_a_certificate_that_no_listener_asks_for_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").touch()
    edits = (
        Edit(FILE, "NonStopSession=Y\n", "NonStopSession=Y\nServerCertificateFile=cert.pem\n"),
        Edit(FILE, LINE_6, f"{LINE_6}SocketAcceptPort=9900\nCertificateCN=trader one\n"),
    )
    allowed = "a listener with client_certificates that takes this session"
    assert faults(tmp_path, *edits) == [f"{FILE}:6: CertificateCN: found no such listener, allowed: {allowed}"]


def test_verification_without_authorities_and_missing_files_are_refused(tmp_path: Path) -> None:
    tls = "ServerCertificateFile=cert.pem\nCertificateVerifyLevel=1\nSocketAcceptPort=9900\n"
    found = faults(tmp_path, Edit(FILE, "NonStopSession=Y\n", f"NonStopSession=Y\n{tls}"))
    assert found == [
        f'{FILE}:4: ServerCertificateFile: found "cert.pem", allowed: a file that exists',
        f'{FILE}:5: CertificateVerifyLevel: found "1", allowed: 0, or CertificationAuthoritiesFile too',
    ]


def test_bytes_that_are_no_text_are_named_with_their_line(tmp_path: Path) -> None:
    write_config(tmp_path)
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes() + b"# caf\xe9\nRole=caf\xe9\n")
    assert [str(fault) for fault in check(tmp_path).faults] == [
        f"{FILE}:17: line: found byte 0xe9, allowed: text in UTF-8"
    ]
