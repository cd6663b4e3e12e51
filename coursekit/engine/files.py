"""The one way to write a file: whole, or not at all."""

import os
import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import BinaryIO

ABANDONED = 3600  # seconds after which what a killed process left beside a file is swept away


def write_whole(
    path: Path, content: bytes | memoryview | str | Callable[[BinaryIO], object]
) -> None:
    """Write the file beside its place, flush it to the disk, and only then put it in its place.

    ``content`` are the bytes, a text (as UTF-8, its line ends as they are) or a function that
    writes into an open file. A file that is replaced keeps its permissions. Each call writes under
    a name of its own, so two processes cannot mix; whatever happens, the old file or the new one
    is there whole. Raises ``OSError``, and what ``content`` raises; both leave nothing behind.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        with open(beside, "xb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, beside)
        os.replace(beside, path)
    except BaseException:  # Ctrl-C too
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    sweep(path)


def sweep(path: Path) -> None:
    """Remove what killed processes left beside this file, once nobody can be writing it."""
    for left in path.parent.glob(f".{escape(path.name)}.*.part"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > ABANDONED:
                left.unlink()
