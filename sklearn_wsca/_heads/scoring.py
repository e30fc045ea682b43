"""Skill of fitted heads on new rows."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from sklearn_wsca._heads.head import Head
from sklearn_wsca._heads.probe import Kind, Probe
from sklearn_wsca._heads.task import Task
from sklearn_wsca._input.column import match_levels
from sklearn_wsca._input.numeric_values import as_numbers, named_column


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
    def of(cls, task: Task, weights: np.ndarray) -> ScoredColumn | None:
        """Remember a task; None if its head does not predict its labels."""
        column, probe = task.labelled()
        head = task.predicting_head()
        if head is None:
            return None
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
        with named_column(series.name):
            if self.levels:
                rows, labels = match_levels(series, self.levels)
                _warn_unseen(series, len(rows))
            else:
                numbers = as_numbers(series)
                rows = np.flatnonzero(~np.isnan(numbers))
                labels = numbers[rows]
        if not len(rows):
            return None
        (skill,) = self.skills(outputs[rows], labels[None], weights[rows])
        return None if np.isnan(skill) else float(skill)

    def skills(
        self, outputs: np.ndarray, labels: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        """Skill of the same outputs (n, n_rows) for several labels (p, n): (p,).

        NaN where the constant makes no error either.
        """
        shape = len(labels), outputs.shape[1], len(outputs)
        loss, chance = (
            self.probe.losses(np.broadcast_to(found, shape), labels, weights)
            for found in (outputs.T, self.baseline[:, None])
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(chance > 0, 1.0 - loss / chance, np.nan)


def _warn_unseen(series: pd.Series, n_matched: int) -> None:
    unseen = int(series.notna().sum()) - n_matched
    if unseen:
        warnings.warn(
            f"column {series.name!r}: {unseen} rows hold levels that fit did not use; "
            "they are not scored.",
            UserWarning,
            stacklevel=4,
        )
