"""What a stranger may cost: every row of "Before logon", against the real exchange, while a member trades on."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.fuzz.test_field_values import trade
from tests.support.conversation import client_tls
from tests.support.exchange import ExchangeProcess, replace_in, running_exchange
from tests.support.fix_peer import FixPeer, PeerClosedError, utc_timestamp

PATIENCE_SECONDS = 30.0
"""Longest wait for a close that must come; the exchange's own limits are 5 seconds."""
STREAM_BYTES = 200 << 20
GROWTH_BYTES_MAX = 24 << 20
AHEAD_MAX = 256


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    """One exchange for all strangers."""
    with running_exchange(tmp_path_factory.mktemp("strangers")) as running:
        yield running


@pytest.fixture
def member(exchange: ExchangeProcess) -> Iterator[FixPeer]:
    """A member who trades before and after: strangers must not matter to him."""
    peer = exchange.peer("TRADER2", "FIX.4.4")
    peer.logon()
    trade(peer)
    yield peer
    trade(peer)
    peer.logout()
    exchange.remember(peer)


def is_closed(connection: socket.socket) -> bool:
    """Wait for the end of a connection; tell whether it came without a byte."""
    connection.settimeout(PATIENCE_SECONDS)
    try:
        return connection.recv(4096) == b""
    except ConnectionError:
        return True


@pytest.mark.slow
def test_an_endless_first_message_is_cut_and_costs_nothing(exchange: ExchangeProcess, member: FixPeer) -> None:
    process = psutil.Process(exchange.pid)
    before = process.memory_info().rss
    with socket.create_connection(exchange.address) as stranger:
        stranger.settimeout(PATIENCE_SECONDS)
        sent = 0
        with contextlib.suppress(ConnectionError):
            stranger.sendall(b"8=FIX.4.4\x019=2000000000\x0135=A\x01")
            while sent < STREAM_BYTES:
                stranger.sendall(b"x" * 65_536)
                sent += 65_536
        assert sent < STREAM_BYTES, "nobody stopped the stream"
    assert process.memory_info().rss - before < GROWTH_BYTES_MAX


@pytest.mark.slow
def test_whoever_says_nothing_is_closed(exchange: ExchangeProcess, member: FixPeer) -> None:
    with (
        socket.create_connection(exchange.address) as plain,
        socket.create_connection(("127.0.0.1", exchange.tls_port)) as tls,
    ):
        assert is_closed(plain)
        assert is_closed(tls)


@pytest.mark.slow
def test_a_logon_that_comes_byte_by_byte_is_closed(exchange: ExchangeProcess, member: FixPeer) -> None:
    with socket.create_connection(exchange.address) as stranger:
        stranger.settimeout(0.5)
        closed = False
        for byte in b"8=FIX.4.4\x019=100\x0135=A\x01" + b"1" * 60:
            try:
                stranger.sendall(bytes([byte]))
                closed = stranger.recv(1) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                closed = True
            if closed:
                break
        assert closed, "a slow first message was never cut"


@pytest.mark.slow
def test_silent_tls_handshakes_keep_nobody_waiting(exchange: ExchangeProcess, member: FixPeer) -> None:
    address = ("127.0.0.1", exchange.tls_port)
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            stack.enter_context(socket.create_connection(address))
        peer = FixPeer(address, "FIX.4.4", "TRADER1", tls=client_tls())
        peer.logon([(141, "Y")])
        trade(peer)
        peer.logout()


@pytest.mark.slow
def test_garbage_on_the_tls_port_is_closed(exchange: ExchangeProcess, member: FixPeer) -> None:
    with socket.create_connection(("127.0.0.1", exchange.tls_port)) as stranger:
        stranger.settimeout(PATIENCE_SECONDS)
        with contextlib.suppress(ConnectionError):
            stranger.sendall(b"8=FIX.4.4\x019=5\x0135=A\x01" * 200)
            while stranger.recv(4096):
                pass


@pytest.mark.slow
def test_many_connections_of_one_address_do_not_lock_members_out(exchange: ExchangeProcess, member: FixPeer) -> None:
    with contextlib.ExitStack() as stack:
        strangers = []
        for _ in range(400):
            try:
                connection = socket.create_connection(exchange.address, timeout=5, source_address=("127.0.0.2", 0))
            except OSError:
                continue
            strangers.append(stack.enter_context(connection))
        peer = FixPeer(exchange.address, "FIX.4.4", "TRADER1")
        peer.logon([(141, "Y")])
        trade(peer)
        peer.logout()
        assert all(is_closed(stranger) for stranger in strangers)


@pytest.mark.slow
def test_failures_of_one_address_do_not_slow_another(exchange: ExchangeProcess, member: FixPeer) -> None:
    for _ in range(8):
        stranger = FixPeer(exchange.address, "FIX.4.4", "MAKER1", source="127.0.0.3")
        stranger.check_numbers = False
        with contextlib.suppress(PeerClosedError, OSError):
            stranger.connect()
            stranger.send("A", [(98, "0"), (108, "30"), (553, "MAKER1"), (554, "wrong")])
            stranger.expect_closed()
        stranger.cut()
    peer = FixPeer(exchange.address, "FIX.4.4", "TRADER1")
    peer.logon([(141, "Y")])
    trade(peer)
    peer.logout()


@pytest.mark.slow
def test_wrong_passwords_do_not_lock_out_the_very_member_that_they_are_tried_for(exchange: ExchangeProcess) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(20):
            stranger = FixPeer(exchange.address, "FIX.4.4", "MAKER1", source=f"127.0.0.{3 + number % 3}")
            stack.callback(stranger.cut)
            stranger.connect()
            stranger.send("A", [(98, "0"), (108, "30"), (553, "MAKER1"), (554, "wrong")])
            if number % 5 == 4:
                # Those before it are refused by now, and wait for that ever longer.
                peer = FixPeer(exchange.address, "FIX.4.4", "MAKER1")
                stack.callback(peer.cut)
                peer.logon([(141, "Y")])
                trade(peer)
                peer.logout()


@pytest.mark.slow
def test_messages_too_far_ahead_cut_the_session(exchange: ExchangeProcess, member: FixPeer) -> None:
    peer = FixPeer(exchange.address, "FIX.4.4", "MAKER1")
    peer.logon([(141, "Y")])
    peer.next_out = 3
    with contextlib.suppress(PeerClosedError):
        for _ in range(AHEAD_MAX + 50):
            peer.send("0")
    peer.expect_closed()
    peer.cut()


@pytest.mark.slow
def test_messages_ahead_within_the_bound_are_taken_when_the_gap_is_filled(exchange: ExchangeProcess) -> None:
    peer = FixPeer(exchange.address, "FIX.4.4", "MAKER1")
    peer.logon([(141, "Y")])
    peer.next_out = 3
    for _ in range(200):
        peer.send("0")
    assert peer.receive().msg_type == "2"
    peer.send("4", [(34, "2"), (43, "Y"), (122, utc_timestamp()), (123, "Y"), (36, "3")])
    trade(peer)
    peer.logout()


@pytest.mark.slow
def test_a_flood_of_resend_requests_is_bounded(exchange: ExchangeProcess, member: FixPeer) -> None:
    peer = FixPeer(exchange.address, "FIX.4.4", "MAKER1")
    peer.logon([(141, "Y")])
    for _ in range(20):
        trade(peer)
    copies = 0
    with contextlib.suppress(PeerClosedError):
        for _ in range(3_000):
            peer.send("2", [(7, "1"), (16, "0")])
            copies += sum(message.poss_dup for message in peer.receive_nowait())
        while True:
            copies += peer.receive().poss_dup
    peer.cut()
    assert copies < 1_000 * 42, "every request was answered in full"


@pytest.mark.slow
def test_secrets_are_in_no_file(tmp_path: Path) -> None:
    with running_exchange(tmp_path / "exchange_of_its_own") as running:
        running.terminate()
        replace_in(running.config_dir / "exchange.toml", "fix_messages = false", "fix_messages = true")
        running.start()
        stranger = running.peer("TRADER1", "FIX.4.4")
        stranger.check_numbers = False
        stranger.connect()
        stranger.send(
            "A", [(98, "0"), (108, "30"), (553, "TRADER1"), (554, "Wr0ngSecret"), (95, "9"), (96, "RawSecret")]
        )
        stranger.expect_closed()
        peer = running.peer("TRADER1", "FIX.4.4")
        peer.logon()
        trade(peer)
        peer.logout()
        assert running.terminate() == 0
        files = [path for path in running.base.rglob("*") if path.is_file() and "config" not in path.parts]
        for path in files:
            data = path.read_bytes()
            for secret in (b"trader1", b"Wr0ngSecret", b"RawSecret"):
                assert secret not in data, f"{secret!r} is in {path}"
        assert any(b"35=D" in path.read_bytes() for path in files), "FIX messages were to be logged"
