"""The summary table, and the association with the target."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import contingency
from sklearn.linear_model import LinearRegression

from sklearn_wsca._analysis.summary import (
    SUMMARY_COLUMNS,
    make_summary,
    target_association,
)
from tests.columns import column_of


def named(name, labels, rows=None):
    return column_of(labels, name, rows)


@pytest.fixture
def study():
    rng = np.random.default_rng(0)
    a = rng.integers(0, 3, 200)
    b = np.where(rng.random(200) < 0.4, np.minimum(a, 1), rng.integers(0, 2, 200))
    x = 60.0 + 9.0 * rng.standard_normal(200) + 5.0 * a
    z = 1e-3 * x - 4.0 + 1e-2 * rng.standard_normal(200)
    return a, b, x, z, rng.integers(1, 4, 200)


def test_two_categorical_columns_give_cramers_v(study):
    a, b, _, _, copies = study
    table = contingency.crosstab(np.repeat(a, copies), np.repeat(b, copies)).count
    expected = contingency.association(table, method="cramer")
    found = target_association(named("a", a), named("b", b), copies.astype(float))
    assert found == pytest.approx(expected)
    assert 0.2 < found < 0.8
    exchanged = target_association(named("b", b), named("a", a), copies * 7.0)
    assert exchanged == pytest.approx(expected)


def test_mixed_kinds_give_the_correlation_ratio(study):
    a, _, x, _, copies = study
    indicators = (a[:, None] == np.arange(3)).astype(float)
    model = LinearRegression().fit(indicators, x, sample_weight=copies)
    expected = np.sqrt(model.score(indicators, x, sample_weight=copies))
    weights = copies.astype(float)
    for pair in ((named("a", a), named("x", x)), (named("x", x), named("a", a))):
        assert target_association(*pair, weights) == pytest.approx(expected)
    assert 0.2 < expected < 0.8


def test_two_continuous_columns_give_the_absolute_correlation(study):
    _, _, x, z, copies = study
    expected = np.corrcoef(np.repeat(x, copies), np.repeat(z, copies))[0, 1]
    weights = copies.astype(float)
    assert target_association(named("x", x), named("z", -z), weights) == pytest.approx(
        expected
    )
    assert expected > 0.3


@pytest.mark.parametrize("kind", ["levels", "numbers"])
def test_full_association_is_one(kind, study):
    a, _, x, _, _ = study
    column = named("a", a) if kind == "levels" else named("x", x)
    other = named("b", 2 - a) if kind == "levels" else named("z", 5.0 - 3.0 * x)
    assert target_association(column, other, np.ones(200)) == pytest.approx(1.0)


def test_only_common_rows_count(study):
    a, b, _, _, _ = study
    first, second = np.arange(0, 150), np.arange(90, 200)
    found = target_association(
        named("a", a[first], first), named("b", b[second], second), np.ones(200)
    )
    both = slice(90, 150)
    table = contingency.crosstab(a[both], b[both]).count
    assert found == pytest.approx(contingency.association(table, method="cramer"))
    apart = target_association(
        named("a", a[:50], np.arange(50)),
        named("b", b[50:100], np.arange(50, 100)),
        np.ones(200),
    )
    assert np.isnan(apart)


def test_what_does_not_vary_on_the_common_rows_has_no_association():
    rows = np.arange(4)
    column = named("a", [0, 0, 0, 0, 1], np.arange(5))
    assert np.isnan(target_association(column, named("b", [0, 1, 0, 1]), np.ones(5)))
    constant = named("x", [3.0, 3.0, 3.0, 3.0], rows)
    assert np.isnan(target_association(constant, named("b", [0, 1, 0, 1]), np.ones(5)))
    other = named("z", [1.0, 2.0, 3.0, 4.0], rows)
    assert np.isnan(target_association(constant, other, np.ones(5)))


def test_table_has_the_columns_and_types_of_the_contract():
    table = make_summary(
        {
            "age": {"kind": "continuous", "n_samples": 40, "encoding_score": 0.5},
            ("a", 1): {"note": "left out: constant"},
        }
    )
    assert tuple(table.columns) == SUMMARY_COLUMNS
    assert table.index.tolist() == ["age", ("a", 1)]
    assert table["n_samples"].dtype == pd.Int64Dtype()
    assert table["alignment_score"].dtype == float
    assert table["note"].tolist() == ["", "left out: constant"]
    assert table.loc["age", "n_samples"] == 40
