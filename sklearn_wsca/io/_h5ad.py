"""Annotated matrices (.h5ad): embeddings in X, obsm or layers, metadata in obs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._backend.extras import import_extra
from sklearn_wsca.io._apart import parts_of
from sklearn_wsca.io._array_file import ArrayFile
from sklearn_wsca.io._errors import refuse_repeated
from sklearn_wsca.io._typed_columns import decoded_text

WHAT = "h5ad file"
TASKS = "sklearn_wsca._native.anndata_file:"


def open_h5ad(path: Any, file: Path, max_size: int | None = None) -> ArrayFile:
    """Matrices of an h5ad file: "X" and, by their names, those in obsm and layers."""
    import_extra("h5py", "io")
    with parts_of(path, WHAT, f"{TASKS}list_matrices", file, max_size) as parts:
        shapes = {name: tuple(shape) for name, shape in next(parts).items()}

    def read(name: str) -> np.ndarray:
        task = f"{TASKS}read_matrix"
        with parts_of(path, WHAT, task, file, max_size, name=name) as parts:
            return np.asarray(_values(parts))

    default = "X" if len(shapes.get("X", ())) == 2 else None
    return ArrayFile(path, shapes, read, default=default)


def read_obs(path: Any, file: Path, max_size: int | None = None) -> pd.DataFrame:
    """Annotation of the rows, indexed by their names."""
    import_extra("h5py", "io")
    with parts_of(path, WHAT, f"{TASKS}read_rows", file, max_size) as parts:
        index = pd.Index(_plain(_values(parts)))
        columns = [(header["name"], _column(header, parts)) for header in parts]
    refuse_repeated(path, _repeated([name for name, _ in columns]))
    frame = pd.DataFrame(dict(columns), index=range(len(index)))
    return frame.set_axis(index, axis=0)


def _repeated(names: list[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _values(parts: Iterator[Any]) -> Any:
    """Texts as a list, or an array of its header and the bytes of its rows."""
    header = next(parts)
    if isinstance(header, list):
        return header
    array = np.empty(tuple(header["shape"]), header["dtype"])
    held = array.reshape(-1).view(np.uint8)
    start = 0
    while start < len(held):
        part = next(parts)
        held[start : start + len(part)] = np.frombuffer(part, np.uint8)
        start += len(part)
    return array


def _column(header: dict[str, Any], parts: Iterator[Any]) -> pd.Series:
    """Column of the annotation, by the form in which it comes."""
    values = _values(parts)
    if header["form"] == "levels":
        levels = _plain(_values(parts))
        codes = pd.Categorical.from_codes(values, levels, ordered=header["ordered"])
        return pd.Series(codes)
    if header["form"] == "nullable":
        missing = _values(parts).astype(bool)
        return pd.Series(_nullable(values, missing))
    return pd.Series(_plain(values))


def _nullable(values: np.ndarray, missing: np.ndarray) -> Any:
    if values.dtype.kind == "b":
        return pd.arrays.BooleanArray(values, missing)
    if values.dtype.kind in "iu":
        return pd.arrays.IntegerArray(values, missing)
    return np.where(missing, np.nan, values)


def _plain(values: Any) -> Any:
    """Values for pandas: rows of several dimensions as lists, bytes as text."""
    if isinstance(values, np.ndarray) and (values.ndim > 1 or values.dtype.kind == "S"):
        return [_decoded(value) for value in values.tolist()]
    return values


def _decoded(value: Any) -> Any:
    return decoded_text(value) if isinstance(value, bytes) else value
