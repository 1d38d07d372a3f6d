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
from matching.types import AT_THE_CLOSE, LIMIT, MARKET_IF_TOUCHED, PEGGED, STOP_LIMIT

if TYPE_CHECKING:
    from gateway.reports import InstrumentTexts
    from matching.events import Execution

UNKNOWN_ORD_TYPES: Final[Mapping[Version, tuple[str, ...]]] = {FIX42: (MARKET_IF_TOUCHED,)}
UNKNOWN_TIMES: Final[Mapping[Version, tuple[str, ...]]] = {FIX42: (AT_THE_CLOSE,)}
UNKNOWN_EXEC_INSTS: Final[Mapping[Version, tuple[str, ...]]] = {FIX42: ("a",)}
PEGGED_PRICE: Final[Mapping[Version, int]] = {FIX42: 44, FIX44: 839, FIX44_EXTENDED: 839, FIX50SP2: 839}
DISPLAY_QTY: Final[Mapping[Version, int]] = {FIX42: 111, FIX44: 111, FIX44_EXTENDED: 111, FIX50SP2: 1138}
STOCK_SELF_MATCH_MODES: Final = ("1", "2", "3")
"""SelfMatchPreventionInstruction(2964) of the stock FIX50SP2.xml; 4 is ours and taken only."""

EXEC_INST_OF_PEG: Final[Mapping[Peg, str]] = {peg: inst for inst, peg in PEG_OF_EXEC_INST.items()}
PRICE_TYPE_OF_PEG: Final[Mapping[Peg, str]] = {peg: price_type for price_type, peg in PEG_OF_PRICE_TYPE.items()}
INSTRUCTION_OF_MODE: Final[Mapping[SelfMatchMode, str]] = {mode: text for text, mode in SELF_MATCH_MODES.items()}


def kind_fields(event: "Execution", texts: "InstrumentTexts", version: Version) -> str:
    """Return OrdType(40) to TimeInForce(59) and the terms of an order that is not plain, as far as `version` goes."""
    ord_type, tif = event.ord_type, event.time_in_force
    fields = "" if ord_type in UNKNOWN_ORD_TYPES.get(version, ()) else f"40={ord_type}\x01"
    if ord_type in (LIMIT, STOP_LIMIT):
        fields += f"44={texts.prices[event.price]}\x01"
    elif ord_type == PEGGED and event.price:
        fields += f"{PEGGED_PRICE[version]}={texts.prices[event.price]}\x01"
    if tif not in UNKNOWN_TIMES.get(version, ()):
        fields += f"59={tif}\x01"
    terms = event.terms
    if terms is None:
        return fields
    if terms.stop_price:
        fields += f"99={texts.prices[terms.stop_price]}\x01"
    if terms.display_qty:
        fields += f"{DISPLAY_QTY[version]}={texts.quantities[terms.display_qty]}\x01"
    if terms.expire_ns:
        fields += f"126={transact_time(terms.expire_ns)}\x01"
    return fields + _exec_inst(terms, version) + _only_later(terms, ord_type, version) + _peg_offset(terms, texts)


def _exec_inst(terms: Terms, version: Version) -> str:
    instructions = [EXEC_INST_OF_PEG[terms.peg]] if terms.peg else []
    if terms.reduce_only:
        instructions.append(REDUCE_ONLY)
    known = [one for one in instructions if one not in UNKNOWN_EXEC_INSTS.get(version, ())]
    return f"18={' '.join(known)}\x01" if known else ""


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
