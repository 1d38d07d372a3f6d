"""Quote messages of members: MassQuote(i) and QuoteCancel(Z), and what an operator does about frozen quotes.

Every entry of a MassQuote is taken or refused by itself, in the order of the message; a fault of the message itself
refuses all of it. Refusals are answered always, the rest as QuoteResponseLevel(301) asks. Owner: the matching thread.
"""

from collections.abc import Sequence
from typing import Final

from matching import refusals
from matching.commands import CancelQuotes, MassQuote, PullQuotes, QuoteEntry, ResetQuoteProtection
from matching.desk import OrderDesk
from matching.events import Event
from matching.quote_cancels import answer, reset
from matching.quote_entry import QuoteEntering
from matching.quote_events import AnsweredEntry, QuotesAnswered
from matching.refusals import Refusal
from matching.requests import Requests
from matching.risk_seam import Risk
from matching.steps import Steps
from matching.types import QUOTES_ACCEPTED, QUOTES_REJECTED
from matching.work import Work, quote_in_scope

ALL_ENTRIES: Final = "2"
SUMMARY: Final = "3"
"""QuoteResponseLevel(301)."""
MILLISECOND_NS: Final = 1_000_000


class QuoteRequests:
    """Keeps no state of its own; quotes stand at the special desk, what is frozen at the risk engine."""

    __slots__ = ("desk", "entering", "requests", "risk", "steps")

    def __init__(self, desk: OrderDesk, requests: Requests, risk: Risk, steps: Steps) -> None:
        self.desk = desk
        self.requests = requests
        self.risk = risk
        self.steps = steps
        self.entering = QuoteEntering(desk.special)

    def quote(self, command: MassQuote, time_ns: int, out: list[Event]) -> None:
        """Take the entries of a mass quote; the answer to it stands before what they bring about."""
        fault = _too_late(command, time_ns)
        if fault is None and self._is_throttled(command, time_ns, out):
            return
        if fault is None and command.poss_resend:
            fault = _resent("MassQuote(i)")
        if command.code:
            fault = command.code, command.text
        if fault is not None:
            out.append(mass_quote_answer(command, QUOTES_REJECTED, (), *fault))
            return
        if command.resets or self.desk.special.quotes.leaving:
            self._begin_anew(command, out)
        place = len(out)
        answered = answer_of_entries(command, [self._entry(command, each, out) for each in command.entries])
        if answered is not None:
            out.insert(place, answered)

    def _begin_anew(self, command: MassQuote, out: list[Event]) -> None:
        """Pull what still stands of quotes that are to leave, and take frozen ones again where that is asked for; but
        none whose auction is being executed, as their entries are refused.
        """
        quotes = self.desk.special.quotes
        keys = [
            (command.session_id, command.account_id, each.instrument_id)
            for each in command.entries
            if each.instrument_id in self.desk.books and quotes.may_pull(each.instrument_id)
        ]
        quotes.pull_before(keys, out)
        if command.resets:
            reset(self.risk, keys, "", "", out)

    def _is_throttled(self, command: MassQuote, time_ns: int, out: list[Event]) -> bool:
        if not self.risk.has_throttles:
            return False
        count = max(len(command.entries), 1)
        throttled = self.risk.admit_quotes(command.session_id, command.account_id, count, time_ns)
        if throttled is not None:
            ids = command.session_id, command.msg_seq_num, "i", command.answer_id or command.quote_id
            self.desk.refuse_throttled(*ids, throttled, time_ns, out)
        return throttled is not None

    def _entry(self, command: MassQuote, entry: QuoteEntry, out: list[Event]) -> AnsweredEntry:
        refusal: Refusal | None = entry.code, entry.text
        if not entry.code:
            refusal = self.entering.enter(command, entry, out)
        code, text = refusal or (0, "")
        return AnsweredEntry(entry.set_id, entry.entry_id, entry.symbol, code, text)

    # -- cancels ------------------------------------------------------------------------------------------------------

    def cancel(self, command: CancelQuotes, time_ns: int, out: list[Event]) -> None:
        """Cancel quotes of the session in steps; behind the last one, take frozen quotes again, and say how many."""
        if self.requests.is_cancel_throttled(command, "Z", time_ns, out):
            return
        fault = self._cancel_fault(command)
        if fault is not None:
            out.append(answer(command, QUOTES_REJECTED, *fault))
            return
        self.steps.begin(
            Work(kind="cancel quotes", target_id=command.session_id, text="", order_ids=[], request=command), out
        )

    def _cancel_fault(self, command: CancelQuotes) -> Refusal | None:
        if command.code:
            return command.code, command.text
        if command.resets and command.poss_resend:
            # What protection has stopped since the first one must not be taken again by its copy.
            return _resent("QuoteCancel(Z) that resets")
        keys = [key for key in self.desk.special.quotes.of_session(command.session_id) if quote_in_scope(command, key)]
        for instrument_id in sorted(dict.fromkeys(key[2] for key in keys)):
            instrument = self.desk.books[instrument_id].instrument
            if instrument.auction is not None:
                return refusals.QUOTE_DURING_AUCTION, f"the auction of {instrument.symbol} is being executed"
        return None

    def pull(self, command: PullQuotes, out: list[Event]) -> None:
        """Let quotes leave, unasked; those whose auction is being executed when that is over."""
        quotes = self.desk.special.quotes
        for instrument_id in command.instrument_ids:
            quotes.leave((command.session_id, command.account_id, instrument_id), command.answer_id, command.text)
        self.desk.special.after.run(out)

    # -- frozen quotes ------------------------------------------------------------------------------------------------

    def reset(self, command: ResetQuoteProtection, out: list[Event]) -> str:
        """Count anew, and take frozen quotes again, as an operator says; return why that cannot be, or nothing."""
        ids = command.session_id, command.account_id, command.instrument_id
        if command.session_id not in self.desk.sessions:
            return f"session {command.session_id} is not defined"
        keys = [
            key
            for key in self.risk.counted_quotes()
            if all(wanted in (0, found) for wanted, found in zip(ids, key, strict=True))
        ]
        reset(self.risk, keys, command.by, command.reason, out)
        return ""


def answer_of_entries(command: MassQuote, answered: Sequence[AnsweredEntry]) -> QuotesAnswered | None:
    """Return the answer to a MassQuote(i) whose entries were looked at, None where QuoteResponseLevel(301) asks for
    none.
    """
    refused = tuple(each for each in answered if each.code)
    level = command.response_level
    if not refused and level not in (ALL_ENTRIES, SUMMARY):
        return None
    told = tuple(answered) if level == ALL_ENTRIES else refused
    status = QUOTES_REJECTED if len(refused) == len(answered) else QUOTES_ACCEPTED
    return mass_quote_answer(command, status, told, 0, "")


def mass_quote_answer(
    command: MassQuote, status: str, told: tuple[AnsweredEntry, ...], code: int, text: str
) -> QuotesAnswered:
    """Return the answer to a MassQuote(i)."""
    counts: dict[str, int] = {}
    for entry in command.entries:
        counts[entry.set_id] = counts.get(entry.set_id, 0) + 1
    return QuotesAnswered(
        command.session_id,
        command.msg_seq_num,
        command.answer_id or command.quote_id,
        command.account_id,
        status,
        command.response_level,
        told,
        tuple(counts.items()),
        code=code,
        text=text,
    )


def _too_late(command: MassQuote, time_ns: int) -> Refusal | None:
    if not command.valid_until_ns or time_ns <= command.valid_until_ns:
        return None
    late_ms = (time_ns - command.valid_until_ns) // MILLISECOND_NS
    text = f"the market was given the quotes {late_ms} ms after they were to be taken: what is quoted stays as it was"
    return refusals.QUOTE_TOO_LATE, text


def _resent(what: str) -> Refusal:
    text = f"{what} with PossResend(97)=Y: prices of before are not quoted anew, send what is wanted now without it"
    return refusals.QUOTE_RESENT, text
