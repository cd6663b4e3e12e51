"""A folder of photos as a data set: read once, in parallel, and kept for the next time."""

import json
import os
import re
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from .. import lab
from ..engine.files import write_whole
from ..engine.fingerprint import fingerprint
from ..engine.progress import Progress
from ..images import Images
from .catalogue import IMAGENET_MEAN, IMAGENET_STD
from .download import DataError
from .photo_files import Note, Notes, as_rgb, decode, natural, report_on, shortened, visible


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
    labels, left_out = _sorted_out(visible(folder), classes)
    title = folder.resolve().name
    cache = folder.resolve().parent / ".photos" / f"{title}-{size}.npz"
    images, notes, kept = decoded(list(labels), size, cache)
    read = {path.name: k for path, k in labels.items() if readable(path, notes)}
    found = list(read.values())
    if classes is None:
        remarks = _about_numbers([path.name for path in labels])
    else:
        remarks = [f"no photo of class {name}" for k, name in enumerate(classes) if k not in found]
    if not kept:
        remarks.append("not kept for the next time: .photos beside this folder cannot be written")
    unread = {name: note["unreadable"] for name, note in notes.items() if name not in read}
    notes |= {name: {"left out": reason} for name, reason in left_out.items()}
    report = report_on(title, notes, "RGB", counted(found, classes), remarks)
    if not read:
        which = "the folder that holds the photos"
        if inside := [name for name in left_out if (folder / name).is_dir()]:
            which = f"one of its folders, as {title}/{inside[0]}"
        raise DataError(f"{report}\n  so there is nothing to learn from: name {which}")
    print(report)
    unreadable = left_out | unread
    device = device or lab.default_device()
    return Photos(
        images.to(device),
        torch.tensor(found, device=device),
        tuple(classes or ("unknown",)),
        f"{title}, {len(found):,} photos",
        mean,
        std,
        names=np.array(list(read)),
        unreadable={name: unreadable[name] for name in sorted(unreadable, key=natural)},
    )


def counted(labels: Sequence[int], classes: Sequence[str] | None) -> str:
    """How many photos were read, and of each class."""
    of_each = [f"{name} {labels.count(k):,}" for k, name in enumerate(classes or ())]
    return ", ".join([f"{len(labels):,} photos read", *of_each])


def readable(path: Path, notes: Notes) -> bool:
    """Whether the photo is among the images."""
    return "unreadable" not in notes.get(path.name, {})


def _sorted_out(
    paths: Sequence[Path], classes: Sequence[str] | None
) -> tuple[dict[Path, int], dict[str, str]]:
    """The label of each file to read, and the name of every other one with the reason."""
    if classes is None:
        why = "the name is no number"
    elif len(classes) == 2:
        why = f"the name begins with neither {classes[0]} nor {classes[1]}"
    else:
        why = f"the name begins with none of {', '.join(classes)}"
    labels, left_out = {}, {}
    for path in paths:
        if path.is_dir():
            left_out[path.name] = "a folder"
        elif (label := _label(path, classes)) is None:
            left_out[path.name] = why
        else:
            labels[path] = label
    return labels, left_out


def _label(path: Path, classes: Sequence[str] | None) -> int | None:
    """The class with which a name begins ("catalogue.jpg" is no cat, for the word goes on)."""
    if classes is None:
        return 0 if re.fullmatch("[0-9]+", path.stem) else None
    words = [rf"{re.escape(name)}(?![^\W\d_])" for name in classes]
    fitting = [k for k, word in enumerate(words) if re.match(word, path.name, re.IGNORECASE)]
    return max(fitting, key=lambda k: len(classes[k]), default=None)


def _about_numbers(names: Sequence[str]) -> list[str]:
    """What is wrong with the numbers of a test folder: gaps, and numbers that two files bear."""
    bearers, remarks = {}, []
    for name in names:
        bearers.setdefault(int(Path(name).stem), []).append(name)
    last = max(bearers, default=-1)
    if missing := last + 1 - len(bearers):
        gaps = list(islice((str(n) for n in range(last) if n not in bearers), 4))
        remarks.append(f"missing of the numbers 0 … {last}: {missing:,} ({shortened(gaps)})")
    if double := [" = ".join(group) for group in bearers.values() if len(group) > 1]:
        remarks.append(f"numbers of more than one photo: {len(double):,} ({shortened(double)})")
    return remarks


_RECIPE = 1  # to be raised when _decode makes other pixels: what was kept is made anew


def decoded(files: Sequence[Path], size: int, cache: Path) -> tuple[Tensor, Notes, bool]:
    """The readable ones of these photos, uint8 N×3×size×size, what there is to say of each file (as
    ``decode`` tells it), and whether it is kept in ``cache``."""
    recipe = fingerprint(_RECIPE, size, Image.MAX_IMAGE_PIXELS, repr([*map(_state, files)]))
    # there may be none, or a damaged one, which may raise anything: it is made anew
    with suppress(Exception), open(cache, "rb") as opened, np.load(opened) as file:
        if str(file["recipe"]) == recipe:
            return torch.from_numpy(file["images"]), json.loads(str(file["notes"])), True
    pixels = np.empty((len(files), 3, size, size), np.uint8)
    notes = {path.name: note for path, note in zip(files, _decode_all(files, pixels)) if note}
    rows = [i for i, path in enumerate(files) if readable(path, notes)]
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
    """Name, length, time of change and permissions, which tell a changed file."""
    with suppress(OSError):
        found = path.stat()
        return path.name, found.st_size, found.st_mtime_ns, found.st_mode
    return (path.name,)


def _decode_all(files: Sequence[Path], pixels: np.ndarray) -> list[Note]:
    """Fill the rows with the photos, in threads, for Pillow frees the interpreter: their notes."""
    Image.init()  # not by several threads at once
    notes, threads = [], ThreadPoolExecutor(min(8, os.cpu_count() or 1))
    with warnings.catch_warnings(), threads as pool, Progress("photos", len(files)) as progress:
        warnings.simplefilter("ignore")  # odd EXIF data, and sizes, which are errors here
        for note in pool.map(_decode, files, pixels):
            notes.append(note)
            progress.show(len(notes))
    return notes


def _decode(path: Path, row: np.ndarray) -> Note:
    """Fill 3×size×size with one photo: what there is to say of it."""
    size = row.shape[-1]

    def use(image: Image.Image) -> str:
        image, kind = as_rgb(image)
        square = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
        row[:] = np.asarray(square).transpose(2, 0, 1)
        return kind

    return decode(path, use, size)
