"""Files from the network, whole and checked, and the error for those that cannot be used."""

import hashlib
import http.client
import os
import re
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from ..engine.files import write_whole
from ..engine.progress import Progress
from ..engine.settings import data_folder, offline

REPAIR = "move it away and fetch or prepare it again, nothing was read or changed"


class DataError(Exception):
    """A data file that cannot be used; the message names it and says what to do."""


@dataclass(frozen=True)
class File:
    """A publisher's file: path below the data folder, addresses, hash as for ``check_hash``."""

    path: str
    addresses: tuple[str, ...]
    hash: str


def obtain(files: Sequence[File], title: str) -> None:
    """Have these files in the data folder: what is missing is downloaded, and all are checked.

    Raises ``ConnectionError`` when one cannot be had, ``DataError`` when one is damaged.
    """
    folder = data_folder()
    missing = [file for file in files if not (folder / file.path).exists()]
    try:
        if missing and offline():
            raise ConnectionError("COURSEKIT_OFFLINE forbids the network")
        for file in missing:
            fetch(file.addresses, folder / file.path, file.hash)
    except ConnectionError as error:
        raise ConnectionError(f"{title} is not in the data folder, and {error}") from error
    for file in files:
        check_hash(folder / file.path, file.hash)


def hash_of(path: Path, algorithm: str) -> str:
    """A file's hash in hexadecimal digits, by an algorithm of ``hashlib``. Raises ``OSError``."""
    found = hashlib.new(algorithm)
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            found.update(piece)
    return found.hexdigest()


def mismatch(path: Path, known_hash: str, who: str = "its publisher") -> str:
    """How the file differs from what ``who`` expects, ``"md5:…"`` or ``"sha256:…"`` with all digits
    or the first ones; empty if it does not."""
    algorithm, expected = known_hash.split(":")
    try:
        found = hash_of(path, algorithm)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    same = found.startswith(expected)
    return "" if same else f"has {algorithm} {found}, but {who} expects {expected}"


def check_hash(path: Path, known_hash: str, who: str = "its publisher") -> None:
    """Raise ``DataError`` where there is a ``mismatch``."""
    if fault := mismatch(path, known_hash, who):
        raise DataError(f"{path.name} is damaged or not the known file (it {fault}): {REPAIR}")


LISTING = "SHA256SUMS"  # beside prepared files: their hashes, as sha256sum writes them


def listed_hashes(folder: Path) -> dict[str, str]:
    """The sha256 that the folder's SHA256SUMS lists, by path, also of files in folders below."""
    listing = folder / LISTING
    text = listing.read_text(encoding="utf-8", errors="replace") if listing.exists() else ""
    found = (re.fullmatch(r"(\S+)\s+\*?(\S.*)", line) for line in text.splitlines())
    return {match[2]: match[1] for match in found if match}


def fetch(addresses: Sequence[str], path: Path, known_hash: str, patience: float = 6) -> None:
    """Download a file from the first address that gives it, with progress; it appears whole and
    checked, or not at all.

    ``known_hash`` is one for ``check_hash``. An address that gives nearly nothing for ``patience``
    seconds is left for the next one. Raises ``ConnectionError`` when no address gives the file,
    ``DataError`` when it cannot be stored.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        fault = f"cannot be stored in {os.path.relpath(path.parent)} ({error.strerror})"
        advice = "make this folder writable, or name another one with COURSEKIT_DATA"
        raise DataError(f"{path.name} {fault}: {advice}") from error
    failures = []
    for address in addresses:
        try:
            write_whole(path, partial(_download, address, known_hash, patience))
            return
        except (OSError, http.client.HTTPException) as error:
            failures.append(f"{urllib.parse.urlsplit(address).hostname}: {error}")
    raise ConnectionError(f"the download of {path.name} failed ({'; '.join(failures)})")


def _download(address: str, known_hash: str, patience: float, file: BinaryIO) -> None:
    """Copy an address to a file, with a progress bar, give up when it stalls, and check what came.

    The copying runs in a thread of its own, for a name server that does not answer cannot be
    interrupted.
    """
    algorithm, expected = known_hash.split(":")
    found, over = hashlib.new(algorithm), threading.Event()
    received, size, failure = 0, None, None

    def copy() -> None:
        nonlocal received, size, failure
        try:
            with urllib.request.urlopen(address, timeout=patience) as response:
                size = int(response.headers.get("Content-Length") or 0) or None
                while not over.is_set() and (chunk := response.read1(1 << 16)):
                    file.write(chunk)  # fails when nobody waits any more, for it is closed then
                    found.update(chunk)
                    received += len(chunk)
        except Exception as error:  # whatever it is, it belongs to the waiting thread
            failure = error
            if isinstance(error, urllib.error.HTTPError):
                error.close()

    thread = threading.Thread(target=copy, daemon=True)
    thread.start()
    mark, at_mark = time.monotonic(), 0
    try:
        with Progress(address.rsplit("/", 1)[-1], unit="B") as progress:
            while thread.is_alive():
                thread.join(0.1)
                progress.show(received, size)
                if time.monotonic() - mark > patience:
                    if received - at_mark < 1 << 14:
                        raise TimeoutError(f"no answer within {patience:g} seconds")
                    mark, at_mark = time.monotonic(), received
    finally:
        over.set()
    if failure:
        raise failure
    if not found.hexdigest().startswith(expected):
        raise ConnectionError("it sent other bytes than the published file")
