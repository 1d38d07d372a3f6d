"""The long run: its machinery in the ordinary run, an hour of it in `make soak`."""

import os
from pathlib import Path

import pytest

from tests.soak.judge import PAUSE_US_MAX
from tests.soak.long_run import LongRun, Plan, show

SHORT = Plan(seconds=12.0, interval_s=2.0, day_s=4, rate=400.0, seed=3)
MINUTES = float(os.environ.get("OUTCRY_SOAK_MINUTES", "60"))


@pytest.mark.slow
def test_a_short_run_sees_what_a_long_one_judges(tmp_path: Path) -> None:
    """No figure of so short a run means anything; but every order is answered, days end, and the journal adds up."""
    lines: list[str] = []
    run = LongRun(tmp_path, SHORT, lines.append)
    result = run.run()
    samples = result.samples
    assert samples[-1].orders == len(samples) * int(SHORT.rate * SHORT.interval_s)
    assert samples[-1].trading_days >= 2
    assert samples[-1].orders_kept < samples[-1].orders, "closed orders are forgotten when a day has ended"
    assert any(sample.snapshot_taken for sample in samples)
    assert list((run.exchange.data_dir / "snapshots").glob("[0-9]*.snapshot"))
    assert all(sample.memory_bytes > 0 and sample.snapshot_memory_bytes > 0 for sample in samples)
    assert all(0 < sample.p50 <= sample.p99 <= sample.p999 for sample in samples)
    # So short a run leaves many pages half full: the tolerance is of long runs.
    assert 0.5 < result.grown_journal_bytes / result.computed_journal_bytes < 3
    show(result, lines.append)
    assert "long run" in lines[0]
    run.exchange.verify()


@pytest.mark.soak
def test_an_hour_at_half_load_is_flat(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def say(text: str) -> None:
        with capsys.disabled():
            print(text, flush=True)

    say("")
    result = LongRun(tmp_path, Plan(MINUTES * 60, 20.0, 60, 0.0, 1), say).run()
    show(result, say)
    assert result.faults == []
    assert result.snapshot_pause_us < PAUSE_US_MAX
