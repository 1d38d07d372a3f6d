"""Wrong values in every field of D, F, G, H and V: a defined answer each, and another member trades on undisturbed."""

from collections.abc import Iterator

import pytest

from tests.fuzz.wrong_values import Case, cases, is_answer, is_refusal
from tests.support.exchange import ExchangeProcess, running_exchange
from tests.support.fix_peer import FixPeer, PeerTimeoutError, unique_id, utc_timestamp

VERSIONS = ("FIX.4.2", "FIX.4.4", "FIXT.1.1")
MESSAGES = [(kind, version) for kind in "DFGHV" for version in VERSIONS if (kind, version) != ("V", "FIX.4.2")]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    """One exchange for all messages: it has to survive every one of them."""
    with running_exchange(tmp_path_factory.mktemp("fuzz")) as running:
        yield running


def trade(peer: FixPeer) -> None:
    """Send an order that expires at once, and see it accepted and expired."""
    cl_ord_id = unique_id("OK")
    terms = [(55, "MSFT"), (54, "1"), (38, "1"), (40, "2"), (44, "20.00"), (59, "3"), (60, utc_timestamp())]
    peer.send("D", [(11, cl_ord_id), *terms])
    reports = [peer.receive_application(), peer.receive_application()]
    assert [(report[11], report[150]) for report in reports] == [(cl_ord_id, "0"), (cl_ord_id, "C")]


def check(case: Case, peer: FixPeer) -> str:
    """Send a wrong message; return what is wrong with its answer, or nothing."""
    number = peer.next_out
    peer.send(case.msg_type, case.fields)
    try:
        answer = peer.receive_application()
    except PeerTimeoutError:
        return f"{case}: no answer"
    if not is_answer(case, answer, number):
        return f"{case}: not answered but told {answer}"
    if case.is_wrong and not is_refusal(case, answer):
        return f"{case}: taken: {answer}"
    if case.msg_type == "D" and not is_refusal(case, answer) and case.tag != 59:
        # It was taken, is immediate-or-cancel and expires; without TimeInForce(59) it rests for the day.
        peer.receive_application()
    return ""


@pytest.mark.slow
@pytest.mark.parametrize(("msg_type", "version"), MESSAGES)
def test_every_wrong_value_gets_a_defined_answer(msg_type: str, version: str, exchange: ExchangeProcess) -> None:
    peer = exchange.peer("MD1" if msg_type == "V" else "TRADER1", version)
    other = exchange.peer("TRADER2", "FIX.4.4")
    faults = []
    try:
        peer.logon()
        other.logon()
        for case in cases(msg_type, version):
            if fault := check(case, peer):
                faults.append(fault)
            trade(other)
    finally:
        for each in (peer, other):
            each.cut()
            exchange.remember(each)
    assert not faults, f"{len(faults)} faults\n" + "\n".join(faults)
    assert exchange.is_running
