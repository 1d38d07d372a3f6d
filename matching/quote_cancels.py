"""QuoteCancel(Z) as work in steps: which sides of quotes it has, and what is said behind its last step.

A scope of many quotes is canceled in journaled steps, like that of a mass cancel; new quotes of the scope are refused
until its answer is said. Owner: the matching thread.
"""

import msgspec

from matching.commands import CancelQuotes
from matching.events import Event
from matching.quote_events import AnsweredEntry, QuotesAnswered, QuotesReset
from matching.quotes import Quotes
from matching.risk_seam import Risk
from matching.types import CANCEL_ALL_QUOTES, QUOTES_CANCELED, QUOTES_CANCELED_ALL, QuoteKey
from matching.work import quote_in_scope


def sides_in_scope(quotes: Quotes, command: CancelQuotes) -> list[int]:
    """Return the order ids of the open sides of all quotes of the scope, ascending. Looks at the session's own only."""
    keys = [key for key in quotes.of_session(command.session_id) if quote_in_scope(command, key)]
    return sorted(order.order_id for key in keys for order in quotes.sides[key].values())


def finish(risk: Risk, command: CancelQuotes, canceled: int, out: list[Event]) -> None:
    """Count anew and take frozen quotes again where that was asked for, and say how many sides are canceled."""
    said = len(out)
    if command.resets:
        reset(risk, [key for key in risk.counted_quotes() if quote_in_scope(command, key)], "", "", out)
    out.append(done(command, canceled, len(out) - said))


def done(command: CancelQuotes, canceled: int, reset_count: int) -> QuotesAnswered:
    """Return the answer to a QuoteCancel(Z) that was obeyed."""
    text = f"{canceled} sides of quotes are canceled"
    if command.resets:
        text += f", {reset_count} frozen quotes are reset"
    status = QUOTES_CANCELED_ALL if command.cancel_type == CANCEL_ALL_QUOTES else QUOTES_CANCELED
    return msgspec.structs.replace(answer(command, status, 0, text), canceled=canceled, reset=reset_count)


def reset(risk: Risk, keys: list[QuoteKey], by: str, reason: str, out: list[Event]) -> None:
    """Forget what was counted of quotes, take the frozen ones again, and say of which that is so."""
    out.extend(QuotesReset(*key, by, reason) for key in keys if risk.reset_quotes(key))


def answer(command: CancelQuotes, status: str, code: int, text: str) -> QuotesAnswered:
    """Return the answer to a QuoteCancel(Z)."""
    return QuotesAnswered(
        command.session_id,
        command.msg_seq_num,
        command.answer_id or command.quote_id,
        command.account_id,
        status,
        cancel_type=command.cancel_type,
        entries=tuple(AnsweredEntry("", "", symbol) for symbol in command.symbols),
        code=code,
        text=text,
    )
