"""Checkpoints: a run that was stopped in any way ends as if it had not been; bad files are named
and left alone."""

import errno
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import coursekit as ck
from coursekit import training
from coursekit.augment import RandomCrop, RandomHorizontalFlip

EPOCHS = 4


class Stop(Exception):
    """Somebody pressed the stop button."""


class Stopping:
    """Accuracy, and somebody who stops the run at a batch, which is no part of the recipe."""

    fingerprint = property(lambda self: "accuracy")

    def __init__(self, at):
        self.left = at

    def __call__(self, outputs, target):
        self.left -= 1
        if self.left == 0:
            raise Stop
        return training.accuracy(outputs, target)


def net_for(seed=0, width=8):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, width, 3),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(36 * width, 3),
    )


def noise(images):
    """An augmentation that draws from Python's and NumPy's generators, as many libraries do."""
    return images + random.randrange(3) + np.random.randint(3)


def run(data, path=None, epochs=EPOCHS, stop_in=None, own_generator=False, **changes):
    """A run with everything random that there is; with ``stop_in``, somebody stops it within that
    epoch."""
    net = net_for(**changes.pop("net", {}))
    random.seed(1)
    np.random.seed(1)
    loader = data.loader(20, shuffle=True, augment=[RandomCrop(1), RandomHorizontalFlip(), noise])
    if own_generator:
        loader = DataLoader(
            loader.dataset,
            batch_size=20,
            shuffle=True,
            collate_fn=loader.collate_fn,
            generator=torch.Generator().manual_seed(5),
        )
    optimizer = changes.pop("optimizer", lambda parameters: torch.optim.Adam(parameters, lr=1e-3))(
        net.parameters()
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=1e-2, total_steps=EPOCHS * len(loader)
    )
    stop_at = (stop_in - 1) * len(loader) + 3 if stop_in else 0
    history = ck.fit(
        net,
        loader,
        epochs=epochs,
        optimizer=optimizer,
        scheduler=changes.pop("scheduler", schedule),
        checkpoint=path,
        progress=False,
        metric=Stopping(stop_at),
    )
    return net, {key: value for key, value in vars(history).items() if key != "seconds"}


def same(one, other):
    (net, history), (reference, expected) = one, other
    return history == expected and all(
        map(torch.equal, net.state_dict().values(), reference.state_dict().values())
    )


# ---- stopped and continued


@pytest.mark.parametrize("own_generator", [False, True])
@pytest.mark.parametrize("stop_in", [1, 3])
def test_a_stopped_run_continues_to_the_same_end(
    pictures, tmp_path, stop_in, own_generator, capsys
):
    path = tmp_path / "run.pt"
    reference = run(pictures, own_generator=own_generator)
    with pytest.raises(Stop):
        run(pictures, path, stop_in=stop_in, own_generator=own_generator)
    assert path.exists() == (stop_in > 1)
    torch.rand(7)  # whatever was drawn in between
    assert same(run(pictures, path, own_generator=own_generator), reference)
    assert (f"run.pt: continues after epoch {stop_in - 1}" in capsys.readouterr().out) == (
        stop_in > 1
    )


def test_a_longer_run_continues_a_finished_one(pictures, tmp_path):
    run(pictures, tmp_path / "run.pt", epochs=2)
    assert same(run(pictures, tmp_path / "run.pt"), run(pictures))


def test_a_finished_run_is_not_trained_again(pictures, tmp_path):
    first = run(pictures, tmp_path / "run.pt")
    content = (tmp_path / "run.pt").read_bytes()
    again = run(pictures, tmp_path / "run.pt", stop_in=1)
    assert same(again, first)
    assert (tmp_path / "run.pt").read_bytes() == content


def test_saving_changes_nothing(pictures, tmp_path):
    assert same(run(pictures, tmp_path / "run.pt"), run(pictures))
    assert os.listdir(tmp_path) == ["run.pt"]


def test_an_epoch_with_a_broken_loss_is_not_saved(pictures, tmp_path):
    net, path = net_for(), tmp_path / "run.pt"
    optimizer, calls = torch.optim.SGD(net.parameters(), lr=0.1), []

    def loss(outputs, target):
        calls.append(1)
        return nn.functional.cross_entropy(outputs, target) * (
            float("nan") if len(calls) == 5 else 1
        )

    with pytest.raises(FloatingPointError):
        ck.fit(
            net,
            pictures.loader(32),
            epochs=3,
            optimizer=optimizer,
            loss=loss,
            checkpoint=path,
            progress=False,
        )
    assert torch.load(path, weights_only=True)["epoch"] == 1


# ---- killed, and a full disk: processes of their own


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """What ``interrupted.py`` found."""
    script = Path(__file__).with_name("interrupted.py")
    done = subprocess.run(
        [sys.executable, script, tmp_path_factory.mktemp("runs")],
        capture_output=True,
        text=True,
        env=os.environ | {"COURSEKIT_SCALE": "smoke"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_killed_at_random_moments(interrupted):
    assert interrupted["reference"] == 0
    assert interrupted["kills"] >= 2
    assert interrupted["killed"], (
        "the run ended with other weights or another history than one that was never killed"
    )


@pytest.mark.parametrize("moment", ["fsync-False", "fsync-True", "replace-False", "replace-True"])
def test_killed_while_saving(interrupted, moment):
    first, second, equal = interrupted[moment]
    assert first == -9, "the checkpoint is not flushed and then put in its place"
    assert second == 0 and equal


def test_a_full_disk_keeps_the_checkpoint_whole(interrupted):
    found = interrupted["full disk"]
    assert "the checkpoint of epoch 3 could not be saved" in found["message"]
    assert "the one of the epoch before is whole" in found["message"]
    assert found["kept"]
    assert found["left"] == ["full.pt"], "a half file was left behind"
    assert found["then"] == 0 and found["same"], (
        "with room again, the run does not end as it should"
    )


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_no_space_left(pictures, tmp_path, monkeypatch, call):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "run.pt"
    monkeypatch.setattr(os, call, full)
    with pytest.raises(
        OSError, match="could not be saved .No space left on device.; there is none yet"
    ) as caught:
        run(pictures, path)
    assert caught.value.errno == errno.ENOSPC
    assert os.listdir(tmp_path) == []
    monkeypatch.undo()
    assert same(run(pictures, path), run(pictures))


def test_two_runs_with_one_file_are_told(pictures, tmp_path, capsys):
    path, left = tmp_path / "run.pt", []

    def also(outputs, target):
        if path.exists() and not left:
            left.append(path.write_bytes(path.read_bytes() + b"x"))
        return nn.functional.cross_entropy(outputs, target)

    net = net_for()
    options = {"optimizer": torch.optim.SGD(net.parameters(), lr=0.1), "checkpoint": path}
    ck.fit(net, pictures.loader(32), epochs=3, loss=also, progress=False, **options)
    told = "run.pt: another run wrote it too. Name a file for each run\n"
    assert capsys.readouterr().out.count(told) == 1


# ---- another run's file, or none at all


def refuse(data, path, *words, **changes):
    before = path.read_bytes()
    with pytest.raises(ValueError) as caught:
        run(data, path, **changes)
    for word in (path.name, *words):
        assert word in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"net": {"width": 9}}, ["model: (0): Conv2d(1, 9, ", "(0): Conv2d(1, 8, "]),
        (
            {"optimizer": lambda parameters: torch.optim.SGD(parameters, lr=1e-3)},
            ["optimizer: SGD asked for, Adam saved"],
        ),
        (
            {"optimizer": lambda parameters: torch.optim.Adam(parameters, lr=2e-3)},
            ["learning rate: 0.002 asked for, 0.001 saved"],
        ),
        ({"scheduler": None}, ["schedule: none asked for, OneCycleLR saved"]),
    ],
)
def test_the_checkpoint_of_another_run_is_refused(pictures, tmp_path, changes, words):
    run(pictures, tmp_path / "run.pt", epochs=1)
    refuse(pictures, tmp_path / "run.pt", *words, "Delete it, or name another file", **changes)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: b"no checkpoint at all",
        lambda content: content[:1000] + bytes(200) + content[1200:],
    ],
)
def test_a_damaged_checkpoint_is_named_and_left_alone(pictures, tmp_path, damage):
    path = tmp_path / "run.pt"
    run(pictures, path, epochs=1)
    path.write_bytes(damage(path.read_bytes()))
    refuse(pictures, path, "damaged or not a checkpoint", "delete it, or name another file")


def test_a_file_of_weights_is_not_a_checkpoint(pictures, tmp_path):
    torch.save(net_for().state_dict(), tmp_path / "weights.pt")
    refuse(pictures, tmp_path / "weights.pt", "damaged or not a checkpoint")


def test_a_folder_and_a_lazy_layer_cannot_be_saved(pictures, tmp_path):
    for path in (tmp_path, ""):
        with pytest.raises(ValueError, match=".+ is a folder: name a file in it"):
            run(pictures, path)
    net = nn.Sequential(nn.Flatten(), nn.LazyLinear(3))
    options = {"epochs": 1, "optimizer": torch.optim.SGD(net.parameters(), lr=1)}
    options |= {"checkpoint": tmp_path / "run.pt", "progress": False}
    with pytest.raises(ValueError, match=r"a lazy layer .*: call the model once, as net\(X\)"):
        ck.fit(net, pictures.loader(20), **options)
    net(torch.zeros(1, 64))
    assert ck.fit(net, pictures.loader(20), **options).train_loss


def test_a_refused_checkpoint_leaves_the_model_as_it_was(pictures, tmp_path):
    run(pictures, tmp_path / "run.pt", epochs=1)
    net = net_for(seed=3)
    before = [value.clone() for value in net.state_dict().values()]
    with pytest.raises(ValueError):
        ck.fit(
            net,
            pictures.loader(32),
            epochs=2,
            optimizer=torch.optim.SGD(net.parameters(), lr=1),
            progress=False,
            checkpoint=tmp_path / "run.pt",
        )
    assert all(map(torch.equal, net.state_dict().values(), before))


def test_the_best_epoch_survives_a_stop(pictures, tmp_path, capsys):
    """The best epoch came before the stop: a run that continues ends with its weights all the
    same."""
    train, valid = pictures.split(0.3)
    seen = []

    def falling(outputs, target):
        """A metric that is the highest in the first epoch, whatever the network does."""
        seen.append(len(target))
        return torch.full(target.shape, 1 / (1 + sum(seen)))

    def train_for(epochs, path):
        torch.manual_seed(0)
        seen.clear()
        net = net_for()
        history = ck.fit(
            net,
            train.loader(20),
            valid.loader(50),
            epochs=epochs,
            metric=falling,
            keep_best=True,
            optimizer=torch.optim.Adam(net.parameters(), lr=1e-2),
            checkpoint=path,
            progress=False,
        )
        assert history.best == 0
        return net.state_dict()

    first = train_for(1, None)
    path = tmp_path / "best.pt"
    train_for(1, path)
    last = train_for(3, path)
    assert "continues after epoch 1" in capsys.readouterr().out
    assert all(torch.equal(first[name], last[name]) for name in first)
    net = net_for()
    with pytest.raises(ValueError, match="weights at the end: the last asked for, the best saved"):
        ck.fit(
            net,
            train.loader(20),
            valid.loader(50),
            epochs=3,
            metric=falling,
            checkpoint=path,
            progress=False,
            optimizer=torch.optim.Adam(net.parameters(), lr=1e-2),
        )
