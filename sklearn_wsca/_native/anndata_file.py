"""Elements of an h5ad file: matrices row by row, and the annotation of the rows.

The library anndata trusts what such a file says of itself; here indices, codes, lengths
and shapes are compared with each other first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sklearn_wsca._native.hdf5 import (
    NUMBERS,
    WRITE_AGAIN,
    Content,
    array_parts,
    blocks,
    is_of_records,
    opened,
    text_of,
)
from sklearn_wsca._native.refusals import RefusalError, check_size

ROOMS = ("obsm", "layers")
SPARSE = ("csr", "csc")
# Names that anndata used before 0.7 and in 0.7.
OLD_INDEXES = ("index", "_index")
OLD_LEVELS = "_categories"
OLD_SHAPE = "h5sparse_shape"
OLD_FORMAT = "h5sparse_format"
LEVELS_OF_0_7 = "obs/__categories"


def list_matrices(file: str, max_size: int | None) -> Iterator[Any]:
    """Shapes of all matrices, by the names under which they are chosen."""
    with opened(file, max_size) as content:
        yield {name: shape_of(content, p) for name, p in places_of(content).items()}


def read_matrix(file: str, max_size: int | None, name: str) -> Iterator[Any]:
    """Type and shape of a matrix, then its rows."""
    with opened(file, max_size) as content:
        place = places_of(content)[name]
        room, _, field = place.partition("/")
        element = content.group(room if is_of_records(content.group(room)) else place)
        _check_rows(content, place, shape_of(content, place))
        if is_of_records(element):
            values = content.dataset(room)[field]
            yield from array_parts(values)
        elif hasattr(element, "dtype"):
            yield from _dense_parts(content, place)
        elif content.encoding(place) == "dataframe":
            columns = [part for _, part in _columns_of(content, place)]
            if not all(len(c) == 1 and hasattr(c[0], "dtype") for c in columns):
                raise RefusalError(f"its {place!r} holds text; save numbers.")
            yield from array_parts(np.column_stack([c[0] for c in columns]))
        else:
            yield from _sparse_parts(content, place)


def read_rows(file: str, max_size: int | None) -> Iterator[Any]:
    """Names of the rows, then column by column: name and form, then its arrays."""
    with opened(file, max_size) as content:
        if "obs" not in content:
            raise RefusalError("has no obs table; write it with anndata again.")
        if is_of_records(content.group("obs")):
            yield from _record_parts(content)
            return
        if not hasattr(content.group("obs"), "keys"):
            raise RefusalError("has an obs that is no table; write it again.")
        index = _index_of(content, "obs")
        n_rows = len(index)
        yield from array_parts(index)
        for header, arrays in _columns_of(content, "obs"):
            if len(arrays[0]) != n_rows:
                raise RefusalError(
                    f"its obs has {n_rows} rows, and {len(arrays[0])} in the column "
                    f"{header['name']!r}; {WRITE_AGAIN}."
                )
            yield header
            for array in arrays:
                yield from array_parts(array)


def places_of(content: Content) -> dict[str, str]:
    """Where the matrices are, by the names under which they are chosen."""
    places = {"X": "X"} if "X" in content else {}
    for room in ROOMS:
        for name in _names_in(content.group(room)) if room in content else ():
            places[name if name not in places else f"{room}/{name}"] = f"{room}/{name}"
    return places


def _names_in(room: Any) -> list[str]:
    """Names of matrices, which before anndata 0.7 were the fields of records."""
    if is_of_records(room):
        return list(room.dtype.names)
    return list(room) if hasattr(room, "keys") else []


def shape_of(content: Content, place: str) -> tuple[int, ...]:
    """Shape of a dense or sparse matrix; () for anything else."""
    room, _, field = place.partition("/")
    if is_of_records(content.group(room)):
        records = content.group(room)
        return (*records.shape, *records.dtype[field].shape)
    element = content.group(place)
    if hasattr(element, "shape"):
        return tuple(element.shape or ())
    sizes = content.attribute(place, "shape")
    sizes = content.attribute(place, OLD_SHAPE, ()) if sizes is None else sizes
    sizes = np.asarray(sizes)
    if not sizes.size:
        return ()
    if sizes.shape != (2,) or sizes.dtype.kind not in "iu" or sizes.min() < 0:
        raise RefusalError(f"its {place!r} has no shape of two numbers; {WRITE_AGAIN}.")
    return tuple(sizes.tolist())


def _check_rows(content: Content, place: str, shape: tuple[int, ...]) -> None:
    """Compare the shape of a matrix with the numbers of rows and variables."""
    axes = ("obs",) if place.startswith("obsm/") else ("obs", "var")
    for axis, size in zip(axes, shape, strict=False):
        expected = _length_of(content, axis)
        if expected is not None and size != expected:
            raise RefusalError(
                f"its {place!r} has the shape {shape}, and its {axis} has {expected} "
                f"rows; {WRITE_AGAIN}."
            )


def _length_of(content: Content, axis: str) -> int | None:
    """Number of rows of an annotation, if there is one."""
    if axis not in content:
        return None
    element = content.group(axis)
    if is_of_records(element):
        return int(element.shape[0])
    name = content.attribute(axis, "_index")
    if not hasattr(element, "keys") or not isinstance(name, str) or name not in element:
        return None
    index = element[name]
    index = index["values"] if hasattr(index, "keys") and "values" in index else index
    return int(index.shape[0]) if getattr(index, "shape", None) else None


# --- matrices ------------------------------------------------------------------------


def _dense_parts(content: Content, place: str) -> Iterator[Any]:
    matrix = content.dataset(place)
    if matrix.dtype.kind not in NUMBERS:
        raise RefusalError(f"its {place!r} holds no numbers but text; save numbers.")
    yield {"dtype": matrix.dtype.str, "shape": matrix.shape}
    if not matrix.shape:
        yield np.asarray(matrix[()]).tobytes()
        return
    for rows in blocks(matrix, matrix.dtype.itemsize):
        yield np.ascontiguousarray(matrix[rows]).reshape(-1).view(np.uint8).data


def _sparse_parts(content: Content, place: str) -> Iterator[Any]:
    """Rows of a sparse matrix, as dense ones."""
    shape = shape_of(content, place)
    encoding = content.encoding(place)
    kind = (encoding or str(content.attribute(place, OLD_FORMAT, "")))[:3]
    if len(shape) != 2 or kind not in SPARSE:
        raise RefusalError(f"its {place!r} is no matrix that is known; save an array.")
    matrix = _sparse_matrix(content, place, kind, shape)
    dtype = matrix.dtype
    held = content.size
    declared = shape[0] * shape[1] * dtype.itemsize
    check_size(f"its {place!r}", declared, held, content.max_size)
    yield {"dtype": dtype.str, "shape": shape}
    for rows in blocks(matrix, dtype.itemsize):
        dense = np.ascontiguousarray(matrix[rows].toarray())
        yield dense.reshape(-1).view(np.uint8).data


def _sparse_matrix(
    content: Content, place: str, kind: str, shape: tuple[int, ...]
) -> Any:
    """Matrix by rows, of parts that fit each other."""
    from scipy import sparse

    data = content.values(f"{place}/data")
    indices = content.integers(f"{place}/indices")
    starts = content.integers(f"{place}/indptr")
    if isinstance(data, list) or data.dtype.kind not in NUMBERS:
        raise RefusalError(f"its {place!r} holds no numbers but text; save numbers.")
    n_major, n_minor = shape if kind == "csr" else shape[::-1]
    problem = _why_not_sparse(data, indices, starts, n_major, n_minor)
    if not problem and indices.max(initial=-1) + 1 < n_minor:
        problem = _why_not_compared(content, place, kind, shape)
    if problem:
        raise RefusalError(f"its {place!r} is damaged: {problem}; {WRITE_AGAIN}.")
    made = sparse.csr_matrix if kind == "csr" else sparse.csc_matrix
    matrix = made((data, indices, starts), shape=shape, copy=False)
    matrix.sort_indices()
    if not matrix.has_canonical_format:
        raise RefusalError(
            f"its {place!r} gives a value of the matrix twice; {WRITE_AGAIN}, after "
            "sum_duplicates()."
        )
    return matrix.tocsr()


def _why_not_compared(
    content: Content, place: str, kind: str, shape: tuple[int, ...]
) -> str | None:
    """Say so where nothing but the shape itself tells that its end is empty."""
    if kind == "csr" and place.startswith("obsm/"):
        # Their columns have no annotation in any file.
        return None
    if _length_of(content, "obs" if kind == "csc" else "var") is not None:
        return None
    side = "rows" if kind == "csc" else "columns"
    return (
        f"the last {side} of its shape {shape} hold nothing, and nothing in the file "
        "says that they should be there"
    )


def _why_not_sparse(
    data: np.ndarray,
    indices: np.ndarray,
    starts: np.ndarray,
    n_major: int,
    n_minor: int,
) -> str | None:
    """What does not fit in a sparse matrix."""
    if len(data) != len(indices):
        return f"it has {len(data)} values and {len(indices)} indices"
    if len(starts) != n_major + 1:
        return f"its indptr has {len(starts)} numbers instead of {n_major + 1}"
    if starts[0] != 0 or starts[-1] != len(indices):
        return (
            f"its indptr goes from {starts[0]} to {starts[-1]} instead of from 0 to "
            f"{len(indices)}"
        )
    if (np.diff(starts) < 0).any():
        return "its indptr falls"
    if len(indices) and (indices.min() < 0 or indices.max() >= n_minor):
        wrong = indices.min() if indices.min() < 0 else indices.max()
        return f"its indices hold {wrong}, beyond the shape"
    return None


# --- tables --------------------------------------------------------------------------


def _index_of(content: Content, place: str) -> Any:
    name = content.attribute(place, "_index")
    if not isinstance(name, str) or name not in content.group(place):
        raise RefusalError(f"its {place!r} has no names of rows; {WRITE_AGAIN}.")
    _, arrays = _column(content, f"{place}/{name}", name)
    if len(arrays) != 1:
        raise RefusalError(f"its {place!r} has no plain names of rows; {WRITE_AGAIN}.")
    return arrays[0]


def _columns_of(content: Content, place: str) -> Iterator[tuple[dict, list[Any]]]:
    """Name and form of each column, with its arrays."""
    names = content.attribute(place, "column-order", ())
    for name in [names] if isinstance(names, str) else map(str, names):
        if name not in content.group(place):
            raise RefusalError(
                f"its {place!r} lacks the column {name!r}; {WRITE_AGAIN}."
            )
        yield _column(content, f"{place}/{name}", name)


def _column(content: Content, place: str, name: str) -> tuple[dict, list[Any]]:
    element = content.group(place)
    if hasattr(element, "dtype"):
        # Levels were codes with a reference in anndata 0.7: they are found by name.
        if "categories" in element.attrs:
            levels = f"{LEVELS_OF_0_7}/{name}"
            return _levels(content, name, place, levels)
        return {"name": name, "form": "plain"}, [content.values(place)]
    form = content.encoding(place)
    parts = {"categorical": ("codes", "categories")}.get(form, ("values", "mask"))
    known = form == "categorical" or form.startswith("nullable-")
    if not known or not all(part in element for part in parts):
        raise RefusalError(
            f"the column {name!r} of its obs has the form {form!r}, which is not read; "
            "leave it out, or save numbers or text."
        )
    if form == "categorical":
        return _levels(content, name, f"{place}/codes", f"{place}/categories", place)
    values, mask = (content.values(f"{place}/{part}") for part in parts)
    if isinstance(mask, list) or mask.dtype.kind != "b" or len(mask) != len(values):
        raise RefusalError(f"the mask of its {place!r} does not fit; {WRITE_AGAIN}.")
    if isinstance(values, list):
        pairs = zip(values, mask, strict=True)
        texts = [None if missing else value for value, missing in pairs]
        return {"name": name, "form": "plain"}, [texts]
    return {"name": name, "form": "nullable"}, [values, mask]


def _levels(
    content: Content, name: str, codes_at: str, levels_at: str, place: str = ""
) -> tuple[dict, list[Any]]:
    """Codes of levels, and the levels."""
    if levels_at not in content:
        raise RefusalError(
            f"the column {name!r} of its obs lacks levels; {WRITE_AGAIN}."
        )
    codes = content.integers(codes_at)
    _, (levels, *masks) = _column_of_levels(content, levels_at, name)
    if masks:
        raise RefusalError(
            f"the levels of the column {name!r} lack some; {WRITE_AGAIN}."
        )
    _check_levels(codes, levels, name)
    ordered = bool(content.attribute(place or levels_at, "ordered", False))
    return {"name": name, "form": "levels", "ordered": ordered}, [codes, levels]


def _check_levels(codes: np.ndarray, levels: Any, name: str) -> None:
    """Raise if a code stands for no level, or two levels are the same."""
    if len(codes) and (codes.min() < -1 or codes.max() >= len(levels)):
        wrong = codes.min() if codes.min() < -1 else codes.max()
        raise RefusalError(
            f"the column {name!r} of its obs has the code {wrong} for {len(levels)} "
            f"levels; {WRITE_AGAIN}."
        )
    if len(set(levels if isinstance(levels, list) else levels.tolist())) < len(levels):
        raise RefusalError(
            f"the column {name!r} of its obs has a level twice; {WRITE_AGAIN}."
        )


def _column_of_levels(
    content: Content, place: str, name: str
) -> tuple[dict, list[Any]]:
    element = content.group(place)
    if hasattr(element, "dtype") and not element.shape:
        # A single level was written as a scalar.
        value = np.atleast_1d(content.dataset(place)[()])
        return {}, [_listed(value)]
    return _column(content, place, name)


def _listed(values: np.ndarray) -> Any:
    """Array, or text as a list."""
    if values.dtype.kind == "O":
        return [text_of(value) for value in values]
    return values


def _record_parts(content: Content) -> Iterator[Any]:
    """Annotation as anndata wrote it before 0.7: levels are codes, named elsewhere."""
    records = content.dataset("obs")[()]
    if records.ndim != 1:
        raise RefusalError(f"its obs has the shape {records.shape}; {WRITE_AGAIN}.")
    names = list(records.dtype.names)
    index = next((name for name in OLD_INDEXES if name in names), None)
    rows = np.arange(len(records)) if index is None else _listed(records[index])
    yield from array_parts(rows)
    for name in names:
        if name == index:
            continue
        header, arrays = _record_column(content, records[name], name)
        yield header
        for array in arrays:
            yield from array_parts(array)


def _record_column(
    content: Content, values: np.ndarray, name: str
) -> tuple[dict, list[Any]]:
    place = f"uns/{name}{OLD_LEVELS}"
    if place not in content:
        return {"name": name, "form": "plain"}, [_listed(values)]
    if values.dtype.kind not in "iu" or values.ndim != 1:
        raise RefusalError(
            f"the column {name!r} of its obs has no codes; {WRITE_AGAIN}."
        )
    _, (levels,) = _column_of_levels(content, place, name)
    codes = values.astype(np.int64)
    _check_levels(codes, levels, name)
    return {"name": name, "form": "levels", "ordered": False}, [codes, levels]
