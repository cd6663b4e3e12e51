"""The field to draw on carries networks and examples with it, and a still picture that says what
the networks answer."""

import base64

import numpy as np
import pytest
import torch
from page_parts import Parts, opened
from torch import nn

import coursekit as ck
from coursekit.moving.network import steps_of
from notebooks import definitions

pytestmark = pytest.mark.usefixtures("seeded")
SCALE = {"mean": 0.1307, "std": 0.3081}


@pytest.fixture
def digits():
    """Twelve images with the labels 3, 4, … of random pixels."""
    images = torch.randint(0, 256, (12, 1, 28, 28), dtype=torch.uint8)
    return ck.Images(images, (torch.arange(12) + 3) % 10, list("0123456789"), "digits (drawn)")


@pytest.fixture
def networks():
    week = definitions("week1_mnist_fc_vs_cnn")
    return {"FC": week.FC2Layer(784, 8, 10), "CNN": week.CNN(784, 6, 10)}


def sure_of(digit: int, share: float, *, last=None) -> nn.Module:
    """A network that gives one digit this probability, whatever it sees."""
    out = nn.Linear(784, 10)
    out.weight.data.zero_()
    out.bias.data.fill_(np.log((1 - share) / 9))[digit] = np.log(share)
    return nn.Sequential(nn.Flatten(), out, *([last] if last else []))


def test_networks_and_examples_are_in_the_page(networks, digits):
    data = Parts(ck.moving.draw_digit(networks, digits, **SCALE, title="Draw")).data
    assert [one.pop("name") for one in data["networks"]] == ["FC", "CNN"]
    assert data["networks"] == [steps_of(model) for model in networks.values()]
    pixels = np.frombuffer(base64.b64decode(data["examples"]), np.uint8).reshape(-1, 28, 28)
    assert (pixels == digits.images[:10, 0].numpy()).all()
    assert data["labels"] == digits.labels[:10].tolist()
    assert (data["mean"], data["std"], data["title"]) == (0.1307, 0.3081, "Draw")


@pytest.mark.parametrize("last", [None, nn.LogSoftmax(dim=1), nn.Softmax(dim=1)])
def test_the_still_picture_says_what_the_networks_answer(digits, last):
    nets = {"A": sure_of(7, 0.9, last=last), "B": sure_of(2, 0.55, last=last)}
    moving = ck.moving.draw_digit(nets, digits, **SCALE, title="Draw")
    parts = Parts(moving)
    said = "Draw. digits (drawn), a test digit 3. A answers 7 (90 %); B answers 2 (55 %)"
    assert moving.alt == parts.still["alt"] == said
    assert [tag for tag, _ in parts.tags] == ["figure", "img", "figcaption", "script"]
    assert "Draw. Where scripts may run" in parts.text
    image = opened(parts.still["src"])
    assert image.format == "PNG" and image.width > 500 and "Software" not in image.info


def test_the_first_image_is_answered_as_after_training(digits):
    """In eval mode, and normalised: all its brightness speaks for the 7."""
    out = nn.Linear(784, 10, bias=False)
    out.weight.data.zero_()[7] = 1 / 400
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.9), out).train()
    brightness = (digits.images[0].float() / 255 - 0.1307).sum() / 0.3081
    share = 1 / (1 + 9 * torch.exp(-brightness / 400))
    moving = ck.moving.draw_digit({"net": model}, digits, **SCALE)
    assert 0.3 < share < 0.8 and f"net answers 7 ({100 * share:.0f} %)" in moving.alt
    assert model.training and model[1].training


def test_the_same_input_gives_the_same_bytes(networks, digits):
    first, second = (ck.moving.draw_digit(networks, digits, **SCALE).html for _ in range(2))
    assert first == second
    assert first != ck.moving.draw_digit(networks, digits.take(9), **SCALE).html


def test_a_name_stays_a_name(digits):
    bad = "</script><img src=x onerror=alert(1)>"
    parts = Parts(ck.moving.draw_digit({bad: sure_of(1, 0.5)}, digits, **SCALE, title=bad))
    assert [tag for tag, _ in parts.tags] == ["figure", "img", "figcaption", "script"]
    assert parts.data["networks"][0]["name"] == bad and bad in parts.still["alt"]


def test_a_limit_of_parameters_for_all_networks_together(digits):
    def wide(n):
        return nn.Sequential(nn.Flatten(), nn.Linear(784, n, bias=False), nn.Linear(n, 10))

    ck.moving.draw_digit({"A": wide(125), "B": wide(126)}, digits, **SCALE)
    limit = r"200,000 parameters of all networks together; these have 200,108"
    with pytest.raises(ValueError, match=limit):
        ck.moving.draw_digit({"A": wide(126), "B": wide(126)}, digits, **SCALE)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"networks": {}}, "one network or more, by name"),
        ({"networks": [nn.Flatten()]}, "one network or more, by name"),
        ({"networks": nn.Flatten()}, "one network or more, by name"),
        ({"networks": {"a": "net"}}, "one network or more, by name"),
        ({"examples": torch.zeros(1, 1, 28, 28)}, "examples are the course's Images, not Tensor"),
        ({"mean": (0.1307,)}, r"mean and std are numbers, .*not \(0.1307,\) and"),
        ({"mean": None}, "mean and std are numbers, .*not None and"),
        ({"networks": {"odd": nn.Sequential(nn.GELU())}}, "network odd: the layer 0, GELU"),
        ({"std": 0}, "std above zero, not 0.1307 and 0"),
        ({"mean": float("nan")}, "not nan and 0.3081"),
    ],
)
def test_what_it_cannot_take(networks, digits, change, said):
    with pytest.raises(ValueError, match=said):
        ck.moving.draw_digit(**{"networks": networks, "examples": digits, **SCALE, **change})


def test_other_images(networks, digits, pictures):
    with pytest.raises(ValueError, match="images of 1×28×28, not 96 of 1×8×8"):
        ck.moving.draw_digit(networks, pictures, **SCALE)
    with pytest.raises(ValueError, match="not 0 of 1×28×28"):
        ck.moving.draw_digit(networks, digits.take(0), **SCALE)
