"""The networks of the notebook on MobileNet and SENet: exact sizes, equal to the reference, and
what their parts compute."""

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

import coursekit as ck
from notebooks import definitions


@pytest.fixture(scope="module")
def week4():
    return definitions("week4_mobilenet_senet")


@pytest.fixture(scope="module")
def imagenet_v2(week4):
    torch.manual_seed(0)
    return week4.MobileNetV2(1000, stem=2, strides=(1, 2, 2, 2, 1, 2, 1), old_course=False)


def parameters(net) -> int:
    return sum(p.numel() for p in net.parameters())


def test_the_parameters_of_the_table(week4, imagenet_v2):
    assert parameters(week4.MobileNetV1()) == 2_142_026
    assert parameters(week4.MobileNetV2()) == 2_296_922
    assert parameters(imagenet_v2) == 3_504_872
    assert parameters(week4.ResNet18()) == 11_173_962
    assert parameters(week4.ResNet18(se=True)) == 11_173_962 + 89_080


def test_mobilenet_v2_takes_torchvisions_weights_by_name(imagenet_v2):
    reference = torchvision.models.mobilenet_v2()
    assert imagenet_v2.load_state_dict(reference.state_dict(), strict=True)
    assert ck.inspection.same_outputs(imagenet_v2, reference, torch.randn(2, 3, 64, 64), by="name")
    dropouts = [
        m.p for net in (imagenet_v2, reference) for m in net.modules() if isinstance(m, nn.Dropout)
    ]
    assert dropouts == [0.2, 0.2]


def test_another_activation_is_noticed(week4, imagenet_v2):
    """The check can fail: the weights fit, but a ReLU in place of a ReLU6 computes something
    else."""
    reference = torchvision.models.mobilenet_v2()
    with torch.no_grad():
        for p in reference.parameters():
            p.mul_(3)  # so that some activations exceed 6
    for name, module in list(reference.named_modules()):
        if isinstance(module, nn.ReLU6):
            parent, _, last = name.rpartition(".")
            setattr(reference.get_submodule(parent), last, nn.ReLU())
    assert not ck.inspection.same_outputs(
        imagenet_v2, reference, torch.randn(2, 3, 64, 64), by="name"
    )


def test_the_old_courses_variants_are_refused_by_torchvisions_weights(week4):
    wrong = week4.MobileNetV2(1000, stem=2, strides=(1, 2, 2, 2, 1, 2, 1), old_course=True)
    with pytest.raises(RuntimeError, match="Missing key|Unexpected key|size mismatch"):
        wrong.load_state_dict(torchvision.models.mobilenet_v2().state_dict(), strict=True)


def test_the_resnet_is_torchvisions_with_a_stem_for_small_images(week4):
    reference = torchvision.models.resnet18(num_classes=10)
    reference.conv1, reference.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()
    ours, theirs = week4.ResNet18().state_dict(), reference.state_dict()
    shapes = [sorted(tuple(v.shape) for v in state.values()) for state in (ours, theirs)]
    assert shapes[0] == shapes[1]
    assert ck.inspection.same_outputs(week4.ResNet18(), reference, torch.randn(2, 3, 32, 32))


def test_a_separable_block_by_hand(week4):
    """One channel at a time, then the sum over channels."""
    block, X = week4.separable(3, 5, stride=2).eval(), torch.randn(2, 3, 8, 8)
    (depthwise, bn1, _), (pointwise, bn2, _) = block
    for bn in (bn1, bn2):
        nn.init.uniform_(bn.weight, 0.5, 2)
        nn.init.uniform_(bn.running_mean)
    alone = torch.cat(
        [
            F.conv2d(X[:, c : c + 1], depthwise.weight[c : c + 1], stride=2, padding=1)
            for c in range(3)
        ],
        dim=1,
    )
    hidden = F.relu(bn1(alone))
    mixed = torch.einsum("oc,nchw->nohw", pointwise.weight[:, :, 0, 0], hidden)
    torch.testing.assert_close(block(X), F.relu(bn2(mixed)), rtol=1e-4, atol=1e-5)
    assert block(X).shape == (2, 5, 4, 4)


def test_the_end_of_an_inverted_residual_is_linear(week4):
    """Without a shortcut the output has negative values, which a ReLU would forbid; with one the
    input is added."""
    torch.manual_seed(0)
    X = torch.randn(4, 16, 8, 8)
    narrow = week4.InvertedResidual(16, 24, 1, 6).eval()
    assert not narrow.add and narrow(X).min() < 0
    same = week4.InvertedResidual(16, 16, 1, 6).eval()
    torch.testing.assert_close(same(X), X + same.conv(X))
    assert not week4.InvertedResidual(16, 16, 2, 6).add


def test_squeeze_and_excitation_against_a_slow_loop(week4):
    torch.manual_seed(0)
    block, X = week4.SEBlock(32), torch.randn(3, 32, 5, 4)
    expected = torch.empty_like(X)
    for n in range(3):
        squeezed = torch.tensor([X[n, c].sum() / 20 for c in range(32)])
        hidden = (block.fc1.weight @ squeezed + block.fc1.bias).clamp_min(0)
        weights = 1 / (1 + torch.exp(-(block.fc2.weight @ hidden + block.fc2.bias)))
        for c in range(32):
            expected[n, c] = X[n, c] * weights[c]
    torch.testing.assert_close(block(X), expected, rtol=1e-4, atol=1e-6)
    assert block.fc1.out_features == 2 and 0 < block.weights(X).min() and block.weights(X).max() < 1


def test_se_multiplies_before_the_sum(week4):
    """With weights near zero the block is its shortcut: had the sum been multiplied, nothing would
    be left."""
    block, X = week4.BasicBlock(8, 8, 1, se=True).eval(), torch.rand(2, 8, 6, 6)
    nn.init.constant_(block.se.fc2.bias, -100)
    torch.testing.assert_close(block(X), X)


@pytest.mark.parametrize("width", [0.125, 0.25, 1.0])
def test_every_width_and_both_sizes(week4, width):
    for make in (week4.MobileNetV1, week4.MobileNetV2, week4.ResNet18):
        net = make(width=width).eval()
        for side in (16, 32):
            assert net(torch.zeros(1, 3, side, side)).shape == (1, 10)


def test_what_a_relu_loses(week4):
    points = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    restored, lost = week4.through_relu(points, 64)
    assert lost < 1e-6 and torch.allclose(restored, points, atol=1e-2)
    negative = -torch.ones(10, 2)  # a map to one channel with positive weights would lose all of it
    assert (
        week4.through_relu(points, 1)[1] > 0.3
        and 0 <= week4.through_relu(negative, 1, seed=1)[1] <= 1 + 1e-6
    )


def test_empty_kernels_and_dead_channels_are_found(week4):
    torch.manual_seed(0)
    net = nn.Sequential(week4.separable(8, 8), nn.Identity())
    depthwise, bn, _ = net[0][0]
    with torch.no_grad():
        depthwise.weight[0] *= 1e-3  # one empty kernel
        bn.bias[1:3] = -100  # two channels that a ReLU sets to zero everywhere
        bn.bias[3:] = 1
    (norms,), (dead,) = week4.kernels_and_channels(net, torch.randn(16, 8, 6, 6))
    assert (norms < 0.1).tolist() == [True] + 7 * [False] and 0.5 < norms[
        1:
    ].mean() < 1.5  # 1 is a kernel before training
    assert dead[1:].tolist() == [True, True] + 5 * [False]


def test_what_enters_a_relu6(week4):
    net = nn.Sequential(nn.Linear(1, 2), nn.ReLU6(), nn.Linear(2, 2), nn.ReLU6())
    with torch.no_grad():
        net[0].weight[:], net[0].bias[:] = torch.tensor([[10.0], [-1]]), 0
        net[2].weight[:], net[2].bias[:] = torch.eye(2), 1
    first, second = week4.before_relu6(net, torch.tensor([[1.0], [0.5]]))
    assert first.tolist() == [10, -1, 5, -0.5] and second.tolist() == [7, 1, 6, 1]
    assert not net[1]._forward_pre_hooks and not net[3]._forward_pre_hooks


def test_the_variance_between_classes(week4):
    labels = torch.arange(300) % 3
    random = torch.randn(300, 5, generator=torch.Generator().manual_seed(0))
    assert week4.share_between_classes(
        labels[:, None].float().repeat(1, 5), labels
    ) == pytest.approx(1)
    assert week4.share_between_classes(random, labels) < 0.05
    mixed = labels[:, None] + random
    expected = (
        torch.tensor([0.0, 1, 2]).var(unbiased=False)
        / (torch.tensor([0.0, 1, 2]).var(unbiased=False) + 1)
    ).item()
    assert week4.share_between_classes(mixed, labels) == pytest.approx(expected, abs=0.08)
