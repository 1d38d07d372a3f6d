"""The risk engine: throttles, checks, holds and ledgers, called in line by the order desk. Owner: the matching thread.

It refuses and keeps account, and matches nothing. Every posting has two sides, of accounts or of the ledgers
`outside` and `transit`, so that each asset sums to zero over all ledgers after every command.
"""

from collections.abc import Iterable, Iterator, Sequence

from matching import refusals
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
from matching.types import BUY, SELL, QuoteKey, Side
from risk import audit, records
from risk.accounts import Balance, Exposure, Ledger
from risk.checks import Gates, check_order, may_reprice
from risk.corrections import correct_trade
from risk.deposits import Deposits
from risk.firms import Firms, OpenOrder
from risk.protection import Protection
from risk.quote_protection import QuoteProtection
from risk.shorts import close_short, open_short
from risk.throttle import TOKEN, Bucket, bucket_of, take_all
from risk.transit import Transit


class RiskEngine:
    """Keeps to the protocol `matching.risk_seam.Risk`, which says what each call guarantees."""

    def __init__(self) -> None:
        self.has_throttles = False
        self.watches_executions = False
        self.override_ends_ns = 0
        self.gates = Gates()
        self.instruments: dict[int, Instrument] = {}
        self.ledgers: dict[int, Ledger] = {}
        self.exposures: list[Exposure] = []
        self.exposure_ids: dict[tuple[int, int], int] = {}
        self.session_buckets: dict[int, Bucket] = {}
        self.cancel_buckets: dict[int, Bucket] = {}
        self.deposits = Deposits(self.ledgers, self.instruments)
        self.transit = Transit(self.ledgers, self.instruments)
        self.protections: dict[int, Protection] = {}
        self.firms = Firms(self.ledgers, self.exposures)
        self.quotes = QuoteProtection()

    # -- operators and configuration ----------------------------------------------------------------------------------

    def define_instrument(self, instrument: Instrument) -> None:
        self.instruments[instrument.instrument_id] = instrument

    def define_account(self, command: DefineAccount) -> None:
        if command.account_id not in self.ledgers:
            self.ledgers[command.account_id] = Ledger(command.account_id, command.name)
        self.gates.place(command.account_id, command.firm)
        self.firms.place(command.account_id, command.firm)

    def define_session(self, command: DefineSession) -> None:
        _put_bucket(self.session_buckets, command.session_id, command.rate, command.burst)
        _put_bucket(self.cancel_buckets, command.session_id, command.cancel_rate, command.cancel_burst)
        self._renew_throttles()

    def set_limits(self, command: SetLimits) -> None:
        self.ledgers[command.account_id].limits[command.instrument_id] = command
        self._take_limits(command.account_id)

    def override_limits(self, command: OverrideLimits) -> None:
        self.ledgers[command.account_id].overrides[command.instrument_id] = command
        self._take_limits(command.account_id)

    def set_firm_limits(self, command: SetFirmLimits, account_ids: Sequence[int]) -> None:
        self.firms.set_limits(command, account_ids)

    def override_firm_limits(self, command: OverrideLimits, account_ids: Sequence[int]) -> None:
        self.firms.override(command, account_ids)
        self._renew_overrides()

    def recount_firms(self) -> None:
        self.firms.recount()

    def end_override(self, command: EndLimitOverride) -> bool:
        if command.firm:
            was_known = self.firms.end_override(command)
            self._renew_overrides()
            return was_known
        known = self.ledgers[command.account_id].overrides.pop(command.instrument_id, None)
        self._take_limits(command.account_id)
        return known is not None

    def set_permission(self, command: SetPermission) -> None:
        permissions = self.ledgers[command.account_id].permissions
        if command.sides:
            permissions[command.instrument_id] = command.sides
        else:
            permissions.pop(command.instrument_id, None)
        self._take_limits(command.account_id)

    def _take_limits(self, account_id: int) -> None:
        """Put changed limits in force; open orders stay as they are."""
        ledger = self.ledgers[account_id]
        ledger.take_limits()
        self._renew_throttles()
        self._renew_overrides()
        for exposure in self.exposures:
            if exposure.account is ledger:
                exposure.take_limits()

    def overrides(self) -> Iterator[OverrideLimits]:
        """Yield the overrides in force: those of accounts, then those of firms, ascending."""
        for _, ledger in sorted(self.ledgers.items()):
            yield from (each for _, each in sorted(ledger.overrides.items()))
        yield from self.firms.overrides()

    def _renew_overrides(self) -> None:
        self.override_ends_ns = min((each.until_ns for each in self.overrides() if each.until_ns), default=0)

    def ended_overrides(self, now_ns: int) -> list[tuple[int, int, str]]:
        return [
            (each.account_id, each.instrument_id, each.firm)
            for each in self.overrides()
            if each.until_ns and each.until_ns <= now_ns
        ]

    def count_execution(self, session_id: int, kind: tuple[int, int, str], time_ns: int) -> str:
        protection = self.protections.get(session_id)
        return "" if protection is None else protection.count_execution(kind, time_ns)

    def set_protection(self, command: SetProtection) -> None:
        known = self.protections.get(command.session_id)
        if known is None:
            known = self.protections[command.session_id] = Protection(command)
        known.bounds = command
        if known.is_empty():
            del self.protections[command.session_id]
        self._renew_watch()

    def _renew_watch(self) -> None:
        self.watches_executions = any(each.bounds.repeat_max for each in self.protections.values())

    def overrun(self, session_id: int, time_ns: int) -> str:
        protection = self.protections.get(session_id)
        return "" if protection is None else protection.count_overrun(time_ns)

    def set_quote_protection(self, command: SetQuoteProtection) -> None:
        self.quotes.set_bounds(command)

    def count_quote_fill(self, key: QuoteKey, side: Side, qty: int, time_ns: int) -> str:
        return self.quotes.count_fill(key, side, qty, time_ns) if self.quotes.bounds else ""

    def quote_freeze(self, key: QuoteKey) -> str:
        return self.quotes.frozen.get(key, "")

    def frozen_quotes(self) -> list[QuoteKey]:
        return sorted(self.quotes.frozen)

    def counted_quotes(self) -> list[QuoteKey]:
        return sorted({*self.quotes.frozen, *self.quotes.windows})

    def reset_quotes(self, key: QuoteKey) -> bool:
        return self.quotes.reset(key)

    def set_kill_switch(self, command: SetKillSwitch, account_ids: Sequence[int] = ()) -> None:
        gates = self.gates
        reason = (command.reason or "no reason given") if command.engaged else ""
        if command.scope == "market":
            gates.market_killed = reason
        elif command.scope == "account":
            self.ledgers[command.target_id].killed = reason
            gates.accounts_killed = sum(1 for ledger in self.ledgers.values() if ledger.killed)
        elif command.scope == "firm":
            gates.set_firm(command.target_name, reason, account_ids)
        elif reason:
            gates.sessions_killed[command.target_id] = reason
        else:
            gates.sessions_killed.pop(command.target_id, None)
        gates.renew()

    def set_acceptance(self, command: SetAcceptance) -> None:
        self.gates.accepting = command.accepting
        self.gates.acceptance_reason = "" if command.accepting else command.reason
        self.gates.renew()

    def deposit(self, command: Deposit) -> tuple[str, int]:
        answer = self.deposits.post(command)
        self.firms.recount_positions(command.account_id, command.asset)
        return answer

    def transfer_out(self, command: TransferOut) -> tuple[str, int]:
        answer = self.transit.post_out(command)
        self.firms.recount_positions(command.account_id, command.asset)
        return answer

    def transfer_in(self, command: TransferIn) -> tuple[str, int]:
        answer = self.transit.post_in(command)
        self.firms.recount_positions(command.account_id, command.asset)
        return answer

    # -- throttles ----------------------------------------------------------------------------------------------------

    def _renew_throttles(self) -> None:
        of_accounts = any(ledger.bucket is not None for ledger in self.ledgers.values())
        self.has_throttles = bool(self.session_buckets or self.cancel_buckets or of_accounts)

    def admit(self, session_id: int, exposure: int, time_ns: int) -> Refusal | None:
        of_session = self.session_buckets.get(session_id)
        of_account = self.exposures[exposure].account.bucket if exposure >= 0 else None
        if of_session is not None:
            # All messages of a frame have one time: only the first of them refills.
            if of_session.time_ns != time_ns:
                of_session.refill(time_ns)
            if of_session.level < TOKEN:
                bound = f"{of_session.rate} messages a second, burst {of_session.burst}"
                return refusals.THROTTLED_SESSION, f"more than {bound}, from this session"
        if of_account is not None:
            if of_account.time_ns != time_ns:
                of_account.refill(time_ns)
            if of_account.level < TOKEN:
                name = self.exposures[exposure].account.name
                bound = f"{of_account.rate} messages a second, burst {of_account.burst}"
                return refusals.THROTTLED_ACCOUNT, f"more than {bound}, for account {name}"
            of_account.level -= TOKEN
        if of_session is not None:
            of_session.level -= TOKEN
        return None

    def admit_quotes(self, session_id: int, account_id: int, count: int, time_ns: int) -> Refusal | None:
        of_session, ledger = self.session_buckets.get(session_id), self.ledgers.get(account_id)
        of_account = None if ledger is None else ledger.bucket
        short = take_all([each for each in (of_session, of_account) if each is not None], count, time_ns)
        if short is None:
            return None
        text = f"{short.level // TOKEN} are left for {count} entries"
        bound = f"more than {short.rate} messages a second, burst {short.burst}"
        if short is of_session:
            return refusals.THROTTLED_SESSION, f"{bound}, from this session: {text}"
        assert ledger is not None, "a bucket of an account has its account"
        return refusals.THROTTLED_ACCOUNT, f"{bound}, for account {ledger.name}: {text}"

    def admit_cancel(self, session_id: int, time_ns: int) -> Refusal | None:
        bucket = self.cancel_buckets.get(session_id)
        if bucket is None or take_all([bucket], 1, time_ns) is None:
            return None
        bound = f"{bucket.rate} cancels a second, burst {bucket.burst}"
        return refusals.THROTTLED_CANCELS, f"more than {bound}, from this session"

    # -- the order path -----------------------------------------------------------------------------------------------

    def exposure(self, account_id: int, instrument_id: int) -> int:
        key = (account_id, instrument_id)
        exposure = self.exposure_ids.get(key)
        if exposure is None:
            exposure = self.exposure_ids[key] = len(self.exposures)
            line = Exposure(self.ledgers[account_id], self.instruments[instrument_id])
            self.exposures.append(line)
            self.firms.attach(line)
        return exposure

    def check(
        self, session_id: int, exposure: int, side: Side, price: int, qty: int, taken_price: int
    ) -> Refusal | None:
        return check_order(self.gates, self.exposures[exposure], session_id, side, price, qty, taken_price, qty)

    def check_waiting(self, session_id: int, exposure: int, side: Side, price: int, qty: int) -> Refusal | None:
        return check_order(self.gates, self.exposures[exposure], session_id, side, price, qty, 0, 0)

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
        line = self.exposures[exposure]
        return check_order(
            self.gates,
            line,
            session_id,
            side,
            price,
            qty,
            taken_price,
            leaves_qty,
            prior_price,
            prior_leaves,
            is_new=False,
        )

    def may_reprice(self, exposure: int, side: Side, price: int, qty: int, leaves_qty: int, prior_price: int) -> bool:
        return may_reprice(self.exposures[exposure], side, price, qty, leaves_qty, prior_price)

    def reserve(self, exposure: int, side: Side, price: int, qty: int) -> None:
        line = self.exposures[exposure]
        line.open_orders += 1
        line.account.open_orders += 1
        if line.firm is not None:
            line.firm.count(side, price, qty, orders=1)
        if side == BUY:
            line.open_buy_qty += qty
            line.cash.held += price * qty * line.tick_lot_value
        else:
            line.open_sell_qty += qty
            if line.is_spot:
                line.position.held += qty
                line.open_sell_value += price * qty
            else:
                line.cash.held += price * qty * line.tick_lot_value

    def release(self, exposure: int, side: Side, price: int, leaves_qty: int) -> None:
        line = self.exposures[exposure]
        line.open_orders -= 1
        line.account.open_orders -= 1
        if line.firm is not None:
            line.firm.count(side, price, -leaves_qty, orders=-1)
        if side == BUY:
            line.open_buy_qty -= leaves_qty
            line.cash.held -= price * leaves_qty * line.tick_lot_value
        else:
            line.open_sell_qty -= leaves_qty
            if line.is_spot:
                line.position.held -= leaves_qty
                line.open_sell_value -= price * leaves_qty
            else:
                line.cash.held -= price * leaves_qty * line.tick_lot_value

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
        buying = self.exposures[buyer]
        selling = self.exposures[seller]
        lots_value = qty * buying.tick_lot_value
        value = price * lots_value
        paying = buying.cash
        paid = selling.cash
        taking = buying.position
        giving = selling.position
        cash_before = paying.amount + paid.amount
        lots_before = taking.amount + giving.amount
        if buying.is_spot:
            taking.amount += qty
            giving.held -= qty
            selling.open_sell_value -= seller_price * qty
        else:
            # One account may be on both sides: it has bought before it sells.
            close_short(buying, qty)
            taking.amount += qty
            open_short(selling, price, seller_price, qty)
        giving.amount -= qty
        paying.amount -= value
        paying.held -= buyer_price * lots_value
        paid.amount += value
        buying.open_buy_qty -= qty
        selling.open_sell_qty -= qty
        if not buyer_leaves:
            buying.open_orders -= 1
            buying.account.open_orders -= 1
        if not seller_leaves:
            selling.open_orders -= 1
            selling.account.open_orders -= 1
        if buying.firm is not None:
            buying.firm.fill(BUY, buyer_price, qty, closes=not buyer_leaves)
        if selling.firm is not None:
            selling.firm.fill(SELL, seller_price, qty, closes=not seller_leaves)
        assert paying.amount + paid.amount == cash_before, "cash of a trade sums to zero"
        assert taking.amount + giving.amount == lots_before, "lots of a trade sum to zero"

    def correct(self, buyer: int, seller: int, price: int, qty: int, new_price: int, new_qty: int) -> str:
        buying, selling = self.exposures[buyer], self.exposures[seller]
        fault = correct_trade(buying, selling, price, qty, new_price, new_qty)
        for line in (buying, selling):
            self.firms.recount_positions(line.account.account_id, line.instrument.symbol)
        return fault

    # -- reading ------------------------------------------------------------------------------------------------------

    def position_of(self, exposure: int) -> int:
        return self.exposures[exposure].position.amount

    def balance_of(self, account_id: int, asset: str) -> tuple[int, int]:
        """Return amount and held part of an asset of an account; of a perpetual's symbol the amount is the position."""
        balance = self.ledgers[account_id].balances.get(asset) or Balance(asset)
        return balance.amount, balance.held

    def in_transit(self, asset: str) -> int:
        """Return what left this shard of an asset less what came into it; over all shards, what is under way."""
        return (self.transit.ledger.balances.get(asset) or Balance(asset)).amount

    def dump(self) -> bytes:
        return records.dump(self)

    def restore_sells(self, open_orders: Iterable[OpenOrder]) -> None:
        for account_id, instrument_id, side, price, qty in open_orders:
            if side == SELL:
                line = self.exposures[self.exposure_ids[account_id, instrument_id]]
                line.open_sell_value += price * qty if line.is_spot else 0

    def load(self, data: bytes) -> None:
        records.load(self, data)
        self.gates.renew()
        self._renew_throttles()
        self._renew_watch()
        self._renew_overrides()

    def check_invariants(self, open_orders: Iterable[tuple[int, int, Side, int, int]]) -> None:
        audit.check(self, open_orders)

    def statistics(self) -> dict[str, int]:
        return {
            "accounts": len(self.ledgers),
            "exposures": len(self.exposures),
            "transfers": len(self.deposits.posted),
            "transfers_out": len(self.transit.outgoing),
            "transfers_in": len(self.transit.incoming),
            "kill_switches": bool(self.gates.market_killed)
            + len(self.gates.sessions_killed)
            + len(self.gates.firms_killed)
            + self.gates.accounts_killed,
        }


def _put_bucket(buckets: dict[int, Bucket], session_id: int, rate: int, burst: int) -> None:
    bucket = bucket_of(buckets.get(session_id), rate=rate, burst=burst)
    if bucket is None:
        buckets.pop(session_id, None)
    else:
        buckets[session_id] = bucket
