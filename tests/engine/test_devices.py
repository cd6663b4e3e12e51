"""Which device is used: what torch names must be usable, too, and right. The devices are faked."""

import pytest
import torch
from made_devices import NAMES, NO_KERNEL, REAL
from torch import nn

import coursekit as ck
from coursekit import lab
from coursekit.engine import devices, mixed_precision, random_state
from coursekit.engine.mixed_precision import Precision, to_device


@pytest.mark.parametrize(
    ("kind", "scale"), [("cuda", "full"), ("mps", "laptop"), ("xpu", "laptop")]
)
def test_what_works_is_taken(machine, kind, scale):
    trials = machine(kind)
    assert devices.found() == (torch.device(kind), "")
    assert (lab.default_device().type, lab.default_scale()) == (kind, scale)
    assert repr(ck.Lab()).startswith(f"device   GPU, {NAMES[kind]}\n")
    if kind == "cuda":
        assert [*map(type, trials)] == [nn.Conv2d]
    else:
        assert len(trials) == len(devices.LAYERS)


def times(factor, kind, part=0):
    """That part of what a layer of this kind gives is another number."""

    def wrong(module, results):
        if isinstance(module, kind):
            results[part] = results[part] * factor
        return results

    return wrong


@pytest.mark.parametrize(
    ("kind", "fault", "why"),
    {
        "no kernels": (
            "cuda",
            dict(error=NO_KERNEL, capability=(6, 0), built=("sm_75", "sm_100")),
            "this torch has no kernels for it (capability 6.0, built for 7.5 and newer)",
        ),
        "another library's word for it": (
            "cuda",
            dict(error=RuntimeError("CUDNN_STATUS_ARCH_MISMATCH"), capability=(7, 0)),
            "this torch has no kernels for it (capability 7.0, built for 8.0 and newer)",
        ),
        "kernels that will do": (
            "cuda",
            dict(error=RuntimeError("odd"), capability=(8, 6), built=("sm_80", "sm_90")),
            "a first layer failed on it (odd)",
        ),
        "kernels that are made when they are needed": (
            "cuda",
            dict(error=RuntimeError("odd"), capability=(12, 0), built=("sm_80", "compute_90")),
            "a first layer failed on it (odd)",
        ),
        "AMD's": (
            "cuda",
            dict(error=RuntimeError("HIP error: invalid device function"), built=("gfx90a",)),
            "this torch has no kernels for it (HIP error: invalid device function)",
        ),
        "no memory": (
            "cuda",
            dict(error=torch.cuda.OutOfMemoryError("CUDA out of memory. Tried 20 MiB")),
            "a first layer failed on it (CUDA out of memory)",
        ),
        "no backend": (
            "xpu",
            dict(error=NotImplementedError("no conv")),
            "a first layer failed on it (no conv)",
        ),
        "wrong outputs": ("mps", dict(wrong=times(1.1, nn.Conv3d)), "its Conv3d 7×3×3 is wrong"),
        "wrong gradients": ("mps", dict(wrong=times(0, nn.BatchNorm2d, 2)), "its BatchNorm2d is"),
        "wrong statistics": ("mps", dict(wrong=times(2, nn.BatchNorm3d, 5)), "its BatchNorm3d is"),
        "no numbers": ("mps", dict(wrong=times(torch.nan, nn.Linear)), "its Linear is wrong"),
        "a wrong XPU": ("xpu", dict(wrong=times(-1, nn.MaxPool2d)), "its MaxPool2d is wrong"),
        "an old driver": (
            "cuda",
            dict(warned="CUDA initialization: The NVIDIA driver is too old (found 11040). Update"),
            "CUDA initialization: The NVIDIA driver is too old (found 11040)\n",
        ),
    }.values(),
)
def test_what_does_not_work_is_left_alone_and_said(machine, recwarn, kind, fault, why):
    trials = machine(kind, **fault)
    for _ in range(2):
        shown = repr(ck.Lab()).split("scale")[0]
        assert shown.startswith("device   CPU, ") and shown.count("\n") == 2 and why in shown
        assert (f"\n         {NAMES[kind]} is not used: " in shown) == (not fault.get("warned"))
        assert "something else" not in shown
    assert lab.default_scale() == "laptop" and not recwarn
    assert len(trials) == len({*trials}), "it is tried once"


def test_a_gpu_rounds(machine):
    machine("mps", wrong=times(1.001, nn.Module))
    assert devices.found() == (torch.device("mps"), "")


def test_another_accelerator_that_works_is_taken(machine):
    machine("cuda", error=NO_KERNEL)
    machine("xpu")
    assert devices.found() == (torch.device("xpu"), "")


def test_torchs_own_choice_comes_first(machine, monkeypatch):
    machine("xpu")
    machine("mps")
    monkeypatch.delattr(torch, "accelerator", raising=False)
    assert devices.available() == ["mps", "xpu"], "torch before 2.6"
    accelerator = type("accelerator", (), {"is_available": lambda: True})
    monkeypatch.setattr(torch, "accelerator", accelerator, raising=False)
    accelerator.current_accelerator = lambda: torch.device("xpu")
    assert devices.found().device.type == "xpu"
    accelerator.current_accelerator = lambda: torch.device("mtia")
    assert devices.available() == ["mtia", "mps", "xpu"]
    monkeypatch.setattr(devices, "tried", lambda module, x, device: REAL(module, x, devices.CPU))
    devices.found.cache_clear()
    assert devices.found().device.type == "mps", "one that the course does not know is left alone"


def test_a_machine_without_gpu_says_nothing(machine):
    assert devices.found() == (torch.device("cpu"), "")
    assert repr(ck.Lab()).splitlines()[1].startswith("scale")


@pytest.mark.parametrize(
    "inside", [torch.no_grad, torch.inference_mode, lambda: torch.device("meta")]
)
def test_a_trial_is_the_same_wherever_it_is_made(machine, monkeypatch, inside):
    machine("mps")
    torch.set_default_dtype(torch.float64)
    try:
        with inside():
            assert devices.found() == (torch.device("mps"), "")
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_trial_draws_no_random_numbers(machine, monkeypatch):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    trials = machine("cuda")
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: pytest.fail("the GPU's, too"))
    devices.found()
    assert trials and torch.equal(torch.rand(3), expected)


@pytest.fixture(params=["cuda", "mps", "xpu"])
def generator(request, machine, monkeypatch):
    """The states of an accelerator's generators, as a list."""
    kind, states = request.param, [torch.zeros(2)] * (1 if request.param == "mps" else 2)
    machine(kind)
    module = getattr(torch, kind)

    def set_rng_state(new, device=0):
        states[device] = new

    monkeypatch.setattr(module, "get_rng_state", lambda device=0: states[device])
    monkeypatch.setattr(module, "get_rng_state_all", lambda: [*states], raising=False)
    monkeypatch.setattr(module, "set_rng_state", set_rng_state)
    return states


def test_random_numbers_of_each_accelerator_are_kept(generator):
    """A checkpoint and ``repeat`` put back what it has drawn."""
    before = [*generator]
    taken = random_state.take([])
    generator[:] = [torch.ones(2)] * len(generator)
    random_state.put_back({"cuda": [], "others": taken["others"]}, [])  # of an older version
    random_state.put_back({"others": taken["others"]}, [])  # of a machine without one
    assert all(state.all() for state in generator)
    random_state.put_back(taken, [])
    assert all(map(torch.equal, generator, before))

    def run(seed):
        generator[:] = [torch.ones(2)] * len(generator)
        return 1.0

    ck.repeat(run, [0], progress=False)
    assert all(map(torch.equal, generator, before))


def test_an_accelerator_that_cannot_be_asked_stops_no_run(machine, monkeypatch, tmp_path, pictures):
    machine("cuda", error=NO_KERNEL)

    def busy(*_):
        raise RuntimeError("CUDA-capable device(s) is/are busy or unavailable")

    monkeypatch.setattr(torch.cuda, "get_rng_state_all", busy)
    monkeypatch.setattr(torch.cuda, "set_rng_state", busy)
    assert ck.repeat(lambda seed: 1.0, [0], progress=False).values == [1.0]
    for epochs in (1, 2):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        loader = pictures.loader(32, shuffle=True)
        options = dict(epochs=epochs, optimizer=optimizer, progress=False)
        history = ck.fit(net, loader, checkpoint=tmp_path / "run.pt", **options)
    assert len(history.train_loss) == 2


@pytest.mark.parametrize("kind", ["mps", "xpu"])
def test_other_accelerators_keep_the_usual_order_and_precision(monkeypatch, kind):
    net = nn.Sequential(nn.Conv2d(3, 16, 3), nn.Conv2d(16, 16, 3))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    monkeypatch.setattr(mixed_precision, "device_of", lambda model: torch.device(kind))
    precision = Precision(net, optimizer, fast=True)
    assert not precision.fast and not precision.scaler.is_enabled()
    assert net[0].weight.is_contiguous() and not isinstance(precision.autocast, torch.autocast)


@pytest.mark.parametrize(("kind", "waited_for"), [("cuda", False), ("mps", True), ("xpu", True)])
def test_a_copy_that_may_be_of_other_data_is_waited_for(monkeypatch, kind, waited_for):
    asked = []

    def to(self, device, non_blocking=False):
        asked.append(non_blocking)
        return self

    monkeypatch.setattr(torch.Tensor, "to", to)
    x = torch.zeros(2, 8, 8, 3).permute(0, 3, 1, 2)
    moved, _ = to_device((x, torch.zeros(2)), torch.device(kind))
    assert asked == [not waited_for] * 2 and moved.is_contiguous() == (kind == "mps")
