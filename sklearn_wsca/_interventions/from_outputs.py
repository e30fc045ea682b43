"""Interventions for people who have the outputs of the same units under each level."""

from __future__ import annotations

import warnings
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state, check_scalar

from sklearn_wsca._heads.head import center_rows
from sklearn_wsca._input.column import kind_by_looks
from sklearn_wsca._input.numeric_values import LeftOutError, numbers_or_none
from sklearn_wsca._input.predictions import (
    are_probabilities,
    check_indexes,
    part_of,
    read_outputs,
)
from sklearn_wsca._input.table import row_fingerprints
from sklearn_wsca._interventions.class_means import (
    ClassMoves,
    estimate_moves,
    measure_shift,
    tabulate_moves,
)
from sklearn_wsca._interventions.design import (
    Design,
    explain_exchanged,
    explain_few_arrangements,
    explain_missing_pairs,
    make_design,
)
from sklearn_wsca._interventions.null import Statistics, infer
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
from sklearn_wsca._permutation.plan import canonical_order, explain_floor
from sklearn_wsca._text import list_first, quote
from sklearn_wsca._utilization.effects import ALL

THIRDS = (1 / 3, 2 / 3)
SHOWN = 3


def intervention_test(
    outputs,
    level,
    unit,
    *,
    target=None,
    repeats=None,
    groups=None,
    n_permutations=999,
    significance=0.05,
    random_state=None,
):
    r"""How far do outputs move when the same unit comes under another level?

    For patients who were scanned on several scanners, phantoms, repeat scans, and
    images that were re-rendered. Labels of different units cannot show what is seen
    here: units that move in different directions leave the means where they are.

    Parameters
    ----------
    outputs : array-like of shape (n_samples, n_classes) or (n_samples,)
        Logits, probabilities or a score, one row per unit and level (long form).
        Several outputs are centred over classes.
    level : array-like of shape (n_samples,)
        What the unit came under, such as the scanner; every value is a level.
    unit : array-like of shape (n_samples,)
        What is the same: patient, phantom or image. Each must have been seen under two
        levels or more; not every one under every level.
    target : array-like of shape (n_samples,) or None, default=None
        What the network should predict, the same in all rows of a unit. Moves of means
        are those of its classes. Numbers are continuous if more than 10 of them, or
        more than half, are distinct, unless they are no more than there are outputs.
    repeats : array-like of shape (n_samples,) or None, default=None
        Number or name of the repeat, where a unit was seen several times under a level.
    groups : array-like of shape (n_samples,) or None, default=None
        What units belong to if they are not independent: the patient of several images.
    n_permutations : int, default=999
        Number of permutations m; the p-value is at least 1 / (m + 1).
    significance : float, default=0.05
        One minus the level of the intervals.
    random_state : int, RandomState or None, default=None
        Seed of the permutations. With an int the result does not depend on the order of
        the rows.

    Returns
    -------
    InterventionResult
        `sensitivity`, `shift` and `flipped`, each with `_low` and `_high`, `pvalue`,
        and tables of moves by level and by unit.

    Raises
    ------
    ValueError
        If an argument cannot be used or has missing values, units were seen under one
        level only, or twice under a level without `repeats`, or too few units link the
        levels. The message names the argument.

    See Also
    --------
    utilization_test : The same question where every unit was seen under one level.
    sklearn_wsca.torch.extract_under : Embeddings of images under interventions.

    Notes
    -----
    With :math:`L_{ij}` the output of unit i under level j (the mean of its repeats),
    :math:`m_{ij} = L_{ij} - \bar L_{i\cdot}`, and :math:`\bar m_{cj}` the mean over the
    units of class c,

    .. math:: \text{sensitivity}^2 = \frac{\overline{|m_{ij}|^2} - \nu}
              {\text{tr Cov}(L)}, \qquad
              \text{shift}^2 = \frac{\overline{|\bar m_{cj}|^2} - \sigma^2}
              {\text{tr Cov}(L)}

    where :math:`\nu` is the noise of the repeats (0 without them), :math:`\sigma^2`
    that of the estimated means, and the covariance that over units, levels and repeats,
    all counted alike. Where cells are missing, squares are averaged over pairs of
    levels and the units that have both, and means are those of least squares with an
    effect of every unit.

    The interval of the sensitivity is that of the jackknife on the logarithm [1]_, of
    the shift that of utilization, of flipped decisions Wilson's. Rows are permuted
    within units, in all units of a group alike; statistics are studentised, so levels
    that are only noisier do not count. Without repeats the test is about means alone: a
    sensitivity without any move of the means is then either repeat noise or, if images
    were re-rendered and have none, a move of single images.

    References
    ----------
    .. [1] R. G. Miller, "The jackknife - a review", Biometrika 61(1), 1974.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_wsca import intervention_test
    >>> rng = np.random.default_rng(0)
    >>> patient = np.repeat(np.arange(40), 2)
    >>> scanner = np.tile(["A", "B"], 40)
    >>> score = rng.standard_normal(40)[patient]
    >>> score += np.where(scanner == "B", 0.4, 0.0) + 0.2 * rng.standard_normal(80)
    >>> result = intervention_test(score, scanner, patient, random_state=0)
    >>> result.pvalue
    0.001
    >>> bool(result.shift_low < 0.2 < result.shift_high)
    True
    """
    check_scalar(n_permutations, "n_permutations", Integral, min_val=0)
    check_scalar(
        significance,
        "significance",
        Real,
        min_val=0,
        max_val=1,
        include_boundaries="neither",
    )
    given = {
        "level": level,
        "unit": unit,
        "target": target,
        "repeats": repeats,
        "groups": groups,
    }
    for name in ("level", "unit"):
        if given[name] is None:
            raise ValueError(f"{name} is None: pass the {name} of every row.")
    check_indexes(outputs, **given)
    outputs = read_outputs(outputs)
    parts = {
        name: None if values is None else part_of(values, name, len(outputs))
        for name, values in given.items()
    }
    # As they came, so that an error names the first row that is wrong.
    make_design(
        **{k: None if part is None else part.iloc[:, 0] for k, part in parts.items()}
    )
    known = [part for part in parts.values() if part is not None]
    order = _order_of_rows(outputs, known)
    columns = {
        name: None if part is None else part.iloc[order, 0].reset_index(drop=True)
        for name, part in parts.items()
    }
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    result = _test(outputs[order], columns, seed, n_permutations, significance)
    notes = [*result.notes, *explain_floor(n_permutations, 1, significance)]
    for message in notes:
        warnings.warn(message, UserWarning, stacklevel=2)
    return result


def _test(
    outputs: np.ndarray,
    columns: dict[str, Any],
    seed: int,
    n_permutations: int,
    significance: float,
) -> InterventionResult:
    """Result of rows in canonical order."""
    design, values, order = make_design(**columns)
    design, class_names, is_continuous = _read_classes(design, values, outputs)
    outputs = outputs[order]
    scores = outputs if outputs.shape[1] == 1 else center_rows(outputs.T).T
    # Of no consequence but for rounding.
    scores = scores - scores.mean(axis=0)
    means = design.cell_means(scores)
    noise = design.cell_noise(scores, means) if design.has_repeats else None
    spread = Spread.of(design, scores, means)
    moves = design.unit_moves(means)

    every = np.zeros(design.n_units, dtype=np.intp)
    common = ClassMoves.of(design, every)
    classes = ClassMoves.of(design, design.classes)
    if not len(classes.numbers):
        raise ValueError(
            "target: in no class do two units or more link all levels, so no mean can "
            "be compared; leave the target out, or levels that few units have."
        )
    of_all = estimate_moves(design, every, common, moves)
    of_classes = estimate_moves(design, design.classes, classes, moves)
    sensitivity = measure_sensitivity(design, means, noise, spread, significance)
    shift = measure_shift(classes, of_classes, spread, significance)
    two = len(class_names) == 2 and not is_continuous
    decisions = None if is_continuous else _decisions(outputs, two)
    flipped, by_repeats, flips = _flips(design, decisions, significance)
    groupings = [(every, common)]
    if len(class_names) > 1:
        groupings.append((design.classes, classes))
    pvalue, null = infer(Statistics(design, groupings), scores, seed, n_permutations)

    names = [ALL]
    shown, n_units = of_all, common.n_units
    if len(class_names) > 1:
        names += [class_names[number] for number in classes.numbers]
        shown, n_units = of_all + of_classes, np.append(n_units, classes.n_units)
    effects = tabulate_moves(
        shown,
        names,
        n_units,
        design.levels,
        list(range(scores.shape[1])),
        spread,
        significance,
    )
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
        effects=effects,
        units=_by_unit(design, means, spread, flips),
        notes=(
            *_explain_no_repeats(design, columns["repeats"]),
            *explain_exchanged(design),
            *explain_missing_pairs(design),
            *_explain_left_out(classes, class_names),
            *explain_few_arrangements(design, significance),
        ),
    )


def _order_of_rows(outputs: np.ndarray, parts: list[pd.DataFrame]) -> np.ndarray:
    """Order of the rows by what they hold."""
    centred = outputs - outputs.mean(axis=0)
    distance = np.sum(centred**2, axis=1)
    return canonical_order(
        distance, lambda: np.sum([row_fingerprints(part) for part in parts], axis=0)
    )


def _read_classes(
    design: Design, values: list, outputs: np.ndarray
) -> tuple[Design, list, bool]:
    """Design with thirds of a target that is continuous; names of the classes."""
    if not values:
        return design, [ALL], False
    of_units = pd.Series(values, dtype=object).iloc[design.classes].infer_objects()
    try:
        numbers = numbers_or_none(of_units)
    except LeftOutError as reason:
        raise ValueError(f"target: it {reason}.") from reason
    few = 2 <= len(values) <= outputs.shape[1]
    if few or numbers is None or kind_by_looks(numbers) == "categorical":
        names = [f"class {ALL!r}" if name == ALL else name for name in values]
        return design, names, False
    thirds = np.digitize(numbers, np.quantile(numbers, THIRDS))
    thirds = np.unique(thirds, return_inverse=True)[1]
    parts = [numbers[thirds == code] for code in range(thirds.max() + 1)]
    names = [f"{part.min():.4g} to {part.max():.4g}" for part in parts]
    return replace(design, classes=thirds), names, True


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


def _explain_no_repeats(design: Design, repeats: pd.Series | None) -> list[str]:
    """Say that repeats were named, and there is none."""
    if repeats is None or design.has_repeats:
        return []
    return [
        "repeats: no unit was seen twice under a level, so the noise of repeats is "
        "part of the sensitivity."
    ]


def _explain_left_out(classes: ClassMoves, names: list) -> list[str]:
    """Say which classes have no mean that could be compared."""
    missing = [name for i, name in enumerate(names) if i not in classes.numbers]
    if not missing:
        return []
    return [
        f"target: the shift leaves out {list_first(missing, SHOWN, quote)}, where no "
        "two units or more link all levels."
    ]
