"""coursekit: what every week of the course repeats, and nothing that a week is about.

import coursekit as ck

lab = ck.Lab(seed=0)
train, test = ck.load("mnist")
"""

from importlib import import_module

# Where each name of the course lives. Rooms are imported when they are first used, so that the
# command line, which needs no torch, does not wait for it.
_NAMES = {
    "Lab": "lab",
    "Images": "images",
    "fit": "training",
    "evaluate": "training",
    "History": "results",
    "Evaluation": "results",
    "check": "checks",
    "predict": "predictions",
    "predicted": "predictions",
    "load": "data.image_sets",
    "photos": "data.photos",
    "Photos": "data.photos",
    "load_scene": "data.hyperspectral",
    "load_grey": "data.denoising",
    "load_pairs": "data.retrieval",
    "load_weights": "data.weights",
    "DataError": "data.download",
    "repeat": "experiments",
    "compare": "experiments",
    "record": "records.this_run",
    "recorded": "records.this_run",
    "answers": "handin.unanswered",
}
_ROOMS = {
    **{
        room: room
        for room in ("augment", "checks", "data", "experiments", "images", "inspection", "lab")
    },
    **{room: room for room in ("plots", "predictions", "results", "training")},
    **{room: f"data.{room}" for room in ("denoising", "hyperspectral", "retrieval")},
    **{room: f"data.{room}" for room in ("download", "standins", "weights")},
    **{wing: wing for wing in ("moving", "optim")},
}
__all__ = sorted(
    [*_NAMES, "augment", "denoising", "hyperspectral", "inspection", "moving", "optim", "plots"]
    + ["retrieval"]
)


def __getattr__(name: str):
    if name in _ROOMS:
        value = import_module(f".{_ROOMS[name]}", __name__)
    elif name in _NAMES:
        value = getattr(import_module(f".{_NAMES[name]}", __name__), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS, *__all__})
