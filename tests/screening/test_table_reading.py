"""A table is read as the audit reads it, and refused as the audit refuses it."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._screening.table_reading import read_table
from tests.screening.tables import draw_patients, draw_table

NOTHING = dict.fromkeys(("columns", "groups", "confounders", "kinds", "n_bins"))
NOTHING["binning"] = "quantile"


def read(table, target="disease", **options):
    return read_table(table, target, **(NOTHING | options), stacklevel=2)


def with_odd_columns(table):
    n = len(table)
    return table.assign(
        constant=1,
        number=np.arange(n),
        code=[f"row {i}" for i in range(n)],
        sick=np.where(table["disease"] == "yes", 1, 0),
        empty=None,
        mostly=["x"] * (n - 2) + ["y"] * 2,
        mixed=[1, "one"] * (n // 2),
    )


@pytest.mark.parametrize("groups", [None, "patient"])
def test_what_an_audit_leaves_out_is_left_out_for_the_same_reasons(groups):
    table = draw_patients()
    table = with_odd_columns(table.iloc[: len(table) // 2 * 2])
    table = table if groups else table.drop(columns="patient")
    found = read(table, groups=groups)
    analysis = WeightSpaceCorrelation(
        "disease", groups=groups, n_permutations=0, diagnostics=False
    )
    X = np.random.default_rng(0).standard_normal((len(table), 5))
    analysis.fit(X, table)
    assert found.left_out == analysis.dropped_columns_
    assert len(found.left_out) >= 6
    assert list(found.columns) == list(analysis.heads_)
    assert found.names == [name for name in table if name not in ("disease", groups)]
    for name, column in found.columns.items():
        row = analysis.summary_.loc[name]
        assert (row["kind"], row["n_samples"]) == (column.kind, len(column.rows))


def test_the_order_of_the_rows_does_not_matter():
    table = draw_patients()
    shuffled = table.sample(frac=1.0, random_state=0)
    one, other = (read(t, groups="patient") for t in (table, shuffled))
    assert (one.target.labels == other.target.labels).all()
    for name, column in one.columns.items():
        assert (column.labels == other.columns[name].labels).all()
        assert (column.rows == other.columns[name].rows).all()
    first, second = one.clusters(), other.clusters()
    assert len(np.unique(np.stack([first, second]), axis=1).T) == first.max() + 1


def test_kinds_bins_and_combinations():
    table = draw_table().assign(site=lambda t: np.arange(len(t)) % 12)
    with pytest.warns(UserWarning, match="'site'"):
        assert read(table).columns["site"].kind == "continuous"
    found = read(table, kinds={"site": "categorical"}, n_bins=3)
    assert found.columns["site"].n_levels == 12
    assert found.columns["age"].n_levels == 3
    ages = {
        binning: read(draw_table(), n_bins=2, binning=binning).columns["age"]
        for binning in ("quantile", "uniform")
    }
    assert np.ptp(np.bincount(ages["quantile"].labels)) == 0
    assert np.ptp(np.bincount(ages["uniform"].labels)) > 0
    found = read(draw_patients(), columns=[("scanner", "view")])
    assert found.columns["scanner", "view"].n_levels == 4


def test_rows_that_lack_a_role_are_counted():
    table = draw_patients()
    table.loc[:3, "disease"] = None
    table.loc[2:5, "patient"] = None
    found = read(table, groups="patient", confounders=["age"])
    assert found.n_used == len(table) - 6
    assert [(own["role"], own["n_missing"]) for own in found.lacking] == [
        ("target", 4),
        ("group", 4),
    ]
    decision = found.decision("linear")
    assert decision.adjustment == "linear"
    assert [column.name for column in decision.confounders] == ["age"]


def test_what_may_be_read_otherwise_is_warned_of():
    table = draw_patients().rename(columns={"scanner": "device"})
    with pytest.warns(UserWarning, match="groups='patient'"):
        read(table)
    with pytest.warns(UserWarning, match="blanks, case"):
        read(draw_table().replace({"scanner": {"A": "b"}}))
    table = draw_table()
    table.loc[:3, "age"] = -99.0
    with pytest.warns(UserWarning, match="-99"):
        read(table)


def frame(**columns):
    return pd.DataFrame({"disease": ["no", "yes"] * 30} | columns)


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (frame(a=1), {"target": None}, "target is None"),
        (frame(a=1), {"target": ["a", "b"]}, "target: .* one target is screened"),
        (frame(a=1), {"target": "dis"}, "no column 'dis'.*did you mean 'disease'"),
        (frame(a=1), {"target": "a"}, "target='a' cannot be the primary task: const"),
        (frame(a=1), {}, "table: all columns are left out.*'a': constant"),
        (frame(), {}, "table: there is no column besides the target 'disease'"),
        (frame().iloc[:0], {}, "table: it has no rows"),
        (frame(a=range(60)), {"groups": "site"}, "groups: there is no column 'site'"),
        (frame(a=1, p=1), {"groups": "p"}, "groups: 'p' holds 1 different values"),
        (frame(a=1), {"groups": "disease"}, "groups: 'disease' is target too"),
        (frame(a=1), {"confounders": "a"}, "confounders='a' is text"),
        (frame(a=1), {"confounders": ["a"]}, "'a' cannot be held fixed: constant"),
        (frame(a=1), {"columns": "a"}, "columns='a' is text"),
        (frame(a=1), {"columns": []}, "columns: the list is empty"),
        (frame(a=1), {"columns": ["disease"]}, "the target 'disease' is among them"),
        (frame(a=1), {"kinds": {"b": "categorical"}}, "kinds: 'b' is no column"),
        (3, {}, "table"),
        (
            frame(a=["u", "v", "u"] * 20, p=[None, None, 1, 2, 3, 4] * 10).assign(
                disease=lambda t: t["disease"].where(t["p"].isna())
            ),
            {"confounders": ["p"], "kinds": {"p": "continuous"}},
            "table: no row has a value in all of 'disease' and 'p'",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_bad_input_ends_in_one_line(table, options, message):
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        read(table, **({"target": "disease"} | options))
    assert "\n" not in str(caught.value)
