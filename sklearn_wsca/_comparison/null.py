r"""Null distribution of a difference: both networks use the column alike.

The networks may still use it in different directions, one of them may be noisier, and
one may tell the classes of the target better. So outputs are not exchanged as they
are. Exchanging the networks within a unit turns the sign of what the unit adds to the
difference of the two lengths; here the signs of all that a unit contributes to the
errors :math:`e_a, e_b` are turned, in both networks together,

.. math:: D^* = |u\,d_b + e_b^*|^2 - |u\,d_a + e_a^*|^2 - (\sigma_b^2 - \sigma_a^2)

with directions d as found, and one length u for both. Each network keeps its noise and
its direction, and the errors of both go together as they do in the data. Differences
are not divided by their standard errors, which hang on the same effects: in simulations
the test then rejects in up to 10 % of cases instead of 5 %.
"""

from __future__ import annotations

import numpy as np

from sklearn_wsca._backend.memory import in_parts
from sklearn_wsca._backend.progress import tell
from sklearn_wsca._comparison.contributions import Contributions, Pair
from sklearn_wsca._permutation.plan import PermutationPlan

NUMBERS_PER_BATCH = 2**22
STEP = "network null"
# Of the statistics, which are at most about 1; outputs in float32 have 7 digits.
TIE_DIGITS = 6


def null_statistics(pairs: list[Pair], plan: PermutationPlan) -> np.ndarray:
    """Sizes of the difference under random signs: (m, n_columns).

    A unit has the sign of its first row, so all columns share their signs.
    """
    none = np.empty((0, len(pairs)))
    if not pairs:
        return none

    def turn_all(batch: range) -> np.ndarray:
        tell(STEP, batch.start, plan.n_permutations)
        signs = plan.signs(batch, plan.n_rows)
        turned = [_turn(pair, signs[:, pair.first_rows]) for pair in pairs]
        tell(STEP, batch.stop, plan.n_permutations)
        return np.stack(turned, axis=1)

    size = max(1, NUMBERS_PER_BATCH // plan.n_rows)
    parts = in_parts(turn_all, range(plan.n_permutations), size)
    return np.concatenate([none, *parts])


def observed_statistic(pair: Pair) -> float:
    """Size of the difference of the data."""
    return float(_size(pair, np.array(pair.difference)))


def _turn(pair: Pair, signs: np.ndarray) -> np.ndarray:
    """Sizes of the difference under signs of the units (b, n_units)."""
    length = pair.common_length
    a, b = (_square(own, length, signs) for own in (pair.a, pair.b))
    return _size(pair, b - a)


def _square(own: Contributions, length: float, signs: np.ndarray) -> np.ndarray:
    """Squared utilizations of one network, beside that of both: (b,)."""
    total = np.full(len(signs), -own.noise.mean_square)
    for errors, direction in own.blocks():
        turned = signs @ errors
        total += 2.0 * length * (turned @ direction) + np.sum(turned**2, axis=1)
    return total


def _size(pair: Pair, differences: np.ndarray) -> np.ndarray:
    """Differences beside the squared utilizations, without sign, and rounded.

    Networks that are the same but for their unit differ by 0, not by rounding.
    """
    scale = max(pair.a.raw**2 + pair.b.raw**2, 1e-300)
    return np.round(np.abs(differences) / scale, TIE_DIGITS)
