"""Ridge probes refitted without each fold: against a loop, and against refits."""

from dataclasses import replace

import numpy as np
import pytest

from sklearn_wsca._encoding import null as null_module
from sklearn_wsca._encoding.folds import Folds
from sklearn_wsca._encoding.null import EncodingNull, fold_skills
from sklearn_wsca._heads.probe import Probe
from sklearn_wsca._input.column import Column
from sklearn_wsca._linear.design import prepare_design
from sklearn_wsca._permutation.exchangeability import exchange_units
from sklearn_wsca._permutation.plan import PermutationPlan
from tests.columns import column_of, make_folds
from tests.reference import ridge_counterpart, tuned_skill

N, K = 83, 6


def make_null(kind, n_levels, weighted, missing=False, precision="float64", n=N):
    """Rows with unequal scales and means; levels of unequal frequency, or numbers."""
    rng = np.random.default_rng(n_levels)
    T = rng.standard_normal((n, K)) * np.geomspace(2.0, 0.2, K) + rng.normal(1, 1, K)
    if n_levels:
        scores = T[:, :1] * np.arange(n_levels) + rng.gumbel(size=(n, n_levels))
        labels = scores.argmax(axis=1)
        labels[: 6 * n_levels] = np.tile(np.arange(n_levels), 6)
    else:
        labels = 1e6 + 40.0 * T[:, 0] + rng.normal(0.0, 60.0, n)
    rows = np.flatnonzero(rng.random(n) < 0.8) if missing else np.arange(n)
    weights = rng.uniform(0.2, 2.0, n) if weighted else np.ones(n)
    column = column_of(labels[rows], "site", rows)
    design = prepare_design(T, weights[rows], precision, rows).without_coordinates()
    probe = Probe(kind, n_levels, C=0.7, alpha=3.0)
    exchange = exchange_units(column, None)
    folds = make_folds(column, exchange, 4, 1)
    return T, EncodingNull(design, column, probe, folds, exchange)


def skills(T, null, batch, plan):
    """Skill of the data, then of a batch of permutations."""
    found = fold_skills(T, [null], batch, plan)[0]
    return np.append(found.observed, found.permuted)


def skills_by_a_loop(T, null, plan):
    """Held-out skill of ridge probes, fitted one at a time with scikit-learn."""
    column, weights = null.column, null.design.weights
    penalty = 3.0
    if null.probe.kind == "logistic":
        penalty = ridge_counterpart(column.labels, 0.7, weights)
    folds = null.folds.fold
    sources = plan.sources(range(plan.n_permutations), column.rows, folds)
    permutations = np.vstack([column.labels[None], column.labels[sources]])
    rows = T[column.rows]
    return np.array(
        [tuned_skill(rows, labels, folds, penalty, weights) for labels in permutations]
    )


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("kind", "n_levels"),
    [("logistic", 2), ("logistic", 4), ("ridge", 2), ("ridge", 3), ("ridge", 0)],
)
def test_skills_are_those_of_probes_refitted_without_each_fold(
    kind, n_levels, weighted, missing
):
    T, null = make_null(kind, n_levels, weighted, missing)
    plan = PermutationPlan(5, 7, len(T))
    found = skills(T, null, range(7), plan)
    expected = skills_by_a_loop(T, null, plan)
    np.testing.assert_allclose(found, expected, atol=1e-8)
    assert found[0] > found[1:].mean() + 0.02
    assert np.ptp(found[1:]) > 0.005


@pytest.mark.parametrize("n_levels", [0, 3])
def test_single_precision_is_close_to_double(n_levels):
    kind = "logistic" if n_levels else "ridge"
    single, double = (
        skills(T, null, range(20), PermutationPlan(5, 20, len(T)))
        for T, null in (
            make_null(kind, n_levels, True, True, precision, n=2500)
            for precision in ("float32", "float64")
        )
    )
    np.testing.assert_allclose(single, double, atol=2e-6)
    assert double[0] > 0.05


@pytest.mark.parametrize("size", [1, 3, 100])
def test_batches_make_no_difference(size, monkeypatch):
    T, null = make_null("logistic", 3, True)
    plan = PermutationPlan(2, 10, len(T))
    expected = skills(T, null, range(10), plan)
    monkeypatch.setattr(null_module, "OUTPUTS_PER_BATCH", 2 * size)
    np.testing.assert_allclose(skills(T, null, range(10), plan), expected, atol=1e-12)
    part = skills(T, null, range(4, 8), plan)
    np.testing.assert_allclose(part, expected[[0, 5, 6, 7, 8]], atol=1e-12)


def test_batches_are_bounded_by_rows_and_levels():
    T, null = make_null("logistic", 3, False)
    few = null.batch_size(T)
    many = column_of(np.arange(90) % 30)
    folds = Folds(np.arange(90) % 3)
    assert replace(null, column=many, folds=folds).batch_size(T) < few
    long = column_of(np.arange(10**6) % 2)
    assert replace(null, column=long, folds=folds).batch_size(T) == 4


@pytest.mark.parametrize(
    ("kind", "n_levels", "change"),
    [
        ("ridge", 0, lambda labels: 1e-3 * labels - 7.0),
        # Contrasts treat all alike, also the first level, which has no indicator.
        ("logistic", 4, lambda labels: np.array([2, 0, 3, 1])[labels]),
    ],
    ids=["unit of numbers", "names of levels"],
)
def test_skill_does_not_depend_on(kind, n_levels, change):
    T, null = make_null(kind, n_levels, True)
    moved = replace(null.column, labels=change(null.column.labels))
    plan = PermutationPlan(2, 5, len(T))
    found = skills(T, replace(null, column=moved), range(5), plan)
    np.testing.assert_allclose(found, skills(T, null, range(5), plan), atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("strength", [0.0, 0.35])
def test_tuned_probes_find_at_least_what_refitted_logistic_probes_find(strength):
    """And no more than these where there is nothing to be found."""
    closed, refitted = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        labels = rng.choice(3, 90, p=[0.5, 0.35, 0.15])
        labels[:15] = np.tile([0, 1, 2], 5)
        T = rng.standard_normal((90, 8)) * np.geomspace(2.0, 0.5, 8)
        T[:, 2] += strength * T[:, 2].std() * 2.0 * (labels == 1)
        T -= T.mean(axis=0)
        rows = np.arange(90)
        column = Column("site", "categorical", rows, labels, (0, 1, 2))
        design = prepare_design(T, np.ones(90)).without_coordinates()
        exchange = exchange_units(column, None)
        folds = make_folds(column, exchange, 3, seed)
        null = EncodingNull(design, column, Probe("logistic", 3), folds, exchange)
        plan = PermutationPlan(seed, 39, 90)
        found = skills(T, null, range(39), plan)
        closed.append(np.mean(found[1:] >= found[0]))
        sources = plan.sources(range(39), rows, folds.fold)
        permutations = np.vstack([labels[None], labels[sources]])
        refits = np.array([_logistic_skill(T, c, folds.fold) for c in permutations])
        refitted.append(np.mean(refits[1:] >= refits[0]))
    closed, refitted = np.array(closed), np.array(refitted)
    if strength:
        assert np.mean(closed) <= np.mean(refitted) + 0.05
        assert np.mean(closed) < 0.3
    else:
        assert np.mean(closed) == pytest.approx(0.5, abs=0.2)
        assert np.mean(refitted) == pytest.approx(0.5, abs=0.2)


def _logistic_skill(T, labels, folds):
    from sklearn_wsca._linear.solvers import fit_logistic

    weights = (folds != np.arange(3)[:, None]) * 1.0
    codes = np.broadcast_to(labels, weights.shape)
    fit = fit_logistic(prepare_design(T, np.ones(len(T))), codes, 3, 1.0, weights)
    loss = chance = 0.0
    for f in range(3):
        test = folds == f
        scores = T[test] @ fit.coef[f].T + fit.intercept[f]
        scores = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        shares = np.log(np.bincount(labels[~test]) / (~test).sum())
        loss -= scores[np.arange(test.sum()), labels[test]].sum()
        chance -= shares[labels[test]].sum()
    return 1.0 - loss / chance
