"""What an operator can do about quotes that market-maker protection has frozen: list them, and take them again.

Owner: the main thread's event loop; what changes the market is a journaled command with the operator's name and reason.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from gateway.admin import Operation
from gateway.operator_values import known
from gateway.relay import GatewayEngine
from gateway.sessions import SessionBook
from gateway.shard_operations import ShardOperations
from matching.commands import Command, ResetQuoteProtection
from matching.events import Event, ShardsInstructed
from matching.quote_events import QuotesReset

OVER_ALL = 0


class QuoteOperations:
    """The operations on quotes. `events` journals a command, returns what it brought about, and raises AdminError where
    it is refused; `answer` is what an operator is told of that; `read` runs on the matching thread.
    """

    def __init__(
        self,
        *,
        engine: GatewayEngine,
        sessions: SessionBook,
        events: Callable[[Command], Awaitable[list[Event]]],
        answer: Callable[[list[Event]], Awaitable[dict[str, Any]]],
        read: Callable[[Callable[[], Any]], Awaitable[Any]],
        shards: ShardOperations | None,
    ) -> None:
        self._engine = engine
        self._sessions = sessions
        self._events = events
        self._answer = answer
        self._read = read
        self._shards = shards

    def table(self) -> dict[str, Operation]:
        """Return the operations by command name."""
        return {"quotes_reset": self.reset, "quotes": self.frozen}

    async def reset(
        self, session: str, reason: str, account: str = "", symbol: str = "", by: str = "operator"
    ) -> dict[str, Any]:
        """Take frozen quotes of a session again, of one account or instrument where they are named."""
        account_ids = {each.name: key for key, each in self._engine.accounts.items()}
        instrument_ids = {each.symbol: key for key, each in self._engine.instruments.items()}
        ids = (
            known("session", session, self._sessions.ids_by_name()),
            known("account", account, account_ids) if account else OVER_ALL,
            known("symbol", symbol, instrument_ids) if symbol else OVER_ALL,
        )
        events = await self._events(ResetQuoteProtection(*ids, by, reason))
        answer = await self._answer(events)
        reset = sum(1 for event in events if isinstance(event, QuotesReset))
        for event in events:
            if isinstance(event, ShardsInstructed) and self._shards is not None:
                reset += await self._shards.quotes_reset(event.instruction_id)
        return {**answer, "reset": reset}

    async def frozen(self) -> dict[str, Any]:
        """Return the quotes that are frozen, by session, account and symbol, and the shards that have not answered."""
        if self._shards is None:
            return {"frozen": await self._read(self._frozen), "unanswered": []}
        found, unanswered = await self._shards.frozen_quotes()
        return {"frozen": [self._told(*each) for each in found], "unanswered": unanswered}

    def _frozen(self) -> list[dict[str, str]]:
        risk = self._engine.risk
        return [self._told(*key, risk.quote_freeze(key)) for key in risk.frozen_quotes()]

    def _told(self, session_id: int, account_id: int, instrument_id: int, reason: str) -> dict[str, str]:
        engine = self._engine
        return {
            "session": engine.sessions[session_id].name,
            "account": engine.accounts[account_id].name,
            "symbol": engine.instruments[instrument_id].symbol,
            "reason": reason,
        }
