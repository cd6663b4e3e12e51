"""Ways to divide the labelled pixels of a scene into those to learn from and those to test on: at
random, or so far apart that no patch of the one part overlaps one of the other."""

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

        Both parts get at least one pixel of each class; of a class with a single pixel, the part to
        learn from. Raises ``ValueError`` for a fraction outside 0 … 1.
        """
        random = np.random.default_rng(seed)
        shares = self._shares(fraction)
        train = np.concatenate([random.permutation(pixels)[:n] for pixels, n in shares])
        return self._split(train, self._beyond(0, train), f"random {fraction:.0%}, seed {seed}")

    def split_rows(self, fraction: float, *, guard: int = 0) -> "Split":
        """Of every class the first pixels, row by row, to learn from, and to test on those of the
        rest that are more than ``guard`` pixels away from all of them (along rows and columns).

        Raises ``ValueError`` for a fraction outside 0 … 1, a negative guard and one that leaves
        nothing to test on.
        """
        train = np.concatenate([pixels[:n] for pixels, n in self._shares(fraction)])
        name = f"first rows {fraction:.0%}, guard {guard}"
        return self._split(train, self._beyond(guard, train), name)

    def split_blocks(
        self, fraction: float, *, block: int = 15, guard: int = 0, seed: int = 0, draws: int = 100
    ) -> "Split":
        """Learn from some block×block squares of the scene, test on the others.

        Squares are drawn at random until every class has its fraction of the pixels in them; from
        each class just this many are taken, so that there is as much to learn from as in
        ``split_random`` (less of a class whose last square has to stay for the test). Tested are
        the pixels of the other squares that are more than ``guard`` pixels away (along rows and
        columns) from all of those. Of several draws the one is kept that leaves the most classes,
        and then the most pixels, to test on. Raises ``ValueError`` for a fraction outside 0 … 1, a
        block below 1, a negative guard, and a guard that leaves nothing.
        """
        if block < 1:
            raise ValueError(f"blocks need a side of at least 1 pixel, not {block}")
        shares = self._shares(fraction)
        rows, columns = np.indices(self.labels.shape) // block
        square = (rows * (columns.max() + 1) + columns).ravel()  # which one each pixel lies in
        counts = [np.bincount(square[pixels], minlength=square.max() + 1) for pixels, _ in shares]
        counts, wanted = np.stack(counts, axis=1), [n for _, n in shares]
        best, most = ([], []), (0, 0)
        for draw in range(draws):
            random = np.random.default_rng([seed, draw])
            inside = _choose_squares(counts, wanted, random)[square]
            drawn = [random.permutation(pixels[inside[pixels]])[:n] for pixels, n in shares]
            train = np.concatenate(drawn)
            test = self._beyond(guard, train)
            test = test[~inside[test]]
            left = len(np.unique(self.labels.flat[test])), len(test)
            if left > most:
                best, most = (train, test), left
        name = f"blocks of {block}×{block}, {fraction:.0%}, guard {guard}, seed {seed}"
        return self._split(*best, name)

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

    def _beyond(self, guard: int, train: np.ndarray) -> np.ndarray:
        """The labelled pixels that are farther than the guard from all of these."""
        if guard < 0:
            raise ValueError(f"a guard band cannot be {guard} pixels wide")
        return np.flatnonzero((self.labels.ravel() > 0) & (self.distance(train) > guard))

    def _split(self, train: np.ndarray, test: np.ndarray, name: str) -> "Split":
        if not len(test):
            raise ValueError(
                f"{self.source}, {name}: no labelled pixel is left to test on: take a narrower "
                "guard, smaller blocks, or less to learn from"
            )
        return Split(self, np.sort(train), test, name)


def _choose_squares(
    counts: np.ndarray, wanted: Sequence[int], random: np.random.Generator
) -> np.ndarray:
    """Squares that together hold so many pixels of each class, rarest class first: bool, one for
    each square.

    ``counts`` says how many pixels of each class (columns) a square (rows) holds. A square that
    holds the last pixels of a class is taken only where a class could not be learned without it.
    """
    chosen, total = np.zeros(len(counts), dtype=bool), counts.sum(0)
    for k in np.argsort(total, kind="stable"):
        for spare_last, enough in ((True, wanted[k]), (False, min(wanted[k], 1))):
            while (have := counts[chosen].sum(0))[k] < enough:
                free = ~chosen & (counts[:, k] > 0)
                if spare_last:
                    free &= ((have + counts < total) | (counts == 0)).all(1)
                if not free.any():
                    break
                chosen[random.choice(np.flatnonzero(free))] = True
    return chosen


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
