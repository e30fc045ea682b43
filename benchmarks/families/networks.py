"""Family of two networks on the same rows: size, coverage, power of the comparison.

Each cell is one kind of pair of networks; both use a column to a degree that is known,
in units of their own standard deviation. Networks that were trained are compared by
``python -m benchmarks.shortcut.pairs``.
"""

from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.families.study import SIZE, Cell, Claim
from sklearn_wsca import UtilizationComparison, compare_utilization
from sklearn_wsca._comparison.result import COMPARISON_VERDICTS, LESS_USED, MORE_USED

N_CALIBRATION = 60_000
N_STEPS = 60
LEVEL = 0.05
LEVELS = np.array(list("ABCDEFGH"))


@dataclass(frozen=True)
class Networks:
    """What two networks do with a column, and the rows on which it is seen.

    Parameters
    ----------
    use : tuple of two float
        Utilization of each.
    n, classes, levels : int
        Rows, outputs (and classes of the target), levels of the column.
    shares : tuple of float or None
        Shares of the levels; None: even, and associated with the target.
    separation : tuple of two float
        How well each network tells the classes: its noise is smaller in its unit.
    shared : float
        Share of the noise that both have in common.
    other : bool
        Whether the second network moves in another direction: the opposite one, or
        under another level, or of another class.
    patients : int or None
        Number of patients of unequal numbers of rows.
    noisy : float
        How much noisier outputs are under the last level.
    heavy, continuous, confounded : bool
        Noise with Student's t of 3 degrees of freedom; a column of numbers; a
        confounder that both follow, and the column too.
    """

    use: tuple[float, float] = (0.0, 0.0)
    n: int = 500
    classes: int = 2
    levels: int = 2
    shares: tuple[float, ...] | None = None
    separation: tuple[float, float] = (2.0, 2.0)
    shared: float = 0.5
    other: bool = False
    patients: int | None = None
    noisy: float = 1.0
    heavy: bool = False
    continuous: bool = False
    confounded: bool = False


@dataclass
class Rows:
    """Rows, and the outputs of both networks before they use the column."""

    outputs: list[np.ndarray]
    moves: list[np.ndarray]
    table: pd.DataFrame
    groups: np.ndarray | None


def draw_rows(networks: Networks, rng, n: int, patients: int | None) -> Rows:
    """Rows of which both networks tell the class, and the moves by the column."""
    n_units = patients or n
    unit = np.arange(n)
    if patients:
        unit = np.repeat(
            np.arange(patients), rng.integers(1, 2 * n // patients, patients)
        )
    classes, levels = networks.classes, networks.levels
    target = rng.integers(0, classes, n_units)
    shares = networks.shares or (1.0 / levels,) * levels
    column = rng.choice(levels, n_units, p=shares)
    if networks.shares is None:
        column = np.where(rng.random(n_units) < 0.4, target % levels, column)
    numbers = (rng.standard_normal(n_units) + 0.5 * (target == 0))[unit]
    target, column = target[unit], column[unit]

    def noise() -> np.ndarray:
        def draw(size):
            if networks.heavy:
                return rng.standard_t(3, (size, classes)) / np.sqrt(3.0)
            return rng.standard_normal((size, classes))

        if not patients:
            return draw(n)
        return np.sqrt(0.5) * (draw(patients)[unit] + draw(len(unit)))

    own, common = np.eye(classes), noise()
    scale = np.where(column == levels - 1, networks.noisy, 1.0)[:, None]
    confounder = rng.standard_normal(n_units)[unit] + column
    outputs = []
    for separation, follows in zip(networks.separation, (0.5, 0.3), strict=True):
        error = np.sqrt(networks.shared) * common
        error = error + np.sqrt(1.0 - networks.shared) * noise()
        values = scale * error + separation * own[target]
        if networks.confounded:
            values = values + follows * confounder[:, None] * own[0]
        outputs.append(values)
    table = pd.DataFrame({"target": LEVELS[target], "confounder": confounder})
    table["column"] = numbers if networks.continuous else LEVELS[column]
    moves = [_moves(networks, column, numbers, second) for second in (False, True)]
    return Rows(outputs, moves, table, unit if patients else None)


def _moves(networks: Networks, column, numbers, second: bool) -> np.ndarray:
    """Moves (n, classes) of one network whose utilization is 1 before scaling."""
    other = second and networks.other
    direction = np.eye(networks.classes)[int(other and networks.classes > 2)]
    direction = direction - direction.mean()
    if networks.continuous:
        spread = np.sqrt(1.0 + 0.25 * (1.0 - 1.0 / networks.classes) / networks.classes)
        return np.outer((-numbers if other else numbers) / spread, direction) / np.sqrt(
            np.sum(direction**2)
        )
    level = np.eye(networks.levels)[0 if other else -1]
    level = level - level.mean()
    size = np.sqrt(np.mean(level**2) * np.sum(direction**2))
    return np.outer(level[column], direction) / size


def spread_of(outputs: np.ndarray) -> float:
    """Standard deviation of the outputs, centred over classes."""
    centred = outputs - outputs.mean(axis=1, keepdims=True)
    return float(np.sqrt(centred.var(axis=0).sum()))


@cache
def steps_of(networks: Networks) -> list[float]:
    """How far each network moves its outputs, found on very many rows."""
    factor = N_CALIBRATION // networks.n
    patients = networks.patients and networks.patients * factor
    rng = np.random.default_rng(99)
    rows = draw_rows(networks, rng, networks.n * factor, patients)
    steps = []
    for outputs, moves, use in zip(rows.outputs, rows.moves, networks.use, strict=True):
        step = 0.0
        for _ in range(N_STEPS):
            step = use * spread_of(outputs + step * moves)
        steps.append(step)
    return steps


def compare(networks: Networks, seed: int, permutations: int) -> UtilizationComparison:
    """Draw a pair of networks and compare them as a user would."""
    rng = np.random.default_rng([seed, 23])
    rows = draw_rows(networks, rng, networks.n, networks.patients)
    a, b = (
        outputs + step * moves
        for outputs, step, moves in zip(
            rows.outputs, steps_of(networks), rows.moves, strict=True
        )
    )
    return compare_utilization(
        a,
        7.0 * b - 3.0,
        rows.table["column"],
        target=rows.table["target"],
        confounders=rows.table[["confounder"]] if networks.confounded else None,
        groups=rows.groups,
        check_head=False,
        n_permutations=permutations,
        random_state=seed,
    )


PAIRS = {
    "neither uses it": Networks(),
    "neither, second far quieter": Networks(separation=(2.0, 20.0)),
    "0.05 each, second far quieter": Networks((0.05, 0.05), separation=(2.0, 20.0)),
    "0.1 each": Networks((0.1, 0.1)),
    "0.3 each": Networks((0.3, 0.3)),
    "0.3 each, opposite directions": Networks((0.3, 0.3), other=True),
    "0.3 each, opposite, second tells classes better": Networks(
        (0.3, 0.3), other=True, separation=(2.0, 6.0)
    ),
    "0.3 each, opposite, 100 rows": Networks((0.3, 0.3), n=100, other=True),
    "0.2 each, nearly the same network": Networks((0.2, 0.2), shared=0.97),
    "neither, 5 classes, 3 levels": Networks(classes=5, levels=3),
    "0.3 each, 5 classes, other class and level": Networks(
        (0.3, 0.3), classes=5, levels=3, other=True
    ),
    "0.1 each, 120 patients": Networks((0.1, 0.1), patients=120),
    "0.3 each, opposite, 120 patients": Networks((0.3, 0.3), other=True, patients=120),
    "0.3 each, heavy tails, second tells classes better": Networks(
        (0.3, 0.3), heavy=True, separation=(2.0, 6.0)
    ),
    "0.3 each, level of 10 % three times noisier": Networks(
        (0.3, 0.3), shares=(0.9, 0.1), noisy=3.0
    ),
    "0.2 each, level of 3 %": Networks((0.2, 0.2), shares=(0.57, 0.4, 0.03), levels=3),
    "0.1 each, numbers": Networks((0.1, 0.1), continuous=True),
    "0.3 each, numbers, opposite": Networks((0.3, 0.3), continuous=True, other=True),
    "0.2 each, confounder, 5 classes, 4 levels, other": Networks(
        (0.2, 0.2), classes=5, levels=4, other=True, confounded=True
    ),
    "0.3 to 0.1": Networks((0.3, 0.1)),
    "0.3 to 0.1, little in common": Networks(
        (0.3, 0.1), separation=(1.0, 1.0), shared=0.2
    ),
    "0.3 to 0.1, 5 classes, 3 levels": Networks((0.3, 0.1), classes=5, levels=3),
    "0.3 to 0.1, level of 10 %": Networks((0.3, 0.1), shares=(0.9, 0.1)),
    "0.3 to 0.1, level of 10 %, nothing in common": Networks(
        (0.3, 0.1), shares=(0.9, 0.1), separation=(1.0, 1.0), shared=0.0
    ),
    "0.3 to 0.1, 4 levels, nothing in common": Networks(
        (0.3, 0.1), levels=4, separation=(1.0, 1.0), shared=0.0
    ),
    "0.3 to 0": Networks((0.3, 0.0)),
    "0.1 to 0": Networks((0.1, 0.0)),
    "0.2 to 0.05, 120 patients": Networks((0.2, 0.05), patients=120),
}


# What can be said of a comparison.
OUTCOMES = ("p <= 5 %", "in interval", *COMPARISON_VERDICTS)
COVERED = Claim("in interval", low=0.93)
FOUND = Claim(LESS_USED, low=0.9)
# Differences that 500 rows do not show for sure; nothing is asked of them.
SMALL = (
    "0.3 to 0.1, level of 10 %, nothing in common",
    "0.3 to 0.1, 4 levels, nothing in common",
    "0.1 to 0",
    "0.2 to 0.05, 120 patients",
)


def answer(networks: Networks, seed: int, permutations: int) -> list[str]:
    """What is true of the comparison of one pair."""
    with threadpool_limits(1):
        found = compare(networks, seed, permutations)
    truth = networks.use[1] - networks.use[0]
    holds = (found.pvalue <= LEVEL, found.low <= truth <= found.high)
    return [name for name, held in zip(OUTCOMES, holds, strict=False) if held] + [
        found.verdict
    ]


def networks() -> list[Cell]:
    """Pairs that use a column alike, and pairs of which the second uses it less."""
    cells = []
    for name, pair in PAIRS.items():
        claims = [SIZE, COVERED]
        if pair.use[1] < pair.use[0]:
            claims = [COVERED, Claim(MORE_USED, high=0.0)]
            claims += [Claim(LESS_USED) if name in SMALL else FOUND]
        cells.append(
            Cell("networks", name, claims=tuple(claims), answer=partial(answer, pair))
        )
    return cells
