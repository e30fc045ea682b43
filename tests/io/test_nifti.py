"""Volumes of NIfTI: read without loss, refused where they differ, written in place."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_wsca.io import FileError, load_feature_maps, save_nifti_maps

nibabel = pytest.importorskip("nibabel")

# Oblique, left-handed, with unequal voxels.
AFFINE = np.array(
    [[-2.0, 0.1, 0.0, 90.0], [0.1, 3.0, 0.2, -120.0], [0.0, -0.2, 4.0, -70.0]]
)
AFFINE = np.vstack([AFFINE, [0, 0, 0, 1]])


def volume(seed=0, shape=(4, 5, 3, 2), dtype=np.float32):
    rng = np.random.default_rng(seed)
    return (100 + 30 * rng.normal(size=shape)).astype(dtype)


def save(path, values, affine=AFFINE):
    nibabel.save(nibabel.Nifti1Image(values, affine), path)
    return path


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.uint8])
def test_a_folder_is_read_by_names(tmp_path, suffix, dtype):
    values = [volume(seed, dtype=dtype) for seed in range(3)]
    for name, one in zip("cab", values, strict=True):
        save(tmp_path / f"{name}{suffix}", one)
    (tmp_path / ".hidden.nii").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("no volume")
    maps = load_feature_maps(tmp_path)
    assert maps.shape == (3, 2, 4, 5, 3) and maps.dtype == dtype
    for found, index in zip(maps, (1, 2, 0), strict=True):
        assert_array_equal(found, np.moveaxis(values[index], -1, 0))


def test_lists_keep_their_order_and_single_features_their_axis(tmp_path):
    values = [volume(seed, (4, 5, 3)) for seed in range(2)]
    files = [save(tmp_path / f"{k}.nii", one) for k, one in enumerate(values)]
    assert_array_equal(load_feature_maps(files[::-1])[:, 0], values[::-1])
    assert load_feature_maps(files[0]).shape == (1, 1, 4, 5, 3)


def test_scaled_integers(tmp_path):
    image = nibabel.Nifti1Image(volume(), AFFINE)
    image.set_data_dtype(np.int16)
    nibabel.save(image, tmp_path / "a.nii.gz")
    found = load_feature_maps(tmp_path / "a.nii.gz")[0]
    assert found.dtype == np.float64
    assert_allclose(found, np.moveaxis(volume(), -1, 0), atol=0.01)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"values": volume(shape=(4, 5, 3, 3))}, r"b\.nii: holds a volume of shape"),
        ({"affine": np.diag([2.0, 3, 4, 1])}, "orientation RAS, and .*a.nii LAS"),
        ({"values": volume(shape=(4, 5))}, r"shape \(4, 5\); save \(x, y, z\)"),
    ],
)
def test_samples_that_differ(tmp_path, other, message):
    save(tmp_path / "a.nii", volume())
    save(tmp_path / "b.nii", **({"values": volume()} | other))
    with pytest.raises(FileError, match=message):
        load_feature_maps(tmp_path)


def test_bad_files(tmp_path):
    whole = save(tmp_path / "a.nii", volume()).read_bytes()
    cut = tmp_path / "cut.nii"
    cut.write_bytes(whole[:-50])
    with pytest.raises(FileError, match=r"cut\.nii: cannot be read as NIfTI file"):
        load_feature_maps(cut)
    cut.write_bytes(b"no header" * 100)
    with pytest.raises(FileError, match=r"cut\.nii: cannot be read as NIfTI file"):
        load_feature_maps(cut)
    with pytest.raises(FileError, match="key='x': a volume holds one array"):
        load_feature_maps(tmp_path / "a.nii", key="x")
    with pytest.raises(FileError, match="limit"):
        load_feature_maps(tmp_path / "a.nii", max_size="500B")
    with pytest.raises(FileError, match=r"a\.npy: is no volume"):
        (tmp_path / "a.npy").write_bytes(b"x")
        load_feature_maps([tmp_path / "a.npy"])
    with pytest.raises(ValueError, match="path: an empty list"):
        load_feature_maps([])


@pytest.mark.parametrize("shape", [(8, 6, 4), (4, 6, 2), (3, 2, 4)])
def test_maps_lie_over_their_images(tmp_path, shape):
    """The box of the map is that of the image: its eight corners, and its middle."""
    images = [save(tmp_path / f"{k}.nii.gz", volume(k, (8, 6, 4))) for k in range(2)]
    maps = np.random.default_rng(0).random((2, *shape))
    files = save_nifti_maps(maps, images, tmp_path / "new" / "maps")
    assert [file.name for file in files] == ["0_map.nii.gz", "1_map.nii.gz"]
    for file, one in zip(files, maps, strict=True):
        found = nibabel.load(file)
        assert_array_equal(found.get_fdata(), one.astype(np.float32))
        assert found.get_data_dtype() == np.float32
        for corner in [*np.ndindex(2, 2, 2), (0.5, 0.5, 0.5)]:
            places = [
                affine[:3, :3] @ (np.array(corner) * n - 0.5) + affine[:3, 3]
                for affine, n in ((AFFINE, (8, 6, 4)), (found.affine, shape))
            ]
            assert_allclose(*places, atol=1e-4)
    assert_array_equal(load_feature_maps(files)[:, 0], maps.astype(np.float32))


def test_the_kind_of_coordinates_is_kept(tmp_path):
    image = nibabel.Nifti1Image(volume(), AFFINE)
    image.set_sform(AFFINE, code=4)
    image.header.set_xyzt_units("mm", "sec")
    nibabel.save(image, tmp_path / "a.nii")
    (file,) = save_nifti_maps(np.ones((1, 4, 5, 3)), [tmp_path / "a.nii"], tmp_path)
    found = nibabel.load(file)
    assert found.get_sform(coded=True)[1] == 4
    assert found.header.get_xyzt_units()[0] == "mm"
    # A second run replaces the file, and the image is as it was.
    save_nifti_maps(np.zeros((1, 4, 5, 3)), [tmp_path / "a.nii"], tmp_path)
    assert not nibabel.load(file).get_fdata().any()
    assert_array_equal(nibabel.load(tmp_path / "a.nii").get_fdata(), volume())


def test_bad_maps_and_images(tmp_path):
    file = save(tmp_path / "a.nii", volume())
    flat = save(tmp_path / "flat.nii", volume(shape=(4, 5)))
    (tmp_path / "other").mkdir()
    twin = save(tmp_path / "other" / "a.nii.gz", volume())
    maps = np.ones((1, 4, 5, 3))
    for given, images, message in [
        (maps[0], [file], r"maps: an array of shape \(4, 5, 3\)"),
        (maps, [file, file], "images: 2 for 1 maps"),
        (maps * np.nan, [file], "maps: 1 of 1 hold NaN .* number 0"),
        (np.ones((2, 4, 5, 3)), [file, twin], "second image named 'a'"),
        (maps, [flat], "is no volume"),
        (maps, [tmp_path / "none.nii"], "there is no such file"),
    ]:
        with pytest.raises(ValueError, match=message):
            save_nifti_maps(given, images, tmp_path / "out")
    assert not (tmp_path / "out").exists()
