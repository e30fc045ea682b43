"""Moves of class means: least squares, noise, what cannot be compared."""

import numpy as np
import pytest

from sklearn_wsca._interventions.class_means import ClassMoves, estimate_moves
from sklearn_wsca._interventions.design import Design
from tests.interventions.studies import make_study
from tests.interventions.test_from_outputs import run


def random_design(seed=0, n=20, n_levels=4):
    rng = np.random.default_rng(seed)
    seen = rng.random((n, n_levels)) < 0.6
    seen[:, :2] |= seen.sum(axis=1, keepdims=True) < 2
    unit, level = np.nonzero(seen)
    names = list(range(n)), list(range(n_levels))
    design = Design(unit, level, level, np.zeros(n, int), np.arange(n), *names)
    rows = 9.0 * rng.standard_normal((n, 1))[unit] + rng.standard_normal((len(unit), 2))
    return design, rows + 0.7 * level[:, None]


def test_moves_are_those_of_least_squares():
    design, rows = random_design()
    every = np.zeros(design.n_units, int)
    found = ClassMoves.of(design, every)
    moves = design.unit_moves(design.cell_means(rows))
    (own,) = estimate_moves(design, every, found, moves)
    columns = np.hstack([np.eye(20)[design.unit], np.eye(4)[design.level]])
    levels = np.linalg.lstsq(columns, rows, rcond=None)[0][20:]
    np.testing.assert_allclose(own.effects, levels - levels.mean(axis=0), atol=1e-9)
    assert np.abs(own.effects).max() > 0.5
    np.testing.assert_allclose(own.errors.sum(axis=0), 0.0, atol=1e-9)


def test_their_variance_is_that_of_many_studies():
    rng = np.random.default_rng(0)
    design, _ = random_design()
    every = np.zeros(design.n_units, int)
    found = ClassMoves.of(design, every)
    effects, variances = [], []
    for _ in range(400):
        scale = 1.0 + design.level[:, None]
        rows = scale * rng.standard_normal((len(design.unit), 1))
        moves = design.unit_moves(design.cell_means(rows))
        (own,) = estimate_moves(design, every, found, moves)
        effects.append(own.effects[:, 0])
        variances.append(np.sum(own.errors[..., 0] ** 2, axis=0))
    ratio = np.mean(variances, axis=0) / np.var(effects, axis=0)
    assert (ratio > 0.7).all() and (ratio < 1.3).all()


def test_classes_that_cannot_be_compared_are_left_out():
    seen = np.ones((6, 3), bool)
    # Class 1 has one unit, class 2 none under the last level.
    seen[4:, 2] = False
    unit, level = np.nonzero(seen)
    classes = np.array([0, 0, 0, 1, 2, 2])
    names = list(range(6)), list(range(3))
    design = Design(unit, level, level, classes, np.arange(6), *names)
    found = ClassMoves.of(design, classes)
    assert found.numbers.tolist() == [0]
    assert found.shares.tolist() == [1.0]


@pytest.mark.slow
@pytest.mark.parametrize("true", [0.0, 0.2])
def test_intervals_hold_the_truth(true):
    """Of the shift; 80 studies of 30 units, at least 70 of them."""
    covered = 0
    for seed in range(80):
        outputs, table = make_study(seed, n=30, common=true, noise=0.5)
        found = run(outputs, table, n_permutations=0)
        # Outputs are centred, own ones have variance 1 and means apart by class.
        covered += found.shift_low <= _true_shift(true) <= found.shift_high
    assert covered >= 70


def _true_shift(common):
    outputs, _ = make_study(99, n=3000, common=common)
    noisy, _ = make_study(99, n=3000, common=common, noise=0.5)
    centred = noisy - noisy.mean(axis=1, keepdims=True)
    spread = centred.var(axis=0).sum()
    quiet = (outputs - outputs.mean(axis=1, keepdims=True)).reshape(3000, 3, 3)
    moves = quiet - quiet.mean(axis=1, keepdims=True)
    return np.sqrt(np.sum(moves**2, axis=2).mean() / spread)
