"""Carries out what `outcry certify` was asked for: an exchange, a line, the cases, and how all are told of it."""

import contextlib
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from gateway.certify import report
from gateway.certify.case_table import Case, cases_of
from gateway.certify.certification import Certification, Plan
from gateway.certify.exchange import (
    MAKER,
    ROLE_SUFFIX,
    TARGET,
    TRADER,
    ExchangeFailedError,
    Member,
    ThrowAwayExchange,
    clear_book,
    free_port,
)
from gateway.certify.line import Line
from gateway.certify.report import Report, Result
from gateway.certify.run import Act, Desk
from gateway.cli import admin_client
from gateway.cli.output import ExitCode, console, fail, print_json
from gateway.client import FixClient
from gateway.inbound import Role
from gateway.sessions import VERSION_OF_BEGIN_STRING, Version

ROLES: Final = tuple(ROLE_SUFFIX)
THROTTLE: Final = {"MessageRate": "100", "MessageBurst": "100"}


class Wishes(NamedTuple):
    """What the command was given."""

    listen: str
    member: str
    password: str
    begin_string: str
    roles: tuple[str, ...]
    cases: tuple[str, ...]
    skipped: tuple[str, ...]
    has_all: bool
    is_resumed: bool
    out: Path | None
    attach: str
    data: Path | None
    maker: str
    patience_s: float
    answer_s: float
    as_json: bool


def carry_out(wishes: Wishes, *, only_list: bool) -> bool:
    """Certify, or only name the cases; return whether every case has passed."""
    as_json = wishes.as_json
    roles = _roles(wishes.roles, as_json=as_json)
    version = _version(wishes.begin_string, as_json=as_json)
    known = {case.name: case for role in roles for case in cases_of(role, version)}
    unknown = [name for name in (*wishes.cases, *wishes.skipped) if name not in known]
    if unknown:
        fail(f"no such case: {', '.join(unknown)}; --list names them", as_json=as_json, code=ExitCode.USAGE)
    if only_list:
        _list(list(known.values()), as_json=as_json)
        return True
    who = Member(wishes.member, wishes.password)
    names = tuple((role, who.comp_id if wishes.attach else who.session(role)) for role in roles)
    times = wishes.patience_s, wishes.answer_s
    folder = wishes.out or Path(tempfile.mkdtemp(prefix="certification-"))
    folder.mkdir(parents=True, exist_ok=True)
    before = _before(folder, as_json=as_json)
    above = before.last_price if before is not None else Decimal(0)
    chosen = names, version, wishes.cases, wishes.skipped, wishes.has_all
    plan = Plan(who.comp_id, TARGET, *chosen, who.password, *times, above)
    watcher: _JsonWatcher | _TextWatcher = _JsonWatcher() if as_json else _TextWatcher()
    earlier = before.results if before is not None and wishes.is_resumed else ()
    with _exchange(wishes, who) as (address, desk):
        opened = partial(_listen, wishes.listen, address, watcher, as_json)
        finished = Certification(plan, desk, watcher, folder, listen=opened).go(earlier)
    watcher.finished(finished, report.write(folder, finished))
    return finished.is_passed


def _before(folder: Path, *, as_json: bool) -> Report | None:
    try:
        return report.read(folder)
    except msgspec.MsgspecError as error:
        fail(f"{folder / report.RESULTS_FILE} is no report: {error}", as_json=as_json, code=ExitCode.USAGE)


def _version(begin_string: str, *, as_json: bool) -> Version:
    if begin_string not in VERSION_OF_BEGIN_STRING:
        allowed = ", ".join(VERSION_OF_BEGIN_STRING)
        fail(f"{begin_string} is no version: {allowed}", as_json=as_json, code=ExitCode.USAGE)
    return VERSION_OF_BEGIN_STRING[begin_string]


def _roles(given: tuple[str, ...], *, as_json: bool) -> tuple[Role, ...]:
    wrong = [name for name in given if name not in ROLES]
    if wrong:
        fail(f"{', '.join(wrong)} is no role: {', '.join(ROLES)}", as_json=as_json, code=ExitCode.USAGE)
    return tuple(role for role in ROLES if role in given)


def _address(text: str, *, as_json: bool) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:
        fail(f"{text} is no HOST:PORT", as_json=as_json, code=ExitCode.USAGE)
    return host, int(port)


def _listen(
    text: str,
    exchange: tuple[str, int],
    watcher: "_JsonWatcher | _TextWatcher",
    as_json: bool,
    listener: Certification,
) -> Line:
    host, port = _address(text, as_json=as_json)
    try:
        line = Line(host, port, exchange, listener)
    except OSError as error:
        fail(f"{text}: {error}", as_json=as_json)
    watcher.listening(line.address)
    return line


@contextlib.contextmanager
def _exchange(wishes: Wishes, who: Member) -> Iterator[tuple[tuple[str, int], Desk]]:
    """The exchange to certify against, and what can be done with it."""
    as_json = wishes.as_json
    if wishes.attach:
        address = _address(wishes.attach, as_json=as_json)
        operate = _operator(wishes.data) if wishes.data is not None else None
        maker = _client(address, *_credentials(wishes.maker, as_json=as_json)) if wishes.maker else None
        yield address, Desk(maker=maker, operate=operate)
        return
    exchange = ThrowAwayExchange(who, free_port(), keys=THROTTLE)
    # A run that is told to end takes its exchange with it.
    before = signal.signal(signal.SIGTERM, _interrupted)
    try:
        exchange.start()
        maker, trader = (_client(exchange.address, name, who.password) for name in (MAKER, TRADER))
        operate = _operator(exchange.data)
        yield exchange.address, Desk(maker, trader, operate, partial(clear_book, operate))
    except ExchangeFailedError as error:
        fail(str(error), as_json=as_json)
    except KeyboardInterrupt:
        fail("broken off; `--resume` with the same --out goes on", as_json=as_json)
    finally:
        exchange.stop()
        signal.signal(signal.SIGTERM, before)


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def _credentials(maker: str, *, as_json: bool) -> tuple[str, str]:
    name, colon, password = maker.partition(":")
    if not colon:
        fail(f"{maker} is no COMPID:PASSWORD", as_json=as_json, code=ExitCode.USAGE)
    return name, password


def _client(address: tuple[str, int], name: str, password: str) -> Callable[[], FixClient]:
    return partial(FixClient, *address, sender=name, password=password, target=TARGET)


def _operator(data: Path) -> Callable[[str, dict[str, Any]], Any]:
    return partial(admin_client.call, data / admin_client.SOCKET_NAME)


def _list(cases: list[Case], *, as_json: bool) -> None:
    if as_json:
        print_json([{"case": case.name, "title": case.title, "optional": case.is_optional} for case in cases])
        return
    for case in cases:
        print(f"{case.name:28} {case.title}{' (optional)' if case.is_optional else ''}")


class _TextWatcher:
    """Tells people."""

    def __init__(self) -> None:
        self._console = console()

    def _print(self, text: str, style: str = "") -> None:
        self._console.print(text, style=style, markup=False, soft_wrap=True)

    def listening(self, address: tuple[str, int]) -> None:
        self._print(f"ready: connect your engine to {address[0]}:{address[1]}")

    def begun(self, case: Case, session: str) -> None:
        self._print(f"\n{session} {case.name}: {case.title}", "bold")

    def act(self, act: Act) -> None:
        self._print(f"  → {act.text}", "cyan")

    def note(self, text: str) -> None:
        self._print(f"    {text}")

    def ended(self, result: Result) -> None:
        style = {"passed": "green", "failed": "red", "skipped": "yellow"}[result.verdict]
        self._print(f"  {result.verdict}" + (f": {result.found}. {result.asks}" if result.found else ""), style)
        if result.message:
            self._print(f"    {result.message}")

    def finished(self, finished: report.Report, files: list[Path]) -> None:
        self._print(f"\n{'passed' if finished.is_passed else 'not passed'}", "bold")
        for path in files:
            self._print(f"  {path}")


class _JsonWatcher:
    """Tells programs: a line of JSON for each event."""

    def listening(self, address: tuple[str, int]) -> None:
        self._event("listening", host=address[0], port=address[1])

    def begun(self, case: Case, session: str) -> None:
        self._event("case", case=case.name, title=case.title, session=session)

    def act(self, act: Act) -> None:
        self._event("act", kind=act.kind, text=act.text, msg_type=act.msg_type, fields=act.fields, times=act.times)

    def note(self, text: str) -> None:
        self._event("note", text=text)

    def ended(self, result: Result) -> None:
        self._event("result", result=result)

    def finished(self, finished: report.Report, files: list[Path]) -> None:
        self._event("report", passed=finished.is_passed, files=[str(path) for path in files])

    def _event(self, event: str, **values: Any) -> None:
        print_json({"event": event, **values})
        sys.stdout.flush()
