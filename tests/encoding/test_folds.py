"""Test folds: stratified, as large as permutations within them need, and of users."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold, ShuffleSplit

from sklearn_wsca._encoding.folds import Split, draw_folds, make_training_folds
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._permutation.exchangeability import exchange_units
from tests.columns import column_of, make_folds


def folds_of(column, cv, seed):
    return make_folds(column, exchange_units(column, None), cv, seed)


def test_folds_of_levels_are_stratified():
    codes = np.repeat([0, 1, 2], [50, 30, 10])
    folds = folds_of(column_of(codes), 5, seed=1)
    assert folds.n_folds == 5
    assert folds.note == ""
    for code, count in ((0, 10), (1, 6), (2, 2)):
        np.testing.assert_array_equal(np.bincount(folds.fold[codes == code]), count)


def test_folds_of_numbers_are_even_and_seeded():
    column = column_of(np.linspace(-5.0, 300.0, 43))
    folds = folds_of(column, 4, seed=1)
    assert sorted(np.bincount(folds.fold)) == [10, 11, 11, 11]
    np.testing.assert_array_equal(folds.fold, folds_of(column, 4, seed=1).fold)
    assert (folds.fold != folds_of(column, 4, seed=2).fold).any()


def test_fewer_folds_where_levels_are_small():
    folds = folds_of(column_of([0, 0, 0, 1, 1, 1]), 5, seed=0)
    assert folds.n_folds == 3
    assert folds.note == "3 instead of 5 folds: its largest level has 3 units"


def test_a_fold_of_numbers_holds_more_than_one():
    """Labels are permuted within folds, so a fold of one would never change."""
    column = column_of([3.0, -40.0, 7.5, 900.0, 21.0, 22.0])
    folds = folds_of(column, 10, seed=0)
    assert folds.n_folds == 3 and set(np.bincount(folds.fold)) == {2}
    assert folds.note == "3 instead of 10 folds: there are 6 units"


@pytest.mark.parametrize("kind", ["levels", "numbers"])
def test_columns_split_together_are_split_as_alone(kind):
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(30), 4)
    groups = Groups.of(pd.Series(patient))
    labels = rng.integers(0, 3, 120) if kind == "levels" else rng.normal(5.0, 40.0, 120)
    pairs = [(column_of(labels), groups), (column_of(labels[::2]), None)]
    pairs += [(column_of(labels[patient * 4]), groups)]
    splits = [
        Split(column, exchange_units(column, own), 4, seed)
        for column, own in pairs
        for seed in range(2)
    ]
    together = draw_folds(splits)
    assert len({tuple(folds.fold[:60]) for folds in together}) > 3
    for split, folds in zip(splits, together, strict=True):
        np.testing.assert_array_equal(folds.fold, draw_folds([split])[0].fold)


@pytest.mark.parametrize(
    ("labels", "note"),
    [
        (np.tile([0, 1], 6), "3 instead of 5 folds: there are 3 groups"),
        (np.tile([0, 1, 2, 3, 4], 3), "3 instead of 5 folds: its largest level has 3 "),
    ],
)
def test_fewer_folds_of_groups(labels, note):
    n_groups = 3 if len(labels) == 12 else 5
    groups = Groups.of(pd.Series(np.arange(len(labels)) % n_groups))
    if n_groups == 5:
        groups = Groups.of(pd.Series(np.sort(groups.codes)))
    column = column_of(labels)
    folds = make_folds(column, exchange_units(column, groups), 5, 0)
    assert folds.n_folds == 3 and folds.note.startswith(note)


def test_rare_levels_do_not_warn():
    codes = np.array([0] * 30 + [1] * 3)
    assert folds_of(column_of(codes), 5, seed=0).n_folds == 5


@pytest.mark.parametrize(
    ("splitter", "message"),
    [
        (ShuffleSplit(3, random_state=0), "exactly one test fold"),
        (KFold(3), "trains without one of the 3 levels"),
    ],
)
def test_splitters_that_cannot_be_used(splitter, message):
    with pytest.raises(ValueError, match=message):
        folds_of(column_of(np.repeat([0, 1, 2], 10)), splitter, seed=0)


# --- folds of outputs at held-out rows -----------------------------------------------


def training_folds(codes, patient, cv=5, seed=0):
    column = column_of(codes)
    groups = None if patient is None else Groups.of(pd.Series(patient))
    return make_training_folds(column, exchange_units(column, groups), cv, seed)


@pytest.mark.parametrize("cv", [5, 3, None, KFold(2)])
def test_training_folds_are_those_of_the_score_where_all_levels_are_frequent(cv):
    codes = np.repeat([0, 1, 2], [50, 30, 10])
    n_folds = cv if isinstance(cv, int) else 5
    expected = folds_of(column_of(codes), n_folds, seed=1)
    found = training_folds(codes, None, cv, seed=1)
    np.testing.assert_array_equal(found.fold, expected.fold)


@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_training_folds_never_split_a_group_and_always_train_on_every_level(
    constant, seed
):
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(40), 5)
    codes = rng.integers(0, 3, 40)[patient] if constant else rng.integers(0, 3, 200)
    codes[patient == 7] = 3
    fold = training_folds(codes, patient, seed=seed).fold
    np.testing.assert_array_equal(fold < 0, codes == 3)
    held_out = pd.Series(fold[fold >= 0]).groupby(patient[fold >= 0])
    assert (held_out.nunique() == 1).all() and fold.max() == 4
    for number in range(5):
        assert set(codes[fold != number]) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("codes", "patient"),
    [
        (np.repeat([0, 1, 2], 10), np.repeat([0, 1, 2], 10)),
        (np.tile([0, 1], 15), np.zeros(30, dtype=int)),
    ],
    ids=["a patient per class", "one patient"],
)
def test_nothing_is_held_out_where_no_head_could_be_fitted_without_it(codes, patient):
    assert (training_folds(codes, patient).fold == -1).all()
