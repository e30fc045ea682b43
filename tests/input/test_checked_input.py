"""Embeddings, table and weights that are checked together, and stay together."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._input.checked_input import check_embeddings, check_input
from sklearn_wsca._input.roles import RoleNames

N = 8
RNG = np.random.default_rng(0)
X = RNG.standard_normal((N, 3)) * [1.0, 20.0, 0.1] + [5.0, -70.0, 0.0]
TABLE = pd.DataFrame(
    {
        "age": RNG.normal(60.0, 9.0, N),
        "site": list("aabbabab"),
        "patient": list("ppqqrrss"),
    },
    index=pd.date_range("2024-01-01", periods=N),
)
WEIGHTS = np.array([1.0, 0.0, 2.5, 1.0, 0.0, 0.5, 1.0, 3.0])
USED = np.flatnonzero(WEIGHTS)


class Foreign:
    """An array that is read from where it is."""

    def __init__(self, X):
        self.X, self.shape, self.dtype, self.reads = X, X.shape, X.dtype, 0

    def __getitem__(self, rows):
        self.reads += 1
        return self.X[rows]


def check(X=X, y=TABLE, weights=None, reset=True, estimator=None):
    estimator = WeightSpaceCorrelation() if estimator is None else estimator
    return check_input(estimator, X, y, weights, reset)


def values_of(embeddings):
    values = np.empty((len(embeddings), embeddings.n_features))
    for rows, block in embeddings.blocks():
        values[rows] = block
    return values


def test_without_weights_every_row_counts_once():
    given = check()
    np.testing.assert_array_equal(values_of(given.X), X)
    np.testing.assert_array_equal(given.weights, np.ones(N))
    np.testing.assert_array_equal(given.positions, np.arange(N))
    pd.testing.assert_frame_equal(given.table, TABLE.reset_index(drop=True))
    assert given.n_given == N
    assert given.roles.groups is None and not given.roles.confounders


def test_a_number_is_the_weight_of_every_row():
    np.testing.assert_array_equal(check(weights=2.5).weights, np.full(N, 2.5))


def test_rows_of_weight_zero_are_absent_and_the_others_keep_their_position():
    given = check(weights=WEIGHTS)
    np.testing.assert_array_equal(given.positions, USED)
    np.testing.assert_array_equal(given.weights, WEIGHTS[USED])
    np.testing.assert_array_equal(values_of(given.X), X[USED])
    assert given.table["age"].tolist() == TABLE["age"].iloc[USED].tolist()
    assert (given.n_given, len(given.X)) == (N, len(USED))


@pytest.mark.parametrize("make", [np.float32, np.int32, "list", "frame", "lazy"])
def test_forms_of_the_embeddings(make):
    values = np.round(X)
    made = {
        "list": values.tolist(),
        "frame": pd.DataFrame(values, index=TABLE.index, columns=list("uvw")),
        "lazy": Foreign(values),
    }
    form = made[make] if isinstance(make, str) else values.astype(make)
    given = check(form, weights=WEIGHTS)
    np.testing.assert_array_equal(values_of(given.X), values[USED])
    assert given.X.n_features == 3


def test_tensors_are_cut_from_their_gradients():
    torch = pytest.importorskip("torch")
    given = check(torch.tensor(X, requires_grad=True))
    assert not given.X.array.requires_grad
    np.testing.assert_array_equal(values_of(given.X), X)


def test_lazy_arrays_are_counted_without_reading():
    lazy, estimator = Foreign(X), WeightSpaceCorrelation()
    check_embeddings(estimator, lazy, reset=True)
    assert (lazy.reads, estimator.n_features_in_) == (0, 3)
    with pytest.raises(ValueError, match="X has 2 features"):
        check(Foreign(X[:, :2]), reset=False, estimator=estimator)
    with pytest.raises(ValueError, match="X has 8 rows and y has 7 rows"):
        check(lazy, TABLE[1:])
    assert lazy.reads == 0


@pytest.mark.parametrize("seed", range(3))
def test_all_parts_are_reordered_together(seed):
    names = RoleNames(None, ["age"], "patient")
    given = check(weights=WEIGHTS).with_roles(names)
    order = np.random.default_rng(seed).permutation(len(USED))
    found = given.take(order)
    at = found.positions
    np.testing.assert_array_equal(at, USED[order])
    np.testing.assert_array_equal(found.weights, WEIGHTS[at])
    np.testing.assert_array_equal(values_of(found.X), X[at])
    assert found.table["site"].tolist() == TABLE["site"].iloc[at].tolist()
    (age,) = found.roles.confounders
    np.testing.assert_array_equal(age.labels, TABLE["age"].iloc[at])
    patients = pd.factorize(TABLE["patient"].iloc[at])[0]
    np.testing.assert_array_equal(found.roles.groups.codes, patients)
    pd.testing.assert_frame_equal(found.take(np.argsort(order)).table, given.table)


def test_a_fit_needs_two_rows_and_a_prediction_one():
    fitted = WeightSpaceCorrelation()
    check(estimator=fitted)
    single = np.eye(N)[3]
    message = "sample_weight: only 1 of 8 rows have a weight above 0; at least 2 must"
    with pytest.raises(ValueError, match=message):
        check(weights=single)
    found = check(weights=single, reset=False, estimator=fitted)
    assert found.positions.tolist() == [3]
    assert len(check(X[:1], TABLE[:1], None, False, fitted).X) == 1


@pytest.mark.parametrize("shape", [(1, 4), (5, 0)])
def test_lazy_arrays_of_a_shape_that_cannot_be_analysed(shape):
    with pytest.raises(ValueError, match=r"X: the embeddings have the shape \("):
        check(Foreign(np.zeros(shape)), TABLE[: shape[0]])
