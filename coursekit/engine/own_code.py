"""Functions and classes that people write themselves, taken apart.

That is what stands in a notebook or in a module beside it, and is not installed. cloudpickle does
the work, which serialises such code by value: code, default values, closures, the globals it reads,
bases and attributes.
"""

import dis
import io
import sys
import sysconfig
import types
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import cloudpickle

from .restart import without_numbers

# What differs although nothing was changed: where a class stands, what was imported before.
_NO_MATTER = {"__doc__", "__firstlineno__", "__static_attributes__", "_cloudpickle_submodules"}
_SHIPPED = [Path(__file__).resolve().parents[1]]  # the course's package itself
_SHIPPED += [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")]
_CODE = ("co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_exceptiontable")
_CODE += ("co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_flags")
# What finds things by names that no code shows: alone, and also as a part of a module.
_LOOK_UP = {"eval", "exec", "globals", "__import__"}
_LOOK_UP_OF_MODULES = {"import_module", "environ", "getenv"}


class _Unseen:
    """Has no content that could be described."""

    def __reduce_ex__(self, _):
        raise TypeError


def by_value(value) -> dict[str, dict] | None:
    """What a function or a class of people's own is made of; None for all else.

    Of a function ``code``, ``defaults``, ``globals`` and ``closure``, the last three by name; of a
    class ``bases``; of both ``members``, the attributes by name.
    """
    if not isinstance(value, (types.FunctionType, type)) or not is_own(value.__module__):
        return None
    states, arguments = _reduced(value)
    members = {key: x for key, x in states[0].items() if key not in _NO_MATTER}
    if isinstance(value, type):
        return {"bases": dict(enumerate(without_numbers(arguments))), "members": members}
    code, defaults = value.__code__, value.__defaults__ or ()
    names = code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount]
    return {
        "code": {"code": code, **dict(_imported_inside(code)), **dict(_looked_up(code))},
        "defaults": {**dict(zip(names, defaults)), **(value.__kwdefaults__ or {})},
        "globals": states[1]["__globals__"],
        "closure": dict(zip(code.co_freevars, map(_content, value.__closure__ or ()))),
        "members": members,
    }


def code_parts(code: types.CodeType) -> list:
    """What a code object computes: neither where it stands nor what its docstring says, which is
    the first constant of a function that has one."""
    constants, first = code.co_consts, code.co_consts[:1]
    documented = code.co_flags & 0x4000000 if sys.version_info >= (3, 14) else True
    if documented and first and isinstance(first[0], str) and not code.co_name.startswith("<"):
        constants = constants[1:]
    return [*(getattr(code, name, b"") for name in _CODE), *constants]


def is_own(module: str | None) -> bool:
    """Whether people wrote this module for themselves: it is neither installed nor built in."""
    if module == "__main__" or module not in sys.modules:
        return True
    return _is_own_file(getattr(sys.modules[module], "__file__", None))


def describes_itself(value) -> bool:
    """Whether a value has a hash of its own, as data sets do."""
    return isinstance(getattr(type(value), "fingerprint", None), property)


def _is_own_file(name: str | None) -> bool:
    if not name or {"site-packages", "dist-packages"} & set(Path(name).parts):
        return False
    return not any(Path(name).resolve().is_relative_to(folder) for folder in _SHIPPED)


def _reduced(value) -> tuple[tuple[dict, dict], tuple]:
    """cloudpickle's state and arguments of a function or class, also of an importable module's."""
    nowhere = value.__module__ is None  # made of a text: else it would be looked for everywhere
    if nowhere:
        value.__module__ = "__main__"
    module = sys.modules.get(value.__module__)
    known = cloudpickle.list_registry_pickle_by_value()
    foreign = module is not None and module.__name__ not in known
    if foreign:
        cloudpickle.register_pickle_by_value(module)
    try:
        _, arguments, states, *_ = cloudpickle.Pickler(io.BytesIO()).reducer_override(value)
    finally:
        if foreign:
            cloudpickle.unregister_pickle_by_value(module)
        if nowhere:
            value.__module__ = None
    return states, arguments


def _imported_inside(code: types.CodeType) -> Iterator[tuple[str, types.CodeType]]:
    """The code of people's own modules that a function imports when it runs."""
    steps = (step for step in dis.get_instructions(code) if step.opname == "IMPORT_NAME")
    for name in dict.fromkeys(step.argval for step in steps):
        try:
            place = find_spec(name).origin
            if _is_own_file(place):
                yield f"module {name}", compile(Path(place).read_bytes(), "", "exec")
        except (AttributeError, ImportError, SyntaxError, ValueError, OSError):  # no such module
            continue
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _imported_inside(inner)


def _looked_up(code: types.CodeType) -> Iterator[tuple[str, "_Unseen"]]:
    """What a function finds under names that are no part of its code."""
    for step in dis.get_instructions(code):
        by_itself = step.opname in ("LOAD_GLOBAL", "LOAD_NAME") and step.argval in _LOOK_UP
        if by_itself or (
            step.argval in _LOOK_UP_OF_MODULES and not step.opname.startswith("STORE")
        ):
            yield f"what {step.argval} finds", _Unseen()
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _looked_up(inner)


def _content(cell: types.CellType):
    try:
        return cell.cell_contents
    except ValueError:  # of a name that has no value yet
        return ...
