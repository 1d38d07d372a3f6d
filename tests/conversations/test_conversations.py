"""Every conversation file, in every version it names, against the real exchange."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.conversation import Runner
from tests.support.exchange import ExchangeProcess, running_exchange
from tests.support.script import Script, read_script
from tests.support.shards import kill_shards

SCRIPTS = [read_script(path) for path in sorted(Path(__file__).parent.glob("*.fix"))]
SHARED = [(script, version) for script in SCRIPTS if not script.is_fresh for version in script.versions]
OVER_SHARDS = [script for script in SCRIPTS if not script.is_fresh and "FIX.4.4" in script.versions]
FRESH = [(script, version) for script in SCRIPTS if script.is_fresh for version in script.versions]


def name_of(case: object) -> str:
    """Return the test id of a script, or of a version."""
    return case.path.stem if isinstance(case, Script) else str(case)


class SharedExchange:
    """The exchange of all conversations that leave an empty book behind; a new one after one that failed."""

    def __init__(self, base: Path, configuration: str = ".") -> None:
        self._base = base
        self._configuration = configuration
        self._exchange: ExchangeProcess | None = None

    def take(self) -> ExchangeProcess:
        """Return the running exchange, with an empty book and with the numbers that every session has come to."""
        if self._exchange is None:
            shutil.rmtree(self._base, ignore_errors=True)
            self._base.mkdir(parents=True)
            self._exchange = ExchangeProcess(self._base, configuration=self._configuration)
            self._exchange.start()
        assert self._exchange.is_running, f"the exchange has died:\n{self._exchange.errors()}"
        return self._exchange

    def discard(self) -> None:
        """End the exchange; the next `take` starts another one."""
        if self._exchange is not None:
            self._exchange.kill()
            kill_shards(self._exchange)
            self._exchange = None


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedExchange]:
    """The exchange of all conversations that do not want one of their own."""
    exchange = SharedExchange(tmp_path_factory.mktemp("shared") / "exchange")
    yield exchange
    exchange.discard()


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedExchange]:
    """The same with a shard for each instrument."""
    exchange = SharedExchange(tmp_path_factory.mktemp("sharded") / "exchange", "per-instrument")
    yield exchange
    exchange.discard()


@pytest.mark.slow
@pytest.mark.parametrize(("script", "version"), SHARED, ids=name_of)
def test_conversation(script: Script, version: str, shared: SharedExchange) -> None:
    hold(script, version, shared)


@pytest.mark.slow
@pytest.mark.parametrize("script", OVER_SHARDS, ids=name_of)
def test_conversation_over_shards(script: Script, sharded: SharedExchange) -> None:
    """A member cannot tell where the market is matched."""
    hold(script, "FIX.4.4", sharded)


def hold(script: Script, version: str, shared: SharedExchange) -> None:
    """Run a conversation on a shared exchange, which is discarded if it fails."""
    runner = Runner(script, version, shared.take())
    try:
        runner.run()
        runner.mop_up()
    except BaseException:
        shared.discard()
        raise
    finally:
        runner.close()


@pytest.mark.slow
@pytest.mark.parametrize(("script", "version"), FRESH, ids=name_of)
def test_conversation_with_an_exchange_of_its_own(script: Script, version: str, tmp_path: Path) -> None:
    with running_exchange(
        tmp_path,
        session_keys=script.session_keys,
        instrument_keys=script.instrument_keys,
        account_keys=script.account_keys,
    ) as exchange:
        runner = Runner(script, version, exchange)
        try:
            runner.run()
        finally:
            runner.close()


def test_every_conversation_has_a_title_of_its_own() -> None:
    titles = [script.title for script in SCRIPTS]
    assert len(set(titles)) == len(titles)
    assert len(SCRIPTS) > 50
