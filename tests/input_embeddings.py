"""Embeddings of the matrix of input: as X, as outputs, and as pooled feature maps."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from scipy import sparse

from tests.input_cases import (
    DAYS,
    Case,
    D,
    N,
    X,
    needs,
    read_only,
    refused,
    rounded,
    same_as_plain,
    tensor,
    with_value,
)

SAME = {
    "float32": (lambda: X.astype(np.float32), partial(rounded, np.float32)),
    "float16": (lambda: X.astype(np.float16), partial(rounded, np.float16)),
    "float16 tensor": (
        lambda: tensor(lambda X: X.half()),
        partial(rounded, np.float16),
    ),
    "bfloat16 tensor": (
        lambda: tensor(lambda X: X.bfloat16()),
        lambda: tensor(lambda X: X.bfloat16().double().numpy()),
    ),
    "tensor with gradient": (lambda: tensor(lambda X: X.requires_grad_()), None),
    "Fortran order": (lambda: np.asfortranarray(X), None),
    "read-only": (read_only, None),
    "negative strides": (lambda: np.ascontiguousarray(X[::-1])[::-1], None),
    "every second column": (lambda: np.repeat(X, 2, axis=1)[:, ::2], None),
    "mask without masked values": (lambda: np.ma.masked_invalid(X), None),
    "big-endian": (lambda: X.astype(">f8"), None),
    "big-endian integers": (
        lambda: (X * 100).astype(">i2"),
        lambda: (X * 100).astype(np.int16).astype(np.float64),
    ),
    "Python objects": (lambda: X.astype(object), None),
    "list of lists": (lambda: X.tolist(), None),
    "truth values": (lambda: X > 0, lambda: (X > 0).astype(np.float64)),
    "integers": (lambda: (X * 10).astype(int), lambda: np.trunc(X * 10)),
    "long double": (lambda: X.astype(np.longdouble), None),
    "rows three times": (lambda: np.repeat(X[:20], 3, axis=0), None),
    "nullable frame": (lambda: pd.DataFrame(X).astype("Float64"), None),
    "pyarrow frame": (
        lambda: needs("pyarrow") and pd.DataFrame(X).astype("double[pyarrow]"),
        None,
    ),
    "a denormal feature": (
        lambda: np.c_[X[:, :3], np.arange(N) * 5e-324],
        lambda: np.c_[X[:, :3], np.zeros(N)],
    ),
    "constant feature": (lambda: np.c_[X[:, :3], np.full(N, 7.0)], None),
}
# In another unit the outputs are others, and an eraser takes the unit for what it is.
IN_ANOTHER_UNIT = {
    "times 1e30": (lambda: X * 1e30, lambda: X),
    "times 1e-30": (lambda: X * 1e-30, lambda: X),
}
REFUSED = {
    "masked values": (
        lambda: np.ma.masked_array(X, np.eye(N, D) > 0),
        "4 values are masked.*drop these rows",
    ),
    "structured": (
        lambda: np.array([tuple(row) for row in X], [(c, "f8") for c in "abcd"]),
        r"the elements are records with the fields \['a', 'b', 'c', 'd'\]",
    ),
    "ragged rows": (
        lambda: [*X[1:].tolist(), [1.0, 2.0]],
        "the (rows of the )?.* differ in (length|shape)",
    ),
    "complex": (lambda: X + 1j, "Complex data not supported; pass real"),
    "complex without imaginary part": (
        lambda: X.astype(complex),
        "Complex data not supported; pass real",
    ),
    "sparse matrix": (
        lambda: sparse.csr_matrix(X),
        r"Sparse data.*dense data is required: pass {argument}\.toarray",
    ),
    "sparse frame": (
        lambda: pd.DataFrame(X).astype(pd.SparseDtype("float")),
        r"the column 0 is sparse;.*{argument}\.sparse\.to_dense\(\)",
    ),
    "sparse tensor": (
        lambda: tensor(lambda X: X.to_sparse()),
        r"a sparse tensor.*pass {argument}\.to_dense\(\)",
    ),
    "NaN": (lambda: with_value(np.nan), "the .* contain NaN.* rows? .*3.*[Dd]rop"),
    "infinity": (
        lambda: with_value(-np.inf),
        "the .* contain .*infinity.* rows? .*3.*[Dd]rop",
    ),
    "None in an object array": (
        lambda: with_value(None, object),
        "the .* contain NaN.* rows? .*3.*[Dd]rop",
    ),
    "NA in a nullable frame": (
        lambda: pd.DataFrame(with_value(np.nan)).astype("Float64"),
        "the .* contain NaN.* rows? .*3.*[Dd]rop",
    ),
    "words": (
        lambda: np.full((N, D), "a"),
        "the .* are not numeric.*pass an array of numbers",
    ),
    "dates": (
        lambda: (X * 100).astype(int).astype("datetime64[D]"),
        r"the elements are dates or durations \(datetime64\[D\]\)",
    ),
    "column of dates": (
        lambda: pd.DataFrame(X).assign(visit=DAYS),
        "the column 'visit': the elements are dates",
    ),
    "repeated column names": (
        lambda: pd.DataFrame(X, columns=list("abca")),
        "several columns are named 'a'; rename",
    ),
    "None": (lambda: None, "None is no array; pass an array of numbers"),
    "name of a file": (
        lambda: "embeddings.npy",
        "'embeddings.npy' is no array; pass an array",
    ),
    "dict": (lambda: {"a": 1}, "a dict is no array; pass an array"),
    "generator": (lambda: (row for row in X), "a generator is no array; pass an array"),
    "a single number": (lambda: np.float64(3.0), ".*3.0.* is no array; pass an array"),
    "no rows": (lambda: X[:0], r"Found array with 0 sample\(s\)"),
    "no columns": (lambda: X[:, :0], r"Found array with 0 feature\(s\)"),
    "times 1e300": (
        lambda: X * 1e300,
        r"the largest .* has the size .*e\+30\d.*; rescale",
    ),
}
OF_ESTIMATORS = {
    "one-dimensional": (lambda: X[:, 0], "Expected 2D array, got 1D array.*Reshape"),
    "Series": (lambda: pd.Series(X[:, 0]), "Expected 2D array, got a Series.*Reshape"),
    "three-dimensional": (
        lambda: X[:, :, None],
        "Found array with dim 3.*average feature maps",
    ),
    "other names of columns": (
        lambda: pd.DataFrame(X, columns=["a", 1, "b", 2]),
        "Feature names are only supported if all.*string names",
    ),
    "denormal embeddings": (
        lambda: X * 1e-310,
        "the largest embedding has the size .*rescale",
    ),
}
OF_FITS = {
    "one row": (lambda: X[:1], r"Found array with 1 sample\(s\).*minimum of 2"),
    "words in a frame": (
        lambda: pd.DataFrame(X).add_prefix("f").assign(name="a"),
        "the embeddings are not numeric.*pass an array of numbers",
    ),
    "all rows equal": (lambda: np.ones((N, D)), "all 60 rows .* are equal"),
    "all zero": (lambda: np.zeros((N, D)), "all 60 rows .* are equal"),
    "50 rows": (
        lambda: X[:50],
        "^X has 50 rows and y has 60 rows.*Row i of y must describe row i of X",
    ),
    "lists in cells": (
        lambda: pd.DataFrame({"a": [[1, 2]] * N, "b": [[3]] * N}),
        "the rows of the embeddings differ in length, or hold lists",
    ),
    "rows in another order": (
        lambda: pd.DataFrame(X[::-1], index=range(N)[::-1]),
        r"^the indexes of X and y .*different order: align.* y = y\.loc\[X\.index\]",
    ),
    "index of other rows": (
        lambda: pd.DataFrame(X, index=range(5, N + 5)),
        r"^the indexes of X and y have different labels, first in row 0 "
        r"\(5 against 0\).*reset_index\(drop=True\)",
    ),
}
EMBEDDINGS = [
    *(
        Case("X", what, make, plain=plain or (lambda make=make: _as_plain(make())))
        for what, (make, plain) in SAME.items()
    ),
    *same_as_plain("X", IN_ANOTHER_UNIT, "fit", "outputs", "features"),
    Case(
        "X",
        "sizes from 1e-30 to 1e30",
        lambda: X * [1e30, 1e-30, 1.0, 1.0],
        plain=lambda: X * [1e30, 0.0, 0.0, 0.0],
        places=("fit", "outputs"),
    ),
    *refused("X", REFUSED),
    *refused("X", OF_ESTIMATORS, "fit", "transform", "erase"),
    *refused("X", OF_FITS, "fit", "erase"),
]


def _as_plain(values):
    """Doubles in C order."""
    values = values.detach() if hasattr(values, "detach") else values
    return np.array(np.asarray(values, dtype=np.float64).tolist())
