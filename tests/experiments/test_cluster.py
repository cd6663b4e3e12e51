"""Repeated runs on a cluster: a real one of dask.distributed, with two worker processes on this
machine."""

import os

import joblib
import numpy as np
import pytest
import torch

import coursekit as ck
from coursekit.experiments import ExperimentError

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes; what runs inside the fixture's block goes to them."""
    distributed = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as local:
        with distributed.Client(local):
            yield


def draw(seed):
    """Something from the generators of torch and NumPy, and where it was drawn.

    Not from Python's own, from which the threads of dask.distributed draw as well, at any moment.
    """
    return {"torch": torch.rand(3).sum(), "numpy": np.random.rand(), "process": os.getpid()}


def fails_at_7(seed):
    if seed == 7:
        raise FloatingPointError("the loss became nan")
    return seed / 10


def test_a_cluster_gives_the_same_as_one_after_another(cluster):
    here = ck.repeat(draw, range(6))
    with joblib.parallel_config(backend="dask"):
        there = ck.repeat(draw, range(6))
    assert there.seeds == here.seeds
    for name in ("torch", "numpy"):
        assert there[name].tolist() == here[name].tolist()
    assert os.getpid() not in there["process"] and len(set(there["process"])) == 2


def test_one_run_of_ten_fails_and_nine_are_kept(cluster, tmp_path):
    words = "1 of 10 runs of fails_at_7 failed, seed 7. Seed 7: FloatingPointError"
    with (
        joblib.parallel_config(backend="dask"),
        pytest.raises(ExperimentError, match=words) as info,
    ):
        ck.repeat(fails_at_7, range(10), folder=tmp_path / "runs")
    assert info.value.runs.seeds == (0, 1, 2, 3, 4, 5, 6, 8, 9)
    assert info.value.runs.values == pytest.approx(np.array([0, 1, 2, 3, 4, 5, 6, 8, 9]) / 10)
    assert len(list((tmp_path / "runs").glob("seed-*.json"))) == 9


def test_finished_runs_are_not_sent_again(cluster, tmp_path):
    first = ck.repeat(draw, range(3), folder=tmp_path / "runs")
    with joblib.parallel_config(backend="dask"):
        both = ck.repeat(draw, range(5), folder=tmp_path / "runs")
    assert both["process"][:3].tolist() == first["process"].tolist() == [os.getpid()] * 3
    assert os.getpid() not in both["process"][3:]


def test_a_data_set_travels_with_the_function(cluster, pictures):
    """A function that is defined on the way, with a network and data that it reads from outside."""

    def accuracy(seed):
        net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, len(pictures.classes)))
        ck.fit(
            net,
            pictures.loader(16, shuffle=True),
            epochs=2,
            optimizer=torch.optim.SGD(net.parameters(), lr=0.1),
            progress=False,
        )
        return ck.evaluate(net, pictures.loader(96)).accuracy

    here = ck.repeat(accuracy, range(2))
    with joblib.parallel_config(backend="dask"):
        assert ck.repeat(accuracy, range(2)).values.tolist() == here.values.tolist()
