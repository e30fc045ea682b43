"""Ridge probes refitted without each fold, from Gram matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_wsca._backend.namespace import (
    array_namespace,
    device_of,
    is_tensor,
    to_same_device,
)
from sklearn_wsca._linear.design import Design


@dataclass(frozen=True)
class Penalty:
    """How far the coefficients of a probe are held back.

    Parameters
    ----------
    alpha : float
        Penalty of the leading coordinates.
    size : int
        How many these are; coefficients of all others are 0.
    """

    alpha: float
    size: int


@dataclass(frozen=True)
class Refits:
    """Probes of a few penalties on the same coordinates, refitted without each fold.

    Parameters
    ----------
    size : int
        Coordinates that they use, or the most of them.
    penalties : array of shape (n_penalties, 1, 1, 1, size)
        Penalties in the unit of the coordinates.
    inverses : array of shape (n_penalties, n_folds, 1, size, size)
        Inverse penalised Gram matrix of the rows outside of each fold; 0 where a
        penalty leaves a coordinate out.
    """

    size: int
    penalties: Any
    inverses: Any


def penalties_at_once(penalties: Sequence[Penalty], array: Any) -> list[list[Penalty]]:
    """Penalties whose probes are tested at once: all of them on accelerators."""
    if is_tensor(array):
        # Those of one size follow each other.
        return [sorted(penalties, key=lambda own: own.size)]
    return [[penalty] for penalty in penalties]


def refit_without_folds(
    design: Design, training: Any, spread: Any, penalties: list[Penalty]
) -> Refits:
    """Probes of a few penalties from the Gram matrix of each training part."""
    xp, sizes = array_namespace(training), [penalty.size for penalty in penalties]
    where, largest = device_of(training), max(sizes)
    alphas = to_same_device(np.array([own.alpha for own in penalties]), training)
    own = alphas[:, None] / spread[:largest] ** 2
    shape = len(penalties), len(training), largest, largest
    inverses = design.zeros(shape)
    for size in sorted(set(sizes)):
        which = slice(sizes.index(size), sizes.index(size) + sizes.count(size))
        diagonals = own[which, :size, None] * xp.eye(size, **where)
        grams = training[:, :size, :size] + diagonals[:, None]
        # Unlike the solvers of scipy this leaves the interpreter to other workers.
        inverses[which, :, :size, :size] = design.array(xp.linalg.inv(grams))
    own = design.array(own)[:, None, None, None]
    return Refits(largest, own, inverses[:, :, None])
