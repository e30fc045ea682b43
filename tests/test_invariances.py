"""What must not change the results, and what must.

Every test compares the whole analysis: heads, alignments, null distribution,
p-values and the summary table.
"""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from tests.reference import make_study, with_gaps

COLUMNS = ["site", "sex", "age", "dose"]
SEEDS = [0, 1, 2]


def fit(X, table, *, columns=COLUMNS, weight=None, **options):
    settings = {
        "target": "stage",
        "n_permutations": 19,
        "random_state": 5,
        "significance": 0.5,
    } | options
    model = WeightSpaceCorrelation(columns=columns, **settings)
    return model.fit(X, table, sample_weight=weight)


def assert_same_results(first, second, tolerance=1e-6):
    """Compare everything reported by column name."""
    words = ["kind", "verdict", "note"]
    numbers = first.summary_.drop(columns=words).astype(float)
    others = second.summary_.drop(columns=words).astype(float)
    verdicts = second.verdicts_.loc[first.verdicts_.index]
    pd.testing.assert_series_equal(first.verdicts_, verdicts)
    assert first.null_distribution_.std().min() > 1e-4
    assert first.encoding_scores_.notna().all()
    pd.testing.assert_frame_equal(
        numbers, others.loc[numbers.index], atol=tolerance, rtol=0
    )
    pd.testing.assert_frame_equal(
        first.null_distribution_,
        second.null_distribution_[first.null_distribution_.columns],
        atol=tolerance,
        rtol=0,
    )
    for attribute in ("pvalues_", "pvalues_fwer_", "qvalues_", "encoding_pvalues_"):
        expected = getattr(first, attribute)
        found = getattr(second, attribute)[expected.index]
        pd.testing.assert_series_equal(found, expected, rtol=1e-12)


def rotation(seed, d):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))[0]


def trained_head(seed, d, rows=3):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, d)) + 1.0, rng.standard_normal(rows)


# Each on a study of its own; `test_properties` draws many of the default.
VARIANTS = [
    pytest.param(0, {}, id="default"),
    pytest.param(1, {"adjust_for_target": True}, id="adjusted"),
    pytest.param(2, {"metric": "score", "n_components": 4}, id="score"),
    pytest.param(3, {"metric": "pattern", "aggregate": "max"}, id="pattern"),
    pytest.param(4, {"null": "sign_flip", "n_components": 5}, id="sign_flip"),
]
variants = pytest.mark.parametrize(("seed", "options"), VARIANTS)


def repeat_some_rows(X, table, seed):
    """Add rows whose embeddings are exactly those of others, with other metadata."""
    more = make_study(seed + 50, n=60, d=X.shape[1])[1]
    X = np.vstack([X, X[:40], X[:20]])
    return X, pd.concat([table, more], ignore_index=True)


@variants
@pytest.mark.parametrize("gaps", [False, True])
def test_row_order(seed, options, gaps):
    X, table = make_study(seed, n=160)
    if gaps:
        table = with_gaps(table, seed, 0.1)
    weight = np.random.default_rng(seed).uniform(0.5, 2.0, len(X))
    order = np.random.default_rng(seed).permutation(len(X))
    assert_same_results(
        fit(X, table, weight=weight, **options),
        fit(X[order], table.iloc[order], weight=weight[order], **options),
    )


@pytest.mark.parametrize(("seed", "options"), VARIANTS[:2])
@pytest.mark.parametrize("change", ["order", "rotation", "unit", "columns", "n_jobs"])
def test_repeated_embeddings(seed, change, options):
    """Equal embeddings leave the order to their metadata, whatever rounding does."""
    X, table = repeat_some_rows(*make_study(seed, n=170, d=20), seed)
    base = fit(X, table, **options)
    if change == "order":
        order = np.random.default_rng(seed).permutation(len(X))
        other = fit(X[order], table.iloc[order], **options)
    elif change == "rotation":
        other = fit(X @ rotation(seed, 20), table, **options)
    elif change == "unit":
        other = fit(X * 1e-3 / 7.0, table, **options)
    elif change == "columns":
        other = fit(X, table[table.columns[::-1]], columns=COLUMNS[::-1], **options)
    else:
        other = fit(X, table, n_jobs=2, **options)
    assert_same_results(base, other)


@pytest.mark.parametrize("seed", SEEDS)
def test_row_order_of_repeated_rows_that_differ_in_weight_only(seed):
    X, table = make_study(seed)
    X, table = np.repeat(X, 2, axis=0), table.loc[np.repeat(table.index, 2)]
    rng = np.random.default_rng(seed)
    weight, order = rng.uniform(0.5, 2.0, len(X)), rng.permutation(len(X))
    assert_same_results(
        fit(X, table, weight=weight),
        fit(X[order], table.iloc[order], weight=weight[order]),
    )


@variants
def test_column_order(seed, options):
    X, table = make_study(seed, n=160)
    mixed = ["dose", "site", "age", "sex"]
    base = fit(X, table, **options)
    other = fit(X, table[["severity", *mixed, "stage"]], columns=mixed, **options)
    assert other.summary_.index.tolist() == mixed
    assert_same_results(base, other, 1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_columns_do_not_influence_each_other(seed):
    """A column alone has the raw p-value that it has among others."""
    X, table = make_study(seed)
    together = fit(X, table)
    alone = fit(X, table, columns=["age"])
    assert alone.pvalues_["age"] == together.pvalues_["age"]
    assert alone.pvalues_fwer_["age"] == alone.pvalues_["age"]
    assert alone.encoding_pvalues_["age"] == together.encoding_pvalues_["age"]


@variants
def test_class_names(seed, options):
    """Names are sorted, so new names change the order of rows of the heads."""
    X, table = make_study(seed, n=160)
    renamed = table.replace(
        {
            "site": {"Aarhus": "Zagreb", "Bergen": "Oslo", "Cork": "Ayr"},
            "stage": {"I": "3 late", "II": "1 early", "III": "2 middle"},
            "sex": {"f": "woman", "m": "man"},
        }
    )
    base, other = fit(X, table, **options), fit(X, renamed, **options)
    assert_same_results(base, other)
    np.testing.assert_allclose(
        other.alignment_.loc[("stage", "3 late"), ("site", "Zagreb")],
        base.alignment_.loc[("stage", "I"), ("site", "Aarhus")],
        atol=1e-6,
    )
    # The head of the other one of two classes has the opposite sign.
    np.testing.assert_allclose(
        other.heads_["sex"].coef, -base.heads_["sex"].coef, atol=1e-6
    )


@pytest.mark.parametrize("unit", [1e-30, 1e-3 / 7.0, 1e30])
@variants
def test_unit_of_the_embeddings(unit, seed, options):
    X, table = make_study(seed, n=160)
    base, other = fit(X, table, **options), fit(X * unit, table, **options)
    assert_same_results(base, other)
    for name, head in base.heads_.items():
        scale = np.abs(head.coef).max()
        np.testing.assert_allclose(
            other.heads_[name].coef * unit, head.coef, atol=1e-6 * scale
        )
    assert other.scale_ == pytest.approx(base.scale_ * unit)


@pytest.mark.parametrize("unit", [1e-30, 1e30])
@variants
def test_unit_of_the_embeddings_with_a_trained_head(unit, seed, options):
    X, table = make_study(seed, n=160)
    coef, intercept = trained_head(seed, X.shape[1])
    base = fit(X, table, target_head=(coef, intercept), **options)
    other = fit(X * unit, table, target_head=(coef / unit, intercept), **options)
    assert_same_results(base, other)


def test_single_precision_embeddings():
    X, table = make_study(5)
    assert_same_results(fit(X, table), fit(X.astype(np.float32), table), 1e-3)


@variants
def test_rotation_of_the_embeddings(seed, options):
    X, table = make_study(seed, n=160)
    Q = rotation(seed, X.shape[1])
    coef, intercept = trained_head(seed, X.shape[1])
    base = fit(X, table, target_head=(coef, intercept), **options)
    other = fit(X @ Q, table, target_head=(coef @ Q, intercept), **options)
    assert_same_results(base, other)
    assert_same_results(fit(X, table, **options), fit(X @ Q, table, **options))


@variants
def test_one_vector_added_to_all_rows_of_a_softmax_head(seed, options):
    X, table = make_study(seed, n=160)
    coef, intercept = trained_head(seed, X.shape[1])
    vector = 30.0 * np.random.default_rng(seed).standard_normal(X.shape[1])
    base = fit(X, table, target_head=(coef, intercept), **options)
    other = fit(X, table, target_head=(coef + vector, intercept + 3.0), **options)
    assert_same_results(base, other)
    np.testing.assert_allclose(other.alignment_, base.alignment_, atol=1e-9)
    # Guard: without centring the vector would drown the head.
    cosines = [
        row @ vector / np.linalg.norm(row) / np.linalg.norm(vector)
        for row in coef + vector
    ]
    assert min(cosines) > 0.9


@variants
def test_shift_of_the_embeddings(seed, options):
    """A constant in every feature moves the mean and nothing else."""
    X, table = make_study(seed, n=160)
    shift = 1e4 * np.linspace(-1.0, 1.0, X.shape[1])
    assert_same_results(fit(X, table, **options), fit(X + shift, table, **options))


@variants
def test_number_of_workers(seed, options):
    X, table = make_study(seed, n=160)
    base = fit(X, table, n_jobs=1, **options)
    assert_same_results(base, fit(X, table, n_jobs=2, **options), 1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_unit_and_origin_of_a_continuous_column(seed):
    """Cosines, R2 and p-values do not know whether age is in years or days."""
    X, table = make_study(seed)
    other = table.assign(age=table["age"] * 365.25 + 1e5, dose=-1e6 * table["dose"])
    assert_same_results(fit(X, table), fit(X, other))
