"""Outputs that move with a column, rows and groups of all kinds."""

import numpy as np

from sklearn_wsca._permutation.plan import PermutationPlan
from tests.decision_studies import MEANS, SCALES, Sample

N = 120
COLUMNS = ("2 levels", "4 levels", "numbers")
TARGETS = ("2 classes", "3 classes", "numbers", None)


def make_study(
    column="4 levels",
    target="3 classes",
    held=0,
    weighted=False,
    seed=0,
    n=N,
    unit=None,
    column_within=True,
    target_within=True,
    association=0.4,
):
    """A column that moves the outputs, by class too, and depends on what is held.

    `unit` names groups of rows; column and target vary in each of them or not.
    """
    rng = np.random.default_rng(seed)

    def draw(varies):
        if unit is None or varies:
            return rng.random(n)
        return rng.random(unit.max() + 1)[unit]

    classes = {"2 classes": 2, "3 classes": 3, "numbers": 4, None: 3}[target]
    ill = np.floor(classes * draw(target_within)).astype(int)
    levels = {"2 levels": 2, "4 levels": 4, "numbers": 4}[column]
    follows = draw(column_within) < association
    followed = ill % levels if column_within or not target_within else 0
    labels = np.where(
        follows, followed, np.floor(levels * draw(column_within)).astype(int)
    )
    age = 60.0 + 9.0 * draw(True) + 3.0 * labels
    sex = (draw(True) < 0.3 + 0.1 * labels).astype(int)
    deviation = labels - labels.mean()
    moves = 0.4 * deviation + 0.8 * deviation * (ill - ill.mean())
    outputs = rng.standard_normal((n, 3))
    outputs += np.outer(ill, [1.0, -0.5, 0.3]) + np.outer(moves, [1.0, 0.8, -1.0])
    outputs[:, 2] += 0.05 * (age - 60.0) + 0.4 * sex
    if unit is not None:
        outputs += 0.7 * rng.standard_normal((unit.max() + 1, 3))[unit]
    if column == "numbers":
        labels = 1e-3 * (labels + draw(column_within)) + 0.2
    target_labels = ill if target != "numbers" else 40.0 + 7.0 * (ill + draw(True))
    return Sample(
        outputs * SCALES + MEANS,
        labels,
        None if target is None else target_labels,
        [age, sex][:held],
        rng.uniform(0.2, 3.0, n) if weighted else np.ones(n),
        unit,
    )


def orders_of(n_rows, n_permutations=6, seed=0):
    return PermutationPlan(seed, n_permutations, n_rows).orders(range(n_permutations))


UNEQUAL = np.random.default_rng(9).permutation(
    np.repeat(np.arange(30), 1 + np.arange(30) % 7)
)[:110]


def group_design(column_within, target_within):
    unit = np.unique(UNEQUAL, return_inverse=True)[1]
    if column_within:
        # In small groups columns differ between them by chance.
        unit = np.random.default_rng(9).permutation(np.repeat(np.arange(10), N // 10))
        unit[unit == 9] = np.arange(N // 10) % 7
    return {
        "n": len(unit),
        "unit": unit,
        "column_within": column_within,
        "target_within": target_within,
        "association": 0.1 if column_within else 0.4,
    }


DESIGNS = {
    "rows": {},
    "groups": group_design(False, False),
    "groups, target varies": group_design(False, True),
    "within groups": group_design(True, False),
    "within groups, target varies": group_design(True, True),
}
DESIGNS["both"] = DESIGNS["within groups"]
DESIGNS["both, target varies"] = DESIGNS["within groups, target varies"]


def study_of(design, *args, **options):
    """A study of one of the designs; columns vary little within groups in "both"."""
    study = make_study(*args, **options, **DESIGNS[design])
    if design.startswith("both"):
        levels = np.unique(
            np.quantile(study.labels, [0.0, 0.3, 0.7, 1.0], method="lower")
        )
        often = np.random.default_rng(1).random(len(study.labels)) < 0.7
        common = levels[study.groups % len(levels)]
        study.labels = np.where(often, common, study.labels)
    return study
