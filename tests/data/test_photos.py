"""Folders of photos: what is read and how, what is said about the rest, what is kept;
``load("cats_vs_dogs")``."""

import hashlib
import io
import os
import struct
import subprocess
import sys
import tarfile
import time
import warnings
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from mirror import (  # noqa: F401  (mirror is a fixture)
    Mirror,
    change_set,
    everything_below,
    mirror,
    prepared,
)
from PIL import Image, ImageFile, ImageOps
from torchvision import datasets

import coursekit as ck
from coursekit.data import photo_files, standins
from coursekit.data import photos as room
from coursekit.data.catalogue import SETS
from coursekit.data.photo_files import natural

SIZE = 16


def smooth(seed, size=(24, 18)):
    """A smooth colour photo of this width and height, different for every seed: a JPEG file
    hardly changes it."""
    coarse = np.random.default_rng(seed).integers(0, 256, (3, 3, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def jpeg(image, **options):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95, **options)
    return file.getvalue()


def png(image, **options):
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


def expected(path, size=SIZE):
    """The pixels that a person with Pillow would get, H×W×3."""
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    return np.asarray(ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC))


@pytest.fixture
def pets(tmp_path):
    """A folder with six good photos of either class, cat.1.jpg … dog.6.jpg; a function adds
    more."""
    place = tmp_path / "pets"
    place.mkdir()
    for i in range(1, 7):
        (place / f"cat.{i}.jpg").write_bytes(jpeg(smooth(i)))
        (place / f"dog.{i}.jpg").write_bytes(jpeg(smooth(100 + i, (18, 24))))
    return place


GOOD = [f"{label}.{i}.jpg" for label in ("cat", "dog") for i in range(1, 7)]


def read(place, capsys, **options):
    """The photos of a folder and what was printed; nothing goes to stderr."""
    result = ck.photos(place, SIZE, device="cpu", **options)
    out, err = capsys.readouterr()
    assert err == ""
    return result, out


def check(result, place, names):
    """These photos, in this order, pixel by pixel, with their labels."""
    assert result.names.tolist() == names
    assert result.labels.tolist() == [result.classes.index(name[:3].lower()) for name in names]
    for name, found in zip(names, result.pixels()):
        assert np.array_equal(found, expected(place / name)), name


# ---- good photos


def test_a_good_folder(pets, capsys):
    result, out = read(pets, capsys)
    assert isinstance(result, ck.Photos) and isinstance(result, ck.Images)
    check(result, pets, GOOD)
    assert out == "pets: 12 photos read, cat 6, dog 6\n"
    assert result.unreadable == {}
    assert result.source == "pets, 12 photos" and result.classes == ("cat", "dog")
    assert result.mean == (0.485, 0.456, 0.406) and result.std == (0.229, 0.224, 0.225)
    assert repr(result) == "Photos(12 × 3×16×16, 2 classes, pets, 12 photos, on cpu)"
    assert result[3][0].shape == (3, SIZE, SIZE)


def test_names_in_natural_order_whatever_their_writing(pets, capsys):
    for i, name in enumerate(
        ("cat.10.jpg", "CAT_2.JPG", "Dog (3).jpeg", "dog.png", "cat7.jpg", "cat.007.jpg")
    ):
        (pets / name).write_bytes(jpeg(smooth(200 + i)))
    result, out = read(pets, capsys)
    cats = ["cat7.jpg", *GOOD[:6], "cat.007.jpg", "cat.10.jpg", "CAT_2.JPG"]
    check(result, pets, [*cats, "Dog (3).jpeg", *GOOD[6:], "dog.png"])
    assert out == "pets: 18 photos read, cat 10, dog 8\n"


def test_names_travel_with_their_images(pets, capsys):
    whole, _ = read(pets, capsys)
    where = {name: i for i, name in enumerate(whole.names)}
    rest, held_out = whole.split(1 / 3, seed=3)
    for part in (
        whole.take(5),
        whole.select(torch.tensor([7, 2, 2])),
        whole.select(whole.labels == 1),
        rest,
        held_out,
    ):
        assert isinstance(part, ck.Photos) and len(part.names) == len(part) > 2
        for name, image, label in zip(part.names, part.images, part.labels):
            assert (
                torch.equal(image, whole.images[where[name]]) and label == whole.labels[where[name]]
            )
    assert sorted([*rest.names, *held_out.names]) == sorted(whole.names)
    assert whole.loader(4).dataset is whole


def test_other_classes(pets, capsys):
    (pets / "dogfish.1.jpg").write_bytes(jpeg(smooth(1)))
    (pets / "dog_big.1.jpg").write_bytes(jpeg(smooth(2)))
    result, out = read(pets, capsys, classes=("dog", "dog_big", "dogfish"))
    assert out.startswith("pets: 8 photos read, dog 6, dog_big 1, dogfish 1\n")
    assert (
        "the name begins with none of dog, dog_big, dogfish 6 (cat.1.jpg, cat.2.jpg, cat.3.jpg, …)"
        in out
    )
    assert result.labels.tolist() == [0] * 6 + [1, 2]


def test_large_photos_are_decoded_at_a_fraction_but_not_seen_to_be(tmp_path):
    blocks = Image.fromarray(np.random.default_rng(0).integers(0, 256, (35, 50, 3), dtype=np.uint8))
    (tmp_path / "cat.1.jpg").write_bytes(jpeg(blocks.resize((1000, 700), Image.Resampling.NEAREST)))
    result = ck.photos(tmp_path, 100)
    difference = np.abs(result.pixels()[0].astype(int) - expected(tmp_path / "cat.1.jpg", 100))
    assert difference.max() <= 20 and difference.mean() < 3


def test_a_size_that_cannot_be(pets):
    with pytest.raises(ValueError, match="at least 1 pixel, not 0"):
        ck.photos(pets, 0)
    for size in (10**6, 10**12):
        with pytest.raises(ck.DataError, match="no memory for 12 photos of 1,.*: take a smaller"):
            ck.photos(pets, size)


# ---- photos that are converted


def grey16(image):
    return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)


CONVERTED = {
    "greyscale": lambda: jpeg(smooth(50).convert("L")),
    "CMYK": lambda: jpeg(smooth(51).convert("CMYK")),
    "palette": lambda: png(smooth(52).quantize(16)),
    "black and white": lambda: png(smooth(53).convert("1")),
    "16-bit grey": lambda: png(grey16(smooth(54))),
}


@pytest.mark.parametrize("kind", CONVERTED)
def test_other_colours_become_rgb(pets, capsys, kind):
    for name in ("cat.7.jpg", "dog.3.jpg"):
        (pets / name).write_bytes(CONVERTED[kind]())
    result, out = read(pets, capsys)
    assert out == (
        f"pets: 13 photos read, cat 7, dog 6\n  converted to RGB: {kind} 2 (cat.7.jpg, dog.3.jpg)\n"
    )
    if kind == "16-bit grey":  # Pillow itself would make it nearly white
        (pets / "dog.3.jpg").write_bytes(png(smooth(54).convert("L")))
        assert result.pixels()[6].std() > 20
        assert np.array_equal(result.pixels()[6], expected(pets / "dog.3.jpg"))
    else:
        check(result, pets, [*GOOD[:6], "cat.7.jpg", *GOOD[6:]])
    assert result.unreadable == {}


def test_transparent_photos_are_put_on_white(pets, capsys):
    image = smooth(60).convert("RGBA")
    image.paste((10, 200, 30, 0), (0, 0, 12, 18))
    (pets / "cat.7.png").write_bytes(png(image))
    palette = smooth(61).quantize(8)
    (pets / "cat.8.png").write_bytes(png(palette, transparency=0))
    result, out = read(pets, capsys)
    assert "converted to RGB: transparent 2 (cat.7.png, cat.8.png)" in out
    pixels = dict(zip(result.names, result.pixels()))
    assert (pixels["cat.7.png"][:, :4] == 255).all() and (pixels["cat.7.png"][:, -3:] != 255).any()
    clear = np.asarray(
        ImageOps.fit(
            Image.fromarray(np.asarray(palette) == 0), (SIZE, SIZE), Image.Resampling.NEAREST
        )
    )
    assert (pixels["cat.8.png"][clear] > 120).any(), "white where it is transparent"


@pytest.mark.parametrize("orientation", range(1, 10))
def test_turned_upright_as_exif_says(pets, capsys, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    (pets / "dog.2.jpg").write_bytes(jpeg(smooth(70, (40, 20)), exif=exif))
    result, out = read(pets, capsys)
    assert out == "pets: 12 photos read, cat 6, dog 6\n" + (
        "  turned upright as EXIF says: 1 (dog.2.jpg)\n" if 2 <= orientation <= 8 else ""
    )
    check(result, pets, GOOD)


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0rubbish",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01\x12" * 9,
    ],
)
def test_damaged_exif_data_say_nothing_against_the_pixels(pets, capsys, exif):
    (pets / "dog.2.jpg").write_bytes(jpeg(smooth(70), exif=exif))
    result, out = read(pets, capsys)
    assert out == "pets: 12 photos read, cat 6, dog 6\n"
    (pets / "dog.2.jpg").write_bytes(jpeg(smooth(70)))
    assert np.array_equal(result.pixels()[7], expected(pets / "dog.2.jpg"))


def test_upright_even_where_pillow_cannot_mend_the_exif_data(pets, capsys, monkeypatch):
    exif = Image.Exif()
    exif[0x0112] = 6
    (pets / "dog.2.jpg").write_bytes(jpeg(smooth(70, (40, 20)), exif=exif))
    upright = expected(pets / "dog.2.jpg")

    def damaged(*_):
        raise SyntaxError("not a TIFF file")

    monkeypatch.setattr(Image.Exif, "tobytes", damaged)
    result, out = read(pets, capsys)
    assert np.array_equal(result.pixels()[7], upright)
    assert "turned upright as EXIF says: 1 (dog.2.jpg)" in out


# ---- photos that cannot be used


def bomb(width, height):
    """A PNG file of a few bytes that says it is this large."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(bytes(100)))
        + chunk(b"IEND", b"")
    )


def corrupt_png():
    content = bytearray(png(smooth(81)))
    content[content.index(b"IDAT") + 20] ^= 0xFF
    return bytes(content)


NO_IMAGE = "not an image of a known kind, or damaged at its beginning"
BROKEN = {
    "zero bytes": lambda: b"",
    "truncated": lambda: jpeg(smooth(80))[:-200],
    "corrupt": corrupt_png,
    NO_IMAGE: lambda: b"no photo at all",
    "too large (over 89 million pixels)": lambda: bomb(10_000, 9_000),
    "32-bit grey, of which nobody knows how bright white is": lambda: tiff(
        np.ones((9, 9), np.int32)
    ),
}


def tiff(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "TIFF")
    return file.getvalue()


@pytest.mark.parametrize("reason", BROKEN)
def test_a_photo_that_cannot_be_read_is_named_and_the_rest_is_usable(pets, capsys, reason):
    for name in ("cat.2.jpg", "cat.10.jpg", "dog.6.jpg", "dog.20.jpg"):
        (pets / name).write_bytes(BROKEN[reason]())
    result, out = read(pets, capsys)
    assert out == (
        "pets: 10 photos read, cat 5, dog 5\n"
        f"  could not be read: {reason} 4 (cat.2.jpg, cat.10.jpg, dog.6.jpg, …)\n"
    )
    assert result.unreadable == dict.fromkeys(
        ["cat.2.jpg", "cat.10.jpg", "dog.6.jpg", "dog.20.jpg"], reason
    )
    check(result, pets, [name for name in GOOD if name not in result.unreadable])


@pytest.mark.parametrize(
    "side", [10_000, 20_000]
)  # Pillow warns of the first and refuses the second
def test_nothing_of_a_bomb_is_decoded(pets, capsys, monkeypatch, side):
    (pets / "cat.2.jpg").write_bytes(bomb(side, side))
    load, loaded = ImageFile.ImageFile.load, []
    monkeypatch.setattr(
        ImageFile.ImageFile, "load", lambda image: loaded.append(image.size) or load(image)
    )
    _, out = read(pets, capsys)
    assert "too large (over 89 million pixels) 1 (cat.2.jpg)" in out
    assert {*loaded} == {(24, 18), (18, 24)}


def test_the_limit_is_pillows(pets, capsys, monkeypatch):
    read(pets, capsys)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 24 * 18)
    assert read(pets, capsys)[1] == "pets: 12 photos read, cat 6, dog 6\n"
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 24 * 18 - 1)
    with pytest.raises(ck.DataError, match="too large .* 12"):
        ck.photos(pets, SIZE)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert len(read(pets, capsys)[0]) == 12


def test_no_program_from_outside_is_started(pets, capsys):
    """Pillow would give this file to Ghostscript."""
    (pets / "cat.2.jpg").write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    )
    with Image.open(pets / "cat.2.jpg") as image:
        assert image.format == "EPS"
    assert "PDF or PostScript" in read(pets, capsys)[0].unreadable["cat.2.jpg"]


def test_damaged_anywhere(pets, capsys):
    """No damage to a file may do more than make it unreadable."""
    random = np.random.default_rng(0)
    whole = [
        jpeg(smooth(90)),
        png(smooth(91)),
        png(smooth(92).quantize(9)),
        tiff(np.asarray(smooth(93))),
    ]
    for i in range(200):
        content = bytearray(whole[i % 4])
        for _ in range(1 + i % 3):
            content[random.integers(len(content))] = random.integers(256)
        (pets / f"cat.{100 + i}.jpg").write_bytes(
            content[: random.integers(len(content))] if i % 5 == 0 else content
        )
    result, out = read(pets, capsys)
    assert len(result) + len(result.unreadable) == 212
    assert 20 < len(result.unreadable) < 180
    assert {*result.names} | {*result.unreadable} == {path.name for path in pets.iterdir()}
    check(result.select(torch.from_numpy(np.isin(result.names, GOOD))), pets, GOOD)


def test_files_of_neither_class_and_folders_are_named(pets, capsys):
    for name in ("bird.1.jpg", "catalogue.jpg", "readme.txt", "Thumbs.db", "hotdog.1.jpg"):
        (pets / name).write_bytes(jpeg(smooth(1)))
    for name in ("more", ".git"):
        (pets / name).mkdir()
    (pets / ".DS_Store").write_bytes(b"hidden")
    result, out = read(pets, capsys)
    assert out == (
        "pets: 12 photos read, cat 6, dog 6\n"
        "  left out: the name begins with neither cat nor dog 5 "
        "(bird.1.jpg, catalogue.jpg, hotdog.1.jpg, …); a folder 1 (more)\n"
    )
    names = "bird.1.jpg catalogue.jpg hotdog.1.jpg more readme.txt Thumbs.db"
    assert list(result.unreadable) == names.split()
    check(result, pets, GOOD)


@pytest.mark.posix
def test_a_link_to_nothing(pets, capsys):
    (pets / "cat.9.jpg").symlink_to(pets / "gone.jpg")
    result, out = read(pets, capsys)
    assert "could not be read: cannot be opened: No such file or directory 1 (cat.9.jpg)" in out
    (pets / "gone.jpg").write_bytes(jpeg(smooth(1)))
    assert "cat.9.jpg" in read(pets, capsys)[0].names, "and it is noticed when it comes"


def test_an_empty_class(pets, capsys):
    for path in pets.glob("dog*"):
        path.unlink()
    result, out = read(pets, capsys)
    assert out == "pets: 6 photos read, cat 6, dog 0\n  no photo of class dog\n"
    check(result, pets, GOOD[:6])


@pytest.mark.skipif(os.name == "nt", reason="such names do not exist there")
def test_a_name_that_is_no_text(pets, capsys):
    odd = os.fsencode(pets) + b"/cat.\xff.jpg"
    with open(odd, "wb") as file:
        file.write(b"")
    result, out = read(pets, capsys)
    assert len(result) == 12 and "zero bytes 1 (cat.\\xff.jpg)" in out


def test_nothing_to_use(tmp_path, capsys):
    with pytest.raises(
        ck.DataError, match="(?s)^empty: 0 photos read.*name the folder that holds the photos"
    ) as caught:
        (tmp_path / "empty").mkdir()
        ck.photos(tmp_path / "empty", SIZE)
    (tmp_path / "kaggle" / "train").mkdir(parents=True)
    (tmp_path / "kaggle" / "test1").mkdir()
    (tmp_path / "kaggle" / "sampleSubmission.csv").write_text("id,label")
    with pytest.raises(ck.DataError) as caught:
        ck.photos(tmp_path / "kaggle", SIZE)
    for words in (
        "a folder 2 (test1, train)",
        "neither cat nor dog 1 (sampleSubmission.csv)",
        "name the folder that holds the photos",
    ):
        assert words in str(caught.value)
    (tmp_path / "cat.1.jpg").write_bytes(b"")
    with pytest.raises(ck.DataError, match=r"could not be read: zero bytes 1 \(cat.1.jpg\)"):
        ck.photos(tmp_path, SIZE)
    assert str(tmp_path) not in str(caught.value)


def test_no_folder(tmp_path, monkeypatch):
    (tmp_path / "cats").mkdir()
    (tmp_path / "photos.zip").write_bytes(b"PK")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ck.DataError, match=r"^there is no folder dogs.small; the folders in \. are: cats$"
    ):
        ck.photos("dogs/small", SIZE)
    with pytest.raises(
        ck.DataError,
        match="^photos.zip is a file, not a folder of photos: an archive must be unpacked$",
    ):
        ck.photos("photos.zip", SIZE)


# ---- a test folder


def test_a_test_folder_is_sorted_by_number(tmp_path, capsys):
    for i in range(12):
        (tmp_path / f"{i}.jpg").write_bytes(jpeg(smooth(i)))
    result, out = read(tmp_path, capsys, classes=None)
    assert result.names.tolist() == [f"{i}.jpg" for i in range(12)]
    assert all(
        np.array_equal(found, expected(tmp_path / f"{i}.jpg"))
        for i, found in enumerate(result.pixels())
    )
    assert result.classes == ("unknown",) and result.labels.tolist() == [0] * 12
    assert out == f"{tmp_path.name}: 12 photos read\n"


def test_what_is_wrong_with_a_test_folder(tmp_path, capsys):
    for i in (0, 1, 2, 5, 6, 8, 10, 12):
        (tmp_path / f"{i}.jpg").write_bytes(jpeg(smooth(i)))
    (tmp_path / "5.png").write_bytes(png(smooth(50)))
    (tmp_path / "8.jpg").write_bytes(b"")
    (tmp_path / "cat.3.jpg").write_bytes(jpeg(smooth(3)))
    result, out = read(tmp_path, capsys, classes=None)
    names = "0.jpg 1.jpg 2.jpg 5.jpg 5.png 6.jpg 10.jpg 12.jpg"
    assert result.names.tolist() == names.split()
    assert out == (
        f"{tmp_path.name}: 8 photos read\n"
        "  could not be read: zero bytes 1 (8.jpg)\n"
        "  left out: the name is no number 1 (cat.3.jpg)\n"
        "  missing of the numbers 0 … 12: 5 (3, 4, 7, …)\n"
        "  numbers of more than one photo: 1 (5.jpg = 5.png)\n"
    )
    assert result.unreadable == {"8.jpg": "zero bytes", "cat.3.jpg": "the name is no number"}


def test_huge_numbers_are_no_burden(tmp_path, capsys):
    (tmp_path / "99999999999999999999.jpg").write_bytes(jpeg(smooth(1)))
    said = read(tmp_path, capsys, classes=None)[1]
    assert "1 photo read\n" in said and "99,999,999,999,999,999,999 (0, 1, 2, …)" in said


# ---- photos in folders of their classes


@pytest.fixture
def in_folders(pets):
    """Moves the photos of a class into a folder of this name, as 1.jpg, 2.jpg, …"""

    def move(cats, dogs):
        for kind, name in (("cat", cats), ("dog", dogs)):
            (pets / name).mkdir()
            for path in pets.glob(f"{kind}.*.jpg"):
                path.rename(pets / name / path.name[4:])
        return [f"{name}/{i}.jpg" for name in (cats, dogs) for i in range(1, 7)]

    return move


@pytest.mark.parametrize(("cats", "dogs"), [("Cat", "Dog"), ("cats", "dogs"), ("CATS", "dog")])
def test_folders_named_like_classes(pets, in_folders, capsys, decoded, cats, dogs):
    names = in_folders(cats, dogs)
    result, out = read(pets, capsys)
    check(result, pets, names)
    assert out == "pets: 12 photos read, cat 6, dog 6\n" and len(decoded()) == 12
    (pets / dogs / "2.jpg").write_bytes(b"")
    result, out = read(pets, capsys)
    assert f"zero bytes 1 ({dogs}/2.jpg)" in out and f"{cats}/2.jpg" in result.names
    again, said = read(pets, capsys)
    assert said == out and torch.equal(again.images, result.images) and len(decoded()) == 12
    assert again.names.tolist() == [name for name in names if name != f"{dogs}/2.jpg"]


def test_what_is_odd_in_folders_of_classes(pets, in_folders, capsys):
    in_folders("Cat", "Dog")
    for place in ("bird", "dogs-vs-cats", "Cat/more"):
        (pets / place).mkdir()
        (pets / place / "1.jpg").write_bytes(jpeg(smooth(1)))
    for name in ("cat.7.jpg", "Cat/dog.8.jpg", "Cat/cat.9.jpg", "Dog/._1.jpg"):
        (pets / name).write_bytes(jpeg(smooth(2)))
    (pets / "Dog" / "more.zip").write_bytes(b"PK")
    (pets / "Dog" / ".9.jpg.icloud").write_bytes(b"bplist00")
    result, out = read(pets, capsys)
    assert len(result) == 14 and {"cat.7.jpg", "Cat/cat.9.jpg"} < {*result.names}
    assert result.unreadable == {
        "bird": "a folder",
        "dogs-vs-cats": "a folder",
        "Cat/more": "a folder",
        "Cat/dog.8.jpg": "its name says another class than its folder",
        "Dog/more.zip": "an archive: it must be unpacked",
        "Dog/.9.jpg.icloud": "still in iCloud: download it first",
    }
    assert "in folders of their classes 13, the others beside them" in out


def test_accents_are_the_same_however_they_are_written(tmp_path, capsys):
    for name in ("caf\u00e9", "cafe\u0301s", "the\u0301.1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").write_bytes(jpeg(smooth(1)))
    result, _ = read(tmp_path, capsys, classes=("cafe\u0301", "th\u00e9"))
    assert result.labels.tolist() == [0, 0]


def test_one_folder_too_high_or_too_low(pets, in_folders, monkeypatch, capsys):
    in_folders("Cat", "Dog")
    monkeypatch.chdir(pets.parent)
    (pets.parent / "download").mkdir()
    pets.rename(pets.parent / "download" / "PetImages")
    for folder, advice in (
        ("download", "download/PetImages holds photos: name it, or move them to download"),
        (".", "download/PetImages holds photos: name it, or move them to ."),
        ("download/PetImages/Cat", "the folder of one class: name download/PetImages above it"),
    ):
        with pytest.raises(ck.DataError, match=advice):
            ck.photos(folder, SIZE)
    (pets.parent / "kaggle").mkdir()
    (pets.parent / "kaggle" / "train.zip").write_bytes(b"PK")
    with pytest.raises(ck.DataError, match="an archive: it must be unpacked 1 .train.zip."):
        ck.photos("kaggle", SIZE)
    assert len(read("download/PetImages", capsys)[0]) == 12


def test_load_takes_folders_of_classes(folder, pets, in_folders, capsys):
    names = in_folders("Cat", "Dog")
    pets.rename(folder / "cats_vs_dogs")
    train, test = ck.load("cats_vs_dogs", size=SIZE)
    assert sorted([*train.names, *test.names]) == sorted(names)
    for part in (train, test):
        check(part, folder / "cats_vs_dogs", part.names.tolist())


@pytest.mark.parametrize("make", ["archive", "file"])
def test_load_tells_of_an_archive_in_its_place(folder, make, capsys):
    if make == "file":
        (folder / "cats_vs_dogs").write_bytes(b"PK")
        with pytest.raises(ck.DataError, match="cats_vs_dogs is a file.*must be unpacked"):
            ck.load("cats_vs_dogs", size=SIZE)
    else:
        (folder / "cats_vs_dogs.zip").write_bytes(b"PK")
        ck.load("cats_vs_dogs", size=SIZE)
        assert "(cats_vs_dogs.zip must be unpacked)" in capsys.readouterr().out


# ---- kinds of files


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"\0\0\0\x18ftypmif1", "HEIC"),
        (b"\0\0\0\x1cftypavif", "AVIF"),
        (b"\0\0\0\x18ftypisom", "a film"),
        (b"\xff\x0a\xfa", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n", "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n", "JPEG 2000"),
        (b"8BPS\0\1", "Photoshop"),
        (b"FUJIFILMCCD-RAW", "RAW"),
        (b"%PDF-1.7", "PDF"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- x -->\n<svg>", "SVG"),
        (b"\n<!DOCTYPE html>\n<svg>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS"),
        (b"PK\x03\x04", "an archive"),
        (b"\xd0\xcf\x11\xe0\xa1", "a system's own notes"),
    ],
)
def test_a_file_of_another_kind_is_named_with_what_to_do(pets, capsys, start, kind):
    (pets / "cat.2.jpg").write_bytes(start + bytes(50))
    said = read(pets, capsys)[0].unreadable["cat.2.jpg"]
    assert said.startswith(kind) and ": " in said


def test_other_things_under_a_photos_name(pets, capsys):
    (pets / "cat.7.NEF").write_bytes(tiff(np.zeros((60, 80), np.uint8)))  # the preview in it
    (pets / "cat.8.png").write_bytes(png(smooth(1, (1, 1))))
    frames = [smooth(i).quantize(9) for i in range(3)]
    (pets / "cat.9.gif").write_bytes(b"")
    frames[0].save(pets / "cat.9.gif", save_all=True, append_images=frames[1:])
    if hasattr(os, "mkfifo"):
        os.mkfifo(pets / "dog.7.jpg")
    result, out = read(pets, capsys)
    assert result.unreadable["cat.7.NEF"].startswith("RAW of a camera: ")
    assert result.unreadable["cat.8.png"] == "1×1 pixels, too small for a photo"
    assert result.unreadable.get("dog.7.jpg", "not a file") == "not a file"
    assert "the first of several images taken: 1 (cat.9.gif)" in out
    assert len(result) == 13


def test_large_photos_come_one_at_a_time_and_are_made_smaller(pets, capsys, monkeypatch):
    monkeypatch.setattr(photo_files, "LARGE", 300)
    monkeypatch.setattr(room, "LARGE", 300)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    for i in range(7, 30):
        (pets / f"cat.{i}.png").write_bytes(png(smooth(i, (60, 50)).convert("RGBA")))
    as_rgb, at_work, sizes = room.as_rgb, [], []

    def watched(image):
        at_work.append(image.format == "PNG")
        sizes.append((sum(at_work), image.size))
        time.sleep(0.002)
        at_work.remove(image.format == "PNG")
        return as_rgb(image)

    monkeypatch.setattr(room, "as_rgb", watched)
    result, _ = read(pets, capsys)
    assert len(result) == 12 + 23 and max(sizes)[0] == 1
    assert max(max(size) for _, size in sizes) <= 2 * SIZE * 60 / 50 + 1


# ---- what is kept


@pytest.fixture
def decoded(monkeypatch):
    """The names of the photos that were decoded since the last look."""
    names, decode = [], room._decode

    def noted(path, row, **options):
        names.append(path.name)
        return decode(path, row, **options)

    monkeypatch.setattr(room, "_decode", noted)

    def look():
        found = sorted(names)
        names.clear()
        return found

    return look


def test_decoded_once_and_reported_again(pets, capsys, decoded):
    (pets / "cat.3.jpg").write_bytes(b"")
    (pets / "cat.7.jpg").write_bytes(CONVERTED["greyscale"]())
    first, report = read(pets, capsys)
    assert len(decoded()) == 13
    again, same_report = read(pets, capsys)
    assert (
        decoded() == []
        and same_report == report
        and "greyscale" in report
        and "zero bytes" in report
    )
    assert torch.equal(again.images, first.images) and torch.equal(again.labels, first.labels)
    assert again.names.tolist() == first.names.tolist() and again.unreadable == first.unreadable
    assert everything_below(pets.parent / ".photos") == [f"pets-{SIZE}.npz"]
    ck.photos(pets, 8)
    assert len(decoded()) == 13, "another size has another file"
    read(pets, capsys)
    assert decoded() == []


def change_content(pets):
    state = (pets / "cat.3.jpg").stat()
    (pets / "cat.3.jpg").write_bytes(jpeg(smooth(99)))
    os.utime(pets / "cat.3.jpg", ns=(state.st_atime_ns, state.st_mtime_ns))


def change_time(pets):
    content = bytearray((pets / "cat.3.jpg").read_bytes())
    content[-30] ^= 1
    (pets / "cat.3.jpg").write_bytes(content)
    os.utime(pets / "cat.3.jpg", ns=(0, 1))


CHANGES = {
    "another length": change_content,
    "another time": change_time,
    "a new file": lambda pets: (pets / "cat.33.jpg").write_bytes(jpeg(smooth(98))),
    "one less": lambda pets: (pets / "cat.3.jpg").unlink(),
    "another name": lambda pets: (pets / "cat.3.jpg").rename(pets / "cat.33.jpg"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_of_the_folder_renews_it(pets, capsys, decoded, change):
    read(pets, capsys)
    CHANGES[change](pets)
    decoded()
    result, _ = read(pets, capsys)
    names = sorted((path.name for path in pets.iterdir()), key=natural)
    assert decoded() == sorted(names)
    check(result, pets, names)


@pytest.mark.parametrize(
    "how", ["empty", "truncated", "corrupt", "another file", "of an earlier recipe"]
)
def test_a_damaged_file_is_made_anew(pets, capsys, decoded, monkeypatch, how):
    first, _ = read(pets, capsys)
    kept = pets.parent / ".photos" / f"pets-{SIZE}.npz"
    content = bytearray(kept.read_bytes())
    if how == "corrupt":
        content[content.index(first.images.numpy().tobytes()[:50])] ^= 1
    elif how == "of an earlier recipe":
        monkeypatch.setattr(room, "_RECIPE", room._RECIPE + 1)
    kept.write_bytes(
        {"empty": b"", "truncated": content[:-500], "another file": b"PK rubbish"}.get(how, content)
    )
    decoded()
    again, out = read(pets, capsys)
    assert len(decoded()) == 12 and torch.equal(again.images, first.images) and out.count("\n") == 1
    read(pets, capsys)
    assert decoded() == []


def test_where_nothing_can_be_kept(pets, capsys, decoded):
    (pets.parent / ".photos").write_text("a file is no folder, for root neither")
    result, out = read(pets, capsys)
    check(result, pets, GOOD)
    assert out.endswith(
        "  not kept for the next time: .photos beside this folder cannot be written\n"
    )
    assert len(decoded()) == 12 == len(read(pets, capsys)[0])
    assert sorted(path.name for path in pets.parent.iterdir()) == [".photos", "pets"]


def test_a_full_disk_leaves_the_old_file_and_no_half_one(pets, capsys, monkeypatch):
    read(pets, capsys)
    kept = pets.parent / ".photos" / f"pets-{SIZE}.npz"
    before = kept.read_bytes()

    def full(file, **arrays):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    (pets / "cat.3.jpg").unlink()
    monkeypatch.setattr(np, "savez", full)
    result, out = read(pets, capsys)
    assert len(result) == 11 and "not kept" in out
    assert kept.read_bytes() == before and everything_below(pets.parent / ".photos") == [kept.name]


# ---- in parallel


def test_in_parallel_as_one_after_the_other(pets, capsys, monkeypatch):
    for i in range(7, 60):
        (pets / f"cat.{i}.jpg").write_bytes(jpeg(smooth(i)) if i % 9 else b"")
    at_work, most, decode = set(), [], room._decode

    def slow(path, row):
        at_work.add(path)
        time.sleep(0.002 * (hash(path.name) % 3))
        most.append(len(at_work))
        at_work.discard(path)
        return decode(path, row)

    monkeypatch.setattr(room, "_decode", slow)
    results = []
    for workers in (1, 8):
        monkeypatch.setattr(os, "cpu_count", lambda workers=workers: workers)
        most.clear()
        results.append(read(pets, capsys))
        assert (max(most) > 1) == (workers > 1)
        for path in (pets.parent / ".photos").iterdir():
            path.unlink()
    (one, said), (many, said_too) = results
    assert (
        said == said_too
        and torch.equal(one.images, many.images)
        and one.names.tolist() == many.names.tolist()
    )


def test_an_interrupt_stops_at_once(pets, monkeypatch):
    done = []

    def slow(path, row):
        time.sleep(0.01)
        done.append(path)
        return {}

    def stop(self, number):
        if number == 5:
            raise KeyboardInterrupt

    for i in range(7, 200):
        (pets / f"cat.{i}.jpg").write_bytes(b"")
    monkeypatch.setattr(room, "_decode", slow)
    monkeypatch.setattr(room.Progress, "show", stop)
    with pytest.raises(KeyboardInterrupt):
        ck.photos(pets, SIZE)
    assert 5 <= len(done) < 50
    assert not (pets.parent / ".photos").exists()


MEMORY = """
import resource, sys
import coursekit as ck
def peak():  # MB; of this process since its start
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
ck.photos(sys.argv[1], 8)
before = peak()
first = ck.photos(sys.argv[1], 600)
print(first.images.nbytes / 1e6, peak() - before)
del first
ck.photos(sys.argv[1], 600)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is counted otherwise there")
def test_there_is_never_a_second_copy(pets):
    for i in range(7, 120):
        (pets / f"cat.{i}.jpg").write_bytes(jpeg(smooth(i)) if i % 10 else b"")
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, pets], capture_output=True, text=True, check=True
    )
    lines = [line.split() for line in done.stdout.splitlines() if line[0].isdigit()]
    (size, first), (again,) = (map(float, line) for line in lines)
    assert size > 100 and first < 1.4 * size and again < 1.4 * size


def test_warnings_of_other_code_are_not_lost(pets):
    ck.photos(pets, SIZE)
    with pytest.warns(UserWarning, match="still heard"):
        warnings.warn("still heard", stacklevel=1)


# ---- load


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """An empty data folder at a scale that uses real data."""
    monkeypatch.setenv("COURSEKIT_SCALE", "laptop")
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def test_load_takes_the_folder_of_photos(folder, pets, capsys):
    pets.rename(folder / "cats_vs_dogs")
    train, test = ck.load("cats_vs_dogs", size=SIZE)
    assert (len(train), len(test)) == (8, 4)
    assert torch.bincount(train.labels).tolist() == [4, 4] and torch.bincount(
        test.labels
    ).tolist() == [2, 2]
    assert sorted([*train.names, *test.names]) == GOOD
    assert train.source == test.source == "Cats vs dogs, 12 photos"
    assert train.mean == (0.485, 0.456, 0.406)
    for part in (train, test):
        check(part, folder / "cats_vs_dogs", part.names.tolist())
    assert capsys.readouterr().out == "cats_vs_dogs: 12 photos read, cat 6, dog 6\n"
    assert ck.load("cats_vs_dogs")[0].images.shape == (8, 3, 128, 128)
    assert ck.load("cats_vs_dogs", size=SIZE)[1].names.tolist() == test.names.tolist()


def test_a_prepared_file_comes_before_the_folder(folder, pets):
    pets.rename(folder / "cats_vs_dogs")
    random = np.random.default_rng(0)
    np.savez(
        folder / "cats_vs_dogs.npz",
        **prepared(
            train_images=random.integers(0, 256, (30, 40, 60, 3), dtype=np.uint8),
            classes=np.array(["cat", "dog"]),
            train_labels=np.arange(30) % 2,
            test_images=random.integers(0, 256, (10, 40, 60, 3), dtype=np.uint8),
            test_labels=np.arange(10) % 2,
        ),
    )
    train, test = ck.load("cats_vs_dogs", size=20)
    assert train.source == "a prepared set"
    assert train.images.shape == (30, 3, 20, 20) and test.images.shape == (10, 3, 20, 20)


@pytest.mark.parametrize("dogs", [0, 1])
def test_a_folder_with_too_few_of_a_class(folder, pets, dogs):
    for i in range(1 + dogs, 7):
        (pets / f"dog.{i}.jpg").unlink()
    pets.rename(folder / "cats_vs_dogs")
    with pytest.raises(
        ck.DataError, match=f"cats_vs_dogs holds 6 of cat, {dogs} of dog: at least 2 of each"
    ):
        ck.load("cats_vs_dogs", size=SIZE)


def test_without_a_folder_a_stand_in_of_this_size(folder, monkeypatch, capsys):
    asked = []
    pets = standins.pets
    monkeypatch.setattr(standins, "pets", lambda size: asked.append(size) or pets(10, 4, size=size))
    train, _ = ck.load("cats_vs_dogs", size=24)
    assert asked == [24] and train.images.shape == (10, 3, 24, 24)
    assert train.source == "Cats vs dogs stand-in (synthetic)" and train.classes == ("cat", "dog")
    banner = capsys.readouterr().out
    for words in (
        "NOT Cats vs dogs",
        "there is no folder cats_vs_dogs with photos",
        "Oxford-IIIT Pet is not in the data folder",
        "COURSEKIT_OFFLINE",
    ):
        assert words in banner


def test_known_sets_are_resized(folder):
    random = np.random.default_rng(0)
    np.savez(
        folder / "mnist.npz",
        **prepared(
            train_images=random.integers(0, 256, (2300, 28, 28), dtype=np.uint8),
            train_labels=np.arange(2300) % 10,
        ),
    )
    small, _ = ck.load("mnist")
    large, test = ck.load("mnist", size=96)
    assert large.images.shape == (2300, 1, 96, 96) and test.images.shape == (10, 1, 96, 96)
    for i in (0, 999, 1000, 2299):
        reference = Image.fromarray(small.images[i, 0].numpy()).resize(
            (96, 96), Image.Resampling.BILINEAR
        )
        assert np.abs(large.images[i, 0].numpy().astype(int) - np.asarray(reference)).max() <= 1
    with pytest.raises(ValueError, match="at least 1 pixel, not 0"):
        ck.load("mnist", size=0)


@pytest.fixture
def oxford(monkeypatch):
    """The two archives of Oxford-IIIT Pet, small, with their own hashes registered: {file name:
    bytes}; and the photos."""
    images = {
        f"{breed}_{i}.jpg": jpeg(smooth(1000 * len(breed) + i))
        for breed in ("Abyssinian", "beagle")
        for i in range(1, 7)
    }
    images["beagle_6.jpg"] = CONVERTED["palette"]()  # some of the real ones are no JPEG files
    lines = [f"{name[:-4]} {1 + (name[0] == 'b')} {1 + (name[0] == 'b')} 1" for name in images]
    lists = {
        "trainval.txt": "\n".join(lines[:3] + lines[6:11]),
        "test.txt": "\n".join(lines[3:6] + lines[11:]),
    }
    archives = {}
    for kind, files in (
        ("images", images),
        ("annotations", {name: text.encode() for name, text in lists.items()}),
    ):
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as tar:
            for name, content in files.items():
                member = tarfile.TarInfo(f"{kind}/{name}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        archives[f"{kind}.tar.gz"] = archive.getvalue()
    files = tuple(
        replace(file, hash=f"md5:{hashlib.md5(content).hexdigest()}")
        for file, content in zip(SETS["cats_vs_dogs"].files, archives.values())
    )
    change_set(monkeypatch, "cats_vs_dogs", files=files)
    return archives, images


def check_oxford(train, test, images, tmp_path):
    every = list(images)
    for part, names in ((train, every[:3] + every[6:11]), (test, every[3:6] + every[11:])):
        assert part.source == "Oxford-IIIT Pet" and part.classes == ("cat", "dog")
        assert part.labels.tolist() == [int(name[0] == "b") for name in names]
        for name, found in zip(names, part.pixels()):
            (tmp_path / "one.jpg").write_bytes(images[name])
            assert np.array_equal(found, expected(tmp_path / "one.jpg"))


def test_then_oxfords_pets(folder, oxford, tmp_path, capsys, decoded):
    archives, images = oxford
    (folder / "oxford-iiit-pet").mkdir()
    for name, content in archives.items():
        (folder / "oxford-iiit-pet" / name).write_bytes(content)
    check_oxford(*ck.load("cats_vs_dogs", size=SIZE), images, tmp_path)
    report = capsys.readouterr().out
    assert report == (
        "Oxford-IIIT Pet, trainval: 8 photos read, cat 3, dog 5\n"
        "Oxford-IIIT Pet, test: 4 photos read, cat 3, dog 1\n"
        "  converted to RGB: palette 1 (beagle_6.jpg)\n"
    )
    reference = datasets.OxfordIIITPet(folder, split="trainval", target_types="binary-category")
    assert [label for _, label in reference] == [0] * 3 + [1] * 5
    there = ".photos annotations annotations.tar.gz images images.tar.gz"
    assert sorted(path.name for path in (folder / "oxford-iiit-pet").iterdir()) == there.split()
    assert len(decoded()) == 12
    check_oxford(*ck.load("cats_vs_dogs", size=SIZE), images, tmp_path)
    assert decoded() == [] and capsys.readouterr().out == report


def test_one_of_oxfords_photos_that_cannot_be_read(folder, oxford, capsys):
    archives, _ = oxford
    (folder / "oxford-iiit-pet").mkdir()
    for name, content in archives.items():
        (folder / "oxford-iiit-pet" / name).write_bytes(content)
    ck.load("cats_vs_dogs", size=8)
    (folder / "oxford-iiit-pet" / "images" / "Abyssinian_2.jpg").write_bytes(b"")
    capsys.readouterr()
    train, test = ck.load("cats_vs_dogs", size=SIZE)
    assert train.labels.tolist() == [0] * 2 + [1] * 5 and len(train.images) == 7
    assert capsys.readouterr().out.startswith(
        "Oxford-IIIT Pet, trainval: 7 photos read, cat 2, dog 5\n"
        "  could not be read: zero bytes 1 (Abyssinian_2.jpg)\n"
    )


def test_oxfords_pets_are_downloaded(mirror, folder, oxford, tmp_path, monkeypatch):  # noqa: F811
    archives, images = oxford
    files = tuple(
        replace(file, addresses=(f"{mirror}good/{file.path.rsplit('/', 1)[-1]}",))
        for file in SETS["cats_vs_dogs"].files
    )
    change_set(monkeypatch, "cats_vs_dogs", files=files)
    monkeypatch.setattr(
        Mirror, "content", property(lambda self: archives[self.path.rsplit("/", 1)[-1]])
    )
    check_oxford(*ck.load("cats_vs_dogs", size=SIZE), images, tmp_path)


def test_a_damaged_archive_of_oxfords_pets(folder, oxford):
    archives, _ = oxford
    (folder / "oxford-iiit-pet").mkdir()
    for name, content in archives.items():
        (folder / "oxford-iiit-pet" / name).write_bytes(content[:-9])
    with pytest.raises(ck.DataError, match="images.tar.gz is damaged or not the known file"):
        ck.load("cats_vs_dogs", size=SIZE)
    assert sorted(everything_below(folder / "oxford-iiit-pet")) == sorted(archives), (
        "nothing was unpacked"
    )
