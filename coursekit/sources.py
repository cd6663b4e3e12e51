"""Where a data set comes from: a prepared file, the publisher's own files, or a stand-in that says
why it is one."""

import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from . import lab
from .download import DataError, check_hash, check_listed_hash, fetch, listed_hash

Data = TypeVar("Data")


class NotHere(Exception):
    """A way to a data set that leads to nothing; its arguments are the reasons, where there is
    something to say."""


@dataclass(frozen=True)
class File:
    """A publisher's file: where it lies below the data folder, where it can be had, and its hash,
    as ``"md5:…"``."""

    path: str
    addresses: tuple[str, ...]
    hash: str


def look_for(
    title: str,
    ways: Sequence[Callable[[], Data]],
    standin: Callable[[], tuple[Data, str]],
    kind: str = "synthetic",
) -> Data:
    """What the first way gives that does not raise ``NotHere``, else the stand-in, announced by a
    banner with the reasons.

    ``standin`` gives the data and how much there is of them, in words; ``kind`` says what they are.
    At scale smoke it is always the stand-in.
    """
    if lab.default_scale() == "smoke":
        reasons = ["scale smoke never uses real data (COURSEKIT_SCALE=laptop does)"]
    else:
        reasons = []
        for way in ways:
            try:
                return way()
            except NotHere as error:
                reasons += error.args
    made, amount = standin()
    print(
        f"┌── {source_of_standin(title, kind)}: this is NOT {title}\n"
        f"│   why: {'; '.join(reasons)}\n"
        f"└── {amount}; results on them say nothing about {title}"
    )
    return made


def source_of_standin(title: str, kind: str = "synthetic") -> str:
    """The provenance of a stand-in, as it appears in titles and tables."""
    return f"{title} stand-in ({kind})"


def obtain(files: Sequence[File], published: str) -> None:
    """Have a publisher's files in the data folder: what is missing is downloaded, and all of them
    are checked.

    Raises ``NotHere`` when one cannot be had, ``DataError`` when one is damaged.
    """
    folder = lab.data_folder()
    missing = [file for file in files if not (folder / file.path).exists()]
    if missing and lab.offline():
        raise NotHere(
            f"{published} is not in the data folder, and COURSEKIT_OFFLINE forbids the network"
        )
    for file in missing:
        try:
            fetch(file.addresses, folder / file.path, file.hash)
        except ConnectionError as error:
            raise NotHere(f"{published} is not in the data folder, and {error}") from error
    for file in files:
        check_hash(folder / file.path, file.hash)


def read_arrays(
    path: Path, keys: Sequence[str], optional: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """The arrays of a prepared file, a numpy archive; those of ``optional`` only where they are
    there.

    Raises ``NotHere`` when there is no such file, ``DataError`` when it is damaged or lacks an
    array.
    """
    if not path.exists():
        raise NotHere
    check_listed_hash(path)
    try:
        with (
            open(path, "rb") as opened,
            np.load(opened) as file,
        ):  # np.load alone leaves a broken file open
            return {key: file[key] for key in (*keys, *(key for key in optional if key in file))}
    except KeyError as error:
        raise DataError(
            f"{path.name} lacks an array ({error.args[0]}): a prepared file holds {', '.join(keys)}"
        ) from None
    except (
        OSError,
        EOFError,
        ValueError,
        TypeError,
        AttributeError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise DataError(
            f"{path.name} in the data folder is damaged (expected sha256: {listed_hash(path) or 'not listed'}): "
            "move it away and prepare it again, nothing was read or changed"
        ) from error
