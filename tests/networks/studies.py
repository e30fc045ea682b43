"""Several networks on the same rows, and analyses of them."""

import numpy as np

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca.datasets import make_shortcut


def make_networks(n_networks=3, n=200):
    """Embeddings and heads of networks that use the scanner more and more.

    Each has another number of features, of unequal scale and mean.
    """
    study = make_shortcut(n, 8, use=0.5, encoding=2.0, random_state=0)
    rng = np.random.default_rng(1)
    coef, intercept = study.head
    networks = []
    for seed in range(n_networks):
        d = 8 + seed
        turn = np.linalg.qr(rng.standard_normal((d, d)))[0][:8]
        scale, mean = rng.uniform(0.2, 5.0, d), rng.normal(3.0, 5.0, d)
        X = (study.data @ turn) * scale + mean
        own = coef + 0.1 * seed * rng.standard_normal(coef.shape)
        weight = own @ turn / scale
        networks.append((X, (weight, intercept - weight @ mean)))
    return networks, study.metadata


def analyse(X, table, head, **options):
    options = {"n_permutations": 59, "random_state": 0, **options}
    return WeightSpaceCorrelation("target", target_head=head, **options).fit(X, table)
