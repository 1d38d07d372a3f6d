"""A small configuration in a folder, to be spoiled by tests one line at a time."""

import shutil
from pathlib import Path
from typing import Final

import msgspec

from config.settings import SHIPPED, Report, check

EXCHANGE: Final = """\
io_threads = 1

[[listener]]
name = "plain"
port = 9878

[[shard]]
name = "main"
core = "none"
"""

INSTRUMENTS: Final = """\
[[instrument]]
symbol = "AAPL"
kind = "spot"
currency = "USD"
tick = "0.01"
lot = "1"
reference_price = "585.00"
band_percent = "50"
shard = "main"

[[instrument]]
symbol = "BTC-PERP"
kind = "perpetual"
currency = "USD"
tick = "0.5"
lot = "0.001"
reference_price = "60000"
band_percent = "50"
shard = "main"
"""

ACCOUNTS: Final = """\
[[account]]
name = "ACC1"
firm = "FIRM1"
opening = { USD = "1000.000001", AAPL = "5" }
order_value_max = "100"
message_rate = 10

[[account.limit]]
symbol = "BTC-PERP"
order_qty_max = "0.5"

[[account]]
name = "ACC2"
firm = "FIRM1"
"""

SESSIONS: Final = """\
[DEFAULT]
SenderCompID=OUTCRY
NonStopSession=Y

[SESSION]
BeginString=FIX.4.4
TargetCompID=TRADER1
Accounts=ACC1

[SESSION]
BeginString=FIXT.1.1
DefaultApplVerID=FIX.5.0SP2
TargetCompID=DROP1
Role=drop_copy
Accounts=ACC1, ACC2
"""

PASSWORDS: Final = f"TRADER1:hmac:{'5a' * 16}\n"

FILES: Final = {
    "exchange.toml": EXCHANGE,
    "instruments.toml": INSTRUMENTS,
    "accounts.toml": ACCOUNTS,
    "sessions.cfg": SESSIONS,
    "passwords": PASSWORDS.replace("TRADER1", "NOBODY"),
}


def copy_shipped(folder: Path) -> Path:
    """Copy the shipped configurations and return the copy; the certificate, which set-up makes, is an empty file."""
    for source in (SHIPPED, SHIPPED / "per-instrument"):
        target = folder / source.relative_to(SHIPPED)
        target.mkdir(parents=True)
        for name in FILES:
            shutil.copy(source / name, target / name)
    shutil.copytree(SHIPPED / "dictionaries", folder / "dictionaries")
    (folder / "certs").mkdir()
    for name in ("server.crt", "server.key"):
        (folder / "certs" / name).touch()
    return folder


class Edit(msgspec.Struct, frozen=True):
    """One change of a file: a text that stands in it once, and what stands there instead."""

    file: str
    old: str
    new: str


TWO_SHARDS: Final = Edit(
    "exchange.toml", 'core = "none"\n', 'core = "none"\n\n[[shard]]\nname = "perps"\ncore = "none"\n'
)
PERP_ON_ITS_OWN: Final = Edit(
    "instruments.toml", '"60000"\nband_percent = "50"\nshard = "main"', '"60000"\nband_percent = "50"\nshard = "perps"'
)
SPLIT_ACCOUNTS: Final = """\
[[account]]
name = "ACC1"
firm = "FIRM1"
opening = { AAPL = "5" }

[[account.shard]]
name = "main"
opening = { USD = "1000.000001" }

[[account.shard]]
name = "perps"
opening = { USD = "2000" }

[[account]]
name = "ACC2"
firm = "FIRM1"
"""
SPLIT: Final = (TWO_SHARDS, PERP_ON_ITS_OWN)
"""The small configuration with a shard for the perpetual; its accounts have to be SPLIT_ACCOUNTS."""


def write_config(folder: Path, *edits: Edit) -> Path:
    """Write the small configuration, with the edits made, and return the folder."""
    files = dict(FILES)
    for edit in edits:
        assert files[edit.file].count(edit.old) == 1, f"{edit.old!r} does not stand once in {edit.file}"
        files[edit.file] = files[edit.file].replace(edit.old, edit.new)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def checked(folder: Path, *edits: Edit) -> Report:
    """Write the configuration with these edits and check it."""
    return check(write_config(folder, *edits))


def faults(folder: Path, *edits: Edit) -> list[str]:
    """Return the faults of the configuration with these edits, as an operator reads them."""
    return [str(fault) for fault in checked(folder, *edits).faults]


def notes(folder: Path, *edits: Edit) -> list[str]:
    """Return the notes of the configuration with these edits, which must have no fault."""
    report = checked(folder, *edits)
    assert report.faults == ()
    return [str(note) for note in report.notes]
