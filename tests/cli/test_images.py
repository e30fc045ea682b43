"""Images under maps: arrays, folders of pictures, and what does not fit."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._cli._errors import InputError
from sklearn_wsca._cli._images import find_images
from tests.cli.test_features import simulate
from tests.command_runs import run

imsave = pytest.importorskip("matplotlib.image").imsave
N = 6


@pytest.fixture
def folder(tmp_path):
    """Pictures whose upper left value tells their row, named in another order."""
    (tmp_path / "pictures").mkdir()
    for row, name in enumerate(NAMES):
        picture = np.zeros((4, 5, 3))
        picture[0, 0] = row / N
        imsave(tmp_path / "pictures" / name, picture)
    (tmp_path / "pictures" / "notes.txt").write_text("no picture")
    return tmp_path


NAMES = [f"image {k}.png" for k in (3, 1, 5, 0, 4, 2)]
TABLE = pd.DataFrame({"site": list("ababab"), "file": NAMES})


@pytest.mark.parametrize("as_named", [str, lambda n: n[:-4], lambda n: f"/data/{n}"])
def test_pictures_are_matched_by_the_column_that_names_them(folder, as_named, capsys):
    table = TABLE.assign(file=TABLE["file"].map(as_named))
    found = find_images(folder / "pictures", table, None)
    assert found.names == [name[:-4] for name in NAMES]
    taken = found.take(np.array([0, 2, 5]))
    assert taken.shape == (3, 4, 5, 3)
    np.testing.assert_allclose(taken[:, 0, 0, 0], np.array([0, 2, 5]) / N, atol=0.01)
    assert capsys.readouterr().err == ""


def test_several_columns_that_name_files_are_told_apart(folder, capsys):
    """As where masks lie in the folder too."""
    pictures = folder / "pictures"
    for name in NAMES:
        imsave(pictures / f"mask of {name}", np.ones((4, 5, 3)))
    masks = pd.Series([f"mask of {name}" for name in NAMES])
    both = pd.DataFrame({"mask": masks, "file": NAMES, "copy": NAMES})
    with pytest.raises(InputError, match=r"'mask', 'file', 'copy' .* --image-column"):
        find_images(pictures, both, None)
    for column in ("file", "copy"):
        found = find_images(pictures, both, None, column)
        assert found.names == [name[:-4] for name in NAMES]
    same = find_images(pictures, both[["file", "copy"]], None)
    assert same.names == found.names and capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("column", "path", "message"),
    [
        ("site", "pictures", r"no file of one name 'a', 'b', 'a' and 3 more, of 6 in"),
        ("sight", "pictures", "METADATA has no column 'sight'"),
        ("file", "images.npy", "pass the folder in --images"),
        ("file", None, "pass the folder in --images"),
    ],
)
def test_a_column_that_cannot_name_the_images(folder, column, path, message):
    np.save(folder / "images.npy", np.zeros((N, 4, 5)))
    path = None if path is None else folder / path
    with pytest.raises(InputError, match=rf"^--image-column.*{message}"):
        find_images(path, TABLE, None, column)


def test_a_name_that_two_files_have_names_neither(folder):
    pictures = folder / "pictures"
    imsave(pictures / NAMES[0].replace("png", "jpg"), np.zeros((4, 5, 3)))
    stems = TABLE.assign(file=[name[:-4] for name in NAMES])
    with pytest.raises(InputError, match="has 7 images for 6 samples"):
        find_images(pictures, stems, None)
    assert find_images(pictures, TABLE, None).source[0].suffix == ".png"


def test_without_such_a_column_the_order_is_said(folder, capsys):
    found = find_images(folder / "pictures", TABLE[["site"]], None)
    assert found.names == [f"image {k}" for k in range(N)]
    assert "in the order of their names" in capsys.readouterr().err


def test_arrays_have_one_image_for_each_sample(tmp_path):
    images = np.random.default_rng(0).random((N, 4, 5))
    np.save(tmp_path / "images.npy", images)
    found = find_images(tmp_path / "images.npy", TABLE, None)
    assert found.names[5] == "row 5"
    np.testing.assert_array_equal(found.take(np.array([1, 5])), images[[1, 5]])
    with pytest.raises(InputError, match=r"has 6 images for 5 samples; pass one"):
        find_images(tmp_path / "images.npy", TABLE[:5], None)
    assert find_images(None, TABLE, None) is None


def test_pictures_that_cannot_be_drawn(folder):
    pictures = folder / "pictures"
    imsave(pictures / NAMES[1], np.zeros((2, 2, 3)))
    with pytest.raises(InputError, match="have the shapes"):
        find_images(pictures, TABLE, None).take(np.arange(3))
    (pictures / NAMES[0]).write_bytes(b"\x89PNG nothing")
    with pytest.raises(InputError, match=r"image 3\.png' cannot be read as a picture"):
        find_images(pictures, TABLE, None).take(np.arange(1))


def test_volumes_are_matched_too(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    values = np.random.default_rng(0).normal(3.0, 2.0, (N, 4, 5, 6)).astype(np.float32)
    names = [name.replace("png", "nii.gz") for name in NAMES]
    for name, volume in zip(names, values, strict=True):
        nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / name)
    found = find_images(tmp_path, TABLE.assign(file=names), None)
    assert found.names == [name[:-4] for name in NAMES]
    rows = np.array([0, 2, 5])
    np.testing.assert_array_equal(found.take(rows), values[rows])
    found.check(rows, 3)
    turned = nibabel.Nifti1Image(values[2], np.diag([-1.0, 1.0, 1.0, 1.0]))
    nibabel.save(turned, tmp_path / names[2])
    with pytest.raises(InputError, match="has the orientation LAS"):
        found.take(rows)
    with pytest.raises(InputError, match=r"--images: they have the shape \(1, 4, 5, 6"):
        found.check(rows[:1], 2)


def test_volumes_that_hold_several(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    series = nibabel.Nifti1Image(np.ones((4, 5, 3, 7), np.float32), np.eye(4))
    nibabel.save(series, tmp_path / "scan.nii")
    found = find_images(tmp_path, pd.DataFrame({"file": ["scan"]}), None)
    with pytest.raises(InputError, match=r"scan\.nii' holds 7 volumes; save the one"):
        found.take(np.array([0]))


def test_maps_are_drawn_over_them(tmp_path):
    maps, table, (weights, bias) = simulate(0, n=40)
    np.save(tmp_path / "maps.npy", maps)
    np.save(tmp_path / "images.npy", np.kron(maps.mean(axis=1), np.ones((4, 4))))
    np.save(tmp_path / "small.npy", maps.mean(axis=(1, 2)))
    np.savez(tmp_path / "head.npz", weight=weights, bias=bias)
    table.drop(columns="patient").to_csv(tmp_path / "table.csv", index=False)
    command = ["features", tmp_path / "maps.npy", tmp_path / "table.csv"]
    command += ["--target", "label", "--head", tmp_path / "head.npz", "--quiet"]
    command += ["--permutations", "99", "--out", tmp_path / "out"]
    plain = run(*command)
    without = (tmp_path / "out" / "maps.png").read_bytes()
    run(*command, "--images", tmp_path / "images.npy")
    assert (tmp_path / "out" / "maps.png").read_bytes() != without
    assert "no effect: " in " ".join(plain.stdout.split())
    refused = run(*command, "--images", tmp_path / "small.npy", code=2)
    assert "--images: they have the shape" in refused.stderr
