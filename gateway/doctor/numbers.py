"""What a data folder knows of sessions that the files do not, and numbers that promise trouble."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from config.sessions import SessionSettings
from gateway.doctor.findings import WARNING, Finding, names
from matching.codec import SessionState

UNSENT_MAX: Final = 10_000
"""Reports that wait for a member's return beyond which he should be asked."""
BEHIND_MAX: Final = 100_000
"""Batches that a drop copy may have missed before it is told of."""
NUMBER_MAX: Final = 2_000_000_000
"""Many engines keep MsgSeqNum(34) in 31 bits."""


def number_findings(
    sessions: Iterable[SessionSettings], states: Iterable[SessionState], *, last_batch: int, now_s: int
) -> list[Finding]:
    """Compare the sessions of the files with those of a journal whose last batch is `last_batch`."""
    configured = {session.name: session for session in sessions}
    known = {state.name: state for state in states}
    return [
        *_absent(configured, known),
        *(
            finding
            for name, session in configured.items()
            if name in known
            for finding in _of_one(session, known[name], last_batch, now_s)
        ),
    ]


def _absent(configured: Mapping[str, SessionSettings], known: Mapping[str, SessionState]) -> Iterator[Finding]:
    retired = [name for name in known if name not in configured]
    if retired:
        found = f"{len(retired)} in the journal and not in the file: {names(retired)}"
        advice = "their open orders are canceled at the next start; their numbers are kept for when they come back"
        yield Finding(WARNING, "sessions", found, advice)
        by_comp_ids = {(each.sender_comp_id, each.target_comp_id): name for name, each in configured.items()}
        for name in retired:
            begin_string, _, comp_ids = name.partition(":")
            sender, _, target = comp_ids.partition("->")
            other = by_comp_ids.get((sender, target))
            if other is not None and other not in known:
                advice = "its numbers begin at 1: agree on that with the client, or take the change back"
                yield Finding(WARNING, other, f"was {begin_string} before, which is another session", advice)
    added = [name for name in configured if name not in known]
    if added:
        found = f"{len(added)} in the file and not in the journal: {names(added)}"
        yield Finding(WARNING, "sessions", found, "they begin with number 1; `outcry sessions reload` adds them")


def _of_one(session: SessionSettings, state: SessionState, last_batch: int, now_s: int) -> Iterator[Finding]:
    unsent = state.next_sender - 1 - state.written_through
    # What is sent as market data is never sent again.
    if session.role != "market_data" and unsent > UNSENT_MAX:
        found = f"{unsent} messages up to {state.next_sender - 1} have not reached the client"
        yield Finding(
            WARNING, session.name, found, "they are sent when it logs on and asks; ask the client whether it does"
        )
    if state.anew:
        epochs = len({unsent.epoch for unsent in state.anew})
        found = f"numbers began anew, and what {epochs} earlier numberings have left waits to be sent again"
        yield Finding(
            WARNING,
            session.name,
            found,
            "it is sent with PossResend(97)=Y at the next logon; do not reset again before",
        )
    if max(state.next_sender, state.next_target) > NUMBER_MAX:
        found = f"next numbers {state.next_sender} out, {state.next_target} in are near the end of 31 bits"
        yield Finding(WARNING, session.name, found, "agree on a reset with the client: `outcry sessions reset`")
    if session.role == "drop_copy" and last_batch - state.drop_copy_seq > BEHIND_MAX:
        found = f"drop copy is {last_batch - state.drop_copy_seq} batches behind"
        yield Finding(WARNING, session.name, found, "it is brought up to date when it logs on; see why it does not")
    reset_s = _due_reset(session, state.created_s, now_s)
    if reset_s:
        found = f"its numbers, {state.next_sender} out and {state.next_target} in, are of before its present session"
        yield Finding(
            WARNING, session.name, found, "they begin at 1 when the exchange runs: its schedule has reset them"
        )


def _due_reset(session: SessionSettings, created_s: int, now_s: int) -> bool:
    """Whether a window of the schedule has begun, or the last one has ended, since the numbers began."""
    windows, _ = session.windows(now_s=now_s, days_ahead=1)
    begun = [start for start, end in windows if start <= now_s < end]
    ended = [end for _, end in windows if end <= now_s]
    return bool(windows) and created_s < max(begun or ended or [0])
