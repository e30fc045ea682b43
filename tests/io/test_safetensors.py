"""Safetensors: places of tensors, repeated names and headers that lie."""

import json

import numpy as np
import pytest

from sklearn_wsca.io import FileError, load_embeddings
from tests.broken_files import arrays

X = arrays()
PLACE = {"dtype": "F64", "shape": [60, 6], "data_offsets": [0, 2880]}


def written(file, header, content):
    text = header if isinstance(header, str) else json.dumps(header)
    file.write_bytes(len(text).to_bytes(8, "little") + text.encode() + content)


@pytest.fixture
def file(tmp_path):
    pytest.importorskip("safetensors")
    return tmp_path / "X.safetensors"


def test_tensors_are_read_from_their_places(file):
    from safetensors.numpy import save_file

    other = np.arange(12, dtype=np.int16).reshape(3, 4)
    save_file({"X": X, "other": other, "empty": np.empty((0, 6))}, file)
    np.testing.assert_array_equal(load_embeddings(file, key="X"), X)
    np.testing.assert_array_equal(load_embeddings(file, key="other"), other)


def test_a_name_twice_is_refused(file):
    place = json.dumps(PLACE)
    written(file, f'{{"X": {place}, "X": {place}}}', X.tobytes())
    with pytest.raises(FileError, match="names 'X' twice in its header; save it again"):
        load_embeddings(file)


LIES = {
    "overlap": ({"X": PLACE, "Y": PLACE}, 0),
    "gap": ({"X": {**PLACE, "data_offsets": [8, 2888]}}, 8),
    "tail": ({"X": PLACE}, 8),
    "cut off": ({"X": PLACE}, -8),
    "shape": ({"X": {**PLACE, "shape": [60, 7]}}, 0),
    "huge shape": ({"X": {**PLACE, "shape": [2**62, 2**62]}}, 0),
    "negative": ({"X": {**PLACE, "shape": [-60, -6]}}, 0),
    "type": ({"X": {**PLACE, "dtype": "F65"}}, 0),
    "no places": ({"X": {"dtype": "F64", "shape": [60, 6]}}, 0),
    "list": ([PLACE], 0),
    "nested": ("[" * 100_000, 0),
    "no json": ("{", 0),
}


@pytest.mark.parametrize("lie", LIES)
def test_headers_that_lie_are_refused(file, lie):
    header, more = LIES[lie]
    content = X.tobytes() + bytes(8)
    written(file, header, content[: len(X.tobytes()) + more])
    with pytest.raises(FileError, match="damaged or cut off: write it again"):
        load_embeddings(file)


def test_longer_header_than_file(file):
    file.write_bytes((2**40).to_bytes(8, "little") + b"{}" + X.tobytes())
    with pytest.raises(FileError, match=r"a header of 1099511627776 bytes, and 2882 "):
        load_embeddings(file)


def test_half_precision_needs_no_torch(file):
    stored = np.array([[1.5, -2.0], [0.25, 3.0]], np.float32)
    halves = (stored.view(np.uint32) >> 16).astype(np.uint16)
    place = {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]}
    written(file, {"X": place}, halves.tobytes())
    np.testing.assert_array_equal(load_embeddings(file), stored)
