"""Utilization within each class of the target, and with all classes counted alike."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sklearn_wsca._utilization.contrast_rows import Contrasts
from sklearn_wsca._utilization.interval import limits
from sklearn_wsca._utilization.noise import NoiseSource
from sklearn_wsca._utilization.output_model import OutputModel

CLASS_ENTRIES = ("utilization", "low", "high", "upper", "stands_out")


def utilization_by_class(
    model: OutputModel, noise: NoiseSource, names: list, significance: float
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Utilization in each class, and its root mean square over the classes.

    Returns
    -------
    by_class : DataFrame
        Indexed by class: utilization, low, high (two-sided interval), upper (one-sided
        limit) and stands_out (1 where the utilization is above 0 after correction over
        classes); NaN where a class holds one value of the column only.
    balanced : dict of str to float
        The same but the last for the root mean square over the compared classes.
    """
    compared = np.flatnonzero(model.compared_classes())
    found = {name: dict.fromkeys(CLASS_ENTRIES, np.nan) for name in names}
    rows, effects = [], []
    for number in compared:
        own = model.class_rows(int(number)).map(np.sqrt(model.coding.mean_square))
        rows.append(own)
        effects.append(own.times(noise.outputs))
        spread = noise.noise(own)
        raw = float(np.linalg.norm(effects[-1]))
        entries = limits(raw, spread, spread.mean_square, significance)
        corrected = spread.interval(raw, 1.0 - significance / len(compared))
        found[names[number]] = entries | {"stands_out": float(corrected[0] > 0.0)}
    root = np.sqrt(len(compared))
    raw = float(np.linalg.norm(np.concatenate(effects))) / root
    blocks = _blocks([own.map(1.0 / root) for own in rows], len(noise.outputs))
    spread = noise.noise(*blocks)
    balanced = limits(raw, spread, spread.mean_square, significance)
    table = pd.DataFrame.from_dict(found, orient="index", columns=list(CLASS_ENTRIES))
    table.index = pd.Index(list(found), name="target_class")
    return table, balanced


def _blocks(rows: list[Contrasts], n: int) -> list[Contrasts]:
    """One block where classes share some of the n rows, else one for each class."""
    counts = np.bincount(np.concatenate([own.at for own in rows]), minlength=n)
    if counts.max(initial=0) < 2:
        return rows
    return [Contrasts.of(np.hstack([own.written_out(n) for own in rows]))]
