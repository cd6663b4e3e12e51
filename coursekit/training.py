"""The training loop and the test loop that every week uses: week 1's, with a progress bar and a
live curve."""

import base64
import html
import io
import math
import os
import random
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from . import plots


def accuracy(outputs: Tensor, target: Tensor) -> Tensor:
    """Right or wrong for each sample: outputs N×K against labels N, giving bool N."""
    return outputs.argmax(1) == target


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
    metric: str = "accuracy"
    train_loss: list[float] = field(default_factory=list)
    train_metric: list[float] = field(default_factory=list)
    valid_loss: list[float] = field(default_factory=list)
    valid_metric: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    samples: list[int] = field(default_factory=list)
    batch_loss: list[float] = field(default_factory=list)
    steps: int = 0

    names = {
        "train": "training",
        "valid": "held out",
    }  # what the two parts are called in text and legends

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
        for part in ("train", "valid"):
            losses, metrics = getattr(self, f"{part}_loss"), getattr(self, f"{part}_metric")
            if losses:
                parts.append(
                    f"{self.names[part]} loss {losses[epoch]:.4f}, {self.metric} {metrics[epoch]:.4f}"
                )
        return " · ".join(parts)

    def __repr__(self) -> str:
        n = len(self.train_loss)
        return (
            f"{n} epoch{'s' * (n != 1)} on {self.source}: {self.line() or 'nothing yet'}"
            if n
            else "no epoch yet"
        )


@dataclass
class Evaluation:
    """What ``evaluate`` measured.

    ``loss`` mean over all samples, ``values`` the metric of each sample, ``outputs`` and ``labels``
    (the targets, whatever they are) of all samples in the loader's order, on the CPU: one tensor,
    or a list of N where the samples differ in size; of a model with several outputs a tuple of
    these. ``classes`` and ``source`` are the data set's where it has them.
    """

    loss: float
    values: Tensor
    outputs: Tensor | list[Tensor] | tuple
    labels: Tensor | list[Tensor]
    metric: str
    classes: tuple[str, ...]
    source: str

    @property
    def total(self) -> int:
        """How many samples were evaluated."""
        return len(self.values)

    @property
    def correct(self) -> int | float:
        """The metric summed over the samples; for accuracy, how many are right."""
        return self.values.sum().item()

    @property
    def accuracy(self) -> float:
        """correct / total: for another metric than accuracy, its mean."""
        return self.correct / self.total

    @property
    def margin(self) -> float:
        """Half the width of the 95 % interval of the mean that so many test samples allow (normal
        approximation)."""
        return 1.96 * self.values.double().std().item() / math.sqrt(self.total)

    @property
    def predictions(self) -> Tensor:
        """The class with the largest output, int64 N."""
        return self.outputs.argmax(1)

    @property
    def confusion(self) -> Tensor:
        """How often class i was taken for class j: int64 K×K, rows true, columns predicted."""
        k = self.outputs.shape[1]
        return torch.bincount(self.labels * k + self.predictions, minlength=k * k).view(k, k)

    @property
    def per_class(self) -> dict[str, float]:
        """The accuracy within each true class."""
        matrix = self.confusion
        return dict(zip(self.classes, (matrix.diagonal() / matrix.sum(1)).tolist()))

    def __repr__(self) -> str:
        if self.metric != "accuracy":
            return (
                f"{self.metric} {self.accuracy:.4f} ± {self.margin:.4f}, loss {self.loss:.4f} "
                f"({self.total:,} samples, {self.source})"
            )
        return (
            f"accuracy {100 * self.accuracy:.2f} % ± {100 * self.margin:.2f} "
            f"({self.correct:,} of {self.total:,}), loss {self.loss:.4f} ({self.source})"
        )


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
    """Train the model for so many epochs and return the history.

    ``train`` and ``valid`` give batches ``(x, y)``, or ``(x1, x2, …, y)`` for a model of several
    inputs. ``loss(outputs, y)`` is the mean over a batch, ``metric(outputs, y)`` has one value for
    each sample. ``scheduler`` is stepped after every batch. With ``keep_best`` the model ends with
    the weights of the epoch ``history.best``, whose metric on ``valid`` was the highest, not with
    those of the last one; of a metric for which less is better, pass the negative. ``checkpoint``
    names a file: it is saved after every epoch, and a second call with it continues there. ``fast``
    means channels_last, the memory order that convolutions like best; on a GPU also mixed precision
    and a fused optimizer step.

    Raises ``FloatingPointError`` for a loss that is not finite, ``ValueError`` for an empty loader,
    for batches and labels that do not fit the model, for ``keep_best`` without ``valid``, and for a
    checkpoint of something else.
    """
    if keep_best and valid is None:
        raise ValueError(
            "keep_best needs a held-out part to choose the epoch on: pass valid, and not the test part"
        )
    device = next(model.parameters()).device
    gpu = fast and device.type == "cuda"
    if fast:
        for module in model.modules():
            if isinstance(
                module, nn.Conv2d
            ):  # the whole model at once would fail at a 3-D convolution
                module.to(memory_format=torch.channels_last)
    if gpu:
        _fuse(optimizer)
    half = (
        torch.bfloat16
        if gpu and torch.cuda.is_bf16_supported(including_emulation=False)
        else torch.float16
    )
    scaler = torch.amp.GradScaler(enabled=gpu and half is torch.float16)
    history = History(source=_source(train), metric=metric.__name__)
    best = _Best() if keep_best else None
    saved = _Checkpoint(
        checkpoint, model, optimizer, scheduler, scaler, best, train, valid, history
    )
    done = saved.restore(epochs)
    _check_schedule(scheduler, train, epochs - done)

    with _Display(history, epochs, progress) as display:
        for epoch in range(done, epochs):
            model.train()
            losses, metrics, sizes, started = (
                [],
                [],
                [],
                time.perf_counter(),
            )  # tensors: reading them would stop a GPU
            for batch in display.batches(train, losses):
                *inputs, target = _to(device, batch, fast)
                with torch.autocast(device.type, half, enabled=gpu):
                    outputs = _call(model, inputs)
                    value = _loss(loss, outputs, target, first=not losses)
                optimizer.zero_grad()
                scaler.scale(value).backward()
                scaler.step(optimizer)
                scaler.update()
                if scheduler is not None:
                    scheduler.step()
                with torch.no_grad():
                    losses.append(value.detach())
                    metrics.append(metric(outputs, target).sum())
                    sizes.append(len(target))
            if not losses:
                raise ValueError(
                    "the training loader is empty: it gave no batch, so there is nothing to learn from"
                )
            _check_finite(losses, epoch)
            batch_loss, batch_metric, samples = (
                torch.stack(losses).tolist(),
                torch.stack(metrics).tolist(),
                sum(sizes),
            )
            history.seconds.append(time.perf_counter() - started)
            history.batch_loss += batch_loss
            history.steps = len(losses)
            history.samples.append(samples)
            history.train_loss.append(
                sum(value * size for value, size in zip(batch_loss, sizes)) / samples
            )
            history.train_metric.append(sum(batch_metric) / samples)
            if valid is not None:
                result = evaluate(model, valid, loss=loss, metric=metric)
                history.valid_loss.append(result.loss)
                history.valid_metric.append(result.accuracy)
                if best and history.best == epoch:
                    best.load_state_dict(model.state_dict())
            saved.save(epoch + 1)
            display.epoch()
    if best and epochs:
        model.load_state_dict(best.state_dict())
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
    Raises ``ValueError`` for an empty loader and for batches or labels that do not fit the model.
    """
    device = next(model.parameters()).device
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        loss_sum, outputs, labels, values = 0.0, [], [], []
        for batch in loader:
            *inputs, target = _to(device, batch)
            outputs.append(_call(model, inputs))
            loss_sum += _loss(loss, outputs[-1], target, first=len(outputs) == 1) * len(target)
            values.append(metric(outputs[-1], target))
            labels.append(target)
    finally:
        for module, mode in modes:
            module.training = mode
    if not labels:
        raise ValueError("the loader is empty: it gave no batch, so there is nothing to evaluate")
    outputs, labels, values = (_joined(parts) for parts in (outputs, labels, values))
    classes = getattr(getattr(loader, "dataset", None), "classes", None)
    if classes is None:
        classes = (
            range(outputs.shape[1]) if isinstance(outputs, Tensor) and outputs.ndim == 2 else ()
        )
    return Evaluation(
        float(loss_sum) / len(values),
        values,
        outputs,
        labels,
        metric.__name__,
        tuple(map(str, classes)),
        _source(loader),
    )


def _joined(parts: Sequence):
    """What all batches gave, sample after sample on the CPU, as ``Evaluation`` describes it."""
    if isinstance(parts[0], (tuple, list)):
        return tuple(_joined(same) for same in zip(*parts))
    if not isinstance(parts[0], Tensor):
        raise ValueError(
            f"evaluate collects outputs that are tensors, or tuples of them, not {type(parts[0]).__name__}: let "
            "the model's forward return those"
        )
    if any(part.shape[1:] != parts[0].shape[1:] for part in parts):
        return [sample for part in parts for sample in part.cpu()]
    return torch.cat(parts).cpu()


def _source(loader: Iterable) -> str:
    return getattr(getattr(loader, "dataset", None), "source", "data of unknown source")


def _to(device: torch.device, batch: Iterable[Tensor], channels_last: bool = False) -> list[Tensor]:
    """The tensors of a batch, inputs first and target last, on the device."""
    if (
        not isinstance(batch, (tuple, list))
        or len(batch) < 2
        or not all(isinstance(x, Tensor) for x in batch)
    ):
        kinds = (
            ", ".join(type(x).__name__ for x in batch)
            if isinstance(batch, (tuple, list))
            else type(batch).__name__
        )
        raise ValueError(
            f"a batch must be tensors (x, y), but it is {kinds}: pass a loader, as in train.loader(64), "
            "not the data set itself"
        )
    return [
        x.to(
            device,
            non_blocking=True,
            memory_format=torch.channels_last
            if channels_last and x.ndim == 4
            else torch.preserve_format,
        )
        for x in batch
    ]


def _fuse(optimizer: torch.optim.Optimizer) -> None:
    """Let an optimizer that has not stepped yet do each step in one GPU kernel, where its kind
    can."""
    if "fused" in optimizer.defaults and not optimizer.state:
        for group in optimizer.param_groups:
            group.update(fused=True, foreach=False)


def _call(model: nn.Module, inputs: list[Tensor]) -> Tensor:
    """model(*inputs), with an error that names the layer and both shapes where a batch does not
    fit."""
    try:
        return model(*inputs)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, TypeError) as error:
        if "view size is not compatible" in str(error):
            raise ValueError(
                "the model calls view() on a tensor in the order channels_last, which fit uses because it is "
                "faster: write flatten(1) or reshape(…) in its place, or call fit with fast=False"
            ) from error
        raise ValueError(_where_it_breaks(model, inputs, error)) from error


def _where_it_breaks(model: nn.Module, inputs: list[Tensor], error: Exception) -> str:
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
    weight = (
        f" and has a weight {_shape(module.weight)}"
        if isinstance(getattr(module, "weight", None), Tensor)
        else ""
    )
    got = ", ".join(_shape(x) if isinstance(x, Tensor) else repr(x) for x in args)
    return f"{place} got an input {got}{weight}, which do not fit: {(str(error) or type(error).__name__).splitlines()[0]}"


def _shape(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {'×'.join(map(str, tensor.shape))}"


def _loss(loss: Callable, outputs: Tensor, target: Tensor, first: bool) -> Tensor:
    """loss(outputs, target), with an error that says which labels do not fit.

    Such labels end a GPU session, so the first batch is looked at before; on a CPU torch notices
    those of later batches.
    """
    if first:
        _check_labels(outputs, target)
    try:
        return loss(outputs, target)
    except IndexError:
        _check_labels(outputs, target)
        raise


def _check_labels(outputs: Tensor, target: Tensor) -> None:
    """Raise ``ValueError`` for class labels that do not fit the outputs."""
    if (
        not isinstance(outputs, Tensor)
        or outputs.ndim != 2
        or target.dtype != torch.int64
        or target.ndim != 1
    ):
        return
    if len(outputs) != len(target):
        raise ValueError(
            f"the model made {len(outputs)} outputs for {len(target)} labels: "
            "does it keep the batch dimension, e.g. flatten(1) and not view(-1, …)?"
        )
    low, high = target.min().item(), target.max().item()
    if low < 0 or high >= outputs.shape[1]:
        raise ValueError(
            f"labels must lie in 0 … {outputs.shape[1] - 1} for a model with {outputs.shape[1]} outputs, "
            f"but this batch has labels from {low} to {high}"
        )


def _check_finite(losses: list[Tensor], epoch: int) -> None:
    bad = (~torch.stack(losses).isfinite()).nonzero()
    if len(bad):
        batch = int(bad[0])
        raise FloatingPointError(
            f"the loss became {losses[batch].item()} in epoch {epoch + 1}, batch {batch + 1}: lower the learning rate, or look "
            "for a division by zero or a log of zero in the model (nothing of this epoch is saved in a checkpoint)"
        )


def _check_schedule(scheduler, train: Iterable, epochs: int) -> None:
    total = getattr(scheduler, "total_steps", None)
    if total and hasattr(train, "__len__") and scheduler.last_epoch + epochs * len(train) > total:
        raise ValueError(
            f"the schedule ends after {total} steps, {scheduler.last_epoch} of them done, but {epochs} epochs of "
            f"{len(train)} batches need {epochs * len(train)} more: make it with total_steps=epochs * len(loader)"
        )


class _Best:
    """A copy of the weights of the best epoch so far."""

    def __init__(self):
        self.weights = {}

    def load_state_dict(self, weights: dict[str, Tensor]) -> None:
        self.weights = {name: value.clone() for name, value in weights.items()}

    def state_dict(self) -> dict[str, Tensor]:
        return self.weights


class _Checkpoint:
    """Everything that a run needs to go on as if it had never stopped, in one file; without a path
    it does nothing."""

    def __init__(self, path, model, optimizer, scheduler, scaler, best, train, valid, history):
        self.path = Path(path) if path is not None else None
        self.parts = {"model": model, "optimizer": optimizer, "scaler": scaler}
        self.parts |= {
            name: part
            for name, part in (("scheduler", scheduler), ("best", best))
            if part is not None
        }
        self.recipe = {
            "model": ", ".join(
                f"{name} {_shape(value)}" for name, value in model.state_dict().items()
            ),
            "optimizer": f"{type(optimizer).__name__} {optimizer.defaults}",
            "scheduler": type(scheduler).__name__,
            "training set": f"{_source(train)} in {len(train) if hasattr(train, '__len__') else '?'} batches",
            "held-out set": "none" if valid is None else _source(valid),
            "metric": history.metric,
            "choice of the epoch": "the last" if best is None else "the best",
        }
        self.shuffle = getattr(train, "generator", None)
        self.history = history

    def restore(self, epochs: int) -> int:
        """Take up the saved run, if there is one: how many of its epochs are done."""
        if self.path is None:
            return 0
        if (
            not self.path.parent.is_dir()
        ):  # made here, it might hide a Drive that is not mounted yet
            raise ValueError(
                f"there is no folder {self.path.parent} for the checkpoint: make it first "
                "(in Colab: mount the Drive)"
            )
        if not self.path.exists():
            return 0
        try:
            saved = torch.load(self.path, map_location="cpu", weights_only=True)
            recipe, states, epoch = saved["recipe"], saved["random"], saved["epoch"]
        except Exception as error:
            raise ValueError(
                f"{self.path.name} is damaged or not a checkpoint of fit: delete it, or name another "
                "file"
            ) from error
        for part, mine in self.recipe.items():
            if (theirs := recipe.get(part, "unknown")) != mine:
                raise ValueError(
                    f"{self.path.name} was saved with another {part}: {_first_difference(theirs, mine)}. "
                    "Delete it, or name another file for this run"
                )
        if epoch > epochs:
            raise ValueError(
                f"{self.path.name} holds {epoch} epochs already, more than the {epochs} asked for: "
                "ask for more, or name another file"
            )
        for name, part in self.parts.items():
            if saved[name]:  # the scaler of a run without float16 has nothing to say
                part.load_state_dict(saved[name])
        vars(self.history).update(saved["history"])
        random.setstate((states["python"][0], tuple(states["python"][1]), states["python"][2]))
        np.random.set_state(("MT19937", states["numpy"][0].numpy(), *states["numpy"][1:]))
        torch.set_rng_state(states["torch"])
        for i, state in enumerate(states["cuda"][: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(state, i)
        if self.shuffle is not None and states["shuffle"] is not None:
            self.shuffle.set_state(states["shuffle"])
        print(
            f"{self.path.name}: "
            + (
                f"all {epochs} epochs are done already, nothing is left to train"
                if epoch == epochs
                else f"continues after epoch {epoch}"
            )
        )
        return epoch

    def save(self, epoch: int) -> None:
        """Write the state beside the file, flush it to the disk, and only then put it in the file's
        place."""
        if self.path is None:
            return
        kind, keys, *rest = np.random.get_state()
        states = {
            "python": random.getstate(),
            "numpy": [torch.from_numpy(keys.astype(np.int64)), *rest],
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            "shuffle": None if self.shuffle is None else self.shuffle.get_state(),
        }
        buffer = io.BytesIO()
        torch.save(
            {
                "recipe": self.recipe,
                "random": states,
                "epoch": epoch,
                "history": asdict(self.history),
                **{name: part.state_dict() for name, part in self.parts.items()},
            },
            buffer,
        )
        beside = self.path.with_name(self.path.name + ".part")
        try:
            with open(beside, "wb") as file:
                file.write(buffer.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, self.path)
        except OSError as error:
            beside.unlink(missing_ok=True)
            kept = (
                "the one of the epoch before is whole"
                if self.path.exists()
                else "there is none yet"
            )
            raise OSError(
                error.errno,
                f"the checkpoint of epoch {epoch} could not be saved ({error.strerror}); {kept}. "
                "Free some space or name another folder, then call fit again to continue",
            ) from error


def _first_difference(saved: str, mine: str) -> str:
    """The first of the comma-separated entries that differs."""
    for old, new in zip(saved.split(", "), mine.split(", ")):
        if old != new:
            return f"there {old}, here {new}"
    return f"there {saved.count(', ') + 1} entries, here {mine.count(', ') + 1}"


class _Display:
    """Progress while ``fit`` runs: bar and live curve in a notebook; a bar and one line an epoch in
    a terminal."""

    def __init__(self, history: History, epochs: int, progress: bool):
        self.history, self.epochs, self.progress = history, epochs, progress
        self.handle, self.image, self.drawn = None, "", time.monotonic()

    def __enter__(self):
        if self.progress and _in_notebook():
            from IPython.display import HTML, display

            self.handle = display(HTML("starting …"), display_id=True)
        return self

    def batches(self, train: Iterable, losses: list[Tensor]):
        """The batches of one epoch, with the bar moving and the losses looked at a few times a
        second."""
        epoch, total = (
            len(self.history.train_loss),
            len(train) if hasattr(train, "__len__") else None,
        )
        label = f"epoch {epoch + 1} of {self.epochs}"
        hidden = not self.progress or self.handle is not None or not sys.stderr.isatty()
        started = shown = time.monotonic()
        with tqdm(total=total, desc=label, leave=False, disable=hidden) as bar:
            for i, batch in enumerate(train):
                yield batch
                if time.monotonic() - shown > 0.3:
                    shown = time.monotonic()
                    _check_finite(losses, epoch)
                    bar.update(i + 1 - bar.n)
                    if self.handle:
                        self._draw(
                            replace(
                                self.history,
                                batch_loss=self.history.batch_loss + torch.stack(losses).tolist(),
                                steps=total or self.history.steps,
                            )
                        )
                        speed = (i + 1) / (shown - started)
                        self._show(
                            f"{label} · batch {i + 1} of {total or '?'} · {speed:.1f} batches/s",
                            epoch + (i + 1) / total if total else epoch,
                        )

    def epoch(self) -> None:
        """One epoch has ended."""
        epoch = len(self.history.train_loss)
        if self.handle:
            self._draw(self.history)
            self._show(self.history.line(), epoch)
        elif self.progress:
            print(
                f"epoch {epoch} of {self.epochs} · {self.history.line()} · {self.history.seconds[-1]:.1f} s",
                flush=True,
            )

    def _draw(self, history: History) -> None:
        """Draw the curve again, but not more often than it is worth the time."""
        if time.monotonic() - self.drawn > 3:
            picture = history.plot()
            data = base64.b64encode(picture.png()).decode()
            self.image = (
                f'<br><img alt="{html.escape(picture.alt)}" src="data:image/png;base64,{data}">'
            )
            self.drawn = time.monotonic()

    def _show(self, text: str, value: float) -> None:
        from IPython.display import HTML

        self.handle.update(
            HTML(
                f'<progress max="{self.epochs}" value="{value:.3f}" aria-label="training progress">'
                f"</progress> {html.escape(text)}{self.image}"
            )
        )

    def __exit__(self, error, *_):
        if self.handle:
            end = f"stopped by {error.__name__} after " if error else ""
            summary = f"{end}{self.history!r} · {sum(self.history.seconds):.0f} s, {self.history.speed:,.0f} samples/s"
            self.handle.update({"text/plain": summary}, raw=True)


def _in_notebook() -> bool:
    """Whether a Jupyter kernel runs this (IPython in a terminal has none)."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None
