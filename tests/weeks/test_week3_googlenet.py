"""Week 3's networks: the same weights, the same outputs and the same sizes as torchvision's."""

from types import SimpleNamespace

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F
from torchvision.models.googlenet import Inception as TorchvisionInception

import coursekit as ck
from notebooks import definitions, parameters

# Parameters with 1,000 classes, and blocks of every stage
NETWORKS = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "resnext50_32x4d": 25_028_904,
    "resnext101_32x8d": 88_791_336,
}


@pytest.fixture(scope="module")
def week3():
    return definitions("week3_googlenet_to_resnet")


@torch.no_grad()
def as_if_trained(net):
    """Random batch statistics, scales and shifts: fresh ones would hide a forgotten or misplaced
    normalisation."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
            module.weight.uniform_(0.5, 1.5)
            module.bias.normal_(std=0.1)
    return net.eval()


@pytest.mark.parametrize("name", NETWORKS)
def test_resnets_take_torchvisions_weights_and_give_its_outputs(week3, name):
    torch.manual_seed(0)
    reference = as_if_trained(getattr(torchvision.models, name)(weights=None))
    with torch.device("meta"):
        net = getattr(week3, name)().eval()
    net.load_state_dict(reference.state_dict(), strict=True, assign=True)
    X = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(net(X), reference(X))


@pytest.mark.parametrize("name", NETWORKS)
def test_resnets_have_their_published_parameters(week3, name):
    make = getattr(week3, name)
    with torch.device("meta"):
        assert parameters(make()) == NETWORKS[name]
        top = make().fc
        assert parameters(make(num_classes=10)) == NETWORKS[name] - 990 * (top.in_features + 1)


@pytest.mark.parametrize(
    ("name", "channels"), [("resnet18", 512), ("resnet50", 2048), ("resnext50_32x4d", 2048)]
)
def test_without_the_top_the_maps_come_out(week3, name, channels):
    with torch.device("meta"):
        net = getattr(week3, name)(include_top=False)
        assert net(torch.zeros(2, 3, 224, 160)).shape == (2, channels, 7, 5)
        assert parameters(net) == NETWORKS[name] - 1000 * (channels + 1)
    assert not {"fc.weight", "fc.bias"} & net.state_dict().keys()


def test_the_first_weights_are_drawn_as_torchvision_draws_them(week3):
    torch.manual_seed(0)
    net = week3.resnet18()
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 30_000:
            expected = (
                2 / (module.out_channels * module.kernel_size[0] ** 2)
            ) ** 0.5  # Kaiming, fan_out, ReLU
            assert module.weight.std().item() == pytest.approx(expected, rel=0.03), name
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all() and (module.bias == 0).all()


def test_a_basic_block_has_no_groups(week3):
    with pytest.raises(ValueError, match="Bottleneck"):
        week3.ResNet(week3.BasicBlock, [1, 1, 1, 1], groups=32)


@pytest.mark.parametrize(
    "channels", [(192, 64, (96, 128), (16, 32), 32), (480, 192, (96, 208), (16, 48), 64)]
)
def test_inception_is_torchvisions_with_its_window(week3, channels):
    c_in, c1, c2, c3, c4 = channels
    torch.manual_seed(0)
    reference = as_if_trained(TorchvisionInception(c_in, c1, *c2, *c3, c4))
    X = torch.randn(2, c_in, 9, 9)
    assert ck.inspection.same_outputs(week3.Inception(*channels, kernel=3), reference, X, by="name")
    paper = week3.Inception(*channels)
    assert paper.branch3[1].conv.weight.shape == (c3[1], c3[0], 5, 5)
    assert paper(X).shape == (2, c1 + c2[1] + c3[1] + c4, 9, 9)


def test_the_small_googlenet(week3):
    with torch.device("meta"):
        assert parameters(week3.SmallGoogLeNet()) == 940_938
        assert week3.SmallGoogLeNet(num_classes=7, width=0.5)(torch.zeros(2, 3, 32, 32)).shape == (
            2,
            7,
        )


@pytest.mark.parametrize(("depth", "count"), [(20, 269_722), (56, 853_018)])
def test_a_plain_network_and_its_residual_twin_have_the_same_weights(week3, depth, count):
    with torch.device("meta"):
        plain, twin = (week3.CifarNet(depth, residual) for residual in (False, True))
    assert parameters(plain) == parameters(twin) == count
    assert list(plain.state_dict()) == list(twin.state_dict())
    assert sum(isinstance(module, (nn.Conv2d, nn.Linear)) for module in twin.modules()) == depth


def test_only_the_residual_twin_adds_its_input(week3):
    """With convolutions of zero, a residual block is ReLU(shortcut), and a plain one is zero."""
    X = torch.randn(2, 4, 6, 6)
    for stride, channels in ((1, 4), (2, 8)):
        for residual in (False, True):
            block = week3.CifarBlock(4, channels, stride, residual).eval()
            for conv in (block.conv1, block.conv2):
                nn.init.zeros_(conv.weight)
            expected = torch.zeros(2, channels, 6 // stride, 6 // stride)
            if residual:
                expected[:, :4] = F.relu(X[:, :, ::stride, ::stride])
            torch.testing.assert_close(block(X), expected)


def test_all_depths_see_the_images_in_the_same_order(week3, pictures, monkeypatch):
    """A network draws random numbers, the more the deeper it is: the order may not depend on it."""
    seen = []

    def train_net(net, data, **options):
        seen.append(torch.cat([y for x, y in data.loader(8, shuffle=True)]))
        return SimpleNamespace(train_loss=[2.0, 1.0], train_metric=[0.25, 0.5])

    result = SimpleNamespace(accuracy=0.75)
    settings = dict(width=2, epochs=2, batch_size=8, lr=0.1)
    names = dict(train_net=train_net, data=pictures, test=pictures, depth_run=settings)
    names["ck"] = SimpleNamespace(evaluate=lambda net, loader: result)
    for name, value in names.items():
        monkeypatch.setitem(week3.train_depth.__globals__, name, value)
    for depth, seed in ((8, 0), (20, 0), (8, 1)):
        torch.manual_seed(seed)
        numbers = week3.train_depth("plain", depth, seed)
    assert torch.equal(seen[0], seen[1]) and not torch.equal(seen[0], seen[2])
    expected = {"loss 1": 2.0, "loss 2": 1.0, "error 1": 75.0, "error 2": 50.0}
    assert numbers == expected | {"test accuracy": 0.75}


def test_depths_that_do_not_exist_are_refused(week3):
    with pytest.raises(ValueError, match="6n \\+ 2"):
        week3.CifarNet(21, residual=True)


@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (5, 3, 7, 2)])
def test_batch_norm_by_hand(week3, shape):
    torch.manual_seed(0)
    bn = as_if_trained(nn.BatchNorm2d(3))
    values = [bn.running_mean.clone(), bn.running_var.clone()]
    for training in (True, True, False):
        X = 3 * torch.randn(shape) - 1
        Y, *values = week3.batch_norm(X, bn.weight, bn.bias, *values, training=training)
        torch.testing.assert_close(Y, bn.train(training)(X))
        torch.testing.assert_close(values, [bn.running_mean, bn.running_var])
