"""Commands that read the journal, also while an exchange writes it: `replay` and `verify`. Nothing is changed."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer

from gateway.cli.output import JsonOption, fail, print_json
from gateway.cli.setup import DEFAULT_DATA, DataOption
from matching.journal import Journal, JournalCorruptError, JournalError, JournalReader, Outcome
from matching.replay import EngineFactory, EngineT
from matching.verification import VerifyReport
from matching.verification import replay as replay_journal
from matching.verification import verify as verify_journal

SEQ_MAX: Final = 2**63 - 1
_PROGRESS_BATCHES: Final = 2_000


def replay(
    data: DataOption = DEFAULT_DATA,
    from_seq: Annotated[int, typer.Option("--from", min=1, metavar="SEQ", help="First command.")] = 1,
    to_seq: Annotated[
        int, typer.Option("--to", min=1, metavar="SEQ", help="Last command.", show_default="the last")
    ] = SEQ_MAX,
    shard: Annotated[str, typer.Option(metavar="NAME", help="The journal of that shard, not the gateway's.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Show what is journaled.

    Each command with its sequence and time, and the events that it gave. Prices are ticks, quantities lots. With
    --json each command is one line. Where shards are processes of their own, each has a journal of its own.
    """
    if shard:
        from gateway.shard_verification import shard_folders

        folders = shard_folders(data)
        if shard not in folders:
            fail(f"there is no shard {shard!r} in {data}, allowed: {', '.join(folders) or 'none'}", as_json=as_json)
        data = folders[shard]
    journal = open_journal(data, as_json=as_json)
    try:
        for outcome in replay_journal(journal, from_seq, to_seq):
            if as_json:
                print_json(_as_json(outcome))
            else:
                _print_outcome(outcome)
    except JournalError as error:
        fail(str(error), as_json=as_json)
    finally:
        journal.close()


def verify(data: DataOption = DEFAULT_DATA, as_json: JsonOption = False) -> None:
    """Check the whole journal against a replay.

    Every event, every checksum and every snapshot is compared; with shards, their journals too, and whether the
    gateway has what they say. Exit code 0 when all is whole, 1 when anything differs; each fault is named.
    """
    # The composition root knows which engine the journal belongs to; loading it takes time.
    from gateway.shard_verification import differences, shard_folders
    from gateway.start_up import new_engine, new_relay

    shards = shard_folders(data)
    reports = {"gateway": _verified(data, new_relay if shards else new_engine, as_json=as_json)}
    for name, folder in shards.items():
        reports[f"shard {name}"] = _verified(folder, new_engine, as_json=as_json)
    if shards and all(report.is_whole for report in reports.values()):
        journal = open_journal(data, as_json=as_json)
        try:
            reports["gateway"].faults += differences(journal, shards)
        finally:
            journal.close()
    _show(reports, as_json=as_json)
    if not all(report.is_whole for report in reports.values()):
        raise typer.Exit(1)


def _verified(data: Path, factory: EngineFactory[EngineT], *, as_json: bool) -> VerifyReport:
    from gateway.start_up import SNAPSHOT_FOLDER

    journal = open_journal(data, as_json=as_json)
    try:
        progress = None if as_json or not sys.stderr.isatty() else _show_progress
        return verify_journal(journal, factory, progress, data / SNAPSHOT_FOLDER)
    except JournalError as error:
        fail(str(error), as_json=as_json)
    finally:
        journal.close()


def _show(reports: Mapping[str, VerifyReport], *, as_json: bool) -> None:
    """Show one report as it is, and several by the name of whose journal it is."""
    is_whole = all(report.is_whole for report in reports.values())
    if len(reports) == 1:
        (report,) = reports.values()
        if as_json:
            print_json({"ok": is_whole, **msgspec.to_builtins(report)})
        else:
            _print_report(report)
        return
    if as_json:
        print_json({"ok": is_whole, "journals": {name: msgspec.to_builtins(each) for name, each in reports.items()}})
        return
    for name, report in reports.items():
        print(f"{name}:")
        _print_report(report)


def open_journal(data: Path, *, as_json: bool) -> JournalReader:
    """Open the journal of a data folder for reading, or end the command with a complaint."""
    from gateway.start_up import JOURNAL_FOLDER

    folder = data / JOURNAL_FOLDER
    if not folder.is_dir():
        fail(f"there is no journal in {data}", as_json=as_json)
    try:
        return Journal.open(folder, read_only=True)
    except (JournalError, JournalCorruptError) as error:
        fail(str(error), as_json=as_json)


def _as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "seq": outcome.seq,
        "time": _time(outcome.time_ns),
        "command": _record(outcome.command),
        "events": [_record(event) for event in outcome.events],
    }


def _record(record: msgspec.Struct) -> dict[str, Any]:
    fields = msgspec.structs.asdict(record).items()
    values = {name: _record(value) if isinstance(value, msgspec.Struct) else value for name, value in fields}
    return {"type": type(record).__name__, **values}


def _print_outcome(outcome: Outcome) -> None:
    print(f"{outcome.seq} {_time(outcome.time_ns)} {_words(outcome.command)}")
    for event in outcome.events:
        print(f"    {_words(event)}")


def _words(record: msgspec.Struct) -> str:
    """Name of the record and its fields; those that say nothing are left out."""
    words = [type(record).__name__]
    for field in msgspec.structs.fields(record):
        value = getattr(record, field.name)
        # Bytes are the frame of a shard: its events follow, decoded.
        is_empty = (not value and not isinstance(value, bool)) or isinstance(value, bytes)
        if value != field.default and not is_empty:
            words.append(f"{field.name}={value}")
    return " ".join(words)


def _time(time_ns: int) -> str:
    """UTC with all nine digits of the second, which `datetime` does not have."""
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"


def _show_progress(batch_seq: int, last_batch_seq: int) -> None:
    if batch_seq % _PROGRESS_BATCHES == 0 or batch_seq == last_batch_seq:
        end = "\n" if batch_seq == last_batch_seq else ""
        print(f"\r  batch {batch_seq:,} of {last_batch_seq:,}", end=end, file=sys.stderr, flush=True)


def _print_report(report: VerifyReport) -> None:
    print(
        f"batches {report.first_batch_seq:,} to {report.last_batch_seq:,} were replayed: {report.commands:,} commands,"
    )
    print(f"{report.events:,} events, {report.messages:,} outbound messages, {report.sessions:,} sessions")
    print(f"chain {report.chain or '-'}, state {report.state_hash or '-'}")
    print(f"snapshots that hold the same state: {', '.join(map(str, report.snapshots)) or 'none'}")
    for fault in report.faults:
        print(f"outcry: {fault}", file=sys.stderr)
    print("whole" if report.is_whole else f"{len(report.faults)} faults")
