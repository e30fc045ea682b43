"""Embeddings with metadata that they show, and weights."""

import numpy as np

from tests.reference import make_study

SHAPES = {"n > d": (300, 12), "n < d": (40, 90)}
COLUMNS = ["site", "age"]


def study(seed, shape, weighted=False):
    X, table = make_study(seed, *shape, shared=1.5)
    weights = np.ones(len(X))
    if weighted:
        weights = np.random.default_rng([seed, 3]).uniform(0.1, 4.0, len(X))
    return X, table, weights
