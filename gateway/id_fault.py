"""What is wrong with the id that names a request: it is absent, or longer than is kept."""

from matching.refusals import Refusal
from matching.types import CL_ORD_ID_CHARS_MAX


def id_fault(name: str, text: str | None, *, absent: int, too_long: int) -> Refusal | None:
    """Return the refusal of an id, with the code `absent` or `too_long`; `name` is its field."""
    if not text:
        return absent, f"{name} is absent"
    if len(text) > CL_ORD_ID_CHARS_MAX:
        return too_long, f"{name} has {len(text)} characters, allowed: {CL_ORD_ID_CHARS_MAX}"
    return None
