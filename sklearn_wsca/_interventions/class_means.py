"""How far the means of the classes of a target move between levels.

Within a class, outputs are a mean per unit plus one per level; the latter, by least
squares, are its moves. They are what utilization estimates from other units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from sklearn_wsca._interventions.design import Design
from sklearn_wsca._interventions.single_units import Estimate, Spread, jackknife
from sklearn_wsca._text import list_first, quote
from sklearn_wsca._utilization.effects import ALL, ENTRIES, MOST_CLASSES
from sklearn_wsca._utilization.interval import EffectNoise, limits

SMALLEST_EIGENVALUE = 1e-9
SHOWN = 3


@dataclass(frozen=True)
class ClassMoves:
    """Moves of the mean of each class, as sums over units.

    Parameters
    ----------
    numbers : ndarray of shape (K,), dtype int
        Classes that can be compared.
    solvers : ndarray of shape (K, J, J)
        From sums over the units of a class to its moves.
    n_units, n_clusters : ndarray of shape (K,)
        Of each class.
    """

    numbers: np.ndarray
    solvers: np.ndarray
    n_units: np.ndarray
    n_clusters: np.ndarray

    @classmethod
    def of(cls, design: Design, classes: np.ndarray) -> ClassMoves:
        """Classes in which two clusters or more link all levels."""
        numbers, solvers, n_units, n_clusters = [], [], [], []
        for number in range(int(classes.max()) + 1):
            members = classes == number
            several = len(np.unique(design.clusters[members]))
            solver = _solver(design.seen[members])
            if several >= 2 and solver is not None:
                numbers.append(number)
                solvers.append(solver)
                n_units.append(members.sum())
                n_clusters.append(several)
        return cls(
            np.array(numbers, dtype=np.intp),
            np.array(solvers).reshape(-1, design.n_levels, design.n_levels),
            np.array(n_units, dtype=float),
            np.array(n_clusters, dtype=float),
        )

    @property
    def shares(self) -> np.ndarray:
        """Share of each class in the units that are compared."""
        return self.n_units / self.n_units.sum()

    def contributions(self, place: int, moves: np.ndarray) -> np.ndarray:
        """What each unit of a class adds to its moves: moves (..., n_k, J, C)."""
        return self.solvers[place] @ moves


def _solver(seen: np.ndarray) -> np.ndarray | None:
    """From sums of centred rows to levels that add up to 0; None if not unique."""
    seen = seen.astype(float)
    n_seen = np.maximum(seen.sum(axis=1), 1.0)
    normal = np.diag(seen.sum(axis=0)) - seen.T @ (seen / n_seen[:, None])
    eigenvalues = np.linalg.eigvalsh(normal)
    if eigenvalues[1] <= SMALLEST_EIGENVALUE * max(eigenvalues[-1], 1.0):
        return None
    return np.linalg.pinv(normal, hermitian=True)


@dataclass(frozen=True)
class Moves:
    """Moves of one class, in the unit of the outputs, and what each cluster adds.

    Parameters
    ----------
    effects : ndarray of shape (J, C)
        Signed moves from the mean over levels.
    errors : ndarray of shape (n_clusters_k, J, C)
        What each cluster adds to their error.
    clusters : ndarray of shape (n_clusters_k,)
        Which ones these are.
    """

    effects: np.ndarray
    errors: np.ndarray
    clusters: np.ndarray

    @property
    def degrees(self) -> int:
        """Degrees of freedom of the estimated variance."""
        return len(self.clusters) - 1


def estimate_moves(
    design: Design, classes: np.ndarray, found: ClassMoves, moves: np.ndarray
) -> list[Moves]:
    """Moves of every class that can be compared; moves (N, J, C) of its units."""
    results = []
    for place, number in enumerate(found.numbers):
        members = np.flatnonzero(classes == number)
        own, seen = moves[members], design.seen[members]
        effects = found.contributions(place, own).sum(axis=0)
        fitted = np.where(seen[..., None], effects, 0.0)
        of_unit = fitted.sum(axis=1, keepdims=True) / seen.sum(axis=1)[:, None, None]
        fitted -= np.where(seen[..., None], of_unit, 0.0)
        left = found.contributions(place, own - fitted)
        names, inverse = np.unique(design.clusters[members], return_inverse=True)
        errors = np.zeros((len(names), *effects.shape))
        np.add.at(errors, inverse, left)
        errors *= np.sqrt(len(names) / (len(names) - 1.0))
        results.append(Moves(effects, errors, names))
    return results


def measure_shift(
    found: ClassMoves, moves: list[Moves], spread: Spread, significance: float
) -> Estimate:
    """Root mean square move of the class means, in standard deviations of the outputs.

    Every class counts as often as it has units, every level once. The interval is that
    of utilization: it inverts the distribution of the squared length of the moves.
    """
    if spread.value <= 0.0:
        return Estimate(0.0, 0.0, 0.0)
    n_levels = len(moves[0].effects)
    units = np.sqrt(found.shares / n_levels / spread.value)
    effects = [unit * own.effects for unit, own in zip(units, moves, strict=True)]
    raw = float(np.sqrt(sum(np.sum(part**2) for part in effects)))
    total, along, along_degrees, squares = _noise(effects, units, moves, raw)
    # The standard deviation is an estimate, too.
    along_all = along + (raw * _error_of_unit(spread)) ** 2
    if along_all <= 0.0:
        return Estimate(raw, raw, raw)
    across = max(total - along, 0.0)
    across_squares = max(squares - along**2, across**2 / 1e6)
    degrees = across**2 / across_squares if across > 1e-12 * total else 0.0
    if degrees == 0.0:
        across = 0.0
    noise = EffectNoise(float(np.sqrt(along_all)), across, degrees, along_degrees)
    result = limits(raw, noise, total, significance)
    return Estimate(result["utilization"], result["low"], result["high"])


def _error_of_unit(spread: Spread) -> float:
    """Error of the standard deviation of the outputs, relative to it."""
    return jackknife(np.log(np.maximum(spread.without, 1e-300)))[0] / 2.0


def _noise(effects, units, moves, raw) -> tuple[float, float, float, float]:
    """Mean square of the noise, its part along the effect with degrees, its square.

    The last is the trace of the squared covariance: products of different clusters,
    which are not raised by the noise of a cluster with itself.
    """
    total = along = spent = 0.0
    clusters = np.unique(np.concatenate([own.clusters for own in moves]))
    projected = np.zeros(len(clusters))
    gram = _Products(clusters)
    for part, unit, own in zip(effects, units, moves, strict=True):
        errors = unit * own.errors.reshape(len(own.clusters), -1)
        total += float(np.sum(errors**2))
        gram.add(errors, own.clusters)
        if raw > 0.0:
            at = np.searchsorted(clusters, own.clusters)
            projected[at] += errors @ part.ravel() / raw
            spent += np.sum((errors @ part.ravel() / raw) ** 2) ** 2 / own.degrees
    along = float(np.sum(projected**2))
    degrees = along**2 / spent if spent > 0.0 else float(len(clusters) - 1)
    return total, along, float(np.clip(degrees, 1.0, len(clusters) - 1)), gram.total


class _Products:
    """Sum of the squared products of the errors of different clusters."""

    def __init__(self, clusters: np.ndarray):
        self._clusters = clusters
        self._seen: set[int] = set()
        self._blocks: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, errors: np.ndarray, clusters: np.ndarray) -> None:
        """Add the errors (n, q) of some clusters."""
        self._blocks.append((errors, np.searchsorted(self._clusters, clusters)))

    @property
    def total(self) -> float:
        """The sum, as the trace of a squared covariance."""
        members = np.concatenate([at for _, at in self._blocks])
        if len(members) == len(np.unique(members)):
            return sum(_squared_products(errors) for errors, _ in self._blocks)
        products = np.zeros((len(self._clusters), len(self._clusters)))
        for errors, at in self._blocks:
            products[np.ix_(at, at)] += errors @ errors.T
        squares = float(np.sum(products**2))
        return _off_diagonal(squares, np.diag(products), len(products))


def _squared_products(errors: np.ndarray) -> float:
    n, q = errors.shape
    products = errors @ errors.T if n <= q else errors.T @ errors
    return _off_diagonal(float(np.sum(products**2)), np.sum(errors**2, axis=1), n)


def _off_diagonal(squares: float, diagonal: np.ndarray, n: int) -> float:
    return max(squares - float(np.sum(diagonal**2)), 0.0) * n / max(n - 1.0, 1.0)


def tabulate_moves(
    moves: list[Moves],
    names: list,
    n_units: np.ndarray,
    levels: list,
    outputs: list,
    spread: Spread,
    significance: float,
) -> pd.DataFrame:
    """Signed move of every mean: one row per level, output and class."""
    unit = np.sqrt(spread.value) if spread.value > 0.0 else 1.0
    error_of_unit = _error_of_unit(spread) if spread.value > 0.0 else 0.0
    tables = []
    for own, name, n in zip(moves, names, n_units, strict=True):
        shown = list(range(len(outputs)))
        if len(moves) > MOST_CLASSES and name != ALL and name in outputs:
            shown = [outputs.index(name)]
        effect = own.effects[:, shown] / unit
        error = np.sqrt(np.sum(own.errors[..., shown] ** 2, axis=0)) / unit
        error = np.hypot(error, effect * error_of_unit)
        reach = stats.t.isf(significance / 2.0, own.degrees) * error
        index = pd.MultiIndex.from_product(
            [levels, [outputs[i] for i in shown], [name]], names=ENTRIES
        )
        columns = {
            "n_units": int(n),
            "effect": effect.ravel(),
            "low": (effect - reach).ravel(),
            "high": (effect + reach).ravel(),
        }
        tables.append(pd.DataFrame(columns, index=index))
    return pd.concat(tables)


def explain_left_out(classes: ClassMoves, names: list) -> list[str]:
    """Say which classes have no mean that could be compared."""
    missing = [name for i, name in enumerate(names) if i not in classes.numbers]
    if not missing:
        return []
    return [
        f"target: the shift leaves out {list_first(missing, SHOWN, quote)}, where no "
        "two units or more link all levels."
    ]
