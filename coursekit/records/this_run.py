"""What this run measures: its figures, entered by the notebook's cells."""

import datetime
import os
import platform
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torchvision

from ..engine import devices
from ..engine.console import say
from ..engine.provenance import USED, not_the_set
from ..engine.text import count
from ..lab import default_device, default_scale
from . import stored
from .beside import Table, table
from .stored import Figure, RecordError, Run

FIGURES: dict[str, Figure] = {}  # what this process has recorded


def record(
    label: str,
    values,
    *,
    metric: str | None = None,
    scale: float = 1.0,
    unit: str = "",
    settings: str = "",
    old_course: str = "",
    paper: str = "",
    headline: bool = False,
) -> None:
    """Enter a figure of this run under its label, for ``recorded``; the same label replaces it.

    ``values`` are the ``Runs`` of ``repeat`` (``metric`` chooses where they have several), a dict
    of numbers by seed, or one number. They are multiplied by ``scale`` and shown in ``unit``: for
    accuracies ``scale=100, unit="%"``. ``settings`` says how they were measured where the label
    does not, ``old_course`` and ``paper`` what these report, in their own digits; ``headline``
    figures stand in the README. ``coursekit run --inplace`` and ``make full`` store what a run
    recorded on the real sets, whole.

    Raises ``RecordError``, a ``ValueError``, for numbers that are not finite or have no seeds.
    """
    if hasattr(values, "metrics"):  # Runs
        numbers = values[metric] if metric or values.metrics else values.values
        by_seed = dict(zip(values.seeds, numbers))
    elif isinstance(values, Mapping):
        by_seed = dict(values)
    elif np.ndim(values) == 0:
        by_seed = {torch.initial_seed(): values}
    else:
        raise RecordError(f"{label}: give a dict of numbers by seed, not {type(values).__name__}")
    texts = {"old_course": str(old_course), "paper": str(paper), "settings": settings}
    try:
        # six digits: what differs beyond them differs between two machines as well
        rounded = tuple(float(f"{float(value) * scale:.6g}") for value in by_seed.values())
        seeds = tuple(int(seed) for seed in by_seed)
        FIGURES[label] = Figure(rounded, seeds, unit, headline=headline, **texts)
    except (TypeError, ValueError) as error:
        raise RecordError(f"{label}: {error}") from None
    if (path := os.environ.get("COURSEKIT_RECORD")) and _worth_keeping():
        stored.write(Path(path), [this_run()])


def _worth_keeping() -> bool:
    return default_scale() != "smoke" and not not_the_set(USED.values())


def this_run() -> Run:
    """What this process has recorded so far. Raises ``RecordError`` where it cannot be stored, at
    scale smoke and from made-up data."""
    modules = {"torch": torch, "torchvision": torchvision, "numpy": np}
    versions = {name: str(module.__version__) for name, module in modules.items()}
    processor = f"{_processor()}, {count(torch.get_num_threads(), 'thread')}"
    return Run(
        scale=default_scale(),
        device=devices.name_of(default_device()),
        machine=processor,
        date=datetime.date.today().isoformat(),
        versions={"python": platform.python_version(), **versions},
        seed=torch.initial_seed(),
        data=tuple(dict.fromkeys(USED.values())),
        figures=dict(FIGURES),
    )


def _processor() -> str:
    """Its name, as far as the system tells it."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text(errors="replace").splitlines() if listed.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def recorded(notebook: str) -> Table:
    """A table of what this run has recorded beside the stored runs of the notebook, the old course
    and the paper, with a note that says how to read it.

    Raises ``RecordError`` for a file of stored runs that is damaged.
    """
    runs = stored.read(stored.path_of(notebook))
    if not runs:
        say(f"no runs of {notebook} are stored yet")
    elif not _worth_keeping():
        what = "made-up data or a part of a set"
        say(f"This run uses {what}, so only its lesson compares with the stored runs.")
    return table(runs, FIGURES, default_scale())
