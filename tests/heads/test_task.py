"""Tasks: heads as predictions, units that are permuted, and balanced fits."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import Head
from sklearn_wsca._heads.task import Task, Tasks
from sklearn_wsca._input.column import Column
from sklearn_wsca._input.roles import NO_ROLES
from tests.prepared_studies import read_study
from tests.reference import balancing_weights, cells_of, make_study

COEF = np.array([[1.0, -20.0], [0.5, 4.0], [-3.0, 0.1]])
INTERCEPT = np.array([100.0, -7.0, 0.0])
ABC = ("a", "b", "c")


def make_task(levels, head=None):
    kind = "categorical" if levels else "continuous"
    return Task("site", Column("site", kind, np.arange(0), np.arange(0), levels), head)


def predicting(levels, coef, classes, kind):
    head = Head(np.array(coef), INTERCEPT[: len(coef)], classes, kind)
    task = make_task(levels)
    task.head = head
    return head, task.predicting_head()


# --- heads as predictions ------------------------------------------------------------


@pytest.mark.parametrize("kind", ["logistic", "ridge"])
def test_rows_of_classes_are_brought_to_the_order_of_the_levels(kind):
    head, found = predicting(ABC, COEF, ("b", "c", "a"), kind)
    assert found.classes == ABC
    np.testing.assert_array_equal(found.coef, head.coef[[2, 0, 1]])
    np.testing.assert_array_equal(found.intercept, INTERCEPT[[2, 0, 1]])


@pytest.mark.parametrize(("classes", "sign"), [(("a", "b"), 1.0), (("b", "a"), -1.0)])
def test_a_single_row_is_turned_to_score_the_second_level(classes, sign):
    head, found = predicting(("a", "b"), COEF[:1], classes, "logistic")
    np.testing.assert_array_equal(found.coef, sign * head.coef)
    np.testing.assert_array_equal(found.intercept, sign * head.intercept)


@pytest.mark.parametrize(
    ("levels", "coef", "classes", "kind"),
    [
        (ABC, COEF, None, "logistic"),
        (ABC, COEF, ("a", "b", "d"), "logistic"),
        (ABC, COEF[:2], ("a", "b"), "logistic"),
        # Least squares of two classes: a row that is no log-odds.
        (("a", "b"), COEF[:1], ("a", "b"), "ridge"),
        ((), COEF, None, "ridge"),
        ((), COEF[:1], ("a", "b"), "logistic"),
    ],
)
def test_heads_that_predict_no_labels(levels, coef, classes, kind):
    assert predicting(levels, coef, classes, kind)[1] is None


def test_one_row_predicts_numbers_and_nothing_is_predicted_without_labels_or_head():
    head, found = predicting((), COEF[:1], None, "ridge")
    assert found is head
    assert make_task(ABC).predicting_head() is None
    assert Task("hospital", head=head, trained=True).predicting_head() is None


# --- all tasks -----------------------------------------------------------------------


def test_views_of_all_tasks():
    head = Head(COEF, INTERCEPT, ABC, "logistic")
    hospital = Task("hospital", head=head, trained=True)
    site, primary = make_task(ABC), Task("disease", notes=["rare", "binned"])
    site.refusal = "no south patient"
    tasks = Tasks(primary, [site, hospital], ["site", "age", "hospital"], {"age": "?"})
    assert tasks.all == [primary, site, hospital]
    assert tasks.columns == {"site": site.column, "hospital": None}
    assert tasks.refused == [True, False]
    assert tasks.heads() == {"hospital": head}
    assert (tasks.target, tasks.target_head, tasks.primary_head()) == (None, None, {})
    primary.head = head
    assert tasks.primary_head() == {"disease": tasks.target_head} == {"disease": head}
    assert tasks.describe_target() == [f"target 'disease': {n}" for n in primary.notes]
    alone = Tasks(None, [site], ["site"], {})
    assert (alone.all, alone.target_head, alone.primary_head()) == ([site], None, {})
    assert alone.target is None and alone.describe_target() == []


def test_units_are_rows_or_groups_and_a_target_without_a_group_is_its_own():
    X, table = make_study(0, n=40)
    codes = np.repeat(np.arange(10), 4)
    table["disease"] = np.array(["healthy", "ill"])[codes % 2]
    table["patient"] = pd.Series(codes).where(codes > 0)
    given, tasks = read_study(X, table, groups="patient", columns=["age"])
    tasks.assign_units(given.roles.groups)
    # Nine patients, and four rows that belong to none.
    assert tasks.primary.units().scheme == "between groups"
    assert tasks.primary.units().n_units == 9 + 4
    assert tasks.metadata[0].units().scheme == "within groups"
    tasks.assign_units(None)
    assert {task.units().scheme for task in tasks.all} == {"rows"}
    assert tasks.primary.units_to_fit() is tasks.primary.units()


# --- balanced fits -------------------------------------------------------------------


def balanced(X, table, weights, adjust_for_target, **options):
    given, tasks = read_study(X, table, weights, **options)
    tasks.assign_units(given.roles.groups)
    tasks.balance(given.roles, given.weights, adjust_for_target)
    return tasks


@pytest.mark.parametrize("name", ["sex", "age"])
@pytest.mark.parametrize("held", [["disease"], ["site"], ["disease", "site"]])
def test_fits_are_balanced_on_the_rows_that_have_everything(name, held):
    X, table = make_study(1, n=300)
    table["site"] = table["site"].where(np.arange(300) % 7 > 0)
    weights = np.random.default_rng(1).uniform(0.5, 2.0, 300)
    confounders = [n for n in held if n != "disease"]
    options = {"columns": [name], "confounders": confounders}
    (task,) = balanced(X, table, weights, "disease" in held, **options).metadata
    rows = np.flatnonzero(table[held].notna().all(axis=1))
    column, _ = task.to_fit()
    np.testing.assert_array_equal(column.rows, rows)
    cells = cells_of(column.labels, column.kind)
    strata = cells_of(table[held].iloc[rows].agg(" ".join, axis=1), "categorical")
    found = task.balance.weights(task.balance.cells[None])[0]
    expected = balancing_weights(cells, strata, weights[rows])
    np.testing.assert_allclose(found, expected)
    assert np.ptp(expected / weights[rows]) > 0.1
    np.testing.assert_array_equal(task.units_to_fit().strata, strata)
    assert len(task.labelled()[0].rows) == len(task.units().unit) == 300
    size = f"effective sample size {expected.sum() ** 2 / (expected**2).sum():.0f} of"
    assert f"head balanced against {' x '.join(held)}: {size}" in task.notes[-1]
    assert ("values in 5 classes" in task.notes[-1]) == (name == "age")


def test_a_column_is_not_balanced_against_itself_nor_a_trained_head_at_all():
    X, table = make_study(2, n=200)
    heads = {"sex": COEF[:1].repeat(4, axis=1), "hospital": np.eye(2, 8)}
    tasks = balanced(X, table, None, False, confounders=["site", "age"], heads=heads)
    by_name = {task.name: task for task in tasks.metadata}
    assert "head balanced against age:" in by_name["site"].notes[-1]
    for name in heads:
        note = "trained head: not balanced against 'site' and 'age'"
        assert by_name[name].notes[-1] == note
        assert by_name[name].balance is None and not by_name[name].refusal
    alone = balanced(X, table, None, False, confounders=["site"], columns=["site"])
    assert alone.metadata[0].balance is None and not alone.metadata[0].notes
    assert tasks.primary.balance is None


def test_a_combination_that_does_not_occur_refuses_one_column_only():
    X, table = make_study(3, n=300)
    ill = table["disease"] == "ill"
    lost = ill & (table["site"] == "Cork") & (table["sex"] == "m")
    X, table = X[~lost], table[~lost].reset_index(drop=True)
    options = {"columns": ["sex", "dose"], "confounders": ["site"]}
    tasks = balanced(X, table, None, True, **options)
    assert tasks.refused == [True, False]
    sex = tasks.metadata[0]
    assert sex.notes == [f"no alignment: {sex.refusal}"]
    assert "(first: sex m with disease x site ill x Cork)" in sex.refusal
    assert sex.to_fit() == sex.labelled() and sex.balance is None
    assert balanced(X, table, None, False, **options).refused == [False, False]


@pytest.mark.parametrize("within", [False, True])
def test_strata_that_vary_within_groups_are_not_kept(within):
    X, table = make_study(4, n=240)
    patient = np.arange(240) // 2
    names = ["sex"] if within else ["sex", "site"]
    table[names] = table[names].to_numpy()[patient]
    table["patient"] = patient
    options = {"groups": "patient", "confounders": ["site"], "columns": ["sex"]}
    (task,) = balanced(X, table, None, False, **options).metadata
    note = (
        "alignment: permuted without regard to what it is balanced against, which "
        "varies within groups"
    )
    assert (note in task.notes) == within == (task.units_to_fit().strata is None)
    assert task.units_to_fit().n_units == 120


def test_adjusting_for_the_target_needs_one():
    message = "adjust_for_target=True needs the target: name its column in target"
    with pytest.raises(ValueError, match=message):
        Tasks(None, [], [], {}).balance(NO_ROLES, np.ones(3), True)
