"""``coursekit repo``: write the repository's address wherever the course names it."""

import re
import subprocess
from pathlib import Path

from . import course

OWNER_AND_NAME = re.compile(r"(?=.{1,39}/)[A-Za-z0-9](?:-?[A-Za-z0-9])*/[\w.-]{1,100}", re.ASCII)
REMOTE = re.compile(
    r"(?:(?:https|ssh)://(?:[^@/]*@)?github\.com/|[^@/]*@github\.com:)([^/]+/[^/]+?)(?:\.git)?/?"
)


def stamp(new: str | None = None) -> int:
    """Replace the course's address by this OWNER/NAME, or by that of git's origin; say what
    changed. Returns 0.

    Changes pyproject.toml, README.md and all notebooks, and nothing in them but the address.
    Raises ``CommandError`` for a malformed address, and where there is no origin at GitHub.
    """
    root = course.find_root()
    old = course.address(root)
    new = _checked(new) if new else _origin(root)
    # pyproject.toml comes last: it keeps the old address until everything else is done, so a broken
    # run can be repeated.
    for path in (
        *sorted((root / "notebooks").glob("*.ipynb")),
        root / "README.md",
        root / "pyproject.toml",
    ):
        changes = _replace(path, old, new) if path.exists() and new != old else 0
        if changes:
            print(f"{course.shown(path, root)}: {changes} place{'s' * (changes != 1)}")
    print(
        f"the course's address is https://github.com/{new}"
        + " already: nothing to change" * (new == old)
    )
    return 0


def _checked(text: str) -> str:
    name = text.removeprefix("https://github.com/").removesuffix("/").removesuffix(".git")
    if not OWNER_AND_NAME.fullmatch(name) or name.endswith(("/.", "/..")):
        raise course.CommandError(
            f'"{text}" is not an address at GitHub: write OWNER/NAME, as in ada/cnn-course'
        )
    return name


def _origin(root: Path) -> str:
    asked = subprocess.run(
        ["git", "-C", root, "remote", "get-url", "origin"], capture_output=True, text=True
    )
    found = REMOTE.fullmatch(asked.stdout.strip())
    if not found:
        there_is = (
            f"is {asked.stdout.strip()}, not an address at GitHub"
            if asked.returncode == 0
            else "is not set"
        )
        raise course.CommandError(
            f"git's origin {there_is}: name the address, as in coursekit repo OWNER/NAME"
        )
    return _checked(found[1])


def _replace(path: Path, old: str, new: str) -> int:
    """The number of places changed. ``old`` counts only after GitHub's name and as a whole: me/cnn
    is not in me/cnn-2."""
    text = path.read_bytes().decode("utf-8")
    whole = rf"(github\.com/|github\.com:|/github/){re.escape(old)}(?![\w-]|\.(?!git\b)\w)"
    text, changes = re.subn(whole, rf"\g<1>{new}", text)
    if changes:
        course.write(path, text)
    return changes
