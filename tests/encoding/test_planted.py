"""Planted columns: their skill, and whether they tell what a test can find."""

import numpy as np
import pytest

from sklearn_wsca._encoding.null import EncodingNull, fold_skills
from sklearn_wsca._encoding.planted import (
    PLANTED_SKILL,
    largest_pvalue,
    planted_responses,
    share_found,
)
from sklearn_wsca._heads.probe import Probe
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._linear.design import prepare_design
from sklearn_wsca._permutation.exchangeability import exchange_units
from sklearn_wsca._permutation.plan import PermutationPlan, benjamini_hochberg
from tests.columns import column_of, make_folds


def make_null(seed, n, k, n_levels, scheme="rows"):
    """A column without relation to the rows; groups are of four rows."""
    rng = np.random.default_rng(seed)
    T = rng.standard_normal((n, k)) * np.linspace(1.5, 0.5, k)
    groups = None if scheme == "rows" else make_groups(n)
    n_labels = n // 4 if scheme == "between groups" else n
    labels = rng.lognormal(size=n_labels)
    if n_levels:
        labels = rng.permutation(np.arange(n_labels) % n_levels)
    if scheme == "between groups":
        labels = labels[groups.codes]
    if scheme == "within groups":
        # Hardly anything is left between groups.
        together = labels.reshape(-1, 4)
        labels = together - together.mean(axis=1, keepdims=True)
        if n_levels:
            labels = rng.permuted(np.tile(np.arange(4) % n_levels, (n // 4, 1)), axis=1)
        labels = labels.ravel()
    column = column_of(labels, "site")
    exchange = exchange_units(column, groups)
    assert exchange.scheme == scheme
    folds = make_folds(column, exchange, 5, 1)
    design = prepare_design(T, np.ones(n)).without_coordinates()
    probe = Probe("logistic" if n_levels else "ridge", n_levels)
    return T, EncodingNull(design, column, probe, folds, exchange)


def make_groups(n):
    return Groups("patient", np.arange(n) // 4)


SCHEMES = ["rows", "between groups", "within groups"]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("n_levels", [0, 3])
def test_the_embeddings_explain_a_tenth_of_a_planted_column(n_levels, scheme):
    T, null = make_null(0, 2000, 5, n_levels, scheme)
    ridge, plan = null.prepare(T), PermutationPlan(3, 0, len(T))
    noise = ridge.responses(null._permuted(ridge, plan.orders(range(8))))
    planted = planted_responses(ridge, null.exchange, noise, range(8), plan)
    # Without groups the variance of the rows is what the function can be read from.
    rows = T - T.mean(axis=0)
    if scheme != "rows":
        means = rows.reshape(-1, 4, 5).mean(axis=1).repeat(4, axis=0)
        rows = means if scheme == "between groups" else rows - means
    rows = rows[ridge.slots]
    shares = []
    for responses in np.moveaxis(planted, 1, 0):
        centred = (responses - responses.mean(axis=1, keepdims=True)).T
        fitted = rows @ np.linalg.lstsq(rows, centred, rcond=None)[0]
        shares.append(np.sum(fitted**2) / np.sum(centred**2))
    assert np.mean(shares) == pytest.approx(PLANTED_SKILL, abs=0.02)


def test_planted_columns_come_with_the_first_permutations_and_are_the_same_again():
    T, null = make_null(1, 200, 20, 3)
    plan = PermutationPlan(7, 30, len(T))
    first = fold_skills(T, [null], range(10), plan)[0]
    later = fold_skills(T, [null], range(10, 30), plan)[0]
    assert len(later.planted) == 0
    again = fold_skills(T, [null], range(30), plan)[0]
    np.testing.assert_allclose(first.planted, again.planted, atol=1e-12)
    assert np.ptp(first.planted) > 0.01


@pytest.mark.parametrize("n_levels", [0, 2])
@pytest.mark.parametrize(("n", "k", "enough"), [(40, 30, False), (500, 30, True)])
def test_many_rows_find_what_few_do_not(n, k, enough, n_levels):
    for seed in range(3):
        T, null = make_null(seed, n, k, n_levels)
        plan = PermutationPlan(seed, 99, n)
        found = fold_skills(T, [null], range(99), plan)[0]
        power = share_found(found.planted, found.permuted, 0.05, 99)
        assert (power >= 0.8) == enough
        assert enough or power < 0.6


def test_share_found_counts_as_pvalues_do():
    null = np.arange(99) / 1000.0
    planted = np.array([0.093, 0.0941, 0.5])
    # Four of 99 permutations may reach it: p = 5 / 100.
    assert share_found(planted, null, 0.05, 99) == pytest.approx(2 / 3)
    assert share_found(planted, null, 0.01, 99) == pytest.approx(1 / 3)
    assert share_found(planted, null, 0.009, 99) == 0.0
    # Stopped after 49 permutations; all of them count, and none may reach it.
    assert share_found(planted, null[:49], 0.01, 99) == 1.0
    assert share_found(np.array([0.0099]), null / 100, 0.05, 99) == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_largest_pvalue_is_where_benjamini_and_hochberg_stop(seed):
    others = np.random.default_rng(seed).uniform(size=6) ** 3
    level = largest_pvalue(others, 0.05)
    for pvalue, significant in ((level, True), (level * 1.001, False)):
        qvalues = benjamini_hochberg(np.append(others, pvalue))
        assert (qvalues[-1] <= 0.05 * (1 + 1e-9)) == significant
    assert largest_pvalue(np.empty(0), 0.05) == 0.05
