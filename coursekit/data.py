"""Small image data sets that live on the device as one uint8 tensor, and the ways to get them."""

import contextlib
import gzip
import hashlib
import json
import os
import pickle
import re
import tarfile
import tempfile
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import datasets
from torchvision.datasets.utils import extract_archive
from torchvision.transforms.v2 import functional as transforms

from . import lab, pictures, standins
from .download import DataError, Progress
from .sources import File, NotHere, look_for, obtain, read_arrays, source_of_standin

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(eq=False)
class Images(Dataset):
    """Images and labels as two tensors on one device: a batch is one indexing operation.

    ``images`` uint8 N×C×H×W, ``labels`` int64 N, ``classes`` the name of each label, ``source``
    what the data are, ``mean`` and ``std`` for pixels scaled to 0 … 1 (one number, or one for each
    channel), ``augment`` functions from a uint8 batch to a uint8 batch, applied in their order
    before the pixels are normalised. Raises ``ValueError`` when shapes, types or labels do not fit
    together.
    """

    images: Tensor
    labels: Tensor
    classes: Sequence[str]
    source: str
    mean: float | Sequence[float] = 0.0
    std: float | Sequence[float] = 1.0
    augment: Sequence[Callable[[Tensor], Tensor]] = ()
    _scale: Tensor = field(init=False, repr=False)
    _shift: Tensor = field(init=False, repr=False)

    def __post_init__(self):
        images, labels, classes = self.images, self.labels, len(self.classes)
        if images.ndim != 4 or images.dtype != torch.uint8:
            raise ValueError(f"{self.source}: images must be uint8 N×C×H×W, not {describe(images)}")
        if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
            raise ValueError(
                f"{self.source}: labels must be int64, one for each of the {len(images)} images, "
                f"not {describe(labels)}"
            )
        if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
            raise ValueError(
                f"{self.source}: labels must lie in 0 … {classes - 1} for {classes} classes, "
                f"but run from {labels.min()} to {labels.max()}"
            )
        channels = images.shape[1]
        mean, std = (
            torch.tensor(value, dtype=torch.float32).reshape(-1) for value in (self.mean, self.std)
        )
        if any(len(value) not in (1, channels) for value in (mean, std)) or not (std > 0).all():
            raise ValueError(
                f"{self.source}: mean and std need 1 or {channels} numbers, and std above zero, "
                f"not {self.mean} and {self.std}"
            )
        # (pixel / 255 - mean) / std, written as pixel * scale - shift
        self._scale = (1 / (255 * std)).view(-1, 1, 1).to(images.device)
        self._shift = (mean / std).view(-1, 1, 1).to(images.device)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """One image, float C×H×W, and its label."""
        index = range(len(self))[index]
        x, y = self.__getitems__([index])
        return x[0], int(y[0])

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """A whole batch at once, float N×C×H×W and int64 N. ``DataLoader`` calls this where it
        exists."""
        index = torch.as_tensor(indices, device=self.labels.device)
        x, y = self.images.index_select(0, index), self.labels.index_select(0, index)
        for change in self.augment:
            x = change(x)
        return x.float().mul_(self._scale).sub_(self._shift), y

    def loader(
        self, batch_size: int, *, shuffle: bool = False, augment: Sequence[Callable] = ()
    ) -> DataLoader:
        """A plain ``DataLoader`` over these images; ``augment`` holds for this loader only.

        Raises ``ValueError`` when there are no images.
        """
        if not len(self):
            raise ValueError(f"{self.source}: there are no images, so there is nothing to load")
        return DataLoader(
            replace(self, augment=augment) if augment else self,
            batch_size=batch_size,
            shuffle=shuffle,
            collate_fn=as_it_is,
        )

    def take(self, n: int) -> "Images":
        """The first n images (all, if there are fewer)."""
        return self.select(slice(0, n))

    def split(self, fraction: float, seed: int = 0) -> tuple["Images", "Images"]:
        """Two disjoint parts, the second with this fraction of every class (scikit-learn's
        stratified split)."""
        first, second = (self.select(part) for part in stratified(self.labels, fraction, seed))
        return first, second

    def select(self, index: slice | Tensor) -> "Images":
        """These images, in this order."""
        return replace(self, **self._chosen(index))

    def _chosen(self, index: slice | Tensor) -> dict:
        """All that there is one of for each image, of these images only."""
        return {"images": self.images[index], "labels": self.labels[index]}

    def pixels(self, index: slice | Sequence[int] = slice(None)) -> np.ndarray:
        """Images as people see them: uint8 N×H×W×C on the CPU, neither augmented nor normalised."""
        return self.images[index].permute(0, 2, 3, 1).cpu().numpy()

    def __repr__(self) -> str:
        n, *shape = self.images.shape
        return (
            f"{type(self).__name__}({n:,} × {'×'.join(map(str, shape))}, {len(self.classes)} classes, "
            f"{self.source}, on {self.images.device})"
        )


def stratified(labels: Tensor, fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Positions of two disjoint parts, in order, the second with this fraction of every label
    (scikit-learn's split)."""
    from sklearn.model_selection import train_test_split

    parts = train_test_split(
        np.arange(len(labels)), test_size=fraction, random_state=seed, stratify=labels.cpu().numpy()
    )
    first, second = (torch.as_tensor(np.sort(part), device=labels.device) for part in parts)
    return first, second


def as_it_is(batch):
    """``__getitems__`` has made the batch already: nothing is left to collate."""
    return batch


def describe(tensor: Tensor) -> str:
    """Type and shape of a tensor, for messages."""
    return f"{str(tensor.dtype).removeprefix('torch.')} {'×'.join(map(str, tensor.shape))}"


@dataclass(eq=False, repr=False, kw_only=True)
class Photos(Images):
    """The photos of a folder: ``Images`` that know their files.

    ``names`` the file name of each image (numpy array of str), ``unreadable`` every other file of
    the folder and the reason why it is not among them.
    """

    names: np.ndarray
    unreadable: dict[str, str]

    def __post_init__(self):
        super().__post_init__()
        if np.shape(self.names) != (len(self),):
            raise ValueError(
                f"{self.source}: there must be one name for each of the {len(self)} images"
            )

    def _chosen(self, index: slice | Tensor) -> dict:
        names = self.names[index.cpu().numpy() if isinstance(index, Tensor) else index]
        return {**super()._chosen(index), "names": names}


def photos(
    folder: str | Path,
    size: int,
    *,
    classes: Sequence[str] | None = ("cat", "dog"),
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    device=None,
) -> Photos:
    """The photos of a folder as squares of ``size`` pixels, in the natural order of their names
    (cat.2 before cat.10).

    A photo belongs to the class with which its name begins, as in ``cat.7.jpg`` or ``Dog_7.png``.
    With ``classes=None`` it is a test folder ``0.jpg, 1.jpg, …``: sorted by number, every label 0,
    of the one class "unknown".

    A photo is turned upright as its EXIF says, converted to RGB (on white where it is transparent),
    its shorter side resized to ``size`` (bicubic, after a JPEG was decoded at not less than twice
    that), the middle of the longer side kept. All this is done once, in parallel; the result is
    kept in ``.photos/`` beside the folder and made again when a file has changed. A report says how
    many photos were read, what was converted and what could not be used.

    Raises ``ValueError`` for a size below 1, ``DataError`` when there is no such folder or no photo
    in it that can be used.
    """
    if size < 1:
        raise ValueError(f"photos need a size of at least 1 pixel, not {size}")
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(pictures.no_folder(folder))
    title = folder.resolve().name
    files, left_out = _sorted_out(folder, classes)
    images, notes, kept = _decoded(
        files, size, folder.resolve().parent / ".photos" / f"{title}-{size}.npz"
    )
    unreadable = left_out | {
        name: note["unreadable"] for name, note in notes.items() if "unreadable" in note
    }
    unreadable = {name: unreadable[name] for name in sorted(unreadable, key=pictures.natural)}
    names = [path.name for path in files if path.name not in unreadable]
    if classes is None:
        labels, remarks = [0] * len(names), _remarks_on_numbers([path.name for path in files])
    else:
        labels = [_class_of(name, classes) for name in names]
        remarks = [
            f"no photo of class {label}" for i, label in enumerate(classes) if i not in labels
        ]
    if not kept:
        remarks.append(
            "not kept for the next time: the folder .photos beside this one cannot be written"
        )
    report = _report(title, labels, classes, notes, left_out, remarks)
    if not names:
        inside = [name for name, reason in left_out.items() if reason == _A_FOLDER]
        raise DataError(
            f"{report}\n  so there is nothing to learn from: name "
            + (
                f"one of its folders, as {title}/{inside[0]}"
                if inside
                else "the folder that holds the photos"
            )
        )
    print(report)
    device = device or lab.default_device()
    return Photos(
        images.to(device),
        torch.tensor(labels, device=device),
        tuple(classes or ("unknown",)),
        f"{title}, {len(names):,} photos",
        mean,
        std,
        names=np.array(names),
        unreadable=unreadable,
    )


def _class_of(name: str, classes: Sequence[str]) -> int | None:
    """Which of the classes a file name begins with; "catalogue.jpg" is no cat, for the word goes
    on."""
    fitting = [
        label
        for label in classes
        if re.match(rf"{re.escape(label)}(?![^\W\d_])", name, re.IGNORECASE)
    ]
    return list(classes).index(max(fitting, key=len)) if fitting else None


_A_FOLDER = "a folder"


def _sorted_out(folder: Path, classes: Sequence[str] | None) -> tuple[list[Path], dict[str, str]]:
    """The files to read, sorted, and the name of every other one with the reason; hidden ones do
    not count."""
    files, left_out = [], {}
    for path in sorted(folder.iterdir(), key=lambda path: pictures.natural(path.name)):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            left_out[path.name] = _A_FOLDER
        elif classes is None and not re.fullmatch("[0-9]+", path.stem):
            left_out[path.name] = "the name is no number"
        elif classes is not None and _class_of(path.name, classes) is None:
            left_out[path.name] = f"the name begins with {_none_of(classes)}"
        else:
            files.append(path)
    return files, left_out


def _none_of(words: Sequence[str]) -> str:
    return (
        f"neither {words[0]} nor {words[1]}" if len(words) == 2 else f"none of {', '.join(words)}"
    )


def _remarks_on_numbers(names: Sequence[str]) -> list[str]:
    """What is wrong with the numbers of a test folder: gaps, and numbers that two files bear."""
    with_number, remarks = {}, []
    for name in names:
        with_number.setdefault(int(Path(name).stem), []).append(name)
    last = max(with_number, default=-1)
    if missing := last + 1 - len(with_number):
        gaps, number = [], 0
        while len(gaps) < min(missing, 4):
            gaps += [str(number)] * (number not in with_number)
            number += 1
        remarks.append(
            f"missing of the numbers 0 … {last}: {missing:,} ({pictures.shortened(gaps)})"
        )
    if double := [" = ".join(group) for group in with_number.values() if len(group) > 1]:
        remarks.append(
            f"more than one photo with the same number: {len(double):,} ({pictures.shortened(double)})"
        )
    return remarks


def _report(
    title: str,
    labels: Sequence[int],
    classes: Sequence[str] | None,
    notes: dict[str, dict],
    left_out: dict[str, str],
    remarks: Sequence[str],
) -> str:
    """What was read, and a line for each thing that is not as it should be."""
    counts = (
        ""
        if classes is None
        else "".join(f", {label} {labels.count(i):,}" for i, label in enumerate(classes))
    )
    notes = notes | {name: {"left out": reason} for name, reason in left_out.items()}
    return pictures.printable(
        "\n  ".join(
            [
                f"{title}: {len(labels):,} photos read{counts}",
                *pictures.remarks(
                    notes,
                    {
                        "converted": "converted to RGB",
                        "turned": "turned upright as EXIF says",
                        "unreadable": "could not be read",
                        "left out": "left out",
                    },
                ),
                *remarks,
            ]
        )
    )


def _decoded(files: Sequence[Path], size: int, cache: Path) -> tuple[Tensor, dict[str, dict], bool]:
    """The readable ones of these photos, uint8 N×3×size×size, what there is to say of each file,
    and whether it is kept.

    A note may have "converted" and "turned"; one with "unreadable" says that the photo is not among
    the images.
    """
    state = [(path.name, *_state(path)) for path in files]
    fingerprint = hashlib.sha256(
        json.dumps([_RECIPE, size, Image.MAX_IMAGE_PIXELS, state]).encode()
    ).hexdigest()
    try:
        with open(cache, "rb") as opened, np.load(opened) as file:
            if str(file["fingerprint"]) == fingerprint:
                return torch.from_numpy(file["images"]), json.loads(str(file["notes"])), True
    except (
        Exception
    ):  # there is none, or a damaged one, whose errors have no common class: it is made anew
        pass
    pixels = np.empty((len(files), 3, size, size), np.uint8)
    notes = {path.name: note for path, note in zip(files, _decode_all(files, pixels)) if note}
    readable = [i for i, path in enumerate(files) if "unreadable" not in notes.get(path.name, {})]
    for row, i in enumerate(readable):  # closes the gaps in place
        if row != i:
            pixels[row] = pixels[i]
    pixels = pixels[: len(readable)]
    part = cache.with_name(f"{cache.name}.{os.getpid()}.part")
    try:
        cache.parent.mkdir(exist_ok=True)
        with open(part, "wb") as opened:
            np.savez(opened, images=pixels, notes=json.dumps(notes), fingerprint=fingerprint)
        os.replace(part, cache)
        kept = True
    except OSError:
        kept = False
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return torch.from_numpy(pixels), notes, kept


_RECIPE = (
    1  # to be raised when _decode makes other pixels, so that what was kept before is made anew
)


def _state(path: Path) -> tuple[int, ...]:
    """Length, time of change and permissions, which tell a changed file."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_size, found.st_mtime_ns, found.st_mode


def _decode_all(files: Sequence[Path], pixels: np.ndarray) -> list[dict]:
    """Fill the rows with the photos, in threads (Pillow lets go of the interpreter while it works):
    the notes of each."""
    Image.init()  # not by several threads at once
    with warnings.catch_warnings(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        warnings.simplefilter(
            "ignore"
        )  # about odd EXIF data, and about sizes, which are errors here
        with Progress("photos", len(files)) as progress:
            notes = []
            for note in pool.map(_decode, files, pixels):
                notes.append(note)
                progress.show(len(notes))
            return notes


def _decode(path: Path, row: np.ndarray) -> dict:
    """Fill 3×size×size with one photo: what there is to say of it."""
    size = row.shape[-1]

    def use(image: Image.Image) -> str:
        image, kind = pictures.as_rgb(image)
        row[:] = np.asarray(ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)).transpose(
            2, 0, 1
        )
        return kind

    return pictures.decode(path, use, size)


Arrays = tuple[
    Tensor, Tensor, Tensor, Tensor
]  # train images, train labels, test images, test labels
Parts = tuple[Images, Images]  # train, test


def _parts(arrays: Arrays, classes: Sequence[str], source: str) -> Parts:
    train_x, train_y, test_x, test_y = arrays
    return Images(train_x, train_y, classes, source), Images(test_x, test_y, classes, source)


def _read_idx(folder: Path, known: "_Known", size: int | None) -> Parts:
    """MNIST's own format: four gzipped files, each a short header and then bytes."""

    def pixels(file: File) -> Tensor:
        return torch.frombuffer(
            bytearray(gzip.decompress((folder / file.path).read_bytes())[16:]), dtype=torch.uint8
        ).view(-1, 1, 28, 28)

    def labels(file: File) -> Tensor:
        return torch.frombuffer(
            bytearray(gzip.decompress((folder / file.path).read_bytes())[8:]), dtype=torch.uint8
        ).long()

    train_x, train_y, test_x, test_y = known.files
    return _parts(
        (pixels(train_x), labels(train_y), pixels(test_x), labels(test_y)),
        known.classes,
        known.published,
    )


def _read_cifar(folder: Path, known: "_Known", size: int | None) -> Parts:
    """CIFAR-10's own format: pickled batches in one archive (its hash was checked before this)."""
    with tarfile.open(folder / known.files[0].path) as archive:
        batches = {
            Path(member.name).name: pickle.load(archive.extractfile(member), encoding="latin1")
            for member in archive
            if "_batch" in member.name
        }

    def part(names: list) -> tuple[Tensor, Tensor]:
        chosen = [batches[name] for name, _ in names]
        x = torch.from_numpy(np.concatenate([batch["data"] for batch in chosen])).view(
            -1, 3, 32, 32
        )
        return x, torch.tensor([label for batch in chosen for label in batch["labels"]])

    return _parts(
        (*part(datasets.CIFAR10.train_list), *part(datasets.CIFAR10.test_list)),
        known.classes,
        known.published,
    )


def _read_pets(folder: Path, known: "_Known", size: int | None) -> Parts:
    """Oxford-IIIT Pet: two archives, which torchvision unpacks and lists; cats and dogs, not the 37
    breeds."""
    base = folder / "oxford-iiit-pet"
    for file in known.files:
        inside = base / Path(file.path).name.removesuffix(".tar.gz")
        if (
            not inside.exists()
        ):  # unpacked elsewhere and then moved, so that it is there whole or not at all
            with tempfile.TemporaryDirectory(dir=base) as place:
                extract_archive(folder / file.path, place)
                (Path(place) / inside.name).rename(inside)

    def part(split: str) -> Images:
        pets = datasets.OxfordIIITPet(folder, split=split, target_types="binary-category")
        files, labels = (
            pets._images,
            dict(zip((path.name for path in pets._images), pets._bin_labels)),
        )
        images, notes, _ = _decoded(files, size, base / ".photos" / f"{split}-{size}.npz")
        labels = [
            labels[path.name] for path in files if "unreadable" not in notes.get(path.name, {})
        ]
        print(_report(f"{known.published}, {split}", labels, known.classes, notes, {}, ()))
        return Images(images, torch.tensor(labels), known.classes, known.published)

    return part("trainval"), part("test")


def _mnist_files(real: type[datasets.MNIST]) -> tuple[File, ...]:
    return tuple(
        File(
            f"{real.__name__}/raw/{name}",
            tuple(mirror + name for mirror in real.mirrors),
            f"md5:{md5}",
        )
        for name, md5 in real.resources
    )


def _pet_files(real: type[datasets.OxfordIIITPet]) -> tuple[File, ...]:
    return tuple(
        File(f"oxford-iiit-pet/{address.rsplit('/', 1)[-1]}", (address,), f"md5:{md5}")
        for address, md5 in real._RESOURCES
    )


@dataclass(frozen=True)
class _Known:
    """A data set that ``load`` knows. Addresses and hashes are torchvision's."""

    title: str
    published: str  # the publisher's name of it
    licence: str  # of what the publisher gives
    files: tuple[File, ...]
    read: Callable[[Path, "_Known", int | None], Parts]  # makes the two parts of the files
    standin: Callable[..., Arrays]
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: int | None = None  # the usual side of photos, which have no size of their own


KNOWN = {
    "mnist": _Known(
        "MNIST",
        "MNIST",
        "CC BY-SA 3.0 as commonly stated",
        _mnist_files(datasets.MNIST),
        _read_idx,
        standins.digits,
        tuple("0123456789"),
        (0.1307,),
        (0.3081,),
    ),
    "fashion_mnist": _Known(
        "Fashion-MNIST",
        "Fashion-MNIST",
        "MIT",
        _mnist_files(datasets.FashionMNIST),
        _read_idx,
        standins.clothing,
        (
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        (0.2860,),
        (0.3530,),
    ),
    "cifar10": _Known(
        "CIFAR-10",
        "CIFAR-10",
        "none stated (cite the technical report)",
        (
            File(
                datasets.CIFAR10.filename,
                (datasets.CIFAR10.url,),
                f"md5:{datasets.CIFAR10.tgz_md5}",
            ),
        ),
        _read_cifar,
        standins.pictures,
        ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        (0.4914, 0.4822, 0.4465),
        (0.2470, 0.2435, 0.2616),
    ),
    "cats_vs_dogs": _Known(
        "Cats vs dogs",
        "Oxford-IIIT Pet",
        "CC BY-SA 4.0",
        _pet_files(datasets.OxfordIIITPet),
        _read_pets,
        standins.pets,
        ("cat", "dog"),
        IMAGENET_MEAN,
        IMAGENET_STD,
        size=128,
    ),
}


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
    dogs. ``mean`` and ``std`` default to those of the real training set, for cats and dogs to those
    of ImageNet.

    Raises ``ValueError`` for an unknown name or a size below 1, ``DataError`` for a damaged file or
    a folder that cannot be written.
    """
    if name not in KNOWN:
        raise ValueError(f"there is no data set {name!r}: choose one of {', '.join(KNOWN)}")
    if size is not None and size < 1:
        raise ValueError(f"images need a size of at least 1 pixel, not {size}")
    known, folder = KNOWN[name], lab.data_folder()
    size, device = size or known.size, device or lab.default_device()

    def standin() -> tuple[Parts, str]:
        arrays = known.standin(**{"size": size} if known.size else {})
        parts = _parts(arrays, known.classes, source_of_standin(known.title))
        return parts, f"{len(parts[0]):,} + {len(parts[1]):,} made-up images"

    parts = look_for(
        known.title,
        [partial(way, name, known, folder, size) for way in (_prepared, _photo_folder, _published)],
        standin,
    )
    mean, std = known.mean if mean is None else mean, known.std if std is None else std
    train, test = (
        replace(
            part,
            images=_resized(part.images, size).to(device),
            labels=part.labels.to(device),
            mean=mean,
            std=std,
        )
        for part in parts
    )
    return train, test


def _resized(images: Tensor, size: int | None) -> Tensor:
    """The images as squares of this side: bilinear with antialias, the middle of what is not
    square."""
    if size is None or images.shape[-2:] == (size, size):
        return images
    result = torch.empty(*images.shape[:2], size, size, dtype=torch.uint8)
    for piece, place in zip(
        images.split(1000), result.split(1000)
    ):  # in pieces, for they are resized as float numbers
        place.copy_(
            transforms.center_crop(transforms.resize(piece, [size], antialias=True), [size])
        )
    return result


def _prepared(name: str, known: _Known, folder: Path, size: int | None) -> Parts:
    """From the prepared file."""
    return _read_prepared(folder / f"{name}.npz")


def _photo_folder(name: str, known: _Known, folder: Path, size: int | None) -> Parts:
    """From a folder of photos, for a set that consists of photos."""
    if known.size is None:
        raise NotHere
    if not (folder / name).is_dir():
        raise NotHere(f"there is no folder {name} with photos in the data folder")
    whole = photos(folder / name, size, classes=known.classes, device="cpu")
    counts = torch.bincount(whole.labels, minlength=len(known.classes))
    if counts.min() < 2:
        raise DataError(
            f"{name} holds {', '.join(f'{n} of {label}' for n, label in zip(counts, known.classes))}: "
            "at least 2 of each are needed, to learn and to test"
        )
    return replace(whole, source=f"{known.title}, {len(whole):,} photos").split(1 / 3, seed=0)


def _read_prepared(path: Path) -> Parts:
    """The two parts, the class names and the source text of a prepared file."""
    keys = ("train_images", "train_labels", "test_images", "test_labels", "classes", "source")
    train_x, train_y, test_x, test_y, classes, source = read_arrays(path, keys).values()

    def images(x: np.ndarray) -> Tensor:  # N×H×W or N×H×W×C, as people store pictures
        x = torch.from_numpy(x)
        return x.permute(0, 3, 1, 2).contiguous() if x.ndim == 4 else x.unsqueeze(1)

    classes, source = tuple(map(str, classes)), str(source)
    if train_y.dtype.kind not in "iu" or test_y.dtype.kind not in "iu":  # 1.5 must not become 1
        raise DataError(
            f"{path.name}: labels must be whole numbers, not {train_y.dtype} and {test_y.dtype}"
        )
    train_y, test_y = (torch.from_numpy(y.astype(np.int64)) for y in (train_y, test_y))
    try:
        parts = _parts((images(train_x), train_y, images(test_x), test_y), classes, source)
    except ValueError as error:
        raise DataError(f"{path.name}: {error}") from None
    if train_x.shape[1:] != test_x.shape[1:] or not len(train_x) or not len(test_x):
        raise DataError(
            f"{path.name}: both parts must hold images of one size, not {train_x.shape} and {test_x.shape}"
        )
    return parts


def _published(name: str, known: _Known, folder: Path, size: int | None) -> Parts:
    """From the publisher's files, which are downloaded if need be."""
    obtain(known.files, known.published)
    return known.read(folder, known, size)
