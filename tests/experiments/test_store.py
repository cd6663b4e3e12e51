"""Runs on disk: none lost, none mixed with those of another recipe."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from functools import partial

import numpy as np
import pytest
import torch

import coursekit as ck
from coursekit.experiments import ExperimentError

LR = 0.1


def draw(seed):
    return {"torch": torch.rand(3).sum(), "numpy": np.random.rand(), "seed": seed}


def scaled(seed):
    return seed * LR


def product(seed, factor=1):
    return seed * factor


def test_only_what_is_missing_is_run(tmp_path, capsys):
    calls = tmp_path / "calls"  # on disk: a counter in memory would be a part of the recipe

    def counted(seed):
        with calls.open("a") as file:
            file.write(f"{seed} ")
        return draw(seed)

    folder = tmp_path / "counted"
    first = ck.repeat(counted, range(3), folder=folder)
    again = ck.repeat(counted, [5, 2, 1, 0], folder=folder)
    assert calls.read_text() == "0 1 2 5 "
    assert again.seeds == (5, 2, 1, 0) and again.results[:0:-1] == first.results
    assert again.results[0] == ck.repeat(draw, [5]).results[0]
    assert capsys.readouterr().out == "counted: 3 of 4 runs are there already, 1 left to do\n"
    ck.repeat(counted, range(3), folder=folder)
    assert calls.read_text() == "0 1 2 5 " and "none left to do" in capsys.readouterr().out


def test_the_failed_run_alone_is_done_again(tmp_path):
    broken, calls = tmp_path / "broken", tmp_path / "calls"
    broken.touch()

    def sometimes(seed):
        with calls.open("a") as file:
            file.write(f"{seed} ")
        if seed == 1 and broken.exists():
            raise MemoryError("too large")
        return seed

    with pytest.raises(ExperimentError, match="Seed 1: MemoryError.*and in runs: call again"):
        ck.repeat(sometimes, range(4), folder=tmp_path / "runs")
    broken.unlink()
    assert ck.repeat(sometimes, range(4), folder=tmp_path / "runs").values.tolist() == [0, 1, 2, 3]
    assert calls.read_text() == "0 1 2 3 1 "


SCRIPT = """
import os, signal, sys
import torch
import coursekit as ck

def run(seed):
    if seed == 3 and "kill" in sys.argv:
        os.kill(os.getpid(), signal.SIGKILL)
    return torch.rand(1).item()

runs = ck.repeat(run, range(5), folder=sys.argv[1])
print(runs.values.tolist())
"""


@pytest.mark.posix
def test_a_kill_loses_one_run(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    def start(folder, *words):
        return subprocess.run(
            [sys.executable, script, tmp_path / folder, *words], capture_output=True, text=True
        )

    assert start("runs", "kill").returncode == -signal.SIGKILL
    assert sorted(os.listdir(tmp_path / "runs")) == ["seed-0.json", "seed-1.json", "seed-2.json"]
    continued = start("runs")
    whole = ck.repeat(lambda seed: torch.rand(1).item(), range(5))  # in any process
    assert continued.stdout.splitlines() == [
        "runs: 3 of 5 runs are there already, 2 left to do",
        str(whole.values.tolist()),
    ]
    assert continued.stderr == ""


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_loses_no_run_and_leaves_no_half_file(tmp_path, monkeypatch, call, capsys):
    monkeypatch.setattr(
        os, call, lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    runs = ck.repeat(product, range(3), folder=tmp_path / "full")
    assert runs.values.tolist() == [0, 1, 2] and os.listdir(tmp_path / "full") == []
    told = "full: 3 runs could not be kept (No space left on device). They count here, but another"
    assert told in capsys.readouterr().out


def test_a_half_written_file_is_not_taken_for_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        ck.repeat(product, [1], folder=tmp_path / "half")
    monkeypatch.undo()
    assert os.listdir(tmp_path / "half") == []
    assert ck.repeat(product, [1], folder=tmp_path / "half").values.tolist() == [1]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[]",
        lambda text: text.replace('"result"', '"outcome"'),
        lambda text: text.replace('"seed": 1', '"seed": 2'),
        lambda text: text.replace('"result": 1.0', '"result": NaN'),
    ],
)
def test_a_damaged_file_is_named(tmp_path, damage):
    folder = tmp_path / "kept"
    ck.repeat(product, range(2), folder=folder)
    path = folder / "seed-1.json"
    path.write_text(damage(path.read_text()))
    before = path.read_text()
    with pytest.raises(
        ValueError, match="seed-1.json in kept is damaged or not a finished run: delete it"
    ):
        ck.repeat(product, range(3), folder=folder)
    assert path.read_text() == before and not (folder / "seed-2.json").exists()


def closed(lr):
    def recipe(seed):
        return seed * lr[0]

    return recipe


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (product, scaled, "the function was product, now scaled; .*; and 2 more. "),
        (closed([1, {"a": 2}]), closed([1, {"a": 3}]), "lr was [1, {'a': 2}], now [1, {'a': 3}]. "),
        (
            partial(product, factor=2),
            partial(product, factor=3),
            ".*factor of product.* was 2, now 3. ",
        ),
        (partial(product, factor=2), partial(scaled), "the function was product, now scaled"),
    ],
)
def test_another_recipe_is_refused(tmp_path, old, new, words):
    """What counts as another recipe: test_recipes.py."""
    folder, words = tmp_path / "kept", re.escape(words).replace(r"\.\*", ".*")
    ck.repeat(old, [0], folder=folder)
    start = f"^seed-0.json in kept was made by another recipe: {words}"
    with pytest.raises(ValueError, match=f"{start}.*Name another folder"):
        ck.repeat(new, range(2), folder=folder)
    assert os.listdir(folder) == ["seed-0.json"]
    assert len(ck.repeat(old, range(2), folder=folder)) == 2


def test_the_file_says_what_a_run_depended_on(tmp_path):
    ck.repeat(partial(scaled), [3], folder=tmp_path / "kept")
    saved = json.loads((tmp_path / "kept" / "seed-3.json").read_text())
    assert list(saved) == ["seed", "result", "recipe"] and saved["seed"] == 3
    assert saved["result"] == 3 * LR
    recipe = saved["recipe"]
    assert (recipe["the function"], recipe["the scale"], recipe["LR"]) == ("scaled", "smoke", "0.1")


def test_another_scale_or_data_set_is_another_recipe(tmp_path, monkeypatch, pictures):
    scale = "a name as that of a part"

    def train(seed):
        return len(pictures) + len(scale)

    ck.repeat(train, [0], folder=tmp_path / "kept")
    ck.repeat(train, [0], folder=tmp_path / "kept")
    with (
        monkeypatch.context() as patch,
        pytest.raises(ValueError, match="the scale was smoke, now full"),
    ):
        patch.setenv("COURSEKIT_SCALE", "full")
        ck.repeat(train, [0], folder=tmp_path / "kept")
    pictures = pictures.take(90)
    with pytest.raises(ValueError, match="recipe: pictures was Images.*, now Images"):
        ck.repeat(train, [0], folder=tmp_path / "kept")


class Measured:
    """Some data set of one's own, with a source."""

    def __init__(self, size, source="a field (synthetic)"):
        self.size, self.source = size, source


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (Measured(3), Measured(4)),
        (Measured(3), Measured(3, "a wood")),
        ((Measured(3), Measured(1)), (Measured(3), Measured(2))),
        ({"test": Measured(3)}, {"test": Measured(4)}),
        (ck.History("a"), ck.History("a", train_loss=[1.0])),
    ],
)
def test_data_are_parts_of_the_recipe(tmp_path, old, new):
    def reads(seed):
        return len(str(data))

    def takes(seed, data):
        return len(str(data))

    for n, (function, name) in enumerate([(reads, "data"), (takes, "argument data of takes")]):
        folder = tmp_path / str(n)

        def start(seeds, value, function=function, folder=folder):
            nonlocal data
            data = value
            given = partial(function, data=value) if function is takes else function
            return ck.repeat(given, seeds, folder=folder)

        data = None
        start([0], old)
        with pytest.raises(ValueError, match=f"made by another recipe: .*{name} was "):
            start(range(2), new)
        assert len(start(range(2), old)) == 2


def test_what_cannot_be_described_is_printed(tmp_path, capsys):
    lock = threading.Lock()

    def careful(seed):
        with lock:
            return seed

    for n in (1, 2):
        assert len(ck.repeat(careful, range(n), folder=tmp_path / "kept")) == n
        out = capsys.readouterr().out
        assert out.startswith("kept: lock cannot be described, changes there go unnoticed\n")


def test_the_folder_is_made_but_not_its_parent(tmp_path):
    with pytest.raises(ValueError, match="there is no folder .*drive: make it first"):
        ck.repeat(product, [1], folder=tmp_path / "drive" / "runs")
    (tmp_path / "runs").touch()
    with pytest.raises(ValueError, match="^runs is a file: name a folder for the runs$"):
        ck.repeat(product, [1], folder=tmp_path / "runs")


def test_what_another_recipe_has_kept_meanwhile_stays(tmp_path, capsys):
    def other(seed):
        return -1

    def run(seed):
        ck.repeat(other, [seed], folder=tmp_path / "runs")
        return seed

    assert ck.repeat(run, [1], folder=tmp_path / "runs").values.tolist() == [1]
    told = "runs: 1 run could not be kept (seed-1.json in runs was made by another recipe: "
    assert told in capsys.readouterr().out
    assert ck.repeat(other, [1], folder=tmp_path / "runs").values.tolist() == [-1]


def test_what_the_runs_change_themselves_is_no_other_recipe(tmp_path):
    """A list that each run appends to: called again in the same process, as after a failure."""
    seen, rate = [], {"lr": 0.1}

    def run(seed):
        seen.append(seed)
        return seed * rate["lr"]

    for seeds in (range(2), range(3), range(5)):
        assert len(ck.repeat(run, seeds, folder=tmp_path / "runs", progress=False)) == len(seeds)
    assert seen == [0, 1, 2, 3, 4]
    rate["lr"] = 0.2
    with pytest.raises(ValueError, match="rate was .'lr': 0.1., now .'lr': 0.2."):
        ck.repeat(run, range(6), folder=tmp_path / "runs", progress=False)


@pytest.mark.parametrize("number", ["9" * 400, "[" * 3000 + "]" * 3000, "NaN", "1e999"])
def test_odd_json_is_a_damaged_run(tmp_path, number):
    ck.repeat(float, [0], folder=tmp_path / "runs")
    path = tmp_path / "runs" / "seed-0.json"
    path.write_text(path.read_text().replace('"result": 0.0', f'"result": {number}'))
    with pytest.raises(ValueError, match="^seed-0.json in runs is damaged or not a finished run"):
        ck.repeat(float, [0], folder=tmp_path / "runs")


def test_the_default_type_of_numbers_counts(tmp_path):
    ck.repeat(float, [0], folder=tmp_path / "runs")
    try:
        torch.set_default_dtype(torch.float64)
        with pytest.raises(ValueError, match="default dtype was not there, now torch.float64"):
            ck.repeat(float, [0], folder=tmp_path / "runs")
    finally:
        torch.set_default_dtype(torch.float32)
