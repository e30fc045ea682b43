"""Interventions for people who have the outputs of the same units under each level."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from sklearn_wsca._input.doubtful_outputs import describe_doubts
from sklearn_wsca._input.numeric_values import numbers_or_none
from sklearn_wsca._input.predictions import (
    check_indexes,
    part_of,
    read_outputs,
)
from sklearn_wsca._input.settings import check_test_settings
from sklearn_wsca._input.table import fingerprints_by_role
from sklearn_wsca._input.typed_columns import count_values, kind_by_looks
from sklearn_wsca._interventions.measurement import measure
from sklearn_wsca._interventions.reading import leave_out_rare, make_design
from sklearn_wsca._permutation.plan import canonical_order, explain_floor


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
        What the unit came under, such as the scanner; every value is a level. Levels
        that fewer than 10 units were seen under, or 1 %, are left out with a warning,
        but for the two that most were seen under; not where such levels make up more
        than a fifth of what was seen, which a warning says. With groups these are
        counted.
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
        If an argument cannot be used or has missing values, outputs do not vary, units
        were seen under one level only, or twice under a level without `repeats`, or too
        few units link the levels. The message names the argument.

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
    check_test_settings(n_permutations, significance)
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
    array = read_outputs(outputs)
    parts = {
        name: None if values is None else part_of(values, name, len(array))
        for name, values in given.items()
    }
    columns = {
        k: None if part is None else part.iloc[:, 0] for k, part in parts.items()
    }
    # As they came, so that an error names the first row that is wrong.
    make_design(**columns)
    kept, left_out = leave_out_rare(columns)
    known = {role: part[kept] for role, part in parts.items() if part is not None}
    order = np.flatnonzero(kept)[_order_of_rows(array[kept], known)]
    columns = {
        name: None if one is None else one.iloc[order].reset_index(drop=True)
        for name, one in columns.items()
    }
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    result = measure(array[order], columns, seed, n_permutations, significance)
    result = replace(result, notes=(*left_out, *result.notes))
    doubts = _doubt(outputs, array, parts["target"], parts["unit"])
    floor = explain_floor(n_permutations, 1, significance)
    notes = [*doubts, *result.notes, *floor]
    for message in notes:
        warnings.warn(message, UserWarning, stacklevel=2)
    return result


def _doubt(
    outputs: Any, array: np.ndarray, part: pd.DataFrame | None, unit: pd.DataFrame
) -> list[str]:
    """Why outputs may be something else."""
    if part is None:
        return describe_doubts(outputs, array, "outputs", None, False)
    target = part.iloc[:, 0]
    values = target[~unit.iloc[:, 0].duplicated().to_numpy()]
    numbers = numbers_or_none(values.dropna().infer_objects())
    few = 2 <= count_values(values) <= array.shape[1]
    is_number = (
        not few and numbers is not None and kind_by_looks(numbers) == "continuous"
    )
    return describe_doubts(outputs, array, "outputs", target, is_number)


def _order_of_rows(outputs: np.ndarray, parts: dict[str, pd.DataFrame]) -> np.ndarray:
    """Order of the rows by what they hold."""
    centred = outputs - outputs.mean(axis=0)
    distance = np.sum(centred**2, axis=1)
    return canonical_order(
        distance,
        lambda: fingerprints_by_role(parts),
        lambda numbers: centred @ (numbers @ centred),
    )
