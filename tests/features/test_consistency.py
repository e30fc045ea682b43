"""Consistency with the network's own outputs: it holds, and it can fail."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_wsca import ConsistencyDisplay, IntegratedFeatureAnalysis
from tests.reference import make_maps

OTHER = r"^outputs: the head on these maps does not give the outputs of the network"


def study(seed, **options):
    A, labels, weights, intercept = make_maps(seed, **options)
    outputs = A.reshape(*A.shape[:2], -1).mean(axis=2) @ weights.T + intercept
    return A, labels, (weights, intercept), outputs


@pytest.mark.parametrize("seed", range(3))
def test_the_network_on_its_own_maps_is_consistent(seed):
    A, labels, head, outputs = study(seed)
    analysis = IntegratedFeatureAnalysis(head)
    analysis.fit(A, labels, outputs.astype(np.float32))
    assert_allclose(analysis.consistency_, 1.0, atol=1e-6)
    assert analysis.agreement_ == 1.0
    assert analysis.consistency_.name == "maps and outputs of the network"
    without = IntegratedFeatureAnalysis(head).fit(A, labels)
    assert without.consistency_.name == "maps and head (1 by construction)"
    assert np.isnan(without.agreement_)


@pytest.mark.parametrize("seed", range(3))
def test_maps_before_the_last_activation_are_told(seed):
    """The head reads what a ReLU leaves of them."""
    rng = np.random.default_rng(seed)
    A, labels, (weights, intercept), _ = study(seed)
    before = A - A.mean(axis=(0, 2, 3), keepdims=True)
    before *= rng.uniform(0.5, 2.0, (len(A), 1, 1, 1))
    outputs = np.maximum(before, 0.0).mean(axis=(2, 3)) @ weights.T + intercept
    analysis = IntegratedFeatureAnalysis((weights, intercept))
    with warnings.catch_warnings(), pytest.warns(UserWarning, match=OTHER) as said:
        warnings.filterwarnings("ignore", "no sample of the classes")
        analysis.fit(before, labels, outputs)
    assert said[0].filename == __file__
    assert analysis.consistency_.min() < 0.99 or analysis.agreement_ < 0.99


def test_outputs_in_another_order_are_told():
    A, labels, head, outputs = study(0)
    order = np.random.default_rng(0).permutation(len(A))
    with pytest.warns(UserWarning, match=OTHER):
        found = IntegratedFeatureAnalysis(head).fit(A, labels, outputs[order])
    assert found.consistency_.min() < 0.9
    assert found.agreement_ == np.mean(
        outputs.argmax(axis=1) == outputs[order].argmax(axis=1)
    )


def test_a_single_score_speaks_against_the_first_class():
    A, labels, (weights, _), _ = study(0)
    score = A.mean(axis=(2, 3)) @ weights[0]
    binary = (score + labels > np.median(score + labels)).astype(int)
    offset = np.median(score)
    head, score = (weights[0], -offset), score - offset
    found = IntegratedFeatureAnalysis(head).fit(A, binary, score)
    assert_allclose(found.consistency_, 1.0, atol=1e-6)


def test_scores_that_do_not_vary_are_named():
    A, labels, (weights, intercept), _ = study(0)
    A[:, 4], weights[2] = 0.1, 0.0
    weights[2, 4] = 1.3
    analysis = IntegratedFeatureAnalysis((weights, intercept - 50.0))
    with (
        pytest.warns(UserWarning, match="the maps or scores of 2 do not vary"),
        pytest.warns(UserWarning, match="classified correctly"),
    ):
        analysis.fit(A, labels)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda o: o[:-1], r"shape \(59, 3\).*each of the 60 samples"),
        (lambda o: o[:, :2], "one column for each of the 3 rows"),
        (lambda o: np.exp(o) / np.exp(o).sum(1, keepdims=True), "pass the logits"),
        (lambda o: np.where(o == o[3, 1], np.nan, o), "NaN"),
    ],
)
def test_outputs_that_cannot_be_those_of_the_network(change, message):
    A, labels, head, outputs = study(0)
    small = outputs / np.abs(outputs).max()
    with pytest.raises(ValueError, match=rf"^outputs.*{message}"):
        IntegratedFeatureAnalysis(head).fit(A, labels, change(small))


def test_the_picture_says_what_is_compared():
    pytest.importorskip("matplotlib").use("Agg")
    A, labels, head, outputs = study(0)
    analysis = IntegratedFeatureAnalysis(head).fit(A, labels)
    own = ConsistencyDisplay.from_estimator(analysis, A)
    network = ConsistencyDisplay.from_estimator(analysis, A, outputs)
    assert "1 by construction" in own.ax_.get_title(loc="left") + own.ax_.get_title()
    assert "by construction" not in network.ax_.get_title(loc="left")
