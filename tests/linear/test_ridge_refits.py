"""Refits of ridge probes, against the inverse of each penalised Gram matrix."""

import numpy as np
import pytest

from sklearn_wsca._linear.design import prepare_design
from sklearn_wsca._linear.ridge_refits import (
    Penalty,
    penalties_at_once,
    refit_without_folds,
)
from tests.linear.problems import make_rows

PENALTIES = [Penalty(3.0, 6), Penalty(0.5, 2), Penalty(40.0, 6)]


@pytest.mark.parametrize("accelerator", [False, True])
def test_inverses_are_those_of_each_penalty(accelerator):
    T = make_rows(0)
    if accelerator:
        pytest.importorskip("array_api_compat")
        T = pytest.importorskip("torch").tensor(T)
    design = prepare_design(T, np.ones(len(T)))
    parts = np.array_split(np.asarray(make_rows(0)), 3)
    grams = np.stack([part.T @ part for part in parts])
    spread = np.geomspace(9.0, 2.0, 6)
    training, scale = design.array(grams), design.array(spread)
    together = penalties_at_once(PENALTIES, T)
    assert len(together) == (1 if accelerator else 3)
    for several in together:
        refits = refit_without_folds(design, training, scale, several)
        found = zip(several, refits.penalties, refits.inverses, strict=True)
        for penalty, diagonal, inverses in found:
            size = penalty.size
            own = penalty.alpha / spread[: refits.size] ** 2
            np.testing.assert_allclose(np.asarray(diagonal).ravel(), own)
            expected = np.zeros((3, 1, refits.size, refits.size))
            inverse = np.linalg.inv(grams[:, :size, :size] + np.diag(own[:size]))
            expected[:, 0, :size, :size] = inverse
            np.testing.assert_allclose(np.asarray(inverses), expected, atol=1e-12)
