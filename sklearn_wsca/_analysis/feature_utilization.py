"""Which features of the embedding make up the utilization of a column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sklearn_wsca._analysis.fit_record import FitRecord, read_columns, read_interactions
from sklearn_wsca._backend.namespace import to_numpy
from sklearn_wsca._heads.head import Head
from sklearn_wsca._input.checked_input import Input
from sklearn_wsca._input.column import LeftOutError
from sklearn_wsca._input.embeddings import Embeddings
from sklearn_wsca._utilization.adjusted_effect import model_outputs, on_known_rows
from sklearn_wsca._utilization.from_head import make_decision
from sklearn_wsca._utilization.regression import Adjustment


def measure_feature_utilization(
    record: FitRecord,
    given: Input,
    head: Head | None,
    column: Any,
    adjustment: Adjustment,
) -> pd.DataFrame:
    """Share of every feature in the utilization of a column.

    See `WeightSpaceCorrelation.utilization_by_feature`.
    """
    if record.target is None or head is None:
        raise ValueError(
            "utilization_by_feature: nothing can be held fixed without a target; name "
            "it in target, and fit again."
        )
    analysed = [*record.columns, *record.pairs]
    if column not in analysed:
        raise ValueError(
            f"column: {column!r} was not analysed in fit; the columns that were are "
            f"{analysed}."
        )
    if column in record.pairs:
        read, left_out = read_interactions({column: record.pairs[column]}, given)
    else:
        read, left_out = read_columns({column: record.columns[column]}, given)
    target = record.target.read(given.table[record.target_name])
    decision = make_decision(head, given, target, adjustment)
    assert decision is not None
    try:
        if left_out:
            raise LeftOutError(left_out[column])
        used = on_known_rows(decision, read[column])
        model = model_outputs(decision, used)
    except LeftOutError as reason:
        raise ValueError(f"column: {column!r} cannot be tested: {reason}.") from reason
    effects = model.effect_rows() * model.rows.roots[:, None]
    displacement = displace(given.X, used.rows, effects)
    share = share_of_features(displacement, head.centred_coef)
    own = np.sqrt((displacement**2).sum(axis=0))
    index = pd.RangeIndex(len(share), name="feature")
    return pd.DataFrame({"share": share, "displacement": own}, index)


def displace(X: Embeddings, rows: np.ndarray, effects: np.ndarray) -> np.ndarray:
    """Effects of a column on every feature: (m, n_features).

    Parameters
    ----------
    X : Embeddings
        All rows.
    rows : ndarray of shape (n_observed,), dtype int
        Those that the column is used on, rising.
    effects : ndarray of shape (n_observed, m)
        Rows whose products with a response are its effects.
    """
    weights = np.zeros((len(X), effects.shape[1]))
    weights[rows] = effects
    (total,) = X.total(_add_up, weights)
    return total


def _add_up(block: Any, weights: np.ndarray) -> tuple[np.ndarray]:
    return (weights.T @ to_numpy(block),)


def share_of_features(displacement: np.ndarray, coef: np.ndarray) -> np.ndarray:
    """Share of each feature in the squared length of all effects; they add up to 1.

    With D the displacement (m, d) and W the head (C, d), the effects are E = D W^T, and
    feature c adds the sum over effects and outputs of E_ji W_ic D_jc to their squared
    length. A negative share works against the others.
    """
    effects = displacement @ coef.T
    parts = (displacement * (effects @ coef)).sum(axis=0)
    total = (effects**2).sum()
    return parts / total if total > 0 else np.zeros(len(parts))
