"""What does not fit of an optimizer and its schedule, whose steps follow the batches."""

from collections.abc import Iterable

from torch import nn, optim

from .progress import total_of
from .text import name_of


def check_steps(model: nn.Module, optimizer: optim.Optimizer, scheduler) -> None:
    """Raise ``ValueError`` for an optimizer of another model, a schedule of another optimizer, and
    for those that step otherwise."""
    _check_object("optimizer", optimizer, "param_groups", "SGD(net.parameters(), lr=0.1)")
    if scheduler is not None:
        _check_object("schedule", scheduler, "step", "lr_scheduler.StepLR(optimizer, 1000)")
    own = {id(parameter) for parameter in model.parameters()}
    groups = optimizer.param_groups
    if own and not any(id(parameter) in own for group in groups for parameter in group["params"]):
        what = "the optimizer has no parameter of this model, as when the model was made again"
        raise ValueError(f"{what}: make the optimizer again, too")
    if getattr(scheduler, "optimizer", optimizer) is not optimizer:
        what = "the schedule belongs to another optimizer, as when the optimizer was made again"
        raise ValueError(f"{what}: make the schedule again, too")
    if isinstance(optimizer, optim.LBFGS):
        what = "LBFGS computes the loss several times in a step, which fit does once"
        raise ValueError(f"{what}: take another optimizer, as SGD or Adam")
    if isinstance(scheduler, optim.lr_scheduler.ReduceLROnPlateau):
        what = "ReduceLROnPlateau wants a metric after each epoch, but fit steps with every batch"
        raise ValueError(f"{what}: take another schedule, as OneCycleLR")


def _check_object(what: str, value, has: str, example: str) -> None:
    """Raise ``ValueError`` for a class, a name, or whatever else is no such object."""
    if isinstance(value, type) or not hasattr(value, has):
        example = f"torch.optim.{example}"
        raise ValueError(f"the {what} must be an object, as {example}, not {name_of(value)}")


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
