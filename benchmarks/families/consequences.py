"""Family about consequences: is performance by level told right, and its gap?"""

from functools import partial

import numpy as np
from scipy import special, stats
from threadpoolctl import threadpool_limits

from benchmarks.families.study import Cell, Claim, names_of
from sklearn_wsca import performance_test

SIZE = Claim("p <= 5 %", high=0.08)
POWER = Claim("p <= 5 %", low=0.8)
MEASURES = ("accuracy", "balanced_accuracy", "sensitivity", "specificity", "auroc")
LEVEL = 0.05
RARE = 2
SHARES = (0.5, 0.4, 0.1)
# Of the variance of the scores in a class, what is common to a patient.
ICC = 0.5


def draw(
    rng,
    n=300,
    rate=0.5,
    distance=2.0,
    threshold=1.0,
    images=False,
    noise=1.0,
    loss=0.0,
    more=0.0,
):
    """Scores of patients of 1 or 1 to 20 images; those of a rare level are odd.

    Returns
    -------
    scores, level, labels, patients : ndarray
        A score above 0 decides for class 1, whose scores are `distance` higher.
    """
    level = rng.choice(len(SHARES), n, p=SHARES)
    ill = (rng.random(n) < rate + more * (level == RARE)).astype(int)
    patient = np.repeat(np.arange(n), rng.integers(1, 21, n) if images else 1)
    own = np.sqrt(ICC) * rng.standard_normal(n)[patient]
    error = own + np.sqrt(1 - ICC) * rng.standard_normal(len(patient))
    odd = level[patient] == RARE
    scores = distance * ill[patient] - threshold + error
    scores = np.where(odd, noise * scores - loss * ill[patient], scores)
    return scores, level[patient], ill[patient], patient


def true_performance(rate, distance, threshold, loss=0.0) -> dict[str, float]:
    """Performance of the simulated network under a level with such a loss."""
    distance = distance - loss
    right, wrong = stats.norm.cdf(distance - threshold), stats.norm.cdf(threshold)
    return {
        "accuracy": rate * right + (1 - rate) * wrong,
        "balanced_accuracy": (right + wrong) / 2,
        "sensitivity": right,
        "specificity": wrong,
        "auroc": stats.norm.cdf(distance / np.sqrt(2)),
    }


def true_gap(found, names, loss=0.0, **own) -> float:
    """True difference of the pair and measure that stand out."""
    usual, rare = true_performance(**own), true_performance(**own, loss=loss)
    name = found.measure
    higher, lower = (
        rare[name] if level == names[RARE] else usual[name]
        for level in (found.higher, found.lower)
    )
    return higher - lower


def calibrated(scores, rate, distance, threshold) -> np.ndarray:
    """Probabilities that are right for these scores."""
    odds = distance * (scores + threshold) - distance**2 / 2
    return special.expit(odds + special.logit(rate))


def answer(seed, permutations, rate=0.5, distance=2.0, threshold=1.0, **odd):
    """What is true of one study: a gap, and which intervals hold the truth."""
    rng = np.random.default_rng([seed, 7])
    own = {"rate": rate, "distance": distance, "threshold": threshold}
    while True:
        scores, level, labels, patients = draw(rng, **own, **odd)
        in_rare = labels[level == RARE]
        if len(in_rare) and 0 < in_rare.mean() < 1:
            break
    settings = {"groups": patients, "random_state": seed}
    with threadpool_limits(1):
        found = performance_test(
            scores,
            names_of(level),
            names_of(labels),
            n_permutations=permutations,
            **settings,
        )
        probable = performance_test(
            calibrated(scores, **own),
            names_of(level),
            names_of(labels),
            n_permutations=0,
            **settings,
        )
    answers = ["p <= 5 %"] if found.pvalue <= LEVEL else []
    truth = true_gap(found, names_of(np.arange(3)), odd.get("loss", 0.0), **own)
    if found.gap_low <= truth <= found.gap_high:
        answers.append("gap covered")
    rows = found.by_level.iloc[RARE] if len(found.by_level) > RARE else None
    if rows is None:
        return answers
    for name, truth in true_performance(**own).items():
        if rows[f"{name}_low"] <= truth <= rows[f"{name}_high"]:
            answers.append(f"{name} covered")
    rows = probable.by_level.iloc[RARE]
    if rows["calibration_low"] <= 0.0 <= rows["calibration_high"]:
        answers.append("calibration covered")
    return answers


COVERED = tuple(
    Claim(f"{name} covered", low=0.93) for name in (*MEASURES, "calibration")
)
GAP = Claim("gap covered", low=0.93)
# Name -> what is odd, and what must be true.
DESIGNS = {
    "300 rows": ({}, (SIZE, GAP, *COVERED)),
    "near-perfect": ({"distance": 4.0, "threshold": 2.0}, (SIZE, GAP, *COVERED)),
    "near chance": ({"distance": 0.2, "threshold": 0.1}, (SIZE, GAP, *COVERED)),
    "2 % positives of 3,000": ({"n": 3000, "rate": 0.02}, (SIZE, GAP, *COVERED)),
    "patients of 1 to 20 images": ({"images": True}, (SIZE, GAP, *COVERED)),
    "2 % positives, 1 to 20 images": (
        {"n": 3000, "rate": 0.02, "images": True},
        (SIZE, GAP, *COVERED),
    ),
    "rare level three times noisier": ({"noise": 3.0}, (SIZE, GAP)),
    "rare level has 80 % positives": ({"more": 0.3, "n": 600}, (SIZE, GAP)),
    "sensitivity 84 to 50 %": ({"loss": 1.0, "n": 1000}, (POWER, GAP)),
    "the same, 1 to 20 images": (
        {"loss": 1.0, "n": 1000, "images": True},
        (POWER, GAP),
    ),
}


def consequences() -> list[Cell]:
    """Each design, judged by performance alone."""
    return [
        Cell("consequences", name, None, claims, answer=partial(answer, **odd))
        for name, (odd, claims) in DESIGNS.items()
    ]
