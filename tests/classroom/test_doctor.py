"""``coursekit doctor``: each finding, that it goes on whatever is broken, and that its text can be
shown to everybody."""

import doctest
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from functools import partial
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from made_devices import NO_KERNEL
from mirror import Mirror, mirror  # noqa: F401  (mirror is a fixture)
from patience import HANGS

import coursekit as ck
from coursekit.classroom import doctor, installed
from coursekit.classroom.doctor import NOTE, OK, PROBLEM
from coursekit.classroom.installed import TORCH
from coursekit.cli import main
from coursekit.engine import settings
from coursekit.engine.commands import output_of

WORKING = ["torch 2.14.1+cu130, built for CUDA 13.0; no GPU is seen", "torchvision 0.29.1"], {}


def lines(check):
    """What a check finds and shows: (mark, text, advice) each."""
    return [(line.mark, line.text, "" if line.mark == OK else line.advice) for line in check()]


def marks(check):
    return [mark for mark, *_ in lines(check)]


# ---- the whole


@pytest.fixture
def quick(monkeypatch):
    """Neither torch nor pip is asked, which takes seconds."""
    monkeypatch.setattr(doctor, "ask_packages", lambda: WORKING)
    monkeypatch.setattr(doctor, "_python", lambda *_: ("", ""))


def test_a_machine_that_works(quick, capsys):
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    starts = [line.split()[0] for line in said.splitlines() if not line.startswith(" " * 9)]
    assert len(starts) >= len(doctor.CHECKS) and {*starts} <= {OK, NOTE}
    assert all(
        re.match(r"(ok      |note    |PROBLEM |        ) \S", line) for line in said.splitlines()
    )
    assert len(said.splitlines()) <= 30 and max(map(len, said.splitlines())) <= 120, "one screen"
    for part in (
        "Python 3",
        "coursekit ",
        "torch 2.14.1",
        "torchvision 0.29.1",
        "numpy ",
        " cores",
        "data folder: ",
        "COURSEKIT_SCALE=smoke",
        "network: not tried",
        "the kernel python3 is",
        "nothing stands in the way",
    ):
        assert part in said
    assert "could not be looked at" not in said


def test_a_problem_is_the_exit_code(quick, monkeypatch, capsys):
    monkeypatch.setenv("COURSEKIT_SCALE", "fast")
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert (
        "PROBLEM  COURSEKIT_SCALE='fast' is not a scale: choose one of smoke, laptop, full\n"
        in said
    )
    assert "         to do: set it again" in said and said.endswith(
        "PROBLEM  1 problem to solve, see above\n"
    )


@pytest.mark.parametrize(
    "error",
    [
        OSError(5, "Input/output error"),
        KeyError("x"),
        SystemExit(3),
        ValueError("two\nlines"),
        RecursionError(),
    ],
)
def test_a_check_that_breaks_stops_nothing(quick, monkeypatch, capsys, error):
    def breaks():
        yield doctor.Line(OK, "before")
        raise error

    def after():
        yield doctor.Line(OK, "after")

    monkeypatch.setattr(doctor, "CHECKS", (breaks, after))
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "ok       before" and said[3] == "ok       after"
    assert said[1].startswith(f"PROBLEM  breaks: could not be looked at ({type(error).__name__}: ")


def test_nobody_is_named(quick, monkeypatch, tmp_path, capsys):
    home = tmp_path / "home" / "ada"
    (home / "course" / "data").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USER", "lovelace")
    monkeypatch.setenv("LOGNAME", "lovelace")
    monkeypatch.setattr(socket, "gethostname", lambda: "adas-laptop.example.org")
    monkeypatch.setattr(sys, "executable", "/net/adas-laptop/lovelace/.venv/bin/python")
    monkeypatch.setenv("COURSEKIT_DATA", str(home / "course" / "data"))
    monkeypatch.setenv("COURSEKIT_TOKEN", "secret")
    main(["doctor"])
    said = capsys.readouterr().out
    assert "data folder: ~/course/data" in said and "COURSEKIT_DATA=~/course/data" in said
    assert "is /net/NAME/NAME/.venv/bin/python);" in said and "COURSEKIT_TOKEN" in said
    assert not re.search("ada|lovelace|secret|example", said, re.IGNORECASE)


@pytest.mark.parametrize(
    "text, shown",
    [
        ("/home/ada/x and /home/ada", "~/x and ~"),
        ("/home/adam/x", "/home/adam/x"),
        ("/mnt/home/ada/x", "/mnt/home/NAME/x"),
        ("/media/Ada/x", "/media/NAME/x"),
        ("/tmp/of-ada/x", "/tmp/of-NAME/x"),
        ("adamant ada", "adamant ada"),
        (r"C:\Users\ada\x", r"C:\Users\NAME\x"),
        ("//box1/share", "//NAME/share"),
        ("box1 core", "box1 core"),
        ("https://ada:pw@host/simple, x", "https://host/simple, x"),
        ("https://token@host/a?t=1 x", "https://host/a x"),
    ],
)
def test_what_can_be_shown(monkeypatch, text, shown):
    monkeypatch.setenv("HOME", "/home/ada")
    for name in ("LOGNAME", "USER"):
        monkeypatch.setenv(name, "ada")
    monkeypatch.setattr(socket, "gethostname", lambda: "box1")
    assert doctor.shareable(text) == shown


def test_a_home_at_the_root_is_not_everywhere(monkeypatch):
    monkeypatch.setenv("HOME", "/")
    assert doctor.shareable("/opt/x of https://host/x") == "/opt/x of https://host/x"


def test_where_nobody_has_a_name_nothing_is_replaced(monkeypatch):
    def nobody():
        raise KeyError("uid not found")

    monkeypatch.setenv("HOME", "/")
    monkeypatch.setattr(socket, "gethostname", lambda: "")
    monkeypatch.setattr("getpass.getuser", nobody)
    assert doctor.shareable("/opt/x, a b") == "/opt/x, a b"


# ---- torch, in a process of its own


def stub(folder, name, code):
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(code)


def run_doctor(folder, **environment):
    """The exit code and the lines of a doctor for whom the packages of this folder come first."""
    done = subprocess.run(
        [sys.executable, "-m", "coursekit", "doctor"],
        env=os.environ | {"PYTHONPATH": str(folder)} | environment,
        capture_output=True,
        cwd=folder.parent,
    )
    assert done.stderr == b""
    return done.returncode, done.stdout.decode().splitlines()


@pytest.mark.parametrize(
    "code, reason",
    [
        ("raise ImportError('libcudart.so.12: not found')", "ImportError: libcudart.so.12: not"),
        ("import os\nos.kill(os.getpid(), 4)", "it ends its process with SIGILL"),
        ("import sys\nsys.exit(7)", "it ends its process with code 0x7"),
        ("print('found')", "ImportError: cannot import name 'version'"),
    ],
)
@pytest.mark.posix
def test_a_torch_that_cannot_be_imported(tmp_path, code, reason):
    stub(tmp_path / "packages", "torch", code)
    status, said = run_doctor(
        tmp_path / "packages", COURSEKIT_DATA="/données", PYTHONIOENCODING="ascii"
    )
    assert status == 1
    (line,) = (
        i
        for i, line in enumerate(said)
        if line.startswith(f"PROBLEM  torch cannot be used: {reason}")
    )
    assert "         to do: " in "\n".join(said[line : line + 3]) and "reinstall" not in str(said)
    assert any(line.startswith("ok       Jupyter: ") for line in said), "it goes on"
    assert any("real data in it: " in line for line in said), "without torch"
    assert r"COURSEKIT_DATA=/donn\xe9es" in "\n".join(said)
    assert said[-1] == "PROBLEM  1 problem to solve, see above"


@pytest.fixture
def here(monkeypatch, capsys):
    """The packages are asked in this process."""

    def python(*_):
        installed.report()
        return capsys.readouterr().out, ""

    monkeypatch.setattr(doctor, "_python", python)


@pytest.mark.parametrize(
    "kind, name",
    {
        "cuda": "Tesla P100, 16 GiB; Tesla P100, 16 GiB",
        "mps": "Apple M2 GPU (MPS)",
        "xpu": "Intel(R) Arc(TM) A770",
    }.items(),
)
def test_gpus_are_named(machine, here, kind, name):
    machine(kind)
    first, second = lines(doctor.imports)
    assert first[0] == second[0] == OK and first[1].endswith(f"; GPU: {name}")


OLD = "CUDA initialization: The NVIDIA driver on your system is too old (found version 11040). More"
ODD = (
    "CUDA initialization: CUDA unknown error - this may be due to an incorrectly set up environment"
)


@pytest.mark.parametrize(
    "fault, why, advice",
    {
        "too old": (
            dict(error=NO_KERNEL, capability=(6, 0), built=["sm_75", "sm_80"]),
            "P100 is not used: this torch has no kernels for it (capability 6.0, built for 7.5 and "
            "newer)",
            "take torch 2.14 or older for CUDA 12.6",
        ),
        "too new": (
            dict(error=NO_KERNEL, capability=(12, 0), built=["sm_50", "sm_90", "compute_90"]),
            "(capability 12.0, built for 5.0, 9.0)",
            "python -m pip install --upgrade torch torchvision",
        ),
        "full": (
            dict(error=RuntimeError("CUDA out of memory. Tried to allocate")),
            "P100 is not used: a first layer failed on it (CUDA out of memory)",
            "close what else uses the GPU",
        ),
        "another's": (
            dict(error=RuntimeError("CUDA-capable device(s) is/are busy or unavailable")),
            "failed on it (CUDA-capable device(s) is/are busy or unavailable)",
            "close what else uses the GPU",
        ),
        "unknown": (
            dict(error=RuntimeError("the driver is full")),
            "failed on it (the driver is full)",
            "report it",
        ),
        "driver": (dict(warned=OLD), OLD.removesuffix(". More"), "update the GPU's driver"),
        "no driver's fault": (dict(warned=ODD), ODD, "restart the machine"),
        "wrong": (
            dict(kind="mps", wrong=lambda layer, results: [1.1 * one for one in results]),
            "Apple M2 GPU (MPS) is not used: its Conv2d is wrong, not as on the CPU",
            "update the system and torch",
        ),
    }.values(),
)
def test_a_gpu_that_cannot_be_used(machine, here, fault, why, advice):
    machine(**{"kind": "cuda"} | fault)
    first, second, _ = lines(doctor.imports)
    assert first[0] == OK and first[1].endswith("; it runs on the CPU")
    assert second[0] == NOTE and second[1].endswith(why) and second[2].startswith(advice)
    assert ("driver" in second[2]) == (fault.get("warned") == OLD)


def test_a_torch_for_the_cpu_beside_an_nvidia_gpu(here, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.version.cuda", None)
    first = lines(doctor.imports)[0]
    assert first[1].endswith("built for the CPU only; no GPU is seen, so it runs on the CPU")
    monkeypatch.setattr("shutil.which", lambda program: f"/bin/{program}")
    found, text, advice = lines(doctor.imports)[1]
    assert found == NOTE and "built for the CPU only" in text and "pytorch.org" in advice


@pytest.mark.parametrize(
    "error, advice",
    {
        "Windows": (
            "OSError: [WinError 126] The specified module could not be found. Error loading "
            '"C:\\Lib\\torch\\lib\\c10.dll" or one of its dependencies.',
            "install Microsoft's Visual C++ Redistributable",
        ),
        "Windows, another way": (
            "ImportError: DLL load failed while importing _C: The specified module is missing.",
            "install Microsoft's Visual C++ Redistributable",
        ),
        "Windows' memory": (
            "OSError: [WinError 1455] The paging file is too small for this operation",
            "close programs and notebooks",
        ),
        "CUDA's libraries": (
            "ImportError: libcudart.so.12: cannot open shared object file: No such file",
            "python -m pip install torch torchvision, which requires NVIDIA's packages nvidia-…, "
            "which bring libcudart.so.12",
        ),
        "the driver's": (
            "ImportError: libcuda.so.1: cannot open shared object file: No such file",
            "install NVIDIA's driver",
        ),
        "the system's libraries": (
            "ImportError: libgomp.so.1: cannot open shared object file: No such file",
            "install the system's package for it, libgomp1 in Debian",
        ),
        "an old system": (
            "ImportError: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.28' not found",
            "its wheel needs glibc 2.28",
        ),
        "an old libstdc++": (
            "ImportError: /opt/lib/libstdc++.so.6: version `GLIBCXX_3.4.29' not found",
            "an old libstdc++ comes first",
        ),
        "two builds": (
            "RuntimeError: operator torchvision::nms does not exist",
            "torchvision is made for another torch: python -m pip uninstall torch torchvision, "
            "then python -m pip install torch torchvision, both from one index",
        ),
        "two CUDAs": (
            "ImportError: /x/nvidia/libcusparse.so.12: undefined symbol: __nvJitLinkAddData",
            "unset LD_LIBRARY_PATH",
        ),
        "two numpys": (
            "ValueError: numpy.dtype size changed, may indicate binary incompatibility.",
            "it is made for another numpy: python -m pip install --upgrade numpy scikit-image",
        ),
        "two numpys, another way": (
            "RuntimeError: Numpy is not available",
            "it is made for another numpy",
        ),
        "no requirement": (
            "ModuleNotFoundError: No module named 'lazy_loader'",
            "python -m pip install scikit-image, which adds what it requires",
        ),
        "an old processor": ("it ends its process with SIGILL", "it uses instructions"),
        "little memory": ("it ends its process with SIGKILL", "close programs"),
        "half of a package": ("ModuleNotFoundError: No module named 'torch._C'", "report it"),
        "unknown": ("ImportError: the moon is full", "report it"),
    }.values(),
)
def test_the_cause_decides_what_to_do(monkeypatch, error, advice):
    monkeypatch.setattr(doctor, "ask_packages", lambda: ([], {"skimage": error}))
    ((mark, text, told),) = lines(doctor.imports)
    assert mark == PROBLEM and text == f"skimage cannot be used: {error}"
    assert told.startswith(advice) and "reinstall" not in told
    monkeypatch.setattr(doctor.wheels, "cannot", lambda: "PyTorch has no wheels for it")
    assert lines(doctor.imports)[0][2] == told, "that is another cause"


@pytest.mark.parametrize(
    "cannot, may_not, advice",
    [
        ("", "", TORCH),
        ("no wheels", "", "no wheels"),
        ("", "none for 3.16 yet", f"{TORCH}; none for 3.16 yet"),
    ],
)
def test_no_torch_where_none_can_be(monkeypatch, cannot, may_not, advice):
    missing = {"torch": "ModuleNotFoundError: No module named 'torch'"}
    monkeypatch.setattr(doctor, "ask_packages", lambda: ([], missing))
    monkeypatch.setattr(doctor.wheels, "cannot", lambda: cannot)
    monkeypatch.setattr(doctor.wheels, "may_not", lambda: may_not)
    assert lines(doctor.imports)[0][2] == advice


def test_each_package_that_fails_is_told(tmp_path, monkeypatch):
    """All are looked at, until one ends the process."""
    codes = dict.fromkeys(installed.PACKAGES, "") | {
        "torch": "version, zeros = '', lambda n: __import__('numpy')\n",
        "numpy": "def numpy():\n    raise RuntimeError('Numpy is not available')",
        "sklearn": "raise KeyError('x')",
        "pandas": "raise ImportError('libgomp.so.1:\\n cannot open shared object file')",
        "skimage": "import os\nos._exit(9)",
    }
    for name, code in codes.items():
        stub(tmp_path, name, code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert doctor.ask_packages() == (
        [],
        {
            "torch": "RuntimeError: Numpy is not available",
        },
    )
    (tmp_path / "numpy" / "__init__.py").write_text("def numpy(): pass")
    assert doctor.ask_packages() == (
        [],
        {
            "sklearn": "KeyError: 'x'",
            "pandas": "ImportError: libgomp.so.1: cannot open shared object file",
            "skimage": "it ends its process with code 0x9",
        },
    )
    monkeypatch.setattr(doctor, "output_of", partial(output_of, timeout=0.01))
    assert doctor.ask_packages() == ([], {"Python": "no answer within 0 seconds"})


def test_little_memory_of_a_container(monkeypatch):
    monkeypatch.setattr(doctor.limits, "cores", lambda: 1.5)
    monkeypatch.setattr(doctor.limits, "memory", lambda: (1e9, 2e9))
    ((mark, text, advice),) = lines(doctor.machine)
    assert (mark, text) == (NOTE, "1.5 cores; memory: 1.0 GB free of 2.0")
    assert advice.startswith("look for more")


@pytest.mark.parametrize(
    "name, found",
    [
        ("torch.py", PROBLEM),
        ("random.py", PROBLEM),
        ("numpy/__init__.py", PROBLEM),
        ("pytest.py", NOTE),
        ("sys.py", None),  # built in
        ("mine.py", None),
        ("torch/mine.py", None),  # no package
        ("random.txt", None),
    ],
)
def test_a_file_that_is_taken_for_a_package(tmp_path, monkeypatch, quick, name, found):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    told = lines(doctor.imports)[:-2]
    assert [line[0] for line in told] == [found] * (found is not None)
    for _, text, advice in told:
        assert text.startswith(str(tmp_path / name.partition("/")[0])) and advice == "rename it"


def test_the_torch_that_is_here_whatever_hides_it(tmp_path, monkeypatch):
    """A file of this folder is named, and not run."""
    import torch
    import torchvision

    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").touch()
    for folder in (tmp_path, tmp_path / "notebooks"):
        (folder / "torch.py").write_text("open('ran', 'w')")
    monkeypatch.chdir(tmp_path)
    first, second, third, fourth = lines(doctor.imports)
    assert first[0] == second[0] == PROBLEM
    assert "notebooks/torch.py is taken for the package torch" in first[1]
    assert third[1].startswith(f"torch {torch.__version__}, built for ") and "no GPU" in third[1]
    assert fourth[1] == f"torchvision {torchvision.__version__}"
    assert not (tmp_path / "ran").exists()


def test_a_python_that_does_not_start(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert lines(doctor.imports)[0][:2] == (
        PROBLEM,
        "Python cannot be used: [Errno 2] No such file or directory: '/nowhere/python'",
    )


# ---- packages


@pytest.mark.parametrize(
    "needed, found",
    [
        (
            ["numpy>=2.0", 'ruff>=0.5; extra == "classroom"', 'dask>=1; extra == "cluster"'],
            [(OK, "packages: numpy 2.1, ruff 0.9")],
        ),
        (
            ["numpy>=2.2", "nothing>=3"],
            [
                (OK, "packages: numpy 2.1"),
                (PROBLEM, "numpy is 2.1, and >=2.2 is needed"),
                (PROBLEM, "nothing is missing, and >=3 is needed"),
            ],
        ),
        (
            ["numpy>=2", 'ruff>=1.5; extra == "classroom"'],
            [
                (OK, "packages: numpy 2.1, ruff 0.9"),
                (NOTE, "ruff is 0.9, and >=1.5 is needed for commands as coursekit run"),
            ],
        ),
        (["numpy>=2", "pywin32; sys_platform == 'never'"], [(OK, "packages: numpy 2.1")]),
    ],
)
def test_packages_are_compared_with_what_is_needed(quick, monkeypatch, needed, found):
    versions = {"coursekit": "0.1", "numpy": "2.1", "ruff": "0.9"}

    def version(name):
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(metadata, "requires", lambda name: needed)
    monkeypatch.setattr(metadata, "version", version)
    said = lines(doctor.packages)
    assert [line[:2] for line in said] == found
    for mark, text, advice in said:
        assert bool(advice) == (mark != OK) and ("nothing" in text) == ('"nothing>=3"' in advice)


def test_packages_that_do_not_fit_each_other_are_told_as_pip_tells_it(monkeypatch):
    unfit = "torchvision 0.29.1 has requirement torch==2.14.1, but you have torch 2.15.0."
    monkeypatch.setattr(doctor, "_python", lambda *words: (f"coursekit x\n{unfit}\n", "failed"))
    _, (mark, text, advice) = lines(doctor.packages)
    assert (mark, text) == (NOTE, unfit) and advice


def test_the_packages_of_the_tests_are_enough():
    assert marks(doctor.packages)[0] == OK and PROBLEM not in marks(doctor.packages)


def test_a_coursekit_that_is_not_installed(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", missing)
    monkeypatch.setattr(metadata, "version", missing)
    assert marks(doctor.packages) == []
    mark, text, advice = lines(doctor.package)[0]
    assert mark == NOTE and "not installed" in text and "pip install -e ." in advice


def test_another_coursekit_in_this_folder(monkeypatch, tmp_path):
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)
    assert marks(doctor.package) == [OK]
    (tmp_path / "coursekit").mkdir()
    assert lines(doctor.package)[1][:2] == (
        NOTE,
        f"that is not the one of this folder, {tmp_path / 'coursekit'}",
    )


# ---- the machine and the data folder


@pytest.mark.parametrize("free, mark", [(1.9e9, NOTE), (2.1e9, OK)])
def test_little_memory_and_disk_are_told(monkeypatch, free, mark):
    monkeypatch.setattr(
        "psutil.virtual_memory", lambda: namedtuple("Memory", "available total")(free, 8e9)
    )
    monkeypatch.setattr("shutil.disk_usage", lambda folder: namedtuple("Disk", "free")(free))
    monkeypatch.setattr(doctor.limits, "ROOT", Path("/nowhere"))
    ((found, text, advice),) = lines(doctor.machine)
    assert (
        found == mark
        and f"memory: {free / 1e9:.1f} GB free of 8.0" in text
        and bool(advice) == (mark == NOTE)
    )
    found, text, advice = lines(doctor.data)[-1]
    assert (found, text) == (mark, f"disk of the data folder: {free / 1e9:.1f} GB free") and bool(
        advice
    ) == (mark == NOTE)


def test_the_sets_that_are_here(tmp_path, monkeypatch):
    monkeypatch.setattr("coursekit.classroom.datasets._shipped", lambda one: "")
    folder = settings.data_folder()
    place, sets, _ = lines(doctor.data)
    assert (
        place[:2] == (OK, f"data folder: {folder}")
        and sets[0] == NOTE
        and "coursekit data fetch" in sets[2]
    )
    np.savez(folder / "salinas.npz", cube=np.zeros(3))
    (folder / "SHA256SUMS").touch()
    _, sets, _ = lines(doctor.data)
    assert sets[:2] == (OK, "real data in it: salinas; without a network, others are stand-ins")


def test_a_data_folder_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path / "a" / "b"))
    place, *_ = lines(doctor.data)
    assert (
        place[:2] == (NOTE, f"data folder: {tmp_path / 'a' / 'b'} (not there yet)")
        and "correct COURSEKIT_DATA" in place[2]
    )
    assert not (tmp_path / "a").exists()
    (tmp_path / "a").touch()
    monkeypatch.setenv("COURSEKIT_OFFLINE", "")
    mark, text, advice = lines(doctor.data)[0]
    assert mark == PROBLEM and "a/b (not there yet) (cannot be written to: Not a dir" in text
    assert "COURSEKIT_DATA" in advice


@pytest.mark.parametrize("offline, mark", [("1", NOTE), ("", PROBLEM)])
def test_a_data_folder_that_cannot_be_written_to(monkeypatch, offline, mark):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setenv("COURSEKIT_OFFLINE", offline)
    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    found, text, advice = lines(doctor.data)[0]
    assert (
        found == mark
        and text.endswith("(cannot be written to: Permission denied)")
        and "COURSEKIT_DATA" in advice
    )


def test_variables(monkeypatch):
    monkeypatch.setenv("COURSEKIT_SCAEL", "secret")
    known, unknown = lines(doctor.variables)
    assert known[1].startswith("variables: COURSEKIT_SCALE=smoke, COURSEKIT_DATA=/")
    assert known[1].endswith(", COURSEKIT_OFFLINE=1")
    assert unknown == (
        NOTE,
        "variables that mean nothing: COURSEKIT_SCAEL",
        "there are only COURSEKIT_SCALE, COURSEKIT_DATA, COURSEKIT_OFFLINE, COURSEKIT_MIRROR",
    )
    monkeypatch.setenv("COURSEKIT_MIRROR", "ada:secret@example.org")
    known, _, no_mirror = lines(doctor.variables)
    assert known[1].endswith(", COURSEKIT_MIRROR=example.org") and no_mirror[0] == PROBLEM
    assert no_mirror[1].startswith("COURSEKIT_MIRROR is no address") and "secret" not in str(
        no_mirror
    )
    for name in [*os.environ]:
        if name.startswith("COURSEKIT_"):
            monkeypatch.delenv(name)
    assert lines(doctor.variables) == [(OK, "variables: none is set", "")]


# ---- the network


def test_offline_the_network_is_not_touched(monkeypatch):
    def touched(*_, **__):
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", touched)
    monkeypatch.setattr(socket, "getaddrinfo", touched)
    assert lines(doctor.network) == [
        (OK, "network: not tried, for COURSEKIT_OFFLINE forbids it", "")
    ]


@pytest.fixture
def reach(mirror, monkeypatch):  # noqa: F811
    """``reach(index, github)`` says what is found when these two answer in such a way."""
    monkeypatch.setattr(Mirror, "do_HEAD", Mirror.do_GET, raising=False)

    def found(index, github):
        monkeypatch.setattr(doctor, "_index", lambda: f"{mirror}{index}/simple")
        monkeypatch.setattr(doctor, "GITHUB", f"{mirror}{github}/")
        return lines(doctor.network)

    return found


def test_both_can_be_reached(reach):
    expected = [
        (OK, "network: the package index (127.0.0.1) can be reached", ""),
        (OK, "network: GitHub can be reached", ""),
    ]
    assert reach("good", "good") == reach("missing", "good") == expected, (
        "that a page is missing is an answer, too"
    )


def test_the_mirror_is_asked_too(reach, mirror, monkeypatch):  # noqa: F811
    monkeypatch.setenv("COURSEKIT_MIRROR", f"{mirror}good")
    assert reach("good", "good")[-1][1] == "network: the mirror (127.0.0.1) can be reached"


def test_an_index_that_is_a_folder_is_not_asked(reach, mirror, monkeypatch):  # noqa: F811
    monkeypatch.setattr(doctor, "_index", lambda: "/data/wheels")
    monkeypatch.setattr(doctor, "GITHUB", f"{mirror}good/")
    assert lines(doctor.network) == [(OK, "network: GitHub can be reached", "")]


def test_one_does_not_answer(reach, monkeypatch):
    monkeypatch.setattr(doctor, "PATIENCE", 0.5)
    start = time.monotonic()
    reached, missed = reach("good", "silent")
    assert time.monotonic() - start < HANGS
    assert reached[:2] == (OK, "network: the package index (127.0.0.1) can be reached")
    assert missed[0] == NOTE and re.match(
        "network: GitHub cannot be reached: (timed out|no answer within 0.5)", missed[1]
    )
    assert "COURSEKIT_OFFLINE=1" in missed[2]


def test_the_real_patience_is_under_five_seconds(reach):
    assert doctor.PATIENCE < 5
    start = time.monotonic()
    assert [mark for mark, *_ in reach("silent", "late")] in ([NOTE, NOTE], [NOTE, OK])
    assert time.monotonic() - start < HANGS


def test_an_answer_that_means_no(reach, monkeypatch):
    monkeypatch.setattr(Mirror, "do_HEAD", lambda self: self.send_error(503))
    assert [line[:2] for line in reach("a", "b")] == [
        (NOTE, "network: the package index (127.0.0.1) cannot be reached: Service Unavailable"),
        (NOTE, "network: GitHub cannot be reached: Service Unavailable"),
    ]


def test_the_index_is_the_one_of_pips_configuration(monkeypatch, tmp_path):
    for name in [*os.environ]:
        if name.startswith("PIP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://ada:secret@one.example.org/simple\n"
        "extra-index-url = https://two.example.org\n"
    )
    assert doctor._index() == "https://one.example.org/simple"
    monkeypatch.setenv("PIP_INDEX_URL", "https://token@three.example.org/simple")
    assert doctor._index() == "https://three.example.org/simple"
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert doctor._index() == "https://pypi.org/simple"


# ---- Jupyter and the repository


def test_the_kernel_is_this_python():
    mark, text, _ = lines(doctor.jupyter)[0]
    assert mark == OK and re.fullmatch(
        r"Jupyter: jupyterlab ([\d.]+|none), ipykernel [\d.]+; the kernel python3 is this Python",
        text,
    )


@pytest.mark.parametrize(
    "program, mark",
    [
        ("/opt/other/bin/python", NOTE),
        ("python", OK),
        (sys.executable, OK),
        (str(Path(sys.executable).with_name("python3")), OK),
    ],
)
def test_a_kernel_of_another_python(monkeypatch, program, mark):
    spec = namedtuple("Spec", "argv")([program, "-m", "ipykernel_launcher"])
    monkeypatch.setattr(
        "jupyter_client.kernelspec.KernelSpecManager.get_kernel_spec", lambda *_: spec
    )
    found, text, advice = lines(doctor.jupyter)[0]
    assert found == mark and bool(advice) == (mark == NOTE) == (
        "another Python, /opt/other/bin/python" in text
    )


@pytest.mark.parametrize(
    "gone, mark, words",
    [
        ("ipykernel", PROBLEM, "ipykernel is not installed"),
        ("jupyterlab", NOTE, "JupyterLab is not installed"),
        ("kernel", PROBLEM, "Jupyter has no kernel python3"),
    ],
)
def test_a_part_of_jupyter_is_missing(monkeypatch, gone, mark, words):
    from jupyter_client.kernelspec import NoSuchKernel

    def version(name, ask=metadata.version):
        if name == gone:
            raise metadata.PackageNotFoundError(name)
        return ask(name)

    def no_kernel(_, name):
        raise NoSuchKernel(name)

    monkeypatch.setattr(metadata, "version", version)
    if gone == "kernel":
        monkeypatch.setattr(
            "jupyter_client.kernelspec.KernelSpecManager.get_kernel_spec", no_kernel
        )
    found, text, advice = lines(doctor.jupyter)[-1]
    assert found == mark and text.startswith(words) and advice


HUB, ELSEWHERE = "git@github.com", "https://ada:secret@example.org/ada/cnn"


@pytest.mark.parametrize(
    "address, origin, mark, words, advice",
    [
        (doctor.PLACEHOLDER, None, NOTE, "no address yet", "coursekit repo OWNER/NAME"),
        (doctor.PLACEHOLDER, f"{HUB}:ada/cnn.git", NOTE, "no address yet", "coursekit repo"),
        ("ada/cnn", None, NOTE, "origin is not at GitHub or not set", "git remote add origin"),
        ("ada/cnn", ELSEWHERE, NOTE, "origin is not at GitHub", "git remote add origin"),
        ("ada/cnn", f"{HUB}:eve/cnn.git", NOTE, "is not that of git's origin", "coursekit repo"),
        ("ada/cnn", f"{HUB}:ada/cnn.git", OK, "is that of git's origin", ""),
    ],
)
def test_the_courses_address(monkeypatch, tmp_path, address, origin, mark, words, advice):
    (tmp_path / "pyproject.toml").write_text(
        f'[project.urls]\nRepository = "https://github.com/{address}"\n'
    )
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    if origin:
        subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", origin], check=True)
    monkeypatch.chdir(tmp_path)
    ((found, text, told),) = lines(doctor.repository)
    assert (
        found == mark and words in text and told.startswith(advice) and bool(told) == bool(advice)
    )
    assert ("OWNER" in told) == (origin is None or "example" in origin)
    assert not re.search("ada|eve|secret", text + told), "nobody is named"


def test_no_course_and_no_git(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    ((mark, text, _),) = lines(doctor.repository)
    assert mark == NOTE and text.endswith(
        "no pyproject.toml is here or above: run the command in the course's folder"
    )
    (tmp_path / "pyproject.toml").write_text(
        f'Repository = "https://github.com/{doctor.PLACEHOLDER}"\n'
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    ((mark, text, _),) = lines(doctor.repository)
    assert mark == NOTE and text.startswith("repository: git is not installed: install it")
    (tmp_path / "pyproject.toml").write_bytes(b"\xff")
    ((mark, text, _),) = lines(doctor.repository)
    assert mark == NOTE and text.startswith("repository: pyproject.toml is not text in UTF-8")


def test_every_check_is_explained():
    assert all(check.__doc__ for check in doctor.CHECKS)
    assert doctest.testmod(doctor) == (0, 1)
    assert Path(ck.__file__).parent == Path(doctor.__file__).parent.parent
