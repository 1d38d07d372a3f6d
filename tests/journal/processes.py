"""Runs a few lines of Python in a process of their own, with the journal imported."""

import subprocess
import sys
from pathlib import Path

PRELUDE = "import os, signal, sys; from matching.journal import *; from tests.journal.building import *; "


def python(script: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """Run `script` with arguments from the root of the project and wait for its end."""
    return subprocess.run(
        [sys.executable, "-c", PRELUDE + script, *map(str, arguments)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
