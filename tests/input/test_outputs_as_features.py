"""Logits and probabilities passed as embeddings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special

from sklearn_wsca._input.outputs_as_features import describe_outputs
from sklearn_wsca._input.typed_columns import read_column

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


def describe(S, target=GRADE, trained=False):
    column = None if target is None else read_column(pd.Series(target, name="t"))
    S = np.asarray(S, dtype=float)
    return describe_outputs(S, np.arange(len(S)), column, trained)


def proportions(n_features):
    return GENERATOR.dirichlet(np.linspace(0.5, 2.0, n_features), N)


def separate_logits(separation, n_classes):
    """Target, and logits of which none tells anything of another: often right."""
    codes = np.arange(N) % n_classes
    centred = separation * np.eye(n_classes)[codes] - 3.0
    return np.array(list("wxyz"))[codes], 2.0 * (centred + NOISE[:, :n_classes])


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
SIGMOIDS = special.expit(NOISE @ GENERATOR.normal(size=(4, 14)) - 2.0)
EMBEDDINGS = {
    "12 proportions": proportions(12),
    "scaled to 0 and 1": (LOGITS[:, :3] - LOGITS[:, :3].min(axis=0))
    / np.ptp(LOGITS[:, :3], axis=0),
    "wide gates": special.expit(np.hstack([NOISE] * 8)),
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
@pytest.mark.parametrize("target", [GRADE, ILL, SEVERITY])
def test_embeddings(S, target):
    assert describe(S, target) is None


@pytest.mark.parametrize(
    ("separation", "n_classes"), [(1, 2), (2, 2), (1.2, 3), (2, 4)]
)
def test_logits_of_a_network_that_is_often_wrong(separation, n_classes):
    target, S = separate_logits(separation, n_classes)
    accuracy = np.mean(S.argmax(axis=1) == np.arange(N) % n_classes)
    assert 0.55 < accuracy < 0.95
    for order in (range(n_classes), range(n_classes)[::-1]):
        assert "as many as" in describe(S[:, list(order)], target)


def test_few_features_that_a_trained_head_reads():
    target, S = separate_logits(1.0, 2)
    assert describe(S, target, trained=True) is None
    assert describe(special.expit(S), ILL, trained=True) is None


@pytest.mark.parametrize("weights", [[[1, 1], [0.5, 2]], [[1, -1], [0.1, 3]]])
def test_two_features_that_both_go_with_the_target_are_embeddings(weights):
    """Both rise with it; or the first one is always the larger one."""
    _, S = separate_logits(1.0, 2)
    target, _ = separate_logits(1.0, 2)
    S = S - S.mean(axis=0)
    S = np.c_[S[:, 1] - S[:, 0], S[:, 1]] @ np.abs(weights)
    assert describe(S, target) is None


@pytest.mark.parametrize("target", [ILL, SEVERITY])
def test_probabilities_of_several_findings(target):
    assert "14 features, all of them between 0 and 1" in describe(SIGMOIDS, target)
    # Without a target few numbers between 0 and 1 may be anything.
    assert describe(SIGMOIDS, None) is None


def test_proportions_of_about_as_many_as_classes():
    assert "add up to 1" in describe(proportions(4), ILL)
    assert describe(proportions(4), SEVERITY) is None


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
