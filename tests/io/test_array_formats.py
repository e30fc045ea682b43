"""Formats that hold arrays by name: each is opened by what reads it."""

import numpy as np
import pytest

from sklearn_wsca.io._array_formats import ARRAY_FORMATS
from tests.io.test_embedding_files import WRITERS, X


@pytest.mark.parametrize("suffix", ARRAY_FORMATS)
def test_arrays_are_listed_by_name_and_read(suffix, tmp_path):
    file = tmp_path / f"X{suffix}"
    ids = None if suffix in (".pt", ".pth") else np.arange(len(X))
    WRITERS[file.name](file, X, ids)
    content = ARRAY_FORMATS[suffix](file, file)
    assert X.shape in content.shapes.values()
    (name,) = [n for n, shape in content.shapes.items() if shape == X.shape]
    np.testing.assert_array_equal(content.read(name), X)
