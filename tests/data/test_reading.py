# ruff: noqa: F811
"""Files that are damaged, odd or made to do harm: what is read is right, all else is a
``DataError``."""

import gzip
import hashlib
import io
import os
import random
import struct
import tarfile
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch
from mirror import folder, idx, place, prepared, published  # noqa: F401  (fixtures)
from scipy.io import savemat

import coursekit as ck
from coursekit.data import download, reading
from coursekit.data.catalogue import SETS
from coursekit.data.denoising import GreyPhotos


def archive(compression=zipfile.ZIP_STORED, **changes):
    """A prepared file of MNIST; an array may be given as its bytes."""
    with zipfile.ZipFile(buffer := io.BytesIO(), "w", compression) as packed:
        for key, array in prepared(**changes).items():
            if not isinstance(array, bytes):
                np.lib.format.write_array(member := io.BytesIO(), np.asarray(array))
                array = member.getvalue()
            packed.writestr(f"{key}.npy", array)
    return buffer.getvalue()


def refused(name="mnist"):
    """What the loader says of the file; nothing else may come out of it."""
    load = (
        ck.load_scene if SETS[name].variables else ck.load_pairs if name == "wikipedia" else ck.load
    )
    with pytest.raises(ck.DataError) as caught:
        load(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ---- archives of arrays


def test_damage_to_an_archive_that_numpy_would_not_write(folder):
    whole, generator = archive(zipfile.ZIP_LZMA), random.Random(0)
    for _ in range(60):
        damaged = bytearray(whole)
        at, to = sorted(generator.randrange(len(whole)) for _ in range(2))
        change = generator.choice("xcdz")
        if change == "x":
            damaged[at] ^= generator.randrange(1, 256)
        elif change == "c":
            del damaged[to:]
        elif change == "d":
            damaged[at:at] = damaged[at:to]
        else:
            damaged[at:to] = bytes(to - at)
        (folder / "mnist.npz").write_bytes(damaged)
        try:
            train, _ = ck.load("mnist")
        except ck.DataError as error:
            assert str(error).startswith("mnist.npz ")
        else:
            assert np.array_equal(train.pixels()[..., 0], prepared()["train_images"])


def header(text):
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text.encode()


@pytest.mark.parametrize("key", ["train_images", "test_labels", "classes", "source"])
@pytest.mark.parametrize(
    "content",
    [
        header("{'descr': '|u1', 'fortran_order': False, 'shape': (10000000000, 28, 28), }"),
        header("{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000000,), }"),
        header("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }") + bytes(50),
        header("{'descr': '|u1', 'fortran_order': False, 'shape': (-1,), }"),
        header("(" * 900),
        b"\x93NUMPY\x09\0rubbish",
        b"",
    ],
)
def test_headers_that_claim_what_is_not_there(folder, key, content):
    (folder / "mnist.npz").write_bytes(archive(**{key: content}))
    assert "damaged or no archive of arrays" in refused()


@pytest.mark.parametrize("compression", [8, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_small_file_does_not_fill_the_memory(folder, compression, monkeypatch):
    monkeypatch.setattr(reading, "ROOM", 40e6)
    images = np.broadcast_to(np.uint8(0), (60_000, 28, 28))
    (folder / "mnist.npz").write_bytes(archive(compression, train_images=images))
    tracemalloc.start()
    said = refused()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6 and "save it" in said


def test_any_order_of_bytes_and_axes(folder):
    swapped = {key: np.asarray(array) for key, array in prepared().items()}
    swapped = {key: x.astype(x.dtype.newbyteorder(">"), order="F") for key, x in swapped.items()}
    (folder / "mnist.npz").write_bytes(archive(**swapped))
    train, test = ck.load("mnist")
    assert np.array_equal(train.pixels()[..., 0], prepared()["train_images"])
    assert test.labels.tolist() == [*range(10)] and test.classes == tuple("0123456789")


# ---- files that are none


def pipe(path):
    os.mkfifo(path)


@pytest.mark.skipif(os.name == "nt", reason="there are no pipes there")
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (pipe, "is a pipe or a device"),
        (os.mkdir, "is a folder"),
        (lambda path: path.symlink_to(path), "is a link that leads nowhere"),
        (lambda path: path.symlink_to("gone"), "is a link that leads nowhere"),
    ],
)
def test_what_is_no_file(folder, make, words):
    make(folder / "mnist.npz")
    assert f"mnist.npz {words}" in refused()


@pytest.mark.parametrize("how", ["upper", "./", "utf-16"])
def test_lists_of_hashes_as_other_programs_write_them(folder, how):
    place(folder, {"mnist.npz": archive()})

    def listed(digits):
        line = (
            f"{digits.upper() if how == 'upper' else digits}  {'./' * (how == './')}mnist.npz\r\n"
        )
        place(folder, {"SHA256SUMS": line.encode("utf-16" if how == "utf-16" else "utf-8")})

    listed(hashlib.sha256(archive()).hexdigest())
    assert ck.load("mnist")[0].source == "a prepared set"
    listed("a" * 64)
    assert "SHA256SUMS expects aaaa" in refused()


def test_a_list_of_hashes_that_is_no_text(folder):
    place(folder, {"mnist.npz": archive(), "SHA256SUMS": "Größe".encode("latin-1")})
    assert "SHA256SUMS is not text in UTF-8" in refused()
    (folder / "SHA256SUMS").unlink()
    (folder / "SHA256SUMS").mkdir()
    assert "SHA256SUMS is a folder" in refused()


# ---- the publishers' formats, as if nobody knew their hashes


@pytest.fixture
def unchecked(monkeypatch):
    monkeypatch.setattr(download, "check_hash", lambda *_: None)


IMAGES, LABELS = prepared()["train_images"], np.zeros(30, np.uint8)


@pytest.mark.parametrize(
    ("which", "content"),
    [
        (0, b""),
        (0, b"\x1f\x8b"),
        (0, gzip.compress(b"", mtime=0)),
        (0, idx(IMAGES, 2051, 30, 28, 28)[:-300]),
        (0, idx(IMAGES, 2051, 31, 28, 28)),
        (0, idx(IMAGES, 2051, 2**32 - 1, 28, 28)),
        (0, idx(IMAGES, 2051, 30, 1, 784)),
        (0, idx(IMAGES, 2049, 30 * 784)),
        (1, idx(LABELS, 2049, 29)),
        (1, idx(LABELS + 10, 2049, 30)),
        (1, idx(LABELS, 2051, 30, 1, 1)),
    ],
)
def test_mnists_format(folder, published, unchecked, which, content):
    place(folder, published)
    place(folder, {SETS["mnist"].files[which].path: content})
    assert "ubyte.gz" in refused()


def packed(files):
    with tarfile.open(fileobj=(buffer := io.BytesIO()), mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_cifars_format(folder, unchecked):
    (path,) = (file.path for file in SETS["cifar10"].files)
    for files in ({}, {"data_batch_1": b"no pickle"}, {"data_batch_1": b"(lp0\n."}):
        place(folder, {path: packed(files)})
        assert f"{path} in the data folder is damaged" in refused("cifar10")


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        (b"Abyssinian_1\n", "trainval.txt in the data folder is damaged"),
        (b"Abyssinian_1 1 3 1\n", "trainval.txt in the data folder is damaged"),
        (b"\xff", "trainval.txt is not text"),
        (None, "trainval.txt is not there"),
    ],
)
def test_oxfords_lists(folder, unchecked, listed, words):
    lists = {"annotations/test.txt": b""}
    lists |= {"annotations/trainval.txt": listed} if listed else {}
    images, annotations = (file.path for file in SETS["cats_vs_dogs"].files)
    place(folder, {images: packed({"images/a.jpg": b""}), annotations: packed(lists)})
    assert words in refused("cats_vs_dogs")


def test_oxfords_archive_writes_nowhere_else(folder, unchecked):
    images, annotations = (file.path for file in SETS["cats_vs_dogs"].files)
    place(folder, {images: packed({"../../escaped": b"x"}), annotations: packed({})})
    refused("cats_vs_dogs")
    assert not [*folder.rglob("escaped")]


def mat(**variables):
    savemat(buffer := io.BytesIO(), variables, do_compression=True)
    return buffer.getvalue()


CUBE, GROUND = np.ones((9, 8, 200), np.uint16), np.ones((9, 8), np.uint8)


@pytest.mark.parametrize(
    ("cube", "labels"),
    [
        (b"", mat(indian_pines_gt=GROUND)),
        (
            b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM\x89HDF\r\n\x1a\n",
            mat(indian_pines_gt=GROUND),
        ),
        (mat(indian_pines_corrected=CUBE)[:-40], mat(indian_pines_gt=GROUND)),
        (mat(other=CUBE), mat(indian_pines_gt=GROUND)),
        (mat(indian_pines_corrected=CUBE), mat(indian_pines_gt=GROUND + 16)),
        (mat(indian_pines_corrected=CUBE), mat(indian_pines_gt=GROUND.T)),
    ],
)
def test_a_scene_of_matlab(folder, unchecked, cube, labels):
    paths = [file.path for file in SETS["indian_pines"].files]
    place(folder, dict(zip(paths, (cube, labels))))
    assert "Indian_pines" in refused("indian_pines")


@pytest.mark.parametrize(
    "listed", [b"a\tb\n", b"a\tb\tx\n", b"a\tb\t0\n" * 6, b"a\tb\t1\n", b"\xff\n"]
)
def test_wikipedias_lists(folder, unchecked, listed):
    features, train, test = (file.path for file in SETS["wikipedia"].files)
    made = {f"{kind}_{part}": np.ones((6, 3)) for kind in "IT" for part in ("tr", "te")}
    place(folder, {features: mat(**made), train: listed, test: b"a\tb\t1\n" * 6})
    assert "trainset_txt_img_cat.list" in refused("wikipedia")


# ---- trained weights, and grey photos


@pytest.mark.filterwarnings("ignore:.*(sparse|TypedStorage)")
@pytest.mark.parametrize(
    ("weight", "words"),
    [
        (torch.full((2, 3), torch.nan), "weight with values that are not finite"),
        (torch.ones(2, 3, dtype=torch.int64), "1 hold other numbers .*int64 in the file"),
        (torch.ones(2, 3, dtype=torch.complex64), "1 hold other numbers .*complex64 in the file"),
        (torch.ones(2, 3).to_sparse(), "weight in a form that is not dense"),
        (torch.ones(2, 3, device="meta"), "1 hold other numbers"),
    ],
)
def test_weights_that_are_no_weights(tmp_path, weight, words):
    model = torch.nn.Linear(3, 2)
    before = model.weight.clone()
    torch.save({"weight": weight, "bias": torch.ones(2)}, tmp_path / "w.pth")
    with pytest.raises(ck.DataError, match=words):
        ck.load_weights(model, tmp_path / "w.pth")
    assert torch.equal(model.weight, before)


def test_a_grey_photo_of_nothing():
    with pytest.raises(ValueError, match="but a.png is uint8 0×5"):
        GreyPhotos([torch.zeros(0, 5, dtype=torch.uint8)], ["a.png"], "x")
