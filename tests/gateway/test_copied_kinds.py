"""No kind of report is missing on a drop copy: each kind of event is looked at, a day with all of them is compared."""

import contextlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from gateway.copied import CopiedReports
from gateway.reports import ReportWriter
from gateway.sessions import SessionBook
from matching.events import CancelRejected, Event, Execution, OrderRefused
from matching.types import ExecType
from tests.crash.member import Content, content_of
from tests.gateway.test_reports import execution
from tests.gateway.test_translation import AAPL
from tests.support.exchange import ExchangeProcess, running_exchange
from tests.support.fix_peer import FixPeer, Message, PeerTimeoutError, unique_id, utc_timestamp
from tests.support.sessions import gateway_session

COPIED = {Execution, OrderRefused, CancelRejected}
ANSWERS = {
    "MassCancelReported": "every cancel that it counts has a report of its own",
    "MassStatusReported": "says once more what was reported",
    "OrderListAnswered": "every order of the list has a report of its own",
    "QuotesAnswered": "what happens to a quote but by its own session's message has a report of its own",
    "QuotesFrozen": "every quote that is canceled with it has a report of its own",
    "UserAnswered": "a user's password is no matter of his account",
    "MessageThrottled": "a BusinessMessageReject(j) names a number of the session that it is sent to",
    "MessageUnavailable": "as MessageThrottled",
}
"""Events that answer a request of one session, and why the answer is that session's alone."""
SAID_TO_NOBODY = {
    "InstrumentDefined", "AccountDefined", "SessionDefined", "LimitsSet", "Posted", "KillSwitchSet", "AcceptanceSet",
    "TradingPhaseSet", "ReferencePriceSet", "TradingDayEnded", "WorkLeft", "CommandRefused", "ShardsInstructed",
    "TransferredOut", "TransferredIn", "MarkPriceSet", "ScopeCanceled", "SessionCut", "LimitsOverridden",
    "LimitOverrideEnded", "ProtectionSet", "PermissionSet", "IndicativePrice", "AuctionEnded", "TradeCorrected",
    "FirmLimitsSet", "QuotesReset", "QuoteProtectionSet", "SessionsChanged",
    "UserRequested", "PasswordSet", "SignedLogonNoted", "StopPlanned", "LastPriceSet",
}  # fmt: skip
"""Events that are no report of an order: of phases and prices the market is told, of the others the operator."""
REFUSED_ORDER = OrderRefused(4, 1, "a", "", "X", "1", "2", "0", "1.50", "1e5", 99, "why")
SAMPLES: list[tuple[Event, str]] = [
    *((execution(kind, "0", leaves_qty=0), "8") for kind in get_args(ExecType)),
    (REFUSED_ORDER, "8"),
    (CancelRejected(1, 5, "c", "a", "0", "1", 1, "why", 1), "9"),
    (CancelRejected(1, 0, "c", "a", "8", "2", 1, "why"), "9"),
]
"""A report of each kind: of an order, of a refusal that has none, and of a refused cancel of an unknown order."""


def test_each_kind_of_event_is_copied_or_there_is_a_reason() -> None:
    kinds = set(get_args(Event))
    assert kinds >= COPIED
    assert {kind.__name__ for kind in kinds - COPIED} == ANSWERS.keys() | SAID_TO_NOBODY


@pytest.mark.parametrize(("event", "msg_type"), SAMPLES, ids=lambda each: str(getattr(each, "exec_type", each))[:20])
def test_each_kind_of_report_is_copied(event: Event, msg_type: str) -> None:
    trader, copy = gateway_session(1), gateway_session(2, role="drop_copy")
    trader.account_ids, copy.watched = (1,), frozenset((1,))
    copied = CopiedReports(SessionBook([trader, copy]), ReportWriter({1: AAPL}, {1: "ACC1"}))
    assert [(session_id, kind) for session_id, kind, _ in copied.messages(copy, [event], 1)] == [(2, msg_type)]
    copy.watched = frozenset((2,))
    assert copied.messages(copy, [event], 1) == []


class Trading:
    """Members that cause reports of every kind, and all that they are told."""

    def __init__(self, exchange: ExchangeProcess) -> None:
        self.exchange = exchange
        self.peers = {comp_id: exchange.peer(comp_id) for comp_id in ("TRADER1", "TRADER2", "MAKER1")}
        self.reports: list[Message] = []
        for peer in self.peers.values():
            peer.logon()

    def send(self, comp_id: str, msg_type: str, *fields: tuple[int, str], answers: int = 1) -> str:
        """Send a request with a new ClOrdID, take so many reports on that session, return the id."""
        name = unique_id()
        self.peers[comp_id].send(msg_type, [(11, name), *fields, (60, utc_timestamp())])
        self.take(comp_id, answers)
        return name

    def order(self, comp_id: str, side: str, qty: int, price: str, *more: tuple[int, str], answers: int = 1) -> str:
        """Send a limit order for AAPL; `more` may replace its terms."""
        given = {tag for tag, _ in more}
        plain = [(55, "AAPL"), (54, side), (38, str(qty)), (40, "2"), (44, price), (59, "0")]
        terms = [(tag, value) for tag, value in plain if tag not in given and (tag, value) != (44, "")]
        return self.send(comp_id, "D", *terms, *more, answers=answers)

    def take(self, comp_id: str, count: int) -> None:
        """Take so many reports of orders of a session; answers to requests go by."""
        taken = 0
        while taken < count:
            message = self.peers[comp_id].receive_application()
            if message.msg_type in ("8", "9"):
                self.reports.append(message)
                taken += 1

    def outcry(self, *words: str) -> None:
        """Do what an operator does."""
        done = self.exchange.run(*words, "--data", str(self.exchange.data_dir))
        assert done.returncode == 0, done.stderr


def first_half(day: Trading) -> None:
    """Orders, refusals, fills, cancels and replaces by members."""
    resting = day.order("MAKER1", "2", 100, "585.00")
    day.order("TRADER1", "1", 30, "585.00", (59, "3"), answers=2)
    day.take("MAKER1", 1)
    day.order("TRADER1", "1", 30, "584.00", (59, "3"), answers=2)
    day.order("TRADER1", "1", 10, "585.001")
    day.order("TRADER1", "1", 10, "585.00", (55, "NOSUCH"))
    day.order("TRADER1", "1", 100_000_000, "585.00")
    day.send("TRADER1", "F", (41, "NOSUCH"), (55, "AAPL"), (54, "1"), (38, "1"))
    day.send("MAKER1", "G", (41, resting), (55, "AAPL"), (54, "2"), (38, "200"), (40, "2"), (44, "585.50"))
    day.send("MAKER1", "G", (41, "NOSUCH"), (55, "AAPL"), (54, "2"), (38, "200"), (40, "2"), (44, "585.50"))
    own = day.order("TRADER1", "1", 10, "580.00")
    day.peers["TRADER1"].send("H", [(11, own), (55, "AAPL"), (54, "1")])
    day.take("TRADER1", 1)
    day.send("TRADER1", "F", (41, own), (55, "AAPL"), (54, "1"), (38, "10"))
    day.order("TRADER1", "1", 10, "580.00", (59, "6"), (126, utc_timestamp(1.5)))
    day.take("TRADER1", 1)


def second_half(day: Trading) -> None:
    """Stops and pegs, mass cancel, quotes, busts, corrections, kill switches, and a lost connection."""
    day.order("TRADER2", "1", 5, "", (40, "3"), (99, "586.00"))
    day.order("MAKER1", "1", 5, "583.00")
    pegged = day.order("TRADER2", "1", 5, "584.00", (40, "P"), (18, "R"))
    day.order("MAKER1", "1", 5, "583.50")
    day.take("TRADER2", 1)
    day.send("TRADER2", "F", (41, pegged), (55, "AAPL"), (54, "1"), (38, "5"))
    day.send("MAKER1", "q", (530, "7"), answers=3)
    quote = [(302, "S"), (304, "1"), (295, "1"), (299, "E"), (55, "AAPL"), (132, "584.00"), (133, "585.00")]
    day.peers["MAKER1"].send("i", [(117, unique_id()), (301, "2"), (296, "1"), *quote, (134, "20"), (135, "20")])
    while day.peers["MAKER1"].receive_application().msg_type != "b":
        pass
    day.order("TRADER1", "1", 10, "585.00", (59, "3"), answers=2)
    bought = day.reports[-1][17]
    day.take("MAKER1", 1)
    day.outcry("correct", bought, "--qty", "6", "--reason", "ruling")
    day.take("TRADER1", 1)
    corrected = day.reports[-1][17]
    day.take("MAKER1", 1)
    day.outcry("bust", corrected, "--reason", "ruling")
    day.take("TRADER1", 1)
    day.take("MAKER1", 1)
    day.outcry("kill-switch", "engage", "--session", "FIX.4.4:OUTCRY->MAKER1", "--reason", "test")
    day.take("MAKER1", 2)
    day.order("TRADER1", "1", 10, "570.00", answers=1)
    day.peers["TRADER1"].cut()


def contents(messages: list[Message]) -> Counter[Content]:
    """Return what was said, however often."""
    return Counter(body_of(message) for message in messages)


def body_of(message: Message) -> Content:
    """Return what a message says to whomever."""
    return tuple(pair for pair in content_of(message) if pair[0] not in (49, 56))


def taken_until(copy: FixPeer, is_last: Callable[[Message], bool]) -> list[Message]:
    """Take application messages until the last one."""
    messages = [copy.receive_application()]
    while not is_last(messages[-1]):
        messages.append(copy.receive_application())
    return messages


@pytest.mark.slow
def test_a_day_of_every_kind_of_report_is_copied_live_later_and_by_range(tmp_path: Path) -> None:
    """What a copy gets at once, what one gets that was away, what a range gives: each all that members were told."""
    with running_exchange(tmp_path, session_keys={"TRADER1": {"CancelOnDisconnect": "Y"}}) as exchange:
        live = exchange.peer("DROP1")
        live.logon()
        day = Trading(exchange)
        first_half(day)
        second_half(day)
        copies = taken_until(live, lambda message: message.get(44) == "570.00" and message[150] == "4")
        with contextlib.suppress(PeerTimeoutError):
            pytest.fail(f"one more: {live.receive(0.1)}")
        told = contents([*day.reports, copies[-1]])
        assert contents(copies) == told
        later = exchange.peer("DROP1", "FIXT.1.1")
        later.logon()
        backlog = taken_until(later, lambda message: message.get(44) == "570.00" and message[150] == "4")
        assert [message.get(17) for message in backlog] == [message.get(17) for message in copies]
        for copy, before in ((live, copies), (later, backlog)):
            copy.send("BW", [(1346, "all"), (1347, "0"), (1351, "1"), (1355, "DROPCOPY"), (1182, "1"), (1183, "0")])
            *again, end = taken_until(copy, lambda message: message.msg_type == "BX")
            assert [content_of(message) for message in again] == [content_of(message) for message in before]
            assert {message.get(97) for message in again} == {"Y"}
            assert end[1349] == str(len(before))
        kinds = {(message.msg_type, message.get(150)) for message in copies}
        assert kinds == {("9", None), *(("8", kind) for kind in "0458CDFGHI")}
        for peer in (live, later, day.peers["TRADER2"], day.peers["MAKER1"]):
            peer.cut()
