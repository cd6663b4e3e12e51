"""``coursekit run``: what is executed, written and said, when all goes well and when it does
not."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from coursekit import cli

GOOD = [
    "import os, sys, time\n\nfor i in range(3):\n    print(i, flush=True)\n    time.sleep(0.3)",
    "",
    "open('here.txt', 'w').close()\nos.environ['COURSEKIT_SCALE']",
]
BAD = ["x = 1\nx", "assert x == 2, 'the lesson\\nis lost'", "'never'"]
SLOW = ["'before'", "import time\nopen('slow.txt', 'w').close()\ntime.sleep(120)"]
OLD = new_output("stream", name="stdout", text="an old output\n")


def write(folder, name, codes, title="A <title>"):
    """A notebook as an editor leaves it: with old outputs and the kernel's version."""
    cells = [
        new_markdown_cell(f"# {title}"),
        *(new_code_cell(code, outputs=[OLD], execution_count=9) for code in codes),
    ]
    for position, cell in enumerate(cells, 1):
        cell.id = f"cell-{position:02d}"
    metadata = {"language_info": {"name": "python", "version": "3.9.1"}, "accelerator": "GPU"}
    nbformat.write(
        new_notebook(cells=cells, metadata=metadata), folder / "notebooks" / f"{name}.ipynb"
    )


def start(folder, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "coursekit", "run", *arguments],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    (folder / "notebooks").mkdir()
    (folder / "pyproject.toml").touch()
    write(folder, "week1_good", GOOD)
    write(folder, "week1_bad", BAD)
    write(folder, "week2_slow", SLOW)
    (folder / "notebooks" / "week1_torn.ipynb").write_text('{"cells": [')
    return folder


@pytest.fixture(scope="module")
def done(course):
    """One run of everything: the sources before it, the exit code, the lines on the two streams."""
    before = {path.name: path.read_bytes() for path in (course / "notebooks").iterdir()}
    process = start(course, "--scale", "laptop", "--inplace", "--timeout", "5")
    out, err = process.communicate(timeout=240)
    return before, process.returncode, out.splitlines(), err


def outputs(path):
    """(execution count, texts) of each code cell."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    return [
        (
            cell.execution_count,
            [
                output.get("text") or output.get("data", {}).get("text/plain")
                for output in cell.outputs
            ],
        )
        for cell in cells
    ]


def test_the_exit_code_and_the_last_line_sum_up(done):
    _, code, lines, err = done
    assert (code, err) == (1, "")
    assert re.fullmatch(
        r"4 notebooks at scale laptop in \d+\.\d minutes: 1 passed, 3 failed "
        r"\(week1_bad, week1_torn, week2_slow\); see build/index\.html",
        lines[-1],
    )


def test_a_log_gets_a_line_at_start_and_end_of_each_notebook(done):
    lines = [line for line in done[2] if not line.startswith("    ")]
    assert len(lines) == 2 + 2 + 1 + 2 + 1
    assert lines[2] == "week1_good.ipynb: started at scale laptop, 4 cells"
    assert re.fullmatch(r"week1_good\.ipynb: passed after \d+:\d\d minutes", lines[3])


def test_a_failing_cell_is_named_with_the_end_of_its_traceback(done):
    lines = done[2]
    start = next(i for i, line in enumerate(lines) if line.startswith("week1_bad.ipynb: FAILED"))
    assert lines[start].endswith(", cell 3 (cell-03): AssertionError: the lesson")
    end = next(
        i for i, line in enumerate(lines[start + 1 :], start + 1) if not line.startswith("    ")
    )
    assert lines[end - 3].startswith("    ----> 1 assert x == 2")
    assert lines[end - 2 : end] == ["    AssertionError: the lesson", "    is lost"]
    assert "\x1b" not in "".join(lines)


def test_a_file_that_is_no_notebook_and_a_slow_cell_are_told_in_a_sentence(done):
    text = "\n".join(done[2])
    assert "week1_torn.ipynb: FAILED, it is not a notebook, for it is not JSON (line 1" in text
    assert "cell 3 (cell-03): it took more than 5 seconds (--timeout allows more)" in text


def test_the_copy_has_the_outputs_of_this_run_in_the_notebooks_own_folder(course, done):
    # one text from three flushes; the empty cell is not counted
    assert outputs(course / "build" / "week1_good.ipynb") == [
        (1, ["0\n1\n2\n"]),
        (None, []),
        (2, ["'laptop'"]),
    ]
    assert (course / "notebooks" / "here.txt").exists()


def test_a_failed_copy_ends_where_it_failed_and_keeps_no_old_output(course, done):
    (first, x), (second, _), never = outputs(course / "build" / "week1_bad.ipynb")
    assert (first, x, second, never) == (1, ["1"], 2, (None, []))


def test_inplace_refreshes_what_passed_and_touches_nothing_else(course, done):
    before = done[0]
    good = course / "notebooks" / "week1_good.ipynb"
    assert good.read_bytes() == (course / "build" / "week1_good.ipynb").read_bytes()
    notebook = nbformat.read(good, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata == {
        "accelerator": "GPU",
        "language_info": {"name": "python"},
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    }
    assert not any(cell.metadata for cell in notebook.cells)
    for name in ("week1_bad.ipynb", "week1_torn.ipynb", "week2_slow.ipynb"):
        assert (course / "notebooks" / name).read_bytes() == before[name]
    assert {path.name for path in (course / "notebooks").iterdir()} == {
        *before,
        "here.txt",
        "slow.txt",
    }


def test_the_index_lists_every_notebook_and_links_what_there_is(course, done):
    page = (course / "build" / "index.html").read_text(encoding="utf-8")
    assert (
        page.startswith('<!DOCTYPE html>\n<html lang="en">')
        and "<title>1 of 4 notebooks passed</title>" in page
    )
    assert page.count("A &lt;title&gt;") == 3
    linked = set(re.findall(r'href="([^"]+)"', page))
    assert linked == {
        f"{name}.{kind}"
        for name in ("week1_good", "week1_bad", "week2_slow")
        for kind in ("html", "ipynb")
    }
    assert linked | {"index.html"} == {path.name for path in (course / "build").iterdir()}
    assert (
        "week1_torn" in page
        and page.count('class="passed"') == 1
        and page.count('class="failed"') == 3
    )
    assert "AssertionError" in (course / "build" / "week1_bad.html").read_text(encoding="utf-8")


def test_ctrl_c_ends_the_run_and_keeps_what_was_done(course, done):
    (course / "notebooks" / "slow.txt").unlink()
    process = start(course, "week2", "week1_good", "--output", "stopped")
    assert process.stdout.readline().startswith("week2_slow.ipynb: started")
    begun = course / "notebooks" / "slow.txt"
    while not begun.exists():
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "\ncoursekit run: stopped\n")
    assert outputs(course / "stopped" / "week2_slow.ipynb")[0] == (1, ["'before'"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["week9"],
            '"week9" is neither a file nor a part of a name in notebooks/, which holds: '
            "week1_good, week2_same",
        ),
        (["--output", "notebooks"], "notebooks is the notebooks' own folder"),
        (["--output", "pyproject.toml/build"], "cannot be written to"),
        (["week1_good", "other/week1_good.ipynb"], "two notebooks are called week1_good"),
    ],
)
def test_arguments_that_make_no_sense_are_told_in_a_sentence(
    tmp_path, monkeypatch, capsys, arguments, words
):
    for folder in ("notebooks", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "week1_good.ipynb").touch()
    (tmp_path / "notebooks" / "week2_same.ipynb").touch()
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("coursekit run: ") and words in err and err.count("\n") == 1


@pytest.mark.parametrize(
    "wrong",
    [{"nbformat": 5}, {"nbformat": 3}, {"nbformat_minor": "5"}, {"metadata": []}, {"cells": [1]}],
)
def test_what_is_not_valid_is_told_in_a_line(tmp_path, monkeypatch, capsys, wrong):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").touch()
    content = new_notebook(cells=[new_code_cell("1")]) | wrong
    (tmp_path / "notebooks" / "week1_odd.ipynb").write_text(json.dumps(content))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run"]) == 1
    first, _ = capsys.readouterr().out.splitlines()
    assert first.startswith("week1_odd.ipynb: FAILED, it is not valid in format 4 (")
    assert first.endswith("): open and save it in JupyterLab")


def test_an_unknown_scale_lists_the_scales(monkeypatch, capsys):
    monkeypatch.setenv("COURSEKIT_SCALE", "fast")
    assert cli.main(["run"]) == 2
    assert (
        "COURSEKIT_SCALE='fast' is not a scale: choose one of smoke, laptop, full\n"
        in capsys.readouterr().err
    )
    with pytest.raises(SystemExit, match="2"):
        cli.main(["run", "--scale", "fast"])


@pytest.mark.parametrize("seconds", ["-5", "1.5", "soon", ""])
def test_a_time_limit_is_whole_seconds_from_0(capsys, seconds):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["run", "--timeout", seconds])
    assert "--timeout: whole seconds from 0 (no limit), not" in capsys.readouterr().err
    assert cli._parser("run").parse_args(["run", "--timeout", "0"]).timeout == 0


def test_a_reader_that_stops_reading_is_no_error():
    """As in ``coursekit data list | head -0``: nobody reads what is printed."""
    command = [sys.executable, "-m", "coursekit", "data", "list"]
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_help_teaches_by_example(capsys, name):
    with pytest.raises(SystemExit, match="0"):
        cli.main([name, "--help"])
    said = capsys.readouterr().out
    assert re.search(rf"^examples?:\n  coursekit {name} ", said, re.MULTILINE)
    assert " ".join(cli.COMMANDS[name][1].split())[1:] in " ".join(said.split())
    assert max(map(len, said.splitlines())) <= 100


def test_only_the_command_that_is_asked_for_is_imported():
    program = (
        "import sys\nfrom coursekit.cli import COMMANDS, main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "rooms = {module for module, _ in COMMANDS.values()}\n"
        "print(*sorted(room for room in rooms if f'coursekit.{room}' in sys.modules))\n"
        "print('torch' in sys.modules)"
    )
    for arguments, expected in (
        (["--help"], ""),
        (["nothing"], ""),
        (["repo", "--help"], "classroom.repo"),
        (["run", "--help"], "classroom.run"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments], capture_output=True, text=True
        )
        assert done.stdout.splitlines()[-2:] == [expected, "False"], done.stderr


def test_the_public_names_are_imported_when_they_are_used():
    program = (
        "import sys, coursekit as ck\n"
        "assert 'torch' not in sys.modules\n"
        "assert {*ck.__all__, 'training'} <= {*dir(ck)}\n"
        "assert all(getattr(ck, name) is getattr(ck, name) for name in ck.__all__)\n"
        "assert ck.training.fit is ck.fit and not hasattr(ck, 'nothing')\n"
    )
    subprocess.run(
        [sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONWARNINGS": "error"}
    )
