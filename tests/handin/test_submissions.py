"""Whose a file is, as its path tells it."""

import re
import time

import pytest
from patience import HANGS

from coursekit.handin.owners import Owners, listed

STEMS = ["week1_mnist", "week2_lenet"]
# Ways in which classes hand in, a line for each: its name, then for each notebook the week, a sign
# for its owner, and the path; @ is the sign that a Mac puts behind the e of Zoë.
LAYOUTS = """
dates in names | 1 a in/ada/hw_2026_11_25 | 1 b in/bob/hw_2026_11_26
numbers in names | 1 a ada/hw_7_8_x | 1 b bob/hw_7_9_x
numbers in a row | 1 a in/hw_7_8_ada | 1 b in/hw_7_8_bob
teams in a row | 1 a in/red_1_2_ada | 1 b in/red_1_2_bob | 1 c in/blue_1_2_cem
dates in a row | 1 a in/hw_2026_11_25_ada | 1 b in/hw_2026_11_25_bob
a friend's file | 1 e in/eve/bob_7_8_week1 | 1 b in/bob/week1 | 1 a in/ada/x
friends' files, two weeks | 1 e in/eve/bob_7_8_week1 | 2 e in/eve/ada_9_11_week2
    | 1 m in/max/li_3_4_week1 | 2 m in/max/yu_5_6_week2
dates, two weeks | 1 a in/ada/hw_2026_11_25 | 2 a in/ada/lab_2026_10_01
    | 1 b in/bob/hw_2026_12_26 | 2 b in/bob/lab_2026_09_01
a name like a week | 1 a in/submitted/w2/ps3/x | 2 a in/submitted/w2/ps4/x
    | 1 b in/submitted/bob/ps3/x | 2 b in/submitted/bob/ps4/x
as Canvas writes | 1 e in/eve/bob_7_8_week1 | 1 b in/bob/bob_7_9_week1 | 1 c in/cem/cem_8_10_x
Moodle | 1 a m.zip/Ada L_1_assignsubmission_file_/x
    | 1 b m.zip/Bob_2_assignsubmission_file_/x/y.zip/z
Moodle, flat | 1 a m.zip/Ada_1_assignsubmission_file_x | 1 b m.zip/Bob_2_assignsubmission_file_x
Moodle, blind | 1 a m/Participant_1_assignsubmission_file_/x
    | 1 b m/Participant_2_assignsubmission_file_/x
Moodle, weeks | 1 a in/1.zip/Ada_1_assignsubmission_file_/x
    | 1 b in/1.zip/Bob_2_assignsubmission_file_/x | 2 a in/2.zip/Ada_8_assignsubmission_file_/x
    | 2 b in/2.zip/Bob_9_assignsubmission_file_/x
Moodle, classes | 1 a A.zip/Ada_1_assignsubmission_file_/x
    | 1 b B.zip/Ada_8_assignsubmission_file_/x
Moodle, files as Canvas's | 1 a m/Ada_1_assignsubmission_file_/cem_7_8_x
    | 1 b m/Bob_2_assignsubmission_file_/ada_7_9_x
Canvas | 1 a c.zip/lovelaceada_LATE_12_345_x-1 | 1 b c.zip/bob_13_346_x | 2 b c.zip/bob_13_347_x
Canvas, namesakes | 1 a c.zip/liwei_12_345_x | 1 b c.zip/liwei_13_346_x | 1 c c.zip/bob_14_347_x
Canvas, no names | 1 a c/anon_aB3xY_345_x-1 | 1 b c/anon_LATE_bB3xY_346_x
Blackboard | 1 d b/HW_1_de_groot_attempt_2026-11-25-10-00-00_x
    | 1 a b/HW_1_ada_attempt_2026-11-25-10-00-00_x
    | 1 d b/HW_1_de_groot_attempt_2026-11-26-10-00-00_x
Blackboard, numbers | 1 a b/HW_7_attempt_2026-11-25-10-00-00_x
    | 1 b b/HW_8_attempt_2026-11-25-10-00-00_x | 1 c b/HW_123_attempt_2026-11-25-10-00-00_x
Brightspace | 1 a d/12-9 - Ada L - Nov 25, 2026 1013 AM/x
    | 1 b d/13-9 - Bob - Nov 25, 2026 1013 AM/x | 1 b d/13-9 - Bob - Nov 26, 2026 914 PM/x
Sakai | 1 a s/HW1/Li, Wei(12)/Submission attachment(s)/x
    | 1 b s/HW1/Li, Wei(13)/Submission attachment(s)/x
ILIAS | 1 w i/Submissions/Li_Wei_lw_1/20261125101300_x
    | 1 n i/Submissions/Li_Na_ln_2/20261125101301_x
Google Classroom | 1 a in/Ada L - week1_mnist | 1 b in/Bob - Copy of week1_mnist
    | 2 a in/Ada L - week2_lenet
nbgrader | 1 a submitted/ada/ps1/x | 2 a submitted/ada/ps2/x | 1 s submitted/s1002/ps1/x
GitHub Classroom | 1 a in/week1-ada/notebooks/week1_mnist
    | 2 a in/week1-ada/notebooks/week2_lenet
    | 1 b in/week1-bob/notebooks/week1_mnist
student numbers | 1 a in/2023001_张伟_第1周 | 2 a in/2023001_张伟_第二周
    | 1 b in/2023002_张伟_第１周
homework | 1 a in/20230101-张伟-作业1 | 2 a in/20230101-张伟-作业２ | 1 b in/20230102-李-作业1
flat | 1 l in/li_week1 | 2 l in/li_week2 | 1 n in/li_na_week1 | 1 2 in/li2_week1
    | 1 v in/van_der_berg_week1
folders | 1 l in/li/first | 2 l in/li/second | 1 n in/li_na/mine | 1 2 in/li2/x
weeks | 1 l in/week1/li | 2 l in/week2/li | 1 n in/week1/li_na | 2 w in/week2/wu
topics | 1 l in/basics/li | 2 l in/nets/li | 1 n in/basics/li_na | 2 n in/nets/li_na
a student's weeks | 1 l in/li/week1/x | 2 l in/li/week2/x | 1 n in/li_na/week1/x
a student's topics | 1 l in/li/basics/x | 2 l in/li/nets/x | 1 n in/li_na/basics/x
    | 2 n in/li_na/nets/x
archives | 1 l class.zip/li.zip/x | 1 n class.zip/li_na.zip/x
classes | 1 a A.zip/ada | 1 b A.zip/bob | 1 c B.zip/ada | 1 d B.zip/bob
groups | 1 a in/A/ada/x | 1 b in/A/bob/x | 1 c in/B/cem/x | 1 d in/B/dan/x
letters of two systems | 1 z in/Zoe@/x | 2 z in/Zoë/y | 1 y in/Zoe/x
case, blanks, width | 1 a in/Ada_week1 | 2 a in/ADA _week2 | 1 n in/２１_week1 | 2 n in/21_week2
copies | 1 a in/ada | 1 a in/ada (1) | 1 a in/Copy of ada | 1 a in/ada-Copy2 | 1 a in/ada_final
    | 1 b in/bob
no names | 1 a in/Untitled | 1 b in/Untitled1 | 1 c in/Untitled2
called like a week | 1 a in/w1/week1 | 2 a in/w1/week2 | 1 b in/w2/week1 | 2 b in/w2/week2
who tries twice | 1 a in/ada/try | 1 a in/ada/last | 1 b in/b/x | 1 c in/c/y | 1 d in/d/z
    | 1 e in/e/x
tries of a small class | 1 a in/ada/try | 1 a in/ada/last | 1 b in/bob/week1 | 1 c in/cem/week1
short weeks | 1 l in/li_w1 | 2 l in/li_w2 | 1 w in/wu_w1
topics in names | 1 a in/ada_mnist | 2 a in/ada_lenet | 1 b in/bob_mnist
no names, two weeks | 1 p in/1.zip/Participant_1_assignsubmission_file_/x
    | 2 q in/2.zip/Participant_8_assignsubmission_file_/x
one student | 1 a ada/week1 | 2 a ada/week2
"""


@pytest.mark.parametrize("layout", re.sub(r"\n +", " ", LAYOUTS).strip().splitlines())
def test_nobody_becomes_two_and_no_two_become_one(layout):
    lines = [line.split(" ", 2) for line in layout.replace("@", "\u0308").split(" | ")[1:]]
    paths = [tuple(f"{path}.ipynb".split("/")) for _, _, path in lines]
    names = Owners(paths, STEMS, [STEMS[int(week) - 1] for week, _, _ in lines]).names
    people = {(owner, name) for (_, owner, _), name in zip(lines, names)}
    assert len(people) == len({*names}) == len({owner for _, owner, _ in lines}), people


def test_what_cannot_be_told_is_said():
    def doubts(*paths):
        return Owners([tuple(path.split("/")) for path in paths], STEMS).doubts

    assert "3 files without a name" in doubts("in/a/x", "in/Untitled", "in/week1", "in/week2")[0]
    assert "kept apart: A, B" in doubts("A.zip/ada", "A.zip/bob", "B.zip/ada", "B.zip/bob")[0]
    assert (
        "several names: ada"
        in doubts(*(f"in/ada/{x}" for x in "xy"), *(f"in/{x}/x" for x in "bcde"))[0]
    )
    assert doubts("in/ada/x", "in/bob/x") == []
    assert doubts(*(f"in/Untitled{i}" for i in range(5)))[0].endswith("2 and 2 more")


def test_long_names_do_not_hang():
    start = time.process_time()
    for part in ("_", "a_1_2", "- ", ".zip", "w0", "1-1 - ", "\u0345" * 99 + "\u0327" * 99, " (1)"):
        name = part * (60_000 // len(part))
        paths = [("in", f"{name}{i}.ipynb") for i in "xy"]
        assert len({*Owners(paths, STEMS).names}) == 2
    assert time.process_time() - start < HANGS


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
        (["in/A/ada.ipynb", "in/A/bob.ipynb", "in/B/ada.ipynb"], ["A/ada", "A/bob", "B/ada"]),
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
    paths = [tuple(path.split("/")) for path in paths]
    assert Owners(paths, ["week1_a", "week2_b"]).names == names


@pytest.mark.parametrize(
    ("path", "person"),
    [
        ("m.zip/Ada L_12_assignsubmission_file_/week1_a.ipynb", "Ada L"),
        ("c.zip/lovelaceada_LATE_12_345_week1-1.ipynb", "lovelaceada"),
        ("m.zip/a\u202eb_3_assignsubmission_file_/x.ipynb", "a\\u202eb"),
        ("Ada_12_assignsubmission_file_/week1_a.ipynb", ""),  # the name of what was asked for
        ("in/ada/week1_a.ipynb", ""),
    ],
)
def test_who_is_listed_by_a_platform(path, person):
    assert listed(tuple(path.split("/"))) == person
