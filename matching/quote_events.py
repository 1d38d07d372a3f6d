"""Events about quotes. The steps in the life of their orders are Executions like all others, with the quote's ids in
their terms. Layout: see matching.events.
"""

import msgspec


class AnsweredEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What became of one entry of a MassQuote(i); `code` 0: it was taken."""

    set_id: str
    entry_id: str
    symbol: str
    code: int = 0
    text: str = ""


class QuotesAnswered(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=70):
    """MassQuoteAcknowledgement(b). `status` is QuoteStatus(297): 0 taken, 1 and 4 canceled, 5 refused, 6 frozen by
    market-maker protection. `code` and `text` are of the whole message, `entries` those that are told: all, or the
    refused ones, as `response_level`, QuoteResponseLevel(301), asks for. `cancel_type` is that of a QuoteCancel(Z).
    `counts` are entries by set: (set, entries). `canceled` sides and `reset` quotes are those of a QuoteCancel(Z).
    """

    session_id: int
    msg_seq_num: int
    quote_id: str
    account_id: int
    status: str
    response_level: str = ""
    entries: tuple[AnsweredEntry, ...] = ()
    counts: tuple[tuple[str, int], ...] = ()
    cancel_type: str = ""
    code: int = 0
    text: str = ""
    canceled: int = 0
    reset: int = 0


class QuotesFrozen(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=71):
    """Market-maker protection has frozen the quotes of a session and account in an instrument; what stands of them is
    canceled behind this. The ids are those of the quote that was filled last.
    """

    session_id: int
    account_id: int
    instrument_id: int
    symbol: str
    quote_id: str
    set_id: str
    entry_id: str
    code: int
    text: str


class QuotesReset(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=72):
    """Quotes that were frozen are taken again. `by` is the operator, or empty where the member asked for it."""

    session_id: int
    account_id: int
    instrument_id: int
    by: str
    reason: str


class QuoteProtectionSet(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=73):
    """Bounds of a session's market-maker protection have changed."""

    session_id: int
