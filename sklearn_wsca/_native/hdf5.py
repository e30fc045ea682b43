"""Parts of HDF5 files, with everything checked that the library takes on trust."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_wsca._backend.extras import import_extra
from sklearn_wsca._native.refusals import RefusalError, check_size

BLOCK = 16 * 2**20
# Texts are as long as they like: so many are read at once.
TEXTS = 1024
# Attributes are small: shapes, names of columns.
LARGEST_ATTRIBUTE = 2**20
NUMBERS = "biufc"
WRITE_AGAIN = "write the file again with anndata"


class Content:
    """Root of an open file, with the limit of what may be unpacked."""

    def __init__(self, root: Any, size: int, max_size: int | None) -> None:
        self.root, self.size, self.max_size = root, size, max_size

    def __contains__(self, place: str) -> bool:
        return place in self.root

    def group(self, place: str) -> Any:
        """Group, or what else is there."""
        return self.root[place]

    def dataset(self, place: str, element: Any = None) -> Any:
        """Data that lie in this file, hold plain values and fit into the memory."""
        found = self.root[place] if element is None else element
        if not hasattr(found, "dtype"):
            raise RefusalError(f"its {place!r} is no array; {WRITE_AGAIN}.")
        if found.external or found.is_virtual:
            raise RefusalError(
                f"its {place!r} lies in another file, which is not followed; copy the "
                "data into this file."
            )
        if not _is_plain(found.dtype):
            raise RefusalError(
                f"its {place!r} holds {_describe(found.dtype)}, which are not read; "
                "save numbers and text."
            )
        if found.shape is None:
            raise RefusalError(f"its {place!r} is empty; {WRITE_AGAIN}.")
        stored = min(found.id.get_storage_size(), self.size)
        # Parts are unpacked one by one and whole.
        for shape in (found.shape, found.chunks or ()):
            declared = math.prod(shape) * found.dtype.itemsize
            check_size(f"its {place!r}", declared, stored, self.max_size)
        return found

    def values(self, place: str, n_dimensions: int = 1) -> np.ndarray | list[str]:
        """Array of numbers or bytes; text as a list."""
        found = self.dataset(place)
        if len(found.shape) != n_dimensions:
            raise RefusalError(
                f"its {place!r} has the shape {found.shape}; {WRITE_AGAIN}."
            )
        if found.dtype.kind != "O":
            return found[()]
        texts: list[str] = []
        n_bytes = 0
        for start in range(0, found.shape[0], TEXTS):
            read = [text_of(value) for value in found[start : start + TEXTS]]
            n_bytes += sum(map(len, read))
            check_size(f"its {place!r}", n_bytes, self.size, self.max_size)
            texts += read
        return texts

    def integers(self, place: str) -> np.ndarray:
        """Whole numbers, one behind the other, as signed ones of 8 bytes."""
        values = self.values(place)
        kind = values.dtype.kind if isinstance(values, np.ndarray) else "O"
        if not isinstance(values, np.ndarray) or kind not in "iu":
            raise RefusalError(f"its {place!r} holds no whole numbers; {WRITE_AGAIN}.")
        if kind == "u" and len(values) and values.max() > np.iinfo(np.int64).max:
            raise RefusalError(
                f"its {place!r} holds {values.max()}, which is out of range; "
                f"{WRITE_AGAIN}."
            )
        return values.astype(np.int64)

    def attribute(self, place: str, name: str, default: Any = None) -> Any:
        """Attribute of numbers or text; nothing else is read."""
        attributes = self.root[place].attrs
        if name not in attributes:
            return default
        found = attributes.get_id(name)
        size = math.prod(found.shape) * found.dtype.itemsize
        if not _is_plain(found.dtype) or size > LARGEST_ATTRIBUTE:
            raise RefusalError(
                f"the attribute {name!r} of its {place!r} holds "
                f"{_describe(found.dtype)}, of shape {found.shape}; {WRITE_AGAIN}."
            )
        value = attributes[name]
        if isinstance(value, np.ndarray) and value.dtype.kind == "O":
            return [text_of(part) for part in value.ravel()]
        return text_of(value) if isinstance(value, (bytes, str)) else value

    def encoding(self, place: str) -> str:
        """What anndata calls the kind of an element."""
        return str(self.attribute(place, "encoding-type", ""))


@contextmanager
def opened(file: str, max_size: int | None) -> Iterator[Content]:
    """Open a file; links that are more than names of its own parts are refused."""
    h5py = import_extra("h5py", "io")
    with h5py.File(file, "r") as root:
        links: list[tuple[str, Any]] = []
        # An error within the visit would be replaced by one of the library.
        root.visititems_links(
            lambda name, link: (
                None if isinstance(link, h5py.HardLink) else links.append((name, link))
            )
        )
        for name, link in links:
            kind = "into another file" if hasattr(link, "filename") else "to a name"
            raise RefusalError(
                f"its {name!r} is a link {kind}, which is not followed; copy the data "
                "into its place in this file."
            )
        yield Content(root, Path(file).stat().st_size, max_size)


def blocks(array: Any, itemsize: int) -> Iterator[slice]:
    """Rows of an array that are read at once, whole parts where there are any."""
    width = math.prod(array.shape[1:]) * itemsize
    n_rows = max(1, BLOCK // max(1, width))
    chunks = getattr(array, "chunks", None)
    if chunks:
        n_rows = max(chunks[0], n_rows // chunks[0] * chunks[0])
    for start in range(0, array.shape[0], n_rows):
        yield slice(start, start + n_rows)


def array_parts(values: np.ndarray | list[str]) -> Iterator[Any]:
    """Values as they are sent: text as a list, an array as its header and bytes."""
    if isinstance(values, list):
        yield values
    else:
        yield {"dtype": values.dtype.str, "shape": values.shape}
        yield np.ascontiguousarray(values).reshape(-1).view(np.uint8).data


def is_of_records(element: Any) -> bool:
    """Whether an element is a table as anndata wrote it before 0.7."""
    return bool(getattr(getattr(element, "dtype", None), "names", None))


def _is_plain(dtype: np.dtype) -> bool:
    """Whether values are numbers, truth values or text, or records of such."""
    h5py = import_extra("h5py", "io")
    if dtype.names:
        return all(_is_plain(dtype[name]) for name in dtype.names)
    if dtype.subdtype:
        return _is_plain(dtype.base)
    if dtype.kind == "O":
        return h5py.check_string_dtype(dtype) is not None
    return dtype.kind in NUMBERS + "S"


def _describe(dtype: np.dtype) -> str:
    h5py = import_extra("h5py", "io")
    if h5py.check_ref_dtype(dtype) is not None:
        return "references to other objects"
    return f"values of the type {dtype!s:.40}"


def text_of(value: Any) -> str:
    """Text of a value, which HDF5 holds as bytes."""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
