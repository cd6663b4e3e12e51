"""Loading: what is taken in which order, what damaged files and dead networks do; the data sets and
their loaders."""

import contextlib
import gzip
import hashlib
import http.server
import io
import pickle
import socket
import tarfile
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.utils.data import DataLoader
from torchvision import datasets
from torchvision.transforms import v2

import coursekit as ck
from coursekit import data, download

TEN = tuple("0123456789")


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """An empty data folder at a scale that uses real data, with small stand-ins."""
    monkeypatch.setenv("COURSEKIT_SCALE", "laptop")
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path))
    for name, shape in (
        ("mnist", (1, 28, 28)),
        ("fashion_mnist", (1, 28, 28)),
        ("cifar10", (3, 32, 32)),
        ("cats_vs_dogs", (3, 16, 16)),
    ):
        images, labels = (
            torch.zeros(20, *shape, dtype=torch.uint8),
            torch.arange(20) % len(data.KNOWN[name].classes),
        )
        standin = replace(
            data.KNOWN[name], standin=lambda x=images, y=labels, size=None: (x, y, x, y)
        )
        monkeypatch.setitem(data.KNOWN, name, standin)
    return tmp_path


def prepared(**changes):
    """The arrays of a small prepared file."""
    random = np.random.default_rng(0)
    arrays = {
        "train_images": random.integers(0, 256, (30, 28, 28), dtype=np.uint8),
        "train_labels": np.arange(30) % 10,
        "test_images": random.integers(0, 256, (10, 28, 28), dtype=np.uint8),
        "test_labels": np.arange(10),
        "classes": np.array(TEN),
        "source": "a prepared set",
    }
    return {key: value for key, value in (arrays | changes).items() if value is not None}


def idx(array, *header):
    """A gzipped file in MNIST's format."""
    return gzip.compress(
        b"".join(int(number).to_bytes(4, "big") for number in header) + array.tobytes(), mtime=0
    )


@pytest.fixture
def published(monkeypatch):
    """MNIST's four files by name, small, with their own hashes registered: {name: bytes}."""
    arrays = prepared()
    contents = []
    for part in ("train", "test"):
        x, y = arrays[f"{part}_images"], arrays[f"{part}_labels"].astype(np.uint8)
        contents += [idx(x, 2051, len(x), 28, 28), idx(y, 2049, len(y))]
    known = data.KNOWN["mnist"]
    files = tuple(
        replace(file, hash=f"md5:{hashlib.md5(content).hexdigest()}")
        for file, content in zip(known.files, contents)
    )
    monkeypatch.setitem(data.KNOWN, "mnist", replace(known, files=files))
    return {file.path: content for file, content in zip(files, contents)}


def place(folder, files):
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


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


def test_then_a_stand_in_with_its_reason(folder, capsys):
    train, test = ck.load("mnist")
    banner = capsys.readouterr().out
    assert train.source == test.source == "MNIST stand-in (synthetic)"
    assert (
        "NOT MNIST" in banner
        and "COURSEKIT_OFFLINE" in banner
        and "20 + 20 made-up images" in banner
    )


def test_scale_smoke_never_uses_real_data(folder, monkeypatch, capsys):
    np.savez(folder / "mnist.npz", **prepared())
    monkeypatch.setenv("COURSEKIT_SCALE", "smoke")
    train, _ = ck.load("mnist")
    assert train.source == "MNIST stand-in (synthetic)"
    assert "why: scale smoke" in capsys.readouterr().out


def test_mean_and_std_can_be_chosen(folder, capsys):
    assert (ck.load("cifar10")[0].mean, ck.load("cifar10")[0].std) == (
        (0.4914, 0.4822, 0.4465),
        (0.2470, 0.2435, 0.2616),
    )
    train, test = ck.load("cifar10", mean=(0.5, 0.5, 0.5), std=0.25)
    assert (train.mean, train.std) == (test.mean, test.std) == ((0.5, 0.5, 0.5), 0.25)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(
        ValueError,
        match="no data set 'minst': choose one of mnist, fashion_mnist, cifar10, cats_vs_dogs",
    ):
        ck.load("minst")


def test_cifar_archive(folder, monkeypatch):
    """torchvision's own reader is the reference."""
    random = np.random.default_rng(0)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:

        def add(name, content):
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))

        meta = pickle.dumps({"label_names": list(data.KNOWN["cifar10"].classes)})
        add("batches.meta", meta)
        hashes = {"batches.meta": hashlib.md5(meta).hexdigest()}
        for name, _ in datasets.CIFAR10.test_list + datasets.CIFAR10.train_list[::-1]:
            pixels = random.integers(0, 256, (4, 3072), dtype=np.uint8)
            content = pickle.dumps({"data": pixels, "labels": random.integers(0, 10, 4).tolist()})
            hashes[name] = hashlib.md5(content).hexdigest()
            add(name, content)
    content = archive.getvalue()
    (folder / datasets.CIFAR10.filename).write_bytes(content)
    known = data.KNOWN["cifar10"]
    md5 = f"md5:{hashlib.md5(content).hexdigest()}"
    monkeypatch.setitem(
        data.KNOWN, "cifar10", replace(known, files=(replace(known.files[0], hash=md5),))
    )
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
    refuse("mnist", path, expected if listed else "not listed", "move it away")


def test_a_listed_hash_is_checked_even_if_the_file_can_be_read(folder):
    path = folder / "mnist.npz"
    np.savez(path, **prepared())
    (folder / "SHA256SUMS").write_text(f"{'1' * 64}  mnist.npz\n")
    refuse("mnist", path, "1" * 64, hashlib.sha256(path.read_bytes()).hexdigest())
    (folder / "SHA256SUMS").write_text(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  mnist.npz\n"
    )
    assert ck.load("mnist")[0].source == "a prepared set"


@pytest.mark.parametrize("how", ["truncated", "corrupt", "empty"])
@pytest.mark.parametrize("which", [0, 3])
def test_a_damaged_published_file_is_named(folder, published, how, which):
    place(folder, published)
    known = data.KNOWN["mnist"].files[which]
    path = folder / known.path
    break_file(path, how)
    refuse("mnist", path, known.hash.removeprefix("md5:"), "damaged", "move it away")


@pytest.mark.parametrize("key", ["train_images", "test_labels", "classes", "source"])
def test_a_missing_array_is_named(folder, key):
    np.savez(folder / "mnist.npz", **prepared(**{key: None}))
    refuse(
        "mnist",
        folder / "mnist.npz",
        key,
        "train_images, train_labels, test_images, test_labels, classes, source",
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"train_labels": np.arange(30)},
            "mnist.npz: a prepared set: labels must lie in 0 … 9 for 10 classes, but run from 0 to 29",
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
    ],
)
def test_arrays_that_do_not_fit(folder, changes, words):
    np.savez(folder / "mnist.npz", **prepared(**changes))
    with pytest.raises(ck.DataError, match=words):
        ck.load("mnist")


# ---- the network


class Mirror(http.server.BaseHTTPRequestHandler):
    """A server on this machine that misbehaves as its path says."""

    content, over = bytes(range(256)) * 400, None  # over: an event that ends what hangs

    def do_GET(self):
        kind = self.path.split("/")[1]
        if kind == "silent":
            self.over.wait(60)
        elif kind == "missing":
            self.send_error(404)
        elif kind == "late":  # every header line in time, but one after the other
            self.wfile.write(b"HTTP/1.0 200 OK\r\n")
            for i in range(20):
                if self.over.wait(0.1):
                    return
                self.wfile.write(f"X-{i}: slow\r\n".encode())
            self.wfile.write(b"\r\n" + self.content)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.content)))
            self.end_headers()
            if kind == "good":
                self.wfile.write(self.content)
            elif kind == "wrong":
                self.wfile.write(self.content[::-1])
            elif kind == "broken":
                self.wfile.write(self.content[:1000])
            elif kind == "drip":
                for byte in self.content:
                    self.wfile.write(bytes([byte]))
                    if self.over.wait(1):
                        return

    def handle(self):
        with contextlib.suppress(OSError):  # the other side has gone
            super().handle()

    def log_message(self, *_):
        pass


@pytest.fixture
def mirror(monkeypatch):
    """The address of a ``Mirror``; the network is on."""
    monkeypatch.delenv("COURSEKIT_OFFLINE")
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(Mirror, "over", threading.Event())
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        Mirror.over.set()
        server.shutdown()


GOOD = "sha256:" + hashlib.sha256(Mirror.content).hexdigest()


def everything_below(folder):
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def test_fetch_stores_the_file(mirror, tmp_path):
    download.fetch([f"{mirror}good/file"], tmp_path / "new" / "file.gz", GOOD)
    assert (tmp_path / "new" / "file.gz").read_bytes() == Mirror.content
    assert everything_below(tmp_path) == ["new/file.gz"]


def test_the_first_digits_of_a_hash_are_checked_too(mirror, tmp_path):
    """The names of torchvision's weights hold no more."""
    download.fetch([f"{mirror}good/file"], tmp_path / "file.pth", GOOD[:15])
    assert (tmp_path / "file.pth").read_bytes() == Mirror.content
    with pytest.raises(ConnectionError, match="other bytes"):
        download.fetch([f"{mirror}wrong/file"], tmp_path / "other.pth", GOOD[:15])
    assert everything_below(tmp_path) == ["file.pth"]
    with pytest.raises(ck.DataError, match="file.pth is damaged .*expected 12345678"):
        download.check_hash(tmp_path / "file.pth", "sha256:12345678")


PROGRESS = """
from coursekit.download import Progress
with Progress("photos", total=2000) as progress:
    progress.show(1200)
try:
    with Progress("a<b.gz", unit="B") as progress:
        1 / 0
except ZeroDivisionError:
    pass
"""


def test_progress_in_a_notebook_ends_as_a_line():
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(PROGRESS)])
    nbclient.NotebookClient(notebook, kernel_name="python3").execute()
    outputs = notebook.cells[0].outputs
    assert [output["output_type"] for output in outputs] == ["display_data"] * 2, (
        "nothing on stderr"
    )
    assert [dict(output["data"]) for output in outputs] == [
        {"text/plain": "photos: done after 0 s"},
        {"text/plain": "a<b.gz: stopped by ZeroDivisionError after 0 s"},
    ]


def test_progress_in_a_notebook_is_a_bar(monkeypatch):
    shown = []
    handle = SimpleNamespace(update=lambda content, raw: shown.append(content))
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: handle)
    monkeypatch.setattr("coursekit.download._in_notebook", lambda: True)
    monkeypatch.setattr(time, "monotonic", iter(range(0, 100, 1)).__next__)
    with data.Progress("photos", total=2000) as progress:
        progress.show(1200)
    with data.Progress("a<b.gz", unit="B") as progress:
        progress.show(1_500_000)
        progress.show(3_000_000, 6_000_000)
    assert [content.get("text/html") for content in shown] == [
        '<progress max="2000" value="1200" aria-label="photos: 1,200 of 2,000"></progress> photos: 1,200 of 2,000',
        None,
        "a&lt;b.gz: 1.50MB",
        '<progress max="6000000" value="3000000" aria-label="a&lt;b.gz: 3.00MB of 6.00MB"></progress> '
        "a&lt;b.gz: 3.00MB of 6.00MB",
        None,
    ]
    assert (
        shown[0]["text/plain"] == "photos: 1,200 of 2,000"
        and shown[2]["text/plain"] == "a<b.gz: 1.50MB"
    )


def test_progress_without_a_terminal_is_silent(capfd):
    with data.Progress("photos", total=2) as progress:
        progress.show(1)
    assert capfd.readouterr() == ("", "")


# On a busy machine a server may be silent for as long as the whole may take; then the socket says
# it first.
TOO_LATE = "(no answer within 0.4 seconds|timed out)"


@pytest.mark.parametrize(
    ("kind", "reason", "patience"),
    [
        ("wrong", "other bytes", 5),
        ("broken", "other bytes", 5),
        ("missing", "404", 5),
        ("silent", "", 0.4),
        ("drip", TOO_LATE, 0.4),
        ("late", TOO_LATE, 0.4),
    ],
)
def test_a_bad_address_is_left_in_time_and_leaves_nothing(mirror, tmp_path, kind, reason, patience):
    start = time.monotonic()
    with pytest.raises(
        ConnectionError, match=f"the download of file.gz failed .*127.0.0.1: .*{reason}"
    ):
        download.fetch([f"{mirror}{kind}/file"], tmp_path / "file.gz", GOOD, patience=patience)
    assert time.monotonic() - start < 10
    time.sleep(2.2 * (kind == "late"))  # its content comes when nobody waits any more
    assert everything_below(tmp_path) == []


def test_the_next_address_is_tried(mirror, tmp_path):
    addresses = [f"{mirror}{kind}/file" for kind in ("missing", "silent", "wrong", "good")]
    download.fetch(addresses, tmp_path / "file.gz", GOOD, patience=1)
    assert (tmp_path / "file.gz").read_bytes() == Mirror.content


def test_nobody_listens(monkeypatch, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(ConnectionError, match="refused"):
        download.fetch([f"http://127.0.0.1:{port}/file"], tmp_path / "file.gz", GOOD)


def test_load_falls_back_within_20_seconds_with_its_real_patience(
    mirror, folder, monkeypatch, capsys
):
    known = data.KNOWN["mnist"]
    files = tuple(
        replace(file, addresses=(f"{mirror}silent/x", f"{mirror}drip/x")) for file in known.files
    )
    monkeypatch.setitem(data.KNOWN, "mnist", replace(known, files=files))
    start = time.monotonic()
    train, _ = ck.load("mnist")
    assert time.monotonic() - start < 20
    assert train.source == "MNIST stand-in (synthetic)"
    assert "the download of train-images-idx3-ubyte.gz failed" in capsys.readouterr().out
    assert everything_below(folder) == []


def test_load_downloads_what_is_missing(mirror, folder, published, monkeypatch, capsys):
    known = data.KNOWN["mnist"]
    *there, last = published
    place(folder, {path: published[path] for path in there})
    monkeypatch.setattr(Mirror, "content", published[last])
    files = tuple(replace(file, addresses=(f"{mirror}good/x",)) for file in known.files)
    monkeypatch.setitem(
        data.KNOWN,
        "mnist",
        replace(
            data.KNOWN["mnist"],
            files=tuple(
                replace(file, hash=old.hash) for file, old in zip(files, data.KNOWN["mnist"].files)
            ),
        ),
    )
    assert ck.load("mnist")[0].source == "MNIST"
    assert sorted(everything_below(folder)) == sorted(published)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", data.KNOWN)
def test_offline_never_touches_the_network(folder, monkeypatch, name):
    def touched(*_, **__):
        raise AssertionError("the network was touched")

    for call in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, call, touched)
    monkeypatch.setattr(socket, "getaddrinfo", touched)
    assert "stand-in" in ck.load(name)[0].source
    assert everything_below(folder) == []


def test_a_folder_that_cannot_be_written(mirror, folder, monkeypatch):
    (folder / "file").write_text("a file is no folder, for root neither")
    monkeypatch.setenv("COURSEKIT_DATA", str(folder / "file" / "data"))
    with pytest.raises(
        ck.DataError, match="cannot be stored.*make this folder writable.*COURSEKIT_DATA"
    ):
        ck.load("mnist")


# ---- the data sets


def counted(n, shape=(1, 1, 2)):
    """n images whose pixels hold their own index, as high and low byte."""
    index = torch.arange(n)
    images = torch.stack([index // 256, index % 256], dim=1).to(torch.uint8).view(n, *shape)
    return ck.Images(images, index % 3, ("a", "b", "c"), "counted", 0, 1 / 255)


def indices(x):
    high, low = x.flatten(1).round().long().unbind(1)
    return (256 * high + low).tolist()


@given(st.integers(1, 700), st.integers(1, 130), st.booleans())
def test_every_image_comes_once_an_epoch(n, batch_size, shuffle):
    loader = counted(n).loader(batch_size, shuffle=shuffle)
    assert isinstance(loader, DataLoader)
    for _ in range(2):
        batches = [(indices(x), y) for x, y in loader]
        assert len(batches) == len(loader) == -(-n // batch_size)
        assert all(len(found) == batch_size for found, _ in batches[:-1])
        order = [i for found, _ in batches for i in found]
        assert sorted(order) == list(range(n))
        assert shuffle or order == sorted(order)
        assert torch.cat([y for _, y in batches]).tolist() == [i % 3 for i in order]


def test_shuffling_changes_from_epoch_to_epoch(seeded):
    loader = counted(500).loader(500, shuffle=True)
    first, second = (indices(next(iter(loader))[0]) for _ in range(2))
    assert first != second and first != sorted(first)


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_are_normalised_as_torchvision_does(channels):
    images = torch.randint(0, 256, (12, channels, 9, 7), dtype=torch.uint8)
    mean, std = (
        ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
        if channels == 3
        else ((0.1307,), (0.3081,))
    )
    ours = ck.Images(images, torch.zeros(12, dtype=torch.long), ("a",), "x", mean, std)
    usual = v2.Compose(
        [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, std)]
    )
    x, _ = next(iter(ours.loader(12)))
    assert x.dtype == torch.float32
    torch.testing.assert_close(
        x, torch.stack([usual(picture) for picture in ours.pixels()]), rtol=0, atol=2e-6
    )


def test_one_item_is_a_row_of_its_batch(pictures):
    x, y = pictures.__getitems__([5, 95, 5])
    for row, index in enumerate((5, -1, 5)):
        one, label = pictures[index]
        assert torch.equal(one, x[row])
        assert label == y[row] and isinstance(label, int)
    for outside in (96, -97):
        with pytest.raises(IndexError):
            pictures[outside]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_plain_dataloader_with_and_without_workers(pictures):
    def batches(**options):
        return list(DataLoader(pictures, batch_size=40, **options))

    plain = batches(collate_fn=pictures.loader(1).collate_fn)
    assert [len(y) for _, y in plain] == [40, 40, 16]
    workers = batches(collate_fn=pictures.loader(1).collate_fn, num_workers=2)
    for (x, y), (other_x, other_y) in zip(plain, workers, strict=True):
        assert torch.equal(x, other_x) and torch.equal(y, other_y)


def test_take_select_and_pixels(pictures):
    assert torch.equal(pictures.take(5).images, pictures.images[:5])
    assert len(pictures.take(1_000)) == 96
    some = pictures.select(torch.tensor([7, 3]))
    assert torch.equal(some.labels, pictures.labels[[7, 3]]) and some.source == pictures.source
    assert torch.equal(some[1][0], pictures[3][0])
    assert pictures.pixels([7, 3]).shape == (2, 8, 8, 1)
    assert np.array_equal(pictures.pixels([7, 3])[..., 0], pictures.images[[7, 3], 0])
    assert repr(pictures) == "Images(96 × 1×8×8, 3 classes, bands (synthetic), on cpu)"


@given(st.lists(st.integers(4, 30), min_size=2, max_size=5), st.floats(0.2, 0.6), st.integers(0, 9))
def test_split_is_disjoint_complete_and_stratified(counts, fraction, seed):
    labels = torch.cat([torch.full((count,), label) for label, count in enumerate(counts)])
    n = len(labels)
    labels = labels[torch.randperm(n, generator=torch.Generator().manual_seed(seed))]
    held_out = -int(-fraction * n // 1)
    assume(min(held_out, n - held_out) >= len(counts))
    whole = replace(counted(n), labels=labels, classes=TEN)
    rest, second = whole.split(fraction, seed=seed)
    found = [indices(next(iter(part.loader(n)))[0]) for part in (rest, second)]
    assert sorted(found[0] + found[1]) == list(range(n))
    assert len(second) == held_out
    for part, chosen in zip((rest, second), found):
        assert torch.equal(part.labels, labels[chosen])
    share = (
        torch.bincount(second.labels, minlength=len(counts)) - held_out * torch.tensor(counts) / n
    )
    assert share.abs().max() <= 1, "a class has not its share"


def test_split_is_decided_by_its_seed(pictures):
    (_, first), (_, again), (_, other) = (pictures.split(0.25, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": torch.zeros(4, 1, 2, 2)}, "images must be uint8 N×C×H×W, not float32 4×1×2×2"),
        ({"images": torch.zeros(4, 2, 2, dtype=torch.uint8)}, "images must be uint8"),
        (
            {"labels": torch.zeros(4, dtype=torch.int32)},
            "labels must be int64, one for each of the 4 images, not int32 4",
        ),
        ({"labels": torch.zeros(3, dtype=torch.int64)}, "not int64 3"),
        (
            {"labels": torch.tensor([0, 1, 2, 3])},
            "labels must lie in 0 … 2 for 3 classes, but run from 0 to 3",
        ),
        ({"labels": torch.tensor([0, 1, 2, -1])}, "run from -1 to 2"),
        ({"mean": (0.1, 0.2)}, "mean and std need 1 or 1 numbers"),
        ({"std": 0.0}, "std above zero"),
    ],
)
def test_a_data_set_that_does_not_fit_together(changes, words):
    whole = {
        "images": torch.zeros(4, 1, 2, 2, dtype=torch.uint8),
        "labels": torch.zeros(4, dtype=torch.int64),
        "classes": ("a", "b", "c"),
        "source": "x",
    }
    with pytest.raises(ValueError, match=words):
        ck.Images(**whole | changes)
