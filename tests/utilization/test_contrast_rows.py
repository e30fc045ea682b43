"""Contrasts of some rows are those of all, with zeros elsewhere."""

import numpy as np
import pytest

from sklearn_wsca._utilization.contrast_rows import ClassContrasts, Contrasts

RNG = np.random.default_rng(0)
ROWS = RNG.standard_normal((30, 3)) + 2.0
OUTPUTS = 1e3 * RNG.standard_normal((30, 4)) - 7.0


@pytest.mark.parametrize("at", [np.array([2, 3, 11, 29]), np.arange(30)])
def test_effects_are_those_of_rows_that_are_zero_elsewhere(at):
    own = Contrasts(at, ROWS[at])
    rows = np.zeros_like(ROWS)
    rows[at] = ROWS[at]
    np.testing.assert_array_equal(own.written_out(30), rows)
    np.testing.assert_allclose(own.times(OUTPUTS), rows.T @ OUTPUTS)
    np.testing.assert_allclose(own.times(OUTPUTS, [3, 1]), rows.T @ OUTPUTS[:, [3, 1]])
    np.testing.assert_allclose(own.squares, np.sum(rows[at] ** 2, axis=1))
    turn = RNG.standard_normal((3, 2))
    np.testing.assert_allclose(own.map(turn).written_out(30), rows @ turn)
    np.testing.assert_allclose(own.map(0.5).written_out(30), rows / 2.0)
    np.testing.assert_array_equal(own.column(1).written_out(30), rows[:, [1]])


def test_all_rows_are_taken_as_they_are():
    own = Contrasts.of(ROWS)
    assert Contrasts.of(own) is own
    np.testing.assert_array_equal(own.written_out(30), ROWS)
    assert own.take(OUTPUTS) is OUTPUTS


def test_contrasts_of_classes_are_combinations_of_shared_rows_and_more_in_each():
    """One class has no effects of its own."""
    classes, turn = RNG.integers(0, 3, 30), RNG.standard_normal((3, 7))
    widths = [2, 0, 1]
    own = [
        Contrasts(at, RNG.standard_normal((len(at), width)))
        for at, width in zip(
            (np.flatnonzero(classes == number) for number in range(3)),
            widths,
            strict=True,
        )
    ]
    contrasts = ClassContrasts(ROWS, turn, own)
    beyond = np.hstack([np.zeros((30, 4)), *(part.written_out(30) for part in own)])
    rows = ROWS @ turn + beyond
    np.testing.assert_allclose(contrasts.written_out(), rows)
    np.testing.assert_allclose(contrasts.times(OUTPUTS), rows.T @ OUTPUTS)
    np.testing.assert_allclose(contrasts.squares, np.sum(rows**2, axis=1))
    np.testing.assert_allclose(contrasts.condensed().written_out(), rows)
    np.testing.assert_array_equal(contrasts.at, np.arange(30))
    np.testing.assert_array_equal(Contrasts.of(contrasts).values, rows)


def test_effects_that_depend_on_each_other_are_condensed():
    """Of four that add up to zero, three are left, which move outputs as far."""
    values = RNG.standard_normal((30, 4))
    values -= values.mean(axis=1, keepdims=True)
    found = Contrasts.of(values).condensed()
    assert found.values.shape == (30, 3)
    np.testing.assert_allclose(found.values @ found.values.T, values @ values.T)
    lengths = np.linalg.norm(found.times(OUTPUTS), axis=0)
    np.testing.assert_allclose(lengths, np.linalg.norm(values.T @ OUTPUTS, axis=0))
    assert Contrasts.of(ROWS).condensed().values.shape == ROWS.shape
    nothing = Contrasts.of(np.zeros((30, 4))).condensed()
    np.testing.assert_array_equal(nothing.values, np.zeros((30, 1)))
    shared = ClassContrasts(values, RNG.standard_normal((4, 5)), [])
    assert shared.condensed().shared.shape == (30, 3)
    np.testing.assert_allclose(shared.condensed().written_out(), shared.written_out())
