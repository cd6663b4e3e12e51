"""``coursekit lint``: what must hold for every notebook of the course, one rule after the other.

A rule is a generator: it takes a notebook and yields ``(cell, message)`` for each thing that is not
in order. The message says what is wrong and, after a colon, what to do.
"""

import argparse
import codecs
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from .. import course
from ..checks import SEALS
from ..engine.commands import output_of
from ..engine.console import say
from ..engine.files import NotText, read_text
from ..engine.text import count, printable
from ..handin.notebook import EXACT_BADGE, Cell, as_dict, cells, contents, faults, joined, parse
from ..handin.question_ids import EXACT_ANSWER, EXACT_QUESTION, HEADING
from ..records import stored
from ..records.stored import Run
from . import evidence, recorded

EXAMPLES = """\
examples:
  coursekit lint                           every notebook
  coursekit lint week2                     those with week2 in their names
  coursekit lint draft/week6_vit.ipynb     one file

Each finding says where it is, what is wrong and what to do.
Exit code: 0 none, 1 findings, 2 wrong arguments.
"""
LONGEST_CELL = 40  # lines
LARGEST_FILE = 2_000_000  # bytes
MOST_LETTERS = 600  # of a finding
MOST_FAULTS = 50  # of the format, which a damage may leave in every cell
OTHER_ADDRESS = "the repository is called {}: write {}, as in pyproject.toml"

# What the two badges open; the group is the notebook's path in the repository.
OPENS = {
    image: re.compile(re.escape(address) + r"[^/]+/[^/]+/blob/[^/]+/(.+)")
    for image, address in {
        "colab-badge": "https://colab.research.google.com/github/",
        "open-in-kaggle": "https://kaggle.com/kernels/welcome?src=https://github.com/",
    }.items()
}
# Where the course's own address stands; other repositories may be linked to freely.
ADDRESS = re.compile(
    r"(?:colab\.research\.google\.com/github/|(?:git\+|git clone |\?src=)https://github\.com/)"
    r"([\w.-]+/[\w.-]+?)(?:\.git|\.)?(?![\w.-])"
)
CHECK = re.compile(r"""\bck\.check\(\s*["']([^"']*)["']""")
PRINTS_CODE = re.compile(r"\bgetsource\(|(?<![\w.])(?<!def )source\(")
# One that ends neither in another tag nor in an open quotation, so that each is looked at once.
PICTURE = re.compile(r"""(?i)!\[\s*\][(\[]|<img\b(?:[^<>"']|"[^"]*"|'[^']*')*>""")
ALT = re.compile(r"""(?i)\balt\s*=\s*["'][^"']""")
DETAILS = re.compile(r"<details>\s*<summary>")
# A path, not a part of an address or of a relative path; after a drive's letter, \n and \t are
# rather line ends and tabs.
ABSOLUTE = re.compile(
    r"(?<![\w.+/:~}>-])/(?:content\b|(?:home|root|work|Users|tmp|mnt|opt|usr|var)/[\w.-])[\w./-]*"
    r"|(?<!\w)[A-Z]:\\{1,2}(?![nrt])\w[\w\\.-]*"
)


class Notebook(NamedTuple):
    """One notebook: its file, the path that messages show, its bytes, its JSON, its cells, its
    stored runs; the course's address; and, for all notebooks together, where a thing that is to be
    one was ``first``."""

    path: Path
    shown: str
    data: bytes
    content: dict
    cells: list[Cell]
    runs: list[Run]
    address: str
    first: dict[str, tuple[str, Cell]]

    @property
    def code(self) -> list[Cell]:
        """The code cells that are not empty."""
        return [cell for cell in self.cells if cell.kind == "code" and cell.text.strip()]

    @property
    def markdown(self) -> list[Cell]:
        """The text cells."""
        return [cell for cell in self.cells if cell.kind == "markdown"]


class Finding(NamedTuple):
    """What a rule found in a file, in one of its cells or as a whole."""

    rule: str
    shown: str
    cell: Cell | None
    message: str

    def __str__(self) -> str:
        where = f"cell {self.cell.position} ({self.cell.id or 'no id'}): " if self.cell else ""
        return printable(f"{self.shown}: {where}{self.message}"[:MOST_LETTERS])


add_arguments = course.add_notebooks  # the command has no other ones


def main(options: argparse.Namespace) -> int:
    """Check the notebooks, print what is found; returns 1 if there is something, else 0.

    Raises ``CommandError`` for names that mean nothing.
    """
    root = course.find_root()
    paths = course.find_notebooks(options.notebooks, root)
    findings = check(paths, root)
    found = count(len(findings), "finding") if findings else "nothing to mend"
    say(*findings, f"{count(len(paths), 'notebook')}: {found}", sep="\n")
    return 1 if findings else 0


def check(paths: list[Path], root: Path) -> list[Finding]:
    """All findings over these notebooks and the README, file by file in the order of the cells."""
    address, first, notebooks = course.address(root), {}, []
    findings = [Finding("readme", "README.md", None, message) for message in readme(root, address)]
    damaged = recorded.unreadable(root)
    for path, message in damaged.items():
        findings.append(Finding("stored_runs", course.shown(path, root), None, message))
    for path in paths:
        shown = course.shown(path, root)
        try:
            data = contents(path)
            content, place = parse(data, exact=True), recorded.place(path, root)
            runs = [] if place in damaged else stored.read(place)
            notebook = Notebook(path, shown, data, content, cells(content), runs, address, first)
            found = [*wrong_format(notebook)]
        except course.NotANotebook as error:
            found = [(None, f"the file {error}")]
        findings += [Finding("format", shown, *one) for one in found]
        if not found:  # the rules rely on the format
            notebooks.append(notebook)
            # one that is far too large would keep the other rules busy
            for rule in RULES if len(data) < LARGEST_FILE else (size,):
                findings += [Finding(rule.__name__, shown, *one) for one in rule(notebook)]
    findings += [Finding("code", *found) for found in code(notebooks)]
    return sorted(findings, key=lambda one: (one.shown, one.cell.position if one.cell else 0))


def wrong_format(notebook: Notebook):
    """Where a notebook's JSON is not valid nbformat 4.5, every cell with an id of its own."""
    version = [notebook.content.get(key) for key in ("nbformat", "nbformat_minor")]
    if version != [4, 5]:
        yield None, "the format is {}.{}, not 4.5: save it in a present JupyterLab".format(*version)
        return
    if notebook.data.startswith(codecs.BOM_UTF8):
        yield None, "it begins with a mark, which Jupyter does not read: save it in UTF-8 without"
    at = {("cells", cell.position - 1): cell for cell in notebook.cells}
    for place, problem in islice(faults(notebook.content), MOST_FAULTS):
        cell = at.get(tuple(place[:2]))
        where = ": ".join(map(str, [*(place[2:] if cell else place), problem]))
        yield cell, f"not valid nbformat 4.5, for {where}: mend it by hand"
    times = Counter(cell.id for cell in notebook.cells if cell.id)
    for cell in notebook.cells:
        if times[cell.id] > 1:
            yield cell, f"the id {cell.id} is used {times[cell.id]} times: give each cell its own"
        elif cell.id and not re.fullmatch(r"cell-\d+", cell.id):  # hand-ins are read by it
            yield cell, f"the id {cell.id} is not of the form cell-12: give it the next free number"


# The rules


def kernel(notebook: Notebook):
    """The kernel is the one that every machine has, and the language is named, for ruff to look."""
    metadata = notebook.content["metadata"]
    names = [metadata.get(key, {}).get("name") for key in ("kernelspec", "language_info")]
    if names != ["python3", "python"]:
        found = "the metadata name the kernel {} and the language {}".format(*names)
        yield None, f"{found}: choose the kernel python3 in JupyterLab, and save"


def counts(notebook: Notebook):
    """Execution counts run from 1 to N: the outputs come from one clean run."""
    for expected, cell in enumerate(notebook.code, 1):
        if cell.count != expected:
            found = f"the execution count is {cell.count or 'missing'}, not {expected}"
            yield cell, f"{found}: run the notebook anew (coursekit run --inplace)"
            return


def outputs(notebook: Notebook):
    """No error and no warning was kept, and nbval compares printed code, which cannot be stale."""
    for cell in notebook.code:
        if PRINTS_CODE.search(cell.text) and "nbval-check-output" not in cell.tags:
            yield cell, "it prints code, which gets stale: add the tag nbval-check-output"
        for output in cell.outputs:
            if output["output_type"] == "error":
                yield cell, f"its output is an error ({output['ename']}): mend the cell, run again"
            elif output.get("name") == "stderr":
                line = joined(output["text"]).strip().partition("\n")[0][:60]
                yield cell, f'it writes to stderr ("{line}"): remove the cause and run again'


def badge(notebook: Notebook):
    """The first cell has a badge of Colab and one of Kaggle, which open this very notebook."""
    first = notebook.cells[0] if notebook.cells else None
    found = EXACT_BADGE.findall(first.text if first else "")
    for image, opens in OPENS.items():
        targets = [target for kind, target in found if kind == image]
        if len(targets) != 1:
            yield first, f"it has {len(targets) or 'no'} {image}.svg: the first cell needs one"
        elif not (place := opens.fullmatch(targets[0])) or place[1] != notebook.shown:
            yield first, f"its {image}.svg leads to {targets[0]}: make it open {notebook.shown}"


def pictures(notebook: Notebook):
    """Every picture has a text for those who cannot see it."""
    lacks = "no alternative text: say what it shows,"
    for cell in notebook.markdown:
        for found in _without_alt(evidence.unfenced(cell.text)):
            yield cell, f"the picture {found[:40]} has {lacks} in the brackets or in alt"
    for cell in notebook.code:
        for output in cell.outputs:
            for kind, data in output.get("data", {}).items():
                alt = joined(as_dict(output["metadata"].get(kind)).get("alt"))
                if kind.startswith("image/") and not alt.strip():
                    yield cell, f"its {kind} output has {lacks} as ck.plots.Picture(figure, alt=…)"
                if kind in ("text/html", "text/markdown") and _without_alt(joined(data)):
                    yield cell, f"a picture in its {kind} output has {lacks} in alt"


def _without_alt(text: str) -> list[str]:
    """The pictures in a text that have none."""
    return [found for found in PICTURE.findall(text) if found[0] == "!" or not ALT.search(found)]


def questions(notebook: Notebook):
    """Every question is followed by its answer, with the same id, and every answer follows one."""
    week = re.match(r"week(\d+)_", notebook.path.name)
    asked = None  # by the cell before
    for cell, following in zip(notebook.cells, [*notebook.cells[1:], None]):
        question, answer = _begins(cell, EXACT_QUESTION), _begins(cell, EXACT_ANSWER)
        if bool(question) != ("question" in cell.tags):
            yield cell, 'half a question: tag it question, and begin it like "### Question w2-q1"'
        if question and week and question[2] != week[1]:
            yield cell, f"{question[1]} is not of this notebook's week: begin it with w{week[1]}"
        answered = _begins(following, EXACT_ANSWER)
        fits = question and answered and answered[1] == question[1] and "answer" in following.tags
        if question and not fits:
            wanted = f"Markdown, tagged answer, with the first line **Answer {question[1]}**"
            yield cell, f"the next cell does not answer {question[1]}: make it {wanted}"
        if not asked and ("answer" in cell.tags or answer):
            yield cell, "an answer cell without its question before it: move or remove it"
        if cell.answer != (line := answer[1] if answer else ""):
            found = f'its metadata name the answer "{cell.answer}", its first line "{line}"'
            yield cell, f'{found}: write {{"coursekit": {{"answer": "…"}}}} as in the first line'
        asked = question


def _begins(cell: Cell | None, pattern: re.Pattern) -> re.Match | None:
    return pattern.match(cell.text) if cell and cell.kind == "markdown" else None


def checks(notebook: Notebook):
    """Every ``ck.check`` asks about a question that was asked before and that can be checked."""
    asked = set()
    for cell in notebook.cells:
        if question := _begins(cell, EXACT_QUESTION):
            asked.add(question[1])
        for name in CHECK.findall(cell.text) if cell.kind == "code" else ():
            question = re.match(r"(?:w\d+-q\d+)?", name)[0]
            if name not in SEALS:
                yield cell, f"{name} cannot be checked: seal its answer (coursekit.checks.seal)"
            elif question not in asked:
                yield cell, f"{question} has not been asked yet: move its check below the question"


def hand_in(notebook: Notebook):
    """A notebook with questions ends with the cell that tells which are answered."""
    *_, last = notebook.cells or [None]
    ends = last and last.kind == "code" and last.text.strip() == "ck.answers()"
    if any("answer" in cell.tags for cell in notebook.cells) and not ends:
        yield last, "the last cell is not ck.answers(), which tells what is not answered: add it"


def discussions(notebook: Notebook):
    """Discussions are tagged, and collapsed until the reader opens them."""
    for cell in notebook.markdown:
        text = cell.text.strip()
        if "discussion" not in cell.tags and re.search(r"<summary>\s*Discussion", text):
            yield cell, "it holds a discussion, but has no tag discussion: add it"
        elif "discussion" in cell.tags and not (
            DETAILS.match(text) and "</summary>\n\n" in text and text.endswith("\n</details>")
        ):
            wanted = "<details><summary>Discussion</summary> and an empty line, a line </details>"
            yield cell, f"the discussion is not collapsed: begin and end it with {wanted}"


def paths(notebook: Notebook):
    """Nothing names a place of one machine only; set-up cells and prose may name /content."""
    for cell in notebook.cells:
        of_colab = "setup" in cell.tags or cell.kind == "markdown"
        for what, text in (("it names", cell.text), ("its output names", _printed(cell))):
            found = (match[0] for match in ABSOLUTE.finditer(text))
            wrong = [path for path in found if not (of_colab and path.startswith("/content"))]
            if wrong:
                yield cell, f"{what} {wrong[0]}, a path of one machine only: use a relative path"


def _printed(cell: Cell) -> str:
    """Every text in the outputs."""
    texts = []
    for output in cell.outputs:
        texts += [output.get("text"), output.get("traceback")]
        data = output.get("data", {})
        texts += [text for kind, text in data.items() if kind.startswith("text/")]
    return "\n".join(map(joined, texts))


def size(notebook: Notebook):
    """Cells are small enough for a reader, the file for a repository and a slow line."""
    for cell in notebook.cells:
        if (lines := len(cell.text.splitlines())) > LONGEST_CELL:
            yield cell, f"it has {lines} lines, and {LONGEST_CELL} are the most: split it"
    if (found := len(notebook.data)) >= LARGEST_FILE:
        yield None, f"the file has {found / 1e6:.1f} MB: make its pictures fewer or smaller"


def headings(notebook: Notebook):
    """One title, first of all, and no level left out below it."""
    above = 0
    for cell in notebook.markdown:
        for found in HEADING.finditer(evidence.unfenced(cell.text)):
            level, most = len(found[1]), above + 1
            if level == 1 and above:
                yield cell, "a second heading of level 1: the title is the only one, use ##"
            elif level > most:
                yield cell, f"a heading of level {level} under one of level {above}: use {most}"
            above = level
    if not above:
        yield None, "there is no title: begin with a heading like # Week 1 · Convolutions"


def repository(notebook: Notebook):
    """Badges and set-up cells name the course's own address."""
    for cell in notebook.cells:
        for found in {*ADDRESS.findall(cell.text)} - {notebook.address}:
            yield cell, OTHER_ADDRESS.format(found, notebook.address)


def setup(notebook: Notebook):
    """One set-up cell in each notebook, the same in all."""
    found = [cell for cell in notebook.code if "setup" in cell.tags]
    if len(found) != 1:
        yield None, f"{count(len(found), 'cell')} tagged setup: there must be one"
        return
    shown, model = notebook.first.setdefault("setup", (notebook.shown, found[0]))
    if found[0].text != model.text:
        yield found[0], f"the set-up differs from that of {shown}: make it the same"


def numbering(notebook: Notebook):
    """No two questions of the course have the same id."""
    for cell in notebook.cells:
        if question := _begins(cell, EXACT_QUESTION):
            shown, place = notebook.first.setdefault(question[1], (notebook.shown, cell))
            if place is not cell:
                found = f"{question[1]} is in {shown} too (cell {place.position})"
                yield cell, f"{found}: number it anew"


RULES = (
    *(kernel, counts, outputs, badge, pictures, questions, checks, hand_in, discussions),
    *(paths, size, headings, repository, setup, numbering),
    *(evidence.recorded, evidence.unrecorded, evidence.stored_runs),
)


def code(notebooks: list[Notebook]) -> Iterator[tuple[str, Cell | None, str]]:
    """Where code does not parse or has undefined names: ruff says so, called once for all, or for
    each where one is too much for it."""
    if not notebooks:
        return
    command = [sys.executable, *"-m ruff check --isolated --no-cache --output-format=json".split()]
    command += ["--target-version=py310", "--select=E9,F63,F7,F82"]
    with tempfile.TemporaryDirectory() as folder:
        copies = [Path(folder, f"{i}.ipynb") for i in range(len(notebooks))]
        for path, notebook in zip(copies, notebooks):  # names that ruff prints as they are
            path.write_text(json.dumps(notebook.content))
        try:
            asked = output_of([*command, *copies], timeout=10 + 5 * len(notebooks))
            wrong = asked.returncode not in (0, 1) and asked.stderr.strip()
            found = [] if wrong else json.loads(asked.stdout)
        except (subprocess.TimeoutExpired, ValueError) as error:
            wrong = str(error)
    if wrong and "No module named ruff" in wrong:
        raise course.CommandError("the code is checked by ruff: pip install ruff")
    if wrong and len(notebooks) > 1:
        for notebook in notebooks:
            yield from code([notebook])
    elif wrong:
        why = wrong.splitlines()[0][:150]
        yield notebooks[0].shown, None, f"ruff cannot check its code ({why}): make it simpler"
    for one in () if wrong else found:
        notebook = notebooks[int(Path(one["filename"]).stem)]
        cell = notebook.cells[one["cell"] - 1] if one["cell"] else None
        where = f"line {one['location']['row']}"
        message = f"{where}: {one['message']} ({one['code']}), mend the code"
        yield notebook.shown, cell, message


def readme(root: Path, address: str) -> Iterator[str]:
    """The README names the course's own address, its badges open notebooks that exist, and its
    numbers are those of the stored runs."""
    path = root / "README.md"
    try:
        text = read_text(path) if path.exists() else ""
    except (NotText, OSError) as error:
        yield f"it cannot be read ({getattr(error, 'strerror', error)}): restore it"
        return
    for found in sorted({*ADDRESS.findall(text)} - {address}):
        yield OTHER_ADDRESS.format(found, address)
    for image, target in EXACT_BADGE.findall(text):
        found = OPENS[image].fullmatch(target)
        if not found or not (root / found[1]).is_file():
            yield f"a badge leads to {target}, where there is no notebook: mend its path"
    if not recorded.unreadable(root):
        yield from recorded.not_in_step(text, root)
