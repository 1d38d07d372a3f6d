"""What one shard of a configuration is configured with: its part of it, under ids that all shards share."""

from pathlib import Path
from typing import Final

import pytest

from config.commands import configuration_commands
from config.settings import ConfigFaults, Settings, load
from config.shards import refuse_moves, shard_settings
from matching.commands import Command, DefineAccount, DefineInstrument, DefineSession, Deposit, SetLimits
from matching.engine import Engine
from matching.events import CommandRefused, Event
from risk.engine import RiskEngine
from tests.config.folder import ACCOUNTS, SPLIT, SPLIT_ACCOUNTS, Edit, write_config

INSTRUMENT_IDS: Final = {"AAPL": 40, "BTC-PERP": 4}
ACCOUNT_IDS: Final = {"ACC1": 12, "ACC2": 11}
SESSION_IDS: Final = {"FIX.4.4:OUTCRY->TRADER1": 7, "FIXT.1.1:OUTCRY->DROP1": 3}
SESSIONS: Final[list[Command]] = [
    DefineSession(7, "FIX.4.4:OUTCRY->TRADER1", "TRADER1", 0, 0, 0, 0),
    DefineSession(3, "FIXT.1.1:OUTCRY->DROP1", "DROP1", 0, 0, 0, 0),
]
LIMITED: Final = SPLIT_ACCOUNTS.replace(
    'firm = "FIRM1"\nopening',
    'firm = "FIRM1"\norder_value_max = "100"\nmessage_rate = 10\n'
    'limit = [{ symbol = "BTC-PERP", order_qty_max = "0.5" }, { symbol = "AAPL", order_qty_max = "6" }]\nopening',
)


@pytest.fixture
def split(tmp_path: Path) -> Settings:
    """Return a configuration of two shards, `main` with AAPL and `perps` with BTC-PERP."""
    return load(write_config(tmp_path, *SPLIT, Edit("accounts.toml", ACCOUNTS, LIMITED)))


def commands_of(settings: Settings, shard: str, engine: Engine | None = None) -> list[Command]:
    """Return what the engine of a shard, a new one by default, has to be told."""
    part = shard_settings(settings, shard, INSTRUMENT_IDS, ACCOUNT_IDS)
    return configuration_commands(part, engine or Engine(RiskEngine()), SESSION_IDS)


def configured(settings: Settings, shard: str) -> Engine:
    """Return the engine of a shard that has its part; no command was refused."""
    engine = Engine(RiskEngine())
    events: list[Event] = []
    for command in commands_of(settings, shard):
        engine.apply(engine.seq + 1, engine.time_ns + 1, command, events)
    assert [event for event in events if isinstance(event, CommandRefused)] == []
    return engine


def test_a_shard_is_told_its_part_under_the_ids_given(split: Settings) -> None:
    assert commands_of(split, "main") == [
        DefineInstrument(40, "AAPL", "spot", "USD", 1_000_000, 100_000_000, 10_000, 58_500, 5_000, follows_trades=True),
        DefineAccount(12, "ACC1", "FIRM1"),
        DefineAccount(11, "ACC2", "FIRM1"),
        SetLimits(12, 0, 0, 100_000_000, 0, 0, 10, 10),
        SetLimits(12, 40, 6, 0, 0, 0),
        Deposit(12, "AAPL", 5, "opening:ACC1:AAPL"),
        Deposit(12, "USD", 1_000_000_001, "opening:ACC1:USD"),
        *SESSIONS,
    ]


def test_the_other_shard_is_told_the_rest(split: Settings) -> None:
    assert commands_of(split, "perps") == [
        DefineInstrument(
            4, "BTC-PERP", "perpetual", "USD", 50_000_000, 100_000, 500, 120_000, 5_000, follows_trades=True
        ),
        DefineAccount(12, "ACC1", "FIRM1"),
        DefineAccount(11, "ACC2", "FIRM1"),
        SetLimits(12, 0, 0, 100_000_000, 0, 0, 10, 10),
        SetLimits(12, 4, 500, 0, 0, 0),
        Deposit(12, "USD", 2_000_000_000, "opening:ACC1:USD"),
        *SESSIONS,
    ]


@pytest.mark.parametrize("shard", ["main", "perps"])
def test_a_shard_that_has_its_part_is_told_nothing_more(split: Settings, shard: str) -> None:
    engine = configured(split, shard)
    assert commands_of(split, shard, engine) == []
    again = Engine(RiskEngine())
    again.load(engine.snapshot())
    assert commands_of(split, shard, again) == []


def test_the_configuration_itself_stays_as_it_was(split: Settings, tmp_path: Path) -> None:
    shard_settings(split, "main", INSTRUMENT_IDS, ACCOUNT_IDS)
    assert split == load(tmp_path)


def test_a_part_is_a_configuration_of_one_shard(split: Settings) -> None:
    part = shard_settings(split, "perps", INSTRUMENT_IDS, ACCOUNT_IDS)
    assert [shard.name for shard in part.exchange.shards] == ["perps"]
    assert part.accounts[0].openings == {"perps": part.accounts[0].opening}
    assert (part.accounts[1].openings, part.accounts[1].opening) == ({}, {})
    assert (part.sessions, part.passwords, part.notes) == (split.sessions, split.passwords, ())
    assert shard_settings(part, "perps", INSTRUMENT_IDS, ACCOUNT_IDS) == part


def test_the_parts_add_up_to_the_whole(split: Settings) -> None:
    parts = [shard_settings(split, shard.name, INSTRUMENT_IDS, ACCOUNT_IDS) for shard in split.exchange.shards]
    assert sorted(each.symbol for part in parts for each in part.instruments) == ["AAPL", "BTC-PERP"]
    for number, account in enumerate(split.accounts):
        openings = [part.accounts[number].opening for part in parts]
        assert {asset: sum(each.get(asset, 0) for each in openings) for asset in account.opening} == account.opening


def test_with_one_shard_the_part_is_the_whole(tmp_path: Path) -> None:
    settings = load(write_config(tmp_path))
    part = shard_settings(settings, "main", {"AAPL": 1, "BTC-PERP": 2}, {"ACC1": 1, "ACC2": 2})
    told = [configuration_commands(each, Engine(RiskEngine()), SESSION_IDS) for each in (settings, part)]
    assert told[0] == told[1]


def test_an_id_other_than_the_one_that_the_shard_has_is_a_fault(split: Settings) -> None:
    engine = configured(split, "main")
    part = shard_settings(split, "main", {"AAPL": 41}, {"ACC1": 12, "ACC2": 13})
    with pytest.raises(ConfigFaults) as caught:
        configuration_commands(part, engine, SESSION_IDS)
    assert [str(fault) for fault in caught.value.faults] == [
        "accounts.toml:17: id: found 13, allowed: 11, which ACC2 has in the journal",
        "instruments.toml:1: id: found 41, allowed: 40, which AAPL has in the journal",
    ]


def test_a_shard_that_is_not_there_is_refused(split: Settings) -> None:
    with pytest.raises(AssertionError, match="nowhere is not one shard"):
        shard_settings(split, "nowhere", INSTRUMENT_IDS, ACCOUNT_IDS)


MOVES = [
    # shard of each symbol in the journals, faults
    ({}, []),
    ({"AAPL": "main"}, []),
    ({"AAPL": "main", "BTC-PERP": "perps", "GONE": "main"}, []),
    ({"AAPL": "perps"}, ["instruments.toml:1: shard: found main for AAPL, allowed: perps, as in the journal"]),
    (
        {"AAPL": "perps", "BTC-PERP": "main"},
        [
            "instruments.toml:1: shard: found main for AAPL, allowed: perps, as in the journal",
            "instruments.toml:11: shard: found perps for BTC-PERP, allowed: main, as in the journal",
        ],
    ),
    (
        {"GONE": "old"},
        ['exchange.toml: shard: found nothing, allowed: a [[shard]] with name = "old", which has GONE in its journal'],
    ),
]


@pytest.mark.parametrize(("homes", "expected"), MOVES)
def test_an_instrument_stays_on_the_shard_whose_journal_has_it(
    split: Settings, homes: dict[str, str], expected: list[str]
) -> None:
    found: list[str] = []
    try:
        refuse_moves(split, homes)
    except ConfigFaults as error:
        found = [str(fault) for fault in error.faults]
    assert found == expected
