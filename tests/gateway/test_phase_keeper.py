"""The keeper of phases: what the clock makes due, after a restart too, and what it leaves to operators."""

from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest

from config.calendars import Calendar, PhaseStart
from config.instruments import InstrumentSettings
from gateway.phase_keeper import PhaseKeeper
from matching.commands import Command, SetTradingPhase, TellIndicativePrice
from matching.types import TradingPhase
from tests.matching.harness import Harness

EVERY_DAY = Calendar(
    "DAY",
    "UTC",
    frozenset(range(1, 8)),
    frozenset({date(2026, 1, 6)}),
    (
        PhaseStart("pre-open", 8 * 3600),
        PhaseStart("opening auction", 9 * 3600),
        PhaseStart("continuous", 10 * 3600),
        PhaseStart("closing auction", 16 * 3600),
        PhaseStart("closed", 17 * 3600),
    ),
)
AAPL = InstrumentSettings(
    1, "AAPL", "spot", "USD", Decimal("0.01"), Decimal(1), 1_000_000, 100_000_000, 10_000, 10_000, 1_000, "main", 1
)


def at(text: str) -> int:
    return int(datetime.fromisoformat(f"2026-01-{text}").replace(tzinfo=UTC).timestamp()) * 1_000_000_000


def end_of_halt(phase: TradingPhase) -> SetTradingPhase:
    """What the keeper says when the time of a volatility halt is over; its auction may be put off."""
    return SetTradingPhase(1, phase, "circuit breaker", "end of the halt", may_extend=True)


class Kept:
    """AAPL with the calendar, an engine in which the perpetual has none, and the keeper that looks every second."""

    def __init__(self) -> None:
        self.exchange = Harness()
        self.keeper = PhaseKeeper([msgspec.structs.replace(AAPL, calendar=EVERY_DAY)])

    def due(self, now: str) -> list[Command]:
        return self.keeper.due(self.exchange.engine.instruments, at(now))

    def look(self, now: str, times: int = 5) -> list[TradingPhase]:
        """Do what is due, as a timer that looks so often; return the phases that AAPL has gone through."""
        through: list[TradingPhase] = []
        for _ in range(times):
            for command in self.due(now):
                self.exchange.finish(command)
                if isinstance(command, SetTradingPhase):
                    through.append(command.phase)
        return through


@pytest.fixture
def kept() -> Kept:
    return Kept()


def test_a_day_goes_through_its_phases_and_nothing_is_sent_twice(kept: Kept) -> None:
    day = {now: kept.look(now) for now in ("05T07:00", "05T08:00", "05T09:00", "05T10:00", "05T16:00", "05T17:00")}
    assert day == {
        "05T07:00": ["closed"],
        "05T08:00": ["pre-open"],
        "05T09:00": ["opening auction"],
        "05T10:00": ["continuous"],
        "05T16:00": ["closing auction"],
        "05T17:00": ["closed"],
    }
    assert kept.look("06T12:00") == [], "a holiday stays closed"


MISSED: list[tuple[TradingPhase, str, list[TradingPhase]]] = [
    ("pre-open", "05T11:00", ["continuous"]),
    ("pre-open", "05T16:30", ["continuous", "closing auction"]),
    ("opening auction", "05T18:00", ["closed"]),
    ("continuous", "05T08:30", ["pre-open"]),
    ("continuous", "05T09:30", ["pre-open", "opening auction"]),
    ("closing auction", "05T11:00", ["continuous"]),
    ("closed", "05T16:30", ["continuous", "closing auction"]),
]


@pytest.mark.parametrize(("found", "now", "through"), MISSED)
def test_phases_missed_while_the_exchange_was_down_are_made_up_for_once(
    kept: Kept, found: TradingPhase, now: str, through: list[TradingPhase]
) -> None:
    kept.exchange.engine.instruments[1].set_phase(found)
    kept.exchange.engine.desk.books[1].renew()
    assert kept.look(now) == through
    assert kept.exchange.engine.instruments[1].phase == through[-1]


def test_halt_of_an_operator_is_left_alone(kept: Kept) -> None:
    kept.exchange.apply(SetTradingPhase(1, "halted", "ops", ""))
    assert kept.due("05T11:00") == []
    assert kept.keeper.wanted("AAPL", at("05T16:30")) == "closing auction"
    assert kept.keeper.wanted("BTC-PERP", at("05T16:30")) == "continuous"


def test_volatility_halt_ends_at_its_time_in_what_the_calendar_says(kept: Kept) -> None:
    until = at("05T15:59:30")
    halt = SetTradingPhase(1, "volatility halt", "breaker", "", until)
    kept.exchange.apply(halt)
    assert kept.due("05T15:59:00") == [TellIndicativePrice(1)]
    assert kept.due("05T15:59:30") == [end_of_halt("continuous")]
    assert kept.due("05T16:00:00") == [end_of_halt("closing auction")]
    kept.exchange.apply(msgspec.structs.replace(halt, until_ns=at("05T18:00")))
    assert kept.due("05T17:30") == [end_of_halt("closed")]


def test_volatility_halt_without_an_end_waits_for_an_operator(kept: Kept) -> None:
    kept.exchange.apply(SetTradingPhase(2, "volatility halt", "ops", ""))
    assert kept.due("05T11:00") == [TellIndicativePrice(2)]


def test_instrument_without_a_calendar_keeps_what_an_operator_sets(kept: Kept) -> None:
    kept.exchange.apply(SetTradingPhase(2, "closed", "ops", ""))
    assert kept.due("05T11:00") == []
