"""A student's numbers: kept, not hidden by later ones, and beside the results."""

import ast
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from coursekit import predictions
from coursekit.predictions import QUANTITIES, predict, predicted

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))


@pytest.fixture(autouse=True)
def nothing_yet(monkeypatch):
    monkeypatch.setattr(predictions, "MADE", {})
    monkeypatch.setattr(predictions, "_SHOWN", set())


def test_three_dots_are_open_and_say_what_is_wanted():
    text = repr(predict("w1-cnn", ...))
    assert text.startswith("w1-cnn: open, put a number in the place of the three dots, in %")
    assert "CNN, pixels in order: test accuracy" in text and repr(predict("w1-cnn")) == text


@pytest.mark.parametrize("value", [95, 95.0, np.float32(95), torch.tensor([95.0])])
def test_a_number_is_kept(value):
    assert repr(predict("w1-cnn", value)).startswith("w1-cnn: your prediction is 95 %\n")
    assert repr(predict("w1-cnn", ...)).startswith("w1-cnn: your prediction is 95 %\n")


@pytest.mark.parametrize(
    "value",
    ["95", "95 %", "ninety", b"95", math.nan, math.inf, None, True, np.True_, torch.tensor(True)]
    + [[1, 2], 95 + 1j, 10**400],
)
def test_what_is_no_number_is_refused_and_nothing_is_kept(value):
    with pytest.raises(ValueError, match="w1-cnn: a number is wanted, as in 90, not "):
        predict("w1-cnn", value)
    assert predictions.MADE == {}


@pytest.mark.parametrize("value", [-1, 100.5, 950])
def test_what_cannot_come_out_is_refused(value):
    with pytest.raises(ValueError, match="lies between 0 and 100 %, so .* cannot come out"):
        predict("w1-cnn", value)


def test_an_unknown_question_lists_the_known_ones():
    for results in (None, [95.1], "w1-cnn"):
        with pytest.raises(ValueError, match="results are given by question"):
            predicted(results)
    with pytest.raises(ValueError, match="is nothing to be predicted"):
        predict(["w1-cnn"], 90)
    for call in (lambda: predict("w1-cmn", 90), lambda: predicted({"w1-cmn": 90})):
        with pytest.raises(ValueError, match="'w1-cmn' is nothing to be predicted.*w1-fc, w1-cnn"):
            call()


def test_a_second_number_does_not_hide_the_first():
    predict("w1-cnn", 80)
    assert "your prediction is 90 % (first 80 %)\n" in repr(predict("w1-cnn", 90))
    assert "your prediction is 80 %\n" in repr(predict("w1-cnn", 80))


def test_a_number_made_after_the_result_says_so():
    predict("w1-cnn", 80)
    assert "80 %" in repr(predicted({"w1-cnn": 95.46}))
    assert "after" not in repr(predict("w1-cnn", 80)), "the same cell again changes nothing"
    assert "95 % (first 80 %) (after the result)" in repr(predict("w1-cnn", 95))
    assert "95 % (first 80 %) (after the result)" in repr(predicted({"w1-cnn": 95.46}))
    assert "after" not in repr(predict("w1-cnn", 80)), "the first one again"
    assert "after" not in repr(predict("w1-fc", 80)), "whose result was not shown"


def test_a_first_number_after_the_result_is_no_prediction():
    predict("w1-cnn", ...)
    predicted({"w1-cnn": 95.46})
    for _ in range(2):
        assert "is 95.46 % (after the result)" in repr(predict("w1-cnn", 95.46))
    assert "95.46 % (after the result)" in repr(predicted({"w1-cnn": 95.46}))


def test_beside_the_results():
    predict("w1-fc", 80)
    table = predicted({"w1-fc": 89.02, "w1-cnn": 95.46})
    assert repr(table).splitlines() == [
        "                                     your prediction  this run  difference",
        "FC, pixels in order: test accuracy   80 %             89.02 %   9.02 points",
        "CNN, pixels in order: test accuracy  –                95.46 %   –",
    ]
    page = table._repr_html_()
    for text in ("80 %", "89.02 %", "9.02 points", "–", 'scope="col">this run', 'scope="row">FC'):
        assert text in page


def test_what_only_rounding_tells_apart_is_the_same():
    predict("w1-fc", 55)
    assert repr(predicted({"w1-fc": 100 * 0.55})).endswith("0 points")


@pytest.mark.parametrize("value", [math.nan, "95", None])
def test_a_result_is_a_number(value):
    with pytest.raises(ValueError, match="w1-fc: a number is wanted"):
        predicted({"w1-fc": value})


def calls(path, function):
    """The questions that a notebook hands to a function of predictions."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and f"ck.{function}(" in source:
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == f"ck.{function}":
                    yield node


def test_each_question_is_asked_once_before_its_result_and_left_open():
    asked = {}
    for path in NOTEBOOKS:
        for call in calls(path, "predict"):
            question, value = map(ast.literal_eval, call.args)
            assert question not in asked and value is ..., question
            asked[question] = path.stem
    assert asked.keys() == QUANTITIES.keys()
    for question, stem in asked.items():
        assert stem.startswith(f"week{question[1]}_")
