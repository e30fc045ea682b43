"""The logistic objective: its gradient and its curvature."""

import numpy as np
import pytest

from sklearn_wsca._linear import logistic as logistic_module
from sklearn_wsca._linear.design import prepare_design
from sklearn_wsca._linear.logistic import LogisticProblem
from tests.linear.problems import make_levels, make_rows, make_weights, permutations_of


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
