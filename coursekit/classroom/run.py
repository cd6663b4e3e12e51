"""``coursekit run``: execute notebooks from top to bottom, with a page of each and an index."""

import argparse
import math
import os
import platform
import re
import signal
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

from tqdm import tqdm

from .. import course
from ..engine import limits, settings
from ..engine.console import say
from ..engine.files import ChangedMeanwhile, folder_beside, write_whole
from ..engine.progress import Progress
from ..engine.text import count, from_here, printable
from ..handin.notebook import contents, title, valid
from ..records import stored

EXAMPLES = """\
examples:
  coursekit run                            every notebook at scale smoke, a few at a time
  coursekit run week1 --scale laptop       those with week1 in their names, on real data
  coursekit run --scale full --inplace     refresh the outputs that are kept in notebooks/

The executed copies and a page for each are written to build/; begin with build/index.html.
A notebook that fails does not stop the others. Processes that one leaves behind are ended.
Exit code: 0 all passed, 1 one failed, 2 wrong arguments.
"""
# No versions, which editors write there too: a refreshed notebook differs in its outputs only.
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
FOLDER = Path(__file__).parent
STOPPED = "it was stopped"
MOST_LETTERS = 300  # of a line about an error
MEMORY = 2e9  # bytes for a notebook at scale smoke
MOST_AT_A_TIME = 4  # without being asked: they may share a GPU


@dataclass
class Result:
    """How one notebook fared: ``error`` in one line, empty when it passed; the end of its
    ``traceback``; whether there are ``pages``, an executed copy and one in HTML; the names of the
    processes that it ``left`` behind. While it is executed, there is a ``client``,
    and ``done`` goes from 0 to 1."""

    path: Path
    title: str
    error: str = ""
    traceback: list[str] = field(default_factory=list)
    seconds: float = 0.0
    pages: bool = False
    left: list[str] = field(default_factory=list)
    client: object = None
    done: float = 0.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    course.add_notebooks(parser)
    add = parser.add_argument
    scale = "how much is computed (default: COURSEKIT_SCALE, or else smoke)"
    add("--scale", choices=settings.SCALES, help=scale)
    add("--output", default="build", metavar="FOLDER", help="for the results (default: build)")
    inplace = "also put the outputs into the notebooks that passed, and store their figures"
    add("--inplace", action="store_true", help=inplace)
    jobs = "notebooks at a time (default: at scale smoke as many as cores and memory allow, else 1)"
    add("--jobs", type=_jobs, metavar="N", help=jobs)
    timeout = "the longest that one cell may take (default: 1800, half an hour; 0: no limit)"
    add("--timeout", type=_seconds, default=1800, metavar="SECONDS", help=timeout)


def _seconds(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"whole seconds from 0 (no limit), not {text}")
    return int(text)


def _jobs(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"a whole number from 1, not {text}")
    return int(text)


def main(options: argparse.Namespace) -> int:
    """Execute the notebooks, a few at a time; returns 0 if all passed, else 1.

    Raises ``CommandError`` for names that mean nothing, for a scale that does not exist, and for a
    folder that cannot take the results.
    """
    try:
        options.scale = options.scale or settings.asked_scale() or "smoke"
    except ValueError as error:
        raise course.CommandError(error) from None
    root = course.find_root()
    paths = course.find_notebooks(options.notebooks, root)
    folder = course.output_folder(options.output, paths).resolve()
    index, results = folder / "index.html", []
    options.jobs = min(options.jobs or _possible(options.scale), len(paths))
    say(_plan(paths, options, folder))
    start = time.perf_counter()
    try:
        with _ended_like_ctrl_c():
            _run_all(results, paths, folder, root, options)
    finally:  # after Ctrl-C too
        unwritten = _write_index(index, results, options.scale)
    failed = [result.path.stem for result in results if result.error]
    minutes = (time.perf_counter() - start) / 60
    which = f" ({', '.join(failed)})" if failed else ""
    what = f"{count(len(results), 'notebook')} at scale {options.scale} in {minutes:.1f} minutes"
    passed = f"{len(results) - len(failed)} passed, {len(failed)} failed"
    say(f"{what}: {passed}{which}; {unwritten or f'see {from_here(index)}'}")
    return 1 if failed or unwritten else 0


def _possible(scale: str) -> int:
    """How many notebooks may run at a time: full ones share no GPU, and at laptop their times are
    worth knowing."""
    if scale != "smoke":
        return 1
    return max(1, int(min(limits.cores(), limits.memory()[0] / MEMORY, MOST_AT_A_TIME)))


def _plan(paths: list[Path], options: argparse.Namespace, folder: Path) -> str:
    """What will happen, and how long it takes by what the notebooks say of themselves."""
    minutes = sum(course.minutes(path).get(options.scale, 0) for path in paths) / options.jobs
    data = "small data sets, no network" if options.scale == "smoke" else "real data where they are"
    what = f"{count(len(paths), 'notebook')} at scale {options.scale} ({data})"
    at_once = f", {options.jobs} at a time" if options.jobs > 1 else ""
    about = f", about {count(math.ceil(minutes), 'minute')}" if minutes else ""
    return f"{what}{at_once}{about}; the results go to {from_here(folder)}"


def _run_all(results: list[Result], paths: list[Path], folder: Path, root: Path, options) -> None:
    """Execute the notebooks in threads, into ``results`` in their order. Ctrl-C ends all kernels;
    notebooks that wait are not started, and have no result."""
    results += [Result(path, path.stem) for path in paths]
    bar = Progress("executed", len(paths), "notebooks")
    with bar, ThreadPoolExecutor(options.jobs) as pool:
        running = [pool.submit(_run_one, result, folder, root, options) for result in results]
        try:
            others = running
            while others:
                ended, others = wait(running, timeout=0.5)  # Windows tells of Ctrl-C in between
                for one in ended:
                    one.result()  # an error where nobody reads the lines any more
                bar.show(sum(result.done for result in results))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            begun = [one for one, its in zip(results, running) if not its.cancelled()]
            for result, its in zip(results, running):
                if its.running():
                    result.error, client = STOPPED, result.client
                    if client:
                        client.stop()
            results[:] = begun
            raise


def _say(line: str) -> None:
    """A line that stays, whole, above the bar."""
    with tqdm.external_write_mode():
        say(line)


@contextmanager
def _ended_like_ctrl_c() -> Iterator[None]:
    """A SIGTERM and a terminal that is closed end the kernel too, but for what ``nohup`` keeps.
    What libraries warn of inside is not for the reader."""
    signals = [getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP")]  # no HUP on Windows
    ours = [one for one in signals if one and signal.getsignal(one) is signal.SIG_DFL]
    for one in ours:
        signal.signal(one, signal.default_int_handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for one in ours:
            signal.signal(one, signal.SIG_DFL)


def _run_one(result: Result, folder: Path, root: Path, options: argparse.Namespace) -> None:
    """Execute a notebook, write what came of it, and say it. Whatever goes wrong is told in the
    result, so that the next one is executed."""
    name = printable(result.path.name)
    start = time.perf_counter()
    try:
        folder.mkdir(parents=True, exist_ok=True)  # a notebook before it may have taken it away
        before = contents(result.path)
        notebook = _without_outputs(valid(before))
        result.title = title(notebook) or result.path.stem
        cells = count(len(notebook.cells), "cell")
        _say(f"{name}: started at scale {options.scale}, {cells}")
        with folder_beside(folder / result.path.stem) as scratch:
            measured = scratch / f"{result.path.stem}.json"
            _execute(notebook, result, measured, options)
            result.seconds = time.perf_counter() - start
            executed = _write_copy(folder, notebook, result)
            if options.inplace and not result.error:
                _keep(result, before, executed, measured, root)
    except course.NotANotebook as error:
        result.error = f"it {error}"
    except stored.RecordError as error:
        result.error = f"its figures cannot be stored: {error}"
    except ChangedMeanwhile as error:
        copy = from_here(folder / result.path.name)
        result.error = f"{course.told(error, '')} (what it gave is in {copy})"
    except OSError as error:
        result.error = course.told(error, "its files")
    except Exception as error:  # of any library
        result.error = f"{type(error).__name__}: {error}"
    took, result.done = "", 1
    if result.seconds:
        took = f" after {int(result.seconds) // 60}:{int(result.seconds) % 60:02d} minutes"
    result.error = printable(result.error.strip().partition("\n")[0])[:MOST_LETTERS]
    said = f"FAILED{took}, {result.error}" if result.error else f"passed{took}"
    if result.left:
        said += f"; it left {', '.join(map(printable, result.left))} running, now ended"
    if result.error != STOPPED:
        _say("\n    ".join([f"{name}: {said}", *result.traceback]))


def _without_outputs(content: dict):
    """The notebook without old outputs, which are not of this run."""
    from nbformat.v4.nbjson import JSONReader

    notebook = JSONReader().to_notebook(content)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata.pop("widgets", None)  # what outputs showed
    notebook.metadata.update(KERNEL)
    return notebook


def _execute(notebook, result: Result, measured: Path, options: argparse.Namespace) -> None:
    """Execute the cells into ``notebook`` until one fails; what failed is told in ``result``."""
    from nbclient.exceptions import CellExecutionError

    from . import kernel

    client = kernel.Client(notebook, result.path.parent, options.timeout, measured.parent)
    result.client = client
    # JPY_SESSION_NAME is how Jupyter's server tells a kernel its notebook; ck.answers() asks for it
    said = {"COURSEKIT_SCALE": options.scale, "JPY_SESSION_NAME": str(result.path)}
    said["COURSEKIT_RECORD"] = str(measured)
    if options.jobs > 1:  # a core for each
        said["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS") or "1"
    where = "before the first cell"
    try:
        with client.kernel(said):
            for position, cell in enumerate(notebook.cells):
                if result.error:  # stopped when there was no kernel yet
                    break
                where = f"cell {position + 1} ({cell.get('id', 'no id')})"
                client.run_cell(cell, position)
                result.done = (position + 1) / len(notebook.cells)
    except CellExecutionError as error:
        why = f"{where}: {error.ename}: {error.evalue.strip()}"
        result.error, result.traceback = result.error or why, _last_lines(cell)
    except (kernel.Failed, RuntimeError) as error:  # the kernel did not start
        result.error = result.error or f"{where}: {str(error).strip()}"
    except Exception as error:  # an output that nbclient does not know
        result.error = result.error or f"{where}: {type(error).__name__}: {error}"
    result.left, result.client = client.left, None


def _write_copy(folder: Path, notebook, result: Result) -> str:
    """Write the executed copy and its page; returns the copy's text. What cannot be written is told
    in the result, where the notebook itself has not failed."""
    from nbformat import v4

    executed, name = "", result.path.name
    try:
        for cell in notebook.cells:
            if "outputs" in cell:
                cell.outputs = _merged(cell.outputs)
        executed = v4.writes(notebook) + "\n"
        write_whole(course.no_link(folder / name), executed)
        name = f"{result.path.stem}.html"
        write_page(course.no_link(folder / name), notebook, result.title)
        result.pages = True
    except Exception as error:  # a full disk, an output that is unknown to nbconvert
        why = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        why = why.partition("\n")[0]
        result.error = result.error or f"{from_here(folder / name)} cannot be written ({why})"
    return executed


def _merged(outputs: list) -> list:
    """One text for each print-out, however the kernel cut it, and of a line that was printed over
    its last state: as nbconvert's CoalesceStreamsPreprocessor makes it, in linear time."""
    merged = []
    for _, group in groupby(outputs, lambda one: one.get("name") or id(one)):
        first, *others = group
        if first.output_type == "stream":
            text = "".join([first.text, *(other.text for other in others)])
            lines = (line[line[:-1].rfind("\r") + 1 :] for line in text.split("\n"))
            first.text = "\n".join(lines)
        merged.append(first)
    return merged


def _keep(result: Result, before: bytes, executed: str, measured: Path, root: Path) -> None:
    """Put the executed notebook in the place of the one that was read, and store its figures.

    Raises ``RecordError`` for a damaged file of stored runs, and ``ChangedMeanwhile`` where the
    notebook was edited while it ran; both leave it as it is.
    """
    from . import recorded

    place = recorded.place(result.path, root)
    runs = stored.read(measured) if result.path.parent == root / "notebooks" else []
    if runs:
        stored.read(place)  # which may be damaged
    write_whole(result.path, executed, replacing=before)
    if runs:
        minutes = round(result.seconds / 60, 1)
        run = replace(runs[0], minutes=minutes, commit=stored.commit_of(root), complete=True)
        stored.keep(place, run)


def _last_lines(cell, n: int = 8) -> list[str]:
    """The end of the cell's traceback, without terminal colours."""
    text = "\n".join(line for output in cell.outputs for line in output.get("traceback", ()))
    lines = [line for line in re.sub(r"\x1b\[[\d;]*m", "", text).splitlines() if line.strip()]
    return [printable(line)[:MOST_LETTERS] for line in lines[-n:]]


def write_page(path: Path, notebook, title: str) -> None:
    """Write the page of an executed notebook."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(template_file=str(FOLDER / "notebook.html"))
    page, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": title}})
    # Markdown makes a header of every cell in a table's first row; an empty one is none.
    write_whole(path, re.sub(r"<th([^<>]*)></th>", r"<td\1></td>", page))


def _write_index(path: Path, results: list[Result], scale: str) -> str:
    """Write the page that lists the results of one run; returns why it could not be written."""
    from ..handin.safe_html import render

    passed = sum(not result.error for result in results)
    page = render(
        FOLDER / "index.html",
        summary=f"{passed} of {count(len(results), 'notebook')} passed",
        when=time.strftime("%d %B %Y, %H:%M"),
        python=platform.python_version(),
        torch=version("torch"),
        results=results,
        scale=scale,
    )
    try:
        write_whole(path, page)
    except OSError as error:
        return f"{from_here(path)} cannot be written ({error.strerror or error})"
    return ""
