"""The one way to look for a data set, whatever its form, or else for a stand-in that says why."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from .. import lab
from ..engine import provenance
from ..engine.console import say
from ..engine.settings import data_folder
from . import packages
from .catalogue import DataSet
from .download import DataError, obtain
from .photo_files import ARCHIVES, visible
from .reading import Arrays, read_arrays

Data = TypeVar("Data")


def look_for(
    one: DataSet,
    *,
    published: Callable[[Path], Data],
    standin: Callable[[], tuple[Data, str]],
    prepared: Callable[[Arrays], Data] | None = None,
    photos: Callable[[Path], Data] | None = None,
    packaged: Callable[[list[Path]], tuple[Data, str]] | None = None,
) -> Data:
    """The set from the data folder, in the first form that is there, or what a package ships of it,
    or else a stand-in; both announced by a banner that gives the reason. At scale smoke it is
    always the stand-in.

    Each form has its reader: ``prepared`` of the arrays of ``NAME.npz`` (its ``ValueError`` becomes
    a ``DataError``), ``photos`` of the folder ``NAME/``, ``published`` of the data folder with the
    publisher's files, which are downloaded if need be. ``packaged``, of a package's files, and
    ``standin``, which makes the data, also say how much there is of them. Raises ``DataError`` for
    a damaged file of the data folder, or one that cannot be written.
    """
    try:
        found = _real(one, prepared, photos, published)
    except _Absent as absent:
        found = _instead(one, packaged, standin, str(absent))
    provenance.note(one.name, found, one.title)
    return found


def _instead(one: DataSet, packaged, standin, why: str) -> Data:
    """What a package ships of the set, or else its stand-in, by the readers of ``look_for``."""
    smoke, places = lab.default_scale() == "smoke", []
    if packaged and one.packaged and not smoke:
        try:
            places = packages.find(one.packaged)
        except (LookupError, DataError) as error:
            why += f"; {error}"
    if places:
        found, amount = packaged(places)
        head = f"{one.shipped}: real data"
        worth = f"results on them do not compare with those on the whole {one.title}"
        worth = worth if one.packaged.part else "nothing is missing"
    else:
        found, amount = standin()
        head = f"{one.standin}: this is NOT {one.title}"
        worth = f"results on them say nothing about {one.title}"
    say(f"┌── {head}\n│   why: {why}\n└── {amount}; {worth}")
    return found


class _Absent(Exception):
    """The real set is not to be had; the message says why."""


def _real(one: DataSet, prepared, photos, published) -> Data:
    """The set as it is here or can be downloaded, by the readers of ``look_for``."""
    if lab.default_scale() == "smoke":
        raise _Absent("scale smoke never uses real data (COURSEKIT_SCALE=laptop does)")
    folder, why = data_folder(), ""
    path = folder / f"{one.name}.npz"
    if prepared and os.path.lexists(path):  # a link to nothing too: it was meant to be there
        arrays = read_arrays(path, one.kind.arrays, one.kind.optional)
        try:
            return prepared(arrays)
        except ValueError as error:
            raise DataError(f"{path.name}: {error}") from None
    if photos:
        place = folder / one.name
        if os.path.lexists(place) and (not place.is_dir() or visible(place)):
            return photos(place)
        why = f"there is no folder {one.name} with photos in the data folder"
        if packed := [end for end in ARCHIVES if (folder / f"{one.name}{end}").exists()]:
            why += f" ({one.name}{packed[0]} must be unpacked)"
        why += "; "
    if not one.files:
        raise _Absent(
            f"{why}there is no prepared file, and its publisher's files cannot be checked"
        )
    try:
        obtain(one.files, one.publication)
    except ConnectionError as error:
        raise _Absent(f"{why}{error}") from error
    return published(folder)
