"""The market where it is matched in shards: which command goes to which shard, and what comes back. Owner: the matching
thread.

A message for a shard that cannot be reached is refused here and now, journaled like any other answer; what a shard has
been given is its own to answer. Cancels of all orders of a session go to every shard, at once or when it is back; what
operators say, when it is in the journal.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from gateway.answers import Answers
from gateway.fault_points import SHARDS_SENT
from gateway.relay import RelayEngine
from gateway.session_setup import NOT_CONFIGURED, canceled_at_start
from gateway.sessions import SessionBook
from gateway.shard_frames import Hello
from gateway.shard_link import Connection, ShardLink
from gateway.shard_numbers import EpochGate, Repeats
from gateway.shard_refusals import (
    NAMING,
    ROUTED,
    Routed,
    cl_ord_ids,
    instruments_of,
    over_shards,
    refused_list,
    refused_order,
    refused_quotes,
    unavailable,
)
from gateway.shard_watch import ShardWatch
from matching.commands import (
    CancelOrder,
    CancelQuotes,
    CancelSessionOrders,
    Command,
    DelistInstrument,
    EndLimitOverride,
    Instruction,
    MassCancel,
    MassQuote,
    NewOrder,
    NewOrderList,
    OverrideLimits,
    RefuseCancel,
    RefuseMessage,
    RefuseOrder,
    RefuseOrderList,
    ReplaceOrder,
    RequestMassStatus,
    RequestStatus,
    ResetQuoteProtection,
    SetMarkPrice,
    SetReferencePrice,
    SetTradingPhase,
    TellIndicativePrice,
)
from matching.engine import SHARD_ID_SHIFT

UNANSWERED_MAX: Final = 65_536
"""Messages that may wait for one shard; more are refused, as if it were down."""
OF_ONE_INSTRUMENT: Final = (
    SetTradingPhase,
    SetReferencePrice,
    SetMarkPrice,
    DelistInstrument,
    OverrideLimits,
    EndLimitOverride,
    ResetQuoteProtection,
)
"""Instructions for the shard of an instrument; where they name none, for all."""


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
        fault_point: Callable[[str], None],
    ) -> None:
        self._relay = relay
        self._sessions = sessions
        self._watch = watch
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
        self._by_id = {link.shard_id: link for link in self.links.values()}
        self._by_instrument = {
            instrument.instrument_id: self.links[homes[instrument.symbol]]
            for instrument in relay.instruments.values()
            if instrument.symbol in homes
        }
        self._by_symbol = {
            instrument.symbol: self._by_instrument[instrument.instrument_id]
            for instrument in relay.instruments.values()
            if instrument.instrument_id in self._by_instrument
        }
        self.answers = Answers()
        self._gate = EpochGate(sessions, self.answers)
        self._repeats = Repeats(sessions, logon_numbers)
        self._orphans = self._without_owner()
        self._steps_due: list[tuple[int, str]] = []
        self._instructed: deque[tuple[int, int, Instruction, Sequence[str]]] = deque()
        self._received: dict[str, deque[tuple[int, int]]] = {name: deque() for name in names}
        self._committed = {name: relay.shards[name].batch_seq for name in names}
        self._asked: dict[tuple[str, str], ShardLink] | None = None

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
        return self._gate.is_empty() and next(owing, None) is None

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
        self._asked = None
        # What has come from a shard counts from the next turn on, when the relay has it: so it is received last.
        self._route_held(own)
        for command in self._gate.let_through(commands):
            if isinstance(command, ROUTED):
                self._route(command, own)
            elif isinstance(command, CancelSessionOrders):
                for link in self.links.values():
                    self._submit(link, command)
            elif not isinstance(command, RefuseMessage) or not self._is_answered_here(command):
                own.append(command)
        for session_id, (epoch, next_target) in targets.items():
            self.answers.taken(session_id, epoch, next_target)
        self._send_instructions(committed)
        if self._steps_due or self._relay.transfers.due:
            self._send_steps(begun, committed)
        if self._relay.crowded:
            self._forget_numbers(own)
        self._note_committed(begun, committed)
        self._receive(own)
        sent = [link.flush(self._committed[link.name]) for link in self.links.values()]
        if any(sent):
            self._fault_point(SHARDS_SENT)
        return own

    def _is_answered_here(self, command: Routed | RefuseMessage) -> bool:
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
            for batch, commands in link.receive():
                own.append(batch)
                for command in commands:
                    msg_seq_num = getattr(command, "msg_seq_num", 0)
                    if msg_seq_num:
                        self.answers.answered(command.session_id, command.epoch, msg_seq_num)  # type: ignore[union-attr]

    def has_work(self) -> bool:
        """Whether something waits for nothing but a commit or the next turn."""
        if self._relay.transfers.due or self._instructed or self._gate.has_work():
            return True
        return any(self._step_link(transfer_id) is not None for _, transfer_id in self._steps_due)

    def hung(self) -> list[str]:
        """Return the shards that have said nothing, since they were connected, for longer than any shard may."""
        return [link.name for link in self.links.values() if link.is_hung]

    # -- transfers ----------------------------------------------------------------------------------------------------

    def reachable(self, commands: Sequence[Command]) -> list[SetTradingPhase | TellIndicativePrice]:
        """Return those commands of one instrument each whose shard is up; the others would pile up."""
        return [
            command
            for command in commands
            if isinstance(command, SetTradingPhase | TellIndicativePrice)
            and self._by_instrument[command.instrument_id].is_up
        ]

    def tell(self, command: TellIndicativePrice) -> None:
        """Have a shard say what an auction would execute; where it is lost, the next one tells."""
        self._submit(self._by_instrument[command.instrument_id], command)

    def is_instructed(self, instrument_id: int) -> bool:
        """Whether an instruction that moves the instrument's phase waits for its shard."""
        return self._relay.instructions.moves_phase(instrument_id)

    def _step_link(self, transfer_id: str) -> ShardLink | None:
        """Return the shard that can be given the next step of a transfer now."""
        step = self._relay.transfers.next_step(transfer_id)
        link = self.links.get(step[0]) if step is not None else None
        return link if link is not None and link.is_up and link.name not in self._unheard else None

    def _send_steps(self, begun: int, committed: int) -> None:
        """Send the next step of every transfer that has one in the journal, once its shard is up.

        Which step is next is known only when all that the shard has said is known: a step that was refused while this
        gateway was not there must not be sent again, since by now the shard might take it.
        """
        transfers = self._relay.transfers
        due, transfers.due = transfers.due, []
        waiting: list[tuple[int, str]] = []
        for batch_seq, transfer_id in [*self._steps_due, *((begun, each) for each in due)]:
            step, link = transfers.next_step(transfer_id), self._step_link(transfer_id)
            if step is None:
                continue
            if link is None or batch_seq > committed:
                waiting.append((batch_seq, transfer_id))
            else:
                link.submit(step[1])
        self._steps_due = waiting

    # -- instructions -------------------------------------------------------------------------------------------------

    def concerned(self, instruction: Instruction) -> tuple[str, ...]:
        """Return the names of the shards that an instruction is for; none where no shard has the instrument."""
        if isinstance(instruction, OF_ONE_INSTRUMENT) and instruction.instrument_id:
            link = self._by_instrument.get(instruction.instrument_id)
            return (link.name,) if link is not None else ()
        return tuple(self.links)

    def instruct(self, instruction_id: int, batch_seq: int) -> None:
        """Send an instruction to its shards when its batch is committed; to one that is down, when it is back."""
        kept = self._relay.instructions.waiting[instruction_id]
        self._instructed.append((batch_seq, instruction_id, kept.instruction, tuple(kept.shards)))

    def is_committed(self, instruction_id: int) -> bool:
        """Whether an instruction is in the journal, and under way."""
        return all(each[1] != instruction_id for each in self._instructed)

    def _send_instructions(self, committed: int) -> None:
        while self._instructed and self._instructed[0][0] <= committed:
            _, _, instruction, shards = self._instructed.popleft()
            for name in shards:
                self._submit(self.links[name], instruction)

    # -- routing ------------------------------------------------------------------------------------------------------

    def _route(self, command: Routed, own: list[Command]) -> None:
        if self._is_answered_here(command):
            return
        link = self._link(command)
        if link is None:
            # Nobody knows the order: the gateway's own engine says so.
            own.append(over_shards(command))
        elif self._relay.is_answered(link.name, command.session_id, command.epoch, command.msg_seq_num):
            # Its reports are in the journal, and reach the peer by resend.
            return
        elif link.name in self._unheard and self._repeats.is_possible(command) and self._has_room(link):
            self._ask(link, command)
            self._held[link.name].append(command)
        elif isinstance(command, NewOrder) and not self._relay.accepting:
            own.append(refused_order(self._relay, command, "new orders are not accepted at the moment"))
        elif isinstance(command, NewOrderList) and not self._relay.accepting:
            own.append(refused_list(self._relay, command, "new orders are not accepted at the moment"))
        elif isinstance(command, MassQuote) and not command.code and not self._relay.accepting:
            own.append(refused_quotes(command, "new orders are not accepted at the moment"))
        elif cause := self._fault(link):
            own.append(unavailable(self._relay, command, cause))
        else:
            self._ask(link, command)
            link.submit(command)

    def _ask(self, link: ShardLink, command: Routed) -> None:
        """Note that a message is the shard's to answer."""
        self.answers.sent(command.session_id, command.epoch, command.msg_seq_num)
        if self._asked is not None and not isinstance(command, RequestMassStatus | MassQuote | CancelQuotes):
            for cl_ord_id in cl_ord_ids(command):
                self._asked[self._member(command), cl_ord_id] = link

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
                    if isinstance(command, ROUTED):
                        self.answers.answered(command.session_id, command.epoch, command.msg_seq_num)
                        self._route(command, own)
                    else:
                        self.links[name].submit(command)

    def _link(self, command: Routed) -> ShardLink | None:
        """Return the shard that knows what a command is about; None where none can."""
        if isinstance(command, RefuseOrder):
            return self._by_symbol.get(command.symbol)
        if isinstance(command, RefuseOrderList):
            return self._by_symbol.get(command.orders[0].symbol) if command.orders else None
        if isinstance(command, NewOrderList):
            # Its orders are of one instrument, and there is at least one: see `gateway.list_translation`.
            return self._by_instrument.get(command.orders[0].instrument_id)
        if isinstance(command, NewOrder):
            return self._by_instrument.get(command.instrument_id)
        if isinstance(command, MassCancel | RequestMassStatus):
            return self._by_instrument.get(command.instrument_id)
        if isinstance(command, MassQuote | CancelQuotes):
            links = {self._by_instrument.get(each) for each in instruments_of(command)}
            return links.pop() if len(links) == 1 else None
        by_order = self._by_id.get(command.order_id >> SHARD_ID_SHIFT) if command.order_id > 0 else None
        if isinstance(command, RequestStatus | RefuseCancel):
            link = by_order or self._by_symbol.get(command.symbol)
        else:
            link = self._by_instrument.get(command.instrument_id) or by_order
        return self._link_by_name(command) if link is None and not command.order_id else link

    def _link_by_name(self, command: CancelOrder | ReplaceOrder | RefuseCancel | RequestStatus) -> ShardLink | None:
        """Return the shard that knows, or is about to know, the order by its ClOrdID alone."""
        member = self._member(command)
        if self._asked is None:
            self._asked = self._all_asked()
        names = [command.cl_ord_id]
        if not isinstance(command, RequestStatus):
            # A ClOrdID that was used before is told by the shard on which it was.
            names.insert(0, command.orig_cl_ord_id)
        for name in names:
            link = self._by_id.get(self._relay.names.shard_id(member, name)) or self._asked.get((member, name))
            if link is not None:
                return link
        return None

    def _member(self, command: Routed) -> str:
        return self._relay.sessions[command.session_id].comp_id

    def _all_asked(self) -> dict[tuple[str, str], ShardLink]:
        """Return the shard of every message that is not answered yet, by member and ClOrdID."""
        return {
            (self._member(command), cl_ord_id): link
            for link in self.links.values()
            for commands in (link.unanswered, self._held.get(link.name, ()))
            for command in commands
            if isinstance(command, NAMING)
            for cl_ord_id in cl_ord_ids(command)
        }

    # -- reading ------------------------------------------------------------------------------------------------------

    def status(self) -> list[dict[str, Any]]:
        """Return what `status` shows of every shard."""
        symbols: dict[str, list[str]] = {name: [] for name in self.links}
        for symbol, link in self._by_symbol.items():
            symbols[link.name].append(symbol)
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
