"""Accounts: ledgers of cash, shares and positions in integers, what is held of them, and limits. No decisions.

Owner: the risk engine. Cash is in 10^-6 of its currency, shares and positions in lots.
"""

from typing import TYPE_CHECKING, Final

from matching.commands import OverrideLimits, SetLimits
from matching.instrument import QTY_LOTS_MAX, Instrument
from risk.throttle import Bucket, bucket_of

if TYPE_CHECKING:
    from risk.firms import FirmLine

UNBOUNDED: Final = 1 << 200
"""The bound that stands for "no limit" (0 in the command): above any value, so that the path has no case for it."""
AMOUNT_MAX: Final = (1 << 62) - 1
"""Bound on what may be deposited of an asset in all, and on what may come in of it from other shards, less what left:
every balance is at most the sum of both, and so fits the 63 bits of a journal record.
"""


BOTH: Final = "both"
SIDES: Final = (BOTH, "buy", "sell", "none")
"""Which sides an account may enter in an instrument."""
PERMITTED_SIDES: Final = {BOTH: "12", "buy": "1", "sell": "2", "none": ""}


class Balance:
    """What one ledger has of one asset. `held` of `amount` is reserved for open orders and short positions."""

    __slots__ = ("amount", "asset", "held")

    def __init__(self, asset: str) -> None:
        self.asset = asset
        self.amount = 0
        self.held = 0


class Ledger:
    """Balances of one account by its own id, by asset. `limits`, `overrides` and `permissions` are by instrument id, 0
    over all instruments; an override is an operator's and goes before what is configured.
    """

    __slots__ = (
        "account_id",
        "balances",
        "bucket",
        "killed",
        "limits",
        "name",
        "open_orders",
        "open_orders_max",
        "overrides",
        "permissions",
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
        self.overrides: dict[int, OverrideLimits] = {}
        self.permissions: dict[int, str] = {}

    def take_limits(self) -> None:
        """Put the limit and the throttle over all instruments in force."""
        self.open_orders_max = self.limit("open_orders_max", 0) or UNBOUNDED
        self.bucket = bucket_of(self.bucket, rate=self.limit("rate", 0), burst=self.limit("burst", 0))

    def limit(self, name: str, instrument_id: int) -> int:
        """Return a limit in force: the operator's, else the configured one; 0: none."""
        override = self.overrides.get(instrument_id)
        if override is not None:
            found: int = getattr(override, name)
            if found >= 0:
                return found
        limits = self.limits.get(instrument_id)
        return 0 if limits is None else getattr(limits, name)

    def sides(self, instrument_id: int) -> str:
        """Return the sides that may be entered in an instrument: the narrowest scope that says something decides."""
        for key in (instrument_id, 0):
            override = self.overrides.get(key)
            if override is not None and override.sides:
                return override.sides
            if self.permissions.get(key):
                return self.permissions[key]
        return BOTH

    def balance(self, asset: str) -> Balance:
        """Return the balance of an asset, opened at zero."""
        balance = self.balances.get(asset)
        if balance is None:
            balance = self.balances[asset] = Balance(asset)
        return balance


class Exposure:
    """One account in one instrument: its open orders, its ledgers there, and the limits in force.

    `position` is the ledger of the shares, or of the contracts of a perpetual (negative: short). `short_lock` is
    the cash held for a short perpetual, `open_sell_value` the value of the open sells of a share in ticks times
    lots, which hold no cash: with the cash held it tells the value of all that is open. The four limits are the
    tighter of the account's own and the account's in this instrument. Where not both `sides` may be entered,
    `order_qty_max` is 0, so that the path has no case for it, and `order_qty_bound` is the limit. `firm` counts for
    the account's firm in this instrument; None where the firm has no limits.
    """

    __slots__ = (
        "account",
        "cash",
        "firm",
        "instrument",
        "is_spot",
        "open_buy_qty",
        "open_orders",
        "open_orders_max",
        "open_sell_qty",
        "open_sell_value",
        "order_qty_bound",
        "order_qty_max",
        "order_value_max",
        "position",
        "position_max",
        "short_lock",
        "sides",
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
        self.open_sell_value = 0
        self.short_lock = 0
        self.firm: FirmLine | None = None
        self.take_limits()

    def take_limits(self) -> None:
        """Put the account's present limits and permissions in force."""
        account, instrument_id = self.account, self.instrument.instrument_id
        self.order_qty_max = QTY_LOTS_MAX
        self.order_value_max = self.position_max = UNBOUNDED
        for key in (instrument_id, 0):
            self.order_qty_max = min(self.order_qty_max, account.limit("order_qty_max", key) or UNBOUNDED)
            self.order_value_max = min(self.order_value_max, account.limit("order_value_max", key) or UNBOUNDED)
            self.position_max = min(self.position_max, account.limit("position_max", key) or UNBOUNDED)
        self.open_orders_max = account.limit("open_orders_max", instrument_id) or UNBOUNDED
        self.order_qty_bound = self.order_qty_max
        self.sides = account.sides(instrument_id)
        if self.sides != BOTH:
            self.order_qty_max = 0
