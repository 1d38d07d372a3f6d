"""The books of the risk engine, checked in full: slow, for tests, recovery and operators."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from matching.types import BUY
from risk.firms import Firm, OpenOrder

if TYPE_CHECKING:
    from risk.engine import RiskEngine


def check(risk: "RiskEngine", open_orders: Iterable[OpenOrder]) -> None:
    """Assert that counts and holds equal sums over open orders and that every asset sums to zero over all ledgers."""
    open_orders = tuple(open_orders)
    _check_firms(risk, open_orders)
    held = _check_exposures(risk, open_orders)
    sums: dict[str, int] = {}
    for ledger in (risk.deposits.outside, risk.transit.ledger, *risk.ledgers.values()):
        for asset, balance in ledger.balances.items():
            sums[asset] = sums.get(asset, 0) + balance.amount
            expected = held.pop((ledger.account_id, asset), 0)
            assert balance.held == expected, f"{ledger.name} holds {balance.held} {asset}, its orders need {expected}"
    assert not held, "everything held is held in a ledger"
    for asset, total in sums.items():
        assert total == 0, f"{asset} sums to {total} over all ledgers, expected 0"
    _check_transit(risk)
    for account in risk.ledgers.values():
        _check_available(risk, account.account_id)
    killed = sum(1 for ledger in risk.ledgers.values() if ledger.killed)
    assert killed == risk.gates.accounts_killed, "killed accounts are counted"


def _check_exposures(risk: "RiskEngine", open_orders: Iterable[OpenOrder]) -> dict[tuple[int, str], int]:
    """Compare the counts of every exposure with its open orders; return what has to be held, by account and asset."""
    held: dict[tuple[int, str], int] = {}
    found: dict[int, list[int]] = {}
    orders_of_account: dict[int, int] = {}
    for account_id, instrument_id, side, price, leaves_qty in open_orders:
        exposure_id = risk.exposure_ids[account_id, instrument_id]
        line = risk.exposures[exposure_id]
        counts = found.setdefault(exposure_id, [0, 0, 0, 0])
        counts[0] += 1
        counts[1 if side == BUY else 2] += leaves_qty
        orders_of_account[account_id] = orders_of_account.get(account_id, 0) + 1
        in_shares = line.is_spot and side != BUY
        counts[3] += price * leaves_qty if in_shares else 0
        asset = line.position.asset if in_shares else line.cash.asset
        amount = leaves_qty if in_shares else price * leaves_qty * line.tick_lot_value
        held[account_id, asset] = held.get((account_id, asset), 0) + amount
    for exposure_id, line in enumerate(risk.exposures):
        counts = found.get(exposure_id, [0, 0, 0, 0])
        where = f"{line.account.name} in {line.instrument.symbol}"
        expected = [line.open_orders, line.open_buy_qty, line.open_sell_qty, line.open_sell_value]
        assert counts == expected, f"open orders of {where} add up"
        is_short = not line.is_spot and line.position.amount < 0
        assert line.short_lock > 0 if is_short else line.short_lock == 0, f"{where} locks {line.short_lock}"
        key = (line.account.account_id, line.cash.asset)
        held[key] = held.get(key, 0) + line.short_lock
    for ledger in risk.ledgers.values():
        count = orders_of_account.get(ledger.account_id, 0)
        assert ledger.open_orders == count, f"{ledger.name} counts {ledger.open_orders} open orders, has {count}"
    return {key: amount for key, amount in held.items() if amount}


def _check_firms(risk: "RiskEngine", open_orders: tuple[OpenOrder, ...]) -> None:
    """Assert that firms with limits count what their accounts have, and that accounts of others count for none."""
    firm_of = {account_id: firm for firm in risk.firms.by_name.values() for account_id in firm.members}
    for line in risk.exposures:
        firm = firm_of.get(line.account.account_id)
        expected = None if firm is None else firm.lines[line.instrument.instrument_id]
        assert line.firm is expected, f"{line.account.name} in {line.instrument.symbol} counts for its firm"
    for firm in risk.firms.by_name.values():
        _check_firm(risk, firm, [order for order in open_orders if order[0] in firm.members])


def _check_firm(risk: "RiskEngine", firm: Firm, open_orders: list[OpenOrder]) -> None:
    assert firm.open_orders == len(open_orders), f"firm {firm.name} counts {firm.open_orders}, has {len(open_orders)}"
    values = dict.fromkeys(firm.worths, 0)
    counts = {instrument_id: [0, 0] for instrument_id in firm.lines}
    for _, instrument_id, side, price, qty in open_orders:
        instrument = risk.instruments[instrument_id]
        values[instrument.currency] += price * qty * instrument.tick_lot_value
        counts[instrument_id][0 if side == BUY else 1] += qty
    assert values == {currency: worth.amount for currency, worth in firm.worths.items()}, f"{firm.name}'s values add up"
    for instrument_id, line in firm.lines.items():
        symbol = line.instrument.symbol
        assert counts[instrument_id] == [line.open_buy_qty, line.open_sell_qty], f"{firm.name} in {symbol} adds up"
        amounts = [each.balances[symbol].amount for each in firm.members.values() if symbol in each.balances]
        assert line.position == sum(amounts), f"{firm.name} counts {line.position} {symbol}, has {sum(amounts)}"


def _check_available(risk: "RiskEngine", account_id: int) -> None:
    """Assert that an account never holds more than it has; a perpetual's position may be negative."""
    perpetuals = {each.symbol for each in risk.instruments.values() if not each.is_spot}
    ledger = risk.ledgers[account_id]
    for asset, balance in ledger.balances.items():
        if asset not in perpetuals:
            assert 0 <= balance.held <= balance.amount, (
                f"{ledger.name} has {balance.amount} {asset}, {balance.held} held"
            )


def _check_transit(risk: "RiskEngine") -> None:
    """Assert that the ledger `transit` is the sum of the transfers posted: each id once, nothing without one."""
    transit = risk.transit
    expected = dict.fromkeys(transit.ledger.balances, 0)
    for sign, transfers in ((1, transit.outgoing), (-1, transit.incoming)):
        for transfer in transfers.values():
            expected[transfer.asset] = expected.get(transfer.asset, 0) + sign * transfer.amount
    found = {asset: balance.amount for asset, balance in transit.ledger.balances.items()}
    assert found == expected, f"transit holds {found}, its transfers add up to {expected}"
