"""What the commands share: the course's folder and address, which notebooks, where results go."""

import argparse
import re
import tempfile
from pathlib import Path

# The line of pyproject.toml that keeps the address; group 1 is OWNER/NAME.
ADDRESS_LINE = re.compile(r'^Repository\s*=\s*"https://github\.com/([^"/]+/[^"/]+)"', re.MULTILINE)


class CommandError(Exception):
    """A command cannot do what it was asked; the message is a sentence that says what to do."""


class NotANotebook(Exception):
    """A file that holds no notebook; the message says why."""


def find_root() -> Path:
    """The course's folder: the nearest one, from the working folder upwards, with a pyproject.toml.

    Raises ``CommandError`` when there is none.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "pyproject.toml").is_file():
            return folder
    raise CommandError("no pyproject.toml is here or above: run the command in the course's folder")


def address(root: Path) -> str:
    """The repository's ``OWNER/NAME`` in pyproject.toml. Raises ``CommandError`` without one."""
    if found := ADDRESS_LINE.search((root / "pyproject.toml").read_text(encoding="utf-8")):
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

    No names mean all of notebooks/. Raises ``CommandError`` for a name that means nothing; the
    message lists what there is.
    """
    known = sorted((root / "notebooks").glob("*.ipynb"))
    found = [] if names else known
    for name in names:
        if Path(name).is_dir():
            matching = sorted(Path(name).glob("*.ipynb"))
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
    return list(dict.fromkeys(path.resolve() for path in found))


def output_folder(name: str, paths: list[Path]) -> Path:
    """The folder for what is made of these notebooks, itself made where it is missing.

    Nothing may be overwritten, neither a notebook nor a result by that of another notebook. Raises
    ``CommandError`` for a folder of the notebooks, for two notebooks with one name, and for a
    folder that cannot be written to.
    """
    folder, names = Path(name), [path.name for path in paths]
    if folder.resolve() in {path.parent for path in paths}:
        raise CommandError(f"{folder} is the notebooks' own folder: choose another one")
    if twice := {name for name in names if names.count(name) > 1}:
        raise CommandError(f"two notebooks are called {min(twice)}: name only one of them")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        why = f"{folder} cannot be written to ({error.strerror}): choose another folder"
        raise CommandError(why) from None
    return folder


def shown(path: Path, root: Path) -> str:
    """The path as messages show it: from the course's folder where it lies there, else in full."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
