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
    npy_bytes,
    npy_with_header,
    payload,
    with_array,
    with_bytes,
    with_link,
    with_metadata,
    with_npz,
    zipped,
)

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


@broken("embeddings", r"suffix '\.dat'.*can be read from \.npy, \.npz")
def unknown_suffix(files):
    renamed = files["embeddings"].rename(files["embeddings"].with_suffix(".dat"))
    return files | {"embeddings": renamed}


@broken("metadata", r"no suffix.*\.csv, \.tsv")
def no_suffix(files):
    renamed = files["metadata"].rename(files["metadata"].with_suffix(""))
    return files | {"metadata": renamed}


@broken("metadata", "unpack it")
def compressed_text(files):
    packed = gzip.compress(files["metadata"].read_bytes())
    return with_metadata(files, packed, ".csv.gz")


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


@broken("embeddings", r"empty \(0 bytes\); write it again")
def empty_array_file(files):
    return with_bytes(files, b"")


@broken("metadata", r"empty \(0 bytes\); write it again")
def empty_table_file(files):
    return with_metadata(files, "")


# Arrays


@broken("embeddings", r"cut off: its header promises 2880 bytes.*copy or export")
def truncated_array(files):
    return with_bytes(files, files["embeddings"].read_bytes()[:-100])


@broken("embeddings", "damaged or cut off; export it again")
def truncated_header(files):
    return with_bytes(files, files["embeddings"].read_bytes()[:9])


@broken("embeddings", "write it again")
def header_of_nested_brackets(files):
    return with_bytes(files, npy_with_header("(" * 110))


@broken("embeddings", "cut off: its header promises")
def header_that_promises_an_exabyte(files):
    text = "{'descr': '<f8', 'fortran_order': False, 'shape': (10**9, 10**8), }"
    text = text.replace("10**9", str(10**9)).replace("10**8", str(10**8))
    return with_bytes(files, npy_with_header(text))


@broken("embeddings", "is no npy file.*np.save")
def text_that_is_named_npy(files):
    return with_bytes(files, files["metadata"].read_bytes())


@broken("embeddings", r"name it \.npz")
def archive_that_is_named_npy(files):
    return with_bytes(files, zipped({"X.npy": npy_bytes(arrays())}))


@broken("embeddings", r"Python objects.*np\.save")
def pickled_array(files):
    objects = np.array([[payload(files)]], dtype=object)
    return with_array(files, objects, allow_pickle=True)


@broken("embeddings", r"is a pickle.*np\.save")
def pickle_that_is_named_npy(files):
    return with_bytes(files, pickle.dumps(payload(files)))


@broken("embeddings", r"is a pickle.*np\.save\('embeddings\.npy', array\)")
def pickle_file(files):
    return with_bytes(files, pickle.dumps(payload(files)), ".pkl")


@broken("metadata", r"is a pickle.*table\.to_csv")
def pickled_table(files):
    return with_metadata(files, pickle.dumps(payload(files)), ".pickle")


@broken("head", r"is a pickle.*np\.savez\('head\.npz'")
def pickled_estimator(files):
    head = files["metadata"].with_name("head.joblib")
    head.write_bytes(pickle.dumps(payload(files)))
    files["options"]["head"] = head
    return files


@broken("embeddings", r"Python objects.*np\.save")
def pickled_member(files):
    files["embeddings"] = files["embeddings"].with_suffix(".npz")
    objects = np.array([[payload(files)]], dtype=object)
    np.savez(files["embeddings"], X=objects)
    return files


@broken("embeddings", r"X\.npy.*zip bomb.*without compression")
def zip_bomb(files):
    bomb = npy_bytes(np.zeros((2**18, 2**4)))
    content = zipped({"X.npy": bomb}, compression=zipfile.ZIP_DEFLATED)
    return with_bytes(files, content, ".npz")


@broken("embeddings", r"more than this machine has.*\.npy")
def archive_that_promises_more_than_memory(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("X.npy", npy_bytes(arrays()))
        archive.filelist[0].file_size = 2**50
    return with_bytes(files, stream.getvalue(), ".npz")


@broken("embeddings", r"'X' promises.*export it again")
def member_that_promises_more_than_it_holds(files):
    text = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000, 6), }"
    content = zipped({"X.npy": npy_with_header(text) + bytes(80)})
    return with_bytes(files, content, ".npz")


@broken(
    "embeddings",
    r": its array has the shape \(-60, 6\); export it again\.$",
)
def negative_shape(files):
    text = "{'descr': '<f8', 'fortran_order': False, 'shape': (-60, 6), }"
    return with_bytes(files, npy_with_header(text) + bytes(60 * 6 * 8))


@broken(
    "embeddings",
    r": its member 'X\.npy' is encrypted; save it without a password\.$",
)
def encrypted_archive(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("X.npy", npy_bytes(arrays()))
        archive.filelist[0].flag_bits |= 1
    return with_bytes(files, stream.getvalue(), ".npz")


@broken(
    "embeddings",
    r": none of its arrays can be embeddings; it holds 'age' \(60,\), 'dose' \(60,\): "
    r"save a 2-D array, one row per sample and one column per feature\.$",
)
def vectors_only(files):
    return with_npz(files, age=arrays()[:, 0], dose=arrays()[:, 1])


@broken("embeddings", "damaged or cut off: write it again")
def archive_that_is_cut_off(files):
    content = zipped({"X.npy": npy_bytes(arrays())})
    return with_bytes(files, content[:1000], ".npz")


@broken("embeddings", r"'first' \(60, 6\), 'second' \(60, 2\).*name one with key")
def several_matrices(files):
    files["embeddings"] = files["embeddings"].with_suffix(".npz")
    np.savez(files["embeddings"], first=arrays(), second=arrays()[:, :2])
    return files


@broken("embeddings", "save a 2-D array")
def vector(files):
    return with_array(files, arrays()[:, 0])


@broken("embeddings", r"4 dimensions.*X\.mean\(axis=\(2, 3\)\)")
def feature_maps(files):
    return with_array(files, np.ones((N, D, 2, 2)))


@broken("embeddings", r"3 dimensions.*X\.mean\(axis=1\)")
def tokens(files):
    return with_array(files, np.ones((N, 4, D)))


@broken("embeddings", "empty array.*export it again")
def no_rows(files):
    return with_array(files, np.empty((0, D)))


@broken("embeddings", r"complex.*np\.hstack")
def complex_numbers(files):
    return with_array(files, arrays().astype(complex))


@broken("embeddings", r"as a mask does.*astype\(np\.float32\)")
def mask(files):
    return with_array(files, arrays() > 0)


@broken("embeddings", r"instead of real numbers.*float32")
def text_array(files):
    return with_array(files, arrays().astype(str))


@broken("embeddings", r"no ids.*np\.savez")
def array_without_ids(files):
    files["options"]["id"] = "sample"
    return files


# Tensors


@broken("embeddings", r"Python objects besides tensors.*model\.state_dict\(\)")
def torch_file_with_code(files):
    torch = pytest.importorskip("torch")

    files["embeddings"] = files["embeddings"].with_suffix(".pt")
    torch.save({"X": payload(files)}, files["embeddings"])
    return files


@broken("head", r"is a pickle.*model\.state_dict\(\)")
def torch_file_of_old_format(files):
    head = files["metadata"].with_name("head.pt")
    head.write_bytes(pickle.dumps(payload(files)))
    files["options"]["head"] = head
    return files


@broken(
    "embeddings",
    r": cannot be read as torch file \(RuntimeError: .*\); it may be damaged or cut "
    r"off: write it again\.$",
)
def archive_that_is_named_pt(files):
    pytest.importorskip("torch")

    return with_bytes(files, zipped({"X.npy": npy_bytes(arrays())}), ".pt")


@broken("embeddings", "damaged or cut off: write it again")
def damaged_safetensors(files):
    return with_bytes(files, struct.pack("<Q", 2**60) + b"{}", ".safetensors")
