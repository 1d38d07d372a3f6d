"""Quote messages over instruments of several shards: what each shard is told of them, and the one answer to them.

A MassQuote(i) is split by shard. Prices grow old: a shard that is down is not given its part, its entries are refused;
what a shard was given and has not taken within three seconds, it refuses. Where it has not answered by then it is not
waited for: the member is told so, and what the shard has taken of it leaves before the shard is given anything that
comes later. Owner: the matching thread.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from gateway.shard_asked import Asked, own_id
from gateway.shard_link import SILENT_SECONDS, ShardLink
from matching import refusals
from matching.commands import AskShards, CancelQuotes, MassQuote, PullQuotes, QuoteEntry
from matching.events import Event
from matching.instrument import Instrument
from matching.quote_cancels import answer as cancel_answer
from matching.quote_cancels import done as cancel_done
from matching.quote_events import AnsweredEntry, QuotesAnswered
from matching.quote_requests import ALL_ENTRIES, answer_of_entries, mass_quote_answer
from matching.refusals import Refusal
from matching.types import QUOTES_REJECTED

VALID_NS: Final = int(SILENT_SECONDS * 1_000_000_000)
"""So long after a gateway has taken it a shard takes a quote; then the shard is not waited for any longer."""


def asked_of(
    command: MassQuote, by_instrument: Mapping[int, ShardLink], fault: Callable[[ShardLink], str]
) -> AskShards:
    """Return a mass quote for those of its shards that can be given it; the entries of the others are refused.

    `fault` says why a shard cannot be given anything, or nothing.
    """
    links = {link.name: link for each in command.entries if (link := by_instrument.get(each.instrument_id))}
    down = {name: cause for name, link in links.items() if (cause := fault(link))}
    entries = tuple(_unless_down(each, by_instrument.get(each.instrument_id), down) for each in command.entries)
    shards = tuple(name for name in links if name not in down)
    return AskShards(shards, msgspec.structs.replace(command, entries=entries))


def has_stray(command: MassQuote | CancelQuotes, by_instrument: Mapping[int, ShardLink]) -> bool:
    """Tell whether an entry of a mass quote is for an instrument of no shard; whoever takes the others refuses it."""
    entries = command.entries if isinstance(command, MassQuote) else ()
    return any(not each.code and each.instrument_id not in by_instrument for each in entries)


def _unless_down(entry: QuoteEntry, link: ShardLink | None, down: Mapping[str, str]) -> QuoteEntry:
    if entry.code or (link is not None and link.name not in down):
        return entry
    if link is None:
        fault = refusals.QUOTE_UNKNOWN_SYMBOL, f"Symbol(55) {entry.symbol} is not traded here"
    else:
        text = f"the market is not available at the moment: {down[link.name]}"
        fault = refusals.SHARD_NOT_AVAILABLE, text
    return msgspec.structs.replace(entry, code=fault[0], text=fault[1])


def places_of(
    command: AskShards, instruments: Mapping[int, Instrument], homes: Mapping[str, str]
) -> dict[str, list[int]]:
    """Return by shard the places of the entries of a mass quote that it is given."""
    places: dict[str, list[int]] = {name: [] for name in command.shards}
    assert isinstance(command.request, MassQuote), "a mass quote has entries"
    for place, entry in enumerate(command.request.entries):
        instrument = instruments.get(entry.instrument_id)
        home = "" if instrument is None else homes.get(instrument.symbol, "")
        if home in places:
            places[home].append(place)
        else:
            assert entry.code, f"entry {place} is of no shard and not refused"
    return places


def part_of(request: MassQuote, places: list[int], asked_id: int, time_ns: int) -> MassQuote:
    """Return what a shard is told of a mass quote: its entries, of which it has to tell each."""
    return msgspec.structs.replace(
        request,
        msg_seq_num=0,
        response_level=ALL_ENTRIES,
        entries=tuple(request.entries[place] for place in places),
        answer_id=own_id(asked_id),
        valid_until_ns=time_ns + VALID_NS,
    )


def take(asked: Asked, shard: str, event: QuotesAnswered) -> None:
    """Note what a shard has answered."""
    if event.code:
        asked.faults.append((shard, event.code, event.text))
    elif isinstance(asked.request, CancelQuotes):
        asked.total += event.canceled
        asked.reset += event.reset
    elif not asked.is_answered:
        places = asked.places[shard]
        assert len(event.entries) == len(places), f"{len(places)} entries asked, {len(event.entries)} answered"
        told = zip(places, event.entries, strict=True)
        asked.refused += [(place, each.code, each.text) for place, each in told if each.code]


# -- answers ----------------------------------------------------------------------------------------------------------


def answer(asked: Asked, missing: Refusal) -> QuotesAnswered | None:
    """Return the answer to a quote message, None where its sender has asked for none; `missing` is what is not done."""
    request = asked.request
    if isinstance(request, MassQuote):
        refused = dict(_refused(asked, request))
        entries = enumerate(request.entries)
        return answer_of_entries(request, [_answered(each, refused.get(place)) for place, each in entries])
    assert isinstance(request, CancelQuotes), "a quote message"
    if asked.faults and len(asked.faults) == len(asked.shards):
        _, code, text = asked.faults[0]
        return cancel_answer(request, QUOTES_REJECTED, code, text)
    done = cancel_done(request, asked.total, asked.reset)
    if not missing[0]:
        return done
    return msgspec.structs.replace(done, code=missing[0], text=f"{done.text}; {missing[1]}")


def _refused(asked: Asked, request: MassQuote) -> Iterator[tuple[int, Refusal]]:
    """Yield the place of every entry that was not taken, and why."""
    for place, entry in enumerate(request.entries):
        if entry.code:
            yield place, (entry.code, entry.text)
    for place, code, text in asked.refused:
        yield place, (code, text)
    for shard, code, text in asked.faults:
        for place in asked.places[shard]:
            yield place, (code, text)
    for shard in asked.waiting:
        for place in asked.places[shard]:
            yield place, (refusals.MASS_NOT_CONFIRMED, _not_answered(shard))


def _not_answered(shard: str) -> str:
    return f"shard {shard} has not answered and cancels what it takes of the quote when it is back"


def _answered(entry: QuoteEntry, refusal: Refusal | None) -> AnsweredEntry:
    code, text = refusal or (0, "")
    return AnsweredEntry(entry.set_id, entry.entry_id, entry.symbol, code, text)


def refusal(request: MassQuote | CancelQuotes, fault: Refusal) -> Event:
    """Return the answer to a quote message that no shard is asked."""
    if isinstance(request, MassQuote):
        return mass_quote_answer(request, QUOTES_REJECTED, (), *fault)
    return cancel_answer(request, QUOTES_REJECTED, *fault)


def pulls(asked: Asked) -> list[tuple[str, PullQuotes]]:
    """Return what the shards that have not answered a mass quote do when they have."""
    request = asked.request
    if not isinstance(request, MassQuote):
        return []
    found = []
    for shard in asked.waiting:
        ids = dict.fromkeys(request.entries[place].instrument_id for place in asked.places[shard])
        text = f"shard {shard} has not answered MassQuote(i) {request.quote_id} in time"
        name = own_id(asked.asked_id)
        found.append((shard, PullQuotes(request.session_id, request.account_id, tuple(ids), name, text)))
    return found
