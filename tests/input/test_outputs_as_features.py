"""Logits and probabilities passed as embeddings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special

from sklearn_wsca._input.column import read_column
from sklearn_wsca._input.outputs_as_features import describe_outputs

N = 300
GENERATOR = np.random.default_rng(0)
CODES = GENERATOR.integers(0, 4, N)
GRADE = np.array(["1a", "1b", "2", "3"])[CODES]
NOISE = GENERATOR.normal(size=(N, 4))
LOGITS = 1.5 * np.eye(4)[CODES] + NOISE + [0.2, -0.4, 1.0, 0.0]
CLEAR = LOGITS + 2.0 * np.eye(4)[CODES]
ILL = CODES > 1
SCORE = 1.4 * ILL + NOISE[:, 0] - 3.0
SEVERITY = 50.0 + 9.0 * NOISE[:, 1]


def describe(S, target=GRADE):
    column = None if target is None else read_column(pd.Series(target, name="t"))
    return describe_outputs(np.asarray(S, dtype=float), np.arange(N), column)


PROBABILITIES = special.softmax(LOGITS, axis=1)
OUTPUTS = {
    "logits": (LOGITS, GRADE, "as many as the target has classes"),
    "classes in another order": (CLEAR[:, [2, 0, 3, 1]], GRADE, "as many"),
    "two logits": (np.c_[-SCORE, SCORE] + 0.1 * NOISE[:, 2:], ILL, "2 features"),
    "sigmoids": (special.expit(LOGITS), GRADE, "4 features"),
    "one logit": (SCORE[:, None], ILL, "a single feature"),
    "one probability": (special.expit(SCORE)[:, None], ILL, "a single feature"),
    "predicted value": (SEVERITY[:, None] + NOISE[:, [2]], SEVERITY, "a single"),
    "probabilities": (PROBABILITIES, GRADE, "as probabilities do"),
    "rounded": (PROBABILITIES.round(4), GRADE, "as probabilities do"),
    "of another task": (special.softmax(NOISE, axis=1), ILL, "as probabilities do"),
    "without target": (PROBABILITIES, None, "as probabilities do"),
    "logarithms": (np.log(PROBABILITIES), GRADE, "as log-probabilities do"),
}
EMBEDDINGS = {
    "wide": np.hstack([LOGITS, NOISE]),
    "as many by chance": NOISE,
    "two directions": np.c_[SCORE, NOISE[:, 1]],
    "lengths of 1": NOISE / np.linalg.norm(NOISE, axis=1, keepdims=True),
    "constant": np.full((N, 4), 0.25),
    "not negative": np.abs(LOGITS) @ np.ones((4, 6)),
}


@pytest.mark.parametrize(("S", "target", "found"), OUTPUTS.values(), ids=OUTPUTS)
def test_outputs(S, target, found):
    assert found in describe(S, target)


@pytest.mark.parametrize("S", EMBEDDINGS.values(), ids=EMBEDDINGS)
@pytest.mark.parametrize("target", [GRADE, ILL, SEVERITY, None])
def test_embeddings(S, target):
    assert describe(S, target) is None


def test_one_feature_that_tells_nothing():
    assert describe(NOISE[:, [0]], NOISE[:, 1] > 0) is None


def test_few_rows_are_no_evidence():
    assert describe_outputs(PROBABILITIES[:12], np.arange(12), None) is None


def test_only_rows_with_a_target_count():
    """Of the others nobody knows the class: here their logits are noise."""
    known = np.arange(N) % 2 > 0
    target = read_column(pd.Series(GRADE).where(known))
    S = np.where(known[:, None], LOGITS, NOISE)
    rows = np.arange(N)[30:]
    assert "as many" in describe_outputs(S[rows], rows, target)
