"""What was typed to each question of a notebook: for students, and for teachers who collect it.

People move, split, merge and delete cells. So an answer is found by the metadata of its cell, else
by its first line, else by the place between two headings; and a text that fits nowhere is kept as
it is, never dropped.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from textwrap import indent

from ..engine.text import count, printable
from . import question_ids
from .course_notebook import CourseText, plain
from .notebook import Attachment, Cell, cells
from .visible import has_signs, says_something

_WORD = re.compile(  # each Chinese or Japanese sign, and all between what is no letter
    r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
    r"|[^\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+(?:['’-]\w+)*"
)
_ATTACHED = re.compile(r"!\[[^\[\]\n]{0,200}\]\(attachment:[^()\n]{0,200}\)")


@dataclass(frozen=True)
class Change:
    """A code cell with its text now and ``before``, in the course; None there if it is new."""

    position: int
    text: str
    before: str | None


@dataclass
class Answers:
    """The answers of one notebook.

    ``texts`` has what was typed to each question, in the order of the questions, and ``how`` by
    what it was found (metadata, line or place); ``missing`` those whose answer cell is gone and to
    which nothing was typed; ``loose`` every typed text that fits no question or says nothing (a
    lone dot, a comment), with the number of its cell; ``changed`` and ``removed`` the code cells
    that are not as in the course; ``attachments`` those of each question, and of no question below
    "".
    """

    texts: dict[str, str]
    how: dict[str, str] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    loose: list[tuple[int, str]] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    attachments: dict[str, list[Attachment]] = field(default_factory=dict)

    def status(self, question: str) -> str:
        """answered, unchanged, or missing (the answer cell is gone)."""
        if self.texts[question] or self.attachments.get(question):
            return "answered"
        return "missing" if question in self.missing else "unchanged"

    @property
    def open(self) -> list[str]:
        """The questions that are not answered."""
        return [question for question in self.texts if self.status(question) != "answered"]

    def size(self, question: str) -> str:
        """How much was handed in to a question, in words and attachments; empty if nothing.

        >>> Answers({"w1-q1": "Because it is."}, attachments={"w1-q1": ["a.png"]}).size("w1-q1")
        '3 words, 1 attachment'
        """
        attachments = len(self.attachments.get(question, ()))
        counts = ((words(self.texts[question]), "word"), (attachments, "attachment"))
        return ", ".join(count(n, noun) for n, noun in counts if n)

    def __repr__(self) -> str:
        done, total = len(self.texts) - len(self.open), len(self.texts)
        lines = [f"{done} of {count(total, 'question')} answered"]
        for question in self.texts:
            told = filter(None, (self.status(question), self.size(question)))
            lines.append(f"  {question:<7} {', '.join(told)}")
        for position, text in self.loose:
            shown = printable(start(text, 60))
            lines.append(f"  cell {position}: a text that belongs to no question: {shown}")
        return "\n".join(lines)


def start(text: str, most: int) -> str:
    """The beginning of a text, in one line of at most so many letters."""
    line = " ".join(text[:1000].split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def words(text: str) -> int:
    """How many words; each Chinese or Japanese sign counts as one, an attachment's name as none.

    >>> words("It’s 3.5 times 更快")
    6
    """
    return len(_WORD.findall(_ATTACHED.sub("", text)))


def find_answers(notebook: dict, original: dict | None = None) -> Answers:
    """What was typed into a notebook, question by question.

    ``original`` is the course's own notebook, where it is at hand: with it every text that is not
    the course's is found. Without it only what stands in or directly behind an answer cell counts.
    """
    here = cells(notebook, badges=False)
    theirs = cells(original or {}, badges=False)
    questions = question_ids.asked(theirs or here)
    if not original:  # a question whose heading is gone may still have its answer
        questions += [question for cell in here for question in question_ids.answered_by(cell)]
    reader = _Reader(questions, here, CourseText(here, theirs))
    for cell in here:
        reader.read(cell)
    for question, parts in reader.typed.items():
        reader.found.texts[question] = "\n\n".join(parts)
    return reader.found


class _Reader:
    """Goes from top to bottom; ``place`` is the question in whose part it is, None outside."""

    def __init__(self, questions: Sequence[str], here: Sequence[Cell], course: CourseText):
        self.course = course
        self.texts = dict.fromkeys(questions, "")
        self.typed: dict[str, list[str]] = defaultdict(list)
        self.found = Answers(self.texts, missing={*questions}, removed=course.removed)
        self.place: str | None = None
        self.times = Counter(cell.answer for cell in here)

    def read(self, cell: Cell) -> None:
        named = [question for question in question_ids.answered_by(cell) if question in self.texts]
        if self.course.has(cell, bool(named)):
            self._pass(cell, named)
            return
        if cell.kind == "code" and not named:
            before = self.course.before.get(cell.position)
            self.found.changed.append(Change(cell.position, cell.text, before))
            if before is not None or not self.place:
                return
            code = indent(cell.text, "    ")  # which is code in Markdown, too
            parts = [(self.place, "place", code)]
        else:
            parts = list(self._parts(cell))
        home = parts[0][0]
        for question, how, part in parts:
            part = self.course.subtract(question_ids.ANY_PLACEHOLDER.sub("", part))
            part, says = part.strip("\n").rstrip(), says_something(part)
            if question is None or not says:
                if says or has_signs(part):
                    self.found.loose.append((cell.position, part))
            else:
                home, hows = question, self.found.how.get(question, "")
                self.typed[question].append(part)
                if how not in hows:
                    self.found.how[question] = " and ".join(filter(None, (hows, how)))
        if cell.attachments:
            self.found.attachments.setdefault(home or "", []).extend(cell.attachments)
            if home is None and cell.position not in dict(self.found.loose[-1:]):
                self.found.loose.append((cell.position, "[an attachment without a text]"))

    def _pass(self, cell: Cell, named: Sequence[str]) -> None:
        """Of a cell that is as the course made it, see only where we are."""
        if questions := question_ids.questions(cell.text):
            self.place = questions[0][1]
        elif named:
            self.place = named[0]
            self.found.missing.difference_update(named)
        elif cell.kind == "markdown" and question_ids.HEADING.search(cell.text):
            self.place = None

    def _parts(self, cell: Cell) -> Iterator[tuple[str | None, str, str]]:
        """The parts of a text between its cuts: question, how it was found, and the part."""
        cuts = [cut for cut in self._cuts(cell.text) if cut[1] is None or cut[1] in self.texts]
        marked = [question for _, question, how in cuts if how == "line"]
        named = cell.answer if cell.answer in self.texts else None
        if named and marked and named not in marked:
            first, _, how = cuts[0]
            if self.times[named] > 1:  # a copied cell keeps the metadata: the line tells
                named = None
            elif how == "line" and not cell.text[: first.start()].strip():
                del cuts[0]  # the line was edited: the metadata tell
        place, how = (named, "metadata") if named else (self.place, "place")
        self.found.missing.discard(named)
        begin, counts = 0, True
        for found, question, by in cuts:
            if counts:
                yield place, how, cell.text[begin : found.start()]
            if by == "line":
                self.found.missing.discard(question)
            place, how = question, "metadata" if question == named else by
            # The course's text of a question can be told from an answer only with the original.
            counts = by == "line" or self.course.known
            begin = found.end()
        if counts:
            yield place, how, cell.text[begin:]
        self.place = place

    def _cuts(self, text: str) -> list[tuple[re.Match, str | None, str]]:
        """Where a text says where we are: question (None for other headings of the course), how."""
        cuts = [(found, question, "line") for found, question in question_ids.answer_lines(text)]
        cuts += [(found, question, "place") for found, question in question_ids.questions(text)]
        headings = question_ids.HEADING.finditer(text) if self.course.headings else ()
        cuts += [(one, None, "place") for one in headings if plain(one[0]) in self.course.headings]
        return sorted(cuts, key=lambda cut: cut[0].start())
