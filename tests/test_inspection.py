"""The layer table against facts and measurements; the comparison of two models."""

import copy
import math

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from coursekit import inspection


class LeNet(nn.Module):
    """Week 2's network."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5)
        self.pool = nn.MaxPool2d(2)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = F.relu(self.fc1(x.flatten(1)))
        return self.fc3(F.relu(self.fc2(x)))


def test_the_field_goes_on_through_a_convolution_over_bands():
    """Bands as a dimension of their own, as in HybridSN; the field is that along the last side."""

    class Bands(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv3d, self.conv2d = nn.Conv3d(1, 2, (7, 3, 3)), nn.Conv2d(8, 4, 5)

        def forward(self, x):
            return self.conv2d(F.relu(self.conv3d(x.unsqueeze(1))).flatten(1, 2))

    table = inspection.layers(Bands(), torch.zeros(1, 10, 9, 9))
    assert [(layer.shape, layer.field) for layer in table] == [
        ((1, 2, 4, 7, 7), 3),
        ((1, 4, 3, 3), 7),
    ]


def test_lenet_by_hand():
    table = inspection.layers(LeNet(), torch.zeros(1, 3, 32, 32))
    assert [
        (row.name, row.kind, row.shape, row.parameters, row.macs, row.field) for row in table
    ] == [
        ("conv1", "Conv2d", (1, 6, 28, 28), 3 * 25 * 6 + 6, (3 * 25 + 1) * 6 * 28 * 28, 5),
        ("pool", "MaxPool2d", (1, 6, 14, 14), 0, 0, table[1].field),
        ("conv2", "Conv2d", (1, 16, 10, 10), 6 * 25 * 16 + 16, (6 * 25 + 1) * 16 * 10 * 10, 14),
        ("pool", "MaxPool2d", (1, 16, 5, 5), 0, 0, 16),
        ("fc1", "Linear", (1, 120), 400 * 120 + 120, 400 * 120 + 120, inspection.EVERYTHING),
        ("fc2", "Linear", (1, 84), 120 * 84 + 84, 120 * 84 + 84, inspection.EVERYTHING),
        ("fc3", "Linear", (1, 10), 84 * 10 + 10, 84 * 10 + 10, inspection.EVERYTHING),
    ]
    assert table[1].field == 6, "a layer that is called twice has a field for each call"
    assert table.parameters == 62_006


def test_resnet18_has_its_published_parameters():
    net = torchvision.models.resnet18(weights=None)
    table = inspection.layers(net, torch.zeros(1, 3, 64, 64))
    assert table.parameters == 11_689_512 == sum(p.numel() for p in net.parameters())
    fields = {row.name: row.field for row in table}
    # 7×7 stride 2, pool 3 stride 2, then two 3×3 a block: Araujo et al. 2019 give 435 for the last
    assert [fields[f"layer{i}.1.conv2"] for i in (1, 2, 3, 4)] == [43, 99, 211, 435]


def test_vgg16_sees_212_pixels():
    net = torchvision.models.vgg16(weights=None, init_weights=False).features
    table = inspection.layers(net, torch.zeros(1, 3, 64, 64))
    assert table[-1].field == 212
    assert table.parameters == 14_714_688
    assert [row.field for row in table[:5]] == [3, 3, 5, 5, 6]


def test_macs_count_the_whole_batch():
    one, four = (inspection.layers(LeNet(), torch.zeros(n, 3, 32, 32)).macs for n in (1, 4))
    assert four == 4 * one


class Handmade(nn.Module):
    """A convolution with weights of its own."""

    def __init__(self):
        super().__init__()
        self.kernels, self.bias = nn.Parameter(torch.ones(4, 3, 3, 3)), nn.Parameter(torch.ones(4))

    def forward(self, x):
        return F.conv2d(x, self.kernels, self.bias)


@pytest.mark.parametrize(
    ("layer", "shape", "macs"),
    [
        (nn.Conv2d(4, 8, 3, groups=4, bias=False), (2, 4, 9, 9), 2 * 8 * 7 * 7 * 9),
        (nn.Conv2d(4, 8, 3), (4, 9, 9), 8 * 7 * 7 * (4 * 9 + 1)),
        (nn.Conv3d(1, 2, (7, 3, 3)), (2, 1, 9, 9, 9), 2 * 2 * 3 * 7 * 7 * (7 * 9 + 1)),
        # each input value times each weight of its channel, and a bias for each output value
        (nn.ConvTranspose2d(3, 5, 3, stride=2), (2, 3, 4, 4), 2 * 16 * 3 * 45 + 2 * 5 * 81),
        (nn.Linear(4, 3), (2, 4), 2 * 3 * 5),
        (nn.Linear(4, 3), (2, 7, 4), 2 * 7 * 3 * 5),
        (nn.LSTM(4, 3, batch_first=True), (2, 7, 4), 2 * 7 * 4 * 3 * (4 + 3 + 2)),
        (nn.BatchNorm2d(6), (2, 6, 9, 9), 2 * 12),
        (nn.LayerNorm(6), (2, 7, 6), 2 * 12),
        (nn.MaxPool2d(2), (2, 6, 8, 8), 0),
        (Handmade(), (2, 3, 5, 5), 2 * 4 * 9 * (27 + 1)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else None,
)
def test_macs_by_definition(layer, shape, macs):
    (row,) = inspection.layers(layer, torch.zeros(shape))
    assert row.macs == macs
    assert row.parameters == sum(p.numel() for p in layer.parameters())


def test_a_look_up_multiplies_nothing():
    table = inspection.layers(nn.Embedding(10, 4), torch.zeros(2, 5, dtype=torch.int64))
    assert [(row.shape, row.parameters, row.macs) for row in table] == [((2, 5, 4), 40, 0)]


class Shared(nn.Module):
    """One layer called twice, under two names, and another with the same weight."""

    def __init__(self):
        super().__init__()
        self.first, self.tied = nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3)
        self.again, self.tied.weight = self.first, self.first.weight
        self.unused = nn.Linear(7, 7)

    def forward(self, x):
        return self.tied(self.again(self.first(x))), x


def test_what_is_shared_counts_once():
    net = Shared()
    table = inspection.layers(net, torch.zeros(1, 1, 9, 9))
    assert [(row.name, row.parameters, row.macs, row.field) for row in table] == [
        ("first", 10, 10 * 49, 3),
        ("first", 0, 10 * 25, 5),
        ("tied", 1, 10 * 9, 7),
    ], "each call has its row, each parameter is counted in one"
    assert table.parameters == sum(p.numel() for p in net.parameters()) - 56


class Scaled(nn.Module):
    """A module with a parameter and a product of its own beside its child's."""

    def __init__(self):
        super().__init__()
        self.child, self.mix = nn.Conv2d(3, 4, 3), nn.Parameter(torch.ones(5, 4))

    def forward(self, x):
        return self.child(x).mean((2, 3)) @ self.mix.T


def test_parameters_beside_a_childs_have_a_row():
    net = nn.Sequential(Scaled(), nn.Linear(5, 2))
    table = inspection.layers(net, torch.zeros(2, 3, 5, 5))
    assert [(row.name, row.kind, row.shape, row.parameters, row.macs) for row in table] == [
        ("0.child", "Conv2d", (2, 4, 3, 3), 112, 2 * 4 * 9 * 28),
        ("0", "Scaled", (2, 5), 20, 2 * 4 * 5),
        ("1", "Linear", (2, 2), 12, 2 * 12),
    ]
    assert table.parameters == sum(p.numel() for p in net.parameters())


def test_of_several_outputs_the_first_has_its_shape():
    net = nn.Sequential(nn.MaxPool2d(2, return_indices=True))
    assert inspection.layers(net, torch.zeros(1, 1, 4, 4))[0].shape == (1, 1, 2, 2)


@pytest.mark.parametrize("make", ["resnet50", "googlenet", "mobilenet_v2", "densenet121"])
def test_the_rows_of_published_networks_add_up(make):
    """Half of what torch counts for the whole network, a bias for each output value, and twice the
    channels of each batch normalisation."""
    options = {"init_weights": False} if make == "googlenet" else {}
    with torch.device("meta"):
        net = getattr(torchvision.models, make)(weights=None, **options).eval()
        x = torch.zeros(2, 3, 224, 224)
    table = inspection.layers(net, x)
    with FlopCounterMode(display=False) as counter:
        net(x)
    beside = 0
    for row in table:
        module = net.get_submodule(row.name)
        if row.kind == "BatchNorm2d":
            beside += 2 * 2 * module.num_features
        elif row.kind in ("Conv2d", "Linear") and module.bias is not None:
            beside += math.prod(row.shape)
    assert table.macs == counter.get_total_flops() // 2 + beside
    unused = ("aux1.", "aux2.")  # GoogLeNet's heads, for training only
    assert table.parameters == sum(
        p.numel() for name, p in net.named_parameters() if not name.startswith(unused)
    )


@pytest.mark.parametrize(
    "net",
    [
        nn.Sequential(
            nn.Conv2d(1, 2, 3, stride=2, padding=1), nn.Conv2d(2, 1, 3, dilation=2, padding=2)
        ),
        nn.Sequential(
            nn.Conv2d(1, 1, 5, padding=2),
            nn.AvgPool2d(2),
            nn.Conv2d(1, 1, 3, padding=1),
            nn.AvgPool2d(3, stride=2),
        ),
        nn.Sequential(
            nn.Conv2d(1, 1, 1), nn.AvgPool2d(4, stride=3), nn.Conv2d(1, 1, (1, 3), padding=1)
        ),
    ],
)
def test_the_receptive_field_is_what_the_gradient_reaches(net):
    x = torch.rand(1, 1, 64, 64, requires_grad=True)
    for parameter in net.parameters():
        nn.init.constant_(parameter, 0.1)  # nothing cancels out
    y = net(x)
    y[0, 0, y.shape[2] // 2, y.shape[3] // 2].backward()
    columns = x.grad[0, 0].abs().sum(0).nonzero().squeeze(1)
    assert (
        inspection.layers(net, torch.zeros(1, 1, 64, 64))[-1].field
        == columns.max() - columns.min() + 1
    )


class Branches(nn.Module):
    """A wide branch, a narrow branch and a shortcut: the widest counts."""

    def __init__(self):
        super().__init__()
        self.wide, self.narrow, self.end = (
            nn.Conv2d(1, 2, 5, padding=2),
            nn.Conv2d(1, 2, 1),
            nn.Conv2d(4, 1, 3),
        )

    def forward(self, x):
        return self.end(torch.cat([F.relu(self.wide(x)) + x, self.narrow(x)], 1))


class Untraceable(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3)

    def forward(self, x):
        return self.conv(x) if x.sum() > 0 else self.conv(-x)


def test_branches_and_what_cannot_be_traced():
    x = torch.ones(1, 1, 8, 8)
    assert {row.name: row.field for row in inspection.layers(Branches(), x)} == {
        "wide": 5,
        "narrow": 1,
        "end": 7,
    }
    table = inspection.layers(Untraceable(), x)
    assert [(row.name, row.parameters, row.field) for row in table] == [("conv", 10, None)]
    assert "?" in repr(table)


def test_the_table_in_print():
    lines = repr(inspection.layers(LeNet(), torch.zeros(1, 3, 32, 32))).splitlines()
    assert lines[0].split() == ["layer", "kind", "output", "parameters", "MACs", "sees"]
    assert lines[2].split() == ["conv1", "Conv2d", "1×6×28×28", "456", "357,504", "5"]
    assert lines[-1].split()[:2] == ["total", "62,006"]
    assert lines[-3].endswith("all")
    assert len({len(line) for line in lines[1:-1]}) == 1


def test_the_model_is_not_changed():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout()).train()
    before = copy.deepcopy(net.state_dict())
    inspection.layers(net, torch.rand(2, 1, 6, 6))
    assert all(module.training for module in net.modules())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


@pytest.mark.parametrize(("models", "inputs"), [("meta", "cpu"), ("cpu", "meta")])
def test_the_input_comes_to_the_models_device(models, inputs):
    net = LeNet().to(models)
    table = inspection.layers(net, torch.zeros(1, 3, 32, 32, device=inputs))
    assert table == inspection.layers(LeNet(), torch.zeros(1, 3, 32, 32))
    assert {p.device.type for p in net.parameters()} == {models}


def test_an_input_that_does_not_fit():
    net = LeNet()
    net.pool.eval()
    with pytest.raises(ValueError, match=r"cannot take an input \(1, 3, 16, 16\): mat1 and mat2"):
        inspection.layers(net, torch.zeros(1, 3, 16, 16))
    assert net.training and not net.pool.training, "each module is in the mode it was in"
    assert not any(module._forward_hooks for module in net.modules())


# ---- same_outputs


def small(padding=1, stride=1, activation=nn.ReLU, affine=True):
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4, affine=affine),
        activation(),
        nn.Dropout(),
        nn.Conv2d(4, 4, 3, padding=padding, stride=stride),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 2),
    )


class Named(nn.Module):
    """The same as ``small``, written otherwise."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.second = (
            nn.Conv2d(3, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.Conv2d(4, 4, 3, padding=1),
        )
        self.out = nn.Linear(4, 2)

    def forward(self, x):
        x = F.relu_(self.second(F.relu_(self.norm(self.first(x)))))
        return self.out(x.mean((2, 3)))


X = torch.randn(4, 3, 9, 9, generator=torch.Generator().manual_seed(0))


def test_the_same_network_written_twice(seeded):
    mine, reference = Named().train(), small()
    reference[1].running_mean.uniform_()
    before = copy.deepcopy(mine.state_dict())
    same = inspection.same_outputs(mine, reference, X)
    assert same
    assert repr(same).startswith("True (largest difference ")
    assert all(torch.equal(value, before[name]) for name, value in mine.state_dict().items()), (
        "my weights were overwritten"
    )
    assert mine.training
    assert not any(module._forward_hooks for net in (mine, reference) for module in net.modules())
    assert inspection.same_outputs(small(), reference, X, by="name")


@pytest.mark.parametrize(
    ("change", "layer"),
    [
        ({"padding": 0}, "4"),
        ({"stride": 2}, "4"),
        ({"activation": nn.Tanh}, "4"),
        ({"activation": nn.Identity}, "4"),
    ],
)
def test_the_first_layer_that_differs_is_named(seeded, change, layer):
    answer = inspection.same_outputs(small(**change), small(), X)
    assert not answer
    assert f"first difference at layer '{layer}'" in repr(answer)
    assert repr(answer).startswith("False (")


def test_a_difference_behind_the_last_layer(seeded):
    answer = inspection.same_outputs(nn.Sequential(small(), nn.Softmax(1)), small(), X)
    assert not answer and "all layers with weights agree" in repr(answer)


def test_weights_that_do_not_fit():
    wider = small()
    wider[4] = nn.Conv2d(4, 5, 3)
    with pytest.raises(
        ValueError,
        match=r"mine has '4.weight' \(5, 4, 3, 3\) where the reference has '4.weight' \(4, 4, ",
    ):
        inspection.same_outputs(wider, small(), X)
    with pytest.raises(ValueError, match="mine has 9 weights, the reference 11"):
        inspection.same_outputs(small()[:5], small()[:8].append(nn.Linear(4, 2)), X)
    with pytest.raises(
        ValueError, match="22 weights have no partner of the same name, the first is '0.bias'"
    ):
        inspection.same_outputs(Named(), small(), X, by="name")
    with pytest.raises(ValueError, match="by 'position' or by 'name', not by 'size'"):
        inspection.same_outputs(small(), small(), X, by="size")
