"""What a training depends on, by name, so that a checkpoint of another one can be refused."""

import sys
import types
from collections.abc import Iterable

import torch
from torch import nn
from torch.utils.data import DataLoader

from .fingerprint import hashed
from .generator_seeds import seed_of
from .own_code import is_own
from .progress import total_of
from .text import described, name_of

# How a step is executed, not what it computes.
_EXECUTION = {"params", "fused", "foreach", "capturable", "differentiable"}
_PROGRESS = {"last_epoch", "_step_count", "_last_lr", "_get_lr_called_within_step", "_is_initial"}
_PROGRESS |= {"T_cur", "T_i"}
_SETTINGS = (int, float, str, list, tuple, dict)
_WORDS = {"lr": "learning rate", "initial_lr": "initial learning rate", "max_lr": "largest rate"}


def training_recipe(run) -> dict[str, str]:
    """All but the weights: a short text for each thing that changes what comes out.

    ``run`` has the ``model``, the loaders ``train`` and ``valid``, ``optimizer``, ``scheduler``,
    ``loss`` and ``metric``.
    """
    model, optimizer, scheduler = run.model, run.optimizer, run.scheduler
    trained = {parameter: name for name, parameter in model.named_parameters()}
    weights = [f"{name} {described(value)}" for name, value in model.state_dict().items()]
    frozen = [name for parameter, name in trained.items() if not parameter.requires_grad]
    classes = {kind for module in model.modules() for kind in type(module).__mro__}
    return {
        "Python": f"{sys.version_info.major}.{sys.version_info.minor}",  # whose code is hashed
        "model": "\n".join([*str(model).splitlines(), *weights]),
        "code of the model": hashed(classes),
        "attributes of the model": hashed([_attributes(module) for module in model.modules()]),
        "frozen parameters": ", ".join(frozen) or "none",
        "optimizer": _kind(optimizer),
        "schedule": "none" if scheduler is None else _kind(scheduler),
        "groups of parameters": str(len(optimizer.param_groups)),
        **_hooks(optimizer, trained),
        **_groups(optimizer, trained, scheduler is not None),
        **_schedule(scheduler),
        "loss": f"{name_of(run.loss)} {hashed(run.loss)}",
        "metric": f"{name_of(run.metric)} {hashed(run.metric)}",
        **_data(run.train, "training"),
        **({} if run.valid is None else _data(run.valid, "held-out")),
    }


def _kind(part) -> str:
    """The name of a class; of people's own also a hash of its code."""
    return type(part).__name__ + (f" {hashed(type(part))}" if is_own(type(part).__module__) else "")


def _hooks(optimizer, trained: dict) -> dict[str, str]:
    """What people have hung on the optimizer's steps and on gradients, as clipping; none if
    nothing hangs there."""
    kept = [vars(optimizer), *({"hooks": parameter._backward_hooks} for parameter in trained)]
    found = [[*x.values()] for held in kept for key, x in held.items() if "hooks" in key and x]
    return {"hooks of the optimizer and of gradients": hashed(found)} if found else {}


def _attributes(module: nn.Module) -> dict:
    """What a module holds besides its parameters, buffers and modules, and the mode it is in."""
    held = {"_parameters", "_buffers", "_modules", "_non_persistent_buffers_set", "training"}
    return {key: value for key, value in vars(module).items() if key not in held}


def difference(saved: dict[str, str], asked: dict[str, str]) -> str:
    """The first part that differs, in words; empty if none does."""
    for name in [*asked, *saved]:
        old, new = (recipe.get(name, "none") for recipe in (saved, asked))
        if old != new:
            old, new = _first_that_differs(old.split("\n"), new.split("\n"))
            return f"{name}: {new} asked for, {old} saved"
    return ""


def _first_that_differs(old: list[str], new: list[str]) -> tuple[str, str]:
    for a, b in zip(old, new):
        if a != b:
            return a.strip(), b.strip()
    return f"{len(old)} entries", f"{len(new)} entries"


def _groups(optimizer, trained: dict, scheduled: bool) -> dict[str, str]:
    """The settings of each group of parameters, as they were before a schedule changed them."""
    found = {}
    for i, group in enumerate(optimizer.param_groups):
        changing = {"lr"} if scheduled and "initial_lr" in group else set()
        if scheduled and "max_momentum" in group:
            changing |= {"momentum", "betas"}
        where = f" of group {i}" if len(optimizer.param_groups) > 1 else ""
        for key, value in sorted(group.items(), key=lambda item: item[0] != "max_lr"):
            if key not in _EXECUTION:
                value = optimizer.defaults[key] if key in changing else value
                value = value.item() if isinstance(value, torch.Tensor) else value
                found[f"{_WORDS.get(key, key)}{where}"] = repr(value)
        names = [trained.get(parameter, "another") for parameter in group["params"]]
        found[f"parameters{where}"] = "\n".join(names)
    return found


def _schedule(scheduler) -> dict[str, str]:
    """What does not change while a schedule runs, also of schedules inside it."""
    found = {}
    for key, value in vars(scheduler).items() if scheduler is not None else ():
        inside = value if isinstance(value, list) else [value]
        if inside and all(isinstance(x, torch.optim.lr_scheduler.LRScheduler) for x in inside):
            for i, one in enumerate(inside, 1):
                found |= {f"{name} {i}": text for name, text in _schedule(one).items()}
        elif inside and all(isinstance(x, types.FunctionType) for x in inside):
            found[f"{key} of the schedule"] = hashed(value)
        elif key not in _PROGRESS and isinstance(value, _SETTINGS):
            found[f"{key} of the schedule"] = str(value)
    return found


def _data(loader: Iterable, part: str) -> dict[str, str]:
    """What a loader gives, and in which order."""
    data = loader.dataset if isinstance(loader, DataLoader) else loader
    source = getattr(data, "source", type(data).__name__)
    found = {f"{part} data": f"{source}, content {hashed(data)}"}
    found[f"{part} batches"] = str(total_of(loader))
    if isinstance(loader, DataLoader):
        found[f"{part} batch size"] = str(loader.batch_size)
        found[f"{part} order"] = _order(loader.sampler)
        if loader.batch_size is None:
            found[f"{part} batches"] = hashed(loader.batch_sampler)
        functions = loader.collate_fn, loader.worker_init_fn
        found[f"{part} collation"] = f"{name_of(loader.collate_fn)} {hashed(functions)}"
        found[f"{part} drop_last"] = str(loader.drop_last)
    return found


def _order(sampler) -> str:
    attributes = getattr(sampler, "__dict__", {"positions": sampler})
    settings = {k: x for k, x in attributes.items() if k not in ("data_source", "generator")}
    generator = getattr(sampler, "generator", None)
    own = "torch's generator" if generator is None else f"seed {seed_of(generator)}"
    return f"{_kind(sampler)}, {own}, settings {hashed(settings)}"
