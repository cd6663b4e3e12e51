"""What students handed in: the notebooks in folders and zip archives, and whose they are.

These are files of strangers. None is executed, none of an archive is written to a disk (members are
read into memory, one after the other, so no name can lead anywhere), links are not followed, and a
file that cannot be used is told with its reason and costs only itself.
"""

import json
import os
import re
import stat
import unicodedata
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from . import course

LARGEST = 64_000_000  # bytes of a file: a notebook with many pictures has 10 million, and its JSON takes a few times that
TOTAL = (
    2_000_000_000  # bytes of all that is read from one archive: a large class with many pictures
)
MEMBERS = 20_000  # of an archive: a large class that packed its data folders, too
# Pictures hardly pack, text to a fifth, a long progress bar to a hundredth. Packing cannot reach
# more than about 1,000, so what is beyond 200 was made to fill memories. Below HARMLESS bytes
# nothing can.
RATIO, HARMLESS = 200, 10_000_000
CELLS = 5_000  # of a notebook: the course's have a hundred

# What programs leave beside people's files.
_OF_PROGRAMS = re.compile(
    r"(?:^|/)(?:__MACOSX/|\.ipynb_checkpoints/|\._|\.DS_Store$|Thumbs\.db$|desktop\.ini$|\.git/)",
    re.I,
)
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
)
_MOODLE = re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_(?:file|onlinetext)(?:_.*)?")
_CANVAS = re.compile(r"(?P<name>[^_]+)_(?:LATE_)?(?P<id>\d+)_\d+_.+")
# What a name says besides the person's: the week, and how often the file was copied.
_NO_PERSON = (
    r"\.(?:ipynb|zip)\b|(?<![a-z0-9])(?:week|w)[ _-]?\d+(?![a-z0-9])|(?<![a-z])copy of(?![a-z])"
    r"|[ _-]+copy ?\d*(?![a-z0-9])|\(\d+\)"
)


@dataclass(frozen=True)
class File:
    """A file that may be a notebook: ``parts`` are the names from the folder or archive that was
    asked for down to it."""

    parts: tuple[str, ...]
    data: bytes

    @property
    def shown(self) -> str:
        return shown(self.parts)


@dataclass(frozen=True)
class Unused:
    """A file that was not used, and why; ``lost`` is false for what programs leave beside people's
    files."""

    parts: tuple[str, ...]
    why: str
    lost: bool = True

    @property
    def shown(self) -> str:
        return shown(self.parts)

    @property
    def student(self) -> str:
        """Whose it is, where Moodle or Canvas wrote that into the path; else empty."""
        person = _listed(self.parts)
        return printable(person["name"]) if person else ""


def read(paths: Iterable[Path], leave_out: Path) -> Iterator[File | Unused]:
    """Every file in these folders and archives, in the order of their names, but for the one to
    ``leave_out``."""
    for path in dict.fromkeys(path.resolve() for path in paths):
        name = (path.name,)
        found = _folder(path, leave_out.resolve()) if path.is_dir() else _from_disk(path, name)
        empty = True
        for file in found:
            empty = False
            yield file
        if empty:
            yield Unused(name, "there is nothing in it")


def notebook(data: bytes) -> dict:
    """The JSON of a notebook, in format 4: from the old format 3 it is made, without a loss of
    text.

    Raises ``NotANotebook`` when there is none in these bytes.
    """
    if not data.strip():
        raise course.NotANotebook("is empty")
    try:
        content = json.loads(data, parse_int=_whole)
    except UnicodeDecodeError:
        raise course.NotANotebook("is not a notebook, for it is not text in UTF-8") from None
    except json.JSONDecodeError as error:
        raise course.NotANotebook(
            f"is not a notebook, for it is not JSON (line {error.lineno}: {error.msg})"
        ) from None
    except RecursionError:
        raise course.NotANotebook("is not a notebook, for its JSON is nested too deep") from None
    except (ValueError, MemoryError) as error:
        raise course.NotANotebook(
            f"cannot be read ({error or 'it needs too much memory'})"
        ) from None
    if isinstance(content, dict) and isinstance(content.get("worksheets"), list):
        sheets = [sheet for sheet in content["worksheets"] if isinstance(sheet, dict)]
        old = [
            cell
            for sheet in sheets
            if isinstance(sheet.get("cells"), list)
            for cell in sheet["cells"]
        ]
        content = {**content, "cells": [_renewed(cell) for cell in old if isinstance(cell, dict)]}
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        raise course.NotANotebook("is not a notebook, for it has no list of cells")
    if len(content["cells"]) > CELLS:
        raise course.NotANotebook(
            f"has {len(content['cells']):,} cells, and {CELLS:,} are the limit: read it by itself"
        )
    return content


def students(paths: Sequence[tuple[str, ...]], stems: Iterable[str]) -> list[str]:
    """Whose the file at each of these paths is: a name that is short and keeps people apart.

    Moodle and Canvas put names into the paths. Elsewhere a name is what tells a path from the
    others, without ``stems``, the names of the course's notebooks. The same name in two places is
    taken for the same person.
    """
    listed = [_listed(parts) for parts in paths]
    ids = defaultdict(set)
    for parts, person in zip(paths, listed):
        if person:
            ids[parts[0], person["name"]].add(person["id"])
    namesakes = {name for (_, name), numbers in ids.items() if len(numbers) > 1}
    of_course = re.compile(
        "|".join([*map(re.escape, sorted(stems, key=len, reverse=True)), _NO_PERSON]), re.IGNORECASE
    )
    keys = {parts: _key(parts, of_course) for parts, person in zip(paths, listed) if not person}
    names = _shortest(set(keys.values()))
    found = []
    for parts, person in zip(paths, listed):
        if person:
            found.append(
                f"{person['name']} ({person['id']})"
                if person["name"] in namesakes
                else person["name"]
            )
        else:
            found.append(names[keys[parts]])
    return [printable(name) for name in found]


def shown(parts: Sequence[str]) -> str:
    """A path as pages and terminals show it."""
    return printable("/".join(parts))


def printable(name: str) -> str:
    """A name without what could act on a terminal or turn the text around it; such signs are shown
    by their numbers.

    >>> printable("a\\x1b[31m\\udcff")
    'a\\\\x1b[31m\\\\xff'
    """
    return "".join(map(_printable, name))


def _printable(sign: str) -> str:
    if sign.isprintable() or sign in "\u200c\u200d" or unicodedata.category(sign) == "Zs":
        return sign
    if "\udc80" <= sign <= "\udcff":  # a byte of a file name that is not UTF-8
        return f"\\x{ord(sign) - 0xDC00:02x}"
    return sign.encode("unicode_escape").decode()


# Reading


def _folder(folder: Path, leave_out: Path) -> Iterator[File | Unused]:
    waiting = [(folder, (folder.name,))]
    while waiting:
        path, parts = waiting.pop()
        try:
            if path != folder and path.is_symlink():
                yield Unused(
                    parts, "it is a link, and links are not followed: put the file itself there"
                )
            elif path.is_dir():
                waiting += [
                    (path / name, (*parts, name)) for name in sorted(os.listdir(path), reverse=True)
                ]
            elif path != leave_out:
                yield from _from_disk(path, parts)
        except OSError as error:
            yield Unused(parts, f"it cannot be read ({error.strerror})")


def _from_disk(path: Path, parts: tuple[str, ...]) -> Iterator[File | Unused]:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            yield Unused(parts, "it is no ordinary file")
        elif reason := _no_candidate(parts):
            yield reason
        elif path.suffix.lower() == ".zip":
            with path.open("rb") as stream:
                yield from _archive(stream, parts, _Budget())
        elif status.st_size > LARGEST:
            yield _too_large(parts, status.st_size)
        else:
            yield File(parts, path.read_bytes())
    except OSError as error:
        yield Unused(parts, f"it cannot be read ({error.strerror})")


@dataclass
class _Budget:
    """The bytes that were read from one archive and from those in it; ``nested`` in one of
    those."""

    spent: int = 0
    nested: bool = False


def _archive(stream, parts: tuple[str, ...], budget: _Budget) -> Iterator[File | Unused]:
    try:
        with zipfile.ZipFile(stream) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) > MEMBERS:
                yield Unused(
                    parts,
                    f"it has {len(members):,} files, and {MEMBERS:,} are the limit: unpack it, name the folder",
                )
                return
            if not members:
                yield Unused(parts, "the archive is empty")
            for member in sorted(members, key=lambda member: member.filename):
                yield from _member(archive, member, parts, budget)
    except _ZIP_ERRORS as error:
        yield Unused(parts, f"it is no zip archive that can be read ({_reason(error)})")


def _member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, above: tuple[str, ...], budget: _Budget
):
    parts = (
        *above,
        *(
            part
            for part in _name(member).replace("\\", "/").split("/")
            if part not in ("", ".", "..")
        ),
    )
    if reason := _no_candidate(parts):
        yield reason
    elif stat.S_ISLNK(member.external_attr >> 16):
        yield Unused(parts, "it is a link, and links are not followed: pack the file itself")
    elif member.flag_bits & 1:
        yield Unused(parts, "it is locked with a password: ask for it without one")
    elif member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        yield Unused(parts, "it is packed in an unusual way: unpack it, and name the folder")
    elif member.file_size > LARGEST:
        yield _too_large(parts, member.file_size)
    elif member.file_size > HARMLESS and member.file_size > RATIO * member.compress_size:
        yield Unused(
            parts,
            f"it would grow to {member.file_size / max(1, member.compress_size):,.0f} times its size: it was "
            "made to fill memories",
        )
    elif budget.spent + member.file_size > TOTAL:
        yield Unused(
            parts,
            f"its archive holds more than {TOTAL / 1e9:.0f} GB: unpack it, and name the folder",
        )
    elif parts[-1].lower().endswith(".zip") and budget.nested:
        yield Unused(parts, "it is an archive in an archive in an archive: unpack it")
    else:
        try:
            data = archive.read(member)
        except _ZIP_ERRORS as error:
            yield Unused(parts, f"it is damaged ({_reason(error)})")
            return
        budget.spent += len(data)
        if (
            parts[-1].lower().endswith(".zip")
        ):  # students pack their work, and Moodle packs what they packed
            budget.nested = True
            yield from _archive(BytesIO(data), parts, budget)
            budget.nested = False
        else:
            yield File(parts, data)


def _name(member: zipfile.ZipInfo) -> str:
    """The name in the archive. Names without the mark of UTF-8 are mostly in it all the same."""
    if not member.flag_bits & 0x800:
        try:
            return member.filename.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass
    return member.filename


def _no_candidate(parts: tuple[str, ...]) -> Unused | None:
    path = "/".join(parts)
    if _OF_PROGRAMS.search(path):
        return Unused(parts, "a program put it there", lost=False)
    suffix = os.path.splitext(path)[1]
    return (
        None
        if suffix.lower() in (".ipynb", ".zip")
        else Unused(parts, f"it is no notebook ({suffix or 'no suffix'})")
    )


def _too_large(parts: tuple[str, ...], size: int) -> Unused:
    return Unused(
        parts,
        f"it has {size / 1e6:,.0f} MB, and {LARGEST / 1e6:.0f} are the limit: clear its outputs",
    )


def _reason(error: BaseException) -> str:
    return printable(getattr(error, "strerror", None) or str(error) or type(error).__name__)[:200]


def _whole(digits: str) -> int:
    """A whole number of JSON. One that no notebook has, and that takes long to read, is none."""
    return int(digits) if len(digits) <= 18 else 0


def _renewed(cell: dict) -> dict:
    """A cell of format 3 as it is in format 4."""
    kind, source = cell.get("cell_type"), cell.get("source", "")
    if kind == "code":
        return {
            **cell,
            "source": cell.get("input", source),
            "execution_count": cell.get("prompt_number"),
        }
    if kind == "heading":
        level = cell.get("level") if cell.get("level") in range(1, 7) else 1
        lines = source if isinstance(source, list) else [source]
        return {**cell, "cell_type": "markdown", "source": [f"{'#' * level} ", *lines]}
    return cell


# Whose it is


def _listed(parts: tuple[str, ...]) -> re.Match | None:
    """What Moodle or Canvas wrote into the path."""
    return next(
        filter(None, (_MOODLE.fullmatch(part) or _CANVAS.fullmatch(part) for part in parts[1:])),
        None,
    )


def _key(parts: tuple[str, ...], of_course: re.Pattern) -> tuple[str, ...]:
    """What in a path may tell whose it is: first what was asked for, then what is left of the names
    below it."""
    first, *below = (of_course.sub(" ", part).strip(" _.,-") for part in parts)
    if len(parts) == 1:
        return "", first or parts[0]
    return first, *(filter(None, below) if any(below) else parts[-1:])


def _shortest(keys: set[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """A name for each key. A folder that is a person's holds only that person's files."""
    owner = {
        key: next((key[:n] for n in range(2, len(key)) if key[:n] in keys), key) for key in keys
    }
    people = set(owner.values())
    common = len(os.path.commonprefix([key[:-1] for key in people])) if people else 0
    short = {key: key[common:] for key in people}
    longest = max(map(len, short.values()), default=0)
    for depth in range(longest):
        names = {key: left[depth] for key, left in short.items() if depth < len(left)}
        if len(set(names.values())) == len(people):  # one place in the path tells all of them apart
            return {key: names[owner[key]] for key in keys}
    names = {}
    for key, left in short.items():
        others = [other for other in short.values() if other != left]
        n = next(
            (n for n in range(1, len(left)) if all(other[:n] != left[:n] for other in others)),
            len(left),
        )
        names[key] = "/".join(filter(None, left[:n]))
    return {key: names[owner[key]] for key in keys}
