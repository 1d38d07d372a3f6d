"""10,000 connections that never log on: members log on beside them, and memory is bounded."""

import contextlib
import json
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.hostile.bystander import bounded_memory, bystander, logon_seconds
from tests.hostile.crowd import crowd_before, descriptors_allowed
from tests.support.conversation import client_tls
from tests.support.exchange import ExchangeProcess, replace_in
from tests.support.fix_peer import FixPeer

STRANGERS: Final = 10_000
STRANGERS_TLS: Final = 2_000
LOGONS: Final = 8
CONNECTIONS_SHIPPED: Final = 1_000
GROWTH_BYTES_MAX: Final = 24 << 20
GROWTH_BYTES_TLS_MAX: Final = 128 << 20
VERSIONS: Final = ("FIX.4.4", "FIXT.1.1")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        descriptors_allowed() < 2 * STRANGERS - STRANGERS // 2,
        reason=f"the hard limit of open files is {descriptors_allowed()}, {2 * STRANGERS - STRANGERS // 2} are needed",
    ),
]

WIDE: Final = (
    ("connections_max = 1000", "connections_max = 11000"),
    ("connections_per_address_max = 256", "connections_per_address_max = 1100"),
    ("logon_timeout_seconds = 5", "logon_timeout_seconds = 60"),
)
"""Bounds that let every stranger stay."""


@contextlib.contextmanager
def exchange_with(folder: Path, changes: Sequence[tuple[str, str]]) -> Iterator[ExchangeProcess]:
    """Run an exchange on its shipped bounds, but for these; see that it ends in order."""
    exchange = ExchangeProcess(folder)
    for old, new in changes:
        replace_in(exchange.config_dir / "exchange.toml", old, new)
    try:
        exchange.start()
        yield exchange
        assert exchange.terminate() == 0
    finally:
        exchange.kill()


def members_log_on(exchange: ExchangeProcess, beside: str) -> None:
    """Log members on one after the other, at both ports; print how long it took. The aim is 1 s for each."""
    took = []
    for number in range(LOGONS):
        tls = number % 4 == 3
        address = ("127.0.0.1", exchange.tls_port) if tls else exchange.address
        version = VERSIONS[number % len(VERSIONS)]
        peer = FixPeer(address, version, "TRADER1", tls=client_tls() if tls else None)
        try:
            took.append(logon_seconds(peer))
        finally:
            peer.cut()
    text = f"median {statistics.median(took) * 1e3:.0f} ms, longest {max(took) * 1e3:.0f} ms (aim: 1000 ms)"
    print(f"{LOGONS} logons beside {beside}: {text}")


def connections_held(exchange: ExchangeProcess) -> int:
    """Return how many connections the exchange holds that have not logged on."""
    result = exchange.run("status", "--data", str(exchange.data_dir), "--json")
    assert result.returncode == 0, result.stderr
    return int(json.loads(result.stdout)["wire"]["gate_connections"])


def test_members_log_on_beside_all_of_them(tmp_path: Path) -> None:
    with exchange_with(tmp_path, WIDE) as exchange, bystander(exchange):
        # The first password checks take memory that stays with the process.
        members_log_on(exchange, "nobody")
        with bounded_memory(exchange, GROWTH_BYTES_MAX), crowd_before(exchange.port, STRANGERS) as crowd:
            assert crowd.stood["open"] == STRANGERS, crowd.stood
            members_log_on(exchange, f"{STRANGERS} silent connections")
        assert crowd.ended["open"] == STRANGERS, "the bounds of this exchange have room for all of them"


def test_members_log_on_while_strangers_push_each_other_out(tmp_path: Path) -> None:
    with exchange_with(tmp_path, ()) as exchange, bystander(exchange):
        # The first password checks take memory that stays with the process.
        members_log_on(exchange, "nobody")
        with bounded_memory(exchange, GROWTH_BYTES_MAX), crowd_before(exchange.port, STRANGERS, again=True) as crowd:
            members_log_on(exchange, "strangers who come again and again")
            crowd.wait_until_it_stands()
            members_log_on(exchange, f"{STRANGERS} connections tried, at most 1000 held")
            assert connections_held(exchange) <= CONNECTIONS_SHIPPED
        assert crowd.ended["made"] >= STRANGERS
        assert crowd.ended["closed"] >= STRANGERS - CONNECTIONS_SHIPPED


def test_silent_handshakes_cost_a_bounded_share_of_memory(tmp_path: Path) -> None:
    with (
        exchange_with(tmp_path, WIDE) as exchange,
        bystander(exchange),
    ):
        # The first password checks take memory that stays with the process.
        members_log_on(exchange, "nobody")
        with bounded_memory(exchange, GROWTH_BYTES_TLS_MAX), crowd_before(exchange.tls_port, STRANGERS_TLS):
            members_log_on(exchange, f"{STRANGERS_TLS} silent TLS handshakes")
