"""What each unit contributes to the error of the effects on the outputs of a network.

Both networks are adjusted by one regression: the same rows, terms and weights. So the
effects of both are sums over the same units, and their errors go together as they do
in the data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sklearn_wsca._input.column import Column, LeftOutError
from sklearn_wsca._linear.class_basis import sum_matrix
from sklearn_wsca._utilization.adjusted_effect import prepare
from sklearn_wsca._utilization.contrast_rows import ClassContrasts
from sklearn_wsca._utilization.decision import Decision
from sklearn_wsca._utilization.interval import EffectNoise
from sklearn_wsca._utilization.noise import NoiseSource
from sklearn_wsca._utilization.output_model import OutputModel

# Fewer units have too few arrangements of their signs.
FEWEST_UNITS = 8
# Spread of outputs that is no more than rounding, beside their size.
VARIES = 1e-12


@dataclass(frozen=True)
class Contributions:
    """Effects on the outputs of a network, and the errors that units contribute.

    Parameters
    ----------
    contrasts : ClassContrasts
        Rows (n, m) whose products with weighted outputs are the effects.
    source : NoiseSource
        Weighted outputs and errors, in standard deviations of the outputs.
    noise : EffectNoise
        Sampling noise of the utilization.
    """

    contrasts: ClassContrasts
    source: NoiseSource
    noise: EffectNoise

    @classmethod
    def of(cls, model: OutputModel, outputs: np.ndarray, weights: np.ndarray):
        """Take them from the regression, for outputs (n, C) of variance 1."""
        source = NoiseSource.of(replace(model, total_variance=1.0), outputs, weights)
        noise = source.noise(*model.effect_blocks())
        return cls(model.effect_contrasts(), source, noise)

    @property
    def n_units(self) -> int:
        """Number of units that are independent of each other."""
        return len(self.source.spread)

    @cached_property
    def effects(self) -> np.ndarray:
        """Effects on the outputs: (m, C)."""
        return self.contrasts.times(self.source.outputs)

    @property
    def raw(self) -> float:
        """Utilization before noise is removed."""
        return float(np.linalg.norm(self.effects))

    @property
    def square(self) -> float:
        """Squared utilization without its noise; below 0 where noise was less."""
        return self.raw**2 - self.noise.mean_square

    @property
    def direction(self) -> np.ndarray:
        """The effects with length 1: (m, C)."""
        return self.effects / self.raw if self.raw > 0.0 else self.effects

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Errors of units in the effects of one row after the other.

        They are (n_units, C), centred over units, and come with the direction (C,).
        """
        clusters, direction = self.source.clusters, self.direction
        rows = self.contrasts.written_out()
        for j, effects in enumerate(self.effects):
            own = sum_matrix(clusters, rows[:, j], self.n_units)
            errors = own @ self.source.residuals
            errors -= self.source.spread[:, None] * effects
            yield errors - errors.mean(axis=0), direction[j]

    @cached_property
    def along(self) -> np.ndarray:
        """Error of each unit in the length of the effects: (n_units,)."""
        return np.sum([errors @ own for errors, own in self.blocks()], axis=0)


@dataclass(frozen=True)
class Pair:
    """Two networks, and one column of the rows that both are compared on.

    Parameters
    ----------
    a, b : Contributions
        Of the first and of the second network.
    first_rows : ndarray of shape (n_units,)
        A row of the table for each unit.
    notes : list of str
        What was left out.
    """

    a: Contributions
    b: Contributions
    first_rows: np.ndarray
    notes: list[str]

    @property
    def difference(self) -> float:
        """Difference of the squared utilizations."""
        return self.b.square - self.a.square

    @property
    def common_length(self) -> float:
        """Utilization of both if it is the same."""
        return float(np.sqrt(max((self.a.square + self.b.square) / 2.0, 0.0)))

    @property
    def correlation(self) -> float:
        """Correlation of the errors of the two utilizations."""
        own, other = self.a.along, self.b.along
        size = float(np.linalg.norm(own) * np.linalg.norm(other))
        return float(np.clip(own @ other / size, -1.0, 1.0)) if size > 0.0 else 0.0

    def distance(self) -> tuple[float, EffectNoise]:
        """How far the effects of both are apart, and its noise.

        What both units of measurement add to it is neglected.
        """
        a, b = self.a.source, self.b.source
        apart = replace(
            b,
            outputs=b.outputs - a.outputs,
            residuals=b.residuals - a.residuals,
            spread=np.zeros_like(b.spread),
        )
        return apart.measure(self.a.contrasts)


def pair_networks(a: Decision, b: Decision, column: Column) -> Pair:
    """Adjust the outputs of both networks for what is held fixed.

    Parameters
    ----------
    a, b : Decision
        Of the two networks, on the same rows.
    column : Column
        What they may use.

    Raises
    ------
    LeftOutError
        If there is nothing to compare, there are too few units, or the outputs of a
        network do not vary.
    """
    named = (("outputs_a", a), ("outputs_b", b))
    everything = np.arange(len(a.outputs))
    scaled = [_in_own_unit(own.outputs, everything, name) for name, own in named]
    both = replace(a, outputs=np.hstack(scaled), probabilities=None)
    found = prepare(both, column)
    rows = found.common.rows
    first, second = (
        Contributions.of(
            found.model, _in_own_unit(own.outputs, rows, name), own.weights[rows]
        )
        for name, own in named
    )
    units = np.unique(found.model.exchange.clusters, return_index=True)[1]
    if len(units) < FEWEST_UNITS:
        raise LeftOutError(
            f"the networks are compared on {len(units)} groups, and at least "
            f"{FEWEST_UNITS} are needed"
        )
    # Those of an interaction are among what was found.
    notes = [*(() if column.parts else column.notes), *found.notes]
    return Pair(first, second, rows[units], notes)


def _in_own_unit(outputs: np.ndarray, rows: np.ndarray, name: str) -> np.ndarray:
    """Outputs of some rows in units of their standard deviation, all together.

    Raises
    ------
    LeftOutError
        If they do not vary.
    """
    outputs = outputs[rows]
    centred = outputs - outputs.mean(axis=0)
    spread = float(np.sqrt(np.mean(np.sum(centred**2, axis=1))))
    if spread <= VARIES * np.abs(outputs).max():
        raise LeftOutError(f"{name} do not vary on its rows")
    return centred / spread
