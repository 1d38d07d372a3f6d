"""`outcry check`: every fault of a configuration at once, and what the session doctor has to say."""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from config.settings import SHIPPED, Report
from config.settings import check as check_configuration
from gateway.cli.output import ExitCode, JsonOption, print_json
from gateway.cli.setup import ConfigOption, prepare, print_report
from gateway.doctor.examination import Examination, examine
from gateway.doctor.findings import FAULT, names
from gateway.doctor.time_lines import HOURS, LEGEND, TimeLine
from matching.clock import SystemClock

SECOND_NS: Final = 1_000_000_000


def check(
    config: ConfigOption = SHIPPED,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="Compare with the sessions and numbers of this data folder too."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Name every fault of a configuration at once, and what will be trouble.

    Each fault with file, line, key, what was found and what is allowed; then each schedule on a time line, and what
    dictionaries, certificates and, with --data, stored numbers promise, with what to do. Exit code 2 where there is a
    fault; a warning changes nothing of it.
    """
    prepare(config)
    report = check_configuration(config)
    found = None if report.settings is None else examine(report.settings, data, SystemClock().now_ns() // SECOND_NS)
    if as_json:
        _print_as_json(report, found)
    else:
        print_report(report, as_json=False)
        if found is not None:
            _print_examination(found)
    if report.faults or (found is not None and found.has_fault):
        raise typer.Exit(ExitCode.USAGE)


def _print_as_json(report: Report, found: Examination | None) -> None:
    print_json(
        {
            "ok": not report.faults and not (found is not None and found.has_fault),
            "faults": report.faults,
            "notes": report.notes,
            "findings": [] if found is None else found.findings,
            "schedules": [] if found is None else found.schedules,
        }
    )


def _print_examination(found: Examination) -> None:
    drawn = [line for line in found.schedules if line.week]
    for line in found.schedules:
        if not line.week:
            print(f"schedule {line.schedule}: {len(line.sessions)} sessions, numbers never begin anew by themselves")
    for line in drawn:
        _print_line(line)
    if drawn:
        print(f"  {LEGEND}")
    for finding in found.findings:
        print(finding, file=sys.stderr if finding.level == FAULT else sys.stdout)


def _print_line(line: TimeLine) -> None:
    print(f"schedule {line.schedule}: {names(line.sessions)}, {'open' if line.open_now else 'closed'} now")
    print(f"  {'':6}  {HOURS}")
    for day, signs in line.week:
        print(f"  {day}  {signs}")
    moments = [("numbers begin anew", line.next_reset), ("next logon", line.next_logon)]
    for what, moment in (*moments, ("", line.clock_change)):
        if moment:
            print(f"  {f'{what}: ' if what else ''}{moment}")
