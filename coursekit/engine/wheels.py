"""Whether PyTorch can be installed by this Python: ``make`` runs this file before anything is
there, so it needs nothing, and no newer Python than 3.6."""

import platform
import sys
import sysconfig

OLDEST, NEWEST = (3, 10), (3, 14)  # those that the course is tested with
ELSEWHERE = "Colab runs the course in a browser"


def cannot() -> str:
    """Why PyTorch cannot be installed here and what helps, in a sentence; empty if it can."""
    system, machine = platform.system(), platform.machine().lower()
    if sys.version_info < OLDEST:
        have = ".".join(map(str, sys.version_info[:2]))
        return f"the course needs Python 3.10 or newer, but this is {have}"
    if sys.maxsize < 2**32:
        return "PyTorch has no wheels for a 32-bit Python: install a 64-bit one"
    if system == "Darwin" and machine == "x86_64":
        what = "Macs with an Intel processor (on another Mac, install a Python for arm64)"
    elif system == "Darwin" and int("0" + platform.mac_ver()[0].partition(".")[0]) < 14:
        what = "macOS before 14"
    elif system == "Windows" and machine == "arm64" and sysconfig.get_platform() != "win-amd64":
        what = "Windows on ARM (a Python for x86-64 works there, more slowly)"
    elif system == "Linux" and machine not in ("x86_64", "amd64", "aarch64", "arm64"):
        what = f"Linux on {machine}"
    elif system == "Linux" and platform.libc_ver()[0] != "glibc":
        what = "this Linux, which has no glibc (as Alpine)"
    elif system == "Linux" and _numbers(platform.libc_ver()[1] or "3") < (2, 28):
        what = f"Linux with glibc {platform.libc_ver()[1]}, only from 2.28 on"
    elif platform.python_implementation() != "CPython":
        what = platform.python_implementation() + ", only for CPython"
    else:
        return ""
    return f"PyPI has no wheels of PyTorch for {what}: {ELSEWHERE}"


def may_not() -> str:
    """A warning where nobody has tried it yet; empty elsewhere."""
    if sys.version_info[:2] <= NEWEST:
        return ""
    have, newest = (".".join(map(str, one)) for one in (sys.version_info[:2], NEWEST))
    what = f"the course was not tried with Python {have}"
    return f"{what}, and a package may lack wheels for it: if so, take Python {newest}"


def _numbers(version):
    return tuple(map(int, version.split(".")))


if __name__ == "__main__":
    if may_not():
        sys.stderr.write(may_not() + "\n")
    sys.exit(cannot() or 0)
