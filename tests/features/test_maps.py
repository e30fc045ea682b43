"""Feature maps in row blocks: forms, element types, and what one pass tells."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from threadpoolctl import ThreadpoolController, threadpool_limits

from sklearn_wsca._features import maps as maps_module
from sklearn_wsca._features.maps import FeatureMaps, pool_maps, survey_maps
from tests.reference import loop_activation_maps, make_maps

SPATIAL = [(), (7,), (5, 4), (3, 4, 2)]


def memory_map(A, folder):
    np.save(folder / "A.npy", A)
    return np.load(folder / "A.npy", mmap_mode="r")


def hdf5(A, folder):
    h5py = pytest.importorskip("h5py")
    # Left open: the file is read during the test, and closed with its last handle.
    return h5py.File(folder / "A.h5", "w").create_dataset("A", data=A)


def zarr_array(A, folder):
    zarr = pytest.importorskip("zarr")
    return zarr.array(A, chunks=(20, *A.shape[1:]))


def channels_last(A, folder):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(A, 1, -1)), -1, 1)


def dask_array(A, folder):
    array = pytest.importorskip("dask.array")
    return array.from_array(A, chunks=(20, *A.shape[1:]))


KINDS = {
    "memory map": memory_map,
    "hdf5": hdf5,
    "zarr": zarr_array,
    "dask": dask_array,
    "tensor": lambda A, folder: pytest.importorskip("torch").from_numpy(A),
    "channels last": channels_last,
    "column order": lambda A, folder: np.asfortranarray(A),
    "nested list": lambda A, folder: A.tolist(),
    "other byte order": lambda A, folder: A.astype(A.dtype.newbyteorder()),
}


@pytest.fixture
def small_blocks(monkeypatch):
    """Several pieces, of several blocks each, of maps that are small."""
    monkeypatch.setattr(maps_module, "BYTES_PER_READ", 11_000)
    monkeypatch.setattr(maps_module, "BYTES_PER_BLOCK", 3000)


def survey(A, weights):
    return survey_maps(FeatureMaps.of(A), weights)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("spatial", SPATIAL)
def test_survey_is_what_loops_over_stored_maps_give(spatial, seed, small_blocks):
    A, _, weights, _ = make_maps(seed, spatial=spatial)
    found, maps = survey(A, weights), loop_activation_maps(A, weights)
    maps = maps.reshape(*maps.shape[:2], -1)
    assert_allclose(found.pooled, A.reshape(60, 6, -1).mean(axis=2), rtol=1e-13)
    assert_allclose(found.lowest, maps.min(axis=2), rtol=1e-11, atol=1e-12)
    assert_allclose(found.highest, maps.max(axis=2), rtol=1e-11, atol=1e-12)
    assert_allclose(found.map_means, maps.mean(axis=2), rtol=1e-11, atol=1e-12)
    assert (found.rounding > 0).all() and (found.rounding < 1e-12).all()


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_every_kind_of_array_gives_the_same(make, tmp_path, small_blocks):
    A, _, weights, _ = make_maps(1)
    expected = survey(A, weights)
    found = survey(make(A, tmp_path), weights)
    for name in ("pooled", "lowest", "highest", "map_means"):
        assert_array_equal(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize("kind", ["float16", "uint8", "int16", "bool", "int64", ">f4"])
def test_element_types_keep_their_values(kind):
    A, _, weights, _ = make_maps(2)
    stored = (A.mean() < A if kind == "bool" else 9.0 * A).astype(kind)
    found = survey(stored, weights)
    expected = survey(stored.astype(np.float64), weights)
    assert stored.astype(np.float64).std() > 0.1
    for name in ("pooled", "lowest", "highest", "map_means"):
        assert_allclose(
            getattr(found, name), getattr(expected, name), rtol=1e-5, atol=1e-4
        )


def test_a_sample_is_pooled_to_the_same_bits_in_whatever_batch(small_blocks):
    A = make_maps(3, n=70)[0].astype(np.float32)
    together = pool_maps(FeatureMaps.of(A))
    order = np.random.default_rng(0).permutation(70)
    assert_array_equal(pool_maps(FeatureMaps.of(A[order])), together[order])
    for i in (0, 1, 37, 69):
        alone = pool_maps(FeatureMaps.of(A[i : i + 1]))
        assert_array_equal(alone[0], together[i])


def test_the_number_of_threads_changes_nothing(small_blocks):
    A, _, weights, _ = make_maps(4)
    found = []
    for n in (1, 2):
        with threadpool_limits(n, user_api="blas"):
            found.append(survey(A, weights))
    assert_array_equal(found[0].pooled, found[1].pooled)
    assert_array_equal(found[0].lowest, found[1].lowest)


def test_blocks_and_pieces_cover_every_row_once(small_blocks):
    A = make_maps(5)[0]
    maps = FeatureMaps.of(A)
    blocks = [(rows, block.copy()) for rows, block in maps.blocks()]
    pieces = list(maps.pieces())
    assert 1 < len(pieces) < len(blocks) < 60
    assert_array_equal(np.concatenate([b for _, b in blocks]), A.reshape(60, 6, -1))
    assert_array_equal(np.concatenate([p for _, p in pieces]), A)
    assert [rows.start for rows, _ in blocks[1:]] == [r.stop for r, _ in blocks[:-1]]


def test_a_row_larger_than_a_block_is_read_whole(monkeypatch):
    monkeypatch.setattr(maps_module, "BYTES_PER_READ", 8)
    monkeypatch.setattr(maps_module, "BYTES_PER_BLOCK", 8)
    A, _, weights, _ = make_maps(6, n=7)
    assert_allclose(survey(A, weights).pooled, A.mean(axis=(2, 3)), rtol=1e-13)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_non_finite_maps_are_refused_with_their_rows(bad, dtype):
    A = make_maps(7)[0].astype(dtype)
    weights = np.ones((2, 6))
    A[[4, 17], 2, 3, 1] = bad
    A[17, 2, 0, 0] = -bad  # Both infinities in one map: their sum is NaN.
    with pytest.raises(ValueError, match=r"A: .* NaN or infinity in the rows 4, 17 "):
        survey(A, weights)
    with pytest.raises(ValueError, match=r"in the rows 4, 17 .*Drop these rows"):
        FeatureMaps.of(A).select(np.arange(6) == 2)


def test_many_non_finite_rows_are_cut_short_and_rows_of_later_pieces_are_counted(
    small_blocks,
):
    A = make_maps(8)[0]
    A[23:] = np.nan
    with pytest.raises(ValueError, match=r"rows 23, 24, 25, 26, 27, \.\.\. \("):
        pool_maps(FeatureMaps.of(A))


def test_maps_whose_sum_overflows_are_refused():
    A = np.full((3, 2, 4, 4), 3e38, dtype=np.float32)
    with pytest.raises(ValueError, match=r"A: .* so large that their sum .* rescale"):
        pool_maps(FeatureMaps.of(A))


@pytest.mark.parametrize(
    ("A", "found"),
    [
        (np.ones(5), r"shape \(5,\)"),
        (np.ones((2, 3, 1, 1, 1, 1)), r"shape \(2, 3, 1, 1, 1, 1\)"),
        (np.ones((4, 3, 0, 2)), r"shape \(4, 3, 0, 2\)"),
        (np.ones((0, 3, 2, 2)), r"shape \(0, 3, 2, 2\)"),
        (np.full((2, 3, 2), "a"), "element type <U1"),
        (np.ones((2, 3, 2), complex), "element type complex128"),
        (np.full((2, 3, 2), None), "element type object"),
        ([np.ones((3, 4, 4)), np.ones((3, 5, 4))], "differ in shape"),
    ],
)
def test_what_are_no_feature_maps_is_refused(A, found):
    with pytest.raises(ValueError, match=f"^A: .*{found}.*"):
        FeatureMaps.of(A)


@pytest.mark.parametrize("make", [memory_map, hdf5, zarr_array])
def test_selected_maps_keep_their_type(make, tmp_path, small_blocks):
    A = make_maps(9)[0].astype(np.float32)
    kept = np.array([True, False, False, True, False, True])
    selected = FeatureMaps.of(make(A, tmp_path)).select(kept)
    assert selected.dtype == np.float32
    assert_array_equal(selected, A[:, kept])


def test_a_memory_map_is_not_held_in_memory(tmp_path, monkeypatch):
    """Pages that were read are let go of after every piece."""
    released = []
    monkeypatch.setattr(maps_module, "BYTES_PER_READ", 11_000)
    monkeypatch.setattr(maps_module, "release_pages", released.append)
    mapped = memory_map(make_maps(10)[0], tmp_path)
    maps = FeatureMaps.of(mapped)
    survey_maps(maps, np.ones((2, 6)))
    assert len(released) == len(list(maps.pieces(fewest=2))) > 3
    assert all(array is mapped for array in released)


def test_libraries_with_different_numbers_of_threads():
    """Such as numpy's and scipy's, if a limit was set between their imports."""
    found = ThreadpoolController().select(user_api="blas").lib_controllers
    if len(found) < 2:
        pytest.skip("numpy and scipy share one library")
    before = [library.num_threads for library in found]
    A = np.random.default_rng(0).normal(3.0, 2.0, size=(20, 4, 5, 5))
    try:
        for n, library in enumerate(found, start=1):
            library.set_num_threads(n)
        pooled = pool_maps(FeatureMaps.of(A))
    finally:
        for n, library in zip(before, found, strict=True):
            library.set_num_threads(n)
    assert_allclose(pooled, A.mean(axis=(2, 3)))
