"""A member's request over instruments of several shards, and how far it is. Part of the gateway's state."""

from typing import Final, TypeAlias

import msgspec

from matching.commands import MassCancel, MassRequest, RequestMassStatus
from matching.events import MassCancelReported, MassStatusReported, MessageThrottled
from matching.quote_events import QuotesAnswered
from matching.refusals import Refusal

OWN_ID: Final = "\x01"
"""How a shard's answer to a request is known again: no id of a member begins so, since it ends fields in FIX."""
NOTHING_MISSING: Final[Refusal] = (0, "")

Answer: TypeAlias = MassCancelReported | MassStatusReported | MessageThrottled | QuotesAnswered
"""How a shard ends its part, or refuses it."""


class Asked(msgspec.Struct, array_like=True):
    """A request, and how far it is. `waiting`: the shards that have not ended their part.

    `total` orders, or sides of quotes, were canceled; `faults` has by shard why it refused. `answers` are those of a
    mass status, of which `told` were told; `missing` is what was not done when it was answered, so that all steps of
    the answer say the same. `askers` are further sessions that wait for the report of a mass cancel. `home` is the id
    of the shard with whose trading day its ClOrdID(11) is forgotten. `reset` quotes were taken again by a
    QuoteCancel(Z). Of a MassQuote(i), `places` has by shard the places of its entries in the message, `refused` the
    place, code and text of those that shards have refused.
    """

    asked_id: int
    request: MassRequest
    comp_id: str
    home: int
    shards: list[str]
    waiting: list[str]
    total: int = 0
    faults: list[tuple[str, int, str]] = []
    is_answered: bool = False
    askers: list[int] = []
    answers: list[MassStatusReported] = []
    told: int = 0
    missing: Refusal = NOTHING_MISSING
    reset: int = 0
    places: dict[str, list[int]] = {}
    refused: list[tuple[int, int, str]] = []


def own_id(asked_id: int) -> str:
    """Return the id under which shards answer a request."""
    return f"{OWN_ID}{asked_id}"


def ref_id(request: MassRequest) -> str:
    """Return what the member has named a request."""
    if isinstance(request, MassCancel):
        return request.cl_ord_id
    return request.request_id if isinstance(request, RequestMassStatus) else request.quote_id
