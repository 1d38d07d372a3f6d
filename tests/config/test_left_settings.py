"""What a gateway leaves for its shards is what it has read, without its members' passwords."""

from pathlib import Path

import msgspec
import pytest

from config.settings import SHIPPED, load
from config.shards import leave_settings, left_settings
from gateway.certificates import make_demo_certificate
from tests.support.exchange import copy_config


@pytest.mark.parametrize("folder", [".", "per-instrument"])
def test_settings_come_back_as_they_were(folder: str, tmp_path: Path) -> None:
    copy_config(tmp_path / "config", SHIPPED)
    make_demo_certificate(tmp_path / "config" / "certs")
    settings = load(tmp_path / "config" / folder)
    path = tmp_path / "settings.json"
    for _ in range(2):
        leave_settings(settings, path)
    assert left_settings(path) == msgspec.structs.replace(settings, passwords={}, notes=())
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"argon2" not in path.read_bytes()
    assert [each.name for each in tmp_path.glob("settings*")] == ["settings.json"]


def test_what_is_no_settings_is_not_taken_for_some(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"config_dir": "x"}')
    with pytest.raises(msgspec.DecodeError):
        left_settings(tmp_path / "settings.json")
