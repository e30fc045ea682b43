"""Outputs of networks that use a column to a known degree, on the rows of a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from sklearn_wsca._input.column import Column
from sklearn_wsca._input.groups import Groups

# A head of more classes is simulated by so many outputs.
MOST_OUTPUTS = 6
NUMBERS_AT_ONCE = 2**22


@dataclass(frozen=True)
class Assumptions:
    """What is assumed of networks that nobody has trained yet.

    Parameters
    ----------
    auroc : float
        How well an output tells its class of the target from the others.
    intraclass_correlation : float
        Share of the noise of the outputs that all rows of one group have in common.
    """

    auroc: float
    intraclass_correlation: float

    @property
    def separation(self) -> float:
        """Distance of two classes in standard deviations within a class.

        Of two normal distributions, ``sqrt(2)`` times the normal quantile of the AUROC.
        """
        return float(np.sqrt(2.0) * stats.norm.ppf(self.auroc))


@dataclass(frozen=True)
class Networks:
    """Networks that move with one column, each in a direction of its own.

    A network gives ``base + effect * move + noise`` for each row, with noise of
    variance 1 in every output.

    Parameters
    ----------
    base : ndarray of shape (n, C)
        What the target gives, the same in all networks.
    coding : ndarray of shape (n, J)
        Indicators of the levels of the column; or its standardised values.
    directions : ndarray of shape (J, N, C)
        Where N networks move with these: the move of a row has a mean square, over
        levels (over rows for values) and summed over outputs, of 1.
    clusters : ndarray of shape (n,), dtype int, or None
        What rows belong to that share noise.
    share : float
        Share of the noise that they have in common.
    seed : int
        Of the noise.
    """

    base: np.ndarray
    coding: np.ndarray
    directions: np.ndarray
    clusters: np.ndarray | None
    share: float
    seed: int

    @property
    def n_outputs(self) -> int:
        """Outputs of one network."""
        return self.base.shape[1]

    def parts(self, most: int) -> Iterator[slice]:
        """Networks up to so many, in portions that memory holds."""
        step = max(1, NUMBERS_AT_ONCE // self.base.size)
        for start in range(0, most, step):
            yield slice(start, min(start + step, most))

    def outputs(self, effects: np.ndarray, own: slice) -> np.ndarray:
        """Outputs of some networks side by side, centred over classes: (n, N C)."""
        found = self._moves(own)
        found *= effects[:, None]
        found += self.base[:, None]
        found += self._noise(found.shape, own)
        return _centre(found).reshape(len(found), -1)

    def utilizations(self, effect: float) -> np.ndarray:
        r"""True utilizations of the networks if all have one effect: (N,).

        .. math:: e / \sqrt{\operatorname{tr Cov}(b + e v) + s}

        with e the effect, b and v base and move by row, and s the variance of the
        noise, summed over the outputs that are free (all but one of a class head).
        """
        noise = float(max(self.n_outputs - 1, 1))
        constant, linear, square = self._variances()
        return effect / np.sqrt(constant + effect * (linear + effect * square) + noise)

    def _variances(self) -> tuple[float, np.ndarray, np.ndarray]:
        """Variance of base and effect times move, as a polynomial of the effect."""
        n = len(self.base)
        base = _centre(self.base) - _centre(self.base).mean(axis=0)
        centred = self.coding - self.coding.mean(axis=0)
        shared, own = centred.T @ base / n, centred.T @ centred / n
        linear = 2.0 * np.einsum("jc,jkc->k", shared, self.directions)
        square = np.einsum("jkc,jl,lkc->k", self.directions, own, self.directions)
        return float(np.sum(base**2)) / n, linear, square

    def _moves(self, own: slice) -> np.ndarray:
        directions = self.directions[:, own]
        found = self.coding @ directions.reshape(len(directions), -1)
        return found.reshape(len(found), *directions.shape[1:])

    def _noise(self, shape: tuple, own: slice) -> np.ndarray:
        rng = np.random.default_rng([self.seed, own.start])
        noise = rng.standard_normal(shape)
        if self.clusters is None:
            return noise
        n_clusters = int(self.clusters.max()) + 1
        noise *= np.sqrt(1.0 - self.share)
        shared = rng.standard_normal((n_clusters, *shape[1:]))
        return noise + np.sqrt(self.share) * shared[self.clusters]


def draw_networks(
    n_networks: int,
    column: Column,
    base: np.ndarray,
    groups: Groups | None,
    share: float,
    seed: int,
    only: int | None = None,
) -> Networks:
    """Networks that move with a column in random directions.

    Parameters
    ----------
    n_networks : int
        How many.
    column : Column
        What they use.
    base : ndarray of shape (n_rows, C)
        What the target gives on all rows of the table.
    groups : Groups or None
        Which rows belong together.
    share : float
        Share of the noise that is common to the rows of one group.
    seed : int
        Of directions and noise.
    only : int, default=None
        Number of the only level that differs from the others.
    """
    if column.n_levels:
        coding = np.eye(column.n_levels)[column.labels]
    else:
        centred = column.labels - column.labels.mean()
        coding = centred[:, None] / centred.std()
    rng = np.random.default_rng([seed])
    shape = coding.shape[1], n_networks, base.shape[1]
    directions = _centre(rng.standard_normal(shape))
    if only is not None:
        directions *= (np.arange(len(directions)) == only)[:, None, None]
    if column.n_levels:
        directions -= directions.mean(axis=0)
    mean_squares = np.mean(np.sum(directions**2, axis=2), axis=0)
    directions /= np.sqrt(mean_squares)[:, None]
    clusters = None
    if groups is not None:
        clusters = np.unique(groups.codes[column.rows], return_inverse=True)[1]
    return Networks(base[column.rows], coding, directions, clusters, share, seed)


def give_target(target: Column | None, n_rows: int, separation: float) -> np.ndarray:
    """Outputs (n_rows, C) by the target alone; 0 where it is missing.

    One score for two classes, one per class for more. A number is told as well as two
    even classes are.
    """
    if target is None:
        return np.zeros((n_rows, 1))
    if not target.n_levels:
        centred = target.labels - target.labels.mean()
        known = centred[:, None] * (separation / 2.0 / centred.std())
    elif target.n_levels == 2:
        known = separation * target.labels[:, None].astype(float)
    else:
        known = separation * np.eye(target.n_levels)[target.labels][:, :MOST_OUTPUTS]
    found = np.zeros((n_rows, known.shape[1]))
    found[target.rows] = known
    return found


def _centre(values: np.ndarray) -> np.ndarray:
    """Values less their mean over several outputs, which are last."""
    if values.shape[-1] == 1:
        return values
    return values - values.mean(axis=-1, keepdims=True)
