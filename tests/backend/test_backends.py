"""The same results on every number of workers, back end and batch size."""

import joblib
import numpy as np
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._alignment import null as alignment_null
from sklearn_wsca._backend.jobs import JobRunner
from sklearn_wsca._encoding import null as null_module
from sklearn_wsca._linear import solvers as solvers_module
from tests.no_context import NoContext
from tests.reference import make_study
from tests.study_changes import assert_same_results


def make_data(n=150):
    X, table = make_study(3, n=n)
    table.loc[5:25, "site"] = None
    return X, table


def fit(X, table, **options):
    settings = {"n_permutations": 59, "random_state": 5, "significance": 0.2}
    return WeightSpaceCorrelation("disease", **settings | options).fit(X, table)


def assert_same(found, expected):
    assert_same_results(expected, found)
    np.testing.assert_allclose(found.correlation_, expected.correlation_, atol=1e-6)
    assert expected.null_distribution_.std().min() > 1e-3


@pytest.fixture(scope="module")
def data():
    return make_data()


@pytest.fixture(scope="module")
def expected(data):
    return fit(*data), fit(*data, adjust_for_target=True)


@pytest.mark.parametrize("adjust", [False, True])
@pytest.mark.parametrize("backend", ["threading", "loky", "multiprocessing"])
def test_back_ends_agree(backend, adjust, data, expected):
    with joblib.parallel_config(backend=backend, n_jobs=2):
        found = fit(*data, adjust_for_target=adjust)
    assert_same(found, expected[adjust])


@pytest.mark.parametrize("n_jobs", [1, 2, 3, 16, -1])
def test_numbers_of_workers_agree(n_jobs, data, expected):
    assert_same(fit(*data, n_jobs=n_jobs), expected[0])


@pytest.fixture
def set_batch_sizes(monkeypatch):
    def set_all(size):
        monkeypatch.setattr(alignment_null, "PERMUTATIONS_PER_BATCH", size)
        monkeypatch.setattr(null_module, "FOLD_PERMUTATIONS_PER_BATCH", size)
        monkeypatch.setattr(solvers_module, "OUTPUTS_PER_BATCH", size)
        monkeypatch.setattr(null_module, "OUTPUTS_PER_BATCH", size)

    return set_all


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("adjust", [False, True])
def test_batch_sizes_agree(size, adjust, data, expected, set_batch_sizes):
    set_batch_sizes(size)
    assert_same(fit(*data, adjust_for_target=adjust), expected[adjust])


@pytest.mark.parametrize("size", [3, 1000])
def test_batch_sizes_agree_in_single_precision(size, set_batch_sizes):
    X, table = make_data(2400)
    settings = {"n_permutations": 19, "significance": 0.5}
    expected = fit(X, table, **settings)
    set_batch_sizes(size)
    assert_same(fit(X, table, **settings), expected)


@pytest.mark.parametrize("adjust", [False, True])
def test_dask_agrees(cluster, adjust, data, expected):
    with joblib.parallel_config(backend="dask"):
        found = fit(*data, adjust_for_target=adjust)
    assert_same(found, expected[adjust])


def test_dask_workers_are_sent_the_rows_once(cluster, monkeypatch):
    """`Client.scatter` carries the rows, to all workers; tasks only what differs."""
    X, table = make_study(3, n=3000)
    sent = []
    scatter = type(cluster).scatter

    def recording(self, data, **options):
        shapes = [getattr(part, "shape", None) for part in [data, *data]]
        sent.append((shapes, options.get("broadcast", False)))
        return scatter(self, data, **options)

    monkeypatch.setattr(type(cluster), "scatter", recording)
    with joblib.parallel_config(backend="dask"):
        found = fit(X, table, n_permutations=399)
    shape = (len(X), found.n_components_)
    assert [broadcast for shapes, broadcast in sent if shape in shapes] == [True]


def test_tensors_are_not_sent_to_workers():
    torch = pytest.importorskip("torch")
    runner = JobRunner(None, NoContext(), 8, torch.zeros((3, 2)))
    assert runner.n_workers == 1
