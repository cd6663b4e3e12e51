"""What a container or a job leaves of the machine: cgroups of both versions, in a faked root."""

import os
from types import SimpleNamespace

import pytest

from coursekit.engine import limits

GB = 10**9


@pytest.fixture
def root(tmp_path, monkeypatch):
    """``root(group, files)``: a machine of 8 cores and 64 GB, half of it free, with this process in
    the group."""
    monkeypatch.setattr(limits, "ROOT", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {*range(8)}, raising=False)
    memory = SimpleNamespace(available=32 * GB, total=64 * GB)
    monkeypatch.setattr("psutil.virtual_memory", lambda: memory)

    def root(group, **files):
        for name, text in {"proc/self/cgroup": group, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return root


V2, JOB = "sys/fs/cgroup/", "sys/fs/cgroup/slurm/job1/"


@pytest.mark.parametrize(
    ("group", "files", "cores", "free", "total"),
    {
        "no groups": ("", {}, 8, 32, 64),
        "no limit": ("0::/\n", {V2 + "cpu.max": "max 100000", V2 + "memory.max": "max"}, 8, 32, 64),
        "a container": (
            "0::/\n",
            {
                V2 + "cpu.max": "150000 100000\n",
                V2 + "memory.max": f"{2 * GB}\n",
                V2 + "memory.current": f"{GB}\n",
                V2 + "memory.stat": f"anon 5\ninactive_file {GB // 2}\n",
            },
            1.5,
            1.5,
            2,
        ),
        "the group above is narrower": (
            "0::/slurm/job1/step0\n",
            {
                JOB + "step0/memory.max": "max",
                JOB + "memory.max": str(4 * GB),
                JOB + "memory.current": str(1 * GB),
                V2 + "slurm/cpu.max": "400000 100000",
            },
            4,
            3,
            4,
        ),
        "version 1": (
            "4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n",
            {
                "sys/fs/cgroup/memory/memory.limit_in_bytes": str(
                    3 * GB
                ),  # its own, in a container
                "sys/fs/cgroup/memory/memory.usage_in_bytes": str(1 * GB),
                "sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "200000",
                "sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us": "100000",
            },
            2,
            2,
            3,
        ),
        "version 1 without limits": (
            "4:memory:/\n1:cpu:/\n",
            {
                "sys/fs/cgroup/memory/memory.limit_in_bytes": str(2**63 - 4096),
                "sys/fs/cgroup/memory/memory.usage_in_bytes": str(1 * GB),
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            8,
            32,
            64,
        ),
        "more than there is": ("0::/\n", {V2 + "cpu.max": "1600000 100000"}, 8, 32, 64),
        "files that say nothing": (
            "0::/\n",
            {V2 + "cpu.max": "", V2 + "memory.max": "?"},
            8,
            32,
            64,
        ),
    }.values(),
)
def test_the_narrowest_limit_counts(root, group, files, cores, free, total):
    root(group, **files)
    assert limits.cores() == cores
    assert limits.memory() == (free * GB, total * GB)


def test_a_system_without_groups(monkeypatch):
    """As Windows and macOS are."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert limits.cores() >= 1
    free, total = limits.memory()
    assert 0 < free <= total
