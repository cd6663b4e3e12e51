"""A folder of photos as a data set: read once, in parallel, and kept for the next time."""

import json
import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from .. import lab
from ..engine.console import say
from ..engine.files import write_whole
from ..engine.fingerprint import fingerprint
from ..engine.progress import Progress
from ..engine.text import count
from ..images import Images
from .catalogue import IMAGENET_MEAN, IMAGENET_STD
from .download import DataError
from .photo_files import LARGE, Note, Notes, as_rgb, decode, natural, report_on
from .photo_folders import about_numbers, instead_of, sorted_out
from .reading import read_arrays


@dataclass(eq=False, repr=False, kw_only=True)
class Photos(Images):
    """The photos of a folder: ``Images`` that know their files.

    ``names`` the file name of each image (numpy array of str; ``Cat/7.jpg`` in a folder of its
    class), ``unreadable`` every other file of the folder and why it is not among them.
    """

    names: np.ndarray
    unreadable: dict[str, str]

    def __post_init__(self):
        super().__post_init__()
        if np.shape(self.names) != (len(self),):
            raise ValueError(f"{self.source}: {np.shape(self.names)} names for {len(self)} images")

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

    A photo belongs to the class with which its name begins, as in ``cat.7.jpg`` or ``Dog_7.png``,
    or whose folder it lies in, as in ``Cat/7.jpg`` or ``dogs/7.jpg``, which is its name then. With
    ``classes=None`` it is a test folder ``0.jpg, 1.jpg, …``: sorted by number, every label 0, of
    the one class "unknown".

    A photo is turned upright as its EXIF says, converted to RGB (on white where it is transparent),
    its shorter side resized to ``size`` (bicubic, after a JPEG was decoded at not less than twice
    that), the middle of the longer side kept. All this is done once, in parallel; the result is
    kept in ``.photos/`` beside the folder and made again when a file has changed. A report says how
    many photos were read, what was converted and what could not be used.

    Raises ``ValueError`` for a size below 1, ``DataError`` when there is no such folder, no photo
    in it that can be used, or no memory for all of them.
    """
    if size < 1:
        raise ValueError(f"photos need a size of at least 1 pixel, not {size}")
    folder = Path(folder)
    labels, left_out = sorted_out(folder, classes)
    title = folder.resolve().name
    cache = folder.resolve().parent / ".photos" / f"{title}-{size}.npz"
    images, notes, kept = decoded({name: path for name, (path, _) in labels.items()}, size, cache)
    read = {name: k for name, (_, k) in labels.items() if readable(name, notes)}
    found = list(read.values())
    if classes is None:
        remarks = about_numbers(list(labels))
    else:
        remarks = [f"no photo of class {name}" for k, name in enumerate(classes) if k not in found]
        if 0 < (inside := sum("/" in name for name in read)) < len(read):
            remarks.append(f"in folders of their classes {inside:,}, the others beside them")
    if not kept:
        remarks.append("not kept for the next time: .photos beside this folder cannot be written")
    unreadable = left_out | {n: notes[n]["unreadable"] for n in labels if n not in read}
    notes |= {name: {"left out": reason} for name, reason in left_out.items()}
    report = report_on(title, notes, "RGB", counted(found, classes), remarks)
    if not read:
        advice = instead_of(folder, classes)
        raise DataError(f"{report}\n  so there is nothing to learn from: {advice}")
    say(report)
    device = device or lab.default_device()
    return Photos(
        images.to(device),
        torch.tensor(found, device=device),
        tuple(classes or ("unknown",)),
        f"{title}, {count(len(found), 'photo')}",
        mean,
        std,
        names=np.array(list(read)),
        unreadable={name: unreadable[name] for name in sorted(unreadable, key=natural)},
    )


def counted(labels: Sequence[int], classes: Sequence[str] | None) -> str:
    """How many photos were read, and of each class."""
    of_each = [f"{name} {labels.count(k):,}" for k, name in enumerate(classes or ())]
    return ", ".join([f"{count(len(labels), 'photo')} read", *of_each])


def readable(name: str, notes: Notes) -> bool:
    """Whether the photo is among the images."""
    return "unreadable" not in notes.get(name, {})


_RECIPE = 1  # to be raised when _decode makes other pixels: what was kept is made anew


def decoded(files: dict[str, Path], size: int, cache: Path) -> tuple[Tensor, Notes, bool]:
    """The readable ones of these photos by name, uint8 N×3×size×size, what there is to say of each
    (as ``decode`` tells it), and whether it is kept in ``cache``."""
    states = [(name, *_state(path)) for name, path in files.items()]
    recipe = fingerprint(_RECIPE, size, Image.MAX_IMAGE_PIXELS, repr(states))
    # there may be none, or a damaged one, which may hold anything: it is made anew
    with suppress(Exception):
        kept = read_arrays(cache, ("images", "notes", "recipe"))
        if str(kept["recipe"]) == recipe:
            notes = json.loads(str(kept["notes"]))
            left = sum(readable(name, notes) for name in files)
            if kept["images"].shape == (left, 3, size, size) and kept["images"].dtype == np.uint8:
                return torch.from_numpy(kept["images"]), notes, True
    paths = list(files.values())
    try:
        pixels = np.empty((len(files), 3, size, size), np.uint8)
    except (MemoryError, ValueError) as error:  # more than there is, more than can be
        what = f"no memory for {count(len(files), 'photo')} of {size:,}×{size:,} pixels"
        raise DataError(f"{what}: take a smaller size, or fewer photos") from error
    notes = {name: note for name, note in zip(files, _decode_all(paths, pixels)) if note}
    rows = [i for i, name in enumerate(files) if readable(name, notes)]
    for row, i in enumerate(rows):  # closes the gaps in place
        pixels[row] = pixels[i]
    images, kept = pixels[: len(rows)], False
    with suppress(OSError):
        cache.parent.mkdir(exist_ok=True)
        arrays = {"images": images, "notes": json.dumps(notes), "recipe": recipe}
        write_whole(cache, lambda file: np.savez(file, **arrays))
        kept = True
    return torch.from_numpy(images), notes, kept


def _state(path: Path) -> tuple:
    """Length, time of change and permissions, which tell a changed file."""
    with suppress(OSError):
        found = path.stat()
        return found.st_size, found.st_mtime_ns, found.st_mode
    return ()


def _decode_all(files: Sequence[Path], pixels: np.ndarray) -> list[Note]:
    """Fill the rows with the photos, in threads, for Pillow frees the interpreter: their notes."""
    Image.init()  # not by several threads at once
    notes, threads = [], ThreadPoolExecutor(min(8, os.cpu_count() or 1))
    with warnings.catch_warnings(), threads as pool, Progress("photos", len(files)) as progress:
        warnings.simplefilter("ignore")  # odd EXIF data, and sizes, which are errors here
        for note in pool.map(_decode, files, pixels):
            notes.append(note)
            progress.show(len(notes))
        for i, note in enumerate(notes):
            if "later" in note:  # one after the other, for each may take half a gigabyte
                notes[i] = _decode(files[i], pixels[i], alone=True)
    return notes


def _decode(path: Path, row: np.ndarray, alone: bool = False) -> Note:
    """Fill 3×size×size with one photo: what there is to say of it."""
    size = row.shape[-1]

    def use(image: Image.Image) -> str:
        image, kind = as_rgb(image)
        square = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
        row[:] = np.asarray(square).transpose(2, 0, 1)
        return kind

    return decode(path, use, size, None if alone else LARGE)
