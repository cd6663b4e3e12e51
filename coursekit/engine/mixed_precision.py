"""The number format and the order of memory in which a model is trained: what ``fast`` means."""

from collections.abc import Iterable
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from .text import described


class Precision:
    """Prepares model and optimizer, and does what depends on the precision.

    With ``fast`` 2-D convolutions work in channels_last, the order that they like best; on CUDA
    also in mixed precision (bfloat16 where the GPU multiplies it, else float16 with a scaled loss),
    with a fused optimizer step; on a CPU in bfloat16 where it ``gains`` by it. Without ``fast``
    everything stays as it is, and on other accelerators too: in channels_last gradients of Apple's
    have been wrong (pytorch/pytorch issue 175189), in bfloat16 outputs of Intel's
    (intel/torch-xpu-ops issue 5220). The device decides, so a checkpoint that goes on elsewhere
    goes on in the number format of its new place.
    """

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer, fast: bool):
        self.device = device_of(model)
        self.fast = fast = fast and self.device.type in ("cpu", "cuda")
        self.channels_last = fast and not (self.device.type == "cpu" and crashes(model))
        if self.channels_last:
            for module in model.modules():
                if isinstance(module, nn.Conv2d):  # the whole model would fail at a 3-D convolution
                    module.to(memory_format=torch.channels_last)
        gpu, half = fast and self.device.type == "cuda", torch.bfloat16
        if gpu:
            fuse(optimizer)
            if not multiplies_bfloat16(self.device):
                half = torch.float16
        mixed = gpu or (fast and self.device.type == "cpu" and gains(model))
        self.autocast = torch.autocast(self.device.type, half) if mixed else nullcontext()
        self.scaler = torch.amp.GradScaler(enabled=half is torch.float16)

    def batch(self, batch: Iterable[Tensor]) -> list[Tensor]:
        """The tensors of a batch on the device, in the order of memory that the model has."""
        return to_device(batch, self.device, channels_last=self.channels_last)

    def backward(self, loss: Tensor) -> None:
        """The gradients of the loss."""
        self.scaler.scale(loss).backward()

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        """One step along these gradients."""
        self.scaler.step(optimizer)
        self.scaler.update()


def has_fast_bfloat16() -> bool:
    """Whether this CPU multiplies matrices of bfloat16 faster than those of float32: with Intel's
    AMX, or with AMD's AVX512-BF16.

    Intel's AVX512-BF16 alone was slower: ``benchmarks/cpu_precision.py`` tries it. A version of
    torch that cannot say counts as no.
    """
    found = getattr(torch.cpu, "get_capabilities", dict)()  # public, in newer versions
    amd = "AMD" in found.get("cpu_name", "") and found.get("avx512_bf16", False)
    older = getattr(torch.cpu, "_is_amx_tile_supported", bool)
    return amd or found.get("amx_bf16", False) or older()


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies matrices of bfloat16 faster than those of float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and has_fast_bfloat16()


def gains(model: nn.Module) -> bool:
    """Whether a CPU trains the model faster in bfloat16: at least one convolution is wide enough,
    from 16 channels to 16, and none is grouped (depthwise ones are slow).

    The exception: with maps of a pixel or two, as of a ResNet-18 at 32 px, float32 is faster.
    """
    convolutions = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Conv3d))]
    wide = any(min(m.in_channels, m.out_channels) >= 16 for m in convolutions)
    return has_fast_bfloat16() and wide and all(m.groups == 1 for m in convolutions)


def crashes(model: nn.Module) -> bool:
    """Whether training the model in channels_last can end the process on a CPU.

    With torch 2.14 on AMD's the backward pass of a strided 1×1 convolution of fewer than 16
    channels does so for odd batches.
    """
    narrow = (m for m in model.modules() if isinstance(m, nn.Conv2d) and m.in_channels < 16)
    return any(m.kernel_size == (1, 1) and m.stride != (1, 1) for m in narrow)


def device_of(model: nn.Module) -> torch.device:
    """Where the model's parameters lie; the CPU for a model without any."""
    first = next(model.parameters(), None)
    return torch.device("cpu") if first is None else first.device


def to_device(
    batch: Iterable[Tensor], device: torch.device, channels_last: bool = False
) -> list[Tensor]:
    """The tensors of a batch, inputs first and target last, on the device.

    Raises ``ValueError`` for what is not at least two tensors, and for an empty batch.
    """
    parts = batch if isinstance(batch, (tuple, list)) else ()
    tensors = [described(part) for part in parts if isinstance(part, Tensor) and part.ndim]
    if len(parts) < 2 or len(tensors) < len(parts):
        found = ", ".join(type(part).__name__ for part in parts) or type(batch).__name__
        advice = "pass a loader, as in train.loader(64), not the data set itself"
        raise ValueError(f"a batch must be tensors (x, y), but it is {found}: {advice}")
    if not len(parts[-1]):
        raise ValueError(f"a batch has no sample in it ({', '.join(tensors)}): leave it out")
    # on Apple's a copy that is not waited for can be of other data (pytorch/pytorch issue 189690)
    moved = [part.to(device, non_blocking=device.type == "cuda") for part in batch]
    if device.type == "mps":  # whose layers expect the usual order
        moved = [x.contiguous() for x in moved]
    if channels_last:
        moved = [x.to(memory_format=torch.channels_last) if x.ndim == 4 else x for x in moved]
    return moved


def fuse(optimizer: torch.optim.Optimizer) -> None:
    """Let an optimizer that has not stepped yet do each step in one GPU kernel, where it can."""
    if "fused" in optimizer.defaults and not optimizer.state:
        for group in optimizer.param_groups:
            group.update(fused=True, foreach=False)
