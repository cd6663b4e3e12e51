"""Which questions of a notebook are answered: what a student sees before handing in, and what teachers collect.

Every question of the course has an id (``w2-q3``), and its answer cell says so twice: in its metadata
(``{"coursekit": {"answer": "w2-q3"}}``) and in its first line (``**Answer w2-q3**``). People move, split, merge and delete
cells. So an answer is found by the metadata, else by the line, else by the place between two headings; and a text that
fits nowhere is kept as it is, never dropped.
"""

import json
import os
import re
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PLACEHOLDER = "*Write your answer here.*"
QUESTION = re.compile(r"^#{1,6}\s+Question\s+(w\d+-q\d+)\b", re.MULTILINE | re.IGNORECASE)
# As people leave it: other signs around it, another case, text behind it.
MARKER = re.compile(r"^[ \t>*_#-]*Answer[ \t]+(w\d+-?q\d+)\b[ \t:.*_]*", re.MULTILINE | re.IGNORECASE)
# An answer is written without the signs of its placeholder, too.
_PLACEHOLDER = re.compile(r"[*_]?Write your answer here\.?[*_]?", re.IGNORECASE)
_HEADING = re.compile(r"^ {0,3}#{1,6}\s", re.MULTILINE)
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+(?:['’-]\w+)*")
_LONG = 20  # letters of a line that nobody writes twice by chance

ANSWERED, UNCHANGED, MISSING = "answered", "unchanged", "missing"


@dataclass(frozen=True)
class Cell:
    """One cell as it was found: its number counted from 1, ``kind`` (markdown, code or raw), ``text``, and the question
    that its metadata name, empty if none. ``own`` tells whether the course says that the cell is its own: by tag or id."""

    position: int
    kind: str
    text: str
    answer: str
    own: bool
    pictures: tuple[dict, ...] = ()


@dataclass
class Answers:
    """The answers of one notebook.

    ``texts`` has what was typed to each question, in the order of the questions; ``missing`` those whose answer cell is
    gone and to which nothing was typed; ``loose`` every typed text that fits no question, with the number of its cell;
    ``changed`` the code cells that are not as the course has them, as (number, "changed" or "new", text); ``removed`` how
    many code cells of the course are gone; ``pictures`` the attachments of each answer (type → base64).
    """

    texts: dict[str, str]
    missing: set[str] = field(default_factory=set)
    loose: list[tuple[int, str]] = field(default_factory=list)
    changed: list[tuple[int, str, str]] = field(default_factory=list)
    removed: int = 0
    pictures: dict[str, list[dict]] = field(default_factory=dict)

    def status(self, question: str) -> str:
        """answered, unchanged, or missing (the answer cell is gone)."""
        if self.texts[question] or self.pictures.get(question):
            return ANSWERED
        return MISSING if question in self.missing else UNCHANGED

    @property
    def open(self) -> list[str]:
        """The questions that are not answered."""
        return [question for question in self.texts if self.status(question) != ANSWERED]

    def __repr__(self) -> str:
        done = len(self.texts) - len(self.open)
        lines = [f"{done} of {len(self.texts)} questions answered"]
        for question in self.texts:
            count = words(self.texts[question])
            size = f", {count} word{'s' * (count != 1)}" if self.status(question) == ANSWERED else ""
            lines.append(f"  {question:<7} {self.status(question)}{size}")
        lines += [f"  cell {position}: a text that belongs to no question: {_start(text)}" for position, text in self.loose]
        return "\n".join(lines)


def words(text: str) -> int:
    """How many words; each Chinese or Japanese character counts as one.

    >>> words("It’s 3.5 times 更快")
    6
    """
    return len(_WORD.findall(text))


def cells(notebook: dict) -> list[Cell]:
    """The cells of a notebook's JSON of format 4, whatever state it is in. What is no cell at all is left out."""
    found = []
    for position, cell in enumerate(notebook.get("cells", ()), 1):
        if not isinstance(cell, dict):
            continue
        metadata = cell.get("metadata") if isinstance(cell.get("metadata"), dict) else {}
        ours = metadata.get("coursekit") if isinstance(metadata.get("coursekit"), dict) else {}
        tags = metadata.get("tags") if isinstance(metadata.get("tags"), list) else []
        attachments = cell.get("attachments") if isinstance(cell.get("attachments"), dict) else {}
        answer = ours.get("answer")
        found.append(Cell(
            position, str(cell.get("cell_type")), _joined(cell.get("source")), answer if isinstance(answer, str) else "",
            any(tag in ("question", "discussion", "setup") for tag in tags if isinstance(tag, str))
            or bool(re.fullmatch(r"cell-\d+", str(cell.get("id")))),
            tuple(picture for picture in attachments.values() if isinstance(picture, dict))))
    return found


def asked(notebook: dict) -> list[str]:
    """The ids of the questions in a notebook, in their order."""
    found = [match[1].lower() for cell in cells(notebook) if cell.kind == "markdown" for match in QUESTION.finditer(cell.text)]
    return list(dict.fromkeys(found))


def find_answers(notebook: dict, source: dict | None = None) -> Answers:
    """What was typed into a notebook, question by question.

    ``source`` is the course's own notebook, where it is at hand: with it every text that is not the course's is found.
    Without it only what stands in or directly behind an answer cell counts.
    """
    here, model = cells(notebook), cells(source) if source else None
    questions = asked(source or notebook)
    if not source:  # a question whose heading is gone may still have its answer
        questions = list(dict.fromkeys([*questions, *(q for cell in here for q in (cell.answer, *_marked(cell.text)) if q)]))
    reader = _Reader(questions, here, model)
    for cell in here:
        reader.read(cell)
    return reader.result()


class _Reader:
    """Goes through a notebook from top to bottom; ``place`` is the question in whose part it is, None outside."""

    def __init__(self, questions: Sequence[str], here: Sequence[Cell], model: Sequence[Cell] | None):
        self.questions = questions
        self.texts: dict[str, list[str]] = {question: [] for question in questions}
        self.pictures: dict[str, list[dict]] = {}
        self.seen: set[str] = set()
        self.loose: list[tuple[int, str]] = []
        self.changed: list[tuple[int, str, str]] = []
        self.place: str | None = None
        self.times = Counter(cell.answer for cell in here)
        self.model = None if model is None else _Model(model)

    def read(self, cell: Cell) -> None:
        if self._is_the_courses(cell):
            return
        named = cell.answer in self.texts or any(question in self.texts for question in _marked(cell.text))
        if cell.kind == "code":
            known = self.model.resembles(cell)
            self.changed.append((cell.position, "changed" if known else "new", cell.text))
            if not named and (known or not self.place):
                return
        for question, part in self._parts(cell):
            part = self._typed(part, cell)
            if not part and not cell.pictures:
                continue
            if question is None:
                self.loose.append((cell.position, part or "[a picture]"))
            elif part:
                self.texts[question].append(part)
        if cell.pictures and self.place:
            self.pictures.setdefault(self.place, []).extend(cell.pictures)

    def _is_the_courses(self, cell: Cell) -> bool:
        """Whether the cell is as the course made it; then it may say where we are."""
        if self.model:
            ours = self.model.has(cell)
        else:
            ours = cell.kind == "code" or (cell.own and not cell.answer and not _marked(cell.text))
        if not ours:
            return False
        if question := QUESTION.search(cell.text):
            self.place = question[1].lower()
        elif marked := [q for q in (cell.answer, *_marked(cell.text)) if q in self.texts]:
            self.place = marked[0]
            self.seen.update(marked)
            return bool(self.model) and not cell.pictures
        elif cell.kind == "markdown" and _HEADING.search(cell.text):
            self.place = None
        return True

    def _parts(self, cell: Cell) -> Iterable[tuple[str | None, str]]:
        """The text of a cell, cut at the lines that name a question, with the question of each part."""
        text = cell.text
        cuts = [(match.start(), match.end(), _id(match[1])) for match in MARKER.finditer(text)]
        cuts = [cut for cut in cuts if cut[2] in self.texts]
        headed = QUESTION.search(text)
        if headed and headed[1].lower() in self.texts:
            self.place = headed[1].lower()
        named = cell.answer if cell.answer in self.texts else None
        # A copied cell keeps the metadata: of two with the same ones, the line tells which answer it really is.
        copied = named and cuts and self.times[named] > 1 and cuts[0][2] != named
        if named and not copied and len(cuts) <= 1:
            self.place = named
            self.seen.add(named)
            yield named, MARKER.sub("", text, count=1)
            return
        if named and not cuts:
            self.place = named
        begin = 0
        for start, end, question in cuts:
            yield self.place, text[begin:start]
            self.place = question
            self.seen.add(question)
            begin = end
        yield self.place, text[begin:]

    def _typed(self, text: str, cell: Cell) -> str:
        """What of a text is not the course's own."""
        text = _PLACEHOLDER.sub("", text)
        if self.model and cell.kind != "code":
            text = self.model.subtract(text)
        return text.strip("\n").rstrip() if text.strip() else ""

    def result(self) -> Answers:
        texts = {question: "\n\n".join(parts) for question, parts in self.texts.items()}
        missing = {question for question in texts if question not in self.seen}
        removed = self.model.left() if self.model else 0
        return Answers(texts, missing, self.loose, self.changed, removed, self.pictures)


class _Model:
    """The course's notebook, asked for what is its own in a student's one."""

    def __init__(self, model: Sequence[Cell]):
        self.texts = {_plain(cell.text) for cell in model if cell.kind != "code"}
        self.code = Counter(_exact(cell.text) for cell in model if cell.kind == "code" and cell.text.strip())
        self.lines = [set(code.splitlines()) for code in self.code]
        self.prose = [[line for line in map(_plain, cell.text.splitlines()) if line] for cell in model
                      if cell.kind == "markdown" and not _marked(cell.text)]

    def has(self, cell: Cell) -> bool:
        if not cell.text.strip():
            return True
        if cell.kind != "code":
            return _plain(cell.text) in self.texts
        known = _exact(cell.text) in self.code
        self.code.subtract({_exact(cell.text): 1} if known else {})
        return known

    def resembles(self, cell: Cell) -> bool:
        """Whether half of the lines are those of one of the course's code cells, or the other way round."""
        lines = set(_exact(cell.text).splitlines())
        return any(2 * len(lines & own) >= min(len(lines), len(own)) for own in self.lines)

    def left(self) -> int:
        """How many of the course's code cells were not met."""
        return sum(count for count in self.code.values() if count > 0)

    def subtract(self, text: str) -> str:
        """The text without the lines of those of the course's cells that are, for the most part, in it."""
        lines = text.splitlines()
        plain = [_plain(line) for line in lines]
        there = Counter(plain)
        for own in self.prose:
            shared = [line for line in own if there[line]]
            if 2 * len(shared) >= len(own) and any(len(line) > _LONG for line in shared):
                left = Counter(shared)
                for i, line in enumerate(plain):
                    if line and left[line] > 0:
                        left[line] -= 1
                        there[line] -= 1
                        lines[i] = plain[i] = ""
        return "\n".join(lines)


def answers(path: str | Path | None = None) -> Answers | None:
    """Which questions of this notebook are answered: the last look before handing in.

    In Jupyter it reads the notebook's file as it was last saved; in Colab, which keeps no file, it asks the page. Where
    neither can be had it says what to do, and gives None. Of any other notebook, name the file.
    Raises ``ValueError`` for a file that cannot be read as a notebook.
    """
    if path is None and "google.colab" in sys.modules:
        return _of_colab()
    path = Path(path or _own_file())
    if not path.is_file():
        print("This notebook's file cannot be found from here. Save it, and ask on the command line: coursekit answers FILE")
        return None
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path.name} cannot be read as a notebook ({error})") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise ValueError(f"{path.name} is not a notebook of format 4: it has no list of cells")
    saved = time.strftime("%H:%M:%S", time.localtime(path.stat().st_mtime))
    print(f"{path.name}, as saved at {saved}. If you have typed since then: save, and run this cell again.")
    return find_answers(notebook)


def _of_colab() -> Answers | None:
    from google.colab import _message  # Colab's own way to its page; it has no public one

    reply = _message.blocking_request("get_ipynb", timeout_sec=20)
    if not isinstance(reply, dict) or not isinstance(reply.get("ipynb"), dict):
        print("Colab's page did not answer: keep it open, and run this cell again.")
        return None
    return find_answers(reply["ipynb"])


def _own_file() -> str:
    """The file of the notebook that asks: Jupyter's server and `coursekit run` put it into the environment, Visual Studio
    Code into the notebook's own variables. Empty where nobody says it."""
    from IPython import get_ipython

    shell = get_ipython()
    return (shell and shell.user_ns.get("__vsc_ipynb_file__")) or os.environ.get("JPY_SESSION_NAME", "")


def _joined(source) -> str:
    if isinstance(source, list):
        return "".join(part for part in source if isinstance(part, str))
    return source if isinstance(source, str) else ""


def _plain(text: str) -> str:
    """The text as it is compared: spaces and line ends, and the ways to write one letter, make no difference."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _exact(text: str) -> str:
    """Code as it is compared: only spaces at the ends of lines make no difference."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _id(text: str) -> str:
    week, _, number = text.lower().partition("q")
    return f"{week.rstrip('-')}-q{number}"


def _marked(text: str) -> list[str]:
    return [_id(match[1]) for match in MARKER.finditer(text)]


def _start(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"
