"""``coursekit data``: which data sets are here, how to get them, whether they are whole, and how to
hand them on."""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from .. import data, denoising, download, hyperspectral, lab, pictures, retrieval, sources
from . import course

LISTING = "SHA256SUMS"  # as download.listed_hash reads it
PUBLISHED = "publisher's files"
PHOTOS = "folder of photos"
NOT_KNOWN = "not known"
CALL = re.compile(r"""\bload\w*\(\s*["'](\w+)["']""")  # load("mnist"), ck.load_scene("salinas", …)
STANDIN = sources.source_of_standin("", "").removesuffix(
    ")"
)  # what the source of every stand-in has


@dataclass(frozen=True, eq=False)
class DataSet:
    """A data set as the commands see it, of whatever family.

    ``files`` are the publisher's. ``load`` gives the set through the course's own loader, and
    ``arrays`` makes of that what a prepared file holds; None where nothing but the files keeps all
    there is. ``prepared`` and ``photos`` say whether the loader takes a prepared file ``NAME.npz``
    and a folder of photos ``NAME/``.
    """

    name: str
    title: str
    licence: str
    files: Sequence[sources.File]
    load: Callable[[], object]
    arrays: Callable[..., dict[str, object]] | None
    prepared: bool = True
    photos: bool = False

    def owns(self, path: str) -> bool:
        """Whether a file of this path, from the data folder, is one of the set's."""
        return (
            self.prepared
            and path == f"{self.name}.npz"
            or self.photos
            and path.startswith(f"{self.name}/")
            or any(path == file.path for file in self.files)
        )


@dataclass(frozen=True)
class Form:
    """What a folder has of a set in one form: a prepared file, photos, or the publisher's files,
    all of them or a part."""

    words: str
    paths: list[Path]
    whole: bool = True


def known_sets() -> dict[str, DataSet]:
    """Every data set of the course by its name. A new family is a new entry in this list."""
    families = [
        # the size of photos is chosen when they are loaded, so that a prepared file would be too
        # small for some notebook
        [
            DataSet(
                name,
                known.published,
                known.licence,
                known.files,
                partial(data.load, name, device="cpu"),
                None if known.size else _arrays_of_images,
                photos=known.size is not None,
            )
            for name, known in data.KNOWN.items()
        ],
        [
            DataSet(
                name,
                known.title,
                known.licence,
                known.files,
                partial(hyperspectral.load_scene, name),
                _arrays_of_scene,
            )
            for name, known in hyperspectral.KNOWN.items()
        ],
        [
            DataSet(
                name,
                known.title,
                known.licence,
                denoising.files(name),
                partial(denoising.load_grey, name, device="cpu"),
                None,
                prepared=False,
            )
            for name, known in denoising.KNOWN.items()
        ],
        [
            DataSet(
                name,
                known.title,
                known.licence,
                known.files,
                partial(retrieval.load_pairs, name, device="cpu"),
                _arrays_of_pairs,
            )
            for name, known in retrieval.KNOWN.items()
        ],
    ]
    return {one.name: one for family in families for one in family}


def _arrays_of_images(parts: tuple[data.Images, data.Images]) -> dict[str, object]:
    arrays = {}
    for name, part in zip(("train", "test"), parts):
        pixels = part.pixels()
        arrays[f"{name}_images"] = np.ascontiguousarray(
            pixels[..., 0] if pixels.shape[-1] == 1 else pixels
        )
        arrays[f"{name}_labels"] = part.labels.numpy()
    return arrays | {"classes": np.array(parts[0].classes), "source": parts[0].source}


def _arrays_of_scene(scene: hyperspectral.Scene) -> dict[str, object]:
    arrays = {
        "cube": scene.cube,
        "labels": scene.labels,
        "classes": np.array(scene.classes),
        "source": scene.source,
    }
    return arrays if scene.wavelengths is None else arrays | {"wavelengths": scene.wavelengths}


def _arrays_of_pairs(parts: tuple[retrieval.Pairs, retrieval.Pairs]) -> dict[str, object]:
    arrays = {
        f"{name}_{kind}": getattr(part, kind).numpy()
        for name, part in zip(("train", "test"), parts)
        for kind in ("image", "text", "labels")
    }
    return arrays | {"classes": np.array(parts[0].classes), "source": parts[0].source}


def here(folder: Path) -> list[str]:
    """The names of the sets that a data folder has, in one form or another."""
    return [
        name
        for name, one in known_sets().items()
        if any(form.whole for form in _forms(one, folder))
    ]


def list_sets(names: list[str]) -> int:
    """Print a table of these data sets, or of all: what the data folder has of each, and what is
    known of it; returns 0.

    Raises ``CommandError`` for the name of no set.
    """
    folder = lab.data_folder()
    listed, weeks = _listed(folder), _weeks()
    rows = [("name", "in the data folder", "size", "hash", "weeks", "licence")]
    for one in _chosen(names):
        forms = _forms(one, folder)
        paths = [path for form in forms for path in form.paths]
        which = [_below(folder, path) for path in paths] or [file.path for file in one.files]
        kinds = dict.fromkeys(_known_hash(one, path, listed)[1] for path in which)
        rows.append(
            (
                one.name,
                ", ".join(form.words for form in forms) or "nothing: a stand-in",
                _size(paths) if paths else "",
                ", ".join(kinds) or NOT_KNOWN,
                weeks.get(one.name, ""),
                _licence(one, forms[0] if forms else None),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print(
            "  ".join(
                text.rjust(width) if i == 2 else text.ljust(width)
                for i, (text, width) in enumerate(zip(row, widths))
            ).rstrip()
        )
    print(f"The data folder is {_shown(folder)}.")
    return 0


def fetch(names: list[str]) -> int:
    """Download what is missing of these data sets, or of all; returns 0, or 1 if one of them could
    not be had.

    Raises ``CommandError`` for the name of no set, and where ``COURSEKIT_OFFLINE`` forbids the
    network.
    """
    chosen, folder, failed = _chosen(names), lab.data_folder(), []
    if lab.offline():
        raise course.CommandError(
            "COURSEKIT_OFFLINE forbids the network: unset it, or bring the sets along from a computer "
            "that has them (coursekit data pack)"
        )
    for one in chosen:
        forms = _forms(one, folder)
        if whole := [form.words for form in forms if form.whole]:
            print(f"{one.name}: is here already ({whole[0]})")
        elif not one.files:
            print(
                f"{one.name}: cannot be downloaded, for nobody knows the hash of the publisher's files: put a prepared file "
                f"{one.name}.npz into {_shown(folder)}"
            )
            failed += [one.name] * (one.name in names)  # without names, what can be had is meant
        else:
            missing = [file for file in one.files if not (folder / file.path).exists()]
            print(
                f"{one.name}: downloading {_count(len(missing))} from {urlsplit(missing[0].addresses[0]).hostname}",
                flush=True,
            )
            try:
                sources.obtain(one.files, one.title)
            except (sources.NotHere, download.DataError, OSError) as error:
                print(f"{one.name}: FAILED, {error}", flush=True)
                failed.append(one.name)
            else:
                paths = [folder / file.path for file in missing]
                print(
                    f"{one.name}: {_count(len(paths))}, {_size(paths)}, now in {_shown(paths[0].parent)}",
                    flush=True,
                )
    if failed:
        print(
            f"not to be had: {', '.join(failed)}; the notebooks take stand-ins for them, and say so"
        )
    return 1 if failed else 0


def verify(names: list[str]) -> int:
    """Compare every file of these data sets, or of all, with its known hash; returns 0, or 1 if one
    is damaged.

    Damaged is also a file that cannot be read, and one that SHA256SUMS lists but that is gone.
    Raises ``CommandError`` for the name of no set.
    """
    folder, damaged = lab.data_folder(), 0
    listed = _listed(folder)
    for one in _chosen(names):
        forms = _forms(one, folder)
        paths = [_below(folder, path) for form in forms for path in form.paths]
        faults = [
            (path, "is gone, but SHA256SUMS lists it")
            for path in listed
            if one.owns(path) and path not in paths
        ]
        right = unknown = 0
        for path in paths:
            known, _ = _known_hash(one, path, listed)
            if not known:
                unknown += 1
            elif fault := _fault(folder / path, known):
                faults.append((path, fault))
            else:
                right += 1
        for path, fault in faults:
            print(
                f"{one.name}: DAMAGED, {pictures.printable(path)} {fault}: move away what is there of it, then fetch or "
                "prepare it again",
                flush=True,
            )
        found = [f"ok, {_count(right)}"] * bool(right) + [
            f"no hash known, {_count(unknown)}"
        ] * bool(unknown)
        if not any(form.whole for form in forms):
            found.append(f"missing (only {forms[0].words} here)" if forms else "missing")
        if found:
            print(f"{one.name}: {'; '.join(found)}", flush=True)
        damaged += len(faults)
    print(f"{_count(damaged)} damaged" if damaged else "nothing is damaged")
    return 1 if damaged else 0


def pack(names: list[str], output: str, force: bool) -> int:
    """Make a data folder for a room without network of what is here of these data sets, or of all.

    Returns 0, or 1 if a set that was named is not here, if one is damaged, or if there is none at
    all. Packed is what the loader takes: a prepared file and photos as they are, the publisher's
    files as a prepared file where one can hold them. Every set appears whole or not at all, with
    its hashes in SHA256SUMS, and the same data give the same bytes.

    Raises ``CommandError`` for the name of no set, and for a folder that cannot take the sets or
    has some of them already; ``force`` replaces these.
    """
    folder, target = lab.data_folder(), Path(output)
    if target.resolve() == folder.resolve():
        raise course.CommandError(
            f"-o {output} is the data folder itself: choose another one for the copies"
        )
    plans, packed, failed = {}, [], []
    for one in _chosen(names):
        form = next((form for form in _forms(one, folder) if form.whole), None)
        if form:
            plans[one] = form, _plan(one, form, folder)
        else:
            print(f"{one.name}: left out, for it is not in {_shown(folder)} (coursekit data fetch)")
            failed += [one.name] * (one.name in names)  # without names, what is here is meant
    for one, (_, plan) in plans.items():
        _check_free(one, plan, target, force)
    for one, (form, plan) in plans.items():
        try:
            loaded = _load(one)
        except (download.DataError, OSError) as error:
            print(f"{one.name}: FAILED, {error}", flush=True)
            failed.append(one.name)
            continue
        try:
            paths = _pack_one(one, loaded, plan, target)
        except OSError as error:
            raise course.CommandError(
                f"{_shown(target)} cannot take {one.name} ({error.strerror or error}): choose another "
                "folder, or make room; what is in it already is whole"
            ) from error
        what = (
            paths[0].name
            if len(paths) == 1
            else f"{_count(len(paths))} in {_below(target, paths[0].parent)}/"
        )
        print(f"{one.name}: {what}, {_size(paths)}; licence: {_licence(one, form)}", flush=True)
        packed += paths
    if packed:
        print(
            f"{_count(len(packed))}, {_size(packed)}, in {_shown(target)}: the notebooks take them from there with "
            f"COURSEKIT_DATA={_shown(target)}"
        )
    return 1 if failed or not packed else 0


def _plan(one: DataSet, form: Form, folder: Path) -> dict[str, Path | None]:
    """The files to make of a set, by path: each a copy of one that is here, or None for the
    prepared file to be written."""
    if form.words == PUBLISHED and one.arrays:
        return {f"{one.name}.npz": None}
    return {_below(folder, path): path for path in form.paths}


def _check_free(one: DataSet, plan: dict[str, Path | None], target: Path, force: bool) -> None:
    """Raise ``CommandError`` where the target has files of the set that may not be replaced."""
    there = [_below(target, path) for form in _forms(one, target) for path in form.paths]
    if there and not force:
        raise course.CommandError(
            f"{_shown(target / there[0])} is there already: choose an empty folder, or replace with "
            f"--force what this one has of {one.name}"
        )
    listed = _listed(target)
    if foreign := [
        path for path in there if path not in plan and path not in listed
    ]:  # the loader would take it too
        raise course.CommandError(
            f"{_shown(target / foreign[0])} is in the way, and no coursekit data pack put it there: move "
            "it away, or choose another folder"
        )


def _load(one: DataSet):
    """The set from the data folder. Raises ``DataError`` when that holds a damaged one, or one that
    is made up."""
    with _real_data():
        loaded = one.load()
    parts = loaded if isinstance(loaded, tuple) else (loaded,)
    if made_up := [part.source for part in parts if STANDIN in part.source]:
        raise download.DataError(
            f"what the data folder has is made up ({made_up[0]}), and only real data are packed: move it "
            "away and fetch the set"
        )
    return loaded


def _pack_one(one: DataSet, loaded, plan: dict[str, Path | None], target: Path) -> list[Path]:
    """Make the files of a set in a folder of their own, and move them to their places when all are
    there; returns them."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target, prefix=f".{one.name}-") as beside:
        made = {}
        for path, original in plan.items():
            new = Path(beside, path)
            new.parent.mkdir(parents=True, exist_ok=True)
            if original:
                shutil.copyfile(original, new)
            else:
                np.savez(new, **one.arrays(loaded))
            made[path] = download.hash_of(new, "sha256")
        stale = [
            path
            for form in _forms(one, target)
            for path in form.paths
            if _below(target, path) not in made
        ]
        others = {path: sha256 for path, sha256 in _listed(target).items() if not one.owns(path)}
        _write_listing(
            target, others
        )  # so that a break from here on leaves no old hash for a new file
        for path in made:
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            os.replace(Path(beside, path), target / path)
        for path in stale:
            path.unlink()
            with contextlib.suppress(OSError):  # there are others in it
                path.parent.rmdir()  # an empty folder would be taken for one of photos
        _write_listing(target, others | made)
    return [target / path for path in made]


def _licence(one: DataSet, form: Form | None) -> str:
    """Of the set in this form: people's own photos have their own."""
    return "that of the photos" if form and form.words == PHOTOS else one.licence


@contextlib.contextmanager
def _real_data() -> Iterator[None]:
    """Whatever the scale is, loaders take what is in the data folder, and download nothing."""
    wanted = {"COURSEKIT_SCALE": "laptop", "COURSEKIT_OFFLINE": "1"}
    before = {name: os.environ[name] for name in wanted if name in os.environ}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name in wanted:
            os.environ.pop(name)
        os.environ.update(before)


def _chosen(names: list[str]) -> list[DataSet]:
    """The sets with these names, each once, or all. Raises ``CommandError`` for the name of
    none."""
    known = known_sets()
    if unknown := [name for name in names if name not in known]:
        raise course.CommandError(
            f'there is no data set "{unknown[0]}": choose from {", ".join(known)}'
        )
    return [known[name] for name in dict.fromkeys(names or known)]


def _forms(one: DataSet, folder: Path) -> list[Form]:
    """What a folder has of a set, in the order in which the loader takes it."""
    forms, prepared, photos = [], folder / f"{one.name}.npz", folder / one.name
    if one.prepared and prepared.exists():
        forms.append(Form("prepared file", [prepared]))
    if one.photos and photos.is_dir():
        forms.append(
            Form(
                PHOTOS,
                sorted(path for path in photos.iterdir() if path.is_file() and path.name[0] != "."),
            )
        )
    if published := [folder / file.path for file in one.files if (folder / file.path).exists()]:
        whole = len(published) == len(one.files)
        forms.append(
            Form(
                PUBLISHED if whole else f"{len(published)} of {len(one.files)} {PUBLISHED}",
                published,
                whole,
            )
        )
    return forms


def _listed(folder: Path) -> dict[str, str]:
    """The sha256 of each file that the folder's SHA256SUMS lists, by its path: also of those in
    folders below."""
    path = folder / LISTING
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    found = (re.fullmatch(r"(\S+)\s+\*?(\S.*)", line) for line in lines)
    return {match[2]: match[1] for match in found if match}


def _write_listing(folder: Path, listed: dict[str, str]) -> None:
    """As sha256sum writes it, without names that a line of text cannot hold."""
    course.write(
        folder / LISTING,
        "".join(f"{listed[path]}  {path}\n" for path in sorted(listed) if path.isprintable()),
    )


def _known_hash(one: DataSet, path: str, listed: dict[str, str]) -> tuple[str, str]:
    """The hash of a file, as ``"md5:…"`` (empty if it is not known), and who says so."""
    published = next((file.hash for file in one.files if file.path == path), None)
    if published:
        return published, "publisher's"
    return (f"sha256:{listed[path]}", LISTING) if path in listed else ("", NOT_KNOWN)


def _fault(path: Path, known_hash: str) -> str:
    """What is wrong with a file, empty if it has this hash."""
    algorithm, expected = known_hash.split(":")
    try:
        found = download.hash_of(path, algorithm)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "" if found == expected else f"has {algorithm} {found}, not {expected}"


def _weeks() -> dict[str, str]:
    """For the name of each set the weeks whose notebooks load it, as far as the course's notebooks
    are here."""
    try:
        paths = course.find_notebooks([], course.find_root())
    except course.CommandError:
        return {}
    weeks = {}
    for path in paths:
        week = re.match(r"week(\d+)", path.stem)
        with contextlib.suppress(course.NotANotebook):
            code = (
                cell
                for cell in course.read_notebook(path)["cells"]
                if cell.get("cell_type") == "code"
            )
            for name in CALL.findall("\n".join("".join(cell.get("source", "")) for cell in code)):
                weeks.setdefault(name, {})[week[1] if week else path.stem] = None
    return {name: ", ".join(found) for name, found in weeks.items()}


def _below(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def _shown(path: Path) -> str:
    """From the working folder where it lies in it, else in full."""
    return pictures.printable(course.shown(path.resolve(), Path.cwd()))


def _size(paths: Sequence[Path]) -> str:
    return f"{sum(path.stat().st_size for path in paths) / 1e6:,.1f} MB"


def _count(n: int) -> str:
    return f"{n:,} file{'s' * (n != 1)}"
