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
    assert parameters(week4.ResNet18(attention=week4.SEBlock)) == 11_173_962 + 89_080
    assert parameters(week4.ResNet18(attention=week4.PositionAttention)) == 11_173_962 + 8 * 99


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
    block, X = week4.BasicBlock(8, 8, 1, week4.SEBlock).eval(), torch.rand(2, 8, 6, 6)
    nn.init.constant_(block.attention.fc2.bias, -100)
    torch.testing.assert_close(block(X), X)
    block = week4.BasicBlock(8, 8, 1, week4.PositionAttention).eval()
    nn.init.constant_(block.attention.conv.bias, -100)
    torch.testing.assert_close(block(X), X)


def test_attention_over_positions_against_a_slow_loop(week4):
    torch.manual_seed(0)
    block, X = week4.PositionAttention(5), torch.randn(2, 5, 9, 8)
    kernel, bias = block.conv.weight[0], block.conv.bias
    weights = torch.empty(2, 1, 9, 8)
    for n in range(2):
        seen = torch.zeros(2, 9 + 6, 8 + 6)  # zeros around: three on each side
        seen[0, 3:-3, 3:-3], seen[1, 3:-3, 3:-3] = X[n].mean(0), X[n].max(0).values
        for i in range(9):
            for j in range(8):
                total = (seen[:, i : i + 7, j : j + 7] * kernel).sum() + bias
                weights[n, 0, i, j] = 1 / (1 + torch.exp(-total))
    torch.testing.assert_close(block.weights(X), weights, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(block(X), X * weights, rtol=1e-4, atol=1e-6)


def test_the_last_maps(week4):
    """The old course's V1 ends at 2×2 and its V2 at 4×4; the strides of ours cost no parameter."""
    X = torch.zeros(1, 3, 32, 32)
    equal = week4.MobileNetV1(strides=(1, 2, 1, 2, 1, 2, 1, 1, 1))
    assert week4.MobileNetV1().eval().features(X).shape == (1, 1024, 2, 2)
    assert equal.eval().features(X).shape == (1, 1024, 4, 4)
    assert week4.MobileNetV2().eval().features(X).shape == (1, 1280, 4, 4)
    assert parameters(equal) == parameters(week4.MobileNetV1())


def test_the_inputs_that_are_read(week4):
    """The same by moving one input after the other."""
    torch.manual_seed(0)
    for layer in (
        nn.Conv2d(3, 4, 3, padding=1),
        nn.Conv2d(3, 3, 3, padding=1, groups=3),
        nn.Conv2d(3, 4, 1),
    ):
        X, moved = torch.rand(1, 3, 3, 3), torch.zeros(3, 3, 3, dtype=torch.bool)
        for i in range(27):
            other = X.clone()
            other.view(-1)[i] += 1
            moved.view(-1)[i] = layer(other)[0, 0, 1, 1] != layer(X)[0, 0, 1, 1]
        assert torch.equal(week4.inputs_read(layer), moved)


def test_the_numbers_that_a_layer_moves(week4):
    block = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)).eval()
    rows = week4.layer_by_layer(block, torch.zeros(2, 3, 5, 5))
    assert [moved for _, _, moved in rows] == [4 * (150 + 200 + 108), 4 * (200 + 200 + 8)]
    assert [X.shape[1] for _, X, _ in rows] == [3, 4]


def test_what_weight_decay_leaves(week4):
    """The recursion on paper and torch's own steps, with a gradient of zero."""
    weight = nn.Parameter(torch.ones(1, dtype=torch.float64))
    holder = nn.Module()
    holder.weight = weight
    optimizer, scheduler = week4.recipe(holder, 0.3, 40)
    left = [1.0]
    for _ in range(40):
        weight.grad = torch.zeros_like(weight)
        optimizer.step()
        scheduler.step()
        left.append(weight.item())
    assert week4.decay_alone(0.3, 40) == pytest.approx(left, rel=1e-12)
    assert 0.9 < left[-1] < 0.99


def test_killed_channels_get_no_gradient(week4):
    torch.manual_seed(0)
    net = week4.MobileNetV1(width=0.25)
    killed = week4.kill(net)
    assert [int(mask.sum()) for mask in killed] == [
        norm.num_features // 4 for _, norm, _ in week4.depthwise_layers(net)
    ]
    F.cross_entropy(net(torch.randn(8, 3, 32, 32)), torch.arange(8)).backward()
    kernels = week4.depthwise_kernels(net)
    assert len(kernels) == 9 and {rows.shape[1] for rows in kernels} == {9}
    for (convolution, *_), mask in zip(week4.depthwise_layers(net), killed):
        size = convolution.weight.grad.flatten(1).norm(dim=1)
        assert (size[mask] == 0).all() and (size[~mask] > 0).float().mean() > 0.5
    second = week4.kill(net, 0.25, 0.5)
    assert all(
        mask.nonzero()[:, 0].tolist() == list(range(len(mask) // 4, len(mask) // 2))
        for mask in second
    )
    for (_, norm, _), mask, later in zip(week4.depthwise_layers(net), killed, second):
        assert ((norm.bias == -20) == (mask | later)).all()
    assert len(week4.depthwise_kernels(week4.MobileNetV2(width=0.25))) == 17
    assert not week4.depthwise_layers(week4.ResNet18(width=0.25))


def test_the_distance_from_weight_decay_alone(week4):
    before = torch.randn(6, 9, generator=torch.Generator().manual_seed(0))
    assert week4.away_from_decay(before, 0.4 * before, 0.4).max() < week4.FOLLOWS
    assert week4.away_from_decay(before, 0.8 * before, 0.4).tolist() == pytest.approx([1.0] * 6)
    assert week4.away_from_decay(before, 0 * before, 0.4).tolist() == pytest.approx([1.0] * 6)


def test_momentum_moves_a_kernel_after_its_last_gradient(week4):
    """Why the count is a lower bound: gradients until half time hide a kernel from it, gradients
    until sixty steps before do not."""
    steps, half = 600, 300
    part = week4.decay_alone(0.1, steps)
    part = part[-1] / part[half]
    away = {}
    for last in (half, half - 60):
        torch.manual_seed(0)
        holder = nn.Linear(9, 20, bias=False)  # 20 kernels of nine numbers
        holder.weight.data *= 0.577 / holder.weight.data.norm(dim=1, keepdim=True)
        optimizer, scheduler = week4.recipe(holder, 0.1, steps)
        for step in range(steps):
            if step == half:
                before = holder.weight.detach().clone()
            noise = 0.01 * torch.randn(20, 9)
            holder.weight.grad = noise if step < last else torch.zeros(20, 9)
            optimizer.step()
            scheduler.step()
        away[last] = week4.away_from_decay(before, holder.weight.detach(), part)
    assert away[half].median() > 10 * week4.FOLLOWS
    assert away[half - 60].max() < week4.FOLLOWS


def test_other_channel_weights(week4, monkeypatch):
    """By hand for two SE blocks: the second gets what the picture before would have had in the
    untouched network, not what it has after the first block was altered. Then its own again."""
    torch.manual_seed(0)
    net = nn.Sequential(week4.SEBlock(32), nn.ReLU(), week4.SEBlock(32), nn.Flatten()).eval()
    pixels = torch.randint(0, 256, (7, 32, 2, 2), dtype=torch.uint8)
    data = ck.Images(pixels, torch.arange(7), [*map(str, range(7))], "made here")
    for name, value in {"test": data, "eval_batch": 3}.items():  # the last batch is smaller
        monkeypatch.setitem(week4.with_weights.__globals__, name, value)
    X, _ = data.__getitems__(range(7))
    for block in (net[0], net[2]):  # so that the weights differ from picture to picture
        block.fc1.weight.data *= 10
        nn.init.constant_(block.fc1.bias, 3)
    own, labels = week4.se_weights(net, data)
    assert labels.tolist() == list(range(7)) and [W.shape for W in own] == 2 * [(7, 32)]
    with torch.no_grad():
        one, untouched = net[0].weights(X), net(X)
        two = net[2].weights(F.relu(net[0](X)))
    before = [6, 0, 1, 2, 3, 4, 5]
    hidden = F.relu(X * one[before][:, :, None, None])
    expected = (hidden * two[before][:, :, None, None]).flatten(1)
    found = week4.with_weights(net, week4.of_another(own)).outputs
    torch.testing.assert_close(found, expected)
    with torch.no_grad():
        altered = net[2].weights(hidden)  # what the second block would compute by now
    for wrong in (altered, altered[before]):
        assert (two[before] - wrong).abs().max() > 1e-2
    torch.testing.assert_close(week4.with_weights(net, own).outputs, untouched)
    torch.testing.assert_close(ck.evaluate(net, data.loader(7)).outputs, untouched)


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
