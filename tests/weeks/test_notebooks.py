"""The networks that the notebooks define: exact sizes, and equal to the reference where there is
one."""

import json
import re

import pytest
import torch
import torchvision

import coursekit as ck
from notebooks import FOLDER, definitions, parameters


@pytest.fixture(scope="module")
def week1():
    return definitions("week1_mnist_fc_vs_cnn")


@pytest.fixture(scope="module")
def vgg():
    return definitions("week2_cifar10_vgg16")


def test_week1_networks_have_the_same_budget(week1):
    assert parameters(week1.FC2Layer(784, 8, 10)) == 6_442
    assert parameters(week1.CNN(784, 6, 10)) == 6_422


def test_week1_networks_give_log_probabilities(week1):
    X = torch.randn(5, 1, 28, 28)
    for net in (week1.FC2Layer(784, 8, 10), week1.CNN(784, 6, 10)):
        y_hat = net(X)
        assert y_hat.shape == (5, 10)
        torch.testing.assert_close(y_hat.exp().sum(1), torch.ones(5))


def test_week1_cnn_is_the_sequential_network_of_the_curriculum(week1):
    """The same network written with modules only, in the order of the forward pass."""
    nn = torch.nn
    reference = nn.Sequential(
        nn.Conv2d(1, 6, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 6, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(96, 50),
        nn.ReLU(),
        nn.Linear(50, 10),
        nn.LogSoftmax(1),
    )
    assert ck.inspection.same_outputs(week1.CNN(784, 6, 10), reference, torch.randn(3, 1, 28, 28))


def test_week1_block_orders_are_permutations_that_stay_where_they_should(week1):
    for inside in (True, False):
        order = week1.block_order(4, inside)
        assert torch.equal(order.sort().values, torch.arange(784))
    row, column = torch.arange(784) // 28, torch.arange(784) % 28
    order = week1.block_order(4, inside=True)
    assert torch.equal(row[order] // 4, row // 4) and torch.equal(column[order] // 4, column // 4)
    assert not torch.equal(order, torch.arange(784))


@pytest.mark.parametrize("block", [1, 2, 4, 7, 14, 28])
def test_week1_no_pixel_leaves_its_block(week1, block):
    order, place = week1.block_order(block), torch.arange(784)
    for position in (place // 28, place % 28):
        assert torch.equal(position[order] // block, position // block)
    assert torch.equal(order, place) == (block == 1)


def test_week1_one_order_for_all_images_and_one_for_each(week1):
    images = torch.arange(784).remainder(251).to(torch.uint8).expand(3, 784).view(3, 1, 28, 28)
    data = ck.Images(images.contiguous(), torch.arange(3), list("abc"), "made", 0.5, 0.25)
    order = torch.randperm(784)
    mixed = week1.permute(data, order)
    assert torch.equal(mixed.images.view(3, 784), images.reshape(3, 784)[:, order])
    assert torch.equal(mixed.labels, data.labels) and (mixed.mean, mixed.std) == (0.5, 0.25)
    assert torch.equal(week1.permute(mixed, order.argsort()).images, images)
    each = week1.own_order(images)
    assert each.shape == images.shape and not torch.equal(each[0], each[1])
    for one in each:
        assert torch.equal(one.flatten().sort().values, images[0].flatten().sort().values)


def test_week1_intervals_are_student_s(week1):
    """Of 1, 2, 3: 4.303, Student's t for 2 degrees of freedom, times 1 / √3."""
    assert week1.summary([1.0, 2.0, 3.0]) == "2.0 ± 2.5" and week1.summary([7]) == "7.0 (one seed)"


def test_week2_lenet_is_the_usual_one():
    net = definitions("week2_cifar10_lenet").Net()
    nn = torch.nn
    reference = nn.Sequential(
        nn.Conv2d(3, 6, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )
    assert parameters(net) == 62_006
    assert ck.inspection.same_outputs(net, reference, torch.randn(3, 3, 32, 32))


def test_week2_mlp_has_the_budget_of_lenet():
    mlp = definitions("week2_cifar10_lenet").MLP()
    assert parameters(mlp) == 61_670 and mlp(torch.randn(2, 3, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize("n, bins, sure", [(1000, 15, 1.0), (1000, 10, 8.0), (37, 15, 0.1)])
def test_week2_calibration_error_is_torchmetrics(n, bins, sure):
    from torchmetrics.functional.classification import multiclass_calibration_error

    generator = torch.Generator().manual_seed(n)
    outputs = sure * torch.randn(n, 10, generator=generator)
    targets = torch.randint(10, (n,), generator=generator)
    result = ck.Evaluation(0.0, targets == outputs.argmax(1), outputs, targets, "accuracy", (), "")
    week = definitions("week2_cifar10_lenet")
    theirs = multiclass_calibration_error(outputs.softmax(1), targets, 10, n_bins=bins, norm="l1")
    assert week.calibration_error(result, bins) == pytest.approx(theirs.item(), abs=1e-6)
    confidence, right, count = week.calibration(result, bins)
    assert count.sum() == n and count.shape == (bins,)
    there = count > 0
    assert ((confidence[there] >= 0) & (confidence[there] <= 1)).all()


def test_week2_calibration_of_a_network_that_is_sure_and_half_right():
    outputs = torch.tensor([[50.0, 0.0]]).repeat(10, 1)
    targets = torch.tensor([0, 1] * 5)
    result = ck.Evaluation(0.0, targets == 0, outputs, targets, "accuracy", ("a", "b"), "")
    assert definitions("week2_cifar10_lenet").calibration_error(result) == pytest.approx(0.5)


def test_week2_vgg_has_the_curriculums_sizes(vgg):
    assert parameters(vgg.VGG()) == 9_231_114
    assert parameters(vgg.VGG(vgg.cfg_d)) == 14_728_266
    assert vgg.VGG(width=0.25)(torch.randn(2, 3, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize("name", ["cfg", "cfg_d"])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_week2_vgg_layers_are_torchvisions(vgg, name, batch_norm):
    layers = getattr(vgg, name)
    reference = torchvision.models.vgg.make_layers(layers, batch_norm=batch_norm)
    ours = vgg.make_layers(layers, batch_norm=batch_norm)
    assert ck.inspection.same_outputs(ours, reference, torch.randn(2, 3, 32, 32), by="name")


def test_week2_vgg16_is_the_papers(vgg):
    """13 convolutions and 3 linear layers; on CIFAR-10 the usual form has one linear layer."""
    with torch.device("meta"):
        ours, reference = vgg.VGG16(), torchvision.models.vgg16()
    kinds = [type(m) for m in ours.modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear))]
    assert kinds == [torch.nn.Conv2d] * 13 + [torch.nn.Linear] * 3
    assert parameters(ours) == parameters(reference) == 138_357_544
    # at 224×224 the average over 7×7 windows changes nothing; flattening has no module there
    own, other = torch.nn.Flatten, torch.nn.AdaptiveAvgPool2d
    leaves = [
        [type(m) for m in net.modules() if not [*m.children()] and type(m) is not left_out]
        for net, left_out in ((ours, own), (reference, other))
    ]
    assert leaves[0] == leaves[1]


def test_week2_the_spread_before_each_relu_is_what_arrives_there(vgg):
    net = vgg.VGG(width=0.125)
    X = torch.randn(4, 3, 32, 32)
    found = vgg.spreads(net, X)
    assert len(found) == 8
    assert found[0] == pytest.approx(net.features[:2].train()(X).std().item(), rel=1e-4)


def test_the_find_the_bug_exercise_still_has_its_bug(vgg):
    with pytest.raises(RuntimeError, match="512.*2048|shapes"):
        vgg.BrokenVGG()(torch.randn(2, 3, 32, 32))


def test_every_week_is_in_the_readme():
    readme = (FOLDER.parent / "README.md").read_text(encoding="utf-8")
    for path in FOLDER.glob("*.ipynb"):
        assert f"](notebooks/{path.name})" in readme


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_source_is_printed_whole_and_checked(path):
    """nbval compares the kept output with the package, so that what is printed is never stale."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "code" and "getsource(" in text:
            assert "nbval-check-output" in cell["metadata"].get("tags", ()), cell["id"]
            assert not re.search(r"getsource\([^)]*\)\s*[.[]", text), f"{cell['id']} cuts it"
