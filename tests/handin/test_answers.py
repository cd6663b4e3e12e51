"""Answers are found by metadata, by their line, or by their place, and no text is lost."""

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_submissions import PNG, STEMS, asked, original, plans
from small_course import FIRST, LINE, SECOND, cell, course, put

from coursekit.handin.answers import Answers, find_answers, words
from coursekit.handin.notebook import cells
from coursekit.handin.question_ids import PLACEHOLDER


def find(notebook):
    return find_answers(notebook, course())


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


def test_of_very_many_lines_none_is_lost(notebook):
    put(notebook, 1, "\n".join(f"{LINE} text {i}" for i in range(5_000)))
    found = find(notebook)
    kept = "\n".join([*found.texts.values(), *(text for _, text in found.loose)])
    assert all(f"text {i}\n" in f"{kept}\n" for i in range(5_000))


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


def test_an_answer_may_be_found_in_two_ways(notebook):
    notebook["cells"][FIRST]["source"] = f"{LINE}\n\nOne."
    put(notebook, FIRST + 1, "Two.")
    put(notebook, FIRST + 1, "Three.")
    found = find(notebook)
    assert found.texts["w1-q1"] == "One.\n\nThree.\n\nTwo."
    assert found.how == {"w1-q1": "metadata and place"}


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
    for copied in ("The truth is a long story.", model["cells"][4]["source"]):
        handed_in["cells"][FIRST]["source"] = f"{LINE}\n\n{copied}"
        assert find_answers(handed_in, model).texts["w1-q1"] == copied


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


def test_without_ids_changed_code_is_known_by_its_lines(notebook):
    model = course()
    for one in model["cells"] + notebook["cells"]:
        del one["id"]
    notebook["cells"][1]["source"] = "x = 1\ny = 5\nprint(x, y)"
    notebook["cells"][7]["source"] = "something('quite else')"
    found = find_answers(notebook, model)
    changed = [(one.position, one.before) for one in found.changed]
    assert changed == [(2, "x = 1\ny = 2\nprint(x, y)"), (8, None)]
    assert found.removed == ["z = 3\nprint(z)"]


def test_new_code_at_a_question_belongs_to_its_answer(notebook):
    put(notebook, FIRST + 1, "# a trial\nprint(2)", cell_type="code")
    assert find(notebook).texts["w1-q1"] == "    # a trial\n    print(2)"


def test_indentation_matters_in_code(notebook):
    notebook["cells"][7]["source"] = "z = 3\n  print(z)"
    assert [one.before for one in find(notebook).changed] == ["z = 3\nprint(z)"]


def test_attachments_count_as_answers(notebook):
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
    assert found.attachments == {
        "w1-q1": [("image.png", "image/png", PNG)],
        "w1-q2": [("a drawing", "image/png", PNG)],
        "": [("c", "image/png", PNG), ("", "image/jpeg", PNG)],
    }
    assert "  w1-q1   answered, 1 attachment" in repr(found)
    put(notebook, FIRST, "", attachments={"x.png": {"image/png": PNG}})
    assert len(find(notebook).attachments["w1-q1"]) == 2


def test_a_badge_is_no_text(notebook):
    badge = (
        "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
        "(https://colab.research.google.com/github/ada/cnn/blob/main/students/week1.ipynb)"
    )
    notebook["cells"][0]["source"] += f"\n\n{badge}"
    put(
        notebook,
        0,
        '<a href="https://colab.research.google.com/github/a/b/blob/main/c.ipynb" target="_parent">'
        '<img src="https://colab.research.google.com/assets/colab-badge.svg" alt="Open"/></a>',
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


# What is typed, ¦ between: nothing, what a reader does not see, and answers.
EMPTY = (
    "¦  \n¦**¦- \n>¦> ¦<br>¦\u200b¦\ufeff¦&nbsp;¦&#8203;¦1.\n2. ¦* * *¦```python\n\n```¦"
    "~~~\n~~~¦[]()¦![]()¦| | |\n|-|-|\n| | |¦<p></p>¦$$ $$¦- [ ] ¦\u3164¦<!---->¦<b> </b>¦"
    f"> > ¦#¦\u202e¦\\¦> {PLACEHOLDER}¦<em>Write your answer here.</em>¦"
    "_Write your answer here_...¦-"
).split("¦")
SILENT = '<C>¦...¦—¦<!-- a thought -->¦[](https://e.org)¦<p title="x"></p>¦<!-- o'.split("¦")
ANSWERS = (
    "C¦3¦是¦✓¦0¦-1¦?¦$x$¦```\nx\n```¦| a |\n|---|¦~~no~~¦🤔¦![](attachment:a.png)¦"
    '<img src="a.png">¦<b>C</b>¦&alpha;¦1. a¦5>3¦½¦a\u200bb¦<C¦    x¦<https://e.org>¦'
    f"{PLACEHOLDER} C¦C <!-- b -->¦№¦∞"
).split("¦")


@pytest.mark.parametrize("text", EMPTY + SILENT + ANSWERS)
def test_an_answer_is_what_a_reader_sees(notebook, text):
    notebook["cells"][FIRST]["source"] = f"{LINE}\n\n{text}"
    for found in (find(notebook), find_answers(notebook)):
        assert found.status("w1-q1") == ("answered" if text in ANSWERS else "unchanged")
        assert found.loose == ([(4, text)] if text in SILENT else [])  # nothing vanishes


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
    model = original(stem)
    for found in (find_answers(model, model), find_answers(model)):
        assert list(found.texts) == found.open == asked(stem) and len(found.open) >= 4
        assert {found.status(question) for question in found.texts} == {"unchanged"}
        assert not (found.loose or found.changed or found.removed)


@given(plans())
def test_whatever_students_do_their_texts_are_found(plan):
    made = plan.make(0)
    if "worksheets" in made.notebook:  # collect makes the present format of it
        return
    found = find_answers(made.notebook, original(made.stem))
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
def test_no_junk_stops_it(made, with_original):
    notebook = {"cells": [*course()["cells"][:4], *made]}
    found = find_answers(notebook, course() if with_original else None)
    assert "w1-q1" in found.texts and repr(found) and len(cells(notebook)) >= 4
