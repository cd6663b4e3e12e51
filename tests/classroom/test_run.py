"""``coursekit run``: what is executed, written and said, when all goes well and when it does
not."""

import ast
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from coursekit import cli
from coursekit.classroom import run
from coursekit.course import find_notebooks, minutes
from coursekit.engine import files

GOOD = [
    "import os, sys, time\n\nfor i in range(3):\n    print(i, flush=True)\n    time.sleep(0.3)",
    "",
    "open('here.txt', 'w').close()\nos.environ['COURSEKIT_SCALE']",
]
BAD = ["x = 1\nx", "assert x == 2, 'the lesson\\nis lost'", "'never'"]
SLOW = [
    "'before'",
    "import os, time\nwith open('slow.txt', 'w') as file:\n    print(os.getpid(), file=file)\n"
    "time.sleep(120)",
]
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


def start(folder, *arguments, python=(), **environment):
    return subprocess.Popen(
        [sys.executable, *python, "-m", "coursekit", "run", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
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
    assert lines[0] == (
        "4 notebooks at scale laptop (real data where they are); the results go to build"
    )
    assert len(lines) == 1 + 2 + 2 + 1 + 2 + 1
    assert lines[3] == "week1_good.ipynb: started at scale laptop, 4 cells"
    assert re.fullmatch(r"week1_good\.ipynb: passed after \d+:\d\d minutes", lines[4])


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


def runs(pid):
    """Whether this process is at work: one that has ended may stay in the list for a while, until
    its parent asks how it ended, which in a container none may ever do."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    ("sent", "jobs"),
    [
        (signal.SIGINT, 1),
        (signal.SIGINT, 2),
        (signal.SIGTERM, 2),
        (getattr(signal, "SIGHUP", None), 1),
    ],
)
@pytest.mark.posix
def test_a_stopped_run_ends_its_kernel_and_keeps_what_was_done(course, done, sent, jobs):
    if sent == getattr(signal, "SIGHUP", None) and signal.getsignal(sent) is signal.SIG_IGN:
        pytest.skip("this terminal session, begun with nohup, ignores the signal")
    begun = course / "notebooks" / "slow.txt"
    begun.unlink()
    others = ["week1_good"] if jobs == 1 else ["week1_torn", "week1_good", "week1_bad"]
    process = start(course, "week2", *others, "--output", "stopped", "--jobs", str(jobs))
    assert "notebooks at scale" in process.stdout.readline()
    while not (begun.exists() and begun.read_text()):
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(sent)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "\ncoursekit run: stopped\n")
    assert "week2_slow.ipynb: started" in out and (jobs == 2 or "week1_good" not in out)
    assert outputs(course / "stopped" / "week2_slow.ipynb")[0] == (1, ["'before'"])
    assert "it was stopped" in (course / "stopped" / "index.html").read_text()
    assert not runs(int(begun.read_text()))
    assert not [*(course / "stopped").glob(".*")]


HARD = {
    "week1_asserts": ["assert False"],
    "week1_plain": [
        "import os, sys\n(sys.executable, 'PERSONAL' in globals(), os.environ['MPLBACKEND'][:6],"
        " os.environ['PYTHONPATH'])"
    ],
    "week2_endless": ["while True:\n    print('x' * 10_000)"],
    "week2_large": ["display({'image/png': 'iVBO' * 15_000_000}, raw=True)"],
    "week2_odd": ["display({'application/x-odd': {'a': [1]}}, raw=True)"],
    "week3_leaves": [
        "import os, subprocess\nprint(subprocess.Popen(['sleep', '600']).pid)\n"
        "print(subprocess.getoutput('nohup sleep 601 > /dev/null 2>&1 & echo $!'))",
        "subprocess.Popen(['sleep', '0.1'])",
    ],
    "week4_edited": ["open('week4_edited.ipynb', 'a').write(' ')"],
    "week4_exits": ["import os\nos._exit(3)"],
    "week4_gone": ["import os\nos.remove('week4_gone.ipynb')"],
    "week5_linked": ["'of this run'"],
}


@pytest.fixture(scope="module")
def hard(tmp_path_factory):
    """One run --inplace of notebooks that do what they should not, for a person whose settings
    change Python, IPython, Jupyter and Matplotlib. Exit code, line of each notebook, the rest."""
    folder = tmp_path_factory.mktemp("hard")
    for name in ("notebooks", "build", "own", "ipython/profile_default/startup", "kernels/python3"):
        (folder / name).mkdir(parents=True)
    (folder / "pyproject.toml").touch()
    for name, codes in HARD.items():
        write(folder, name, ["from IPython.display import display", *codes])
    notebooks = folder / "notebooks"
    linked = (notebooks / "week5_linked.ipynb").rename(folder / "own" / "work.ipynb")
    linked.chmod(0o640)
    (notebooks / "week5_linked.ipynb").symlink_to(linked)
    (folder / "build" / "week1_asserts.ipynb").symlink_to(notebooks / "week1_asserts.ipynb")
    (notebooks / "._week5_linked.ipynb").write_bytes(b"of macOS")
    plain = json.loads((notebooks / "week1_plain.ipynb").read_text())
    plain["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": {}}  # as Colab
    (notebooks / "week1_plain.ipynb").write_text(json.dumps(plain))
    (folder / "start.py").write_text("PERSONAL = True")
    (folder / "ipython/profile_default/startup/00.py").write_text("PERSONAL = True")
    spec = {"argv": ["false", "{connection_file}"], "display_name": "a person's", "language": "R"}
    (folder / "kernels/python3/kernel.json").write_text(json.dumps(spec))
    personal = {
        "PYTHONOPTIMIZE": "1",
        "PYTHONSTARTUP": str(folder / "start.py"),
        "PYTHONWARNINGS": "error",
        "PYTHONPATH": os.pathsep.join(["own", os.environ.get("PYTHONPATH", "own")]),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_PATH": str(folder),
        "MPLBACKEND": "Agg",
        "LANG": "C",
    }
    before = {path.name: path.read_bytes() for path in notebooks.iterdir()}
    process = start(folder, "--inplace", python=["-O"], **personal)
    out, err = process.communicate(timeout=240)
    ends = re.findall(r"^(\w+)\.ipynb: ((?:FAILED|passed).*)", out, re.MULTILINE)
    return folder, before, process.returncode, dict(ends), err


def test_every_notebook_has_its_turn_whatever_one_of_them_does(hard):
    folder, _, code, ends, err = hard
    assert (code, err, {*ends}) == (1, "", {*HARD})
    passed = {name for name, said in ends.items() if said.startswith("passed")}
    let_through = passed & {"week2_odd"}  # by nbclient before 0.11
    assert passed - let_through == {"week1_plain", "week3_leaves", "week5_linked"}
    assert "cell 3 (cell-03): the kernel died" in ends["week4_exits"]
    why = "cell 3 (cell-03): NotebookValidationError: {'a': [1]} is"
    assert let_through or why in ends["week2_odd"]
    page = (folder / "build" / "index.html").read_text(encoding="utf-8")
    assert f"<title>{len(passed)} of 10 notebooks passed</title>" in page
    assert sorted(HARD, key=page.index) == [*HARD], "in their own order, whichever ended first"
    assert not [*(folder / "build").glob(".*")]


def test_asserts_count_and_nothing_personal_takes_part(hard):
    folder, _, _, ends, _ = hard
    assert ends["week1_asserts"].endswith("cell 3 (cell-03): AssertionError:")
    (_, (_, [found])) = outputs(folder / "build" / "week1_plain.ipynb")
    python, started, backend, path = ast.literal_eval(found)
    assert (python, started, backend) == (sys.executable, False, "module")
    assert str(folder / "own") in path.split(os.pathsep)  # the kernel works in another folder
    notebook = nbformat.read(folder / "notebooks" / "week1_plain.ipynb", as_version=4)
    assert "widgets" not in notebook.metadata  # of old outputs


@pytest.mark.parametrize("name", ["week2_endless", "week2_large"])
def test_output_is_bounded(hard, name):
    folder, _, _, ends, _ = hard
    assert "its outputs are more than 50 MB or 100,000 pieces: print or draw" in ends[name]
    assert (folder / "build" / f"{name}.html").stat().st_size < 60_000_000


def test_a_long_training_shows_its_curve_again_and_again(tmp_path):
    """What is replaced does not count: 80 MB of pictures, one after the other, are one of 1 MB.
    But many that grow by being replaced do."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").touch()
    begin = "from IPython.display import display\nimage = {'text/plain': '.' * 1_000_000}\n"
    again = "bar = display(image, raw=True, display_id=True)\n"
    again += "for _ in range(80):\n    bar.update(image, raw=True)"
    many = "bars = [display({'text/plain': ''}, raw=True, display_id=True) for _ in range(80)]\n"
    many += "for bar in bars:\n    bar.update(image, raw=True)"
    write(tmp_path, "week1_again", [begin + again])
    write(tmp_path, "week2_many", [begin + many])
    out, err = start(tmp_path).communicate(timeout=240)
    ends = dict(re.findall(r"^(\w+)\.ipynb: ((?:FAILED|passed).*)", out, re.MULTILINE))
    assert ends["week1_again"].startswith("passed") and "50 MB" in ends["week2_many"], (out, err)
    ((_, [kept]),) = outputs(tmp_path / "build" / "week1_again.ipynb")
    assert len(kept) == 1_000_000


def test_processes_that_are_left_are_named_and_ended(hard):
    folder, _, _, ends, _ = hard
    (_, (_, [printed]), _) = outputs(folder / "build" / "week3_leaves.ipynb")
    pids = [int(pid) for pid in printed.split()]
    names = [f"sleep (process {pid})" for pid in pids]
    assert ends["week3_leaves"].endswith(f"; it left {', '.join(names)} running, now ended")
    assert not any(map(runs, pids))


def test_what_changed_while_it_ran_is_kept(hard):
    folder, before, _, ends, _ = hard
    edited = folder / "notebooks" / "week4_edited.ipynb"
    assert edited.read_bytes() == before[edited.name] + b" "
    assert "was changed meanwhile, and is left as it is: run the" in ends["week4_edited"]
    assert outputs(folder / "build" / edited.name)[-1] == (2, ["1"])
    assert not (folder / "notebooks" / "week4_gone.ipynb").exists()
    assert "week4_gone.ipynb was changed meanwhile" in ends["week4_gone"]


def test_a_link_stays_a_link_and_a_file_keeps_its_mode(hard):
    folder, before, *_ = hard
    linked, own = folder / "notebooks" / "week5_linked.ipynb", folder / "own" / "work.ipynb"
    assert linked.is_symlink() and linked.resolve() == own
    assert outputs(own)[-1] == (2, ["'of this run'"]) and own.stat().st_mode & 0o777 == 0o640
    # nor is a notebook written through a link among the results
    asserts = folder / "notebooks" / "week1_asserts.ipynb"
    assert asserts.read_bytes() == before[asserts.name]
    assert outputs(folder / "build" / "week1_asserts.ipynb")[0] == (1, [])


@pytest.mark.parametrize(
    ("broken", "error", "words"),
    [
        ("week1_a.ipynb", OSError(28, "No space left on device"), "(No space left on device)"),
        ("week1_a.html", TypeError("no page\nof this"), "week1_a.html cannot be written (TypeErr"),
        ("index.html", OSError(30, "Read-only file system"), "; build/index.html cannot be writ"),
    ],
)
def test_what_cannot_be_written_does_not_stop_the_others(
    tmp_path, monkeypatch, capsys, broken, error, words
):
    from coursekit.classroom import kernel, run

    def write_or_fail(path, content):
        if path.name == broken:
            raise error
        files.write_whole(path, content)

    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").touch()
    for name in ("week1_a", "week2_b"):
        write(tmp_path, name, ["1"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(kernel.Client, "kernel", lambda self, said: contextlib.nullcontext())
    monkeypatch.setattr(kernel.Client, "run_cell", lambda self, cell, position: None)
    monkeypatch.setattr(run, "write_whole", write_or_fail)
    assert cli.main(["run"]) == 1
    out, err = capsys.readouterr()
    assert words in out and "week2_b.ipynb: passed after 0:00 minutes\n" in out and err == ""
    assert (tmp_path / "build" / "index.html").exists() != (broken == "index.html")


def test_asserts_that_are_off_are_said():
    """In the first output of a notebook, and before any test is run. Files are compiled as Python
    -O does, which itself would compile all of torch."""

    def optimized(path, name):
        code = compile(path.read_text(encoding="utf-8"), path, "exec", optimize=1)
        space = {"__name__": name, "__package__": name.rpartition(".")[0]}
        exec(code, space)
        return space

    root = Path(run.__file__).parents[2]
    lab = optimized(root / "coursekit" / "lab.py", "coursekit.lab")["Lab"]()
    assert repr(lab).endswith("\nasserts  off: unset PYTHONOPTIMIZE, start Python without -O")
    with pytest.raises(pytest.UsageError, match="^asserts are off"):
        optimized(root / "conftest.py", "conftest")["pytest_configure"](None)


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
    _, said, _ = capsys.readouterr().out.splitlines()
    assert said.startswith("week1_odd.ipynb: FAILED, it is not valid in format 4 (")
    assert said.endswith("): open and save it in JupyterLab")


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


def test_a_package_that_is_missing_is_told(monkeypatch, capsys):
    """As where coursekit is installed without its extras."""

    def missing(*_):
        raise ModuleNotFoundError("No module named 'nh3'", name="nh3")

    monkeypatch.setattr(cli, "import_module", missing)
    assert cli.main(["run"]) == 2
    said = "nh3 is missing, which it needs: coursekit doctor says how to install it\n"
    assert capsys.readouterr().err == f"coursekit run: {said}"


def test_a_reader_that_stops_reading_is_no_error():
    """As in ``coursekit data list | head -0``: nobody reads what is printed."""
    command = [sys.executable, "-m", "coursekit", "data", "list"]
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_service_without_an_output_can_call_a_command(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert cli.main(["data", "list"]) == 0


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


@pytest.mark.parametrize(
    ("cores", "memory", "scale", "jobs"),
    [(2, 20e9, "smoke", 2), (1.5, 20e9, "smoke", 1), (16, 5e9, "smoke", 2), (8, 1e9, "smoke", 1)]
    + [(64, 640e9, "smoke", 4), (16, 64e9, "laptop", 1), (16, 64e9, "full", 1)],
)
def test_as_many_at_a_time_as_there_is_room_for(monkeypatch, cores, memory, scale, jobs):
    monkeypatch.setattr(run.limits, "cores", lambda: cores)
    monkeypatch.setattr(run.limits, "memory", lambda: (memory, 64e9))
    assert run._possible(scale) == jobs


def test_notebooks_at_a_time_have_a_thread_each_and_say_first_what_will_happen(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").touch()
    names = ["week1_b", "week1_a", "week2_a"]
    for name in names:
        lab = "Lab = str\nLab({'smoke': 1.5, 'laptop': 9})"
        write(
            tmp_path, name, [lab, "import os, time\ntime.sleep(1)\nos.environ['OMP_NUM_THREADS']"]
        )
    readme = "[c](notebooks/week2_a.ipynb) builds on others:\n"  # no row, so no place in the order
    readme += "".join(f"| 1 | [x](notebooks/{name}.ipynb) |\n" for name in names[:2])
    (tmp_path / "README.md").write_text(readme)
    out, err = start(tmp_path, "--jobs", "3", OMP_NUM_THREADS="").communicate(timeout=120)
    assert err == "" and out.splitlines()[0] == (
        "3 notebooks at scale smoke (small data sets, no network), 3 at a time, about 2 minutes; "
        "the results go to build"
    )
    assert "3 passed, 0 failed" in out
    for name in names:
        assert outputs(tmp_path / "build" / f"{name}.ipynb")[-1][1] == ["'1'"]
    page = (tmp_path / "build" / "index.html").read_text()
    assert sorted(names, key=page.index) == names, "in the README's order"


@pytest.mark.parametrize("pause", [0, 0.3, 1.5])
def test_a_run_that_is_stopped_while_kernels_start_ends_soon(course, done, pause):
    process = start(course, "week2", "week1_good", "--output", "early", "--jobs", "2")
    while ": started" not in process.stdout.readline():
        assert process.poll() is None
    time.sleep(pause)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)  # a cell of week2 takes twice as long
    assert (process.returncode, err) == (130, "\ncoursekit run: stopped\n")
    assert "it was stopped" in (course / "early" / "index.html").read_text()


@pytest.mark.parametrize(
    ("readme", "order"),
    [
        (b"| [x](notebooks/b.ipynb) [c](notebooks/c.ipynb) |\n| [y](notebooks/a.ipynb) |", "bacd"),
        (b"[d](notebooks/d.ipynb), then | [c](notebooks/c.ipynb) |", "abcd"),
        (b"\xff\xfe\xfa| [b](notebooks/b.ipynb) |", "abcd"),
        (None, "abcd"),
    ],
)
def test_the_order_is_that_of_the_rows_in_the_readme(tmp_path, readme, order):
    (tmp_path / "notebooks").mkdir()
    for name in "dcba":
        (tmp_path / "notebooks" / f"{name}.ipynb").touch()
    if readme is not None:
        (tmp_path / "README.md").write_bytes(readme)
    assert "".join(path.stem for path in find_notebooks([], tmp_path)) == order
    copies = find_notebooks([str(tmp_path / "notebooks")], tmp_path)
    assert "".join(path.stem for path in copies) == order


def test_what_cannot_be_read_has_no_minutes(tmp_path):
    assert minutes(tmp_path) == minutes(tmp_path / "gone.ipynb") == {}
    (tmp_path / "a").write_text('"Lab(seed=0, minutes={\\"smoke\\": 0.5, \\"laptop\\": 14})\\n"')
    assert minutes(tmp_path / "a").items() >= {"smoke": 0.5, "laptop": 14}.items()
