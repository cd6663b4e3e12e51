"""``coursekit collect`` and ``answers``: nothing that was typed is lost, and nothing that was
handed in does anything."""

import csv
import doctest
import html
import json
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections import defaultdict
from io import StringIO
from pathlib import Path

import html5lib
import pytest
import submissions as handed_in
from hypothesis import given
from hypothesis import strategies as st
from submissions import (
    HOSTILE,
    NAMES,
    NOT_NOTEBOOKS,
    ODD_NOTEBOOKS,
    PNG,
    ROOT,
    STEMS,
    TEXTS,
    source,
    student_copy,
)

from coursekit import questions
from coursekit.classroom import (
    answers,
    collect,
    course,
    matching,
    prose,
    report,
    submissions,
    traces,
)

STEM = "week1_mnist_fc_vs_cnn"
FORBIDDEN = {
    "script",
    "iframe",
    "frame",
    "object",
    "embed",
    "applet",
    "form",
    "input",
    "button",
    "link",
    "base",
    "template",
    "video",
    "audio",
    "source",
    "noscript",
    "textarea",
    "select",
}
ADDRESS = re.compile(r"https?://[a-z0-9.-]+(:\d+)?([/?#]\S*)?|mailto:\S+", re.IGNORECASE)
PICTURE = re.compile(r"data:image/(png|jpeg|gif);base64,[A-Za-z0-9+/]+=*")


@pytest.fixture
def at_home(monkeypatch):
    """The working folder is the course's."""
    monkeypatch.chdir(ROOT)


def write(path, notebook):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def answered(stem=STEM, text="Because.", question=0, outputs=False):
    """A student's notebook in which one question is answered."""
    notebook = student_copy(stem, outputs)
    cell = next(
        cell
        for cell in notebook["cells"]
        if cell["metadata"].get("coursekit", {}).get("answer")
        == questions.asked(source(stem))[question]
    )
    cell["source"] = "".join(cell["source"]).replace(questions.PLACEHOLDER, text)
    return notebook


def run(*paths, output, force=False):
    return collect.run([str(path) for path in paths], str(output), force)


def rows(path):
    text = path.read_text(encoding="utf-8-sig")
    csv.field_size_limit(10_000_000)  # for the two megabytes
    return list(csv.DictReader(StringIO(text, newline="")))


# Reading the page as a browser does


class Page:
    """A report, read with the parser that the standard of HTML prescribes."""

    def __init__(self, text):
        self.root = html5lib.parse(text, namespaceHTMLElements=False)
        self.elements = [element for element in self.root.iter() if isinstance(element.tag, str)]
        self.of_id = {element.get("id"): element for element in self.elements if element.get("id")}

    @staticmethod
    def text(element):
        return "".join(element.itertext())

    def faults(self):
        """What must not be in a report, wherever it comes from."""
        found = []
        ids = [element.get("id") for element in self.elements if element.get("id")]
        found += [f"the id {name} is there twice" for name in {*ids} if ids.count(name) > 1]
        levels = [
            int(element.tag[1]) for element in self.elements if re.fullmatch("h[1-6]", element.tag)
        ]
        found += [f"h{b} under h{a}" for a, b in zip(levels, levels[1:]) if b > a + 1]
        if levels.count(1) != 1:
            found.append("not one h1")
        policies = [
            element.get("content")
            for element in self.elements
            if element.tag == "meta"
            and (element.get("http-equiv") or "").lower() == "content-security-policy"
        ]
        if policies != [
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
        ]:
            found.append(f"the policies {policies}")
        for element in self.elements:
            found += self._of(element)
        return found

    def _of(self, element):
        tag, text = element.tag, f"<{element.tag} {dict(element.attrib)}>"[:200]
        if tag.startswith("{"):  # drawings and formulas have a namespace
            yield text
        if tag in FORBIDDEN or (tag == "style" and element not in list(self.root.find("head"))):
            yield text
        if tag == "meta" and element.get("http-equiv", "").lower() not in (
            "",
            "content-security-policy",
        ):
            yield text
        if tag == "th" and element.get("scope") not in ("col", "row"):
            yield f"{text} without a scope"
        if tag == "img" and not (PICTURE.fullmatch(element.get("src", "")) and element.get("alt")):
            yield text
        for name, value in element.attrib.items():
            if name.startswith("on") or name in (
                "style",
                "srcdoc",
                "srcset",
                "action",
                "formaction",
                "background",
                "ping",
            ):
                yield text
            if name == "src" and tag != "img":
                yield text
            if name == "href" and value.startswith("#"):
                if value[1:] not in self.of_id:
                    yield f"{text} leads nowhere"
            elif name == "href" and not (
                ADDRESS.fullmatch(value) and "noopener" in (element.get("rel") or "")
            ):
                yield text


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
    good = report.page(report.Collection([], [], []))
    assert Page(good).faults() == []
    assert Page(good.replace("</main>", f"{bad}</main>")).faults() != []


def typed(page):
    """The parts of a page that students wrote."""
    return [element for element in page.elements if "typed" in (element.get("class") or "").split()]


# A class of three hundred


@pytest.fixture(scope="module")
def made():
    return handed_in.class_of(300)


@pytest.fixture(scope="module")
def classroom(made, tmp_path_factory):
    """300 hand-ins of 100 students, half of them in an archive as Moodle makes it, half in folders;
    one has two megabytes."""
    folder = tmp_path_factory.mktemp("class")
    token = "token99999x00000000"
    long = answered(STEM, handed_in.LONG.format(token))
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
    asked = sum(len(questions.asked(source(one.stem))) for one in made) + 5
    assert re.fullmatch(
        rf"301 notebooks of 101 students: [\d,]+ of {asked:,} questions answered; see .*answers\.csv",
        last,
    )
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
        for question in questions.asked(source(one.stem))
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
    print(
        f"301 notebooks, {read:.0f} MB: collected in {seconds:.1f} s ({work:.1f} of work), a page of {made:.1f} MB"
    )
    assert work < 10  # not the time on the clock, for other programs may be at work too


# What somebody with bad intentions hands in


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    paths = handed_in.hostile_folder(folder)
    before = tree(folder)
    page = handed_in.collected(paths, folder / "report.html")
    table = handed_in.collected(paths, folder / "answers.csv")
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
        token for number in range(len(NAMES)) for token in handed_in.hostile_notebook(number).tokens
    }
    assert tokens <= set(re.findall(r"token\d{5}x\d{8}", table.read_text(encoding="utf-8")))
    assert tokens <= set(re.findall(r"token\d{5}x\d{8}", path.read_text(encoding="utf-8")))


def test_only_true_pictures_are_shown(hostile):
    page = Page(hostile[2].read_text(encoding="utf-8"))
    shown = [element.get("src") for element in page.elements if element.tag == "img"]
    assert len(shown) == 3 * len(NAMES) and {*shown} == {f"data:image/png;base64,{PNG}"}
    assert "[a picture that is not shown here: c.svg]" in page.text(page.root)


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
        "links.zip/__MACOSX/._week1.ipynb": "a program put it there",
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


@given(
    st.text(st.sampled_from("=+-@＝\t\r\n ;,'\"a\u3000\u200b\ufeff|"), max_size=12)
    | st.text(max_size=12)
)
def test_harmless_texts(text):
    made = report.harmless(text)
    assert not made.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    for part in re.split(r"[\n;\t]", made):
        assert not part.strip(" \u3000\u200b\ufeff\r").startswith(("=", "+", "-", "@", "＝"))
    assert made.replace("'", "") == prose.clean(text).replace("'", "") and report.harmless(7) == 7


def test_names_and_messages_cannot_act_on_a_terminal(tmp_path, at_home, capsys):
    for name in NAMES:
        title = {"cell_type": "markdown", "source": f"# {name}"}
        write(tmp_path / "in" / name.replace("/", "_") / "x.ipynb", {"cells": [title]})
    (tmp_path / "in" / "a\x1b[31m\n\u202e.txt").touch()
    assert run(tmp_path / "in", output=tmp_path / "report.html") == 1
    out = capsys.readouterr().out
    assert "a\\x1b[2Jb" in out and "a\\x1b[31m\\n\\u202e.txt" in out
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202a-\u202e\ud800-\udfff]", out)


PIECES = [
    *TEXTS.values(),
    *HOSTILE.values(),
    "<",
    ">",
    '"',
    "'",
    "`",
    "[",
    "](",
    ")",
    "![",
    "\n",
    "\n\n",
    "    ",
    "&",
    "javascript:",
    "<b ",
    "onclick=",
    "\\",
    "|",
    "https://a.b",
    "~~~",
    "* ",
    "#",
    " ",
]


@given(st.lists(st.sampled_from(PIECES), max_size=8))
def test_prose_does_nothing_and_loses_no_word(parts):
    text = "".join(part.replace("{}", f"token{i}") for i, part in enumerate(parts))
    made = str(prose.html(text))
    root = html5lib.parseFragment(made, namespaceHTMLElements=False)
    for element in root.iter():
        if element is not root:
            assert element.tag in prose._TAGS | {"details", "summary"}
            assert not set(element.attrib) - {"href", "rel", "scope", "start"}
            assert not element.get("href") or ADDRESS.fullmatch(element.get("href"))
    assert all(f"token{i}" in html.unescape(made) for i, part in enumerate(parts) if "{}" in part)


@pytest.mark.parametrize("broken", ["the renderer", "the sanitiser"])
def test_each_of_the_two_walls_is_enough(monkeypatch, broken):
    if broken == "the renderer":
        monkeypatch.setattr(prose, "_markdown", lambda: lambda text: text)
    else:
        monkeypatch.setattr(prose.nh3, "clean", lambda page, **options: page)
    for text in HOSTILE.values():
        made = html5lib.parseFragment(
            str(prose.html(text.format("token"))), namespaceHTMLElements=False
        )
        for element in [element for element in made.iter() if element is not made]:
            assert element.tag in prose._TAGS | {"details", "summary"}
            assert not [
                name for name in element.attrib if name.startswith("on") or name == "style"
            ], text
            assert not element.get("href") or ADDRESS.fullmatch(element.get("href")), text


@pytest.mark.parametrize("renderer", [lambda text: "<p>other</p>", lambda text: 1 / 0])
def test_a_text_that_cannot_be_laid_out_is_shown_as_it_was_typed(monkeypatch, renderer):
    monkeypatch.setattr(prose, "_markdown", lambda: renderer)
    assert prose.html("some *text* <b>") == "<pre>some *text* &lt;b&gt;</pre>"


@pytest.mark.parametrize(
    "part",
    [
        "[",
        "![](",
        "[a](",
        "[a](<b",
        "*a ",
        "_a*b",
        "**x [a*b**c*](d",
        "`a``",
        "|a",
        "> * ",
        "<http:",
        "~~a",
        "&#x",
        "[a][",
        "a\n\t",
        "* ",
    ],
)
def test_no_text_takes_long_to_lay_out(part):
    """The renderer's own business, and that of some of its releases: the bound in pyproject.toml
    leaves those out."""
    start = time.process_time()
    prose.html(part * (prose.LONGEST // len(part)))
    assert time.process_time() - start < 2


def test_prose_keeps_what_a_text_says():
    made = str(
        prose.html(
            '# Title\n\n**bold** `code` [here](https://e.org/?a=1&b "it")\n\n|a||\n|-|-|\n|1|2|\n\n3. c'
        )
    )
    assert (
        made.startswith("<p><strong>Title</strong></p>")
        and "<strong>bold</strong> <code>code</code>" in made
    )
    assert (
        '<a href="https://e.org/?a=1&amp;b" rel="noopener noreferrer nofollow">here (it)</a>'
        in made
    )
    assert '<th scope="col">a</th>' in made and "<td></td>" in made and '<ol start="3">' in made
    assert prose.html("x" * 30_000).startswith(
        "<details><summary>A text of 30,000 characters, as it was typed</summary><pre>"
    )
    assert prose.html("[note]: https://example.org") == "<p>[note]: https://example.org</p>\n"


@pytest.mark.parametrize(
    ("kind", "data", "shown"),
    [
        ("image/png", PNG, True),
        ("image/png", f"{PNG[:20]}\n {PNG[20:]}", True),
        ("image/gif", PNG, False),
        ("image/png", "", False),
        ("image/svg+xml", PNG, False),
        ("image/png", PNG + '"', False),
        ("image/png", "é", False),
        ("image/png", PNG + "A" * 4_000_000, False),
        ("image/gif", "R0lGODlhAQABAAAAACw=", True),
        ("image/jpeg", "/9j/4AAQ", True),
    ],
)
def test_pictures(kind, data, shown):
    assert bool(prose.picture(kind, data)) == shown
    assert not shown or PICTURE.fullmatch(prose.picture(kind, data))


# Which notebook it is, and whose


@pytest.fixture(scope="module")
def sources():
    return matching.Sources(ROOT)


@pytest.mark.parametrize("stem", STEMS)
def test_a_notebook_is_known_by_what_is_in_it(sources, stem):
    notebook = student_copy(stem, False)
    assert sources.find(notebook, "Untitled7.ipynb").stem == stem
    notebook["cells"] = [cell for cell in notebook["cells"] if cell["metadata"].get("coursekit")]
    assert sources.find(notebook, "Untitled7.ipynb").stem == stem
    title = {"cells": [{"cell_type": "markdown", "source": f"# {matching.title(source(stem))}"}]}
    assert sources.find(title, "Untitled7.ipynb").stem == stem
    assert sources.find({"cells": []}, f"Copy of {stem} (1).ipynb").stem == stem
    common = {"cells": [source(stem)["cells"][1], source(stem)["cells"][-1]]}  # what all weeks have
    assert sources.find(common, "Untitled7.ipynb") is None


def test_several_weeks_and_one_week_twice(tmp_path, at_home, capsys):
    write(tmp_path / "in/Ada/first.ipynb", answered(STEMS[0], "One."))
    write(tmp_path / "in/Ada/second.ipynb", answered(STEMS[1], "Two."))
    write(tmp_path / f"in/Bob/{STEMS[0]}.ipynb", answered(STEMS[0], "Three."))
    write(tmp_path / f"in/Bob/{STEMS[0]} (1).ipynb", answered(STEMS[0], "Four."))
    write(
        tmp_path / "in/Cem/other.ipynb",
        {"cells": [{"cell_type": "markdown", "source": "# Statistics"}]},
    )
    assert run(tmp_path / "in", output=tmp_path / "answers.csv") == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"{STEMS[0]}: 3 notebooks, 3 of 15 questions answered"
    assert out[2] == "not of this course: in/Cem/other.ipynb: Statistics"
    texts = [
        (row["student"], row["notebook"], row["text"])
        for row in rows(tmp_path / "answers.csv")
        if row["text"]
    ]
    assert texts == [
        ("Ada/first", STEMS[0], "One."),
        ("Ada/second", STEMS[1], "Two."),
        ("Bob", STEMS[0], "Four."),
        ("Bob", STEMS[0], "Three."),
        ("Cem", "", "Statistics"),
    ]
    assert run(tmp_path / "in", output=tmp_path / "report.html") == 0
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.faults() == [] and f"in/Bob/{STEMS[0]} (1).ipynb" in page.text(
        page.of_id["w1-q1-n3"]
    )


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["in/ada.ipynb", "in/bob.ipynb"], ["ada", "bob"]),
        (
            ["in/ada/week1_a.ipynb", "in/bob/week1_a.ipynb", "in/ada/week2_b.ipynb"],
            ["ada", "bob", "ada"],
        ),
        (["in/ada/Untitled.ipynb", "in/bob/Untitled.ipynb"], ["ada", "bob"]),
        (["in/ada/final.ipynb", "in/bob/mine.ipynb"], ["ada", "bob"]),
        (["in/A/ada.ipynb", "in/A/bob.ipynb", "in/B/ada.ipynb"], ["A/ada", "A/bob", "B"]),
        (
            ["week1.zip/ada.ipynb", "week2.zip/ada.ipynb", "week2.zip/bob.ipynb"],
            ["ada", "ada", "bob"],
        ),
        (
            ["A/ada.ipynb", "A/bob.ipynb", "B/ada.ipynb", "B/bob.ipynb"],
            ["A/ada", "A/bob", "B/ada", "B/bob"],
        ),
        (["ada.zip/week1_a.ipynb", "bob.zip/week1_a.ipynb"], ["ada", "bob"]),
        (["in/week1_a.ipynb", "in/week1_a (1).ipynb"], ["week1_a.ipynb", "week1_a (1).ipynb"]),
        (["in/week1_a.ipynb", "in/ada/week1_a.ipynb"], ["week1_a.ipynb", "ada"]),
        (
            [
                "in/Copy of week1_a - ada.ipynb",
                "in/week1_a_bob-Copy2.ipynb",
                "in/week2_b_ada (3).ipynb",
            ],
            ["ada", "bob", "ada"],
        ),
        (["in/student 1.ipynb", "in/student 2.ipynb"], ["student 1", "student 2"]),
        (["ada.ipynb"], ["ada"]),
        (["in/week1_a.ipynb"], ["week1_a.ipynb"]),
        ([], []),
        (
            [
                "m.zip/Ada L_12_assignsubmission_file_/week1_a.ipynb",
                "m.zip/Bob_13_assignsubmission_file/x/y.ipynb",
                "m.zip/Cem_14_assignsubmission_file_w.ipynb",
            ],
            ["Ada L", "Bob", "Cem"],
        ),
        (
            [
                "m.zip/Ada_12_assignsubmission_file_/a.ipynb",
                "m.zip/Ada_13_assignsubmission_file_/a.ipynb",
            ],
            ["Ada (12)", "Ada (13)"],
        ),
        (
            [
                "1.zip/Ada_12_assignsubmission_file_/a.ipynb",
                "2.zip/Ada_93_assignsubmission_file_/b.ipynb",
            ],
            ["Ada", "Ada"],
        ),
        (
            ["c.zip/lovelaceada_LATE_12_345_week1-1.ipynb", "c.zip/bob_13_346_x.ipynb"],
            ["lovelaceada", "bob"],
        ),
    ],
)
def test_whose_it_is(paths, names):
    assert (
        submissions.students([tuple(path.split("/")) for path in paths], ["week1_a", "week2_b"])
        == names
    )


# How it was run


def test_a_run_from_top_to_bottom_is_told(at_home):
    found = traces.trace(student_copy(STEM, True))
    assert found.clean and found.order == "from 1 to 48 in one go" and found.short == "clean"
    assert (
        found.lab["device"] == "CPU, 2 threads"
        and found.lab["scale"] == "laptop"
        and "torch" in found.lab["versions"]
    )
    assert (
        found.took == "unknown, for no times were recorded"
        and found.data == "no stand-in"
        and not found.colab
    )
    assert traces.trace(student_copy(STEM, False)).order == "not run"


def trace(*counts, outputs=(), metadata=None, notebook=None):
    cell = {
        "cell_type": "code",
        "source": "x",
        "outputs": list(outputs),
        "metadata": metadata or {},
    }
    return traces.trace(
        {
            "cells": [{**cell, "execution_count": count} for count in counts],
            "metadata": notebook or {},
        }
    )


@pytest.mark.parametrize(
    ("counts", "clean", "order"),
    [
        ([1, 2, 3], True, "from 1 to 3 in one go"),
        ([1, 2, 9], True, "from 1 to 3 in one go, then the last cell again"),
        ([1, None, 2], False, "1 of 3 code cells not run (cell 2)"),
        ([None] * 3, False, "not run"),
        ([], False, "not run"),
        ([1, None, 2, None, None, None], False, "4 of 6 code cells not run (cells 2, 4, 5 …)"),
        ([1, 5, 3], False, "not in one go: cell 2 has the count 5"),
        (["<b>", True, 1.0], False, "not run"),
    ],
)
def test_the_order_is_told(counts, clean, order):
    found = trace(*counts)
    assert (found.clean, found.order) == (clean, order)


def test_errors_and_stand_ins_are_told():
    error = {"output_type": "error", "ename": "ValueError", "evalue": "no\nmore"}
    banner = {
        "output_type": "stream",
        "text": ["┌── MNIST stand-in (synthetic): this is NOT MNIST\n", "│   why: x\n"],
    }
    found = trace(1, 2, outputs=[error, banner, banner])
    assert (
        not found.clean
        and found.errors == [(1, "ValueError: no"), (2, "ValueError: no")]
        and found.short == "2 errors"
    )
    assert found.data == "stand-ins, not MNIST" and trace(None).data == "none, for nothing was run"


@pytest.mark.parametrize(
    ("metadata", "took"),
    [
        (
            {
                "execution": {
                    "iopub.execute_input": "2026-11-02T10:00:00.000000Z",
                    "shell.execute_reply": "2026-11-02T10:00:30Z",
                }
            },
            "60 seconds",
        ),
        (
            {
                "execution": {
                    "iopub.status.busy": "2026-11-02T10:00:00Z",
                    "iopub.status.idle": "2026-11-02T10:10:00Z",
                }
            },
            "20 minutes",
        ),
        ({"executionInfo": {"elapsed": 3_600_000}}, "2.0 hours"),
        (
            {"execution": {"iopub.execute_input": "late", "shell.execute_reply": []}},
            "unknown, for no times were recorded",
        ),
        ({"executionInfo": {"elapsed": float("nan")}}, "unknown, for no times were recorded"),
        ({"executionInfo": {"elapsed": -5}}, "unknown, for no times were recorded"),
    ],
)
def test_times_are_told_where_they_were_recorded(metadata, took):
    found = trace(1, 2, metadata=metadata)
    assert found.took == took and found.colab == ("executionInfo" in metadata)
    assert trace(1, notebook={"colab": {"name": "x.ipynb"}}).colab
    assert not trace(1, notebook={"colab": {"provenance": []}}).colab  # as in the course's own


# What cannot be done


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
        and "1 of 48 code cells not run" in text
    )


def test_the_old_format_loses_no_text(tmp_path, at_home):
    cells = [
        {"cell_type": "heading", "level": 2, "source": "Mine"},
        {"cell_type": "code", "input": ["new(", ")"], "outputs": []},
        *({"cell_type": "markdown", "source": cell["source"]} for cell in answered()["cells"]),
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
    path = write(tmp_path / "in/ada.ipynb", answered())
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
        (["in"], "none/report.html", "there is no folder"),
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
    write(tmp_path / "in/ada.ipynb", answered())
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
    write(tmp_path / "in/ada.ipynb", answered())
    closed = write(tmp_path / "in/bob.ipynb", answered())
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

    monkeypatch.setattr(course, "write", refuse)
    with pytest.raises(course.CommandError, match="cannot be written .No space left on device."):
        run(write(tmp_path / "in/ada.ipynb", answered()), output=tmp_path / "report.html")


def test_only_the_course_knows_its_questions(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(course.CommandError, match="run the command in the course's folder"):
        run(write(tmp_path / "ada.ipynb", answered()), output=tmp_path / "report.html")


def test_an_archive_may_not_hold_more_than_the_limits(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        for i in range(4):
            archive.writestr(f"{i}.ipynb", b"{}" * 50)

    def why():
        return [
            file.why
            for file in submissions.read([tmp_path / "class.zip"], tmp_path / "x")
            if hasattr(file, "why")
        ]

    assert why() == []
    monkeypatch.setattr(submissions, "TOTAL", 250)
    assert why() == ["its archive holds more than 0 GB: unpack it, and name the folder"] * 2
    monkeypatch.setattr(submissions, "MEMBERS", 3)
    assert why() == ["it has 4 files, and 3 are the limit: unpack it, name the folder"]


def test_pictures_stop_when_a_page_has_enough(monkeypatch):
    monkeypatch.setattr(report, "ALL_PICTURES", 150)
    shown = list(report._Pictures().show([("a", "image/png", PNG)] * 2))
    assert [bool(address) for _, address in shown] == [True, False]


# coursekit answers


def test_answers_tells_which_questions_are_answered(tmp_path, at_home, capsys):
    path = write(tmp_path / "mine.ipynb", answered(STEMS[1], "Because it is so.", question=2))
    assert answers.run([str(path)]) == 1
    asked = questions.asked(source(STEMS[1]))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{path}: 1 of {len(asked)} questions answered" and len(lines) == 1 + len(
        asked
    )
    assert (
        lines[3] == f"  {asked[2]}   answered, 4 words" and lines[1] == f"  {asked[0]}   unchanged"
    )
    notebook = answered(STEMS[1])
    notebook["cells"].insert(1, {"cell_type": "markdown", "source": "A note.", "metadata": {}})
    for cell in notebook["cells"]:
        if cell["metadata"].get("coursekit"):
            cell["source"] = "Because."
    assert answers.run([str(write(path, notebook))]) == 0
    assert "cell 2: a text that belongs to no question: A note." in capsys.readouterr().out


def test_answers_works_outside_of_a_course(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "mine.ipynb", answered(STEMS[0], "Because it is so."))
    assert answers.run(["mine.ipynb"]) == 1
    assert "  w1-q1   answered, 4 words\n  w1-q2   unchanged" in capsys.readouterr().out


def test_answers_goes_on_after_what_it_cannot_read(tmp_path, at_home, capsys):
    (tmp_path / "torn.ipynb").write_text("{")
    write(tmp_path / "other.ipynb", {"cells": []})
    write(tmp_path / "mine.ipynb", answered())
    names = [str(tmp_path / f"{name}.ipynb") for name in ("torn", "gone", "other", "mine")]
    assert answers.run(names) == 2
    out, err = capsys.readouterr()
    assert "mine.ipynb: 1 of 5 questions answered" in out and err.count("coursekit answers: ") == 3
    assert (
        "not JSON" in err
        and "cannot be read (No such file or directory)" in err
        and "has no question of the course" in err
    )


def test_nothing_heavy_is_imported():
    program = (
        "import sys; from coursekit.classroom import answers, collect; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'nbformat', 'nbconvert', 'nbclient')))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("module", [report, submissions])
def test_the_examples_in_the_docstrings(module):
    result = doctest.testmod(module)
    assert result.failed == 0 < result.attempted


@pytest.mark.parametrize(
    "text",
    [
        "$64*3*3*3 + 64$",
        "so $a_i*b_i*c$ is",
        r"$\{x\}$ and \\(y\\)",
        "$$64*3*3$$",
        "$$\n64*3*3\n$$",
    ],
)
def test_formulas_keep_their_signs(text):
    """What stands between dollars is shown as it was typed: a star there is a multiplication."""
    inside = re.findall(r"\$+\s*([^$]+?)\s*\$", text)[0]
    assert inside in html.unescape(prose.html(text)) and "<em>" not in prose.html(text)


def test_whose_an_unreadable_file_is_stands_in_the_table(tmp_path, at_home, capsys):
    place = tmp_path / "in" / "Eve Torn_4_assignsubmission_file_"
    place.mkdir(parents=True)
    (place / "week1.ipynb").write_text("{")
    assert collect.run([str(tmp_path / "in")], str(tmp_path / "answers.csv"), False) == 1
    assert (
        "Eve Torn"
        in (tmp_path / "answers.csv").read_text(encoding="utf-8-sig").splitlines()[1].split(",")[0]
    )
