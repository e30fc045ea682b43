"""What must not change the results, and what must.

Every test compares the whole analysis: heads, alignments, null distribution,
p-values and the summary table.
"""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from tests.reference import make_study, with_gaps
from tests.study_changes import CHANGES, Study, assert_same_results

COLUMNS = ["site", "sex", "age", "dose"]
SEEDS = [0, 1, 2]
# Each on a study of its own; `test_properties` draws many of the default.
VARIANTS = {
    "default": {},
    "adjusted": {"adjust_for_target": True},
    "score": {"metric": "score", "n_components": 4},
    "pattern": {"metric": "pattern", "aggregate": "max"},
    "sign_flip": {"null": "sign_flip", "n_components": 5},
}
UNITS = ["another unit", "a tiny unit", "a huge unit"]
# Changes, without and with a trained head that is changed too.
CASES = [
    *((name, False) for name in (*UNITS, "rotation", "shift", "two workers")),
    *((name, False) for name in ("row order", "column order", "units of numbers")),
    ("class names in another order", False),
    *((name, True) for name in ("a tiny unit", "a huge unit", "rotation")),
    ("one vector in all rows of the head", True),
]


def fit(X, table, *, weight=None, head=None, **options):
    settings = {
        "target": "stage",
        "columns": COLUMNS,
        "n_permutations": 19,
        "random_state": 5,
        "significance": 0.5,
    } | options
    # Some heads are random ones.
    settings = {"check_head": False} | settings
    model = WeightSpaceCorrelation(target_head=head, **settings)
    return model.fit(X, table, sample_weight=weight)


def fit_study(study):
    options = study.options | {"head": study.head, "weight": study.weight}
    return fit(study.X, study.table, **options)


def study_of(variant, trained=False, n=160, d=8):
    """A study for the options of a variant, with a trained head or not."""
    seed = list(VARIANTS).index(variant)
    X, table = make_study(seed, n=n, d=d)
    options = {"target": "stage", "columns": COLUMNS} | VARIANTS[variant]
    rng = np.random.default_rng(seed)
    head = rng.standard_normal((3, d)) + 1.0, rng.standard_normal(3)
    return Study(X, table, head if trained else None, options)


@cache
def unchanged(variant, trained):
    """A study, and its fit that all changes are compared with."""
    study = study_of(variant, trained)
    return study, fit_study(study)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("name", "trained"), CASES)
def test_nothing_changes_with(name, trained, variant):
    (study, first), change = unchanged(variant, trained), CHANGES[name]
    other = change.of(study, np.random.default_rng(0))
    second = fit_study(other)
    assert_same_results(first, second, change.tolerance)
    if name in UNITS:
        outputs = first.transform(study.X)
        np.testing.assert_allclose(second.transform(other.X), outputs, atol=1e-6)
        unit = other.X[0, 0] / study.X[0, 0]
        assert second.scale_ == pytest.approx(first.scale_ * unit)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("gaps", [False, True])
def test_row_order_with_weights(variant, gaps):
    study, rng = study_of(variant), np.random.default_rng(0)
    study = study.changed(weight=rng.uniform(0.5, 2.0, len(study.X)))
    if gaps:
        study = study.changed(table=with_gaps(study.table, 0, 0.1))
    other = CHANGES["row order"].of(study, rng)
    assert_same_results(fit_study(study), fit_study(other))


@cache
def repeated(variant):
    """A study with rows of equal embeddings, and its fit."""
    study, more = study_of(variant, n=170, d=20), make_study(50, n=60)[1]
    study = study.changed(
        X=np.vstack([study.X, study.X[:40], study.X[:20]]),
        table=pd.concat([study.table, more], ignore_index=True),
    )
    return study, fit_study(study)


@pytest.mark.parametrize("variant", ["default", "adjusted"])
@pytest.mark.parametrize(
    "name", ["row order", "rotation", "another unit", "column order", "two workers"]
)
def test_repeated_embeddings(name, variant):
    """Equal embeddings leave the order to their metadata, whatever rounding does."""
    study, first = repeated(variant)
    other = CHANGES[name].of(study, np.random.default_rng(0))
    assert_same_results(first, fit_study(other))


@pytest.mark.parametrize("seed", SEEDS)
def test_row_order_of_repeated_rows_that_differ_in_weight_only(seed):
    X, table = make_study(seed)
    X, table = np.repeat(X, 2, axis=0), table.loc[np.repeat(table.index, 2)]
    rng = np.random.default_rng(seed)
    study = Study(X, table, None, weight=rng.uniform(0.5, 2.0, len(X)))
    other = CHANGES["row order"].of(study, rng)
    assert_same_results(fit_study(study), fit_study(other))


@pytest.mark.parametrize("seed", SEEDS)
def test_columns_do_not_influence_each_other(seed):
    """A column alone has the raw p-value that it has among others."""
    X, table = make_study(seed)
    together = fit(X, table)
    alone = fit(X, table, columns=["age"])
    assert alone.pvalues_["age"] == together.pvalues_["age"]
    assert alone.pvalues_fwer_["age"] == alone.pvalues_["age"]
    assert alone.encoding_pvalues_["age"] == together.encoding_pvalues_["age"]


def test_rows_of_heads_follow_the_names_of_their_classes():
    study = study_of("default")
    other = CHANGES["class names in another order"].of(study, None)
    base, renamed = fit_study(study), fit_study(other)
    np.testing.assert_allclose(
        renamed.alignment_.loc[("stage", "2 I"), ("site", "2 Aarhus")],
        base.alignment_.loc[("stage", "I"), ("site", "Aarhus")],
        atol=1e-6,
    )
    # The head of the other one of two classes has the opposite sign.
    np.testing.assert_allclose(
        renamed.heads_["sex"].coef, -base.heads_["sex"].coef, atol=1e-6
    )


def test_single_precision_embeddings():
    X, table = make_study(5)
    assert_same_results(fit(X, table), fit(X.astype(np.float32), table), 1e-3)
