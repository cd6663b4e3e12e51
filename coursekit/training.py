"""The training loop and the test loop that every week uses: week 1's, with a live display."""

from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .engine.at_fault import explained
from .engine.checkpoint import Checkpoint
from .engine.display import Display
from .engine.misfits import checked, one_each
from .engine.mixed_precision import Precision, device_of, to_device
from .engine.text import described, name_of
from .results import Epoch, Evaluation, History, classes_of, is_classification, joined, source_of


def accuracy(outputs: Tensor, target: Tensor) -> Tensor:
    """Right or wrong, bool N, for outputs N×K of K ≥ 2 classes against N labels.

    Raises ``ValueError`` for other shapes and for targets that are no whole numbers.
    """
    if not is_classification(outputs, target):
        raise ValueError(
            "accuracy compares outputs N×K for K ≥ 2 classes with N whole-number labels, not "
            f"{described(outputs)} with {described(target)}: pass another one, as in metric=…"
        )
    return outputs.argmax(1) == target


def fit(
    model: nn.Module,
    train: Iterable,
    valid: Iterable | None = None,
    *,
    epochs: int,
    optimizer: torch.optim.Optimizer,
    loss: Callable = F.cross_entropy,
    metric: Callable = accuracy,
    scheduler=None,
    keep_best: bool = False,
    checkpoint: str | Path | None = None,
    fast: bool = True,
    progress: bool = True,
) -> History:
    """Train the model for so many epochs; returns what each of them measured.

    A batch is ``(x, y)``, or ``(x1, x2, …, y)`` for several inputs. ``loss(outputs, y)`` is its
    mean, ``metric(outputs, y)`` has a value for each sample; ``scheduler`` steps with every batch.
    With ``keep_best`` the model ends with the weights of ``history.best`` (pass the negative of a
    metric for which less is better). ``checkpoint`` is a file: each epoch is saved there, and the
    same call goes on from it. ``fast`` allows channels_last, and mixed precision where it gains.

    Raises ``FloatingPointError`` for a loss that is not finite, ``ValueError`` for what does not
    fit: optimizer, schedule, loader, batches, labels, metric, the checkpoint of another recipe.
    """
    history = History(source_of(train), name_of(metric))
    saved = Checkpoint(checkpoint, model, optimizer, scheduler, train, valid, loss, metric)
    precision, forward = Precision(model, optimizer, fast), explained(model)
    loss_of = checked(loss, metric)
    with Display(history, epochs, progress) as display, saved:
        for epoch in range(saved.restore(epochs, history, precision, keep_best), epochs):
            model.train()
            record = Epoch()
            for batch in display.batches(train, record.losses):
                *inputs, target = precision.batch(batch)
                with precision.autocast:
                    outputs = forward(*inputs)
                    batch_loss = loss_of(outputs, target)
                optimizer.zero_grad()
                precision.backward(batch_loss)
                precision.step(optimizer)
                if scheduler is not None:
                    scheduler.step()
                record.add(batch_loss, metric, outputs, target)
            history.add(record)
            if valid is not None:
                history.add_held_out(evaluate(model, valid, loss=loss, metric=metric))
            saved.save(epoch + 1)
    return history


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    loader: Iterable,
    *,
    loss: Callable = F.cross_entropy,
    metric: Callable = accuracy,
) -> Evaluation:
    """Measure the model on all batches of the loader, in eval mode and without gradients.

    Every sample counts once, whatever the batch sizes. The model comes back in the mode it was in.
    Raises ``ValueError`` for an empty loader and for batches, labels or a metric that do not fit.
    """
    device, forward, loss_of = device_of(model), explained(model), checked(loss, metric)
    modes = [(module, module.training) for module in model.modules()]
    outputs, targets, values, loss_sum = [], [], [], 0.0
    model.eval()
    try:
        for batch in loader:
            *inputs, target = to_device(batch, device)
            outputs.append(forward(*inputs))
            loss_sum += loss_of(outputs[-1], target) * len(target)
            values.append(one_each(metric, outputs[-1], target))
            targets.append(target)
    finally:
        for module, mode in modes:
            module.training = mode
    if not targets:
        raise ValueError("the loader is empty: it gave no batch, so there is nothing to evaluate")
    outputs, targets, values = joined(outputs), joined(targets), joined(values)
    return Evaluation(
        loss=float(loss_sum) / len(values),
        values=values,
        outputs=outputs,
        targets=targets,
        metric_name=name_of(metric),
        classes=classes_of(loader, outputs),
        source=source_of(loader),
    )
