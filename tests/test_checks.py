"""``ck.check``: right answers are computed here anew, wrong ones are told apart, and no answer
stands in the package."""

import json
import math
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

import coursekit as ck
from coursekit import checks
from coursekit.checks import SEALS, Seal, Verdict
from notebooks import definitions


def the_real_mistake():
    """Which pair of last layer and loss gives another value than the scores with
    ``cross_entropy``."""
    scores, y = torch.randn(4, 10), torch.arange(4)
    pairs = {
        "A": F.nll_loss(scores.log_softmax(1), y),
        "B": F.cross_entropy(scores.log_softmax(1), y),
        "C": F.cross_entropy(scores.softmax(1), y),
    }
    (letter,) = (
        name for name, loss in pairs.items() if not torch.isclose(loss, F.cross_entropy(scores, y))
    )
    return letter


def numbers_at_the_classifier(side):
    with torch.device("meta"):  # shapes alone, no numbers
        return torchvision.models.vgg16().features(torch.zeros(1, 3, side, side)).numel()


def side_for(numbers):
    return next(side for side in range(32, 256, 32) if numbers_at_the_classifier(side) == numbers)


def share_not_seen():
    X = torch.ones(1, 1, 16, 16, requires_grad=True)
    nn.Conv2d(1, 1, 1, stride=2)(X).sum().backward()
    return 100 * (X.grad == 0).float().mean().item()


def what_frozen_layers_change():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).requires_grad_(False)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    net.train()(torch.randn(8, 3, 9, 9) + 5)
    changed = {
        name.rsplit(".", 1)[-1]
        for name, value in net.state_dict().items()
        if not torch.equal(value, before[name])
    }
    return {frozenset({"running_mean", "running_var", "num_batches_tracked"}): "B"}[
        frozenset(changed)
    ]


def half_interval(share, n):
    return 100 * 1.96 * math.sqrt(share * (1 - share) / n)


def parameters(layer):
    return sum(p.numel() for p in layer.parameters())


def multiplications_of_the_linear_layers():
    block = definitions("week4_mobilenet_senet").SEBlock(128)
    return sum(
        module.weight.numel()
        for module in block.modules()
        if isinstance(module, (nn.Linear, nn.Conv2d))
    )


def photos_for(decibels, start=20.17):
    return next(n for n in range(1, 100) if start + 10 * math.log10(n) >= decibels)


RIGHT = {
    "w1-q4": the_real_mistake,
    "w2-q3": lambda: 10 * math.ceil(50_000 / 64),
    "w2-q6": lambda: numbers_at_the_classifier(32),
    "w2-q6-size": lambda: side_for(2048),
    "w3-q3": share_not_seen,
    "w3-q8": lambda: ck.experiments.seeds_needed(0.3, 0.2),
    "w3-q12": what_frozen_layers_change,
    "w3-q13": lambda: half_interval(0.984, 2000),
    "w4-q4": multiplications_of_the_linear_layers,
    "w4-q4-conv": lambda: nn.Conv2d(128, 128, 3, bias=False).weight.numel() * 16 * 16,
    "w4-q6": lambda: parameters(nn.Conv3d(1, 8, (7, 3, 3))),
    "w4-q6-flat": lambda: parameters(nn.Conv2d(30, 8, 3)),
    "w4-q12": lambda: half_interval(0.96, 10_000),
    "w5-q1": lambda: 10 ** ((31.0 - 28.0) / 10),
    "w5-q1-photos": lambda: photos_for(31),
    "w5-q10": lambda: 100e6 * 128 / 1e9,
}
WRONG = [
    ("w1-q4", "B", "wrong", "normalised already"),
    ("w1-q4", "a", "wrong", "belong together"),
    ("w1-q4", "D", "wrong", '"A", "B" or "C"'),
    ("w1-q4", 3, "wrong", "a single letter, not 3"),
    ("w1-q4", "CC", "wrong", "a single letter"),
    ("w1-q4", "", "wrong", "a single letter"),
    ("w2-q3", 7810, "close", "a step too"),
    ("w2-q3", 7812.5, "close", "no half steps"),
    ("w2-q3", 7813, "close", "each"),
    ("w2-q3", 782, "wrong", "one epoch"),
    ("w2-q3", 7800, "close", "not near enough"),
    ("w2-q3", 50_000, "wrong", ""),
    ("w2-q3", -7820, "wrong", ""),
    ("w2-q3", 0, "wrong", ""),
    ("w2-q3", 1e299, "wrong", ""),
    ("w5-q1", 1e308, "wrong", "a number"),
    ("w5-q1", -1e308, "wrong", "a number"),
    ("w2-q3", "7820", "wrong", "a number, not '7820'"),
    ("w2-q3", None, "wrong", "a number"),
    ("w2-q3", True, "wrong", "a number"),
    ("w2-q3", float("nan"), "wrong", "a number"),
    ("w2-q3", math.inf, "wrong", "a number"),
    ("w2-q3", [7820, 1], "wrong", "a number"),
    ("w2-q3", torch.ones(2), "wrong", "a number"),
    ("w2-q3", 10**400, "wrong", "a number"),
    ("w2-q6", 2048, "wrong", "the printed line"),
    ("w3-q3", 25, "wrong", "what it sees"),
    ("w3-q3", 0.75, "wrong", "per cent"),
    ("w3-q13", 0.28, "wrong", "one standard error"),
    ("w4-q6", 504, "close", "biases"),
    ("w4-q12", 0.2, "wrong", "1.96"),
    ("w5-q1", 3, "wrong", "ten are"),
    ("w5-q1", 0.5, "wrong", "other way"),
    ("w5-q1-photos", 12, "close", "30.96"),
    ("w5-q10", 11.9, "close", "2³⁰"),
    ("w5-q10", 409.6, "wrong", "without signs"),
]


def test_every_seal_is_computed_here():
    assert RIGHT.keys() == SEALS.keys()


@pytest.mark.parametrize("question", RIGHT)
def test_the_right_answer_is_right(question, seeded):
    answer = RIGHT[question]()
    assert ck.check(question, answer) == Verdict(question, "right")
    if SEALS[question].step is None:
        assert ck.check(question, f" {answer.lower()} ").kind == "right"
    else:
        assert {ck.check(question, kind(answer)).kind for kind in (np.float64, torch.tensor)} == {
            "right"
        }


@pytest.mark.parametrize(("question", "answer", "kind", "hint"), WRONG)
def test_wrong_answers_are_told_apart(question, answer, kind, hint):
    verdict = ck.check(question, answer)
    assert verdict.kind == kind and (hint in verdict.hint if hint else not verdict.hint)
    assert repr(verdict).startswith(f"{question}: {kind}")


@cache
def right_numbers():
    return {name: float(RIGHT[name]()) for name, seal in SEALS.items() if seal.step}


@given(st.sampled_from([name for name, seal in SEALS.items() if seal.step]), st.floats(-1e9, 1e9))
def test_only_numbers_within_half_a_step_are_right(question, answer):
    right, step = right_numbers()[question], SEALS[question].step
    if abs(answer - right) > step:
        assert ck.check(question, answer).kind != "right"
    beside = right + math.copysign(1.6 * step, answer)
    assert ck.check(question, beside).kind != "right"


def test_three_dots_are_no_answer_yet():
    assert repr(ck.check("w2-q3")) == repr(ck.check("w2-q3", ...))
    assert "open, put in the place of the three dots: the steps of 10 epochs" in repr(
        ck.check("w2-q3")
    )


def test_a_question_that_cannot_be_checked_is_named():
    with pytest.raises(
        ValueError, match="'w2-q99' cannot be checked by a program; these can: w1-q4, w2-q3"
    ):
        ck.check("w2-q99", 1)


def test_no_answer_is_written_in_the_package():
    """Neither the words beside a seal nor the seal itself tell the answer."""
    for name, right in right_numbers().items():
        seal = SEALS[name]
        told = " ".join([seal.asks, seal.right, seal.close, *seal.hints.values()])
        assert not re.search(rf"(?<![\d.]){re.escape(f'{right:g}')}(?![\d.]*\d)", told), name
        assert len(seal.right) == 16


def test_a_new_question_can_be_sealed(monkeypatch):
    text = checks.seal(
        "w9-q1", 62_006, asks="the parameters", step=1, hints={61_000: "count again", 5: 'not "5"'}
    )
    made = Seal(**json.loads("{" + text + "}")["w9-q1"])
    assert "62006" not in text and made.asks == "the parameters" and "61000" not in made.hints
    monkeypatch.setitem(SEALS, "w9-q1", made)
    assert [
        (verdict.kind, verdict.hint)
        for verdict in (ck.check("w9-q1", value) for value in (62_006, 61_000, 5, 7))
    ] == [("right", ""), ("close", "count again"), ("wrong", 'not "5"'), ("wrong", "")]


def test_a_new_choice_can_be_sealed(monkeypatch):
    text = checks.seal("w9-q2", "b", asks='"A" or "B"', hints={"a": "the other one"})
    monkeypatch.setitem(SEALS, "w9-q2", Seal(**json.loads("{" + text + "}")["w9-q2"]))
    assert [repr(ck.check("w9-q2", letter)) for letter in "BAC"] == [
        "w9-q2: right",
        "w9-q2: wrong, the other one",
        'w9-q2: wrong, "A" or "B"',
    ]


def test_an_entry_stands_in_the_file_as_it_is_printed():
    content = Path(checks.__file__).with_name("seals.json").read_text(encoding="utf-8")
    asks = SEALS["w5-q10"].asks
    entry = checks.seal("w5-q10", RIGHT["w5-q10"](), asks=asks, step=0.2)
    assert entry.removesuffix("\n  }") in content


@pytest.mark.parametrize(
    ("answer", "options", "words"),
    [
        (0.55, {"step": 0.1}, "not a multiple of the step 0.1"),
        ("AB", {}, "'AB' is no single letter"),
        (7, {}, "no single letter .a number needs a step"),
        (True, {"step": 1}, "True is no number"),
        (7, {"step": 1, "hints": {"7": "x"}}, "'7' is no number"),
        (7, {"step": 0}, "above 0"),
        (7, {"step": -1}, "above 0"),
    ],
)
def test_what_cannot_be_sealed_is_told(answer, options, words):
    with pytest.raises(ValueError, match=words):
        checks.seal("w9-q1", answer, asks="x", **options)
