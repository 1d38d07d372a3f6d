"""The judge can fail: each fault planted in the engine is found by the comparison, within a few seeds."""

from collections.abc import Callable
from typing import Final, TypeAlias

import pytest

from matching import auction, auction_book, auction_desk, auction_links, pegs, work
from matching.book import Book
from matching.events import Event
from matching.links import Link, Links
from matching.order import Extra, Order
from matching.order_states import AFTER_RESTATE
from matching.price_watch import PriceWatch
from matching.special_match import RESTATED_REFILL, SpecialMatch
from matching.terms import Terms
from matching.types import EXEC_RESTATED, Side
from tests.model.test_auctions_of_terms_against_reference import compare_auctions
from tests.model.test_terms_against_reference import STEP_MAX, compare

SEEDS_MAX: Final = 20
STEPS: Final = 400
Run: TypeAlias = Callable[[int], object]


def refill_in_place(patch: pytest.MonkeyPatch) -> None:
    """The next part of an iceberg is shown at the head of the queue."""

    def refill(self: SpecialMatch, order: Order, book: Book, out: list[Event]) -> None:
        extra, level = order.extra, order.level
        assert extra is not None
        assert level is not None
        hidden = extra.hidden_qty
        self.special.hide(order)
        level.qty += hidden - extra.hidden_qty
        level.hidden_qty -= hidden - extra.hidden_qty
        order.status = AFTER_RESTATE[order.status]
        self.special.say(order, EXEC_RESTATED, out, restatement=RESTATED_REFILL)

    patch.setattr(SpecialMatch, "_refill", refill)


def one_fill_only(patch: pytest.MonkeyPatch) -> None:
    """The legs of a bracket take the size of the entry's first fill, and no other's."""
    grow = Links._grow

    def grow_once(self: Links, leg: Order, extra: Extra, leaves: int, out: list[Event]) -> None:
        if extra.for_entry:
            grow(self, leg, extra, leaves, out)

    patch.setattr(Links, "_grow", grow_once)


def decrement_one_side(patch: pytest.MonkeyPatch) -> None:
    """Of two own orders the resting one alone is reduced, the other is canceled."""
    prevent = SpecialMatch._prevent

    def prevent_wrongly(self: SpecialMatch, order: Order, resting: Order, out: list[Event]) -> None:
        if self.mode_of(order) != "decrement":
            prevent(self, order, resting, out)
            return
        smaller = min(order.leaves_qty, resting.leaves_qty)
        self.special.cut(resting, resting.leaves_qty - smaller, "", out, canceled_for=17)
        self.special.cut(order, 0, "", out, canceled_for=17)

    patch.setattr(SpecialMatch, "_prevent", prevent_wrongly)


def left_alive(patch: pytest.MonkeyPatch) -> None:
    """Where the orders of a link have to end, the last of them stays."""
    shrink = Links.shrink

    def shrink_but_one(self: Links, link: Link, out: list[Event]) -> None:
        if not link.is_over():
            shrink(self, link, out)
            return
        for order in link.orders()[:-1]:
            self._end(order, "", out)

    patch.setattr(Links, "shrink", shrink_but_one)


def beyond_the_cap(patch: pytest.MonkeyPatch) -> None:
    """A pegged order follows the book past its limit."""
    price_by = pegs._price_by

    def without_cap(bests: pegs.Bests, book: Book, side: Side, terms: Terms, cap: int) -> int:
        return price_by(bests, book, side, terms, 0)

    patch.setattr(pegs, "_price_by", without_cap)


def tick_late(patch: pytest.MonkeyPatch) -> None:
    """A stop to buy needs a price beyond its own."""
    pop_reached = PriceWatch._pop_reached

    def pop_beyond(self: PriceWatch, price: int) -> bool:
        kept = self.up.pop(price, None)
        is_any = pop_reached(self, price)
        if kept is not None:
            self.up[price] = kept
        return is_any

    patch.setattr(PriceWatch, "_pop_reached", pop_beyond)


def both_legs_trade(patch: pytest.MonkeyPatch) -> None:
    """Both of two orders that end each other take part in an auction."""

    def nobody(links: Links, instrument_id: int) -> list[int]:
        return []

    patch.setattr(auction_links, "standing_aside", nobody)


def reference_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Of the prices that are equal the lowest is the auction's, not the one nearest to the reference."""
    patch.setattr(auction_book, "clear", lambda bids, asks, *, reference: auction.clear(bids, asks, reference=0))


def stays_behind_the_opening(patch: pytest.MonkeyPatch) -> None:
    """An order at the opening goes on into continuous trading."""
    for module in (auction_book, auction_desk):
        patch.setattr(module, "expires_at_end", lambda phase, time_in_force: False)


def of_terms(kinds: tuple[str, ...], lists: float = 0.0) -> Run:
    """A run over continuous trading."""
    return lambda seed: compare(kinds, seed, STEPS, calm=True, lists=lists)


def of_auctions(kinds: tuple[str, ...], lists: float = 0.0) -> Run:
    """A run over trading phases."""
    return lambda seed: compare_auctions(kinds, seed, STEPS, lists=lists)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bug", "run"),
    [
        (refill_in_place, of_terms(("display",))),
        (one_fill_only, of_terms(("bracket",))),
        (decrement_one_side, of_terms(("match",))),
        (left_alive, of_terms(("linked",), 0.3)),
        (beyond_the_cap, of_terms(("peg",))),
        (tick_late, of_terms(("stop", "limited"))),
        (both_legs_trade, of_auctions(("linked",), 0.4)),
        (reference_forgotten, of_auctions(("display",))),
        (stays_behind_the_opening, of_auctions(("display",))),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_a_planted_fault_is_found(
    bug: Callable[[pytest.MonkeyPatch], None],
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(work, "ORDERS_PER_STEP_MAX", STEP_MAX)
    bug(monkeypatch)
    found = ((seed, objection(run, seed)) for seed in range(SEEDS_MAX))
    seed, text = next((each for each in found if each[1]), (SEEDS_MAX, ""))
    assert text, f"{bug.__name__} was not found by {SEEDS_MAX} seeds"
    # By the comparison, not by the engine's own invariants.
    assert text.startswith(f"seed {seed}, step "), text
    with capsys.disabled():
        print(f"\n{bug.__name__}: found by seed {seed}, the {seed + 1}. of {SEEDS_MAX}")


def objection(run: Run, seed: int) -> str:
    """Return what the judge objects to in a run of a seed, nothing where it does not."""
    try:
        run(seed)
    except AssertionError as finding:
        return str(finding)
    return ""
