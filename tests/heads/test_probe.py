"""Probes: what they fit, their losses and the best constant."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier

from sklearn_wsca._heads.probe import Probe, batch_precision, make_probe, tie_tolerance
from sklearn_wsca._linear.design import prepare_design
from tests.columns import column_of
from tests.reference import constant_head, fit_head, losses

N, K = 80, 5


def make_problem(kind, n_levels, seed=0, p=3):
    """Rows with unequal scales and means, and p permutations of the labels."""
    rng = np.random.default_rng(seed)
    T = rng.standard_normal((N, K)) * np.geomspace(2.0, 0.2, K) + rng.normal(2, 1, K)
    if n_levels:
        labels = np.tile(np.arange(n_levels), N)[:N]
    else:
        labels = 300.0 + 40.0 * T[:, 0] + rng.standard_normal(N)
    permuted = np.stack([labels] + [rng.permutation(labels) for _ in range(p - 1)])
    return T, permuted, rng.uniform(0.2, 2.0, N), Probe(kind, n_levels, 0.7, 3.0)


PROBES = [("logistic", 2), ("logistic", 4), ("ridge", 2), ("ridge", 4), ("ridge", 0)]


def levels_of(n_levels):
    return np.arange(n_levels) if n_levels else None


@pytest.mark.parametrize(("kind", "n_levels"), PROBES)
def test_fits_match_the_reference(kind, n_levels):
    T, labels, weights, probe = make_problem(kind, n_levels)
    fit = probe.fit(prepare_design(T, weights), labels, tolerance=1e-9)
    assert fit.coef.shape == (3, probe.n_outputs, K)
    for p in range(3):
        coef, intercept = fit_head(T, labels[p], kind, 0.7, 3.0, weights)
        scale = np.abs(coef).max()
        assert scale > 1e-3
        np.testing.assert_allclose(fit.coef[p], coef, atol=1e-6 * scale)
        np.testing.assert_allclose(fit.intercept[p], intercept, atol=1e-6 * abs(scale))


@pytest.mark.parametrize("own_weights", [False, True])
@pytest.mark.parametrize(("kind", "n_levels"), PROBES[:2] + PROBES[4:])
def test_estimators_are_fitted_on_the_rows_that_were_given(kind, n_levels, own_weights):
    T, labels, weights, probe = make_problem(kind, n_levels)
    recipe = Ridge(alpha=3.0)
    if kind == "logistic":
        recipe = LogisticRegression(C=0.7, tol=1e-10, max_iter=5000)
    other = Probe(kind, n_levels, estimator=recipe)
    design = prepare_design(T, weights)
    per_problem = None
    if own_weights:
        per_problem = np.random.default_rng(1).uniform(0.5, 2.0, labels.shape)
    found = other.fit(design, labels, per_problem)
    expected = probe.fit(design, labels, per_problem, tolerance=1e-9)
    scale = np.abs(expected.coef).max()
    np.testing.assert_allclose(found.coef, expected.coef, atol=1e-5 * scale)
    assert not hasattr(recipe, "coef_")


def test_estimators_without_sample_weight_refuse_unequal_weights():
    T, labels, weights, _ = make_problem("logistic", 2)
    probe = Probe("logistic", 2, estimator=KNeighborsClassifier())
    with pytest.raises(ValueError, match="takes no sample_weight"):
        probe.fit(prepare_design(T, weights), labels)


@pytest.mark.parametrize(("kind", "n_levels"), PROBES)
def test_losses_match_the_loop(kind, n_levels):
    T, labels, weights, probe = make_problem(kind, n_levels)
    rng = np.random.default_rng(2)
    coef = rng.standard_normal((3, probe.n_outputs, K))
    intercept = rng.standard_normal((3, probe.n_outputs))
    outputs = coef @ T.T + intercept[..., None]
    found = probe.losses(outputs, labels, weights)
    levels = levels_of(n_levels)
    expected = [
        losses(coef[p], intercept[p], T, labels[p], levels, kind, weights)
        for p in range(3)
    ]
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize(("kind", "n_levels"), PROBES)
def test_baseline_is_the_best_constant(kind, n_levels):
    _, labels, weights, probe = make_problem(kind, n_levels)
    found = probe.baseline(labels, weights)
    levels = levels_of(n_levels)
    for p in range(3):
        expected = constant_head(labels[p], levels, kind, weights)
        if kind == "logistic" and n_levels == 2:
            expected = expected[1:] - expected[:1]
        np.testing.assert_allclose(found[p], expected)

    def loss(constant):
        outputs = np.broadcast_to(constant[None, :, None], (1, len(constant), N))
        return probe.losses(outputs, labels[:1], weights)[0]

    for step in np.random.default_rng(3).standard_normal((10, probe.n_outputs)):
        if kind == "logistic" and n_levels > 2:
            step = step - step.mean()
        assert loss(found[0]) < loss(found[0] + 0.1 * step)


def test_precision_and_ties_go_together():
    assert batch_precision(1999) == "float64"
    assert batch_precision(2000) == "float32"
    assert tie_tolerance(100) == pytest.approx(1e-5)
    assert tie_tolerance(10**5) == pytest.approx(1e-4)


@pytest.mark.parametrize(
    ("recipe", "n_levels", "kind"),
    [
        ("auto", 3, "logistic"),
        ("auto", 0, "ridge"),
        ("ridge", 3, "ridge"),
        (Ridge(), 0, "ridge"),
        (LogisticRegression(), 3, "logistic"),
    ],
)
def test_recipes(recipe, n_levels, kind):
    column = column_of(np.arange(9) % n_levels if n_levels else np.arange(9.0))
    probe = make_probe(recipe, column, C=2.0, alpha=5.0)
    assert (probe.kind, probe.n_levels) == (kind, n_levels)
    if isinstance(recipe, str):
        assert (probe.C, probe.alpha) == (2.0, 5.0)
    else:
        assert probe.estimator is recipe


@pytest.mark.parametrize(
    ("recipe", "n_levels", "wants"),
    [(Ridge(), 3, "continuous"), (LogisticRegression(), 0, "categorical")],
)
def test_recipes_that_do_not_fit_the_column(recipe, n_levels, wants):
    labels = np.arange(9) % n_levels if n_levels else np.arange(9.0)
    column = column_of(labels, "site")
    with pytest.raises(ValueError, match=f"predicts {wants} columns, but 'site'"):
        make_probe(recipe, column, 1.0, 1.0)
