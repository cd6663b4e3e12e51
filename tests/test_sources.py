"""Where data come from: the order of the ways, the banner of a stand-in, a publisher's files,
prepared files."""

import hashlib
import io
import zipfile

import numpy as np
import pytest
from test_data import Mirror, everything_below, mirror  # noqa: F401  (mirror is a fixture)

import coursekit as ck
from coursekit import sources
from coursekit.sources import File, NotHere


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """An empty data folder at a scale that uses real data."""
    monkeypatch.setenv("COURSEKIT_SCALE", "laptop")
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path))
    return tmp_path


def leads_to_nothing(*reasons):
    def way():
        raise NotHere(*reasons)

    return way


def never():
    raise AssertionError("this must not be called")


# ---- look_for


def test_the_first_way_that_leads_somewhere_is_taken(folder, capsys):
    ways = [leads_to_nothing("no file"), lambda: "the second", never]
    assert sources.look_for("Title", ways, never) == "the second"
    assert capsys.readouterr().out == "", "no banner for real data"


def test_the_banner_of_a_stand_in_gives_every_reason(folder, capsys):
    ways = [leads_to_nothing(), leads_to_nothing("no folder"), leads_to_nothing("no network")]
    assert sources.look_for("Title", ways, lambda: ("made up", "a made-up thing")) == "made up"
    assert capsys.readouterr().out == (
        "┌── Title stand-in (synthetic): this is NOT Title\n"
        "│   why: no folder; no network\n"
        "└── a made-up thing; results on them say nothing about Title\n"
    )
    assert sources.source_of_standin("Title") == "Title stand-in (synthetic)"


def test_scale_smoke_goes_no_way(folder, monkeypatch, capsys):
    monkeypatch.setenv("COURSEKIT_SCALE", "smoke")
    assert sources.look_for("Title", [never], lambda: ("made up", "a thing")) == "made up"
    assert (
        "why: scale smoke never uses real data (COURSEKIT_SCALE=laptop does)"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize("error", [ck.DataError("damaged"), ValueError("wrong")])
def test_any_other_error_is_no_reason_for_a_stand_in(folder, error):
    def way():
        raise error

    with pytest.raises(type(error), match=str(error)):
        sources.look_for("Title", [way, never], never)


# ---- obtain

CONTENTS = {"new/first.bin": b"first" * 600, "new/second.bin": b"second" * 600}


def files(*addresses):
    """The two files, each at these addresses (a kind of ``Mirror`` each); the first with its md5,
    the second its sha256."""
    return [
        File(
            path,
            tuple(f"{address}/{path.split('/')[-1]}" for address in addresses),
            f"{kind}:{hashlib.new(kind, content).hexdigest()}",
        )
        for kind, (path, content) in zip(("md5", "sha256"), CONTENTS.items())
    ]


def place(folder, *paths):
    for path in paths:
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(CONTENTS[path])


@pytest.fixture
def publisher(mirror, monkeypatch):  # noqa: F811
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
    place(folder, *CONTENTS)
    monkeypatch.setattr(sources, "fetch", lambda *_: never())
    sources.obtain(files("http://nobody"), "The set")
    monkeypatch.delenv("COURSEKIT_OFFLINE")
    sources.obtain(files("http://nobody"), "The set")


def test_what_is_missing_is_not_downloaded_offline(folder, monkeypatch):
    place(folder, "new/first.bin")
    monkeypatch.setattr(sources, "fetch", lambda *_: never())
    with pytest.raises(NotHere) as caught:
        sources.obtain(files("http://nobody"), "The set")
    assert caught.value.args == (
        "The set is not in the data folder, and COURSEKIT_OFFLINE forbids the network",
    )


def test_only_what_is_missing_is_downloaded(folder, publisher):
    place(folder, "new/first.bin")
    sources.obtain(files(f"{publisher}good"), "The set")
    assert set(Mirror.asked) == {"/good/second.bin"}
    assert {path: (folder / path).read_bytes() for path in everything_below(folder)} == CONTENTS


@pytest.mark.parametrize("first", ["missing", "wrong", "broken"])
def test_the_second_address_is_tried(folder, publisher, first):
    sources.obtain(files(f"{publisher}{first}", f"{publisher}good"), "The set")
    assert {path: (folder / path).read_bytes() for path in everything_below(folder)} == CONTENTS


def test_no_address_gives_the_file(folder, publisher):
    with pytest.raises(NotHere) as caught:
        sources.obtain(files(f"{publisher}missing", f"{publisher}wrong"), "The set")
    (reason,) = caught.value.args
    assert reason.startswith(
        "The set is not in the data folder, and the download of first.bin failed (127.0.0.1: "
    )
    assert "404" in reason and "other bytes" in reason
    assert everything_below(folder) == []


@pytest.mark.parametrize("path", CONTENTS)
def test_a_damaged_file_is_refused_and_left_alone(folder, path):
    place(folder, *CONTENTS)
    (folder / path).write_bytes(b"3" * 3000)
    known = next(file for file in files() if file.path == path)
    with pytest.raises(
        ck.DataError,
        match=f"{path.split('/')[-1]} is damaged .*{known.hash.split(':')[1]}.*move it away",
    ):
        sources.obtain(files(), "The set")
    assert (folder / path).read_bytes() == b"3" * 3000


# ---- read_arrays


def arrays():
    return {
        "cube": np.arange(24).reshape(2, 3, 4),
        "labels": np.arange(6).reshape(2, 3),
        "source": np.array("somewhere"),
    }


def test_arrays_of_a_prepared_file(folder):
    np.savez(folder / "set.npz", **arrays(), extra=np.ones(2))
    read = sources.read_arrays(folder / "set.npz", ("source", "cube"), ("extra", "more"))
    assert list(read) == ["source", "cube", "extra"], (
        "in the order asked for, and no array that is not there"
    )
    assert (
        np.array_equal(read["cube"], arrays()["cube"])
        and read["cube"].dtype == arrays()["cube"].dtype
    )
    assert str(read["source"]) == "somewhere" and np.array_equal(read["extra"], [1, 1])


def test_no_prepared_file_is_no_reason_to_mention(folder):
    with pytest.raises(NotHere) as caught:
        sources.read_arrays(folder / "set.npz", ("cube",))
    assert caught.value.args == ()


def test_an_array_that_is_missing_is_named(folder):
    np.savez(folder / "set.npz", cube=arrays()["cube"])
    with pytest.raises(
        ck.DataError, match="set.npz lacks an array .*labels.*: a prepared file holds cube, labels$"
    ):
        sources.read_arrays(folder / "set.npz", ("cube", "labels"), ("extra",))


def test_a_listed_hash_is_checked_first(folder):
    np.savez(folder / "set.npz", **arrays())
    (folder / "SHA256SUMS").write_text(f"{'1' * 64}  set.npz\n")
    with pytest.raises(
        ck.DataError, match=f"set.npz in the data folder has sha256 .*expects {'1' * 64}"
    ):
        sources.read_arrays(folder / "set.npz", ("cube",))
    (folder / "SHA256SUMS").write_text(
        f"{hashlib.sha256((folder / 'set.npz').read_bytes()).hexdigest()}  set.npz\n"
    )
    assert len(sources.read_arrays(folder / "set.npz", ("cube",))) == 1


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_whatever_is_broken_in_it_is_said_in_one_way(folder, save):
    """One bit or byte after the other: the file is read as it was, or refused, and no other error
    comes out."""
    buffer, path = io.BytesIO(), folder / "set.npz"
    save(buffer, **arrays())
    whole, refused = buffer.getvalue(), 0
    for place in range(0, len(whole), 2):
        for change in (0x01, 0x40, 0xFF):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ change]) + whole[place + 1 :])
            try:
                read = sources.read_arrays(path, tuple(arrays()))
            except ck.DataError as error:
                assert str(error).startswith("set.npz")
                refused += 1
            else:
                assert np.array_equal(read["cube"].ravel(), np.arange(24))
    assert refused > len(whole) / 2


@pytest.mark.parametrize("content", ["nothing", "half", "text", "npy", "objects"])
def test_a_file_that_is_no_archive_of_numbers(folder, content):
    path, buffer = folder / "set.npz", io.BytesIO()
    np.savez(buffer, **arrays())
    written = {
        "nothing": b"",
        "half": buffer.getvalue()[: len(buffer.getvalue()) // 2],
        "text": b"<html>not found</html>",
    }
    if content == "npy":
        np.save(buffer := io.BytesIO(), np.arange(3))
        written[content] = buffer.getvalue()
    elif content == "objects":  # they could run code when they are read
        np.savez(buffer := io.BytesIO(), cube=np.array([{}], dtype=object))
        written[content] = buffer.getvalue()
    path.write_bytes(written[content])
    with pytest.raises(
        ck.DataError,
        match=r"set.npz in the data folder is damaged \(expected sha256: not listed\): move it",
    ):
        sources.read_arrays(path, ("cube",))
    assert path.read_bytes() == written[content]
    path.unlink()  # nothing holds it open: a warning of a file left open would be an error here


def test_an_encrypted_or_oddly_packed_archive_is_refused(folder):
    """What Python's zipfile cannot read at all; a bit in the directory at the end of the file says
    so."""
    for bit, at in ((0x01, 8), (0x40, 8), (0x63, 10)):
        buffer = io.BytesIO()
        np.savez(buffer, **arrays())
        content = bytearray(buffer.getvalue())
        start = zipfile.ZipFile(buffer).start_dir
        content[start + at] = bit
        (folder / "set.npz").write_bytes(content)
        with pytest.raises(ck.DataError, match="damaged"):
            sources.read_arrays(folder / "set.npz", ("cube",))
