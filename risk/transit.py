"""Transfers between shards: two steps, each posted once per id, with the ledger `transit` on the other side.

Owner: the risk engine. The sum of `transit` over all shards is what is under way. An id stays known for ever, so that a
step that is repeated after any crash, however late, posts nothing. Outgoing, incoming and deposits have separate ids.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from matching.commands import TransferIn, TransferOut
from matching.instrument import Instrument
from risk.accounts import AMOUNT_MAX, Balance, Ledger
from risk.texts import amount_text

TRANSIT_ID: Final = -1
"""Account id of the ledger `transit`; no account of a member has it."""
TRANSFER_TEXT_CHARS_MAX: Final = 128
"""Bound on a transfer_id and on the name of a shard, which are kept for ever."""


class Transfer(NamedTuple):
    """What makes a repeat the same transfer; who gives the command, and why, does not."""

    account_id: int
    asset: str
    amount: int
    shard: str


class Transit:
    """The ledger of what is under way, and every transfer by its id. Looks at the risk engine's own ledgers."""

    __slots__ = ("_instruments", "_ledgers", "incoming", "ledger", "outgoing")

    def __init__(self, ledgers: Mapping[int, Ledger], instruments: Mapping[int, Instrument]) -> None:
        self._ledgers = ledgers
        self._instruments = instruments
        self.ledger = Ledger(TRANSIT_ID, "transit")
        self.outgoing: dict[str, Transfer] = {}
        self.incoming: dict[str, Transfer] = {}

    def post_out(self, command: TransferOut) -> tuple[str, int]:
        """Keeps what `matching.risk_seam.Risk.transfer_out` promises."""
        wanted = Transfer(command.account_id, command.asset, command.amount, command.to_shard)
        posted = self.outgoing.get(command.transfer_id)
        if posted is not None:
            return self._repeated(command.transfer_id, posted, wanted, "to")
        fault = self._fault(command.transfer_id, wanted) or self._available_fault(wanted)
        if fault:
            return fault, 0
        self.outgoing[command.transfer_id] = wanted
        return "", self._post(wanted, -wanted.amount)

    def post_in(self, command: TransferIn) -> tuple[str, int]:
        """Keeps what `matching.risk_seam.Risk.transfer_in` promises."""
        wanted = Transfer(command.account_id, command.asset, command.amount, command.from_shard)
        posted = self.incoming.get(command.transfer_id)
        if posted is not None:
            return self._repeated(command.transfer_id, posted, wanted, "from")
        fault = self._fault(command.transfer_id, wanted) or self._bound_fault(wanted)
        if fault:
            return fault, 0
        self.incoming[command.transfer_id] = wanted
        return "", self._post(wanted, wanted.amount)

    def _post(self, transfer: Transfer, amount: int) -> int:
        """Post `amount` to the account and the opposite to `transit`; return the account's balance."""
        balance = self._ledgers[transfer.account_id].balance(transfer.asset)
        balance.amount += amount
        self.ledger.balance(transfer.asset).amount -= amount
        return balance.amount

    def _repeated(self, transfer_id: str, posted: Transfer, wanted: Transfer, way: str) -> tuple[str, int]:
        if posted == wanted:
            return "", self._ledgers[posted.account_id].balance(posted.asset).amount
        was, found = self._words(posted, way), self._words(wanted, way)
        return f"transfer_id {transfer_id} was posted before with other content: {was}; found {found}", 0

    def _words(self, transfer: Transfer, way: str) -> str:
        account_id, asset, amount, shard = transfer
        instrument = instrument_of(self._instruments, asset)
        words = f"{amount} {asset}" if instrument is None else amount_text(instrument, asset, amount)
        return f"{words} of account {account_id} {way} shard {shard}"

    def _fault(self, transfer_id: str, wanted: Transfer) -> str:
        """Return what is wrong with the content itself, or nothing."""
        if wanted.account_id not in self._ledgers:
            return f"account {wanted.account_id} is not defined"
        if instrument_of(self._instruments, wanted.asset) is None:
            return asset_fault(wanted.asset)
        for name, text in (("transfer_id", transfer_id), ("name of the other shard", wanted.shard)):
            if not 1 <= len(text) <= TRANSFER_TEXT_CHARS_MAX:
                return f"{name} has {len(text)} characters, allowed are 1 to {TRANSFER_TEXT_CHARS_MAX}"
        if not 1 <= wanted.amount <= AMOUNT_MAX:
            return f"amount {wanted.amount} of {wanted.asset} is not within 1 to {AMOUNT_MAX}"
        return ""

    def _available_fault(self, wanted: Transfer) -> str:
        account_id, asset, amount, _ = wanted
        ledger = self._ledgers[account_id]
        if ledger.killed:
            return f"kill switch of account {ledger.name} is engaged: {ledger.killed}"
        balance = ledger.balances.get(asset) or Balance(asset)
        available = balance.amount - balance.held
        if amount <= available:
            return ""
        instrument = instrument_of(self._instruments, asset)
        assert instrument is not None, f"asset {asset} was looked for before"
        found, needed = (amount_text(instrument, asset, each) for each in (available, amount))
        return f"transfer of {needed} exceeds the {found} available to account {account_id}"

    def _bound_fault(self, wanted: Transfer) -> str:
        """Return a refusal where `transit` would not fit a journal record.

        Outgoing transfers cannot bring it there: nothing leaves but what was deposited, which is bounded, or came in.
        """
        balance = self.ledger.balances.get(wanted.asset) or Balance(wanted.asset)
        after = wanted.amount - balance.amount
        if after <= AMOUNT_MAX:
            return ""
        words = f"amount {wanted.amount} of {wanted.asset} brings what came in less what left to {after}"
        return f"{words}, allowed is {AMOUNT_MAX}"


def instrument_of(instruments: Mapping[int, Instrument], asset: str) -> Instrument | None:
    """Return an instrument that is paid in `asset`, or the spot instrument whose shares it is; None: it is neither."""
    for each in instruments.values():
        if asset == each.currency or (asset == each.symbol and each.is_spot):
            return each
    return None


def asset_fault(asset: str) -> str:
    """Return the refusal of an asset that `instrument_of` does not find."""
    return f"asset {asset} is neither a currency nor a spot symbol of this exchange"
