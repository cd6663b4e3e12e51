# ruff: noqa: F811
"""Where data come from: the order of the forms, the banner of a stand-in, prepared files."""

import hashlib
import io
import socket
import zipfile

import numpy as np
import pytest
from mirror import everything_below, folder, place  # noqa: F401

import coursekit as ck
from coursekit.data.catalogue import GREY_PHOTOS, IMAGES, PAIRS, SCENES, SETS, DataSet
from coursekit.data.download import File
from coursekit.data.lookup import look_for, read_arrays


def never(*_):
    raise AssertionError("this must not be called")


# ---- look_for

CONTENT = b"the publisher's" * 600
FILE = File("new/file.bin", ("http://nobody",), f"sha256:{hashlib.sha256(CONTENT).hexdigest()}")


def look(*files, **readers):
    """Look for a set of these files, with readers that name themselves."""
    fields = {"classes": ("a",), "counts": (1,), "variables": ("cube", "labels"), "files": files}
    one = DataSet(name="set", kind=SCENES, title="Title", published="The set", **fields)
    named = {form: lambda *_, form=form: form for form in ("prepared", "photos", "published")}
    return look_for(one, **{"standin": lambda: ("made up", "a made-up thing"), **named, **readers})


def test_the_first_form_that_is_there_is_taken(folder, capsys):
    place(folder, {FILE.path: CONTENT})
    np.savez(folder / "set.npz", cube=0, labels=1, source="x", classes="a", more=2)
    place(folder, {"set/a.png": b"a photo"})

    def prepared(arrays):
        assert list(arrays) == ["cube", "labels", "source", "classes"], "those of the kind"
        return "prepared"

    assert look(FILE, prepared=prepared, photos=never, published=never) == "prepared"
    assert look(FILE, prepared=None, published=never) == "photos"
    (folder / "set.npz").unlink()
    assert look(FILE, photos=lambda path: path, published=never) == folder / "set"
    (folder / "set" / "a.png").rename(folder / "set" / ".hidden")
    assert look(FILE, published=lambda path: path, standin=never) == folder
    assert capsys.readouterr().out == "", "no banner for real data"


def test_the_banner_of_a_stand_in_gives_every_reason(folder, capsys):
    assert look(FILE, published=never) == "made up"
    assert capsys.readouterr().out == (
        "┌── Title stand-in (synthetic): this is NOT Title\n"
        "│   why: there is no folder set with photos in the data folder; "
        "The set is not in the data folder, and COURSEKIT_OFFLINE forbids the network\n"
        "└── a made-up thing; results on them say nothing about Title\n"
    )


def test_what_cannot_be_checked_is_not_looked_for(folder, capsys):
    assert look(photos=None, published=never) == "made up"
    assert (
        "why: there is no prepared file, and its publisher's files cannot be checked\n"
        in capsys.readouterr().out
    )


def test_scale_smoke_looks_nowhere(folder, monkeypatch, capsys):
    place(folder, {FILE.path: CONTENT})
    np.savez(folder / "set.npz", cube=0, labels=1, source="x")
    (folder / "set").mkdir()
    monkeypatch.setenv("COURSEKIT_SCALE", "smoke")
    assert look(FILE, prepared=never, photos=never, published=never) == "made up"
    assert (
        "why: scale smoke never uses real data (COURSEKIT_SCALE=laptop does)"
        in capsys.readouterr().out
    )


def test_arrays_that_do_not_fit_are_said_with_their_file(folder):
    def prepared(_):
        raise ValueError("too flat")

    np.savez(folder / "set.npz", cube=0, labels=1, source="x")
    with pytest.raises(ck.DataError, match="^set.npz: too flat$"):
        look(FILE, prepared=prepared, standin=never)


@pytest.mark.parametrize("error", [ck.DataError("damaged"), ConnectionError("of the reader")])
def test_an_error_of_a_reader_is_no_reason_for_a_stand_in(folder, error):
    place(folder, {FILE.path: CONTENT})

    def published(_):
        raise error

    with pytest.raises(type(error), match=str(error)):
        look(FILE, photos=None, published=published, standin=never)


LOADERS = {IMAGES: ck.load, SCENES: ck.load_scene, GREY_PHOTOS: ck.load_grey, PAIRS: ck.load_pairs}


@pytest.mark.parametrize("name", SETS)
def test_offline_a_stand_in_of_every_set_and_the_network_is_never_touched(
    folder, monkeypatch, capsys, name
):
    for owner, call in ((socket.socket, "connect"), (socket.socket, "connect_ex")):
        monkeypatch.setattr(owner, call, never)
    monkeypatch.setattr(socket, "getaddrinfo", never)
    one = SETS[name]
    found = LOADERS[one.kind](name)
    assert (found[0] if isinstance(found, tuple) else found).source == one.standin
    said = capsys.readouterr().out
    assert said.startswith(f"┌── {one.standin}: this is NOT {one.title}\n│   why: ")
    assert ("COURSEKIT_OFFLINE forbids the network" in said) == bool(one.files)
    assert everything_below(folder) == []


@pytest.mark.parametrize("kind", LOADERS, ids=lambda kind: kind.noun)
def test_an_unknown_name_lists_the_known_ones(kind):
    names = ", ".join(name for name, one in SETS.items() if one.kind == kind)
    with pytest.raises(ValueError, match=f"there is no {kind.noun} 'minst': choose one of {names}"):
        LOADERS[kind]("minst")


# ---- read_arrays


def arrays():
    return {
        "cube": np.arange(24).reshape(2, 3, 4),
        "labels": np.arange(6).reshape(2, 3),
        "source": np.array("somewhere"),
    }


def test_arrays_of_a_prepared_file(folder):
    np.savez(folder / "set.npz", **arrays(), extra=np.ones(2))
    read = read_arrays(folder / "set.npz", ("source", "cube"), ("extra", "more"))
    assert list(read) == ["source", "cube", "extra"], (
        "in the order asked for, and no array that is not there"
    )
    assert (
        np.array_equal(read["cube"], arrays()["cube"])
        and read["cube"].dtype == arrays()["cube"].dtype
    )
    assert str(read["source"]) == "somewhere" and np.array_equal(read["extra"], [1, 1])


def test_an_array_that_is_missing_is_named(folder):
    np.savez(folder / "set.npz", cube=arrays()["cube"])
    with pytest.raises(
        ck.DataError, match="set.npz lacks an array .*labels.*: a prepared file holds cube, labels$"
    ):
        read_arrays(folder / "set.npz", ("cube", "labels"), ("extra",))


def test_a_listed_hash_is_checked_first(folder):
    np.savez(folder / "set.npz", **arrays())
    (folder / "SHA256SUMS").write_text(f"{'1' * 64}  set.npz\n")
    with pytest.raises(
        ck.DataError, match=f"set.npz is damaged .*has sha256 .*SHA256SUMS expects {'1' * 64}"
    ):
        read_arrays(folder / "set.npz", ("cube",))
    (folder / "SHA256SUMS").write_text(
        f"{hashlib.sha256((folder / 'set.npz').read_bytes()).hexdigest()}  set.npz\n"
    )
    assert len(read_arrays(folder / "set.npz", ("cube",))) == 1


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_whatever_is_broken_in_it_is_said_in_one_way(folder, save):
    """One bit or byte after the other: the file is read as it was, or refused, and no other error
    comes out."""
    buffer, path = io.BytesIO(), folder / "set.npz"
    save(buffer, **arrays())
    whole, refused = buffer.getvalue(), 0
    for at in range(0, len(whole), 2):
        for change in (0x01, 0x40, 0xFF):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ change]) + whole[at + 1 :])
            try:
                read = read_arrays(path, tuple(arrays()))
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
        ck.DataError, match="set.npz in the data folder is damaged or no archive of arrays: move it"
    ):
        read_arrays(path, ("cube",))
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
            read_arrays(folder / "set.npz", ("cube",))
