"""The page and the table of what was handed in."""

import csv
import difflib
import re
import statistics
import time
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from markupsafe import Markup

from .. import questions
from . import prose
from .index import LOOK
from .matching import Source
from .submissions import Unused
from .traces import Trace

LONGEST_CODE = 300  # lines of a cell that is compared line by line
ALL_PICTURES = 60_000_000  # letters: more and a browser has trouble with the page; what comes after is named only
COLUMNS = (
    "student",
    "notebook",
    "question",
    "status",
    "words",
    "pictures",
    "found by",
    "text",
    "file",
    "cell",
)


@dataclass
class Submission:
    """One notebook that was handed in: whose it is, its file, the course's notebook, and what was
    found in it."""

    student: str
    file: str
    source: Source
    answers: questions.Answers
    trace: Trace
    old: bool  # whether it was in format 3
    number: int
    again: bool  # whether the student handed in another file of the same notebook


@dataclass
class Stranger:
    """A notebook that is not of this course."""

    student: str
    file: str
    title: str
    cells: int


@dataclass
class Collection:
    """All that was handed in, and what could not be used."""

    submissions: list[Submission]
    strangers: list[Stranger]
    unused: list[Unused]

    @property
    def students(self) -> dict[str, list[Submission]]:
        """The notebooks of each student."""
        found: dict[str, list[Submission]] = {}
        for submission in self.submissions:
            found.setdefault(submission.student, []).append(submission)
        return found

    @property
    def sources(self) -> list[Source]:
        """The course's notebooks of which something was handed in, in the course's order."""
        found = {submission.source.stem: submission.source for submission in self.submissions}
        return [found[stem] for stem in sorted(found)]

    @property
    def loose(self) -> list[tuple[Submission, int, str]]:
        """Every text that belongs to no question, with its submission and the number of its
        cell."""
        return [
            (submission, *text)
            for submission in self.submissions
            for text in submission.answers.loose
        ]

    def of(self, source: Source) -> list[Submission]:
        """What was handed in of this notebook."""
        return [submission for submission in self.submissions if submission.source is source]

    def with_status(self, source: Source, question: str, status: str) -> list[Submission]:
        """The notebooks in which a question is answered, unchanged or missing."""
        return [
            submission
            for submission in self.of(source)
            if submission.answers.status(question) == status
        ]

    def answered(self, source: Source, question: str) -> list[Submission]:
        """The notebooks in which a question is answered."""
        return self.with_status(source, question, questions.ANSWERED)


def page(collection: Collection) -> str:
    """The report as one page without a script: an overview, a part for each question and one for
    each student."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.globals.update(
        answer=prose.html,
        asked=_asked,
        code=_code,
        code_counts=_code_counts,
        count=count,
        median=_median,
        pictures=_Pictures().show,
        start=_start,
    )
    text = environment.get_template("report.html").render(
        all=collection, look=Markup(LOOK), when=time.strftime("%d %B %Y, %H:%M")
    )
    return prose.clean(text)


def table(collection: Collection) -> str:
    """The answers as CSV: a row for each student and question, and one for each text that belongs
    to none."""
    stream = StringIO()
    stream.write("\ufeff")  # tells spreadsheets that it is UTF-8
    writer = csv.DictWriter(stream, COLUMNS, restval="", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    for row in _rows(collection):
        writer.writerow({name: harmless(value) for name, value in row.items()})
    return stream.getvalue()


def harmless(value):
    """A text that no spreadsheet takes for a formula: an apostrophe stands before what may begin
    one.

    That is =, +, - and @, plain or of full width, also after blanks. They count at the beginning,
    at that of a line, and after a semicolon or a tab, where a program with another idea of the
    separator begins a cell; a tab counts itself.

    >>> harmless("=1+1")
    "'=1+1"
    """
    if not isinstance(value, str):
        return value
    value = _FORMULA.sub(r"\1'\2", prose.clean(value))
    return f"'{value}" if value.startswith(("\t", "\r", "\n")) else value


# Blanks are all that a program might pass over: spaces of any kind, and signs without a width.
_BLANK = "".join(
    {
        " ",
        "\r",
        "\n",
        "\t",
        "\ufeff",
        "\u200b",
        "\u200c",
        "\u200d",
        "\u2060",
        "\u00ad",
        *(chr(i) for i in range(0x3001) if unicodedata.category(chr(i)) == "Zs"),
    }
)
_SIGNS = "".join(
    chr(i)
    for i in range(0x10000)
    if unicodedata.normalize("NFKC", chr(i)).startswith(("=", "+", "-", "@"))
)
_FORMULA = re.compile(rf"((?:^|[;\t\r\n])[{re.escape(_BLANK)}]*)([{re.escape(_SIGNS)}])")


def _rows(collection: Collection) -> Iterator[dict]:
    for submission in collection.submissions:
        known = {
            "student": submission.student,
            "notebook": submission.source.stem,
            "file": submission.file,
        }
        answers = submission.answers
        for question, text in answers.texts.items():
            yield {
                **known,
                "question": question,
                "status": answers.status(question),
                "words": questions.words(text),
                "pictures": len(answers.pictures.get(question, ())),
                "found by": answers.how.get(question, ""),
                "text": text,
            }
        for position, text in answers.loose:
            yield {
                **known,
                "status": "no question",
                "words": questions.words(text),
                "text": text,
                "cell": position,
            }
        for change in answers.changed:
            yield {
                **known,
                "status": "new code" if change.before is None else "changed code",
                "text": change.text,
                "cell": change.position,
            }
    for stranger in collection.strangers:
        yield {
            "student": stranger.student,
            "status": "other course",
            "text": stranger.title,
            "file": stranger.file,
        }
    for unused in collection.unused:
        yield {
            "student": unused.student,
            "status": "not used",
            "text": unused.why,
            "file": unused.shown,
        }


class _Pictures:
    """Shows pictures until a page has enough of them."""

    def __init__(self):
        self.left = ALL_PICTURES

    def show(self, pictures: Sequence[tuple[str, str, str]]) -> Iterator[tuple[str, str]]:
        """The name of each picture, and its address; empty if it is not shown."""
        for name, kind, data in pictures:
            address = prose.picture(kind, data) if len(data) <= self.left else ""
            self.left -= len(address)
            yield name, address


def _asked(source: Source, name: str) -> Markup:
    """The text of a question, without the hints."""
    for cell in questions.cells(source.content):
        found = questions.QUESTION.search(cell.text)
        if found and found[1].lower() == name:
            return prose.html(
                re.sub(
                    r"<details>.*?</details>", "", cell.text[found.end() :], flags=re.DOTALL
                ).strip()
            )
    return Markup("")


def _code(change: questions.Change) -> list[tuple[str, str]]:
    """A code cell as (sign, line): + for lines that are new, - for those that are gone, a blank for
    what stayed."""
    after, before = (text.splitlines() for text in (change.text, change.before or ""))
    if change.before is None or max(len(after), len(before)) > LONGEST_CODE:
        return [("+", line) for line in after]
    lines = list(difflib.unified_diff(before, after, n=2, lineterm=""))[
        3:
    ]  # without the three lines of its head
    return [("…", "") if line.startswith("@@") else (line[0], line[1:]) for line in lines]


def _code_counts(answers: questions.Answers) -> str:
    """How many code cells are not as in the course, in words."""
    new = sum(change.before is None for change in answers.changed)
    counts = {"changed": len(answers.changed) - new, "new": new, "removed": len(answers.removed)}
    return ", ".join(f"{n} {what}" for what, n in counts.items() if n)


def _start(text: str) -> str:
    """The beginning of an answer, in one line, without the signs of Markdown."""
    line = " ".join(
        re.sub(
            r"^[ \t]*[>#|]+|[`|]+|\*\*|__|~~|-{3,}", " ", text[:1000], flags=re.MULTILINE
        ).split()
    )
    return line if len(line) <= 160 else f"{line[:159]}…"


def _median(answered: Sequence[Submission], question: str) -> int:
    """The median length of the answers to a question, in words, over those who answered it."""
    return round(
        statistics.median(
            questions.words(submission.answers.texts[question]) for submission in answered
        )
    )


def count(n: int, noun: str) -> str:
    """A number of things, in words."""
    return f"{n:,} {noun}{'s' * (n != 1)}"
