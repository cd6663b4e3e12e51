"""A course of one notebook that records what it measures, with its stored run and its README."""

import json

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from coursekit.records import stored
from coursekit.records.beside import table

NAME = "week1_small"
LAB = "device   CPU, 2 threads\nscale    laptop, about 2 minutes\ndata     ../data\n"
BADGE = (
    "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
    f"(https://colab.research.google.com/github/ada/cnn/blob/main/notebooks/{NAME}.ipynb) "
    "[![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)]"
    f"(https://kaggle.com/kernels/welcome?src=https://github.com/ada/cnn/blob/main/notebooks/{NAME}.ipynb)"
)
README = f"""\
# Course

<!-- begin: weeks -->

| week | notebook | what you find out | smoke | laptop | full |
|---|---|---|---|---|---|
| 1 | [Small](notebooks/{NAME}.ipynb) {BADGE} | Whether `a | b` matters | | | |

<!-- end: weeks -->

Its network is right in 63 % of the cases.

<!-- begin: results -->

<!-- end: results -->
"""
RECORDED = """\
<details><summary>The recorded run (laptop, CPU)</summary>

{}

</details>"""


def figure(*values, **more):
    more = {"unit": "%", "old_course": "64", "headline": True, **more}
    return stored.Figure(values, tuple(range(len(values))), **more)


def run(scale="laptop", device="CPU", **more):
    """A complete run of that scale, with the figures that the notebook's outputs show."""
    figures = {"LeNet": figure(62.2, 62.36, 64.35), "loss": figure(1.0732, unit="", headline=False)}
    known = {"machine": "x86", "date": "2026-11-26", "versions": {}, "seed": 0, "data": ("MNIST",)}
    known |= {"figures": figures, "minutes": 2.4, "complete": True}
    return stored.Run(scale=scale, device=device, **{**known, **more})


def printed(text):
    return [new_output("stream", name="stdout", text=text)]


def shown(runs, scale="laptop"):
    """The output of ck.recorded for the first of these runs."""
    shows = table(runs, runs[0].figures, scale)
    data = {"text/html": shows._repr_html_(), "text/plain": repr(shows)}
    return [new_output("execute_result", data, execution_count=6)]


def notebook():
    """Two sections; cell 6 is the recorded run, cell 7 what is said at every scale."""
    cells = [
        new_markdown_cell(f"# Week 1 · Small\n\n{BADGE}"),
        new_code_cell("import coursekit as ck", metadata={"tags": ["setup"]}),
        new_code_cell(
            'lab = ck.Lab(seed=0, minutes={"smoke": 0.7, "laptop": 20, "full": 30})\nlab',
            outputs=[new_output("execute_result", {"text/plain": LAB}, execution_count=2)],
        ),
        new_code_cell(
            "print(f'{6 * 5 * 5 + 6} parameters')",
            outputs=printed("156 parameters\n"),
            metadata={"tags": ["nbval-check-output"]},
        ),
        new_code_cell(
            "ck.record('LeNet', runs)\nck.record('loss', loss)\nrate = 0.00125",
            outputs=printed(
                "accuracy 0.62971 (of 9,980 images), loss 1.0732, worst run 62.20 %, gain -0.78, "
                "156 parameters, rate 0.00125\n"
            ),
        ),
        new_markdown_cell(
            RECORDED.format("LeNet reaches 62.97 %, a loss of 1.07."),
            metadata={"tags": ["recorded"]},
        ),
        new_markdown_cell("Look at the accuracy: is it above 50 %? The rate is 0.00125."),
        new_markdown_cell("## What we saw\n\nA network learns."),
        new_code_cell(f'ck.recorded("{NAME}")', outputs=shown([run()])),
    ]
    count = 0
    for position, cell in enumerate(cells, 1):
        cell.id = f"cell-{position:02d}"
        if cell.cell_type == "code":
            cell.execution_count = count = count + 1
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
        "language_info": {"name": "python"},
    }
    return new_notebook(cells=cells, metadata=metadata)


def build(folder):
    """The whole course in this folder, all in step."""
    (folder / "notebooks").mkdir()
    address = '[project.urls]\nRepository = "https://github.com/ada/cnn"\n'
    (folder / "pyproject.toml").write_text(address)
    (folder / "README.md").write_text(README)
    save(folder, notebook())
    store(folder, run())


def save(folder, content):
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    (folder / "notebooks" / f"{NAME}.ipynb").write_text(text, encoding="utf-8")


def place(folder):
    return folder / "coursekit" / "records" / "runs" / f"{NAME}.json"


def store(folder, *runs):
    stored.write(place(folder), runs)
