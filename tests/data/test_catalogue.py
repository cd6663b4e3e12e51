"""The catalogue: against torchvision's own tables, and the page of the data folder against it."""

import re
from pathlib import Path

import numpy as np
import pytest
from mirror import folder  # noqa: F401  (folder is a fixture)
from torchvision import datasets as torchvisions_sets

import coursekit as ck
from coursekit.classroom import datasets
from coursekit.data import image_sets, standins
from coursekit.data.catalogue import GREY_PHOTOS, IMAGES, PAIRS, SCENES, SETS, DataSet
from coursekit.data.download import File

PAGE = (Path(__file__).parents[2] / "data" / "README.md").read_text(encoding="utf-8").splitlines()

every_set = pytest.mark.parametrize("name", SETS)


def with_mirrors(real):
    return [([mirror + file for mirror in real.mirrors], md5) for file, md5 in real.resources]


# Addresses and md5 of each file, of the sets that are torchvision's.
TORCHVISIONS = {
    "mnist": with_mirrors(torchvisions_sets.MNIST),
    "fashion_mnist": with_mirrors(torchvisions_sets.FashionMNIST),
    "cifar10": [([torchvisions_sets.CIFAR10.url], torchvisions_sets.CIFAR10.tgz_md5)],
    "cats_vs_dogs": [([at], md5) for at, md5 in torchvisions_sets.OxfordIIITPet._RESOURCES],
}


@pytest.mark.parametrize("name", TORCHVISIONS)
def test_addresses_and_hashes_are_torchvisions(name):
    """In whatever order this version of torchvision asks its addresses."""
    found = [({*file.addresses}, file.hash) for file in SETS[name].files]
    assert found == [({*addresses}, f"md5:{md5}") for addresses, md5 in TORCHVISIONS[name]]


@every_set
def test_an_entry_is_whole(name):
    one = SETS[name]
    assert one.name == name and one.title and one.licence and one.publication
    assert len(set(one.classes)) == len(one.classes)
    assert len({file.path for file in one.files}) == len(one.files)
    for file in one.files:
        algorithm, digits = file.hash.split(":")
        assert re.fullmatch({"md5": "[0-9a-f]{32}", "sha256": "[0-9a-f]{64}"}[algorithm], digits)
        for address in file.addresses:
            assert re.match("https?://", address)
            assert address.rsplit("/", 1)[1] == file.path.rsplit("/", 1)[-1]
    if one.kind == IMAGES:
        assert callable(getattr(standins, one.drawn))
        assert one.reader in image_sets.READERS or not one.files
        assert len(one.mean) == len(one.std) in (1, 3)


@every_set
def test_the_page_of_the_data_folder_has_every_file_and_hash(name):
    assert any(line.startswith(f"| `{name}` |") for line in PAGE)
    for file in SETS[name].files:
        if SETS[name].kind.arrays:
            (row,) = (line for line in PAGE if f"| `{file.path}` |" in line)
            assert f"| {file.hash.replace(':', ' `')}` |" in row
        else:  # of the grey photos, folders
            assert any(
                f"| `{name}` |" in line and f"| `{Path(file.path).parent.as_posix()}/` |" in line
                for line in PAGE
            )


def test_the_page_of_the_data_folder_has_every_licence():
    told, name = {}, None
    for line in PAGE:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        name = re.sub("^`(.*)`$", r"\1", cells[0]) or name if line.startswith("|") else None
        if name and len(cells) > 3 and cells[3]:
            told[name] = cells[3]  # of cats and dogs the last: what can be downloaded
    for name, one in SETS.items():
        assert told[name] == one.licence or told[name].endswith(f"; {one.licence}"), name


def test_a_new_set_is_one_entry(folder, monkeypatch, capsys):  # noqa: F811
    botswana = DataSet(
        name="botswana",
        kind=SCENES,
        title="Botswana",
        classes=("water", "grass"),
        counts=(300, 200),
        wavelengths=np.linspace(400, 2500, 5),
    )
    monkeypatch.setitem(SETS, "botswana", botswana)
    made = ck.load_scene("botswana")
    assert made.source == "Botswana stand-in (synthetic)" and made.cube.shape[2] == 5
    cube, labels = np.ones((4, 4, 5)), np.arange(16).reshape(4, 4) % 3
    np.savez(folder / "botswana.npz", cube=cube, labels=labels, source="Botswana")
    assert ck.load_scene("botswana").classes == ("water", "grass")
    assert datasets.list_sets(["botswana"]) == datasets.verify(["botswana"]) == 0
    assert "botswana  prepared file" in capsys.readouterr().out
    with pytest.raises(ValueError, match="there is no scene 'KSC': choose one of .*botswana"):
        ck.load_scene("KSC")


def test_what_is_not_known_of_a_new_set_may_be_left_out(folder, monkeypatch, capsys):  # noqa: F811
    classes = tuple("0123456789")
    plain = DataSet(name="kmnist", kind=IMAGES, title="KMNIST", classes=classes, drawn="digits")
    monkeypatch.setitem(SETS, "kmnist", plain)
    images, labels = np.full((10, 28, 28), 255, np.uint8), np.arange(10)
    arrays = {"train_images": images, "train_labels": labels, "classes": classes, "source": "K"}
    np.savez(folder / "kmnist.npz", **arrays, test_images=images, test_labels=labels)
    train, _ = ck.load("kmnist")
    assert train.mean == (0.0,) and train.std == (1.0,) and (train[0][0] == 1).all()
    bare = DataSet(name="ksc", kind=SCENES, title="KSC", classes=("a", "b"), counts=(300, 200))
    monkeypatch.setitem(SETS, "ksc", bare)
    assert ck.load_scene("ksc").wavelengths is None
    np.savez(folder / "ksc.npz", cube=np.ones((4, 4, 5)), labels=np.eye(4, dtype=int), source="K")
    assert ck.load_scene("ksc").wavelengths is None


@pytest.mark.parametrize(
    "kind, fields, missing",
    [
        (IMAGES, {}, "data set new needs classes, drawn"),
        (IMAGES, {"classes": "ab", "drawn": "digits", "files": True}, "data set new needs reader"),
        (SCENES, {"classes": "ab"}, "scene new needs counts"),
        (SCENES, {"classes": "a", "counts": (1,), "files": True}, "scene new needs variables"),
        (GREY_PHOTOS, {}, "set of grey photos new needs part"),
        (PAIRS, {"classes": "ab", "files": True}, "set of pairs new needs features"),
    ],
)
def test_a_missing_field_is_named(kind, fields, missing):
    if "files" in fields:
        fields = {**fields, "files": (File("new/file", ("http://nobody",), "md5:0"),)}
    with pytest.raises(ValueError, match=f"^the {missing}$"):
        DataSet(name="new", kind=kind, title="New", **fields)
