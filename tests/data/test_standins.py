"""The stand-ins: deterministic, of the real sets' form, honest, and learnable."""

import numpy as np
import pytest
import torch
from made_scenes import first_rows
from mirror import of_kind
from scipy import ndimage, stats
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import nn
from torch.nn import functional as F

import coursekit as ck
from coursekit.data import hyperspectral, standins
from coursekit.data.catalogue import SCENES, SETS

MAKERS = {
    "mnist": standins.digits,
    "fashion_mnist": standins.clothing,
    "cifar10": standins.objects,
    "cats_vs_dogs": standins.pets,
}
SHAPES = {
    "mnist": (1, 28, 28),
    "fashion_mnist": (1, 28, 28),
    "cifar10": (3, 32, 32),
    "cats_vs_dogs": (3, 128, 128),
}

every_set = pytest.mark.parametrize("name", MAKERS)


@every_set
def test_load_uses_them(name):
    assert getattr(standins, SETS[name].drawn) is MAKERS[name]


@every_set
def test_form(name):
    train_x, train_y, test_x, test_y = MAKERS[name](205, 103)
    for x, y, n in ((train_x, train_y, 205), (test_x, test_y, 103)):
        assert x.dtype == torch.uint8 and x.shape == (n, *SHAPES[name])
        assert y.dtype == torch.int64 and y.shape == (n,)
        counts = torch.bincount(y)
        assert len(counts) == len(SETS[name].classes)
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


def small_net(name):
    channels, side = (3, 5) if name == "cifar10" else (1, 4)
    return nn.Sequential(
        nn.Conv2d(channels, 16, 5, stride=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * side * side, 10),
    )


@pytest.mark.parametrize(
    ("name", "epochs", "wanted"),
    [("mnist", 2, 0.75), ("fashion_mnist", 2, 0.9), ("cifar10", 4, 0.45)],
)
def test_a_small_network_learns_them_and_meets_new_images(seeded, name, epochs, wanted):
    train_x, train_y, test_x, test_y = MAKERS[name](4_000, 1_000)
    seen = {image.numpy().tobytes() for image in train_x}
    assert not any(image.numpy().tobytes() in seen for image in test_x), (
        "a training image is in the test part"
    )

    known = SETS[name]
    train, test = (
        ck.Images(x, y, known.classes, known.title, known.mean, known.std)
        for x, y in ((train_x, train_y), (test_x, test_y))
    )
    net = small_net(name)
    ck.fit(
        net,
        train.loader(64, shuffle=True),
        epochs=epochs,
        progress=False,
        optimizer=torch.optim.Adam(net.parameters(), lr=2e-3),
    )
    result = ck.evaluate(net, test.loader(500))
    assert result.accuracy > wanted, result


def test_pets_are_the_same_at_every_size():
    """The same labels, and the same animals in the same places: means over 4×4 pixels agree."""
    small, large = standins.pets(150, 30, size=16), standins.pets(150, 30, size=64)
    for part in (1, 3):
        assert torch.equal(small[part], large[part])
    for part in (0, 2):
        one, other = small[part].float(), F.avg_pool2d(large[part].float(), 4)
        assert (one - other).abs().mean() < 15 < (one - other.flip(0)).abs().mean()


def test_pets_come_in_the_size_asked_for():
    train_x, train_y, test_x, _ = standins.pets(150, 30, size=40)
    assert train_x.shape == (150, 3, 40, 40) and test_x.shape == (30, 3, 40, 40)
    assert torch.bincount(train_y).tolist() == [75, 75]


def test_a_drawing_in_words_is_united_and_cut_from_left_to_right():
    place = {"scale": (1, 1), "shift": 0, "angle": 0, "mirror": False}
    canvas = standins._Canvas(1, 40, torch.Generator(), **place, texture=0, noise=0)
    inside = {words: canvas.draw(words) < 0 for words in ("box 0 0 1 0.4", "disc 0.1 0 0.3 0.5")}
    box, disc = inside.values()
    assert torch.equal(box, (canvas.x.abs() < 0.5) & (canvas.y.abs() < 0.2))
    assert 0 < (box & disc).sum() < min(box.sum(), disc.sum()), "they overlap"
    first, second = inside
    assert torch.equal(canvas.draw(f"{first}, {second}") < 0, box | disc)
    assert torch.equal(canvas.draw(f"{first}, without {second}") < 0, box & ~disc)
    assert torch.equal(canvas.draw(f"{first}, without {second}, {second}") < 0, box | disc)


# ---- scenes

every_scene = pytest.mark.parametrize("name", of_kind(SCENES))


def made_scene(name, **options):
    known = SETS[name]
    return standins.scene(known.counts, known.wavelengths, **options)


@every_scene
def test_form_of_a_scene(name):
    """As unequal as the real classes, about half of the pixels labelled, in bands of 16 bits."""
    cube, labels = made_scene(name)
    known = SETS[name]
    counts = np.array(known.counts)
    assert cube.shape == (145, 145, len(known.wavelengths)) and cube.dtype == np.uint16
    assert labels.shape == (145, 145) and labels.dtype == np.int64
    found = np.bincount(labels.ravel(), minlength=len(counts) + 1)[1:]
    assert len(found) == len(counts) and found.min() >= 10
    wanted = counts * min(1, 145**2 / 2 / counts.sum())
    assert stats.spearmanr(found, counts).statistic > 0.99
    assert (
        (found <= wanted.clip(10)).all()
        and (found > 0.6 * wanted).all()
        and found.sum() > 0.95 * wanted.sum()
    )
    if name != "salinas_a":  # of which only 5,348 pixels are labelled, and no more here
        assert 0.45 < (labels > 0).mean() < 0.55
    assert not len(hyperspectral.Scene(cube, labels, known.classes, "made").constant)
    assert 500 < cube.mean() < 5000 and cube.max() < 20_000, "reflectance times 10,000"


def test_the_seed_decides_a_scene_and_the_surrounding_random_state_is_left_alone():
    def start():
        torch.manual_seed(0)
        np.random.seed(0)

    start()
    expected = torch.rand(1), np.random.random()
    start()
    first, again, other = (made_scene("pavia_university", side=50, seed=seed) for seed in (1, 1, 2))
    assert (torch.rand(1), np.random.random()) == expected
    assert all(np.array_equal(a, b) for a, b in zip(first, again))
    assert not np.array_equal(first[0], other[0]) and not np.array_equal(first[1], other[1])


def test_classes_of_a_scene_lie_in_fields():
    """Neighbours are nearly always of one class, and every class has at least two fields."""
    _, labels = made_scene("indian_pines")
    right, below = (labels[:, 1:] == labels[:, :-1]).mean(), (labels[1:] == labels[:-1]).mean()
    assert min(right, below) > 0.85
    fields = [ndimage.label(labels == k)[1] for k in range(1, 17)]
    assert min(fields) >= 2 and max(fields) <= 12


def test_single_pixels_of_a_scene_are_neither_hopeless_nor_enough():
    scene = hyperspectral.Scene(
        *made_scene("indian_pines"), SETS["indian_pines"].classes, "stand-in"
    )
    place = np.indices(scene.labels.shape).reshape(2, -1).T
    spectrum = scene.cube.reshape(-1, scene.cube.shape[2])
    machine = make_pipeline(StandardScaler(), SVC(C=100))

    def accuracy(model, values, split):
        labels = scene.labels.ravel()
        model.fit(values[split.train], labels[split.train])
        return model.score(values[split.test], labels[split.test])

    for seed in range(2):
        split = scene.split_random(0.1, seed=seed)
        assert 0.70 < accuracy(machine, spectrum, split) < 0.93
        assert accuracy(KNeighborsClassifier(1), place, split) > 0.9, (
            "fields are large, so place alone says much"
        )
    assert accuracy(KNeighborsClassifier(1), place, first_rows(scene)) < 0.5, (
        "and little where the training pixels lie elsewhere"
    )
