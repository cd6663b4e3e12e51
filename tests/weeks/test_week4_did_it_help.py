"""What the notebook "Did it help?" defines: the statistics that it writes out itself, against other
ways to compute them."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from notebooks import definitions


@pytest.fixture(scope="module")
def week4():
    space = definitions("week4_did_it_help")
    assert space.names == ["lr", "batch_size", "smoothing"]  # a literal, so it is there as well
    return space


numbers = st.lists(st.integers(0, 9), min_size=2, max_size=5)


@given(numbers, numbers)
def test_shuffled_as_by_scipy(week4, before, after):
    """The exact permutation test of the difference of the means, ties and all."""
    ways, p = week4.shuffled(before, after)

    def difference(x, y, axis):
        return np.mean(y, axis=axis) - np.mean(x, axis=axis)

    test = stats.permutation_test((before, after), difference, n_resamples=np.inf)
    far = np.abs(test.null_distribution) >= abs(test.statistic) - 1e-9
    assert ways[0] == pytest.approx(test.statistic)
    assert sorted(ways) == pytest.approx(sorted(test.null_distribution))
    assert p == pytest.approx(far.mean())


@pytest.mark.parametrize(("n", "smallest"), [(2, 2 / 6), (3, 0.1), (4, 2 / 70), (5, 2 / 252)])
def test_the_smallest_p_of_shuffling(week4, n, smallest):
    generator = np.random.default_rng(n)
    before, after = generator.normal(0, 1, n), generator.normal(50, 1, n)
    assert week4.shuffled(before, after)[1] == pytest.approx(smallest)
    assert week4.shuffled(after, before)[1] == pytest.approx(smallest)
    others = [week4.shuffled(*generator.normal(0, 1, (2, n)))[1] for _ in range(50)]
    assert min(others) >= smallest - 1e-12


def test_welch_as_by_scipy(week4):
    """Along the last axis of many tables at once, one base against seven arms, unequal spreads."""
    generator = np.random.default_rng(0)
    arms = generator.normal(0, generator.uniform(0.1, 5, (40, 8, 1)), (40, 8, 6))
    p = week4.welch_p(arms[:, 1:], arms[:, :1])
    for table in range(40):
        for arm in range(7):
            test = stats.ttest_ind(arms[table, arm + 1], arms[table, 0], equal_var=False)
            assert p[table, arm] == pytest.approx(test.pvalue)


def test_judged_is_the_adjusted_test_of_one_sample(week4):
    generator = np.random.default_rng(1)
    samples = generator.normal(generator.normal(0, 1, (300, 1)), 1, (300, 7))
    pvalues = stats.ttest_1samp(samples, 0, axis=1).pvalue
    adjusted = multipletests(pvalues[:11], method="bonferroni")[1]
    shown = set()
    for i, values in enumerate(samples):
        mean, low, high, p, verdict = week4.judged(values, 11)
        assert p == pytest.approx(adjusted[i]) if i < 11 else p <= 1
        t = stats.t.ppf(1 - 0.025 / 11, 6) * values.std(ddof=1) / np.sqrt(7)
        assert (mean, low, high) == pytest.approx((values.mean(), mean - t, mean + t))
        word = "above zero" if low > 0 else "below zero" if high < 0 else "no difference shown"
        assert verdict == word
        shown.add(word)
    assert len(shown) == 3


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_mcnemar_counts_what_they_disagree_on(week4, pairs):
    first, second = np.array(pairs).T
    only_first, only_second, p = week4.mcnemar(first, second)
    assert only_first == sum(a and not b for a, b in pairs)
    assert only_second == sum(b and not a for a, b in pairs)
    n, k = only_first + only_second, min(only_first, only_second)
    assert p == pytest.approx(min(1.0, 2 * stats.binom.cdf(k, n, 0.5)))


def test_mcnemar_of_a_known_table(week4):
    """4 against 10: p = 0.18, as in the discussion of Week 3."""
    first = np.array([True] * 4 + [False] * 10 + [True] * 986)
    second = np.array([False] * 4 + [True] * 10 + [True] * 986)
    assert week4.mcnemar(first, second) == (4, 10, pytest.approx(0.1796, abs=1e-4))


LEVELS = list(itertools.product((0, 1), repeat=3))


def test_factorial_effects_are_those_of_a_linear_model(week4):
    """Twice the coefficients of a least-squares fit with levels -1 and +1 and all products, for
    each seed."""
    values = np.random.default_rng(0).normal(90, 2, (8, 5))
    effects = week4.factorial_effects(dict(zip(LEVELS, values)), week4.names)
    signs = np.array(LEVELS) * 2 - 1
    chosen = [c for order in (1, 2, 3) for c in itertools.combinations(range(3), order)]
    design = np.column_stack([np.ones(8), *(signs[:, c].prod(1) for c in chosen)])
    coefficients = np.linalg.lstsq(design, values, rcond=None)[0][1:]
    assert list(effects) == [" × ".join(week4.names[i] for i in c) for c in chosen]
    assert np.stack(list(effects.values())) == pytest.approx(2 * coefficients)


def test_an_interaction_is_half_the_difference_of_the_effects(week4):
    """The words of the text: the effect of one setting at the second and at the first value of the
    other."""
    cells = {(a, b, c): np.array([10.0 * a + 4 * b - 6 * a * b, 1.0]) for a, b, c in LEVELS}
    effects = week4.factorial_effects(cells, ["a", "b", "c"])
    at_second, at_first = (cells[1, 1, 0] - cells[0, 1, 0]), (cells[1, 0, 0] - cells[0, 0, 0])
    assert (at_second - at_first)[0] / 2 == pytest.approx(-3)
    assert effects["a × b"] == pytest.approx([-3, 0])
    assert effects["a"] == pytest.approx([10 - 3, 0])
    assert effects["c"] == pytest.approx([0, 0])


def test_an_interaction_of_three_is_half_the_difference_of_that_of_two(week4):
    """And every effect of eight combinations is a signed sum, divided by four."""
    cells = dict(zip(LEVELS, np.random.default_rng(2).normal(90, 2, (8, 4))))
    effects = week4.factorial_effects(cells, ["a", "b", "c"])

    def of_two(c):
        at_second, at_first = cells[1, 1, c] - cells[0, 1, c], cells[1, 0, c] - cells[0, 0, c]
        return (at_second - at_first) / 2

    assert effects["a × b × c"] == pytest.approx((of_two(1) - of_two(0)) / 2)
    signed = sum((-1) ** (3 - sum(levels)) * values for levels, values in cells.items())
    assert effects["a × b × c"] == pytest.approx(signed / 4)


def test_a_run_without_a_result_counts_as_guessing(week4, monkeypatch):
    """Whatever it is measured on."""
    space = week4.accuracy_on.__globals__

    def diverges(seed, lr):
        if seed:
            raise FloatingPointError("the loss is inf")
        return lr

    monkeypatch.setitem(space, "train_net", diverges)
    monkeypatch.setitem(space, "accuracy_of", lambda net, images: net + len(images.classes))
    functions = {"choosing": week4.choose_once, "judging": week4.judge_once}
    for n, (name, once) in enumerate((functions | {"test": week4.accuracy_once}).items(), start=2):
        monkeypatch.setitem(space, name, SimpleNamespace(classes=range(n)))
        assert (once(0, lr=0.5), once(1, lr=0.5)) == (n + 0.5, 1 / n)


def test_the_options_of_a_combination(week4):
    factors = {"lr": (0.03, 0.01), "batch_size": (64, 16), "smoothing": (0.0, 0.1)}
    assert week4.options_of((0, 1, 0), factors) == {"lr": 0.03, "batch_size": 16, "smoothing": 0.0}
    options = [tuple(week4.options_of(levels, factors).values()) for levels in LEVELS]
    assert options == list(itertools.product(*factors.values()))


def test_the_network_has_the_shapes_of_mnist(week4):
    import torch

    net = week4.Net()
    assert net(torch.zeros(3, 1, 28, 28)).shape == (3, 10)
    assert sum(p.numel() for p in net.parameters()) == 8 * 26 + 16 * (8 * 25 + 1) + 2570
