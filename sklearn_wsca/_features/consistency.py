"""Whether activation maps are those that the network decides by."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sklearn_wsca._features.arguments import read_outputs
from sklearn_wsca._features.curve import correlate
from sklearn_wsca._features.maps import Survey
from sklearn_wsca._heads.head import Head
from sklearn_wsca._text import list_first

OF_NETWORK = "maps and outputs of the network"
OF_HEAD = "maps and head (1 by construction)"
# Rounding and half precision make less of a difference.
USUAL_CORRELATION, USUAL_AGREEMENT, USUAL_R2 = 0.99, 0.99, 0.99
# Above the caller of fit, which scikit-learn wraps.
LEVELS_ABOVE = 5


class Consistency(NamedTuple):
    """How maps go with outputs.

    Parameters
    ----------
    correlation : Series
        By class, of the mean of the maps and the output.
    values : DataFrame
        By class, slope and offset of the output on what the head makes of the maps, and
        r2, the share of the variance of the output that the latter explains as it is.
    agreement : float
        Share of samples with equal decisions; NaN without outputs, and for numbers.
    """

    correlation: pd.Series
    values: pd.DataFrame
    agreement: float


def measure_consistency(head: Head, survey: Survey, outputs: Any) -> Consistency:
    """Compare maps with outputs: those of the network, or of the head on these maps."""
    own = head.outputs(survey.pooled)
    known = own if outputs is None else read_outputs(outputs, head, len(own))
    index = pd.Index(head.row_names, name="class")
    name = OF_HEAD if outputs is None else OF_NETWORK
    found = pd.Series(correlate(survey.map_means.T, known.T), index, name=name)
    values = _compare_values(own, known).set_index(index)
    _warn_of_constant(found[head.coef.any(axis=1)], survey)
    if outputs is None:
        return Consistency(found, values, float("nan"))
    agreement = float("nan")
    if head.classes is not None:
        agreement = float(np.mean(own.argmax(axis=1) == known.argmax(axis=1)))
    consistency = Consistency(found, values, agreement)
    _warn_of_other_maps(consistency)
    return consistency


def _compare_values(scores: np.ndarray, outputs: np.ndarray) -> pd.DataFrame:
    """Line of outputs (n, K) on scores, and how well scores are outputs as they are."""
    centred = scores - scores.mean(axis=0), outputs - outputs.mean(axis=0)
    varies = ~np.isnan(correlate(scores.T, scores.T))
    has_spread = ~np.isnan(correlate(outputs.T, outputs.T))
    square = np.where(varies, (centred[0] ** 2).sum(axis=0), np.nan)
    slope = (centred[0] * centred[1]).sum(axis=0) / square
    offset = outputs.mean(axis=0) - slope * scores.mean(axis=0)
    total = np.where(has_spread, (centred[1] ** 2).sum(axis=0), np.nan)
    r2 = 1.0 - ((outputs - scores) ** 2).sum(axis=0) / total
    return pd.DataFrame({"slope": slope, "offset": offset, "r2": r2})


def _warn_of_constant(found: pd.Series, survey: Survey) -> None:
    constant = found.index[found.isna()].tolist()
    if not constant:
        return
    advice = "check that A are the maps that the head reads"
    if not survey.pooled.any():
        advice = (
            "A is 0 at every position, as contributions of patches are where the head "
            "reads a class token alone: take a layer in front of the last attention"
        )
    warnings.warn(
        f"the maps or scores{_of(constant)} do not vary over samples, so that their "
        f"consistency is NaN; {advice}.",
        UserWarning,
        stacklevel=LEVELS_ABOVE,
    )


def _of(names: list) -> str:
    """Say which classes are meant; a number has no name."""
    return "" if names == [""] else f" of {list_first(names, show=str)}"


def _warn_of_other_maps(found: Consistency) -> None:
    """Say that the head on these maps is not the network, and what shows it."""
    correlation, r2 = found.correlation.dropna(), found.values["r2"].dropna()
    said = []
    if len(correlation) and correlation.min() < USUAL_CORRELATION:
        where = _of([correlation.idxmin()])
        said.append(f"consistency {correlation.min():.3f}{where}")
    if len(r2) and r2.min() < USUAL_R2:
        row = found.values.loc[r2.idxmin()]
        line = f": output = {row['slope']:.3g} x score {row['offset']:+.3g}"
        line = "" if np.isnan(row["slope"]) else line
        said.append(f"R² {row['r2']:.3g}{_of([r2.idxmin()])}{line}")
    if found.agreement < USUAL_AGREEMENT:
        said.append(f"{found.agreement:.0%} equal decisions")
    if not said:
        return
    warnings.warn(
        "outputs: the head on these maps does not give the outputs of the network "
        f"({'; '.join(said)}). A may be of another layer, such as before the last "
        "activation, in another unit, of other images or in another order; the head "
        "may lack its intercept, or read something else than the mean of the maps.",
        UserWarning,
        stacklevel=LEVELS_ABOVE,
    )
