"""A twin of Colab: an environment with torch and all the rest but without the course, where
`google.colab` is loaded.

The set-up cell of the notebooks runs there unchanged, and installs the course from a copy of this
checkout: git is told that the address in the cell means that copy. The twin costs no download but
what pip needs to build a package.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.colab

ROOT = Path(__file__).resolve().parents[2]
STUB = ROOT / "tests" / "colab_stub"
PLACEHOLDER = "YOUR-GITHUB-NAME/YOUR-COURSE"

# Runs the cells of its standard input, a list, in IPython; the last line that it prints tells what
# came of it.
IPYTHON = """
import json, sys
from importlib.util import find_spec
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
results = [shell.run_cell(cell) for cell in json.load(sys.stdin)]
error = next((str(r.error_before_exec or r.error_in_exec) for r in results if not r.success), "")
names = ("coursekit", "torch", "torchvision", "numpy")
places = {name: getattr(find_spec(name), "origin", None) for name in names}
print(json.dumps({"error": error, "last": repr(results[-1].result), "places": places}))
"""
COLAB = "import google.colab"  # Colab's kernel has loaded it when the first cell runs


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """``copy(address) -> folder``: the checkout as it is now, edits included, with this address
    stamped in."""

    def copy(address):
        folder = tmp_path_factory.mktemp("copy")
        names = run(
            "git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"
        ).split("\0")
        for name in names:
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        run(sys.executable, "-m", "coursekit", "repo", address, cwd=folder)
        return folder

    return copy


@pytest.fixture(scope="module")
def course(copy):
    """A repository with an address of its own."""
    folder = copy("ada/cnn-course")
    run("git", "init", "-q", folder)
    run("git", "-C", folder, "add", "-A")
    run(
        "git",
        "-C",
        folder,
        "-c",
        "user.name=Ada",
        "-c",
        "user.email=ada@example.org",
        "commit",
        "-q",
        "-m",
        "The course",
    )
    return folder


@pytest.fixture
def twin(tmp_path, course):
    """A new environment that has what this one has, but the course."""
    linked = tmp_path / "packages"
    linked.mkdir()
    for site in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(site).iterdir():
            if "coursekit" not in entry.name:
                (linked / entry.name).symlink_to(entry)
    venv.create(tmp_path / "venv", symlinks=True)
    [site] = (tmp_path / "venv").glob("lib/python*/site-packages")
    (site / "colab.pth").write_text(f"{linked}\n{STUB}\n")
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "VIRTUAL_ENV")
    }
    environment |= {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{course.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/ada/cnn-course",
        "GIT_TERMINAL_PROMPT": "0",
        "PIP_LOG": str(tmp_path / "pip.log"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }
    python = tmp_path / "venv" / "bin" / "python"

    def cells(*codes, **more):
        told = run(
            python,
            "-c",
            IPYTHON,
            input=json.dumps(codes),
            cwd=tmp_path,
            env={**environment, **more},
        )
        return SimpleNamespace(**json.loads(told.splitlines()[-1]), out=told)

    def packages():
        return set(
            run(
                python,
                "-m",
                "pip",
                "list",
                "--format=freeze",
                cwd=tmp_path,
                env={**environment, "PIP_LOG": os.devnull},
            ).splitlines()
        )

    return SimpleNamespace(cells=cells, packages=packages, site=site, log=tmp_path / "pip.log")


def run(*command, **options):
    done = subprocess.run(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, **options
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def set_up(folder):
    """The set-up cell, which is the same in all notebooks."""
    found = set()
    for path in (folder / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        [cell] = [cell for cell in cells if "setup" in cell["metadata"].get("tags", ())]
        found.add("".join(cell["source"]))
    [cell] = found
    return cell


def test_the_first_cell_installs_the_course_and_nothing_else(twin, course):
    before, places = twin.packages(), twin.cells(COLAB).places
    assert places["coursekit"] is None and None not in (
        places["torch"],
        places["torchvision"],
        places["numpy"],
    )

    first = twin.cells(COLAB, set_up(course), "import torch, torchvision, numpy; ck.fit")
    assert (first.error, twin.log.exists()) == ("", True)
    assert first.places == {**places, "coursekit": str(twin.site / "coursekit" / "__init__.py")}
    after = twin.packages()
    assert before < after  # what was there is there still, in the same version
    new, old = ({line.partition("==")[0] for line in lines} for lines in (after - before, before))
    # Colab itself lacks some small packages
    assert new == {"coursekit"} or "torchmetrics" not in old
    [info] = twin.site.glob("coursekit-*.dist-info")
    assert (
        json.loads((info / "direct_url.json").read_text())["url"]
        == "https://github.com/ada/cnn-course"
    )

    twin.log.unlink()
    second = twin.cells(COLAB, set_up(course))  # in a new kernel
    assert (second.error, second.places) == ("", first.places)
    assert not twin.log.exists()  # pip was not called


def test_the_installed_package_is_whole(twin, course):
    assert twin.cells(COLAB, set_up(course)).error == ""
    ours = {
        path.relative_to(course)
        for path in (course / "coursekit").rglob("*")
        if "__pycache__" not in path.parts
    }
    assert {path for path in ours if not (twin.site / path).exists()} == set()


def test_a_copy_without_an_address_says_what_to_do(twin, copy):
    told = twin.cells(COLAB, set_up(copy(PLACEHOLDER)))
    assert "coursekit repo OWNER/NAME" in told.error
    assert not twin.log.exists()


def test_outside_colab_nothing_is_installed(twin, course):
    told = twin.cells(set_up(course))
    assert "No module named 'coursekit'" in told.error
    assert not twin.log.exists()


def test_the_last_cell_asks_colabs_page(twin, course, tmp_path):
    notebook = json.loads(
        (course / "notebooks" / "week1_mnist_fc_vs_cnn.ipynb").read_text(encoding="utf-8")
    )
    [cell] = [
        cell for cell in notebook["cells"] if "".join(cell["source"]).startswith("**Answer w1-q1**")
    ]
    cell["source"] = ["**Answer w1-q1**\n", "\n", "卷积核的权重是共享的。"]
    (tmp_path / "page.ipynb").write_text(json.dumps(notebook), encoding="utf-8")

    told = twin.cells(
        COLAB, set_up(course), "ck.answers()", COLAB_PAGE=str(tmp_path / "page.ipynb")
    )
    assert "w1-q1   answered" in told.last and "w1-q2   unchanged" in told.last
    closed = twin.cells(COLAB, "import coursekit as ck", "ck.answers()")
    assert closed.last == "None" and "Colab's page did not answer" in closed.out
