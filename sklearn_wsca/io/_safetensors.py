"""Tensors of .safetensors: checked by its library, and read by their places."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_wsca._backend.extras import import_extra
from sklearn_wsca.io._array_file import ArrayFile
from sklearn_wsca.io._errors import file_error, library_errors, quoted
from sklearn_wsca.io._number_types import decode, row_major
from sklearn_wsca.io._sizes import check_unpacked_size

WHAT = "safetensors file"
LENGTH = 8
# The library has the same limit.
LONGEST_HEADER = 100_000_000
TYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
    "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
}


def open_safetensors(path: Any, file: Path, max_size: int | None = None) -> ArrayFile:
    """Tensors of a safetensors file; only its header is read.

    The library verifies types, shapes, and that the tensors lie behind each other in
    the whole file; it would take the last of two tensors of a name.
    """
    library = import_extra("safetensors", "io")
    header, start = _read_header(path, file)
    with (
        library_errors(path, WHAT),
        library.safe_open(file, framework="np") as content,
    ):
        names = list(content.keys())
        shapes = {name: tuple(content.get_slice(name).get_shape()) for name in names}
    unreadable = {
        name: f"holds {quoted(header[name]['dtype'])} numbers, which are not read; "
        "save it as float32."
        for name in names
        if header[name]["dtype"] not in TYPES
    }
    shapes = {name: shapes[name] for name in names if name not in unreadable}

    def read(name: str) -> np.ndarray:
        first, end = header[name]["data_offsets"]
        check_unpacked_size(path, quoted(name), end - first, None, max_size)
        content = np.empty(end - first, np.uint8)
        with library_errors(path, WHAT):
            with file.open("rb") as stream:
                stream.seek(start + first)
                if stream.readinto(content.data) < len(content):
                    raise EOFError(f"{quoted(name)} is cut off")
            return decode(
                content, TYPES[header[name]["dtype"]], row_major(shapes[name])
            )

    return ArrayFile(path, shapes, read, unreadable)


def _read_header(path: Any, file: Path) -> tuple[dict[str, Any], int]:
    """Places of the tensors by their names, and where their numbers begin."""
    with library_errors(path, WHAT), file.open("rb") as stream:
        length = int.from_bytes(stream.read(LENGTH), "little")
        held = max(os.fstat(stream.fileno()).st_size - LENGTH, 0)
        if length > min(held, LONGEST_HEADER):
            raise ValueError(f"a header of {length} bytes, and {held} follow")
        text = stream.read(length)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in found if names.count(name) > 1)
            raise file_error(
                path, f"names {quoted(twice)} twice in its header; save it again."
            )
        return found

    with library_errors(path, WHAT):
        header = json.loads(text, object_pairs_hook=unique)
    return header, LENGTH + length
