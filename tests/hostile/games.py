"""Games with sequence numbers and times: what a peer sends in a session that is in order, and what may become of it.

A table: name, fields that are sent, answers that are right. Values are made when a game is played, since they depend
on the session's next number.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from tests.hostile.judge import ANSWER, CLOSE, GAP, LOGOUT, NOTHING, REJECT
from tests.support.fix_peer import Fields, FixPeer, utc_timestamp

Move: TypeAlias = Callable[[FixPeer], list[tuple[str, Fields]]]
DAY: Final = 86_400.0
HUGE: Final = "999999999999999999"
OVER_64_BITS: Final = "18446744073709551616"
LAST_OF_64_BITS: Final = "18446744073709551615"
LAST_OF_63_BITS: Final = "9223372036854775807"


@dataclass(frozen=True)
class Game:
    """One game: the messages, as types and fields, and the outcomes that are right."""

    name: str
    move: Move
    allowed: frozenset[str]


def game(name: str, *allowed: str, msg_type: str, **fields: str) -> Game:
    """Return a game of one message; `f34="7"` is field 34."""
    pairs = [(int(key[1:]), value) for key, value in fields.items()]
    return Game(name, lambda peer: [(msg_type, pairs)], frozenset(allowed))


def moves(name: str, *allowed: str, move: Move) -> Game:
    """Return a game whose messages depend on the session."""
    return Game(name, move, frozenset(allowed))


def order(peer: FixPeer, number: str | None = None) -> list[tuple[int, str]]:
    """Return an order that expires at once."""
    terms = [(11, f"G{peer.next_out}"), (55, "MSFT"), (54, "1"), (38, "1"), (40, "2"), (44, "20.00"), (59, "3")]
    return [*terms, (60, utc_timestamp()), *([(34, number)] if number else [])]


NUMBERS: Final = (
    game("number far ahead", GAP, msg_type="0", f34="100000"),
    game("number of 18 digits", GAP, msg_type="0", f34=HUGE),
    game("number of 64 bits", LOGOUT, msg_type="0", f34=LAST_OF_64_BITS),
    game("number over 64 bits", LOGOUT, msg_type="0", f34=OVER_64_BITS),
    game("number 0", LOGOUT, msg_type="0", f34="0"),
    game("number below", LOGOUT, msg_type="0", f34="1"),
    game("number negative", LOGOUT, msg_type="0", f34="-1"),
    game("number with a sign", LOGOUT, msg_type="0", f34="+5"),
    game("number with a point", LOGOUT, msg_type="0", f34="5.0"),
    game("number empty", LOGOUT, msg_type="0", f34=""),
    game("number a word", LOGOUT, msg_type="0", f34="five"),
    moves("order far ahead", GAP, move=lambda peer: [("D", order(peer, str(peer.next_out + 200)))]),
)
RESETS: Final = (
    game("reset to 1", REJECT, msg_type="4", f36="1"),
    game("reset to 0", REJECT, msg_type="4", f36="0"),
    game("reset below 0", REJECT, msg_type="4", f36="-5"),
    game("reset to a word", REJECT, msg_type="4", f36="five"),
    game("reset over 64 bits", REJECT, msg_type="4", f36=OVER_64_BITS),
    game("reset to 64 bits", REJECT, LOGOUT, CLOSE, msg_type="4", f36=LAST_OF_64_BITS),
    game("reset to 63 bits", REJECT, LOGOUT, CLOSE, msg_type="4", f36=LAST_OF_63_BITS),
    game("reset to 18 digits", REJECT, LOGOUT, CLOSE, msg_type="4", f36=HUGE),
    game("reset far ahead", REJECT, LOGOUT, msg_type="4", f36="1000000"),
    game("gap fill backwards", REJECT, msg_type="4", f36="1", f123="Y"),
    game("gap fill to itself", REJECT, LOGOUT, msg_type="4", f36="2", f123="Y", f34="2"),
    game("gap fill to 64 bits", REJECT, LOGOUT, CLOSE, msg_type="4", f36=LAST_OF_64_BITS, f123="Y"),
    game("gap fill to 63 bits", REJECT, LOGOUT, CLOSE, msg_type="4", f36=LAST_OF_63_BITS, f123="Y"),
    game("gap fill to 18 digits", REJECT, LOGOUT, CLOSE, msg_type="4", f36=HUGE, f123="Y"),
    game("gap fill with a number ahead", GAP, msg_type="4", f36="900", f123="Y", f34="500"),
    game("gap fill flag a word", REJECT, msg_type="4", f36="900", f123="maybe"),
)
REQUESTS: Final = (
    game("resend from 0", REJECT, msg_type="2", f7="0", f16="0"),
    game("resend backwards", REJECT, msg_type="2", f7="2", f16="1"),
    game("resend of what is not there", REJECT, msg_type="2", f7="100000", f16="0"),
    game("resend from 18 digits", REJECT, msg_type="2", f7=HUGE, f16=HUGE),
    game("resend from 64 bits", REJECT, msg_type="2", f7=LAST_OF_64_BITS, f16="0"),
    game("resend below 0", REJECT, msg_type="2", f7="-1", f16="-1"),
    game("resend to 18 digits", ANSWER, msg_type="2", f7="1", f16=HUGE),
    game("resend over 64 bits", REJECT, msg_type="2", f7="1", f16=OVER_64_BITS),
)
DUPLICATES: Final = (
    game("PossDup without OrigSendingTime", REJECT, msg_type="0", f43="Y", f34="1"),
    # QuickFIX asks for it only where the number is below the expected one: then it decides what the message is.
    game("PossDup of the next number without OrigSendingTime", REJECT, NOTHING, msg_type="0", f43="Y"),
    moves(
        "PossDup sent first tomorrow",
        REJECT,
        LOGOUT,
        CLOSE,
        move=lambda _: [("0", [(43, "Y"), (34, "1"), (122, utc_timestamp(DAY))])],
    ),
    game("PossDup with a malformed OrigSendingTime", REJECT, msg_type="0", f43="Y", f34="1", f122="yesterday"),
    moves(
        "PossDup of a known number",
        NOTHING,
        move=lambda _: [("0", [(43, "Y"), (34, "1"), (122, utc_timestamp(-1.0))])],
    ),
    game("PossDup a word", REJECT, msg_type="0", f43="maybe"),
    game("PossResend a word", REJECT, msg_type="0", f97="maybe"),
)
LOGONS: Final = (
    moves("second Logon", LOGOUT, CLOSE, REJECT, ANSWER, move=lambda peer: [("A", peer.logon_fields())]),
    moves(
        "reset flag with a later number",
        LOGOUT,
        CLOSE,
        REJECT,
        ANSWER,
        GAP,
        move=lambda peer: [("A", [*peer.logon_fields(), (141, "Y")])],
    ),
    moves(
        "reset flag with a number far ahead",
        LOGOUT,
        CLOSE,
        REJECT,
        ANSWER,
        GAP,
        move=lambda peer: [("A", [*peer.logon_fields(), (141, "Y"), (34, "5000")])],
    ),
    moves(
        "reset flag as PossDup",
        LOGOUT,
        CLOSE,
        REJECT,
        ANSWER,
        GAP,
        move=lambda peer: [("A", [*peer.logon_fields(), (141, "Y"), (34, "1"), (43, "Y"), (122, utc_timestamp(-1.0))])],
    ),
    moves(
        "reset flag a word",
        LOGOUT,
        CLOSE,
        REJECT,
        move=lambda peer: [("A", [*peer.logon_fields(), (141, "maybe")])],
    ),
    game("Logout far ahead", LOGOUT, CLOSE, msg_type="5", f34="5000"),
    game("Logout below", LOGOUT, CLOSE, msg_type="5", f34="1"),
    moves("order behind a Logout", CLOSE, LOGOUT, move=lambda peer: [("5", []), ("D", order(peer))]),
)
OFFSETS: Final = (
    ("a day behind", -DAY),
    ("a day ahead", DAY),
    ("a year ahead", 365 * DAY),
    ("an hour behind", -3_600.0),
)
MALFORMED_TIMES: Final = (
    "",
    "now",
    "20261121",
    "20261321-10:00:00",
    "20260230-10:00:00",
    "20261121-25:00:00",
    "20261121-10:61:00",
    "20261121-10:00:99",
    "00000000-00:00:00",
    "99999999-99:99:99",
    "19700101-00:00:00",
    "20261121-10:00:00.",
    "20261121-10:00:00.1234567890123",
    "20261121 10:00:00",
    "-0261121-10:00:00",
    "9" * 400,
)


def clock_game(name: str, offset: float) -> Game:
    """Return a game with a clock that is off by so many seconds."""
    return moves(f"clock {name}", REJECT, LOGOUT, move=lambda _: [("0", [(52, utc_timestamp(offset))])])


CLOCKS: Final = (
    *(clock_game(name, offset) for name, offset in OFFSETS),
    *(game(f"SendingTime {value[:30]!r}", REJECT, LOGOUT, CLOSE, msg_type="0", f52=value) for value in MALFORMED_TIMES),
)
TABLE: Final = (*NUMBERS, *RESETS, *REQUESTS, *DUPLICATES, *LOGONS, *CLOCKS)
FIRST_LOGONS: Final[tuple[tuple[str, Fields], ...]] = (
    ("number far ahead", ((34, "100000"),)),
    ("number of 18 digits", ((34, HUGE),)),
    ("number over 64 bits", ((34, OVER_64_BITS),)),
    ("number 0", ((34, "0"),)),
    ("number a word", ((34, "one"),)),
    ("PossDup", ((43, "Y"), (122, "20261121-10:00:00"))),
    ("NextExpectedMsgSeqNum 0", ((789, "0"),)),
    ("NextExpectedMsgSeqNum of 18 digits", ((789, HUGE),)),
    ("NextExpectedMsgSeqNum over 64 bits", ((789, OVER_64_BITS),)),
    ("NextExpectedMsgSeqNum below 0", ((789, "-1"),)),
    ("NextExpectedMsgSeqNum a word", ((789, "five"),)),
    ("HeartBtInt below 0", ((108, "-10"),)),
    ("HeartBtInt over 32 bits", ((108, "4294967306"),)),
    *((f"SendingTime {value[:30]!r}", ((52, value),)) for value in MALFORMED_TIMES),
)
"""What a first Logon differs in from a right one. It is answered with a Logon, a Logout with a text, or a close."""
