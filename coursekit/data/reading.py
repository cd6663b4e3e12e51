"""The one way to read a data file: whatever is wrong with its bytes becomes a ``DataError``."""

import errno
import io
import math
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from ..engine.console import say
from ..engine.files import NotText, read_text
from ..engine.text import described, printable
from .download import LISTING, REPAIR, DataError, check_hash

Arrays = dict[str, np.ndarray]
ROOM = 2**28  # bytes; no set of the course needs as many. More than this, and more than four
# times its file, are taken for a small file that was made to fill the memory.


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Read this file inside: what reading raises becomes a ``DataError`` that names it.

    No list of errors would do, for decoders of damaged bytes raise whatever their code runs into.
    Only decoding belongs inside. A pipe, which would be waited for without end, is never opened.
    """
    name = printable(path.name)
    try:
        if path.is_symlink() and not path.exists():
            raise DataError(f"{name} is a link that leads nowhere: mend it, or move it away")
        if path.exists() and not path.is_file():
            kind = "a folder" if path.is_dir() else "a pipe or a device"
            raise DataError(f"{name} is {kind}, no {what}: move it away")
        yield
    except DataError:
        raise
    except NotText as error:
        raise DataError(printable(str(error))) from error
    except MemoryError as error:
        fault = f"{name} is damaged, or needs more memory than this computer has"
        raise DataError(f"{fault}: close other programs, or {REPAIR}") from error
    except Exception as error:
        if isinstance(error, FileNotFoundError):
            raise DataError(f"{name} is not there: fetch or prepare it again") from error
        # a place that no file can have is damage, too
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            fault = f"{name} cannot be read or unpacked ({error.strerror})"
            raise DataError(f"{fault}: see to its permissions and to the disk") from error
        raise DataError(f"{name} in the data folder is damaged or no {what}: {REPAIR}") from error


def check_room(path: Path, size: int) -> None:
    """Raise ``DataError`` for a file that claims too many bytes for its length, see ``ROOM``."""
    if size > max(ROOM, 4 * path.stat().st_size):
        what = f"{printable(path.name)} would unpack to {size / 1e6:,.0f} MB"
        way_out = "if that is right, save it without compression (numpy.savez)"
        raise DataError(f"{what}, far more than its own length: {way_out}")


def listed(folder: Path) -> dict[str, str]:
    """The sha256 of each path, also in folders below, that the folder's SHA256SUMS lists. Raises
    ``DataError`` where it cannot be read."""
    listing = folder / LISTING
    with reading(listing, "list of hashes"):
        text = read_text(listing) if listing.exists() else ""
        found = (re.fullmatch(r"(\S+)\s+\*?(\S.*)", line) for line in text.splitlines())
        return {match[2].removeprefix("./"): match[1].lower() for match in found if match}


def read_arrays(path: Path, keys: tuple[str, ...], optional: tuple[str, ...] = ()) -> Arrays:
    """The arrays of a prepared file, a numpy archive, and those of ``optional`` that are there, in
    the byte order of this machine. Raises ``DataError`` when it is damaged or lacks one of
    ``keys``, and for one that would fill the memory."""
    expected = listed(path.parent).get(path.name)
    with reading(path, "archive of arrays"):
        if expected:
            check_hash(path, f"sha256:{expected}", LISTING)
        with open(path, "rb") as opened, zipfile.ZipFile(opened) as archive:
            there = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            if lacking := [key for key in keys if key not in there]:
                what = f"lacks an array ({lacking[0]}): a prepared file holds {', '.join(keys)}"
                raise DataError(f"{printable(path.name)} {what}")
            chosen = {key: there[key] for key in (*keys, *optional) if key in there}
            check_room(path, sum(info.file_size for info in chosen.values()))
            return {key: _array(path, archive, info) for key, info in chosen.items()}


def _array(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    """One array: what its header claims is compared with its length before there is room made."""
    # of the other ways to pack, none is numpy's, and a few bytes can hold gigabytes at a stroke
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        what = f"{printable(path.name)} is damaged, or packed in a way that numpy does not write"
        raise DataError(f"{what}: save it again with numpy.savez")
    headers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    with archive.open(info) as member:
        shape, _, dtype = headers[npy.read_magic(member)](member)
        if math.prod(shape) * max(dtype.itemsize, 1) + member.tell() != info.file_size:
            raise ValueError(f"the header of {info.filename} does not fit its length")
    with archive.open(info) as member:
        array = npy.read_array(member, allow_pickle=False)  # objects could run code
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def read_mat(path: Path, *names: str) -> list[np.ndarray]:
    """These variables of a MATLAB file (of version 4 or 5). Raises ``DataError``."""
    from scipy.io import loadmat, whosmat

    with reading(path, f"MATLAB file with {' and '.join(names)}"):
        content = io.BytesIO(path.read_bytes())  # of which no more can be asked than there is
        sizes = {name: math.prod(shape) for name, shape, _ in whosmat(content)}
        check_room(path, 8 * sum(sizes[name] for name in names))
        content.seek(0)
        found = loadmat(content, variable_names=names)
        return [found[name] for name in names]


def words(array: np.ndarray, key: str) -> tuple[str, ...]:
    """The words of a row of texts (or of whole numbers), as classes are. Raises ``ValueError``."""
    row = np.atleast_1d(array)
    if row.ndim != 1 or row.dtype.kind not in "USiu":
        raise ValueError(f"{key} must be text, not {described(array)}")
    try:
        found = [word.decode() if isinstance(word, bytes) else str(word) for word in row]
    except UnicodeDecodeError as error:
        raise ValueError(f"{key} must be text in UTF-8") from error
    if not found or not all(word.strip() for word in found):
        raise ValueError(f"{key} must not be empty")
    return tuple(map(printable, found))


def one_text(array: np.ndarray, key: str) -> str:
    """The one text that an array holds, as a source is. Raises ``ValueError``."""
    if array.size != 1 or array.dtype.kind not in "US":
        raise ValueError(f"{key} must be one text, not {described(array)}")
    return words(array.reshape(1), key)[0]


def tell_copies(source: str, train, test) -> None:
    """Say so where the test data are data of training: the result would be too good to be true."""
    if len(test) and np.array_equal(train[: len(test)], test):
        say(f"{source}: the test data are a copy of training data, so a test shows nothing")
