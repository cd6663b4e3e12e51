"""Generators of random numbers, and the seed that each began with."""

import hashlib
import random

import numpy as np
import torch

KINDS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)
OF_PROCESS = (torch.default_generator, np.random.mtrand._rand, random._inst)
# Generators that do not keep their seed, and the state in which each was first met. The generator
# too, so that no other gets its id: NumPy's old kind cannot be referred to weakly.
_FIRST: dict[int, tuple[object, str]] = {}


def is_of_process(value) -> bool:
    """Whether it is one of the generators that belong to the process, seeded for every run."""
    return any(value is one for one in OF_PROCESS)


def seed_of(generator) -> str:
    """With what a generator began; what it has drawn since is no part of a recipe."""
    if isinstance(generator, torch.Generator):
        return str(generator.initial_seed())
    if isinstance(generator, np.random.Generator):
        return str(generator.bit_generator.seed_seq)
    if id(generator) not in _FIRST:
        old = isinstance(generator, np.random.RandomState)
        state = generator.get_state()[1].tolist() if old else generator.getstate()
        _FIRST[id(generator)] = generator, hashlib.sha256(repr(state).encode()).hexdigest()
    return _FIRST[id(generator)][1]
