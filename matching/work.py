"""Work over the bound of one step: cancels of a whole scope and the end of the trading day, done in journaled steps.

A piece of work knows its orders from its first moment on, blocks its scope until it is finished, and does at most
`ORDERS_PER_STEP_MAX` orders a step; the others trade between the steps.
"""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from matching import refusals
from matching.refusals import Refusal

ORDERS_PER_STEP_MAX: Final = 500
RESTATED_CONNECTION_LOSS: Final = 12
RESTATED_OTHER: Final = 99
"""ExecRestatementReason(378) of a cancel that nobody asked for, as FIX.5.0SP2 has them; the text says why."""
WorkKind: TypeAlias = Literal[
    "cancel session",
    "cancel disconnected session",
    "cancel account",
    "cancel market",
    "end trading day",
    "auction",
    "cancel instrument",
    "join closing auction",
]


class Work:
    """One piece of work. `target_id` is the session or account, or the trading day; `done` of `order_ids` are done."""

    __slots__ = ("done", "kind", "order_ids", "target_id", "text")

    def __init__(self, *, kind: WorkKind, target_id: int, text: str, order_ids: Sequence[int]) -> None:
        self.kind: WorkKind = kind
        self.target_id = target_id
        self.text = text
        self.order_ids = order_ids
        self.done = 0

    def restatement(self) -> int:
        """Return ExecRestatementReason(378) of the cancels that this work brings about."""
        return RESTATED_CONNECTION_LOSS if self.kind == "cancel disconnected session" else RESTATED_OTHER

    def left(self) -> int:
        """Return how many orders are still to be looked at."""
        return len(self.order_ids) - self.done

    def next_step(self) -> Sequence[int]:
        """Return the orders of the next step, and count them as done."""
        begin = self.done
        self.done = min(begin + ORDERS_PER_STEP_MAX, len(self.order_ids))
        return self.order_ids[begin : self.done]

    def blocks(self, session_id: int, account_id: int) -> bool:
        """Tell whether new orders of this session and account have to wait for this work."""
        if self.kind in ("cancel session", "cancel disconnected session"):
            return self.target_id == session_id
        if self.kind == "cancel account":
            return self.target_id == account_id
        # An instrument refuses orders by its own trading phase.
        return self.kind not in ("auction", "cancel instrument", "join closing auction")


class WorkQueue:
    """Work that is not finished, oldest first."""

    __slots__ = ("pending",)

    def __init__(self) -> None:
        self.pending: list[Work] = []

    def blocks(self, session_id: int, account_id: int) -> Refusal | None:
        """Return the refusal of a new order or replace while unfinished work blocks its scope."""
        for work in self.pending:
            if work.blocks(session_id, account_id):
                if work.kind == "end trading day":
                    return (
                        refusals.TRADING_DAY_ENDING,
                        f"trading day {work.target_id} is ending, {work.left()} orders are left",
                    )
                scope = work.kind.removeprefix("cancel ")
                return refusals.BEING_CANCELED, f"open orders of the {scope} are being canceled, {work.left()} are left"
        return None

    def add(self, work: Work) -> bool:
        """Take up new work and tell whether its first step is to be done at once, before older work goes on.

        An auction goes before all that is no auction: nothing may take orders away once its price is determined, which
        is its first step. Work that comes meanwhile blocks its scope at once, and begins when the auction is over.
        """
        auctions = sum(1 for each in self.pending if each.kind == "auction")
        if work.kind == "auction":
            self.pending.insert(auctions, work)
            return False
        self.pending.append(work)
        return not auctions or not work.order_ids

    @property
    def is_auctioning(self) -> bool:
        """Whether an auction is being executed; auctions come first."""
        return bool(self.pending) and self.pending[0].kind == "auction"

    def left(self) -> int:
        """Return how many orders all unfinished work has still to look at."""
        return sum(work.left() for work in self.pending)
