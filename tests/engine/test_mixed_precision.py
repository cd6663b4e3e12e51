"""bfloat16 on a CPU: where it is used, that it learns, and that a stopped run goes on in it."""

import subprocess
import sys

import pytest
import torch
from torch import nn

import coursekit as ck
from coursekit import lab
from coursekit.engine import mixed_precision
from coursekit.engine.mixed_precision import Precision, crashes, gains, has_fast_bfloat16


@pytest.fixture
def unit(monkeypatch):
    """A CPU that is fast in bfloat16; every CPU computes in it, if slowly."""
    monkeypatch.setattr(mixed_precision, "has_fast_bfloat16", lambda: True)


def wide_net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 16, 3),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.1),
        nn.Linear(256, 3),
    )


def train(net, pictures, epochs=4, **options):
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    loader = pictures.loader(16, shuffle=True)
    return ck.fit(net, loader, epochs=epochs, optimizer=optimizer, progress=False, **options)


def formats_in(module, call):
    """The number formats of what the module gives while ``call`` runs."""
    seen = set()
    hook = module.register_forward_hook(lambda _, inputs, outputs: seen.add(outputs.dtype))
    call()
    hook.remove()
    return seen


@pytest.mark.parametrize(
    ("convolutions", "expected"),
    {
        "no convolution": ([], False),
        "LeNet's": ([nn.Conv2d(3, 6, 5), nn.Conv2d(6, 16, 5)], False),
        "wide at one end only": ([nn.Conv2d(3, 64, 3), nn.Conv2d(64, 10, 1)], False),
        "wide": ([nn.Conv2d(1, 16, 3), nn.Conv2d(16, 16, 3)], True),
        "wide, 3-D": ([nn.Conv3d(1, 8, 3), nn.Conv3d(8, 16, 3), nn.Conv3d(16, 32, 3)], True),
        "depthwise separable": ([nn.Conv2d(32, 32, 3, groups=32), nn.Conv2d(32, 64, 1)], False),
    }.values(),
)
def test_wide_convolutions_gain_unless_some_are_depthwise(unit, convolutions, expected):
    net = nn.Sequential(nn.Sequential(*convolutions), nn.Linear(512, 512))
    assert gains(net) is expected


def test_where_bfloat16_is_slow_nothing_gains(monkeypatch):
    monkeypatch.setattr(mixed_precision, "has_fast_bfloat16", lambda: False)
    assert not gains(wide_net())


@pytest.mark.parametrize(
    ("capabilities", "older", "expected"),
    {
        "AMX": ({"amx_bf16": True, "amx_tile": True}, None, True),
        "AVX512-BF16 alone": ({"avx512_bf16": True, "amx_bf16": False}, lambda: False, False),
        "AVX512-BF16 of AMD": ({"avx512_bf16": True, "cpu_name": "AMD EPYC"}, None, True),
        "an older AMD": ({"avx512_bf16": False, "cpu_name": "AMD EPYC"}, lambda: False, False),
        "ARM": ({"architecture": "arm64", "bf16": True}, lambda: False, False),
        "an older torch, AMX": (None, lambda: True, True),
        "an older torch, no AMX": (None, lambda: False, False),
        "a torch that cannot say": (None, None, False),
    }.values(),
)
def test_torch_is_asked_as_it_can_be_asked(monkeypatch, capabilities, older, expected):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    if capabilities is not None:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    if older is not None:
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", older, raising=False)
    assert has_fast_bfloat16() is expected


def test_fit_computes_in_bfloat16_and_evaluate_in_float32(unit, pictures):
    net = wide_net()
    assert formats_in(net, lambda: train(net, pictures, epochs=1)) == {torch.bfloat16}
    assert {x.dtype for x in net.parameters()} == {torch.float32}
    tested = formats_in(net, lambda: ck.evaluate(net, pictures.loader(32)))
    assert tested == {torch.float32}
    plain = formats_in(net, lambda: train(net, pictures, epochs=1, fast=False))
    assert plain == {torch.float32}


def test_the_loss_is_not_rounded_to_bfloat16(unit, pictures):
    seen = set()

    def loss(outputs, target):
        value = nn.functional.cross_entropy(outputs, target)
        seen.add(value.dtype)
        return value

    train(wide_net(), pictures, epochs=1, loss=loss)
    assert seen == {torch.float32}


def test_it_learns_as_in_float32(unit, pictures):
    half, full = wide_net(), wide_net()
    torch.manual_seed(1)
    in_half = train(half, pictures)
    torch.manual_seed(1)
    in_full = train(full, pictures, fast=False)
    assert in_half.train_loss != in_full.train_loss
    assert in_half.train_loss == pytest.approx(in_full.train_loss, rel=0.05)
    assert ck.evaluate(half, pictures.loader(96)).accuracy > 0.95


def test_a_stopped_run_goes_on_bit_for_bit(unit, pictures, tmp_path):
    path = tmp_path / "run.pt"
    torch.manual_seed(1)
    unbroken = wide_net(seed=1)
    expected = train(unbroken, pictures)
    train(wide_net(seed=1), pictures, epochs=2, checkpoint=path)
    revived = wide_net(seed=1)
    history = train(revived, pictures, checkpoint=path)
    assert history.batch_loss == expected.batch_loss
    for name, x in unbroken.state_dict().items():
        assert torch.equal(x, revived.state_dict()[name]), name


def test_a_run_goes_on_in_the_number_format_of_its_new_cpu(unit, pictures, tmp_path, monkeypatch):
    path, losses = tmp_path / "run.pt", {}
    for where in ("the same CPU", "one that is slow in it"):
        train(wide_net(), pictures, epochs=2, checkpoint=path)
        if where != "the same CPU":
            monkeypatch.setattr(mixed_precision, "has_fast_bfloat16", lambda: False)
        losses[where] = train(wide_net(), pictures, checkpoint=path).batch_loss
        path.unlink()
    here, there = losses.values()
    assert here[:12] == there[:12] and len(there) == 24
    assert here[12:] != there[12:]
    assert here[12:] == pytest.approx(there[12:], rel=0.1, abs=0.02)


@pytest.mark.parametrize("there", [True, False])
def test_the_lab_says_what_the_cpu_does(monkeypatch, there):
    monkeypatch.setattr(lab, "default_device", lambda: torch.device("cpu"))
    monkeypatch.setattr(lab, "has_fast_bfloat16", lambda: there)
    device = repr(ck.Lab()).splitlines()[0]
    assert device.startswith("device   CPU, 1 thread")
    assert device.endswith(", bfloat16 to train wide CNNs (fast=True)") is there


NARROW = """
import torch, coursekit as ck
from torch import nn
torch.set_num_threads(2)
pixels = torch.randint(0, 256, (25, 3, 32, 32), dtype=torch.uint8)
photos = ck.Images(pixels, torch.arange(25) % 2, ("cat", "dog"), "noise")
net = nn.Sequential(
    nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 16, 1, 2), nn.Flatten(), nn.Linear(4096, 2)
)
ck.fit(net, photos.loader(25), epochs=30, optimizer=torch.optim.SGD(net.parameters(), lr=1e-3))
"""


def test_a_narrow_strided_convolution_does_not_end_the_process():
    """It did in channels_last, with an odd batch on two threads of an AMD processor."""
    done = subprocess.run([sys.executable, "-c", NARROW], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]


@pytest.mark.parametrize(
    "layer, found",
    [
        (nn.Conv2d(15, 30, 1, 2), True),
        (nn.Conv2d(16, 32, 1, 2), False),
        (nn.Conv2d(8, 16, 1), False),
        (nn.Conv2d(8, 16, 3, 2), False),
    ],
)
def test_which_models_stay_in_the_usual_order_on_a_cpu(layer, found):
    net = nn.Sequential(nn.Conv2d(3, layer.in_channels, 3), nn.ReLU(), layer)
    assert crashes(net) is found
    precision = Precision(net, torch.optim.SGD(net.parameters(), lr=0.1), fast=True)
    X, _ = precision.batch((torch.rand(2, 3, 8, 8), torch.zeros(2)))
    for tensor in (X, net[0].weight):
        assert tensor.is_contiguous(memory_format=torch.channels_last) is not found
