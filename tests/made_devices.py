"""A machine with an accelerator that is not there: its layers compute on the CPU."""

import warnings
from types import SimpleNamespace

import torch
import torchvision  # noqa: F401  (which looks at torch's functions before they are faked)

from coursekit.engine import devices

REAL = devices.tried
NAMES = {"cuda": "Tesla P100", "xpu": "Intel(R) Arc(TM) A770", "mps": "Apple M2 GPU (MPS)"}
NO_KERNEL = RuntimeError(
    "CUDA error: no kernel image is available for execution on the device\nCUDA kernel errors …"
)


def machine(monkeypatch):
    """A fixture's ``machine(kind, …)``, which gives this machine such an accelerator: ``error`` is
    raised by its layers, ``wrong`` says of a layer and its tensors on the CPU what they are there.

    It returns the list of layers that are tried. CUDA's ``capability`` and the kernels that torch
    is ``built`` for fit each other unless they are given; ``warned`` is of a GPU that is not seen.
    """
    monkeypatch.delenv("COURSEKIT_SCALE", raising=False)
    places = {"cuda": torch.cuda, "mps": torch.backends.mps, "xpu": torch.xpu}
    for place in places.values():
        monkeypatch.setattr(place, "is_available", lambda: False)
    if hasattr(torch, "accelerator"):  # from torch 2.6 on
        monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    kinds, trials = {}, []

    def tried(module, x, device):
        results = REAL(module, x, devices.CPU)
        if device.type != "cpu":
            trials.append(module)
            error, wrong = kinds[device.type]
            if error:
                raise error
            if wrong:
                results = wrong(module, results)
        return results

    def machine(kind, error=None, wrong=None, capability=(8, 0), built=("sm_80",), warned=""):
        def is_available():
            for text in ("something else", warned) if warned else ():
                warnings.warn(text, stacklevel=1)
            return not warned

        kinds[kind] = error, wrong
        monkeypatch.setattr(places[kind], "is_available", is_available)
        monkeypatch.setattr(torch.backends.mps, "get_name", lambda: "Apple M2", raising=False)
        if kind != "mps":
            monkeypatch.setattr(places[kind], "get_device_name", lambda device=None: NAMES[kind])
            monkeypatch.setattr(places[kind], "device_count", lambda: 2)
        card = SimpleNamespace(name=NAMES[kind], total_memory=16 * 2**30)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: card)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
        monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: [*built])
        devices.found.cache_clear()
        return trials

    monkeypatch.setattr(devices, "tried", tried)
    devices.found.cache_clear()
    yield machine
    devices.found.cache_clear()
