"""``coursekit data``: which data sets are here and whole, how to get them and hand them on."""

import argparse
import contextlib
import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ..course import CommandError, NotANotebook, find_notebooks, find_root, shown
from ..data import catalogue, download, packages, reading
from ..data.catalogue import SETS, DataSet
from ..engine.console import say
from ..engine.files import folder_beside, read_text, write_whole
from ..engine.provenance import made_up
from ..engine.settings import data_folder, offline
from ..engine.text import aligned, count, printable
from ..handin import notebook

EXAMPLES = """\
examples:
  coursekit data list                      what the data folder has of each data set
  coursekit data fetch mnist cifar10       download what is missing of these
  coursekit data verify                    compare every file with its known hash
  coursekit data pack -o room              copies of what is here, for a room without network
  coursekit data pack --part 60MB -o room  the same, large files in parts to be carried one by one
  coursekit data join room                 where the parts have arrived: check them and join them

Only real data are packed. Exit code: 0 all went well, 1 a set is damaged or not to be had,
2 wrong arguments.
"""
PUBLISHED = "publisher's files"
NOT_KNOWN = "not known"
UNITS = {"kB": 10**3, "MB": 10**6, "GB": 10**9}
# A line of NAME.npz.parts: hash, size and name of the whole file (the first line) or of a part.
LISTED_PART = re.compile(r"([0-9a-f]{64})  (\d{1,18})  (\w+\.npz(?:\.part-\d+-of-\d+)?)")
CALL = re.compile(r"""\bload\w*\(\s*["'](\w+)["']""")  # load("mnist"), ck.load_scene("salinas", …)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be done, and with which sets."""
    actions = parser.add_subparsers(title="actions", dest="action", required=True, metavar="ACTION")
    for name, text in (
        ("list", "what the data folder has of each set, with licence and weeks"),
        ("fetch", "download what is missing"),
        ("verify", "compare every file with its known hash"),
        ("pack", "make a data folder for a room without network"),
    ):
        action = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        action.add_argument("names", nargs="*", metavar="NAME", help="a data set (default: all)")
    pack = actions.choices["pack"]
    pack.add_argument("-o", "--output", required=True, metavar="FOLDER", help="where they go")
    pack.add_argument("--force", action="store_true", help="replace what it has of these sets")
    cut = "cut larger prepared files into parts of this size, as 60MB"
    pack.add_argument("--part", type=_bytes, metavar="SIZE", help=cut)
    text = "join the parts of files that pack --part has cut"
    joining = actions.add_parser("join", help=text, description=f"{text.capitalize()}.")
    joining.add_argument("folder", metavar="FOLDER", help="where the parts have arrived")


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(kB|MB|GB)", text)
    size = round(float(match[1]) * UNITS[match[2]]) if match else 0
    if size < 1:
        raise argparse.ArgumentTypeError(f"a size above 0, as 500kB, 60MB or 1.5GB, not {text}")
    return size


def main(options: argparse.Namespace) -> int:
    """Do what was asked; returns the exit code."""
    try:
        if options.action == "pack":
            return pack(options.names, options.output, options.force, options.part)
        if options.action == "join":
            return join(options.folder)
        return {"list": list_sets, "fetch": fetch, "verify": verify}[options.action](options.names)
    except download.DataError as error:  # of a list of hashes; what belongs to a set is told there
        raise CommandError(str(error)) from error


@dataclass(frozen=True)
class Form:
    """What a folder has of a set in one form: a prepared file, photos, or the publisher's files,
    all of them or a part; ``paths`` are below the folder."""

    words: str
    paths: list[str]
    licence: str
    whole: bool = True


def here(folder: Path) -> dict[str, str]:
    """The real data here by name, each in a few words: sets that the data folder has, in one form
    or another, and what packages ship of others."""
    found = {}
    for name, one in SETS.items():
        if any(form.whole for form in _forms(one, folder)):
            found[name] = name
        elif shipped := _shipped(one):
            found[name] = f"{name} ({shipped})"
    return found


def _shipped(one: DataSet) -> str:
    """What a package here ships of the set, in words."""
    with contextlib.suppress(LookupError, download.DataError):
        if one.packaged and packages.find(one.packaged):
            return one.packaged.words
    return ""


def list_sets(names: list[str]) -> int:
    """Print a table of these data sets, or of all: what the data folder has of each, and what is
    known of it; returns 0. Raises ``CommandError`` for the name of no set."""
    folder = data_folder()
    listed, weeks = reading.listed(folder), _weeks()
    rows = [("name", "in the data folder", "size", "hash from", "weeks", "licence")]
    for one in _chosen(names):
        forms = _forms(one, folder)
        shipped = _shipped(one)
        instead = f"nothing; without a network {shipped or 'a stand-in'}"
        there = ", ".join(form.words for form in forms) or instead
        paths = [path for form in forms for path in form.paths]
        which = paths or [file.path for file in one.files]
        known = _known_hashes(one, listed)
        kinds = dict.fromkeys(known[path][1] if path in known else NOT_KNOWN for path in which)
        size, hashes = _size(folder, paths) if paths else "", ", ".join(kinds) or NOT_KNOWN
        licence = (forms or [one.packaged if shipped else one])[0].licence
        rows.append((one.name, there, size, hashes, weeks.get(one.name, ""), licence))
    say(*aligned(rows, right=[2]), f"The data folder is {_shown(folder)}.", sep="\n")
    return 0


def fetch(names: list[str]) -> int:
    """Download what is missing of these data sets, or of all; returns 0, or 1 if one of them could
    not be had. Raises ``CommandError`` for the name of no set, and where ``COURSEKIT_OFFLINE``
    forbids the network."""
    chosen, folder, failed = _chosen(names), data_folder(), []
    if offline():
        way_out = "unset it, or bring the sets from another computer (coursekit data pack)"
        raise CommandError(f"COURSEKIT_OFFLINE forbids the network: {way_out}")
    for one in chosen:
        tell = partial(say, f"{one.name}:")
        if whole := [form.words for form in _forms(one, folder) if form.whole]:
            tell(f"is here already ({whole[0]})")
        elif not one.files:
            instead = f"put a prepared file {one.name}.npz into {_shown(folder)}"
            tell(f"cannot be downloaded, for no hash of the publisher's files is known: {instead}")
            if one.name in names:  # without names, what can be had is meant
                failed.append(one.name)
        else:
            missing = [file for file in one.files if not (folder / file.path).exists()]
            files = count(len(missing), "file")
            tell(f"downloading {files}")
            try:
                download.obtain(one.files, one.publication)
            except (download.DataError, OSError) as error:
                tell(f"FAILED, {error}")
                failed.append(one.name)
            else:
                size = _size(folder, [file.path for file in missing])
                tell(f"{files}, {size}, now in {_shown((folder / missing[0].path).parent)}")
    if failed:
        say(f"not to be had: {', '.join(failed)}; the notebooks take what stands in, and say so")
    return 1 if failed else 0


def verify(names: list[str]) -> int:
    """Compare every file of these data sets, or of all, with its known hash; returns 0, or 1 if one
    is damaged, cannot be read, or is gone although SHA256SUMS lists it. Raises ``CommandError`` for
    the name of no set."""
    folder, damaged = data_folder(), 0
    listed = reading.listed(folder)
    for one in _chosen(names):
        tell = partial(say, f"{one.name}:")
        forms, known = _forms(one, folder), _known_hashes(one, listed)
        paths = dict.fromkeys(path for form in forms for path in form.paths)
        gone = [path for path in listed if path in known and path not in paths]
        faults = dict.fromkeys(gone, f"is gone, but {download.LISTING} lists it")
        for path in paths:
            if path in known and (fault := download.mismatch(folder / path, *known[path])):
                faults[path] = fault
        for path, fault in faults.items():
            away = "move away what is there, and " if (folder / path).exists() else ""
            tell(f"DAMAGED, {printable(path)} {fault}: {away}fetch or prepare it again")
        found, unknown = [], len(paths.keys() - known)
        if right := len(paths.keys() - faults) - unknown:
            found.append(f"ok, {count(right, 'file')}")
        if unknown:
            found.append(f"no hash known, {count(unknown, 'file')}")
        if not any(form.whole for form in forms):
            found.append(f"missing (only {forms[0].words} here)" if forms else "missing")
        try:
            if one.packaged and packages.find(one.packaged):
                found.append(f"{one.packaged.words}: ok")
        except LookupError:  # it is not installed
            pass
        except download.DataError as error:
            faults[one.packaged.package] = ""
            tell(f"DAMAGED, {error}")
        if found:
            tell("; ".join(found))
        damaged += len(faults)
    say(f"{count(damaged, 'file')} damaged" if damaged else "nothing is damaged")
    return 1 if damaged else 0


def pack(names: list[str], output: str, force: bool, part: int | None = None) -> int:
    """Make a data folder for a room without network of what is here of these data sets, or of all.

    Returns 0, or 1 if a set that was named is not here, one is damaged, or there is none at all.
    Packed is what the loader takes: a prepared file and photos as they are, the publisher's files
    as a prepared file where one can hold them. Every set appears whole or not at all, with its
    hashes in SHA256SUMS, and the same data give the same bytes. Prepared files of more than
    ``part`` bytes are cut into parts, for ``join``. Raises ``CommandError`` for the name of no set,
    and for a folder that cannot take the sets or has some of them already; ``force`` replaces
    these.
    """
    folder, target = data_folder(), Path(output)
    if target.resolve() == folder.resolve():
        raise CommandError(f"-o {output} is the data folder itself: choose another one for copies")
    plans, packed, failed = {}, [], []
    for one in _chosen(names):
        if form := next((form for form in _forms(one, folder) if form.whole), None):
            plan: dict[str, Path | None] = {path: folder / path for path in form.paths}
            # photos are given a size when they are loaded: a prepared file might be too small
            if form.words == PUBLISHED and one.kind.arrays and not one.size:
                plan = {f"{one.name}.npz": None}  # to be written
            _check_free(one, plan, target, force)
            plans[one] = form, plan
        else:
            say(f"{one.name}: left out, for it is not in {_shown(folder)} (coursekit data fetch)")
            if one.name in names:  # without names, what is here is meant
                failed.append(one.name)
    for one, (form, plan) in plans.items():
        try:
            paths = _pack_one(one, plan, target, part)
        except download.DataError as error:
            say(f"{one.name}: FAILED, {error}")
            failed.append(one.name)
            continue
        except OSError as error:
            fault = f"{_shown(target)} cannot take {one.name} ({error.strerror or error})"
            raise CommandError(f"{fault}: choose another folder, or make room") from error
        what = paths[0]
        if what.endswith(".parts"):
            what = f"{one.name}.npz in {count(len(paths) - 1, 'part')}, for coursekit data join"
        elif len(paths) > 1:
            what = f"{count(len(paths), 'file')} in {Path(os.path.commonpath(paths)).as_posix()}/"
        say(f"{one.name}: {what}, {_size(target, paths)}; licence: {form.licence}")
        packed += paths
    if packed:
        what, place = f"{count(len(packed), 'file')}, {_size(target, packed)}", _shown(target)
        cut = any(path.endswith(".parts") for path in packed)
        when = f", when the parts are joined (coursekit data join {place})" if cut else ""
        say(f"{what}, in {place}: the notebooks take them with COURSEKIT_DATA={place}{when}")
    return 1 if failed or not packed else 0


def join(name: str) -> int:
    """Join the parts of files in the folder where they have arrived, with the ``.parts`` beside.

    A file appears whole and checked, with its hash in SHA256SUMS, or not at all; its parts stay.
    Returns 0, or 1 after naming what is missing, damaged, swapped or doubled. Raises
    ``CommandError`` for a folder without such files or without room.
    """
    folder, failed = Path(name), 0
    listings = sorted(folder.glob("*.npz.parts"))
    if not listings:
        what = f"{_shown(folder)} has no file NAME.npz.parts"
        raise CommandError(f"{what}: coursekit data pack --part makes it, carry it with the parts")
    for listing in listings:
        try:
            said = _join(listing.with_suffix(""), listing)
        except download.DataError as error:
            said, failed = f"FAILED, {error}", 1
        except OSError as error:
            fault = f"{_shown(folder)} cannot take {listing.stem} ({error.strerror or error})"
            raise CommandError(f"{fault}: make room, or make it writable") from error
        say(f"{listing.stem}: {said}")
    return failed


def _join(whole: Path, listing: Path) -> str:
    """What was done; raises ``DataError``, naming every part that is not what was packed."""
    with reading.reading(listing, "list of parts"):
        matches = [LISTED_PART.fullmatch(line) for line in read_text(listing).splitlines()]
    known = {match[3]: (match[1], int(match[2])) for match in matches if match}
    sha256, size = known.pop(whole.name, ("", 0))
    names = [f"{whole.name}.part-{i}-of-{len(known)}" for i in range(1, len(known) + 1)]
    amount = sum(part for _, part in known.values())
    damaged = download.DataError(f"{listing.name} is damaged: carry it again")
    if len(known) + 1 < len(matches) or [*known] != names or amount != size or not size:
        raise damaged
    if whole.exists():
        if fault := download.mismatch(whole, f"sha256:{sha256}", listing.name):
            raise download.DataError(f"a file of this name is there and {fault}: move it away")
        return "is whole already"
    places = {digest: name for name, (digest, _) in known.items()}
    faults = []
    for name, (digest, expected) in known.items():
        if not (part := whole.with_name(name)).is_file():
            faults.append(f"{name} is missing")
        elif (found := download.hash_of(part, "sha256")) in places and found != digest:
            faults.append(f"{name} holds what {places[found]} should (swapped or doubled)")
        elif found != digest:
            faults.append(f"{name} is damaged ({part.stat().st_size:,} of {expected:,} bytes)")
    if faults:
        raise download.DataError(f"{'; '.join(faults)}: carry again what is named")

    listed = reading.listed(whole.parent)

    def joined(file) -> None:
        for name in known:
            with open(whole.with_name(name), "rb") as part:
                shutil.copyfileobj(part, file)
        file.flush()
        if download.hash_of(Path(file.name), "sha256") != sha256:
            raise damaged

    write_whole(whole, joined)
    _write_listing(whole.parent, listed | {whole.name: sha256})
    return f"joined from {count(len(known), 'part')}, {_size(whole.parent, [whole.name])}"


def _check_free(one: DataSet, plan: dict[str, Path | None], target: Path, force: bool) -> None:
    """Raise ``CommandError`` where the target has files of the set that may not be replaced."""
    there = [path for form in _forms(one, target) for path in form.paths]
    if (there := there + _parts(one, target)) and not force:
        way_out = f"choose an empty folder, or replace with --force what this one has of {one.name}"
        raise CommandError(f"{_shown(target / there[0])} is there already: {way_out}")
    ours = {*plan, *reading.listed(target), *_parts(one, target)}
    if foreign := [path for path in there if path not in ours]:  # the loader would take it too
        why = "is in the way, and no coursekit data pack put it there"
        raise CommandError(f"{_shown(target / foreign[0])} {why}: move it, or use another folder")


def _load(one: DataSet):
    """The set from the data folder, whatever the scale is, and nothing is downloaded. Raises
    ``DataError`` when it cannot be read, is damaged or made up."""
    from unittest.mock import patch

    from ..data import denoising, hyperspectral, image_sets, retrieval

    load = {
        catalogue.IMAGES: partial(image_sets.load, device="cpu"),
        catalogue.SCENES: hyperspectral.load_scene,
        catalogue.GREY_PHOTOS: partial(denoising.load_grey, device="cpu"),
        catalogue.PAIRS: partial(retrieval.load_pairs, device="cpu"),
    }[one.kind]
    try:
        with patch.dict(os.environ, COURSEKIT_SCALE="laptop", COURSEKIT_OFFLINE="1"):
            loaded = load(one.name)
    except OSError as error:
        raise download.DataError(str(error)) from error
    parts = loaded if isinstance(loaded, tuple) else (loaded,)
    if invented := made_up(part.source for part in parts):
        what = f"what the data folder has is made up ({invented[0]})"
        raise download.DataError(f"{what}: move it away and fetch the set")
    return loaded


def _arrays(one: DataSet, loaded) -> dict[str, object]:
    """What a prepared file holds of a set: each array is a part's attribute of this name."""
    arrays = {}
    train, test = loaded if isinstance(loaded, tuple) else (loaded, None)
    for name in (*one.kind.arrays, *one.kind.optional):
        which, _, attribute = name.rpartition("_")
        value = getattr(test if which == "test" else train, attribute)
        if attribute == "images":  # N×H×W×3, or N×H×W of grey ones
            value = value.permute(0, 2, 3, 1).squeeze(-1)
        if value is not None:  # as wavelengths that nobody knows
            arrays[name] = np.asarray(value)
    return arrays


def _pack_one(
    one: DataSet, plan: dict[str, Path | None], target: Path, part: int | None
) -> list[str]:
    """Make the files of a set in a folder of their own, and move them to their places when all are
    there; returns their paths below the target. Raises what ``_load`` does, and ``OSError``."""
    loaded = _load(one)
    target.mkdir(parents=True, exist_ok=True)
    with folder_beside(target / one.name) as beside:
        made, cut = {}, []
        for path, original in plan.items():
            new = Path(beside, path)
            new.parent.mkdir(parents=True, exist_ok=True)
            if original:
                shutil.copyfile(original, new)
            else:
                np.savez(new, **_arrays(one, loaded))
            made[path] = download.hash_of(new, "sha256")
            if part and path.endswith(".npz") and new.stat().st_size > part:
                cut = _cut(new, part, made.pop(path))
        paths = [*cut, *made]
        there = [path for form in _forms(one, target) for path in form.paths]
        stale = {*there, *_parts(one, target)} - {*paths}
        listed = reading.listed(target).items()
        others = {path: sha256 for path, sha256 in listed if not _owns(one, path)}
        _write_listing(target, others)  # a break from here on leaves no old hash for a new file
        if one.size and (target / one.name).exists():  # half of them would be taken for all
            os.replace(target / one.name, Path(beside, f"{one.name}.old"))
        for name in dict.fromkeys(Path(path).parts[0] for path in paths):
            _move(Path(beside, name), target / name)
        for path in stale:
            (target / path).unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # there are others in it
                (target / path).parent.rmdir()  # an empty one would be taken for one of photos
        _write_listing(target, others | made)
    return paths


def _move(source: Path, goal: Path) -> None:
    """Put a file in its place, or a folder, at once where there is none of its name."""
    if source.is_dir() and goal.exists():
        for inner in sorted(source.iterdir()):
            _move(inner, goal / inner.name)
    else:
        os.replace(source, goal)


def _cut(whole: Path, size: int, sha256: str) -> list[str]:
    """Cut a file into parts, in its place; returns the names of their list and of the parts."""
    number = -(-whole.stat().st_size // size)
    if number > 999:
        raise CommandError(f"{whole.name} would fall into {number:,} parts: make them larger")
    lines, names = [f"{sha256}  {whole.stat().st_size}  {whole.name}\n"], [f"{whole.name}.parts"]
    with open(whole, "rb") as file:
        for i in range(1, number + 1):
            content = file.read(size)
            names.append(f"{whole.name}.part-{i}-of-{number}")
            whole.with_name(names[-1]).write_bytes(content)
            lines.append(f"{hashlib.sha256(content).hexdigest()}  {len(content)}  {names[-1]}\n")
    whole.with_name(names[0]).write_text("".join(lines), encoding="utf-8")
    whole.unlink()
    return names


def _parts(one: DataSet, folder: Path) -> list[str]:
    """What a folder has of the set's prepared file in parts, of whatever size."""
    own = (f"{one.name}.npz.part{rest}" for rest in ("s", "-*-of-*"))
    return sorted(path.name for pattern in own for path in folder.glob(pattern))


def _write_listing(folder: Path, listed: dict[str, str]) -> None:
    """As sha256sum writes it, without names that a line of text cannot hold."""
    lines = [f"{listed[path]}  {path}\n" for path in sorted(listed) if path.isprintable()]
    write_whole(folder / download.LISTING, "".join(lines))


def _chosen(names: list[str]) -> list[DataSet]:
    """The sets with these names, each once, or all. Raises ``CommandError`` for an unknown one."""
    if unknown := [name for name in names if name not in SETS]:
        raise CommandError(f'there is no data set "{unknown[0]}": choose from {", ".join(SETS)}')
    return [SETS[name] for name in dict.fromkeys(names or SETS)]


def _forms(one: DataSet, folder: Path) -> list[Form]:
    """What a folder has of a set, in the order in which the loader takes it."""
    forms, prepared, photos = [], f"{one.name}.npz", folder / one.name
    if one.kind.arrays and (folder / prepared).exists():
        forms.append(Form("prepared file", [prepared], one.licence))
    # in folders of their classes too, and below, where no loader looks, but says so
    found = (path for layer in ("*", "*/*", "*/*/*") for path in photos.glob(layer))
    paths = [path.relative_to(folder).as_posix() for path in found if _is_photo(path, photos)]
    if one.size and paths:
        forms.append(Form("folder of photos", sorted(paths), "that of the photos"))
    if published := [file.path for file in one.files if (folder / file.path).exists()]:
        whole = len(published) == len(one.files)
        words = PUBLISHED if whole else f"{len(published)} of {len(one.files)} {PUBLISHED}"
        forms.append(Form(words, published, one.licence, whole))
    return forms


def _is_photo(path: Path, photos: Path) -> bool:
    """Whether it is a file, and neither it nor a folder in which it lies is hidden."""
    hidden = any(part.startswith(".") for part in path.relative_to(photos).parts)
    return not hidden and path.is_file()


def _owns(one: DataSet, path: str) -> bool:
    """Whether a file of this path, from the data folder, is one of the set's."""
    own = [file.path for file in one.files]
    if one.kind.arrays:
        own.append(f"{one.name}.npz")
    return path in own or (one.size is not None and path.startswith(f"{one.name}/"))


def _known_hashes(one: DataSet, listed: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Of each file of the set whose hash is known: the hash, as ``"md5:…"``, and who expects it."""
    ours = {path: f"sha256:{sha256}" for path, sha256 in listed.items() if _owns(one, path)}
    found = {path: (known_hash, download.LISTING) for path, known_hash in ours.items()}
    return found | {file.path: (file.hash, "its publisher") for file in one.files}


def _weeks() -> dict[str, str]:
    """For each set the weeks whose notebooks load it, as far as the course's notebooks are here."""
    try:
        paths = find_notebooks([], find_root())
    except CommandError:
        return {}
    weeks = {}
    for path in paths:
        week = re.sub(r"^week(\d+).*", r"\1", path.stem)
        with contextlib.suppress(NotANotebook):
            cells = notebook.cells(notebook.parse(notebook.contents(path)))
            for name in CALL.findall("\n".join(cell.text for cell in cells if cell.kind == "code")):
                weeks.setdefault(name, {})[week] = None
    return {name: ", ".join(found) for name, found in weeks.items()}


def _shown(path: Path) -> str:
    """From the working folder where it lies in it, else in full."""
    return printable(shown(path.resolve(), Path.cwd()))


def _size(folder: Path, paths: list[str]) -> str:
    return f"{sum((folder / path).stat().st_size for path in paths) / 1e6:,.1f} MB"
