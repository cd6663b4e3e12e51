"""What the notebooks on Fashion-MNIST and on cats and dogs define: equal to the reference, and
right with hostile input."""

import copy
import types

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torch import nn

import coursekit as ck
from notebooks import as_if_trained, definitions, parameters


@pytest.fixture(scope="module")
def fashion():
    return definitions("week3_resnet18_fashion_mnist")


@pytest.fixture(scope="module")
def cats():
    return definitions("week3_cats_vs_dogs")


@pytest.fixture(scope="module")
def d2l():
    from d2l import torch

    return torch


@pytest.mark.parametrize(
    "channels, options",
    [(16, {}), (24, dict(use_1x1conv=True, strides=2)), (24, dict(use_1x1conv=True))],
)
def test_the_residual_block_is_d2ls(fashion, d2l, channels, options):
    mine, reference = (
        fashion.Residual(16, channels, **options),
        d2l.Residual(16, channels, **options),
    )
    assert ck.inspection.same_outputs(mine, reference, torch.randn(2, 16, 9, 9), by="name")


def test_another_shortcut_is_noticed(fashion, d2l):
    """The check can fail: a 3×3 shortcut does not take d2l's weights."""
    options = dict(use_1x1conv=True, strides=2)
    with pytest.raises(ValueError, match="conv3.weight"):
        ck.inspection.same_outputs(
            fashion.Residual(16, 24, shortcut=3, **options),
            d2l.Residual(16, 24, **options),
            torch.randn(2, 16, 9, 9),
            by="name",
        )


def test_fashion_resnet18_is_torchvisions_with_biases(fashion):
    """The same network as torchvision's, but for one input channel and biases before the
    normalisation, as in d2l."""
    net = fashion.resnet18()
    assert parameters(net) == 11_178_378
    reference = torchvision.models.resnet18(num_classes=10)
    for name, module in list(reference.named_modules()):
        if isinstance(module, nn.Conv2d):
            channels = 1 if name == "conv1" else module.in_channels
            like = nn.Conv2d(
                channels, module.out_channels, module.kernel_size, module.stride, module.padding
            )
            parent, _, last = name.rpartition(".")
            setattr(reference.get_submodule(parent), last, like)
        elif name.endswith("downsample"):
            module[1] = nn.Identity()  # d2l does not normalise the shortcut
    with torch.no_grad():
        for ours, theirs in zip(
            [m for m in net.modules() if isinstance(m, (nn.BatchNorm2d, nn.Linear))],
            [m for m in reference.modules() if isinstance(m, (nn.BatchNorm2d, nn.Linear))],
            strict=True,
        ):
            theirs.load_state_dict(ours.state_dict())
        convolutions = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
        for ours, theirs in zip(
            convolutions, [m for m in reference.modules() if isinstance(m, nn.Conv2d)], strict=True
        ):
            theirs.load_state_dict(ours.state_dict())
        x = torch.randn(2, 1, 96, 96)
        torch.testing.assert_close(net.eval()(x), reference.eval()(x), rtol=1e-4, atol=1e-5)
    assert parameters(fashion.resnet18(shortcut=3)) == 12_554_634
    assert fashion.resnet18(width=8)(torch.randn(2, 1, 28, 28)).shape == (2, 10)


def test_cats_lenet_has_the_curriculums_shapes(cats):
    net = cats.LeNet()
    assert net.fc1.weight.shape == (32, 13_456) and net(torch.randn(2, 3, 128, 128)).shape == (2, 2)
    reference = nn.Sequential(
        nn.Conv2d(3, 6, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(13_456, 32),
        nn.ReLU(),
        nn.Linear(32, 2),
    )
    assert ck.inspection.same_outputs(net, reference, torch.randn(2, 3, 128, 128))


def numbered(*numbers, unreadable=()):
    """The photos of a test folder, as far as the file of predictions needs them."""
    return types.SimpleNamespace(
        names=np.array([f"{number}.jpg" for number in numbers]),
        unreadable=dict.fromkeys(unreadable, "truncated"),
    )


def test_predictions_stand_in_numeric_order(cats, tmp_path):
    path = tmp_path / "submission.csv"
    cats.write_predictions(path, numbered(10, 2, 0, 1), torch.tensor([1, 0, 0, 1]))
    assert path.read_bytes() == b"0,0\n1,1\n2,0\n10,1\n"
    cats.write_predictions(path, numbered(10, 2), [0, 1], header=True)
    assert path.read_bytes() == b"id,label\n2,1\n10,0\n"


def test_predictions_for_a_real_folder(cats, tmp_path, monkeypatch):
    """From files to lines: one line for each photo, the same bytes in every run."""
    folder = tmp_path / "test1"
    folder.mkdir()
    for number in range(12):
        Image.new("RGB", (20, 16), (20 * number, 0, 0)).save(folder / f"{number}.png")
    photos = ck.photos(folder, 8, classes=None)
    bright = [int(pixels.max() > 100) for pixels in photos.pixels()]
    contents = []
    for name in ("a.csv", "b.csv"):
        cats.write_predictions(tmp_path / name, photos, bright)
        contents.append((tmp_path / name).read_text())
    assert (
        contents[0]
        == contents[1]
        == "".join(f"{number},{int(20 * number > 100)}\n" for number in range(12))
    )


def test_a_broken_photo_has_its_line_too(cats, tmp_path, capsys):
    """From real files: the broken one is named and gets the most frequent label, a gap in the
    numbers gets no line."""
    folder = tmp_path / "test1"
    folder.mkdir()
    for number in (0, 1, 2, 4):
        Image.new("RGB", (20, 16), (50 * number, 0, 0)).save(folder / f"{number}.png")
    (folder / "2.png").write_bytes((folder / "1.png").read_bytes()[:40])
    (folder / "notes.txt").write_text("not a photo")
    photos = ck.photos(folder, 8, classes=None)
    cats.write_predictions(tmp_path / "submission.csv", photos, [1, 0, 1])
    assert (tmp_path / "submission.csv").read_text() == "0,1\n1,0\n2,1\n4,1\n"
    said = capsys.readouterr().out
    assert "missing of the numbers 0 … 4: 1 (3)" in said
    assert "1 photos could not be read and get the most frequent label: 2" in said


def test_a_second_file_with_a_number_makes_no_second_line(cats, tmp_path):
    cats.write_predictions(
        tmp_path / "submission.csv", numbered(0, 1, unreadable=["1.png"]), [1, 0]
    )
    assert (tmp_path / "submission.csv").read_text() == "0,1\n1,0\n"


@pytest.mark.parametrize(
    "numbers, predictions", [((0, 1), [1]), ((0, 1), [1, 0, 1]), ((3, 3), [0, 1])]
)
def test_predictions_that_do_not_fit_the_photos(cats, tmp_path, numbers, predictions):
    with pytest.raises(
        ValueError, match=f"{len(numbers)} photos .* {len(predictions)} predictions"
    ):
        cats.write_predictions(tmp_path / "submission.csv", numbered(*numbers), predictions)
    assert not (tmp_path / "submission.csv").exists()


def test_early_stopping_gives_back_the_best_weights(cats, pictures):
    """Patience ends it, and the loss afterwards is the lowest that was seen."""
    learn, held_out = pictures.split(0.5)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 3))
    seen, evaluate = [], ck.evaluate

    def watched(*args, **options):
        seen.append(evaluate(*args, **options).loss)
        return types.SimpleNamespace(
            loss=seen[-1] if len(seen) < 4 else seen[-1] + len(seen)
        )  # from then on it rises

    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(
            cats.fit_until_it_stops_helping.__globals__,
            "ck",
            types.SimpleNamespace(fit=ck.fit, evaluate=watched),
        )
        best, last = cats.fit_until_it_stops_helping(
            net, learn.loader(16), held_out.loader(64), 50, patience=2
        )
    assert (best, last) == (1 + seen[:3].index(min(seen[:3])), best + 2)
    assert evaluate(net, held_out.loader(64)).loss == pytest.approx(min(seen[:3]))


@pytest.fixture
def small(cats, monkeypatch):
    """The notebook's names, with a narrow network as if it had been pretrained."""
    space = cats.start.__globals__
    for name, value in {
        "width": 4,
        "pretraining": "CIFAR-10",
        "lab": types.SimpleNamespace(device="cpu"),
        "shift_and_mirror": [],
    }.items():
        monkeypatch.setitem(space, name, value)
    torch.manual_seed(0)
    monkeypatch.setitem(space, "trained", as_if_trained(cats.SmallResNet(10, cats.small_stem())))
    return cats


@pytest.mark.parametrize("stem", ["imagenet_stem", "small_stem"])
def test_the_small_resnet_is_torchvisions_with_one_block_a_stage(small, monkeypatch, stem):
    """At torchvision's width, with its stem or with the one for small images."""
    monkeypatch.setitem(small.start.__globals__, "width", 64)
    net = as_if_trained(small.SmallResNet(10, getattr(small, stem)()))
    reference = torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], 10)
    if stem == "small_stem":
        reference.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        reference.maxpool = nn.Identity()
    ours, theirs = net.state_dict().values(), reference.state_dict()
    reference.load_state_dict(dict(zip(theirs, ours, strict=True)))
    with torch.no_grad():
        x = torch.randn(2, 3, 64, 64)
        torch.testing.assert_close(net(x), reference.eval()(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "way, parts",
    [
        ("scratch", {"stem", "layer1", "layer2", "layer3", "layer4", "fc"}),
        ("all", {"stem", "layer1", "layer2", "layer3", "layer4", "fc"}),
        ("last layers", {"layer4", "fc"}),
        ("head", {"fc"}),
    ],
)
def test_a_way_trains_its_weights_and_no_others(small, monkeypatch, way, parts):
    """By what a training changes; only *scratch* begins with other weights."""
    net, trained = small.start(way), small.start.__globals__["trained"]
    begun = copy.deepcopy(dict(net.named_parameters()))
    same = torch.equal(begun["layer1.conv1.weight"], trained.layer1.conv1.weight)
    assert same == (way != "scratch") and net.fc.out_features == 2
    monkeypatch.setitem(small.start.__globals__, "start", lambda _: net)
    pixels = torch.randint(0, 256, (12, 3, 16, 16), dtype=torch.uint8)
    photos = ck.Images(pixels, torch.arange(12) % 2, ("cat", "dog"), "noise")
    small.train_way(way, ("SGD", 0.1), 0, photos, 2)
    moved = {name.split(".")[0] for name, p in net.named_parameters() if not p.equal(begun[name])}
    assert moved == parts


@pytest.mark.parametrize("notebook", ["fashion", "cats"])
def test_grad_cam_by_differences(fashion, notebook, request):
    """Against the definition: derivatives by differences, every pixel of the heat interpolated by
    hand."""
    torch.manual_seed(0)
    net = fashion.resnet18(width=4).double()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_var.uniform_(0.5, 1.5), module.running_mean.normal_(std=0.1)
    X, classes = torch.rand(3, 1, 28, 28).double(), torch.tensor([1, 4, 4])
    grad_cam = request.getfixturevalue(notebook).grad_cam
    got = grad_cam(net, net[2], X, classes)
    with torch.no_grad():
        maps = net.eval()[:3](X)
        slopes = torch.zeros_like(maps)
        for place in np.ndindex(maps.shape[1:]):
            step = torch.zeros_like(maps)
            step[(slice(None), *place)] = 1e-5
            up, down = net[3:](maps + step), net[3:](maps - step)
            slopes[(slice(None), *place)] = ((up - down) / 2e-5)[range(3), classes]
    weights = slopes.numpy().mean((2, 3))
    heat = np.maximum(np.einsum("nk,nkhw->nhw", weights, maps.numpy()), 0)
    side, places = heat.shape[1], (np.arange(28) + 0.5) / 28 * heat.shape[1] - 0.5
    hats = np.maximum(1 - abs(places.clip(0, side - 1)[:, None] - np.arange(side)), 0)
    expected = np.einsum("ih,nhw,jw->nij", hats, heat, hats)
    expected /= expected.max((1, 2), keepdims=True)
    np.testing.assert_allclose(got.numpy(), expected, atol=1e-5)
    assert not np.allclose(got[1], grad_cam(net, net[2], X, 1 - classes.clip(max=1))[1])


def test_grad_cam_of_what_speaks_for_nothing_is_dark(fashion):
    net = fashion.resnet18(width=4)
    nn.init.zeros_(net[-1].weight)
    got = fashion.grad_cam(net, net[2], torch.rand(2, 1, 28, 28), torch.tensor([0, 1]))
    assert (got == 0).all() and got.shape == (2, 28, 28)
