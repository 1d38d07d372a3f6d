# ruff: noqa: E501 - a table of faults is read by its rows
"""From a configuration to commands: the engine gets what it lacks, and a second time nothing."""

from pathlib import Path

import pytest

from config.commands import configuration_commands, instrument_commands
from config.settings import ConfigFaults, Settings, load
from matching.commands import (
    Command,
    DefineAccount,
    DefineInstrument,
    DefineSession,
    Deposit,
    SetLimits,
    SetReferencePrice,
)
from matching.engine import Engine
from matching.events import CommandRefused, Event
from risk.engine import RiskEngine
from tests.config.folder import ACCOUNTS, Edit, write_config

SESSION_IDS = {"FIX.4.4:OUTCRY->TRADER1": 7, "FIXT.1.1:OUTCRY->DROP1": 3}


def apply(engine: Engine, commands: list[Command]) -> None:
    """Apply commands; none may be refused."""
    events: list[Event] = []
    for command in commands:
        engine.apply(engine.seq + 1, engine.time_ns + 1, command, events)
    assert [event for event in events if isinstance(event, CommandRefused)] == []


def configured(settings: Settings) -> Engine:
    """Return an engine that has the configuration."""
    engine = Engine(RiskEngine())
    apply(engine, configuration_commands(settings, engine, SESSION_IDS))
    return engine


def test_a_new_engine_is_told_everything_in_order(tmp_path: Path) -> None:
    settings = load(write_config(tmp_path))
    assert configuration_commands(settings, Engine(RiskEngine()), SESSION_IDS) == [
        DefineInstrument(1, "AAPL", "spot", "USD", 1_000_000, 100_000_000, 10_000, 58_500, 5_000, follows_trades=True),
        DefineInstrument(
            2, "BTC-PERP", "perpetual", "USD", 50_000_000, 100_000, 500, 120_000, 5_000, follows_trades=True
        ),
        DefineAccount(1, "ACC1", "FIRM1"),
        DefineAccount(2, "ACC2", "FIRM1"),
        SetLimits(1, 0, 0, 100_000_000, 0, 0, 10, 10),
        SetLimits(1, 2, 500, 0, 0, 0),
        Deposit(1, "USD", 1_000_000_001, "opening:ACC1:USD"),
        Deposit(1, "AAPL", 5, "opening:ACC1:AAPL"),
        DefineSession(7, "FIX.4.4:OUTCRY->TRADER1", "TRADER1", 0, 0, 0, 0),
        DefineSession(3, "FIXT.1.1:OUTCRY->DROP1", "DROP1", 0, 0, 0, 0),
    ]


def test_a_configured_engine_is_told_nothing_more(tmp_path: Path) -> None:
    settings = load(write_config(tmp_path))
    engine = configured(settings)
    assert configuration_commands(settings, engine, SESSION_IDS) == []
    again = Engine(RiskEngine())
    again.load(engine.snapshot())
    assert configuration_commands(settings, again, SESSION_IDS) == []


def test_what_changed_is_told_and_ids_stay_with_their_names(tmp_path: Path) -> None:
    engine = configured(load(write_config(tmp_path)))
    edits = (
        Edit("instruments.toml", '[[instrument]]\nsymbol = "AAPL"', '[[instrument]]\nsymbol = "GOLD"'),
        Edit(
            "accounts.toml",
            '[[account]]\nname = "ACC2"',
            '[[account]]\nname = "ACC0"\nfirm = "FIRM2"\n\n[[account]]\nname = "ACC2"',
        ),
        Edit("accounts.toml", 'AAPL = "5"', 'GOLD = "6"'),
        Edit("accounts.toml", 'order_qty_max = "0.5"', 'position_max = "2"'),
        Edit("accounts.toml", "message_rate = 10\n", ""),
        Edit("sessions.cfg", "Role=drop_copy\n", "Role=drop_copy\nMessageRate=4\nCancelRate=5\nCancelBurst=6\n"),
    )
    settings = load(write_config(tmp_path, *edits))
    commands = configuration_commands(settings, engine, SESSION_IDS)
    # Instruments that are read again are all that is taken of what was read.
    assert instrument_commands(settings, engine) == commands[:1]
    assert commands == [
        DefineInstrument(3, "GOLD", "spot", "USD", 1_000_000, 100_000_000, 10_000, 58_500, 5_000, follows_trades=True),
        DefineAccount(3, "ACC0", "FIRM2"),
        SetLimits(1, 0, 0, 100_000_000, 0, 0, 0, 0),
        SetLimits(1, 2, 0, 0, 0, 2_000),
        Deposit(1, "GOLD", 6, "opening:ACC1:GOLD"),
        DefineSession(3, "FIXT.1.1:OUTCRY->DROP1", "DROP1", 4, 4, 5, 6),
    ]
    apply(engine, commands)


def test_limits_that_left_the_file_are_lifted(tmp_path: Path) -> None:
    engine = configured(load(write_config(tmp_path)))
    without = ACCOUNTS.replace('\n[[account.limit]]\nsymbol = "BTC-PERP"\norder_qty_max = "0.5"\n', "")
    settings = load(write_config(tmp_path, Edit("accounts.toml", ACCOUNTS, without)))
    assert configuration_commands(settings, engine, SESSION_IDS) == [SetLimits(1, 2, 0, 0, 0, 0)]
    apply(engine, configuration_commands(settings, engine, SESSION_IDS))
    assert configuration_commands(settings, engine, SESSION_IDS) == []


def test_the_reference_price_is_the_markets_after_the_first_start(tmp_path: Path) -> None:
    engine = configured(load(write_config(tmp_path)))
    apply(engine, [SetReferencePrice(1, 60_000, "operator")])
    settings = load(write_config(tmp_path, Edit("instruments.toml", '"585.00"', '"1.00"')))
    assert configuration_commands(settings, engine, SESSION_IDS) == []
    wider = Edit(
        "instruments.toml",
        'reference_price = "585.00"\nband_percent = "50"',
        'reference_price = "1.00"\nband_percent = "10"',
    )
    settings = load(write_config(tmp_path, wider))
    assert configuration_commands(settings, engine, SESSION_IDS) == [
        DefineInstrument(1, "AAPL", "spot", "USD", 1_000_000, 100_000_000, 10_000, 60_000, 1_000, follows_trades=True)
    ]


def test_ids_of_the_file_are_taken_and_the_others_come_behind(tmp_path: Path) -> None:
    settings = load(write_config(tmp_path, Edit("instruments.toml", 'symbol = "AAPL"', 'id = 40\nsymbol = "AAPL"')))
    engine = configured(settings)
    assert {key: record.symbol for key, record in engine.instruments.items()} == {40: "AAPL", 41: "BTC-PERP"}
    assert configuration_commands(settings, engine, SESSION_IDS) == []


REFUSED = [
    # old, new, faults of instruments.toml
    ('symbol = "AAPL"', 'id = 9\nsymbol = "AAPL"', ["1: id: found 9, allowed: 1, which AAPL has in the journal"]),
    ('symbol = "AAPL"', 'id = 2\nsymbol = "A"', ["1: id: found 2, allowed: an id that the journal does not have for BTC-PERP"]),
    ('tick = "0.01"', 'tick = "0.05"', ["1: tick: found 0.05 for AAPL, allowed: 0.01, as in the journal"]),
    ('lot = "0.001"', 'lot = "0.5"', ["11: lot: found 0.5 for BTC-PERP, allowed: 0.001, as in the journal"]),
    ('kind = "spot"', 'kind = "perpetual"', ["1: kind: found perpetual for AAPL, allowed: spot, as in the journal"]),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), REFUSED)
def test_what_orders_and_balances_are_counted_in_cannot_change(
    tmp_path: Path, old: str, new: str, expected: list[str]
) -> None:
    no_shares = Edit("accounts.toml", ', AAPL = "5"', "")
    engine = configured(load(write_config(tmp_path, no_shares)))
    settings = load(write_config(tmp_path, no_shares, Edit("instruments.toml", old, new)))
    for refused in (
        lambda: configuration_commands(settings, engine, SESSION_IDS),
        lambda: instrument_commands(settings, engine),
    ):
        with pytest.raises(ConfigFaults) as caught:
            refused()
        assert [str(fault) for fault in caught.value.faults] == [f"instruments.toml:{fault}" for fault in expected]
