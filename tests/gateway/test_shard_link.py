"""The gateway's end of a connection to a shard: what counts as silence."""

import socket
from collections.abc import Iterator

import pytest

from gateway.shard_frames import PROTOCOL_VERSION, Hello, Welcome, json_frame
from gateway.shard_link import GREETING_SECONDS, HUNG_SECONDS, LOOK_SECONDS_MAX, SILENT_SECONDS, SentFrames, ShardLink
from matching import frames
from matching.codec import encode_commands
from matching.commands import CancelSessionOrders, Command


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of links."""
    clock = Clock()
    monkeypatch.setattr("gateway.shard_link.time", clock)
    return clock


@pytest.fixture
def ends(clock: Clock) -> Iterator[tuple[ShardLink, socket.socket]]:
    """A link with a connection, and the shard's end of it."""
    ours, theirs = socket.socketpair()
    link = ShardLink("a", 1)
    link.connect(ours, Hello("a", 1, 0, 0, {}, {}, {}))
    theirs.sendall(json_frame(frames.WELCOME, Welcome(1, 1, 0, PROTOCOL_VERSION)))
    assert link.receive() == []
    assert link.is_up
    yield link, theirs
    link.drop("over")
    theirs.close()


def look_for(link: ShardLink, clock: Clock, seconds: float, step: float = 0.1) -> None:
    """Look at a link again and again, for so long."""
    for _ in range(round(seconds / step)):
        clock.now += step
        assert link.receive() == []


def test_a_shard_that_says_nothing_is_silent_then_hung(ends: tuple[ShardLink, socket.socket], clock: Clock) -> None:
    link, _ = ends
    look_for(link, clock, SILENT_SECONDS - 0.2)
    assert (link.is_silent, link.is_hung) == (False, False)
    look_for(link, clock, 0.4)
    assert (link.is_silent, link.is_hung) == (True, False)
    look_for(link, clock, HUNG_SECONDS - SILENT_SECONDS)
    assert (link.is_silent, link.is_hung) == (True, True)


def test_any_word_ends_a_silence(ends: tuple[ShardLink, socket.socket], clock: Clock) -> None:
    link, shard = ends
    look_for(link, clock, HUNG_SECONDS - 0.2)
    shard.sendall(json_frame(frames.STATUS, {"affinity": []}))
    look_for(link, clock, 0.4)
    assert (link.is_silent, link.is_hung, link.status) == (False, False, {"affinity": []})


def test_what_passes_while_nobody_listens_is_no_silence(ends: tuple[ShardLink, socket.socket], clock: Clock) -> None:
    """The gateway's own disk may stall for long: its shards wait for the same disk."""
    link, _ = ends
    clock.now += 3_600.0
    assert link.receive() == []
    assert (link.is_silent, link.is_hung) == (False, False)
    look_for(link, clock, SILENT_SECONDS - LOOK_SECONDS_MAX - 0.2)
    assert not link.is_silent
    look_for(link, clock, 0.4)
    assert link.is_silent


def test_a_shard_that_does_not_greet_has_more_time(clock: Clock) -> None:
    ours, theirs = socket.socketpair()
    link = ShardLink("a", 1)
    link.connect(ours, Hello("a", 1, 0, 0, {}, {}, {}))
    look_for(link, clock, GREETING_SECONDS - 0.2)
    before = link.is_hung
    look_for(link, clock, 0.4)
    assert (before, link.is_hung) == (False, True)
    link.drop("over")
    theirs.close()


def test_a_shard_that_is_down_is_away_after_as_long_as_one_that_is_silent(clock: Clock) -> None:
    link = ShardLink("a", 1)
    assert not link.is_away
    clock.now += SILENT_SECONDS + 0.1
    assert link.is_away


def sent(*counts: int) -> tuple[SentFrames, list[bytes]]:
    """Return frames under way, of so many commands each, and all commands that they hold as one list."""
    frames_sent = SentFrames()
    numbers = iter(range(sum(counts)))
    commands: list[list[Command]] = [[CancelSessionOrders(next(numbers), "x") for _ in range(n)] for n in counts]
    for each in commands:
        frames_sent.add(encode_commands(each), len(each))
    everything = [command for each in commands for command in each]
    return frames_sent, [encode_commands(everything[:end]) for end in range(len(everything) + 1)]


def test_a_batch_of_whole_frames_is_known_by_its_bytes() -> None:
    frames_sent, batches = sent(1, 20, 2)
    assert frames_sent.matching(batches[21], 21) == 21
    assert frames_sent.matching(batches[2], 2) == 0
    frames_sent, batches = sent(1, 20)
    assert frames_sent.matching(batches[20], 20) == 0
    assert frames_sent.matching(b"", 0) == 0
    assert frames_sent.matching(batches[21], 21) == 21


def test_what_is_left_of_a_frame_is_not_known_by_its_bytes() -> None:
    frames_sent, batches = sent(3, 1)
    frames_sent.answered(1)
    assert frames_sent.matching(batches[2], 2) == 0
    frames_sent.answered(2)
    last = encode_commands([CancelSessionOrders(3, "x")])
    assert frames_sent.matching(last, 1) == 1
    # An earlier connection may have sent what is answered on this one.
    frames_sent.answered(5)
    assert frames_sent.matching(last, 1) == 0
