"""DnCNN, its measures and the filters beside it, as the notebook defines them."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import nn

import coursekit as ck
from notebooks import as_if_trained, definitions, parameters


@pytest.fixture(scope="module")
def denoising():
    found = definitions("week5_dncnn_denoising")
    found.psnr.__globals__["lab"] = SimpleNamespace(device="cpu")
    return found


@pytest.fixture(scope="module")
def photo():
    """A grey photo H×W, black 0 and white 1."""
    return ck.load_grey("bsd68", device="cpu").pixels[0].float() / 255


def test_the_papers_network(denoising):
    net = denoising.DnCNN()
    assert parameters(net) == 556_032 and not any(
        m.bias is not None for m in net.modules() if isinstance(m, nn.Conv2d)
    )
    kinds = [type(m).__name__ for m in net.layers]
    assert kinds == ["Conv2d", "ReLU"] + ["Conv2d", "BatchNorm2d", "ReLU"] * 15 + ["Conv2d"]
    assert parameters(denoising.DnCNN(batch_norm=False)) == 556_032 - 15 * 128
    assert ck.inspection.layers(net, torch.zeros(1, 1, 40, 40))[-1].field == 35


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 1, 2, 2), (2, 1, 17, 30), (1, 1, 40, 40)])
def test_any_size_of_picture(denoising, shape):
    for residual in (True, False):
        assert denoising.DnCNN(4, 8, residual).eval()(torch.rand(shape)).shape == shape


def test_residual_means_minus_the_noise(denoising, seeded):
    net, X = as_if_trained(denoising.DnCNN(5, 8)), torch.rand(2, 1, 20, 20)
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
    decibels = [peak_signal_noise_ratio(y, x, data_range=1) for x, y in pairs]
    how = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    similar = [structural_similarity(y, x, data_range=1, **how) for x, y in pairs]
    assert denoising.psnr(X, Y).tolist() == pytest.approx(decibels, abs=1e-3)
    assert denoising.ssim(X, Y).tolist() == pytest.approx(similar, abs=5e-3)
    assert denoising.psnr(X[:1], Y[:1]).shape == denoising.ssim(X[:1], Y[:1]).shape == (1,)
    photos = [X[0], X[1, :, :20], X[2]], [Y[0], Y[1, :, :20], Y[2]]  # of several sizes
    both = denoising.quality(*photos)
    assert [len(one) for one in both] == [3, 3]
    assert both[0][[0, 2]] == pytest.approx(np.array(decibels)[[0, 2]], abs=1e-3)
    assert both[1][[0, 2]] == pytest.approx(np.array(similar)[[0, 2]], abs=5e-3)


def test_the_split_is_the_closed_form_of_a_linear_filter(denoising, photo):
    """Variance σ² Σh², lost picture the blurred photo minus the photo, with few draws as with many:
    that the mean of few answers is noisy must not count as lost picture."""
    clean, h = photo[:100, :100], np.outer([1, 2, 3], [4, 0, 1]) / 30

    def blur(X):
        return torch.from_numpy(ndimage.convolve(X.numpy(), h, mode="wrap"))

    lost = (blur(clean) - clean).square().mean().item()
    noise = (40 / 255) ** 2 * (h**2).sum()
    for n in (3, 40):
        split = denoising.split(denoising.answers_to(blur, clean, 40, n), clean)
        assert split == pytest.approx((noise, lost), rel=0.05)
    assert noise / 3 > 0.2 * lost, "the part that is subtracted would be seen"


def test_both_faults_add_up_to_the_squared_error(denoising, photo, seeded):
    """Of the same draws to the last digits, of other draws within 1 %: also for what is not
    linear."""
    net = as_if_trained(denoising.DnCNN(4, 8))
    for denoise in (denoising.box_blur, lambda X: denoising.by_network(X, net), torch.relu):
        answers, others = (denoising.answers_to(denoise, photo, 25, 12, seed) for seed in (0, 1))
        whole, fresh = ((one - photo).square().mean().item() for one in (answers, others))
        total = sum(denoising.split(answers, photo))
        assert total == pytest.approx(whole, rel=1e-4) and total == pytest.approx(fresh, rel=0.01)


def test_draws_of_noise(denoising, photo):
    """Normal, as strong as promised, each another, the same again for a seed."""
    draws = denoising.answers_to(lambda X: X, photo, 25, 5) - photo
    assert 255 * draws.std().item() == pytest.approx(25, rel=0.01)
    assert np.abs(np.corrcoef(draws.flatten(1)) - np.eye(5)).max() < 0.03
    again = [denoising.answers_to(lambda X: X, photo, 25, 5, seed) - photo for seed in (0, 1)]
    assert torch.equal(again[0], draws) and not torch.equal(again[1], draws)


def test_the_bug(denoising, photo):
    """The share of one draw calls a box blur "removes 96 %", though a fifth of the noise is left,
    and is content with a photo that was only moved."""
    clean = photo.repeat(3, 3)
    (noisy,) = denoising.answers_to(lambda X: X, clean, 25, 1)
    for denoise, shared, part in (
        (denoising.box_blur, 24 / 25, 1 / 5),
        (denoising.low_pass, 0.84, 0.4),
        (denoising.moved, 1, 1),
        (lambda X: denoising.box_blur(X, 3), 8 / 9, 1 / 3),
    ):
        assert denoising.share(denoise(noisy), noisy, clean) == pytest.approx(shared, abs=0.01)
        variance, lost = denoising.split(denoising.answers_to(denoise, clean, 25, 8), clean)
        assert denoising.levels(variance) == pytest.approx(25 * part, rel=0.02)
        assert denoising.levels(lost) > 5, "and it has lost picture"


@pytest.mark.parametrize("side", [3, 5])
def test_the_box_blur_is_scipys(denoising, photo, side):
    expected = ndimage.uniform_filter(photo.numpy(), side, mode="wrap")
    assert denoising.box_blur(photo, side).numpy() == pytest.approx(expected, abs=1e-5)


def test_the_low_pass_keeps_slow_waves_only(denoising):
    row, column = torch.meshgrid(torch.arange(60.0), torch.arange(80.0), indexing="ij")
    slow = torch.cos(2 * math.pi * (0.1 * row + 0.15 * column))
    for fast in (0.25 * row, 0.25 * column):
        kept = denoising.low_pass(slow + torch.cos(2 * math.pi * fast))
        torch.testing.assert_close(kept, slow, atol=1e-4, rtol=0)


def test_no_filter_cuts_its_values_or_takes_another_scale(denoising):
    """A plane of any grey, with noise around black and white, is that plane, with less noise."""
    draw = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    methods = (denoising.gaussian_mean, 1.3), (denoising.wavelets, "db2"), (denoising.nl_means, 0.8)
    for method, setting in methods:
        for grey in (0.0, 1.0):
            photo = grey + 25 / 255 * draw
            found = 255 * (np.asarray(method(photo, 25, setting)) - grey)
            assert abs(found.mean() - 25 * draw.mean()) < 0.5 and found.std() < 12
    stripes = np.tile(np.repeat([0.2, 0.8], 16), (64, 2)).astype(np.float32)
    for method, setting in methods[1:]:  # much stronger than the noise, so they stay
        found = np.asarray(method(stripes + 10 / 255 * draw, 10, setting))
        assert 255 * np.sqrt(((found - stripes) ** 2).mean()) < 7


def test_hes_weights_keep_the_signal(denoising, seeded):
    """Each of PyTorch's layers makes it smaller by √6, He's none."""
    X = torch.randn(4, 1, 30, 30)
    found = {}
    for name, make in {"torch": lambda net: net, "he": denoising.he}.items():
        net = make(denoising.DnCNN(8, 128, batch_norm=False))
        found[name] = denoising.signal(net, X)
        assert len(found[name]) == 8
        inner = np.array(found[name][1:7])  # behind the ReLUs of the inner layers
        steps = inner[1:] / inner[:-1]
        assert steps.mean() == pytest.approx(1 / math.sqrt(6) if name == "torch" else 1, rel=0.15)


def test_without_bn_a_residual_net_starts_at_its_input(denoising, photo, seeded):
    """In training as in eval mode; with BN the first step sees another start."""
    clean = photo[None, None, :80, :80].repeat(4, 1, 1, 1)
    X = clean + 25 / 255 * torch.randn_like(clean)
    unchanged = denoising.psnr(X, clean).mean().item()
    for depth, channels, near in ((5, 16, 1.5), (7, 32, 0.5), (17, 64, 0.1)):
        for training in (True, False):
            with torch.no_grad():
                found = [
                    denoising.psnr(net.train(training)(X), clean).mean().item()
                    for net in (
                        denoising.DnCNN(depth, channels, True, False),
                        denoising.DnCNN(depth, channels, False, False),
                    )
                ]
            assert found[0] == pytest.approx(unchanged, abs=near) and found[1] < unchanged - 5
        with torch.no_grad():
            normal = denoising.psnr(denoising.DnCNN(depth, channels)(X), clean).mean().item()
        assert normal < unchanged - 5


def test_batches_are_as_many_as_asked_for(denoising):
    patches = ck.load_grey("bsd_train", device="cpu").patches(24, 25, stride=60)
    found = list(denoising.batches(patches, 30, 16))
    assert [len(X) for X, _ in found] == [16] * 30 and 480 > 2 * len(patches)
    assert found[0][0].shape == found[0][1].shape == (16, 1, 24, 24)


def test_three_parts_side_by_side(denoising, seeded):
    noisy, answer = torch.rand(6, 9), torch.rand(6, 9)
    found = denoising.three(noisy, answer, 4)
    assert found.shape == (4, 12) and found.dtype == np.uint8
    middle = slice(1, 5), slice(2, 6)
    for k, photo in enumerate((noisy, answer, 0.5 + 2 * (noisy - answer))):
        expected = (255 * photo[middle]).clamp(0, 255)
        assert np.abs(found[:, 4 * k : 4 * k + 4] - expected.numpy()).max() <= 0.51
    assert denoising.three(noisy[:2, :3], answer[:2, :3], 150).shape == (2, 9), "tiny"


def test_a_photo_enlarged_has_whole_pixels(denoising):
    """Each pixel a square of 3×3, and the numbers of the faults in the text."""
    from io import BytesIO

    from PIL import Image

    checks = torch.arange(40).view(-1, 1).add(torch.arange(40)) % 2
    picture = denoising.enlarged([checks.float()] * 2, ["a", "b 1.5"], "checks")
    drawn = np.asarray(Image.open(BytesIO(picture.png())).convert("L"))
    middle = drawn[len(drawn) // 2]
    changes = np.flatnonzero(np.diff((middle[len(middle) // 2 + 20 : -20] > 127).astype(int)))
    assert set(np.diff(changes)) == {3} and "b 1.5" in picture.alt
