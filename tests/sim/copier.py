"""A simulated drop copy: asks for a range by ExecID in every connection, and what comes is held against the journal.

A range ends with its connection, and a client that begins its numbers anew has given it up: then nothing is expected.
A request that the exchange has not read comes again in the next connection, as every message; then one is refused.
"""

from typing import Final, NamedTuple

from tests.sim.checks import Audit
from tests.sim.connection import Connection
from tests.sim.fix import Fields, FindingError, Parsed
from tests.sim.member import Member

APPLICATION: Final = "DROPCOPY"
IN_PROGRESS: Final = "60105: "
TO_THE_LAST: Final = 3
"""Of so many ranges one is asked for up to the last report."""


class Range(NamedTuple):
    """A range that was answered: what was asked for, the ExecIDs known at that time, and what came."""

    begin: int
    end: int
    known: frozenset[int]
    contents: tuple[str, ...]
    counted: int


class Copier(Member):
    """A drop copy session."""

    def __init__(self, begin_string: str, comp_id: str, *, keeps_numbers: bool) -> None:
        super().__init__(begin_string, comp_id, keeps_numbers=keeps_numbers)
        self.ranges: list[Range] = []
        self._known: list[int] = []
        self._asked_on: Connection | None = None
        self._asked: tuple[str, int, int, frozenset[int]] | None = None
        self._contents: list[str] = []

    def read(self, count: int) -> int:
        """Read, and ask for a range once a connection is logged on."""
        done = super().read(count)
        if self._known and self.is_logged_on and self.connection is not self._asked_on:
            if not (self.awaiting_reset or self.logout_sent):
                self._ask()
        return done

    def _ask(self) -> None:
        self._asked_on = self.connection
        name = self.new_id()
        place = self._count * 7 % len(self._known)
        begin = sorted(self._known)[place]
        end = 0 if self._count % TO_THE_LAST == 0 else begin + self._count % 11
        self._asked, self._contents = (name, begin, end, frozenset(self._known)), []
        sent = self._send("BW", values=(name, "0", None, ((APPLICATION, begin, end, None),)))
        self.sent[sent.num] = sent

    def _begin_connection(self) -> None:
        super()._begin_connection()
        self._asked = None

    def _reset(self) -> None:
        super()._reset()
        self._asked = None

    def _take(self, epoch: int, num: int, message: bytes, parsed: Parsed) -> None:
        super()._take(epoch, num, message, parsed)
        fields = parsed.fields
        if fields["35"] == "8":
            self._known.append(int(fields["17"][1:]))
        if self._asked is None:
            return
        if fields["35"] in ("8", "9") and fields.get("97") == "Y":
            self._contents.append(parsed.content)
        elif fields["35"] == "BX" and fields["1346"] == self._asked[0]:
            self._answered(fields)

    def _answered(self, fields: Fields) -> None:
        assert self._asked is not None
        _, begin, end, known = self._asked
        self._asked = None
        if fields["58"].startswith(IN_PROGRESS):
            return
        if fields["1348"] != "0":
            raise FindingError("range", f"{self.name} asked for E{begin} to E{end} and was told {fields}")
        # What an earlier range has left comes before, by resend.
        contents = tuple(self._contents[-int(fields["1349"]) :])
        self.ranges.append(Range(begin, end, known, contents, int(fields["1349"])))


def check_ranges(audit: Audit, session_id: int, copier: Copier) -> None:
    """Every range is what was said for the first time from its begin to its end, in the same order, and counted."""
    said: list[tuple[int, str]] = []
    exec_id = 0
    for *_, content, fields in audit.reports(session_id):
        if fields["35"] in ("8", "9") and "97" not in fields:
            # A report without an ExecID stands with the one before it.
            exec_id = int(fields["17"][1:]) if fields["35"] == "8" else exec_id
            said.append((exec_id, content))
    for found in copier.ranges:
        end = found.end or max(exec_id for exec_id, _ in said)
        wanted = tuple(content for exec_id, content in said if found.begin <= exec_id <= end)
        # What came later than the request is not there.
        is_past = 0 < found.end < max(found.known)
        least = len(wanted) if is_past else sum(1 for exec_id in found.known if found.begin <= exec_id <= end)
        is_same = wanted[: len(found.contents)] == found.contents and found.counted == len(found.contents)
        if not is_same or len(found.contents) < least:
            raise FindingError("range", f"{copier.name} got {found}, was told before {wanted}")
