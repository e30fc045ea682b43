"""Test whether probes predict their columns on held-out rows, against plain loops."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold

from sklearn_wsca._encoding.folds import split_columns
from sklearn_wsca._encoding.inference import infer_encoding
from sklearn_wsca._linear.solvers import BatchFit
from tests.prepared_studies import Runner, make_testing, prepare_study
from tests.reference import (
    add_one_pvalue,
    besag_clifford,
    cross_validated_skill,
    make_study,
    ridge_counterpart,
    tuned_skill,
)

COLUMNS = ["site", "sex", "age"]
M, N, FOLDS = 19, 120, 4
KINDS = {"site": "logistic", "sex": "logistic", "age": "ridge"}


def study(seed=0, shared=1.0):
    X, table = make_study(seed, n=N, shared=shared)
    table["age"] = table["age"].where(np.arange(N) % 5 > 0)
    weights = np.random.default_rng(seed).uniform(0.5, 2.0, N)
    return X, table[["disease", *COLUMNS]], weights


def infer(*data, cv=FOLDS, testing=None, change=None, **options):
    given, tasks, rows = prepare_study(*data, **options)
    if change is not None:
        change(tasks)
    testing = make_testing(rows, **{"n_permutations": M} | (testing or {}))
    found = infer_encoding(tasks, rows, given, cv, testing, 0.05, Runner(rows))
    return found, tasks, rows, given


def slow_skill(tasks, rows, given, name, kind, alpha=1.0, cv=FOLDS):
    """Of a probe that is fitted without each fold, by a loop over folds and rows."""
    task = {task.name: task for task in tasks.metadata}[name]
    folds = split_columns([task], cv, 0, given)[name].fold
    at = task.column.rows
    labels = given.table[name].iloc[at].to_numpy(float if name == "age" else str)
    T, weights = rows.T[at], rows.weights[at]
    if kind == "counterpart":
        own = alpha if name == "age" else ridge_counterpart(labels, 1.0, weights)
        return tuned_skill(T, labels, folds, own, weights)
    return cross_validated_skill(T, labels, kind, folds, 1.0, alpha, weights)


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("cv", [FOLDS, KFold(3)])
def test_scores_are_the_skill_on_rows_that_a_probe_has_not_seen(name, cv):
    found, *prepared = infer(*study(), cv=cv, testing={"n_permutations": 0})
    expected = slow_skill(*prepared, name, KINDS[name], cv=cv)
    assert found.scores[name] == pytest.approx(expected, abs=1e-5)
    assert abs(expected) > 0.02
    measures = ["r2"] if name == "age" else ["accuracy", "auroc"]
    assert found.metrics.loc[name, measures].notna().all()


@pytest.fixture(scope="module")
def plain():
    return infer(*study())


@pytest.mark.parametrize("name", COLUMNS)
def test_pvalues_and_selectivity_are_those_of_tuned_ridge_probes(plain, name):
    found, *prepared = plain
    observed = slow_skill(*prepared, name, "counterpart")
    null = found.tests.null[name]
    assert found.tests.pvalues[name] == add_one_pvalue(observed, null)
    assert found.skills[name] == pytest.approx(observed, abs=1e-6)
    expected = pytest.approx(observed - null.mean(), abs=1e-6)
    assert found.selectivity[name] == expected
    assert len(null) == found.tests.used[name] == M


def test_skill_is_not_extrapolated():
    """Only alignment scores are."""
    options = {"n_permutations": 199, "extrapolate": True}
    found, *_ = infer(*study(shared=4.0), testing=options, columns=["sex"])
    assert found.tests.pvalues["sex"] == 1 / 200
    assert found.tests.extrapolated.isna().all()


def test_only_what_is_encoded_has_small_pvalues():
    """Over seeds: the sex moves the embeddings, and a coin does not."""
    pvalues = []
    for seed in range(6):
        X, table, weights = study(seed, shared=4.0)
        table["coin"] = np.random.default_rng(seed + 90).integers(0, 2, N)
        options = {"columns": ["sex", "coin"], "testing": {"seed": seed}}
        pvalues.append(infer(X, table, weights, **options)[0].tests.pvalues)
    small = (pd.DataFrame(pvalues) <= 0.05).sum()
    assert small["sex"] == 6 and small["coin"] <= 2


def test_trained_heads_without_labels_have_no_encoding_and_others_that_of_a_probe(
    plain,
):
    heads = {"hospital": np.eye(2, 8), "sex": np.arange(8.0)}
    found, expected = infer(*study(), heads=heads)[0], plain[0]
    assert list(found.scores.index) == [*COLUMNS, "hospital"]
    for values in (found.scores, found.tests.pvalues, found.selectivity):
        assert np.isnan(values["hospital"])
    assert found.metrics.loc["hospital"].isna().all()
    assert found.tests.used["hospital"] == 0
    pd.testing.assert_series_equal(found.scores[COLUMNS], expected.scores)
    pd.testing.assert_series_equal(found.tests.pvalues[COLUMNS], expected.tests.pvalues)


def test_without_permutations_there_are_scores_only():
    found, *_ = infer(*study(), testing={"n_permutations": 0})
    assert found.scores.notna().all() and found.metrics.notna().any(axis=None)
    assert found.tests.pvalues.isna().all() and found.selectivity.isna().all()
    for values in (found.skills, found.qvalues, found.power):
        assert values.isna().all() and list(values.index) == COLUMNS
    assert found.tests.null.shape == (0, 3) and (found.tests.used == 0).all()


def test_a_stopping_rule_uses_the_first_permutations():
    data = study(1, shared=0.0)
    full, *prepared = infer(*data)
    found, *_ = infer(*data, testing={"stop_after": 1})
    for name in COLUMNS:
        observed = slow_skill(*prepared, name, "counterpart")
        pvalue, used = besag_clifford(observed, full.tests.null[name], 1)
        assert (found.tests.pvalues[name], found.tests.used[name]) == (pvalue, used)
    assert (found.tests.used < M).any()


class Hurried:
    """A probe that stops before its tolerance."""

    def __init__(self, probe):
        self.probe = probe

    def __getattr__(self, name):
        return getattr(self.probe, name)

    def fit(self, *arguments, **options):
        fit = self.probe.fit(*arguments, **options)
        return BatchFit(fit.coef, fit.intercept, np.zeros_like(fit.converged))


def test_columns_whose_probes_do_not_converge_are_named(plain):
    def hurry(tasks):
        tasks.metadata[1].probe = Hurried(tasks.metadata[1].probe)

    found, *_ = infer(*study(), change=hurry)
    assert found.not_converged == ["sex"]
    assert plain[0].not_converged == []
