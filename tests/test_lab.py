"""The lab: scale, device, data folder, seeds."""

import random

import numpy as np
import pytest
import torch

import coursekit as ck
from coursekit import lab


def draws():
    return random.random(), np.random.rand(), torch.rand(1).item()


@pytest.mark.parametrize("scale", lab.SCALES)
def test_pick_gives_the_value_of_the_scale(monkeypatch, scale):
    monkeypatch.setenv("COURSEKIT_SCALE", scale)
    assert ck.Lab().pick(smoke="smoke", laptop="laptop", full="full") == scale


def test_an_unknown_scale_lists_the_scales(monkeypatch):
    monkeypatch.setenv("COURSEKIT_SCALE", "fast")
    with pytest.raises(
        ValueError, match="'fast' is not a scale: choose one of smoke, laptop, full"
    ):
        ck.Lab()


@pytest.mark.parametrize(("device", "scale"), [("cpu", "laptop"), ("cuda", "full")])
def test_the_default_scale_follows_the_device(monkeypatch, device, scale):
    monkeypatch.delenv("COURSEKIT_SCALE")
    monkeypatch.setattr(lab, "default_device", lambda: torch.device(device))
    assert lab.default_scale() == scale


def test_a_forgotten_scale_is_an_error():
    with pytest.raises(TypeError):
        ck.Lab().pick(smoke=1, full=2)


def test_the_seed_reaches_every_generator():
    ck.Lab(seed=3)
    first = draws()
    ck.Lab(seed=3)
    assert draws() == first
    ck.Lab(seed=4)
    assert all(a != b for a, b in zip(draws(), first))


def test_the_data_folder_is_named_or_the_checkouts(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path))
    assert ck.Lab().data == tmp_path
    monkeypatch.setenv("COURSEKIT_DATA", "~/sets")
    assert "~" not in str(ck.Lab().data)
    monkeypatch.delenv("COURSEKIT_DATA")
    assert ck.Lab().data.name == "data"
    assert (ck.Lab().data.parent / "pyproject.toml").exists()


@pytest.mark.parametrize(
    ("value", "off"), [("1", True), ("yes", True), ("", False), ("0", False), ("False", False)]
)
def test_the_network_can_be_switched_off(monkeypatch, value, off):
    monkeypatch.setenv("COURSEKIT_OFFLINE", value)
    assert lab.offline() is off


def test_the_first_output_says_where_the_notebook_runs(monkeypatch):
    monkeypatch.delenv("COURSEKIT_DATA")
    shown = repr(ck.Lab(seed=5, minutes={"smoke": 1, "laptop": 3}))
    for part in (
        "CPU",
        "smoke",
        "about 1 minute\n",
        "data",
        "(network off)",
        "seed     5",
        torch.__version__,
        np.__version__,
    ):
        assert part in shown
    assert not any(word.startswith(("/", "~")) for word in shown.split()), (
        "an absolute path in a committed output"
    )


def test_minutes_of_another_scale_are_not_promised():
    assert "minute" not in repr(ck.Lab(minutes={"full": 3}))


def test_a_variable_may_have_the_blanks_and_quotes_of_windows(monkeypatch, tmp_path):
    """``set COURSEKIT_OFFLINE=0 && …`` keeps the blank before the signs, and quotes too."""
    monkeypatch.setenv("COURSEKIT_SCALE", "full ")
    monkeypatch.setenv("COURSEKIT_OFFLINE", "0 ")
    monkeypatch.setenv("COURSEKIT_DATA", f'"{tmp_path}" ')
    assert (lab.asked_scale(), lab.offline(), lab.data_folder()) == ("full", False, tmp_path)
    assert f"data     {tmp_path}\n" in repr(ck.Lab())
