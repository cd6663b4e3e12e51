"""What environment variables decide for every run; nothing here needs torch."""

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

SCALES = ("smoke", "laptop", "full")


def variable(name: str) -> str:
    """An environment variable, without the blanks and quotes that Windows's ``set`` leaves; empty
    where it is not set."""
    return os.environ.get(name, "").strip().strip("\"'").strip()


def asked_scale() -> str:
    """``COURSEKIT_SCALE``, empty where it is not set.

    Raises ``ValueError`` for a scale that does not exist.
    """
    scale = variable("COURSEKIT_SCALE")
    if scale and scale not in SCALES:
        known = ", ".join(SCALES)
        raise ValueError(f"COURSEKIT_SCALE={scale!r} is not a scale: choose one of {known}")
    return scale


def data_folder() -> Path:
    """``COURSEKIT_DATA`` if it is set, else ``data/`` of the checkout, else ``data/`` of the
    working folder."""
    if named := variable("COURSEKIT_DATA"):
        return Path(named).expanduser()
    checkout = Path(__file__).resolve().parents[2]
    return (checkout if (checkout / "pyproject.toml").exists() else Path.cwd()) / "data"


def offline() -> bool:
    """True when ``COURSEKIT_OFFLINE`` forbids the network (any value but empty, 0, no, false or
    off)."""
    return variable("COURSEKIT_OFFLINE").lower() not in ("", "0", "no", "false", "off")


def mirror() -> str:
    """``COURSEKIT_MIRROR``, the address of a copy of a data folder, with a slash at its end; empty
    where it is not set.

    Raises ``ValueError`` for what is no address of a folder.
    """
    address = variable("COURSEKIT_MIRROR")
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # brackets that do not close, a port that is no number
        usable = False
    if address and (not usable or not re.fullmatch(r"[^\s@?#\\]+", address)):
        raise ValueError(
            "COURSEKIT_MIRROR is no address of a folder, as https://example.org/data "
            "(without spaces, user name or question mark)"
        )
    return address and address.rstrip("/") + "/"
