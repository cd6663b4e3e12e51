"""Stored runs: for each notebook a file with what its runs measured, at each scale and device."""

import hashlib
import json
import math
import statistics
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ..engine.commands import git
from ..engine.files import ChangedMeanwhile, content_of, read_text, write_whole
from ..engine.provenance import not_the_set
from ..engine.settings import SCALES

SCHEMA = 1
FOLDER = Path(__file__).parent / "runs"


class RecordError(ValueError):
    """A file of stored runs, or a run to be stored, is not what it should be; one sentence."""


@dataclass(frozen=True)
class Figure:
    """A quantity that a run measured: ``values[i]`` with ``seeds[i]``, in ``unit``.

    ``settings`` says how, ``old_course`` and ``paper`` what these report; ``headline`` figures
    stand in the README's table of results. Raises ``RecordError`` for values that are not finite or
    have no seeds of their own.
    """

    values: tuple[float, ...]
    seeds: tuple[int, ...]
    unit: str = ""
    settings: str = ""
    old_course: str = ""
    paper: str = ""
    headline: bool = False

    def __post_init__(self):
        whole = all(type(seed) is int for seed in self.seeds)
        if not self.values or not whole or len(self.values) != len(self.seeds):
            raise RecordError("a figure needs one or more values, each with its seed")
        if len(set(self.seeds)) < len(self.seeds):
            raise RecordError("a figure has a seed twice")
        for value in self.values:
            if type(value) not in (int, float) or not math.isfinite(value):
                raise RecordError(f"a figure must be finite numbers, not {value!r}")

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return statistics.fmean(self.values)

    @property
    def sd(self) -> float:
        """The standard deviation (n - 1) over the seeds, NaN of a single one."""
        return statistics.stdev(self.values) if len(self.values) > 1 else math.nan

    @property
    def digits(self) -> int:
        """The decimals worth showing: two digits of the spread, or four of a single value."""
        spread = self.sd if self.sd > 0 else abs(self.mean) / 100
        return min(max(1 - math.floor(math.log10(spread)), 0), 6) if spread else 0

    def __str__(self) -> str:
        mean, low, high = (
            f"{value:,.{self.digits}f}" for value in (self.mean, min(self.values), max(self.values))
        )
        return mean if len(self.values) == 1 else f"{mean} ({low} to {high})"


@dataclass(frozen=True)
class Run:
    """What one run of a notebook measured, where and when: ``figures`` by their labels.

    ``minutes`` is None and ``complete`` False for a run that has not reached its end. Raises
    ``RecordError`` for a scale that stores nothing, made-up data and a package's part of a set.
    """

    scale: str
    device: str
    machine: str
    date: str
    versions: dict[str, str]
    seed: int
    data: tuple[str, ...]
    figures: dict[str, Figure]
    minutes: float | None = None
    commit: str = ""
    complete: bool = False

    def __post_init__(self):
        if self.scale not in SCALES[1:]:
            raise RecordError(f"no run at scale {self.scale!r} is stored, only laptop and full")
        texts = self.device, self.machine, self.date, self.commit, *self.data
        if not all(type(text) is str for text in texts):
            raise RecordError("device, machine, date, commit and data of a run are texts")
        if self.complete and self.minutes is None:
            raise RecordError("a complete run says how many minutes it took")
        if others := not_the_set(self.data):
            what = "made-up data or a part of a set"
            raise RecordError(f"nothing is recorded from {what} ({others[0]})")

    @property
    def where(self) -> str:
        """Scale and device in a few letters, as the heads of tables have them."""
        words = self.device.removeprefix("NVIDIA ").split()
        return f"{self.scale}, {words[0] if words else self.device}"


def path_of(notebook: str, folder: Path = FOLDER) -> Path:
    """The file with the stored runs of a notebook, named without ``.ipynb``."""
    return folder / f"{notebook}.json"


def read(path: Path) -> list[Run]:
    """The stored runs in a file, none where it is missing. Raises ``RecordError``, in one sentence,
    for a file of another schema, a damaged one and for a run that was changed by hand."""
    if not path.exists():
        return []
    try:
        content = json.loads(read_text(path), parse_constant=_refuse)
        if content["schema"] != SCHEMA:
            raise RecordError(f"it has schema {content['schema']!r}, not {SCHEMA}")
        if content["notebook"] != path.stem:
            raise RecordError(f"it holds runs of {content['notebook']!r}")
        return [_run(one) for one in content["runs"]]
    except RecordError as error:
        raise RecordError(f"{path.name}: {error}") from None
    except Exception as error:  # whatever comes of a changed file
        what = f"{path.name} is damaged or holds no stored runs"
        raise RecordError(f"{what} ({type(error).__name__}: {error}): restore it") from error


def _refuse(constant: str):
    raise RecordError(f"it holds {constant}, which is no finite number")


def _run(content: dict) -> Run:
    content = dict(content)
    said = content.pop("sum", None)
    if said != _sum(content):
        where = f"the run at scale {content.get('scale')!r}"
        raise RecordError(f"{where} is not what was measured: its sum does not fit, run it again")
    figures = {}
    for label, one in content["figures"].items():
        values = {"values": tuple(one["values"]), "seeds": tuple(one["seeds"])}
        figures[label] = Figure(**{**one, **values})
    return Run(**{**content, "data": tuple(content["data"]), "figures": figures})


def _sum(content: dict) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def keep(path: Path, run: Run) -> None:
    """Store a run in its notebook's file, in place of an older one at this scale on this device.

    Raises ``RecordError`` when the file cannot be read, and leaves it as it is.
    """
    while True:
        before = content_of(path)
        others = [one for one in read(path) if (one.scale, one.device) != (run.scale, run.device)]
        with suppress(ChangedMeanwhile):  # by a run that ended at the same moment
            return write(path, [*others, run], replacing=before)


def write(path: Path, runs: Sequence[Run], **options) -> None:
    """Write a notebook's stored runs, smaller scales first; the options are ``write_whole``'s."""
    contents = []
    for run in sorted(runs, key=lambda run: (SCALES.index(run.scale), run.device)):
        content = json.loads(json.dumps(asdict(run), allow_nan=False))
        contents.append({**content, "sum": _sum(content)})
    whole = {"schema": SCHEMA, "notebook": path.stem, "runs": contents}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(whole, indent=1, ensure_ascii=False) + "\n", **options)


def commit_of(root: Path) -> str:
    """The commit that a checkout stands at, with a plus where files have changed since; empty where
    git does not know."""
    try:
        changed = git(root, "status", "--porcelain", "-uno")
        return git(root, "rev-parse", "--short", "HEAD") + "+" * bool(changed)
    except OSError:  # there is no git
        return ""
