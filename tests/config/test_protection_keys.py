"""Keys of protection: what they may say, what is noted of them, and the commands that they become."""

from pathlib import Path

import pytest

from config.commands import configuration_commands
from config.settings import check, load
from matching.commands import SetPermission, SetProtection, SetQuoteProtection
from matching.engine import Engine
from risk.engine import RiskEngine
from tests.config.folder import Edit, write_config
from tests.config.test_config_commands import SESSION_IDS, apply, configured

SECOND_NS = 1_000_000_000
OF_TRADER1 = "TargetCompID=TRADER1\n"


def with_keys(folder: Path, *lines: str) -> Path:
    """Write a configuration whose TRADER1 has more keys."""
    return write_config(folder, Edit("sessions.cfg", OF_TRADER1, OF_TRADER1 + "".join(f"{line}\n" for line in lines)))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((), (False, False, False, 0, True)),
        (("CancelOnDisconnect=Y",), (True, False, False, 0, True)),
        (("CancelOnDisconnect=ACCOUNTS", "CancelOnDisconnectSparesGTC=Y"), (True, True, True, 0, True)),
        (("CancelOnDisconnect=Y", "CancelOnDisconnectGrace=30", "CancelOnLogout=N"), (True, False, False, 30, False)),
    ],
)
def test_cancel_on_disconnect(tmp_path: Path, lines: tuple[str, ...], expected: tuple[object, ...]) -> None:
    session = load(with_keys(tmp_path, *lines)).sessions[0]
    assert (
        session.cancel_on_disconnect,
        session.cancel_on_disconnect_accounts,
        session.cancel_on_disconnect_spares_gtc,
        session.cancel_on_disconnect_grace_s,
        session.cancel_on_logout,
    ) == expected


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("CancelOnDisconnect=X", "N, Y or ACCOUNTS"),
        ("CancelOnDisconnectGrace=3601", "0..3600"),
        ("CancelOnLogout=1", "Y or N"),
        ("LogoutAfterThrottledSeconds=0", "1..3600"),
        ("RepeatedExecutionMax=-1", "0..10000000"),
        ("RepeatedExecutionMux=5", "did you mean RepeatedExecutionMax?"),
        ("QuoteProtectionQty=1.5", "0..1000000000000"),
        ("QuoteProtectionMilliseconds=0", "number of milliseconds 1..3600000"),
    ],
)
def test_a_value_that_is_not_allowed_is_a_fault(tmp_path: Path, line: str, allowed: str) -> None:
    (fault,) = check(with_keys(tmp_path, line)).faults
    assert allowed in str(fault)


def test_keys_that_do_nothing_are_noted(tmp_path: Path) -> None:
    idle = "CancelOnDisconnectGrace=5", "LogoutAfterThrottled=5", "QuoteProtectionMilliseconds=5"
    report = check(with_keys(tmp_path, *idle))
    assert not report.faults
    noted = " ".join(map(str, report.notes))
    assert "without effect: CancelOnDisconnect is N" in noted
    assert "the session has neither MessageRate nor CancelRate" in noted
    assert "none of QuoteProtectionQty, QuoteProtectionDelta, QuoteProtectionCount" in noted


def test_bounds_of_sessions_become_commands_once_and_are_lifted(tmp_path: Path) -> None:
    lines = ("MessageRate=10", "LogoutAfterThrottled=5", "RepeatedExecutionMax=7", "RepeatedExecutionSeconds=3")
    settings = load(with_keys(tmp_path, *lines))
    engine = Engine(RiskEngine())
    commands = configuration_commands(settings, engine, SESSION_IDS)
    expected = SetProtection(7, 5, SECOND_NS, 7, 3 * SECOND_NS)
    assert [command for command in commands if isinstance(command, SetProtection)] == [expected]
    apply(engine, commands)
    assert configuration_commands(settings, engine, SESSION_IDS) == []
    (lifted, *_) = [
        command
        for command in configuration_commands(load(write_config(tmp_path)), engine, SESSION_IDS)
        if isinstance(command, SetProtection)
    ]
    assert lifted == SetProtection(7, 0, 0, 0, 0)


def test_bounds_of_quotes_become_commands_once_and_are_lifted(tmp_path: Path) -> None:
    lines = ("QuoteProtectionQty=100", "QuoteProtectionDelta=50", "QuoteProtectionMilliseconds=250")
    settings = load(with_keys(tmp_path, *lines))
    engine = Engine(RiskEngine())
    commands = configuration_commands(settings, engine, SESSION_IDS)
    expected = SetQuoteProtection(7, 100, 50, 0, 250_000_000)
    assert [command for command in commands if isinstance(command, SetQuoteProtection)] == [expected]
    apply(engine, commands)
    assert configuration_commands(settings, engine, SESSION_IDS) == []
    lifted = configuration_commands(load(write_config(tmp_path)), engine, SESSION_IDS)
    assert SetQuoteProtection(7, 0, 0, 0, 0) in lifted


def test_sides_of_accounts_become_permissions_once_and_are_lifted(tmp_path: Path) -> None:
    edits = (
        Edit("accounts.toml", "message_rate = 10\n", 'message_rate = 10\nsides = "none"\n'),
        Edit("accounts.toml", 'order_qty_max = "0.5"\n', 'order_qty_max = "0.5"\nsides = "both"\n'),
    )
    settings = load(write_config(tmp_path, *edits))
    engine = Engine(RiskEngine())
    commands = configuration_commands(settings, engine, SESSION_IDS)
    permissions = [command for command in commands if isinstance(command, SetPermission)]
    assert permissions == [SetPermission(1, 0, "none"), SetPermission(1, 2, "both")]
    apply(engine, commands)
    assert configuration_commands(settings, engine, SESSION_IDS) == []
    lifted = configuration_commands(load(write_config(tmp_path)), engine, SESSION_IDS)
    assert lifted == [SetPermission(1, 0, ""), SetPermission(1, 2, "")]
    apply(engine, lifted)
    assert configuration_commands(load(write_config(tmp_path)), engine, SESSION_IDS) == []


def test_sides_that_are_not_known_are_a_fault(tmp_path: Path) -> None:
    edit = Edit("accounts.toml", "message_rate = 10\n", 'message_rate = 10\nsides = "left"\n')
    (fault,) = check(write_config(tmp_path, edit)).faults
    assert "both, buy, sell or none" in str(fault)


def test_an_engine_without_any_of_it_is_told_nothing(tmp_path: Path) -> None:
    settings = load(write_config(tmp_path))
    assert not configured(settings).risk.watches_executions
