"""Samples of people who only have predictions: from arguments to what is examined."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._heads.head import center_rows
from sklearn_wsca._input.column import Column, LeftOutError
from sklearn_wsca._input.crossed_columns import cross, name_interaction
from sklearn_wsca._input.doubtful_outputs import describe_doubts
from sklearn_wsca._input.doubtful_values import warn_of_doubts
from sklearn_wsca._input.groups import Groups, restrict_to_groups
from sklearn_wsca._input.kinds import check_kinds, warn_of_codes
from sklearn_wsca._input.numeric_values import UntestableColumnError
from sklearn_wsca._input.predictions import (
    are_probabilities,
    check_indexes,
    name_of_score,
    part_of,
    read_outputs,
)
from sklearn_wsca._input.table import fingerprints_by_role, row_fingerprints
from sklearn_wsca._input.typed_columns import count_values, read_column
from sklearn_wsca._permutation.plan import canonical_order
from sklearn_wsca._utilization.decision import Decision

TARGET, CONFOUNDERS, GROUPS = "target", "confounders", "groups"
OTHER = "interaction_with"
ADJUSTMENTS = ("spline", "linear")


@dataclass(frozen=True)
class Samples:
    """Outputs and metadata of the same samples, in canonical order of the rows.

    Parameters
    ----------
    decisions : list of Decision
        Outputs of each network, with what is held fixed.
    tested : dict of object to Column
        The columns that are tested.
    order : ndarray of shape (n_samples,)
        Row of each sample in what was passed.
    several : bool
        Whether a table of columns was passed.
    doubts : list of str
        Why outputs may be something else.
    """

    decisions: list[Decision]
    tested: dict[Any, Column]
    order: np.ndarray
    several: bool
    doubts: list[str]


def read_samples(
    outputs: dict[str, Any],
    column: Any,
    *,
    target: Any,
    confounders: Any,
    groups: Any,
    kinds: Any,
    adjustment: Any,
    stacklevel: int,
    interaction_with: Any = None,
) -> Samples:
    """Check and read arguments of a function that takes outputs and metadata.

    Parameters
    ----------
    outputs : dict of str to array-like
        Outputs of one or more networks, as many of each, by argument.
    column, target, confounders, groups, kinds, adjustment, interaction_with
        As in `utilization_test`.
    stacklevel : int
        Whose line warnings show; 1 is this function.

    Raises
    ------
    ValueError
        The message names the argument or column.
    """
    if adjustment not in ADJUSTMENTS:
        raise ValueError(
            f"adjustment: {adjustment!r} is not known; pass 'spline' or 'linear'."
        )
    if column is None:
        raise ValueError("column is None: pass the metadata column to be tested.")
    given = {
        TARGET: target,
        CONFOUNDERS: confounders,
        GROUPS: groups,
        OTHER: interaction_with,
    }
    check_indexes(**outputs, column=column, **given)
    arrays = [read_outputs(values, name) for name, values in outputs.items()]
    first = next(iter(outputs))
    n = len(arrays[0])
    parts = {
        name: None if values is None else part_of(values, name, n, first)
        for name, values in given.items()
    }
    columns = part_of(column, "column", n, first)
    _check_other(parts[OTHER], columns)
    _refuse_target(parts[TARGET], columns)
    series = _all_series(columns, parts[TARGET], parts[CONFOUNDERS], parts[OTHER])
    kinds = _read_kinds(arrays[0].shape[1], parts[TARGET], series, kinds)
    predicted = parts[TARGET]
    if predicted is not None:
        arrays = [
            _for_second(array, name_of_score(values), predicted.iloc[:, 0], kinds)
            for array, values in zip(arrays, outputs.values(), strict=True)
        ]
    decisions, tested, order = _prepare(arrays, kinds, adjustment, columns, **parts)
    guessed = [name for name in series if name not in kinds]
    warn_of_codes(series, guessed, stacklevel=stacklevel)
    units = parts[GROUPS]
    named = series if units is None else series | {GROUPS: units.iloc[:, 0]}
    warn_of_doubts(named, named, stacklevel=stacklevel)
    doubts = _doubt(outputs, arrays, parts[TARGET], decisions[0].target)
    return Samples(decisions, tested, order, _is_frame(column), doubts)


def _doubt(outputs: dict[str, Any], arrays, part, target: Column | None) -> list[str]:
    """Why outputs of a network may be something else."""
    predicted = None if part is None else part.iloc[:, 0]
    is_number = target is not None and not target.n_levels
    return [
        doubt
        for (name, values), array in zip(outputs.items(), arrays, strict=True)
        for doubt in describe_doubts(values, array, name, predicted, is_number)
    ]


def _for_second(
    outputs: np.ndarray, name: Any, target: pd.Series, kinds: dict
) -> np.ndarray:
    """A single score speaks for the second of two classes, or is turned to do so.

    It speaks for the first one if it has its name.
    """
    if outputs.shape[1] > 1 or name is None or count_values(target) != 2:
        return outputs
    levels = _column(target, TARGET, kinds).levels
    if not levels or str(levels[0]) != str(name) or str(levels[1]) == str(name):
        return outputs
    return 1.0 - outputs if are_probabilities(outputs) else -outputs


def _prepare(
    outputs, kinds, adjustment, columns, target, confounders, groups, interaction_with
):
    """Decisions and tested columns in canonical order of the rows."""
    scores = [own if own.shape[1] == 1 else center_rows(own.T).T for own in outputs]
    parts = {
        "column": columns,
        "target": target,
        "confounder": confounders,
        "group": groups,
        "interaction": interaction_with,
    }
    order = _canonical_order(scores, parts)
    units = None if groups is None else Groups.of_units(groups.iloc[:, 0])
    tested = {name: _tested(columns[name], units, kinds) for name in columns}
    held = [] if target is None else [_column(target.iloc[:, 0], TARGET, kinds)]
    held = [replace(c, name=_unused(TARGET, tested)) for c in held]
    for name in () if confounders is None else confounders:
        column = _column(confounders[name], CONFOUNDERS, kinds)
        name = _unused(CONFOUNDERS, tested) if name in tested else name
        held.append(replace(column, name=name))
    if interaction_with is not None:
        other = _tested(interaction_with.iloc[:, 0], units, kinds, OTHER)
        tested = _cross_all(tested, other)
    held = [column.take(order) for column in held]
    n_targets = 0 if target is None else 1
    decisions = [
        Decision(
            own_scores[order],
            own[order] if are_probabilities(own) else None,
            np.ones(len(order)),
            held[0] if n_targets else None,
            held[n_targets:],
            None if units is None else units.take(order),
            adjustment=adjustment,
        )
        for own_scores, own in zip(scores, outputs, strict=True)
    ]
    return decisions, {name: c.take(order) for name, c in tested.items()}, order


def _canonical_order(
    scores: list[np.ndarray], parts: dict[str, pd.DataFrame | None]
) -> np.ndarray:
    """Order of the rows by what they hold, whatever the unit of the scores.

    Of several networks it does not depend on which is the first.
    """
    centred = [own - own.mean(axis=0) for own in scores]
    if len(centred) > 1:
        centred = [own / (_spread(own) or 1.0) for own in centred]
    known = fingerprints = fingerprints_by_role(parts)
    for own in centred:
        # Many rows may be equally far from the mean: hard predictions, for example.
        rounded = np.round(own / (_spread(own) or 1.0), 6) + 0.0
        named = pd.DataFrame(rounded).add_prefix("output ")
        prints = row_fingerprints(named)
        # What tells a network from others, whichever is the first.
        network = np.sum(pd.util.hash_array(prints + known))
        fingerprints = fingerprints + pd.util.hash_array(prints + network)
    distance = np.sum([np.sum(own**2, axis=1) for own in centred], axis=0)
    return canonical_order(distance, lambda: fingerprints)


def _spread(centred: np.ndarray) -> float:
    """Standard deviation of the outputs, together."""
    return float(np.sqrt(np.mean(np.sum(centred**2, axis=1))))


def _unused(name: str, taken: Any) -> str:
    """A name that no tested column has."""
    while name in taken:
        name += "_"
    return name


def _check_other(other: pd.DataFrame | None, columns: pd.DataFrame) -> None:
    """Raise if the second column of an interaction has the name of the first."""
    if other is not None and other.columns[0] in columns:
        raise ValueError(
            f"{OTHER}: {other.columns[0]!r} is the name of a column that is tested, "
            "too; pass two different columns, with different names."
        )


def _refuse_target(target: pd.DataFrame | None, columns: pd.DataFrame) -> None:
    """Raise if the target is among the columns, by its name and values."""
    name = None if target is None else target.columns[0]
    if target is None or name not in columns:
        return
    if columns[name].reset_index(drop=True).equals(target[name].reset_index(drop=True)):
        raise ValueError(
            f"column: the target {name!r} is among them; it is held fixed, so leave it "
            "out."
        )


def _cross_all(columns: dict[Any, Column], other: Column) -> dict[Any, Column]:
    """Interactions of columns with another one."""
    found = {}
    for name, column in columns.items():
        interaction = name_interaction(name, other.name)
        try:
            found[interaction] = cross(column, other, interaction)
        except LeftOutError as reason:
            raise ValueError(
                f"interaction {interaction!r} cannot be tested: {reason}."
            ) from reason
    return found


def _all_series(columns, target, confounders, other) -> dict[Any, pd.Series]:
    """Everything that has a kind, by name."""
    given = (columns, confounders, target, other)
    parts = [part for part in given if part is not None]
    return {name: part[name] for part in parts for name in part}


def _read_kinds(n_outputs: int, target, series, kinds) -> dict[Any, Any]:
    """Kinds of columns that are said or implied."""
    known = check_kinds(kinds, series)
    if target is not None and 2 <= count_values(target.iloc[:, 0]) <= n_outputs:
        known.setdefault(target.columns[0], "categorical")
    return known


def _tested(
    series: pd.Series, groups: Groups | None, kinds: dict, argument: str = "column"
) -> Column:
    column = _column(series, argument, kinds)
    try:
        return column if groups is None else restrict_to_groups(column, groups)
    except LeftOutError as reason:
        raise UntestableColumnError(
            f"column {series.name!r} cannot be tested: {reason}.", str(reason)
        ) from reason


def _column(series: pd.Series, argument: str, kinds: dict) -> Column:
    try:
        return read_column(series, kind=kinds.get(series.name, "auto"))
    except LeftOutError as reason:
        message = f"{argument}: {series.name!r} cannot be used: {reason}."
        if argument == "column":
            raise UntestableColumnError(message, str(reason)) from reason
        raise ValueError(message) from reason


def _is_frame(column: Any) -> bool:
    return hasattr(column, "columns") or np.ndim(column) > 1
