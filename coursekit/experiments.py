"""Honest comparison: the same run repeated with several seeds, and whether two recipes differ by
more than chance."""

import copyreg
import dis
import functools
import hashlib
import html
import inspect
import json
import math
import numbers
import os
import pickle
import random
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from . import plots
from .lab import default_scale
from .training import _in_notebook

_ONE_AT_A_TIME = (
    threading.RLock()
)  # random generators belong to the process: two runs in threads would share them

# With a function that uses torch, cloudpickle sends every submodule of torch whose name appears in
# it. A function that reads train.classes would so send torch.classes, a module of a kind of its own
# that cannot be pickled: it is found by name instead.
for _name in ("classes", "ops"):
    copyreg.pickle(type(getattr(torch, _name)), lambda _, name=_name: (getattr, (torch, name)))


@dataclass(frozen=True, eq=False)
class Runs:
    """What ``repeat`` measured: ``results[i]`` is the number, or the dict of numbers, of the run
    with ``seeds[i]``.

    ``runs["accuracy"]`` is one metric of all runs, ``values`` what runs of a single number gave:
    float N. ``mean`` and ``sd`` (n - 1) over the seeds are numbers, or dicts of them by metric.
    """

    name: str
    seeds: tuple[int, ...]
    results: tuple[float | dict[str, float], ...]

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the numbers; none when each run gave a single one."""
        return tuple(self.results[0]) if self.results and isinstance(self.results[0], dict) else ()

    def __getitem__(self, metric: str) -> np.ndarray:
        if metric not in self.metrics:
            raise KeyError(
                f"no metric {metric!r} in {self.name}, but {', '.join(self.metrics) or 'one number for each run'}"
            )
        return np.array([result[metric] for result in self.results])

    @property
    def values(self) -> np.ndarray | dict[str, np.ndarray]:
        return (
            {metric: self[metric] for metric in self.metrics}
            if self.metrics
            else np.array(self.results, dtype=float)
        )

    @property
    def mean(self) -> float | dict[str, float]:
        return self._each(lambda values: float(values.mean()))

    @property
    def sd(self) -> float | dict[str, float]:
        return self._each(lambda values: float(values.std(ddof=1)) if len(values) > 1 else math.nan)

    def _each(self, function: Callable):
        return (
            {metric: function(self[metric]) for metric in self.metrics}
            if self.metrics
            else function(self.values)
        )

    def __len__(self) -> int:
        return len(self.seeds)

    def __repr__(self) -> str:
        lines = [
            f"{self.name}: {len(self)} run{'s' * (len(self) != 1)}, seeds {', '.join(map(str, self.seeds))}"
        ]
        for name, values in (
            (self.values if self.metrics else {"mean": self.values}).items() if len(self) else ()
        ):
            spread = f" ± {_sd(values):.2g} (sd)" if len(values) > 1 else ""
            lines.append(
                f"  {name} {values.mean():.5g}{spread} of {', '.join(f'{value:.5g}' for value in values)}"
            )
        return "\n".join(lines)


class ExperimentError(RuntimeError):
    """Some runs failed: ``failed`` has the exception of each of their seeds, ``runs`` the finished
    ones."""

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
    missing. Runs of another recipe are refused: another source of the function or of what it calls
    in the same module, another plain value or data set that it reads from outside, another scale.
    ``jobs`` runs go on at once in processes of their own (-1: one for each core); by default one
    after another, or as ``joblib.parallel_config`` says. That can also name a cluster: with the
    package's extra ``cluster`` and a ``distributed.Client(address)``, runs inside ``with
    joblib.parallel_config(backend="dask"):`` go to its machines. (There draw from torch and NumPy
    only: the threads of dask draw from Python's own ``random`` as well.)

    Raises ``ExperimentError`` after all other runs when some have failed, ``ValueError`` for no,
    doubled or impossible seeds and for files of another recipe or damaged ones.
    """
    import joblib

    seeds, name = (
        _check_seeds(seeds),
        getattr(_inner(function), "__name__", type(function).__name__),
    )
    store = _Store(folder, name, function)
    done, failed = store.read(seeds), {}
    missing = [seed for seed in seeds if seed not in done]
    if done:
        print(
            f"{store.folder.name}: {len(done)} of {len(seeds)} runs are there already, {len(missing) or 'none'} left to do"
        )
    if missing:
        options = {} if jobs is None else {"n_jobs": jobs}
        parallel = joblib.Parallel(**options, batch_size=1, return_as="generator_unordered")
        tasks = (joblib.delayed(_run)(function, seed, os.getpid()) for seed in missing)
        for seed, result, error in _watched(parallel, tasks, name, len(missing), progress):
            if (
                error is None
                and done
                and _keys(result) != (shape := _keys(next(iter(done.values()))))
            ):
                error = ValueError(
                    f"it returned {_keys(result)}, another run {shape}: all must return the same"
                )
            if error is None:
                store.write(seed, result)
                done[seed] = result
            else:
                failed |= dict.fromkeys(
                    [seed] if seed is not None else set(missing) - done.keys() - failed.keys(),
                    error,
                )
    seeds, count = [seed for seed in seeds if seed in done], len(seeds)
    runs = Runs(name, tuple(seeds), tuple(done[seed] for seed in seeds))
    if failed:
        failed = dict(sorted(failed.items()))
        seed, error = next(iter(failed.items()))
        kept = (
            f" and in {store.folder.name}: call again for the missing ones" if store.folder else ""
        )
        which = (
            f"{len(failed)} of {count} runs of {name} failed, seed {', '.join(map(str, failed))}"
        )
        raise ExperimentError(
            f"{which}. Seed {seed}: {type(error).__name__}: {error}. The other {len(runs)} are kept in .runs "
            f"of this error{kept}",
            failed,
            runs,
        ) from error
    return runs


def _check_seeds(seeds: Iterable[int]) -> list[int]:
    seeds = list(seeds) if isinstance(seeds, Iterable) else [None]
    if not all(isinstance(seed, numbers.Integral) and 0 <= seed < 2**32 for seed in seeds):
        raise ValueError("seeds must be several whole numbers from 0 to 4294967295, as in range(5)")
    if not seeds:
        raise ValueError("there are no seeds, so there is nothing to run")
    if doubled := sorted({int(seed) for seed in seeds if seeds.count(seed) > 1}):
        raise ValueError(
            f"seed {', '.join(map(str, doubled))} is there more than once: one run would count several times"
        )
    return [int(seed) for seed in seeds]


def _run(
    function: Callable, seed: int, home: int
) -> tuple[int, float | dict | None, Exception | None]:
    """One run with its own random numbers: the seed, and the result or the error. ``home`` is the
    process that asks."""
    with _ONE_AT_A_TIME, torch.random.fork_rng(range(torch.cuda.device_count())):
        states = random.getstate(), np.random.get_state()
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        try:
            return seed, _check_result(function(seed)), None
        except Exception as error:
            traceback.clear_frames(
                error.__traceback__
            )  # else a failed run would keep its network in memory
            return seed, None, error if os.getpid() == home else _portable(error)
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])


def _portable(error: Exception) -> Exception:
    """The error as it can leave its process: with its traceback as a note, for that is lost on the
    way."""
    try:
        copy = pickle.loads(pickle.dumps(error))
    except Exception:  # unpacked only at home, it would take the whole pool of processes with it
        copy = RuntimeError(f"{type(error).__name__}: {error}")
    copy.__notes__ = [*getattr(error, "__notes__", ()), "".join(traceback.format_exception(error))]
    return copy


def _check_result(result) -> float | dict[str, float]:
    """The number or the dict of numbers as plain floats, or ``ValueError``."""
    if isinstance(result, Mapping) and result:
        return {str(name): _check_number(value, f" as {name!r}") for name, value in result.items()}
    return _check_number(result)


def _check_number(value, where: str = "") -> float:
    if getattr(value, "shape", None) == ():  # a tensor or an array of one number
        value = value.item()
    if not isinstance(value, numbers.Real):
        raise ValueError(
            f"it returned {type(value).__name__}{where}: return a number, or a dict of numbers by name"
        )
    if not math.isfinite(value):
        raise ValueError(f"it returned {float(value)}{where}, which is no result")
    return float(value)


def _keys(result: float | dict[str, float]) -> str:
    return f"a dict of {', '.join(sorted(result))}" if isinstance(result, dict) else "a number"


def _watched(parallel: Callable, tasks: Iterable, name: str, total: int, progress: bool):
    """Hand on results as they come, with a bar; should the processes themselves break, an error
    without a seed ends it."""
    count, handle, started = 0, None, time.monotonic()
    if progress and _in_notebook():
        from IPython.display import HTML, display

        handle = display(HTML(f"{html.escape(name)}: starting …"), display_id=True)
    hidden = not progress or handle is not None or not sys.stderr.isatty()
    with (
        tqdm(total=total, desc=name, unit="run", leave=False, disable=hidden) as bar,
        warnings.catch_warnings(),
    ):
        # joblib replaces a process whose memory has grown much, as it does with the first training:
        # nothing is lost by it
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        try:
            for count, result in enumerate(parallel(tasks), 1):
                yield result
                bar.update()
                if handle:
                    handle.update(
                        HTML(
                            f'<progress max="{total}" value="{count}" aria-label="finished runs"></progress> '
                            f"{html.escape(name)}: run {count} of {total}"
                        )
                    )
        except Exception as error:
            yield None, None, error
    if handle:
        handle.update(
            {"text/plain": f"{name}: {count} of {total} runs · {time.monotonic() - started:.0f} s"},
            raw=True,
        )


class _Store:
    """The finished runs of one recipe, a file for each; without a folder it does nothing."""

    def __init__(self, folder: str | Path | None, name: str, function: Callable):
        self.folder = Path(folder).resolve() if folder is not None else None
        self.recipe = {"function": name, "scale": default_scale()}
        if self.folder:
            if (
                not self.folder.parent.is_dir()
            ):  # made here, it might hide a Drive that is not mounted yet
                raise ValueError(
                    f"there is no folder {self.folder.parent} for the runs: make it first "
                    "(in Colab: mount the Drive)"
                )
            self.folder.mkdir(exist_ok=True)
            _describe("", function, self.recipe, _inner(function).__module__)

    def read(self, seeds: Sequence[int]) -> dict[int, float | dict[str, float]]:
        """The results that are there, by seed."""
        paths = {seed: self.folder / f"seed-{seed}.json" for seed in seeds} if self.folder else {}
        return {seed: self._result(path, seed) for seed, path in paths.items() if path.exists()}

    def _result(self, path: Path, seed: int) -> float | dict[str, float]:
        place = f"{path.name} in {self.folder.name}"
        try:
            saved = json.loads(path.read_text(encoding="utf-8"))
            recipe, result = dict(saved["recipe"]), _check_result(saved["result"])
            if saved["seed"] != seed:
                raise ValueError(f"it holds seed {saved['seed']}")
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{place} is damaged or not a finished run: delete it, and it is done again"
            ) from error
        for part in [*self.recipe, *recipe]:
            old, new = recipe.get(part, "not there"), self.recipe.get(part, "not there")
            if old != new:
                raise ValueError(
                    f"{place} was made by another recipe: {part} was {old}, now {new}. "
                    "Name another folder to keep the old runs, or delete this one to do them again"
                )
        return result

    def write(self, seed: int, result: float | dict[str, float]) -> None:
        """Write beside the file, flush to the disk, and only then put it in the file's place."""
        if not self.folder:
            return
        path = self.folder / f"seed-{seed}.json"
        beside = path.with_name(path.name + ".part")
        try:
            with open(beside, "w", encoding="utf-8") as file:
                json.dump({"seed": seed, "result": result, "recipe": self.recipe}, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        except OSError:
            beside.unlink(missing_ok=True)
            raise


def _inner(function: Callable) -> Callable:
    return (
        _inner(function.func)
        if isinstance(function, functools.partial)
        else getattr(function, "__func__", function)
    )


def _describe(name: str, value, recipe: dict[str, str], module: str) -> None:
    """Enter what a result depends on: plain values, and data that carry their provenance in
    ``source``, as they print; functions and classes of this module by a hash of their source and,
    in turn, by what they read from outside."""
    if _plain(value):
        recipe[name] = " ".join([repr(value), *filter(None, [getattr(value, "fingerprint", None)])])
    elif isinstance(value, functools.partial):
        for key, part in {
            "function": value.func,
            **dict(enumerate(value.args)),
            **value.keywords,
        }.items():
            _describe(f"argument {key}", part, recipe, module)
    elif inspect.isclass(value) and value.__module__ == module:
        for part in filter(inspect.isfunction, vars(value).values()):
            _describe("", part, recipe, module)
    elif (
        inspect.isfunction(value := getattr(value, "__func__", value))
        and value.__module__ == module
    ):
        entry, code = f"source of {value.__qualname__}", value.__code__
        if entry in recipe:
            return
        try:
            recipe[entry] = hashlib.sha256(inspect.getsource(value).encode()).hexdigest()[:12]
        except (OSError, TypeError):  # typed into a bare Python prompt
            recipe[entry] = "unknown"
        inside = dict(
            zip(code.co_freevars, (cell.cell_contents for cell in value.__closure__ or ()))
        )
        outside = {
            key: value.__globals__[key] for key in _globals_read(code) & value.__globals__.keys()
        }
        for key, part in sorted({**outside, **inside}.items(), key=lambda item: item[0]):
            _describe(key, part, recipe, module)


def _plain(value) -> bool:
    if isinstance(value, (tuple, list, dict)):
        return all(map(_plain, [*value, *value.values()] if isinstance(value, dict) else value))
    return value is None or isinstance(value, (bool, int, float, str)) or _has_provenance(value)


def _has_provenance(value) -> bool:
    """A data set, a history or the like: it says in ``source`` where it comes from, and prints as
    more than its address."""
    return (
        isinstance(getattr(value, "source", None), str)
        and type(value).__repr__ is not object.__repr__
    )


def _globals_read(code) -> set[str]:
    """The global names that a function reads, those of the functions inside it included."""
    names = {step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"}
    return names.union(*(_globals_read(part) for part in code.co_consts if inspect.iscode(part)))


def seeds_needed(difference: float, sd: float, *, paired: bool = False) -> int:
    """Seeds for each recipe so that a t test at two-sided 5 % shows a true difference of this size
    with 80 % power.

    ``sd`` is the spread of each recipe or, ``paired``, that of the differences seed by seed. The
    power is that of the noncentral t distribution (Cohen 1988, Statistical Power Analysis). Raises
    ``ValueError`` for a difference or an sd of zero.

    >>> seeds_needed(0.3, sd=0.15)
    6
    """
    from scipy import stats

    effect = abs(difference) / sd if sd > 0 else 0
    if not effect:
        raise ValueError(f"a difference of {difference} with an sd of {sd}: neither may be zero")
    n = max(
        2, int((1 if paired else 2) * (sum(stats.norm.ppf([0.975, 0.8])) / effect) ** 2)
    )  # always a little too few
    if n > 10**6:
        return n + 1  # so many that the normal distribution is exact enough
    while True:
        df, shift = (
            (n - 1, effect * math.sqrt(n)) if paired else (2 * n - 2, effect * math.sqrt(n / 2))
        )
        bound = stats.t.ppf(0.975, df)
        if stats.nct.sf(bound, df, shift) + stats.nct.cdf(-bound, df, shift) >= 0.8:
            return n
        n += 1


@dataclass(frozen=True, eq=False)
class Arm:
    """One of the compared recipes: its ``values``, float N, their ``mean`` with the 95 %
    ``interval`` of Student's t, and their ``sd`` from run to run (n - 1)."""

    values: np.ndarray
    mean: float
    sd: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Difference:
    """One recipe minus the first: the ``difference`` of the means with its 95 % ``interval``; ``p``
    of the t test, ``adjusted`` the same after Holm's correction; ``effect`` Cohen's d, paired d_z =
    mean / sd of the differences, else d_s with the pooled sd (both in Lakens 2013, Frontiers in
    Psychology 4:863); ``seeds_needed`` for each recipe to show a difference of this size;
    ``p_spread`` of the test that both spread alike (Brown and Forsythe 1974). What has no answer is
    NaN or None.
    """

    difference: float
    interval: tuple[float, float]
    p: float
    adjusted: float
    effect: float
    seeds_needed: int | None
    p_spread: float
    verdict: str


@dataclass(frozen=True, eq=False)
class Differences:
    """What ``compare`` found: ``arms`` and, for all but the first of them, ``differences``, both
    dicts by name."""

    arms: dict[str, Arm]
    differences: dict[str, Difference]
    paired: bool
    metric: str
    unit: str
    digits: int

    def _rows(self) -> list[tuple[str, ...]]:
        rows = [
            (
                "",
                "n",
                "mean" + f" ({self.unit})" * bool(self.unit),
                "sd",
                "95 % interval",
                f"minus {next(iter(self.arms))}",
                "95 % interval",
                "p",
                "d",
                "seeds needed",
            )
        ]
        for name, arm in self.arms.items():
            row = (
                name,
                f"{len(arm.values)}",
                f"{arm.mean:.{self.digits}f}",
                f"{arm.sd:.{self.digits}f}",
                _span(arm.interval, self.digits),
            )
            if found := self.differences.get(name):
                p = (
                    "–"
                    if math.isnan(found.p)
                    else "< 0.001"
                    if found.adjusted < 0.001
                    else f"{found.adjusted:.3f}"
                )
                row += (
                    f"{found.difference:+.{self.digits}f}",
                    _span(found.interval, self.digits, "+"),
                    p,
                    "–" if math.isnan(found.effect) else f"{found.effect:.2f}",
                    f"{found.seeds_needed or '–'}",
                )
            rows.append(row + ("",) * (len(rows[0]) - len(row)))
        return rows if self.differences else [row[:5] for row in rows]

    def _notes(self) -> list[str]:
        notes = [f"{name}: {found.verdict}" for name, found in self.differences.items()]
        if notes:
            holm = (
                f"; p with Holm's correction for {len(notes)} comparisons" if len(notes) > 1 else ""
            )
            notes.append(
                ("paired t test, seed by seed" if self.paired else "Welch's t test, not paired")
                + holm
            )
        return notes

    def __repr__(self) -> str:
        rows = self._rows()
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = [
            "  ".join(
                cell.rjust(width) if i else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(row, widths))
            )
            for row in rows
        ]
        title = [self.metric] if self.metric else []
        return "\n".join(
            [
                *title,
                lines[0],
                "─" * len(lines[0]),
                *(line.rstrip() for line in lines[1:]),
                *self._notes(),
            ]
        )

    def _repr_markdown_(self) -> str:
        head, *rows = ([cell.replace("|", "\\|") for cell in row] for row in self._rows())
        head[0] = self.metric
        lines = [
            f"| {' | '.join(row)} |" for row in (head, [":--", *["--:"] * (len(head) - 1)], *rows)
        ]
        return "\n".join([*lines, "", *(f"- {note}" for note in self._notes())])

    def plot(self, *, title: str = "") -> plots.Picture:
        """Every single run as a dot, the mean with its 95 % interval below; thin lines join paired
        runs."""
        arms, texts = self.arms, []
        figure, axis = plots.axes(width=6.5, height=0.9 + 0.6 * len(arms), title=title)
        heights = [
            i + np.linspace(-0.14, 0.14, len(arm.values)) for i, arm in enumerate(arms.values())
        ]
        if self.paired:
            axis.plot(
                [arm.values for arm in arms.values()],
                heights,
                color="grey",
                linewidth=0.5,
                zorder=1,
            )
        for i, (name, arm, colour) in enumerate(zip(arms, arms.values(), plots.COLOURS * 9)):
            axis.scatter(arm.values, heights[i], 18, color=colour, linewidth=0, zorder=2)
            half = arm.interval[1] - arm.mean
            axis.errorbar(
                arm.mean, i + 0.3, xerr=half, fmt="D", markersize=4, capsize=3, color="black"
            )
            mean, interval = f"{arm.mean:.{self.digits}f}", _span(arm.interval, self.digits)
            texts.append(f"{name}: {len(arm.values)} runs, mean {mean} ({interval})")
        axis.set(
            yticks=range(len(arms)),
            yticklabels=arms,
            ylim=(len(arms) - 0.5, -0.5),
            xlabel=f"{self.metric}{f' ({self.unit})' * bool(self.unit)}".strip(),
        )
        return plots.Picture(
            figure, f"{title or 'All single runs'}. {'; '.join(texts + self._notes())}"
        )


def compare(
    arms: Mapping[str, Runs | Sequence[float]],
    *,
    metric: str | None = None,
    paired: bool | None = None,
    scale: float = 1.0,
    unit: str = "",
    better: str = "higher",
) -> Differences:
    """Compare recipes, each one ``Runs`` or plain numbers, with the first of them.

    ``metric`` chooses from runs with several; the numbers are multiplied by ``scale`` and shown in
    ``unit``: for accuracies ``scale=100, unit="points"``. ``better`` is ``"higher"`` or
    ``"lower"``. By default runs are ``paired`` when all arms have the same seeds, plain numbers are
    not; a paired t test or Welch's, from SciPy.

    Raises ``ValueError`` for less than two runs, numbers that are not finite, an unknown metric,
    arms that cannot be paired.
    """
    if better not in ("higher", "lower"):
        raise ValueError(f"better must be 'higher' or 'lower', not {better!r}")
    if not arms:
        raise ValueError("there is nothing to compare: give a dict of runs by name")
    chosen = {name: _choose(name, arm, metric) for name, arm in arms.items()}
    values = {name: _values(name, arm, chosen[name]) * scale for name, arm in arms.items()}
    seeds = {tuple(sorted(arm.seeds)) if isinstance(arm, Runs) else None for arm in arms.values()}
    same_seeds = len(seeds) == 1 and seeds != {None}
    if paired and not same_seeds and (seeds != {None} or len(set(map(len, values.values()))) > 1):
        counts = ", ".join(f"{name} {len(part)}" for name, part in values.items())
        raise ValueError(
            f"each run needs its partner to be paired, but seeds or numbers of runs differ ({counts}): "
            "do the missing runs, or compare with paired=False"
        )
    paired = same_seeds if paired is None else paired
    spreads = [sd for sd in map(_sd, values.values()) if sd]
    digits = min(max(1 - math.floor(math.log10(min(spreads))), 0), 6) if spreads else 4
    (_, first), *others = values.items()
    tests = {name: _test(part, first, paired) for name, part in others}
    adjusted = _holm([test[2] for test in tests.values()])
    differences = {}
    for (name, (difference, interval, p, effect, p_spread)), corrected in zip(
        tests.items(), adjusted
    ):
        needed = (
            seeds_needed(effect, 1, paired=paired) if effect and not math.isnan(effect) else None
        )
        more = max(
            needed or 0, 1 + min(len(first), len(values[name]))
        )  # the formula assumes equal spreads
        word = "better" if (difference > 0) == (better == "higher") else "worse"
        change = f"{word} by {abs(difference):.{digits}f}{' ' * bool(unit)}{unit}"
        if math.isnan(p):
            verdict = (
                f"{change}, without any spread that a test could use"
                if difference
                else "the same in every run"
            )
        elif corrected < 0.05:
            verdict = f"{change} ({_span(sorted(map(abs, interval)), digits)})"
        elif p < 0.05:
            verdict = "no difference shown, once all comparisons are allowed for"
        else:
            verdict = (
                "no difference shown"
                + f"; {more:,} seeds would be needed to see one of this size" * bool(needed)
            )
        differences[name] = Difference(
            difference, interval, p, corrected, effect, needed, p_spread, verdict
        )
    label = next(filter(None, chosen.values()), metric or "")
    return Differences(
        {name: _arm(part) for name, part in values.items()},
        differences,
        paired,
        label,
        unit,
        digits,
    )


def _choose(name: str, arm: Runs | Sequence[float], metric: str | None) -> str | None:
    """The metric to take from an arm; None where there is a single number for each run."""
    metrics = arm.metrics if isinstance(arm, Runs) else ()
    if metric in metrics or len(metrics) < 2 and not (metrics and metric):
        return metric if metric in metrics else metrics[0] if metrics else None
    raise ValueError(
        f"{name}: choose metric= from {', '.join(metrics)}{f', there is no {metric!r}' * (metric is not None)}"
    )


def _values(name: str, arm: Runs | Sequence[float], metric: str | None) -> np.ndarray:
    """The numbers of an arm, float N; those of ``Runs`` in the order of their seeds."""
    if isinstance(arm, Runs):
        values = (arm[metric] if metric else arm.values)[np.argsort(arm.seeds)]
    else:
        values = np.asarray(arm, dtype=float)
    if values.ndim != 1 or len(values) < 2:
        found = values.size if values.ndim == 1 else "no list of numbers"
        raise ValueError(
            f"{name} must be at least two runs, but is {found}: only the spread between runs tells what a "
            "difference means"
        )
    if not np.isfinite(values).all():
        raise ValueError(
            f"{name} has a number that is not finite: {values[~np.isfinite(values)][0]}"
        )
    return values


def _span(interval: Sequence[float], digits: int, sign: str = "") -> str:
    return " to ".join(f"{end:{sign}.{digits}f}" for end in interval)


def _sd(values: np.ndarray, size: float = 0.0) -> float:
    """The standard deviation (n - 1); zero where only the rounding of numbers of this size tells
    the values apart."""
    return (
        0.0
        if np.ptp(values) <= 1e-12 * max(size, np.abs(values).max())
        else float(values.std(ddof=1))
    )


def _arm(values: np.ndarray) -> Arm:
    from scipy import stats

    mean, sd = float(values.mean()), _sd(values)
    half = float(stats.t.ppf(0.975, len(values) - 1)) * sd / math.sqrt(len(values))
    return Arm(values, mean, sd, (mean - half, mean + half))


def _test(
    values: np.ndarray, first: np.ndarray, paired: bool
) -> tuple[float, tuple[float, float], float, float, float]:
    """Difference, its interval, p, effect, and p of the spreads."""
    from scipy import stats

    difference, n, m, size = (
        float(values.mean() - first.mean()),
        len(values),
        len(first),
        np.abs([*values, *first]).max(),
    )
    pooled = math.sqrt(((n - 1) * _sd(values) ** 2 + (m - 1) * _sd(first) ** 2) / (n + m - 2))
    sd = _sd(values - first, size) if paired else pooled
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", RuntimeWarning
        )  # SciPy warns of an arm without spread, which is foreseen here
        p_spread = float(stats.levene(values, first, center="median").pvalue)
        if not sd:
            difference *= abs(difference) > 1e-12 * size
            return difference, (difference, difference), math.nan, math.nan, p_spread
        test = (
            stats.ttest_rel(values, first)
            if paired
            else stats.ttest_ind(values, first, equal_var=False)
        )
        low, high = map(float, test.confidence_interval(0.95))
    return difference, (low, high), float(test.pvalue), difference / sd, p_spread


def _holm(p: list[float]) -> list[float]:
    """Holm's step-down correction (1979); tests that could not be made (NaN) do not count."""
    adjusted, highest, order = (
        list(p),
        0.0,
        sorted((i for i in range(len(p)) if not math.isnan(p[i])), key=p.__getitem__),
    )
    for step, i in enumerate(order):
        highest = adjusted[i] = max(highest, min(1.0, (len(order) - step) * p[i]))
    return adjusted
