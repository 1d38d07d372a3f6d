"""How the exchange answered a hostile message: told from what it says next, never from a silence of some length.

Behind the message goes a mark: a TestRequest(1), or for application messages a request that is refused, since matching
answers later than the session layer. The answer to the mark is the end of the answer; so are a close, or a Logout(5).
"""

import time
from dataclasses import dataclass
from typing import Final

from tests.support.fix_peer import Fields, FixPeer, Message, PeerClosedError, PeerTimeoutError, unique_id, utc_timestamp

LOGON_SECONDS_MAX: Final = 10.0
SESSION_TYPES: Final = "A012345"
REJECT: Final = "Reject"
BUSINESS_REJECT: Final = "BusinessMessageReject"
REFUSED: Final = "refused"
"""ExecutionReport Rejected, OrderCancelReject or MarketDataRequestReject."""
LOGOUT: Final = "Logout"
CLOSE: Final = "close"
GAP: Final = "ResendRequest"
"""The message was garbled: it is ignored, as FIX has it, and its number is asked for."""
ANSWER: Final = "answer"
NOTHING: Final = "nothing"
"""Taken, and no answer is due."""
SILENCE: Final = "SILENCE"
"""Neither answer nor close: the one thing that must never be."""


@dataclass(frozen=True)
class Outcome:
    """What became of a message: one of the words above, and all that the exchange said."""

    kind: str
    said: tuple[Message, ...]

    def __str__(self) -> str:
        return f"{self.kind}: {[str(message) for message in self.said]}"


def outcome(peer: FixPeer, msg_type: str = "0", *, seconds: float = 10.0) -> Outcome:
    """Send a mark behind a message of that type, and say how the exchange answered the message."""
    said: list[Message] = []
    mark = unique_id("T")
    try:
        send_mark(peer, msg_type, mark)
        while True:
            message = peer.receive(seconds)
            if mark in (message.get(112), message.get(11), message.get(262)):
                return Outcome(_kind(said), tuple(said))
            said.append(message)
            if message.msg_type == "5":
                peer.send("5")
            elif message.msg_type == "2":
                # The mark may be among what is filled over: it is sent once more.
                close_gap(peer, message)
                mark = unique_id("T")
                send_mark(peer, msg_type, mark)
    except PeerClosedError:
        return Outcome(_closed(said), tuple(said))
    except PeerTimeoutError:
        return Outcome(SILENCE, tuple(said))


def send_mark(peer: FixPeer, msg_type: str, mark: str) -> None:
    """Send what is answered with `mark` behind everything that was sent before."""
    if msg_type in SESSION_TYPES:
        peer.send("1", [(112, mark)])
    elif peer.comp_id.startswith("MD"):
        wanted = [(263, "0"), (264, "1"), (265, "0"), (267, "1"), (269, "0"), (146, "1"), (55, "NONE")]
        peer.send("V", [(262, mark), *wanted])
    else:
        request = [] if peer.begin_string == "FIX.4.2" else [(790, mark)]
        peer.send("H", [(11, mark), (37, "NONE"), (55, "AAPL"), (54, "1"), *request])


def close_gap(peer: FixPeer, request: Message) -> None:
    """Answer a ResendRequest: nothing is sent again, our numbers up to the present one are filled."""
    begin = request[7]
    fill = [(34, begin), (43, "Y"), (122, utc_timestamp()), (123, "Y"), (36, str(peer.next_out))]
    peer.send("4", fill)


def _kind(said: list[Message]) -> str:
    types = {message.msg_type for message in said}
    if "5" in types:
        return LOGOUT
    if "3" in types:
        return REJECT
    if "j" in types:
        return BUSINESS_REJECT
    if types & {"9", "Y"} or any(message.msg_type == "8" and message.get(150) == "8" for message in said):
        return REFUSED
    if "2" in types:
        return GAP
    return ANSWER if types - {"0", "1"} else NOTHING


def _closed(said: list[Message]) -> str:
    """Tell a Logout with a reason from a plain close; what was received before the close is in `said` or is lost."""
    logouts = [message for message in said if message.msg_type == "5"]
    return LOGOUT if logouts and all(message.get(58) for message in logouts) else CLOSE


def log_on_anew(peer: FixPeer, extra: Fields = ()) -> None:
    """Cut a peer's connection and log on with numbers that begin anew, as soon as the exchange has seen the cut."""
    peer.cut()
    peer.check_numbers = True
    deadline = time.monotonic() + LOGON_SECONDS_MAX
    while True:
        try:
            peer.logon([(141, "Y"), *extra])
            return
        except PeerClosedError:
            peer.cut()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
