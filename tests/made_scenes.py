"""Small scenes of random numbers."""

import numpy as np

from coursekit.data.hyperspectral import Scene


def scene(labels, bands=3, classes=None, dtype=np.float64, seed=0, **options):
    """A scene of random numbers with these labels."""
    labels, random = np.asarray(labels), np.random.default_rng(seed)
    cube = random.integers(0, 250, (*labels.shape, bands)).astype(dtype)
    return Scene(
        cube,
        labels,
        classes or tuple("abcdefgh"[: max(int(labels.max()), 1)]),
        "noise (synthetic)",
        **options,
    )


def fields(height, width, classes, seed, side=3):
    """Labels in squares of one class each, or of none."""
    coarse = np.random.default_rng(seed).integers(
        0, classes + 1, (-(-height // side), -(-width // side))
    )
    return np.kron(coarse, np.ones((side, side), dtype=int))[:height, :width]
