"""The log of FIX messages: in and out, without secrets, rotated, and never a reason to wait."""

from pathlib import Path

import pytest

from tests.wire.peer import Exchange


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="latin-1").splitlines()


def test_messages_in_and_out_are_logged_without_secrets(exchange: Exchange, tmp_path: Path) -> None:
    path = tmp_path / "fix.log"
    exchange.wire.set_message_log(str(path), 1_000_000, 3)
    peer = exchange.peer()
    peer.send("A", "98=0|108=30|95=10|96=sec\x01554=x\x01|553=TRADER1|554=secret|")
    peer.expect("A")
    peer.send("1", "112=a\nb|")
    peer.expect("3")
    exchange.wire.set_message_log("", 1, 1)
    text = path.read_text(encoding="latin-1")
    assert "secret" not in text
    assert "sec|" not in text
    assert "|96=***|553=TRADER1|554=***|" in text
    directions = [line.split(" ")[2] for line in lines(path) if " event " not in line]
    assert directions == ["in", "out", "in", "out"]
    assert all(line.split(" ")[1] == "FIX.4.4:OUTCRY->TRADER1" for line in lines(path))


def test_log_is_rotated_and_old_files_go(exchange: Exchange, tmp_path: Path) -> None:
    path = tmp_path / "fix.log"
    exchange.wire.set_message_log(str(path), 2_000, 2)
    peer = exchange.logged_on()
    for n in range(40):
        peer.send("1", f"112={n}|")
        peer.expect("0")
    exchange.wire.set_message_log("", 1, 1)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["fix.log", "fix.log.1"]
    assert all(file.stat().st_size <= 2_000 for file in tmp_path.iterdir())
    assert "|112=39|" in path.read_text(encoding="latin-1")


def test_log_that_cannot_be_opened_is_refused(exchange: Exchange, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be opened"):
        exchange.wire.set_message_log(str(tmp_path / "none" / "fix.log"), 1000, 1)
