"""Which shard a command is for: its instrument's, its order's, or its order name's. Owner: the matching thread."""

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.relay import RelayEngine
from gateway.shard_commands import NAMING, Routed
from gateway.shard_link import ShardLink
from gateway.shard_refusals import cl_ord_ids, instruments_of
from matching.commands import (
    CancelOrder,
    CancelQuotes,
    Command,
    CorrectTrade,
    DefineInstrument,
    DelistInstrument,
    EndLimitOverride,
    Instruction,
    MassCancel,
    MassQuote,
    NewOrder,
    NewOrderList,
    OverrideLimits,
    RefuseCancel,
    RefuseOrder,
    RefuseOrderList,
    RelistInstrument,
    ReplaceOrder,
    RequestMassStatus,
    RequestStatus,
    ResetQuoteProtection,
    SetMarkPrice,
    SetReferencePrice,
    SetTradingPhase,
)
from matching.engine import SHARD_ID_SHIFT
from matching.types import CANCEL_ALL_QUOTES

OF_ONE_INSTRUMENT: Final = (
    SetTradingPhase,
    SetReferencePrice,
    SetMarkPrice,
    DelistInstrument,
    RelistInstrument,
    OverrideLimits,
    EndLimitOverride,
    DefineInstrument,
    CorrectTrade,
    ResetQuoteProtection,
)
"""Instructions for the shard of an instrument; where they name none, for all."""


class Routes:
    """Links by shard id and by instrument. `homes`: the shard of every symbol; `held`: what waits for shards that were
    not heard of yet, by name.
    """

    def __init__(
        self,
        relay: RelayEngine,
        links: Mapping[str, ShardLink],
        homes: Mapping[str, str],
        held: Mapping[str, Sequence[Command]],
    ) -> None:
        self._relay = relay
        self._links = links
        self._held = held
        self._by_id = {link.shard_id: link for link in links.values()}
        self.by_instrument: dict[int, ShardLink] = {}
        self._by_symbol: dict[str, ShardLink] = {}
        for instrument in relay.instruments.values():
            if instrument.symbol in homes:
                self.add(instrument.instrument_id, instrument.symbol, homes[instrument.symbol])
        self._asked: dict[tuple[str, str], ShardLink] | None = None

    def add(self, instrument_id: int, symbol: str, shard: str) -> None:
        """Note the shard of an instrument; it stays there for ever."""
        self.by_instrument[instrument_id] = self._by_symbol[symbol] = self._links[shard]

    def begin_turn(self) -> None:
        """Forget what is about to have a name: it may be answered by now."""
        self._asked = None

    def symbols(self) -> dict[str, list[str]]:
        """Return the symbols of every shard by its name."""
        symbols: dict[str, list[str]] = {name: [] for name in self._links}
        for symbol, link in self._by_symbol.items():
            symbols[link.name].append(symbol)
        return symbols

    # -- instructions -------------------------------------------------------------------------------------------------

    def concerned(self, instruction: Instruction) -> tuple[str, ...]:
        """Return the names of the shards that an instruction is for; none where no shard has the instrument."""
        if isinstance(instruction, OF_ONE_INSTRUMENT) and instruction.instrument_id:
            link = self.by_instrument.get(instruction.instrument_id)
            return (link.name,) if link is not None else ()
        return tuple(self._links)

    def of_quotes(self, command: MassQuote | CancelQuotes) -> tuple[str, ...]:
        """Return the names of the shards that have instruments of a quote message."""
        if isinstance(command, CancelQuotes) and command.cancel_type == CANCEL_ALL_QUOTES:
            return tuple(self._links)
        links = (self.by_instrument.get(each) for each in instruments_of(command))
        return tuple(dict.fromkeys(link.name for link in links if link is not None))

    def of_scope(self, request: MassCancel | RequestMassStatus) -> tuple[str, ...]:
        """Return the names of the shards that have instruments of the scope of a request over more than one."""
        if request.instrument_id:
            link = self.by_instrument.get(request.instrument_id)
            return (link.name,) if link is not None else ()
        instruments = self._relay.instruments
        names = {
            link.name: None
            for instrument_id, link in self.by_instrument.items()
            if request.kind in ("", instruments[instrument_id].kind)
        }
        return tuple(names)

    # -- messages -----------------------------------------------------------------------------------------------------

    def link(self, command: Routed) -> ShardLink | None:
        """Return the shard that knows what a command is about; None where none can."""
        if isinstance(command, NewOrder):
            return self.by_instrument.get(command.instrument_id)
        if isinstance(command, RefuseOrder):
            return self._by_symbol.get(command.symbol)
        if isinstance(command, RefuseOrderList):
            return self._by_symbol.get(command.orders[0].symbol) if command.orders else None
        if isinstance(command, NewOrderList):
            # Its orders are of one instrument, and there is at least one: see `gateway.list_translation`.
            return self.by_instrument.get(command.orders[0].instrument_id)
        if isinstance(command, MassCancel | RequestMassStatus):
            named = self.named(command) if isinstance(command, MassCancel) and command.poss_resend else None
            return named or self.by_instrument.get(command.instrument_id)
        if isinstance(command, MassQuote | CancelQuotes):
            links = {self.by_instrument.get(each) for each in instruments_of(command)}
            return links.pop() if len(links) == 1 else None
        by_order = self._by_id.get(command.order_id >> SHARD_ID_SHIFT) if command.order_id > 0 else None
        if isinstance(command, RequestStatus | RefuseCancel):
            link = by_order or self._by_symbol.get(command.symbol)
        else:
            link = self.by_instrument.get(command.instrument_id) or by_order
        return self._link_by_name(command) if link is None and not command.order_id else link

    def named(self, request: MassCancel) -> ShardLink | None:
        """Return the shard that has used the ClOrdID(11) of a mass cancel, and so answers a repeat of it."""
        return self._by_id.get(self._relay.names.shard_id(self._member(request), request.cl_ord_id))

    def ask(self, command: Routed, link: ShardLink) -> None:
        """Note that a message was given to a shard, or waits for it: its ClOrdIDs lead there from now on."""
        if self._asked is not None and not isinstance(command, RequestMassStatus | MassQuote | CancelQuotes):
            for cl_ord_id in cl_ord_ids(command):
                self._asked[self._member(command), cl_ord_id] = link

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
            for link in self._links.values()
            for commands in (link.unanswered, self._held.get(link.name, ()))
            for command in commands
            if isinstance(command, NAMING)
            for cl_ord_id in cl_ord_ids(command)
        }
