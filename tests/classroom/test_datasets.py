# ruff: noqa: F811
"""``coursekit data``: what is said of a data folder, what is downloaded, and what is packed for a
room without network."""

import dataclasses
import errno
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from mirror import (  # noqa: F401  (folder, mirror and published are fixtures)
    Mirror,
    change_set,
    everything_below,
    file_of,
    folder,
    mirror,
    published,
)
from mirror import place as place_files
from mirror import prepared as prepared_images
from PIL import Image
from scipy.io import savemat

import coursekit as ck
from coursekit import cli, course
from coursekit.classroom import datasets
from coursekit.data import download, hyperspectral, reading, standins
from coursekit.data.catalogue import GREY_PHOTOS, SETS
from coursekit.data.download import File
from coursekit.engine.provenance import STANDIN

# What the made-up data folder has, and what of it the room gets.
PACKED = {
    "mnist": "mnist.npz",
    "cifar10": "cifar10.npz",
    "cats_vs_dogs": "cats_vs_dogs/dog.3.png",
    "indian_pines": "indian_pines.npz",
    "set12": "denoise/Set12/12.png",
    "wikipedia": "wikipedia.npz",
}


@pytest.fixture
def published_scene(monkeypatch):
    """The two files of Indian Pines, small, with their own hashes registered: {path: bytes}."""
    random, contents, files = np.random.default_rng(0), {}, []
    cube, labels = random.integers(900, 2000, (9, 8, 200)), random.integers(0, 17, (9, 8))
    one = SETS["indian_pines"]
    for file, variable, array in zip(one.files, one.variables, (cube, labels)):
        savemat(buffer := io.BytesIO(), {variable: array.astype(np.uint16)})
        digits = hashlib.sha256(buffer.getvalue()).hexdigest()
        files.append(dataclasses.replace(file, hash=f"sha256:{digits}"))
        contents[file.path] = buffer.getvalue()
    change_set(monkeypatch, "indian_pines", files=tuple(files))
    return contents


@pytest.fixture
def sets(folder, published, published_scene, monkeypatch):
    """A data folder with small sets of every family: prepared, published, photos."""
    random = np.random.default_rng(0)
    place_files(folder, published)
    place_files(folder, published_scene)
    colour = random.integers(0, 256, (10, 32, 32, 3), dtype=np.uint8)
    np.savez(
        folder / "cifar10.npz",
        **prepared_images(
            train_images=colour,
            test_images=colour,
            test_labels=np.arange(10),
            train_labels=np.arange(10),
        ),
    )
    (folder / "cats_vs_dogs").mkdir()
    for i in range(4):
        for kind in ("cat", "dog"):
            Image.fromarray(random.integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(
                folder / f"cats_vs_dogs/{kind}.{i}.png"
            )
    (folder / "denoise" / "Set12").mkdir(parents=True)
    grey = [folder / f"denoise/Set12/{i:02}.png" for i in range(1, 13)]
    for path in grey:
        Image.fromarray(random.integers(0, 256, (9, 9), dtype=np.uint8)).save(path)
    change_set(monkeypatch, "set12", files=tuple(file_of(path, folder) for path in grey))
    (folder / "wikipedia").mkdir()
    savemat(
        folder / "wikipedia" / "raw_features.mat",
        {
            f"{kind}_{part}": random.random((6, width))
            for kind, width in (("I", 4), ("T", 3))
            for part in ("tr", "te")
        },
    )
    for part in ("train", "test"):
        listed = folder / "wikipedia" / f"{part}set_txt_img_cat.list"
        listed.write_text("".join(f"t{i}\ti{i}\t{i % 3 + 1}\n" for i in range(6)))
    files = tuple(file_of(folder / file.path, folder) for file in SETS["wikipedia"].files)
    change_set(monkeypatch, "wikipedia", files=files)
    return folder


@pytest.fixture
def room(tmp_path_factory):
    """Where to pack: a folder that is not there yet."""
    return tmp_path_factory.mktemp("rooms") / "room"


def only(monkeypatch, *names):
    """As if the command knew only these sets."""
    monkeypatch.setattr(datasets, "SETS", {name: SETS[name] for name in names})


def contents(below):
    return {path: (below / path).read_bytes() for path in everything_below(below)}


# ---- what the course knows


def test_what_belongs_to_a_set():
    for name, one in SETS.items():
        assert all(datasets._owns(one, file.path) for file in one.files)
        assert datasets._owns(one, f"{name}.npz") is (one.kind != GREY_PHOTOS)
        assert not datasets._owns(one, f"{name}2.npz")
        assert datasets._owns(one, f"{name}/a.jpg") is (name == "cats_vs_dogs")


def test_the_table_needs_no_torch():
    """It takes seconds to import."""
    code = "from coursekit.classroom import datasets; datasets.list_sets([])\n"
    code += "import sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_command_line(sets, room, capsys):
    for words in (["list", "mnist"], ["verify", "mnist"], ["pack", "mnist", "-o", str(room)]):
        assert cli.main(["data", *words]) == 0
        assert "mnist" in capsys.readouterr().out
    assert cli.main(["data", "pack", "mnist", "-o", str(room)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert cli.main(["data", "pack", "mnist", "-o", str(room), "--force"]) == 0
    assert cli.main(["data", "fetch"]) == 2
    assert "coursekit data: COURSEKIT_OFFLINE forbids the network" in capsys.readouterr().err


# ---- list


def listed_rows(capsys):
    *rows, last = capsys.readouterr().out.splitlines()
    return {row.split()[0]: re.split(r"  +", row) for row in rows}, last


def test_the_table(sets, capsys):
    (sets / "SHA256SUMS").write_text(
        f"{'1' * 64}  cifar10.npz\n{'2' * 64}  cats_vs_dogs/cat.0.png\n"
    )
    assert datasets.list_sets([]) == 0
    rows, last = listed_rows(capsys)
    assert (
        list(rows) == ["name", *SETS] and len({len(row) for row in rows.values()} - {4, 5, 6}) == 0
    )
    size = f"{sum((sets / file.path).stat().st_size for file in SETS['mnist'].files) / 1e6:,.1f} MB"
    assert rows["mnist"] == [
        "mnist",
        "publisher's files",
        size,
        "its publisher",
        "1, 4",
        "CC BY-SA 3.0 as commonly stated",
    ]
    assert rows["cifar10"][1] == "prepared file" and rows["cifar10"][3] == "SHA256SUMS"
    assert rows["cats_vs_dogs"][1::2] == [
        "folder of photos",
        "SHA256SUMS, not known",
        "that of the photos",
    ]
    assert (
        rows["set12"][1] == "publisher's files"
        and rows["set12"][-1] == "none stated; rights with their owners"
    )
    assert rows["salinas"] == [
        "salinas",
        "nothing; without a network a stand-in",
        "its publisher",
        "none stated",
    ]
    assert rows["pascal_sentence"][2] == "not known"
    assert last == f"The data folder is {sets}."


def test_the_table_of_a_part(sets, capsys):
    (sets / SETS["mnist"].files[2].path).unlink()
    np.savez(sets / "indian_pines.npz", cube=np.zeros(3))
    assert datasets.list_sets(["mnist", "indian_pines", "mnist"]) == 0
    rows, _ = listed_rows(capsys)
    assert list(rows) == ["name", "mnist", "indian_pines"]
    assert rows["mnist"][1] == "3 of 4 publisher's files"
    assert rows["indian_pines"][1] == "prepared file, publisher's files", (
        "in the order in which the loader takes them"
    )


def test_a_forgotten_folder_is_an_empty_one(folder, monkeypatch, capsys):
    monkeypatch.setenv("COURSEKIT_DATA", str(folder / "nowhere"))
    assert datasets.list_sets(["mnist"]) == datasets.verify(["mnist"]) == 0
    assert (
        "nothing; without a network a stand-in" in capsys.readouterr().out
        and not (folder / "nowhere").exists()
    )


def test_weeks_are_those_of_the_notebooks(folder, tmp_path_factory, monkeypatch, capsys):
    root = tmp_path_factory.mktemp("course")
    (root / "notebooks").mkdir()
    (root / "pyproject.toml").touch()

    def write(name, *cells):
        content = {"cells": [{"cell_type": kind, "source": source} for kind, source in cells]}
        (root / "notebooks" / f"{name}.ipynb").write_text(json.dumps(content))

    write(
        "week2_a",
        ("code", ['a, b = ck.load("mnist",\n', "  size=3)\n"]),
        ("markdown", "ck.load('cifar10')"),
    )
    write(
        "week10_b",
        ("code", "x = load('mnist'); ck.load_scene( 'salinas')"),
        ("code", "net.load_state_dict(cifar10)"),
    )
    write("bonus", ("code", "ck.load_grey(name); ck.load_pairs('wikipedia')"))
    (root / "notebooks" / "week3_torn.ipynb").write_text("{")
    monkeypatch.chdir(root)
    datasets.list_sets([])
    rows, _ = listed_rows(capsys)
    weeks = {name: row[-2] for name, row in rows.items() if re.fullmatch(r"[\d, ]+|bonus", row[-2])}
    assert weeks == {"mnist": "10, 2", "salinas": "10", "wikipedia": "bonus"}
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert datasets.list_sets(["mnist"]) == 0, "outside the course's folder nobody knows"


@pytest.mark.parametrize(
    "ask",
    [
        datasets.list_sets,
        datasets.fetch,
        datasets.verify,
        lambda names: datasets.pack(names, "room", False),
    ],
)
def test_an_unknown_name_lists_the_known_ones(folder, ask):
    with pytest.raises(
        course.CommandError,
        match='no data set "minst": choose from mnist, .*salinas.*bsd68.*wikipedia',
    ):
        ask(["mnist", "minst"])


# ---- verify


def write_listing(below, *paths):
    (below / "SHA256SUMS").write_text(
        "".join(f"{download.hash_of(below / path, 'sha256')}  {path}\n" for path in paths)
    )


def test_whole_sets_are_said_to_be_whole(sets, capsys):
    write_listing(sets, "cifar10.npz", "cats_vs_dogs/cat.0.png")
    assert datasets.verify([]) == 0
    said = capsys.readouterr().out.splitlines()
    assert {
        "mnist: ok, 4 files",
        "cifar10: ok, 1 file",
        "cats_vs_dogs: ok, 1 file; no hash known, 7 files",
        "set12: ok, 12 files",
        "indian_pines: ok, 2 files",
        "wikipedia: ok, 3 files",
        "salinas: missing",
        "bsd68: missing",
    } <= {*said}
    assert said[-1] == "nothing is damaged" and len(said) == 1 + len(SETS)


@pytest.mark.parametrize("how", ["truncated", "changed", "empty", "a folder"])
@pytest.mark.parametrize(
    "name, path",
    [
        ("mnist", SETS["mnist"].files[1].path),
        ("cifar10", "cifar10.npz"),
        ("cats_vs_dogs", "cats_vs_dogs/dog.2.png"),
        ("set12", "denoise/Set12/07.png"),
    ],
)
def test_a_damaged_file_is_named(sets, capsys, how, name, path):
    write_listing(sets, "cifar10.npz", "cats_vs_dogs/dog.2.png")
    content = (sets / path).read_bytes()
    if how == "a folder":
        (sets / path).unlink()
        (sets / path).mkdir()
    else:
        (sets / path).write_bytes(
            {"truncated": content[:-1], "changed": content[:-1] + b"?", "empty": b""}[how]
        )
    assert datasets.verify([]) == 1
    said = capsys.readouterr().out.splitlines()
    (line,) = (line for line in said if "DAMAGED" in line)
    assert line.startswith(f"{name}: DAMAGED, {path} ")
    assert ": move away what is there, and fetch or prepare it again" in line
    if how != "a folder":
        kind = "md5" if name == "mnist" else "sha256"
        expected = hashlib.new(kind, content).hexdigest()
        who = "SHA256SUMS" if name in ("cifar10", "cats_vs_dogs") else "its publisher"
        found = download.hash_of(sets / path, kind)
        assert f"has {kind} {found}, but {who} expects {expected}: " in line
    assert said[-1] == "1 file damaged"
    assert datasets.verify(["indian_pines"]) == 0, "the others are whole"


def test_a_wrong_hash_in_the_list_is_told(sets, capsys):
    (sets / "SHA256SUMS").write_text(f"{'1' * 64} *cifar10.npz\n")
    assert datasets.verify(["cifar10", "mnist"]) == 1
    assert f", but SHA256SUMS expects {'1' * 64}: move away" in capsys.readouterr().out


def test_a_listed_file_that_is_gone_is_damage(sets, capsys):
    """A folder of photos without one of them would be loaded without a word."""
    write_listing(sets, "cats_vs_dogs/dog.2.png")
    (sets / "cats_vs_dogs" / "dog.2.png").unlink()
    assert datasets.verify([]) == 1
    said = capsys.readouterr().out
    assert "cats_vs_dogs: DAMAGED, cats_vs_dogs/dog.2.png is gone, but SHA256SUMS lists it" in said
    assert "lists it: fetch or prepare it again\n" in said and "move away" not in said
    assert "cats_vs_dogs: no hash known, 7 files" in said


def test_the_first_digits_of_a_hash_are_enough(sets):
    digest = download.hash_of(sets / "cifar10.npz", "sha256")
    (sets / "SHA256SUMS").write_text(f"{digest[:12]}  cifar10.npz\n")
    assert datasets.verify(["cifar10"]) == 0
    ck.load("cifar10")


def test_a_folder_without_photos_is_not_there(folder, capsys):
    (folder / "cats_vs_dogs").mkdir()
    (folder / "cats_vs_dogs" / ".DS_Store").touch()
    assert datasets.list_sets(["cats_vs_dogs"]) == datasets.verify(["cats_vs_dogs"]) == 0
    said = capsys.readouterr().out
    assert "nothing; without a network a stand-in" in said and "cats_vs_dogs: missing\n" in said
    assert "cats_vs_dogs" not in datasets.here(folder)
    train, _ = ck.load("cats_vs_dogs", size=8)
    assert "stand-in" in train.source


def test_a_part_of_the_files_is_missing(sets, capsys):
    (sets / SETS["mnist"].files[0].path).unlink()
    assert datasets.verify(["mnist"]) == 0
    assert (
        capsys.readouterr().out
        == "mnist: ok, 3 files; missing (only 3 of 4 publisher's files here)\nnothing is damaged\n"
    )


# ---- fetch


@pytest.fixture
def publisher(mirror, folder, published, monkeypatch):
    """Two sets at a server: ``publisher(kind)`` makes it good or bad for MNIST; Fashion-MNIST (the
    same files) is good."""
    monkeypatch.setattr(
        Mirror,
        "content",
        property(lambda self: published[f"MNIST/raw/{self.path.rsplit('/', 1)[-1]}"]),
    )

    def at(kind):
        for name, how in (("mnist", kind), ("fashion_mnist", "good")):
            files = tuple(
                File(
                    f"{name}/{Path(file.path).name}",
                    (f"{mirror}{how}/{Path(file.path).name}",),
                    file.hash,
                )
                for file in SETS["mnist"].files
            )
            change_set(monkeypatch, name, files=files)
        only(monkeypatch, "mnist", "fashion_mnist", "salinas_a")
        return folder

    return at


def test_what_is_missing_is_downloaded(publisher, published, capsys):
    below = publisher("good")
    first = SETS["mnist"].files[0]
    (below / "mnist").mkdir()
    (below / first.path).write_bytes(published[f"MNIST/raw/{Path(first.path).name}"])
    assert datasets.fetch([]) == 0, "what nobody can have is no failure unless it is named"
    said = capsys.readouterr().out
    assert "mnist: downloading 3 files\nmnist: 3 files, 0.0 MB, now in " in said
    assert (
        "fashion_mnist: downloading 4 files" in said and "salinas_a: cannot be downloaded" in said
    )
    assert len(everything_below(below)) == 8 and datasets.verify([]) == 0
    assert datasets.fetch(["mnist"]) == 0
    assert "mnist: is here already (publisher's files)" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["missing", "wrong", "broken"])
def test_the_next_set_is_fetched_when_one_cannot_be_had(publisher, capsys, kind):
    below = publisher(kind)
    assert datasets.fetch(["mnist", "fashion_mnist", "salinas_a"]) == 1
    said = capsys.readouterr().out
    assert (
        "mnist: FAILED, MNIST is not in the data folder, and the download of train-images" in said
    )
    assert "fashion_mnist: 4 files" in said and said.endswith(
        "not to be had: mnist, salinas_a; the notebooks take what stands in, and say so\n"
    )
    assert [path.split("/")[0] for path in everything_below(below)] == ["fashion_mnist"] * 4


def test_a_damaged_file_is_left_alone(publisher, capsys):
    below = publisher("good")
    first = below / SETS["mnist"].files[0].path
    first.parent.mkdir()
    first.write_bytes(b"damaged")
    assert datasets.fetch(["mnist", "fashion_mnist"]) == 1
    assert (
        f"mnist: FAILED, {first.name} is damaged" in capsys.readouterr().out
        and first.read_bytes() == b"damaged"
    )


def test_a_prepared_file_is_not_downloaded_again(sets, monkeypatch, capsys):
    monkeypatch.delenv("COURSEKIT_OFFLINE")
    assert datasets.fetch(["cifar10", "cats_vs_dogs"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "cifar10: is here already (prepared file)",
        "cats_vs_dogs: is here already (folder of photos)",
    ]


def test_offline_nothing_is_fetched(folder):
    with pytest.raises(
        course.CommandError,
        match="COURSEKIT_OFFLINE forbids the network: unset it, or .*coursekit data pack",
    ):
        datasets.fetch([])
    assert everything_below(folder) == []


@pytest.mark.parametrize("action", ["list", "verify", "pack"])
def test_a_list_of_hashes_that_cannot_be_read(sets, room, capsys, action):
    (sets / "SHA256SUMS").write_bytes("Gr\u00f6\u00dfe".encode("latin-1"))
    options = ["data", action, "cifar10", *(["-o", str(room)] if action == "pack" else [])]
    assert cli.main(options) == (1 if action == "pack" else 2)
    said = capsys.readouterr()
    assert "SHA256SUMS is not text in UTF-8 (line 1)" in said.out + said.err


def test_photos_in_folders_of_their_classes(sets, room, monkeypatch, capsys):
    photos = sets / "cats_vs_dogs"
    for kind in ("cat", "dog"):
        (photos / kind.title()).mkdir()
        for path in photos.glob(f"{kind}.*"):
            path.rename(photos / kind.title() / path.name[4:])
    datasets.list_sets(["cats_vs_dogs"])
    assert "folder of photos" in capsys.readouterr().out
    assert datasets.pack(["cats_vs_dogs"], str(room), force=False) == 0
    assert "8 files in cats_vs_dogs/" in capsys.readouterr().out
    paths = [f"cats_vs_dogs/{kind}/{i}.png" for kind in ("Cat", "Dog") for i in range(4)]
    assert sorted(everything_below(room)) == [".photos", "SHA256SUMS", *paths][1:]
    monkeypatch.setenv("COURSEKIT_DATA", str(room))
    assert datasets.verify(["cats_vs_dogs"]) == 0
    assert "ok, 8 files" in capsys.readouterr().out
    (room / paths[-1]).write_bytes(b"")
    assert datasets.verify(["cats_vs_dogs"]) == 1
    assert f"DAMAGED, {paths[-1]}" in capsys.readouterr().out
    monkeypatch.setenv("COURSEKIT_DATA", str(sets))
    (photos / "Dog" / "3.png").unlink()
    assert datasets.pack(["cats_vs_dogs"], str(room), force=True) == 0
    assert sorted(everything_below(room)) == ["SHA256SUMS", *paths[:-1]]


def test_photos_that_are_replaced_are_never_half_of_them(sets, room, monkeypatch):
    assert datasets.pack(["cats_vs_dogs"], str(room), force=False) == 0
    replace, moved = os.replace, []

    def watched(source, goal):
        replace(source, goal)
        moved.append(len([*(room / "cats_vs_dogs").glob("*")]))

    monkeypatch.setattr(os, "replace", watched)
    assert datasets.pack(["cats_vs_dogs"], str(room), force=True) == 0
    assert {*moved} == {0, 8}, "none or all"


# ---- pack


def equal(a, b):
    """Whether two data sets, or parts of them, are the same in every bit and name."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    if dataclasses.is_dataclass(a):
        return type(a) is type(b) and all(
            equal(getattr(a, field.name), getattr(b, field.name)) for field in dataclasses.fields(a)
        )
    return a == b


def load_all(names=PACKED):
    return {name: datasets._load(SETS[name]) for name in names}


def test_the_packed_folder_is_a_data_folder(sets, room, monkeypatch, capsys):
    here, before = load_all(), contents(sets)
    assert datasets.pack([], str(room), False) == 0
    said = capsys.readouterr().out
    assert "salinas: left out" in said and "mnist: mnist.npz, 0.0 MB; licence: CC BY-SA 3.0" in said
    assert (
        "set12: 12 files in denoise/Set12/" in said
        and f"in {room}: the notebooks take them" in said
    )
    assert contents(sets).items() >= before.items(), "the sources stay as they are"
    assert {path.split("/")[0] for path in everything_below(room)} == {
        "SHA256SUMS",
        "denoise",
        "cats_vs_dogs",
        *(path for path in PACKED.values() if "/" not in path),
    }

    monkeypatch.setenv("COURSEKIT_DATA", str(room))
    there = load_all()
    for name in PACKED:
        assert equal(here[name], there[name]), name
    assert not equal(here["mnist"], here["mnist"][::-1]) and not equal(
        here["indian_pines"], dataclasses.replace(here["indian_pines"], source="another")
    ), "equal tells what differs"
    assert "this is NOT" not in capsys.readouterr().out
    assert datasets.verify([]) == 0
    said = capsys.readouterr().out
    for name in PACKED:
        assert f"{name}: ok" in said and f"{name}: no hash" not in said
    assert "; no hash known" not in said
    if shutil.which("sha256sum"):
        subprocess.run(
            ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=room, check=True
        )


def test_a_packed_scene_keeps_its_wavelengths(sets, room):
    datasets.pack(["indian_pines"], str(room), False)
    with np.load(room / "indian_pines.npz") as file:
        assert np.array_equal(file["wavelengths"], SETS["indian_pines"].wavelengths)
    bare = hyperspectral.Scene(
        np.zeros((1, 1, 2)), np.zeros((1, 1), dtype=int), ("oats",), "a field"
    )
    assert "wavelengths" not in datasets._arrays(SETS["indian_pines"], bare), (
        "None cannot be kept in a file of numbers"
    )


def test_packing_twice_gives_the_same_bytes(sets, room):
    datasets.pack([], str(room), False)
    datasets.pack([*PACKED][::-1], str(room.with_name("again")), False)
    assert contents(room) == contents(room.with_name("again"))
    with zipfile.ZipFile(room / "mnist.npz") as file:
        assert {info.date_time for info in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}, (
            "not when they were packed"
        )


def test_what_is_packed_can_be_packed_again(sets, room, monkeypatch):
    datasets.pack([], str(room), False)
    monkeypatch.setenv("COURSEKIT_DATA", str(room))
    datasets.pack([], str(room.with_name("again")), False)
    again = contents(room.with_name("again"))
    assert {
        path: content for path, content in contents(room).items() if not path.startswith(".photos")
    } == again


@pytest.mark.parametrize("scale", ["smoke", "full", "nonsense", None])
def test_the_scale_does_not_matter(sets, room, monkeypatch, scale):
    """At scale smoke the loaders make stand-ins."""
    if scale:
        monkeypatch.setenv("COURSEKIT_SCALE", scale)
    else:
        monkeypatch.delenv("COURSEKIT_SCALE")
    monkeypatch.delenv("COURSEKIT_OFFLINE")
    assert datasets.pack(["mnist", "indian_pines"], str(room), False) == 0
    with np.load(room / "mnist.npz") as file:
        assert file["source"] == "MNIST" and file["train_images"].shape == (30, 28, 28)
    assert {
        name: datasets.os.environ.get(name) for name in ("COURSEKIT_SCALE", "COURSEKIT_OFFLINE")
    } == {"COURSEKIT_SCALE": scale, "COURSEKIT_OFFLINE": None}, "as it was before"


def test_what_is_not_here_is_left_out(sets, room, capsys):
    (sets / SETS["mnist"].files[0].path).unlink()
    assert datasets.pack(["mnist", "salinas", "cifar10"], str(room), False) == 1
    said = capsys.readouterr().out
    assert (
        "mnist: left out" in said and "salinas: left out" in said and "coursekit data fetch" in said
    )
    assert sorted(everything_below(room)) == ["SHA256SUMS", "cifar10.npz"]


def test_nothing_at_all_makes_no_folder(folder, room):
    assert datasets.pack([], str(room), False) == 1 and not room.exists()


def test_a_stand_in_is_never_packed(sets, room, capsys):
    """Somebody may have kept one as a prepared file."""
    cube, labels = standins.scene((5, 6), np.linspace(400, 900, 7))
    np.savez(
        sets / "salinas.npz",
        cube=cube,
        labels=labels,
        classes=["a", "b"],
        source="Salinas stand-in (synthetic)",
    )
    assert datasets.pack(["salinas", "mnist"], str(room), False) == 1
    assert (
        "salinas: FAILED, what the data folder has is made up (Salinas stand-in (synthetic))"
        in capsys.readouterr().out
    )
    assert sorted(everything_below(room)) == ["SHA256SUMS", "mnist.npz"]
    assert all(STANDIN in one.standin for one in SETS.values())


@pytest.mark.parametrize(
    "name, path",
    [
        ("mnist", SETS["mnist"].files[1].path),
        ("cifar10", "cifar10.npz"),
        ("set12", "denoise/Set12/07.png"),
    ],
)
def test_a_damaged_set_is_not_packed(sets, room, capsys, name, path):
    (sets / path).write_bytes((sets / path).read_bytes()[:-50])
    assert datasets.pack([name, "indian_pines"], str(room), False) == 1
    assert f"{name}: FAILED, {path.split('/')[-1]}" in capsys.readouterr().out
    assert sorted(everything_below(room)) == ["SHA256SUMS", "indian_pines.npz"]


@pytest.mark.parametrize("name", PACKED)
def test_what_is_there_is_replaced_only_by_force(sets, room, name):
    others = [other for other in PACKED if other != name]
    datasets.pack(others, str(room), False)
    (room / "notes.txt").write_text("the room's own")
    assert datasets.pack([name], str(room), False) == 0, "a further set may come"
    whole = contents(room)
    (room / PACKED[name]).write_bytes(b"older")
    before = contents(room)
    with pytest.raises(
        course.CommandError, match=f"is there already: .*--force what this one has of {name}"
    ):
        datasets.pack([name], str(room), False)
    assert contents(room) == before
    assert datasets.pack([name], str(room), True) == 0
    assert contents(room) == whole


def test_what_was_packed_before_gives_way(sets, room, monkeypatch, capsys):
    """Fewer photos, then no photos but a prepared file, then photos again: the loader takes what
    was packed last."""

    def packed():
        assert datasets.pack(["cats_vs_dogs"], str(room), True) == 0
        with monkeypatch.context() as there:
            there.setenv("COURSEKIT_DATA", str(room))
            assert datasets.verify(["cats_vs_dogs"]) == 0
            return load_all(["cats_vs_dogs"])

    packed()
    (sets / "cats_vs_dogs" / "dog.3.png").unlink()
    assert (
        equal(packed(), load_all(["cats_vs_dogs"]))
        and not (room / "cats_vs_dogs" / "dog.3.png").exists()
    )
    colour, labels = np.zeros((10, 8, 8, 3), dtype=np.uint8), np.arange(10) % 2
    np.savez(
        sets / "cats_vs_dogs.npz",
        **prepared_images(
            train_images=colour,
            test_images=colour,
            test_labels=labels,
            train_labels=labels,
            classes=["cat", "dog"],
        ),
    )
    assert equal(packed(), load_all(["cats_vs_dogs"])) and not (room / "cats_vs_dogs").exists()
    (sets / "cats_vs_dogs.npz").unlink()
    assert equal(packed(), load_all(["cats_vs_dogs"])) and not (room / "cats_vs_dogs.npz").exists()


def test_a_file_of_somebody_else_is_never_taken_away(sets, room):
    (room / "cats_vs_dogs").mkdir(parents=True)
    (room / "cats_vs_dogs" / "cat.mine.jpg").write_bytes(b"the only one")
    with pytest.raises(
        course.CommandError,
        match="cat.mine.jpg is in the way, and no coursekit data pack put it there",
    ):
        datasets.pack(["mnist", "cats_vs_dogs"], str(room), True)
    assert everything_below(room) == ["cats_vs_dogs/cat.mine.jpg"]


def broken(function, after):
    """The function, which writes half of a file and then finds the disk full, at its call number
    ``after``."""
    calls = []

    def run(*arguments, **options):
        calls.append(arguments)
        result = function(*arguments, **options)
        if len(calls) == after:
            written = Path(arguments[-1])
            written.write_bytes(written.read_bytes()[:100])
            raise OSError(errno.ENOSPC, "No space left on device")
        return result

    return run


@pytest.mark.parametrize(
    "name, module, function",
    [
        ("indian_pines", np, "savez"),
        ("cats_vs_dogs", shutil, "copyfile"),
        ("cifar10", shutil, "copyfile"),
    ],
)
@pytest.mark.parametrize("force", [True, False])
def test_a_full_disk_leaves_no_half_set(sets, room, monkeypatch, name, module, function, force):
    datasets.pack(["mnist"] + [name] * force, str(room), False)
    before = contents(room)
    monkeypatch.setattr(
        module,
        function,
        broken(getattr(module, function), after=5 if name == "cats_vs_dogs" else 1),
    )
    with pytest.raises(
        course.CommandError,
        match=f"room cannot take {name} .No space left on device.: choose another folder",
    ):
        datasets.pack([name], str(room), force)
    assert contents(room) == before
    monkeypatch.undo()


def test_a_break_while_files_are_moved_leaves_no_wrong_hash(sets, room, monkeypatch):
    """After it, some files are new and some are old, and none is called damaged that is not."""
    datasets.pack(["set12", "mnist"], str(room), False)
    move, calls = datasets.os.replace, []

    def replace(source, target):
        if str(target).endswith("07.png"):
            raise KeyboardInterrupt
        calls.append(target)
        move(source, target)

    monkeypatch.setattr(datasets.os, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        datasets.pack(["set12"], str(room), True)
    assert len(calls) == 7, "the list and six photos"
    assert [*reading.listed(room)] == ["mnist.npz"]
    assert not [path for path in room.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("target", ["file", "file/below", "data"])
@pytest.mark.posix
def test_folders_that_cannot_take_the_sets(sets, room, target):
    room.mkdir()
    (room / "file").write_bytes(b"mine")
    (room / "data").symlink_to(sets)
    before = contents(sets)
    with pytest.raises(
        course.CommandError,
        match="is the data folder itself" if target == "data" else "cannot take mnist",
    ):
        datasets.pack(["mnist"], str(room / target), True)
    assert (room / "file").read_bytes() == b"mine" and contents(sets) == before


def test_names_that_no_list_can_hold(sets, room, monkeypatch, capsys):
    """They are packed, but not listed; names with spaces are."""
    photo = (sets / "cats_vs_dogs" / "cat.0.png").read_bytes()
    for name in ("Dog (7).png", "cat\n8.png", "cat \udcff.png"):
        (sets / "cats_vs_dogs" / name).write_bytes(photo)
    assert datasets.pack(["cats_vs_dogs"], str(room), False) == 0
    monkeypatch.setenv("COURSEKIT_DATA", str(room))
    assert datasets.verify(["cats_vs_dogs"]) == 0
    assert "cats_vs_dogs: ok, 9 files; no hash known, 2 files" in capsys.readouterr().out


# ---- parts


def in_parts(room, size=1000):
    """A packed set in parts; their names."""
    assert datasets.pack(["cifar10", "mnist"], str(room), False, size) == 0
    return sorted(path.name for path in room.glob("cifar10.npz.part-*"))


def joined(room, capsys):
    """The exit code of joining and what it says, by file."""
    capsys.readouterr()
    code = datasets.join(str(room))
    lines = capsys.readouterr().out.splitlines()
    return code, dict(line.split(": ", 1) for line in lines)


@pytest.mark.parametrize("text, size", [("500kB", 500_000), ("60MB", 60_000_000), ("1.5GB", 1.5e9)])
def test_sizes_of_parts(text, size):
    assert datasets._bytes(text) == size


@pytest.mark.parametrize("text", ["0MB", "0.0MB", "MB", "60", "-5MB", "many", "60MiB", "60 MB", ""])
def test_what_is_no_size(folder, room, capsys, text):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["data", "pack", f"--part={text}", "-o", str(room), "mnist"])
    assert stopped.value.code == 2 and not room.exists()
    assert f"a size above 0, as 500kB, 60MB or 1.5GB, not {text}" in capsys.readouterr().err


def test_parts_join_to_the_same_bytes(sets, room, monkeypatch, capsys):
    """On another computer, without the sets; then the room is as if it had been packed whole."""
    whole = room.with_name("whole")
    datasets.pack(["cifar10", "mnist"], str(whole), False)
    capsys.readouterr()
    parts = in_parts(room)
    number = len(parts)
    assert number == -(-(whole / "cifar10.npz").stat().st_size // 1000) > 9
    said = capsys.readouterr().out
    assert f"cifar10: cifar10.npz in {number} parts, for coursekit" in said
    assert said.endswith(f", when the parts are joined (coursekit data join {room})\n")
    assert not (room / "cifar10.npz").exists()
    assert {(room / name).stat().st_size for name in parts[:-1]} <= {1000} | {
        (whole / "cifar10.npz").stat().st_size % 1000
    }
    assert "cifar10.npz" not in reading.listed(room), "it is not there yet"
    done = subprocess.run(
        [sys.executable, "-m", "coursekit", "data", "join", "room"],
        cwd=room.parent,
        env={"COURSEKIT_OFFLINE": "1", "PYTHONPATH": str(Path(ck.__file__).parents[1])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert f"cifar10.npz: joined from {number} parts, " in done.stdout
    for path in everything_below(whole):
        assert (room / path).read_bytes() == (whole / path).read_bytes()
    monkeypatch.setenv("COURSEKIT_DATA", str(room))
    assert datasets.verify(["cifar10"]) == 0
    assert joined(room, capsys)[1]["cifar10.npz"] == "is whole already"


def test_a_file_that_fits_is_not_cut(sets, room, capsys):
    assert in_parts(room, 10**9) == []
    assert {"cifar10.npz", "mnist.npz", download.LISTING} == {path.name for path in room.iterdir()}
    with pytest.raises(
        course.CommandError, match="room has no file NAME.npz.parts: coursekit data"
    ):
        datasets.join(str(room))


def test_photos_are_not_cut(sets, room):
    datasets.pack(["cats_vs_dogs"], str(room), False, 1)
    assert not list(room.rglob("*part*")) and len(list((room / "cats_vs_dogs").iterdir())) > 1


def test_too_many_parts(sets, room):
    with pytest.raises(
        course.CommandError, match=r"cifar10.npz would fall into [\d,]+ parts: make"
    ):
        datasets.pack(["cifar10"], str(room), False, 1)
    assert not contents(room)


def swap(a, b):
    content = a.read_bytes()
    a.write_bytes(b.read_bytes())
    b.write_bytes(content)


@pytest.mark.parametrize(
    "spoil, told",
    [
        (lambda a, b: a.unlink(), ["{a} is missing"]),
        (lambda a, b: a.write_bytes(b""), ["{a} is damaged (0 of 1,000 bytes)"]),
        (lambda a, b: a.write_bytes(b"x" * 1000), ["{a} is damaged (1,000 of 1,000 bytes)"]),
        (lambda a, b: a.write_bytes(b.read_bytes()), ["{a} holds what {b} should"]),
        (swap, ["{a} holds what {b} should", "{b} holds what {a} should"]),
        (lambda a, b: (a.unlink(), b.unlink()), ["{a} is missing", "{b} is missing"]),
    ],
    ids=["missing", "cut off", "damaged", "doubled", "swapped", "two missing"],
)
def test_parts_that_do_not_fit_are_named(sets, room, capsys, spoil, told):
    parts = in_parts(room)
    a, b, *others = (room / name for name in parts)
    spoil(a, b)
    before = contents(room)
    before.pop(download.LISTING, None)
    code, said = joined(room, capsys)
    assert code == 1 and said["cifar10.npz"].startswith("FAILED, ")
    for text in told:
        assert text.format(a=a.name, b=b.name) in said["cifar10.npz"]
    assert not any(part.name in said["cifar10.npz"] for part in others)
    assert said["mnist.npz"].startswith("joined"), "the other file is joined all the same"
    assert "cifar10.npz" not in contents(room).keys() | reading.listed(room).keys()
    assert before.items() <= contents(room).items(), "what has arrived is as it was"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: text[:200],
        lambda text: text + "x",
        lambda text: "0" * 64 + text[64:],
        lambda text: "".join(sorted(text.splitlines(keepends=True), reverse=True)),
        lambda text: re.sub("  [0-9]+  ", "  " + "9" * 5000 + "  ", text),
    ],
)
def test_a_damaged_list_of_parts(sets, room, capsys, spoil):
    in_parts(room)
    listing = room / "cifar10.npz.parts"
    listing.write_text(spoil(listing.read_text()))
    code, said = joined(room, capsys)
    assert code == 1 and said["cifar10.npz"].endswith("parts is damaged: carry it again")
    assert not (room / "cifar10.npz").exists()


def test_another_file_in_the_place_stays(sets, room, capsys):
    in_parts(room)
    (room / "cifar10.npz").write_bytes(b"mine")
    code, said = joined(room, capsys)
    assert code == 1 and "a file of this name is there and has sha256" in said["cifar10.npz"]
    assert (room / "cifar10.npz").read_bytes() == b"mine"


def test_joining_on_a_full_disk_leaves_nothing(sets, room, monkeypatch):
    assert len(in_parts(room)) == 64
    before = contents(room)

    def copy(part, file, copy=shutil.copyfileobj):
        if part.name.endswith("part-3-of-64"):
            raise OSError(errno.ENOSPC, "No space left on device")
        copy(part, file)

    monkeypatch.setattr(shutil, "copyfileobj", copy)
    with pytest.raises(course.CommandError, match="cannot take cifar10.npz .No space left"):
        datasets.join(str(room))
    assert contents(room) == before


def test_packing_anew_replaces_parts(sets, room, capsys):
    """By force; no part of the old size is left, and other people's files are."""
    in_parts(room)
    mine = room / "cifar10.npz.part"
    mine.write_bytes(b"half a download")
    with pytest.raises(course.CommandError, match="cifar10.npz.part[-s].* is there already"):
        datasets.pack(["cifar10"], str(room), False, 2000)
    datasets.pack(["cifar10"], str(room), True, 2000)
    numbers = {path.name.rpartition("-")[2] for path in room.glob("cifar10.npz.part-*")}
    assert numbers == {str(len(list(room.glob("cifar10.npz.part-*"))))}
    assert joined(room, capsys)[0] == 0
    datasets.pack(["cifar10"], str(room), True)
    assert [path.name for path in room.glob("cifar10.npz.*")] == [mine.name]
    assert mine.read_bytes() == b"half a download"
