"""``coursekit collect``: the answers of a whole class, from the notebooks that students handed
in."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .. import questions
from . import course, matching, report, submissions, traces

WRITERS = {".html": report.page, ".csv": report.table}
MOST_LINES = 20  # on the terminal; the report has all


@dataclass
class _Found:
    """A notebook as it was read, before it is known whose it is."""

    parts: tuple[str, ...]
    source: matching.Source | None
    answers: questions.Answers | None = None
    trace: traces.Trace | None = None
    old: bool = False
    title: str = ""
    cells: int = 0


def run(paths: list[str], output: str, force: bool) -> int:
    """Collect the answers from these folders and archives into the file ``output``, a page or a
    table by its suffix.

    Returns 0, or 1 if a file could not be read; the terminal says which. Nothing of what was handed
    in is executed. Raises ``CommandError`` for paths without a notebook, and for an output that
    cannot be written or, without ``force``, is there.
    """
    root = course.find_root()
    target = _target(Path(output), force)
    sources = matching.Sources(root)
    found, unused = [], []
    for file in submissions.read(_existing(paths), leave_out=target):
        if isinstance(file, submissions.Unused):
            unused.append(file)
            continue
        try:
            found.append(_look(file, sources))
        except course.NotANotebook as error:
            unused.append(submissions.Unused(file.parts, f"it {error}"))
    if not found and not any(file.parts[-1].endswith(".ipynb") for file in unused):
        why = f" ({unused[0].shown}: {unused[0].why})" if unused else ""
        raise course.CommandError(
            f"there is no notebook in {' '.join(paths)}{why}: name folders or archives that have some"
        )
    collection = _by_student(found, unused, [source.stem for source in sources.all])
    try:
        course.write(target, WRITERS[target.suffix.lower()](collection))
    except OSError as error:
        raise course.CommandError(
            f"{target} cannot be written ({error.strerror}): choose another place with -o"
        ) from None
    _tell(collection, target)
    return 1 if any(file.lost for file in unused) else 0


def _target(path: Path, force: bool) -> Path:
    if path.suffix.lower() not in WRITERS:
        raise course.CommandError(
            f"{path} is neither a page nor a table: give -o a name that ends in .html or .csv"
        )
    if path.is_dir():
        raise course.CommandError(f"{path} is a folder: choose another name with -o")
    if path.exists() and not force:
        raise course.CommandError(
            f"{path} is there already: choose another name with -o, or replace it with --force"
        )
    if not path.parent.is_dir():
        raise course.CommandError(
            f"there is no folder {path.parent}: make it, or choose another place with -o"
        )
    return path


def _existing(names: Iterable[str]) -> list[Path]:
    for name in names:
        if not Path(name).exists():
            raise course.CommandError(
                f"there is no {submissions.printable(name)}: name folders, zip archives or notebooks"
            )
    return [Path(name) for name in names]


def _look(file: submissions.File, sources: matching.Sources) -> _Found:
    """Read one notebook. Raises ``NotANotebook`` where there is none."""
    notebook = submissions.notebook(file.data)
    source = sources.find(notebook, file.parts[-1])
    if not source:
        return _Found(
            file.parts, None, title=matching.title(notebook), cells=len(notebook["cells"])
        )
    return _Found(
        file.parts,
        source,
        questions.find_answers(notebook, source.content),
        traces.trace(notebook),
        old="worksheets" in notebook,
    )


def _by_student(
    found: list[_Found], unused: list[submissions.Unused], stems: list[str]
) -> report.Collection:
    names = submissions.students([one.parts for one in found], stems)
    times = Counter((name, one.source.stem) for name, one in zip(names, found) if one.source)
    made, strangers = [], []
    for name, one in sorted(
        zip(names, found),
        key=lambda pair: (
            pair[0].casefold(),
            pair[0],
            pair[1].source is None,
            pair[1].source and pair[1].source.stem,
            pair[1].parts,
        ),
    ):
        shown = submissions.shown(one.parts)
        if one.source:
            made.append(
                report.Submission(
                    name,
                    shown,
                    one.source,
                    one.answers,
                    one.trace,
                    one.old,
                    number=len(made) + 1,
                    again=times[name, one.source.stem] > 1,
                )
            )
        else:
            strangers.append(
                report.Stranger(name, shown, submissions.printable(one.title), one.cells)
            )
    return report.Collection(made, strangers, unused)


def _tell(collection: report.Collection, target: Path) -> None:
    """Sum up on the terminal."""
    for source in collection.sources:
        handed_in = collection.of(source)
        print(f"{source.stem}: {report.count(len(handed_in), 'notebook')}, {_answered(handed_in)}")
    _list(
        "not of this course",
        [f"{one.file}: {one.title or 'no title'}" for one in collection.strangers],
    )
    _list("not used", [f"{file.shown}: {file.why}" for file in collection.unused])
    if collection.loose:
        print(
            f"texts that belong to no question: {len(collection.loose):,}, which the report lists"
        )
    print(
        f"{report.count(len(collection.submissions), 'notebook')} of {report.count(len(collection.students), 'student')}: "
        f"{_answered(collection.submissions)}; see {target}"
    )


def _answered(handed_in: list[report.Submission]) -> str:
    asked = sum(len(one.answers.texts) for one in handed_in)
    return f"{asked - sum(len(one.answers.open) for one in handed_in):,} of {asked:,} questions answered"


def _list(what: str, lines: list[str]) -> None:
    for line in lines[:MOST_LINES]:
        print(f"{what}: {line}")
    if len(lines) > MOST_LINES:
        print(f"{what}: {len(lines) - MOST_LINES:,} more, which the report lists")
