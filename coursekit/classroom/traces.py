"""How a notebook was run: what its counts, outputs and metadata tell about it. Nothing here is
proof; people can edit files."""

import re
from dataclasses import dataclass, field
from datetime import datetime

# The block that shows coursekit.lab.Lab, and the banner of coursekit.sources.
_LAB = re.compile(r"^(device|scale|data|versions) +(\S.{0,200})", re.MULTILINE)
_STAND_IN = re.compile(r"this is NOT (.{1,200})")
_OF_COLAB = {"executionInfo", "outputId", "colab"}
_WEEK = 7 * 24 * 3600  # seconds: no cell takes longer


@dataclass
class Trace:
    """How one notebook was run.

    ``order`` says in words whether it ran from top to bottom, and ``clean`` whether it did so
    without an error; ``errors`` has (cell, first line); ``lab`` what the notebook said of its place
    (device, scale, data, versions); ``stand_ins`` the data sets that were not the real ones;
    ``seconds`` the time that its cells took, None if nobody wrote it down.
    """

    order: str
    clean: bool
    run: int = 0
    errors: list[tuple[int, str]] = field(default_factory=list)
    lab: dict[str, str] = field(
        default_factory=lambda: dict.fromkeys(("device", "scale", "data", "versions"), "")
    )
    stand_ins: list[str] = field(default_factory=list)
    colab: bool = False
    seconds: float | None = None

    @property
    def short(self) -> str:
        """How it was run, in a few words."""
        if self.errors:
            return f"{len(self.errors)} error{'s' * (len(self.errors) != 1)}"
        return "clean" if self.clean else re.split(r"[:(]", self.order)[0].strip()

    @property
    def took(self) -> str:
        """How long it took, in words."""
        if self.seconds is None:
            return "unknown, for no times were recorded"
        minutes = self.seconds / 60
        if minutes < 1.5:
            return f"{self.seconds:.0f} seconds"
        return f"{minutes:.0f} minutes" if minutes < 90 else f"{minutes / 60:.1f} hours"

    @property
    def data(self) -> str:
        """Which data the outputs are made from, in words."""
        if self.stand_ins:
            return f"stand-ins, not {', '.join(self.stand_ins)}"
        return "no stand-in" if self.run else "none, for nothing was run"


def trace(notebook: dict) -> Trace:
    """What the JSON of a notebook tells about its run, whatever state it is in."""
    codes = [
        (position, cell)
        for position, cell in enumerate(notebook["cells"], 1)
        if isinstance(cell, dict)
        and cell.get("cell_type") == "code"
        and _text(cell.get("source")).strip()
    ]
    counts = {position: cell.get("execution_count") for position, cell in codes}
    counts = {position: count if type(count) is int else None for position, count in counts.items()}
    order, in_order = _order(counts)
    found = Trace(order, False, sum(count is not None for count in counts.values()))
    times = [_seconds(_dict(cell.get("metadata"))) for _, cell in codes]
    if any(time is not None for time in times):
        found.seconds = sum(time or 0 for time in times)
    of_colab = _dict(
        _dict(notebook.get("metadata")).get("colab")
    )  # the course's own notebooks have its "provenance"
    found.colab = bool(
        of_colab.keys() & {"name", "gpuType", "authorship_tag", "include_colab_link"}
    ) or any(
        _OF_COLAB & _dict(cell.get("metadata")).keys()
        for cell in notebook["cells"]
        if isinstance(cell, dict)
    )
    for position, cell in codes:
        for output in cell["outputs"] if isinstance(cell.get("outputs"), list) else ():
            _see(_dict(output), position, found)
    found.clean = in_order and not found.errors
    return found


def _order(counts: dict[int, int | None]) -> tuple[str, bool]:
    """Whether the cells (number → execution count) ran from 1 to N, in words."""
    n, values = len(counts), list(counts.values())
    never = [position for position, count in counts.items() if count is None]
    if not n or len(never) == n:
        return "not run", False
    if never:
        return f"{len(never)} of {n} code cells not run ({_list(never)})", False
    if values == [*range(1, n + 1)]:
        return f"from 1 to {n} in one go", True
    if (
        values[:-1] == [*range(1, n)] and values[-1] > n
    ):  # the last one tells what is answered, and is run again and again
        return f"from 1 to {n} in one go, then the last cell again", True
    position = next(
        position
        for expected, (position, count) in enumerate(counts.items(), 1)
        if count != expected
    )
    return f"not in one go: cell {position} has the count {counts[position]}", False


def _see(output: dict, position: int, found: Trace) -> None:
    """Take from an output what it tells."""
    if output.get("output_type") in ("error", "pyerr"):
        name, value = (_text(output.get(key)).strip() for key in ("ename", "evalue"))
        found.errors.append((position, f"{name}: {value.splitlines()[0] if value else ''}"[:200]))
    for text in (_text(output.get("text")), _text(_dict(output.get("data")).get("text/plain"))):
        if text.startswith("device ") and not found.lab["device"]:
            found.lab |= _LAB.findall(text[:1000])
            found.lab["scale"] = found.lab["scale"].split(",")[
                0
            ]  # without the minutes that were expected
        if "this is NOT" in text:
            found.stand_ins += [
                name
                for name in dict.fromkeys(_STAND_IN.findall(text))
                if name not in found.stand_ins
            ]


def _seconds(metadata: dict) -> float | None:
    """How long a cell took, as JupyterLab and nbclient record it, or Colab."""
    execution = _dict(metadata.get("execution"))
    begin = _moment(execution.get("iopub.execute_input") or execution.get("iopub.status.busy"))
    end = _moment(execution.get("shell.execute_reply") or execution.get("iopub.status.idle"))
    elapsed = _dict(metadata.get("executionInfo")).get("elapsed")
    if begin is not None and end is not None:
        seconds = end - begin
    elif type(elapsed) in (int, float):
        seconds = elapsed / 1000
    else:
        return None
    return seconds if 0 <= seconds < _WEEK else None


def _moment(text) -> float | None:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except (AttributeError, TypeError, ValueError, OverflowError):
        return None


def _list(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:3]))
    return f"cell{'s' * (len(numbers) > 1)} {shown}{' …' * (len(numbers) > 3)}"


def _text(value) -> str:
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _dict(value) -> dict:
    return value if isinstance(value, dict) else {}
