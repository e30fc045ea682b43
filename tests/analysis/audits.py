"""Rows to fit on and rows to audit, with known use."""

import numpy as np
import pandas as pd

from sklearn_wsca import WeightSpaceCorrelation

D = 6
HEAD = np.eye(1, D), np.zeros(1)
UTILIZATION = ["utilization", "utilization_low", "utilization_high"]


def make_rows(seed, n=200, *, moved=1.0):
    """Scanner and dose are encoded and used, view is encoded, batch is neither."""
    rng = np.random.default_rng(seed)
    disease, scanner, view = rng.integers(0, 2, n), rng.integers(0, 3, n), rng.random(n)
    dose = rng.normal(size=n)
    X = rng.normal(size=(n, D))
    X[:, 0] += disease + moved * ((scanner == 1) + 0.5 * dose)
    X[:, 1] += 3.0 * (view < 0.5)
    table = pd.DataFrame(
        {
            "disease": np.array(["healthy", "ill"])[disease],
            "scanner": np.array(["S", "T", "U"])[scanner],
            "dose": 3.0 + 0.1 * dose,
            "view": np.where(view < 0.5, "left", "right"),
            "batch": rng.choice(["a", "b"], n),
        }
    )
    return X, table


def fit(X, table, **options):
    settings = {"target": "disease", "target_head": HEAD, "n_permutations": 99}
    model = WeightSpaceCorrelation(**settings | {"random_state": 0} | options)
    return model.fit(X, table)


def assert_named_and_not_analysed(found, name, reason):
    assert found.index.tolist() == ["scanner", "dose", "view", "batch", name]
    assert found.loc[name, "verdict"] == "untestable"
    assert found.loc[name, "note"] == f"left out: not analysed in fit ({reason})"
