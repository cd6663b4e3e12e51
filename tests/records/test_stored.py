"""Stored runs: what is written comes back; what was not measured is refused, in one sentence."""

import json
import math
import os
import subprocess

import pytest

from coursekit.records import stored
from coursekit.records.stored import Figure, RecordError, Run


def run(scale="laptop", device="CPU", **more):
    known = {"machine": "x86", "date": "2026-11-26", "versions": {"torch": "2.15"}, "seed": 0}
    known |= {"data": ("MNIST",), "figures": {"σ = 25 (Å)": Figure((28.28,), (0,), "dB")}}
    return Run(scale=scale, device=device, **{**known, **more})


def test_what_is_stored_comes_back(tmp_path):
    one = run(figures={"a": Figure((94.72, 95.0), (0, 1), "%", "10 epochs", "96", "97", True)})
    two = run("full", "NVIDIA H100 80GB HBM3", minutes=9.5, complete=True, commit="abc+")
    path = stored.path_of("week1_x", tmp_path / "runs")
    stored.write(path, [two, one])
    assert path.name == "week1_x.json" and stored.read(path) == [one, two]  # smaller scales first
    assert "σ = 25 (Å)" in path.read_text(encoding="utf-8")
    assert stored.read(tmp_path / "missing.json") == []


def test_a_run_takes_the_place_of_the_older_one_on_its_device(tmp_path):
    path = tmp_path / "week1_x.json"
    for one in (run(), run("full", "H100"), run("full", "A100"), run(date="2026-12-01")):
        stored.keep(path, one)
    found = [(one.scale, one.device, one.date) for one in stored.read(path)]
    assert found == [
        ("laptop", "CPU", "2026-12-01"),
        ("full", "A100", "2026-11-26"),
        ("full", "H100", "2026-11-26"),
    ]


def test_a_run_that_ends_at_the_same_moment_is_not_lost(tmp_path, monkeypatch):
    path, read = tmp_path / "week1_x.json", stored.read

    def beside(place):
        found = read(place)
        monkeypatch.setattr(stored, "read", read)
        stored.keep(path, run("full", "H100"))
        return found

    monkeypatch.setattr(stored, "read", beside)
    stored.keep(path, run())
    assert [one.scale for one in read(path)] == ["laptop", "full"]


@pytest.mark.parametrize(
    ("values", "seeds", "words"),
    [
        ((), (), "one or more values"),
        ((1.0, 2.0), (0,), "each with its seed"),
        ((1.0,), (0.0,), "each with its seed"),
        ((1.0,), (True,), "each with its seed"),
        ((1.0, 2.0), (3, 3), "a seed twice"),
        ((math.nan,), (0,), "not nan"),
        ((math.inf,), (0,), "not inf"),
        (("1",), (0,), "not '1'"),
        ((True,), (0,), "not True"),
    ],
)
def test_a_figure_is_finite_numbers_with_seeds(values, seeds, words):
    with pytest.raises(RecordError, match=words):
        Figure(values, seeds)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"scale": "smoke"}, "only laptop and full"),
        ({"scale": "huge"}, "'huge'"),
        ({"data": ("MNIST", "MNIST stand-in (synthetic)")}, "made-up data"),
        ({"data": ("MNIST, 5 of the digits, as a_package ships them",)}, "a part of a set"),
    ],
)
def test_what_is_not_worth_keeping_cannot_be_a_run(more, words):
    with pytest.raises(RecordError, match=words):
        run(**more)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((62.2, 62.36, 64.35), "63.0 (62.2 to 64.3)"),
        ((0.29731, 0.30063, 0.30412), "0.3007 (0.2973 to 0.3041)"),
        ((28.2834,), "28.28"),
        ((0.0016,), "0.001600"),
        ((579786,), "579,786"),
        ((0.0,), "0"),
        ((2.0, 2.0), "2.000 (2.000 to 2.000)"),
        ((-2.17, -1.0), "-1.58 (-2.17 to -1.00)"),
    ],
)
def test_a_figure_shows_two_digits_of_its_spread(values, text):
    assert str(Figure(values, tuple(range(len(values))))) == text


def test_mean_spread_and_place():
    one = Figure((1.0, 3.0), (0, 1))
    assert (one.mean, round(one.sd, 4)) == (2.0, 1.4142)
    assert math.isnan(Figure((1.0,), (0,)).sd)
    assert run("full", "NVIDIA H100 80GB HBM3").where == "full, H100"
    assert run().where == "laptop, CPU"


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda text: text[: len(text) // 2], "damaged or holds no stored runs"),
        (lambda text: "", "damaged"),
        (lambda text: "[]", "damaged"),
        (lambda text: "{}", "damaged"),
        (lambda text: '{"schema": 1, "notebook": "week1_x", "runs": 5}', "damaged"),
        (lambda text: '{"schema": 1, "notebook": "week1_x", "runs": [5]}', "damaged"),
        (lambda text: "[" * 100_000, "damaged"),
        (lambda text: text.replace('"schema": 1', '"schema": 2'), "it has schema 2, not 1"),
        (lambda text: text.replace("week1_x", "week1_y"), "it holds runs of 'week1_y'"),
        (lambda text: text.replace("28.28", "28.38"), "its sum does not fit, run it again"),
        (lambda text: text.replace("laptop", "full"), "its sum does not fit"),
        (lambda text: text.replace("28.28", "NaN"), "it holds NaN"),
        (lambda text: text.replace("28.28", "-Infinity"), "it holds -Infinity"),
        (lambda text: text.replace("28.28", "1e999"), "damaged"),
    ],
)
def test_a_file_that_is_not_what_was_measured_is_refused_and_kept(tmp_path, edit, words):
    path = tmp_path / "week1_x.json"
    stored.write(path, [run()])
    path.write_text(edit(path.read_text(encoding="utf-8")), encoding="utf-8")
    before = path.read_bytes()
    for attempt in (lambda: stored.read(path), lambda: stored.keep(path, run("full"))):
        with pytest.raises(RecordError) as error:
            attempt()
        message = str(error.value)
        assert message.startswith("week1_x.json") and words in message and "\n" not in message
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: one.update(weather="rain"), "damaged.*weather"),
        (lambda one: one.update(device=5), "device.* are texts"),
        (lambda one: one["figures"]["σ = 25 (Å)"].update(values=[10**400]), "damaged"),
    ],
)
def test_a_run_with_a_right_sum_must_still_be_a_run(tmp_path, change, words):
    """As a file of another version may be."""
    path = tmp_path / "week1_x.json"
    stored.write(path, [run()])
    content = json.loads(path.read_text(encoding="utf-8"))
    (one,) = content["runs"]
    one.pop("sum")
    change(one)
    one["sum"] = stored._sum(one)
    path.write_text(json.dumps(content))
    with pytest.raises(RecordError, match=words):
        stored.read(path)


def test_a_commit_is_named_with_what_has_changed_since(tmp_path):
    assert stored.commit_of(tmp_path) == ""
    # git's own variables, set while a hook runs, would lead it to another repository
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}

    def git(*words):
        command = ["git", "-C", tmp_path, "-c", "user.name=Ada", "-c", "user.email=a@b.c", *words]
        subprocess.run(command, check=True, capture_output=True, env=clean)

    (tmp_path / "a.txt").write_text("1")
    git("init")
    git("add", "a.txt")
    git("commit", "-m", "one")
    short = stored.commit_of(tmp_path)
    assert len(short) >= 7 and not short.endswith("+")
    (tmp_path / "a.txt").write_text("2")
    assert stored.commit_of(tmp_path) == short + "+"


def test_the_stored_runs_of_the_course_can_be_read():
    for path in stored.FOLDER.glob("*.json"):
        assert stored.read(path), f"{path.name} holds no run"
