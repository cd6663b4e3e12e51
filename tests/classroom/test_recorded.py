"""``coursekit recorded``: what is stored is printed, and written into the README and the notebooks;
what is damaged is said, and nothing is lost."""

import json
import subprocess
import sys

import pytest
import recorded_course as small

from coursekit.classroom import recorded
from coursekit.cli import main

H100 = "NVIDIA H100 80GB HBM3"


@pytest.fixture
def root(tmp_path, monkeypatch):
    small.build(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def row_of(root):
    """The last three columns of the table of weeks."""
    (row,) = (line for line in readme(root) if line.startswith("| 1 | [Small]"))
    return row.split(" | ")[-3:]


def readme(root):
    return (root / "README.md").read_text(encoding="utf-8").splitlines()


def test_the_stored_runs_are_printed(root, capsys):
    assert main(["recorded"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "week1_small:",
        "  laptop, CPU, 2026-11-26, 2.4 minutes",
        "    LeNet  63.0 (62.2 to 64.3) %  3 seeds",
        "    loss   1.073                  1 seed",
    ]
    small.store(root, small.run(complete=False, minutes=None))
    main(["recorded", "small"])
    assert "2026-11-26, not complete" in capsys.readouterr().out
    small.place(root).unlink()
    main(["recorded"])
    assert capsys.readouterr().out == "week1_small (no runs are stored)\n"


def test_the_readme_is_renewed_and_keeps_what_people_wrote(root, capsys):
    before = readme(root)
    assert main(["recorded", "--write"]) == 0
    assert capsys.readouterr().out == "README.md: renewed\n1 file renewed\n"
    after = readme(root)
    assert row_of(root) == ["under 1 min*", "2 min (CPU)", "about 30 min* |"]
    assert f"](notebooks/{small.NAME}.ipynb) {small.BADGE} | Whether `a | b` matters |" in after[6]
    assert after[-5:-2] == [
        "| week | figure | laptop | full | old course | paper |",
        "| --- | --- | --- | --- | --- | --- |",
        "| 1 | LeNet (%) | 63.0 (62.2 to 64.3), 3 seeds | – | 64 | – |",
    ]
    assert [line for line in after if line not in before] == [after[6], *after[-5:-2]]
    main(["recorded", "--write"])
    assert capsys.readouterr().out == "0 files renewed\n" and readme(root) == after


@pytest.mark.parametrize(
    "end", ["", " what |", " what | | |", " a \\| b | – | 1 min (CPU) | soon |"]
)
def test_a_row_of_weeks_loses_nothing_that_people_wrote(root, end):
    path, link = root / "README.md", f"[Small](notebooks/{small.NAME}.ipynb)"
    row = next(line for line in readme(root) if line.startswith("| 1 | [Small]"))
    path.write_text(path.read_text().replace(row, f"| 1 | {link} |{end}"))
    for _ in range(2):
        assert main(["recorded", "--write"]) == 0
    kept = end if end.endswith("soon |") else end.rstrip(" |") + " |" * bool(end)
    assert f"| 1 | {link} |{kept} under 1 min* | 2 min (CPU) | about 30 min* |" in readme(root)


def test_the_line_ends_of_windows_stay(root):
    path = root / "README.md"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert main(["recorded", "--write"]) == 0
    assert row_of(root)[1] == "2 min (CPU)"
    content = path.read_bytes()
    assert content.count(b"\r\n") == content.count(b"\n")
    assert main(["recorded", "--write"]) == 0 and path.read_bytes() == content


def test_a_readme_that_is_no_text_is_told(root, capsys):
    path = root / "README.md"
    path.write_bytes(b"\xe9\n")
    assert main(["recorded", "--write"]) == 1
    assert "README.md is not text in UTF-8 (line 1): save it in" in capsys.readouterr().out
    assert main(["lint"]) == 1
    assert "README.md: it cannot be read (README.md is not text" in capsys.readouterr().out


def test_a_run_at_full_stands_beside_that_at_laptop(root):
    more = small.figure(71.5, 71.9, settings="10 epochs", paper="72 | 73")
    small.store(root, small.run(), small.run("full", H100, minutes=9.4, figures={"LeNet": more}))
    main(["recorded", "--write"])
    assert row_of(root) == ["under 1 min*", "2 min (CPU)", "9 min (H100) |"]
    row = "| 1 | LeNet (%) | 63.0 (62.2 to 64.3), 3 seeds | 71.70 (71.50 to 71.90), 2 seeds; "
    assert row + "10 epochs | 64 | 72 \\| 73 |" in readme(root)


def test_a_figure_that_the_usual_run_has_not_comes_from_another_run_of_the_scale(root):
    """A run on a CPU that was stopped has one more; what both have is the GPU's."""
    both, more = {"LeNet": small.figure(71.5)}, {"VGG": small.figure(90.5)}
    stopped = {"complete": False, "minutes": None, "figures": {"LeNet": small.figure(9.0)} | more}
    runs = small.run("full", H100, figures=both), small.run("full", "CPU", **stopped)
    small.store(root, small.run(), *runs)
    main(["recorded", "--write"])
    rows = [line for line in readme(root) if line.startswith(("| 1 | LeNet", "| 1 | VGG"))]
    assert [row.split(" | ")[3].partition(",")[0] for row in rows] == ["71.50", "90.50"]


def test_the_minutes_of_a_run_that_is_not_complete_are_not_told(root):
    small.store(root, small.run(complete=False, minutes=None))
    main(["recorded", "--write"])
    assert row_of(root)[1] == "about 20 min*"
    content = small.notebook()
    content.cells[2].source = "lab = ck.Lab(seed=0)"
    small.save(root, content)
    main(["recorded", "--write"])
    assert row_of(root) == ["–", "–", "– |"]


@pytest.mark.parametrize("runs", [(), ("gpu",), ("cpu", "gpu"), ("gpu", "cpu"), ("old", "new")])
def test_the_run_that_speaks_for_a_scale(runs):
    made = {
        "cpu": small.run("full", "CPU", date="2026-12-01"),
        "gpu": small.run("full", H100),
        "old": small.run("full", H100, date="2026-10-01"),
        "new": small.run("full", "NVIDIA A100"),
    }
    found = recorded.usual([small.run(), *map(made.get, runs)], "full")
    assert found == {(): None, ("old", "new"): made["new"]}.get(runs, made["gpu"])
    part = small.run("full", H100, complete=False, minutes=None)
    assert recorded.usual([part, made["cpu"]], "full") == made["cpu"]


def table_of(root):
    """The outputs of the notebook's cell ck.recorded."""
    content = json.loads((root / "notebooks" / f"{small.NAME}.ipynb").read_text(encoding="utf-8"))
    return content["cells"][-1]["outputs"]


def test_a_new_run_comes_into_the_notebook_without_a_run_of_the_notebook(root):
    content = small.notebook()
    content.cells[-1].outputs[:0] = small.printed("no runs of week1_small are stored yet\n")
    small.save(root, content)
    full = small.run("full", H100, figures={"LeNet": small.figure(71.5, 71.9)})
    small.store(root, small.run(), full)
    assert main(["recorded", "--write"]) == 0
    (output,) = table_of(root)
    page = "".join(output["data"]["text/html"])
    assert "<th>this run (laptop)</th>" in page and "<th>full, H100, 2026-11-26</th>" in page
    assert page.count("63.0 (62.2 to 64.3)") == 2  # this run is the stored one
    assert page.count("71.70 (71.50 to 71.90)") == 1
    assert "71.70" in "".join(output["data"]["text/plain"])
    again = (root / "notebooks" / f"{small.NAME}.ipynb").read_bytes()
    for cell in content.cells[-1:]:
        cell.outputs = table_of(root)
    small.save(root, content)  # nothing else has changed, not even the form of the file
    assert (root / "notebooks" / f"{small.NAME}.ipynb").read_bytes() == again


def test_the_outputs_of_a_run_that_is_not_stored_stay(root):
    small.store(root, small.run("full", H100))
    before = table_of(root)
    assert main(["recorded", "--write"]) == 0
    assert table_of(root) == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "damaged or holds no stored runs"),
        ('{"schema": 1, "notebook": "week1_small", "ru', "damaged"),
        ('{"schema": 7}', "it has schema 7, not 1"),
        ('{"schema": 1, "notebook": "week1_other", "runs": []}', "it holds runs of 'week1_other'"),
        ('{"schema": 1, "notebook": "week1_small", "runs": [{"x": NaN}]}', "no finite number"),
        ("[" * 100_000, "damaged"),
    ],
)
def test_a_damaged_file_is_said_in_one_sentence_and_nothing_is_written(root, capsys, text, words):
    small.place(root).write_text(text)
    before = {path: path.read_bytes() for path in root.rglob("*.*") if path.is_file()}
    for arguments in (["recorded"], ["recorded", "--write"]):
        assert main(arguments) == 1
        (line,) = capsys.readouterr().out.splitlines()
        assert line.startswith("week1_small.json") and words in line
    assert before == {path: path.read_bytes() for path in before}


def test_runs_of_no_notebook_and_a_torn_notebook_are_said(root, capsys):
    torn = root / "notebooks" / "week2_torn.ipynb"
    torn.write_text('{"cells": [')
    assert main(["recorded", "--write"]) == 1
    out = capsys.readouterr().out
    assert "week2_torn.ipynb is not a notebook" in out and "README.md: renewed" in out
    torn.unlink()
    small.stored.write(small.place(root).with_name("week9_gone.json"), [small.run()])
    assert main(["recorded"]) == 1
    assert "there is no notebook week9_gone" in capsys.readouterr().out


def test_a_run_cannot_replace_a_damaged_file(root, capsys):
    """coursekit run --inplace: the notebook keeps its outputs, and the file stays as it is."""
    measured = root / "measured.json"
    small.stored.write(measured, [small.run()])
    (root / "build" / "recorded").mkdir(parents=True)
    copied = f"import os, shutil\n\nshutil.copy({str(measured)!r}, os.environ['COURSEKIT_RECORD'])"
    content = small.notebook()
    content.cells = [content.cells[0], small.new_code_cell(copied, id="cell-90")]
    small.save(root, content)
    measured.write_text(measured.read_text().replace('"measured"', f'"{small.NAME}"'))
    small.place(root).write_text("{")
    before = (root / "notebooks" / f"{small.NAME}.ipynb").read_bytes()
    assert main(["run", "--scale", "laptop", "--inplace"]) == 1
    assert f"cannot be stored: {small.NAME}.json is damaged" in capsys.readouterr().out
    assert small.place(root).read_text() == "{"
    assert (root / "notebooks" / f"{small.NAME}.ipynb").read_bytes() == before
    small.place(root).unlink()
    assert main(["run", "--scale", "laptop", "--inplace"]) == 0
    (run,) = small.stored.read(small.place(root))
    assert run.complete and run.figures == small.run().figures


def test_the_command_needs_no_torch(root):
    program = (
        "import sys; from coursekit.cli import main; "
        "code = main(['recorded', '--write']); sys.exit(code or 'torch' in sys.modules)"
    )
    # -I: the package itself, and not the folder of that name in the course
    command = [sys.executable, "-I", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "README.md: renewed\n1 file renewed\n"), (
        done.stderr
    )
