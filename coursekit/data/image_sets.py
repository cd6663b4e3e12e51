"""The image sets of the course, from whatever form they are here in: ``load``."""

import gzip
import pickle
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchvision.datasets.utils import extract_archive

from .. import lab
from ..images import Images
from .catalogue import IMAGES, DataSet, known
from .download import DataError
from .lookup import Arrays, look_for
from .photo_files import report_on
from .photos import counted, decoded, photos, readable

Parts = tuple[Images, Images]  # train, test


def load(
    name: str, *, size: int | None = None, mean=None, std=None, device=None
) -> tuple[Images, Images]:
    """The training and the test part of ``"mnist"``, ``"fashion_mnist"``, ``"cifar10"`` or
    ``"cats_vs_dogs"``.

    Looks in this order: a prepared file (``NAME.npz``) in the data folder; for cats and dogs a
    folder of photos there (``NAME/``, see ``photos``), a third of which is for testing, chosen with
    seed 0; the publisher's own files there, the missing ones downloaded from torchvision's
    addresses and checked against its md5 (for cats and dogs Oxford-IIIT Pet); a stand-in, announced
    by a banner that gives the reason. At scale smoke it is always the stand-in.

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
        prepared=_prepared,
        photos=(lambda folder: _photo_folder(folder, one, size)) if one.size else None,
        published=lambda folder: READERS[one.reader](folder, one, size),
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


def _prepared(arrays: Arrays) -> Parts:
    """From the arrays of a prepared file."""
    train_x, train_y, test_x, test_y, classes, source = arrays.values()
    tensors = []
    for x, y in ((train_x, train_y), (test_x, test_y)):
        if y.dtype.kind not in "iu":  # 1.5 must not become 1
            raise ValueError(f"labels must be whole numbers, not {y.dtype}")
        x = torch.from_numpy(x)  # N×H×W or N×H×W×C, as people store images
        x = x.permute(0, 3, 1, 2).contiguous() if x.ndim == 4 else x.unsqueeze(1)
        tensors += [x, torch.from_numpy(y.astype(np.int64))]
    parts = _parts(tensors, tuple(map(str, np.atleast_1d(classes))), str(source))
    shapes = f"{train_x.shape} and {test_x.shape}"
    if not len(train_x) or not len(test_x):
        raise ValueError(f"a part is empty: the training and the test images are {shapes}")
    if train_x.shape[1:] != test_x.shape[1:]:
        raise ValueError(f"both parts must hold images of one size, not {shapes}")
    return parts


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
    tensors = []
    for file, header in zip(one.files, (16, 8, 16, 8)):
        content = bytearray(gzip.decompress((folder / file.path).read_bytes()))
        numbers = torch.frombuffer(content, dtype=torch.uint8, offset=header)
        tensors.append(numbers.view(-1, 1, 28, 28) if header == 16 else numbers.long())
    return _parts(tensors, one.classes, one.publication)


def _read_cifar(folder: Path, one: DataSet, size: int | None) -> Parts:
    """CIFAR-10's own format: pickled batches in one archive (its hash was checked before this)."""
    with tarfile.open(folder / one.files[0].path) as archive:
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
    for file in one.files:
        unpacked = base / Path(file.path).name.removesuffix(".tar.gz")
        if not unpacked.exists():  # elsewhere and then moved: it is there whole or not at all
            with tempfile.TemporaryDirectory(dir=base) as place:
                extract_archive(folder / file.path, place)
                Path(place, unpacked.name).rename(unpacked)

    def part(split: str) -> Images:
        lines = (base / "annotations" / f"{split}.txt").read_text(encoding="utf-8").splitlines()
        # name, breed of the 37, species (1 cat, 2 dog), breed of this species
        species = {f"{line.split()[0]}.jpg": int(line.split()[2]) - 1 for line in lines}
        files = [base / "images" / name for name in species]
        images, notes, _ = decoded(files, size, base / ".photos" / f"{split}-{size}.npz")
        labels = [species[path.name] for path in files if readable(path, notes)]
        amount = counted(labels, one.classes)
        print(report_on(f"{one.publication}, {split}", notes, "RGB", amount))
        return Images(images, torch.tensor(labels), one.classes, one.publication)

    return part("trainval"), part("test")


# Of the publisher's files: from the data folder, the entry and the size make the two parts.
READERS = {"idx": _read_idx, "cifar": _read_cifar, "pets": _read_pets}
