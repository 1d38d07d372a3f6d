"""The rules of architecture as functions over source text: each takes modules and returns its violations as sentences.

They read syntax trees, never run anything, and know the project only by the tables at the top.
"""

import ast
import builtins
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Final, TypeAlias

ROOMS: Final = ("matching", "risk", "config", "gateway")
"""Imports run one way: each room may import itself and those before it."""

RISK_READS: Final = frozenset(
    {
        "matching.types",
        "matching.commands",
        "matching.events",
        "matching.instrument",
        "matching.refusals",
        "matching.terms",
        "matching.texts",
    }
)
"""What `risk` may know of `matching`: its vocabulary, never its machinery."""

OWNERS: Final[Mapping[str, tuple[str, ...]]] = {
    "quickfix": (),
    "lmdb": ("matching/journal/*",),
    "socket": (
        "gateway/client/client.py",
        "gateway/admin.py",
        "gateway/cli/admin_client.py",
        "gateway/shard_link.py",
        "gateway/shard_keeper.py",
        "gateway/shard_process.py",
        "gateway/shard_exchange.py",
        "gateway/certify/line.py",
        "gateway/certify/exchange.py",
    ),
    "ssl": ("gateway/client/client.py",),
    "select": ("gateway/shard_exchange.py", "gateway/shard_watch.py", "gateway/shard_keeper.py"),
    "selectors": ("gateway/certify/line.py",),
    "socketserver": (),
    "subprocess": ("gateway/snapshotter.py", "gateway/shard_keeper.py", "gateway/certify/exchange.py"),
    "multiprocessing": (),
    "simplefix": ("gateway/client/*",),
    "typer": ("gateway/cli/*",),
    "rich": ("gateway/cli/*",),
    "uvloop": ("gateway/server.py",),
    "cryptography": ("gateway/certificates.py",),
    "argon2": ("config/passwords.py",),
    "sortedcontainers": (
        "matching/book.py",
        "matching/price_watch.py",
        "matching/expiries.py",
        "gateway/depth_view.py",
    ),
    "structlog": ("gateway/*",),
    "random": (),
    "secrets": ("gateway/client/client.py", "gateway/cli/setup.py"),
    "uuid": (),
}
"""Who may import what comes from outside; a library that is not named here is free."""

WALL_CLOCK: Final = ("matching/clock.py", "gateway/client/*", "gateway/cli/*", "gateway/certificates.py")
THREADS: Final = ("matching/shard.py", "gateway/admission.py", "gateway/shard_watch.py")
"""Matching threads start in `shard`; admission has two of its own that hash passwords, and one waits on shards."""
PINNING: Final = ("matching/shard.py",)

UNDETERMINED: Final = (
    "matching/clock.py",
    "matching/journal/*",
    "matching/shard.py",
    "matching/recovery.py",
    "matching/snapshot*.py",
    "matching/durable_files.py",
    "matching/fault_points.py",
    "matching/verification.py",
    "matching/retention.py",
)
"""The only modules of `matching` that may touch what is not determined by the commands. `risk` has none."""

UNDETERMINED_IMPORTS: Final = frozenset(
    "time datetime random secrets uuid os socket threading asyncio multiprocessing math cmath statistics decimal"
    " fractions platform locale tempfile".split()
)
BANNED_NAMES: Final = frozenset({"utils", "common", "helpers", "base", "manager"})
FUNCTION_LINES_MAX: Final = 70
MODULE_LINES_MAX: Final = 800

_SET_TYPES: Final = frozenset({"set", "frozenset", "Set", "FrozenSet", "AbstractSet", "MutableSet"})
_SET_METHODS: Final = frozenset({"union", "intersection", "difference", "symmetric_difference"})
_ORDER_KEEPING_CALLS: Final = frozenset(
    "list tuple iter next enumerate zip map filter reversed sum dict deque chain join extend fromkeys".split()
)
_UNDETERMINED_CALLS: Final = frozenset({"float", "hash", "id", "open", "input", "print", "complex", "round"})

_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One Python file of the project: its path from the root, and its text."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.text, self.path)

    @property
    def name(self) -> str:
        """Its dotted name, as others import it."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def room(self) -> str:
        """The first folder of its path."""
        return self.path.split("/", 1)[0]

    def is_one_of(self, patterns: Iterable[str]) -> bool:
        """Whether its path matches one of the patterns."""
        return any(fnmatch(self.path, pattern) for pattern in patterns)


def read_modules(root: Path, rooms: Iterable[str] = ROOMS) -> list[Module]:
    """Every Python file of these rooms, in the order of their paths."""
    paths = sorted(path for room in rooms for path in (root / room).rglob("*.py"))
    return [Module(path.relative_to(root).as_posix(), path.read_text("utf-8")) for path in paths]


def imports_of(module: Module, *, at_load_only: bool = False) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import; with `at_load_only` those that run when the module is loaded."""
    package = module.name if module.path.endswith("/__init__.py") else module.name.rpartition(".")[0]
    for node in _loaded(module.tree) if at_load_only else ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                parts = package.split(".")
                origin = ".".join([*parts[: len(parts) - node.level + 1], *([origin] if origin else [])])
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)


def wrong_direction(modules: Iterable[Module]) -> list[str]:
    """Imports that run against matching ← risk ← config ← gateway, or from `risk` into the machinery of `matching`."""
    found = []
    for module in modules:
        for line, name in imports_of(module):
            room = name.split(".", 1)[0]
            if room in ("tests", *ROOMS) and (room not in ROOMS or ROOMS.index(room) > ROOMS.index(module.room)):
                found.append(f"{module.path}:{line}: {module.room} may not import {name}")
            known = ".".join(name.split(".")[:2])
            if module.room == "risk" and room == "matching" and known not in RISK_READS:
                found.append(f"{module.path}:{line}: risk knows only the vocabulary of matching, not {name}")
    return found


def cycles(modules: Iterable[Module]) -> list[str]:
    """Modules that import each other when they are loaded, as one chain for each cycle found."""
    by_name = {module.name: module for module in modules}
    edges = {name: _targets(module, by_name) for name, module in by_name.items()}
    found: list[str] = []
    state: dict[str, int] = {}

    def visit(name: str, way: list[str]) -> None:
        state[name] = 1
        for target in edges[name]:
            if state.get(target) == 1:
                found.append(" → ".join([*way[way.index(target) :], target]))
            elif target not in state:
                visit(target, [*way, target])
        state[name] = 2

    for name in edges:
        if name not in state:
            visit(name, [name])
    return found


def strangers(modules: Iterable[Module], owners: Mapping[str, tuple[str, ...]] = OWNERS) -> list[str]:
    """Imports of something from outside by a module that does not own it."""
    found = []
    for module in modules:
        for line, name in imports_of(module):
            outside = name.split(".", 1)[0]
            if outside in owners and not module.is_one_of(owners[outside]):
                allowed = ", ".join(owners[outside]) or "nobody"
                found.append(f"{module.path}:{line}: {outside} belongs to {allowed}")
    return found


def wall_clocks(modules: Iterable[Module]) -> list[str]:
    """Readings of the time of day outside the clock, and of any clock in the rooms that have none."""
    found = []
    for module in modules:
        if module.is_one_of(WALL_CLOCK):
            continue
        has_none = module.room != "gateway"
        for node in _calls(module.tree):
            name = _dotted(node.func)
            reads_day = name in ("time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today")
            if reads_day or name.endswith((".datetime.now", ".datetime.utcnow", "date.today")):
                found.append(f"{module.path}:{node.lineno}: {name}() reads the time of day; ask the clock")
            elif has_none and name.startswith("time."):
                found.append(f"{module.path}:{node.lineno}: {name}() reads a clock; time arrives with the command")
    return found


def threads(modules: Iterable[Module]) -> list[str]:
    """Threads started or pinned elsewhere than where they may be."""
    found = []
    for module in modules:
        for node in _calls(module.tree):
            name = _dotted(node.func).rpartition(".")[2]
            if name in ("Thread", "ThreadPoolExecutor", "start_new_thread") and not module.is_one_of(THREADS):
                found.append(f"{module.path}:{node.lineno}: threads start in {', '.join(THREADS)}")
            if name == "sched_setaffinity" and not module.is_one_of(PINNING):
                found.append(f"{module.path}:{node.lineno}: threads are pinned in {', '.join(PINNING)}")
    return found


def undetermined(modules: Iterable[Module]) -> list[str]:
    """What could make two runs of the same commands differ: in `risk`, and in the state machine of `matching`."""
    found = []
    for module in modules:
        if module.room not in ("matching", "risk") or module.is_one_of(UNDETERMINED):
            continue
        for line, name in imports_of(module):
            if name.split(".", 1)[0] in UNDETERMINED_IMPORTS:
                found.append(f"{module.path}:{line}: imports {name}")
        sets = _names_of_sets(module.tree)
        for node in ast.walk(module.tree):
            problem = _undetermined_node(node, sets)
            if problem:
                found.append(f"{module.path}:{getattr(node, 'lineno', 0)}: {problem}")
    return found


def banned_names(modules: Iterable[Module]) -> list[str]:
    """Modules and folders whose name says nothing."""
    found = []
    for module in modules:
        found += [f"{module.path}: {part} names no idea" for part in module.name.split(".") if part in BANNED_NAMES]
    return found


def too_long(modules: Iterable[Module]) -> list[str]:
    """Modules and functions above their bound; a docstring does not count to its function."""
    found = []
    for module in modules:
        lines = module.text.count("\n")
        if lines > MODULE_LINES_MAX:
            found.append(f"{module.path}: {lines} lines, at most {MODULE_LINES_MAX}")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = _length(node)
                if length > FUNCTION_LINES_MAX:
                    text = f"{node.name} has {length} lines, at most {FUNCTION_LINES_MAX}"
                    found.append(f"{module.path}:{node.lineno}: {text}")
    return found


def left_over(path: str, text: str) -> list[str]:
    """Notes to oneself, and addresses of package registries, that must not reach the main branch."""
    # Put together here, or this file would be its own violation.
    notes = re.compile("|".join(("TO" + "DO", "FIX" + "ME")))
    hosts = re.compile("|".join((r"pypi\." + "org", "python" + "hosted", r"test\.py" + "pi")))
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if notes.search(line):
            found.append(f"{path}:{number}: an open question becomes an issue: {line.strip()}")
        if hosts.search(line):
            found.append(f"{path}:{number}: names a package registry: {line.strip()}")
    return found


# --- private ---------------------------------------------------------------------------------------------------------


def _loaded(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when a module is loaded: no function bodies, nothing under TYPE_CHECKING."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and _dotted(child.test).endswith("TYPE_CHECKING"):
            continue
        yield child
        yield from _loaded(child)


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _targets(module: Module, by_name: Mapping[str, Module]) -> list[str]:
    """The modules that this one loads, itself left out, and its own packages: those are being loaded already."""
    targets = []
    for _, name in imports_of(module, at_load_only=True):
        target = name if name in by_name else name.rpartition(".")[0]
        if target in by_name and target != module.name and not module.name.startswith(f"{target}."):
            targets.append(target)
    return sorted(set(targets))


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _undetermined_node(node: ast.AST, sets: frozenset[str]) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
        return f"{node.value!r} is a float"
    if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
        return "/ gives a float"
    if isinstance(node, ast.Name) and node.id in _UNDETERMINED_CALLS and hasattr(builtins, node.id):
        return f"{node.id} is not determined, or no integer"
    if isinstance(node, ast.Attribute) and _dotted(node) == "os.environ":
        return "reads the environment"
    if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension) and _is_set(node.iter, sets):
        return "iterates over a set"
    if isinstance(node, ast.Starred) and _is_set(node.value, sets):
        return "iterates over a set"
    if isinstance(node, ast.Call):
        return _undetermined_call(node, sets)
    return ""


def _undetermined_call(node: ast.Call, sets: frozenset[str]) -> str:
    name = _dotted(node.func).rpartition(".")[2]
    if isinstance(node.func, ast.Attribute):
        name = node.func.attr
        if name == "pop" and not node.args and _is_set(node.func.value, sets):
            return "takes any element of a set"
    if name in _ORDER_KEEPING_CALLS and any(_is_set(argument, sets) for argument in node.args):
        return "iterates over a set"
    return ""


def _is_set(node: ast.AST, sets: frozenset[str]) -> bool:
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in _SET_METHODS:
            return True
        return _dotted(node.func) in ("set", "frozenset")
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub | ast.BitXor):
        return _is_set(node.left, sets) or _is_set(node.right, sets)
    if isinstance(node, ast.Attribute):
        return node.attr in sets
    return isinstance(node, ast.Name) and node.id in sets


def _names_of_sets(tree: ast.Module) -> frozenset[str]:
    """Names of variables, attributes and arguments that are annotated as sets, or are given one."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and _is_set_annotation(node.annotation):
            names.add(_last_name(node.target))
        elif isinstance(node, ast.Assign) and _is_set(node.value, frozenset()):
            names.update(_last_name(target) for target in node.targets)
        elif isinstance(node, ast.arg) and node.annotation is not None and _is_set_annotation(node.annotation):
            names.add(node.arg)
    return frozenset(names - {""})


def _is_set_annotation(node: ast.expr) -> bool:
    """Whether a set is what the annotation names at its outermost: `set[int]`, also within Final[...] or a union."""
    if isinstance(node, ast.Subscript):
        outer = _dotted(node.value).rpartition(".")[2]
        return outer in _SET_TYPES or (outer in ("Final", "ClassVar", "Optional") and _is_set_annotation(node.slice))
    if isinstance(node, ast.BinOp):
        return _is_set_annotation(node.left) or _is_set_annotation(node.right)
    return _dotted(node).rpartition(".")[2] in _SET_TYPES


def _last_name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _length(node: _Function) -> int:
    length = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) is not None:
        length -= (first.end_lineno or first.lineno) - first.lineno + 1
    return length
