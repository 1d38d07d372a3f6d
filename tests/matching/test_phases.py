"""The table of trading phases: what follows what, and which orders each takes."""

import pytest

from matching import refusals
from matching.phases import TABLE, follows, next_towards, refuse_order, uncrosses
from matching.types import (
    AT_THE_CLOSE,
    AT_THE_OPENING,
    DAY,
    FILL_OR_KILL,
    IMMEDIATE_OR_CANCEL,
    LIMIT,
    MARKET,
    PEGGED,
    OrdType,
    TimeInForce,
    TradingPhase,
)

ROWS: list[tuple[TradingPhase, OrdType, TimeInForce, bool, int]] = [
    ("continuous", LIMIT, DAY, True, 0),
    ("continuous", MARKET, IMMEDIATE_OR_CANCEL, False, 0),
    ("continuous", PEGGED, DAY, False, 0),
    ("continuous", LIMIT, AT_THE_CLOSE, False, 0),
    ("continuous", LIMIT, AT_THE_OPENING, False, refusals.TIME_IN_FORCE_NOT_IN_PHASE),
    ("pre-open", LIMIT, AT_THE_OPENING, False, 0),
    ("pre-open", MARKET, DAY, False, 0),
    ("pre-open", LIMIT, IMMEDIATE_OR_CANCEL, False, refusals.TIME_IN_FORCE_NOT_IN_PHASE),
    ("opening auction", LIMIT, FILL_OR_KILL, False, refusals.TIME_IN_FORCE_NOT_IN_PHASE),
    ("opening auction", PEGGED, DAY, False, refusals.ORD_TYPE_NOT_IN_PHASE),
    ("opening auction", LIMIT, DAY, True, refusals.POST_ONLY_NOT_IN_PHASE),
    ("volatility halt", LIMIT, AT_THE_OPENING, False, refusals.TIME_IN_FORCE_NOT_IN_PHASE),
    ("closing auction", MARKET, AT_THE_CLOSE, False, 0),
    ("closed", LIMIT, DAY, False, refusals.TRADING_PHASE),
    ("halted", MARKET, DAY, False, refusals.TRADING_PHASE),
    ("delisted", LIMIT, DAY, False, refusals.TRADING_PHASE),
]


@pytest.mark.parametrize(("phase", "ord_type", "time_in_force", "post_only", "code"), ROWS)
def test_phase_takes_the_orders_of_its_row(
    phase: TradingPhase, ord_type: OrdType, time_in_force: TimeInForce, post_only: bool, code: int
) -> None:
    refusal = refuse_order("AAPL", phase, ord_type, time_in_force, post_only=post_only)
    assert (refusal[0] if refusal else 0) == code
    assert refusal is None or f"trading phase of AAPL is {phase}" in refusal[1]


def test_refusal_names_what_the_phase_takes() -> None:
    refusal = refuse_order("AAPL", "volatility halt", LIMIT, IMMEDIATE_OR_CANCEL, post_only=False)
    assert refusal is not None
    assert refusal[1] == (
        "trading phase of AAPL is volatility halt, TimeInForce(59) 3 found, "
        "allowed: 0 day, 1 GTC, 6 GTD, 7 at the close"
    )


def test_reduce_only_orders_take_no_part_in_auctions() -> None:
    rows: list[tuple[TradingPhase, TimeInForce]] = [
        ("continuous", DAY),
        ("continuous", AT_THE_CLOSE),
        ("volatility halt", DAY),
    ]
    found = [refuse_order("P", phase, LIMIT, time_in_force, reduce_only=True) for phase, time_in_force in rows]
    assert [each and each[0] for each in found] == [None, *[refusals.REDUCE_ONLY_NOT_IN_PHASE] * 2]


def test_auction_is_executed_before_matching_begins_and_at_the_close() -> None:
    pairs = {(phase, after) for phase in TABLE for after in TABLE[phase].following if uncrosses(phase, after)}
    assert pairs == {(phase, "continuous") for phase in TABLE if phase not in ("continuous", "delisted")} | {
        ("closing auction", "closed")
    }


def test_nothing_follows_delisted_and_everything_else_leads_to_a_market() -> None:
    assert not any(follows("delisted", phase) for phase in TABLE)
    assert all(next_towards(phase, "continuous") for phase in TABLE if phase not in ("continuous", "delisted"))


WAYS: list[tuple[TradingPhase, TradingPhase, TradingPhase | None]] = [
    ("pre-open", "closing auction", "continuous"),
    ("closed", "closing auction", "continuous"),
    ("closing auction", "pre-open", "closed"),
    ("volatility halt", "pre-open", "continuous"),
    ("continuous", "continuous", None),
    ("delisted", "continuous", None),
]


@pytest.mark.parametrize(("phase", "wanted", "step"), WAYS)
def test_way_to_a_phase_goes_through_the_table(
    phase: TradingPhase, wanted: TradingPhase, step: TradingPhase | None
) -> None:
    found = next_towards(phase, wanted)
    assert found == step or (found is not None and step is not None and follows(phase, found))
    assert found not in ("halted", "delisted")
