"""Runs the wire's tests under sanitizers: `run_sanitized.py thread|address,undefined [pytest arguments]`.

Builds the extension with `-DOUTCRY_SANITIZE`, preloads the sanitizer's library (the interpreter itself is not built
with it) and tells the tests' conftest which extension to load. A report of the sanitizer ends the run with 66.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUPPRESSIONS = ROOT / "tests" / "wire" / "undefined.supp"
# The address sanitizer looks for the C++ library's throw when it starts.
LIBRARIES = {
    "thread": ("libtsan.so",),
    "address,undefined": ("libasan.so", "libubsan.so", "libstdc++.so"),
}
# OpenSSL and Python are not built for the thread sanitizer; what they do among themselves is not looked at.
OPTIONS = {
    "TSAN_OPTIONS": "exitcode=66 halt_on_error=0 ignore_noninstrumented_modules=1 history_size=4",
    "ASAN_OPTIONS": "exitcode=66 detect_leaks=0 detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": f"exitcode=66 print_stacktrace=1 suppressions={SUPPRESSIONS}",
}


def build(kind: str) -> Path:
    """Returns the extension built for the sanitizer."""
    folder = ROOT / "build" / kind.replace(",", "-")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    configure = ["cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja"]
    configure += [f"-DOUTCRY_SANITIZE={kind}", f"-DPython_EXECUTABLE={sys.executable}"]
    subprocess.run(configure, check=True, env=environment, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", folder], check=True, env=environment)
    return next(folder.glob("_wire*.so"))


def libraries(kind: str) -> str:
    """Returns what has to be loaded before anything else, from where the compiler keeps it."""
    found = []
    for name in LIBRARIES[kind]:
        command = ["c++", f"-print-file-name={name}"]
        found.append(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())
    return " ".join(found)


def main() -> int:
    """Builds, runs, returns pytest's or the sanitizer's exit code."""
    if len(sys.argv) < 2 or sys.argv[1] not in LIBRARIES:
        print(__doc__)
        return 2
    kind = sys.argv[1]
    extension = build(kind)
    reports = extension.parent / "report"
    for old in reports.parent.glob("report.*"):
        old.unlink()
    environment = {
        **os.environ,
        # pytest keeps what tests write to standard error.
        **{variable: f"{options} log_path={reports}" for variable, options in OPTIONS.items()},
        "LD_PRELOAD": libraries(kind),
        "OUTCRY_WIRE_EXTENSION": str(extension),
        "PYTHONMALLOC": "malloc",
    }
    command = [sys.executable, "-m", "pytest", str(ROOT / "tests" / "wire"), "-q", *sys.argv[2:]]
    returned = subprocess.run(command, env=environment, cwd=ROOT, check=False).returncode
    found = sorted(reports.parent.glob("report.*"))
    for report in found:
        print(report.read_text())
    return returned or (66 if found else 0)


if __name__ == "__main__":
    sys.exit(main())
