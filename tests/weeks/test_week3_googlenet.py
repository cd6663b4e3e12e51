"""Week 3's GoogLeNet: the same outputs as torchvision's module, equal work, and the counts of its
walk."""

import pytest
import torch
import torchvision
from torch import nn
from torchvision.models.googlenet import Inception as TorchvisionInception

import coursekit as ck
from notebooks import as_if_trained, definitions, parameters


@pytest.fixture(scope="module")
def week3():
    return definitions("week3_googlenet")


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


@pytest.mark.parametrize("width", [1.0, 0.5, 0.25])
def test_one_window_costs_as_much_as_the_modules(week3, width):
    X = torch.zeros(1, 3, 32, 32)
    modules, alone = (
        ck.inspection.layers(make(width=width), X)
        for make in (week3.SmallGoogLeNet, week3.Small3x3)
    )
    assert alone.macs == pytest.approx(modules.macs, rel=0.04)
    assert week3.Small3x3(num_classes=7, width=width)(torch.zeros(2, 3, 32, 32)).shape == (2, 7)


def test_the_walk_counts_every_parameter_and_goes_the_networks_way(week3):
    net = week3.on_meta(torchvision.models.googlenet, aux_logits=False, init_weights=False)
    names = [name for name, _ in net.named_children() if not name.startswith("aux")]
    table = week3.walk(net, 224, {name: [name] for name in names})
    counts = table["parameters"].str.replace(",", "").astype(int)
    assert counts.sum() == parameters(net) == 6_624_904
    assert counts["inception3a"] == parameters(net.inception3a)
    assert table["output"]["inception4e"] == "832×14×14" and table["output"]["fc"] == "1000"
    assert table["sees, pixels"]["conv1"] == "7" and table["sees, pixels"]["fc"] == "all"
