"""A notebook in any state stops no command: it is told in a sentence, and the others have their
turn."""

import codecs
import contextlib
import json
import os
import shutil
import time

import nbformat
import pytest
from patience import HANGS
from test_lint import FIRST, PYPROJECT, SECOND, good_notebook

from coursekit import course
from coursekit.classroom import kernel
from coursekit.cli import main


def edited(edit):
    content = json.loads(json.dumps(good_notebook(FIRST)))
    edit(content)
    return json.dumps(content).encode()


def cell_of(content):
    return content["cells"][3]


GOOD = edited(lambda content: None)
DAMAGED = {
    "empty": b"",
    "torn": GOOD[:-40],
    "UTF-16": GOOD.decode().encode("utf-16"),
    "Latin-1": GOOD.replace(b"Title", b"Titl\xe9"),
    "deep": b"[" * 100_000,
    "format 3": edited(lambda content: content.update(nbformat=3)),
    "no format": edited(lambda content: content.pop("nbformat")),
    "cells": edited(lambda content: content["cells"].insert(0, 7)),
    "type": edited(lambda content: cell_of(content).update(cell_type=[])),
    "kind": edited(lambda content: cell_of(content).update(cell_type="odd")),
    "source": edited(lambda content: content["cells"][0].pop("source")),
    "metadata": edited(lambda content: cell_of(content).update(metadata=None)),
    "tags": edited(lambda content: cell_of(content).update(metadata={"tags": 7})),
    "kernel": edited(lambda content: content["metadata"].update(kernelspec=[])),
    "outputs": edited(lambda content: cell_of(content).update(outputs=[{"output_type": None}])),
    "many outputs": edited(lambda content: cell_of(content).update(outputs=["a"] * 10_000)),
    "half a sign": edited(lambda content: cell_of(content).update(source="\ud800")),
    "NaN": edited(lambda content: cell_of(content)["metadata"].update(x=float("nan"))),
}
COMMANDS = {
    "lint": ["lint"],
    "release": ["release", "-o", "students"],
    "recorded": ["recorded", "--write"],
    "run": ["run", "--inplace"],
}


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A course of two notebooks; the first is to be damaged. No kernel is started."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    nbformat.write(good_notebook(SECOND), tmp_path / "notebooks" / f"{SECOND}.ipynb")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(kernel.Client, "kernel", lambda self, said: contextlib.nullcontext())
    monkeypatch.setattr(kernel.Client, "run_cell", lambda self, cell, position: None)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "state", [*DAMAGED, "a folder", pytest.param("a pipe", marks=pytest.mark.posix)]
)
def test_a_damaged_notebook_is_told_and_the_others_are_treated(root, capsys, command, state):
    path = root / "notebooks" / f"{FIRST}.ipynb"
    if state in DAMAGED:
        path.write_bytes(DAMAGED[state])
    else:
        path.mkdir() if state == "a folder" else os.mkfifo(path)
    before = time.process_time()
    assert main(COMMANDS[command]) == 1
    assert time.process_time() - before < HANGS
    out, err = capsys.readouterr()
    said = [line for line in out.splitlines() if FIRST in line]
    assert err == "" and said and ": " in said[0] and len(said[0]) < 700
    if state in DAMAGED:
        assert path.read_bytes() == DAMAGED[state]
    assert {
        "lint": SECOND not in out,
        "release": (root / "students" / f"{SECOND}.ipynb").exists(),
        "recorded": out.endswith("0 files renewed\n"),
        "run": f"{SECOND}.ipynb: passed" in out,
    }[command]


@pytest.mark.parametrize("command", COMMANDS)
def test_what_editors_of_windows_write_is_read(root, capsys, command):
    path = root / "notebooks" / f"{FIRST}.ipynb"
    text = json.dumps(good_notebook(FIRST), indent="\t", ensure_ascii=False)
    path.write_bytes(codecs.BOM_UTF8 + text.replace("\n", "\r\n").encode())
    assert main(COMMANDS[command]) == (command == "lint")
    begins = f"notebooks/{FIRST}.ipynb: it begins with a mark, which Jupyter does not read: save"
    assert (begins in capsys.readouterr().out) == (command == "lint")


def test_a_notebook_that_takes_the_results_away(root, capsys, monkeypatch):
    nbformat.write(good_notebook(FIRST), root / "notebooks" / f"{FIRST}.ipynb")
    gone = []

    def take_away(*_):
        if not gone:
            gone.append(shutil.rmtree("build"))

    monkeypatch.setattr(kernel.Client, "run_cell", take_away)
    assert main(["run", "--jobs", "1"]) == 1
    said = capsys.readouterr().out
    assert f"build/{FIRST}.ipynb cannot be written (No such" in said
    assert f"{SECOND}.ipynb: passed" in said and (root / "build" / "index.html").exists()


@pytest.mark.posix
def test_links_and_hidden_files_among_the_notebooks(root):
    """What is hidden is left out, a link keeps its name, and a notebook of two names is one."""
    notebooks, own = root / "notebooks", root / "own"
    own.mkdir()
    (notebooks / f"{SECOND}.ipynb").rename(own / "work.ipynb")
    (notebooks / f"{SECOND}.ipynb").symlink_to(own / "work.ipynb")
    (notebooks / f"._{SECOND}.ipynb").touch()
    assert course.find_notebooks([], root) == [notebooks / f"{SECOND}.ipynb"]
    assert len(course.find_notebooks(["week2", "own", "own/work.ipynb"], root)) == 1
    with pytest.raises(course.CommandError, match="the notebooks' own folder"):
        course.output_folder("own", course.find_notebooks([], root))


def test_a_folder_that_is_gone_is_told(root, capsys, monkeypatch):
    (root / "gone").mkdir()
    monkeypatch.chdir(root / "gone")
    (root / "gone").rmdir()
    assert main(["lint"]) == 2
    assert "this folder was removed: go to the course's folder" in capsys.readouterr().err
