"""Results do not depend on the order of rows that much makes alike.

Counts, hard predictions and codes: many rows are equally far from the mean, and many
have the same values in other columns.
"""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import (
    WeightSpaceCorrelation,
    compare_utilization,
    performance_test,
    screen_metadata,
    utilization_test,
)

N = 240


def make_table(seed):
    rng = np.random.default_rng(seed)
    table = {"target": rng.integers(0, 2, N), "a": rng.integers(0, 2, N)}
    follows = rng.random(N) < 0.3
    table["b"] = np.where(follows, table["target"], rng.integers(0, 3, N))
    return pd.DataFrame(table), rng


def make_embeddings(kind, rng):
    if kind == "repeated":
        return np.repeat(rng.normal(2.0, 3.0, (N // 4, 6)), 4, axis=0)
    if kind == "counts":
        return rng.poisson(1.0, (N, 6)) * 1.0
    return rng.choice([-1.0, 1.0], (N, 6)) * np.array([1.0, 1.0, 2.0, 1.0, 5.0, 1.0])


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", ["repeated", "counts", "signs"])
def test_fits_and_audits(kind, seed):
    table, rng = make_table(seed)
    X, mixed = make_embeddings(kind, rng), rng.permutation(N)
    analysis = WeightSpaceCorrelation(
        "target",
        target_head=rng.standard_normal((1, 6)),
        check_head=False,
        kinds=dict.fromkeys(table, "categorical"),
        n_permutations=59,
        random_state=0,
    )
    found, summaries = [], []
    for rows in (np.arange(N), mixed):
        own = table.iloc[rows].reset_index(drop=True)
        analysis.fit(X[rows], own)
        audit = analysis.audit(X[rows], own)
        found.append([analysis.summary_, audit])
        summaries.append(analysis.null_distribution_)
    for one, other in zip(*found, strict=True):
        numbers = one.select_dtypes("number").columns
        pd.testing.assert_frame_equal(one[numbers], other[numbers], atol=1e-8)
        assert one["verdict"].equals(other["verdict"])
    pd.testing.assert_frame_equal(*summaries, atol=1e-8)


OPTIONS = {
    "n_permutations": 99,
    "random_state": 0,
    "kinds": {"target": "categorical", "b": "categorical"},
}


def use_of(outputs, table):
    found = utilization_test(outputs, table["b"], target=table["target"], **OPTIONS)
    return found.pvalue, round(found.utilization, 9)


def performance_of(outputs, table):
    found = performance_test(outputs, table["b"], table["target"], **OPTIONS)
    return found.to_text()


def comparison_of(outputs, table):
    other = np.where(table["a"] == 1, outputs, table["target"]) * 1.0
    options = OPTIONS | {"target": table["target"]}
    return compare_utilization(outputs, other, table["b"], **options).to_text()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("test", [use_of, performance_of, comparison_of])
def test_hard_predictions(test, seed):
    table, rng = make_table(seed)
    follows = rng.random(N) < 0.75
    outputs = np.where(follows, table["target"], table["b"] > 0) * 1.0
    mixed = rng.permutation(N)
    expected = test(outputs, table)
    found = test(outputs[mixed], table.iloc[mixed].reset_index(drop=True))
    assert found == expected


@pytest.mark.parametrize("seed", range(3))
def test_screening_of_codes(seed):
    table, rng = make_table(seed)
    found = [
        screen_metadata(
            table.iloc[rows].reset_index(drop=True),
            "target",
            n_permutations=59,
            random_state=0,
            kinds=dict.fromkeys(table, "categorical"),
        ).columns
        for rows in (np.arange(N), rng.permutation(N))
    ]
    numbers = found[0].select_dtypes("number").columns
    pd.testing.assert_frame_equal(*(own[numbers] for own in found), atol=1e-8)
