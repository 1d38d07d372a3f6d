"""What the judge knows of an order with terms, and of orders that are linked."""

from dataclasses import dataclass

from matching.terms import Terms
from tests.model.reference_orders import ReferenceOrder

TRIGGERED = ("3", "4", "J")
TAKING = ("1", "3", "J")


@dataclass
class SpecialOrder(ReferenceOrder):
    """`visible` is what of it would be shown; `waits` says for what it waits, `since` which of two waited first;
    `told` is what its last report said that the book shows. `holds`: it has money or shares held. `single`: its
    counterpart, with the same ClOrdLinkID(583), has not come.
    """

    terms: Terms | None = None
    visible: int = 0
    waits: str = ""
    since: int = 0
    told: tuple[int, int] = (0, 0)
    holds: bool = True
    link: int = 0
    single: bool = False

    @property
    def shown(self) -> int:
        return 0 if self.waits or not self.leaves else self.visible


@dataclass
class ReferenceLink:
    """Order ids of linked orders: their entry (0: closed, or none) and the legs, what closed ones have filled, whether
    a leg has ended.
    """

    entry: int
    legs: list[int]
    qty: int
    done: int = 0
    broken: bool = False
