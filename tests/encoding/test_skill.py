"""Held-out skill of the probes: losses, metrics, size and power."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics
from sklearn.model_selection import KFold

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._permutation.plan import canonical_order
from tests.reference import assign_folds, fit_head, make_study, principal_directions


def test_splitter_is_used_as_it_is():
    X, table = make_study(0)
    cv = KFold(4, shuffle=True, random_state=9)
    model = WeightSpaceCorrelation(
        "disease", columns=["age"], cv=cv, n_permutations=0, random_state=0
    ).fit(X, table)
    T, age = principal_directions(X, np.ones(len(X))).coordinates(X), table["age"]
    predicted = np.empty(len(age))
    baseline = np.empty(len(age))
    for train, test in cv.split(T):
        coef, intercept = fit_head(T[train], age[train].to_numpy(), "ridge")
        predicted[test] = T[test] @ coef[0] + intercept[0]
        baseline[test] = age[train].mean()
    skill = 1 - np.sum((age - predicted) ** 2) / np.sum((age - baseline) ** 2)
    assert model.encoding_scores_["age"] == pytest.approx(skill, abs=1e-9)
    assert abs(skill) > 0.01


# --- metrics -------------------------------------------------------------------------


def held_out_outputs(X, labels, head, seed, weights):
    """Outputs of every row by the head fitted without its fold, and the labels."""
    principal = principal_directions(X, weights)
    T = principal.coordinates(X)
    order = canonical_order(np.sum(T**2, axis=1), lambda: pytest.fail("no ties here"))
    T, labels, weights = T[order], labels[order], weights[order]
    folds = assign_folds(labels, 5, seed)
    outputs = []
    for row, fold in zip(T, folds, strict=True):
        train = folds != fold
        coef, intercept = fit_head(
            T[train], labels[train], head, weights=weights[train]
        )
        outputs.append(coef @ row + intercept)
    return np.array(outputs), labels, weights


@pytest.mark.parametrize("weighted", [False, True])
def test_metrics_match_scikit_learn(weighted):
    X, table = make_study(1, n=70, shared=1.0)
    weights = np.ones(len(X))
    if weighted:
        weights = np.random.default_rng(1).uniform(0.5, 2.0, len(X))
    model = WeightSpaceCorrelation(
        None, columns=["site", "sex", "age"], n_permutations=0, random_state=4
    ).fit(X, table, sample_weight=weights)
    seed = np.random.RandomState(4).randint(np.iinfo(np.int32).max)
    found = model.encoding_metrics_

    for name, chance in (("site", 1 / 3), ("sex", 1 / 2)):
        outputs, labels, w = held_out_outputs(
            X, table[name].to_numpy(dtype=str), "logistic", seed, weights
        )
        levels = np.unique(labels)
        if outputs.shape[1] == 1:
            outputs = np.hstack([-outputs, outputs])
            area = metrics.roc_auc_score(
                labels == levels[1], outputs[:, 1], sample_weight=w
            )
        else:
            outputs -= outputs.max(axis=1, keepdims=True)
            outputs = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
            area = metrics.roc_auc_score(
                labels, outputs, multi_class="ovr", average="macro", sample_weight=w
            )
        predicted = levels[outputs.argmax(axis=1)]
        expected = {
            "accuracy": metrics.accuracy_score(labels, predicted, sample_weight=w),
            "balanced_accuracy": metrics.balanced_accuracy_score(
                labels, predicted, sample_weight=w
            ),
            "balanced_accuracy_chance": chance,
            "macro_precision": metrics.precision_score(
                labels, predicted, average="macro", sample_weight=w
            ),
            "macro_f1": metrics.f1_score(
                labels, predicted, average="macro", sample_weight=w
            ),
            "auroc": area,
        }
        assert found.loc[name, list(expected)].to_dict() == pytest.approx(expected)
        assert expected["auroc"] > 0.6

    outputs, labels, w = held_out_outputs(
        X, table["age"].to_numpy(), "ridge", seed, weights
    )
    r2 = metrics.r2_score(labels, outputs[:, 0], sample_weight=w)
    error = metrics.mean_absolute_error(labels, outputs[:, 0], sample_weight=w)
    assert found.loc["age", "r2"] == pytest.approx(r2)
    assert found.loc["age", "mean_absolute_error"] == pytest.approx(error)


# --- statistical claims --------------------------------------------------------------


def encoding_rejections(n_studies, strength, n=60):
    """Share of studies whose encoding p-value is at most 5 %."""
    rejected = []
    for seed in range(n_studies):
        rng = np.random.default_rng(seed)
        table = pd.DataFrame(
            {
                # Rare and uneven levels make stratified folds differ from random ones.
                "site": rng.choice(["A", "B", "C"], n, p=[0.6, 0.3, 0.1]),
                "sex": rng.choice(["f", "m"], n),
                "age": rng.normal(60.0, 12.0, n),
            }
        )
        X = rng.standard_normal((n, 8)) * np.linspace(0.5, 3.0, 8) + 4.0
        X[:, 0] += strength * (table["sex"] == "m")
        X[:, 1] += strength * (table["site"] == "B")
        X[:, 2] += strength * (table["age"] - 60.0) / 12.0
        model = WeightSpaceCorrelation(
            n_permutations=39, random_state=seed, cv=3, significance=0.5
        ).fit(X, table)
        rejected.append(model.encoding_pvalues_ <= 0.05)
    return pd.DataFrame(rejected).mean()


@pytest.mark.slow
def test_size_of_the_encoding_test():
    rates = encoding_rejections(100, strength=0.0)
    low, high = np.array(stats.binom.interval(0.999, 100, 0.05)) / 100
    assert rates.between(low, high).all(), rates


@pytest.mark.slow
def test_power_of_the_encoding_test():
    assert (encoding_rejections(20, strength=2.0) > 0.8).all()
