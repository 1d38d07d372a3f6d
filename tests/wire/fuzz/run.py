"""Looks for inputs that break the wire: `python -m tests.wire.fuzz.run [--seconds N] [--minimise] [target ...]`.

Builds the targets by clang with the address and the undefined-behaviour sanitizer into build/fuzz and runs each for
that time, from the corpus in the repository, seeds and what earlier runs left in build/fuzz. Inputs that reach code
which the corpus does not reach are added to it. An input that breaks something is added as `found-...`, and the run
ends with 1: from then on the ordinary tests replay it.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.wire.fuzz.seeds import SEEDS, write_seeds

ROOT: Final = Path(__file__).parents[3]
HERE: Final = Path(__file__).parent
CORPUS: Final = HERE / "corpus"
BUILD: Final = ROOT / "build" / "fuzz"
SUPPRESSIONS: Final = ROOT / "tests" / "wire" / "undefined.supp"
COMPILERS: Final = ("clang++-16", "clang++-19", "clang++-14", "clang++")
SANITIZERS: Final = "fuzzer-no-link,address,undefined"
INPUT_BYTES_MAX: Final = {"framer": 1024, "decode": 1024, "logon": 1024, "session": 1500}
PROGRESS_S: Final = 10.0
FILES_MAX: Final = 25
"""Of one target, after `--minimise`: what is replayed in every run stays small."""
BY_EDGES: Final = "-use_counters=0"
"""A corpus is there to reach code, not to count how often."""


def build() -> None:
    """Compiles the targets; QuickFIX's part is done once."""
    compiler = next((found for name in COMPILERS if (found := shutil.which(name))), None)
    if compiler is None:
        sys.exit("no clang: `.ci/system fuzz` installs it")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "CXX": compiler}
    configure = ["cmake", "-S", str(ROOT), "-B", str(BUILD), "-G", "Ninja", f"-DOUTCRY_SANITIZE={SANITIZERS}"]
    configure.append(f"-DPython_EXECUTABLE={sys.executable}")
    subprocess.run(configure, check=True, env=environment, stdout=subprocess.DEVNULL)
    targets = [f"fuzz_{target}" for target in SEEDS]
    subprocess.run(["cmake", "--build", BUILD, "--target", *targets], check=True, env=environment)


def command(target: str, *arguments: str | Path) -> tuple[list[str], dict[str, str]]:
    """The fuzzer of a target with these arguments, and its environment."""
    words = [str(BUILD / f"fuzz_{target}"), f"-max_len={INPUT_BYTES_MAX[target]}", "-timeout=30", "-rss_limit_mb=3000"]
    environment = {
        **os.environ,
        "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=1:quarantine_size_mb=64:malloc_context_size=10",
        "UBSAN_OPTIONS": f"halt_on_error=1:print_stacktrace=1:suppressions={SUPPRESSIONS}",
    }
    return [*words, *map(str, arguments)], environment


def look(target: str, seconds: int) -> bool:
    """Runs the fuzzer of a target for that time, printing how it goes. False: an input broke something and is kept."""
    seeds, work, kept = BUILD / "seeds" / target, BUILD / "work" / target, CORPUS / target
    write_seeds(target, seeds)
    for folder in (work, kept):
        folder.mkdir(parents=True, exist_ok=True)
    arguments = [f"-max_total_time={seconds}", f"-dict={HERE / 'fix.dict'}", f"-artifact_prefix={kept}/found-"]
    words, environment = command(target, *arguments, "-print_final_stats=1", work, kept, seeds)
    lines: list[str] = []
    shown = time.monotonic()
    with subprocess.Popen(
        words, env=environment, stderr=subprocess.PIPE, text=True, errors="replace", cwd=BUILD
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            lines = [*lines[-199:], line.rstrip()]
            if line.startswith("#") and "cov:" in line and time.monotonic() - shown > PROGRESS_S:
                shown = time.monotonic()
                print(f"  {target}: {' '.join(line.split()[:1] + line.split()[2:12])}", flush=True)
    if process.returncode == 0:
        print(f"  {target}: {'; '.join(line for line in lines if line.startswith(('Done', 'stat::average')))}")
        return True
    print("\n".join(lines))
    print(f"{target}: an input broke something; it is kept in {kept}. Again: {' '.join(words[:1])} FILE")
    return False


def add_to_corpus(target: str) -> None:
    """Adds what reaches code that the corpus does not reach."""
    kept = CORPUS / target
    before = len(list(kept.iterdir()))
    words, environment = command(target, "-merge=1", BY_EDGES, kept, BUILD / "work" / target, BUILD / "seeds" / target)
    subprocess.run(words, env=environment, check=True, capture_output=True, cwd=BUILD)
    print(f"  {target}: {len(list(kept.iterdir())) - before} inputs added to {before}")


def edges_of(control: Path) -> dict[Path, frozenset[str]]:
    """The edges that each input reaches, out of the file in which the fuzzer keeps the state of a merge."""
    lines = control.read_text("utf-8").splitlines()
    count = int(lines[0])
    paths = [Path(line) for line in lines[2 : 2 + count]]
    reached = [line.split() for line in lines[2 + count :] if line.startswith("FT ")]
    return {paths[int(words[1])]: frozenset(words[2:]) for words in reached}


def choose(edges: dict[Path, frozenset[str]]) -> list[Path]:
    """At most FILES_MAX inputs: in turn that which adds most edges, of equals the shortest."""
    chosen: list[Path] = []
    open_edges: set[str] = set().union(*edges.values())
    while open_edges and len(chosen) < FILES_MAX:
        best = max(edges, key=lambda path: (len(edges[path] & open_edges), -path.stat().st_size, path.name))
        chosen.append(best)
        open_edges -= edges[best]
    return chosen


def minimise(target: str) -> None:
    """Replaces the corpus by few inputs that reach the most of what all inputs reach; those with a name stay."""
    kept, fresh, control = CORPUS / target, BUILD / "minimised" / target, BUILD / f"merge-{target}"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    control.unlink(missing_ok=True)
    sources = [kept, BUILD / "work" / target, BUILD / "seeds" / target]
    words, environment = command(target, "-merge=1", BY_EDGES, f"-merge_control_file={control}", fresh, *sources)
    subprocess.run(words, env=environment, check=True, capture_output=True, cwd=BUILD)
    edges = edges_of(control)
    contents = [path.read_bytes() for path in choose(edges)]
    for old in kept.iterdir():
        if re.fullmatch("[0-9a-f]{40}", old.name):
            old.unlink()
    for content in contents:
        (kept / hashlib.sha1(content, usedforsecurity=False).hexdigest()).write_bytes(content)
    reached = len(set().union(*edges.values()))
    print(f"  {target}: {len(contents)} inputs kept of {len(edges)}, which reach {reached} edges")


def main(arguments: Sequence[str] | None = None) -> int:
    """Says what it will do, does it; 1 when something was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="target", help=f"of {', '.join(SEEDS)}; default: all")
    parser.add_argument(
        "--seconds",
        type=int,
        choices=range(1, 86401),
        metavar="N",
        default=60,
        help="for each target, default %(default)s",
    )
    parser.add_argument("--minimise", action="store_true", help="afterwards make the corpora small again")
    options = parser.parse_args(arguments)
    targets = options.targets or list(SEEDS)
    if unknown := set(targets) - set(SEEDS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    minutes = len(targets) * options.seconds / 60
    print(f"fuzzing {', '.join(targets)} for {options.seconds} s each: {minutes:.1f} minutes in all", flush=True)
    print(f"first the targets are built into {BUILD} (QuickFIX once, some minutes)", flush=True)
    build()
    sound = [look(target, options.seconds) for target in targets]
    for target in targets:
        add_to_corpus(target)
        if options.minimise:
            minimise(target)
    return 0 if all(sound) else 1


if __name__ == "__main__":
    sys.exit(main())
