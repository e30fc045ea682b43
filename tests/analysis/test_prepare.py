"""From checked input to rows in canonical order on the principal subspace."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._analysis.prepare import NothingLeftError
from tests.prepared_studies import prepare_study
from tests.reference import balancing_weights, make_study, principal_directions

N = 80


def make_weighted(seed):
    X, table = make_study(seed, n=N)
    weights = np.random.default_rng(seed).integers(0, 4, N).astype(float)
    return X, table, weights


@pytest.mark.parametrize("n_components", [0.9, 3, None])
@pytest.mark.parametrize("seed", range(3))
def test_coordinates_are_principal_and_rise_in_length(seed, n_components):
    X, table, weights = make_weighted(seed)
    options = {"n_components": n_components, "min_components": 2}
    given, _, rows = prepare_study(X, table, weights, **options)
    used = weights > 0
    principal = principal_directions(X[used], weights[used], n_components, 2)
    expected = principal.coordinates(X[given.positions])
    # Directions have no sign of their own.
    signs = np.sign(np.sum(expected * rows.T, axis=0))
    np.testing.assert_allclose(rows.T * signs, expected, atol=1e-9)
    lengths = np.sum(expected**2, axis=1)
    assert (np.diff(lengths) > 0).all()
    np.testing.assert_array_equal(np.sort(given.positions), np.flatnonzero(used))


@pytest.mark.parametrize("seed", range(3))
def test_table_weights_groups_and_labels_come_in_the_order_of_the_coordinates(seed):
    X, table, weights = make_weighted(seed)
    table = table.assign(patient=np.arange(N) // 3)
    options = {"groups": "patient", "confounders": ["age"]}
    given, tasks, rows = prepare_study(X, table, weights, **options)
    at = given.positions
    pd.testing.assert_frame_equal(given.table, table.iloc[at])
    np.testing.assert_array_equal(rows.weights, weights[at])
    np.testing.assert_array_equal(given.weights, weights[at])
    patients = pd.factorize(table["patient"].iloc[at])[0]
    np.testing.assert_array_equal(given.roles.groups.codes, patients)
    np.testing.assert_array_equal(given.roles.confounders[0].labels, table["age"][at])
    np.testing.assert_array_equal(tasks.columns["dose"].labels, table["dose"][at])
    levels = np.array(tasks.target.levels)
    np.testing.assert_array_equal(levels[tasks.target.labels], table["disease"][at])
    assert tasks.primary.units().scheme == "between and within groups"
    np.testing.assert_array_equal(tasks.primary.units().clusters, patients)


@pytest.mark.parametrize("equal", ["nothing", "embeddings", "embeddings and table"])
@pytest.mark.parametrize("seed", range(3))
def test_the_order_does_not_depend_on_the_order_of_the_input(seed, equal):
    """Nor where embeddings are equal: then the table decides, and then the weights."""
    X, table, _ = make_weighted(seed)
    weights, first = np.random.default_rng(seed).uniform(0.5, 2.0, N), np.arange(N)
    if equal != "nothing":
        X = X[first % (N // 2)]
    if equal == "embeddings and table":
        table = table.iloc[first % (N // 2)].reset_index(drop=True)
    order = np.random.default_rng(seed).permutation(N)
    expected, _, rows = prepare_study(X, table, weights)
    found, _, other = prepare_study(X[order], table.iloc[order], weights[order])
    pd.testing.assert_frame_equal(
        found.table.reset_index(drop=True), expected.table.reset_index(drop=True)
    )
    np.testing.assert_allclose(other.T, rows.T, atol=1e-9)
    np.testing.assert_array_equal(order[found.positions], expected.positions)


@pytest.mark.parametrize("adjust_for_target", [False, True])
def test_labels_are_balanced_where_that_is_asked_for(adjust_for_target):
    X, table, weights = make_weighted(1)
    options = {"columns": ["site"], "adjust_for_target": adjust_for_target}
    given, tasks, _ = prepare_study(X, table, weights, **options)
    balance = tasks.metadata[0].balance
    if not adjust_for_target:
        assert balance is None
        return
    cells, strata = (pd.factorize(given.table[n])[0] for n in ("site", "disease"))
    expected = balancing_weights(cells, strata, given.weights)
    np.testing.assert_allclose(balance.weights(balance.cells[None])[0], expected)


@pytest.mark.parametrize(("n", "dtype"), [(1999, np.float64), (2000, np.float32)])
def test_many_rows_are_held_in_single_precision(n, dtype):
    X, table = make_study(0, n=n)
    _, _, rows = prepare_study(X, table, columns=["sex"])
    assert rows.T.dtype == dtype
    assert rows.T.shape == (n, 8)


def test_every_reason_is_given_where_nothing_is_left():
    X, table, _ = make_weighted(0)
    table = table[["disease"]].assign(empty=np.nan, vendor="one")
    with pytest.raises(NothingLeftError) as caught:
        prepare_study(X, table)
    assert str(caught.value) == (
        "y: all columns are left out, nothing to analyse. 'empty': observed in 0 of 80 "
        "rows, fewer than the 2 that are needed; 'vendor': constant: all 80 observed "
        "rows are 'one'."
    )
