# ruff: noqa: F811
"""Downloads: whole and checked, or nothing; what bad addresses do; what is there already."""

import hashlib
import socket
import time

import pytest
from mirror import Mirror, everything_below, mirror, place  # noqa: F401  (mirror is a fixture)

import coursekit as ck
from coursekit.data import download

GOOD = "sha256:" + hashlib.sha256(Mirror.content).hexdigest()


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
    with pytest.raises(ck.DataError, match="file.pth is damaged .*its publisher expects 12345678"):
        download.check_hash(tmp_path / "file.pth", "sha256:12345678")


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


# ---- hashes that a folder lists


@pytest.mark.parametrize("line", ["{}  a.npz", "{} *a.npz", "{}\ta.npz", "# {} a.npz", "{}", ""])
def test_a_listing_is_read_as_sha256sum_writes_it(tmp_path, line):
    (tmp_path / "SHA256SUMS").write_text(f"x\n{line.format('7' * 64)}\n{'8' * 64}  below/a.npz\n")
    listed = download.listed_hashes(tmp_path)
    assert listed.get("a.npz") == ("7" * 64 if line.endswith("a.npz") and "#" not in line else None)
    assert listed["below/a.npz"] == "8" * 64


# ---- obtain

CONTENTS = {"new/first.bin": b"first" * 600, "new/second.bin": b"second" * 600}


def files(*addresses):
    """The two files, each at these addresses (a kind of ``Mirror`` each); the first with its md5,
    the second its sha256."""
    return tuple(
        download.File(
            path,
            tuple(f"{address}/{path.split('/')[-1]}" for address in addresses),
            f"{kind}:{hashlib.new(kind, content).hexdigest()}",
        )
        for kind, (path, content) in zip(("md5", "sha256"), CONTENTS.items())
    )


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """An empty data folder."""
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def publisher(mirror, monkeypatch):
    """The address of a server that has the two files; ``Mirror.asked`` lists what it was asked
    for."""
    asked = []

    def content(self):
        asked.append(self.path)
        return next(
            content for path, content in CONTENTS.items() if path.endswith(self.path.split("/")[-1])
        )

    monkeypatch.setattr(Mirror, "content", property(content))
    monkeypatch.setattr(Mirror, "asked", asked, raising=False)
    return mirror


def test_files_that_are_there_need_no_network(folder, monkeypatch):
    place(folder, CONTENTS)
    monkeypatch.setattr(download, "fetch", None)
    download.obtain(files("http://nobody"), "The set")
    monkeypatch.delenv("COURSEKIT_OFFLINE")
    download.obtain(files("http://nobody"), "The set")


def test_what_is_missing_is_not_downloaded_offline(folder, monkeypatch):
    place(folder, {"new/first.bin": CONTENTS["new/first.bin"]})
    monkeypatch.setattr(download, "fetch", None)
    with pytest.raises(ConnectionError) as caught:
        download.obtain(files("http://nobody"), "The set")
    assert caught.value.args == (
        "The set is not in the data folder, and COURSEKIT_OFFLINE forbids the network",
    )


def test_only_what_is_missing_is_downloaded(folder, publisher):
    place(folder, {"new/first.bin": CONTENTS["new/first.bin"]})
    download.obtain(files(f"{publisher}good"), "The set")
    assert set(Mirror.asked) == {"/good/second.bin"}
    assert {path: (folder / path).read_bytes() for path in everything_below(folder)} == CONTENTS


@pytest.mark.parametrize("first", ["missing", "wrong", "broken"])
def test_the_second_address_is_tried(folder, publisher, first):
    download.obtain(files(f"{publisher}{first}", f"{publisher}good"), "The set")
    assert {path: (folder / path).read_bytes() for path in everything_below(folder)} == CONTENTS


def test_no_address_gives_the_file(folder, publisher):
    with pytest.raises(ConnectionError) as caught:
        download.obtain(files(f"{publisher}missing", f"{publisher}wrong"), "The set")
    (reason,) = caught.value.args
    assert reason.startswith(
        "The set is not in the data folder, and the download of first.bin failed (127.0.0.1: "
    )
    assert "404" in reason and "other bytes" in reason
    assert everything_below(folder) == []


@pytest.mark.parametrize("path", CONTENTS)
def test_a_damaged_file_is_refused_and_left_alone(folder, path):
    place(folder, CONTENTS)
    (folder / path).write_bytes(b"3" * 3000)
    known = next(file for file in files() if file.path == path)
    with pytest.raises(
        ck.DataError,
        match=f"{path.split('/')[-1]} is damaged .*{known.hash.split(':')[1]}.*move it away",
    ):
        download.obtain(files(), "The set")
    assert (folder / path).read_bytes() == b"3" * 3000
