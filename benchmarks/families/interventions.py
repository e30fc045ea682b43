"""Family of the same units under several levels: size, power and coverage.

Cells differ in what moves, in noise, and in who was seen under what.
"""

import warnings
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.families.study import SIZE, Cell, Claim
from sklearn_wsca import intervention_test

LEVEL = 0.05
N_TRUE = 40_000
SCALES, MEANS = np.array([0.3, 1.0, 4.0]), np.array([5.0, -2.0, 0.0])


@dataclass(frozen=True)
class Design:
    """One kind of study: three outputs of unequal scale and mean.

    Parameters
    ----------
    n_units, n_levels, n_repeats : int
        Size; every unit has so many rows under a level.
    common, by_class, single : float
        Moves of all units alike, of each class in its own way, and of each unit in a
        direction of its own, in standard deviations of each output.
    noise : float
        Of a single row, in the same unit.
    noisier : float
        By which factor under the last level.
    tails : int or None
        Degrees of freedom of noise and moves of units; None is normal.
    movers : float
        Share of the units that move at all.
    rare : float or None
        Share of the first of two classes; None makes three of equal size.
    missing : float
        Share of the cells that are missing; a unit keeps two levels.
    uneven_repeats : bool
        Whether a cell has 1 to `n_repeats` rows.
    patients : bool
        Whether units are images of patients, 1 to 8 of each, that share half of the
        squared noise under a level.
    """

    n_units: int = 60
    n_levels: int = 3
    n_repeats: int = 1
    common: float = 0.0
    by_class: float = 0.0
    single: float = 0.0
    noise: float = 0.3
    noisier: float = 1.0
    tails: int | None = None
    movers: float = 1.0
    rare: float | None = None
    missing: float = 0.0
    uneven_repeats: bool = False
    patients: bool = False


class Study:
    """Outputs (n_units, n_levels, n_repeats, 3) and what they come from."""

    def __init__(self, design: Design, generator: np.random.Generator):
        self.design, n = design, design.n_units
        self.patient = np.arange(n)
        if design.patients:
            sizes = generator.integers(1, 9, size=n)
            self.patient = np.repeat(np.arange(n), sizes)[:n]
        shares = (
            [1 / 3] * 3 if design.rare is None else [design.rare, 1.0 - design.rare]
        )
        self.shares = np.array(shares)
        self.kinds = range(len(shares))
        # Numbers of the classes are fixed, as those who plan such studies fix them.
        edges = np.round(np.cumsum(shares) * n)
        self.classes = np.searchsorted(edges, np.arange(n), side="right")
        self.moves = self._draw_moves(generator) * SCALES
        own = generator.standard_normal((n, 1, 1, 3))
        own[np.arange(n), 0, 0, self.classes] += 1.5
        rows = (own + self._draw_noise(generator)) * SCALES + MEANS
        self.rows = centred(rows + self.moves[:, :, None])
        self.moves = centred(self.moves)

    def _draw_moves(self, generator) -> np.ndarray:
        design = self.design
        steps = np.linspace(-1.0, 1.0, design.n_levels)[:, None]
        common = design.common * steps * np.array([1.0, 0.0, -1.0])
        # They add up to nothing over the classes.
        directions = np.eye(3)[self.classes] - self.shares.mean()
        own = design.by_class * steps * directions[:, None]
        single = design.single * self._draw(
            generator, (design.n_units, design.n_levels, 3)
        )
        single *= (generator.random(design.n_units) < design.movers)[:, None, None]
        return common + own + single

    def _draw_noise(self, generator) -> np.ndarray:
        design = self.design
        shape = (design.n_units, design.n_levels, design.n_repeats, 3)
        noise = self._draw(generator, shape)
        if design.patients:
            shared = self._draw(generator, shape)[self.patient]
            noise = np.sqrt(0.5) * (noise + shared)
        noise[:, -1] *= design.noisier
        return design.noise * noise

    def _draw(self, generator, shape) -> np.ndarray:
        if self.design.tails is None:
            return generator.standard_normal(shape)
        unit = np.sqrt(self.design.tails / (self.design.tails - 2.0))
        return generator.standard_t(self.design.tails, shape) / unit

    def table(self, generator) -> pd.DataFrame:
        """Rows in long form, those that are missing left out."""
        design = self.design
        codes = np.indices(self.rows.shape[:3]).reshape(3, -1)
        table = pd.DataFrame(codes.T, columns=["unit", "level", "repeat"])
        table["target"] = np.array(list("xyz"))[self.classes[table["unit"]]]
        table["patient"] = self.patient[table["unit"]]
        seen = generator.random((design.n_units, design.n_levels)) >= design.missing
        few = seen.sum(axis=1) < 2
        seen[few] = np.arange(design.n_levels) < 2
        kept = seen[table["unit"], table["level"]]
        if design.uneven_repeats:
            counts = generator.integers(1, design.n_repeats + 1, size=seen.shape)
            kept &= table["repeat"].to_numpy() < counts[table["unit"], table["level"]]
        return table[kept]


def centred(outputs: np.ndarray) -> np.ndarray:
    """Without the mean over outputs, which changes no decision."""
    return outputs - outputs.mean(axis=-1, keepdims=True)


DESIGNS = {
    "nothing moves": Design(),
    "ten units": Design(n_units=10, rare=0.5),
    "two levels": Design(n_levels=2),
    "one level three times noisier": Design(noisier=3.0),
    "heavy tails (t, 3 degrees)": Design(tails=3),
    "a quarter of the cells is missing": Design(missing=0.25),
    "5 % in one class": Design(rare=0.05),
    "patients of 1 to 8 images": Design(n_units=120, patients=True),
    "two repeats": Design(n_repeats=2),
    "1 to 4 repeats, one level noisier": Design(
        n_repeats=4, uneven_repeats=True, noisier=3.0
    ),
    "two repeats, heavy tails": Design(n_repeats=2, tails=3),
    "all move alike": Design(common=0.15),
    "classes move apart": Design(by_class=0.25),
    "all move alike, cells missing": Design(common=0.15, missing=0.25),
    "all move alike, patients": Design(n_units=120, common=0.2, patients=True),
    "units move apart, no repeats": Design(single=0.4),
    "units move apart, two repeats": Design(single=0.4, n_repeats=2),
    "a fifth of the units moves, two repeats": Design(
        single=0.8, movers=0.2, n_repeats=2, n_units=100
    ),
    "units move apart, 1 to 4 repeats, one level noisier": Design(
        single=0.4, n_repeats=4, uneven_repeats=True, noisier=3.0
    ),
}


@cache
def truth_of(design: Design) -> dict[str, float]:
    """Moves and flips of a very large study without missing cells."""
    generator = np.random.default_rng(0)
    study = Study(replace(design, n_units=N_TRUE, patients=False), generator)
    rows = study.rows
    unit = rows.mean(axis=(1, 2), keepdims=True)
    spread = np.sum((rows - rows.mean(axis=(0, 1, 2))) ** 2, axis=-1).mean()
    moved = study.moves if design.n_repeats > 1 else (rows - unit)[:, :, 0]
    moved = moved - moved.mean(axis=1, keepdims=True)
    # What a sample of this size leaves is far below what is measured.
    means = np.stack([study.moves[study.classes == c].mean(0) for c in study.kinds])
    means = means - means.mean(axis=1, keepdims=True)
    decisions = rows[:, :, 0].argmax(axis=-1)
    pairs = np.triu_indices(design.n_levels, 1)
    return {
        "sensitivity": np.sqrt(np.mean(np.sum(moved**2, axis=-1)) / spread),
        "shift": np.sqrt(
            np.sum(means**2, axis=-1).mean(axis=1) @ study.shares / spread
        ),
        "flipped": np.mean(decisions[:, pairs[0]] != decisions[:, pairs[1]]),
    }


NUMBERS = ("sensitivity", "shift", "flipped")
OUTCOMES = ("p <= 5 %", *(f"{name} in interval" for name in NUMBERS))
COVERED = tuple(Claim(f"{name} in interval", low=0.93) for name in NUMBERS)


def test(design: Design, seed: int, permutations: int):
    """Draw a study and test it as a user would."""
    generator = np.random.default_rng(1 + seed)
    study = Study(design, generator)
    table = study.table(generator)
    with warnings.catch_warnings(), threadpool_limits(1):
        # Classes that a small study cannot compare.
        warnings.simplefilter("ignore", UserWarning)
        return intervention_test(
            study.rows[table["unit"], table["level"], table["repeat"]],
            table["level"].to_numpy(),
            table["unit"].to_numpy(),
            target=table["target"].to_numpy(),
            repeats=table["repeat"].to_numpy() if design.n_repeats > 1 else None,
            groups=table["patient"].to_numpy() if design.patients else None,
            n_permutations=permutations,
            significance=LEVEL,
            random_state=seed,
        )


def answer(design: Design, seed: int, permutations: int) -> list[str]:
    """What is true of the result of one study."""
    result = test(design, seed, permutations)
    found = [OUTCOMES[0]] if result.pvalue <= LEVEL else []
    for name, true in truth_of(design).items():
        low, high = (getattr(result, f"{name}_{end}") for end in ("low", "high"))
        if low <= true <= high:
            found.append(f"{name} in interval")
    return found


def interventions() -> list[Cell]:
    """Studies in which no mean moves, and others."""
    cells = []
    for name, design in DESIGNS.items():
        moves = design.common or design.by_class
        # Without repeats the test is about means alone.
        moves = moves or (design.single and design.n_repeats > 1)
        size = Claim("p <= 5 %") if moves else SIZE
        cells.append(
            Cell(
                "interventions",
                name,
                claims=(size, *COVERED),
                answer=partial(answer, design),
                truth=partial(truth_of, design),
            )
        )
    return cells
