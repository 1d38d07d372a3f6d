"""An exchange per test, and the proof that nothing native of it stays."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from gateway.wire import Wire
from tests.wire.peer import Exchange


@pytest.fixture
def exchanges() -> Iterator[Callable[..., Exchange]]:
    """Makes running exchanges with a session each; `options` and keys of the session may be given."""
    assert Wire.live_objects() == 0
    with ExitStack() as stack:

        def make(*, options: dict[str, int] | None = None, session: bool = True, **spec: Any) -> Exchange:
            exchange = Exchange(options=options)
            if session:
                exchange.add(**spec)
            return stack.enter_context(exchange)

        yield make
    assert Wire.live_objects() == 0


@pytest.fixture
def exchange(exchanges: Callable[..., Exchange]) -> Exchange:
    """One running exchange with session 1, TRADER1 in FIX.4.4."""
    return exchanges()
