"""The architecture, as tests: who may import whom, who owns what, and what keeps the exchange deterministic.

The rules themselves are in tests/house/rules.py; tests/house/test_rules.py shows of each that it finds what it is for.
"""

import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.house import rules

ROOT: Final = Path(__file__).parent.parent
TOP_LEVEL: Final = frozenset(
    "gateway matching risk config tests docs .ci .gitignore pyproject.toml README.md CHANGELOG.md LICENSE Makefile"
    " CMakeLists.txt".split()
)
TEXT_SUFFIXES: Final = frozenset(".py .pyi .cpp .hpp .h .md .toml .cfg .txt .cmake .fix .xml .yml .yaml .json".split())


def tracked() -> list[str]:
    """Every file that belongs to the project, as git knows it."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    return [name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).exists()]


@pytest.fixture(scope="module")
def modules() -> list[rules.Module]:
    """The modules of the four rooms."""
    found = rules.read_modules(ROOT)
    assert {module.room for module in found} == set(rules.ROOMS)
    return found


def test_imports_run_one_way(modules: list[rules.Module]) -> None:
    assert rules.wrong_direction(modules) == []


def test_no_module_imports_itself_by_a_detour(modules: list[rules.Module]) -> None:
    assert rules.cycles(modules) == []


def test_each_outside_thing_has_one_owner(modules: list[rules.Module]) -> None:
    assert rules.strangers(modules) == []


def test_only_the_clock_reads_the_time_of_day(modules: list[rules.Module]) -> None:
    assert rules.wall_clocks(modules) == []


def test_threads_start_and_are_pinned_in_one_place(modules: list[rules.Module]) -> None:
    assert rules.threads(modules) == []


def test_nothing_undetermined_in_the_state_machine(modules: list[rules.Module]) -> None:
    assert rules.undetermined(modules) == []


def test_no_module_is_named_after_nothing() -> None:
    assert rules.banned_names(rules.read_modules(ROOT, (*rules.ROOMS, "tests"))) == []


def test_functions_and_modules_keep_their_bounds() -> None:
    assert rules.too_long(rules.read_modules(ROOT, (*rules.ROOMS, "tests"))) == []


def test_native_files_keep_their_bound() -> None:
    sizes = {
        path: (ROOT / path).read_text("utf-8").count("\n") for path in tracked() if path.endswith((".cpp", ".hpp"))
    }
    assert {path: size for path, size in sizes.items() if size > rules.MODULE_LINES_MAX} == {}


def test_native_code_is_in_the_wire_alone() -> None:
    assert [path for path in tracked() if path.endswith((".cpp", ".hpp", ".c", ".h")) and "/wire/" not in path] == []


def test_the_top_level_holds_what_was_agreed() -> None:
    assert {name.split("/", 1)[0] for name in tracked()} - TOP_LEVEL == set()


def test_no_open_question_and_no_registry_in_any_file() -> None:
    found = []
    for path in tracked():
        if Path(path).suffix in TEXT_SUFFIXES or path in ("Makefile", ".ci/run", ".ci/system"):
            found += rules.left_over(path, (ROOT / path).read_text("utf-8"))
    assert found == []


def test_every_folder_of_python_is_a_package() -> None:
    folders = {path.rpartition("/")[0] for path in tracked() if path.endswith(".py") and "/" in path}
    assert sorted(folder for folder in folders if not (ROOT / folder / "__init__.py").exists()) == []
