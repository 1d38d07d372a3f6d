"""Overrides of limits that end by themselves: the command that ends each, once its time is over. Owner: a matching
thread.
"""

from matching.commands import Command, EndLimitOverride
from matching.risk_seam import Risk

BY: str = "timer"
REASON: str = "the time of the override is over"


def ended_overrides(risk: Risk, now_ns: int) -> list[Command]:
    """Return the commands that put configured limits in force again where the time of an override is over."""
    if not risk.override_ends_ns or now_ns < risk.override_ends_ns:
        return []
    return [
        EndLimitOverride(account_id, instrument_id, BY, REASON, firm)
        for account_id, instrument_id, firm in risk.ended_overrides(now_ns)
    ]
