"""Pictures that move, in the pages that are made of an executed notebook: they compute what torch
computes, follow pen, buttons and keys, and leave a still picture where no script runs.

The same figure stands twice in the notebook, as JupyterLab shows it in a second view.
"""

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import nh3
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from patience import HANGS
from test_accessible import PHONE, findings

from coursekit.classroom.run import write_page

pytestmark = pytest.mark.browser

TESTS = Path(__file__).resolve().parents[1]
TRAIN = f"""
import json
import sys
from pathlib import Path

import coursekit as ck
import torch
from IPython.display import display
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, {str(TESTS)!r})
from notebooks import definitions

week = definitions("week1_mnist_fc_vs_cnn")
train, test = ck.load("mnist", mean=0.1307, std=0.3081)
torch.manual_seed(0)
nets = {{"FC": week.FC2Layer(784, 8, 10), "CNN": week.CNN(784, 6, 10)}}
for net in nets.values():
    loader = train.take(4_000).loader(64, shuffle=True)
    adam = torch.optim.Adam(net.parameters(), lr=0.003)
    ck.fit(net, loader, epochs=3, optimizer=adam, loss=F.nll_loss, progress=False)
"""
# Convolutions and pooling of every kind, over the edges too; it gives probabilities.
ODD = """
nets["odd"] = nn.Sequential(
    nn.Conv2d(1, 3, (3, 4), stride=(2, 1), padding=(1, 2), bias=False), nn.Dropout(),
    nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.Conv2d(3, 4, 4, padding="same"), nn.ReLU(),
    nn.MaxPool2d((2, 3), (1, 2)), nn.Flatten(), nn.Linear(196, 10), nn.Softmax(dim=1)
)
pixels = test.images[:100]
X = (pixels.float() / 255 - 0.1307) / 0.3081
with torch.inference_mode():
    outputs = {name: net.eval()(X).tolist() for name, net in nets.items()}
known = {"pixels": pixels.flatten(1).tolist(), "outputs": outputs, "labels": test.labels.tolist()}
Path("known.json").write_text(json.dumps(known))
"""
DRAW = """
drawing = ck.moving.draw_digit(nets, test, mean=0.1307, std=0.3081, title="Draw a digit")
display(drawing)
drawing
"""
SLIDE = """
labels = [f"image {i}: a {test.labels[i]}" for i in range(5)]
ck.moving.slider(list(test.pixels(range(5))), labels, name="test image", title="Digits", start=1)
"""

# The pen's way in a field of 280×280, stroke by stroke.
STROKES = {
    0: [[(140, 50), (80, 100), (80, 180), (140, 235), (200, 180), (200, 100), (140, 50)]],
    1: [[(150, 50), (135, 235)]],
    3: [
        [(85, 65), (130, 50), (180, 75), (165, 120), (125, 138), (180, 155), (195, 195), (150, 235)]
    ]
    + [[(150, 235), (80, 220)]],
    7: [[(75, 60), (205, 60), (130, 240)]],
}
GREY = """canvas => [...canvas.getContext("2d").getImageData(0, 0, 28, 28).data]
    .filter((_, i) => i % 4 == 0)"""
DARK = """<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>In the dark</title>
<style>:root { color-scheme: dark } body { background: #111; color: #e0e0e0 }</style>
<main><h1>In the dark</h1>%s</main></html>"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with pages of one executed notebook: by ``coursekit run``, by nbconvert, these
    without the outputs, on dark ground; and what torch computes."""
    from nbconvert import HTMLExporter

    source = tmp_path_factory.mktemp("moving")
    cells = [new_code_cell(code.strip()) for code in (TRAIN, ODD, DRAW, SLIDE)]
    notebook = new_notebook(cells=[new_markdown_cell("# Pictures that move"), *cells])
    nbformat.write(notebook, source / "run.ipynb")
    command = [sys.executable, "-m", "coursekit", "run", source / "run.ipynb"]
    folder = source / "build"
    done = subprocess.run([*command, "--output", folder], cwd=TESTS.parent, timeout=4 * HANGS)
    assert done.returncode == 0
    notebook = nbformat.read(folder / "run.ipynb", as_version=4)
    outputs = [output for cell in notebook.cells[-2:] for output in cell.outputs]
    htmls = [output.data["text/html"] for output in outputs]
    (folder / "outputs.json").write_text(json.dumps(htmls), encoding="utf-8")
    (folder / "dark.html").write_text(DARK % "".join(htmls), encoding="utf-8")
    exported, _ = HTMLExporter().from_notebook_node(notebook)
    (folder / "nbconvert.html").write_text(exported, encoding="utf-8")
    for cell in notebook.cells:
        if "outputs" in cell:
            cell.outputs = []
    write_page(folder / "run-empty.html", notebook, "Pictures that move")
    exported, _ = HTMLExporter().from_notebook_node(notebook)
    (folder / "nbconvert-empty.html").write_text(exported, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def known(built):
    return json.loads((built.parent / "known.json").read_text())


@pytest.fixture
def page(built, open_page):
    return open_page(built / "run.html")


def draw(page, strokes, figure=0):
    """Draws with the mouse, in the field of this figure."""
    field = page.locator(".ckm-field").nth(figure)
    field.scroll_into_view_if_needed()
    box = field.bounding_box()
    for stroke in strokes:
        points = [
            (box["x"] + x * box["width"] / 280, box["y"] + y * box["height"] / 280)
            for x, y in stroke
        ]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=8)
        page.mouse.up()


def answers(page, digit, figure=0):
    """Waits until the live region says what the CNN answers."""
    said = page.get_by_role("status").nth(figure)
    page.wait_for_function(
        "([said, words]) => said.textContent.includes(words)",
        arg=[said.element_handle(), f"CNN: {digit} ("],
    )


def seen(page, figure=0) -> np.ndarray:
    """The pixels 28×28 that the networks see, after the next frame."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    return np.array(page.locator(".ckm-seen").nth(figure).evaluate(GREY)).reshape(28, 28)


def shifted(pixels, right, down):
    """With black from outside."""
    room = np.pad(pixels, 28)
    return room[28 - down : 56 - down, 28 - right : 56 - right]


@pytest.mark.parametrize("name", ["FC", "CNN", "odd"])
@pytest.mark.parametrize("kind", ["run", "nbconvert"])
def test_the_page_computes_what_torch_computes(built, known, open_page, kind, name):
    page = open_page(built / f"{kind}.html")
    run = "(figure, [name, all]) => all.map(pixels => figure.coursekit.run(name, pixels))"
    figure = page.locator("figure.coursekit-moving").first
    outputs = np.array(figure.evaluate(run, [name, known["pixels"]]))
    expected = np.array(known["outputs"][name])
    assert outputs.shape == expected.shape == (100, 10)
    assert np.abs(outputs - expected).max() < 1e-4
    assert expected.std(0).min() > 1e-4, "a network that answers the same to all compares nothing"


@pytest.mark.parametrize("digit", STROKES)
def test_a_digit_drawn_with_the_mouse_is_read(page, digit):
    draw(page, STROKES[digit])
    answers(page, digit)
    best = page.locator(".ckm-panels").first.locator(".ckm-panel").nth(1).locator(".ckm-best")
    assert best.inner_text().split()[0] == str(digit)
    assert best.evaluate("row => getComputedStyle(row).fontWeight") == "700"


def test_a_browser_that_only_knows_where_the_pen_is_now(page):
    page.evaluate("delete PointerEvent.prototype.getCoalescedEvents")
    draw(page, STROKES[7])
    answers(page, 7)


@pytest.mark.parametrize("digit", STROKES)
def test_a_drawing_is_fitted_as_mnist_was(page, digit):
    """A box of 20 pixels, its centre of mass in the middle; also one that is small, and aside."""
    for size, aside in ((1, 0), (0.5, 5)):
        page.get_by_role("button", name="Clear").first.click()
        draw(page, [[(x * size + aside, y * size + aside) for x, y in s] for s in STROKES[digit]])
        pixels = seen(page)
        rows, columns = np.nonzero(pixels > 40)
        assert 19 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 21
        weights = pixels / pixels.sum()
        centre = (weights.sum(1) @ np.arange(28), weights.sum(0) @ np.arange(28))
        assert np.abs(np.array(centre) - 14).max() < 0.1


def test_nothing_is_drawn_yet(page):
    said = page.get_by_role("status").first
    page.wait_for_function("said => said.textContent", arg=said.element_handle())
    for _ in range(2):
        assert said.inner_text() == "Nothing is drawn yet."
        figure = page.locator("figure.coursekit-moving").first
        assert "%" not in figure.inner_text() and "NaN" not in figure.inner_text()
        assert not seen(page).any() and figure.locator(".ckm-best").count() == 0
        widths = figure.locator(".ckm-bar").evaluate_all("bars => bars.map(bar => bar.clientWidth)")
        assert widths == [0] * 30
        draw(page, STROKES[7])
        answers(page, 7)
        page.get_by_role("button", name="Clear").first.click()
        page.wait_for_function("said => said.textContent[0] == 'N'", arg=said.element_handle())


def test_examples_are_shown_as_they_are(page, known):
    following = page.get_by_role("button", name="Next example").first
    figure = page.locator("figure.coursekit-moving").first
    for i in [*range(10), 0]:
        following.click()
        assert (seen(page).flatten() == known["pixels"][i]).all()
        label = f"Test digit {i + 1}, its label: {known['labels'][i]}."
        assert label in figure.inner_text()
    draw(page, STROKES[7])
    assert "Test digit" not in figure.inner_text()
    answers(page, 7)


def test_the_probabilities_are_those_of_the_outputs(page, known):
    """Of scores and log-probabilities their softmax, and of probabilities they themselves."""
    page.get_by_role("button", name="Next example").first.click()
    seen(page)
    panels = page.locator(".ckm-panels").first.locator(".ckm-panel")
    for i, name in enumerate(("FC", "CNN", "odd")):
        output = np.array(known["outputs"][name][0])
        shares = output if name == "odd" else np.exp(output)
        texts = panels.nth(i).locator(".ckm-percent").all_inner_texts()
        assert [float(text.split()[0]) for text in texts] == pytest.approx(100 * shares, abs=0.51)
        described = panels.nth(i).get_by_role("img").get_attribute("aria-label")
        assert described == ", ".join(f"{k}: {text}" for k, text in enumerate(texts))


def test_buttons_and_arrow_keys_shift_by_a_pixel(page):
    def press(name):
        page.get_by_role("button", name=name).first.click()

    press("Next example")
    original, at = seen(page), np.zeros(2, int)
    assert original.any()
    for name, step in (("right", (1, 0)), ("down", (0, 1)), ("left", (-1, 0)), ("up", (0, -1))):
        for _ in range(3 if name == "left" else 1):
            press(f"Move the digit {name} by one pixel")
            at += step
        assert (seen(page) == shifted(original, *at)).all()
        page.keyboard.press(f"Arrow{name.title()}")
        at += step
        assert (seen(page) == shifted(original, *at)).all()
    assert "Moved: 2 left." in page.locator("figure.coursekit-moving").first.inner_text()
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    assert (seen(page) == shifted(original, 10, 0)).all(), "it stays in sight"
    press("Centre")
    assert (seen(page) == original).all()
    assert "Moved" not in page.locator("figure.coursekit-moving").first.inner_text()


def test_what_the_convolution_sees_follows(page):
    maps = page.locator(".ckm-map")
    assert maps.count() == 2 * (6 + 3), "of the CNN and of the odd network, in two figures"
    whole = "canvas => canvas.toDataURL()"
    empty = maps.first.evaluate(whole)
    assert maps.first.evaluate("canvas => [canvas.width, canvas.height]") == [24, 24]
    draw(page, STROKES[7])
    seen(page)
    drawn = maps.evaluate_all("all => all.map(canvas => canvas.toDataURL())")
    assert drawn[0] != empty and len(set(drawn[:6])) > 1
    page.get_by_role("button", name="Move the digit up by one pixel").first.click()
    seen(page)
    assert maps.first.evaluate(whole) != drawn[0]


def test_two_views_of_one_output_are_alive_and_apart(page):
    draw(page, STROKES[7], figure=1)
    answers(page, 7, figure=1)
    assert page.get_by_role("status").first.inner_text() == "Nothing is drawn yet."
    draw(page, STROKES[1], figure=0)
    answers(page, 1, figure=0)
    assert page.get_by_role("status").nth(1).inner_text().startswith("FC: ")


def test_the_script_may_run_again(page):
    """What is alive stays as it is, and there is nothing new in the page's own names."""
    draw(page, STROKES[7])
    answers(page, 7)
    page.get_by_role("slider").press("End")
    again = """() => [...document.querySelectorAll("figure.coursekit-moving + script")].map(old => {
        const script = document.createElement("script");
        script.textContent = old.textContent;
        document.body.append(script);
    }).length"""
    assert page.evaluate(again) == 3
    answers(page, 7)
    assert page.get_by_role("slider").input_value() == "4"
    assert page.locator(".ckm-field").count() == 2
    names = ["wake", "make", "live", "bytes", "compute", "forward", "fit", "panel", "SIDE"]
    ours = "names => names.filter(name => name in window || eval(`typeof ${name}`) != 'undefined')"
    assert page.evaluate(ours, names) == []


def test_a_screen_reader_is_told_once_a_second(page):
    page.clock.install()
    page.reload()
    page.evaluate("""() => {
        window.__told = [];
        const said = document.querySelector("[role=status]");
        new MutationObserver(() => __told.push([Date.now(), said.textContent]))
            .observe(said, {childList: true});
    }""")
    page.clock.run_for(100)
    for _ in range(12):
        page.get_by_role("button", name="Next example").first.click()
        page.clock.run_for(300)
    page.clock.run_for(2000)
    told = page.evaluate("__told")
    assert 3 <= len(told) <= 6
    assert min(np.diff([moment for moment, _ in told])) >= 990  # clocks round
    winners = page.locator(".ckm-panels").first.locator(".ckm-best").all_inner_texts()
    pairs = (winner.split(maxsplit=1) for winner in winners)
    said = zip(("FC", "CNN", "odd"), pairs, strict=True)
    assert told[-1][1] == " ".join(f"{name}: {best} ({share})." for name, (best, share) in said)


def test_clear_while_the_pen_is_down(page, what_ran):
    draw(page, STROKES[1])
    box = page.locator(".ckm-field").first.bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 90)
    assert seen(page).any()
    page.get_by_role("button", name="Clear").first.press("Enter")
    page.mouse.move(box["x"] + 90, box["y"] + 40)
    page.mouse.up()
    assert not seen(page).any()
    draw(page, STROKES[7])
    answers(page, 7)
    assert not [line for line in what_ran(page) if line.startswith("error")]


def test_jupyterlab_leaves_the_keys_to_what_has_focus(page):
    """On a button "d d" would delete the cell: Lumino looks at the element itself first."""
    controls = page.locator("figure.coursekit-moving").locator("button, input")
    assert controls.count() == 2 * 7 + 1
    for control in controls.all():
        assert control.get_attribute("data-lm-suppress-shortcuts") == "true"


def test_a_finger_draws_and_does_not_scroll(page):
    field = page.locator(".ckm-field").first
    assert field.evaluate("field => getComputedStyle(field).touchAction") == "none"


def test_the_slider_is_moved_by_keys(page):
    slider = page.get_by_role("slider", name="test image")
    figure = page.locator("figure.coursekit-moving").nth(2)
    image, sources, heights = figure.get_by_role("img"), set(), set()
    for key, i in (
        ("", 1),
        ("ArrowRight", 2),
        ("ArrowUp", 3),
        ("ArrowLeft", 2),
        ("Home", 0),
        ("ArrowLeft", 0),
        ("End", 4),
        ("ArrowDown", 3),
    ):
        if key:
            slider.press(key)
        label = slider.get_attribute("aria-valuetext")
        assert label.startswith(f"image {i}: a ") and slider.input_value() == str(i)
        assert figure.locator(".ckm-label").nth(1).inner_text() == label
        assert image.get_attribute("alt") == f"Digits: {label}"
        sources.add((i, image.get_attribute("src")))
        heights.add(figure.bounding_box()["height"])
    assert len(sources) == 5 and len({source for _, source in sources}) == 5
    assert len(heights) == 1, "nothing jumps"


@pytest.mark.parametrize("kind", ["run", "nbconvert"])
def test_nothing_leaves_the_page_and_nothing_fails(built, open_page, what_ran, kind):
    """Beside what nbconvert's own page asks for."""
    usual = what_ran(open_page(built / f"{kind}-empty.html"))
    page = open_page(built / f"{kind}.html")
    draw(page, STROKES[7])
    answers(page, 7)
    page.get_by_role("slider").press("End")
    assert sorted(what_ran(page)) == sorted(usual)


@pytest.mark.parametrize("kind", ["run", "dark"])
def test_there_is_no_barrier(built, axe, open_page, kind):
    """By day and in the dark, empty and drawn, on a phone."""
    page = open_page(built / f"{kind}.html")
    lines, _ = findings(page, axe)
    draw(page, STROKES[7])
    answers(page, 7)
    lines += findings(page, axe)[0]
    page.set_viewport_size(PHONE)
    lines += findings(page, axe, "color-contrast")[0]
    assert "\n".join(lines) == ""


@pytest.mark.parametrize("width", [1280, 320])
def test_it_fits_in(built, open_page, width):
    page = open_page(built / "run.html")
    page.set_viewport_size({"width": width, "height": 740})
    draw(page, STROKES[7])
    answers(page, 7)
    inner = "figure => [figure.scrollWidth, figure.clientWidth]"
    for figure in page.locator("figure.coursekit-moving").all():
        scroll, client = figure.evaluate(inner)
        assert scroll <= client
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("kind", ["run", "nbconvert"])
def test_without_scripts_the_still_picture_is_all(built, chromium, kind):
    window = chromium.new_context(java_script_enabled=False)
    window.route("http*://**", lambda route: route.abort())
    page = window.new_page()
    page.goto((built / f"{kind}.html").as_uri())
    figures = page.locator("figure.coursekit-moving")
    assert figures.count() == 3
    for figure in figures.all():
        assert figure.locator("img[alt]").count() == 1 and figure.locator("img").is_visible()
        assert figure.locator("input, button, canvas, style").count() == 0
        assert figure.inner_text().strip() == figure.locator("figcaption").inner_text().strip()
        assert "Where scripts may run" in figure.inner_text()
    assert "CNN answers" in figures.first.locator("img").get_attribute("alt")
    window.close()


def test_week_1_as_it_is_kept(tmp_path, open_page):
    """The networks of the kept run, which learned from real digits."""
    name = "week1_mnist_fc_vs_cnn"
    notebook = nbformat.read(TESTS.parent / "notebooks" / f"{name}.ipynb", as_version=4)
    write_page(tmp_path / "week1.html", notebook, "Week 1")
    page = open_page(tmp_path / "week1.html")
    for digit in (7, 3, 0):
        page.get_by_role("button", name="Clear").click()
        draw(page, STROKES[digit])
        answers(page, digit)
    sliders = page.get_by_role("slider")
    assert sliders.count() == 3
    for slider in sliders.all():
        slider.press("Home")
        first = slider.get_attribute("aria-valuetext")
        slider.press("ArrowRight")
        assert slider.get_attribute("aria-valuetext") != first


def test_a_sanitiser_leaves_one_picture(built, tmp_path, open_page):
    for i, html in enumerate(json.loads((built / "outputs.json").read_text(encoding="utf-8"))):
        attributes = {"img": {"src", "alt"}}
        left = nh3.clean(
            html, tags={"figure", "figcaption", "img"}, attributes=attributes, url_schemes={"data"}
        )
        (tmp_path / f"{i}.html").write_text(f'<meta charset="utf-8">{left}', encoding="utf-8")
        page = open_page(tmp_path / f"{i}.html")
        assert page.locator("img").count() == 1 and page.locator("img").get_attribute("alt")
        assert page.locator("img").evaluate("image => image.naturalWidth") >= 280
        end = "you can draw digits here." if i < 2 else "a slider sets the test image."
        assert page.locator("body").inner_text().strip().endswith(end)
