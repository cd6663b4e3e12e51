"""What is said of two recipes, against SciPy and statsmodels."""

import math
from functools import partial

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestIndPower, TTestPower

import coursekit as ck
from coursekit.experiments import Runs, seeds_needed


def runs_of(values, seeds=None, name="runs"):
    return Runs(name, tuple(range(len(values)) if seeds is None else seeds), tuple(values))


# ---- compare, against SciPy by hand

A = [93.1, 92.8, 93.4, 93.0, 92.7]
B = [93.9, 93.4, 94.0, 93.9, 93.6]
C = [92.9, 93.3, 93.2, 92.6, 93.5, 92.2]


def test_paired_runs_by_hand():
    """The same seeds in another order: each run finds its partner."""
    order = [3, 0, 4, 1, 2]
    table = ck.compare({"a": runs_of(A), "b": runs_of([B[i] for i in order], order)}, unit="points")
    found, test = table.differences["b"], stats.ttest_rel(B, A)
    assert table.paired and found.p == found.adjusted == test.pvalue
    assert found.interval == pytest.approx(tuple(test.confidence_interval(0.95)))
    change = np.subtract(B, A)
    assert (found.difference, found.effect) == pytest.approx(
        (change.mean(), change.mean() / change.std(ddof=1))
    )
    assert found.p_spread == pytest.approx(stats.levene(A, B, center="median").pvalue)
    assert found.verdict == "better by 0.76 points (0.57 to 0.95)"
    for name, values in {"a": A, "b": B}.items():
        arm = table.arms[name]
        low, high = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
        assert (arm.mean, arm.sd, *arm.interval) == pytest.approx(
            (np.mean(values), np.std(values, ddof=1), low, high)
        )


@pytest.mark.parametrize(
    "arms",
    [
        {"a": A, "c": C},
        {"a": runs_of(A), "c": runs_of(C)},
        {"a": runs_of(A), "c": np.array(C)},
        {"a": tuple(A), "c": runs_of(C)},
    ],
)
def test_unpaired_runs_by_hand(arms):
    table = ck.compare(arms)
    found, test = table.differences["c"], stats.ttest_ind(C, A, equal_var=False)
    assert not table.paired and found.p == test.pvalue
    assert found.interval == pytest.approx(tuple(test.confidence_interval(0.95)))
    pooled = math.sqrt((4 * np.var(A, ddof=1) + 5 * np.var(C, ddof=1)) / 9)
    assert found.effect == pytest.approx((np.mean(C) - np.mean(A)) / pooled)
    assert found.verdict == "no difference shown"


def test_pairing_is_chosen_or_found():
    table = ck.compare({"a": A, "b": B}, paired=True)  # of photos, say
    assert repr(table).endswith("paired t test, number by number")
    assert repr(ck.compare({"a": runs_of(A), "b": runs_of(B)})).endswith("t test, seed by seed")
    assert not ck.compare({"a": A, "b": B}).paired
    assert (
        ck.compare({"a": A, "b": B}, paired=True).differences["b"].p == stats.ttest_rel(B, A).pvalue
    )
    welch = ck.compare({"a": runs_of(A), "b": runs_of(B)}, paired=False)
    assert welch.differences["b"].p == stats.ttest_ind(B, A, equal_var=False).pvalue
    assert not ck.compare({"a": runs_of(A), "b": runs_of(B, range(1, 6))}).paired


def test_metrics_scale_and_direction():
    runs = {
        name: runs_of([{"accuracy": x / 100, "loss": 100 - x} for x in values])
        for name, values in zip("ab", (A, B))
    }
    points = ck.compare(runs, metric="accuracy", scale=100, unit="points")
    assert points.arms["a"].values == pytest.approx(np.array(A)) and points.metric == "accuracy"
    assert points.differences["b"].verdict == "better by 0.76 points (0.57 to 0.95)"
    assert (
        ck.compare(runs, metric="loss").differences["b"].verdict == "worse by 0.76 (0.57 to 0.95)"
    )
    assert (
        ck.compare(runs, metric="loss", better="lower").differences["b"].verdict
        == "better by 0.76 (0.57 to 0.95)"
    )
    single = {
        name: runs_of([{"OA": x} for x in values]) for name, values in {"a": A, "b": B}.items()
    }
    assert ck.compare(single).metric == "OA"


# ---- several comparisons at once: p and intervals are adjusted together


def some_arms(generator, paired):
    """2 to 8 arms with means and spreads of their own, and whether they truly differ little."""
    n = generator.integers(2, 12)
    sizes = [n if paired else generator.integers(2, 12) for _ in range(generator.integers(2, 9))]
    return {
        f"arm {i}": generator.normal(generator.normal(0, 1), generator.uniform(0.1, 3), size)
        for i, size in enumerate(sizes)
    }


@pytest.mark.parametrize("paired", [False, True])
def test_p_and_interval_never_disagree(paired):
    """Over a thousand tables of up to seven comparisons: the interval leaves out zero exactly where
    the adjusted p is below 0.05, and there alone a difference is named."""
    generator, shown, hidden = np.random.default_rng(3), 0, 0
    for _ in range(1000):
        table = ck.compare(some_arms(generator, paired), paired=paired)
        for found in table.differences.values():
            low, high = found.interval
            assert (not low <= 0 <= high) == (found.adjusted < 0.05)
            named = found.verdict.startswith(("better by", "worse by"))
            assert named == (found.adjusted < 0.05)
            assert named or found.verdict == "no difference shown"
            shown, hidden = shown + named, hidden + (not named)
    assert min(shown, hidden) > 400


@pytest.mark.parametrize("paired", [False, True])
def test_bonferroni_as_by_statsmodels_and_scipy(paired):
    generator = np.random.default_rng(4)
    arms = {name: generator.normal(mean, 1, 8) for name, mean in zip("abcd", (0, 1.2, 0.1, 3))}
    table = ck.compare(arms, paired=paired)
    found = list(table.differences.values())
    expected = multipletests([x.p for x in found], method="bonferroni")[1]
    assert [x.adjusted for x in found] == pytest.approx(expected)
    for name, x in table.differences.items():
        difference = stats.ttest_rel if paired else partial(stats.ttest_ind, equal_var=False)
        interval = difference(arms[name], arms["a"]).confidence_interval(1 - 0.05 / 3)
        assert x.interval == pytest.approx(tuple(interval))
    words = "p and the intervals of differences adjusted for 3 comparisons (Bonferroni)"
    assert repr(table).endswith(words) and words in table._repr_markdown_()
    head = "| minus a | 95 % together | p | d |"
    assert "95 % together" in repr(table).splitlines()[0] and head in table._repr_markdown_()
    alone = repr(ck.compare({"a": A, "b": B}))
    assert alone.splitlines()[0].count("95 % interval") == 2 and "together" not in alone
    assert "adjusted" not in alone and "Welch's t test, not paired" in alone


def test_what_one_comparison_shows_seven_may_not():
    """p = 0.02 in a table of one, seven times that in a table of seven: no difference is named."""
    base, changed = np.array([0.0, 1, 2, 3, 4]), np.array([2.4, 4.7, 4.1, 6.2, 6.1])
    alone = ck.compare({"a": base, "b": changed}).differences["b"]
    arms = {"a": base, "b": changed} | {f"c{i}": base for i in range(6)}
    among = ck.compare(arms).differences["b"]
    assert 0.05 / 7 < alone.p == among.p < 0.05 and among.adjusted == pytest.approx(7 * alone.p)
    assert alone.verdict.startswith("better by") and among.verdict == "no difference shown"
    assert alone.interval[0] > 0 > among.interval[0]


@pytest.mark.parametrize("paired", [False, True])
def test_seven_comparisons_of_one_recipe(paired):
    """1,000 tables of eight equal arms: 5 % of them at most, as chance allows (99.9 %), name any
    difference (and some do); in the others all seven intervals hold zero. Without adjusting, far
    more would be named."""
    generator, named, covered, alone = np.random.default_rng(5), 0, 0, 0
    for _ in range(1000):
        arms = generator.normal(97, 0.3, (8, 6)) + paired * generator.normal(0, 1, 6)
        table = ck.compare(dict(zip("abcdefgh", arms)), paired=paired)
        found = table.differences.values()
        named += any(x.verdict != "no difference shown" for x in found)
        covered += all(x.interval[0] <= 0 <= x.interval[1] for x in found)
        alone += any(x.p < 0.05 for x in found)
    _, most = stats.binom.interval(0.999, 1000, 0.05)
    assert 0.01 * 1000 < named <= most
    assert covered >= 1000 - most
    assert alone > 0.15 * 1000


def test_seven_true_differences_are_covered_at_once():
    """Eight arms that differ in means and, threefold, in spread: the seven intervals hold the seven
    true differences at once in at least 95 % of 1,000 tables."""
    generator, covered = np.random.default_rng(6), 0
    means, spreads = np.arange(8.0), np.array([1, 3] * 4)
    for _ in range(1000):
        arms = generator.normal(means[:, None], spreads[:, None], (8, 8))
        found = ck.compare(dict(zip("abcdefgh", arms))).differences.values()
        covered += all(x.interval[0] <= true <= x.interval[1] for x, true in zip(found, means[1:]))
    assert covered >= stats.binom.ppf(0.001, 1000, 0.95)


# ---- how many seeds, how often wrong


def test_seeds_needed_as_in_the_usual_tables():
    """Computed once with another program from the noncentral t distribution, for two arms."""
    expected = {
        0.15: [37, 10, 6, 3, 2],
        0.32: [162, 42, 19, 8, 3],
        0.5: [394, 100, 45, 17, 6],
        2.24: [7878, 1971, 877, 317, 80],
    }
    assert {
        sd: [seeds_needed(size, sd) for size in (0.1, 0.2, 0.3, 0.5, 1.0)] for sd in expected
    } == expected


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("sd", np.geomspace(0.05, 5, 20))
def test_seeds_needed_as_by_statsmodels(sd, paired):
    """As few as have the power, for 50 differences with each of 20 spreads. Far out its two-sided
    power is NaN too: that of the larger side alone is the same there."""
    test = TTestPower() if paired else TTestIndPower()

    def power(effect, n):
        both = test.power(effect, n, 0.05)
        return test.power(effect, n, 0.025, alternative="larger") if math.isnan(both) else both

    for difference in np.geomspace(0.02, 20, 50):
        n, effect = seeds_needed(difference, sd, paired=paired), difference / sd
        assert n >= 2 and power(effect, n) >= 0.8 and (n == 2 or power(effect, n - 1) < 0.8)


@pytest.mark.parametrize(
    ("effect", "paired", "n"), [(12.85, True, 2), (4.98, True, 3), (5.01, True, 3), (60, False, 2)]
)
def test_seeds_needed_for_a_difference_that_nobody_can_miss(effect, paired, n):
    assert seeds_needed(effect, 1, paired=paired) == n


@pytest.mark.parametrize("paired", [False, True])
def test_seeds_needed_have_the_power(paired):
    """By simulation: 80 % of the experiments with so many seeds show the difference, fewer of those
    with one seed less."""
    n, power = seeds_needed(0.9, 1, paired=paired), []
    for count in (n, n - 1):
        generator = np.random.default_rng(0)
        a, b = generator.normal(0, 1, (20000, count)), generator.normal(0.9, 1, (20000, count))
        test = stats.ttest_1samp(b, 0, axis=1) if paired else stats.ttest_ind(a, b, axis=1)
        power.append((test.pvalue < 0.05).mean())
    assert power[1] - 0.01 < 0.8 < power[0] + 0.01


def test_seeds_needed_for_the_extremes():
    assert seeds_needed(1e9, 1) == 2 and seeds_needed(-0.3, 0.15) == 6
    assert seeds_needed(1e-5, 1) == pytest.approx(1.5698e11, rel=1e-4)
    for difference, sd in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match="neither may be zero"):
            seeds_needed(difference, sd)


@pytest.mark.parametrize("paired", [False, True])
def test_two_equal_recipes_are_rarely_called_different(paired):
    """2,000 experiments with nothing to find: 5 % of them, as chance allows (99.9 %), show a
    difference all the same."""
    generator, shown = np.random.default_rng(0), 0
    for _ in range(2000):
        a, b = generator.normal(93, 0.3, (2, 6)) + paired * generator.normal(
            0, 1, 6
        )  # paired: a seed shifts both
        table = ck.compare({"a": a, "b": b}, paired=paired)
        shown += not table.differences["b"].verdict.startswith("no difference shown")
    low, high = stats.binom.interval(0.999, 2000, 0.05)
    assert low <= shown <= high


# ---- compare: bad input and no spread


@pytest.mark.parametrize(
    ("arms", "options", "words"),
    [
        ({}, {}, "nothing to compare"),
        ({"a": A, "b": []}, {}, "b must be at least two runs, but is 0"),
        ({"a": [1.0], "b": B}, {}, "a must be at least two runs, but is 1: only the spread"),
        ({"a": runs_of([1.0]), "b": runs_of([2.0])}, {}, "at least two runs, but is 1"),
        ({"a": runs_of([]), "b": runs_of([])}, {}, "at least two runs, but is 0"),
        ({"a": 0.9, "b": B}, {}, "a must be at least two runs, but is no list"),
        ({"a": [A, A], "b": B}, {}, "no list of numbers"),
        ({"a": A, "b": [*B, math.nan]}, {}, "b has a number that is not finite: nan"),
        ({"a": A, "c": C}, {"paired": True}, "numbers of runs differ .a 5, c 6."),
        (
            {"a": runs_of(A), "b": runs_of(B, range(1, 6))},
            {"paired": True},
            "seeds or numbers of runs differ",
        ),
        ({"a": runs_of(A), "b": B}, {"paired": True}, "seeds or numbers of runs differ"),
        ({"a": runs_of([{"x": 1, "y": 2}] * 2)}, {}, "a: choose metric= from x, y$"),
        (
            {"a": runs_of([{"x": 1, "y": 2}] * 2)},
            {"metric": "z"},
            "a: choose metric= from x, y, there is no 'z'",
        ),
        (
            {"a": runs_of([{"x": 1}] * 2)},
            {"metric": "z"},
            "a: choose metric= from x, there is no 'z'",
        ),
        ({"a": A}, {"better": "more"}, "better must be 'higher' or 'lower', not 'more'"),
    ],
)
def test_bad_input(arms, options, words):
    with pytest.raises(ValueError, match=words):
        ck.compare(arms, **options)


@pytest.mark.parametrize(
    ("a", "b", "paired", "verdict"),
    [
        ([1, 1, 1], [1, 1, 1], False, "the same in every run"),
        ([1, 2, 4], [1, 2, 4], True, "the same in every run"),
        ([1, 1, 1], [3, 3, 3], False, "better by 2.0000, without any spread that a test could use"),
        (
            [0.1, 0.2, 0.4],
            [0.4, 0.5, 0.7],
            True,
            "better by 0.30, without any spread that a test could use",
        ),
        ([1, 1, 1, 1], [3, 3.1, 2.9, 3], False, "better by 2.000 (1.870 to 2.130)"),
        ([1, 2, 3], [3, 2, 1], False, "no difference shown"),
    ],
)
def test_without_spread(a, b, paired, verdict):
    table = ck.compare({"a": a, "b": b}, paired=paired)
    assert table.differences["b"].verdict == verdict
    assert repr(table) and table._repr_markdown_() and table.plot()


# ---- how it looks

TABLE = """\
accuracy
     n  mean (points)    sd   95 % interval  minus old   95 % interval        p     d
─────────────────────────────────────────────────────────────────────────────────────
old  5          93.00  0.27  92.66 to 93.34
new  5          93.76  0.25  93.45 to 94.07      +0.76  +0.57 to +0.95  < 0.001  5.01
new: better by 0.76 points (0.57 to 0.95)
paired t test, seed by seed"""


def table(first="constant", second="to zero"):
    runs = {
        name: runs_of([{"accuracy": x / 100} for x in values])
        for name, values in {first: A, second: B}.items()
    }
    return ck.compare(runs, scale=100, unit="points")


def test_the_table_as_text():
    assert repr(table("old", "new")) == TABLE


def test_the_table_in_markdown():
    lines = table()._repr_markdown_().splitlines()
    assert lines[0].startswith("| accuracy | n | mean (points) | sd |")
    assert lines[1].startswith("| :-- | --: |")
    assert len({line.count("|") for line in lines[:4]}) == 1
    assert lines[4:6] == ["", "- to zero: better by 0.76 points (0.57 to 0.95)"]
    assert "a\\|b" in ck.compare({"a|b": A})._repr_markdown_()


def test_one_arm_alone_has_its_interval():
    head, _, row = repr(ck.compare({"a": A})).splitlines()
    assert (
        head.split() == "n mean sd 95 % interval".split()
        and row.split() == "a 5 93.00 0.27 92.66 to 93.34".split()
    )


def test_the_plot_shows_every_run():
    picture = table().plot(title="Two schedules")
    (axis,) = picture.figure.axes
    dots = [
        np.asarray(points.get_offsets())[:, 0]
        for points in axis.collections
        if isinstance(points, PathCollection)
    ]
    assert [part.tolist() for part in dots] == [pytest.approx(A), pytest.approx(B)]
    joined = [line.get_xdata() for line in axis.lines if line.get_color() == "grey"]
    assert [list(pair) for pair in joined] == [pytest.approx(pair) for pair in zip(A, B)]
    for words in (
        "Two schedules",
        "constant: 5 runs, mean 93.00 (92.66 to 93.34)",
        "better by 0.76 points",
    ):
        assert words in picture.alt
    unpaired = ck.compare({"a": A, "c": C}).plot()
    assert (
        not [line for line in unpaired.figure.axes[0].lines if line.get_color() == "grey"]
        and unpaired.png()
    )
