"""Small image data sets that live on the device as one uint8 tensor, and the ways to get them."""

import gzip
import hashlib
import http.client
import os
import pickle
import tarfile
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import datasets
from tqdm import tqdm

from . import lab, standins


class DataError(Exception):
    """A data file that cannot be used; the message names it and says what to do."""


@dataclass(eq=False)
class Images(Dataset):
    """Images and labels as two tensors on one device: a batch is one indexing operation.

    ``images`` uint8 N×C×H×W, ``labels`` int64 N, ``classes`` the name of each label, ``source`` what the data are,
    ``mean`` and ``std`` for pixels scaled to 0 … 1 (one number, or one for each channel), ``augment`` functions from
    a uint8 batch to a uint8 batch, applied in their order before the pixels are normalised.
    Raises ``ValueError`` when shapes, types or labels do not fit together.
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
            raise ValueError(f"{self.source}: images must be uint8 N×C×H×W, not {_describe(images)}")
        if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
            raise ValueError(f"{self.source}: labels must be int64, one for each of the {len(images)} images, "
                             f"not {_describe(labels)}")
        if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
            raise ValueError(f"{self.source}: labels must lie in 0 … {classes - 1} for {classes} classes, "
                             f"but run from {labels.min()} to {labels.max()}")
        channels = images.shape[1]
        mean, std = (torch.tensor(value, dtype=torch.float32).reshape(-1) for value in (self.mean, self.std))
        if any(len(value) not in (1, channels) for value in (mean, std)) or not (std > 0).all():
            raise ValueError(f"{self.source}: mean and std need 1 or {channels} numbers, and std above zero, "
                             f"not {self.mean} and {self.std}")
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
        """A whole batch at once, float N×C×H×W and int64 N. ``DataLoader`` calls this where it exists."""
        index = torch.as_tensor(indices, device=self.labels.device)
        x, y = self.images.index_select(0, index), self.labels.index_select(0, index)
        for change in self.augment:
            x = change(x)
        return x.float().mul_(self._scale).sub_(self._shift), y

    def loader(self, batch_size: int, *, shuffle: bool = False, augment: Sequence[Callable] = ()) -> DataLoader:
        """A plain ``DataLoader`` over these images; ``augment`` holds for this loader only.

        Raises ``ValueError`` when there are no images.
        """
        if not len(self):
            raise ValueError(f"{self.source}: there are no images, so there is nothing to load")
        return DataLoader(replace(self, augment=augment) if augment else self,
                          batch_size=batch_size, shuffle=shuffle, collate_fn=_as_it_is)

    def take(self, n: int) -> "Images":
        """The first n images (all, if there are fewer)."""
        return self.select(slice(0, n))

    def split(self, fraction: float, seed: int = 0) -> tuple["Images", "Images"]:
        """Two disjoint parts, the second with this fraction of every class (scikit-learn's stratified split)."""
        from sklearn.model_selection import train_test_split

        parts = train_test_split(np.arange(len(self)), test_size=fraction, random_state=seed,
                                 stratify=self.labels.cpu().numpy())
        first, second = (self.select(torch.as_tensor(np.sort(part), device=self.labels.device)) for part in parts)
        return first, second

    def select(self, index: slice | Tensor) -> "Images":
        """These images, in this order."""
        return replace(self, images=self.images[index], labels=self.labels[index])

    def pixels(self, index: slice | Sequence[int] = slice(None)) -> np.ndarray:
        """Images as people see them: uint8 N×H×W×C on the CPU, neither augmented nor normalised."""
        return self.images[index].permute(0, 2, 3, 1).cpu().numpy()

    def __repr__(self) -> str:
        n, *shape = self.images.shape
        return (f"Images({n:,} × {'×'.join(map(str, shape))}, {len(self.classes)} classes, "
                f"{self.source}, on {self.images.device})")


def _as_it_is(batch):
    """``__getitems__`` has made the batch already: nothing is left to collate."""
    return batch


def _describe(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {'×'.join(map(str, tensor.shape))}"


Arrays = tuple[Tensor, Tensor, Tensor, Tensor]  # train images, train labels, test images, test labels


def _read_idx(folder: Path, files: Sequence["_File"]) -> Arrays:
    """MNIST's own format: four gzipped files, each a short header and then bytes."""
    def pixels(file: _File) -> Tensor:
        return torch.frombuffer(bytearray(gzip.decompress((folder / file.path).read_bytes())[16:]),
                                dtype=torch.uint8).view(-1, 1, 28, 28)

    def labels(file: _File) -> Tensor:
        return torch.frombuffer(bytearray(gzip.decompress((folder / file.path).read_bytes())[8:]),
                                dtype=torch.uint8).long()

    train_x, train_y, test_x, test_y = files
    return pixels(train_x), labels(train_y), pixels(test_x), labels(test_y)


def _read_cifar(folder: Path, files: Sequence["_File"]) -> Arrays:
    """CIFAR-10's own format: pickled batches in one archive (its hash was checked before this)."""
    with tarfile.open(folder / files[0].path) as archive:
        batches = {Path(member.name).name: pickle.load(archive.extractfile(member), encoding="latin1")
                   for member in archive if "_batch" in member.name}

    def part(names: list) -> tuple[Tensor, Tensor]:
        chosen = [batches[name] for name, _ in names]
        x = torch.from_numpy(np.concatenate([batch["data"] for batch in chosen])).view(-1, 3, 32, 32)
        return x, torch.tensor([label for batch in chosen for label in batch["labels"]])

    return *part(datasets.CIFAR10.train_list), *part(datasets.CIFAR10.test_list)


@dataclass(frozen=True)
class _File:
    """A publisher's file: where it lies below the data folder, where it can be had, and its md5."""

    path: str
    addresses: tuple[str, ...]
    md5: str


def _mnist_files(real: type[datasets.MNIST]) -> tuple[_File, ...]:
    return tuple(_File(f"{real.__name__}/raw/{name}", tuple(mirror + name for mirror in real.mirrors), md5)
                 for name, md5 in real.resources)


@dataclass(frozen=True)
class _Known:
    """A data set that ``load`` knows. Addresses and hashes are torchvision's."""

    title: str
    files: tuple[_File, ...]
    read: Callable[[Path, Sequence[_File]], Arrays]
    standin: Callable[[], Arrays]
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


KNOWN = {
    "mnist": _Known(
        "MNIST", _mnist_files(datasets.MNIST), _read_idx, standins.digits,
        tuple("0123456789"), (0.1307,), (0.3081,)),
    "fashion_mnist": _Known(
        "Fashion-MNIST", _mnist_files(datasets.FashionMNIST), _read_idx, standins.clothing,
        ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        (0.2860,), (0.3530,)),
    "cifar10": _Known(
        "CIFAR-10",
        (_File(datasets.CIFAR10.filename, (datasets.CIFAR10.url,), datasets.CIFAR10.tgz_md5),),
        _read_cifar, standins.pictures,
        ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
}


def load(name: str, *, mean=None, std=None, device=None) -> tuple[Images, Images]:
    """The training and the test part of ``"mnist"``, ``"fashion_mnist"`` or ``"cifar10"``.

    Looks in this order: a prepared file (``NAME.npz``) in the data folder; the publisher's own files there, the missing
    ones downloaded from torchvision's addresses and checked against its md5; a stand-in, announced by a banner that
    gives the reason. At scale smoke it is always the stand-in. ``mean`` and ``std`` default to those of the real
    training set.

    Raises ``ValueError`` for an unknown name, ``DataError`` for a damaged file or a folder that cannot be written.
    """
    if name not in KNOWN:
        raise ValueError(f"there is no data set {name!r}: choose one of {', '.join(KNOWN)}")
    known, folder = KNOWN[name], lab.data_folder()
    prepared = folder / f"{name}.npz"
    classes, source = known.classes, known.title
    if lab.default_scale() == "smoke":
        arrays, reason = None, "scale smoke never uses real data (COURSEKIT_SCALE=laptop does)"
    elif prepared.exists():
        arrays, classes, source = _read_prepared(prepared)
    else:
        arrays, reason = _read_published(known, folder)
    if arrays is None:
        arrays, source = known.standin(), f"{known.title} stand-in (synthetic)"
        print(f"┌── {source}: this is NOT {known.title}\n"
              f"│   why: {reason}\n"
              f"└── {len(arrays[1]):,} + {len(arrays[3]):,} made-up images; "
              f"results on them say nothing about {known.title}")
    device = device or lab.default_device()
    train_x, train_y, test_x, test_y = (array.to(device) for array in arrays)
    mean, std = known.mean if mean is None else mean, known.std if std is None else std
    return Images(train_x, train_y, classes, source, mean, std), Images(test_x, test_y, classes, source, mean, std)


def _read_prepared(path: Path) -> tuple[Arrays, tuple[str, ...], str]:
    """The arrays, the class names and the source text of a prepared file."""
    keys = ("train_images", "train_labels", "test_images", "test_labels", "classes", "source")
    _check_listed_hash(path)
    try:
        with open(path, "rb") as opened, np.load(opened) as file:  # np.load alone leaves a broken file open
            train_x, train_y, test_x, test_y, classes, source = (file[key] for key in keys)
    except KeyError as error:
        raise DataError(f"{path.name} lacks an array ({error.args[0]}): a prepared file holds {', '.join(keys)}") from None
    except (OSError, EOFError, ValueError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{path.name} in the data folder is damaged (expected sha256: {_listed_hash(path) or 'not listed'}): "
            "move it away and prepare it again, nothing was read or changed") from error

    def images(x: np.ndarray) -> Tensor:  # N×H×W or N×H×W×C, as people store pictures
        x = torch.from_numpy(x)
        return x.permute(0, 3, 1, 2).contiguous() if x.ndim == 4 else x.unsqueeze(1)

    classes, source = tuple(map(str, classes)), str(source)
    if train_y.dtype.kind not in "iu" or test_y.dtype.kind not in "iu":  # 1.5 must not become 1
        raise DataError(f"{path.name}: labels must be whole numbers, not {train_y.dtype} and {test_y.dtype}")
    train_y, test_y = (torch.from_numpy(y.astype(np.int64)) for y in (train_y, test_y))
    arrays = (images(train_x), train_y, images(test_x), test_y)
    try:
        for x, y in (arrays[:2], arrays[2:]):
            Images(x, y, classes, source)
    except ValueError as error:
        raise DataError(f"{path.name}: {error}") from None
    if train_x.shape[1:] != test_x.shape[1:] or not len(train_x) or not len(test_x):
        raise DataError(f"{path.name}: both parts must hold images of one size, not {train_x.shape} and {test_x.shape}")
    return arrays, classes, source


def _listed_hash(path: Path) -> str | None:
    """The sha256 that a SHA256SUMS file beside it (as ``sha256sum`` writes it) lists for this file."""
    listing = path.with_name("SHA256SUMS")
    lines = listing.read_text(errors="replace").splitlines() if listing.exists() else []
    return next((line.split()[0] for line in lines if line.split()[1:] in ([path.name], [f"*{path.name}"])), None)


def _check_listed_hash(path: Path) -> None:
    expected = _listed_hash(path)
    if expected and (found := _hash(path, "sha256")) != expected:
        raise DataError(f"{path.name} in the data folder has sha256 {found}, but SHA256SUMS expects {expected}: "
                        "move it away and prepare it again, nothing was read or changed")


def _read_published(known: _Known, folder: Path) -> tuple[Arrays | None, str]:
    """The arrays from the publisher's files, or None and the reason why they are not to be had."""
    missing = [file for file in known.files if not (folder / file.path).exists()]
    if missing and lab.offline():
        return None, f"{known.title} is not in the data folder, and COURSEKIT_OFFLINE forbids the network"
    for file in missing:
        try:
            fetch(file.addresses, folder / file.path, f"md5:{file.md5}")
        except ConnectionError as error:
            return None, f"{known.title} is not in the data folder, and {error}"
    for file in known.files:
        if (found := _hash(folder / file.path, "md5")) != file.md5:
            raise DataError(f"{file.path} in the data folder is damaged or not the published file (md5 {found}, expected "
                            f"{file.md5}): move it away and run again to download it, nothing was read or changed")
    return known.read(folder, known.files), ""


def _hash(path: Path, algorithm: str) -> str:
    return hashlib.new(algorithm, path.read_bytes()).hexdigest()


def fetch(addresses: Sequence[str], path: Path, known_hash: str, patience: float = 6) -> None:
    """Download a file from the first address that gives it, with progress; it appears whole and checked, or not at all.

    ``known_hash`` is ``"md5:…"`` or ``"sha256:…"``. An address that gives nearly nothing for ``patience`` seconds is left
    for the next one. Raises ``ConnectionError`` when no address gives the file, ``DataError`` when it cannot be stored.
    """
    import pooch

    pooch.get_logger().setLevel("WARNING")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise DataError(f"{path.name} cannot be stored in {os.path.relpath(path.parent)} ({error.strerror}): make this "
                        "folder writable, or name another one with COURSEKIT_DATA") from error
    failures = []
    for address in addresses:
        try:
            pooch.retrieve(address, known_hash, fname=path.name, path=path.parent,
                           downloader=partial(_download, patience=patience))
            return
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = "it sent other bytes than the published file" if isinstance(error, ValueError) else error
            failures.append(f"{urllib.parse.urlsplit(address).hostname}: {reason}")
    raise ConnectionError(f"the download of {path.name} failed ({'; '.join(failures)})")


def _download(address: str, path: str, _: object, patience: float) -> None:
    """Copy an address to a file, with a progress bar, and give up when it stalls.

    The copying runs in a thread of its own, for a name server that does not answer cannot be interrupted.
    """
    received, size, failure, given_up = 0, None, None, threading.Event()

    def copy() -> None:
        nonlocal received, size, failure
        try:
            # "r+": an answer that comes when nobody waits any more finds the temporary file gone, and must not make one
            with urllib.request.urlopen(address, timeout=patience) as response, open(path, "r+b") as file:
                size = int(response.headers.get("Content-Length") or 0) or None
                while not given_up.is_set() and (chunk := response.read1(1 << 16)):
                    file.write(chunk)
                    received += len(chunk)
        except Exception as error:  # whatever it is, it belongs to the waiting thread
            failure = error
            if isinstance(error, urllib.error.HTTPError):
                error.close()

    thread = threading.Thread(target=copy, daemon=True)
    thread.start()
    mark, at_mark = time.monotonic(), 0
    with tqdm(unit="B", unit_scale=True, desc=address.rsplit("/", 1)[-1], leave=False) as bar:
        while thread.is_alive():
            thread.join(0.1)
            bar.total = size
            bar.update(received - bar.n)
            if time.monotonic() - mark > patience:
                if received - at_mark < 1 << 14:
                    given_up.set()
                    raise TimeoutError(f"no answer within {patience:g} seconds")
                mark, at_mark = time.monotonic(), received
    if failure:
        raise failure
