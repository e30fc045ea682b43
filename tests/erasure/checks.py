"""Small erasure checks, and the same erasure done slowly."""

from dataclasses import replace

import numpy as np
from scipy import linalg

from sklearn_wsca import Head
from sklearn_wsca._erasure.check import check_erasure, whitening
from sklearn_wsca._linear.subspace import fit_subspace
from tests.erasure.test_erasure import left_of_column, make_column, make_embeddings
from tests.erasure.test_erasure import weighted_covariance as covariance

N, K = 90, 7


def coordinates(X, head=None, precision="float64"):
    """Principal coordinates, and a head of the embeddings brought to them."""
    subspace = fit_subspace(X, np.ones(len(X)), None, 0)
    T, _ = subspace.coordinates(X, precision)
    if head is None:
        return T
    coef = subspace.project(head.coef) * subspace.scale
    intercept = head.intercept + head.coef @ subspace.mean
    return T, replace(head, coef=coef, intercept=intercept)


def make_head(kind="logistic", n_rows=3, seed=0):
    rng = np.random.default_rng([seed, 5])
    coef, intercept = rng.standard_normal((n_rows, K)), rng.standard_normal(n_rows)
    levels = None if kind == "number" else tuple(range(max(n_rows, 2)))
    return Head(coef, intercept, levels, "ridge" if kind == "number" else kind)


def make_folds(seed, n=N, n_folds=4):
    return np.random.default_rng([seed, 6]).permutation(n) % n_folds


def quick(T, head, column, seed=0, weights=None, **options):
    weights = np.ones(len(T)) if weights is None else weights
    settings = {"n_random": 19, "fold": make_folds(seed, len(T))} | options
    return check_erasure(
        T,
        head,
        column,
        settings.pop("fold"),
        weights,
        whitening(T, weights, settings.pop("shrinkage", "auto")),
        np.random.default_rng(seed),
        **settings,
    )


def erase_slowly(T, column, held, fold, weights, shrinkage):
    """Erased coordinates of every row, by a k x k map per fold."""
    variance = np.average(T**2, axis=0, weights=weights)
    shrunk = np.diag((1 - shrinkage) * variance + shrinkage * variance.mean())
    erased = T.copy()
    for label in set(fold.tolist()):
        training = np.where(fold == label, 0.0, weights)
        rows, left = left_of_column(column, held, training)
        cross = covariance(T[rows], left, training[rows])
        read = cross.T @ linalg.inv(shrunk)
        oblique = cross @ linalg.pinv(read @ cross, rtol=1e-9) @ read
        test = fold == label
        centred = T[test] - np.average(T, axis=0, weights=training)
        erased[test] -= centred @ oblique.T
    return erased


HEADS = [("logistic", 3), ("logistic", 1), ("ridge", 3), ("number", 1)]


def settings():
    """Coordinates, head and column, with the target as an option."""
    X, target = make_embeddings(0), make_column(9)
    T, head = coordinates(X - X.mean(axis=0), make_head())
    return T, head, make_column(1), {"target": target, "held": [target]}
