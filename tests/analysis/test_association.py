"""Association of two columns: how strong it is, and whether it is chance."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.stats import contingency
from sklearn.linear_model import LinearRegression

from sklearn_wsca._analysis.association import association_pvalue, association_strength
from sklearn_wsca._input.groups import Groups
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
    found = association_strength(named("a", a), named("b", b), copies.astype(float))
    assert found == pytest.approx(expected)
    assert 0.2 < found < 0.8
    exchanged = association_strength(named("b", b), named("a", a), copies * 7.0)
    assert exchanged == pytest.approx(expected)


def test_mixed_kinds_give_the_correlation_ratio(study):
    a, _, x, _, copies = study
    indicators = (a[:, None] == np.arange(3)).astype(float)
    model = LinearRegression().fit(indicators, x, sample_weight=copies)
    expected = np.sqrt(model.score(indicators, x, sample_weight=copies))
    weights = copies.astype(float)
    for pair in ((named("a", a), named("x", x)), (named("x", x), named("a", a))):
        assert association_strength(*pair, weights) == pytest.approx(expected)
    assert 0.2 < expected < 0.8


def test_two_continuous_columns_give_the_absolute_correlation(study):
    _, _, x, z, copies = study
    expected = np.corrcoef(np.repeat(x, copies), np.repeat(z, copies))[0, 1]
    weights = copies.astype(float)
    assert association_strength(
        named("x", x), named("z", -z), weights
    ) == pytest.approx(expected)
    assert expected > 0.3


@pytest.mark.parametrize("kind", ["levels", "numbers"])
def test_full_association_is_one(kind, study):
    a, _, x, _, _ = study
    column = named("a", a) if kind == "levels" else named("x", x)
    other = named("b", 2 - a) if kind == "levels" else named("z", 5.0 - 3.0 * x)
    assert association_strength(column, other, np.ones(200)) == pytest.approx(1.0)


def test_only_common_rows_count(study):
    a, b, _, _, _ = study
    first, second = np.arange(0, 150), np.arange(90, 200)
    found = association_strength(
        named("a", a[first], first), named("b", b[second], second), np.ones(200)
    )
    both = slice(90, 150)
    table = contingency.crosstab(a[both], b[both]).count
    assert found == pytest.approx(contingency.association(table, method="cramer"))
    apart = association_strength(
        named("a", a[:50], np.arange(50)),
        named("b", b[50:100], np.arange(50, 100)),
        np.ones(200),
    )
    assert np.isnan(apart)


def test_what_does_not_vary_on_the_common_rows_has_no_association():
    rows = np.arange(4)
    column = named("a", [0, 0, 0, 0, 1], np.arange(5))
    assert np.isnan(association_strength(column, named("b", [0, 1, 0, 1]), np.ones(5)))
    constant = named("x", [3.0, 3.0, 3.0, 3.0], rows)
    assert np.isnan(
        association_strength(constant, named("b", [0, 1, 0, 1]), np.ones(5))
    )
    other = named("z", [1.0, 2.0, 3.0, 4.0], rows)
    assert np.isnan(association_strength(constant, other, np.ones(5)))


# --- p-values ------------------------------------------------------------------------


def test_pvalues_are_those_of_scipy(study):
    a, b, x, z, _ = study
    table = contingency.crosstab(a, b).count
    expected = stats.chi2_contingency(table).pvalue
    found = association_pvalue(named("a", a), named("b", b), None)
    assert found == pytest.approx(expected)
    expected = stats.f_oneway(*(x[a == level] for level in range(3))).pvalue
    for pair in ((named("a", a), named("x", x)), (named("x", x), named("a", a))):
        assert association_pvalue(*pair, None) == pytest.approx(expected)
    expected = stats.pearsonr(x, z).pvalue
    found = association_pvalue(named("x", x), named("z", z), None)
    assert found == pytest.approx(expected)


KINDS = {
    "levels": lambda rng, n: (rng.integers(0, 3, n), rng.integers(0, 2, n)),
    "both": lambda rng, n: (rng.integers(0, 3, n), rng.normal(size=n)),
    "numbers": lambda rng, n: (rng.normal(size=n), rng.normal(size=n)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_pvalues_keep_their_level_and_find_what_goes_together(kind):
    chance, linked = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        a, b = KINDS[kind](rng, 150)
        chance.append(association_pvalue(named("a", a), named("b", b), None))
        if seed < 20:
            b = b + (a > np.median(a))
            linked.append(association_pvalue(named("a", a), named("b", b), None))
    assert 1 <= np.sum(np.array(chance) <= 0.05) <= 22
    assert np.max(linked) < 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_images_of_one_patient_count_once(kind):
    rng = np.random.default_rng(0)
    a, b = KINDS[kind](rng, 60)
    groups = Groups.of(pd.Series(np.repeat(np.arange(60), 5), name="patient"))
    repeated = named("a", np.repeat(a, 5)), named("b", np.repeat(b, 5))
    once = association_pvalue(named("a", a), named("b", b), None)
    assert association_pvalue(*repeated, groups) == pytest.approx(once)
    assert association_pvalue(*repeated, None) < once


def test_pvalues_are_of_common_rows(study):
    a, b, _, _, _ = study
    first, second = np.arange(0, 150), np.arange(90, 200)
    columns = named("a", a[first], first), named("b", b[second], second)
    both = slice(90, 150)
    expected = association_pvalue(named("a", a[both]), named("b", b[both]), None)
    assert association_pvalue(*columns, None) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([0, 1], [1, 0]),
        ([0, 0, 0, 0], [0, 1, 0, 1]),
        ([1.5, 1.5, 1.5, 1.5], [0.0, 1.0, 2.0, 3.5]),
        ([0, 1, 2, 3], [0.0, 1.0, 2.0, 3.5]),
    ],
    ids=["two rows", "one level", "one value", "a level of each row"],
)
def test_what_cannot_be_tested_has_no_pvalue(a, b):
    columns = named("a", np.array(a)), named("b", np.array(b))
    assert np.isnan(association_pvalue(*columns, None))
    assert np.isnan(association_pvalue(*reversed(columns), None))


def test_full_association_has_a_pvalue_of_0_and_no_warning(study):
    a, _, x, _, _ = study
    pairs = [
        (named("a", a), named("y", a * 1.5)),
        (named("x", x), named("z", 5.0 - 3.0 * x)),
        (named("a", a), named("b", 2 - a)),
    ]
    for pair in pairs:
        assert association_pvalue(*pair, None) < 1e-12
