"""Formats that hold arrays by name: each is opened by what reads it."""

import numpy as np
import pytest

from sklearn_wsca.io import FileError, load_embeddings
from sklearn_wsca.io._array_formats import ARRAY_FORMATS
from tests.io.test_embedding_files import WRITERS, X

BY_CONTENT = (".ckpt", ".bin", ".pth.tar", ".pt.tar")


@pytest.mark.parametrize("suffix", sorted(set(ARRAY_FORMATS) - set(BY_CONTENT)))
def test_arrays_are_listed_by_name_and_read(suffix, tmp_path):
    file = tmp_path / f"X{suffix}"
    ids = None if suffix in (".pt", ".pth") else np.arange(len(X))
    WRITERS[file.name](file, X, ids)
    content = ARRAY_FORMATS[suffix](file, file)
    assert X.shape in content.shapes.values()
    (name,) = [n for n, shape in content.shapes.items() if shape == X.shape]
    np.testing.assert_array_equal(content.read(name), X)


@pytest.mark.parametrize("suffix", BY_CONTENT)
@pytest.mark.parametrize("written", [".pt", ".npz", ".safetensors"])
def test_suffixes_of_many_formats_are_read_by_content(suffix, written, tmp_path):
    WRITERS[f"X{written}"](tmp_path / f"X{written}", X)
    file = tmp_path / f"MODEL_BEST{suffix.upper()}"
    (tmp_path / f"X{written}").rename(file)
    np.testing.assert_array_equal(load_embeddings(file), X)


@pytest.mark.parametrize(
    ("content", "fix"),
    [
        (b"\x80\x02}q\x00.", "is a pickle or was saved by torch before 1.6"),
        (bytes(64), "neither torch, safetensors nor numpy.*torch.save"),
        (b"weights", "neither torch, safetensors nor numpy.*torch.save"),
    ],
)
@pytest.mark.parametrize("suffix", BY_CONTENT)
def test_other_content_is_named(suffix, content, fix, tmp_path):
    file = tmp_path / f"model{suffix}"
    file.write_bytes(content)
    with pytest.raises(FileError, match=fix):
        load_embeddings(file)


def test_archives_of_tar_are_no_checkpoints(tmp_path):
    (tmp_path / "model.tar").write_bytes(bytes(1024))
    with pytest.raises(FileError, match=r"has the suffix '\.tar', so its"):
        load_embeddings(tmp_path / "model.tar")
