"""The gateway's engine over shards: what it keeps, what it refuses, and that a snapshot holds all of it."""

import random

from gateway.answers import Answers
from gateway.relay import RelayEngine
from gateway.shard_transfers import DONE, REFUSED, UNDER_WAY
from gateway.start_up import new_relay
from matching.codec import encode_events
from matching.commands import Command, DefineShard, RefuseMessage, RelayBatch, RequestTransfer
from matching.events import CommandRefused, Event, InstrumentDefined, TransferredIn, TransferredOut

TRANSFER = RequestTransfer(1, "USD", 5, "T1", "a", "b", "me", "")


def relay_with(*commands: Command) -> tuple[RelayEngine, list[Event]]:
    """Return a relay over the shards a and b that has seen `commands`, and its events."""
    relay = new_relay()
    events: list[Event] = []
    for seq, command in enumerate((DefineShard("a", 1), DefineShard("b", 2), *commands), start=1):
        relay.apply(seq, seq, command, events)
    return relay, events


def batch(shard: str, batch_seq: int, *events: Event, answered: tuple[tuple[int, int, int], ...] = ()) -> RelayBatch:
    """Return a shard's batch as the gateway journals it."""
    return RelayBatch(shard, batch_seq, 1, answered, encode_events(list(events)) if events else b"")


def restored(relay: RelayEngine) -> RelayEngine:
    """Return another engine with the state of a snapshot of `relay`."""
    other = new_relay()
    other.load(relay.snapshot())
    assert other.state_hash() == relay.state_hash()
    return other


def test_a_number_is_answered_by_its_shard_or_here_and_a_new_epoch_begins_anew() -> None:
    relay, _ = relay_with(batch("a", 1, answered=((7, 2, 10),)), RefuseMessage(7, 2, 13, "F", "c", "down"))
    for engine in (relay, restored(relay)):
        assert [engine.is_answered("a", 7, 2, number) for number in (9, 10, 11, 13)] == [True, True, False, True]
        assert not engine.is_answered("b", 7, 2, 10)
        assert engine.is_answered("b", 7, 2, 13)
        assert not engine.is_answered("a", 7, 3, 10)


def test_a_transfer_goes_from_step_to_step_and_is_taken_up_again_after_a_restart() -> None:
    relay, _ = relay_with(TRANSFER)
    assert restored(relay).transfers.due == ["T1"]
    events: list[Event] = []
    relay.apply(4, 4, batch("a", 1, TransferredOut(1, "USD", 5, "T1", "b", "me", "", 95)), events)
    assert relay.transfers.by_id["T1"].state == UNDER_WAY
    assert restored(relay).transfers.due == ["T1"]
    relay.apply(5, 5, batch("b", 1, TransferredIn(1, "USD", 5, "T1", "a", "me", "", 5)), events)
    assert relay.transfers.by_id["T1"].state == DONE
    assert restored(relay).transfers.due == []


def test_a_refused_transfer_and_another_of_the_same_id_are_named() -> None:
    relay, events = relay_with(
        TRANSFER,
        RequestTransfer(1, "USD", 5, "T1", "a", "b", "another", "operator"),
        RequestTransfer(1, "USD", 6, "T1", "a", "b", "me", ""),
        RelayBatch("a", 1, 1, (), b"", (("T1", "not enough"),)),
    )
    assert [type(event) for event in events] == [CommandRefused]
    assert (relay.transfers.by_id["T1"].state, relay.transfers.by_id["T1"].text) == (REFUSED, "not enough")


def test_a_shard_keeps_its_id_and_its_instruments() -> None:
    relay, events = relay_with(DefineShard("a", 3), batch("b", 4, InstrumentDefined(1, "AAPL")))
    assert [type(event) for event in events] == [CommandRefused, InstrumentDefined]
    for engine in (relay, restored(relay)):
        assert engine.shards["a"].shard_id == 1
        assert (engine.homes, engine.shards["b"].batch_seq) == ({"AAPL": "b"}, 4)


def test_numbers_are_journaled_as_far_as_everything_before_them_is_answered() -> None:
    """Against the definition, over random orders of answers."""
    source = random.Random(1)
    for _ in range(200):
        answers, open_numbers = Answers(), set[int]()
        journaled, taken = 1, 0
        for number in range(1, 30):
            if source.random() < 0.7:
                answers.sent(1, 1, number)
                open_numbers.add(number)
            answers.taken(1, 1, number + 1)
            taken = number + 1
            for each in [each for each in open_numbers if source.random() < 0.3]:
                answers.answered(1, 1, each)
                open_numbers.remove(each)
            journaled = answers.targets().get(1, (1, journaled))[1]
            assert journaled == min([*open_numbers, taken])
        answers.taken(1, 2, 2)
        assert answers.targets() == {1: (2, 2)}
