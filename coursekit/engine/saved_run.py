"""What a checkpoint's file holds: looked through, and taken up whole or not at all."""

import copy
import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from . import random_state
from .fingerprint import fingerprint
from .text import described, printable


def check_possible(path: Path, model: nn.Module) -> None:
    """Raise ``ValueError`` for a place where no file can be, and for a model without weights."""
    if not path.parent.is_dir():  # made here, it might hide a Drive that is not mounted yet
        advice = "make it first (in Colab: mount the Drive)"
        raise ValueError(f"there is no folder {path.parent} for the checkpoint: {advice}")
    if path.is_dir():
        raise ValueError(f"{printable(str(path))} is a folder: name a file in it")
    if any(map(nn.parameter.is_lazy, model.parameters())):
        what = "a lazy layer of the model has no weights yet that could be saved"
        raise ValueError(f"{what}: call the model once, as net(X), before fit")


def read(path: Path, history) -> dict:
    """The content of a checkpoint, of which ``history`` shows the form of its own. Raises
    ``ValueError`` for all else; nothing in the file is executed."""
    content = io.BytesIO(path.read_bytes())
    with _damaged(path):
        saved = torch.load(content, map_location="cpu", weights_only=True)
        if saved.pop("sum") != fingerprint(saved):
            raise ValueError("its content is not what was saved")
        if type(saved["epoch"]) is not int or saved["epoch"] < 1:
            raise ValueError("it holds no number of epochs")
        if not all(type(x) is str for part in saved["recipe"].items() for x in part):
            raise ValueError("its recipe is none")
        _check_history(saved["history"], asdict(history), saved["epoch"])
        return saved


@contextmanager
def taken_up(path: Path, saved: dict, parts: dict, generators: list, best: dict | None) -> Iterator:
    """Give what was saved to the ``parts`` of a run, by name, and to its random generators.

    All is as it was before where it does not fit (``ValueError``), or where an error is raised
    inside.
    """
    model, optimizer = parts["model"], parts["optimizer"]
    buffers = dict(model.named_buffers())
    before = copy.deepcopy({name: part.state_dict() for name, part in parts.items()})
    held = {name: buffer.clone() for name, buffer in buffers.items()}
    drawn = random_state.take(generators)
    try:
        with _damaged(path):
            usual = _form(model.state_dict())
            if any(_form(x) != usual for x in (saved["model"], saved["best"]) if x is not None):
                raise ValueError("its weights have other names, shapes or types")
            if (saved["best"] is None) != (best is None):
                raise ValueError("it has no best weights, or too many")
            if _known(optimizer):
                _check_alike(*(x["optimizer"]["param_groups"] for x in (saved, before)))
            if "scheduler" in parts and _known(parts["scheduler"]):
                _check_alike(saved["scheduler"], before["scheduler"])
            for name, part in parts.items():
                if saved[name] or name == "optimizer":  # a scaler that is not used says nothing
                    part.load_state_dict(saved[name])
            for name, value in saved["buffers"].items():
                buffers[name].copy_(value)
            _check_step(optimizer)
            random_state.put_back(saved["random"], generators)
        yield
    except Exception:
        for name, part in parts.items():
            part.load_state_dict(before[name])
        for name, value in held.items():
            buffers[name].copy_(value)
        random_state.put_back(drawn, generators)
        raise


@contextmanager
def _damaged(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # torch has no common class for what is wrong with a file
        what = f"{printable(path.name)} is damaged or not a checkpoint of fit"
        raise ValueError(f"{what}: delete it, or name another file") from error


def _check_history(history: dict, usual: dict, epochs: int) -> None:
    """Raise ``ValueError`` unless it has a number for each epoch."""
    if history.keys() != usual.keys():
        raise ValueError("its history has other parts")
    for name, value in history.items():
        if type(value) is not type(usual[name]):
            raise ValueError(f"{name} is of another type")
        if type(value) is list:
            lengths = {"batch_loss": {len(value)}, "valid_loss": {0, epochs}}
            lengths["valid_metric"] = {len(history["valid_loss"])}
            if len(value) not in lengths.get(name, {epochs}):
                raise ValueError(f"{name} is not one number for each epoch")
            if not all(type(x) in (int, float) for x in value):
                raise ValueError(f"{name} has something else than numbers")


def _form(state: dict) -> dict[str, str]:
    return {name: described(value) for name, value in state.items()}


def _known(part) -> bool:
    return type(part).__module__.startswith("torch.optim")


def _check_alike(saved, usual) -> None:
    """Raise ``ValueError`` for settings of another form, or with counts below all that are.

    A rate may be below zero: a linear schedule goes one step past its end, which nothing uses.
    """
    if type(usual) in (int, float):
        number = type(saved) in (int, float) and math.isfinite(saved)
        if not number or (type(usual) is int and saved < min(usual, 0)):
            raise ValueError("it has no number where one belongs")
    elif type(saved) is not type(usual):
        raise ValueError("it has settings of another type")
    elif isinstance(usual, dict):
        if saved.keys() != usual.keys():
            raise ValueError("it has other settings")
        for name in usual.keys() - {"fused", "foreach", "params"}:  # each device has its own
            _check_alike(saved[name], usual[name])
    elif isinstance(usual, (list, tuple)):
        for one, other in zip(saved, usual, strict=True):
            _check_alike(one, other)
    elif isinstance(usual, str) and saved != usual:
        raise ValueError("it has other settings")


def _check_step(optimizer: torch.optim.Optimizer) -> None:
    """Raise an error unless the optimizer can go on from its state: a copy makes a step."""
    if _known(optimizer) and not isinstance(optimizer, torch.optim.LBFGS):
        trial = copy.deepcopy(optimizer)
        for group in trial.param_groups:
            for parameter in group["params"]:
                parameter.grad = torch.zeros_like(parameter)
        trial.step()
