"""What differs between two readings of a session, by its keys."""

import msgspec

from config.passwords import Credential
from config.schedules import Schedule, TimeRange
from config.session_changes import KEY_OF_FIELD, KeyChange, concerns_wire, key_changes
from config.session_keys import BY_NAME
from config.sessions import SessionSettings
from config.settings import SHIPPED, check


def shipped() -> SessionSettings:
    report = check(SHIPPED)
    assert report.settings is not None, report.faults
    return report.settings.sessions[0]


def test_every_field_of_a_session_has_its_key() -> None:
    identity = {"name", "begin_string", "sender_comp_id", "target_comp_id", "line"}
    assert set(SessionSettings.__struct_fields__) - identity == set(KEY_OF_FIELD)
    assert {key for key in KEY_OF_FIELD.values() if key.upper() not in BY_NAME} == set()


def test_only_what_differs_is_told_each_key_once_and_a_moved_section_is_the_same() -> None:
    before = shipped()
    after = msgspec.structs.replace(
        before,
        line=7,
        accounts=("ACC1", "ACC2"),
        cancel_on_disconnect=True,
        cancel_on_disconnect_accounts=True,
        heart_bt_int_min=9,
        schedule=Schedule(TimeRange(0, 3_600, 2, 6), None, "UTC"),
    )
    assert key_changes(before, msgspec.structs.replace(before, line=7), ({}, {})) == []
    assert key_changes(before, after, ({}, {})) == [
        KeyChange("Accounts", "ACC1", "ACC1,ACC2", "at once"),
        KeyChange("CancelOnDisconnect", "N", "ACCOUNTS", "at once"),
        KeyChange("HeartBtIntMin", "5", "9", "next logon"),
        KeyChange("StartTime", "non-stop", "Mon 00:00:00 to Fri 01:00:00 UTC", "at once"),
    ]
    assert concerns_wire(before, after)
    assert not concerns_wire(before, msgspec.structs.replace(before, accounts=(), enabled=False))


def test_a_password_is_told_and_never_shown() -> None:
    session = shipped()
    old, new = (Credential(session.username, "hmac", secret, 1) for secret in ("00" * 16, "11" * 16))
    moved = Credential(session.username, "hmac", "00" * 16, 9)
    assert key_changes(session, session, ({old.username: old}, {old.username: moved})) == []
    assert key_changes(session, session, ({old.username: old}, {old.username: new})) == [
        KeyChange("password", "", "", "next logon")
    ]
