"""Lint: a course in order passes, and one edit that breaks one rule is caught by that rule and no
other."""

import json
import subprocess
import sys
import time

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from patience import HANGS

from coursekit import course
from coursekit.classroom import lint
from coursekit.cli import main

PYPROJECT = '[project.urls]\nRepository = "https://github.com/ada/cnn"\n'
BADGE = (
    "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
    "(https://colab.research.google.com/github/ada/cnn/blob/main/notebooks/{0}.ipynb)\n"
    "[![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)]"
    "(https://kaggle.com/kernels/welcome?src=https://github.com/ada/cnn/blob/main/notebooks/{0}.ipynb)"
)
SETUP = (
    "import math\n\nimport coursekit as ck\n\nif math.inf < 0:\n    %pip install -q git+https://github.com/ada/cnn\n"
    "    %cd /content"
)
FIRST, SECOND = "week1_first", "week2_second"


def good_notebook(name):
    """Cells 1 to 9, with everything in them that a rule might wrongly object to."""
    week = name[4]
    picture = new_output(
        "display_data", {"image/png": "iVBORw0K"}, metadata={"image/png": {"alt": "a dot"}}
    )
    page = new_output(
        "display_data",
        {"text/html": '<img src="data:image/png;base64,iVBO/home/ada/x" alt="a dot">'},
    )
    printed = new_output(
        "stream",
        name="stdout",
        text="Warning: see https://example.org/home/ada and ../data/home/x\n",
    )
    cells = [
        new_markdown_cell(
            f"# Week {week} · Title\n\n{BADGE.format(name)}\n\nIn Colab `/content/drive`. "
            "See https://github.com/pytorch/vision."
        ),
        new_code_cell(SETUP, execution_count=1, metadata={"tags": ["setup"]}),
        new_markdown_cell(
            "## Look\n\n```python\n# a comment, no heading\n```\n\n![A drawing](drawing.png)"
        ),
        new_code_cell(
            "display(math.pi)\nprint('a:\\nb')", execution_count=2, outputs=[printed, picture, page]
        ),
        new_code_cell(""),
        new_markdown_cell(f"### Question w{week}-q1\nWhy?", metadata={"tags": ["question"]}),
        new_markdown_cell(
            f"**Answer w{week}-q1**\n\n*Write here.*",
            metadata={"tags": ["answer"], "coursekit": {"answer": f"w{week}-q1"}},
        ),
        new_markdown_cell(
            "<details><summary>Discussion</summary>\n\nSo.\n\n</details>",
            metadata={"tags": ["discussion"]},
        ),
        new_code_cell("ck.answers()", execution_count=3),
    ]
    for position, cell in enumerate(cells, 1):
        cell.id = f"cell-{position:02d}"
    return new_notebook(
        cells=cells,
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3"},
            "language_info": {"name": "python"},
        },
    )


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A course of two notebooks, as the working folder."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "README.md").write_text(
        f"# Course\n\ngit clone https://github.com/ada/cnn.git\n\n{BADGE.format(FIRST)}\n"
    )
    for name in (FIRST, SECOND):
        nbformat.write(good_notebook(name), tmp_path / "notebooks" / f"{name}.ipynb")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def findings(root):
    return lint.check(course.find_notebooks([], root), root)


def replace(position, old, new):
    """An edit: in the source of this cell, ``old`` becomes ``new``."""

    def edit(notebook):
        cell = notebook.cells[position - 1]
        assert old in cell.source
        cell.source = cell.source.replace(old, new)

    return edit


def change(position, **attributes):
    """An edit: these attributes of this cell."""
    return lambda notebook: notebook.cells[position - 1].update(attributes)


def tag(position, *tags):
    return lambda notebook: notebook.cells[position - 1].metadata.update(tags=list(tags))


def output(*arguments, **options):
    """An edit: another output of cell 4."""
    return lambda notebook: notebook.cells[3].outputs.append(new_output(*arguments, **options))


def code(lines):
    """An edit: further lines in cell 4."""
    return replace(4, "display(", f"{lines}\ndisplay(")


DRAWING = "![A drawing](drawing.png)"
# (rule, cell of the finding, a word of its message, edit of the second notebook)
BROKEN = [
    ("format", None, "not 4.5", lambda notebook: notebook.update(nbformat_minor=4)),
    ("format", 4, "id", lambda notebook: notebook.cells[3].pop("id")),
    ("format", 4, "metadata", change(4, metadata=[])),
    ("format", 4, "no known type", change(4, cell_type="picture")),
    ("format", 5, "cell-04 is used 2 times", change(5, id="cell-04")),
    ("format", 5, "the id loss is not of the form cell-12", change(5, id="loss")),
    ("kernel", None, "the language None", lambda notebook: notebook.metadata.pop("language_info")),
    (
        "kernel",
        None,
        "the kernel course",
        lambda one: one.metadata.kernelspec.update(name="course"),
    ),
    ("counts", 4, "the execution count is 7, not 2", change(4, execution_count=7)),
    ("counts", 2, "is missing, not 1", change(2, execution_count=None)),
    ("outputs", 4, "NameError", output("error", ename="NameError", evalue="x", traceback=[])),
    ("outputs", 4, "stderr", output("stream", name="stderr", text="UserWarning: old\n")),
    ("code", 4, "line 2: Undefined name `pint`", replace(4, "print", "pint")),
    ("code", 4, "mend the code", replace(4, "print(", "print((")),
    ("badge", 1, "it has no colab-badge.svg", replace(1, "colab-badge.svg", "badge.svg")),
    ("badge", 1, "it has no open-in-kaggle.svg", replace(1, "open-in-kaggle", "kaggle")),
    ("badge", 1, "it has 2 open-in-kaggle.svg", replace(1, "colab-badge", "open-in-kaggle")),
    ("badge", 1, f"make it open notebooks/{SECOND}.ipynb", replace(1, SECOND, FIRST)),
    ("badge", 1, "its open-in-kaggle.svg leads to", replace(1, "ada/cnn/blob", "ada/cnn/tree")),
    ("badge", 1, "kaggle.svg leads to https://kaggle.com", replace(1, "?src=https", "?src=http")),
    ("badge", 1, "svg leads to https://colab.research.google.com", replace(1, "/blob/main", "")),
    ("repository", 1, "grace/cnn: write ada/cnn", replace(1, "github/ada", "github/grace")),
    ("repository", 1, "grace/cnn: write ada/cnn", replace(1, "m/ada", "m/grace")),
    ("pictures", 3, "the picture ![](", replace(3, "A drawing", "")),
    ("pictures", 3, "alternative text", replace(3, DRAWING, '<img src="a.png">')),
    ("pictures", 3, "alternative text", replace(3, DRAWING, '<img src="a.png" alt="">')),
    ("pictures", 4, "image/png output", output("display_data", {"image/png": "iVBO"})),
    ("pictures", 4, "text/html output", output("display_data", {"text/html": "<img src='x.png'>"})),
    ("questions", 6, "does not answer w2-q1", replace(7, "Answer w2-q1", "Answer w2-q2")),
    ("questions", 6, "does not answer w2-q1", replace(7, "**Answer", "Answer")),
    ("questions", 6, "does not answer w2-q1", tag(7)),
    ("questions", 6, "does not answer w2-q1", lambda notebook: notebook.cells.pop(6)),
    ("questions", 6, 'tag it question, and begin it like "###', replace(6, "Question w2-q", "Q")),
    ("questions", 6, "half a question: tag it", tag(6)),
    ("questions", 6, "without its question", lambda notebook: notebook.cells.pop(5)),
    (
        "questions",
        6,
        "is not of this notebook's week",
        lambda notebook: (
            replace(6, "w2-q1", "w3-q1")(notebook),
            replace(7, "w2-q1", "w3-q1")(notebook),
            notebook.cells[6].metadata.coursekit.update(answer="w3-q1"),
        ),
    ),
    (
        "numbering",
        9,
        f"w2-q1 is in notebooks/{SECOND}.ipynb too",
        lambda notebook: notebook.cells.__setitem__(
            slice(8, 8), [cell | {"id": f"{cell.id}9"} for cell in notebook.cells[5:7]]
        ),
    ),
    (
        "questions",
        7,
        'metadata name the answer ""',
        lambda notebook: notebook.cells[6].metadata.pop("coursekit"),
    ),
    (
        "questions",
        7,
        'metadata name the answer "w2-q9"',
        lambda notebook: notebook.cells[6].metadata.coursekit.update(answer="w2-q9"),
    ),
    ("checks", 4, "w2-q99 cannot be checked: seal", code("ck.check('w2-q99', ...)")),
    ("checks", 4, "w2-q3 has not been asked yet", code("ck.check('w2-q3', ...)")),
    ("hand_in", 9, "not ck.answers()", replace(9, "ck.answers()", "print(1)")),
    ("hand_in", 8, "not ck.answers()", lambda notebook: notebook.cells.pop()),
    ("discussions", 8, "no tag discussion", tag(8)),
    ("discussions", 8, "not collapsed", replace(8, "<details>", "<details open>")),
    ("discussions", 8, "not collapsed", replace(8, "\n\nSo.", "\nSo.")),
    ("paths", 4, "/home/ada/x", replace(4, "'a:", "'/home/ada/x:")),
    ("paths", 4, "C:\\\\Users", replace(4, "'a:", "'C:\\\\Users\\\\ada:")),
    ("paths", 4, "/content", replace(4, "'a:", "'/content")),
    ("paths", 4, "its output names /home/ada", output("stream", name="stdout", text="/home/ada\n")),
    ("paths", 4, "names /Users/ada", output("display_data", {"text/plain": ["'/Users/", "ada'"]})),
    ("outputs", 4, "nbval-check-output", code("print(math.getsource(math.fsum))")),
    ("outputs", 4, "nbval-check-output", code("source = print\nsource(math.fsum)")),
    (
        "size",
        3,
        "41 lines",
        lambda notebook: notebook.cells[2].update(source="\n".join(["## Look"] + ["text"] * 40)),
    ),
    ("headings", 3, "a second heading of level 1", replace(3, "## Look", "# Look")),
    ("headings", 3, "level 3 under one of level 1", replace(3, "## Look", "### Look")),
    (
        "headings",
        None,
        "no title",
        lambda notebook: [
            replace(1, "# Week", "Week")(notebook),
            replace(3, "## ", "")(notebook),
            notebook.cells.__delitem__(slice(5, 8)),
        ],
    ),
    ("size", None, "2.1 MB", output("stream", name="stdout", text="x" * 2_100_000)),
    ("recorded", 3, "not folded", tag(3, "recorded")),
    (
        "unrecorded",
        6,
        "94.72 (output of cell 4) differs from run to run",
        lambda notebook: [
            output("stream", name="stdout", text="accuracy 0.94721\n")(notebook),
            replace(6, "Why?", "Why 94.72 %?")(notebook),
        ],
    ),
    (
        "stored_runs",
        4,
        f'is of another notebook: write "{SECOND}"',
        code('import coursekit as ck\nck.recorded("week1_first")'),
    ),
    ("setup", 2, "differs", replace(2, "-q ", "")),
    (
        "setup",
        None,
        "0 cells",
        lambda notebook: [tag(2)(notebook), replace(2, "/content", "..")(notebook)],
    ),
]


def test_a_course_in_order_has_no_findings(root, capsys):
    assert main(["lint"]) == 0
    assert capsys.readouterr().out == "2 notebooks: nothing to mend\n"


@pytest.mark.parametrize(
    ("rule", "cell", "words", "edit"), BROKEN, ids=[f"{row[0]}-{i}" for i, row in enumerate(BROKEN)]
)
def test_one_broken_rule_is_caught_by_that_rule_only(root, rule, cell, words, edit):
    notebook = good_notebook(SECOND)
    edit(notebook)
    path = root / "notebooks" / f"{SECOND}.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    found = findings(root)
    assert {finding.rule for finding in found} == {rule}
    where = f"notebooks/{SECOND}.ipynb: " + (f"cell {cell} (" if cell else "")
    assert any(str(finding).startswith(where) and words in str(finding) for finding in found), [
        *map(str, found)
    ]


def test_every_rule_has_a_notebook_that_breaks_it():
    rules = {rule.__name__ for rule in lint.RULES} | {"format", "code"}
    assert rules == {row[0] for row in BROKEN}


@pytest.mark.parametrize(
    ("code", "tags"),
    [
        ("print(math.getsource(math.fsum))", ["nbval-check-output"]),
        ("def source(of):\n    return of", []),
        ("math.source(1), math.source", []),
    ],
)
def test_printed_code_that_is_compared_is_in_order(root, code, tags):
    notebook = good_notebook(SECOND)
    notebook.cells[3].source = code
    notebook.cells[3].metadata.update(tags=tags)
    nbformat.write(notebook, root / "notebooks" / f"{SECOND}.ipynb")
    assert findings(root) == []


def test_the_same_question_in_two_notebooks_is_found(root):
    path = root / "notebooks" / f"{SECOND}.ipynb"
    path.rename(path.with_name("week2_zz.ipynb"))
    nbformat.write(good_notebook(SECOND), path)
    found = [finding for finding in findings(root) if finding.rule == "numbering"]
    assert [finding.shown for finding in found] == ["notebooks/week2_zz.ipynb"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("com/ada/cnn.git", "com/grace/cnn.git", "grace/cnn: write ada/cnn"),
        (
            f"google.com/github/ada/cnn/blob/main/notebooks/{FIRST}",
            "google.com/github/ada/cnn/blob/main/week1",
            "no notebook",
        ),
        (
            f"github.com/ada/cnn/blob/main/notebooks/{FIRST}",
            "github.com/ada/cnn/blob/main/week1",
            "no notebook",
        ),
    ],
)
def test_the_readme_is_checked_too(root, old, new, words):
    readme = root / "README.md"
    readme.write_text(readme.read_text().replace(old, new))
    (finding,) = findings(root)
    assert finding.rule == "readme" and words in str(finding)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"cells": [', "not JSON (line 1"),
        (b"\xff\xfe", "not text in UTF-8"),
        (b"[1]", "no list of cells"),
        (b"", "is empty"),
    ],
)
def test_what_is_no_notebook_is_a_finding(root, capsys, content, words):
    (root / "notebooks" / "week3_torn.ipynb").write_bytes(content)
    assert main(["lint"]) == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("notebooks/week3_torn.ipynb: the file is ") and words in first
    assert last == "3 notebooks: 1 finding"


CRAFTED = {
    "fences": "`" * 100_000,
    "tags": "<img " * 20_000,
    "styles": "<style " * 20_000,
    "links": "](" * 50_000,
    "digits": ("1 " + "1" * 60 + "x ") * 1_500,
    "power": "1e" + "9" * 5_000,
    "device": "device" + " " * 100_000,
}


@pytest.mark.parametrize("text", CRAFTED.values(), ids=CRAFTED)
def test_a_text_that_is_made_to_be_slow_is_not(root, monkeypatch, text):
    monkeypatch.setattr(lint, "code", lambda notebooks: ())  # ruff, which has a limit of time
    notebook = good_notebook(SECOND)
    notebook.cells[2].source = f"## Look\n\n{text}"
    folded = f"<details><summary>The recorded run (full, CPU)</summary>\n\n{text}\n</details>"
    recorded = new_markdown_cell(folded, id="cell-10", metadata={"tags": ["recorded"]})
    notebook.cells.insert(3, recorded)
    outputs = ({"text/html": text, "text/markdown": text}, {"text/plain": text})
    notebook.cells[4].outputs = [new_output("display_data", data) for data in outputs]
    (root / "notebooks" / f"{SECOND}.ipynb").write_text(json.dumps(notebook))
    before = time.process_time()
    findings(root)
    assert time.process_time() - before < HANGS


def test_what_is_too_much_for_ruff_is_a_finding_and_the_others_are_checked(root, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(root))
    first, second = good_notebook(FIRST), good_notebook(SECOND)
    first.cells[3].source = "-" * 100_000 + "1"
    second.cells[3].source = "pint(1)"
    for name, notebook in ((f"{FIRST} [a]", first), (SECOND, second)):
        nbformat.write(notebook, root / "notebooks" / f"{name}.ipynb")
    (root / "notebooks" / f"{FIRST}.ipynb").unlink()
    found = {finding.shown: finding for finding in findings(root) if finding.rule == "code"}
    assert "ruff cannot check its code (" in str(found[f"notebooks/{FIRST} [a].ipynb"])
    assert "Undefined name `pint`" in str(found[f"notebooks/{SECOND}.ipynb"])
    monkeypatch.setenv("RUFF_OUTPUT_FILE", str(root / "taken"))
    assert {finding.rule for finding in findings(root)} >= {"code"}


def test_arguments_choose_notebooks(root, capsys):
    (root / "notebooks" / "week3_torn.ipynb").write_text("no JSON")
    assert main(["lint", "week1", f"notebooks/{FIRST}.ipynb"]) == 0
    assert capsys.readouterr().out == "1 notebook: nothing to mend\n"
    assert main(["lint", "notebooks"]) == 1
    capsys.readouterr()
    assert main(["lint", "week9"]) == 2
    assert capsys.readouterr().err == (
        'coursekit lint: "week9" is neither a file nor a part of a name in notebooks/, which '
        "holds: week1_first, week2_second, week3_torn\n"
    )


def test_outside_a_course_lint_says_where_to_go(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["lint"]) == 2
    assert "run the command in the course's folder" in capsys.readouterr().err


def test_a_dozen_notebooks_take_no_torch(root):
    for week in range(3, 13):
        name = f"week{week}_more"
        text = (
            nbformat.v4.writes(good_notebook(SECOND))
            .replace("w2-q1", f"w{week}-q1")
            .replace(SECOND, name)
        )
        (root / "notebooks" / f"{name}.ipynb").write_text(text, encoding="utf-8")
    program = (
        "import sys; from coursekit.cli import main; "
        "code = main(['lint']); sys.exit(code or 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "12 notebooks: nothing to mend\n"), done.stderr
