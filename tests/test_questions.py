"""Answers are found by metadata, by their line, or by their place, and no text is lost."""

import json
import sys
from copy import deepcopy
from types import ModuleType, SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from submissions import PNG, STEMS, plans, source

import coursekit as ck
from coursekit.questions import PLACEHOLDER, Answers, asked, cells, find_answers, words

LINE = "**Answer w1-q1**"


def cell(text, kind="markdown", **more):
    return {"cell_type": kind, "metadata": {}, "source": text, **more}


def answer(question, text=PLACEHOLDER, **more):
    return cell(
        f"**Answer {question}**\n\n{text}",
        metadata={"tags": ["answer"], "coursekit": {"answer": question}},
        **more,
    )


def course():
    """Two questions, code before and between them, a heading behind each."""
    made = [
        cell("# Week 1"),
        cell("x = 1\ny = 2\nprint(x, y)", "code"),
        cell(
            "### Question w1-q1\n\nWhy does the first network stop to learn?",
            metadata={"tags": ["question"]},
        ),
        answer("w1-q1"),
        cell("ck.check('w1-q1', ...)", "code"),
        cell("Some words that lead on to what comes after them."),
        cell("## Next part\n\nWhat comes now needs a longer sentence."),
        cell("z = 3\nprint(z)", "code"),
        cell(
            "### Question w1-q2\n\nAnd why does the second network go on learning?",
            metadata={"tags": ["question"]},
        ),
        answer("w1-q2"),
        cell("## Hand in\n\nSave."),
    ]
    for position, one in enumerate(made, 1):
        one["id"] = f"cell-{position:02}"
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made}


FIRST, SECOND = 3, 9  # the answer cells


@pytest.fixture
def notebook():
    return course()


def find(notebook):
    return find_answers(notebook, course())


def put(notebook, i, text, **more):
    notebook["cells"].insert(i, cell(text, **more))


def test_nothing_typed_is_nothing_answered(notebook):
    for found in (find(notebook), find_answers(notebook)):
        assert found.texts == {"w1-q1": "", "w1-q2": ""} and not (
            found.loose or found.changed or found.removed
        )
        assert found.open == ["w1-q1", "w1-q2"] and found.status("w1-q1") == "unchanged"
        assert repr(found) == "0 of 2 questions answered\n  w1-q1   unchanged\n  w1-q2   unchanged"


@pytest.mark.parametrize(
    "text",
    [
        f"{LINE}\n\nBecause.",
        "**Answer w1-q1**: Because.",
        "Answer w1-q1 Because.",
        "## ANSWER W1-Q1\nBecause.",
        "> **Answer w1q1:** Because.",
        "__Answer w1-q1.__\r\n\r\nBecause.",
        f"{LINE}\n\n{PLACEHOLDER} Because.",
        "Answer w1-q1：Because.",
        f"{LINE}\n\nWrite your answer here.\n\nBecause.",
        f"\n\n{LINE}\nBecause.",
        "Because.",
    ],
)
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("kind", ["markdown", "raw", "code"])
def test_the_line_may_be_edited_or_gone(notebook, text, named, kind):
    notebook["cells"][FIRST].update(source=text, cell_type=kind)
    if not named:
        notebook["cells"][FIRST]["metadata"] = {}
    found = find(notebook)
    assert (
        found.texts["w1-q1"].strip() == "Because."
        and found.texts["w1-q2"] == ""
        and not found.loose
    )
    assert found.how["w1-q1"] == (
        "metadata" if named else "place" if text == "Because." else "line"
    )
    if named:
        assert find_answers(notebook).texts == {"w1-q1": "Because.", "w1-q2": ""}


def test_a_sentence_may_begin_like_the_line(notebook):
    text = "I think so.\nAnswer w1-q2 says the same, and\nanswer w1-q2 is right."
    notebook["cells"][FIRST]["source"] = f"{LINE}\n\n{text}"
    assert find(notebook).texts == {"w1-q1": text, "w1-q2": ""}


def test_the_line_of_another_question_in_an_answer_of_its_own_is_kept(notebook):
    notebook["cells"][FIRST]["source"] = "**Answer w1-q2**\n\nBecause."
    assert find(notebook).texts == {"w1-q1": "**Answer w1-q2**\n\nBecause.", "w1-q2": ""}
    notebook["cells"][FIRST]["source"] = "**Answer w9-q9**\n\nBecause."
    assert find(notebook).texts["w1-q1"] == "**Answer w9-q9**\n\nBecause."


def test_of_copied_metadata_the_line_tells(notebook):
    notebook["cells"][SECOND] = deepcopy(notebook["cells"][FIRST]) | {
        "source": "**Answer w1-q2**\n\nSecond."
    }
    assert find(notebook).texts == {"w1-q1": "", "w1-q2": "Second."}


def test_moved_answers_are_found_by_metadata_and_line(notebook):
    for i, text in ((FIRST, "First."), (SECOND, "Second.")):
        notebook["cells"][i]["source"] = notebook["cells"][i]["source"].replace(PLACEHOLDER, text)
    notebook["cells"][SECOND]["metadata"] = {}
    second, first = notebook["cells"].pop(SECOND), notebook["cells"].pop(FIRST)
    notebook["cells"] = [notebook["cells"][0], second, *notebook["cells"][1:], first]
    found = find(notebook)
    assert found.texts == {"w1-q1": "First.", "w1-q2": "Second."} and found.how == {
        "w1-q1": "metadata",
        "w1-q2": "line",
    }


def test_a_text_between_question_and_next_heading_is_the_answer(notebook):
    put(notebook, FIRST + 1, "Below.")
    put(notebook, FIRST, "Above.")
    found = find(notebook)
    assert (
        found.texts["w1-q1"] == "Above.\n\nBelow."
        and found.how == {"w1-q1": "place"}
        and not found.loose
    )
    assert found.status("w1-q1") == "answered"


def test_a_text_elsewhere_is_kept_with_its_place(notebook):
    put(notebook, 7, "A note.")
    put(notebook, 1, "Another note.")
    found = find(notebook)
    assert found.loose == [(2, "Another note."), (9, "A note.")] and found.open == [
        "w1-q1",
        "w1-q2",
    ]
    assert "cell 2: a text that belongs to no question: Another note." in repr(found)


def test_headings_of_the_students_end_no_answer(notebook):
    notebook["cells"][FIRST]["source"] = f"{LINE}\n\nOne.\n\n## Two\n\n# Three\n\nFour."
    put(notebook, FIRST + 1, "## Five")
    assert find(notebook).texts["w1-q1"] == "One.\n\n## Two\n\n# Three\n\nFour.\n\n## Five"


def test_a_removed_answer_cell_is_missing(notebook):
    del notebook["cells"][FIRST]
    assert find(notebook).status("w1-q1") == "missing"
    put(notebook, FIRST, "Because.")
    assert find(notebook).status("w1-q1") == "answered"


def test_merged_cells_are_cut_where_they_name_a_question_or_a_part(notebook):
    notebook["cells"][FIRST]["source"] = f"{LINE}\n\nFirst."
    notebook["cells"][SECOND]["source"] = "**Answer w1-q2**\n\nSecond."
    text = [one["source"] for one in notebook["cells"][2:10] if one["cell_type"] == "markdown"]
    text[3] += "\n\nA note."
    text[4] += "\n\nIn the question."
    notebook["cells"][2:10] = [
        cell("\n\n".join(text), metadata=notebook["cells"][SECOND]["metadata"])
    ]
    found = find(notebook)
    assert found.texts["w1-q1"] == "First." and found.loose == [(3, "A note.")]
    assert found.texts["w1-q2"].split() == ["In", "the", "question.", "Second."]
    assert [text.splitlines()[0] for text in found.removed] == ["ck.check('w1-q1', ...)", "z = 3"]


def test_a_quotation_of_the_course_is_no_text_of_the_course(notebook):
    quoted = notebook["cells"][5]["source"]
    notebook["cells"][FIRST]["source"] = f"{LINE}\n\n{quoted}"
    assert find(notebook).texts["w1-q1"] == quoted
    notebook["cells"][FIRST]["source"] = (
        f"{LINE}\n\nBecause.\n\n{quoted}"  # merged with the cell below it
    )
    del notebook["cells"][5]
    assert find(notebook).texts["w1-q1"] == "Because."


def test_a_discussion_that_was_copied_is_shown():
    model = course()
    model["cells"].insert(
        4,
        cell(
            "<details>\n\nThe truth is a long story.\n\n</details>",
            metadata={"tags": ["discussion"]},
        ),
    )
    handed_in = course()
    handed_in["cells"][FIRST]["source"] = f"{LINE}\n\nThe truth is a long story."
    assert find_answers(handed_in, model).texts["w1-q1"] == "The truth is a long story."


def test_code_is_compared_with_the_course(notebook):
    notebook["cells"][1]["source"] = "x = 1\ny = 5\nprint(x, y)"
    notebook["cells"][4]["source"] = "something('quite else')"  # known by its id
    notebook["cells"][7]["id"] = "lost"
    notebook["cells"][7]["source"] = "z = 3 \nprint(z)\n"  # the same but for blanks
    put(notebook, 7, "new()", cell_type="code")
    found = find(notebook)
    assert [(one.position, one.before and one.before.splitlines()[0]) for one in found.changed] == [
        (2, "x = 1"),
        (5, "ck.check('w1-q1', ...)"),
        (8, None),
    ]
    assert not found.removed and not found.loose and found.open == ["w1-q1", "w1-q2"]
    del notebook["cells"][1]
    assert find(notebook).removed == ["x = 1\ny = 2\nprint(x, y)"]


def test_new_code_at_a_question_belongs_to_its_answer(notebook):
    put(notebook, FIRST + 1, "# a trial\nprint(2)", cell_type="code")
    assert find(notebook).texts["w1-q1"] == "    # a trial\n    print(2)"


def test_indentation_matters_in_code(notebook):
    notebook["cells"][7]["source"] = "z = 3\n  print(z)"
    assert [one.before for one in find(notebook).changed] == ["z = 3\nprint(z)"]


def test_pictures_count_as_answers(notebook):
    notebook["cells"][FIRST]["attachments"] = {"image.png": {"image/png": PNG}}
    notebook["cells"][SECOND]["source"] += f"![a drawing](data:image/png;base64,{PNG}) See."
    put(
        notebook,
        7,
        f"![](data:image/jpeg;base64,{PNG})",
        attachments={"b": 7, "c": {"image/png": [PNG[:4], PNG[4:]]}},
    )
    found = find(notebook)
    assert (
        found.texts == {"w1-q1": "", "w1-q2": "![a drawing](attachment:a drawing) See."}
        and not found.open
    )
    assert found.pictures == {
        "w1-q1": [("image.png", "image/png", PNG)],
        "w1-q2": [("a drawing", "image/png", PNG)],
        "": [("c", "image/png", PNG), ("", "image/jpeg", PNG)],
    }
    assert "  w1-q1   answered, 1 picture" in repr(found)
    put(notebook, FIRST, "", attachments={"x.png": {"image/png": PNG}})
    assert len(find(notebook).pictures["w1-q1"]) == 2


def test_a_badge_is_no_text(notebook):
    badge = (
        "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
        "(https://colab.research.google.com/github/ada/cnn/blob/main/students/week1.ipynb)"
    )
    notebook["cells"][0]["source"] += f"\n\n{badge}"
    put(
        notebook,
        0,
        '<a href="https://colab.research.google.com/github/a/b/blob/main/c.ipynb" target="_parent"><img src='
        '"https://colab.research.google.com/assets/colab-badge.svg" alt="Open In Colab"/></a>',
    )
    assert not find(notebook).loose


def test_without_the_courses_notebook_only_what_is_surely_typed_counts(notebook):
    notebook["cells"][FIRST]["source"] = f"{LINE}\n\nBecause."
    put(notebook, FIRST + 1, "More of it.")
    put(notebook, FIRST + 2, "a_trial()", cell_type="code")
    found = find_answers(notebook)
    assert (
        found.texts == {"w1-q1": "Because.\n\nMore of it.", "w1-q2": ""}
        and not found.loose
        and not found.changed
    )
    for one in notebook["cells"]:
        one.pop("id", None)
        one["metadata"] = {}
    assert find_answers(notebook).texts == {"w1-q1": "Because.", "w1-q2": ""}
    notebook["cells"][FIRST]["cell_type"] = "code"
    assert find_answers(notebook).texts == {"w1-q1": "Because.", "w1-q2": ""}
    del notebook["cells"][2]  # the question
    assert find_answers(notebook).texts == {"w1-q2": "", "w1-q1": "Because."}


def test_without_the_courses_notebook_a_question_is_no_answer(notebook):
    notebook["cells"][2:4] = [cell("\n\n".join(one["source"] for one in notebook["cells"][2:4]))]
    assert find_answers(notebook).texts["w1-q1"] == ""
    notebook["cells"][2]["source"] += "\n\nBecause."
    assert find_answers(notebook).texts["w1-q1"] == "Because."


def test_only_signs_are_no_answer(notebook):
    for text in ("", "  \n", "**", "- \n>", "..."):
        notebook["cells"][FIRST]["source"] = f"{LINE}\n\n{text}"
        assert find(notebook).status("w1-q1") == "unchanged"
    notebook["cells"][FIRST]["source"] = f"{LINE}\n\n?"
    assert find(notebook).status("w1-q1") == "answered"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("one two", 2),
        ("it’s rock-solid", 2),
        ("3.5 %", 2),
        ("更快", 2),
        ("faster 更快了", 4),
        ("x_1 = y", 3),
        ("… – !", 0),
        ("لأن المرشحات", 2),
        ("see ![a plot](attachment:a plot.png)", 1),
    ],
)
def test_words(text, count):
    assert words(text) == count


def test_a_long_start_is_cut_and_cannot_act_on_a_terminal():
    shown = repr(Answers({"w1-q1": "x"}, loose=[(3, "a\x1b[2Jb\n" + "long " * 100)]))
    assert shown.startswith("1 of 1 question answered\n  w1-q1   answered, 1 word\n  cell 3: ")
    assert "\x1b" not in shown and shown.endswith("…") and len(shown.splitlines()[-1]) < 120


@pytest.mark.parametrize("stem", STEMS)
def test_every_notebook_of_the_course_is_all_questions_and_no_answers(stem):
    model = source(stem)
    for found in (find_answers(model, model), find_answers(model)):
        assert list(found.texts) == found.open == asked(model) and len(found.open) >= 4
        assert {found.status(question) for question in found.texts} == {"unchanged"}
        assert not (found.loose or found.changed or found.removed)


@given(plans())
def test_whatever_students_do_their_texts_are_found(plan):
    made = plan.make(0)
    if "worksheets" in made.notebook:  # collect makes the present format of it
        return
    found = find_answers(made.notebook, source(made.stem))
    for token, question in made.tokens.items():
        homes = [home for home, text in found.texts.items() if token in text]
        assert (
            homes == [question]
            if question
            else homes or token in str(found.loose) + str(found.changed)
        )


KEYS = ["source", "cell_type", "metadata", "tags", "coursekit", "answer", "id", "attachments"]
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(st.lists(junk, max_size=4), st.booleans())
def test_no_junk_stops_it(made, with_source):
    notebook = {"cells": [*course()["cells"][:4], *made]}
    found = find_answers(notebook, course() if with_source else None)
    assert "w1-q1" in found.texts and repr(found) and len(cells(notebook)) >= 4


def read_own(capsys):
    found = ck.answers()
    return found, capsys.readouterr().out


def test_answers_reads_the_file_that_jupyter_names(notebook, tmp_path, monkeypatch, capsys):
    notebook["cells"][FIRST]["source"] = f"{LINE}\n\nBecause it is so."
    path = tmp_path / "week1.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    found, out = read_own(capsys)
    assert (
        repr(found) == "1 of 2 questions answered\n  w1-q1   answered, 4 words\n  w1-q2   unchanged"
    )
    assert out.startswith("week1.ipynb, as saved at ") and out.endswith(
        "save, and run this cell again.\n"
    )
    monkeypatch.delenv("JPY_SESSION_NAME")
    assert repr(ck.answers(path)) == repr(found)


@pytest.mark.parametrize("name", ["gone.ipynb", ""])
def test_answers_says_what_to_do_without_a_file(tmp_path, monkeypatch, capsys, name):
    monkeypatch.setenv("JPY_SESSION_NAME", name and str(tmp_path / name))
    assert read_own(capsys) == (
        None,
        "This notebook's file cannot be found from here. Save it, and ask on the command line: "
        "coursekit answers FILE\n",
    )


def test_answers_knows_the_variable_of_visual_studio_code(notebook, tmp_path, monkeypatch, capsys):
    path = tmp_path / "code.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    monkeypatch.setattr(
        "IPython.get_ipython", lambda: SimpleNamespace(user_ns={"__vsc_ipynb_file__": str(path)})
    )
    found, out = read_own(capsys)
    assert found.open == ["w1-q1", "w1-q2"] and out.startswith("code.ipynb")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "cannot be read as a notebook"),
        (b"\xff", "cannot be read as a notebook"),
        (b"[" * 100_000, "cannot be read"),
        (b"[1]", "it has no list of cells"),
        (b'{"cells": 7}', "it has no list of cells"),
    ],
)
def test_answers_refuses_what_is_no_notebook(tmp_path, content, told):
    (tmp_path / "week1.ipynb").write_bytes(content)
    with pytest.raises(ValueError, match=told):
        ck.answers(tmp_path / "week1.ipynb")


@pytest.mark.parametrize(
    "reply", [{"ipynb": course()}, None, {}, {"ipynb": "late"}, RuntimeError("the page is closed")]
)
def test_answers_asks_the_page_of_colab(monkeypatch, capsys, reply):
    calls = []

    def ask(*names, **more):
        calls.append((names, more))
        if isinstance(reply, Exception):
            raise reply
        return reply

    colab = ModuleType("google.colab")
    colab._message = SimpleNamespace(blocking_request=ask)
    monkeypatch.setitem(sys.modules, "google", ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    found, out = read_own(capsys)
    assert calls == [(("get_ipynb",), {"timeout_sec": 20})]
    if reply == {"ipynb": course()}:
        assert found.open == ["w1-q1", "w1-q2"] and out == ""
    else:
        assert (
            found is None
            and out == "Colab's page did not answer: keep it open, and run this cell again.\n"
        )
