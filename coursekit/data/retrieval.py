"""Two kinds of data about the same things, such as images and texts: pairs of features, and how
good a search among them is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .. import lab
from ..engine.console import say
from ..engine.files import read_text
from ..engine.fingerprint import fingerprint
from ..engine.text import count, described, printable
from ..images import Batched, check_labels, stratified
from . import standins
from .catalogue import PAIRS, known
from .lookup import look_for
from .reading import Arrays, one_text, read_mat, reading, tell_copies, words


@dataclass(frozen=True, eq=False)
class Pairs(Batched):
    """Features of images and of texts, row by row about the same thing.

    ``image`` float N×A, ``text`` float N×B, ``labels`` int64 N, ``classes`` the name of each label,
    ``source`` what they are. Raises ``ValueError`` when rows, types or labels do not fit together
    and for features that are not finite.
    """

    image: Tensor
    text: Tensor
    labels: Tensor
    classes: Sequence[str]
    source: str

    def __post_init__(self):
        labels = self.labels
        for name, x in (("image", self.image), ("text", self.text)):
            if x.ndim != 2 or not x.is_floating_point() or not x.shape[1]:
                what = f"{name} features must be real numbers, samples×features"
                raise ValueError(f"{self.source}: {what}, not {described(x)}")
            if bad := int((~x.isfinite()).any(1).sum()):
                what = f"{bad:,} of {len(x):,} rows of the {name} features are not finite"
                raise ValueError(f"{self.source}: {what}: leave them out, or fill the gaps first")
        if labels.dtype != torch.int64 or labels.ndim != 1:
            found = described(labels)
            raise ValueError(f"{self.source}: labels must be int64, one for each pair, not {found}")
        rows = len(self.image), len(self.text), len(labels)
        if len(set(rows)) > 1:
            raise ValueError(
                f"{self.source}: {rows[0]:,} rows of image features, {rows[1]:,} of text features "
                f"and {count(rows[2], 'label')}: a row of each must be about the same thing"
            )
        check_labels(self.source, labels, self.classes)
        object.__setattr__(self, "classes", tuple(self.classes))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def widths(self) -> tuple[int, int]:
        """How many features there are of each image, and of each text."""
        return self.image.shape[1], self.text.shape[1]

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """A whole batch at once: N×A, N×B and N. ``DataLoader`` calls this where it exists."""
        index = torch.as_tensor(indices, device=self.labels.device)
        return self.image[index], self.text[index], self.labels[index]

    @property
    def fingerprint(self) -> str:
        """A short hash of the features and the labels."""
        return fingerprint(self.image, self.text, self.labels)

    def select(self, index: slice | Tensor) -> "Pairs":
        """These pairs, in this order."""
        image, text, labels = (x[index] for x in (self.image, self.text, self.labels))
        return replace(self, image=image, text=text, labels=labels)

    def split(self, fraction: float, seed: int = 0) -> tuple["Pairs", "Pairs"]:
        """Two disjoint parts, the second with this fraction of every class (scikit-learn's
        stratified split). Raises ``ValueError`` for a class with one pair, too few for both."""
        counts = torch.bincount(self.labels, minlength=len(self.classes)).tolist()
        if alone := [name for name, n in zip(self.classes, counts) if n == 1]:
            alone = ", ".join(alone)
            raise ValueError(f"{self.source}: {alone} has one pair only, too few for both parts")
        first, second = stratified(self.labels, fraction, seed)
        return self.select(first), self.select(second)

    def standardised(self, like: "Pairs") -> "Pairs":
        """Every feature minus its mean, over its standard deviation, both computed from ``like``;
        constant ones become 0. Raises ``ValueError`` when the two have not as many features."""
        if self.widths != like.widths:
            raise ValueError(f"{self} is standardised like {like}: both need as many features")

        def scaled(x: Tensor, reference: Tensor) -> Tensor:
            mean, sd = reference.mean(0), reference.std(0)
            return (x - mean) / torch.where(sd > 1e-6 * reference.abs().mean(0), sd, math.inf)

        image, text = scaled(self.image, like.image), scaled(self.text, like.text)
        return replace(self, image=image, text=text)

    def __repr__(self) -> str:
        image, text = self.widths
        return (
            f"Pairs({len(self):,}, image features {image:,}, text features {text:,}, "
            f"{len(self.classes)} classes, {self.source}, on {self.labels.device})"
        )


@dataclass(frozen=True, eq=False)
class Retrieval:
    """How good a search was: ``per_query`` average precision of each query, float N, NaN where
    nothing was relevant, among the first ``at`` ranks."""

    per_query: Tensor
    at: int | None

    @property
    def mean(self) -> float:
        """Mean average precision over the queries for which there was something to find."""
        return self.per_query.nanmean().item()

    @property
    def left_out(self) -> int:
        """How many queries had nothing relevant to find, and do not count."""
        return int(self.per_query.isnan().sum())

    def __repr__(self) -> str:
        ranks, counted = f"@{self.at}" if self.at else "", len(self.per_query) - self.left_out
        queries = f"{counted:,} queries"
        if self.left_out:
            queries += f"; {self.left_out:,} left out, for which there is nothing to find"
        return f"mAP{ranks} {self.mean:.4f} ({queries})"


def average_precision(similarity: Tensor, relevant: Tensor, at: int | None = None) -> Tensor:
    """Average precision of each query, float Q, with NaN for a query without anything relevant.

    ``similarity`` real Q×G (larger is more alike), ``relevant`` bool Q×G. The gallery is ranked by
    similarity, equal ones in the order of the gallery. At each relevant rank r stands the precision
    among the first r; the average divides their sum by the number of relevant ones, with ``at`` of
    the first ``at`` ranks by min(that number, at) (Manning et al. 2008, 8.4). Raises ``ValueError``
    for shapes that do not fit, similarities that are NaN and ``at`` below 1.
    """
    if similarity.shape != relevant.shape or similarity.ndim != 2:
        raise ValueError(
            "similarity and relevant must have the same shape, queries×gallery, not "
            f"{described(similarity)} and {described(relevant)}"
        )
    if at is not None and at < 1:
        raise ValueError(f"at least one rank must count, not {at}")
    if relevant.dtype != torch.bool:
        raise ValueError(f"relevant says yes or no, bool, not {described(relevant)}")
    if similarity.isnan().any():
        raise ValueError(
            "similarities that are NaN cannot be ranked: the embeddings are not finite; if this "
            "happens in training, lower the learning rate"
        )
    order = similarity.argsort(dim=1, descending=True, stable=True)
    hits = relevant.gather(1, order)[:, :at].cpu().double()
    precision = hits.cumsum(1) / torch.arange(1, hits.shape[1] + 1)
    return (precision * hits).sum(1) / relevant.sum(1).cpu().clamp(max=hits.shape[1])


def search(
    similarity: Tensor, query_labels: Tensor, gallery_labels: Tensor, at: int | None = None
) -> Retrieval:
    """Judge a search by ``average_precision``: relevant is what has the label of the query.

    ``similarity`` real Q×G, ``query_labels`` int Q, ``gallery_labels`` int G. Raises ``ValueError``
    as there.
    """
    return Retrieval(average_precision(similarity, query_labels[:, None] == gallery_labels, at), at)


def load_pairs(name: str, *, device=None) -> tuple[Pairs, Pairs]:
    """The training and the test part of ``"wikipedia"`` or ``"pascal_sentence"``.

    Looks in this order: a prepared file (``NAME.npz`` with ``train_image``, ``train_text``,
    ``train_labels``, the same with ``test_``, ``source`` and, if wanted, ``classes``) in the data
    folder; for Wikipedia the publisher's features there (Rasiwasia et al. 2010: 128 of SIFT, 10 of
    LDA), downloaded if need be and checked against their sha256; a stand-in of scikit-learn's
    digits, announced by a banner that gives the reason. At scale smoke it is always the stand-in. A
    class that only one of the two parts has is named.

    Raises ``ValueError`` for an unknown name, ``DataError`` for a damaged file or a folder that
    cannot be written.
    """
    one, device = known(name, PAIRS), device or lab.default_device()

    def pairs(image, text, labels, classes: Sequence[str], source: str) -> Pairs:
        """Pairs of arrays as a file holds them."""
        if labels.dtype.kind not in "iu":  # 1.5 must not become 1
            raise ValueError(f"labels must be whole numbers, not {labels.dtype}")
        for name, x in (("image", image), ("text", text)):
            # nor is "1.5" a number, nor half of a complex one
            if x.dtype.kind not in "iuf" or x.ndim != 2 or not len(x):
                what = f"{name} features must be real numbers, samples×features"
                raise ValueError(f"{what}, not {described(x)}")
        kinds = (image, np.float32), (text, np.float32), (labels, np.int64)
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and refused
            tensors = [torch.from_numpy(np.array(x, dtype)).to(device) for x, dtype in kinds]
        return Pairs(*tensors, classes, source)

    def prepared(arrays: Arrays) -> tuple[Pairs, Pairs]:
        classes = words(arrays["classes"], "classes") if "classes" in arrays else one.classes
        source = one_text(arrays["source"], "source")

        def part(which: str) -> Pairs:
            views = (arrays[f"{which}_{view}"] for view in ("image", "text", "labels"))
            return pairs(*views, classes, source)

        train, test = part("train"), part("test")
        if train.widths != test.widths:
            raise ValueError(f"both parts must have as many features, not {train} and {test}")
        tell_copies(source, train.image.cpu(), test.image.cpu())
        return train, test

    def published(folder: Path) -> tuple[Pairs, Pairs]:
        features, *lists = (folder / file.path for file in one.files)
        found = read_mat(features, "I_tr", "T_tr", "I_te", "T_te")

        def part(image: np.ndarray, text: np.ndarray, listed: Path) -> Pairs:
            with reading(listed, "list of these labels"):
                lines = read_text(listed).split("\n")
                labels = np.array([int(line.split()[-1]) - 1 for line in lines if line.strip()])
            with reading(features, f"set of features for {printable(listed.name)}"):
                return pairs(image, text, labels, one.classes, f"{one.title} ({one.features})")

        return part(*found[:2], lists[0]), part(*found[2:], lists[1])

    def standin() -> tuple[tuple[Pairs, Pairs], str]:
        *views, cut = standins.pairs()
        whole = Pairs(*(x.to(device) for x in views), tuple("0123456789"), one.standin)
        parts = whole.select(slice(cut)), whole.select(slice(cut, None))
        digits = f"{cut:,} + {len(whole) - cut:,} handwritten digits"
        return parts, f"{digits}, as pixels and as bags of strokes"

    train, test = look_for(one, prepared=prepared, published=published, standin=standin)
    for part, other, which in ((train, test, "training"), (test, train, "test")):
        if alone := sorted(set(part.labels.tolist()) - set(other.labels.tolist())):
            names = ", ".join(part.classes[k] for k in alone)
            say(f"{part.source}: only the {which} part has {names}")
    return train, test
