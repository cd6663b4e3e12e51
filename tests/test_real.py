"""On the real data sets, at the settings of the sources: ``pytest -m real`` with COURSEKIT_DATA on a folder that has them."""

import pytest
import torch
from torch.nn import functional as F

import coursekit as ck
from notebooks import definitions

pytestmark = pytest.mark.real


def load(name: str, source: str, **options):
    """The real set: a stand-in must never pass for it."""
    train, test = ck.load(name, **options)
    assert train.source.startswith(source) and "stand-in" not in train.source, f"{name} is not in the data folder"
    return train, test


def test_mnist_is_the_published_set():
    train, test = load("mnist", "MNIST")
    assert torch.bincount(train.labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert torch.bincount(test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    x = train.images.double() / 255
    assert (x.mean().item(), x.std().item()) == pytest.approx((0.1307, 0.3081), abs=5e-5)


def test_cifar10_is_the_published_set():
    train, test = load("cifar10", "CIFAR-10")
    assert torch.bincount(train.labels).tolist() == [5000] * 10
    assert 9_900 <= len(test) <= 10_000
    means = (train.images.double() / 255).mean((0, 2, 3)).tolist()
    assert means == pytest.approx([0.4914, 0.4822, 0.4465], abs=5e-5)


def test_week1_at_full_scale_shows_its_lesson():
    """One epoch with the settings of the source: the CNN learns, the permutation hurts it and not the dense network."""
    week1 = definitions("week1_mnist_fc_vs_cnn")
    train, test = load("mnist", "MNIST", mean=0.1307, std=0.3081)
    permutation = torch.randperm(784, generator=torch.Generator().manual_seed(0)).to(train.images.device)
    orders = {"in order": (train, test),
              "permuted": (week1.permute(train, permutation), week1.permute(test, permutation))}
    networks = {"FC": lambda: week1.FC2Layer(784, 8, 10), "CNN": lambda: week1.CNN(784, 6, 10)}

    def accuracy(name, order, seed):
        torch.manual_seed(seed)
        net = networks[name]().to(train.images.device)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.5)
        ck.fit(net, orders[order][0].loader(64, shuffle=True), epochs=1, optimizer=optimizer, loss=F.nll_loss, progress=False)
        return 100 * ck.evaluate(net, orders[order][1].loader(1000), loss=F.nll_loss).accuracy

    accuracies = {key: [accuracy(*key, seed) for seed in range(3)] for key in ((n, o) for n in networks for o in orders)}
    print(accuracies)
    mean = {key: sum(values) / len(values) for key, values in accuracies.items()}
    assert min(accuracies["CNN", "in order"]) >= 93
    assert mean["CNN", "in order"] - mean["CNN", "permuted"] > 5
    assert mean["FC", "in order"] - mean["FC", "permuted"] < 2
