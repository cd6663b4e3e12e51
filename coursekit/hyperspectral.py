"""Hyperspectral scenes: one picture with hundreds of bands, its patches as a data set, and ways to
divide it honestly."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from . import lab, plots, standins
from .data import as_it_is
from .download import DataError
from .sources import File, NotHere, look_for, obtain, read_arrays, source_of_standin
from .training import evaluate


@dataclass(frozen=True, eq=False)
class Scene:
    """A scene and what is known of it on the ground.

    ``cube`` H×W×B, whole or real numbers; ``labels`` int64 H×W, 0 where nothing is known, else k
    for ``classes[k - 1]``; ``source`` what the data are; ``wavelengths`` of the bands in nm, float
    B, where they are known. Raises ``ValueError`` when shapes, types or labels do not fit together
    and for numbers that are not finite.
    """

    cube: np.ndarray
    labels: np.ndarray
    classes: Sequence[str]
    source: str
    wavelengths: np.ndarray | None = None

    def __post_init__(self):
        cube, labels, wavelengths = self.cube, self.labels, self.wavelengths
        if cube.ndim != 3 or cube.dtype.kind not in "iuf" or not cube.size:
            raise ValueError(
                f"{self.source}: a cube holds numbers, height×width×bands, not {_shape(cube)}"
            )
        if labels.shape != cube.shape[:2] or labels.dtype.kind not in "iu":
            raise ValueError(
                f"{self.source}: labels must be whole numbers, one for each pixel of the "
                f"{_times(cube.shape[:2])} of the cube, not {_shape(labels)}"
            )
        if labels.min() < 0 or labels.max() > len(self.classes):
            raise ValueError(
                f"{self.source}: labels must lie in 0 … {len(self.classes)} for {len(self.classes)} classes, "
                f"but run from {labels.min()} to {labels.max()}"
            )
        if wavelengths is not None and np.shape(wavelengths) != cube.shape[2:]:
            raise ValueError(
                f"{self.source}: {np.size(wavelengths)} wavelengths for {cube.shape[2]} bands"
            )
        if cube.dtype.kind == "f" and not (finite := np.isfinite(cube)).all():
            bands = np.flatnonzero(~finite.all((0, 1)))
            raise ValueError(
                f"{self.source}: {(~finite.all(2)).sum():,} pixels have values that are not finite, in band "
                f"{_listed(bands)} (counted from 0): leave these bands out, or fill the gaps first"
            )
        if len(set(self.classes)) < len(self.classes):
            raise ValueError(f"{self.source}: two classes have the same name")
        object.__setattr__(self, "labels", labels.astype(np.int64))
        object.__setattr__(self, "classes", tuple(self.classes))

    @property
    def counts(self) -> np.ndarray:
        """How many pixels each class has, int64 K."""
        return np.bincount(self.labels.ravel(), minlength=len(self.classes) + 1)[1:]

    @property
    def fingerprint(self) -> str:
        """A short hash of cube and labels: what the source does not say, for instance which pixels
        a PCA was fitted on."""
        return _hash(self.cube, self.labels)

    @property
    def constant(self) -> np.ndarray:
        """The bands with one value in all pixels, which tell nothing."""
        return np.flatnonzero(self.cube.min((0, 1)) == self.cube.max((0, 1)))

    def __repr__(self) -> str:
        constant = f", band {_listed(self.constant)} constant" if len(self.constant) else ""
        return (
            f"Scene({_times(self.cube.shape)}, {len(self.classes)} classes, {self.counts.sum():,} labelled pixels, "
            f"{self.source}{constant})"
        )

    def pca(self, components: int, *, pixels: np.ndarray | None = None) -> "Scene":
        """The scene with its first principal components for bands, float32, each whitened to
        variance 1.

        ``pixels`` (flat positions, as ``split.train``) are those that mean and components are
        computed from, by default all of them. The wavelengths are gone. Raises ``ValueError`` for
        more components than bands that vary there independently, or than pixels.
        """
        from sklearn.decomposition import PCA

        pixels = slice(None) if pixels is None else pixels
        # float64: the last components of a 16-bit scene have a 10,000th of the first one's spread,
        # which float32 loses.
        flat = self.cube.reshape(-1, self.cube.shape[2]).astype(np.float64)
        known = flat[pixels]
        varying = int((known.min(0) != known.max(0)).sum()) if len(known) else 0
        most = max(min(varying, len(known) - 1), 0)
        if 1 <= components <= most:
            flat -= known.mean(0)
            model = PCA(components, whiten=True, svd_solver="covariance_eigh").fit(flat[pixels])
            most = int(
                (model.explained_variance_ > 1e-12 * model.explained_variance_[0]).sum()
            )  # bands may repeat others
        if not 1 <= components <= most:
            raise ValueError(
                f"{components} components cannot be had from {varying} bands that vary (of {flat.shape[1]}) in "
                f"{len(known):,} pixels: "
                + (f"choose 1 to {most}" if most else "there is no component at all")
            )
        cube = model.transform(flat).astype(np.float32)
        return replace(self, cube=cube.reshape(*self.labels.shape, components), wavelengths=None)

    def patches(self, size: int, pixels: np.ndarray | None = None, *, device=None) -> "Patches":
        """The patch of size×size around each of these pixels (flat positions), by default around
        all labelled ones.

        Raises ``ValueError`` for a size and for pixels that ``Patches`` refuses.
        """
        pixels = np.flatnonzero(self.labels) if pixels is None else pixels
        return Patches(self, size, np.asarray(pixels), device=device or lab.default_device())

    def split_random(self, fraction: float, *, seed: int = 0) -> "Split":
        """This fraction of the pixels of every class to learn from, drawn at random; all others to
        test on.

        Both parts get at least one pixel of each class; of a class with a single pixel, the part to
        learn from. Raises ``ValueError`` for a fraction outside 0 … 1.
        """
        random, train = np.random.default_rng(seed), []
        for pixels, n in zip(self._by_class(), self._wanted(fraction)):
            train.append(random.permutation(pixels)[:n])
        return self._split(np.concatenate(train), f"random {fraction:.0%}, seed {seed}")

    def split_rows(self, fraction: float, *, guard: int = 0) -> "Split":
        """Of every class the first pixels, row by row, to learn from, and to test on those of the
        rest that are more than ``guard`` pixels away from all of them (along rows and columns).

        Raises ``ValueError`` for a fraction outside 0 … 1, a negative guard and one that leaves
        nothing to test on.
        """
        train = [pixels[:n] for pixels, n in zip(self._by_class(), self._wanted(fraction))]
        return self._split(
            np.concatenate(train), f"first rows {fraction:.0%}, guard {guard}", guard
        )

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
        _check_guard(guard)
        name = f"blocks of {block}×{block}, {fraction:.0%}, guard {guard}, seed {seed}"
        wanted, by_class = self._wanted(fraction), self._by_class()
        rows, columns = np.indices(self.labels.shape) // block
        square = (rows * (columns.max() + 1) + columns).ravel()
        counts = np.stack(
            [np.bincount(square[pixels], minlength=square.max() + 1) for pixels in by_class], axis=1
        )
        best, most = None, (0, 0)
        for draw in range(draws):
            random = np.random.default_rng([seed, draw])
            chosen = _choose_squares(counts, wanted, random)
            inside = [pixels[chosen[square[pixels]]] for pixels in by_class]
            train = np.concatenate(
                [random.permutation(pixels)[:n] for pixels, n in zip(inside, wanted)]
            )
            outside = np.concatenate([pixels[~chosen[square[pixels]]] for pixels in by_class])
            test = outside[self.distance(train)[outside] > guard]
            found = len(np.unique(self.labels.flat[test])), len(test)
            if found > most:
                best, most = (train, test), found
        if best is None:
            raise ValueError(self._nothing_left(name))
        return Split(self, *map(np.sort, best), name)

    def _by_class(self) -> list[np.ndarray]:
        """The flat positions of the pixels of each class, row by row."""
        return [np.flatnonzero(self.labels == k) for k in range(1, len(self.classes) + 1)]

    def _wanted(self, fraction: float) -> np.ndarray:
        """How many pixels of each class to learn from."""
        if not 0 < fraction < 1:
            raise ValueError(f"the fraction to learn from must lie between 0 and 1, not {fraction}")
        if not self.counts.any():
            raise ValueError(f"{self.source}: no pixel has a label, so there is nothing to divide")
        wanted = np.round(fraction * self.counts).astype(np.int64)
        return np.minimum(
            np.maximum(wanted, 1).clip(max=np.maximum(self.counts - 1, 1)), self.counts
        )

    def _split(self, train: np.ndarray, name: str, guard: int = 0) -> "Split":
        """The rest of the labelled pixels to test on, outside the guard band."""
        _check_guard(guard)
        rest = np.setdiff1d(np.flatnonzero(self.labels), train)
        test = rest[self.distance(train)[rest] > guard]
        if not len(test):
            raise ValueError(self._nothing_left(name))
        return Split(self, np.sort(train), test, name)

    def _nothing_left(self, name: str) -> str:
        return (
            f"{self.source}, {name}: no labelled pixel is left to test on, for all are to learn from or lie within the "
            "guard band: take a narrower guard, smaller blocks, or less to learn from"
        )

    def distance(self, pixels: np.ndarray) -> np.ndarray:
        """How far every pixel is from the nearest of these, along rows and columns (the larger of
        both), int H·W."""
        from scipy.ndimage import distance_transform_cdt

        elsewhere = np.ones(self.labels.shape, dtype=bool)
        elsewhere.flat[pixels] = False
        return distance_transform_cdt(elsewhere, metric="chessboard").ravel()

    def false_colour(self, bands: Sequence[int] | None = None, *, title: str = "") -> plots.Picture:
        """The scene as a colour picture: three bands as red, green and blue, each from its 2nd to
        its 98th percentile.

        By default those nearest to 650, 550 and 450 nm, or without wavelengths the first three.
        """
        if bands is None:
            known, colours = self.wavelengths, np.array([650, 550, 450])
            bands = (
                range(min(3, self.cube.shape[2]))
                if known is None
                else abs(known - colours[:, None]).argmin(1)
            )
        chosen = self.cube[..., list(bands)].astype(float)
        low, high = np.percentile(chosen, (2, 98), axis=(0, 1))
        shown = ((chosen - low) / np.maximum(high - low, 1e-12)).clip(0, 1)
        which = ", ".join(
            str(band) if self.wavelengths is None else f"{self.wavelengths[band]:.0f} nm"
            for band in bands
        )
        return plots.images(
            [shown[..., 0] if shown.shape[2] < 3 else shown],
            size=4.5,
            title=title or self.source,
            alt=f"{self.source}, {_times(self.labels.shape)} pixels. Red, green and blue are {which}. {title}",
        )

    def ground_truth(self, *, title: str = "") -> plots.Picture:
        """The labels as a map, with a legend that counts the pixels."""
        return plots.class_map(
            self.labels, self.classes, title=title or f"Ground truth. {self.source}"
        )


def _check_guard(guard: int) -> None:
    """Raise ``ValueError`` for a negative guard band."""
    if guard < 0:
        raise ValueError(f"a guard band cannot be {guard} pixels wide")


def _choose_squares(
    counts: np.ndarray, wanted: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Squares that together hold so many pixels of each class, rarest class first: bool, one for
    each square.

    ``counts`` says how many pixels of each class (columns) a square (rows) holds. A square that
    holds the last pixels of a class is taken only where the class could not be learned without it.
    """
    chosen, total = np.zeros(len(counts), dtype=bool), counts.sum(0)
    for k in np.argsort(total, kind="stable"):
        for spare in (True, False):
            while (have := counts[chosen].sum(0))[k] < (wanted[k] if spare else min(wanted[k], 1)):
                free = ~chosen & (counts[:, k] > 0)
                if spare:
                    free &= (((have + counts) < total) | (counts == 0)).all(1)
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

    scene: Scene = field(repr=False)
    train: np.ndarray
    test: np.ndarray
    name: str

    @property
    def source(self) -> str:
        """The scene's, and how its pixels were divided."""
        return f"{self.scene.source}: {self.name}"

    @property
    def fingerprint(self) -> str:
        """A short hash of both parts."""
        return _hash(self.train, self.test)

    @property
    def only(self) -> dict[str, str]:
        """The classes that are in one part only, and in which: ``"train"``, ``"test"`` or
        ``"neither"``."""
        parts = [
            np.isin(np.arange(1, len(self.scene.classes) + 1), self.scene.labels.flat[part])
            for part in (self.train, self.test)
        ]
        return {
            name: "train" if learned else "test" if tested else "neither"
            for name, learned, tested in zip(self.scene.classes, *parts)
            if not (learned and tested)
        }

    @property
    def distance(self) -> np.ndarray:
        """How far each test pixel is from the nearest one to learn from, along rows and columns
        (the larger of both), int N."""
        return self.scene.distance(self.train)[self.test]

    def containing(self, size: int) -> float:
        """The share of the test patches of this size that have a pixel to learn from inside
        them."""
        return float((self.distance <= size // 2).mean())

    def overlapping(self, size: int) -> float:
        """The share of the test patches of this size that share a pixel with a patch to learn
        from."""
        return float((self.distance < size).mean())

    def __repr__(self) -> str:
        neither = self.scene.counts.sum() - len(self.train) - len(self.test)
        lines = [
            f"{self.source}: {len(self.train):,} pixels to learn from, {len(self.test):,} to test on"
            + f", {neither:,} in neither" * bool(neither)
        ]
        for part, text in (
            ("train", "to learn from only"),
            ("test", "to test on only"),
            ("neither", "in neither part"),
        ):
            if names := [
                f"{name} ({self.scene.counts[self.scene.classes.index(name)]} pixels)"
                for name, where in self.only.items()
                if where == part
            ]:
                lines.append(f"  {text}: {', '.join(names)}")
        return "\n".join(lines)


@dataclass(eq=False, repr=False)
class Patches(Dataset):
    """The patches of a scene around these pixels; a batch is gathered from the scene, no patch is
    kept.

    A batch is float N×C×size×size and int64 N, class k of the scene as k - 1; around the scene are
    zeros. An unlabelled pixel has the class 0. ``pixels`` are flat positions. Raises ``ValueError``
    for a size that is even, below 1 or larger than the scene, for positions outside of it, and for
    what is no row of positions, as a mask.
    """

    scene: Scene
    size: int
    pixels: np.ndarray
    device: torch.device | str = "cpu"

    def __post_init__(self):
        height, width = self.scene.labels.shape
        if self.size < 1 or self.size % 2 == 0:
            raise ValueError(
                f"a patch needs a pixel in its middle, so its size must be odd and at least 1, not {self.size}"
            )
        if self.size > min(height, width):
            raise ValueError(
                f"a patch of {self.size}×{self.size} is larger than the scene of {height}×{width}"
            )
        if (
            self.pixels.ndim != 1 or self.pixels.dtype.kind not in "iu" and self.pixels.size
        ):  # a mask is no list of positions
            raise ValueError(
                f"pixels must be flat positions, whole numbers in a row, not {_shape(self.pixels)}"
            )
        if self.pixels.size and not 0 <= self.pixels.min() <= self.pixels.max() < height * width:
            raise ValueError(
                f"pixels must lie in 0 … {height * width - 1} for a scene of {height}×{width}"
            )
        self.pixels = self.pixels.astype(np.int64)
        edge = self.size // 2
        padded = np.zeros(
            (self.scene.cube.shape[2], height + 2 * edge, width + 2 * edge), dtype=np.float32
        )
        padded[:, edge : edge + height, edge : edge + width] = self.scene.cube.transpose(2, 0, 1)
        padded = torch.from_numpy(padded).to(self.device)
        # H×W×C×size×size, a view: all patches of the scene, in the memory of the padded cube.
        self.windows = padded.unfold(1, self.size, 1).unfold(2, self.size, 1).permute(1, 2, 0, 3, 4)
        self.positions = torch.from_numpy(self.pixels).to(self.device)
        self.labels = torch.from_numpy((self.scene.labels.ravel()[self.pixels] - 1).clip(0)).to(
            self.device
        )

    @property
    def classes(self) -> Sequence[str]:
        """Those of the scene."""
        return self.scene.classes

    @property
    def source(self) -> str:
        """That of the scene."""
        return self.scene.source

    @property
    def fingerprint(self) -> str:
        """A short hash of the scene and of the chosen pixels."""
        return _hash(self.scene.cube, self.scene.labels, self.pixels)

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """One patch, float C×size×size, and its class."""
        x, y = self.__getitems__([range(len(self))[index]])
        return x[0], int(y[0])

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """A whole batch at once. ``DataLoader`` calls this where it exists."""
        index = torch.as_tensor(indices, device=self.labels.device)
        position, width = self.positions[index], self.windows.shape[1]
        return self.windows[position // width, position % width], self.labels[index]

    def loader(self, batch_size: int, *, shuffle: bool = False) -> DataLoader:
        """A plain ``DataLoader`` over these patches. Raises ``ValueError`` when there are none."""
        if not len(self):
            raise ValueError(f"{self.source}: there are no pixels, so there is nothing to load")
        return DataLoader(self, batch_size=batch_size, shuffle=shuffle, collate_fn=as_it_is)

    def __repr__(self) -> str:
        return (
            f"Patches({len(self):,} × {_times((self.scene.cube.shape[2], self.size, self.size))}, "
            f"{len(self.classes)} classes, {self.source}, on {self.labels.device})"
        )


@dataclass(frozen=True, eq=False)
class Score:
    """How good a classification is.

    ``oa`` overall accuracy, the share of right pixels; ``aa`` average accuracy, the mean of
    ``per_class``, which has for every class the share of its pixels that are right (NaN for a class
    without any, which does not count in the mean); ``kappa`` Cohen's: how far the agreement exceeds
    that of chance, 1 at best. ``total`` the number of pixels.
    """

    oa: float
    aa: float
    kappa: float
    per_class: dict[str, float]
    total: int

    def __repr__(self) -> str:
        absent = sum(map(math.isnan, self.per_class.values()))
        over = (
            f"{len(self.per_class) - absent} of " * bool(absent) + f"{len(self.per_class)} classes"
        )
        return (
            f"OA {100 * self.oa:.2f} %, AA {100 * self.aa:.2f} % ({over}), kappa {100 * self.kappa:.2f} "
            f"({self.total:,} pixels)"
        )


def score(labels, predictions, classes: Sequence[str]) -> Score:
    """OA, AA, kappa and the accuracy of each class, from scikit-learn.

    ``labels`` and ``predictions`` are N whole numbers from 0, arrays or tensors, as in
    ``score(result.labels, result.predictions, result.classes)`` for what ``evaluate`` gave. Raises
    ``ValueError`` when they are not equally many, none at all, or no number of a class.

    >>> score([0, 0, 1, 1], [0, 0, 1, 0], ["corn", "oats"])
    OA 75.00 %, AA 75.00 % (2 classes), kappa 50.00 (4 pixels)
    """
    from sklearn import metrics

    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.shape != predictions.shape or labels.ndim != 1 or not len(labels):
        raise ValueError(
            f"labels and predictions must be equally many, and not none: {labels.shape} and {predictions.shape}"
        )
    low, high = min(labels.min(), predictions.min()), max(labels.max(), predictions.max())
    if low < 0 or high >= len(classes):
        raise ValueError(
            f"labels and predictions must lie in 0 … {len(classes) - 1} for {len(classes)} classes, but run from "
            f"{low} to {high} (those of a scene count from 1)"
        )
    each = metrics.recall_score(
        labels, predictions, labels=range(len(classes)), average=None, zero_division=np.nan
    )
    same = len(np.unique(np.concatenate([labels, predictions]))) == 1  # where kappa is 0/0
    kappa = 1.0 if same else float(metrics.cohen_kappa_score(labels, predictions))
    return Score(
        float(metrics.accuracy_score(labels, predictions)),
        float(np.nanmean(each)),
        kappa,
        dict(zip(classes, each.tolist())),
        len(labels),
    )


def class_map(
    model: nn.Module, scene: Scene, size: int, *, batch_size: int | None = None
) -> np.ndarray:
    """The class of every pixel of the scene as the model sees it, int64 H×W, from 1 as in
    ``scene.labels``.

    The scene is what the model learned from, with the components of the same PCA. In eval mode, in
    batches: by default of 512 on a GPU, and of 32 on a CPU, whose caches do not hold what 3-D
    convolutions make of many more. Raises ``ValueError`` for a size that ``Patches`` refuses.
    """
    device = next(model.parameters()).device
    everywhere = scene.patches(size, np.arange(scene.labels.size), device=device)
    result = evaluate(model, everywhere.loader(batch_size or (32 if device.type == "cpu" else 512)))
    return result.predictions.numpy().reshape(scene.labels.shape) + 1


def controls(split: Split) -> dict[str, Score]:
    """What two classifiers reach that see no patch: one only (row, column), one only the spectrum
    of the pixel itself.

    The first answers with the class of the nearest pixel to learn from (1-NN), so it shows how much
    of a result is a matter of place; the second is a support vector machine (RBF kernel, C = 100,
    bands standardised on the pixels to learn from). Raises ``ValueError`` when there is only one
    class to learn from.
    """
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    scene = split.scene
    features = {
        "coordinates only, 1-NN": np.indices(scene.labels.shape).reshape(2, -1).T,
        "spectrum only, SVM": scene.cube.reshape(-1, scene.cube.shape[2]),
    }
    models = KNeighborsClassifier(1), make_pipeline(StandardScaler(), SVC(C=100))
    train, test = (scene.labels.ravel()[part] - 1 for part in (split.train, split.test))
    if len(np.unique(train)) < 2:
        raise ValueError(
            f"{split.source}: there is only one class to learn from, so there is nothing to tell apart"
        )
    scores = {}
    for (name, values), model in zip(features.items(), models):
        predictions = model.fit(values[split.train], train).predict(values[split.test])
        scores[name] = score(test, predictions, scene.classes)
    return scores


@dataclass(frozen=True)
class _Known:
    """A scene that ``load_scene`` knows: the publisher's cube and labels, each with the name of its
    variable."""

    title: str
    classes: tuple[str, ...]
    counts: tuple[int, ...]  # labelled pixels of each class, for the stand-in
    wavelengths: np.ndarray
    files: tuple[File, ...] = ()
    variables: tuple[str, ...] = ()
    licence: str = "none stated"


def _bands(first: float, last: float, count: int, left_out: Sequence[int] = ()) -> np.ndarray:
    """The wavelengths in nm, evenly spaced (nominal: the true ones are up to some 20 nm off);
    ``left_out`` counts from 1."""
    return np.delete(np.linspace(first, last, count), np.array(left_out, dtype=int) - 1)


def _files(
    cube: tuple[str, str, str], labels: tuple[str, str, str], mirror: str
) -> tuple[File, ...]:
    """Two files, each as (place at the publisher, name, sha256), with a second address each."""
    return tuple(
        File(
            f"hyperspectral/{name}",
            (
                f"https://www.ehu.eus/ccwintco/uploads/{place}/{name}",
                f"https://huggingface.co/datasets/danaroth/{mirror}/resolve/main/{name}",
            ),
            f"sha256:{sha256}",
        )
        for place, name, sha256 in (cube, labels)
    )


KNOWN = {
    "indian_pines": _Known(
        "Indian Pines",
        (
            "Alfalfa",
            "Corn-notill",
            "Corn-mintill",
            "Corn",
            "Grass-pasture",
            "Grass-trees",
            "Grass-pasture-mowed",
            "Hay-windrowed",
            "Oats",
            "Soybean-notill",
            "Soybean-mintill",
            "Soybean-clean",
            "Wheat",
            "Woods",
            "Buildings-Grass-Trees-Drives",
            "Stone-Steel-Towers",
        ),
        (46, 1428, 830, 237, 483, 730, 28, 478, 20, 972, 2455, 593, 205, 1265, 386, 93),
        _bands(400, 2500, 220, [*range(104, 109), *range(150, 164), 220]),
        _files(
            (
                "6/67",
                "Indian_pines_corrected.mat",
                "ec2f8808710919d566f70f0d4aa885aae1ddfd42b734aba71c5e12ca65450939",
            ),
            (
                "c/c4",
                "Indian_pines_gt.mat",
                "65c4687a8ab04f6da4789799bc3bc4f6e88bccac3ed6a2e6ae367e5e6b9e429c",
            ),
            "indian_pines",
        ),
        ("indian_pines_corrected", "indian_pines_gt"),
    ),
    "salinas": _Known(
        "Salinas",
        (
            "Brocoli_green_weeds_1",
            "Brocoli_green_weeds_2",
            "Fallow",
            "Fallow_rough_plow",
            "Fallow_smooth",
            "Stubble",
            "Celery",
            "Grapes_untrained",
            "Soil_vinyard_develop",
            "Corn_senesced_green_weeds",
            "Lettuce_romaine_4wk",
            "Lettuce_romaine_5wk",
            "Lettuce_romaine_6wk",
            "Lettuce_romaine_7wk",
            "Vinyard_untrained",
            "Vinyard_vertical_trellis",
        ),
        (
            2009,
            3726,
            1976,
            1394,
            2678,
            3959,
            3579,
            11271,
            6203,
            3278,
            1068,
            1927,
            916,
            1070,
            7268,
            1807,
        ),
        _bands(400, 2500, 224, [*range(108, 113), *range(154, 168), 224]),
        _files(
            (
                "a/a3",
                "Salinas_corrected.mat",
                "5ec1c0d22f56d18ecd336f8e35735863c0f160682e04e0c18ef3f89a3334d87d",
            ),
            (
                "f/fa",
                "Salinas_gt.mat",
                "ecfab4d31ef5553f097943235d8ea502038eb4a2067b2ad10b33e37c949955e2",
            ),
            "salinas",
        ),
        ("salinas_corrected", "salinas_gt"),
    ),
    "salinas_a": _Known(  # no hash of the publisher's files is known, so they are not downloaded
        "Salinas-A",
        (
            "Brocoli_green_weeds_1",
            "Corn_senesced_green_weeds",
            "Lettuce_romaine_4wk",
            "Lettuce_romaine_5wk",
            "Lettuce_romaine_6wk",
            "Lettuce_romaine_7wk",
        ),
        (391, 1343, 616, 1525, 674, 799),
        _bands(400, 2500, 224, [*range(108, 113), *range(154, 168), 224]),
    ),
    "pavia_university": _Known(
        "Pavia University",
        (
            "Asphalt",
            "Meadows",
            "Gravel",
            "Trees",
            "Painted metal sheets",
            "Bare soil",
            "Bitumen",
            "Self-blocking bricks",
            "Shadows",
        ),
        (6631, 18649, 2099, 3064, 1345, 5029, 1330, 3682, 947),
        _bands(430, 860, 103),
        _files(
            (
                "e/ee",
                "PaviaU.mat",
                "28447fa87f7a5797845e9a189c0da85e23b1d06a4ba7361e5ff44efbf834d2fb",
            ),
            (
                "5/50",
                "PaviaU_gt.mat",
                "23f6a426928f9b32984adffe659e29f554f9fb6c93b5a107528d308d5087a829",
            ),
            "pavia",
        ),
        ("paviaU", "paviaU_gt"),
    ),
}


def load_scene(name: str) -> Scene:
    """The scene ``"indian_pines"``, ``"salinas"``, ``"salinas_a"`` or ``"pavia_university"``.

    Looks in this order: a prepared file (``NAME.npz`` with ``cube``, ``labels``, ``source`` and, if
    wanted, ``classes`` and ``wavelengths``) in the data folder; the publisher's files there
    (University of the Basque Country, AVIRIS and ROSIS), the missing ones downloaded and checked
    against their sha256; a stand-in, announced by a banner that gives the reason. At scale smoke it
    is always the stand-in. Wavelengths are nominal, evenly spaced over the sensor's range.

    Raises ``ValueError`` for an unknown name, ``DataError`` for a damaged file or a folder that
    cannot be written.
    """
    if name not in KNOWN:
        raise ValueError(f"there is no scene {name!r}: choose one of {', '.join(KNOWN)}")
    known = KNOWN[name]
    scene = look_for(
        known.title,
        [lambda: _prepared(name, known), lambda: _published(known)],
        lambda: _standin(known),
    )
    if len(scene.constant):
        print(
            f"{scene.source}: band {_listed(scene.constant)} has one value in all pixels and tells nothing"
        )
    return scene


def _prepared(name: str, known: _Known) -> Scene:
    path = lab.data_folder() / f"{name}.npz"
    arrays = read_arrays(path, ("cube", "labels", "source"), ("classes", "wavelengths"))
    classes = (
        tuple(map(str, np.atleast_1d(arrays["classes"]))) if "classes" in arrays else known.classes
    )
    fitting = known.wavelengths.shape == arrays["cube"].shape[2:]
    wavelengths = arrays.get("wavelengths", known.wavelengths if fitting else None)
    try:
        return Scene(arrays["cube"], arrays["labels"], classes, str(arrays["source"]), wavelengths)
    except ValueError as error:
        raise DataError(f"{path.name}: {error}") from None


def _published(known: _Known) -> Scene:
    from scipy.io import loadmat

    if not known.files:
        raise NotHere("there is no prepared file, and its publisher's files cannot be checked")
    obtain(known.files, known.title)
    cube, labels = (
        loadmat(lab.data_folder() / file.path)[variable]
        for file, variable in zip(known.files, known.variables)
    )
    return Scene(cube, labels, known.classes, known.title, known.wavelengths)


def _standin(known: _Known) -> tuple[Scene, str]:
    cube, labels = standins.scene(known.counts, known.wavelengths)
    scene = Scene(cube, labels, known.classes, source_of_standin(known.title), known.wavelengths)
    return scene, f"a made-up scene of {_times(scene.cube.shape)}"


def _hash(*arrays: np.ndarray) -> str:
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:12]


def _shape(array: np.ndarray) -> str:
    return f"{array.dtype} {_times(array.shape)}"


def _times(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))


def _listed(numbers: Sequence[int], most: int = 5) -> str:
    return ", ".join(map(str, numbers[:most])) + " …" * (len(numbers) > most)
