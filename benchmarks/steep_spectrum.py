"""Refits and scikit-learn on coordinates whose variances fall as a power of their rank.

The coordinates of `bench_permutations` have variances within a factor of 100, which
first-order solvers like. Run from the repository:
``python -m benchmarks.steep_spectrum``.
"""

from functools import partial

import click
import numpy as np

from benchmarks.agreement import unit
from benchmarks.bench_permutations import run_jobs, time_scikit_learn
from benchmarks.studies import seconds_of
from sklearn_wsca._alignment.comparison import Primary
from sklearn_wsca._alignment.null import PERMUTATIONS_PER_BATCH, RefitNull, refit_scores
from sklearn_wsca._heads.probe import Probe
from sklearn_wsca._input.column import Column
from sklearn_wsca._linear.design import prepare_design
from sklearn_wsca._permutation.exchangeability import exchange_units
from sklearn_wsca._permutation.plan import PermutationPlan, split

N, K, POWER = 8007, 504, -1.6


@click.command()
@click.option("--quick", is_flag=True, help="Small data: whether everything runs.")
def main(quick):
    """Print milliseconds per refit and ratios for 2, 4 and 6 levels."""
    n, k = (400, 24) if quick else (N, K)
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((n, k))
    rows = np.linalg.qr(noise - noise.mean(axis=0))[0]
    rows *= np.arange(1, k + 1) ** (POWER / 2)
    T = (rows / np.sqrt(np.mean(rows**2))).astype(np.float32)
    design = prepare_design(T, np.ones(n), "float32").without_coordinates()
    primary = Primary(unit(rng.standard_normal((4, k))), 1.0, "rms")
    m = 2 * PERMUTATIONS_PER_BATCH
    plan = PermutationPlan(0, m, n)
    for levels in (2, 4, 6):
        labels = rng.permutation(np.arange(n) % levels)
        names = tuple(range(levels))
        column = Column("a", "categorical", np.arange(n), labels, names)
        exchange = exchange_units(column, None)
        null = RefitNull(design, column, Probe("logistic", levels), None, exchange)
        jobs = [
            partial(refit_scores, nulls=[null] * 2, batch=b, plan=plan, primary=primary)
            for b in split(range(m), PERMUTATIONS_PER_BATCH)
        ]
        ours = min(seconds_of(lambda j=jobs: run_jobs(T, j)) for _ in "ab") / (2 * m)
        timed = time_scikit_learn(T, column, False)
        fastest, default = min(timed.values()), timed["lbfgs float64"]
        print(
            f"{levels} levels: {1e3 * ours:.2f} ms; fastest of scikit-learn "
            f"{fastest:.3f} s, {fastest / ours:.0f} times; default {default:.3f} s, "
            f"{default / ours:.0f} times"
        )


if __name__ == "__main__":
    main()
