"""Requests over instruments of several shards: mass cancel, mass status and quotes, asked of each and answered once.

Each shard is told of a request as it is of an instruction, once, whatever is killed meanwhile. Its cancels are told as
they come; its report of the whole is kept here, and one report with the sum of all goes to whoever asked. A shard that
is down is not waited for, and the report says so: it does its part when it is back, before anything that came later.
Part of the gateway's state. Owner: the matching thread.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import msgspec

from gateway import shard_quotes
from gateway.mass_translation import BY_SYMBOL
from gateway.shard_asked import NOTHING_MISSING, OWN_ID, Answer, Asked, own_id, ref_id
from gateway.shard_commands import MSG_TYPES
from gateway.shard_names import OrderNames
from gateway.shard_restatement import Restatement
from matching import refusals
from matching.commands import (
    AskShards,
    CancelQuotes,
    MassCancel,
    MassQuote,
    MassRequest,
    NewOrder,
    NewOrderList,
    RequestMassStatus,
)
from matching.desk import used_before
from matching.engine import Engine
from matching.events import (
    CommandRefused,
    Event,
    Execution,
    MassCancelReported,
    MassStatusReported,
    MessageThrottled,
    ShardsInstructed,
)
from matching.mass_requests import NOTHING_OPEN
from matching.quote_events import QuotesAnswered
from matching.refusals import Refusal
from matching.restatement import marker
from matching.work import ORDERS_PER_STEP_MAX, in_scope

if TYPE_CHECKING:
    from gateway.relay import RelayEngine

OPEN_MAX_OF_SESSION: Final = 16
QUOTES_OPEN_MAX_OF_SESSION: Final = 256
"""Quote messages of a session that are not done: a cancel waits there for as long as a shard is down."""
OPEN_MAX: Final = 2_048
"""Requests that are not done; more are refused. Half of what instructions may be: operators always have room."""
QUOTE_MESSAGES: Final = (MassQuote, CancelQuotes)
REFUSED: Final = "0"
"""MassCancelResponse(531) of a request that was refused."""


class ShardRequests:
    """Requests that are not done, by id, and the mass cancels of the day by CompID and ClOrdID(11)."""

    def __init__(self, local: Engine, names: OrderNames) -> None:
        self._local = local
        self._names = names
        self.open: dict[int, Asked] = {}
        self._cancels: dict[tuple[str, str], Asked] = {}
        self._telling: dict[int, None] = {}
        self._restatements: dict[int, Restatement] = {}
        # The epoch and highest number of each session's mass cancels: every order is compared with it.
        self._last: dict[int, tuple[int, int]] = {}
        self.quoted: dict[int, tuple[int, int]] = {}
        """The same of each session's quote messages over several shards."""

    # -- asked --------------------------------------------------------------------------------------------------------

    def ask(self, command: AskShards, relay: "RelayEngine", time_ns: int, out: list[Event]) -> None:
        """Take up a request, answer it, or answer it again where a possible resend repeats one that was obeyed."""
        request = command.request
        comp_id = self._local.sessions[request.session_id].comp_id
        if isinstance(request, MassCancel) and request.poss_resend:
            known = self._cancels.get((comp_id, request.cl_ord_id))
            if known is not None:
                self._ask_again(known, request.session_id, out)
                return
        fault = self._fault(request, comp_id)
        if fault is None and not relay.instructions.has_room(len(command.shards)):
            fault = refusals.MASS_TOO_MANY, "too much waits for shards that are down"
        if fault is not None:
            self._refuse(request, fault, out)
            return
        self._begin(command, comp_id, relay, time_ns, out)

    def _begin(self, command: AskShards, comp_id: str, relay: "RelayEngine", time_ns: int, out: list[Event]) -> None:
        """Have every shard told of its part."""
        request, shards = command.request, command.shards
        asked_id = relay.instructions.last_id + 1
        home = relay.shards[shards[0]].shard_id if shards else 0
        asked = Asked(asked_id, request, comp_id, home, list(shards), list(shards))
        self.open[asked_id] = asked
        self._begin_restatement(asked)
        if isinstance(request, MassCancel):
            self._note_cancel(asked, request)
            self._names.use(comp_id, request.cl_ord_id, home)
        elif isinstance(request, MassQuote | CancelQuotes):
            self._note_quotes(request)
        parts: list[tuple[tuple[str, ...], MassRequest]] = [(shards, _for_shards(request, asked_id))]
        if isinstance(request, MassQuote):
            asked.places = shard_quotes.places_of(command, self._local.instruments, relay.homes)
            parts = [
                ((shard,), shard_quotes.part_of(request, places, asked_id, time_ns))
                for shard, places in asked.places.items()
            ]
        for told, part in parts:
            instruction_id = relay.instructions.keep(told, part)
            if told:
                out.append(ShardsInstructed(instruction_id, told))
        if not shards:
            self._answer(asked, out)

    def _note_quotes(self, request: MassQuote | CancelQuotes) -> None:
        number = request.epoch, request.msg_seq_num
        self.quoted[request.session_id] = max(number, self.quoted.get(request.session_id, number))

    def _begin_restatement(self, asked: Asked) -> None:
        if isinstance(asked.request, RequestMassStatus) and asked.request.restates:
            self._restatements[asked.asked_id] = Restatement(asked.comp_id, asked.answers)

    def _note_cancel(self, asked: Asked, request: MassCancel) -> None:
        self._cancels[asked.comp_id, request.cl_ord_id] = asked
        number = request.epoch, request.msg_seq_num
        self._last[request.session_id] = max(number, self._last.get(request.session_id, number))

    def _fault(self, request: MassRequest, comp_id: str) -> Refusal | None:
        if isinstance(request, MassCancel):
            cl_ord_id = request.cl_ord_id
            if (comp_id, cl_ord_id) in self._cancels or self._names.shard_id(comp_id, cl_ord_id):
                return refusals.MASS_DUPLICATE_CL_ORD_ID, used_before(cl_ord_id)
        is_quote = isinstance(request, QUOTE_MESSAGES)
        bound = QUOTES_OPEN_MAX_OF_SESSION if is_quote else OPEN_MAX_OF_SESSION
        of_session = sum(
            1
            for each in self.open.values()
            if each.request.session_id == request.session_id and isinstance(each.request, QUOTE_MESSAGES) == is_quote
        )
        if of_session >= bound or len(self.open) >= OPEN_MAX:
            text = f"{of_session} requests of the session wait for shards, allowed: {bound}"
            return refusals.MASS_TOO_MANY, text
        return None

    def _refuse(self, request: MassRequest, fault: Refusal, out: list[Event]) -> None:
        if isinstance(request, MassCancel):
            out.append(self._cancel_report(request, request.session_id, REFUSED, 0, fault))
        elif isinstance(request, RequestMassStatus):
            out.append(self._no_order(request, 0, fault))
        else:
            out.append(shard_quotes.refusal(request, fault))

    def _ask_again(self, asked: Asked, session_id: int, out: list[Event]) -> None:
        """Answer a request that was obeyed before; one that still goes on is answered when it is done."""
        if asked.is_answered:
            self._report(asked, session_id, out)
        elif session_id != asked.request.session_id and session_id not in asked.askers:
            asked.askers.append(session_id)

    # -- answered by shards -------------------------------------------------------------------------------------------

    def take(self, shard: str, event: Answer, out: list[Event]) -> bool:
        """Take a shard's word on its part; return whether it was one. `out` gets the answer where it was the last."""
        asked = self._asked_with(event)
        if asked is None:
            # What is said to an id of ours is nobody else's, also where nobody waits for it.
            return _ref_id(event).startswith(OWN_ID)
        if shard not in asked.waiting:
            return False
        if isinstance(event, MassStatusReported) and event.marker == "begin":
            return True
        if isinstance(event, MassStatusReported) and event.total and not event.marker:
            if not asked.is_answered:
                self._keep(asked, event)
            if not event.is_last:
                return True
        elif isinstance(event, MassCancelReported) and event.response != REFUSED:
            asked.total += event.total_affected
        elif isinstance(event, QuotesAnswered):
            shard_quotes.take(asked, shard, event)
        elif event.code:
            asked.faults.append((shard, event.code, event.text))
        asked.waiting.remove(shard)
        if not asked.waiting:
            self._answer(asked, out)
        return True

    def _keep(self, asked: Asked, answer: MassStatusReported) -> None:
        restatement = self._restatements.get(asked.asked_id)
        if restatement is None:
            asked.answers.append(answer)
        else:
            restatement.add(answer)

    def follow(self, shard: str, event: Execution) -> None:
        """Keep what is not told yet of restatements as true as what the member is told of its orders meanwhile."""
        comp_id = self._local.sessions[event.session_id].comp_id
        for asked_id, restatement in self._restatements.items():
            asked = self.open[asked_id]
            takes_new = not asked.is_answered and shard in asked.shards and shard not in asked.waiting
            restatement.follow(event, comp_id, told=asked.told, takes_new=takes_new)

    @property
    def is_restating(self) -> bool:
        """Whether `follow` has to be told of what happens to orders."""
        return bool(self._restatements)

    def _asked_with(self, event: Answer) -> Asked | None:
        if isinstance(event, MassCancelReported):
            if event.request_type == BY_SYMBOL:
                return None
            return self._cancel_of(event.session_id, event.cl_ord_id)
        name = _ref_id(event)
        if name.startswith(OWN_ID):
            return self.open.get(int(name[len(OWN_ID) :]))
        is_ours = isinstance(event, MessageThrottled) and event.ref_msg_type == "q" and not event.msg_seq_num
        return self._cancel_of(event.session_id, name) if is_ours else None

    def _cancel_of(self, session_id: int, cl_ord_id: str) -> Asked | None:
        asked = self._cancels.get((self._local.sessions[session_id].comp_id, cl_ord_id))
        return asked if asked is not None and asked.request.session_id == session_id else None

    def close(self, asked_id: int, relay: "RelayEngine", out: list[Event]) -> None:
        """Answer a request whose last shards are not waited for any longer; what they take of quotes is pulled."""
        asked = self.open.get(asked_id)
        if asked is None or asked.is_answered:
            out.append(CommandRefused("AnswerRequest", f"request {asked_id} is answered"))
            return
        for shard, pull in shard_quotes.pulls(asked):
            out.append(ShardsInstructed(relay.instructions.keep((shard,), pull), (shard,)))
        self._answer(asked, out)

    def end_day(self, shard_id: int) -> None:
        """Forget the mass cancels of a day whose ClOrdIDs are free again."""
        for key, asked in tuple(self._cancels.items()):
            if asked.home in (0, shard_id) and asked.asked_id not in self.open:
                del self._cancels[key]

    # -- answers ------------------------------------------------------------------------------------------------------

    def _answer(self, asked: Asked, out: list[Event]) -> None:
        """Answer a request, unless it was answered before; forget what is done."""
        if not asked.is_answered:
            asked.is_answered = True
            throttled = self._throttled(asked)
            if throttled is not None:
                out.append(throttled)
            elif isinstance(asked.request, RequestMassStatus):
                self._telling[asked.asked_id] = None
                asked.missing = _missing(asked)
                self.tell_more(out)
            elif isinstance(asked.request, MassQuote | CancelQuotes):
                answered = shard_quotes.answer(asked, _missing(asked))
                out += [answered] if answered is not None else []
            else:
                for session_id in (asked.request.session_id, *asked.askers):
                    self._report(asked, session_id, out)
        if not asked.waiting and asked.asked_id not in self._telling:
            self.open.pop(asked.asked_id, None)
            self._restatements.pop(asked.asked_id, None)

    def _report(self, asked: Asked, session_id: int, out: list[Event]) -> None:
        request = asked.request
        assert isinstance(request, MassCancel), "a mass cancel is reported"
        if asked.faults and len(asked.faults) == len(asked.shards):
            _, code, text = asked.faults[0]
            out.append(self._cancel_report(request, session_id, REFUSED, 0, (code, text)))
            return
        missing = _missing(asked)
        out.append(self._cancel_report(request, session_id, request.request_type, asked.total, missing))

    def _throttled(self, asked: Asked) -> MessageThrottled | None:
        """Return what is said to a request that every shard has throttled: nothing was looked at."""
        if not asked.faults or {code // 10_000 for _, code, _ in asked.faults} != {3}:
            return None
        if len(asked.faults) < len(asked.shards):
            return None
        request = asked.request
        ids = request.session_id, request.msg_seq_num, MSG_TYPES[type(request)], ref_id(request)
        if isinstance(request, MassCancel):
            del self._cancels[asked.comp_id, request.cl_ord_id]
            self._names.free(asked.comp_id, request.cl_ord_id)
        return MessageThrottled(*ids, asked.faults[0][2], asked.faults[0][1])

    def _cancel_report(
        self, request: MassCancel, session_id: int, response: str, total: int, fault: Refusal
    ) -> MassCancelReported:
        ids = self._local.mass_requests.steps.next_report_id(), session_id, request.cl_ord_id
        return MassCancelReported(*ids, request.request_type, response, total, request.symbol, request.side, *fault)

    @property
    def has_work(self) -> bool:
        """Whether answers to a mass status are left to tell: see `tell_more`."""
        return bool(self._telling)

    def tell_more(self, out: list[Event]) -> None:
        """Tell some more of the answers to the first mass status that is complete, at most ORDERS_PER_STEP_MAX."""
        if not self._telling:
            out.append(CommandRefused("ContinueWork", "no work is left"))
            return
        asked_id = min(self._telling)
        asked = self.open[asked_id]
        request = asked.request
        assert isinstance(request, RequestMassStatus), "answers are those of a mass status"
        missing = asked.missing
        if asked_id in self._restatements:
            self._restate_more(asked, request, out)
            return
        total = len(asked.answers) + bool(missing[0])
        begin, asked.told = asked.told, min(asked.told + ORDERS_PER_STEP_MAX, len(asked.answers))
        ids = request.session_id, request.request_id
        for index in range(begin, asked.told):
            said = asked.answers[index]
            out.append(
                MassStatusReported(said.exec_id, *ids, total, index + 1 == total, said.execution, text=said.text)
            )
        if asked.told < len(asked.answers):
            return
        if missing[0] or not total:
            out.append(self._no_order(request, total, missing if missing[0] else (0, NOTHING_OPEN)))
        del self._telling[asked_id]
        asked.answers, asked.told = [], 0
        if not asked.waiting:
            del self.open[asked_id]

    def _restate_more(self, asked: Asked, request: RequestMassStatus, out: list[Event]) -> None:
        """Tell some more of a restatement, between its markers; `total` counts what was told."""
        restatement, desk = self._restatements[asked.asked_id], self._local.desk
        begin, asked.told = asked.told, min(asked.told + ORDERS_PER_STEP_MAX, len(asked.answers))
        if not begin:
            count = sum(1 for _ in restatement.open_from(0, len(asked.answers)))
            out.append(marker(desk, request, "begin", count))
        for execution in restatement.open_from(begin, asked.told):
            if not execution.exec_id:
                desk.last_exec_id += 1
            exec_id = execution.exec_id or desk.last_exec_id
            said = msgspec.structs.replace(execution, exec_id=exec_id, session_id=request.session_id)
            ids = exec_id, request.session_id, request.request_id
            out.append(MassStatusReported(*ids, len(asked.answers), False, said))
            asked.total += 1
        if asked.told < len(asked.answers):
            return
        end = marker(desk, request, "end", asked.total)
        code, text = asked.missing
        out.append(msgspec.structs.replace(end, code=code, text=text) if code else end)
        del self._telling[asked.asked_id], self._restatements[asked.asked_id]
        asked.answers, asked.told = [], 0
        if not asked.waiting:
            del self.open[asked.asked_id]

    def _no_order(self, request: RequestMassStatus, total: int, fault: Refusal) -> MassStatusReported:
        """Return the last answer to a mass status where that is about no order."""
        desk = self._local.desk
        desk.last_exec_id += 1
        ids = desk.last_exec_id, request.session_id, request.request_id
        return MassStatusReported(*ids, total, True, None, request.symbol, request.side, *fault)

    # -- reading ------------------------------------------------------------------------------------------------------

    def unanswered(self) -> list[Asked]:
        """Return the requests that have no answer yet, the oldest first."""
        return [asked for asked in self.open.values() if not asked.is_answered]

    def knows(self, request: MassCancel) -> bool:
        """Tell whether a ClOrdID(11) names a mass cancel over several shards."""
        return bool(self._cancels) and self._cancel_named(request) is not None

    def _cancel_named(self, request: MassCancel) -> Asked | None:
        return self._cancels.get((self._local.sessions[request.session_id].comp_id, request.cl_ord_id))

    def quotes_under_way(self) -> dict[int, int]:
        """Return by session how many of its quote messages have no answer yet."""
        counts: dict[int, int] = {}
        for asked in self.open.values():
            if not asked.is_answered and isinstance(asked.request, MassQuote | CancelQuotes):
                counts[asked.request.session_id] = counts.get(asked.request.session_id, 0) + 1
        return counts

    def has_overtaken(self, quote: MassQuote) -> bool:
        """Tell whether a later message over several shards, which cancels or quotes, was taken before this one.

        Gateway and shard were killed before the shard had it, and the member sends it again.
        """
        number = quote.epoch, quote.msg_seq_num
        later = (each.get(quote.session_id, number) for each in (self._last, self.quoted))
        return any(epoch == quote.epoch and msg_seq_num > quote.msg_seq_num for epoch, msg_seq_num in later)

    def overtaken_by(self, order: NewOrder | NewOrderList) -> str:
        """Return the ClOrdID(11) of a mass cancel that came after an order which is only given now, or nothing.

        Both gateway and shard were killed before the shard had the order, and the member sends it again.
        """
        last = self._last.get(order.session_id)
        if last is None or last[0] != order.epoch or last[1] < order.msg_seq_num:
            return ""
        orders = order.orders if isinstance(order, NewOrderList) else (order,)
        instruments = self._local.instruments
        for (_, asked_cl_ord_id), asked in self._cancels.items():
            request = asked.request
            assert isinstance(request, MassCancel), "mass cancels have a ClOrdID"
            if (request.session_id, request.epoch) != (order.session_id, order.epoch):
                continue
            if request.msg_seq_num > order.msg_seq_num and any(
                in_scope(request, each.account_id, instruments[each.instrument_id], each.side) for each in orders
            ):
                return asked_cl_ord_id
        return ""

    # -- state --------------------------------------------------------------------------------------------------------

    def records(self) -> list[Asked]:
        """Return all of it, ascending."""
        known = {asked.asked_id: asked for asked in self._cancels.values()} | self.open
        return [known[asked_id] for asked_id in sorted(known)]

    def load(self, records: Iterable[Asked]) -> None:
        """Take what `records` has returned."""
        for asked in records:
            is_told = asked.is_answered and asked.told == len(asked.answers)
            if asked.waiting or not is_told:
                self.open[asked.asked_id] = asked
            if not is_told:
                self._begin_restatement(asked)
            if isinstance(asked.request, MassCancel):
                self._note_cancel(asked, asked.request)
            elif not is_told and asked.is_answered:
                self._telling[asked.asked_id] = None


def _for_shards(request: MassRequest, asked_id: int) -> MassRequest:
    """Return a request as shards are told of it: without a number, which the gateway has answered for itself."""
    if isinstance(request, MassCancel):
        return msgspec.structs.replace(request, msg_seq_num=0)
    if isinstance(request, RequestMassStatus):
        return msgspec.structs.replace(request, msg_seq_num=0, request_id=own_id(asked_id))
    return msgspec.structs.replace(request, msg_seq_num=0, answer_id=own_id(asked_id))


def _ref_id(event: Answer) -> str:
    """Return what names the request that a shard has answered."""
    if isinstance(event, MassStatusReported):
        return event.request_id
    if isinstance(event, QuotesAnswered):
        return event.quote_id
    return event.cl_ord_id if isinstance(event, MassCancelReported) else event.ref_id


def _missing(asked: Asked) -> Refusal:
    """Return code and text of what is not done of a request; code 0: nothing."""
    parts = []
    if asked.waiting:
        does = "is not told of" if isinstance(asked.request, RequestMassStatus) else "cancels when it is back"
        parts.append(f"shard {', shard '.join(asked.waiting)} has not answered and {does}")
    parts += [f"shard {shard} refuses: {text}" for shard, _, text in asked.faults]
    return (refusals.MASS_NOT_CONFIRMED, "; ".join(parts)) if parts else NOTHING_MISSING
