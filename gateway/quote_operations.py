"""What an operator can do about quotes that market-maker protection has frozen: list them, and take them again.

Owner: the main thread's event loop; what changes the market is a journaled command with the operator's name and reason.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from gateway.admin import AdminError, Operation
from gateway.operator_values import known
from gateway.relay import GatewayEngine, RelayEngine
from gateway.sessions import SessionBook
from matching.commands import Command, ResetQuoteProtection
from matching.events import Event
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
    ) -> None:
        self._engine = engine
        self._sessions = sessions
        self._events = events
        self._answer = answer
        self._read = read

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
        reset = sum(1 for event in events if isinstance(event, QuotesReset))
        return {**await self._answer(events), "reset": reset}

    async def frozen(self) -> list[dict[str, str]]:
        """Return the quotes that are frozen, by session, account and symbol."""
        if isinstance(self._engine, RelayEngine):
            raise AdminError("frozen quotes are the shards' own: read them with `outcry replay --shard NAME`")
        found: list[dict[str, str]] = await self._read(self._frozen)
        return found

    def _frozen(self) -> list[dict[str, str]]:
        engine, risk = self._engine, self._engine.risk
        return [
            {
                "session": engine.sessions[session_id].name,
                "account": engine.accounts[account_id].name,
                "symbol": engine.instruments[instrument_id].symbol,
                "reason": risk.quote_freeze((session_id, account_id, instrument_id)),
            }
            for session_id, account_id, instrument_id in risk.frozen_quotes()
        ]
