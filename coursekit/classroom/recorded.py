"""``coursekit recorded``: the stored runs in the terminal, in the README and in the notebooks."""

import argparse
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from .. import course
from ..engine.console import say
from ..engine.files import ChangedMeanwhile, NotText, read_text, write_whole
from ..engine.text import aligned, count, printable
from ..handin.notebook import cells, contents, joined, valid
from ..records import stored
from ..records.stored import Figure, RecordError, Run
from .evidence import TABLE, measured, numbers, own_run, shown

EXAMPLES = """\
examples:
  coursekit recorded                       what is stored of every notebook
  coursekit recorded week2                 of those with week2 in their names
  coursekit recorded --write               renew the README's tables and those of ck.recorded

Runs are stored by coursekit run NOTEBOOK --scale laptop --inplace, and by make full.
Exit code: 0 done, 1 a file is not what it should be, 2 wrong arguments.
"""
RUNS = Path("coursekit", "records", "runs")  # in the course's folder
PART = re.compile(r"(?s)(<!-- begin: (weeks|results) -->)(.*?)(?=<!-- end: \2 -->)")
# The end of a row in the table of weeks: the minutes at three scales or as many as there are.
MINUTES = re.compile(r"(?: \| *(?:–|(?:under |about )?\d+ min[^|]*)?){0,3} *\|? *$")
HEAD = ("week", "figure", "laptop", "full", "old course", "paper")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    course.add_notebooks(parser)
    write = "renew the README's tables, and the tables of ck.recorded in these notebooks"
    parser.add_argument("--write", action="store_true", help=write)


def main(options: argparse.Namespace) -> int:
    """Print the stored runs, or write them where they are shown; returns 0.

    Returns 1 where a file is damaged, and writes nothing where it is one of stored runs. Raises
    ``CommandError`` for names that mean nothing.
    """
    root = course.find_root()
    paths = course.find_notebooks(options.notebooks, root)
    if wrong := unreadable(root):
        say(*wrong.values(), sep="\n")
        return 1
    if options.write:
        return _write(paths, root)
    for path in paths:
        runs = stored.read(place(path, root))
        say(path.stem + ":" * bool(runs) + " (no runs are stored)" * (not runs))
        for run in runs:
            took = f"{run.minutes:g} minutes" if run.complete else "not complete"
            say(f"  {run.scale}, {run.device}, {run.date}, {took}")
            figures = [
                (f"    {label}", f"{one} {one.unit}", count(len(one.values), "seed"))
                for label, one in run.figures.items()
            ]
            say(*aligned(figures), sep="\n")
    return 0


def place(notebook: Path, root: Path) -> Path:
    """Where the runs of a notebook are stored."""
    return stored.path_of(notebook.stem, root / RUNS)


def unreadable(root: Path) -> dict[Path, str]:
    """The files of stored runs that are damaged or of no notebook, and what is wrong with each."""
    wrong = {}
    for path in sorted((root / RUNS).glob("*.json")):
        try:
            stored.read(path)
            if not (root / "notebooks" / f"{path.stem}.ipynb").exists():
                raise RecordError(f"{path.name}: there is no notebook {path.stem}: remove the file")
        except RecordError as error:
            wrong[path] = str(error)
    return wrong


def _write(paths: Sequence[Path], root: Path) -> int:
    """Renew what shows the stored runs, and say which files have changed; returns 1 if one could
    not be renewed."""
    changed, code, readme = 0, 0, root / "README.md"
    for path in (*paths, *[readme] * readme.exists()):
        name = course.shown(path, root)
        try:
            before = contents(path)
            if path == readme:
                after = _renewed_file(path, before, root)
            else:
                after = _with_table(before, stored.read(place(path, root)))
            if after != before:
                write_whole(path, after, replacing=before)
                say(f"{name}: renewed")
                changed += 1
            continue
        except course.NotANotebook as error:
            why = f"{name} {error}: mend it first (coursekit lint)"
        except NotText as error:
            why = str(error)
        except ChangedMeanwhile as error:
            why = course.told(error, name)
        except OSError as error:
            why = f"{name} cannot be written ({error.strerror or error})"
        say(printable(why))
        code = 1
    say(f"{count(changed, 'file')} renewed")
    return code


def _renewed_file(path: Path, before: bytes, root: Path) -> bytes:
    """The README's bytes, its parts renewed, its line ends as they were. Raises ``NotText``."""
    text = read_text(path)
    new = renewed(text, root)
    ends = "\r\n" if b"\r\n" in before else "\n"
    return before if new == text else new.replace("\n", ends).encode()


def _with_table(before: bytes, runs: list[Run]) -> bytes:
    """A notebook's bytes, the outputs of ``ck.recorded`` renewed.

    There this run is the stored one of the outputs' own scale and device; without it, nothing
    changes. Raises ``NotANotebook``.
    """
    content, after = valid(before), before
    own = own_run(runs, *shown(cells(content)))
    for cell in content["cells"] if own else ():
        for output in cell.get("outputs", ()) if TABLE.search(joined(cell["source"])) else ():
            from ..records.beside import table  # pandas, which takes a moment

            shows, data = table(runs, own.figures, own.scale), output.get("data", {})
            page = shows._repr_html_()
            if "text/html" in data and joined(data["text/html"]) != page:
                data["text/html"] = page.splitlines(keepends=True)
                data["text/plain"] = repr(shows).splitlines(keepends=True)
                cell["outputs"] = [output]  # without the note that no runs are stored yet
                text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
                after = text.encode()
    return after


# The README


def not_in_step(text: str, root: Path) -> Iterator[str]:
    """Where the README's tables or its other numbers are not those of the stored runs and of
    benchmarks/results. Raises ``RecordError`` for a damaged file."""
    if renewed(text, root) != text:
        yield "its tables are not those of the stored runs: coursekit recorded --write"
    runs = [run for path in (root / RUNS).glob("*.json") for run in stored.read(path)]
    known = measured(runs)
    for path in (root / "benchmarks" / "results").glob("*.json"):
        known.read(read_text(path), rounded=True)
    by_hand = PART.sub(lambda found: found[3] if found[2] == "weeks" else "", text)
    prose = numbers("\n".join(map(_by_hand, by_hand.splitlines())))
    if wrong := [number.text for number in prose if number.unit and not known.shows(number)]:
        where = "not found in the stored runs or in benchmarks/results"
        yield f"{', '.join(wrong)}: {where}: correct it, or say it in words"


def renewed(text: str, root: Path) -> str:
    """The README, its parts between ``<!-- begin: weeks -->`` and ``<!-- end: weeks -->`` (and
    ``results``) as the stored runs give them. Raises ``RecordError`` for a damaged file."""

    def new(found: re.Match) -> str:
        weeks = "\n".join(_week(line, root) for line in found[3].strip().splitlines())
        return f"{found[1]}\n\n{weeks if found[2] == 'weeks' else _results(root)}\n\n"

    return PART.sub(new, text)


def _by_hand(line: str) -> str:
    """What people wrote of a line: in the table of weeks all but the minutes."""
    return MINUTES.sub("", line) if course.ROW.match(line) else line


def _week(line: str, root: Path) -> str:
    """A line of the table of weeks, with the minutes at the three scales."""
    path = root / "notebooks" / f"{found[1]}.ipynb" if (found := course.ROW.match(line)) else None
    if not (path and path.is_file()):
        return line
    said = course.minutes(path)
    runs, texts = stored.read(place(path, root)), []
    for scale in ("smoke", "laptop", "full"):
        run = usual(runs, scale)
        if run and run.complete:
            texts.append(f"{_minutes(run.minutes)} ({run.where.partition(', ')[2]})")
        else:
            texts.append(f"{_minutes(said[scale], 'about ')}*" if scale in said else "–")
    return " | ".join([_by_hand(line), *texts]) + " |"


def _minutes(minutes: float, about: str = "") -> str:
    return "under 1 min" if minutes < 1 else f"{about}{round(minutes)} min"


def _results(root: Path) -> str:
    """The table of results: the headline figures of all notebooks."""
    rows = [HEAD, ("---",) * len(HEAD)]
    for path in sorted((root / RUNS).glob("*.json")):
        runs = stored.read(path)
        for label in dict.fromkeys(label for run in runs for label in run.figures):
            there = [run for run in runs if label in run.figures]
            both = {scale: usual(there, scale) for scale in ("laptop", "full")}
            known = {scale: run.figures[label] for scale, run in both.items() if run}
            known = {scale: one for scale, one in known.items() if one.headline}
            if known:
                week = re.sub(r"week(\d+).*|.*", r"\1", path.stem, count=1)
                rows.append((week, *_row(label, known)))
    escaped = ([text.replace("|", "\\|") for text in row] for row in rows)
    return "\n".join(f"| {' | '.join(row)} |" for row in escaped)


def _row(label: str, known: dict[str, Figure]) -> Iterator[str]:
    """What the table of results says of a figure that is known at one scale or at both."""
    *_, one = known.values()
    yield f"{label} ({one.unit})" if one.unit else label
    for scale in ("laptop", "full"):
        of = known.get(scale)
        how = f"; {of.settings}" if of and of.settings else ""
        yield f"{of}, {count(len(of.values), 'seed')}{how}" if of else "–"
    yield from (one.old_course or "–", one.paper or "–")


def usual(runs: Sequence[Run], scale: str) -> Run | None:
    """The stored run that speaks for a scale: rather complete, rather on a CPU at laptop and on a
    GPU at full, rather new."""

    def rank(run: Run):
        return run.complete, (run.device == "CPU") == (scale == "laptop"), run.date

    return max((run for run in runs if run.scale == scale), key=rank, default=None)
