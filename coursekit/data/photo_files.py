"""Photos as people have them in files: in what order, of which kinds, upright or not, damaged."""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from ..engine.text import from_here, printable
from .download import DataError

# others need programs from outside, or are no photos
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP")
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".7z", ".rar")
# Of TIFF's kind, but Pillow would find only the small preview in them.
RAW = (".dng", ".nef", ".nrw", ".cr2", ".arw", ".pef", ".srw", ".orf", ".rw2", ".raf", ".cr3")
# What begins so is no photo that can be read here: a pattern, what it is, what to do.
_EXPORT = "export it as JPEG"
_OTHERS = [
    (rb".{4}ftyp(hei|hev|mif|msf)", "HEIC, as iPhones make", _EXPORT),
    (rb".{4}ftypavi", "AVIF", _EXPORT),
    (rb".{4}ftyp", "a film", "take a photo instead"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "JPEG XL", _EXPORT),
    (rb"\0\0\0\x0cjP|\xff\x4f\xff\x51", "JPEG 2000", _EXPORT),
    (rb"8BPS", "Photoshop", _EXPORT),
    (rb"FUJIFILMCCD|IIRO|IIRS|IIU\0|II\*\0.{4}CR", "RAW of a camera", _EXPORT),
    (rb"%PDF|%!PS", "PDF or PostScript", _EXPORT),
    (rb"<(!doctype )?html|<head", "a web page under a photo's name", "download it again"),
    (rb"(<[?!].*)?<svg", "SVG, a drawing", _EXPORT),
    (rb"version https://git-lfs", "a pointer of Git LFS", "fetch the photo (git lfs pull)"),
    (rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!", "an archive", "unpack it"),
    (rb"bplist00|\0\x05\x16\x07|\xd0\xcf\x11\xe0", "a system's own notes", "it can go"),
]
LARGE = 12_000_000  # pixels; photos of more (of twice as many in a JPEG) come one at a time

Note = dict[str, str]  # what there is to say of a file, by kind
Notes = dict[str, Note]  # of each file


def natural(name: str) -> tuple:
    """A key that sorts names as people do, the same on every machine: digits are compared as
    numbers."""
    parts = re.split("([0-9]+)", name.lower())
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], name


def visible(folder: Path) -> list[Path]:
    """What is in a folder of photos and not hidden (but for photos that are still in iCloud), in
    natural order.

    Raises ``DataError`` when there is no such folder, or it cannot be read; the message says what
    there is.
    """
    shown = from_here(folder)
    if folder.is_dir():
        try:
            paths = [path for path in folder.iterdir() if path.name[0] != "." or _in_cloud(path)]
        except OSError as error:
            fault = f"the folder {shown} cannot be read ({error.strerror})"
            raise DataError(f"{fault}: see to its permissions") from error
        return sorted(paths, key=lambda path: natural(path.name))
    if folder.is_file():
        raise DataError(f"{shown} is a file, not a folder of photos: an archive must be unpacked")
    above = next(path for path in folder.resolve().parents if path.is_dir())
    there = shortened([path.name for path in visible(above) if path.is_dir()]) or "none"
    where = from_here(above)
    raise DataError(f"there is no folder {shown}; the folders in {where} are: {there}")


def _in_cloud(path: Path) -> bool:
    return path.name.endswith(".icloud")


def no_photo(path: Path) -> str:
    """Why a file of this name is not even opened; empty where it may be a photo."""
    if _in_cloud(path):
        return "still in iCloud: download it first"
    if path.name.lower().endswith(ARCHIVES) and not path.is_dir():
        return "an archive: it must be unpacked"
    return ""


def shortened(words: Sequence[str]) -> str:
    """The first three of these words."""
    return ", ".join([*words[:3], "…"] if len(words) > 3 else words)


def report_on(title: str, notes: Notes, into: str, amount: str, remarks: Sequence[str] = ()) -> str:
    """How much was read, a line for each kind of note, with its reasons, how often, and the first
    names of each, and the remarks. ``into`` is what photos were converted to."""
    headings = {
        "converted": f"converted to {into}",
        "turned": "turned upright as EXIF says",
        "several": "the first of several images taken",
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


def decode(
    path: Path, use: Callable[[Image.Image], str], side: int | None = None, most: int | None = None
) -> Note:
    """Open a photo upright and hand it to ``use``, which tells what it had to be converted from;
    returns the notes on the file: "turned", "several" and "converted", or "unreadable" with the
    reason. ``side`` is what the shorter side will be resized to, which a JPEG can be decoded near
    to. A photo of more pixels than ``most`` is only noted, as "later"."""
    note = {}
    try:
        if not path.is_file():  # a pipe would be waited for without end
            path.stat()  # says what is wrong with a link
            return {"unreadable": "not a file"}
        if not path.stat().st_size:
            return {"unreadable": "zero bytes"}
        if path.suffix.lower() in RAW:
            return {"unreadable": f"RAW of a camera: {_EXPORT}"}
        with Image.open(path, formats=FORMATS) as image:
            pixels = image.width * image.height
            if (limit := Image.MAX_IMAGE_PIXELS) and pixels > limit:
                raise Image.DecompressionBombError
            if min(image.size) < 2:
                return {"unreadable": f"{image.width}×{image.height} pixels, too small for a photo"}
            if most and pixels > most * (2 if image.format == "JPEG" else 1):
                return {"later": ""}
            if _several(image):
                note["several"] = ""
            if side:
                image.draft(None, (2 * side, 2 * side))
            image.load()
            if image.mode in ("I", "F"):
                return {"unreadable": "32-bit grey, of which nobody knows how bright white is"}
            if side and image.width * image.height > LARGE // 3:
                _shrink(image, 2 * side)
            if _turned(image):
                note["turned"] = ""
            if kind := use(image):
                note["converted"] = kind
        return note
    except Image.DecompressionBombError:  # Pillow's own comes before anything is decoded, too
        return {"unreadable": f"too large (over {Image.MAX_IMAGE_PIXELS / 1e6:.0f} million pixels)"}
    except UnidentifiedImageError:
        return {"unreadable": _other_kind(path)}
    except Exception as error:  # a damaged file may raise anything
        if isinstance(error, OSError) and error.strerror:
            return {"unreadable": f"cannot be opened: {error.strerror}"}
        return {"unreadable": "truncated" if "truncated" in str(error).lower() else "corrupt"}


def _several(image: Image.Image) -> bool:
    """Whether the file is an animation or has several pages (the preview that phones put into a
    JPEG file is no second photo)."""
    with suppress(Exception):  # only the first has to be whole
        return image.format in ("GIF", "TIFF", "WEBP", "PNG") and image.is_animated
    return False


def _other_kind(path: Path) -> str:
    """What a file is that Pillow does not know, and what to do; not more than its beginning is
    read."""
    with open(path, "rb") as file:
        start = file.read(1000).lstrip(b"\xef\xbb\xbf \t\r\n")
    for pattern, kind, advice in _OTHERS:
        if re.match(pattern, start, re.DOTALL | re.IGNORECASE):
            return f"{kind}: {advice}"
    return "not an image of a known kind, or damaged at its beginning"


def _shrink(image: Image.Image, side: int) -> None:
    """Make the shorter side this long, in place, where it is longer: what a photo is converted to
    on its way would else take its memory several times."""
    part = side / min(image.size)
    if part < 1 and not image.mode.startswith("I;16"):  # which Pillow resizes in no good way
        image.thumbnail([round(part * n) for n in image.size], Image.Resampling.BOX)


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
