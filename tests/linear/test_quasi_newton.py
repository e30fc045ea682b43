"""Steps of a batch of problems: none goes uphill, none is called solved too early."""

import numpy as np
import pytest

from sklearn_wsca._linear import quasi_newton as quasi_newton_module
from sklearn_wsca._linear.design import prepare_design
from sklearn_wsca._linear.solvers import QUASI_NEWTON_ITERATIONS, fit_logistic
from tests.linear.problems import make_levels, make_rows, permutations_of


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("strength", [0.0, 5.0])
def test_objective_never_increases(n_classes, strength, monkeypatch):
    """Every accepted step of every problem lowers the objective."""
    T = make_rows(9)
    codes = permutations_of(make_levels(9, T, n_classes, strength), 4)
    values = []
    search = quasi_newton_module._line_search

    def recording(problem, x, value, *arguments, **options):
        found = search(problem, x, value, *arguments, **options)
        values.append((value, found[1], found[-2]))
        return found

    monkeypatch.setattr(quasi_newton_module, "_line_search", recording)
    fit = fit_logistic(
        prepare_design(T, np.ones(len(T))), codes, n_classes, 50.0, tolerance=1e-7
    )
    assert fit.converged.all()
    assert len(values) > 3
    for before, after, stuck in values:
        assert stuck is None
        rounding = 32 * np.finfo(float).eps * np.abs(before)
        assert (after <= before + rounding).all()
    assert (values[0][1] < values[0][0] - 1e-3).all()


def test_what_is_not_solved_is_not_called_converged():
    T = make_rows(15)
    codes = make_levels(15, T, 3, 5.0)[None]
    design = prepare_design(T, np.ones(len(T)))
    fit = fit_logistic(design, codes, 3, 100.0, tolerance=1e-12, max_iter=2)
    assert not fit.converged.any()


def test_a_problem_that_no_step_helps_stays_and_is_reported(monkeypatch):
    """Where the direction points uphill nothing moves, and the rest converges."""
    T = make_rows(12)
    codes = permutations_of(make_levels(12, T, 3, 0.0), 3)
    design = prepare_design(T, np.ones(len(T)))
    expected = fit_logistic(design, codes, 3, 1.0)
    downhill = quasi_newton_module.StepHistory.direction

    def uphill_for_the_first(self, gradient):
        step = downhill(self, gradient)
        if len(gradient) == len(codes):
            step[0] *= -1.0
        return step

    monkeypatch.setattr(
        quasi_newton_module.StepHistory, "direction", uphill_for_the_first
    )
    fit = fit_logistic(design, codes, 3, 1.0, max_iter=QUASI_NEWTON_ITERATIONS)
    assert fit.converged.tolist() == [False, True, True]
    np.testing.assert_array_equal(fit.coef[0], 0.0)
    np.testing.assert_allclose(fit.coef[1:], expected.coef[1:], atol=1e-7)
    assert np.abs(expected.coef[0]).max() > 1e-3
    # Newton's steps do not follow what was remembered.
    fit = fit_logistic(design, codes, 3, 1.0)
    assert fit.converged.all()
    np.testing.assert_allclose(fit.coef, expected.coef, atol=1e-7)
