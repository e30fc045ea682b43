"""The same engine on numpy arrays and on torch tensors."""

import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._backend.namespace import (
    array_namespace,
    cast,
    is_tensor,
    precision_of,
    send_parts,
    to_numpy,
    to_same_device,
)
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._linear import logistic as logistic_module
from sklearn_wsca._linear import solvers as solvers_module
from sklearn_wsca._linear.design import prepare_design
from sklearn_wsca._linear.solvers import (
    Permuted,
    fit_logistic,
    fit_logistic_columns,
    fit_ridge,
)
from sklearn_wsca._linear.subspace import fit_subspace
from sklearn_wsca._permutation.exchangeability import exchange_units
from sklearn_wsca._permutation.plan import PermutationPlan
from tests.columns import column_of
from tests.reference import make_study

torch = pytest.importorskip("torch")

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.fixture(params=DEVICES)
def tensor(request):
    """Makes a tensor of a numpy array on each device that there is."""
    return lambda values: torch.tensor(values, device=request.param)


def make_rows(n=60, d=7):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, d)) * np.geomspace(4.0, 0.3, d) - 2.0


def test_arrays_go_there_and_back(tensor):
    values = make_rows().astype(np.float32)
    there = to_same_device(values, tensor(values), "float64")
    assert is_tensor(there) and not is_tensor(values)
    assert precision_of(there) == "float64"
    assert precision_of(cast(there, "float32")) == "float32"
    assert cast(values, "float32") is values
    np.testing.assert_array_equal(to_numpy(there), values)


def test_moving_a_read_only_array_leaves_it_alone(tensor):
    values = make_rows()
    values.flags.writeable = False
    there = to_same_device(values, tensor(np.zeros(1)))
    there += 1.0
    assert values[0, 0] != float(there[0, 0])


@dataclass(frozen=True)
class Inner:
    values: np.ndarray
    factor: float


@dataclass(frozen=True)
class Outer:
    codes: np.ndarray
    inner: Inner
    other: Inner | None


def test_a_dataclass_is_sent_with_the_arrays_of_its_parts(tensor):
    parts = Outer(np.arange(3), Inner(make_rows(), 2.0), None)
    assert send_parts(parts, np.zeros(1)) is parts
    there = send_parts(parts, tensor(np.zeros(1)))
    assert is_tensor(there.codes) and is_tensor(there.inner.values)
    np.testing.assert_array_equal(to_numpy(there.codes), parts.codes)
    np.testing.assert_array_equal(to_numpy(there.inner.values), parts.inner.values)
    assert (there.inner.factor, there.other) == (2.0, None)


def test_missing_extra_is_named(monkeypatch, tensor):
    monkeypatch.setitem(sys.modules, "array_api_compat.torch", None)
    with pytest.raises(ImportError, match=r"pip install '\.\[torch\]'"):
        array_namespace(tensor(np.zeros(2)))
    assert array_namespace(np.zeros(2)) is np


@pytest.mark.parametrize("shape", [(60, 7), (9, 30)])
def test_subspace_of_a_tensor(shape, tensor):
    X = make_rows(*shape)
    weights = np.random.default_rng(1).uniform(0.5, 2.0, len(X))
    expected = fit_subspace(X, weights, 0.95, 2)
    found = fit_subspace(tensor(X), weights, 0.95, 2)
    np.testing.assert_allclose(found.components, expected.components, atol=1e-10)
    np.testing.assert_allclose(found.variance, expected.variance)
    T, distance = found.coordinates(tensor(X), "float32")
    assert is_tensor(T) and T.dtype == torch.float32
    again, same_distance = expected.coordinates(X)
    np.testing.assert_allclose(to_numpy(T), again, atol=1e-5)
    np.testing.assert_allclose(distance, same_distance)


@pytest.mark.parametrize("per_problem", [False, True])
@pytest.mark.parametrize("kind", ["ridge", "binary", "softmax"])
def test_solvers_on_tensors(kind, per_problem, tensor):
    T, rng = make_rows(), np.random.default_rng(2)
    weights = rng.uniform(0.5, 2.0, (3, len(T))) if per_problem else None
    n_classes = 2 if kind == "binary" else 4
    codes = np.stack([rng.permutation(np.arange(len(T)) % n_classes) for _ in "abc"])

    def solve(rows):
        design = prepare_design(rows, np.ones(len(T)))
        if kind == "ridge":
            return fit_ridge(design, codes[:, None] * 30.0 - 400.0, 1.5, weights)
        return fit_logistic(design, codes, n_classes, 1.5, weights, tolerance=1e-10)

    found, expected = solve(tensor(T)), solve(T)
    assert found.converged.all() and is_tensor(found.coef)
    scale = np.abs(expected.coef).max()
    assert scale > 1e-2
    coef, intercept = map(to_numpy, (found.coef, found.intercept))
    np.testing.assert_allclose(coef, expected.coef, atol=1e-8 * scale)
    np.testing.assert_allclose(intercept, expected.intercept, atol=1e-6)


@pytest.mark.parametrize("per_problem", [False, True])
@pytest.mark.parametrize(("most", "many"), [(5, 64), (2**14, 64), (2**14, 3)])
def test_columns_that_share_a_batch_are_solved_as_if_alone(
    most, many, per_problem, tensor, monkeypatch
):
    """Also where the curvature of the largest is estimated."""
    monkeypatch.setattr(logistic_module, "MANY_CLASSES", many)
    monkeypatch.setattr(solvers_module, "OUTPUTS_PER_BATCH_OF_TENSORS", most)
    T, rng = make_rows(), np.random.default_rng(3)
    columns = []
    for n_classes in (4, 2, 3, 2):
        labels = np.arange(len(T)) % (n_classes + 1) % n_classes
        codes = np.stack([rng.permutation(labels) for _ in "abc"])
        weights = rng.uniform(0.5, 2.0, codes.shape) if per_problem else None
        columns.append(Permuted(codes, n_classes, weights))

    def solve(rows):
        design = prepare_design(rows, np.ones(len(T)))
        return fit_logistic_columns(design, columns, 1.5, 1e-10)

    for found, expected in zip(solve(tensor(T)), solve(T), strict=True):
        assert found.converged.all()
        coef, intercept = map(to_numpy, (found.coef, found.intercept))
        scale = np.abs(expected.coef).max()
        assert scale > 1e-2
        np.testing.assert_allclose(coef, expected.coef, atol=1e-8 * scale)
        np.testing.assert_allclose(intercept, expected.intercept, atol=1e-6)


@pytest.mark.parametrize("scheme", ["rows", "between", "within", "both"])
@pytest.mark.parametrize("strata", [False, True])
def test_permutations_are_those_of_the_host(scheme, strata, tensor):
    rng = np.random.default_rng(4)
    groups = np.sort(rng.integers(0, 24, 90))
    labels = rng.integers(0, 3, 90)
    if scheme == "between":
        labels = labels[groups]
    if scheme == "both":
        labels = np.where(rng.random(90) < 0.2, labels, labels[groups])
    if scheme == "within":
        labels = np.arange(90) % 3
    rows = np.sort(rng.permutation(100)[:90])
    codes = np.full(100, 23)
    codes[rows] = groups
    column = column_of(labels, "site", rows)
    known = None if scheme == "rows" else Groups("patient", codes)
    exchange = exchange_units(column, known)
    if strata:
        exchange = exchange.within(exchange.keys % 2 if scheme != "both" else None)
    plan = PermutationPlan(1, 5, 100)
    expected = exchange.sources(plan.orders(range(5)))
    found = exchange.sources(plan.orders(range(5), tensor(np.zeros(1))))
    assert is_tensor(found) and np.ptp(expected, axis=0).max() > 0
    np.testing.assert_array_equal(to_numpy(found), expected)


@pytest.mark.parametrize("n", [120, 2100])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"adjust_for_target": True, "metric": "score"},
        {"heads": "ridge", "metric": "pattern"},
        {"null": "sign_flip"},
        # Test folds of unequal length.
        {"groups": "patient", "confounders": ["age"]},
    ],
)
def test_estimator_on_a_tensor(options, n, tensor):
    """Double precision agrees to rounding, single to its own rounding."""
    X, table = make_study(4, n=n)
    table.loc[3:30, "site"] = None
    # One patient has a tenth of the rows, others two.
    table["patient"] = np.maximum(np.arange(n) - n // 10, 0) // 2
    analysis = WeightSpaceCorrelation(
        "disease", n_permutations=39, random_state=0, significance=0.2, **options
    )
    expected = analysis.fit(X, table)
    transformed, score = expected.transform(X), expected.score(X, table)
    summary, null = expected.summary_, expected.null_distribution_
    erasure = expected.erasure_
    found = analysis.fit(tensor(X), table)
    tolerance = 1e-9 if n < 2000 else 5e-6
    numbers = summary.select_dtypes("number").columns
    pd.testing.assert_frame_equal(
        found.summary_[numbers], summary[numbers], rtol=0, atol=tolerance
    )
    pd.testing.assert_frame_equal(
        found.null_distribution_, null, rtol=0, atol=tolerance
    )
    np.testing.assert_allclose(found.transform(tensor(X)), transformed, atol=1e-6)
    assert found.score(tensor(X), table) == pytest.approx(score, abs=1e-6)
    pd.testing.assert_frame_equal(found.erasure_, erasure, rtol=0, atol=tolerance)
    assert isinstance(found.components_, np.ndarray)


def test_array_api_dispatch_changes_nothing(tensor):
    X, table = make_study(4)
    analysis = WeightSpaceCorrelation("disease", n_permutations=19, random_state=0)
    analysis.set_params(significance=0.5)
    expected = analysis.fit(tensor(X), table).summary_
    try:
        with config_context(array_api_dispatch=True):
            found = analysis.fit(tensor(X), table).summary_
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"scikit-learn cannot dispatch here: {error}")
    pd.testing.assert_frame_equal(found, expected)


def test_bad_tensors_are_refused_like_arrays(tensor):
    X, table = make_study(4)
    analysis = WeightSpaceCorrelation("disease", n_permutations=0)
    with pytest.raises(ValueError, match="X: the embeddings contain NaN: 1 non-finite"):
        broken = X.copy()
        broken[7, 1] = np.nan
        analysis.fit(tensor(broken), table)
    with pytest.raises(ValueError, match=r"the element type torch\.complex"):
        analysis.fit(tensor(X + 0j), table)
    with pytest.raises(ValueError, match="have the shape"):
        analysis.fit(tensor(X[0]), table)
