"""What the commands share: the course's folder and address, which notebooks, where results go."""

import argparse
import re
from contextlib import suppress
from pathlib import Path

from .engine.files import ChangedMeanwhile, NotText, check_writable, read_text
from .engine.text import from_here

# The line of pyproject.toml that keeps the address; group 1 is OWNER/NAME.
ADDRESS_LINE = re.compile(r'^Repository\s*=\s*"https://github\.com/([^"/]+/[^"/]+)"', re.MULTILINE)

# A row of the README's table of weeks; group 1 is the notebook's name.
ROW = re.compile(r"^ *\|.*?\]\(notebooks/([^/()]+)\.ipynb\)", re.MULTILINE)


class CommandError(Exception):
    """A command cannot do what it was asked; the message is a sentence that says what to do."""


class NotANotebook(Exception):
    """A file that holds no notebook; the message says why."""


def find_root() -> Path:
    """The course's folder: the nearest one, from the working folder upwards, with a pyproject.toml.

    Raises ``CommandError`` when there is none.
    """
    try:
        here = Path.cwd()
    except OSError:
        raise CommandError("this folder was removed: go to the course's folder") from None
    for folder in (here, *here.parents):
        if (folder / "pyproject.toml").is_file():
            return folder
    raise CommandError("no pyproject.toml is here or above: run the command in the course's folder")


def address(root: Path) -> str:
    """The repository's ``OWNER/NAME`` in pyproject.toml. Raises ``CommandError`` without one."""
    if found := ADDRESS_LINE.search(read_text(root / "pyproject.toml")):
        return found[1]
    line = 'Repository = "https://github.com/OWNER/NAME"'
    raise CommandError(f"pyproject.toml has no line {line}: add it below [project.urls]")


def add_notebooks(parser: argparse.ArgumentParser) -> None:
    """The argument that names notebooks, for ``find_notebooks``."""
    what = "a file, a folder or a part of a name (default: all)"
    parser.add_argument("notebooks", nargs="*", metavar="NOTEBOOK", help=what)


def find_notebooks(names: list[str], root: Path) -> list[Path]:
    """The notebooks that these names mean, each once: a file, a folder, or a part of a file name in
    notebooks/.

    No names mean all of notebooks/, in the order of the README's table of weeks. A link keeps its
    own name. Raises ``CommandError`` for a name that means nothing; the message lists what there
    is.
    """
    known = _in_order(_notebooks(root / "notebooks"), root)
    found = [] if names else known
    for name in names:
        if Path(name).is_dir():
            matching = _in_order(_notebooks(Path(name)), root)
        elif Path(name).is_file():
            matching = [Path(name)]
        else:
            matching = [path for path in known if name in path.name]
        if not matching:
            there = ", ".join(path.stem for path in known) or "nothing"
            what = "neither a file nor a part of a name in notebooks/, which holds"
            raise CommandError(f'"{name}" is {what}: {there}')
        found += matching
    if not found:
        raise CommandError("there are no notebooks in notebooks/")
    once: dict[Path, Path] = {}
    for path in found:
        once.setdefault(path.resolve(), path.parent.resolve() / path.name)
    return [*once.values()]


def _notebooks(folder: Path) -> list[Path]:
    """Those in a folder; hidden ones are what systems and editors put beside them."""
    return sorted(path for path in folder.glob("*.ipynb") if path.name[0] != ".")


def _in_order(paths: list[Path], root: Path) -> list[Path]:
    """In the order of the README's table of weeks, at the end those that it does not name."""
    try:
        named = ROW.findall(read_text(root / "README.md"))
    except (OSError, NotText):
        named = []
    return sorted(paths, key=lambda path: (*named, path.stem).index(path.stem))


def minutes(path: Path) -> dict[str, float]:
    """What the notebook says that it takes at each scale, as far as its text tells."""
    text = ""
    with suppress(OSError):
        if path.is_file():  # no pipe, which nobody may fill
            with path.open("rb") as file:  # in whatever state, and of whatever size it is
                text = file.read(2**20).decode(errors="replace")
    lab = re.search(r"\bLab\([^)]*\)", text)
    found = re.findall(r"(\w+)\W+(\d+(?:\.\d+)?)", lab[0] if lab else "")
    return {scale: float(number) for scale, number in found}


def output_folder(name: str, paths: list[Path]) -> Path:
    """The folder for what is made of these notebooks, itself made where it is missing.

    Nothing may be overwritten, neither a notebook nor a result by that of another notebook. Raises
    ``CommandError`` for a folder of the notebooks, for two notebooks with one name, and for a
    folder that cannot be written to.
    """
    folder, names = Path(name), [path.name for path in paths]
    if folder.resolve() in {place.parent for path in paths for place in (path, path.resolve())}:
        raise CommandError(f"{folder} is the notebooks' own folder: choose another one")
    if twice := {name for name in names if names.count(name) > 1}:
        raise CommandError(f"two notebooks are called {min(twice)}: name only one of them")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        check_writable(folder)
    except OSError as error:
        why = f"{folder} cannot be written to ({error.strerror}): choose another folder"
        raise CommandError(why) from None
    return folder


def shown(path: Path, root: Path) -> str:
    """The path as messages show it: from the course's folder where it lies there, else in full."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def told(error: OSError, what: str) -> str:
    """The error in a sentence about its file, or about ``what`` where it names none."""
    if isinstance(error, ChangedMeanwhile):
        return f"{error}, and is left as it is: run the command again"
    if isinstance(error.filename, str):
        what = from_here(Path(error.filename))
    return f"{what} cannot be read or written ({error.strerror or error})"


def no_link(path: Path) -> Path:
    """A place for a result. A link there is taken away, for it may lead to a notebook."""
    if path.is_symlink():
        path.unlink()
    return path
