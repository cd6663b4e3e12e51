"""The course's notebook behind a hand-in: which one it is, and what in the hand-in is its own."""

import re
import unicodedata
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import course
from . import notebook
from .notebook import Cell
from .question_ids import ANY_QUESTION, HEADING, answer_lines, asked, questions

_LONG = 20  # letters of a line that nobody writes twice by chance


@dataclass(frozen=True)
class Original:
    """A notebook of the course: its file's name without suffix, its title, JSON and questions."""

    stem: str
    title: str
    content: dict
    asked: list[str]


class Originals:
    """The notebooks of the course. Raises ``CommandError`` when one of them cannot be read."""

    def __init__(self, root: Path):
        self.all = [self._read(path, root) for path in course.find_notebooks([], root)]
        self.of_text = {}
        for original in self.all:
            own = notebook.cells(original.content, badges=False)
            for text in {plain(cell.text) for cell in own} - {""}:
                # a text of several notebooks tells nothing
                self.of_text[text] = None if text in self.of_text else original
        self.of_question = {name: original for original in self.all for name in original.asked}

    @staticmethod
    def _read(path: Path, root: Path) -> Original:
        try:
            content = notebook.read(path)
        except course.NotANotebook as error:
            wrong = f"{course.shown(path, root)} {error}: mend it first (coursekit lint)"
            raise course.CommandError(wrong) from None
        title = notebook.title(content) or path.stem
        return Original(path.stem, title, content, asked(notebook.cells(content)))

    def find(self, content: dict, name: str) -> Original | None:
        """The one with most cells in common, then questions, title, file name (for people change
        it); None if none."""
        here = notebook.cells(content, badges=False)
        homes = (self.of_text.get(text) for text in {plain(cell.text) for cell in here})
        same = Counter(original.stem for original in homes if original)
        marked = [questions(cell.text) + answer_lines(cell.text) for cell in here]
        named = {cell.answer for cell in here} | {name for found in marked for _, name in found}
        asked = Counter(self.of_question[q].stem for q in named & self.of_question.keys())
        title = notebook.title(content)
        alike = [
            (same[one.stem], asked[one.stem], title == one.title, one.stem.lower() in name.lower())
            for one in self.all
        ]
        best = max(alike)
        # one short cell may be alike by chance
        return self.all[alike.index(best)] if best[0] > 1 or any(best[1:]) else None


class CourseText:
    """What in a hand-in (the cells ``here``) is the course's own.

    With the course's notebook (``original``) that is known; without it, what the course has tagged
    or numbered is taken for its own. ``before`` has the number of each code cell that was changed,
    with the course's text; ``removed`` the texts of those that are gone; ``headings`` those of the
    course that were torn out of their cells.
    """

    def __init__(self, here: Sequence[Cell], original: Sequence[Cell]):
        self.known = bool(original)
        self.ids = Counter(cell.id for cell in here if re.fullmatch(r"cell-\d+", cell.id))
        self.texts = {_same(cell) for cell in original}
        intact = {_same(cell) for cell in here}
        # A text of the course that stands where it should is a quotation where it stands again; so
        # is a discussion, which students do not have.
        given = [own for own in original if own.kind == "markdown" and "discussion" not in own.tags]
        gone = [own.text for own in given if _same(own) not in intact]
        torn = [text for text in gone if not answer_lines(text)]
        self.prose = [[plain(line) for line in text.splitlines() if line.strip()] for text in torn]
        self.long = {line for own in self.prose for line in own if len(line) > _LONG}
        headings = (heading[0] for text in torn for heading in HEADING.finditer(text))
        self.headings = {plain(text) for text in headings if not ANY_QUESTION.match(text)}
        self.before, self.removed = _pair_code(original, here)

    def has(self, cell: Cell, answers: bool) -> bool:
        """Whether a cell is the course's or empty; ``answers`` if it names what it answers."""
        empty = not (cell.text.strip() or cell.attachments)
        if self.known:
            return cell.position not in self.before and (empty or _same(cell) in self.texts)
        likely = cell.kind == "code" or not self.ids or self.ids[cell.id] == 1
        tagged = not cell.tags.isdisjoint({"question", "discussion", "setup"})
        return empty or ((likely or tagged) and not answers)

    def subtract(self, text: str) -> str:
        """The text without the lines of those of the course's cells that are mostly in it."""
        lines = text.splitlines() if self.long else []
        places = defaultdict(deque)  # of each line, from the first on
        for i, line in enumerate(map(plain, lines)):
            places[line].append(i)
        if not places.keys() & self.long:
            return text
        for own in self.prose:
            shared = [line for line in own if places.get(line)]
            if 2 * len(shared) >= len(own) and not self.long.isdisjoint(shared):
                for line in shared:
                    if places[line]:
                        lines[places[line].popleft()] = ""
        return "\n".join(lines)


def plain(text: str) -> str:
    """The text as it is compared: without regard to spaces and the ways to write one letter."""
    words = text.split()
    if not text.isascii():  # normalisation takes the square of its time over many accents
        words = [unicodedata.normalize("NFC", one) if len(one) < 1000 else one for one in words]
    return " ".join(words)


def _pair_code(original: Sequence[Cell], here: Sequence[Cell]) -> tuple[dict[int, str], list[str]]:
    """Code cells that were changed (number → the course's text), and the texts that are gone."""
    left = [cell for cell in original if cell.kind == "code" and cell.text.strip()]
    stock = defaultdict(list)
    for own in left:
        stock[_exact(own.text)].append(own)
    changed = []
    for cell in here:
        if same := stock[_exact(cell.text)]:
            left.remove(same.pop())
        elif cell.kind == "code" and cell.text.strip():
            changed.append(cell)
    lines = {cell.text: {*_exact(cell.text).splitlines()} - {""} for cell in (*changed, *left)}

    def shared(cell: Cell, own: Cell) -> float:
        """Which share of the lines of the shorter one is in the other one, too."""
        both = lines[cell.text], lines[own.text]
        return len(both[0] & both[1]) / min(map(len, both))

    before = {}
    for likeness in (lambda cell, own: cell.id == own.id != "", shared):
        for cell in changed:
            best = max(left, key=lambda own: likeness(cell, own), default=None)
            if best and cell.position not in before and likeness(cell, best) >= 0.5:
                before[cell.position] = best.text
                left.remove(best)
    return before, [cell.text for cell in left]


def _same(cell: Cell) -> tuple:
    """A cell as it is compared, be it Markdown or code by now."""
    return plain(cell.text), cell.attachments


def _exact(text: str) -> str:
    """Code as it is compared: only spaces at the ends of lines make no difference."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())
