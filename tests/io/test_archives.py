"""Zip archives: members that are not what they declare."""

import io
import zipfile

import numpy as np
import pytest

from sklearn_wsca.io import (
    FileError,
    _archives,
    load_embeddings,
    load_head,
    load_metadata,
)
from sklearn_wsca.io._archives import check_archive, read_member
from tests.broken_files import arrays, npy_bytes, zipped

X = arrays()


def test_members_are_read_as_they_were_written(tmp_path):
    content = np.random.default_rng(0).bytes(3_000_000)
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        file = tmp_path / "a.zip"
        file.write_bytes(zipped({"a": content, "b": b""}, compression=method))
        members = check_archive(file, file, "archive")
        assert read_member(file, file, members[0], "archive").tobytes() == content
        assert read_member(file, file, members[1], "archive").tobytes() == b""


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_unpack_everything_at_once_are_refused(tmp_path, method):
    file = tmp_path / "X.npz"
    file.write_bytes(zipped({"X.npy": npy_bytes(X)}, compression=method))
    with pytest.raises(
        FileError, match=r"compressed by the method 1[24]; save it again"
    ):
        load_embeddings(file)


@pytest.mark.parametrize("suffix", [".npz", ".pt"])
def test_member_twice_as_savez_appends_it(tmp_path, suffix):
    file = tmp_path / f"X{suffix}"
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(file, "w") as a,
    ):
        for part in (X, X[::-1]):
            a.writestr("X.npy", npy_bytes(part))
    with pytest.raises(FileError, match=r"holds 'X(\.npy)?' more than once"):
        load_embeddings(file)


def test_changed_bytes_are_found_by_the_checksum(tmp_path):
    content = bytearray(zipped({"X.npy": npy_bytes(X)}))
    content[1500] ^= 1
    file = tmp_path / "X.npz"
    file.write_bytes(content)
    for load in (load_embeddings, lambda path: load_head(path, key="X")):
        with pytest.raises(FileError, match="Bad CRC-32"):
            load(file)


def test_member_that_is_longer_than_it_declares(tmp_path):
    stream = io.BytesIO(
        zipped({"X.npy": npy_bytes(X)}, compression=zipfile.ZIP_DEFLATED)
    )
    content = bytearray(stream.getvalue())
    # Size of the unpacked member in the directory at the end.
    place = content.rindex(b"PK\x01\x02") + 24
    content[place : place + 4] = (2000).to_bytes(4, "little")
    file = tmp_path / "X.npz"
    file.write_bytes(content)
    with pytest.raises(FileError, match="Bad CRC-32"):
        load_embeddings(file)


@pytest.mark.parametrize("suffix", [".npz", ".pt", ".xlsx"])
def test_name_of_a_member_is_the_same_in_both_places(tmp_path, suffix):
    """Else a damaged one would be no intercept, and nobody would miss it."""
    content = bytearray(zipped({"weight.npy": npy_bytes(X), "bias.npy": npy_bytes(X)}))
    content[content.rindex(b"bias.npy") + 5] ^= 16
    file = tmp_path / f"H{suffix}"
    file.write_bytes(content)
    load = load_metadata if suffix == ".xlsx" else load_head
    with pytest.raises(FileError, match=r"'bias\.\~py' and header b'bias\.npy' differ"):
        load(file)


def test_very_many_members_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(_archives, "MOST_MEMBERS", 2)
    for n in (2, 3):
        np.savez(tmp_path / f"{n}.npz", X=X, **{str(i): X[0] for i in range(n - 1)})
    np.testing.assert_array_equal(load_embeddings(tmp_path / "2.npz"), X)
    with pytest.raises(FileError, match="has 3 members, and no more than 2 are read"):
        load_embeddings(tmp_path / "3.npz")
