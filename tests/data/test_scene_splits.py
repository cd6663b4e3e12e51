"""Dividing a scene: the share of every class, the distance that is kept, what patches have in
common."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_scenes import fields, scene

from coursekit.data.hyperspectral import Split


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
    first, other = (made.split_random(0.3, seed=seed) for seed in (0, 1))
    assert not np.array_equal(first.train, other.train)
    assert len(first.train) == len(other.train)
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
            f"noise (synthetic): random {fraction:.0%}, seed 0: {len(split.train)} pixels "
            f"to learn from, {len(split.test)} to test on",
            "  to learn from only: one (1 pixel)",
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


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, math.nan])
def test_fractions_that_cannot_be(fraction):
    with pytest.raises(ValueError, match=f"must lie between 0 and 1, not {fraction}"):
        scene(fields(9, 9, 2, seed=0)).split_random(fraction)


def test_nothing_to_divide():
    with pytest.raises(
        ValueError, match="noise .*: no pixel has a label, so there is nothing to divide"
    ):
        scene(np.zeros((5, 5), dtype=int)).split_random(0.5)
    single = np.zeros((5, 5), dtype=int)
    single[2, 2] = 1
    for several in (single, np.diag([1, 2, 3])):  # of no class two
        with pytest.raises(ValueError, match="noise .*: no labelled pixel is left to test on"):
            scene(several).split_random(0.5)


# ---- what both parts have in common


@settings(max_examples=40)
@given(scenes(6), st.sampled_from([1, 3, 5, 7]), st.integers(1, 12), st.booleans())
def test_what_test_patches_share_with_patches_to_learn_from(made, size, n, scattered):
    """Compared with sets of pixels, patch by patch, for pixels strewn over the scene and for the
    first rows."""
    labelled = np.flatnonzero(made.labels)
    assume(len(labelled) > n)
    order = np.random.default_rng(n).permutation(labelled) if scattered else labelled
    split = Split(made, np.sort(order[:n]), np.sort(order[n:]), "by hand")
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


@given(scenes(), st.integers(0, 100))
def test_distance_is_that_to_the_nearest_pixel(made, seed):
    random = np.random.default_rng(seed)
    pixels = random.choice(made.labels.size, random.integers(1, 6))
    everywhere = np.arange(made.labels.size)
    assert np.array_equal(made.distance(pixels), apart(made, everywhere, pixels).min(1))
