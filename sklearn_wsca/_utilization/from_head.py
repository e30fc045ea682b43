"""The decision of a primary head: its outputs, and what is held fixed for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from sklearn_wsca._heads.head import Head, all_outputs, center_rows
from sklearn_wsca._input.checked_input import Input
from sklearn_wsca._input.column import Column
from sklearn_wsca._utilization.decision import Decision
from sklearn_wsca._utilization.regression import Adjustment


def make_decision(
    head: Head | None,
    given: Input,
    target: Column | None,
    adjustment: Adjustment = "spline",
    outputs: np.ndarray | None = None,
    as_trained: bool = True,
) -> Decision | None:
    """Outputs of a head, with what is held fixed; None without a head or a target.

    Outputs (n, n_rows) are those of the head if they are given; `as_trained` is False
    where they are those of heads that have not seen the rows.
    """
    if head is None or target is None:
        return None
    if outputs is None:
        outputs = all_outputs(given.X, [head])
    outputs, probabilities = read_outputs(outputs, head)
    roles = given.roles
    return Decision(
        outputs,
        probabilities,
        given.weights,
        target,
        roles.confounders,
        roles.groups,
        [target.name] if head.row_names == ("",) else list(head.row_names),
        adjustment,
        as_trained,
    )


def read_outputs(outputs: np.ndarray, head: Head) -> tuple[np.ndarray, Any]:
    """Outputs as utilization takes them, and probabilities: (n, C), (n, c) or None."""
    if head.kind != "logistic":
        return outputs, None
    if outputs.shape[1] == 1:
        return outputs, special.expit(outputs)
    return center_rows(outputs.T).T, special.softmax(outputs, axis=1)
