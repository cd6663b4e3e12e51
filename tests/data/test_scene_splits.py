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


# ---- far apart


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
    name = f"blocks of {block}×{block}, {fraction:.0%}, guard {guard}, seed {seed}"
    assert split.source == f"noise (synthetic): {name}"


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
