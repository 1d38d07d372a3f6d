"""The journaled note that sessions were read again."""

from matching.codec import decode_commands, decode_events, encode_commands, encode_events
from matching.commands import ChangeSessions
from matching.events import CommandRefused, SessionsChanged
from tests.matching.harness import MAKER, TRADER, Harness


def test_who_has_changed_the_sessions_and_why_is_told_and_journaled() -> None:
    command = ChangeSessions((TRADER,), (), (MAKER,), "operator", "ticket 1")
    events = Harness().apply(command)
    assert events == [SessionsChanged((TRADER,), (), (MAKER,), "operator", "ticket 1")]
    assert decode_commands(encode_commands([command])) == [command]
    assert decode_events(encode_events(events)) == events


def test_a_session_that_is_not_defined_is_refused() -> None:
    events = Harness().apply(ChangeSessions((), (99,), (), "operator", ""))
    assert events == [CommandRefused("ChangeSessions", "session 99 is not defined")]
