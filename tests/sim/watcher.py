"""A simulated market data user: subscribes at every Logon and keeps a picture of each book from W and X alone.

Pictures and updates of a subscription of an earlier connection may still come in the next one, as the exchange learns
of the cut a little later. They are left aside, as are updates between a reset of numbers and the fresh picture after
it.
"""

from decimal import Decimal
from typing import Final

from matching.engine import Engine
from tests.sim.configuration import LOT_E8, TICK_E8
from tests.sim.connection import Connection
from tests.sim.fix import FindingError, Parsed
from tests.sim.member import Member

SYMBOLS: Final = ("AAPL", "MSFT", "BTC-PERP")
ENTRIES: Final = (("0",), ("1",), ("2",))
SIDES: Final = "01"
Entry = dict[str, str]
Picture = dict[tuple[str, Decimal], Decimal]
"""(bid or offer, price) → quantity."""


class Watcher(Member):
    """A session that only looks. Its pictures end with the connection."""

    def __init__(self, begin_string: str, comp_id: str) -> None:
        super().__init__(begin_string, comp_id, keeps_numbers=False)
        self.pictures: dict[str, Picture] = {}
        """By symbol, of the subscription of this connection."""
        self._subscribed: object = None
        self._md_req_id = ""
        self._is_sure = False

    def log_on(self, *, reset: bool) -> Connection:
        """Begin without any picture."""
        self._forget()
        return super().log_on(reset=reset)

    def _forget(self) -> None:
        self.pictures.clear()
        self._is_sure = False

    def _numbers_begin_anew(self, num: int) -> None:
        super()._numbers_begin_anew(num)
        if not self.pictures:
            # What was asked for may have waited behind a gap, and gone with the old numbers: ask again.
            self._subscribed = None
        self._forget()

    def read(self, count: int) -> int:
        """Read, and subscribe once a connection is logged on."""
        done = super().read(count)
        if self.connection is not None and self.is_logged_on and self._subscribed is not self.connection:
            self._subscribed = self.connection
            symbols = tuple((symbol,) for symbol in SYMBOLS)
            self._forget()
            self._md_req_id, self._is_sure = self.new_id(), True
            sent = self._send("V", values=(self._md_req_id, "1", 0, "1", None, ENTRIES, symbols))
            self.sent[sent.num] = sent
        return done

    def _take(self, epoch: int, num: int, message: bytes, parsed: Parsed) -> None:
        super()._take(epoch, num, message, parsed)
        kind = parsed.fields["35"]
        if parsed.fields.get("262") != self._md_req_id:
            return
        if kind == "W":
            self.pictures[parsed.fields["55"]] = {
                (entry["269"], Decimal(entry["270"])): Decimal(entry["271"])
                for entry in entries_of(message, "269")
                if entry["269"] in SIDES and entry["271"] != "0"
            }
        elif kind == "X":
            for entry in entries_of(message, "279"):
                self._update(entry)

    def _update(self, entry: Entry) -> None:
        picture = self.pictures.get(entry["55"])
        if picture is None:
            if self._is_sure:
                raise FindingError("market data", f"{self.name} got an update without a picture before: {entry}")
            return
        if entry["269"] not in SIDES:
            return
        level = (entry["269"], Decimal(entry["270"]))
        if (entry["279"] == "0") == (level in picture):
            raise FindingError("market data", f"{self.name} got {entry} on {picture}")
        if entry["279"] == "2":
            del picture[level]
        else:
            picture[level] = Decimal(entry["271"])

    def check(self, engine: Engine) -> None:
        """Every picture is the book."""
        missing = [symbol for symbol in SYMBOLS if symbol not in self.pictures]
        if missing:
            raise FindingError("market data", f"{self.name} was never shown {missing} by {self._md_req_id}")
        for instrument in engine.instruments.values():
            if instrument.symbol not in SYMBOLS:
                continue
            book: Picture = {}
            if not instrument.is_uncrossed:
                # Before an auction the book is not shown.
                if self.pictures[instrument.symbol]:
                    raise FindingError(
                        "market data", f"{self.name} sees the book of {instrument.symbol} before its auction"
                    )
                continue
            for side, depth in zip(SIDES, engine.depth(instrument.instrument_id, 0), strict=True):
                for price, qty, _ in depth:
                    level = (side, Decimal(price * TICK_E8[instrument.symbol]) / 10**8)
                    book[level] = Decimal(qty * LOT_E8[instrument.symbol]) / 10**8
            if self.pictures[instrument.symbol] != book:
                seen = f"{self.name} sees {self.pictures[instrument.symbol]} by {self._md_req_id}"
                raise FindingError("market data", f"{seen}, the book of {instrument.symbol} is {book}")


def entries_of(message: bytes, first_tag: str) -> list[Entry]:
    """Return the entries of a repeating group, each of which begins with `first_tag`."""
    entries: list[Entry] = []
    for field in message.decode().split("\x01"):
        tag, _, value = field.partition("=")
        if tag == first_tag:
            entries.append({})
        if entries and tag != "10":
            entries[-1][tag] = value
    return entries
