"""What an operator asks of an exchange with shards where their answers are needed.

Overridden limits, instruments, counts of kill switches, transfers: each waits a moment for the shards, and says which
have not answered by then. Owner: the main thread's event loop.
"""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import msgspec

from config.commands import instrument_commands
from config.settings import Settings
from config.shards import leave_settings, refuse_moves
from gateway.admin import AdminError
from gateway.exchange import Exchange
from gateway.operator_values import known
from gateway.operator_waits import SHARDS_WAIT_S, TRANSFER_WAIT_S, look_until
from gateway.relay import RelayEngine
from gateway.shard_keeper import SETTINGS_NAME, SHARDS_FOLDER
from gateway.shard_market import ShardMarket
from gateway.shard_questions import FROZEN_QUOTES, LIMITS
from gateway.shard_transfers import FAILED_STATES, OPEN_STATES, STUCK
from matching.commands import DefineInstrument, OverrideLimits, RequestTransfer
from matching.events import Event
from matching.types import MICRO


class ShardOperations:
    """`events` returns what an operation on the matching thread brought about, once it is durable; `answer` waits for
    the shards to confirm it; `read` runs on the matching thread.
    """

    def __init__(
        self,
        *,
        exchange: Exchange,
        market: ShardMarket,
        relay: RelayEngine,
        data_dir: Path,
        read: Callable[[Callable[[], Any]], Awaitable[Any]],
        events: Callable[[Callable[[], tuple[list[Event], int]]], Awaitable[list[Event]]],
        answer: Callable[[list[Event]], Awaitable[dict[str, Any]]],
    ) -> None:
        self._exchange = exchange
        self._market = market
        self._relay = relay
        self._data_dir = data_dir
        self._read = read
        self._events = events
        self._answer = answer

    # -- limits -------------------------------------------------------------------------------------------------------

    async def overrides(self) -> tuple[list[tuple[OverrideLimits, list[str]]], list[str]]:
        """Return the overrides in force, by account and instrument, each with its shards; and the shards that have not
        answered.
        """
        answers, missing = await self._ask(LIMITS)
        found: dict[OverrideLimits, list[str]] = {}
        for shard, overrides in answers.items():
            for each in msgspec.convert(overrides, list[OverrideLimits]):
                found.setdefault(each, []).append(shard)
        return sorted(found.items(), key=lambda row: (row[0].firm, row[0].account_id, row[0].instrument_id)), missing

    # -- quotes -------------------------------------------------------------------------------------------------------

    async def frozen_quotes(self) -> tuple[list[tuple[int, int, int, str]], list[str]]:
        """Return the quotes that are frozen, by session, account and instrument, with the reason; and the shards that
        have not answered.
        """
        answers, missing = await self._ask(FROZEN_QUOTES)
        found = [msgspec.convert(each, tuple[int, int, int, str]) for rows in answers.values() for each in rows]
        return sorted(found), missing

    async def quotes_reset(self, instruction_id: int) -> int:
        """Return how many quotes the shards that have confirmed a reset took again."""
        count: int = await self._read(lambda: self._relay.instructions.counts.get(instruction_id, 0))
        return count

    async def _ask(self, what: str) -> tuple[dict[str, list[Any]], list[str]]:
        """Ask every shard, and wait a moment for the answers; return them, and the shards that have not answered."""
        questions = self._market.questions
        number = await self._read(lambda: questions.ask(what))
        found: tuple[dict[str, list[Any]], list[str]] = await look_until(
            lambda: self._read(lambda: questions.answers(what, number)), lambda found: not found[1], SHARDS_WAIT_S
        )
        return found

    # -- kill switches ------------------------------------------------------------------------------------------------

    async def canceled(self, instruction_id: int) -> dict[str, Any]:
        """Wait a moment until all that have confirmed a kill switch have canceled; return how many orders were, and the
        shards that go on.
        """
        instructions = self._relay.instructions

        def so_far() -> dict[str, Any]:
            count = instructions.counts.get(instruction_id, 0)
            return {"canceled": count, "canceling": instructions.canceling(instruction_id)}

        return await look_until(lambda: self._read(so_far), lambda found: not found["canceling"], SHARDS_WAIT_S)

    # -- instruments --------------------------------------------------------------------------------------------------

    async def reload(self, running: Settings, read_again: Settings) -> tuple[Settings, dict[str, Any]]:
        """Let shards define instruments that are new and change those that have changed; return what is running then.

        The settings are left for the shards first, so that one that is started again meanwhile takes nothing back.
        """
        commands = await self._read(lambda: self.changes(running, read_again))
        names = {instrument.symbol for instrument in read_again.instruments}
        gone = tuple(each for each in running.instruments if each.symbol not in names)
        left = msgspec.structs.replace(running, instruments=(*read_again.instruments, *gone))
        await asyncio.to_thread(leave_settings, left, self._data_dir / SHARDS_FOLDER / SETTINGS_NAME)
        shards = {instrument.symbol: instrument.shard for instrument in read_again.instruments}
        unconfirmed: dict[str, None] = {}
        for command in commands:
            answer = await self._define(command, shards[command.symbol])
            unconfirmed |= dict.fromkeys(answer.get("unconfirmed", ()))
        return left, {"changed": [command.symbol for command in commands], "unconfirmed": list(unconfirmed)}

    async def _define(self, command: DefineInstrument, shard: str) -> dict[str, Any]:
        return await self._answer(await self._events(lambda: self._exchange.define(command, shard)))

    def changes(self, running: Settings, read_again: Settings) -> list[DefineInstrument]:
        """Return what has changed. Raises AdminError or ConfigFaults where nothing may be. On the matching thread."""
        waiting = [each for each in self._relay.instructions.waiting.values() if _defines(each.instruction)]
        if waiting:
            shards = ", ".join(dict.fromkeys(f"shard {name}" for each in waiting for name in each.shards))
            raise AdminError(f"nothing has changed: not confirmed yet what was read last: {shards}")
        known = {shard.name for shard in running.exchange.shards}
        new = [shard.name for shard in read_again.exchange.shards if shard.name not in known]
        if new:
            raise AdminError(f"nothing has changed: shard {new[0]} is new, restart the exchange")
        refuse_moves(read_again, self._relay.homes)
        return instrument_commands(read_again, self._relay)

    # -- transfers ----------------------------------------------------------------------------------------------------

    def transfers(self) -> dict[str, str]:
        """Return the transfers that are not done, and how far they are. On the matching thread."""
        shown = (*OPEN_STATES, STUCK)
        return {key: each.state for key, each in self._relay.transfers.by_id.items() if each.state in shown}

    async def transfer(
        self,
        running: Settings,
        account: str,
        asset: str,
        amount: str,
        from_shard: str,
        to_shard: str,
        transfer_id: str,
        reason: str,
        by: str = "operator",
    ) -> dict[str, Any]:
        """Move cash of an account from one shard to another; asked again with the same id, say how far it is."""
        engine = self._relay
        ids = {record.name: account_id for account_id, record in engine.accounts.items()}
        account_id = known("account", account, ids)
        for shard in (from_shard, to_shard):
            known("shard", shard, engine.shards)
            currencies = sorted({each.currency for each in running.instruments if each.shard == shard})
            if asset not in currencies:
                raise AdminError(f"asset {asset!r} is not settled on shard {shard}, allowed: {', '.join(currencies)}")
        if from_shard == to_shard:
            raise AdminError(f"both shards are {from_shard}")
        request = RequestTransfer(account_id, asset, _micro(amount), transfer_id, from_shard, to_shard, by, reason)
        await self._answer(await self._events(lambda: self._exchange.command_in_batch(request)))
        return await self._transfer_state(transfer_id)

    async def _transfer_state(self, transfer_id: str) -> dict[str, Any]:
        """Wait a moment for the end of a transfer and say where it stands."""
        by_id = self._relay.transfers.by_id
        state, text = await look_until(
            lambda: self._read(lambda: (by_id[transfer_id].state, by_id[transfer_id].text)),
            lambda found: found[0] not in OPEN_STATES,
            TRANSFER_WAIT_S,
        )
        if state in FAILED_STATES:
            raise AdminError(f"transfer {transfer_id} is {state}: {text}")
        return {"transfer_id": transfer_id, "state": state}


def _defines(instruction: object) -> bool:
    return isinstance(instruction, DefineInstrument)


def _micro(text: str) -> int:
    """Return an amount of a currency in 10^-6. Raises AdminError where it is none."""
    try:
        amount = Decimal(text) * MICRO
    except InvalidOperation:
        amount = Decimal(0)
    if not amount.is_finite() or amount <= 0 or amount != int(amount):
        raise AdminError(f"amount {text!r}, allowed: above 0, with at most 6 digits behind the point")
    return int(amount)
