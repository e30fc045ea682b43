"""Quantiles of an output by level and class, beside those that pandas computes."""

import numpy as np
import pandas as pd
import pytest
from scipy import special

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._analysis.outputs import FEWEST_ROWS, OTHERS, QUANTILES
from sklearn_wsca.datasets import make_shortcut


def fit(data, metadata, **settings):
    settings = {"target_head": data.head, "n_permutations": 0} | settings
    model = WeightSpaceCorrelation("target", diagnostics=False, **settings)
    return model.fit(data.data, metadata)


def outputs_of(model, name="scanner"):
    columns = model.description_["columns"]
    (found,) = [column["outputs"] for column in columns if column["name"] == name]
    return found


def as_table(found):
    """Quantiles by class and level."""
    rows = [row for row in found["rows"] if row["quantiles"] is not None]
    index = pd.MultiIndex.from_tuples([(r["target_class"], r["level"]) for r in rows])
    return pd.DataFrame([row["quantiles"] for row in rows], index)


@pytest.fixture(scope="module")
def study():
    data = make_shortcut(400, 8, use=1.0, random_state=0)
    outputs = data.data @ np.ravel(data.head[0]) + np.ravel(data.head[1])[0]
    return data, data.metadata, outputs


def test_are_those_of_the_probabilities(study):
    data, metadata, outputs = study
    found = outputs_of(fit(data, metadata))
    assert found["is_probability"] and found["output"] == "class 1"
    values = pd.Series(100.0 * special.expit(outputs), metadata.index)
    groups = values.groupby([metadata["target"], metadata["scanner"]], observed=True)
    expected = groups.quantile(list(QUANTILES)).unstack()
    table = as_table(found).sort_index()
    assert len(table) == len(expected) == metadata["scanner"].nunique() * 2
    np.testing.assert_allclose(table, expected)
    counts = {(r["target_class"], r["level"]): r["n_rows"] for r in found["rows"]}
    assert counts == groups.size().to_dict()


def test_of_a_used_column_they_differ_and_of_another_they_do_not(study):
    data, metadata, _ = study
    other = metadata.assign(other=np.resize(["a", "b"], len(metadata)))
    model = fit(data, other)

    def range_of(name):
        medians = as_table(outputs_of(model, name))[2].unstack()
        return (medians.max(axis=1) - medians.min(axis=1)).max()

    assert range_of("scanner") > 15.0 > range_of("other")


def test_numbers_stand_as_thirds(study):
    data, metadata, _ = study
    found = outputs_of(fit(data, metadata), "age")
    assert len({row["level"] for row in found["rows"]}) == 3
    counts = [row["n_rows"] for row in found["rows"]]
    assert sum(counts) == len(metadata)


def test_of_many_classes_that_of_the_output_stands_beside_the_others(study):
    data, metadata, _ = study
    rng = np.random.default_rng(0)
    table = metadata.assign(target=rng.choice(list("abcde"), len(metadata)))
    head = rng.normal(size=(5, data.data.shape[1])), np.zeros(5)
    found = outputs_of(fit(data, table, target_head=head, check_head=False))
    assert {row["target_class"] for row in found["rows"]} == {found["output"], OTHERS}
    own = [r["n_rows"] for r in found["rows"] if r["target_class"] == found["output"]]
    assert sum(own) == (table["target"] == found["output"]).sum()


def test_a_number_is_told_in_its_unit(study):
    data, metadata, outputs = study
    table = metadata.assign(target=outputs + np.linspace(0.0, 0.1, len(metadata)))
    found = outputs_of(fit(data, table, target_head=data.head))
    assert not found["is_probability"]
    classes = {row["target_class"] for row in found["rows"]}
    assert len(classes) == 3 and all(" to " in name for name in classes)
    ends = np.array([row["quantiles"] for row in found["rows"]])
    assert ends.min() > outputs.min() and ends.max() < outputs.max()


def test_single_rows_are_not_told(study):
    data, metadata, _ = study
    rare = metadata["scanner"].to_numpy(copy=True)
    few = np.flatnonzero(metadata["target"] == "class 0")[: FEWEST_ROWS - 1]
    rare[few] = "rare"
    found = outputs_of(fit(data, metadata.assign(scanner=rare)))
    (row,) = [
        r
        for r in found["rows"]
        if r["level"] == "rare" and r["target_class"] == "class 0"
    ]
    assert row["n_rows"] == FEWEST_ROWS - 1 and row["quantiles"] is None


def test_interactions_and_targets_alone_have_none(study):
    data, metadata, _ = study
    table = metadata.assign(half=np.resize(["a", "b"], len(metadata)))
    model = fit(data, table, interactions=[("scanner", "half")])
    (pair,) = [c for c in model.description_["columns"] if c["interaction_of"]]
    assert pair["outputs"] is None
    assert outputs_of(model, "half") is not None
    alone = WeightSpaceCorrelation(None, columns=["scanner"], n_permutations=0)
    alone.fit(data.data, metadata)
    assert outputs_of(alone) is None


def test_an_audit_has_its_own(study):
    data, metadata, _ = study
    new = make_shortcut(300, 8, use=1.0, random_state=1)
    table = fit(data, metadata).audit(new.data, new.metadata)
    columns = table.attrs["description"]["columns"]
    rows = columns[0]["outputs"]["rows"]
    assert sum(row["n_rows"] for row in rows) == 300
