"""``coursekit answers``: which questions of a notebook are answered, from outside of it."""

import sys
from pathlib import Path

from .. import questions
from . import course, matching, submissions


def run(paths: list[str]) -> int:
    """Print which questions of these notebooks are answered; returns 0 if all are, 1 if not, 2 for
    a file without questions.

    In the course's folder a notebook is compared with the course's own; elsewhere what it says
    itself must do. One file that cannot be read does not stop the others.
    """
    sources = _sources()
    codes = [0]
    for name in paths:
        shown = submissions.printable(name)
        try:
            found = _answers(Path(name), sources)
        except course.NotANotebook as error:
            print(f"coursekit answers: {shown} {error}", file=sys.stderr)
            codes.append(2)
            continue
        print(f"{shown}: {found}")
        codes.append(1 if found.open else 0)
    return max(codes)


def _sources() -> matching.Sources | None:
    try:
        return matching.Sources(course.find_root())
    except course.CommandError:  # no course here: what the notebook itself says must do
        return None


def _answers(path: Path, sources: matching.Sources | None) -> questions.Answers:
    try:
        notebook = submissions.notebook(path.read_bytes())
    except OSError as error:
        raise course.NotANotebook(
            f"cannot be read ({error.strerror}): name the file of a notebook"
        ) from None
    source = sources and sources.find(notebook, path.name)
    found = questions.find_answers(notebook, source and source.content)
    if not found.texts:
        raise course.NotANotebook(
            "has no question of the course: name the notebook that you worked in"
        )
    return found
