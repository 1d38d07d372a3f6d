"""The market where it is matched in shards: which command goes to which shard, and what comes back. Owner: the matching
thread.

A message for a shard that cannot be reached is refused here and now, journaled like any other answer; what a shard has
been given is its own to answer. Cancels of all orders of a session go to every shard, at once or when it is back; what
operators say, when it is in the journal.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, get_args

import msgspec

from gateway.answers import Answers
from gateway.fault_points import SHARDS_SENT
from gateway.relay import RelayEngine
from gateway.session_setup import NOT_CONFIGURED, canceled_at_start
from gateway.sessions import SessionBook
from gateway.shard_asking import NOT_ACCEPTED, asked
from gateway.shard_commands import ROUTED_TYPES, Routed
from gateway.shard_dispatch import Dispatch
from gateway.shard_frames import Hello
from gateway.shard_gate import RequestGate
from gateway.shard_instructions import is_instruction
from gateway.shard_link import Connection, ShardLink
from gateway.shard_numbers import EpochGate, Repeats
from gateway.shard_questions import Questions
from gateway.shard_quotes import VALID_NS
from gateway.shard_refusals import refused_entry, refused_quotes, unavailable
from gateway.shard_routes import Routes
from gateway.shard_watch import ShardWatch
from matching import refusals
from matching.clock import Clock
from matching.commands import (
    AnswerRequest,
    CancelSessionOrders,
    Command,
    MassQuote,
    MassRequest,
    NewOrder,
    NewOrderList,
    RefuseMessage,
    RequestUser,
    SetTradingPhase,
    TellIndicativePrice,
)
from matching.events import InstrumentDefined

UNANSWERED_MAX: Final = 65_536
"""Messages that may wait for one shard; more are refused, as if it were down."""
MASS_REQUESTS: Final = frozenset(get_args(MassRequest))
ENTERING: Final = frozenset((NewOrder, NewOrderList))
"""Types of commands that enter orders."""
OFFERING: Final = ENTERING | {MassQuote}
"""Types of commands that are only taken while new orders are accepted."""
QUOTES_UNDER_WAY_MAX: Final = 8
"""Quote messages of one session over several shards that may have no answer yet."""


class ShardMarket:
    """All shards of the exchange. `shard_of_symbol` says where each instrument lives, `logon_numbers` is that of
    `Repeats`.
    """

    def __init__(
        self,
        relay: RelayEngine,
        sessions: SessionBook,
        shard_of_symbol: Mapping[str, str],
        watch: ShardWatch,
        *,
        logon_numbers: Mapping[int, int],
        clock: Clock,
        fault_point: Callable[[str], None],
    ) -> None:
        self._relay = relay
        self._sessions = sessions
        self._watch = watch
        self._clock = clock
        self._fault_point = fault_point
        # An instrument that is configured no longer stays where its orders are.
        homes = {**relay.homes, **shard_of_symbol}
        names = [name for name in relay.shards if name in homes.values()]
        self._strangers: set[str] = set(names)
        # A shard that this gateway has not heard of may have answered, to an earlier one, what a member sends again:
        # until it is up for the first time, such messages wait for it instead of being refused.
        self._unheard: set[str] = set(names)
        self._held: dict[str, list[Command]] = {name: [] for name in names}
        self.links = {name: ShardLink(name, relay.shards[name].shard_id) for name in names}
        for link in self.links.values():
            link.unanswered.extend(relay.instructions.for_shard(link.name))
        self.routes = Routes(relay, self.links, homes, self._held)
        self.dispatch = Dispatch(relay, self.links, self._submit, self._unheard)
        self.answers = Answers()
        self._gate = EpochGate(sessions, self.answers)
        self._requests = RequestGate(self.answers)
        self.questions = Questions(self.links)
        self._repeats = Repeats(sessions, logon_numbers)
        self._orphans = self._without_owner()
        self._received: dict[str, deque[tuple[int, int]]] = {name: deque() for name in names}
        self._committed = {name: relay.shards[name].batch_seq for name in names}

    # -- connections --------------------------------------------------------------------------------------------------

    def connect(self, name: str, connection: Connection) -> None:
        """Take up a shard behind a new connection."""
        link = self.links[name]
        cursor = self._relay.shards[name]
        relay = self._relay
        hello = Hello(
            shard=name,
            shard_id=link.shard_id,
            received_through=cursor.batch_seq,
            committed_through=self._committed[name],
            instruments={each.symbol: each.instrument_id for each in relay.instruments.values()},
            accounts={each.name: each.account_id for each in relay.accounts.values()},
            sessions={each.name: each.session_id for each in relay.sessions.values()},
        )
        link.connect(connection, hello)
        self._watch.watch(connection)
        if name in self._strangers:
            self._strangers.remove(name)
            for command in self._orphans:
                link.submit(command)

    def _without_owner(self) -> list[Command]:
        """Return the cancels of what must not stay open when a gateway has started: whoever was cut off by its end, or
        is not configured any longer.
        """
        commands: list[Command] = []
        for session in self._sessions:
            if session.is_retired:
                commands.append(CancelSessionOrders(session.session_id, NOT_CONFIGURED))
            else:
                commands += canceled_at_start(session)
        return commands

    def arm(self) -> None:
        """Let the matching thread be woken by whatever a shard says from now on."""
        self._watch.arm()

    def logged_on(self, session_id: int) -> None:
        """Note a Logon; see `Repeats`."""
        self._repeats.logged_on(session_id)

    def is_answered(self) -> bool:
        """Whether no shard that is up, and says something, owes an answer."""
        owing = (link for link in self.links.values() if link.is_up and not link.is_silent and link.unanswered)
        return self._gate.is_empty() and not self._requests.waiting and next(owing, None) is None

    def is_canceling(self, session_id: int) -> bool:
        """Whether a shard has yet to cancel what a session has open, as it was told."""
        return any(
            isinstance(command, CancelSessionOrders) and command.session_id == session_id
            for link in self.links.values()
            for command in link.unanswered
        )

    def down(self) -> list[tuple[str, bool]]:
        """Return the shards that cannot be sent anything, and whether they are connected."""
        return [(link.name, link.connection is not None) for link in self.links.values() if not link.is_up]

    # -- commands -----------------------------------------------------------------------------------------------------

    def distribute(
        self, commands: Sequence[Command], targets: Mapping[int, tuple[int, int]], *, begun: int, committed: int
    ) -> list[Command]:
        """Give every shard what is for it; return what the gateway journals itself now: its own commands, and the
        batches that shards have answered with. `begun` and `committed` are the gateway's last batches.
        """
        own: list[Command] = []
        self.routes.begin_turn()
        # What has come from a shard counts from the next turn on, when the relay has it: so it is received last.
        self._route_held(own)
        self.dispatch.send_instructions(committed)
        if self._requests.waiting:
            self._take(self._requests.released(self.dispatch.asking() | self._sessions_with_many()), own)
        self._take(self._gate.let_through(commands), own)
        for session_id, (epoch, next_target) in targets.items():
            self.answers.taken(session_id, epoch, next_target)
        self.dispatch.send_steps(begun, committed)
        if self._relay.requests.open:
            self._answer_requests(own)
        if self._relay.crowded:
            self._forget_numbers(own)
        self._note_committed(begun, committed)
        self._receive(own)
        sent = [link.flush(self._committed[link.name]) for link in self.links.values()]
        if any(sent):
            self._fault_point(SHARDS_SENT)
        return own

    def _take(self, commands: Sequence[Command], own: list[Command]) -> None:
        waiting = self._requests.waiting
        for command in commands:
            if waiting and self._requests.holds(command):
                continue
            if type(command) in ROUTED_TYPES:
                self._route(command, own)  # type: ignore[arg-type]  # one of these types
            elif isinstance(command, CancelSessionOrders):
                for link in self.links.values():
                    self._submit(link, command)
            elif not isinstance(command, RefuseMessage | RequestUser) or not self._is_answered_here(command):
                own.append(command)

    def _answer_requests(self, own: list[Command]) -> None:
        """Answer the requests over several shards that wait only for shards that are not to be waited for."""
        own += [
            AnswerRequest(each.asked_id)
            for each in self._relay.requests.unanswered()
            if self.dispatch.is_sent(each.asked_id) and all(self.links[name].is_away for name in each.waiting)
        ]

    def _sessions_with_many(self) -> set[int]:
        """Return the sessions whose next message waits until more of their quotes over several shards are answered."""
        counts = self._relay.requests.quotes_under_way()
        return {session_id for session_id, count in counts.items() if count >= QUOTES_UNDER_WAY_MAX}

    def _is_answered_here(self, command: Routed | RefuseMessage | RequestUser) -> bool:
        return self._relay.is_answered_here(command.session_id, command.epoch, command.msg_seq_num)

    def _note_committed(self, begun: int, committed: int) -> None:
        """Follow how far the batches of each shard are in the journal: what came later it must keep."""
        for name, waiting in self._received.items():
            batch_seq = self._relay.shards[name].batch_seq
            if batch_seq > (waiting[-1][1] if waiting else self._committed[name]):
                waiting.append((begun, batch_seq))
            while waiting and waiting[0][0] <= committed:
                self._committed[name] = waiting.popleft()[1]

    def _forget_numbers(self, own: list[Command]) -> None:
        for session_id in tuple(self._relay.crowded):
            state = self._sessions.by_id[session_id].state
            command = self._relay.numbers_to_forget(session_id, state.target_epoch, state.next_target)
            if command is not None:
                own.append(command)

    def _receive(self, own: list[Command]) -> None:
        for link in self.links.values():
            for batch, numbers in link.receive():
                own.append(batch)
                self.answers.all_answered(numbers)

    def has_work(self) -> bool:
        """Whether something waits for nothing but a commit or the next turn."""
        if self.dispatch.has_work() or self._gate.has_work():
            return True
        return bool(self._requests.waiting) and not self._requests.waiting.keys() <= self._sessions_with_many()

    def hung(self) -> list[str]:
        """Return the shards that have said nothing, since they were connected, for longer than any shard may."""
        return [link.name for link in self.links.values() if link.is_hung]

    # -- the clock and operators ---------------------------------------------------------------------------------------

    def reachable(self, commands: Sequence[Command]) -> list[SetTradingPhase | TellIndicativePrice]:
        """Return those commands of one instrument each whose shard is up; the others would pile up."""
        return [
            command
            for command in commands
            if isinstance(command, SetTradingPhase | TellIndicativePrice)
            and (link := self.routes.by_instrument.get(command.instrument_id)) is not None
            and link.is_up
        ]

    def tell(self, command: TellIndicativePrice) -> None:
        """Have a shard say what an auction would execute; where it is lost, the next one tells."""
        self._submit(self.routes.by_instrument[command.instrument_id], command)

    def defined(self, event: InstrumentDefined) -> None:
        """Send orders for an instrument, from now on, to the shard that has said it has it."""
        self.routes.add(event.instrument_id, event.symbol, self._relay.homes[event.symbol])

    def is_instructed(self, instrument_id: int) -> bool:
        """Whether an instruction that moves the instrument's phase waits for its shard."""
        return self._relay.instructions.moves_phase(instrument_id)

    # -- routing ------------------------------------------------------------------------------------------------------

    def _route(self, command: Routed, own: list[Command]) -> None:
        relay, kind = self._relay, type(command)
        session_id, epoch, number = command.session_id, command.epoch, command.msg_seq_num
        if relay.is_answered_here(session_id, epoch, number):
            return
        # Orders, most of all, are told by their type alone.
        if kind in MASS_REQUESTS and (over_many := asked(command, relay, self.routes, self._fault)):  # type: ignore[arg-type]  # `kind` has narrowed it
            own.append(over_many)
            self._requests.begin(session_id)
            return
        link = self.routes.link(command)
        if link is None:
            # Nobody knows the order, or it cannot be told what is asked: the gateway's own engine says so.
            own.append(command)
        elif relay.has_answered(link.name, session_id, epoch, number):
            # Its reports are in the journal, and reach the peer by resend.
            return
        elif link.name in self._unheard and self._repeats.is_possible(command) and self._has_room(link):
            self._ask(link, command)
            self._held[link.name].append(self._bounded(command))
        elif kind in OFFERING and not relay.accepting and (refused := self._not_accepted(command)):
            own.append(refused)
        elif cause := self._fault(link):
            own.append(unavailable(relay, command, cause))
        elif kind in ENTERING and (late := relay.requests.overtaken_by(command)):  # type: ignore[arg-type]  # `kind` has narrowed it
            text = f"mass cancel {late} came after it, and is done"
            own.append(refused_entry(relay, command, text, refusals.BEING_CANCELED))  # type: ignore[arg-type]  # as above
        elif isinstance(command, MassQuote):
            self._quote(command, link, own)
        else:
            self.answers.sent(session_id, epoch, number)
            self.routes.ask(command, link)
            link.submit(command)

    def _not_accepted(self, command: Routed) -> Command | None:
        """Return the refusal of orders and quotes while none are accepted; None of quotes that have one already."""
        if isinstance(command, NewOrder | NewOrderList):
            return refused_entry(self._relay, command, NOT_ACCEPTED, refusals.MARKET_NOT_AVAILABLE)
        assert isinstance(command, MassQuote), "nothing else is offered"
        return None if command.code else refused_quotes(command, NOT_ACCEPTED)

    def _quote(self, command: MassQuote, link: ShardLink, own: list[Command]) -> None:
        """Give a shard a mass quote of its own, which it takes as long as its prices are not old."""
        if self._relay.requests.has_overtaken(command):
            text = "what was sent behind it is done, and it had not come to its market: send what is wanted now"
            own.append(refused_quotes(command, text, refusals.QUOTE_TOO_LATE))
            return
        self._ask(link, command)
        link.submit(self._bounded(command))

    def _bounded(self, command: Command) -> Command:
        """Return a mass quote with the time until which it may be taken, anything else as it is."""
        if not isinstance(command, MassQuote) or command.code or command.valid_until_ns:
            return command
        return msgspec.structs.replace(command, valid_until_ns=self._clock.now_ns() + VALID_NS)

    def _ask(self, link: ShardLink, command: Routed) -> None:
        """Note that a message is the shard's to answer."""
        self.answers.sent(command.session_id, command.epoch, command.msg_seq_num)
        self.routes.ask(command, link)

    def _has_room(self, link: ShardLink) -> bool:
        return len(self._held[link.name]) < UNANSWERED_MAX

    def _fault(self, link: ShardLink) -> str:
        """Return why a shard cannot be given anything, or nothing. What it has been given is its own to answer."""
        if not link.is_up or link.name in self._unheard:
            return f"shard {link.name} is down"
        if link.is_silent:
            return f"shard {link.name} does not answer"
        if len(link.unanswered) >= UNANSWERED_MAX:
            return f"shard {link.name} has {UNANSWERED_MAX} messages to answer"
        return ""

    def _submit(self, link: ShardLink, command: Command) -> None:
        """Send a command to a shard, behind whatever waits for it."""
        if link.name in self._unheard:
            self._held[link.name].append(command)
        else:
            link.submit(command)

    def _route_held(self, own: list[Command]) -> None:
        """Route what came for shards before they were heard of: now it is known what of it they have answered."""
        for name in tuple(self._unheard):
            if self.links[name].is_up:
                self._unheard.remove(name)
                for command in self._held.pop(name):
                    if isinstance(command, Routed) and not is_instruction(command):
                        self.answers.answered(command.session_id, command.epoch, command.msg_seq_num)
                        self._route(command, own)
                    else:
                        self.links[name].submit(command)

    # -- reading ------------------------------------------------------------------------------------------------------

    def status(self) -> list[dict[str, Any]]:
        """Return what `status` shows of every shard."""
        symbols = self.routes.symbols()
        return [
            {
                "name": link.name,
                "is_up": link.is_up,
                "pid": link.pid if link.is_up else None,
                "down_cause": None if link.is_up else link.down_cause,
                "is_silent": link.is_silent,
                "instruments": symbols[link.name],
                "unanswered": len(link.unanswered),
                "instructions_unconfirmed": len(self._relay.instructions.for_shard(link.name)),
                "stored_through": self._relay.shards[link.name].batch_seq,
                **link.status,
            }
            for link in self.links.values()
        ]
