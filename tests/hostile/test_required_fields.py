"""Every message type with each required field missing and repeated: a defined answer each, and nobody else notices."""

from collections.abc import Iterator
from typing import Final

import pytest

from tests.fuzz.test_field_values import trade
from tests.hostile.bystander import bystander
from tests.hostile.judge import (
    BUSINESS_REJECT,
    CLOSE,
    GAP,
    LOGOUT,
    REJECT,
    SESSION_TYPES,
    SILENCE,
    Outcome,
    log_on_anew,
    outcome,
)
from tests.hostile.spoiled import VERSIONS, Change, Spoiled, good_body, required_tags, spoil, spoiled_messages
from tests.support.exchange import ExchangeProcess, running_exchange
from tests.support.fix_peer import FixPeer, PeerTimeoutError

TRADES_BETWEEN = 20
CHANGES: Final[tuple[Change, ...]] = ("missing", "twice")
WHOLE = {"FIX.4.2": "D", "FIX.4.4": "012345DFGHV", "FIXT.1.1": "4DV"}
"""Types whose header and trailer are spoiled too, by version: all of them in one, some in the others."""


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    """One exchange for all messages: it has to survive every one of them."""
    with running_exchange(tmp_path_factory.mktemp("required")) as running:
        yield running


def allowed(case: Spoiled) -> set[str]:
    """Return what the answer to a message may be."""
    if case.tag in (8, 9) or (case.tag in (10, 35) and case.change == "missing"):
        return {GAP}  # garbled
    if case.tag == 34 and case.change == "missing":
        return {LOGOUT}
    if case.tag == 52 and case.change == "missing" and case.begin_string == "FIXT.1.1" and case.msg_type in "DFGHV":
        return {CLOSE}  # QuickFIX leaves the header of application messages to a check that can only disconnect
    return {REJECT, BUSINESS_REJECT}


def fault_of(case: Spoiled, found: Outcome, number: int) -> str:
    """Return what is wrong with an answer, or nothing."""
    if case.tag == 10 and case.change == "twice":
        # The message ends at the first of them and is right; the second is garbage between messages.
        return f"{case}: {found}" if found.kind == SILENCE else ""
    if found.kind not in allowed(case):
        return f"{case}: {found}, allowed: {allowed(case)}"
    rejects = [message for message in found.said if message.msg_type in ("3", "j")]
    if any(message.get(45) != str(number) for message in rejects):
        return f"{case}: RefSeqNum(45) is not {number}: {found}"
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("comp_id", "msg_types"), [("TRADER1", "012345DFGH"), ("MD1", "V")])
def test_every_required_field_missing_or_twice(
    comp_id: str, msg_types: str, version: str, exchange: ExchangeProcess
) -> None:
    if comp_id == "MD1" and version == "FIX.4.2":
        pytest.skip("no market data in FIX.4.2")
    peer = exchange.peer(comp_id, version)
    faults = []
    with bystander(exchange) as other:
        try:
            for count, case in enumerate(spoiled_messages(version, msg_types, whole=WHOLE[version])):
                if not peer.is_connected:
                    log_on_anew(peer)
                number = peer.next_out
                peer.send_raw(spoil(peer, case))
                peer.next_out += 1
                found = outcome(peer, case.msg_type)
                faults.append(fault_of(case, found, number))
                if found.kind in (LOGOUT, CLOSE, SILENCE):
                    peer.cut()
                if count % TRADES_BETWEEN == 0:
                    trade(other)
        finally:
            peer.cut()
    faults = [fault for fault in faults if fault]
    assert not faults, f"{len(faults)} faults\n" + "\n".join(faults)
    assert exchange.is_running


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_every_field_of_a_logon_missing_or_twice(version: str, exchange: ExchangeProcess) -> None:
    faults = []
    peer = FixPeer(exchange.address, version, "MAKER1")
    tags = [tag for tag in (*required_tags(version, "A"), 553, 554) if tag != 10]
    with bystander(exchange):
        try:
            for case in [Spoiled(version, "A", tag, change) for tag in tags for change in CHANGES]:
                faults.append(fault_of_logon(case, exchange))
                # A good logon clears the failures that make refusals slow.
                log_on_anew(peer)
                trade_or_not(peer)
        finally:
            peer.cut()
    faults = [fault for fault in faults if fault]
    assert not faults, f"{len(faults)} faults\n" + "\n".join(faults)


def fault_of_logon(case: Spoiled, exchange: ExchangeProcess) -> str:
    """Send a spoiled Logon; return what is wrong with its answer: a Logout with a text or nothing, and a close."""
    stranger = FixPeer(exchange.address, case.begin_string, "MAKER1")
    stranger.check_numbers = False
    try:
        stranger.connect()
        stranger.send_raw(spoil(stranger, case))
        said = stranger.expect_closed()
    except PeerTimeoutError:
        return f"{case}: neither answered nor closed"
    finally:
        stranger.cut()
    refused = all(message.msg_type == "5" and message.get(58) for message in said)
    return "" if refused and len(said) <= 1 else f"{case}: {said}"


def trade_or_not(peer: FixPeer) -> None:
    """See that the session behind the spoiled Logons works: orders of this shape are not for FIX.4.2."""
    if peer.begin_string == "FIX.4.2":
        assert outcome(peer).kind == "nothing"
    else:
        trade(peer)


def test_the_right_messages_have_every_required_field() -> None:
    for version in VERSIONS:
        peer = FixPeer(("127.0.0.1", 1), version, "TRADER1")
        for msg_type in (*SESSION_TYPES, *"DFGH", *("V" if version != "FIX.4.2" else "")):
            pairs = peer.pairs(msg_type, good_body(peer, msg_type))
            there = {tag for tag, _ in pairs} | {9, 10}
            assert set(required_tags(version, msg_type)) <= there, f"{version} {msg_type}"
