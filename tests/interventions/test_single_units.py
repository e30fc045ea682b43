"""Moves of single units: jackknife, flips, coverage."""

import numpy as np
import pytest
from scipy import stats

from sklearn_wsca import intervention_test
from sklearn_wsca._interventions.design import Design
from sklearn_wsca._interventions.single_units import (
    PairMeans,
    Spread,
    count_decisions,
    jackknife,
    pair_squares,
    wilson,
)


def design_of(seen, clusters=None):
    """Every cell that was seen once."""
    unit, level = np.nonzero(seen)
    n = len(seen)
    return Design(
        unit,
        level,
        level,
        np.zeros(n, int),
        np.arange(n) if clusters is None else clusters,
        list(range(n)),
        list(range(seen.shape[1])),
    )


@pytest.mark.parametrize("grouped", [False, True])
def test_what_is_left_without_a_cluster_is_that_of_the_others(grouped):
    rng = np.random.default_rng(0)
    seen = rng.random((12, 3)) < 0.8
    seen[:, :2] |= seen.sum(axis=1, keepdims=True) < 2
    clusters = np.arange(12) // 3 if grouped else np.arange(12)
    design = design_of(seen, clusters)
    rows = 5.0 + rng.standard_normal((seen.sum(), 2)) * [1.0, 20.0]
    means = design.cell_means(rows)
    spread = Spread.of(design, rows, means)
    found = PairMeans.of(design, pair_squares(design, means))
    for number in range(design.n_clusters):
        kept = clusters != number
        rest = design_of(seen[kept], clusters[kept])
        own = rows[np.isin(design.unit, np.flatnonzero(kept))]
        own_means = rest.cell_means(own)
        assert spread.without[number] == pytest.approx(
            Spread.of(rest, own, own_means).value
        )
        left = PairMeans.of(rest, pair_squares(rest, own_means))
        assert found.without[number] == pytest.approx(left.value)


def test_the_spread_is_the_variance_of_all_rows():
    rng = np.random.default_rng(0)
    design = design_of(np.ones((4000, 3), bool))
    rows = 3.0 + rng.standard_normal((12000, 2)) * [1.0, 4.0]
    found = Spread.of(design, rows, design.cell_means(rows))
    assert found.value == pytest.approx(rows.var(axis=0).sum(), rel=1e-3)


def test_a_small_sample_has_no_smaller_spread():
    rng = np.random.default_rng(0)
    design = design_of(np.ones((5, 2), bool))
    found = []
    for _ in range(3000):
        own = rng.standard_normal((5, 1, 1)) + 0.3 * rng.standard_normal((5, 2, 1))
        rows = own.reshape(10, 1)
        found.append(Spread.of(design, rows, design.cell_means(rows)).value)
    assert np.mean(found) == pytest.approx(1.09, rel=0.05)


def test_the_jackknife_of_means_is_their_standard_error():
    values = np.random.default_rng(0).standard_normal(200)
    without = (values.sum() - values) / 199
    error, degrees = jackknife(without)
    assert error == pytest.approx(stats.sem(values))
    assert 120 < degrees <= 199
    heavy = np.random.default_rng(0).standard_t(2, 200)
    assert jackknife((heavy.sum() - heavy) / 199)[1] < 30
    assert jackknife(np.ones(7)) == (0.0, 6.0)


def test_decisions_between_and_within_cells_are_counted_by_pairs():
    unit = np.repeat([0, 1], 5)
    level = np.tile([0, 0, 1, 1, 1], 2)
    slot, names = np.tile(np.arange(5), 2), [0, 1]
    design = Design(unit, level, slot, np.zeros(2, int), np.arange(2), names, names)
    decisions = np.array(["a", "b", "a", "c", "c", "a", "a", "a", "a", "b"])
    between, within = count_decisions(design, decisions)
    for number in range(2):
        own = decisions[unit == number]
        pairs = [x != y for x in own[:2] for y in own[2:]]
        assert between[number, 0] == pytest.approx(np.mean(pairs))
        assert within[number, 0] == (own[0] != own[1])
        repeats = [own[2] != own[3], own[2] != own[4], own[3] != own[4]]
        assert within[number, 1] == pytest.approx(np.mean(repeats))


@pytest.mark.parametrize(("count", "n"), [(0, 20), (3, 20), (20, 20), (7, 400)])
def test_wilson_is_that_of_scipy(count, n):
    expected = stats.binomtest(count, n).proportion_ci(method="wilson")
    assert wilson(count / n, n, 0.05) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("movers", [1.0, 0.3])
def test_intervals_hold_the_truth(movers):
    """95 % of them; between 85 and 100 % of 80 studies of 30 units."""
    rng = np.random.default_rng(0)
    covered = {"sensitivity": 0, "flipped": 0}
    # Of normal outputs and moves, from their variances.
    n, size = 30, 0.5
    square = movers * size**2 / 2
    share = np.arccos(1.0 / (1.0 + size**2)) / np.pi * movers
    for _ in range(80):
        moves = size * rng.standard_normal((n, 2)) * (rng.random((n, 1)) < movers)
        score = (rng.standard_normal((n, 1)) + moves).ravel()
        found = intervention_test(
            np.stack([score, -score], axis=1),
            np.tile([0, 1], n),
            np.repeat(np.arange(n), 2),
            n_permutations=0,
        )
        true = np.sqrt(square / (1.0 + 2.0 * square))
        for name, value in {"sensitivity": true, "flipped": share}.items():
            low, high = (getattr(found, f"{name}_{end}") for end in ("low", "high"))
            covered[name] += low <= value <= high
    assert all(68 <= count <= 80 for count in covered.values()), covered
