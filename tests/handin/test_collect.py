"""``coursekit collect`` and ``answers``: nothing that was typed is lost, and nothing that was
handed in does anything."""

import doctest
import html
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from argparse import Namespace
from collections import defaultdict
from pathlib import Path

import made_submissions
import pytest
from made_submissions import (
    NAMES,
    NOT_NOTEBOOKS,
    ODD_NOTEBOOKS,
    PNG,
    ROOT,
    STEM,
    STEMS,
    answered,
    student_copy,
    write,
)
from patience import HANGS
from report_reader import ADDRESS, Page, rows, typed

from coursekit import course
from coursekit.handin import answers, collect, report, submissions, visible
from coursekit.handin.course_notebook import Originals
from coursekit.handin.run_traces import read_execution
from coursekit.handin.submissions import Collection, Submission

ORIGINAL = next(one for one in Originals(ROOT).all if one.stem == STEM)


def run(*paths, output, force=False):
    paths = [str(path) for path in paths]
    return collect.main(Namespace(paths=paths, output=str(output), force=force))


@pytest.mark.parametrize(
    "bad",
    [
        "<script>1</script>",
        "<p onclick='x'>a</p>",
        "<a href='javascript:alert(1)'>a</a>",
        "<a href='https://example.org'>a</a>",
        "<a href='#nowhere'>a</a>",
        "<a rel='noopener' href='/etc'>a</a>",
        "<p style='color:red'>a</p>",
        "<style>p {}</style>",
        "<img src='https://example.org/a.png' alt='a'>",
        "<img src='data:image/svg+xml;base64,AAAA' alt='a'>",
        "<iframe></iframe>",
        "<svg></svg>",
        "<math></math>",
        "<form></form>",
        "<base href='x'>",
        "<link rel='stylesheet' href='x'>",
        "<h1>Two</h1>",
        "<h4>Too deep</h4>",
        "<meta http-equiv='refresh' content='0'>",
        "<p id='overview'>again</p>",
        "<table><tr><th>no scope</th></tr></table>",
        "<meta http-equiv='Content-Security-Policy' content='default-src *'>",
        f"<img src='data:image/png;base64,{PNG}'>",
    ],
)
def test_faults_of_a_page_are_found(bad):
    good = report.page(Collection())
    assert Page(good).faults() == []
    assert Page(good.replace("</main>", f"{bad}</main>")).faults() != []


# A class of three hundred


@pytest.fixture(scope="module")
def made():
    return made_submissions.class_of(300)


@pytest.fixture(scope="module")
def classroom(made, tmp_path_factory):
    """300 hand-ins of 100 students, half of them in an archive as Moodle makes it, half in folders;
    one has two megabytes."""
    folder = tmp_path_factory.mktemp("class")
    token = "token99999x00000000"
    long = answered(STEM, made_submissions.LONG.format(token))
    with zipfile.ZipFile(
        folder / "moodle.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1
    ) as archive:
        for number, one in enumerate(made):
            text = json.dumps(one.notebook)
            if number % 2:
                write_to = (
                    folder
                    / "folders"
                    / f"Student {number % 100:03}"
                    / f"{one.stem} ({number}).ipynb"
                )
                write_to.parent.mkdir(parents=True, exist_ok=True)
                write_to.write_text(text, encoding="utf-8")
            else:
                student = f"Student {number % 100:03}_{number % 100}_assignsubmission_file_"
                archive.writestr(f"{student}/{one.stem} ({number}).ipynb", text)
        archive.writestr(f"Student 100_100_assignsubmission_file_/{STEM}.ipynb", json.dumps(long))
    yield folder, [folder / "moodle.zip", folder / "folders"], token
    shutil.rmtree(folder)


def tree(folder):
    return {path: (path.lstat().st_mtime_ns, path.lstat().st_size) for path in folder.rglob("*")}


def test_three_hundred_notebooks_are_collected_without_a_loss(
    made, classroom, tmp_path, at_home, capsys
):
    folder, paths, long = classroom
    before, course_before = (
        tree(folder),
        {path: path.stat().st_mtime_ns for path in (ROOT / "notebooks").iterdir()},
    )
    start, work = time.perf_counter(), time.process_time()
    assert run(*paths, output=tmp_path / "report.html") == 0
    seconds, work = time.perf_counter() - start, time.process_time() - work
    assert run(*paths, output=tmp_path / "answers.csv") == 0
    last = capsys.readouterr().out.splitlines()[-1]
    asked = sum(len(made_submissions.asked(one.stem)) for one in made) + 5
    told = rf"301 notebooks of 101 students: [\d,]+ of {asked:,} questions answered"
    assert re.fullmatch(rf"{told}; see .*answers\.csv", last)
    assert tree(folder) == before and {*tmp_path.iterdir()} == {
        tmp_path / "report.html",
        tmp_path / "answers.csv",
    }
    assert {
        path: path.stat().st_mtime_ns for path in (ROOT / "notebooks").iterdir()
    } == course_before
    assert not list(folder.rglob("owned.txt")) and not (ROOT / "owned.txt").exists()

    table = rows(tmp_path / "answers.csv")
    expected = {
        (f"Student {number % 100:03}", one.stem, question)
        for number, one in enumerate(made)
        for question in made_submissions.asked(one.stem)
    }
    assert {
        (row["student"], row["notebook"], row["question"])
        for row in table
        if row["question"] and row["student"] != "Student 100"
    } == expected
    homes = defaultdict(set)
    for row in table:
        for token in re.findall(r"token\d{5}x\d{8}", row["text"]):
            homes[token].add(row["question"])
    tokens = {token: question for one in made for token, question in one.tokens.items()} | {
        long: "w1-q1"
    }
    assert len(tokens) > 1_000 and homes.keys() == tokens.keys()
    assert {
        token: question
        for token, question in tokens.items()
        if question and question not in homes[token]
    } == {}

    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.faults() == []
    for name, element in page.of_id.items():
        if found := re.fullmatch(r"(w\d+-q\d+)-n\d+", name):
            for token in re.findall(r"token\d{5}x\d{8}", page.text(element)):
                homes[token].discard(found[1])
    rest = set(re.findall(r"token\d{5}x\d{8}", page.text(page.root)))
    assert {token for token, left in homes.items() if left - {""}} == set() and rest == homes.keys()

    read, made = (
        sum(file.stat().st_size for file in files) / 1e6
        for files in (folder.rglob("*.*"), tmp_path.glob("*.html"))
    )
    took = f"{seconds:.1f} s ({work:.1f} of work)"
    print(f"301 notebooks, {read:.0f} MB: collected in {took}, a page of {made:.1f} MB")


# What somebody with bad intentions hands in


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    paths = made_submissions.hostile_folder(folder)
    before = tree(folder)
    page = made_submissions.collected(paths, folder / "report.html")
    table = made_submissions.collected(paths, folder / "answers.csv")
    return folder, before, page, table


def test_nothing_hostile_does_anything(hostile):
    folder, before, path, table = hostile
    after = tree(folder)
    assert {*after} - {*before} == {path, table}
    assert all(after[file] == state for file, state in before.items())
    page = Page(path.read_text(encoding="utf-8"))
    assert page.faults() == []
    for part in typed(page):
        inside = list(part.iter())[1:]
        assert not any(
            set(element.attrib) - {"href", "rel", "scope", "start"} for element in inside
        )
        assert all(
            ADDRESS.fullmatch(element.get("href")) for element in inside if element.get("href")
        )
    text = page.text(page.root)
    assert (
        "49" not in re.findall(r"\d+", text[:2000])
        and "{{ 7 * 7 }}" in text
        and "<script>document.title = 'owned" in text
    )
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", text) and "root:" not in text


def test_every_hostile_text_is_there(hostile):
    _, _, path, table = hostile
    tokens = {
        token
        for number in range(len(NAMES))
        for token in made_submissions.hostile_notebook(number).tokens
    }
    assert tokens <= set(re.findall(r"token\d{5}x\d{8}", table.read_text(encoding="utf-8")))
    assert tokens <= set(re.findall(r"token\d{5}x\d{8}", path.read_text(encoding="utf-8")))


def test_only_true_images_are_shown(hostile):
    page = Page(hostile[2].read_text(encoding="utf-8"))
    shown = [element.get("src") for element in page.elements if element.tag == "img"]
    assert len(shown) == 3 * len(NAMES) and {*shown} == {f"data:image/png;base64,{PNG}"}
    assert "[an attachment that is not shown here: c.svg]" in page.text(page.root)


def test_every_file_that_is_not_used_is_told(hostile):
    table = rows(hostile[3])
    told = {row["file"]: row["text"] for row in table if row["status"] == "not used"}
    strange = {row["file"] for row in table if row["status"] == "other course"}
    for name in NOT_NOTEBOOKS.keys() - {"worksheets"}:
        assert told[f"handed in/{name}.ipynb"].startswith("it ")
    assert strange == {f"handed in/{name}.ipynb" for name in [*ODD_NOTEBOOKS, "worksheets"]}
    words = {
        "handed in/deep.ipynb": "nested too deep",
        "handed in/empty.ipynb": "it is empty",
        "handed in/too many cells.ipynb": "6,001 cells",
        "handed in/latin.ipynb": "UTF-8",
        "handed in/essay.pdf": "no notebook (.pdf)",
        "handed in/.DS_Store": "a program put it there",
        "handed in/outside.ipynb": "links are not followed",
        "handed in/around": "links are not followed",
        "handed in/dangling.ipynb": "links are not followed",
        "handed in/pipe.ipynb": "no ordinary file",
        "handed in/caf\\xe9 \\xff.ipynb": "not JSON",
        "bomb.zip/bomb/week1.ipynb": "times its size",
        "large.zip/large/week1.ipynb": "65 MB, and 64 are the limit",
        "lzma.zip/odd/week1.ipynb": "packed in an unusual way",
        "empty.zip": "the archive is empty",
        "outer.zip/middle.zip/inner.zip": "an archive in an archive in an archive",
        "outer.zip/torn.zip": "no zip archive that can be read",
        "links.zip/Ada/week1.ipynb": "links are not followed",
        "links.zip/__MACOSX": "a program put it there",
        "locked.zip/Ada/week1.ipynb": "locked with a password",
        "broken.zip/Ada/week1.ipynb": "it is damaged (Bad CRC-32",
        "torn.zip": "no zip archive that can be read",
        "lying.zip/Ada/week1.ipynb": "it is damaged",
        "none.zip": "no zip archive that can be read",
    }
    assert {name: text for name, text in words.items() if text not in told[name]} == {}
    assert told.keys() == {
        *words,
        *(f"handed in/{name}.ipynb" for name in NOT_NOTEBOOKS.keys() - {"worksheets"}),
    }
    text = html.unescape(hostile[2].read_text(encoding="utf-8"))
    assert all(name in text for name in told)


def test_a_broken_file_costs_only_itself(hostile):
    files = {row["file"] for row in rows(hostile[3]) if row["question"]}
    assert {
        "bomb.zip/good/week1.ipynb",
        "broken.zip/Bob/week1.ipynb",
        "links.zip/Bob/week1.ipynb",
        "slip.zip/slip.ipynb",
        "slip.zip/etc/slip.ipynb",
        "slip.zip/C:/slip.ipynb",
        "middle.zip/inner.zip/Ada/week1.ipynb",
    } <= files


def test_no_cell_of_the_table_is_a_formula(hostile):
    text = hostile[3].read_bytes()
    assert text.startswith(b"\xef\xbb\xbf") and text.decode("utf-8")
    for row in rows(hostile[3]):
        for value in row.values():
            for separators in ("\n", ";", "\t", "\n;\t"):  # as programs with other ideas cut it
                for part in re.split(f"[{separators}]", value):
                    assert not part.lstrip(" \u3000\ufeff").startswith(tuple("=+-@＝＋－＠\r")), (
                        value,
                        part,
                    )


def test_names_and_messages_cannot_act_on_a_terminal(tmp_path, at_home, capsys):
    for name in NAMES:
        title = {"cell_type": "markdown", "source": f"# {name}"}
        write(tmp_path / "in" / name.replace("/", "_") / "x.ipynb", {"cells": [title]})
    (tmp_path / "in" / "a\x1b[31m\n\u202e.txt").touch()
    assert run(tmp_path / "in", output=tmp_path / "report.html") == 1
    out = capsys.readouterr().out
    assert "a\\x1b[2Jb" in out and "a\\x1b[31m\\n\\u202e.txt" in out
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202a-\u202e\ud800-\udfff]", out)


def test_several_weeks_and_one_week_twice(tmp_path, at_home, capsys):
    write(tmp_path / "in/Ada/first.ipynb", answered(STEMS[0], "One."))
    write(tmp_path / "in/Ada/second.ipynb", answered(STEMS[1], "Two."))
    write(tmp_path / f"in/Bob/{STEMS[0]}.ipynb", answered(STEMS[0], "Three."))
    write(tmp_path / f"in/Bob/{STEMS[0]} (1).ipynb", answered(STEMS[0], "Four."))
    write(
        tmp_path / "in/Cem/other.ipynb",
        {"cells": [{"cell_type": "markdown", "source": "# Statistics"}]},
    )
    (tmp_path / "in/.DS_Store").touch()  # no work of a student is lost with it
    assert run(tmp_path / "in", output=tmp_path / "answers.csv") == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"{STEMS[0]}: 3 notebooks, 3 of 15 questions answered"
    assert out[2] == "not of this course: in/Cem/other.ipynb: Statistics"
    texts = [
        (row["student"], row["notebook"], row["text"])
        for row in rows(tmp_path / "answers.csv")
        if row["text"] and row["status"] != "not used"
    ]
    assert texts == [
        ("Ada", STEMS[0], "One."),
        ("Ada", STEMS[1], "Two."),
        ("Bob", STEMS[0], "Four."),
        ("Bob", STEMS[0], "Three."),
        ("Cem", "", "Statistics"),
    ]
    assert run(tmp_path / "in", output=tmp_path / "report.html") == 0
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.faults() == [] and f"in/Bob/{STEMS[0]} (1).ipynb" in page.text(
        page.of_id["w1-q1-n3"]
    )


def test_changed_code_is_shown_against_the_course(tmp_path, at_home):
    notebook = student_copy(STEM, True)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    code[3]["source"] = "".join(code[3]["source"]) + "\nprint('<b>mine</b>')"
    notebook["cells"].remove(code[5])
    notebook["cells"].append(
        {"cell_type": "code", "source": "new()", "metadata": {}, "outputs": []}
    )
    assert run(write(tmp_path / "ada.ipynb", notebook), output=tmp_path / "report.html") == 0
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    text = page.text(page.of_id["n1"])
    assert (
        "Code: 1 changed, 1 new, 1 removed" in text
        and "+ print('<b>mine</b>')" in text
        and "+ new()" in text
    )
    assert (
        f"- {''.join(code[5]['source']).splitlines()[0]}" in text
        and f"1 of {len(code)} code cells not run" in text  # one is new, and one is gone
    )


def test_the_old_format_loses_no_text(tmp_path, at_home):
    cells = [
        {"cell_type": "heading", "level": 2, "source": "Mine"},
        {"cell_type": "code", "input": ["new(", ")"], "outputs": []},
        *({"cell_type": "markdown", "source": cell["source"]} for cell in answered(STEM)["cells"]),
    ]
    old = {"nbformat": 3, "worksheets": [{"cells": cells[:9]}, 7, {"cells": cells[9:]}]}
    assert run(write(tmp_path / "ada.ipynb", old), output=tmp_path / "answers.csv") == 0
    found = {row["text"]: row["status"] for row in rows(tmp_path / "answers.csv") if row["text"]}
    assert (
        found["Because."] == "answered"
        and found["## Mine"] == "no question"
        and found["new()"] == "new code"
    )
    assert run(tmp_path / "ada.ipynb", output=tmp_path / "report.html") == 0
    assert "in the old format 3" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_an_output_that_is_there_needs_force(tmp_path, at_home, capsys):
    path = write(tmp_path / "in/ada.ipynb", answered(STEM))
    output = tmp_path / "in/report.html"
    output.write_text("mine")
    with pytest.raises(
        course.CommandError,
        match="is there already: choose another name with -o, or replace it with --force",
    ):
        run(path.parent, output=output)
    assert output.read_text() == "mine"
    assert run(
        path.parent, output=output, force=True
    ) == 0 and "<!DOCTYPE html>" in output.read_text(encoding="utf-8")
    assert "not used" not in capsys.readouterr().out  # the report is no hand-in


@pytest.mark.parametrize(
    ("paths", "output", "words"),
    [
        (["in"], "report.pdf", "give -o a name that ends in .html or .csv"),
        (["in"], "in", "give -o a name"),
        (["in"], "folder.html", "is a folder: choose another name"),
        (["in"], "none/report.html", "in a folder that is not there"),
        (["gone"], "report.html", "there is no"),
        (["empty"], "report.html", "there is nothing in it"),
        (["pdfs"], "report.html", r"there is no notebook in .*no notebook \(\.pdf\)"),
        (["text.zip"], "report.html", "no zip archive that can be read"),
        (["empty.zip"], "report.html", "the archive is empty"),
    ],
)
def test_arguments_that_make_no_sense_are_told_in_a_sentence(
    tmp_path, at_home, paths, output, words
):
    write(tmp_path / "in/ada.ipynb", answered(STEM))
    for folder in ("empty", "pdfs", "folder.html"):
        (tmp_path / folder).mkdir()
    (tmp_path / "pdfs/essay.pdf").touch()
    (tmp_path / "text.zip").write_text("no archive")
    zipfile.ZipFile(tmp_path / "empty.zip", "w").close()
    before = tree(tmp_path)
    with pytest.raises(course.CommandError, match=words):
        run(*(tmp_path / path for path in paths), output=tmp_path / output)
    assert tree(tmp_path) == before


def test_files_without_permission_are_told(tmp_path, at_home, capsys, monkeypatch):
    write(tmp_path / "in/ada.ipynb", answered(STEM))
    closed = write(tmp_path / "in/bob.ipynb", answered(STEM))
    read_bytes = Path.read_bytes

    def refuse(path):
        if path == closed.resolve():
            raise PermissionError(13, "Permission denied")
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert run(tmp_path / "in", output=tmp_path / "report.html") == 1
    assert (
        "not used: in/bob.ipynb: it cannot be read (Permission denied)" in capsys.readouterr().out
    )


def test_an_output_that_cannot_be_written_is_told(tmp_path, at_home, monkeypatch):
    def refuse(path, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(collect, "write_whole", refuse)
    with pytest.raises(course.CommandError, match="cannot be written .No space left on device."):
        run(write(tmp_path / "in/ada.ipynb", answered(STEM)), output=tmp_path / "report.html")


def test_only_the_course_knows_its_questions(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(course.CommandError, match="run the command in the course's folder"):
        run(write(tmp_path / "ada.ipynb", answered(STEM)), output=tmp_path / "report.html")


def test_images_stop_when_there_are_enough(tmp_path, at_home, monkeypatch):
    monkeypatch.setattr(submissions, "ALL_IMAGES", 150)
    notebook = answered(STEM)
    kinds = {"a": "image/svg+xml", "b": "image/png", "c": "image/png"}
    attachments = {name: {kind: PNG} for name, kind in kinds.items()}
    cell = {"cell_type": "raw", "source": "", "metadata": {}, "attachments": attachments}
    notebook["cells"].insert(1, cell)
    write(tmp_path / "ada.ipynb", notebook)
    (one,) = submissions.gather([tmp_path], Originals(ROOT), tmp_path / "x").submissions
    assert [(name, data) for name, _, data in one.answers.attachments[""]] == [
        ("a", ""),
        ("b", PNG),
        ("c", ""),
    ]


def test_what_is_lost_is_told_before_what_programs_left(tmp_path, at_home, capsys):
    for i in range(60):
        write(tmp_path / f"in/s{i}/{STEM}.ipynb", answered(STEM))
        for name in (".git/objects/a/1", ".git/objects/b/2", "plot.png"):
            write(tmp_path / f"in/s{i}" / name, 7)
    (tmp_path / f"in/s9/{STEM}.ipynb").write_text("")
    assert run(tmp_path / "in", output=tmp_path / "answers.csv") == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if "not used" in line]
    assert lines[0].startswith(f"not used: in/s9/{STEM}.ipynb") and "plot.png" in lines[1]
    assert lines[-1].startswith("not used: 101 more")  # of .git the folder only


def test_nothing_heavy_is_imported():
    program = (
        "import sys; from coursekit.handin import collect, unanswered; "
        "heavy = {'torch', 'numpy', 'nbformat', 'nbconvert', 'nbclient'}; "
        "sys.exit(not heavy.isdisjoint(sys.modules))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("module", [answers, report, visible])
def test_the_examples_in_the_docstrings(module):
    result = doctest.testmod(module)
    assert result.failed == 0 < result.attempted


def test_whose_an_unreadable_file_is_stands_in_the_table(tmp_path, at_home, capsys):
    place = tmp_path / "in" / "Eve Torn_4_assignsubmission_file_"
    place.mkdir(parents=True)
    (place / "week1.ipynb").write_text("{")
    assert run(tmp_path / "in", output=tmp_path / "answers.csv") == 1
    assert (
        "Eve Torn"
        in (tmp_path / "answers.csv").read_text(encoding="utf-8-sig").splitlines()[1].split(",")[0]
    )


def test_of_two_files_the_newest_is_marked(tmp_path, at_home):
    for seconds, name in ((20, "a"), (30, "b"), (10, "c")):
        path = write(tmp_path / "in/Ada" / f"{name}.ipynb", answered(STEM, name))
        os.utime(path, (seconds, seconds))
    write(tmp_path / "in/Bob/x.ipynb", answered(STEM))
    write(tmp_path / "in/Cem/x.ipynb", answered(STEM))
    write(tmp_path / "in/Dan/x.ipynb", answered(STEM))
    write(tmp_path / "in/Eve/x.ipynb", answered(STEM))
    assert run(tmp_path / "in", output=tmp_path / "report.html") == 0
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    texts = [page.text(element) for name, element in page.of_id.items() if "-n" in name]
    assert [", the newest" in text for text in texts[:3]] == [False, True, False]
    assert "holds a notebook under several names: Ada" in page.text(page.of_id["rest"])


def test_folders_of_one_name_are_two_places(tmp_path, at_home):
    for one in ("2025", "2026"):
        write(tmp_path / one / "in/Ada.ipynb", answered(STEM, one))
        write(tmp_path / one / "in/Bob.ipynb", answered(STEM, one))
    folders = (tmp_path / "2025/in", tmp_path / "2026/in", tmp_path / "2026/in/Bob.ipynb")
    assert run(*folders, output=tmp_path / "answers.csv") == 0
    table = [row for row in rows(tmp_path / "answers.csv") if row["status"] == "answered"]
    names = {row["student"]: row["text"] for row in table}
    assert len(table) == 4 and names["2025/in/Ada"] == "2025" and names["2026/in/Ada"] == "2026"


@pytest.mark.parametrize(
    "part",
    ["\n", "\n ", "\r\n=", ";", "=", "\t", "- \n", "# \n", "> ", "[", "![](", "<", "&", "`", "|a"]
    + [
        "Answer w1-q1 x\n",
        "**Answer w1-q1**\n",
        "### Question w1-q1\n",
        "\u0345" * 999 + "\u0327" * 999,
        "$",
        "<!--",
    ],
)
def test_no_text_takes_more_than_its_length(part):
    notebook = answered(STEM, "x" + part * (400_000 // len(part)) + "y")
    start = time.process_time()
    found = answers.find_answers(notebook, made_submissions.original(STEM))
    one = Submission("x", 1, False, ORIGINAL, STEM, "", found, read_execution(notebook), "x", 1)
    report.page(Collection([one], originals=[ORIGINAL]))
    report.table(Collection([one], originals=[ORIGINAL]))
    assert time.process_time() - start < HANGS
