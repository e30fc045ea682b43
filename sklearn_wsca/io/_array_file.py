"""Files that hold several arrays by name, and the choice of one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sklearn_wsca._input.embeddings import row_blocks
from sklearn_wsca._text import list_first, plural, suggest
from sklearn_wsca.io._errors import (
    NAMES,
    FileError,
    file_error,
    quoted,
    quoted_whole,
)

Shape = tuple[int, ...]


@dataclass(frozen=True)
class ArrayFile:
    """Named arrays of a file, read one by one.

    `unreadable` has a reason and a remedy for what cannot be read; `default` is the
    array that is meant where none is named.
    """

    path: Any
    shapes: Mapping[str, Shape]
    read: Callable[[str], np.ndarray]
    unreadable: Mapping[str, str] = field(default_factory=dict)
    default: str | None = None

    def require(self, name: str, argument: str) -> np.ndarray:
        """Array of a name that the user gave."""
        if name not in self.shapes:
            raise self.missing(name, argument)
        return self.read(name)

    def choose(self, wanted: str, fits: Callable[[Shape], bool], remedy: str) -> str:
        """Name of the only array with a shape that fits what is wanted.

        Raises
        ------
        FileError
            If none fits (with a remedy), or several do.
        """
        names = [name for name, shape in self.shapes.items() if fits(shape)]
        # What is empty is no rival of what is not.
        names = [name for name in names if 0 not in self.shapes[name]] or names
        if len(names) == 1:
            return names[0]
        if names:
            raise self.error(
                f"{len(names)} of its arrays may be {wanted}: {self.describe(names)}; "
                "name one with key."
            )
        for name in self.unreadable:
            raise self.refusal(name)
        raise self.error(
            f"none of its arrays can be {wanted}; it holds {self.describe()}: {remedy}."
        )

    def describe(self, names: list[str] | None = None) -> str:
        """Names with shapes, those with the fewest rows first."""
        names = list(self.shapes) if names is None else names
        names = sorted(names, key=lambda name: self.shapes[name][:1])
        shown = list_first(
            names, NAMES, lambda name: f"{quoted_whole(name)} {self.shapes[name]}"
        )
        return shown or "no array"

    def missing(self, name: str, argument: str) -> FileError:
        """Error about a name that the user gave and nothing can be read by."""
        if name in self.unreadable:
            return self.refusal(name)
        return self.error(
            f"there is nothing named {quoted(name)}"
            f"{suggest(name, self.shapes, quoted_whole)}; it holds {self.describe()}: "
            f"choose with {argument}."
        )

    def refusal(self, name: str) -> FileError:
        """Error about an array that cannot be read."""
        return self.error(f"{quoted(name)} {self.unreadable[name]}")

    def error(self, problem: str) -> FileError:
        """Error about this file."""
        return file_error(self.path, problem)


def check_matrix(path: Any, shape: Shape, dtype: Any) -> None:
    """Raise if an array with this header cannot be embeddings."""
    if len(shape) != 2:
        raise file_error(path, _wrong_dimensions(shape))
    if 0 in shape:
        raise file_error(
            path, f"holds an empty array of shape {shape}; export it again."
        )
    kind = np.dtype(dtype).kind
    if kind == "c":
        raise file_error(
            path,
            "holds complex numbers; save real ones, for example "
            "np.hstack([X.real, X.imag]).",
        )
    if kind == "b":
        raise file_error(
            path,
            "holds true and false, as a mask does; if these are embeddings save them "
            "as numbers with X.astype(np.float32).",
        )
    if kind not in "fiu":
        raise file_error(
            path,
            f"holds {np.dtype(dtype)!s:.40} instead of real numbers; save the "
            "embeddings as float32 and everything else as metadata.",
        )


def check_finite(path: Any, X: np.ndarray) -> None:
    """Raise if embeddings hold NaN or infinity; they are read in blocks."""
    count, first = 0, None
    for rows in row_blocks(*X.shape):
        bad = ~np.isfinite(X[rows])
        if first is None and bad.any():
            row, column = np.argwhere(bad)[0]
            first = (rows.start + int(row), int(column))
        count += int(bad.sum())
    if first is None:
        return
    row, column = first
    raise file_error(
        path,
        f"the embeddings hold {plural(count, 'NaN or infinite value')}, first in row "
        f"{row}, feature {column} (counted from 0); drop these rows from both files or "
        "export the embeddings again.",
    )


def as_float(X: np.ndarray) -> np.ndarray:
    """Whole numbers as floats; floats as they are."""
    return X if X.dtype.kind == "f" else X.astype(np.float64)


def _wrong_dimensions(shape: Shape) -> str:
    needed = "embeddings have one row per sample and one column per feature"
    if len(shape) < 2:
        return f"holds an array of shape {shape}; {needed}: save a 2-D array."
    axes = "axis=1" if len(shape) == 3 else f"axis={tuple(range(2, len(shape)))}"
    return (
        f"holds an array of {len(shape)} dimensions, shape {shape}; {needed}: average "
        f"over tokens or positions first, for example X.mean({axes})."
    )
