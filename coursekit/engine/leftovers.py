"""What is not whole yet has a name beside its place, and a lock for as long as it is written: so
what killed processes left is told from what others write, and swept away at the next call."""

import os
import secrets
import shutil
import time
from contextlib import suppress
from glob import escape
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

# The age in seconds that tells where no lock does: on Windows, and in a network's file system
# without locks.
ABANDONED = 3600


def beside(path: Path) -> Path:
    """A new name beside this one."""
    return path.with_name(f"{_start(path)}{secrets.token_hex(6)}.part")


def hold(descriptor: int, path: Path) -> bool:
    """Say that this process writes the file or folder that is open, until it is closed; False if
    another one has swept it away before."""
    if fcntl:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    return path.exists()


def sweep(path: Path) -> None:
    """Remove what killed processes left beside this file."""
    for left in path.parent.glob(f"{escape(_start(path))}*.part"):
        with suppress(OSError):
            opened = os.open(left, os.O_RDONLY) if fcntl else None
            try:
                if _abandoned(left, opened):
                    shutil.rmtree(left) if left.is_dir() else left.unlink()
            finally:
                if opened is not None:
                    os.close(opened)


def _start(path: Path) -> str:
    name = path.name.encode(errors="surrogateescape")[:200]  # a name has 255 bytes at most
    return f".{name.decode(errors='ignore')}."


def _abandoned(left: Path, opened: int | None) -> bool:
    if fcntl:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks
            pass
    return time.time() - left.stat().st_mtime > ABANDONED
