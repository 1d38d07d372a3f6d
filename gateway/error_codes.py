"""The document of every refusal's code, drawn from the tables. `python -m gateway.error_codes` writes it."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway import rejects
from gateway.sessions import FIX42, FIX44, FIX44_EXTENDED, FIX50SP2, Version
from matching import refusals

DOCUMENT: Final = Path(__file__).resolve().parents[1] / "docs" / "error-codes.md"
VERSIONS: Final[tuple[Version, ...]] = (FIX42, FIX44, FIX44_EXTENDED, FIX50SP2)

HEAD: Final = """# Error codes

Every refusal has a number that never changes its meaning. Text(58) begins with it, as in
`11802: Price(44) 0 is not positive`; sessions with `StrictFix44=N` get it as ErrorCode(5950) too. A program should look
at the number, a human at the text, which names the limit, the value found and the value allowed.

This page is written by `python -m gateway.error_codes` from `matching/refusals.py` and `gateway/rejects.py`.

A code of an order (1....) also stands in the MassQuoteAcknowledgement(b) of a refused quote, and in the
OrderCancelReject(9) of a refused replace, with CxlRejReason(102)=99 in FIX.4.4.

"""
BY_VERSION: Final = """
## FIX values by version

The table above names the reason of FIX.4.4; where a version's stock dictionary lacks it, its value for "other" is sent.

"""


def render() -> str:
    """Return the document as Markdown."""
    return HEAD + refusals.as_markdown() + BY_VERSION + _values_by_version()


def _values_by_version() -> str:
    lines = [
        "| reason | FIX.4.2 | FIX.4.4 | FIX.4.4 with StrictFix44=N | FIX.5.0SP2 |",
        "|---|---|---|---|---|",
    ]
    reason_of: dict[str, Callable[[int, Version], int]] = {
        "OrdRejReason(103)": rejects.ord_rej_reason,
        "CxlRejReason(102)": rejects.cxl_rej_reason,
        "BusinessRejectReason(380)": rejects.business_reject_reason_of,
        "QuoteRejectReason(300)": rejects.quote_reject_reason_of,
    }
    for group, (field, value) in zip((1, 2, 3, 5), reason_of.items(), strict=True):
        for reason in sorted({code // 100 % 100 for code in refusals.TABLE if code // 10_000 == group}):
            values = " | ".join(str(value(reason, version)) for version in VERSIONS)
            lines.append(f"| {field} {reason} | {values} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(render(), encoding="utf-8")
