"""What is permuted, and the statistics that are compared."""

import numpy as np
import pytest

from sklearn_wsca._backend.progress import watch_progress
from sklearn_wsca._interventions.class_means import ClassMoves
from sklearn_wsca._interventions.design import Design
from sklearn_wsca._interventions.null import Statistics, entries, infer, permute
from sklearn_wsca._permutation.plan import PermutationPlan
from sklearn_wsca._progress import STEPS
from tests.interventions.studies import make_study, run


def design_of(n=9, n_levels=3, n_repeats=1, clusters=None, missing=()):
    unit, level, repeat = np.indices((n, n_levels, n_repeats)).reshape(3, -1)
    kept = ~np.isin(unit * n_levels + level, missing)
    unit, level, repeat = unit[kept], level[kept], repeat[kept]
    return Design(
        unit,
        level,
        level * n_repeats + repeat,
        np.zeros(n, int),
        np.arange(n) if clusters is None else clusters,
        list(range(n)),
        list(range(n_levels)),
    )


def draw(design, m=600):
    plan = PermutationPlan(0, m, int(entries(design).max()) + 1)
    return permute(design, plan, range(m))


@pytest.mark.parametrize("n_repeats", [1, 2])
def test_rows_stay_in_their_unit_and_all_orders_are_alike(n_repeats):
    design = design_of(n_repeats=n_repeats, missing=[4])
    sources = draw(design)
    assert (design.unit[sources] == design.unit).all()
    np.testing.assert_array_equal(
        np.sort(sources, axis=1), np.tile(np.arange(len(design.unit)), (600, 1))
    )
    own = design.slot[sources[:, design.unit == 0]]
    counts = np.unique(own[:, 0], return_counts=True)[1]
    assert len(counts) == 3 * n_repeats
    assert counts.min() > 0.7 * 600 / len(counts)


def test_units_of_a_group_change_alike():
    clusters = np.arange(9) // 3
    design = design_of(clusters=clusters)
    levels = design.level[draw(design)].reshape(600, 9, 3)
    for unit in range(9):
        same = (levels == levels[:, [unit]]).all(axis=2).mean(axis=0)
        assert (same[clusters == clusters[unit]] == 1.0).all()
        assert (same[clusters != clusters[unit]] < 0.3).all()


def test_a_unit_with_a_missing_level_keeps_the_order_of_its_group():
    design = design_of(n=2, clusters=np.zeros(2, int), missing=[5])
    sources = draw(design)
    whole = design.level[sources[:, design.unit == 0]]
    part = design.level[sources[:, design.unit == 1]]
    for full, few in zip(whole, part, strict=True):
        assert few.tolist() == [level for level in full if level != 2]


def statistics_of(design, rows):
    every = np.zeros(design.n_units, int)
    found = ClassMoves.of(design, every)
    return Statistics(design, [(every, found)]).of(rows[None])[0]


@pytest.mark.parametrize("n", [5, 30])
def test_the_statistic_of_means_is_studentised(n):
    """By the covariance of the levels, or by variances where units are few."""
    rng = np.random.default_rng(0)
    design = design_of(n=n)
    rows = 4.0 + rng.standard_normal((3 * n, 2)) * [1.0, 50.0]
    rows += 0.3 * design.level[:, None]
    cells = rows.reshape(n, 3, 2)
    moves = cells - cells.mean(axis=1, keepdims=True)
    expected = np.sum(moves.sum(axis=0) ** 2 / np.sum(moves**2, axis=0))
    if n == 30:
        # Two contrasts of three levels tell it all.
        pairs = (moves[:, :2, output] for output in range(2))
        sums = [(own.sum(axis=0), own.T @ own) for own in pairs]
        expected = sum(s @ np.linalg.solve(square, s) for s, square in sums)
    assert statistics_of(design, rows)[0] ** 3 == pytest.approx(expected)


def test_the_statistic_of_units_is_free_of_unequal_noise():
    """Where no unit moves its mean is 0, although one level is noisier."""
    rng = np.random.default_rng(0)
    design = design_of(n=40, n_repeats=2)
    scale = np.where(design.level == 2, 3.0, 1.0)[:, None] * [1.0, 0.2]
    noise = [rng.standard_normal((240, 2)) * scale for _ in range(300)]
    found = np.array([statistics_of(design, rows)[1] for rows in noise])
    assert abs(found.mean()) < 0.2
    assert 0.8 < found.std() < 1.2
    moves = rng.standard_normal((40, 3, 2)).repeat(2, axis=1).reshape(240, 2)
    assert statistics_of(design, noise[0] + 2.0 * moves)[1] > 3.0


def test_a_noisier_level_keeps_the_size():
    """With variances in place of the covariance, 30 of these 200 are found."""
    rng = np.random.default_rng(0)
    design = design_of(n=40, n_levels=5)
    every = np.zeros(40, int)
    statistics = Statistics(design, [(every, ClassMoves.of(design, every))])
    scale = np.where(design.level == 4, 8.0, 1.0)[:, None]
    pvalues = [
        infer(statistics, scale * rng.standard_normal((200, 1)), seed, 39)[0]
        for seed in range(200)
    ]
    assert 2 <= np.sum(np.array(pvalues) <= 0.05) <= 18


def test_pvalues_are_uniform_where_nothing_moves():
    rng = np.random.default_rng(0)
    design = design_of(n=15, n_repeats=2)
    every = np.zeros(15, int)
    statistics = Statistics(design, [(every, ClassMoves.of(design, every))])
    pvalues = [
        infer(statistics, rng.standard_t(3, (90, 2)), seed, 39)[0]
        for seed in range(120)
    ]
    assert 1 <= np.sum(np.array(pvalues) <= 0.05) <= 13
    assert 0.4 < np.mean(pvalues) < 0.62


def test_no_permutations_give_no_pvalue():
    design = design_of()
    pvalue, null = infer(Statistics(design, []), np.ones((27, 1)), 0, 0)
    assert np.isnan(pvalue)
    assert len(null) == 0


def test_it_tells_how_far_it_is():
    told = []
    with watch_progress(lambda *step: told.append(step)):
        run(*make_study(n=10), n_permutations=19)
    assert told[0] == ("intervention null", 0, 19)
    assert told[-1] == ("intervention null", 19, 19)
    assert STEPS["intervention null"]
