"""Picture files as people have them: in which order, of which kinds, upright or not, whole or
damaged."""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

FORMATS = (
    "JPEG",
    "PNG",
    "GIF",
    "BMP",
    "TIFF",
    "WEBP",
)  # others need programs from outside, or are no photos

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def natural(name: str) -> tuple:
    """A key that sorts names as people do, the same on every machine: digits are compared as
    numbers."""
    return [
        int(part) if i % 2 else part for i, part in enumerate(re.split("([0-9]+)", name.lower()))
    ], name


def shortened(words: Sequence[str]) -> str:
    """The first three of these words."""
    return ", ".join(words[:3]) + ", …" * (len(words) > 3)


def printable(text: str) -> str:
    """The text with what is no valid character escaped, for a name on a disk may hold any bytes."""
    return text.encode(errors="backslashreplace").decode()


def no_folder(folder: Path) -> str:
    """That there is no such folder, and what is there."""
    if folder.is_file():
        return f"{os.path.relpath(folder)} is a file, not a folder of photos: if it is an archive, unpack it first"
    above = next(path for path in folder.resolve().parents if path.is_dir())
    there = sorted(
        (path.name for path in above.iterdir() if path.is_dir() and not path.name.startswith(".")),
        key=natural,
    )
    return (
        f"there is no folder {os.path.relpath(folder)}; the folders in {os.path.relpath(above)} are: "
        f"{shortened(there) or 'none'}"
    )


def remarks(notes: dict[str, dict], headings: dict[str, str]) -> list[str]:
    """For each kind of note a line: under its heading the reasons, how often, and the first names
    of each.

    ``notes`` has for each file name what there is to say of it, by kind; ``headings`` the words for
    each kind.
    """
    lines = []
    for kind, heading in headings.items():
        groups = {}
        for name, note in notes.items():
            if kind in note:
                groups.setdefault(note[kind], []).append(name)
        if groups:
            lines.append(
                f"{heading}: "
                + "; ".join(
                    f"{reason} {len(names):,} ({shortened(names)})".lstrip()
                    for reason, names in groups.items()
                )
            )
    return lines


def decode(
    path: Path, use: Callable[[Image.Image], str], side: int | None = None
) -> dict[str, str]:
    """Open a picture upright and hand it to ``use``, which tells what it had to be converted from:
    notes on the file.

    A note may have "turned" and "converted"; one with "unreadable" gives the reason why the picture
    could not be used. ``side`` is what the shorter side will be resized to, which a JPEG can be
    decoded near to.
    """
    note = {}
    try:
        if not path.stat().st_size:
            return {"unreadable": "zero bytes"}
        with Image.open(path, formats=FORMATS) as image:
            if (limit := Image.MAX_IMAGE_PIXELS) and image.width * image.height > limit:
                return {"unreadable": f"too large (over {limit / 1e6:.0f} million pixels)"}
            if side:
                image.draft(None, (2 * side, 2 * side))
            image.load()
            if image.mode in ("I", "F"):
                return {"unreadable": "32-bit grey, of which nobody knows how bright white is"}
            if (turn := _turn(image)) is not None:  # one of Pillow's is zero
                note["turned"] = ""
                image = image.transpose(turn)
            if kind := use(image):
                note["converted"] = kind
        return note
    except Image.DecompressionBombError:  # found before anything is decoded
        return {"unreadable": f"too large (over {Image.MAX_IMAGE_PIXELS / 1e6:.0f} million pixels)"}
    except UnidentifiedImageError:
        return {"unreadable": "not an image of a known kind, or damaged at its beginning"}
    except Exception as error:  # a damaged file may raise anything
        if isinstance(error, OSError) and error.strerror:
            return {"unreadable": f"cannot be opened: {error.strerror}"}
        return {"unreadable": "truncated" if "truncated" in str(error).lower() else "corrupt"}


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What makes the photo upright, by the orientation in its EXIF data."""
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation))
    except (
        Exception
    ):  # damaged EXIF data, whose errors have no common class, say nothing against the pixels
        return None


def as_rgb(image: Image.Image) -> tuple[Image.Image, str]:
    """The picture in RGB, and what it was before ("" for RGB). Transparent ones are put on
    white."""
    if image.mode.startswith("I;16"):  # Pillow would cut all values above 255
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert(
            "RGB"
        ), "16-bit grey"
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB"), "with transparency"
    kind = {"RGB": "", "L": "greyscale", "1": "black and white", "P": "palette"}.get(
        image.mode, image.mode
    )
    return image.convert("RGB") if kind else image, kind


def as_grey(image: Image.Image) -> tuple[Image.Image, str]:
    """The picture in 8-bit grey (ITU-R 601-2 luma), and what it was before ("" for 8-bit grey)."""
    if image.mode == "L" and not image.has_transparency_data:
        return image, ""
    image, kind = as_rgb(image)
    return image.convert("L"), kind or "colour"
