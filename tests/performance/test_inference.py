"""Several columns at once: tables, corrections, thirds, what is left out."""

import numpy as np
import pytest

from sklearn_wsca._backend.jobs import SequentialRunner
from sklearn_wsca._input.column import Column, LeftOutError
from sklearn_wsca._performance.inference import (
    Decisions,
    correct,
    in_thirds,
    infer_performance,
    no_performance,
)
from sklearn_wsca._performance.measures import Judged
from sklearn_wsca._permutation.plan import PermutationPlan
from tests.performance.studies import column_of, decisions_of, draw

RUNNER = SequentialRunner("permutations")


def infer(seed=0, m=39, columns=None, **odd):
    scores, ill, level, patient = draw(seed, **odd)
    own = decisions_of(scores, ill, patient)
    columns = columns or (lambda n: {})
    every = {"hospital": column_of(level)} | columns(len(ill))
    return infer_performance(
        own, every, PermutationPlan(seed, m, len(ill)), 0.05, RUNNER
    )


def numbers(n):
    rng = np.random.default_rng(3)
    rows = np.arange(n)
    same = np.full(n, 7.0)
    same[0] = 8.0
    return {
        "age": Column("age", "continuous", rows, rng.normal(60.0, 10.0, n)),
        "same": Column("same", "continuous", rows, same),
        "head": None,
    }


def test_columns_share_a_correction_and_say_why_they_are_left_out():
    found = infer(columns=numbers, loss=2.0)
    assert found.tested == ["hospital", "age"]
    assert set(found.left_out) == {"same", "head"}
    p, q = found.pvalues["pvalue"], found.pvalues["qvalue"]
    assert p["hospital"] == 1 / 40 and q["hospital"] == pytest.approx(2 / 40)
    assert p[["same", "head"]].isna().all()
    table = found.table()
    assert list(table.index.names) == ["column", "level"]
    assert len(table.loc["age"]) == 3
    assert table.loc["hospital", "gap"].nunique() == 1
    assert table.loc[("hospital", "west"), "gap_pvalue"] == p["hospital"]


def test_the_gap_names_levels_measure_and_what_was_not_excluded():
    gap = infer(loss=3.0, n=900).gaps["hospital"]
    assert gap.measure == "sensitivity" and gap.lower == "west"
    assert 0.0 < gap.low < gap.size < gap.high <= gap.unseen <= 1.2
    quiet = infer().gaps["hospital"]
    assert quiet.low < 0.0 < quiet.size < quiet.unseen


def test_without_permutations_there_are_intervals_only():
    found = infer(m=0)
    assert found.pvalues.isna().all().all()
    assert found.gaps["hospital"].high > 0.0
    assert found.table()["accuracy_low"].notna().all()


def test_correct_over_several_targets():
    alone = [infer(seed, loss=loss) for seed, loss in ((0, 2.0), (1, 0.0))]
    first, second = correct([*alone, no_performance(["x"], "no reason")])[:2]
    p = [t.pvalues.loc["hospital", "pvalue"] for t in alone]
    q = [t.pvalues.loc["hospital", "qvalue"] for t in (first, second)]
    assert q == pytest.approx([2 * p[0], p[1]])


def test_thirds_have_their_ranges_as_names():
    labels = np.arange(10.0, 40.0)
    column = in_thirds(Column("age", "continuous", np.arange(30), labels))
    assert column.levels == ("10 to 19", "20 to 29", "30 to 39")
    assert np.bincount(column.labels).tolist() == [10, 10, 10]
    with pytest.raises(LeftOutError, match="one value"):
        in_thirds(Column("age", "continuous", np.arange(30), np.zeros(30)))


def test_errors_of_numbers_are_adjusted_for_the_target():
    """A network that pulls to the mean is no worse for the hospital of the old."""
    p = {}
    for moved in (0.0, 3.0):
        rejected = []
        for seed in range(10):
            rng = np.random.default_rng(seed)
            level = rng.integers(0, 2, 240)
            age = 50.0 + 15.0 * level + 8.0 * rng.standard_normal(240)
            predicted = 55.0 + 0.4 * (age - 55.0) + rng.standard_normal(240)
            predicted += moved * level
            rows = np.arange(240)
            judged = Judged.of(predicted[:, None], age, None, np.ones(240), rows, None)
            own = Decisions(judged, Column("age", "continuous", rows, age), None, 240)
            column = Column("hospital", "categorical", rows, level, ("new", "old"))
            plan = PermutationPlan(seed, 39, 240)
            found = infer_performance(own, {"hospital": column}, plan, 0.05, RUNNER)
            rejected.append(found.pvalues.loc["hospital", "pvalue"] <= 0.05)
        p[moved] = np.mean(rejected)
    assert p[0.0] <= 0.3 and p[3.0] >= 0.9
