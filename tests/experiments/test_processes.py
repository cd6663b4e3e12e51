"""Runs in processes of their own: those that are kept know what has changed, and none lives on."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import coursekit as ck
from coursekit.experiments import processes


def values(function, **options):
    return ck.repeat(function, range(2), jobs=2, progress=False, **options).values.tolist()


def test_processes_that_are_kept_see_what_has_changed(tmp_path, monkeypatch):
    """The environment, the working folder, a module beside the notebook that only a run loads, and
    the default type of numbers."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    def seen(seed):
        import beside_the_notebook

        number = float(Path("number.txt").read_text())
        wide = torch.get_default_dtype() == torch.float64
        return beside_the_notebook.F + 10 * number + 100 * float(os.environ["NUMBER"]) + 1000 * wide

    module, folders = tmp_path / "beside_the_notebook.py", (tmp_path / "1", tmp_path)
    for n, folder in enumerate(folders, 1):
        folder.mkdir(exist_ok=True)
        (folder / "number.txt").write_text(str(n))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NUMBER", "1")
    module.write_text("F = 1")
    assert values(seen) == [121, 121]
    kept = values(lambda seed: os.getpid())
    assert set(values(lambda seed: os.getpid())) & set(kept), "nothing has changed"
    module.write_text("F = 2")
    assert values(seen) == [122, 122]
    monkeypatch.setenv("NUMBER", "2")
    try:
        torch.set_default_dtype(torch.float64)
        assert values(seen) == [1222, 1222]
    finally:
        torch.set_default_dtype(torch.float32)
    monkeypatch.chdir(folders[0])
    assert values(seen) == [212, 212]


PARENT = """
import os, time
from pathlib import Path
import coursekit as ck

def slow(seed):
    Path(f"{seed}.pid").write_text(str(os.getpid()))
    os.rename(f"{seed}.pid", f"{seed}.txt")
    time.sleep(60)

ck.repeat(slow, range(2), jobs=2, progress=False)
"""


def test_processes_end_with_the_one_that_asked_for_them(tmp_path):
    """As with a kernel that is restarted."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT], cwd=tmp_path, stderr=subprocess.PIPE)
    notes = [tmp_path / "0.txt", tmp_path / "1.txt"]
    until(lambda: all(note.exists() for note in notes), 60)
    parent.kill()
    parent.communicate()
    until(lambda: not any(alive(int(note.read_text())) for note in notes), 10)


def until(true, seconds):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def alive(pid):
    """A process that nobody has waited for yet is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(("name", "told"), [("signal.py", True), ("signals.py", False)])
def test_a_file_that_hides_a_module_of_python_is_named(tmp_path, monkeypatch, name, told):
    class TerminatedWorkerError(Exception):
        pass

    (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    error = processes.explained(TerminatedWorkerError("died"), "run")
    hidden = "signal.py in this folder hides a module of Python: rename it"
    assert str(error) == (hidden if told else "died")
    other = ValueError("another")
    assert processes.explained(other, "run") is other
