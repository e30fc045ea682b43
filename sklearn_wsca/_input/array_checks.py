"""Arrays that numpy would read otherwise than they are meant: one clear error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._backend.namespace import is_tensor

NO_ARRAYS = (type(None), str, bytes, dict, set, frozenset, Number, Iterator)
NOT_NUMERIC = ("could not convert", "float() argument", "arrays of bytes/strings")
RAGGED = ("inhomogeneous", "array element with a sequence", "Shapes must be equal")
NOT_2D = ("Expected 2D array", "2-dimensional container")


def is_no_array(values: Any) -> bool:
    """Whether something holds no rows that could be numbered."""
    shape = getattr(values, "shape", None)
    return shape == () or (shape is None and isinstance(values, NO_ARRAYS))


def check_array_like(values: Any, argument: str) -> None:
    """Raise if a conversion to numpy would lose or change what the values mean.

    Masks and names of fields would be dropped, and dates would become numbers.

    Raises
    ------
    ValueError
        The message names the argument, what was found and what to do.
    """
    if is_no_array(values):
        raise ValueError(
            f"{argument}: {_described(values)} is no array; pass an array of numbers."
        )
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(
            f"{argument}: {int(np.sum(np.ma.getmaskarray(values)))} values are masked, "
            f"and a mask has no meaning here; drop these rows, or pass {argument}.data "
            "to use what is behind the mask."
        )
    if is_tensor(values) and "sparse" in str(values.layout):
        raise ValueError(
            f"{argument}: a sparse tensor; dense data is required: pass "
            f"{argument}.to_dense()."
        )
    if isinstance(values, pd.DataFrame):
        _check_frame(values, argument)
    else:
        _check_elements(getattr(values, "dtype", None), argument)


@contextmanager
def explain_bad_array(argument: str, what: str, shape: str = "") -> Iterator[None]:
    """Name the argument, and say what to do, where scikit-learn refuses an array.

    Parameters
    ----------
    argument : str
        Its name.
    what : str
        What the array holds, in plural.
    shape : str
        Sentence on the shape that is needed.
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(_explain(str(error), argument, what, shape)) from error


def _explain(text: str, argument: str, what: str, shape: str) -> str:
    """Message in place of that of scikit-learn or numpy."""
    first_line = text.partition("\n")[0]
    if any(sign in text for sign in NOT_NUMERIC):
        return (
            f"{argument}: the {what} are not numeric ({first_line}); pass an array of "
            "numbers."
        )
    if "Complex data" in text:
        return (
            f"{argument}: Complex data not supported; pass real numbers, not complex "
            f"ones, for example np.hstack([{argument}.real, {argument}.imag])."
        )
    if any(sign in text for sign in RAGGED):
        return (
            f"{argument}: the rows of the {what} differ in length, or hold lists; pass "
            "an array in which all rows have the same number of entries."
        )
    if any(sign in text for sign in NOT_2D):
        found = "a Series" if "Series" in text else first_line.split("got ")[1][:-1]
        return (
            f"{argument}: Expected 2D array, got {found}. {shape}Reshape your data: "
            f"{argument}.reshape(-1, 1) for a single feature, {argument}.reshape(1, -1)"
            " for a single sample."
        )
    if "Sparse data" in text:
        return (
            f"{argument}: Sparse data was passed, but dense data is required: pass "
            f"{argument}.toarray()."
        )
    if text.startswith((f"{argument}:", f"{argument} has")):
        return text
    return f"{argument}: {text} {shape if 'Found array' in text else ''}".rstrip()


def _check_frame(table: pd.DataFrame, argument: str) -> None:
    repeated = table.columns[table.columns.duplicated()]
    if len(repeated):
        raise ValueError(
            f"{argument}: several columns are named {repeated[0]!r}; rename them so "
            "that every name is unique."
        )
    for name, dtype in table.dtypes.items():
        if isinstance(dtype, pd.SparseDtype):
            raise ValueError(
                f"{argument}: the column {name!r} is sparse; dense data is required: "
                f"pass {argument}.sparse.to_dense()."
            )
        _check_elements(dtype, f"{argument}: the column {name!r}")


def _check_elements(dtype: Any, what: str) -> None:
    if getattr(dtype, "names", None):
        raise ValueError(
            f"{what}: the elements are records with the fields {list(dtype.names)}; "
            "pass numbers, for example numpy.lib.recfunctions."
            "structured_to_unstructured(array)."
        )
    if getattr(dtype, "kind", "") in ("m", "M"):
        raise ValueError(
            f"{what}: the elements are dates or durations ({dtype}); pass an array of "
            "numbers, and metadata as y."
        )


def _described(values: Any) -> str:
    if values is None or isinstance(values, (str, bytes, Number)):
        return repr(values)
    return f"a {type(values).__name__}"
