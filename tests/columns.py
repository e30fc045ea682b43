"""Columns as the steps of an analysis take them, from plain labels."""

import numpy as np

from sklearn_wsca._encoding.folds import Split, check_folds, draw_folds
from sklearn_wsca._input.column import Column


def column_of(labels, name="scanner", rows=None):
    """Levels by code, or floating-point numbers, on all or some rows of a table."""
    labels = np.asarray(labels)
    rows = np.arange(len(labels)) if rows is None else np.asarray(rows)
    if labels.dtype.kind == "f":
        return Column(name, "continuous", rows, labels)
    levels, codes = np.unique(labels, return_inverse=True)
    return Column(name, "categorical", rows, codes, tuple(levels.tolist()))


def make_folds(column, exchange, cv, seed):
    """Folds of one column, which must train on all levels."""
    split = Split(column, exchange, cv, seed)
    (folds,) = draw_folds([split])
    check_folds(split, folds)
    return folds
