"""``coursekit repo``: write the repository's address wherever the course names it."""

import argparse
import codecs
import re
from pathlib import Path

from .. import course
from ..engine.commands import git
from ..engine.console import say
from ..engine.files import write_whole
from ..engine.text import count, printable

EXAMPLES = """\
examples:
  coursekit repo                           the address that git's origin has
  coursekit repo ada/cnn-course            this one

The address goes into pyproject.toml, the notebooks' badges and set-up cells, and the README.
"""
OWNER_AND_NAME = re.compile(r"(?ai)(?=.{1,39}/)[a-z0-9](-?[a-z0-9])*/(?!\.{1,2}\Z)[\w.-]{1,100}")
REMOTE = re.compile(
    r"(?:(?:https|ssh)://(?:[^@/]*@)?github\.com/|[^@/]*@github\.com:)([^/]+/[^/]+?)(?:\.git)?/?"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    what = "as at GitHub (default: that of git's origin)"
    parser.add_argument("address", nargs="?", metavar="OWNER/NAME", help=what)


def main(options: argparse.Namespace) -> int:
    """Replace the course's address by this OWNER/NAME, or by that of git's origin; returns 0, or 1
    where a file could not be changed.

    Changes pyproject.toml, README.md and all notebooks, and nothing in them but the address; says
    where. Raises ``CommandError`` for a malformed address, and without an origin at GitHub.
    """
    root = course.find_root()
    old, new = course.address(root), _checked(options.address or _of_origin(root))
    if new == old:
        say(f"the course's address is https://github.com/{new} already: nothing to change")
        return 0
    # pyproject.toml comes last: it keeps the old address until everything else is done, so a broken
    # run can be repeated.
    notebooks = sorted((root / "notebooks").glob("*.ipynb"))
    left = False
    for path in (*notebooks, root / "README.md"):
        try:
            _replace(path, old, new, root)
        except (course.CommandError, OSError) as error:
            why = getattr(error, "strerror", None) or error
            say(printable(f"{course.shown(path, root)} keeps the old address: {why}"))
            left = True
    if left:
        say(f"pyproject.toml keeps the address {old} until the others have the new one: run again")
        return 1
    _replace(root / "pyproject.toml", old, new, root)
    say(f"the course's address is https://github.com/{new}")
    return 0


def origin(root: Path) -> str:
    """The address of git's origin, empty if there is none. Raises ``CommandError`` without git."""
    try:
        return git(root, "remote", "get-url", "origin")
    except OSError:
        why = "git is not installed: install it to keep the history"
        raise course.CommandError(why) from None


def _checked(text: str) -> str:
    name = text.removeprefix("https://github.com/").removesuffix("/").removesuffix(".git")
    if OWNER_AND_NAME.fullmatch(name):
        return name
    wanted = "write OWNER/NAME, as in ada/cnn-course"
    raise course.CommandError(f'"{text}" is not an address at GitHub: {wanted}')


def _of_origin(root: Path) -> str:
    address = origin(root)
    if found := REMOTE.fullmatch(address):
        return found[1]
    there_is = f"is {address}, not an address at GitHub" if address else "is not set"
    raise course.CommandError(f"git's origin {there_is}: name one, as coursekit repo OWNER/NAME")


def _replace(path: Path, old: str, new: str, root: Path) -> None:
    """Write the new address into a file, whose other bytes stay, and say it. ``old`` counts only
    after GitHub's name and as a whole: me/cnn is not in me/cnn-2.

    Raises ``CommandError`` for a text in UTF-16, and ``OSError``.
    """
    if not path.exists():
        return
    whole = rf"(github\.com/|github\.com:|/github/){re.escape(old)}(?![\w-]|\.(?!git\b)\w)".encode()
    before = path.read_bytes()
    if before.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise course.CommandError("it is text in UTF-16: save it in UTF-8")
    after, changes = re.subn(whole, rb"\g<1>" + new.encode(), before)
    if changes:
        write_whole(path, after, replacing=before)
        say(f"{course.shown(path, root)}: {count(changes, 'place')}")
