"""Arguments of people who only have predictions: outputs, and what goes with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_array

from sklearn_wsca._backend.namespace import is_tensor, to_numpy
from sklearn_wsca._input.array_checks import check_array_like, explain_bad_array
from sklearn_wsca._input.embeddings import check_finite
from sklearn_wsca._input.table import as_table, check_same_index

# Arguments that are one column.
SINGLE = ("target", "groups", "level", "unit", "repeats", "interaction_with")


def read_outputs(outputs: Any, argument: str = "outputs") -> np.ndarray:
    """Outputs of a network as numbers (n_samples, n_outputs).

    Raises
    ------
    TypeError, ValueError
        If they are no finite numbers, or have more than two dimensions.
    """
    check_array_like(outputs, argument)
    outputs = to_numpy(outputs) if is_tensor(outputs) else outputs
    with explain_bad_array(argument, "outputs"):
        array = check_array(
            outputs,
            ensure_2d=False,
            allow_nd=True,
            dtype=np.float64,
            ensure_all_finite=False,
            input_name=argument,
        )
    if array.ndim > 2:
        raise ValueError(
            f"{argument} has {array.ndim} dimensions; pass (n_samples, n_classes) or "
            "(n_samples,)."
        )
    array = array.reshape(len(array), -1)
    check_finite(array, names=(argument, "output"))
    return array


def name_of_score(outputs: Any) -> Any:
    """Name of a single score, such as the class that it speaks for; None without."""
    names = list(getattr(outputs, "columns", ()))
    if len(names) == 1:
        return names[0]
    return None if names else getattr(outputs, "name", None)


def are_probabilities(outputs: np.ndarray) -> bool:
    """Whether outputs lie between 0 and 1 and, if several, add up to 1."""
    if outputs.min() < 0.0 or outputs.max() > 1.0:
        return False
    return outputs.shape[1] == 1 or bool(
        np.allclose(outputs.sum(axis=1), 1.0, atol=1e-4)
    )


def part_of(
    values: Any, argument: str, n: int, beside: str = "outputs"
) -> pd.DataFrame:
    """An argument as a table of n rows, as many as the argument `beside` has."""
    try:
        table = as_table(values)
    except (TypeError, ValueError) as error:
        text = str(error).removeprefix("y: ")
        raise ValueError(f"{argument}: {text}") from error
    if not hasattr(values, "columns") and table.columns.tolist() == ["x0"]:
        table.columns = [argument]
    if len(table) != n:
        raise ValueError(
            f"{argument} has {len(table)} rows and {beside} has {n}: row i of both "
            "must describe the same sample."
        )
    if argument in SINGLE and table.shape[1] != 1:
        raise ValueError(f"{argument} has {table.shape[1]} columns; pass one.")
    return table


def check_indexes(outputs: Any = None, **arguments: Any) -> None:
    """Raise if pandas objects describe different rows."""
    known = {"outputs": outputs} | arguments
    labelled = {
        name: values
        for name, values in known.items()
        if isinstance(values, (pd.DataFrame, pd.Series))
    }
    names = list(labelled)
    for name in names[1:]:
        check_same_index(labelled[names[0]], labelled[name], (names[0], name))
