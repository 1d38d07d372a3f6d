"""The life of an order: the only table of what follows OrdStatus(39) on each event of its life.

The engine changes an order's status through the tables derived from it and nowhere else; a step that the table lacks
is a KeyError, that is, our bug. The table in README.md is drawn by `as_markdown` and compared with it in a test.
"""

from typing import Final, Literal, TypeAlias, get_args

from matching.types import (
    STATUS_CANCELED,
    STATUS_EXPIRED,
    STATUS_FILLED,
    STATUS_NEW,
    STATUS_PARTIALLY_FILLED,
    STATUS_REJECTED,
    OrdStatus,
)

OrderEvent: TypeAlias = Literal[
    "accept",
    "refuse",
    "partial fill",
    "fill",
    "replace",
    "restate",
    "trigger",
    "cancel",
    "expire",
    "correct",
    "bust",
    "bust last",
]

BEFORE: Final = ""
"""Where an order stands before the exchange has answered it."""

TABLE: Final[dict[tuple[str, OrderEvent], OrdStatus]] = {
    (BEFORE, "accept"): STATUS_NEW,
    (BEFORE, "refuse"): STATUS_REJECTED,
    (STATUS_NEW, "partial fill"): STATUS_PARTIALLY_FILLED,
    (STATUS_NEW, "fill"): STATUS_FILLED,
    (STATUS_NEW, "replace"): STATUS_NEW,
    (STATUS_NEW, "restate"): STATUS_NEW,
    (STATUS_NEW, "trigger"): STATUS_NEW,
    (STATUS_NEW, "cancel"): STATUS_CANCELED,
    (STATUS_NEW, "expire"): STATUS_EXPIRED,
    (STATUS_PARTIALLY_FILLED, "partial fill"): STATUS_PARTIALLY_FILLED,
    (STATUS_PARTIALLY_FILLED, "fill"): STATUS_FILLED,
    (STATUS_PARTIALLY_FILLED, "replace"): STATUS_PARTIALLY_FILLED,
    (STATUS_PARTIALLY_FILLED, "restate"): STATUS_PARTIALLY_FILLED,
    (STATUS_PARTIALLY_FILLED, "cancel"): STATUS_CANCELED,
    (STATUS_PARTIALLY_FILLED, "expire"): STATUS_EXPIRED,
    # A corrected price changes no status. What is busted is not traded again: an order that was filled is canceled.
    (STATUS_PARTIALLY_FILLED, "correct"): STATUS_PARTIALLY_FILLED,
    (STATUS_PARTIALLY_FILLED, "bust"): STATUS_PARTIALLY_FILLED,
    (STATUS_PARTIALLY_FILLED, "bust last"): STATUS_NEW,
    (STATUS_FILLED, "correct"): STATUS_FILLED,
    (STATUS_FILLED, "bust"): STATUS_CANCELED,
    (STATUS_FILLED, "bust last"): STATUS_CANCELED,
    (STATUS_CANCELED, "correct"): STATUS_CANCELED,
    (STATUS_CANCELED, "bust"): STATUS_CANCELED,
    (STATUS_CANCELED, "bust last"): STATUS_CANCELED,
    (STATUS_EXPIRED, "correct"): STATUS_EXPIRED,
    (STATUS_EXPIRED, "bust"): STATUS_EXPIRED,
    (STATUS_EXPIRED, "bust last"): STATUS_EXPIRED,
}

NAMES: Final[dict[str, str]] = {
    BEFORE: "(none)",
    STATUS_NEW: "0 New",
    STATUS_PARTIALLY_FILLED: "1 Partially filled",
    STATUS_FILLED: "2 Filled",
    STATUS_CANCELED: "4 Canceled",
    STATUS_REJECTED: "8 Rejected",
    STATUS_EXPIRED: "C Expired",
}


def _column(event: OrderEvent) -> dict[str, OrdStatus]:
    return {status: following for (status, on), following in TABLE.items() if on == event}


ACCEPTED: Final[OrdStatus] = TABLE[BEFORE, "accept"]
REFUSED: Final[OrdStatus] = TABLE[BEFORE, "refuse"]
AFTER_PARTIAL_FILL: Final = _column("partial fill")
AFTER_FILL: Final = _column("fill")
AFTER_REPLACE: Final = _column("replace")
AFTER_RESTATE: Final = _column("restate")
AFTER_TRIGGER: Final = _column("trigger")
AFTER_CANCEL: Final = _column("cancel")
AFTER_EXPIRE: Final = _column("expire")
AFTER_CORRECT: Final = _column("correct")
AFTER_BUST: Final = _column("bust")
AFTER_LAST_BUST: Final = _column("bust last")
"""A trade was corrected in its price; in its quantity, or busted; the last of an order's trades was busted."""
OPEN: Final = AFTER_CANCEL
"""Statuses of an order that is still in the market (as keys)."""


def as_markdown() -> str:
    """Return the table as Markdown, a row per status and a column per event."""
    events: tuple[OrderEvent, ...] = get_args(OrderEvent)
    lines = ["| OrdStatus(39) | " + " | ".join(events) + " |", "|" + "---|" * (len(events) + 1)]
    for status, name in NAMES.items():
        cells = (NAMES.get(TABLE.get((status, event), "-"), "–") for event in events)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def as_diagram() -> str:
    """Return the table as a state diagram in Mermaid's language; events between two statuses share an arrow."""
    names = {status: name.partition(" ")[2].replace(" ", "_") for status, name in NAMES.items()} | {BEFORE: "[*]"}
    arrows: dict[tuple[str, str], list[str]] = {}
    for (status, event), following in TABLE.items():
        arrows.setdefault((status, following), []).append(event)
    lines = [f"    {names[one]} --> {names[other]}: {', '.join(events)}" for (one, other), events in arrows.items()]
    ends = [f"    {names[status]} --> [*]" for status in NAMES if status and status not in OPEN]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, *ends, "```"]) + "\n"
