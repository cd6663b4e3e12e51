"""Which questions of a notebook are answered: what a student sees before handing in, and what
teachers collect.

Every question of the course has an id (``w2-q3``), and its answer cell says so twice: in its
metadata (``{"coursekit": {"answer": "w2-q3"}}``) and in its first line (``**Answer w2-q3**``).
People move, split, merge and delete cells. So an answer is found by the metadata, else by the line,
else by the place between two headings; and a text that fits nowhere is kept as it is, never
dropped.
"""

import json
import os
import re
import sys
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent

PLACEHOLDER = "*Write your answer here.*"
QUESTION = re.compile(r"^#{1,6}[ \t]+Question[ \t]+(w\d+-q\d+)\b", re.MULTILINE | re.IGNORECASE)
# As people leave it: other signs around it, another case, text behind it. Groups: signs before, id,
# signs behind.
MARKER = re.compile(
    r"^([ \t>*_#-]*)Answer[ \t]+(w\d+-?q\d+)\b([*_]*[:：.]?[*_]*)[ \t]*",
    re.MULTILINE | re.IGNORECASE,
)
# An answer is written without the signs of its placeholder, too.
_PLACEHOLDER = re.compile(
    r"^[ \t]*[*_]*Write your answer here\.?[*_]*[ \t]*", re.MULTILINE | re.IGNORECASE
)
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t].*$", re.MULTILINE)
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+(?:['’-]\w+)*"
)
_ONLY_SIGNS = re.compile(r"[\s*_#>:：.-]*")
_LONG = 20  # letters of a line that nobody writes twice by chance
# Colab's badge differs from copy to copy. Lengths are bounded, so that a text made to be slow is
# not.
_BADGE = re.compile(
    r"\[!\[[^\[\]\n]{0,80}\]\([^()\s]{0,200}colab-badge\.svg\)\]\([^()\s]{0,400}\)"
    r'|<a href="https://colab\.research\.google\.com/[^"\s]{0,400}"[^<>]{0,80}>'
    r'<img src="[^"\s]{0,200}colab-badge\.svg"[^<>]{0,80}></a>'
)
# A picture as Colab pastes it: in the text itself.
_PASTED = re.compile(r"!\[([^\[\]\n]{0,200})\]\(data:(image/[\w+.-]{1,20});base64,([\w+/=]+)\)")
_ATTACHED = re.compile(r"!\[[^\[\]\n]{0,200}\]\(attachment:[^()\n]{0,200}\)")

ANSWERED, UNCHANGED, MISSING = "answered", "unchanged", "missing"


@dataclass(frozen=True)
class Cell:
    """One cell as it was found: its number counted from 1, ``kind`` (markdown, code or raw),
    ``id``, ``text``, the question that its metadata name (empty if none), its tags, and its
    ``pictures`` as (name, type, base64)."""

    position: int
    kind: str
    id: str
    text: str
    answer: str
    tags: frozenset[str]
    pictures: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Change:
    """A code cell that is not as the course has it: its number, its text, and the course's text
    before; None if it is new."""

    position: int
    text: str
    before: str | None


@dataclass
class Answers:
    """The answers of one notebook.

    ``texts`` has what was typed to each question, in the order of the questions, and ``how`` by
    what it was found (metadata, line or place); ``missing`` those whose answer cell is gone and to
    which nothing was typed; ``loose`` every typed text that fits no question, with the number of
    its cell; ``changed`` and ``removed`` the code cells that are not as in the course; ``pictures``
    those of each question as (name, type, base64), and of no question below "".
    """

    texts: dict[str, str]
    how: dict[str, str] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    loose: list[tuple[int, str]] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    pictures: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)

    def status(self, question: str) -> str:
        """answered, unchanged, or missing (the answer cell is gone)."""
        if self.texts[question] or self.pictures.get(question):
            return ANSWERED
        return MISSING if question in self.missing else UNCHANGED

    @property
    def open(self) -> list[str]:
        """The questions that are not answered."""
        return [question for question in self.texts if self.status(question) != ANSWERED]

    def size(self, question: str) -> str:
        """How much was handed in to a question, in words and pictures; empty if nothing.

        >>> Answers({"w1-q1": "Because it is."}, pictures={"w1-q1": [("a.png", "image/png", "iVBO")]}).size("w1-q1")
        '3 words, 1 picture'
        """
        counts = {
            "word": words(self.texts[question]),
            "picture": len(self.pictures.get(question, ())),
        }
        return ", ".join(
            f"{count} {noun}{'s' * (count != 1)}" for noun, count in counts.items() if count
        )

    def __repr__(self) -> str:
        done = len(self.texts) - len(self.open)
        lines = [f"{done} of {len(self.texts)} question{'s' * (len(self.texts) != 1)} answered"]
        for question in self.texts:
            lines.append(
                f"  {question:<7} "
                + ", ".join(filter(None, (self.status(question), self.size(question))))
            )
        lines += [
            f"  cell {position}: a text that belongs to no question: {_start(text)}"
            for position, text in self.loose
        ]
        return "\n".join(lines)


def words(text: str) -> int:
    """How many words; each Chinese or Japanese character counts as one, and the name of a picture
    as none.

    >>> words("It’s 3.5 times 更快")
    6
    """
    return len(_WORD.findall(_ATTACHED.sub("", text)))


def cells(notebook: dict) -> list[Cell]:
    """The cells of a notebook's JSON of format 4, whatever state it is in. What is no cell at all
    is left out."""
    return [
        _cell(position, cell)
        for position, cell in enumerate(notebook.get("cells", ()), 1)
        if isinstance(cell, dict)
    ]


def asked(notebook: dict) -> list[str]:
    """The ids of the questions in a notebook, in their order."""
    found = [
        match[1].lower()
        for cell in cells(notebook)
        if cell.kind == "markdown"
        for match in QUESTION.finditer(cell.text)
    ]
    return list(dict.fromkeys(found))


def find_answers(notebook: dict, source: dict | None = None) -> Answers:
    """What was typed into a notebook, question by question.

    ``source`` is the course's own notebook, where it is at hand: with it every text that is not the
    course's is found. Without it only what stands in or directly behind an answer cell counts.
    """
    here = cells(notebook)
    questions = asked(source or notebook)
    if not source:  # a question whose heading is gone may still have its answer
        questions = list(
            dict.fromkeys([*questions, *(question for cell in here for question in named_by(cell))])
        )
    reader = _Reader(questions, here, _Course(cells(source), here) if source else _Guess(here))
    for cell in here:
        reader.read(cell)
    return reader.result()


class _Reader:
    """Goes through a notebook from top to bottom; ``place`` is the question in whose part it is,
    None outside."""

    def __init__(self, questions: Sequence[str], here: Sequence[Cell], model: "_Course | _Guess"):
        self.model = model
        self.texts: dict[str, list[str]] = {question: [] for question in questions}
        self.how: dict[str, list[str]] = {question: [] for question in questions}
        self.pictures: dict[str, list[tuple[str, str, str]]] = {}
        self.seen: set[str] = set()
        self.loose: list[tuple[int, str]] = []
        self.changed: list[Change] = []
        self.place: str | None = None
        self.times = Counter(cell.answer for cell in here)

    def read(self, cell: Cell) -> None:
        named = [question for question in named_by(cell) if question in self.texts]
        if self.model.has(cell, bool(named)):
            self._pass(cell, named)
            return
        if cell.kind == "code" and not named:
            before = self.model.before.get(cell.position)
            self.changed.append(Change(cell.position, cell.text, before))
            if before is not None or not self.place:
                return
            parts = [
                (self.place, "place", indent(cell.text, "    "))
            ]  # which is code in Markdown, too
        else:
            parts = list(self._parts(cell))
        home = parts[0][0]
        for question, how, part in parts:
            part = self._typed(part)
            if part and question is None:
                self.loose.append((cell.position, part))
            elif part:
                self.texts[question].append(part)
                self.how[question].append(how)
                home = question
        if cell.pictures:
            self.pictures.setdefault(home or "", []).extend(cell.pictures)
            if home is None and not any(position == cell.position for position, _ in self.loose):
                self.loose.append((cell.position, "[a picture without a text]"))

    def _pass(self, cell: Cell, named: Sequence[str]) -> None:
        """Of a cell that is as the course made it, see only where we are."""
        if question := QUESTION.search(cell.text):
            self.place = question[1].lower()
        elif named:
            self.place = named[0]
            self.seen.update(named)
        elif cell.kind == "markdown" and _HEADING.search(cell.text):
            self.place = None

    def _parts(self, cell: Cell) -> Iterator[tuple[str | None, str, str]]:
        """The text of a cell, cut at each line that says where we are: its question, how it was
        found, and the part."""
        cuts = [cut for cut in self._cuts(cell.text) if cut[2] is None or cut[2] in self.texts]
        marked = [question for _, _, question, how in cuts if how == "line"]
        named = cell.answer if cell.answer in self.texts else None
        if named and marked and named not in marked:
            if (
                self.times[named] > 1
            ):  # a copied cell keeps the metadata: the line tells which answer it really is
                named = None
            elif (
                cuts[0][3] == "line" and not cell.text[: cuts[0][0]].strip()
            ):  # a line that was edited: the metadata count
                del cuts[0]
        place, how = (named, "metadata") if named else (self.place, "place")
        if named:
            self.seen.add(named)
        begin, counts = 0, True
        for start, end, question, by in cuts:
            if counts:
                yield place, how, cell.text[begin:start]
            if by == "line":
                self.seen.add(question)
            place, how = question, "metadata" if question == named else by
            # the course's text of a question can be told from an answer only where the course's
            # notebook is at hand
            counts = by == "line" or self.model.knows_prose
            begin = end
        if counts:
            yield place, how, cell.text[begin:]
        self.place = place

    def _cuts(self, text: str) -> list[tuple[int, int, str | None, str]]:
        """Where a text says where we are: start and end, the question (None for another heading of
        the course's), how."""
        cuts = [(match.start(), match.end(), _id(match[2]), "line") for match in _markers(text)]
        cuts += [
            (match.start(), match.end(), match[1].lower(), "place")
            for match in QUESTION.finditer(text)
        ]
        cuts += [
            (match.start(), match.end(), None, "place")
            for match in _HEADING.finditer(text)
            if _plain(match[0]) in self.model.headings
        ]
        return sorted(cuts, key=lambda cut: cut[0])

    def _typed(self, text: str) -> str:
        """What of a text is not the course's own."""
        text = self.model.subtract(_PLACEHOLDER.sub("", text))
        return "" if _ONLY_SIGNS.fullmatch(text) else text.strip("\n").rstrip()

    def result(self) -> Answers:
        texts = {question: "\n\n".join(parts) for question, parts in self.texts.items()}
        how = {
            question: " and ".join(dict.fromkeys(ways))
            for question, ways in self.how.items()
            if ways
        }
        missing = {question for question in texts if question not in self.seen}
        return Answers(
            texts, how, missing, self.loose, self.changed, self.model.removed, self.pictures
        )


class _Course:
    """The course's notebook, asked for what is its own in a student's one."""

    knows_prose = True

    def __init__(self, model: Sequence[Cell], here: Sequence[Cell]):
        self.texts = {_same(cell) for cell in model}
        intact = {_same(cell) for cell in here} & self.texts
        # A text of the course that stands where it should is a quotation where it stands again; so
        # is a discussion, which students do not have.
        torn = [
            cell
            for cell in model
            if cell.kind == "markdown"
            and _same(cell) not in intact
            and "discussion" not in cell.tags
            and not _markers(cell.text)
        ]
        self.prose = [
            [line for line in map(_plain, cell.text.splitlines()) if line] for cell in torn
        ]
        self.long = {line for own in self.prose for line in own if len(line) > _LONG}
        self.headings = {
            _plain(match[0])
            for cell in torn
            for match in _HEADING.finditer(cell.text)
            if not QUESTION.match(match[0])
        }
        self.before, self.removed = self._pair(model, here)

    def has(self, cell: Cell, named: bool) -> bool:
        return cell.position not in self.before and (
            _same(cell) in self.texts or not (cell.text.strip() or cell.pictures)
        )

    def subtract(self, text: str) -> str:
        """The text without the lines of those of the course's cells that are, for the most part, in
        it."""
        lines = text.splitlines() if self.long else ()
        plain = [_plain(line) for line in lines]
        there = Counter(plain)
        if not there.keys() & self.long:
            return text
        for own in self.prose:
            shared = Counter(line for line in own if there[line])
            if 2 * shared.total() >= len(own) and shared.keys() & self.long:
                for i, line in enumerate(plain):
                    if line and shared[line] > 0:
                        shared[line] -= 1
                        there[line] -= 1
                        lines[i] = plain[i] = ""
        return "\n".join(lines)

    def _pair(
        self, model: Sequence[Cell], here: Sequence[Cell]
    ) -> tuple[dict[int, str], list[str]]:
        """Code cells that were changed (number → the course's text), and the texts of those that
        are gone."""
        left = [cell for cell in model if cell.kind == "code" and cell.text.strip()]
        stock = defaultdict(list)
        for own in left:
            stock[_exact(own.text)].append(own)
        changed = []
        for cell in here:
            if same := stock[_exact(cell.text)]:
                left.remove(same.pop())
            elif cell.kind == "code" and cell.text.strip():
                changed.append(cell)
        lines, lines_of_ours = (
            {cell.position: set(_exact(cell.text).splitlines()) - {""} for cell in group}
            for group in (changed, left)
        )

        def shared(cell: Cell, own: Cell) -> float:
            """Which share of the lines of the shorter one is in the other one, too."""
            both = lines[cell.position], lines_of_ours[own.position]
            return len(both[0] & both[1]) / min(map(len, both))

        before = {}
        for likeness, least in ((_same_id, 1), (shared, 0.5)):
            for cell in changed:
                best = max(left, key=lambda own: likeness(cell, own), default=None)
                if best and cell.position not in before and likeness(cell, best) >= least:
                    before[cell.position] = best.text
                    left.remove(best)
        return before, [cell.text for cell in left]


class _Guess:
    """What can be told of a notebook without the course's one: cells that it has tagged or numbered
    are its own."""

    knows_prose = False

    def __init__(self, here: Sequence[Cell]):
        self.headings, self.before, self.removed = frozenset(), {}, []
        ids = Counter(cell.id for cell in here if re.fullmatch(r"cell-\d+", cell.id))
        self.own = {
            cell.position
            for cell in here
            if ids[cell.id] == 1 or cell.tags & {"question", "discussion", "setup"}
        }
        self.numbered = bool(ids)

    def has(self, cell: Cell, named: bool) -> bool:
        if not (cell.text.strip() or cell.pictures):
            return True
        return not named and (cell.kind == "code" or cell.position in self.own or not self.numbered)

    def subtract(self, text: str) -> str:
        return text


def answers(path: str | Path | None = None) -> Answers | None:
    """Which questions of this notebook are answered: the last look before handing in.

    In Jupyter it reads the notebook's file as it was last saved; in Colab, which keeps no file, it
    asks the page. Where neither can be had it says what to do, and gives None. Of any other
    notebook, name the file. Raises ``ValueError`` for a file that cannot be read as a notebook.
    """
    if path is None and "google.colab" in sys.modules:
        return _of_colab()
    path = Path(path or _own_file())
    if not path.is_file():
        print(
            "This notebook's file cannot be found from here. Save it, and ask on the command line: coursekit answers FILE"
        )
        return None
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path.name} cannot be read as a notebook ({error})") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise ValueError(f"{path.name} is not a notebook of format 4: it has no list of cells")
    saved = time.strftime("%H:%M:%S", time.localtime(path.stat().st_mtime))
    print(
        f"{path.name}, as saved at {saved}. If you have typed since then: save, and run this cell again."
    )
    return find_answers(notebook)


def _of_colab() -> Answers | None:
    from google.colab import _message  # Colab's own way to its page; it has no public one

    try:
        reply = _message.blocking_request("get_ipynb", timeout_sec=20)
    except Exception:  # the page's errors are of a kind of Colab's own, which is not public either
        reply = None
    if not isinstance(reply, dict) or not isinstance(reply.get("ipynb"), dict):
        print("Colab's page did not answer: keep it open, and run this cell again.")
        return None
    return find_answers(reply["ipynb"])


def _own_file() -> str:
    """The file of the notebook that asks: Jupyter's server and `coursekit run` put it into the
    environment, Visual Studio Code into the notebook's own variables. Empty where nobody says
    it."""
    from IPython import get_ipython

    shell = get_ipython()
    return (shell and shell.user_ns.get("__vsc_ipynb_file__")) or os.environ.get(
        "JPY_SESSION_NAME", ""
    )


def _joined(source) -> str:
    if isinstance(source, list):
        return "".join(part for part in source if isinstance(part, str))
    return source if isinstance(source, str) else ""


def _cell(position: int, cell: dict) -> Cell:
    metadata = _dict(cell.get("metadata"))
    text = _joined(cell.get("source")).replace("\r\n", "\n").replace("\r", "\n")
    pictures = [
        (str(name), str(kind), _joined(data))
        for name, kinds in _dict(cell.get("attachments")).items()
        for kind, data in _dict(kinds).items()
    ]
    if "colab-badge" in text:
        text = _BADGE.sub("", text)
    if ";base64," in text:
        pictures += [(match[1], match[2], match[3]) for match in _PASTED.finditer(text)]
        text = _PASTED.sub(r"![\1](attachment:\1)", text)
    tags = metadata.get("tags")
    answer = _dict(metadata.get("coursekit")).get("answer")
    return Cell(
        position,
        str(cell.get("cell_type")),
        str(cell.get("id") or metadata.get("id") or ""),
        text,
        answer if isinstance(answer, str) and re.fullmatch(r"w\d+-q\d+", answer) else "",
        frozenset(tag for tag in tags if isinstance(tag, str))
        if isinstance(tags, list)
        else frozenset(),
        tuple(pictures),
    )


def _dict(value) -> dict:
    return value if isinstance(value, dict) else {}


def named_by(cell: Cell) -> list[str]:
    """The questions that a cell's metadata and lines name."""
    return [
        question
        for question in (cell.answer, *(_id(match[2]) for match in _markers(cell.text)))
        if question
    ]


def _markers(text: str) -> list[re.Match]:
    """The lines that name a question: set off by signs, alone, or first of all. A sentence may
    begin with the words, too."""
    first = len(text) - len(text.lstrip())
    return [
        match
        for match in MARKER.finditer(text)
        if match[1].strip()
        or match[3]
        or match.start() <= first
        or text[match.end() : match.end() + 1] in ("", "\n")
    ]


def _same(cell: Cell) -> tuple:
    """A cell as it is compared, be it Markdown or code by now."""
    return _plain(cell.text), cell.pictures


def _same_id(cell: Cell, own: Cell) -> bool:
    return cell.id == own.id != ""


def _plain(text: str) -> str:
    """The text as it is compared: spaces and line ends, and the ways to write one letter, make no
    difference."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _exact(text: str) -> str:
    """Code as it is compared: only spaces at the ends of lines make no difference."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _id(text: str) -> str:
    week, _, number = text.lower().partition("q")
    return f"{week.rstrip('-')}-q{number}"


def _start(text: str) -> str:
    line = "".join(sign if sign.isprintable() else "�" for sign in " ".join(text[:1000].split()))
    return line if len(line) <= 60 else f"{line[:59]}…"
