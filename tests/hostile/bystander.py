"""The other member: he trades while an attack runs, and what he sees is as if there were none."""

import contextlib
import time
from collections.abc import Iterator

from tests.bench.machine import anonymous_bytes
from tests.fuzz.test_field_values import trade
from tests.hostile.judge import log_on_anew
from tests.support.exchange import ExchangeProcess
from tests.support.fix_peer import FixPeer


@contextlib.contextmanager
def bystander(exchange: ExchangeProcess, comp_id: str = "TRADER2") -> Iterator[FixPeer]:
    """Log a member on, let him trade before and after the block, and see him log out in order."""
    peer = exchange.peer(comp_id)
    try:
        log_on_anew(peer)
        trade(peer)
        yield peer
        trade(peer)
        peer.logout()
    finally:
        peer.cut()


def logon_seconds(peer: FixPeer) -> float:
    """Log a member on with numbers that begin anew, let him trade and log out; return how long his logon took."""
    begun = time.monotonic()
    peer.logon([(141, "Y")])
    took = time.monotonic() - begun
    trade(peer)
    peer.logout()
    return took


@contextlib.contextmanager
def bounded_memory(exchange: ExchangeProcess, growth_bytes_max: int) -> Iterator[None]:
    """See that the exchange has not grown by more than the bound when the block ends."""
    before = anonymous_bytes(exchange.pid)
    yield
    grown = anonymous_bytes(exchange.pid) - before
    print(f"memory: {grown / 1e6:+.1f} MB, allowed {growth_bytes_max / 1e6:.0f}")
    assert grown < growth_bytes_max, f"{grown} bytes more, allowed {growth_bytes_max}"
