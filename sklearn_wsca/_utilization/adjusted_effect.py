"""Effect of one column on the outputs, adjusted for what is held fixed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._input.column import Column, LeftOutError, common_rows
from sklearn_wsca._input.crossed_columns import cross
from sklearn_wsca._permutation.exchangeability import (
    FEWEST_UNITS,
    FEWEST_VARYING_GROUPS,
    exchange_units,
    share_between,
)
from sklearn_wsca._text import list_first
from sklearn_wsca._utilization.by_class import utilization_by_class
from sklearn_wsca._utilization.decision import Decision
from sklearn_wsca._utilization.effects import (
    Shift,
    class_names,
    clear_sizes,
    effect_rows,
    largest_shift,
    name_carrier,
    tabulate_effects,
)
from sklearn_wsca._utilization.interval import EffectNoise
from sklearn_wsca._utilization.noise import NoiseSource
from sklearn_wsca._utilization.output_model import OutputModel
from sklearn_wsca._utilization.preparation import prepare_outputs
from sklearn_wsca._utilization.rare_levels import describe_rare, leave_out_rare
from sklearn_wsca._utilization.robustness import contrast_strength


@dataclass(frozen=True)
class Examined:
    """What is known of one column without permutations; it holds nothing by row.

    Parameters
    ----------
    scheme : str
        What is permuted, in words.
    moved_alike : bytes
        The same for columns whose units all orders move alike.
    class_rows : ndarray of shape (T,), dtype int
        Rows of each class of the target.
    tests_several : bool
        Whether common effects are not all that is tested.
    observed : ndarray of shape (1 + N_STATISTICS,)
        Utilization before noise is removed, and the studentised statistics.
    noise, leading_noise : EffectNoise
        Sampling noise of the utilization, and of the part of it that is found most
        easily: the slope of a continuous column, else the common effects.
    leading_share : float
        Share of that part in the utilization, noise removed; 1 if nothing is left.
    by_class : DataFrame
        Utilization within each class of the target; see `utilization_by_class`.
    balanced : dict of str to float
        The same with every class counted alike.
    effects : DataFrame
        Signed effects; see `tabulate_effects`.
    carrier : str
        Which level and class move most, in words.
    shift : Shift
        The largest difference of a predicted probability.
    strength : float
        Size of the leading contrast; see `contrast_strength`.
    rare : dict of object to int
        Units of the levels that are no part of the headline.
    rare_sizes : dict of object to float
        How far these move the outputs; 0 where that may be noise.
    n_units : int
        Units that can be exchanged.
    arrangements : float
        Decimal logarithm of the number of different permutations.
    notes : list of str
        What was left out.
    """

    scheme: str
    moved_alike: bytes
    class_rows: np.ndarray
    tests_several: bool
    observed: np.ndarray
    noise: EffectNoise
    leading_noise: EffectNoise
    leading_share: float
    by_class: pd.DataFrame
    balanced: dict[str, float]
    effects: pd.DataFrame
    carrier: str
    shift: Shift
    strength: float
    rare: dict[Any, int]
    rare_sizes: dict[Any, float]
    n_units: int
    arrangements: float
    notes: list[str] = field(default_factory=list)

    @property
    def raw(self) -> float:
        """Utilization before noise is removed."""
        return float(self.observed[0])

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


@dataclass(frozen=True)
class Prepared:
    """A column where all is known that is held fixed, and the regression on it.

    Parameters
    ----------
    column, common : Column
        With all levels; without those that are no part of the headline.
    rare : dict of object to int
        Units of these.
    model : OutputModel
        The regression on `common`.
    n_units : int
        Units that can be exchanged.
    notes : list of str
        What was left out.
    """

    column: Column
    common: Column
    rare: dict[Any, int]
    model: OutputModel
    n_units: int
    notes: list[str]


def prepare(decision: Decision, column: Column) -> Prepared:
    """Bring a column to the rows and levels that are compared, and adjust it.

    Raises
    ------
    LeftOutError
        If there is nothing to compare, or there are too few units to exchange.
    """
    n_known = len(column.rows)
    column = on_known_rows(decision, column)
    notes = [f"{n_known - len(column.rows)} rows have no value to be held fixed"]
    notes = notes if len(column.rows) < n_known else []
    notes += column.notes if column.parts else ()
    common, rare = leave_out_rare(column, decision.groups)
    if rare:
        notes.append(describe_rare(rare, column))
    model = model_outputs(decision, common)
    n_units = model.exchange.n_exchangeable(common.identities())
    _check_enough_units(n_units, model)
    return Prepared(column, common, rare, model, n_units, notes)


def on_known_rows(decision: Decision, column: Column) -> Column:
    """Column on the rows on which all that is held fixed is known.

    Raises
    ------
    LeftOutError
        If it does not vary there, or is an interaction of which nothing is left.
    """
    known, _ = common_rows(column, decision.held_fixed(column))
    if not column.parts:
        return known
    first, second = known.parts
    crossed = cross(first, second, column.name)
    lost = [level for level in column.levels if level not in crossed.levels]
    notes = column.notes
    if lost:
        notes += (f"too few rows are left of {list_first(lost)} to be compared",)
    return replace(crossed, notes=notes)


def examine(decision: Decision, column: Column, significance: float) -> Examined:
    """Prepare the test of one column, and estimate what it is about.

    Raises
    ------
    LeftOutError
        If there is nothing to compare, or there are too few units to exchange.
    """
    found = prepare(decision, column)
    common, model = found.common, found.model
    source = noise_source(decision, common, model)
    observed, noise = model.observed(), source.noise(*model.effect_blocks())
    leading, leading_noise = source.measure(model.leading_rows())
    left = observed[0] ** 2 - noise.mean_square
    names = _names_of_classes(decision, common, model)
    by_class, balanced = utilization_by_class(model, source, names, significance)
    shown = _with_all_levels(decision, found, source)
    effects, shift, sizes = _effects(decision, *shown, found.rare, significance)
    headline = effects[~effects.index.get_level_values("level").isin([*found.rare])]
    several = model.adjusted.shape[1] > model.coding.n_specific
    return Examined(
        model.exchange.describe(model.freedman_lane),
        model.exchange.fingerprint(),
        np.bincount(model.rows.classes),
        several or model.rows.n_classes > 1,
        observed,
        noise,
        leading_noise,
        _share(leading**2 - leading_noise.mean_square, left),
        by_class,
        balanced,
        effects,
        name_carrier(headline),
        shift,
        contrast_strength(model, model.all_effects(source.outputs)),
        found.rare,
        sizes,
        found.n_units,
        model.exchange.log10_arrangements(common.identities()),
        found.notes + _describe_mixture(model),
    )


def _share(part: float, whole: float) -> float:
    """Root of a share of what may be no more than noise; 1 if nothing is left."""
    return float(np.sqrt(np.clip(part / whole, 0.0, 1.0))) if whole > 0 else 1.0


def model_outputs(decision: Decision, column: Column) -> OutputModel:
    """Regression of the outputs on a column that is known where all is known."""
    target, confounders = _held(decision, column)
    return prepare_outputs(
        decision.outputs[column.rows],
        column,
        target,
        confounders,
        decision.weights[column.rows],
        exchange_units(column, decision.groups),
        decision.adjustment,
    )


def _held(decision: Decision, column: Column) -> tuple[Column | None, list[Column]]:
    """Target and confounders on the rows of a column."""
    held = common_rows(column, decision.held_fixed(column))[1]
    if decision.target is None or decision.target.name == column.name:
        return None, held
    return held[0], held[1:]


def noise_source(decision: Decision, column: Column, model: OutputModel) -> NoiseSource:
    """Errors of the outputs on the rows of a column, from its regression."""
    rows = column.rows
    return NoiseSource.of(model, decision.outputs[rows], decision.weights[rows])


def _names_of_classes(decision, column, model) -> list:
    return class_names(_held(decision, column)[0], model.rows.classes)


def _describe_mixture(model: OutputModel) -> list[str]:
    if model.exchange.scheme != "between and within groups":
        return []
    share = share_between(model.coding.values, model.exchange.clusters)
    return [f"{share:.0%} of its variation is between groups, the rest within them"]


def _effects(decision, column, model, source, rare, significance):
    """Effects of a column, the largest shift, and sizes of `rare` levels, no base."""
    headline = np.array([level not in rare for level in column.levels], dtype=bool)
    names = _names_of_classes(decision, column, model)
    parts = list(effect_rows(model, column, names, headline))
    points = None
    if decision.probabilities is not None:
        points = NoiseSource.of_points(model, decision.probabilities[column.rows])
    outputs = decision.output_names()
    table = tabulate_effects(parts, column, outputs, source, points, significance)
    shift = largest_shift(parts, column, outputs, points, significance, headline)
    return table, shift, clear_sizes(parts[0], column, source, [*rare], significance)


def _with_all_levels(
    decision: Decision, found: Prepared, source: NoiseSource
) -> tuple[Column, OutputModel, NoiseSource]:
    """Column with its rare levels, where these can be compared, and its regression."""
    if found.rare:
        try:
            model = model_outputs(decision, found.column)
            return found.column, model, noise_source(decision, found.column, model)
        except LeftOutError:
            # They may be found under one value of what is held fixed only.
            pass
    return found.common, found.model, source


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
