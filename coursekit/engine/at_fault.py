"""The layer at fault, where a batch does not fit a model."""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial

import torch
from torch import Tensor, nn

from .text import count, described

_MISFITS = RuntimeError, ValueError, TypeError, IndexError


def explained(model: nn.Module) -> Callable:
    """The model's call, with an error that names the layer and both shapes where a batch does not
    fit, and one where nothing comes back."""
    largest = 0  # batch so far

    def forward(*inputs: Tensor):
        nonlocal largest
        try:
            outputs = model(*inputs)
        except _MISFITS as error:
            if isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error):
                raise
            if "view size is not compatible" in str(error):
                what = "the model calls view() on a tensor in the order channels_last"
                advice = "write flatten(1) or reshape(…) in its place, or call fit with fast=False"
                raise ValueError(f"{what}, which is faster: {advice}") from error
            raise ValueError(_where_it_breaks(model, inputs, error, largest)) from error
        if outputs is None:
            raise ValueError("the model's forward gives nothing back: end it with return")
        largest = max(largest, len(inputs[0]))
        return outputs

    return forward


def _where_it_breaks(model: nn.Module, inputs: tuple, error: Exception, largest: int) -> str:
    """Run again with a hook on every layer: the last one entered and not left is the one that
    fails."""
    entered = []

    def enter(module, args, name):
        entered.append((name, module, args))

    def leave(*_):
        entered.pop()

    with ExitStack() as hooks, suppress(*_MISFITS):
        for name, module in model.named_modules():
            hooks.enter_context(module.register_forward_pre_hook(partial(enter, name=name)))
            hooks.enter_context(module.register_forward_hook(leave))
        model(*inputs)
    if not entered:
        return f"the model failed on a batch: {error}"
    name, module, args = entered[-1]
    place = f"layer {name!r}, {module}," if name else f"{type(module).__name__}.forward"
    weight = getattr(module, "weight", None)
    has = f" and has a weight {described(weight)}" if isinstance(weight, Tensor) else ""
    got = ", ".join(described(x) if isinstance(x, Tensor) else repr(x) for x in args)
    if "more than 1 value per channel" in str(error) and len(inputs[0]) == 1:
        return f"{place} got an input {got}: {_alone(largest)}"
    reason = (str(error) or type(error).__name__).splitlines()[0]
    return f"{place} got an input {got}{has}, which do not fit: {reason}"


def _alone(largest: int) -> str:
    """Why a batch normalisation cannot train on one sample, and what to do."""
    what = "in training it needs more than one value for each channel, and this batch is one sample"
    if largest < 2:
        return f"{what}: make batches of at least two"
    batches = f"the others had up to {count(largest, 'sample')}"
    advice = "leave a last one like this out, as in train.loader(64, shuffle=True, drop_last=True)"
    return f"{what}, {batches}: {advice}, or choose another batch size"
