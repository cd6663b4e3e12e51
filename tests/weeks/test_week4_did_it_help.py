"""What the notebook "Did it help?" defines: the statistics that it writes out itself, against other
ways to compute them."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from notebooks import definitions


@pytest.fixture(scope="module")
def week4():
    space = definitions("week4_did_it_help")
    # the factors stand in a cell with literal values, so they are there as well
    assert list(space.factors) == ["optimizer", "lr", "batch_size"]
    return space


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


def test_factorial_effects_are_those_of_a_linear_model(week4):
    """Twice the coefficients of a least-squares fit with levels -1 and +1 and all products."""
    levels = list(itertools.product((0, 1), repeat=3))
    values = np.random.default_rng(0).normal(90, 2, 8)
    effects = week4.factorial_effects(dict(zip(levels, values)))
    signs = np.array(levels) * 2 - 1
    chosen = [c for order in (1, 2, 3) for c in itertools.combinations(range(3), order)]
    design = np.column_stack([np.ones(8), *(signs[:, c].prod(1) for c in chosen)])
    coefficients = np.linalg.lstsq(design, values, rcond=None)[0][1:]
    names = [
        "optimizer",
        "lr",
        "batch_size",
        "optimizer × lr",
        "optimizer × batch_size",
        "lr × batch_size",
        "optimizer × lr × batch_size",
    ]
    assert list(effects) == names
    assert list(effects.values()) == pytest.approx(2 * coefficients)


def test_an_interaction_is_half_the_difference_of_the_effects(week4):
    """The words of the text: the effect of one setting at the second and at the first value of the
    other."""
    levels = itertools.product((0, 1), repeat=3)
    means = {(a, b, c): 10.0 * a + 4 * b - 6 * a * b for a, b, c in levels}
    effects = week4.factorial_effects(means)
    at_second, at_first = (means[1, 1, 0] - means[0, 1, 0]), (means[1, 0, 0] - means[0, 0, 0])
    assert (at_second - at_first) / 2 == pytest.approx(-3)
    assert effects["optimizer × lr"] == pytest.approx(-3)
    assert effects["optimizer"] == pytest.approx(10 - 3)
    assert effects["batch_size"] == pytest.approx(0)


def test_the_options_of_a_combination(week4):
    assert week4.options_of((0, 1, 0)) == {
        "optimizer": "SGD",
        "lr": week4.factors["lr"][1],
        "batch_size": 32,
    }
    assert len(list(itertools.product((0, 1), repeat=len(week4.factors)))) == 8


def test_the_network_has_the_shapes_of_mnist(week4):
    import torch

    net = week4.Net()
    assert net(torch.zeros(3, 1, 28, 28)).shape == (3, 10)
    assert sum(p.numel() for p in net.parameters()) == 8 * 26 + 16 * (8 * 25 + 1) + 2570
