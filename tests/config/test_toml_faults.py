# ruff: noqa: E501 - a table of faults is read by its rows
"""Every kind of fault in the TOML files: its file, its line, what was found, what is allowed."""

from pathlib import Path

import pytest

from config.settings import check
from tests.config.folder import ACCOUNTS, Edit, checked, faults

DECIMAL = 'a decimal in quotes, such as "585.00"'

TABLE = [
    # file, old, new, faults
    (
        "exchange.toml",
        "io_threads = 1",
        "io_threads = 0",
        ["exchange.toml:1: io_threads: found 0, allowed: whole number 1..64"],
    ),
    (
        "exchange.toml",
        "io_threads = 1",
        "io_threads = 1.5",
        ["exchange.toml:1: io_threads: found 1.5, allowed: whole number 1..64"],
    ),
    (
        "exchange.toml",
        "io_threads = 1",
        "io_threads = true",
        ["exchange.toml:1: io_threads: found true, allowed: whole number 1..64"],
    ),
    (
        "exchange.toml",
        "io_threads = 1",
        "io_thread = 1",
        ["exchange.toml:1: io_thread: found an unknown key, allowed: a known key; did you mean io_threads?"],
    ),
    (
        "exchange.toml",
        "io_threads = 1",
        'durability = "sometimes"',
        ['exchange.toml:1: durability: found "sometimes", allowed: fsync or async, in quotes'],
    ),
    (
        "exchange.toml",
        "io_threads = 1",
        "io_threads =",
        ["exchange.toml:1: file: found Invalid value (at line 1, column 13), allowed: TOML 1.0"],
    ),
    ("exchange.toml", "port = 9878\n", "", ["exchange.toml:3: port: found nothing, allowed: whole number 1..65535"]),
    ("exchange.toml", "9878", "70000", ["exchange.toml:5: port: found 70000, allowed: whole number 1..65535"]),
    (
        "exchange.toml",
        "port = 9878\n",
        'port = 9878\nhost = "localhost"\n',
        ['exchange.toml:6: host: found "localhost", allowed: an IP address, such as 127.0.0.1 or ::1, in quotes'],
    ),
    (
        "exchange.toml",
        "port = 9878\n",
        "port = 9878\ntls = true\n",
        ["exchange.toml:3: certificate: found nothing, allowed: a path, where tls = true"],
    ),
    (
        "exchange.toml",
        "port = 9878\n",
        'port = 9878\ntls = true\ncertificate = "none.crt"\nclient_certificates = "required"\n',
        ['exchange.toml:8: authorities: found nothing, allowed: a path, where client_certificates = "required"'],
    ),
    (
        "exchange.toml",
        "port = 9878\n",
        'port = 9878\ntls = true\ncertificate = "none.crt"\n',
        [
            'exchange.toml:7: certificate: found "none.crt", allowed: a file that exists; '
            "`make run` makes the demo's certificate"
        ],
    ),
    (
        "exchange.toml",
        "port = 9878\n",
        'port = 9878\n[[listener]]\nname = "other"\nport = 9878\n',
        ["exchange.toml:8: port: found 9878, allowed: a port that line 5 does not take at 127.0.0.1"],
    ),
    (
        "exchange.toml",
        "port = 9878\n",
        'port = 9878\n[[listener]]\nname = "plain"\nhost = "0.0.0.0"\nport = 9878\n',
        [
            'exchange.toml:7: name: found "plain", allowed: one that line 4 does not have',
            "exchange.toml:9: port: found 9878, allowed: a port that line 5 does not take at 127.0.0.1",
        ],
    ),
    (
        "exchange.toml",
        'core = "none"',
        "core = 4095",
        ["exchange.toml:9: core: found 4095, allowed: a core that this process may use: 0, 1"],
    ),
    (
        "exchange.toml",
        'core = "none"\n',
        'core = 1\n[[shard]]\nname = "other"\ncore = 1\n',
        [
            'accounts.toml:4: opening: found "USD", allowed: spot symbols; with 2 shards a currency is split: its part of '
            "each stands in the opening of an [[account.shard]], whose name is one of main, other",
            'exchange.toml:11: name: found "other", allowed: a shard of which instruments.toml has an instrument: main',
            "exchange.toml:12: core: found 1, allowed: a core of its own; line 9 has it already",
        ],
    ),
    (
        "exchange.toml",
        'core = "none"\n',
        'core = 1\n[[shard]]\nname = "main"\n',
        ['exchange.toml:11: name: found "main", allowed: one that line 8 does not have'],
    ),
    (
        "exchange.toml",
        'core = "none"\n',
        'core = "none"\n[logon]\nconnections_max = 10\n',
        [
            "exchange.toml:10: connections_per_address_max: found 64, allowed: at most connections_max of [logon], "
            "which is 10"
        ],
    ),
    (
        "exchange.toml",
        'core = "none"\n',
        'core = "none"\n[trading_day]\ntime_zone = "Mars/Olympus"\nend_time = "24:00:00"\n',
        [
            'exchange.toml:11: time_zone: found "Mars/Olympus", allowed: the IANA name of a time zone that this machine '
            "knows, such as UTC or America/New_York",
            'exchange.toml:12: end_time: found "24:00:00", allowed: a time HH:MM:SS, 00:00:00..23:59:59, in quotes',
        ],
    ),
    (
        "exchange.toml",
        'core = "none"\n',
        'core = "none"\n[journl]\n',
        ["exchange.toml:10: journl: found an unknown key, allowed: a known key; did you mean journal?"],
    ),
    (
        "instruments.toml",
        'tick = "0.01"',
        "tick = 0.01",
        [
            f"instruments.toml:5: tick: found 0.01, allowed: {DECIMAL}, 0.00000001..10000000000, at most 8 digits behind the point"
        ],
    ),
    (
        "instruments.toml",
        'tick = "0.01"',
        'tick = "0.000000001"',
        [
            f'instruments.toml:5: tick: found "0.000000001", allowed: {DECIMAL}, 0.00000001..10000000000, '
            "at most 8 digits behind the point"
        ],
    ),
    (
        "instruments.toml",
        'reference_price = "585.00"',
        'reference_price = "1e3"',
        [
            f'instruments.toml:7: reference_price: found "1e3", allowed: {DECIMAL}, 0.00000001..10000000000, '
            "at most 8 digits behind the point"
        ],
    ),
    (
        "instruments.toml",
        '"585.00"',
        '"585.005"',
        ['instruments.toml:7: reference_price: found "585.005", allowed: a multiple of tick, which is 0.01'],
    ),
    (
        "instruments.toml",
        'lot = "0.001"',
        'lot = "0.000001"',
        [
            'instruments.toml:16: lot: found "0.000001", allowed: a lot of which one, at a price of one tick of 0.5, is '
            "worth a multiple of 0.000001"
        ],
    ),
    (
        "instruments.toml",
        '"60000"',
        '"500000000"',
        [
            'instruments.toml:17: reference_price: found a band of "BTC-PERP" up to 1500000000 ticks, allowed: '
            "at most 1000000000 ticks: a larger tick"
        ],
    ),
    (
        "instruments.toml",
        'symbol = "BTC-PERP"',
        'symbol = "AAPL"',
        [
            'accounts.toml:9: symbol: found "BTC-PERP", allowed: a symbol of instruments.toml: AAPL',
            'instruments.toml:12: symbol: found "AAPL", allowed: one that line 2 does not have',
        ],
    ),
    (
        "instruments.toml",
        'symbol = "AAPL"',
        'symbol = "USD"',
        [
            'accounts.toml:4: opening: found "AAPL", allowed: a currency or a spot symbol: USD, USD',
            'instruments.toml:2: symbol: found "USD", allowed: a symbol that is no currency: both are assets of the ledgers',
        ],
    ),
    (
        "instruments.toml",
        'kind = "perpetual"',
        'kind = "future"',
        [
            'instruments.toml:13: kind: found "future", allowed: spot or perpetual, in quotes',
        ],
    ),
    (
        "accounts.toml",
        '"1000.000001"',
        '"1000.0000001"',
        ['accounts.toml:4: opening.USD: found "1000.0000001", allowed: a multiple of 0.000001'],
    ),
    (
        "accounts.toml",
        'USD = "1000.000001", AAPL = "5"',
        'USD = "-5", AAPL = "5x"',
        [
            'accounts.toml:4: opening: found "-5" for USD and "5x" for AAPL, allowed: a table of assets, each with a '
            'decimal in quotes, such as "585.00", 0..1000000000000, at most 8 digits behind the point'
        ],
    ),
    (
        "accounts.toml",
        'AAPL = "5"',
        '"BTC-PERP" = "5"',
        ['accounts.toml:4: opening: found "BTC-PERP", allowed: a currency or a spot symbol: USD, AAPL'],
    ),
    (
        "accounts.toml",
        '"0.5"',
        '"0.0005"',
        ['accounts.toml:10: order_qty_max: found "0.0005", allowed: a multiple of the lot of BTC-PERP, which is 0.001'],
    ),
    (
        "accounts.toml",
        "message_rate = 10",
        "message_burst = 10",
        ["accounts.toml:6: message_burst: found 10, allowed: only with message_rate"],
    ),
    (
        "accounts.toml",
        'name = "ACC2"',
        'name = "ACC1"',
        [
            'accounts.toml:13: name: found "ACC1", allowed: one that line 2 does not have',
            'sessions.cfg:15: Accounts: found "ACC2", allowed: accounts of accounts.toml: ACC1',
        ],
    ),
    (
        "accounts.toml",
        'USD = "1000.000001"',
        'USD = "900000000000", BTC = "1"',
        ['accounts.toml:4: opening: found "BTC", allowed: a currency or a spot symbol: USD, AAPL'],
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "expected"), TABLE)
def test_a_fault_names_file_line_key_found_and_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, old: str, new: str, expected: list[str]
) -> None:
    monkeypatch.setattr("config.exchange.usable_cores", lambda: [0, 1])
    assert faults(tmp_path, Edit(file, old, new)) == expected


def test_a_shard_has_to_be_one_of_exchange_toml(tmp_path: Path) -> None:
    renamed = Edit("exchange.toml", 'name = "main"', 'name = "first"')
    allowed = 'shard: found "main", allowed: a shard of exchange.toml: first'
    assert faults(tmp_path, renamed) == [f"instruments.toml:9: {allowed}", f"instruments.toml:19: {allowed}"]


def test_deposits_of_all_accounts_fit_the_ledger(tmp_path: Path) -> None:
    account = '\n[[account]]\nname = "{name}"\nfirm = "F"\nopening = {{ USD = "1000000000000" }}\n'
    many = "".join(account.format(name=f"BIG{number}") for number in range(6))
    edit = Edit("accounts.toml", ACCOUNTS, ACCOUNTS + many)
    assert faults(tmp_path, edit) == [
        "accounts.toml:36: opening: found 5000000001000000001 of USD, summed up to here, allowed: at most "
        "4611686018427387903 in all accounts"
    ]


def test_all_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    edits = (
        Edit("exchange.toml", "io_threads = 1", "io_threads = 100"),
        Edit("instruments.toml", 'kind = "spot"', 'kind = "bond"'),
        Edit("accounts.toml", 'name = "ACC2"\nfirm', 'name = "ACC2"\nfrm'),
        Edit("sessions.cfg", "NonStopSession=Y", "NonStopSession=yes"),
        Edit("sessions.cfg", "Accounts=ACC1\n", "Accounts=ACC9\n"),
        Edit("passwords", "hmac", "sha1"),
    )
    found = [(fault.file, fault.line, fault.key) for fault in checked(tmp_path, *edits).faults]
    assert found == [
        ("accounts.toml", 12, "firm"),
        ("accounts.toml", 14, "frm"),
        ("exchange.toml", 1, "io_threads"),
        ("instruments.toml", 3, "kind"),
        ("passwords", 1, "line"),
        ("sessions.cfg", 3, "NonStopSession"),
        ("sessions.cfg", 8, "Accounts"),
    ]


def test_files_that_are_not_there_are_faults_each(tmp_path: Path) -> None:
    found = [(fault.file, fault.line, fault.key, fault.allowed) for fault in check(tmp_path).faults]
    names = ("accounts.toml", "exchange.toml", "instruments.toml", "sessions.cfg")
    assert found == [(name, 0, "file", "a file that can be read") for name in names]
