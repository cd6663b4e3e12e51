# ruff: noqa: F811
"""Pairs of features and the judging of a search: against a loop, against scikit-learn, and what is
said of bad data."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mirror import change_set, file_of, folder  # noqa: F401
from sklearn.metrics import average_precision_score

import coursekit as ck
from coursekit.data import download
from coursekit.data.catalogue import SETS
from coursekit.data.retrieval import Pairs, average_precision, search


def by_hand(similarity, relevant, at=None):
    """The definition as a loop over ranks."""
    found = []
    for row, wanted in zip(similarity.tolist(), relevant.tolist()):
        ranked = sorted(range(len(row)), key=lambda i: -row[i])  # stable, as the course's
        hits, total = 0, 0.0
        for rank, i in enumerate(ranked[:at], 1):
            if wanted[i]:
                hits += 1
                total += hits / rank
        possible = min(sum(wanted), at or len(row))
        found.append(total / possible if possible else math.nan)
    return torch.tensor(found, dtype=torch.float64)


@given(
    st.integers(1, 6), st.integers(1, 12), st.integers(0, 10_000), st.sampled_from([None, 1, 3, 50])
)
def test_equal_to_a_loop(queries, gallery, seed, at):
    generator = torch.Generator().manual_seed(seed)
    similarity = torch.randint(
        -3, 4, (queries, gallery), generator=generator
    ).float()  # with many ties
    relevant = torch.rand(queries, gallery, generator=generator) < 0.4
    torch.testing.assert_close(
        average_precision(similarity, relevant, at),
        by_hand(similarity, relevant, at),
        equal_nan=True,
    )


def test_equal_to_scikit_learn_without_ties():
    similarity, relevant = torch.randn(20, 100), torch.rand(20, 100) < 0.2
    expected = [average_precision_score(wanted, row) for row, wanted in zip(similarity, relevant)]
    assert average_precision(similarity, relevant).tolist() == pytest.approx(expected)


def test_an_example_on_paper():
    similarity = torch.tensor([[0.9, 0.8, 0.7, 0.6, 0.5]])
    relevant = torch.tensor([[True, False, True, False, True]])
    assert average_precision(similarity, relevant).item() == pytest.approx((1 + 2 / 3 + 3 / 5) / 3)
    assert average_precision(similarity, relevant, at=2).item() == pytest.approx(1 / 2)
    assert average_precision(similarity, ~relevant, at=1).item() == 0


def test_queries_without_an_answer_are_left_out_and_counted():
    result = search(torch.eye(3), torch.tensor([0, 1, 7]), torch.tensor([0, 1, 1]))
    assert result.left_out == 1 and result.mean == pytest.approx((1 + (1 + 2 / 3) / 2) / 2)
    assert "mAP 0.9167 (2 queries; 1 left out, for which there is nothing to find)" == repr(result)
    assert (
        repr(search(torch.eye(2), torch.tensor([0, 1]), torch.tensor([0, 1]), at=1))
        == "mAP@1 1.0000 (2 queries)"
    )


def test_searches_that_make_no_sense():
    with pytest.raises(ValueError, match="same shape"):
        average_precision(torch.zeros(2, 3), torch.zeros(3, 2, dtype=torch.bool))
    with pytest.raises(ValueError, match="yes or no, bool, not float32 1×2"):
        average_precision(torch.zeros(1, 2), torch.ones(1, 2))
    with pytest.raises(ValueError, match="NaN .*lower the learning rate"):
        average_precision(torch.tensor([[math.nan, 1]]), torch.tensor([[True, False]]))
    with pytest.raises(ValueError, match="at least one rank"):
        average_precision(torch.zeros(1, 1), torch.ones(1, 1, dtype=torch.bool), at=0)


@pytest.fixture
def pairs():
    return Pairs(
        torch.arange(60.0).view(30, 2),
        torch.randn(30, 3),
        torch.arange(30) % 3,
        ("a", "b", "c"),
        "thirty pairs",
    )


def test_batches(pairs):
    image, text, labels = next(iter(pairs.loader(8)))
    assert torch.equal(image, pairs.image[:8]) and torch.equal(text, pairs.text[:8])
    assert labels.tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    seen = torch.cat([image[:, 0] for image, _, _ in pairs.loader(8, shuffle=True)])
    assert (
        sorted(seen.tolist()) == pairs.image[:, 0].tolist()
        and seen.tolist() != pairs.image[:, 0].tolist()
    )


def test_single_pairs_and_the_fingerprint(pairs):
    image, text, label = pairs[-1]
    assert torch.equal(image, pairs.image[29]) and torch.equal(text, pairs.text[29]) and label == 2
    changed = [
        replace(pairs, image=pairs.image + 1),
        replace(pairs, text=pairs.text + 1),
        replace(pairs, labels=pairs.labels.flip(0)),
        pairs.select(torch.arange(29)),
    ]
    assert len({one.fingerprint for one in (pairs, *changed)}) == 5
    assert pairs.fingerprint == pairs.select(torch.arange(30)).fingerprint


def test_parts_are_disjoint_and_keep_pairs_together(pairs):
    first, second = pairs.split(0.2, seed=1)
    assert len(first) == 24 and torch.bincount(second.labels).tolist() == [2, 2, 2]
    assert not set(first.image[:, 0].tolist()) & set(second.image[:, 0].tolist())
    row = int(second.image[0, 0] / 2)
    assert torch.equal(second.text[0], pairs.text[row]) and second.labels[0] == pairs.labels[row]


def test_standardised_with_what_was_learned_from(pairs):
    train, test = pairs.split(0.5)
    constant = Pairs(
        torch.cat([train.image, torch.full((15, 1), 7.0)], 1),
        train.text,
        train.labels,
        train.classes,
        "x",
    )
    scaled = constant.standardised(constant)
    assert (
        torch.allclose(scaled.image[:, :2].std(0), torch.ones(2))
        and (scaled.image[:, 2] == 0).all()
    )
    expected = (test.text - train.text.mean(0)) / train.text.std(0)
    torch.testing.assert_close(test.standardised(train).text, expected)


def test_parts_and_scales_that_cannot_be(pairs):
    lonely = Pairs(
        pairs.image[:4], pairs.text[:4], torch.tensor([0, 0, 1, 0]), ("a", "b", "c"), "x"
    )
    with pytest.raises(ValueError, match="b has one pair only"):
        lonely.split(0.5)
    narrow = Pairs(pairs.image[:, :1], pairs.text, pairs.labels, pairs.classes, "x")
    with pytest.raises(ValueError, match="image features 2, .* image features 1, .* as many"):
        pairs.standardised(narrow)


def test_pairs_that_do_not_fit(pairs):
    good = {
        "image": torch.zeros(4, 2),
        "text": torch.zeros(4, 3),
        "labels": torch.tensor([0, 1, 1, 0]),
        "classes": "ab",
        "source": "test",
    }
    nan = torch.zeros(4, 2)
    nan[1:3] = math.nan
    for change, said in (
        ({"text": torch.zeros(5, 3)}, "4 rows of image features, 5 of text features and 4 labels"),
        ({"labels": torch.tensor([0, 1, 1])}, "and 3 labels"),
        ({"image": nan}, "2 of 4 rows of the image features .* not finite"),
        ({"text": torch.full((4, 3), math.inf)}, "4 of 4 rows of the text features"),
        ({"labels": torch.tensor([0, 1, 2, 0])}, "0 … 1 for 2 classes"),
        ({"labels": torch.tensor([0.0, 1, 1, 0])}, "int64"),
        ({"image": torch.zeros(4, 2, dtype=torch.int64)}, "real numbers"),
    ):
        with pytest.raises(ValueError, match=said):
            Pairs(**(good | change))
    with pytest.raises(ValueError, match="it is empty, so there is nothing to load"):
        pairs.select(torch.tensor([], dtype=torch.int64)).loader(4)


ARRAYS = {
    "train_image": np.random.rand(6, 4),
    "train_text": np.random.rand(6, 3),
    "train_labels": np.array([0, 1, 2, 0, 1, 2]),
    "test_image": np.random.rand(4, 4),
    "test_text": np.random.rand(4, 3),
    "test_labels": np.array([0, 1, 1, 3]),
    "classes": np.array(["w", "x", "y", "z"]),
    "source": np.array("a prepared set"),
}


def test_a_prepared_file(folder, capsys):
    np.savez(folder / "wikipedia.npz", **ARRAYS)
    train, test = ck.load_pairs("wikipedia", device="cpu")
    said = capsys.readouterr().out
    assert (
        len(train) == 6
        and test.classes == ("w", "x", "y", "z")
        and train.source == "a prepared set"
    )
    assert np.allclose(test.image, ARRAYS["test_image"]) and test.labels.tolist() == [0, 1, 1, 3]
    assert "only the training part has y\n" in said and "only the test part has z\n" in said


@pytest.mark.parametrize(
    "change, said",
    [
        ({"train_text": np.random.rand(5, 3)}, "6 rows of image features, 5 of text"),
        ({"test_image": np.full((4, 4), np.nan)}, "4 of 4 rows of the image features"),
        ({"train_labels": np.array([0.5] * 6)}, "whole numbers"),
        ({"test_text": np.random.rand(4, 2)}, "as many features"),
        ({"train_image": np.ones((6, 4), complex)}, "real numbers"),
        ({"train_image": np.full((6, 4), "1.5")}, "real numbers"),
        ({"train_image": np.full((6, 4), 1e300)}, "6 of 6 rows of the image features"),
        ({"train_image": np.ones((6, 0)), "test_image": np.ones((4, 0))}, "real numbers"),
        ({"train_labels": np.array(1)}, "one for each pair"),
        ({"classes": [*"wxyw"]}, "two classes have the same name, w"),
    ],
)
def test_prepared_files_that_do_not_fit(folder, change, said):
    np.savez(folder / "wikipedia.npz", **(ARRAYS | change))
    with pytest.raises(download.DataError, match=f"wikipedia.npz: .*{said}"):
        ck.load_pairs("wikipedia")


def test_the_publishers_files(folder, monkeypatch):
    from scipy.io import savemat

    place = folder / "wikipedia"
    place.mkdir()
    savemat(
        place / "raw_features.mat",
        {
            "I_tr": ARRAYS["train_image"],
            "T_tr": ARRAYS["train_text"],
            "I_te": ARRAYS["test_image"],
            "T_te": ARRAYS["test_text"],
        },
    )
    (place / "trainset_txt_img_cat.list").write_text(
        "".join(f"t{i}\ti{i}\t{i % 3 + 1}\n" for i in range(6))
    )
    (place / "testset_txt_img_cat.list").write_text(
        "".join(f"t{i}\ti{i}\t{i % 3 + 1}\n" for i in range(4))
    )
    files = tuple(file_of(folder / file.path, folder) for file in SETS["wikipedia"].files)
    change_set(monkeypatch, "wikipedia", files=files)
    train, test = ck.load_pairs("wikipedia", device="cpu")
    assert train.labels.tolist() == [0, 1, 2, 0, 1, 2] and np.allclose(
        test.text, ARRAYS["test_text"]
    )
    assert "Rasiwasia" in train.source
    (place / "raw_features.mat").write_bytes(b"damaged")
    with pytest.raises(download.DataError, match="raw_features.mat"):
        ck.load_pairs("wikipedia")


def test_what_cannot_be_checked_is_not_downloaded(folder, capsys):
    train, test = ck.load_pairs("pascal_sentence", device="cpu")
    said = capsys.readouterr().out
    assert "this is NOT Pascal Sentence" in said and "cannot be checked" in said
    assert "stand-in (scikit-learn's digits)" in train.source and len(train) + len(test) == 1_797
    with pytest.raises(ValueError, match="choose one of wikipedia, pascal_sentence"):
        ck.load_pairs("flickr")


def test_the_views_of_the_standin_share_their_structure(capsys):
    """The text of a digit is about this digit: the nearest text tells the class far better than
    chance (0.1)."""
    train, test = ck.load_pairs("wikipedia", device="cpu")
    assert torch.allclose(train.text.sum(1), torch.ones(len(train))) and train.image.shape[1] == 64
    nearest = torch.cdist(test.text, train.text).argmin(1)
    assert (train.labels[nearest] == test.labels).float().mean() > 0.5
