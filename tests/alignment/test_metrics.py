"""Alignment metrics against their formulas."""

import numpy as np
import pytest

from sklearn_wsca import weight_space_correlation
from sklearn_wsca._alignment.metrics import (
    METRICS,
    AlignmentSpace,
    aggregate_alignment,
    fitted_references,
    unit_rows,
)
from sklearn_wsca._linear.subspace import fit_subspace
from tests.reference import (
    aggregate,
    align,
    centre_classes,
    cosine,
    principal_directions,
)

# --- the public function -------------------------------------------------------------


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("projected", [True, False])
def test_weight_space_correlation_matches_the_formula(projected, center):
    rng = np.random.default_rng(0)
    a = rng.standard_normal((3, 12)) * 40.0 + 2.0
    b = rng.standard_normal((2, 12)) * 0.01 - 1.0
    P = np.linalg.qr(rng.standard_normal((12, 5)))[0].T
    found = weight_space_correlation(a, b, P if projected else None, center=center)
    kind = "logistic" if center else "ridge"
    P = P if projected else np.eye(12)
    expected = [
        [cosine(P @ row, P @ other) for other in centre_classes(b, kind)]
        for row in centre_classes(a, kind)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert np.abs(expected).max() > 0.05


def test_vectors_count_as_one_row_and_are_not_centred():
    a, b = np.array([3.0, 4.0]), np.array([40.0, 30.0])
    np.testing.assert_allclose(weight_space_correlation(a, b), [[0.96]])


@pytest.mark.parametrize(
    ("a", "b", "components", "message"),
    [
        (np.ones(3), np.ones(4), None, "3 features and coef_b has 4"),
        (np.ones(3), [1.0, np.nan, 2.0], None, "coef_b holds NaN"),
        (np.ones((2, 3)), np.ones(3), None, "zero after centring"),
        (np.zeros(3), np.ones(3), None, "zero after centring"),
        ([1.0, 0.0], [1.0, 2.0], [[0.0, 1.0]], "zero after centring"),
        # Rounding must not pass for a direction.
        (np.tile([0.1, 0.2, 0.7], (3, 1)), np.ones(3), None, "row 0 of coef_a is zero"),
        ([0.6, 0.8], [1.0, 2.0], [[0.8, -0.6 + 1e-16]], "row 0 of coef_a is zero"),
        (np.ones(3), np.ones(3), np.eye(2), "components has shape"),
        (np.ones((2, 2, 3)), np.ones(3), None, "3 dimensions"),
    ],
)
def test_weights_without_a_direction_are_refused(a, b, components, message):
    with pytest.raises(ValueError, match=message):
        weight_space_correlation(a, b, components)


# --- metrics -------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_components", [None, 4, 0.99])
@pytest.mark.parametrize("metric", ["weight", "score", "pattern"])
def test_metrics_match_their_formulas(metric, n_components, weighted):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((80, 9)) * np.geomspace(0.1, 10.0, 9) + 5.0
    weights = rng.uniform(0.1, 3.0, 80) if weighted else np.ones(80)
    a, b = rng.standard_normal((3, 9)), 100.0 * rng.standard_normal((2, 9))
    space = AlignmentSpace(
        fit_subspace(X, weights, n_components, 2),
        METRICS[metric],
        n_components is not None,
    )
    both = np.vstack([a, b])
    filters = space.filters(both, X, weights)
    references = space.references(both, X, weights)
    principal = principal_directions(X, weights, n_components, 2)
    expected = align(both, both, principal, metric, n_components is not None)
    np.testing.assert_allclose(filters @ references.T, expected, atol=1e-10)
    off_diagonal = expected[~np.eye(5, dtype=bool)]
    assert np.abs(off_diagonal).max() > 0.1
    symmetric = np.allclose(expected, expected.T)
    assert symmetric == (metric != "pattern")


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("metric", ["weight", "score", "pattern"])
def test_heads_in_principal_coordinates_have_the_same_references(metric, center):
    rng = np.random.default_rng(2)
    X = rng.standard_normal((60, 6)) * np.geomspace(0.3, 5.0, 6) - 3.0
    subspace = fit_subspace(X, np.ones(60), 4, 0)
    space = AlignmentSpace(subspace, METRICS[metric])
    batch = rng.standard_normal((5, 3, 4))
    found = fitted_references(batch, center, space.reference_weights())
    for coef, rows in zip(batch, found, strict=True):
        restored, _ = subspace.restore(coef, np.zeros(3))
        restored = centre_classes(restored, "logistic" if center else "ridge")
        expected = space.references(restored, X, np.ones(60))
        np.testing.assert_allclose(rows, expected[:, :4], atol=1e-12)


def test_zero_row_in_a_batch_is_named():
    batch = np.ones((4, 2, 3))
    batch[2, 1] = 0.0
    with pytest.raises(ValueError, match="row second is zero"):
        unit_rows(batch, ["first", "second"])


@pytest.mark.parametrize("how", ["rms", "max", "mean"])
def test_aggregates_match_their_formulas_in_batches(how):
    matrices = np.random.default_rng(3).uniform(-1.0, 1.0, (6, 3, 2))
    found = aggregate_alignment(matrices, how)
    np.testing.assert_allclose(found, [aggregate(matrix, how) for matrix in matrices])
    assert np.ptp(found) > 0.05
