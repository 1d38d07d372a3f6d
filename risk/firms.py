"""Firms with limits: what the accounts of a firm have open together, and how far they may go together.

Owner: the risk engine. Only firms with limits are counted: an account of any other has no line here, so that its orders
pay nothing for it. The counts are kept by step, at the same places as an account's own; they are drawn anew from the
open orders when a firm gets its first limit or another account.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from matching import refusals
from matching.commands import EndLimitOverride, OverrideLimits, SetFirmLimits
from matching.instrument import Instrument
from matching.refusals import Refusal
from matching.types import BUY, Side
from risk.accounts import UNBOUNDED, Exposure, Ledger
from risk.texts import cash_text, qty_text

OVER_ALL: Final = 0
"""The instrument id of limits over all instruments."""
OpenOrder: TypeAlias = tuple[int, int, Side, int, int]
"""Account id, instrument id, side, price and held quantity of an open order."""
OpenValue: TypeAlias = tuple[str, int]
"""A currency, and the value of what is open in it."""


class Worth:
    """The value of what a firm has open in one currency, in 10^-6 of it."""

    __slots__ = ("amount", "currency")

    def __init__(self, currency: str) -> None:
        self.currency = currency
        self.amount = 0


class Firm:
    """One firm with limits. `limits` and `overrides` are by instrument id, 0 over all; an override goes first."""

    __slots__ = (
        "limits",
        "lines",
        "members",
        "name",
        "open_orders",
        "open_orders_max",
        "open_value_max",
        "overrides",
        "worths",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.members: dict[int, Ledger] = {}
        self.limits: dict[int, SetFirmLimits] = {}
        self.overrides: dict[int, OverrideLimits] = {}
        self.lines: dict[int, FirmLine] = {}
        self.worths: dict[str, Worth] = {}
        self.open_orders = 0
        self.open_orders_max = UNBOUNDED
        self.open_value_max = UNBOUNDED

    def take_limits(self) -> None:
        """Put the present limits in force."""
        self.open_orders_max = self.limit("open_orders_max", OVER_ALL) or UNBOUNDED
        self.open_value_max = self.limit("open_value_max", OVER_ALL) or UNBOUNDED
        for line in self.lines.values():
            line.position_max = self.limit("position_max", line.instrument.instrument_id) or UNBOUNDED

    def limit(self, name: str, instrument_id: int) -> int:
        """Return a limit in force: the operator's, else the configured one; 0: none."""
        override = self.overrides.get(instrument_id)
        if override is not None and getattr(override, name) >= 0:
            found: int = getattr(override, name)
            return found
        limits = self.limits.get(instrument_id)
        return 0 if limits is None else getattr(limits, name)

    def line(self, instrument: Instrument) -> "FirmLine":
        """Return the line of an instrument, opened with the positions of all accounts."""
        line = self.lines.get(instrument.instrument_id)
        if line is None:
            worth = self.worths.setdefault(instrument.currency, Worth(instrument.currency))
            line = self.lines[instrument.instrument_id] = FirmLine(self, instrument, worth)
            line.recount_position()
            line.position_max = self.limit("position_max", instrument.instrument_id) or UNBOUNDED
        return line

    def whose(self, name: str, instrument_id: int) -> str:
        """Say whose limit it is, for a refusal."""
        override = self.overrides.get(instrument_id)
        by_operator = override is not None and getattr(override, name) >= 0
        return f"of firm {self.name} over all its accounts{', as an operator has set it' if by_operator else ''}"


class FirmLine:
    """One firm in one instrument. `position` is the sum of its accounts' (a short perpetual's is negative)."""

    __slots__ = ("firm", "instrument", "open_buy_qty", "open_sell_qty", "position", "position_max", "worth")

    def __init__(self, firm: Firm, instrument: Instrument, worth: Worth) -> None:
        self.firm = firm
        self.instrument = instrument
        self.worth = worth
        self.position = 0
        self.open_buy_qty = 0
        self.open_sell_qty = 0
        self.position_max = UNBOUNDED

    def recount_position(self) -> None:
        """Add up the positions of all accounts."""
        symbol = self.instrument.symbol
        balances = (ledger.balances.get(symbol) for ledger in self.firm.members.values())
        self.position = sum(balance.amount for balance in balances if balance is not None)

    def count(self, side: Side, price: int, qty: int, *, orders: int) -> None:
        """Count an order of `qty` in, or with both below 0 out."""
        self.firm.open_orders += orders
        self.worth.amount += price * qty * self.instrument.tick_lot_value
        if side == BUY:
            self.open_buy_qty += qty
        else:
            self.open_sell_qty += qty

    def fill(self, side: Side, price: int, qty: int, *, closes: bool) -> None:
        """Count a fill of an order at `price`, its own."""
        self.count(side, price, -qty, orders=-1 if closes else 0)
        self.position += qty if side == BUY else -qty

    def refusal(self, side: Side, qty: int, value: int, *, is_one_more: bool) -> Refusal | None:
        """Return why `qty` and `value` more cannot be open; what takes nothing more is never refused."""
        firm = self.firm
        if is_one_more and firm.open_orders >= firm.open_orders_max:
            text = f"open orders {firm.open_orders + 1} would exceed open_orders_max {firm.open_orders_max}"
            return refusals.FIRM_OPEN_ORDERS_MAX, f"{text} {firm.whose('open_orders_max', OVER_ALL)}"
        if value > 0 and self.worth.amount + value > firm.open_value_max:
            found = cash_text(self.worth.currency, self.worth.amount + value)
            bound = cash_text(self.worth.currency, firm.open_value_max)
            text = f"value of open orders {found} would exceed open_value_max {bound}"
            return refusals.FIRM_OPEN_VALUE_MAX, f"{text} {firm.whose('open_value_max', OVER_ALL)}"
        reached = self.open_buy_qty + self.position if side == BUY else self.open_sell_qty - self.position
        if qty > 0 and reached + qty > self.position_max:
            return self._refuse_position(side, reached + qty)
        return None

    def _refuse_position(self, side: Side, reached: int) -> Refusal:
        instrument = self.instrument
        direction = "long" if side == BUY else "short"
        bound = f"position_max {qty_text(instrument, self.position_max)} in {instrument.symbol}"
        text = f"{direction} position {qty_text(instrument, reached)} with open orders would exceed {bound}"
        return refusals.FIRM_POSITION_MAX, f"{text} {self.firm.whose('position_max', instrument.instrument_id)}"


class Firms:
    """All firms with limits, by name and by account. `ledgers` and `exposures` are the risk engine's."""

    __slots__ = ("_exposures", "_ledgers", "_of_account", "by_name")

    def __init__(self, ledgers: Mapping[int, Ledger], exposures: Sequence[Exposure]) -> None:
        self._ledgers = ledgers
        self._exposures = exposures
        self.by_name: dict[str, Firm] = {}
        self._of_account: dict[int, Firm] = {}

    def set_limits(self, command: SetFirmLimits, account_ids: Sequence[int]) -> None:
        """Set configured limits; the last one that goes takes the firm with it."""
        firm = self._firm(command.firm, account_ids)
        if command.open_orders_max or command.open_value_max or command.position_max:
            firm.limits[command.instrument_id] = command
        else:
            firm.limits.pop(command.instrument_id, None)
        self._renew(firm)

    def override(self, command: OverrideLimits, account_ids: Sequence[int]) -> None:
        """Put an operator's limits in force."""
        firm = self._firm(command.firm, account_ids)
        firm.overrides[command.instrument_id] = command
        self._renew(firm)

    def end_override(self, command: EndLimitOverride) -> bool:
        """Put the configured limits in force again; return whether there was an override."""
        firm = self.by_name.get(command.firm)
        if firm is None or firm.overrides.pop(command.instrument_id, None) is None:
            return False
        self._renew(firm)
        return True

    def overrides(self) -> Iterator[OverrideLimits]:
        """Yield the overrides in force, by firm and instrument."""
        for _, firm in sorted(self.by_name.items()):
            yield from (each for _, each in sorted(firm.overrides.items()))

    def place(self, account_id: int, firm: str) -> None:
        """Take note of the firm that an account belongs to; `recount` has to follow where it has changed."""
        before = self._of_account.pop(account_id, None)
        if before is not None:
            del before.members[account_id]
        if firm in self.by_name:
            self._of_account[account_id] = self.by_name[firm]
            self.by_name[firm].members[account_id] = self._ledgers[account_id]

    def attach(self, exposure: Exposure) -> None:
        """Give an exposure the line that counts for its firm, or none."""
        firm = self._of_account.get(exposure.account.account_id)
        exposure.firm = None if firm is None else firm.line(exposure.instrument)

    def recount(self) -> None:
        """Draw every count anew, out of what is counted and held by exposure: no order is looked at."""
        if not self.by_name:
            return
        for firm in self.by_name.values():
            firm.lines, firm.worths = {}, {}
            firm.open_orders = sum(ledger.open_orders for ledger in firm.members.values())
        counted: set[tuple[int, str]] = set()
        for exposure in self._exposures:
            self.attach(exposure)
            line, account, cash = exposure.firm, exposure.account, exposure.cash
            if line is None:
                continue
            line.open_buy_qty += exposure.open_buy_qty
            line.open_sell_qty += exposure.open_sell_qty
            line.worth.amount += exposure.open_sell_value * exposure.tick_lot_value - exposure.short_lock
            if (account.account_id, cash.asset) not in counted:
                counted.add((account.account_id, cash.asset))
                line.worth.amount += cash.held

    def recount_positions(self, account_id: int, asset: str) -> None:
        """Add up positions anew, after a balance has changed otherwise than by a trade."""
        firm = self._of_account.get(account_id)
        if firm is not None:
            for line in firm.lines.values():
                if line.instrument.symbol == asset:
                    line.recount_position()

    def restore(self, firm: Firm, account_ids: Sequence[int], open_values: Sequence[OpenValue]) -> None:
        """Take a firm out of a snapshot, after its accounts and exposures."""
        self.by_name[firm.name] = firm
        for account_id in account_ids:
            self.place(account_id, firm.name)
        for exposure in self._exposures:
            if exposure.account.account_id in firm.members:
                self.attach(exposure)
                line = firm.line(exposure.instrument)
                line.open_buy_qty += exposure.open_buy_qty
                line.open_sell_qty += exposure.open_sell_qty
        firm.open_orders = sum(ledger.open_orders for ledger in firm.members.values())
        for currency, amount in open_values:
            firm.worths.setdefault(currency, Worth(currency)).amount = amount
        firm.take_limits()

    def _firm(self, name: str, account_ids: Sequence[int]) -> Firm:
        """Return a firm, counted where it had no limits before."""
        firm = self.by_name.get(name)
        if firm is None:
            firm = self.by_name[name] = Firm(name)
            for account_id in account_ids:
                self.place(account_id, name)
            self.recount()
        return firm

    def _renew(self, firm: Firm) -> None:
        """Put changed limits in force; a firm without any is not counted any longer."""
        firm.take_limits()
        if firm.limits or firm.overrides:
            return
        del self.by_name[firm.name]
        for account_id in tuple(firm.members):
            del self._of_account[account_id]
        for exposure in self._exposures:
            self.attach(exposure)
