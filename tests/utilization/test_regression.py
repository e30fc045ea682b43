"""Pieces of the regression of outputs on a column, against plain linear algebra."""

import numpy as np
import pytest

from sklearn_wsca._input.column import Column
from sklearn_wsca._utilization.regression import (
    Coding,
    centre_within,
    orthonormal_basis,
    symmetric_root,
)

RNG = np.random.default_rng(0)
WEIGHTS = RNG.uniform(0.2, 3.0, 40)
ROWS = np.arange(40)


def test_levels_are_coded_by_indicators():
    codes = ROWS % 3
    column = Column("scanner", "categorical", ROWS, codes, ("a", "b", "c"))
    coding = Coding.of(column, WEIGHTS)
    np.testing.assert_array_equal(coding.values, codes[:, None] == np.arange(3))
    assert coding.free == pytest.approx(2 / 3)


def test_numbers_are_coded_by_standard_deviations():
    ages = 60.0 + 9.0 * RNG.standard_normal(40)
    coding = Coding.of(Column("age", "continuous", ROWS, ages), WEIGHTS)
    assert coding.values.shape == (40, 1) and coding.free == 1.0
    assert np.average(coding.values[:, 0], weights=WEIGHTS) == pytest.approx(0.0)
    assert np.average(coding.values[:, 0] ** 2, weights=WEIGHTS) == pytest.approx(1.0)
    assert np.corrcoef(coding.values[:, 0], ages)[0, 1] == pytest.approx(1.0)


def test_a_basis_spans_its_terms_once():
    terms = RNG.standard_normal((40, 3)) * [1.0, 1e4, 1e-3] + [5.0, 0.0, 2.0]
    dependent = np.column_stack([terms, terms @ [1.0, -2e-4, 3.0], np.zeros(40)])
    basis = orthonormal_basis(dependent)
    np.testing.assert_allclose(basis.T @ basis, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(basis @ (basis.T @ dependent), dependent, atol=1e-8)
    assert orthonormal_basis(np.zeros((40, 2))).shape == (40, 0)


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
