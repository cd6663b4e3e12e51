"""The one way to call another program and read what it prints."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path


def output_of(command: Sequence[str | Path], timeout: float = 120) -> subprocess.CompletedProcess:
    """Call a program to its end; ``stdout`` and ``stderr`` are texts, whatever their bytes.

    A Python that is called prints in UTF-8, as git does; other bytes are kept as surrogates.
    Raises ``OSError`` where the program is not there, ``subprocess.TimeoutExpired``.
    """
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=timeout,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )


def git(root: Path, *words: str) -> str:
    """What git says of a folder, empty where it says nothing or is not a repository.

    Raises ``OSError`` where there is no git.
    """
    done = output_of(["git", "-C", root, *words], timeout=10)
    return "" if done.returncode else done.stdout.strip()
