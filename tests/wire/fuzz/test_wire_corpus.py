"""Every input of the fuzzers' corpora, replayed: what was found once is looked at in every run, without a fuzzer."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.wire.fuzz.seeds import SEEDS

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
# A build for a sanitizer brings its own programs; see run_sanitized.py.
EXTENSION = os.environ.get("OUTCRY_WIRE_EXTENSION")
PROGRAMS = Path(EXTENSION).parent if EXTENSION else ROOT / "build" / "replay"


def replay(target: str, path: Path) -> subprocess.CompletedProcess[str]:
    """What the target says of a file, or of every file of a folder."""
    program = PROGRAMS / f"fuzz_{target}"
    assert program.exists(), "built together with the extension: `make setup`, or ninja in the build folder"
    return subprocess.run([program, path], capture_output=True, text=True, errors="replace", check=False, timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize("target", SEEDS)
def test_every_input_of_the_corpus_holds(target: str) -> None:
    files = list((HERE / "corpus" / target).iterdir())
    result = replay(target, HERE / "corpus" / target)
    assert (result.returncode, result.stdout) == (0, f"{len(files)} inputs\n"), result.stderr[-2000:]
    assert files
