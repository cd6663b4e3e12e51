"""``coursekit release``: copies of the notebooks for students, made from the one source."""

import json
from pathlib import Path

from . import course, lint


def run(names: list[str], *, output: str, discussion: bool, outputs: bool, force: bool) -> int:
    """Write a student copy of each notebook that these names mean into the folder ``output``;
    returns 0.

    The same source gives the same bytes. ``discussion`` keeps the discussions below the answers,
    ``outputs`` what the cells gave in the source. A file that is there and would change is replaced
    only with ``force``, for it may be a student's work. Raises ``CommandError`` for names that mean
    nothing, a file that is no notebook, and a folder that cannot take the copies.
    """
    root = course.find_root()
    paths = course.find_notebooks(names, root)
    folder = Path(output)
    if folder.resolve() in {path.parent for path in paths}:
        raise course.CommandError(
            f"-o {folder} is the folder of the sources: choose another one for the copies"
        )
    copies = {}
    for path in paths:
        try:
            notebook = course.read_notebook(path)
        except course.NotANotebook as error:
            raise course.CommandError(
                f"{course.shown(path, root)} {error}: mend it first (coursekit lint)"
            ) from None
        target = folder / path.name
        if target in copies:
            raise course.CommandError(
                f"two notebooks are called {path.name}: release each into a folder of its own"
            )
        copies[target] = (
            json.dumps(
                student_copy(
                    notebook, _place(target, root), discussion=discussion, outputs=outputs
                ),
                indent=1,
                ensure_ascii=False,
            )
            + "\n"
        )
    try:
        there = [
            target
            for target in copies
            if target.exists() and target.read_bytes() != copies[target].encode()
        ]
        if there and not force:
            more = f", and {len(there) - 1} more" * (len(there) > 1)
            raise course.CommandError(
                f"{there[0]} is there already and differs{more}: choose an empty folder, or replace "
                "them with --force"
            )
        folder.mkdir(parents=True, exist_ok=True)
        for target, text in copies.items():
            course.write(target, text)
    except OSError as error:
        raise course.CommandError(
            f"{folder} cannot be written to ({error.strerror}): choose another one with -o"
        ) from None
    print(
        f"{len(copies)} notebook{'s' * (len(copies) != 1)} for students in {folder}, "
        f"{'with' if discussion else 'without'} discussions, {'with' if outputs else 'without'} outputs"
    )
    return 0


def student_copy(notebook: dict, place: str | None, *, discussion: bool, outputs: bool) -> dict:
    """The notebook's JSON as students get it.

    ``place`` is the copy's path in the repository, which its Colab badge opens; None takes the
    badge away, for it would open the source with its discussions.
    """
    cells = []
    for cell in notebook["cells"]:
        tags = cell.get("metadata", {}).get("tags", [])
        if "discussion" in tags and not discussion:
            continue
        cell = dict(cell)
        if cell["cell_type"] == "code" and not outputs:
            cell |= {"outputs": [], "execution_count": None}
        cells.append(cell)
    if cells:
        cells[0] = cells[0] | {
            "source": _with_badge("".join(cells[0]["source"]), place).splitlines(keepends=True)
        }
    return notebook | {"cells": cells}


def _with_badge(text: str, place: str | None) -> str:
    """The first cell's text, its badge leading to this place."""
    found = lint.BADGE.search(text)
    address = found and lint.COLAB.fullmatch(found[1])
    if not address:
        return text
    if place is None:
        return text[: found.start()] + text[found.end() :].lstrip("\n")
    return text[: found.start(1)] + found[1].removesuffix(address[1]) + place + text[found.end(1) :]


def _place(target: Path, root: Path) -> str | None:
    """The copy's path from the course's folder, where it lies in it; None elsewhere and below
    build/, which git ignores."""
    target = target.resolve()
    inside = target.is_relative_to(root) and target.relative_to(root).parts[0] != "build"
    return target.relative_to(root).as_posix() if inside else None
