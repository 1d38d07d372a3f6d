"""Orders by hand, for tests that look at single messages of a peer."""

from collections.abc import Iterator

from tests.support.fix_peer import Fields, FixPeer, Message, utc_timestamp


def order_fields(cl_ord_id: str, symbol: str, price: str, *, side: str = "1", qty: str = "10") -> list[tuple[int, str]]:
    """Return the body of a limit order, good till canceled."""
    terms = [(54, side), (38, qty), (40, "2"), (44, price), (59, "1")]
    return [(11, cl_ord_id), (21, "1"), (55, symbol), *terms, (60, utc_timestamp())]


def again(peer: FixPeer, number: int, msg_type: str, fields: Fields) -> None:
    """Send a message once more as the answer to a ResendRequest(2)."""
    peer.send(msg_type, [(34, str(number)), (43, "Y"), (122, utc_timestamp()), *fields])


def fill_gap(peer: FixPeer, number: int, next_number: int) -> None:
    """Say that the numbers from `number` to before `next_number` were nothing that is sent again."""
    fields = [(123, "Y"), (36, str(next_number)), (34, str(number)), (43, "Y"), (122, utc_timestamp())]
    peer.send("4", fields)


def reports(peer: FixPeer) -> Iterator[Message]:
    """Yield the reports that come, whatever else comes between them."""
    while True:
        message = peer.receive_application()
        if message.msg_type in "89j":
            yield message


def answer_to(peer: FixPeer, cl_ord_id: str) -> Message:
    """Return the next answer to the request of that ClOrdID."""
    return next(report for report in reports(peer) if cl_ord_id in (report.get(11), report.get(379)))
