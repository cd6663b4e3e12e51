"""``coursekit release``: copies of the notebooks for students, made from the course's own."""

import argparse
import json
import re
from pathlib import Path

from .. import course
from ..engine.console import say
from ..engine.files import ChangedMeanwhile, content_of, write_whole
from ..engine.text import count, from_here, printable
from ..handin.notebook import EXACT_BADGE, joined, read
from .lint import OPENS

EXAMPLES = """\
examples:
  coursekit release -o students            every notebook, without discussions and outputs
  coursekit release -o class --discussion  after the deadline: with the discussions
  coursekit release -o ../class --outputs  with what the cells gave in the original

Copies inside the repository get badges of their own; elsewhere the badges are taken away.
Answers of students are never overwritten unasked: choose an empty folder, or --force.
Exit code: 0 done, 1 a notebook is damaged and has no copy, 2 wrong arguments.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    course.add_notebooks(parser)
    add = parser.add_argument
    discussion = "keep the discussions below the answers (default: leave them out)"
    add("-o", "--output", required=True, metavar="FOLDER", help="where the copies go")
    add("--discussion", action=argparse.BooleanOptionalAction, default=False, help=discussion)
    add("--outputs", action="store_true", help="keep what the cells gave in the original")
    add("--force", action="store_true", help="replace files that are there and differ")


def main(options: argparse.Namespace) -> int:
    """Write a student copy of each notebook into the output folder; returns 0, or 1 if one of them
    is damaged and has no copy.

    The same original gives the same bytes. A file that is there and would change is replaced only
    with ``force``, for it may be a student's work. Raises ``CommandError`` for names that mean
    nothing and for a folder that cannot take the copies.
    """
    root = course.find_root()
    paths = course.find_notebooks(options.notebooks, root)
    copies, wrong = {}, []
    for path in paths:
        try:
            copies[Path(options.output, path.name)] = _copy(path, root, options)
        except course.NotANotebook as error:
            wrong.append(f"{course.shown(path, root)} {error}, and has no copy: mend it first")
    folder = course.output_folder(options.output, paths)
    try:
        before = {path: content_of(path) for path in copies}
        there = [path for path, content in copies.items() if before[path] not in (None, content)]
        if there and not options.force:
            more = f" (and {len(there) - 1} more)" if len(there) > 1 else ""
            what = f"{from_here(there[0])} is there already and differs{more}: choose an empty"
            raise course.CommandError(f"{what} folder, or replace what is there with --force")
        for path, content in copies.items():
            if before[path] != content:
                old = None if path.is_symlink() else before[path]
                write_whole(course.no_link(path), content, replacing=old)
    except ChangedMeanwhile:
        raise
    except OSError as error:
        why = f"{folder} cannot be written to ({error.strerror}): choose another one with -o"
        raise course.CommandError(why) from None
    said = f"{count(len(copies), 'notebook')} for students in {from_here(folder)}"
    for what, kept in (("discussions", options.discussion), ("outputs", options.outputs)):
        said += f", {'with' if kept else 'without'} {what}"
    say(*map(printable, wrong), said, sep="\n")
    return 1 if wrong else 0


def student_copy(notebook: dict, place: str | None, *, discussion: bool, outputs: bool) -> dict:
    """The notebook's JSON as students get it.

    ``place`` is the copy's path in the repository, which its badges open; None takes the badges
    away, for they would open the original with its discussions. ``discussion`` keeps the
    discussions, ``outputs`` what the cells gave.
    """
    cells = [
        dict(cell)
        for cell in notebook["cells"]
        if discussion or "discussion" not in cell.get("metadata", {}).get("tags", ())
    ]
    for cell in cells:
        if cell["cell_type"] == "code" and not outputs:
            cell |= {"outputs": [], "execution_count": None}
    if cells:
        cells[0]["source"] = _with_badges(joined(cells[0]["source"]), place).splitlines(True)
    return notebook | {"cells": cells}


def _copy(path: Path, root: Path, options: argparse.Namespace) -> bytes:
    """The file of a student's copy of this notebook. Raises ``NotANotebook``."""
    notebook = read(path)
    place = course.shown(Path(options.output, path.name).resolve(), root)
    if Path(place).is_absolute() or place.startswith("build/"):  # not in the repository
        place = None
    copy = student_copy(notebook, place, discussion=options.discussion, outputs=options.outputs)
    return (json.dumps(copy, indent=1, ensure_ascii=False) + "\n").encode()


def _with_badges(text: str, place: str | None) -> str:
    """The first cell's text, its badges leading to this place."""

    def moved(found: re.Match) -> str:
        address = OPENS[found[1]].fullmatch(found[2])
        if not address:
            return found[0]
        if place is None:
            return ""
        return found[0].replace(found[2], found[2].removesuffix(address[1]) + place)

    return re.sub(rf"{EXACT_BADGE.pattern}\n*", moved, text)
