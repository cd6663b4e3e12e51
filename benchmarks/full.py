"""The queue of full-scale runs: execute the notebooks' code on real data, keep every training, and
store what was measured with the course's stored runs.

    make full                                  what is missing, most wanted first
    make full MINUTES=9 NOTEBOOK=week2 JOBS=4  nine minutes of it, repeated runs four at a time
    python benchmarks/full.py --scale laptop --minutes 3 week1       a try without a GPU

A run that is cut off goes on where it stopped, with the same results as one that was not: cells are
executed from the top, and finished trainings are read back from build/full/. Neither Jupyter nor
IPython is needed. COURSEKIT_COMMIT says the commit where there is no git.

Exit code: 0 unless a notebook failed (1), 2 wrong arguments, 130 Ctrl-C.
"""

import argparse
import ast
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT))

from pieces import COMPLETE, MADE_UP, OUT_OF_TIME, code_cells, read_minutes  # noqa: E402

from coursekit import course  # noqa: E402
from coursekit.engine.settings import SCALES  # noqa: E402
from coursekit.records import stored  # noqa: E402

ORDER = (
    "week1_mnist_fc_vs_cnn",
    "week2_cifar10_lenet",
    "week2_cifar10_vgg16",
    "week3_residual_networks",
    "week3_googlenet",
    "week4_hybridsn",
    "week5_dncnn_denoising",
    "week5_dscmr_retrieval",
    "week4_did_it_help",
    "week4_mobilenet_senet",
    "week3_resnet18_fashion_mnist",
    "week3_cats_vs_dogs",
)
LEAST = 1.0  # minutes: imports, data, the cells before the first training, one of its epochs
PATIENCE = 30  # seconds after the budget until a cell that cannot be interrupted is ended


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    head, _, tail = __doc__.partition("\n\n")
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=head, epilog=tail, formatter_class=form)
    course.add_notebooks(parser)
    parser.add_argument("--minutes", type=_minutes, help="the budget (default: none)")
    jobs = "repeated runs at a time, where a notebook does not say (default: 1)"
    parser.add_argument("--jobs", type=_jobs, help=jobs)
    parser.add_argument("--scale", choices=SCALES[1:], default="full", help="(default: full)")
    return parser


def _minutes(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not LEAST <= value < 1e6:
        why = "imports, the data and one epoch take about as much"
        raise argparse.ArgumentTypeError(f"a number of minutes from {LEAST:g} ({why}), not {text}")
    return value


def _jobs(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"a whole number from 1, not {text}")
    return int(text)


def main() -> int:
    """Do what is missing, until all is done or the budget is used up; returns the exit code."""
    start, options = time.monotonic(), arguments().parse_args()
    root = course.find_root()
    paths = course.find_notebooks(options.notebooks, root)
    if not options.notebooks:
        paths.sort(key=lambda path: (*ORDER, path.stem).index(path.stem))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    device, missing, options.stopped = device_name(), {}, False
    for path in paths:
        left = options.minutes and options.minutes - (time.monotonic() - start) / 60
        if options.stopped or (left is not None and left < LEAST):
            missing[path.stem] = "its turn has not come"
            continue
        try:
            missing[path.stem] = one(path, root, device, left, options)
        except Exception as error:  # of its files, in any state: the others have their turn
            missing[path.stem] = f"FAILED, {type(error).__name__}: {error}"
    where = f"at scale {options.scale}, {device}"
    told = [f"  {name}: {what}" for name, what in missing.items() if what]
    print(
        f"missing {where}, in this order:" if told else f"nothing is missing {where}",
        *told,
        sep="\n",
    )
    if options.stopped:
        return 130
    return 1 if any(what.startswith("FAILED") for what in missing.values()) else 0


def device_name() -> str:
    """As stored runs call it."""
    from coursekit.engine import devices

    return devices.name_of(devices.found().device)


def one(path: Path, root: Path, device: str, left: float | None, options) -> str:
    """Run a notebook, or go on with it; returns what of it is missing then, empty if nothing."""
    place = stored.path_of(path.stem, root / "coursekit" / "records" / "runs")
    cells, runs = code_cells(path), stored.read(place)
    code = hash_of(cells)
    known = [run for run in runs if (run.scale, run.device) == (options.scale, device)]
    # a run that tells no code was made by coursekit run
    if any(run.complete and run.versions.get("notebook", code) == code for run in known):
        print(f"{path.stem}: a complete run is stored", flush=True)
        return ""
    if needed := packages_missing(cells):
        return f"needs {', '.join(needed)}"
    short = device.removeprefix("NVIDIA ").split()[0]
    folder = root / "build" / "full" / path.stem / f"{options.scale}-{short}"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder.with_suffix(".lock"), "w") as lock:
        if not locked(lock):
            print(f"{path.stem}: another process is at it", flush=True)
            return "another process is at it"
        status = supervised(path, folder, left, options, lock)
        measured, minutes = stored.read(folder / f"{path.stem}.json"), read_minutes(folder)
        complete = status == COMPLETE and bool(measured)
        for run in measured:
            run = replace(
                run,
                versions={**run.versions, "notebook": code},
                minutes=round(minutes, 1) if complete else None,
                commit=os.environ.get("COURSEKIT_COMMIT") or stored.commit_of(root),
                complete=complete,
            )
            if complete or worth_more(run, known):
                stored.keep(place, run)
        for kept in folder.iterdir() if complete else ():
            if kept.name != "output.txt":
                shutil.rmtree(kept) if kept.is_dir() else kept.unlink()
    so_far = f"after {minutes:.1f} minutes"
    if complete:
        print(f"{path.stem}: complete {so_far}, stored", flush=True)
        return ""
    if status == COMPLETE:
        return "it records no figures (ck.record); its trainings are kept"
    if status == MADE_UP:
        return "its data are not here"
    figures = f"{len(measured[0].figures) if measured else 'no'} figures"
    if status == OUT_OF_TIME:
        return f"to be continued {so_far}, {figures} so far"
    return f"FAILED {so_far}, {figures} so far; see {course.shown(folder, root)}/output.txt"


def hash_of(cells: list[str]) -> str:
    """Of the code; comments on lines of their own and empty lines do not count, nor do the minutes
    that it is said to take: they are known after a run."""
    text = re.sub(r"(?m)^[ \t]*(#.*)?\n", "", "\n".join(cells) + "\n")
    text = re.sub(r"\bminutes=\{[^{}]*\}", "", text)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def packages_missing(cells: list[str]) -> list[str]:
    """Those that the cells import and that are not installed here."""
    names = []
    for node in ast.walk(ast.parse("\n".join(cells))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module)
    tops = dict.fromkeys(name.partition(".")[0] for name in names)
    return [top for top in tops if top != "IPython" and not find_spec(top)]


def locked(file) -> bool:
    """Whether the lock could be had; what a killed queue has started ends within a moment."""
    for _ in range(20):
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.2)
    return False


def worth_more(run: stored.Run, known: list[stored.Run]) -> bool:
    """Whether a run that is not complete may take the place of what is stored."""
    for old in known:
        same = old.versions.get("notebook") == run.versions["notebook"]
        if old.complete or (same and len(old.figures) > len(run.figures)):
            return False
    return True


def supervised(path: Path, folder: Path, left: float | None, options, lock) -> int:
    """Execute the notebook in a process of its own; returns how that ended."""
    measured = folder / f"{path.stem}.json"
    measured.unlink(missing_ok=True)
    said = {"COURSEKIT_SCALE": options.scale, "COURSEKIT_RECORD": str(measured)}
    said |= {"MPLBACKEND": "Agg", "JPY_SESSION_NAME": str(path)}
    said["PYTHONOPTIMIZE"] = ""  # what a run proves hangs on its asserts
    said["PYTHONPATH"] = os.pathsep.join([str(CHECKOUT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, CHECKOUT / "benchmarks" / "pieces.py", path, folder]
    command += ["--jobs", str(options.jobs)] if options.jobs else []
    command += ["--minutes", str(left)] if left else []
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,  # closes when this process is gone, and then that one ends too
        cwd=path.parent,
        env={**os.environ, **said},
        start_new_session=True,
        pass_fds=[lock.fileno()],
    )
    try:
        return process.wait(60 * left + PATIENCE if left else None)
    except subprocess.TimeoutExpired:
        return OUT_OF_TIME
    except KeyboardInterrupt:
        options.stopped = True
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(PATIENCE)  # it may have come to its end all the same
        return OUT_OF_TIME
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # workers too
        process.communicate()  # closes the pipe


if __name__ == "__main__":
    try:
        sys.exit(main())
    except course.CommandError as error:
        print(f"full.py: {error}", file=sys.stderr)
        sys.exit(2)
