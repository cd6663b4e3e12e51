"""Where a notebook runs: the device, the scale, the data folder, the seed."""

import os
import random
from pathlib import Path

import numpy as np
import torch
import torchvision

SCALES = ("smoke", "laptop", "full")


def default_device() -> torch.device:
    """The first CUDA GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def default_scale() -> str:
    """``COURSEKIT_SCALE`` if it is set, else ``full`` on a GPU and ``laptop`` on a CPU.

    Raises ``ValueError`` for a scale that does not exist.
    """
    scale = os.environ.get("COURSEKIT_SCALE") or (
        "full" if default_device().type == "cuda" else "laptop"
    )
    if scale not in SCALES:
        raise ValueError(
            f"COURSEKIT_SCALE={scale!r} is not a scale: choose one of {', '.join(SCALES)}"
        )
    return scale


def data_folder() -> Path:
    """``COURSEKIT_DATA`` if it is set, else ``data/`` of the checkout, else ``data/`` of the
    working folder."""
    if named := os.environ.get("COURSEKIT_DATA"):
        return Path(named).expanduser()
    checkout = Path(__file__).resolve().parent.parent
    return (checkout if (checkout / "pyproject.toml").exists() else Path.cwd()) / "data"


def offline() -> bool:
    """True when ``COURSEKIT_OFFLINE`` forbids the network (any value but empty, 0, no or false)."""
    return os.environ.get("COURSEKIT_OFFLINE", "").lower() not in ("", "0", "no", "false")


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

    def pick(self, *, smoke, laptop, full):
        """The value for the scale of this run."""
        return {"smoke": smoke, "laptop": laptop, "full": full}[self.scale]

    def __repr__(self) -> str:
        if self.device.type == "cuda":
            device = f"GPU, {torch.cuda.get_device_name(self.device)}"
        else:
            threads = torch.get_num_threads()
            device = f"CPU, {threads} thread{'s' * (threads != 1)}"
        minutes = self.minutes.get(self.scale)
        expected = "" if minutes is None else f", about {minutes:g} minute{'s' * (minutes != 1)}"
        # A relative path, so that committed outputs name no one's machine.
        folder = os.environ.get("COURSEKIT_DATA") or os.path.relpath(self.data)
        return (
            f"device   {device}\n"
            f"scale    {self.scale}{expected}\n"
            f"data     {folder}{' (network off)' * offline()}\n"
            f"seed     {self.seed}\n"
            f"versions torch {torch.__version__}, torchvision {torchvision.__version__}, numpy {np.__version__}"
        )
