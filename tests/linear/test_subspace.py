"""Principal directions against an SVD, and ridge heads against full-space ridge."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._input import embeddings as embeddings_module
from sklearn_wsca._linear.subspace import (
    choose_n_components,
    fit_subspace,
    reorder_rows,
)
from tests.reference import choose_k, make_study, principal_directions


def make_embeddings(seed, n, d):
    """Features of unequal scale, with means far from zero, mixed by a rotation."""
    rng = np.random.default_rng(seed)
    mixing = np.linalg.qr(rng.standard_normal((d, d)))[0]
    scales = np.geomspace(20.0, 0.05, d)
    return (rng.standard_normal((n, d)) * scales) @ mixing + rng.normal(0, 9, d)


def weights_for(seed, n, weighted):
    return np.random.default_rng(seed).uniform(0.1, 4.0, n) if weighted else np.ones(n)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(60, 7), (7, 60), (30, 30), (200, 70)])
@pytest.mark.parametrize("n_components", [0.99, 0.5, 3, None])
def test_directions_match_the_svd(shape, n_components, weighted):
    X = make_embeddings(0, *shape)
    weights = weights_for(0, len(X), weighted)
    found = fit_subspace(X, weights, n_components, 2)
    expected = principal_directions(X, weights, n_components, 2)
    assert found.n_components == len(expected.variances)
    assert found.rank == expected.rank
    np.testing.assert_allclose(found.mean, expected.mean)
    np.testing.assert_allclose(found.variance, expected.variances, rtol=1e-6)
    assert found.total_variance == pytest.approx(expected.total)
    assert found.scale == pytest.approx(expected.scale)
    cosines = np.abs(np.sum(found.components * expected.directions, axis=1))
    np.testing.assert_allclose(cosines, 1.0, atol=1e-8)


def test_coordinates_are_uncorrelated_with_mean_variance_one():
    X = make_embeddings(2, 80, 12)
    weights = weights_for(2, 80, True)
    subspace = fit_subspace(X, weights, 6, 0)
    T, distance = subspace.coordinates(X)
    np.testing.assert_allclose(distance, np.sum(T**2, axis=1))
    mean = weights @ T / weights.sum()
    covariance = (T * weights[:, None]).T @ T / weights.sum()
    np.testing.assert_allclose(mean, 0.0, atol=1e-12)
    np.testing.assert_allclose(
        covariance, np.diag(subspace.variance) / subspace.scale**2, atol=1e-12
    )
    assert np.trace(covariance) == pytest.approx(6.0)


def test_restored_heads_have_the_outputs_of_the_fitted_ones():
    X = make_embeddings(3, 50, 9)
    subspace = fit_subspace(X, np.ones(50), 4, 0)
    rng = np.random.default_rng(3)
    coef, intercept = rng.standard_normal((3, 4)), np.array([5.0, -70.0, 0.1])
    restored, shifted = subspace.restore(coef, intercept)
    np.testing.assert_allclose(
        X @ restored.T + shifted, subspace.coordinates(X)[0] @ coef.T + intercept
    )
    np.testing.assert_allclose(subspace.project(restored) * subspace.scale, coef)


@pytest.mark.parametrize(("share", "floor"), [(0.99, 50), (0.9, 1), (1.0, 0), (0.3, 4)])
@pytest.mark.parametrize("n_ratios", [1, 3, 49, 50, 51, 400])
def test_rule_for_the_number_of_directions(n_ratios, share, floor):
    ratios = np.geomspace(1.0, 1e-3, n_ratios)
    ratios /= ratios.sum()
    k = choose_n_components(ratios, share, floor)
    assert k == choose_k(ratios, share, floor)
    assert k <= n_ratios
    assert k >= min(floor, n_ratios)


def test_number_and_none_ignore_the_floor():
    ratios = np.full(80, 1 / 80)
    assert choose_n_components(ratios, 7, 50) == 7
    assert choose_n_components(ratios, np.int64(7), 50) == 7
    assert choose_n_components(ratios, 100, 50) == 80
    assert choose_n_components(ratios, None, 50) == 80
    assert choose_n_components(ratios, 1.0, 50) == 80


def test_signs_are_fixed():
    X = make_embeddings(4, 40, 6)
    components = fit_subspace(X, np.ones(40), None, 0).components
    flipped = fit_subspace(-X, np.ones(40), None, 0).components
    np.testing.assert_allclose(components, flipped, atol=1e-10)
    largest = np.abs(components).argmax(axis=1)
    assert (components[np.arange(6), largest] > 0).all()


@pytest.mark.parametrize("size", [1, 7, 50])
@pytest.mark.parametrize("shape", [(50, 6), (50, 80)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_of_rows_make_no_difference(dtype, shape, size, monkeypatch):
    X = make_embeddings(5, *shape).astype(dtype)
    weights = weights_for(5, 50, True)
    whole = fit_subspace(X, weights, 0.9999, 0)
    coordinates, distance = whole.coordinates(X)
    monkeypatch.setattr(embeddings_module, "MOST_ROWS_PER_BLOCK", size)
    assert len(list(embeddings_module.row_blocks(50, 6))) == -(-50 // size)
    blocked = fit_subspace(X, weights, 0.9999, 0)
    np.testing.assert_allclose(blocked.mean, whole.mean, rtol=1e-10)
    np.testing.assert_allclose(blocked.variance, whole.variance, rtol=1e-9)
    np.testing.assert_allclose(blocked.components, whole.components, atol=1e-8)
    again, distance_again = blocked.coordinates(X)
    np.testing.assert_allclose(again, coordinates, atol=1e-7)
    np.testing.assert_allclose(distance_again, distance, rtol=1e-7)


@pytest.mark.parametrize("rising", [False, True])
def test_sorted_rows_with_a_large_mean_lose_no_digits(rising, monkeypatch):
    """Sums are about a point of the first block, which may lie far from the mean."""
    rng = np.random.default_rng(8)
    X = rng.standard_normal((400, 5)) * [1.0, 0.5, 0.2, 0.1, 0.05] + 1e4
    if rising:
        X[:, 0] += np.linspace(-30.0, 30.0, 400)
    monkeypatch.setattr(embeddings_module, "MOST_ROWS_PER_BLOCK", 16)
    found = fit_subspace(X, np.ones(400), None, 0)
    expected = principal_directions(X, np.ones(400), None, 0)
    np.testing.assert_allclose(found.variance, expected.variances, rtol=1e-9)


def test_reordering_moves_all_columns():
    T = np.random.default_rng(9).standard_normal((30, 37))
    order = np.random.default_rng(10).permutation(30)
    expected = T[order]
    np.testing.assert_array_equal(reorder_rows(T, order), expected)


@pytest.mark.parametrize("shape", [(50, 8), (6, 8)])
def test_directions_without_variance_are_not_counted(shape):
    """Rounding of a large constant must not look like a direction."""
    X = make_embeddings(6, *shape)
    X = np.hstack([X, np.full((len(X), 3), 1e8), X[:, :1]])
    subspace = fit_subspace(X, np.ones(len(X)), None, 0)
    assert subspace.rank == min(8, shape[0] - 1)
    assert np.isfinite(subspace.components).all()


@pytest.mark.parametrize("value", [0.0, 0.1, 1e8])
@pytest.mark.parametrize("shape", [(9, 4), (4, 9)])
def test_embeddings_that_do_not_vary_are_refused(value, shape):
    with pytest.raises(ValueError, match=r"all .* rows of the embeddings are equal"):
        fit_subspace(np.full(shape, value), np.ones(shape[0]), 0.99, 50)


@pytest.mark.parametrize("n_components", [None, 0.99, 4])
@pytest.mark.parametrize("shape", [(120, 10), (40, 70)])
def test_ridge_in_the_subspace_is_full_space_ridge_projected(shape, n_components):
    """Exact for a complete, unweighted column: no direction influences another."""
    n, d = shape
    X = make_embeddings(7, n, d)
    table = make_study(7, n=n)[1]
    alpha = 3.0
    model = WeightSpaceCorrelation(
        None,
        columns=["age", "dose"],
        heads="ridge",
        alpha=alpha,
        n_components=n_components,
        min_components=2,
        n_permutations=0,
    ).fit(X, table)
    P = model.components_
    for name in ("age", "dose"):
        full = Ridge(alpha=alpha * model.scale_**2, solver="svd").fit(X, table[name])
        projected = full.coef_ @ P.T
        found = model.heads_[name].coef[0]
        scale = np.abs(projected).max()
        assert scale > 0
        np.testing.assert_allclose(found @ P.T, projected, atol=1e-6 * scale)
        # The head has nothing outside the subspace.
        np.testing.assert_allclose(found @ P.T @ P, found, atol=1e-9 * scale)
    if n_components == 4:
        assert np.linalg.norm(full.coef_) > 1.05 * np.linalg.norm(projected)
