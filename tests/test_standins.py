"""The stand-ins: deterministic, of the real sets' form, honest, and learnable."""

import time

import pytest
import torch
from torch import nn

import coursekit as ck
from coursekit import standins
from coursekit.data import KNOWN

MAKERS = {"mnist": standins.digits, "fashion_mnist": standins.clothing, "cifar10": standins.pictures,
          "cats_vs_dogs": standins.pets}
SHAPES = {"mnist": (1, 28, 28), "fashion_mnist": (1, 28, 28), "cifar10": (3, 32, 32), "cats_vs_dogs": (3, 128, 128)}

every_set = pytest.mark.parametrize("name", MAKERS)


@every_set
def test_load_uses_them(name):
    assert KNOWN[name].standin is MAKERS[name]


@every_set
def test_form(name):
    train_x, train_y, test_x, test_y = MAKERS[name](205, 103)
    for x, y, n in ((train_x, train_y, 205), (test_x, test_y, 103)):
        assert x.dtype == torch.uint8 and x.shape == (n, *SHAPES[name])
        assert y.dtype == torch.int64 and y.shape == (n,)
        counts = torch.bincount(y)
        assert len(counts) == len(KNOWN[name].classes)
        assert counts.max() - counts.min() <= 1
        assert not torch.equal(y, y.sort().values), "the classes come in random order"
        assert x.flatten(1).float().std(1).min() > 5, "every image shows something"


@every_set
def test_the_seed_decides(name):
    first, again, other = (MAKERS[name](60, 30, seed=seed) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first, again))
    assert not torch.equal(first[0], other[0])


@every_set
def test_the_surrounding_random_state_is_left_alone(name):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    MAKERS[name](20, 10)
    assert torch.equal(torch.rand(1), expected)


@every_set
def test_made_in_under_three_seconds(name):
    def seconds():
        start = time.process_time()
        MAKERS[name]()
        return time.process_time() - start

    assert min(seconds() for _ in range(2)) < 3


def small_net(name):
    channels, side = (3, 5) if name == "cifar10" else (1, 4)
    return nn.Sequential(nn.Conv2d(channels, 16, 5, stride=2), nn.ReLU(), nn.Conv2d(16, 32, 5), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Linear(32 * side * side, 10))


@pytest.mark.parametrize(("name", "epochs", "wanted"), [("mnist", 2, 0.75), ("fashion_mnist", 2, 0.9), ("cifar10", 4, 0.45)])
def test_a_small_network_learns_them_and_meets_new_images(seeded, name, epochs, wanted):
    train_x, train_y, test_x, test_y = MAKERS[name](4_000, 1_000)
    seen = {image.numpy().tobytes() for image in train_x}
    assert not any(image.numpy().tobytes() in seen for image in test_x), "a training image is in the test part"

    known = KNOWN[name]
    train, test = (ck.Images(x, y, known.classes, known.title, known.mean, known.std)
                   for x, y in ((train_x, train_y), (test_x, test_y)))
    net = small_net(name)
    ck.fit(net, train.loader(64, shuffle=True), epochs=epochs, progress=False,
           optimizer=torch.optim.Adam(net.parameters(), lr=2e-3))
    result = ck.evaluate(net, test.loader(500))
    assert result.accuracy > wanted, result


def test_pets_come_in_the_size_asked_for():
    train_x, train_y, test_x, _ = standins.pets(150, 30, size=40)
    assert train_x.shape == (150, 3, 40, 40) and test_x.shape == (30, 3, 40, 40)
    assert torch.bincount(train_y).tolist() == [75, 75]
