"""The second shipped configuration is the demo with a shard for each instrument, and in all else the same."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.commands import configuration_commands
from config.settings import SHIPPED, Settings, load
from config.shards import shard_settings
from matching.commands import Deposit
from matching.engine import Engine
from matching.events import CommandRefused, Event
from risk.engine import RiskEngine
from tests.config.folder import copy_shipped

USD = 1_000_000


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Settings]:
    """The demo and its second configuration."""
    folder = copy_shipped(tmp_path_factory.mktemp("shipped") / "config")
    return load(folder), load(folder / "per-instrument")


def values(settings: object, **changed: object) -> dict[str, Any]:
    """Return all values of settings, with those changed that are not compared; a value is left out with `...`."""
    found = {**msgspec.to_builtins(settings), **changed}
    return {name: value for name, value in found.items() if value is not ...}


def test_each_instrument_has_a_shard_of_its_own(shipped: tuple[Settings, Settings]) -> None:
    homes = {each.symbol: each.shard for each in shipped[1].instruments}
    assert homes == {"AAPL": "aapl", "MSFT": "msft", "BTC-PERP": "btc-perp"}
    assert [each.name for each in shipped[1].exchange.shards] == ["aapl", "msft", "btc-perp"]


def test_a_core_goes_to_each_shard_as_far_as_there_are_cores(
    shipped: tuple[Settings, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shipped[1].config_dir
    monkeypatch.setattr("config.exchange.usable_cores", lambda: [0, 1, 2, 5])
    settings = load(folder)
    assert ([each.core for each in settings.exchange.shards], settings.notes) == ([5, 2, 1], ())
    monkeypatch.setattr("config.exchange.usable_cores", lambda: [0, 1])
    settings = load(folder)
    assert [each.core for each in settings.exchange.shards] == [1, 0, None]
    text = "not pinned, as this process may use 2 cores and none is left: btc-perp"
    assert [(each.file, each.key, each.text) for each in settings.notes] == [("exchange.toml", "core", text)]


def test_the_machines_side_is_the_demos(shipped: tuple[Settings, Settings]) -> None:
    demo, other = (
        values(each.exchange, shards=..., listeners=[values(listener, tls=...) for listener in each.exchange.listeners])
        for each in shipped
    )
    assert demo == other
    tls = [[each.tls for each in settings.exchange.listeners if each.tls] for settings in shipped]
    paths = [[(Path(each.certificate).resolve(), Path(each.private_key).resolve()) for each in found] for found in tls]
    assert paths[0] == paths[1]
    assert [each.client_certificates for each in tls[0]] == [each.client_certificates for each in tls[1]]


def test_instruments_are_the_demos(shipped: tuple[Settings, Settings]) -> None:
    demo, other = ([values(each, shard=..., line=...) for each in settings.instruments] for settings in shipped)
    assert demo == other


def test_accounts_are_the_demos_with_the_same_balances_in_all(shipped: tuple[Settings, Settings]) -> None:
    demo, other = ([values(each, openings=..., line=...) for each in settings.accounts] for settings in shipped)
    assert demo == other


def test_cash_is_split_over_the_shards(shipped: tuple[Settings, Settings]) -> None:
    parts = {
        "aapl": {"AAPL": 100_000_000, "USD": 3_000_000_000 * USD},
        "msft": {"MSFT": 100_000_000, "USD": 3_000_000_000 * USD},
        "btc-perp": {"USD": 4_000_000_000 * USD},
    }
    found = [(each.name, each.openings) for each in shipped[1].accounts]
    assert found == [(name, parts) for name in ("ACC1", "ACC2", "ACC3")]


def test_sessions_are_the_demos(shipped: tuple[Settings, Settings]) -> None:
    demo, other = (
        [values(each, line=..., transport_dictionary=..., app_dictionary=...) for each in settings.sessions]
        for settings in shipped
    )
    assert demo == other


def test_dictionaries_have_the_bytes_of_the_demos(shipped: tuple[Settings, Settings]) -> None:
    demo, other = (
        [
            Path(path).read_bytes()
            for each in settings.sessions
            for path in (each.transport_dictionary, each.app_dictionary)
        ]
        for settings in shipped
    )
    assert demo == other


def test_passwords_are_the_demos() -> None:
    assert (SHIPPED / "per-instrument" / "passwords").read_bytes() == (SHIPPED / "passwords").read_bytes()


def test_every_shard_takes_its_part(shipped: tuple[Settings, Settings]) -> None:
    settings = shipped[1]
    instrument_ids = {each.symbol: number for number, each in enumerate(settings.instruments, start=1)}
    account_ids = {each.name: number for number, each in enumerate(settings.accounts, start=1)}
    session_ids = {each.name: number for number, each in enumerate(settings.sessions, start=1)}
    deposits: dict[str, int] = {}
    for shard in settings.exchange.shards:
        engine, events = Engine(RiskEngine()), list[Event]()
        part = shard_settings(settings, shard.name, instrument_ids, account_ids)
        for command in configuration_commands(part, engine, session_ids):
            engine.apply(engine.seq + 1, engine.time_ns + 1, command, events)
            if isinstance(command, Deposit):
                deposits[command.asset] = deposits.get(command.asset, 0) + command.amount
        assert [event for event in events if isinstance(event, CommandRefused)] == []
        assert list(engine.instruments) == [instrument_ids[each.symbol] for each in part.instruments]
        assert (list(engine.accounts), len(engine.sessions)) == ([1, 2, 3], len(settings.sessions))
    assert deposits == {"AAPL": 300_000_000, "MSFT": 300_000_000, "USD": 30_000_000_000 * USD}
