"""DSCMR, its loss, its rivals and its searches, as the notebook defines them."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import average_precision_score
from torch.nn import functional as F
from torchmetrics.functional.retrieval import retrieval_average_precision

from notebooks import definitions, parameters


@pytest.fixture(scope="module")
def retrieval():
    return definitions("week5_dscmr_retrieval")


def test_the_papers_sizes(retrieval):
    net = retrieval.DSCMR()
    assert parameters(net) == 11_125_780
    U, V, P, Q = net(torch.zeros(3, 4096), torch.zeros(3, 300))
    assert U.shape == V.shape == (3, 1024) and P.shape == Q.shape == (3, 20)


def test_both_kinds_go_through_the_same_layers(retrieval, seeded):
    net, image, text = retrieval.DSCMR(5, 3, 4, 8, 6), torch.randn(2, 5), torch.randn(2, 3)
    U, V, P, Q = net(image, text)

    def through(x, branch):
        return F.linear(
            F.relu(F.linear(x, branch[0].weight, branch[0].bias)),
            net.shared.weight,
            net.shared.bias,
        )

    torch.testing.assert_close(U, through(image, net.image))
    torch.testing.assert_close(V, through(text, net.text))
    torch.testing.assert_close((P, Q), (net.classify(U), net.classify(V)))


@pytest.fixture
def outputs(seeded):
    return (
        torch.randn(7, 4),
        torch.randn(7, 4),
        torch.randn(7, 3),
        torch.randn(7, 3),
        torch.tensor([0, 1, 2, 0, 1, 1, 2]),
    )


def test_the_label_loss_is_its_loop(retrieval, outputs):
    _, _, P, Q, y = outputs
    expected = (
        sum(
            math.dist(X[i].tolist(), [float(k == y[i]) for k in range(3)])
            for X in (P, Q)
            for i in range(7)
        )
        / 7
    )
    assert retrieval.label_loss(P, Q, y).item() == pytest.approx(expected, rel=1e-5)


def test_the_similarity_loss_is_its_loop(retrieval, outputs):
    U, V, _, _, y = outputs
    expected = 0
    for A, B in ((U, U), (U, V), (V, V)):
        for i in range(7):
            for j in range(7):
                gamma = 0.5 * F.cosine_similarity(A[i], B[j], dim=0).item()
                expected += (math.log(1 + math.exp(gamma)) - (y[i] == y[j]).item() * gamma) / 49
    assert retrieval.similarity_loss(U, V, y).item() == pytest.approx(expected, rel=1e-5)


def test_the_invariance_loss_is_its_loop(retrieval, outputs):
    U, V, *_ = outputs
    expected = sum(math.dist(u.tolist(), v.tolist()) for u, v in zip(U, V)) / 7
    assert retrieval.invariance_loss(U, V).item() == pytest.approx(expected, rel=1e-5)


def test_the_weights_belong_to_their_parts(retrieval, outputs):
    U, V, P, Q, y = outputs
    parts = (
        retrieval.label_loss(P, Q, y),
        retrieval.similarity_loss(U, V, y),
        retrieval.invariance_loss(U, V),
    )
    for i, part in enumerate(parts):
        weights = tuple(2.0 * (j == i) for j in range(3))
        torch.testing.assert_close(retrieval.dscmr_loss((U, V, P, Q), y, weights), 2 * part)
    total = retrieval.dscmr_loss((U, V, P, Q), y, (1, 1e-3, 0.1))
    torch.testing.assert_close(total, parts[0] + 1e-3 * parts[1] + 0.1 * parts[2])


def test_the_metric_is_the_mean_of_both_searches(retrieval, outputs):
    U, V, P, Q, y = outputs

    def by_hand(A, B):
        values = []
        for i in range(7):
            order = sorted(range(7), key=lambda j: -F.cosine_similarity(A[i], B[j], dim=0).item())
            hits = [rank for rank, j in enumerate(order, 1) if y[j] == y[i]]
            values.append(np.mean([(n + 1) / rank for n, rank in enumerate(hits)]))
        return np.array(values)

    expected = (by_hand(U, V) + by_hand(V, U)) / 2
    assert retrieval.mean_ap((U, V, P, Q), y).tolist() == pytest.approx(expected.tolist())


def test_the_codes_and_their_distance(retrieval, seeded):
    x = torch.randn(9, 128)
    a, b = retrieval.codes(x[:4]), retrieval.codes(x[4:])
    assert a.dtype == np.uint64 and a.shape == (4, 2) and a.nbytes == 4 * 16
    expected = ((x[:4, None] > 0) != (x[None, 4:] > 0)).sum(2)
    assert torch.equal(retrieval.hamming(a, b), expected)


# ---- average precision


def test_average_precision_is_the_libraries(retrieval, seeded):
    scores, relevant = torch.rand(30, 50), torch.rand(30, 50) < 0.2
    relevant[:, 7] = True
    ours = retrieval.average_precision(scores, relevant)
    theirs = [retrieval_average_precision(s, r).item() for s, r in zip(scores, relevant)]
    assert ours.tolist() == pytest.approx(theirs, abs=1e-6)
    sklearns = [average_precision_score(r, s) for s, r in zip(scores, relevant)]
    assert ours.tolist() == pytest.approx(sklearns, abs=1e-12)


def test_of_the_first_ranks_all_possible_ones_count(retrieval):
    scores = torch.tensor([[5.0, 4, 3, 2, 1]])
    relevant = torch.tensor([[True, False, True, False, True]])
    for at, expected in ((1, 1.0), (2, 1 / 2), (3, (1 + 2 / 3) / 3), (4, (1 + 2 / 3) / 3)):
        found = retrieval.average_precision(scores, relevant, at).item()
        assert found == pytest.approx(expected), at


# ---- the floor of the similarity loss


@pytest.mark.parametrize("sizes", [(5, 5, 5), (12, 3, 2), (1, 9), (4, 4, 4, 4)])
def test_no_embedding_is_below_the_floor(retrieval, seeded, sizes):
    y = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    U, V = (torch.randn(len(y), 6).requires_grad_() for _ in range(2))
    optimizer = torch.optim.Adam([U, V], lr=0.05)
    for _ in range(400):
        loss = retrieval.similarity_loss(U, V, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    floor = retrieval.floor(y).item()
    assert loss.item() >= floor - 1e-6
    if len({*sizes}) == 1:  # and classes of one size get there
        assert loss.item() == pytest.approx(floor, abs=1e-3)


def test_the_floor_of_ten_classes(retrieval):
    def softplus(x):
        return math.log(1 + math.exp(x))

    expected = 3 * (softplus(0.5) - 0.5 + 9 * softplus(-1 / 18)) / 10
    assert retrieval.floor(torch.arange(10)).item() == pytest.approx(expected, rel=1e-5)


# ---- the contrastive loss


def test_the_contrastive_loss_is_its_loop(retrieval, outputs):
    U, V, P, Q, y = outputs
    expected = 0
    for A, B in ((U, V), (V, U)):
        for i in range(7):
            logits = [F.cosine_similarity(A[i], B[j], dim=0).item() / 0.3 for j in range(7)]
            expected -= math.log(math.exp(logits[i]) / sum(map(math.exp, logits))) / 14
    loss = retrieval.contrastive_loss((U, V, P, Q), y, 0.3)
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    assert torch.equal(loss, retrieval.contrastive_loss((U, V, P, Q), 0 * y, 0.3))


# ---- the bootstrap


def test_the_bootstrap_knows_the_standard_error(retrieval):
    values = np.random.default_rng(1).gamma(2, size=(3, 400))
    low, high = retrieval.bootstrap(values)
    mean = values.mean(0)
    reach = stats.norm.ppf(0.975) * mean.std() / 20
    assert low == pytest.approx(mean.mean() - reach, abs=0.15 * reach)
    assert high == pytest.approx(mean.mean() + reach, abs=0.15 * reach)
    wider = retrieval.bootstrap(values, level=0.99)
    factor = stats.norm.ppf(0.995) / stats.norm.ppf(0.975)
    assert np.ptp(wider) / (high - low) == pytest.approx(factor, rel=0.1)


def test_the_bootstrap_is_scipys(retrieval):
    values = np.random.default_rng(2).normal(size=(1, 60))
    options = dict(n_resamples=10_000, method="percentile", rng=np.random.default_rng(3))
    try:
        expected = stats.bootstrap((values[0],), np.mean, **options).confidence_interval
    except TypeError:  # SciPy before 1.15
        options["random_state"] = options.pop("rng")
        expected = stats.bootstrap((values[0],), np.mean, **options).confidence_interval
    assert retrieval.bootstrap(values) == pytest.approx(list(expected), abs=0.02)


# ---- codes


def test_signs_rank_as_the_codes_do(retrieval, seeded):
    images, texts = torch.randn(9, 128) + 1, torch.randn(9, 128) + 1
    centre = torch.cat([images, texts]).mean(0)
    U, V = retrieval.signs((images, texts), centre)
    bits = retrieval.hamming(*(retrieval.codes(x - centre) for x in (images, texts)))
    torch.testing.assert_close(F.normalize(U) @ F.normalize(V).T, 1 - bits / 64)
    for x, own in zip((U, V), retrieval.signs((images, texts, None, None))):
        assert torch.equal(x, own)


def test_the_quantisation_term_is_its_loop(retrieval, outputs):
    U, V, P, Q, y = outputs
    X = torch.cat([U, V])
    expected = np.mean(
        [(abs(x - column.mean()) - 1) ** 2 for column in X.T.double().numpy() for x in column]
    )
    weights = (1, 10, 0.1)
    plain = retrieval.dscmr_loss((U, V, P, Q), y, weights)
    for strength in (0, 0.5, 2):
        loss = retrieval.quantised_loss((U, V, P, Q), y, weights, strength)
        assert (loss - plain).item() == pytest.approx(strength * expected, abs=1e-4)


@pytest.fixture(scope="module")
def gallery(retrieval):
    items = 2 * retrieval.BLOCK
    return *retrieval.made_up(items, noise=1.2), *retrieval.ask(items, noise=1.2, queries=5)


def test_the_made_up_gallery_is_ten_views_of_things(retrieval, gallery):
    floats, words, places, asked = gallery
    assert floats.shape == (20_000, 1024) and words.shape == (2, 16, 10_000)
    assert floats.nbytes == 32 * words.nbytes
    assert np.linalg.norm(floats, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.array_equal(words.transpose(0, 2, 1).reshape(-1, 16), retrieval.codes(floats))
    for i, query in zip(places, asked):
        assert {*retrieval.by_floats(query, floats)} == {*range(10 * i, 10 * i + 10)}


def test_the_things_asked_for_lie_anywhere(retrieval, gallery):
    _, _, places, asked = gallery
    assert len({*places.tolist()}) == len(asked) == 5
    assert {*(10 * places // retrieval.BLOCK).tolist()} == {0, 1}, "not in the first block alone"
    for items in (10_000, 20_000):
        assert retrieval.ask(items, noise=1.2)[0].max() < items // 10


@pytest.mark.parametrize("k", [1, 10, 100])
def test_the_fast_search_finds_the_fewest_different_bits(retrieval, gallery, k):
    floats, words, _, asked = gallery
    strangers = np.random.default_rng(5).normal(size=(2, 1024)).astype(np.float32)
    for query in [*asked, *strangers]:
        distance = ((floats > 0) != (query > 0)).sum(1)
        found = retrieval.by_codes(query, words, k)
        assert len({*found.tolist()}) == k
        assert np.array_equal(np.sort(distance[found]), np.sort(distance)[:k])


def test_the_nearest_by_floats_and_by_both(retrieval, gallery):
    floats, words, _, asked = gallery
    query = np.random.default_rng(6).normal(size=1024).astype(np.float32)
    assert {*retrieval.by_floats(query, floats, 7)} == {*np.argsort(-(floats @ query))[:7]}
    hundred = retrieval.by_codes(query, words, 100)
    best = hundred[np.argsort(-(floats[hundred] @ query))[:10]]
    assert {*retrieval.by_both(query, floats, words)} == {*best}
    for query in asked:
        assert {*retrieval.by_both(query, floats, words)} == {*retrieval.by_floats(query, floats)}


# ---- memory, said before it is used


def test_a_million_codes_take_what_there_is(retrieval, capsys):
    assert retrieval.items_that_fit(1_000_000, 20e9) == 1_000_000
    assert "1,000,000 items need 4.22 GB, 20.0 GB are free" in capsys.readouterr().out
    assert retrieval.items_that_fit(1_000_000, 4e9) == 470_000
    told = capsys.readouterr().out
    assert "need 4.22 GB, 4.0 GB are free" in told and "we take 470,000" in told
    assert 470_000 * 4224 <= 2e9 < 480_000 * 4224
    with pytest.raises(MemoryError, match="not even 10,000 items"):
        retrieval.items_that_fit(1_000_000, 50e6)
    assert "need 4.22 GB, 0.1 GB are free" in capsys.readouterr().out  # before it is refused


def test_free_memory_where_somebody_tells_and_where_nobody_does(retrieval, monkeypatch):
    told = "MemTotal: 900 kB\nMemFree: 100 kB\nMemAvailable:   500 kB\nBuffers: 3 kB\n"
    monkeypatch.setattr(Path, "read_text", lambda self: told)
    assert retrieval.free_memory() == 500 * 1024

    def missing(self):
        raise FileNotFoundError("/proc/meminfo")

    for nothing in (missing, lambda self: "MemTotal: 900 kB\n"):
        monkeypatch.setattr(Path, "read_text", nothing)
        assert retrieval.free_memory() == 2 * 10**9
