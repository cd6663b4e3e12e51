"""A notebook's JSON is read with plain errors, and its cells whatever state they are in."""

import json
import re

import pytest
from made_submissions import STEMS, original

from coursekit.course import NotANotebook
from coursekit.handin import question_ids
from coursekit.handin.notebook import ANY_BADGE, EXACT_BADGE, cells, parse, read, title

BADGE = (
    "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
    "(https://colab.research.google.com/github/ada/cnn/blob/main/week1.ipynb) "
    "[![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)]"
    "(https://kaggle.com/kernels/welcome?src=https://github.com/ada/cnn/blob/main/week1.ipynb)"
)
OLD = {"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": "x = 1"}]}]}


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is not a notebook, for it is empty"),
        (b" \n", "it is empty"),
        (b'{"cells": [\n', "it is not JSON (line 2: "),
        (b'["\xe9"]', "it is not text in UTF-8"),
        (b"[" * 200_000, "its JSON is nested too deep"),
        (b"[1]", "it has no list of cells"),
        (b"null", "it has no list of cells"),
        (b'{"cells": 7, "worksheets": 8}', "it has no list of cells"),
        (b'{"cells": [' + b"{}," * 6_000 + b"{}]}", "has 6,001 cells, and 5,000 are the limit"),
    ],
)
def test_what_is_no_notebook_is_told(data, why, exact):
    with pytest.raises(NotANotebook, match=re.escape(why)):
        parse(data, exact=exact)


def test_the_courses_own_notebooks_are_held_to_one_format(tmp_path):
    """What students hand in may be in an old format or in another encoding."""
    cell = {"cell_type": "markdown", "id": "cell-01", "metadata": {}, "source": "# é"}
    content = {"cells": [cell], "metadata": {"n": 10**20}, "nbformat": 4, "nbformat_minor": 5}
    path = tmp_path / "week1.ipynb"
    path.write_text(json.dumps(content), encoding="utf-8")
    assert read(path) == content and parse(path.read_bytes())["metadata"]["n"] == 0
    path.write_text(json.dumps(content), encoding="utf-16")
    assert title(parse(path.read_bytes())) == "é"
    with pytest.raises(NotANotebook, match="not text in UTF-8"):
        read(path)
    path.write_text(json.dumps(OLD), encoding="utf-8")
    assert [(cell.kind, cell.text) for cell in cells(parse(path.read_bytes()))] == [
        ("code", "x = 1")
    ]
    with pytest.raises(NotANotebook, match="no list of cells"):
        read(path)


def test_a_cell_is_what_the_file_says():
    (cell,) = cells(
        {
            "cells": [
                {
                    "cell_type": "code",
                    "id": "cell-07",
                    "metadata": {"tags": ["setup", 7], "coursekit": {"answer": "w1-q2"}},
                    "source": ["a\r\n", 3, "b\r"],
                    "execution_count": 4,
                    "outputs": [{"output_type": "stream"}, None],
                }
            ]
        }
    )
    assert (cell.position, cell.kind, cell.id, cell.text) == (1, "code", "cell-07", "a\nb\n")
    assert (cell.tags, cell.answer, cell.count) == ({"setup"}, "w1-q2", 4)
    assert cell.outputs == ({"output_type": "stream"},) and cell.attachments == ()


@pytest.mark.parametrize(
    "found",
    [
        {"metadata": {"coursekit": {"answer": ["w1-q1"]}, "tags": 7}, "execution_count": True},
        {"metadata": [], "source": {"a": 1}, "outputs": "x", "attachments": [1], "id": {}},
        {"metadata": {"coursekit": {"answer": "w1-q1 "}}, "outputs": {"a": 1}},
    ],
)
def test_a_cell_in_a_strange_state_is_an_empty_one(found):
    (cell,) = cells({"cells": [found, 7, None]})
    assert (cell.text, cell.id, cell.tags, cell.answer, cell.count) == ("", "", set(), "", None)
    assert cell.outputs == cell.attachments == ()


def test_badges_are_in_the_texts_unless_they_are_not_wanted():
    notebook = {"cells": [{"cell_type": "markdown", "source": f"{BADGE}\n# Week 1"}]}
    found = EXACT_BADGE.findall(cells(notebook)[0].text)
    assert [image for image, _ in found] == ["colab-badge", "open-in-kaggle"]
    assert {address.rpartition("/blob/")[2] for _, address in found} == {"main/week1.ipynb"}
    assert cells(notebook, badges=False)[0].text == " \n# Week 1"
    image, address, *_ = re.findall(r"\((.*?)\)", BADGE)
    of_colab = f'<a href="{address}" target="_parent"><img src="{image}"/></a>'
    assert not EXACT_BADGE.search(of_colab) and ANY_BADGE.fullmatch(of_colab)


@pytest.mark.parametrize("stem", STEMS)
def test_what_the_course_writes_is_found_as_people_leave_it(stem):
    """The tolerant patterns find all that the exact ones find, and nothing else in the course."""
    texts = [cell.text for cell in cells(original(stem)) if cell.kind == "markdown"]
    exact = [found[1] for text in texts if (found := question_ids.EXACT_QUESTION.match(text))]
    assert [name for text in texts for _, name in question_ids.questions(text)] == exact != []
    exact = [found[1] for text in texts if (found := question_ids.EXACT_ANSWER.match(text))]
    assert [name for text in texts for _, name in question_ids.answer_lines(text)] == exact != []


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda data: data + bytes(5_000), "a\nb"),
        (lambda data: data.replace(b"\\n", b"\n"), "a\nb"),
        (lambda data: data.replace(b"\\n", b"\0"), "a\0b"),
        (lambda data: data.replace(b"\\n", b"\\ud800"), "a\ud800b"),
        (lambda data: data.decode().encode("utf-16"), "a\nb"),
        (lambda data: data.decode().encode("utf-32-le"), "a\nb"),
        (lambda data: b"\xef\xbb\xbf" + data.replace(b" ", b"\r"), "a\nb"),
        (lambda data: data.replace(b'"source"', b'"source": "first", "source"'), "first\na\nb"),
        (lambda data: b'{"cells": [], ' + data[1:-1] + b', "cells": []}', "a\nb"),
    ],
)
def test_a_text_is_read_as_any_editor_leaves_it(change, text):
    data = json.dumps({"cells": [{"cell_type": "markdown", "source": "a\nb"}], "n": [1]}).encode()
    assert cells(parse(change(data)))[0].text == text


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"%PDF-1.7", "it is a PDF: ask for the notebook"),
        (b"\n<!DOCTYPE html>", "it is a web page"),
        (b"# %%\nx = 1", "it is a program"),
        (b"PK\3\4", "it is a zip archive"),
        (bytes(100), "it is empty"),
        (b'{"cells": [' + b"{}," * 4_000_000 + b"{}]}", "more than 4,000,000 lists and objects"),
    ],
)
def test_what_else_a_file_is_stands_in_the_message(data, why):
    with pytest.raises(NotANotebook, match=why):
        parse(data)
