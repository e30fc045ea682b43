"""Rows prepared for the solvers: a diagonal Gram matrix, and the way back."""

import numpy as np
import pytest

from sklearn_wsca._linear.design import prepare_design
from tests.linear.problems import make_rows, make_weights


@pytest.mark.parametrize("weighted", [False, True])
def test_design_has_a_diagonal_gram_matrix_and_restores_heads(weighted):
    T = make_rows(0)
    weights = make_weights(0, len(T)) if weighted else np.ones(len(T))
    design = prepare_design(T, weights)
    rows = (T - design.mean) @ design.rotation
    gram = (rows * weights[:, None]).T @ rows
    assert np.ptp(design.gram) > 1.0
    np.testing.assert_allclose(gram, np.diag(design.gram), atol=1e-10)
    parameters = np.random.default_rng(0).standard_normal((2, T.shape[1] + 1))
    coef, intercept = design.to_rows(parameters)
    np.testing.assert_allclose(
        T @ coef.T + intercept, rows @ parameters[:, :-1].T + parameters[:, -1]
    )


def test_gradients_are_carried_back_by_the_adjoint():
    """<to_rows(x), g> = <x, from_rows(g)> for all parameters and derivatives."""
    T = make_rows(0)
    design = prepare_design(T, make_weights(0, len(T)))
    rng = np.random.default_rng(1)
    parameters = rng.standard_normal((3, T.shape[1] + 1))
    gradient, total = rng.standard_normal((3, T.shape[1])), rng.standard_normal(3)
    coef, intercept = design.to_rows(parameters)
    forth = np.sum(coef * gradient) + intercept @ total
    assert abs(forth) > 0.1
    back = np.sum(parameters * design.from_rows(gradient, total))
    assert forth == pytest.approx(back)


def test_design_of_uncorrelated_rows_needs_no_rotation():
    T = make_rows(0)
    centred = T - T.mean(axis=0)
    T = centred @ np.linalg.eigh(centred.T @ centred)[1]
    assert prepare_design(T, np.ones(len(T))).rotation is None
    assert prepare_design(T, make_weights(0, len(T))).rotation is not None


def test_design_of_some_rows_leaves_the_others_alone():
    T, rows = make_rows(0), np.array([80, 3, 41, 42, 7, 9, 11, 60])
    weights = make_weights(0, len(rows))
    some, alone = (
        prepare_design(T, weights, rows=rows),
        prepare_design(T[rows], weights),
    )
    np.testing.assert_allclose(some.gram, alone.gram)
    np.testing.assert_allclose(some.mean, alone.mean)
    np.testing.assert_array_equal(some.whole_rows(), T[rows])
    assert some.shape == (8, 6)
