"""Small scenes of random numbers."""

import numpy as np

from coursekit.data.hyperspectral import Scene, Split


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


def first_rows(scene, fraction=0.1):
    """Of every class the first pixels, row by row, to learn from, and all others to test on."""
    train = [
        np.flatnonzero(scene.labels == k)[: round(fraction * n)]
        for k, n in enumerate(scene.counts, 1)
    ]
    train = np.sort(np.concatenate(train))
    test = np.setdiff1d(np.flatnonzero(scene.labels), train)
    return Split(scene, train, test, f"first rows {fraction:.0%}")
