"""Whether PyTorch can be installed by this Python: ``make`` runs this file before anything is
there, so it needs nothing, and no newer Python than 3.6."""

import platform
import sys
import sysconfig

OLDEST, NEWEST = (3, 10), (3, 14)  # those for which torch and torchvision have wheels (autumn 2026)
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
    elif system == "Windows" and machine == "arm64" and sysconfig.get_platform() != "win-amd64":
        what = "Windows on ARM (a Python for x86-64 works there, more slowly)"
    elif system == "Linux" and machine not in ("x86_64", "amd64", "aarch64", "arm64"):
        what = f"Linux on {machine}"
    elif system == "Linux" and platform.libc_ver()[0] != "glibc":
        what = "this Linux, which has no glibc (as Alpine)"
    elif platform.python_implementation() != "CPython":
        what = platform.python_implementation() + ", only for CPython"
    else:
        return ""
    return f"PyTorch has no wheels for {what}: {ELSEWHERE}"


def may_not() -> str:
    """A warning where PyTorch had none yet when this was written; empty elsewhere."""
    if sys.version_info[:2] <= NEWEST:
        return ""
    have, newest = (".".join(map(str, one)) for one in (sys.version_info[:2], NEWEST))
    what = f"PyTorch had no wheels for Python {have} yet in autumn 2026"
    return f"{what}: if the installation fails, take Python {newest}"


if __name__ == "__main__":
    if may_not():
        sys.stderr.write(may_not() + "\n")
    sys.exit(cannot() or 0)
