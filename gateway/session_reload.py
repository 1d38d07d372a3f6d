"""Sessions added, changed and removed while the exchange runs: sessions.cfg is read again, and what differs is done.

Whole or not at all. What the engine has to know of it is one batch of the journal; who may log on, and how, stands in
the files, which are read again at every start. Owner: the main thread's event loop, but for what it says of itself.
"""

import asyncio
import copy
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from config.commands import account_commands, session_commands
from config.faults import ConfigFaults, Fault
from config.session_changes import concerns_wire
from config.session_file import FILE as SESSIONS
from config.sessions import SessionSettings, wire_spec
from config.settings import Settings, load
from config.shards import leave_settings
from gateway.admin import AdminError
from gateway.admission import Admission
from gateway.descriptors import raise_descriptor_limit
from gateway.exchange import Exchange
from gateway.operator_waits import look_until
from gateway.pipeline import FaultPoint
from gateway.relay import GatewayEngine, RelayEngine
from gateway.running_settings import RunningSettings
from gateway.session_plan import Differences, LiveSession, Plan, SessionChange, differences, plan_changes
from gateway.session_setup import (
    NOT_CONFIGURED,
    AccountNames,
    add_one_to_wire,
    admission_accounts,
    gateway_session,
    set_windows,
)
from gateway.sessions import GatewaySession, SessionBook
from gateway.shard_instructions import INSTRUCTIONS
from gateway.shard_keeper import SETTINGS_NAME, SHARDS_FOLDER
from gateway.start_up import Started, new_state
from gateway.wire import Wire
from matching.clock import Clock
from matching.codec import SessionState
from matching.commands import CancelSessionOrders, ChangeSessions, Command, InstructShards
from matching.events import Event
from matching.work import RESTATED_OTHER

CANDIDATE: Final = "sessions.cfg.new"
"""The file in which a new sessions.cfg is prepared beside the one that holds."""
LEAVE_TEXT: Final = "The session is no longer configured"
LEAVE_WAIT_S: Final = 3.0
"""How long a removed session may take to answer its Logout, and its last numbers to be journaled."""
SECOND_NS: Final = 1_000_000_000

READ_BY_WIRE: Final = (
    "begin_string",
    "transport_dictionary",
    "app_dictionary",
    "validate_fields_out_of_order",
    "validate_fields_have_values",
    "validate_user_defined_fields",
    "allow_unknown_msg_fields",
    "preserve_message_fields_order",
)
"""What decides how a dictionary is read: sessions that agree in it are looked at once."""

log = structlog.get_logger("sessions")


class ContradictionError(Exception):
    """What was read contradicts what goes on; nothing has changed."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = faults


class SessionReload:
    """`events` returns what an operation on the matching thread brought about, once it is durable; `answer` waits for
    shards to confirm it; `read` runs on the matching thread. `fault_point` is passed on the way.
    """

    def __init__(
        self,
        *,
        running: RunningSettings,
        data_dir: Path,
        exchange: Exchange,
        wire: Wire,
        sessions: SessionBook,
        started: Started,
        admission: Admission,
        clock: Clock,
        read: Callable[[Callable[[], Any]], Awaitable[Any]],
        events: Callable[[Callable[[], tuple[list[Event], int]]], Awaitable[list[Event]]],
        answer: Callable[[list[Event]], Awaitable[dict[str, Any]]],
        fault_point: FaultPoint,
    ) -> None:
        self._running = running
        self._shard_settings = data_dir / SHARDS_FOLDER / SETTINGS_NAME
        self._exchange = exchange
        self._wire = wire
        self._sessions = sessions
        self._started = started
        self._admission = admission
        self._clock = clock
        self._read = read
        self._events = events
        self._answer = answer
        self._fault_point = fault_point
        self._at_work = asyncio.Lock()

    async def reload(
        self,
        reason: str,
        by: str = "operator",
        dry_run: bool = False,
        candidate: bool = False,
        cancel_orders: bool = False,
    ) -> dict[str, Any]:
        """Read the sessions again and do what differs; with a fault, or with `dry_run`, nothing.

        `candidate`: it is sessions.cfg.new that is read, to say what it would change.
        """
        if candidate and not dry_run:
            raise AdminError(f"{CANDIDATE} is only read to say what it would change")
        async with self._at_work:
            name = CANDIDATE if candidate else SESSIONS
            try:
                read = await asyncio.to_thread(load, self._running.settings.config_dir, sessions_file=name)
                found = await asyncio.to_thread(differences, self._running.settings, read, sessions_file=name)
            except ConfigFaults as error:
                return _refused(error.faults)
            change = _Change(self._exchange, self._sessions, self._started, self._clock, found, cancel_orders)
            plan = await self._read(change.plan)
            faults = plan.faults or await asyncio.to_thread(self._wire_faults, plan)
            if faults:
                return _refused(faults)
            result = {"done": not dry_run, "config": str(read.config_dir), **plan.report()}
            if dry_run:
                return result
            try:
                return {**result, **await self._carry_out(change, by, reason)}
            except ContradictionError as error:
                return _refused(error.faults)

    def _wire_faults(self, plan: Plan) -> list[Fault]:
        """Return what the wire has against a session: a dictionary that QuickFIX cannot read, say. Any thread."""
        faults = []
        looked_at = set()
        for session in (*plan.added, *(change.after for change in plan.changed)):
            spec = wire_spec(session)
            kind = tuple(spec[name] for name in READ_BY_WIRE)
            if kind in looked_at:
                continue
            looked_at.add(kind)
            try:
                self._wire.check_session(spec)
            except ValueError as error:
                faults.append(Fault(SESSIONS, session.line, "SESSION", session.name, str(error)))
        return faults

    async def _carry_out(self, change: "_Change", by: str, reason: str) -> dict[str, Any]:
        self._fault_point("sessions.before")
        raise_descriptor_limit(change.found.read)
        # Left first, so that a shard that is started again meanwhile takes nothing back.
        await self._leave_for_shards(change.planned.settings)
        try:
            events = await self._events(partial(change.apply, by, reason))
        except ContradictionError:
            await self._leave_for_shards(self._running.settings)
            raise
        self._fault_point("sessions.journaled")
        plan = change.planned
        self._running.settings = plan.settings
        self._admission.accounts = admission_accounts(plan.settings, self._sessions)
        # What shards have to know of a session they know before its first order can come.
        waiting = await self._answer(events)
        await self._tell_wire(plan)
        log.info(
            "sessions were read again",
            added=[session.name for session in plan.added],
            removed=[session.name for session in plan.removed],
            changed={change.after.name: [key.key for key in change.keys] for change in plan.changed},
        )
        return {"unconfirmed": waiting["unconfirmed"]} if waiting.get("unconfirmed") else {}

    async def _leave_for_shards(self, settings: Settings) -> None:
        if self._exchange.market is not None:
            await asyncio.to_thread(leave_settings, settings, self._shard_settings)

    # -- the wire -----------------------------------------------------------------------------------------------------

    async def _tell_wire(self, plan: Plan) -> None:
        """Tell the wire what is in the journal: those that leave first, as their names may be free for others."""
        now_s = self._clock.now_ns() // SECOND_NS
        ids = self._sessions.ids_by_name()
        if plan.removed:
            self._fault_point("sessions.wire")
            await self._leave([self._sessions.by_id[ids[session.name]] for session in plan.removed])
        for change in plan.changed:
            self._fault_point("sessions.wire")
            self._change_on_wire(ids[change.after.name], change, now_s)
        for session in plan.added:
            self._fault_point("sessions.wire")
            add_one_to_wire(self._wire, session, self._sessions.by_id[ids[session.name]].state, now_s)

    async def _leave(self, sessions: Sequence[GatewaySession]) -> None:
        """Log sessions out, behind what they were told last, and let the wire forget them."""
        exchange = self._exchange
        # What becomes of their orders is said before the Logout.
        await self._until_none(sessions, lambda session: exchange.has_orders_of(session.session_id))
        for session in sessions:
            self._wire.logout(session.session_id, LEAVE_TEXT)
            self._wire.enable(session.session_id, False)
        await self._until_none(sessions, lambda session: session.logged_on)
        for session in sessions:
            self._wire.remove_session(session.session_id)
        # Their numbers are read again when they are added again.
        await self._until_none(
            sessions, lambda session: session.logged_on or exchange.holds_numbers_of(session.session_id)
        )

    async def _until_none(self, sessions: Sequence[GatewaySession], is_so: Callable[[GatewaySession], bool]) -> None:
        """Wait a moment until something is so of no session any more. It is looked at on the matching thread."""
        await look_until(
            lambda: self._read(lambda: any(is_so(session) for session in sessions)),
            lambda found: not found,
            LEAVE_WAIT_S,
        )

    def _change_on_wire(self, session_id: int, change: SessionChange, now_s: int) -> None:
        before, after = change.before, change.after
        if concerns_wire(before, after):
            self._wire.change_session({**wire_spec(after), "session_id": session_id})
        if before.schedule != after.schedule:
            set_windows(self._wire, after, session_id, now_s)
        if before.enabled != after.enabled:
            self._wire.enable(session_id, after.enabled)


class _Change:
    """One reading of the files against the exchange as it runs. Owner: the matching thread."""

    def __init__(
        self,
        exchange: Exchange,
        sessions: SessionBook,
        started: Started,
        clock: Clock,
        found: Differences,
        cancel_orders: bool,
    ) -> None:
        self.found = found
        self._exchange = exchange
        self._sessions = sessions
        self._started = started
        self._engine: GatewayEngine = started.engine
        self._clock = clock
        self._cancel_orders = cancel_orders
        self._ids = sessions.ids_by_name()
        self._accounts: list[Command] = []
        self._of_shards: list[CancelSessionOrders] = []
        self._new: dict[int, SessionState] = {}
        self.planned: Plan

    def plan(self) -> Plan:
        """Say what would be done now, and what forbids it."""
        market = self._exchange.market
        live = {name: self._live(name) for name in self.found.concerned()}
        plan = plan_changes(self.found, live, cancel_orders=self._cancel_orders, sharded=market is not None)
        if market is not None and plan.canceling and (down := market.down()):
            faults = (
                Fault(SESSIONS, 0, "SESSION", f"no {name} any longer", f"it stays while shard {down[0][0]} is down")
                for name in sorted(plan.canceling)
            )
            plan = msgspec.structs.replace(plan, faults=(*plan.faults, *faults))
        try:
            self._accounts = account_commands(self.found.read, self._engine) if self.found.accounts_changed else []
        except ConfigFaults as error:
            plan = msgspec.structs.replace(plan, faults=(*plan.faults, *error.faults))
        self.planned = plan
        return plan

    def _live(self, name: str) -> LiveSession:
        session_id = self._ids[name]
        session = self._sessions.by_id[session_id]
        if self._exchange.market is not None:
            return LiveSession(session_id, session.logged_on, None if session.role == "order_entry" else frozenset())
        names = self._engine.accounts
        orders = self._engine.sessions[session_id].open_orders()
        return LiveSession(session_id, session.logged_on, frozenset(names[order.account_id].name for order in orders))

    def apply(self, by: str, reason: str) -> tuple[list[Event], int]:
        """Do it in one batch. Raises ContradictionError where it may be done no longer."""
        plan = self.plan()
        if plan.faults:
            raise ContradictionError(plan.faults)
        new = self._new_states(plan.added)
        touched = [*plan.added, *(change.after for change in plan.changed)]
        commands = [
            *self._cancels(plan),
            *self._accounts,
            *self._definitions(msgspec.structs.replace(plan.settings, sessions=tuple(touched))),
            self._note(plan, by, reason),
        ]
        written = [*new, *self._begun_anew(plan)]
        events, batch_seq = self._exchange.command_together(commands, written)
        self._fill_book(plan, touched)
        return events, batch_seq

    def _new_states(self, added: Iterable[SessionSettings]) -> dict[int, SessionState]:
        """Return the states of sessions that nobody has known before, by the ids that they get."""
        created_s = self._clock.now_ns() // SECOND_NS
        last = self._exchange.last_begun()
        states = {}
        next_id = max(self._ids.values(), default=0) + 1
        for session in added:
            if session.name not in self._ids:
                self._ids[session.name] = next_id
                states[next_id] = new_state(next_id, session, created_s=created_s, drop_copy_seq=last)
                next_id += 1
        self._new = states
        return states

    def _begun_anew(self, plan: Plan) -> list[int]:
        """Let sessions that become drop copies be told of nothing that was before; return their ids."""
        last = self._exchange.last_begun()
        ids = []
        for change in plan.changed:
            if change.after.role == "drop_copy" != change.before.role:
                session = self._sessions.by_id[self._ids[change.after.name]]
                session.state = copy.copy(session.state)
                session.state.drop_copy_seq = last
                self._exchange.drop_copies.begin_at(session, last)
                ids.append(session.session_id)
        return ids

    def _cancels(self, plan: Plan) -> list[Command]:
        """Return what cancels the orders of those that leave; shards are told of it beside the batch."""
        cancels = [
            CancelSessionOrders(self._ids[name], NOT_CONFIGURED, restatement=RESTATED_OTHER)
            for name in sorted(plan.canceling)
        ]
        if self._exchange.market is None:
            return list[Command](cancels)
        self._of_shards = cancels
        return []

    def _definitions(self, settings: Settings) -> list[Command]:
        """Return what defines the sessions, for this engine and for every shard."""
        market = self._exchange.market
        commands = session_commands(settings, self._engine, self._ids)
        if market is None:
            return commands
        shards = tuple(market.links)
        told = [InstructShards(shards, command) for command in commands if isinstance(command, INSTRUCTIONS)]
        if isinstance(self._engine, RelayEngine) and not self._engine.instructions.has_room_for_operators(len(told)):
            allowed = "fewer: too much waits for shards that are down"
            raise ContradictionError([Fault(SESSIONS, 0, "SESSION", f"{len(told)} instructions", allowed)])
        return [*commands, *told]

    def _note(self, plan: Plan, by: str, reason: str) -> ChangeSessions:
        def ids(sessions: Iterable[SessionSettings]) -> tuple[int, ...]:
            return tuple(self._ids[session.name] for session in sessions)

        changed = ids(change.after for change in plan.changed)
        return ChangeSessions(ids(plan.added), ids(plan.removed), changed, by, reason)

    def _fill_book(self, plan: Plan, touched: Sequence[SessionSettings]) -> None:
        """Let the exchange know the sessions as they are now."""
        if self._of_shards:
            self._exchange.cancel_of(self._of_shards)
        names = AccountNames(self._engine.accounts)
        for session in plan.removed:
            self._sessions.by_id[self._ids[session.name]].is_retired = True
        # An account that is new may be of a firm that other sessions watch.
        watching = [each for each in plan.settings.sessions if each.firms and each not in touched]
        for session in (*touched, *watching):
            session_id = self._ids[session.name]
            known = self._sessions.by_id.get(session_id)
            state = self._new[session_id] if known is None else known.state
            wanted = gateway_session(session, state, names, was_connected=False)
            if known is None:
                self._sessions.add(wanted)
            else:
                known.configure_as(wanted)
                self._exchange.drop_copies.configured(known)


def _refused(faults: Sequence[Fault]) -> dict[str, Any]:
    return {"done": False, "faults": [{**msgspec.structs.asdict(fault), "text": str(fault)} for fault in faults]}
