"""How a run stands beside the stored runs, the old course and the paper."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .stored import Figure, Run

NOTE = (
    "Means over the seeds, in brackets the smallest and the largest. Expected: where the mean of "
    "as many new seeds as this run has would lie in about 95 of 100 cases, if seeds scatter like a "
    "bell curve; it comes from the stored run of this scale, and is the wider the fewer its seeds. "
    "Where this run is itself the stored one, inside says nothing. A dash: nothing to compare, as "
    "with a single seed."
)


@dataclass(frozen=True, eq=False)
class Table:
    """A pandas ``DataFrame`` that is shown whole, however long its labels are, and how to read
    it."""

    frame: object

    def __repr__(self) -> str:
        return f"{self.frame.to_string()}\n\n{NOTE}"

    def _repr_html_(self) -> str:
        import pandas as pd

        with pd.option_context("display.max_colwidth", None):
            return f"{self.frame.to_html(notebook=True)}\n<p>{NOTE}</p>"


def table(runs: Sequence[Run], figures: Mapping[str, Figure], scale: str) -> Table:
    """The table of ``recorded``: a run's figures at this scale, the notebook's stored runs, the old
    course and the paper, and what is expected at this scale.

    That is the t distribution's prediction interval for a mean of as many seeds as this run has.
    """
    import pandas as pd

    usual = next((run for run in runs if run.scale == scale), None)
    labels = dict.fromkeys([*figures, *(label for run in runs for label in run.figures)])
    rows = {}
    for label in labels:
        mine = figures.get(label)
        known = [one for one in (mine, *(run.figures.get(label) for run in runs)) if one]
        row = {f"this run ({scale})": mine or "–"}
        row |= {f"{run.where}, {run.date}": run.figures.get(label, "–") for run in runs}
        row |= {"old course": known[0].old_course or "–", "paper": known[0].paper or "–"}
        row["expected"], row["this run is"] = _verdict(mine, usual and usual.figures.get(label))
        name = f"{label} ({known[0].unit})" if known[0].unit else label
        rows[name] = {head: str(cell) for head, cell in row.items()}
    return Table(pd.DataFrame.from_dict(rows, orient="index"))


def _verdict(mine: Figure | None, usual: Figure | None) -> tuple[str, str]:
    """The interval that is expected, and where this run lies."""
    if usual is None or len(usual.values) < 2:
        return "–", "–"
    from scipy import stats

    m, n = len(mine.values) if mine else len(usual.values), len(usual.values)
    half = float(stats.t.ppf(0.975, n - 1)) * usual.sd * math.sqrt(1 / n + 1 / m)
    low, high = usual.mean - half, usual.mean + half
    span = f"{low:,.{usual.digits}f} to {high:,.{usual.digits}f}"
    if mine is None:
        return span, "–"
    return span, "inside" if low <= mine.mean <= high else "outside"
