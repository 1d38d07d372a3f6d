"""Ballast: room that is held, given up and held again."""

from pathlib import Path

import pytest

from matching.journal import Ballast, JournalError
from matching.journal import ballast as ballast_module

SIZE = 1 << 20


def held_bytes(path: Path) -> int:
    """Bytes that the file really takes on its disk."""
    return path.stat().st_blocks * 512


def test_ballast_is_held_given_up_and_held_again(tmp_path: Path) -> None:
    path = tmp_path / "ballast"
    ballast = Ballast(path, SIZE)
    assert (ballast.is_held, held_bytes(path) >= SIZE) == (True, True)
    ballast.release()
    assert (ballast.is_held, held_bytes(path)) == (False, 0)
    assert ballast.recreate(keep_free_bytes=0)
    assert (ballast.is_held, held_bytes(path) >= SIZE) == (True, True)


def test_ballast_is_found_held_after_a_restart_and_follows_its_size(tmp_path: Path) -> None:
    path = tmp_path / "ballast"
    Ballast(path, SIZE)
    assert Ballast(path, SIZE).is_held
    assert Ballast(path, SIZE // 2).is_held
    assert path.stat().st_size == SIZE // 2


def test_ballast_is_not_held_again_while_others_need_the_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = [10 * SIZE]
    monkeypatch.setattr(ballast_module, "disk_free_bytes", lambda folder: free[0])
    ballast = Ballast(tmp_path / "ballast", SIZE)
    assert ballast.recreate(keep_free_bytes=10 * SIZE)
    assert not ballast.recreate(keep_free_bytes=10 * SIZE + 1)
    assert ballast.is_held
    ballast.release()
    assert not ballast.recreate(keep_free_bytes=9 * SIZE + 1)
    assert held_bytes(tmp_path / "ballast") == 0
    assert ballast.recreate(keep_free_bytes=9 * SIZE)


def test_a_disk_without_room_is_no_error(tmp_path: Path) -> None:
    """2^43 bytes fit no disk of ours."""
    ballast = Ballast(tmp_path / "ballast", 1 << 43)
    assert not ballast.is_held
    assert held_bytes(tmp_path / "ballast") == 0
    assert not ballast.recreate(keep_free_bytes=0)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be made"):
        Ballast(tmp_path / "nothing" / "ballast", SIZE)
