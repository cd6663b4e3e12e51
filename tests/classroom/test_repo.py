"""``coursekit repo``: the address is stamped everywhere, and nothing else changes."""

import codecs
import subprocess

import pytest

from coursekit.cli import main

OLD = "YOUR-GITHUB-NAME/YOUR-COURSE"
FILES = {
    "pyproject.toml": f'# kept here\n[project.urls]\nRepository = "https://github.com/{OLD}"\n',
    "README.md": f"git clone https://github.com/{OLD}.git\nRead https://github.com/{OLD}.\r\n"
    f"Not github.com/{OLD}-2 or {OLD}.\n",
    # written by hand, oddly: it must stay so
    "notebooks/week1_a.ipynb": '{"cells": [ ],\n\t"a": "https://colab.research.google.com/github/'
    f'{OLD}/x", "é": "\\u00e9"}}',
    "notebooks/week2_b.ipynb": f'["%pip install -q git+https://github.com/{OLD}\\n"]\n'
    f"https://kaggle.com/kernels/welcome?src=https://github.com/{OLD}/blob/main/x",
    "notes.md": f"https://github.com/{OLD}",
}


@pytest.fixture
def root(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    for name, text in FILES.items():
        (tmp_path / name).write_bytes(text.encode())
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(root):
    return {name: (root / name).read_bytes().decode() for name in FILES}


def test_the_address_is_replaced_and_every_other_byte_stays(root, capsys):
    assert main(["repo", "ada/cnn.course"]) == 0
    new = "ada/cnn.course"
    expected = {
        name: text.replace(f"github.com/{OLD}", f"github.com/{new}").replace(
            f"/github/{OLD}", f"/github/{new}"
        )
        for name, text in FILES.items()
    }
    expected["README.md"] = expected["README.md"].replace(f"{new}-2", f"{OLD}-2")
    expected["notes.md"] = FILES["notes.md"]
    assert contents(root) == expected
    assert capsys.readouterr().out.splitlines() == [
        "notebooks/week1_a.ipynb: 1 place",
        "notebooks/week2_b.ipynb: 2 places",
        "README.md: 2 places",
        "pyproject.toml: 1 place",
        f"the course's address is https://github.com/{new}",
    ]


def test_a_text_of_any_editor_is_changed_or_told(root, capsys):
    """What is in UTF-16 is left, and pyproject.toml with it, so that a second call takes it up."""
    path, wide = root / "notebooks" / "week1_a.ipynb", root / "notebooks" / "week2_b.ipynb"
    latin = f'"github.com/{OLD}" "\xe9"\r\n"\t"\r'.encode("latin-1")
    path.write_bytes(codecs.BOM_UTF8 + latin)
    wide.write_text(FILES["notebooks/week2_b.ipynb"], encoding="utf-16")
    before = wide.read_bytes()
    assert main(["repo", "ada/cnn"]) == 1
    out = capsys.readouterr().out
    assert "notebooks/week2_b.ipynb keeps the old address: it is text in UTF-16: save it" in out
    assert path.read_bytes() == codecs.BOM_UTF8 + latin.replace(OLD.encode(), b"ada/cnn")
    assert wide.read_bytes() == before and OLD in (root / "pyproject.toml").read_text()
    wide.write_text(FILES["notebooks/week2_b.ipynb"])
    assert main(["repo", "ada/cnn"]) == 0 and OLD not in (root / "pyproject.toml").read_text()


def test_a_second_call_changes_nothing(root, capsys):
    assert main(["repo", "ada/cnn"]) == 0
    before, _ = contents(root), capsys.readouterr()
    assert main(["repo", "ada/cnn"]) == 0
    assert contents(root) == before
    assert (
        capsys.readouterr().out
        == "the course's address is https://github.com/ada/cnn already: nothing to change\n"
    )


def test_there_and_back_again(root):
    assert main(["repo", "ada/cnn"]) == main(["repo", OLD]) == 0
    assert contents(root) == FILES


@pytest.mark.parametrize(
    "origin",
    [
        "https://github.com/ada/cnn",
        "https://github.com/ada/cnn.git",
        "https://ada@github.com/ada/cnn",
        "git@github.com:ada/cnn.git",
        "ssh://git@github.com/ada/cnn.git",
    ],
)
def test_without_an_argument_it_is_the_origin(root, origin):
    subprocess.run(["git", "remote", "add", "origin", origin], check=True)
    assert main(["repo"]) == 0
    assert 'Repository = "https://github.com/ada/cnn"' in contents(root)["pyproject.toml"]


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        (None, "git's origin is not set"),
        ("https://example.org/ada/cnn", "not an address at GitHub"),
        ("https://notgithub.com/ada/cnn", "not an address at GitHub"),
        ("../somewhere", "not an address at GitHub"),
    ],
)
def test_an_origin_elsewhere_is_an_error(root, capsys, origin, words):
    if origin:
        subprocess.run(["git", "remote", "add", "origin", origin], check=True)
    assert main(["repo"]) == 2
    err = capsys.readouterr().err
    assert words in err and "coursekit repo OWNER/NAME" in err
    assert contents(root) == FILES


def test_without_git_it_is_said(root, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    assert main(["repo"]) == 2
    assert "git is not installed: install it" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name",
    [
        "cnn",
        "ada/",
        "/cnn",
        "ada/cnn/tree",
        "a da/cnn",
        "ada-/cnn",
        "ada/..",
        "ada/c\\nn",
        "ada/cnn\n",
        "https://example.org/ada/cnn",
        f"{'a' * 40}/cnn",
    ],
)
def test_a_malformed_address_is_refused(root, capsys, name):
    assert main(["repo", name]) == 2
    assert "write OWNER/NAME, as in ada/cnn-course" in capsys.readouterr().err
    assert contents(root) == FILES


def test_a_pyproject_without_an_address_is_an_error(root, capsys):
    (root / "pyproject.toml").write_text("[project]\n")
    assert main(["repo", "ada/cnn"]) == 2
    assert "pyproject.toml has no line Repository" in capsys.readouterr().err
