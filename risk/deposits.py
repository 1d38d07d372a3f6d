"""Deposits and withdrawals: money and shares that come from outside and go there, each posted once. Owner: the risk
engine.
"""

from collections.abc import Mapping
from typing import Final

from matching.commands import Deposit
from matching.instrument import Instrument
from risk.accounts import AMOUNT_MAX, Ledger
from risk.texts import amount_text
from risk.transit import asset_fault, instrument_of

OUTSIDE_ID: Final = 0
"""Account id of the ledger `outside`, which deposits come out of; no account of a member has it."""


class Deposits:
    """`posted` is by transfer_id: account id, asset and amount. `ledgers` and `instruments` are the risk engine's."""

    __slots__ = ("_instruments", "_ledgers", "outside", "posted")

    def __init__(self, ledgers: Mapping[int, Ledger], instruments: Mapping[int, Instrument]) -> None:
        self._ledgers = ledgers
        self._instruments = instruments
        self.outside = Ledger(OUTSIDE_ID, "outside")
        self.posted: dict[str, tuple[int, str, int]] = {}

    def post(self, command: Deposit) -> tuple[str, int]:
        """Post a deposit or withdrawal: ("", new balance), or the reason why nothing was posted and 0."""
        fault = self._fault(command)
        if fault:
            return fault, 0
        balance = self._ledgers[command.account_id].balance(command.asset)
        balance.amount += command.amount
        self.outside.balance(command.asset).amount -= command.amount
        self.posted[command.transfer_id] = (command.account_id, command.asset, command.amount)
        return "", balance.amount

    def _fault(self, command: Deposit) -> str:
        """Return why a deposit cannot be posted, or nothing."""
        posted = self.posted.get(command.transfer_id)
        if posted is not None:
            same = posted == (command.account_id, command.asset, command.amount)
            return f"transfer_id {command.transfer_id} was posted before{'' if same else ', with other content'}"
        instrument = instrument_of(self._instruments, command.asset)
        if instrument is None:
            return asset_fault(command.asset)
        if command.amount == 0:
            return "amount is 0"
        if abs(self.outside.balance(command.asset).amount - command.amount) > AMOUNT_MAX:
            return f"amount {command.amount} of {command.asset} brings the sum of deposits above {AMOUNT_MAX}"
        balance = self._ledgers[command.account_id].balance(command.asset)
        available = balance.amount - balance.held
        if available + command.amount < 0:
            found, wanted = (amount_text(instrument, command.asset, each) for each in (available, -command.amount))
            return f"withdrawal of {wanted} exceeds the {found} available to account {command.account_id}"
        return ""
