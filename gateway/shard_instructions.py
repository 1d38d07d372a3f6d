"""What operators and the clock have told shards, until each shard has confirmed it. Owner: the matching thread.

A shard that is down is told when it is back, also by a gateway that was started meanwhile: each instruction is part of
the gateway's state from the commit before it is sent, and leaves it with the batch in which the shard has obeyed.
Shards are told in order, and confirm in order, so that counting is enough.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from matching.commands import (
    CancelQuotes,
    Command,
    CorrectTrade,
    DefineInstrument,
    DefineSession,
    DelistInstrument,
    EndLimitOverride,
    EndTradingDay,
    Instruction,
    MassCancel,
    MassQuote,
    OverrideLimits,
    PullQuotes,
    RelistInstrument,
    RequestMassStatus,
    ResetQuoteProtection,
    SetKillSwitch,
    SetMarkPrice,
    SetProtection,
    SetQuoteProtection,
    SetReferencePrice,
    SetTradingPhase,
)
from matching.events import ScopeCanceled
from matching.quote_events import QuotesReset

INSTRUCTIONS: Final = (
    SetKillSwitch,
    SetTradingPhase,
    SetReferencePrice,
    SetMarkPrice,
    EndTradingDay,
    OverrideLimits,
    EndLimitOverride,
    DelistInstrument,
    RelistInstrument,
    CorrectTrade,
    DefineInstrument,
    MassCancel,
    RequestMassStatus,
    ResetQuoteProtection,
    MassQuote,
    CancelQuotes,
    PullQuotes,
    DefineSession,
    SetProtection,
    SetQuoteProtection,
)
STANDING: Final = (SetKillSwitch, OverrideLimits)
"""Instructions that hold until another one takes them back."""
INSTRUCTIONS_MAX: Final = 4_096
"""Instructions that may wait for shards; a shard that is down for ever must not make the gateway's state grow so."""
REFUSALS_MAX: Final = 256


class Instructed(msgspec.Struct, array_like=True):
    """An instruction, and the shards that have not confirmed it yet."""

    instruction_id: int
    instruction: Instruction
    shards: list[str]


class Instructions:
    """Instructions by id, and those that stand, kill switches that are engaged and limits that are overridden over all
    instruments: a shard that is new has to have them too.

    `refusals`: what shards have said against an instruction, `counts`: how many orders a kill switch has canceled or
    quotes a reset has taken again, for the answer to its operator; no part of the state.
    """

    def __init__(
        self, last_id: int = 0, waiting: Iterable[Instructed] = (), engaged: Iterable[Instruction] = ()
    ) -> None:
        self.last_id = last_id
        self.waiting = {each.instruction_id: each for each in waiting}
        self._standing: dict[tuple[str, int, str], Instruction] = {
            _scope(each): each for each in engaged if isinstance(each, STANDING)
        }
        self.refusals: dict[int, str] = {}
        self.counts: dict[int, int] = {}
        self._canceling: dict[tuple[str, str, int, str], list[int]] = {}
        self._resets: list[tuple[int, ResetQuoteProtection]] = []

    def instruct(self, shards: Sequence[str], instruction: Instruction) -> int:
        """Keep an instruction for `shards`; return its id, 0 where too many wait."""
        if len(self.waiting) >= INSTRUCTIONS_MAX:
            return 0
        if isinstance(instruction, SetKillSwitch | OverrideLimits | EndLimitOverride):
            self._note_standing(instruction)
        return self.keep(shards, instruction)

    @property
    def has_resets(self) -> bool:
        """Whether the batch that was confirmed last holds resets of frozen quotes."""
        return bool(self._resets)

    def has_room(self, count: int) -> bool:
        """Whether members' requests may have so many more instructions: operators have the other half."""
        return len(self.waiting) + count <= INSTRUCTIONS_MAX // 2

    def has_room_for_operators(self, count: int) -> bool:
        """Whether operators may have so many more instructions."""
        return len(self.waiting) + count < INSTRUCTIONS_MAX

    def _note_standing(self, instruction: SetKillSwitch | OverrideLimits | EndLimitOverride) -> None:
        """Keep what holds for shards that come later; an override of one instrument is its own shard's alone."""
        if isinstance(instruction, SetKillSwitch):
            stands = instruction.engaged
        else:
            stands = isinstance(instruction, OverrideLimits) and not instruction.instrument_id
        if stands:
            self._standing[_scope(instruction)] = instruction
        else:
            self._standing.pop(_scope(instruction), None)

    def keep(self, shards: Sequence[str], instruction: Instruction) -> int:
        """Keep an instruction that is within the bounds, or belongs to one that was; return its id."""
        self.last_id += 1
        if shards:
            self.waiting[self.last_id] = Instructed(self.last_id, instruction, list(shards))
        return self.last_id

    def add_shard(self, shard: str) -> None:
        """Let a shard that is new obey every kill switch that is engaged, and every limit that is overridden."""
        for instruction in tuple(self._standing.values()):
            self.keep([shard], instruction)

    def obeyed(self, shard: str, texts: Sequence[str]) -> None:
        """Note that a shard has confirmed as many of its instructions as there are texts, the oldest first.

        A text that is not empty is its refusal: then it has nothing more to do either.
        """
        of_shard = [each for each in self.waiting.values() if shard in each.shards] if texts else []
        for text, each in zip(texts, of_shard, strict=False):
            each.shards.remove(shard)
            if not each.shards:
                del self.waiting[each.instruction_id]
            if text:
                self._refuse(each.instruction_id, f"shard {shard}: {text}")
            elif isinstance(each.instruction, ResetQuoteProtection):
                self._resets.append((each.instruction_id, each.instruction))
            elif isinstance(each.instruction, SetKillSwitch) and each.instruction.engaged:
                self._canceling.setdefault(_cancels_of(shard, each.instruction), []).append(each.instruction_id)

    def _refuse(self, instruction_id: int, text: str) -> None:
        known = self.refusals.pop(instruction_id, "")
        self.refusals[instruction_id] = f"{known}; {text}" if known else text
        while len(self.refusals) > REFUSALS_MAX:
            del self.refusals[next(iter(self.refusals))]

    def canceled(self, shard: str, event: ScopeCanceled) -> None:
        """Note that a shard has done the cancels that a kill switch brought about."""
        ids = self._canceling.get(_cancels_of(shard, event))
        if not ids:
            return
        instruction_id = ids.pop(0)
        self._count(instruction_id, event.canceled)

    def _count(self, instruction_id: int, more: int) -> None:
        self.counts[instruction_id] = self.counts.pop(instruction_id, 0) + more
        while len(self.counts) > REFUSALS_MAX:
            del self.counts[next(iter(self.counts))]

    def quotes_reset(self, events: Sequence[QuotesReset]) -> None:
        """Count the quotes that operators' resets have taken again, all in the batch in which a shard obeyed them."""
        resets, self._resets = self._resets, []
        for event in events:
            ids = event.session_id, event.account_id, event.instrument_id
            for instruction_id, said in resets:
                scope = said.session_id, said.account_id, said.instrument_id
                in_scope = all(wanted in (0, found) for wanted, found in zip(scope, ids, strict=True))
                if in_scope and (said.by, said.reason) == (event.by, event.reason):
                    self._count(instruction_id, 1)
                    break

    def canceling(self, instruction_id: int) -> list[str]:
        """Return the shards that have confirmed a kill switch and have not canceled everything yet."""
        return [shard for (shard, *_), ids in self._canceling.items() if instruction_id in ids]

    def for_shard(self, shard: str) -> list[Instruction]:
        """Return what a shard has not confirmed, the oldest first."""
        return [each.instruction for each in self.waiting.values() if shard in each.shards]

    def unconfirmed(self, instruction_id: int) -> list[str]:
        """Return the shards that have not confirmed an instruction."""
        each = self.waiting.get(instruction_id)
        return list(each.shards) if each is not None else []

    def moves_phase(self, instrument_id: int) -> bool:
        """Tell whether an instruction that moves the phase of an instrument waits to be confirmed."""
        return any(
            isinstance(each.instruction, SetTradingPhase | DelistInstrument | RelistInstrument)
            and each.instruction.instrument_id == instrument_id
            for each in self.waiting.values()
        )

    def engaged(self) -> list[Instruction]:
        """Return the kill switches that are engaged, by scope and target."""
        return [self._standing[scope] for scope in sorted(self._standing)]


def is_instruction(command: Command) -> bool:
    """Tell whether a command that a shard was given is an instruction, which it confirms; a member's own message has a
    number.
    """
    return isinstance(command, INSTRUCTIONS) and not getattr(command, "msg_seq_num", 0)


def _cancels_of(shard: str, said: SetKillSwitch | ScopeCanceled) -> tuple[str, str, int, str]:
    return shard, said.scope, said.target_id, said.target_name


def _scope(instruction: SetKillSwitch | OverrideLimits | EndLimitOverride) -> tuple[str, int, str]:
    """Return what an instruction that stands is about; another one about the same takes its place."""
    if isinstance(instruction, SetKillSwitch):
        # A firm has a name alone, its target_id is 0.
        return instruction.scope, instruction.target_id, instruction.target_name
    return f"limits {instruction.instrument_id}", instruction.account_id, instruction.firm
