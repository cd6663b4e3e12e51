"""Images on the device and their loaders: batches, order, normalisation, parts."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.utils.data import DataLoader
from torchvision.transforms import v2

import coursekit as ck


def counted(n, shape=(1, 1, 2)):
    """n images whose pixels hold their own index, as high and low byte."""
    index = torch.arange(n)
    images = torch.stack([index // 256, index % 256], dim=1).to(torch.uint8).view(n, *shape)
    return ck.Images(images, index % 3, ("a", "b", "c"), "counted", 0, 1 / 255)


def indices(x):
    high, low = x.flatten(1).round().long().unbind(1)
    return (256 * high + low).tolist()


@given(st.integers(1, 700), st.integers(1, 130), st.booleans())
def test_every_image_comes_once_an_epoch(n, batch_size, shuffle):
    loader = counted(n).loader(batch_size, shuffle=shuffle)
    assert isinstance(loader, DataLoader)
    for _ in range(2):
        batches = [(indices(x), y) for x, y in loader]
        assert len(batches) == len(loader) == -(-n // batch_size)
        assert all(len(found) == batch_size for found, _ in batches[:-1])
        order = [i for found, _ in batches for i in found]
        assert sorted(order) == list(range(n))
        assert shuffle or order == sorted(order)
        assert torch.cat([y for _, y in batches]).tolist() == [i % 3 for i in order]


def test_shuffling_changes_from_epoch_to_epoch(seeded):
    loader = counted(500).loader(500, shuffle=True)
    first, second = (indices(next(iter(loader))[0]) for _ in range(2))
    assert first != second and first != sorted(first)


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_are_normalised_as_torchvision_does(channels):
    images = torch.randint(0, 256, (12, channels, 9, 7), dtype=torch.uint8)
    mean, std = (
        ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
        if channels == 3
        else ((0.1307,), (0.3081,))
    )
    ours = ck.Images(images, torch.zeros(12, dtype=torch.long), ("a",), "x", mean, std)
    usual = v2.Compose(
        [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, std)]
    )
    x, _ = next(iter(ours.loader(12)))
    assert x.dtype == torch.float32
    torch.testing.assert_close(
        x, torch.stack([usual(picture) for picture in ours.pixels()]), rtol=0, atol=2e-6
    )


def test_one_item_is_a_row_of_its_batch(pictures):
    x, y = pictures.__getitems__([5, 95, 5])
    for row, index in enumerate((5, -1, 5)):
        one, label = pictures[index]
        assert torch.equal(one, x[row])
        assert label == y[row] and isinstance(label, int)
    for outside in (96, -97):
        with pytest.raises(IndexError):
            pictures[outside]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_plain_dataloader_with_and_without_workers(pictures):
    def batches(**options):
        return list(DataLoader(pictures, batch_size=40, **options))

    plain = batches(collate_fn=pictures.loader(1).collate_fn)
    assert [len(y) for _, y in plain] == [40, 40, 16]
    workers = batches(collate_fn=pictures.loader(1).collate_fn, num_workers=2)
    for (x, y), (other_x, other_y) in zip(plain, workers, strict=True):
        assert torch.equal(x, other_x) and torch.equal(y, other_y)


def test_take_select_and_pixels(pictures):
    assert torch.equal(pictures.take(5).images, pictures.images[:5])
    assert len(pictures.take(1_000)) == 96
    some = pictures.select(torch.tensor([7, 3]))
    assert torch.equal(some.labels, pictures.labels[[7, 3]]) and some.source == pictures.source
    assert torch.equal(some[1][0], pictures[3][0])
    assert pictures.pixels([7, 3]).shape == (2, 8, 8, 1)
    assert np.array_equal(pictures.pixels([7, 3])[..., 0], pictures.images[[7, 3], 0])
    assert repr(pictures) == "Images(96 × 1×8×8, 3 classes, bands (synthetic), on cpu)"


@given(st.lists(st.integers(4, 30), min_size=2, max_size=5), st.floats(0.2, 0.6), st.integers(0, 9))
def test_split_is_disjoint_complete_and_stratified(counts, fraction, seed):
    labels = torch.cat([torch.full((count,), label) for label, count in enumerate(counts)])
    n = len(labels)
    labels = labels[torch.randperm(n, generator=torch.Generator().manual_seed(seed))]
    held_out = -int(-fraction * n // 1)
    assume(min(held_out, n - held_out) >= len(counts))
    whole = replace(counted(n), labels=labels, classes=tuple("0123456789"))
    rest, second = whole.split(fraction, seed=seed)
    found = [indices(next(iter(part.loader(n)))[0]) for part in (rest, second)]
    assert sorted(found[0] + found[1]) == list(range(n))
    assert len(second) == held_out
    for part, chosen in zip((rest, second), found):
        assert torch.equal(part.labels, labels[chosen])
    share = (
        torch.bincount(second.labels, minlength=len(counts)) - held_out * torch.tensor(counts) / n
    )
    assert share.abs().max() <= 1, "a class has not its share"


def test_split_is_decided_by_its_seed(pictures):
    (_, first), (_, again), (_, other) = (pictures.split(0.25, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": torch.zeros(4, 1, 2, 2)}, "images must be uint8 N×C×H×W, not float32 4×1×2×2"),
        ({"images": torch.zeros(4, 2, 2, dtype=torch.uint8)}, "images must be uint8"),
        (
            {"labels": torch.zeros(4, dtype=torch.int32)},
            "labels must be int64, one for each of the 4 images, not int32 4",
        ),
        ({"labels": torch.zeros(3, dtype=torch.int64)}, "not int64 3"),
        (
            {"labels": torch.tensor([0, 1, 2, 3])},
            "labels must lie in 0 … 2 for 3 classes, but run from 0 to 3",
        ),
        ({"labels": torch.tensor([0, 1, 2, -1])}, "run from -1 to 2"),
        ({"images": torch.zeros(4, 1, 0, 2, dtype=torch.uint8)}, "not uint8 4×1×0×2"),
        ({"classes": ("a", "b", "a")}, "two classes have the same name, a"),
        ({"mean": float("nan")}, "numbers"),
        ({"mean": (0.1, 0.2)}, "mean and std need 1 or 1 numbers"),
        ({"std": 0.0}, "std above zero"),
    ],
)
def test_a_data_set_that_does_not_fit_together(changes, words):
    whole = {
        "images": torch.zeros(4, 1, 2, 2, dtype=torch.uint8),
        "labels": torch.zeros(4, dtype=torch.int64),
        "classes": ("a", "b", "c"),
        "source": "x",
    }
    with pytest.raises(ValueError, match=words):
        ck.Images(**whole | changes)
