"""Repeated runs: the same numbers however they are done, and none lost."""

import argparse
import math
import os
import random
import signal
import threading
import time

import numpy as np
import pytest
import torch

import coursekit as ck
from coursekit.engine import progress
from coursekit.experiments import ExperimentError, processes


@pytest.fixture(autouse=True)
def one_pair_of_processes(monkeypatch):
    """Two processes for the whole module, each a few seconds of imports: what changes from test to
    test, and would end them, is held in test_processes.py. They share the cores."""
    monkeypatch.setattr(processes, "_taken_up", lambda: (__name__,))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)


def draw(seed):
    """Something from every random generator."""
    return {
        "torch": torch.rand(3).sum(),
        "numpy": np.random.rand(),
        "python": random.random(),
        "seed": seed,
    }


def product(seed, factor=1):
    return seed * factor


class OddError(Exception):
    """An exception that cannot be unpickled."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def odd_at_7(seed):
    if seed == 7:
        raise OddError("this", "that")
    return seed


def killed_at_2(seed):
    if seed == 0:
        raise OverflowError("too much")
    if seed == 2:
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)
    return seed


def threads(seed):
    return torch.get_num_threads()


# ---- repeat: the same random numbers, wherever and whenever


def test_each_run_has_the_random_numbers_of_its_seed():
    runs = ck.repeat(draw, [3, 1, 2])
    assert runs.seeds == (3, 1, 2) and runs["seed"].tolist() == [3, 1, 2]
    for i, seed in enumerate(runs.seeds):
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        expected = draw(seed)
        assert runs.results[i] == {name: float(value) for name, value in expected.items()}


def test_the_callers_random_numbers_are_left_alone():
    def numbers():
        return torch.rand(1).item(), np.random.rand(), random.random()

    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    expected = numbers()
    torch.set_rng_state(states[0])
    np.random.set_state(states[1])
    random.setstate(states[2])
    ck.repeat(draw, range(3))
    assert numbers() == expected


def test_processes_give_the_same_as_one_after_another():
    serial, parallel = ck.repeat(draw, range(5)), ck.repeat(draw, range(5), jobs=2)
    assert serial.seeds == parallel.seeds and serial.results == parallel.results


def test_a_function_that_reads_classes_goes_to_other_processes():
    """cloudpickle takes the attribute for torch.classes, which cannot be pickled."""
    data = argparse.Namespace(classes=("a", "b"), ops=1)

    def counted(seed):
        return torch.tensor(seed + len(data.classes) + data.ops)

    assert ck.repeat(counted, range(2), jobs=2).values.tolist() == [3, 4]


def test_the_users_choice_of_a_backend_holds():
    """The lock makes even threads, which share their random generators, give the right numbers."""
    import joblib

    def slow(seed):
        time.sleep(0.01)
        return {**draw(seed), "process": os.getpid()}

    expected = ck.repeat(draw, range(6))
    with joblib.parallel_config(backend="threading", n_jobs=4):
        runs = ck.repeat(slow, range(6))
    assert all((runs[name] == expected[name]).all() for name in expected.metrics) and set(
        runs["process"]
    ) == {os.getpid()}
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert os.getpid() not in ck.repeat(slow, range(6))["process"]


def test_processes_share_the_cores():
    assert ck.repeat(threads, range(2), jobs=2).values.max() <= max(1, os.cpu_count() // 2)


def test_runs():
    runs = ck.repeat(product, range(4))
    assert runs.metrics == () and len(runs) == 4
    assert (
        runs.values.tolist() == [0, 1, 2, 3]
        and runs.mean == 1.5
        and runs.sd == pytest.approx(np.std([0, 1, 2, 3], ddof=1))
    )
    assert repr(runs) == "product: 4 runs, seeds 0, 1, 2, 3\n  mean 1.5 ± 1.3 (sd) of 0, 1, 2, 3"
    runs = ck.repeat(
        lambda seed: {"accuracy": np.float32(seed / 4), "loss": torch.tensor(2)}, [1, 3]
    )
    assert runs.mean == {"accuracy": 0.5, "loss": 2} and runs.sd == {
        "accuracy": pytest.approx(0.125**0.5),
        "loss": 0,
    }
    assert "accuracy 0.5 ± 0.35 (sd) of 0.25, 0.75" in repr(runs)
    with pytest.raises(KeyError, match="no metric 'recall'.*accuracy, loss"):
        runs["recall"]
    alone = ck.repeat(product, [5])
    assert math.isnan(alone.sd) and repr(alone) == "product: 1 run, seeds 5\n  mean 5 of 5"


def test_quiet_without_a_terminal(capfd):
    ck.repeat(product, range(3))
    assert capfd.readouterr() == ("", "")


def test_a_notebook_shows_a_bar_and_nothing_else(monkeypatch, capfd):
    shown = []

    class Handle:
        def update(self, value, raw):
            shown.append(value)

    import IPython.display

    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    monkeypatch.setattr(progress, "EVERY", -1)
    monkeypatch.setattr(IPython.display, "display", lambda *_, **__: Handle())
    ck.repeat(product, range(2))
    assert shown[0]["text/plain"] == "product: run 1 of 2"
    assert 'max="2" value="2"' in shown[1]["text/html"] and "run 2 of 2" in shown[1]["text/html"]
    assert shown[2]["text/plain"] == "product: 2 of 2 runs · 0 s" and len(shown) == 3
    with pytest.raises(ExperimentError):
        ck.repeat(odd_at_7, [6, 7])
    assert shown[-1]["text/plain"] == "odd_at_7: 1 of 2 runs · 0 s"
    shown.clear()
    ck.repeat(product, range(2), progress=False)
    assert shown == [] and capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["张三", "with blanks", f"{'long' * 50}/{'er' * 100}/{'x' * 99}"])
def test_processes_ask_for_no_folder(tmp_path, monkeypatch, name):
    """Whatever the temporary folder is called, and with a file in its place."""
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", str(tmp_path / name))
    (tmp_path / name.split("/")[0]).write_text("a file")
    assert ck.repeat(product, range(2), jobs=2).values.tolist() == [0, 1]


def test_arrays_stay_writable_in_other_processes():
    numbers = np.ones(200_000)

    def changed(seed):
        numbers[0] = seed
        return numbers.sum()

    assert ck.repeat(changed, range(2), jobs=2).values.tolist() == [199_999, 200_000]


# ---- what goes wrong


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        ([], "one or more"),
        ([1, 2, 1], "seed 1 is there more than once"),
        (5, "range"),
        ([-1], "whole numbers"),
        ([2**32], "whole"),
        ([0.5], "whole numbers"),
        (["a"], "whole numbers"),
    ],
)
def test_impossible_seeds(seeds, words):
    with pytest.raises(ValueError, match=words):
        ck.repeat(product, seeds)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ("0.9", "returned str"),
        (None, "returned NoneType"),
        ({}, "returned dict"),
        ([1, 2], "returned list"),
        (math.nan, "returned nan"),
        ({"loss": math.inf}, "returned inf as 'loss'"),
        ({"loss": "low"}, "returned str as 'loss'"),
        (torch.ones(2), "returned Tensor"),
        ({"a": 1}, "returned a dict of a, another run a number"),
    ],
)
def test_results_that_are_none(result, words):
    with pytest.raises(
        ExperimentError, match=f"1 of 3 runs of .* failed, seed 4. Seed 4: ValueError: it {words}"
    ) as caught:
        ck.repeat(lambda seed: result if seed == 4 else 1.0, [3, 4, 5])
    assert caught.value.runs.seeds == (3, 5) and list(caught.value.failed) == [4]


@pytest.mark.parametrize("jobs", [None, 2])
def test_the_other_nine_runs_are_kept(jobs, tmp_path):
    words = "1 of 10 runs of odd_at_7 failed, seed 7.*this and that.*other 9 are kept"
    with pytest.raises(ExperimentError, match=words) as caught:
        ck.repeat(odd_at_7, range(10), jobs=jobs, folder=tmp_path / "odd")
    assert caught.value.runs.values.tolist() == [0, 1, 2, 3, 4, 5, 6, 8, 9]
    cause = caught.value.__cause__
    assert caught.value.failed == {7: cause} and isinstance(
        cause, OddError if jobs is None else RuntimeError
    )
    assert sorted(os.listdir(tmp_path / "odd")) == sorted(
        f"seed-{seed}.json" for seed in range(10) if seed != 7
    )


def test_an_error_from_another_process_keeps_its_kind_and_its_traceback():
    with pytest.raises(ExperimentError, match="2 of 3 runs of .*failed, seed 0, 2") as caught:
        ck.repeat(lambda seed: 1 / (seed % 2), range(3), jobs=2)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert (
        "in <lambda>\n" in caught.value.__cause__.__notes__[0]
    )  # the source itself is not always sent along


# The last two leave no process behind.


@pytest.mark.posix
def test_a_process_that_is_killed(tmp_path):
    words = "killed_at_2 failed, seed 0, .*2.* Seed 0: OverflowError"
    with pytest.raises(ExperimentError, match=words) as caught:
        ck.repeat(killed_at_2, range(4), jobs=2, folder=tmp_path / "killed")
    kinds = {seed: type(error).__name__ for seed, error in caught.value.failed.items()}
    assert kinds[0] == "OverflowError" and kinds[2] == "TerminatedWorkerError"


def test_a_function_that_cannot_be_sent():
    lock = threading.Lock()

    def locked(seed):
        with lock:
            return seed

    words = "locked cannot be sent to other processes .*lock.*: call repeat without jobs"
    with pytest.raises(ExperimentError, match=words):
        ck.repeat(locked, range(2), jobs=2)
