"""The part of a configuration that is one shard's: what its engine is configured with."""

from collections.abc import Mapping

import msgspec

from config.accounts import AccountSettings
from config.settings import Settings


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
    )


def _account(account: AccountSettings, shard: str, symbols: set[str]) -> AccountSettings:
    opening = account.openings.get(shard, {})
    return msgspec.structs.replace(
        account,
        opening=opening,
        openings={shard: opening} if opening else {},
        limits=tuple(limits for limits in account.limits if limits.symbol is None or limits.symbol in symbols),
    )
