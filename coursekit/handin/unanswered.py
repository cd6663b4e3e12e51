"""What is not answered yet: ``ck.answers()`` in a notebook, ``coursekit answers`` outside of it."""

import argparse
import os
import sys
import time
from pathlib import Path

from .. import course
from ..engine.text import printable
from .answers import Answers, find_answers
from .course_notebook import Originals
from .notebook import as_dict, parse

EXAMPLES = """\
examples:
  coursekit answers week1.ipynb            which questions are answered, and what belongs to none
  coursekit answers handed-in/*.ipynb      of several notebooks
  coursekit answers week1.ipynb > /dev/null && echo complete

Exit code: 0 every question is answered, 1 some are not, 2 a file that cannot be read.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("notebooks", nargs="+", metavar="NOTEBOOK", help="a notebook, anywhere")


def main(options: argparse.Namespace) -> int:
    """Print which questions of these notebooks are answered; returns 0 if all are, 1 if not, 2 for
    a file without questions.

    In the course's folder a notebook is compared with the course's own; elsewhere what it says
    itself must do. One file that cannot be read does not stop the others.
    """
    try:
        originals = Originals(course.find_root())
    except course.CommandError:  # no course here
        originals = None
    codes = [0]
    for name in options.notebooks:
        try:
            notebook = _read(Path(name))
            original = originals and originals.find(notebook, Path(name).name)
            found = find_answers(notebook, original and original.content)
            if not found.texts:
                raise course.NotANotebook("has no question of the course: name the one you edited")
        except course.NotANotebook as error:
            print(f"coursekit answers: {printable(name)} {error}", file=sys.stderr)
            codes.append(2)
        else:
            print(f"{printable(name)}: {found}")
            codes.append(1 if found.open else 0)
    return max(codes)


def _read(path: Path) -> dict:
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise course.NotANotebook(f"cannot be read ({error.strerror}): name a notebook") from None


def answers(path: str | Path | None = None) -> Answers | None:
    """Which questions of this notebook are answered: the last look before handing in.

    In Jupyter it reads the notebook's file as it was last saved; in Colab, which keeps no file, it
    asks the page. Where neither can be had it says what to do, and gives None. Of any other
    notebook, name the file. Raises ``ValueError`` for a file that cannot be read as a notebook.
    """
    if path is None and "google.colab" in sys.modules:
        return _of_colab()
    path = Path(path or _own_file())
    if not path.is_file():
        ask = "Save it, and ask on the command line: coursekit answers FILE"
        print(f"This notebook's file cannot be found from here. {ask}")
        return None
    try:
        notebook = _read(path)
    except course.NotANotebook as error:
        raise ValueError(f"{path.name} {error}") from None
    saved = time.strftime("%H:%M:%S", time.localtime(path.stat().st_mtime))
    then = "If you have typed since then: save, and run this cell again."
    print(f"{path.name}, as saved at {saved}. {then}")
    return find_answers(notebook)


def _of_colab() -> Answers | None:
    from google.colab import _message  # Colab's own way to its page; it has no public one

    try:
        reply = _message.blocking_request("get_ipynb", timeout_sec=20)
    except Exception:  # the page's errors are of a kind of Colab's own, which is not public either
        reply = None
    if notebook := as_dict(as_dict(reply).get("ipynb")):
        return find_answers(notebook)
    print("Colab's page did not answer: keep it open, and run this cell again.")
    return None


def _own_file() -> str:
    """The file of the notebook that asks: Jupyter's server and `coursekit run` put it into the
    environment, Visual Studio Code into the notebook's variables. Empty if none does."""
    from IPython import get_ipython

    shell = get_ipython()
    named = shell and shell.user_ns.get("__vsc_ipynb_file__")
    return named or os.environ.get("JPY_SESSION_NAME", "")
