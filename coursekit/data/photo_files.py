"""Photos as people have them in files: in what order, of which kinds, upright or not, damaged."""

import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from ..engine.text import printable
from .download import DataError

# others need programs from outside, or are no photos
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP")

Note = dict[str, str]  # what there is to say of a file, by kind
Notes = dict[str, Note]  # of each file


def natural(name: str) -> tuple:
    """A key that sorts names as people do, the same on every machine: digits are compared as
    numbers."""
    parts = re.split("([0-9]+)", name.lower())
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], name


def visible(folder: Path) -> list[Path]:
    """What is in a folder of photos and not hidden, in natural order.

    Raises ``DataError`` when there is no such folder; the message says what there is.
    """
    if folder.is_dir():
        paths = [path for path in folder.iterdir() if not path.name.startswith(".")]
        return sorted(paths, key=lambda path: natural(path.name))
    shown = os.path.relpath(folder)
    if folder.is_file():
        raise DataError(f"{shown} is a file, not a folder of photos: an archive must be unpacked")
    above = next(path for path in folder.resolve().parents if path.is_dir())
    there = shortened([path.name for path in visible(above) if path.is_dir()]) or "none"
    where = os.path.relpath(above)
    raise DataError(f"there is no folder {shown}; the folders in {where} are: {there}")


def shortened(words: Sequence[str]) -> str:
    """The first three of these words."""
    return ", ".join([*words[:3], "…"] if len(words) > 3 else words)


def report_on(title: str, notes: Notes, into: str, amount: str, remarks: Sequence[str] = ()) -> str:
    """How much was read, a line for each kind of note, with its reasons, how often, and the first
    names of each, and the remarks. ``into`` is what photos were converted to."""
    headings = {
        "converted": f"converted to {into}",
        "turned": "turned upright as EXIF says",
        "unreadable": "could not be read",
        "left out": "left out",
    }
    lines = [f"{title}: {amount}"]
    for kind, heading in headings.items():
        groups: dict[str, list[str]] = {}
        for name, note in notes.items():
            if kind in note:
                groups.setdefault(note[kind], []).append(name)
        reasons = [f"{why} {len(names):,} ({shortened(names)})" for why, names in groups.items()]
        if groups:
            lines.append(f"{heading}: {'; '.join(reasons).lstrip()}")
    return "\n  ".join(map(printable, [*lines, *remarks]))


def decode(path: Path, use: Callable[[Image.Image], str], side: int | None = None) -> Note:
    """Open a photo upright and hand it to ``use``, which tells what it had to be converted from;
    returns the notes on the file: "turned" and "converted", or "unreadable" with the reason.
    ``side`` is what the shorter side will be resized to, which a JPEG can be decoded near to."""
    note = {}
    try:
        if not path.stat().st_size:
            return {"unreadable": "zero bytes"}
        with Image.open(path, formats=FORMATS) as image:
            if (limit := Image.MAX_IMAGE_PIXELS) and image.width * image.height > limit:
                raise Image.DecompressionBombError
            if side:
                image.draft(None, (2 * side, 2 * side))
            image.load()
            if image.mode in ("I", "F"):
                return {"unreadable": "32-bit grey, of which nobody knows how bright white is"}
            if _turned(image):
                note["turned"] = ""
            if kind := use(image):
                note["converted"] = kind
        return note
    except Image.DecompressionBombError:  # Pillow's own comes before anything is decoded, too
        return {"unreadable": f"too large (over {Image.MAX_IMAGE_PIXELS / 1e6:.0f} million pixels)"}
    except UnidentifiedImageError:
        return {"unreadable": "not an image of a known kind, or damaged at its beginning"}
    except Exception as error:  # a damaged file may raise anything
        if isinstance(error, OSError) and error.strerror:
            return {"unreadable": f"cannot be opened: {error.strerror}"}
        return {"unreadable": "truncated" if "truncated" in str(error).lower() else "corrupt"}


def _turned(image: Image.Image) -> bool:
    """Turn the photo upright as the orientation in its EXIF data says: whether it had to be."""
    turned = False
    with suppress(Exception):  # damaged EXIF data, which may raise anything, say nothing of pixels
        turned = image.getexif().get(ExifTags.Base.Orientation) in range(2, 9)
        ImageOps.exif_transpose(image, in_place=True)
    return turned


def as_rgb(image: Image.Image) -> tuple[Image.Image, str]:
    """The photo in RGB, and what it was before ("" for RGB). Transparent ones are put on white."""
    if image.mode.startswith("I;16"):  # Pillow would cut all values above 255
        grey = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        return grey.convert("RGB"), "16-bit grey"
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB"), "transparent"
    kinds = {"RGB": "", "L": "greyscale", "1": "black and white", "P": "palette"}
    kind = kinds.get(image.mode, image.mode)
    return image.convert("RGB") if kind else image, kind


def as_grey(image: Image.Image) -> tuple[Image.Image, str]:
    """The photo in 8-bit grey (ITU-R 601-2 luma), and what it was before ("" for 8-bit grey)."""
    if image.mode == "L" and not image.has_transparency_data:
        return image, ""
    image, kind = as_rgb(image)
    return image.convert("L"), kind or "colour"
