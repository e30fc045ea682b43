"""Rows in canonical order, and heads that are fitted on them against scikit-learn."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._heads.fit import Rows, fit_heads
from sklearn_wsca._linear.design import prepare_design
from sklearn_wsca._linear.solvers import BatchFit
from sklearn_wsca._linear.subspace import fit_subspace
from tests.prepared_studies import Runner, prepare_study
from tests.reference import balancing_weights, centre_classes, fit_head, make_study

N = 150


@pytest.fixture(scope="module")
def study():
    X, table = make_study(0, n=N, shared=1.0)
    table["age"] = table["age"].where(np.arange(N) % 5 > 0)
    weights = np.random.default_rng(0).integers(1, 4, N).astype(float)
    return X, table[["disease", "site", "sex", "age", "dose"]], weights


def fit(*study, **options):
    _, tasks, rows = prepare_study(*study, min_components=8, **options)
    failed = fit_heads(tasks.all, rows, Runner(rows))
    return tasks, rows, failed


# --- rows ----------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["all", "some"])
@pytest.mark.parametrize("n", [60, 2000])
def test_designs_are_those_of_the_rows_without_their_coordinates(n, part):
    rng = np.random.default_rng(n)
    X = rng.standard_normal((n, 5)) * [9.0, 3.0, 1.0, 0.5, 0.1] - 40.0
    weights = rng.uniform(0.5, 2.0, n)
    subspace = fit_subspace(X, weights, 4, 0)
    T = subspace.coordinates(X)[0]
    chosen = np.arange(n) if part == "all" else np.flatnonzero(rng.random(n) < 0.7)
    found = Rows(T, weights, subspace).design(chosen)
    expected = prepare_design(T, weights[chosen], "float64", chosen)
    assert found.coordinates is None
    np.testing.assert_array_equal(found.weights, weights[chosen])
    np.testing.assert_allclose(found.gram, expected.gram)
    np.testing.assert_allclose(found.mean, expected.mean, atol=1e-9)
    assert found.precision == ("float32" if len(chosen) >= 2000 else "float64")
    np.testing.assert_array_equal(found.on(T).whole_rows(), T[chosen])


# --- heads ---------------------------------------------------------------------------


def assert_same_outputs(found, expected):
    # A number added to the scores of all classes changes nothing.
    found, expected = (centre_classes(o.T, "logistic").T for o in (found, expected))
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.ptp(expected))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ["disease", "site", "sex", "age", "dose"])
def test_outputs_on_the_embeddings_are_those_of_scikit_learn(study, name, weighted):
    """All directions are kept; the penalty is on embeddings divided by one number."""
    X, table, weights = study
    weights = weights if weighted else np.ones(N)
    tasks, rows, failed = fit(X, table, weights, C=0.3, alpha=20.0)
    head = {task.name: task.head for task in tasks.all}[name]
    known = table[name].notna().to_numpy()
    kind = "ridge" if name in ("age", "dose") else "logistic"
    arguments = table[name][known], kind, 0.3, 20.0, weights[known]
    scaled = X / rows.subspace.scale
    coef, intercept = fit_head(scaled[known], *arguments)
    assert head.kind == kind
    levels = tuple(np.unique(table[name])) if kind == "logistic" else None
    assert head.classes == levels
    assert_same_outputs(head.outputs(X), scaled @ coef.T + intercept)
    assert failed == []


def test_balanced_heads_are_fitted_under_balancing_weights(study):
    X, table, weights = study
    tasks, rows, _ = fit(X, table, weights, adjust_for_target=True, columns=["site"])
    cells, strata = (pd.factorize(table[name])[0] for name in ("site", "disease"))
    balance = balancing_weights(cells, strata, weights)
    scaled = X / rows.subspace.scale
    coef, intercept = fit_head(scaled, table["site"], "logistic", weights=balance)
    found = tasks.metadata[0].head.outputs(X)
    assert_same_outputs(found, scaled @ coef.T + intercept)
    plain = fit(X, table, weights, columns=["site"])[0].metadata[0].head
    assert np.abs(plain.outputs(X) - found).max() > 1e-2


def test_trained_heads_are_left_as_they_are(study):
    X, table, _ = study
    given = {"sex": np.ones((1, 8)), "hospital": np.eye(2, 8)}
    tasks, _, _ = fit(X, table, heads=given, target_head=np.arange(8.0))
    np.testing.assert_array_equal(tasks.target_head.coef, [np.arange(8.0)])
    for name, coef in given.items():
        np.testing.assert_array_equal(tasks.heads()[name].coef, coef)
    assert all(task.head is not None for task in tasks.all)


class Hurried:
    """A probe that does not reach its tolerance."""

    kind = "logistic"

    def fit(self, design, labels, weights, tolerance):
        # Also where permutations are fitted in single precision.
        assert (len(design.weights), design.precision) == (2000, "float64")
        return BatchFit(np.zeros((1, 3, 8)), np.zeros((1, 3)), np.array([False]))


def test_heads_that_do_not_converge_are_named():
    X, table = make_study(1, n=2000)
    _, tasks, rows = prepare_study(X, table, columns=["site", "sex"])
    tasks.metadata[0].probe = Hurried()
    assert fit_heads(tasks.all, rows, Runner(rows)) == ["site"]
    np.testing.assert_array_equal(tasks.metadata[0].head.coef, 0.0)
