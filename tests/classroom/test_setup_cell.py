"""The set-up cell, which is the same in all notebooks: what it does where the course is not there,
played with a pip that only notes what it was asked."""

import builtins
import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from coursekit import course
from coursekit.engine import wheels

ROOT = course.find_root()
NOTEBOOKS = [json.loads(path.read_bytes()) for path in course.find_notebooks([], ROOT)]
[CELL] = {
    "".join(cell["source"])
    for notebook in NOTEBOOKS
    for cell in notebook["cells"]
    if "setup" in cell["metadata"].get("tags", ())
}
WITH_ADDRESS = CELL.replace("YOUR-GITHUB-NAME/YOUR-COURSE", "ada/cnn-course")
INSTALL = "install -q git+https://github.com/ada/cnn-course"


@pytest.fixture
def played(monkeypatch):
    """``played(cell, missing, brings=…, COLAB=…)``: the cell's message, and what pip was asked,
    where these modules are missing until pip ``brings`` them."""
    exact, asked = builtins.__import__, []
    for name in ("KAGGLE_KERNEL_RUN_TYPE", "KAGGLE_URL_BASE"):
        monkeypatch.delenv(name, raising=False)

    def played(cell, *missing, brings=()):
        gone = {*missing}

        def imported(name, *more):
            if name == "coursekit" and gone:
                first = "coursekit" if "coursekit" in gone else min(gone)
                raise ModuleNotFoundError(f"No module named {first!r}", name=first)
            return exact(name, *more)

        def pip(magic, line):
            assert magic == "pip"
            asked.append(line)
            gone.difference_update(brings)

        def found(name):
            return None if name in gone else True

        with monkeypatch.context() as patch:
            patch.setattr("importlib.util.find_spec", found)
            patch.setattr(builtins, "__import__", imported)
            names = {"get_ipython": lambda: SimpleNamespace(run_line_magic=pip)}
            try:
                code = TransformerManager().transform_cell(cell)
                exec(code.replace("{course}", "git+https://github.com/ada/cnn-course"), names)
            except RuntimeError as error:
                return str(error), asked
        return "", asked

    return played


def on(host, monkeypatch):
    if host == "Colab":
        monkeypatch.setitem(sys.modules, "google.colab", SimpleNamespace())
    elif host == "Kaggle's folder":
        there = os.path.isdir
        monkeypatch.setattr("os.path.isdir", lambda path: path == "/kaggle/working" or there(path))
    else:
        monkeypatch.setenv(host, "Interactive")


HOSTS = ["Colab", "KAGGLE_KERNEL_RUN_TYPE", "KAGGLE_URL_BASE", "Kaggle's folder"]


@pytest.mark.parametrize("host", HOSTS)
def test_in_colab_and_on_kaggle_it_installs_the_course_where_it_is_missing(
    played, monkeypatch, host
):
    on(host, monkeypatch)
    assert played(WITH_ADDRESS) == ("", [])
    assert played(WITH_ADDRESS, "coursekit", brings=["coursekit"]) == ("", [INSTALL])


@pytest.mark.parametrize("host", HOSTS)
def test_where_pip_fails_it_says_what_to_do(played, monkeypatch, host):
    on(host, monkeypatch)
    said, asked = played(WITH_ADDRESS, "coursekit")
    assert asked == [INSTALL]
    for word in ("has no coursekit", "lines of pip above", "Settings > Internet", "phone number"):
        assert word in said


def test_without_an_address_pip_is_not_asked(played, monkeypatch):
    on("Colab", monkeypatch)
    said, asked = played(CELL, "coursekit")
    assert "coursekit repo OWNER/NAME" in said and asked == []


@pytest.mark.parametrize("host", [None, *HOSTS])
def test_what_coursekit_needs_is_named(played, monkeypatch, host):
    """PyTorch is never installed by the cell."""
    if host:
        on(host, monkeypatch)
    said, asked = played(WITH_ADDRESS, "torch")
    assert said.startswith(f"{sys.executable} has no torch: ") and asked == []
    assert "-m pip install -r requirements.txt" in said


@pytest.mark.posix
def test_elsewhere_it_names_the_kernels_python_and_a_line_that_can_be_typed(
    played, monkeypatch, tmp_path
):
    """Kaggle's keys, which people have on their own machines, make no Kaggle of it."""
    python = tmp_path / "Ada's own (small) course" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("KAGGLE_KEY", "secret")
    said, asked = played(CELL, "coursekit")
    assert said.startswith(f"{python} has no coursekit: choose the kernel") and asked == []
    [line] = re.findall(r"\n +(.*) -m pip install -r requirements\.txt\n", said)
    done = subprocess.run(["bash", "-c", f"{line} -c 'print(6)'"], capture_output=True, text=True)
    assert done.stdout == "6\n", done.stderr


def test_on_windows_the_line_is_powershells(played, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", r"C:\Users\Ada Lovelace's\python.exe")
        patch.setattr(os, "name", "nt")
        said, _ = played(CELL, "coursekit")
    assert r"""    & "C:\Users\Ada Lovelace's\python.exe" -m pip install -r req""" in said


def test_the_pythons_that_it_names_are_those_with_wheels(played):
    oldest, newest = (".".join(map(str, one)) for one in (wheels.OLDEST, wheels.NEWEST))
    said, _ = played(CELL, "coursekit")
    assert f"Python {oldest} to {newest}" in said.replace("\n", " ")


def test_what_notebooks_install_is_what_was_tested():
    """d2l without what it asks for: the metapackage jupyter would replace Colab's own."""
    tested = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    code = "\n".join(
        "".join(cell["source"]) for notebook in NOTEBOOKS for cell in notebook["cells"]
    )
    lines = {*re.findall(r"%pip install (?:-q )?(.*)", code.replace(CELL, ""))}
    packages = [line.replace('"', "").split()[-1] for line in lines]
    assert all(re.search(rf"(?m)^{re.escape(package)}\s", tested) for package in packages), lines
    d2l = [line for line in lines if "d2l" in line]
    assert d2l == ["--no-deps d2l==0.17.0"] and len(lines) > 1
