"""Effect of one column on the outputs, adjusted for what is held fixed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sklearn_wsca._input.column import Column, LeftOutError, common_rows
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._permutation.exchangeability import (
    FEWEST_UNITS,
    FEWEST_VARYING_GROUPS,
    exchange_units,
)
from sklearn_wsca._utilization.interval import EffectNoise, estimate_noise
from sklearn_wsca._utilization.output_model import OutputModel, prepare_outputs


@dataclass(frozen=True)
class Decision:
    """Outputs of a primary head, and what is held fixed when they are examined.

    Parameters
    ----------
    outputs : ndarray of shape (n, C)
        Class scores centred over classes, or predicted values.
    probabilities : ndarray of shape (n, c) or None
        Predicted probabilities of the classes, if there are any.
    weights : ndarray of shape (n,)
        Row weights.
    target : Column or None
        The target.
    confounders : list of Column
        What else is held fixed.
    groups : Groups or None
        Which rows belong together.
    """

    outputs: np.ndarray
    probabilities: np.ndarray | None
    weights: np.ndarray
    target: Column | None
    confounders: list[Column]
    groups: Groups | None

    def held_fixed(self, column: Column) -> list[Column]:
        """Everything that is held fixed for a column, which may be a confounder."""
        held = [self.target, *self.confounders]
        return [c for c in held if c is not None and c.name != column.name]


@dataclass(frozen=True)
class Examined:
    """One column adjusted for what is held fixed, ready for permutations.

    Parameters
    ----------
    model : OutputModel
        The regression.
    observed : ndarray of shape (3,)
        Utilization before noise is removed, and the shares of the variance left at
        fixed target that common effects and all effects explain.
    noise, typical : EffectNoise
        Sampling noise along the effect, and along a typical direction.
    n_units : int
        Units that can be exchanged.
    arrangements : float
        Decimal logarithm of the number of different permutations.
    probability_shift : float
        Percentage points; NaN without probabilities.
    notes : list of str
        What was left out.
    """

    model: OutputModel
    observed: np.ndarray
    noise: EffectNoise
    typical: EffectNoise
    n_units: int
    arrangements: float
    probability_shift: float
    notes: list[str] = field(default_factory=list)

    @property
    def raw(self) -> float:
        """Utilization before noise is removed."""
        return float(self.observed[0])

    @property
    def scheme(self) -> str:
        """What is permuted, in words."""
        exchange = self.model.exchange
        what = {
            "rows": "rows",
            "between groups": "groups",
            "within groups": "rows within groups",
        }[exchange.scheme]
        if self.model.freedman_lane:
            what = f"residuals (Freedman-Lane) of {what}"
        return f"{what} within levels of the target" if exchange.within_target else what

    def describe(self) -> list[str]:
        """What was permuted and what was left out, for a note."""
        count = f"1e{self.arrangements:.0f}"
        if self.arrangements < 6:
            count = f"{round(10**self.arrangements)}"
        return [
            f"utilization: {self.scheme} permuted, {self.n_units} units, {count} "
            "distinct permutations",
            *self.notes,
        ]


def examine(decision: Decision, column: Column) -> Examined:
    """Prepare the test of one column.

    Raises
    ------
    LeftOutError
        If there is nothing to compare, or there are too few units to exchange.
    """
    held, n_known = decision.held_fixed(column), len(column.rows)
    column, held = common_rows(column, held)
    rows, n_lost = column.rows, n_known - len(column.rows)
    has_target = decision.target is not None and decision.target.name != column.name
    target = held[0] if has_target else None
    exchange = exchange_units(column, decision.groups)
    outputs = decision.outputs[rows]
    model = prepare_outputs(
        outputs,
        column,
        target,
        held[1:] if has_target else held,
        decision.weights[rows],
        exchange,
    )
    n_units = model.exchange.n_exchangeable(column.labels)
    _check_enough_units(n_units, model)
    own, typical = estimate_noise(model, outputs)
    return Examined(
        model,
        model.observed(),
        own,
        typical,
        n_units,
        model.exchange.log10_arrangements(column.labels),
        _probability_shift(model, decision.probabilities, rows),
        [f"{n_lost} rows have no value to be held fixed"] if n_lost else [],
    )


def _check_enough_units(n_units: int, model: OutputModel) -> None:
    exchange = model.exchange
    what = "rows" if exchange.scheme == "rows" else "groups"
    if exchange.scheme == "within groups":
        n_varying = model.n_varying_groups()
        if n_varying < FEWEST_VARYING_GROUPS:
            raise LeftOutError(
                f"varies within {n_varying} groups only, and at least "
                f"{FEWEST_VARYING_GROUPS} are needed; if it should be constant in a "
                "group, correct the others"
            )
        what = "rows within groups"
    if n_units < FEWEST_UNITS:
        where = " within levels of the target" if exchange.within_target else ""
        raise LeftOutError(
            f"{n_units} {what} can be exchanged{where}, and at least {FEWEST_UNITS} "
            "are needed"
        )


def _probability_shift(model: OutputModel, probabilities: Any, rows: Any) -> float:
    """Largest difference of a probability between two levels, in percentage points.

    For a continuous column, the change by one standard deviation.
    """
    if probabilities is None:
        return float("nan")
    effects = 100.0 * model.effects(probabilities[rows])
    if len(effects) == 1:
        return float(np.abs(effects).max())
    return float(np.ptp(effects, axis=0).max())
