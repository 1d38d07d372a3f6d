"""The log says what happened, where it is to be said, and never a secret."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from config.exchange import LogSettings
from gateway.logs import configure_logs, mask_text

LOGON = b"8=FIX.4.4\x0135=A\x0195=3\x0196=a\x01b\x01553=TRADER1\x01554=geheim\x01925=neuer\x0110=003\x01"


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Leave the process's logging as it was found."""
    root = logging.getLogger()
    handlers, level, configured = list(root.handlers), root.level, structlog.get_config()
    yield
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**configured)


def settings(**changes: Any) -> LogSettings:
    """JSON into a file."""
    values = {
        "format": "json",
        "level": "info",
        "file": "outcry.log",
        "fix_messages": False,
        "rotate_bytes": 1 << 20,
        "files_max": 3,
    }
    return LogSettings(**{**values, **changes})


def written(folder: Path) -> list[dict[str, Any]]:
    """Every record of the log."""
    return [json.loads(line) for line in (folder / "outcry.log").read_text().splitlines()]


def test_record_has_time_level_logger_and_values(tmp_path: Path) -> None:
    configure_logs(settings(), tmp_path)
    structlog.get_logger("server").info("started", port=9878)
    [record] = written(tmp_path)
    assert (record["event"], record["level"], record["logger"], record["port"]) == ("started", "info", "server", 9878)
    assert record["timestamp"].endswith("Z")


def test_no_secret_is_written(tmp_path: Path) -> None:
    configure_logs(settings(), tmp_path)
    log = structlog.get_logger("admission")
    log.info("logon", password="geheim", message=LOGON, inner={"new_password": "neuer", "list": [LOGON.decode()]})
    log.info("refused 554=geheim")
    logging.getLogger("asyncio").warning("peer sent %s", LOGON)
    try:
        raise ValueError(LOGON.decode())
    except ValueError:
        log.exception("failed")
    text = (tmp_path / "outcry.log").read_text()
    assert len(text.splitlines()) == 4
    assert "geheim" not in text
    assert "neuer" not in text
    assert "a\\u0001b" not in text
    assert "TRADER1" in text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("35=A|554=geheim|10=1|", "35=A|554=***|10=1|"),
        ("554=geheim", "554=***"),
        ("1554=open|", "1554=open|"),
        (r"b'35=A\x01554=geheim\x0110=003\x01'", r"b'35=A\x01554=***\x0110=003\x01'"),
        (r"35=A\u0001554=geheim\u000110=003", r"35=A\u0001554=***\u000110=003"),
        ("96=\x01\x01|\x0110=3\x01", "96=***\x0110=3\x01"),
    ],
)
def test_masks_exactly_the_secret_fields(text: str, masked: str) -> None:
    assert mask_text(text) == masked


def test_level_and_libraries(tmp_path: Path) -> None:
    configure_logs(settings(level="warning"), tmp_path)
    structlog.get_logger("server").info("unseen")
    logging.getLogger("asyncio").warning("slow callback")
    assert [(record["event"], record["logger"]) for record in written(tmp_path)] == [("slow callback", "asyncio")]


def test_files_are_rotated_and_bounded(tmp_path: Path) -> None:
    configure_logs(settings(rotate_bytes=1_000), tmp_path)
    for number in range(200):
        structlog.get_logger("server").info("again", number=number)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["outcry.log", "outcry.log.1", "outcry.log.2"]
    assert all(path.stat().st_size <= 1_000 for path in tmp_path.iterdir())


def test_console_goes_to_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(settings(format="console", file=None), tmp_path)
    structlog.get_logger("server").info("started", port=9878)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "started" in captured.err
    assert "port=9878" in captured.err
