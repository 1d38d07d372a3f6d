"""What a conversation written in the words of FIX.5.0SP2 expects in an older version: the judge's own table.

It is written from the specification and the enumerations of the stock dictionaries, not from the product's tables,
so that both check each other.
"""

from typing import Final

from tests.support.script import Expectation

STOCK_ORD_REJ_REASONS: Final = {"FIX.4.2": "0 1 2 3 4 5 6 7 8", "FIX.4.4": "0 1 2 3 4 5 6 7 8 9 10 11 13 14 15 99"}
ORD_REJ_FALLBACK: Final = {"FIX.4.2": "0", "FIX.4.4": "99"}
STOCK_CXL_REJ_REASONS: Final = {"FIX.4.2": "0 1 2 3", "FIX.4.4": "0 1 2 3 4 5 6 99"}
CXL_REJ_FALLBACK: Final = {"FIX.4.2": "2", "FIX.4.4": "99"}
STOCK_RESTATEMENT_REASONS: Final = {"FIX.4.2": "0 1 2 3 4 5", "FIX.4.4": "0 1 2 3 4 5 6 7 8 9 10 99"}
STOCK_BUSINESS_REASONS: Final = {"FIX.4.2": "0 1 2 3 4 5", "FIX.4.4": "0 1 2 3 4 5 6 7"}
ONLY_IN_FIX50: Final = (880, 1057, 1094, 1107, 1138, 2362, 2964)
NOT_IN_EXECUTION_REPORT: Final = {"FIX.4.2": (790, 839, 851, *ONLY_IN_FIX50), "FIX.4.4": ONLY_IN_FIX50}
NOT_IN_FIX42: Final = {40: "J", 59: "7"}
TRANS_TYPES: Final = {"I": "3", "H": "1", "G": "2"}
"""ExecTransType(20) of FIX.4.2 where a later version has an ExecType(150) of its own."""
MAX_FLOOR: Final = 111
DISPLAY_QTY: Final = 1138
REPLACED_UNFILLED: Final = "5"
"""OrdStatus(39) of FIX.4.2 after a replace before any fill (appendix D: "partially filled" goes before "replaced")."""


def adapted(msg_type: str, expected: list[Expectation], version: str) -> list[Expectation]:
    """Return what `version` says where FIX.5.0SP2 says `expected`."""
    if msg_type == "8":
        return _execution_report(expected, version)
    if msg_type == "9" and version in STOCK_CXL_REJ_REASONS:
        return _fallback(expected, 102, STOCK_CXL_REJ_REASONS[version], CXL_REJ_FALLBACK[version])
    if msg_type == "j" and version in STOCK_BUSINESS_REASONS:
        return _fallback(expected, 380, STOCK_BUSINESS_REASONS[version], "0")
    return expected


def _execution_report(expected: list[Expectation], version: str) -> list[Expectation]:
    if version in STOCK_ORD_REJ_REASONS:
        expected = _fallback(expected, 103, STOCK_ORD_REJ_REASONS[version], ORD_REJ_FALLBACK[version])
        expected = _restatement(_triggered(expected, version), version)
        expected = [Expectation(MAX_FLOOR, one.kind, one.value) if one.tag == DISPLAY_QTY else one for one in expected]
        absent = NOT_IN_EXECUTION_REPORT[version]
        expected = [one for one in expected if one.tag not in absent]
        expected += [Expectation(tag, "absent") for tag in absent]
    if version != "FIX.4.2":
        return [*expected, Expectation(20, "absent")]
    return _fix42_types(expected)


def _triggered(expected: list[Expectation], version: str) -> list[Expectation]:
    """Before FIX.5.0 the stock files have no ExecType(150)=L: it is D (restated), in FIX.4.4 with 378=99 (other)."""
    if not any(one.tag == 150 and one.value == "L" for one in expected):
        return expected
    strict = [Expectation(378, "equal", "99")] if version == "FIX.4.4" else []
    return [*_with(expected, 150, "D"), *strict, Expectation(58, "present")]


def _fix42_types(expected: list[Expectation]) -> list[Expectation]:
    """FIX.4.2 has ExecTransType(20), says fills with 150=1/2; a status, a bust and a correction have 20=3, 1 and 2 and
    150=39.
    """
    expected = [
        Expectation(one.tag, "absent") if NOT_IN_FIX42.get(one.tag, one) == one.value else one for one in expected
    ]
    named = {one.tag: one.value for one in expected if one.kind == "equal"}
    exec_type, status = named.get(150), named.get(39)
    if exec_type == "5" and status == "0":
        expected = _with(expected, 39, REPLACED_UNFILLED)
    if exec_type in ("F", *TRANS_TYPES):
        assert status is not None, "a fill or a status must name OrdStatus(39)"
        expected = _with(expected, 150, status)
    if 20 not in named:
        expected = [*expected, Expectation(20, "equal", TRANS_TYPES.get(exec_type or "", "0"))]
    return expected


def _fallback(expected: list[Expectation], tag: int, stock: str, other: str) -> list[Expectation]:
    named = next((one.value for one in expected if one.tag == tag and one.kind == "equal"), None)
    if named is None or named in stock.split():
        return expected
    return [*_with(expected, tag, other), Expectation(58, "present")]


def _restatement(expected: list[Expectation], version: str) -> list[Expectation]:
    named = next((one.value for one in expected if one.tag == 378 and one.kind == "equal"), None)
    if named is None or named in STOCK_RESTATEMENT_REASONS[version].split():
        return expected
    without = [one for one in expected if one.tag != 378]
    strict = [Expectation(378, "equal", "99")] if version == "FIX.4.4" else []
    return [*without, *strict, Expectation(58, "present")]


def _with(expected: list[Expectation], tag: int, value: str) -> list[Expectation]:
    return [Expectation(tag, "equal", value) if one.tag == tag and one.kind == "equal" else one for one in expected]
