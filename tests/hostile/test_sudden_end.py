"""A connection that ends right behind a message: its session is free again at once, not after a heartbeat's time."""

from collections.abc import Iterator
from typing import Final

import pytest

from tests.fuzz.wrong_values import good_message
from tests.hostile.bystander import bystander
from tests.hostile.judge import log_on_anew
from tests.support.exchange import ExchangeProcess, running_exchange

ROUNDS: Final = 40


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    """One exchange for all ends."""
    with running_exchange(tmp_path_factory.mktemp("ends")) as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("end", ["close", "cut"])
def test_a_session_is_free_when_its_connection_ends_right_behind_a_message(end: str, exchange: ExchangeProcess) -> None:
    # Bytes and end arrive together, so that the exchange may see both with one event.
    peer = exchange.peer("TRADER1")
    with bystander(exchange):
        for number in range(ROUNDS):
            log_on_anew(peer)
            burst = b"".join(peer.encode("D", [*good_message("D", "FIX.4.4"), (34, str(2 + i))]) for i in range(number))
            peer.send_raw(burst + peer.encode("0", [(34, str(2 + number))]))
            peer.close() if end == "close" else peer.cut()
        log_on_anew(peer)
        peer.cut()
