"""Outputs that may be something else."""

import numpy as np
import pandas as pd
import pytest
from scipy import special

from sklearn_wsca import (
    compare_utilization,
    intervention_test,
    performance_test,
    utilization_test,
)
from sklearn_wsca._input.doubtful_outputs import describe_doubts

N = 300
RNG = np.random.default_rng(0)
CODES = RNG.integers(0, 2, N)
ILL = pd.Series(np.where(CODES, "yes", "no"), name="ill")
AGE = pd.Series(RNG.normal(60.0, 10.0, N), name="age")
SCANNER = pd.Series(RNG.choice(["A", "B"], N), name="scanner")
LOGITS = RNG.normal(size=(N, 5)) + CODES[:, None] * [0.0, 2.0, 0.5, 0.0, 0.0]
EMBEDDINGS = np.maximum(RNG.normal(size=(N, 64)), 0.0)
OF_CLASSES = pd.DataFrame(LOGITS, columns=["no", "yes", "other", "maybe", "none"])


def doubts(outputs, target=ILL, is_number=False):
    array = np.asarray(outputs, dtype=float).reshape(N, -1)
    return describe_doubts(outputs, array, "outputs", target, is_number)


@pytest.mark.parametrize(
    ("outputs", "target", "is_number", "words"),
    [
        (EMBEDDINGS, ILL, False, "64 outputs of each sample.*2 levels.*--head"),
        (EMBEDDINGS, AGE, True, "64 outputs of each sample.*is a number.*--head"),
        (EMBEDDINGS, None, False, "64 outputs of each sample.*--head"),
        (LOGITS, ILL, False, "name the columns by them"),
        (special.expit(LOGITS), ILL, False, "several findings"),
        (LOGITS[:, :2], pd.Series(np.arange(N) % 3), False, "the target has 3 levels"),
    ],
)
def test_outputs_that_are_not_as_many_as_classes_are_doubted(
    outputs, target, is_number, words
):
    (found,) = doubts(outputs, target, is_number)
    assert found.startswith("outputs: ")
    assert pd.Series([found]).str.contains(words).all(), found


@pytest.mark.parametrize(
    ("outputs", "target", "is_number"),
    [
        (LOGITS[:, 0], ILL, False),
        (LOGITS[:, :4], ILL, False),
        (LOGITS[:, 0], AGE, True),
        (LOGITS[:, :2], ILL, False),
        (LOGITS, None, False),
        (special.softmax(LOGITS, axis=1), ILL, False),
        (OF_CLASSES, ILL, False),
        (LOGITS, ILL.astype(pd.CategoricalDtype([*OF_CLASSES])), False),
        (LOGITS, pd.Series(np.arange(N) % 5), False),
    ],
    ids=[
        "score",
        "two classes that do not occur",
        "predicted number",
        "two classes",
        "without target",
        "probabilities of more classes than occur",
        "named classes",
        "declared classes",
        "five classes",
    ],
)
def test_outputs_of_the_target_are_not_doubted(outputs, target, is_number):
    assert doubts(outputs, target, is_number) == []


SETTINGS = {"target": ILL, "n_permutations": 0}


def test_functions_of_outputs_say_what_they_may_be():
    with pytest.warns(UserWarning, match="outputs: there are 64 .*embeddings"):
        utilization_test(EMBEDDINGS, SCANNER, **SETTINGS)
    with pytest.warns(UserWarning) as caught:
        compare_utilization(EMBEDDINGS, EMBEDDINGS[:, ::-1], SCANNER, **SETTINGS)
    for name in ("outputs_a", "outputs_b"):
        assert any(str(w.message).startswith(f"{name}: there are 64") for w in caught)
    with pytest.raises(ValueError, match=r"64 columns.*of embeddings what the head"):
        performance_test(EMBEDDINGS, SCANNER, ILL, n_permutations=0)


@pytest.mark.parametrize(
    ("target", "words"), [(ILL, "2 levels"), (AGE, "is a number"), (None, "--head")]
)
def test_an_intervention_says_it_too(target, words):
    unit = np.repeat(np.arange(N // 2), 2)
    level = np.tile(["as taken", "brighter"], N // 2)
    if target is not None:
        target = target.iloc[unit].to_numpy()
    with pytest.warns(UserWarning, match=rf"^outputs: there are 64.*{words}"):
        intervention_test(EMBEDDINGS, level, unit, target=target, n_permutations=0)


def logits_of(seed, n_classes, scale):
    """Logits of a network that tells the classes."""
    rng = np.random.default_rng(seed)
    return scale * (rng.normal(size=(N, n_classes)) + 2.0 * np.eye(n_classes)[CODES])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("digits", [0, 6])
def test_percentages_are_doubted(seed, n_classes, digits):
    percent = 100.0 * special.softmax(logits_of(seed, n_classes, 1.0), axis=1)
    for outputs in (percent.round(digits), percent[:, 1].round(digits)):
        (found,) = doubts(outputs)
        assert "these look like percentages" in found and "divide" in found
    assert doubts(percent / 100.0) == []
    # Ages are predicted between 0 and 100, too.
    assert doubts(percent[:, 1], AGE, is_number=True) == []


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0, 40.0])
def test_logits_are_no_percentages(seed, n_classes, scale):
    logits = logits_of(seed, n_classes, scale)
    for outputs in (
        logits,
        logits[:, 1],
        logits - logits.min(),
        np.logaddexp(0.0, logits),
        special.softmax(logits, axis=1),
    ):
        reached = np.max(outputs) if np.min(outputs) >= 0.0 else 0.0
        if not 90.0 <= reached <= 100.0:
            assert doubts(outputs) == []


def test_functions_say_that_percentages_are_taken_for_logits():
    score = 100.0 * special.expit(LOGITS[:, 1] - 1.0)
    score[:2] = 1.0, 99.0
    unit, level = np.repeat(np.arange(N // 2), 2), np.tile(["a", "b"], N // 2)
    with pytest.warns(UserWarning, match=r"^outputs: these look like percentages"):
        utilization_test(score, SCANNER, **SETTINGS)
    with pytest.warns(UserWarning, match=r"^outputs_b: these look like percentages"):
        compare_utilization(LOGITS[:, 1], score, SCANNER, **SETTINGS)
    with pytest.warns(UserWarning, match=r"^outputs: these look like percentages"):
        performance_test(score, SCANNER, ILL, n_permutations=0)
    with pytest.warns(UserWarning, match=r"^outputs: these look like percentages"):
        intervention_test(score, level, unit, n_permutations=0)
