"""Interactions of two columns: rows, combinations, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._input.column import Column, LeftOutError, restrict_rows
from sklearn_wsca._input.crossed_columns import (
    check_pairs,
    cross,
    left_beside_levels,
    list_pairs,
)
from sklearn_wsca.datasets import make_shortcut
from tests.columns import column_of

FULL = np.array([[j, k] for j in range(3) for k in range(4)])


def levels_of(cells, n_rows=4):
    """Two columns in which each of some combinations occurs so often."""
    cells = np.repeat(np.asarray(cells), n_rows, axis=0)
    names = np.array(["p", "q", "r", "s"])
    return column_of(names[cells[:, 0]], "scanner"), column_of(cells[:, 1], "site")


@pytest.mark.parametrize(
    ("cells", "n_degrees"),
    [
        (FULL, 6),
        (FULL[:-1], 5),
        (FULL[[0, 1, 4, 5]], 1),
        ([[0, 0], [0, 1], [1, 1], [1, 2], [2, 2], [2, 0]], 1),
        ([[0, 0], [0, 1], [1, 0], [1, 1], [2, 2], [2, 3], [3, 2], [3, 3]], 2),
        ([[0, 0], [0, 1], [1, 1], [2, 1]], 0),
    ],
)
def test_independent_interactions_are_counted(cells, n_degrees):
    """Cells less levels, plus one for each part that no cell connects."""
    left = left_beside_levels(np.asarray(cells))
    assert left.sum() == pytest.approx(n_degrees)
    assert ((left >= 0) & (left < 1)).all()


def test_combinations_are_levels():
    column = cross(*levels_of(FULL), "scanner x site")
    assert column.kind == "interaction"
    assert column.levels[:5] == ("p x 0", "p x 1", "p x 2", "p x 3", "q x 0")
    np.testing.assert_array_equal(column.labels, np.repeat(np.arange(12), 4))
    assert not column.notes


def test_combinations_that_tell_nothing_are_left_out_and_said():
    """One that does not occur, one in two rows, the only one of a level."""
    kept = [[0, 0], [0, 1], [1, 0], [1, 1], [3, 3]]
    first, second = levels_of([*np.repeat(kept, 2, axis=0).tolist(), [0, 3]], 2)
    column = cross(first, second, "both")
    assert column.levels == ("p x 0", "p x 1", "q x 0", "q x 1")
    assert len(column.rows) == 16
    absent, rare = column.notes
    assert absent == "3 of 9 combinations do not occur: 'q x 3', 's x 0', 's x 1'"
    assert rare.startswith("6 rows of 2 combinations are not compared")
    assert "'p x 3'" in rare and "'s x 3'" in rare
    assert all(len(part.rows) == 16 and part.n_levels == 2 for part in column.parts)


def test_levels_that_look_like_combinations_keep_apart():
    a = np.repeat(["p", "p x q"], 20)
    b = np.tile(np.repeat(["q x r", "r"], 10), 2)
    column = cross(column_of(a, "a"), column_of(b, "b"), "a x b")
    assert len(set(column.levels)) == 4


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ([[0, 0], [1, 0], [2, 1], [3, 1]], "every level of 'scanner' occurs under one"),
        ([[0, 0], [0, 1], [1, 2], [1, 3]], "every level of 'site' occurs under one"),
        ([[0, 0], [0, 1], [1, 1], [1, 2], [2, 2]], "no two levels of 'scanner' both"),
    ],
)
def test_nested_columns_cannot_be_told_apart(cells, reason):
    with pytest.raises(LeftOutError, match=f"^{reason}.*what each does alone$"):
        cross(*levels_of(cells), "both")


def test_slopes_are_compared_where_the_number_varies():
    site, dose = np.repeat([0, 1, 2], 20), 5.0 + np.arange(60) % 7
    dose[site == 1] = 4.0
    for pair in ((site, dose), (dose, site)):
        first, second = (column_of(values, str(i)) for i, values in enumerate(pair))
        column = cross(first, second, "both")
        assert column.levels == ("0 x +1 SD", "2 x +1 SD")
        assert len(column.rows) == 40
        assert column.notes[0].endswith("does not vary are not compared: 1")
    dose[site == 2] = 3.0
    with pytest.raises(LeftOutError, match="'dose' varies within 1 level of 'site'"):
        cross(column_of(site, "site"), column_of(dose, "dose"), "both")


def test_two_numbers_have_no_levels():
    rng = np.random.default_rng(0)
    age, dose = rng.standard_normal((2, 30)) * [[9.0], [0.1]] + [[60.0], [3.0]]
    column = cross(column_of(age, "age"), column_of(dose, "dose"), "both")
    assert (column.levels, column.n_levels) == ((), 0)
    assert len(np.unique(column.identities())) == 30
    expected = (age - age.mean()) * (dose - dose.mean())
    np.testing.assert_allclose(column.numbers()[:, 0], expected)


def test_parts_stay_with_their_rows():
    rng = np.random.default_rng(1)
    scanner, age = rng.integers(0, 3, 40), 60.0 + rng.standard_normal(40)
    known = np.arange(5, 35)
    column = cross(
        column_of(scanner[known], "scanner", known), column_of(age, "age"), "both"
    )
    order = rng.permutation(40)
    column = restrict_rows(column.take(order), np.arange(20))
    for part, values in zip(column.parts, (scanner, age), strict=True):
        np.testing.assert_array_equal(part.rows, column.rows)
        np.testing.assert_array_equal(part.labels, values[order][column.rows])


def test_columns_that_are_never_known_together():
    first = column_of(np.arange(20) % 2, "a", np.arange(20))
    second = column_of(np.arange(20) % 2, "b", np.arange(18, 38))
    with pytest.raises(LeftOutError, match="'b' does not vary where both are known"):
        cross(first, second, "both")


def test_pairs_by_name():
    pairs = list_pairs([("scanner", "site"), ["age", ("scanner", "sex")]])
    assert pairs == {
        "scanner x site": ("scanner", "site"),
        "age x scanner & sex": ("age", ("scanner", "sex")),
    }
    assert list_pairs(None) == list_pairs([]) == {}


@pytest.mark.parametrize(
    ("interactions", "message"),
    [
        (("scanner", "site"), r"is one pair .* pass interactions=\[\('scanner', 'site"),
        (["scanner", "site", "sex"], "'scanner' is no pair of columns"),
        ([("scanner", "site", "sex")], r"\('scanner', 'site', 'sex'\) is no pair"),
        ([(["scanner"], "site")], "is no pair of columns"),
        ([("scanner", "scanner")], "is the same column twice"),
        ([("a", "b"), ("b", "a")], r"\('b', 'a'\) is there twice"),
        ([("a", "b x c"), ("a x b", "c")], "would have the same name"),
    ],
)
def test_what_is_no_list_of_pairs(interactions, message):
    with pytest.raises(ValueError, match=f"^interactions.*{message}"):
        list_pairs(interactions)


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (("scaner", "site"), r"no column 'scaner' .* \(did you mean 'scanner'\?\)"),
        (("scanner", "disease"), "is the target; .* utilization_by_class_"),
        (("patient", "site"), "is the groups; leave that pair out"),
        (("scanner", "site"), "'scanner x site', which is a column"),
    ],
)
def test_pairs_that_a_table_does_not_allow(pair, message):
    names = ["scanner", "site", "disease", "patient", "scanner x site"]
    table = pd.DataFrame(columns=names)
    with pytest.raises(ValueError, match=f"^interactions: .*{message}"):
        check_pairs(list_pairs([pair]), table, "disease", "patient")


def test_columns_are_no_interactions():
    column = Column("a", "categorical", np.arange(4), np.array([0, 1, 0, 1]), (3, 4))
    np.testing.assert_array_equal(column.identities(), column.labels)
    np.testing.assert_array_equal(column.numbers(), np.eye(2)[column.labels])


@pytest.mark.parametrize("target", ["target", None])
def test_combinations_stand_before_and_beside_names(target):
    """In every table: pandas makes rows of a table of tuples that come first."""
    study = make_shortcut(200, 6, use=0.5, random_state=0)
    first = study.metadata["age"] > study.metadata["age"].median()
    table = study.metadata.assign(half=np.where(first, "old", "young"))
    pair = ("scanner", "half")
    columns = [pair, "half"] if target else [pair, "half", "target"]
    head = study.head if target else None
    analysis = WeightSpaceCorrelation(
        target, target_head=head, columns=columns, n_permutations=0, random_state=0
    ).fit(study.data, table)
    assert analysis.summary_.index.tolist() == columns
    assert pair in analysis.correlation_.index.get_level_values("task")
    if target:
        pairs = set(analysis.confusable_.index)
        assert {(pair, "half"), ("half", pair)} >= pairs
        found = analysis.component_sensitivity(study.data, table, pairs=True)
        assert pair in found.columns.get_level_values("column")
