"""Mass cancel and mass status over several shards: asked of each once, answered once, whatever is killed meanwhile."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import msgspec
import pytest

from gateway.shard_link import ShardLink
from gateway.shard_requests import OPEN_MAX_OF_SESSION
from gateway.start_up import new_engine
from matching import refusals
from matching.commands import (
    CancelOrder,
    CancelQuotes,
    Command,
    ContinueWork,
    DefineSession,
    Deposit,
    EndTradingDay,
    InstructShards,
    MassCancel,
    MassQuote,
    NewOrder,
    ReplaceOrder,
    RequestMassStatus,
)
from matching.events import Event, Execution, MassCancelReported, MassStatusReported, MessageThrottled, OrderRefused
from matching.types import EXEC_CANCELED, EXEC_NEW
from tests.support.shard_pair import (
    CASH,
    EPOCH,
    INSTRUMENTS,
    SESSION,
    SHARED,
    GatewaySide,
    ShardSide,
    order,
    settle,
    shard_sides,
)

ALL = "7"
STEPS = 120
RandomMessage: TypeAlias = NewOrder | MassCancel | RequestMassStatus | MassQuote | CancelQuotes


@pytest.fixture
def shards(tmp_path: Path) -> Iterator[list[ShardSide]]:
    """The shards a and b."""
    with shard_sides(tmp_path, "a", "b") as both:
        yield both


@pytest.fixture
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard that is down is not waited for from its first moment on."""
    monkeypatch.setattr(ShardLink, "is_away", property(lambda link: not link.is_up))


def connected(*shards: ShardSide) -> GatewaySide:
    """Return a gateway that is connected to shards, with everything said."""
    gateway = GatewaySide()
    for shard in shards:
        gateway.connect(shard)
    settle(gateway, *shards)
    return gateway


def cancel_all(number: int, cl_ord_id: str = "Q", *, poss_resend: bool = False, side: str = "") -> MassCancel:
    """Return a mass cancel over everything, message `number` of the session."""
    return MassCancel(SESSION, EPOCH, number, cl_ord_id, ALL, side=side, poss_resend=poss_resend)


def status_of_all(number: int, request_id: str = "S") -> RequestMassStatus:
    """Return a mass status request over everything."""
    return RequestMassStatus(SESSION, EPOCH, number, request_id)


def told(events: list[Event]) -> list[tuple[str, ...]]:
    """Return what a member sees of events: reports of orders, and of mass requests."""
    seen: list[tuple[str, ...]] = []
    for event in events:
        if isinstance(event, Execution):
            seen.append((event.exec_type, event.orig_cl_ord_id or event.cl_ord_id))
        elif isinstance(event, MassCancelReported):
            seen.append(("r", event.cl_ord_id, event.response, str(event.total_affected), str(event.code)))
        elif isinstance(event, MassStatusReported):
            of = event.execution.cl_ord_id if event.execution else ""
            seen.append(("AF", event.request_id, of, str(event.total), "Y" if event.is_last else "N", str(event.code)))
        elif isinstance(event, MessageThrottled):
            seen.append(("j", event.ref_id, str(event.msg_seq_num), str(event.code)))
        elif isinstance(event, OrderRefused):
            seen.append((event.exec_type, event.cl_ord_id, str(event.code)))
    return seen


def two_orders(gateway: GatewaySide, *shards: ShardSide) -> None:
    """Let one order rest on each shard."""
    gateway.turn(order(2, "x"), order(3, "y", instrument_id=2))
    assert sorted(told(settle(gateway, *shards))) == [(EXEC_NEW, "x"), (EXEC_NEW, "y")]


def test_orders_of_all_shards_are_canceled_and_the_report_counts_them(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    two_orders(gateway, *shards)
    gateway.turn(cancel_all(4), order(5, "later", instrument_id=2), order(6, "last"))
    seen = told(settle(gateway, *shards))
    assert sorted(seen) == [
        (EXEC_NEW, "last"),
        (EXEC_NEW, "later"),
        (EXEC_CANCELED, "x"),
        (EXEC_CANCELED, "y"),
        ("r", "Q", ALL, "2", "0"),
    ]
    # What was sent behind the request is not canceled, and comes behind the cancels of its shard.
    for canceled, entered in (("x", "last"), ("y", "later")):
        assert seen.index((EXEC_CANCELED, canceled)) < seen.index((EXEC_NEW, entered))
    assert seen.index(("r", "Q", ALL, "2", "0")) > seen.index((EXEC_CANCELED, "y"))
    assert gateway.relay.requests.open == {}
    gateway.close()


def test_only_the_shards_of_a_product_are_asked(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    two_orders(gateway, *shards)
    gateway.turn(MassCancel(SESSION, EPOCH, 4, "Q", "3", kind="perpetual"))
    assert told(gateway.events)[-1] == ("r", "Q", "3", "0", "0")
    gateway.turn(MassCancel(SESSION, EPOCH, 5, "R", "3", kind="spot", side="2"))
    assert told(settle(gateway, *shards)) == [("r", "R", "3", "0", "0")]
    gateway.close()


def before_the_commit(gateway: GatewaySide, _: list[ShardSide]) -> None:
    """The request is begun, and nobody was told."""
    gateway.turn(cancel_all(4))


def when_it_was_sent(gateway: GatewaySide, _: list[ShardSide]) -> None:
    """The shards have been told, and have not looked at it."""
    gateway.turn(cancel_all(4))
    gateway.turn()


def when_one_has_done_it(gateway: GatewaySide, shards: list[ShardSide]) -> None:
    """One shard has canceled, and nobody has heard of it."""
    when_it_was_sent(gateway, shards)
    shards[0].exchange.turn(0)


def when_one_was_heard(gateway: GatewaySide, shards: list[ShardSide]) -> None:
    """One shard's part is journaled; the other has not looked at it."""
    when_one_has_done_it(gateway, shards)
    gateway.turn()


@pytest.mark.parametrize("until", [before_the_commit, when_it_was_sent, when_one_has_done_it, when_one_was_heard])
def test_a_gateway_that_is_killed_leaves_a_request_that_is_done_and_answered_once(
    shards: list[ShardSide], until: Callable[[GatewaySide, list[ShardSide]], None]
) -> None:
    gateway = connected(*shards)
    two_orders(gateway, *shards)
    said = len(gateway.events)
    until(gateway, shards)
    seen = told(gateway.events[said:])
    gateway = gateway.restarted()
    for shard in shards:
        gateway.connect(shard)
    # The member sends it again, as the resend asks for it.
    gateway.turn(cancel_all(4))
    seen += told(settle(gateway, *shards))
    assert sorted(seen) == [(EXEC_CANCELED, "x"), (EXEC_CANCELED, "y"), ("r", "Q", ALL, "2", "0")]
    assert seen[-1][0] == "r"
    gateway.close()


@pytest.mark.usefixtures("nobody_waits")
def test_a_shard_that_is_down_is_named_and_cancels_when_it_is_back(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    two_orders(gateway, *shards)
    gateway.market.links["b"].drop("killed")
    gateway.turn(cancel_all(4))
    events = settle(gateway, shards[0])
    assert told(events) == [(EXEC_CANCELED, "x"), ("r", "Q", ALL, "1", str(refusals.MASS_NOT_CONFIRMED))]
    assert isinstance(events[-1], MassCancelReported)
    assert events[-1].text == "shard b has not answered and cancels when it is back"
    gateway = gateway.restarted()
    for shard in shards:
        gateway.connect(shard)
    assert told(settle(gateway, *shards)) == [(EXEC_CANCELED, "y")]
    assert told(gateway.turn(cancel_all(5, poss_resend=True))) == [("r", "Q", ALL, "2", "0")]
    assert gateway.relay.requests.open == {}
    gateway.close()


def test_a_repeat_is_refused_and_a_possible_resend_gets_its_report_again(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    two_orders(gateway, *shards)
    gateway.turn(cancel_all(4), cancel_all(5, poss_resend=True), cancel_all(6), cancel_all(7, "x"))
    seen = told(settle(gateway, *shards))
    refused = str(refusals.MASS_DUPLICATE_CL_ORD_ID)
    reports = [line for line in seen if line[0] == "r"]
    # A possible resend of a request that still goes on is answered with it.
    assert sorted(reports) == [("r", "Q", "0", "0", refused), ("r", "Q", ALL, "2", "0"), ("r", "x", "0", "0", refused)]
    of_a_symbol = MassCancel(SESSION, EPOCH, 9, "Q", "1", instrument_id=1, poss_resend=True)
    for again in (cancel_all(8, poss_resend=True), of_a_symbol):
        assert told(gateway.turn(again)) == [("r", "Q", ALL, "2", "0")]
    gateway.apply([InstructShards(("a", "b"), EndTradingDay(1))])
    gateway.market.dispatch.instruct(gateway.relay.instructions.last_id, gateway.begun)
    settle(gateway, *shards)
    gateway.turn(cancel_all(10))
    assert told(settle(gateway, *shards)) == [("r", "Q", ALL, "0", "0")]
    gateway.close()


OF_AAPL = MassCancel(SESSION, EPOCH, 0, "Q", "1", instrument_id=1, symbol="AAPL")
OF_MSFT = MassCancel(SESSION, EPOCH, 0, "Q", "1", instrument_id=2, symbol="MSFT")
OF_SPOT = MassCancel(SESSION, EPOCH, 0, "Q", "3", kind="spot")
OF_ALL = MassCancel(SESSION, EPOCH, 0, "Q", ALL)
FAULTY = MassCancel(SESSION, EPOCH, 0, "Q", "1", symbol="X", code=refusals.MASS_UNKNOWN_SYMBOL, text="X is not traded")
NAMED_SO = order(0, "Q")


@pytest.mark.parametrize("poss_resend", [True, False], ids=["97=Y", ""])
@pytest.mark.parametrize("again", [OF_AAPL, OF_MSFT, OF_SPOT, OF_ALL, FAULTY], ids=["AAPL", "MSFT", "3", "7", "X"])
@pytest.mark.parametrize(
    "first", [OF_AAPL, OF_SPOT, OF_ALL, FAULTY, NAMED_SO], ids=["1-AAPL", "1-3", "1-7", "1-X", "1-D"]
)
def test_a_cl_ord_id_that_comes_again_is_answered_as_one_process_answers_it(
    shards: list[ShardSide], first: MassCancel | NewOrder, again: MassCancel, *, poss_resend: bool
) -> None:
    commands: list[Command] = [
        order(2, "x"),
        order(3, "y", instrument_id=2),
        msgspec.structs.replace(first, msg_seq_num=4),
        order(5, "v"),
        order(6, "w", instrument_id=2),
        msgspec.structs.replace(again, msg_seq_num=7, poss_resend=poss_resend),
    ]
    engine = new_engine()
    alone: list[Event] = []
    for seq, command in enumerate([*INSTRUMENTS.values(), *SHARED, Deposit(1, "USD", CASH, "opening"), *commands], 1):
        engine.apply(seq, seq, command, alone)
    gateway = connected(*shards)
    over_shards: list[Event] = []
    for command in commands:
        over_shards += gateway.turn(command) + settle(gateway, *shards)
    assert sorted(told(over_shards)) == sorted(told(alone))
    gateway.close()


def test_a_throttle_of_every_shard_is_said_once(shards: list[ShardSide]) -> None:
    slow = DefineSession(SESSION, "FIX.4.4:OUTCRY->T1", "T1", 0, 0, 1, 1)
    for shard in shards:
        shard.configured = [slow]
    gateway = connected(*shards)
    gateway.turn(cancel_all(2), cancel_all(3, "R"))
    seen = told(settle(gateway, *shards))
    assert seen == [("r", "Q", ALL, "0", "0"), ("j", "R", "3", str(refusals.THROTTLED_CANCELS))]
    # Nothing was looked at: the ClOrdID is not used.
    assert gateway.relay.names.shard_id("T1", "R") == 0
    gateway.close()


def test_requests_that_wait_for_shards_are_bounded(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    gateway.market.links["b"].drop("killed")
    for number in range(OPEN_MAX_OF_SESSION + 1):
        gateway.turn(cancel_all(2 + number, f"Q{number}"))
        settle(gateway, shards[0])
    last = f"Q{OPEN_MAX_OF_SESSION}"
    assert told(gateway.events) == [("r", last, "0", "0", str(refusals.MASS_TOO_MANY))]
    gateway.close()


def test_an_order_that_its_shard_is_given_behind_a_later_mass_cancel_is_refused(tmp_path: Path) -> None:
    """Gateway and shard are killed with the order on its way; the request was journaled, and is done first."""
    with shard_sides(tmp_path, "a", "b") as both:
        gateway = connected(*both)
        gateway.turn(order(2, "lost"), cancel_all(3))
        gateway.turn()
        # What the shards were sent is gone with their processes.
        gateway = gateway.restarted()
        for shard in both:
            gateway.connect(shard)
        assert told(settle(gateway, *both)) == [("r", "Q", ALL, "0", "0")]
        refused = gateway.turn(order(2, "lost"), cancel_all(3), order(4, "new"))
        assert told(refused) == [("8", "lost", str(refusals.BEING_CANCELED))]
        assert told(settle(gateway, *both)) == [(EXEC_NEW, "new")]
        gateway.close()


# -- mass status ------------------------------------------------------------------------------------------------------


def test_the_orders_of_all_shards_are_told_as_one_answer(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    two_orders(gateway, *shards)
    gateway.turn(status_of_all(4), status_of_all(5))
    seen = told(settle(gateway, *shards))
    assert [line[3:] for line in seen] == [("2", "N", "0"), ("2", "Y", "0")] * 2
    assert sorted(line[2] for line in seen[:2]) == ["x", "y"]
    assert gateway.relay.requests.open == {}
    gateway.turn(RequestMassStatus(SESSION, EPOCH, 6, "T", side="2"))
    assert told(settle(gateway, *shards)) == [("AF", "T", "", "0", "Y", "0")]
    gateway.close()


@pytest.mark.usefixtures("nobody_waits")
def test_a_status_without_the_orders_of_a_shard_says_so(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    two_orders(gateway, *shards)
    gateway.market.links["b"].drop("killed")
    gateway.turn(status_of_all(4))
    missing = str(refusals.MASS_NOT_CONFIRMED)
    assert told(settle(gateway, shards[0])) == [("AF", "S", "x", "2", "N", "0"), ("AF", "S", "", "2", "Y", missing)]
    gateway = gateway.restarted()
    for shard in shards:
        gateway.connect(shard)
    assert told(settle(gateway, *shards)) == []
    assert gateway.relay.requests.open == {}
    gateway.close()


def test_a_long_answer_is_told_in_steps_and_goes_on_after_a_kill(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    count = 700
    gateway.turn(*(order(2 + n, f"o{n}", instrument_id=1 + n % 2) for n in range(count)))
    settle(gateway, *shards)
    gateway.turn(status_of_all(count + 2))
    first = told(settle(gateway, *shards))
    assert len(first) == 500
    assert gateway.relay.has_work
    gateway = gateway.restarted()
    rest = told(gateway.apply([ContinueWork()]))
    assert not gateway.relay.has_work
    seen = first + rest
    assert [line[2] for line in seen] == [*dict.fromkeys(line[2] for line in seen)]
    assert [line[4] for line in seen] == ["N"] * (count - 1) + ["Y"]
    assert {line[3] for line in seen} == {str(count)}
    gateway.close()


@pytest.mark.usefixtures("nobody_waits")
@pytest.mark.parametrize("is_killed", [False, True])
def test_a_long_answer_stays_without_a_shard_that_ends_its_part_between_two_steps(
    shards: list[ShardSide], *, is_killed: bool
) -> None:
    gateway = connected(*shards)
    count = 700
    gateway.turn(*(order(2 + n, f"o{n}") for n in range(count)), order(2 + count, "y", instrument_id=2))
    settle(gateway, *shards)
    gateway.market.links["b"].drop("killed")
    gateway.turn(status_of_all(count + 3))
    seen = told(settle(gateway, shards[0]))
    assert len(seen) == 500
    if is_killed:
        gateway = gateway.restarted()
        gateway.connect(shards[0])
    gateway.connect(shards[1])
    assert told(settle(gateway, *shards)) == []
    assert not gateway.relay.requests.open[gateway.relay.instructions.last_id].waiting
    seen += told(gateway.apply([ContinueWork()]))
    assert {line[3] for line in seen} == {str(count + 1)}
    assert [line[4] for line in seen] == ["N"] * count + ["Y"]
    assert seen[-1] == ("AF", "S", "", str(count + 1), "Y", str(refusals.MASS_NOT_CONFIRMED))
    assert gateway.relay.requests.open == {}
    gateway.close()


# -- restatement ------------------------------------------------------------------------------------------------------


def restatement_of_all(number: int) -> RequestMassStatus:
    """Return a request for a restatement."""
    return RequestMassStatus(SESSION, EPOCH, number, "S", restates=True)


def restated(events: list[Event]) -> list[tuple[str, str]]:
    """Return the markers of a restatement with their counts, and of each order what is left."""
    return [
        (event.marker, str(event.total))
        if event.execution is None
        else (event.execution.cl_ord_id, str(event.execution.leaves_qty))
        for event in events
        if isinstance(event, MassStatusReported)
    ]


def test_a_restatement_over_shards_has_one_begin_and_one_end(shards: list[ShardSide]) -> None:
    gateway = connected(*shards)
    gateway.turn(restatement_of_all(2))
    assert restated(settle(gateway, *shards)) == [("begin", "0"), ("end", "0")]
    gateway.turn(order(3, "x"), order(4, "y", instrument_id=2))
    settle(gateway, *shards)
    gateway.turn(restatement_of_all(5))
    events = settle(gateway, *shards)
    said = restated(events)
    assert (said[0], said[-1]) == (("begin", "2"), ("end", "2"))
    assert [name for name, _ in sorted(said[1:-1])] == ["x", "y"]
    exec_ids = [event.exec_id for event in events if isinstance(event, MassStatusReported)]
    assert len(set(exec_ids)) == len(exec_ids)
    assert gateway.relay.requests.open == {}
    assert not gateway.relay.requests.is_restating
    gateway.close()


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_restatement_follows_what_was_reported_while_another_shard_was_waited_for(
    shards: list[ShardSide], *, is_killed: bool
) -> None:
    """What a report has said before is never taken back: replaced, canceled, and new since its shard answered."""
    gateway = connected(*shards)
    gateway.turn(msgspec.structs.replace(order(2, "x"), qty=10), order(3, "gone"), order(4, "y", instrument_id=2))
    settle(gateway, *shards)
    gateway.turn(restatement_of_all(5))
    gateway.turn()
    shards[0].exchange.turn(0)
    gateway.turn()
    if is_killed:
        gateway = gateway.restarted()
        for shard in shards:
            gateway.connect(shard)
        settle(gateway, shards[0])
    gateway.turn(
        CancelOrder(SESSION, EPOCH, 6, "c", "gone", 0, 0, "1"),
        ReplaceOrder(SESSION, EPOCH, 7, "x6", "x", 0, 1, "1", "2", "1", 9_000, 6),
        order(8, "new"),
    )
    settle(gateway, shards[0])
    said = restated(settle(gateway, *shards))
    assert (said[0], said[-1]) == (("begin", "3"), ("end", "3"))
    assert sorted(said[1:-1]) == [("new", "1"), ("x6", "6"), ("y", "1")]
    gateway.close()


# -- at random --------------------------------------------------------------------------------------------------------


class RandomDay:
    """One member, two shards and a gateway, each killed again and again; the member sends everything again after each
    start of the gateway.
    """

    def __init__(self, seed: int, shards: list[ShardSide]) -> None:
        self.random = random.Random(seed)
        self.shards = shards
        self.gateway = connected(*shards)
        self.sent: list[RandomMessage] = []
        self.events: list[Event] = []

    def send(self) -> None:
        """Send a few messages: orders for both shards, and a mass cancel now and then."""
        new: list[RandomMessage] = []
        for _ in range(self.random.randint(1, 6)):
            number = 2 + len(self.sent) + len(new)
            what = self.random.random()
            if what < 0.2:
                new.append(cancel_all(number, f"q{number}"))
            elif what < 0.25:
                new.append(status_of_all(number, f"s{number}"))
            else:
                new.append(order(number, f"o{number}", instrument_id=self.random.randint(1, 2)))
        self.sent += new
        self.events += self.gateway.turn(*new)

    def kill(self) -> None:
        """Kill the gateway; what it had not sent, and what nobody has read, is gone."""
        self.gateway = self.gateway.restarted(logon_number=2 + len(self.sent))
        for shard in self.shards:
            self.gateway.connect(shard)
        if self.random.random() < 0.5:
            self.events += settle(self.gateway, *self.shards)
        self.events += self.gateway.turn(*self.sent)

    def kill_shard(self) -> None:
        """Kill a shard and start it again."""
        place = self.random.randrange(len(self.shards))
        self.shards[place] = self.shards[place].restarted()
        self.gateway.connect(self.shards[place])

    def step(self) -> None:
        """Let something happen."""
        what = self.random.random()
        if what < 0.35:
            self.send()
        elif what < 0.6:
            self.random.choice(self.shards).exchange.turn(0)
        elif what < 0.88:
            self.events += self.gateway.turn()
        elif what < 0.92:
            self.kill_shard()
        else:
            self.kill()

    def check(self) -> None:
        """Everything was answered once, and canceled by the first mass cancel that came after it."""
        # A shard hears one visitor a turn, those of the dead first.
        for _ in range(STEPS):
            self.events += settle(self.gateway, *self.shards)
            if all(link.is_up for link in self.gateway.market.links.values()):
                break
        self.events += settle(self.gateway, *self.shards)
        entered = [event.cl_ord_id for event in self.events if isinstance(event, Execution) and event.exec_type == "0"]
        refused = [event.cl_ord_id for event in self.events if isinstance(event, OrderRefused)]
        orders = [each.cl_ord_id for each in self.sent if isinstance(each, NewOrder)]
        assert sorted(entered + refused) == sorted(orders)
        canceled = [
            (event.orig_cl_ord_id, event.cl_ord_id)
            for event in self.events
            if isinstance(event, Execution) and event.exec_type == EXEC_CANCELED
        ]
        reports = [event for event in self.events if isinstance(event, MassCancelReported)]
        # Where too many wait for shards, more are refused.
        obeyed = {event.cl_ord_id for event in reports if event.response == ALL}
        assert {event.code for event in reports if event.response != ALL} <= {refusals.MASS_TOO_MANY}
        wanted = {name: self.cancels_of(name, obeyed) for name in entered}
        assert sorted(canceled) == sorted((name, by) for name, by in wanted.items() if by)
        counts = {each.cl_ord_id: 0 for each in self.sent if isinstance(each, MassCancel)}
        for _, by in canceled:
            counts[by] += 1
        assert sorted((each.cl_ord_id, each.total_affected) for each in reports) == sorted(counts.items())

    def cancels_of(self, cl_ord_id: str, obeyed: set[str]) -> str:
        """Return the first mass cancel behind an order that was obeyed, or nothing."""
        names = [each.cl_ord_id if isinstance(each, NewOrder | MassCancel) else "" for each in self.sent]
        return next((name for name in names[names.index(cl_ord_id) :] if name in obeyed), "")

    def check_status(self) -> None:
        """Every mass status was answered once, with as many reports as it says."""
        answers: dict[str, list[MassStatusReported]] = {}
        for event in self.events:
            if isinstance(event, MassStatusReported):
                answers.setdefault(event.request_id, []).append(event)
        asked = [each.request_id for each in self.sent if isinstance(each, RequestMassStatus)]
        assert sorted(answers) == sorted(asked)
        for said in answers.values():
            assert {each.total for each in said} == {0 if said[0].execution is None else len(said)}
            assert [each.is_last for each in said] == [False] * (len(said) - 1) + [True]


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_when_everything_is_done_and_answered_once(tmp_path: Path, seed: int) -> None:
    with shard_sides(tmp_path, "a", "b") as shards:
        day = RandomDay(seed, shards)
        for _ in range(STEPS):
            day.step()
        day.check()
        day.check_status()
        day.gateway.close()
