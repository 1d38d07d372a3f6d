"""`outcry kill-switch report`: who engaged what and why, and every order that it canceled, out of the journal."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from gateway.cli.journal import open_journal
from gateway.cli.output import JsonOption, fail, print_json
from gateway.cli.setup import DEFAULT_DATA, DataOption
from gateway.decimals import e8_text
from matching.commands import DefineAccount, DefineInstrument
from matching.events import Execution, KillSwitchSet, ScopeCanceled
from matching.journal import JournalError, Outcome
from matching.types import EXEC_CANCELED
from matching.verification import replay

SEQ_MAX: Final = 2**63 - 1


class CanceledOrder(msgspec.Struct):
    """One order that a kill switch canceled."""

    order_id: str
    cl_ord_id: str
    account: str
    symbol: str
    side: str
    qty: str
    filled: str


class KillReport(msgspec.Struct):
    """One change of a kill switch. `is_complete`: its cancels are done."""

    time: str
    scope: str
    target: str
    engaged: bool
    by: str
    reason: str
    is_complete: bool = False
    orders: list[CanceledOrder] = []


class Collector:
    """Folds outcomes of the journal into reports, oldest first. With shards each shard says its own KillSwitchSet."""

    def __init__(self) -> None:
        self.reports: list[KillReport] = []
        self._accounts: dict[int, str] = {}
        self._lots: dict[int, tuple[str, int]] = {}
        self._begun: KillReport | None = None
        self._by_text: dict[str, KillReport] = {}

    def add(self, outcome: Outcome) -> None:
        """Take one command and its events."""
        command = outcome.command
        if isinstance(command, DefineAccount):
            self._accounts[command.account_id] = command.name
        elif isinstance(command, DefineInstrument):
            self._lots[command.instrument_id] = (command.symbol, command.lot_e8)
        for event in outcome.events:
            if isinstance(event, KillSwitchSet):
                self._begin(event, outcome.time_ns)
            elif isinstance(event, ScopeCanceled):
                self._of(event.text).is_complete = True
            elif isinstance(event, Execution) and event.exec_type == EXEC_CANCELED and event.exec_restatement_reason:
                if self._begun is not None or event.text in self._by_text:
                    self._of(event.text).orders.append(self._order(event))

    def _begin(self, event: KillSwitchSet, time_ns: int) -> None:
        names = {"account": self._accounts.get(event.target_id, ""), "firm": event.target_name}
        target = names.get(event.scope) or str(event.target_id or "")
        time = f"{datetime.fromtimestamp(time_ns // 1_000_000_000, UTC):%Y-%m-%d %H:%M:%S}Z"
        report = KillReport(time, event.scope, target, event.engaged, event.by, event.reason, not event.engaged)
        self.reports.append(report)
        self._begun = report if event.engaged else None

    def _of(self, text: str) -> KillReport:
        """Return the report whose cancels have that text: what is said first after a switch was engaged is its own."""
        if self._begun is not None:
            self._by_text[text] = self._begun
            self._begun = None
        return self._by_text[text]

    def _order(self, event: Execution) -> CanceledOrder:
        symbol, lot_e8 = self._lots.get(event.instrument_id, (str(event.instrument_id), 1))
        account = self._accounts.get(event.account_id, str(event.account_id))
        qty, filled = e8_text(event.qty * lot_e8), e8_text(event.cum_qty * lot_e8)
        return CanceledOrder(f"O{event.order_id}", event.cl_ord_id, account, symbol, event.side, qty, filled)


def kill_report(data: DataOption = DEFAULT_DATA, as_json: JsonOption = False) -> None:
    """Show every change of a kill switch: when, who, why, and each order that it canceled.

    Read from the journal, also while the exchange runs.
    """
    journal = open_journal(data, as_json=as_json)
    collector = Collector()
    try:
        for outcome in replay(journal, journal.base.seq + 1, SEQ_MAX):
            collector.add(outcome)
    except JournalError as error:
        fail(str(error), as_json=as_json)
    finally:
        journal.close()
    if as_json:
        print_json(msgspec.to_builtins(collector.reports))
        return
    for report in collector.reports:
        print("\n".join(_lines(report)))


def _lines(report: KillReport) -> Iterator[str]:
    what = "engaged" if report.engaged else "released"
    yield f"{report.time} {report.scope} {report.target} {what} by {report.by}: {report.reason}".replace("  ", " ")
    for order in report.orders:
        side = "buy" if order.side == "1" else "sell"
        rest = f"{side} {order.qty} {order.symbol}, {order.filled} filled"
        yield f"  {order.order_id} {order.cl_ord_id} of {order.account}: {rest}"
    if report.engaged:
        yield f"  {len(report.orders)} orders canceled{'' if report.is_complete else ' so far'}"
