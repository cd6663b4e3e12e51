"""The same run repeated with several seeds."""

import copyreg
import math
import numbers
import os
import random
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..engine import random_state
from ..engine.console import say
from ..engine.progress import Progress
from ..engine.text import count, name_of
from . import processes
from .store import Result, Store, check_result

# The seed of a run, and its result or its error.
Outcome = tuple[int | None, Result | None, Exception | None]

# A name in ASCII for joblib, which makes nothing there.
NO_FOLDER = os.path.join(os.path.abspath(os.sep), "no-folder-of-joblib")
# random generators belong to the process: two runs in threads would share them
_ONE_AT_A_TIME = threading.RLock()


@dataclass(frozen=True, eq=False)
class Runs:
    """What ``repeat`` measured: ``results[i]``, a number or a dict of numbers, with ``seeds[i]``.

    ``runs["accuracy"]`` is one metric of all runs, ``values`` what runs of a single number gave:
    float N. ``mean`` and ``sd`` (n - 1) over the seeds are numbers, or dicts of them by metric.
    """

    name: str
    seeds: tuple[int, ...]
    results: tuple[Result, ...]

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the numbers; none when each run gave a single one."""
        return tuple(self.results[0]) if self.results and isinstance(self.results[0], dict) else ()

    def __getitem__(self, metric: str) -> np.ndarray:
        if metric not in self.metrics:
            there = ", ".join(self.metrics) or "one number for each run"
            raise KeyError(f"no metric {metric!r} in {self.name}, but {there}")
        return np.array([result[metric] for result in self.results])

    @property
    def values(self) -> np.ndarray | dict[str, np.ndarray]:
        """The numbers of all runs, float N, or a dict of them by metric."""
        return self._each(lambda values: values)

    @property
    def mean(self) -> float | dict[str, float]:
        """Their mean over the seeds, by metric where there are several."""
        return self._each(lambda values: float(values.mean()))

    @property
    def sd(self) -> float | dict[str, float]:
        """Their standard deviation (n - 1), NaN of a single run."""
        return self._each(lambda values: deviation(values) if len(values) > 1 else math.nan)

    def _each(self, function: Callable):
        if self.metrics:
            return {metric: function(self[metric]) for metric in self.metrics}
        return function(np.array(self.results, dtype=float))

    def __len__(self) -> int:
        return len(self.seeds)

    def __repr__(self) -> str:
        seeds = ", ".join(map(str, self.seeds))
        lines = [f"{self.name}: {count(len(self), 'run')}, seeds {seeds}"]
        measured = self.values if self.metrics else {"mean": self.values}
        for name, values in measured.items():
            if len(values):
                sd = f" ± {deviation(values):.2g} (sd)" if len(values) > 1 else ""
                single = ", ".join(f"{value:.5g}" for value in values)
                lines.append(f"  {name} {values.mean():.5g}{sd} of {single}")
        return "\n".join(lines)


def deviation(values: np.ndarray, size: float = 0.0) -> float:
    """The standard deviation (n - 1); zero where values of this size differ by rounding alone."""
    if np.ptp(values) <= 1e-12 * max(size, np.abs(values).max()):
        return 0.0
    return float(values.std(ddof=1))


class ExperimentError(RuntimeError):
    """Some runs failed: ``failed`` has the error of each of their seeds, ``runs`` the others."""

    def __init__(self, message: str, failed: dict[int, Exception], runs: Runs):
        super().__init__(message)
        self.failed, self.runs = failed, runs


def repeat(
    function: Callable[[int], float | dict[str, float]],
    seeds: Iterable[int],
    *,
    folder: str | Path | None = None,
    jobs: int | None = None,
    progress: bool = True,
) -> Runs:
    """Call ``function(seed)`` for each seed, with all random generators set to it, and collect the
    numbers it returns.

    ``folder`` keeps every finished run in a small file, and a second call does only what is
    missing. Runs of another recipe are refused, naming what changed: the code of the function or of
    what it calls, a default value, a global or a closure's variable that it reads, a class, a data
    set, the scale. (Installed packages count by their names.) What cannot be described is printed.

    ``jobs`` runs go on at once in processes of their own (-1: one for each core); by default one
    after another, or as ``joblib.parallel_config`` says. That can also name a cluster: with the
    package's extra ``cluster`` and a ``distributed.Client(address)``, runs inside ``with
    joblib.parallel_config(backend="dask"):`` go to its machines. (There draw from torch and NumPy
    only: the threads of dask draw from Python's own ``random`` as well.)

    Raises ``ExperimentError`` after all other runs when some have failed, ``ValueError`` for no,
    doubled or impossible seeds and for files of another recipe or damaged ones.
    """
    seeds, name = _check_seeds(seeds), name_of(function)
    store = Store(folder, function) if folder is not None else None
    done, failed = store.read(seeds) if store else {}, {}
    missing = [seed for seed in seeds if seed not in done]
    usual = _shape(next(iter(done.values()))) if done else None
    if done:
        there = f"{len(done)} of {len(seeds)} runs are there already"
        say(f"{store.name}: {there}, {len(missing) or 'none'} left to do")
    with Progress(name, len(missing), visible=progress and bool(missing)) as bar:
        for n, (seed, result, error) in enumerate(_outcomes(function, missing, jobs), 1):
            if error is None and (shape := _shape(result)) != (usual := usual or shape):
                error = ValueError(f"it returned {shape}, another run {usual}: all must agree")
            if error is not None:
                lost = set(missing) - done.keys() - failed.keys() if seed is None else [seed]
                failed |= dict.fromkeys(lost, error)
            else:
                done[seed] = result
                if store:
                    store.write(seed, result)
            bar.show(n, text=f"{name}: run {n} of {len(missing)}")
        finished, took = len(missing) - len(failed), time.monotonic() - bar.started
        bar.summary = f"{name}: {finished} of {len(missing)} runs · {took:.0f} s"
    if store:
        store.tell_lost()
    kept = [seed for seed in seeds if seed in done]
    runs = Runs(name, tuple(kept), tuple(done[seed] for seed in kept))
    if failed:
        failed = dict(sorted(failed.items()))
        seed, error = next(iter(failed.items()))
        which, cause = ", ".join(map(str, failed)), f"{type(error).__name__}: {error}"
        message = f"{len(failed)} of {len(seeds)} runs of {name} failed, seed {which}. "
        message += f"Seed {seed}: {cause}. The other {len(runs)} are kept in .runs of this error"
        if store:
            message += f" and in {store.name}: call again for the missing ones"
        raise ExperimentError(message, failed, runs) from error
    return runs


def _check_seeds(seeds: Iterable[int]) -> list[int]:
    seeds = list(seeds) if isinstance(seeds, Iterable) else [None]
    right = (isinstance(seed, numbers.Integral) and 0 <= seed < 2**32 for seed in seeds)
    if not seeds or not all(right):
        raise ValueError("seeds must be one or more whole numbers from 0 to 2**32 - 1, as range(5)")
    if doubled := sorted({int(seed) for seed in seeds if seeds.count(seed) > 1}):
        which = ", ".join(map(str, doubled))
        raise ValueError(f"seed {which} is there more than once: one run would count several times")
    return [int(seed) for seed in seeds]


def _outcomes(function: Callable, seeds: list[int], jobs: int | None) -> Iterator[Outcome]:
    """As the runs end; should the processes themselves break, an error without a seed is last."""
    import joblib

    # With a function, cloudpickle sends every submodule of torch whose name stands in it, so for
    # train.classes also torch.classes, which cannot be pickled: it is found by name instead.
    for name in ("classes", "ops"):
        copyreg.pickle(type(getattr(torch, name)), lambda _, name=name: (getattr, (torch, name)))
    options = {} if jobs is None else {"n_jobs": jobs}
    # Arrays go to the processes with the function and stay writable, not through files: joblib's
    # clean-up knows only folders in ASCII of less than 500 signs, not those of a user named 张三.
    options |= {"max_nbytes": None, "temp_folder": NO_FOLDER}
    processes.renew()
    parallel = joblib.Parallel(**options, batch_size=1, return_as="generator_unordered")
    with warnings.catch_warnings():
        # joblib replaces a process whose memory has grown much (by a training): nothing is lost
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        try:
            home = os.getpid(), torch.get_default_dtype()
            yield from parallel(joblib.delayed(_run)(function, seed, *home) for seed in seeds)
        except Exception as error:
            yield None, None, processes.explained(error, name_of(function))


def _run(function: Callable, seed: int, home: int, dtype: torch.dtype) -> Outcome:
    """One run with random numbers of its own; ``home`` is the process that asks for it, ``dtype``
    the default there."""
    at_home = processes.is_home(home)
    torch.set_default_dtype(dtype)
    with _ONE_AT_A_TIME, torch.random.fork_rng([]):
        states = random.getstate(), np.random.get_state(), random_state.of_accelerators()
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        try:
            return seed, check_result(function(seed)), None
        except Exception as error:
            traceback.clear_frames(error.__traceback__)  # else they keep the network in memory
            return seed, None, error if at_home else processes.portable(error)
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])
            random_state.put_back_accelerators(states[2])


def _shape(result: Result) -> str:
    return f"a dict of {', '.join(sorted(result))}" if isinstance(result, dict) else "a number"
