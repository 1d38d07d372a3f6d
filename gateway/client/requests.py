"""The application messages that a client sends most, as fields for each version of FIX."""

from datetime import datetime
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from gateway.client.message import Value
from gateway.client.session import utc_timestamp

Number: TypeAlias = int | str | Decimal
FieldList: TypeAlias = list[tuple[int, Value]]

SideName: TypeAlias = Literal["buy", "sell"]
SIDES: Final[dict[SideName, str]] = {"buy": "1", "sell": "2"}
MARKET_DATA_SNAPSHOT: Final = "0"
MARKET_DATA_SUBSCRIBE: Final = "1"
MARKET_DATA_UNSUBSCRIBE: Final = "2"


def new_order(
    *,
    begin_string: str,
    cl_ord_id: str,
    account: str | None,
    symbol: str,
    side: SideName,
    qty: Number,
    price: Number | None,
    time_in_force: str,
    post_only: bool,
    now: datetime,
) -> FieldList:
    """NewOrderSingle(D). `price` None is a market order."""
    fields: FieldList = [(11, cl_ord_id)]
    if account:
        fields.append((1, account))
    if begin_string == "FIX.4.2":
        fields.append((21, "1"))
    if post_only:
        fields.append((18, "6"))
    fields += [(55, symbol), (54, SIDES[side]), (60, utc_timestamp(now)), (38, qty)]
    fields += [(40, "1")] if price is None else [(40, "2"), (44, price)]
    fields.append((59, time_in_force))
    return fields


def cancel(
    *, cl_ord_id: str, orig_cl_ord_id: str, symbol: str, side: SideName, qty: Number, now: datetime
) -> FieldList:
    """OrderCancelRequest(F)."""
    return [
        (41, orig_cl_ord_id),
        (11, cl_ord_id),
        (55, symbol),
        (54, SIDES[side]),
        (60, utc_timestamp(now)),
        (38, qty),
    ]


def replace(
    *,
    begin_string: str,
    cl_ord_id: str,
    orig_cl_ord_id: str,
    symbol: str,
    side: SideName,
    qty: Number,
    price: Number | None,
    time_in_force: str,
    now: datetime,
) -> FieldList:
    """OrderCancelReplaceRequest(G). `qty` counts from the original order, fills included."""
    fields: FieldList = [(41, orig_cl_ord_id), (11, cl_ord_id)]
    if begin_string == "FIX.4.2":
        fields.append((21, "1"))
    fields += [(55, symbol), (54, SIDES[side]), (60, utc_timestamp(now)), (38, qty)]
    fields += [(40, "1")] if price is None else [(40, "2"), (44, price)]
    fields.append((59, time_in_force))
    return fields


def order_status(*, cl_ord_id: str, symbol: str, side: SideName) -> FieldList:
    """OrderStatusRequest(H)."""
    return [(11, cl_ord_id), (55, symbol), (54, SIDES[side])]


def market_data(*, request_id: str, symbols: list[str], action: str, depth: int) -> FieldList:
    """MarketDataRequest(V) for bids, asks and trades. `depth` 0 is the full book, 1 its top."""
    fields: FieldList = [(262, request_id), (263, action), (264, depth)]
    if action == MARKET_DATA_SUBSCRIBE:
        fields.append((265, "1"))
    fields += [(267, 3), (269, "0"), (269, "1"), (269, "2"), (146, len(symbols))]
    fields += [(55, symbol) for symbol in symbols]
    return fields
