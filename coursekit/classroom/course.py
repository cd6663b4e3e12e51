"""What the commands share: the course's folder, its notebooks, and the address of its
repository."""

import json
import os
import re
from pathlib import Path

# The line of pyproject.toml that keeps the address; group 1 is OWNER/NAME.
ADDRESS_LINE = re.compile(r'^Repository\s*=\s*"https://github\.com/([^"/]+/[^"/]+)"', re.MULTILINE)


class CommandError(Exception):
    """A command cannot do what it was asked; the message is one sentence that says what to do
    instead."""


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
    raise CommandError(
        "there is no pyproject.toml here or above: run the command in the course's folder"
    )


def address(root: Path) -> str:
    """The repository's ``OWNER/NAME``, as pyproject.toml keeps it. Raises ``CommandError`` when it
    keeps none."""
    found = ADDRESS_LINE.search((root / "pyproject.toml").read_text(encoding="utf-8"))
    if not found:
        raise CommandError(
            'pyproject.toml has no line Repository = "https://github.com/OWNER/NAME": add it below '
            "[project.urls]"
        )
    return found[1]


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
            raise CommandError(
                f'"{name}" is neither a file nor a part of a name in notebooks/, which holds: '
                f"{', '.join(path.stem for path in known) or 'nothing'}"
            )
        found += matching
    if not found:
        raise CommandError("there are no notebooks in notebooks/")
    return list(dict.fromkeys(path.resolve() for path in found))


def shown(path: Path, root: Path) -> str:
    """The path as messages show it: from the course's folder where it lies there, else in full."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def read_notebook(path: Path) -> dict:
    """The notebook's JSON. Raises ``NotANotebook`` when the file is not JSON, or JSON of something
    else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise NotANotebook("is not a notebook, for it is not text in UTF-8") from None
    except json.JSONDecodeError as error:
        raise NotANotebook(
            f"is not a notebook, for it is not JSON (line {error.lineno}: {error.msg})"
        ) from None
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        raise NotANotebook("is not a notebook of format 4, for it has no list of cells")
    return content


def write(path: Path, text: str) -> None:
    """Write the file whole or not at all: beside it first, then renamed. Line ends are written as
    they are."""
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_text(text, encoding="utf-8", newline="")
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
