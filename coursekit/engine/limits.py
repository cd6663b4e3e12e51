"""How many cores and how much memory this process may use: the machine's, or what a container or a
job of a cluster leaves of it (Linux's cgroups, versions 1 and 2)."""

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

ROOT = Path("/")


def cores() -> float:
    """The cores that may be used; a part of one where the time on it is limited."""
    if hasattr(os, "sched_getaffinity"):
        found = len(os.sched_getaffinity(0))
    else:
        found = os.cpu_count() or 1
    for folder in _groups("cpu"):
        older = _numbers(folder, "cpu.cfs_quota_us") + _numbers(folder, "cpu.cfs_period_us")
        quota, period = _numbers(folder, "cpu.max") or older or (math.inf, 1)
        if quota > 0:  # -1 is no limit
            found = min(found, quota / period)
    return found


def memory() -> tuple[float, float]:
    """Bytes that are free, and those that there are in all."""
    import psutil  # comes with Jupyter's kernel

    machine = psutil.virtual_memory()
    free, total = machine.available, machine.total
    for folder in _groups("memory"):
        limit = _first(folder, "memory.max", "memory.limit_in_bytes")
        used = _first(folder, "memory.current", "memory.usage_in_bytes")
        total = min(total, limit)
        if used < math.inf:  # but for copies of files, which are given up when it is needed
            free = min(free, max(0, limit - used + _inactive(folder)))
    return free, total


def _groups(controller: str) -> Iterator[Path]:
    """The folders of the groups that this process is in, from its own to the outermost, as far as
    they can be seen: in a container its own one is the outermost."""
    lines = []
    with suppress(OSError, ValueError):
        lines = (ROOT / "proc/self/cgroup").read_text().splitlines()
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        for folder in ("", controllers or "unified"):
            base = ROOT / "sys/fs/cgroup" / folder
            place = base / path.lstrip("/")
            yield from (one for one in (place, *place.parents) if one.is_relative_to(base))


def _first(folder: Path, *names: str) -> float:
    return next((found[0] for name in names if (found := _numbers(folder, name))), math.inf)


def _numbers(folder: Path, name: str) -> list[float]:
    """The numbers in a file of a group, ``max`` as infinite; none where there is no such file."""
    with suppress(OSError, ValueError):
        words = (folder / name).read_text().split()
        return [math.inf if word == "max" else float(word) for word in words]
    return []


def _inactive(folder: Path) -> float:
    with suppress(OSError, ValueError):
        pairs = (line.split() for line in (folder / "memory.stat").read_text().splitlines())
        stat = {name: float(number) for name, number in pairs}
        return stat.get("total_inactive_file", stat.get("inactive_file", 0))
    return 0
