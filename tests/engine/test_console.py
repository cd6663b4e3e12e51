"""Printing: whatever the console, no sign is an error, and there is one way."""

import ast
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

import coursekit
from coursekit.engine import console
from coursekit.engine.commands import git, output_of
from coursekit.engine.text import from_here

FOLDER = Path(coursekit.__file__).parent
TEXT = "┌── 张伟 · Zoë ≥ 3 → \udcff"


@pytest.mark.parametrize("encoding", ["cp1252", "cp936", "ascii", "utf-8", "utf-16", "cp437"])
def test_what_a_console_cannot_show_comes_in_other_signs(encoding, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    console.say(TEXT, 1, sep="|")
    shown = stream.buffer.getvalue().decode(encoding).replace("\r\n", "\n")
    assert shown.endswith("\\udcff|1\n") and " 3 " in shown
    assert ("张伟" in shown) == (encoding in ("cp936", "utf-8", "utf-16"))
    assert ("\\u5f20\\u4f1f" in shown) != ("张伟" in shown)
    assert shown.startswith("┌──" if encoding not in ("cp1252", "ascii") else "+--")


def test_without_a_console_nothing_is_said(monkeypatch):
    """As under pythonw on Windows."""
    monkeypatch.setattr(sys, "stdout", None)
    console.say("to nobody")


def test_there_is_one_way_to_print_and_to_call():
    """The probe of torch, which doctor runs in a process of its own, is no call but a text."""
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                own = path.parent.name == "engine"
                assert name != "print", f"{path.name}:{node.lineno}: print, not say"
                assert own or not name.startswith("subprocess."), f"{path.name}:{node.lineno}"
                assert name != "os.path.relpath" or own, f"{path.name}:{node.lineno}: from_here"


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "cp437"])
@pytest.mark.parametrize("words", [["--help"], ["collect", "--help"], ["answers", "张伟.ipynb"]])
def test_commands_speak_on_any_console(encoding, words, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "coursekit", *words],
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    said = (done.stdout + done.stderr).decode(encoding)
    assert "Traceback" not in said and len(said) > 20
    assert done.returncode == (0 if "--help" in words else 2)


@pytest.mark.parametrize("trouble", [OSError(28, "No space left on device"), None])
def test_the_last_net_of_the_commands_is_a_sentence(trouble, tmp_path, monkeypatch, capsys):
    (tmp_path / "pyproject.toml").write_bytes(b'name = "z\xfcrich"')
    monkeypatch.chdir(tmp_path)
    if trouble:
        trouble.filename = str(tmp_path / "a\x1b.txt")

        def full(*_):
            raise trouble

        monkeypatch.setattr("coursekit.classroom.repo.main", full)
    from coursekit.cli import main

    assert main(["repo"]) == 2
    said = capsys.readouterr().err
    if trouble:
        wanted = "coursekit repo: a\\x1b.txt cannot be read or written (No space left on device)\n"
    else:
        wanted = "coursekit repo: pyproject.toml is not text in UTF-8 (line 1): save it in this"
    assert said.startswith(wanted) and said.count("\n") == 1


def test_a_path_on_another_drive_is_shown_in_full(monkeypatch, tmp_path):
    def other_drive(*_):
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr("os.path.relpath", other_drive)
    assert from_here(tmp_path / "a\nb") == str(tmp_path / "a") + "\\nb"


def test_a_path_from_a_folder_that_is_gone(tmp_path):
    program = "import os, sys; os.rmdir(os.getcwd())\nfrom pathlib import Path\n"
    program += "from coursekit.engine.text import from_here; print(from_here(Path(sys.argv[1])))"
    (tmp_path / "gone").mkdir()
    done = output_of(
        [sys.executable, "-c", f"import os; os.chdir(r'{tmp_path}/gone')\n" + program, tmp_path]
    )
    assert done.stdout.strip() == str(tmp_path), done.stderr


def test_what_programs_print_is_read_in_any_encoding(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    program = "import sys; print('张伟'); sys.stdout.flush(); sys.stdout.buffer.write(b'\\xff')"
    done = output_of([sys.executable, "-c", program])
    assert done.stdout == "张伟\n\udcff" and done.returncode == 0
    done = output_of([sys.executable, "-c", "print(repr(input()))"])
    assert "EOFError" in done.stderr, "a program that asks gets no answer, and does not wait"


def test_git_is_asked_in_one_way(tmp_path, monkeypatch):
    assert git(tmp_path, "rev-parse", "HEAD") == ""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OSError):
        git(tmp_path, "status")
