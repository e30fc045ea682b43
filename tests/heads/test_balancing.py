"""Weights that make a column and the target independent."""

from dataclasses import replace

import numpy as np
import pytest

from sklearn_wsca._heads.balancing import (
    BINS_OF_NUMBERS,
    balance_against,
    describe_balance,
)
from sklearn_wsca._input.column import LeftOutError
from tests.columns import column_of
from tests.reference import balancing_weights, cells_of


def make_pair(seed, kinds, n=300):
    """Two associated columns on the same rows, and base weights."""
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal(n)
    columns = []
    for name, kind in zip(("site", "target"), kinds, strict=True):
        values = latent + rng.standard_normal(n)
        if kind == "continuous":
            columns.append(column_of(80.0 + 9.0 * values, name))
        else:
            columns.append(column_of(np.digitize(values, [-0.5, 1.0]), name))
    return *columns, rng.uniform(0.3, 2.0, n)


KINDS = [
    ("categorical", "categorical"),
    ("categorical", "continuous"),
    ("continuous", "categorical"),
    ("continuous", "continuous"),
]


def shares(cells, strata, weights):
    table = np.zeros((cells.max() + 1, strata.max() + 1))
    np.add.at(table, (cells, strata), weights)
    return table / table.sum()


@pytest.mark.parametrize("kinds", KINDS)
def test_weights_match_the_formula(kinds):
    column, target, base = make_pair(0, kinds)
    balance = balance_against(column, [target], base)
    np.testing.assert_array_equal(balance.cells, cells_of(column.labels, kinds[0]))
    np.testing.assert_array_equal(balance.strata, cells_of(target.labels, kinds[1]))
    rng = np.random.default_rng(0)
    permuted = np.stack([balance.cells] + [rng.permutation(balance.cells)] * 2)
    found = balance.weights(permuted)
    for cells, weights in zip(permuted, found, strict=True):
        expected = balancing_weights(cells, balance.strata, base)
        np.testing.assert_allclose(weights, expected)


@pytest.mark.parametrize("kinds", KINDS)
def test_weights_make_independent_and_keep_both_margins(kinds):
    column, target, base = make_pair(1, kinds)
    balance = balance_against(column, [target], base)
    weights = balance.weights(balance.cells[None])[0]
    before = shares(balance.cells, balance.strata, base)
    after = shares(balance.cells, balance.strata, weights)
    np.testing.assert_allclose(after, np.outer(after.sum(1), after.sum(0)), atol=1e-12)
    np.testing.assert_allclose(after.sum(1), before.sum(1))
    np.testing.assert_allclose(after.sum(0), before.sum(0))
    assert weights.sum() == pytest.approx(base.sum())
    # Guard: before, they were far from independent.
    assert np.abs(before - np.outer(before.sum(1), before.sum(0))).max() > 0.01


def test_weights_of_one_where_the_columns_are_independent_already():
    codes = np.repeat(np.arange(6), 10)
    column, target = column_of(codes % 2), column_of(codes // 2, "target")
    balance = balance_against(column, [target], np.ones(60))
    np.testing.assert_allclose(balance.weights(balance.cells[None]), 1.0)


def test_a_combination_that_does_not_occur_is_named():
    column = column_of(list("aaabbb"), "site")
    target = column_of(list("xyxxxx"), "target")
    with pytest.raises(LeftOutError, match=r"1 of 4 .*site b with target y"):
        balance_against(column, [target], np.ones(6))


def test_description_gives_the_effective_sample_size():
    held = [column_of(np.arange(3.0), "illness")]
    text = describe_balance(np.array([1.0, 1.0, 2.0]), held)
    assert "balanced against illness" in text
    assert "effective sample size 3 of 3 rows" in text
    assert "largest weight 1.5 times the mean" in text
    assert "size 1 of 3" in describe_balance(np.array([1e9, 1.0, 1.0]), held)


def skewed_pair(n_low):
    """A number of which the class 'rare' has only the `n_low` lowest of 100 values."""
    target = column_of(np.where(np.arange(100) < n_low, "rare", "usual"), "target")
    return column_of(40.0 + np.arange(100) / 3, "age"), target


def test_a_number_has_fewer_classes_where_more_leave_cells_empty():
    column, target = skewed_pair(60)
    column = replace(column, labels=np.roll(column.labels, 20))
    balance = balance_against(column, [target], np.ones(100))
    assert balance.cells.max() + 1 < BINS_OF_NUMBERS
    table = np.zeros((balance.cells.max() + 1, 2))
    np.add.at(table, (balance.cells, balance.strata), 1)
    assert table.all()


def test_a_number_that_the_target_splits_cannot_be_balanced():
    column, target = skewed_pair(40)
    with pytest.raises(LeftOutError, match="of 4 combinations"):
        balance_against(column, [target], np.ones(100))
