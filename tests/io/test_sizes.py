"""Sizes that files declare, against the memory of the machine."""

import os

import pytest

from sklearn_wsca.io import FileError
from sklearn_wsca.io._sizes import check_unpacked_size


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
