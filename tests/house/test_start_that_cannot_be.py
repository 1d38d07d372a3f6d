"""A start that the machine does not allow ends with a sentence that says why, and exit code 1."""

import socket
from pathlib import Path

import pytest

from tests.support.exchange import ExchangeProcess


@pytest.mark.slow
def test_a_port_that_another_program_has_is_named(tmp_path: Path) -> None:
    exchange = ExchangeProcess(tmp_path)
    with socket.create_server(("127.0.0.1", exchange.port)):
        exchange.spawn()
        assert exchange.wait() == 1
    said = exchange.errors()
    assert f"outcry: listen: 127.0.0.1:{exchange.port}: Address already in use" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    exchange = ExchangeProcess(tmp_path)
    exchange.data_dir.parent.mkdir(parents=True, exist_ok=True)
    exchange.data_dir.write_text("a file", encoding="utf-8")
    exchange.spawn()
    assert exchange.wait() == 1
    said = exchange.errors()
    assert "outcry: the data folder: " in said
    assert str(exchange.data_dir) in said
    assert "Traceback" not in said
