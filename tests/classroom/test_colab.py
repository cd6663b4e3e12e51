"""A twin of Colab: an environment with torch and all the rest, but without the course and what else
Colab has not, where `google.colab` is loaded.

The notebooks' cells run there unchanged, and install the course from a copy of this checkout: git
is told that the address in the set-up cell means that copy. What is downloaded is small: what pip
needs to build a package, and what Colab has not.
"""

import json
import os
import re
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
ADDRESS = "https://github.com/ada/cnn-course"
# Of what the notebooks use, or these need, Colab has not, by the names of their folders:
ABSENT = {
    "coursekit",
    "torchmetrics",
    "lightning_utilities",
    "d2l",
    "optuna",
    "alembic",
    "colorlog",
}
WHOLE = "week3_resnet18_fashion_mnist"  # it installs d2l

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


def run(*command, **options):
    done = subprocess.run(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600, **options
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """``copy(address) -> folder``: the checkout as it is now, edits included, with this address
    stamped in."""

    def copy(address):
        folder = tmp_path_factory.mktemp("copy")
        kinds = ("--cached", "--others", "--exclude-standard")
        for name in run("git", "-C", ROOT, "ls-files", "-z", *kinds).split("\0"):
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
    git = ("git", "-C", folder, "-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    run(*git, "init", "-q")
    run(*git, "add", "-A")
    run(*git, "commit", "-q", "-m", "The course")
    return folder


class Twin:
    """A new environment in this folder, that has what this one has, but what is absent."""

    def __init__(self, folder, course):
        self.folder, self.course, self.log = folder, course, folder / "pip.log"
        linked = folder / "packages"
        linked.mkdir()
        for site in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
            for entry in Path(site).iterdir():
                name = re.split(r"[-.]", entry.name)[0].lower()
                if name not in ABSENT and "coursekit" not in name:
                    (linked / entry.name).symlink_to(entry)
        venv.create(folder / "venv", symlinks=True)
        [self.site] = (folder / "venv").glob("lib/python*/site-packages")
        (self.site / "colab.pth").write_text(f"{linked}\n{STUB}\n")

    def python(self, *arguments, **variables):
        taken = ("PYTHONPATH", "VIRTUAL_ENV", "KAGGLE_KERNEL_RUN_TYPE", "KAGGLE_URL_BASE")
        environment = {key: value for key, value in os.environ.items() if key not in taken}
        environment |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{self.course.as_uri()}.insteadOf",
            "GIT_CONFIG_VALUE_0": ADDRESS,
            "GIT_TERMINAL_PROMPT": "0",
            "PIP_LOG": str(self.log),
            "IPYTHONDIR": str(self.folder / "ipython"),
        }
        given = variables.pop("input", None)
        environment |= variables
        program = self.folder / "venv" / "bin" / "python"
        return run(program, *arguments, input=given, cwd=self.folder, env=environment)

    def cells(self, *codes, **variables):
        """What running these cells, in a new kernel, came to."""
        told = self.python("-c", IPYTHON, input=json.dumps(codes), **variables)
        return SimpleNamespace(**json.loads(told.splitlines()[-1]), out=told)

    def packages(self):
        listed = self.python("-m", "pip", "list", "--format=freeze", PIP_LOG=os.devnull)
        return dict(line.split("==") for line in listed.splitlines() if "==" in line)


@pytest.fixture(scope="module")
def bare(tmp_path_factory, course):
    """A twin in which nothing is installed."""
    return Twin(tmp_path_factory.mktemp("bare"), course)


@pytest.fixture(scope="module")
def used(tmp_path_factory, course):
    """A twin in which the set-up cell has run: it has what was ``before``, and what ``came``."""
    twin = Twin(tmp_path_factory.mktemp("used"), course)
    twin.before, twin.places = twin.packages(), twin.cells(COLAB).places
    twin.came = twin.cells(COLAB, set_up(course), "import torch, torchvision, numpy; ck.fit")
    assert twin.came.error == "", twin.came.out
    return twin


def code(folder, name):
    """The code cells of a notebook."""
    content = json.loads((folder / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "code"]


def names(folder):
    return sorted(path.stem for path in (folder / "notebooks").glob("*.ipynb"))


def set_up(folder):
    """The set-up cell, which is the first and the same in all notebooks."""
    [cell] = {code(folder, name)[0] for name in names(folder)}
    return cell


def test_the_first_cell_installs_the_course_and_nothing_else(used, course):
    assert used.places["coursekit"] is None and None not in [*used.places.values()][1:]
    assert used.came.places == used.places | {
        "coursekit": str(used.site / "coursekit" / "__init__.py")
    }
    after = used.packages()
    assert after.items() > used.before.items()  # what was there is there, in the same version
    assert after.keys() - used.before.keys() == {"coursekit", "torchmetrics", "lightning-utilities"}
    [info] = used.site.glob("coursekit-*.dist-info")
    assert json.loads((info / "direct_url.json").read_text())["url"] == ADDRESS

    before = used.log.read_bytes()
    second = used.cells(COLAB, set_up(course))  # in a new kernel
    assert (second.error, second.places) == ("", used.came.places)
    assert used.log.read_bytes() == before  # pip was not called


def test_the_installed_package_is_whole(used, course):
    ours = {
        path.relative_to(course)
        for path in (course / "coursekit").rglob("*")
        if "__pycache__" not in path.parts
    }
    assert {path for path in ours if not (used.site / path).exists()} == set()


def test_every_notebook_begins(used, course):
    """Its set-up cell, its imports and its ``Lab``; then what it installs of its own."""
    begins = [cell for name in names(course) for cell in code(course, name)[:2]]
    found = [cell for name in names(course) for cell in code(course, name)[2:] if "%pip" in cell]
    alone = [cell for cell in found if "d2l" not in cell]  # which needs what stands before it
    told = used.cells(COLAB, *begins, *alone, "optuna.__name__")
    assert (told.error, told.last, len(found), len(alone)) == ("", "'optuna'", 2, 1), told.out


def test_one_notebook_runs_to_its_end(used, course):
    """With d2l, but without the metapackage jupyter, which would replace Colab's own."""
    before = used.packages()
    told = used.cells(COLAB, *code(course, WHOLE), MPLBACKEND="Agg", COURSEKIT_OFFLINE="1")
    assert told.error == "", told.out
    new = used.packages()
    assert new.items() > before.items() and new.keys() - before.keys() == {"d2l"}


def test_a_copy_without_an_address_says_what_to_do(bare, copy):
    told = bare.cells(COLAB, set_up(copy(PLACEHOLDER)))
    assert "coursekit repo OWNER/NAME" in told.error
    assert not bare.log.exists()


def test_elsewhere_nothing_is_installed(bare, course):
    told = bare.cells(set_up(course))
    assert f'"{bare.folder}/venv/bin/python" -m pip install -r requirements.txt' in told.error
    assert not bare.log.exists()


def test_kaggle_without_internet_is_told_where_to_switch_it_on(bare, course):
    nowhere = {"GIT_CONFIG_KEY_0": "url.file:///nowhere/.insteadOf", "PIP_LOG": os.devnull}
    told = bare.cells(set_up(course), KAGGLE_KERNEL_RUN_TYPE="Interactive", **nowhere)
    assert "Settings > Internet" in told.error and "git clone" in told.out


def test_the_last_cell_asks_colabs_page(used, course, tmp_path):
    path = course / "notebooks" / "week1_mnist_fc_vs_cnn.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    [cell] = [
        cell for cell in notebook["cells"] if "".join(cell["source"]).startswith("**Answer w1-q1**")
    ]
    cell["source"] = ["**Answer w1-q1**\n", "\n", "卷积核的权重是共享的。"]
    page = tmp_path / "page.ipynb"
    page.write_text(json.dumps(notebook), encoding="utf-8")
    told = used.cells(COLAB, set_up(course), "ck.answers()", COLAB_PAGE=str(page))
    assert "w1-q1   answered" in told.last and "w1-q2   unchanged" in told.last
    closed = used.cells(COLAB, "import coursekit as ck", "ck.answers()")
    assert closed.last == "None" and "Colab's page did not answer" in closed.out
