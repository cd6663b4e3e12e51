"""Hyperspectral scenes: one image with hundreds of bands, its patches as a data set, and the map
that a network makes of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .. import lab, plots
from ..engine.console import say
from ..engine.fingerprint import fingerprint
from ..engine.text import described, times
from ..images import Batched
from ..training import evaluate
from . import standins
from .catalogue import SCENES, known
from .lookup import look_for
from .reading import Arrays, one_text, read_mat, reading, words
from .scene_splits import Divisible, Split  # noqa: F401  (a part of this room's names)

LARGEST = np.finfo(np.float32).max  # networks compute in float32


@dataclass(frozen=True, eq=False)
class Scene(Divisible):
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
        classes, wrong = len(self.classes), None
        if cube.ndim != 3 or cube.dtype.kind not in "iuf" or not cube.size:
            wrong = f"a cube holds numbers, height×width×bands, not {described(cube)}"
        elif labels.shape != cube.shape[:2] or labels.dtype.kind not in "iu":
            ways = {cube.shape[1::-1]: ": labels.T turns them"}
            ways[cube.shape[1:]] = ": np.moveaxis(cube, 0, 2) puts its bands last"
            ways[cube.shape[:2]] = ""  # only their kind is wrong
            size, found = times(cube.shape[:2]), f"not {described(labels)}"
            wrong = f"labels must be whole numbers, {size} as the cube, {found}"
            wrong += ways.get(labels.shape, "")
        elif labels.min() < 0 or labels.max() > classes:
            wrong = (
                f"labels must lie in 0 … {classes} for {classes} classes, "
                f"but run from {labels.min()} to {labels.max()}"
            )
        elif wavelengths is not None and np.shape(wavelengths) != cube.shape[2:]:
            wrong = f"{np.size(wavelengths)} wavelengths for {cube.shape[2]} bands"
        elif wavelengths is not None and not _positive(np.asarray(wavelengths)):
            wrong = f"wavelengths must be real numbers in nm, not {described(wavelengths)}"
        elif cube.dtype.kind == "f" and not (finite := abs(cube) <= LARGEST).all():
            pixels, bands = (~finite.all(2)).sum(), _listed(np.flatnonzero(~finite.all((0, 1))))
            wrong = (
                f"{pixels:,} pixels have values that are not finite, in band {bands} (counted "
                "from 0): leave these bands out, or fill the gaps first"
            )
        elif len(set(self.classes)) < classes:
            wrong = "two classes have the same name"
        if wrong:
            raise ValueError(f"{self.source}: {wrong}")
        object.__setattr__(self, "labels", labels.astype(np.int64))
        object.__setattr__(self, "classes", tuple(self.classes))

    @property
    def fingerprint(self) -> str:
        """A short hash of all that is in it, also of what a PCA was fitted on."""
        return fingerprint(self.cube, self.labels, self.wavelengths)

    @property
    def constant(self) -> np.ndarray:
        """The bands with one value in all pixels, which tell nothing."""
        return np.flatnonzero(self.cube.min((0, 1)) == self.cube.max((0, 1)))

    def __repr__(self) -> str:
        shape, labelled = times(self.cube.shape), f"{self.counts.sum():,} labelled pixels"
        constant = f", band {_listed(self.constant)} constant" if len(self.constant) else ""
        return f"Scene({shape}, {len(self.classes)} classes, {labelled}, {self.source}{constant})"

    def pca(self, components: int, *, pixels: np.ndarray | None = None) -> "Scene":
        """The scene with its first principal components for bands, float32, each whitened to
        variance 1.

        ``pixels`` (flat positions, as ``split.train``) are those that mean and components are
        computed from, by default all of them. The wavelengths are gone. Raises ``ValueError`` for
        more components than bands that vary there independently, or than pixels.
        """
        from sklearn.decomposition import PCA

        pixels = slice(None) if pixels is None else pixels
        # float64: the last components of a 16-bit scene are 10,000 times weaker than the first.
        flat = self.cube.reshape(-1, self.cube.shape[2]).astype(np.float64)
        known = flat[pixels]
        varying = int((known.min(0) != known.max(0)).sum()) if len(known) else 0
        most = max(min(varying, len(known) - 1), 0)
        if 1 <= components <= most:
            flat -= known.mean(0)
            model = PCA(components, whiten=True, svd_solver="covariance_eigh").fit(flat[pixels])
            # bands may repeat others
            most = int((model.explained_variance_ > 1e-12 * model.explained_variance_[0]).sum())
        if not 1 <= components <= most:
            choice = f"choose 1 to {most}" if most else "there is no component at all"
            where = f"{varying} bands that vary (of {flat.shape[1]}) in {len(known):,} pixels"
            raise ValueError(f"{components} components cannot be had from {where}: {choice}")
        cube = model.transform(flat).astype(np.float32)
        return replace(self, cube=cube.reshape(*self.labels.shape, components), wavelengths=None)

    def patches(self, size: int, pixels: np.ndarray | None = None, *, device=None) -> "Patches":
        """The patch of size×size around each of these pixels (flat positions), by default around
        all labelled ones. Raises ``ValueError`` for a size and for pixels that ``Patches`` refuses.
        """
        pixels = np.flatnonzero(self.labels) if pixels is None else pixels
        return Patches(self, size, np.asarray(pixels), device=device or lab.default_device())

    def false_colour(self, bands: Sequence[int] | None = None, *, title: str = "") -> plots.Picture:
        """The scene as a colour picture: three bands as red, green and blue, each from its 2nd to
        its 98th percentile.

        By default those nearest to 650, 550 and 450 nm, or without wavelengths the first three.
        """
        if bands is None and self.wavelengths is not None:
            bands = [abs(self.wavelengths - colour).argmin() for colour in (650, 550, 450)]
        bands = range(min(3, self.cube.shape[2])) if bands is None else bands
        chosen = self.cube[..., list(bands)].astype(float)
        low, high = np.percentile(chosen, (2, 98), axis=(0, 1))
        shown = ((chosen - low) / np.maximum(high - low, 1e-12)).clip(0, 1)
        if self.wavelengths is not None:
            bands = [f"{self.wavelengths[band]:.0f} nm" for band in bands]
        colours = f"Red, green and blue are {', '.join(map(str, bands))}."
        return plots.images(
            [shown[..., 0] if shown.shape[2] < 3 else shown],
            size=4.5,
            title=title or self.source,
            alt=f"{self.source}, {times(self.labels.shape)} pixels. {colours} {title}",
        )

    def ground_truth(self, *, title: str = "") -> plots.Picture:
        """The labels as a map, with a legend that counts the pixels."""
        title = title or f"Ground truth. {self.source}"
        return plots.class_map(self.labels, self.classes, title=title)


@dataclass(eq=False, repr=False)
class Patches(Batched):
    """The patches of a scene around these pixels, gathered for each batch, so none is kept.

    A batch is float N×C×size×size and int64 N, class k of the scene as k - 1; around the scene are
    zeros. An unlabelled pixel has the class 0. ``pixels`` are flat positions, ``classes`` and
    ``source`` those of the scene. Raises ``ValueError`` for a size that is even, below 1 or larger
    than the scene, for positions outside of it, and for what is no row of positions, as a mask.
    """

    scene: Scene
    size: int
    pixels: np.ndarray
    device: torch.device | str = "cpu"

    def __post_init__(self):
        size, pixels, labels = self.size, self.pixels, self.scene.labels
        place = f"the scene of {times(labels.shape)}"
        if size < 1 or size % 2 == 0:
            raise ValueError(f"the size of a patch must be odd and at least 1, not {size}")
        if size > min(labels.shape):
            raise ValueError(f"a patch of {size}×{size} is larger than {place}")
        if pixels.ndim != 1 or pixels.dtype.kind not in "iu" and pixels.size:
            raise ValueError(f"pixels must be flat positions in a row, not {described(pixels)}")
        if pixels.size and not 0 <= pixels.min() <= pixels.max() < labels.size:
            raise ValueError(f"pixels must lie in 0 … {labels.size - 1} for {place}")
        self.pixels = pixels.astype(np.int64)
        self.classes, self.source = self.scene.classes, self.scene.source
        cube = self.scene.cube.transpose(2, 0, 1).astype(np.float32, order="C")
        padded = F.pad(torch.from_numpy(cube).to(self.device), (size // 2,) * 4)
        # H×W×C×size×size, a view: all patches of the scene, in the memory of the padded cube.
        self.windows = padded.unfold(1, size, 1).unfold(2, size, 1).permute(1, 2, 0, 3, 4)
        self.positions = torch.from_numpy(self.pixels).to(self.device)
        self.labels = torch.from_numpy((labels.flat[self.pixels] - 1).clip(0)).to(self.device)

    @property
    def fingerprint(self) -> str:
        """A short hash of the scene, the size of the patches and the chosen pixels."""
        return fingerprint(self.scene, self.size, self.pixels)

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """A whole batch at once. ``DataLoader`` calls this where it exists."""
        index = torch.as_tensor(indices, device=self.labels.device)
        position, width = self.positions[index], self.windows.shape[1]
        return self.windows[position // width, position % width], self.labels[index]

    def __repr__(self) -> str:
        patches = f"{len(self):,} × {times(self.windows.shape[2:])}"
        data = f"{len(self.classes)} classes, {self.source}, on {self.labels.device}"
        return f"Patches({patches}, {data})"


def class_map(
    model: nn.Module, scene: Scene, size: int, *, batch_size: int | None = None
) -> np.ndarray:
    """The class that the model gives each pixel of the scene, from 1 as in its labels: int64 H×W.

    The scene is what the model learned from, with the components of the same PCA. In eval mode, in
    batches: by default of 512 on a GPU, and of 32 on a CPU, whose caches do not hold what 3-D
    convolutions make of many more. Raises ``ValueError`` for a size that ``Patches`` refuses.
    """
    device = next(model.parameters()).device
    everywhere = scene.patches(size, np.arange(scene.labels.size), device=device)
    result = evaluate(model, everywhere.loader(batch_size or (32 if device.type == "cpu" else 512)))
    return result.predictions.numpy().reshape(scene.labels.shape) + 1


def load_scene(name: str) -> Scene:
    """The scene ``"indian_pines"``, ``"salinas"``, ``"salinas_a"`` or ``"pavia_university"``.

    Looks in this order: a prepared file (``NAME.npz`` with ``cube``, ``labels``, ``source`` and, if
    wanted, ``classes`` and ``wavelengths``) in the data folder; the publisher's files there
    (University of the Basque Country, AVIRIS and ROSIS), the missing ones downloaded and checked
    against their sha256; for Indian Pines the same scene as tensorly ships it; a stand-in. A banner
    announces these two, and gives the reason. At scale smoke it is always the stand-in. Wavelengths
    are nominal, evenly spaced over the sensor's range.

    Raises ``ValueError`` for an unknown name, ``DataError`` for a damaged file or a folder that
    cannot be written.
    """
    one = known(name, SCENES)

    def prepared(arrays: Arrays) -> Scene:
        cube, labels, source = (arrays[key] for key in SCENES.arrays)
        classes = words(arrays["classes"], "classes") if "classes" in arrays else one.classes
        fitting = one.wavelengths if np.shape(one.wavelengths) == cube.shape[2:] else None
        wavelengths = arrays.get("wavelengths", fitting)
        scene = Scene(cube, labels, classes, one_text(source, "source"), wavelengths)
        if not scene.labels.any():
            raise ValueError("no pixel has a label: there is nothing to learn")
        if np.count_nonzero(scene.counts) < 2:
            say(f"{scene.source}: all labelled pixels are of one class")
        return scene

    def published(folder: Path) -> Scene:
        places = [folder / file.path for file in one.files]
        (cube,), (labels,) = map(read_mat, places, one.variables)
        with reading(places[0], f"scene of {one.title}"):
            return Scene(cube, labels, one.classes, one.title, one.wavelengths)

    def packaged(places: list[Path]) -> tuple[Scene, str]:
        with reading(places[0], f"scene of {one.title}"):
            cube, labels = map(np.load, places)
            scene = Scene(cube, labels, one.classes, one.shipped, one.wavelengths)
        return scene, f"the whole scene of {times(cube.shape)}"

    def standin() -> tuple[Scene, str]:
        cube, labels = standins.scene(one.counts, one.wavelengths)
        scene = Scene(cube, labels, one.classes, one.standin, one.wavelengths)
        return scene, f"a made-up scene of {times(cube.shape)}"

    forms = {"prepared": prepared, "published": published, "packaged": packaged}
    scene = look_for(one, **forms, standin=standin)
    if len(scene.constant):
        bands = _listed(scene.constant)
        say(f"{scene.source}: band {bands} has one value in all pixels and tells nothing")
    return scene


def _positive(wavelengths: np.ndarray) -> bool:
    return wavelengths.dtype.kind in "iuf" and bool((wavelengths >= 0).all())


def _listed(bands: Sequence[int]) -> str:
    return ", ".join(map(str, bands[:5])) + (" …" if len(bands) > 5 else "")
