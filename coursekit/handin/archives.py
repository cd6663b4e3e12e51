"""What students handed in: the files in folders and zip archives.

These are files of strangers. None is executed, none of an archive is written to a disk (members are
read into memory, one after the other, so no name can lead anywhere), links are not followed, and a
file that cannot be used is told with its reason and, but for the limits of its archive, costs only
itself.
"""

import os
import re
import stat
import struct
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from ..engine.text import printable

LARGEST = 64_000_000  # bytes of a file: a notebook with many images has 10 million, its JSON more
TOTAL = 2_000_000_000  # bytes of all that is read from one archive: a large class, many images
MEMBERS = 20_000  # of an archive: a large class that packed its data folders, too
ALL_MEMBERS = 200_000  # of an archive and of those in it
DEEPEST = 50  # folders above a file
# Images hardly pack, text to a fifth, a long progress bar to a hundredth. Packing reaches 1,000 at
# most, so what is beyond 200 was made to fill memories. Below HARMLESS bytes nothing can.
RATIO, HARMLESS = 200, 10_000_000

# What programs leave beside people's files.
_OF_PROGRAMS = re.compile(
    r"(?i)(?:^|/)(__MACOSX/|\.ipynb_checkpoints/|\.virtual_documents/|__pycache__/|\.git/|\._"
    r"|\.DS_Store$|Thumbs\.db$|desktop\.ini$|timestamp\.txt$)|:Zone\.Identifier$"
)
# As notebooks are called, also by browsers and mail programs.
_NOTEBOOK = re.compile(r"(?i)\.ipynb(?:\.json|\.txt)?(?: ?\(\d+\))?$")
_PACKED = {".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst"}
_TORN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    OverflowError,
    struct.error,
)


@dataclass
class File:
    """A file that may be a notebook; or one without ``data``, and ``why`` it was not used.

    ``parts`` are the names from the folder or archive that was asked for down to it; ``saved`` says
    when it was (seconds; 0 if unknown), ``student`` whose it is. What programs leave beside
    people's files is not ``lost``.
    """

    parts: tuple[str, ...]
    data: bytes | None = None
    why: str = ""
    lost: bool = True
    saved: float = 0
    student: str = ""

    @property
    def shown(self) -> str:
        """The path as pages and terminals show it."""
        return printable("/".join(self.parts))


def read(paths: Iterable[Path], leave_out: Path) -> Iterator[File]:
    """Every file in these folders and archives, by name, but for the one to ``leave_out``."""
    asked = dict.fromkeys(path.resolve() for path in paths)
    asked = [path for path in asked if asked.keys().isdisjoint(path.parents)]  # each file once
    times = Counter(path.name for path in asked)
    for path in asked:
        name = path.name if times[path.name] == 1 else "/".join(path.parts[-2:])
        name = name if sum(one.parts[-2:] == path.parts[-2:] for one in asked) == 1 else str(path)
        files = _below(path, name, leave_out.resolve())
        yield next(files, File((name,), why="there is nothing in it"))
        yield from files


def _below(top: Path, name: str, leave_out: Path) -> Iterator[File]:
    """The file at this path, or those in this archive, or in this folder and all below it."""
    waiting = [(top, (name,))]
    while waiting:
        path, parts = waiting.pop()
        try:
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                why = "it is a link, and links are not followed: put the file itself there"
                yield File(parts, why=why)
            elif stat.S_ISDIR(status.st_mode):
                names = sorted(os.listdir(path), reverse=True)
                if len(parts) == 2 and not any(files for *_, files in os.walk(path)):
                    yield File(parts, why="there is nothing in it")
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
                yield File(parts, path.read_bytes(), saved=status.st_mtime)
        except OSError as error:
            yield File(parts, why=f"it cannot be read ({_reason(error)})")


class _Archive:
    """Reads one archive and those in it; ``spent`` counts the bytes of all, ``members`` the
    files."""

    def __init__(self):
        self.spent = self.members = 0

    def read(self, stream, parts: tuple[str, ...], nested=False) -> Iterator[File]:
        """Its files; ``nested`` if the archive is in another one."""
        try:
            with zipfile.ZipFile(stream) as archive:
                members = [member for member in archive.infolist() if not member.is_dir()]
                if not members:
                    yield File(parts, why="the archive is empty")
                if (n := len(members)) > MEMBERS or self.members + n > ALL_MEMBERS:
                    limit = f"it has {n:,} files, and {MEMBERS:,} are the limit"
                    if n <= MEMBERS:
                        limit = f"its archive holds more than {ALL_MEMBERS:,} files"
                    yield File(parts, why=f"{limit}: unpack it, name the folder")
                    return
                self.members += n
                names = _names(members)
                for member in sorted(members, key=lambda member: member.filename):
                    yield from self._member(archive, member, (*parts, *names[member]), nested)
        except _TORN as error:
            yield File(parts, why=f"it is no zip archive that can be read ({_reason(error)})")

    def _member(self, archive, member: zipfile.ZipInfo, parts: tuple[str, ...], nested: bool):
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
                yield File(parts, data, saved=_saved(member))

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


def _names(members: Iterable[zipfile.ZipInfo]) -> dict[zipfile.ZipInfo, list[str]]:
    """The path of each member, in parts.

    Names without the mark of UTF-8 are mostly in it all the same, or the packer added them in it
    (Info-ZIP's field 0x7075). Else they are in the code page of the computer that packed, which
    nothing says: it is one in which all of them read as names do.
    """
    names = {}
    for member in members:
        name = member.orig_filename.split("\0")[0]
        if not member.flag_bits & 0x800 and not name.isascii():
            raw = name.encode("cp437", "replace")
            name = _in_utf8(raw, member.extra) or raw
        names[member] = name
    bare = [name for name in names.values() if isinstance(name, bytes)]
    page = next((page for page, like in _PAGES if all(like(name) for name in bare)), "cp437")
    return {
        member: [
            part
            for part in (name if isinstance(name, str) else name.decode(page))
            .replace("\\", "/")
            .split("/")
            if part not in ("", ".", "..")
        ]
        for member, name in names.items()
    }


def _in_utf8(raw: bytes, extra: bytes) -> str:
    """A name if it or the extra field of its member has it in UTF-8, else an empty text."""
    with suppress(UnicodeError):
        return raw.decode()
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        if kind == 0x7075 and size > 5 and extra[5:9] == struct.pack("<I", zlib.crc32(raw)):
            with suppress(UnicodeError):
                return extra[9 : 4 + size].decode()
        extra = extra[4 + size :]
    return ""


def _like_gb2312(name: bytes) -> bool:
    """Whether all that is not ASCII are pairs of bytes as GB2312 gives to frequent signs."""
    return not re.sub(rb"[\xa1-\xa9\xb0-\xf7][\xa1-\xfe]", b"", name).strip(bytes(range(128)))


def _like(page: str, signs: str) -> Callable[[bytes], bool]:
    """Whether a name reads well in a code page: words of these signs, apart from Latin letters."""
    word = re.compile(rf"[{signs}]+")

    def check(name: bytes) -> bool:
        with suppress(UnicodeError):
            text = name.decode(page)
            mixed = re.search(rf"[a-zA-Z][{signs}]|[{signs}][a-z]", text)
            return word.sub("", text).isascii() and not mixed
        return False

    return check


# Chinese and Japanese Windows, whose files Explorer packs without a mark.
_PAGES = (
    ("gb18030", _like_gb2312),
    ("cp932", _like("cp932", r"\u3005\u3040-\u30ff\u4e00-\u9fff")),
    ("gb18030", _like("gb18030", r"\u00b7\u4e00-\u9fff")),
)


def _saved(member: zipfile.ZipInfo) -> float:
    """When a member was saved, in seconds; 0 where the archive says nothing that can be."""
    with suppress(ValueError, OverflowError):
        return time.mktime((*member.date_time, 0, 0, -1))
    return 0


def _is_archive(parts: tuple[str, ...]) -> bool:
    return parts[-1].lower().endswith(".zip")


def _other_file(parts: tuple[str, ...]) -> File | None:
    """Why a file is neither a notebook nor an archive, by its name; None if it may be one."""
    if len(parts) > DEEPEST:
        return File(parts[:DEEPEST], why=f"what is in more than {DEEPEST} folders is not read")
    path = "/".join(parts)
    suffix = os.path.splitext(path)[1].lower()
    if found := _OF_PROGRAMS.search(path):
        if found[0].endswith("/"):  # its folder is told, not each file in it
            parts = parts[: path[: found.end()].count("/")]
        return File(parts, why="a program put it there", lost=False)
    if suffix in _PACKED:
        return File(parts, why=f"it is packed as {suffix}: unpack it, name the folder")
    if not _is_archive(parts) and not _NOTEBOOK.search(parts[-1]):
        return File(parts, why=f"it is no notebook ({suffix or 'no suffix'})")
    return None


def _too_large(size: int) -> str:
    return f"it has {size / 1e6:,.0f} MB, and {LARGEST / 1e6:.0f} are the limit: clear its outputs"


def _reason(error: BaseException) -> str:
    return printable(getattr(error, "strerror", None) or str(error) or type(error).__name__)[:200]
