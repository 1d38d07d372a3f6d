"""Commands about quotes: what a member's quote messages become, what protects quotes, and what an operator does about
it. Layout and units: see matching.commands.
"""

import msgspec

from matching.terms import Terms


class QuoteEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One entry of a MassQuote(i): what a member wants to stand in an instrument, in ticks and lots.

    A quantity of 0 is no quote on that side: one that stands there is canceled. `symbol` as the peer wrote it. `code`
    other than 0: translation could not express the entry, refused with that and `text`.
    """

    set_id: str
    entry_id: str
    instrument_id: int
    symbol: str
    bid_price: int
    bid_qty: int
    offer_price: int
    offer_qty: int
    code: int = 0
    text: str = ""


class MassQuote(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=70):
    """MassQuote(i): one quote per session, account and instrument, in place of the one before.

    `response_level` is QuoteResponseLevel(301); `resets`: frozen quotes of its instruments are taken again, before it
    is looked at. `terms` are what protects against self-matches. `code` other than 0: the whole message is refused.
    `answer_id` names the answer where QuoteID(117) does not: a gateway asks several shards, and puts their answers
    together. After `valid_until_ns` nothing is taken; 0: at any time.
    """

    session_id: int
    epoch: int
    msg_seq_num: int
    quote_id: str
    account_id: int
    response_level: str
    entries: tuple[QuoteEntry, ...]
    poss_resend: bool = False
    resets: bool = False
    terms: Terms | None = None
    code: int = 0
    text: str = ""
    answer_id: str = ""
    valid_until_ns: int = 0


class CancelQuotes(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=71):
    """QuoteCancel(Z): cancel the session's quotes in `instrument_ids`, or all where `cancel_type`,
    QuoteCancelType(298), is 4; of one account, where that is not 0. `resets`: frozen quotes of that scope are taken
    again. `symbols` as the peer wrote them; `code` other than 0: refused with that and `text`. `answer_id`: see
    MassQuote.
    """

    session_id: int
    epoch: int
    msg_seq_num: int
    quote_id: str
    cancel_type: str
    account_id: int
    instrument_ids: tuple[int, ...] = ()
    symbols: tuple[str, ...] = ()
    resets: bool = False
    poss_resend: bool = False
    code: int = 0
    text: str = ""
    answer_id: str = ""

    @property
    def cl_ord_id(self) -> str:
        """What names the message where it is refused before it is looked at."""
        return self.answer_id or self.quote_id


class SetQuoteProtection(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=72):
    """Market-maker protection of a session's quotes, of each account and instrument by itself; 0: no such bound.

    More than `qty_max` lots, `delta_max` lots net, or `count_max` fills within `window_ns` cancel the quotes and freeze
    them.
    """

    session_id: int
    qty_max: int
    delta_max: int
    count_max: int
    window_ns: int


class ResetQuoteProtection(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=73):
    """Take frozen quotes of a session again, by an operator; 0 in `account_id` or `instrument_id`: of all."""

    session_id: int
    account_id: int
    instrument_id: int
    by: str
    reason: str


class PullQuotes(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=81):
    """A gateway's own, for a shard: a session's quotes of one account in these instruments leave, for `text`, where
    they are of the MassQuote with that `answer_id`. Its member is not to wait for the shard any longer.
    """

    session_id: int
    account_id: int
    instrument_ids: tuple[int, ...]
    answer_id: str
    text: str
