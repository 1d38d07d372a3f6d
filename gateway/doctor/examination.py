"""The whole examination of a configuration without a fault, and of the data folder that goes with it."""

from pathlib import Path

import msgspec

from config.settings import Settings
from gateway.doctor.certificates import certificate_findings
from gateway.doctor.dictionaries import dictionary_findings
from gateway.doctor.findings import FAULT, Finding
from gateway.doctor.numbers import number_findings
from gateway.doctor.time_lines import TimeLine, time_lines
from matching.journal import Journal, JournalError

JOURNAL_FOLDER = "journal"


class Examination(msgspec.Struct, frozen=True):
    """What was found, and the schedules on their time lines."""

    schedules: list[TimeLine]
    findings: list[Finding]

    @property
    def has_fault(self) -> bool:
        """Whether somebody is kept out for certain."""
        return any(finding.level == FAULT for finding in self.findings)


def examine(settings: Settings, data_dir: Path | None, now_s: int) -> Examination:
    """Look at everything; `data_dir` None: there is no data to compare with."""
    findings = [
        *dictionary_findings(settings.sessions),
        *certificate_findings(settings.exchange.listeners, settings.sessions, now_s),
        *([] if data_dir is None else _of_data(settings, data_dir, now_s)),
    ]
    return Examination(time_lines(settings.sessions, now_s), findings)


def _of_data(settings: Settings, data_dir: Path, now_s: int) -> list[Finding]:
    folder = data_dir / JOURNAL_FOLDER
    if not folder.is_dir():
        return [Finding(FAULT, str(data_dir), "no journal", "name the folder that `outcry serve --data` has")]
    try:
        journal = Journal.open(folder, read_only=True)
    except JournalError as error:
        return [Finding(FAULT, str(folder), str(error), "see docs/operations.md on a damaged journal")]
    try:
        states = journal.sessions().values()
        return number_findings(settings.sessions, states, last_batch=journal.last.batch_seq, now_s=now_s)
    except JournalError as error:
        return [Finding(FAULT, str(folder), str(error), "see docs/operations.md on a damaged journal")]
    finally:
        journal.close()
