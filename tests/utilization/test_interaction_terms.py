"""Interactions in the regression of outputs, against formulas and in simulations."""

import numpy as np
import pytest

from sklearn_wsca._input.crossed_columns import cross
from sklearn_wsca._permutation.exchangeability import exchange_units
from sklearn_wsca._permutation.plan import PermutationPlan
from sklearn_wsca._utilization.inference import combine
from sklearn_wsca._utilization.interaction_terms import code_interaction
from sklearn_wsca._utilization.preparation import prepare_outputs
from tests.columns import column_of

N = 240
RNG = np.random.default_rng(0)
SCANNER, SITE, ILL = RNG.integers(0, [[3], [4], [2]], (3, N))
AGE = 60.0 + 9.0 * RNG.standard_normal(N)
DOSE = 3.0 + 0.1 * RNG.standard_normal(N) + 0.01 * (AGE - 60.0)
PAIRS = {
    "levels": (SCANNER, SITE),
    "levels and a number": (SCANNER, AGE),
    "numbers": (DOSE, AGE),
}


def model_of(outputs, first, second, target=ILL, adjustment="spline", weights=None):
    column = cross(column_of(first, "first"), column_of(second, "second"), "both")
    outputs = outputs.reshape(len(outputs), -1)[column.rows]
    weights = np.ones(len(outputs)) if weights is None else weights
    target = None if target is None else column_of(target[column.rows], "disease")
    return prepare_outputs(
        outputs, column, target, [], weights, exchange_units(column, None), adjustment
    )


def test_effects_of_combinations_are_cell_means_without_both_margins():
    first, second = np.repeat(np.arange(3), 40), np.tile(np.arange(4), 30)
    outputs = RNG.standard_normal((120, 2)) * [1.0, 50.0] + [7.0, -3.0]
    model = model_of(outputs, first, second, target=None)
    means = np.array(
        [
            [outputs[(first == j) & (second == k)].mean(axis=0) for k in range(4)]
            for j in range(3)
        ]
    )
    beyond = means - means.mean(axis=0) - means.mean(axis=1)[:, None]
    beyond += means.mean(axis=(0, 1))
    found = model.common_rows().T @ outputs
    np.testing.assert_allclose(found, beyond.reshape(12, 2), atol=1e-9)
    expected = np.sqrt(np.mean(np.sum(beyond**2, axis=2)) / outputs.var(axis=0).sum())
    assert model.observed()[0] == pytest.approx(expected)


def test_slopes_are_compared_within_levels():
    """The deviations of slopes in units of the spread in their own levels."""
    slopes, n = np.array([0.0, 2.0, -1.0]), 3000
    rng = np.random.default_rng(1)
    level = rng.integers(0, 3, n)
    age = 60.0 + 5.0 * level + 9.0 * (1 + level) * rng.standard_normal(n)
    outputs = slopes[level] * age + rng.standard_normal(n)
    model = model_of(outputs, level, age, target=None, adjustment="linear")
    squares = np.array([age[level == j].var() for j in range(3)])
    common = np.sum(squares * slopes) / squares.sum()
    expected = np.mean(squares * (slopes - common) ** 2) / outputs.var()
    assert model.observed()[0] ** 2 == pytest.approx(expected, rel=1e-3)
    np.testing.assert_allclose(
        model.slope_rows().times(outputs[:, None])[:, 0],
        np.sqrt(squares) * (slopes - common),
        rtol=0.01,
        atol=0.05,
    )


def test_a_surface_is_measured_over_the_rows():
    rng = np.random.default_rng(2)
    dose, age = rng.standard_normal((2, 3000)) * [[0.1], [9.0]] + [[3.0], [60.0]]
    outputs = (dose - 3.0) / 0.1 * (age - 60.0) / 9.0
    model = model_of(outputs + 5.0 * dose + age**2, dose, age, target=None)
    expected = outputs.std() / (outputs + 5.0 * dose + age**2).std()
    assert model.observed()[0] == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("adjustment", ["spline", "linear"])
def test_what_each_column_does_alone_is_no_interaction(pair, adjustment):
    """In one class of the target more than in the other, without any noise."""
    first, second = PAIRS[pair]
    outputs = (1 + 3 * ILL) * first + (2 - ILL) * second + 5.0 * ILL
    model = model_of(outputs.astype(float), first, second, adjustment=adjustment)
    assert model.observed()[0] < 1e-9


@pytest.mark.parametrize("pair", PAIRS)
def test_neither_order_nor_unit_nor_direction_matters(pair):
    first, second = PAIRS[pair]
    outputs = RNG.standard_normal((N, 2)) + np.outer(first * 1.0, [1.0, 2.0])
    observed = model_of(outputs, first, second).observed()
    np.testing.assert_allclose(model_of(outputs, second, first).observed(), observed)
    turned = [
        -1e3 * values + 7.0 if values.dtype.kind == "f" else values.max() - values
        for values in (first, second)
    ]
    np.testing.assert_allclose(
        model_of(outputs, *turned).observed(), observed, rtol=1e-6
    )


def test_few_rows_carry_straight_lines_only():
    few, weights = slice(60), np.ones(60)
    age, dose = column_of(AGE[few], "age"), column_of(DOSE[few], "dose")
    coded = code_interaction(cross(age, dose, "both"), weights, "spline")
    assert coded.values.shape == (60, 1)
    site = column_of(SITE[few], "site")
    coded = code_interaction(cross(age, site, "both"), weights, "spline")
    assert (coded.values.shape, coded.n_specific, coded.n_degrees) == ((60, 4), 4, 3)
    whole = cross(column_of(AGE, "age"), column_of(SITE, "site"), "both")
    assert code_interaction(whole, np.ones(N), "spline").values.shape == (N, 8)


def draw(seed, effect=0.0, n=300, kind="levels", noisy=3.0, share=0.3):
    """Strong main effects that differ between classes, one noisy combination."""
    rng = np.random.default_rng(seed)
    scanner = rng.integers(0, 2, n)
    site = np.where(rng.random(n) < 0.4, scanner, rng.random(n) < share).astype(int)
    ill = np.where(rng.random(n) < 0.4, site, rng.integers(0, 2, n))
    first, second = 2 * scanner - 1, 2 * site - 1
    if kind == "number":
        second = site + rng.standard_normal(n)
    noise = np.where((scanner == 1) & (site == 1), noisy, 1.0) * rng.standard_t(5, n)
    outputs = 2 * ill + first * (1 + ill) + second * (1.5 - ill) + noise
    outputs = outputs + effect * first * second
    return outputs, scanner, second if kind == "number" else site, ill


def pvalue(outputs, first, second, target, seed, m=39):
    model = model_of(outputs, first, second, target)
    orders = PermutationPlan(seed, m, len(outputs)).orders(range(m))
    drawn = [model.observed()[None], model.permutations(orders)]
    statistics = combine(np.concatenate(drawn)[:, None, 1:])[:, 0]
    return (1 + np.sum(statistics[1:] >= statistics[0])) / (1 + m)


@pytest.mark.parametrize("kind", ["levels", "number"])
def test_main_effects_are_not_found_and_an_exclusive_or_is(kind):
    null = [pvalue(*draw(seed, kind=kind), seed) for seed in range(40)]
    # 7 or more of 40 happen in 0.3 % of cases.
    assert np.sum(np.array(null) <= 0.05) < 7
    studies = (draw(seed, 0.5, kind=kind, noisy=1.0) for seed in range(12))
    found = [pvalue(*study, seed) for seed, study in enumerate(studies)]
    assert np.sum(np.array(found) <= 0.05) >= 11


def test_many_main_effects_for_few_rows_do_not_inflate_the_test():
    """30 terms are held fixed for 100 rows: ten classes, two columns in each."""
    pvalues = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        ill, scanner, site = rng.integers(0, [[10], [2], [2]], (3, 100))
        outputs = rng.standard_normal((100, 10)) + 2 * np.eye(10)[ill]
        pvalues.append(pvalue(outputs, scanner, site, ill, seed))
    # Without the correction for what 30 terms take of the noise, 26 %.
    assert np.sum(np.array(pvalues) <= 0.05) < 6
