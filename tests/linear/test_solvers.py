"""The batched solvers against scikit-learn, optimality conditions and limits."""

import numpy as np
import pytest

from sklearn_wsca._heads.probe import BATCH_TOLERANCES, batch_precision
from sklearn_wsca._linear.design import prepare_design
from sklearn_wsca._linear.solvers import _conjugate_gradients, fit_logistic, fit_ridge
from tests.linear.problems import (
    logistic_objective,
    make_levels,
    make_numbers,
    make_rows,
    make_weights,
    permutations_of,
)
from tests.reference import fit_head

# --- ridge ---------------------------------------------------------------------------


@pytest.mark.parametrize("per_problem", [False, True])
@pytest.mark.parametrize(
    ("shape", "alpha", "tolerance"),
    [
        ((90, 6), 1e-3, 1e-9),
        ((90, 6), 1.0, 1e-9),
        ((90, 6), 1e3, 1e-9),
        ((12, 30), 0.5, 1e-7),
        ((40, 40), 0.5, 1e-7),
        ((41, 40), 0.5, 1e-7),
    ],
)
def test_ridge_matches_scikit_learn(shape, alpha, tolerance, per_problem):
    T = make_rows(1, *shape)
    values = permutations_of(make_numbers(1, T), 3)
    weights = np.tile(make_weights(1, len(T)), (3, 1))
    design, problem_weights = prepare_design(T, weights[0]), None
    if per_problem:
        weights = problem_weights = np.stack(
            [make_weights(s, len(T)) for s in (1, 2, 3)]
        )
    fit = fit_ridge(design, values, alpha, problem_weights)
    assert fit.converged.all()
    for p in range(3):
        for r in range(2):
            coef, intercept = fit_head(
                T, values[p, r], "ridge", alpha=alpha, weights=weights[p]
            )
            largest = np.abs(coef).max()
            assert largest > 1e-4
            np.testing.assert_allclose(
                fit.coef[p, r], coef[0], atol=tolerance * largest
            )
            np.testing.assert_allclose(
                fit.intercept[p, r], intercept[0], rtol=tolerance
            )


@pytest.mark.parametrize("per_problem", [False, True])
@pytest.mark.parametrize("mean", [0.0, 1e8])
def test_single_precision_ridge_survives_a_large_mean(mean, per_problem):
    """A time stamp is far from zero: its mean must not use up the digits."""
    T = make_rows(4)
    values = permutations_of(make_numbers(4, T), 3)
    weights = np.stack([make_weights(s, len(T)) for s in range(3)])
    problem_weights = weights if per_problem else None
    exact = fit_ridge(prepare_design(T, weights[0]), values, 1.0, problem_weights)
    single = fit_ridge(
        prepare_design(T, weights[0], "float32"), values + mean, 1.0, problem_weights
    )
    scale = np.abs(exact.coef).max(axis=2, keepdims=True)
    np.testing.assert_allclose(single.coef / scale, exact.coef / scale, atol=3e-5)
    np.testing.assert_allclose(
        single.intercept - mean, exact.intercept, rtol=1e-4, atol=1e-3
    )


# --- logistic ------------------------------------------------------------------------


@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_logistic_matches_scikit_learn(n_classes, C):
    T = make_rows(5)
    weights = make_weights(5, len(T))
    codes = permutations_of(make_levels(5, T, n_classes), 3)
    fit = fit_logistic(prepare_design(T, weights), codes, n_classes, C, tolerance=1e-9)
    assert fit.converged.all()
    for p in range(3):
        coef, intercept = fit_head(T, codes[p], "logistic", C=C, weights=weights)
        assert np.abs(coef).max() > 1e-3
        np.testing.assert_allclose(
            fit.coef[p], coef, atol=1e-6 * max(np.abs(coef).max(), 1e-2)
        )
        chances = intercept - intercept.mean() if n_classes > 2 else intercept
        found = fit.intercept[p]
        found = found - found.mean() if n_classes > 2 else found
        np.testing.assert_allclose(found, chances, atol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_single_precision_logistic_matches_double(n_classes):
    T = make_rows(6, n=400)
    weights = make_weights(6, len(T))
    codes = permutations_of(make_levels(6, T, n_classes), 5)
    found, exact = (
        fit_logistic(
            prepare_design(T, weights, dtype),
            codes,
            n_classes,
            1.0,
            tolerance=tolerance,
        )
        for dtype, tolerance in (("float32", 1e-5), ("float64", 1e-9))
    )
    assert found.converged.all()
    scale = np.abs(exact.coef).max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(found.coef / scale, exact.coef / scale, atol=1e-3)


def make_clusters(seed, n_classes, per_class, k, spread):
    """Centred coordinates of classes whose means are `spread` noise units apart."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, n_classes, n_classes * per_class)
    codes[:n_classes] = np.arange(n_classes)
    T = rng.standard_normal((n_classes, k))[codes] * spread
    T = (T + rng.standard_normal((len(codes), k))) * np.geomspace(1.5, 0.5, k)
    T = T - T.mean(axis=0)
    return T / np.sqrt(np.mean(T**2)), codes


def assert_solved_like_scikit_learn(T, codes, fit, C):
    expected = fit_head(T, codes, "logistic", C=C)
    found, best = (
        logistic_objective(T, codes, coef, intercept, C, np.ones(len(T)))
        for coef, intercept in ((fit.coef[0], fit.intercept[0]), expected)
    )
    assert fit.converged.all()
    assert found == pytest.approx(best, rel=1e-6)
    atol = 1e-5 * np.abs(expected[0]).max()
    np.testing.assert_allclose(fit.coef[0], expected[0], atol=atol)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("spread", [0.25, 0.5, 1.0, 5.0])
def test_sixty_classes_overlapping_or_separable(spread, seed):
    """Rows that are certain leave no curvature; others have more than its mean."""
    T, codes = make_clusters(seed, 60, 15, 30, spread)
    design = prepare_design(T, np.ones(len(T)))
    fit = fit_logistic(design, codes[None], 60, 1.0, tolerance=1e-9)
    assert_solved_like_scikit_learn(T, codes, fit, 1.0)


@pytest.mark.parametrize("C", [1.0, 1e3])
@pytest.mark.parametrize("shape", [(20, 5, 10), (5, 30, 10), (10, 5, 60)])
@pytest.mark.parametrize("spread", [0.05, 0.5, 5.0])
def test_few_rows_per_class_with_hardly_any_penalty(spread, shape, C):
    T, codes = make_clusters(1, *shape, spread)
    design = prepare_design(T, np.ones(len(T)))
    fit = fit_logistic(design, codes[None], shape[0], C, tolerance=1e-9)
    assert_solved_like_scikit_learn(T, codes, fit, C)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("spread", [0.5, 2.0, 50.0])
@pytest.mark.parametrize("C", [1e-3, 1e6])
def test_extreme_penalties_stay_finite(C, spread, precision):
    """Warnings are errors: nothing overflows on the way."""
    T, codes = make_clusters(2, 30, 10, 20, spread)
    design = prepare_design(T.astype(precision), np.ones(len(T)), precision)
    fit = fit_logistic(design, permutations_of(codes, 2), 30, C, tolerance=1e-4)
    assert np.isfinite(fit.coef).all() and np.isfinite(fit.intercept).all()
    assert np.abs(fit.coef).max() > 1e-5
    assert fit.converged.all()


def test_folds_of_many_classes_equal_separate_fits():
    """Newton's steps for several problems at once, with rows of weight 0."""
    T, codes = make_clusters(3, 20, 5, 10, 0.5)
    weights = (np.arange(len(T)) % 5 != np.arange(3)[:, None]).astype(float)
    weights[:, :20] = 1.0
    design = prepare_design(T, np.ones(len(T)))
    batch = fit_logistic(design, np.tile(codes, (3, 1)), 20, 1e3, weights)
    assert batch.converged.all()
    assert np.ptp(batch.coef, axis=0).max() > 0.01
    for p in range(3):
        kept = weights[p] > 0
        alone = prepare_design(T[kept], np.ones(kept.sum()))
        separate = fit_logistic(alone, codes[None, kept], 20, 1e3)
        atol = 1e-6 * np.abs(separate.coef).max()
        np.testing.assert_allclose(batch.coef[p], separate.coef[0], atol=atol)


REGIMES = {
    "even": (400, 20, 3),
    "rare": (300, 20, 2),
    "rare, large": (2200, 60, 5),
    "fewer rows than coordinates": (60, 150, 4),
    "separable": (300, 20, 4),
    "separable, large": (2200, 60, 3),
}


@pytest.mark.parametrize("C", [1.0, 1e4])
@pytest.mark.parametrize("name", list(REGIMES))
def test_batches_agree_with_scikit_learn_in_hard_regimes(name, C):
    """In the precision and at the tolerance that permutations of so many rows have."""
    n, k, n_classes = REGIMES[name]
    rng = np.random.default_rng(3)
    T = rng.standard_normal((n, k)) * np.sqrt(np.geomspace(1.0, 1e-2, k))
    T -= T.mean(axis=0)
    T /= np.sqrt(np.mean(T**2))
    labels = rng.integers(0, n_classes, n)
    if "rare" in name:
        labels = rng.integers(0, n_classes - 1, n) if n_classes > 2 else 0 * labels
        labels[:3] = n_classes - 1
    if "separable" in name:
        labels = T[:, :n_classes].argmax(axis=1)
    codes = permutations_of(labels, 3)
    precision = batch_precision(n)
    design = prepare_design(T.astype(precision), np.ones(n), precision)
    fit = fit_logistic(
        design, codes, n_classes, C, tolerance=BATCH_TOLERANCES[precision]
    )
    assert fit.converged.all()
    head = rng.standard_normal(k)
    for p in range(3):
        expected = fit_head(T, codes[p], "logistic", C=C)[0]
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        found = fit.coef[p] / np.linalg.norm(fit.coef[p], axis=1, keepdims=True)
        assert np.sum(found * expected, axis=1).min() > 0.9999
        alignment = (found - expected) @ head / np.linalg.norm(head)
        assert np.abs(alignment).max() < 1e-3


def test_single_precision_hands_hard_problems_to_double():
    n, k = 2200, 60
    T = np.random.default_rng(4).standard_normal((n, k)).astype(np.float32)
    codes = (T[:, 0] > 0).astype(int)[None]
    design = prepare_design(T, np.ones(n), "float32")
    fit = fit_logistic(design, codes, 2, 1e4, tolerance=4e-3)
    exact = fit_logistic(design.in_precision("float64"), codes, 2, 1e4)
    assert fit.converged.all() and exact.converged.all()
    np.testing.assert_allclose(fit.coef, exact.coef, rtol=1e-4, atol=1e-3)


# --- batches and weights, both solvers -----------------------------------------------


def solve(kind, T, labels, design_weights, weights=None, dtype="float64"):
    """Fit a batch of labels with one of the solvers."""
    design = prepare_design(T, design_weights, dtype)
    if kind == "ridge":
        return fit_ridge(design, labels, 1.5, weights)
    n_classes = int(labels.max()) + 1
    return fit_logistic(design, labels, n_classes, 1.5, weights, tolerance=1e-10)


def labels_for(kind, seed, T, p):
    if kind == "ridge":
        return permutations_of(make_numbers(seed, T), p)
    return permutations_of(make_levels(seed, T, 2 if kind == "binary" else 4), p)


KINDS = ["ridge", "binary", "softmax"]


def fit_of(batch, p):
    """The fit of one problem of a batch."""
    return type(batch)(*(part[p : p + 1] for part in batch))


def assert_same_fit(first, second, tolerance=1e-7):
    scale = np.abs(second.coef).max()
    assert scale > 1e-2
    np.testing.assert_allclose(first.coef, second.coef, atol=tolerance * scale)
    np.testing.assert_allclose(
        first.intercept,
        second.intercept,
        atol=tolerance * max(scale, np.abs(second.intercept).max()),
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighted", [False, True])
def test_batch_equals_single_fits(kind, weighted):
    T = make_rows(16)
    labels = labels_for(kind, 16, T, 7)
    weights = None
    if weighted:
        weights = np.stack([make_weights(s, len(T)) for s in range(7)])
    ones = np.ones(len(T))
    batch = solve(kind, T, labels, ones, weights)
    assert np.ptp(batch.coef, axis=0).max() > 0.01
    for p in range(7):
        one = slice(p, p + 1)
        own = None if weights is None else weights[one]
        single = solve(kind, T, labels[one], ones, own)
        assert_same_fit(fit_of(batch, p), single)
        if weighted:
            assert_same_fit(fit_of(batch, p), solve(kind, T, labels[one], weights[p]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["design", "problem"])
def test_whole_weights_equal_repeated_rows(kind, where):
    """Those of weight 0 do not count."""
    T = make_rows(18)
    labels = labels_for(kind, 18, T, 2)
    copies = np.random.default_rng(18).integers(0, 4, len(T))
    if where == "design":
        weighted = solve(kind, T, labels, copies.astype(float))
    else:
        per_problem = np.tile(copies.astype(float), (2, 1))
        weighted = solve(kind, T, labels, np.ones(len(T)), per_problem)
    repeated = solve(
        kind,
        np.repeat(T, copies, axis=0),
        np.repeat(labels, copies, axis=-1),
        np.ones(copies.sum()),
    )
    assert_same_fit(weighted, repeated)
    assert (
        np.abs(weighted.coef - solve(kind, T, labels, np.ones(len(T))).coef).max()
        > 0.01
    )


@pytest.mark.parametrize("kind", KINDS)
def test_numpy_penalties_keep_single_precision_batches_working(kind):
    """`GridSearchCV` passes numpy numbers, which are not weakly typed."""
    T = make_rows(21, n=200)
    labels = labels_for(kind, 21, T, 3)
    design = prepare_design(T, np.ones(len(T)), "float32")
    weights = np.ones((3, len(T)))
    penalty = np.float64(0.7)
    if kind == "ridge":
        found = [fit_ridge(design, labels, a, weights) for a in (penalty, 0.7)]
    else:
        n_classes = int(labels.max()) + 1
        found = [
            fit_logistic(design, labels, n_classes, c, weights, tolerance=1e-5)
            for c in (penalty, 0.7)
        ]
    assert found[0].converged.all()
    np.testing.assert_allclose(found[0].coef, found[1].coef, atol=2e-4)


@pytest.mark.parametrize(("condition", "solved"), [(10.0, True), (1e16, False)])
def test_conjugate_gradients_say_where_they_fail(condition, solved):
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.standard_normal((60, 60)))[0]
    gram = (rotation * np.geomspace(1.0, condition, 60)) @ rotation.T
    right_side = rng.normal([[3.0], [40.0]], [[1.0], [9.0]], (1, 2, 60))
    found, done = _conjugate_gradients(lambda B: B @ gram, right_side, np.ones(60))
    assert (done == solved).all()
    right = np.allclose(found @ gram, right_side, rtol=1e-8)
    assert right == solved
