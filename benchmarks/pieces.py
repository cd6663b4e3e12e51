"""One notebook of the queue in a process of its own: its cells as plain Python, and every training
kept, so that the next process goes on where this one stopped. ``full.py`` starts it.
"""

import argparse
import ast
import contextlib
import functools
import inspect
import json
import linecache
import os
import re
import shutil
import signal
import sys
import textwrap
import threading
import time
import traceback
import types
from pathlib import Path

from coursekit.engine.files import write_whole

COMPLETE, FAILED, OUT_OF_TIME, MADE_UP = 0, 1, 3, 4  # how the process ends
SHARE = 0.05  # of a training's time that saving it may take
SHELL = re.compile(r"^([ \t]*)[%!].*", re.MULTILINE)
GROWS = {"append", "extend", "add", "update", "setdefault", "insert"}


class OutOfTime(BaseException):
    """The budget is used up, or somebody stops the run; no cell may take it for its own error."""


def main() -> None:
    """Execute the cells from the top until the time is up; never returns, the exit code says how
    that ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("notebook", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--jobs", type=int)
    options = parser.parse_args()
    threading.Thread(target=_end_with_the_queue, daemon=True).start()
    terminal = os.fdopen(os.dup(1), "w")
    with open(options.folder / "output.txt", "w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    sys.stdout.reconfigure(line_buffering=True)
    pieces = Pieces(options.notebook.stem, options.folder, options.minutes, terminal)
    pieces.say("goes on" if pieces.before else "started")
    status = OUT_OF_TIME
    try:
        signal.signal(signal.SIGTERM, _stop)
        signal.signal(signal.SIGALRM, _stop)
        if options.minutes:
            signal.setitimer(signal.ITIMER_REAL, 60 * options.minutes, 1)
        pieces.wrap()
        status = run_cells(options.notebook, pieces, options.jobs)
    except OutOfTime as reason:
        signal.setitimer(signal.ITIMER_REAL, 0)
        kept = "" if pieces.new else "; nothing new could be kept, it needs more minutes at a time"
        pieces.say(f"stopped, {reason}{kept}")
    finally:
        pieces.write_minutes()
        sys.stdout.flush()
        os._exit(status)  # no waiting for workers: the queue ends them


def _end_with_the_queue() -> None:
    """This process's input is a pipe that closes when the queue is gone, killed as it may be."""
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)


def _stop(number: int, _):
    raise OutOfTime("the time is up" if number == signal.SIGALRM else "interrupted")


def code_cells(path: Path) -> list[str]:
    """The code of each cell that has any; lines that only IPython understands do nothing."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return [text if _is_python(text) else SHELL.sub(r"\1pass", text) for text in texts]


def _is_python(text: str) -> bool:
    try:
        return bool(ast.parse(text))
    except SyntaxError:
        return False


def run_cells(path: Path, pieces: "Pieces", jobs: int | None) -> int:
    """All cells as they are, in a module ``__main__`` of their own. A failed assertion is told and
    the next cells are executed all the same; any other error ends the run."""
    import joblib

    from coursekit.engine.provenance import USED, not_the_set

    status, module = COMPLETE, types.ModuleType("__main__")
    sys.modules["__main__"], sys.path[0] = module, str(path.parent)
    vars(module).update(display=_display(), get_ipython=lambda: None)
    with joblib.parallel_config(n_jobs=jobs) if jobs else contextlib.nullcontext():
        for number, text in enumerate(code_cells(path), 1):
            name = f"<{path.stem}, code cell {number}>"
            linecache.cache[name] = len(text), None, text.splitlines(True), name
            try:
                _execute_cell(text, name, vars(module))
            except Exception as error:
                traceback.print_exc()
                first = str(error).strip().partition("\n")[0]
                pieces.say(f"FAILED, code cell {number}: {type(error).__name__}: {first}")
                status = FAILED
                if not isinstance(error, AssertionError):
                    return status
            if others := not_the_set(USED.values()):
                why = "nothing is run or recorded from a stand-in, or from a part of a set"
                pieces.say(f"here is only {others[0]}: {why}")
                return MADE_UP
            if pyplot := sys.modules.get("matplotlib.pyplot"):
                pyplot.close("all")
    pieces.say("all cells are executed")
    return status


def _execute_cell(text: str, name: str, namespace: dict) -> None:
    """Execute it, and print the value of its last line, which a notebook shows."""
    tree = ast.parse(text, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec", dont_inherit=True), namespace)
    if last:
        code = compile(ast.Expression(last.value), name, "eval", dont_inherit=True)
        value = eval(code, namespace)
        if value is not None:
            print(value.to_string() if hasattr(value, "to_string") else repr(value))


def _display():
    """IPython's ``display``; where there is no IPython, modules to import it from all the same."""
    try:
        from IPython.display import display
    except ModuleNotFoundError:

        class Shown(str):
            """Text that a notebook would show as Markdown or HTML."""

        def display(*objects, **_):
            print(*objects, sep="\n")

        outer, inner = (types.ModuleType(name) for name in ("IPython", "IPython.display"))
        vars(inner).update(display=display, Markdown=Shown, HTML=Shown)
        vars(outer).update(
            display=inner, get_ipython=lambda: None, __path__=[], version_info=(8, 24)
        )
        sys.modules |= {"IPython": outer, "IPython.display": inner}
    return display


class Pieces:
    """What of a notebook is kept: a file for each ``fit`` and a folder for each ``repeat``, by
    their order in the notebook; a ``fit`` in a repeated run counts within that run.

    A function whose runs leave something behind (``nets[name] = net``) is called again for every
    seed, and its trainings are read back: cells below it need what it leaves.
    """

    def __init__(self, stem: str, folder: Path, minutes: float | None, terminal):
        self.stem, self.folder, self.terminal = stem, folder, terminal
        self.start, self.before = time.monotonic(), read_minutes(folder)
        self.end = self.start + 60 * minutes if minutes else float("inf")
        self.counts, self.prefix, self.running = {}, "", ""
        self.seeds_kept, self.trained, self.new, self.read_back = False, False, False, 0
        self.marked = self.saved = self.start
        self.cost = 0.0  # seconds that the last saving took

    def say(self, what: str) -> None:
        """A line for who waits, with the minutes that this notebook has taken."""
        if back := self.read_back:
            what += f" (before it, {back} kept)"
        self.read_back = 0
        minutes = f"{self.write_minutes():6.1f} min"
        print(f"{self.stem} {minutes}  {what}", file=self.terminal, flush=True)

    def write_minutes(self) -> float:
        minutes = self.before + (time.monotonic() - self.start) / 60
        write_whole(self.folder / "minutes", f"{minutes:.3f}")
        return minutes

    def next(self, kind: str) -> str:
        """The name of the next piece."""
        name = f"{self.prefix}{kind}"
        self.counts[name] = self.counts.get(name, 0) + 1
        return f"{name}-{self.counts[name]:02d}"

    def wrap(self) -> None:
        """Have ``fit`` and ``repeat`` keep what they do, wherever they are called from."""
        import coursekit as ck
        from coursekit import experiments, training
        from coursekit.engine.checkpoint import Checkpoint
        from coursekit.experiments import runs, store

        ck.fit = training.fit = self.fit(training.fit)
        ck.repeat = experiments.repeat = runs.repeat = self.repeat(runs.repeat)
        runs._run = self.run(runs._run)  # workers import their own, which keeps no trainings
        Checkpoint._write = self.write_epoch(Checkpoint._write)
        store.Store.write = self.write_seed(store.Store.write)

    def fit(self, fit):
        @functools.wraps(fit)
        def kept(*args, checkpoint=None, **options):
            path, self.trained = self.folder / f"{self.next('fit')}.pt", False
            self.marked = self.saved = time.monotonic()
            if checkpoint is not None:
                return fit(*args, checkpoint=checkpoint, **options)
            train = functools.partial(fit, *args, checkpoint=path, **options)
            history = self.unless_other(train, path, path.name)
            if not self.trained:
                self.read_back += 1
            elif not self.seeds_kept:
                epochs, seconds = len(history.train_loss), sum(history.seconds)
                self.say(f"{path.stem}: {epochs} epochs, {seconds:.0f} s")
            return history

        return kept

    def repeat(self, repeat):
        @functools.wraps(repeat)
        def kept(function, seeds, *, folder=None, jobs=None, **options):
            before, leaves = (self.running, self.seeds_kept), leaves_something(function)
            self.running = self.next("repeat")
            self.seeds_kept = not leaves or folder is not None
            path = self.folder / self.running
            try:
                if leaves or folder is not None:
                    return repeat(
                        function, seeds, folder=folder, jobs=1 if leaves else jobs, **options
                    )
                do = functools.partial(repeat, function, seeds, folder=path, jobs=jobs, **options)
                return self.unless_other(do, path, f" in {path.name}")
            finally:
                self.running, self.seeds_kept = before

        return kept

    def unless_other(self, do, path: Path, told: str):
        """What it returns; a kept piece of another recipe is refused, removed and done anew."""
        there = path.exists()
        try:
            return do()
        except ValueError as error:
            if not there or told not in str(error):
                raise
            self.say(f"{path.name} is done anew: {str(error).partition('. ')[0][:200]}")
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            return do()

    def run(self, run):
        @functools.wraps(run)
        def kept(function, seed, *others):
            before, self.prefix = self.prefix, f"{self.running}-seed-{seed}-"
            try:
                return run(function, seed, *others)
            finally:
                self.prefix = before

        return kept

    def write_epoch(self, write):
        @functools.wraps(write)
        def kept(checkpoint, epoch):
            now, last = time.monotonic(), epoch == checkpoint.epochs
            took, self.marked, self.trained = now - self.marked, now, True
            late = now + 1.2 * took > self.end  # the next epoch would not end in time
            named = checkpoint.path.parent != self.folder  # by the notebook
            if named or last or late or SHARE * (now - self.saved) > self.cost:
                write(checkpoint, epoch)
                self.new = True
                self.saved = time.monotonic()
                self.cost = self.saved - now
            if late and not last:
                raise OutOfTime("the time is up")

        return kept

    def write_seed(self, write):
        @functools.wraps(write)
        def kept(store, seed, result):
            write(store, seed, result)
            self.new = True
            for path in self.folder.glob(f"{store.folder.name}-seed-{seed}-*.pt"):
                path.unlink()
            self.say(f"{store.folder.name}: seed {seed}")

        return kept


def read_minutes(folder: Path) -> float:
    """What the notebook has taken until now, in all its processes."""
    file = folder / "minutes"
    return float(file.read_text()) if file.exists() else 0.0


def leaves_something(function) -> bool:
    """Whether a function's own lines change a list, a dict or an object that is not its own."""
    while isinstance(function, functools.partial):
        function = function.func
    try:
        return changes_others(ast.parse(textwrap.dedent(inspect.getsource(function))))
    except (OSError, TypeError, SyntaxError):  # no function that a cell defines
        return False


def changes_others(function: ast.AST) -> bool:
    """The same of its code."""
    own = {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            own.add(node.id)
    for node in ast.walk(function):
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            return True
        if isinstance(node, (ast.Subscript, ast.Attribute)):
            grows = isinstance(node, ast.Attribute) and node.attr in GROWS
            whose = node.value
            while isinstance(whose, (ast.Subscript, ast.Attribute)):  # lists["a"].append(1)
                whose = whose.value
            others = isinstance(whose, ast.Name) and whose.id not in own
            if others and (grows or isinstance(node.ctx, ast.Store)):
                return True
    return False


if __name__ == "__main__":
    main()
