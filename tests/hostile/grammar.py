"""Scripts of a session: what a peer does, step by step, as lines of text; made at random from a seed, or kept in files.

A line is an act, the distance of its MsgSeqNum(34) from the right one, and more of its own:

    D 0                 an order that expires at once, with the next number
    D +3                the same, three numbers ahead
    D -1 dup            the order of the number before once more, with PossDupFlag(43)
    D 0 again           the last ClOrdID(11) with a new number and PossResend(97)
    F 0, G 0, H 0       cancel, replace and status request for the last ClOrdID
    0 0, 1 0, 3 0       Heartbeat, TestRequest, Reject
    2 0 1 0             ResendRequest from 1 to 0; other numbers count from the last one received
    4 0 fill +5         SequenceReset with GapFillFlag(123), NewSeqNo(36) five above the next number; `reset`: without
    A 0, A 0 reset      Logon inside of the session, with ResetSeqNumFlag(141)
    5 0                 Logout
    x 0, V 0, 8 0       a MsgType(35) that nobody knows, one that is not for this role, one that only we send
    answer              fill the gap of the last ResendRequest of the exchange
    cut, logon, anew    end the connection; log on with the numbers as they are; log on with numbers that begin anew
    noise, half         bytes that are no message; the first half of an order
    read                take what has come
"""

import random
from collections.abc import Iterator
from typing import Final

STEPS: Final = 300
ACTS: Final = {
    "D": 30,
    "F": 5,
    "G": 5,
    "H": 4,
    "0": 6,
    "1": 5,
    "2": 6,
    "3": 2,
    "4": 6,
    "A": 1,
    "5": 1,
    "x": 1,
    "V": 1,
    "8": 1,
    "answer": 12,
    "cut": 1,
    "logon": 3,
    "anew": 1,
    "noise": 2,
    "half": 1,
    "read": 10,
}
"""How often each act comes, against the others."""
PLAIN: Final = frozenset({"answer", "cut", "logon", "anew", "noise", "half", "read"})
AHEAD_MAX: Final = 300


def script(seed: int, steps: int = STEPS) -> list[str]:
    """Return the lines of a script; the same seed gives the same lines."""
    source = random.Random(seed)
    return list(_lines(source, steps))


def _lines(source: random.Random, steps: int) -> Iterator[str]:
    acts, weights = list(ACTS), list(ACTS.values())
    for _ in range(steps):
        act = source.choices(acts, weights)[0]
        yield act if act in PLAIN else f"{act} {_distance(source):+d}{_more(act, source)}"


def _distance(source: random.Random) -> int:
    """Mostly the right number; sometimes a little off, seldom far."""
    choice = source.random()
    if choice < 0.82:
        return 0
    if choice < 0.90:
        return source.randint(1, 5)
    if choice < 0.97:
        return -source.randint(1, 8)
    return source.choice((AHEAD_MAX, 10**6, 10**17, -(10**6)))


def _more(act: str, source: random.Random) -> str:
    match act:
        case "2":
            begin = source.choice((1, 1, 1, -3, -1, 0, 5))
            return f" {begin} {source.choice((0, 0, -1, 3, 10**6))}"
        case "4":
            kind = source.choice(("fill", "fill", "fill", "reset"))
            return f" {kind} {source.choice((1, 1, 2, 5, 0, -3, 10**4)):+d}"
        case "A":
            return source.choice(("", " reset"))
        case _:
            return source.choice(("", "", "", "", "", "", " dup", " dup", " again"))
