"""``coursekit run``: execute notebooks from top to bottom, and make a page of each and an index of
all."""

import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import course, index, page

# No versions, which editors write there too: a refreshed notebook differs in its outputs only.
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


@dataclass
class Result:
    """How one notebook fared. ``error`` is one line, empty when it passed; ``traceback`` the last
    lines of the cell's."""

    path: Path
    title: str
    error: str = ""
    traceback: list[str] = field(default_factory=list)
    seconds: float = 0.0
    pages: bool = False  # whether an executed copy and an HTML page were written


def run(names: list[str], *, scale: str, output: str, inplace: bool, timeout: int) -> int:
    """Execute the notebooks that these names mean, one after the other; returns 0 if all passed,
    else 1.

    ``output`` is the folder for the executed copies, their pages and the index; ``timeout`` the
    seconds one cell may take. Raises ``CommandError`` for names that mean nothing and for a folder
    that cannot take the results.
    """
    root = course.find_root()
    paths = course.find_notebooks(names, root)
    folder = _output_folder(Path(output), paths)
    results = []
    try:
        for path in paths:
            results.append(_run_one(path, folder, scale=scale, inplace=inplace, timeout=timeout))
    finally:  # after Ctrl-C too
        index.write(folder / "index.html", results, scale)
    failed = [result.path.stem for result in results if result.error]
    minutes = sum(result.seconds for result in results) / 60
    which = f" ({', '.join(failed)})" if failed else ""
    print(
        f"{_count(len(results), 'notebook')} at scale {scale} in {minutes:.1f} minutes: "
        f"{len(results) - len(failed)} passed, {len(failed)} failed{which}; see {folder / 'index.html'}"
    )
    return 1 if failed else 0


def _output_folder(folder: Path, paths: list[Path]) -> Path:
    """The folder, made where it is missing. Nothing may be overwritten: no source, and no result by
    another one's."""
    if folder.resolve() in {path.parent for path in paths}:
        raise course.CommandError(
            f"--output {folder} is the notebooks' own folder: choose another one, or use --inplace "
            "to keep the outputs in the notebooks"
        )
    names = [path.stem for path in paths]
    if twice := {name for name in names if names.count(name) > 1}:
        raise course.CommandError(
            f"two notebooks are called {min(twice)}: run each by itself, with an --output of its own"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise course.CommandError(
            f"{folder} cannot be written to ({error.strerror}): choose another --output"
        ) from None
    return folder


def _run_one(path: Path, folder: Path, *, scale: str, inplace: bool, timeout: int) -> Result:
    import nbformat

    try:
        notebook = _read(path)
    except course.NotANotebook as error:
        result = Result(path, path.stem, error=f"it {error}")
        print(f"{path.name}: FAILED, {result.error}", flush=True)
        return result

    result = Result(path, _title(notebook) or path.stem)
    print(
        f"{path.name}: started at scale {scale}, {_count(len(notebook.cells), 'cell')}", flush=True
    )
    start = time.perf_counter()
    try:
        _execute(notebook, path, result, scale, timeout)
    finally:  # after Ctrl-C too: what was executed is worth a look
        result.seconds = time.perf_counter() - start
        course.write(folder / path.name, nbformat.writes(notebook) + "\n")
        page.write(folder / f"{path.stem}.html", notebook, result.title)
        result.pages = True
    if inplace and not result.error:
        course.write(path, nbformat.writes(notebook) + "\n")
    took = f"after {int(result.seconds) // 60}:{int(result.seconds) % 60:02d} minutes"
    print(
        f"{path.name}: FAILED {took}, {result.error}"
        if result.error
        else f"{path.name}: passed {took}",
        flush=True,
    )
    for line in result.traceback:
        print(f"    {line}", flush=True)
    return result


def _read(path: Path):
    """The notebook without old outputs, which must not be mistaken for this run's. Raises
    ``NotANotebook``."""
    import nbformat

    major = course.read_notebook(path).get("nbformat")
    if major != 4:
        raise course.NotANotebook(f"has the format {major}, not 4: open and save it in JupyterLab")
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except (nbformat.ValidationError, AttributeError, KeyError, TypeError) as error:
        raise course.NotANotebook(
            f"is not a valid notebook ({str(error).splitlines()[0]})"
        ) from None
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata.update(KERNEL)
    return notebook


def _execute(notebook, path: Path, result: Result, scale: str, timeout: int) -> None:
    """Execute the cells into ``notebook`` until one fails; what failed is told in ``result``."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    from nbconvert.preprocessors.coalescestreams import CoalesceStreamsPreprocessor
    from tqdm import tqdm

    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=timeout,
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=["--log-level=CRITICAL"],
    )  # a kernel's notes about itself are no progress
    merge = (
        CoalesceStreamsPreprocessor().preprocess_cell
    )  # one text per print-out, however the kernel cut it
    # disable=None: a bar on a terminal, and nothing in a log
    bar = tqdm(
        total=len(notebook.cells),
        desc=path.stem,
        leave=False,
        disable=None,
        file=sys.stdout,
        bar_format="{desc} {bar} cell {n_fmt} of {total_fmt}, {elapsed}",
    )
    where = "before the first cell"
    try:
        # JPY_SESSION_NAME is how Jupyter's server tells a kernel its notebook; ck.answers() asks
        # for it.
        with (
            bar,
            client.setup_kernel(
                env={**os.environ, "COURSEKIT_SCALE": scale, "JPY_SESSION_NAME": str(path)}
            ),
        ):
            for position, cell in enumerate(notebook.cells):
                where = f"cell {position + 1} ({cell.id})"
                try:
                    client.execute_cell(cell, position)
                finally:
                    merge(cell, {}, position)
                bar.update()
    except CellExecutionError as error:
        result.error = f"{where}: {error.ename}: {_first_line(error.evalue)}"
        result.traceback = _last_lines(cell)
    except CellTimeoutError:
        result.error = f"{where}: it took more than {timeout} seconds (--timeout allows more)"
    except DeadKernelError:
        result.error = f"{where}: the kernel died, as it does when the memory is used up"
    except RuntimeError as error:  # the kernel did not start
        result.error = f"{where}: {_first_line(str(error))}"


def _last_lines(cell, n: int = 8) -> list[str]:
    """The end of the cell's traceback, without terminal colours."""
    text = "\n".join(
        line
        for output in cell.outputs
        if output.output_type == "error"
        for line in output.traceback
    )
    return [line for line in re.sub(r"\x1b\[[\d;]*m", "", text).splitlines() if line.strip()][-n:]


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0]


def _title(notebook) -> str:
    """The first heading of the first level."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (
            found := re.search(r"^# +(.+)$", cell.source, re.MULTILINE)
        ):
            return found[1].strip()
    return ""


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' * (n != 1)}"
