"""The queue of full-scale runs: what is kept, and that a run which was cut off says the same."""

import ast
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mirror import prepared

import coursekit as ck
from coursekit import course as commands
from coursekit import experiments, training
from coursekit.engine import provenance
from coursekit.engine.checkpoint import Checkpoint
from coursekit.experiments import runs, store
from coursekit.records import stored, this_run

fcntl = pytest.importorskip("fcntl")  # the queue of runs needs a lock of Linux or macOS
ROOT = Path(__file__).parents[1]
FULL = ROOT / "benchmarks" / "full.py"
sys.path.insert(0, str(FULL.parent))
import full  # noqa: E402
import pieces  # noqa: E402

# Cells as the course has them: fits and repeated runs, dropout and shuffling, random numbers after
# a training, an optimizer that is used twice, networks that a repeated function leaves behind.
CELLS = [
    """
import sys

try:
    import coursekit as ck
except ModuleNotFoundError:
    if "google.colab" not in sys.modules:
        raise
    %pip install -q nothing
    import coursekit as ck
""",
    """
import inspect
import time
from functools import partial

import torch
from IPython.display import HTML, Markdown, display
from torch import nn
from torch.nn import functional as F

lab = ck.Lab(seed=0)
train, test = ck.load("mnist")
display(Markdown("**data**"), HTML("<b>data</b>"))
lab
""",
    """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(784, 16), nn.Linear(16, 10)

    def forward(self, X):
        return self.b(F.dropout(torch.relu(self.a(X.flatten(1))), 0.3, self.training))


def slowly(outputs, y):
    time.sleep(0.02)
    return F.cross_entropy(outputs, y)


def train_net(net, optimizer, epochs):
    loader = train.loader(40, shuffle=True)
    return ck.fit(net, loader, test.loader(50), epochs=epochs, optimizer=optimizer, loss=slowly)
""",
    """
net = Net()
optimizer = torch.optim.Adam(net.parameters())
history = train_net(net, optimizer, 8)
more = train_net(net, optimizer, 8)
ck.record("last loss", more.train_loss[-1])
ck.record("a draw", torch.rand(1).item() + torch.randperm(50)[0].item())
history
""",
    """
def once(seed):
    net = Net()
    train_net(net, torch.optim.SGD(net.parameters(), lr=0.1), 4)
    result = ck.evaluate(net, test.loader(50))
    return {"loss": result.loss, "draw": torch.rand(1).item()}


runs = ck.repeat(once, range(3))
ck.record("once", runs, metric="loss")
ck.record("draws", runs, metric="draw")
""",
    """
nets = {}


def leaves(seed, rate):
    nets[seed] = net = Net()
    train_net(net, torch.optim.SGD(net.parameters(), lr=rate), 20)
    return ck.evaluate(net, test.loader(50)).loss


ck.record("left", ck.repeat(partial(leaves, rate=0.05), (5, 6)))
weights = {seed: net.b.weight.abs().sum().item() for seed, net in nets.items()}
ck.record("weights", weights)
""",
    """
assert "def fit(" in inspect.getsource(ck.fit) and "def repeat(" in inspect.getsource(ck.repeat)
assert inspect.getsource(once).startswith("def once(seed):")
ck.answers()
""",
]
# The same without the sleep, which a process needs that is to be killed in the middle.
QUICK = [text.replace("time.sleep(0.02)", "pass") for text in CELLS]


def write(course, cells, name="tiny"):
    """A notebook of these code cells, and a question."""
    made = [{"cell_type": "code", "source": text.strip(), "metadata": {}} for text in cells]
    made.append({"cell_type": "markdown", "source": "**Answer w1-q1**", "metadata": {}})
    content = {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (course / "notebooks").mkdir(exist_ok=True, parents=True)
    (course / "notebooks" / f"{name}.ipynb").write_text(json.dumps(content))


def make_course(made):
    """A course of one notebook, with data that are no stand-in; what the processes of the queue
    find around them."""
    write(made, CELLS)
    (made / "pyproject.toml").write_text("")
    (made / "data").mkdir()
    draw = np.random.default_rng(0)
    labels = {"train_labels": draw.integers(0, 10, 200), "test_labels": draw.integers(0, 10, 50)}
    images = {
        name.replace("labels", "images"): draw.integers(0, 256, (len(y), 28, 28), dtype=np.uint8)
        for name, y in labels.items()
    }
    np.savez(made / "data" / "mnist.npz", **prepared(**images, **labels, source="Digits"))
    said = {"COURSEKIT_DATA": str(made / "data"), "COURSEKIT_COMMIT": "abc1234"}
    said |= {"COURSEKIT_SCALE": "laptop", "PYTHONUNBUFFERED": "1", "MPLBACKEND": "Agg"}
    said |= {"PYTHONPATH": str(ROOT), "JPY_SESSION_NAME": str(made / "notebooks/tiny.ipynb")}
    return said


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The folder of a course, and around it what belongs there."""
    course = tmp_path / "course"
    for name, value in make_course(course).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(course)
    return course


@pytest.fixture
def queue(place, monkeypatch, capfd):
    """Run the queue; the exit code and what it printed."""
    before = signal.getsignal(signal.SIGTERM)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["full.py", "--scale", "laptop", *arguments])
        code = full.main()
        return code, capfd.readouterr().out

    yield run
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def cells(place, monkeypatch):
    """Execute cells in this process, as that of a notebook does; the exit code and what it said."""
    (place / "pieces").mkdir()

    def run(texts, minutes=None, jobs=None):
        write(place, texts)
        said = io.StringIO()
        with monkeypatch.context() as undone:
            for owner in (ck, experiments, runs):
                undone.setattr(owner, "repeat", runs.repeat)
            for owner, name in ((runs, "_run"), (Checkpoint, "_write"), (store.Store, "write")):
                undone.setattr(owner, name, getattr(owner, name))
            for owner in (ck, training):
                undone.setattr(owner, "fit", training.fit)
            for name in ("__main__", "IPython", "IPython.display"):
                undone.setitem(sys.modules, name, sys.modules.get(name))
            undone.setattr(sys, "path", list(sys.path))
            undone.setattr(provenance, "USED", {})
            undone.setattr(this_run, "FIGURES", {})
            made = pieces.Pieces("tiny", place / "pieces", minutes, said)
            made.wrap()
            try:
                code = pieces.run_cells(place / "notebooks/tiny.ipynb", made, jobs)
            except pieces.OutOfTime:
                code = pieces.OUT_OF_TIME
            return code, said.getvalue(), dict(this_run.FIGURES)

    return run


def kept(course, name="tiny"):
    return stored.read(stored.path_of(name, course / "coursekit" / "records" / "runs"))


def folder_of(course, name="tiny"):
    return course / "build" / "full" / name / "laptop-CPU"


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The figures that the cells give as one script, without the queue."""
    course = tmp_path_factory.mktemp("plain")
    script, measured = course / "notebooks" / "script.py", course / "script.json"
    said = make_course(course) | {"COURSEKIT_RECORD": str(measured)}
    script.write_text("\n".join(QUICK).replace("%pip", "# pip"))
    subprocess.run([sys.executable, script], check=True, cwd=course, env={**os.environ, **said})
    (one,) = stored.read(measured)
    assert len(one.figures) == 6
    return one.figures


def started():
    words = [sys.executable, FULL, "--scale", "laptop"]
    return subprocess.Popen(words, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_a_run_that_is_cut_off_says_the_same(place, plain):
    """Stopped once and killed twice at random moments, as against a run without the queue."""
    with started() as process:
        next(line for line in process.stdout if "repeat-01: seed 0" in line)
        process.terminate()
        said = process.stdout.read()
    assert process.returncode == 130 and "stopped, interrupted\n" in said
    assert re.search(r"tiny: to be continued after \d\.\d minutes, 2 figures so far\n", said)
    (partial,) = kept(place)
    assert len(partial.figures) == 2 and not partial.complete and partial.minutes is None
    moments = random.Random(time.time_ns())
    for _ in range(2):
        lines, wait = moments.randint(1, 2), moments.uniform(0, 1.5)
        with started() as process:
            for _ in range(lines):
                process.stdout.readline()
            time.sleep(wait)
            print(f"killed {wait:.2f} s after line {lines}")
            process.kill()
    assert kept(place) == [partial], "nobody was there to store anything"
    with started() as process:
        said = process.stdout.read()
    print(said)
    assert process.returncode == 0 and "kept)" in said and "done anew" not in said
    assert re.search(r"tiny: complete after \d+\.\d minutes, stored\n", said)
    (whole,) = kept(place)
    assert whole.complete and whole.minutes > 0 and whole.commit == "abc1234"
    assert whole.figures == plain
    assert [path.name for path in folder_of(place).iterdir()] == ["output.txt"]


def test_a_complete_run_is_done_once(place, queue):
    """Until its code changes; a comment is no change, nor is what it says of its minutes."""
    long, longer = (
        CELLS[1].replace("Lab(seed=0)", f'Lab(seed=0, minutes={{"laptop": {minutes}}})')
        for minutes in (3, 4)
    )
    write(place, [CELLS[0], long, "ck.record('one', 1.5)"])
    code, said = queue()
    assert code == 0 and "complete after" in said and "nothing is missing at scale laptop" in said
    before = kept(place)
    write(place, [CELLS[0], longer, "# the same\n\nck.record('one', 1.5)"])
    code, said = queue("tin")
    assert code == 0 and said.startswith("tiny: a complete run is stored\n")
    assert kept(place) == before
    # of other code, and broken: it does not take the place of the complete one
    write(place, [*CELLS[:2], "ck.record('two', 2.5)\nraise RuntimeError('broken')"])
    code, said = queue()
    assert code == 1 and "FAILED, code cell 3: RuntimeError: broken" in said
    assert "tiny: FAILED after" in said and "1 figures so far; see build/full/tiny/" in said
    assert "RuntimeError: broken" in (folder_of(place) / "output.txt").read_text()
    assert kept(place) == before
    write(place, [*CELLS[:2], "ck.record('two', 2.5)"])
    assert queue()[0] == 0
    assert [*kept(place)[0].figures] == ["two"]


def test_a_run_with_fewer_figures_replaces_none_with_more():
    def made(n, notebook, complete=False):
        figures = {str(i): stored.Figure((1.0,), (0,)) for i in range(n)}
        versions = {"notebook": notebook}
        how = {"complete": complete, "minutes": 1.0 if complete else None}
        return stored.Run("full", "CPU", "", "", versions, 0, (), figures, **how)

    assert full.worth_more(made(1, "a"), [])
    assert full.worth_more(made(2, "a"), [made(2, "a")])
    assert not full.worth_more(made(1, "a"), [made(2, "a")])
    assert full.worth_more(made(1, "b"), [made(2, "a")]), "the code is another"
    assert not full.worth_more(made(3, "a"), [made(2, "a", complete=True)])


def test_what_cannot_be_run_does_not_stop_the_others(place, queue, monkeypatch):
    """No data, a package that is not here, another process at it, no figures, a damaged file."""
    impatient = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: None)
    monkeypatch.setattr(full, "time", impatient)  # as if the wait for the lock were over
    no_data = CELLS[1].replace('"mnist"', '"cifar10"')
    write(place, [CELLS[0], no_data, "ck.record('one', 1.5)"], "a_data")
    write(place, ["import nosuchpackage.part", "import IPython"], "b_package")
    write(place, CELLS, "c_lock")
    write(place, ["import coursekit as ck"], "d_nothing")
    write(place, CELLS[:2], "e_damaged")
    (place / "notebooks" / "f_odd.ipynb").write_text('{"cells": [7]}')
    write(place, [*CELLS[:2], "assert False, 'the lesson'", "ck.record('one', 1.5)"])
    damaged = stored.path_of("e_damaged", place / "coursekit" / "records" / "runs")
    damaged.parent.mkdir(parents=True)
    damaged.write_text("{}")
    folder_of(place, "c_lock").mkdir(parents=True)
    with open(folder_of(place, "c_lock").with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, said = queue()
    assert code == 1
    assert "here is only CIFAR-10 stand-in (synthetic): nothing is run or recorded from" in said
    assert "FAILED, code cell 3: AssertionError: the lesson" in said
    missing = said.partition("missing at scale laptop, CPU, in this order:\n")[2].splitlines()
    for line, start in zip(
        missing,
        (
            "  a_data: its data are not here",
            "  b_package: needs nosuchpackage",
            "  c_lock: another process is at it",
            "  d_nothing: it records no figures (ck.record); its trainings are kept",
            "  e_damaged: FAILED, RecordError: ",
            "  f_odd: FAILED, TypeError: ",
            "  tiny: FAILED after ",
        ),
        strict=True,
    ):
        assert line.startswith(start)
    assert kept(place, "a_data") == [] and damaged.read_text() == "{}"
    (partial,) = kept(place)
    assert [*partial.figures] == ["one"], "the cells after a failed assertion are executed"
    assert not partial.complete and partial.minutes is None


@pytest.mark.parametrize("jobs", [None, 2])
def test_the_figures_are_those_of_a_plain_run(cells, plain, jobs):
    """Also with repeated runs in processes of their own, but for those that leave networks."""
    code, said, figures = cells(QUICK, jobs=jobs)
    assert code == pieces.COMPLETE and figures == plain
    said = [re.sub(r", \d+ s$", "", line.partition("min  ")[2]) for line in said.splitlines()]
    assert said[:2] == ["fit-01: 8 epochs", "fit-02: 8 epochs"]
    assert sorted(said[2:5]) == [f"repeat-01: seed {seed}" for seed in range(3)]
    assert said[5:] == [
        *(f"repeat-02-seed-{seed}-fit-01: 20 epochs" for seed in (5, 6)),
        "all cells are executed",
    ]
    # and once more, from what is kept
    again, said, figures_again = cells(QUICK)
    assert again == code and figures_again == figures
    assert said.partition("min  ")[2] == "all cells are executed (before it, 4 kept)\n"


def test_the_budget_ends_a_training_between_epochs(cells, place):
    text = CELLS[2] + "train_net(net := Net(), torch.optim.Adam(net.parameters()), 40)\n"
    ending = "ck.record('end', net.b.weight.abs().sum().item())"
    code, _, whole = cells([*CELLS[:2], text.replace(CELLS[2], QUICK[2]), ending])
    file = place / "pieces" / "fit-01.pt"
    file.unlink()
    code, said, _ = cells([*CELLS[:2], text, ending], minutes=2 / 60)
    assert code == pieces.OUT_OF_TIME and said == ""
    reached = torch.load(file, weights_only=False)["epoch"]
    assert 1 <= reached < 40
    code, said, figures = cells([*CELLS[:2], text, ending])
    assert code == pieces.COMPLETE and figures == whole


def test_saving_takes_a_small_share_of_the_time(cells, place, monkeypatch):
    """Every epoch of a slow training is saved, of a fast one what the time allows."""
    saved, write = [], Checkpoint._write

    def slow(checkpoint, epoch):
        saved.append(epoch)
        time.sleep(0.05)
        write(checkpoint, epoch)

    monkeypatch.setattr(Checkpoint, "_write", slow)
    text = QUICK[2] + "train_net(net := Net(), torch.optim.Adam(net.parameters()), 20)\n"
    cells([*CELLS[:2], text])
    assert saved[0] == 1 and saved[-1] == 20 and len(saved) <= 5
    saved.clear()
    (place / "pieces" / "fit-01.pt").unlink()
    monkeypatch.setattr(pieces, "SHARE", 1000)
    cells([*CELLS[:2], text])
    assert saved == [*range(1, 21)]


def test_what_cannot_wait_is_ended_all_the_same(place):
    write(place, ["import time", "try:\n    time.sleep(60)\nexcept Exception:\n    time.sleep(60)"])
    with subprocess.Popen(
        [sys.executable, FULL.parent / "pieces.py", "notebooks/tiny.ipynb", place]
        + ["--minutes", "0.02"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        said = process.stdout.read()
    assert (
        process.returncode == pieces.OUT_OF_TIME and "stopped, the time is up; nothing new" in said
    )
    assert 0.02 <= pieces.read_minutes(place) < 0.5


def test_a_training_of_another_recipe_is_done_anew(cells, place):
    assert cells(QUICK[:5])[0] == pieces.COMPLETE
    changed = [
        text.replace("0.3, self", "0.4, self").replace("range(3)", "(2, 3)") for text in QUICK
    ]
    code, said, figures = cells(changed[:5])
    assert code == pieces.COMPLETE and figures["once"].seeds == (2, 3)
    anew = [line.partition("min  ")[2] for line in said.splitlines() if "done anew" in line]
    assert [line.partition(": ")[0] for line in anew] == [
        "fit-01.pt is done anew",
        "fit-02.pt is done anew",
        "repeat-01 is done anew",
    ]
    assert "code of the model" in anew[0]
    there = {path.name for path in (place / "pieces" / "repeat-01").iterdir()}
    assert there == {"seed-2.json", "seed-3.json"}


def test_a_file_that_the_notebook_names_is_its_own(cells, place):
    """Whatever is wrong with it is the notebook's affair."""
    named = CELLS[2] + (
        "def start(epochs):\n"
        "    torch.manual_seed(epochs)\n"
        "    net = Net()\n"
        "    optimizer = torch.optim.Adam(net.parameters())\n"
        "    ck.fit(net, train.loader(40), epochs=1, optimizer=optimizer, checkpoint='mine.pt')\n"
        "start(1)\n"
        "start(2)\n"
    )
    code, said, _ = cells([*CELLS[:2], named])
    assert code == pieces.FAILED and "ValueError: mine.pt was saved by another recipe" in said
    assert (place / "mine.pt").exists() and not [*(place / "pieces").glob("*.pt")]


def test_without_ipython(cells, monkeypatch, capsys):
    """As on a machine that has torch and little else."""
    for name in ("IPython", "IPython.display"):
        monkeypatch.setitem(sys.modules, name, None)
    assert cells(CELLS[:2])[0] == pieces.COMPLETE
    assert "**data**\n<b>data</b>\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words, told",
    [
        (["--minutes", "0.5"], "a number of minutes from 1 (imports, the data and one epoch take"),
        (["--minutes", "soon"], "not soon"),
        (["--minutes", "nan"], "not nan"),
        (["--jobs", "0"], "a whole number from 1, not 0"),
        (["--scale", "smoke"], "invalid choice: 'smoke'"),
        (["week9"], '"week9" is neither a file nor a part of a name in notebooks/'),
    ],
)
def test_wrong_arguments(queue, capfd, words, told):
    with pytest.raises((SystemExit, commands.CommandError)) as stopped:
        queue(*words)
    assert told in capfd.readouterr().err + str(stopped.value)


def test_the_order_names_every_notebook_of_the_course():
    assert sorted(full.ORDER) == sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


def test_what_the_notebooks_import(monkeypatch):
    """Of packages that Jupyter does not bring: a machine may lack them."""
    found = {}
    monkeypatch.setattr(full, "find_spec", lambda name: name not in ("d2l", "optuna"))
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        found[path.stem] = full.packages_missing(pieces.code_cells(path))
    assert {name: needed for name, needed in found.items() if needed} == {
        "week3_resnet18_fashion_mnist": ["d2l"],
        "week4_did_it_help": ["optuna"],
    }


LEAVES = {
    "nets[seed] = 1": True,
    "nets.x = 1": True,
    "nets.setdefault(seed, []).append(1)": True,
    'nets["a"].append(seed)': True,
    "nets.of.a.update(b=seed)": True,
    "global nets\n    nets = seed": True,
    "own = {}\n    own[seed] = 1": False,
    "own = {1: []}\n    own[1].append(seed)": False,
    "nets[seed]": False,
    "seed.append(nets)": False,
}


@pytest.mark.parametrize("body", LEAVES)
def test_functions_that_leave_something_behind(tmp_path, body, monkeypatch):
    (tmp_path / "made_here.py").write_text(f"nets = {{}}\n\ndef once(seed):\n    {body}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "made_here", raising=False)
    import made_here

    assert pieces.leaves_something(made_here.once) == LEAVES[body]


def test_functions_of_the_course_that_leave_something_behind():
    """Their notebooks look at the networks or histories afterwards."""
    leaves, leaves_not = set(), set()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        for node in ast.parse("\n".join(pieces.code_cells(path))).body:
            if isinstance(node, ast.FunctionDef):
                (leaves if pieces.changes_others(node) else leaves_not).add((path.stem, node.name))
    assert leaves >= {
        ("week3_cats_vs_dogs", "test_once"),
        ("week3_residual_networks", "train_depth"),
        ("week3_resnet18_fashion_mnist", "constant_once"),
        ("week3_resnet18_fashion_mnist", "to_zero_once"),
        ("week3_resnet18_fashion_mnist", "climb"),
        ("week4_mobilenet_senet", "train_once"),
        ("week5_dscmr_retrieval", "once"),
    }
    assert leaves_not >= {
        ("week4_did_it_help", "accuracy_once"),
        ("week4_hybridsn", "protocol_once"),
        ("week4_hybridsn", "fold_once"),
        ("week5_dncnn_denoising", "train_once"),
        ("week5_dscmr_retrieval", "code_once"),
    }
