"""Outputs of a head on its rows, and what is held fixed when they are examined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from sklearn_wsca._input.column import Column
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._permutation.plan import canonical_order
from sklearn_wsca._utilization.regression import Adjustment


@dataclass(frozen=True)
class Decision:
    """Outputs of a primary head, and what is held fixed when they are examined.

    Parameters
    ----------
    outputs : ndarray of shape (n, C)
        Class scores centred over classes, or predicted values.
    probabilities : ndarray of shape (n, c) or None
        Predicted probabilities of the classes, if there are any.
    weights : ndarray of shape (n,)
        Row weights.
    target : Column or None
        The target.
    confounders : list of Column
        What else is held fixed.
    groups : Groups or None
        Which rows belong together.
    names : list
        Names of the outputs; numbers if there are none.
    adjustment : {"spline", "linear"}
        How what is continuous is held fixed.
    orders_rows : bool
        Whether permutations act on the rows in the order of these outputs. Those of a
        trained head are the same in whatever space it reads the embeddings.
    """

    outputs: np.ndarray
    probabilities: np.ndarray | None
    weights: np.ndarray
    target: Column | None
    confounders: list[Column]
    groups: Groups | None
    names: list = field(default_factory=list)
    adjustment: Adjustment = "spline"
    orders_rows: bool = False

    def in_own_order(self, columns: Mapping) -> tuple[Decision, dict]:
        """Itself and columns, by the distance of the outputs from their mean."""
        if not self.orders_rows:
            return self, dict(columns)
        centred = self.outputs - self.outputs.mean(axis=0)
        distance = np.sum(centred**2, axis=1)
        order = canonical_order(distance, lambda: np.arange(len(distance)))
        probabilities, groups = self.probabilities, self.groups
        taken = replace(
            self,
            outputs=self.outputs[order],
            probabilities=None if probabilities is None else probabilities[order],
            weights=self.weights[order],
            target=_take(self.target, order),
            confounders=[column.take(order) for column in self.confounders],
            groups=None if groups is None else groups.take(order),
        )
        return taken, {name: _take(c, order) for name, c in columns.items()}

    def output_names(self) -> list:
        """Names of the outputs."""
        return self.names or list(range(self.outputs.shape[1]))

    def held_fixed(self, column: Column) -> list[Column]:
        """Target and confounders that are held fixed for a column.

        It may be one of them, and an interaction may be of some; what the parts of an
        interaction do alone is held fixed by its own.
        """
        held = [self.target, *self.confounders]
        own = {column.name, *(part.name for part in column.parts)}
        return [c for c in held if c is not None and c.name not in own]


def _take(column: Column | None, order: np.ndarray) -> Column | None:
    return None if column is None else column.take(order)
