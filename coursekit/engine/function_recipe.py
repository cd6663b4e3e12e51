"""What the result of a function depends on, by name, so that a change can be told."""

import copyreg
import sys
import types
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import nn

from .fingerprint import NOT_SEEN, PLAIN, hashed
from .own_code import by_value, describes_itself
from .text import count, name_of

_LONGEST = 80  # letters of a value that is told as it prints


def parts(function: Callable) -> dict[str, str]:
    """By name, what the result of a function depends on.

    Short values stand there as they print, all else as a hash. Where a part of a value has no
    content of its own (an open file, a lock), the text says so; see ``unknown``.
    """
    found = {"Python": f"{sys.version_info.major}.{sys.version_info.minor}"}  # whose code is hashed
    if (usual := torch.get_default_dtype()) != torch.float32:
        found["the default dtype"] = str(usual)
    _enter(name_of(function), function, found, {})
    return found


def unknown(found: dict[str, str]) -> list[str]:
    """The names of the parts that could not be described whole."""
    return [name for name, text in found.items() if NOT_SEEN in text]


def _enter(name: str, value, found: dict[str, str], seen: dict[int, object]) -> None:
    """Enter a value under its name, and what it is made of under names of their own."""
    inner = list(_inside(name, value))
    if not inner:
        while name in found:  # of another function
            name += "'"
        found[name] = _text(value)
    elif id(value) not in seen:
        seen[id(value)] = value
        for key, part in inner:
            _enter(key, part, found, seen)


def _inside(name: str, value) -> Iterator[tuple[str, object]]:
    """The named parts of functions, classes and people's own objects; none of anything else."""
    made_of = by_value(value)
    if isinstance(value, partial):
        yield name, value.func
        given = {**dict(enumerate(value.args, 1)), **value.keywords}
        yield from ((f"argument {key} of {name}", part) for key, part in given.items())
    elif isinstance(value, types.MethodType):
        yield name, value.__func__
        yield f"object of {name}", value.__self__
    elif made_of:
        for kind, named in made_of.items():
            for key, part in named.items():
                of_itself = kind in ("globals", "closure")
                base = f"base {key}" if kind == "bases" else key
                yield key if of_itself else f"{base} of {name}", part
    elif by_value(type(value)) and (attributes := _attributes(value)):
        yield f"class of {name}", type(value)
        yield from ((f"{key} of {name}", part) for key, part in attributes.items())


def _attributes(value) -> dict:
    """All there is of a plain object; none of a network, of what describes itself as data sets do,
    and of what holds more than attributes, as a list of people's own kind does."""
    if isinstance(value, nn.Module) or describes_itself(value):
        return {}
    try:
        made = value.__reduce_ex__(4)
    except Exception:  # objects may refuse in any way
        return {}
    plain = made[:2] == (copyreg.__newobj__, (type(value),)) and made[3:] == (None, None)
    return made[2] if plain and isinstance(made[2], dict) else {}


def _text(value) -> str:
    try:
        if _plain(value) and len(text := repr(value)) <= _LONGEST:
            return text
    except (RecursionError, ValueError):  # a list within itself, a number of 5,000 digits
        pass
    what = type(value).__name__
    if describes_itself(value) and isinstance(source := getattr(value, "source", None), str):
        size = f"{count(len(value), 'sample')}, " if hasattr(value, "__len__") else ""
        what = f"{what} ({size}{source})"
    return f"{what} {hashed(value)}"


def _plain(value) -> bool:
    if type(value) in (tuple, list):
        return all(map(_plain, value))
    if type(value) is dict:
        return all(_plain(key) and _plain(part) for key, part in value.items())
    return type(value) in PLAIN
