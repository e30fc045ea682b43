"""Broken and hostile paths, arrays and tensors."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.broken_files import (
    D,
    N,
    arrays,
    broken,
    broken_contents,
    csv_lines,
    npy_bytes,
    npy_of_shape,
    npy_with_header,
    payload,
    with_link,
    zipped,
)

X = arrays()
EMPTY = r"empty \(0 bytes\); write it again"
DAMAGED = "damaged or cut off: write it again"

# Paths


@broken("embeddings", r"no such file.*check the path")
def missing_file(files):
    files["embeddings"].unlink()
    return files


@broken("metadata", r"there is 'metadata\.csv'")
def missing_file_with_a_near_name(files):
    return files | {"metadata": files["metadata"].with_name("metdata.csv")}


@broken("embeddings", "nor its directory")
def missing_directory(files):
    return files | {"embeddings": Path("no/such/folder/embeddings.npy")}


@broken("embeddings", r"is a directory.*name a file")
def directory(files):
    return files | {"embeddings": files["embeddings"].parent}


@broken("embeddings", r"link to 'gone\.npy'.*does not exist")
def broken_link(files):
    return with_link(files, "embeddings", "gone.npy")


@broken("embeddings", "leads back to itself")
def looping_link(files):
    return with_link(files, "embeddings", files["embeddings"].name)


@broken("metadata", "is a device; name a regular file")
def link_to_an_endless_device(files):
    return with_link(files, "metadata", "/dev/zero")


@broken("metadata", "is a named pipe; name a regular file")
def pipe(files):
    files["metadata"].unlink()
    os.mkfifo(files["metadata"])
    return files


@broken("embeddings", "too long for a file")
def name_that_is_too_long(files):
    return files | {"embeddings": Path("x" * 300 + ".npy")}


@broken("embeddings", "is cut off")
def name_with_a_line_break(files):
    name = files["embeddings"].with_name("two\nlines.npy")
    name.write_bytes(files["embeddings"].read_bytes()[:-8])
    return files | {"embeddings": name}


@broken("embeddings", r"no ids.*np\.savez")
def array_without_ids(files):
    files["options"]["id"] = "sample"
    return files


UNKNOWN = r"suffix '\.dat'.*can be read from \.npy, \.npz"
broken_contents("embeddings", ".dat", {"unknown suffix": (npy_bytes(X), UNKNOWN)})
NO_SUFFIX = ("\n".join(csv_lines()), r"no suffix.*\.csv, \.tsv")
broken_contents("metadata", "", {"no suffix": NO_SUFFIX})
COMPRESSED = gzip.compress("\n".join(csv_lines()).encode())
broken_contents("metadata", ".csv.gz", {"compressed text": (COMPRESSED, "unpack it")})


# Pickles


def pickled(files):
    return pickle.dumps(payload(files))


def objects(files):
    return np.array([[payload(files)]], dtype=object)


REMEDY = r"is a pickle.*np\.save\('embeddings\.npy', array\)"
broken_contents("embeddings", ".pkl", {"pickle file": (pickled, REMEDY)})
REMEDY = r"is a pickle.*table\.to_csv"
broken_contents("metadata", ".pickle", {"pickled table": (pickled, REMEDY)})
REMEDY = r"is a pickle.*np\.savez\('head\.npz'"
broken_contents("head", ".joblib", {"pickled estimator": (pickled, REMEDY)})
REMEDY = r"is a pickle.*model\.state_dict\(\)"
broken_contents("head", ".pt", {"torch file of old format": (pickled, REMEDY)})


# Arrays

EMBEDDINGS_NPY = {
    "empty array file": (b"", EMPTY),
    "truncated array": (
        npy_bytes(X)[:-100],
        r"cut off: its header promises 2880 bytes.*copy or export",
    ),
    "truncated header": (npy_bytes(X)[:9], "damaged or cut off; export it again"),
    "header of nested brackets": (npy_with_header("(" * 110), "write it again"),
    "header that promises an exabyte": (
        npy_of_shape((10**9, 10**8)),
        "cut off: its header promises",
    ),
    "shape that numpy cannot count": (
        npy_of_shape((0, 10**20)),
        r": its array has the shape \(0, 1(0){20}\); export it again\.$",
    ),
    "negative shape": (
        npy_of_shape((-60, 6)) + bytes(60 * 6 * 8),
        r": its array has the shape \(-60, 6\); export it again\.$",
    ),
    "text that is named npy": ("\n".join(csv_lines()), "is no npy file.*np.save"),
    "archive that is named npy": (zipped({"X.npy": npy_bytes(X)}), r"name it \.npz"),
    "pickled array": (objects, r"Python objects.*np\.save"),
    "pickle that is named npy": (pickled, r"is a pickle.*np\.save"),
    "vector": (X[:, 0], "save a 2-D array"),
    "feature maps": (np.ones((N, D, 2, 2)), r"4 dimensions.*X\.mean\(axis=\(2, 3\)\)"),
    "tokens": (np.ones((N, 4, D)), r"3 dimensions.*X\.mean\(axis=1\)"),
    "no rows": (np.empty((0, D)), "empty array.*export it again"),
    "complex numbers": (X.astype(complex), r"complex.*np\.hstack"),
    "mask": (X > 0, r"as a mask does.*astype\(np\.float32\)"),
    "text array": (X.astype(str), r"instead of real numbers.*float32"),
}
broken_contents("embeddings", ".npy", EMBEDDINGS_NPY)


def archive_whose_member(attribute, value):
    """An npz archive whose directory claims something."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("X.npy", npy_bytes(X))
        setattr(archive.filelist[0], attribute, value)
    return stream.getvalue()


def zip_bomb(files):
    bomb = npy_bytes(np.zeros((2**18, 2**4)))
    return zipped({"X.npy": bomb}, compression=zipfile.ZIP_DEFLATED)


EMBEDDINGS_NPZ = {
    "pickled member": (
        lambda files: {"X": objects(files)},
        r"Python objects.*np\.save",
    ),
    "zip bomb": (zip_bomb, r"X\.npy.*zip bomb.*max.size"),
    "archive that promises more than memory": (
        archive_whose_member("file_size", 2**50),
        r"the limit is.*\.npy",
    ),
    "member that promises more than it holds": (
        zipped({"X.npy": npy_of_shape((1000, 6)) + bytes(80)}),
        r"'X' promises.*export it again",
    ),
    "encrypted archive": (
        archive_whose_member("flag_bits", 1),
        r": its member 'X\.npy' is encrypted; save it without a password\.$",
    ),
    "vectors only": (
        {"age": X[:, 0], "dose": X[:, 1]},
        r": none of its arrays can be embeddings; it holds 'age' \(60,\), 'dose' "
        r"\(60,\): save a 2-D array, one row per sample and one column per "
        r"feature\.$",
    ),
    "archive that is cut off": (zipped({"X.npy": npy_bytes(X)})[:1000], DAMAGED),
    "several matrices": (
        {"first": X, "second": X[:, :2]},
        r"'first' \(60, 6\), 'second' \(60, 2\).*name one with key",
    ),
}
broken_contents("embeddings", ".npz", EMBEDDINGS_NPZ)

# Tensors


def torch_file_with_code(files):
    stream = io.BytesIO()
    pytest.importorskip("torch").save({"X": payload(files)}, stream)
    return stream.getvalue()


def archive_that_is_named_pt(files):
    pytest.importorskip("torch")
    return zipped({"X.npy": npy_bytes(X)})


EMBEDDINGS_PT = {
    "torch file with code": (
        torch_file_with_code,
        r"Python objects besides tensors.*model\.state_dict\(\)",
    ),
    "archive that is named pt": (
        archive_that_is_named_pt,
        r": is a zip archive without data\.pkl, and no torch file; save the "
        r"weights alone with torch\.save.*$",
    ),
}
broken_contents("embeddings", ".pt", EMBEDDINGS_PT)
HUGE_HEADER = (struct.pack("<Q", 2**60) + b"{}", DAMAGED)
broken_contents("embeddings", ".safetensors", {"damaged safetensors": HUGE_HEADER})
