"""Which notebook of the course a hand-in is: known by what stands in it."""

import pytest
from made_submissions import ROOT, STEMS, original, student_copy

from coursekit.handin.course_notebook import Originals
from coursekit.handin.notebook import title


@pytest.fixture(scope="module")
def originals():
    return Originals(ROOT)


@pytest.mark.parametrize("stem", STEMS)
def test_a_notebook_is_known_by_what_is_in_it(originals, stem):
    notebook = student_copy(stem, False)
    assert originals.find(notebook, "Untitled7.ipynb").stem == stem
    notebook["cells"] = [cell for cell in notebook["cells"] if cell["metadata"].get("coursekit")]
    assert originals.find(notebook, "Untitled7.ipynb").stem == stem
    alone = {"cells": [{"cell_type": "markdown", "source": f"# {title(original(stem))}"}]}
    assert originals.find(alone, "Untitled7.ipynb").stem == stem
    assert originals.find({"cells": []}, f"Copy of {stem} (1).ipynb").stem == stem
    common = {
        "cells": [original(stem)["cells"][1], original(stem)["cells"][-1]]
    }  # what all weeks have
    assert originals.find(common, "Untitled7.ipynb") is None
