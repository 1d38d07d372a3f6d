"""Translation of MassQuote(i) and QuoteCancel(Z). An entry that cannot be expressed is refused by itself; what concerns
the whole message, its ids, account and counts, refuses all of it. Owner: the matching thread.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from gateway.decimals import e8_text
from gateway.id_fault import id_fault
from gateway.inbound import QUOTE_ENTRY_TERMS, QUOTE_SCOPE_NOT_OFFERED, QUOTE_SET_TERMS, QUOTE_TERMS, Term
from gateway.order_terms import VALUE_E8_MAX, Refused, self_match_of, shown
from gateway.sessions import FIX42, GatewaySession
from matching import refusals
from matching.commands import CancelQuotes, MassQuote, QuoteEntry
from matching.instrument import Instrument
from matching.quotes import RESET_ID
from matching.refusals import Refusal
from matching.terms import Terms
from matching.types import CANCEL_ALL_QUOTES as ALL
from matching.types import CANCEL_QUOTES_OF_SYMBOLS as BY_SYMBOL
from matching.types import CL_ORD_ID_CHARS_MAX

ENTRIES_MAX: Final = 50
"""Entries of one message: a hundred sides, so that a message is never work for more than one step."""
RESETS: Final = ("Y", "N")
"""MMProtectionReset(9773)."""
NO_SYMBOL: Final = "[N/A]"
"""Symbol(55) of the entry that FIX.4.2 asks for in every QuoteCancel(Z), where it is about all."""
NO_ACCOUNT: Final = 0
UNKNOWN_INSTRUMENT_ID: Final = 0


class _Side(NamedTuple):
    """One side of an entry as it came: fields' names, price, size or the set's default size."""

    price_name: str
    size_name: str
    price: Any
    size: Any


def mass_quote(
    session: GatewaySession,
    msg_seq_num: int,
    poss_resend: bool,
    values: tuple[Any, ...],
    instruments: Mapping[str, Instrument],
) -> MassQuote:
    """Return the command of an i; `values` as in the table `inbound`."""
    quote_id, account, level, bid_size, offer_size, own_id, instruction, reset = values[:8]
    sets = values[-1] or ()
    account_id = session.accounts.get(account)
    terms, fault = _terms(session, own_id, instruction)
    fault = (
        _id_fault("QuoteID(117)", quote_id)
        or _account_fault(session, account, account_id)
        or _term_fault(QUOTE_TERMS, values[8:-1])
        or _reset_fault(reset)
        or _count_fault(sets)
        or fault
    )
    entries = () if fault else tuple(_entries(session, sets, (bid_size, offer_size), instruments))
    return MassQuote(
        session.session_id,
        session.epoch,
        msg_seq_num,
        (quote_id or "")[:CL_ORD_ID_CHARS_MAX],
        account_id or NO_ACCOUNT,
        level or "",
        entries,
        poss_resend,
        reset == "Y",
        terms,
        *(fault or (0, "")),
    )


def quote_cancel(
    session: GatewaySession,
    msg_seq_num: int,
    poss_resend: bool,
    values: tuple[Any, ...],
    instruments: Mapping[str, Instrument],
) -> CancelQuotes:
    """Return the command of a Z; `values` as in the table `inbound`."""
    quote_id, cancel_type, account, named = values[:4]
    symbols = [each[0] or "" for each in named or ()]
    if cancel_type == ALL and session.version == FIX42 and symbols == [NO_SYMBOL]:
        symbols = []
    account_id = session.accounts.get(account) if account is not None else NO_ACCOUNT
    fault = (
        (_id_fault("QuoteID(117)", quote_id) if quote_id else None)
        or _account_fault(session, account, account_id)
        or _cancel_fault(cancel_type or "", symbols, values[4:])
        or _symbols_fault(symbols, instruments)
    )
    return CancelQuotes(
        session.session_id,
        session.epoch,
        msg_seq_num,
        (quote_id or "")[:CL_ORD_ID_CHARS_MAX],
        cancel_type or "",
        account_id or NO_ACCOUNT,
        () if fault else tuple(instruments[symbol].instrument_id for symbol in symbols),
        tuple(symbol[:CL_ORD_ID_CHARS_MAX] for symbol in symbols[:ENTRIES_MAX]),
        quote_id == RESET_ID,
        poss_resend,
        *(fault or (0, "")),
    )


# -- the whole message ------------------------------------------------------------------------------------------------


def _terms(session: GatewaySession, own_id: str | None, instruction: str | None) -> tuple[Terms | None, Refusal | None]:
    """Return what protects the quotes against self-matches, or why that is not offered."""
    if own_id is None and instruction is None:
        return session.terms, None
    try:
        self_match_id, mode = self_match_of(session, own_id, instruction)
    except Refused as refused:
        return None, refused.refusal
    return Terms(self_match_id=self_match_id, self_match_mode=mode), None


def _id_fault(name: str, text: str | None) -> Refusal | None:
    return id_fault(name, text, absent=refusals.QUOTE_ID_ABSENT, too_long=refusals.QUOTE_ID_TOO_LONG)


def _account_fault(session: GatewaySession, account: str | None, account_id: int | None) -> Refusal | None:
    if account_id is not None:
        return None
    text = f"Account(1) {shown(account) or 'absent'} is not one of {session.target_comp_id}"
    return refusals.QUOTE_UNKNOWN_ACCOUNT, text


def _term_fault(terms: Sequence[Term], given: Sequence[str | None]) -> Refusal | None:
    """Return the fault of the first term that is not offered and says something."""
    for term, value in zip(terms, given, strict=True):
        if value is not None and value != term.harmless:
            allowed = f", allowed: {term.harmless}" if term.harmless else ""
            return refusals.QUOTE_TERM_NOT_OFFERED, f"{term.name}({term.tag}) {shown(value)} is not offered{allowed}"
    return None


def _reset_fault(reset: str | None) -> Refusal | None:
    if reset is None or reset in RESETS:
        return None
    text = f"MMProtectionReset(9773) {shown(reset)} is not offered, allowed: {', '.join(RESETS)}"
    return refusals.QUOTE_TERM_NOT_OFFERED, text


def _count_fault(sets: Sequence[tuple[Any, ...]]) -> Refusal | None:
    """Refuse a message whose entries are none, too many, or not those that its sets count."""
    total = 0
    seen: set[str] = set()
    for each in sets:
        set_id, entries = each[0], each[-1] or ()
        fault = _id_fault("QuoteSetID(302)", set_id) or _term_fault(QUOTE_SET_TERMS, each[3:-1])
        if fault is not None:
            return fault
        for name, count in zip(("TotNoQuoteEntries(304)", "NoQuoteEntries(295)"), each[1:3], strict=True):
            if count != len(entries):
                said = "absent" if count is None else str(count)[:CL_ORD_ID_CHARS_MAX]
                text = f"{name} {said} of set {set_id}, found: {len(entries)} entries"
                return refusals.QUOTE_COUNTS_DIFFER, text
        if set_id in seen:
            return refusals.QUOTE_COUNTS_DIFFER, f"QuoteSetID(302) {set_id} stands twice in the message"
        seen.add(set_id)
        total += len(entries)
    if not total:
        return refusals.QUOTE_ENTRIES_ABSENT, "the message has no entry"
    if total > ENTRIES_MAX:
        return refusals.QUOTE_ENTRIES_MAX, f"{total} entries found, allowed: {ENTRIES_MAX}"
    return None


def _cancel_fault(cancel_type: str, symbols: Sequence[str], extras: Sequence[str | None]) -> Refusal | None:
    for name, value in zip(QUOTE_SCOPE_NOT_OFFERED.values(), extras, strict=True):
        if value is not None:
            return refusals.QUOTE_TERM_NOT_OFFERED, f"{name} {shown(value)} is not offered"
    if cancel_type not in (BY_SYMBOL, ALL):
        text = f"QuoteCancelType(298) {cancel_type or 'absent'} is not offered, allowed: {BY_SYMBOL}, {ALL}"
        return refusals.QUOTE_CANCEL_NOT_SUPPORTED, text
    if (cancel_type == BY_SYMBOL) != bool(symbols):
        text = f"{len(symbols)} instruments with QuoteCancelType(298) {cancel_type}"
        return refusals.QUOTE_CANCEL_CONTRADICTS, text
    return None


def _symbols_fault(symbols: Sequence[str], instruments: Mapping[str, Instrument]) -> Refusal | None:
    if len(symbols) > ENTRIES_MAX:
        return refusals.QUOTE_ENTRIES_MAX, f"{len(symbols)} entries found, allowed: {ENTRIES_MAX}"
    for symbol in symbols:
        if symbol not in instruments:
            return refusals.QUOTE_UNKNOWN_SYMBOL, f"Symbol(55) {shown(symbol) or 'absent'} is not traded here"
    return None


# -- entries ----------------------------------------------------------------------------------------------------------


def _entries(
    session: GatewaySession,
    sets: Sequence[tuple[Any, ...]],
    sizes: tuple[Any, Any],
    instruments: Mapping[str, Instrument],
) -> list[QuoteEntry]:
    """Return the entries of all sets, those that cannot be expressed with their fault."""
    names: set[tuple[str, str]] = set()
    quoted: set[str] = set()
    return [_entry(session, each[0], values, sizes, instruments, names, quoted) for each in sets for values in each[-1]]


def _entry(
    session: GatewaySession,
    set_id: str,
    values: tuple[Any, ...],
    sizes: tuple[Any, Any],
    instruments: Mapping[str, Instrument],
    names: set[tuple[str, str]],
    quoted: set[str],
) -> QuoteEntry:
    entry_id, symbol, bid_price, offer_price, bid_size, offer_size, currency = values[:7]
    echo = (entry_id or "")[:CL_ORD_ID_CHARS_MAX], (symbol or "")[:CL_ORD_ID_CHARS_MAX]
    instrument = instruments.get(symbol or "")
    try:
        if instrument is None:
            raise Refused(refusals.QUOTE_UNKNOWN_SYMBOL, f"Symbol(55) {shown(symbol) or 'absent'} is not traded here")
        if not session.may_see(symbol):
            raise Refused(refusals.INSTRUMENT_NOT_PERMITTED, session.not_permitted(symbol))
        fault = (
            _id_fault("QuoteEntryID(299)", entry_id)
            or _twice_fault((set_id, entry_id), symbol, names, quoted)
            or _currency_fault(currency, instrument)
            or _term_fault(QUOTE_ENTRY_TERMS, values[7:])
        )
        if fault is not None:
            raise Refused(*fault)
        bid = _Side("BidPx(132)", "BidSize(134)", bid_price, sizes[0] if bid_size is None else bid_size)
        offer = _Side("OfferPx(133)", "OfferSize(135)", offer_price, sizes[1] if offer_size is None else offer_size)
        # A default size alone asks for nothing where there is no price.
        is_bid, is_offer = bid_price is not None or bid_size, offer_price is not None or offer_size
        sides = *(_side(bid, instrument) if is_bid else (0, 0)), *(_side(offer, instrument) if is_offer else (0, 0))
    except Refused as refused:
        known_id = UNKNOWN_INSTRUMENT_ID if instrument is None else instrument.instrument_id
        return QuoteEntry(set_id, echo[0], known_id, echo[1], 0, 0, 0, 0, *refused.refusal)
    return QuoteEntry(set_id, echo[0], instrument.instrument_id, echo[1], *sides)


def _twice_fault(name: tuple[str, str], symbol: str, names: set[tuple[str, str]], quoted: set[str]) -> Refusal | None:
    """Refuse the second entry of a name or an instrument: which of them its sender meant nobody can say."""
    if name in names:
        return refusals.QUOTE_DUPLICATE_ENTRY, f"QuoteEntryID(299) {name[1]} stands twice in set {name[0]}"
    if symbol in quoted:
        return refusals.QUOTE_DUPLICATE_ENTRY, f"Symbol(55) {symbol} stands twice in the message"
    names.add(name)
    quoted.add(symbol)
    return None


def _currency_fault(currency: str | None, instrument: Instrument) -> Refusal | None:
    if currency is None or currency == instrument.currency:
        return None
    text = f"Currency(15) {shown(currency)} is not offered, allowed: {instrument.currency}"
    return refusals.QUOTE_TERM_NOT_OFFERED, text


def _side(side: _Side, instrument: Instrument) -> tuple[int, int]:
    """Return price in ticks and quantity in lots of one side; (0, 0) where its size is 0. Raises `Refused`, also of a
    price beside a size of 0: its sender may have meant something else.
    """
    size, price = side.size, side.price
    if size is None:
        raise Refused(refusals.QUOTE_SIZE_ABSENT, f"{side.size_name} is absent beside {side.price_name}")
    name = f"{side.size_name} {shown(size)}"
    if isinstance(size, str) or size > VALUE_E8_MAX:
        raise Refused(refusals.QUOTE_SIZE_NO_NUMBER, f"{name} is not a number that can be traded")
    if size < 0:
        raise Refused(refusals.QUOTE_SIZE_NEGATIVE, f"{name} is negative")
    if size == 0:
        if price is not None:
            _price(side.price_name, price, instrument)
        return 0, 0
    if size % instrument.lot_e8:
        text = f"{name} is not a multiple of the lot {e8_text(instrument.lot_e8)} of {instrument.symbol}"
        raise Refused(refusals.QUOTE_SIZE_OFF_LOT, text)
    if price is None:
        raise Refused(refusals.QUOTE_PRICE_ABSENT, f"{side.price_name} is absent beside {name}")
    return _price(side.price_name, price, instrument), size // instrument.lot_e8


def _price(name: str, price: int | str, instrument: Instrument) -> int:
    name = f"{name} {shown(price)}"
    if isinstance(price, str) or price > VALUE_E8_MAX:
        raise Refused(refusals.QUOTE_PRICE_NO_NUMBER, f"{name} is not a number that can be traded")
    if price <= 0:
        raise Refused(refusals.QUOTE_PRICE_NOT_POSITIVE, f"{name} is not positive")
    if price % instrument.tick_e8:
        text = f"{name} is not a multiple of the tick {e8_text(instrument.tick_e8)} of {instrument.symbol}"
        raise Refused(refusals.QUOTE_PRICE_OFF_TICK, text)
    return price // instrument.tick_e8
