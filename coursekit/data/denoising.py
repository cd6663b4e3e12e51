"""Grey photos of any size, and noise: patches to learn from with fresh noise, whole photos to test
on with noise that stays."""

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from .. import lab
from ..augment import RandomSymmetry
from ..engine.console import say
from ..engine.fingerprint import fingerprint
from ..engine.text import count, described, from_here, printable, times
from ..images import Batched, as_it_is
from . import photo_files, standins
from .catalogue import GREY_PHOTOS, known
from .download import DataError
from .lookup import look_for


@dataclass(frozen=True, eq=False)
class GreyPhotos:
    """Grey photos, each of its own size.

    ``pixels`` uint8 H×W each, ``names`` one for each, ``source`` what they are.
    Raises ``ValueError`` when shapes, types or numbers do not fit together.
    """

    pixels: Sequence[Tensor]
    names: Sequence[str]
    source: str

    def __post_init__(self):
        if len(self.names) != len(self):
            names, photos = count(len(self.names), "name"), count(len(self), "photo")
            raise ValueError(f"{self.source}: {names} for {photos}")
        for photo, name in zip(self.pixels, self.names):
            right = isinstance(photo, Tensor) and photo.ndim == 2 and photo.dtype == torch.uint8
            if not right or not photo.numel():
                kind = described(photo) if isinstance(photo, Tensor) else type(photo).__name__
                needed = "a grey photo must be a tensor, uint8 height×width"
                raise ValueError(f"{self.source}: {needed}, but {name} is {kind}")
        object.__setattr__(self, "pixels", tuple(self.pixels))
        object.__setattr__(self, "names", tuple(self.names))

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def fingerprint(self) -> str:
        """A short hash of the pixels."""
        return fingerprint(self.pixels)

    def select(self, index: slice | Sequence[int]) -> "GreyPhotos":
        """These photos, in this order."""
        chosen = range(len(self))[index] if isinstance(index, slice) else index
        pixels, names = ([part[i] for i in chosen] for part in (self.pixels, self.names))
        return GreyPhotos(pixels, names, self.source)

    def patches(
        self, size: int, sigma: float | tuple[float, float], *, stride: int = 10
    ) -> "NoisyPatches":
        """All squares of this size, ``stride`` pixels apart, to learn from: ``NoisyPatches``."""
        return NoisyPatches(self, size, sigma, stride)

    def noisy(self, sigma: float, *, seed: int = 0) -> "NoisyPhotos":
        """The whole photos with noise that stays the same, to test on: ``NoisyPhotos``."""
        return NoisyPhotos(self, sigma, seed)

    def __repr__(self) -> str:
        shapes = sorted({tuple(photo.shape) for photo in self.pixels})
        sizes = photo_files.shortened([times(shape) for shape in shapes])
        return f"GreyPhotos({count(len(self), 'photo')} of {sizes}, {self.source})"


@dataclass(eq=False)
class NoisyPatches(Batched):
    """Patches of photos with Gaussian noise that is drawn anew each time; a batch is gathered from
    the photos.

    A batch is (noisy, clean), both float N×1×size×size with 0 black and 1 white; noisy values are
    not clipped. Each patch is in one of the eight symmetries of the square, drawn at random.
    ``sigma`` is the noise's standard deviation in steps of 255 grey levels (25, not 25 / 255); of a
    pair (low, high) each patch draws its own, evenly between them. Everything happens on the
    photos' device, with torch's random numbers. ``source`` names photos and noise. Raises
    ``ValueError`` for noise that is not above 0, a size or stride below 1, no photos, and a photo
    that is smaller than a patch.
    """

    photos: GreyPhotos
    size: int
    sigma: float | tuple[float, float]
    stride: int = 10
    symmetry: RandomSymmetry = field(default_factory=RandomSymmetry)

    def __post_init__(self):
        size, stride, photos = self.size, self.stride, self.photos
        pair = isinstance(self.sigma, (tuple, list)) and len(self.sigma) == 2
        low, high = self.sigma if pair else (self.sigma, self.sigma)
        _check(photos, high)
        if not 0 <= low <= high:
            raise ValueError(f"noise between {low} and {high}: it must be 0 ≤ low ≤ high")
        if size < 1 or stride < 1:
            raise ValueError(f"size and stride must be at least 1, not {size} and {stride}")
        sizes = zip(photos.names, (photo.shape for photo in photos.pixels))
        if small := [f"{name} ({times(shape)})" for name, shape in sizes if min(shape) < size]:
            what = f"{len(small)} of {count(len(photos), 'photo')} are smaller than a patch"
            which = f"of {size}×{size}: {photo_files.shortened(small)}"
            raise ValueError(f"{what} {which}. Take smaller patches, or leave them out with select")
        self._range = low / 255, high / 255
        levels = f"{low:g} to {high:g}" if low < high else f"{high:g}"
        self.source = f"{photos.source}, σ = {levels}"
        height, width = (max(photo.shape[i] for photo in photos.pixels) for i in (0, 1))
        device = photos.pixels[0].device
        canvas = torch.zeros(len(photos), height, width, dtype=torch.uint8, device=device)
        places = []
        for i, photo in enumerate(photos.pixels):
            canvas[i, : photo.shape[0], : photo.shape[1]] = photo
            rows, columns = (torch.arange(0, side - size + 1, stride) for side in photo.shape)
            places.append(torch.cartesian_prod(torch.tensor([i]), rows, columns))
        self.places = torch.cat(places).to(device)  # photo, row and column of each patch's corner
        # photos×rows×columns×size×size, a view: all patches in the memory of the photos
        self.windows = canvas.unfold(1, size, 1).unfold(2, size, 1)

    @property
    def fingerprint(self) -> str:
        """A short hash of the photos and of how patches and noise are drawn."""
        return fingerprint(self.photos, self.size, self.stride, self._range, self.symmetry)

    def __len__(self) -> int:
        return len(self.places)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """A whole batch at once. ``DataLoader`` calls this where it exists."""
        index = torch.as_tensor(indices, device=self.places.device)
        photo, row, column = self.places[index].unbind(1)
        clean = self.symmetry(self.windows[photo, row, column].unsqueeze(1).float() / 255)
        low, high = self._range
        sigma = low + (high - low) * torch.rand(len(clean), 1, 1, 1, device=clean.device)
        return clean + sigma * torch.randn_like(clean), clean

    def __repr__(self) -> str:
        size, device = f"{self.size}×{self.size}", self.places.device
        return f"NoisyPatches({len(self):,} of {size}, {self.source}, on {device})"


@dataclass(eq=False)
class NoisyPhotos(Batched):
    """Whole photos with Gaussian noise that is drawn once, the same for a seed on every device.

    A sample is (noisy, clean), both float 1×H×W with 0 black and 1 white; noisy values are not
    clipped. ``sigma`` is in steps of 255 grey levels. The photos are sorted by their shape, so that
    a loader's batches can have photos of one shape each; ``names`` are in this order, ``source``
    names photos and noise. Raises ``ValueError`` for noise that is not above 0, and no photos.
    """

    photos: GreyPhotos
    sigma: float
    seed: int = 0

    def __post_init__(self):
        _check(self.photos, self.sigma)
        self.source = f"{self.photos.source}, σ = {self.sigma:g}"
        pixels, generator = self.photos.pixels, torch.Generator().manual_seed(self.seed)
        order = sorted(range(len(pixels)), key=lambda i: tuple(pixels[i].shape))  # stable
        noise = [torch.randn(photo.shape, generator=generator) for photo in pixels]
        self.names = tuple(self.photos.names[i] for i in order)
        self.clean = [pixels[i].float().unsqueeze(0) / 255 for i in order]
        device = self.clean[0].device
        self.noise = [self.sigma / 255 * noise[i].unsqueeze(0).to(device) for i in order]

    @property
    def fingerprint(self) -> str:
        """A short hash of the photos and of the noise."""
        return fingerprint(self.photos, self.sigma, self.seed)

    def __len__(self) -> int:
        return len(self.clean)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Several photos of one shape, N×1×H×W. ``DataLoader`` calls this where it exists."""
        clean, noise = (torch.stack([x[i] for i in indices]) for x in (self.clean, self.noise))
        return clean + noise, clean

    def loader(self, batch_size: int | None = None) -> DataLoader:
        """A plain ``DataLoader``: all photos in their order, in batches of one shape and at most
        this size: by default 8 on a GPU and 1 on a CPU, where more photos only leave the caches.

        Raises ``ValueError`` for a size below 1.
        """
        if batch_size is None:
            batch_size = 1 if self.clean[0].device.type == "cpu" else 8
        if batch_size < 1:
            raise ValueError(f"a batch needs at least 1 photo, not {batch_size}")
        batches = []
        for _, same in groupby(range(len(self)), key=lambda i: self.clean[i].shape):
            same = list(same)
            batches += [same[i : i + batch_size] for i in range(0, len(same), batch_size)]
        return DataLoader(self, batch_sampler=batches, collate_fn=as_it_is)

    def __repr__(self) -> str:
        photos = count(len(self), "photo")
        return f"NoisyPhotos({photos}, {self.source}, on {self.clean[0].device})"


def grey_photos(folder: str | Path, source: str = "", *, device=None) -> GreyPhotos:
    """The photos of a folder in 8-bit grey, upright, in natural order (2.png before 10.png).

    Colour photos are converted (ITU-R 601-2 luma), 16-bit ones cut to 8 bits, transparent ones put
    on white. A report says how many were read, what was converted and what could not be used.
    Raises ``DataError`` when there is no such folder or no photo in it that can be used.
    """
    folder = Path(folder)
    title, device = source or folder.resolve().name, device or lab.default_device()
    photos, notes = {}, {}
    for path in photo_files.visible(folder):
        if path.is_file():

            def use(image: Image.Image, name: str = path.name) -> str:
                image, kind = photo_files.as_grey(image)
                photos[name] = torch.from_numpy(np.array(image)).to(device)
                return kind

            notes[path.name] = photo_files.decode(path, use)
    report = photo_files.report_on(
        title, notes, "8-bit grey", f"{count(len(photos), 'photo')} read"
    )
    if not photos:
        raise DataError(f"{report}\n  nothing to denoise: name the folder that holds the photos")
    if any(notes.values()) or not source:
        say(report)
    return GreyPhotos(list(photos.values()), list(photos), title)


def grey_photo(path: str | Path, *, largest: int = 512, device=None) -> GreyPhotos:
    """The photo of one file, converted as by ``grey_photos``: a ``GreyPhotos`` with one photo.

    Of a side of more than ``largest`` pixels the middle is taken. It is cut out, not made smaller,
    for that would change the noise. A report says what was done. Raises ``DataError`` where there
    is no such file, and for one that cannot be used; ``ValueError`` for ``largest`` below 1.
    """
    if largest < 1:
        raise ValueError(f"largest must be at least 1 pixel, not {largest}")
    path, device = Path(path).expanduser(), device or lab.default_device()
    shown, cut, pixels = from_here(path), [], []
    if not path.exists() or path.is_dir():
        folder = path if path.is_dir() else path.parent
        inside = [one.name for one in photo_files.visible(folder) if one.is_file()]
        files = f"the files in {from_here(folder)} are: {photo_files.shortened(inside) or 'none'}"
        what = f"{shown} is a folder" if path.is_dir() else f"there is no file {shown}"
        raise DataError(f"{what}; {printable(files)}")

    def use(image: Image.Image) -> str:
        width, height = image.size
        if max(width, height) > largest:
            left, top = (max(0, side - largest) // 2 for side in image.size)
            box = (left, top, left + min(width, largest), top + min(height, largest))
            image = image.crop(box)
            part = f"its middle was taken, {times(image.size)} of {times((width, height))} pixels"
            cut.append(f"{part}, cut out and not made smaller, for that would change the noise")
        image, kind = photo_files.as_grey(image)
        pixels.append(torch.from_numpy(np.array(image)).to(device))
        return kind

    note = photo_files.decode(path, use)
    if not pixels or "unreadable" in note:
        why = photo_files.no_photo(path) or note.get("unreadable", "not a photo")
        advice = "Take another photo, or save a part of it as JPEG or PNG"
        raise DataError(f"{shown} cannot be used: {printable(why)}. {advice}")
    size = f"{times(pixels[0].shape[::-1])} pixels"
    say(photo_files.report_on(path.name, {path.name: note}, "8-bit grey", size, cut))
    return GreyPhotos(pixels, [path.name], printable(path.name))


def load_grey(name: str, *, device=None) -> GreyPhotos:
    """Grey photos: ``"bsd_train"`` to learn from, ``"bsd68"`` or ``"set12"`` to test on.

    Looks in this order: the publisher's files in the data folder (``denoise/``), the missing ones
    downloaded from the repository of Zhang et al. (2017, github.com/cszn/DnCNN) and checked against
    their sha256; a stand-in of the photos that scikit-learn and scikit-image bring along, announced
    by a banner that gives the reason. At scale smoke it is always the stand-in. ``bsd_train`` has
    the first 120 of the paper's 400 photos.

    Raises ``ValueError`` for an unknown name, ``DataError`` for a damaged file or a folder that
    cannot be written.
    """
    one, device = known(name, GREY_PHOTOS), device or lab.default_device()

    def published(folder: Path) -> GreyPhotos:
        place = Path(one.files[0].path).parent
        found = grey_photos(folder / place, one.title, device=device)
        if len(found) != len(one.files):
            what = f"{place.as_posix()} in the data folder has {len(found)} photos"
            has = f"{one.title} has {len(one.files)}"
            raise DataError(f"{what}, but {has}: move away what does not belong there")
        return found

    def standin() -> tuple[GreyPhotos, str]:
        photos = standins.grey_photos(one.part)
        pixels = [photo.to(device) for photo in photos.values()]
        return GreyPhotos(pixels, list(photos), one.standin), f"{len(photos)} photos"

    return look_for(one, published=published, standin=standin)


def _check(photos: GreyPhotos, sigma: float) -> None:
    """Raise ``ValueError`` where there are no photos, or no noise."""
    if not len(photos):
        raise ValueError(f"{photos.source}: there are no photos")
    if not isinstance(sigma, numbers.Real) or not 0 < sigma < math.inf:
        what = "noise needs a standard deviation above 0 (in steps of 255 grey levels)"
        raise ValueError(f"{what}, not {sigma!r}; only patches take a pair (low, high)")
