"""Corrections of residuals for leverage, against explicit powers of matrices."""

import numpy as np
import pytest
from scipy import linalg

from sklearn_wsca._linear.class_basis import ClassBasis
from sklearn_wsca._utilization import leverage
from sklearn_wsca._utilization.leverage import EVEN_NOISE, JACKKNIFE, enlarge

SIZES = {"rows": [1] * 30, "groups": [1, 2, 6, 3, 8] * 3}


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("power", [EVEN_NOISE, JACKKNIFE])
def test_residuals_grow_by_the_leverage_of_their_cluster(sizes, power, monkeypatch):
    monkeypatch.setattr(leverage, "NEGLIGIBLE_LEVERAGE", 0.0)
    clusters = np.repeat(np.arange(len(SIZES[sizes])), SIZES[sizes])
    rng = np.random.default_rng(0)
    n = len(clusters)
    design = linalg.orth(rng.standard_normal((n, 4)))
    residuals = rng.standard_normal((n, 2)) * [1.0, 1e3]
    expected = np.empty_like(residuals)
    for cluster in np.unique(clusters):
        own = clusters == cluster
        left = np.eye(own.sum()) - design[own] @ design[own].T
        grown = linalg.fractional_matrix_power(left, -power).real
        expected[own] = grown @ residuals[own]
    basis = ClassBasis.without_classes(design)
    found = enlarge(residuals, basis, clusters, power)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert np.linalg.norm(found) > np.linalg.norm(residuals)


def test_a_row_that_is_fitted_exactly_stays_as_it_is():
    design = ClassBasis.without_classes(np.eye(5)[:, :1])
    residuals = np.array([0.0, 1.0, 2.0, 3.0, 4.0])[:, None]
    found = enlarge(residuals, design, np.arange(5), EVEN_NOISE)
    np.testing.assert_array_equal(found, residuals)
