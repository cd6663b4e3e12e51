"""What students handed in: the files in folders and zip archives.

These are files of strangers. None is executed, none of an archive is written to a disk (members are
read into memory, one after the other, so no name can lead anywhere), links are not followed, and a
file that cannot be used is told with its reason and costs only itself.
"""

import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from ..engine.text import printable

LARGEST = 64_000_000  # bytes of a file: a notebook with many images has 10 million, its JSON more
TOTAL = 2_000_000_000  # bytes of all that is read from one archive: a large class, many images
MEMBERS = 20_000  # of an archive: a large class that packed its data folders, too
# Images hardly pack, text to a fifth, a long progress bar to a hundredth. Packing reaches 1,000 at
# most, so what is beyond 200 was made to fill memories. Below HARMLESS bytes nothing can.
RATIO, HARMLESS = 200, 10_000_000

# What programs leave beside people's files.
_OF_PROGRAMS = re.compile(
    r"(?i)(?:^|/)(__MACOSX/|\.ipynb_checkpoints/|\._|\.DS_Store$|Thumbs\.db$|desktop\.ini$|\.git/)"
)
_TORN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, OverflowError)


@dataclass
class File:
    """A file that may be a notebook; or one without ``data``, and ``why`` it was not used.

    ``parts`` are the names from the folder or archive that was asked for down to it. What programs
    leave beside people's files is not ``lost``.
    """

    parts: tuple[str, ...]
    data: bytes | None = None
    why: str = ""
    lost: bool = True

    @property
    def shown(self) -> str:
        """The path as pages and terminals show it."""
        return printable("/".join(self.parts))


def read(paths: Iterable[Path], leave_out: Path) -> Iterator[File]:
    """Every file in these folders and archives, by name, but for the one to ``leave_out``."""
    for path in dict.fromkeys(path.resolve() for path in paths):
        files = _below(path, leave_out.resolve())
        yield next(files, File((path.name,), why="there is nothing in it"))
        yield from files


def _below(top: Path, leave_out: Path) -> Iterator[File]:
    """The file at this path, or those in this archive, or in this folder and all below it."""
    waiting = [(top, (top.name,))]
    while waiting:
        path, parts = waiting.pop()
        try:
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                why = "it is a link, and links are not followed: put the file itself there"
                yield File(parts, why=why)
            elif stat.S_ISDIR(status.st_mode):
                names = sorted(os.listdir(path), reverse=True)
                below = ((path / name, (*parts, name)) for name in names)
                waiting += (place for place in below if place[0] != leave_out)
            elif not stat.S_ISREG(status.st_mode):
                yield File(parts, why="it is no ordinary file")
            elif other := _other_file(parts):
                yield other
            elif _is_archive(parts):
                with path.open("rb") as stream:
                    yield from _Archive().read(stream, parts)
            elif status.st_size > LARGEST:
                yield File(parts, why=_too_large(status.st_size))
            else:
                yield File(parts, path.read_bytes())
        except OSError as error:
            yield File(parts, why=f"it cannot be read ({error.strerror})")


class _Archive:
    """Reads one archive and those in it; ``spent`` counts the bytes of all."""

    def __init__(self):
        self.spent = 0

    def read(self, stream, parts: tuple[str, ...], nested=False) -> Iterator[File]:
        """Its files; ``nested`` if the archive is in another one."""
        try:
            with zipfile.ZipFile(stream) as archive:
                members = [member for member in archive.infolist() if not member.is_dir()]
                if not members:
                    yield File(parts, why="the archive is empty")
                if (n := len(members)) > MEMBERS:
                    limit = f"it has {n:,} files, and {MEMBERS:,} are the limit"
                    yield File(parts, why=f"{limit}: unpack it, name the folder")
                    return
                for member in sorted(members, key=lambda member: member.filename):
                    yield from self._member(archive, member, parts, nested)
        except _TORN as error:
            yield File(parts, why=f"it is no zip archive that can be read ({_reason(error)})")

    def _member(self, archive, member: zipfile.ZipInfo, above: tuple[str, ...], nested: bool):
        names = _name(member).replace("\\", "/").split("/")
        parts = (*above, *(name for name in names if name not in ("", ".", "..")))
        if other := _other_file(parts):
            yield other
        elif why := self._refusal(member, _is_archive(parts) and nested):
            yield File(parts, why=why)
        else:
            try:
                data = archive.read(member)
            except _TORN as error:
                yield File(parts, why=f"it is damaged ({_reason(error)})")
                return
            self.spent += len(data)
            if _is_archive(parts):  # students pack their work, and Moodle packs what they packed
                yield from self.read(BytesIO(data), parts, nested=True)
            else:
                yield File(parts, data)

    def _refusal(self, member: zipfile.ZipInfo, too_deep: bool) -> str:
        """Why a member is not read, empty if it is."""
        size, ratio = member.file_size, member.file_size / max(1, member.compress_size)
        if stat.S_ISLNK(member.external_attr >> 16):
            return "it is a link, and links are not followed: pack the file itself"
        if member.flag_bits & 1:
            return "it is locked with a password: ask for it without one"
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            return "it is packed in an unusual way: unpack it, and name the folder"
        if size > LARGEST:
            return _too_large(size)
        if size > HARMLESS and ratio > RATIO:
            return f"it would grow to {ratio:,.0f} times its size: it was made to fill memories"
        if self.spent + size > TOTAL:
            return f"its archive holds more than {TOTAL / 1e9:.0f} GB: unpack it, name the folder"
        return "it is an archive in an archive in an archive: unpack it" if too_deep else ""


def _name(member: zipfile.ZipInfo) -> str:
    """The name in the archive. Names without the mark of UTF-8 are mostly in it all the same."""
    if not member.flag_bits & 0x800:
        with suppress(UnicodeError):
            return member.filename.encode("cp437").decode("utf-8")
    return member.filename


def _is_archive(parts: tuple[str, ...]) -> bool:
    return parts[-1].lower().endswith(".zip")


def _other_file(parts: tuple[str, ...]) -> File | None:
    """Why a file is neither a notebook nor an archive, by its name; None if it may be one."""
    path = "/".join(parts)
    suffix = os.path.splitext(path)[1]
    if _OF_PROGRAMS.search(path):
        return File(parts, why="a program put it there", lost=False)
    if suffix.lower() not in (".ipynb", ".zip"):
        return File(parts, why=f"it is no notebook ({suffix or 'no suffix'})")
    return None


def _too_large(size: int) -> str:
    return f"it has {size / 1e6:,.0f} MB, and {LARGEST / 1e6:.0f} are the limit: clear its outputs"


def _reason(error: BaseException) -> str:
    return printable(getattr(error, "strerror", None) or str(error) or type(error).__name__)[:200]
