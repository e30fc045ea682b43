"""Rows that are read from their file: right, hashed, and never from a changed file."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._backend.file_rows import (
    FileArray,
    FileChangedError,
    FileSource,
    FileState,
    memory_map,
    read_rows,
    take_rows,
)
from sklearn_wsca.datasets import make_shortcut
from sklearn_wsca.io import load_embeddings, load_feature_maps

RNG = np.random.default_rng(3)
X = RNG.normal(size=(50, 7)) * np.geomspace(0.1, 50, 7) + np.arange(7)
ROWS = [slice(None), slice(3, 20), slice(44, 80), slice(1, 50, 7), slice(7, 7)]


def sha(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("rows", ROWS, ids=str)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<i2"])
def test_rows_are_those_of_the_map(tmp_path, rows, order, dtype):
    stored = np.asarray(X, dtype=dtype, order=order)
    np.save(tmp_path / "X.npy", stored)
    for mapped in (
        load_embeddings(tmp_path / "X.npy"),
        np.load(tmp_path / "X.npy", mmap_mode="r"),
        np.load(tmp_path / "X.npy", mmap_mode="c"),
        stored,
    ):
        np.testing.assert_array_equal(read_rows(mapped, rows), stored[rows])


def test_slices_of_a_map_are_maps_without_a_file_of_their_own(tmp_path):
    np.save(tmp_path / "X.npy", X)
    mapped = load_embeddings(tmp_path / "X.npy")
    assert isinstance(mapped, FileArray) and mapped.source is not None
    part = mapped[5:]
    assert part.source is None and memory_map(part) is memory_map(mapped)
    np.testing.assert_array_equal(read_rows(part, slice(1, 4)), X[6:9])
    assert memory_map(X) is None


@pytest.mark.parametrize("order", ["C", "F"])
def test_maps_of_more_dimensions(tmp_path, order):
    maps = np.asarray(RNG.normal(size=(9, 3, 4, 5)), order=order)
    np.save(tmp_path / "maps.npy", maps)
    mapped = load_feature_maps(tmp_path / "maps.npy")
    np.testing.assert_array_equal(read_rows(mapped, slice(2, 7)), maps[2:7])


def test_mask_takes_rows_block_by_block(tmp_path):
    np.save(tmp_path / "X.npy", X)
    mask = np.arange(50) % 3 == 1
    taken = take_rows(load_embeddings(tmp_path / "X.npy"), mask, 8)
    np.testing.assert_array_equal(taken, X[mask])


@pytest.mark.parametrize("rows", [[], [(0, 9), (9, 50)], [(9, 30), (0, 50)], [(0, 5)]])
def test_hash_is_that_of_the_file_however_it_was_read(tmp_path, rows):
    file = tmp_path / "X.npy"
    np.save(file, X)
    mapped = load_embeddings(file)
    for start, stop in rows:
        read_rows(mapped, slice(start, stop))
    assert mapped.source.digest() == sha(file)
    assert FileSource(file, file).digest() == sha(file)


def test_hash_is_made_in_the_pass_that_reads(tmp_path, monkeypatch):
    file = tmp_path / "X.npy"
    np.save(file, X)
    mapped = load_embeddings(file)
    read_rows(mapped, slice(0, 20))
    read_rows(mapped, slice(20, 50))
    places = []
    read = FileSource.read
    monkeypatch.setattr(
        FileSource, "read", lambda self, some: places.extend(some) or read(self, some)
    )
    assert mapped.source.digest() == sha(file)
    assert places == []


@pytest.mark.skipif(sys.platform != "linux", reason="nobody else tells")
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("rename", [Path.unlink, lambda file: replace(file)])
def test_a_map_is_read_where_its_file_has_lost_its_name(tmp_path, rename, order):
    """A plain map: it holds what it did, whatever has the name by now."""
    np.save(tmp_path / "X.npy", np.asarray(X, order=order))
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    rename(tmp_path / "X.npy")
    np.testing.assert_array_equal(read_rows(mapped, slice(3, 20)), X[3:20])


def shrink(file):
    with file.open("r+b") as stream:
        stream.truncate(200)


def overwrite(file):
    with file.open("r+b") as stream:
        stream.seek(-8, 2)
        stream.write(bytes(8))


def replace(file):
    other = file.with_name("other.npy")
    np.save(other, X + 1)
    other.replace(file)


@pytest.mark.parametrize("change", [shrink, overwrite, replace, lambda f: f.unlink()])
def test_changed_file_is_refused(tmp_path, change):
    file = tmp_path / "X.npy"
    np.save(file, X)
    mapped = load_embeddings(file)
    state = FileState.of(file)
    assert state == mapped.source.state
    change(file)
    for use in (lambda: read_rows(mapped, slice(9)), mapped.source.digest):
        with pytest.raises(FileChangedError) as caught:
            use()
        assert str(caught.value).startswith(f"{file}: has changed while it was in use")
        assert str(caught.value).isprintable()


def test_shrunk_file_ends_no_process(tmp_path):
    """A page of a map beyond the end of its file would end the process by a signal."""
    study = make_shortcut(n_samples=600, n_features=16, random_state=0)
    np.save(tmp_path / "X.npy", study.data)
    code = f"""if True:
        import numpy as np, sys
        from sklearn_wsca import WeightSpaceCorrelation
        from sklearn_wsca.datasets import make_shortcut
        study = make_shortcut(n_samples=600, n_features=16, random_state=0)
        file = {str(tmp_path / "X.npy")!r}
        X = np.load(file, mmap_mode="r")
        part = X[2:]
        open(file, "r+b").truncate(1000)
        for given, y in ((X, study.metadata), (part, study.metadata[2:])):
            try:
                WeightSpaceCorrelation("target", n_permutations=0).fit(given, y)
            except ValueError as error:
                print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all(
        "has changed while it was in use: it is shorter" in line for line in lines
    )


def test_fit_of_a_map_is_that_of_the_array(tmp_path):
    study = make_shortcut(n_samples=200, n_features=8, random_state=0)
    np.save(tmp_path / "X.npy", study.data)
    fits = [
        WeightSpaceCorrelation(
            "target", target_head=study.head, n_permutations=59, random_state=0
        ).fit(given, study.metadata)
        for given in (study.data, load_embeddings(tmp_path / "X.npy"))
    ]
    first, second = (
        fit.summary_.select_dtypes("number").to_numpy(float, na_value=np.nan)
        for fit in fits
    )
    np.testing.assert_allclose(first, second, rtol=1e-6)
