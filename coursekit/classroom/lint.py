"""``coursekit lint``: what must hold for every notebook of the course, one rule after the other.

A rule is a generator: it takes a notebook (or all of them, and the course's address) and yields
``(cell, message)`` for each thing that is not in order. The message says what is wrong and, after a
colon or a comma, what to do.
"""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ..checks import SEALS
from . import course

LONGEST_CELL = 40  # lines
LARGEST_FILE = 2_000_000  # bytes

BADGE = re.compile(r"\[!\[[^]]*\]\([^)]*colab-badge\.svg\)\]\(([^)]*)\)")
COLAB = re.compile(r"https://colab\.research\.google\.com/github/[^/]+/[^/]+/blob/[^/]+/(.+)")
# Where the course's own address stands; other repositories may be linked to freely.
ADDRESS = re.compile(
    r"(?:colab\.research\.google\.com/github/|git\+https://github\.com/|git clone https://github\.com/)"
    r"([\w.-]+/[\w.-]+?)(?:\.git|\.)?(?![\w.-])"
)
CHECK = re.compile(r"""\bck\.check\(\s*["']([^"']*)["']""")
HAND_IN = "ck.answers()"
WITHOUT_ALT = re.compile(
    r"!\[\s*\][(\[]|<img\b(?![^>]*\balt\s*=\s*[\"'][^\"'])[^>]*>", re.IGNORECASE
)
QUESTION = re.compile(r"### Question (w(\d+)-q\d+)\b")
ANSWER = re.compile(r"\*\*Answer (w\d+-q\d+)\*\*[ ]*(?:\n|$)")
COLLAPSED = re.compile(r"<details>\s*<summary>.*?</summary>\n\n.*\n</details>", re.DOTALL)
FENCED = re.compile(r"^ {0,3}(```+|~~~+).*?^ {0,3}\1", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^ {0,3}(#{1,6})\s", re.MULTILINE)
# A path, not a part of an address or of a relative path; after a drive's letter, \n and \t are
# rather line ends and tabs.
ABSOLUTE = re.compile(
    r"(?<![\w.+/:~}>-])/(?:content\b|(?:home|root|work|Users|tmp|mnt|opt|usr|var)/[\w.-])[\w./-]*"
    r"|(?<!\w)[A-Z]:\\{1,2}(?![nrt])\w[\w\\.-]*"
)


@dataclass(frozen=True)
class Cell:
    """One cell: its position counted from 1, and what the file says of it, texts joined."""

    position: int
    kind: str
    id: str
    source: str
    tags: tuple[str, ...]
    answer: str  # the question that the metadata name, empty if none
    count: int | None
    outputs: tuple[dict, ...]

    def texts(self) -> Iterator[str]:
        """Every text in the outputs."""
        for output in self.outputs:
            yield _text(output.get("text", "")) + _text(output.get("traceback", ""))
            yield from (
                _text(value)
                for mime, value in output.get("data", {}).items()
                if mime.startswith("text/")
            )


@dataclass(frozen=True)
class Notebook:
    """One notebook: its file, the path that messages show, the JSON, and its cells."""

    path: Path
    shown: str
    content: dict
    cells: tuple[Cell, ...]

    def code(self) -> list[Cell]:
        """The code cells that are not empty."""
        return [cell for cell in self.cells if cell.kind == "code" and cell.source.strip()]

    def markdown(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.kind == "markdown"]


@dataclass(frozen=True)
class Finding:
    rule: str
    shown: str
    cell: Cell | None
    message: str

    def __str__(self) -> str:
        where = f"cell {self.cell.position} ({self.cell.id}): " if self.cell else ""
        return f"{self.shown}: {where}{self.message}"


def run(names: list[str]) -> int:
    """Check the notebooks that these names mean, print what is found; returns 1 if there is
    something, else 0.

    Raises ``CommandError`` for names that mean nothing.
    """
    root = course.find_root()
    paths = course.find_notebooks(names, root)
    findings = check(paths, root)
    for finding in findings:
        print(finding)
    n = len(paths)
    found = (
        f"{len(findings)} finding{'s' * (len(findings) != 1)}" if findings else "nothing to mend"
    )
    print(f"{n} notebook{'s' * (n != 1)}: {found}")
    return 1 if findings else 0


def check(paths: list[Path], root: Path) -> list[Finding]:
    """All findings over these notebooks and the README, notebook by notebook in the order of the
    cells."""
    address = course.address(root)
    findings, notebooks = [], []
    for path in paths:
        shown = course.shown(path, root)
        try:
            content = course.read_notebook(path)
        except course.NotANotebook as error:
            findings.append(Finding("format", shown, None, f"the file {error}"))
            continue
        invalid = [Finding("format", shown, *found) for found in valid(content)]
        findings += invalid
        if not invalid:  # the rules rely on the format
            notebooks.append(
                Notebook(
                    path,
                    shown,
                    content,
                    tuple(map(_cell, range(1, 1 + len(content["cells"])), content["cells"])),
                )
            )
    for notebook in notebooks:
        for rule in RULES:
            findings += [Finding(rule.__name__, notebook.shown, *found) for found in rule(notebook)]
    for rule in COURSE_RULES:
        findings += [
            Finding(rule.__name__, notebook.shown, *found)
            for notebook, *found in rule(notebooks, address)
        ]
    findings += [Finding("readme", "README.md", None, message) for message in readme(root, address)]
    order = {course.shown(path, root): i for i, path in enumerate(paths)}
    return sorted(
        findings,
        key=lambda found: (
            order.get(found.shown, len(order)),
            found.cell.position if found.cell else 0,
        ),
    )


def _cell(position: int, cell: dict) -> Cell:
    return Cell(
        position,
        cell["cell_type"],
        cell["id"],
        _text(cell["source"]),
        tuple(cell["metadata"].get("tags", ())),
        cell["metadata"].get("coursekit", {}).get("answer", ""),
        cell.get("execution_count"),
        tuple(cell.get("outputs", ())),
    )


def _text(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "".join(value)


# The format


def valid(content: dict) -> Iterator[tuple[Cell | None, str]]:
    """The file is valid nbformat 4.5, every cell with an id of its own."""
    version = (content.get("nbformat"), content.get("nbformat_minor"))
    if version != (4, 5):
        yield (
            None,
            "the format is {}.{}, not 4.5: open and save it in a present JupyterLab".format(
                *version
            ),
        )
        return
    problems = [(None, _problem({**content, "cells": []}))]
    for position, cell in enumerate(content["cells"], 1):
        kind, name = (
            (cell.get("cell_type"), cell.get("id")) if isinstance(cell, dict) else (None, None)
        )
        problem = (
            _problem(cell, f"{kind}_cell")
            if kind in ("code", "markdown", "raw")
            else "it is of no known type"
        )
        problems.append((Cell(position, kind, name or "no id", "", (), "", None, ()), problem))
    yield from (
        (cell, f"not valid nbformat 4.5, for {problem}: mend it by hand")
        for cell, problem in problems
        if problem
    )
    times = Counter(cell.id for cell, problem in problems if cell and not problem)
    for cell, _ in problems:
        if cell and times[cell.id] > 1:
            yield cell, f"the id {cell.id} is used {times[cell.id]} times: give each cell its own"


def _problem(part: dict, definition: str = "") -> str:
    """What the published schema of the format has against this part, empty if nothing.

    The schema is read from nbformat's files, by the library that nbformat reads it with: importing
    nbformat itself takes longer than the whole check.
    """
    import fastjsonschema

    if definition not in _VALIDATORS:
        folder = Path(find_spec("nbformat").submodule_search_locations[0])
        schema = json.loads(
            (folder / "v4" / "nbformat.v4.5.schema.json").read_text(encoding="utf-8")
        )
        _VALIDATORS[definition] = fastjsonschema.compile(
            {**schema["definitions"][definition], "definitions": schema["definitions"]}
            if definition
            else schema
        )
    try:
        _VALIDATORS[definition](part)
    except fastjsonschema.JsonSchemaException as error:
        return error.message
    return ""


_VALIDATORS: dict = {}


# Rules over one notebook


def kernel(notebook: Notebook):
    """The kernel is the one that every machine has, and the language is named: without it ruff
    passes the notebook over."""
    metadata = notebook.content["metadata"]
    found = (
        metadata.get("kernelspec", {}).get("name"),
        metadata.get("language_info", {}).get("name"),
    )
    if found != ("python3", "python"):
        yield (
            None,
            (
                f"the metadata name the kernel {found[0]} and the language {found[1]}, not python3 and python: choose "
                "the kernel in JupyterLab and save"
            ),
        )


def counts(notebook: Notebook):
    """Execution counts run from 1 to N: the outputs come from one clean run."""
    for expected, cell in enumerate(notebook.code(), 1):
        if cell.count != expected:
            yield (
                cell,
                (
                    f"the execution count is {cell.count or 'missing'}, not {expected}: run the notebook from top to "
                    "bottom (coursekit run --inplace)"
                ),
            )
            return


def outputs(notebook: Notebook):
    """No error and no warning was kept."""
    for cell in notebook.code():
        for output in cell.outputs:
            if output["output_type"] == "error":
                yield (
                    cell,
                    f"its output is an error ({output['ename']}): mend the cell and run the notebook again",
                )
            elif output.get("name") == "stderr":
                line = next(
                    (line for line in _text(output["text"]).splitlines() if line.strip()), ""
                )
                yield (
                    cell,
                    f'it writes to stderr ("{line.strip()[:60]}"): remove the cause and run the notebook again',
                )


def badge(notebook: Notebook):
    """The first cell has one Colab badge, which opens this very notebook."""
    first = notebook.cells[0] if notebook.cells else None
    targets = BADGE.findall(first.source if first else "")
    if len(targets) != 1:
        yield (
            first,
            f"the first cell has {len(targets) or 'no'} Colab badge{'s' * (len(targets) > 1)}: it needs one",
        )
        return
    found = COLAB.fullmatch(targets[0])
    if not found:
        yield (
            first,
            f"the badge leads to {targets[0]}: it must lead to Colab's address for a notebook at GitHub",
        )
    elif found[1] != notebook.shown:
        yield first, f"the badge opens {found[1]}: it must open {notebook.shown}"


def pictures(notebook: Notebook):
    """Every picture has a text for those who cannot see it."""
    for cell in notebook.markdown():
        for found in WITHOUT_ALT.findall(FENCED.sub("", cell.source)):
            yield (
                cell,
                f"the picture {found[:40]} has no alternative text: say what it shows, in the brackets or in alt",
            )
    for cell in notebook.code():
        for output in cell.outputs:
            for mime, data in output.get("data", {}).items():
                if (
                    mime.startswith("image/")
                    and not output["metadata"].get(mime, {}).get("alt", "").strip()
                ):
                    yield (
                        cell,
                        f"its {mime} output has no alternative text: show it as ck.plots.Picture(figure, alt=…)",
                    )
                if mime in ("text/html", "text/markdown") and WITHOUT_ALT.search(_text(data)):
                    yield (
                        cell,
                        f"a picture in its {mime} output has no alternative text: give it one",
                    )


def questions(notebook: Notebook):
    """Every question is followed by its answer cell, which carries the same id, and every answer
    follows its question."""
    week = re.match(r"week(\d+)_", notebook.path.name)
    asked = None
    for cell, following in zip(notebook.cells, [*notebook.cells[1:], None]):
        question = QUESTION.match(cell.source) if cell.kind == "markdown" else None
        if bool(question) != ("question" in cell.tags):
            yield (
                cell,
                (
                    'it is tagged question, but does not begin with a heading like "### Question w2-q1"'
                    if not question
                    else "it asks a question, but has no tag question"
                )
                + ": a question needs both",
            )
        if question and week and question[2] != week[1]:
            yield (
                cell,
                f"{question[1]} does not belong to this notebook's week: its ids begin with w{week[1]}",
            )
        if question and not _answers(following, question[1]):
            yield (
                cell,
                (
                    f"the next cell does not answer {question[1]}: it must be Markdown, tagged answer, and its first "
                    f"line **Answer {question[1]}**"
                ),
            )
        answer = ANSWER.match(cell.source) if cell.kind == "markdown" else None
        if not asked and ("answer" in cell.tags or answer):
            yield cell, "an answer cell without its question before it: move or remove it"
        if cell.answer != (answer[1] if answer else ""):
            yield (
                cell,
                (
                    f'its metadata name the answer "{cell.answer}", its first line "{answer[1] if answer else ""}": write '
                    '{"coursekit": {"answer": "…"}} as in the first line, so that the answer can be collected'
                ),
            )
        asked = question


def _answers(cell: Cell | None, id: str) -> bool:
    found = (
        ANSWER.match(cell.source)
        if cell and cell.kind == "markdown" and "answer" in cell.tags
        else None
    )
    return bool(found) and found[1] == id


def checks(notebook: Notebook):
    """Every ``ck.check`` asks about a question that the notebook has asked before and that can be
    checked."""
    asked = set()
    for cell in notebook.cells:
        asked.update(
            QUESTION.findall(cell.source)[0][:1]
            if cell.kind == "markdown" and QUESTION.match(cell.source)
            else ()
        )
        for name in CHECK.findall(cell.source) if cell.kind == "code" else ():
            question = re.match(r"(?:w\d+-q\d+)?", name)[0]
            if name not in SEALS:
                yield (
                    cell,
                    f"{name} cannot be checked: seal its answer in coursekit/checks.py (coursekit.checks.seal)",
                )
            elif question not in asked:
                yield (
                    cell,
                    f"it checks {name}, but {question} has not been asked yet: move it below the question",
                )


def hand_in(notebook: Notebook):
    """A notebook with questions ends with the cell that tells which are answered."""
    code = notebook.code()
    if any("answer" in cell.tags for cell in notebook.cells) and not (
        code and code[-1].source.strip() == HAND_IN and code[-1].position == len(notebook.cells)
    ):
        yield (
            notebook.cells[-1],
            f"the last cell is not {HAND_IN}: add it, so that students see what is not answered yet",
        )


def discussions(notebook: Notebook):
    """Discussions are tagged, and collapsed until the reader opens them."""
    for cell in notebook.markdown():
        text = cell.source.strip()
        if "discussion" not in cell.tags and re.search(r"<summary>\s*Discussion", text):
            yield cell, "it holds a discussion, but has no tag discussion: add it"
        elif "discussion" in cell.tags and not COLLAPSED.fullmatch(text):
            yield (
                cell,
                (
                    "the discussion is not collapsed: begin with <details><summary>Discussion</summary> and an empty "
                    "line, end with a line </details>"
                ),
            )


def paths(notebook: Notebook):
    """Nothing names a place that only one machine has. Colab's /content may stand in the set-up
    cell and in prose."""
    for cell in notebook.cells:
        of_colab = "setup" in cell.tags or cell.kind == "markdown"
        for what, texts in (("it names", [cell.source]), ("its output names", cell.texts())):
            found = (match[0] for text in texts for match in ABSOLUTE.finditer(text))
            wrong = [path for path in found if not (of_colab and path.startswith("/content"))]
            if wrong:
                yield cell, f"{what} {wrong[0]}, a path of one machine only: use a relative path"


def length(notebook: Notebook):
    """No cell is longer than a reader can take in."""
    for cell in notebook.cells:
        lines = len(cell.source.splitlines())
        if lines > LONGEST_CELL:
            yield cell, f"it has {lines} lines, and {LONGEST_CELL} are the most: split it"


def headings(notebook: Notebook):
    """One title, first of all, and no level left out below it."""
    above = 0
    for cell in notebook.markdown():
        for found in HEADING.finditer(FENCED.sub("", cell.source)):
            level = len(found[1])
            if level == 1 and above:
                yield cell, "a second heading of level 1: the title is the only one, use ##"
            elif level > above + 1:
                yield (
                    cell,
                    f"a heading of level {level} under one of level {above}: use {'#' * (above + 1)}",
                )
            above = level
    if not above:
        yield None, "there is no title: begin with a heading like # Week 1 · Convolutions"


def size(notebook: Notebook):
    """The file stays small enough for a repository and a slow line."""
    found = notebook.path.stat().st_size
    if found >= LARGEST_FILE:
        yield (
            None,
            (
                f"the file has {found / 1e6:.1f} MB, and {LARGEST_FILE / 1e6:.0f} are the limit: make its pictures "
                "fewer or smaller"
            ),
        )


RULES = (
    kernel,
    counts,
    outputs,
    badge,
    pictures,
    questions,
    checks,
    hand_in,
    discussions,
    paths,
    length,
    headings,
    size,
)


# Rules over all notebooks: they yield (notebook, cell, message)


def code(notebooks: list[Notebook], _address: str):
    """The code parses and has no undefined names: ruff says so, called once for all notebooks."""
    of = {str(notebook.path): notebook for notebook in notebooks}
    if not of:
        return
    asked = subprocess.run(
        [
            sys.executable,
            "-m",
            "ruff",
            "check",
            "--isolated",
            "--no-cache",
            "--target-version",
            "py310",
            "--select",
            "E9,F63,F7,F82",
            "--output-format",
            "json",
            *of,
        ],
        capture_output=True,
        text=True,
    )
    if asked.returncode not in (0, 1):
        raise course.CommandError(
            f"ruff could not check the code ({asked.stderr.strip()}): pip install ruff"
        )
    for found in json.loads(asked.stdout):
        notebook = of[found["filename"]]
        cell = notebook.cells[found["cell"] - 1] if found["cell"] else None
        yield (
            notebook,
            cell,
            f"line {found['location']['row']}: {found['message']} ({found['code']}), mend the code",
        )


def repository(notebooks: list[Notebook], address: str):
    """Badges and set-up cells name the course's own address."""
    for notebook in notebooks:
        for cell in notebook.cells:
            for found in {*ADDRESS.findall(cell.source)} - {address}:
                yield (
                    notebook,
                    cell,
                    f"the repository is called {found}: write {address}, as in pyproject.toml",
                )


def setup(notebooks: list[Notebook], _address: str):
    """One set-up cell in each notebook, the same in all."""
    model = None
    for notebook in notebooks:
        found = [cell for cell in notebook.code() if "setup" in cell.tags]
        if len(found) != 1:
            yield notebook, None, f"{len(found)} cells are tagged setup: there must be one"
            continue
        model = model or (notebook, found[0])
        if found[0].source != model[1].source:
            yield (
                notebook,
                found[0],
                f"the set-up differs from that of {model[0].shown}: make them the same",
            )


def numbering(notebooks: list[Notebook], _address: str):
    """No two questions of the course have the same id."""
    first = {}
    for notebook in notebooks:
        for cell in notebook.markdown():
            if question := QUESTION.match(cell.source):
                other, place = first.setdefault(question[1], (notebook, cell))
                if place is not cell:
                    yield (
                        notebook,
                        cell,
                        f"{question[1]} is in {other.shown} too (cell {place.position}): number it anew",
                    )


COURSE_RULES = (code, repository, setup, numbering)


def readme(root: Path, address: str) -> Iterator[str]:
    """The README names the course's own address, and its badges open notebooks that exist."""
    path = root / "README.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    for found in sorted({*ADDRESS.findall(text)} - {address}):
        yield f"the repository is called {found}: write {address}, as in pyproject.toml"
    for target in BADGE.findall(text):
        found = COLAB.fullmatch(target)
        if not found or not (root / found[1]).is_file():
            yield f"a badge leads to {target}, where there is no notebook: mend its path"
