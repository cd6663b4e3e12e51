# ruff: noqa: F811
"""Scenes: what fits together, PCA, patches as views, pictures, loading."""

import hashlib
import io
import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_scenes import fields, scene
from mirror import change_set, folder, mirror, of_kind, place  # noqa: F401
from scipy.io import savemat
from sklearn.decomposition import PCA
from test_plots import check, shown_images
from torch import nn
from torch.utils.data import DataLoader

import coursekit as ck
from coursekit import lab
from coursekit.data import hyperspectral
from coursekit.data.catalogue import SCENES as KIND
from coursekit.data.catalogue import SETS
from coursekit.data.hyperspectral import Patches, Scene

# ---- what fits together

WHOLE = {
    "cube": np.arange(24, dtype=np.uint16).reshape(2, 3, 4),
    "labels": np.array([[0, 1, 2], [1, 1, 0]]),
    "classes": ("corn", "oats"),
    "source": "two crops",
    "wavelengths": np.array([450.0, 550, 650, 750]),
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"cube": np.ones((2, 3))},
            "two crops: a cube holds numbers, height×width×bands, not float64 2×3",
        ),
        ({"cube": np.ones((1, 2, 3, 4))}, "not float64 1×2×3×4"),
        ({"cube": np.ones((2, 3, 4), dtype=bool)}, "not bool 2×3×4"),
        ({"cube": np.ones((2, 3, 4), dtype=complex)}, "not complex128 2×3×4"),
        ({"cube": np.full((2, 3, 4), "x")}, "a cube holds numbers"),
        ({"cube": np.ones((2, 3, 0))}, "not float64 2×3×0"),
        ({"labels": np.ones((3, 2), dtype=int)}, "numbers, 2×3 as the cube, not int64 3×2"),
        ({"labels": np.ones(6, dtype=int)}, "not int64 6"),
        ({"labels": np.ones((2, 3))}, "labels must be whole numbers, .* not float64 2×3"),
        ({"labels": np.ones((2, 3), dtype=bool)}, "not bool 2×3"),
        (
            {"labels": np.array([[0, 1, 2], [1, 3, 0]])},
            "labels must lie in 0 … 2 for 2 classes, but run from 0 to 3",
        ),
        ({"labels": np.array([[0, 1, 2], [1, -1, 0]])}, "run from -1 to 2"),
        ({"classes": ("corn",)}, "labels must lie in 0 … 1 for 1 classes, but run from 0 to 2"),
        ({"wavelengths": np.arange(3)}, "3 wavelengths for 4 bands"),
        ({"wavelengths": np.ones((2, 2))}, "4 wavelengths for 4 bands"),
    ],
)
def test_a_scene_that_does_not_fit_together(changes, words):
    with pytest.raises(ValueError, match=words):
        Scene(**WHOLE | changes)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_named_with_its_band(dtype, value):
    cube = np.ones((4, 5, 8), dtype=dtype)
    cube[1, 2, 3] = cube[1, 2, 6] = cube[0, 0, 6] = value
    with pytest.raises(
        ValueError,
        match=r"noise: 2 pixels have values that are not finite, in band 3, 6 \(counted from 0\): "
        "leave these bands out, or fill the gaps first",
    ):
        Scene(cube, np.zeros((4, 5), dtype=int), ("a",), "noise")
    cube[2, 2] = value
    with pytest.raises(ValueError, match="3 pixels .* in band 0, 1, 2, 3, 4 … "):
        Scene(cube, np.zeros((4, 5), dtype=int), ("a",), "noise")


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int64, np.float32, np.float64])
def test_what_a_scene_knows(dtype):
    made = Scene(
        **WHOLE | {"cube": WHOLE["cube"].astype(dtype), "labels": WHOLE["labels"].astype(np.uint8)}
    )
    assert made.labels.dtype == np.int64 and np.array_equal(made.labels, WHOLE["labels"])
    assert made.cube.dtype == dtype, "the cube stays as it is"
    assert made.counts.tolist() == [3, 1] and made.constant.tolist() == []
    assert repr(made) == "Scene(2×3×4, 2 classes, 4 labelled pixels, two crops)"


def test_constant_bands_and_empty_classes_are_told():
    cube = np.random.default_rng(0).integers(0, 256, (5, 4, 9), dtype=np.uint8)
    cube[..., [2, 7]] = 0, 255
    made = Scene(cube, np.full((5, 4), 3), ("a", "b", "c", "d"), "noise")
    assert made.constant.tolist() == [2, 7] and made.counts.tolist() == [0, 0, 20, 0]
    assert repr(made) == "Scene(5×4×9, 4 classes, 20 labelled pixels, noise, band 2, 7 constant)"


# ---- PCA


def mixed(dtype, bands=12, seed=0):
    """Bands that depend on each other as those of a sensor do: far from zero, the last components
    3,000 times weaker."""
    random = np.random.default_rng(seed)
    spread = np.geomspace(1, 1 / 3000, bands)
    cube = (random.standard_normal((14, 11, bands)) * spread) @ np.linalg.qr(
        random.standard_normal((bands, bands))
    )[0]
    low, high = {np.uint8: (0, 255), np.uint16: (0, 60_000), np.int16: (-9, 8_000)}.get(
        dtype, (3_000, 9_000)
    )
    cube = low + (cube - cube.min()) / (cube.max() - cube.min()) * (high - low)
    return Scene(
        (cube if np.dtype(dtype).kind == "f" else cube.round()).astype(dtype),
        fields(14, 11, 3, 1),
        ("a", "b", "c"),
        "mixed bands",
        np.linspace(400, 900, bands),
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("part", ["all pixels", "training pixels"])
def test_pca_is_that_of_scikit_learn(dtype, part):
    """In double precision by another way (singular values), up to the sign of each component."""
    made = mixed(dtype)
    pixels = None if part == "all pixels" else made.split_random(0.4).train
    flat = made.cube.reshape(-1, 12).astype(np.float64)
    expected = (
        PCA(10, whiten=True, svd_solver="full")
        .fit(flat if pixels is None else flat[pixels])
        .transform(flat)
    )
    reduced = made.pca(10, pixels=pixels)
    found = reduced.cube.reshape(-1, 10)
    np.testing.assert_allclose(
        found * np.sign((found * expected).sum(0)), expected, rtol=0, atol=2e-4
    )
    assert reduced.cube.dtype == np.float32 and reduced.cube.shape == (14, 11, 10)
    assert np.array_equal(reduced.labels, made.labels) and reduced.wavelengths is None
    assert (reduced.classes, reduced.source) == (made.classes, made.source)


def test_pca_has_mean_0_and_variance_1_where_it_was_computed():
    made = mixed(np.uint16)
    train = made.split_random(0.3).train
    for pixels, reduced in ((slice(None), made.pca(5)), (train, made.pca(5, pixels=train))):
        flat = reduced.cube.reshape(-1, 5)[pixels].astype(np.float64)
        np.testing.assert_allclose(flat.mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(np.cov(flat.T), np.eye(5), atol=1e-5)
    assert abs(made.pca(5, pixels=train).cube.reshape(-1, 5).mean(0)).max() > 1e-3, (
        "not the mean of all pixels"
    )


def test_pixels_to_test_on_have_no_part_in_the_pca():
    made = mixed(np.uint16)
    train = made.split_random(0.3).train
    changed = made.cube.copy()
    others = np.setdiff1d(np.arange(changed[..., 0].size), train)
    changed.reshape(-1, 12)[others[::2]] = 60_000 - changed.reshape(-1, 12)[others[::2]]
    before, after = (
        replace(made, cube=cube).pca(4, pixels=train).cube.reshape(-1, 4)
        for cube in (made.cube, changed)
    )
    same = np.concatenate([train, others[1::2]])
    assert np.array_equal(before[same], after[same]) and not np.allclose(
        before[others[::2]], after[others[::2]]
    )


def test_a_constant_band_does_no_harm():
    made = mixed(np.uint8)
    made.cube[..., 4] = 7
    reduced = made.pca(11)
    assert np.isfinite(reduced.cube).all() and not len(reduced.constant)


@pytest.mark.parametrize("components", [0, -1, 13, 200])
def test_components_that_cannot_be_had(components):
    with pytest.raises(
        ValueError,
        match=rf"{components} components cannot be had from 12 bands that vary \(of 12\) in 154 "
        "pixels: choose 1 to 12",
    ):
        mixed(np.uint16).pca(components)


def test_components_are_not_more_than_what_varies():
    made = mixed(np.uint16)
    made.cube[..., [0, 5, 6]] = 9
    with pytest.raises(
        ValueError,
        match=r"10 components cannot be had from 9 bands that vary \(of 12\) .* choose 1 to 9",
    ):
        made.pca(10)
    made.pca(9)
    with pytest.raises(ValueError, match="4 components .* in 4 pixels: choose 1 to 3"):
        made.pca(4, pixels=np.arange(4))
    made.pca(3, pixels=np.arange(4))
    for pixels in ([5], [], [5, 5]):
        with pytest.raises(
            ValueError, match=f"in {len(pixels)} pixels: there is no component at all"
        ):
            made.pca(1, pixels=np.array(pixels, dtype=int))


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
def test_bands_that_repeat_others_give_no_components(dtype):
    """Whitening divides by the spread of a component: by noise of the arithmetic, were there more
    of them than bands differ."""
    for low, high in ((1_000, 9_000), (60_000, 60_020)):
        cube = np.random.default_rng(0).integers(low, high, (20, 20, 3)).astype(dtype)
        made = Scene(
            np.concatenate([cube, cube, cube], axis=2),
            np.ones((20, 20), dtype=int),
            ("a",),
            "thrice the same",
        )
        with pytest.raises(
            ValueError, match=r"4 components cannot be had from 9 bands that vary .* choose 1 to 3"
        ):
            made.pca(4)
        assert np.cov(made.pca(3).cube.reshape(-1, 3).T) == pytest.approx(np.eye(3), abs=1e-4)


# ---- patches


def by_hand(scene, size, pixel):
    """One patch, value by value, from an array with a border of zeros."""
    (height, width, bands), half = scene.cube.shape, size // 2
    padded = np.zeros((height + 2 * half, width + 2 * half, bands))
    padded[half : half + height, half : half + width] = scene.cube
    row, column = divmod(int(pixel), width)
    patch = np.empty((bands, size, size))
    for i, j, band in itertools.product(range(size), range(size), range(bands)):
        patch[band, i, j] = padded[row + i, column + j, band]
    return patch


@pytest.mark.parametrize("size", [1, 3, 5, 7])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_patches_equal_those_made_by_hand(size, dtype):
    made = scene(fields(7, 9, 3, seed=2), bands=2, dtype=dtype)
    everywhere = made.patches(size, np.arange(63))
    batches = list(everywhere.loader(20))
    assert [len(y) for _, y in batches] == [20, 20, 20, 3]
    x, y = (torch.cat(parts) for parts in zip(*batches))
    assert x.dtype == torch.float32 and x.shape == (63, 2, size, size) and y.dtype == torch.int64
    assert np.array_equal(x, np.stack([by_hand(made, size, pixel) for pixel in range(63)]))
    assert y.tolist() == [max(label - 1, 0) for label in made.labels.ravel()]
    assert np.array_equal(x[:, :, size // 2, size // 2], made.cube.reshape(-1, 2)), (
        "the pixel is in the middle"
    )


def test_the_labelled_pixels_by_default():
    made = scene([[0, 2, 1], [1, 0, 3], [0, 0, 2]])
    patches = made.patches(3)
    assert patches.pixels.tolist() == [1, 2, 3, 5, 8] and patches.labels.tolist() == [1, 0, 0, 2, 1]
    assert isinstance(patches, Patches) and len(patches) == 5
    assert (patches.classes, patches.source) == (made.classes, made.source)
    assert repr(patches) == "Patches(5 × 3×3×3, 3 classes, noise (synthetic), on cpu)"


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.int64])
def test_any_pixels_in_any_order(dtype):
    made = scene(fields(6, 5, 2, seed=1))
    pixels = np.array([29, 0, 7, 7], dtype=dtype)
    for chosen in (pixels, pixels.tolist()):
        x, y = next(iter(made.patches(3, chosen).loader(9)))
        assert np.array_equal(x, np.stack([by_hand(made, 3, pixel) for pixel in pixels]))
        assert y.tolist() == (made.labels.ravel()[pixels] - 1).clip(0).tolist()


def test_a_plain_dataloader_and_single_items(seeded):
    made = scene(fields(6, 5, 3, seed=1))
    patches = made.patches(5)
    whole, labels = patches.__getitems__(range(len(patches)))
    for index in (0, 3, -1):
        x, y = patches[index]
        assert torch.equal(x, whole[index]) and y == labels[index] and isinstance(y, int)
    for outside in (len(patches), -len(patches) - 1):
        with pytest.raises(IndexError):
            patches[outside]
    plain = DataLoader(patches, batch_size=4, collate_fn=patches.loader(1).collate_fn)
    assert torch.equal(torch.cat([x for x, _ in plain]), whole)
    shuffled = [y for _, y in patches.loader(4, shuffle=True)]
    x = torch.cat([x for x, _ in patches.loader(4, shuffle=True)])
    assert not torch.equal(torch.cat(shuffled), labels) and torch.equal(
        torch.cat(shuffled).sort().values, labels.sort().values
    )
    assert {row.numpy().tobytes() for row in x} == {row.numpy().tobytes() for row in whole}


def test_no_patch_is_copied():
    """All patches of the scene lie in the memory of one padded cube: here 81 times less than they
    would take."""
    made = scene(fields(30, 20, 2, seed=0), bands=4)
    patches = made.patches(9)
    assert patches.windows.shape == (30, 20, 4, 9, 9)
    assert patches.windows.untyped_storage().nbytes() == (30 + 8) * (20 + 8) * 4 * 4
    first = patches.windows.untyped_storage().data_ptr()
    for row, column in ((0, 0), (17, 4), (29, 19)):
        window = patches.windows[row, column]
        assert window.untyped_storage().data_ptr() == first <= window.data_ptr()
    tensors = [value for value in vars(patches).values() if isinstance(value, torch.Tensor)]
    assert len({tensor.untyped_storage().data_ptr() for tensor in tensors}) == 3, (
        "windows, positions, labels and no more"
    )


def test_the_scene_is_not_changed():
    made = scene(fields(6, 5, 2, seed=0), dtype=np.float32)
    before = made.cube.copy()
    x, _ = next(iter(made.patches(1).loader(50)))
    x.zero_()
    made.patches(1).windows.zero_()
    assert np.array_equal(made.cube, before)


def test_a_scene_turned_over_or_of_another_byte_order():
    made = scene(fields(6, 5, 2, seed=0), dtype=np.float32)
    for cube, labels in (
        (made.cube[::-1], made.labels[::-1]),
        (made.cube.transpose(1, 0, 2), made.labels.T),
        (made.cube.astype(">f4"), made.labels),
        (made.cube.astype(">u2"), made.labels),
    ):
        other = Scene(cube, labels, made.classes, made.source)
        x, _ = next(iter(other.patches(3, np.arange(30)).loader(30)))
        assert np.array_equal(x, np.stack([by_hand(other, 3, pixel) for pixel in range(30)]))


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "must be odd and at least 1, not 0"),
        (2, "odd and at least 1, not 2"),
        (-1, "not -1"),
        (4, "not 4"),
        (7, "a patch of 7×7 is larger than the scene of 6×5"),
        (9, "larger than the scene"),
    ],
)
def test_sizes_that_cannot_be(size, words):
    with pytest.raises(ValueError, match=words):
        scene(fields(6, 5, 2, seed=0)).patches(size)
    scene(fields(6, 5, 2, seed=0)).patches(5)
    for long in (fields(9, 5, 2, seed=0), fields(5, 9, 2, seed=0)):
        with pytest.raises(ValueError, match="a patch of 7×7 is larger than the scene"):
            scene(long).patches(7)


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        ([30], "pixels must lie in 0 … 29 for the scene of 6×5"),
        ([3, -1], "must lie in 0 … 29"),
        (np.ones(30, dtype=bool), "must be flat positions in a row, not bool 30"),
        (np.ones((6, 5), dtype=bool), "not bool 6×5"),
        ([[1, 2]], "not int64 1×2"),
        ([1.5], "not float64 1"),
    ],
)
def test_positions_that_cannot_be(pixels, words):
    with pytest.raises(ValueError, match=words):
        scene(fields(6, 5, 2, seed=0)).patches(3, pixels)


def test_no_pixels():
    for none in (
        scene(fields(6, 5, 2, seed=0)).patches(3, []),
        scene(np.zeros((6, 5), dtype=int)).patches(3),
    ):
        assert len(none) == 0
        with pytest.raises(ValueError, match="noise .*: it is empty, so there is nothing to load"):
            none.loader(10)


def test_the_device(monkeypatch):
    made = scene(fields(6, 5, 2, seed=0))
    for device in ("meta", torch.device("meta")):
        patches = made.patches(3, device=device)
        assert {
            value.device.type for value in (patches.windows, patches.positions, patches.labels)
        } == {"meta"}
        x, y = patches.__getitems__([1, 2])
        assert x.device.type == y.device.type == "meta" and x.shape == (2, 3, 3, 3)
    assert made.patches(3).windows.device.type == "cpu"
    monkeypatch.setattr(lab, "default_device", lambda: torch.device("meta"))
    assert made.patches(3).windows.device.type == "meta", "by default the GPU, if there is one"
    assert made.patches(3, device="cpu").windows.device.type == "cpu"


class Net(nn.Module):
    """A 3-D convolution over (band, row, column), and what else behaves otherwise in training."""

    def __init__(self, bands, size, classes):
        super().__init__()
        self.conv = nn.Conv3d(1, 4, 3)
        self.norm = nn.BatchNorm3d(4)
        self.head = nn.Sequential(
            nn.Flatten(), nn.Dropout(0.5), nn.Linear(4 * (bands - 2) * (size - 2) ** 2, classes)
        )

    def forward(self, X):
        return self.head(self.norm(self.conv(X.unsqueeze(1))).relu())


def easy():
    """A scene whose classes differ in their spectra, in fields of 4×4."""
    labels, random = fields(24, 20, 3, seed=5, side=4), np.random.default_rng(0)
    cube = 40 * random.integers(0, 6, (4, 6))[labels] + random.integers(0, 60, (24, 20, 6))
    return Scene(cube.astype(np.uint8), labels, ("a", "b", "c"), "easy fields").pca(5)


def test_a_3d_network_learns_and_is_evaluated(seeded):
    made = easy()
    split, net = made.split_random(0.5), Net(5, 3, 3)
    train, test = (made.patches(3, part) for part in (split.train, split.test))
    history = ck.fit(
        net,
        train.loader(16, shuffle=True),
        test.loader(100),
        epochs=4,
        progress=False,
        optimizer=torch.optim.Adam(net.parameters(), lr=1e-2),
    )
    assert history.source == "easy fields"
    result = ck.evaluate(net, test.loader(100))
    assert (
        result.total == len(split.test)
        and result.classes == ("a", "b", "c")
        and result.source == "easy fields"
    )
    assert result.targets.tolist() == (made.labels.ravel()[split.test] - 1).tolist()
    assert result.accuracy > 0.9


# ---- the map of a whole scene


@pytest.mark.parametrize("batch_size", [1, 7, 512])
def test_the_class_map_is_that_of_a_loop_over_the_pixels(seeded, batch_size):
    made, net = easy(), Net(5, 5, 3)
    net.train()
    net.norm.eval()
    before = {name: module.training for name, module in net.named_modules()}
    states = [parameter.clone() for parameter in net.state_dict().values()]
    found = hyperspectral.class_map(net, made, 5, batch_size=batch_size)
    assert {name: module.training for name, module in net.named_modules()} == before
    assert all(map(torch.equal, states, net.state_dict().values())), "no running mean has moved"
    net.eval()
    expected = np.empty((24, 20), dtype=int)
    with torch.inference_mode():
        for row, column in np.ndindex(24, 20):
            patch = by_hand(made, 5, row * 20 + column)
            expected[row, column] = net(torch.from_numpy(patch).float()[None]).argmax() + 1
    assert found.dtype == np.int64 and np.array_equal(found, expected)
    assert set(np.unique(found)) <= {1, 2, 3} and len(np.unique(found)) > 1


# ---- pictures


def test_false_colour():
    made = scene(
        fields(20, 30, 2, seed=0), bands=8, dtype=np.uint16, wavelengths=np.linspace(400, 750, 8)
    )
    picture = made.false_colour(title="In colour")
    check(
        picture,
        "noise (synthetic), 20×30 pixels",
        "Red, green and blue are 650 nm, 550 nm, 450 nm",
        "In colour",
    )
    (shown,) = shown_images(picture)
    assert shown.shape == (20, 30, 3) and picture.figure.get_suptitle() == "In colour"
    for channel, band in enumerate((5, 3, 1)):
        values = made.cube[..., band].astype(float)
        low, high = np.percentile(values, 2), np.percentile(values, 98)
        np.testing.assert_allclose(shown[..., channel], ((values - low) / (high - low)).clip(0, 1))
    chosen = made.false_colour((7, 0, 2))
    assert (
        "750 nm, 400 nm, 500 nm" in chosen.alt
        and chosen.figure.get_suptitle() == "noise (synthetic)"
    )


def test_false_colour_of_components_and_of_few_or_constant_bands():
    reduced = mixed(np.uint16).pca(4)
    picture = reduced.false_colour()
    check(picture, "Red, green and blue are 0, 1, 2")
    assert shown_images(picture)[0].shape == (14, 11, 3)
    one = scene(fields(9, 9, 2, seed=0), bands=1)
    assert shown_images(one.false_colour())[0].shape == (9, 9)
    constant = scene(fields(9, 9, 2, seed=0))
    constant.cube[..., 0] = 7
    assert np.isfinite(shown_images(constant.false_colour())[0]).all()


def test_ground_truth():
    made = scene(fields(20, 30, 2, seed=0))
    picture = made.ground_truth()
    check(
        picture,
        "20×30 pixels: Ground truth. noise (synthetic)",
        f"a {made.counts[0]}; b {made.counts[1]}",
    )
    assert np.array_equal(shown_images(picture)[0], made.labels)
    assert picture.figure.get_suptitle() == "Ground truth. noise (synthetic)"
    assert made.ground_truth(title="Known").figure.get_suptitle() == "Known"


# ---- loading


def prepared(bands=200, **changes):
    """The arrays of a small prepared file."""
    random = np.random.default_rng(0)
    arrays = {
        "cube": random.integers(0, 256, (6, 5, bands), dtype=np.uint8),
        "labels": random.integers(0, 17, (6, 5), dtype=np.uint8),
        "source": "a prepared scene",
    }
    return {key: value for key, value in (arrays | changes).items() if value is not None}


@pytest.fixture
def published(monkeypatch):
    """The two files of Indian Pines by path, small, with their own hashes registered: {path:
    bytes}."""
    known, arrays = SETS["indian_pines"], prepared()
    contents = []
    for variable, array in zip(
        known.variables, (arrays["cube"].astype(np.uint16) + 900, arrays["labels"])
    ):
        savemat(buffer := io.BytesIO(), {variable: array})
        contents.append(buffer.getvalue())
    files = tuple(
        replace(file, hash=f"sha256:{hashlib.sha256(content).hexdigest()}")
        for file, content in zip(known.files, contents)
    )
    change_set(monkeypatch, "indian_pines", files=files)
    return {file.path: content for file, content in zip(files, contents)}


def is_published(made):
    arrays = prepared()
    assert made.source == "Indian Pines" and made.classes == SETS["indian_pines"].classes
    assert (
        np.array_equal(made.cube, arrays["cube"].astype(int) + 900) and made.cube.dtype == np.uint16
    )
    assert np.array_equal(made.labels, arrays["labels"]) and len(made.wavelengths) == 200
    return True


def test_a_prepared_file_comes_first(folder, published, capsys):
    place(folder, published)
    np.savez(folder / "indian_pines.npz", **prepared())
    made = ck.load_scene("indian_pines")
    assert made.source == "a prepared scene" and made.classes == SETS["indian_pines"].classes
    assert np.array_equal(made.cube, prepared()["cube"]) and np.array_equal(
        made.labels, prepared()["labels"]
    )
    assert np.array_equal(made.wavelengths, SETS["indian_pines"].wavelengths)
    assert capsys.readouterr().out == "", "no banner for real data"


def test_a_prepared_file_may_have_its_own_classes_and_wavelengths(folder, capsys):
    labels = prepared()["labels"] % 3
    np.savez(
        folder / "pavia_university.npz",
        **prepared(7, labels=labels, classes=["roof", "road"], wavelengths=np.arange(7)),
    )
    made = ck.load_scene("pavia_university")
    assert made.classes == ("roof", "road") and made.wavelengths.tolist() == list(range(7))
    np.savez(folder / "pavia_university.npz", **prepared(7, labels=labels))
    made = ck.load_scene("pavia_university")
    assert made.wavelengths is None, "those known are of 103 bands"
    assert made.classes == SETS["pavia_university"].classes
    np.savez(folder / "pavia_university.npz", **prepared(7, labels=labels % 2, classes="roof"))
    assert ck.load_scene("pavia_university").classes == ("roof",)
    assert "all labelled pixels are of one class" in capsys.readouterr().out


def test_then_the_publishers_files(folder, published, capsys):
    place(folder, published)
    assert is_published(ck.load_scene("indian_pines"))
    assert capsys.readouterr().out == ""


def test_salinas_a_is_never_downloaded(mirror, folder, capsys):
    assert SETS["salinas_a"].files == ()
    assert ck.load_scene("salinas_a").source == "Salinas-A stand-in (synthetic)"
    assert (
        "why: there is no prepared file, and its publisher's files cannot be checked\n"
        in capsys.readouterr().out
    )
    np.savez(folder / "salinas_a.npz", **prepared(204, labels=prepared()["labels"] % 7))
    assert ck.load_scene("salinas_a").source == "a prepared scene"


def refuse(name, path, words):
    """load_scene must refuse with these words, and leave the file as it is."""
    before = path.read_bytes()
    with pytest.raises(ck.DataError, match=words):
        ck.load_scene(name)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"cube": np.zeros((6, 5))},
            "salinas.npz: a prepared scene: a cube holds numbers, height×width×bands, "
            "not float64 6×5",
        ),
        ({"cube": np.array(3.0)}, "salinas.npz: .* a cube holds numbers"),
        ({"labels": np.zeros((5, 6), int)}, "labels must be whole numbers, 6×5 as the cube"),
        ({"labels": np.zeros((6, 5))}, "labels must be whole numbers"),
        ({"labels": np.full((6, 5), 17)}, "labels must lie in 0 … 16"),
        ({"classes": ["corn"]}, "labels must lie in 0 … 1 for 1 classes"),
        ({"wavelengths": np.arange(3)}, "3 wavelengths for 204 bands"),
        (
            {"cube": np.full((6, 5, 3), np.nan)},
            "30 pixels have values that are not finite, in band 0, 1, 2",
        ),
        ({"cube": np.full((6, 5, 3), 1e300)}, "30 pixels have values that are not finite"),
        ({"cube": np.ones((6, 5, 204), complex)}, "a cube holds numbers"),
        ({"cube": np.ones((204, 6, 5))}, r"moveaxis\(cube, 0, 2\) puts its bands last"),
        ({"labels": np.zeros((5, 6), int)}, "labels.T turns them"),
        ({"cube": np.ones((6, 6, 9)), "labels": np.ones((6, 6))}, "not float64 6×6$"),
        ({"labels": np.zeros((6, 5), int)}, "no pixel has a label"),
        ({"labels": np.array("x")}, "labels must be whole numbers"),
        ({"wavelengths": np.array(["x"] * 204)}, "wavelengths must be real numbers in nm"),
        ({"wavelengths": np.full(204, np.nan)}, "wavelengths must be real numbers in nm"),
        ({"classes": np.array([b"\xff"])}, "salinas.npz: classes must be text in UTF-8$"),
        ({"classes": [*"abcdefghijklmnoa"]}, "two classes have the same name"),
        ({"source": np.array(["a", "b"])}, "source must be one text"),
    ],
)
def test_arrays_that_do_not_fit(folder, changes, words):
    np.savez(folder / "salinas.npz", **prepared(204, **changes))
    refuse("salinas", folder / "salinas.npz", words)


def test_a_constant_band_is_told_when_a_scene_is_loaded(folder, capsys):
    cube = prepared()["cube"]
    cube[..., [3, 8]] = 0
    np.savez(folder / "indian_pines.npz", **prepared(cube=cube))
    assert ck.load_scene("indian_pines").constant.tolist() == [3, 8]
    assert (
        capsys.readouterr().out
        == "a prepared scene: band 3, 8 has one value in all pixels and tells nothing\n"
    )


# name, bands, classes, labelled pixels, side: of the publisher's pages
SCENES = [
    ("indian_pines", 200, 16, 10_249, "145×145"),
    ("salinas", 204, 16, 54_129, "512×217"),
    ("salinas_a", 204, 6, 5_348, "83×86"),
    ("pavia_university", 103, 9, 42_776, "610×340"),
]


def test_the_known_scenes_are_those_that_were_published():
    assert [name for name, *_ in SCENES] == list(of_kind(KIND))
    for name, bands, classes, labelled, _ in SCENES:
        known = SETS[name]
        assert known.wavelengths.shape == (bands,) and (np.diff(known.wavelengths) > 0).all()
        assert len(known.classes) == len(set(known.classes)) == len(known.counts) == classes
        assert sum(known.counts) == labelled
        assert len(known.files) == len(known.variables) == (0 if name == "salinas_a" else 2)
        for file in known.files:
            assert file.hash.startswith("sha256:") and file.path.startswith("hyperspectral/")
            assert len(file.addresses) == 2
            assert all(address.startswith("https://") for address in file.addresses)
    known = SETS["indian_pines"].wavelengths
    assert known[[0, -1]] == pytest.approx([400, 2500 - 2100 / 219]), "band 220 is left out"
    gaps = np.flatnonzero(np.diff(known) > 10)
    assert (gaps + 1).tolist() == [103, 144], "bands 104 to 108 and 150 to 163 are left out"


def test_the_page_of_the_data_folder_tells_of_every_scene():
    page = (
        (Path(__file__).parents[2] / "data" / "README.md").read_text(encoding="utf-8").splitlines()
    )
    for name, bands, classes, labelled, side in SCENES:
        (row,) = (line for line in page if line.startswith(f"| `{name}` |"))
        for fact in (f"{side}×{bands}", f"{classes} classes", f"{labelled:,}", "none stated"):
            assert fact in row, f"{name}: {fact}"


# ---- what tells two data sets apart that print alike


def test_the_fingerprint_tells_all_that_a_batch_depends_on():
    """A PCA of all pixels and one of the training pixels print alike, and so do two sets of
    patches."""
    made = scene(fields(20, 20, 3, seed=0))
    split = made.split_random(0.3)
    again, other_labels = scene(made.labels), scene(np.roll(made.labels, 1))
    other_cube = scene(made.labels, seed=1)
    assert made.fingerprint == again.fingerprint
    assert split.fingerprint == again.split_random(0.3).fingerprint
    patches = made.patches(3, split.train[:5])
    assert patches.fingerprint == again.patches(3, split.train[:5]).fingerprint
    reduced, of_training = made.pca(2), made.pca(2, pixels=split.train)
    others = made.patches(3, split.train[5:10])
    assert repr(reduced) == repr(of_training) and repr(patches) == repr(others)
    different = [
        *(one.fingerprint for one in (made, other_cube, other_labels, reduced, of_training)),
        *(one.split_random(0.3).fingerprint for one in (made, other_cube)),
        made.split_random(0.3, seed=1).fingerprint,
        *(one.fingerprint for one in (patches, others, made.patches(5, split.train[:5]))),
        *(one.patches(3, split.train[:5]).fingerprint for one in (other_cube, other_labels)),
    ]
    assert len(set(different)) == len(different)


def test_runs_on_other_pixels_are_another_recipe(tmp_path):
    def recipe_of(data):
        return lambda seed: len(str(data))

    made = scene(fields(20, 20, 3, seed=0))
    split = made.split_random(0.3)
    ck.repeat(recipe_of(made.pca(2)), [0], folder=tmp_path / "pca")
    with pytest.raises(ValueError, match="data"):
        ck.repeat(recipe_of(made.pca(2, pixels=split.train)), [0], folder=tmp_path / "pca")
    ck.repeat(recipe_of(split), [0], folder=tmp_path / "split")
    again = ck.repeat(recipe_of(made.split_random(0.3)), range(2), folder=tmp_path / "split")
    assert len(again) == 2  # made again, the same
