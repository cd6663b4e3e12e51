"""The number format and the order of memory in which a model is trained: what ``fast`` means."""

from collections.abc import Iterable
from contextlib import nullcontext

import torch
from torch import Tensor, nn


class Precision:
    """Prepares model and optimizer, and does what depends on the precision.

    With ``fast`` 2-D convolutions work in channels_last, the order that they like best; on a GPU
    also in mixed precision (bfloat16 where the GPU multiplies it, else float16 with a scaled loss),
    with a fused optimizer step. Without it everything stays as it is.
    """

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer, fast: bool):
        self.device, self.fast = device_of(model), fast
        if fast:
            for module in model.modules():
                if isinstance(module, nn.Conv2d):  # the whole model would fail at a 3-D convolution
                    module.to(memory_format=torch.channels_last)
        gpu = fast and self.device.type == "cuda"
        half = torch.float16
        if gpu:
            fuse(optimizer)
            if torch.cuda.is_bf16_supported(including_emulation=False):
                half = torch.bfloat16
        self.autocast = torch.autocast("cuda", half) if gpu else nullcontext()
        self.scaler = torch.amp.GradScaler(enabled=gpu and half is torch.float16)

    def batch(self, batch: Iterable[Tensor]) -> list[Tensor]:
        """The tensors of a batch on the device, in the order of memory that the model has."""
        return to_device(batch, self.device, channels_last=self.fast)

    def backward(self, loss: Tensor) -> None:
        """The gradients of the loss."""
        self.scaler.scale(loss).backward()

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        """One step along these gradients."""
        self.scaler.step(optimizer)
        self.scaler.update()


def device_of(model: nn.Module) -> torch.device:
    """Where the model's parameters lie; the CPU for a model without any."""
    first = next(model.parameters(), None)
    return torch.device("cpu") if first is None else first.device


def to_device(
    batch: Iterable[Tensor], device: torch.device, channels_last: bool = False
) -> list[Tensor]:
    """The tensors of a batch, inputs first and target last, on the device.

    Raises ``ValueError`` for what is not at least two tensors.
    """
    parts = batch if isinstance(batch, (tuple, list)) else ()
    if len(parts) < 2 or not all(isinstance(part, Tensor) for part in parts):
        found = ", ".join(type(part).__name__ for part in parts) or type(batch).__name__
        advice = "pass a loader, as in train.loader(64), not the data set itself"
        raise ValueError(f"a batch must be tensors (x, y), but it is {found}: {advice}")
    moved = [part.to(device, non_blocking=True) for part in batch]
    if channels_last:
        moved = [x.to(memory_format=torch.channels_last) if x.ndim == 4 else x for x in moved]
    return moved


def fuse(optimizer: torch.optim.Optimizer) -> None:
    """Let an optimizer that has not stepped yet do each step in one GPU kernel, where it can."""
    if "fused" in optimizer.defaults and not optimizer.state:
        for group in optimizer.param_groups:
            group.update(fused=True, foreach=False)
