"""An order as its reports say, and nothing else."""

from matching.events import Execution

REFILLED = 4
CUT = 5
"""ExecRestatementReason(378): an iceberg shows its next part; the quantity was reduced."""


class FoldedOrder:
    """`shown` is what the book shows of it, 0 while it waits; `leaves` what it may still trade."""

    def __init__(self, event: Execution, comp_id: str) -> None:
        self.order_id = event.order_id
        self.comp_id = comp_id
        self.session_id = event.session_id
        self.account_id = event.account_id
        self.instrument_id = event.instrument_id
        self.side = event.side
        self.price = event.price
        self.qty = self.qty_at_entry = event.qty
        self.leaves = event.leaves_qty
        self.shown = shown_by(event)
        self.terms = event.terms
        self.cum = 0
        self.time_in_force = event.time_in_force
        self.priority = event.exec_id
        self.is_market = event.ord_type == "1"
        self.is_open = True
        self.is_linked = False
        self.is_corrected = False
        """A trade of it was busted or corrected."""
        self.entered_by = 0
        """The command that entered it."""
        self.closed_by = 0
        """The command that closed it."""
        self.ended = ""
        """What its last report said of its end."""
        self.may_be_forgotten = False

    @property
    def rank(self) -> tuple[int, int]:
        """Price before time; the smallest trades first."""
        return (self.price if self.side == "2" else -self.price), self.priority

    @property
    def auction_rank(self) -> tuple[int, bool, int]:
        """In an auction market orders go before limit orders of the same price."""
        price, priority = self.rank
        return price, not self.is_market, priority

    def change(self, event: Execution) -> None:
        """Take what a replace, a restatement or a trigger says; all but less quantity alone costs the place."""
        leaves = event.qty - self.cum
        less = leaves < self.leaves and event.price == self.price
        if event.exec_type == "5" and event.terms is not None and event.terms.quote is not None:
            keeps_place = less
        elif event.exec_type == "5":
            keeps_place = less and event.time_in_force == self.time_in_force and event.terms == self.terms
        else:
            keeps_place = event.exec_type == "D" and event.exec_restatement_reason == CUT
        if not keeps_place:
            self.priority = event.exec_id
        self.price, self.qty, self.leaves = event.price, event.qty, leaves
        self.time_in_force, self.terms, self.shown = event.time_in_force, event.terms, shown_by(event)


def shown_by(event: Execution) -> int:
    """Return what the book shows of an order after an event; of a plain one all that is left."""
    return event.leaves_qty if event.terms is None else event.shown_qty
