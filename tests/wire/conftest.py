"""An exchange per test, and the proof that nothing native of it stays."""

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

if extension := os.environ.get("OUTCRY_WIRE_EXTENSION"):
    # A build for a sanitizer stands in for the installed one; see run_sanitized.py.
    spec = importlib.util.spec_from_file_location("gateway.wire._wire", extension)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["gateway.wire._wire"] = module
    spec.loader.exec_module(module)

from gateway.wire import Wire
from tests.wire.peer import SCHEMA, Exchange


@pytest.fixture
def exchanges() -> Iterator[Callable[..., Exchange]]:
    """Makes running exchanges with a session each; `options` and keys of the session may be given."""
    assert Wire.live_objects() == 0
    with ExitStack() as stack:

        def make(
            *,
            options: dict[str, int] | None = None,
            schema: Mapping[str, Sequence[Any]] = SCHEMA,
            session: bool = True,
            **spec: Any,
        ) -> Exchange:
            exchange = Exchange(options=options, schema=schema)
            if session:
                exchange.add(**spec)
            return stack.enter_context(exchange)

        yield make
    assert Wire.live_objects() == 0


@pytest.fixture
def exchange(exchanges: Callable[..., Exchange]) -> Exchange:
    """One running exchange with session 1, TRADER1 in FIX.4.4."""
    return exchanges()
