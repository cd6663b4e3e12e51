"""``coursekit doctor``: what works on this machine, and what to do about the rest, on one screen.

A check is a generator that yields a ``Line`` for each thing that it has looked at. Whether packages
fit each other is left to pip, and more about torch to ``python -m torch.utils.collect_env``.
"""

import argparse
import contextlib
import getpass
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import textwrap
import time
import urllib.request
from collections.abc import Callable, Iterator
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path
from threading import Thread
from typing import NamedTuple
from urllib.parse import urlsplit

from .. import course
from ..engine import limits, settings, wheels
from ..engine.commands import output_of
from ..engine.console import say
from ..engine.files import NotText, check_writable
from ..engine.text import count
from . import installed, repo
from .installed import INSTALL, PACKAGES, TORCH

EXAMPLES = """\
example:
  coursekit doctor                         ok, note or PROBLEM for each thing, with what to do

The text names no user and no machine, and can be pasted into a bug report.
Exit code: 0 no problem, 1 a problem.
"""
OK, NOTE, PROBLEM = "ok", "note", "PROBLEM"
PLACEHOLDER = "YOUR-GITHUB-NAME/YOUR-COURSE"  # what pyproject.toml has until coursekit repo
LITTLE = 2e9  # bytes, of memory or disk
PATIENCE = 4  # seconds, for all of the network
PYPI, GITHUB = "https://pypi.org/simple", "https://github.com"
VARIABLES = ("COURSEKIT_SCALE", "COURSEKIT_DATA", "COURSEKIT_OFFLINE", "COURSEKIT_MIRROR")


class Line(NamedTuple):
    """One finding; ``advice`` says what to do, and counts where something is not in order."""

    mark: str
    text: str
    advice: str = ""

    def __str__(self) -> str:
        """As it is shown to everybody."""
        texts = [f"{self.mark:<8} {shareable(self.text)}"]
        if self.advice and self.mark != OK:
            texts.append(f"{'':<8} to do: {shareable(self.advice)}")
        wrap = textwrap.TextWrapper(120, break_long_words=False, break_on_hyphens=False)
        wrap.subsequent_indent = " " * 9
        return "\n".join(map(wrap.fill, texts))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command has no arguments."""


def main(_: argparse.Namespace) -> int:
    """Print lines that can be shown to everybody; returns 0, or 1 if there is a problem."""
    problems = 0
    for line in (line for check in CHECKS for line in _carefully(check)):
        problems += line.mark == PROBLEM
        say(line)
    solve = f"{count(problems, 'problem')} to solve, see above"
    say(Line(PROBLEM, solve) if problems else Line(OK, "nothing stands in the way"))
    return 1 if problems else 0


def _carefully(check: Callable[[], Iterator[Line]]) -> Iterator[Line]:
    """The lines of a check, whatever happens in it."""
    try:
        yield from check()
    except (Exception, SystemExit) as error:
        why = f"could not be looked at ({type(error).__name__}: {_first_line(error)})"
        missing = isinstance(error, ModuleNotFoundError)
        told = installed.advice(str(error), error.name) if missing else installed.UNKNOWN
        yield Line(PROBLEM, f"{check.__name__}: {why}", told)


def shareable(text: str) -> str:
    """The text for others: in paths ~ for home, NAME for user and machine; no secrets in addresses.

    >>> shareable("https://ada:secret@example.org/simple?token=1")
    'https://example.org/simple'
    """
    text = re.sub(r"(\w+://)(?:[^/\s@]*@)?([^\s?]*)(?:\?\S*)?", r"\1\2", text)
    machine, home = socket.gethostname(), os.path.expanduser("~")
    names = {machine, machine.split(".")[0]}
    # nobody may be logged in, which each Python tells in its own way
    with contextlib.suppress(Exception):
        names.add(getpass.getuser())
    for folder in {home, os.path.realpath(home)} - {"/"}:
        text = re.sub(rf"(?<![\w.-]){re.escape(folder)}(?![\w.-])", "~", text)
        names.add(Path(folder).name)
    known = "|".join(re.escape(name) for name in sorted(names - {"", "~"}, key=len, reverse=True))
    name = re.compile(rf"(?<![^\W_])(?:{known or '(?!)'})(?![^\W_])", re.IGNORECASE)
    return re.sub(r"(?<=[/\\])[^/\\\s]+", lambda part: name.sub("NAME", part[0]), text)


def ask_packages() -> tuple[list[str], dict[str, str]]:
    """What torch and torchvision say of themselves; why packages cannot be imported, by name."""
    printed, error = _python(installed.__file__)
    said = re.findall(r"^(now|found|failed): (.*)", printed, re.MULTILINE)
    failed = dict(text.split(": ", 1) for word, text in said if word == "failed")
    if error:
        failed[next((text for word, text in reversed(said) if word == "now"), "Python")] = error
    return [text for word, text in said if word == "found"], failed


# The checks


def python() -> Iterator[Line]:
    """Python and the system."""
    which = f"Python {platform.python_version()} (below, python is {sys.executable})"
    yield Line(OK, f"{which}; {platform.platform()}")


def package() -> Iterator[Line]:
    """Which coursekit this is."""
    place, version = Path(__file__).resolve().parents[1], _version("coursekit")
    text = f"coursekit {version or 'is not installed, but found'} in {place}"
    yield Line(OK if version else NOTE, text, f"{INSTALL} -e . in the course's folder")
    with contextlib.suppress(course.CommandError):
        here = course.find_root() / "coursekit"
        if here.is_dir() and here.resolve() != place:
            text = f"that is not the one of this folder, {here}"
            yield Line(NOTE, text, f"{INSTALL} -e . to use this one")


def imports() -> Iterator[Line]:
    """The packages of the course: what hides them, whether they can be imported; the GPU."""
    yield from _hidden()
    said, failed = ask_packages()
    for text in said:
        fine = text.startswith("torch")
        yield Line(OK if fine else NOTE, text, installed.advice(text))
    for name, error in failed.items():
        advice = installed.advice(error, name)
        if advice == TORCH:  # it is not there
            advice = wheels.cannot() or "; ".join(filter(None, (TORCH, wheels.may_not())))
        yield Line(PROBLEM, f"{name} cannot be used: {error}", advice)


def _hidden() -> Iterator[Line]:
    """Files that Python takes for a package of the same name, here and beside the notebooks."""
    places = set()
    with contextlib.suppress(FileNotFoundError):  # somebody has deleted it
        places.add(Path.cwd())
    with contextlib.suppress(course.CommandError, FileNotFoundError):
        places.add(course.find_root() / "notebooks")
    installed_in = [sysconfig.get_path(name) for name in ("purelib", "platlib")]
    own = sys.stdlib_module_names.difference(sys.builtin_module_names)
    for path in sorted(path for place in places for path in place.glob("*")):
        name = path.stem
        if name == "coursekit" or not (path.suffix == ".py" or (path / "__init__.py").exists()):
            continue
        needed = name in own or name in PACKAGES
        if needed or getattr(PathFinder.find_spec(name, installed_in), "origin", ""):
            text = f"{path} is taken for the package {name} by what starts in its folder"
            yield Line(PROBLEM if needed else NOTE, text, "rename it")


def packages() -> Iterator[Line]:
    """What coursekit requires, and what its commands require on top; what pip says of the rest."""
    from packaging.requirements import Requirement

    if not _version("coursekit"):  # which has been said already
        return
    wanted = [Requirement(text) for text in metadata.requires("coursekit") or ()]
    here = [f"{one.name} {version}" for one in wanted if (version := _version(one.name))]
    yield Line(OK, f"packages: {', '.join(here) or 'none is here'}")
    for one in wanted:
        if one.marker and not one.marker.evaluate({"extra": "classroom"}):
            continue  # for a cluster, or for another system
        version = _version(one.name)
        if not version or not one.specifier.contains(version, prereleases=True):
            text = f"{one.name} is {version or 'missing'}, and {one.specifier} is needed"
            mark, what = (NOTE, " for commands as coursekit run") if one.marker else (PROBLEM, "")
            yield Line(mark, f"{text}{what}", f'{INSTALL} "{one.name}{one.specifier}"')
    for line in _python("-m", "pip", "check")[0].splitlines():
        if not line.startswith(("coursekit ", "No broken requirements")):
            yield Line(NOTE, line, "where that package fails, install what it needs")


def machine() -> Iterator[Line]:
    """Processor and memory."""
    cores, (available, total) = limits.cores(), limits.memory()
    free = f"{available / 1e9:.1f} GB free of {total / 1e9:.1f}"
    mark = NOTE if available < LITTLE else OK
    cores = f"{cores:.1f} cores" if cores % 1 else count(int(cores), "core")
    advice = "close programs and notebooks"
    if total < 2 * LITTLE:
        advice = "look for more: some notebooks need it, also in a container or a job of a cluster"
    yield Line(mark, f"{cores}; memory: {free}", advice)


def data() -> Iterator[Line]:
    """The data folder, its disk, and the sets in it."""
    folder = settings.data_folder().absolute()
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    text, advice = f"data folder: {folder}", "if data sets should be there, correct COURSEKIT_DATA"
    if folder != nearest:
        text += " (not there yet)"
    mark = NOTE if folder != nearest and settings.variable("COURSEKIT_DATA") else OK
    try:
        check_writable(nearest)
    except OSError as error:  # without the network nothing has to be stored
        mark = NOTE if settings.offline() else PROBLEM
        text += f" (cannot be written to: {error.strerror})"
        advice = "make it writable, or correct COURSEKIT_DATA; COURSEKIT_OFFLINE=1 writes nothing"
    yield Line(mark, text, advice)
    from . import datasets

    have = datasets.here(folder)
    there = [name for name, words in have.items() if words == name]
    others = [words for name, words in have.items() if words != name]
    text = f"real data in it: {', '.join(there) or 'none'}; without a network, others are stand-ins"
    if others:
        text += f", but for {', '.join(others)}"
    yield Line(OK if there else NOTE, text, "coursekit data fetch, or let the notebooks do it")
    free = shutil.disk_usage(nearest).free
    text = f"disk of the data folder: {free / 1e9:.1f} GB free"
    yield Line(NOTE if free < LITTLE else OK, text, "make room: Oxford-IIIT Pet needs 2 GB")


def variables() -> Iterator[Line]:
    """What is set for the course, and whether it makes sense."""
    there = [f"{name}={os.environ[name]}" for name in VARIABLES if name in os.environ]
    there = [re.sub(r"(MIRROR=).*@", r"\1", text) for text in there]  # no password
    yield Line(OK, f"variables: {', '.join(there) or 'none is set'}")
    ours = {name for name in os.environ if name.startswith("COURSEKIT_")}
    if unknown := sorted(ours - {*VARIABLES}):
        text = f"variables that mean nothing: {', '.join(unknown)}"
        yield Line(NOTE, text, f"there are only {', '.join(VARIABLES)}")
    for look in (settings.asked_scale, settings.mirror):
        try:
            look()
        except ValueError as error:
            yield Line(PROBLEM, str(error), "set it again, or unset it")


def network() -> Iterator[Line]:
    """Whether what is downloaded from can be reached."""
    if settings.offline():
        yield Line(OK, "network: not tried, for COURSEKIT_OFFLINE forbids it")
        return
    places = {GITHUB: "GitHub"}
    if host := urlsplit(index := _index()).hostname:  # else it is a folder
        places = {index: f"the package index ({host})", **places}
    with contextlib.suppress(ValueError):  # which has been said already
        if mirror := settings.mirror():
            places[mirror] = f"the mirror ({urlsplit(mirror).hostname})"
    failures = dict.fromkeys(places, f"no answer within {PATIENCE} seconds")
    # a thread for each, for a name server that does not answer cannot be interrupted
    asking = [Thread(target=_ask, args=(place, failures), daemon=True) for place in places]
    end = time.monotonic() + PATIENCE
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(max(0, end - time.monotonic()))
    advice = "set COURSEKIT_OFFLINE=1 if it is meant so, else look at the connection and its proxy"
    for address, why in list(failures.items()):
        found = f"cannot be reached: {why}" if why else "can be reached"
        yield Line(NOTE if why else OK, f"network: {places[address]} {found}", advice)


def jupyter() -> Iterator[Line]:
    """JupyterLab, and whether its kernel is this Python."""
    kernel, lab = _version("ipykernel"), _version("jupyterlab")
    if not kernel:
        yield Line(PROBLEM, "ipykernel is not installed: no notebook runs", f"{INSTALL} jupyterlab")
        return
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    anew = "python -m ipykernel install --sys-prefix"
    try:
        program = Path(KernelSpecManager().get_kernel_spec("python3").argv[0])
    except NoSuchKernel:
        yield Line(PROBLEM, "Jupyter has no kernel python3: no notebook runs", anew)
        return
    # for a bare name Jupyter takes its own Python
    own = program.parent in (Path(), Path(sys.executable).parent)
    which = "this Python" if own else f"another Python, {program}"
    text = f"jupyterlab {lab or 'none'}, ipykernel {kernel}; the kernel python3 is {which}"
    yield Line(OK if own else NOTE, f"Jupyter: {text}", anew)
    if not lab:
        yield Line(NOTE, "JupyterLab is not installed; others will do", f"{INSTALL} jupyterlab")


def repository() -> Iterator[Line]:
    """Whether the course knows its own address, without telling it."""
    try:
        root = course.find_root()
        address, origin = course.address(root), repo.REMOTE.fullmatch(repo.origin(root))
    except (course.CommandError, NotText) as error:
        yield Line(NOTE, f"repository: {error}")
        return
    text, advice = "the course's address is that of git's origin", ""
    if address == PLACEHOLDER:
        text = "the course has no address yet, so its badges lead nowhere"
        advice = "coursekit repo" if origin else "coursekit repo OWNER/NAME"
    elif not origin:
        text = "the course has an address, but git's origin is not at GitHub or not set"
        advice = "git remote add origin, or coursekit repo OWNER/NAME"
    elif origin[1] != address:
        text = "the course's address is not that of git's origin"
        advice = "coursekit repo, if the origin is right"
    yield Line(NOTE if advice else OK, f"repository: {text}", advice)


CHECKS = (
    python,
    package,
    imports,
    packages,
    machine,
    data,
    variables,
    network,
    jupyter,
    repository,
)


def _version(package: str) -> str:
    """The version that is installed, empty where there is none."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(package)
    return ""


def _python(*words: str) -> tuple[str, str]:
    """What this Python prints when it is called with these words, and why it failed, else empty."""
    try:
        done = output_of([sys.executable, *words])
    except subprocess.TimeoutExpired as error:
        return os.fsdecode(error.stdout or ""), f"no answer within {error.timeout:.0f} seconds"
    except OSError as error:
        return "", _first_line(error)
    if done.returncode < 0:
        return done.stdout, f"it ends its process with {signal.Signals(-done.returncode).name}"
    code = f"it ends its process with code {done.returncode:#x}"
    last = (done.stderr.strip().splitlines() or [code])[-1]
    return done.stdout, last if done.returncode else ""


def _index() -> str:
    """The package index that pip is set to, without user and password."""
    said, _ = _python("-m", "pip", "config", "list")
    found = dict(re.findall(r"^(\S+)\.index-url='(.*)'$", said, re.MULTILINE))
    index = found.get(":env:") or found.get("install") or found.get("global") or PYPI
    return re.sub("//[^/@]*@", "//", index)


def _ask(address: str, failures: dict[str, str]) -> None:
    """Write down why an address cannot be reached; empty if it can."""
    from ..data.connections import certificates

    request = urllib.request.Request(address, method="HEAD")
    try:
        trusted = certificates() if address.startswith("https") else None
        urllib.request.urlopen(request, timeout=PATIENCE, context=trusted).close()
        failures[address] = ""
    except Exception as error:  # that it wants to know who asks is an answer, too
        answered = getattr(error, "code", 500) < 500
        failures[address] = "" if answered else _first_line(getattr(error, "reason", error))


def _first_line(text) -> str:
    return str(text).strip().partition("\n")[0] or "no reason given"
