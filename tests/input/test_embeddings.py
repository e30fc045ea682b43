"""Embeddings that are read in row blocks: memory maps and sliceable arrays."""

import mmap
from dataclasses import replace
from threading import Barrier

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import Head, WeightSpaceCorrelation
from sklearn_wsca._input import embeddings as embeddings_module
from sklearn_wsca._input.embeddings import Embeddings, is_lazy
from sklearn_wsca._linear import design as design_module
from tests.study_changes import assert_same_results

N, D = 90, 12
LEVELS = ["A", "B", "C"]


def make_rows(dtype=np.float32):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, D)) * np.geomspace(5.0, 0.3, D) - 7.0
    table = pd.DataFrame(
        {
            "disease": rng.choice(["no", "yes"], N),
            "site": rng.choice(LEVELS, N),
            "age": rng.normal(60.0, 12.0, N),
        }
    )
    X[:, 1] += table["disease"] == "yes"
    return X.astype(dtype), table


def memory_map(X, folder):
    np.save(folder / "X.npy", X)
    return np.load(folder / "X.npy", mmap_mode="r")


def hdf5(X, folder):
    h5py = pytest.importorskip("h5py")
    # Left open: the file is read during the test, and closed with its last handle.
    return h5py.File(folder / "X.h5", "w").create_dataset("X", data=X)


def zarr_array(X, folder):
    zarr = pytest.importorskip("zarr")
    return zarr.array(X, chunks=(20, D))


def dask_array(X, folder):
    array = pytest.importorskip("dask.array")
    return array.from_array(X, chunks=(20, D))


KINDS = [memory_map, hdf5, zarr_array, dask_array]


class Recording:
    """An array on a disk that remembers how often each row was read, and how many."""

    def __init__(self, X):
        self.X, self.shape, self.dtype = X, X.shape, X.dtype
        self.reads, self.largest = np.zeros(len(X), dtype=int), 0

    def __getitem__(self, rows):
        block = self.X[rows]
        self.reads[rows] += 1
        self.largest = max(self.largest, len(block))
        return block


def analysis(**options):
    return WeightSpaceCorrelation(
        "disease", n_permutations=39, random_state=0, min_components=4, **options
    )


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(embeddings_module, "MOST_ROWS_PER_BLOCK", 16)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("make", KINDS)
def test_lazy_arrays_give_the_same_as_arrays_in_memory(make, weighted, tmp_path):
    X, table = make_rows()
    weights = np.random.default_rng(1).integers(0, 3, N) if weighted else None
    lazy = make(X, tmp_path)
    assert is_lazy(lazy)
    expected = analysis(metric="score").fit(X, table, weights)
    found = analysis(metric="score").fit(lazy, table, weights)
    pd.testing.assert_frame_equal(found.summary_, expected.summary_)
    assert found.summary_["alignment_score"].between(0.01, 0.99).all()
    # Sums over chunks of dask come in another order.
    np.testing.assert_allclose(
        found.transform(lazy), expected.transform(X), rtol=1e-9, atol=1e-11
    )
    assert found.score(lazy, table) == pytest.approx(expected.score(X, table), rel=1e-9)
    assert found.n_features_in_ == D


@pytest.mark.parametrize("dtype", [np.float16, np.int32, np.float64])
def test_maps_of_other_element_types(dtype, tmp_path):
    X, table = make_rows()
    X = np.round(8 * X).astype(dtype)
    found = analysis().fit(memory_map(X, tmp_path), table)
    expected = analysis().fit(X.astype(np.float64), table)
    pd.testing.assert_frame_equal(found.summary_, expected.summary_)


@pytest.mark.parametrize("size", [1, 7, N])
def test_block_sizes_make_no_difference(size, monkeypatch, tmp_path):
    X, table = make_rows()
    table.loc[3:20, "site"] = None
    expected = analysis(adjust_for_target=True).fit(X, table)
    monkeypatch.setattr(embeddings_module, "MOST_ROWS_PER_BLOCK", size)
    monkeypatch.setattr(design_module, "FEWEST_ROWS_PER_BLOCK", size)
    monkeypatch.setattr(design_module, "MOST_ROWS_PER_BLOCK", size)
    found = analysis(adjust_for_target=True).fit(memory_map(X, tmp_path), table)
    assert_same_results(expected, found)
    np.testing.assert_allclose(found.correlation_, expected.correlation_, atol=1e-6)
    np.testing.assert_allclose(found.transform(X), expected.transform(X), atol=1e-6)


@pytest.mark.parametrize("make", [np.asarray, memory_map])
@pytest.mark.parametrize("n_workers", [2, 3, 100])
def test_blocks_at_the_same_time_give_the_same_numbers(
    make, n_workers, monkeypatch, tmp_path
):
    monkeypatch.setattr(embeddings_module, "ELEMENTS_PER_BLOCK", 8 * D)
    X = make_rows()[0]
    array = make(X) if make is np.asarray else make(X, tmp_path)
    kept, weights = np.arange(N) % 5 > 0, np.arange(N, dtype=float)
    one = Embeddings(array).keep(kept).take(np.random.default_rng(0).permutation(72))
    several = replace(one, n_workers=n_workers)

    def both(block, weights):
        return weights @ block, block.T @ block

    for found, expected in zip(
        several.total(both, weights[kept]), one.total(both, weights[kept]), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    squares = [np.empty(72), np.empty(72)]
    for values, embeddings in zip(squares, (one, several), strict=True):
        for rows, (own,) in embeddings.each(lambda block: ((block**2).sum(axis=1),)):
            values[rows] = own
    np.testing.assert_array_equal(*squares)


@pytest.mark.parametrize(
    ("n", "wanted", "sizes"),
    [
        (50, 1, [20, 20, 10]),
        (50, 4, [13, 13, 13, 11]),
        (12, 4, [5, 5, 2]),
        (200, 4, [20] * 10),
    ],
)
def test_blocks_are_as_many_as_are_wanted_but_not_too_small(
    n, wanted, sizes, monkeypatch
):
    monkeypatch.setattr(embeddings_module, "MOST_ROWS_PER_BLOCK", 20)
    monkeypatch.setattr(embeddings_module, "FEWEST_ROWS_PER_BLOCK", 5)
    X = np.arange(2.0 * n).reshape(n, 2)
    found = [block for _, block in Embeddings(X).blocks(wanted)]
    assert [len(block) for block in found] == sizes
    np.testing.assert_array_equal(np.vstack(found), X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_that_is_handed_out_again_does_no_harm(dtype):
    X = make_rows()[0].astype(dtype)

    class Reusing(Recording):
        memory = np.empty((16, D), dtype)

        def __getitem__(self, rows):
            block = super().__getitem__(rows)
            self.memory[: len(block)] = block
            return self.memory[: len(block)]

    (sums,) = Embeddings(Reusing(X), n_workers=2).total(
        lambda block: (block.T @ block,)
    )
    (expected,) = Embeddings(X).total(lambda block: (block.T @ block,))
    np.testing.assert_array_equal(sums, expected)


def test_threads_work_on_several_blocks_at_the_same_time(monkeypatch):
    monkeypatch.setattr(embeddings_module, "ELEMENTS_PER_BLOCK", 15 * D)
    together = Barrier(3, timeout=60.0)

    def wait(block):
        together.wait()
        return (block.sum(axis=0),)

    X = make_rows()[0]
    (sums,) = Embeddings(X, n_workers=3).total(wait)
    np.testing.assert_allclose(sums, X.sum(axis=0, dtype=float))


@pytest.mark.parametrize("shape", [(N, D), (N, 2 * N)])
def test_rows_are_read_in_blocks_and_in_few_passes(shape):
    """Mean and covariance, projection, outputs; for d > n mean, pairs, directions.

    And a sample of the rows, and a point among the first ones.
    """
    X = np.random.default_rng(2).standard_normal(shape)
    table = make_rows()[1]
    recording = Recording(X)
    fitted = analysis().fit(recording, table)
    assert recording.largest == 16
    most = 4 if shape[1] <= N else 5 + 2 * -(-N // 16)
    assert recording.reads.min() >= 1 and recording.reads[16:].max() <= most
    assert recording.reads.max() <= most + 1
    recording.reads[:] = 0
    fitted.transform(recording)
    assert (recording.reads == 1).all()


def test_a_trained_head_is_applied_in_a_pass_that_is_made_anyway(tmp_path):
    """Mean and covariance, then coordinates and outputs; and a sample, and a point."""
    X, table = make_rows()
    table = table[["site", "disease"]]
    rng = np.random.default_rng(3)
    head = Head(rng.standard_normal((2, D)), [3.0, -1.0], classes=["no", "yes"])
    options = {"target_head": head, "n_permutations": 19, "check_head": False}
    recording = Recording(X.astype(np.float64))
    found = WeightSpaceCorrelation("disease", **options, random_state=0)
    found.fit(recording, table)
    sampled = len(Embeddings(Recording(recording.X)).sample()[0])
    assert recording.reads.sum() == 2 * N + sampled + recording.largest
    # With a memory the coordinates may be there, so the head has a pass of its own.
    other = WeightSpaceCorrelation(
        "disease", **options, random_state=0, memory=str(tmp_path)
    ).fit(X, table)
    pd.testing.assert_frame_equal(found.effects_, other.effects_)
    assert found.head_performance_ == other.head_performance_


def test_wide_blocks_are_bounded_by_their_elements(monkeypatch):
    monkeypatch.setattr(embeddings_module, "ELEMENTS_PER_BLOCK", 50)
    assert {s.stop - s.start for s in embeddings_module.row_blocks(20, 10)} == {5}
    assert {s.stop - s.start for s in embeddings_module.row_blocks(20, 1000)} == {1}


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_bad_values_on_disk_are_located(value, tmp_path):
    X, table = make_rows()
    X[[40, 43], 2] = value
    what = "NaN" if np.isnan(value) else "infinity"
    lazy = memory_map(X, tmp_path)
    with pytest.raises(ValueError, match=rf"{what}: 2 .*\(rows 40, 43, counted"):
        analysis().fit(lazy, table)
    fitted = analysis().fit(make_rows()[0], table)
    with pytest.raises(ValueError, match="rows 40, 43"):
        fitted.transform(lazy)


@pytest.mark.parametrize("kind", ["O", "U3", "complex64"])
def test_element_types_that_are_no_numbers(kind):
    class Foreign(Recording):
        pass

    X = Foreign(np.zeros((5, 3)))
    X.dtype = np.dtype(kind)
    with pytest.raises(ValueError, match="X: the embeddings have the element type"):
        analysis().fit(X, make_rows()[1][:5])


def on_memory_without_a_file(X, path):
    pages = mmap.mmap(-1, X.nbytes, flags=mmap.MAP_PRIVATE)
    array = np.ndarray(X.shape, X.dtype, buffer=pages)
    array[:] = X
    return array


@pytest.mark.parametrize(
    "make",
    [
        lambda X, path: np.load(path, mmap_mode="c"),
        lambda X, path: np.asarray(np.load(path, mmap_mode="c")),
        lambda X, path: np.load(path, mmap_mode="c")[:].view(np.ndarray)[:],
        on_memory_without_a_file,
    ],
    ids=["map", "array of a map", "part of an array of a map", "no file"],
)
def test_changes_in_a_map_that_no_file_holds_are_kept(make, tmp_path):
    X, table = make_rows()
    np.save(tmp_path / "X.npy", X)
    changed = make(X, tmp_path / "X.npy")
    changed[5] += 3.0
    before = np.array(changed)
    found = analysis().fit(changed, table)
    np.testing.assert_array_equal(changed, before)
    np.testing.assert_array_equal(found.mean_, analysis().fit(before, table).mean_)


def test_rows_of_a_slice_of_a_map(tmp_path):
    X, table = make_rows()
    part = memory_map(X, tmp_path)[10:80]
    assert is_lazy(part)
    found = analysis().fit(part, table[10:80].reset_index(drop=True))
    expected = analysis().fit(X[10:80], table[10:80].reset_index(drop=True))
    pd.testing.assert_frame_equal(found.summary_, expected.summary_)


@pytest.mark.parametrize("other", [[[1.0, 2.0]], pd.DataFrame({"a": [1.0]}), "text"])
def test_lists_tables_and_text_are_not_lazy(other):
    assert not is_lazy(other)
    assert not is_lazy(np.zeros((3, 2)))


def test_kept_rows_are_numbered_without_gaps():
    X = make_rows()[0]
    kept = np.arange(N) % 3 > 0
    embeddings = Embeddings(X).keep(kept)
    assert len(embeddings) == kept.sum()
    read = np.vstack([block for _, block in embeddings.blocks()])
    np.testing.assert_array_equal(read, X[kept])
    stops = [rows.stop for rows, _ in embeddings.blocks()]
    assert stops[-1] == len(embeddings)
