"""Commands of a gateway before shards: what it journals of them, and for them. Layout and units: see
matching.commands.
"""

from typing import TypeAlias

import msgspec

from matching.member_commands import MassCancel, RequestMassStatus
from matching.operator_commands import (
    CorrectTrade,
    DefineInstrument,
    DefineSession,
    DelistInstrument,
    EndLimitOverride,
    EndTradingDay,
    OverrideLimits,
    RelistInstrument,
    SetKillSwitch,
    SetMarkPrice,
    SetProtection,
    SetReferencePrice,
    SetTradingPhase,
)
from matching.quote_commands import CancelQuotes, MassQuote, PullQuotes, ResetQuoteProtection, SetQuoteProtection


class RelayBatch(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=30):
    """A gateway's own: a batch that a shard has committed, as the gateway journals it before anything of it is said.

    `answered` holds, by session, the epoch and the highest MsgSeqNum(34) that the batch answers; `events` are the
    shard's own bytes; `refused_transfers` the ids of steps that it refused, and why. `obeyed` has an entry for each
    instruction that the batch holds, in their order: why it was refused, or nothing.
    """

    shard: str
    shard_batch_seq: int
    time_ns: int
    answered: tuple[tuple[int, int, int], ...]
    events: bytes
    refused_transfers: tuple[tuple[str, str], ...] = ()
    obeyed: tuple[str, ...] = ()


class DefineShard(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=31):
    """A gateway's own: a shard is there. Its id is the high part of its orders' ids; a name keeps its id for ever."""

    name: str
    shard_id: int


class RequestTransfer(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=32):
    """A gateway's own: move `amount` of `asset` (as in Deposit, above 0) of an account from one shard to another.

    The gateway sends both steps, each until it is answered, whatever is killed meanwhile.
    """

    account_id: int
    asset: str
    amount: int
    transfer_id: str
    from_shard: str
    to_shard: str
    by: str
    reason: str


class RefuseMessage(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=33):
    """A gateway's own: a request that no shard is given, as its shard is down or the session may not ask it; an order
    whose shard is down is a RefuseOrder. `reason` is BusinessRejectReason(380), 4: not available.
    """

    session_id: int
    epoch: int
    msg_seq_num: int
    ref_msg_type: str
    ref_id: str
    text: str
    code: int = 0


Instruction: TypeAlias = (
    SetKillSwitch
    | SetTradingPhase
    | SetReferencePrice
    | SetMarkPrice
    | EndTradingDay
    | OverrideLimits
    | EndLimitOverride
    | DelistInstrument
    | RelistInstrument
    | CorrectTrade
    | DefineInstrument
    | MassCancel
    | RequestMassStatus
    | ResetQuoteProtection
    | MassQuote
    | CancelQuotes
    | PullQuotes
    | DefineSession
    | SetProtection
    | SetQuoteProtection
)
"""What an operator, or the clock, tells shards; and a member's request over several of them, without its number."""
MassRequest: TypeAlias = MassCancel | RequestMassStatus | MassQuote | CancelQuotes
"""A member's request over instruments of several shards."""


class InstructShards(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=34):
    """A gateway's own: `instruction` is for `shards`; it is kept, and sent, until each of them has confirmed it."""

    shards: tuple[str, ...]
    instruction: Instruction


class ForgetNumbers(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=35):
    """A gateway's own: MsgSeqNum(34) below `below` cannot come again in this epoch; whether they were answered here
    need not be known any longer.
    """

    session_id: int
    epoch: int
    below: int


class AskShards(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=36):
    """A gateway's own: a member's request over instruments of several shards; each of `shards` is told of it as of an
    instruction, and the member is answered once.
    """

    shards: tuple[str, ...]
    request: MassRequest


class AnswerRequest(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=37):
    """A gateway's own: the shards that have not answered a request yet are not waited for; `request_id` is that of its
    ShardsInstructed.
    """

    request_id: int
