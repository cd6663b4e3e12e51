"""Made-up hand-ins over the course's real notebooks: what students do to them, and what somebody
with bad intentions might.

Every text that is typed carries a token, a word that is nowhere else, so that it can be found
again.
"""

import json
import os
import random
import struct
import zipfile
from argparse import Namespace
from base64 import b64encode
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from coursekit.classroom import release
from coursekit.handin import collect, question_ids
from coursekit.handin.notebook import cells

ROOT = Path(__file__).resolve().parents[1]
STEM = "week1_mnist_fc_vs_cnn"
STEMS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
PNG = b64encode(
    b"\x89PNG\r\n\x1a\n"
    + bytes.fromhex(
        "0000000d4948445200000001000000010806000000 1f15c489 0000000d49444154789c63606060f80f000104"
        "0100 5fe5c34b 0000000049454e44ae426082"
    )
).decode()

# What is typed. {} is the token.
TEXTS = {
    "plain": "Because the filters are shared, {} and a shifted digit gives a shifted map.",
    "one word": "{}",
    "Chinese": "因为卷积核是共享的，{} 所以平移后的数字给出平移后的特征图。",
    "Arabic": "لأن {} المرشحات مشتركة بين جميع المواضع",
    "overridden": "\u202e{} \u2066 from right to left",
    "Markdown": "1. first {}\n2. *second*\n\n> a quotation\n\n| a |  |\n|---|---|\n| 1 | 2 |\n\n"
    "```python\n# no heading\nx = 1\n```\n",
    "headings": "# My own heading\n\n## And a second one\n\ntext {}\n\n- a list\n- of two",
    "mathematics": "$$\\sum_i x_i * y_i$$ and $a_{{1}} * b_{{2}}$, so {}",
    "links": 'See [here](https://example.org/a?b=1&c=2 "a title") or '
    "<https://example.org/{}>, ada@example.org",
    "reference": "[{}]: https://example.org 'a title'",
    "fenced away": "```{}\nx\n```",
    "emoji": "👩‍🔬 {} ✅",
}
HOSTILE = {
    "script": "<script>document.title = 'owned {}'</script>",
    "handler": "<img src=x onerror=\"document.title='owned'\"> {}",
    "address": "[click {}](javascript:document.title='owned') <javascript:alert(1)> "
    "![x](javascript:alert(1))",
    "data address": "[click](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==) "
    "{} <data:text/html,x>",
    "style": "<style>* {{ display: none !important }}</style><p "
    'style="position:fixed;inset:0">{}</p>',
    "frame": '<iframe src="https://example.org" srcdoc="<script>alert(1)</script>"></iframe> {}',
    "drawing": '<svg onload=alert(1)><a xlink:href="javascript:alert(1)"><text>{}</text></a></svg>',
    "refresh": '<meta http-equiv="refresh" content="0;url=https://example.org"><base '
    'href="https://example.org"> {}',
    "comment": "<!-- {} --> <!--> <![CDATA[ x ]]> <?php echo 1 ?>",
    "form": '<form action="https://example.org"><input name=password autofocus '
    "onfocus=alert(1)><button>{}</button></form>",
    "breaking out": "</div></article></section></main></td></table></title></textarea></style>"
    "<h1 id=overview>{}</h1>",
    "broken attributes": '[a](https://e.org/"onmouseover="alert(1)) '
    '[b](https://e.org/\'><b>x</b> "t\\" onclick=\\"x") {}',
    "template": "{{{{ 7 * 7 }}}} {{% include '/etc/passwd' %}} {{{{ "
    "cycler.__init__.__globals__ }}}} {}",
    "fragment": "[a](#overview) {}",
    "relative": "[b](/etc/passwd) [c](//example.org) [d](../x) {}",
    "file": "[d](file:///etc/passwd) [e](\\\\\\\\example.org) [f](ftp://example.org) {}",
    "controls": "\x00\x1b[31m\x07 {} \x7f\u0085\ufffe",
    "half a sign": "\ud800 {} \udfff",
    "entities": "&lt;script&gt; &#106;avascript: &#x3c;b&#x3e; {} &amp;amp;",
    "brackets": "[" * 3_000 + " {} " + "![](" * 1_000 + "*a **b " * 500,
    "formula": '=HYPERLINK("https://example.org","{}")',
    "later formula": "a;=1+1\n  ＝cmd|'/C calc'!A0\n\t@SUM(1)\n- item {}",
    "minus": "-2+3+cmd|' /C calc'!A0 {}",
    "at": "\u3000@SUM(1+9)*cmd|' /C calc'!A0 {}",
}
LONG = "{} " + "two megabytes " * 150_000


@dataclass
class Made:
    """A hand-in that was made: the notebook, and each token with its question, None where nothing
    says which it is."""

    stem: str
    notebook: dict
    tokens: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What a student does: with each question in turn (a way and a text), and with the notebook as
    a whole."""

    stem: str
    outputs: bool
    answers: tuple[tuple[str, str], ...]
    edits: tuple[str, ...]
    seed: int

    def make(self, number: int) -> Made:
        """The notebook; ``number`` makes its tokens different from all others'."""
        student = _Student(student_copy(self.stem, self.outputs), random.Random(self.seed), number)
        after = [EDITS[name] for name in self.edits]
        whole = {place for edit in after for place in edit.destroys}
        merges = []
        for question, (name, text) in zip(student.asked, self.answers * 2):
            way, token = WAYS[name], student.token()
            if way.merges:  # last of all, for other ways look for the cells
                merges.append((way, question))
            way.do(student, question, ({**TEXTS, **HOSTILE})[text].format(token))
            if way.types:
                student.tokens[token] = question if set(way.keeps) - whole else None
        for way, question in merges:
            way.merges(student, question)
        for edit in after:
            edit.do(student)
        return Made(self.stem, student.notebook, student.tokens)


def plans(texts=tuple(TEXTS)) -> st.SearchStrategy[Plan]:
    """Hand-ins of any kind, typed in these texts."""
    answers = st.lists(
        st.tuples(st.sampled_from(sorted(WAYS)), st.sampled_from(texts)), min_size=6, max_size=6
    ).map(tuple)
    edits = st.tuples(*[st.sampled_from(["", *sorted(EDITS)])] * 3).map(
        lambda names: tuple(sorted({*names} - {""}))
    )
    return st.builds(
        Plan, st.sampled_from(STEMS), st.booleans(), answers, edits, st.integers(0, 2**16)
    )


def class_of(n: int) -> list[Made]:
    """So many hand-ins, drawn by the strategy, the same each time."""
    drawn = []

    @settings(
        max_examples=n,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(plans((*TEXTS, *HOSTILE)))
    def draw(plan):
        drawn.append(plan)

    while len(drawn) < n:
        draw()
    return [plan.make(number) for number, plan in enumerate(drawn[:n])]


def student_copy(stem: str, outputs: bool) -> dict:
    """A notebook as students get it, or as they have run it."""
    return deepcopy(release.student_copy(original(stem), None, discussion=False, outputs=outputs))


def asked(stem: str) -> list[str]:
    """The questions of one of the course's notebooks."""
    return question_ids.asked(cells(original(stem)))


@cache
def original(stem: str) -> dict:
    return json.loads((ROOT / "notebooks" / f"{stem}.ipynb").read_text(encoding="utf-8"))


def write(path, notebook):
    """Put a notebook into a file, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")  # half signs as \ud800
    return path


def answered(stem, text="Because.", question=0, outputs=False):
    """A student's notebook in which one question is answered."""
    notebook = student_copy(stem, outputs)
    cell = next(
        cell
        for cell in notebook["cells"]
        if cell["metadata"].get("coursekit", {}).get("answer") == asked(stem)[question]
    )
    cell["source"] = "".join(cell["source"]).replace(question_ids.PLACEHOLDER, text)
    return notebook


class _Student:
    """A notebook at work. Cells are known by what they were, wherever they are."""

    def __init__(self, notebook: dict, chance: random.Random, number: int):
        self.notebook, self.chance, self.number = notebook, chance, number
        self.cells = notebook["cells"]
        self.before = {text_of(cell) for cell in self.cells}
        self.asked = question_ids.asked(cells(notebook))
        self.question = {
            q: cell
            for q in self.asked
            for cell in self.cells
            if f"### Question {q}\n" in text_of(cell)
        }
        self.answer = {
            q: cell
            for q in self.asked
            for cell in self.cells
            if cell["metadata"].get("coursekit", {}).get("answer") == q
        }
        self.tokens: dict[str, str | None] = {}

    def token(self) -> str:
        return f"token{self.number:05d}x{len(self.tokens) + self.chance.randrange(10**6) * 100:08d}"

    def at(self, cell: dict) -> int:
        return next(i for i, other in enumerate(self.cells) if other is cell)

    def insert(self, i: int, text: str, kind: str = "markdown") -> dict:
        cell = {
            "cell_type": kind,
            "id": f"new-{self.chance.randrange(10**9)}",
            "metadata": {},
            "source": text,
        }
        self.cells.insert(
            i, cell | ({"outputs": [], "execution_count": None} if kind == "code" else {})
        )
        return self.cells[i]

    def type(self, question: str, text: str) -> dict:
        """Put the text where it is asked for."""
        cell = self.answer[question]
        cell["source"] = text_of(cell).replace(question_ids.PLACEHOLDER, text)
        return cell

    def own(self, kind: str) -> list[dict]:
        """The course's cells of this kind, as they were, without a heading."""
        return [
            cell
            for cell in self.cells
            if cell["cell_type"] == kind
            and text_of(cell) in self.before
            and "\n#" not in f"\n{text_of(cell)}"
            and len(text_of(cell)) > 60
        ]


def text_of(cell: dict) -> str:
    return "".join(cell["source"])


# What is done to one question


@dataclass(frozen=True)
class Way:
    """Something done to one question: ``keeps`` says what still tells the question afterwards."""

    do: Callable
    keeps: tuple[str, ...] = ()
    types: bool = True
    merges: Callable | None = None


WAYS: dict[str, Way] = {}


def way(*keeps: str, types: bool = True, merges=None):
    def keep(function):
        WAYS[function.__name__] = Way(function, keeps, types, merges)
        return function

    return keep


def _join(student: _Student, first: dict, second: dict) -> None:
    """Merge two cells as Jupyter does: the first one's metadata stay."""
    first["source"] = f"{text_of(first)}\n\n{text_of(second)}"
    del student.cells[student.at(second)]


def _merge_next(student: _Student, question: str) -> None:
    i = student.at(student.answer[question])
    if i + 1 < len(student.cells) and student.cells[i + 1]["cell_type"] == "markdown":
        _join(student, student.cells[i], student.cells[i + 1])


def _merge_question(student: _Student, question: str) -> None:
    if not any(cell is student.question[question] for cell in student.cells):
        return  # it was merged with the cell above
    _join(student, student.question[question], student.answer[question])


@way("metadata", "line", "place")
def in_its_place(student, question, text):
    student.type(question, text)


@way("metadata", "line", "place")
def behind_the_placeholder(student, question, text):
    student.type(question, f"{question_ids.PLACEHOLDER} {text}")


@way("metadata", "line", "place")
def above_the_line(student, question, text):
    cell = student.answer[question]
    cell["source"] = f"{text}\n\n{text_of(cell)}"


@way("metadata", "place")
def line_edited(student, question, text):
    line = student.chance.choice(
        ["Answer {}:", "### answer {}", "**Answer {}:**", "> *Answer {}.*", "__ANSWER {}__", "Mine"]
    )
    cell = student.type(question, text)
    cell["source"] = text_of(cell).replace(f"**Answer {question}**", line.format(question))


@way("metadata", "place")
def line_gone(student, question, text):
    student.answer[question]["source"] = text


@way("line", "place")
def metadata_gone(student, question, text):
    student.type(question, text)["metadata"] = {}


@way("place")
def both_gone(student, question, text):
    student.answer[question].update(source=text, metadata={})


@way("metadata", "line", "place")
def split(student, question, text):
    cell = student.type(question, f"A first part.\n\n{text}")
    head, _, tail = text_of(cell).partition("A first part.\n\n")
    second = student.insert(student.at(cell) + 1, tail)
    cell["source"] = f"{head}A first part."
    if student.chance.random() < 0.5:
        second["metadata"] = deepcopy(cell["metadata"])


@way("place")
def below(student, question, text):
    student.insert(student.at(student.answer[question]) + 1, text)


@way("place")
def above(student, question, text):
    student.insert(student.at(student.answer[question]), text)


@way("place")
def in_the_question(student, question, text):
    cell = student.question[question]
    cell["source"] = f"{text_of(cell)}\n\n{text}"


@way("place")
def in_place_of_the_cell(student, question, text):
    i = student.at(student.answer[question])
    student.cells[i] = {"cell_type": "markdown", "id": f"other-{i}", "metadata": {}, "source": text}
    student.answer[question] = student.cells[i]


@way("line", "place", merges=_merge_question)
def merged_with_the_question(student, question, text):
    student.type(question, text)


@way("metadata", "line", "place", merges=_merge_next)
def merged_with_the_next(student, question, text):
    student.type(question, text)


@way("metadata", "line")
def moved_to_the_end(student, question, text):
    cell = student.type(question, text)
    student.cells.append(student.cells.pop(student.at(cell)))


@way("metadata", "line")
def moved_to_the_top(student, question, text):
    cell = student.type(question, text)
    student.cells.insert(1, student.cells.pop(student.at(cell)))


@way("metadata", "line", "place")
def as_code(student, question, text):
    student.type(question, text).update(cell_type="code", outputs=[], execution_count=None)


@way("metadata", "line", "place")
def as_raw(student, question, text):
    student.type(question, text).update(cell_type="raw")


@way("place")
def as_code_without_a_name(student, question, text):
    student.answer[question].update(
        cell_type="code", source=text, metadata={}, outputs=[], execution_count=None
    )


@way("metadata", "line", "place")
def copied(student, question, text):
    i = student.at(student.answer[question])
    student.cells.insert(i, deepcopy(student.cells[i]))
    student.type(question, text)


@way()
def lost(student, question, text):
    cell = student.answer[question]
    cell.update(source=text, metadata={})
    student.cells.append(student.cells.pop(student.at(cell)))


@way(types=False)
def unanswered(student, question, text):
    pass


@way(types=False)
def removed(student, question, text):
    del student.cells[student.at(student.answer[question])]


# What is done to a notebook


@dataclass(frozen=True)
class Edit:
    """Something done to a whole notebook, and what it ``destroys`` of what tells the questions."""

    do: Callable
    destroys: tuple[str, ...] = ()


EDITS: dict[str, Edit] = {}


def edit(*destroys: str):
    def keep(function):
        EDITS[function.__name__] = Edit(function, destroys)
        return function

    return keep


@edit()
def ids_gone(student):
    student.notebook["nbformat_minor"] = 4
    for cell in student.cells:
        cell.pop("id", None)


@edit()
def ids_doubled(student):
    for cell in student.cells:
        cell["id"] = "cell-01"


@edit("metadata")
def no_metadata(student):
    for cell in student.cells:
        cell["metadata"] = {}


@edit()
def through_colab(student):
    student.notebook["nbformat_minor"] = 0
    student.notebook["metadata"]["colab"] = {
        "provenance": [],
        "name": "Kopie von week.ipynb",
        "gpuType": "T4",
    }
    for cell in student.cells:
        cell["metadata"] = {
            **cell["metadata"],
            "id": cell.pop("id", "x"),
            "colab": {"base_uri": "https://localhost:8080/"},
        }
        if cell["cell_type"] == "code":
            cell["metadata"]["executionInfo"] = {
                "status": "ok",
                "timestamp": 1700000000000,
                "elapsed": 2000,
                "user": {"displayName": "<b>Ada</b>", "userId": "1"},
            }


@edit()
def with_times(student):
    for cell in student.cells:
        if cell["cell_type"] == "code":
            cell["metadata"] = {
                **cell["metadata"],
                "execution": {
                    "iopub.execute_input": "2026-11-02T10:00:00.000000Z",
                    "shell.execute_reply": "2026-11-02T10:00:03.000000Z",
                },
            }


@edit()
def lines_of_windows(student):
    for cell in student.cells:
        cell["source"] = text_of(cell).replace("\n", "\r\n")


@edit()
def lists_of_lines(student):
    for cell in student.cells:
        cell["source"] = text_of(cell).splitlines(keepends=True)


@edit()
def old_format(student):
    """As IPython 2 would have saved it."""
    old = []
    for cell in student.cells:
        kind, text = cell["cell_type"], text_of(cell)
        cell = {"cell_type": kind, "metadata": cell["metadata"], "source": text}
        if kind == "code":
            cell = {
                **cell,
                "input": cell.pop("source"),
                "prompt_number": 1,
                "language": "python",
                "outputs": [],
            }
        old.append(cell)
    old.append({"cell_type": "heading", "level": 2, "metadata": {}, "source": "Hand in"})
    del student.notebook["cells"]
    student.notebook.update(
        nbformat=3, nbformat_minor=0, worksheets=[{"metadata": {}, "cells": old}]
    )


@edit()
def course_mended(student):
    token = student.token()
    student.tokens[token] = None
    cell = student.chance.choice(student.own("markdown"))
    cell["source"] = f"{text_of(cell)}\n\nA note of mine: {token}."


@edit()
def code_changed(student):
    token = student.token()
    student.tokens[token] = None
    cell = student.chance.choice(student.own("code"))
    cell["source"] = f"{text_of(cell)}\nprint('{token}')"


@edit()
def code_added(student):
    token = student.token()
    student.tokens[token] = None
    student.insert(
        student.chance.randrange(1, len(student.cells)),
        f"open('owned.txt', 'w')  # {token}",
        "code",
    )


@edit()
def cells_deleted(student):
    for kind in ("markdown", "code"):
        del student.cells[student.at(student.chance.choice(student.own(kind)))]


@edit()
def not_run(student):
    for cell in student.cells:
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)


@edit()
def strange_outputs(student):
    for cell in student.cells:
        if cell["cell_type"] == "code":
            cell.update(
                outputs=[
                    None,
                    {"output_type": "error", "ename": "<b>Error</b>", "evalue": ["<script>"]},
                    {"data": 3},
                    {"text": {"a": 1}},
                ],
                execution_count="<i>1</i>",
            )


# What somebody with bad intentions hands in

NAMES = [
    "Ada Lovelace",
    "李明",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "=cmd|'calc'!A0",
    "\u202egnp.ada",
    "a\x1b[2Jb",
    "{{ 7*7 }}",
    "<script>document.title='owned'</script>",
    "& < > é",
]


def hostile_notebook(number: int) -> Made:
    """One that has all hostile texts: in answers, beside them, in code, titles, outputs, pictures
    and metadata."""
    student = _Student(
        student_copy(STEMS[number % len(STEMS)], True), random.Random(number), number
    )
    texts = list(HOSTILE.values())
    for i, text in enumerate(texts):
        token = student.token()
        question = student.asked[i % len(student.asked)]
        student.insert(student.at(student.answer[question]) + 1, text.format(token))
        student.tokens[token] = question
        token = student.token()
        student.tokens[token] = None
        student.insert(1, text.format(token), "markdown" if i % 2 else "code")
    first = student.type(
        student.asked[0],
        "A picture: ![a](attachment:a.png) ![b](data:image/png;base64," + PNG + ")",
    )
    first["attachments"] = {
        "a.png": {"image/png": PNG},
        'b" onerror="alert(1)': {"image/png": PNG},
        "c.svg": {"image/svg+xml": "PHN2Zz4="},
        "d.png": {"image/png": '" onerror="alert(1)'},
        "e.png": {"image/png": b64encode(b"<svg onload=alert(1)>").decode()},
        "f": {
            "text/html": "<script>alert(1)</script>",
            "image/gif": 7,
            'image/jpeg"><script>': PNG,
        },
        "g": None,
    }
    lab = (
        'device   <script>alert(1)</script>\nscale    "><b>x\n'
        "data     <img src=x onerror=alert(1)>\nversions <svg/onload=x>"
    )
    for cell in student.cells:
        if cell["cell_type"] == "code":
            cell["outputs"] = [
                {"output_type": "stream", "text": f"{lab}\nthis is NOT <script>alert(1)</script>"},
                {
                    "output_type": "error",
                    "ename": "<script>",
                    "evalue": '" onload="x',
                    "traceback": [],
                },
                {"output_type": "display_data", "data": {"text/html": "<script>alert(1)</script>"}},
            ]
            cell["metadata"] = {
                **cell["metadata"],
                "execution": {"iopub.execute_input": "<b>", "shell.execute_reply": 7},
                "executionInfo": {"elapsed": float("nan")},
            }
    student.notebook["metadata"] = {
        "title": "<script>",
        "colab": "<script>",
        "kernelspec": ["python3"],
    }
    return Made(STEMS[number % len(STEMS)], student.notebook, student.tokens)


NOT_NOTEBOOKS = {
    "empty": b"",
    "torn": b'{"cells": [',
    "page": b"<!DOCTYPE html><script>alert(1)</script>",
    "list": b"[1, 2]",
    "number": b"7",
    "no cells": b'{"cells": 3, "nbformat": 4}',
    "worksheets": b'{"worksheets": [3, {"cells": 7}], "cells": 1}',
    "deep": b"[" * 200_000,
    "deep objects": b'{"cells":' * 100_000,
    "binary": bytes(range(256)),
    "latin": b'["\xe9"]',
    "too many cells": b'{"cells": [' + b"{}," * 6_000 + b"{}]}",
}
# These can be read, and are no notebooks of the course.
ODD_NOTEBOOKS = {
    "no cell": b'{"cells": []}',
    "odd cells": b'{"cells": [1, null, [], {"cell_type": 7, "source": {"a": 1}, "metadata": []}]}',
    "great number": b'{"cells": [], "n": ' + b"9" * 100_000 + b"}",
    "not a number": b'{"cells": [], "n": NaN, "m": -Infinity}',
    "marked": b'\xef\xbb\xbf{"cells": [{"cell_type": "markdown", "source": "# Of '
    b'<b>another</b> course"}]}',
    "UTF-16": '{"cells": [{"cell_type": "markdown", "source": "# 另一门课"}]}'.encode("utf-16"),
    "null": b'{"cells": [{"cell_type": null, "metadata": {"coursekit": {"answer": '
    b'["w1-q1"]}, "tags": 7}, "id": {}}]}',
}


def hostile_folder(folder: Path) -> list[Path]:
    """A folder and archives with everything bad in them; returns what to name to ``collect``."""
    files = folder / "handed in"
    files.mkdir()
    for number, name in enumerate(NAMES):
        own = files / name.replace("/", "\u2215")
        own.mkdir()
        write(own / f"{STEMS[number % len(STEMS)]}.ipynb", hostile_notebook(number).notebook)
    for name, data in {**NOT_NOTEBOOKS, **ODD_NOTEBOOKS}.items():
        (files / f"{name}.ipynb").write_bytes(data)
    (files / "essay.pdf").write_bytes(b"%PDF")
    (files / ".DS_Store").write_bytes(b"")
    (files / "outside.ipynb").symlink_to("/etc/passwd")
    (files / "around").symlink_to(files, target_is_directory=True)
    (files / "dangling.ipynb").symlink_to("nowhere")
    os.mkfifo(files / "pipe.ipynb")
    with open(os.fsencode(files) + b"/caf\xe9 \xff.ipynb", "wb") as file:
        file.write(b"no JSON")
    return [files, *hostile_archives(folder)]


def hostile_archives(folder: Path) -> list[Path]:
    """Zip archives with everything bad in them."""
    good = json.dumps(student_copy(STEMS[0], False)).encode()
    paths = []

    def archive(name: str, members: dict[str, bytes], method=zipfile.ZIP_DEFLATED) -> Path:
        paths.append(folder / f"{name}.zip")
        with zipfile.ZipFile(paths[-1], "w", method) as made:
            for member, data in members.items():
                made.writestr(member, data)
        return paths[-1]

    archive(
        "slip",
        {
            "../../slip.ipynb": good,
            "/etc/slip.ipynb": good,
            "..\\..\\slip.ipynb": good,
            "C:\\slip.ipynb": good,
        },
    )
    archive("bomb", {"bomb/week1.ipynb": b"0" * 20_000_000, "good/week1.ipynb": good})
    archive("large", {"large/week1.ipynb": bytes(65_000_000)})
    archive("lzma", {"odd/week1.ipynb": good}, zipfile.ZIP_LZMA)
    people = [name for name in NAMES if "/" not in name]
    archive(
        "names",
        {f"{name}_{i}_assignsubmission_file_/week1.ipynb": good for i, name in enumerate(people)},
    )
    archive("empty", {})
    inner = archive("inner", {"Ada/week1.ipynb": good})
    middle = archive("middle", {"inner.zip": inner.read_bytes()})
    archive("outer", {"middle.zip": middle.read_bytes(), "torn.zip": b"PK\x03\x04"})
    with zipfile.ZipFile(folder / "links.zip", "w") as made:
        link = zipfile.ZipInfo("Ada/week1.ipynb")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        made.writestr(link, "/etc/passwd")
        made.writestr("Bob/week1.ipynb", good)
        made.writestr("__MACOSX/._week1.ipynb", b"")
    locked = bytearray(archive("locked", {"Ada/week1.ipynb": good}).read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.index(mark) + offset] |= 1
    (folder / "locked.zip").write_bytes(locked)
    broken = bytearray(
        archive(
            "broken", {"Ada/week1.ipynb": good, "Bob/week1.ipynb": good}, zipfile.ZIP_STORED
        ).read_bytes()
    )
    broken[broken.index(good) + 100] ^= 1
    (folder / "broken.zip").write_bytes(broken)
    whole = (folder / "names.zip").read_bytes()
    (folder / "torn.zip").write_bytes(whole[: len(whole) // 2])
    lying = bytearray(archive("lying", {"Ada/week1.ipynb": good}).read_bytes())
    struct.pack_into("<I", lying, lying.index(b"PK\x01\x02") + 24, 10)  # a smaller size than it has
    (folder / "lying.zip").write_bytes(lying)
    (folder / "none.zip").write_bytes(b"no archive")
    return [*paths, *(folder / f"{name}.zip" for name in ("links", "torn", "none"))]


def hostile_report(folder: Path) -> Path:
    """The report on everything bad; ``folder`` must be empty. Its title stays what it is, unless a
    script runs in it."""
    return collected(hostile_folder(folder), folder / "report.html")


def collected(paths: list[Path], output: Path) -> Path:
    """The report or table of these hand-ins, made in the course's folder."""
    before = Path.cwd()
    os.chdir(ROOT)
    try:
        collect.main(Namespace(paths=[str(path) for path in paths], output=str(output), force=True))
    finally:
        os.chdir(before)
    return output
