"""A whole certification: sessions one after the other, their cases, results, and the report. Holds no rule itself.

Results are written after every case, so that a run that is broken off goes on where it was. Owner: one thread.
"""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from gateway.certify import report
from gateway.certify.case_table import Case, cases_of, lacks
from gateway.certify.line import Line, Link
from gateway.certify.raw import RawMessage
from gateway.certify.report import Report, Result
from gateway.certify.rules import RULES, Fault
from gateway.certify.run import CaseFailed, Desk, Run, Teller
from gateway.client.client import FixClientError
from gateway.client.session import utc_now, utc_timestamp
from gateway.inbound import Role
from gateway.sessions import Version

LOG_FILE: Final = "wire.log"


class Watcher(Teller, Protocol):
    """Who is told how it goes."""

    def begun(self, case: Case, session: str) -> None:
        """A case begins."""

    def ended(self, result: Result) -> None:
        """A case is over."""


class Plan(NamedTuple):
    """What is to be certified. `names`: cases by name, none for all that are not optional; `has_all`: these too."""

    member: str
    target: str
    sessions: tuple[tuple[Role, str], ...]
    version: Version
    names: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    has_all: bool = False
    password: str = ""
    patience_s: float = 300.0
    answer_s: float = 10.0
    above: Decimal = Decimal(0)
    """The best bid of an earlier run, which may still stand."""


class Certification:
    """Goes through a plan. `listen` opens the line once there is somebody to listen to it."""

    def __init__(
        self, plan: Plan, desk: Desk, watcher: Watcher, folder: Path, *, listen: Callable[["Certification"], Line]
    ) -> None:
        self._plan = plan
        self._desk = desk
        self._watcher = watcher
        self._folder = folder
        self._listen = listen
        self._run: Run | None = None
        self._results: list[Result] = []
        self._begun = utc_timestamp(utc_now())
        self._last_price = plan.above

    # --- what the line tells -----------------------------------------------------------------------------------------

    def opened(self, link: Link) -> None:
        """A client has connected."""
        if self._run is not None:
            self._run.opened(link)

    def said(self, link: Link, message: RawMessage) -> None:
        """A client has sent a message."""
        if self._run is None:
            return
        if self._run.said_by(link, message):
            self._run.on_said(link, message)
        else:
            found = f"SenderCompID(49)={link.comp_id}, this session is {self._run.comp_id}"
            self._run.stray(Fault("header", found, str(message)))

    def heard(self, link: Link, message: RawMessage, *, is_lost: bool) -> None:
        """The exchange has sent a message."""
        if self._run is not None:
            self._run.on_heard(link, message, is_lost=is_lost)

    def closed(self, link: Link, *, by_client: bool) -> None:
        """A connection is gone."""
        if self._run is not None:
            self._run.on_closed(link, by_client=by_client)

    # --- the run -----------------------------------------------------------------------------------------------------

    def go(self, earlier: Sequence[Result] = ()) -> Report:
        """Go through all sessions; cases that `earlier` has as passed are taken over from there."""
        self._results = [result for result in earlier if result.verdict == "passed"]
        passed = {(result.session, result.case, result.version) for result in self._results}
        line = self._listen(self)
        try:
            for role, comp_id in self._plan.sessions:
                self._session(role, comp_id, line, passed)
        finally:
            line.close()
        return self.report()

    def _session(self, role: Role, comp_id: str, line: Line, passed: set[tuple[str, str, str]]) -> None:
        plan = self._plan
        self._run = Run(
            role,
            comp_id,
            plan.target,
            self._watcher,
            self._desk,
            password=plan.password,
            patience_s=plan.patience_s,
            answer_s=plan.answer_s,
            log=self._folder / LOG_FILE,
            above=self._last_price,
        )
        self._run.use(line)
        if self._desk.clear is not None:
            self._desk.clear()
        try:
            for case in self._chosen(role):
                if (comp_id, case.name, plan.version) not in passed:
                    self._watcher.begun(case, comp_id)
                    result = self._result(case, comp_id, self._run)
                    self._results.append(result)
                    self._last_price = self._run.price
                    self._watcher.ended(result)
                    report.write(self._folder, self.report())
        finally:
            self._run.close()
            self._run = None

    def _chosen(self, role: Role) -> Iterator[Case]:
        for case in cases_of(role, self._plan.version):
            is_wanted = (
                case.name in self._plan.names if self._plan.names else self._plan.has_all or not case.is_optional
            )
            if is_wanted and case.name not in self._plan.skipped:
                yield case

    def _result(self, case: Case, comp_id: str, run: Run) -> Result:
        missing = lacks(case, self._desk)
        if missing:
            return self._of(case, comp_id, "skipped", found=f"this run is without {missing}")
        try:
            if run.judge is not None:
                run.judge.allowed = frozenset()
            case.play(run)
            run.settle()
            if run.version != self._plan.version:
                raise CaseFailed(Fault("act", f"the client speaks {run.version}, {self._plan.version} is certified"))
        except CaseFailed as failed:
            fault = failed.fault
            rule = RULES[fault.rule]
            asks = f"{rule.where}: {rule.asks}"
            self._forget(run)
            return self._of(
                case, comp_id, "failed", rule=fault.rule, found=fault.found, asks=asks, message=fault.message
            )
        except FixClientError as error:
            self._forget(run)
            return self._of(case, comp_id, "failed", rule="act", found=f"the other side: {error}")
        return self._of(case, comp_id, "passed")

    def _forget(self, run: Run) -> None:
        """Begin the next case afresh: faults that belong to the failed one are its own."""
        link = run.link
        if link is not None:
            link.lose_from_client = link.lose_to_client = None
            link.release()
        if run.judge is not None:
            run.pause(0.1)
            run.judge.take_faults()

    def _of(self, case: Case, comp_id: str, verdict: report.Verdict, **more: str) -> Result:
        at = utc_timestamp(utc_now())
        return Result(case.name, case.title, comp_id, self._plan.version, verdict, at=at, **more)

    def report(self) -> Report:
        """The report as it stands."""
        return Report(
            member=self._plan.member,
            exchange=report.exchange_version(),
            begun=self._begun,
            ended=utc_timestamp(utc_now()),
            dictionaries=report.dictionary_hashes((self._plan.version,)),
            rules=report.rules_hash(),
            results=tuple(self._results),
            last_price=self._last_price,
        )
