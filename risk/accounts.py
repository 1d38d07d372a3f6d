"""Accounts: ledgers of cash, shares and positions in integers, what is held of them, and limits. No decisions.

Owner: the risk engine. Cash is in 10^-6 of its currency, shares and positions in lots.
"""

from typing import Final

from matching.commands import SetLimits
from matching.instrument import QTY_LOTS_MAX, Instrument
from risk.throttle import Bucket

UNBOUNDED: Final = 1 << 200
"""The bound that stands for "no limit" (0 in the command): above any value, so that the path has no case for it."""
AMOUNT_MAX: Final = (1 << 62) - 1
"""Bound on what may be deposited of an asset in all, and on what may come in of it from other shards, less what left:
every balance is at most the sum of both, and so fits the 63 bits of a journal record.
"""


class Balance:
    """What one ledger has of one asset. `held` of `amount` is reserved for open orders and short positions."""

    __slots__ = ("amount", "asset", "held")

    def __init__(self, asset: str) -> None:
        self.asset = asset
        self.amount = 0
        self.held = 0


class Ledger:
    """Balances of one account by its own id, by asset."""

    __slots__ = (
        "account_id",
        "balances",
        "bucket",
        "killed",
        "limits",
        "name",
        "open_orders",
        "open_orders_max",
    )

    def __init__(self, account_id: int, name: str) -> None:
        self.account_id = account_id
        self.name = name
        self.balances: dict[str, Balance] = {}
        self.open_orders = 0
        self.open_orders_max = UNBOUNDED
        self.killed = ""
        self.bucket: Bucket | None = None
        self.limits: dict[int, SetLimits] = {}

    def take_limits(self) -> None:
        """Put the limit over all instruments in force."""
        over_all = self.limits.get(0)
        self.open_orders_max = UNBOUNDED if over_all is None else over_all.open_orders_max or UNBOUNDED

    def balance(self, asset: str) -> Balance:
        """Return the balance of an asset, opened at zero."""
        balance = self.balances.get(asset)
        if balance is None:
            balance = self.balances[asset] = Balance(asset)
        return balance


class Exposure:
    """One account in one instrument: its open orders, its ledgers there, and the limits in force.

    `position` is the ledger of the shares, or of the contracts of a perpetual (negative: short). `short_lock` is the
    cash held for a short perpetual. The four limits are the tighter of the account's own and the account's in this
    instrument.
    """

    __slots__ = (
        "account",
        "cash",
        "instrument",
        "is_spot",
        "open_buy_qty",
        "open_orders",
        "open_orders_max",
        "open_sell_qty",
        "order_qty_max",
        "order_value_max",
        "position",
        "position_max",
        "short_lock",
        "tick_lot_value",
    )

    def __init__(self, account: Ledger, instrument: Instrument) -> None:
        self.account = account
        self.instrument = instrument
        self.is_spot = instrument.is_spot
        self.tick_lot_value = instrument.tick_lot_value
        self.cash = account.balance(instrument.currency)
        self.position = account.balance(instrument.symbol)
        self.open_orders = 0
        self.open_buy_qty = 0
        self.open_sell_qty = 0
        self.short_lock = 0
        self.order_qty_max = QTY_LOTS_MAX
        self.order_value_max = UNBOUNDED
        self.open_orders_max = UNBOUNDED
        self.position_max = UNBOUNDED
        self.take_limits()

    def take_limits(self) -> None:
        """Put the account's present limits in force."""
        own = self.account.limits.get(self.instrument.instrument_id)
        over_all = self.account.limits.get(0)
        self.order_qty_max = QTY_LOTS_MAX
        self.order_value_max = self.open_orders_max = self.position_max = UNBOUNDED
        for limits in (own, over_all):
            if limits is not None:
                self.order_qty_max = min(self.order_qty_max, limits.order_qty_max or UNBOUNDED)
                self.order_value_max = min(self.order_value_max, limits.order_value_max or UNBOUNDED)
                self.position_max = min(self.position_max, limits.position_max or UNBOUNDED)
        if own is not None:
            self.open_orders_max = own.open_orders_max or UNBOUNDED
