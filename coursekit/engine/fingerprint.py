"""A short hash of any value: code, numbers and data, however deep they lie.

What people write themselves counts by its content, what is installed by its name. A hash depends
neither on where a function stands nor on comments, and it is the same after a restart.
"""

import functools
import hashlib
import types
from collections.abc import Iterator

import cloudpickle
import numpy as np
import torch

from .array_bytes import bytes_of
from .generator_seeds import KINDS, is_of_process, seed_of
from .own_code import by_value, code_parts, describes_itself, is_own
from .restart import without_counters, without_numbers

PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented))
NOT_SEEN = "; not looked at: "


def fingerprint(*values) -> str:
    """A short hash of these values, the same in every process.

    Raises ``TypeError`` for what has no content of its own: an open file, a lock.
    """
    walk = Walk()
    found = walk.digest(values)[:12]
    if walk.unknown:
        raise TypeError(f"there is no way to describe the content of {', '.join(walk.unknown)}")
    return found


def hashed(value) -> str:
    """The hash of all of a value that can be described, and in words what cannot."""
    walk = Walk()
    found = walk.digest(value)[:12]
    return found + (NOT_SEEN + ", ".join(walk.unknown) if walk.unknown else "")


class Walk:
    """Goes through a value and hashes what it meets; without ``content`` it only looks around."""

    def __init__(self, content: bool = True):
        self.content, self.generators, self.unknown = content, [], []
        self.met: dict[int, tuple[int, object]] = {}  # the objects too, so that no id is used again

    def digest(self, value) -> str:
        """The hash of one value."""
        found = hashlib.sha256()
        for token in self._tokens(value):
            found.update(f"{token}\0".encode(errors="replace"))
        return found.hexdigest()

    def _tokens(self, value) -> Iterator[str]:
        yield type(value).__qualname__
        if type(value) in PLAIN:
            yield hex(value) if type(value) is int else repr(value)
        elif type(value) is tuple:
            yield from map(self.digest, value)
        elif isinstance(value, types.CodeType):
            yield from map(self.digest, code_parts(value))
        elif is_of_process(value):
            yield "of the process"
        elif id(value) in self.met:
            yield f"number {self.met[id(value)][0]}"
        else:
            self.met[id(value)] = len(self.met), value
            yield from self._object(value)

    def _object(self, value) -> Iterator[str]:
        if type(value) is list:
            yield from map(self.digest, value)
        elif type(value) in (set, frozenset):
            yield from sorted(map(self._alone, value))
        elif type(value) is dict:
            for key, part in value.items():
                yield self.digest(without_counters(key, part))
        elif isinstance(value, torch.Tensor) or type(value) is np.ndarray:
            yield from self._array(value)
        elif isinstance(value, KINDS):
            self.generators.append(value)
            yield seed_of(value)
        elif isinstance(value, types.ModuleType):
            yield value.__name__
            if is_own(value.__name__) and value.__name__ != "__main__":
                names = sorted(name for name in vars(value) if not name.startswith("__"))
                yield self.digest([(name, getattr(value, name)) for name in names])
        elif describes_itself(value):
            yield self.digest(type(value))
            yield from self._own_hash(value)
        elif isinstance(value, (types.FunctionType, type)) and (made_of := by_value(value)):
            yield self.digest(made_of)
        elif isinstance(value, (types.FunctionType, types.BuiltinFunctionType, type)):
            yield f"{value.__module__}.{value.__qualname__}"
            owner = getattr(value, "__self__", None)
            if not isinstance(owner, (types.ModuleType, type)):
                yield self.digest(owner)
        elif isinstance(value, (functools.cached_property, functools._lru_cache_wrapper)):
            yield self.digest(getattr(value, "func", None) or value.__wrapped__)
        else:
            yield from self._reduced(value)

    def _alone(self, value) -> str:
        """The hash of an item of a set, whose order differs from process to process."""
        walk = Walk(self.content)
        found = walk.digest(value)
        self.generators += walk.generators
        self.unknown += walk.unknown
        return found

    def _own_hash(self, value) -> Iterator[str]:
        """What a data set says of its content itself."""
        if not self.content:
            yield self.digest(vars(value))
            return
        try:
            yield value.fingerprint
        except TypeError:  # a part of it cannot be described
            self.unknown.append(type(value).__name__)

    def _array(self, value) -> Iterator[str]:
        if not self.content:
            return
        memory, tensor = bytes_of(value), isinstance(value, torch.Tensor)
        if memory is None and tensor:
            self.unknown.append(type(value).__name__)
            return
        yield f"{value.dtype} {tuple(value.shape)}"
        if tensor:
            yield str(value.requires_grad)
        yield self.digest(value.tolist()) if memory is None else hashlib.sha256(memory).hexdigest()

    def _reduced(self, value) -> Iterator[str]:
        """Any other object: what pickle would keep of it."""
        reduce = cloudpickle.Pickler.dispatch_table.get(type(value))
        try:
            found = reduce(value) if reduce else value.__reduce_ex__(4)
        except Exception:  # objects may refuse in any way
            self.unknown.append(type(value).__name__)
            return
        if isinstance(found, str):
            found = found, ()
        function, arguments, *rest = found
        for part in (function, without_numbers(arguments) if reduce else arguments, *rest):
            yield self.digest(list(part) if isinstance(part, Iterator) else part)
