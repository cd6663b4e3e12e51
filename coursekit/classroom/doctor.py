"""``coursekit doctor``: what works on this machine, and what to do about what does not, on one
screen for a bug report.

A check is a generator: it takes what torch says of itself, and yields a ``Line`` for each thing
that it has looked at. What needs torch is imported in the checks alone, for the doctor must work
where torch does not.
"""

import contextlib
import getpass
import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

from . import course, repo

OK, NOTE, PROBLEM = "ok", "note", "PROBLEM"
PLACEHOLDER = "YOUR-GITHUB-NAME/YOUR-COURSE"  # what pyproject.toml has until coursekit repo
INSTALL = "python -m pip install"
LITTLE = 2e9  # bytes, of memory or disk
PATIENCE = 4  # seconds, for all of the network
PYPI, GITHUB = "https://pypi.org/simple", "https://github.com"

# In a process of its own, for a torch that does not fit the machine may end the process that
# imports it.
IMPORT = """
import json, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import torch
    seen = range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
    gpus = [torch.cuda.get_device_properties(i) for i in seen]
said = [str(warning.message) for warning in caught if "CUDA" in str(warning.message)]
print("found", json.dumps({"torch": torch.__version__, "cuda": torch.version.cuda, "warnings": said,
                           "gpus": [f"{gpu.name}, {gpu.total_memory / 2**30:.0f} GiB" for gpu in gpus]}), flush=True)
import torchvision
print("found", json.dumps({"torchvision": torchvision.__version__}), flush=True)
"""


@dataclass(frozen=True)
class Line:
    """One finding, and what to do where something is not in order."""

    mark: str
    text: str
    advice: str = ""

    def __str__(self) -> str:
        """As it is shown to everybody."""
        texts = [f"{self.mark:<8} {shareable(self.text)}"]
        texts += [f"{'':<8} to do: {shareable(self.advice)}"] * bool(self.advice)
        return "\n".join(
            textwrap.fill(
                text, 120, subsequent_indent=" " * 9, break_long_words=False, break_on_hyphens=False
            )
            for text in texts
        )


@dataclass(frozen=True)
class Torch:
    """What torch and torchvision say of themselves; a version is empty where the import fails, and
    ``error`` says why."""

    torch: str = ""
    torchvision: str = ""
    cuda: str | None = None
    gpus: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error: str = ""


def run() -> int:
    """Print what there is to say of this machine, a line for each thing; returns 0, or 1 if there
    is a problem.

    The text can be shown to everybody, see ``shareable``.
    """
    found, problems = ask_torch(), 0
    for check in CHECKS:
        for line in _carefully(check, found):
            problems += line.mark == PROBLEM
            _print(line)
    _print(
        Line(PROBLEM, f"{problems} problem{'s' * (problems != 1)} to solve, see above")
        if problems
        else Line(OK, "nothing stands in the way")
    )
    return 1 if problems else 0


def _carefully(check: Callable, found: Torch) -> Iterator[Line]:
    """The lines of a check, whatever happens in it."""
    try:
        yield from check(found)
    except (Exception, SystemExit) as error:
        yield Line(
            PROBLEM,
            f"{check.__name__}: could not be looked at ({type(error).__name__}: {_first_line(error)})",
            "report it, with all of this screen",
        )


def _print(line: Line) -> None:
    encoding = sys.stdout.encoding or "ascii"  # that of an old terminal may lack letters
    print(str(line).encode(encoding, "backslashreplace").decode(encoding), flush=True)


def shareable(text: str) -> str:
    """The text for others: the home folder is ~, user and machine are NAME in paths, no secrets in
    addresses.

    >>> shareable("https://ada:secret@example.org/simple?token=1")
    'https://example.org/simple'
    """
    text = re.sub(r"(\w+://)[^/\s@]*@", r"\1", text)
    text = re.sub(r"(\w+://[^\s?]*)\?\S*", r"\1", text)
    home, names = (
        os.path.expanduser("~"),
        {socket.gethostname(), socket.gethostname().split(".")[0]},
    )
    with contextlib.suppress(
        Exception
    ):  # nobody may be logged in, which each Python tells in its own way
        names.add(getpass.getuser())
    for folder in {home, os.path.realpath(home)}:
        if len(folder) > 1:
            text = re.sub(rf"(?<![\w.-]){re.escape(folder)}(?![\w.-])", "~", text)
            names.add(Path(folder).name)
    for name in sorted(names - {"", "~"}, key=len, reverse=True):
        word = re.compile(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", re.IGNORECASE)
        text = re.sub(
            r"(?<=[/\\])[^/\\\s]+", lambda part, word=word: word.sub("NAME", part[0]), text
        )
    return text


def ask_torch() -> Torch:
    """Import torch and torchvision, and look for a GPU, where it can do no harm."""
    try:
        asked = subprocess.run(
            [sys.executable, "-c", IMPORT],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=120,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Torch(error=_first_line(error))
    said = {}
    for line in asked.stdout.splitlines():
        if line.startswith("found {"):
            with contextlib.suppress(ValueError):  # it may be broken in any way
                said |= json.loads(line.removeprefix("found "))
    error = (
        (asked.stderr.strip().splitlines() or ["it gives no reason"])[-1]
        if asked.returncode
        else ""
    )
    if asked.returncode < 0:
        error = f"it ends its process with {signal.Signals(-asked.returncode).name}"
    return Torch(**said, error=error)


# The checks


def python(_: Torch) -> Iterator[Line]:
    """Python and the system."""
    system = f"{platform.system()} {platform.release()} on {platform.machine()}"
    with contextlib.suppress(OSError):
        system = f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {system}"
    yield Line(OK, f"Python {platform.python_version()} in {sys.prefix}; {system}")


def package(_: Torch) -> Iterator[Line]:
    """Which coursekit this is."""
    place = Path(__file__).resolve().parent.parent
    try:
        yield Line(OK, f"coursekit {metadata.version('coursekit')} in {place}")
    except metadata.PackageNotFoundError:
        yield Line(
            NOTE,
            f"coursekit is not installed, but found in {place}",
            f"{INSTALL} -e . in the course's folder",
        )
    with contextlib.suppress(course.CommandError):
        other = course.find_root() / "coursekit"
        if other.is_dir() and other.resolve() != place:
            yield Line(
                NOTE,
                f"that is not the one of this folder, {other}",
                f"{INSTALL} -e . to use this one",
            )


def torch(found: Torch) -> Iterator[Line]:
    """torch, torchvision and the GPU."""
    again = f"{INSTALL} --force-reinstall torch torchvision (both from the same place)"
    if not found.torch:
        yield Line(PROBLEM, f"torch cannot be imported: {found.error}", again)
        return
    built = f"built for CUDA {found.cuda}" if found.cuda else "built for the CPU only"
    where = (
        "GPU: " + "; ".join(found.gpus) if found.gpus else "no GPU is seen, so it runs on the CPU"
    )
    yield Line(OK, f"torch {found.torch}, {built}; {where}")
    for warning in found.warnings:
        yield Line(
            NOTE,
            f"torch warns: {_first_line(warning)[:150]}",
            "update the GPU's driver, or go on without the GPU",
        )
    if found.torchvision:
        yield Line(OK, f"torchvision {found.torchvision}")
    else:
        yield Line(PROBLEM, f"torchvision cannot be imported: {found.error}", again)


def packages(_: Torch) -> Iterator[Line]:
    """The packages that coursekit requires, and those that its commands require on top."""
    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(text) for text in metadata.requires("coursekit") or ()]
    except metadata.PackageNotFoundError:
        yield Line(
            NOTE, "packages: not looked at, for only an installed coursekit tells which it needs"
        )
        return
    here, lacking = [], {"": [], "classroom": []}
    for one in wanted:
        extra = next(
            (extra for extra in lacking if not one.marker or one.marker.evaluate({"extra": extra})),
            None,
        )
        if extra is None:
            continue  # for a cluster, or for another system
        try:
            version = metadata.version(one.name)
        except metadata.PackageNotFoundError:
            lacking[extra].append((one, "missing"))
            continue
        if one.specifier.contains(version, prereleases=True):
            here.append(f"{one.name} {version}")
        else:
            lacking[extra].append((one, version))
    yield Line(OK, f"packages: {', '.join(here) or 'none is here'}")
    for extra, mark in (("", PROBLEM), ("classroom", NOTE)):
        if lacking[extra]:
            for_what = ", for commands as coursekit run" * bool(extra)
            yield Line(
                mark,
                f"packages missing or too old{for_what}: "
                + ", ".join(
                    f"{one.name} ({version}, needed {one.specifier})"
                    for one, version in lacking[extra]
                ),
                f"{INSTALL} "
                + " ".join(f'"{one.name}{one.specifier}"' for one, _ in lacking[extra]),
            )


def machine(_: Torch) -> Iterator[Line]:
    """Processor and memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        from psutil import virtual_memory
    except ImportError:
        yield Line(OK, f"{cores} cores; memory not looked at, for psutil is not installed")
        return
    memory = virtual_memory()
    text = (
        f"{cores} cores; memory: {memory.available / 1e9:.1f} GB free of {memory.total / 1e9:.1f}"
    )
    if memory.available < LITTLE:
        yield Line(NOTE, text, "close other programs and shut down notebooks that are not needed")
    else:
        yield Line(OK, text)


def data(found: Torch) -> Iterator[Line]:
    """The data folder, its disk, and the sets in it."""
    if not found.torchvision:
        yield Line(
            NOTE,
            "data folder: not looked at, for coursekit needs torch and torchvision to say where it is",
        )
        return
    from .. import lab
    from . import datasets

    folder = lab.data_folder().absolute()
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not nearest.is_dir():
        yield Line(
            PROBLEM, f"data folder: {nearest} is a file", "name a folder with COURSEKIT_DATA"
        )
        return
    writable = True
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError:
        writable = False
    text = (
        f"data folder: {folder}"
        + " (not there yet)" * (folder != nearest)
        + " (cannot be written to)" * (not writable)
    )
    if not writable:  # without the network nothing has to be stored
        yield Line(
            NOTE if _offline() else PROBLEM,
            text,
            "make it writable or name another one with COURSEKIT_DATA; if all "
            "that is needed lies there, set COURSEKIT_OFFLINE=1",
        )
    elif folder != nearest and os.environ.get("COURSEKIT_DATA"):
        yield Line(NOTE, text, "if data sets should be there, correct COURSEKIT_DATA")
    else:
        yield Line(OK, text)
    have = datasets.here(folder)
    lacking = [name for name in datasets.known_sets() if name not in have]
    text = (
        f"real data: {', '.join(have) or 'none'}"
        + f"; stand-ins for {', '.join(lacking)}" * bool(lacking)
    )
    yield (
        Line(OK, text)
        if have
        else Line(NOTE, text, "coursekit data fetch, or let the notebooks download what they need")
    )
    free = shutil.disk_usage(nearest).free
    text = f"disk of the data folder: {free / 1e9:.1f} GB free"
    if free < LITTLE:
        yield Line(NOTE, text, "make room: CIFAR-10 needs 0.2 GB, Oxford-IIIT Pet 2 GB")
    else:
        yield Line(OK, text)


def variables(found: Torch) -> Iterator[Line]:
    """What is set for the course, and whether it makes sense."""
    known = ("COURSEKIT_SCALE", "COURSEKIT_DATA", "COURSEKIT_OFFLINE")
    there = [f"{name}={os.environ[name]}" for name in known if name in os.environ]
    yield Line(OK, f"variables: {', '.join(there) or 'none is set'}")
    if unknown := sorted(
        name for name in os.environ if name.startswith("COURSEKIT_") and name not in known
    ):
        yield Line(
            NOTE,
            f"variables that mean nothing: {', '.join(unknown)}",
            f"there are only {', '.join(known)}",
        )
    if found.torchvision:
        from .. import lab

        try:
            lab.default_scale()
        except ValueError as error:
            yield Line(PROBLEM, str(error), "set it again, or unset COURSEKIT_SCALE")


def network(_: Torch) -> Iterator[Line]:
    """Whether what is downloaded from can be reached."""
    if _offline():
        yield Line(OK, "network: not tried, for COURSEKIT_OFFLINE forbids it")
        return
    index = _index()
    places = {
        f"the package index ({urlsplit(index).hostname or 'a folder'})": index,
        "GitHub": GITHUB,
    }
    failures = _failures(list(places.values()))
    reached = [place for place, address in places.items() if address not in failures]
    if reached:
        yield Line(OK, f"network: {' and '.join(reached)} can be reached")
    for place, address in places.items():
        if address in failures:
            yield Line(
                NOTE,
                f"network: {place} cannot be reached: {failures[address]}",
                "if that is meant to be so, set COURSEKIT_OFFLINE=1; else look at the connection and its proxy",
            )


def jupyter(_: Torch) -> Iterator[Line]:
    """JupyterLab, and whether its kernel is this Python."""
    versions = {}
    for name in ("jupyterlab", "ipykernel"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    if "ipykernel" not in versions:
        yield Line(
            PROBLEM,
            "ipykernel is not installed, so no notebook can run",
            f"{INSTALL} jupyterlab ipykernel",
        )
        return
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    anew = "python -m ipykernel install --sys-prefix"
    try:
        program = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        yield Line(PROBLEM, "Jupyter has no kernel python3, so no notebook can run", anew)
        return
    installed = ", ".join(f"{name} {version}" for name, version in versions.items())
    bare = Path(program).name == program  # Jupyter takes its own Python for it
    if bare or Path(program).parent == Path(sys.executable).parent:
        yield Line(OK, f"Jupyter: {installed}; the kernel python3 is this Python")
    else:
        yield Line(
            NOTE, f"Jupyter: {installed}; the kernel python3 is another Python, {program}", anew
        )
    if "jupyterlab" not in versions:
        yield Line(
            NOTE,
            "JupyterLab is not installed; other programs open notebooks too",
            f"{INSTALL} jupyterlab",
        )


def repository(_: Torch) -> Iterator[Line]:
    """Whether the course knows its own address, without telling it."""
    try:
        address = course.address(root := course.find_root())
    except course.CommandError as error:
        yield Line(NOTE, f"repository: {error}")
        return
    try:
        asked = subprocess.run(
            ["git", "-C", root, "remote", "get-url", "origin"],
            capture_output=True,
            text=True,
            timeout=10,
        )
        origin = repo.REMOTE.fullmatch(asked.stdout.strip())
    except FileNotFoundError:
        yield Line(
            NOTE, "repository: git is not installed", "install it to keep the course's history"
        )
        return
    if address == PLACEHOLDER:
        yield Line(
            NOTE,
            "repository: the course has no address yet, only a placeholder, so that its Colab badges lead nowhere",
            "coursekit repo" + " OWNER/NAME" * (origin is None),
        )
    elif origin is None:
        yield Line(
            NOTE,
            "repository: the course has an address, but git's origin is not at GitHub or not set",
            "git remote add origin, or coursekit repo OWNER/NAME",
        )
    elif origin[1] != address:
        yield Line(
            NOTE,
            "repository: the course's address is not that of git's origin",
            "coursekit repo, if the origin is right",
        )
    else:
        yield Line(OK, "repository: the course's address is that of git's origin")


CHECKS = (python, package, torch, packages, machine, data, variables, network, jupyter, repository)


def _offline() -> bool:
    """As coursekit.lab.offline, which cannot be asked where torch is broken."""
    return os.environ.get("COURSEKIT_OFFLINE", "").lower() not in ("", "0", "no", "false")


def _index() -> str:
    """The package index that pip is set to, without user and password."""
    said = ""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        said = subprocess.run(
            [sys.executable, "-m", "pip", "config", "list"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=10,
        ).stdout
    for section in (":env:", "install", "global"):  # the first one counts
        if found := re.search(rf"^{section}\.index-url='(.*)'$", said, re.MULTILINE):
            return re.sub("//[^/@]*@", "//", found[1])
    return PYPI


def _failures(addresses: list[str]) -> dict[str, str]:
    """Why which of these addresses cannot be reached; all are tried at once.

    Each in a thread of its own, for a name server that does not answer cannot be interrupted.
    """
    reasons = dict.fromkeys(addresses, f"no answer within {PATIENCE} seconds")

    def ask(address: str) -> None:
        try:
            urllib.request.urlopen(
                urllib.request.Request(address, method="HEAD"), timeout=PATIENCE
            ).close()
            reasons[address] = ""
        except urllib.error.HTTPError as error:  # that it wants to know who asks is an answer, too
            reasons[address] = f"HTTP {error.code}" if error.code >= 500 else ""
            error.close()
        except Exception as error:  # whatever it is, the address was not reached
            reasons[address] = _first_line(getattr(error, "reason", error))

    threads = [threading.Thread(target=ask, args=(address,), daemon=True) for address in addresses]
    end = time.monotonic() + PATIENCE
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))
    return {address: reason for address, reason in list(reasons.items()) if reason}


def _first_line(text) -> str:
    return (str(text).strip().splitlines() or ["no reason given"])[0]
