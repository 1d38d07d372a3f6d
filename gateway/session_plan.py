"""What reading sessions.cfg again would change: each session added, removed, changed or as it was, and what forbids it.

Nothing is done here. A plan with a fault is not carried out, not even in part.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from config.accounts import FILE as ACCOUNTS
from config.accounts import AccountSettings
from config.exchange import FILE as EXCHANGE
from config.exchange import ListenerSettings
from config.faults import Fault, FaultLog, Note, quote
from config.session_changes import WANTS_LOGOUT, KeyChange, key_changes, lines_of
from config.session_file import FILE
from config.sessions import SessionSettings
from config.settings import Settings


class LiveSession(msgspec.Struct, frozen=True):
    """What a running exchange knows of a session. `open_accounts`: the names of accounts it has open orders of.

    None: its shards alone know.
    """

    session_id: int
    logged_on: bool
    open_accounts: frozenset[str] | None


class SessionChange(msgspec.Struct, frozen=True):
    """A session whose keys have changed."""

    before: SessionSettings
    after: SessionSettings
    keys: tuple[KeyChange, ...]


class Plan(msgspec.Struct, frozen=True):
    """`settings` are what would run; `canceling` are names of removed sessions whose open orders go with them."""

    settings: Settings
    added: tuple[SessionSettings, ...]
    removed: tuple[SessionSettings, ...]
    changed: tuple[SessionChange, ...]
    unchanged: int
    accounts_changed: bool
    canceling: frozenset[str]
    faults: tuple[Fault, ...]
    notes: tuple[Note, ...]

    def report(self) -> dict[str, Any]:
        """Return what an operator is told of it."""
        return {
            "added": [session.name for session in self.added],
            "removed": [session.name for session in self.removed],
            "changed": [{"session": change.after.name, "keys": change.keys} for change in self.changed],
            "unchanged": self.unchanged,
            "accounts_changed": self.accounts_changed,
            "orders_canceled_of": sorted(self.canceling),
            "notes": [str(note) for note in self.notes],
        }


class Differences(msgspec.Struct, frozen=True):
    """What two readings of the files differ in. `lines`: by the line of each session those of its keys."""

    running: Settings
    read: Settings
    added: tuple[SessionSettings, ...]
    removed: tuple[SessionSettings, ...]
    changed: tuple[SessionChange, ...]
    unchanged: int
    accounts_changed: bool
    lines: Mapping[int, Mapping[str, int]]

    def concerned(self) -> list[str]:
        """Return the names of the sessions that run and are not as they were."""
        return [session.name for session in self.removed] + [change.after.name for change in self.changed]


def differences(running: Settings, read: Settings, *, sessions_file: str = FILE) -> Differences:
    """Compare what runs with what was read."""
    before = {session.name: session for session in running.sessions}
    after = {session.name: session for session in read.sessions}
    passwords = running.passwords, read.passwords
    changed = tuple(
        SessionChange(before[name], session, tuple(keys))
        for name, session in after.items()
        if name in before and (keys := key_changes(before[name], session, passwords))
    )
    return Differences(
        running=running,
        read=read,
        added=tuple(session for name, session in after.items() if name not in before),
        removed=tuple(session for name, session in before.items() if name not in after),
        changed=changed,
        unchanged=len(after.keys() & before.keys()) - len(changed),
        accounts_changed=_without_lines(read.accounts) != _without_lines(running.accounts)
        or read.firms != running.firms,
        lines=lines_of(read.config_dir / sessions_file),
    )


def plan_changes(found: Differences, live: Mapping[str, LiveSession], *, cancel_orders: bool, sharded: bool) -> Plan:
    """Judge differences by what goes on. `live` has every session that they concern, by name.

    `cancel_orders`: the open orders of removed sessions are canceled whatever their CancelOnDisconnect says.
    """
    judge = _Judge(found, live, cancel_orders=cancel_orders, sharded=sharded)
    judge.look_at_surroundings()
    judge.look_at_removed()
    for change in found.changed:
        judge.look_at_change(change)
    read = found.read
    settings = msgspec.structs.replace(
        found.running, sessions=read.sessions, accounts=read.accounts, firms=read.firms, passwords=read.passwords
    )
    return Plan(
        settings=settings,
        added=found.added,
        removed=found.removed,
        changed=found.changed,
        unchanged=found.unchanged,
        accounts_changed=found.accounts_changed,
        canceling=frozenset(judge.canceling),
        faults=tuple(judge.log.faults),
        notes=tuple(judge.log.notes),
    )


def _without_lines(accounts: Iterable[AccountSettings]) -> list[AccountSettings]:
    return [msgspec.structs.replace(account, line=0) for account in accounts]


class _Judge:
    """Looks for what contradicts the running exchange, and notes it where the file says it."""

    def __init__(
        self,
        found: Differences,
        live: Mapping[str, LiveSession],
        *,
        cancel_orders: bool,
        sharded: bool,
    ) -> None:
        self.log = FaultLog()
        self.canceling: set[str] = set()
        self._found = found
        self._running = found.running
        self._read = found.read
        self._live = live
        self._cancel_orders = cancel_orders
        self._sharded = sharded

    def look_at_surroundings(self) -> None:
        """A listener is opened, and another bound comes into force, at a start alone."""
        known = {_place(listener) for listener in self._running.exchange.listeners}
        for listener in self._read.exchange.listeners:
            if _place(listener) not in known:
                allowed = "a listener that runs; a new one, or other TLS, needs a restart of the exchange"
                found = f"{listener.host}:{listener.port} ({listener.name})"
                self.log.add(EXCHANGE, 0, "listener", found=found, allowed=allowed)
        if msgspec.structs.replace(self._read.exchange, listeners=()) != msgspec.structs.replace(
            self._running.exchange, listeners=()
        ):
            self.log.note(EXCHANGE, 0, "file", "has changed; that counts from the next start of the exchange")
        if self._sharded and self._found.accounts_changed:
            allowed = "as it runs: with shards, accounts and their limits change with a restart of the exchange"
            self.log.add(ACCOUNTS, 0, "account", found="a change", allowed=allowed)

    def look_at_removed(self) -> None:
        """A session that goes leaves no order behind; nobody could cancel it."""
        by_comp_ids = {(session.sender_comp_id, session.target_comp_id): session for session in self._found.added}
        for session in self._found.removed:
            live = self._live[session.name]
            other = by_comp_ids.get((session.sender_comp_id, session.target_comp_id))
            if other is not None and live.logged_on:
                allowed = f"{session.begin_string} while {session.name} is logged on; log it out first"
                self._fault(other, "BeginString", other.begin_string, allowed)
            elif live.open_accounts is None or live.open_accounts:
                self._look_at_orders(session, live)

    def _look_at_orders(self, session: SessionSettings, live: LiveSession) -> None:
        if self._cancel_orders or (session.cancel_on_disconnect and not session.cancel_on_disconnect_spares_gtc):
            self.canceling.add(session.name)
            return
        has = "has open orders" if live.open_accounts else "may have open orders, which its shards alone know"
        allowed = f"it stays while it {has}: cancel them first, or let `--cancel-orders` do it"
        self.log.add(FILE, 0, "SESSION", found=f"no {session.name} any longer", allowed=allowed)

    def look_at_change(self, change: SessionChange) -> None:
        """What both sides build on does not change under a live session, nor an account under its orders."""
        live, after = self._live[change.after.name], change.after
        for key in change.keys:
            if key.key in WANTS_LOGOUT and live.logged_on:
                allowed = f"{key.before or 'no value'} while {after.name} is logged on; log it out first"
                self._fault(after, key.key, key.after, allowed)
        taken = [name for name in change.before.accounts if name not in after.accounts]
        if change.before.role == "order_entry":
            self._look_at_taken(change, taken, live)

    def _look_at_taken(self, change: SessionChange, taken: list[str], live: LiveSession) -> None:
        after = change.after
        if live.open_accounts is None:
            if taken or after.role != "order_entry":
                key = "Accounts" if taken else "Role"
                allowed = "as it runs: with shards, this needs a restart of the exchange"
                self._fault(after, key, ",".join(after.accounts) if taken else after.role, allowed)
            return
        for name in taken:
            if name in live.open_accounts:
                allowed = f"with {name}, of which {after.name} has open orders; cancel them first"
                self._fault(after, "Accounts", ",".join(after.accounts), allowed)
        if after.role != "order_entry" and live.open_accounts:
            allowed = f"order_entry while {after.name} has open orders; cancel them first"
            self._fault(after, "Role", after.role, allowed)

    def _fault(self, session: SessionSettings, key: str, found: str, allowed: str) -> None:
        line = self._found.lines.get(session.line, {}).get(key.upper(), session.line)
        self.log.add(FILE, line, key, found=quote(found), allowed=allowed)


def _place(listener: ListenerSettings) -> ListenerSettings:
    """Return a listener without what may differ while it stays the same socket."""
    return msgspec.structs.replace(listener, name="")
