"""DnCNN, DSCMR and its loss, as the notebooks define them."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import nn
from torch.nn import functional as F

import coursekit as ck
from notebooks import definitions


@pytest.fixture(scope="module")
def denoising():
    return definitions("week5_dncnn_denoising")


@pytest.fixture(scope="module")
def retrieval():
    return definitions("week5_dscmr_retrieval")


def parameters(net) -> int:
    return sum(p.numel() for p in net.parameters())


# ---- DnCNN


def test_the_papers_network(denoising):
    net = denoising.DnCNN()
    assert parameters(net) == 556_032 and not any(
        m.bias is not None for m in net.modules() if isinstance(m, nn.Conv2d)
    )
    kinds = [type(m).__name__ for m in net.layers]
    assert kinds == ["Conv2d", "ReLU"] + ["Conv2d", "BatchNorm2d", "ReLU"] * 15 + ["Conv2d"]
    assert parameters(denoising.DnCNN(batch_norm=False)) == 556_032 - 15 * 128
    assert ck.inspection.layers(net, torch.zeros(1, 1, 40, 40))[-1].field == 35


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 1, 17, 30), (1, 1, 40, 40)])
def test_any_size_of_picture(denoising, shape):
    for residual in (True, False):
        assert denoising.DnCNN(4, 8, residual).eval()(torch.rand(shape)).shape == shape


def test_residual_means_minus_the_noise(denoising, seeded):
    net, X = denoising.DnCNN(5, 8).eval(), torch.rand(2, 1, 20, 20)
    said = X
    for layer in net.layers:
        said = layer(said)
    torch.testing.assert_close(net(X), X - said)
    net.residual = False
    torch.testing.assert_close(net(X), said)


def test_psnr_and_ssim_are_scikit_images(denoising, seeded):
    Y = torch.rand(3, 1, 40, 50)
    X = Y + 0.1 * torch.randn_like(Y)
    pairs = [(x.numpy()[0], y.numpy()[0]) for x, y in zip(X, Y)]
    assert denoising.psnr(X, Y).tolist() == pytest.approx(
        [peak_signal_noise_ratio(y, x, data_range=1) for x, y in pairs], abs=1e-3
    )
    assert denoising.ssim(X, Y).tolist() == pytest.approx(
        [
            structural_similarity(
                y, x, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
            )
            for x, y in pairs
        ],
        abs=5e-3,
    )
    assert denoising.psnr(X[:1], Y[:1]).shape == denoising.ssim(X[:1], Y[:1]).shape == (1,)


# ---- DSCMR


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
