"""Image data sets that live on the device as one uint8 tensor, and their loaders."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from .engine.fingerprint import fingerprint
from .engine.text import described, times


class Batched(Dataset):
    """A data set that makes a whole batch at once, in ``__getitems__``, and has a plain loader."""

    def __getitem__(self, index: int) -> tuple:
        """One sample; what there is one number of for each, as a label, is a number."""
        batch = self.__getitems__([range(len(self))[index]])
        return tuple(part[0] if part.ndim > 1 else part[0].item() for part in batch)

    def loader(
        self, batch_size: int, *, shuffle: bool = False, drop_last: bool = False
    ) -> DataLoader:
        """A plain ``DataLoader``; ``drop_last`` leaves a last batch out that is not full.

        Raises ``ValueError`` when there is nothing to load.
        """
        if len(self) < (batch_size if drop_last else 1):
            what = "it is empty" if not len(self) else f"its {len(self)} samples fill no batch"
            raise ValueError(f"{self.source}: {what}, so there is nothing to load")
        return DataLoader(
            self, batch_size, shuffle=shuffle, drop_last=drop_last, collate_fn=as_it_is
        )


def as_it_is(batch):
    """``__getitems__`` has made the batch already: nothing is left to collate."""
    return batch


@dataclass(eq=False)
class Images(Batched):
    """Images and labels as two tensors on one device: a batch is one indexing operation.

    ``images`` uint8 N×C×H×W, ``labels`` int64 N, ``classes`` the name of each label, ``source``
    what the data are, ``mean`` and ``std`` for pixels scaled to 0 … 1 (one number, or one for each
    channel), ``augment`` functions from a uint8 batch to a uint8 batch, applied in their order
    before the pixels are normalised. Raises ``ValueError`` when shapes, types or labels do not fit
    together.
    """

    images: Tensor
    labels: Tensor
    classes: Sequence[str]
    source: str
    mean: float | Sequence[float] = 0.0
    std: float | Sequence[float] = 1.0
    augment: Sequence[Callable[[Tensor], Tensor]] = ()
    _scale: Tensor = field(init=False, repr=False)
    _shift: Tensor = field(init=False, repr=False)

    def __post_init__(self):
        images, labels = self.images, self.labels
        if images.ndim != 4 or images.dtype != torch.uint8 or 0 in images.shape[1:]:
            found = described(images)
            raise ValueError(f"{self.source}: images must be uint8 N×C×H×W, not {found}")
        if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
            what = f"labels must be int64, one for each of the {len(images)} images"
            raise ValueError(f"{self.source}: {what}, not {described(labels)}")
        check_labels(self.source, labels, self.classes)
        channels = images.shape[1]
        mean, std = (
            torch.tensor(value, dtype=torch.float32).reshape(-1) for value in (self.mean, self.std)
        )
        fitting = all(len(v) in (1, channels) and v.isfinite().all() for v in (mean, std))
        if not fitting or not (std > 0).all():
            what = f"mean and std need 1 or {channels} numbers, and std above zero"
            raise ValueError(f"{self.source}: {what}, not {self.mean} and {self.std}")
        # (pixel / 255 - mean) / std, written as pixel * scale - shift
        self._scale = (1 / (255 * std)).view(-1, 1, 1).to(images.device)
        self._shift = (mean / std).view(-1, 1, 1).to(images.device)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """A whole batch at once, float N×C×H×W and int64 N, as ``DataLoader`` asks for it."""
        index = torch.as_tensor(indices, device=self.labels.device)
        x, y = self.images.index_select(0, index), self.labels.index_select(0, index)
        for change in self.augment:
            x = change(x)
        return x.float().mul_(self._scale).sub_(self._shift), y

    @property
    def fingerprint(self) -> str:
        """A short hash of what a batch depends on: pixels, labels, normalisation, augmentation."""
        numbers = self.images, self.labels, self.mean, self.std
        return fingerprint(*numbers, list(self.augment), list(self.classes))

    def loader(
        self,
        batch_size: int,
        *,
        shuffle: bool = False,
        drop_last: bool = False,
        augment: Sequence[Callable] = (),
    ) -> DataLoader:
        """A plain ``DataLoader`` over these images; ``augment`` holds for this loader only,
        ``drop_last`` leaves a last batch out that is not full.

        Raises ``ValueError`` when there is nothing to load.
        """
        images = replace(self, augment=augment) if augment else self
        return super(Images, images).loader(batch_size, shuffle=shuffle, drop_last=drop_last)

    def take(self, n: int) -> "Images":
        """The first n images (all, if there are fewer)."""
        return self.select(slice(0, n))

    def split(self, fraction: float, seed: int = 0) -> tuple["Images", "Images"]:
        """Two disjoint parts, the second with this fraction of every class (scikit-learn's)."""
        first, second = (self.select(part) for part in stratified(self.labels, fraction, seed))
        return first, second

    def select(self, index: slice | Tensor) -> "Images":
        """These images, in this order."""
        return replace(self, **self._chosen(index))

    def _chosen(self, index: slice | Tensor) -> dict:
        """All that there is one of for each image, of these images only."""
        return {"images": self.images[index], "labels": self.labels[index]}

    def pixels(self, index: slice | Sequence[int] = slice(None)) -> np.ndarray:
        """Images as people see them: uint8 N×H×W×C on the CPU, neither augmented nor normalised."""
        return self.images[index].permute(0, 2, 3, 1).cpu().numpy()

    def __repr__(self) -> str:
        n, *shape = self.images.shape
        what = f"{n:,} × {times(shape)}, {len(self.classes)} classes, {self.source}"
        return f"{type(self).__name__}({what}, on {self.images.device})"


def check_labels(source: str, labels: Tensor, classes: Sequence[str]) -> None:
    """Raise ``ValueError`` for labels outside 0 … classes - 1, and for a name of two classes."""
    number = len(classes)
    if len(labels) and not 0 <= labels.min() <= labels.max() < number:
        allowed = f"labels must lie in 0 … {number - 1} for {number} classes"
        raise ValueError(f"{source}: {allowed}, but run from {labels.min()} to {labels.max()}")
    if len(set(classes)) < number:
        double = next(name for i, name in enumerate(classes) if name in classes[:i])
        raise ValueError(f"{source}: two classes have the same name, {double}")


def stratified(labels: Tensor, fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Positions of two disjoint parts, in order, the second with this fraction of every label."""
    from sklearn.model_selection import train_test_split

    parts = train_test_split(
        np.arange(len(labels)), test_size=fraction, random_state=seed, stratify=labels.cpu().numpy()
    )
    first, second = (torch.as_tensor(np.sort(part), device=labels.device) for part in parts)
    return first, second
