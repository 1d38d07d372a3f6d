"""Fields of a report that say an order's type, time in force and terms: what each version's stock dictionary knows.

What a version cannot say is left out, since a client would answer an unknown tag or value with Reject(3) and lose the
report; such an order can only have come from a session of another version. Owner: the matching thread.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from gateway.fix_times import transact_time
from gateway.order_terms import PEG_OF_EXEC_INST, PEG_OF_PRICE_TYPE, REDUCE_ONLY, SELF_MATCH_MODES, TRIGGERED
from gateway.sessions import FIX42, FIX44, FIX44_EXTENDED, FIX50SP2, Version
from matching.terms import Peg, SelfMatchMode, Terms
from matching.types import EXEC_REJECTED, LIMIT, PEGGED, STOP_LIMIT

if TYPE_CHECKING:
    from gateway.reports import InstrumentTexts
    from matching.events import Execution

_FIX44_ORD_TYPES: Final = frozenset("12346789DEGIJKLMP")
_FIX44_TIMES: Final = frozenset("01234567")
_FIX44_SIDES: Final = frozenset("123456789ABCDEFG")
ORD_TYPES: Final[Mapping[Version, frozenset[str]]] = {
    FIX42: frozenset("123456789ABCDEFGHIP"),
    FIX44: _FIX44_ORD_TYPES,
    FIX44_EXTENDED: _FIX44_ORD_TYPES,
    FIX50SP2: frozenset("123456789ABCDEFGHIJKLMPQRS"),
}
"""OrdType(40) that a client with the stock dictionary can read; so for the two below."""
TIMES_IN_FORCE: Final[Mapping[Version, frozenset[str]]] = {
    FIX42: frozenset("0123456"),
    FIX44: _FIX44_TIMES,
    FIX44_EXTENDED: _FIX44_TIMES,
    FIX50SP2: frozenset("0123456789ABC"),
}
SIDES: Final[Mapping[Version, frozenset[str]]] = {
    FIX42: frozenset("123456789"),
    FIX44: _FIX44_SIDES,
    FIX44_EXTENDED: _FIX44_SIDES,
    FIX50SP2: frozenset("123456789ABCDEFGH"),
}
WITH_LINK_ID: Final = (FIX44, FIX44_EXTENDED, FIX50SP2)
"""Versions that have ClOrdLinkID(583)."""
WITHOUT_TRAILING: Final = (FIX42,)
"""Versions whose ExecInst(18) has no `a`."""
WITH_PEGGED_PRICE: Final = (FIX44, FIX44_EXTENDED, FIX50SP2)
"""Versions whose ExecutionReport has PeggedPrice(839)."""
DISPLAY_QTY: Final[Mapping[Version, int]] = {FIX42: 111, FIX44: 111, FIX44_EXTENDED: 111, FIX50SP2: 1138}
STOCK_SELF_MATCH_MODES: Final = ("1", "2", "3")
"""SelfMatchPreventionInstruction(2964) of the stock FIX50SP2.xml; 4 is ours and taken only."""

EXEC_INST_OF_PEG: Final[Mapping[Peg, str]] = {peg: inst for inst, peg in PEG_OF_EXEC_INST.items()}
PRICE_TYPE_OF_PEG: Final[Mapping[Peg, str]] = {peg: price_type for price_type, peg in PEG_OF_PRICE_TYPE.items()}
INSTRUCTION_OF_MODE: Final[Mapping[SelfMatchMode, str]] = {mode: text for text, mode in SELF_MATCH_MODES.items()}


def kind_fields(event: "Execution", texts: "InstrumentTexts", version: Version) -> str:
    """Return OrdType(40) to TimeInForce(59) and the terms of an order that is not plain, as far as `version` goes."""
    ord_type, tif = event.ord_type, event.time_in_force
    fields = f"40={ord_type}\x01" if ord_type in ORD_TYPES[version] else ""
    if ord_type in (LIMIT, STOP_LIMIT):
        fields += f"44={texts.prices[event.price]}\x01"
    elif ord_type == PEGGED:
        fields += _pegged_prices(event, texts, version)
    if tif in TIMES_IN_FORCE[version]:
        fields += f"59={tif}\x01"
    terms = event.terms
    if terms is None:
        return fields
    if terms.list_id:
        fields += f"66={terms.list_id}\x01"
    if terms.stop_price:
        fields += f"99={texts.prices[terms.stop_price]}\x01"
    if terms.display_qty:
        fields += f"{DISPLAY_QTY[version]}={texts.quantities[terms.display_qty]}\x01"
    if terms.expire_ns:
        fields += f"126={transact_time(terms.expire_ns)}\x01"
    if terms.link_id and version in WITH_LINK_ID:
        fields += f"583={terms.link_id}\x01"
    return fields + _exec_inst(terms, version) + _only_later(terms, ord_type, version) + _peg_offset(terms, texts)


def _pegged_prices(event: "Execution", texts: "InstrumentTexts", version: Version) -> str:
    """Return the limit of a pegged order, as it was sent, and the price at which it stands now."""
    terms = event.terms
    is_refused = event.exec_type == EXEC_REJECTED
    cap = event.price if is_refused or terms is None else terms.cap
    fields = f"44={texts.prices[cap]}\x01" if cap else ""
    if version in WITH_PEGGED_PRICE and event.shown_qty:
        fields += f"839={texts.prices[event.price]}\x01"
    return fields


def _exec_inst(terms: Terms, version: Version) -> str:
    instructions = [EXEC_INST_OF_PEG[terms.peg]] if terms.peg else []
    if terms.reduce_only:
        instructions.append(REDUCE_ONLY)
    if version in WITHOUT_TRAILING and terms.peg == "trail":
        del instructions[0]
    return f"18={' '.join(instructions)}\x01" if instructions else ""


def _peg_offset(terms: Terms, texts: "InstrumentTexts") -> str:
    return f"211={texts.prices[terms.offset]}\x01" if terms.offset else ""


def _only_later(terms: Terms, ord_type: str, version: Version) -> str:
    """Return what only FIX.5.0SP2 has, and what StrictFix44=N adds."""
    if version == FIX44_EXTENDED:
        return f"5951={terms.trigger[0].upper()}\x01" if ord_type in TRIGGERED else ""
    if version != FIX50SP2:
        return ""
    fields = f"1094={PRICE_TYPE_OF_PEG[terms.peg]}\x01" if terms.peg else ""
    if ord_type in TRIGGERED and terms.trigger == "last":
        fields += "1107=2\x01"
    if terms.self_match_id:
        fields += f"2362={terms.self_match_id}\x01"
        instruction = INSTRUCTION_OF_MODE[terms.self_match_mode] if terms.self_match_mode else ""
        if instruction in STOCK_SELF_MATCH_MODES:
            fields += f"2964={instruction}\x01"
    return fields
