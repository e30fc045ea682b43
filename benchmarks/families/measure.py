"""Measure a cell: draw studies, test each, count the answers."""

import time
import warnings
from collections import Counter
from collections.abc import Callable
from functools import partial

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from benchmarks.families.study import Cell, Study, frame_of
from sklearn_wsca import UtilizationResult, utilization_test

LEVEL = 0.05
MARGIN = 0.1
N_STATED = 20
# A larger effect than any that is looked for.
MOST_EFFECT = 20.0
N_HALVINGS = 14


def is_used(result: UtilizationResult) -> bool:
    """Rule of the verdict `used`, without the question whether it is encoded."""
    measured = (
        (result.utilization, result.low),
        (result.balanced, result.balanced_low),
    )
    reaches = any(low > 0 and max(low, value) >= MARGIN for value, low in measured)
    return bool(result.pvalue <= LEVEL and reaches)


def is_not_used(result: UtilizationResult) -> bool:
    """Rule of the verdict `not used`: no class is above the margin on its own.

    The verdict corrects the intervals of classes over classes; these are not, which is
    a little stricter.
    """
    by_class = result.by_class
    above = (by_class["low"] > 0) & (by_class["utilization"] >= MARGIN)
    hidden = above | by_class["utilization"].isna()
    below = max(result.high, result.balanced_high) < MARGIN
    return bool(below and not (len(by_class) > 1 and hidden.any()))


OUTCOMES: dict[str, Callable[[UtilizationResult, Study], bool]] = {
    "p <= 5 %": lambda result, study: bool(result.pvalue <= LEVEL),
    "used": lambda result, study: is_used(result),
    "not used": lambda result, study: is_not_used(result),
    "in interval": lambda result, study: bool(result.low <= study.truth <= result.high),
}
WARNED, UNTESTABLE = "warned", "untestable"


def test(study: Study, seed: int, permutations: int) -> UtilizationResult:
    """Test as a user would."""
    return utilization_test(
        study.outputs,
        study.column,
        target=study.target,
        interaction_with=study.other,
        confounders=frame_of(study.confounder),
        groups=study.groups,
        kinds=study.kinds,
        n_permutations=permutations,
        random_state=seed,
    )


def answer(simulate, seed: int, permutations: int) -> list[str]:
    """What is true of the result on one study."""
    study = simulate(np.random.default_rng([seed, 7]))
    with warnings.catch_warnings(record=True) as caught, threadpool_limits(1):
        warnings.simplefilter("always")
        try:
            result = test(study, seed, permutations)
        except ValueError as error:
            if "cannot be tested" not in str(error):
                raise
            return [UNTESTABLE]
    found = [name for name, holds in OUTCOMES.items() if holds(result, study)]
    coded = any("integers" in str(warning.message) for warning in caught)
    return [*found, WARNED] if coded else found


def measure(cell: Cell, replicates: int, permutations: int, jobs: int = 1) -> dict:
    """Counts of the outcomes in so many studies: a line of the file."""
    start = time.perf_counter()
    simulate = at_detectable(cell.simulate) if cell.at_detectable else cell.simulate
    ask = cell.answer or partial(answer, simulate)
    answers = Parallel(jobs)(
        delayed(ask)(seed, permutations) for seed in range(replicates)
    )
    return {
        "cell": cell.key,
        "replicates": replicates,
        "permutations": permutations,
        "seconds": round(time.perf_counter() - start, 1),
        "counts": dict(Counter(name for names in answers for name in names)),
    }


def at_detectable(simulate: Callable[..., Study]) -> partial:
    """The simulation with the effect that studies with this effect call detectable.

    What is detectable is stated along the contrast that a study shows, so it is a
    fixed point.
    """
    low, high = 0.0, MOST_EFFECT
    for _ in range(N_HALVINGS):
        effect = (low + high) / 2
        studies = [
            simulate(np.random.default_rng([seed, 11]), effect=effect)
            for seed in range(N_STATED)
        ]
        stated = [test(study, 0, 0).minimum_detectable_effect for study in studies]
        truth = np.mean([study.truth for study in studies])
        low, high = (effect, high) if truth < np.median(stated) else (low, effect)
    return partial(simulate, effect=effect)
