"""[[firm]] of accounts.toml: what it may say, and the commands that it becomes."""

from pathlib import Path

import pytest

from config.commands import configuration_commands
from config.settings import check, load
from config.shards import shard_settings
from matching.commands import SetFirmLimits
from matching.engine import Engine
from risk.engine import RiskEngine
from tests.config.folder import ACCOUNTS, PERP_ON_ITS_OWN, SPLIT_ACCOUNTS, TWO_SHARDS, Edit, write_config
from tests.config.test_config_commands import SESSION_IDS, apply

FIRM = """
[[firm]]
name = "FIRM1"
open_orders_max = 7
open_value_max = "1000.5"

[[firm.limit]]
symbol = "AAPL"
position_max = "50"

[[firm.limit]]
symbol = "BTC-PERP"
position_max = "0.5"
"""
END = '[[account]]\nname = "ACC2"\nfirm = "FIRM1"\n'
WANTED = [
    SetFirmLimits("FIRM1", 0, 7, 1_000_500_000, 0),
    SetFirmLimits("FIRM1", 1, 0, 0, 50),
    SetFirmLimits("FIRM1", 2, 0, 0, 500),
]


def with_firm(folder: Path, text: str = FIRM) -> Path:
    """Write the small configuration with limits of firms."""
    return write_config(folder, Edit("accounts.toml", END, END + text))


def test_limits_of_a_firm_become_commands_once_and_are_lifted(tmp_path: Path) -> None:
    settings = load(with_firm(tmp_path))
    engine = Engine(RiskEngine())
    commands = configuration_commands(settings, engine, SESSION_IDS)
    assert [command for command in commands if isinstance(command, SetFirmLimits)] == WANTED
    apply(engine, commands)
    assert configuration_commands(settings, engine, SESSION_IDS) == []
    fewer = load(with_firm(tmp_path, FIRM[: FIRM.rindex("[[")].replace("1000.5", "2000")))
    changed = configuration_commands(fewer, engine, SESSION_IDS)
    assert changed == [SetFirmLimits("FIRM1", 0, 7, 2_000_000_000, 0), SetFirmLimits("FIRM1", 2, 0, 0, 0)]
    apply(engine, changed)
    lifted = configuration_commands(load(write_config(tmp_path)), engine, SESSION_IDS)
    assert lifted == [SetFirmLimits("FIRM1", 0, 0, 0, 0), SetFirmLimits("FIRM1", 1, 0, 0, 0)]
    apply(engine, lifted)
    assert engine.risk.firms.by_name == {}  # type: ignore[attr-defined]  # it is the risk engine made above


def test_limits_whose_firm_has_no_account_any_longer_are_lifted(tmp_path: Path) -> None:
    engine = Engine(RiskEngine())
    apply(engine, configuration_commands(load(with_firm(tmp_path)), engine, SESSION_IDS))
    for name in ("accounts.toml",):
        text = ACCOUNTS.replace("FIRM1", "FIRM2")
        (tmp_path / name).write_text(text, encoding="utf-8")
    apply(engine, configuration_commands(load(tmp_path), engine, SESSION_IDS))
    assert configuration_commands(load(tmp_path), engine, SESSION_IDS) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"FIRM1"\nopen', '"FIRM9"\nopen', 'found "FIRM9", allowed: the firm of an account: FIRM1'),
        ("open_orders_max = 7", "open_orders_max = 0", "whole number 1..100000000"),
        ('"1000.5"', '"-1"', "open_value_max"),
        ('"1000.5"', '"0.0000001"', "open_value_max"),
        ('symbol = "AAPL"', 'symbol = "APPL"', "a symbol of instruments.toml"),
        ('symbol = "AAPL"', 'symbol = "BTC-PERP"', "one that line"),
        ('position_max = "50"', 'position_max = "50.5"', "a multiple of the lot of AAPL"),
        ('position_max = "50"', 'open_orders_max = 5\nposition_max = "50"', "open_orders_max"),
        ('position_max = "50"\n', "", "position_max: found nothing"),
        ("open_value_max", "open_value_mix", "did you mean open_value_max?"),
        ("[[firm]]", "[[firma]]", "firma"),
    ],
)
def test_what_is_not_allowed_is_a_fault_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = FIRM.replace(old, new, 1)
    assert text != FIRM
    faults = check(with_firm(tmp_path, text)).faults
    assert faults
    assert said in " ".join(map(str, faults))
    assert all(fault.line for fault in faults)


def test_a_firm_that_stands_twice_is_a_fault(tmp_path: Path) -> None:
    (fault,) = check(with_firm(tmp_path, FIRM + '\n[[firm]]\nname = "FIRM1"\n')).faults
    assert "one that line" in str(fault)


def test_each_shard_has_the_limits_of_its_instruments(tmp_path: Path) -> None:
    whole = load(
        write_config(tmp_path, TWO_SHARDS, PERP_ON_ITS_OWN, Edit("accounts.toml", ACCOUNTS, SPLIT_ACCOUNTS + FIRM))
    )
    (firm,) = shard_settings(whole, "perps", {"AAPL": 1, "BTC-PERP": 2}, {"ACC1": 1, "ACC2": 2}).firms
    assert (firm.open_orders_max, firm.position_max) == (7, {"BTC-PERP": 500})
