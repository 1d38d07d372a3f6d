"""What came of a certification: results case by case, kept for a run that goes on later, and the report to be signed.

The report names what it is about so that it can be checked: version of the exchange, hashes of the dictionaries and of
the rules of engagement's tables, when, who, which cases, what was found. Its own hash stands in its last line.
"""

import hashlib
from collections.abc import Iterable, Sequence
from decimal import Decimal
from importlib import metadata, resources
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from gateway.rules import document
from gateway.rules.specification import FILES
from gateway.sessions import Version

Verdict: TypeAlias = Literal["passed", "failed", "skipped"]
RESULTS_FILE: Final = "results.json"
FORMAT: Final = 1


class Result(msgspec.Struct, frozen=True):
    """One case. `rule` is the rule that was broken, `found` what was found, `asks` the specification's demand."""

    case: str
    title: str
    session: str
    version: str
    verdict: Verdict
    rule: str = ""
    found: str = ""
    asks: str = ""
    message: str = ""
    at: str = ""


class Report(msgspec.Struct, frozen=True):
    """Everything of a certification. `last_price`: of its bids, the best; a later run bids above it."""

    member: str
    exchange: str
    begun: str
    ended: str
    dictionaries: dict[str, str]
    rules: str
    results: tuple[Result, ...]
    last_price: Decimal = Decimal(0)
    format: int = FORMAT

    @property
    def is_passed(self) -> bool:
        """Whether cases were gone through and none failed."""
        verdicts = [result.verdict for result in self.results]
        return "passed" in verdicts and "failed" not in verdicts


def exchange_version() -> str:
    """Name and version of this exchange."""
    try:
        return f"outcry {metadata.version('outcry')}"
    except metadata.PackageNotFoundError:
        return "outcry, not installed"


def dictionary_hashes(versions: Iterable[Version]) -> dict[str, str]:
    """SHA-256 of each dictionary file of these versions."""
    hashes = {}
    for version in versions:
        for name in FILES[version]:
            data = (resources.files("config") / "dictionaries" / name).read_bytes()
            hashes[name] = hashlib.sha256(data).hexdigest()
    return dict(sorted(hashes.items()))


def rules_hash() -> str:
    """SHA-256 of the tables of the rules of engagement, as this program has them."""
    return hashlib.sha256(document.render().encode()).hexdigest()


def read(folder: Path) -> Report | None:
    """The report of an earlier run in this folder, if there was one.

    Raises:
        msgspec.MsgspecError: the file is no such report.
    """
    path = folder / RESULTS_FILE
    return msgspec.json.decode(path.read_bytes(), type=Report) if path.exists() else None


def write(folder: Path, report: Report) -> list[Path]:
    """Write the report as JSON, Markdown and plain text; return the files."""
    encoded = msgspec.json.format(msgspec.json.encode(report), indent=2)
    digest = hashlib.sha256(encoded).hexdigest()
    text = as_markdown(report, digest)
    files = {RESULTS_FILE: encoded, "report.md": text.encode(), "report.txt": as_text(report, digest).encode()}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in files]


def as_markdown(report: Report, digest: str) -> str:
    """The report for people, with lines to sign on."""
    lines = [
        f"# Certification of {report.member}",
        "",
        f"**{'Passed' if report.is_passed else 'Not passed'}**: {_counts(report.results)}.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in _facts(report)),
        "",
        "| case | session | verdict | what was found |",
        "|---|---|---|---|",
    ]
    for result in report.results:
        found = _sentence(result).replace("|", "\\|")
        lines.append(f"| {result.case}: {result.title} | {result.session} | {result.verdict} | {found} |")
    lines += ["", f"SHA-256 of {RESULTS_FILE}: `{digest}`", ""]
    lines += [f"{who}: ______________________ date: ____________ \n" for who in ("For the member", "For the exchange")]
    return "\n".join(lines)


def as_text(report: Report, digest: str) -> str:
    """The same without markup."""
    lines = [f"Certification of {report.member}: {'passed' if report.is_passed else 'not passed'}"]
    lines += [f"{_counts(report.results)}", ""]
    lines += [f"{name}: {value}" for name, value in _facts(report)] + [""]
    for result in report.results:
        lines.append(f"{result.verdict:8} {result.session} {result.case}: {result.title}")
        sentence = _sentence(result)
        if sentence:
            lines.append(f"         {sentence}")
        if result.message:
            lines.append(f"         {result.message}")
    return "\n".join([*lines, "", f"SHA-256 of {RESULTS_FILE}: {digest}", ""])


def _facts(report: Report) -> Sequence[tuple[str, str]]:
    hashes = [(f"SHA-256 of {name}", value) for name, value in report.dictionaries.items()]
    times = [("begun", report.begun), ("ended", report.ended)]
    return [
        ("exchange", report.exchange),
        *times,
        *hashes,
        ("SHA-256 of the rules of engagement's tables", report.rules),
    ]


def _counts(results: Iterable[Result]) -> str:
    verdicts = [result.verdict for result in results]
    return ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in ("passed", "failed", "skipped"))


def _sentence(result: Result) -> str:
    if not result.rule:
        return result.found
    return f"{result.found}. {result.asks}"
