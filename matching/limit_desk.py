"""Limits and permissions: those of the configuration, and an operator's in their place. Owner: the matching thread.

A command that cannot be obeyed is answered with CommandRefused and changes nothing; open orders stay as they are.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

from matching.commands import EndLimitOverride, OverrideLimits, SetFirmLimits, SetLimits, SetPermission
from matching.events import (
    CommandRefused,
    Event,
    FirmLimitsSet,
    LimitOverrideEnded,
    LimitsOverridden,
    LimitsSet,
    PermissionSet,
)
from matching.instrument import Instrument
from matching.order import Account
from matching.risk_seam import Risk

LimitCommand: TypeAlias = SetLimits | SetFirmLimits | OverrideLimits | EndLimitOverride | SetPermission

AS_CONFIGURED: Final = -1


class LimitDesk:
    """`accounts` and `instruments` are those that are defined."""

    __slots__ = ("_accounts", "_instruments", "_risk")

    def __init__(
        self,
        risk: Risk,
        *,
        accounts: Mapping[int, Account],
        instruments: Mapping[int, Instrument],
    ) -> None:
        self._risk = risk
        self._accounts = accounts
        self._instruments = instruments

    def accounts_of(self, firm: str) -> list[int]:
        """Return the accounts of a firm, ascending."""
        return sorted(key for key, account in self._accounts.items() if account.firm == firm)

    def change(self, command: LimitCommand, time_ns: int, out: list[Event]) -> None:
        """Put limits or permissions in force, an operator's for a time, or those of the configuration again."""
        fault = self._fault(command, time_ns)
        if not fault:
            fault = self._put(command, out)
        if fault:
            out.append(CommandRefused(type(command).__name__, fault))

    def recount_firms(self) -> None:
        """Count anew what firms with limits have open, after an account has changed its firm."""
        self._risk.recount_firms()

    def _put(self, command: LimitCommand, out: list[Event]) -> str:
        """Obey a command without a fault of its own; return why it cannot be obeyed now, or nothing."""
        risk = self._risk
        if isinstance(command, SetLimits):
            risk.set_limits(command)
            out.append(LimitsSet(command.account_id, command.instrument_id))
        elif isinstance(command, SetFirmLimits):
            risk.set_firm_limits(command, self.accounts_of(command.firm))
            out.append(FirmLimitsSet(command.firm, command.instrument_id))
        elif isinstance(command, SetPermission):
            risk.set_permission(command)
            out.append(PermissionSet(command.account_id, command.instrument_id, command.sides))
        elif isinstance(command, OverrideLimits):
            if command.firm:
                risk.override_firm_limits(command, self.accounts_of(command.firm))
            else:
                risk.override_limits(command)
            ids = command.account_id, command.instrument_id
            out.append(LimitsOverridden(*ids, command.until_ns, command.by, command.reason, command.firm))
        elif risk.end_override(command):
            ids = command.account_id, command.instrument_id
            out.append(LimitOverrideEnded(*ids, command.by, command.reason, command.firm))
        else:
            whose = f"firm {command.firm}" if command.firm else f"account {command.account_id}"
            return f"limits of {whose} in instrument {command.instrument_id} are not overridden"
        return ""

    def _fault(self, command: LimitCommand, time_ns: int) -> str:
        if isinstance(command, SetFirmLimits) or (not isinstance(command, SetLimits | SetPermission) and command.firm):
            fault = self._firm_fault(command)
        elif command.account_id not in self._accounts:
            fault = f"account {command.account_id} is not defined"
        else:
            fault = ""
        if fault:
            return fault
        if command.instrument_id and command.instrument_id not in self._instruments:
            return f"instrument {command.instrument_id} is not defined"
        if isinstance(command, SetLimits | SetFirmLimits):
            return _limits_fault(command)
        if isinstance(command, EndLimitOverride):
            return ""
        if command.sides not in ("", "both", "buy", "sell", "none"):
            return f"sides {command.sides!r} are not known, allowed: both, buy, sell, none"
        return "" if isinstance(command, SetPermission) else _override_fault(command, time_ns)

    def _firm_fault(self, command: SetFirmLimits | OverrideLimits | EndLimitOverride) -> str:
        # What lifts limits is obeyed also when the last account has left the firm.
        lifts = isinstance(command, EndLimitOverride) or (
            isinstance(command, SetFirmLimits)
            and not (command.open_orders_max or command.open_value_max or command.position_max)
        )
        if not lifts and not self.accounts_of(command.firm):
            return f"firm {command.firm} has no account"
        if not isinstance(command, SetFirmLimits) and command.account_id:
            return f"account {command.account_id} and firm {command.firm} are named, allowed: one of them"
        if not isinstance(command, OverrideLimits):
            return ""
        values = command.order_qty_max, command.order_value_max, command.rate, command.burst
        if values != (AS_CONFIGURED,) * 4 or command.sides:
            return f"firm {command.firm} has limits of open orders, of their value and of positions, and no others"
        return _scope_fault(command, none=AS_CONFIGURED)


def _limits_fault(command: SetLimits | SetFirmLimits) -> str:
    """Return what is wrong with configured limits, or nothing."""
    if isinstance(command, SetFirmLimits):
        lowest = min(command.open_orders_max, command.open_value_max, command.position_max)
        if lowest < 0:
            return f"a limit of firm {command.firm} is negative: {lowest}"
        return _scope_fault(command, none=0)
    values = command.order_qty_max, command.order_value_max, command.open_orders_max, command.position_max
    lowest = min(*values, command.rate, command.burst)
    if lowest < 0:
        return f"a limit of account {command.account_id} is negative: {lowest}"
    if command.instrument_id and (command.rate or command.burst):
        return "rate and burst are of the account over all instruments (instrument_id 0)"
    return ""


def _scope_fault(command: SetFirmLimits | OverrideLimits, *, none: int) -> str:
    """A firm's position is counted in one instrument, what it has open over all."""
    if command.instrument_id:
        if (command.open_orders_max, command.open_value_max) != (none, none):
            return "open_orders_max and open_value_max are of the firm over all instruments (instrument_id 0)"
    elif command.position_max != none:
        return "position_max is of the firm in one instrument"
    return ""


def _override_fault(command: OverrideLimits, time_ns: int) -> str:
    """Return what is wrong with an operator's limits, or nothing."""
    values = (command.order_qty_max, command.order_value_max, command.open_orders_max, command.position_max)
    lowest = min(*values, command.rate, command.burst, command.open_value_max)
    whose = f"firm {command.firm}" if command.firm else f"account {command.account_id}"
    if lowest < AS_CONFIGURED:
        return f"a limit of {whose} is below -1: {lowest}"
    if command.instrument_id and (command.rate, command.burst) != (AS_CONFIGURED, AS_CONFIGURED):
        return "rate and burst are of the account over all instruments (instrument_id 0)"
    if not command.firm and command.open_value_max != AS_CONFIGURED:
        return "open_value_max is a limit of a firm"
    if command.until_ns and command.until_ns <= time_ns:
        return f"the override ends at {command.until_ns}, which is not after {time_ns}"
    return ""
