"""What shards are told, by which gateway and when: real shards, a real relay, no wire; each does a turn in turn."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.shard_instructions import INSTRUCTIONS_MAX
from gateway.shard_questions import LIMITS
from gateway.shard_transfers import DONE, GIVEN_BACK
from matching import refusals
from matching.commands import (
    CancelOrder,
    Command,
    DefineInstrument,
    DefineShard,
    EndLimitOverride,
    ForgetNumbers,
    Instruction,
    InstructShards,
    MassQuote,
    OverrideLimits,
    QuoteEntry,
    RefuseMessage,
    RequestStatus,
    SetAcceptance,
    SetKillSwitch,
    SetReferencePrice,
    SetTradingPhase,
    TransferIn,
)
from matching.events import (
    CancelRejected,
    CommandRefused,
    Event,
    Execution,
    InstrumentDefined,
    MessageUnavailable,
    OrderRefused,
    ShardsInstructed,
)
from matching.quote_events import QuotesAnswered
from matching.types import EXEC_CANCELED, EXEC_STATUS
from tests.support.shard_pair import CASH, EPOCH, SESSION, GatewaySide, ShardSide, order, settle, shard_sides

KILL = SetKillSwitch("market", 0, True, "me", "drill")
RELEASE = SetKillSwitch("market", 0, False, "me", "drill")


@pytest.fixture
def shards(tmp_path: Path) -> Iterator[list[ShardSide]]:
    """The shards a and b."""
    with shard_sides(tmp_path, "a", "b") as both:
        yield both


def instruct(gateway: GatewaySide, instruction: Instruction, *names: str) -> int:
    """Journal an instruction as the exchange does; return its id."""
    [event] = gateway.apply([InstructShards(names, instruction)])
    assert isinstance(event, ShardsInstructed)
    gateway.market.dispatch.instruct(event.instruction_id, gateway.begun)
    return event.instruction_id


def told(shard: ShardSide) -> list[Command]:
    """Return the kill switches that a shard has been told of."""
    return [command for command in shard.commands() if isinstance(command, SetKillSwitch)]


def connected(*shards: ShardSide) -> GatewaySide:
    """Return a gateway that is connected to shards, with everything said."""
    gateway = GatewaySide()
    for shard in shards:
        gateway.connect(shard)
    settle(gateway, *shards)
    return gateway


# -- instructions -----------------------------------------------------------------------------------------------------


def test_an_instruction_reaches_a_shard_that_was_down_by_a_later_gateway_once(shards: list[ShardSide]) -> None:
    a, b = shards
    gateway = connected(a)
    first = instruct(gateway, KILL, "a", "b")
    settle(gateway, a)
    assert gateway.relay.instructions.unconfirmed(first) == ["b"]
    gateway = gateway.restarted()
    for shard in shards:
        gateway.connect(shard)
    settle(gateway, a, b)
    assert (told(a), told(b)) == ([KILL], [KILL])
    assert gateway.relay.instructions.waiting == {}
    gateway.close()


def test_an_instruction_that_was_obeyed_and_not_heard_of_is_not_given_again(shards: list[ShardSide]) -> None:
    """The shard has committed it when the gateway is killed; the next takes the batch up and knows."""
    a, _ = shards
    gateway = connected(a)
    for instruction in (KILL, RELEASE, KILL):
        instruct(gateway, instruction, "a")
    gateway.turn()
    a.exchange.turn(0)
    assert told(a) == [KILL, RELEASE, KILL]
    gateway = gateway.restarted()
    assert len(gateway.relay.instructions.waiting) == 3
    gateway.connect(a)
    settle(gateway, a)
    assert told(a) == [KILL, RELEASE, KILL]
    assert gateway.relay.instructions.waiting == {}
    gateway.close()


def test_nothing_is_told_before_it_is_in_the_journal(shards: list[ShardSide]) -> None:
    a, _ = shards
    gateway = connected(a)
    gateway.commits = False
    instruction_id = instruct(gateway, KILL, "a")
    gateway.turn()
    a.exchange.turn(0)
    assert (told(a), gateway.market.dispatch.is_sent(instruction_id)) == ([], False)
    gateway.commits = True
    gateway.committed = gateway.begun
    settle(gateway, a)
    assert (told(a), gateway.market.dispatch.is_sent(instruction_id)) == ([KILL], True)
    gateway.close()


def test_a_refusal_is_heard_of_and_ends_the_instruction(shards: list[ShardSide]) -> None:
    a, _ = shards
    gateway = connected(a)
    instruction_id = instruct(gateway, SetTradingPhase(9, "halted", "me", ""), "a")
    settle(gateway, a)
    assert gateway.relay.instructions.refusals == {instruction_id: "shard a: instrument 9 is not defined"}
    assert gateway.relay.instructions.waiting == {}
    gateway.close()


def test_a_shard_that_is_new_obeys_the_kill_switch_that_is_engaged() -> None:
    gateway = GatewaySide()
    for instruction in (
        KILL,
        SetKillSwitch("account", 1, True, "me", ""),
        SetKillSwitch("account", 1, False, "me", ""),
    ):
        gateway.apply([InstructShards(("a", "b"), instruction)])
    gateway.apply([DefineShard("c", 3)])
    assert gateway.relay.instructions.for_shard("c") == [KILL]
    gateway.close()


def test_a_shard_that_is_new_obeys_the_kill_switch_of_every_firm_that_is_engaged() -> None:
    first, second = (SetKillSwitch("firm", 0, True, "me", "drill", name) for name in ("FIRM1", "FIRM2"))
    gateway = GatewaySide()
    for instruction in (first, second):
        gateway.apply([InstructShards(("a", "b"), instruction)])
    gateway.apply([DefineShard("c", 3)])
    gateway.apply([InstructShards(("a", "b", "c"), SetKillSwitch("firm", 0, False, "me", "drill", "FIRM1"))])
    gateway = gateway.restarted()
    gateway.apply([DefineShard("d", 4)])
    instructions = gateway.relay.instructions
    assert (instructions.for_shard("c")[:2], instructions.for_shard("d")) == ([first, second], [second])
    gateway.close()


def test_a_shard_that_is_new_has_the_limits_that_are_overridden_over_all_instruments() -> None:
    nobody, ours, elsewhere, over = (
        OverrideLimits(1, 0, -1, -1, -1, -1, -1, -1, "none", 0, "me", "drill"),
        OverrideLimits(0, 0, -1, -1, 1, -1, -1, -1, "", 0, "me", "drill", "FIRM2"),
        OverrideLimits(1, 1, 5, -1, -1, -1, -1, -1, "", 0, "me", "drill"),
        OverrideLimits(2, 0, -1, -1, -1, -1, -1, -1, "sell", 0, "me", "drill"),
    )
    gateway = GatewaySide()
    for instruction in (nobody, ours, elsewhere, over, EndLimitOverride(2, 0, "me", "over")):
        gateway.apply([InstructShards(("a", "b"), instruction)])
    gateway = gateway.restarted()
    gateway.apply([DefineShard("c", 3)])
    assert gateway.relay.instructions.for_shard("c") == [ours, nobody]
    gateway.close()


def test_instructions_that_wait_are_bounded() -> None:
    gateway = GatewaySide()
    events = gateway.apply([InstructShards(("a",), KILL)] * (INSTRUCTIONS_MAX + 1))
    assert [type(event) for event in events[-2:]] == [ShardsInstructed, CommandRefused]
    gateway.close()


def test_an_instrument_that_no_shard_has_is_nobodys_to_halt() -> None:
    gateway = GatewaySide()
    halts = [SetTradingPhase(instrument_id, "halted", "me", "") for instrument_id in (1, 2, 3)]
    assert [gateway.market.routes.concerned(halt) for halt in halts] == [("a",), ("b",), ()]
    assert gateway.market.routes.concerned(KILL) == ("a", "b")
    gateway.close()


# -- what waits, and what is refused ----------------------------------------------------------------------------------


def test_only_what_a_shard_may_have_waits_for_one_that_was_not_heard_of(shards: list[ShardSide]) -> None:
    a, _ = shards
    gateway = GatewaySide(logon_number=4)
    events = gateway.turn(order(3, "before"), order(5, "after"))
    assert [type(event) for event in events] == [OrderRefused]
    gateway.connect(a)
    events = settle(gateway, a)
    assert [event.cl_ord_id for event in events if isinstance(event, Execution)] == ["before"]
    assert gateway.market.answers.open_count == 0
    gateway.close()


def test_orders_and_quotes_are_refused_here_while_none_are_accepted(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    gateway.apply([SetAcceptance(False, "disk")])
    entries = (QuoteEntry("S", "E", 1, "AAPL", 9_000, 1, 9_100, 1),)
    unknown = refusals.QUOTE_UNKNOWN_ACCOUNT
    refused_already = MassQuote(SESSION, EPOCH, 4, "R", 1, "1", entries, code=unknown, text="whose?")
    events = gateway.turn(order(2, "x"), MassQuote(SESSION, EPOCH, 3, "Q", 1, "1", entries), refused_already)
    # One that is refused for itself is its shard's to answer, as ever.
    events += settle(gateway, *shards)
    answers = [(event.cl_ord_id, event.code) for event in events if isinstance(event, OrderRefused)]
    answers += [(event.quote_id, event.code) for event in events if isinstance(event, QuotesAnswered)]
    codes = refusals.MARKET_NOT_AVAILABLE, refusals.NOT_ACCEPTING, unknown
    assert answers == list(zip("xQR", codes, strict=True))
    # What takes away goes to its shard.
    gateway.turn(CancelOrder(SESSION, EPOCH, 5, "c", "x", 0, 1, "1"))
    assert [type(event) for event in settle(gateway, *shards)] == [CancelRejected]
    gateway.close()


def test_an_epoch_reaches_a_shard_when_a_number_of_it_is_in_the_journal(shards: list[ShardSide]) -> None:
    a, _ = shards
    gateway = connected(a)
    gateway.turn(order(2, "x", epoch=2), order(3, "y", epoch=2))
    settle(gateway, a)
    state = gateway.session.state
    assert not [event for event in gateway.events if isinstance(event, Execution)]
    state.epoch, state.next_sender, state.next_target = 2, 1, 1
    settle(gateway, a)
    assert not [event for event in gateway.events if isinstance(event, Execution)]
    state.next_sender = 2
    assert gateway.market.has_work()
    events = settle(gateway, a)
    assert [event.cl_ord_id for event in events if isinstance(event, Execution)] == ["x", "y"]
    gateway.close()


def test_what_was_said_of_a_number_is_not_said_again(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    refusal = RefuseMessage(SESSION, 1, 5, "V", "", "MsgType(35) V is not for you", 30601)
    assert gateway.turn(refusal) == [MessageUnavailable(SESSION, 5, "V", "", "MsgType(35) V is not for you", 30601)]
    gateway = gateway.restarted()
    assert gateway.turn(refusal) == []
    gateway.close()


def test_numbers_that_cannot_come_again_are_forgotten() -> None:
    gateway = GatewaySide()
    refusals = [RefuseMessage(SESSION, 1, number, "F", "", "down") for number in range(2, 5_002)]
    gateway.apply(refusals)
    gateway.turn()
    assert gateway.relay.is_answered_here(SESSION, 1, 2)
    gateway.session.state.next_target = 5_000
    gateway.apply([RefuseMessage(SESSION, 1, number, "F", "", "down") for number in range(5_002, 12_002)])
    assert gateway.market.distribute([], {}, begun=1, committed=1) == [ForgetNumbers(SESSION, 1, 5_000)]
    gateway.apply([ForgetNumbers(SESSION, 1, 5_000)])
    assert [gateway.relay.is_answered_here(SESSION, 1, number) for number in (4_999, 5_000)] == [False, True]
    gateway.close()


# -- what a shard must keep -------------------------------------------------------------------------------------------


def test_a_shard_keeps_what_the_gateway_has_not_committed(shards: list[ShardSide]) -> None:
    a, _ = shards
    gateway = connected(a)
    gateway.commits = False
    committed = gateway.relay.shards["a"].batch_seq
    for number, cl_ord_id in enumerate("xyz", start=2):
        gateway.turn(order(number, cl_ord_id))
        settle_uncommitted(gateway, a)
    assert gateway.relay.shards["a"].batch_seq > committed
    assert a.exchange.stored_through <= committed
    gateway.commits = True
    gateway.committed = gateway.begun
    gateway.turn()
    gateway.turn(order(6, "next"))
    settle(gateway, a)
    assert a.exchange.stored_through > committed
    gateway.close()


def settle_uncommitted(gateway: GatewaySide, shard: ShardSide) -> None:
    """Let a shard answer a gateway that does not come to its commit."""
    for _ in range(3):
        shard.exchange.turn(0)
        gateway.turn()


# -- requests by ClOrdID alone ----------------------------------------------------------------------------------------


def cancel(number: int, cl_ord_id: str, orig_cl_ord_id: str) -> CancelOrder:
    """Return a cancel that names neither instrument nor order id."""
    return CancelOrder(SESSION, 1, number, cl_ord_id, orig_cl_ord_id, 0, 0, "1")


def status(number: int, cl_ord_id: str) -> RequestStatus:
    """Return a status request that names neither symbol nor order id."""
    return RequestStatus(SESSION, 1, number, cl_ord_id, 0, "", "", "1")


def test_an_order_is_found_by_its_name_in_whatever_shard_it_is(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    gateway.turn(order(2, "x", instrument_id=2), status(3, "x"))
    assert [describe(event) for event in settle(gateway, *shards)] == [("0", "x"), (EXEC_STATUS, "x")]
    gateway = gateway.restarted()
    for shard in shards:
        gateway.connect(shard)
    settle(gateway, *shards)
    gateway.turn(status(4, "x"), cancel(5, "y", "x"), status(6, "y"), status(7, "x"), cancel(8, "z", "y"))
    said = [describe(event) for event in settle(gateway, *shards)]
    assert said == [(EXEC_STATUS, "x"), (EXEC_CANCELED, "y"), (EXEC_STATUS, "y"), (EXEC_STATUS, "y"), ("9", "z")]
    gateway.close()


def test_a_name_that_nobody_knows_is_unknown_and_one_of_a_shard_that_is_down_not_available(
    shards: list[ShardSide],
) -> None:
    gateway = connected(*shards)
    assert [type(event) for event in gateway.turn(cancel(2, "c", "nowhere"), status(3, "no"))] == [
        CancelRejected,
        OrderRefused,
    ]
    gateway.turn(order(4, "x"))
    settle(gateway, *shards)
    gateway.market.links["a"].drop("killed")
    assert [type(event) for event in gateway.turn(cancel(5, "d", "x"))] == [MessageUnavailable]
    gateway.close()


def describe(event: Event) -> tuple[str, str]:
    """Return what kind of report an event is, and its ClOrdID."""
    if isinstance(event, CancelRejected):
        return "9", event.cl_ord_id
    assert isinstance(event, Execution), event
    return event.exec_type, event.cl_ord_id


# -- transfers --------------------------------------------------------------------------------------------------------


def cash(shard: ShardSide) -> int:
    """Return what the account has on a shard."""
    risk = shard.engine.risk
    amount: int = risk.balance_of(1, "USD")[0]
    return amount


def test_what_the_taking_shard_refuses_is_given_back(tmp_path: Path) -> None:
    with shard_sides(tmp_path, "a", "b") as [a, b]:
        gateway = connected(a, b)
        # Whatever the taking shard finds wrong: here the id has come in before with another amount.
        gateway.market.links["b"].submit(TransferIn(1, "USD", 1, "T1", "a", "me", ""))
        settle(gateway, a, b)
        gateway.transfer(500, "T1")
        settle(gateway, a, b)
        transfer = gateway.relay.transfers.by_id["T1"]
        assert (transfer.state, cash(a), cash(b)) == (GIVEN_BACK, CASH, CASH + 1)
        assert transfer.text.startswith("shard b: transfer_id T1 was posted before")
        gateway.transfer(700, "T2")
        settle(gateway, a, b)
        assert (gateway.relay.transfers.by_id["T2"].state, cash(a), cash(b)) == (DONE, CASH - 700, CASH + 701)
        gateway.close()


def test_a_step_waits_for_its_shard_and_is_chosen_when_that_is_up(shards: list[ShardSide]) -> None:
    """A gateway that comes after a refusal must not send the refused step again: by now it might be taken."""
    a, b = shards
    gateway = connected(a, b)
    gateway.market.links["b"].submit(TransferIn(1, "USD", 1, "T1", "a", "me", ""))
    settle(gateway, a, b)
    gateway.transfer(500, "T1")
    settle(gateway, a)
    b.exchange.turn(0)
    gateway = gateway.restarted()
    assert gateway.turn() == []
    assert not gateway.market.has_work()
    for shard in shards:
        gateway.connect(shard)
    settle(gateway, a, b)
    steps = [command for command in b.commands() if isinstance(command, TransferIn)]
    assert [step.amount for step in steps] == [1, 500]
    assert (gateway.relay.transfers.by_id["T1"].state, cash(a)) == (GIVEN_BACK, CASH)
    gateway.close()


# -- instruments ------------------------------------------------------------------------------------------------------


def test_a_new_instrument_has_its_id_at_once_and_is_told_of_when_its_shard_has_it(shards: list[ShardSide]) -> None:
    """Also by a later gateway: nobody else is given the id meanwhile."""
    tsla = DefineInstrument(3, "TSLA", "spot", "USD", 1_000_000, 100_000_000, 10_000, 20_000, 5_000)
    gateway = connected(shards[0])
    instruct(gateway, tsla, "b")
    settle(gateway, shards[0])
    assert gateway.relay.instruments[3].symbol == "TSLA"
    assert not [event for event in gateway.events if event == InstrumentDefined(3, "TSLA")]
    gateway = gateway.restarted()
    for shard in shards:
        gateway.connect(shard)
    events = settle(gateway, *shards)
    assert events.count(InstrumentDefined(3, "TSLA")) == 1
    assert (gateway.relay.homes["TSLA"], gateway.relay.instructions.waiting) == ("b", {})
    gateway.market.defined(InstrumentDefined(3, "TSLA"))
    gateway.turn(order(2, "x", instrument_id=3, price=20_000))
    assert [describe(event) for event in settle(gateway, *shards)] == [("0", "x")]
    gateway.close()


def test_an_instrument_that_cannot_be_changed_so_is_told_to_no_shard(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    other_tick = DefineInstrument(1, "AAPL", "spot", "USD", 2_000_000, 100_000_000, 10_000, 10_000, 5_000)
    events = gateway.apply([InstructShards(("a",), other_tick)])
    assert [type(event) for event in events] == [CommandRefused]
    assert gateway.relay.instructions.waiting == {}
    gateway.close()


def test_the_gateway_follows_the_reference_prices_of_shards(shards: list[ShardSide]) -> None:
    """A changed instrument is defined with the reference price that it has."""
    gateway = connected(*shards)
    instruct(gateway, SetReferencePrice(1, 11_000, "me"), "a")
    settle(gateway, *shards)
    assert gateway.relay.instruments[1].reference_price == 11_000
    gateway.close()


# -- limits and kill switches -----------------------------------------------------------------------------------------


def test_overridden_limits_are_asked_of_the_shards_that_are_up(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    override = OverrideLimits(1, 0, -1, 7, -1, -1, -1, -1, "", 0, "me", "news")
    told = msgspec.to_builtins(override)
    instruct(gateway, override, "a", "b")
    settle(gateway, *shards)
    number = gateway.market.questions.ask(LIMITS)
    assert gateway.market.questions.answers(LIMITS, number) == ({}, ["a", "b"])
    settle(gateway, *shards)
    assert gateway.market.questions.answers(LIMITS, number) == ({"a": [told], "b": [told]}, [])
    gateway.market.links["b"].drop("killed")
    number = gateway.market.questions.ask(LIMITS)
    settle(gateway, shards[0])
    assert gateway.market.questions.answers(LIMITS, number) == ({"a": [told]}, ["b"])
    gateway.close()


def test_a_kill_switch_counts_what_each_shard_has_canceled(shards: list[ShardSide]) -> None:
    a, b = shards
    gateway = connected(a, b)
    gateway.turn(*(order(2 + n, f"o{n}", instrument_id=1 + n % 2) for n in range(1_202)))
    settle(gateway, a, b)
    instructions = gateway.relay.instructions
    engaged = instruct(gateway, KILL, "a", "b")
    gateway.turn()
    a.exchange.turn(0)
    gateway.turn()
    # 601 orders are two steps.
    assert (instructions.counts.get(engaged, 0), instructions.canceling(engaged)) == (0, ["a"])
    settle(gateway, a, b)
    assert (instructions.counts[engaged], instructions.canceling(engaged)) == (1_202, [])
    gateway.close()
