"""`outcry certify` accepts an unmodified foreign engine: the QuickFIX initiator with its stock dictionaries."""

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.interop.test_quickfix_initiator import SPECIFICATIONS, VERSIONS, Initiator, interpreter
from tests.support.exchange import ROOT
from tests.support.fix_peer import unique_id, utc_timestamp

pytestmark = [pytest.mark.interop, pytest.mark.slow]

COMP_ID: Final = "CLIENT1"
HEART_SECONDS: Final = 3
RUN_SECONDS: Final = 240.0


class Developer:
    """Does with his engine what certification tells him to."""

    def __init__(self, base: Path, version: str, port: int) -> None:
        self._arguments = (base, port, version, COMP_ID)
        self.initiator: Initiator | None = None

    def do(self, act: Mapping[str, Any]) -> None:
        """Do one act."""
        kind = act["kind"]
        if self.initiator is None:
            # It connects by itself, and again whenever its connection is gone.
            self.initiator = Initiator(*self._arguments, heart=HEART_SECONDS)
        elif kind == "logout":
            self.initiator.command("logout")
        elif kind.startswith("logon"):
            self.initiator.command(f"password {'nonsense' if 'wrong' in kind else COMP_ID.lower()}")
            if kind == "logon with a reset":
                self.initiator.command("reset")
            self.initiator.command("logon")
        elif kind == "send":
            fields = [(int(tag), value) for tag, value in act["fields"]]
            for _ in range(act["times"]):
                self.initiator.send(act["msg_type"], [(11, unique_id()), *fields, (60, utc_timestamp())])


@pytest.mark.parametrize("version", VERSIONS)
def test_quickfix_passes_every_case_of_order_entry(version: str, tmp_path: Path) -> None:
    if interpreter() is None:
        pytest.skip("the quickfix package is not installed: `make interop` builds it")
    if not SPECIFICATIONS.exists():
        pytest.skip(f"{SPECIFICATIONS} is not here: `make setup` unpacks it")
    program = "import sys; from gateway.cli import main; sys.exit(main())"
    wishes = ("--begin-string", version, "--password", COMP_ID.lower(), "--patience", "20", "--answer", "6")
    command = [sys.executable, "-c", program, "certify", "--json", "--listen", "127.0.0.1:0", *wishes]
    certify = subprocess.Popen(
        [*command, "--out", str(tmp_path / "out")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    guard = threading.Timer(RUN_SECONDS, certify.kill)
    guard.start()
    developer: Developer | None = None
    results: dict[str, Any] = {}
    try:
        assert certify.stdout is not None
        for line in certify.stdout:
            event = json.loads(line)
            if event["event"] == "listening":
                developer = Developer(tmp_path, version, event["port"])
            elif event["event"] == "act":
                assert developer is not None
                developer.do(event)
            elif event["event"] == "result":
                results[event["result"]["case"]] = event["result"]
        assert certify.wait(20) == 0, {name: each for name, each in results.items() if each["verdict"] != "passed"}
    finally:
        guard.cancel()
        certify.kill()
        certify.wait()
        if certify.stdout is not None:
            certify.stdout.close()
        if developer is not None and developer.initiator is not None:
            developer.initiator.kill()
    assert {result["verdict"] for result in results.values()} == {"passed"}
    assert len(results) > 15
    assert "Passed" in (tmp_path / "out" / "report.md").read_text("utf-8")
