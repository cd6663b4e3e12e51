"""Files from the network, whole and checked: hashes, downloads, their progress, the error for files
that cannot be used."""

import hashlib
import html
import http.client
import os
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tqdm import tqdm


class DataError(Exception):
    """A data file that cannot be used; the message names it and says what to do."""


class Progress:
    """How far something is: a bar in a terminal, a bar in a notebook (which must not write to
    stderr), else nothing.

    >>> with Progress("photos", total=2) as progress:
    ...     progress.show(1)
    """

    def __init__(self, what: str, total: int | None = None, unit: str = ""):
        self.what, self.total, self.unit, self.handle = what, total, unit, None
        self.started = self.shown = time.monotonic()

    def __enter__(self):
        if _in_notebook():
            from IPython.display import display

            self.handle = display({"text/plain": f"{self.what} …"}, raw=True, display_id=True)
        self.bar = tqdm(
            total=self.total,
            desc=self.what,
            unit=self.unit,
            unit_scale=bool(self.unit),
            leave=False,
            disable=True if self.handle else None,
        )  # None: where stderr is no terminal
        return self

    def show(self, done: int, total: int | None = None) -> None:
        """So much is done."""
        self.bar.total = self.total = total or self.total
        self.bar.update(done - self.bar.n)
        if self.handle and time.monotonic() - self.shown > 0.3:
            self.shown = time.monotonic()
            done_of = [
                f"{tqdm.format_sizeof(n)}{self.unit}" if self.unit else f"{n:,}"
                for n in (done, self.total)
                if n
            ]
            plain = f"{self.what}: {' of '.join(done_of)}"
            text = html.escape(plain)
            bar = (
                f'<progress max="{self.total}" value="{done}" aria-label="{text}"></progress> '
                if self.total
                else ""
            )
            self.handle.update({"text/plain": plain, "text/html": bar + text}, raw=True)

    def __exit__(self, error, *_):
        self.bar.close()
        if self.handle:
            end = f"stopped by {error.__name__}" if error else "done"
            self.handle.update(
                {"text/plain": f"{self.what}: {end} after {time.monotonic() - self.started:.0f} s"},
                raw=True,
            )


def _in_notebook() -> bool:
    """Whether a Jupyter kernel runs this (IPython in a terminal has none)."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


def hash_of(path: Path, algorithm: str) -> str:
    """The hash of a file in hexadecimal digits; ``algorithm`` as ``hashlib`` names it. Raises
    ``OSError``."""
    found = hashlib.new(algorithm)
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            found.update(piece)
    return found.hexdigest()


def check_hash(path: Path, known_hash: str) -> None:
    """Raise ``DataError`` unless the file has this hash: ``"md5:…"`` or ``"sha256:…"``, all its
    digits or the first ones."""
    algorithm, expected = known_hash.split(":")
    if not (found := hash_of(path, algorithm)).startswith(expected):
        raise DataError(
            f"{path.name} is damaged or not the published file ({algorithm} {found}, expected {expected}): "
            "move it away and run again to download it, nothing was read or changed"
        )


def listed_hash(path: Path) -> str | None:
    """The sha256 that a SHA256SUMS file beside it (as ``sha256sum`` writes it) lists for this
    file."""
    listing = path.with_name("SHA256SUMS")
    lines = listing.read_text(errors="replace").splitlines() if listing.exists() else []
    return next(
        (line.split()[0] for line in lines if line.split()[1:] in ([path.name], [f"*{path.name}"])),
        None,
    )


def check_listed_hash(path: Path) -> None:
    """Raise ``DataError`` when SHA256SUMS lists another hash for this file."""
    expected = listed_hash(path)
    if expected and (found := hash_of(path, "sha256")) != expected:
        raise DataError(
            f"{path.name} in the data folder has sha256 {found}, but SHA256SUMS expects {expected}: "
            "move it away and prepare it again, nothing was read or changed"
        )


def fetch(addresses: Sequence[str], path: Path, known_hash: str, patience: float = 6) -> None:
    """Download a file from the first address that gives it, with progress; it appears whole and
    checked, or not at all.

    ``known_hash`` is one for ``check_hash``. An address that gives nearly nothing for ``patience``
    seconds is left for the next one. A file that is there already is left alone. Raises
    ``ConnectionError`` when no address gives the file, ``DataError`` when it cannot be stored.
    """
    import pooch

    pooch.get_logger().setLevel("WARNING")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise DataError(
            f"{path.name} cannot be stored in {os.path.relpath(path.parent)} ({error.strerror}): make this "
            "folder writable, or name another one with COURSEKIT_DATA"
        ) from error
    failures = []
    for address in addresses:
        try:
            # pooch moves the file to its place only when the downloader is content; it knows no
            # hash of which only the first digits are known, as in the names of torchvision's
            # weights, so the hash is checked there
            pooch.retrieve(
                address,
                None,
                fname=path.name,
                path=path.parent,
                downloader=partial(_download, known_hash=known_hash, patience=patience),
            )
            return
        except (OSError, DataError, http.client.HTTPException) as error:
            reason = (
                "it sent other bytes than the published file"
                if isinstance(error, DataError)
                else error
            )
            failures.append(f"{urllib.parse.urlsplit(address).hostname}: {reason}")
    raise ConnectionError(f"the download of {path.name} failed ({'; '.join(failures)})")


def _download(address: str, path: str, _: object, known_hash: str, patience: float) -> None:
    """Copy an address to a file, with a progress bar, give up when it stalls, and check what came.

    The copying runs in a thread of its own, for a name server that does not answer cannot be
    interrupted.
    """
    received, size, failure, given_up = 0, None, None, threading.Event()

    def copy() -> None:
        nonlocal received, size, failure
        try:
            # "r+": an answer that comes when nobody waits any more finds the temporary file gone,
            # and must not make one
            with (
                urllib.request.urlopen(address, timeout=patience) as response,
                open(path, "r+b") as file,
            ):
                size = int(response.headers.get("Content-Length") or 0) or None
                while not given_up.is_set() and (chunk := response.read1(1 << 16)):
                    file.write(chunk)
                    received += len(chunk)
        except Exception as error:  # whatever it is, it belongs to the waiting thread
            failure = error
            if isinstance(error, urllib.error.HTTPError):
                error.close()

    thread = threading.Thread(target=copy, daemon=True)
    thread.start()
    mark, at_mark = time.monotonic(), 0
    with Progress(address.rsplit("/", 1)[-1], unit="B") as progress:
        while thread.is_alive():
            thread.join(0.1)
            progress.show(received, size)
            if time.monotonic() - mark > patience:
                if received - at_mark < 1 << 14:
                    given_up.set()
                    raise TimeoutError(f"no answer within {patience:g} seconds")
                mark, at_mark = time.monotonic(), received
    if failure:
        raise failure
    check_hash(Path(path), known_hash)
