"""``coursekit run``: execute notebooks from top to bottom, with a page of each and an index."""

import argparse
import os
import platform
import re
import time
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

from .. import course
from ..engine import settings
from ..engine.files import write_whole
from ..engine.progress import Progress
from ..engine.text import count
from ..handin.notebook import read, title
from ..handin.safe_html import render
from ..records import stored

EXAMPLES = """\
examples:
  coursekit run                            every notebook at scale smoke, on made-up data
  coursekit run week1 --scale laptop       those with week1 in their names, on real data
  coursekit run --scale full --inplace     refresh the outputs that are kept in notebooks/

The executed copies and a page for each are written to build/; begin with build/index.html.
A notebook that fails does not stop the others.
Exit code: 0 all passed, 1 one failed, 2 wrong arguments.
"""
# No versions, which editors write there too: a refreshed notebook differs in its outputs only.
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
FOLDER = Path(__file__).parent


@dataclass
class Result:
    """How one notebook fared: ``error`` in one line, empty when it passed; the end of its
    ``traceback``; whether there are ``pages``, an executed copy and one in HTML."""

    path: Path
    title: str
    error: str = ""
    traceback: list[str] = field(default_factory=list)
    seconds: float = 0.0
    pages: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    course.add_notebooks(parser)
    add = parser.add_argument
    scale = "how much is computed (default: COURSEKIT_SCALE, or else smoke)"
    add("--scale", choices=settings.SCALES, help=scale)
    add("--output", default="build", metavar="FOLDER", help="for the results (default: build)")
    inplace = (
        "also put the outputs of those that passed into the notebooks, and store their figures"
    )
    add("--inplace", action="store_true", help=inplace)
    timeout = "the longest that one cell may take (default: 1800, half an hour; 0: no limit)"
    add("--timeout", type=_seconds, default=1800, metavar="SECONDS", help=timeout)


def _seconds(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"whole seconds from 0 (no limit), not {text}")
    return int(text)


def main(options: argparse.Namespace) -> int:
    """Execute the notebooks one after the other; returns 0 if all passed, else 1.

    Raises ``CommandError`` for names that mean nothing, for a scale that does not exist, and for a
    folder that cannot take the results.
    """
    try:
        options.scale = options.scale or settings.asked_scale() or "smoke"
    except ValueError as error:
        raise course.CommandError(error) from None
    paths = course.find_notebooks(options.notebooks, course.find_root())
    folder = course.output_folder(options.output, paths)
    index, results = folder / "index.html", []
    try:
        for path in paths:
            results.append(_run_one(path, folder, options))
    finally:  # after Ctrl-C too
        _write_index(index, results, options.scale)
    failed = [result.path.stem for result in results if result.error]
    minutes = sum(result.seconds for result in results) / 60
    which = f" ({', '.join(failed)})" if failed else ""
    what = f"{count(len(results), 'notebook')} at scale {options.scale} in {minutes:.1f} minutes"
    passed = f"{len(results) - len(failed)} passed, {len(failed)} failed"
    print(f"{what}: {passed}{which}; see {index}")
    return 1 if failed else 0


def _run_one(path: Path, folder: Path, options: argparse.Namespace) -> Result:
    import nbformat
    from nbconvert.preprocessors.coalescestreams import CoalesceStreamsPreprocessor

    result = Result(path, path.stem)
    try:
        notebook = _read(path)
    except course.NotANotebook as error:
        result.error = f"it {error}"
        print(f"{path.name}: FAILED, {result.error}", flush=True)
        return result

    result.title = title(notebook) or path.stem
    cells = count(len(notebook.cells), "cell")
    print(f"{path.name}: started at scale {options.scale}, {cells}", flush=True)
    start = time.perf_counter()
    try:
        _execute(notebook, result, options)
    finally:  # after Ctrl-C too: what was executed is worth a look
        result.seconds = time.perf_counter() - start
        # one text per print-out, however the kernel cut it
        CoalesceStreamsPreprocessor().preprocess(notebook, {})
        executed = nbformat.writes(notebook) + "\n"
        write_whole(folder / path.name, executed)
        write_page(folder / f"{path.stem}.html", notebook, result.title)
        result.pages = True
    if options.inplace and not result.error:
        try:
            _store(folder / "recorded" / f"{path.stem}.json", result)
        except stored.RecordError as error:
            result.error = f"its figures cannot be stored: {error}"
        else:
            write_whole(path, executed)
    took = f"after {int(result.seconds) // 60}:{int(result.seconds) % 60:02d} minutes"
    said = f"FAILED {took}, {result.error}" if result.error else f"passed {took}"
    print("\n    ".join([f"{path.name}: {said}", *result.traceback]), flush=True)
    return result


def _read(path: Path):
    """The notebook without old outputs, which are not of this run. Raises ``NotANotebook``."""
    import nbformat

    read(path)  # its errors are plainer than nbformat's
    try:
        notebook = nbformat.read(path, nbformat.NO_CONVERT)
        nbformat.validate(notebook, version=4)
    except Exception as error:  # nbformat has many ways to refuse a notebook
        reason = str(error).partition("\n")[0]
        why = f"is not valid in format 4 ({reason}): open and save it in JupyterLab"
        raise course.NotANotebook(why) from None
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata.update(KERNEL)
    return notebook


def _execute(notebook, result: Result, options: argparse.Namespace) -> None:
    """Execute the cells into ``notebook`` until one fails; what failed is told in ``result``."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=options.timeout,
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(result.path.parent)}},
        extra_arguments=["--log-level=CRITICAL"],  # a kernel's notes about itself are no progress
    )
    # JPY_SESSION_NAME is how Jupyter's server tells a kernel its notebook; ck.answers() asks for it
    said = {"COURSEKIT_SCALE": options.scale, "JPY_SESSION_NAME": str(result.path)}
    measured = Path(options.output).resolve() / "recorded" / f"{result.path.stem}.json"
    measured.unlink(missing_ok=True)
    said["COURSEKIT_RECORD"] = str(measured)
    where = "before the first cell"
    try:
        with (
            Progress(result.path.stem, len(notebook.cells)) as progress,
            client.setup_kernel(env={**os.environ, **said}),
        ):
            for position, cell in enumerate(notebook.cells):
                where = f"cell {position + 1} ({cell.id})"
                client.execute_cell(cell, position)
                progress.show(position + 1)
            return
    except CellExecutionError as error:
        wrong = f"{error.ename}: {error.evalue.strip()}"
        result.traceback = _last_lines(cell)
    except CellTimeoutError:
        wrong = f"it took more than {options.timeout} seconds (--timeout allows more)"
    except DeadKernelError:
        wrong = "the kernel died, as it does when the memory is used up"
    except RuntimeError as error:  # the kernel did not start
        wrong = str(error).strip()
    result.error = f"{where}: {wrong}".splitlines()[0]


def _store(measured: Path, result: Result) -> None:
    """Store what the run recorded, if it did, with the course's stored runs of the notebook."""
    root = course.find_root()
    if result.path.parent == root / "notebooks" and (runs := stored.read(measured)):
        minutes = round(result.seconds / 60, 1)
        run = replace(runs[0], minutes=minutes, commit=stored.commit_of(root), complete=True)
        place = root / "coursekit" / "records" / "runs"
        stored.keep(stored.path_of(result.path.stem, place), run)


def _last_lines(cell, n: int = 8) -> list[str]:
    """The end of the cell's traceback, without terminal colours."""
    text = "\n".join(line for output in cell.outputs for line in output.get("traceback", ()))
    return [line for line in re.sub(r"\x1b\[[\d;]*m", "", text).splitlines() if line.strip()][-n:]


def write_page(path: Path, notebook, title: str) -> None:
    """Write the page of an executed notebook."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(template_file=str(FOLDER / "notebook.html"))
    page, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": title}})
    # Markdown makes a header of every cell in a table's first row; an empty one is none.
    write_whole(path, re.sub(r"<th([^<>]*)></th>", r"<td\1></td>", page))


def _write_index(path: Path, results: list[Result], scale: str) -> None:
    """Write the page that lists the results of one run."""
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
    write_whole(path, page)
