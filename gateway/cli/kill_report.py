"""`outcry kill-switch report`: who engaged what and why, and every order that it canceled, out of the journal."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from gateway.cli.journal import open_journal
from gateway.cli.output import JsonOption, fail, print_json
from gateway.cli.setup import DEFAULT_DATA, DataOption
from gateway.decimals import e8_text
from matching.commands import DefineAccount, DefineInstrument, DefineSession, InstructShards, RelayBatch, SetKillSwitch
from matching.events import Execution, KillSwitchSet, ScopeCanceled, ShardsInstructed
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
    """One change of a kill switch. `is_complete`: its cancels are done; `unconfirmed`: the shards that have not
    confirmed it yet.
    """

    time: str
    scope: str
    target: str
    engaged: bool
    by: str
    reason: str
    is_complete: bool = False
    orders: list[CanceledOrder] = []
    unconfirmed: list[str] = []


class Collector:
    """Folds outcomes of the journal into reports, oldest first. What an operator has told shards is one report, which
    each of them goes on with; what one has stopped by itself is one of its own.
    """

    def __init__(self) -> None:
        self.reports: list[KillReport] = []
        self._accounts: dict[int, str] = {}
        self._sessions: dict[int, str] = {}
        self._lots: dict[int, tuple[str, int]] = {}
        self._begun: dict[str, KillReport] = {}
        self._by_text: dict[tuple[str, str], KillReport] = {}
        self._told: list[tuple[KillSwitchSet, KillReport]] = []
        self._left: dict[int, set[str]] = {}

    def add(self, outcome: Outcome) -> None:
        """Take one command and its events."""
        command = outcome.command
        shard = command.shard if isinstance(command, RelayBatch) else ""
        if isinstance(command, DefineAccount):
            self._accounts[command.account_id] = command.name
        elif isinstance(command, DefineSession):
            self._sessions[command.session_id] = command.name
        elif isinstance(command, DefineInstrument):
            self._lots[command.instrument_id] = (command.symbol, command.lot_e8)
        elif isinstance(command, InstructShards):
            self._instruct(command, outcome)
        for event in outcome.events:
            if isinstance(event, KillSwitchSet):
                self._begin(shard, event, outcome.time_ns)
            elif isinstance(event, ScopeCanceled):
                self._end(shard, event)
            elif isinstance(event, Execution) and event.exec_type == EXEC_CANCELED and event.exec_restatement_reason:
                if shard in self._begun or (shard, event.text) in self._by_text:
                    self._of(shard, event.text).orders.append(self._order(event))

    def _instruct(self, command: InstructShards, outcome: Outcome) -> None:
        said = command.instruction
        if isinstance(said, DefineInstrument):
            self._lots[said.instrument_id] = (said.symbol, said.lot_e8)
        if isinstance(said, SetKillSwitch) and any(isinstance(event, ShardsInstructed) for event in outcome.events):
            content = said.scope, said.target_id, said.engaged, said.by, said.reason, said.target_name
            event = KillSwitchSet(*content)
            report = self._report(event, outcome.time_ns, list(command.shards))
            self._told.append((event, report))

    def _report(self, event: KillSwitchSet, time_ns: int, shards: list[str]) -> KillReport:
        names = {"account": self._accounts, "session": self._sessions}
        target = event.target_name or names.get(event.scope, {}).get(event.target_id) or str(event.target_id or "")
        time = f"{datetime.fromtimestamp(time_ns // 1_000_000_000, UTC):%Y-%m-%d %H:%M:%S}Z"
        report = KillReport(time, event.scope, target, event.engaged, event.by, event.reason, not event.engaged)
        report.unconfirmed = [name for name in shards if name]
        self.reports.append(report)
        self._left[id(report)] = set(shards)
        return report

    def _begin(self, shard: str, event: KillSwitchSet, time_ns: int) -> None:
        told = (report for said, report in self._told if said == event and shard in report.unconfirmed)
        report = next(told, None)
        if report is None:
            report = self._report(event, time_ns, [shard])
        if shard:
            report.unconfirmed.remove(shard)
        self._begun.pop(shard, None)
        if event.engaged:
            self._begun[shard] = report

    def _end(self, shard: str, event: ScopeCanceled) -> None:
        report = self._of(shard, event.text)
        self._left[id(report)].discard(shard)
        report.is_complete = not self._left[id(report)]

    def _of(self, shard: str, text: str) -> KillReport:
        """Return the report whose cancels have that text: what is said first after a switch was engaged is its own."""
        if shard in self._begun:
            self._by_text[shard, text] = self._begun.pop(shard)
        return self._by_text[shard, text]

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
    if report.unconfirmed:
        yield f"  not confirmed yet by shard {', shard '.join(report.unconfirmed)}"
    if report.engaged:
        yield f"  {len(report.orders)} orders canceled{'' if report.is_complete else ' so far'}"
