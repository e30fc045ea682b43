"""Everything that is measured of the same units under several levels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._heads.head import center_rows
from sklearn_wsca._input.predictions import are_probabilities
from sklearn_wsca._interventions.class_means import (
    ClassMoves,
    estimate_moves,
    explain_left_out,
    measure_shift,
    tabulate_moves,
)
from sklearn_wsca._interventions.design import Design
from sklearn_wsca._interventions.null import Statistics, infer
from sklearn_wsca._interventions.reading import (
    explain_exchanged,
    explain_few_arrangements,
    explain_missing_pairs,
    explain_no_repeats,
    make_design,
    read_classes,
)
from sklearn_wsca._interventions.result import InterventionResult
from sklearn_wsca._interventions.single_units import (
    NOTHING,
    Spread,
    count_decisions,
    measure_flips,
    measure_sensitivity,
    pair_squares,
    share_of_pairs,
)
from sklearn_wsca._utilization.effects import ALL

# Spread of the outputs, relative to their size, below which it is rounding.
VARIES = 1e-12


def measure(
    outputs: np.ndarray,
    columns: dict[str, Any],
    seed: int,
    n_permutations: int,
    significance: float,
) -> InterventionResult:
    """Measure and test rows in canonical order.

    Parameters
    ----------
    outputs : ndarray of shape (n, C)
        Of the rows.
    columns : dict of str to Series or None
        Arguments of `make_design`.
    seed, n_permutations, significance
        As in `intervention_test`.

    Raises
    ------
    ValueError
        As in `make_design`, or if outputs do not vary, or no class has a mean that can
        be compared.
    """
    design, values, order = make_design(**columns)
    design, class_names, is_continuous = read_classes(design, values, outputs)
    outputs = outputs[order]
    scores = outputs if outputs.shape[1] == 1 else center_rows(outputs.T).T
    # Of no consequence but for rounding.
    scores = scores - scores.mean(axis=0)
    if np.abs(scores).max() <= VARIES * np.abs(outputs).max():
        what = "" if outputs.shape[1] == 1 else " from class to class"
        raise ValueError(
            f"outputs: they do not differ{what} between rows, so nothing can be said "
            "of what moves them; check that they are those of the network."
        )
    means = design.cell_means(scores)
    noise = design.cell_noise(scores, means) if design.has_repeats else None
    spread = Spread.of(design, scores, means)
    groupings = _group(design, class_names)
    classes = groupings[-1][1]
    moves = [estimate_moves(design, *g, design.unit_moves(means)) for g in groupings]
    sensitivity = measure_sensitivity(design, means, noise, spread, significance)
    shift = measure_shift(classes, moves[-1], spread, significance)
    two = len(class_names) == 2 and not is_continuous
    decisions = None if is_continuous else _decisions(outputs, two)
    flipped, by_repeats, flips = _flips(design, decisions, significance)
    pvalue, null = infer(Statistics(design, groupings), scores, seed, n_permutations)
    return InterventionResult(
        *(sensitivity.value, sensitivity.low, sensitivity.high),
        *(shift.value, shift.low, shift.high),
        *(flipped.value, flipped.low, flipped.high),
        pvalue=pvalue,
        repeat_noise=_repeat_noise(design, scores, means, spread),
        flipped_by_repeats=by_repeats,
        n_units=design.n_units,
        n_rows_by_level=_count_rows(design),
        scheme=_scheme(design, columns["groups"]),
        null_distribution=null,
        effects=tabulate_moves(
            [one for part in moves for one in part],
            [
                ALL,
                *(class_names[n] for _, found in groupings[1:] for n in found.numbers),
            ],
            np.concatenate([found.n_units for _, found in groupings]),
            design.levels,
            list(range(scores.shape[1])),
            spread,
            significance,
        ),
        units=_by_unit(design, means, spread, flips),
        notes=(
            *explain_no_repeats(design, columns["repeats"]),
            *explain_exchanged(design),
            *explain_missing_pairs(design),
            *explain_left_out(classes, class_names),
            *explain_few_arrangements(design, significance),
        ),
    )


def _group(design: Design, class_names: list) -> list[tuple[np.ndarray, ClassMoves]]:
    """All units as one class and, if there are several, the classes of the target."""
    every = np.zeros(design.n_units, dtype=np.intp)
    groupings = [(every, ClassMoves.of(design, every))]
    if len(class_names) > 1:
        groupings.append((design.classes, ClassMoves.of(design, design.classes)))
    if not len(groupings[-1][1].numbers):
        raise ValueError(
            "target: in no class do two units or more link all levels, so no mean can "
            "be compared; leave the target out, or levels that few units have."
        )
    return groupings


def _flips(design: Design, decisions: np.ndarray | None, significance: float):
    """Flipped decisions, those between repeats, and those of each unit."""
    if decisions is None:
        return NOTHING, np.nan, np.full(design.n_units, np.nan)
    between, within = count_decisions(design, decisions)
    repeated = ~np.isnan(within)
    return (
        measure_flips(design, between, significance),
        float(within[repeated].mean()) if repeated.any() else np.nan,
        between.sum(axis=1) / design.both.sum(axis=1),
    )


def _decisions(outputs: np.ndarray, has_classes: bool) -> np.ndarray | None:
    """Class that each row is given; None where outputs are no decisions."""
    if outputs.shape[1] > 1:
        return outputs.argmax(axis=1)
    if are_probabilities(outputs):
        return (outputs[:, 0] > 0.5).astype(int)
    return (outputs[:, 0] > 0.0).astype(int) if has_classes else None


def _repeat_noise(design: Design, scores, means, spread: Spread) -> float:
    """Root mean square error of a single repeat; NaN without repeats."""
    if not design.has_repeats:
        return np.nan
    apart = scores - means[design.unit, design.level]
    square = np.sum(apart**2) / np.maximum(design.counts - 1, 0).sum()
    return float(np.sqrt(square / spread.value)) if spread.value > 0.0 else 0.0


def _by_unit(design: Design, means, spread: Spread, flips) -> pd.DataFrame:
    """Levels, rows, move and flipped decisions of each unit, the largest move first."""
    squares = pair_squares(design, means).sum(axis=1) / design.both.sum(axis=1)
    unit = spread.value if spread.value > 0.0 else 1.0
    table = pd.DataFrame(
        {
            "n_levels": design.seen.sum(axis=1),
            "n_rows": design.counts.sum(axis=1),
            "move": np.sqrt(share_of_pairs(design) * squares / unit),
            "flipped": flips,
        },
        index=pd.Index(design.units, name="unit", tupleize_cols=False),
    )
    return table.sort_values("move", ascending=False, kind="stable")


def _count_rows(design: Design) -> pd.Series:
    """Rows under each level."""
    levels = pd.Index(design.levels, name="level", tupleize_cols=False)
    return pd.Series(design.counts.sum(axis=0), levels, name="n_rows")


def _scheme(design: Design, groups: pd.Series | None) -> str:
    """What is permuted, in words."""
    what = "levels and repeats" if design.has_repeats else "levels"
    alike = "" if groups is None else ", alike in all units of a group"
    return f"{what} within units{alike}"
