"""Feature maps from files."""

import numpy as np
import pytest

from sklearn_wsca.io import FileError, load_feature_maps


def some_maps(shape=(6, 4, 3, 5)):
    return np.random.default_rng(0).normal(2.0, 3.0, shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(6, 4), (6, 4, 9), (6, 4, 3, 5), (6, 4, 2, 3, 5)])
def test_npy_stays_on_disk(tmp_path, shape):
    np.save(tmp_path / "maps.npy", some_maps(shape))
    maps = load_feature_maps(tmp_path / "maps.npy")
    assert isinstance(maps, np.memmap)
    np.testing.assert_array_equal(maps, some_maps(shape))


def test_archives_by_name(tmp_path):
    file = tmp_path / "maps.npz"
    np.savez(file, train=some_maps(), test=some_maps()[:2], labels=np.arange(6))
    np.testing.assert_array_equal(load_feature_maps(file, key="test"), some_maps()[:2])
    with pytest.raises(FileError, match=r"2 of its arrays may be feature maps.*key"):
        load_feature_maps(file)


def test_tensors(tmp_path):
    torch = pytest.importorskip("torch")
    safetensors = pytest.importorskip("safetensors.torch")
    tensor = torch.from_numpy(some_maps())
    torch.save(tensor, tmp_path / "maps.pt")
    safetensors.save_file({"maps": tensor}, tmp_path / "maps.safetensors")
    for name in ("maps.pt", "maps.safetensors"):
        np.testing.assert_array_equal(load_feature_maps(tmp_path / name), some_maps())


def test_archive_without_maps(tmp_path):
    np.savez(tmp_path / "maps.npz", labels=np.arange(6), empty=np.ones((0, 4, 3)))
    expected = (
        r"maps\.npz: none of its arrays can be feature maps; it holds 'empty' "
        r"\(0, 4, 3\), 'labels' \(6,\): save real numbers of shape \(n_samples, "
        r"n_features, \*spatial\) with up to three spatial dimensions\.$"
    )
    with pytest.raises(FileError, match=expected):
        load_feature_maps(tmp_path / "maps.npz")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.arange(5.0), r"shape \(5,\)"),
        (np.ones((2, 2, 2, 2, 2, 2)), "up to three spatial dimensions"),
        (np.ones((0, 4, 3)), r"shape \(0, 4, 3\)"),
        (np.ones((4, 3), dtype=complex), "type complex128"),
        (np.array([["a", "b"]]), "save real numbers"),
    ],
)
def test_bad_arrays(tmp_path, array, message):
    np.save(tmp_path / "maps.npy", array)
    with pytest.raises(FileError, match=message):
        load_feature_maps(tmp_path / "maps.npy")


def test_pickled_arrays_are_refused(tmp_path):
    maps = np.array([[{"a": 1}]], dtype=object)
    np.save(tmp_path / "maps.npy", maps, allow_pickle=True)
    with pytest.raises(FileError, match="never read"):
        load_feature_maps(tmp_path / "maps.npy")


def test_key_of_a_single_array(tmp_path):
    np.save(tmp_path / "maps.npy", some_maps())
    with pytest.raises(FileError, match="leave out key"):
        load_feature_maps(tmp_path / "maps.npy", key="maps")
