"""Numbers in prose: each is found in its run, or is a fact; one wrong digit is seen."""

import pytest
import recorded_course as small

from coursekit import course
from coursekit.classroom import evidence, lint, recorded


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A course in order, as the working folder."""
    small.build(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lint, "code", lambda notebooks: ())  # ruff, which is tested elsewhere
    readme = tmp_path / "README.md"
    readme.write_text(recorded.renewed(readme.read_text(), tmp_path))
    return tmp_path


def findings(root):
    return lint.check(course.find_notebooks([], root), root)


def with_text(root, position, text, tags=()):
    """The findings when this is the text of a cell."""
    content = small.notebook()
    content.cells[position - 1].update(source=text)
    content.cells[position - 1].metadata.update(tags=list(tags))
    small.save(root, content)
    return [(one.rule, one.cell and one.cell.position, one.message) for one in findings(root)]


def said(root, text, **more):
    """What is found when the recorded run says this."""
    return with_text(root, 6, small.RECORDED.format(text), ["recorded"], **more)


def test_a_course_in_order_has_no_findings(root):
    assert findings(root) == []


@pytest.mark.parametrize(
    "text",
    [
        "62.97 %, 63.0 %, 63 %, 62.971 %: the same at four precisions",
        "an accuracy of 0.63, 0.630 or 0.6297",
        "63 to 62.2 %",  # the unit stands behind the list
        "of 9,980 images",
        "a change of −0.78, of -0.8, and lower by 0.78",
        "the loss 1.07",
        "the rate 0.00125",  # of the code
        "the runs 62.36 and 64.35 %, with an sd of 1.20 points",  # of the stored run
        "the old course has 64 %",  # which the figure quotes
        "ResNet-18 on 32×32 pixels, `x = 17`, $x^{19}$, 2015, version 2.15.0",
        "filters 14, 15 and 16, section 17",
    ],
)
def test_what_the_run_shows_may_be_said_at_any_precision(root, text):
    assert said(root, text) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("62.98 %", "62.98"),
        ("63.1 %", "63.1"),
        ("62 %", None),  # of 62.20
        ("61 %", "61"),
        ("62.9712 %", "62.9712"),  # more than is known
        ("an accuracy of 0.64", "0.64"),
        ("of 9,981 images", "9,981"),
        ("a loss of 1.08", "1.08"),
        ("a gain of −0.79", "−0.79"),
        ("a gain of −0.63", "−0.63"),  # 0.63 is there, but it is no loss
        ("64.35 and 62.37 %", "62.37"),
        ("it took 2.5 minutes", "2.5"),  # 2.4 in the stored run
        ("7 of 10 runs", "7, 10"),
        ("a gain of −0.780", "−0.780"),  # two decimals were printed
        ("107.32 % of it", "107.32"),  # 1.0732 is no share
        ("it took 20 minutes", "20"),  # a setting is no measurement
        ("the loss is 62.97 %, the accuracy 1.08, 1.09", "1.08, 1.09"),
    ],
)
def test_a_wrong_digit_in_a_recorded_run_is_found(root, text, wrong):
    found = said(root, text)
    if wrong is None:
        assert found == []
    else:
        ((rule, cell, message),) = found
        assert (rule, cell) == ("recorded", 6) and message.startswith(f"{wrong}: not found in")


def test_an_output_of_another_section_is_no_evidence_but_a_count_is(root):
    content = small.notebook()
    content.cells[3].source, content.cells[3].metadata.tags = "print(77.31)", []
    content.cells[3].outputs = small.printed("77.31 % of 12,345\n")
    content.cells.insert(4, small.new_markdown_cell("## Next", id="cell-92"))
    content.cells[6].source = small.RECORDED.format("77.31 % of 12,345")
    small.save(root, content)
    (found,) = findings(root)
    assert found.rule == "recorded" and found.message.startswith("77.31: not found")


def test_a_recorded_run_reads_the_outputs_that_no_other_has_read(root):
    content = small.notebook()
    more = {"id": "cell-90", "metadata": {"tags": ["recorded"]}}
    content.cells.insert(
        7, small.new_markdown_cell(small.RECORDED.format("a loss of 1.07"), **more)
    )
    content.cells.insert(8, small.new_markdown_cell(small.RECORDED.format("−0.78"), **more))
    content.cells[8].id = "cell-93"
    small.save(root, content)
    (found,) = findings(root)  # the loss is stored too
    assert found.cell.id == "cell-93" and found.message.startswith("−0.78: not found")


def test_the_table_of_all_runs_is_no_evidence(root):
    runs = [small.run(), small.run("full", "H100", figures={"LeNet": small.figure(71.5)})]
    small.store(root, *runs)
    content = small.notebook()
    content.cells[8].outputs = small.shown(runs)
    more = {"id": "cell-90", "metadata": {"tags": ["recorded"]}}
    content.cells.append(small.new_markdown_cell(small.RECORDED.format("71.5 %"), **more))
    small.save(root, content)
    found = [one for one in findings(root) if one.rule != "readme"]
    assert [one.rule for one in found] == ["recorded"] and found[0].message.startswith("71.5: not")


def test_a_recorded_run_at_another_scale_is_held_to_its_stored_run(root):
    text = "<details><summary>The recorded run (full, H100)</summary>\n\n{}\n\n</details>"
    more = {"LeNet": small.figure(71.5), "loss": small.figure(0.9, unit="")}
    runs = [small.run(), small.run("full", "NVIDIA H100 80GB HBM3", figures=more)]
    small.store(root, *runs)
    content = small.notebook()
    content.cells[8].outputs = small.shown(runs)
    for said, wrong in (("71.5 %", []), ("62.97 %", ["recorded"])):
        content.cells[5].source = text.format(said)
        small.save(root, content)
        assert [one.rule for one in findings(root) if one.rule != "readme"] == wrong


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("LeNet reaches 62.97 %.", "not folded"),
        (small.RECORDED.format("So.").replace("recorded run", "run"), "not folded"),
        (small.RECORDED.format("So.").replace(", CPU", ""), "does not name scale and device"),
        (small.RECORDED.format("So.").replace("laptop", "here"), "does not name scale and device"),
    ],
)
def test_a_recorded_run_is_folded_and_names_where_it_ran(root, text, words):
    ((rule, cell, message),) = with_text(root, 6, text, ["recorded"])
    assert (rule, cell) == ("recorded", 6) and words in message


def test_a_recorded_run_has_its_tag(root):
    ((rule, _, message),) = with_text(root, 6, small.RECORDED.format("So."))
    assert rule == "recorded" and "no tag" in message


@pytest.mark.parametrize(
    "text",
    [
        "It is right in 62.97 % of the images.",
        "It is right in 63 % of the images.",
        "The accuracy is 0.630.",
        "Of 9,980 images.",
        "<details><summary>Discussion</summary>\n\nIt has 62.97 %.\n\n</details>",
        "The old course had 64 %. We have 62.97 %.",
        "| ours |\n|---|\n| 62.97 |",
        "- Look at the first:\n    it has 62.97 %.",
    ],
)
def test_elsewhere_no_number_repeats_what_a_run_measured(root, text):
    tags = ["discussion"] * ("Discussion" in text)
    ((rule, cell, message),) = with_text(root, 7, text, tags)
    assert (rule, cell) == ("unrecorded", 7) and "(output of cell 5) differs" in message


@pytest.mark.parametrize(
    "text",
    [
        "It has 156 parameters.",  # the same everywhere
        "The rate 0.00125 is small.",  # a setting
        "LeCun 1998 reports 62.97 %.",
        "The paper has 62.97 %, and the old course 63 %.",
        "[Others](https://example.org) have 62.97 %.",
        "`62.97` and $0.63$ and\n\n```\n62.97\n\nx = 62.97\n```",
        "Try it:\n\n    x = 62.97\n    y = 62.97\n\nand again.",
        "Is it 70 %? It has 63 classes, in section 63.",
    ],
)
def test_facts_settings_and_quotations_may_stand_anywhere(root, text):
    assert with_text(root, 7, text) == []


def test_a_short_number_is_compared_with_its_own_section_only(root):
    assert with_text(root, 8, "## What we saw") == []
    content = small.notebook()
    content.cells.insert(8, small.new_markdown_cell("About 63 %, or 62.97 %.", id="cell-90"))
    small.save(root, content)
    (found,) = findings(root)
    assert found.message.startswith("62.97 (output of cell 5) differs")


# ---- the stored runs


def edited(edit):
    content = small.notebook()
    edit(content.cells)
    return content


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda cells: cells[8].update(source='ck.recorded("week2_x")'), "is of another notebook"),
        (lambda cells: cells[8].update(source="1", outputs=[]), "add a cell ck.recorded"),
        (lambda cells: cells[8].update(outputs=small.printed("nothing yet")), "recorded --write"),
        (lambda cells: cells[2].update(outputs=[]), ""),  # no scale is shown: nothing to compare
    ],
)
def test_what_is_recorded_is_shown(root, edit, words):
    small.save(root, edited(edit))
    found = [one for one in findings(root) if one.rule == "stored_runs"]
    assert len(found) == bool(words) and all(words in one.message for one in found)


def test_the_outputs_are_of_the_stored_run(root):
    other = {**small.run().figures, "LeNet": small.figure(61.2, 62.36, 64.35)}
    runs = [small.run(figures=other)]
    small.store(root, *runs)
    small.save(root, edited(lambda cells: cells[8].update(outputs=small.shown(runs))))
    found = [one for one in findings(root) if one.rule == "stored_runs"]
    assert [one.message for one in found] == [
        "no output shows the mean that is stored of LeNet: print it, or, if the outputs are of "
        "another run, coursekit run week1_small --scale laptop --inplace"
    ]


def test_a_run_on_another_device_is_not_that_of_the_outputs(root):
    other = small.run(device="AMD GPU", figures={"LeNet": small.figure(50.0)})
    small.store(root, other, small.run())
    small.save(
        root, edited(lambda cells: cells[8].update(outputs=small.shown([small.run(), other])))
    )
    assert [one for one in findings(root) if one.rule == "stored_runs"] == []
    small.store(root, other)
    (found,) = [one for one in findings(root) if one.rule == "stored_runs"]
    assert "(laptop, CPU, 2 threads) is stored" in found.message


def test_a_notebook_that_records_has_a_stored_run(root):
    small.store(root, small.run("full", "H100", figures={"LeNet": small.figure(71.5)}))
    found = [one for one in findings(root) if one.rule == "stored_runs"]
    assert len(found) == 1  # not that the table is old, which only this run can mend
    small.place(root).unlink()
    found = [one for one in findings(root) if one.rule == "stored_runs"]
    assert len(found) == 1 and "(laptop, CPU, 2 threads) is stored: coursekit run" in str(found[0])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"schema": 1', '"schema": 2', "has schema 2"),
        ("62.36", "62.46", "its sum does not fit"),
        ("62.36", "NaN", "it holds NaN"),
        ("62.36", "1e999", "damaged"),
        ('"sum"', "", "damaged"),
    ],
)
def test_a_damaged_file_of_stored_runs_is_one_finding(root, old, new, words):
    path = small.place(root)
    path.write_text(path.read_text().replace(old, new, 1))
    found = [one for one in findings(root) if one.shown.endswith(".json")]
    assert len(found) == 1 and found[0].rule == "stored_runs" and words in found[0].message


def test_stored_runs_of_no_notebook_are_found(root):
    small.stored.write(small.place(root).with_name("week9_gone.json"), [small.run()])
    assert [str(one) for one in findings(root)] == [
        "coursekit/records/runs/week9_gone.json: week9_gone.json: there is no notebook week9_gone: "
        "remove the file"
    ]


# ---- the README


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("right in 63 %", "right in 65 %", "65: not found in the stored runs"),
        ("right in 63 %", "right in 62.97 %, in 2.4 minutes, of 12,345 images", ""),
        ("Whether", "In 65 % of", "65: not found"),  # written by hand in the table of weeks
        ("2 min (CPU)", "3 min (CPU)", "coursekit recorded --write"),
        ("63.0 (62.2", "63.1 (62.2", "coursekit recorded --write"),
    ],
)
def test_the_readme_says_what_the_runs_say(root, old, new, words):
    readme = root / "README.md"
    assert old in readme.read_text()
    readme.write_text(readme.read_text().replace(old, new))
    found = findings(root)
    assert [one.rule for one in found] == ["readme"] * bool(words)
    assert all(words in one.message for one in found)


def test_the_readme_may_quote_a_benchmark(root):
    (root / "benchmarks" / "results").mkdir(parents=True)
    (root / "benchmarks" / "results" / "speed.json").write_text('{"ratio": 69.685}')
    readme = root / "README.md"
    for text, wrong in (("70×", 0), ("69.7 times", 0), ("71×", 1)):
        readme.write_text(recorded.renewed(small.README + f"\nFaster: {text}\n", root))
        assert len(findings(root)) == wrong


# ---- numbers as they are read


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("From 62.2 to 64.4 % and 3 seeds", [("62.2", "%"), ("64.4", "%"), ("3", "")]),
        ("12,345 images, 1.5e-3", [("12,345", ""), ("1.5e-3", "")]),
        ("−0.8 dB, 5–7 %", [("−0.8", "dB"), ("5", "%"), ("7", "%")]),
        ("70× and 4.3 times", [("70", "×"), ("4.3", "times")]),
        ("VGG16, conv2, 7x7, 2nd, w2-q3, 1/255, 2026-11-26, 3-D", [("1", "")]),
        ("with 95 % confidence, in 95 %", [("95", "%")]),
        ("filters 1 and 4, layer 3, 97.6 %, epoch 7 and 63 %", [("97.6", "%"), ("63", "%")]),
        ("1e999 and 1e999 %", [("1e999", "%"), ("1e999", "%")]),
    ],
)
def test_numbers_are_read_with_their_units(text, numbers):
    assert [(one.text, one.unit) for one in evidence.numbers(text)] == numbers
