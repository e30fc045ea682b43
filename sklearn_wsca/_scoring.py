"""Skill of fitted heads on new rows."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sklearn_wsca._heads import Head
from sklearn_wsca._metadata import as_numbers, match_levels
from sklearn_wsca._probes import Kind, Probe
from sklearn_wsca._tasks import Task


@dataclass(frozen=True)
class ScoredColumn:
    """What is needed to score the head of one column on new rows.

    Parameters
    ----------
    head : Head
        The head.
    probe : Probe
        Its loss.
    levels : tuple
        Levels of the column in `fit`; empty for numbers.
    baseline : ndarray of shape (n_rows,)
        Outputs of the best constant head on the rows of `fit`.
    """

    head: Head
    probe: Probe
    levels: tuple
    baseline: np.ndarray

    @classmethod
    def of(cls, task: Task, weights: np.ndarray) -> ScoredColumn:
        """Remember a task whose head predicts its labels."""
        column, probe = task.labelled()
        head = task.predicting_head()
        assert head is not None
        if column.levels:
            # A trained head has the loss of its own kind, whatever its probe has.
            kind: Kind = "ridge" if head.kind == "ridge" else "logistic"
            probe = replace(probe, kind=kind)
        baseline = probe.baseline(column.labels[None], weights[column.rows])[0]
        return cls(head, probe, column.levels, baseline)

    def skill(
        self, outputs: np.ndarray, series: pd.Series, weights: np.ndarray
    ) -> float | None:
        """``1 - loss / baseline loss``; None if no row can be scored.

        `outputs` are those of `head` for all rows: (n_samples, n_rows).
        """
        if self.levels:
            rows, labels = match_levels(series, self.levels)
            _warn_unseen(series, len(rows))
        else:
            numbers = as_numbers(series)
            rows = np.flatnonzero(~np.isnan(numbers))
            labels = numbers[rows]
        if not len(rows):
            return None
        outputs = outputs[rows].T[None]
        constant = np.broadcast_to(self.baseline[None, :, None], outputs.shape)
        loss, chance = (
            float(self.probe.losses(found, labels[None], weights[rows])[0])
            for found in (outputs, constant)
        )
        return 1.0 - loss / chance if chance > 0 else None


def _warn_unseen(series: pd.Series, n_matched: int) -> None:
    unseen = int(series.notna().sum()) - n_matched
    if unseen:
        warnings.warn(
            f"column {series.name!r}: {unseen} rows hold levels that fit did not use; "
            "they are not scored.",
            UserWarning,
            stacklevel=4,
        )
