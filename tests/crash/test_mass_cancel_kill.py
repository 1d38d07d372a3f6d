"""kill -9 in the middle of a mass cancel: after the start it goes on, each cancel and the report are told once."""

import contextlib
import select
from pathlib import Path
from typing import Final

import pytest

from tests.support.exchange import ExchangeProcess, running_exchange
from tests.support.fix_peer import FixPeer, Message, PeerError, utc_timestamp

ORDERS: Final = 5_000
WINDOW: Final = 500
ANSWER_SECONDS: Final = 30.0
ANSWERS_MAX: Final = 4 * ORDERS


def rest(peer: FixPeer, number: int) -> None:
    """Let orders rest in the book of AAPL."""
    for begin in range(0, ORDERS, WINDOW):
        for index in range(begin, begin + WINDOW):
            fields = [(11, f"R{number}-{index}"), (55, "AAPL"), (54, "1"), (38, "1"), (40, "2"), (44, "585.00")]
            peer.send("D", [*fields, (59, "1"), (60, utc_timestamp())])
        for _ in range(WINDOW):
            assert peer.receive_application()[150] == "0"


def mass_cancel(peer: FixPeer, number: int, *, is_repeat: bool = False) -> None:
    """Ask for all orders of AAPL to be canceled."""
    again = [(97, "Y")] if is_repeat else []
    peer.send("q", [*again, (11, f"Q{number}"), (530, "1"), (55, "AAPL"), (60, utc_timestamp())])


def reports_of(messages: list[Message], number: int) -> list[Message]:
    """The reports of one mass cancel."""
    return [message for message in messages if message.msg_type == "r" and message[11] == f"Q{number}"]


def killed_after_the_first_cancel(exchange: ExchangeProcess, peer: FixPeer, number: int) -> list[Message]:
    """Ask, and kill the exchange as soon as something is told; return what came before that."""
    mass_cancel(peer, number)
    # Not read: that takes as long as several steps.
    assert select.select([peer], [], [], ANSWER_SECONDS)[0], "the first cancel is told"
    exchange.kill()
    said: list[Message] = []
    with contextlib.suppress(PeerError):
        while True:
            said += peer.receive_nowait()
    peer.cut()
    return said


@pytest.mark.slow
def test_mass_cancel_that_is_cut_by_a_kill_goes_on_and_is_told_once(tmp_path: Path) -> None:
    cut = 0
    with running_exchange(tmp_path) as exchange:
        peer = exchange.peer("TRADER1")
        peer.logon()
        for number in range(2):
            rest(peer, number)
            said = killed_after_the_first_cancel(exchange, peer, number)
            cut += not reports_of(said, number)
            exchange.start()
            peer.gap_allowed = True
            peer.logon()
            if peer.has_gap:
                said += peer.recover()
            while not reports_of(said, number):
                assert len(said) < ANSWERS_MAX, "the report comes"
                said.append(peer.receive_application())
            # A resend repeats what came live while it was asked for: by its number it is one message.
            said = list({message.seq: message for message in said if message.msg_type in "8r"}.values())
            (report,) = reports_of(said, number)
            assert (report[531], report[533]) == ("1", str(ORDERS))
            cancels = [message for message in said if message.msg_type == "8" and message[150] == "4"]
            assert sorted(message[41] for message in cancels) == sorted(f"R{number}-{n}" for n in range(ORDERS))
            assert len({message[17] for message in cancels}) == ORDERS
            mass_cancel(peer, number, is_repeat=True)
            while (again := peer.receive_application()).msg_type == "4" or again.get(43) == "Y":
                # The end of the resend, which what came live has overtaken.
                continue
            assert (again.msg_type, again[533]) == ("r", str(ORDERS))
        peer.cut()
        assert exchange.terminate() == 0
        exchange.verify()
    assert cut, "at least one kill came before the report"
