"""Whose a file is, as its path tells it."""

import pytest

from coursekit.handin.submissions import listed, whose


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
    assert whose([tuple(path.split("/")) for path in paths], ["week1_a", "week2_b"]) == names


@pytest.mark.parametrize(
    ("path", "person"),
    [
        ("m.zip/Ada L_12_assignsubmission_file_/week1_a.ipynb", ("Ada L", "12")),
        ("c.zip/lovelaceada_LATE_12_345_week1-1.ipynb", ("lovelaceada", "12")),
        ("m.zip/a\u202eb_3_assignsubmission_file_/x.ipynb", ("a\\u202eb", "3")),
        ("Ada_12_assignsubmission_file_/week1_a.ipynb", ("", "")),  # the name of what was asked for
        ("in/ada/week1_a.ipynb", ("", "")),
    ],
)
def test_who_is_listed_by_a_platform(path, person):
    assert listed(tuple(path.split("/"))) == person
