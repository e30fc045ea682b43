"""The logistic objective: its gradient and its curvature."""

import math

import numpy as np
import pytest

from sklearn_wsca._linear import logistic as logistic_module
from sklearn_wsca._linear.class_labels import Labels
from sklearn_wsca._linear.design import prepare_design
from sklearn_wsca._linear.logistic import LogisticProblem
from sklearn_wsca._linear.solvers import fit_logistic
from tests.linear.problems import make_levels, make_rows, make_weights, permutations_of


@pytest.mark.parametrize("kept", [0, 2**25])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_hessian_product_is_the_change_of_the_gradient(
    n_classes, weighted, kept, monkeypatch
):
    monkeypatch.setattr(logistic_module, "KEPT_NUMBERS", kept)
    T = make_rows(22)
    codes = permutations_of(make_levels(22, T, n_classes), 2)
    weights = None
    if weighted:
        weights = np.stack([make_weights(s, len(T)) for s in range(2)])
        weights[0, ::7] = 0.0
    design = prepare_design(T, np.ones(len(T)))
    labels = Labels.of(codes, n_classes)
    problem = LogisticProblem(design, labels, 2.0, weights)
    rng = np.random.default_rng(22)
    x, direction = 0.3 * rng.standard_normal((2, *problem.start.shape))
    after, before = (problem.evaluate(x + s * direction)[1] for s in (1e-5, -1e-5))
    expected = (after - before) / 2e-5
    product = problem.hessian_product(x)
    assert np.abs(expected).max() > 1.0
    for _ in range(2):
        found = product(direction)
        np.testing.assert_allclose(found, expected, atol=1e-7 * np.abs(expected).max())


@pytest.mark.parametrize("n_classes", [2, 4])
def test_a_problem_with_a_share_of_the_rows_is_as_curved_as_one_of_them_alone(
    n_classes,
):
    """Else a fit to half of the rows would take steps of half the length."""
    half = make_rows(40)
    T = np.vstack([half, half])
    codes = np.tile(make_levels(40, half, n_classes), 2)[None]
    weights = np.repeat([0.0, 3.0], len(half))[None]
    design = prepare_design(T, np.ones(len(T)))
    both = LogisticProblem(design, Labels.of(codes, n_classes), 2.0, weights)
    design = prepare_design(half, np.full(len(half), 3.0))
    labels = Labels.of(codes[:, len(half) :], n_classes)
    alone = LogisticProblem(design, labels, 2.0, None)
    np.testing.assert_allclose(both.hessian, alone.hessian, rtol=1e-9)
    assert (both.hessian > 1.0).mean() > 0.9
    for problem in (both, alone):
        problem.set_curvature(0.3 * problem.start_curvature)
    np.testing.assert_allclose(both.hessian, alone.hessian, rtol=1e-9)
    np.testing.assert_allclose(
        both.flattest_intercept, alone.flattest_intercept, rtol=1e-9
    )


def many_classes(T, n_classes, certainty):
    """Classes by the direction that the first coordinates point in."""
    centres = np.random.default_rng(7).standard_normal((n_classes, T.shape[1]))
    return (certainty * T @ centres.T).argmax(axis=1), centres


@pytest.mark.parametrize("certain", [False, True])
def test_curvature_is_estimated_well_where_labels_tell_nothing_or_all(
    certain, monkeypatch
):
    """What is wrong between costs steps and changes no solution."""
    T, n_classes = make_rows(5), 40
    codes, centres = many_classes(T, n_classes, 1.0)
    codes[:n_classes] = np.arange(n_classes)
    design, found = prepare_design(T, np.ones(len(T))), []
    for many in (False, True):
        monkeypatch.setattr(logistic_module, "MANY_CLASSES", 2 if many else 64)
        problem = LogisticProblem(design, Labels.of(codes[None], n_classes), 1.0, None)
        assert problem.many == many
        x = problem.start
        if certain:
            own = np.linalg.solve(problem.directions, centres[1:] - centres[0])
            # Much larger, and it would hang on the rounding of a few rows in doubt.
            x = x + 20.0 * np.pad(own, ((0, 0), (0, 1)))
        found.append(problem.evaluate_with_curvature(x)[2])
    if not certain:
        np.testing.assert_allclose(found[0], problem.start_curvature, rtol=1e-6)
    assert (found[0].mean() < 0.1 * problem.start_curvature.mean()) == certain
    np.testing.assert_allclose(found[1].mean(), found[0].mean(), rtol=0.25)
    apart = np.abs(np.log(found[1] / found[0]))
    assert np.quantile(apart, 0.9) < np.log(2.0)


@pytest.mark.parametrize("C", [1.0, 100.0])
def test_heads_of_many_classes_are_those_of_the_exact_curvature(C, monkeypatch):
    T = make_rows(6)
    codes = many_classes(T + make_rows(8), 12, 1.0)[0]
    codes[:12] = np.arange(12)
    design, found = prepare_design(T, np.ones(len(T))), []
    for most in (2, 64):
        monkeypatch.setattr(logistic_module, "MANY_CLASSES", most)
        found.append(fit_logistic(design, codes[None], 12, C))
        assert found[-1].converged.all()
    size = np.abs(found[1].coef).max()
    np.testing.assert_allclose(found[0].coef, found[1].coef, atol=1e-6 * size)


@pytest.mark.parametrize("there", ["host", "device"])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_objective_of_many_rows_is_exact_to_a_few_rounding_errors(n_classes, there):
    """A line search that takes rounding for a rise tries a dozen steps in vain."""
    T, rows = (make_rows(3, n=40_000) for _ in "ab")
    codes = permutations_of(make_levels(3, T, n_classes), 11)
    if there == "device":
        rows = pytest.importorskip("torch").from_numpy(rows)
    design = prepare_design(rows, np.ones(len(T)))
    problem = LogisticProblem(design, Labels.of(codes, n_classes), 1.0, None)
    steps = 1e-3 * np.random.default_rng(3).standard_normal(problem.start.shape)
    x = problem.start + design.array(steps)
    penalties = np.asarray(x * problem.penalty * x).sum(axis=(1, 2)) / 2
    found = np.asarray(problem.evaluate(x)[0])
    heads = zip(*map(np.asarray, problem.class_scores(x)), strict=True)
    for p, (coef, intercept) in enumerate(heads):
        scores = np.hstack([np.zeros((len(T), 1)), T @ coef.T + intercept])
        chosen = scores[np.arange(len(T)), codes[p]]
        losses = np.log(np.exp(scores).sum(axis=1)) - chosen
        expected = math.fsum(losses) + penalties[p]
        assert abs(found[p] - expected) < 8 * np.finfo(float).eps * expected
