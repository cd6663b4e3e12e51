"""``coursekit release``: student copies are what they should be, the same each time, and nothing of
a student is lost."""

import json

import nbformat
import pytest
from test_lint import BADGE, FIRST, SECOND, good_notebook

from coursekit import course
from coursekit.classroom import release
from coursekit.cli import main
from coursekit.engine import files
from coursekit.handin.notebook import EXACT_BADGE


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A course of two notebooks, as the working folder."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").write_text(
        '[project.urls]\nRepository = "https://github.com/ada/cnn"\n'
    )
    (tmp_path / "README.md").write_text(BADGE.format(FIRST))
    for name in (FIRST, SECOND):
        nbformat.write(good_notebook(name), tmp_path / "notebooks" / f"{name}.ipynb")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_copy_has_neither_discussions_nor_outputs(root, capsys):
    assert main(["release", "-o", "students"]) == 0
    assert (
        capsys.readouterr().out
        == "2 notebooks for students in students, without discussions, without outputs\n"
    )
    source, copy = (
        read(root / "notebooks" / f"{FIRST}.ipynb"),
        read(root / "students" / f"{FIRST}.ipynb"),
    )
    assert [cell["id"] for cell in copy["cells"]] == [
        f"cell-{i:02}" for i in (1, 2, 3, 4, 5, 6, 7, 9)
    ]
    assert "So." not in json.dumps(copy) and all(not cell.get("outputs") for cell in copy["cells"])
    assert {cell.get("execution_count") for cell in copy["cells"]} == {None}
    kept = [
        cell["source"]
        for cell in source["cells"]
        if "discussion" not in cell["metadata"].get("tags", [])
    ]
    assert [cell["source"] for cell in copy["cells"][1:]] == kept[1:]
    assert copy["metadata"] == source["metadata"]
    assert copy["cells"][6]["metadata"] == {"tags": ["answer"], "coursekit": {"answer": "w1-q1"}}
    nbformat.validate(nbformat.from_dict(copy))


def test_discussions_and_outputs_can_be_kept(root):
    assert main(["release", "week1", "-o", "students", "--discussion", "--outputs"]) == 0
    copy, source = (
        read(root / "students" / f"{FIRST}.ipynb"),
        read(root / "notebooks" / f"{FIRST}.ipynb"),
    )
    assert (
        copy["cells"][1:] == source["cells"][1:]
        and not (root / "students" / f"{SECOND}.ipynb").exists()
    )


@pytest.mark.parametrize(
    ("folder", "opens"),
    [
        ("students", f"students/{FIRST}.ipynb"),
        ("a/b", f"a/b/{FIRST}.ipynb"),
        ("build/students", None),
        ("../elsewhere", None),
    ],
)
def test_the_badges_open_the_copy_or_are_gone(root, folder, opens):
    assert main(["release", "-o", folder]) == 0
    first = "".join(read(root / folder / f"{FIRST}.ipynb")["cells"][0]["source"])
    assert first.startswith("# Week 1 · Title\n\n") and f"notebooks/{FIRST}" not in first
    targets = [target for _, target in EXACT_BADGE.findall(first)]
    hosts = (
        "colab.research.google.com/github",
        "kaggle.com/kernels/welcome?src=https://github.com",
    )
    assert targets == [f"https://{host}/ada/cnn/blob/main/{opens}" for host in hosts if opens]
    assert "In Colab `/content/drive`" in first


def test_the_same_source_gives_the_same_bytes(root):
    assert (
        main(["release", "-o", "one"])
        == main(["release", "-o", "two"])
        == main(["release", "-o", "one"])
        == 0
    )
    for name in (FIRST, SECOND):
        one, two = ((root / folder / f"{name}.ipynb").read_bytes() for folder in ("one", "two"))
        assert one.replace(b"/main/one/", b"/main/two/") == two


def test_a_students_work_is_not_overwritten(root, capsys):
    main(["release", "-o", "students"])
    path = root / "students" / f"{SECOND}.ipynb"
    worked = path.read_text().replace("Write here.", "Because.")
    path.write_text(worked)
    assert main(["release", "-o", "students"]) == 2
    assert (
        "is there already and differs: choose an empty folder, or replace what is there with"
        in capsys.readouterr().err
    )
    assert path.read_text() == worked
    assert (
        main(["release", "-o", "students", "--force"]) == 0 and "Because." not in path.read_text()
    )


@pytest.mark.posix
def test_force_replaces_what_it_has_seen_and_nothing_else(root, capsys, monkeypatch):
    """Not a student's work that came meanwhile, nor the original behind a link."""
    main(["release", "-o", "students"])
    linked, path = (root / "students" / f"{name}.ipynb" for name in (FIRST, SECOND))
    original = root / "notebooks" / linked.name
    before = original.read_bytes()
    linked.unlink()
    linked.symlink_to(original)
    path.write_text("old")
    assert main(["release", "-o", "students", "--force"]) == 0
    assert original.read_bytes() == before and not linked.is_symlink()
    path.write_text("old")

    def write_later(place, content, **options):
        path.write_text("new answers")
        files.write_whole(place, content, **options)

    monkeypatch.setattr(release, "write_whole", write_later)
    assert main(["release", "-o", "students", "--force"]) == 2
    assert f"students/{SECOND}.ipynb was changed meanwhile" in capsys.readouterr().err
    assert path.read_text() == "new answers" and {*path.parent.iterdir()} == {linked, path}


def test_what_cannot_be_done_is_said(root, capsys):
    assert main(["release", "-o", "notebooks"]) == 2
    assert "notebooks is the notebooks' own folder" in capsys.readouterr().err
    (root / "file").write_text("")
    assert main(["release", "-o", "file"]) == 2
    assert "cannot be written to" in capsys.readouterr().err
    assert main(["release", "week9", "-o", "students"]) == 2
    (root / "twice").mkdir()
    (root / "twice" / f"{FIRST}.ipynb").write_bytes(
        (root / "notebooks" / f"{FIRST}.ipynb").read_bytes()
    )
    assert main(["release", "week1", "twice", "-o", "students"]) == 2
    assert f"two notebooks are called {FIRST}.ipynb" in capsys.readouterr().err
    (root / "folder" / f"{FIRST}.ipynb").mkdir(parents=True)
    assert main(["release", "week1", "-o", "folder"]) == 2
    assert "cannot be written to" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["release"])


def test_the_real_notebooks_lose_only_their_discussions(tmp_path):
    """Every question, hint, answer cell, check and line of code is still there."""
    root = course.find_root()
    sources = [read(path) for path in course.find_notebooks([], root)]
    assert main(["release", "-o", str(tmp_path)]) == 0
    for path, source in zip(course.find_notebooks([str(tmp_path)], root), sources, strict=True):
        copy = read(path)
        kept = [
            cell["id"]
            for cell in source["cells"]
            if "discussion" not in cell["metadata"].get("tags", [])
        ]
        assert [cell["id"] for cell in copy["cells"]] == kept
        text = json.dumps(copy)
        assert (
            "<summary>Discussion" not in text
            and text.count("### Question") == text.count("*Write your answer here.*") > 0
        )
        assert "colab-badge" not in text and "kaggle.svg" not in text
