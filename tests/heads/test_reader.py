"""Tasks as they are read from the table under the settings of the estimator."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from sklearn_wsca import Head
from tests.prepared_studies import read_study

N, D = 60, 4
RNG = np.random.default_rng(0)
X = RNG.standard_normal((N, D)) * [1.0, 30.0, 0.1, 1.0] + [5.0, -100.0, 0.0, 2.0]
TABLE = pd.DataFrame(
    {
        "disease": np.where(X[:, 0] > 5.0, "ill", "well"),
        "site": np.array(["north", "south", "west"])[np.arange(N) % 3],
        "age": RNG.normal(60.0, 10.0, N),
        "doses": np.arange(N) % 4,
    }
)
HEAD = RNG.standard_normal((2, D))


def read(table=TABLE, **options):
    return read_study(X, table, **options)[1]


def test_the_target_is_the_primary_task_and_the_others_are_columns():
    tasks = read(C=0.3, alpha=7.0)
    assert tasks.primary.name == tasks.target.name == "disease"
    assert tasks.names == list(tasks.columns) == ["site", "age", "doses"]
    kinds = [task.probe.kind for task in tasks.all]
    assert kinds == ["logistic", "logistic", "ridge", "logistic"]
    assert {(task.probe.C, task.probe.alpha) for task in tasks.all} == {(0.3, 7.0)}
    assert not any(task.trained or task.head for task in tasks.all)


def test_columns_are_taken_in_their_order_and_groups_are_none_of_them():
    assert read(columns=["doses", "site"]).names == ["doses", "site"]
    assert read(groups="doses").names == ["site", "age"]
    without = read(target=None)
    assert without.primary is None and without.names == list(TABLE)


@pytest.mark.parametrize(
    ("recipe", "kinds"),
    [
        ("auto", ["categorical", "continuous", "categorical"]),
        ("logistic", ["categorical", "left out", "categorical"]),
        ("ridge", ["categorical", "continuous", "continuous"]),
    ],
)
def test_a_common_recipe_says_how_numbers_are_read_but_not_in_the_target(recipe, kinds):
    tasks = read(heads=recipe)
    found = {name: column.kind for name, column in tasks.columns.items()}
    found |= dict.fromkeys(tasks.dropped, "left out")
    assert [found[name] for name in tasks.names] == kinds
    assert tasks.primary.probe.kind == "logistic"
    assert read(heads=recipe, target="doses").target.kind == "categorical"


def test_recipes_by_column_bind_the_target_too():
    model = LogisticRegression(C=5.0)
    tasks = read(heads={"doses": "ridge", "site": model}, target="doses")
    assert tasks.target.kind == "continuous" and tasks.primary.probe.kind == "ridge"
    assert [task.probe.estimator for task in tasks.metadata] == [None, model, None]
    # A regressor reads few numbers as numbers too.
    assert read(heads={"doses": Ridge()}).columns["doses"].kind == "continuous"
    assert read(heads={"disease": model}, columns=["age"]).primary.probe.estimator


def test_numbers_are_binned_unless_they_are_regressed():
    columns = read(n_bins=3).columns
    # Doses are few enough to be levels as they are.
    assert [columns[name].n_levels for name in ("age", "doses")] == [3, 4]
    equal = read(n_bins=3, binning="uniform").columns["age"]
    assert "binned into 3 classes of equal width" in equal.notes
    columns = read(n_bins=3, heads={"age": "ridge"}).columns
    assert columns["age"].kind == "continuous"


def test_a_target_may_have_as_many_classes_as_its_head_has_rows():
    """Which nothing but the head tells from names of patients."""
    kinds = np.r_[np.repeat(np.arange(10), 3), 10 + np.arange(30) % 25]
    classes = np.char.add("kind ", kinds.astype(str))
    table = TABLE.assign(disease=classes)
    weights = np.random.default_rng(0).standard_normal((35, D))
    head = Head(weights, np.zeros(35), np.unique(classes))
    assert read(table, target_head=head).primary.column.n_levels == 10
    with pytest.raises(ValueError, match="identifier-like: 35 different values"):
        read(table)


def test_columns_that_cannot_be_analysed_are_left_out_with_the_reason():
    table = TABLE.assign(
        empty=np.nan, same="a", few=TABLE["age"].where(np.arange(N) < 4)
    )
    tasks = read(table, min_rows=5)
    assert tasks.names == ["site", "age", "doses", "empty", "same", "few"]
    assert list(tasks.columns) == ["site", "age", "doses"]
    assert tasks.dropped["empty"].startswith("observed in 0 of 60 rows")
    assert tasks.dropped["few"].startswith("observed in 4 of 60 rows, fewer than the 5")
    assert list(tasks.dropped) == ["empty", "same", "few"]


def test_rows_without_a_group_are_none_of_a_column_but_of_the_target():
    patient = pd.Series(np.arange(N) // 4).where(np.arange(N) >= 8)
    tasks = read(TABLE.assign(patient=patient), groups="patient")
    for column in tasks.columns.values():
        np.testing.assert_array_equal(column.rows, np.arange(8, N))
    assert len(tasks.target.rows) == N


def test_trained_heads_with_and_without_labels():
    head = Ridge().fit(X, TABLE["age"])
    heads = {"age": head, "hospital": (HEAD, [1.0, -1.0])}
    tasks = read(heads=heads, target_head=HEAD[:1])
    assert tasks.primary.trained and tasks.target_head.classes == ("ill", "well")
    assert tasks.names == ["site", "age", "doses", "hospital"]
    site, age, _, hospital = tasks.metadata
    np.testing.assert_allclose(age.head.outputs(X)[:, 0], head.predict(X))
    assert age.notes == ["trained head; the encoding score is that of a probe"]
    assert age.trained and hospital.trained and not site.trained
    assert (hospital.column, hospital.probe) == (None, None)
    assert hospital.notes == ["trained head without labels: no encoding"]
    chosen = read(heads=heads, columns=["hospital", "age"])
    # What is fitted or read from the table comes first.
    assert chosen.names == ["age", "hospital"]


def test_a_primary_head_without_a_column_shares_no_name():
    table = TABLE.assign(primary=TABLE["age"])
    heads = {"primary_": HEAD}
    tasks = read(table, target=None, target_head=HEAD, heads=heads)
    assert tasks.primary.name == "primary__"
    assert (tasks.target, tasks.primary.probe) == (None, None)
    assert read(target=None, target_head=HEAD).primary.name == "primary"


@pytest.mark.parametrize(
    ("head", "rows"),
    [
        (np.eye(4, D), "4 rows"),
        (Head(HEAD, np.zeros(2), ("yes", "no"), "logistic"), "classes 'yes', 'no'"),
    ],
)
def test_trained_head_that_does_not_fit_its_column_is_noted(head, rows):
    # The sample may lack a class of the network: a note, not an error.
    expected = (
        f"the trained head has {rows} and the column has the levels 'ill', 'well', so "
        "its outputs are not taken for predictions of the column"
    )
    assert read(target_head=head).describe_target() == [f"target 'disease': {expected}"]
    (task,) = read(target="site", heads={"disease": head}, columns=["disease"]).metadata
    assert task.notes[1:] == [f"{expected}: not in score"]
    (task,) = read(heads={"age": head}, columns=["age"]).metadata
    assert f"has {rows} and the column is continuous" in task.notes[-1]


UNKNOWN = r"heads\['site'\]: {} is not known; pass 'auto', 'logistic', 'ridge', an est"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"columns": ["age"], "heads": {"site": "ridge"}},
            r"^heads: \['site'\] are not among columns; add them there or drop them",
        ),
        ({"heads": {"disease": HEAD}}, r"heads\['disease'\]: .* goes into target_head"),
        ({"heads": {"site": "lasso"}}, UNKNOWN.format("'lasso'")),
        ({"heads": {"site": None}}, UNKNOWN.format("None")),
        ({"heads": {"site": Ridge}}, UNKNOWN.format("<class .*Ridge'>")),
        (
            {"table": TABLE.assign(disease="ill")},
            "target='disease' cannot be the primary task: constant.*Choose",
        ),
    ],
)
def test_what_cannot_be_read(options, message):
    with pytest.raises(ValueError, match=message):
        read(**options)


# --- columns that are no properties of rows ------------------------------------------

STRANGE = TABLE.assign(
    label=np.where(TABLE["disease"] == "ill", 7, 3), image_id=np.arange(N) * 5 + 31
)


def test_row_numbers_and_copies_of_the_target_are_left_out_in_their_order():
    tasks = read(STRANGE[["image_id", "site", "label", "disease"]])
    assert tasks.names == ["image_id", "site", "label"]
    assert list(tasks.columns) == ["site"]
    assert list(tasks.dropped) == ["image_id", "label"]
    assert "of row numbers" in tasks.dropped["image_id"]
    assert "(it is 7 where it is 'ill', 3" in tasks.dropped["label"]


@pytest.mark.parametrize(
    "asked",
    [
        {"columns": ["image_id", "label"]},
        {"kinds": {"image_id": "continuous", "label": "categorical"}},
        {"heads": {"image_id": "ridge", "label": "logistic"}},
    ],
)
def test_columns_that_are_asked_for_are_read(asked):
    tasks = read(STRANGE, **asked)
    assert {"image_id", "label"} <= set(tasks.columns)
    assert not tasks.dropped
    notes = {task.name: task.notes for task in tasks.metadata}
    assert any("cannot be told from the target" in note for note in notes["label"])


def test_without_a_target_nothing_is_a_copy():
    assert list(read(STRANGE, target=None).dropped) == ["image_id"]


def test_a_copy_of_the_target_is_read_if_there_is_nothing_else():
    tasks = read(STRANGE[["label", "disease"]])
    assert list(tasks.columns) == ["label"] and not tasks.dropped
    assert "cannot be told from the target" in tasks.metadata[0].notes[-1]
