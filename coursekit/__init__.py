"""coursekit: what every week of the course repeats, and nothing that a week is about.

import coursekit as ck

lab = ck.Lab(seed=0)
train, test = ck.load("mnist")
"""

from importlib import import_module

# The modules, and where each name of the course lives. They are imported when they are first used,
# so that the command line, which needs no torch, does not wait for it.
_MODULES = (
    "augment",
    "checks",
    "data",
    "denoising",
    "download",
    "experiments",
    "hyperspectral",
    "inspection",
    "lab",
    "pictures",
    "plots",
    "questions",
    "retrieval",
    "sources",
    "standins",
    "training",
    "weights",
)
_HOMES = {
    "Lab": "lab",
    "load": "data",
    "photos": "data",
    "Images": "data",
    "Photos": "data",
    "DataError": "download",
    "load_weights": "weights",
    "fit": "training",
    "evaluate": "training",
    "History": "training",
    "Evaluation": "training",
    "load_scene": "hyperspectral",
    "load_grey": "denoising",
    "load_pairs": "retrieval",
    "repeat": "experiments",
    "compare": "experiments",
    "check": "checks",
    "answers": "questions",
}
__all__ = sorted(
    [*_HOMES, "augment", "denoising", "hyperspectral", "inspection", "plots", "retrieval"]
)


def __getattr__(name: str):
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *__all__})
