"""Grey photos, their patches, and noise: against values written out here, and what is said of
photos that do not fit."""

import numpy as np
import pytest
import torch
from mirror import change_set, file_of
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio
from torch import nn
from torch.nn import functional as F

import coursekit as ck
from coursekit.data import download
from coursekit.data.catalogue import SETS
from coursekit.data.denoising import GreyPhotos, grey_photo, grey_photos


def ramp(height, width, start=0):
    """A photo in which every pixel of a small neighbourhood has a value of its own."""
    return ((torch.arange(height * width).view(height, width) * 7 + start) % 256).to(torch.uint8)


@pytest.fixture
def photos():
    return GreyPhotos(
        [ramp(20, 30), ramp(12, 12, 5), ramp(30, 20, 9), ramp(20, 30, 40)],
        list("abcd"),
        "four photos",
    )


def test_patches_are_where_they_should_be(photos):
    patches = photos.patches(8, 25, stride=5)
    corners = [
        (i, row, column)
        for i, photo in enumerate(photos.pixels)
        for row in range(0, photo.shape[0] - 7, 5)
        for column in range(0, photo.shape[1] - 7, 5)
    ]
    assert patches.places.tolist() == [list(corner) for corner in corners]
    patches.symmetry = lambda images: images
    _, clean = patches.__getitems__(range(len(patches)))
    for y, (i, row, column) in zip(clean, corners):
        assert torch.equal(
            (y[0] * 255).round().byte(), photos.pixels[i][row : row + 8, column : column + 8]
        )


def test_patches_are_views(photos):
    patches = photos.patches(8, 25, stride=1)
    assert patches.windows.untyped_storage().nbytes() == 4 * 30 * 30


def test_noise_is_fresh_and_as_strong_as_promised():
    photos = GreyPhotos([torch.full((60, 60), 128, dtype=torch.uint8)], ["grey"], "one")
    patches = photos.patches(40, 25, stride=1)
    first, clean = patches.__getitems__(range(200))
    second, _ = patches.__getitems__(range(200))
    noise = 255 * (first - clean)
    assert not torch.equal(first, second)
    assert noise.std() == pytest.approx(25, rel=0.02) and abs(noise.mean()) < 0.3
    assert (
        torch.corrcoef(torch.stack([(first - clean).flatten(), (second - clean).flatten()]))[
            0, 1
        ].abs()
        < 0.02
    )


def test_blind_noise_has_a_strength_for_each_patch():
    photos = GreyPhotos([torch.zeros(80, 80, dtype=torch.uint8)], ["black"], "one")
    patches = photos.patches(30, (0, 50), stride=1)
    noisy, clean = patches.__getitems__(range(500))
    strength = 255 * (noisy - clean).std((1, 2, 3))
    assert (
        strength.min() < 2 and strength.max() > 48 and strength.mean() == pytest.approx(25, abs=2)
    )
    assert patches.source == "one, σ = 0 to 50"


def test_the_fingerprint_tells_all_that_a_batch_depends_on(photos):
    other = GreyPhotos([*photos.pixels[:3], ramp(20, 30, 41)], photos.names, photos.source)
    patches, turned = photos.patches(8, 25), photos.patches(8, 25)
    turned.symmetry = lambda images: images
    made = [
        *(photos, other, patches, turned, other.patches(8, 25), photos.patches(9, 25)),
        *(photos.patches(8, 15), photos.patches(8, (15, 25)), photos.patches(8, 25, stride=9)),
        *(photos.noisy(25), other.noisy(25), photos.noisy(15), photos.noisy(25, seed=1)),
    ]
    assert len({one.fingerprint for one in made}) == len(made)
    assert patches.fingerprint == photos.select(slice(None)).patches(8, (25, 25)).fingerprint
    assert photos.noisy(25).fingerprint == photos.select(range(4)).noisy(25).fingerprint


def test_single_samples(photos):
    patches, noisy = photos.patches(8, 25, stride=5), photos.noisy(15)
    assert [tuple(x.shape) for x in patches[-1]] == [(1, 8, 8)] * 2
    assert [tuple(x.shape) for x in noisy[0]] == [(1, 12, 12)] * 2
    assert len(list(noisy)) == 4, "a loop over the photos ends"


def test_all_eight_symmetries_come():
    photos = GreyPhotos([ramp(9, 9)], ["a"], "one")
    patches = photos.patches(9, 1e-6)
    seen = {tuple((255 * patches[0][1]).round().byte().flatten().tolist()) for _ in range(200)}
    square = np.asarray(photos.pixels[0])
    expected = {
        tuple(np.rot90(turned, k).flatten().tolist())
        for turned in (square, square.T)
        for k in range(4)
    }
    assert len(expected) == 8 and seen == expected


def test_a_loader_covers_every_patch_once(photos):
    patches = photos.patches(8, 25, stride=5)
    batches = list(patches.loader(10, shuffle=True))
    assert sum(len(x) for x, _ in batches) == len(patches) and batches[0][0].shape == (10, 1, 8, 8)


def test_photos_to_test_on_keep_their_noise(photos):
    noisy, again, other = photos.noisy(15), photos.noisy(15), photos.noisy(15, seed=1)
    assert noisy.names == ("b", "a", "d", "c")
    for i in range(4):
        assert torch.equal(noisy[i][0], again[i][0]) and not torch.equal(noisy[i][0], other[i][0])
        assert torch.equal(
            noisy[i][1][0] * 255, photos.pixels["abcd".index(noisy.names[i])].float()
        )
    alone = photos.select([3]).noisy(30)
    assert torch.allclose(
        alone[0][0] - alone[0][1], 2 * (photos.select([3]).noisy(15)[0][0] - alone[0][1]), atol=1e-6
    )


def test_the_strength_of_the_noise_is_counted_in_grey_levels():
    noisy, clean = GreyPhotos([ramp(200, 200)], ["a"], "one").noisy(25)[0]
    assert 255 * (noisy - clean).std().item() == pytest.approx(25, rel=0.02)
    assert 255 * (noisy - clean).mean().item() == pytest.approx(0, abs=0.5)


def test_batches_have_one_shape(photos):
    shapes = [tuple(x.shape) for x, _ in photos.noisy(15).loader(8)]
    assert shapes == [(1, 1, 12, 12), (2, 1, 20, 30), (1, 1, 30, 20)]
    assert (
        [len(x) for x, _ in photos.noisy(15).loader(1)]
        == [1, 1, 1, 1]
        == [len(x) for x, _ in photos.noisy(15).loader()]
    )


def test_evaluate_takes_photos_of_many_sizes(photos):
    """In batches or one by one: the same PSNR for each photo, and the same as scikit-image's."""

    def psnr(outputs, target):
        return torch.tensor(
            [
                peak_signal_noise_ratio(y.numpy(), x.numpy(), data_range=1)
                for x, y in zip(outputs, target)
            ]
        )

    net = nn.Conv2d(1, 1, 3, padding=1)
    noisy = photos.noisy(25)
    results = [ck.evaluate(net, noisy.loader(n), loss=F.mse_loss, metric=psnr) for n in (1, 8)]
    assert torch.allclose(results[0].values, results[1].values) and results[
        0
    ].loss == pytest.approx(results[1].loss)
    assert [tuple(x.shape) for x in results[1].outputs] == [tuple(x.shape) for x in noisy.clean]
    assert all(torch.equal(x, y) for x, y in zip(results[1].targets, noisy.clean))
    assert results[1].classes == () and results[1].total == 4 and "psnr" in repr(results[1])


@pytest.mark.parametrize(
    "sigma", [0, -1, float("nan"), float("inf"), "25", (0, 0), (-5, 10), (20, 10), (5, 10, 20)]
)
def test_noise_that_is_none(photos, sigma):
    with pytest.raises(ValueError, match="noise"):
        photos.patches(8, sigma)
    with pytest.raises(ValueError, match="above 0 .*grey levels.*not .*only patches take a pair"):
        photos.noisy(sigma)


def test_a_photo_smaller_than_a_patch_is_named(photos):
    with pytest.raises(
        ValueError, match=r"1 of 4 photos are smaller than a patch of 16×16: b \(12×12\).*select"
    ):
        photos.patches(16, 25)
    assert len(photos.select([0, 2, 3]).patches(16, 25))


@pytest.mark.parametrize("size, stride", [(0, 5), (8, 0), (-1, 5)])
def test_sizes_that_are_none(photos, size, stride):
    with pytest.raises(ValueError, match="at least 1"):
        photos.patches(size, 25, stride=stride)


def test_photos_that_are_none(photos):
    with pytest.raises(ValueError, match="uint8 height×width, but a is float32 3×4"):
        GreyPhotos([torch.zeros(3, 4)], ["a"], "x")
    with pytest.raises(ValueError, match="must be a tensor.* but a is ndarray"):
        GreyPhotos([np.zeros((3, 4), np.uint8)], ["a"], "x")
    with pytest.raises(ValueError, match="at least 1 photo"):
        GreyPhotos([ramp(3, 4)], ["a"], "x").noisy(25).loader(0)
    with pytest.raises(ValueError, match="2 names for 1 photo"):
        GreyPhotos([ramp(3, 4)], ["a", "b"], "x")
    for use in (lambda none: none.patches(8, 25), lambda none: none.noisy(25)):
        with pytest.raises(ValueError, match="no photos"):
            use(photos.select([]))


@pytest.fixture
def folder(tmp_path):
    """A folder as people have them."""
    grey = np.asarray(ramp(40, 50))
    Image.fromarray(grey).save(tmp_path / "2.png")
    Image.fromarray(np.stack([grey, grey // 2, 255 - grey], 2)).save(tmp_path / "10.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "3.png")
    (tmp_path / "4.png").write_bytes((tmp_path / "2.png").read_bytes()[:100])
    (tmp_path / "notes.txt").write_text("no photo")
    (tmp_path / ".hidden.png").write_bytes(b"")
    return tmp_path


def test_a_folder_is_read_and_reported(folder, capsys):
    photos = grey_photos(folder)
    said = capsys.readouterr().out
    assert photos.names == ("2.png", "3.png", "10.png")
    grey = ramp(40, 50)
    assert torch.equal(photos.pixels[0], grey) and torch.equal(
        photos.pixels[1], grey
    )  # 16 bits cut to 8
    expected = 0.299 * grey.float() + 0.587 * (grey // 2).float() + 0.114 * (255 - grey).float()
    assert (photos.pixels[2].float() - expected).abs().max() <= 1
    assert "3 photos read" in said and "16-bit grey 1 (3.png); colour 1 (10.png)" in said
    assert (
        "could not be read" in said
        and "4.png" in said
        and "notes.txt" in said
        and ".hidden" not in said
    )


def test_a_folder_without_photos(tmp_path):
    with pytest.raises(download.DataError, match="nothing to denoise"):
        grey_photos(tmp_path)
    with pytest.raises(download.DataError, match="there is no folder"):
        grey_photos(tmp_path / "elsewhere")


def test_one_photo_of_a_file(folder, capsys):
    assert torch.equal(grey_photo(folder / "2.png").pixels[0], ramp(40, 50))
    said = capsys.readouterr().out
    assert said == "2.png: 50×40 pixels\n"
    for name, kind in {"3.png": "16-bit grey", "10.png": "colour"}.items():
        photos = grey_photo(str(folder / name))
        assert photos.names == (name,) and photos.source == name
        assert torch.equal(photos.pixels[0], grey_photos(folder).pixels[int(name == "10.png") + 1])
        assert f"converted to 8-bit grey: {kind} 1 ({name})" in capsys.readouterr().out
    assert len(grey_photo(folder / "2.png").noisy(25)) == 1


@pytest.mark.parametrize(
    "largest, rows, columns",
    [(50, (0, 40), (0, 50)), (40, (0, 40), (5, 45)), (20, (10, 30), (15, 35)), (1, (19, 20), None)],
)
def test_of_a_huge_photo_the_middle_is_cut_out(folder, capsys, largest, rows, columns):
    """At its own size, pixel for pixel."""
    photo = grey_photo(folder / "2.png", largest=largest).pixels[0]
    columns = columns or (24, 25)
    assert torch.equal(photo, ramp(40, 50)[slice(*rows), slice(*columns)])
    size = f"{columns[1] - columns[0]}×{rows[1] - rows[0]}"
    said = capsys.readouterr().out
    assert (f"its middle was taken, {size} of 50×40 pixels" in said) == (largest < 50)


def test_odd_photos(tmp_path, capsys):
    """CMYK, transparent, animated, lying on its side, of 2×2 pixels."""
    grey = Image.fromarray(np.asarray(ramp(40, 50)))
    Image.new("CMYK", (9, 9), (0, 0, 0, 255)).save(tmp_path / "cmyk.jpg")
    Image.new("RGBA", (9, 9), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    frames = [Image.new("L", (9, 9), value) for value in (40, 200)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    exif = Image.Exif()
    exif[0x0112] = 6
    grey.save(tmp_path / "side.png", exif=exif)
    grey.crop((0, 0, 2, 2)).save(tmp_path / "tiny.png")
    found = {path.stem: grey_photo(path).pixels[0] for path in tmp_path.iterdir()}
    said = capsys.readouterr().out
    assert found["cmyk"].max() < 10 and "converted to 8-bit grey: CMYK 1" in said
    assert found["clear"].min() == 255 and "transparent 1" in said
    assert found["film"].unique().tolist() == [40] and "first of several images taken" in said
    assert torch.equal(found["side"], ramp(40, 50).rot90(-1)) and "turned upright" in said
    assert torch.equal(found["tiny"], ramp(40, 50)[:2, :2])


def test_a_file_that_is_no_photo(folder, monkeypatch):
    (folder / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(50))
    (folder / "empty.jpg").write_bytes(b"")
    Image.new("L", (1, 30)).save(folder / "line.png")
    reasons = {
        "phone.heic": "HEIC, as iPhones make: export it as JPEG",
        "notes.txt": "not an image of a known kind",
        "4.png": "truncated",
        "empty.jpg": "zero bytes",
        "line.png": "1×30 pixels, too small",
    }
    for name, reason in reasons.items():
        with pytest.raises(download.DataError, match=f"{name} cannot be used: .*{reason}"):
            grey_photo(folder / name)
    with pytest.raises(download.DataError, match=r"no file .*me.jpg; the files in .* are: 2.png"):
        grey_photo(folder / "me.jpg")
    with pytest.raises(download.DataError, match=r"is a folder; the files in .* are: 2.png"):
        grey_photo(folder)
    with pytest.raises(download.DataError, match="there is no folder .*elsewhere"):
        grey_photo(folder / "elsewhere" / "me.jpg")
    with pytest.raises(ValueError, match="at least 1 pixel, not 0"):
        grey_photo(folder / "2.png", largest=0)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 900)
    with pytest.raises(download.DataError, match="too large .*save a part of it"):
        grey_photo(folder / "2.png")


def test_the_listed_files_are_those_of_the_sets():
    for name, count in (("bsd_train", 120), ("bsd68", 68), ("set12", 12)):
        files = SETS[name].files
        assert len(files) == count == len({file.hash for file in files})
        assert all(file.addresses[0].endswith(file.path.rsplit("/", 1)[-1]) for file in files)


def test_published_files_are_taken_and_checked(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSEKIT_SCALE", "laptop")
    monkeypatch.setenv("COURSEKIT_OFFLINE", "1")
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path))
    place = tmp_path / "denoise" / "Set12"
    place.mkdir(parents=True)
    made = []
    for i in range(12):
        Image.fromarray(np.asarray(ramp(20, 20, i))).save(place / f"{i + 1:02}.png")
        made.append(file_of(place / f"{i + 1:02}.png", tmp_path))
    change_set(monkeypatch, "set12", files=tuple(made))
    photos = ck.load_grey("set12", device="cpu")
    assert (
        len(photos) == 12
        and photos.source == "Set12"
        and torch.equal(photos.pixels[3], ramp(20, 20, 3))
    )
    assert capsys.readouterr().out == ""
    (place / "extra.png").write_bytes((place / "01.png").read_bytes())
    with pytest.raises(download.DataError, match="has 13 photos, but Set12 has 12"):
        ck.load_grey("set12")
    (place / "extra.png").unlink()
    (place / "05.png").write_bytes(b"x" + (place / "05.png").read_bytes())
    with pytest.raises(download.DataError, match="05.png"):
        ck.load_grey("set12")


def test_the_standin_says_so(capsys):
    train, test = ck.load_grey("bsd_train"), ck.load_grey("bsd68")
    assert (
        "this is NOT BSD68" in capsys.readouterr().out
        and "stand-in (photos of scikit-learn" in test.source
    )
    assert not set(train.names) & set(test.names)
    with pytest.raises(ValueError, match="choose one of bsd_train, bsd68, set12"):
        ck.load_grey("bsd500")
