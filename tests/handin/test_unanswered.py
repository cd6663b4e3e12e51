"""What is not answered yet: asked in a notebook, and on the command line."""

import json
import os
import sys
from argparse import Namespace
from copy import deepcopy
from types import ModuleType, SimpleNamespace

import made_submissions
import pytest
from made_submissions import STEM, STEMS, answered, write
from small_course import FIRST, LINE, course

import coursekit as ck
from coursekit.handin import unanswered


def run_answers(*paths):
    return unanswered.main(Namespace(notebooks=[str(path) for path in paths]))


def test_answers_tells_which_questions_are_answered(tmp_path, at_home, capsys):
    path = write(tmp_path / "mine.ipynb", answered(STEMS[1], "Because it is so.", question=2))
    assert run_answers(path) == 1
    asked = made_submissions.asked(STEMS[1])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{path}: 1 of {len(asked)} questions answered" and len(lines) == 1 + len(
        asked
    )
    assert (
        lines[3] == f"  {asked[2]}   answered, 4 words" and lines[1] == f"  {asked[0]}   unchanged"
    )
    notebook = answered(STEMS[1])
    notebook["cells"].insert(1, {"cell_type": "markdown", "source": "A note.", "metadata": {}})
    for cell in notebook["cells"]:
        if cell["metadata"].get("coursekit"):
            cell["source"] = "Because."
    assert run_answers(write(path, notebook)) == 0
    assert "cell 2: a text that belongs to no question: A note." in capsys.readouterr().out


def test_answers_works_outside_of_a_course(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "mine.ipynb", answered(STEMS[0], "Because it is so."))
    assert run_answers("mine.ipynb") == 1
    assert "  w1-q1   answered, 4 words\n  w1-q2   unchanged" in capsys.readouterr().out


def test_answers_goes_on_after_what_it_cannot_read(tmp_path, at_home, capsys):
    (tmp_path / "torn.ipynb").write_text("{")
    write(tmp_path / "other.ipynb", {"cells": []})
    write(tmp_path / "mine.ipynb", answered(STEM))
    names = [str(tmp_path / f"{name}.ipynb") for name in ("torn", "gone", "other", "mine")]
    assert run_answers(*names) == 2
    out, err = capsys.readouterr()
    assert "mine.ipynb: 1 of 5 questions answered" in out and err.count("coursekit answers: ") == 3
    assert (
        "not JSON" in err
        and "cannot be read (No such file or directory)" in err
        and "has no question of the course" in err
    )


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
        (b"{", "week1.ipynb is not a notebook, for it is not JSON .line 1"),
        (b"\xff", "for it is not text in UTF-8"),
        (b"[" * 100_000, "nested too deep"),
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


RAN = ["x = 1\ny = 2\nprint(x, y)", "ck.check('w1-q1', ...)", "z = 3\nprint(z)"]
OTHER = {
    "cells": [{"cell_type": "code", "source": RAN[0]}]
}  # of another week, with the same set-up


@pytest.fixture
def jupyter(notebook, tmp_path, monkeypatch, capsys):
    """Ask in a kernel that ran ``RAN``: files (the oldest first), the path it was started for."""
    answered = deepcopy(notebook)
    answered["cells"][FIRST]["source"] = f"{LINE}\n\nBecause it is so."

    def ask(files, named, ran=RAN, folder="."):
        for seconds, (name, which) in enumerate(files.items()):
            path = tmp_path / name
            made_submissions.write(path, {"old": notebook, "mine": answered, "other": OTHER}[which])
            os.utime(path, (10**9 + seconds, 10**9 + seconds))
        monkeypatch.chdir(tmp_path / folder)
        monkeypatch.setenv("JPY_SESSION_NAME", named.replace("@", str(tmp_path)))
        history = SimpleNamespace(input_hist_raw=["", *ran])
        shell = SimpleNamespace(user_ns={}, history_manager=history)
        monkeypatch.setattr("IPython.get_ipython", lambda: shell)
        found, out = read_own(capsys)
        return found and found.open == ["w1-q2"], out

    return ask


@pytest.mark.parametrize(
    ("files", "named", "folder"),
    [
        ({"sub/a.ipynb": "mine"}, "RTC:sub/a.ipynb", "."),
        ({"sub/a.ipynb": "mine"}, "RTC:sub/a.ipynb", "sub"),
        ({"sub/a.ipynb": "mine"}, "@/RTC:sub/a.ipynb", "."),
        ({"sub/a.ipynb": "mine"}, "@/a.ipynb", "."),  # as the server joins them
        ({"1/a.ipynb": "old", "2/a.ipynb": "mine"}, "drive2:2/a.ipynb", "."),
        ({"x/y/a.ipynb": "mine"}, "x/y/a.ipynb", "x/y"),  # from the server's root
        ({"copy.ipynb": "old", "a.ipynb": "mine", "b.ipynb": "other"}, "@/a.ipynb", "."),
    ],
)
def test_answers_finds_the_file_and_has_no_doubt(jupyter, files, named, folder):
    right, out = jupyter(files, named, folder=folder)
    assert right and out.startswith("a.ipynb, as saved at 01:46:4") and len(out.splitlines()) == 1


def test_a_cell_that_was_edited_and_run_again_is_no_doubt(jupyter):
    right, out = jupyter({"a.ipynb": "mine"}, "@/a.ipynb", ["ck.check('w1-q1', 7)", *RAN])
    assert right and len(out.splitlines()) == 1


def test_answers_finds_a_large_file_beside_a_copy(jupyter, monkeypatch):
    monkeypatch.setattr(unanswered, "LARGE", 0)
    right, out = jupyter({"copy.ipynb": "old", "a.ipynb": "mine"}, "@/a.ipynb")
    assert right and out.startswith("a.ipynb") and len(out.splitlines()) == 1


def test_answers_finds_the_file_under_its_new_name(jupyter):
    right, out = jupyter({"new.ipynb": "mine", "b.ipynb": "other"}, "@/a.ipynb")
    assert right and out.startswith("new.ipynb, as saved") and "was started for a.ipynb, but" in out


@pytest.mark.parametrize(
    ("files", "ran", "told"),
    [
        ({"a.ipynb": "old", "new.ipynb": "mine"}, RAN, "If that is yours: ck.answers('new.ipynb')"),
        (
            {"new.ipynb": "mine", "a.ipynb": "other"},
            RAN,
            "lacks 2 cells that ran here: save, or if",
        ),
        ({"a.ipynb": "mine"}, [*RAN, "typed()"], "It lacks 1 cell that ran here"),
        ({"a.ipynb": "other"}, ["typed()"], "None of the cells that ran here is in it"),
        ({"b.ipynb": "other"}, RAN, "cannot be found from here"),
    ],
)
def test_answers_says_why_it_may_be_another_file(jupyter, files, ran, told):
    right, out = jupyter(files, "@/a.ipynb", ran)
    assert told in out and ("a.ipynb, as saved at" in out or right is None)
