"""What does not fit in a training: batches, labels, metrics, schedules, and the layer at fault."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from .progress import total_of
from .text import described, name_of


def explained(model: nn.Module) -> Callable:
    """The model's call, with an error that names the layer and both shapes where a batch does not
    fit."""

    def forward(*inputs: Tensor):
        try:
            return model(*inputs)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError, TypeError) as error:
            if "view size is not compatible" in str(error):
                what = "the model calls view() on a tensor in the order channels_last"
                advice = "write flatten(1) or reshape(…) in its place, or call fit with fast=False"
                raise ValueError(f"{what}, which is faster: {advice}") from error
            raise ValueError(_where_it_breaks(model, inputs, error)) from error

    return forward


def _where_it_breaks(model: nn.Module, inputs: tuple[Tensor, ...], error: Exception) -> str:
    """Run again with a hook on every layer: the last one entered and not left is the one that
    fails."""
    entered, hooks = [], []

    def leave(*_):
        entered.pop()

    for name, module in model.named_modules():
        hooks.append(
            module.register_forward_pre_hook(
                lambda m, args, name=name: entered.append((name, m, args))
            )
        )
        hooks.append(module.register_forward_hook(leave))
    try:
        model(*inputs)
    except (RuntimeError, ValueError, TypeError):
        pass
    finally:
        for hook in hooks:
            hook.remove()
    if not entered:
        return f"the model failed on a batch: {error}"
    name, module, args = entered[-1]
    place = f"layer {name!r}, {module}," if name else f"{type(module).__name__}.forward"
    weight = getattr(module, "weight", None)
    has = f" and has a weight {described(weight)}" if isinstance(weight, Tensor) else ""
    got = ", ".join(described(x) if isinstance(x, Tensor) else repr(x) for x in args)
    reason = (str(error) or type(error).__name__).splitlines()[0]
    return f"{place} got an input {got}{has}, which do not fit: {reason}"


def checked(loss: Callable, metric: Callable) -> Callable:
    """The loss, which before its first batch looks at labels and metric.

    Labels that do not fit end a GPU session, so they are looked at before; a CPU notices those of
    later batches itself.
    """
    seen = []

    def loss_of(outputs, target: Tensor) -> Tensor:
        if not seen:
            check_labels(outputs, target)
            with torch.no_grad():
                one_each(metric, outputs, target)
            seen.append(True)
        try:
            return loss(outputs, target)
        except IndexError:
            check_labels(outputs, target)
            raise

    return loss_of


def check_labels(outputs, target: Tensor) -> None:
    """Raise ``ValueError`` for class labels that do not fit the outputs.

    What to make of one output with whole-number labels is the loss's affair.
    """
    classes = outputs.shape[1] if isinstance(outputs, Tensor) and outputs.ndim == 2 else 0
    if classes < 2 or target.dtype != torch.int64 or target.ndim != 1:
        return
    if len(outputs) != len(target):
        what = f"the model made {len(outputs)} outputs for {len(target)} labels"
        raise ValueError(f"{what}: does it keep the batch dimension, as flatten(1) does?")
    target = target[target != -100]  # what torch's losses leave out
    if not len(target):
        return
    low, high = target.min().item(), target.max().item()
    if low < 0 or high >= classes:
        allowed = f"labels must lie in 0 … {classes - 1} for a model with {classes} outputs"
        raise ValueError(f"{allowed}, but this batch has labels from {low} to {high}")


def one_each(metric: Callable, outputs, target: Tensor) -> Tensor:
    """The metric of a batch. Raises ``ValueError`` unless it is one value for each sample."""
    values = metric(outputs, target)
    if not isinstance(values, Tensor) or values.shape != target.shape[:1]:
        what = f"the metric {name_of(metric)} must give one value for each of the {len(target)}"
        raise ValueError(
            f"{what} samples of a batch, a tensor of one axis, not {described(values)}"
        )
    return values


def check_finite(losses: list[Tensor], epoch: int) -> None:
    """Raise ``FloatingPointError`` that names the first batch whose loss is not finite."""
    bad = (~torch.stack(losses).isfinite()).nonzero()
    if len(bad):
        batch = int(bad[0])
        what = f"the loss became {losses[batch].item()} in epoch {epoch + 1}, batch {batch + 1}"
        advice = "lower the learning rate, or look for a division by zero or a log of zero"
        raise FloatingPointError(f"{what}: {advice} (no checkpoint has anything of this epoch)")


def check_schedule(scheduler, train: Iterable, epochs: int) -> None:
    """Raise ``ValueError`` for a schedule that ends before the training does."""
    total, batches = getattr(scheduler, "total_steps", None), total_of(train)
    if not total or batches is None:
        return
    needed = epochs * batches
    if scheduler.last_epoch + needed > total:
        steps = f"{total} steps, {scheduler.last_epoch} of them done"
        more = f"{epochs} epochs of {batches} batches need {needed} more"
        advice = "make it with total_steps=epochs * len(loader)"
        raise ValueError(f"the schedule ends after {steps}, but {more}: {advice}")
