"""Shares of features in a utilization: exact, and found where they were planted."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca.datasets import make_shortcut


def simulate(seed, n=400, d=12):
    """Scanner moves features 2 (which the head reads) and 5 (which it does not)."""
    rng = np.random.default_rng(seed)
    target, scanner = rng.integers(0, 2, n), rng.integers(0, 3, n)
    X = rng.normal(size=(n, d)) * np.geomspace(0.5, 20, d) + np.arange(d)
    X[:, 0] += 3.0 * target
    X[:, 2] += 4.0 * (scanner == 1)
    X[:, 5] += 9.0 * (scanner == 2)
    coef = np.zeros(d)
    coef[[0, 2, 7]] = 1.0, 1.0, 0.1
    metadata = pd.DataFrame(
        {
            "target": target.astype(str),
            "scanner": np.array(list("ABC"))[scanner],
            "patient": np.arange(n) // 2,
        }
    )
    return X, metadata, coef


def fit(X, metadata, head, **parameters):
    return WeightSpaceCorrelation(
        "target", target_head=head, n_permutations=0, **parameters
    ).fit(X, metadata)


@pytest.mark.parametrize("seed", range(3))
def test_planted_features_are_found(seed):
    X, metadata, coef = simulate(seed)
    analysis = fit(X, metadata, coef, columns=["scanner"])
    found = analysis.utilization_by_feature(X, metadata, "scanner")
    assert found["share"].idxmax() == 2 and found["share"][2] > 0.9
    # The scanner moves feature 5 most, for its scale, but the head does not read it.
    assert found["share"][5] == 0.0
    assert found["displacement"][5] > found["displacement"][[1, 3, 4]].max()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "parameters", [{}, {"groups": "patient"}, {"confounders": ["age"]}], ids=str
)
def test_parts_are_those_of_the_raw_utilization(seed, parameters):
    data = make_shortcut(300, 16, use=0.5, random_state=seed)
    metadata = data.metadata.assign(patient=np.arange(300) // 3)
    coef, X = np.ravel(data.head[0]), np.asarray(data.data)

    def squared_effects(head):
        raw = fit(X, metadata, head, **parameters).utilization_raw_["scanner"]
        return raw**2 * np.var(X @ head)

    analysis = fit(X, metadata, coef, **parameters)
    found = analysis.utilization_by_feature(X, metadata, "scanner")
    assert found["share"].sum() == pytest.approx(1.0)
    whole = squared_effects(coef)
    for c in found["share"].nlargest(3).index:
        alone = np.where(np.arange(16) == c, coef, 0.0)
        assert found["displacement"][c] == pytest.approx(
            np.sqrt(squared_effects(alone)) / abs(coef[c])
        )
        # Effects are linear in the head, so their squared lengths tell the products.
        product = whole + squared_effects(alone) - squared_effects(coef - alone)
        assert found["share"][c] == pytest.approx(product / (2 * whole))


def test_many_outputs_and_missing_values():
    X, metadata, _ = simulate(0)
    rng = np.random.default_rng(1)
    head = rng.normal(size=(2, X.shape[1])) + 3.0
    metadata.loc[::7, "scanner"] = None
    analysis = fit(X, metadata, head, columns=["scanner"])
    found = analysis.utilization_by_feature(X, metadata, "scanner")
    assert found["share"].sum() == pytest.approx(1.0)
    # A vector that all rows share changes nothing.
    shifted = fit(X, metadata, head + rng.normal(size=X.shape[1]), columns=["scanner"])
    again = shifted.utilization_by_feature(X, metadata, "scanner")
    np.testing.assert_allclose(again["share"], found["share"], atol=1e-9)


def test_invariant_to_rows_and_units():
    X, metadata, coef = simulate(2)
    found = fit(X, metadata, coef).utilization_by_feature(X, metadata, "scanner")
    order = np.random.default_rng(0).permutation(len(X))
    scale = np.geomspace(0.01, 100, X.shape[1])
    scaled, rows = X[order] * scale, metadata.iloc[order].reset_index(drop=True)
    again = fit(scaled, rows, coef / scale).utilization_by_feature(
        scaled, rows, "scanner"
    )
    np.testing.assert_allclose(again["share"], found["share"], atol=1e-8)
    np.testing.assert_allclose(
        again["displacement"], found["displacement"] * scale, rtol=1e-6
    )


def test_names_of_features_are_kept():
    X, metadata, coef = simulate(0)
    frame = pd.DataFrame(X).add_prefix("channel ")
    found = fit(frame, metadata, coef).utilization_by_feature(
        frame, metadata, "scanner"
    )
    assert found["share"].idxmax() == "channel 2"


def test_bad_input_is_named():
    X, metadata, coef = simulate(0)
    analysis = fit(X, metadata, coef)
    with pytest.raises(ValueError, match=r"column: 'site' was not analysed in fit"):
        analysis.utilization_by_feature(X, metadata, "site")
    constant = metadata.assign(scanner="A")
    with pytest.raises(ValueError, match=r"column: 'scanner' cannot be tested"):
        analysis.utilization_by_feature(X, constant, "scanner")
    without = WeightSpaceCorrelation(target_head=coef, n_permutations=0)
    without.fit(X, metadata[["scanner"]])
    with pytest.raises(ValueError, match=r"without a target; name it in target"):
        without.utilization_by_feature(X, metadata, "scanner")
