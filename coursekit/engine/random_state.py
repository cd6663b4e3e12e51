"""All random numbers of a run: the generators of the process, and those that its parts own."""

import json
import random
from contextlib import suppress

import numpy as np
import torch
from torch.utils.data import DataLoader

from .devices import available
from .fingerprint import Walk
from .generator_seeds import OF_PROCESS


def owned(*parts) -> list:
    """The generators that these parts hold: a loader's, a sampler's, an augmentation's.

    What cannot be looked into has none. Raises ``ValueError`` for a loader whose workers live on
    from epoch to epoch, for theirs cannot be asked.
    """
    found = []
    for part in parts:
        walk = Walk(content=False)
        with suppress(Exception):  # an object may refuse to be looked into in any way
            walk.digest(part)
        if isinstance(part, DataLoader) and part.persistent_workers:
            what = "what this loader's worker processes draw cannot be saved for a checkpoint"
            raise ValueError(f"{what}: make it with persistent_workers=False")
        found += [one for one in walk.generators if not any(one is other for other in found)]
    return found


def take(own: list) -> dict:
    """The state of all of them, as tensors and texts."""
    return {**of_accelerators(), "others": [_state(one) for one in (*OF_PROCESS, *own)]}


def of_accelerators() -> dict[str, list[torch.Tensor]]:
    """The states of the accelerators' generators, by kind. One that cannot be asked, as a GPU that
    others have to themselves, has none: nothing was drawn there."""
    states = {}
    for kind in available():
        module = getattr(torch, kind)
        with suppress(Exception):
            several = kind != "mps"
            states[kind] = module.get_rng_state_all() if several else [module.get_rng_state()]
    return states


def put_back_accelerators(states: dict) -> None:
    """Set these generators, as far as the accelerators are here."""
    for kind, here in of_accelerators().items():
        for i, state in enumerate(states.get(kind, ())[: len(here)]):
            getattr(torch, kind).set_rng_state(state, *[i] * (kind != "mps"))


def put_back(states: dict, own: list) -> None:
    """Set all of them to what ``take`` gave."""
    put_back_accelerators(states)
    for generator, state in zip((*OF_PROCESS, *own), states["others"], strict=True):
        if isinstance(generator, torch.Generator):
            generator.set_state(state)
        elif isinstance(generator, random.Random):
            version, numbers, gauss = json.loads(state)
            generator.setstate((version, tuple(numbers), gauss))
        elif isinstance(generator, np.random.RandomState):
            generator.set_state(json.loads(state))
        else:
            generator.bit_generator.state = json.loads(state)


def _state(generator) -> torch.Tensor | str:
    if isinstance(generator, torch.Generator):
        return generator.get_state()
    if isinstance(generator, random.Random):
        state = generator.getstate()
    elif isinstance(generator, np.random.RandomState):
        state = generator.get_state(legacy=False)
    else:
        state = generator.bit_generator.state
    return json.dumps(state, default=np.ndarray.tolist)
