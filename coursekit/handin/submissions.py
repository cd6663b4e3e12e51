"""All that a class handed in: what each notebook says, whose it is, and what could not be used."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from ..course import NotANotebook
from ..engine.text import printable
from . import archives, notebook
from .answers import Answers, find_answers
from .course_notebook import Original, Originals
from .run_traces import Execution, read_execution

_MOODLE = re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_(?:file|onlinetext)(?:_.*)?")
_CANVAS = re.compile(r"(?P<name>[^_]+)_(?:LATE_)?(?P<id>\d+)_\d+_.+")
# What a name says besides the person's: the week, and how often the file was copied.
_NO_PERSON = (
    r"\.(?:ipynb|zip)\b|(?<![a-z0-9])(?:week|w)[ _-]?\d+(?![a-z0-9])|(?<![a-z])copy of(?![a-z])"
    r"|[ _-]+copy ?\d*(?![a-z0-9])|\(\d+\)"
)


@dataclass
class Submission:
    """One notebook that was handed in: its file, whose it is, and what was found in it.

    One that is not of this course has an empty ``stem`` and no ``original``, answers or execution.
    ``old`` says whether it is in format 3; ``number`` counts those of the course from 1; ``again``
    says whether the student handed in another file of the same notebook.
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


@dataclass
class Collection:
    """The notebooks of the course, those that are not (``strangers``), both in the order of the
    students, the files that could not be used, and the course's notebooks of which there are some
    (``originals``)."""

    submissions: list[Submission] = field(default_factory=list)
    strangers: list[Submission] = field(default_factory=list)
    unused: list[archives.File] = field(default_factory=list)
    originals: list[Original] = field(default_factory=list)

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
    made, found, places = Collection(), [], []
    for file in archives.read(paths, leave_out):
        if file.data is None:
            made.unused.append(file)
            continue
        try:
            found.append(_look(file, originals))
            places.append(file.parts)
        except NotANotebook as error:
            made.unused.append(archives.File(file.parts, why=f"it {error}"))
    for one, student in zip(found, whose(places, [original.stem for original in originals.all])):
        one.student = student
    times = Counter((one.student, one.stem) for one in found)
    found.sort(key=lambda one: (one.student.casefold(), one.student, one.stem, one.file))
    made.submissions = [one for one in found if one.original]
    made.strangers = [one for one in found if not one.original]
    made.originals = [one for one in originals.all if made.of(one)]
    for number, one in enumerate(made.submissions, 1):
        one.number, one.again = number, times[one.student, one.stem] > 1
    return made


def _look(file: archives.File, originals: Originals) -> Submission:
    """Read one notebook. Raises ``NotANotebook`` where there is none."""
    content = notebook.parse(file.data)
    original = originals.find(content, file.parts[-1])
    made = Submission(file.shown, len(content["cells"]), "worksheets" in content, original)
    if original:
        made.stem, made.title = original.stem, original.title
        made.answers = find_answers(content, original.content)
        made.execution = read_execution(content)
    else:
        made.title = printable(notebook.title(content))
    return made


def whose(paths: Sequence[tuple[str, ...]], stems: Iterable[str]) -> list[str]:
    """Whose the file at each of these paths is: a name that is short and keeps people apart.

    Moodle and Canvas put names into the paths. Elsewhere a name is what tells a path from the
    others, without ``stems``, the names of the course's notebooks. The same name in two places is
    taken for the same person.
    """
    listings = [listed(parts) for parts in paths]
    people = {(parts[0], *who) for parts, who in zip(paths, listings)}
    times = Counter((place, name) for place, name, _ in people)
    namesakes = {name for (_, name), n in times.items() if n > 1}
    ours = map(re.escape, sorted(stems, key=len, reverse=True))
    of_course = re.compile("|".join([*ours, _NO_PERSON]), re.IGNORECASE)
    keys = {parts: _key(parts, of_course) for parts, (name, _) in zip(paths, listings) if not name}
    names = _shortest(set(keys.values()))
    return [
        f"{name} ({number})" if name in namesakes else name or printable(names[keys[parts]])
        for parts, (name, number) in zip(paths, listings)
    ]


def listed(parts: tuple[str, ...]) -> tuple[str, str]:
    """Name and number that Moodle or Canvas wrote into the path; empty where there are none."""
    for part in parts[1:]:
        if found := _MOODLE.fullmatch(part) or _CANVAS.fullmatch(part):
            return printable(found["name"]), found["id"]
    return "", ""


def _key(parts: tuple[str, ...], of_course: re.Pattern) -> tuple[str, ...]:
    """What in a path may tell whose it is: what was asked for, then what is left of each name."""
    first, *below = (of_course.sub(" ", part).strip(" _.,-") for part in parts)
    if len(parts) == 1:
        return "", first or parts[0]
    return first, *(filter(None, below) if any(below) else parts[-1:])


def _shortest(keys: set[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """A name for each key. A folder that is a person's holds only that person's files."""
    owner = {
        key: next((key[:n] for n in range(2, len(key)) if key[:n] in keys), key) for key in keys
    }
    people = set(owner.values())
    common = len(os.path.commonprefix([key[:-1] for key in people]))
    short = {key: key[common:] for key in people}
    for column in zip(*short.values()):
        if len({*column}) == len(people):  # one place in the path tells all of them apart
            names = dict(zip(short, column))
            break
    else:
        begin = Counter(left[:n] for left in short.values() for n in range(1, len(left) + 1))
        names = {}
        for key, left in short.items():
            own = next((left[:n] for n in range(1, len(left)) if begin[left[:n]] == 1), left)
            names[key] = "/".join(filter(None, own))
    return {key: names[owner[key]] for key in keys}
