"""The package as a whole: what imports what, what importing costs, what the documentation says, how
large it may be."""

import ast
import doctest
import fnmatch
import graphlib
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import coursekit as ck

FOLDER = Path(ck.__file__).parent
# A wing, by what else of ours it may import; all that stands in no wing is the core.
WINGS = {
    "engine": set(),
    "core": {"engine"},
    "course": {"engine"},
    "data": {"engine", "core"},
    "moving": {"engine", "core"},
    "optim": {"engine", "core"},
    "experiments": {"engine", "core"},
    "records": {"engine", "core"},
    "handin": {"engine", "core", "course"},
    "classroom": {"engine", "core", "course", "data", "records", "experiments", "handin"},
    "cli": {"engine", "core", "course", "data", "records", "experiments", "handin", "classroom"},
}


def named(path: Path) -> str:
    parts = path.relative_to(FOLDER).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


# The rooms by their names, "engine.text", but for coursekit itself and what starts it.
ROOMS = {named(path): path for path in sorted(FOLDER.rglob("*.py"))}
LINES = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in ROOMS.items()}
del ROOMS[""], ROOMS["__main__"]
CORE = [name for name in LINES if "." not in name and name not in WINGS and name != "__main__"]


def wing(name: str) -> str:
    first = name.partition(".")[0]
    return first if first in WINGS else "core"


def imported(name: str) -> set[str]:
    """The rooms that a room imports, anywhere in its code."""
    package = ["coursekit", *name.split(".")]
    if ROOMS[name].name != "__init__.py":
        package.pop()
    found = set()
    for node in ast.walk(ast.parse(ROOMS[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, node.module] if node.module else above)
            for alias in node.names:
                full = f"{base}.{alias.name}"
                found.add(full if full.removeprefix("coursekit.") in ROOMS else base)
    return {full.removeprefix("coursekit.") for full in found} & ROOMS.keys()


@pytest.mark.parametrize("name", ROOMS)
def test_imports_go_one_way(name):
    own = wing(name)
    above = {other for other in imported(name) if wing(other) not in WINGS[own] | {own}}
    assert not above, f"a room of {own} imports what stands above it or beside it"


def test_no_rooms_import_each_other():
    order = [*graphlib.TopologicalSorter({name: imported(name) for name in ROOMS}).static_order()]
    assert order.index("plots") < order.index("results") < order.index("training")


def test_the_imports_are_found():
    assert {"engine.text", "plots"} <= imported("results")
    assert {"lab", "data.download"} <= imported("data.lookup")
    assert "experiments.runs" in imported("experiments") and "course" in imported("cli")


def test_every_public_name_is_there():
    for name in ck.__all__:
        assert inspect.getdoc(getattr(ck, name)), f"coursekit.{name} has no docstring"
    assert set(ck.__all__) <= set(dir(ck))
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        _ = ck.fitt


def public(owner) -> dict:
    return {name: value for name, value in vars(owner).items() if not name.startswith("_")}


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_explains_itself(name):
    """The room, its public functions and classes, and their methods; its examples are true."""
    room = importlib.import_module(f"coursekit.{name}")
    assert room.__doc__
    for label, value in public(room).items():
        if callable(value) and getattr(value, "__module__", "") == room.__name__:
            assert inspect.getdoc(value), f"{label} has no docstring"
            for method, part in public(value).items() if inspect.isclass(value) else ():
                if callable(part) or isinstance(part, (property, classmethod, staticmethod)):
                    doc = inspect.getdoc(getattr(value, method))
                    assert doc, f"{label}.{method} has no docstring"
    assert doctest.testmod(room).failed == 0


def test_there_are_examples():
    assert doctest.testmod(importlib.import_module("coursekit.lab")).attempted > 0


def test_what_is_no_code_is_installed_too():
    tomllib = pytest.importorskip("tomllib")  # of Python 3.11
    content = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text(encoding="utf-8"))
    settings = content["tool"]["setuptools"]
    folders = {path.parent for path in ROOMS.values()}
    assert {FOLDER.joinpath(*name.split(".")[1:]) for name in settings["packages"]} == folders
    for folder in folders:
        name = ".".join(folder.relative_to(FOLDER.parent).parts)
        for path in folder.iterdir():
            if path.is_file() and path.suffix != ".py":
                patterns = settings["package-data"].get(name, [])
                assert any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns), path


# ---- how large


def test_the_core_can_be_read_in_one_sitting():
    core = {name: LINES[name] for name in CORE}
    assert len(core) <= 10 and max(core.values()) <= 300 and sum(core.values()) <= 1_800, core


def test_fit_can_be_printed_whole():
    assert len(inspect.getsource(ck.fit).splitlines()) <= 50


def test_a_room_of_the_engine_has_one_job():
    long = {name: n for name, n in LINES.items() if wing(name) == "engine" and n > 150}
    assert not long


def test_the_package_stays_small():
    assert sum(LINES.values()) <= 14_166  # CONTRIBUTING.md says what for


ADDED = """
import sys
import torch, torchvision
before = {name.split(".")[0] for name in sys.modules}
import coursekit as ck
ck.Lab, ck.load, ck.fit, ck.evaluate, ck.plots, ck.augment, ck.inspection
print(*{name.split(".")[0] for name in sys.modules} - before - sys.stdlib_module_names)
"""


def test_the_import_brings_no_large_package_after_torch():
    """scikit-learn, scipy, pandas and matplotlib wait for the function that needs them."""
    done = subprocess.run([sys.executable, "-c", ADDED], capture_output=True, text=True, check=True)
    assert {*done.stdout.split()} <= {"coursekit", "cloudpickle", "tqdm"}
