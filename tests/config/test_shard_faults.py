# ruff: noqa: E501 - a table of faults is read by its rows
"""A configuration of several shards: what it may say of each, and every fault of it."""

from pathlib import Path

import pytest

from config.settings import load
from tests.config.folder import (
    ACCOUNTS,
    PERP_ON_ITS_OWN,
    SPLIT,
    SPLIT_ACCOUNTS,
    TWO_SHARDS,
    Edit,
    faults,
    notes,
    write_config,
)

ONE_OF = "whose name is one of main, perps"
FOLDER = "name of a folder, 1..32 letters, digits, -, _ and ., the first a letter or digit, in quotes"


def accounts(old: str, new: str) -> Edit:
    """Return the split accounts with one change."""
    assert SPLIT_ACCOUNTS.count(old) == 1, f"{old!r} does not stand once in the accounts"
    return Edit("accounts.toml", ACCOUNTS, SPLIT_ACCOUNTS.replace(old, new))


def test_an_account_is_opened_on_each_shard_with_its_part(tmp_path: Path) -> None:
    settings = load(write_config(tmp_path, *SPLIT, accounts("ACC1", "ACC1")))
    found = [(each.name, each.opening, each.openings) for each in settings.accounts]
    parts = {"main": {"AAPL": 5, "USD": 1_000_000_001}, "perps": {"USD": 2_000_000_000}}
    assert found == [("ACC1", {"AAPL": 5, "USD": 3_000_000_001}, parts), ("ACC2", {}, {})]


def test_shares_may_stand_in_the_part_of_the_shard_that_trades_them(tmp_path: Path) -> None:
    edit = accounts(
        'opening = { AAPL = "5" }\n\n[[account.shard]]\nname = "main"\nopening = { ',
        '[[account.shard]]\nname = "main"\nopening = { AAPL = "5", ',
    )
    settings = load(write_config(tmp_path, *SPLIT, edit))
    assert settings.accounts[0].openings["main"] == {"AAPL": 5, "USD": 1_000_000_001}


def test_with_one_shard_a_currency_stands_with_the_account_or_in_its_part(tmp_path: Path) -> None:
    whole = load(write_config(tmp_path)).accounts[0]
    part = Edit("accounts.toml", 'opening = { USD = "1000.000001", AAPL = "5" }\n', "")
    row = Edit(
        "accounts.toml",
        "message_rate = 10\n",
        'message_rate = 10\nshard = [{ name = "main", opening = { USD = "1000.000001", AAPL = "5" } }]\n',
    )
    apart = load(write_config(tmp_path, part, row)).accounts[0]
    expected = {"USD": 1_000_000_001, "AAPL": 5}
    assert whole.opening == apart.opening == expected
    assert whole.openings == apart.openings == {"main": expected}


def test_a_currency_that_nothing_on_the_shard_settles_in_is_taken(tmp_path: Path) -> None:
    euros = Edit(
        "instruments.toml",
        'symbol = "BTC-PERP"\nkind = "perpetual"\ncurrency = "USD"',
        'symbol = "BTC-PERP"\nkind = "perpetual"\ncurrency = "EUR"',
    )
    settings = load(write_config(tmp_path, *SPLIT, euros, accounts("ACC1", "ACC1")))
    assert settings.accounts[0].openings["perps"] == {"USD": 2_000_000_000}
    assert {note.file for note in settings.notes} == {"passwords"}


SPLIT_FAULTS = [
    # what the accounts say, what they say instead, faults of accounts.toml
    ('AAPL = "5"', 'AAPL = "5", USD = "7"', [f'4: opening: found "USD", allowed: spot symbols; with 2 shards a currency is split: its part of each stands in the opening of an [[account.shard]], {ONE_OF}']),
    ('AAPL = "5"', 'AAPL = "5", USD = "0"', [f'4: opening: found "USD", allowed: spot symbols; with 2 shards a currency is split: its part of each stands in the opening of an [[account.shard]], {ONE_OF}']),
    ('AAPL = "5"', '"BTC-PERP" = "5"', ['4: opening: found "BTC-PERP", allowed: a currency or a spot symbol: USD, AAPL']),
    ('name = "perps"', 'name = "perp"', ['11: name: found "perp", allowed: a shard of exchange.toml: main, perps']),
    ('name = "perps"', 'name = "main"', ['11: name: found "main", allowed: one that line 7 does not have', '12: opening: found "USD", allowed: each asset once on a shard; line 8 has it already']),
    ('name = "perps"\n', "", [f"10: name: found nothing, allowed: {FOLDER}"]),
    ('name = "perps"\n', 'name = "perps"\ncore = 1\n', ["12: core: found an unknown key, allowed: one of name, opening"]),
    ('opening = { USD = "2000" }\n', "", ['10: opening: found nothing, allowed: a table of assets, each with a decimal in quotes, such as "585.00", 0..1000000000000, at most 8 digits behind the point']),
    ('USD = "2000"', 'AAPL = "2000"', ['12: opening: found "AAPL", which is traded on main, allowed: a currency or a spot symbol that is traded on perps: USD']),
    ('USD = "2000"', '"BTC-PERP" = "2"', ['12: opening: found "BTC-PERP", allowed: a currency or a spot symbol: USD, AAPL']),
    ('USD = "2000"', 'EUR = "2000"', ['12: opening: found "EUR", allowed: a currency or a spot symbol: USD, AAPL']),
    ('USD = "2000"', 'USD = "0.0000001"', ['12: opening.USD: found "0.0000001", allowed: a multiple of 0.000001']),
    ('USD = "1000.000001"', 'AAPL = "6"', ['8: opening: found "AAPL", allowed: each asset once on a shard; line 4 has it already']),
    ('USD = "1000.000001"', 'AAPL = "0.5"', ['8: opening: found "AAPL", allowed: each asset once on a shard; line 4 has it already', '8: opening.AAPL: found "0.5", allowed: a multiple of 1']),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), SPLIT_FAULTS)
def test_a_fault_in_what_an_account_is_opened_with_by_shard(
    tmp_path: Path, old: str, new: str, expected: list[str]
) -> None:
    assert faults(tmp_path, *SPLIT, accounts(old, new)) == [f"accounts.toml:{fault}" for fault in expected]


def test_the_parts_of_all_shards_and_accounts_fit_the_ledger_together(tmp_path: Path) -> None:
    part = '\n[[account]]\nname = "{}"\nfirm = "F"\n' + "".join(
        f'[[account.shard]]\nname = "{shard}"\nopening = {{{{ USD = "1000000000000" }}}}\n'
        for shard in ("main", "perps")
    )
    edit = Edit("accounts.toml", ACCOUNTS, "".join(part.format(f"BIG{number}") for number in range(3)))
    assert faults(
        tmp_path,
        *SPLIT,
        edit,
        Edit("sessions.cfg", "Accounts=ACC1\n", ""),
        Edit("sessions.cfg", "Accounts=ACC1, ACC2\n", ""),
    ) == [
        "accounts.toml:22: opening: found 6000000000000000000 of USD, summed up to here, allowed: at most "
        "4611686018427387903 in all accounts"
    ]


def test_a_shard_without_an_instrument_is_a_fault(tmp_path: Path) -> None:
    allowed = "a shard of which instruments.toml has an instrument: main"
    assert faults(tmp_path, TWO_SHARDS, accounts("ACC1", "ACC1")) == [
        f'exchange.toml:12: name: found "perps", allowed: {allowed}'
    ]


NAMES = ["", ".", "..", ".hidden", "-rf", "a/b", "../up", "a b", "a,b", "a\\\\b", "a:b", "é", "x" * 33]


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_a_shard_is_one_of_a_folder(tmp_path: Path, name: str) -> None:
    shown = name.replace("\\\\", "\\")
    found = faults(tmp_path, Edit("exchange.toml", 'name = "main"', f'name = "{name}"'))
    assert found == [f'exchange.toml:8: name: found "{shown}", allowed: {FOLDER}']


@pytest.mark.parametrize("name", ["a", "btc-perp", "BRK.B", "7", "journal", "x" * 32])
def test_names_of_shards_that_are_taken(tmp_path: Path, name: str) -> None:
    edits = (
        Edit("exchange.toml", 'name = "main"', f'name = "{name}"'),
        Edit(
            "instruments.toml",
            '"585.00"\nband_percent = "50"\nshard = "main"',
            f'"585.00"\nband_percent = "50"\nshard = "{name}"',
        ),
        Edit(
            "instruments.toml",
            '"60000"\nband_percent = "50"\nshard = "main"',
            f'"60000"\nband_percent = "50"\nshard = "{name}"',
        ),
    )
    assert notes(tmp_path, *edits) == notes(tmp_path)


def test_a_shard_that_cannot_be_read_is_no_fault_of_those_who_name_it(tmp_path: Path) -> None:
    nameless = Edit("exchange.toml", 'core = "none"\n', 'core = "none"\n\n[[shard]]\nname = 7\ncore = "none"\n')
    assert faults(tmp_path, nameless, PERP_ON_ITS_OWN, accounts("ACC1", "ACC1")) == [
        f"exchange.toml:12: name: found 7, allowed: {FOLDER}"
    ]


def test_shards_without_a_core_are_named_in_one_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.exchange.usable_cores", lambda: [0, 1])
    names = ("main", "two", "three", "four", "five")
    shards = "".join(f'[[shard]]\nname = "{name}"\n' for name in names) + "core = 0\n"
    extra = "".join(
        f'\n[[instrument]]\nsymbol = "{name.upper()}"\nkind = "spot"\ncurrency = "USD"\ntick = "0.01"\nlot = "1"\n'
        f'reference_price = "1"\nband_percent = "50"\nshard = "{name}"\n'
        for name in names[1:]
    )
    edits = (
        Edit("exchange.toml", '[[shard]]\nname = "main"\ncore = "none"\n', shards),
        Edit("instruments.toml", '[[instrument]]\nsymbol = "AAPL"', extra + '\n[[instrument]]\nsymbol = "AAPL"'),
        Edit("accounts.toml", ACCOUNTS, SPLIT_ACCOUNTS.replace("perps", "two")),
    )
    settings = load(write_config(tmp_path, *edits))
    cores = [(each.name, each.core) for each in settings.exchange.shards]
    assert cores == [("main", 1), ("two", None), ("three", None), ("four", None), ("five", 0)]
    found = [str(note) for note in settings.notes if note.file == "exchange.toml"]
    assert found == [
        "exchange.toml:9: core: not pinned, as this process may use 2 cores and none is left: two, three, four"
    ]
