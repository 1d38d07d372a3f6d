"""Quotes among orders, phases, cancels and protection at random: every invariant holds after each command, the depth
folds out of events, and an engine that was loaded goes on as the one before.
"""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from matching import work
from matching.commands import (
    CancelSessionOrders,
    Command,
    ContinueWork,
    EndTradingDay,
    MassCancel,
    ResetQuoteProtection,
    SetQuoteProtection,
    SetTradingPhase,
)
from matching.events import AuctionEnded, Event, Execution, WorkLeft
from matching.quote_events import QuotesAnswered, QuotesFrozen, QuotesReset
from matching.terms import Terms
from matching.types import BUY, FILL_OR_KILL, IMMEDIATE_OR_CANCEL, SELL, TradingPhase
from tests.matching.harness import ACC1, ACC2, ACC3, MAKER, TRADER, TRADER_FIX42, Harness, RestartingHarness, order
from tests.matching.test_quotes import entry, pull, quote
from tests.sim.checks import check_fold
from tests.sim.market_fold import MarketFold

SEEDS = range(4)
STEPS = 150
MILLISECOND = 1_000_000
OWNERS = ((MAKER, ACC2), (TRADER, ACC1), (TRADER_FIX42, ACC1), (MAKER, ACC3))
PHASES: tuple[TradingPhase, ...] = ("continuous", "halted", "pre-open", "opening auction", "volatility halt", "closed")
TO_TRADING: tuple[TradingPhase, ...] = ("pre-open", "opening auction", "continuous")
QUOTED = Terms(self_match_id="desk", self_match_mode="oldest")


class Flow:
    """Commands at random, from one seed."""

    def __init__(self, seed: int, *, self_match_share: float = 0.2) -> None:
        self.random = random.Random(seed)
        self.self_match_share = self_match_share
        self.count = 0
        self.day = 20260101

    def commands(self) -> Iterator[Command]:
        """Yield commands; most of them are quotes, and orders that meet them."""
        yield SetQuoteProtection(MAKER, 12, 9, 3, 200 * MILLISECOND)
        yield SetQuoteProtection(TRADER, 0, 5, 0, 500 * MILLISECOND)
        kinds = [self.quote] * 20 + [self.order] * 20 + [self.pull] * 2 + [self.reset] * 3
        kinds += [self.phase, self.mass_cancel, self.disconnect, self.day_end]
        for _ in range(STEPS):
            self.count += 1
            yield self.random.choice(kinds)()

    def quote(self) -> Command:
        session_id, account_id = self.random.choice(OWNERS)
        entries = [
            self._entry(instrument_id) for instrument_id in self.random.sample((1, 2), self.random.randint(1, 2))
        ]
        terms = QUOTED if self.random.random() < self.self_match_share else None
        names: dict[str, Any] = {"session_id": session_id, "account_id": account_id, "quote_id": f"Q{self.count}"}
        return quote(*entries, level=self.random.choice("0123"), terms=terms, **names)

    def _entry(self, instrument_id: int) -> Any:
        middle = self.random.randint(9_995, 10_005)
        bid, offer = (self.random.choice((0, 1, 3, 5, 5, 10, 4_000_000)) for _ in range(2))
        prices = middle - self.random.randint(0, 6), middle + self.random.randint(0, 6)
        return entry((bid, prices[0] if bid else 0), (offer, prices[1] if offer else 0), instrument_id=instrument_id)

    def order(self) -> Command:
        session_id, account_id = self.random.choice(OWNERS)
        return order(
            f"o{self.count}",
            self.random.choice((BUY, SELL)),
            self.random.choice((1, 4, 12, 40)),
            self.random.randint(9_990, 10_010),
            session_id=session_id,
            account_id=account_id,
            instrument_id=self.random.choice((1, 1, 2)),
            time_in_force=self.random.choice(("0", "1", IMMEDIATE_OR_CANCEL, FILL_OR_KILL)),
            terms=QUOTED if self.random.random() < self.self_match_share else None,
        )

    def pull(self) -> Command:
        session_id, _ = self.random.choice(OWNERS)
        return pull(*self.random.choice(((), (1,), (1, 2))), session_id=session_id, resets=self.random.random() < 0.5)

    def reset(self) -> Command:
        return ResetQuoteProtection(self.random.choice((MAKER, TRADER)), 0, self.random.choice((0, 1)), "ops", "")

    def phase(self) -> Command:
        return SetTradingPhase(self.random.choice((1, 2)), self.random.choice(PHASES), "ops", "")

    def mass_cancel(self) -> Command:
        return MassCancel(self.random.choice((MAKER, TRADER)), 1, 9, f"m{self.count}", "7")

    def disconnect(self) -> Command:
        return CancelSessionOrders(self.random.choice((MAKER, TRADER)), "gone", spares_gtc=True)

    def day_end(self) -> Command:
        self.day += 1
        return EndTradingDay(self.day)


class JudgedHarness(Harness):
    """A harness beside which the simulation's judge folds the market out of the events alone: priority, quantities,
    books, balances and holds have to be as the engine has them after each command.
    """

    def __init__(self) -> None:
        self.fold = MarketFold()
        super().__init__()

    def apply(self, *commands: Command) -> list[Event]:
        out: list[Event] = []
        for command in commands:
            events = super().apply(command)
            self.fold.apply(self.engine.seq, self.time_ns, command, events)
            check_fold(self.fold, self.engine)
            out += events
        return out


def run(exchange: Harness, seed: int, *, self_match_share: float = 0.2) -> list[Event]:
    """Apply a flow, with the time going on; work that is left over goes on some commands later."""
    flow, events = Flow(seed, self_match_share=self_match_share), []
    for command in flow.commands():
        exchange.time_ns += flow.random.choice((0, 1, 20)) * MILLISECOND
        events += exchange.apply(command)
        if exchange.engine.has_work and flow.random.random() < 0.7:
            events += exchange.apply(ContinueWork())
        for phase in TO_TRADING:
            if flow.random.random() < 0.3:
                events += exchange.apply(SetTradingPhase(flow.random.choice((1, 2)), phase, "ops", ""))
    return events + exchange.finish()


@pytest.fixture(autouse=True)
def short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let work go on in steps of a few orders."""
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", 4)


@pytest.mark.parametrize("seed", SEEDS)
def test_any_flow_of_quotes_keeps_every_invariant(seed: int) -> None:
    events = run(RestartingHarness(), seed)
    assert events == run(Harness(), seed), "an engine that is loaded after each command says the same"


@pytest.mark.parametrize("seed", SEEDS)
def test_the_judge_of_the_simulation_finds_nothing(seed: int) -> None:
    # It knows nothing of quantities that self-match prevention takes off in an auction.
    run(JudgedHarness(), seed, self_match_share=0.0)


def test_the_flows_have_what_they_are_for() -> None:
    events = [event for seed in SEEDS for event in run(Harness(), seed)]
    kinds = {type(event) for event in events}
    assert {QuotesFrozen, QuotesReset, QuotesAnswered, AuctionEnded, WorkLeft} <= kinds
    fills = [each for each in events if isinstance(each, Execution) and each.exec_type == "F"]
    of_quotes = [each for each in fills if each.terms is not None and each.terms.quote is not None]
    assert len(of_quotes) > len(SEEDS) * 10
    assert any(each.is_aggressor for each in of_quotes)
    assert any(each.is_auction for each in of_quotes)
