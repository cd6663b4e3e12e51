"""The network of the notebook on hyperspectral scenes: exact sizes for every patch and number of
bands, what it computes."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
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
    most_frequent = torch.bincount(result.labels).max().item() / result.total
    assert result.accuracy > most_frequent + 0.3
