"""The columns of `fit` on new rows: groups, levels and numbers that they hold."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import utilization_test
from tests.analysis.audits import (
    UTILIZATION,
    assert_named_and_not_analysed,
    fit,
    make_rows,
)

# --- groups of fit -------------------------------------------------------------------


@pytest.fixture(scope="module")
def grouped():
    X, table = make_rows(0)
    table["patient"] = [f"patient {i // 4:02d}" for i in range(200)]
    return fit(X, table, groups="patient", n_permutations=0, columns=["view"])


@pytest.mark.parametrize("n_shared", [0, 1, 7])
def test_shared_groups_warn_with_their_number(grouped, n_shared):
    X, table = make_rows(1)
    first = 50 - n_shared
    table["patient"] = [f"patient {first + i // 4:02d}" for i in range(200)]
    if not n_shared:
        assert len(grouped.audit(X, table)) == 1
        return
    message = (
        rf"groups: {n_shared} of 50 values of 'patient' were in fit too \(such as "
        rf"patient {first}\), so these rows are not held out"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        grouped.audit(X, table)
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_rows_without_a_group_are_not_shared(grouped):
    X, table = make_rows(1)
    table["patient"] = [None] * 100 + [f"new {i // 4}" for i in range(100)]
    found = grouped.audit(X, table)
    assert found["n_samples"].tolist() == [100]
    assert "100 rows without 'patient' are not used" in found["note"].iloc[0]


def test_too_few_new_groups_are_untestable(grouped):
    X, table = make_rows(1)
    patient = np.arange(200) // 20
    table = table.assign(
        patient=patient + 100,
        view=table["view"].to_numpy()[patient],
        disease=table["disease"].to_numpy()[patient],
    )
    found = grouped.audit(X, table)
    assert found["verdict"].tolist() == ["untestable"]
    assert "10 groups can be exchanged" in found["note"].iloc[0]


# --- what the new rows hold ----------------------------------------------------------


def test_unseen_levels_are_noted_and_not_used(fitted, rows):
    X, table = rows
    table = table.copy()
    table.loc[:19, "scanner"] = "V"
    found = fitted.audit(X, table)
    assert "20 rows hold levels that fit did not use" in found.loc["scanner", "note"]
    assert found.loc["scanner", "n_samples"] == 180
    assert found.loc["scanner", "n_levels"] == 3
    missing = table.assign(scanner=table["scanner"].where(table["scanner"] != "V"))
    drop = {"columns": "note"}
    pd.testing.assert_frame_equal(
        fitted.audit(X, missing).drop(**drop), found.drop(**drop)
    )
    assert "levels that fit" not in fitted.audit(X, missing).loc["scanner", "note"]


def test_unseen_levels_of_the_target(fitted, rows):
    X, table = rows
    table = table.copy()
    table.loc[:19, "disease"] = "unclear"
    found = fitted.audit(X, table)
    assert "20 rows have no value to be held fixed" in found.loc["view", "note"]
    expected = fitted.audit(X[20:], table[20:])
    np.testing.assert_allclose(found["utilization_low"], expected["utilization_low"])


@pytest.mark.parametrize("n_left", [0, 2])
def test_levels_that_hardly_occur_are_not_used(fitted, rows, n_left):
    X, table = rows
    rare = np.flatnonzero(table["scanner"] == "S")[n_left:]
    kept = np.setdiff1d(np.arange(len(X)), rare)
    found = fitted.audit(X[kept], table.iloc[kept])
    entry = found.loc["scanner"]
    assert entry[["n_levels", "n_samples"]].tolist() == [2, len(kept) - n_left]
    # Labels are matched by name, whatever is absent.
    assert entry["encoding_pvalue"] <= 0.05
    assert entry["verdict"] == "used"


@pytest.mark.parametrize(
    ("name", "value"),
    [("scanner", "S"), ("scanner", "new"), ("dose", 3.0), ("dose", np.nan)],
)
def test_a_column_that_does_not_vary_is_untestable(fitted, rows, audited, name, value):
    X, table = rows
    found = fitted.audit(X, table.assign(**{name: value}))
    entry = found.loc[name]
    assert entry["verdict"] == "untestable"
    assert entry["note"] == "left out: does not vary on the rows of the audit"
    assert entry.drop(["verdict", "note"]).isna().all()
    others = [other for other in audited.index if other != name]
    names = ["encoding_score", *UTILIZATION[1:]]
    pd.testing.assert_frame_equal(
        found.loc[others, names], audited.loc[others, names], rtol=1e-9
    )


def test_nothing_varies(fitted, rows):
    X, table = rows
    found = fitted.audit(X, table.assign(scanner="S", dose=1.0, view="left", batch="a"))
    assert (found["verdict"] == "untestable").all()
    assert found.index.tolist() == ["scanner", "dose", "view", "batch"]


def test_target_of_one_class_only(fitted, rows):
    """Cases only: then the target is fixed anyway."""
    X, table = rows
    found = fitted.audit(X, table.assign(disease="ill"))
    result = utilization_test(X[:, 0], table["scanner"], target=None, n_permutations=0)
    assert found.loc["scanner", "utilization_low"] == pytest.approx(result.low)
    assert found.loc["scanner", "verdict"] == "used"
    # Cramer's V of a constant is none.
    assert np.isnan(found.loc["scanner", "target_association"])


def test_no_known_target_at_all(fitted, rows):
    X, table = rows
    found = fitted.audit(X, table.assign(disease=None))
    assert (found["verdict"] == "untestable").all()
    assert found["encoding_score"].notna().all()


def test_missing_values(fitted, rows):
    X, table = rows
    gaps = table.copy()
    gaps.loc[:29, "dose"] = np.nan
    gaps.loc[:9, "view"] = None
    found = fitted.audit(X, gaps)
    assert found.loc[["dose", "view"], "n_samples"].tolist() == [170, 190]
    expected = fitted.audit(X[30:], table[30:])
    for name in ["encoding_score", "utilization_low", "utilization_high"]:
        assert found.loc["dose", name] == pytest.approx(expected.loc["dose", name])


def test_a_number_as_target():
    X, table = make_rows(0)
    X2, table2 = make_rows(1)
    table["severity"], table2["severity"] = X[:, 2] + X[:, 3], X2[:, 2] + X2[:, 3]
    options = {"target": "severity", "columns": ["scanner", "dose"]}
    found = fit(X, table, **options).audit(X2, table2)
    assert "at fixed 'severity'" in found.loc["dose", "note"]
    assert found["verdict"].tolist() == ["used", "used"]


@pytest.mark.parametrize("n_bins", [None, 3])
def test_bins_are_those_of_fit(n_bins, rows):
    X, table = rows
    found = fit(*make_rows(0), n_bins=n_bins).audit(X, table.assign(dose=table["dose"]))
    assert found.loc["dose", "kind"] == ("categorical" if n_bins else "continuous")
    # Numbers beyond the range of fit are in the outer classes.
    assert found.loc["dose", "n_samples"] == 200
    assert found.loc["dose", "verdict"] == "used"


def test_columns_that_fit_left_out_stay_out(rows):
    X, table = make_rows(0)
    model = fit(X, table.assign(vendor="one"), n_permutations=0)
    assert "vendor" in model.dropped_columns_
    reason = model.dropped_columns_["vendor"]
    assert_named_and_not_analysed(model.audit(rows[0], rows[1]), "vendor", reason)


@pytest.mark.parametrize("name", ["scanner", "disease", "dose", "patient"])
def test_a_missing_column_is_an_error(name):
    X, table = make_rows(0)
    table["patient"] = np.arange(200) // 4
    model = fit(
        X,
        table,
        groups="patient",
        confounders=["dose"],
        columns=["scanner"],
        n_permutations=0,
    )
    table["patient"] += 100
    with pytest.raises(ValueError, match=f"there is no column '{name}'"):
        model.audit(X, table.drop(columns=name))
    # What was not analysed is not needed.
    model.audit(X, table.drop(columns=["view", "batch"]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X[:, :4], y), "X has 4 features, but .* is expecting 6"),
        (lambda X, y: (X[:50], y), "X has 50 rows and y has 200 rows"),
        (lambda X, y: (np.where(X > 2, np.nan, X), y), "X: the embeddings contain NaN"),
        (lambda X, y: (X, None), "requires y"),
    ],
)
def test_bad_rows_raise(fitted, rows, change, message):
    with pytest.raises(ValueError, match=message):
        fitted.audit(*change(*rows))


def test_text_in_place_of_numbers_is_left_out(fitted, rows):
    X, y = rows
    found = fitted.audit(X, y.assign(dose="much"))
    assert found.loc["dose", "verdict"] == "untestable"
    assert "was numeric in fit and holds" in found.loc["dose", "note"]
