"""Who connects to a shard displaces nobody until it has said in full who it is; what is refused is named."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import shard_visitors
from gateway.shard_frames import PROTOCOL_VERSION, Hello, json_frame
from gateway.shard_visitors import VISITORS_MAX
from matching import frames
from matching.codec import encode_commands
from matching.commands import DefineInstrument, DefineShard
from matching.events import Execution
from tests.support.shard_pair import AAPL, GatewaySide, ShardSide, order, settle, shard_sides


@pytest.fixture
def shard(tmp_path: Path) -> Iterator[ShardSide]:
    """The shard a."""
    with shard_sides(tmp_path, "a") as [only]:
        yield only


@pytest.fixture
def gateway(shard: ShardSide) -> Iterator[GatewaySide]:
    """A gateway that is connected to the shard."""
    side = GatewaySide()
    side.connect(shard)
    settle(side, shard)
    yield side
    side.close()


def trades(gateway: GatewaySide, shard: ShardSide, number: int) -> bool:
    """Tell whether an order comes through."""
    gateway.turn(order(number, f"ORDER{number}"))
    return [event.cl_ord_id for event in settle(gateway, shard) if isinstance(event, Execution)] == [f"ORDER{number}"]


def last_words(shard: ShardSide, connection: socket.socket) -> bytes:
    """Return all that a shard says on a connection until it closes it."""
    connection.setblocking(False)
    said = b""
    for _ in range(20):
        shard.exchange.turn(0)
        try:
            data = connection.recv(1 << 16)
        except BlockingIOError:
            continue
        except ConnectionResetError:
            return said
        if not data:
            return said
        said += data
    raise AssertionError(f"not closed, after {said!r}")


def test_whoever_says_nothing_displaces_nobody(gateway: GatewaySide, shard: ShardSide) -> None:
    strangers = [shard.connection() for _ in range(VISITORS_MAX + 1)]
    assert trades(gateway, shard, 2)
    assert b"too many others" in last_words(shard, strangers[0])
    for stranger in strangers:
        stranger.close()
    assert trades(gateway, shard, 3)


def test_a_visitor_without_a_word_is_shown_the_door(
    gateway: GatewaySide, shard: ShardSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_visitors, "HELLO_SECONDS", -1.0)
    with shard.connection() as stranger:
        assert b"no hello within" in last_words(shard, stranger)
    assert trades(gateway, shard, 2)


def hello(*, protocol: int = PROTOCOL_VERSION, received_through: int = 0) -> bytes:
    """Return the frame of a gateway's first word."""
    content = Hello("a", 1, received_through, 0, {"AAPL": 1}, {"ACC1": 1}, {}, protocol)
    return json_frame(frames.HELLO, content)


COMMANDS = frames.encode_command_frame(
    batch_seq=0, first_seq=0, time_ns=0, commands=encode_commands([DefineShard("a", 1)]), command_count=1
)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"GET / HTTP/1.1\r\n" + b" " * 200, b"OCFR"),
        (COMMANDS, b"came before a hello"),
        (hello(protocol=1), b"speaks version 1 of the protocol, the shard version 4"),
        (hello(received_through=1_000), b"the gateway has stored batch 1000"),
        (json_frame(frames.HELLO, {"protocol": PROTOCOL_VERSION}), b"cannot be read"),
    ],
)
def test_what_is_no_valid_hello_is_refused_by_name(
    gateway: GatewaySide, shard: ShardSide, said: bytes, reason: bytes
) -> None:
    with shard.connection() as stranger:
        stranger.sendall(said)
        assert reason in last_words(shard, stranger)
    assert trades(gateway, shard, 2)


def test_a_valid_hello_takes_the_place_of_the_gateway_before(gateway: GatewaySide, shard: ShardSide) -> None:
    with shard.connection() as other:
        other.sendall(hello())
        settle(gateway, shard)
        assert gateway.market.links["a"].down_cause == "closed by the shard"
        assert shard.exchange.is_connected
    gateway.connect(shard)
    settle(gateway, shard)
    assert trades(gateway, shard, 2)


def test_a_configuration_that_the_engine_refuses_is_named(tmp_path: Path) -> None:
    with shard_sides(tmp_path, "a") as [shard]:
        shard.configured = [DefineInstrument(0, *(getattr(AAPL, name) for name in AAPL.__struct_fields__[1:]))]
        gateway = GatewaySide()
        link = gateway.market.links["a"]
        refused = "refused by the shard: DefineInstrument: instrument_id 0 is below 1"
        for _ in range(3):
            gateway.connect(shard)
            settle(gateway, shard)
            assert (link.is_up, shard.exchange.is_connected, link.down_cause) == (False, False, refused)
        assert len([command for command in shard.commands() if command in shard.configured]) == 1
        shard.configured = []
        gateway.connect(shard)
        settle(gateway, shard)
        assert link.is_up
        gateway.close()
