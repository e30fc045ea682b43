"""Outputs of units under several levels, with what is true of them."""

import numpy as np
import pandas as pd

from sklearn_wsca import intervention_test

SCALES, MEANS = np.array([0.3, 1.0, 4.0]), np.array([5.0, -2.0, 0.0])
ESTIMATES = ("sensitivity", "shift", "flipped")
LEVELS = ("scanner A", "scanner B", "scanner C")


def make_study(
    seed=0,
    n=40,
    n_levels=3,
    n_repeats=1,
    common=0.0,
    single=0.0,
    noise=0.0,
    missing=0.0,
):
    """Outputs of unequal scales and means, and a table in long form.

    `common` and `single` are moves of all units and of each, in units of SCALES.
    """
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        np.indices((n, n_levels, n_repeats)).reshape(3, -1).T,
        columns=["unit", "level", "repeat"],
    )
    illness = np.arange(n) % 3
    own = rng.standard_normal((n, 3))
    own[np.arange(n), illness] += 2.0
    steps = np.arange(n_levels)[:, None] * [1.0, 0.0, -1.0]
    moves = common * steps + single * rng.standard_normal((n, n_levels, 3))
    unit, level = table["unit"].to_numpy(), table["level"].to_numpy()
    rows = own[unit] + moves[unit, level]
    rows += noise * rng.standard_normal(rows.shape)
    table["target"] = np.array(["well", "mild", "severe"])[illness[unit]]
    table["unit"] = [f"patient {code}" for code in unit]
    table["level"] = np.array(LEVELS)[level]
    kept = np.ones(len(table), dtype=bool)
    if missing:
        seen = rng.random((n, n_levels)) >= missing
        seen[seen.sum(axis=1) < 2, :2] = True
        kept = seen[unit, level]
    outputs = (rows * SCALES + MEANS)[kept]
    return outputs, table[kept].reset_index(drop=True)


def truth_of(outputs, table):
    """Moves of single units and of class means by their definition, cells complete."""
    centred = outputs - outputs.mean(axis=1, keepdims=True)
    cells = centred.reshape(-1, table["level"].nunique(), centred.shape[1])
    moves = cells - cells.mean(axis=1, keepdims=True)
    units = cells.mean(axis=1)
    spread = np.sum(moves**2, axis=2).mean() + units.var(axis=0, ddof=1).sum()
    classes = table["target"].to_numpy()[:: cells.shape[1]]
    means = np.stack([moves[classes == name].mean(axis=0) for name in classes])
    return {
        "sensitivity": np.sqrt(np.sum(moves**2, axis=2).mean() / spread),
        "raw shift": np.sqrt(np.sum(means**2, axis=2).mean() / spread),
        "spread": spread,
        "moves": moves,
    }


def run(outputs, table, *, target=True, repeats=False, **options):
    """Test a study with few permutations."""
    options = {"n_permutations": 39, "random_state": 0, **options}
    return intervention_test(
        outputs,
        table["level"],
        table["unit"],
        target=table["target"] if target else None,
        repeats=table["repeat"] if repeats else None,
        **options,
    )
