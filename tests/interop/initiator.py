"""A QuickFIX initiator as a program of its own, driven line by line: commands on standard input, events on output.

Commands: `send TAG=VALUE|TAG=VALUE...`, `logout`, `logon`, `password TEXT`, `reset` (the next Logon has
ResetSeqNumFlag(141)=Y) and `quit`. Events are JSON objects with `event` and, for messages, `text`. It
runs under an interpreter that has the `quickfix` package and imports nothing of the project. An exception in a callback
would end the process without a word (the binding calls Py_Exit), so each callback turns it into an event.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

import quickfix

Callback = Callable[..., Any]


def tell(event: str, text: str = "") -> None:
    """Write one event."""
    sys.stdout.write(json.dumps({"event": event, "text": text.replace("\x01", "|")}) + "\n")
    sys.stdout.flush()


def guarded(callback: Callback) -> Callback:
    """Return a callback whose exceptions become events."""

    def call(*arguments: Any) -> Any:
        try:
            return callback(*arguments)
        except Exception as error:
            tell("error", f"{callback.__name__}: {error!r}")
            return None

    return call


class Client(quickfix.Application):  # type: ignore[misc]  # the binding has no types
    """Tells of everything that happens; adds user and password to the Logon."""

    def __init__(self, username: str) -> None:
        super().__init__()
        self._username = username
        self.password = username.lower()
        self.wants_reset = False
        self.session_id: Any = None

    @guarded
    def onCreate(self, session_id: Any) -> None:  # noqa: N802 - a name that QuickFIX demands
        self.session_id = session_id

    @guarded
    def onLogon(self, session_id: Any) -> None:  # noqa: N802 - a name that QuickFIX demands
        tell("logon")

    @guarded
    def onLogout(self, session_id: Any) -> None:  # noqa: N802 - a name that QuickFIX demands
        tell("logout")

    @guarded
    def toAdmin(self, message: Any, session_id: Any) -> None:  # noqa: N802 - a name that QuickFIX demands
        kind = message.getHeader().getField(35)
        if kind == "A":
            message.setField(quickfix.StringField(553, self._username))
            message.setField(quickfix.StringField(554, self.password))
            if self.wants_reset:
                message.setField(quickfix.StringField(141, "Y"))
                self.wants_reset = False
        elif kind != "0":
            tell("to_admin", message.toString())

    @guarded
    def fromAdmin(self, message: Any, session_id: Any) -> None:  # noqa: N802 - a name that QuickFIX demands
        tell("from_admin", message.toString())

    @guarded
    def toApp(self, message: Any, session_id: Any) -> None:  # noqa: N802 - a name that QuickFIX demands
        tell("to_app", message.toString())

    @guarded
    def fromApp(self, message: Any, session_id: Any) -> None:  # noqa: N802 - a name that QuickFIX demands
        tell("message", message.toString())


def add_entry(parent: Any, count: str, text: str, separators: str) -> None:
    """Add an entry to a group; the first separator stands between its fields, the next inside a group in it."""
    group = None
    for part in text.split(separators[0]):
        name, _, value = part.partition("=")
        if "/" in name:
            inner, _, rest = part.partition("/")
            add_entry(group, inner, rest, separators[1:])
            continue
        if group is None:
            group = quickfix.Group(int(count), int(name))
        group.setField(quickfix.StringField(int(name), value))
    parent.addGroup(group)


def message_of(text: str) -> Any:
    """Return the message that TAG=VALUE|... describes; 35 comes first, COUNT/TAG=VALUE;TAG=VALUE is an entry."""
    message = quickfix.Message()
    for part in text.split("|"):
        tag, _, value = part.partition("=")
        if "/" in tag:
            count, _, entry = part.partition("/")
            add_entry(message, count, entry, ";&")
            continue
        field = quickfix.StringField(int(tag), value)
        if tag == "35":
            message.getHeader().setField(field)
        else:
            message.setField(field)
    return message


def main(config: str, username: str) -> int:
    """Run until `quit` or the end of the input."""
    client = Client(username)
    settings = quickfix.SessionSettings(config)
    initiator = quickfix.SocketInitiator(client, quickfix.FileStoreFactory(settings), settings)
    initiator.start()
    for line in sys.stdin:
        command, _, text = line.rstrip("\n").partition(" ")
        if command == "quit":
            break
        if command == "password":
            client.password = text
            continue
        if command == "reset":
            client.wants_reset = True
            continue
        if command in ("logon", "logout"):
            getattr(quickfix.Session.lookupSession(client.session_id), command)()
            continue
        quickfix.Session.sendToTarget(message_of(text), client.session_id)
    initiator.stop()
    tell("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
