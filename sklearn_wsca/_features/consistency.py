"""Whether activation maps are those that the network decides by."""

from __future__ import annotations

import warnings
from typing import Any

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
USUAL_CORRELATION, USUAL_AGREEMENT = 0.99, 0.99
# Above the caller of fit, which scikit-learn wraps.
LEVELS_ABOVE = 5


def measure_consistency(
    head: Head, survey: Survey, outputs: Any
) -> tuple[pd.Series, float]:
    """Correlation of the mean of the maps with outputs by class, and equal decisions.

    The outputs are those of the network, or of the head on the same maps where there
    are none; the share of samples with equal decisions is NaN then, and for numbers.
    """
    own = head.outputs(survey.pooled)
    known = own if outputs is None else read_outputs(outputs, head, len(own))
    index = pd.Index(head.row_names, name="class")
    name = OF_HEAD if outputs is None else OF_NETWORK
    found = pd.Series(correlate(survey.map_means.T, known.T), index, name=name)
    _warn_of_constant(found[head.coef.any(axis=1)])
    if outputs is None:
        return found, float("nan")
    agreement = float("nan")
    if head.classes is not None:
        agreement = float(np.mean(own.argmax(axis=1) == known.argmax(axis=1)))
    _warn_of_other_maps(found, agreement)
    return found, agreement


def _warn_of_constant(found: pd.Series) -> None:
    constant = found.index[found.isna()].tolist()
    if constant:
        warnings.warn(
            f"the maps or scores of {list_first(constant)} do not vary over samples, "
            "so that their consistency is NaN; check that A are the maps that the head "
            "reads.",
            UserWarning,
            stacklevel=LEVELS_ABOVE,
        )


def _warn_of_other_maps(found: pd.Series, agreement: float) -> None:
    """Say that the head on these maps is not the network."""
    correlation = found.min()
    apart = correlation < USUAL_CORRELATION or agreement < USUAL_AGREEMENT
    if not apart:
        return
    decisions = "" if np.isnan(agreement) else f", and {agreement:.0%} equal decisions"
    warnings.warn(
        "outputs: the head on these maps does not give the outputs of the network "
        f"(consistency {correlation:.3f} for {found.idxmin()!r}{decisions}). A may be "
        "of another layer, such as before the last activation, of other images or in "
        "another order, or the head may read something else than their mean.",
        UserWarning,
        stacklevel=LEVELS_ABOVE,
    )
