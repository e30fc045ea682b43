"""Errors about a file: one line, a ValueError, and the name of what is missing."""

import sys

import numpy as np
import pytest

from sklearn_wsca.io import FileError, load_embeddings, load_metadata
from sklearn_wsca.io._errors import library_errors
from tests.broken_files import zipped

ARCHIVE = "npz archive"


def test_memory_that_runs_out_while_reading():
    expected = (
        r"^X\.npz: this npz archive does not fit into memory; save a smaller part of "
        r"it\.$"
    )
    with pytest.raises(FileError, match=expected), library_errors("X.npz", ARCHIVE):
        np.empty(2**58)
    with pytest.raises(FileError, match="ValueError"), library_errors("X.npz", ARCHIVE):
        raise ValueError


def test_file_error_is_a_value_error_with_the_path_as_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"^nothing\.npy: there is no such file"):
        load_embeddings("nothing.npy")


@pytest.mark.parametrize(
    ("suffix", "module", "extra"),
    [
        (".parquet", "pyarrow", "io"),
        (".feather", "pyarrow", "io"),
        (".safetensors", "safetensors", "io"),
        (".h5ad", "h5py", "io"),
        (".xlsx", "openpyxl", "io"),
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
    expected = rf'with {module}, which .*pip install "\.\[{extra}\]"'
    with pytest.raises(ImportError, match=expected):
        load(file)
