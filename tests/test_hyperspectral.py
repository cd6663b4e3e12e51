"""Scenes: what fits together, PCA, patches as views, splits that keep their distance, scores,
controls, loading."""

import hashlib
import io
import itertools
import math
import re
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.io import savemat
from sklearn.decomposition import PCA
from sklearn.svm import SVC
from test_data import Mirror, everything_below, mirror  # noqa: F401  (mirror is a fixture)
from test_plots import check, shown_images
from torch import nn
from torch.utils.data import DataLoader

import coursekit as ck
from coursekit import hyperspectral, lab, standins
from coursekit.hyperspectral import KNOWN, Patches, Scene, Split


def scene(labels, bands=3, classes=None, dtype=np.float64, seed=0, **options):
    """A scene of random numbers with these labels."""
    labels, random = np.asarray(labels), np.random.default_rng(seed)
    cube = random.integers(0, 250, (*labels.shape, bands)).astype(dtype)
    return Scene(
        cube,
        labels,
        classes or tuple("abcdefgh"[: max(int(labels.max()), 1)]),
        "noise (synthetic)",
        **options,
    )


def fields(height, width, classes, seed, side=3):
    """Labels in squares of one class each, or of none."""
    coarse = np.random.default_rng(seed).integers(
        0, classes + 1, (-(-height // side), -(-width // side))
    )
    return np.kron(coarse, np.ones((side, side), dtype=int))[:height, :width]


@st.composite
def scenes(draw, smallest=3):
    """Small scenes of some classes, one of which may be nowhere."""
    labels = fields(
        draw(st.integers(smallest, 24)),
        draw(st.integers(smallest, 24)),
        draw(st.integers(1, 4)),
        draw(st.integers(0, 10_000)),
        draw(st.integers(1, 4)),
    )
    assume(labels.any())
    return scene(labels)


def apart(scene, pixels, others):
    """How far each of the pixels is from each of the others, the larger of rows and columns, one by
    one."""
    width = scene.labels.shape[1]
    (rows, columns), (other_rows, other_columns) = (
        np.divmod(np.asarray(part), width) for part in (pixels, others)
    )
    return np.maximum(abs(rows[:, None] - other_rows), abs(columns[:, None] - other_columns))


def of_class(scene, pixels, k):
    return pixels[scene.labels.ravel()[pixels] == k]


def by_class(scene, pixels):
    return np.bincount(scene.labels.ravel()[pixels], minlength=len(scene.classes) + 1)[1:].tolist()


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
        (
            {"labels": np.ones((3, 2), dtype=int)},
            "one for each pixel of the 2×3 of the cube, not int64 3×2",
        ),
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
        ([30], "pixels must lie in 0 … 29 for a scene of 6×5"),
        ([3, -1], "must lie in 0 … 29"),
        (np.ones(30, dtype=bool), "must be flat positions, whole numbers in a row, not bool 30"),
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
        with pytest.raises(
            ValueError, match="noise .*: there are no pixels, so there is nothing to load"
        ):
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
    assert result.labels.tolist() == (made.labels.ravel()[split.test] - 1).tolist()
    assert result.accuracy > 0.9
    assert hyperspectral.score(
        result.labels, result.predictions, result.classes
    ).oa == pytest.approx(result.accuracy)


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


# ---- a random split


@given(scenes(), st.floats(0.01, 0.99), st.integers(0, 5))
def test_split_random_has_its_share_of_every_class(made, fraction, seed):
    assume(made.counts.max() > 1)
    split = made.split_random(fraction, seed=seed)
    assert sorted([*split.train, *split.test]) == np.flatnonzero(made.labels).tolist(), (
        "disjoint and complete"
    )
    for part in (split.train, split.test):
        assert part.dtype == np.int64 and np.array_equal(part, np.sort(part))
    for k, count in enumerate(made.counts, 1):
        expected = min(max(round(fraction * count), 1), max(count - 1, 1), count)
        assert len(of_class(made, split.train, k)) == expected
    again = made.split_random(fraction, seed=seed)
    assert np.array_equal(again.train, split.train) and np.array_equal(again.test, split.test)
    assert (
        split.source == f"noise (synthetic): random {fraction:.0%}, seed {seed}"
        and split.scene is made
    )


def test_seeds_differ_and_leave_numpys_random_state_alone():
    made = scene(fields(20, 20, 3, seed=0))
    np.random.seed(3)
    expected = np.random.random()
    np.random.seed(3)
    for split in (made.split_random, made.split_blocks):
        block = {"block": 4} if split == made.split_blocks else {}
        first, other = (split(0.3, seed=seed, **block) for seed in (0, 1))
        assert not np.array_equal(first.train, other.train)
        assert len({len(part.train) for part in (first, other)}) == 1
    assert np.random.random() == expected


def test_rare_classes():
    """A class of one pixel is in the training part, a class of two in both, a class of none in
    neither."""
    labels = np.ones((5, 6), dtype=int)
    labels[0, 0], labels[2, :2], labels[4, 1:4] = 2, 3, 5
    made = scene(labels, classes=("many", "one", "two", "none", "three"))
    for fraction in (0.01, 0.5, 0.99):
        split = made.split_random(fraction)
        assert by_class(made, split.train)[1:4] == [1, 1, 0] and by_class(made, split.test)[
            1:4
        ] == [0, 1, 0]
        assert split.only == {"one": "train", "none": "neither"}
        assert repr(split).splitlines() == [
            f"noise (synthetic): random {fraction:.0%}, seed 0: {len(split.train)} pixels to learn from, {len(split.test)} to "
            "test on",
            "  to learn from only: one (1 pixels)",
            "  in neither part: none (0 pixels)",
        ]
    everything = replace(made, labels=np.where(labels == 1, 1, 0), classes=("many",)).split_random(
        0.5
    )
    assert everything.only == {} and "\n" not in repr(everything)


def test_a_class_that_is_only_tested_is_told():
    labels = np.repeat([[1, 2, 3, 4]], 3, axis=0)
    made = scene(labels, classes=("a", "b", "c", "d"))
    split = Split(made, np.array([0, 4, 2]), np.array([1, 8, 5]), "by hand")
    assert split.only == {"b": "test", "c": "train", "d": "neither"}
    assert repr(split) == (
        "noise (synthetic): by hand: 3 pixels to learn from, 3 to test on, 6 in neither\n"
        "  to learn from only: c (3 pixels)\n  to test on only: b (3 pixels)\n"
        "  in neither part: d (3 pixels)"
    )


SPLITS = ["split_random", "split_rows", "split_blocks"]
every_split = pytest.mark.parametrize("kind", SPLITS)


@every_split
@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, math.nan])
def test_fractions_that_cannot_be(kind, fraction):
    with pytest.raises(ValueError, match=f"must lie between 0 and 1, not {fraction}"):
        getattr(scene(fields(9, 9, 2, seed=0)), kind)(fraction)


@every_split
def test_nothing_to_divide(kind):
    with pytest.raises(
        ValueError, match="noise .*: no pixel has a label, so there is nothing to divide"
    ):
        getattr(scene(np.zeros((5, 5), dtype=int)), kind)(0.5)
    single = np.zeros((5, 5), dtype=int)
    single[2, 2] = 1
    with pytest.raises(ValueError, match="noise .*no labelled pixel is left to test on"):
        getattr(scene(single), kind)(0.5)


# ---- splits that keep a distance


@settings(max_examples=60)
@given(scenes(8), st.floats(0.05, 0.4), st.integers(0, 3))
def test_split_rows(made, fraction, guard):
    """The first pixels of each class, and all others that are far enough from every one of them."""
    train = []
    for k, count in enumerate(made.counts, 1):
        wanted = min(max(round(fraction * count), 1), max(count - 1, 1), count)
        train += np.flatnonzero(made.labels == k)[:wanted].tolist()
    test = [
        pixel for pixel in np.flatnonzero(made.labels) if apart(made, [pixel], train).min() > guard
    ]
    if not test:
        with pytest.raises(ValueError, match="no labelled pixel is left to test on"):
            made.split_rows(fraction, guard=guard)
        return
    split = made.split_rows(fraction, guard=guard)
    assert split.train.tolist() == sorted(train) and split.test.tolist() == test
    assert split.train.dtype == split.test.dtype == np.int64
    assert split.source == f"noise (synthetic): first rows {fraction:.0%}, guard {guard}"


@settings(max_examples=60)
@given(scenes(8), st.floats(0.05, 0.4), st.integers(1, 6), st.integers(0, 3), st.integers(0, 5))
def test_split_blocks(made, fraction, block, guard, seed):
    options = {"block": block, "guard": guard, "seed": seed, "draws": 5}
    try:
        split = made.split_blocks(fraction, **options)
    except ValueError as error:
        assert "no labelled pixel is left to test on" in str(error)
        return
    assert not set(split.train) & set(split.test) and {*split.train, *split.test} <= set(
        np.flatnonzero(made.labels)
    )
    assert len(set(split.train)) == len(split.train) and len(set(split.test)) == len(split.test)
    assert apart(made, split.test, split.train).min() > guard, "the distance that was asked for"
    squares = [
        {tuple(np.array(divmod(pixel, made.labels.shape[1])) // block) for pixel in part}
        for part in (split.train, split.test)
    ]
    assert not squares[0] & squares[1], "a square is to learn from or to test on"
    for k, count in enumerate(made.counts, 1):
        wanted = min(max(round(fraction * count), 1), max(count - 1, 1), count)
        assert min(count, 1) <= len(of_class(made, split.train, k)) <= wanted, (
            "every class is there to learn from"
        )
    again = made.split_blocks(fraction, **options)
    assert np.array_equal(again.train, split.train) and np.array_equal(again.test, split.test)
    assert (
        split.source
        == f"noise (synthetic): blocks of {block}×{block}, {fraction:.0%}, guard {guard}, seed {seed}"
    )


@pytest.mark.parametrize("guard", [0, 2])
def test_blocks_have_as_many_training_pixels_as_a_random_split(guard):
    """Here every class has fields in all parts of the scene."""
    made = scene(fields(40, 40, 4, seed=0, side=2))
    for fraction in (0.1, 0.25):
        blocks = made.split_blocks(fraction, block=5, guard=guard)
        random = made.split_random(fraction)
        assert by_class(made, blocks.train) == by_class(made, random.train)
        assert blocks.only == {}, "every class is tested too"
        assert len(blocks.test) < len(random.test)


def test_a_guard_leaves_what_is_farther_and_no_less():
    """All pixels of the other squares whose distance exceeds the guard are tested; those at just
    this distance are not."""
    made = scene(fields(30, 30, 2, seed=1, side=2))
    for kind, options in (("split_blocks", {"block": 6, "draws": 1}), ("split_rows", {})):
        free, guarded = (getattr(made, kind)(0.1, guard=guard, **options) for guard in (0, 2))
        assert np.array_equal(free.train, guarded.train)
        distance = apart(made, free.test, free.train).min(1)
        assert {1, 2, 3} <= set(distance)
        assert np.array_equal(guarded.test, free.test[distance > 2])


def test_more_draws_leave_more_to_test_on():
    labels, fewer_pixels = fields(24, 24, 4, seed=2), False
    labels[:2, :2] = labels[12:14, 12:14] = labels[4:6, 20:22] = 5
    made = scene(labels)
    for seed in range(5):
        found = []
        for draws in range(1, 30):
            split = made.split_blocks(0.2, block=4, guard=2, draws=draws, seed=seed)
            found.append((len(np.unique(made.labels.flat[split.test])), len(split.test)))
        assert found == sorted(found) and found[0] < found[-1], (
            "most classes first, then most pixels"
        )
        fewer_pixels |= any(after < before for (_, before), (_, after) in zip(found, found[1:]))
    assert fewer_pixels, "there was a choice between a class and pixels"


def test_squares_are_squares():
    """Of one class everywhere in 16 squares of 25 pixels, 40 are learned from: two squares, and the
    others are tested whole."""
    made = scene(np.ones((20, 20), dtype=int))
    for seed in range(5):
        split = made.split_blocks(0.1, block=5, seed=seed)
        assert (len(split.train), len(split.test)) == (40, 350)
        rows, columns = np.divmod(np.setdiff1d(np.arange(400), split.test), 20)
        assert len({*zip(rows // 5, columns // 5)}) == 2


def test_the_last_square_of_a_class_is_left_to_test_on():
    """Here in every draw: the first class is in two squares of four, of which the second one needs
    any two."""
    labels = np.full((5, 20), 2)
    labels[0, :2] = labels[0, 5:7] = 1
    made = scene(labels)
    for seed in range(20):
        split = made.split_blocks(0.5, block=5, seed=seed, draws=1)
        assert split.only == {} and by_class(made, split.test)[0] == 2


def test_a_class_in_one_square_is_learned_from():
    labels = fields(20, 20, 2, seed=0, side=2)
    labels[2:4, 2:4] = 3
    made = scene(labels, classes=("a", "b", "rare"))
    split = made.split_blocks(0.1, block=5)
    assert len(of_class(made, split.train, 3)) == 1 and split.only == {"rare": "train"}


@pytest.mark.parametrize("kind", ["split_rows", "split_blocks"])
def test_a_guard_that_cannot_be(kind):
    made = scene(fields(12, 12, 2, seed=0))
    with pytest.raises(ValueError, match="a guard band cannot be -1 pixels wide"):
        getattr(made, kind)(0.3, guard=-1)
    with pytest.raises(
        ValueError,
        match="noise .*guard 12.*: no labelled pixel is left to test on.*take a narrower guard",
    ):
        getattr(made, kind)(0.3, guard=12)


def test_blocks_that_cannot_be():
    made = scene(fields(12, 12, 2, seed=0))
    for block in (0, -3):
        with pytest.raises(ValueError, match=f"at least 1 pixel, not {block}"):
            made.split_blocks(0.3, block=block)
    for block in (12, 50):  # the only square is to learn from
        with pytest.raises(
            ValueError, match="no labelled pixel is left to test on.*smaller blocks"
        ):
            made.split_blocks(0.3, block=block)


@settings(max_examples=40)
@given(scenes(6), st.sampled_from([1, 3, 5, 7]), st.sampled_from(SPLITS))
def test_what_test_patches_share_with_patches_to_learn_from(made, size, kind):
    """Compared with sets of pixels, patch by patch."""
    try:
        split = getattr(made, kind)(
            0.2, **{"block": 3, "draws": 3} if kind == "split_blocks" else {}
        )
    except ValueError:
        assume(False)
    (height, width), half = made.labels.shape, size // 2

    def patch(pixel):
        row, column = divmod(pixel, width)
        return {
            (i, j)
            for i in range(row - half, row + half + 1)
            for j in range(column - half, column + half + 1)
            if 0 <= i < height and 0 <= j < width
        }

    centres = {divmod(pixel, width) for pixel in split.train.tolist()}
    covered = set().union(*(patch(pixel) for pixel in split.train.tolist()))
    patches = [patch(pixel) for pixel in split.test.tolist()]
    assert split.containing(size) == pytest.approx(
        np.mean([bool(one & centres) for one in patches])
    )
    assert split.overlapping(size) == pytest.approx(
        np.mean([bool(one & covered) for one in patches])
    )


def test_a_guard_as_wide_as_a_patch_ends_all_overlap():
    made = scene(fields(30, 30, 2, seed=1, side=2))
    for kind in ("split_rows", "split_blocks"):
        split = getattr(made, kind)(0.1, guard=4, **{"block": 6} if kind == "split_blocks" else {})
        assert split.overlapping(5) == split.containing(9) == 0 < split.overlapping(7)


@given(scenes(), st.integers(0, 100))
def test_distance_is_that_to_the_nearest_pixel(made, seed):
    random = np.random.default_rng(seed)
    pixels = random.choice(made.labels.size, random.integers(1, 6))
    everywhere = np.arange(made.labels.size)
    assert np.array_equal(made.distance(pixels), apart(made, everywhere, pixels).min(1))


# ---- how good a classification is


def formulas(labels, predictions, k):
    """OA, AA, kappa and the accuracy of each class, from the confusion matrix by their formulas."""
    matrix = np.zeros((k, k))
    for label, prediction in zip(labels, predictions):
        matrix[label, prediction] += 1
    n, rows, columns = matrix.sum(), matrix.sum(1), matrix.sum(0)
    each = [matrix[i, i] / rows[i] if rows[i] else math.nan for i in range(k)]
    there = [value for value in each if not math.isnan(value)]
    agreement, chance = matrix.trace() / n, (rows * columns).sum() / n**2
    return (
        agreement,
        sum(there) / len(there),
        (agreement - chance) / (1 - chance) if chance < 1 else 1.0,
        each,
    )


@given(
    st.integers(1, 6), st.integers(1, 60), st.integers(0, 10_000), st.floats(0, 1), st.booleans()
)
def test_score_follows_the_formulas(k, n, seed, right, tensors):
    random = np.random.default_rng(seed)
    labels, predictions = random.integers(0, k, n), random.integers(0, k, n)
    predictions = np.where(random.random(n) < right, labels, predictions)
    oa, aa, kappa, each = formulas(labels, predictions, k)
    classes = tuple("abcdef"[:k])
    if tensors:
        labels, predictions = torch.from_numpy(labels), torch.from_numpy(predictions)
    found = hyperspectral.score(labels, predictions, classes)
    assert (found.oa, found.aa, found.kappa) == pytest.approx((oa, aa, kappa), abs=1e-12)
    assert tuple(found.per_class) == classes and list(found.per_class.values()) == pytest.approx(
        each, nan_ok=True
    )
    assert found.total == n and all(
        isinstance(value, float) for value in (found.oa, found.aa, found.kappa)
    )


def test_an_absent_class_does_not_count():
    found = hyperspectral.score([0, 0, 0, 2], [0, 0, 1, 3], ("a", "b", "c", "d"))
    assert found.per_class == pytest.approx(
        {"a": 2 / 3, "b": math.nan, "c": 0, "d": math.nan}, nan_ok=True
    )
    assert found.aa == pytest.approx(1 / 3)
    assert repr(found) == "OA 50.00 %, AA 33.33 % (2 of 4 classes), kappa 20.00 (4 pixels)"


def test_a_single_class():
    found = hyperspectral.score([0] * 5, [0] * 5, ("a",))
    assert repr(found) == "OA 100.00 %, AA 100.00 % (1 classes), kappa 100.00 (5 pixels)"
    assert hyperspectral.score([1] * 5, [1] * 5, ("a", "b")).kappa == 1
    assert hyperspectral.score([1] * 4, [1, 1, 1, 0], ("a", "b")).kappa == 0
    assert hyperspectral.score([1] * 4, [0] * 4, ("a", "b")).kappa == 0


@pytest.mark.parametrize(
    ("labels", "predictions", "words"),
    [
        ([], [], "and not none"),
        ([0, 1], [0], r"equally many, and not none: \(2,\) and \(1,\)"),
        ([[0, 1]], [[0, 1]], "equally"),
        (
            [0, 2],
            [0, 1],
            r"must lie in 0 … 1 for 2 classes, but run from 0 to 2 \(those of a scene count from 1\)",
        ),
        ([0, 1], [0, 2], "run from 0 to 2"),
        ([0, -1], [0, 1], "run from -1 to 1"),
    ],
)
def test_labels_that_cannot_be_scored(labels, predictions, words):
    with pytest.raises(ValueError, match=words):
        hyperspectral.score(
            np.array(labels, dtype=int), np.array(predictions, dtype=int), ("a", "b")
        )


# ---- what needs no patch


def nearest(made, split):
    """For each pixel to test on, the labels of all pixels to learn from that are nearest (squares
    of Euclid's distance)."""
    width = made.labels.shape[1]
    answers = []
    for pixel in split.test:
        row, column = divmod(pixel, width)
        squares = [
            (row - other // width) ** 2 + (column - other % width) ** 2 for other in split.train
        ]
        answers.append(
            {
                made.labels.flat[other]
                for other, square in zip(split.train, squares)
                if square == min(squares)
            }
        )
    return answers


def test_the_controls_are_what_they_say():
    made = mixed(np.uint16)
    split = next(
        split
        for split in (made.split_random(0.06, seed=seed) for seed in range(1000))
        if all(len(labels) == 1 for labels in nearest(made, split))
    )  # where no tie has to be broken
    train, test = (made.labels.ravel()[part] - 1 for part in (split.train, split.test))
    flat = made.cube.reshape(-1, 12).astype(np.float64)
    values = (flat - flat[split.train].mean(0)) / flat[split.train].std(0)
    expected = {
        "coordinates only, 1-NN": [labels.pop() - 1 for labels in nearest(made, split)],
        "spectrum only, SVM": SVC(C=100, kernel="rbf", gamma="scale")
        .fit(values[split.train], train)
        .predict(values[split.test]),
    }
    found = hyperspectral.controls(split)
    assert list(found) == list(expected)
    for name, predictions in expected.items():
        oa, aa, kappa, each = formulas(test, predictions, 3)
        assert (found[name].oa, found[name].aa, found[name].kappa) == pytest.approx((oa, aa, kappa))
        assert (
            list(found[name].per_class.values()) == pytest.approx(each)
            and tuple(found[name].per_class) == made.classes
        )
        assert found[name].total == len(split.test) and 0.2 < oa < 0.95


def test_controls_tell_place_from_spectrum():
    """Where the class is a matter of place alone only the first does well, where it is one of the
    spectrum only the second."""
    random = np.random.default_rng(0)
    scattered = random.integers(1, 4, (20, 20))
    place = hyperspectral.controls(
        scene(np.repeat(np.kron([[1, 2]], np.ones((1, 10), dtype=int)), 20, 0)).split_random(0.2)
    )
    spectrum = hyperspectral.controls(
        Scene(
            random.normal(10 * scattered[..., None], 1, (20, 20, 4)),
            scattered,
            ("a", "b", "c"),
            "scattered",
        ).split_random(0.2)
    )
    (coordinates, svm), (other_coordinates, other_svm) = place.values(), spectrum.values()
    assert coordinates.oa > 0.9 > 0.7 > svm.oa and other_svm.oa > 0.95 > 0.5 > other_coordinates.oa


def test_controls_with_a_constant_band_and_a_class_that_is_not_tested():
    labels = fields(12, 12, 2, seed=0)
    labels[0, 0] = 3
    made = scene(labels, classes=("a", "b", "one"), dtype=np.uint8)
    made.cube[..., 1] = 0
    for found in hyperspectral.controls(made.split_random(0.2)).values():
        assert math.isnan(found.per_class["one"]) and "2 of 3 classes" in repr(found)


def test_controls_need_two_classes():
    with pytest.raises(
        ValueError, match="noise .*random 50%, seed 0: there is only one class to learn from"
    ):
        hyperspectral.controls(scene(np.ones((4, 4), dtype=int)).split_random(0.5))


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


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """An empty data folder at a scale that uses real data, with small stand-ins."""
    monkeypatch.setenv("COURSEKIT_SCALE", "laptop")
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path))
    make = standins.scene
    monkeypatch.setattr(
        standins, "scene", lambda counts, wavelengths: make(counts, wavelengths, side=40)
    )
    return tmp_path


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
    known, arrays = KNOWN["indian_pines"], prepared()
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
    monkeypatch.setitem(KNOWN, "indian_pines", replace(known, files=files))
    return {file.path: content for file, content in zip(files, contents)}


def place(folder, files):
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def is_published(made):
    arrays = prepared()
    assert made.source == "Indian Pines" and made.classes == KNOWN["indian_pines"].classes
    assert (
        np.array_equal(made.cube, arrays["cube"].astype(int) + 900) and made.cube.dtype == np.uint16
    )
    assert np.array_equal(made.labels, arrays["labels"]) and len(made.wavelengths) == 200
    return True


def test_a_prepared_file_comes_first(folder, published, capsys):
    place(folder, published)
    np.savez(folder / "indian_pines.npz", **prepared())
    made = ck.load_scene("indian_pines")
    assert made.source == "a prepared scene" and made.classes == KNOWN["indian_pines"].classes
    assert np.array_equal(made.cube, prepared()["cube"]) and np.array_equal(
        made.labels, prepared()["labels"]
    )
    assert np.array_equal(made.wavelengths, KNOWN["indian_pines"].wavelengths)
    assert capsys.readouterr().out == "", "no banner for real data"


def test_a_prepared_file_may_have_its_own_classes_and_wavelengths(folder):
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
    assert made.classes == KNOWN["pavia_university"].classes
    np.savez(folder / "pavia_university.npz", **prepared(7, labels=labels % 2, classes="roof"))
    assert ck.load_scene("pavia_university").classes == ("roof",)


def test_then_the_publishers_files(folder, published, capsys):
    place(folder, published)
    assert is_published(ck.load_scene("indian_pines"))
    assert capsys.readouterr().out == ""


def test_then_a_stand_in_with_its_reason(folder, capsys):
    made = ck.load_scene("indian_pines")
    assert made.source == "Indian Pines stand-in (synthetic)" and made.cube.shape == (40, 40, 200)
    assert capsys.readouterr().out == (
        "┌── Indian Pines stand-in (synthetic): this is NOT Indian Pines\n"
        "│   why: Indian Pines is not in the data folder, and COURSEKIT_OFFLINE forbids the network\n"
        "└── a made-up scene of 40×40×200; results on them say nothing about Indian Pines\n"
    )


def test_scale_smoke_never_uses_real_data(folder, published, monkeypatch, capsys):
    place(folder, published)
    np.savez(folder / "indian_pines.npz", **prepared())
    monkeypatch.setenv("COURSEKIT_SCALE", "smoke")
    assert ck.load_scene("indian_pines").source == "Indian Pines stand-in (synthetic)"
    assert (
        "why: scale smoke never uses real data (COURSEKIT_SCALE=laptop does)"
        in capsys.readouterr().out
    )


def test_salinas_a_is_never_downloaded(mirror, folder, monkeypatch, capsys):  # noqa: F811
    assert KNOWN["salinas_a"].files == ()
    assert ck.load_scene("salinas_a").source == "Salinas-A stand-in (synthetic)"
    assert (
        "why: there is no prepared file, and its publisher's files cannot be checked\n"
        in capsys.readouterr().out
    )
    np.savez(folder / "salinas_a.npz", **prepared(204, labels=prepared()["labels"] % 7))
    assert ck.load_scene("salinas_a").source == "a prepared scene"


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(
        ValueError,
        match="no scene 'indian': choose one of indian_pines, salinas, salinas_a, pavia_university",
    ):
        ck.load_scene("indian")


@pytest.mark.parametrize("name", KNOWN)
def test_offline_never_touches_the_network(folder, monkeypatch, name):
    def touched(*_, **__):
        raise AssertionError("the network was touched")

    for call in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, call, touched)
    monkeypatch.setattr(socket, "getaddrinfo", touched)
    made = ck.load_scene(name)
    assert (
        made.source == f"{KNOWN[name].title} stand-in (synthetic)"
        and made.classes == KNOWN[name].classes
    )
    assert everything_below(folder) == []


@pytest.fixture
def publisher(mirror, published, monkeypatch):  # noqa: F811
    """A server that has the files of Indian Pines; called with kinds of ``Mirror``, it makes these
    their addresses."""
    by_name = {path.split("/")[-1]: content for path, content in published.items()}
    monkeypatch.setattr(Mirror, "content", property(lambda self: by_name[self.path.split("/")[-1]]))

    def serve(*kinds):
        known = KNOWN["indian_pines"]
        files = tuple(
            replace(
                file,
                addresses=tuple(f"{mirror}{kind}/{file.path.split('/')[-1]}" for kind in kinds),
            )
            for file in known.files
        )
        monkeypatch.setitem(KNOWN, "indian_pines", replace(known, files=files))

    return serve


@pytest.mark.parametrize("kinds", [("good", "missing"), ("missing", "good"), ("wrong", "good")])
def test_what_is_missing_is_downloaded_from_either_address(
    publisher, folder, published, capsys, kinds
):
    publisher(*kinds)
    assert is_published(ck.load_scene("indian_pines"))
    assert {path: (folder / path).read_bytes() for path in everything_below(folder)} == published
    assert sorted(published) == [
        "hyperspectral/Indian_pines_corrected.mat",
        "hyperspectral/Indian_pines_gt.mat",
    ]
    assert capsys.readouterr().out == ""


def test_no_address_gives_the_files(publisher, folder, capsys):
    publisher("missing", "wrong")
    assert ck.load_scene("indian_pines").source == "Indian Pines stand-in (synthetic)"
    assert re.search(
        "why: Indian Pines is not in the data folder, and the download of Indian_pines_corrected.mat failed "
        r"\(127.0.0.1: .*404.*; 127.0.0.1: it sent other bytes",
        capsys.readouterr().out,
    )
    assert everything_below(folder) == []


def refuse(name, path, words):
    """load_scene must refuse with these words, and leave the file as it is."""
    before = path.read_bytes()
    with pytest.raises(ck.DataError, match=words):
        ck.load_scene(name)
    assert path.read_bytes() == before


def test_damaged_files_are_named(folder, published):
    place(folder, published)
    for path in (folder / name for name in published):
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        refuse(
            "indian_pines",
            path,
            f"{path.name} is damaged or not the published file .*{hashlib.sha256(whole).hexdigest()}",
        )
        path.write_bytes(whole)
    path = folder / "indian_pines.npz"
    np.savez_compressed(path, **prepared())
    path.write_bytes(path.read_bytes()[:1000])
    refuse("indian_pines", path, "indian_pines.npz in the data folder is damaged .*move it away")


@pytest.mark.parametrize("key", ["cube", "labels", "source"])
def test_a_missing_array_is_named(folder, key):
    np.savez(folder / "salinas.npz", **prepared(204, **{key: None}))
    refuse(
        "salinas",
        folder / "salinas.npz",
        rf"salinas.npz lacks an array \({key}.*holds cube, labels, source",
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"cube": np.zeros((6, 5))},
            "salinas.npz: a prepared scene: a cube holds numbers, height×width×bands, not float64 6×5",
        ),
        ({"cube": np.array(3.0)}, "salinas.npz: .* a cube holds numbers"),
        (
            {"labels": np.zeros((5, 6), int)},
            "labels must be whole numbers, one for each pixel of the 6×5",
        ),
        ({"labels": np.zeros((6, 5))}, "labels must be whole numbers"),
        ({"labels": np.full((6, 5), 17)}, "labels must lie in 0 … 16"),
        ({"classes": ["corn"]}, "labels must lie in 0 … 1 for 1 classes"),
        ({"wavelengths": np.arange(3)}, "3 wavelengths for 204 bands"),
        (
            {"cube": np.full((6, 5, 3), np.nan)},
            "30 pixels have values that are not finite, in band 0, 1, 2",
        ),
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
    assert [name for name, *_ in SCENES] == list(KNOWN)
    for name, bands, classes, labelled, _ in SCENES:
        known = KNOWN[name]
        assert known.wavelengths.shape == (bands,) and (np.diff(known.wavelengths) > 0).all()
        assert len(known.classes) == len(set(known.classes)) == len(known.counts) == classes
        assert sum(known.counts) == labelled
        assert len(known.files) == len(known.variables) == (0 if name == "salinas_a" else 2)
        for file in known.files:
            kind, digits = file.hash.split(":")
            assert kind == "sha256" and re.fullmatch("[0-9a-f]{64}", digits)
            assert len(file.addresses) == 2 and file.path.startswith("hyperspectral/")
            for address in file.addresses:
                assert address.startswith("https://") and address.endswith(
                    "/" + file.path.removeprefix("hyperspectral/")
                )
    known = KNOWN["indian_pines"].wavelengths
    assert known[[0, -1]] == pytest.approx([400, 2500 - 2100 / 219]), "band 220 is left out"
    gaps = np.flatnonzero(np.diff(known) > 10)
    assert (gaps + 1).tolist() == [103, 144], "bands 104 to 108 and 150 to 163 are left out"


def test_the_page_of_the_data_folder_tells_of_every_scene():
    page = (
        (Path(__file__).parent.parent / "data" / "README.md")
        .read_text(encoding="utf-8")
        .splitlines()
    )
    for name, bands, classes, labelled, side in SCENES:
        (row,) = (line for line in page if line.startswith(f"| `{name}` |"))
        for fact in (f"{side}×{bands}", f"{classes} classes", f"{labelled:,}", "none stated"):
            assert fact in row, f"{name}: {fact}"
        for file in KNOWN[name].files:
            (row,) = (line for line in page if f"`{file.path}`" in line)
            assert f"sha256 `{file.hash.removeprefix('sha256:')}`" in row


# ---- what tells two data sets apart that print alike


def test_class_names_must_differ():
    with pytest.raises(ValueError, match="two classes have the same name"):
        Scene(np.zeros((4, 4, 3)), np.zeros((4, 4), dtype=int), ("oats", "oats"), "a field")


def test_runs_on_other_pixels_are_another_recipe(tmp_path):
    """A PCA of all pixels and one of the training pixels print alike, and so do two sets of
    patches."""

    def recipe_of(data):
        return lambda seed: len(str(data))

    made = scene(fields(20, 20, 3, seed=0))
    split = made.split_random(0.3)
    pairs = [
        (made.pca(2), made.pca(2, pixels=split.train)),
        (made.patches(3, split.train[:5]), made.patches(3, split.train[5:10])),
    ]
    for one, other in pairs:
        folder = tmp_path / type(one).__name__
        assert repr(one) == repr(other)
        ck.repeat(recipe_of(one), [0], folder=folder)
        with pytest.raises(ValueError, match="another recipe: data was "):
            ck.repeat(recipe_of(other), [0], folder=folder)
    ck.repeat(recipe_of(split), [0], folder=tmp_path / "split")
    assert (
        len(ck.repeat(recipe_of(made.split_random(0.3)), range(2), folder=tmp_path / "split")) == 2
    )  # made again, the same
