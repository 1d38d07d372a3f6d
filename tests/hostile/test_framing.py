"""Frames and groups that are not what they say: wrong lengths, sums and counts, huge fields, half messages."""

import random
import socket
import ssl
from collections.abc import Iterator
from typing import Final

import pytest

from tests.fuzz.test_field_values import trade
from tests.fuzz.wrong_values import good_message
from tests.hostile.bystander import bounded_memory, bystander
from tests.hostile.judge import (
    ANSWER,
    BUSINESS_REJECT,
    CLOSE,
    GAP,
    LOGOUT,
    REFUSED,
    REJECT,
    log_on_anew,
    outcome,
)
from tests.support.conversation import client_tls
from tests.support.exchange import ExchangeProcess, running_exchange
from tests.support.fix_peer import Fields, FixPeer, PeerClosedError, PeerTimeoutError

MEGABYTE: Final = "x" * (1 << 20)
GROWTH_BYTES_MAX: Final = 32 << 20
SEED: Final = 20
PATIENCE_SECONDS: Final = 30.0
COUNTS: Final = ("0", "-1", "3", "2", "1000000", "9" * 20, "", "x", "1.0", " 1")
"""Of groups with one entry. A count of 1 is right and not here."""


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    """One exchange for all of them; heartbeats every second, so that silence is noticed soon."""
    keys = {"": {"HeartBtIntMin": "1"}}
    with running_exchange(tmp_path_factory.mktemp("framing"), session_keys=keys) as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ({9: "1"}, {GAP}),
        ({9: "0"}, {GAP}),
        ({9: "{length-1}"}, {GAP}),
        ({9: "{length+1}"}, {GAP}),
        ({9: "{length+60}"}, {GAP}),
        ({9: "-5"}, {GAP}),
        ({9: "abc"}, {GAP}),
        ({9: ""}, {GAP}),
        ({9: " 70"}, {GAP}),
        ({9: "9" * 20}, {GAP}),
        ({9: "999999999"}, {CLOSE}),
        ({9: "65537"}, {CLOSE}),
        ({10: "000"}, {GAP}),
        ({10: "0"}, {GAP}),
        ({10: "1000"}, {GAP}),
        ({10: "-01"}, {GAP}),
        ({10: "abc"}, {GAP}),
        ({10: ""}, {GAP}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_wrong_lengths_and_sums(changes: dict[int, str], allowed: set[str], exchange: ExchangeProcess) -> None:
    with bystander(exchange):
        peer = FixPeer(exchange.address, "FIX.4.4", "TRADER1")
        try:
            log_on_anew(peer)
            length = int(dict(_pairs(peer.encode("0", [(58, "ABCDE")])))[9])
            texts = {f"{{length{offset:+d}}}": str(length + offset) for offset in (-1, 1, 60)}
            peer.send("0", [(tag, texts.get(value, value)) for tag, value in changes.items()] + [(58, "ABCDE")])
            if changes.get(10) == "000" and b"\x0110=000\x01" in peer.encode("0", [(58, "ABCDE")]):
                pytest.skip("the sum is 000 by chance")
            found = outcome(peer)
            assert found.kind in allowed, found
        finally:
            peer.cut()


def _pairs(raw: bytes) -> list[tuple[int, str]]:
    parts = [part.partition("=") for part in raw.decode("latin-1").split("\x01")[:-1]]
    return [(int(tag), value) for tag, _, value in parts]


@pytest.mark.slow
@pytest.mark.parametrize("version", ["FIX.4.4", "FIXT.1.1"])
def test_counts_of_groups(version: str, exchange: ExchangeProcess) -> None:
    faults = []
    party = [(448, "FIRM1"), (447, "D"), (452, "1")]
    nested = [*party, (802, "{count}"), (523, "DESK"), (803, "1")]
    with bystander(exchange) as other:
        for comp_id, msg_type, tag, entry in (
            ("TRADER1", "D", 453, party),
            ("TRADER1", "D", 802, nested),
            ("MD1", "V", 267, []),
            ("MD1", "V", 146, []),
        ):
            peer = exchange.peer(comp_id, version)
            try:
                log_on_anew(peer)
                for count in COUNTS:
                    peer.send(msg_type, with_count(good_message(msg_type, version), tag, count, entry))
                    found = outcome(peer, msg_type)
                    # QuickFIX compares the counts of outer groups only; Parties mean nothing to the exchange.
                    if found.kind not in (REJECT, BUSINESS_REJECT, REFUSED, *((ANSWER,) if tag == 802 else ())):
                        faults.append(f"{msg_type} {tag}={count[:30]}: {found}")
                    if found.kind in (LOGOUT, CLOSE):
                        log_on_anew(peer)
                trade(other)
            finally:
                peer.cut()
    assert not faults, f"{len(faults)} faults\n" + "\n".join(faults)


def with_count(message: Fields, tag: int, count: str, entry: Fields) -> Fields:
    """Return a message whose group has the count, behind the fields it had; entries that it has stay."""
    if not entry:
        return [(known, count if known == tag else value) for known, value in message]
    outer = [] if tag == 453 else [(453, "1")]
    inner = [(known, count if value == "{count}" else value) for known, value in entry]
    group = [*outer, *([(453, count)] if tag == 453 else []), *inner]
    return [message[0], *group, *message[1:]]


@pytest.mark.slow
@pytest.mark.parametrize("tag", [11, 1, 55, 58, 38, 44, 60])
def test_a_field_of_a_megabyte_cuts_the_session(tag: int, exchange: ExchangeProcess) -> None:
    with bystander(exchange), bounded_memory(exchange, GROWTH_BYTES_MAX):
        peer = exchange.peer("TRADER1")
        try:
            log_on_anew(peer)
            order = [pair for pair in good_message("D", "FIX.4.4") if pair[0] != tag]
            assert is_cut_by(peer, [peer.encode("D", [*order, (tag, MEGABYTE)])])
        finally:
            peer.cut()


@pytest.mark.slow
@pytest.mark.parametrize("tag", [11, 58])
def test_a_field_just_below_the_bound_is_answered(tag: int, exchange: ExchangeProcess) -> None:
    with bystander(exchange):
        peer = exchange.peer("TRADER1")
        try:
            log_on_anew(peer)
            order = [pair for pair in good_message("D", "FIX.4.4") if pair[0] != tag]
            peer.send("D", [*order, *([(11, "BIG")] if tag != 11 else []), (tag, "x" * 65_000)])
            found = outcome(peer, "D")
            assert found.kind in (REJECT, REFUSED, ANSWER), found
        finally:
            peer.cut()


@pytest.mark.slow
@pytest.mark.parametrize("tag", [553, 554, 58, 49, 52])
def test_a_logon_with_a_field_of_a_megabyte_is_closed(tag: int, exchange: ExchangeProcess) -> None:
    with bystander(exchange), bounded_memory(exchange, GROWTH_BYTES_MAX):
        peer = FixPeer(exchange.address, "FIX.4.4", "MAKER1")
        try:
            peer.connect()
            fields = [pair for pair in peer.logon_fields() if pair[0] != tag]
            assert is_cut_by(peer, [peer.encode("A", [*fields, (tag, MEGABYTE)])])
        finally:
            peer.cut()


@pytest.mark.slow
def test_half_a_message_and_then_silence_ends_in_a_close(exchange: ExchangeProcess) -> None:
    versions = ("FIX.4.2", "FIX.4.4", "FIXT.1.1")
    peers = [FixPeer(exchange.address, version, "TRADER1") for version in versions]
    with bystander(exchange):
        try:
            for share, peer in zip((0.1, 0.5, 0.99), peers, strict=True):
                peer.logon([(141, "Y"), (108, "1")])
                raw = peer.encode("D", good_message("D", peer.begin_string))
                peer.send_raw(raw[: int(len(raw) * share)])
            for peer in peers:
                asked = {message.msg_type for message in peer.expect_closed(PATIENCE_SECONDS)}
                assert "1" in asked, "whoever is silent is asked before he is cut"
        finally:
            for peer in peers:
                peer.cut()


@pytest.mark.slow
def test_random_bytes_after_a_logon_end_in_a_cut(exchange: ExchangeProcess) -> None:
    source = random.Random(SEED)
    with bystander(exchange) as other, bounded_memory(exchange, GROWTH_BYTES_MAX):
        for number in range(8):
            peer = exchange.peer("TRADER1")
            try:
                log_on_anew(peer)
                assert is_cut_by(peer, [source.randbytes(8_192) for _ in range(16)]), f"round {number}, seed {SEED}"
            finally:
                peer.cut()
            trade(other)


@pytest.mark.slow
def test_garbage_instead_of_tls_and_inside_of_it(exchange: ExchangeProcess) -> None:
    source = random.Random(SEED)
    address = ("127.0.0.1", exchange.tls_port)
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    starts = [b"", b"GET / HTTP/1.1\r\n\r\n", b"8=FIX.4.4\x019=5\x01", hello, hello[:5], b"\x80\x80\x01\x03\x01"]
    with bystander(exchange), bounded_memory(exchange, GROWTH_BYTES_MAX):
        for start in starts * 4:
            with socket.create_connection(address, timeout=PATIENCE_SECONDS) as stranger:
                assert is_closed_after(stranger, start + source.randbytes(source.randint(600, 20_000))), start
        for _ in range(4):
            raw = socket.create_connection(address, timeout=PATIENCE_SECONDS)
            with client_tls().wrap_socket(raw, server_hostname="localhost") as stranger:
                assert is_closed_after(stranger, source.randbytes(8_192)), "noise inside of TLS"
        member = FixPeer(address, "FIX.4.4", "MAKER1", tls=client_tls())
        member.logon([(141, "Y")])
        trade(member)
        # Behind the back of TLS: what is no record ends the connection.
        broken = member.fileno()
        with socket.socket(fileno=socket.dup(broken)) as beneath:
            beneath.sendall(source.randbytes(1_000))
        member.expect_closed()
        member.cut()


def is_cut_by(peer: FixPeer, parts: list[bytes]) -> bool:
    """Send bytes; tell whether the exchange closes, then or while they are sent, without a word."""
    try:
        for part in parts:
            peer.send_raw(part)
        return peer.expect_closed() == []
    except PeerClosedError:
        return True
    except PeerTimeoutError:
        return False


def is_closed_after(stranger: socket.socket, data: bytes) -> bool:
    """Send noise; tell whether the exchange closes, with at most an alert of TLS."""
    said = 0
    try:
        stranger.sendall(data)
        while part := stranger.recv(4_096):
            said += len(part)
    except TimeoutError:
        return False
    except (ConnectionError, ssl.SSLError):
        pass
    return said < 1_000
