"""Whether two recipes differ by more than chance."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from .. import plots
from ..engine.text import aligned
from .runs import Runs, deviation


def seeds_needed(difference: float, sd: float, *, paired: bool = False) -> int:
    """Seeds for each recipe so that a t test at two-sided 5 % shows a true difference of this size
    with at least 80 % power.

    ``sd`` is the standard deviation of each recipe or, ``paired``, that of the differences seed by
    seed. The power is that of the noncentral t distribution (Cohen 1988, Statistical Power
    Analysis). Raises ``ValueError`` for a difference or an sd of zero.

    >>> seeds_needed(0.3, sd=0.15)
    6
    """
    from scipy import stats

    effect = abs(difference) / sd if sd > 0 else 0
    if not 0 < effect < math.inf:
        raise ValueError(f"a difference of {difference} with an sd of {sd}: neither may be zero")
    # that of the normal distribution, always a little too few; from a million on as good as exact
    quantiles = stats.norm.ppf([0.975, 0.8]).sum()
    least = int((1 if paired else 2) * (quantiles / effect) ** 2)
    if least > 10**6:
        return least + 1
    for n in count(max(2, least)):
        df, shift = (n - 1, math.sqrt(n)) if paired else (2 * n - 2, math.sqrt(n / 2))
        # SciPy's noncentral t is NaN far out, its square (an F) is not; at 40 power is almost 1
        limit, shift = stats.t.ppf(0.975, df), min(effect * shift, 40)
        if stats.ncf.sf(limit**2, 1, df, shift**2) >= 0.8:
            return n


@dataclass(frozen=True, eq=False)
class Arm:
    """One of the compared recipes: its ``values``, float N, their ``mean`` with its 95 %
    confidence ``interval`` (Student's t), and their standard deviation ``sd`` (n - 1)."""

    values: np.ndarray
    mean: float
    sd: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Difference:
    """One recipe minus the first.

    ``difference`` of the means; ``p`` of the t test; ``adjusted``, that p times the number of
    comparisons, and the confidence ``interval`` that goes with it: zero lies outside just where
    ``adjusted`` is below 0.05. ``effect`` is Cohen's d, paired d_z = mean / sd of the differences,
    else d_s with the pooled sd (both in Lakens 2013, Frontiers in Psychology 4:863); ``p_spread``
    of the test that both spread alike (Brown and Forsythe 1974), as if not paired, not adjusted.
    What has no answer is NaN.
    """

    difference: float
    interval: tuple[float, float]
    p_spread: float
    p: float = math.nan
    effect: float = math.nan
    adjusted: float = math.nan
    verdict: str = ""


@dataclass(frozen=True, eq=False)
class Differences:
    """What ``compare`` found: ``arms``, and ``differences`` from the first of them, by name."""

    arms: dict[str, Arm]
    differences: dict[str, Difference]
    paired: bool
    pairs: str  # what a pair is made of: runs of one seed, or numbers at one place
    metric: str
    unit: str
    digits: int

    def _rows(self) -> list[list[str]]:
        digits = self.digits
        rows = [["", "n", self._with_unit("mean"), "sd", "95 % interval"]]
        for name, arm in self.arms.items():
            numbers = (f"{number:.{digits}f}" for number in (arm.mean, arm.sd))
            rows.append([name, f"{len(arm.values)}", *numbers, _span(arm.interval, digits)])
        if self.differences:
            kind = "95 % together" if len(self.differences) > 1 else "95 % interval"
            rows[0] += [f"minus {next(iter(self.arms))}", kind, "p", "d"]
            rows[1] += ["", "", "", ""]
        for row, found in zip(rows[2:], self.differences.values()):
            p = "< 0.001" if found.adjusted < 0.001 else f"{found.adjusted:.3f}"
            row += [f"{found.difference:+.{digits}f}", _span(found.interval, digits, "+")]
            row += ["–", "–"] if math.isnan(found.p) else [p, f"{found.effect:.2f}"]
        return rows

    def _notes(self) -> list[str]:
        notes = [f"{name}: {found.verdict}" for name, found in self.differences.items()]
        test = f"paired t test, {self.pairs}" if self.paired else "Welch's t test, not paired"
        if len(notes) > 1:
            test += "; p and the intervals of differences adjusted for "
            test += f"{len(notes)} comparisons (Bonferroni)"
        return [*notes, test] if notes else []

    def __repr__(self) -> str:
        rows = self._rows()
        head, *lines = aligned(rows, right=range(1, len(rows[0])))
        title = [self.metric] if self.metric else []
        return "\n".join([*title, head, "─" * len(head), *lines, *self._notes()])

    def _repr_markdown_(self) -> str:
        (_, *head), *rows = self._rows()
        table = [[self.metric, *head], [":--", *("--:" for _ in head)], *rows]
        cells = ([cell.replace("|", "\\|") for cell in row] for row in table)
        lines = [f"| {' | '.join(row)} |" for row in cells]
        return "\n".join([*lines, "", *(f"- {note}" for note in self._notes())])

    def plot(self, *, title: str = "") -> plots.Picture:
        """Each run as a dot, the mean with its 95 % interval below; thin lines join paired runs."""
        arms, texts = list(self.arms.values()), []
        figure, axis = plots.axes(width=6.5, height=0.9 + 0.6 * len(arms), title=title)
        # each dot a little below the one before, so that none hides another
        heights = [i + np.linspace(-0.14, 0.14, len(arm.values)) for i, arm in enumerate(arms)]
        if self.paired:
            axis.plot([arm.values for arm in arms], heights, color="grey", linewidth=0.5, zorder=1)
        for i, (name, arm) in enumerate(self.arms.items()):
            axis.scatter(arm.values, heights[i], 18, linewidth=0, zorder=2)
            half = arm.interval[1] - arm.mean
            axis.errorbar(arm.mean, i + 0.3, xerr=half, fmt="kD", markersize=4, capsize=3)
            mean, interval = f"{arm.mean:.{self.digits}f}", _span(arm.interval, self.digits)
            texts.append(f"{name}: {len(arm.values)} runs, mean {mean} ({interval})")
        axis.set(yticks=range(len(arms)), yticklabels=self.arms, ylim=(len(arms) - 0.5, -0.5))
        axis.set(xlabel=self._with_unit(self.metric))
        alt = f"{title or 'All single runs'}. {'; '.join(texts + self._notes())}"
        return plots.Picture(figure, alt)

    def _with_unit(self, name: str) -> str:
        return f"{name} ({self.unit})".lstrip() if self.unit else name


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
    not; a paired t test or Welch's (1947), from SciPy.

    With m comparisons p is multiplied by m, and the intervals have the level 1 - 0.05 / m (Dunn
    1961, Journal of the American Statistical Association 56:52): where each test keeps its level,
    all m intervals hold at once in at least 95 % of the tables, and none contradicts its p. Holm's
    rule (1979) shows a little more, but the intervals that agree with it say of a shown difference
    often no more than its sign (Strassburger and Bretz 2008, Statistics in Medicine 27:4914).

    Raises ``ValueError`` for fewer than two runs, numbers that are not finite, an unknown metric,
    arms that cannot be paired.
    """
    if better not in ("higher", "lower"):
        raise ValueError(f"better must be 'higher' or 'lower', not {better!r}")
    if not arms:
        raise ValueError("there is nothing to compare: give a dict of runs by name")
    values = {name: _values(name, arm, metric) * scale for name, arm in arms.items()}
    paired = _pairing(arms, values, paired)
    spreads = [sd for sd in map(deviation, values.values()) if sd]
    digits = min(max(1 - math.floor(math.log10(min(spreads))), 0), 6) if spreads else 4
    first, *others = values
    tests = {name: _test(values[name], values[first], paired, len(others)) for name in others}
    for name, found in tests.items():
        word = "better" if (found.difference > 0) == (better == "higher") else "worse"
        tests[name] = replace(found, verdict=_verdict(found, word, digits, unit))
    results = {name: _arm(part) for name, part in values.items()}
    single = (arm.metrics[0] for arm in arms.values() if isinstance(arm, Runs) and arm.metrics)
    label = metric or next(single, "")
    seeds = all(isinstance(arm, Runs) for arm in arms.values())
    pairs = "seed by seed" if seeds else "number by number"
    return Differences(results, tests, paired, pairs, label, unit, digits)


def _values(name: str, arm: Runs | Sequence[float], metric: str | None) -> np.ndarray:
    """The numbers of an arm, float N; those of ``Runs`` in the order of their seeds."""
    metrics = arm.metrics if isinstance(arm, Runs) else ()
    if metric is None and len(metrics) == 1:
        (metric,) = metrics
    if metrics and metric not in metrics:
        wrong = "" if metric is None else f", there is no {metric!r}"
        raise ValueError(f"{name}: choose metric= from {', '.join(metrics)}{wrong}")
    if isinstance(arm, Runs):
        values = (arm[metric] if metrics else arm.values)[np.argsort(arm.seeds)]
    else:
        values = np.asarray(arm, dtype=float)
    if values.ndim != 1 or len(values) < 2:
        found = values.size if values.ndim == 1 else "no list of numbers"
        why = "only the spread between runs tells what a difference means"
        raise ValueError(f"{name} must be at least two runs, but is {found}: {why}")
    if len(odd := values[~np.isfinite(values)]):
        raise ValueError(f"{name} has a number that is not finite: {odd[0]}")
    return values


def _pairing(arms: Mapping, values: Mapping[str, np.ndarray], paired: bool | None) -> bool:
    """Whether the arms are compared run by run; refuses pairs where a run has no partner."""
    seeds = {tuple(sorted(arm.seeds)) if isinstance(arm, Runs) else None for arm in arms.values()}
    if paired and (len(seeds) > 1 or len({len(part) for part in values.values()}) > 1):
        counts = ", ".join(f"{name} {len(part)}" for name, part in values.items())
        wrong = f"each run needs its partner, but seeds or numbers of runs differ ({counts})"
        raise ValueError(f"{wrong}: do the missing runs, or compare with paired=False")
    return len(seeds) == 1 and seeds != {None} if paired is None else paired


def _arm(values: np.ndarray) -> Arm:
    from scipy import stats

    mean, sd = float(values.mean()), deviation(values)
    half = float(stats.t.ppf(0.975, len(values) - 1)) * sd / math.sqrt(len(values))
    return Arm(values, mean, sd, (mean - half, mean + half))


def _test(values: np.ndarray, first: np.ndarray, paired: bool, comparisons: int) -> Difference:
    """The difference from the first arm, one of so many, still without a verdict."""
    from scipy import stats

    difference, size = float(values.mean() - first.mean()), np.abs([*values, *first]).max()
    with warnings.catch_warnings():  # SciPy warns of an arm without spread, which is foreseen here
        warnings.simplefilter("ignore", RuntimeWarning)
        p_spread = float(stats.levene(values, first, center="median").pvalue)
        if paired:
            sd, test = deviation(values - first, size), stats.ttest_rel(values, first)
        else:
            squares = [(len(part) - 1) * deviation(part) ** 2 for part in (values, first)]
            sd = math.sqrt(sum(squares) / (len(values) + len(first) - 2))
            test = stats.ttest_ind(values, first, equal_var=False)
        interval = tuple(map(float, test.confidence_interval(1 - 0.05 / comparisons)))
    if not sd:
        difference = difference if abs(difference) > 1e-12 * size else 0.0  # nothing but rounding
        return Difference(difference, (difference, difference), p_spread)
    p = float(test.pvalue)
    return Difference(difference, interval, p_spread, p, difference / sd, min(1, p * comparisons))


def _verdict(found: Difference, word: str, digits: int, unit: str) -> str:
    """The sentence below the table."""
    change = f"{word} by {abs(found.difference):.{digits}f} {unit}".rstrip()
    if math.isnan(found.p):
        without = f"{change}, without any spread that a test could use"
        return without if found.difference else "the same in every run"
    ends = _span(sorted(map(abs, found.interval)), digits)
    return f"{change} ({ends})" if found.adjusted < 0.05 else "no difference shown"


def _span(interval: Sequence[float], digits: int, sign: str = "") -> str:
    return " to ".join(f"{end:{sign}.{digits}f}" for end in interval)
