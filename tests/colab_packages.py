"""What of Colab's list of packages the course uses: ``python tests/colab_packages.py LIST FOLDER``
writes versions.txt (all of them, for ``pip -c``) and packages.txt (for ``pip -r``) into the folder.
"""

import re
import sys
from pathlib import Path

# What a notebook runs in there, beside what coursekit needs.
KERNEL = ("ipykernel", "ipython", "ipywidgets", "nbclient", "requests")
# NAME==VERSION or NAME @ https://…/NAME-VERSION-….whl, with or without a build as +cu126
LINE = re.compile(r"([\w.-]+)(?:==| @ https://\S*/[^/\s-]+-)(\d[\w.]*)(?:\+|%2B|-|\s|$)")


def versions(freeze: str) -> dict[str, str]:
    """The version of each package by the one form of its name (PEP 503): ``jupyter-client`` for
    ``Jupyter_Client``. What is not from a registry or an address of wheels is left out, and
    nvidia's libraries, of which torch wants other versions than Colab has."""
    found = (LINE.match(line) for line in freeze.splitlines() if not line.startswith("nvidia-"))
    return {normal(one[1]): one[2] for one in found if one}


def normal(name: str) -> str:
    """The one form of a package's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(pyproject: str) -> list[str]:
    """The names of what coursekit needs."""
    listed = re.search(r"(?s)\ndependencies = \[(.*?)\n\]", pyproject)[1]
    return [normal(name) for name in re.findall(r'"([\w.-]+)', listed)]


if __name__ == "__main__":
    there, folder = versions(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[2])
    pyproject = Path(__file__).parents[1].joinpath("pyproject.toml").read_text(encoding="utf-8")
    names = [name for name in (*needed(pyproject), *KERNEL) if name in there]
    lines = [f"{name}=={version}\n" for name, version in there.items()]
    folder.joinpath("versions.txt").write_text("".join(lines), encoding="utf-8")
    folder.joinpath("packages.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
