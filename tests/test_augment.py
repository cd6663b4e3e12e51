"""Augmentation of whole batches against torchvision's functions for single images."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional as one_image

from coursekit.augment import RandomCrop, RandomHorizontalFlip, RandomSymmetry

batches = st.builds(
    lambda n, c, h, w, kind, seed: torch.randint(
        0, 256, (n, c, h, w), generator=torch.Generator().manual_seed(seed)
    ).to(kind),
    st.integers(1, 9),
    st.sampled_from([1, 3]),
    st.integers(1, 12),
    st.integers(1, 12),
    st.sampled_from([torch.uint8, torch.float32]),
    st.integers(0, 99),
)


@given(batches, st.integers(0, 5))
def test_each_crop_is_torchvisions(images, padding):
    before, change = images.clone(), RandomCrop(padding)
    top, left = change.draw(len(images), images.device)
    assert all(0 <= corner <= 2 * padding for corner in (*top.tolist(), *left.tolist()))
    crops = change.crop(images, top, left)
    height, width = images.shape[2:]
    for image, crop, i, j in zip(images, crops, top.tolist(), left.tolist()):
        padded = one_image.pad(image, [padding] * 4)
        assert torch.equal(crop, one_image.crop(padded, i, j, height, width))
    assert crops.dtype == images.dtype and crops.shape == images.shape
    assert torch.equal(images, before), "the batch that came in was changed"


@given(batches)
def test_each_flip_is_torchvisions(images):
    before, change = images.clone(), RandomHorizontalFlip()
    chosen = change.draw(len(images), images.device)
    flipped = change.flip(images, chosen)
    for image, result, mirrored in zip(images, flipped, chosen.tolist()):
        assert torch.equal(result, one_image.horizontal_flip(image) if mirrored else image)
    assert flipped.dtype == images.dtype and flipped.shape == images.shape
    assert torch.equal(images, before), "the batch that came in was changed"


def test_crop_of_a_channels_last_batch():
    images = torch.randint(0, 256, (5, 3, 6, 7), dtype=torch.uint8)
    top, left = torch.randint(0, 5, (2, 5))
    same = images.to(memory_format=torch.channels_last)
    assert torch.equal(RandomCrop(2).crop(same, top, left), RandomCrop(2).crop(images, top, left))


def test_every_image_of_a_batch_has_its_own_crop(seeded):
    one = torch.arange(64, dtype=torch.uint8).view(1, 1, 8, 8)
    crops = RandomCrop(1)(one.expand(9_000, 1, 8, 8))
    kinds, counts = crops.flatten(1).unique(dim=0, return_counts=True)
    assert len(kinds) == 9
    # 1,000 of each are expected, with a standard deviation of 30
    assert (counts - 1_000).abs().max() < 150, counts


def test_every_image_of_a_batch_is_flipped_by_itself(seeded):
    one = torch.arange(4, dtype=torch.uint8).view(1, 1, 1, 4)
    batch = one.expand(2_000, 1, 1, 4)
    flipped = RandomHorizontalFlip()(batch)[:, 0, 0, 0] == 3
    assert 850 < flipped.sum() < 1_150
    assert 850 < (flipped[1:] != flipped[:-1]).sum() < 1_150, "neighbours are flipped together"
    assert torch.equal(RandomHorizontalFlip(0)(batch), batch)
    assert torch.equal(RandomHorizontalFlip(1)(batch), batch.flip(3))


def test_each_epoch_draws_anew(pictures):
    loader = pictures.loader(96, augment=[RandomCrop(2)])
    first, second = (next(iter(loader))[0] for _ in range(2))
    assert not torch.equal(first, second)


def test_the_changes_are_applied_in_their_order_to_bytes(pictures):
    seen = []

    def note(images):
        seen.append((images.dtype, images.flatten()[0].item()))
        return images + 1

    next(iter(pictures.loader(4, augment=[note, note])))
    start = pictures.images[0, 0, 0, 0].item()
    assert seen == [(torch.uint8, start), (torch.uint8, start + 1)]
    assert pictures.augment == (), "the augmentation belongs to its loader only"


def test_a_symmetry_is_drawn_for_each_image(seeded):
    batch = torch.arange(25, dtype=torch.uint8).view(1, 1, 5, 5).repeat(4_000, 2, 1, 1)
    changed = RandomSymmetry()(batch)
    square = batch[0, 0]
    ways = [torch.rot90(start, k) for start in (square, square.T) for k in range(4)]
    counts = [int((changed[:, 0] == way).all((1, 2)).sum()) for way in ways]
    assert sum(counts) == 4_000 and min(counts) > 400 and torch.equal(changed[:, 0], changed[:, 1])


def test_only_a_square_has_eight_symmetries():
    with pytest.raises(ValueError, match="4×5"):
        RandomSymmetry()(torch.zeros(1, 1, 4, 5))
