"""`outcry certify` as a command: what it refuses, what it names, and that it leaves nothing behind."""

import json
import os
import signal
import subprocess
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.certify.engine import Engine
from tests.support.exchange import ROOT, outcry_command, running_exchange

pytestmark = pytest.mark.slow


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        outcry_command("certify", *arguments), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--role", "trader"), "trader is no role"),
        (("--begin-string", "FIX.4.3"), "FIX.4.3 is no version"),
        (("--case", "no-such-case"), "no such case: no-such-case"),
        (("--listen", "nowhere", "--attach", "127.0.0.1:1"), "nowhere is no HOST:PORT"),
        (("--attach", "127.0.0.1"), "127.0.0.1 is no HOST:PORT"),
        (("--attach", "127.0.0.1:1", "--maker", "alone"), "alone is no COMPID:PASSWORD"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple[str, ...], complaint: str) -> None:
    result = run(*arguments)
    assert (result.returncode, complaint in result.stderr) == (2, True), result.stderr


def test_a_report_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("[]", encoding="utf-8")
    result = run("--resume", "--out", str(tmp_path))
    assert result.returncode == 2
    assert "is no report" in result.stderr


def test_cases_are_named() -> None:
    result = run("--list", "--json", "--begin-string", "FIX.4.2")
    names = {each["case"] for each in json.loads(result.stdout)}
    assert {"logon", "resend", "message-MassQuote", "OrdType-P"} <= names
    assert "message-OrderMassCancelRequest" not in names


def certified(command: list[str], version: str, comp_id: str, password: str) -> dict[str, Any]:
    """Run the command with an engine that does what it says; return its results, and how it ended under ""."""
    results: dict[str, Any] = {}
    engine: Engine | None = None
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as certify:
        try:
            assert certify.stdout is not None
            for line in certify.stdout:
                event = json.loads(line)
                if event["event"] == "listening":
                    engine = Engine((event["host"], event["port"]), version, comp_id, password)
                elif event["event"] == "act":
                    assert engine is not None
                    engine.act(event)
                elif event["event"] == "result":
                    results[event["result"]["case"]] = event["result"]["verdict"]
            results[""] = certify.wait(30)
        finally:
            certify.kill()
            if engine is not None:
                engine.close()
    return results


def last_price(folder: Path) -> Decimal:
    """Return the best bid that a run has noted in its report."""
    return Decimal(json.loads((folder / "results.json").read_text(encoding="utf-8"))["last_price"])


def test_a_running_exchange_is_attached_to(tmp_path: Path) -> None:
    (tmp_path / "exchange").mkdir()
    with running_exchange(tmp_path / "exchange", session_keys={"": {"HeartBtIntMin": "1"}}) as exchange:
        where = ("--attach", f"127.0.0.1:{exchange.port}", "--listen", "127.0.0.1:0", "--out", str(tmp_path / "out"))
        who = ("--member", "TRADER1", "--password", "trader1", "--json", "--patience", "15")
        cases = [word for name in ("new-order", "partial-fill", "logout-by-exchange") for word in ("--case", name)]
        without = certified(outcry_command("certify", *where, *who, *cases), "FIX.4.4", "TRADER1", "trader1")
        left = last_price(tmp_path / "out")
        more = ("--maker", "MAKER1:maker1", "--data", str(exchange.data_dir), "--resume")
        with_both = certified(outcry_command("certify", *where, *who, *cases, *more), "FIX.4.4", "TRADER1", "trader1")
    assert without == {"new-order": "passed", "partial-fill": "skipped", "logout-by-exchange": "skipped", "": 0}
    assert with_both == {"partial-fill": "passed", "logout-by-exchange": "passed", "": 0}
    # What the first run has left in the book is no better than what the second brings, however soon that comes.
    assert left < last_price(tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "results.json",
        "report.md",
        "report.txt",
        "wire.log",
    }


def test_a_run_that_is_broken_off_takes_its_exchange_with_it(tmp_path: Path) -> None:
    command = outcry_command("certify", "--json", "--listen", "127.0.0.1:0", "--out", str(tmp_path))
    # The operator's socket lies in there, and its path may not be long.
    with (
        tempfile.TemporaryDirectory(prefix="o-") as folder,
        subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": folder},
        ) as certify,
    ):
        assert certify.stdout is not None
        assert certify.stderr is not None
        assert json.loads(certify.stdout.readline())["event"] == "listening"
        [mine] = Path(folder).glob("outcry-certify-*")
        certify.send_signal(signal.SIGTERM)
        assert certify.wait(30) == 1
        assert "broken off" in certify.stderr.read()
        assert not mine.exists()
