"""What is said of a network that does not predict its target."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._comparison.predictions import doubt_predictions, read_named
from sklearn_wsca._utilization.samples import read_samples

N = 300


def decide(outputs, target, groups=None, kinds=None):
    """Outputs of a network beside a target, as the comparison reads them."""
    given = read_samples(
        {"outputs_a": outputs},
        np.where(np.arange(len(target)) % 2, "A", "B"),
        target=target,
        confounders=None,
        groups=groups,
        kinds=kinds,
        adjustment="spline",
        stacklevel=2,
    )
    return given.decisions[0]


def doubt(outputs, target, seed=0, **options):
    names = list(getattr(outputs, "columns", ())) or None
    return doubt_predictions(
        "outputs_a", decide(outputs, target, **options), names, seed
    )


def study(kind, seed, signal):
    """Outputs of a kind, and the target that they predict so well."""
    rng = np.random.default_rng([seed, 17])
    y = rng.integers(0, 3, N)
    noise = rng.standard_normal((N, 3))
    if kind == "number":
        y = y + rng.standard_normal(N)
        return signal * y + noise[:, 0], y
    if kind == "grades":
        return signal * y + noise[:, 0] + 50.0, y
    if kind == "classes":
        return signal * np.eye(3)[y] + noise, np.array(["a", "b", "c"])[y]
    if kind == "named":
        outputs = pd.DataFrame(signal * np.eye(3)[y] + noise, columns=["c", "a", "b"])
        return outputs, np.array(["c", "a", "b"])[y]
    y = np.minimum(y, 1)
    score = signal * (2 * y - 1) + noise[:, 0]
    if kind == "probability":
        score = 1.0 / (1.0 + np.exp(-score))
    return score, np.array(["no", "yes"])[y]


KINDS = ("score", "probability", "number", "grades", "classes", "named")


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_is_doubted_where_it_does_not_predict(kind):
    found = []
    kinds = {"target": "categorical"} if kind == "grades" else None
    for seed in range(12):
        outputs, target = study(kind, seed, signal=1.0)
        assert doubt(outputs, target, kinds=kinds) == []
        found += doubt(outputs, np.roll(target, N // 2), kinds=kinds)
    assert len(found) >= 10  # One in twenty is not noticed.
    for text in found:
        assert text.startswith("outputs_a: the network predicts the target with ")
        assert "the rows of outputs_a and metadata are in different orders" in text


def test_few_networks_that_predict_a_little_are_doubted():
    doubted = sum(bool(doubt(*study("score", s, signal=0.3))) for s in range(20))
    assert doubted <= 2


def test_networks_that_know_nothing_are_not_taken_for_good_ones():
    silent = sum(not doubt(*study("score", s, signal=0.0)) for s in range(40))
    assert silent <= 6  # One in twenty, by chance.


def test_classes_in_another_order_are_named_as_a_cause():
    outputs, target = study("classes", 0, signal=2.0)
    (found,) = doubt(outputs[:, [1, 2, 0]], target)
    assert "classes in another order" in found
    chance = doubt(outputs, np.random.default_rng(0).permutation(target))[0]
    assert "another order" not in chance


def test_what_is_no_prediction_of_the_target_is_not_judged():
    outputs, target = study("classes", 0, signal=1.0)
    noise = np.random.default_rng(0).permutation(outputs)
    wide = pd.DataFrame(np.hstack([noise, noise]), columns=list("abcdef"))
    assert read_named(decide(wide, target), list("uvwxyz")) is None
    assert doubt_predictions("outputs_a", decide(wide, target), None, 0) == []
    assert read_named(decide(noise[:, 0], target), None) is None
    held = replace(decide(noise, target), target=None)
    assert read_named(held, None) is None


def test_patients_are_permuted_whole():
    """Rows of a patient go together, so chance is further off than rows suggest."""
    silent = 0
    for seed in range(40):
        rng = np.random.default_rng([seed, 5])
        patient = np.repeat(np.arange(20), 15)
        score = rng.standard_normal(20)[patient] + 0.1 * rng.standard_normal(N)
        target = np.where(rng.permutation(20) < 10, "no", "yes")[patient]
        silent += not doubt(score, target, groups=patient)
    assert silent <= 6
