"""The p-value of the association with the target, with patients as units."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._analysis.association import association_strength
from sklearn_wsca._input.column import LeftOutError
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._input.typed_columns import read_column
from sklearn_wsca._permutation.plan import PermutationPlan
from sklearn_wsca._screening.target_association import Pair, association_pvalues
from tests.screening.tables import draw_patients, draw_table


def pvalue(table, name, groups=None, n_permutations=99, target="disease"):
    column, units = read_column(table[name]), None
    if groups is not None:
        units = Groups.of(table[groups])
    plan = PermutationPlan(3, n_permutations, len(table))
    found = association_pvalues({name: column}, read_column(table[target]), units, plan)
    return found[name]


@pytest.mark.parametrize("seed", range(3))
def test_a_column_that_follows_the_target_is_found(seed):
    table = draw_table(seed, follows=0.4)
    assert pvalue(table, "scanner") == 0.01
    table["age"] += 6.0 * (table["disease"] == "yes")
    assert pvalue(table, "age") == 0.01


@pytest.mark.parametrize("name", ["scanner", "view", "age"])
def test_size_with_few_patients_of_many_images(name):
    found = [
        pvalue(draw_patients(seed, n=25, images=(5, 40)), name, "patient")
        for seed in range(40)
    ]
    assert np.mean(np.array(found) <= 0.05) <= 0.15
    assert np.mean(np.array(found) <= 0.5) >= 0.25


def test_rows_of_few_patients_are_not_independent():
    """The test above could fail: without groups nearly all columns of the patient go
    with the target."""
    found = [
        pvalue(draw_patients(seed, n=25, images=(5, 40)), "scanner")
        for seed in range(10)
    ]
    assert np.mean(np.array(found) <= 0.05) >= 0.5


@pytest.mark.parametrize(
    ("name", "moved", "scheme"),
    [
        ("scanner", "scanner", "between groups"),
        # Exchanged within patients it would keep its association with the patient's
        # disease, so whole patients exchange that.
        ("view", "disease", "between groups"),
    ],
)
def test_what_is_permuted(name, moved, scheme):
    table = draw_patients()
    groups = Groups.of(table["patient"])
    column, target = read_column(table[name]), read_column(table["disease"])
    pair = Pair.of(column, target, groups)
    assert (pair.moved.name, pair.exchange.scheme) == (moved, scheme)


@pytest.mark.parametrize("name", ["scanner", "age"])
def test_the_strength_is_that_of_the_audit(name):
    table = draw_table(follows=0.3)
    column, target = read_column(table[name]), read_column(table["disease"])
    pair = Pair.of(column, target, None)
    expected = association_strength(column, target, np.ones(len(table)))
    assert pair.strength() == pytest.approx(expected)
    unmoved = pair.strengths(np.arange(len(table))[None])
    assert unmoved == pytest.approx([expected])


def test_two_numbers():
    table = draw_table()
    table["dose"] = 0.2 * table["age"] + np.random.default_rng(1).standard_normal(400)
    assert pvalue(table, "age", target="dose") == 0.01


def test_what_does_not_vary_has_no_pvalue():
    table = draw_table()
    table.loc[table["disease"] == "no", "scanner"] = None
    assert np.isnan(pvalue(table, "scanner"))
    column, target = read_column(table["scanner"]), read_column(table["disease"])
    with pytest.raises(LeftOutError, match="target does not vary"):
        Pair.of(column, target, None)


def test_without_permutations_there_is_no_pvalue():
    assert np.isnan(pvalue(draw_table(), "scanner", n_permutations=0))


def test_missing_values_are_left_out():
    table = draw_table(follows=0.5)
    with_gaps = table.copy()
    with_gaps.loc[::3, "scanner"] = None
    with_gaps.loc[::7, "disease"] = None
    assert pvalue(with_gaps, "scanner") == 0.01
    lone = pd.concat([table, table.head(5).assign(scanner="D")], ignore_index=True)
    assert pvalue(lone, "scanner") == 0.01
