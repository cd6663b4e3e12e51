"""Two kinds of data about the same things, such as images and texts: pairs of features, and how
good a search among them is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from . import lab, standins
from .data import as_it_is, describe, stratified
from .download import DataError
from .sources import File, NotHere, look_for, obtain, read_arrays, source_of_standin


@dataclass(frozen=True, eq=False)
class Pairs(Dataset):
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
        for name, x in (("image", self.image), ("text", self.text)):
            if x.ndim != 2 or not x.is_floating_point():
                raise ValueError(
                    f"{self.source}: {name} features must be real numbers, samples×features, not {describe(x)}"
                )
            if bad := int((~x.isfinite()).any(1).sum()):
                raise ValueError(
                    f"{self.source}: {bad:,} of {len(x):,} rows of the {name} features have values that are not "
                    "finite: leave these pairs out of both parts, or fill the gaps first"
                )
        rows = len(self.image), len(self.text), len(self.labels)
        if len(set(rows)) > 1:
            raise ValueError(
                f"{self.source}: {rows[0]:,} rows of image features, {rows[1]:,} of text features and "
                f"{rows[2]:,} labels: a row of each must be about the same thing"
            )
        if self.labels.dtype != torch.int64 or self.labels.ndim != 1:
            raise ValueError(
                f"{self.source}: labels must be int64, one for each pair, not {describe(self.labels)}"
            )
        if len(self) and not 0 <= self.labels.min() <= self.labels.max() < len(self.classes):
            raise ValueError(
                f"{self.source}: labels must lie in 0 … {len(self.classes) - 1} for {len(self.classes)} classes, "
                f"but run from {self.labels.min()} to {self.labels.max()}"
            )
        object.__setattr__(self, "classes", tuple(self.classes))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """The image features, the text features and the label of one pair."""
        return self.image[index], self.text[index], self.labels[index]

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """A whole batch at once: N×A, N×B and N. ``DataLoader`` calls this where it exists."""
        return self[torch.as_tensor(indices, device=self.labels.device)]

    def loader(self, batch_size: int, *, shuffle: bool = False) -> DataLoader:
        """A plain ``DataLoader`` over these pairs. Raises ``ValueError`` when there are none."""
        if not len(self):
            raise ValueError(f"{self.source}: there are no pairs, so there is nothing to load")
        return DataLoader(self, batch_size=batch_size, shuffle=shuffle, collate_fn=as_it_is)

    def select(self, index: Tensor) -> "Pairs":
        """These pairs, in this order."""
        return replace(
            self, image=self.image[index], text=self.text[index], labels=self.labels[index]
        )

    def split(self, fraction: float, seed: int = 0) -> tuple["Pairs", "Pairs"]:
        """Two disjoint parts, the second with this fraction of every class (scikit-learn's
        stratified split).

        Raises ``ValueError`` for a class with one pair, which cannot be in both.
        """
        counts = torch.bincount(self.labels, minlength=len(self.classes)).tolist()
        if alone := [name for name, n in zip(self.classes, counts) if n == 1]:
            raise ValueError(
                f"{self.source}: {', '.join(alone)} has one pair only, which cannot be in both parts"
            )
        first, second = (self.select(part) for part in stratified(self.labels, fraction, seed))
        return first, second

    def standardised(self, like: "Pairs") -> "Pairs":
        """Every feature minus its mean, over its standard deviation, both computed from ``like``;
        constant ones become 0.

        Raises ``ValueError`` when the two have not as many features.
        """
        here, there = ([x.shape[1] for x in (part.image, part.text)] for part in (self, like))
        if here != there:
            raise ValueError(
                f"{here[0]} image and {here[1]} text features cannot be standardised like {there[0]} and "
                f"{there[1]}"
            )

        def scaled(x: Tensor, reference: Tensor) -> Tensor:
            sd = reference.std(0)
            return (x - reference.mean(0)) / torch.where(
                sd > 1e-6 * reference.abs().mean(0), sd, math.inf
            )

        return replace(
            self, image=scaled(self.image, like.image), text=scaled(self.text, like.text)
        )

    def __repr__(self) -> str:
        return (
            f"Pairs({len(self):,}, image features {self.image.shape[1]:,}, text features {self.text.shape[1]:,}, "
            f"{len(self.classes)} classes, {self.source}, on {self.labels.device})"
        )


@dataclass(frozen=True, eq=False)
class Retrieval:
    """How good a search was. ``per_query`` average precision of each query, float N, NaN where
    nothing was relevant."""

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
        left_out = (
            f"; {self.left_out:,} left out, for which there is nothing to find"
            if self.left_out
            else ""
        )
        return f"mAP{ranks} {self.mean:.4f} ({counted:,} queries{left_out})"


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
            f"similarity and relevant must have the same shape, queries×gallery, not {describe(similarity)} "
            f"and {describe(relevant)}"
        )
    if at is not None and at < 1:
        raise ValueError(f"at least one rank must count, not {at}")
    if relevant.dtype != torch.bool:
        raise ValueError(f"relevant says yes or no, bool, not {describe(relevant)}")
    if similarity.isnan().any():
        raise ValueError(
            "similarities that are NaN cannot be ranked: the embeddings are not finite; if this happens in "
            "training, lower the learning rate"
        )
    order = similarity.argsort(dim=1, descending=True, stable=True)
    hits = relevant.gather(1, order)[:, :at].double()
    precision = hits.cumsum(1) / torch.arange(1, hits.shape[1] + 1, device=hits.device)
    return (precision * hits).sum(1) / relevant.sum(1).clamp(max=hits.shape[1])


def search(
    similarity: Tensor, query_labels: Tensor, gallery_labels: Tensor, at: int | None = None
) -> Retrieval:
    """Judge a search by ``average_precision``: relevant is what has the label of the query.

    ``similarity`` real Q×G, ``query_labels`` int Q, ``gallery_labels`` int G. Raises ``ValueError``
    as there.
    """
    return Retrieval(average_precision(similarity, query_labels[:, None] == gallery_labels, at), at)


@dataclass(frozen=True)
class _Known:
    """A set of pairs that ``load_pairs`` knows."""

    title: str
    features: str
    classes: tuple[str, ...]
    files: tuple[File, ...] = ()
    licence: str = "none stated"


_WIKIPEDIA = "https://raw.githubusercontent.com/emanuetre/crossmodal/master/wikipedia_info"
KNOWN = {
    "wikipedia": _Known(
        "Wikipedia",
        "Rasiwasia et al. 2010: SIFT bag of words, LDA topics",
        (
            "art",
            "biology",
            "geography",
            "history",
            "literature",
            "media",
            "music",
            "royalty",
            "sport",
            "warfare",
        ),
        tuple(
            File(f"wikipedia/{name}", (f"{_WIKIPEDIA}/{name}",), f"sha256:{sha256}")
            for name, sha256 in (
                (
                    "raw_features.mat",
                    "ca628f765a69575e168ab29eb97f5ade12fadf47b31de1328c7ff631c7f225ae",
                ),
                (
                    "trainset_txt_img_cat.list",
                    "30c1ba8afbe90da5986de9b12496b6dd2e4680d3876b79ab7aae2e437d5819a3",
                ),
                (
                    "testset_txt_img_cat.list",
                    "ec3123ee31cc89dd95fbeb23eb73b2ecfd1d8909bba863723471aad99408c1eb",
                ),
            )
        ),
    ),
    "pascal_sentence": _Known(  # no hash of its training part is known, so it is not downloaded
        "Pascal Sentence",
        "VGG-19 and a sentence CNN, by the authors of DSCMR",
        (
            "aeroplane",
            "bicycle",
            "bird",
            "boat",
            "bottle",
            "bus",
            "car",
            "cat",
            "chair",
            "cow",
            "diningtable",
            "dog",
            "horse",
            "motorbike",
            "person",
            "pottedplant",
            "sheep",
            "sofa",
            "train",
            "tvmonitor",
        ),
    ),
}


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
    if name not in KNOWN:
        raise ValueError(f"there are no pairs {name!r}: choose one of {', '.join(KNOWN)}")
    known, device = KNOWN[name], device or lab.default_device()
    parts = look_for(
        known.title,
        [lambda: _prepared(name, known), lambda: _published(known)],
        lambda: _standin(known),
        _STANDIN,
    )
    train, test = (
        replace(
            part,
            image=part.image.to(device),
            text=part.text.to(device),
            labels=part.labels.to(device),
        )
        for part in parts
    )
    for part, other, here, there in (
        (train, test, "training", "test"),
        (test, train, "test", "training"),
    ):
        if alone := sorted(set(part.labels.tolist()) - set(other.labels.tolist())):
            print(
                f"{part.source}: only the {here} part has {', '.join(part.classes[k] for k in alone)}, "
                f"the {there} part has nothing of it"
            )
    return train, test


def _prepared(name: str, known: _Known) -> tuple[Pairs, Pairs]:
    path = lab.data_folder() / f"{name}.npz"
    keys = [f"{part}_{kind}" for part in ("train", "test") for kind in ("image", "text", "labels")]
    arrays = read_arrays(path, [*keys, "source"], ["classes"])
    classes = tuple(map(str, arrays["classes"])) if "classes" in arrays else known.classes
    if any(
        arrays[f"{part}_labels"].dtype.kind not in "iu" for part in ("train", "test")
    ):  # 1.5 must not become 1
        raise DataError(f"{path.name}: labels must be whole numbers")
    try:
        train, test = (
            Pairs(
                *(
                    torch.from_numpy(arrays[f"{part}_{kind}"].astype(np.float32))
                    for kind in ("image", "text")
                ),
                torch.from_numpy(arrays[f"{part}_labels"].astype(np.int64)),
                classes,
                str(arrays["source"]),
            )
            for part in ("train", "test")
        )
    except ValueError as error:
        raise DataError(f"{path.name}: {error}") from None
    if train.image.shape[1] != test.image.shape[1] or train.text.shape[1] != test.text.shape[1]:
        raise DataError(
            f"{path.name}: both parts must have as many features, not {train} and {test}"
        )
    return train, test


def _published(known: _Known) -> tuple[Pairs, Pairs]:
    from scipy.io import loadmat

    if not known.files:
        raise NotHere("there is no prepared file, and its publisher's files cannot be checked")
    obtain(known.files, known.title)
    features, *lists = (lab.data_folder() / file.path for file in known.files)
    found = loadmat(features)

    def part(ending: str, listed) -> Pairs:
        lines = listed.read_text(encoding="utf-8").split("\n")
        labels = torch.tensor([int(line.split()[-1]) - 1 for line in lines if line.strip()])
        image, text = (
            torch.from_numpy(found[f"{kind}_{ending}"].astype(np.float32)) for kind in "IT"
        )
        return Pairs(image, text, labels, known.classes, f"{known.title} ({known.features})")

    return part("tr", lists[0]), part("te", lists[1])


_STANDIN = "scikit-learn's digits"


def _standin(known: _Known) -> tuple[tuple[Pairs, Pairs], str]:
    image, text, labels, cut = standins.pairs()
    whole = Pairs(
        image, text, labels, tuple("0123456789"), source_of_standin(known.title, _STANDIN)
    )
    index = torch.arange(len(whole))
    return (
        (whole.select(index[:cut]), whole.select(index[cut:])),
        f"{cut:,} + {len(whole) - cut:,} handwritten digits, as pixels and as bags of strokes",
    )
