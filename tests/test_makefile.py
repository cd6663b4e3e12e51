"""The environment that ``make`` makes: what it says first, with which installer, and its stamp."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = ("Makefile", "requirements.txt", "pyproject.toml", "coursekit/engine/wheels.py")
# A Python whose packages are installed by a program that says what it was asked.
INSTALLS = """
case "$*" in
*"-m venv .venv") mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
*"-m pip "*) echo "pip: $*"; eval "$INSTALL" ;;
*) exec {python} "$@" ;;
esac
"""
UV = """
case "$1" in
venv) mkdir -p .venv/bin; echo "uv: $*" ;;
*) echo "uv: $*"; eval "$INSTALL" ;;
esac
"""

pytestmark = pytest.mark.skipif(
    os.name == "nt" or not shutil.which("make"), reason="make is not here"
)


def program(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/bash\n{text}")
    path.chmod(0o755)


@pytest.fixture
def make(tmp_path):
    """``make(target, uv=False, **environment)``: starts it in a course without an environment."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    program(tmp_path / "programs" / "python3", INSTALLS.format(python=sys.executable))

    def make(*arguments, uv=False, **environment):
        if uv:
            program(tmp_path / "programs" / "uv", UV)
        path = os.pathsep.join([str(tmp_path / "programs"), "/usr/bin", "/bin"])
        # not as a part of the make that may run these tests, which would announce its folder
        around = {name: value for name, value in os.environ.items() if "MAKE" not in name}
        return subprocess.Popen(
            ["make", ".venv/.ready", *arguments],
            cwd=tmp_path,
            env={**around, "PATH": path, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    return make


@pytest.mark.parametrize(
    ("system", "machine", "said"),
    [("Darwin", "x86_64", "Intel"), ("Windows", "ARM64", "ARM"), ("Linux", "riscv64", "riscv64")],
)
def test_where_pytorch_has_no_wheels_it_says_so_and_makes_nothing(
    make, tmp_path, system, machine, said
):
    faked = f"import platform\nplatform.system = lambda: '{system}'\n"
    faked += f"platform.machine = lambda: '{machine}'\n"
    (tmp_path / "sitecustomize.py").write_text(faked)
    process = make(PYTHONPATH=str(tmp_path))
    out, _ = process.communicate(timeout=60)
    assert process.returncode and said in out and "no wheels" in out
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize(
    ("uv", "arguments", "installer"),
    [(False, [], "pip"), (True, [], "uv"), (True, ["UV="], "pip")],
)
def test_it_says_what_comes_and_the_stamp_is_written_last(make, tmp_path, uv, arguments, installer):
    stamp = tmp_path / ".venv" / ".ready"
    out, _ = make(*arguments, uv=uv, INSTALL="false").communicate(timeout=60)
    assert out.startswith("First the packages of requirements.txt go into .venv")
    assert not stamp.exists() and ("without uv" in out) == (installer == "uv")
    out, _ = make(*arguments, INSTALL="test ! -e .venv/.ready").communicate(timeout=60)
    last = out.splitlines()[-1]
    assert last.startswith(f"{installer}: ") and last.endswith("-r requirements.txt")
    assert stamp.exists()
    assert "up to date" in make(*arguments, INSTALL="false").communicate(timeout=60)[0]
    os.utime(tmp_path / "requirements.txt", (time.time() + 2,) * 2)
    assert f"{installer}: " in make(*arguments, INSTALL="true").communicate(timeout=60)[0]


@pytest.mark.parametrize("uv", [False, True])
def test_an_install_that_is_stopped_leaves_no_stamp(make, tmp_path, uv):
    process = make(uv=uv, INSTALL="touch begun; sleep 60")
    while not (tmp_path / "begun").exists():
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode and not (tmp_path / ".venv" / ".ready").exists()
