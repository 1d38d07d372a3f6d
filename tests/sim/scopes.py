"""Judge of all that cancels whole scopes: kill switches, mass cancels, cancels on disconnect, sessions that were cut.

What was open in the scope when it began has to be gone when its end is said, and while a kill switch is engaged nobody
in its scope enters or replaces an order. From commands and events alone.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from matching.commands import (
    CancelSessionOrders,
    Command,
    DefineAccount,
    DefineInstrument,
    DefineSession,
    MassCancel,
    MassQuote,
    NewOrder,
    NewOrderList,
    ReplaceOrder,
)
from matching.events import Event, Execution, KillSwitchSet, MassCancelReported, ScopeCanceled
from tests.sim.fix import FindingError
from tests.sim.folded_order import FoldedOrder

ENTERS: Final = (NewOrder, NewOrderList, ReplaceOrder, MassQuote)
LONG: Final = ("1", "6")
"""TimeInForce(59) that a cancel on disconnect may spare."""
Key = tuple[str, int, str]
"""Scope, number and name of what is killed; or whose mass cancel it is."""


class Scopes:
    """What each kill switch, mass cancel and disconnect that has begun was about."""

    def __init__(self) -> None:
        self._firms: dict[int, str] = {}
        self._comp_ids: dict[int, str] = {}
        self._kinds: dict[int, str] = {}
        self._killed: set[Key] = set()
        self._kills: dict[Key, list[list[FoldedOrder]]] = {}
        self._mass_cancels: dict[tuple[str, str], list[FoldedOrder]] = {}
        self._disconnected: list[FoldedOrder] = []

    def begin(self, command: Command, open_orders: Mapping[int, FoldedOrder]) -> None:
        """Look at a command before what came of it is folded."""
        if isinstance(command, DefineAccount):
            self._firms[command.account_id] = command.firm
        elif isinstance(command, DefineSession):
            self._comp_ids[command.session_id] = command.comp_id
        elif isinstance(command, DefineInstrument):
            self._kinds[command.instrument_id] = command.kind
        elif isinstance(command, MassCancel):
            key = self._comp_ids[command.session_id], command.cl_ord_id
            if key not in self._mass_cancels:
                self._mass_cancels[key] = self._of_mass_cancel(command, open_orders.values())
        elif isinstance(command, CancelSessionOrders):
            self._disconnected += [each for each in open_orders.values() if _is_of_disconnect(command, each)]

    def apply(self, command: Command, events: Iterable[Event], open_orders: Mapping[int, FoldedOrder]) -> None:
        """Take what came of a command, and judge what it says is over."""
        for event in events:
            if isinstance(event, KillSwitchSet):
                self._kill_switch(event, open_orders.values())
            elif isinstance(event, ScopeCanceled):
                key = event.scope, event.target_id, event.target_name
                for orders in self._kills.pop(key, []):
                    _check_gone("kill switch", orders, event)
            elif isinstance(event, MassCancelReported) and event.response != "0":
                self._mass_canceled(event)
            elif isinstance(event, Execution) and isinstance(command, ENTERS):
                self._entered(command, event)

    def rest(self) -> None:
        """Nothing is left to be done: what cancels on disconnect were about is gone."""
        _check_gone("disconnect", self._disconnected, "the work is done")
        self._disconnected = []

    def _of_mass_cancel(self, command: MassCancel, orders: Iterable[FoldedOrder]) -> list[FoldedOrder]:
        return [
            each
            for each in orders
            if each.comp_id == self._comp_ids[command.session_id]
            and command.instrument_id in (0, each.instrument_id)
            and command.kind in ("", self._kinds[each.instrument_id])
            and command.side in ("", each.side)
            and command.account_id in (0, each.account_id)
        ]

    def _mass_canceled(self, event: MassCancelReported) -> None:
        key = self._comp_ids[event.session_id], event.cl_ord_id
        _check_gone("mass cancel", self._mass_cancels.get(key, []), event)

    def _kill_switch(self, event: KillSwitchSet, orders: Iterable[FoldedOrder]) -> None:
        key = event.scope, event.target_id, event.target_name
        self._killed.discard(key)
        if event.engaged:
            self._killed.add(key)
            is_of = self._is_of(key)
            # Those that the same command has canceled already are closed, and pass.
            self._kills.setdefault(key, []).append([each for each in orders if is_of(each)])

    def _is_of(self, key: Key) -> Callable[[FoldedOrder], bool]:
        scope, number, name = key
        tests: dict[str, Callable[[FoldedOrder], bool]] = {
            "market": lambda order: True,
            "session": lambda order: order.session_id == number,
            "account": lambda order: order.account_id == number,
            "firm": lambda order: self._firms[order.account_id] == name,
        }
        return tests[scope]

    def _entered(self, command: NewOrder | NewOrderList | ReplaceOrder | MassQuote, event: Execution) -> None:
        """Nothing enters, and nothing is replaced, while its scope is killed; `KillSwitchSet` comes behind it."""
        if event.exec_type not in ("0", "5"):
            return
        for scope, number, name in self._killed:
            asked = {"session": command.session_id, "account": event.account_id}.get(scope, number)
            if asked == number and (scope != "firm" or self._firms[event.account_id] == name):
                raise FindingError("kill switch", f"{event} while {scope} {number or name} is killed")


def _is_of_disconnect(command: CancelSessionOrders, order: FoldedOrder) -> bool:
    is_spared = command.spares_gtc and order.time_in_force in LONG
    if command.account_ids:
        return order.account_id in command.account_ids and not is_spared
    return order.session_id == command.session_id and not is_spared


def _check_gone(kind: str, orders: Iterable[FoldedOrder], what: object) -> None:
    left = [order.order_id for order in orders if order.is_open]
    if left:
        raise FindingError(kind, f"orders {left} are still open: {what}")
