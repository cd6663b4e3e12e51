"""Runs in processes of their own: those that are kept know what has changed, and none lives on."""

import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import coursekit as ck
from coursekit.experiments import processes


def values(function, **options):
    return ck.repeat(function, range(2), jobs=2, progress=False, **options).values.tolist()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A notebook's folder, with a module and a number that only a run reads, and another one."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setenv("NUMBER", "1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beside_the_notebook.py").write_text("F = 1")
    for n, folder in enumerate((tmp_path / "1", tmp_path), 1):
        folder.mkdir(exist_ok=True)
        (folder / "number.txt").write_text(str(n))
    return tmp_path


def test_processes_are_renewed_for_each_thing_that_has_changed(place, monkeypatch):
    """The environment, the working folder, where Python looks, a module beside the notebook, and a
    loaded one that lies elsewhere. The processes themselves take seconds to start: none is here."""
    ended = []
    executor = SimpleNamespace(shutdown=lambda: ended.append(1))
    monkeypatch.setattr("joblib.externals.loky.get_reusable_executor", lambda reuse: executor)
    elsewhere = place / "1" / "loaded_elsewhere.py"
    elsewhere.write_text("")
    monkeypatch.syspath_prepend(elsewhere.parent)
    import loaded_elsewhere  # noqa: F401

    processes.renew()
    ended.clear()
    processes.renew()
    assert not ended, "nothing has changed"
    for n, change in enumerate(
        (
            lambda: monkeypatch.setenv("NUMBER", "2"),
            lambda: monkeypatch.chdir(place / "1"),
            lambda: monkeypatch.chdir(place),
            lambda: sys.path.append("another"),
            lambda: os.utime(place / "beside_the_notebook.py", (1, 1)),
            lambda: (place / "new.py").write_text(""),
            lambda: os.utime(elsewhere, (1, 1)),
        ),
        1,
    ):
        change()
        processes.renew(), processes.renew()
        assert len(ended) == n


def test_processes_that_are_kept_see_what_has_changed(place, monkeypatch):
    """And the default type of numbers, which they take from run to run."""

    def seen(seed):
        import beside_the_notebook

        number = float(Path("number.txt").read_text())
        wide = torch.get_default_dtype() == torch.float64
        return beside_the_notebook.F + 10 * number + 100 * float(os.environ["NUMBER"]) + 1000 * wide

    assert values(seen) == [121, 121]
    # a second each, so that both processes take part and not one of them twice
    kept = values(lambda seed: (time.sleep(1), os.getpid())[1])
    try:
        torch.set_default_dtype(torch.float64)
        assert values(seen) == [1121, 1121]
    finally:
        torch.set_default_dtype(torch.float32)
    assert values(seen) == [121, 121]
    assert set(values(lambda seed: os.getpid())) & set(kept), "nothing has changed"
    (place / "beside_the_notebook.py").write_text("F = 3")
    monkeypatch.setenv("NUMBER", "2")
    monkeypatch.chdir(place / "1")
    assert values(seen) == [213, 213]


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
    until(lambda: all(note.exists() for note in notes), 180)  # torch, three times
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
