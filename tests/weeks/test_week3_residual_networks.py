"""Week 3's residual networks: the same weights, the same outputs and the same sizes as
torchvision's."""

from types import SimpleNamespace

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

import coursekit as ck
from notebooks import as_if_trained, definitions, parameters

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
    return definitions("week3_residual_networks")


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


def test_depths_that_do_not_exist_are_refused(week3):
    with pytest.raises(ValueError, match="6n \\+ 2"):
        week3.CifarNet(21, residual=True)


def test_all_depths_see_the_images_in_the_same_order(week3, pictures, monkeypatch):
    """A network draws random numbers, the more the deeper it is: the order may not depend on it."""
    seen = []

    def fit(net, loader, **options):
        seen.append(torch.cat([y for x, y in loader]))
        return SimpleNamespace(train_loss=[2.0, 1.0], train_metric=[0.25, 0.5])

    result = SimpleNamespace(accuracy=0.75)
    settings = dict(width=2, epochs=2, batch_size=8, lr=0.1)
    lab = SimpleNamespace(device=torch.device("cpu"))
    names = dict(data=pictures, test=pictures, depth_run=settings, lab=lab, trained={})
    names["ck"] = SimpleNamespace(fit=fit, evaluate=lambda net, loader: result)
    for name, value in names.items():
        monkeypatch.setitem(week3.train_depth.__globals__, name, value)
    for depth, seed in ((8, 0), (20, 0), (8, 1)):
        numbers = week3.train_depth("plain", depth, seed)
    assert torch.equal(seen[0], seen[1]) and not torch.equal(seen[0], seen[2])
    expected = {"loss 1": 2.0, "loss 2": 1.0, "error 1": 75.0, "error 2": 50.0}
    assert numbers == expected | {"test accuracy": 0.75}
    kept = names["trained"]
    assert list(kept) == [("plain", 8), ("plain", 20)]
    torch.manual_seed(0)  # the first seed's network is kept
    first = week3.CifarNet(8, False, width=2)
    assert ck.inspection.same_outputs(kept["plain", 8], first, torch.randn(2, 3, 8, 8), by="name")


@torch.no_grad()
def test_a_block_that_is_cut_out_passes_its_input_on(week3):
    """Where a block's last scales are zero, nothing changes; the network itself never does."""
    torch.manual_seed(0)
    net = as_if_trained(week3.CifarNet(14, residual=True, width=4))
    X = torch.randn(2, 3, 16, 16)
    whole = net(X)
    same = [i for i, block in enumerate(net.features) if getattr(block, "new_channels", 1) == 0]
    assert same == [3, 4, 6, 8]  # the first block of stages 2 and 3 changes the shape
    for i in same:
        cut = week3.without_block(net, i)(X)
        assert not torch.allclose(cut, whole)
        torch.testing.assert_close(net(X), whole)
        x = net.features[:i](X)
        torch.testing.assert_close(cut, net.head(net.features[i + 1 :](x)))
    bn = net.features[4].bn2
    nn.init.zeros_(bn.weight), nn.init.zeros_(bn.bias)
    torch.testing.assert_close(week3.without_block(net, 4)(X), net(X))
