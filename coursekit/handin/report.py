"""The answers of a class as one page, and as a table for a spreadsheet."""

import csv
import difflib
import re
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from unicodedata import category, normalize

from markupsafe import Markup

from . import question_ids, safe_html
from .answers import Answers, Change, start, words
from .course_notebook import Original
from .notebook import cells
from .submissions import Collection, Submission

LONGEST_CODE = 300  # lines of a cell that is shown and compared line by line
ALL_LETTERS = 100_000  # of one notebook's texts: a text of odd signs takes a second for so many
COLUMNS = "student,notebook,question,status,words,attachments,found by,text,file,cell".split(",")

# Spreadsheets pass over blanks: spaces of any kind, and signs without a width. They take all signs
# that look like =, +, - or @ for these.
_SPACES = "".join(c for c in map(chr, range(0x3001)) if category(c) == "Zs")
_BLANK = f"{_SPACES}\r\n\t\ufeff\u200b\u200c\u200d\u2060\u00ad"
_SIGNS = "".join(c for c in map(chr, range(0x10000)) if normalize("NFKC", c)[:1] in [*"=+-@"])
# The blanks are passed over whether or not a sign follows, so that no text is read twice.
_FORMULA = re.compile(rf"((?:^|[;\t\r\n])[{re.escape(_BLANK)}]*)([{re.escape(_SIGNS)}]?)")


def page(collection: Collection) -> str:
    """The report as one page without a script: overview, part by question, part by student."""
    text = safe_html.render(
        Path(__file__).with_name("report.html"),
        all=collection,
        when=time.strftime("%d %B %Y, %H:%M"),
        answer=_Texts().show,
        asked=_asked,
        code=_code,
        code_counts=_code_counts,
        median=_median,
        image=safe_html.image,
        start=_start,
    )
    return safe_html.clean(text)


class _Texts:
    """Lays texts out until there are enough of one notebook; the others are as they were typed."""

    def __init__(self):
        self.letters = Counter()

    def show(self, submission: Submission, text: str) -> Markup:
        self.letters[submission.number] += len(text)
        enough = self.letters[submission.number] > ALL_LETTERS
        return safe_html.as_typed(text) if enough else safe_html.html(text)


def _asked(original: Original, name: str) -> Markup:
    """The text of a question, without the hints."""
    for cell in cells(original.content):
        for heading, question in question_ids.questions(cell.text):
            if question == name:
                text = cell.text[heading.end() :]
                text = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
                return safe_html.html(text.strip())
    return Markup("")


def _code(change: Change) -> list[tuple[str, str]]:
    """A code cell as (sign, line): + for new lines, - for gone ones, a blank for the others."""
    after, before = (text.splitlines() for text in (change.text, change.before or ""))
    if max(len(after), len(before)) > LONGEST_CODE:
        return [("+", change.text)]
    if change.before is None:
        return [("+", line) for line in after]
    _, _, _, *lines = difflib.unified_diff(before, after, n=2, lineterm="")  # a head of three lines
    return [("…", "") if line.startswith("@@") else (line[0], line[1:]) for line in lines]


def _code_counts(answers: Answers) -> str:
    """How many code cells are not as in the course, in words."""
    new = sum(change.before is None for change in answers.changed)
    counts = {"changed": len(answers.changed) - new, "new": new, "removed": len(answers.removed)}
    return ", ".join(f"{n} {what}" for what, n in counts.items() if n)


def _start(text: str) -> str:
    """The beginning of an answer, in one line, without the signs of Markdown."""
    signs = r"^[ \t]*[>#|]+|[`|]+|\*\*|__|~~|-{3,}"
    return start(re.sub(signs, " ", text[:1000], flags=re.MULTILINE), 160)


def _median(answered: Sequence[Submission], question: str) -> int:
    """The median length of the answers to a question, in words, over those who answered it."""
    return round(statistics.median(words(one.answers.texts[question]) for one in answered))


def table(collection: Collection) -> str:
    """The answers as CSV: a row for each student and question, and for each text without one."""
    stream = StringIO()
    stream.write("\ufeff")  # tells spreadsheets that it is UTF-8
    writer = csv.DictWriter(stream, COLUMNS, restval="", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    for row in _rows(collection):
        writer.writerow({name: harmless(value) for name, value in row.items()})
    return stream.getvalue()


def harmless(value):
    """A text that no spreadsheet takes for a formula: an apostrophe before what may begin one.

    That is =, +, - and @, plain or of full width, also after blanks. They count at the beginning,
    at that of a line, and after a semicolon or a tab, where a program with another idea of the
    separator begins a cell; a tab counts itself.

    >>> harmless("=1+1")
    "'=1+1"
    """
    if not isinstance(value, str):
        return value
    value = _FORMULA.sub(
        lambda found: f"{found[1]}'{found[2]}" if found[2] else found[0], safe_html.clean(value)
    )
    return f"'{value}" if value.startswith(("\t", "\r", "\n")) else value


def _rows(collection: Collection) -> Iterator[dict]:
    for one in collection.submissions:
        known = dict(student=one.student, notebook=one.stem, file=one.file)
        for question, text in one.answers.texts.items():
            how, attachments = one.answers.how, len(one.answers.attachments.get(question, ()))
            status = one.answers.status(question)
            row = dict(question=question, status=status, attachments=attachments, text=text)
            yield known | row | {"words": words(text), "found by": how.get(question, "")}
        for cell, text in one.answers.loose:
            yield known | dict(status="no question", words=words(text), text=text, cell=cell)
        for change in one.answers.changed:
            status = "new code" if change.before is None else "changed code"
            yield known | dict(status=status, text=change.text, cell=change.position)
    for one in collection.strangers:
        yield dict(student=one.student, status="other course", text=one.title, file=one.file)
    for file in collection.unused:
        yield dict(student=file.student, status="not used", text=file.why, file=file.shown)
    for doubt in collection.doubts:
        yield dict(status="note", text=doubt)
