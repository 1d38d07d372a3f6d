"""Edits of sessions.cfg: one session added, changed, removed, every other line as it was."""

import pytest

from config.session_edits import EditError, added, changed, removed

TEXT = """# who may connect
[DEFAULT]
SenderCompID=OUTCRY
BeginString=FIX.4.4

# the first
[SESSION]
TargetCompID=ONE
accounts=ACC1
MessageRate=5

# the second
[SESSION]
BeginString=FIX.4.2
TargetCompID=TWO
"""
ONE, TWO = "FIX.4.4:OUTCRY->ONE", "FIX.4.2:OUTCRY->TWO"


def test_a_session_is_added_at_the_end_without_what_default_says() -> None:
    text = added(TEXT, "FIX.4.4:OUTCRY->NEW", {"accounts": "ACC1,ACC2", "CancelOnDisconnect": "Y"})
    assert text == TEXT + "\n[SESSION]\nTargetCompID=NEW\nAccounts=ACC1,ACC2\nCancelOnDisconnect=Y\n"
    newer = added(TEXT, "FIXT.1.1:X->NEW", {})
    last = "\n[SESSION]\nBeginString=FIXT.1.1\nSenderCompID=X\nTargetCompID=NEW\nDefaultApplVerID=FIX.5.0SP2\n"
    assert newer == TEXT + last


def test_keys_are_set_where_they_stand_added_behind_the_last_and_taken_out() -> None:
    text = changed(TEXT, ONE, {"Accounts": "ACC2", "Enabled": "N"}, ["MessageRate"])
    assert text == TEXT.replace("accounts=ACC1\nMessageRate=5\n", "accounts=ACC2\nEnabled=N\n")


def test_a_session_is_removed_and_comments_stay() -> None:
    assert removed(TEXT, ONE) == TEXT.replace("[SESSION]\nTargetCompID=ONE\naccounts=ACC1\nMessageRate=5\n\n", "")
    assert removed(TEXT, TWO) == TEXT.replace("[SESSION]\nBeginString=FIX.4.2\nTargetCompID=TWO\n", "")
    assert removed(added(TEXT, "FIX.4.4:OUTCRY->NEW", {}), "FIX.4.4:OUTCRY->NEW").strip() == TEXT.strip()


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda: added(TEXT, ONE, {}), "sessions.cfg has FIX.4.4:OUTCRY->ONE already, at line 7"),
        (lambda: added(TEXT, "ONE", {}), "session 'ONE', allowed: BeginString:SenderCompID->TargetCompID"),
        (lambda: removed(TEXT, "FIX.4.4:OUTCRY->TWO"), "sessions.cfg has no session FIX.4.4:OUTCRY->TWO"),
        (lambda: changed(TEXT, ONE, {"Acounts": "A"}, []), "'Acounts' is no key of sessions.cfg"),
        (lambda: changed(TEXT, ONE, {"TargetCompID": "A"}, []), "TargetCompID is the session's name"),
        (lambda: changed(TEXT, ONE, {}, ["Enabled"]), "Enabled is not given in the section of FIX.4.4:OUTCRY->ONE"),
        (lambda: changed(TEXT, ONE, {"Accounts": "A\n[SESSION]"}, []), "the value has a control character"),
        (lambda: changed("nonsense\n", ONE, {"Accounts": "A"}, []), "sessions.cfg:1: line: found"),
    ],
)
def test_an_edit_that_cannot_be_is_refused_with_a_reason(edit: object, said: str) -> None:
    assert callable(edit)
    with pytest.raises(EditError, match=said.replace("(", r"\(").replace("[", r"\[")):
        edit()
