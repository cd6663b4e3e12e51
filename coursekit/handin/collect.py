"""``coursekit collect``: the answers of a whole class, side by side."""

import argparse
from pathlib import Path

from .. import course
from ..engine.console import say
from ..engine.files import write_whole
from ..engine.text import count, printable
from .course_notebook import Originals
from .report import page, table
from .submissions import Collection, Submission, gather

WRITERS = {".html": page, ".csv": table}
MOST_LINES = 20  # on the terminal; the report has all
EXAMPLES = """\
examples:
  coursekit collect handed-in -o report.html
                        every notebook below a folder: all answers, question by question
  coursekit collect moodle.zip -o report.html
                        an archive as a learning platform makes it; it is not unpacked
  coursekit collect group1 group2.zip -o answers.csv --force
                        a row for each student and question, for a spreadsheet

Nothing that students hand in is executed. What cannot be read, or belongs to no question, is
listed with where it was.
Exit code: 0 all files were read, 1 some could not be, 2 wrong arguments.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    paths = "what was handed in: folders, zip archives, notebooks"
    parser.add_argument("paths", nargs="+", metavar="FOLDER|ZIP", help=paths)
    output = "report.html or answers.csv"
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help=output)
    parser.add_argument("--force", action="store_true", help="replace the file if it is there")


def main(options: argparse.Namespace) -> int:
    """Collect the answers from these folders and archives into the file ``output``, a page or a
    table by its suffix.

    Returns 0, or 1 if a file could not be read; the terminal says which. Nothing of what was handed
    in is executed. Raises ``CommandError`` for paths without a notebook, and for an output that
    cannot be written or, without ``force``, is there.
    """
    originals = Originals(course.find_root())
    target = _target(Path(options.output), options.force)
    for name in options.paths:
        if not Path(name).exists():
            raise course.CommandError(f"there is no {printable(name)}: name what was handed in")
    collection = gather(map(Path, options.paths), originals, leave_out=target)
    read, unused = collection.submissions + collection.strangers, collection.unused
    if not read and not any(file.parts[-1].endswith(".ipynb") for file in unused):
        where = f"{' '.join(options.paths)} ({unused[0].shown}: {unused[0].why})"
        raise course.CommandError(f"there is no notebook in {where}: name folders that have some")
    try:
        write_whole(target, WRITERS[target.suffix.lower()](collection))
    except OSError as error:
        wrong = f"{target} cannot be written ({error.strerror}): choose another place with -o"
        raise course.CommandError(wrong) from None
    _tell(collection, target)
    return 1 if any(file.lost for file in unused) else 0


def _target(path: Path, force: bool) -> Path:
    if path.suffix.lower() not in WRITERS:
        wrong = "is neither a page nor a table: give -o a name that ends in .html or .csv"
    elif path.is_dir():
        wrong = "is a folder: choose another name with -o"
    elif path.exists() and not force:
        wrong = "is there already: choose another name with -o, or replace it with --force"
    elif not path.parent.is_dir():
        wrong = "is in a folder that is not there: make it, or choose another place with -o"
    else:
        return path
    raise course.CommandError(f"{path} {wrong}")


def _tell(collection: Collection, target: Path) -> None:
    """Sum up on the terminal."""
    for original in collection.originals:
        say(f"{original.stem}: {_answered(collection.of(original))}")
    strangers = [f"{one.file}: {one.title or 'no title'}" for one in collection.strangers]
    unused = [f"{file.shown}: {file.why}" for file in collection.unused]
    for what, lines in (("not of this course", strangers), ("not used", unused)):
        for line in lines[:MOST_LINES]:
            say(f"{what}: {line}")
        if len(lines) > MOST_LINES:
            say(f"{what}: {len(lines) - MOST_LINES:,} more, which the report lists")
    if n := len(collection.loose):
        say(f"texts that belong to no question: {n:,}, which the report lists")
    for doubt in collection.doubts:
        say(f"note: {doubt}")
    students = count(len(collection.students), "student")
    say(f"{_answered(collection.submissions, f' of {students}:')}; see {target}")


def _answered(submissions: list[Submission], whose: str = ",") -> str:
    asked = sum(len(one.answers.texts) for one in submissions)
    answered = asked - sum(len(one.answers.open) for one in submissions)
    notebooks = count(len(submissions), "notebook")
    return f"{notebooks}{whose} {answered:,} of {asked:,} questions answered"
