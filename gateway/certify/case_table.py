"""What a case is, and which there are for a role and version: the written ones, then one for each message taken."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from gateway import inbound
from gateway.certify import order_cases, other_cases, session_cases, table_cases
from gateway.certify.run import Desk, Run
from gateway.inbound import Role
from gateway.rules.taken import is_offered, roles_of
from gateway.sessions import Version

ANY_ROLE: Final[tuple[Role, ...]] = ("order_entry", "drop_copy", "market_data")
ORDERS: Final[tuple[Role, ...]] = ("order_entry",)


class Case(NamedTuple):
    """One case. `needs`: what of the desk it uses. `is_optional`: it is only gone through where it is asked for by
    name or with all. `versions`: empty for every version.
    """

    name: str
    title: str
    roles: tuple[Role, ...]
    play: Callable[[Run], None]
    needs: tuple[str, ...] = ()
    is_optional: bool = False
    versions: tuple[Version, ...] = ()


WRITTEN: Final[tuple[Case, ...]] = (
    Case("logon", "Logon(A) is proved and answered", ANY_ROLE, session_cases.logon),
    Case("heartbeat", "Heartbeats(0) come in time", ANY_ROLE, session_cases.heartbeat),
    Case("test-request", "TestRequest(1) is answered", ANY_ROLE, session_cases.test_request),
    Case("new-order", "a limit order rests", ORDERS, order_cases.new_order),
    Case("partial-fill", "an order is filled in two parts", ORDERS, order_cases.partial_fill, ("maker",)),
    Case("replace", "an order is replaced", ORDERS, order_cases.replace),
    Case("cancel", "an order is canceled", ORDERS, order_cases.cancel),
    Case("order-refused", "an order is refused with ExecutionReport(8)", ORDERS, order_cases.order_refused),
    Case("cancel-refused", "a cancel is refused with OrderCancelReject(9)", ORDERS, order_cases.cancel_refused),
    Case("immediate-or-cancel", "the rest of an IOC order expires", ORDERS, order_cases.ioc, ("maker",)),
    Case("post-only", "a post-only order that would take is refused", ORDERS, order_cases.post_only, ("maker",), True),
    Case("poss-resend", "an order is sent again with PossResend(97)=Y", ORDERS, order_cases.poss_resend, (), True),
    Case("mass-cancel", "all orders are canceled at once", ORDERS, order_cases.mass_cancel, (), True),
    Case("throttle", "a burst is throttled and the session goes on", ORDERS, order_cases.throttle, (), True),
    Case("resend", "ResendRequest(2) is answered with PossDupFlag(43)=Y", ORDERS, session_cases.resend),
    Case("gap", "a lost message of the exchange is asked for", ORDERS, session_cases.gap),
    Case("cut", "the line is cut, an order is filled, the client recovers", ORDERS, session_cases.cut, ("maker",)),
    Case("copies", "drop copies are taken", ("drop_copy",), other_cases.copies, ("trader",)),
    Case("backlog", "drop copies of an absence are taken", ("drop_copy",), other_cases.backlog, ("trader",)),
    Case("snapshot", "a snapshot is asked for", ("market_data",), other_cases.snapshot),
    Case("updates", "a subscription is updated and ended", ("market_data",), other_cases.updates, ("trader",)),
    Case("data-refused", "a request for an unknown symbol is refused", ("market_data",), other_cases.data_refused),
    Case("wrong-password", "a wrong password is refused, numbers go on", ANY_ROLE, session_cases.wrong_password),
    Case("sequence-reset", "both sides agree to begin at 1", ANY_ROLE, session_cases.sequence_reset),
    Case("logout-by-exchange", "a Logout(5) is answered", ANY_ROLE, session_cases.told_to_log_out, ("operate",)),
    Case("logout", "the client logs out in order", ANY_ROLE, session_cases.logout),
)


def cases_of(role: Role, version: Version) -> Iterator[Case]:
    """Every case of a role in a version, in the order in which they are gone through."""
    *before, last_but_one, last = [
        case for case in WRITTEN if role in case.roles and (not case.versions or version in case.versions)
    ]
    yield from before
    for msg_type in inbound.SCHEMA:
        if role in roles_of(msg_type) and is_offered(msg_type, version):
            name, title, play = table_cases.message_case(msg_type, version)
            yield Case(name, title, (role,), play, (), is_optional=True)
    yield from (Case(*each, (), is_optional=True) for each in table_cases.value_cases(role, version))
    yield last_but_one
    yield last


def lacks(case: Case, desk: Desk) -> str:
    """What a case needs that the desk does not have; empty where it can be gone through."""
    missing = [need for need in case.needs if getattr(desk, need) is None]
    names = {"maker": "the other side", "trader": "another session of the account", "operate": "the operator's socket"}
    return ", ".join(names[need] for need in missing)
