"""Market data over FIX: MarketDataRequest(V) in; snapshots W, updates X and refusals Y out.

Everything shown is committed: views are folded from the events of committed batches. Updates of all batches that one
commit held go out in one message per subscription. A subscriber that does not keep up loses updates and gets a fresh
snapshot; nobody waits for him. Owner: the matching thread.
"""

from collections.abc import Mapping
from typing import Any, Final

from config.exchange import BoundSettings
from gateway.depth_view import BID, OFFER, DepthView, Indicative
from gateway.fix_times import transact_time
from gateway.pipeline import PendingBatch
from gateway.relay import GatewayEngine
from gateway.reports import InstrumentTexts
from gateway.sessions import FIX42, FIX44, FIX44_EXTENDED, FIX50SP2, GatewaySession, Version
from gateway.wire import Wire
from matching.events import AuctionEnded, Execution, IndicativePrice, TradingPhaseSet
from matching.instrument import Instrument
from matching.phases import CLOSING_AUCTION

SNAPSHOT: Final = "0"
SUBSCRIBE: Final = "1"
UNSUBSCRIBE: Final = "2"
TRADE: Final = "2"
AUCTION_CLEARING_PRICE: Final = "Q"
OPENING_PRICE: Final = "4"
CLOSING_PRICE: Final = "5"
ENTRY_TYPES: Final[dict[Version, tuple[str, ...]]] = {
    FIX42: (BID, OFFER, TRADE, OPENING_PRICE, CLOSING_PRICE),
    FIX44: (BID, OFFER, TRADE, OPENING_PRICE, CLOSING_PRICE),
    FIX44_EXTENDED: (BID, OFFER, TRADE, OPENING_PRICE, CLOSING_PRICE),
    FIX50SP2: (BID, OFFER, TRADE, AUCTION_CLEARING_PRICE),
}
"""MDEntryType(269) by version: the indicative price of an auction is Q where the version has it. Before, it is the
opening price, for a closing auction the closing price, and OpenCloseSettlFlag(286)=5 marks it as theoretical.
"""
THEORETICAL: Final = "286=5\x01"
MD_REQ_ID_CHARS_MAX: Final = 64
LEVELS_PER_TURN_MAX: Final = 2_000
"""Levels written into snapshots between two batches of orders, about 3 ms; further snapshots wait for the next turn."""

UNKNOWN_SYMBOL: Final = "0"
DUPLICATE_MD_REQ_ID: Final = "1"
INSUFFICIENT_PERMISSIONS: Final = "3"
UNSUPPORTED_REQUEST_TYPE: Final = "4"
UNSUPPORTED_DEPTH: Final = "5"
UNSUPPORTED_UPDATE_TYPE: Final = "6"
UNSUPPORTED_BOOK: Final = "7"
UNSUPPORTED_ENTRY_TYPE: Final = "8"


class Subscription:
    """One instrument of one MarketDataRequest(V). `shown` is what the subscriber's book holds, for a bounded depth."""

    __slots__ = (
        "depth",
        "entry_types",
        "is_full_refresh",
        "is_once",
        "md_req_id",
        "rpt_seq",
        "session",
        "shown",
        "shown_indicative",
        "symbol",
        "wants_snapshot",
    )

    def __init__(
        self,
        session: GatewaySession,
        md_req_id: str,
        symbol: str,
        depth: int,
        entry_types: frozenset[str],
        *,
        is_once: bool,
        is_full_refresh: bool,
    ) -> None:
        self.session = session
        self.md_req_id = md_req_id
        self.symbol = symbol
        self.depth = depth
        self.entry_types = entry_types
        self.is_once = is_once
        self.is_full_refresh = is_full_refresh
        self.wants_snapshot = True
        self.shown: dict[str, dict[int, tuple[int, int]]] = {}
        self.shown_indicative: tuple[str, Indicative] | None = None
        self.rpt_seq = 0

    def indicative(self, view: DepthView) -> tuple[str, Indicative] | None:
        """Return MDEntryType(269) and the indicative price as this subscriber asked for it; None: nothing to show."""
        if view.indicative is None:
            return None
        kind = AUCTION_CLEARING_PRICE
        if self.session.version != FIX50SP2:
            kind = CLOSING_PRICE if view.phase == CLOSING_AUCTION else OPENING_PRICE
        return (kind, view.indicative) if kind in self.entry_types else None


class MarketData:
    """All subscriptions and the views that they need. Costs nothing on the order path while there is no
    subscription.
    """

    def __init__(
        self, wire: Wire, engine: GatewayEngine, symbols: Mapping[str, Instrument], bounds: BoundSettings
    ) -> None:
        self._wire = wire
        self._engine = engine
        self._symbols = symbols
        self._depth_max = bounds.market_data_depth_max
        self._subscriptions_max = bounds.market_data_subscriptions_max
        self._views: dict[int, DepthView] = {}
        self._texts: dict[int, InstrumentTexts] = {}
        self._subscriptions: dict[tuple[int, str], list[Subscription]] = {}
        self._by_instrument: dict[int, list[Subscription]] = {}
        self._snapshots_wanted = self._snapshots_late = False
        self._levels_left = 0
        self._update_time = transact_time(0)

    @property
    def subscription_count(self) -> int:
        """How many instruments are subscribed to, over all sessions."""
        return sum(len(subscriptions) for subscriptions in self._subscriptions.values())

    def request(self, session: GatewaySession, values: tuple[Any, ...], next_batch_seq: int) -> str | None:
        """Take a MarketDataRequest(V); return the body of the refusal Y, or None where it is granted.

        `next_batch_seq` is the number of the first batch whose events the engine has not applied yet.
        """
        values = (values[0] or "", *values[1:])
        md_req_id, request_type, depth, _, _, entries, instruments = values
        key = (session.session_id, md_req_id)
        if request_type == UNSUBSCRIBE:
            if key not in self._subscriptions:
                return _refusal(md_req_id, DUPLICATE_MD_REQ_ID, f"MDReqID(262) {md_req_id} is not subscribed")
            self._drop(key)
            return None
        fault = self._fault(session, values)
        if fault is not None:
            return _refusal(md_req_id, *fault)
        entry_types = frozenset(entry for (entry,) in entries)
        subscriptions = []
        for (symbol,) in instruments:
            instrument = self._symbols[symbol]
            subscription = Subscription(
                session,
                md_req_id,
                symbol,
                depth,
                entry_types,
                is_once=request_type == SNAPSHOT,
                is_full_refresh=values[3] == "0",
            )
            subscriptions.append(subscription)
            self._by_instrument.setdefault(instrument.instrument_id, []).append(subscription)
            self._view(instrument, next_batch_seq)
        self._subscriptions[key] = subscriptions
        self._snapshots_wanted = True
        return None

    def _view(self, instrument: Instrument, next_batch_seq: int) -> None:
        if instrument.instrument_id not in self._views:
            bids, asks = self._engine.depth(instrument.instrument_id, 0)
            view = self._views[instrument.instrument_id] = DepthView(next_batch_seq - 1, bids, asks)
            indicative = self._engine.indicative(instrument.instrument_id)
            view.begin(instrument.phase, is_uncrossed=instrument.is_uncrossed, indicative=indicative)
            self._texts.setdefault(instrument.instrument_id, InstrumentTexts(instrument))

    def _fault(self, session: GatewaySession, values: tuple[Any, ...]) -> tuple[str, str] | None:
        """Return MDReqRejReason(281) and text of the first fault of a request, or None."""
        md_req_id, request_type, depth, update_type, aggregated, entries, instruments = values
        if not md_req_id or len(md_req_id) > MD_REQ_ID_CHARS_MAX:
            return DUPLICATE_MD_REQ_ID, f"MDReqID(262) has {len(md_req_id)} characters, allowed: {MD_REQ_ID_CHARS_MAX}"
        if (session.session_id, md_req_id) in self._subscriptions:
            return DUPLICATE_MD_REQ_ID, f"MDReqID(262) {md_req_id} is in use"
        if request_type not in (SNAPSHOT, SUBSCRIBE):
            return UNSUPPORTED_REQUEST_TYPE, f"SubscriptionRequestType(263) {request_type}, allowed: 0, 1, 2"
        if type(depth) is not int or not 0 <= depth <= self._depth_max:
            return UNSUPPORTED_DEPTH, f"MarketDepth(264) {depth}, allowed: 0 (full) to {self._depth_max}"
        if update_type not in (None, "0", "1"):
            return UNSUPPORTED_UPDATE_TYPE, f"MDUpdateType(265) {update_type}, allowed: 0, 1"
        if aggregated == "N":
            return UNSUPPORTED_BOOK, "AggregatedBook(266) N is not offered, allowed: Y"
        for (entry,) in entries or ((None,),):
            offered = ENTRY_TYPES[session.version]
            if entry not in offered:
                return UNSUPPORTED_ENTRY_TYPE, f"MDEntryType(269) {entry or 'absent'}, allowed: {', '.join(offered)}"
        for (symbol,) in instruments or ((None,),):
            if symbol not in self._symbols:
                return UNKNOWN_SYMBOL, f"Symbol(55) {symbol or 'absent'} is not traded here"
            if not session.may_see(symbol):
                return INSUFFICIENT_PERMISSIONS, session.not_permitted(symbol)
        count = sum(len(subs) for (owner, _), subs in self._subscriptions.items() if owner == session.session_id)
        if count + len(instruments) > self._subscriptions_max:
            return DUPLICATE_MD_REQ_ID, f"{count} instruments are subscribed, allowed: {self._subscriptions_max}"
        return None

    def forget(self, session: GatewaySession) -> None:
        """End all subscriptions of a session that has logged out."""
        for key in [key for key in self._subscriptions if key[0] == session.session_id]:
            self._drop(key)

    def stalled(self, session: GatewaySession) -> None:
        """Give a session that lost updates a fresh snapshot of everything with the next commit."""
        for (owner, _), subscriptions in self._subscriptions.items():
            if owner == session.session_id:
                for subscription in subscriptions:
                    subscription.wants_snapshot = self._snapshots_wanted = True

    def _drop(self, key: tuple[int, str]) -> None:
        for subscription in self._subscriptions.pop(key):
            instrument_id = self._symbols[subscription.symbol].instrument_id
            remaining = self._by_instrument[instrument_id]
            remaining.remove(subscription)
            if not remaining:
                del self._by_instrument[instrument_id]
                del self._views[instrument_id]

    def has_work(self, committed: int) -> bool:
        """Tell whether a snapshot can go out that waits for no commit any more."""
        return self._snapshots_wanted and any(view.built_at <= committed for view in self._views.values())

    def publish(self, done: list[PendingBatch], committed: int) -> None:
        """Fold what was committed and send snapshots and updates. `committed` is the last batch in the journal."""
        if not self._by_instrument:
            return
        if done:
            self._update_time = transact_time(done[-1].batch.time_ns)
        for pending in done:
            batch_seq = pending.batch.batch_seq
            for event in pending.events:
                if type(event) is Execution:
                    view = self._views.get(event.instrument_id)
                    if view is not None and batch_seq > view.built_at:
                        view.fold(event)
                elif isinstance(event, TradingPhaseSet | IndicativePrice | AuctionEnded):
                    self._fold_phase(event, batch_seq)
        waiting = False
        self._levels_left = LEVELS_PER_TURN_MAX
        self._snapshots_late = False
        for instrument_id, view in list(self._views.items()):
            if view.built_at <= committed:
                self._publish_instrument(instrument_id, view)
            else:
                waiting = True
        self._snapshots_wanted = waiting or self._snapshots_late

    def _fold_phase(self, event: TradingPhaseSet | IndicativePrice | AuctionEnded, batch_seq: int) -> None:
        """Take up a phase or an auction; when the book is hidden or shown again, everybody gets a fresh W."""
        view = self._views.get(event.instrument_id)
        if view is None or batch_seq <= view.built_at:
            return
        was_shown = view.is_shown
        view.fold_phase(event)
        if view.is_shown != was_shown:
            for subscription in self._by_instrument[event.instrument_id]:
                subscription.wants_snapshot = True

    def _publish_instrument(self, instrument_id: int, view: DepthView) -> None:
        changed, trades = view.take_changes()
        once: list[tuple[int, str]] = []
        for subscription in self._by_instrument[instrument_id]:
            indicates = subscription.indicative(view) != subscription.shown_indicative
            is_new = bool(changed or trades) or indicates
            if subscription.wants_snapshot or (subscription.is_full_refresh and is_new):
                if self._levels_left <= 0:
                    subscription.wants_snapshot = self._snapshots_late = True
                    continue
                self._send(subscription, "W", self._snapshot(subscription, view, instrument_id))
                subscription.wants_snapshot = False
                if subscription.is_once:
                    once.append((subscription.session.session_id, subscription.md_req_id))
            elif is_new:
                entries = self._updates(subscription, view, changed, trades, instrument_id)
                if entries:
                    body = f"262={subscription.md_req_id}\x01268={len(entries)}\x01{''.join(entries)}"
                    self._send(subscription, "X", body)
        for key in once:
            if key in self._subscriptions and not any(sub.wants_snapshot for sub in self._subscriptions[key]):
                self._drop(key)

    def _send(self, subscription: Subscription, msg_type: str, body: str) -> None:
        self._wire.publish([subscription.session.session_id], msg_type, body)

    def _snapshot(self, subscription: Subscription, view: DepthView, instrument_id: int) -> str:
        texts = self._texts[instrument_id]
        entries = []
        for kind in (BID, OFFER):
            if kind in subscription.entry_types:
                levels = view.top(kind, subscription.depth) if view.is_shown else {}
                subscription.shown[kind] = levels
                self._levels_left -= len(levels) + 1
                for position, (key, (qty, count)) in enumerate(levels.items(), start=1):
                    price = texts.prices[abs(key)]
                    entries.append(
                        f"269={kind}\x01270={price}\x01271={texts.quantities[qty]}\x01346={count}\x01290={position}\x01"
                    )
        if TRADE in subscription.entry_types and view.last_trade is not None:
            last_price, qty, _ = view.last_trade
            entries.append(f"269=2\x01270={texts.prices[last_price]}\x01271={texts.quantities[qty]}\x01")
        indicative = subscription.shown_indicative = subscription.indicative(view)
        if indicative is not None:
            entries.append(_indicative_entry(indicative, texts, subscription.session.version))
        # LastUpdateTime(779) is required in the stock FIX50SP2.xml, and unknown before it.
        updated = f"779={self._update_time}\x01" if subscription.session.version == FIX50SP2 else ""
        head = f"262={subscription.md_req_id}\x01{updated}55={texts.symbol}\x01"
        if not entries:
            # NoMDEntries(268) must not be 0: an empty book is one bid of no quantity.
            kind = min(subscription.entry_types)
            entries = [f"269={kind}\x01270=0\x01271=0\x01"]
        return f"{head}268={len(entries)}\x01{''.join(entries)}"

    def _updates(
        self,
        subscription: Subscription,
        view: DepthView,
        changed: list[tuple[str, int]],
        trades: list[tuple[int, int, int]],
        instrument_id: int,
    ) -> list[str]:
        """Return the entries of X that bring the subscriber's book from what he was shown to the view."""
        texts = self._texts[instrument_id]
        head = f"55={texts.symbol}\x01"
        entries: list[str] = []
        for kind in (BID, OFFER):
            if kind not in subscription.entry_types:
                continue
            shown = subscription.shown.setdefault(kind, {})
            keys = [key for changed_kind, key in changed if changed_kind == kind]
            if not keys or not view.is_shown:
                continue
            if subscription.depth:
                now = view.top(kind, subscription.depth)
                keys = list(dict.fromkeys([*shown, *now]))
            else:
                levels = view.sides[kind]
                now = {key: (levels[key][0], levels[key][1]) for key in keys if key in levels}
            for key in keys:
                entry = self._level_entry(subscription, kind, key, shown.get(key), now.get(key), texts, head)
                if entry:
                    entries.append(entry)
                if key in now:
                    shown[key] = now[key]
                else:
                    shown.pop(key, None)
        if TRADE in subscription.entry_types:
            for price, qty, trade_id in trades:
                entries.append(
                    f"279=0\x01{self._rpt_seq(subscription)}269=2\x01278=T{trade_id}\x01{head}"
                    f"270={texts.prices[price]}\x01271={texts.quantities[qty]}\x01"
                )
        return [*entries, *self._indicative_updates(subscription, view, texts, head)]

    def _indicative_updates(
        self, subscription: Subscription, view: DepthView, texts: InstrumentTexts, head: str
    ) -> list[str]:
        """Return New, Change or Delete of the indicative price; it stands under its own MDEntryType(269) alone."""
        before, after = subscription.shown_indicative, subscription.indicative(view)
        subscription.shown_indicative = after
        entries: list[str] = []
        if before is not None and (after is None or after[0] != before[0]):
            entries.append(f"279=2\x01{self._rpt_seq(subscription)}269={before[0]}\x01278={before[0]}\x01{head}")
            before = None
        if after is not None and after != before:
            action = "0" if before is None else "1"
            kind, (price, qty) = after
            flag = THEORETICAL if subscription.session.version in (FIX44, FIX44_EXTENDED) else ""
            entries.append(
                f"279={action}\x01{self._rpt_seq(subscription)}269={kind}\x01278={kind}\x01{head}"
                f"270={texts.prices[price]}\x01271={texts.quantities[qty]}\x01{flag}"
            )
        return entries

    def _level_entry(
        self,
        subscription: Subscription,
        kind: str,
        key: int,
        before: tuple[int, int] | None,
        after: tuple[int, int] | None,
        texts: InstrumentTexts,
        head: str,
    ) -> str:
        """Return one entry: New, Change or Delete of a level, which its MDEntryID(278) names by side and price; "" for
        no change.
        """
        if before == after:
            return ""
        price = texts.prices[abs(key)]
        entry_id = f"278={kind}-{price}\x01"
        rpt_seq = self._rpt_seq(subscription)
        if after is None:
            return f"279=2\x01{rpt_seq}269={kind}\x01{entry_id}{head}270={price}\x01"
        action = "0" if before is None else "1"
        qty, count = after
        return (
            f"279={action}\x01{rpt_seq}269={kind}\x01{entry_id}{head}270={price}\x01"
            f"271={texts.quantities[qty]}\x01346={count}\x01"
        )

    def _rpt_seq(self, subscription: Subscription) -> str:
        """Return RptSeq(83), counted per subscription, where the version has it in the group of X."""
        if subscription.session.version != FIX50SP2:
            return ""
        subscription.rpt_seq += 1
        return f"83={subscription.rpt_seq}\x01"


def _indicative_entry(indicative: tuple[str, Indicative], texts: InstrumentTexts, version: Version) -> str:
    """Return the entry of W."""
    kind, (price, qty) = indicative
    flag = THEORETICAL if version in (FIX44, FIX44_EXTENDED) else ""
    return f"269={kind}\x01270={texts.prices[price]}\x01271={texts.quantities[qty]}\x01{flag}"


def _refusal(md_req_id: str, reason: str, text: str) -> str:
    return f"262={md_req_id}\x01281={reason}\x0158={text}\x01"
