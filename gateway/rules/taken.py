"""Every message that is taken, with each field that is read, by version: rows of `inbound` beside the dictionaries.

Nothing is listed twice: messages, fields and roles are those of `inbound`, names and what is required those of the
dictionary that the wire validates with, and values those by which translation decides. A row that is added to
`inbound` is here by itself; what it is answered with is to be said in ANSWERS.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, get_args

from gateway import inbound, market_data, order_terms
from gateway.inbound import Role
from gateway.list_translation import LINK_OF_CONTINGENCY, LINKS
from gateway.mass_translation import ALL as ALL_ORDERS
from gateway.mass_translation import BY_PRODUCT, BY_SYMBOL, STATUS_TYPES
from gateway.quote_translation import RESETS
from gateway.range_requests import APPLICATION, RETRANSMISSION
from gateway.rules.specification import Member, Members, specification
from gateway.sessions import Version
from gateway.translation import SIDES
from gateway.user_desk import CHANGE_PASSWORD, USER_STATUS
from matching.types import CANCEL_QUOTES_OF_SYMBOLS, QUOTES_CANCELED_ALL

ANSWERS: Final[Mapping[str, tuple[str, ...]]] = {
    inbound.NEW_ORDER_SINGLE: ("8",),
    inbound.NEW_ORDER_LIST: ("8", "N"),
    inbound.ORDER_CANCEL_REQUEST: ("8", "9"),
    inbound.ORDER_CANCEL_REPLACE_REQUEST: ("8", "9"),
    inbound.ORDER_STATUS_REQUEST: ("8",),
    inbound.ORDER_MASS_CANCEL_REQUEST: ("8", "r"),
    inbound.ORDER_MASS_STATUS_REQUEST: ("8",),
    inbound.MASS_QUOTE: ("b",),
    inbound.QUOTE_CANCEL: ("b",),
    inbound.MARKET_DATA_REQUEST: ("W", "X", "Y"),
    inbound.SECURITY_STATUS_REQUEST: ("f",),
    inbound.TRADING_SESSION_STATUS_REQUEST: ("h",),
    inbound.APPLICATION_MESSAGE_REQUEST: ("8", "9", "BX"),
    inbound.USER_REQUEST: ("BF",),
}
"""What a message that is in order is answered with, in this order; any may be answered with 3 or j in its place."""

MD_ENTRY_TYPE: Final = 269
SUBSCRIPTIONS: Final = (market_data.SNAPSHOT, market_data.SUBSCRIBE, market_data.UNSUBSCRIBE)
SCOPES: Final = (BY_SYMBOL, BY_PRODUCT, ALL_ORDERS)
EXEC_INSTS: Final = (order_terms.POST_ONLY, order_terms.REDUCE_ONLY, *order_terms.PEG_OF_EXEC_INST)

VALUES: Final[Mapping[int, Sequence[str]]] = {
    18: EXEC_INSTS,
    40: order_terms.ORD_TYPES,
    54: SIDES,
    59: order_terms.TIMES_IN_FORCE,
    69: LINKS,
    263: SUBSCRIPTIONS,
    265: ("0", "1"),
    266: ("Y",),
    298: (CANCEL_QUOTES_OF_SYMBOLS, QUOTES_CANCELED_ALL),
    301: ("0", "1", "2"),
    530: SCOPES,
    585: STATUS_TYPES,
    924: (CHANGE_PASSWORD, USER_STATUS),
    1347: (RETRANSMISSION,),
    1355: (APPLICATION,),
    1385: tuple(LINK_OF_CONTINGENCY),
    inbound.PEG_PRICE_TYPE: tuple(order_terms.PEG_OF_PRICE_TYPE),
    inbound.TRIGGER_TYPE: (order_terms.PRICE_MOVES_ON,),
    inbound.TRIGGER_PRICE_TYPE: tuple(order_terms.TRIGGER_OF_PRICE_TYPE),
    inbound.SELF_MATCH_PREVENTION_INSTRUCTION: tuple(order_terms.SELF_MATCH_MODES),
    inbound.TRIGGER_BASIS: tuple(order_terms.TRIGGER_OF_BASIS),
    inbound.MM_PROTECTION_RESET: RESETS,
}
"""Values that are taken, of fields that are enumerated; what the version's dictionary lacks is left out."""

_UNOFFERED: Final[frozenset[int]] = frozenset((*inbound.SCOPE_NOT_OFFERED, *inbound.QUOTE_SCOPE_NOT_OFFERED))
_OF_THE_INSTRUMENT: Final = (inbound.CURRENCY, 120)
"""Currency(15) and SettlCurrency(120): taken where they say what holds anyway."""
_TERMS: Final = {
    inbound.NEW_ORDER_SINGLE: inbound.TERMS,
    inbound.ORDER_CANCEL_REPLACE_REQUEST: inbound.TERMS,
    inbound.NEW_ORDER_LIST: (*inbound.LIST_TERMS, *inbound.TERMS),
    inbound.MASS_QUOTE: (*inbound.QUOTE_TERMS, *inbound.QUOTE_SET_TERMS, *inbound.QUOTE_ENTRY_TERMS),
}
_SCOPED: Final = (
    inbound.ORDER_MASS_CANCEL_REQUEST,
    inbound.ORDER_MASS_STATUS_REQUEST,
    inbound.QUOTE_CANCEL,
)


class Taken(NamedTuple):
    """A field that is read. `depth`: in how many groups it stands. `is_required`: by the dictionary; its absence is
    answered with Reject(3). `values`: those that are taken, none: any. `is_offered`: or refused where it is present.
    """

    tag: int
    depth: int
    is_required: bool
    values: tuple[str, ...]
    is_offered: bool
    is_in_dictionary: bool


def roles_of(msg_type: str) -> tuple[Role, ...]:
    """The roles that may send a message."""
    if msg_type in inbound.FOR_ALL:
        return get_args(Role)
    also = inbound.ALSO_FOR.get(msg_type)
    return (inbound.ROLE_OF_MESSAGE[msg_type], *((also,) if also else ()))


def is_offered(msg_type: str, version: Version) -> bool:
    """Whether the version has the message."""
    return msg_type in specification(version).messages


def fields_of(msg_type: str, version: Version) -> list[Taken]:
    """Every field that is read of a message in this version, and every other that its dictionary requires."""
    members = specification(version).messages[msg_type].members
    rows = list(_rows(msg_type, inbound.SCHEMA[msg_type], members, version, depth=0))
    known = {row.tag for row in rows}
    needed = [
        Taken(tag, 0, True, (), True, True) for tag, each in members.items() if each.is_required and tag not in known
    ]
    return [*rows, *needed]


def _rows(msg_type: str, fields: Sequence[Any], members: Members, version: Version, *, depth: int) -> Iterator[Taken]:
    seen: set[int] = set()
    for tag, kind in fields:
        if tag == 0:
            yield from _rows(msg_type, kind, members, version, depth=depth)
            continue
        member = members.get(tag)
        group: Members = member.group if member is not None and member.group is not None else {}
        # The counter of a group in a group stands twice in the schema: as a field and as the group.
        if tag not in seen and (member is not None or tag >= 5000):
            yield _row(msg_type, tag, member, version, depth)
        seen.add(tag)
        if not isinstance(kind, str) and member is not None:
            yield from _rows(msg_type, kind, group, version, depth=depth + 1)


def _row(msg_type: str, tag: int, member: Member | None, version: Version, depth: int) -> Taken:
    required = member is not None and member.is_required
    term = next((each for each in _TERMS.get(msg_type, ()) if each.tag == tag), None)
    if term is not None and tag in _OF_THE_INSTRUMENT:
        return Taken(tag, depth, required, ("the instrument's",), True, True)
    if term is not None and not term.kind:
        return Taken(tag, depth, required, (term.harmless,) if term.harmless else (), bool(term.harmless), True)
    if msg_type in _SCOPED and tag in _UNOFFERED:
        return Taken(tag, depth, required, (), False, True)
    return Taken(tag, depth, required, values_taken(tag, version), True, member is not None)


def values_taken(tag: int, version: Version) -> tuple[str, ...]:
    """The values of a field that are taken in a version; none: the field is not enumerated."""
    if tag == MD_ENTRY_TYPE:
        return market_data.ENTRY_TYPES[version]
    known = specification(version).fields.get(tag)
    return tuple(value for value in VALUES.get(tag, ()) if known is None or not known.values or value in known.values)
