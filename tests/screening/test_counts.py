"""Rows and units of every level in every class of the target."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._input.groups import Groups, restrict_to_groups
from sklearn_wsca._input.typed_columns import read_column
from sklearn_wsca._screening.counts import TargetClasses
from tests.screening.tables import draw_patients, draw_table


def count(table, name, groups=None, beside=(), target="disease"):
    clusters = np.arange(len(table))
    column = read_column(table[name])
    if groups is not None:
        units = Groups.of(table[groups])
        clusters, column = units.codes, restrict_to_groups(column, units)
    classes = TargetClasses(read_column(table[target]), clusters)
    return classes.count(column, table[name], beside)


def test_they_are_those_of_the_table():
    table = draw_patients()
    found = count(table, "scanner", "patient")
    assert found.index.names == ["column", "level", "target_class"]
    rows = table.groupby(["scanner", "disease"]).size()
    patients = table.groupby(["scanner", "disease"])["patient"].nunique()
    for (level, name), n in rows.items():
        own = found.loc[("scanner", level, name)]
        assert (own["n_rows"], own["n_units"]) == (n, patients[level, name])
    for level in "AB":
        own = table[table["scanner"] == level]
        everywhere = found.loc[("scanner", level, "all")]
        assert everywhere["n_rows"] == len(own)
        assert everywhere["n_units"] == own["patient"].nunique()


def test_empty_and_few_cells():
    table = pd.DataFrame(
        {
            "disease": ["no"] * 60 + ["yes"] * 40,
            "scanner": ["A"] * 40 + ["B"] * 20 + ["A"] * 31 + ["B"] * 9,
        }
    )
    table.loc[[0, 1, 2], "scanner"] = "C"
    found = count(table, "scanner")["finding"]
    expected = {"A": ["", "", ""], "B": ["", "", "few"], "C": ["", "few", "empty"]}
    for level, findings in expected.items():
        assert found.loc[("scanner", level)].tolist() == findings


def test_levels_that_an_audit_does_not_use_are_counted_too():
    table = draw_table()
    table.loc[[3, 4], "scanner"] = "rare"
    table.loc[5, "scanner"] = None
    found = count(table, "scanner", beside=["B"])
    assert found.loc[("scanner", "rare", "all")].tolist() == [2, 2, "not used"]
    assert found.loc[("scanner", "B", "all"), "finding"] == "beside the headline"
    assert found.xs("all", level="target_class")["n_rows"].sum() == 399


def test_levels_of_too_few_patients_are_not_used():
    table = draw_patients()
    rows = np.flatnonzero(table["patient"] == table["patient"][0])
    table.loc[rows[:4], "view"] = "odd"
    found = count(table, "view", "patient")
    assert found.loc[("view", "odd", "all")].tolist() == [4, 1, "not used"]


@pytest.mark.parametrize(
    ("name", "levels"), [("age", ["all"]), ("scanner", ["A", "B"])]
)
def test_thirds_of_a_target_of_numbers(name, levels):
    table = draw_table().assign(dose=lambda t: np.arange(len(t)) * 0.5)
    found = count(table, name, target="dose")
    names = found.index.get_level_values("target_class").unique().tolist()
    assert (names[0], len(names)) == ("all", 4)
    assert names[1].startswith("0 to ")
    assert found.index.get_level_values("level").unique().tolist() == levels
    per_third = found.drop("all", level="target_class")
    per_third = per_third.groupby("target_class")["n_rows"].sum()
    assert sorted(per_third) == [133, 133, 134]


def test_rows_without_target_or_group_are_not_counted():
    table = draw_patients()
    n = len(table)
    table.loc[:9, "disease"] = None
    table.loc[n - 5 :, "patient"] = None
    found = count(table, "scanner", "patient")
    assert found.xs("all", level="target_class")["n_rows"].sum() == n - 15


def test_names_that_are_numbers_or_tuples_stay():
    table = draw_table().assign(site=lambda t: np.arange(len(t)) % 3)
    found = count(table, "site")
    assert found.index.get_level_values("level").unique().tolist() == [0, 1, 2]
