"""Busts and corrections by the operator of a running exchange: wrong ones are refused, the others outlive a kill."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from matching.events import LastPriceSet
from matching.journal import Journal
from tests.support.exchange import ExchangeProcess
from tests.support.fix_peer import FixPeer, Message, unique_id, utc_timestamp


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[ExchangeProcess]:
    """The exchange on its shipped configuration."""
    running = ExchangeProcess(tmp_path)
    try:
        running.start()
        yield running
    finally:
        running.kill()


def trade(exchange: ExchangeProcess) -> tuple[FixPeer, FixPeer, Message]:
    """Two members trade 10 AAPL at 585.00; return them and the fill of the buyer."""
    buyer, seller = exchange.peer("TRADER1"), exchange.peer("TRADER2")
    for peer in (buyer, seller):
        peer.logon()
    return buyer, seller, trade_once(buyer, seller)


def trade_once(buyer: FixPeer, seller: FixPeer) -> Message:
    """Two peers trade 10 AAPL at 585.00; return the fill of the buyer."""
    for peer, side in ((buyer, "1"), (seller, "2")):
        terms = [(55, "AAPL"), (54, side), (38, "10"), (40, "2"), (44, "585.00"), (60, utc_timestamp())]
        peer.send("D", [(11, unique_id()), *terms])
        assert peer.receive_application()[150] == "0"
    fill = buyer.receive_application()
    assert fill[150] == seller.receive_application()[150] == "F"
    return fill


@pytest.mark.slow
def test_bad_names_and_values_are_refused_and_nothing_is_changed(exchange: ExchangeProcess) -> None:
    buyer, seller, fill = trade(exchange)
    data = ("--data", str(exchange.data_dir))
    for words, text in (
        (("bust", "T77"), "there is no trade T77 in the journal"),
        (("bust", "E1"), "there is no trade E1 in the journal"),
        (("bust", "T0"), "trade 'T0', allowed"),
        (("bust", "--help-me"), "No such option"),
        (("bust", "7"), "trade '7', allowed"),
        (("bust", "T99999999999999999999"), "allowed"),
        (("correct", "T1"), "nothing is corrected, name a price or a quantity"),
        (("correct", "T1", "--price", "585.005"), "not a multiple of the tick 0.01 of AAPL"),
        (("correct", "T1", "--price", "nan"), "price 'nan', allowed"),
        (("correct", "T1", "--qty", "11"), "cannot be corrected to 11"),
        (("correct", "T1", "--qty", "0"), "quantity '0', allowed"),
        (("correct", "T1", "--price", "585"), "is as it shall be"),
    ):
        refused = exchange.run(*words, "--reason", "test", *data)
        assert refused.returncode in (1, 2), words
        assert text in refused.stderr, (words, refused.stderr)
    assert exchange.run("bust", "T1", *data).returncode == 2, "a reason is wanted"
    for peer in (buyer, seller):
        peer.send("1", [(112, "still there")])
        # A Heartbeat of the exchange's own has no TestReqID.
        while (answer := peer.receive()).get(112) is None:
            assert answer.msg_type == "0"
        assert answer[112] == "still there"
        peer.cut()
    assert fill[14] == "10"


@pytest.mark.slow
def test_a_bust_outlives_the_kill_that_follows_its_answer(exchange: ExchangeProcess) -> None:
    buyer, seller, fill = trade(exchange)
    for peer in (buyer, seller):
        peer.cut()
    data = ("--data", str(exchange.data_dir))
    busted = exchange.run("bust", fill[17], "--reason", "erroneous", *data)
    assert (busted.returncode, busted.stdout.strip()) == (0, "trade T1 in AAPL is busted"), busted.stderr
    exchange.kill()
    exchange.start()
    again = exchange.run("bust", "T1", "--reason", "erroneous", *data)
    assert (again.returncode, "trade T1 is busted" in again.stderr) == (1, True), again.stderr
    for peer in (buyer, seller):
        peer.gap_allowed = True
        peer.logon()
        missed = peer.recover()
        assert [(each[150], each[43]) for each in missed if each.msg_type == "8"][-1] == ("H", "Y")
        peer.cut()


@pytest.mark.slow
def test_the_newest_trade_that_stands_is_found_in_the_journal(exchange: ExchangeProcess) -> None:
    """T2 goes first; the bust of T3 then leads back to T1, which was corrected."""
    buyer, seller, _ = trade(exchange)
    for _ in range(2):
        trade_once(buyer, seller)
    for peer in (buyer, seller):
        peer.cut()
    data = ("--data", str(exchange.data_dir), "--reason", "ruling")
    for words in (("correct", "T1", "--price", "584.50"), ("bust", "T2"), ("bust", "T3")):
        done = exchange.run(*words, *data)
        assert done.returncode == 0, done.stderr
    exchange.kill()
    events: list[LastPriceSet] = []
    journal = Journal.open(exchange.data_dir / "journal", read_only=True)
    try:
        for batch in journal.read(1):
            events += [event for event in batch.decode_events() if isinstance(event, LastPriceSet)]
    finally:
        journal.close()
    assert [(event.price, event.trade_id) for event in events] == [(58_450, 1)]
