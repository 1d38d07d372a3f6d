"""What the table of sent messages is written with: a field, a message, the versions and roles, and the values of
enumerated fields, each taken from where the writers have them.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from gateway import rejects, term_fields
from gateway.inbound import Role
from gateway.rules.specification import specification
from gateway.sessions import FIX42, FIX44, FIX44_EXTENDED, FIX50SP2, Version
from gateway.status import SECURITY_TRADING_STATUS
from matching import refusals

ALL: Final[tuple[Version, ...]] = (FIX42, FIX44, FIX44_EXTENDED, FIX50SP2)
AFTER_42: Final[tuple[Version, ...]] = (FIX44, FIX44_EXTENDED, FIX50SP2)
ONLY_42: Final[tuple[Version, ...]] = (FIX42,)
ONLY_44: Final[tuple[Version, ...]] = (FIX44, FIX44_EXTENDED)
UP_TO_44: Final[tuple[Version, ...]] = (FIX42, FIX44, FIX44_EXTENDED)
ONLY_50: Final[tuple[Version, ...]] = (FIX50SP2,)
EXTENDED: Final[tuple[Version, ...]] = (FIX44_EXTENDED,)
RICH: Final[tuple[Version, ...]] = (FIX44_EXTENDED, FIX50SP2)

Values: TypeAlias = Sequence[str] | Mapping[Version, Sequence[str]]


class Sent(NamedTuple):
    """A field of a message that is sent. `when`: empty where it always stands there. `values`: none where it is not
    enumerated. `group`: the fields of each entry, where it counts a group.
    """

    tag: int
    when: str = ""
    versions: tuple[Version, ...] = ALL
    values: Values = ()
    group: "tuple[Sent, ...]" = ()

    def values_in(self, version: Version) -> tuple[str, ...]:
        """The values that may stand there; none: any."""
        return tuple(self.values[version] if isinstance(self.values, Mapping) else self.values)


class SentMessage(NamedTuple):
    """A message that is sent: who gets it, and why."""

    msg_type: str
    roles: tuple[Role, ...]
    about: str
    fields: tuple[Sent, ...]
    versions: tuple[Version, ...] = ALL

    def fields_in(self, version: Version) -> tuple[Sent, ...]:
        """The fields of one version."""
        return tuple(field for field in self.fields if version in field.versions)


ANY_ROLE: Final[tuple[Role, ...]] = ("order_entry", "drop_copy", "market_data")
ORDERS: Final[tuple[Role, ...]] = ("order_entry",)
REPORTS: Final[tuple[Role, ...]] = ("order_entry", "drop_copy")
STATUS: Final[tuple[Role, ...]] = ("order_entry", "market_data")
DATA: Final[tuple[Role, ...]] = ("market_data",)


def numbers(values: Sequence[int] | set[int]) -> tuple[str, ...]:
    """The values as they stand in a message, in order."""
    return tuple(str(value) for value in sorted(values))


def as_asked(tag: int) -> Values:
    """All values of the dictionary, since the answer says again what was asked for."""
    return {version: tuple(specification(version).fields[tag].values) for version in AFTER_42}


def codes(group: int) -> list[int]:
    """The error codes of one of the table's groups: its first digit."""
    return [code for code in refusals.TABLE if code // 10_000 == group]


ORD_REJ: Final = {
    version: numbers({rejects.ord_rej_reason(refusals.ord_rej_reason(code), version) for code in codes(1)})
    for version in ALL
}
CXL_REJ: Final = {
    version: numbers({rejects.cxl_rej_reason(refusals.cxl_rej_reason(code), version) for code in refusals.TABLE})
    for version in ALL
}
BUSINESS: Final = {
    version: numbers(
        {rejects.business_reject_reason_of(refusals.business_reject_reason(code), version) for code in codes(3)} | {3}
    )
    for version in ALL
}
QUOTE_REJ: Final = {
    version: numbers({rejects.quote_reject_reason(code, version) for code in (*codes(1), *codes(5))}) for version in ALL
}
MASS_REJ: Final = numbers({refusals.mass_cancel_reject_reason(code) for code in codes(4)})
SAID_RESTATEMENTS: Final = (3, 4, 5, 12, 13, 17, 18, 19, 20, 99)
"""ExecRestatementReason(378) that the engine gives: peg, refill, quantity, disconnect, logout, self-match, other."""
RESTATED: Final = {
    version: numbers({rejects.exec_restatement_reason(reason, version) for reason in SAID_RESTATEMENTS} - {0})
    for version in ALL
}
EXEC_TYPES: Final[Values] = {
    FIX42: ("0", "1", "2", "4", "5", "8", "C", "D"),
    FIX44: ("0", "4", "5", "8", "C", "D", "F", "G", "H", "I"),
    FIX44_EXTENDED: ("0", "4", "5", "8", "C", "D", "F", "G", "H", "I", "L"),
    FIX50SP2: ("0", "4", "5", "8", "C", "D", "F", "G", "H", "I", "L"),
}
STATUSES: Final[Values] = {
    FIX42: ("0", "1", "2", "4", "5", "8", "C"),
    **dict.fromkeys(AFTER_42, ("0", "1", "2", "4", "8", "C")),
}
SIDES: Final = {version: tuple(sorted(term_fields.SIDES[version])) for version in ALL}
ORD_TYPES: Final = {version: tuple(sorted(term_fields.ORD_TYPES[version])) for version in ALL}
TIMES: Final = {version: tuple(sorted(term_fields.TIMES_IN_FORCE[version])) for version in ALL}
EXEC_INST: Final[Values] = {FIX42: ("R", "M", "P", "E"), **dict.fromkeys(AFTER_42, ("R", "M", "P", "a", "E"))}
SAID_MODES: Final = term_fields.STOCK_SELF_MATCH_MODES
TRADING_STATUS: Final = {
    version: tuple(sorted({pair[version == FIX42] for pair in SECURITY_TRADING_STATUS.values()} | {"20"}, key=int))
    for version in ALL
}
