"""Which orders a piece of work over a whole scope has.

The open orders of a session lie in shelves, one for each account and instrument, so that a scope is a choice of
shelves: what lies outside of it is not looked at. Owner: the matching thread.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from matching.commands import CancelSessionOrders, MassCancel, RequestMassStatus, SetKillSwitch
from matching.instrument import Instrument
from matching.order import Account, Order, Session
from matching.scope_ids import MergedIds, ids_of
from matching.work import Work

if TYPE_CHECKING:
    from matching.book import Book
    from matching.desk import OrderDesk


def orders_in_scope(work: Work, desk: "OrderDesk", instruments: Mapping[int, Instrument]) -> Sequence[int]:
    """Return the ids of the orders that work has to look at, ascending: the open ones of its scope, but at the end of a
    trading day all.

    Costs what it finds, whatever else is open, and a look at each shelf of the sessions in question.
    """
    kind, request, sessions = work.kind, work.request, desk.sessions
    if kind in ("cancel session", "cancel disconnected session"):
        return ids_of(sessions[work.target_id].shelves.values())
    if kind == "end trading day":
        return list(desk.orders)
    if isinstance(request, MassCancel | RequestMassStatus):
        return _orders_of_member(request, desk, instruments)
    if kind == "cancel market":
        return ids_of(shelf for session in sessions.values() for shelf in session.shelves.values())
    if kind == "cancel instrument":
        return ids_of(_shelves(sessions.values(), desk.books[work.target_id].exposures.values()))
    return ids_of(_shelves(sessions.values(), _exposures(desk.books.values(), _account_ids(work, desk.accounts))))


def _exposures(books: Iterable["Book"], account_ids: Collection[int]) -> Iterator[int]:
    """Yield the exposures of accounts in these books; none of an account that has never sent an order there."""
    for book in books:
        known = book.exposures
        yield from (known[account_id] for account_id in account_ids if account_id in known)


def _shelves(sessions: Iterable[Session], exposures: Iterable[int]) -> Iterator[Mapping[int, Order]]:
    """Yield what these sessions have open in these exposures."""
    wanted = frozenset(exposures)
    for session in sessions:
        yield from (shelf for exposure, shelf in session.shelves.items() if exposure in wanted)


def _account_ids(work: Work, accounts: Mapping[int, Account]) -> Collection[int]:
    request = work.request
    if isinstance(request, CancelSessionOrders):
        return request.account_ids
    if work.kind == "cancel firm" and isinstance(request, SetKillSwitch):
        return [key for key, account in accounts.items() if account.firm == request.target_name]
    assert work.kind == "cancel account", f"work {work.kind} has orders of its own"
    return (work.target_id,)


def _orders_of_member(
    request: MassCancel | RequestMassStatus, desk: "OrderDesk", instruments: Mapping[int, Instrument]
) -> Sequence[int]:
    """Return the open orders of the asking member that lie in the scope, of all its sessions."""
    member, side = desk.sessions[request.session_id].member, request.side
    sessions = [session for session in desk.sessions.values() if session.member is member]
    books = [
        desk.books[key]
        for key, instrument in instruments.items()
        if request.instrument_id in (0, key) and request.kind in ("", instrument.kind)
    ]
    shelves: Iterable[Mapping[int, Order]]
    if request.account_id:
        shelves = _shelves(sessions, _exposures(books, (request.account_id,)))
    elif len(books) < len(instruments):
        shelves = _shelves(sessions, chain.from_iterable(book.exposures.values() for book in books))
    else:
        shelves = chain.from_iterable(session.shelves.values() for session in sessions)
    if not side:
        return ids_of(shelves)
    return MergedIds([[key for key, order in shelf.items() if order.side == side] for shelf in shelves])
