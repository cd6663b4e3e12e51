"""Finished runs on disk: a file for each, with what its result depends on."""

import json
import math
import numbers
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from ..engine import function_recipe
from ..engine.console import say
from ..engine.files import read_text, write_whole
from ..engine.text import count, name_of, printable
from ..lab import default_scale

Result = float | dict[str, float]
# For each folder, what the runs themselves have changed of their recipe, as (before, after).
_CHANGED: dict[Path, dict[str, tuple[str, str]]] = {}


class Store:
    """The finished runs of one recipe, in ``seed-N.json`` of a folder: seed, result and recipe.

    Prints what of it cannot be described. Raises ``ValueError`` for a file and if there is no
    folder around.
    """

    def __init__(self, folder: str | Path, function: Callable):
        self.folder, self.function = Path(folder).expanduser().resolve(), function
        self.name, self.lost = printable(self.folder.name), {}
        around = self.folder.parent
        if not around.is_dir():  # made here, it might hide a Drive that is not mounted yet
            raise ValueError(f"there is no folder {around}: make it first (in Colab: mount Drive)")
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f"{self.name} is a file: name a folder for the runs")
        self.folder.mkdir(exist_ok=True)
        parts = function_recipe.parts(function)
        self.recipe = {"the function": name_of(function), "the scale": default_scale(), **parts}
        for name, (before, after) in _CHANGED.get(self.folder, {}).items():
            if self.recipe.get(name) == after:
                self.recipe[name] = before
        if unknown := ", ".join(function_recipe.unknown(parts)):
            say(f"{self.name}: {unknown} cannot be described, changes there go unnoticed")

    def read(self, seeds: Iterable[int]) -> dict[int, Result]:
        """The results that are there, by seed; ``ValueError`` if damaged or of another recipe."""
        return {seed: self._result(seed) for seed in seeds if self._path(seed).exists()}

    def write(self, seed: int, result: Result) -> None:
        """Keep a finished run, and what it has changed itself, as a list that it appends to: that
        makes no other recipe when the runs are called again in this process. Where it cannot be
        written (a full disk; another process has kept a run of another recipe there) the others
        still go on; ``tell_lost`` says so at the end."""
        saved = {"seed": seed, "result": result, "recipe": self.recipe}
        try:
            self.read([seed])
            write_whole(self._path(seed), json.dumps(saved, indent=1))
        except (OSError, ValueError) as error:
            self.lost[seed] = getattr(error, "strerror", None) or error
        now = function_recipe.parts(self.function)
        known = now.keys() & self.recipe.keys()
        _CHANGED[self.folder] = {name: (self.recipe[name], now[name]) for name in known}

    def tell_lost(self) -> None:
        """Print which runs could not be kept."""
        if self.lost:
            what = f"{count(len(self.lost), 'run')} could not be kept ({[*self.lost.values()][-1]})"
            say(f"{self.name}: {what}. They count here, but another call does them again")

    def _path(self, seed: int) -> Path:
        return self.folder / f"seed-{seed}.json"

    def _result(self, seed: int) -> Result:
        path = self._path(seed)
        place = f"{path.name} in {self.name}"
        try:
            saved = json.loads(read_text(path))
            old, result = dict(saved["recipe"]), check_result(saved["result"])
            if saved["seed"] != seed:
                raise ValueError(f"it holds seed {saved['seed']}")
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            told = f"{place} is damaged or not a finished run: delete it, and it is done again"
            raise ValueError(told) from error
        changes = [
            f"{part} was {old.get(part, 'not there')}, now {self.recipe.get(part, 'not there')}"
            for part in {**self.recipe, **old}
            if old.get(part) != self.recipe.get(part)
        ]
        if changes:
            more = f"; and {len(changes) - 3} more" if len(changes) > 3 else ""
            what = f"{place} was made by another recipe: {'; '.join(changes[:3])}{more}"
            todo = "Name another folder to keep the old runs, or delete this one to do them again"
            raise ValueError(f"{what}. {todo}")
        return result


def check_result(result) -> Result:
    """The number or the dict of numbers as plain floats, or ``ValueError``."""
    if isinstance(result, Mapping) and result:
        return {str(name): _number(value, f" as {name!r}") for name, value in result.items()}
    return _number(result)


def _number(value, where: str = "") -> float:
    if getattr(value, "shape", None) == ():  # a tensor or an array of one number
        value = value.item()
    if not isinstance(value, numbers.Real):
        kind = type(value).__name__
        raise ValueError(f"it returned {kind}{where}: return a number, or a dict of numbers")
    if not math.isfinite(value):
        raise ValueError(f"it returned {float(value)}{where}, which is no result")
    return float(value)
