"""Outputs of rows by heads that were fitted without them, against plain loops."""

import numpy as np
import pytest

from sklearn_wsca._encoding.cross_fitting import cross_fit
from sklearn_wsca._heads.fit import fit_heads
from sklearn_wsca._heads.head import all_outputs
from tests.prepared_studies import Runner, prepare_study
from tests.reference import assign_folds, centre_classes, fit_head, make_study

N, FOLDS, SEED = 120, 4, 3
TARGETS = {"disease": "logistic", "site": "logistic", "age": "ridge"}


def study(target, seed=0, weighted=True, **options):
    X, table = make_study(seed, n=N, shared=1.0)
    weights = np.random.default_rng(seed).uniform(0.5, 2.0, N) if weighted else None
    table = table[["disease", "site", "sex", "age"]]
    given, tasks, rows = prepare_study(X, table, weights, target=target, **options)
    return given, tasks.primary, rows


def crossed(target, *, cv=FOLDS, **options):
    given, task, rows = study(target, **options)
    return cross_fit(task, rows, cv, SEED, Runner(rows)), given, task, rows


def slow_outputs(T, labels, kind, fold, weights):
    """By a loop over folds, each of them moved to the common mean and spread."""
    heads = []
    for number in [*range(fold.max() + 1), -2]:
        train = fold != number
        coef, intercept = fit_head(
            T[train], labels[train], kind, weights=weights[train]
        )
        shift = intercept.mean() if len(intercept) > 1 and kind == "logistic" else 0.0
        heads.append(T @ centre_classes(coef, kind).T + intercept - shift)
    means = [np.average(head, axis=0, weights=weights) for head in heads]
    spreads = [
        np.sqrt(np.average((head - mean) ** 2, axis=0, weights=weights).sum())
        for head, mean in zip(heads, means, strict=True)
    ]
    found = np.empty_like(heads[0])
    for row, number in enumerate(fold):
        own = (heads[number][row] - means[number]) / spreads[number]
        found[row] = own * np.mean(spreads) + np.mean(means, axis=0)
    return found


@pytest.mark.parametrize("target", TARGETS)
def test_outputs_are_those_of_heads_that_have_not_seen_the_row(target):
    found, given, task, rows = crossed(target)
    labels = given.table[target].to_numpy(float if target == "age" else str)
    fold = assign_folds(labels, FOLDS, SEED)
    np.testing.assert_array_equal(found.fold, fold)
    expected = slow_outputs(rows.T, labels, TARGETS[target], fold, rows.weights)
    np.testing.assert_allclose(found.outputs, expected, atol=1e-6)
    assert found.outputs.shape == (N, task.probe.n_outputs)
    assert (found.describe(), found.not_converged, found.n_fitted) == ([], [], 0)


def test_a_label_does_not_reach_the_output_of_its_own_row():
    """Without penalty a head of all rows repeats the labels of its own rows."""
    X, table = make_study(0, n=60, d=80)
    options = {"n_components": None, "target": "age", "alpha": 1e-6}
    given, tasks, rows = prepare_study(X, table[["age", "sex"]], **options)
    found = cross_fit(tasks.primary, rows, 5, SEED, Runner(rows)).outputs[:, 0]
    assert fit_heads(tasks.all, rows, Runner(rows)) == []
    age = tasks.primary.column.labels
    own = all_outputs(given.X, [tasks.target_head])[:, 0]
    assert np.corrcoef(own, age)[0, 1] > 0.999
    assert np.corrcoef(found, age)[0, 1] < 0.6


@pytest.mark.parametrize("target", TARGETS)
def test_lengths_and_levels_of_the_heads_of_folds_do_not_matter(target):
    """Of separable classes, without much penalty, they are a matter of chance."""
    plain, _, task, rows = crossed(target)
    task.probe = Changed(task.probe, stretch=[3.0, 0.2, 1.0, 1.0, 9.0])
    found = cross_fit(task, rows, FOLDS, SEED, Runner(rows)).outputs
    centred = plain.outputs - np.average(plain.outputs, axis=0, weights=rows.weights)
    other = found - np.average(found, axis=0, weights=rows.weights)
    ratio = np.sum(other * centred) / np.sum(centred**2)
    np.testing.assert_allclose(other, ratio * centred, atol=1e-6)
    assert ratio > 2.0


def test_rows_without_the_target_have_outputs_of_the_head_of_all_others():
    X, table = make_study(2, n=N)
    table["disease"] = table["disease"].where(np.arange(N) % 6 > 0)
    given, tasks, rows = prepare_study(X, table[["disease", "sex"]])
    assert fit_heads(tasks.all, rows, Runner(rows)) == []
    found = cross_fit(tasks.primary, rows, FOLDS, SEED, Runner(rows))
    outputs = found.outputs_of_all(tasks.target_head, given.X)
    known = tasks.target.rows
    np.testing.assert_array_equal(outputs[known], found.outputs)
    others = np.setdiff1d(np.arange(N), known)
    expected = all_outputs(given.X, [tasks.target_head])
    np.testing.assert_allclose(outputs[others], expected[others])
    assert len(others) == 20


def test_a_class_of_one_group_is_judged_by_the_head_of_all_rows_and_said():
    X, table = make_study(3, n=N)
    patient = np.arange(N) // 4
    table["disease"] = np.where(patient < 15, "ill", "well")
    table.loc[patient == 29, "disease"] = "rare"
    table = table[["disease", "sex"]].assign(patient=patient)
    _, tasks, rows = prepare_study(X, table, groups="patient", columns=["sex"])
    found = cross_fit(tasks.primary, rows, FOLDS, SEED, Runner(rows))
    rare = tasks.target.labels == tasks.target.levels.index("rare")
    np.testing.assert_array_equal(found.fold < 0, rare)
    assert np.isfinite(found.outputs).all() and found.n_fitted == 4
    (said,) = found.describe()
    assert said.startswith("outputs at held-out rows of 'disease': 4 of 120 rows are")


def test_heads_that_do_not_converge_are_named():
    _, task, rows = study("disease")
    task.probe = Changed(task.probe, converged=False)
    found = cross_fit(task, rows, FOLDS, SEED, Runner(rows))
    assert found.not_converged == ["disease"]


class Changed:
    """A probe whose heads have other lengths and levels, or miss the tolerance."""

    def __init__(self, probe, stretch=(1.0,), converged=True):
        self.probe, self.kind = probe, probe.kind
        self.stretch, self.converged = np.array(stretch), converged

    def fit(self, *arguments):
        fit = self.probe.fit(*arguments)
        return fit._replace(
            coef=fit.coef * self.stretch[:, None, None],
            intercept=fit.intercept + self.stretch[:, None],
            converged=fit.converged & self.converged,
        )
