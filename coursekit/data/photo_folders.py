"""Folders of photos as people have them: which class a photo belongs to, by name or by folder."""

import re
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from ..engine.text import from_here
from .download import DataError
from .photo_files import no_photo, shortened, visible


def sorted_out(
    folder: Path, classes: Sequence[str] | None
) -> tuple[dict[str, tuple[Path, int]], dict[str, str]]:
    """File and label of each photo to read, and every other name with the reason, in natural order.
    A photo in a folder of its class is called ``"Cat/0.jpg"``. Raises ``DataError`` when there is
    no such folder."""
    if classes is None:
        why = "the name is no number"
    elif len(classes) == 2:
        why = f"the name begins with neither {classes[0]} nor {classes[1]}"
    else:
        why = f"the name begins with none of {', '.join(classes)}"
    labels, left_out = {}, {}

    def sort(path: Path, name: str, label: int | None, why: str) -> None:
        reason = no_photo(path) or ("a folder" if path.is_dir() else why if label is None else "")
        if reason:
            left_out[name] = reason
        else:
            labels[name] = path, label

    for path in visible(folder):
        own = _class_of(path.name, classes) if path.is_dir() else None
        if own is None:
            sort(path, path.name, _label(path.name, classes), why)
        else:
            for inner in visible(path):
                label = own if _label(inner.name, classes) in (None, own) else None
                why_not = "its name says another class than its folder"
                sort(inner, f"{path.name}/{inner.name}", label, why_not)
    return labels, left_out


def _class_of(folder: str, classes: Sequence[str] | None) -> int | None:
    """The class whose name, or whose plural, a folder bears ("dogs-vs-cats" is neither)."""
    name = _plain(folder)
    fitting = [
        k for k, word in enumerate(classes or ()) if name in (_plain(word), _plain(word) + "s")
    ]
    return min(fitting, key=lambda k: _plain(classes[k]) != name, default=None)


def _label(name: str, classes: Sequence[str] | None) -> int | None:
    """The class with which a name begins ("catalogue.jpg" is no cat, for the word goes on)."""
    if classes is None:
        return 0 if re.fullmatch("[0-9]+", Path(name).stem) else None
    words = [rf"{re.escape(_plain(word))}(?![^\W\d_])" for word in classes]
    fitting = [k for k, word in enumerate(words) if re.match(word, _plain(name))]
    return max(fitting, key=lambda k: len(classes[k]), default=None)


def _plain(name: str) -> str:
    """Without regard to capitals, and to how a Mac writes an é: as e and an accent."""
    return unicodedata.normalize("NFC", name).casefold()


def instead_of(folder: Path, classes: Sequence[str] | None) -> str:
    """What to do where a folder has no photo that can be used: where there are some nearby."""

    def holds_photos(place: Path) -> bool:
        with suppress(DataError):  # it cannot be read
            return bool(sorted_out(place, classes)[0])
        return False

    folder = folder.resolve()
    if _class_of(folder.name, classes) is not None and holds_photos(folder.parent):
        return f"this is the folder of one class: name {from_here(folder.parent)} above it"
    layer = [folder]
    for _ in range(3):
        layer = [path for place in layer[:50] for path in place.glob("[!.]*") if path.is_dir()]
        if found := sorted(filter(holds_photos, layer)):
            others = f" (and {len(found) - 1:,} more do)" if len(found) > 1 else ""
            here = from_here(folder)
            return f"{from_here(found[0])} holds photos{others}: name it, or move them to {here}"
    return "name the folder that holds the photos"


def about_numbers(names: Sequence[str]) -> list[str]:
    """What is wrong with the numbers of a test folder: gaps, and numbers that two files bear."""
    bearers, remarks = {}, []
    for name in names:
        bearers.setdefault(int(Path(name).stem), []).append(name)
    last = max(bearers, default=-1)
    if missing := last + 1 - len(bearers):
        gaps = list(islice((str(n) for n in range(last) if n not in bearers), 4))
        remarks.append(f"missing of the numbers 0 … {last}: {missing:,} ({shortened(gaps)})")
    if double := [" = ".join(group) for group in bearers.values() if len(group) > 1]:
        remarks.append(f"numbers of more than one photo: {len(double):,} ({shortened(double)})")
    return remarks
