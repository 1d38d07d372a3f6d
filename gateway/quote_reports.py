"""Reports about quotes: MassQuoteAcknowledgement(b), which FIX.4.2 calls QuoteAcknowledgement, and what an
ExecutionReport(8) of a quote says beyond that of an order.

That a quote was taken, replaced or canceled as its session asked is said by the answer to the message and by nothing
else; everything else that happens to it, a fill or a cancel by others, has its ExecutionReport. Owner: the matching
thread.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from gateway.rejects import SOH_FREE, explanation, quote_reject_reason
from gateway.sessions import FIX42, FIX44_EXTENDED, FIX50SP2, Version
from matching.events import Execution
from matching.quote_events import AnsweredEntry, QuotesAnswered, QuotesFrozen
from matching.types import (
    EXEC_CANCELED,
    EXEC_NEW,
    EXEC_REPLACED,
    QUOTES_CANCELED,
    QUOTES_REJECTED,
    QUOTES_REMOVED,
)

MASS_QUOTE_ACKNOWLEDGEMENT: Final = "b"
NO_ID: Final = "NONE"
TEXT_CHARS_MAX: Final = 4_000
"""Length of Text(58) from which on refused entries are counted and not explained any more."""


def is_answered_elsewhere(event: Execution) -> bool:
    """Tell whether a step of a quote is one that the answer to its session's own message says."""
    if event.terms is None or event.terms.quote is None:
        return False
    if event.exec_type in (EXEC_NEW, EXEC_REPLACED):
        return True
    return event.exec_type == EXEC_CANCELED and not (event.text or event.orig_cl_ord_id)


def quote_fields(event: Execution, version: Version) -> str:
    """Return what names the quote in an ExecutionReport(8); in the other versions ClOrdID(11) alone does."""
    ids = None if event.terms is None else event.terms.quote
    if ids is None:
        return ""
    if version == FIX50SP2:
        return f"1166={ids.quote_id}\x01"
    return f"117={ids.quote_id}\x01299={ids.entry_id}\x01" if version == FIX44_EXTENDED else ""


def acknowledgement(event: QuotesAnswered, version: Version) -> str:
    """Return the body of the MassQuoteAcknowledgement(b) that says `event`."""
    refused = [each for each in event.entries if each.code]
    reason = _reason(event, refused, version)
    level = f"301={event.response_level}\x01" if event.response_level else ""
    cancel_type = f"298={event.cancel_type}\x01" if event.cancel_type and version == FIX50SP2 else ""
    sets = "" if event.cancel_type else _sets(event.entries, dict(event.counts), version)
    return (
        f"117={event.quote_id or NO_ID}\x01297={event.status}\x01{reason}{level}{cancel_type}"
        f"{_explanation(event, refused, version)}{sets}"
    )


def frozen(event: QuotesFrozen, version: Version) -> str:
    """Return the body of the b that says, unasked, that market-maker protection has frozen quotes."""
    # What FIX.4.2 has nearest to "removed from market".
    status = QUOTES_CANCELED if version == FIX42 else QUOTES_REMOVED
    entry = AnsweredEntry(event.set_id, event.entry_id, event.symbol, event.code, event.text)
    reason = quote_reject_reason(event.code, version)
    return (
        f"117={event.quote_id}\x01297={status}\x01300={reason}\x01{explanation(event.code, event.text, version)}"
        f"{_sets((entry,), {event.set_id: 1}, version)}"
    )


def _reason(event: QuotesAnswered, refused: list[AnsweredEntry], version: Version) -> str:
    """Return QuoteRejectReason(300) of what is refused: of the message, or of its first entry where all are."""
    code = event.code if event.status == QUOTES_REJECTED else 0
    if event.status == QUOTES_REJECTED and not code and refused:
        code = refused[0].code
    return f"300={quote_reject_reason(code, version)}\x01" if code else ""


def _explanation(event: QuotesAnswered, refused: list[AnsweredEntry], version: Version) -> str:
    """Return Text(58): why the message, or each entry, was refused; entries have no text of their own in FIX."""
    if event.code or not refused:
        return explanation(event.code, event.text, version)
    if len(refused) == 1:
        return explanation(refused[0].code, f"entry {refused[0].entry_id}: {refused[0].text}", version)
    first, *others = refused
    text = f"entry {first.entry_id}: {first.text}"
    for done, each in enumerate(others):
        if len(text) > TEXT_CHARS_MAX:
            text += f"; and {len(others) - done} more"
            break
        text += f"; entry {each.entry_id}: {each.code}: {each.text}"
    return explanation(first.code, text, version)


def _sets(entries: tuple[AnsweredEntry, ...], counts: dict[str, int], version: Version) -> str:
    """Return the group NoQuoteSets(296) of the entries that are told."""
    sets = list(_by_set(entries))
    if not sets:
        return ""
    bodies = (
        f"302={set_id}\x01304={counts.get(set_id, len(told))}\x01295={len(told)}\x01"
        + "".join(_entry(each, version) for each in told)
        for set_id, told in sets
    )
    return f"296={len(sets)}\x01" + "".join(bodies)


def _by_set(entries: tuple[AnsweredEntry, ...]) -> Iterator[tuple[str, list[AnsweredEntry]]]:
    for set_id, told in groupby(entries, key=_set_id):
        yield set_id, list(told)


def _set_id(entry: AnsweredEntry) -> str:
    return entry.set_id


def _entry(entry: AnsweredEntry, version: Version) -> str:
    symbol = f"55={entry.symbol.translate(SOH_FREE)}\x01" if entry.symbol else ""
    reason = f"368={quote_reject_reason(entry.code, version)}\x01" if entry.code else ""
    return f"299={entry.entry_id or NO_ID}\x01{symbol}{reason}"
