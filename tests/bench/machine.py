"""Where a benchmark ran: printed above every table, so that figures are never read without it."""

import os
import platform
import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]


def machine() -> dict[str, str]:
    """Return machine, cores, memory, kernel, interpreter and commit."""
    return {
        "machine": _first("/proc/cpuinfo", "model name"),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": _first("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(),
        "interpreter": f"{platform.python_implementation()} {platform.python_version()}",
        "commit": commit(),
    }


def commit() -> str:
    """Return the commit of the project, marked when files differ from it."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=-changed", "--exclude=*"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except FileNotFoundError:
        return "unknown"
    return found.stdout.strip() or "unknown"


def anonymous_bytes(pid: int) -> int:
    """Return the resident memory of a process without mapped files: the journal's pages are the system's to drop."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"no RssAnon for process {pid}")


def _first(path: str, name: str) -> str:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "unknown")
