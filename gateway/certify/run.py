"""Goes through the cases of one session: tells the developer each act, waits for the client's bytes, and judges them.

A case passes where its acts were done and nothing that the client sent meanwhile broke a rule. Owner: one thread, which
also moves the line. Waiting is bounded by `patience_s` for people and `answer_s` for engines.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeAlias

from gateway.certify.line import Line, Link
from gateway.certify.message_rules import MessageJudge
from gateway.certify.raw import RawMessage, without_secrets
from gateway.certify.rules import Fault
from gateway.certify.session_rules import SessionJudge
from gateway.client import FixClient
from gateway.client.session import utc_now
from gateway.inbound import Role
from gateway.rules.specification import Specification, specification
from gateway.sessions import FIX44, VERSION_OF_BEGIN_STRING, Version

ActKind: TypeAlias = Literal[
    "logon", "logon again", "logon with a wrong password", "logon with a reset", "logout", "send", "nothing"
]
PUMP_S: Final = 0.05
SETTLE_S: Final = 0.25
"""How long the line is watched after a case, so that what a client refuses late still counts for it."""
PRICE_MIN: Final = Decimal("300.00")
PRICE_STEP: Final = Decimal("0.01")
"""Bids of a certification: from 300 up to 732 at the end of the day, within the band around 585."""
Wanted: TypeAlias = Mapping[int, str]


class CaseFailed(Exception):  # noqa: N818 - a verdict, not an error of ours
    """A case is not passed; carries the fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.text)
        self.fault = fault


class Act(NamedTuple):
    """What the developer is told to do next. `fields` are asked for as they are, in `times` messages of `msg_type`."""

    kind: ActKind
    text: str
    msg_type: str = ""
    fields: tuple[tuple[int, str], ...] = ()
    times: int = 1


class Teller(Protocol):
    """Who tells the developer."""

    def act(self, act: Act) -> None:
        """The next act."""

    def note(self, text: str) -> None:
        """Something worth knowing."""


class Desk(NamedTuple):
    """What the certification can do beside the line. None: it cannot, and cases that want it are skipped.

    `maker` and `trader` give clients that are logged on: the other side, and another session of the member's account.
    `operate` has the exchange do an operator's command; `clear` takes earlier orders out of the book.
    """

    maker: Callable[[], FixClient] | None = None
    trader: Callable[[], FixClient] | None = None
    operate: Callable[[str, dict[str, Any]], Any] | None = None
    clear: Callable[[], None] | None = None


class Run:
    """One session of the member, over all its connections."""

    def __init__(
        self,
        role: Role,
        comp_id: str,
        target: str,
        teller: Teller,
        desk: Desk,
        *,
        password: str = "",
        patience_s: float,
        answer_s: float,
        log: Path,
        above: Decimal,
    ) -> None:
        self.role = role
        self.comp_id = comp_id
        self.target = target
        self.desk = desk
        self.password = password
        self._teller = teller
        self._patience_s = patience_s
        self._answer_s = answer_s
        self._log = log.open("ab")
        self._line: Line | None = None
        self.version: Version = FIX44
        self.judge: SessionJudge | None = None
        self.link: Link | None = None
        self.said: list[RawMessage] = []
        self.heard: list[RawMessage] = []
        self._strays: list[Fault] = []
        self.price = max(_first_price(utc_now()), above)

    def use(self, line: Line) -> None:
        """Take the line that this run listens to."""
        self._line = line

    def close(self) -> None:
        """Close the log."""
        self._log.close()

    # --- the line ----------------------------------------------------------------------------------------------------

    def opened(self, link: Link) -> None:
        """A client has connected; who it is, its first message says."""

    def said_by(self, link: Link, message: RawMessage) -> bool:
        """Whether a message is of this session; the first of a connection decides."""
        if not link.comp_id:
            link.comp_id = message.get(49) or "?"
        return link.comp_id == self.comp_id

    def on_said(self, link: Link, message: RawMessage) -> None:
        """Judge a message of the client."""
        now = time.monotonic()
        self._write(b"> ", message)
        if link is not self.link:
            self._take(link, message, now)
        assert self.judge is not None
        self.judge.from_client(message, now)
        self.said.append(message)

    def _take(self, link: Link, message: RawMessage, now: float) -> None:
        version = VERSION_OF_BEGIN_STRING.get(message.get(8) or "", self.version)
        if self.judge is None or version != self.version:
            self.version = version
            judge = MessageJudge(version, self.role)
            self.judge = SessionJudge(judge, self.comp_id, self.target, answer_s=self._answer_s)
        self.link = link
        self.judge.connected(now)

    def on_heard(self, link: Link, message: RawMessage, *, is_lost: bool) -> None:
        """Note what the exchange has said."""
        self._write(b"- " if is_lost else b"< ", message)
        if not is_lost and link is self.link and self.judge is not None:
            self.judge.to_client(message, time.monotonic())
            self.heard.append(message)

    def on_closed(self, link: Link, *, by_client: bool) -> None:
        """The connection is gone."""
        if link is self.link and self.judge is not None:
            self.judge.disconnected(by_client=by_client)
            self.link = None

    def _write(self, mark: bytes, message: RawMessage) -> None:
        stamp = f"{time.monotonic():.6f} ".encode()
        self._log.write(stamp + mark + without_secrets(message.raw) + b"\n")

    def stray(self, fault: Fault) -> None:
        """Note a fault of a connection that is of no session."""
        self._strays.append(fault)

    # --- what cases use ----------------------------------------------------------------------------------------------

    @property
    def spec(self) -> Specification:
        """The dictionary of the client's version."""
        return specification(self.version)

    @property
    def is_logged_on(self) -> bool:
        """Whether the client is logged on."""
        return self.link is not None and self.judge is not None and self.judge.is_logged_on

    @property
    def session_judge(self) -> SessionJudge:
        """The judge, once the client has said something."""
        assert self.judge is not None, "the client has said nothing yet"
        return self.judge

    @property
    def open_link(self) -> Link:
        """The client's connection.

        Raises:
            CaseFailed: there is none.
        """
        if self.link is None:
            raise CaseFailed(Fault("act", "the client is not connected"))
        return self.link

    def next_price(self) -> str:
        """A price above those of all bids before, so that the newest is the best."""
        self.price += PRICE_STEP
        return str(self.price)

    def tell(self, act: Act) -> None:
        """Tell the developer what to do."""
        self._teller.act(act)

    def note(self, text: str) -> None:
        """Tell the developer something."""
        self._teller.note(text)

    def mark(self) -> tuple[int, int]:
        """The places in what was said and heard up to now, to look on from there."""
        return len(self.said), len(self.heard)

    def pump(self, seconds: float = PUMP_S) -> None:
        """Let the line pass on what comes, and look at what is overdue."""
        assert self._line is not None, "the run has no line"
        self._line.pump(seconds)
        if self.judge is not None:
            self.judge.tick(time.monotonic())

    def cut(self) -> None:
        """Cut the client's connection."""
        assert self._line is not None, "the run has no line"
        self._line.cut(self.open_link)

    def pause(self, seconds: float) -> None:
        """Let time pass on the line."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.pump(min(PUMP_S, left))

    def wait(self, is_done: Callable[[], bool], what: str, *, seconds: float | None = None) -> None:
        """Wait until something is so.

        Raises:
            CaseFailed: it did not become so in time, or the client broke a rule meanwhile.
        """
        limit_s = self._patience_s if seconds is None else seconds
        until = time.monotonic() + limit_s
        while not is_done():
            self.check()
            if time.monotonic() > until:
                raise CaseFailed(Fault("act", f"{what} was waited for, {limit_s:g} s long"))
            self.pump()

    def wait_said(
        self, msg_type: str, wanted: Wanted | None = None, *, since: int, what: str = "", seconds: float | None = None
    ) -> RawMessage:
        """Wait for a message of the client from place `since` on, with these values.

        Raises:
            CaseFailed: it did not come, or a rule was broken before.
        """
        found: list[RawMessage] = []

        def look() -> bool:
            found.extend(one for one in self.said[since:] if one.msg_type == msg_type and self._fits(one, wanted))
            return bool(found)

        self.wait(look, what or f"a {self.spec.message_name(msg_type)} from the client", seconds=seconds)
        return found[0]

    def wait_heard(self, msg_types: Sequence[str], wanted: Wanted | None = None, *, since: int) -> RawMessage:
        """Wait for a message that the exchange says to the client."""
        found: list[RawMessage] = []

        def look() -> bool:
            found.extend(one for one in self.heard[since:] if one.msg_type in msg_types and self._fits(one, wanted))
            return bool(found)

        names = " or ".join(self.spec.message_name(one) for one in msg_types)
        values = ", ".join(f"{self.spec.name(tag)}={value}" for tag, value in (wanted or {}).items())
        self.wait(look, f"{names} of the exchange{' with ' if values else ''}{values}", seconds=self._answer_s * 2)
        return found[0]

    def _fits(self, message: RawMessage, wanted: Wanted | None) -> bool:
        return all(same(message.get(tag), value) for tag, value in (wanted or {}).items())

    def check(self) -> None:
        """Raise CaseFailed with the first rule that was broken."""
        faults = [*self._strays, *(self.judge.take_faults() if self.judge is not None else [])]
        self._strays.clear()
        if faults:
            raise CaseFailed(faults[0])

    def settle(self) -> None:
        """Give the client time for what it still owes, and judge the rest."""
        self.pause(SETTLE_S)
        until = time.monotonic() + self._answer_s + 1
        while self.judge is not None and self.judge.has_open_question and time.monotonic() < until:
            self.check()
            self.pump()
        self.check()


def _first_price(now: datetime) -> Decimal:
    """A price that rises over the day: what an earlier run has left in the book is no better than this one's orders."""
    seconds = now.hour * 3600 + now.minute * 60 + now.second
    return PRICE_MIN + PRICE_STEP * (seconds // 2)


def same(found: str | None, wanted: str) -> bool:
    """Whether two values of a field are the same, numbers by their value."""
    if found is None or found == wanted:
        return found == wanted
    try:
        return Decimal(found) == Decimal(wanted)
    except InvalidOperation:
        return False
