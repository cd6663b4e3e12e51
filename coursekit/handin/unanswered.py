"""What is not answered yet: ``ck.answers()`` in a notebook, ``coursekit answers`` outside of it."""

import argparse
import os
import re
import sys
import time
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import NamedTuple

from .. import course
from ..engine.console import say
from ..engine.text import count, from_here, printable
from .answers import Answers, find_answers
from .course_notebook import Originals
from .notebook import as_dict, cells, parse
from .question_ids import asked

LARGE = 20_000_000  # bytes: reading it takes a moment
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
            say(f"coursekit answers: {printable(name)} {error}", error=True)
            codes.append(2)
        else:
            say(f"{printable(name)}: {found}")
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
    found, why = (Path(path), "") if path else _own_file()
    if not (found and found.is_file()):
        ask = "Save it, and ask on the command line: coursekit answers FILE"
        say(f"This notebook's file cannot be found from here. {ask}")
        return None
    try:
        notebook = _read(found)
        saved = _saved(found)
    except course.NotANotebook as error:
        raise ValueError(f"{printable(found.name)} {error}") from None
    then = "If you have typed since then: save, and run this cell again."
    say(f"{printable(found.name)}, as saved at {saved}. {then}")
    if why:
        say(why)
    return find_answers(notebook)


def _of_colab() -> Answers | None:
    from google.colab import _message  # Colab's own way to its page; it has no public one

    try:
        reply = _message.blocking_request("get_ipynb", timeout_sec=20)
    except Exception:  # the page's errors are of a kind of Colab's own, which is not public either
        reply = None
    if notebook := as_dict(as_dict(reply).get("ipynb")):
        return find_answers(notebook)
    say("Colab's page did not answer: keep it open, and run this cell again.")
    return None


def _own_file() -> tuple[Path | None, str]:
    """The file of the notebook that asks, None if it cannot be told; and why it may be another one,
    empty if nothing says so.

    Jupyter's server and `coursekit run` put its path into the environment, Visual Studio Code into
    the notebook's variables: as it was when the kernel started. After "Save as" or under a new name
    the notebook is elsewhere; with real-time collaboration the path has the name of a drive (RTC:)
    and may lack its folder. So the notebooks of that place are searched for the code that ran here.
    """
    from IPython import get_ipython

    shell = get_ipython()
    named = shell and shell.user_ns.get("__vsc_ipynb_file__")
    named = named or os.environ.get("JPY_SESSION_NAME", "")
    if not named:
        return None, ""
    names = [Path(named), Path(re.sub(r"(^|[/\\])\w{2,}:", r"\1", named))]  # Windows: one letter
    here, name = Path.cwd(), names[-1].name
    places = [folder / one for one in names for folder in (here, *here.parents)]  # a server's root
    places += [here / name, *sorted(here.glob(f"*/{escape(name)}"))]
    own = next((place.resolve() for place in places if place.is_file()), None)
    history = getattr(getattr(shell, "history_manager", None), "input_hist_raw", [])
    ran = [code for text in history if (code := _code(text))]
    found = {path: _looked(path, ran) for path in [own, *_beside(own or names[-1])] if path}
    found = {path: looked for path, looked in found.items() if looked}
    if not (own in found and (found[own].ran or not ran)):
        most = max((len(one.ran) for one in found.values()), default=0)
        best = [path for path, one in found.items() if len(one.ran) == most]
        if len(best) != 1 or 2 * most <= len({*ran}):  # a set-up cell is in every notebook
            return own, "None of the cells that ran here is in it: is it yours?" if own else ""
        return best[0], f"The kernel was started for {printable(name)}, but this has what ran here."
    asks = [path for path, one in found.items() if one.asked == found[own].asked != []]
    newest = max(asks, key=lambda path: found[path].saved, default=own)
    if newest != own and found[newest].saved > found[own].saved:
        other = f"{printable(newest.name)} asks the same and was saved later, at {_saved(newest)}"
        return own, f"{other}. If that is yours: ck.answers({from_here(newest)!r})."
    has, lacks = found[own].ran, {*ran} - found[own].ran
    if not ran or (ran[-1] in has and len(lacks) <= len(has)):  # cells are edited and run again
        return own, ""
    best = max(found, key=lambda path: (len(found[path].ran), path == own))
    name = "FILE" if best == own else from_here(best)
    said = f"It lacks {count(len(lacks), 'cell')} that ran here"
    return own, f"{said}: save, or if it is not yours: ck.answers({name!r})."


class _Looked(NamedTuple):
    """What one notebook has of the code that ran, what it asks, and when it was saved."""

    ran: set[str]
    asked: list[str]
    saved: float


def _beside(path: Path) -> list[Path]:
    """The newest notebooks in the folder of this one: as many as are read in a moment."""
    with suppress(OSError):
        states = {one: one.stat() for one in path.parent.glob("*.ipynb")}
        small = [one for one, state in states.items() if state.st_size < LARGE]
        return sorted(small, key=lambda one: states[one].st_mtime, reverse=True)[:12]
    return []


def _looked(path: Path, ran: list[str]) -> _Looked | None:
    """None for a file that cannot be read."""
    with suppress(course.NotANotebook, OSError):
        here = cells(_read(path))
        code = {_code(cell.text) for cell in here if cell.kind == "code"}
        return _Looked(code.intersection(ran), asked(here), path.stat().st_mtime)
    return None


def _code(text) -> str:
    """Code as it is compared."""
    return "\n".join(line.rstrip() for line in str(text).strip().splitlines())


def _saved(path: Path) -> str:
    """The time of day at which a file was saved, with the day if it was another one."""
    try:
        saved = time.localtime(path.stat().st_mtime)
    except OSError as error:
        raise course.NotANotebook(f"cannot be read ({error.strerror})") from None
    today = saved[:3] == time.localtime()[:3]
    return time.strftime("%H:%M:%S" if today else "%H:%M:%S on %d %B %Y", saved)
