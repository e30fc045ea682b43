"""Closed-form erasure in principal coordinates, against plain linear algebra."""

import numpy as np
import pytest
from scipy import linalg
from sklearn.covariance import ledoit_wolf_shrinkage, shrunk_covariance

from sklearn_wsca._erasure.erasure import (
    Erasure,
    Held,
    choose_shrinkage,
    concept_frame,
    cross_moments,
    whitening_spread,
)
from sklearn_wsca._input.column import Column
from sklearn_wsca._linear.subspace import fit_subspace

N, D = 90, 7
SEEDS = [0, 1, 2]


def make_embeddings(seed, n=N, d=D):
    """Correlated features of unequal scale with means far from zero."""
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((d, d)) * np.geomspace(5.0, 0.2, d)
    return rng.standard_normal((n, d)) @ mixing + rng.normal(0, 20, d)


def make_column(seed, kind="categorical", n=N, missing=0, n_levels=3, name="column"):
    rng = np.random.default_rng([seed, 7])
    rows = np.sort(rng.permutation(n)[missing:])
    if kind == "continuous":
        labels = 1e3 + 40.0 * rng.standard_normal(len(rows))
        return Column(name, kind, rows, labels)
    labels = rng.integers(0, n_levels, len(rows))
    return Column(name, kind, rows, labels, tuple(range(n_levels)))


def make_weights(seed, n=N):
    weights = np.random.default_rng([seed, 8]).uniform(0.2, 3.0, n)
    weights[::9] = 0.0
    return weights


def numbers_of(column, rows):
    """Plain indicators of every level, or the number."""
    labels = dict(zip(column.rows, column.labels, strict=True))
    if column.kind == "continuous":
        return np.array([[labels[row]] for row in rows])
    return np.array(
        [
            [float(labels[row] == code) for code in range(column.n_levels)]
            for row in rows
        ]
    )


def left_of_column(column, held, weights):
    """Rows that count, and the column minus its regression on what is held fixed."""
    rows = [
        row
        for row in range(len(weights))
        if weights[row] > 0 and all(row in one.rows for one in (column, *held))
    ]
    design = np.hstack([np.ones((len(rows), 1)), *(numbers_of(h, rows) for h in held)])
    numbers = numbers_of(column, rows)
    hat = design @ linalg.pinv((design.T * weights[rows]) @ design)
    return rows, numbers - hat @ ((design.T * weights[rows]) @ numbers)


def weighted_covariance(X, Z, weights):
    shares = weights / weights.sum()
    X, Z = X - shares @ X, Z - shares @ Z
    return (X * shares[:, None]).T @ Z


def fit_erasure(X, column, weights, shrinkage=0.0, held=()):
    """Erasure through the numerics of the library."""
    subspace = fit_subspace(X, weights, None, 0)
    spread = whitening_spread(subspace.variance, shrinkage, X.shape[1])
    factors = Held.of(column, weights, held).concept(column)
    cross = subspace.project(cross_moments(X, subspace.mean, factors).T).T
    frame = concept_frame(cross, spread)
    return Erasure.of(frame, spread, subspace.components, subspace.mean)


HELD = {
    "nothing": [],
    "levels": [make_column(3, n_levels=2)],
    "number": [make_column(4, "continuous")],
    "levels and number with gaps": [
        make_column(5, n_levels=4, missing=9),
        make_column(6, "continuous", missing=5),
    ],
}


class TestHeld:
    @pytest.mark.parametrize("held", HELD.values(), ids=HELD)
    @pytest.mark.parametrize("kind", ["categorical", "continuous"])
    @pytest.mark.parametrize("missing", [0, 13])
    def test_factors_give_covariances_with_what_is_left_of_the_column(
        self, kind, missing, held
    ):
        X, weights = make_embeddings(0), make_weights(0)
        column = make_column(1, kind, missing=missing)
        factors = Held.of(column, weights, held).concept(column)
        rows, left = left_of_column(column, held, weights)
        scaled = left / np.sqrt(np.average(left**2, axis=0, weights=weights[rows]))
        expected = weighted_covariance(X[rows], scaled, weights[rows])
        assert np.abs(expected).max() > 0.1
        np.testing.assert_allclose((X - X.mean(axis=0)).T @ factors, expected)
        others = np.setdiff1d(np.arange(N), rows)
        assert not factors[others].any()
        np.testing.assert_allclose(factors.sum(axis=0), 0.0, atol=1e-12)

    @pytest.mark.parametrize("held", HELD.values(), ids=HELD)
    def test_factors_of_what_is_held_are_those_of_its_span(self, held):
        weights = make_weights(0)
        own = Held.of(make_column(1), weights, held)
        basis = own.basis.written_out()
        basis = basis[:, basis.any(axis=0)]
        np.testing.assert_allclose(basis.T @ basis, np.eye(own.basis.width), atol=1e-12)
        rows, _ = left_of_column(make_column(1), held, weights)
        design = np.hstack(
            [np.ones((len(rows), 1)), *(numbers_of(h, rows) for h in held)]
        )
        assert own.basis.width == np.linalg.matrix_rank(design)
        scaled = np.sqrt(own.weights[rows])[:, None] * design
        basis = basis[rows]
        np.testing.assert_allclose(basis @ (basis.T @ scaled), scaled, atol=1e-9)
        np.testing.assert_allclose(
            own.factors.written_out(),
            np.sqrt(own.weights)[:, None] * own.basis.written_out(),
        )

    def test_absent_levels_have_no_factors(self):
        column, weights = make_column(1, n_levels=4), np.ones(N)
        weights[column.rows[column.labels == 2]] = 0.0
        assert Held.of(column, weights).concept(column).shape == (N, 3)

    @pytest.mark.parametrize("kind", ["categorical", "continuous"])
    def test_nothing_is_left_of_what_is_held(self, kind):
        column = make_column(1, kind)
        assert Held.of(column, np.ones(N), [column]).concept(column).shape == (N, 0)

    def test_no_row_is_known(self):
        column, weights = make_column(1, missing=40), np.ones(N)
        weights[column.rows] = 0.0
        own = Held.of(column, weights, [make_column(2)])
        assert own.concept(column).shape == (N, 0)
        assert own.factors.width == 0

    def test_a_number_that_varies_by_rounding_only(self):
        numbers = 1e6 + 1e-9 * np.random.default_rng(0).standard_normal(N)
        column = Column("age", "continuous", np.arange(N), numbers)
        assert Held.of(column, np.ones(N)).concept(column).shape == (N, 0)


class TestWhitening:
    def shrinkage(self, X, weights):
        subspace = fit_subspace(X, weights, None, 0)
        return choose_shrinkage("auto", X, weights, subspace.mean, subspace.variance)

    @pytest.mark.parametrize("shape", [(80, 6), (12, 30), (40, 40), (50, 1)])
    def test_shrinkage_is_that_of_scikit_learn(self, shape):
        X = make_embeddings(0, *shape)
        found = self.shrinkage(X, np.ones(len(X)))
        assert found == pytest.approx(ledoit_wolf_shrinkage(X), rel=1e-9)

    def test_weights_are_numbers_of_rows(self):
        X, weights = make_embeddings(0), np.arange(N) % 4 + 1
        found = self.shrinkage(X, weights.astype(float))
        expected = ledoit_wolf_shrinkage(np.repeat(X, weights, axis=0))
        assert found == pytest.approx(expected, rel=1e-9)
        assert found != pytest.approx(ledoit_wolf_shrinkage(X), rel=0.1)

    @pytest.mark.parametrize("unit", [1e-110, 1e-3, 1e110])
    def test_no_unit_overflows(self, unit):
        X, weights = make_embeddings(0), np.ones(N)
        expected = self.shrinkage(X, weights)
        assert 0 < self.shrinkage(unit * X, weights) == pytest.approx(expected)

    def test_it_is_a_share(self):
        # Rows at one distance from the mean: the error is that of the directions only.
        assert self.shrinkage(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.ones(2)) == 0.0
        few = np.random.default_rng(0).standard_normal((4, 50))
        assert self.shrinkage(few, np.full(4, 0.01)) == 1.0

    def test_a_number_is_taken_as_it_is(self):
        X = make_embeddings(0)
        assert choose_shrinkage(0.3, X, np.ones(N), np.zeros(D), np.ones(D)) == 0.3

    @pytest.mark.parametrize("shrinkage", [0.0, 0.3, 1.0])
    def test_spread_is_that_of_the_shrunk_covariance(self, shrinkage):
        covariance = np.cov(make_embeddings(0).T, bias=True)
        expected = np.linalg.eigvalsh(shrunk_covariance(covariance, shrinkage))
        found = whitening_spread(np.linalg.eigvalsh(covariance), shrinkage, D) ** 2
        np.testing.assert_allclose(found, expected)


class TestFrame:
    def test_frame_spans_the_whitened_covariances(self):
        rng = np.random.default_rng(0)
        cross, spread = rng.standard_normal((D, 3)), rng.uniform(0.1, 5.0, D)
        frame = concept_frame(cross, spread)
        np.testing.assert_allclose(frame.T @ frame, np.eye(3), atol=1e-12)
        whitened = cross / spread[:, None]
        np.testing.assert_allclose(frame @ (frame.T @ whitened), whitened)

    def test_dependent_concepts_count_once(self):
        cross = np.random.default_rng(0).standard_normal((D, 3))
        cross = np.hstack([cross, -cross.sum(axis=1, keepdims=True)])
        assert concept_frame(cross, np.ones(D)).shape == (D, 3)

    @pytest.mark.parametrize(("size", "rank"), [(1e-5, 1), (1e-12, 0), (0.0, 0)])
    def test_tolerance_is_that_of_correlations(self, size, rank):
        cross = size * np.ones((D, 1)) / np.sqrt(D)
        assert concept_frame(cross, np.ones(D)).shape == (D, rank)
        assert concept_frame(cross, np.ones(D), 1e-3).shape == (D, 0)

    def test_no_concept(self):
        assert concept_frame(np.zeros((D, 0)), np.ones(D)).shape == (D, 0)


class TestErasure:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_no_other_map_without_covariance_changes_less(self, seed):
        """In any metric; all others differ by a map that is blind to the covariance."""
        rng = np.random.default_rng([seed, 9])
        X, column = make_embeddings(seed), make_column(seed)
        erasure = fit_erasure(X, column, np.ones(N))
        centred = X - X.mean(axis=0)
        change = erasure.erase(X) - X
        numbers = numbers_of(column, range(N))
        cross = weighted_covariance(X, numbers, np.ones(N))
        free = np.eye(D) - linalg.orth(cross) @ linalg.orth(cross).T
        for metric in (np.eye(D), *rng.standard_normal((5, D, D))):
            best = np.sum((change @ metric) ** 2)
            for size in (1e-3, 0.1, 1.0):
                other = change + centred @ free @ (size * rng.standard_normal((D, D)))
                left = weighted_covariance(X + other, numbers, np.ones(N))
                np.testing.assert_allclose(left, 0.0, atol=1e-9)
                assert np.sum((other @ metric) ** 2) > best

    def test_principal_coordinates_need_no_components(self):
        X, column = make_embeddings(0), make_column(0)
        subspace = fit_subspace(X, np.ones(N), None, 0)
        T, _ = subspace.coordinates(X)
        factors = Held.of(column, np.ones(N)).concept(column)
        variance = subspace.variance / subspace.scale**2
        spread = whitening_spread(variance, 0.3, D)
        frame = concept_frame(cross_moments(T, np.zeros(D), factors), spread)
        erased = Erasure.of(frame, spread, np.eye(D), np.zeros(D)).erase(T)
        expected = fit_erasure(X, column, np.ones(N), 0.3).erase(X)
        np.testing.assert_allclose(
            erased @ subspace.components * subspace.scale + subspace.mean, expected
        )
