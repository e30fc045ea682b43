"""Decisions of unequal scales under three levels, with known performance."""

import numpy as np
import pandas as pd

from sklearn_wsca._input.column import Column
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._performance.gaps import ComparedLevels, exchange_at_target
from sklearn_wsca._performance.inference import Decisions
from sklearn_wsca._performance.measures import Judged, compared_measures
from sklearn_wsca._permutation.exchangeability import exchange_units

LEVELS = ("north", "south", "west")


def draw(
    seed, n=300, shares=(0.5, 0.4, 0.1), rate=0.5, images=None, loss=0.0, noise=1.0
):
    """Scores, classes, levels and patients; in the last level positives lose `loss`.

    `images` are the numbers of images of patients of each level; with a single "within"
    five images under levels of their own.
    """
    rng = np.random.default_rng([seed, 5])
    level, ill = rng.choice(3, n, p=shares), (rng.random(n) < rate).astype(int)
    counts = np.ones(n, dtype=int)
    if images is not None:
        most = np.full(n, 5) if images == "within" else np.array(images)[level]
        counts = most if images == "within" else rng.integers(1, most + 1)
    patient = np.repeat(np.arange(n), counts)
    level, ill = level[patient], ill[patient]
    if images == "within":
        level = rng.choice(3, len(patient), p=shares)
    own = 0.7 * rng.standard_normal(n)[patient] if images is not None else 0.0
    error = own + (0.7 if images is not None else 1.0) * rng.standard_normal(len(ill))
    last = level == 2
    scores = 2.0 * ill - 1.0 + error
    scores = 40.0 * (np.where(last, noise, 1.0) * scores - loss * last * ill)
    return scores, ill, level, patient


def decisions_of(scores, ill, patient, classes=(0, 1)):
    """Decisions on all rows, with the target beside them."""
    n = len(ill)
    margins = np.stack([-scores, scores], axis=1)
    judged = Judged.of(margins, ill, None, np.ones(n), patient, classes)
    several = len(np.unique(patient)) < n
    groups = Groups.of(pd.Series(patient, name="patient")) if several else None
    target = Column("disease", "categorical", np.arange(n), ill, classes)
    return Decisions(judged, target, groups, n)


def column_of(level, name="hospital"):
    """The level of every row as a column."""
    return Column(name, "categorical", np.arange(len(level)), level, LEVELS)


def compare(seed=0, **odd):
    """Levels of a drawn column beside each other."""
    scores, ill, level, patient = draw(seed, **odd)
    found = decisions_of(scores, ill, patient)
    column = column_of(level)
    exchange = exchange_at_target(exchange_units(column, found.groups), found.target)
    return ComparedLevels.of(
        column,
        found.judged,
        lambda rows: list(compared_measures(found.judged.take(rows))),
        exchange,
    )
