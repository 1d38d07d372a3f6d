"""Names of accounts by id, as messages say them."""

from gateway.relay import GatewayEngine


class NameOfAccount(dict[int, str]):
    """Reads a name from the engine when its id is met for the first time; `NONE` where there is no account."""

    def __init__(self, engine: GatewayEngine) -> None:
        super().__init__()
        self._engine = engine

    def __missing__(self, account_id: int) -> str:
        name: str = self._engine.accounts[account_id].name if account_id else "NONE"
        self[account_id] = name
        return name
