"""What a run records: from a sweep, by seed, one number; kept where it is worth it; shown beside
the stored runs."""

import numpy as np
import pytest
import torch

import coursekit as ck
from coursekit.data.catalogue import SETS
from coursekit.engine import provenance
from coursekit.records import beside, stored, this_run
from coursekit.records.stored import Figure, RecordError


@pytest.fixture(autouse=True)
def process(monkeypatch, tmp_path):
    """As if a notebook had just begun, at laptop, on real data, with a place to record."""
    monkeypatch.setattr(this_run, "FIGURES", {})
    monkeypatch.setattr(stored, "FOLDER", tmp_path / "runs")
    monkeypatch.setattr(stored.path_of, "__defaults__", (tmp_path / "runs",))
    monkeypatch.setattr(provenance, "USED", {"mnist": "MNIST"})
    monkeypatch.setattr(this_run, "USED", provenance.USED)
    monkeypatch.setenv("COURSEKIT_SCALE", "laptop")
    monkeypatch.setenv("COURSEKIT_RECORD", str(tmp_path / "week1_x.json"))
    return tmp_path / "week1_x.json"


def recorded_values(values, **more):
    ck.record("a", values, **more)
    return dict(zip(this_run.FIGURES["a"].seeds, this_run.FIGURES["a"].values))


def test_values_by_seed_from_all_that_measures():
    runs = ck.repeat(lambda seed: {"accuracy": seed / 8, "loss": 1.0}, [3, 5], progress=False)
    found = recorded_values(runs, metric="accuracy", scale=100, unit="%")
    assert found == {3: 37.5, 5: 62.5} and this_run.FIGURES["a"].unit == "%"
    one = ck.repeat(lambda seed: 2.0 * seed, [1], progress=False)
    assert recorded_values(one) == {1: 2.0}
    assert recorded_values({7: torch.tensor(0.5), np.int64(8): np.float32(0.25)}) == {
        7: 0.5,
        8: 0.25,
    }
    torch.manual_seed(11)
    assert recorded_values(0.123456789) == {11: 0.123457}  # six digits


def test_what_the_old_course_and_the_paper_report_is_kept_in_their_digits():
    ck.record("a", 1.0, old_course=64, paper="64.0", settings="10 epochs", headline=True)
    one = this_run.FIGURES["a"]
    assert (one.old_course, one.paper, one.settings, one.headline) == (
        "64",
        "64.0",
        "10 epochs",
        True,
    )
    ck.record("a", 2.0)
    assert this_run.FIGURES["a"].values == (2.0,)  # the same label replaces it


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0.1, 0.2], "a dict of numbers by seed, not list"),
        (torch.ones(3), "not Tensor"),
        ({}, "one or more values"),
        ({0: float("nan")}, "finite"),
        (float("inf"), "finite"),
        ("abc", "convert"),
        ({0: None}, "number"),
    ],
)
def test_what_is_no_measurement_is_refused(values, words):
    with pytest.raises(RecordError, match=f"^a: .*{words}"):
        ck.record("a", values)
    assert this_run.FIGURES == {}


def test_each_figure_is_stored_at_once(process):
    ck.record("a", {0: 1.0})
    ck.record("b", {0: 2.0}, unit="dB")
    (run,) = stored.read(process)
    assert list(run.figures) == ["a", "b"] and run.figures["b"] == Figure((2.0,), (0,), "dB")
    assert (run.scale, run.data, run.complete, run.minutes) == ("laptop", ("MNIST",), False, None)
    assert run.device == ("CPU" if not torch.cuda.is_available() else torch.cuda.get_device_name())
    assert set(run.versions) == {"python", "torch", "torchvision", "numpy"}


@pytest.mark.parametrize(
    ("scale", "source"),
    [
        ("smoke", "MNIST"),
        ("laptop", "MNIST stand-in (synthetic)"),
        ("laptop", SETS["mnist"].shipped),
    ],
)
def test_made_up_data_and_smoke_store_nothing(process, monkeypatch, scale, source):
    monkeypatch.setenv("COURSEKIT_SCALE", scale)
    provenance.USED["mnist"] = source
    ck.record("a", {0: 1.0})
    assert this_run.FIGURES and not process.exists()
    with pytest.raises(RecordError):
        this_run.this_run()


def test_a_whole_set_of_a_package_is_stored(process):
    provenance.USED["indian_pines"] = SETS["indian_pines"].shipped
    ck.record("a", {0: 1.0})
    (run,) = stored.read(process)
    assert run.data == ("MNIST", "Indian Pines, as tensorly ships it")


def test_without_a_place_nothing_is_stored(process, monkeypatch):
    monkeypatch.delenv("COURSEKIT_RECORD")
    ck.record("a", {0: 1.0})
    assert not process.exists()


def store(scale, device, **figures):
    """A stored run with these figures, by their values."""
    ready = {label: Figure(one, tuple(range(len(one))), "%") for label, one in figures.items()}
    known = {"machine": "x86", "date": "2026-11-26", "versions": {}, "seed": 0, "data": ()}
    run = stored.Run(scale=scale, device=device, figures=ready, **known)
    stored.keep(stored.path_of("week1_x"), run)


def test_the_first_run_is_shown_alone(capsys):
    ck.record("a", {0: 1.5}, unit="dB")
    frame = ck.recorded("week1_x").frame
    assert capsys.readouterr().out == "no runs of week1_x are stored yet\n"
    assert frame.loc["a (dB)", "this run (laptop)"] == "1.500"
    assert list(frame.columns) == [
        *("this run (laptop)", "old course", "paper", "expected", "this run is"),
    ]


def test_this_run_stands_beside_the_stored_ones(capsys):
    store("laptop", "CPU", a=(62.2, 62.4, 64.3), gone=(1.0, 2.0))
    store("full", "NVIDIA H100 80GB HBM3", a=(71.5, 71.9))
    ck.record("a", {0: 62.5, 1: 63.5}, unit="%", old_course="64")
    ck.record("new", {0: 5.0})
    frame = ck.recorded("week1_x").frame
    assert capsys.readouterr().out == ""
    assert frame.loc["a (%)"].to_dict() == {
        "this run (laptop)": "63.00 (62.50 to 63.50)",
        "laptop, CPU, 2026-11-26": "63.0 (62.2 to 64.3)",
        "full, H100, 2026-11-26": "71.70 (71.50 to 71.90)",
        "old course": "64",
        "paper": "–",
        "expected": "58.4 to 67.5",
        "this run is": "inside",
    }
    assert frame.loc["gone (%)", "this run (laptop)"] == "–"
    assert (
        frame.loc["new", "laptop, CPU, 2026-11-26"] == "–"
        and frame.loc["new", "this run is"] == "–"
    )


@pytest.mark.parametrize(
    ("value", "verdict"), [(58.3, "outside"), (67.6, "outside"), (67.4, "inside")]
)
def test_a_run_far_from_the_stored_ones_is_outside(value, verdict):
    store("laptop", "CPU", a=(62.2, 62.4, 64.3))
    ck.record("a", {0: value, 1: value}, unit="%")
    assert ck.recorded("week1_x").frame.loc["a (%)", "this run is"] == verdict


def test_a_stored_run_at_another_scale_or_of_one_seed_promises_nothing():
    store("full", "H100", a=(71.5, 71.9))
    ck.record("a", {0: 71.0}, unit="%")
    assert list(ck.recorded("week1_x").frame.loc["a (%)", ["expected", "this run is"]]) == [
        "–",
        "–",
    ]
    store("laptop", "CPU", a=(71.5,))
    assert list(ck.recorded("week1_x").frame.loc["a (%)", ["expected", "this run is"]]) == [
        "–",
        "–",
    ]


def test_the_interval_holds_what_it_promises():
    """Of 2,000 new means of two, drawn as the stored values were, about 95 of 100 lie inside."""
    random = np.random.default_rng(0)
    inside = 0
    for _ in range(2_000):
        old, new = random.normal(70, 2, 4), random.normal(70, 2, 2)
        usual, mine = (Figure(tuple(map(float, v)), tuple(range(len(v)))) for v in (old, new))
        inside += beside._verdict(mine, usual)[1] == "inside"
    assert 0.935 <= inside / 2_000 <= 0.965


def test_a_run_on_made_up_data_says_that_it_does_not_compare(capsys, monkeypatch):
    store("laptop", "CPU", a=(62.2, 62.4))
    provenance.USED["mnist"] = "MNIST stand-in (synthetic)"
    ck.recorded("week1_x")
    assert "made-up data" in capsys.readouterr().out


def test_a_damaged_file_is_said():
    path = stored.path_of("week1_x")
    path.parent.mkdir()
    path.write_text("{")
    with pytest.raises(RecordError, match="week1_x.json is damaged"):
        ck.recorded("week1_x")


def test_a_long_label_is_shown_whole():
    label = "Indian Pines, HybridSN, depthwise separable, random split, OA"
    ck.record(label, {0: 97.5})
    shown = ck.recorded("week1_x")
    assert label in repr(shown) and label in shown._repr_html_()
