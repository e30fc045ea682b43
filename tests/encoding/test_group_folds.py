"""Folds of groups: those of scikit-learn's rules, many partitions at a time."""

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from sklearn_wsca._encoding import group_folds
from sklearn_wsca._encoding.group_folds import GroupSplit, deal_out, fold_groups


def study(seed, n_levels, n_groups=40, n=300):
    """Groups of unequal size, levels of unequal frequency; every level is frequent."""
    rng = np.random.default_rng(seed)
    groups = np.append(np.arange(n_groups), rng.integers(0, n_groups, n - n_groups))
    labels = rng.choice(n_levels, n, p=rng.dirichlet(np.full(n_levels, 3.0)))
    labels[-5 * n_levels :] = np.tile(np.arange(n_levels), 5)
    return labels, rng.permutation(n_groups)[groups]


def one_at_a_time(tables, n_folds):
    """Groups as rows, most uneven first, so that scikit-learn keeps their order."""
    found = []
    for table, number in zip(tables, n_folds, strict=True):
        groups = np.repeat(np.arange(len(table)), table.sum(axis=1))
        labels = np.concatenate([np.repeat(np.arange(len(t)), t) for t in table])
        fold = np.empty(len(table), dtype=int)
        splits = StratifiedGroupKFold(number).split(labels, labels, groups)
        for i, (_, test) in enumerate(splits):
            fold[groups[test]] = i
        found.append(fold)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_the_rules_of_scikit_learn(seed):
    """With few and many levels and folds, all dealt out at once."""
    shapes = [(2, 2), (3, 5), (6, 5), (7, 2), (8, 3), (12, 5), (4, 10)]
    tables = []
    for n_levels, _ in shapes:
        labels, groups = study(seed, n_levels, n_groups=30 + n_levels)
        split = GroupSplit(labels, groups, 2, 0)
        tables.append(split.counts())
    n_folds = [number for _, number in shapes]
    expected = one_at_a_time(tables, n_folds)
    for own, fold in zip(deal_out(tables, n_folds), expected, strict=True):
        np.testing.assert_array_equal(own, fold)


def test_levels_are_spread_evenly_and_seeds_differ():
    labels, groups = study(0, 4, n_groups=200, n=2000)
    found = fold_groups([GroupSplit(labels, groups, 5, seed) for seed in range(3)])
    for fold in found:
        assert (fold == fold[np.unique(groups, return_index=True)[1]][groups]).all()
        for level in range(4):
            shares = np.bincount(fold[labels == level], minlength=5)
            assert np.ptp(shares) <= 10
    assert (found[0] != found[1]).any() and (found[1] != found[2]).any()


def test_levels_that_do_not_occur_change_nothing():
    labels, groups = study(1, 3)
    gaps = np.array([1, 4, 9])[labels]
    for number in (2, 5):
        with_gaps, without = fold_groups(
            [GroupSplit(own, groups, number, 7) for own in (gaps, labels)]
        )
        np.testing.assert_array_equal(with_gaps, without)


def test_a_partition_that_holds_a_level_back_is_drawn_again(monkeypatch):
    """From the next seed, and no other partition with it."""
    seen = []

    def deal(tables, n_folds):
        seen.append(len(tables))
        found = deal_out(tables, n_folds)
        if len(seen) == 1:
            found[1][:] = 0
        return found

    monkeypatch.setattr(group_folds, "deal_out", deal)
    labels, groups = study(2, 3)
    found = fold_groups([GroupSplit(labels, groups, 2, seed) for seed in (5, 6)])
    assert seen == [2, 1]
    for fold, seed in zip(found, (5, 7), strict=True):
        (alone,) = fold_groups([GroupSplit(labels, groups, 2, seed)])
        np.testing.assert_array_equal(fold, alone)


def test_a_level_of_one_group_stays_in_one_fold():
    labels, groups = np.tile([0, 1], 20), np.repeat(np.arange(10), 4)
    labels[:3] = 2
    (fold,) = fold_groups([GroupSplit(labels, groups, 2, 0)])
    assert len(set(fold[labels == 2])) == 1 and set(fold) == {0, 1}
