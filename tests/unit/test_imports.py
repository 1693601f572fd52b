"""The house keeps its walls: who may import whom, what stays light, how long things may grow."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "acestep_cli"

# What each room may import from the other rooms.
ROOMS: dict[str, set[str]] = {
    "": set(),
    "__main__": {"cli"},
    "errors": set(),
    "events": {"errors"},
    "files": {"errors"},
    "request": {"errors"},
    "lyrics": {"errors"},
    "examples": {"errors"},
    "guide": {"errors"},
    "config": {"errors", "files", "request"},
    "jobs": {"errors", "events", "files", "request", "config"},
    "term": {"errors", "events"},
    "audio": {"errors", "files"},
    "hardware": {"errors", "events", "config"},
    "weights": {"errors", "events", "files", "config", "hardware", "models"},
    "models": set(),
    "pipeline": {
        "models", "weights", "hardware", "audio", "request", "lyrics", "events", "errors",
    },
    "run": {
        "pipeline", "jobs", "audio", "weights", "hardware", "config", "request", "lyrics", "files",
        "events", "errors",
    },
    "demo": {"models", "weights", "files", "errors"},
    "commands": {
        "run", "pipeline", "jobs", "audio", "weights", "hardware", "config", "request", "files",
        "events", "errors", "lyrics", "examples", "term", "demo", "guide",
    },
    "cli": {"commands", "errors", "term", "guide"},
}  # fmt: skip

HEAVY = {
    "av", "diffusers", "huggingface_hub", "matplotlib", "mutagen", "numpy", "psutil", "pydub",
    "pywt", "rich",
    "safetensors", "scipy", "soundfile", "tokenizers", "torch", "torchaudio", "transformers",
}  # fmt: skip
# These rooms are only imported when a model is needed.
HEAVY_ROOMS = {"models", "pipeline"}
LIGHT_MODULES = (
    "cli", "errors", "events", "files", "request", "config", "jobs", "term", "examples",
    "commands", "commands.generate", "commands.repaint", "commands.extract", "guide",
)  # fmt: skip

LONGEST_FILE, LONGEST_FUNCTION = 300, 60


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Full names that `nodes` import; of `from a import b` both a and a.b."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """The nodes that run when the module is imported (not under TYPE_CHECKING)."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting.extend(node.orelse)
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))


@pytest.mark.parametrize("path", sources("acestep_cli"), ids=module_of)
def test_rooms_import_what_the_table_allows(path: Path) -> None:
    room = room_of(path)
    assert room in ROOMS, f"{room} is not in the table of rooms"
    rooms = {
        name.split(".")[1]
        for name in imported(ast.walk(parsed(path)))
        if name.startswith("acestep_cli.") and name != "acestep_cli.__version__"
    }
    assert rooms - {room} <= ROOMS[room]


def test_the_table_has_no_circles() -> None:
    cleared: set[str] = set()
    while len(cleared) < len(ROOMS):
        free = {room for room, needs in ROOMS.items() if needs <= cleared} - cleared
        assert free, f"circle among {set(ROOMS) - cleared}"
        cleared |= free


def test_no_circles_among_modules() -> None:
    paths = {module_of(path): path for path in sources("acestep_cli")}
    needs = {
        module: {name for name in imported(at_import(parsed(path))) if name in paths} - {module}
        for module, path in paths.items()
    }
    # A package that gathers its modules is not needed by them, only by others.
    needs = {
        module: {name for name in names if not module.startswith(f"{name}.")}
        for module, names in needs.items()
    }
    cleared: set[str] = set()
    while len(cleared) < len(needs):
        free = {module for module, names in needs.items() if names <= cleared} - cleared
        assert free, f"circle among {sorted(set(needs) - cleared)}"
        cleared |= free


@pytest.mark.parametrize("path", sources("acestep_cli"), ids=module_of)
def test_heavy_packages_wait_until_they_are_needed(path: Path) -> None:
    if room_of(path) in HEAVY_ROOMS:
        return
    heavy = {name.split(".")[0] for name in imported(at_import(parsed(path)))} & HEAVY
    assert not heavy


@pytest.mark.parametrize("path", sources("acestep_cli/models"), ids=module_of)
def test_networks_know_torch_alone(path: Path) -> None:
    packages = {name.split(".")[0] for name in imported(ast.walk(parsed(path)))}
    assert packages - set(sys.stdlib_module_names) <= {"torch", "acestep_cli"}


@pytest.mark.parametrize("path", sources("acestep_cli"), ids=module_of)
def test_nothing_rests_on_other_implementations(path: Path) -> None:
    packages = {name.split(".")[0] for name in imported(ast.walk(parsed(path)))}
    assert "diffusers" not in packages
    if room_of(path) not in ("pipeline", "weights"):
        assert "transformers" not in packages


def test_light_modules_load_nothing_heavy() -> None:
    names = [f"acestep_cli.{module}" for module in LIGHT_MODULES]
    program = (
        "import importlib, sys\n"
        f"for name in {names}:\n"
        "    importlib.import_module(name)\n"
        f"    found = set({sorted(HEAVY)}) & sys.modules.keys()\n"
        "    assert not found, (name, found)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", sources("acestep_cli", "tests", "benchmarks"), ids=module_of)
def test_files_and_functions_stay_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_FILE, f"{lines} lines"
    for node in ast.walk(parsed(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines"
