"""Dividing the labelled pixels of a scene into those to learn from and those to test on, at random
or as one chooses, and what the patches of both parts have in common."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..engine.fingerprint import fingerprint
from ..engine.text import count


class Divisible:
    """What has ``labels``, int64 H×W, 0 where nothing is known, else k for ``classes[k - 1]``, and
    can be divided. Positions of pixels are flat, row by row."""

    labels: np.ndarray
    classes: Sequence[str]
    source: str

    @property
    def counts(self) -> np.ndarray:
        """How many pixels each class has, int64 K."""
        return np.bincount(self.labels.ravel(), minlength=len(self.classes) + 1)[1:]

    def split_random(self, fraction: float, *, seed: int = 0) -> "Split":
        """This fraction of the pixels of every class to learn from, drawn at random; all others to
        test on.

        Both parts get a pixel of each class; of a class with a single one, the part to learn from.
        Raises ``ValueError`` for a fraction outside 0 … 1 and where no class has two pixels.
        """
        random = np.random.default_rng(seed)
        shares = self._shares(fraction)
        train = np.sort(np.concatenate([random.permutation(pixels)[:n] for pixels, n in shares]))
        test = np.setdiff1d(np.flatnonzero(self.labels), train)
        if not len(test):
            raise ValueError(f"{self.source}: no labelled pixel is left to test on")
        return Split(self, train, test, f"random {fraction:.0%}, seed {seed}")

    def distance(self, pixels: np.ndarray) -> np.ndarray:
        """How far every pixel is from the nearest of these, along rows and columns (the larger of
        both), int H·W."""
        from scipy.ndimage import distance_transform_cdt

        elsewhere = np.ones(self.labels.shape, dtype=bool)
        elsewhere.flat[pixels] = False
        return distance_transform_cdt(elsewhere, metric="chessboard").ravel()

    def _shares(self, fraction: float) -> list[tuple[np.ndarray, int]]:
        """The pixels of each class, and how many of them to learn from: this fraction, but at least
        one, and all of them only where there is one."""
        if not 0 < fraction < 1:
            raise ValueError(f"the fraction to learn from must lie between 0 and 1, not {fraction}")
        if not self.labels.any():
            raise ValueError(f"{self.source}: no pixel has a label, so there is nothing to divide")
        wanted = [min(max(round(fraction * n), 1), max(n - 1, 1), n) for n in self.counts]
        return [(np.flatnonzero(self.labels == k), n) for k, n in enumerate(wanted, 1)]


@dataclass(frozen=True, eq=False)
class Split:
    """Which pixels of a scene are to learn from and which to test on: ``train`` and ``test``, flat
    positions, int64.

    ``name`` says how they were chosen. Printed, it says which classes are in one part only.
    """

    scene: Divisible = field(repr=False)
    train: np.ndarray
    test: np.ndarray
    name: str

    @property
    def source(self) -> str:
        """The scene's, and how its pixels were divided."""
        return f"{self.scene.source}: {self.name}"

    @property
    def fingerprint(self) -> str:
        """A short hash of the scene and of both parts."""
        return fingerprint(self.scene, self.train, self.test)

    @property
    def only(self) -> dict[str, str]:
        """The classes that are in one part only, and in which: ``"train"``, ``"test"`` or
        ``"neither"``."""
        learned, tested = (self.scene.labels.flat[part] for part in (self.train, self.test))
        found = {}
        for k, name in enumerate(self.scene.classes, 1):
            if k not in learned:
                found[name] = "test" if k in tested else "neither"
            elif k not in tested:
                found[name] = "train"
        return found

    @property
    def distance(self) -> np.ndarray:
        """How far each test pixel is from the nearest one to learn from, along rows and columns
        (the larger of both), int N."""
        return self.scene.distance(self.train)[self.test]

    def containing(self, size: int) -> float:
        """The share of test patches of this size that have a pixel to learn from inside them."""
        return float((self.distance <= size // 2).mean())

    def overlapping(self, size: int) -> float:
        """The share of test patches of this size that share a pixel with one to learn from."""
        return float((self.distance < size).mean())

    def __repr__(self) -> str:
        learned, tested = len(self.train), len(self.test)
        text = f"{self.source}: {count(learned, 'pixel')} to learn from, {tested:,} to test on"
        if neither := self.scene.counts.sum() - learned - tested:
            text += f", {neither:,} in neither"
        sizes, only = dict(zip(self.scene.classes, self.scene.counts)), self.only
        where = dict(train="to learn from only", test="to test on only", neither="in neither part")
        for part, words in where.items():
            names = [name for name in only if only[name] == part]
            if sized := [f"{name} ({count(sizes[name], 'pixel')})" for name in names]:
                text += f"\n  {words}: {', '.join(sized)}"
        return text
