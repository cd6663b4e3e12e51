"""Words for people: counted things, tables in columns, tensors in a few letters, odd names."""

import functools
import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path


def count(n: int, noun: str) -> str:
    """A number of things, in words.

    >>> count(1, "file"), count(2_000, "file")
    ('1 file', '2,000 files')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def aligned(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """A line for each row of texts, in columns; ``right`` are the columns that end in line.

    >>> aligned([("a", "10"), ("total", "9")], right=[1])
    ['a      10', 'total   9']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            text.rjust(width) if i in right else text.ljust(width)
            for i, (text, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    ]


def times(shape: Sequence[int]) -> str:
    """A shape as people write it.

    >>> times((3, 32, 32))
    '3×32×32'
    """
    return "×".join(map(str, shape))


def described(value) -> str:
    """Type and shape of a tensor or an array, the type's name of anything else.

    >>> described("a")
    'str'
    """
    if not hasattr(value, "dtype"):
        return type(value).__name__
    return f"{str(value.dtype).removeprefix('torch.')} {times(value.shape) or '(one number)'}"


def name_of(function) -> str:
    """The name of a function, also of a partial one, or of an object's class.

    >>> name_of(print), name_of(functools.partial(print, end="")), name_of(1.5)
    ('print', 'print', 'float')
    """
    if isinstance(function, functools.partial):
        return name_of(function.func)
    return getattr(function, "__name__", type(function).__name__)


def printable(text: str) -> str:
    """A name without what could act on a terminal or turn the text around it.

    Such signs are shown by their numbers.

    >>> printable("a\\x1b[31m\\udcff")
    'a\\\\x1b[31m\\\\xff'
    """
    return "".join(map(_printable, text))


def from_here(path: Path) -> str:
    """A path as messages show it: from the working folder, in full where that cannot be.

    >>> from_here(Path.cwd() / "data")
    'data'
    """
    try:
        return printable(os.path.relpath(path))
    except (ValueError, OSError):  # on another drive of Windows; in a folder that was removed
        return printable(str(path))


def _printable(sign: str) -> str:
    if sign.isprintable() or sign in "\u200c\u200d" or unicodedata.category(sign) == "Zs":
        return sign
    if "\udc80" <= sign <= "\udcff":  # a byte of a file name that is not UTF-8
        return f"\\x{ord(sign) - 0xDC00:02x}"
    return sign.encode("unicode_escape").decode()
