"""A network is written down step by step, with all its weights; what a page cannot compute is
refused by its name."""

import base64

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from coursekit.moving.network import steps_of
from notebooks import definitions

pytestmark = pytest.mark.usefixtures("seeded")


@pytest.fixture(scope="module")
def week1():
    return definitions("week1_mnist_fc_vs_cnn")


def weights_of(known: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(known["weights"]), "<f4")


def flat(model) -> np.ndarray:
    return torch.cat([part.detach().flatten() for part in model.parameters()]).numpy()


def dense(*layers) -> nn.Sequential:
    """These layers, and the ten outputs behind them."""
    front = nn.Sequential(*layers, nn.Flatten())
    return front.append(nn.Linear(front(torch.zeros(1, 1, 28, 28)).shape[1], 10))


def forward(function, **layers) -> nn.Module:
    """A network whose forward is ``function(self, x)``."""
    network = type("Net", (nn.Module,), {"forward": function})()
    for name, layer in layers.items():
        setattr(network, name, layer)
    return network


def test_the_dense_network_of_week_1(week1):
    known = steps_of(model := week1.FC2Layer(784, 8, 10))
    assert known["steps"] == [
        {"op": "linear", "shape": [8]},
        {"op": "relu", "shape": [8]},
        {"op": "linear", "shape": [8]},
        {"op": "relu", "shape": [8]},
        {"op": "linear", "shape": [10]},
        {"op": "log_softmax", "shape": [10]},
    ]
    assert known["parameters"] == 6442 and known["maps"] is None
    assert (weights_of(known) == flat(model)).all()


def test_the_cnn_of_week_1(week1):
    known = steps_of(model := week1.CNN(784, 6, 10))
    conv = {"op": "conv2d", "kernel": [5, 5], "stride": [1, 1], "padding": [0, 0]}
    pool = {"op": "max_pool2d", "kernel": [2, 2], "stride": [2, 2], "padding": [0, 0]}
    assert known["steps"] == [
        conv | {"of": [1, 28, 28], "shape": [6, 24, 24]},
        {"op": "relu", "shape": [6, 24, 24]},
        pool | {"of": [6, 24, 24], "shape": [6, 12, 12]},
        conv | {"of": [6, 12, 12], "shape": [6, 8, 8]},
        {"op": "relu", "shape": [6, 8, 8]},
        pool | {"of": [6, 8, 8], "shape": [6, 4, 4]},
        {"op": "linear", "shape": [50]},
        {"op": "relu", "shape": [50]},
        {"op": "linear", "shape": [10]},
        {"op": "log_softmax", "shape": [10]},
    ]
    assert known["parameters"] == 6422 and known["maps"] == 1
    assert (weights_of(known) == flat(model)).all()


@pytest.mark.parametrize(
    "reshape",
    [
        lambda x: x.flatten(1),
        lambda x: torch.flatten(x, 1),
        lambda x: x.view(-1, 784),
        lambda x: x.view(x.size(0), -1),
        lambda x: x.reshape(x.shape[0], 784),
    ],
)
def test_every_way_to_make_a_row_of_pixels(reshape):
    model = forward(lambda self, x: self.out(reshape(x)), out=nn.Linear(784, 10))
    assert steps_of(model)["steps"] == [{"op": "linear", "shape": [10]}]


@pytest.mark.parametrize(
    ("said", "as_module"),
    [
        (lambda x: x.relu(), nn.ReLU()),
        (lambda x: torch.relu_(x), nn.ReLU(inplace=True)),
        (lambda x: F.max_pool2d(x, 3, 2, 1), nn.MaxPool2d(3, 2, 1)),
        (lambda x: F.max_pool2d(x, (2, 4), ceil_mode=True), nn.MaxPool2d((2, 4), ceil_mode=True)),
        (lambda x: torch.max_pool2d(x, kernel_size=3), nn.MaxPool2d(3)),
        (lambda x: F.dropout(x, training=False), nn.Dropout()),
        (lambda x: x.view(1, 1, 28, 28), nn.Identity()),
    ],
)
def test_a_function_is_the_layer_of_its_name(said, as_module):
    out = nn.LazyLinear(10)
    model = forward(lambda self, x: self.out(self.layer(x).flatten(1)), out=out, layer=as_module)
    model(torch.zeros(1, 1, 28, 28))
    other = forward(lambda self, x: self.out(said(x).flatten(1)), out=out)
    assert steps_of(model) == steps_of(other)


@pytest.mark.parametrize("dim", [1, -1])
@pytest.mark.parametrize("last", [F.softmax, F.log_softmax])
def test_softmax_over_the_classes(last, dim):
    model = forward(lambda self, x: last(self.out(x.flatten(1)), dim), out=nn.Linear(784, 10))
    assert steps_of(model)["steps"][-1] == {"op": last.__name__, "shape": [10]}


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
def test_convolutions_of_all_kinds():
    model = dense(
        nn.Conv2d(1, 2, (3, 4), stride=(2, 1), padding=(1, 2), bias=False),
        nn.Conv2d(2, 3, 4, padding="same"),
        nn.Conv2d(3, 1, 2, padding="valid"),
    )
    known = steps_of(model)
    first, same, valid, _ = known["steps"]
    assert first == {
        "op": "conv2d",
        "of": [1, 28, 28],
        "shape": [2, 14, 29],
        "kernel": [3, 4],
        "stride": [2, 1],
        "padding": [1, 2],
    }
    assert same["padding"] == [1, 1] and same["shape"] == [3, 14, 29]
    assert valid["padding"] == [0, 0] and valid["shape"] == [1, 13, 28]
    weights = weights_of(known)
    assert (weights[:24] == flat(model)[:24]).all() and (weights[24:26] == 0).all()
    assert (weights[26:] == flat(model)[24:]).all()
    assert known["parameters"] == len(weights) - 2 and known["maps"] == 0


def test_the_model_is_left_as_it_is():
    model = dense(nn.Dropout()).double()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    known = steps_of(model.train())
    assert [step["op"] for step in known["steps"]] == ["linear"]
    assert all(module.training for module in model.modules())
    assert all(value.equal(before[name]) for name, value in model.state_dict().items())
    assert model[-1].weight.dtype == torch.float64


class Branch(nn.Module):
    """Adds its input to what its layers give."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, x):
        return x + self.conv(x)


class Forked(Branch):
    """Goes on with what came before the ReLU."""

    def forward(self, x):
        x = self.conv(x)
        F.relu(x)
        return x


class Doubled(nn.Linear):
    """A layer that is not what its class is named after."""

    def forward(self, x):
        return 2 * super().forward(x)


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (dense(nn.BatchNorm2d(1)), "the layer 0, BatchNorm2d"),
        (dense(nn.Conv2d(1, 2, 3), nn.GELU()), "the layer 1, GELU"),
        (dense(nn.Conv2d(1, 2, 3, dilation=2)), r"the layer 0, .*dilation=\(2, 2\)"),
        (dense(nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 3, groups=2)), "the layer 1, .*groups=2"),
        (dense(nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect")), "the layer 0, .*reflect"),
        (dense(nn.MaxPool2d(2, dilation=2)), "the layer 0, .*dilation=2"),
        (dense(nn.AvgPool2d(2)), "the layer 0, AvgPool2d"),
        (dense(nn.Linear(28, 5)), "the layer 0, Linear"),
        (dense(nn.Softmax(dim=1)), "the layer 0, Softmax"),
        (
            nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Softmax(dim=0)),
            "the layer 2, Softmax",
        ),
        (dense(Branch()), "add"),
        (dense(Forked()), "the layer 1, Flatten"),
        (nn.Sequential(nn.Flatten(), Doubled(784, 10)), "1.weight"),
        (forward(lambda s, x: s.out(F.dropout(x.flatten(1))), out=nn.Linear(784, 10)), "dropout"),
        (forward(lambda s, x: s.out(x.flatten()), out=nn.Linear(784, 10)), "flatten"),
    ],
)
def test_what_a_page_cannot_compute_is_named(model, named):
    with pytest.raises(ValueError, match=f"^{named}.* cannot be computed in the page.*Conv2d"):
        steps_of(model)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(784, 9)), "gives 10 outputs for an image, not 9"),
        (nn.Sequential(nn.Conv2d(1, 10, 28)), "not 10×1×1"),
        (forward(lambda self, x: (x, x)), "not something other than its last step"),
        (
            forward(lambda self, x: (y := self.a(x.flatten(1)), y.relu())[0], a=nn.Linear(784, 10)),
            "not something other than its last step",
        ),
        (nn.Sequential(nn.Flatten(), nn.Linear(1024, 10)), "with an image 1×1×28×28"),
        (nn.Sequential(nn.Conv2d(3, 2, 3)), "with an image 1×1×28×28"),
        (forward(lambda self, x: x if x.sum() > 0 else -x), "cannot be followed"),
    ],
)
def test_another_input_or_output(model, said):
    with pytest.raises(ValueError, match=said):
        steps_of(model)


@pytest.mark.parametrize("register", ["register_forward_hook", "register_forward_pre_hook"])
def test_hooks_are_not_left_out_without_a_word(register):
    model = dense()
    hook = getattr(model[-1], register)(lambda *_: None)
    with pytest.raises(ValueError, match="forward hooks, which the page cannot run"):
        steps_of(model)
    hook.remove()
    steps_of(model)


def test_a_training_that_went_wrong():
    model = dense()
    model[-1].bias.data[3] = float("nan")
    with pytest.raises(ValueError, match="not finite"):
        steps_of(model)
