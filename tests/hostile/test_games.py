"""Games with sequence numbers and clocks: a defined answer each, nobody else notices, a restart finds all in order."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.fuzz.test_field_values import trade
from tests.hostile.bystander import bounded_memory, bystander
from tests.hostile.games import FIRST_LOGONS, LAST_OF_64_BITS, TABLE, Game
from tests.hostile.judge import ANSWER, CLOSE, NOTHING, REJECT, Outcome, log_on_anew, outcome
from tests.support.exchange import ExchangeProcess, running_exchange
from tests.support.fix_peer import Fields, FixPeer, PeerClosedError, PeerTimeoutError

GROWTH_BYTES_MAX: Final = 48 << 20
TRADES_BETWEEN: Final = 10


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    """One exchange for all games; at the end its journal is compared with a replay."""
    with running_exchange(tmp_path_factory.mktemp("games")) as running:
        yield running
        assert running.terminate() == 0
        running.verify()


def play(game: Game, peer: FixPeer) -> Outcome:
    """Send the messages of a game and see how it ends."""
    try:
        for msg_type, fields in game.move(peer):
            peer.send_raw(peer.encode(msg_type, fields))
            if 34 not in dict(fields):
                peer.next_out += 1
        return outcome(peer)
    except PeerClosedError:
        return Outcome(CLOSE, ())


def is_in_order(found: Outcome) -> bool:
    """Tell whether the session can go on as if nothing had been."""
    known = found.kind in (REJECT, NOTHING, ANSWER)
    return known and not any(message.msg_type in "2A" for message in found.said)


@pytest.mark.slow
def test_every_game_has_a_defined_end(exchange: ExchangeProcess) -> None:
    peer = exchange.peer("TRADER1")
    faults = []
    with bystander(exchange) as other:
        try:
            log_on_anew(peer)
            trade(peer)
            with bounded_memory(exchange, GROWTH_BYTES_MAX):
                for count, game in enumerate(TABLE):
                    peer.check_numbers = False
                    found = play(game, peer)
                    if found.kind not in game.allowed:
                        faults.append(f"{game.name}: {found}, allowed: {sorted(game.allowed)}")
                    if not is_in_order(found):
                        log_on_anew(peer)
                        trade(peer)
                    if count % TRADES_BETWEEN == 0:
                        trade(other)
        finally:
            peer.cut()
    assert not faults, f"{len(faults)} faults\n" + "\n".join(faults)


def first_logon(peer: FixPeer, changes: Fields) -> str:
    """Send a Logon with these changes; return what is wrong with its answer, or nothing."""
    given = dict(changes)
    fields = [pair for pair in peer.logon_fields() if pair[0] not in given]
    peer.check_numbers = False
    try:
        peer.connect()
        peer.send_raw(peer.encode("A", [*fields, *changes]))
        answer = peer.receive()
        return "" if answer.msg_type == "A" or (answer.msg_type == "5" and answer.get(58)) else str(answer)
    except PeerClosedError:
        return ""
    except PeerTimeoutError:
        return "neither answered nor closed"
    finally:
        peer.cut()


@pytest.mark.slow
def test_every_odd_first_logon_has_a_defined_answer(exchange: ExchangeProcess) -> None:
    faults = []
    with bystander(exchange):
        peer = FixPeer(exchange.address, "FIX.4.4", "MAKER1")
        for name, changes in FIRST_LOGONS:
            if fault := first_logon(FixPeer(exchange.address, "FIX.4.4", "MAKER1"), changes):
                faults.append(f"{name}: {fault}")
            log_on_anew(peer)
            trade(peer)
            peer.logout()
    assert not faults, "\n".join(faults)


@pytest.mark.slow
def test_the_greatest_number_survives_a_kill(tmp_path: Path) -> None:
    exchange = ExchangeProcess(tmp_path)
    peer = exchange.peer("TRADER1")
    try:
        exchange.start()
        peer.logon()
        peer.send("4", [(36, LAST_OF_64_BITS), (123, "Y")])
        with bystander(exchange):
            pass  # what was sent before is committed
        exchange.kill()
        peer.cut()
        exchange.start()
        with bystander(exchange):
            log_on_anew(peer)
            trade(peer)
        assert exchange.terminate() == 0
        exchange.verify()
    finally:
        exchange.kill()
        peer.cut()
