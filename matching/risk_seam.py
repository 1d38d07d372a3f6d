"""The seam between matching and risk: what the engine asks before, during and after a match.

The order desk calls in line, in the same step: `check` before anything changes, `reserve` when an order is accepted,
`settle` on each fill, `release` when an order leaves otherwise (a replace releases the old order and reserves the new
one). Margin comes into the same four places: what is reserved and settled is the risk engine's own matter, and
matching never looks at it.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeAlias

from matching.commands import (
    DefineAccount,
    DefineSession,
    Deposit,
    EndLimitOverride,
    OverrideLimits,
    SetAcceptance,
    SetFirmLimits,
    SetKillSwitch,
    SetLimits,
    SetPermission,
    SetProtection,
    SetQuoteProtection,
    TransferIn,
    TransferOut,
)
from matching.instrument import Instrument
from matching.refusals import Refusal
from matching.types import QuoteKey, Side

OpenOrder: TypeAlias = tuple[int, int, Side, int, int]
"""Account id, instrument id, side, price and held quantity of an open order."""


class Risk(Protocol):
    """What the engine needs of a risk engine. Prices are ticks, quantities lots; an exposure is its own handle."""

    has_throttles: bool
    """False while no throttle is set: then the engine does not even ask."""
    watches_executions: bool
    """False while no session has a bound of repeated executions: then orders go their plain way."""
    override_ends_ns: int
    """When the first override of limits ends; 0 while none has an end."""

    def define_instrument(self, instrument: Instrument) -> None:
        """Get to know an instrument; the object stays the engine's and always shows its present band and phase."""

    def define_account(self, command: DefineAccount) -> None:
        """Open the ledgers of an account."""

    def define_session(self, command: DefineSession) -> None:
        """Set the throttles of a session."""

    def set_limits(self, command: SetLimits) -> None:
        """Set the limits of an account that is defined."""

    def deposit(self, command: Deposit) -> tuple[str, int]:
        """Post a deposit or withdrawal: ("", new balance), or the reason why nothing was posted and 0."""

    def transfer_out(self, command: TransferOut) -> tuple[str, int]:
        """Post it once: ("", balance now), also where it was posted before; or why it cannot be posted and 0."""

    def transfer_in(self, command: TransferIn) -> tuple[str, int]:
        """Post it once, with the same answers as `transfer_out`."""

    def set_kill_switch(self, command: SetKillSwitch, account_ids: Sequence[int] = ()) -> None:
        """Engage or release a kill switch; `account_ids` are those of the firm, where it is of one."""

    def set_protection(self, command: SetProtection) -> None:
        """Set the bounds of a session beyond its throttles."""

    def override_limits(self, command: OverrideLimits) -> None:
        """Put an operator's limits in force in place of the configured ones."""

    def end_override(self, command: EndLimitOverride) -> bool:
        """Put the configured limits of an account or a firm in force again; return whether there was an override."""

    def ended_overrides(self, now_ns: int) -> list[tuple[int, int, str]]:
        """Return account id, instrument id and firm of the overrides whose time is over, ascending."""

    def set_firm_limits(self, command: SetFirmLimits, account_ids: Sequence[int]) -> None:
        """Set the limits of a firm, whose accounts these are."""

    def override_firm_limits(self, command: OverrideLimits, account_ids: Sequence[int]) -> None:
        """Put an operator's limits of a firm in force, as `set_firm_limits`."""

    def recount_firms(self) -> None:
        """Count anew what firms with limits have open; nothing is read where none has limits."""

    def set_permission(self, command: SetPermission) -> None:
        """Set which sides an account may enter in an instrument."""

    def count_execution(self, session_id: int, kind: tuple[int, int, str], time_ns: int) -> str:
        """Count an order that was executed on entry, of account, instrument and side; return why the session has to be
        stopped, or nothing.
        """

    def set_quote_protection(self, command: SetQuoteProtection) -> None:
        """Set the bounds of a session's market-maker protection."""

    def count_quote_fill(self, key: QuoteKey, side: Side, qty: int, time_ns: int) -> str:
        """Count a fill of a quote, of session, account and instrument; return why its quotes are frozen from now on, or
        nothing.
        """

    def quote_freeze(self, key: QuoteKey) -> str:
        """Return why the quotes of session, account and instrument are frozen, or nothing."""

    def frozen_quotes(self) -> list[QuoteKey]:
        """Return session, account and instrument of all frozen quotes, ascending."""

    def counted_quotes(self) -> list[QuoteKey]:
        """Return the keys of quotes that are frozen, or of which fills are counted, ascending."""

    def reset_quotes(self, key: QuoteKey) -> bool:
        """Forget what was counted of these quotes and take them again; return whether they were frozen."""

    def overrun(self, session_id: int, time_ns: int) -> str:
        """Count a throttled message; return why the session is to be cut, or nothing."""

    def set_acceptance(self, command: SetAcceptance) -> None:
        """Open or close the acceptance of orders."""

    def exposure(self, account_id: int, instrument_id: int) -> int:
        """Return the handle of an account in an instrument, the same one for ever."""

    def admit(self, session_id: int, exposure: int, time_ns: int) -> Refusal | None:
        """Take a token of the session and, unless `exposure` is -1, of its account; return why there is none."""

    def admit_quotes(self, session_id: int, account_id: int, count: int, time_ns: int) -> Refusal | None:
        """Take a token of session and account for each of `count` entries, or none; return why there are too few."""

    def admit_cancel(self, session_id: int, time_ns: int) -> Refusal | None:
        """Take a token of the session's bucket of cancels; return why there is none."""

    def check(
        self, session_id: int, exposure: int, side: Side, price: int, qty: int, taken_price: int
    ) -> Refusal | None:
        """Check a new order. `taken_price` is the price a post-only order would take at, else 0. Changes nothing."""

    def check_waiting(self, session_id: int, exposure: int, side: Side, price: int, qty: int) -> Refusal | None:
        """Check a new order that holds nothing yet, as another one holds for it. Changes nothing."""

    def check_replace(
        self,
        session_id: int,
        exposure: int,
        side: Side,
        price: int,
        qty: int,
        taken_price: int,
        leaves_qty: int,
        prior_price: int,
        prior_leaves: int,
    ) -> Refusal | None:
        """Check an order of `qty`, of which `leaves_qty` would be open, in place of the prior one, which is counted
        already, also where it holds nothing (`prior_leaves` 0). Changes nothing.
        """

    def may_reprice(self, exposure: int, side: Side, price: int, qty: int, leaves_qty: int, prior_price: int) -> bool:
        """Tell whether an open order of `qty` may stand at another price than its prior one: nothing stops what needs
        no more. Changes nothing.
        """

    def reserve(self, exposure: int, side: Side, price: int, qty: int) -> None:
        """Count an accepted order, and hold what it may need; a quantity of 0 holds nothing."""

    def settle(
        self,
        buyer: int,
        buyer_price: int,
        buyer_leaves: int,
        seller: int,
        seller_price: int,
        seller_leaves: int,
        price: int,
        qty: int,
    ) -> None:
        """Settle a trade of `qty` at `price`; the orders' own prices tell their holds, leaves of 0 that they closed."""

    def correct(self, buyer: int, seller: int, price: int, qty: int, new_price: int, new_qty: int) -> str:
        """Undo a settled trade and settle it anew at another price and a quantity that is not above the old one.

        Returns "", or the reason why nothing was posted: somebody has no longer what he has to give back.
        """

    def release(self, exposure: int, side: Side, price: int, leaves_qty: int) -> None:
        """Give back what is still held for an order that leaves with `leaves_qty` open."""

    def position_of(self, exposure: int) -> int:
        """Return the position of an exposure in lots, below 0 for a short one."""

    def balance_of(self, account_id: int, asset: str) -> tuple[int, int]:
        """Return amount and held part of an asset of an account."""

    def dump(self) -> bytes:
        """Return the complete state, the same bytes for the same state."""

    def restore_sells(self, open_orders: Iterable[OpenOrder]) -> None:
        """Count what `dump` leaves out, behind `load`, out of all open orders."""

    def load(self, data: bytes) -> None:
        """Take the state out of `dump`; instruments are defined already."""

    def check_invariants(self, open_orders: Iterable[OpenOrder]) -> None:
        """Assert that holds and counts equal sums over open orders, and that every asset sums to zero over ledgers."""

    def statistics(self) -> dict[str, int]:
        """Return counts of what is held here."""
