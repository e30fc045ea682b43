"""Pieces of the regression of outputs on a column, against plain linear algebra."""

import numpy as np
import pytest

from sklearn_wsca._input.column import Column
from sklearn_wsca._utilization.regression import (
    Coding,
    centre_within,
    classes_of,
    count_knots,
    spline_terms,
    symmetric_root,
)
from tests.reference import classes_by_loop

RNG = np.random.default_rng(0)
WEIGHTS = RNG.uniform(0.2, 3.0, 40)
ROWS = np.arange(40)


def test_levels_are_coded_by_indicators():
    codes = ROWS % 3
    column = Column("scanner", "categorical", ROWS, codes, ("a", "b", "c"))
    coding = Coding.of(column, WEIGHTS, "spline")
    np.testing.assert_array_equal(coding.values, codes[:, None] == np.arange(3))
    assert coding.free == pytest.approx(2 / 3)
    assert coding.mean_square == pytest.approx(1 / 3)
    assert coding.n_specific == 3


def test_numbers_are_coded_by_standard_deviations():
    ages = 60.0 + 9.0 * RNG.standard_normal(40)
    for adjustment, n_terms in (("linear", 1), ("spline", 4)):
        column = Column("age", "continuous", ROWS, ages)
        coding = Coding.of(column, WEIGHTS, adjustment)
        assert coding.values.shape == (40, n_terms)
        assert coding.free == coding.mean_square == coding.n_specific == 1
        means = np.average(coding.values, axis=0, weights=WEIGHTS)
        np.testing.assert_allclose(means, 0.0, atol=1e-12)
        gram = coding.values.T @ (WEIGHTS[:, None] * coding.values) / WEIGHTS.sum()
        np.testing.assert_allclose(gram, np.eye(n_terms), atol=1e-12)
        assert np.corrcoef(coding.values[:, 0], ages)[0, 1] == pytest.approx(1.0)


@pytest.mark.parametrize("change", [lambda x: 1e-3 * x + 5.0, lambda x: -x])
@pytest.mark.parametrize("weights", [WEIGHTS, np.ones(40)])
def test_a_curve_depends_neither_on_unit_nor_direction(change, weights):
    ages = 60.0 + 9.0 * RNG.standard_normal(40)
    found, other = (
        Coding.of(Column("age", "continuous", ROWS, a), weights, "spline").values
        for a in (ages, change(ages))
    )
    # The sign of a term does not matter, nor do the numbers of terms.
    products = np.abs(found.T @ (weights[:, None] * other)) / weights.sum()
    np.testing.assert_allclose(products.max(axis=0), 1.0, atol=1e-9)
    np.testing.assert_allclose(np.sort(products, axis=0)[:-1], 0.0, atol=1e-6)


def test_numbers_that_are_mostly_one_have_an_indicator_of_that():
    doses = np.where(ROWS < 35, 0.0, 1.0 + ROWS)
    found = spline_terms(Column("dose", "continuous", ROWS, doses), np.ones(40), 5)
    assert found.shape == (40, 2)
    np.testing.assert_array_equal(found[:, 1], doses == 0.0)
    assert np.corrcoef(found[:, 0], doses)[0, 1] == pytest.approx(1.0)


def test_larger_samples_have_more_knots():
    assert [count_knots(n) for n in (20, 60, 100, 200, 1000, 8000)] == [
        3,
        3,
        5,
        9,
        15,
        30,
    ]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_values", [40, 7])
def test_classes_of_a_number_are_its_thirds(seed, n_values):
    rng = np.random.default_rng(seed)
    ages = 50.0 + rng.permutation(ROWS) % n_values
    for weights in (np.ones(40), rng.uniform(0.2, 3.0, 40)):
        found = classes_of(Column("age", "continuous", ROWS, ages), weights)
        np.testing.assert_array_equal(found, classes_by_loop(ages, weights))
        assert np.bincount(found, weights).min() > 0.15 * weights.sum()
    assert (classes_of(None, np.ones(40)) == 0).all()
    often = np.where(ROWS < 30, 0.0, 1.0 + ROWS)
    found = classes_of(Column("dose", "continuous", ROWS, often), np.ones(40))
    np.testing.assert_array_equal(found, often > 0)


@pytest.mark.parametrize("unit", [1e-8, 1.0, 1e8])
def test_a_root_of_a_matrix_leaves_out_directions_of_size_0(unit):
    factor = unit * RNG.standard_normal((5, 3))
    matrix = factor @ factor.T
    root = symmetric_root(matrix)
    assert root.shape == (5, 3)
    np.testing.assert_allclose(root @ root.T, matrix, atol=1e-10 * matrix.max())
    assert symmetric_root(np.zeros((2, 2))).shape == (2, 0)


def test_values_are_centred_within_groups():
    groups = RNG.permutation(ROWS % 7)
    values = RNG.standard_normal((40, 2)) * [1.0, 300.0] + [-4.0, 1e5]
    found = centre_within(values, WEIGHTS, groups)
    for group in range(7):
        own = groups == group
        mean = np.average(values[own], axis=0, weights=WEIGHTS[own])
        np.testing.assert_allclose(found[own], values[own] - mean, atol=1e-9)
    assert centre_within(values, WEIGHTS, None) is values
