"""Files and folders that may not be read: one line that says what to change."""

import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from sklearn_wsca.io import FileError, load_embeddings

NOBODY = 65534
EMBEDDINGS = np.array([[1.5, 200.0], [2.5, 300.0], [3.5, 500.0]])
CLOSED = "lies in a directory that you may not enter; change its permissions."


@pytest.fixture
def folder():
    """A folder that every user may enter, with an inner one."""
    if sys.platform == "win32":
        pytest.skip("there are no permission bits")
    # Only root may enter the usual folder of a test.
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    (folder / "inner").mkdir()
    np.save(folder / "inner" / "embeddings.npy", EMBEDDINGS)
    yield folder
    (folder / "inner").chmod(0o755)
    shutil.rmtree(folder)


@contextmanager
def as_nobody(folder):
    """Without the rights of root, whom permission bits do not stop."""
    user = os.geteuid()
    try:
        if user == 0:
            try:
                os.seteuid(NOBODY)
                next(folder.iterdir())
            except PermissionError:
                pytest.skip("no other user can be taken on, or may enter the folder")
        yield
    finally:
        os.seteuid(user)


def refusal(path, folder):
    """What is said about a path to a user who is not root."""
    with as_nobody(folder), pytest.raises(FileError) as caught:
        load_embeddings(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (0o000, CLOSED),
        (0o444, CLOSED),
        (0o111, "there is no such file; check the path."),
        (0o555, "there is no such file (there is 'embeddings.npy'); check the path."),
    ],
)
def test_missing_file_of_a_folder(folder, mode, expected):
    (folder / "inner").chmod(mode)
    assert refusal(folder / "inner" / "embedding.npy", folder) == expected


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (0o000, "is a directory; name a file."),
        (0o111, "is a directory; name a file."),
        (0o444, "is a directory; name a file."),
        (0o555, "is a directory that holds 'embeddings.npy'; name a file."),
    ],
)
def test_folder_instead_of_a_file(folder, mode, expected):
    (folder / "inner").chmod(mode)
    assert refusal(folder / "inner", folder) == expected


def test_file_that_may_not_be_read(folder):
    file = folder / "inner" / "embeddings.npy"
    with as_nobody(folder):
        np.testing.assert_array_equal(load_embeddings(file), EMBEDDINGS)
    file.chmod(0o000)
    expected = "may not be read by you; change its permissions (chmod u+r)."
    assert refusal(file, folder) == expected


def test_name_with_a_zero_byte():
    with pytest.raises(FileError) as caught:
        load_embeddings("a\0b.npy")
    assert str(caught.value) == r"a\x00b.npy: this is no valid file name; name a file."
