"""What the journal says of one trade: its two orders, its price and quantity now, and the ExecIDs that said so last.

    python -m gateway.trade_lookup --journal data/journal T12

Names a trade by its TrdMatchID(880), or by the ExecID(17) of a fill or correction of either side. Prints one JSON
object, nothing where there is no such trade. A process of its own: an operator's question costs the matching thread
nothing.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from matching.events import Execution
from matching.journal import Journal, JournalReader
from matching.types import BUY

LOOK_BACK_NS: Final = 7 * 86_400 * 1_000_000_000
"""A week: no trading day is longer, and trades of an earlier one cannot be corrected."""


class Trade(msgspec.Struct):
    """A trade as it stands now; ids, ticks and lots as in `CorrectTrade`. A quantity of 0: it is busted."""

    instrument_id: int
    trade_id: int
    buy_order_id: int = 0
    sell_order_id: int = 0
    buy_exec_id: int = 0
    sell_exec_id: int = 0
    price: int = 0
    qty: int = 0


def find_trade(journal: JournalReader, name: str) -> Trade | None:
    """Return the trade of a name such as T12 or E34; None where the journal has no such trade."""
    wanted = int(name[1:])
    trade = None
    before: Execution | None = None
    for execution in _executions(journal):
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
    return trade


def _executions(journal: JournalReader) -> Iterator[Execution]:
    """Yield fills and their corrections, oldest first."""
    for batch in journal.read(max(journal.batch_at(journal.last.time_ns - LOOK_BACK_NS), journal.base.batch_seq + 1)):
        for event in batch.decode_events():
            if type(event) is Execution and event.trade_id:
                yield event


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
