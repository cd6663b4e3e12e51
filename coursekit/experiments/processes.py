"""Runs in processes of their own: what they take with them, and what becomes of them."""

import multiprocessing
import os
import pickle
import sys
import threading
import time
import traceback
from contextlib import suppress
from functools import cache
from pathlib import Path

from ..engine.own_code import is_own
from ..engine.text import printable

# What the processes that joblib keeps for the next call took up when they started.
_STARTED_WITH: list[tuple] = []


def renew() -> None:
    """End the processes that are kept, if what they took up has changed since."""
    with suppress(FileNotFoundError):  # the working folder was removed: no process can start
        now = _taken_up()
        if _STARTED_WITH and _STARTED_WITH[0] != now:
            from joblib.externals.loky import get_reusable_executor

            get_reusable_executor(reuse=True).shutdown()
        _STARTED_WITH[:] = [now]


def _taken_up() -> tuple:
    """The environment, the working folder, where Python looks for modules, and the files of
    people's own: those that are loaded, and those beside the notebook, that a run may load."""
    loaded = {
        getattr(sys.modules[name], "__file__", None) for name in [*sys.modules] if is_own(name)
    }
    files = {}
    for path in {*map(str, Path.cwd().glob("*.py")), *filter(None, loaded)}:
        with suppress(OSError):
            files[path] = os.stat(path).st_mtime_ns
    return dict(os.environ), os.getcwd(), [*sys.path], files


def is_home(home: int) -> bool:
    """Whether this is the process that asks for the runs. Another one ends as soon as that is gone,
    as a kernel that is restarted, for nobody would take its results."""
    if os.getpid() == home:
        return True
    if os.getppid() == home:
        _end_with(home)
    return False


@cache
def _end_with(home: int) -> None:
    def watch() -> None:
        if os.name == "nt":  # where a process never gets another parent
            multiprocessing.parent_process().join()
        else:
            while os.getppid() == home:
                time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def portable(error: Exception) -> Exception:
    """The error as it can leave its process: its traceback, lost on the way, becomes a note."""
    try:
        copy = pickle.loads(pickle.dumps(error))
    except Exception:  # unpacked only at home, it would take the whole pool of processes with it
        copy = RuntimeError(f"{type(error).__name__}: {error}")
    copy.__notes__ = [*getattr(error, "__notes__", ()), "".join(traceback.format_exception(error))]
    return copy


def explained(error: Exception, name: str) -> Exception:
    """An error of the processes themselves in words that help."""
    if isinstance(error, pickle.PicklingError):
        reason = str(error.__cause__ or error).strip('"\n ').splitlines()[-1]
        what = f"{name} cannot be sent to other processes ({reason})"
        return pickle.PicklingError(f"{what}: call repeat without jobs")
    hidden = [path.name for path in Path.cwd().glob("*.py") if path.stem in sys.stdlib_module_names]
    if type(error).__name__ == "TerminatedWorkerError" and hidden:
        names = ", ".join(map(printable, sorted(hidden)))
        return RuntimeError(f"{names} in this folder hides a module of Python: rename it")
    return error
