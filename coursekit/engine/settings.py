"""What environment variables decide for every run; nothing here needs torch."""

import os
from pathlib import Path

SCALES = ("smoke", "laptop", "full")


def asked_scale() -> str:
    """``COURSEKIT_SCALE``, empty where it is not set.

    Raises ``ValueError`` for a scale that does not exist.
    """
    scale = os.environ.get("COURSEKIT_SCALE", "")
    if scale and scale not in SCALES:
        known = ", ".join(SCALES)
        raise ValueError(f"COURSEKIT_SCALE={scale!r} is not a scale: choose one of {known}")
    return scale


def data_folder() -> Path:
    """``COURSEKIT_DATA`` if it is set, else ``data/`` of the checkout, else ``data/`` of the
    working folder."""
    if named := os.environ.get("COURSEKIT_DATA"):
        return Path(named).expanduser()
    checkout = Path(__file__).resolve().parents[2]
    return (checkout if (checkout / "pyproject.toml").exists() else Path.cwd()) / "data"


def offline() -> bool:
    """True when ``COURSEKIT_OFFLINE`` forbids the network (any value but empty, 0, no or false)."""
    return os.environ.get("COURSEKIT_OFFLINE", "").lower() not in ("", "0", "no", "false")
