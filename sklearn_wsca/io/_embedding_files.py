"""Embeddings from files: an array, or a table indexed by ids."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from sklearn_wsca._backend.file_rows import FileArray
from sklearn_wsca._backend.memory_size import read_size
from sklearn_wsca._text import plural
from sklearn_wsca.io._array_file import ArrayFile, as_float, check_finite, check_matrix
from sklearn_wsca.io._array_formats import ARRAY_FORMATS
from sklearn_wsca.io._arrays import open_npy
from sklearn_wsca.io._errors import EXAMPLES, file_error, listed, quoted
from sklearn_wsca.io._h5ad import open_h5ad, read_obs
from sklearn_wsca.io._ids import INDEX, id_index, no_such_id, take_ids, text_ids
from sklearn_wsca.io._number_rows import read_numbers
from sklearn_wsca.io._paths import known_suffix, regular_file
from sklearn_wsca.io._tables import read_typed_table
from sklearn_wsca.io._text import text_table

BY_NAME = {**ARRAY_FORMATS, ".h5ad": open_h5ad}
TABLES = (".csv", ".tsv", ".parquet", ".feather")
RESAVE = "np.save('embeddings.npy', array)"
LOOKS_LIKE_IDS = re.compile(r"(.*[_ .-])?(id|index)|unnamed: 0", re.IGNORECASE)


def load_embeddings(
    path: Any,
    *,
    key: str | None = None,
    id: str | None = None,
    feature_names: bool = False,
    scores: bool = False,
    max_size: int | str | None = None,
) -> np.ndarray | pd.DataFrame:
    r"""Read embeddings: one row per sample, one column per feature.

    Nothing is ever unpickled. The format is told by the suffix:

    ======================= ==========================================================
    .npy                    stays on disk and is read in blocks (a memory map)
    .npz, .safetensors,     an array by its name (`key`)
    .pt, .pth
    .ckpt, .bin, .pth.tar,  the same; which format it is, tells the content
    .pt.tar
    .h5ad                   X, or the matrix in obsm or layers that `key` names
    .csv, .tsv, .parquet,   all columns but the ids, which have to be numbers
    .feather
    ======================= ==========================================================

    Parameters
    ----------
    path : str or path
        The file.
    key : str, default=None
        Name of the array in a file that holds several; needed if more than one of them
        has two dimensions.
    id : str, default=None
        Name of the ids of the rows: a column, an array beside the embeddings, a column
        of obs, or "index" for the row names of an h5ad file or of R, and for the index
        of a table that pandas wrote. None: rows are told by their order.
    feature_names : bool, default=False
        Return a DataFrame wherever the file names its features, which tables do.
    scores : bool, default=False
        Whether the file may hold a single output of each sample: an array of one
        dimension is then read as one column.
    max_size : int or str, default=None
        Bytes that what is read may take in memory, such as "8GB"; None: half of the
        memory at hand, and no more than 500 times what is stored. Files .npy are
        read from disk and not counted.

    Returns
    -------
    embeddings : ndarray or DataFrame of shape (n_samples, n_features)
        Real numbers; with `id` a DataFrame of floats, indexed by the ids.

    Raises
    ------
    FileError
        If the file cannot be used; one line with its name and what to do. Values that
        are NaN or infinite are looked for in all formats but .npy, whose rows are not
        read yet.
    ImportError
        If the package that reads this format is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_wsca.io import load_embeddings
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "embeddings.csv"
    ...     _ = file.write_text("sample,f0,f1\n007,1.5,20\n010,2.5,30\n")
    ...     embeddings = load_embeddings(file, id="sample")
    >>> embeddings.loc["007"].tolist()
    [1.5, 20.0]
    """
    limit = read_size(max_size)
    file = regular_file(path)
    known = [".npy", *BY_NAME, *TABLES]
    suffix = known_suffix(path, known, "embeddings", RESAVE)
    if key is not None and suffix not in BY_NAME:
        raise file_error(
            path, f"key={key!r}: a {suffix} file holds one matrix; leave out key."
        )
    if suffix == ".npy":
        return _from_npy(path, file, id, scores)
    if suffix in BY_NAME:
        arrays = BY_NAME[suffix](path, file, limit)
        X = _as_column(_choose(arrays, key, id, scores), scores)
        ids = None if id is None else _ids_of(arrays, file, suffix, id, limit)
        return _checked(path, X, ids, None)
    if suffix in (".csv", ".tsv"):
        X = _from_text(path, file, id)
    else:
        X = _from_table(path, read_typed_table(path, file, suffix, limit), id)
    if id is None and not (feature_names and _are_named(X)):
        return X.to_numpy()
    return X


def _are_named(X: pd.DataFrame) -> bool:
    """Whether features have names that do not just count them."""
    return [*map(str, X.columns)] != [*map(str, range(X.shape[1]))]


def _from_npy(path: Any, file: Path, id: str | None, scores: bool) -> np.ndarray:
    """Embeddings that stay on disk: what they hold is checked when they are read."""
    if id is not None:
        raise file_error(
            path,
            f"an npy file holds no ids, and id={id!r} was asked for; save both with "
            f"np.savez('embeddings.npz', embeddings=X, {id}=ids), or leave out id if "
            "row i of both files is the same sample.",
        )
    X = open_npy(path, file)
    source, X = getattr(X, "source", None), _as_column(X, scores)
    if isinstance(X, FileArray):
        X.source = source
    check_matrix(path, X.shape, X.dtype)
    return X


def _as_column(X: np.ndarray, scores: bool) -> np.ndarray:
    """One score per row as a matrix; other arrays as they are."""
    return X[:, None] if scores and X.ndim == 1 else X


def _choose(
    arrays: ArrayFile, key: str | None, id: str | None, scores: bool
) -> np.ndarray:
    """The array that `key` names, or the only one that can be embeddings.

    One score per row is looked for where no array has two dimensions.
    """
    if key is not None:
        return arrays.require(key, "key")
    if arrays.default is not None:
        return arrays.read(arrays.default)
    names = [name for name in arrays.shapes if name != id]
    if len(names) == 1:
        # Reported with its shape if it is no matrix.
        return arrays.read(names[0])
    remedy = "save a 2-D array, one row per sample and one column per feature"
    is_matrix = any(len(arrays.shapes[name]) == 2 for name in names)
    n_axes = 1 if scores and not is_matrix else 2
    wanted = "scores" if n_axes == 1 else "embeddings"
    name = arrays.choose(wanted, lambda shape: len(shape) == n_axes, remedy)
    return arrays.read(name)


def _ids_of(
    arrays: ArrayFile, file: Path, suffix: str, id: str, limit: int | None
) -> pd.Index:
    """Ids that lie in the same file as an array."""
    path = arrays.path
    if suffix == ".h5ad":
        obs = read_obs(path, file, limit)
        if id != INDEX and id not in obs.columns:
            raise no_such_id(path, id, [INDEX, *obs.columns])
        return id_index(path, obs.index if id == INDEX else obs[id], id)
    if id not in arrays.shapes and id not in arrays.unreadable:
        raise no_such_id(path, id, arrays.shapes)
    ids = arrays.require(id, "id")
    if ids.ndim != 1:
        raise file_error(
            path,
            f"the ids {quoted(id)} have the shape {ids.shape}; save one id per row.",
        )
    return id_index(path, ids.tolist(), id)


def _checked(
    path: Any, X: np.ndarray, ids: pd.Index | None, names: list[Any] | None
) -> np.ndarray | pd.DataFrame:
    """Embeddings in memory, with ids if there are any."""
    check_matrix(path, X.shape, X.dtype)
    X = as_float(X)
    check_finite(path, X)
    if ids is None:
        return X if names is None else pd.DataFrame(X, columns=names)
    if len(ids) != len(X):
        raise file_error(
            path,
            f"has {plural(len(ids), 'id')} in {quoted(ids.name)} for "
            f"{plural(len(X), 'row')} of embeddings; save one id per row.",
        )
    return pd.DataFrame(X, index=ids, columns=names)


def _from_table(path: Any, table: pd.DataFrame, id: str | None) -> pd.DataFrame:
    ids = None
    if id is not None:
        table = take_ids(path, table, id)
        ids = table.index
    _check_features(path, list(table.columns), id)
    others = [name for name in table.columns if not _is_real(table[name].dtype)]
    if others:
        column = table[others[0]]
        raise file_error(
            path,
            f"has {plural(len(others), 'column')} without numbers "
            f"({listed(others, EXAMPLES)}; {quoted(others[0])} holds "
            f"{quoted(column.iloc[0])}); name the ids with id and move everything else "
            "to the metadata; lists become columns with np.stack.",
        )
    single = all(dtype == np.float32 for dtype in table.dtypes)
    X = table.to_numpy(np.float32 if single else np.float64, na_value=np.nan)
    return _checked(path, X, ids, list(table.columns))


def _is_real(dtype: Any) -> bool:
    real = types.is_numeric_dtype(dtype) and not types.is_bool_dtype(dtype)
    return real and not types.is_complex_dtype(dtype)


def _check_features(path: Any, names: list[Any], id: str | None) -> None:
    """Refuse ids among the features, which would be analysed like any of them."""
    suspects = [name for name in names if LOOKS_LIKE_IDS.fullmatch(str(name))]
    if not names:
        raise file_error(path, "has no columns besides the ids; export it again.")
    if suspects:
        advice = f"name it with id={suspects[0]!r}" if id is None else "drop it"
        raise file_error(
            path,
            f"its column {quoted(suspects[0])} looks like ids rather than a feature; "
            f"{advice}, or rename it if it is a feature.",
        )


def _from_text(path: Any, file: Path, id: str | None) -> pd.DataFrame:
    with text_table(path, file, header_required=False) as table:
        label = None if id is None else text_ids(path, table.names, id)
        names = [name for name in table.names if name != label]
        _check_features(path, names, id)
        fix = "name the ids with id and move everything else to the metadata"
        ids, X = read_numbers(path, table, label, fix)
    index = None if id is None else id_index(path, ids, id)
    return _checked(path, X, index, names)
