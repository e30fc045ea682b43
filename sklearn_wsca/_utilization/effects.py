"""Signed effects by level, output and class of the target, with their intervals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from sklearn_wsca._input.column import Column
from sklearn_wsca._input.table import level_index
from sklearn_wsca._text import quote
from sklearn_wsca._utilization.contrast_rows import Contrasts
from sklearn_wsca._utilization.noise import NoiseSource
from sklearn_wsca._utilization.output_model import OutputModel

ALL = "all"
SLOPE = "+1 SD"
# With more classes than this each is shown with its own output only.
MOST_CLASSES = 50
# Probabilities that are left of each other add up to 1 in float32, too.
OPPOSITE = 1e-5
ENTRIES = ("level", "output", "target_class")
NUMBERS = ("n_rows", "n_units", "effect", "low", "high")
POINTS = ("points", "points_low", "points_high")
# Share of the level at which a rare level stands out.
BEYOND_DOUBT = 0.1


@dataclass(frozen=True)
class Shift:
    """The largest difference of a predicted probability between two levels.

    Parameters
    ----------
    points, low, high : float
        Percentage points by which it is higher, with an interval that allows for the
        choice among all outputs, classes of the target and pairs of levels.
    sentence : tuple of two str
        Which probability is, before by how much, and under which level it is higher,
        among which rows.
    output, target_class : object
        Whose probability, and in which class of the target; "all" for common effects.
    higher, lower : object
        The two levels. Of a continuous column `SLOPE`, and "higher" or "lower": where
        the probability is with one standard deviation more.
    """

    points: float
    low: float
    high: float
    sentence: tuple[str, str]
    output: Any = None
    target_class: Any = None
    higher: Any = None
    lower: Any = None


NO_SHIFT = Shift(np.nan, np.nan, np.nan, ("", ""))


@dataclass(frozen=True)
class EffectRows:
    """Contrasts of weighted outputs that are effects by level.

    Parameters
    ----------
    target_class : object
        Name of the class of the target in which they hold; "all" for common ones.
    contrasts : Contrasts
        Of the levels, as differences from the mean over the levels of the headline; or
        of one standard deviation.
    cells : list of ndarray, dtype int
        Rows of each level in the class.
    """

    target_class: Any
    contrasts: Contrasts
    cells: list[np.ndarray]

    @property
    def present(self) -> np.ndarray:
        """Whether there are rows of each level: (L,)."""
        return np.array([len(cell) > 0 for cell in self.cells])


def class_names(target: Column | None, classes: np.ndarray) -> list:
    """Names of the classes of a target, or the ranges of its thirds."""
    if target is None:
        return [ALL]
    if target.n_levels:
        return [f"class {ALL!r}" if name == ALL else name for name in target.levels]
    parts = [target.labels[classes == t] for t in range(int(classes.max()) + 1)]
    return [f"{part.min():.4g} to {part.max():.4g}" for part in parts]


def effect_rows(
    model: OutputModel, column: Column, names: list, headline: np.ndarray
) -> Iterator[EffectRows]:
    """Rows of common effects, and of those in each class that can be compared.

    `headline` (J,) tells the levels from whose mean all are taken.
    """
    everything = np.arange(len(model.rows.classes))
    by_level = model.coding.categorical
    rows = Contrasts.of(model.common_rows()) if by_level else model.slope_rows()
    yield _contrast(ALL, rows, column, headline, everything)
    compared = model.compared_classes()
    for number in np.flatnonzero(compared).tolist() if len(names) > 1 else ():
        own = model.class_rows if by_level else model.slope_rows
        members = model.rows.members[number]
        yield _contrast(names[number], own(number), column, headline, members)


def _contrast(
    name: Any,
    contrasts: Contrasts,
    column: Column,
    headline: np.ndarray,
    members: np.ndarray,
) -> EffectRows:
    """Effects of levels among the members of a class, from their mean; or a slope."""
    if not column.n_levels:
        return EffectRows(name, contrasts, [members])
    labels = column.labels[members]
    cells = [members[labels == level] for level in range(column.n_levels)]
    present = np.array([len(cell) > 0 for cell in cells])
    if column.parts:
        # What a mean over levels would be is a main effect.
        return EffectRows(name, contrasts, cells)
    base = headline & present if (headline & present).any() else present
    turn = np.eye(len(cells)) - base[:, None] / base.sum()
    return EffectRows(name, contrasts.map(turn), cells)


def shown_outputs(
    parts: list[EffectRows], part: EffectRows, outputs: list
) -> list[int]:
    """Outputs that a class is shown with; its own one where there are many classes."""
    many = len(parts) - 1 > MOST_CLASSES
    if many and part.target_class != ALL and part.target_class in outputs:
        return [outputs.index(part.target_class)]
    return list(range(len(outputs)))


def tabulate_effects(
    parts: list[EffectRows],
    column: Column,
    outputs: list,
    noise: NoiseSource,
    points: NoiseSource | None,
    significance: float,
) -> pd.DataFrame:
    """One row per level, output and class: see `effects_` of the estimator."""
    levels = list(column.levels) or [SLOPE]
    labels: list[list] = [[], [], []]
    blocks = []
    for part in parts:
        shown = shown_outputs(parts, part, outputs)
        n_rows = np.array([len(cell) for cell in part.cells])
        n_units = [len(np.unique(noise.clusters[cell])) for cell in part.cells]
        found = noise.limits(part.contrasts, significance, shown)
        if points is not None:
            own = points.limits(part.contrasts, significance, shown, by_weight=True)
            found += own
        numbers = np.full((len(NUMBERS + POINTS), len(levels), len(shown)), np.nan)
        numbers[0], numbers[1] = n_rows[:, None], np.array(n_units)[:, None]
        numbers[2 : 2 + len(found)] = np.where(n_rows[:, None] > 0, found, np.nan)
        blocks.append(numbers.reshape(len(numbers), -1))
        labels[0] += [level for level in levels for _ in shown]
        labels[1] += [outputs[i] for i in shown] * len(levels)
        labels[2] += [part.target_class] * blocks[-1].shape[1]
    # One table of all: a table for each of a thousand classes takes minutes.
    table = pd.DataFrame(
        np.hstack(blocks).T, level_index(labels, [*ENTRIES]), [*NUMBERS, *POINTS]
    )
    counts = list(NUMBERS[:2])
    return table.astype(dict.fromkeys(counts, int))


def clear_sizes(
    part: EffectRows,
    column: Column,
    noise: NoiseSource,
    levels: list,
    significance: float,
) -> dict[Any, float]:
    """Lengths of the effects of some levels, 0 where noise may explain them.

    They stand beside a claim that is not about them, which one in twenty must not undo.
    """
    found = {}
    n_effects = len(levels) * noise.outputs.shape[1] / BEYOND_DOUBT
    for level in levels:
        if level in column.levels:
            own = part.contrasts.column(list(column.levels).index(level))
            effects, low, high = noise.limits(own, significance / n_effects)
            clear = np.any((low > 0.0) | (high < 0.0))
            found[level] = float(np.linalg.norm(effects)) if clear else 0.0
    return found


def show_output(effects: pd.DataFrame, shift: Shift) -> pd.DataFrame:
    """Common effects on one output, and those in the class of the largest shift.

    The output is that of the shift, or the one that moves most.
    """
    values = effects.index.get_level_values
    common = values("target_class") == ALL
    output = shift.output
    if output is None:
        sizes = effects["effect"].abs().to_numpy(copy=True)
        sizes[~common | np.isnan(sizes)] = -1.0
        output = values("output")[int(sizes.argmax())]
    in_class = values("target_class") == shift.target_class
    # As text: numbers and names may be mixed.
    return effects[(common | in_class) & (values("output").map(str) == str(output))]


def name_carrier(effects: pd.DataFrame) -> str:
    """Which of several levels, and which class if it is one, moves the outputs most."""
    reach = effects["high"] - effects["effect"]
    size = effects["effect"].abs()
    clear = (size / reach.where(reach > 0)).dropna()
    if clear.empty:
        return ""
    level, output, target_class = clear.idxmax()
    alike = size.xs((output, target_class), level=("output", "target_class")).dropna()
    # Of two levels, and of an exclusive-or, all are as far from the mean.
    several = len(alike) > 2 and not np.allclose(alike, alike.max())
    words = f"most under {quote(level)}" if several else ""
    if target_class != ALL:
        everywhere = size.xs(ALL, level="target_class").max()
        if size.loc[clear.idxmax()] > 2.0 * everywhere:
            words = f"{words or 'most'} among {quote(target_class)}"
    return words


def largest_shift(
    parts: list[EffectRows],
    column: Column,
    outputs: list,
    points: NoiseSource | None,
    significance: float,
    headline: np.ndarray,
) -> Shift:
    """The largest difference of a probability that is more than noise.

    It is one between levels of the `headline` (J,). Where none is more than noise, it
    is the largest of the common differences.
    """
    if points is None:
        return NO_SHIFT
    levels = list(column.levels)
    # Of two classes the second tells all, and the same one for every column.
    first = int(_are_opposite(points.residuals))
    found = [
        shift
        for part in parts
        for shift in _shifts(
            part, points, levels, headline, shown_outputs(parts, part, outputs)[first:]
        )
    ]
    n_levels = int(headline.sum())
    n_pairs = max(n_levels * (n_levels - 1) // 2, 1)
    tail = significance / (2.0 * len(found) * n_pairs)
    sure = [s for s in found if s[0] > stats.t.isf(tail, s[2]) * s[1]]
    n_common = points.residuals.shape[1] - first
    value, error, degrees, part, output, high, low = max(
        sure or found[:n_common], key=lambda shift: shift[0]
    )
    reach = stats.t.isf(tail, degrees) * error
    where = "" if part == ALL else f" among {quote(part)}"
    under = f"higher under {quote(high)} than under {quote(low)}"
    if not levels:
        of_both = " of both" if column.parts else ""
        under = f"{low} with one standard deviation more{of_both}"
    if column.parts:
        where += ", beyond what each column does alone"
    subject = f"the probability of {quote(outputs[output])} is"
    sentence = subject, under + where
    ends = value - reach, value + reach
    return Shift(value, *ends, sentence, outputs[output], part, high, low)


def _are_opposite(residuals: np.ndarray) -> bool:
    """Whether there are two probabilities, of which one is what the other is not."""
    if residuals.shape[1] != 2:
        return False
    total = np.abs(residuals.sum(axis=1)).max(initial=0.0)
    return bool(total <= OPPOSITE * np.abs(residuals).max(initial=0.0))


def _shifts(
    part: EffectRows,
    points: NoiseSource,
    levels: list,
    headline: np.ndarray,
    shown: list[int],
) -> Iterator[tuple]:
    """Per output: difference, its error and degrees, and what it is a difference of."""
    effects = part.contrasts.times(points.outputs, shown)
    degrees, there = points.degrees(part.contrasts), part.present
    if not levels:
        turn = np.where(effects < 0, -1.0, 1.0)
        names = [(SLOPE, "lower" if sign < 0 else "higher") for sign in turn[0]]
    else:
        # In a class that has none of the headline, its other levels are all there is.
        both = there & headline
        present = np.flatnonzero(both if both.any() else there)
        order = present[np.argsort(effects[present], axis=0)]
        highest, lowest = order[-1], order[0]
        at, turn = np.arange(len(shown)), np.zeros(effects.shape)
        turn[highest, at] += 1.0
        turn[lowest, at] -= 1.0
        names = [(levels[i], levels[j]) for i, j in zip(highest, lowest, strict=True)]
    values = np.sum(turn * effects, axis=0)
    errors = points.errors_by_output(part.contrasts, turn, shown)
    for output, value, error, pair in zip(shown, values, errors, names, strict=True):
        yield float(value), float(error), degrees, part.target_class, output, *pair
