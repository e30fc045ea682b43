"""Outputs that may be something else: embeddings, or percentages taken for logits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._input.outputs_as_features import MOST_FINDINGS, OTHER_CLASSES
from sklearn_wsca._input.predictions import are_probabilities
from sklearn_wsca._input.typed_columns import count_values
from sklearn_wsca._text import plain_text

# Percentages: the whole, how far ends and sums may be from it, and what one exceeds.
WHOLE, NEAR, ROUNDED, MUST_REACH = 100.0, 10.0, 1.0, 20.0
MOST_ROWS = 0.9
USE_HEAD = (
    "if these are embeddings, pass what the head makes of them, X @ coef.T + intercept "
    "(on the command line: --head)"
)


def describe_doubts(
    outputs: Any,
    array: np.ndarray,
    argument: str,
    target: pd.Series | None,
    is_number: bool,
) -> list[str]:
    """What makes it doubtful that an argument holds outputs of the network.

    Parameters
    ----------
    outputs : array-like
        As they were passed.
    array : ndarray of shape (n_samples, n_outputs)
        What was read of them.
    argument : str
        Its name.
    target : Series or None
        What the network should predict.
    is_number : bool
        Whether the target is continuous.
    """
    reasons = [_describe_width(outputs, array, target, is_number)]
    if not is_number:
        reasons.append(_describe_percentages(array))
    return [f"{argument}: {reason}." for reason in reasons if reason]


def _describe_width(
    outputs: Any, array: np.ndarray, target: pd.Series | None, is_number: bool
) -> str:
    """That outputs are not as many as the target has classes, or ""."""
    width = array.shape[1]
    if width == 1 or are_probabilities(array):
        return ""
    if target is None:
        many = f"there are {width} outputs of each sample"
        return f"{many}; {USE_HEAD}" if width > MOST_FINDINGS else ""
    if is_number:
        return (
            f"there are {width} outputs of each sample, and the target is a number; "
            f"{USE_HEAD}; if each is a number of its own, pass the one that predicts "
            "the target, because several are centred over each other"
        )
    levels = _levels(target)
    names = {plain_text(name) for name in getattr(outputs, "columns", ())}
    n_classes = count_values(target)
    expected = n_classes <= width <= max(n_classes + OTHER_CLASSES, len(levels))
    if expected or set(levels) <= names:
        return ""
    return (
        f"there are {width} outputs of each sample, and the target has {n_classes} "
        f"levels; {USE_HEAD}; if they are several findings, pass the one that decides "
        "the target; if not all classes occur in these rows, name the columns by them"
    )


def _describe_percentages(array: np.ndarray) -> str:
    """That outputs between 0 and 100 look like percentages, or ""."""
    if array.min() < 0.0 or not MUST_REACH < array.max() <= WHOLE:
        return ""
    add_up = np.abs(array.sum(axis=1) - WHOLE) <= ROUNDED
    if array.shape[1] > 1 and add_up.mean() >= MOST_ROWS:
        seen = f"those of a sample add up to {WHOLE:.0f}"
    elif array.min() <= NEAR and array.max() >= WHOLE - NEAR:
        seen = f"they range from {array.min():.3g} to {array.max():.3g}"
    else:
        return ""
    return (
        f"these look like percentages ({seen}), and are taken for logits; divide them "
        "by 100 to pass probabilities"
    )


def _levels(target: pd.Series) -> list[str]:
    """Names of the classes, with those that are declared and do not occur."""
    if isinstance(target.dtype, pd.CategoricalDtype):
        return [*map(plain_text, target.cat.categories)]
    return [*map(plain_text, target.dropna().unique())]
