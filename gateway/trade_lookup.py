"""What the journal says of one trade: its two orders, its price and quantity now, and the ExecIDs that said so last.

    python -m gateway.trade_lookup --journal data/journal T12

Names a trade by its TrdMatchID(880), or by the ExecID(17) of a fill or correction of either side. Prints one JSON
object, nothing where there is no such trade. A process of its own: an operator's question costs the matching thread
nothing.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from matching.events import Execution, TradingPhaseSet
from matching.journal import Journal, JournalReader
from matching.phases import DELISTED
from matching.types import BUY, EXEC_TRADE, EXEC_TRADE_CANCEL

LOOK_BACK_NS: Final = 7 * 86_400 * 1_000_000_000
"""A week: no trading day is longer, and trades of an earlier one cannot be corrected."""
STANDING_BATCHES: Final = 4_096
"""Batches read at once for the newest trade that stands, from the last one back."""


class Trade(msgspec.Struct):
    """A trade as it stands now; ids, ticks and lots as in `CorrectTrade`. A quantity of 0: it is busted.

    `standing_*` is the newest other trade of the instrument that stands, 0 where the journal has none of the last week;
    `is_newest`: no other one is newer.
    """

    instrument_id: int
    trade_id: int
    buy_order_id: int = 0
    sell_order_id: int = 0
    buy_exec_id: int = 0
    sell_exec_id: int = 0
    price: int = 0
    qty: int = 0
    standing_trade_id: int = 0
    standing_price: int = 0
    is_newest: bool = True


def find_trade(journal: JournalReader, name: str) -> Trade | None:
    """Return the trade of a name such as T12 or E34; None where the journal has no such trade."""
    wanted = int(name[1:])
    trade = None
    before: Execution | None = None
    corrected: dict[int, Execution] = {}
    for execution in _executions(journal):
        if execution.exec_type != EXEC_TRADE:
            corrected[execution.trade_id] = execution
        if trade is None:
            found = execution.trade_id if name.startswith("T") else execution.exec_id
            if found == wanted:
                trade = Trade(execution.instrument_id, execution.trade_id)
                # Both sides stand beside each other: the one just before may be of the same trade.
                if before is not None and before.trade_id == trade.trade_id:
                    _take(trade, before)
        if trade is not None and execution.trade_id == trade.trade_id:
            _take(trade, execution)
        before = execution
    if trade is not None:
        _find_standing(journal, trade, corrected)
    return trade


def _first_batch(journal: JournalReader) -> int:
    return max(journal.batch_at(journal.last.time_ns - LOOK_BACK_NS), journal.base.batch_seq + 1)


def _executions(journal: JournalReader) -> Iterator[Execution]:
    """Yield fills and their corrections, oldest first."""
    for batch in journal.read(_first_batch(journal)):
        for event in batch.decode_events():
            if type(event) is Execution and event.trade_id:
                yield event


def _find_standing(journal: JournalReader, trade: Trade, corrected: Mapping[int, Execution]) -> None:
    """Note the newest other trade that stands: mostly it is one of the last, so more is read only where it is not.

    Nothing counts from before the instrument was delisted.
    """
    delisted = trade.instrument_id, DELISTED
    first, end = _first_batch(journal), journal.last.batch_seq + 1
    while end > first:
        begin = max(end - STANDING_BATCHES, first)
        found, is_cut, is_behind = 0, False, False
        for batch in journal.read(begin):
            if batch.batch_seq >= end:
                break
            for event in batch.decode_events():
                if type(event) is TradingPhaseSet and (event.instrument_id, event.phase) == delisted:
                    found, is_cut, is_behind = 0, True, False
                elif type(event) is not Execution or event.exec_type != EXEC_TRADE:
                    continue
                elif event.trade_id == trade.trade_id:
                    is_behind = True
                elif _may_stand(event, trade, corrected):
                    found = event.trade_id
                    trade.standing_price = corrected.get(found, event).last_price
        if found or is_cut:
            trade.standing_trade_id = found
            trade.is_newest = found < trade.trade_id and (is_behind or not is_cut)
            return
        end = begin


def _may_stand(event: Execution, trade: Trade, corrected: Mapping[int, Execution]) -> bool:
    if event.instrument_id != trade.instrument_id:
        return False
    last = corrected.get(event.trade_id)
    return last is None or last.exec_type != EXEC_TRADE_CANCEL


def _take(trade: Trade, execution: Execution) -> None:
    if execution.side == BUY:
        trade.buy_order_id, trade.buy_exec_id = execution.order_id, execution.exec_id
    else:
        trade.sell_order_id, trade.sell_exec_id = execution.order_id, execution.exec_id
    trade.price, trade.qty = execution.last_price, execution.last_qty


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the trade as JSON; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--journal", type=Path, required=True, help="folder of the journal")
    parser.add_argument("name", help="T and a number: TrdMatchID(880); E and a number: ExecID(17)")
    options = parser.parse_args(arguments)
    journal = Journal.open(options.journal, read_only=True)
    try:
        trade = find_trade(journal, options.name)
    finally:
        journal.close()
    if trade is not None:
        print(msgspec.json.encode(trade).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
