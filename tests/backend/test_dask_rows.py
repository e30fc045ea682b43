"""Rows of dask arrays: what comes of them is what comes of the rows in memory."""

import os
from functools import partial

import joblib
import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import MetadataEraser, WeightSpaceCorrelation
from sklearn_wsca._backend.dask_rows import is_dask
from sklearn_wsca._heads.head import Head, all_outputs
from sklearn_wsca._input.embeddings import Embeddings
from sklearn_wsca._linear.subspace import fit_subspace
from tests.reference import make_study
from tests.study_changes import assert_same_results

dask_array = pytest.importorskip("dask.array")

N, D = 500, 12
GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(N, D)) * np.geomspace(0.01, 100.0, D) + 1e3
WEIGHTS = GENERATOR.uniform(0.5, 2.0, N)
# Several sizes, one of them of a single row, and columns in pieces too.
ROWS = (1, 149, 200, 150)
CHUNKED = [
    pytest.param((ROWS, (D,)), id="rows"),
    pytest.param((ROWS, (5, D - 5)), id="rows and columns"),
    pytest.param(((N,), (D,)), id="one chunk"),
]


def keep(array, kept=None, order=None):
    rows = Embeddings(array)
    rows = rows if kept is None else rows.keep(kept)
    return rows if order is None else rows.take(order)


def moments(block, weights):
    return weights @ block, (block * weights[:, None]).T @ block


def describe(block, labels):
    return block[:, :2] * 2.0, labels + block[:, 0]


@pytest.mark.parametrize("chunks", CHUNKED)
@pytest.mark.parametrize("some", [False, True], ids=["all rows", "some rows"])
class TestEmbeddings:
    """Sums and results by row, of all rows or of some in another order."""

    def rows(self, chunks, some):
        kept = order = None
        if some:
            kept = np.arange(N) % 3 > 0
            # No row of the first chunk and of a part of the second one counts.
            kept[:60] = False
            order = GENERATOR.permutation(kept.sum())
        own = X if kept is None else X[kept]
        own = own if order is None else own[order]
        return keep(dask_array.from_array(X, chunks), kept, order), own

    def test_sums(self, chunks, some):
        rows, own = self.rows(chunks, some)
        weights = WEIGHTS[: len(own)]
        total, products = rows.total(moments, weights)
        np.testing.assert_allclose(total, weights @ own, rtol=1e-12)
        expected = (own * weights[:, None]).T @ own
        np.testing.assert_allclose(products, expected, rtol=1e-12)
        assert abs(products).min() > 1.0

    def test_results_by_row(self, chunks, some):
        rows, own = self.rows(chunks, some)
        doubled, added = np.empty((len(own), 2)), np.empty(len(own))
        for at, found in rows.each(describe, np.arange(len(own))):
            doubled[at], added[at] = found
        np.testing.assert_array_equal(doubled, 2.0 * own[:, :2])
        np.testing.assert_array_equal(added, own[:, 0] + np.arange(len(own)))

    def test_subspace_and_coordinates(self, chunks, some):
        rows, own = self.rows(chunks, some)
        weights = WEIGHTS[: len(own)]
        found = fit_subspace(rows, weights, 0.9999, 3)
        expected = fit_subspace(own, weights, 0.9999, 3)
        np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-12)
        np.testing.assert_allclose(found.variance, expected.variance, rtol=1e-9)
        for part, other in zip(
            found.coordinates(rows), expected.coordinates(own), strict=True
        ):
            np.testing.assert_allclose(part, other, rtol=1e-6, atol=1e-9)

    def test_outputs(self, chunks, some):
        rows, own = self.rows(chunks, some)
        head = Head(GENERATOR.normal(size=(3, D)), np.array([1.0, 2.0, 3.0]))
        expected = own @ head.coef.T + head.intercept
        np.testing.assert_allclose(all_outputs(rows, [head]), expected, rtol=1e-10)

    def test_features(self, chunks, some):
        rows, own = self.rows(chunks, some)
        np.testing.assert_array_equal(rows.features([7, 2]), own[:, [7, 2]])


def test_only_arrays_of_dask_are():
    assert is_dask(dask_array.ones((2, 2)))
    assert not is_dask(np.ones((2, 2)))


@pytest.mark.parametrize("kept", [slice(4500, None), slice(5100, 5110)])
def test_rows_without_weight_may_come_first(kept):
    """More of them than are read in one block."""
    Z = np.random.default_rng(1).normal(size=(6000, 4)) + 3.0
    mask = np.zeros(len(Z), dtype=bool)
    mask[kept] = True
    weights = np.ones(mask.sum())
    expected = fit_subspace(Z[mask], weights, None, 0)
    for array in (Z, dask_array.from_array(Z, (1000, 4))):
        found = fit_subspace(Embeddings(array, mask), weights, None, 0)
        np.testing.assert_allclose(found.mean, expected.mean)
        np.testing.assert_allclose(found.variance, expected.variance)


def test_bad_values_are_told_with_their_rows():
    Z = X.copy()
    Z[160, 3] = np.nan
    rows = Embeddings(dask_array.from_array(Z, (ROWS, (D,))))
    with pytest.raises(ValueError, match=r"contain NaN: 1 .* 150 to 349 \(rows 160"):
        rows.total(moments, WEIGHTS)


def test_an_unknown_number_of_rows_is_refused():
    some = dask_array.from_array(X, (ROWS, (D,)))
    some = some[some[:, 0] > -np.inf]
    table = {"site": list("ab") * (N // 2)}
    analysis = WeightSpaceCorrelation(target_head=np.ones(D), n_permutations=0)
    with pytest.raises(ValueError, match=r"call X\.compute_chunk_sizes\(\) first"):
        analysis.fit(some, pd.DataFrame(table))


def make_chunk(X, here, block_info=None):
    """Rows of a chunk, which no other process than a worker may have."""
    assert os.getpid() != here
    (first, last), _ = block_info[None]["array-location"]
    return X[first:last]


@pytest.fixture
def fetched(cluster, monkeypatch):
    """Shapes of all arrays that the client fetches."""
    shapes = []
    gather = type(cluster).gather

    def recording(self, futures, *arguments, **options):
        found = gather(self, futures, *arguments, **options)
        shapes.extend(shapes_in(found))
        return found

    monkeypatch.setattr(type(cluster), "gather", recording)
    return shapes


def shapes_in(found):
    if isinstance(found, dict):
        found = list(found.values())
    if isinstance(found, list | tuple):
        return [shape for part in found for shape in shapes_in(part)]
    return [getattr(found, "shape", ())]


def test_rows_on_workers_are_never_fetched(cluster, fetched):
    """Means, covariance and coordinates are; and a few rows that are looked at."""
    Z, table = make_study(3, n=3000, d=40)
    lazy = dask_array.map_blocks(
        partial(make_chunk, Z, os.getpid()),
        chunks=((700, 1600, 700), (40,)),
        dtype=Z.dtype,
    )
    settings = {"n_components": 6, "n_permutations": 39, "significance": 0.2}
    analysis = WeightSpaceCorrelation("disease", random_state=0, **settings)
    with joblib.parallel_config(backend="dask"):
        found = analysis.fit(lazy, table)
        outputs = found.transform(lazy)
        audited = found.audit(lazy, table)
    wide = [shape for shape in fetched if len(shape) == 2 and shape[1] == 40]
    assert (40, 40) in wide and any(shape[1:] == (6,) for shape in fetched)
    assert sum(rows for rows, _ in wide) < 0.5 * len(Z)
    expected = WeightSpaceCorrelation("disease", random_state=0, **settings)
    expected.fit(Z, table)
    assert_same_results(expected, found)
    np.testing.assert_allclose(outputs, expected.transform(Z), atol=1e-6)
    pvalues = [name for name in audited if "value" in name]
    assert audited[pvalues].equals(expected.audit(Z, table)[pvalues])


def test_columns_are_erased_from_rows_on_workers(cluster, fetched):
    Z, table = make_study(3, n=900, d=20)
    table = table[["disease", "site"]]
    lazy = dask_array.from_array(Z, (300, 20))
    found = MetadataEraser(["site"], target="disease").fit(lazy, table)
    assert sum(s[0] for s in fetched if len(s) == 2 and s[1] == 20) < len(Z)
    expected = MetadataEraser(["site"], target="disease").fit(Z, table).transform(Z)
    np.testing.assert_allclose(found.transform(Z), expected, atol=1e-8)
    assert abs(expected - Z).max() > 0.1
