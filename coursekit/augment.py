"""Random changes to a whole batch of images at once, on the device where the batch lies.

Each image of the batch gets its own draw, as with torchvision's per-image transforms
(``torchvision.transforms.v2.RandomCrop`` and ``RandomHorizontalFlip``), which the tests compare
with.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from .engine.text import times


@dataclass(frozen=True)
class RandomCrop:
    """Pad every side with ``padding`` black pixels, then cut a random window of the old size.

    N×C×H×W in, the same shape and dtype out. He et al. 2015 (section 4.2) use padding 4 on
    CIFAR-10.
    """

    padding: int = 4

    def __call__(self, images: Tensor) -> Tensor:
        return self.crop(images, *self.draw(len(images), images.device))

    def draw(self, n: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Top and left corner of n windows, each uniform on 0 … 2·padding."""
        return torch.randint(0, 2 * self.padding + 1, (2, n), device=device).unbind()

    def crop(self, images: Tensor, top: Tensor, left: Tensor) -> Tensor:
        """The windows with these corners, cut out of the padded images."""
        n, channels, height, width = images.shape
        padded = F.pad(images, (self.padding,) * 4).contiguous()
        plane, line = padded.stride(1), padded.stride(2)
        # A window is made of rows, and a row is a run of pixels in memory, which index_select
        # copies in one piece.
        image = torch.arange(n * channels, device=images.device).view(n, channels, 1) * plane
        row = torch.arange(height, device=images.device) * line
        start = image + row + (top * line + left).view(n, 1, 1)
        return (
            padded.flatten().unfold(0, width, 1).index_select(0, start.flatten()).view(images.shape)
        )


@dataclass(frozen=True)
class RandomHorizontalFlip:
    """Mirror each image, left to right, with probability ``p``. N×C×H×W in, the same out."""

    p: float = 0.5

    def __call__(self, images: Tensor) -> Tensor:
        return self.flip(images, self.draw(len(images), images.device))

    def draw(self, n: int, device: torch.device) -> Tensor:
        """For each of n images, whether it is mirrored."""
        return torch.rand(n, device=device) < self.p

    def flip(self, images: Tensor, chosen: Tensor) -> Tensor:
        """The chosen images mirrored, the others as they are."""
        both = torch.cat([images, images.flip(3)])
        return both.index_select(
            0, torch.arange(len(images), device=images.device) + len(images) * chosen
        )


@dataclass(frozen=True)
class RandomSymmetry:
    """Turn and mirror each image into one of the eight symmetries of the square, all equally
    likely.

    N×C×S×S in, the same shape and dtype out. Raises ``ValueError`` for images that are not square.
    """

    def __call__(self, images: Tensor) -> Tensor:
        return self.transform(images, *self.draw(len(images), images.device))

    def draw(self, n: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """For each of n images, whether it is mirrored left to right, top to bottom, and at the
        diagonal."""
        return torch.randint(0, 2, (3, n), dtype=torch.bool, device=device).unbind()

    def transform(
        self, images: Tensor, left_right: Tensor, top_bottom: Tensor, diagonal: Tensor
    ) -> Tensor:
        """The images mirrored in these ways, one after the other."""
        if images.shape[2] != images.shape[3]:
            size = times(images.shape[2:])
            raise ValueError(f"only a square has eight symmetries, not images of {size}")
        images = torch.where(left_right.view(-1, 1, 1, 1), images.flip(3), images)
        images = torch.where(top_bottom.view(-1, 1, 1, 1), images.flip(2), images)
        return torch.where(diagonal.view(-1, 1, 1, 1), images.mT, images)
