"""Files that are not what their place on the command line says."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._cli._errors import InputError
from sklearn_wsca._heads.given import may_be_outputs
from sklearn_wsca._text import list_first
from sklearn_wsca.io import FileError, load_head, load_metadata

# One such file holds embeddings and metadata.
BOTH = (".h5ad",)


@contextmanager
def explain_order(
    first: Path, second: Path, target: str, max_size: int | None = None
) -> Iterator[None]:
    """Say so where two files cannot be used because they are in the wrong order.

    Parameters
    ----------
    first, second : Path
        What should hold embeddings (or maps), and the metadata.
    target : str
        Column that the metadata have.
    max_size : int, default=None
        What the content of a file may take in memory.
    """
    try:
        yield
    except InputError as error:
        check_order(first, second, target, max_size, error)
        raise


def check_order(
    first: Path,
    second: Path,
    target: str,
    max_size: int | None = None,
    error: InputError | None = None,
) -> None:
    """Raise if the target is a column of the first of two files and not of the second.

    Both files are read for that: not where all is well.
    """
    if target not in _columns(first, max_size):
        return
    if _same_file(first, second):
        if first.suffix.lower() not in BOTH:
            raise InputError(
                f"{first}: is named for the embeddings and for the metadata; save the "
                "features of the embeddings in a file of their own."
            ) from error
    elif target not in _columns(second, max_size):
        other_way = shlex.join([str(second), str(first)])
        raise InputError(
            f"{first}: holds the column {target!r}, so it is the metadata, which come "
            f"second; name the files in the other order: {other_way}"
        ) from error


@contextmanager
def explain_width(
    path: Path, key: str | None, X: Any, table: Any, max_size: int | None = None
) -> Iterator[None]:
    """Say why a head does not have the width of the embeddings, where that is seen."""
    try:
        yield
    except InputError as error:
        reason = _why_other_width(path, key, X, table, max_size)
        if reason is None:
            raise
        raise InputError(f"{error.message.removesuffix('.')}. {reason}") from error


def _why_other_width(
    path: Path, key: str | None, X: Any, table: Any, max_size: int | None
) -> str | None:
    try:
        head = load_head(path, key=key, max_size=max_size)
    except (FileError, ImportError):
        return None
    coef = head[0] if isinstance(head, tuple) else head.coef
    coef, n_features = np.atleast_2d(coef), X.shape[1]
    shared = [name for name in getattr(X, "columns", ()) if name in table.columns]
    if shared and coef.shape[1] == n_features - len(shared):
        return (
            f"Columns of the metadata are among the features ({list_first(shared)}): "
            "delete them from the file of the embeddings."
        )
    if may_be_outputs(n_features, coef):
        return (
            "These embeddings look like the outputs of the head, of which there are "
            f"{len(coef)}: export what enters the last layer."
        )
    return None


def _columns(path: Path, max_size: int | None) -> pd.Index:
    """Columns of a table; none if it cannot be read as one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return load_metadata(path, max_size=max_size).columns
        except (FileError, ImportError, MemoryError):
            return pd.Index([])


def _same_file(first: Path, second: Path) -> bool:
    return first.exists() and second.exists() and first.samefile(second)
