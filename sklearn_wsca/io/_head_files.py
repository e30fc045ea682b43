"""Trained linear heads from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sklearn_wsca._backend.file_rows import read_rows
from sklearn_wsca._backend.memory_size import read_size
from sklearn_wsca._heads.given import read_head
from sklearn_wsca._heads.head import Head
from sklearn_wsca._text import is_nothing, plural
from sklearn_wsca.io._array_formats import ARRAY_FORMATS
from sklearn_wsca.io._arrays import open_npy
from sklearn_wsca.io._columns import parse_cells
from sklearn_wsca.io._errors import file_error, listed, quoted
from sklearn_wsca.io._head_arrays import as_matrix, head_arrays
from sklearn_wsca.io._missing import is_missing
from sklearn_wsca.io._number_rows import read_numbers
from sklearn_wsca.io._paths import known_suffix, regular_file
from sklearn_wsca.io._text import UNNAMED, text_table

RESAVE = (
    "np.savez('head.npz', coef=model.coef_, intercept=model.intercept_, "
    "classes=model.classes_) or torch.save(model.state_dict(), 'head.pt')"
)
# The last is what R writes.
INTERCEPT_COLUMNS = ("intercept", "bias", "(intercept)")
CLASS_COLUMN = "class"

Pair = tuple[np.ndarray, np.ndarray]


def load_head(
    path: Any,
    *,
    key: str | None = None,
    n_features: int | None = None,
    max_size: int | str | None = None,
) -> Head | Pair:
    r"""Read the weights of a trained linear head.

    Nothing is ever unpickled. Formats, told by the suffix:

    .npz, .safetensors, .pt, .pth, .ckpt, .bin, .pth.tar, .pt.tar
        The only linear layer that fits `n_features`, or the one that `key` names, with
        its weights ("head.fc.weight") or without ("head.fc"). Intercepts are the array
        beside the weights: bias for weight, intercept for coef; none means zeros. An
        array "classes" beside them names the classes. See the notes.
    .npy
        Weights alone, (C, d) or (d,).
    .csv, .tsv
        One row per class and one column per feature, in the order of the embeddings,
        below a line of names. A column "intercept" or "bias" holds the intercepts, a
        column "class" the names of the classes: none of them means "missing". A column
        without a name is refused, because it may be an index.

    Parameters
    ----------
    path : str or path
        The file.
    key : str, default=None
        Name of the layer or its weights; needed if several would fit, or if nothing
        tells that an array is the weights of a linear layer.
    n_features : int, default=None
        Width of the embeddings; None takes any.
    max_size : int or str, default=None
        Bytes that what is read may take in memory, such as "8GB"; None: half of the
        memory at hand, and no more than 500 times what is stored.

    Returns
    -------
    head : Head or pair of ndarray
        What `target_head` takes. A single row without classes comes as the pair
        (coef, intercept), because only the target tells whether it is the score of the
        second of two classes or a prediction of a number.

    Raises
    ------
    FileError
        If the file cannot be used, no weights fit, or several do; one line with its
        name, what it holds and what to do.
    ImportError
        If the package that reads this format is not installed.

    Notes
    -----
    In a checkpoint the array named "weight" need not be what a layer computes with.
    These forms are computed from their arrays: weight norm and spectral norm, old and
    new; pruning masks; 8-bit codes with a scale per row (``weight_scale``, or ``SCB``
    as bitsandbytes has it). Layers that hold anything else beside weights and
    intercepts are refused by name: adapters (their scale is not in the checkpoint),
    formats of 4 bits and of floating-point numbers of 8 bits, packed integers, other
    parametrizations. For these, `sklearn_wsca.torch.head_from_module` runs the layer.

    Without `key`, weights must have intercepts beside them or a name such as "fc",
    "head" or "classifier": embedding tables, centres of classes and states of an
    optimizer are not taken.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_wsca.io import load_head
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "head.csv"
    ...     _ = file.write_text("class,bias,f0,f1\nill,0.5,1,2\nwell,-0.5,3,4\n")
    ...     head = load_head(file, n_features=2)
    >>> head.classes
    ('ill', 'well')
    >>> head.coef
    array([[1., 2.],
           [3., 4.]])
    """
    limit = read_size(max_size)
    file = regular_file(path)
    known = [".npy", *ARRAY_FORMATS, ".csv", ".tsv"]
    suffix = known_suffix(path, known, "heads", RESAVE)
    if suffix in ARRAY_FORMATS:
        parts = head_arrays(ARRAY_FORMATS[suffix](path, file, limit), key, n_features)
    elif key is not None:
        raise file_error(
            path, f"key={key!r}: a {suffix} file holds one head; leave out key."
        )
    elif suffix == ".npy":
        parts = np.array(read_rows(open_npy(path, file), slice(None))), None, None
    else:
        parts = _from_text(path, file)
    return _build(path, *parts, n_features)


def _build(
    path: Any,
    coef: np.ndarray,
    intercept: np.ndarray | None,
    classes: tuple | None,
    n_features: int | None,
) -> Head | Pair:
    """Head of its parts, checked."""
    if coef.dtype.kind not in "fiu" or coef.size == 0:
        raise file_error(
            path,
            f"holds {coef.dtype!s:.40} of shape {coef.shape} instead of weights; save "
            "the weights as float32.",
        )
    if intercept is not None and intercept.dtype.kind not in "fiu":
        raise file_error(
            path, f"holds {intercept.dtype!s:.40} as intercepts; save them as float32."
        )
    coef = np.atleast_2d(coef)
    if coef.ndim > 2:
        raise file_error(
            path, f"holds weights of shape {coef.shape}; {as_matrix(coef.shape)}."
        )
    _check_classes(path, classes, len(coef))
    width = coef.shape[-1] if n_features is None else n_features
    try:
        pair = (coef, None if intercept is None else intercept.ravel())
        head = read_head(pair, argument="", n_features=width, levels=classes)
    except ValueError as error:
        raise file_error(path, str(error).removeprefix(": ")) from error
    if head.n_rows == 1 and classes is None:
        return head.coef, head.intercept
    return head


def _check_classes(path: Any, classes: tuple | None, n_rows: int) -> None:
    if classes is None:
        return
    if n_rows == len(classes) == 1:
        raise file_error(
            path,
            f"has one row, of class {quoted(classes[0])}, and leaves open which class "
            "the other is; write a row for each class, or no class for the score of "
            "the second of two sorted classes.",
        )
    if n_rows != len(classes) and (n_rows, len(classes)) != (1, 2):
        raise file_error(
            path,
            f"has {plural(n_rows, 'row')} of weights and {len(classes)} classes; save "
            "one row per class, or one row for two classes.",
        )
    if any(is_nothing(name) for name in classes):
        raise file_error(
            path, "has a class without a name (NaN or None); name all of its classes."
        )
    if len(set(classes)) < len(classes):
        raise file_error(
            path, f"names a class twice ({listed(classes)}); give each its own name."
        )


def _from_text(
    path: Any, file: Path
) -> tuple[np.ndarray, np.ndarray | None, tuple | None]:
    """Weights, intercepts and classes of a table with one row per class."""
    with text_table(path, file, header_required=False) as table:
        named = [name for name in table.names if name.casefold() == CLASS_COLUMN]
        label = named[0] if named else None
        fix = "name the column of class names 'class'"
        _refuse_index(path, table.names)
        labels, numbers = read_numbers(path, table, label, fix)
    names = [name.casefold() for name in table.names if name != label]
    kept = [name not in INTERCEPT_COLUMNS for name in names]
    intercepts = numbers[:, np.logical_not(kept)]
    if intercepts.shape[1] > 1:
        found = [name for name in names if name in INTERCEPT_COLUMNS]
        raise file_error(
            path,
            f"has {len(found)} columns of intercepts ({listed(found)}); leave out all "
            "but one.",
        )
    classes = None
    if label is not None:
        classes = _class_names(path, labels, table.separator)
    return numbers[:, kept], intercepts.ravel() if intercepts.size else None, classes


def _refuse_index(path: Any, names: list[str]) -> None:
    """Raise if a column has no name: it may be an index, the classes or weights."""
    unnamed = [i for i, name in enumerate(names) if name == UNNAMED.format(i)]
    if unnamed:
        raise file_error(
            path,
            f"its column {unnamed[0]} (counted from 0) has no name, as an index or row "
            f"names that were saved with a table; name it {CLASS_COLUMN!r} if it holds "
            "the classes, or leave it out (index=False in pandas, row.names=FALSE in "
            "R).",
        )


def _class_names(path: Any, cells: list[str], separator: str) -> tuple:
    """Classes of a column of text, of which no word means that one is missing."""
    names = [cell.strip() for cell in cells]
    if "" in names:
        raise file_error(
            path,
            f"names no class in row {names.index('')} (counted from 0); name all of "
            "its classes.",
        )
    if any(map(is_missing, names)):
        return tuple(names)
    column, _ = parse_cells(CLASS_COLUMN, names, separator)
    return tuple(column.tolist())
