"""The market where it is matched in shards: which command goes to which shard, and what comes back. Owner: the matching
thread.

A message for a shard that cannot be reached is refused here and now, journaled like any other answer. Cancels of all
orders of a session go to every shard, at once or when it is back.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from gateway.answers import Answers
from gateway.decimals import e8_text
from gateway.inbound import (
    NEW_ORDER_SINGLE,
    ORDER_CANCEL_REPLACE_REQUEST,
    ORDER_CANCEL_REQUEST,
    ORDER_MASS_CANCEL_REQUEST,
    ORDER_MASS_STATUS_REQUEST,
    ORDER_STATUS_REQUEST,
)
from gateway.relay import REQUESTED, UNDER_WAY, RelayEngine
from gateway.session_setup import NOT_CONFIGURED, canceled_at_start
from gateway.sessions import SessionBook
from gateway.shard_frames import Hello
from gateway.shard_link import Connection, ShardLink
from gateway.shard_watch import ShardWatch
from gateway.storage import COMMIT_GIVE_UP_S
from matching import refusals
from matching.commands import (
    CancelOrder,
    CancelSessionOrders,
    Command,
    EndLimitOverride,
    EndTradingDay,
    MassCancel,
    NewOrder,
    OverrideLimits,
    RefuseCancel,
    RefuseMessage,
    RefuseOrder,
    ReplaceOrder,
    RequestMassStatus,
    RequestStatus,
    SetKillSwitch,
    SetMarkPrice,
    SetReferencePrice,
    SetTradingPhase,
    TransferIn,
    TransferOut,
)
from matching.engine import SHARD_ID_SHIFT
from matching.types import RESPONSE_TO_CANCEL

Routed: TypeAlias = (
    NewOrder | CancelOrder | ReplaceOrder | RequestStatus | RefuseOrder | RefuseCancel | MassCancel | RequestMassStatus
)
ROUTED: Final = (
    NewOrder,
    CancelOrder,
    ReplaceOrder,
    RequestStatus,
    RefuseOrder,
    RefuseCancel,
    MassCancel,
    RequestMassStatus,
)
MSG_TYPES: Final = {
    CancelOrder: ORDER_CANCEL_REQUEST,
    ReplaceOrder: ORDER_CANCEL_REPLACE_REQUEST,
    RequestStatus: ORDER_STATUS_REQUEST,
    MassCancel: ORDER_MASS_CANCEL_REQUEST,
    RequestMassStatus: ORDER_MASS_STATUS_REQUEST,
}
HUNG_SECONDS: Final = COMMIT_GIVE_UP_S + 10.0
UNANSWERED_MAX: Final = 65_536
"""Messages that may wait for one shard; more are refused, as if it were down."""
OF_ONE_INSTRUMENT: Final = (SetTradingPhase, SetReferencePrice, SetMarkPrice, OverrideLimits, EndLimitOverride)
"""Operators' commands for the shard of an instrument; where they name none, for all."""
BROADCAST: Final = (CancelSessionOrders, EndTradingDay, SetKillSwitch)


class ShardMarket:
    """All shards of the exchange. `shard_of_symbol` says where each instrument lives."""

    def __init__(
        self, relay: RelayEngine, sessions: SessionBook, shard_of_symbol: Mapping[str, str], watch: ShardWatch
    ) -> None:
        self._relay = relay
        self._sessions = sessions
        self._watch = watch
        self._strangers: set[str] = set(relay.shards)
        # A shard that this gateway has not heard of may have answered, to an earlier one, what a member sends again:
        # until it is up for the first time, messages for it wait instead of being refused.
        self._unheard: set[str] = set(relay.shards)
        self._held: dict[str, list[Command]] = {name: [] for name in relay.shards}
        self.links = {name: ShardLink(name, cursor.shard_id) for name, cursor in relay.shards.items()}
        self._by_id = {link.shard_id: link for link in self.links.values()}
        self._by_instrument = {
            instrument.instrument_id: self.links[shard_of_symbol[instrument.symbol]]
            for instrument in relay.instruments.values()
            if instrument.symbol in shard_of_symbol
        }
        self._by_symbol = {
            instrument.symbol: self._by_instrument[instrument.instrument_id]
            for instrument in relay.instruments.values()
            if instrument.instrument_id in self._by_instrument
        }
        self.answers = Answers()
        self._orphans = self._without_owner()
        self._due: list[tuple[int, str]] = []

    # -- connections --------------------------------------------------------------------------------------------------

    def connect(self, name: str, connection: Connection) -> None:
        """Take up a shard behind a new connection."""
        link = self.links[name]
        cursor = self._relay.shards[name]
        relay = self._relay
        hello = Hello(
            shard=name,
            shard_id=link.shard_id,
            stored_through=cursor.batch_seq,
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

    def is_answered(self) -> bool:
        """Whether no shard that is up owes an answer."""
        return not any(link.is_up and link.unanswered for link in self.links.values())

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
        self._route_held(own)
        for command in commands:
            if isinstance(command, ROUTED):
                self._route(command, own)
            elif isinstance(command, BROADCAST):
                self._broadcast(command, own)
            else:
                own.append(command)
        for session_id, (epoch, next_target) in targets.items():
            self.answers.taken(session_id, epoch, next_target)
        self._receive(own)
        self._send_transfers(begun, committed)
        for link in self.links.values():
            link.flush(self._relay.shards[link.name].batch_seq)
        return own

    def _receive(self, own: list[Command]) -> None:
        for link in self.links.values():
            for batch, commands in link.receive():
                own.append(batch)
                for command in commands:
                    msg_seq_num = getattr(command, "msg_seq_num", 0)
                    if msg_seq_num:
                        self.answers.answered(command.session_id, command.epoch, msg_seq_num)  # type: ignore[union-attr]

    def has_work(self) -> bool:
        """Whether a step of a transfer waits for nothing but the next turn."""
        return bool(self._relay.due or self._due)

    def hung(self) -> list[str]:
        """Return the shards that are up and have said nothing for longer than a disk may be retried."""
        return [link.name for link in self.links.values() if link.is_up and link.silent_s() > HUNG_SECONDS]

    def _send_transfers(self, begun: int, committed: int) -> None:
        """Send the next step of every transfer that has one in the journal; while its shard is down it waits there."""
        due, self._relay.due = self._relay.due, []
        self._due += [(begun, transfer_id) for transfer_id in due]
        while self._due and self._due[0][0] <= committed:
            _, transfer_id = self._due.pop(0)
            transfer = self._relay.transfers[transfer_id]
            request = transfer.command
            terms = (request.account_id, request.asset, request.amount, request.transfer_id)
            if transfer.state == REQUESTED:
                step: Command = TransferOut(*terms, request.to_shard, request.by, request.reason)
                self._submit(self.links[request.from_shard], step)
            elif transfer.state == UNDER_WAY:
                step = TransferIn(*terms, request.from_shard, request.by, request.reason)
                self._submit(self.links[request.to_shard], step)

    def operate(self, command: Command) -> list[str]:
        """Send an operator's command to the shards that it concerns; return their names."""
        if isinstance(command, OF_ONE_INSTRUMENT) and command.instrument_id:
            links: Iterable[ShardLink] = (self._by_instrument[command.instrument_id],)
        else:
            links = self.links.values()
        names = []
        for link in links:
            self._submit(link, command)
            names.append(link.name)
        return names

    def _broadcast(self, command: Command, own: list[Command]) -> None:
        for link in self.links.values():
            self._submit(link, command)
        if isinstance(command, EndTradingDay):
            own.append(command)

    def _route(self, command: Routed, own: list[Command]) -> None:
        link = self._link(command)
        if self._relay.is_answered_here(command.session_id, command.epoch, command.msg_seq_num):
            return
        if link is None:
            # Nobody knows the order: the gateway's own engine says so.
            own.append(_over_shards(command) if isinstance(command, MassCancel | RequestMassStatus) else command)
        elif self._relay.is_answered(link.name, command.session_id, command.epoch, command.msg_seq_num):
            # Its reports are in the journal, and reach the peer by resend.
            return
        elif isinstance(command, NewOrder) and not self._relay.accepting and link.name not in self._unheard:
            own.append(self._refused_order(command, "new orders are not accepted at the moment"))
        elif link.is_up and link.name not in self._unheard and len(link.unanswered) < UNANSWERED_MAX:
            self.answers.sent(command.session_id, command.epoch, command.msg_seq_num)
            link.submit(command)
        elif link.name in self._unheard and len(self._held[link.name]) < UNANSWERED_MAX:
            self.answers.sent(command.session_id, command.epoch, command.msg_seq_num)
            self._held[link.name].append(command)
        else:
            own.append(self._refusal(command, link))

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
        if isinstance(command, RequestStatus | RefuseCancel):
            return self._by_id.get(command.order_id >> SHARD_ID_SHIFT) or self._by_symbol.get(command.symbol)
        link = self._by_instrument.get(command.instrument_id)
        if link is None and isinstance(command, CancelOrder | ReplaceOrder) and command.order_id > 0:
            link = self._by_id.get(command.order_id >> SHARD_ID_SHIFT)
        return link

    def _refusal(self, command: Routed, link: ShardLink) -> Command:
        text = f"the market is not available at the moment: shard {link.name} is down"
        if isinstance(command, NewOrder | RefuseOrder):
            if command.poss_resend:
                # The first one may be live: nothing may be said of the order itself.
                ids = (command.session_id, command.epoch, command.msg_seq_num)
                return RefuseMessage(*ids, NEW_ORDER_SINGLE, command.cl_ord_id, text, refusals.SHARD_NOT_AVAILABLE)
            return command if isinstance(command, RefuseOrder) else self._refused_order(command, text)
        if isinstance(command, RequestMassStatus):
            ref_id = command.request_id
        else:
            ref_id = command.cl_ord_id
        if isinstance(command, RequestStatus):
            ref_id = command.ord_status_req_id or ref_id
        if isinstance(command, RefuseCancel):
            is_cancel = command.response_to == RESPONSE_TO_CANCEL
            ref_msg_type = ORDER_CANCEL_REQUEST if is_cancel else ORDER_CANCEL_REPLACE_REQUEST
        else:
            ref_msg_type = MSG_TYPES[type(command)]
        ids = (command.session_id, command.epoch, command.msg_seq_num)
        return RefuseMessage(*ids, ref_msg_type, ref_id, text, refusals.SHARD_NOT_AVAILABLE)

    def _refused_order(self, command: NewOrder, text: str) -> RefuseOrder:
        instrument = self._relay.instruments[command.instrument_id]
        return RefuseOrder(
            command.session_id,
            command.epoch,
            command.msg_seq_num,
            command.poss_resend,
            command.cl_ord_id,
            self._relay.accounts[command.account_id].name,
            instrument.symbol,
            command.side,
            command.ord_type,
            command.time_in_force,
            e8_text(command.price * instrument.tick_e8) if command.price else "",
            e8_text(command.qty * instrument.lot_e8),
            refusals.ord_rej_reason(refusals.MARKET_NOT_AVAILABLE),
            text,
            refusals.MARKET_NOT_AVAILABLE,
        )

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
                "instruments": symbols[link.name],
                "unanswered": len(link.unanswered),
                "stored_through": self._relay.shards[link.name].batch_seq,
                **link.status,
            }
            for link in self.links.values()
        ]


def _over_shards(command: MassCancel | RequestMassStatus) -> MassCancel | RequestMassStatus:
    """Refuse a request over instruments of several shards: it would have to be answered once for all of them."""
    if command.code:
        return command
    code, text = refusals.MASS_CANCEL_OVER_SHARDS, "instruments are in shards, send one request for each Symbol(55)"
    return msgspec.structs.replace(command, code=code, text=text)
