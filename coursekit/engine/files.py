"""The one way to read a text and to write a file: in a known encoding, whole or not at all."""

import codecs
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from . import leftovers
from .text import from_here

Content = bytes | memoryview | str | Callable[[BinaryIO], object]
MOVES_OPEN_FILES = os.name != "nt"
HELD = (0.05, 0.1, 0.2, 0.4, 0.8)  # seconds to wait for a scanner or a backup that holds a file


class NotText(ValueError):
    """A file is not text in UTF-8; the message names it and says what to do."""


class ChangedMeanwhile(OSError):
    """Somebody has changed a file since it was read; it is left as it is."""


def read_text(path: Path, *, exact: bool = False) -> str:
    """The text of a file in UTF-8, or in UTF-16 with its mark, as Windows writes it.

    Line ends become those of Unix, but for ``exact``. Raises ``NotText`` and ``OSError``.
    """
    data = path.read_bytes()
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"{path.name} is not text in UTF-8 (line {line}): save it in this encoding"
        raise NotText(what) from error
    return text if exact else text.replace("\r\n", "\n").replace("\r", "\n")


def write_whole(path: Path, content: Content, *, replacing: bytes | None = ...) -> None:
    """Write the file beside its place, flush it to the disk, and only then put it in its place.

    ``content`` are the bytes, a text (as UTF-8, its line ends as they are) or a function that
    writes into an open file; ``replacing`` is what was in its place when they were made (None: no
    file), where they depend on it. A file that is replaced keeps its permissions, a link leads
    where it led, and what is no file, as /dev/stdout, is written to. Each call writes under a name
    of its own, so two processes cannot mix; whatever happens, the old file or the new one is there
    whole, and what killed processes left beside it is swept away.

    Raises ``OSError`` (``ChangedMeanwhile`` where something else is in its place now), and what
    ``content`` raises; both leave nothing behind.
    """
    if path.exists() and not path.is_file():
        with open(path, "wb") as file:  # an error for a folder
            return _fill(file, content)
    path = Path(os.path.realpath(path))
    leftovers.sweep(path)
    beside, file = _new_file(path)
    try:
        with file:
            _fill(file, content)
            file.flush()
            os.fsync(file.fileno())
            if path.exists():
                with suppress(PermissionError):  # a network's drive that has no permissions
                    shutil.copymode(path, beside)
            if replacing is not ... and content_of(path) != replacing:
                raise ChangedMeanwhile(f"{from_here(path)} was changed meanwhile")
            if MOVES_OPEN_FILES:  # while it is held
                os.replace(beside, path)
        if not MOVES_OPEN_FILES:
            _replace(beside, path)
    except BaseException:  # Ctrl-C too
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def content_of(path: Path) -> bytes | None:
    """The bytes of a file, None where there is none."""
    return path.read_bytes() if path.exists() else None


@contextmanager
def folder_beside(path: Path) -> Iterator[Path]:
    """A new folder beside the place of a file or a folder, for what is moved there when it is
    whole; removed at the end, or at the next call if this process is killed. Raises ``OSError``."""
    leftovers.sweep(path)
    beside, opened = _new_folder(path)
    try:
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        if opened is not None:
            os.close(opened)


def check_writable(folder: Path) -> None:
    """Raise ``OSError`` where no file can be made in the folder; an empty one is tried."""
    tempfile.TemporaryFile(dir=folder).close()


def _fill(file: BinaryIO, content: Content) -> None:
    if callable(content):
        content(file)
    else:
        file.write(content.encode() if isinstance(content, str) else content)


def _new_file(path: Path) -> tuple[Path, BinaryIO]:
    """A file beside this one, held by this process; under another name if it was swept away before
    it was held."""
    while True:
        beside = leftovers.beside(path)
        file = open(beside, "xb")
        if leftovers.hold(file.fileno(), beside):
            return beside, file
        file.close()


def _new_folder(path: Path) -> tuple[Path, int | None]:
    """The same for a folder, which Windows cannot hold."""
    while True:
        beside = leftovers.beside(path)
        beside.mkdir()
        try:
            opened = os.open(beside, os.O_RDONLY) if MOVES_OPEN_FILES else None
        except FileNotFoundError:
            continue
        if opened is None or leftovers.hold(opened, beside):
            return beside, opened
        os.close(opened)


def _replace(beside: Path, path: Path) -> None:
    """Put the file in its place, as soon as no other program holds the old one."""
    for wait in (*HELD, None):
        try:
            return os.replace(beside, path)
        except PermissionError:
            if wait is None:
                raise
            time.sleep(wait)
