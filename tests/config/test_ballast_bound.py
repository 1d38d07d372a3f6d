"""A ballast of nothing is refused by the configuration, not met by an assertion at the start."""

from pathlib import Path

from config.settings import check
from tests.support.exchange import copy_config, replace_in


def test_a_ballast_of_nothing_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    copy_config(folder)
    replace_in(folder / "exchange.toml", "ballast_bytes = 67108864", "ballast_bytes = 0")
    (fault,) = check(folder).faults
    assert "ballast_bytes: found 0, allowed: whole number 1048576..1099511627776" in str(fault)
