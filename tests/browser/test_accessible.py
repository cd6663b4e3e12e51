"""Everybody can read the pages that ``coursekit run`` makes: with a screen reader, a keyboard, a
phone, or tired eyes.

The rules are axe-core's for WCAG 2.2, levels A and AA, and its good practice (headings in order,
landmarks).
"""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from made_submissions import hostile_report
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from coursekit.classroom.run import write_page

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PHONE = {"width": 360, "height": 740}  # or a zoom of 350 %
EXECUTED = "week3_resnet18_fashion_mnist"  # the one that takes the shortest time at scale smoke
# Output on both streams, a colour for a dark terminal, and a traceback.
FAILS = r"""
import sys

print("a note", file=sys.stderr)
print("\x1b[33mten\x1b[0m", 0b1010)  # a comment
assert "x" == 1, None
"""

# (rule, selector): why it stays as it is. Whatever is not here fails, and so does an entry that
# nothing needs any more.
ALLOWED = {
    ("scrollable-region-focusable", ".jp-RenderedMarkdown"): (
        "A wide table in a text cell scrolls on a phone. Chromium and Firefox let the keyboard "
        "into what scrolls, only where it does; a tabindex would make a stop of every text cell."
    ),
}

# axe-core leaves texts of one letter aside, and there are hundreds of such numbers in code: they
# are looked at too.
CHECK = """async ([allowed, leave]) => {
    const whole = {ignoreUnicode: false, ignoreLength: true, ignorePseudo: false, boldValue: 700,
                   boldTextPt: 14, largeTextPt: 18, pseudoSizeThreshold: 0.25,
                   contrastRatio: {normal: {expected: 4.5}, large: {expected: 3}}};
    axe.configure({checks: [{id: "color-contrast", options: whole}]});
    for (const folded of document.querySelectorAll("details")) folded.open = true;
    const result = await axe.run(document, {
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
        elementRef: true, resultTypes: ["violations", "incomplete"],
        rules: Object.fromEntries(leave.map(id => [id, {enabled: false}]))});
    const known = (rule, node) => allowed.findIndex(
        ([id, selector]) => id === rule.id && node.element.matches(selector));
    return [...result.violations, ...result.incomplete].flatMap(rule => rule.nodes.map(node => ({
        rule: rule.id, help: rule.help, html: node.html.slice(0, 150),
        summary: node.failureSummary ?? "", allowed: known(rule, node)})));
}"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder as `coursekit run` leaves it, after one notebook of the course and one that fails;
    and beside those the pages of the other notebooks, with the outputs that they are kept with."""
    folder = tmp_path_factory.mktemp("build")
    nbformat.write(
        new_notebook(cells=[new_markdown_cell("# One that fails"), new_code_cell(FAILS)]),
        folder / "fails.ipynb",
    )
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "coursekit",
            "run",
            EXECUTED,
            folder / "fails.ipynb",
            "--output",
            folder / "build",
        ],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        timeout=300,
    )
    assert run.returncode == 1
    for path in NOTEBOOKS:
        if path.stem != EXECUTED:
            notebook = nbformat.read(path, as_version=4)
            write_page(folder / "build" / f"{path.stem}.html", notebook, path.stem)
    return folder / "build"


def findings(page, axe, *leave):
    """What axe-core finds in a page, or cannot decide, in readable lines; and which entries of
    ALLOWED explain the rest."""
    page.evaluate(axe)
    found = page.evaluate(CHECK, [[list(key) for key in ALLOWED], leave])
    lines = [
        f"{f['rule']}: {f['help']}\n  {f['html']}\n  {f['summary']}"
        for f in found
        if f["allowed"] < 0
    ]
    return lines, {list(ALLOWED)[f["allowed"]] for f in found if f["allowed"] >= 0}


@pytest.mark.parametrize("name", [*(path.stem for path in NOTEBOOKS), "fails", "index"])
def test_a_page_has_no_barrier(built, axe, open_page, name):
    page = open_page(built / f"{name}.html")
    assert page.title() and page.evaluate("document.documentElement.lang") == "en"
    lines, _ = findings(page, axe)
    page.set_viewport_size(PHONE)
    # Contrast does not depend on the width, and what is scrolled out of sight cannot be judged.
    narrow, _ = findings(page, axe, "color-contrast")
    assert "\n".join(lines + narrow) == ""


def test_the_index_is_readable_in_the_dark_too(built, axe, open_page):
    page = open_page(built / "index.html")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    lines, _ = findings(page, axe)
    assert "\n".join(lines) == ""


def test_the_report_of_answers_has_no_barrier(tmp_path, axe, open_page):
    """At both widths, by day and in the dark, with all that students hand in, strange things
    too."""
    page = open_page(hostile_report(tmp_path))
    found = findings(page, axe)[0]
    page.emulate_media(color_scheme="dark")
    found += findings(page, axe)[0]
    page.set_viewport_size(PHONE)
    assert "\n".join(found + findings(page, axe, "color-contrast")[0]) == ""


@pytest.mark.parametrize("width", [1280, PHONE["width"]])
def test_no_line_is_cut_off(built, open_page, width):
    """Code and printed text end where their box ends, and the page itself does not scroll
    sideways."""
    page = open_page(built / f"{EXECUTED}.html")
    page.set_viewport_size({"width": width, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert (
        page.evaluate(
            "[...document.querySelectorAll('.jp-InputArea-editor, .jp-RenderedText')]"
            ".filter(box => box.scrollWidth > box.clientWidth + 1).map(box => box.innerText)"
        )
        == []
    )


def test_every_exception_is_still_needed(built, axe, open_page):
    needed = set()
    for path in NOTEBOOKS:
        page = open_page(built / f"{path.stem}.html")
        page.set_viewport_size(PHONE)
        needed |= findings(page, axe, "color-contrast")[1]
        if needed == set(ALLOWED):
            return
    assert needed == set(ALLOWED)


GOOD = """<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>A page</title>
<body><main><h1>A page</h1><p>Read <a href="#x">this</a> first.</p><h2 id="x">More</h2>
<img alt="A dot" src="data:image/gif;base64,R0lGODlhAQABAAAA">
<details><summary>Fold</summary><p>1</p></details></main></body></html>"""


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("html-has-lang", ' lang="en"', ""),
        ("document-title", "<title>A page</title>", ""),
        ("image-alt", 'alt="A dot"', ""),
        ("heading-order", "h2", "h3"),
        ("landmark-one-main", "main", "div"),
        ("color-contrast", "<p>1", '<p style="color: #888">1'),
        ("link-in-text-block", "<a ", '<a style="text-decoration: none; color: #222" '),
        ("", "", ""),
    ],
)
def test_the_rules_find_a_barrier(tmp_path, axe, open_page, rule, good, bad):
    (tmp_path / "page.html").write_text(GOOD.replace(good, bad), encoding="utf-8")
    lines, _ = findings(open_page(tmp_path / "page.html"), axe)
    assert any(line.startswith(f"{rule}: ") for line in lines) if rule else lines == []
