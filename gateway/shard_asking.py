"""Which requests are asked of several shards, and what is journaled of them. Owner: the matching thread."""

from collections.abc import Callable
from typing import Final

from gateway import shard_quotes
from gateway.relay import RelayEngine
from gateway.shard_link import ShardLink
from gateway.shard_refusals import refused_quotes
from gateway.shard_routes import Routes
from matching.commands import AskShards, CancelQuotes, Command, MassCancel, MassQuote, MassRequest, RequestMassStatus

NOT_ACCEPTED: Final = "new orders are not accepted at the moment"


def asked(
    request: MassRequest, relay: RelayEngine, routes: Routes, fault: Callable[[ShardLink], str]
) -> Command | None:
    """Return what is journaled of a request over several shards, or of one that repeats the ClOrdID(11) of such; None
    where it is for one shard, or for none. `fault` says why a shard cannot be given anything, or nothing.
    """
    if isinstance(request, MassCancel):
        return _mass_cancel(request, relay, routes)
    if isinstance(request, RequestMassStatus):
        is_over_shards = not (request.instrument_id or request.code)
        return AskShards(routes.of_scope(request), request) if is_over_shards else None
    if request.code or (request.poss_resend and (request.resets or isinstance(request, MassQuote))):
        # Of these nothing is done, wherever it is for.
        return None
    shards = routes.of_quotes(request)
    if len(shards) < 2 and not shard_quotes.has_stray(request, routes.by_instrument):
        return None
    if isinstance(request, CancelQuotes):
        return AskShards(shards, request)
    if not relay.accepting:
        return refused_quotes(request, NOT_ACCEPTED)
    return shard_quotes.asked_of(request, routes.by_instrument, fault)


def _mass_cancel(request: MassCancel, relay: RelayEngine, routes: Routes) -> AskShards | None:
    is_known, named = relay.requests.knows(request), routes.named(request)
    if request.poss_resend and (is_known or named is not None):
        # It gets the report of the first, whatever it asks for itself: here, or from the shard that has it.
        return AskShards((), request) if is_known else None
    # What was used on another shard is refused here.
    is_used = is_known or named not in (None, routes.by_instrument.get(request.instrument_id))
    is_over_shards = (is_used or not request.instrument_id) and not request.code
    return AskShards(routes.of_scope(request), request) if is_over_shards else None
