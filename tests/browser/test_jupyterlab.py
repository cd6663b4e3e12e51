"""An hour with week 1, as a student has it in JupyterLab: look, run everything, train longer,
answer, save, hand in.

Each fixture goes one step further in the same window; the tests look at what came of it. The
pictures of it are kept in build/screenshots.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "build" / "screenshots"
NAME = "week1_mnist_fc_vs_cnn.ipynb"
MINUTE = 60_000  # milliseconds
ANSWER = (
    "Local windows, and one filter for all places: 卷积核的权重是共享的。"
    "<script>window.__owned = 1</script>"
)

# A training that is long enough for a live curve, which is drawn every three seconds.
LONGER = """net = make("CNN", seed=1)
ck.fit(net, train.loader(batch_size, shuffle=True), test.loader(1000),
       epochs=200, optimizer=sgd(net), loss=F.nll_loss)"""

# The cells above may not have their pictures yet, and push this one down again: until it stays for
# twenty frames.
SCROLL = """cell => new Promise(done => {
    let last, still = 0;
    const step = () => {
        cell.scrollIntoView();
        const top = cell.getBoundingClientRect().top;
        still = top === last ? still + 1 : 0;
        last = top;
        still < 20 ? requestAnimationFrame(step) : done();
    };
    step();
})"""

# Keeps in window.__seen what stood beside the progress bar, whenever that changed: value, text, the
# curve's picture.
WATCH = """() => {
    window.__seen = [];
    new MutationObserver(() => {
        const bar = document.querySelector('progress[aria-label="training"]');
        if (!bar) return;
        const place = bar.parentElement, curve = place.querySelector('img')?.src ?? '';
        const now = [bar.value, place.innerText.trim(), curve];
        if (JSON.stringify(now) !== JSON.stringify(window.__seen.at(-1))) window.__seen.push(now);
    }).observe(document.body, {childList: true, subtree: true, attributes: true});
}"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab as `make lab` starts it, on a copy of the notebooks; its address, and the copy's
    folder."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".*"))
    places = {
        f"JUPYTER_{kind}_DIR": str(folder / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")
    }
    environment = {
        **os.environ,
        **places,
        "COURSEKIT_SCALE": "smoke",
        "COURSEKIT_OFFLINE": "1",
        "COURSEKIT_DATA": str(folder / "sets"),
    }
    del environment["MPLBACKEND"]  # set for tests; students have Jupyter's
    with open(folder / "log.txt", "w") as log:
        server = subprocess.Popen(
            [
                Path(sys.executable).with_name("jupyter-lab"),
                "notebooks",
                "--no-browser",
                "--allow-root",
                "--ServerApp.port=0",
            ],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
        )
    told, end = [], time.monotonic() + 60
    while not told:
        assert server.poll() is None and time.monotonic() < end, (folder / "log.txt").read_text()
        time.sleep(0.1)
        told = list((folder / "runtime").glob("jpserver-*.json"))
    server_is = json.loads(told[0].read_text())
    yield f"{server_is['url']}lab/tree/{NAME}?token={server_is['token']}", folder / "notebooks"
    server.terminate()
    server.wait(60)


@pytest.fixture(scope="module")
def opened(chromium, lab):
    """The notebook in a window, with the outputs that it is kept with; then also the list of its
    headings."""
    from playwright.sync_api import expect

    window = chromium.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    window.route(re.compile(r"^https?://(?!localhost|127\.0\.0\.1)"), lambda route: route.abort())
    page = window.new_page()
    page.set_default_timeout(MINUTE)
    page.add_locator_handler(
        page.get_by_text("Would you like to get notified about official Jupyter news?"),
        lambda _: page.get_by_role("button", name="No", exact=True).click(),
    )
    page.goto(lab[0])
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    expect(prompts(page)).to_have_count(len(code(read(lab))), timeout=MINUTE)
    page.keyboard.press("Control+b")  # the notebook alone
    kept = code_cell(page, "ck.moving.draw_digit(")
    to_the_top(kept)
    kept.locator("figure.coursekit-moving img[alt]").wait_for()
    assert kept.locator("canvas, button").count() == 0, "scripts of others do not run"
    to_the_top(code_cell(page, "ck.plots.mistakes("))
    show(page, "week1")
    page.get_by_role("tab", name="Table of Contents").click()
    page.evaluate(WATCH)
    yield page
    window.close()


@pytest.fixture(scope="module")
def ran(opened, lab):
    """Run → Run All Cells, while looking at the first training; then what stood beside its bar, and
    the saved notebook."""
    from playwright.sync_api import expect

    last = prompts(opened).last
    menu(opened, "Run", "Run All Cells")
    expect(last).to_have_text("[*]:")
    to_the_top(code_cell(opened, "nets, histories ="))
    opened.get_by_label("training", exact=True).wait_for()
    expect(last).to_have_text(f"[{len(code(read(lab)))}]:", timeout=2 * MINUTE)
    save(opened)
    return opened.evaluate("window.__seen"), read(lab)


@pytest.fixture(scope="module")
def trained(opened, ran):
    """A cell of one's own below the first training, watched for three curves, and stopped; then
    what stood beside the bar, and the last words of the output."""
    opened.evaluate("window.__seen = []")
    first = code_cell(opened, "nets, histories =")
    select(first, ".jp-InputArea-prompt")
    opened.keyboard.press("b")  # a cell below
    edit(opened)
    opened.keyboard.insert_text(LONGER)
    opened.keyboard.press("Control+Enter")
    to_the_top(first)
    opened.wait_for_function(
        "new Set(window.__seen.map(([value, text, picture]) => picture)).size > 3"
    )
    show(opened, "training")
    menu(opened, "Kernel", "Interrupt Kernel")
    end = code_cell(opened, "epochs=200").get_by_text("stopped by KeyboardInterrupt")
    end.wait_for()
    words = end.inner_text()
    opened.keyboard.press("Escape")
    opened.keyboard.press("d")
    opened.keyboard.press("d")  # delete the cell
    end.wait_for(state="detached")
    return opened.evaluate("window.__seen"), words


@pytest.fixture(scope="module")
def answered(opened, trained, lab):
    """An answer is typed over the words that hold its place, and saved; then the notebook's
    file."""
    go_to(opened, "Question w1-q1")
    cell = opened.locator(".jp-MarkdownCell", has_text="Answer w1-q1")
    select(cell, ".jp-RenderedMarkdown")
    edit(opened)
    opened.keyboard.press("Control+End")
    opened.keyboard.press("Shift+Home")
    opened.keyboard.type(ANSWER)
    show(opened, "answer")
    opened.keyboard.press("Shift+Enter")
    cell.get_by_text("卷积核的权重是共享的").and_(cell.locator("p")).wait_for()
    save(opened)
    return lab[1] / NAME


def go_to(page, heading):
    """Click a heading in the table of contents."""
    page.locator(".jp-TableOfContents-tree").get_by_text(heading).click()


def prompts(page):
    return page.locator(".jp-CodeCell .jp-InputArea-prompt")


def code_cell(page, text):
    return page.locator(".jp-CodeCell", has_text=text)


def to_the_top(cell):
    cell.evaluate(SCROLL)


def select(cell, place):
    """Click into a cell, but not where one types."""
    cell.locator(place).click()
    cell.and_(cell.page.locator(".jp-mod-active")).wait_for()


def edit(page):
    page.keyboard.press("Enter")
    page.locator(".jp-mod-active .cm-focused").wait_for()


def menu(page, name, entry):
    page.get_by_role("menuitem", name=name, exact=True).click()
    page.locator(".lm-Menu-itemLabel").get_by_text(entry, exact=True).click()


def save(page):
    with page.expect_response(
        lambda answer: answer.request.method == "PUT" and "/api/contents/" in answer.url
    ) as answer:
        page.keyboard.press("Control+s")
    assert answer.value.ok


def show(page, name):
    page.screenshot(path=PICTURES / f"{name}.png")


def read(lab):
    return json.loads((lab[1] / NAME).read_text(encoding="utf-8"))


def code(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_run_all_counts_from_1_and_shows_no_error(ran):
    cells = code(ran[1])
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert not [
        output for cell in cells for output in cell["outputs"] if output["output_type"] == "error"
    ]
    assert "stand-in" in json.dumps(
        cells[3]["outputs"]
    )  # made in this run, not kept from the last one


def test_a_bar_moves_while_a_network_learns(ran, trained):
    """How many of its values one sees hangs on the machine's speed: few of a training that takes a
    second, so more are wanted only of the one that goes on until it is stopped."""
    values, texts, _ = zip(*trained[0])
    assert len(set(values)) > 3
    told = r"epoch \d+ of \d+ · batch \d+ of \d+ · [\d.]+ batches/s"
    after = r" · last epoch: training loss \d+\.\d+, accuracy \d\.\d+"
    assert all(re.match(told, text) for text in texts + tuple(text for _, text, _ in ran[0]))
    assert any(re.match(told + after, text) for text in texts)


def test_a_longer_training_draws_its_curve_and_can_be_stopped(trained):
    seen, words = trained
    pictures = {picture for _, _, picture in seen if picture}
    assert len(pictures) > 2 and all(
        picture.startswith("data:image/png;base64,") for picture in pictures
    )
    assert re.match(r"stopped by KeyboardInterrupt after \d+ epochs on MNIST stand-in", words)


def test_sliders_move_by_arrow_keys_and_the_cell_stays_where_it_is(opened, ran):
    for name in ("learning rate", "place of the window", "size of the blocks"):
        cell = code_cell(opened, f'name="{name}"')
        to_the_top(cell)
        slider = cell.get_by_role("slider", name=name)
        slider.press("Home")
        first = slider.get_attribute("aria-valuetext")
        slider.press("ArrowRight")
        assert slider.input_value() == "1" and slider.get_attribute("aria-valuetext") != first
        slider.press("d")
        slider.press("d")
        assert slider.is_visible(), "the cell was deleted"


def test_a_digit_is_drawn_and_read(opened, ran):
    cell = code_cell(opened, "ck.moving.draw_digit(")
    to_the_top(cell)
    said = cell.get_by_role("status")
    assert "Nothing is drawn yet" in said.inner_text()
    box = cell.locator(".ckm-field").bounding_box()
    opened.mouse.move(box["x"] + 75, box["y"] + 60)
    opened.mouse.down()
    for x, y in ((205, 60), (130, 240)):
        opened.mouse.move(box["x"] + x, box["y"] + y, steps=8)
    opened.mouse.up()
    said.get_by_text(re.compile(r"FC: \d \(\d+ %\)\. CNN: \d \(\d+ %\)\.")).wait_for()
    show(opened, "draw")


def test_an_answer_is_saved_as_it_was_typed(answered, opened):
    cells = json.loads(answered.read_text(encoding="utf-8"))["cells"]
    [cell] = [cell for cell in cells if "".join(cell["source"]).startswith("**Answer w1-q1**")]
    assert "".join(cell["source"]) == f"**Answer w1-q1**\n\n{ANSWER}"
    assert opened.evaluate("window.__owned") is None


def test_the_commands_count_the_answer(answered):
    told = subprocess.run(
        [sys.executable, "-m", "coursekit", "answers", answered],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 1, told.stderr  # one of five is answered
    assert any("w1-q1" in line and "answered" in line for line in told.stdout.splitlines())


def test_the_last_cell_counts_the_answer(answered, opened):
    from playwright.sync_api import expect

    go_to(opened, "Hand in")
    cell = code_cell(opened, "ck.answers()")
    expect(cell).to_contain_text(re.compile(r"w1-q1\s+unchanged"))  # when all cells were run
    select(cell, ".jp-InputArea-prompt")
    opened.keyboard.press("Control+Enter")
    expect(cell).to_contain_text(re.compile(r"w1-q1\s+answered"))
    expect(cell).to_contain_text(re.compile(r"w1-q2\s+unchanged"))
    show(opened, "hand-in")
