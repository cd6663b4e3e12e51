"""All that a class handed in: what each notebook says, whose it is, and what could not be used."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from ..course import NotANotebook
from ..engine.text import printable
from . import archives, notebook, safe_html
from .answers import Answers, find_answers
from .course_notebook import Original, Originals
from .notebook import Attachment
from .owners import Owners
from .run_traces import Execution, read_execution

ALL_IMAGES = 60_000_000  # letters of base64: more, and a browser has trouble


@dataclass
class Submission:
    """One notebook that was handed in: its file, whose it is, and what was found in it.

    One that is not of this course has an empty ``stem`` and no ``original``, answers or execution.
    ``old`` says whether it is in format 3; ``saved`` when it was (seconds, 0 if unknown);
    ``number`` counts those of the course from 1; ``again`` says whether the student handed in
    another file of the same notebook, ``newest`` whether this one was saved after all others.
    """

    file: str
    cells: int
    old: bool
    original: Original | None
    stem: str = ""
    title: str = ""
    answers: Answers | None = None
    execution: Execution | None = None
    student: str = ""
    number: int = 0
    again: bool = False
    newest: bool = False
    saved: float = 0


@dataclass
class Collection:
    """The notebooks of the course, those that are not (``strangers``), both in the order of the
    students, the files that could not be used, the course's notebooks of which there are some
    (``originals``), and sentences about whose work could not be told (``doubts``)."""

    submissions: list[Submission] = field(default_factory=list)
    strangers: list[Submission] = field(default_factory=list)
    unused: list[archives.File] = field(default_factory=list)
    originals: list[Original] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    @property
    def students(self) -> dict[str, list[Submission]]:
        """The notebooks of each student."""
        groups = groupby(self.submissions, key=lambda one: one.student)
        return {student: list(group) for student, group in groups}

    @property
    def loose(self) -> list[tuple[Submission, int, str]]:
        """Every text that belongs to no question: its submission, the number of its cell, it."""
        return [(one, *text) for one in self.submissions for text in one.answers.loose]

    def of(self, original: Original) -> list[Submission]:
        """What was handed in of this notebook."""
        return [one for one in self.submissions if one.original is original]

    def with_status(self, original: Original, question: str, status="answered") -> list[Submission]:
        """The notebooks in which a question is answered, unchanged or missing."""
        return [one for one in self.of(original) if one.answers.status(question) == status]


def gather(paths: Iterable[Path], originals: Originals, leave_out: Path) -> Collection:
    """Read all notebooks in these folders and archives, but for the file to ``leave_out``."""
    made, found, places, images = Collection(), [], [], _Images()
    for file in archives.read(paths, leave_out):
        if file.data is None:
            made.unused.append(file)
            continue
        try:
            found.append(_look(file, originals, images))
            places.append(file.parts)
        except NotANotebook as error:
            made.unused.append(archives.File(file.parts, why=f"it {error}"))
    stems = [original.stem for original in originals.all]
    owners = Owners(places, stems, [one.stem for one in found])
    same = defaultdict(list)
    for one, one.student in zip(found, owners.names):
        same[one.student, one.stem].append(one)
    for all in same.values():
        all.sort(key=lambda one: one.saved)
        for one in all:
            one.again = len(all) > 1
        all[-1].newest = len(all) > 1 and all[-1].saved > all[-2].saved
    made.unused = [*{(file.parts, file.why): file for file in made.unused}.values()]
    times = Counter(file.why for file in made.unused)
    made.unused.sort(key=lambda file: (not file.lost, times[file.why]))  # what matters comes first
    for file in made.unused:
        file.student = owners.of_unused(file.parts) if file.lost else ""
    made.doubts = owners.doubts
    found.sort(key=lambda one: (one.student.casefold(), one.student, one.stem, one.file))
    made.submissions = [one for one in found if one.original]
    made.strangers = [one for one in found if not one.original]
    made.originals = [one for one in originals.all if made.of(one)]
    for number, one in enumerate(made.submissions, 1):
        one.number = number
    return made


class _Images:
    """Keeps attachments that can be shown until there are enough; of the others the names."""

    def __init__(self):
        self.left = ALL_IMAGES

    def keep(self, attachments: list[Attachment]) -> None:
        for i, (name, kind, data) in enumerate(attachments):
            if len(data) > self.left or not safe_html.image(kind, data):
                data = ""
            self.left -= len(data)
            attachments[i] = Attachment(name, kind, data)


def _look(file: archives.File, originals: Originals, images: _Images) -> Submission:
    """Read one notebook. Raises ``NotANotebook`` where there is none."""
    content = notebook.parse(file.data)
    original = originals.find(content, file.parts[-1])
    old = "worksheets" in content
    made = Submission(file.shown, len(content["cells"]), old, original, saved=file.saved)
    if original:
        made.stem, made.title = original.stem, original.title
        made.answers = find_answers(content, original.content)
        made.execution = read_execution(content)
        for attachments in made.answers.attachments.values():
            images.keep(attachments)
    else:
        made.title = printable(notebook.title(content))
    return made
