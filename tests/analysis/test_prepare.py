"""From checked input to rows in canonical order on the principal subspace."""

import numpy as np
import pandas as pd
import pytest
from joblib import Memory
from threadpoolctl import threadpool_limits

from sklearn_wsca._analysis import prepare
from sklearn_wsca._analysis.prepare import NothingLeftError
from sklearn_wsca._input import embeddings
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


# --- memory --------------------------------------------------------------------------


@pytest.fixture
def found(monkeypatch):
    """Names of the weights under which a subspace was really searched."""
    calls = []
    fit_subspace = prepare.fit_subspace

    def count(X, weights, *rule):
        calls.append((len(X), float(weights.sum()), *rule))
        return fit_subspace(X, weights, *rule)

    monkeypatch.setattr(prepare, "fit_subspace", count)
    return calls


@pytest.mark.parametrize("n", [80, 2100])
@pytest.mark.parametrize("kind", ["numpy", "memory map", "lazy", "torch", "read-only"])
def test_memory_gives_the_same_and_searches_once(kind, n, tmp_path, found):
    X, table = make_study(0, n=n)
    X = 40.0 * X + 7.0
    if kind in ("memory map", "lazy"):
        np.save(tmp_path / "X.npy", X)
        X = np.load(tmp_path / "X.npy", mmap_mode="r")
    if kind == "lazy":
        X = pytest.importorskip("dask.array").from_array(X, chunks=(50, -1))
    if kind == "torch":
        X = pytest.importorskip("torch").from_numpy(X)
    memory = tmp_path / "cache"
    if kind == "read-only":
        memory = Memory(memory, mmap_mode="r", verbose=0)
    plain = prepare_study(X, table)
    for _ in range(3):
        given, _, rows = prepare_study(X, table, memory=memory)
        assert type(rows.T) is type(plain[2].T)
        np.testing.assert_array_equal(rows.T, plain[2].T)
        np.testing.assert_array_equal(given.positions, plain[0].positions)
        for own, other in zip(
            vars(rows.subspace).values(), vars(plain[2].subspace).values(), strict=True
        ):
            np.testing.assert_array_equal(own, other)
    assert len(found) == 2


def test_memory_is_keyed_by_content(tmp_path, found):
    """An array that lies in a file may be another one although its name is the same."""
    X, table, weights = make_weighted(0)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r+")
    options = {"memory": str(tmp_path / "cache")}

    def fit(n_expected, X=mapped, weights=weights, **more):
        given, _, rows = prepare_study(X, table, weights, **options | more)
        assert len(found) == n_expected
        fresh = prepare_study(np.array(X), table, weights, **more)
        del found[-1]
        np.testing.assert_array_equal(rows.T, fresh[2].T)
        np.testing.assert_array_equal(given.positions, fresh[0].positions)

    fit(1)
    fit(1, np.array(X))
    mapped[3, 2] += 1e-9
    fit(2)
    fit(3, weights=weights + 1.0)
    fit(4, weights=weights[::-1])
    fit(5, n_components=3)
    fit(6, n_components=0.9, min_components=2)
    fit(6, n_components=3)
    mapped[3, 2] = X[3, 2]
    fit(6)


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


@pytest.mark.parametrize("n_threads", [1, 2])
def test_coordinates_are_the_same_for_every_number_of_workers(n_threads, monkeypatch):
    """To the last digit, however many threads the linear algebra has."""
    monkeypatch.setattr(embeddings, "ELEMENTS_PER_BLOCK", 8 * 30)
    X, table, weights = make_weighted(2)
    with threadpool_limits(n_threads, user_api="blas"):
        one, *others = (
            prepare_study(X, table, weights, n_jobs=n)[2] for n in (None, 1, 2, 3)
        )
    for rows in others:
        np.testing.assert_array_equal(rows.T, one.T)
        np.testing.assert_array_equal(rows.subspace.components, one.subspace.components)


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
