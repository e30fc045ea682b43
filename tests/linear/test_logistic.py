"""The logistic objective: its gradient, its curvature, and where it is least."""

import numpy as np
import pytest

from sklearn_wsca._linear import logistic as logistic_module
from sklearn_wsca._linear.design import prepare_design
from sklearn_wsca._linear.logistic import LogisticProblem
from sklearn_wsca._linear.solvers import (
    fit_logistic,
)
from tests.linear.problems import (
    logistic_gradient,
    logistic_objective,
    make_levels,
    make_rows,
    make_weights,
    permutations_of,
)
from tests.reference import fit_head


@pytest.mark.parametrize("n_classes", [2, 3, 6])
def test_logistic_solution_has_no_gradient(n_classes):
    T = make_rows(7)
    weights = make_weights(7, len(T))
    codes = make_levels(7, T, n_classes)
    fit = fit_logistic(
        prepare_design(T, weights), codes[None], n_classes, 2.0, tolerance=1e-10
    )
    rows, origin = fit.coef[0], np.zeros_like(fit.coef[0])
    at_zero, _ = logistic_gradient(T, codes, origin, np.zeros(len(rows)), 2.0, weights)
    assert np.abs(at_zero).max() > 1.0
    for part in logistic_gradient(T, codes, rows, fit.intercept[0], 2.0, weights):
        assert np.abs(part).max() < 1e-6 * np.abs(at_zero).max()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_rows_of_a_softmax_head_add_up_to_zero(n_classes):
    """The penalty fixes the gauge: one vector in all rows would only cost."""
    T = make_rows(8)
    codes = make_levels(8, T, n_classes)[None]
    fit = fit_logistic(prepare_design(T, np.ones(len(T))), codes, n_classes, 1.0)
    assert fit.coef.shape == (1, 1 if n_classes == 2 else 3, T.shape[1])
    if n_classes == 3:
        np.testing.assert_allclose(fit.coef.sum(axis=1), 0.0, atol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_objective_is_that_of_scikit_learn_or_better(n_classes):
    T = make_rows(10)
    weights = make_weights(10, len(T))
    codes = make_levels(10, T, n_classes, 4.0)
    fit = fit_logistic(
        prepare_design(T, weights), codes[None], n_classes, 10.0, tolerance=1e-9
    )
    oracle = fit_head(T, codes, "logistic", C=10.0, weights=weights)
    found, best = (
        logistic_objective(T, codes, coef, intercept, 10.0, weights)
        for coef, intercept in ((fit.coef[0], fit.intercept[0]), oracle)
    )
    assert found == pytest.approx(best, rel=1e-10)


@pytest.mark.parametrize("kept", [0, 2**25])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_hessian_product_is_the_change_of_the_gradient(
    n_classes, weighted, kept, monkeypatch
):
    monkeypatch.setattr(logistic_module, "KEPT_NUMBERS", kept)
    T = make_rows(22)
    codes = permutations_of(make_levels(22, T, n_classes), 2)
    weights = None
    if weighted:
        weights = np.stack([make_weights(s, len(T)) for s in range(2)])
        weights[0, ::7] = 0.0
    design = prepare_design(T, np.ones(len(T)))
    problem = LogisticProblem(design, codes, n_classes, 2.0, weights)
    rng = np.random.default_rng(22)
    x, direction = 0.3 * rng.standard_normal((2, *problem.start.shape))
    after, before = (problem.evaluate(x + s * direction)[1] for s in (1e-5, -1e-5))
    expected = (after - before) / 2e-5
    product = problem.hessian_product(x)
    assert np.abs(expected).max() > 1.0
    for _ in range(2):
        found = product(direction)
        np.testing.assert_allclose(found, expected, atol=1e-7 * np.abs(expected).max())
