"""The gateway's engine over shards: what it keeps, what it refuses, and that a snapshot holds all of it."""

import random

import msgspec
import pytest

from gateway.answers import Answers
from gateway.relay import RelayEngine
from gateway.shard_transfers import DONE, REFUSED, UNDER_WAY
from gateway.start_up import new_relay
from matching.codec import encode_events
from matching.commands import (
    Command,
    DefineInstrument,
    DefineSession,
    DefineShard,
    InstructShards,
    RefuseMessage,
    RelayBatch,
    RequestTransfer,
    SetKillSwitch,
)
from matching.events import (
    AuctionEnded,
    CommandRefused,
    Event,
    Execution,
    InstrumentDefined,
    TradingDayEnded,
    TradingPhaseSet,
    TransferredIn,
    TransferredOut,
)
from matching.types import ExecType

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
        assert [engine.has_answered("a", 7, 2, number) for number in (9, 10, 11)] == [True, True, False]
        assert [engine.is_answered_here(7, 2, number) for number in (10, 13)] == [False, True]
        assert not engine.has_answered("b", 7, 2, 10)
        assert not engine.has_answered("a", 7, 3, 10)
        assert not engine.is_answered_here(7, 3, 13)


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


def test_an_instrument_that_a_shard_lists_again_is_without_the_prices_of_its_earlier_life() -> None:
    auction = AuctionEnded(1, "opening auction", 9_900, 5, 0, 7)
    call, delisted = TradingPhaseSet(1, "opening auction", ""), TradingPhaseSet(1, "delisted", "merger")
    relay, _ = relay_with(
        DefineInstrument(1, "AAPL", "spot", "USD", 1, 1, 1, 1, 1),
        batch("a", 1, InstrumentDefined(1, "AAPL"), call, auction, call, delisted),
    )
    instrument = relay.instruments[1]
    assert (instrument.phase, instrument.auction_price, instrument.is_uncrossed) == ("delisted", 9_900, False)
    relay.apply(9, 9, batch("a", 2, TradingPhaseSet(1, "closed", "off")), [])
    assert (instrument.phase, instrument.auction_price, instrument.is_uncrossed) == ("closed", 0, True)


def test_a_state_of_version_1_is_read_and_has_no_instructions() -> None:
    relay, _ = relay_with(TRANSFER, batch("a", 4, InstrumentDefined(1, "AAPL"), answered=((7, 2, 10),)))
    fields = msgspec.msgpack.decode(relay.snapshot())
    other = new_relay()
    other.load(msgspec.msgpack.encode([1, *fields[1:7]]))
    assert other.snapshot() == relay.snapshot()
    with pytest.raises(ValueError, match="version 1 to 4, found 5"):
        other.load(msgspec.msgpack.encode([5, *fields[1:]]))


def test_instructions_and_names_are_part_of_a_snapshot() -> None:
    kill = SetKillSwitch("market", 0, True, "me", "drill")
    rejected = execution("r", 0, "8", 0)
    said = (execution("o", 1 << 48 | 5, "0", 9), execution("n", 1 << 48 | 5, "5", 9, orig="o"), rejected)
    relay, _ = relay_with(
        DefineInstrument(1, "AAPL", "spot", "USD", 1, 1, 1, 1, 1),
        DefineSession(7, "FIX.4.4:OUTCRY->T7", "T7", 0, 0, 0, 0),
        InstructShards(("a", "b"), kill),
        RelayBatch("a", 1, 1, (), encode_events(list(said)), (), ("",)),
    )
    for engine in (relay, restored(relay)):
        assert (engine.instructions.unconfirmed(1), engine.instructions.for_shard("b")) == (["b"], [kill])
        assert [engine.names.shard_id("T7", name) for name in ("o", "n", "r", "x")] == [1, 1, 1, 0]
        ended: list[Command] = [
            RelayBatch("a", 2, 1, (), encode_events([TradingDayEnded(20260101)])),
            DefineShard("c", 3),
        ]
        for command in ended:
            engine.apply(engine.statistics()["seq"] + 1, 9, command, [])
        assert [engine.names.shard_id("T7", name) for name in ("o", "n", "r")] == [1, 1, 0]
        assert engine.instructions.for_shard("c") == [kill]


def execution(cl_ord_id: str, order_id: int, exec_type: ExecType, leaves_qty: int, *, orig: str = "") -> Execution:
    """Return a step in the life of an order of session 7."""
    terms = (1, 1, "1", "2", "1", 100, 9)
    return Execution(1, exec_type, "0", order_id, 7, cl_ord_id, orig, *terms, leaves_qty, 0, 0)  # type: ignore[arg-type]


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
