"""The one display of how far something is: in a notebook, in a terminal, and where neither is."""

import io
import sys
import time
from types import SimpleNamespace

import pytest

from coursekit.engine.progress import Progress

PROGRESS = """
from coursekit.engine.progress import Progress
with Progress("photos", total=2000) as progress:
    progress.show(1200)
try:
    with Progress("a<b.gz", unit="B") as progress:
        1 / 0
except ZeroDivisionError:
    pass
"""


def test_progress_in_a_notebook_ends_as_a_line():
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(PROGRESS)])
    nbclient.NotebookClient(notebook, kernel_name="python3").execute()
    outputs = notebook.cells[0].outputs
    assert [output["output_type"] for output in outputs] == ["display_data"] * 2, (
        "nothing on stderr"
    )
    assert [dict(output["data"]) for output in outputs] == [
        {"text/plain": "photos: done after 0 s"},
        {"text/plain": "a<b.gz: stopped by ZeroDivisionError after 0 s"},
    ]


def test_progress_in_a_notebook_is_a_bar(monkeypatch):
    shown = []
    handle = SimpleNamespace(update=lambda content, raw: shown.append(content))
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: handle)
    monkeypatch.setattr("coursekit.engine.progress.in_notebook", lambda: True)
    monkeypatch.setattr(time, "monotonic", iter(range(0, 100, 1)).__next__)
    with Progress("photos", total=2000) as progress:
        progress.show(1200)
    with Progress("a<b.gz", unit="B") as progress:
        progress.show(1_500_000)
        progress.show(3_000_000, 6_000_000)
    assert [content.get("text/html") for content in shown] == [
        '<progress max="2000" value="1200" aria-label="photos"></progress> photos: 1,200 of 2,000',
        None,
        "a&lt;b.gz: 1.50MB",
        '<progress max="6e+06" value="3e+06" aria-label="a&lt;b.gz"></progress> '
        "a&lt;b.gz: 3.00MB of 6.00MB",
        None,
    ]
    assert (
        shown[0]["text/plain"] == "photos: 1,200 of 2,000"
        and shown[2]["text/plain"] == "a<b.gz: 1.50MB"
    )


def test_progress_without_a_terminal_is_silent(capfd):
    with Progress("photos", total=2) as progress:
        progress.show(1)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("closed", [False, True])
def test_without_a_console_work_goes_on(closed, monkeypatch):
    """As in a program without a window, or a service."""
    stream = io.StringIO() if closed else None
    if closed:
        stream.close()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, stream)
    with Progress("photos", 2) as progress:
        progress.show(1)
        progress.say("one line")
