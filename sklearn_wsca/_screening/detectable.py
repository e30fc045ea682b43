"""The smallest use of a column that audits of a table would find, by simulation.

Networks are simulated on the rows of the table, and audited as real ones are: by the
same regression, exchange of units and studentised statistics. Only the null
distribution is that of several networks together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy import optimize, stats

from sklearn_wsca._backend.memory import in_parts
from sklearn_wsca._input.column import Column
from sklearn_wsca._permutation.plan import PermutationPlan
from sklearn_wsca._screening.simulated_outputs import (
    Assumptions,
    Networks,
    draw_networks,
    give_target,
)
from sklearn_wsca._utilization.adjusted_effect import model_outputs
from sklearn_wsca._utilization.decision import Decision
from sklearn_wsca._utilization.inference import POWER
from sklearn_wsca._utilization.output_model import OutputModel
from sklearn_wsca._utilization.statistic import N_STATISTICS

# Simulated networks; those of them that are permuted; and permutations of each.
N_NETWORKS, N_PERMUTED, N_PERMUTATIONS = 192, 24, 96
# The same of networks with several outputs.
N_CLASS_NETWORKS, N_CLASS_PERMUTED = 128, 8
NUMBERS_AT_ONCE = 2**20
# Effects lie between the guess over this and times this; a guess that was wrong by more
# than the second factor is made again, further away where all or none were found.
SPREAD, CLOSE, FURTHER = 1.8, 1.4, 3.0
MOST_ROUNDS = 8
# In standard deviations of the noise: beyond this nothing is found by a larger effect.
LARGEST_EFFECT = 30.0
# A tail of fewer draws is extrapolated, from as many as this share.
FEWEST_BEYOND, UPPER_SHARE = 20, 0.3
TIES = 1e-9


@dataclass(frozen=True)
class Detectable:
    """What audits would find.

    Parameters
    ----------
    effect : float
        Smallest effect that is found with `POWER`, in standard deviations of the noise
        of the outputs; infinite where none is.
    networks : Networks
        Those that have such effects.
    """

    effect: float
    networks: Networks

    @property
    def utilization(self) -> float:
        """The effect as a utilization; NaN where none is found."""
        if np.isinf(self.effect):
            return float("nan")
        return float(self.networks.utilizations(self.effect).mean())

    def units_for(self, margin: float, n_units: int) -> float:
        """Units, like those of the table, with which a use of the margin is found.

        The effect that is found goes with one over the root of their number. NaN where
        the table has enough, or no number is.
        """
        if not self.utilization > margin > 0.0:
            return float("nan")

        def excess(effect: float) -> float:
            return float(self.networks.utilizations(effect).mean()) - margin

        wanted = optimize.brentq(excess, 0.0, self.effect)
        return float(np.ceil(n_units * (self.effect / wanted) ** 2))


@dataclass(frozen=True)
class SimulatedAudits:
    """Audits of simulated networks on the rows of a table, for one column.

    Parameters
    ----------
    decision : Decision
        What is held fixed; its outputs are not used.
    column : Column
        The column, in the levels that are compared.
    assumptions : Assumptions
        What the networks are like.
    level : float
        Level of the test, after correction over columns.
    seed : int
        Of everything random.
    only : int, default=None
        Number of the only level under which outputs differ; None for all levels.
    """

    decision: Decision
    column: Column
    assumptions: Assumptions
    level: float
    seed: int
    only: int | None = None

    def detectable(self) -> Detectable:
        """Smallest effect that is found with `POWER`."""
        networks = self._draw(0)
        effect = self._guess(networks)
        for number in range(1, MOST_ROUNDS + 1):
            networks = self._draw(number)
            found = self._effect_at_power(networks, effect)
            if max(found / effect, effect / found) <= CLOSE:
                return Detectable(found, networks)
            if found > LARGEST_EFFECT:
                break
            effect = found
        return Detectable(float("inf"), networks)

    def _effect_at_power(self, networks: Networks, guess: float) -> float:
        """Effect that is found with `POWER`, from effects around a guess."""
        critical = self._critical(networks, guess)
        ratios = np.geomspace(1.0 / SPREAD, SPREAD, networks.directions.shape[1])
        statistics = self._statistics(networks, guess * ratios)
        return guess * ratio_at_power(ratios, critical.excess(statistics))

    def _draw(self, number: int) -> Networks:
        target, n_rows = self.decision.target, len(self.decision.weights)
        base = give_target(target, n_rows, self.assumptions.separation)
        return draw_networks(
            N_NETWORKS if base.shape[1] == 1 else N_CLASS_NETWORKS,
            self.column,
            base,
            self.decision.groups,
            self.assumptions.intraclass_correlation,
            self.seed + number,
            self.only,
        )

    def _statistics(self, networks: Networks, effects: np.ndarray) -> np.ndarray:
        """Statistics of each network as it is: (N, N_STATISTICS)."""
        parts = []
        for own in networks.parts(len(effects)):
            model = self._model(networks, effects[own], own)
            unmoved = np.arange(model.exchange.n_units)[None]
            parts.append(_studentised(model, unmoved, networks.n_outputs)[0])
        return np.concatenate(parts)

    def _critical(self, networks: Networks, effect: float) -> Critical:
        """What permutations of networks with an effect reach by chance."""
        n_rows = len(self.decision.weights)
        plan = PermutationPlan(networks.seed, N_PERMUTATIONS, n_rows)
        most = N_PERMUTED if networks.n_outputs == 1 else N_CLASS_PERMUTED
        draws: list[np.ndarray] = []
        for own in networks.parts(most):
            model = self._model(networks, np.full(own.stop - own.start, effect), own)
            step = max(1, NUMBERS_AT_ONCE // model.coding.values.size)
            permute = partial(_permute, model, plan, networks.n_outputs)
            draws.extend(in_parts(permute, range(N_PERMUTATIONS), step))
        found = [part.reshape(-1, N_STATISTICS) for part in draws]
        return Critical.of(np.concatenate(found), self.level)

    def _model(self, networks: Networks, effects, own: slice) -> OutputModel:
        """Regression of the outputs of some networks, side by side."""
        moved = networks.outputs(effects, own)
        outputs = np.zeros((len(self.decision.weights), moved.shape[1]))
        outputs[self.column.rows] = moved
        return model_outputs(replace(self.decision, outputs=outputs), self.column)

    def _guess(self, networks: Networks) -> float:
        """Effect at which common effects would be found if their noise were known.

        The squared scores of an effect d of mean square 1 are ``d' G d``, summed over
        outputs, with G the Gram matrix of the adjusted column.
        """
        model = self._model(networks, np.zeros(1), slice(0, 1))
        leading = model.adjusted[:, : len(networks.directions)]
        gram, effects = leading.T @ leading, networks.directions
        squares = np.einsum("jkc,jl,lkc->k", effects, gram, effects)
        information = max(float(squares.mean()), 1e-300)
        degrees = max(self.column.n_levels - 1, 1) * max(networks.n_outputs - 1, 1)
        z = stats.norm.isf(self.level / 2.0) + stats.norm.ppf(POWER)
        return float(z * degrees**0.25 / np.sqrt(information))


@dataclass(frozen=True)
class Critical:
    """Null distribution of the statistics: a scale and a critical value.

    Parameters
    ----------
    centre, spread : ndarray of shape (N_STATISTICS,)
        Mean and standard deviation of the cube roots of the statistics.
    value : float
        What the largest of the standardised roots exceeds with the level of the test.
    """

    centre: np.ndarray
    spread: np.ndarray
    value: float

    @classmethod
    def of(cls, draws: np.ndarray, level: float) -> Critical:
        """Take it from statistics (m, N_STATISTICS) of permutations."""
        roots = np.cbrt(draws)
        scale = cls(roots.mean(axis=0), roots.std(axis=0), np.nan)
        return replace(scale, value=upper_quantile(scale.combine(draws), level))

    def combine(self, statistics: np.ndarray) -> np.ndarray:
        """Largest of the standardised roots of statistics (m, N_STATISTICS): (m,)."""
        roots = np.cbrt(statistics)
        varies = self.spread > TIES * np.abs(self.centre)
        spread = np.where(varies, self.spread, 1.0)
        standard = np.where(varies, (roots - self.centre) / spread, 0.0)
        return standard.max(axis=1)

    def excess(self, statistics: np.ndarray) -> np.ndarray:
        """By how much statistics (m, N_STATISTICS) exceed the critical value: (m,).

        In units that are nearly linear in an effect: roots of a statistic, not of its
        cube root.
        """
        centre, spread = self.centre[1], self.spread[1]

        def straight(combined):
            return np.maximum(centre + spread * combined, 0.0) ** 1.5

        return straight(self.combine(statistics)) - straight(self.value)


def upper_quantile(draws: np.ndarray, level: float) -> float:
    """Value that draws exceed with a probability; of few of them by a normal tail."""
    n = len(draws)
    if level * n >= FEWEST_BEYOND:
        return float(np.quantile(draws, 1.0 - level))
    shares = np.geomspace(FEWEST_BEYOND / n, UPPER_SHARE, 20)
    quantiles = np.quantile(draws, 1.0 - shares)
    slope, start = np.polyfit(stats.norm.isf(shares), quantiles, 1)
    return float(start + slope * stats.norm.isf(level))


def ratio_at_power(ratios: np.ndarray, excess: np.ndarray) -> float:
    """Ratio from which on a share `POWER` has an excess above 0.

    Its quantile is that of the residuals from a parabola. Where it is not reached among
    the ratios, or everywhere, the result is further away and no more than a direction.
    """
    curve = np.polyfit(ratios, excess, 2)
    residuals = excess - np.polyval(curve, ratios)
    grid = np.geomspace(ratios.min(), ratios.max(), 200)
    found = np.polyval(curve, grid) + np.quantile(residuals, 1.0 - POWER) > 0.0
    if not found.any():
        return FURTHER
    return 1.0 / FURTHER if found.all() else float(grid[found.argmax()])


def _permute(
    model: OutputModel, plan: PermutationPlan, n_outputs: int, batch: range
) -> np.ndarray:
    """Statistics of each network under permutations: (len(batch), N, N_STATISTICS)."""
    sources = model.exchange.unit_sources(plan.orders(batch))
    return _studentised(model, sources, n_outputs)


def _studentised(model: OutputModel, sources: np.ndarray, n_outputs: int) -> np.ndarray:
    """Statistics of each network under each exchange: (b, N, N_STATISTICS)."""
    scores = model.scoring()(sources)
    n_networks = scores.common.shape[2] // n_outputs
    own = [slice(i * n_outputs, (i + 1) * n_outputs) for i in range(n_networks)]
    found = [scores.of_outputs(outputs).studentised() for outputs in own]
    return np.stack(found, axis=1)
