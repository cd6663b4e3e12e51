"""How a notebook was run: what its counts, outputs and metadata tell about it. Nothing here is
proof; people can edit files."""

import re
from dataclasses import dataclass
from datetime import datetime

from ..engine.text import count
from .notebook import as_dict, cells, joined

# The block that shows coursekit.lab.Lab, and the banners of coursekit.data.lookup.
_LAB = re.compile(r"^(device|scale|data|versions) +(\S.{0,200})", re.MULTILINE)
_STAND_IN = re.compile(r"this is NOT (.{1,200})")
_PART = re.compile(r"┌── (.{1,200}), as \w+ ships them: real data")
_OF_COLAB = {"executionInfo", "outputId", "colab"}  # in the metadata of a cell
_COLABS_NOTEBOOK = {"name", "gpuType", "authorship_tag", "include_colab_link"}
_WEEK = 7 * 24 * 3600  # seconds: no cell takes longer
_NOT_RUN = "not run"


@dataclass
class Execution:
    """How one notebook was run.

    ``order`` says in words whether it ran from top to bottom, ``clean`` whether it did so without
    an error; ``errors`` has (cell, first line); ``lab`` what the notebook said of its place
    (device, scale, data, versions); ``data`` says whether the data sets were the real ones, and
    ``took`` how long the cells took together.
    """

    order: str
    clean: bool
    errors: list[tuple[int, str]]
    lab: dict[str, str]
    data: str
    colab: bool
    took: str

    @property
    def short(self) -> str:
        """How it was run, in a few words."""
        if self.errors:
            return count(len(self.errors), "error")
        return "clean" if self.clean else re.split(r"[:(]", self.order)[0].strip()


def read_execution(notebook: dict) -> Execution:
    """What the JSON of a notebook tells about its run, whatever state it is in."""
    everything = cells(notebook)
    code = [cell for cell in everything if cell.kind == "code" and cell.text.strip()]
    order, in_order = _order({cell.position: cell.count for cell in code})
    errors, lab, stand_ins, parts = [], {}, {}, {}
    for cell in code:
        for output in cell.outputs:
            if output.get("output_type") in ("error", "pyerr"):
                name, value = (joined(output.get(key)).strip() for key in ("ename", "evalue"))
                first, *_ = value.splitlines() or [""]
                errors.append((cell.position, f"{name}: {first}"[:200]))
            for text in (output.get("text"), as_dict(output.get("data")).get("text/plain")):
                text = joined(text)
                if text.startswith("device ") and not lab:
                    lab = dict(_LAB.findall(text[:1000]))
                    # without the minutes that were expected
                    lab["scale"] = lab.get("scale", "").split(",")[0]
                stand_ins |= dict.fromkeys(_STAND_IN.findall(text))
                parts |= dict.fromkeys(_PART.findall(text))
    data = "none, for nothing was run" if order == _NOT_RUN else "no stand-in"
    if parts:
        data = f"a part: {'; '.join(parts)}"
    if stand_ins:
        data = f"stand-ins, not {', '.join(stand_ins)}"
    # The course's own notebooks have Colab's "provenance".
    of_colab = _COLABS_NOTEBOOK & as_dict(as_dict(notebook.get("metadata")).get("colab")).keys()
    colab = bool(of_colab) or any(_OF_COLAB & cell.metadata.keys() for cell in everything)
    took = _duration([seconds for cell in code if (seconds := _seconds(cell.metadata)) is not None])
    return Execution(order, in_order and not errors, errors, lab, data, colab, took)


def _order(counts: dict[int, int | None]) -> tuple[str, bool]:
    """Whether the cells (number → execution count) ran from 1 to N, in words."""
    n, values = len(counts), list(counts.values())
    never = [position for position, number in counts.items() if number is None]
    if len(never) == n:
        return _NOT_RUN, False
    if never:
        first = ", ".join(map(str, never[:3])) + (" …" if len(never) > 3 else "")
        noun = "cell" if len(never) == 1 else "cells"
        return f"{len(never)} of {n} code cells not run ({noun} {first})", False
    # The last cell tells what is answered, and is run again and again.
    if values[:-1] == [*range(1, n)] and values[-1] >= n:
        again = ", then the last cell again" if values[-1] > n else ""
        return f"from 1 to {n} in one go{again}", True
    position = next(place for i, place in enumerate(counts, 1) if counts[place] != i)
    return f"not in one go: cell {position} has the count {counts[position]}", False


def _seconds(metadata: dict) -> float | None:
    """How long a cell took, as JupyterLab and nbclient record it, or Colab."""
    times = as_dict(metadata.get("execution"))
    seconds = as_dict(metadata.get("executionInfo")).get("elapsed")
    try:
        begin = times.get("iopub.execute_input") or times.get("iopub.status.busy")
        end = times.get("shell.execute_reply") or times.get("iopub.status.idle")
        begin, end = (datetime.fromisoformat(text.replace("Z", "+00:00")) for text in (begin, end))
        seconds = (end - begin).total_seconds()
    except (AttributeError, TypeError, ValueError):
        seconds = seconds / 1000 if type(seconds) in (int, float) else -1
    return seconds if 0 <= seconds < _WEEK else None


def _duration(times: list[float]) -> str:
    """So many seconds for each cell, together and in words."""
    minutes = sum(times) / 60
    if not times:
        return "unknown, for no times were recorded"
    if minutes < 1.5:
        return f"{sum(times):.0f} seconds"
    return f"{minutes:.0f} minutes" if minutes < 90 else f"{minutes / 60:.1f} hours"
