"""What does not fit in a training: labels, losses, metrics."""

import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import torch
from torch import Tensor

from .own_code import is_own
from .text import described, name_of


def checked(loss: Callable, metric: Callable) -> Callable:
    """The loss, which at its first batch looks at labels, metric and itself.

    Labels that do not fit end a GPU session, so they are looked at before; a CPU notices those of
    later batches itself.
    """
    if getattr(loss, "reduction", getattr(loss, "keywords", {}).get("reduction")) == "sum":
        what = f"the loss {name_of(loss)} adds the samples of a batch up"
        raise ValueError(f"{what}, but its mean is wanted: make it with reduction='mean'")
    seen = []

    def loss_of(outputs, target: Tensor) -> Tensor:
        if not seen:
            check_labels(loss, metric, outputs, target)
            with torch.no_grad():
                one_each(metric, outputs, target)
            seen.append(True)
            return _one_number(loss, outputs, target)
        try:
            return loss(outputs, target)
        except IndexError:
            check_labels(loss, metric, outputs, target)
            raise

    return loss_of


def check_labels(loss: Callable, metric: Callable, outputs, target: Tensor) -> None:
    """Raise ``ValueError`` for class labels that do not fit the outputs.

    What to make of one output with whole-number labels is the loss's affair, and so are labels of
    more classes than outputs, as of embeddings, where people wrote loss and metric themselves.
    """
    if not isinstance(outputs, Tensor) or outputs.ndim != target.ndim + 1 or outputs.shape[1] < 2:
        return
    if target.dtype not in (torch.int64, torch.uint8):
        return
    classes = outputs.shape[1]
    if len(outputs) != len(target):
        what = f"the model made {len(outputs)} outputs for {len(target)} labels"
        raise ValueError(f"{what}: does it keep the batch dimension, as flatten(1) does?")
    used = target[target != -100]  # what torch's losses leave out
    low, high = (used.min().item(), used.max().item()) if len(used) else (0, 0)
    if low < 0 or high >= classes:
        if low >= 0 and _own(loss) and _own(metric):
            with suppress(Exception):  # on the CPU it cannot end a GPU's session
                loss(outputs.detach().cpu(), target.cpu())
                return
        allowed = f"labels must lie in 0 … {classes - 1} for a model with {classes} outputs"
        raise ValueError(f"{allowed}, but this batch has labels from {low} to {high}")


def one_each(metric: Callable, outputs, target: Tensor) -> Tensor:
    """The metric of a batch. Raises ``ValueError`` unless it is one real number for each sample."""
    values = _called("metric", metric, outputs, target)
    one = isinstance(values, Tensor) and values.shape == target.shape[:1]
    if not one or values.is_complex():
        what = f"the metric {name_of(metric)} must give one value for each of the {len(target)}"
        raise ValueError(
            f"{what} samples of a batch, a tensor of one axis, not {described(values)}"
        )
    return values


def _one_number(loss: Callable, outputs, target: Tensor) -> Tensor:
    """The loss of the first batch. Raises ``ValueError`` where it is no mean to learn from."""
    if isinstance(loss, type):
        name = name_of(loss)
        raise ValueError(f"the loss {name} is a class: pass an object of it, as in loss={name}()")
    with warnings.catch_warnings():
        # torch only warns where outputs N×1 meet targets N: it would compare each with each
        warnings.filterwarnings("error", "Using a target size", UserWarning)
        value = _called("loss", loss, outputs, target)
    what = f"the loss {name_of(loss)}"
    if not isinstance(value, Tensor) or value.ndim:
        mean = "must give one number for a batch, the mean, as a tensor without axes"
        raise ValueError(f"{what} {mean}, not {described(value)}")
    if torch.is_grad_enabled() and not value.requires_grad:
        why = "does not depend on any parameter that is trained"
        raise ValueError(f"{what} {why}: is all frozen, or cut off by detach() or argmax()?")
    return value


def _called(kind: str, function: Callable, outputs, target: Tensor):
    """What a loss or a metric gives, with an error that names it and what it was called with."""
    try:
        return function(outputs, target)
    except torch.OutOfMemoryError:
        raise
    except (AttributeError, IndexError, RuntimeError, TypeError, UserWarning) as error:
        given = f"outputs {described(outputs)} and targets {described(target)}"
        reason = (str(error) or type(error).__name__).splitlines()[0]
        if "target dtype to be Long" in reason or "scalar type Long" in reason:  # torch 2.11
            reason += " (int64, as target.long() makes it)"
        what = f"the {kind} {name_of(function)} failed on {given}: {reason}"
        raise ValueError(what) from error


def _own(function: Callable) -> bool:
    """Whether people wrote a loss or a metric themselves."""
    while isinstance(function, partial):
        function = function.func
    return is_own(function.__module__)


def check_finite(losses: list[Tensor], epoch: int) -> None:
    """Raise ``FloatingPointError`` that names the first batch whose loss is not finite."""
    bad = (~torch.stack(losses).isfinite()).nonzero()
    if len(bad):
        batch = int(bad[0])
        what = f"the loss became {losses[batch].item()} in epoch {epoch + 1}, batch {batch + 1}"
        advice = "lower the learning rate, or look for a division by zero or a log of zero"
        raise FloatingPointError(f"{what}: {advice} (no checkpoint has anything of this epoch)")
