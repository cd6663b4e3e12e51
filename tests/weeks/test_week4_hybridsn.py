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

VARIANTS = ("base", "depthwise separable", "2-D first")


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


@given(st.integers(4, 8), st.integers(13, 20), st.sampled_from(VARIANTS))
def test_every_odd_patch_and_number_of_bands(half, bands, variant):
    net = definitions("week4_hybridsn").HybridSN(6, bands, 2 * half + 1, variant)
    assert net(torch.zeros(2, bands, 2 * half + 1, 2 * half + 1)).shape == (2, 6)


@pytest.mark.parametrize("bands, patch", [(12, 25), (0, 25), (30, 7), (30, 24), (30, -9), (13, 8)])
@pytest.mark.parametrize("variant", VARIANTS)
def test_sizes_that_are_too_small_say_so(week4, bands, patch, variant):
    with pytest.raises(
        ValueError,
        match=f"{bands} bands and patches of {patch}×{patch} .*at least 13 bands .*at least 9",
    ):
        week4.HybridSN(16, bands, patch, variant)


def test_the_depthwise_variant_sees_one_channel_at_a_time(week4):
    """Its 3×3 convolution equals one single-channel convolution for each channel; then a 1×1
    convolution mixes them."""
    layer, X = week4.conv_2d(6, "depthwise separable"), torch.randn(2, 6, 5, 5)
    depthwise, pointwise = layer
    alone = torch.cat(
        [
            F.conv2d(X[:, c : c + 1], depthwise.weight[c : c + 1], depthwise.bias[c : c + 1])
            for c in range(6)
        ],
        dim=1,
    )
    mixed = (
        torch.einsum("oc,nchw->nohw", pointwise.weight[:, :, 0, 0], alone)
        + pointwise.bias[:, None, None]
    )
    torch.testing.assert_close(layer(X), mixed, rtol=1e-4, atol=1e-5)
    assert parameters(layer) == 6 * 9 + 6 + 6 * 64 + 64


def test_all_variants_see_the_same_window(week4):
    """Before the first linear layer, each output depends on 9×9 pixels."""
    for variant in VARIANTS:
        net = week4.HybridSN(3, 13, 11, variant).eval()
        X = torch.randn(1, 13, 11, 11, requires_grad=True)
        maps = net.conv2d[:-1](net.conv3d(net.first(X).unsqueeze(1)).flatten(1, 2))
        assert maps.shape == (1, 64, 3, 3)
        maps[0, :, 1, 1].sum().backward()
        seen = X.grad[0].abs().sum(0) > 0
        assert seen[1:-1, 1:-1].sum() > 40 and not seen[0].any() and not seen[:, -1].any()


def test_dropout_is_what_makes_tests_differ(week4):
    """In eval mode the answer is always the same, in train mode it is not."""
    net, X = week4.HybridSN(4, 13, 9), torch.randn(8, 13, 9, 9)
    net.eval()
    assert torch.equal(net(X), net(X))
    net.train()
    assert not torch.equal(net(X), net(X))


def test_glorots_first_weights(week4):
    """Uniform up to √(6 / (fan in + fan out)), each group of channels for itself; biases zero."""
    torch.manual_seed(0)
    net = week4.glorot(week4.HybridSN(5, 14, 11, "depthwise separable"))
    depthwise, pointwise = net.conv2d[0]
    layers = {net.conv3d[2]: (8 + 16) * 5 * 9, depthwise: 9 + 9, pointwise: 64 + 64}
    for layer, fans in {**layers, net.head[3]: 256 + 128}.items():
        bound = math.sqrt(6 / fans)
        assert layer.weight.abs().max() <= bound and not layer.bias.any()
        assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.06)


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
    """The place by hand, where no tie has to be broken; the spectrum by formulas for the scaling,
    which is that of the pixels to learn from."""
    labels = fields(10, 15, seed=0)
    made = scene(labels, means=labels)
    splits = (made.split_random(0.1, seed=seed) for seed in range(1000))
    split = next(s for s in splits if all(len(found) == 1 for found in nearest(made, s)))
    train, test = (made.labels.ravel()[part] - 1 for part in (split.train, split.test))
    flat = made.cube.reshape(-1, 4)
    values = (flat - flat[split.train].mean(0)) / flat[split.train].std(0)
    machine = SVC(C=100, kernel="rbf", gamma="scale").fit(values[split.train], train)
    expected = {
        "coordinates only, 1-NN": [found.pop() - 1 for found in nearest(made, split)],
        "spectrum only, SVM": machine.predict(values[split.test]),
    }
    scores = week4.controls(split)
    assert list(scores) == list(expected)
    for name, predictions in expected.items():
        assert repr(scores[name]) == repr(week4.score(test, predictions, made.classes))
        assert 0.2 < scores[name].oa < 0.95 and scores[name].total == len(split.test)


def test_the_figures_of_the_controls(week4):
    made = scene(np.kron([[1, 1, 2]], np.ones((6, 4), dtype=int)))
    split = made.split_random(0.2)
    place, spectrum = week4.controls(split).values()
    assert week4.control_figures(split) == {
        "coordinates only": place.oa,
        "spectrum only": spectrum.oa,
        "spectrum only, AA": spectrum.aa,
        "always one class": np.mean(made.labels.flat[split.test] == 1),
    }
    assert spectrum.oa != spectrum.aa


def test_controls_tell_place_from_spectrum(week4):
    """Where the class is a matter of place alone only the first does well, where it is one of the
    spectrum only the second."""
    halves = np.kron([[1, 2]], np.ones((20, 10), dtype=int))
    place, spectrum = week4.controls(scene(halves).split_random(0.2)).values()
    assert place.oa > 0.9 > 0.7 > spectrum.oa
    scattered = np.random.default_rng(0).integers(1, 4, (20, 20))
    made = scene(scattered, means=10 * scattered)
    place, spectrum = week4.controls(made.split_random(0.2)).values()
    assert spectrum.oa > 0.95 > 0.5 > place.oa


def test_controls_with_a_constant_band_and_a_class_that_is_not_tested(week4):
    labels = fields(12, 12, seed=0)
    labels[0, 0] = 3
    made = scene(labels)
    made.cube[..., 1] = 0
    for found in week4.controls(made.split_random(0.2)).values():
        assert math.isnan(found.per_class["c"]) and "2 of 3 classes" in repr(found)


def test_controls_need_two_classes(week4):
    split = scene(np.ones((4, 4), dtype=int)).split_random(0.5)
    with pytest.raises(ValueError, match="number of classes has to be greater than one"):
        week4.controls(split)
