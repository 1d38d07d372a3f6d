"""The command `outcry` as a shell sees it: output, complaints and exit codes."""

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner, Result

from config.passwords import is_password, read_passwords
from config.settings import SHIPPED
from gateway.cli import output
from gateway.cli.application import COMMANDS, KILL_SWITCH, SESSIONS, app
from gateway.cli.status_tables import shown

NAMES: Final = [
    *([name] for name, _, _ in COMMANDS),
    *(["kill-switch", name] for name, _, _ in KILL_SWITCH),
    *(["sessions", name] for name, _, _ in SESSIONS),
]


def outcry(*arguments: str, text: str | None = None) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(app, list(arguments), input=text)


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """A copy of the shipped configuration that a test may spoil."""
    folder = tmp_path / "config"
    shutil.copytree(SHIPPED, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    subprocess.run(
        [sys.executable, "-m", "gateway.certificates", str(folder / "certs")], check=True, capture_output=True
    )
    return folder


class AnsweringSocket:
    """A socket that answers each request as the test says, and keeps what was asked."""

    def __init__(self, path: Path) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: dict[str, Any] = {"ok": True, "result": {}}
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection, connection.makefile("rwb") as stream:
                line = stream.readline()
                if not line:
                    return
                self.asked.append(json.loads(line))
                stream.write(json.dumps(self.answer).encode() + b"\n")

    def close(self, path: Path) -> None:
        """End the thread: a connection without a request is its sign."""
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(str(path))
        self._thread.join()
        self._listener.close()


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[AnsweringSocket]:
    """Something behind admin.sock in `tmp_path`."""
    path = tmp_path / "admin.sock"
    answering = AnsweringSocket(path)
    yield answering
    answering.close(path)


@pytest.mark.parametrize("name", NAMES, ids=" ".join)
def test_every_command_has_help_with_examples(name: list[str]) -> None:
    result = outcry(*name, "--help")
    assert result.exit_code == 0
    assert "Examples:\n" in result.output
    assert f"outcry {' '.join(name)}" in result.output
    assert "--json" in result.output


def test_help_of_the_whole_names_the_exit_codes() -> None:
    result = outcry("--help")
    assert result.exit_code == 0
    assert "Exit codes:  0 in order, 2 bad configuration or usage, 1 otherwise" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["halt"],
        ["replay", "--from", "0"],
        ["fix-log", "perhaps"],
        ["kill-switch", "engage"],
        ["kill-switch", "engage", "--market", "--account", "ACC1"],
    ],
)
def test_wrong_usage_is_two(arguments: list[str]) -> None:
    assert outcry(*arguments).exit_code == output.ExitCode.USAGE


def test_check_of_the_shipped_configuration(configuration: Path) -> None:
    result = outcry("check", "--config", str(configuration))
    assert result.exit_code == 0
    assert "in order: 3 instruments, 3 accounts, 13 sessions, 2 listeners" in result.stdout


def test_check_names_every_fault_at_once(configuration: Path) -> None:
    exchange = configuration / "exchange.toml"
    text = exchange.read_text().replace('durability = "fsync"', 'durability = "maybe"')
    exchange.write_text(text.replace("io_threads = 1", "io_threads = 0"))
    result = outcry("check", "--config", str(configuration))
    assert result.exit_code == output.ExitCode.USAGE
    lines = result.stderr.splitlines()
    assert lines[-1] == "2 faults"
    assert [line.split(" ", 1)[0] for line in lines[:-1]] == ["exchange.toml:4:", "exchange.toml:6:"]
    assert 'durability: found "maybe", allowed: ' in lines[0]
    as_json = json.loads(outcry("check", "--config", str(configuration), "--json").stdout)
    assert [(fault["line"], fault["key"]) for fault in as_json["faults"]] == [(4, "durability"), (6, "io_threads")]
    assert not as_json["ok"]


def test_serve_refuses_a_bad_configuration_the_same_way(configuration: Path, tmp_path: Path) -> None:
    (configuration / "sessions.cfg").unlink()
    arguments = ["serve", "--config", str(configuration), "--data", str(tmp_path / "data"), "--json"]
    result = outcry(*arguments)
    assert result.exit_code == output.ExitCode.USAGE
    assert json.loads(result.stdout)["faults"][0]["file"] == "sessions.cfg"
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_serve_refuses_to_run_without_assertions(tmp_path: Path) -> None:
    command = [sys.executable, "-O", "-c", "from gateway.cli import main; main()", "serve", "--data", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(SHIPPED.parent)}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert result.returncode == output.ExitCode.USAGE
    assert "python -O" in result.stderr


def test_passwd_stores_a_hash_and_leaves_other_users_alone(configuration: Path) -> None:
    path = configuration / "passwords"
    before = read_passwords_of(path)
    result = outcry("passwd", "TRADER1", "--config", str(configuration), "--stdin", text="correct horse\n")
    assert result.exit_code == 0
    after = read_passwords_of(path)
    assert is_password(after["TRADER1"], "correct horse")
    assert {name: one.secret for name, one in after.items() if name != "TRADER1"} == {
        name: one.secret for name, one in before.items() if name != "TRADER1"
    }
    assert "correct horse" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not list(configuration.glob("*.new"))


def test_passwd_adds_a_user(configuration: Path) -> None:
    result = outcry("passwd", "TRADER9", "--config", str(configuration), "--stdin", "--json", text="secret\n")
    assert json.loads(result.stdout) == {
        "ok": True,
        "user": "TRADER9",
        "file": str(configuration / "passwords"),
        "replaced": False,
    }
    assert is_password(read_passwords_of(configuration / "passwords")["TRADER9"], "secret")


def test_passwd_makes_a_key_for_signed_logons(configuration: Path) -> None:
    keys = []
    for _ in range(2):
        result = outcry("passwd", "TRADER1", "--config", str(configuration), "--hmac", "--json")
        keys.append(json.loads(result.stdout)["key"])
    assert len(set(keys)) == 2
    credential = read_passwords_of(configuration / "passwords")["TRADER1"]
    assert (credential.kind, credential.key.hex(), len(credential.key)) == ("hmac", keys[1], 32)


@pytest.mark.parametrize(
    ("user", "password"), [("TRADER1", ""), ("TRADER1", "x" * 257), ("a:b", "secret"), ("", "secret")]
)
def test_passwd_refuses_what_could_not_be_used(configuration: Path, user: str, password: str) -> None:
    before = (configuration / "passwords").read_bytes()
    result = outcry("passwd", user, "--config", str(configuration), "--stdin", text=f"{password}\n")
    assert result.exit_code == output.ExitCode.USAGE
    assert (configuration / "passwords").read_bytes() == before


def test_passwd_refuses_two_different_passwords(configuration: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter(["one", "two"])
    monkeypatch.setattr("getpass.getpass", lambda _prompt: next(typed))
    result = outcry("passwd", "TRADER1", "--config", str(configuration))
    assert result.exit_code == output.ExitCode.USAGE
    assert "differ" in result.stderr


def read_passwords_of(path: Path) -> Any:
    """The credentials in a file, which may have no fault."""
    from config.faults import FaultLog

    log = FaultLog()
    credentials = read_passwords(path.read_bytes(), log=log)
    assert log.faults == []
    return credentials


@pytest.mark.parametrize(
    "arguments",
    [["status"], ["halt", "AAPL"], ["sessions", "list"], ["stop"], ["replay"], ["verify"], ["demo", "--port", "1"]],
)
def test_without_an_exchange_or_journal_is_one(tmp_path: Path, arguments: list[str]) -> None:
    where = [] if arguments[0] == "demo" else ["--data", str(tmp_path)]
    result = outcry(*arguments, *where)
    assert result.exit_code == output.ExitCode.FAILED
    assert result.stderr.startswith("outcry: ")
    as_json = outcry(*arguments, *where, "--json")
    assert as_json.exit_code == output.ExitCode.FAILED
    assert json.loads(as_json.stdout)["ok"] is False


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (
            ["halt", "AAPL", "--reason", "news"],
            ("trading_phase", {"symbol": "AAPL", "phase": "halted", "reason": "news"}),
        ),
        (["resume", "AAPL"], ("resume", {"symbol": "AAPL", "seconds": 0, "reason": "no reason given"})),
        (
            ["phase", "AAPL", "closed"],
            ("trading_phase", {"symbol": "AAPL", "phase": "closed", "reason": "no reason given"}),
        ),
        (["instruments", "delist", "AAPL"], ("delist", {"symbol": "AAPL", "reason": "no reason given"})),
        (["fix-log", "on"], ("fix_log", {"on": True})),
        (["snapshot"], ("snapshot", {})),
        (["stop"], ("stop", {})),
        (["sessions", "logout", "S"], ("session_logout", {"name": "S"})),
        (["sessions", "disable", "S"], ("session_enable", {"name": "S", "enabled": False})),
        (["sessions", "enable", "S"], ("session_enable", {"name": "S", "enabled": True})),
        (["sessions", "reset", "S"], ("session_reset", {"name": "S"})),
        (
            ["sessions", "renumber", "S", "--next-sender", "12", "--next-target", "8"],
            ("session_renumber", {"name": "S", "next_sender": 12, "next_target": 8}),
        ),
        (
            ["kill-switch", "engage", "--account", "ACC1", "--reason", "drill"],
            ("kill_switch", {"scope": "account", "target": "ACC1", "engaged": True, "reason": "drill"}),
        ),
        (
            ["kill-switch", "release", "--market", "--reason", "over"],
            ("kill_switch", {"scope": "market", "target": "", "engaged": False, "reason": "over"}),
        ),
    ],
)
def test_live_command_asks_the_exchange(
    tmp_path: Path, operator: AnsweringSocket, arguments: list[str], asked: tuple[str, dict[str, Any]]
) -> None:
    result = outcry(*arguments, "--data", str(tmp_path))
    assert result.exit_code == 0, result.stderr
    [request] = operator.asked
    request["arguments"].pop("by", None)
    assert (request["command"], request["arguments"]) == asked


def test_refusal_of_the_exchange_is_one(tmp_path: Path, operator: AnsweringSocket) -> None:
    operator.answer = {"ok": False, "error": "symbol 'ZZZ' is not known"}
    result = outcry("halt", "ZZZ", "--data", str(tmp_path))
    assert (result.exit_code, result.stderr) == (1, "outcry: symbol 'ZZZ' is not known\n")


STATUS: Final = {
    "pid": 4711,
    "durability": "fsync",
    "shards": [{"name": "main", "core": 1, "commands_per_s": 81234.5, "latency_us": {"p50": 310.0, "p99": 900.5}}],
    "journal": {"used_bytes": 5 * 1024**3, "last_seq": 1234567},
    "sessions": [
        {"session_id": 1, "name": "TRADER1-44", "logged_on": True, "next_sender": 12, "next_target": 9, "peer": None},
        {
            "session_id": 2,
            "name": "[odd] name",
            "logged_on": False,
            "next_sender": 1,
            "next_target": 1,
            "new_figure": 3,
        },
    ],
}


def test_status_is_shown_as_tables(tmp_path: Path, operator: AnsweringSocket) -> None:
    operator.answer = {"ok": True, "result": STATUS}
    result = outcry("status", "--data", str(tmp_path))
    assert result.exit_code == 0
    for text in ("4,711", "81,234.5", "p50 310.0  p99 900.5", "5.0 GiB", "1,234,567", "[odd] name", "new figure"):
        assert text in result.stdout, text
    assert "peer" not in result.stdout, "a column that says nothing is left out"
    assert "\x1b" not in result.stdout, "no colours where it is no terminal"


def test_status_as_json_is_the_answer_itself(tmp_path: Path, operator: AnsweringSocket) -> None:
    operator.answer = {"ok": True, "result": STATUS}
    assert json.loads(outcry("status", "--data", str(tmp_path), "--json").stdout) == STATUS
    assert json.loads(outcry("sessions", "list", "--data", str(tmp_path), "--json").stdout) == STATUS["sessions"]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("count", 1234567, "1,234,567"),
        ("used_bytes", 1536, "1.5 KiB"),
        ("used_bytes", 12, "12 bytes"),
        ("on", True, "yes"),
        ("core", None, "–"),
        ("time", 1_700_000_000.25, "2023-11-14 22:13:20 UTC"),
        ("latency_us", {}, "–"),
        ("cores", [0, 1], "0, 1"),
    ],
)
def test_figures_are_readable(name: str, value: object, text: str) -> None:
    assert shown(name, value) == text
