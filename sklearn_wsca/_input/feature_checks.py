"""Features that are something else than embeddings: said, or refused."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

from sklearn_wsca._backend.jobs import LESS_MEMORY
from sklearn_wsca._backend.memory import explain_shortage
from sklearn_wsca._input.argument_order import MADE_NAME
from sklearn_wsca._input.checked_input import Input
from sklearn_wsca._input.column import Column
from sklearn_wsca._input.embeddings import Embeddings
from sklearn_wsca._input.feature_columns import find_copies
from sklearn_wsca._input.outputs_as_features import describe_outputs
from sklearn_wsca._input.row_names import known_numbers
from sklearn_wsca._text import list_first, quote

SHOWN = 3
FEWEST_DISTINCT = 10


def check_features(
    given: Input,
    names: Sequence[str] | np.ndarray | None,
    target: Column | None,
    trained: bool,
    stacklevel: int,
) -> None:
    """Warn of features that are columns of the table, and of outputs as embeddings.

    Parameters
    ----------
    given : Input
        Embeddings and table.
    names : sequence of str or None
        Names of the features.
    target : Column or None
        The target.
    trained : bool
        Whether the primary head is given, and not fitted to these features.
    stacklevel : int
        Of the warnings.

    Raises
    ------
    ValueError
        If a feature counts the rows, or is the target that a head would be fitted to,
        or shows that the rows of embeddings and table are in different orders.
    """
    try:
        with explain_shortage("X", LESS_MEMORY):
            rows, S = given.X.sample()
    except ValueError:  # Values that cannot be analysed are said by who reads them all.
        return
    copies = find_copies(given.X, rows, S, given.table)
    if copies.counters:
        raise ValueError(
            f"X: {_list(copies.counters, names)} of the embeddings counts the rows, as "
            "an index that was saved with them does; take it out of the embeddings."
        )
    if target is not None and target.name in copies.columns and not trained:
        raise ValueError(
            f"X: {_list(copies.columns[target.name], names)} of the embeddings is the "
            f"target {target.name!r} itself: a head that is fitted to it decides by "
            "nothing else, and everything looks unused. Take it out of the embeddings."
        )
    found = [
        f"X: {_list(features, names)} of the embeddings is the column {name!r} of the "
        "metadata, up to its scale, so what is found about this column is about that "
        "feature. Take it out of the embeddings, unless the last layer of the network "
        "reads it."
        for name, features in copies.columns.items()
    ]
    if names is not None:
        copied = {names[j] for part in copies.columns.values() for j in part}
        found += _compare_names(given.X, given.table, list(names), copied)
    outputs = describe_outputs(S, rows, target, trained)
    if outputs is not None:
        found.append(
            f"X: these look like outputs of the network, not embeddings: {outputs}. "
            "Pass what enters the last layer; outputs alone are examined by "
            "utilization_test, in Python."
        )
    for message in found:
        warnings.warn(message, UserWarning, stacklevel=stacklevel)


def _list(features: Sequence[int], names: Sequence[str] | np.ndarray | None) -> str:
    if names is not None:
        return f"the feature {list_first([names[j] for j in features], SHOWN, quote)}"
    return f"feature {list_first(features, SHOWN)} (counted from 0)"


def _compare_names(
    X: Embeddings, table: pd.DataFrame, names: list[str], copied: set[str]
) -> list[str]:
    """Say which features have the names of columns and other values.

    Raises
    ------
    ValueError
        If the values are the same in another order.
    """
    known = set(names) - copied
    shared = [n for n in table.columns if n in known and not MADE_NAME.fullmatch(n)]
    if not shared:
        return []
    F = X.features([names.index(name) for name in shared])
    for name, feature in zip(shared, F.T, strict=True):
        numbers = known_numbers(table[name])
        if numbers is not None and _is_reordered(feature, numbers):
            raise ValueError(
                f"X and y: {name!r} is a feature of the embeddings and a column of the "
                "metadata with the same values, but in other rows: one of both is in "
                "another order. Bring their rows together by an id, and take "
                f"{name!r} out of the embeddings."
            )
    return [
        f"X: features of the embeddings have the names of metadata columns, but other "
        f"values: {list_first(shared, SHOWN, quote)}. Take them out of the embeddings "
        "if they are metadata, or rename them."
    ]


def _is_reordered(feature: np.ndarray, numbers: np.ndarray) -> bool:
    """Whether two lists of numbers hold the same, in different places."""
    if len(numbers) != len(feature) or len(np.unique(numbers)) < FEWEST_DISTINCT:
        return False
    alike = np.allclose(np.sort(feature), np.sort(numbers), rtol=1e-4, atol=0.0)
    return bool(alike and not np.allclose(feature, numbers, rtol=1e-4, atol=0.0))
