"""The one way to look for a data set, whatever its form, or else for a stand-in that says why."""

import functools
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from .. import lab
from ..engine import provenance
from ..engine.settings import data_folder
from .catalogue import DataSet
from .download import LISTING, REPAIR, DataError, check_hash, listed_hashes, obtain

Data = TypeVar("Data")
Arrays = dict[str, np.ndarray]
# What reading a damaged archive raises; a machine without memory is another matter.
BROKEN = (OSError, EOFError, ValueError, TypeError, AttributeError, RuntimeError)
BROKEN += (zipfile.BadZipFile, zlib.error)


def _noted(look_for: Callable) -> Callable:
    """The same function, and the source of what it finds is remembered."""

    @functools.wraps(look_for)
    def noted(one: DataSet, **readers) -> Data:
        found = look_for(one, **readers)
        provenance.note(one.name, found, one.title)
        return found

    return noted


@_noted
def look_for(
    one: DataSet,
    *,
    published: Callable[[Path], Data],
    standin: Callable[[], tuple[Data, str]],
    prepared: Callable[[Arrays], Data] | None = None,
    photos: Callable[[Path], Data] | None = None,
) -> Data:
    """The set from the data folder, in the first form that is there, or else a stand-in, announced
    by a banner that gives the reason. At scale smoke it is always the stand-in.

    Each form has its reader: ``prepared`` of the arrays of ``NAME.npz`` (its ``ValueError`` becomes
    a ``DataError``), ``photos`` of the folder ``NAME/``, ``published`` of the data folder with the
    publisher's files, which are downloaded if need be. ``standin`` makes the data and says how much
    there is of them. Raises ``DataError`` for a damaged file or a folder that cannot be written.
    """
    if lab.default_scale() == "smoke":
        reasons = ["scale smoke never uses real data (COURSEKIT_SCALE=laptop does)"]
    else:
        reasons, folder = [], data_folder()
        path = folder / f"{one.name}.npz"
        if prepared and path.exists():
            arrays = read_arrays(path, one.kind.arrays, one.kind.optional)
            try:
                return prepared(arrays)
            except ValueError as error:
                raise DataError(f"{path.name}: {error}") from None
        if photos:
            if any((folder / one.name).glob("[!.]*")):
                return photos(folder / one.name)
            reasons.append(f"there is no folder {one.name} with photos in the data folder")
        if not one.files:
            reasons.append("there is no prepared file, and its publisher's files cannot be checked")
        else:
            try:
                obtain(one.files, one.publication)
            except ConnectionError as error:
                reasons.append(str(error))
            else:
                return published(folder)
    made, amount = standin()
    print(
        f"┌── {one.standin}: this is NOT {one.title}\n"
        f"│   why: {'; '.join(reasons)}\n"
        f"└── {amount}; results on them say nothing about {one.title}"
    )
    return made


def read_arrays(path: Path, keys: tuple[str, ...], optional: tuple[str, ...] = ()) -> Arrays:
    """The arrays of a prepared file, a numpy archive, and those of ``optional`` that are there.
    Raises ``DataError`` when it is damaged or lacks one of ``keys``."""
    if expected := listed_hashes(path.parent).get(path.name):
        check_hash(path, f"sha256:{expected}", LISTING)
    try:
        # np.load alone leaves a broken file open
        with open(path, "rb") as opened, np.load(opened) as file:
            return {key: file[key] for key in (*keys, *(key for key in optional if key in file))}
    except KeyError as error:
        what = f"lacks an array ({error.args[0]}): a prepared file holds {', '.join(keys)}"
        raise DataError(f"{path.name} {what}") from None
    except BROKEN as error:
        what = f"{path.name} in the data folder is damaged or no archive of arrays"
        raise DataError(f"{what}: {REPAIR}") from error
