"""Quotes over all shards, and kill -9 in the middle of them: each message is answered once, and what stands is what the
member was told.
"""

import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest

from gateway.fault_points import SHARDS_SENT
from tests.crash.steps import wait_for
from tests.crash.test_shard_kill import SHARDS, sharded
from tests.crash.test_shard_mass_cancel import Asker, kill, received
from tests.support.exchange import ExchangeProcess
from tests.support.fix_peer import Message
from tests.support.shards import kill_shards, stop_shard

BIDS: Final = {"AAPL": 58_000, "MSFT": 2_900, "BTC-PERP": 6_000_000}
"""In cents; the messages of a test go up from there."""
QTYS: Final = {"AAPL": "1", "MSFT": "1", "BTC-PERP": "0.001"}
QUOTES_OF_EACH: Final = 12
TAKEN, REFUSED_BY_SHARD, DOWN, UNCONFIRMED = "", "50402", "30401", "40003"
LATE: Final = "shard aapl has not answered MassQuote(i) new in time"


class Quoter(Asker):
    """A market maker with a memory: what it has quoted, by QuoteID(117), as (symbol, price) of each entry."""

    def __init__(self, exchange: ExchangeProcess) -> None:
        super().__init__(exchange, "MAKER1")
        self.quoted: dict[str, dict[str, str]] = {}

    def quote(self, quote_id: str, symbols: Iterable[str] = BIDS, *, step: int = 0) -> None:
        """Bid in some instruments, `step` ticks of 50 cents above the least."""
        prices = {symbol: f"{(BIDS[symbol] + 50 * step) / 100:.2f}" for symbol in symbols}
        self.quoted[quote_id] = prices
        count = str(len(prices))
        head = [(117, quote_id), (301, "2"), (296, "1"), (302, "S"), (304, count), (295, count)]
        for symbol, price in prices.items():
            head += [(299, symbol), (55, symbol), (132, price), (134, QTYS[symbol])]
        self.send("i", head)

    def cancel_all(self, quote_id: str) -> int:
        """Cancel all quotes; return how many sides there were."""
        self.send("Z", [(117, quote_id), (298, "4")])
        (answer,) = self.wait(quote_id)
        assert answer[297] == "4", answer
        count, _, rest = answer[58].partition(" ")
        assert rest == "sides of quotes are canceled"
        return int(count)

    def wait(self, *quote_ids: str) -> list[Message]:
        """Listen until each of these is answered; return the answers."""
        for quote_id in quote_ids:
            while not self.answered(quote_id):
                self.take(self.peer.receive_application())
        return [answer for quote_id in quote_ids for answer in self.answered(quote_id)]

    def answered(self, quote_id: str) -> list[Message]:
        """Return every answer to a message."""
        return self.answers(quote_id, "b") + self.answers(quote_id, "j")

    def standing(self) -> dict[str, str]:
        """Return the QuoteID of what stands in each instrument, as the member has to think."""
        stands: dict[str, str] = {}
        pulled = {(each[11], each[55]) for each in self.told.values() if each.msg_type == "8" and _is_pulled(each)}
        for quote_id, prices in self.quoted.items():
            (answer,) = self.answered(quote_id)
            for symbol, code in codes_of(answer, prices).items():
                if code == TAKEN:
                    stands[symbol] = quote_id
                elif code == UNCONFIRMED and (quote_id, symbol) in pulled:
                    # It was taken after all, in place of what stood there, and left before anything that came later.
                    stands.pop(symbol, None)
        return stands


def _is_pulled(report: Message) -> bool:
    return report[150] == "4" and 58 in report


def codes_of(answer: Message, prices: dict[str, str]) -> dict[str, str]:
    """Return the code of each entry's refusal by symbol, nothing where it was taken."""
    if answer.msg_type == "j" or 296 not in answer:
        return dict.fromkeys(prices, answer[58].partition(":")[0])
    texts = dict(part.partition(":")[::2] for part in _reasons(answer))
    codes = {symbol: texts.get(symbol, TAKEN).strip().partition(":")[0] for symbol in prices}
    assert set(codes.values()) <= {TAKEN, REFUSED_BY_SHARD, DOWN, UNCONFIRMED}, answer
    return codes


def _reasons(answer: Message) -> list[str]:
    """Return the parts `SYMBOL: code: text` of a Text(58), of which the first has its code in front."""
    text = answer.get(58) or ""
    if not text:
        return []
    code, _, rest = text.partition(": ")
    first, *others = rest.split("; entry ")
    symbol, _, why = first.removeprefix("entry ").partition(": ")
    return [f"{symbol}:{code}: {why}", *others]


@pytest.mark.parametrize(
    "victims",
    [
        pytest.param(("gateway",), marks=pytest.mark.soak),
        pytest.param(("aapl", "msft"), marks=pytest.mark.slow),
        pytest.param(("gateway", *SHARDS), marks=pytest.mark.slow),
    ],
)
def test_quotes_over_shards_are_answered_once_whatever_is_killed(tmp_path: Path, victims: tuple[str, ...]) -> None:
    with sharded(tmp_path) as exchange:
        maker = Quoter(exchange)
        maker.peer.logon()
        maker.quote("first")
        maker.wait("first")
        names = []
        for step in range(QUOTES_OF_EACH):
            for name, symbols in ((f"all {step}", tuple(BIDS)), (f"one {step}", ("MSFT",))):
                maker.quote(name, symbols, step=step + 1)
                names.append(name)
        kill(exchange, maker, victims)
        maker.wait(*names)
        maker.quote("resent")
        maker.wait("resent")
        maker.send("i", [(97, "Y"), *maker.sent[maker.peer.next_out - 1][1]])
        while len(maker.answered("resent")) < 2:
            maker.take(maker.peer.receive_application())
        again = maker.answered("resent").pop()
        assert (again[297], again[58][:6]) == ("5", "59911:"), again
        maker.answers("resent", "b").remove(again)
        stands = maker.standing()
        assert maker.cancel_all("Z") == len(stands)
        assert maker.cancel_all("Y") == 0
        assert all(len(maker.answered(name)) == 1 for name in names)
        maker.peer.cut()
        assert exchange.terminate() == 0
        exchange.verify()


@pytest.mark.slow
def test_a_gateway_that_is_killed_when_it_has_told_the_shards_answers_quotes_once(tmp_path: Path) -> None:
    exchange = ExchangeProcess(tmp_path, configuration="per-instrument")
    maker = Quoter(exchange)
    try:
        exchange.start(options=("--fault-point", f"{SHARDS_SENT}:1"))
        maker.peer.logon()
        maker.quote("i")
        maker.send("Z", [(117, "Z"), (298, "1"), (295, "2"), (55, "AAPL"), (55, "MSFT")])
        assert exchange.wait() == -9, exchange.errors()
        maker.drain()
        exchange.start()
        maker.log_on_again()
        (quoted, canceled) = maker.wait("i", "Z")
        codes = codes_of(quoted, maker.quoted["i"])
        # What a shard has read it has taken; what it was told again came too late, or in time.
        assert set(codes.values()) <= {TAKEN, REFUSED_BY_SHARD}
        count = sum(codes[symbol] == TAKEN for symbol in ("AAPL", "MSFT"))
        assert (canceled[297], canceled[58]) == ("1", f"{count} sides of quotes are canceled")
        assert maker.cancel_all("Y") == (codes["BTC-PERP"] == TAKEN)
        maker.peer.cut()
        assert exchange.terminate() == 0
        exchange.verify()
    finally:
        exchange.kill()
        kill_shards(exchange)
        maker.peer.cut()


@pytest.mark.parametrize(
    "is_killed",
    [
        pytest.param(True, marks=pytest.mark.soak, id="killed"),
        pytest.param(False, marks=pytest.mark.slow, id="goes on"),
    ],
)
def test_a_shard_that_stands_still_is_named_and_places_nothing_late(tmp_path: Path, *, is_killed: bool) -> None:
    with sharded(tmp_path) as exchange:
        maker = Quoter(exchange)
        maker.peer.logon()
        maker.quote("old")
        maker.wait("old")
        pid = stop_shard(exchange, "aapl")
        # The shard is not known to be silent yet: it is given its part.
        maker.quote("new", step=1)
        (answer,) = maker.wait("new")
        assert codes_of(answer, maker.quoted["new"]) == {"AAPL": UNCONFIRMED, "MSFT": TAKEN, "BTC-PERP": TAKEN}
        assert "shard aapl has not answered and cancels what it takes of the quote when it is back" in answer[58]
        maker.quote("late", ("AAPL", "MSFT"), step=2)
        (answer,) = maker.wait("late")
        assert codes_of(answer, maker.quoted["late"]) == {"AAPL": DOWN, "MSFT": TAKEN}
        if is_killed:
            kill_shards(exchange, "aapl")
        else:
            os.kill(pid, signal.SIGCONT)

        def is_back() -> bool:
            names = [name for name in maker.quoted if name.startswith("back")]
            if not names or maker.answered(names[-1]):
                maker.quote(f"back {len(names)}", ("AAPL",), step=3)
            received(maker)
            return any(answer.msg_type == "b" for name in names for answer in maker.answered(name))

        wait_for(is_back, "it is back")
        maker.wait(*maker.quoted)
        # Of what came too late nothing was placed; what the shard took just in time it has canceled.
        reports = [each for each in maker.told.values() if each.msg_type == "8"]
        assert {(each[150], each[55], each[58]) for each in reports} <= {("4", "AAPL", LATE)}
        assert maker.standing() == {"AAPL": list(maker.quoted)[-1], "MSFT": "late", "BTC-PERP": "new"}
        assert maker.cancel_all("Z") == 3
        maker.peer.cut()
        assert exchange.terminate() == 0
        exchange.verify()
