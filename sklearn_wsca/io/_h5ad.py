"""Annotated matrices (.h5ad): embeddings in X, obsm or layers, metadata in obs."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._backend.extras import import_extra
from sklearn_wsca.io._array_file import ArrayFile, Shape
from sklearn_wsca.io._errors import file_error, library_errors, quoted
from sklearn_wsca.io._sizes import check_unpacked_size
from sklearn_wsca.io._typed_columns import decoded_text

ROOMS = ("obsm", "layers")
WHAT = "h5ad file"
BYTES_PER_VALUE = 8
# Names that anndata used before 0.7.
OLD_INDEXES = ("index", "_index")
OLD_LEVELS = "_categories"
OLD_SHAPE = "h5sparse_shape"


def open_h5ad(path: Any, file: Path, max_size: int | None = None) -> ArrayFile:
    """Matrices of an h5ad file: "X" and, by their names, those in obsm and layers."""
    with _opened(path, file) as content:
        shapes = {
            name: _shape_of(content, place) for name, place in _places(content).items()
        }

    def read(name: str) -> np.ndarray:
        with _opened(path, file) as content:
            place = _places(content)[name]
            room, _, field = place.partition("/")
            in_records = _is_of_records(content[room])
            element = content[room if in_records else place]
            _check_element(path, name, element, max_size)
            # Sparse matrices become dense, in double precision at worst.
            declared = math.prod(shapes[name]) * BYTES_PER_VALUE
            stored = None if hasattr(element, "keys") else element.id.get_storage_size()
            check_unpacked_size(path, quoted(name), declared, stored, max_size)
            read = _read_element(path, element)
            return _dense(read[field] if in_records else read)

    default = "X" if len(shapes.get("X", ())) == 2 else None
    return ArrayFile(path, shapes, read, default=default)


def read_obs(path: Any, file: Path, max_size: int | None = None) -> pd.DataFrame:
    """Annotation of the rows, indexed by their names."""
    with _opened(path, file) as content:
        if "obs" not in content:
            raise file_error(path, "has no obs table; write it with anndata again.")
        _check_element(path, "obs", content["obs"], max_size)
        obs = _read_element(path, content["obs"])
        if _is_of_records(content["obs"]):
            return _table_of_records(path, obs, content, max_size)
    if not isinstance(obs, pd.DataFrame):
        raise file_error(path, "has an obs that is no table; write it again.")
    return obs


@contextmanager
def _opened(path: Any, file: Path) -> Iterator[Any]:
    """Root of the file; links into other files are refused."""
    h5py = import_extra("h5py", "io")
    with library_errors(path, WHAT), h5py.File(file, "r") as content:
        links: list[str] = []
        content.visititems_links(
            lambda name, link: (
                links.append(name) if isinstance(link, h5py.ExternalLink) else None
            )
        )
        if links:
            raise file_error(
                path,
                f"its {quoted(links[0])} is a link into another file, which is not "
                "followed; copy the data into this file.",
            )
        yield content


def _places(content: Any) -> dict[str, str]:
    """Where the matrices are, by the names under which they are chosen."""
    places = {"X": "X"} if "X" in content else {}
    for room in ROOMS:
        for name in _names_in(content.get(room, {})):
            places[name if name not in places else f"{room}/{name}"] = f"{room}/{name}"
    return places


def _names_in(room: Any) -> list[str]:
    """Names of matrices, which before anndata 0.7 were the fields of records."""
    return list(room.dtype.names or ()) if _is_of_records(room) else list(room)


def _is_of_records(element: Any) -> bool:
    return bool(getattr(getattr(element, "dtype", None), "names", None))


def _shape_of(content: Any, place: str) -> Shape:
    """Shape of a dense or sparse matrix; () for anything else."""
    room, _, field = place.partition("/")
    if _is_of_records(content[room]):
        return (*content[room].shape, *content[room].dtype[field].shape)
    element = content[place]
    if hasattr(element, "shape"):
        return tuple(element.shape or ())
    sizes = element.attrs.get("shape", element.attrs.get(OLD_SHAPE, ()))
    return tuple(int(size) for size in sizes)


def _table_of_records(
    path: Any, records: np.ndarray, content: Any, max_size: int | None
) -> pd.DataFrame:
    """Annotation as anndata wrote it before 0.7: levels are codes, named elsewhere."""
    names = list(records.dtype.names or ())
    index = next((name for name in OLD_INDEXES if name in names), None)
    columns = {}
    for name in names:
        values: Any = records[name]
        if name == index:
            continue
        place = f"uns/{name}{OLD_LEVELS}"
        if place in content:
            _check_element(path, place, content[place], max_size)
            # A single level was written as a scalar, which anndata no longer reads.
            levels = np.atleast_1d(content[place][()]).tolist()
            levels = [_decoded(level) for level in levels]
            values = pd.Categorical.from_codes(values, levels)
        elif values.ndim > 1 or values.dtype.kind in "OS":
            values = [_decoded(value) for value in values.tolist()]
        columns[name] = pd.Series(values)
    rows = range(len(records)) if index is None else map(_decoded, records[index])
    return pd.DataFrame(columns).set_axis(pd.Index(list(rows)), axis=0)


def _decoded(value: Any) -> Any:
    return decoded_text(value) if isinstance(value, bytes) else value


def _check_element(path: Any, name: str, element: Any, max_size: int | None) -> None:
    """Refuse data that lie in other files, or do not fit into memory."""

    def check(part: str, found: Any) -> None:
        if not hasattr(found, "shape"):
            return
        if found.external or found.is_virtual:
            raise file_error(
                path,
                f"{quoted(name)} lies in another file, which is not followed; copy "
                "the data into this file.",
            )
        declared = math.prod(found.shape or ()) * found.dtype.itemsize
        check_unpacked_size(path, quoted(name), declared, None, max_size)

    if hasattr(element, "visititems"):
        element.visititems(check)
    else:
        check(name, element)


def _read_element(path: Any, element: Any) -> Any:
    anndata_io = import_extra("anndata.io", "io")
    with warnings.catch_warnings():
        # Older versions of the format give warnings and are read all the same.
        warnings.simplefilter("ignore")
        return anndata_io.read_elem(element)


def _dense(matrix: Any) -> np.ndarray:
    if hasattr(matrix, "toarray"):
        matrix = matrix.toarray()
    return np.asarray(matrix)
