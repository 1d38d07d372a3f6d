"""Work over the bound of one step: cancels of a whole scope, status of many orders and the end of the trading day.

A piece of work knows its orders from its first moment on, blocks its scope until it is finished, and does at most
`ORDERS_PER_STEP_MAX` orders a step; the others trade between the steps. `steps` does them.
"""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from matching import refusals
from matching.commands import CancelQuotes, CancelSessionOrders, MassCancel, RequestMassStatus, SetKillSwitch
from matching.instrument import Instrument
from matching.order import Account, Session
from matching.refusals import Refusal
from matching.types import CANCEL_ALL_QUOTES, QuoteKey

ORDERS_PER_STEP_MAX: Final = 500
RESTATED_CONNECTION_LOSS: Final = 12
RESTATED_LOGOUT: Final = 13
RESTATED_OTHER: Final = 99
"""ExecRestatementReason(378) of a cancel that nobody asked for, as FIX.5.0SP2 has them; the text says why."""
REPEATED_EXECUTIONS: Final = "repeated execution throttle"
"""Who engages a kill switch where no operator does."""
WorkKind: TypeAlias = Literal[
    "cancel session",
    "cancel disconnected session",
    "cancel disconnected accounts",
    "cancel account",
    "cancel firm",
    "cancel market",
    "mass cancel",
    "mass status",
    "end trading day",
    "auction",
    "cancel instrument",
    "join closing auction",
    "cancel quotes",
]
WorkRequest: TypeAlias = MassCancel | RequestMassStatus | SetKillSwitch | CancelSessionOrders | CancelQuotes


class Work:
    """One piece of work. `target_id` is the session or account, or the trading day; `done` of `order_ids` are done.

    `request` is the command that began it, where that is needed later; `comp_id` whose orders a mass request is about.
    Only with a request: `total` orders there were at first, `changed` were canceled or told, `askers` are further
    sessions that wait for its report.
    """

    __slots__ = ("askers", "changed", "comp_id", "done", "kind", "order_ids", "request", "target_id", "text", "total")

    def __init__(
        self,
        *,
        kind: WorkKind,
        target_id: int,
        text: str,
        order_ids: Sequence[int],
        request: WorkRequest | None = None,
        comp_id: str = "",
    ) -> None:
        self.kind: WorkKind = kind
        self.target_id = target_id
        self.text = text
        self.order_ids = order_ids
        self.request = request
        self.comp_id = comp_id
        self.done = 0
        self.total = 0
        self.changed = 0
        self.askers: list[int] = []

    def restatement(self) -> int:
        """Return ExecRestatementReason(378) of the cancels that this work brings about."""
        if isinstance(self.request, CancelSessionOrders):
            return self.request.restatement
        return RESTATED_CONNECTION_LOSS if self.kind == "cancel disconnected session" else RESTATED_OTHER

    def left(self) -> int:
        """Return how many orders are still to be looked at."""
        return len(self.order_ids) - self.done

    def next_step(self) -> Sequence[int]:
        """Return the orders of the next step, and count them as done."""
        begin = self.done
        self.done = min(begin + ORDERS_PER_STEP_MAX, len(self.order_ids))
        return self.order_ids[begin : self.done]

    def blocks(self, session: Session, account: Account, instrument: Instrument, side: str) -> bool:
        """Tell whether new orders of this session and account, instrument and side have to wait for this work."""
        kind = self.kind
        if kind in ("cancel session", "cancel disconnected session"):
            return self.target_id == session.session_id
        if kind == "cancel account":
            return self.target_id == account.account_id
        request = self.request
        if isinstance(request, MassCancel):
            return self.comp_id == session.comp_id and in_scope(request, account.account_id, instrument, side)
        if isinstance(request, CancelSessionOrders):
            return account.account_id in request.account_ids
        if kind == "cancel firm":
            return isinstance(request, SetKillSwitch) and request.target_name == account.firm
        # An instrument refuses orders by its own trading phase; quotes that are canceled block quotes alone.
        return kind not in ("mass status", "auction", "cancel instrument", "join closing auction", "cancel quotes")


def in_scope(request: MassCancel | RequestMassStatus, account_id: int, instrument: Instrument, side: str) -> bool:
    """Tell whether an order of these lies in the scope of a mass request; an empty field does not narrow it."""
    return (
        request.instrument_id in (0, instrument.instrument_id)
        and request.kind in ("", instrument.kind)
        and request.side in ("", side)
        and request.account_id in (0, account_id)
    )


def quote_in_scope(request: CancelQuotes, key: QuoteKey) -> bool:
    """Tell whether a quote lies in the scope of a QuoteCancel(Z)."""
    session_id, account_id, instrument_id = key
    return (
        session_id == request.session_id
        and request.account_id in (0, account_id)
        and (request.cancel_type == CANCEL_ALL_QUOTES or instrument_id in request.instrument_ids)
    )


class WorkQueue:
    """Work that is not finished, oldest first. `accounts` are those of the exchange by id."""

    __slots__ = ("accounts", "pending")

    def __init__(self) -> None:
        self.accounts: dict[int, Account] = {}
        self.pending: list[Work] = []

    def blocks(self, session: Session, account_id: int, instrument: Instrument, side: str) -> Refusal | None:
        """Return the refusal of a new order or replace while unfinished work blocks its scope."""
        account = self.accounts[account_id]
        for work in self.pending:
            if work.blocks(session, account, instrument, side):
                if work.kind == "end trading day":
                    return (
                        refusals.TRADING_DAY_ENDING,
                        f"trading day {work.target_id} is ending, {work.left()} orders are left",
                    )
                scope = work.kind.removeprefix("cancel ")
                return refusals.BEING_CANCELED, f"open orders of the {scope} are being canceled, {work.left()} are left"
        return None

    def blocks_quote(self, key: QuoteKey) -> Refusal | None:
        """Return the refusal of a new quote while quotes of its scope are being canceled."""
        for work in self.pending:
            if isinstance(work.request, CancelQuotes) and quote_in_scope(work.request, key):
                return (
                    refusals.BEING_CANCELED,
                    f"quotes of the session are being canceled, {work.left()} sides are left",
                )
        return None

    def add(self, work: Work) -> bool:
        """Take up new work and tell whether its first step is to be done at once, before older work goes on.

        An auction goes before all that is no auction: nothing may take orders away once its price is determined, which
        is its first step. Work that comes meanwhile blocks its scope at once, and begins when the auction is over;
        but a cancel of quotes begins at once, as one in whose scope an auction is being executed is refused.
        """
        auctions = sum(1 for each in self.pending if each.kind == "auction")
        if work.kind == "auction":
            self.pending.insert(auctions, work)
            return False
        self.pending.append(work)
        return not auctions or not work.order_ids or work.kind == "cancel quotes"

    @property
    def is_auctioning(self) -> bool:
        """Whether an auction is being executed; auctions come first."""
        return bool(self.pending) and self.pending[0].kind == "auction"

    def left(self) -> int:
        """Return how many orders all unfinished work has still to look at."""
        return sum(work.left() for work in self.pending)

    def find_mass_cancel(self, comp_id: str, cl_ord_id: str) -> Work | None:
        """Return the mass cancel of a member that goes on under that ClOrdID(11)."""
        for work in self.pending:
            if isinstance(work.request, MassCancel) and (work.comp_id, work.request.cl_ord_id) == (comp_id, cl_ord_id):
                return work
        return None
