"""Files from the network, whole and checked, and the error for those that cannot be used."""

import errno
import hashlib
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from ..engine.console import say
from ..engine.files import check_writable, write_whole
from ..engine.leftovers import sweep
from ..engine.settings import data_folder, mirror, offline
from ..engine.text import from_here, printable

PATIENCE = 6  # seconds
REPAIR = "move it away and fetch or prepare it again, nothing was read or changed"


class DataError(Exception):
    """A data file that cannot be used; the message names it and says what to do."""


@dataclass(frozen=True)
class File:
    """A publisher's file: path below the data folder, addresses, hash as for ``check_hash``, and
    how many bytes it has at most, 0 where that is not known."""

    path: str
    addresses: tuple[str, ...]
    hash: str
    size: int = 0


def obtain(files: Sequence[File], title: str) -> None:
    """Have these files in the data folder: what is missing is downloaded, and all are checked.

    Where ``COURSEKIT_MIRROR`` names a mirror, it is asked first. Raises ``ConnectionError`` when
    one cannot be had, ``DataError`` when one is damaged.
    """
    folder = data_folder()
    for file in files:
        sweep(folder / file.path)
    missing = [file for file in files if not (folder / file.path).exists()]
    try:
        if missing and offline():
            raise ConnectionError("COURSEKIT_OFFLINE forbids the network")
        if missing:
            _fetch_all(missing, folder)
    except ConnectionError as error:
        raise ConnectionError(f"{title} is not in the data folder, and {error}") from error
    for file in files:
        check_hash(folder / file.path, file.hash)


def _fetch_all(files: Sequence[File], folder: Path) -> None:
    """Download files, over the same connections; a host that asks to wait is obeyed for all."""
    from .connections import Hosts

    try:
        first = mirror()
    except ValueError as error:
        say(f"{error}. It is not asked.")
        first = ""
    with Hosts(PATIENCE) as hosts:
        for file in files:
            nearer = [first + quote(file.path)] if first else []
            addresses = [*nearer, *file.addresses]
            fetch(addresses, folder / file.path, file.hash, size=file.size, hosts=hosts)


def hash_of(path: Path, algorithm: str) -> str:
    """A file's hash in hexadecimal digits, by an algorithm of ``hashlib``. Raises ``OSError``."""
    if path.exists() and not path.is_file():  # a pipe would be waited for without end
        raise OSError(errno.EINVAL, "it is no file")
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


def fetch(
    addresses: Sequence[str],
    path: Path,
    known_hash: str,
    patience: float = PATIENCE,
    *,
    size: int = 0,
    hosts=None,
) -> None:
    """Download a file from the first address that gives it, with progress; it appears whole and
    checked, or not at all.

    ``known_hash`` and ``size`` are those of a ``File``, ``hosts`` the ``Hosts`` of all files that
    are wanted together. An address is asked again after a failure that may pass, a broken transfer
    goes on where it stopped, and a host that asks to wait is left alone. One that gives nearly
    nothing for ``patience`` seconds has a short second try before the next address. Raises
    ``ConnectionError`` when no address gives the file, ``DataError`` when it cannot be stored.
    """
    from .connections import Hosts
    from .transfer import GivenUp, Transfer

    failures = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        check_writable(path.parent)
        with nullcontext(hosts) if hosts else Hosts(patience) as hosts:
            for address in addresses:
                transfer = Transfer(path.name, address, known_hash, size, hosts)
                try:
                    return write_whole(path, transfer.run)
                except GivenUp as error:
                    failures.append(f"{_host(address)}: {error}")
    except OSError as error:
        fault = f"cannot be stored in {from_here(path.parent)} ({error.strerror})"
        advice = "make room, make this folder writable, or name another one with COURSEKIT_DATA"
        raise DataError(f"{path.name} {fault}: {advice}") from error
    raise ConnectionError(f"the download of {path.name} failed ({'; '.join(failures)})")


def _host(address: str) -> str:
    """The name of the host in an address, for messages."""
    try:
        return printable(urlsplit(address).hostname or "no host")
    except ValueError:
        return "no address"
