"""Problems of the solvers: rows, labels, weights; the objective by its definition."""

import numpy as np


def make_rows(seed, n=90, k=6):
    """Coordinates with unequal scales and non-zero means."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, k)) * np.geomspace(3.0, 0.3, k) + rng.normal(
        1.0, 1.0, k
    )


def make_levels(seed, T, n_classes, strength=1.0):
    """Class codes that depend on the rows, every class at least three times."""
    rng = np.random.default_rng(seed)
    scores = strength * T @ rng.standard_normal((T.shape[1], n_classes))
    codes = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    codes[: 3 * n_classes] = np.tile(np.arange(n_classes), 3)
    return codes


def make_numbers(seed, T):
    """Two responses per problem with unequal scales and non-zero means."""
    rng = np.random.default_rng(seed)
    slopes = rng.standard_normal((2, T.shape[1]))
    values = slopes @ T.T + rng.standard_normal((2, len(T)))
    return values * np.array([[1.0], [30.0]]) + np.array([[5.0], [-400.0]])


def make_weights(seed, n):
    return np.random.default_rng(seed).uniform(0.2, 3.0, n)


def permutations_of(labels, p, seed=0):
    """The labels themselves, then p - 1 permutations of them, along the last axis."""
    rng = np.random.default_rng(seed)
    n = labels.shape[-1]
    sources = [np.arange(n)] + [rng.permutation(n) for _ in range(p - 1)]
    return np.stack([labels[..., source] for source in sources])


def logistic_objective(T, codes, coef, intercept, C, weights):
    """Penalised objective, from its definition."""
    scores = T @ coef.T + intercept
    if scores.shape[1] == 1:
        scores = np.hstack([np.zeros((len(T), 1)), scores])
    highest = scores.max(axis=1)
    normaliser = highest + np.log(np.exp(scores - highest[:, None]).sum(axis=1))
    loss = normaliser - scores[np.arange(len(T)), codes]
    return C * weights @ loss + np.sum(coef**2) / 2
