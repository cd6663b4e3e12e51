# ruff: noqa: F811
"""Loading image sets: what is taken in which order, what damaged files and dead networks do."""

import hashlib
import io
import pickle
import tarfile
import time
from dataclasses import replace

import numpy as np
import pytest
from mirror import Mirror, change_set, everything_below, folder, mirror, place, prepared, published  # noqa: F401
from patience import HANGS
from torchvision import datasets

import coursekit as ck
from coursekit.data.catalogue import SETS

# ---- in which order


def test_a_prepared_file_comes_first(folder, published, capsys):
    place(folder, published)
    arrays = prepared(source="the prepared one")
    np.savez(folder / "mnist.npz", **arrays)
    train, test = ck.load("mnist")
    assert train.source == test.source == "the prepared one"
    assert (len(train), len(test)) == (30, 10)
    assert np.array_equal(train.pixels()[..., 0], arrays["train_images"])
    assert np.array_equal(train.labels, arrays["train_labels"])
    assert capsys.readouterr().out == "", "no banner for real data"


def test_prepared_colour_images_keep_their_channels(folder):
    colour = np.random.default_rng(1).integers(0, 256, (10, 32, 32, 3), dtype=np.uint8)
    np.savez(
        folder / "cifar10.npz",
        **prepared(
            train_images=colour,
            test_images=colour,
            train_labels=np.arange(10),
            test_labels=np.arange(10),
        ),
    )
    train, _ = ck.load("cifar10")
    assert train.images.shape == (10, 3, 32, 32)
    assert np.array_equal(train.pixels(), colour)


def test_then_the_publishers_files(folder, published, capsys):
    place(folder, published)
    train, test = ck.load("mnist", mean=0, std=1)
    arrays = prepared()
    for part, name in ((train, "train"), (test, "test")):
        assert part.source == "MNIST"
        assert np.array_equal(part.pixels()[..., 0], arrays[f"{name}_images"])
        assert np.array_equal(part.labels, arrays[f"{name}_labels"])
    assert capsys.readouterr().out == ""


def test_mean_and_std_can_be_chosen(folder, capsys):
    assert (ck.load("cifar10")[0].mean, ck.load("cifar10")[0].std) == (
        (0.4914, 0.4822, 0.4465),
        (0.2470, 0.2435, 0.2616),
    )
    train, test = ck.load("cifar10", mean=(0.5, 0.5, 0.5), std=0.25)
    assert (train.mean, train.std) == (test.mean, test.std) == ((0.5, 0.5, 0.5), 0.25)


def test_cifar_archive(folder, monkeypatch):
    """torchvision's own reader is the reference."""
    random = np.random.default_rng(0)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:

        def add(name, content):
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))

        meta = pickle.dumps({"label_names": list(SETS["cifar10"].classes)})
        add("batches.meta", meta)
        hashes = {"batches.meta": hashlib.md5(meta).hexdigest()}
        for name, _ in datasets.CIFAR10.test_list + datasets.CIFAR10.train_list[::-1]:
            pixels = random.integers(0, 256, (4, 3072), dtype=np.uint8)
            content = pickle.dumps({"data": pixels, "labels": random.integers(0, 10, 4).tolist()})
            hashes[name] = hashlib.md5(content).hexdigest()
            add(name, content)
    content = archive.getvalue()
    (folder / datasets.CIFAR10.filename).write_bytes(content)
    md5 = f"md5:{hashlib.md5(content).hexdigest()}"
    change_set(monkeypatch, "cifar10", files=(replace(SETS["cifar10"].files[0], hash=md5),))
    train, test = ck.load("cifar10")

    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        # Python before 3.10.12 and 3.11.4 knows no filters, and Python 3.12 warns where there is
        # none
        tar.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    for key in ("train_list", "test_list"):
        monkeypatch.setattr(
            datasets.CIFAR10,
            key,
            [(name, hashes[name]) for name, _ in getattr(datasets.CIFAR10, key)],
        )
    monkeypatch.setattr(
        datasets.CIFAR10, "meta", datasets.CIFAR10.meta | {"md5": hashes["batches.meta"]}
    )
    for part, is_train in ((train, True), (test, False)):
        reference = datasets.CIFAR10(folder, train=is_train)
        assert part.source == "CIFAR-10"
        assert np.array_equal(part.pixels(), reference.data)
        assert part.labels.tolist() == reference.targets


# ---- bad files


def refuse(name, path, *parts):
    """load must refuse with all these words, and leave the file as it is."""
    before = path.read_bytes()
    with pytest.raises(ck.DataError) as caught:
        ck.load(name)
    for part in (path.name, *parts):
        assert part in str(caught.value)
    assert path.read_bytes() == before


def break_file(path, how):
    content = bytearray(path.read_bytes())
    if how == "truncated":
        content = content[: len(content) // 2]
    elif how == "corrupt":
        content[len(content) // 2] ^= 0xFF
    else:
        content = b""
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["truncated", "corrupt", "empty"])
@pytest.mark.parametrize("listed", [True, False])
def test_a_damaged_prepared_file_is_named(folder, how, listed):
    path = folder / "mnist.npz"
    np.savez_compressed(path, **prepared())
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    if listed:
        (folder / "SHA256SUMS").write_text(f"{'0' * 64}  other.npz\n{expected} *mnist.npz\n")
    break_file(path, how)
    refuse("mnist", path, expected if listed else "damaged", "move it away")


@pytest.mark.parametrize("how", ["truncated", "corrupt", "empty"])
@pytest.mark.parametrize("which", [0, 3])
def test_a_damaged_published_file_is_named(folder, published, how, which):
    place(folder, published)
    known = SETS["mnist"].files[which]
    path = folder / known.path
    break_file(path, how)
    refuse("mnist", path, known.hash.removeprefix("md5:"), "damaged", "move it away")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"train_labels": np.arange(30)},
            "mnist.npz: a prepared set: labels must lie in 0 … 9 for 10 classes, but run from 0",
        ),
        ({"test_labels": np.arange(10) - 1}, "labels must lie in 0 … 9"),
        ({"test_labels": np.arange(9)}, "one for each of the 10 images"),
        (
            {"train_images": np.zeros((30, 28, 28))},
            "images must be uint8 N×C×H×W, not float64 30×1×28×28",
        ),
        ({"train_images": np.zeros((30, 784), np.uint8)}, "images must be uint8 N×C×H×W"),
        ({"train_labels": np.full(30, 1.5)}, "labels must be whole numbers, not float64"),
        ({"train_images": np.zeros((30, 8, 8), np.uint8)}, "images of one size"),
        (
            {"test_images": np.zeros((0, 28, 28), np.uint8), "test_labels": np.arange(0)},
            "a part is empty",
        ),
        (
            {"train_images": np.zeros((30, 1, 28, 28), np.uint8)},
            "the last axis .transpose.*, not uint8 30×1×28×28",
        ),
        (
            {"train_images": np.zeros((30, 28, 28, 3), np.uint8)},
            "MNIST needs images with 1 channel",
        ),
        ({"test_images": np.zeros((10, 0, 0), np.uint8)}, "not uint8 10×1×0×0"),
        ({"train_images": np.zeros(30, [("a", "u1")])}, "images must be uint8"),
        ({"classes": [*"0123456788"]}, "two classes have the same name, 8"),
        ({"classes": np.zeros((10, 1), "U1")}, "classes must be text, not <U1 10×1"),
        ({"classes": [*"012345678", " "]}, "classes must not be empty"),
        ({"classes": np.arange(10) / 2}, "classes must be text"),
        ({"source": ""}, "source must not be empty"),
        ({"source": np.array(["a", "b"])}, "source must be one text"),
        ({"source": 3}, "source must be one text"),
        ({"classes": "digit"}, "labels must lie in 0 … 0 for 1 classes"),
    ],
)
def test_arrays_that_do_not_fit(folder, changes, words):
    np.savez(folder / "mnist.npz", **prepared(**changes))
    with pytest.raises(ck.DataError, match=words):
        ck.load("mnist")


@pytest.mark.parametrize("text", [b"caf\xc3\xa9", "caf\u00e9"])
def test_a_source_in_bytes_and_what_is_odd_but_can_be_loaded(folder, capsys, text):
    arrays = prepared()
    copies = {"test_images": arrays["train_images"][:10], "train_labels": np.zeros(30, int)}
    np.savez(folder / "mnist.npz", **prepared(**copies, source=text))
    assert ck.load("mnist")[0].source == "caf\u00e9"
    said = capsys.readouterr().out
    assert "the test data are a copy of training data" in said and "all of one class" in said


# ---- the network


def test_load_falls_back_with_its_real_patience(mirror, folder, monkeypatch, capsys):
    addresses = (f"{mirror}silent/x", f"{mirror}drip/x")
    files = tuple(replace(file, addresses=addresses) for file in SETS["mnist"].files)
    change_set(monkeypatch, "mnist", files=files)
    start = time.monotonic()
    train, _ = ck.load("mnist")
    assert time.monotonic() - start < HANGS
    assert train.source == "MNIST stand-in (synthetic)"
    assert "the download of train-images-idx3-ubyte.gz failed" in capsys.readouterr().out
    assert everything_below(folder) == []


def test_load_downloads_what_is_missing(mirror, folder, published, monkeypatch, capsys):
    *there, last = published
    place(folder, {path: published[path] for path in there})
    monkeypatch.setattr(Mirror, "content", published[last])
    files = tuple(replace(file, addresses=(f"{mirror}good/x",)) for file in SETS["mnist"].files)
    change_set(monkeypatch, "mnist", files=files)
    assert ck.load("mnist")[0].source == "MNIST"
    assert sorted(everything_below(folder)) == sorted(published)
    assert capsys.readouterr().out == ""


def test_a_folder_that_cannot_be_written(mirror, folder, monkeypatch):
    (folder / "file").write_text("a file is no folder, for root neither")
    monkeypatch.setenv("COURSEKIT_DATA", str(folder / "file" / "data"))
    with pytest.raises(
        ck.DataError, match="cannot be stored.*make this folder writable.*COURSEKIT_DATA"
    ):
        ck.load("mnist")
