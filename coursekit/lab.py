"""Where a notebook runs: the device, the scale, the data folder, the seed."""

import random

import numpy as np
import torch
import torchvision

from .engine import devices
from .engine.fingerprint import fingerprint
from .engine.mixed_precision import has_fast_bfloat16
from .engine.settings import SCALES, asked_scale, data_folder, offline, variable  # noqa: F401
from .engine.text import count, from_here


def default_device() -> torch.device:
    """The accelerator that torch names if it can be used (CUDA, Apple's MPS, Intel's XPU), else the
    CPU."""
    return devices.found().device


def default_scale() -> str:
    """``COURSEKIT_SCALE`` if it is set, else ``full`` on CUDA and ``laptop`` elsewhere, for the
    other accelerators are those of laptops.

    Raises ``ValueError`` for a scale that does not exist.
    """
    return asked_scale() or ("full" if default_device().type == "cuda" else "laptop")


class Lab:
    """The place of one notebook run: device, scale and data folder, with every random generator
    seeded.

    ``minutes`` maps scales to the minutes that the notebook needs there; it is only shown.
    Raises ``ValueError`` when ``COURSEKIT_SCALE`` names no scale.

    >>> Lab(seed=0).pick(smoke=1, laptop=1, full=1)
    1
    """

    def __init__(self, seed: int = 0, minutes: dict[str, float] | None = None):
        self.seed = seed
        self.minutes = minutes or {}
        self.device = default_device()
        self.scale = default_scale()
        self.data = data_folder()
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)

    @property
    def fingerprint(self) -> str:
        """What results depend on; where a notebook runs does not count."""
        return fingerprint(self.seed, self.scale)

    def pick(self, *, smoke, laptop, full):
        """The value for the scale of this run."""
        return {"smoke": smoke, "laptop": laptop, "full": full}[self.scale]

    def __repr__(self) -> str:
        if self.device.type != "cpu":
            device = f"GPU, {devices.name_of(self.device)}"
        else:
            device = f"CPU, {count(torch.get_num_threads(), 'thread')}"
            if has_fast_bfloat16():
                device += ", bfloat16 to train wide CNNs (fast=True)"
            if why := devices.found().why:
                device += f"\n         {why}"
        minutes = self.minutes.get(self.scale)
        expected = "" if minutes is None else f", about {count(minutes, 'minute')}"
        # A relative path, so that committed outputs name no one's machine.
        folder = variable("COURSEKIT_DATA") or from_here(self.data)
        network = " (network off)" if offline() else ""
        versions = f"torchvision {torchvision.__version__}, numpy {np.__version__}"
        return (
            f"device   {device}\n"
            f"scale    {self.scale}{expected}\n"
            f"data     {folder}{network}\n"
            f"seed     {self.seed}\n"
            f"versions torch {torch.__version__}, {versions}"
            # a lesson that does not hold would pass
            + ("" if __debug__ else "\nasserts  off: unset PYTHONOPTIMIZE, start Python without -O")
        )
