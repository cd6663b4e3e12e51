"""Where PyTorch cannot be installed it is said before pip fails."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from coursekit.engine import wheels

FILE = Path(wheels.__file__)


@pytest.fixture
def here(monkeypatch):
    """``here(system, machine, version, bits, libc, release)``: this Python is another one."""

    def here(system, machine, version=(3, 12, 1), bits=64, libc="glibc", release="14.1"):
        numbers = release if system == "Linux" else ""
        monkeypatch.setattr(platform, "system", lambda: system)
        monkeypatch.setattr(platform, "machine", lambda: machine)
        monkeypatch.setattr(platform, "libc_ver", lambda: (libc, numbers))
        monkeypatch.setattr(platform, "mac_ver", lambda: (release, ("", "", ""), machine))
        monkeypatch.setattr(sys, "version_info", version)
        monkeypatch.setattr(sys, "maxsize", 2 ** (bits - 1) - 1)

    return here


@pytest.mark.parametrize(
    "machine",
    [("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64"), ("Windows", "AMD64")],
)
@pytest.mark.parametrize("minor", [10, 14])
def test_where_there_are_wheels_nothing_is_said(here, machine, minor):
    here(*machine, version=(3, minor, 0))
    assert (wheels.cannot(), wheels.may_not()) == ("", "")


@pytest.mark.parametrize(
    ("machine", "said"),
    {
        "an Intel Mac": (("Darwin", "x86_64"), "Macs with an Intel processor"),
        "Windows on ARM": (("Windows", "ARM64"), "Windows on ARM"),
        "another processor": (("Linux", "riscv64"), "Linux on riscv64"),
        "Alpine": (("Linux", "x86_64", (3, 12, 1), 64, ""), "no glibc"),
        "an old macOS": (("Darwin", "arm64", (3, 12, 1), 64, "", "12.7.6"), "macOS before 14"),
        "an old Linux": (
            ("Linux", "x86_64", (3, 12, 1), 64, "glibc", "2.17"),
            "Linux with glibc 2.17, only from 2.28 on",
        ),
        "32 bits": (("Windows", "AMD64", (3, 12, 1), 32), "a 32-bit Python"),
        "too old": (("Linux", "x86_64", (3, 9, 9)), "Python 3.10 or newer, but this is 3.9"),
    }.values(),
)
def test_what_cannot_be(here, machine, said):
    here(*machine)
    assert said in wheels.cannot()


def test_a_python_that_is_too_new_is_warned_of(here):
    here("Linux", "x86_64", (3, 16, 0))
    assert wheels.cannot() == ""
    assert "Python 3.16" in wheels.may_not() and wheels.may_not().endswith("take Python 3.14")


def test_what_tells_pythons_on_one_machine_apart(here, monkeypatch):
    here("Windows", "ARM64")
    monkeypatch.setattr("sysconfig.get_platform", lambda: "win-amd64")  # emulated there
    assert wheels.cannot() == ""
    here("Linux", "x86_64")
    monkeypatch.setattr(platform, "python_implementation", lambda: "PyPy")
    assert "PyPy, only for CPython" in wheels.cannot()


def test_the_file_runs_alone():
    done = subprocess.run([sys.executable, "-S", "-E", FILE], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    other = "import platform, runpy; platform.system = lambda: 'Darwin'; "
    other += (
        f"platform.machine = lambda: 'x86_64'; runpy.run_path({str(FILE)!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-S", "-c", other], capture_output=True, text=True)
    assert done.returncode == 1 and "Intel" in done.stderr
