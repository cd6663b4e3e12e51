"""Repeated runs: the same numbers however they are done, none lost, none mixed. And what compare
says of them."""

import argparse
import functools
import json
import math
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from matplotlib.collections import PathCollection
from scipy import stats

import coursekit as ck
from coursekit import experiments
from coursekit.experiments import ExperimentError, Runs, seeds_needed

LR = 0.1


def draw(seed):
    """Something from every random generator."""
    return {
        "torch": torch.rand(3).sum(),
        "numpy": np.random.rand(),
        "python": random.random(),
        "seed": seed,
    }


def scaled(seed):
    return seed * LR


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
    if seed == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return seed


def threads(seed):
    return torch.get_num_threads()


def runs_of(values, seeds=None, name="runs"):
    return Runs(name, tuple(range(len(values)) if seeds is None else seeds), tuple(values))


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


def test_processes_share_the_cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
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
        def update(self, value, raw=False):
            shown.append(value["text/plain"] if raw else value.data)

    import IPython.display

    monkeypatch.setattr(experiments, "_in_notebook", lambda: True)
    monkeypatch.setattr(IPython.display, "display", lambda *_, **__: Handle())
    ck.repeat(product, range(2))
    assert (
        "run 1 of 2" in shown[0]
        and 'max="2" value="2"' in shown[1]
        and shown[2].startswith("product: 2 of 2 runs")
    )
    ck.repeat(product, range(2), progress=False)
    assert len(shown) == 3 and capfd.readouterr() == ("", "")


# ---- what goes wrong


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        ([], "no seeds"),
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


def test_a_process_that_is_killed(tmp_path):
    with pytest.raises(
        ExperimentError, match="killed_at_2 failed, seed.* 2.*TerminatedWorkerError"
    ):
        ck.repeat(killed_at_2, range(4), jobs=2, folder=tmp_path / "killed")


# ---- runs on disk


def test_only_what_is_missing_is_run(tmp_path, capsys):
    calls = np.zeros(
        6, dtype=int
    )  # an array: it is no plain value, so it is not a part of the recipe

    def counted(seed):
        calls[seed] += 1
        return draw(seed)

    folder = tmp_path / "counted"
    first = ck.repeat(counted, range(3), folder=folder)
    again = ck.repeat(counted, [5, 2, 1, 0], folder=folder)
    assert calls.tolist() == [1, 1, 1, 0, 0, 1]
    assert again.seeds == (5, 2, 1, 0) and again.results[:0:-1] == first.results
    assert again.results[0] == ck.repeat(draw, [5]).results[0]
    assert capsys.readouterr().out == "counted: 3 of 4 runs are there already, 1 left to do\n"
    ck.repeat(counted, range(3), folder=folder)
    assert calls.tolist() == [1, 1, 1, 0, 0, 1] and "none left to do" in capsys.readouterr().out


def test_the_failed_run_alone_is_done_again(tmp_path):
    broken = tmp_path / "broken"
    broken.touch()
    calls = np.zeros(4, dtype=int)

    def sometimes(seed):
        calls[seed] += 1
        if seed == 1 and broken.exists():
            raise MemoryError("too large")
        return seed

    with pytest.raises(ExperimentError, match="Seed 1: MemoryError.*and in runs: call again"):
        ck.repeat(sometimes, range(4), folder=tmp_path / "runs")
    broken.unlink()
    assert ck.repeat(sometimes, range(4), folder=tmp_path / "runs").values.tolist() == [0, 1, 2, 3]
    assert calls.tolist() == [1, 2, 1, 1]


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


def test_a_kill_loses_one_run(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    def start(folder, *words):
        return subprocess.run(
            [sys.executable, script, tmp_path / folder, *words], capture_output=True, text=True
        )

    assert start("runs", "kill").returncode == -signal.SIGKILL
    assert sorted(os.listdir(tmp_path / "runs")) == ["seed-0.json", "seed-1.json", "seed-2.json"]
    continued, whole = start("runs"), start("whole")
    assert continued.stdout.splitlines() == [
        "runs: 3 of 5 runs are there already, 2 left to do",
        whole.stdout.strip(),
    ]
    assert continued.stderr == whole.stderr == ""


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_file_is_whole_or_not_there(tmp_path, monkeypatch, call):
    monkeypatch.setattr(
        os, call, lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(OSError, match="No space left"):
        ck.repeat(product, range(3), folder=tmp_path / "full")
    assert os.listdir(tmp_path / "full") == []


def test_a_half_written_file_is_not_taken_for_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr(json, "dump", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        ck.repeat(product, [1], folder=tmp_path / "half")
    monkeypatch.undo()
    assert not (tmp_path / "half" / "seed-1.json").exists()
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


def made(text, **names):
    """A function ``recipe`` from its source, as a notebook's cell makes it: its lines can be looked
    up."""
    import linecache

    made.count = getattr(made, "count", 0) + 1
    file = f"<cell {made.count}>"
    linecache.cache[file] = len(text), None, text.splitlines(True), file
    exec(compile(text, file, "exec"), scope := {"__name__": "__main__", **names})
    return scope["recipe"]


CALLS = (
    "def part(x):\n    return x{change}\n\nclass Net:\n    def size(self):\n        return 3{inner}\n\n"
    "def recipe(seed):\n    return part(seed) + sum(Net().size() for _ in range(2)){own}\n"
)


def calls(change="", inner="", own=""):
    return made(CALLS.format(change=change, inner=inner, own=own))


def closed(lr):
    def recipe(seed):
        return seed * lr

    return recipe


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (calls(), calls(own=" + 1"), "source of recipe was .*, now "),
        (calls(), calls(change=" + 1"), "source of part was .*, now "),
        (calls(), calls(inner=" + 1"), "source of Net.size was .*, now "),
        (closed(0.1), closed(0.2), "lr was 0.1, now 0.2"),
        (
            made("def recipe(seed):\n    return lr[0]\n", lr=[1, {"a": 2}]),
            made("def recipe(seed):\n    return lr[0]\n", lr=[1, {"a": 3}]),
            r"lr was \[1, {'a': 2}\], now \[1, {'a': 3}\]",
        ),
        (
            functools.partial(product, factor=2),
            functools.partial(product, factor=3),
            "argument factor was 2, now 3",
        ),
        (functools.partial(product, factor=2), product, "argument factor was 2, now not there"),
        (product, scaled, "function was product, now scaled"),
    ],
)
def test_another_recipe_is_refused(tmp_path, old, new, words):
    folder = tmp_path / "kept"
    ck.repeat(old, [0], folder=folder)
    with pytest.raises(
        ValueError,
        match=f"seed-0.json in kept was made by another recipe: {words}.*Name another folder",
    ):
        ck.repeat(new, range(2), folder=folder)
    assert os.listdir(folder) == ["seed-0.json"]
    assert len(ck.repeat(old, range(2), folder=folder)) == 2


def test_another_scale_or_data_set_is_another_recipe(tmp_path, monkeypatch, pictures):
    def train(seed):
        return len(pictures)

    ck.repeat(train, [0], folder=tmp_path / "kept")
    ck.repeat(train, [0], folder=tmp_path / "kept")
    with (
        monkeypatch.context() as patch,
        pytest.raises(ValueError, match="scale was smoke, now full"),
    ):
        patch.setenv("COURSEKIT_SCALE", "full")
        ck.repeat(train, [0], folder=tmp_path / "kept")
    pictures = pictures.take(90)
    with pytest.raises(ValueError, match="pictures was Images.96 .*, now Images.90 "):
        ck.repeat(train, [0], folder=tmp_path / "kept")


class Measured:
    """Some data set of another module, not one of the package's images: it has a ``source`` and
    prints what it is."""

    def __init__(self, size, source="a field (synthetic)"):
        self.size, self.source = size, source

    def __repr__(self):
        return f"Measured({self.size} pixels, {self.source})"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            Measured(3),
            Measured(4),
            r"data was Measured\(3 pixels, a field .*now Measured\(4 pixels",
        ),
        (
            Measured(3),
            Measured(3, "a wood"),
            r"data was Measured\(3 pixels, a field .*now Measured\(3 pixels, a wood\)",
        ),
        (
            (Measured(3), Measured(1)),
            (Measured(3), Measured(2)),
            r"data was \(Measured\(3.*Measured\(1.*now .*Measured\(2",
        ),
        (
            {"test": Measured(3)},
            {"test": Measured(4)},
            r"data was {'test': Measured\(3.*now {'test': Measured\(4",
        ),
    ],
)
def test_what_carries_its_provenance_is_a_part_of_the_recipe(tmp_path, old, new, words):
    text, folder = "def recipe(seed):\n    return len(repr(data))\n", tmp_path / "kept"
    ck.repeat(made(text, data=old), [0], folder=folder)
    with pytest.raises(ValueError, match=f"made by another recipe: {words}"):
        ck.repeat(made(text, data=new), range(2), folder=folder)
    assert len(ck.repeat(made(text, data=old), range(2), folder=folder)) == 2


def test_data_as_an_argument_and_a_history_are_parts_of_the_recipe(tmp_path):
    def score(seed, data):
        return seed

    for old, new in (
        (Measured(3), Measured(4)),
        (ck.History("a"), ck.History("a", train_loss=[1.0], train_metric=[0.5])),
    ):
        folder = tmp_path / type(old).__name__
        ck.repeat(functools.partial(score, data=old), [0], folder=folder)
        with pytest.raises(ValueError, match="another recipe: argument data was "):
            ck.repeat(functools.partial(score, data=new), [0], folder=folder)


def test_what_prints_as_an_address_only_is_no_part_of_the_recipe(tmp_path):
    """The address is another one in every process, so its runs could never be continued."""

    class Bare:
        source = "somewhere"

    text = "def recipe(seed):\n    return len(data.source)\n"
    ck.repeat(made(text, data=Bare()), [0], folder=tmp_path / "kept")
    assert len(ck.repeat(made(text, data=Bare()), range(2), folder=tmp_path / "kept")) == 2


def test_the_folder_is_made_but_not_its_parent(tmp_path):
    with pytest.raises(ValueError, match="there is no folder .*drive for the runs: make it first"):
        ck.repeat(product, [1], folder=tmp_path / "drive" / "runs")


# ---- compare, against SciPy by hand

A = [93.1, 92.8, 93.4, 93.0, 92.7]
B = [93.9, 93.4, 94.0, 93.9, 93.6]
C = [92.9, 93.3, 93.2, 92.6, 93.5, 92.2]


def test_paired_runs_by_hand():
    """The same seeds in another order: each run finds its partner."""
    order = [3, 0, 4, 1, 2]
    table = ck.compare({"a": runs_of(A), "b": runs_of([B[i] for i in order], order)}, unit="points")
    found, test = table.differences["b"], stats.ttest_rel(B, A)
    assert table.paired and found.p == found.adjusted == test.pvalue
    assert found.interval == pytest.approx(tuple(test.confidence_interval(0.95)))
    change = np.subtract(B, A)
    assert (found.difference, found.effect) == pytest.approx(
        (change.mean(), change.mean() / change.std(ddof=1))
    )
    assert found.p_spread == pytest.approx(stats.levene(A, B, center="median").pvalue)
    assert found.verdict == "better by 0.76 points (0.57 to 0.95)"
    for name, values in {"a": A, "b": B}.items():
        arm = table.arms[name]
        low, high = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
        assert (arm.mean, arm.sd, *arm.interval) == pytest.approx(
            (np.mean(values), np.std(values, ddof=1), low, high)
        )


@pytest.mark.parametrize(
    "arms",
    [
        {"a": A, "c": C},
        {"a": runs_of(A), "c": runs_of(C)},
        {"a": runs_of(A), "c": np.array(C)},
        {"a": tuple(A), "c": runs_of(C)},
    ],
)
def test_unpaired_runs_by_hand(arms):
    table = ck.compare(arms)
    found, test = table.differences["c"], stats.ttest_ind(C, A, equal_var=False)
    assert not table.paired and found.p == test.pvalue
    assert found.interval == pytest.approx(tuple(test.confidence_interval(0.95)))
    pooled = math.sqrt((4 * np.var(A, ddof=1) + 5 * np.var(C, ddof=1)) / 9)
    assert found.effect == pytest.approx((np.mean(C) - np.mean(A)) / pooled)
    assert found.seeds_needed == seeds_needed(np.mean(C) - np.mean(A), pooled)
    assert (
        found.verdict
        == f"no difference shown; {found.seeds_needed:,} seeds would be needed to see one of this size"
    )


def test_pairing_is_chosen_or_found():
    assert not ck.compare({"a": A, "b": B}).paired
    assert (
        ck.compare({"a": A, "b": B}, paired=True).differences["b"].p == stats.ttest_rel(B, A).pvalue
    )
    welch = ck.compare({"a": runs_of(A), "b": runs_of(B)}, paired=False)
    assert welch.differences["b"].p == stats.ttest_ind(B, A, equal_var=False).pvalue
    assert not ck.compare({"a": runs_of(A), "b": runs_of(B, range(1, 6))}).paired


def test_metrics_scale_and_direction():
    runs = {
        name: runs_of([{"accuracy": x / 100, "loss": 100 - x} for x in values])
        for name, values in zip("ab", (A, B))
    }
    points = ck.compare(runs, metric="accuracy", scale=100, unit="points")
    assert points.arms["a"].values == pytest.approx(np.array(A)) and points.metric == "accuracy"
    assert points.differences["b"].verdict == "better by 0.76 points (0.57 to 0.95)"
    assert (
        ck.compare(runs, metric="loss").differences["b"].verdict == "worse by 0.76 (0.57 to 0.95)"
    )
    assert (
        ck.compare(runs, metric="loss", better="lower").differences["b"].verdict
        == "better by 0.76 (0.57 to 0.95)"
    )
    single = {
        name: runs_of([{"OA": x} for x in values]) for name, values in {"a": A, "b": B}.items()
    }
    assert ck.compare(single).metric == "OA"


def test_holm():
    """The worked example of Holm's rule: p sorted, times 3, 2, 1, never falling."""
    assert experiments._holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert experiments._holm([0.5, math.nan, 0.6]) == pytest.approx([1, math.nan, 1], nan_ok=True)
    assert experiments._holm([]) == []
    generator = np.random.default_rng(2)
    table = ck.compare(
        {name: generator.normal(mean, 1, 8) for name, mean in zip("abcd", (0, 1.2, 0.1, 3))}
    )
    found = table.differences.values()
    assert [x.adjusted for x in found] == experiments._holm(
        [x.p for x in found]
    ) and "Holm's correction for 3" in repr(table)
    assert table.differences["b"].p < 0.05 < table.differences["b"].adjusted
    assert (
        table.differences["b"].verdict
        == "no difference shown, once all comparisons are allowed for"
    )


# ---- how many seeds, how often wrong


def test_seeds_needed_as_in_the_usual_tables():
    """Computed once with another program from the noncentral t distribution, for two arms."""
    expected = {
        0.15: [37, 10, 6, 3, 2],
        0.32: [162, 42, 19, 8, 3],
        0.5: [394, 100, 45, 17, 6],
        2.25: [7948, 1988, 884, 319, 81],
    }
    assert {
        sd: [seeds_needed(size, sd) for size in (0.1, 0.2, 0.3, 0.5, 1.0)] for sd in expected
    } == expected


@pytest.mark.parametrize("paired", [False, True])
def test_seeds_needed_have_the_power(paired):
    """By simulation: 80 % of the experiments with so many seeds show the difference, fewer of those
    with one seed less."""
    n, power = seeds_needed(0.9, 1, paired=paired), []
    for count in (n, n - 1):
        generator = np.random.default_rng(0)
        a, b = generator.normal(0, 1, (20000, count)), generator.normal(0.9, 1, (20000, count))
        test = stats.ttest_1samp(b, 0, axis=1) if paired else stats.ttest_ind(a, b, axis=1)
        power.append((test.pvalue < 0.05).mean())
    assert power[1] - 0.01 < 0.8 < power[0] + 0.01


def test_seeds_needed_for_the_extremes():
    assert seeds_needed(1e9, 1) == 2 and seeds_needed(-0.3, 0.15) == 6
    assert seeds_needed(1e-5, 1) == pytest.approx(1.5698e11, rel=1e-4)
    for difference, sd in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match="neither may be zero"):
            seeds_needed(difference, sd)


@pytest.mark.parametrize("paired", [False, True])
def test_two_equal_recipes_are_rarely_called_different(paired):
    """2,000 experiments with nothing to find: 5 % of them, as chance allows (99.9 %), show a
    difference all the same."""
    generator, shown = np.random.default_rng(0), 0
    for _ in range(2000):
        a, b = generator.normal(93, 0.3, (2, 6)) + paired * generator.normal(
            0, 1, 6
        )  # paired: a seed shifts both
        table = ck.compare({"a": a, "b": b}, paired=paired)
        shown += not table.differences["b"].verdict.startswith("no difference shown; ")
    low, high = stats.binom.interval(0.999, 2000, 0.05)
    assert low <= shown <= high


# ---- compare: bad input and no spread


@pytest.mark.parametrize(
    ("arms", "options", "words"),
    [
        ({}, {}, "nothing to compare"),
        ({"a": A, "b": []}, {}, "b must be at least two runs, but is 0"),
        ({"a": [1.0], "b": B}, {}, "a must be at least two runs, but is 1: only the spread"),
        ({"a": runs_of([1.0]), "b": runs_of([2.0])}, {}, "at least two runs, but is 1"),
        ({"a": runs_of([]), "b": runs_of([])}, {}, "at least two runs, but is 0"),
        ({"a": 0.9, "b": B}, {}, "a must be at least two runs, but is no list"),
        ({"a": [A, A], "b": B}, {}, "no list of numbers"),
        ({"a": A, "b": [*B, math.nan]}, {}, "b has a number that is not finite: nan"),
        ({"a": A, "c": C}, {"paired": True}, "numbers of runs differ .a 5, c 6."),
        (
            {"a": runs_of(A), "b": runs_of(B, range(1, 6))},
            {"paired": True},
            "seeds or numbers of runs differ",
        ),
        ({"a": runs_of(A), "b": B}, {"paired": True}, "seeds or numbers of runs differ"),
        ({"a": runs_of([{"x": 1, "y": 2}] * 2)}, {}, "a: choose metric= from x, y$"),
        (
            {"a": runs_of([{"x": 1, "y": 2}] * 2)},
            {"metric": "z"},
            "a: choose metric= from x, y, there is no 'z'",
        ),
        (
            {"a": runs_of([{"x": 1}] * 2)},
            {"metric": "z"},
            "a: choose metric= from x, there is no 'z'",
        ),
        ({"a": A}, {"better": "more"}, "better must be 'higher' or 'lower', not 'more'"),
    ],
)
def test_bad_input(arms, options, words):
    with pytest.raises(ValueError, match=words):
        ck.compare(arms, **options)


@pytest.mark.parametrize(
    ("a", "b", "paired", "verdict"),
    [
        ([1, 1, 1], [1, 1, 1], False, "the same in every run"),
        ([1, 2, 4], [1, 2, 4], True, "the same in every run"),
        ([1, 1, 1], [3, 3, 3], False, "better by 2.0000, without any spread that a test could use"),
        (
            [0.1, 0.2, 0.4],
            [0.4, 0.5, 0.7],
            True,
            "better by 0.30, without any spread that a test could use",
        ),
        ([1, 1, 1, 1], [3, 3.1, 2.9, 3], False, "better by 2.000 (1.870 to 2.130)"),
        ([1, 2, 3], [3, 2, 1], False, "no difference shown"),
    ],
)
def test_without_spread(a, b, paired, verdict):
    table = ck.compare({"a": a, "b": b}, paired=paired)
    assert table.differences["b"].verdict == verdict
    assert repr(table) and table._repr_markdown_() and table.plot()


# ---- how it looks

TABLE = """\
accuracy
          n  mean (points)    sd   95 % interval  minus constant   95 % interval        p     d  seeds needed
─────────────────────────────────────────────────────────────────────────────────────────────────────────────
constant  5          93.00  0.27  92.66 to 93.34
to zero   5          93.76  0.25  93.45 to 94.07           +0.76  +0.57 to +0.95  < 0.001  5.01             4
to zero: better by 0.76 points (0.57 to 0.95)
paired t test, seed by seed"""


def table():
    runs = {
        name: runs_of([{"accuracy": x / 100} for x in values])
        for name, values in {"constant": A, "to zero": B}.items()
    }
    return ck.compare(runs, scale=100, unit="points")


def test_the_table_as_text():
    assert repr(table()) == TABLE


def test_the_table_in_markdown():
    lines = table()._repr_markdown_().splitlines()
    assert lines[0].startswith("| accuracy | n | mean (points) | sd |") and lines[1].startswith(
        "| :-- | --: |"
    )
    assert len({line.count("|") for line in lines[:4]}) == 1
    assert lines[4:6] == ["", "- to zero: better by 0.76 points (0.57 to 0.95)"]
    assert "a\\|b" in ck.compare({"a|b": A})._repr_markdown_()


def test_one_arm_alone_has_its_interval():
    head, _, row = repr(ck.compare({"a": A})).splitlines()
    assert (
        head.split() == "n mean sd 95 % interval".split()
        and row.split() == "a 5 93.00 0.27 92.66 to 93.34".split()
    )


def test_the_plot_shows_every_run():
    picture = table().plot(title="Two schedules")
    (axis,) = picture.figure.axes
    dots = [
        np.asarray(points.get_offsets())[:, 0]
        for points in axis.collections
        if isinstance(points, PathCollection)
    ]
    assert [part.tolist() for part in dots] == [pytest.approx(A), pytest.approx(B)]
    joined = [line.get_xdata() for line in axis.lines if line.get_color() == "grey"]
    assert [list(pair) for pair in joined] == [pytest.approx(pair) for pair in zip(A, B)]
    for words in (
        "Two schedules",
        "constant: 5 runs, mean 93.00 (92.66 to 93.34)",
        "better by 0.76 points",
    ):
        assert words in picture.alt
    unpaired = ck.compare({"a": A, "c": C}).plot()
    assert (
        not [line for line in unpaired.figure.axes[0].lines if line.get_color() == "grey"]
        and unpaired.png()
    )
