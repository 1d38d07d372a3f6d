"""What the judge knows of an order, and of work that goes on in steps."""

from dataclasses import dataclass, field

OPEN = ("0", "1")


@dataclass
class ReferenceOrder:
    """An order with its whole history in plain fields; `names` are its ClOrdIDs, the newest last."""

    order_id: int
    session_id: int
    comp_id: str
    names: list[str]
    account_id: int
    instrument_id: int
    side: str
    ord_type: str
    time_in_force: str
    price: int
    qty: int
    place: int
    status: str = "0"
    cum_qty: int = 0
    cum_value: int = 0

    @property
    def leaves(self) -> int:
        return self.qty - self.cum_qty if self.status in OPEN else 0


@dataclass
class ReferenceWork:
    """Orders still to be looked at, all there were at first, and whom they block."""

    kind: str
    target_id: int
    order_ids: list[int]
    text: str = ""
    changed: int = 0
    scope: list[int] = field(default_factory=list)
