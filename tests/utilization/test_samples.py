"""Arguments of people who only have predictions, read for one network or several."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._utilization.samples import read_samples
from tests.comparison.studies import draw


def read(outputs, table, column="scanner", **options):
    given = {
        "target": table["disease"],
        "confounders": None,
        "groups": None,
        "kinds": None,
        "adjustment": "spline",
        "stacklevel": 2,
    }
    return read_samples(outputs, table[column], **{**given, **options})


def test_rows_of_all_networks_are_in_one_order():
    study = draw(n=50)
    found = read({"one": study.a, "two": study.b}, study.table)
    for decision, outputs in zip(found.decisions, (study.a, study.b), strict=True):
        np.testing.assert_array_equal(decision.outputs[:, 0], outputs[found.order])
        np.testing.assert_array_equal(
            np.array(decision.target.levels)[decision.target.labels],
            study.table["disease"].to_numpy()[found.order],
        )
    labels = np.array(found.tested["scanner"].levels)[found.tested["scanner"].labels]
    rows = found.tested["scanner"].rows
    expected = study.table["scanner"].to_numpy()[found.order][rows]
    np.testing.assert_array_equal(labels, expected)


def test_the_order_depends_neither_on_the_unit_nor_on_which_network_is_first():
    study = draw(n=50)
    expected = read({"one": study.a, "two": study.b}, study.table).order
    turned = read({"one": 9.0 - study.b, "two": 1e3 * study.a}, study.table).order
    np.testing.assert_array_equal(turned, expected)


def test_equal_outputs_are_ordered_by_what_else_the_rows_hold():
    study = draw(n=50)
    same = {"one": np.round(study.a, -1), "two": np.round(study.b)}
    order = np.random.default_rng(0).permutation(50)
    expected = study.table.iloc[read(same, study.table).order]
    taken = {name: values[order] for name, values in same.items()}
    table = study.table.iloc[order].reset_index(drop=True)
    found = table.iloc[read(taken, table).order]
    for name in ("disease", "scanner"):
        assert found[name].tolist() == expected[name].tolist()


def test_several_columns_are_told_from_one():
    study = draw(n=50)
    assert not read({"one": study.a}, study.table).several
    found = read({"one": study.a}, study.table, ["scanner", "age"])
    assert found.several
    assert list(found.tested) == ["scanner", "age"]


def test_messages_name_the_outputs():
    study = draw(n=50)
    with pytest.raises(ValueError, match="column has 49 rows and one has 50"):
        read({"one": study.a}, study.table.iloc[:-1], target=None)
    indexed = pd.Series(study.a, index=np.arange(50)[::-1])
    with pytest.raises(ValueError, match="indexes of one and column"):
        read({"one": indexed}, study.table)


@pytest.mark.parametrize("probability", [False, True])
def test_a_score_with_the_name_of_the_first_class_speaks_for_it(probability):
    rng = np.random.default_rng(0)
    target = rng.choice(["ill", "well"], 60)
    score = rng.standard_normal(60) + 2.0 * (target == "well")
    if probability:
        score = 1.0 / (1.0 + np.exp(-score))
    site = rng.choice(["a", "b"], 60)
    against = 1.0 - score if probability else -score

    def outputs_of(values):
        given = read_samples(
            {"outputs": values},
            site,
            target=target,
            confounders=None,
            groups=None,
            kinds=None,
            adjustment="linear",
            stacklevel=1,
        )
        return given.decisions[0].outputs[np.argsort(given.order)]

    expected = outputs_of(score)
    named = pd.Series(against, name="ill"), pd.DataFrame({"ill": against})
    for values in (*named, pd.Series(score, name="well"), pd.Series(score, name="x")):
        np.testing.assert_allclose(outputs_of(values), expected)


@pytest.mark.parametrize("column", ["disease", ["scanner", "disease"]])
def test_the_target_is_no_column(column):
    study = draw(n=50)
    with pytest.raises(ValueError, match=r"^column: the target 'disease' is among"):
        read({"one": study.a}, study.table, column)
    # Another column may have its name.
    other = study.table.assign(disease=study.table["scanner"])
    found = read({"one": study.a}, other, column, target=study.table["disease"])
    assert "disease" in found.tested
