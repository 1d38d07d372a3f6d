"""The part of a configuration that is one shard's: what its engine is configured with, and that it stays there.

Shards are configured by what their gateway has read at its start, which it leaves for them in a file. The files of the
configuration are the gateway's to read: a change that is half done reaches no shard.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from config.accounts import AccountSettings
from config.exchange import FILE as EXCHANGE
from config.faults import ConfigFaults, FaultLog, quote
from config.instruments import FILE as INSTRUMENTS
from config.settings import Settings

SETTINGS_MODE: Final = 0o600


def leave_settings(settings: Settings, path: Path) -> None:
    """Write the settings for the shards, without passwords, to a file that nobody sees half written.

    One that has them already is left as it is: a start needs no room on the disk for it.
    """
    content = msgspec.json.encode(msgspec.structs.replace(settings, passwords={}, notes=()), enc_hook=_path_text)
    if path.exists() and path.read_bytes() == content:
        return
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, SETTINGS_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)


def left_settings(path: Path) -> Settings:
    """Return what `leave_settings` has written.

    Raises:
        OSError, msgspec.DecodeError: there is no such file, or it is of another release.
    """
    return msgspec.json.decode(path.read_bytes(), type=Settings, dec_hook=_path_of)


def _path_text(value: object) -> str:
    assert isinstance(value, Path), f"settings have no {type(value).__name__}"
    return os.fspath(value)


def _path_of(kind: type, value: Any) -> Path:
    assert kind is Path, f"settings have no {kind.__name__}"
    return Path(value)


def shard_settings(
    settings: Settings, shard: str, instrument_ids: Mapping[str, int], account_ids: Mapping[str, int]
) -> Settings:
    """Return the configuration of one shard, for `configuration_commands` against the engine of that shard alone.

    Of the instruments it has those of the shard; of the accounts all, each with what it is opened with here and with
    its limits in these instruments and over all: the latter hold on each shard by itself. It has all sessions, since
    each trades on every shard, and no notes, since whoever read the files tells them.

    The ids are those by which all shards know an instrument (by symbol) and an account (by name); each has one.
    """
    own = [known for known in settings.exchange.shards if known.name == shard]
    assert len(own) == 1, f"{shard} is not one shard of exchange.toml"
    instruments = [instrument for instrument in settings.instruments if instrument.shard == shard]
    symbols = {instrument.symbol for instrument in instruments}
    replace = msgspec.structs.replace
    return replace(
        settings,
        exchange=replace(settings.exchange, shards=tuple(own)),
        instruments=tuple(replace(each, instrument_id=instrument_ids[each.symbol]) for each in instruments),
        accounts=tuple(
            replace(_account(account, shard, symbols), account_id=account_ids[account.name])
            for account in settings.accounts
        ),
        notes=(),
        firms=tuple(
            replace(firm, position_max={key: lots for key, lots in firm.position_max.items() if key in symbols})
            for firm in settings.firms
        ),
    )


def refuse_moves(settings: Settings, homes: Mapping[str, str]) -> None:
    """Refuse a configuration that would take instruments from the shards whose journals have them.

    Orders and balances lie in the journal of a shard: an instrument on another shard would begin there without them,
    with its shares posted a second time; a shard that is not started would hide them. `homes` is the shard of every
    symbol that a journal knows, also of those that the files no longer name.

    Raises:
        ConfigFaults: an instrument is on another shard, or a shard that has instruments is not in exchange.toml.
    """
    log = FaultLog()
    for instrument in settings.instruments:
        home = homes.get(instrument.symbol, instrument.shard)
        if home != instrument.shard:
            found = f"{instrument.shard} for {instrument.symbol}"
            log.add(INSTRUMENTS, instrument.line, "shard", found=found, allowed=f"{home}, as in the journal")
    names = {shard.name for shard in settings.exchange.shards}
    for symbol, home in sorted(homes.items()):
        if home not in names:
            allowed = f"a [[shard]] with name = {quote(home)}, which has {symbol} in its journal"
            log.add(EXCHANGE, 0, "shard", found="nothing", allowed=allowed)
    if log.faults:
        raise ConfigFaults(log.faults)


def _account(account: AccountSettings, shard: str, symbols: set[str]) -> AccountSettings:
    opening = account.openings.get(shard, {})
    return msgspec.structs.replace(
        account,
        opening=opening,
        openings={shard: opening} if opening else {},
        limits=tuple(limits for limits in account.limits if limits.symbol is None or limits.symbol in symbols),
    )
