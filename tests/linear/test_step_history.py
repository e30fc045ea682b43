"""The direction of the remembered steps, against the recursion one at a time."""

from types import SimpleNamespace

import numpy as np
import pytest

from sklearn_wsca._linear.step_history import MEMORY, StepHistory

R, P, K = 2, 3, 5


def make_problem(seed=0):
    rng = np.random.default_rng(seed)
    return SimpleNamespace(
        inverse_hessian=rng.uniform(0.2, 3.0, (P, R, K)),
        dot=lambda a, b: np.sum(a * b, axis=(1, 2)),
    )


def make_steps(n, seed=0):
    """Steps and the gradient changes of quadratic objectives of unequal curvature."""
    rng = np.random.default_rng(seed)
    curvature = np.geomspace(0.1, 9.0, R * P * K).reshape(P, R, K)
    steps = (
        rng.standard_normal((n, P, R, K))
        * np.geomspace(1.0, 0.01, n or 1)[:, None, None, None]
    )
    return steps, curvature * steps


def two_loops(pairs, inverse_hessian, gradient):
    """The textbook recursion for one problem."""
    direction, factors = gradient.copy(), []
    for step, change in reversed(pairs):
        factors.append(np.sum(step * direction) / np.sum(step * change))
        direction -= factors[-1] * change
    direction *= inverse_hessian
    for (step, change), factor in zip(pairs, reversed(factors), strict=True):
        rest = factor - np.sum(change * direction) / np.sum(step * change)
        direction += rest * step
    return -direction


@pytest.mark.parametrize("n", [0, 1, 3, MEMORY, MEMORY + 5])
@pytest.mark.parametrize("kept", [[0, 1, 2], [2, 0]])
def test_direction_is_that_of_the_two_loop_recursion(n, kept):
    """Steps that go uphill are left out; problems leave, and the oldest steps too."""
    problem, (steps, changes) = make_problem(), make_steps(n)
    changes[1::3, 1] *= -1.0
    history = StepHistory(problem)
    for step, change in zip(steps, changes, strict=True):
        history.append(step, change, None)
    history.select(np.array(kept))
    problem.inverse_hessian = problem.inverse_hessian[kept]
    gradient = np.random.default_rng(1).standard_normal((len(kept), R, K))
    found = history.direction(gradient)
    assert np.ptp(found) > 0.1
    for at, p in enumerate(kept):
        last = zip(steps[-MEMORY:, p], changes[-MEMORY:, p], strict=True)
        pairs = [pair for pair in last if np.sum(pair[0] * pair[1]) > 0] if n else []
        expected = two_loops(pairs, problem.inverse_hessian[at], gradient[at])
        np.testing.assert_allclose(found[at], expected, rtol=1e-8, atol=1e-10)


def test_what_is_forgotten_plays_no_part():
    problem, (steps, changes) = make_problem(), make_steps(3)
    history = StepHistory(problem)
    which = np.array([True, False, True])
    np.testing.assert_array_equal(history.forget(which), which)
    for step, change in zip(steps, changes, strict=True):
        history.append(step, change, None)
    gradient = np.random.default_rng(1).standard_normal((P, R, K))
    before = history.direction(gradient)
    assert not history.forget(which).any()
    np.testing.assert_array_equal(history.forget(which), which)
    plain, found = -problem.inverse_hessian * gradient, history.direction(gradient)
    np.testing.assert_allclose(found[which], plain[which])
    np.testing.assert_allclose(found[1], before[1])
    assert np.abs(before - plain).max() > 0.1
