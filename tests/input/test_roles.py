"""Names of target, confounders and groups: who may be what, and how they are read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._input.roles import (
    RoleNames,
    Roles,
    add_pairs,
    read_roles,
    refuse_roles,
)

N = 12
TABLE = pd.DataFrame(
    {
        "disease": np.array(["ill", "well"])[np.arange(N) % 2],
        "site": np.array(["north", "south", "west"])[np.arange(N) % 3],
        "age": 50.5 + np.arange(N) ** 2 / 7,
        "patient": np.array([7, 3, 5])[np.arange(N) // 4],
        "vendor": "one",
    }
)


def names(target="disease", confounders=(), groups=None):
    return RoleNames(target, list(confounders), groups)


# --- names ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "roles",
    [
        {},
        {"target": None, "confounders": ["disease", "site"]},
        {"confounders": ["site", "age"], "groups": "patient"},
        {"target": None, "groups": "disease"},
    ],
)
def test_every_column_may_have_one_role(roles):
    names(**roles).check(TABLE)


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ({"confounders": ["cite"]}, r"confounders: there is no column 'cite'.*'site'"),
        ({"groups": "patients"}, r"groups: there is no column 'patients'.*'patient'"),
        ({"confounders": ["disease"]}, "confounders: the target 'disease' is among"),
        ({"confounders": ["age"] * 2}, "confounders: a name occurs more than once"),
        ({"groups": "disease"}, "groups: 'disease' is target too"),
        ({"confounders": ["site"], "groups": "site"}, "groups: 'site' is a confounder"),
    ],
)
def test_two_roles_or_unknown_names_raise(roles, message):
    with pytest.raises(ValueError, match=message):
        names(**roles).check(TABLE)
    with pytest.raises(ValueError, match=message):
        read_roles(TABLE, names(**roles))


# --- what is read --------------------------------------------------------------------


def test_no_roles():
    roles = read_roles(TABLE, names())
    assert roles.groups is None
    assert roles.confounders == []


def test_confounders_are_typed_columns():
    roles = read_roles(TABLE, names(confounders=["age", "site"]))
    age, site = roles.confounders
    assert (age.name, age.kind) == ("age", "continuous")
    assert (site.name, site.levels) == ("site", ("north", "south", "west"))
    np.testing.assert_array_equal(age.labels, TABLE["age"])


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ("one", "constant: all 12 observed rows are 'one'"),
        ([f"row {i}" for i in range(N)], "identifier-like"),
        ([None] * N, "observed in 0 of 12 rows"),
        (list("aab") + ["c"] * 9, "fewer than 2 of its 3 levels have 3 or more rows"),
    ],
)
def test_confounders_that_cannot_be_held_fixed_raise(values, reason):
    table = TABLE.assign(vendor=values)
    with pytest.raises(ValueError, match="Leave it out of confounders") as error:
        read_roles(table, names(confounders=["vendor"]))
    assert f"confounders: 'vendor' cannot be held fixed: {reason}" in str(error.value)


def test_groups_are_numbered_by_their_first_rows_and_missing_ones_are_none():
    table = TABLE.assign(patient=TABLE["patient"].where(TABLE.index % 4 > 0))
    groups = read_roles(table, names(groups="patient")).groups
    assert groups.name == "patient"
    expected = np.where(np.arange(N) % 4 > 0, np.arange(N) // 4, -1)
    np.testing.assert_array_equal(groups.codes, expected)


@pytest.mark.parametrize(("values", "count"), [("a", 1), (None, 0), (np.nan, 0)])
def test_one_group_is_an_error(values, count):
    message = f"groups: 'patient' holds {count} different values; at least 2 are"
    with pytest.raises(ValueError, match=message):
        read_roles(TABLE.assign(patient=values), names(groups="patient"))


def test_two_groups_will_do():
    table = TABLE.assign(patient=np.arange(N) < 5)
    assert read_roles(table, names(groups="patient")).groups.first_rows().size == 2


@pytest.mark.parametrize("seed", range(3))
def test_roles_of_reordered_rows(seed):
    order = np.random.default_rng(seed).permutation(N)
    table = TABLE.assign(
        patient=TABLE["patient"].where(TABLE.index != 5),
        age=TABLE["age"].where(TABLE.index != 2),
    )
    asked = names(confounders=["age", "site"], groups="patient")
    taken = read_roles(table, asked).take(order)
    expected = read_roles(table.iloc[order].reset_index(drop=True), asked)
    np.testing.assert_array_equal(taken.groups.codes, expected.groups.codes)
    for found, other in zip(taken.confounders, expected.confounders, strict=True):
        np.testing.assert_array_equal(found.rows, other.rows)
        np.testing.assert_array_equal(found.labels, other.labels)
    assert (order != np.arange(N)).any()


def test_reordering_without_groups():
    assert Roles(None, []).take(np.arange(N)[::-1]) == Roles(None, [])


# --- combined columns ----------------------------------------------------------------


@pytest.mark.parametrize("columns", [None, [], ["site"], ["unknown"]])
def test_tables_without_pairs_are_left_alone(columns):
    assert add_pairs(TABLE, columns) is TABLE


def test_pairs_are_added_at_the_end():
    pairs = [("site", "disease"), ("disease", "vendor")]
    found = add_pairs(TABLE, ["site", *pairs])
    assert found.columns.tolist() == [*TABLE.columns, *pairs]
    assert not isinstance(found.columns, pd.MultiIndex)
    before = found[TABLE.columns.tolist()]
    pd.testing.assert_frame_equal(before, TABLE, check_column_type=False)
    expected = TABLE["site"] + " & " + TABLE["disease"]
    assert found.iloc[:, 5].tolist() == expected.tolist()


def test_pairs_keep_the_index_of_the_table():
    """It says which rows of the input these are."""
    table = TABLE[TABLE.index % 2 == 1]
    found = add_pairs(table, [("site", "vendor")])
    assert found.index.tolist() == table.index.tolist()
    assert found.iloc[:, 5].tolist() == (table["site"] + " & one").tolist()


def test_missing_parts():
    table = TABLE.assign(
        site=TABLE["site"].where(TABLE.index != 1),
        disease=TABLE["disease"].where(TABLE.index != 2, None),
    )
    found = add_pairs(table, [("site", "disease")]).iloc[:, 5]
    assert np.flatnonzero(found.isna()).tolist() == [1, 2]


def test_parts_of_other_types():
    table = TABLE.assign(
        old=TABLE["age"] > 55,
        vendor=pd.Categorical(["b"] * 6 + ["a"] * 6, ["a", "b", "c"]),
        grade=np.arange(N) % 3,
    )
    found = add_pairs(table, [("old", "vendor", "grade")]).iloc[:, -1]
    assert found[0] == "False & b & 0"
    assert found.nunique() == len(table[["old", "vendor", "grade"]].drop_duplicates())


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ((), "neither a column nor a combination of different columns"),
        (("site",), "neither a column nor a combination of different columns"),
        (("site", "site"), "neither a column nor a combination of different columns"),
        (("site", "hospital"), "columns: there is no column 'hospital'"),
        (("age", "site"), r"columns: 'age' in \('age', 'site'\) is continuous.*qcut"),
    ],
)
def test_what_cannot_be_combined(pair, message):
    with pytest.raises(ValueError, match=message):
        add_pairs(TABLE, [pair])


def test_target_and_groups_are_no_columns():
    refuse_roles(["age", "site"], "ill", "patient")
    refuse_roles(["age"], None, None)
    with pytest.raises(ValueError, match=r"^columns: the target 'ill' is among"):
        refuse_roles(["age", "ill"], "ill", None)
    with pytest.raises(ValueError, match=r"^columns: 'patient' is among them; it"):
        refuse_roles(["patient"], "ill", "patient")
