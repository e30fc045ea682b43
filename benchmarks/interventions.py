"""How often tests and intervals of `intervention_test` are right, where truth is known.

Run from the repository: ``python -m benchmarks.interventions [--replicates N] [CELL
...]``. It prints the table of docs/evidence/interventions.md: rejections at the 5 %
level, and how often 95 % intervals hold the truth, in cells that differ in what moves,
in noise, in who was seen under what. ``--quick`` only shows that everything runs.
"""

import argparse
import sys
import warnings
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.markdown import as_markdown
from sklearn_wsca import intervention_test

N_REPLICATES, N_QUICK = 400, 3
N_PERMUTATIONS = 199
LEVEL = 0.05
N_TRUE = 40_000
SCALES, MEANS = np.array([0.3, 1.0, 4.0]), np.array([5.0, -2.0, 0.0])


@dataclass(frozen=True)
class Cell:
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

    def truth(self) -> dict[str, float]:
        """Moves and flips of a very large study without missing cells."""
        generator = np.random.default_rng(0)
        study = Study(replace(self, n_units=N_TRUE, patients=False), generator)
        rows = study.rows
        unit = rows.mean(axis=(1, 2), keepdims=True)
        spread = np.sum((rows - rows.mean(axis=(0, 1, 2))) ** 2, axis=-1).mean()
        moved = study.moves if self.n_repeats > 1 else (rows - unit)[:, :, 0]
        moved = moved - moved.mean(axis=1, keepdims=True)
        # What a sample of this size leaves is far below what is measured.
        means = np.stack([study.moves[study.classes == c].mean(0) for c in study.kinds])
        means = means - means.mean(axis=1, keepdims=True)
        decisions = rows[:, :, 0].argmax(axis=-1)
        pairs = np.triu_indices(self.n_levels, 1)
        return {
            "sensitivity": np.sqrt(np.mean(np.sum(moved**2, axis=-1)) / spread),
            "shift": np.sqrt(
                np.sum(means**2, axis=-1).mean(axis=1) @ study.shares / spread
            ),
            "flipped": np.mean(decisions[:, pairs[0]] != decisions[:, pairs[1]]),
        }


class Study:
    """Outputs (n_units, n_levels, n_repeats, 3) and what they come from."""

    def __init__(self, cell: Cell, generator: np.random.Generator):
        self.cell, n = cell, cell.n_units
        self.patient = np.arange(n)
        if cell.patients:
            sizes = generator.integers(1, 9, size=n)
            self.patient = np.repeat(np.arange(n), sizes)[:n]
        shares = [1 / 3] * 3 if cell.rare is None else [cell.rare, 1.0 - cell.rare]
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
        cell = self.cell
        steps = np.linspace(-1.0, 1.0, cell.n_levels)[:, None]
        common = cell.common * steps * np.array([1.0, 0.0, -1.0])
        # They add up to nothing over the classes.
        directions = np.eye(3)[self.classes] - self.shares.mean()
        own = cell.by_class * steps * directions[:, None]
        single = cell.single * self._draw(generator, (cell.n_units, cell.n_levels, 3))
        single *= (generator.random(cell.n_units) < cell.movers)[:, None, None]
        return common + own + single

    def _draw_noise(self, generator) -> np.ndarray:
        cell = self.cell
        shape = (cell.n_units, cell.n_levels, cell.n_repeats, 3)
        noise = self._draw(generator, shape)
        if cell.patients:
            shared = self._draw(generator, shape)[self.patient]
            noise = np.sqrt(0.5) * (noise + shared)
        noise[:, -1] *= cell.noisier
        return cell.noise * noise

    def _draw(self, generator, shape) -> np.ndarray:
        if self.cell.tails is None:
            return generator.standard_normal(shape)
        unit = np.sqrt(self.cell.tails / (self.cell.tails - 2.0))
        return generator.standard_t(self.cell.tails, shape) / unit

    def table(self, generator) -> pd.DataFrame:
        """Rows in long form, those that are missing left out."""
        cell = self.cell
        codes = np.indices(self.rows.shape[:3]).reshape(3, -1)
        table = pd.DataFrame(codes.T, columns=["unit", "level", "repeat"])
        table["target"] = np.array(list("xyz"))[self.classes[table["unit"]]]
        table["patient"] = self.patient[table["unit"]]
        seen = generator.random((cell.n_units, cell.n_levels)) >= cell.missing
        few = seen.sum(axis=1) < 2
        seen[few] = np.arange(cell.n_levels) < 2
        kept = seen[table["unit"], table["level"]]
        if cell.uneven_repeats:
            counts = generator.integers(1, cell.n_repeats + 1, size=seen.shape)
            kept &= table["repeat"].to_numpy() < counts[table["unit"], table["level"]]
        return table[kept]


def centred(outputs: np.ndarray) -> np.ndarray:
    """Without the mean over outputs, which changes no decision."""
    return outputs - outputs.mean(axis=-1, keepdims=True)


CELLS = {
    "nothing moves": Cell(),
    "ten units": Cell(n_units=10, rare=0.5),
    "two levels": Cell(n_levels=2),
    "one level three times noisier": Cell(noisier=3.0),
    "heavy tails (t, 3 degrees)": Cell(tails=3),
    "a quarter of the cells is missing": Cell(missing=0.25),
    "5 % in one class": Cell(rare=0.05),
    "patients of 1 to 8 images": Cell(n_units=120, patients=True),
    "two repeats": Cell(n_repeats=2),
    "1 to 4 repeats, one level noisier": Cell(
        n_repeats=4, uneven_repeats=True, noisier=3.0
    ),
    "two repeats, heavy tails": Cell(n_repeats=2, tails=3),
    "all move alike": Cell(common=0.15),
    "classes move apart": Cell(by_class=0.25),
    "all move alike, cells missing": Cell(common=0.15, missing=0.25),
    "all move alike, patients": Cell(n_units=120, common=0.2, patients=True),
    "units move apart, no repeats": Cell(single=0.4),
    "units move apart, two repeats": Cell(single=0.4, n_repeats=2),
    "a fifth of the units moves, two repeats": Cell(
        single=0.8, movers=0.2, n_repeats=2, n_units=100
    ),
    "units move apart, 1 to 4 repeats, one level noisier": Cell(
        single=0.4, n_repeats=4, uneven_repeats=True, noisier=3.0
    ),
}


def measure(cell: Cell, n_replicates: int) -> dict[str, float]:
    """Rejections and coverage in one cell."""
    truth = cell.truth()
    found = [replicate(cell, seed, truth) for seed in range(n_replicates)]
    return {**truth, **pd.DataFrame(found).mean().to_dict()}


def replicate(cell: Cell, seed: int, truth: dict[str, float]) -> dict[str, float]:
    """Whether one study rejects, and whether its intervals hold the truth."""
    generator = np.random.default_rng(1 + seed)
    study = Study(cell, generator)
    table = study.table(generator)
    rows = study.rows[table["unit"], table["level"], table["repeat"]]
    with warnings.catch_warnings():
        # Classes that a small study cannot compare.
        warnings.simplefilter("ignore", UserWarning)
        result = intervention_test(
            rows,
            table["level"].to_numpy(),
            table["unit"].to_numpy(),
            target=table["target"].to_numpy(),
            repeats=table["repeat"].to_numpy() if cell.n_repeats > 1 else None,
            groups=table["patient"].to_numpy() if cell.patients else None,
            n_permutations=N_PERMUTATIONS,
            significance=LEVEL,
            random_state=seed,
        )
    covers = {
        f"{name} covered": float(
            getattr(result, f"{name}_low") <= true <= getattr(result, f"{name}_high")
        )
        for name, true in truth.items()
    }
    return {"rejects": float(result.pvalue <= LEVEL), **covers}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.interventions", description=__doc__
    )
    parser.add_argument("cells", nargs="*", metavar="CELL", help="all by default")
    parser.add_argument("--replicates", type=int, default=N_REPLICATES)
    parser.add_argument("--quick", action="store_true", help="few replicates")
    options = parser.parse_args()
    n_replicates = N_QUICK if options.quick else options.replicates
    rows = {}
    with threadpool_limits(1):
        for name in options.cells or CELLS:
            print(name, file=sys.stderr, flush=True)
            rows[name] = measure(CELLS[name], n_replicates)
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("study")
    print(f"{n_replicates} replicates, {N_PERMUTATIONS} permutations\n")
    print(as_markdown(table))


if __name__ == "__main__":
    main()
