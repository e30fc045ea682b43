"""How one output is spread over the rows of every level, by class of the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sklearn_wsca._input.column import Column, LeftOutError, common_rows
from sklearn_wsca._performance.inference import in_thirds
from sklearn_wsca._utilization.adjusted_effect import Examined
from sklearn_wsca._utilization.decision import Decision
from sklearn_wsca._utilization.effects import show_output
from sklearn_wsca._utilization.inference import UtilizationTests

# With more classes than this, rows of the class of the output stand beside all others.
MOST_CLASSES_SHOWN = 3
OTHERS = "any other"
# Of fewer rows than this, quantiles would be single rows.
FEWEST_ROWS = 5
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def describe_outputs(
    decision: Decision | None,
    columns: Mapping[Any, Column | None],
    tests: UtilizationTests,
) -> dict[Any, dict[str, Any]]:
    """Quantiles of an output by level and class of the target, for every column.

    Parameters
    ----------
    decision : Decision or None
        Outputs, in the order of the rows of the columns.
    columns : dict of name to Column or None
        The columns; of an interaction, and of a column that could not be tested, there
        is nothing.
    tests : UtilizationTests
        Tests of them, which tell on which output they are shown.

    Returns
    -------
    dict
        By column: output (its name), is_probability (then in percent, else in the unit
        of the output) and rows, a list with one dict per class of the target (thirds of
        a number) and level (thirds of a number): target_class, level, n_rows and
        quantiles (of `QUANTILES`; None of fewer than 5 rows). Row weights do not count.
    """
    if decision is None or decision.target is None:
        return {}
    found = {}
    for name, examined in tests.examined.items():
        column = columns[name]
        if column is not None and not column.parts:
            try:
                found[name] = _describe(decision, decision.target, column, examined)
            except LeftOutError:
                # Its thirds, or those of the target, are one and the same.
                continue
    return found


def _describe(
    decision: Decision, target: Column, column: Column, examined: Examined
) -> dict[str, Any]:
    output = _shown(examined)
    values = _values(decision, output)
    column = column if column.n_levels else in_thirds(column)
    column, (target,) = common_rows(column, [_in_classes(target, output)])
    values = values[column.rows]
    rows = [
        {"target_class": str(target_class), "level": str(level)}
        | _spread(values[(target.labels == t) & (column.labels == j)])
        for t, target_class in enumerate(target.levels)
        for j, level in enumerate(column.levels)
    ]
    return {
        "output": output,
        "is_probability": decision.probabilities is not None,
        "rows": rows,
    }


def _shown(examined: Examined) -> str:
    """Name of the output that moves most."""
    return str(show_output(examined.effects, examined.shift).index[0][1])


def _values(decision: Decision, output: str) -> np.ndarray:
    """Probabilities of an output in percent, or the output itself: (n,)."""
    at = [str(name) for name in decision.output_names()].index(output)
    if decision.probabilities is None:
        return decision.outputs[:, at]
    return 100.0 * decision.probabilities[:, at]


def _in_classes(target: Column, output: str) -> Column:
    """The target as few classes."""
    if not target.n_levels:
        return in_thirds(target)
    names = [str(level) for level in target.levels]
    if target.n_levels <= MOST_CLASSES_SHOWN or output not in names:
        return target
    own = target.labels == names.index(output)
    return replace(target, labels=1 - own, levels=(output, OTHERS))


def _spread(values: np.ndarray) -> dict[str, Any]:
    """Number of rows, and quantiles."""
    few = len(values) < FEWEST_ROWS
    quantiles = None if few else np.quantile(values, QUANTILES).tolist()
    return {"n_rows": len(values), "quantiles": quantiles}
