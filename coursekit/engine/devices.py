"""The accelerator that torch names *and can use* here, or the CPU and why.

Available is not usable: torch sees GPUs for which it has no kernels, and GPUs that are full; and a
Mac's has silently given wrong numbers (pytorch/pytorch issue 197114). So small layers are tried.
"""

import copy
import functools
import re
import warnings
from contextlib import suppress
from typing import NamedTuple

import torch
from torch import Tensor, nn

KINDS = ("cuda", "mps", "xpu")  # NVIDIA's and AMD's GPUs, Apple's, Intel's
CPU = torch.device("cpu")
# A layer of each kind that the weeks use, and the shape of its input: N×C×…
LAYERS = {
    "Conv2d": (lambda: nn.Conv2d(3, 16, 3, padding=1), (4, 3, 32, 32)),
    "Conv2d 1×1": (lambda: nn.Conv2d(64, 16, 1), (4, 64, 8, 8)),
    "Conv2d 7×7 with stride": (lambda: nn.Conv2d(3, 16, 7, 2, 3), (4, 3, 33, 33)),
    "depthwise Conv2d": (lambda: nn.Conv2d(32, 32, 3, padding=1, groups=32), (4, 32, 16, 16)),
    "depthwise Conv2d with stride": (lambda: nn.Conv2d(32, 32, 3, 2, 1, 1, 32), (4, 32, 15, 15)),
    "Conv3d 7×3×3": (lambda: nn.Conv3d(1, 8, (7, 3, 3)), (4, 1, 15, 13, 13)),
    "Conv3d 5×3×3": (lambda: nn.Conv3d(8, 16, (5, 3, 3)), (4, 8, 9, 11, 11)),
    "Conv3d 3×3×3": (lambda: nn.Conv3d(16, 32, 3), (4, 16, 6, 9, 9)),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(16), (8, 16)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(16), (4, 16, 9, 9)),
    "BatchNorm3d": (lambda: nn.BatchNorm3d(8), (4, 8, 5, 7, 7)),
    "MaxPool2d": (lambda: nn.MaxPool2d(3, stride=2, padding=1), (4, 16, 15, 15)),
    "AvgPool2d": (lambda: nn.AvgPool2d(2), (4, 16, 8, 8)),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d(1), (4, 16, 7, 7)),
    "Linear": (lambda: nn.Linear(256, 10), (64, 256)),
}
TOLERANCE = 0.02  # of the largest number; a GPU rounds to a thousandth (TF32), wrong ones are far


class Found(NamedTuple):
    """The device for the course's networks; ``why`` it is not the accelerator that is there."""

    device: torch.device
    why: str = ""


@functools.cache
def found() -> Found:
    """The first accelerator that torch names and that can be used, else the CPU.

    A layer is tried on CUDA; on the others one of each kind is compared with the CPU. It is done
    once in a process, whatever gradient or number format is set there, and draws no random numbers.
    """
    reasons = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for kind in available():
            if not (why := _unusable(torch.device(kind))):
                return Found(torch.device(kind))
            reasons.append(why)
    # a GPU that cannot be asked is not even available, but torch warns of it, once in a process
    texts = (str(warning.message) for warning in caught if not reasons)
    reasons += [_sentence(text) for text in texts if re.search("(CUDA|HIP) init|driver", text)]
    return Found(CPU, "; ".join(reasons))


def available() -> list[str]:
    """The kinds of accelerators that are available, torch's own choice first."""
    kinds = []
    accelerator = getattr(torch, "accelerator", None)  # from torch 2.6 on
    if accelerator is not None and accelerator.is_available():
        kinds.append(accelerator.current_accelerator().type)
    places = torch.cuda, torch.backends.mps, torch.xpu
    kinds += [kind for kind, place in zip(KINDS, places) if place.is_available()]
    return [*dict.fromkeys(kinds)]


def name_of(device: torch.device) -> str:
    """What the maker calls the device, as far as torch tells it."""
    if device.type == "cpu":
        return "CPU"
    with suppress(Exception):  # a device that cannot even be asked, an older torch
        if device.type == "mps":
            return f"{torch.backends.mps.get_name()} GPU (MPS)"
        return getattr(torch, device.type).get_device_name(device)
    return "Apple's GPU (MPS)" if device.type == "mps" else device.type


def _unusable(device: torch.device) -> str:
    """Why this accelerator is left alone, in words; empty if it can be used."""
    if device.type not in KINDS:
        return f"{device.type} is not used: the course has not been tried on it"
    layers = [*LAYERS][: 1 if device.type == "cuda" else None]
    with CPU, torch.inference_mode(False), torch.random.fork_rng([]):  # with gradients, too
        torch.default_generator.manual_seed(0)  # the accelerators' generators stay as they are
        for layer in layers:
            make, shape = LAYERS[layer]
            module, x = make().float(), torch.randn(shape, dtype=torch.float32)
            try:
                there = tried(module, x, device)
            except Exception as error:  # of any backend
                return f"{name_of(device)} is not used: {_explained(error, device)}"
            if not all(map(_close, tried(module, x, CPU), there)):
                return f"{name_of(device)} is not used: its {layer} is wrong, not as on the CPU"
    return ""


def tried(module: nn.Module, x: Tensor, device: torch.device) -> list[Tensor]:
    """The outputs of one step on the device, all gradients and buffers, brought to the CPU."""
    module, x = copy.deepcopy(module).to(device), x.detach().to(device).requires_grad_()
    outputs = module(x)
    (outputs * outputs.detach().cos()).sum().backward()
    gradients = [x.grad, *(one.grad for one in module.parameters())]
    return [one.detach().cpu() for one in (outputs, *gradients, *module.buffers())]


def _close(right: Tensor, other: Tensor) -> bool:
    return bool(((right - other).abs() <= TOLERANCE * right.abs().max() + 1e-4).all())


def _explained(error: Exception, device: torch.device) -> str:
    have = made = later = ()
    with suppress(Exception):  # a device that cannot even be asked; AMD's have other names
        if device.type == "cuda":
            have = torch.cuda.get_device_capability(device)
            listed = re.findall(r"(sm|compute)_(\d+)(\d)", " ".join(torch.cuda.get_arch_list()))
            made = sorted((int(major), int(minor)) for kind, major, minor in listed if kind == "sm")
            later = [(int(major), int(minor)) for kind, major, minor in listed if kind != "sm"]
    fits = any(major == have[0] and minor <= have[1] for major, minor in made)
    lacks = re.search("no kernel image|invalid device function", str(error))
    # of compute_ kernels are made for newer GPUs when they are needed
    if made and not fits and (lacks or not any(one <= have for one in later)):
        texts = [f"{major}.{minor}" for major, minor in made]
        span = f"{texts[0]} and newer" if have < made[0] else ", ".join(texts)
        capability = ".".join(map(str, have))
        return f"this torch has no kernels for it (capability {capability}, built for {span})"
    if lacks:
        return f"this torch has no kernels for it ({_sentence(error)})"
    return f"a first layer failed on it ({_sentence(error)})"


def _sentence(text) -> str:
    """The first one of a text."""
    return re.split(r"\.\s|\n", str(text).strip())[0][:200]
