"""What training and testing measured: ``History`` of ``fit``, ``Evaluation`` of ``evaluate``."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from . import plots
from .engine.misfits import one_each
from .engine.text import count


@dataclass
class History:
    """What ``fit`` measured, one number for each epoch.

    ``train_loss`` and ``train_metric`` are means over the epoch's samples while the weights were
    still changing (train mode, augmented data); ``valid_loss`` and ``valid_metric`` come from
    ``evaluate`` after it. ``seconds`` is the time of the training part, ``samples`` the number of
    its samples. ``batch_loss`` has the loss of every batch, in a row, ``steps`` the number of
    batches in an epoch.
    """

    source: str = "data"
    metric_name: str = "accuracy"
    train_loss: list[float] = field(default_factory=list)
    train_metric: list[float] = field(default_factory=list)
    valid_loss: list[float] = field(default_factory=list)
    valid_metric: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    samples: list[int] = field(default_factory=list)
    batch_loss: list[float] = field(default_factory=list)
    steps: int = 0

    names = {"train": "training", "valid": "held out"}  # of the two parts, in text and legends

    def add(self, epoch: "Epoch") -> None:
        """Enter an epoch of training that has just ended."""
        batch_loss, sizes = torch.stack(epoch.losses).tolist(), epoch.sizes
        samples, metric = sum(sizes), torch.cat(epoch.values).cpu().double().sum().item()
        self.seconds.append(time.perf_counter() - epoch.started)
        self.batch_loss += batch_loss
        self.steps = len(sizes)
        self.samples.append(samples)
        self.train_loss.append(sum(x * n for x, n in zip(batch_loss, sizes)) / samples)
        self.train_metric.append(metric / samples)

    def add_held_out(self, result: "Evaluation") -> None:
        """Enter what the model reached on the held-out part after an epoch."""
        self.valid_loss.append(result.loss)
        self.valid_metric.append(result.mean)

    @property
    def best(self) -> int:
        """The epoch (from 0) with the highest metric on the held-out part, the first of equals.

        Raises ``ValueError`` when nothing was held out.
        """
        if not self.valid_metric:
            raise ValueError("there is no best epoch without a held-out part: pass valid to fit")
        return int(np.argmax(np.nan_to_num(self.valid_metric, nan=-np.inf)))

    @property
    def speed(self) -> float:
        """Training samples a second, evaluation not counted."""
        return sum(self.samples) / max(sum(self.seconds), 1e-9)

    def plot(self, **options):
        """A picture of the curves; the options are those of ``plots.curves``."""
        return plots.curves(self, **options)

    def line(self, epoch: int = -1) -> str:
        """One epoch in words; the last one by default."""
        parts = []
        for part, name in self.names.items():
            losses, metrics = getattr(self, f"{part}_loss"), getattr(self, f"{part}_metric")
            if losses:
                measured = f"{self.metric_name} {metrics[epoch]:.4f}"
                parts.append(f"{name} loss {losses[epoch]:.4f}, {measured}")
        return " · ".join(parts)

    def __repr__(self) -> str:
        if not self.train_loss:
            return "no epoch yet"
        return f"{count(len(self.train_loss), 'epoch')} on {self.source}: {self.line()}"


class Epoch:
    """What is recorded while an epoch runs, as tensors: reading them would stop a GPU."""

    def __init__(self):
        self.losses, self.values, self.sizes = [], [], []
        self.started = time.perf_counter()

    @torch.no_grad()
    def add(self, loss: Tensor, metric: Callable, outputs, target: Tensor) -> None:
        """Record a batch. Raises ``ValueError`` for a metric without a value for each sample."""
        self.losses.append(loss.detach())
        self.values.append(one_each(metric, outputs, target))
        self.sizes.append(len(target))


@dataclass
class Evaluation:
    """What ``evaluate`` measured.

    ``loss`` is the mean over all samples, ``values`` the metric of each sample, ``outputs`` and
    ``targets`` those of all samples in the loader's order, on the CPU: one tensor, or a list of N
    where the samples differ in size; of several outputs a tuple or a dict of these. ``classes``
    and ``source`` are the data set's where it has them.

    ``accuracy``, ``correct``, ``predictions``, ``confusion`` and ``per_class`` belong to
    classification: outputs N×K with K ≥ 2 classes and N whole-number targets. Elsewhere they raise
    ``ValueError``.
    """

    loss: float
    values: Tensor
    outputs: Tensor | list[Tensor] | tuple | dict
    targets: Tensor | list[Tensor]
    metric_name: str
    classes: tuple[str, ...]
    source: str

    @property
    def total(self) -> int:
        """How many samples were evaluated."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """The mean of the metric over all samples."""
        return self.values.cpu().double().sum().item() / self.total

    @property
    def margin(self) -> float:
        """Half the width of the 95 % interval of the mean that so many test samples allow (normal
        approximation)."""
        sd = self.values.cpu().double().std().item() if self.total > 1 else math.nan
        return 1.96 * sd / math.sqrt(self.total)

    @property
    def predictions(self) -> Tensor:
        """The class with the largest output, int64 N."""
        if not is_classification(self.outputs, self.targets):
            what = f"this is an evaluation of {self.metric_name}, not of classes"
            raise ValueError(f"{what}: it has no predictions and no accuracy, its mean is .mean")
        return self.outputs.argmax(1)

    @property
    def correct(self) -> int:
        """How many predictions are right."""
        return (self.predictions == self.targets).sum().item()

    @property
    def accuracy(self) -> float:
        """The share of right predictions."""
        return self.correct / self.total

    @property
    def confusion(self) -> Tensor:
        """How often class i was taken for class j: int64 K×K, rows true, columns predicted."""
        predictions, k = self.predictions, self.outputs.shape[1]
        return torch.bincount(self.targets.long() * k + predictions, minlength=k * k).view(k, k)

    @property
    def per_class(self) -> dict[str, float]:
        """The accuracy within each true class."""
        matrix = self.confusion
        return dict(zip(self.classes, (matrix.diagonal() / matrix.sum(1)).tolist()))

    def __repr__(self) -> str:
        if self.metric_name != "accuracy":
            measured = f"{self.metric_name} {self.mean:.4f} ± {self.margin:.4f}"
            return f"{measured}, loss {self.loss:.4f} ({self.total:,} samples, {self.source})"
        measured = f"accuracy {100 * self.accuracy:.2f} % ± {100 * self.margin:.2f}"
        right = f"{self.correct:,} of {self.total:,}"
        return f"{measured} ({right}), loss {self.loss:.4f} ({self.source})"


def is_classification(outputs, targets) -> bool:
    """Whether these are outputs N×K for K ≥ 2 classes and N whole-number labels."""
    return (
        isinstance(outputs, Tensor)
        and isinstance(targets, Tensor)
        and outputs.ndim == 2
        and outputs.shape[1] > 1
        and targets.shape == outputs.shape[:1]
        and not (targets.is_floating_point() or targets.is_complex())
    )


def joined(parts: Sequence):
    """What all batches gave, sample after sample on the CPU, as ``Evaluation`` describes it.

    Raises ``ValueError`` for what is neither a tensor nor a tuple or a dict of them.
    """
    if isinstance(parts[0], dict):
        return {name: joined([part[name] for part in parts]) for name in parts[0]}
    if isinstance(parts[0], (tuple, list)):
        return tuple(joined(same) for same in zip(*parts))
    if not isinstance(parts[0], Tensor):
        kind = type(parts[0]).__name__
        raise ValueError(f"a model's forward must return tensors, or tuples of them, not {kind}")
    if any(part.shape[1:] != parts[0].shape[1:] for part in parts):
        return [sample for part in parts for sample in part.cpu()]
    return torch.cat(parts).cpu()


def source_of(loader: Iterable) -> str:
    """The provenance of the data behind a loader, where they tell it."""
    return str(getattr(getattr(loader, "dataset", None), "source", "data of unknown source"))


def classes_of(loader: Iterable, outputs) -> tuple[str, ...]:
    """The names of the classes, the numbers of the outputs where the data have no names."""
    classes = getattr(getattr(loader, "dataset", None), "classes", None)
    if classes is None:
        classes = (
            range(outputs.shape[1]) if isinstance(outputs, Tensor) and outputs.ndim == 2 else ()
        )
    return tuple(map(str, classes))
