"""The judge's risk: limits and money, summed from scratch over all orders and postings on every question."""

from dataclasses import dataclass, field
from typing import Any

from matching import commands as c

OUTSIDE = 0
TRANSIT = -1
SECOND = 1_000_000_000


@dataclass
class ReferenceRisk:
    """`postings` are (account, asset, amount); a balance is their sum. `locks` are of short perpetuals."""

    orders: list[Any] = field(default_factory=list)
    instruments: dict[int, c.DefineInstrument] = field(default_factory=dict)
    references: dict[int, int] = field(default_factory=dict)
    bands: dict[int, int] = field(default_factory=dict)
    phases: dict[int, str] = field(default_factory=dict)
    accounts: dict[int, c.DefineAccount] = field(default_factory=dict)
    limits: dict[tuple[int, int], c.SetLimits] = field(default_factory=dict)
    postings: list[tuple[int, str, int]] = field(default_factory=list)
    transfers: list[str] = field(default_factory=list)
    steps: list[tuple[str, str, int, str, int, str]] = field(default_factory=list)
    locks: dict[tuple[int, int], int] = field(default_factory=dict)
    killed: list[tuple[str, int]] = field(default_factory=list)
    firm_stops: set[int] = field(default_factory=set)
    accepting: bool = True
    buckets: dict[tuple[str, int], tuple[int, int, int, int]] = field(default_factory=dict)

    # -- definitions --------------------------------------------------------------------------------------------------

    def define_instrument(self, command: c.DefineInstrument) -> bool:
        present = self.instruments.get(command.instrument_id)
        if command.instrument_id < 1 or min(command.tick_e8, command.lot_e8, command.tick_lot_value) < 1:
            return False
        if not 0 <= command.band_bp < 10_000 or command.reference_price < 0:
            return False
        if present is not None:
            for name in ("symbol", "kind", "currency", "tick_e8", "lot_e8", "tick_lot_value"):
                if getattr(present, name) != getattr(command, name):
                    return False
        else:
            words = [word for each in self.instruments.values() for word in (each.symbol, each.currency)]
            symbols = [each.symbol for each in self.instruments.values()]
            if command.symbol in [*words, command.currency] or command.currency in symbols:
                return False
            self.instruments[command.instrument_id] = command
            self.phases[command.instrument_id] = "continuous"
        self.references[command.instrument_id] = command.reference_price
        self.bands[command.instrument_id] = command.band_bp
        return True

    def define_account(self, command: c.DefineAccount) -> bool:
        present = self.accounts.get(command.account_id)
        names = [each.name for key, each in self.accounts.items() if key != command.account_id]
        if command.account_id < 1 or command.name in names or (present and present.name != command.name):
            return False
        self.accounts[command.account_id] = command
        return True

    def set_limits(self, command: c.SetLimits) -> bool:
        numbers = [command.order_qty_max, command.order_value_max, command.open_orders_max, command.position_max]
        if min([*numbers, command.rate, command.burst]) < 0 or command.account_id not in self.accounts:
            return False
        if command.instrument_id and command.instrument_id not in self.instruments:
            return False
        if command.instrument_id and (command.rate or command.burst):
            return False
        self.limits[command.account_id, command.instrument_id] = command
        if command.instrument_id == 0:
            self.set_bucket("account", command.account_id, command.rate, command.burst)
        return True

    def deposit(self, command: c.Deposit) -> int | None:
        currencies = [each.currency for each in self.instruments.values()]
        shares = [each.symbol for each in self.instruments.values() if each.kind == "spot"]
        if command.account_id not in self.accounts or command.transfer_id in self.transfers:
            return None
        if command.asset not in currencies + shares or command.amount == 0:
            return None
        if self.available(command.account_id, command.asset) + command.amount < 0:
            return None
        self.transfers.append(command.transfer_id)
        self.postings.append((command.account_id, command.asset, command.amount))
        self.postings.append((OUTSIDE, command.asset, -command.amount))
        return self.balance(command.account_id, command.asset)

    def transfer_out(self, command: c.TransferOut) -> int | None:
        wanted = ("out", command.transfer_id, command.account_id, command.asset, command.amount, command.to_shard)
        may = ("account", command.account_id) not in self.killed
        may = may and command.amount <= self.available(command.account_id, command.asset)
        return self.transfer(wanted, -command.amount, may=may)

    def transfer_in(self, command: c.TransferIn) -> int | None:
        wanted = ("in", command.transfer_id, command.account_id, command.asset, command.amount, command.from_shard)
        return self.transfer(wanted, command.amount, may=True)

    def transfer(self, wanted: tuple[str, str, int, str, int, str], amount: int, *, may: bool) -> int | None:
        """Post a step of a transfer, where none with its kind and id was posted; `may` it be posted?"""
        account_id, asset = wanted[2:4]
        same_id = [step for step in self.steps if step[:2] == wanted[:2]]
        if not same_id:
            assets = [each.currency for each in self.instruments.values()]
            assets += [each.symbol for each in self.instruments.values() if each.kind == "spot"]
            if not may or account_id not in self.accounts or asset not in assets or wanted[4] < 1:
                return None
            self.steps.append(wanted)
            self.postings.append((account_id, asset, amount))
            self.postings.append((TRANSIT, asset, -amount))
        elif same_id != [wanted]:
            return None
        return self.balance(account_id, asset)

    # -- throttles ----------------------------------------------------------------------------------------------------

    def set_bucket(self, kind: str, owner: int, rate: int, burst: int) -> None:
        """A bucket is (rate, capacity, used, time of use), all in token-nanoseconds."""
        present = self.buckets.pop((kind, owner), None)
        if rate:
            capacity = max(burst, 1) * SECOND
            used = min(present[2], capacity) if present else 0
            self.buckets[kind, owner] = (rate, capacity, used, present[3] if present else 0)

    def take_tokens(self, owners: list[tuple[str, int]], time_ns: int) -> bool:
        """Take a token of each bucket, or of none; a refusal has looked at its bucket too.

        What flowed in until then flowed at the rate of then; a rate that changes counts from the last look on.
        """
        taken = {}
        for owner in owners:
            if owner in self.buckets:
                rate, capacity, used, then = self.buckets[owner]
                used = max(0, used - (time_ns - then) * rate)
                self.buckets[owner] = (rate, capacity, used, time_ns)
                if used + SECOND > capacity:
                    return False
                taken[owner] = (rate, capacity, used + SECOND, time_ns)
        self.buckets.update(taken)
        return True

    # -- money --------------------------------------------------------------------------------------------------------

    def balance(self, account_id: int, asset: str) -> int:
        return sum(amount for account, kind, amount in self.postings if (account, kind) == (account_id, asset))

    def held(self, account_id: int, asset: str) -> int:
        """Holds of open orders, and locks of short perpetuals, in one asset."""
        total = 0
        for order in self.orders:
            instrument = self.instruments[order.instrument_id]
            if order.account_id == account_id and getattr(order, "holds", True):
                if order.side == "2" and instrument.kind == "spot":
                    total += order.leaves if asset == instrument.symbol else 0
                elif asset == instrument.currency:
                    total += order.price * order.leaves * instrument.tick_lot_value
        for (owner, instrument_id), lock in self.locks.items():
            if owner == account_id and self.instruments[instrument_id].currency == asset:
                total += lock
        return total

    def available(self, account_id: int, asset: str) -> int:
        return self.balance(account_id, asset) - self.held(account_id, asset)

    def settle(self, buyer: Any, seller: Any, price: int, qty: int) -> None:
        """Move money and lots; called while both orders still have the traded quantity open."""
        instrument = self.instruments[buyer.instrument_id]
        unit = instrument.tick_lot_value
        if instrument.kind == "perpetual":
            key = (buyer.account_id, buyer.instrument_id)
            short = max(0, -self.balance(buyer.account_id, instrument.symbol))
            if short:
                lock = self.locks.get(key, 0)
                self.locks[key] = lock - (lock * qty // short if qty < short else lock)
        self.postings.append((buyer.account_id, instrument.symbol, qty))
        if instrument.kind == "perpetual":
            key = (seller.account_id, seller.instrument_id)
            long = max(0, self.balance(seller.account_id, instrument.symbol))
            opening = max(0, qty - long)
            self.locks[key] = self.locks.get(key, 0) + opening * (price + seller.price) * unit
        self.postings.append((seller.account_id, instrument.symbol, -qty))
        self.postings.append((buyer.account_id, instrument.currency, -price * qty * unit))
        self.postings.append((seller.account_id, instrument.currency, price * qty * unit))

    # -- checks -------------------------------------------------------------------------------------------------------

    def band(self, instrument_id: int) -> tuple[int, int]:
        """The prices allowed, found by trying; (1, 0) where none is."""
        reference, width = self.references[instrument_id], self.bands[instrument_id]
        if reference == 0:
            return 1, 0
        allowed = [
            price for price in range(1, 2 * reference + 1) if abs(price - reference) * 10_000 <= reference * width
        ]
        return allowed[0], allowed[-1]

    def bound(self, name: str, account_id: int, instrument_id: int) -> int | None:
        """The tighter of the limit in the instrument and the limit over all, or None."""
        found = [
            getattr(self.limits[account_id, key], name)
            for key in (instrument_id, 0)
            if (account_id, key) in self.limits
        ]
        return min([value for value in found if value], default=None)

    def check(self, order: Any, prior: Any, *, would_take: bool, is_open: bool = False, before: int = 0) -> int | None:
        """OrdRejReason(103) of the first check that fails, or None; `prior` is the order that `order` replaces.
        One that `is_open` is counted already, `before` orders of its list come before it.
        """
        account_id, instrument_id = order.account_id, order.instrument_id
        instrument = self.instruments[instrument_id]
        if account_id in self.firm_stops:
            return 0
        if any(key in self.killed for key in (("market", 0), ("account", account_id), ("session", order.session_id))):
            return 0
        if not self.accepting or self.phases[instrument_id] != "continuous":
            return 2
        if order.qty < 1:
            return 13
        qty_max = self.bound("order_qty_max", account_id, instrument_id)
        if order.qty > (qty_max or 1_000_000_000):
            return 3
        low, high = self.band(instrument_id)
        if not low <= order.price <= high:
            return 16
        value_max = self.bound("order_value_max", account_id, instrument_id)
        if value_max and order.price * order.qty * instrument.tick_lot_value > value_max:
            return 3
        others = [each for each in self.orders if each.account_id == account_id and each.leaves and each is not prior]
        here = [each for each in others if each.instrument_id == instrument_id]
        if prior is None and not is_open:
            for count, key in ((len(here), instrument_id), (len(others), 0)):
                limits = self.limits.get((account_id, key))
                if limits and limits.open_orders_max and count + before + 1 > limits.open_orders_max:
                    return 3
        leaves = order.qty - order.cum_qty
        position = self.balance(account_id, instrument.symbol)
        same_side = sum(each.leaves for each in here if each.side == order.side and getattr(each, "holds", True))
        same_side += leaves
        reached = position + same_side if order.side == "1" else same_side - position
        position_max = self.bound("position_max", account_id, instrument_id)
        takes_more = leaves > (prior.leaves if prior else 0)
        if position_max and takes_more and reached > position_max:
            return 3
        if would_take:
            return 99
        if order.side == "2" and instrument.kind == "spot":
            free = self.available(account_id, instrument.symbol) + (prior.leaves if prior else 0)
            return 3 if leaves > free else None
        unit = instrument.tick_lot_value
        free = self.available(account_id, instrument.currency) + (prior.price * prior.leaves * unit if prior else 0)
        return 3 if order.price * leaves * unit > free else None
