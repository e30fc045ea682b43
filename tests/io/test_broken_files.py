"""Broken and hostile files give one line that names the file and the fix."""

import os
import pickle
import re
import sys

import numpy as np
import pytest

from sklearn_wsca.io import (
    FileError,
    load_embeddings,
    load_head,
    load_metadata,
    match_rows,
)
from sklearn_wsca.io._errors import library_errors
from sklearn_wsca.io._sizes import check_unpacked_size
from tests.broken_files import MARKER, Payload, valid_files, zipped
from tests.broken_registry import REGISTRY

ARCHIVE = "npz archive"
FOUND_BY_READER = [entry for entry in REGISTRY if entry.found_by == "reader"]
FOUND_BY_ANALYSIS = [entry for entry in REGISTRY if entry.found_by == "analysis"]


def read(files):
    """What the command line reads before the analysis."""
    options = files["options"]
    id = options.get("id")
    X = load_embeddings(files["embeddings"], id=id)
    y = load_metadata(files["metadata"], id=id)
    if "head" in options:
        load_head(options["head"], n_features=X.shape[1])
    return match_rows(X, y, names=(files["embeddings"], files["metadata"]))


def path_of(entry, files):
    path = files["options"]["head"] if entry.file == "head" else files[entry.file]
    return str(path).replace("\n", "\\n")


def test_registry_is_large_and_its_names_differ():
    assert len({entry.name for entry in REGISTRY}) == len(REGISTRY)
    assert len(FOUND_BY_READER) >= 45
    assert len(FOUND_BY_ANALYSIS) >= 5


@pytest.mark.parametrize("entry", FOUND_BY_READER, ids=lambda entry: entry.name)
def test_reader_says_what_is_wrong_on_one_line(entry, tmp_path):
    files = entry.build(tmp_path)
    with pytest.raises(FileError) as caught:
        read(files)
    assert type(caught.value) is FileError
    message = str(caught.value)
    assert message.startswith(path_of(entry, files) + ": ")
    assert message.isprintable()
    assert re.search(entry.fix, message)
    assert not (tmp_path / MARKER).exists()


@pytest.mark.parametrize("entry", FOUND_BY_ANALYSIS, ids=lambda entry: entry.name)
def test_what_the_analysis_finds_can_be_read(entry, tmp_path):
    files = entry.build(tmp_path)
    X, y, notes = read(files)
    assert len(X) == len(y) > 0
    assert notes == []


def test_payload_of_the_pickles_would_leave_a_marker(tmp_path):
    # Without this, "nothing was executed" could not fail.
    pickle.loads(pickle.dumps(Payload(tmp_path)))
    assert (tmp_path / MARKER).exists()


def test_memory_that_runs_out_while_reading():
    expected = (
        r"^X\.npz: this npz archive does not fit into memory; save a smaller part of "
        r"it\.$"
    )
    with pytest.raises(FileError, match=expected), library_errors("X.npz", ARCHIVE):
        np.empty(2**58)
    with pytest.raises(FileError, match="ValueError"), library_errors("X.npz", ARCHIVE):
        raise ValueError


@pytest.mark.parametrize("missing", ["function", "value"])
def test_machine_that_does_not_tell_its_memory(monkeypatch, missing):
    def refuse(name):
        raise ValueError("unrecognized configuration name")

    if missing == "function":
        monkeypatch.delattr(os, "sysconf")
    else:
        monkeypatch.setattr(os, "sysconf", refuse)
    check_unpacked_size("X.npz", "'X'", 16 * 2**30)
    expected = (
        r"^X\.npz: 'X' would take 17\.2 GB, more than this machine has \(17\.2 GB\), "
        r"and is not unpacked; save embeddings as \.npy, which is read from disk, or "
        r"fewer rows\.$"
    )
    with pytest.raises(FileError, match=expected):
        check_unpacked_size("X.npz", "'X'", 16 * 2**30 + 1)


def test_file_error_is_a_value_error_with_the_path_as_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"^nothing\.npy: there is no such file"):
        load_embeddings("nothing.npy")


def test_key_of_a_file_with_one_matrix_is_refused(tmp_path):
    files = valid_files(tmp_path)
    with pytest.raises(FileError, match=r"key='X': a \.npy file holds one matrix"):
        load_embeddings(files["embeddings"], key="X")


@pytest.mark.parametrize(
    ("suffix", "module", "extra"),
    [
        (".parquet", "pyarrow", "io"),
        (".feather", "pyarrow", "io"),
        (".safetensors", "safetensors", "io"),
        (".h5ad", "h5py", "io"),
        (".xlsx", "openpyxl", "io"),
        (".pt", "torch", "torch"),
    ],
)
def test_missing_package_names_the_command(
    tmp_path, monkeypatch, suffix, module, extra
):
    for name in (module, f"{module}{suffix}"):
        monkeypatch.setitem(sys.modules, name, None)
    file = tmp_path / f"file{suffix}"
    file.write_bytes(zipped({"x": b""}))
    load = load_metadata if suffix == ".xlsx" else load_embeddings
    expected = rf'with {module}, which .*pip install "sklearn_wsca\[{extra}\]"'
    with pytest.raises(ImportError, match=expected):
        load(file)
