"""What the notebook on hyperspectral scenes defines: the network, with exact sizes for every patch
and number of bands; the score of a classification; the controls that see no patch."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.svm import SVC
from torch.nn import functional as F

import coursekit as ck
from notebooks import definitions


@pytest.fixture(scope="module")
def week4():
    return definitions("week4_hybridsn")


def parameters(net) -> int:
    return sum(p.numel() for p in net.parameters())


def test_the_papers_layers(week4):
    net = week4.HybridSN()
    counts = [parameters(layer) for layer in (*net.conv3d, *net.conv2d, *net.head)]
    assert [n for n in counts if n] == [512, 5_776, 13_856, 331_840, 4_735_232, 32_896, 2_064]
    assert parameters(net) == 5_122_176
    assert [net.head[i].p for i in (2, 5)] == [0.4, 0.4]


def test_the_papers_network_written_as_functions(week4):
    """The same weights in a forward pass that is written out here: channels before bands when they
    are merged."""
    net, X = week4.HybridSN(5, 14, 11).eval(), torch.randn(3, 14, 11, 11)
    c1, c2, c3 = (net.conv3d[i] for i in (0, 2, 4))
    h = F.relu(F.conv3d(X[:, None], c1.weight, c1.bias))
    assert h.shape == (3, 8, 8, 9, 9)
    h = F.relu(F.conv3d(h, c2.weight, c2.bias))
    h = F.relu(F.conv3d(h, c3.weight, c3.bias))
    assert h.shape == (3, 32, 2, 5, 5)
    h = torch.stack([h[:, channel, band] for channel in range(32) for band in range(2)], dim=1)
    h = F.relu(F.conv2d(h, net.conv2d[0].weight, net.conv2d[0].bias)).reshape(3, -1)
    for i in (0, 3):
        h = F.relu(F.linear(h, net.head[i].weight, net.head[i].bias))
    expected = F.linear(h, net.head[6].weight, net.head[6].bias)
    torch.testing.assert_close(net(X), expected, rtol=1e-4, atol=1e-6)


@given(st.integers(4, 8), st.integers(13, 20), st.booleans())
def test_every_odd_patch_and_number_of_bands(half, bands, single):
    week4, patch = definitions("week4_hybridsn"), 1 if single else 2 * half + 1
    assert week4.HybridSN(6, bands, patch)(torch.zeros(2, bands, patch, patch)).shape == (2, 6)


@pytest.mark.parametrize(
    "bands, patch", [(12, 25), (0, 25), (30, 7), (30, 3), (30, 24), (30, -9), (13, 8), (12, 1)]
)
def test_sizes_that_are_too_small_say_so(week4, bands, patch):
    with pytest.raises(
        ValueError,
        match=f"{bands} bands and patches of {patch}×{patch} .*at least 13 bands .*at least 9",
    ):
        week4.HybridSN(16, bands, patch)


def test_a_single_pixel_has_the_same_layers_without_their_sides(week4):
    """What a patch whose kernels are zero outside their middle answers for its middle pixel."""
    torch.manual_seed(0)
    alone, wide = week4.HybridSN(5, 14, 1).eval(), week4.HybridSN(5, 14, 9).eval()
    with torch.no_grad():
        for a, b in zip((*alone.conv3d, *alone.conv2d), (*wide.conv3d, *wide.conv2d)):
            if hasattr(a, "weight"):
                b.weight.zero_()[..., 1:2, 1:2] = a.weight
                b.bias.copy_(a.bias)
        wide.head.load_state_dict(alone.head.state_dict())
        X = torch.randn(3, 14, 9, 9)
        torch.testing.assert_close(alone(X[:, :, 4:5, 4:5]), wide(X), rtol=1e-4, atol=1e-5)


def test_glorots_first_weights(week4):
    """Uniform up to √(6 / (fan in + fan out)); biases zero."""
    torch.manual_seed(0)
    net = week4.glorot(week4.HybridSN(5, 14, 11))
    layers = {net.conv3d[2]: (8 + 16) * 5 * 9, net.conv2d[0]: (64 + 64) * 9}
    for layer, fans in {**layers, net.head[3]: 256 + 128}.items():
        bound = math.sqrt(6 / fans)
        assert layer.weight.abs().max() <= bound and not layer.bias.any()
        assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.06)


# ---- the old course's networks


def test_the_old_courses_numbers_of_parameters(week4):
    with torch.device("meta"):
        assert parameters(week4.old_2d_first()) == 123_182_208
        assert parameters(week4.old_base()) == 5_122_176 + 2 * 64
        depthwise = 576 * 9 + 576 + 2 * 576 + 576 * 64 + 64 + 2 * 64
        paper = 512 + 5_776 + 13_856 + 4_735_232 + 32_896 + 2_064
        assert parameters(week4.old_depthwise()) == paper + depthwise


def test_the_base_with_relus_is_the_papers_network_with_batch_normalisation(week4):
    """The same weights, and a normalisation that does nothing yet: the same outputs. Without the
    ReLUs they are others."""
    torch.manual_seed(0)
    paper, X = week4.HybridSN(5, 14, 11).eval(), torch.randn(3, 14, 11, 11)
    for relu in (True, False):
        base = week4.old_base(5, 14, 11, relu=relu).eval()
        weights = [layer for layer in paper.modules() if hasattr(layer, "weight")]
        places = [
            layer
            for layer in base.modules()
            if hasattr(layer, "weight") and not isinstance(layer, torch.nn.BatchNorm2d)
        ]
        for place, layer in zip(places, weights, strict=True):
            place.load_state_dict(layer.state_dict())
        same = torch.allclose(base(X), paper(X), rtol=1e-3, atol=1e-5)
        assert same is relu


@pytest.mark.parametrize("name", ["old_base", "old_depthwise", "ours_2d_first"])
def test_the_smaller_ones_see_the_same_window(week4, name):
    """Before the linear layers each output depends on 9×9 pixels."""
    torch.manual_seed(0)
    net = getattr(week4, name)(3, 13, 11).eval()
    X = torch.randn(1, 13, 11, 11, requires_grad=True)
    flatten = next(i for i, layer in enumerate(net) if isinstance(layer, torch.nn.Flatten))
    maps = net[:flatten](X)
    assert maps.shape == (1, 64, 3, 3)
    maps[0, :, 1, 1].sum().backward()
    seen = X.grad[0].abs().sum(0) > 0
    assert seen[1:-1, 1:-1].sum() > 40 and not seen[0].any() and not seen[:, -1].any()


def test_a_test_in_train_mode_changes_the_network(week4):
    """The running averages move, and so do later answers in eval mode; without batch normalisation
    nothing stays."""
    X = torch.randn(8, 13, 9, 9)
    for net, changes in ((week4.old_base(4, 13, 9), True), (week4.HybridSN(4, 13, 9), False)):
        before = net.eval()(X)
        assert torch.equal(net(X), before), "in eval mode the answer is always the same"
        assert not torch.equal(net.train()(X), net(X)), "in train mode it is not"
        assert torch.equal(net.eval()(X), before) is not changes


def test_it_learns_the_scene(week4):
    """On a small made-up scene, a few epochs bring it far beyond chance: shapes, labels and loop
    belong together."""
    scene = ck.load_scene("salinas_a")
    split, reduced = scene.split_random(0.1), scene.pca(13)
    torch.manual_seed(0)
    net = week4.HybridSN(6, 13, 9)
    ck.fit(
        net,
        reduced.patches(9, split.train).loader(32, shuffle=True),
        epochs=4,
        progress=False,
        optimizer=torch.optim.Adam(net.parameters(), lr=2e-3),
    )
    result = ck.evaluate(net, reduced.patches(9, split.test[::4]).loader(256))
    most_frequent = torch.bincount(result.targets).max().item() / result.total
    assert result.accuracy > most_frequent + 0.3
    found = week4.score(result.targets, result.predictions, result.classes)
    assert found.oa == pytest.approx(result.accuracy)
    assert found.per_class == pytest.approx(result.per_class)


# ---- how good a classification is


def formulas(labels, predictions, k):
    """OA, AA, kappa and the accuracy of each class, from the confusion matrix by their formulas."""
    matrix = np.zeros((k, k))
    np.add.at(matrix, (labels, predictions), 1)
    n, rows, columns = matrix.sum(), matrix.sum(1), matrix.sum(0)
    each = [matrix[i, i] / rows[i] if rows[i] else math.nan for i in range(k)]
    agreement, chance = matrix.trace() / n, (rows * columns).sum() / n**2
    kappa = (agreement - chance) / (1 - chance) if chance < 1 else 1.0
    return agreement, np.nanmean(each), kappa, each


@given(
    st.integers(1, 6), st.integers(1, 60), st.integers(0, 10_000), st.floats(0, 1), st.booleans()
)
def test_score_follows_the_formulas(week4, k, n, seed, right, tensors):
    random = np.random.default_rng(seed)
    labels, predictions = random.integers(0, k, (2, n))
    predictions = np.where(random.random(n) < right, labels, predictions)
    oa, aa, kappa, each = formulas(labels, predictions, k)
    classes = tuple("abcdef"[:k])
    if tensors:
        labels, predictions = torch.from_numpy(labels), torch.from_numpy(predictions)
    found = week4.score(labels, predictions, classes)
    assert (found.oa, found.aa, found.kappa) == pytest.approx((oa, aa, kappa), abs=1e-12)
    assert found.per_class == pytest.approx(dict(zip(classes, each)), nan_ok=True)
    assert found.total == n and isinstance(found.oa + found.aa + found.kappa, float)


def test_an_absent_class_does_not_count(week4):
    found = week4.score([0, 0, 0, 2], [0, 0, 1, 3], ("a", "b", "c", "d"))
    each = {"a": 2 / 3, "b": math.nan, "c": 0, "d": math.nan}
    assert found.per_class == pytest.approx(each, nan_ok=True)
    assert found.aa == pytest.approx(1 / 3)
    assert repr(found) == "OA 50.00 %, AA 33.33 % (2 of 4 classes), kappa 20.00 (4 pixels)"


def test_a_single_class(week4):
    """Where only one class is there and found, the formula of kappa is 0/0; all is right, so 1."""
    found = week4.score([0] * 5000, [0] * 5000, ("a",))
    assert repr(found) == "OA 100.00 %, AA 100.00 % (1 classes), kappa 100.00 (5,000 pixels)"
    assert week4.score([1] * 5, [1] * 5, ("a", "b")).kappa == 1
    assert week4.score([1] * 4, [1, 1, 1, 0], ("a", "b")).kappa == 0
    assert week4.score([1] * 4, [0] * 4, ("a", "b")).kappa == 0


@pytest.mark.parametrize(("labels", "predictions"), [([], []), ([0, 1], [0])])
def test_labels_that_cannot_be_scored(week4, labels, predictions):
    if not labels:  # of which older ones make nan
        pytest.importorskip("sklearn", minversion="1.7")
    with pytest.raises(ValueError, match="inconsistent numbers of samples|empty"):
        week4.score(np.array(labels, dtype=int), np.array(predictions, dtype=int), ("a", "b"))


# ---- what needs no patch


def fields(height, width, seed, side=3):
    """Labels of two classes in squares, some of them without a label."""
    coarse = np.random.default_rng(seed).integers(0, 3, (-(-height // side), -(-width // side)))
    return np.kron(coarse, np.ones((side, side), dtype=int))[:height, :width]


def scene(labels, means=10.0, bands=4, seed=0):
    """A scene whose spectra are noise around a mean, one for all pixels or one for each."""
    labels = np.asarray(labels)
    noise = np.random.default_rng(seed).normal(0, 1, (*labels.shape, bands))
    cube = noise + np.broadcast_to(means, labels.shape)[..., None]
    return ck.hyperspectral.Scene(cube, labels, tuple("abc"[: labels.max()]), "noise (synthetic)")


def nearest(made, split):
    """For each pixel to test on, the labels of all nearest pixels to learn from, one by one."""
    width, answers = made.labels.shape[1], []
    for pixel in split.test:
        row, column = divmod(pixel, width)
        squares = [(row - p // width) ** 2 + (column - p % width) ** 2 for p in split.train]
        closest = [p for p, square in zip(split.train, squares) if square == min(squares)]
        answers.append({int(made.labels.flat[p]) for p in closest})
    return answers


def test_the_controls_are_what_they_say(week4):
    """The place by hand, where no tie has to be broken; the spectra by formulas for the scaling,
    which is that of the pixels to learn from."""
    labels = fields(10, 15, seed=0)
    made = scene(labels, means=labels)
    splits = (made.split_random(0.1, seed=seed) for seed in range(1000))
    split = next(s for s in splits if all(len(found) == 1 for found in nearest(made, s)))
    reduced = made.pca(2, pixels=split.train)
    train, test = (made.labels.ravel()[part] - 1 for part in (split.train, split.test))

    def by_spectrum(cube):
        flat = cube.reshape(-1, cube.shape[2])
        values = (flat - flat[split.train].mean(0)) / flat[split.train].std(0)
        return SVC(C=100, kernel="rbf", gamma="scale").fit(values[split.train], train), values

    expected = {
        "always one class": np.full(len(test), np.bincount(test).argmax()),
        "coordinates only": [found.pop() - 1 for found in nearest(made, split)],
    }
    for name, cube in (
        ("one pixel, SVM", reduced.cube),
        ("one pixel, all bands, SVM", made.cube),
    ):
        machine, values = by_spectrum(cube)
        expected[name] = machine.predict(values[split.test])
    scores = week4.controls(split, reduced)
    assert list(scores) == list(expected)
    for name, predictions in expected.items():
        assert repr(scores[name]) == repr(week4.score(test, predictions, made.classes))
        assert 0.2 < scores[name].oa < 0.95 and scores[name].total == len(split.test)
    assert scores["one pixel, SVM"].oa != scores["one pixel, all bands, SVM"].oa


def test_controls_tell_place_from_spectrum(week4):
    """Where the class is a matter of place alone only the first does well, where it is one of the
    spectrum only the others."""
    halves = scene(np.kron([[1, 2]], np.ones((20, 10), dtype=int)))
    _, place, pixel, spectrum = week4.controls(halves.split_random(0.2), halves.pca(3)).values()
    assert place.oa > 0.9 > 0.7 > max(pixel.oa, spectrum.oa)
    scattered = np.random.default_rng(0).integers(1, 4, (20, 20))
    made = scene(scattered, means=10 * scattered)
    _, place, pixel, spectrum = week4.controls(made.split_random(0.2), made.pca(3)).values()
    assert min(pixel.oa, spectrum.oa) > 0.95 > 0.5 > place.oa


def test_controls_with_a_constant_band_and_a_class_that_is_not_tested(week4):
    labels = fields(12, 12, seed=0)
    labels[0, 0] = 3
    made = scene(labels)
    made.cube[..., 1] = 0
    for found in week4.controls(made.split_random(0.2), made.pca(3)).values():
        assert math.isnan(found.per_class["c"]) and "2 of 3 classes" in repr(found)


def test_controls_need_two_classes(week4):
    made = scene(np.ones((4, 4), dtype=int))
    with pytest.raises(ValueError, match="number of classes has to be greater than one"):
        week4.controls(made.split_random(0.5), made.pca(2))


# ---- folds with a guard band


@given(st.integers(0, 10_000), st.integers(0, 4), st.integers(3, 9), st.integers(1, 3))
def test_folds_keep_their_distance(week4, seed, guard, side, n):
    """One by one: no square is in two folds, all that may be learned from is beyond the guard, and
    a class is tested only where enough of it is on both sides."""
    made = scene(fields(30, 36, seed, side=5))
    width, squares = made.labels.shape[1], []
    for tested, beyond in week4.folds_of(made, n, guard, side=side, draws=5, least=4):
        squares.append({(p // width // side, p % width // side) for p in tested})
        for k in (1, 2):
            of_both = [np.count_nonzero(made.labels.flat[p] == k) for p in (tested, beyond)]
            assert of_both[0] == 0 or min(of_both) >= 4
        if len(tested) and len(beyond):
            rows, columns = np.divmod(tested[:, None], width)
            other_rows, other_columns = np.divmod(beyond, width)
            apart = np.maximum(abs(rows - other_rows), abs(columns - other_columns))
            assert apart.min() > guard
    assert len(squares) == n and sum(map(len, squares)) == len(set().union(*squares))


def test_a_class_of_one_place_is_tested_only_without_a_guard_band(week4):
    """The second class lives in one corner of 6×6 pixels."""
    labels = np.ones((30, 30), dtype=int)
    labels[:6, :6] = 2
    made = scene(labels)
    for guard, classes in ((0, 2), (8, 1)):
        (tested, beyond), *_ = week4.folds_of(made, 1, guard, side=3, draws=20)
        assert len(np.unique(made.labels.flat[tested])) == classes and len(beyond)


@given(st.integers(0, 10_000), st.sampled_from([0.1, 0.3]))
def test_near_and_far_learn_from_as_many_pixels(week4, seed, share):
    made = scene(fields(30, 36, seed, side=5))
    (tested, beyond), *_ = week4.folds_of(made, 1, 3, draws=5)
    if not len(tested) or not len(beyond):
        return
    splits = week4.near_and_far(made, tested, beyond, seed, share)
    near, far = splits["near"], splits["far"]
    counts = [np.bincount(made.labels.flat[one.train], minlength=3) for one in (near, far)]
    assert np.array_equal(*counts)
    there = np.bincount(made.labels.flat[beyond], minlength=3)
    wanted = np.maximum(np.round(share * np.bincount(made.labels.ravel(), minlength=3)), 1)
    assert np.array_equal(counts[0][1:], np.minimum(wanted, there)[1:])
    assert np.array_equal(near.test, far.test) and np.isin(far.train, beyond).all()
    assert not np.isin(near.test, near.train).any() and np.isin(near.test, tested).all()
    assert far.distance.min() > 3
