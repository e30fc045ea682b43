"""Arrays of numpy: every version and layout of the format, and what is left alone."""

import re
import resource

import numpy as np
import pytest

from sklearn_wsca._text import plural
from sklearn_wsca.io import (
    FileError,
    load_embeddings,
    load_feature_maps,
    load_head,
)
from tests.broken_files import arrays, npy_bytes, zipped

X = arrays()


def test_fortran_order_and_empty_cells_behind_it(tmp_path):
    np.save(tmp_path / "X.npy", np.asfortranarray(X))
    np.testing.assert_array_equal(load_embeddings(tmp_path / "X.npy"), X)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_versions_of_the_array_format(tmp_path, version):
    with (tmp_path / "X.npy").open("wb") as stream:
        np.lib.format.write_array(stream, X, version=version)
    read = load_embeddings(tmp_path / "X.npy")
    assert isinstance(read, np.memmap)
    np.testing.assert_array_equal(read, X)


def test_members_that_are_no_arrays_are_ignored(tmp_path):
    members = {"README.txt": b"X: embeddings", "X.npy": npy_bytes(X)}
    (tmp_path / "X.npz").write_bytes(zipped(members))
    np.testing.assert_array_equal(load_embeddings(tmp_path / "X.npz"), X)
    expected = "nothing named 'README.txt'; it holds 'X' (60, 6): choose with key."
    with pytest.raises(FileError, match=re.escape(expected)):
        load_embeddings(tmp_path / "X.npz", key="README.txt")


def test_names_with_and_without_suffix_are_one(tmp_path):
    members = {"X": npy_bytes(X), "X.npy": npy_bytes(X[::-1])}
    (tmp_path / "X.npz").write_bytes(zipped(members))
    with pytest.raises(FileError, match="its archive holds 'X' more than once"):
        load_embeddings(tmp_path / "X.npz")


@pytest.mark.parametrize("code", [0x110000, 0x7FFFFFFF, 0xD800])
@pytest.mark.parametrize("order", "<>")
def test_characters_that_do_not_exist(tmp_path, code, order):
    ids = np.array([f"image {i}" for i in range(len(X))]).astype(f"{order}U9")
    np.savez(tmp_path / "X.npz", X=X, image=ids)
    assert load_embeddings(tmp_path / "X.npz", id="image").index[2] == "image 2"
    ids.view(f"{order}u4")[3] = code
    np.savez(tmp_path / "X.npz", X=X, image=ids)
    np.testing.assert_array_equal(load_embeddings(tmp_path / "X.npz"), X)
    with pytest.raises(FileError, match=f"'image' holds the character {code:#x}, whi"):
        load_embeddings(tmp_path / "X.npz", id="image")


def test_text_without_characters(tmp_path):
    content = npy_bytes(np.empty((2, 3), "S1")).replace(b"|S1", b"|S0")[:-6]
    content = content.replace(b"(2, 3), }  ", b"(2, 10000),}")
    (tmp_path / "X.npy").write_bytes(content)
    with pytest.raises(FileError, match="holds text without characters; save numbers"):
        load_embeddings(tmp_path / "X.npy")
    (tmp_path / "X.npz").write_bytes(zipped({"X.npy": npy_bytes(X), "t.npy": content}))
    np.testing.assert_array_equal(load_embeddings(tmp_path / "X.npz"), X)


def test_header_that_says_something_twice_or_of_a_later_version(tmp_path):
    content = npy_bytes(X)
    twice = content.replace(b"}" + b" " * 16, b"'shape': (1, 360)}", 1)
    assert len(twice) > len(content)
    twice = twice.replace(b" " * (len(twice) - len(content)) + b"\n", b"\n", 1)
    for wrong in (twice, content.replace(b"NUMPY\x01", b"NUMPY\x04")):
        (tmp_path / "X.npy").write_bytes(wrong)
        with pytest.raises(FileError, match="header of its array is damaged or cut"):
            load_embeddings(tmp_path / "X.npy")


def test_objects_are_refused_only_where_they_are_named(tmp_path):
    file = tmp_path / "X.npz"
    np.savez(file, X=X, objects=np.array([[1.5]], dtype=object))
    np.testing.assert_array_equal(load_embeddings(file), X)
    expected = (
        f"{file}: 'objects' holds Python objects, which only unpickling could read and "
        "which are therefore never read; save numbers with np.save('file.npy', "
        "np.asarray(x, dtype='float32')) and text with np.asarray(x, dtype=str)."
    )
    with pytest.raises(FileError, match=f"^{re.escape(expected)}$"):
        load_embeddings(file, key="objects")


def test_large_array_stays_on_disk(tmp_path):
    file = tmp_path / "X.npy"
    large = np.lib.format.open_memmap(file, "w+", np.float32, (100_000, 1000))
    large[-1, -1] = 3.5
    large.flush()
    del large
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read = load_embeddings(file)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert isinstance(read, np.memmap)
    assert read.shape == (100_000, 1000)
    assert read[-1, -1] == 3.5
    # In kilobytes; the whole file has 400 000 of them.
    assert grown < 20_000


@pytest.mark.parametrize("tail", [b"\0", npy_bytes(X), bytes(96)])
def test_bytes_behind_an_array_are_refused(tmp_path, tail):
    file = tmp_path / "X.npy"
    file.write_bytes(npy_bytes(X) + tail)
    expected = (
        f"{file}: holds {plural(len(tail), 'byte')} behind its array "
        "(shape (60, 6), float64), as if several arrays were written to it; save one "
        "array with np.save, several with np.savez."
    )
    for load in (load_embeddings, load_feature_maps, load_head):
        with pytest.raises(FileError, match=f"^{re.escape(expected)}$"):
            load(file)
