"""Grey photos of any size, and noise: patches to learn from with fresh noise, whole photos to test
on with noise that stays."""

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from . import lab, pictures, standins
from .augment import RandomSymmetry
from .data import as_it_is, describe
from .download import DataError
from .sources import File, look_for, obtain, source_of_standin


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
        if len(self.pixels) != len(self.names):
            raise ValueError(
                f"{self.source}: {len(self.names)} names for {len(self.pixels)} photos"
            )
        for photo, name in zip(self.pixels, self.names):
            if not isinstance(photo, Tensor) or photo.ndim != 2 or photo.dtype != torch.uint8:
                kind = (
                    describe(photo)
                    if isinstance(photo, Tensor)
                    else (f"of type {type(photo).__name__}")
                )
                raise ValueError(
                    f"{self.source}: a grey photo must be a tensor, uint8 height×width, but {name} is {kind}"
                )
        object.__setattr__(self, "pixels", tuple(self.pixels))
        object.__setattr__(self, "names", tuple(self.names))

    def __len__(self) -> int:
        return len(self.pixels)

    def select(self, index: slice | Sequence[int]) -> "GreyPhotos":
        """These photos, in this order."""
        chosen = range(len(self))[index] if isinstance(index, slice) else index
        return GreyPhotos(
            [self.pixels[i] for i in chosen], [self.names[i] for i in chosen], self.source
        )

    def patches(
        self, size: int, sigma: float | tuple[float, float], *, stride: int = 10
    ) -> "NoisyPatches":
        """All squares of ``size`` pixels whose corners lie ``stride`` pixels apart, to learn from
        (see ``NoisyPatches``)."""
        return NoisyPatches(self, size, sigma, stride)

    def noisy(self, sigma: float, *, seed: int = 0) -> "NoisyPhotos":
        """The whole photos with noise that stays the same, to test on (see ``NoisyPhotos``)."""
        return NoisyPhotos(self, sigma, seed)

    def __repr__(self) -> str:
        shapes = sorted({tuple(photo.shape) for photo in self.pixels})
        sizes = ", ".join(map(_times, shapes[:3])) + ", …" * (len(shapes) > 3)
        return f"GreyPhotos({len(self)} photos of {sizes}, {self.source})"


@dataclass(eq=False)
class NoisyPatches(Dataset):
    """Patches of photos with Gaussian noise that is drawn anew each time; a batch is gathered from
    the photos.

    A batch is (noisy, clean), both float N×1×size×size with 0 black and 1 white; noisy values are
    not clipped. Each patch is in one of the eight symmetries of the square, drawn at random.
    ``sigma`` is the noise's standard deviation in steps of 255 grey levels (25, not 25 / 255); of a
    pair (low, high) each patch draws its own, evenly between them. Everything happens on the
    photos' device, with torch's random numbers. Raises ``ValueError`` for noise that is not above
    0, a size or stride below 1, and a photo that is smaller than a patch.
    """

    photos: GreyPhotos
    size: int
    sigma: float | tuple[float, float]
    stride: int = 10
    symmetry: RandomSymmetry = field(default_factory=RandomSymmetry)

    def __post_init__(self):
        low, high = (
            self.sigma
            if isinstance(self.sigma, (tuple, list)) and len(self.sigma) == 2
            else (self.sigma, self.sigma)
        )
        _check_sigma(high)
        if not 0 <= low <= high:
            raise ValueError(
                f"noise between {low} and {high}: the first must not be below 0, nor above the second"
            )
        if self.size < 1 or self.stride < 1:
            raise ValueError(
                f"size and stride of patches must be at least 1, not {self.size} and {self.stride}"
            )
        if not len(self.photos):
            raise ValueError(f"{self.photos.source}: there are no photos, so there are no patches")
        small = [
            f"{name} ({_times(photo.shape)})"
            for photo, name in zip(self.photos.pixels, self.photos.names)
            if min(photo.shape) < self.size
        ]
        if small:
            raise ValueError(
                f"{len(small)} of {len(self.photos)} photos are smaller than a patch of {self.size}×{self.size}: "
                f"{pictures.shortened(small)}. Take smaller patches, or leave these photos out with select"
            )
        self._range = low / 255, high / 255
        height, width = (max(photo.shape[i] for photo in self.photos.pixels) for i in (0, 1))
        device = self.photos.pixels[0].device
        canvas = torch.zeros(len(self.photos), height, width, dtype=torch.uint8, device=device)
        places = []
        for i, photo in enumerate(self.photos.pixels):
            canvas[i, : photo.shape[0], : photo.shape[1]] = photo
            rows, columns = (
                torch.arange(0, side - self.size + 1, self.stride) for side in photo.shape
            )
            places.append(torch.cartesian_prod(torch.tensor([i]), rows, columns))
        self.places = torch.cat(places).to(device)  # photo, row and column of each patch's corner
        # photos×rows×columns×size×size, a view: all patches in the memory of the photos
        self.windows = canvas.unfold(1, self.size, 1).unfold(2, self.size, 1)

    @property
    def source(self) -> str:
        """What the photos are, and how noisy."""
        low, high = self._range
        noise = f"{255 * high:g}" if low == high else f"{255 * low:g} to {255 * high:g}"
        return f"{self.photos.source}, σ = {noise}"

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """One patch, noisy and clean, float 1×size×size each."""
        x, y = self.__getitems__([range(len(self))[index]])
        return x[0], y[0]

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """A whole batch at once. ``DataLoader`` calls this where it exists."""
        photo, row, column = self.places[
            torch.as_tensor(indices, device=self.places.device)
        ].unbind(1)
        clean = self.symmetry(self.windows[photo, row, column].unsqueeze(1).float() / 255)
        low, high = self._range
        sigma = low + (high - low) * torch.rand(len(clean), 1, 1, 1, device=clean.device)
        return clean + sigma * torch.randn_like(clean), clean

    def loader(self, batch_size: int, *, shuffle: bool = False) -> DataLoader:
        """A plain ``DataLoader`` over these patches."""
        return DataLoader(self, batch_size=batch_size, shuffle=shuffle, collate_fn=as_it_is)

    def __repr__(self) -> str:
        return f"NoisyPatches({len(self):,} of {self.size}×{self.size}, {self.source}, on {self.places.device})"


@dataclass(eq=False)
class NoisyPhotos(Dataset):
    """Whole photos with Gaussian noise that is drawn once, the same for a seed on every device.

    A sample is (noisy, clean), both float 1×H×W with 0 black and 1 white; noisy values are not
    clipped. ``sigma`` is in steps of 255 grey levels. The photos are sorted by their shape, so that
    a loader's batches can have photos of one shape each; ``names`` are in this order. Raises
    ``ValueError`` for noise that is not above 0.
    """

    photos: GreyPhotos
    sigma: float
    seed: int = 0

    def __post_init__(self):
        _check_sigma(self.sigma)
        if not len(self.photos):
            raise ValueError(f"{self.photos.source}: there are no photos to test on")
        generator = torch.Generator().manual_seed(self.seed)
        order = sorted(
            range(len(self.photos)), key=lambda i: tuple(self.photos.pixels[i].shape)
        )  # stable
        noise = [torch.randn(photo.shape, generator=generator) for photo in self.photos.pixels]
        self.names = tuple(self.photos.names[i] for i in order)
        self.clean = [self.photos.pixels[i].float().unsqueeze(0) / 255 for i in order]
        self.noise = [
            self.sigma / 255 * noise[i].unsqueeze(0).to(self.clean[0].device) for i in order
        ]

    @property
    def source(self) -> str:
        """What the photos are, and how noisy."""
        return f"{self.photos.source}, σ = {self.sigma:g}"

    def __len__(self) -> int:
        return len(self.clean)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """One photo, noisy and clean."""
        return self.clean[index] + self.noise[index], self.clean[index]

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Several photos of one shape, N×1×H×W. ``DataLoader`` calls this where it exists."""
        noisy, clean = zip(*(self[i] for i in indices))
        return torch.stack(noisy), torch.stack(clean)

    def loader(self, batch_size: int | None = None) -> DataLoader:
        """A plain ``DataLoader``: all photos in their order, in batches of one shape and at most
        this size.

        Without a size it is 8 on a GPU and 1 on a CPU, where larger batches of whole photos only
        leave the caches.
        """
        if batch_size is None:
            batch_size = 8 if self.clean[0].is_cuda else 1
        if batch_size < 1:
            raise ValueError(f"a batch needs at least 1 photo, not {batch_size}")
        batches, shapes = [], [photo.shape for photo in self.clean]
        for i, shape in enumerate(shapes):
            if i == 0 or shape != shapes[i - 1] or len(batches[-1]) == batch_size:
                batches.append([])
            batches[-1].append(i)
        return DataLoader(self, batch_sampler=batches, collate_fn=as_it_is)

    def __repr__(self) -> str:
        return f"NoisyPhotos({len(self)} photos, {self.source}, on {self.clean[0].device})"


def grey_photos(folder: str | Path, source: str = "", *, device=None) -> GreyPhotos:
    """The photos of a folder in 8-bit grey, upright, in the natural order of their names (2.png
    before 10.png).

    Colour photos are converted (ITU-R 601-2 luma), 16-bit ones cut to 8 bits, transparent ones put
    on white. A report says how many were read, what was converted and what could not be used.
    Raises ``DataError`` when there is no such folder or no photo in it that can be used.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(pictures.no_folder(folder))
    title, device = source or folder.resolve().name, device or lab.default_device()
    photos, notes = {}, {}
    for path in sorted(folder.iterdir(), key=lambda path: pictures.natural(path.name)):
        if path.is_file() and not path.name.startswith("."):

            def use(image: Image.Image, name: str = path.name) -> str:
                image, kind = pictures.as_grey(image)
                photos[name] = torch.from_numpy(np.array(image)).to(device)
                return kind

            notes[path.name] = pictures.decode(path, use)
    report = pictures.printable(
        "\n  ".join(
            [
                f"{title}: {len(photos)} photos read",
                *pictures.remarks(
                    notes,
                    {
                        "converted": "converted to 8-bit grey",
                        "turned": "turned upright as EXIF says",
                        "unreadable": "could not be read",
                    },
                ),
            ]
        )
    )
    if not photos:
        raise DataError(
            f"{report}\n  so there is nothing to denoise: name the folder that holds the photos"
        )
    if any(notes.values()) or not source:
        print(report)
    return GreyPhotos(list(photos.values()), list(photos), title)


@dataclass(frozen=True)
class _Known:
    """A set of photos that ``load_grey`` knows: where it lies, at whom, and how many photos it
    has."""

    title: str
    licence: str
    folder: str
    address: str
    part: str  # of the stand-in
    count: int


_BSD = "for non-commercial research and education"
_DNCNN = "https://raw.githubusercontent.com/cszn/DnCNN/master"
KNOWN = {
    "bsd_train": _Known(
        "BSD training photos",
        _BSD,
        "denoise/Train400_first120",
        f"{_DNCNN}/TrainingCodes/DnCNN_TrainingCodes_v1.0/data/Train400",
        "train",
        120,
    ),
    "bsd68": _Known("BSD68", _BSD, "denoise/Set68", f"{_DNCNN}/testsets/BSD68", "test", 68),
    "set12": _Known(
        "Set12",
        "none stated; rights with their owners",
        "denoise/Set12",
        f"{_DNCNN}/testsets/Set12",
        "test",
        12,
    ),
}


_STANDIN = "photos of scikit-learn and scikit-image"


def files(name: str) -> list[File]:
    """The files of a set with their addresses and hashes, which the package keeps in
    ``denoising.sha256``."""
    known = KNOWN[name]
    lines = (
        resources.files(__package__)
        .joinpath("denoising.sha256")
        .read_text(encoding="utf-8")
        .splitlines()
    )
    listed = [line.split("  ") for line in lines]
    return [
        File(path, (f"{known.address}/{path.rsplit('/', 1)[-1]}",), f"sha256:{sha256}")
        for sha256, path in listed
        if path.startswith(f"{known.folder}/")
    ]


def load_grey(name: str, *, device=None) -> GreyPhotos:
    """Grey photos for denoising: ``"bsd_train"`` to learn from, ``"bsd68"`` or ``"set12"`` to test
    on.

    Looks in this order: the publisher's files in the data folder (``denoise/``), the missing ones
    downloaded from the repository of Zhang et al. (2017, github.com/cszn/DnCNN) and checked against
    their sha256; a stand-in of the photos that scikit-learn and scikit-image bring along, announced
    by a banner that gives the reason. At scale smoke it is always the stand-in. ``bsd_train`` has
    the first 120 of the paper's 400 photos.

    Raises ``ValueError`` for an unknown name, ``DataError`` for a damaged file or a folder that
    cannot be written.
    """
    if name not in KNOWN:
        raise ValueError(
            f"there is no set of grey photos {name!r}: choose one of {', '.join(KNOWN)}"
        )
    known, device = KNOWN[name], device or lab.default_device()

    def published() -> GreyPhotos:
        obtain(files(name), known.title)
        found = grey_photos(lab.data_folder() / known.folder, known.title, device=device)
        if len(found) != known.count:
            raise DataError(
                f"{known.folder} in the data folder has {len(found)} photos, but {known.title} has {known.count}: "
                "move away what does not belong there"
            )
        return found

    def standin() -> tuple[GreyPhotos, str]:
        photos = standins.grey_photos(known.part)
        source = source_of_standin(known.title, _STANDIN)
        return GreyPhotos(
            [photo.to(device) for photo in photos.values()], list(photos), source
        ), f"{len(photos)} photos"

    return look_for(known.title, [published], standin, _STANDIN)


def _check_sigma(sigma: float) -> None:
    if not isinstance(sigma, numbers.Real) or not 0 < sigma < math.inf:
        raise ValueError(
            f"noise needs a standard deviation above 0 (in steps of 255 grey levels), not {sigma!r}; only patches "
            "take a pair (low, high)"
        )


def _times(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))
