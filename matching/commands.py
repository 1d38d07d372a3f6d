"""Commands: the only input of the exchange. Each is a frozen record; what it cannot know (time, sequence) stands in its
frame.

The record layout is the journal's format: fields are only ever appended, with a default, and tags are never used again.
Prices are ticks, quantities lots, amounts 10^-6 of a currency or whole lots of a share.
"""

from typing import TypeAlias

from matching.member_commands import (
    CancelOrder,
    MassCancel,
    NewOrder,
    NewOrderList,
    RefuseCancel,
    RefuseOrder,
    RefuseOrderList,
    ReplaceOrder,
    RequestMassStatus,
    RequestStatus,
)
from matching.operator_commands import (
    CancelSessionOrders,
    ChangeSessions,
    ContinueWork,
    CorrectTrade,
    DefineAccount,
    DefineInstrument,
    DefineSession,
    DelistInstrument,
    Deposit,
    EndLimitOverride,
    EndTradingDay,
    ExpireOrders,
    NoteConnection,
    OverrideLimits,
    RelistInstrument,
    SetAcceptance,
    SetFirmLimits,
    SetKillSwitch,
    SetLimits,
    SetMarkPrice,
    SetPermission,
    SetProtection,
    SetReferencePrice,
    SetTradingPhase,
    TellIndicativePrice,
    TransferIn,
    TransferOut,
)
from matching.quote_commands import (
    CancelQuotes,
    MassQuote,
    PullQuotes,
    QuoteEntry,
    ResetQuoteProtection,
    SetQuoteProtection,
)
from matching.relay_commands import (
    AnswerRequest,
    AskShards,
    DefineShard,
    ForgetNumbers,
    Instruction,
    InstructShards,
    MassRequest,
    RefuseMessage,
    RelayBatch,
    RequestTransfer,
)
from matching.user_commands import AnswerUser, NoteSignedLogon, PlanStop, RequestUser, SetPassword

__all__ = [
    "AnswerRequest",
    "AnswerUser",
    "AskShards",
    "CancelOrder",
    "CancelQuotes",
    "CancelSessionOrders",
    "ChangeSessions",
    "Command",
    "ContinueWork",
    "CorrectTrade",
    "DefineAccount",
    "DefineInstrument",
    "DefineSession",
    "DefineShard",
    "DelistInstrument",
    "Deposit",
    "EndLimitOverride",
    "EndTradingDay",
    "ExpireOrders",
    "ForgetNumbers",
    "InstructShards",
    "Instruction",
    "MassCancel",
    "MassQuote",
    "MassRequest",
    "NewOrder",
    "NewOrderList",
    "NoteConnection",
    "NoteSignedLogon",
    "OverrideLimits",
    "PlanStop",
    "PullQuotes",
    "QuoteEntry",
    "RefuseCancel",
    "RefuseMessage",
    "RefuseOrder",
    "RefuseOrderList",
    "RelayBatch",
    "RelistInstrument",
    "ReplaceOrder",
    "RequestMassStatus",
    "RequestStatus",
    "RequestTransfer",
    "RequestUser",
    "ResetQuoteProtection",
    "SetAcceptance",
    "SetFirmLimits",
    "SetKillSwitch",
    "SetLimits",
    "SetMarkPrice",
    "SetPassword",
    "SetPermission",
    "SetProtection",
    "SetQuoteProtection",
    "SetReferencePrice",
    "SetTradingPhase",
    "TellIndicativePrice",
    "TransferIn",
    "TransferOut",
]

Command: TypeAlias = (
    NewOrder
    | CancelOrder
    | ReplaceOrder
    | RefuseOrder
    | RefuseCancel
    | RequestStatus
    | DefineInstrument
    | DefineAccount
    | DefineSession
    | SetLimits
    | Deposit
    | SetKillSwitch
    | SetAcceptance
    | SetTradingPhase
    | SetReferencePrice
    | EndTradingDay
    | CancelSessionOrders
    | ContinueWork
    | TransferOut
    | TransferIn
    | RelayBatch
    | DefineShard
    | RequestTransfer
    | RefuseMessage
    | InstructShards
    | ForgetNumbers
    | SetMarkPrice
    | ExpireOrders
    | MassCancel
    | RequestMassStatus
    | NoteConnection
    | OverrideLimits
    | EndLimitOverride
    | SetProtection
    | SetPermission
    | TellIndicativePrice
    | DelistInstrument
    | NewOrderList
    | RefuseOrderList
    | CorrectTrade
    | SetFirmLimits
    | RelistInstrument
    | AskShards
    | AnswerRequest
    | MassQuote
    | CancelQuotes
    | SetQuoteProtection
    | ResetQuoteProtection
    | PullQuotes
    | ChangeSessions
    | RequestUser
    | AnswerUser
    | SetPassword
    | NoteSignedLogon
    | PlanStop
)
