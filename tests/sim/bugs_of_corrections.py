"""Faults planted in busts and corrections. As those of `bugs`: small, rare, and functions of the state alone."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Final

from matching.commands import CorrectTrade
from matching.corrections import Corrections
from matching.events import Event
from risk.engine import RiskEngine
from tests.sim.bugs_of_quotes import patched


def bust_keeps_a_lot() -> AbstractContextManager[None]:
    """A busted trade of two lots or more gives back all but one of them."""
    correct = RiskEngine.correct

    def keep(self: RiskEngine, buyer: int, seller: int, price: int, qty: int, new_price: int, new_qty: int) -> str:
        kept = 1 if not new_qty and qty >= 2 else new_qty
        return correct(self, buyer, seller, price, qty, new_price, kept)

    return patched(RiskEngine, "correct", keep)


def busted_trade_stays_the_last() -> AbstractContextManager[None]:
    """A bust leaves the last price where it was, a correction does not."""
    renew = Corrections._renew_last_price

    def stay(self: Corrections, command: CorrectTrade, out: list[Event]) -> None:
        if command.new_qty:
            renew(self, command, out)

    return patched(Corrections, "_renew_last_price", stay)


BUGS_OF_CORRECTIONS: Final[Mapping[str, Callable[[], AbstractContextManager[None]]]] = {
    "bust keeps a lot": bust_keeps_a_lot,
    "busted trade stays the last": busted_trade_stays_the_last,
}
EXPECTED_OF_CORRECTIONS: Final[Mapping[str, frozenset[str]]] = {
    "bust keeps a lot": frozenset({"postings", "holds"}),
    "busted trade stays the last": frozenset({"last price"}),
}
