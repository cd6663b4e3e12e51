"""Headless Chromium, for what people see: pages opened from files, and all that such a page does by
itself."""

import shutil
from pathlib import Path

import pytest

# The connections to its maker that Chromium opens by itself are of no use to a test, and fail in a
# closed network.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium():
    """One browser for all tests, started with an empty profile."""
    from playwright.sync_api import sync_playwright

    program = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    assert program, "there is no Chromium here: `make browser` installs it on Debian"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def axe():
    """The text of axe-core, which looks for barriers in a page."""
    program = Path(__file__).parent / "node_modules/axe-core/axe.min.js"
    assert program.exists(), (
        "axe-core is not installed: `make browser` does it, or `npm ci` in tests/browser"
    )
    return program.read_text(encoding="utf-8")


@pytest.fixture
def _pages(chromium):
    """A window without network, and what each page in it did by itself."""
    window = chromium.new_context(viewport={"width": 1280, "height": 900})
    window.route("http*://**", lambda route: route.abort())
    yield window, {}
    window.close()


@pytest.fixture
def open_page(_pages):
    """``open_page(path) -> page``: the HTML file in the browser, as Playwright's page; ``what_ran``
    knows what it does."""
    window, seen = _pages

    def open_page(path: Path):
        page = window.new_page()
        did = seen[page] = []

        def dialog(shown):
            did.append(f"dialog: {shown.message}")
            shown.dismiss()

        page.on("dialog", dialog)
        # What Chromium itself writes there, as of a picture that is missing, has no arguments.
        page.on("console", lambda line: did.append(f"console: {line.text}") if line.args else None)
        page.on("pageerror", lambda error: did.append(f"error: {error}"))
        page.on("popup", lambda new: did.append(f"popup: {new.url}"))
        page.on("download", lambda file: did.append(f"download: {file.suggested_filename}"))
        address = path.resolve().as_uri()
        page.on(
            "request",
            lambda sent: (
                did.append(f"request: {sent.url}")
                if sent.url != address and not sent.url.startswith("data:")
                else None
            ),
        )
        page.goto(address)
        return page

    return open_page


@pytest.fixture
def what_ran(_pages):
    """``what_ran(page) -> list``: all that a script in the page did, or something as bad: dialogs,
    lines on the console, errors, popups, downloads, requests, and ``window.__owned`` where a test's
    hostile text set it. Empty is good."""

    def what_ran(page) -> list[str]:
        page.wait_for_load_state("networkidle")
        marks = [frame.evaluate("window.__owned") for frame in page.frames]
        return _pages[1][page] + [f"mark: {mark}" for mark in marks if mark is not None]

    return what_ran
