"""HDF5 files that point elsewhere, hold other things, or grow when they are read."""

import json

import numpy as np
import pytest

from sklearn_wsca.io import FileError, load_embeddings, load_metadata
from tests.native.h5ad_files import N, X, write_h5ad

h5py = pytest.importorskip("h5py")


def soft_link(content, folder):
    content["obs/age"] = h5py.SoftLink("/uns/secret")


def soft_link_to_external_storage(content, folder):
    external = [(str(folder / "secret"), 0, N * 8)]
    content.create_dataset("uns/secret", (N,), "f8", external=external)
    content["obs/age"] = h5py.SoftLink("/uns/secret")


def external_storage(content, folder):
    external = [(str(folder / "secret"), 0, N * 8)]
    content.create_dataset("obs/age", (N,), "f8", external=external)


def external_link(content, folder):
    content["obs/age"] = h5py.ExternalLink("other.h5ad", "/obs/age")


def virtual(content, folder):
    layout = h5py.VirtualLayout(shape=(N,), dtype="f8")
    layout[:] = h5py.VirtualSource("other.h5ad", "obs/age", shape=(N,))
    content.create_virtual_dataset("obs/age", layout)


def references(content, folder):
    values = np.array([content["X"].ref] * N, dtype=h5py.ref_dtype)
    content.create_dataset("obs/age", data=values, dtype=h5py.ref_dtype)


def region_references(content, folder):
    values = np.array([content["X"].regionref[:2]] * N, dtype=h5py.regionref_dtype)
    content.create_dataset("obs/age", data=values, dtype=h5py.regionref_dtype)


def lists(content, folder):
    made = content.create_dataset("obs/age", (N,), h5py.vlen_dtype(np.float64))
    made[0] = [1.0, 2.0]


def opaque(content, folder):
    content["obs/age"] = np.zeros(N, "V16")


POINTERS = {
    soft_link: r"'obs/age' is a link to a name, which is not followed; copy the data",
    soft_link_to_external_storage: "'obs/age' is a link to a name",
    external_link: "'obs/age' is a link into another file, which is not followed",
    external_storage: "'obs/age' lies in another file, which is not followed",
    virtual: "'obs/age' lies in another file, which is not followed",
    references: "'obs/age' holds references to other objects, which are not read",
    region_references: "'obs/age' holds references to other objects",
    lists: "'obs/age' holds values of the type object, which are not read",
    opaque: r"'obs/age' holds values of the type \|V16, which are not read",
}


@pytest.mark.parametrize("change", POINTERS)
def test_columns_that_are_no_values_of_this_file_are_refused(change, tmp_path):
    (tmp_path / "secret").write_bytes(b"root:x:0:0:root:/root:/bin/sh\n" * N)
    file = write_h5ad(tmp_path / "y.h5ad")
    with h5py.File(file, "a") as content:
        del content["obs/age"]
        content.require_group("uns")
        change(content, tmp_path)
    with pytest.raises(FileError, match=POINTERS[change]) as caught:
        load_metadata(file)
    assert "root" not in str(caught.value).removeprefix(str(file))


def fill_values(content):
    content.create_dataset("X", (N, 2**20), "f8", chunks=(1, 2**10), fillvalue=3.0)


def compressed_zeros(content):
    options = {"chunks": (N, 2**14), "compression": "gzip"}
    content.create_dataset("X", data=np.zeros((N, 2**17)), **options)


def one_huge_chunk(content):
    options = {"chunks": (2**14, 2**14), "maxshape": (None, None)}
    content.create_dataset("X", (N, 6), "f8", compression="gzip", **options)


@pytest.mark.parametrize("change", [fill_values, compressed_zeros, one_huge_chunk])
def test_matrices_that_grow_when_they_are_read_are_refused(change, tmp_path):
    file = write_h5ad(tmp_path / "X.h5ad")
    with h5py.File(file, "a") as content:
        del content["X"], content["var"]
        change(content)
    assert file.stat().st_size < 200_000
    with pytest.raises(FileError, match=r"'X' would grow from .*max_size"):
        load_embeddings(file)
    with pytest.raises(FileError, match=r"'X' would take .*the limit is 20 MB"):
        load_embeddings(file, max_size="20MB")


def test_a_limit_allows_zeros(tmp_path):
    file = write_h5ad(tmp_path / "X.h5ad")
    with h5py.File(file, "a") as content:
        del content["X"], content["var"]
        compressed_zeros(content)
    read = load_embeddings(file, max_size="1GB")
    assert read.shape == (N, 2**17) and not read.any()


def test_long_texts_count_as_they_are(tmp_path):
    file = write_h5ad(tmp_path / "y.h5ad")
    with h5py.File(file, "a") as content:
        del content["obs/site"]
        content["obs/site"] = ["a" * 2**20] * N
    with pytest.raises(FileError, match=r"'obs/site' would take .*limit is 20 MB"):
        load_metadata(file, max_size="20MB")


@pytest.mark.parametrize("value", [np.zeros((2, 3)), np.array([-1, 6]), "six"])
def test_attributes_of_other_shapes_are_refused(value, tmp_path):
    file = write_h5ad(tmp_path / "X.h5ad", kind="csr")
    with h5py.File(file, "a") as content:
        content["X"].attrs["shape"] = value
    with pytest.raises(FileError, match="'X' has no shape of two numbers"):
        load_embeddings(file)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_files_that_are_cut_off_are_refused(share, tmp_path):
    file = write_h5ad(tmp_path / "X.h5ad")
    held = file.read_bytes()
    file.write_bytes(held[: int(share * len(held))])
    with pytest.raises(FileError, match="cannot be read as h5ad file"):
        load_embeddings(file)


@pytest.mark.parametrize("compression", [None, "gzip", "lzf"])
def test_rows_come_in_blocks(compression, tmp_path):
    wide = np.random.default_rng(0).normal(3, 2, (N, 90_000)).astype("f4")
    file = write_h5ad(tmp_path / "X.h5ad", X=wide, compression=compression)
    np.testing.assert_array_equal(load_embeddings(file), wide)


def test_message_holds_no_memory(tmp_path):
    file = write_h5ad(tmp_path / "y.h5ad")
    assert json.dumps(load_metadata(file)["age"].tolist())
    with h5py.File(file, "a") as content:
        del content["obs/site"]
        content["obs/site"] = np.array([b"\xff\xfe"] * N, h5py.string_dtype())
    with pytest.raises(FileError) as caught:
        load_metadata(file)
    assert str(caught.value).isprintable() and X.shape == (N, 6)
