"""Seeded random bytes, before and after logon, and right messages with wrong bytes: only the sender may notice."""

import random
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.fuzz.test_field_values import trade
from tests.fuzz.wrong_values import good_message
from tests.support.exchange import ExchangeProcess, running_exchange
from tests.support.fix_peer import FixPeer, PeerClosedError, PeerTimeoutError

SEED = 36
GROWTH_BYTES_MAX = 64 << 20
SETTLE_SECONDS = 0.05


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[ExchangeProcess]:
    """An exchange of its own: its memory is measured."""
    with running_exchange(tmp_path) as running:
        yield running


def garbage(source: random.Random) -> bytes:
    """Return random bytes with a taste of FIX in them."""
    parts = []
    for _ in range(source.randint(1, 12)):
        choice = source.randrange(5)
        if choice == 0:
            parts.append(source.randbytes(source.randint(1, 300)))
        elif choice == 1:
            parts.append(b"8=FIX.4.4\x01")
        elif choice == 2:
            parts.append(b"9=%d\x01" % source.choice((0, 5, 120, 65_000, 10**9, -1)))
        elif choice == 3:
            parts.append(b"10=%03d\x01" % source.randrange(256))
        else:
            parts.append(b"35=%c\x0134=%d\x01" % (source.choice(b"ADFGHV0123459jx"), source.randrange(100)))
    return b"".join(parts)


def mutated(peer: FixPeer, source: random.Random) -> bytes:
    """Return a right message with some bytes changed, left out or put in; half of them with a right trailer again."""
    raw = bytearray(peer.encode(source.choice("DFGH012345A"), good_message(source.choice("DFGH"), peer.begin_string)))
    for _ in range(source.randint(1, 4)):
        place = source.randrange(len(raw))
        choice = source.randrange(3)
        if choice == 0:
            raw[place] = source.randrange(256)
        elif choice == 1:
            del raw[place]
        else:
            raw[place:place] = source.randbytes(source.randint(1, 8))
    if source.random() < 0.5:
        body = bytes(raw[: raw.rfind(b"10=")])
        return body + b"10=%03d\x01" % (sum(body) % 256)
    return bytes(raw)


def listen_out(peer: FixPeer) -> None:
    """Take whatever comes within a moment; a close is as good an answer as any."""
    peer.check_numbers = False
    try:
        while True:
            peer.receive(SETTLE_SECONDS)
    except (PeerTimeoutError, PeerClosedError):
        return


def fuzz(exchange: ExchangeProcess, rounds: int) -> None:
    """Throw garbage and mutated messages at the exchange; TRADER2 must not notice and memory must stay."""
    source = random.Random(SEED)
    other = exchange.peer("TRADER2", "FIX.4.4")
    other.logon()
    trade(other)
    before = psutil.Process(exchange.pid).memory_info().rss
    for number in range(rounds):
        peer = exchange.peer("TRADER1", source.choice(("FIX.4.2", "FIX.4.4", "FIXT.1.1")))
        try:
            peer.connect()
            if source.random() < 0.7:
                peer.logon([(141, "Y")])
            for _ in range(source.randint(1, 20)):
                peer.send_raw(garbage(source) if source.random() < 0.4 else mutated(peer, source))
                if source.random() < 0.5:
                    peer.next_out += 1
            listen_out(peer)
        except PeerClosedError:
            pass
        finally:
            peer.cut()
        assert exchange.is_running, f"round {number} of seed {SEED}:\n{exchange.errors()}"
        trade(other)
    grown = psutil.Process(exchange.pid).memory_info().rss - before
    assert grown < GROWTH_BYTES_MAX, f"{grown} bytes more after {rounds} rounds"
    other.logout()


@pytest.mark.slow
def test_garbage_disturbs_nobody_else(exchange: ExchangeProcess) -> None:
    fuzz(exchange, 40)
    assert exchange.terminate() == 0
    exchange.verify()


@pytest.mark.soak
def test_much_garbage_disturbs_nobody_else(exchange: ExchangeProcess) -> None:
    fuzz(exchange, 5_000)
    assert exchange.terminate() == 0
    exchange.verify()


def test_the_same_seed_makes_the_same_garbage() -> None:
    first, second = random.Random(1), random.Random(1)
    assert [garbage(first) for _ in range(50)] == [garbage(second) for _ in range(50)]
