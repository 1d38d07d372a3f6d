"""Sessions as the matching thread sees them, for tests of its parts without a wire."""

from gateway.inbound import Role
from gateway.sessions import GatewaySession
from matching.codec import SessionState, Unsent


def gateway_session(
    session_id: int = 1, *, epoch: int = 1, anew: tuple[Unsent, ...] = (), role: Role = "order_entry"
) -> GatewaySession:
    """Return a FIX.4.4 session without accounts at the begin of `epoch`; `anew` is what earlier epochs have left."""
    comp_id = f"T{session_id}"
    name = f"FIX.4.4:OUTCRY->{comp_id}"
    return session_in(SessionState(session_id, name, comp_id, epoch, 0, 1, epoch, 1, 0, 0, 0, anew), role=role)


def session_in(state: SessionState, *, role: Role = "order_entry") -> GatewaySession:
    """Return a FIX.4.4 session without accounts in that state."""
    return GatewaySession(
        state=state,
        begin_string="FIX.4.4",
        sender_comp_id="OUTCRY",
        target_comp_id=state.comp_id,
        role=role,
        accounts={},
        strict=True,
    )
