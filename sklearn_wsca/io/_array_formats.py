"""Formats that hold arrays by name, with what opens them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from sklearn_wsca.io._array_file import ArrayFile
from sklearn_wsca.io._arrays import open_npz
from sklearn_wsca.io._errors import file_error, library_errors
from sklearn_wsca.io._safetensors import open_safetensors
from sklearn_wsca.io._torch_files import RESAVE_MODEL, open_pt

# A file of safetensors begins with the length of a header of JSON.
LENGTH = 8


def open_by_content(path: Any, file: Path, max_size: int | None = None) -> ArrayFile:
    """Arrays of a checkpoint whose suffix does not tell its format."""
    with file.open("rb") as stream:
        start = stream.read(LENGTH + 1)
    if start[LENGTH:] == b"{":
        return open_safetensors(path, file, max_size)
    if start.startswith(b"PK"):
        with library_errors(path, "zip archive"), zipfile.ZipFile(file) as archive:
            is_npz = all(name.endswith(".npy") for name in archive.namelist())
        opened = open_npz if is_npz else open_pt
        return opened(path, file, max_size)
    if start.startswith(b"\x80"):
        return open_pt(path, file, max_size)
    raise file_error(
        path,
        f"begins with {start[:LENGTH]!r}, as neither torch, safetensors nor numpy "
        f"writes arrays by name; {RESAVE_MODEL}.",
    )


ARRAY_FORMATS = {
    ".npz": open_npz,
    ".safetensors": open_safetensors,
    ".pt": open_pt,
    ".pth": open_pt,
    ".ckpt": open_by_content,
    ".bin": open_by_content,
    ".pth.tar": open_by_content,
    ".pt.tar": open_by_content,
}
