"""Consistency with the network's own outputs: it holds, and it can fail."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_wsca import ConsistencyDisplay, Head, IntegratedFeatureAnalysis
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


def before_and_after(seed):
    """Maps before and after a ReLU, outputs that are made of the latter, and a head."""
    rng = np.random.default_rng(seed)
    labels = np.arange(200) % 4
    before = rng.normal(-0.2, 1.0, (200, 24, 5, 5))
    weights = np.zeros((4, 24))
    for k in range(4):
        before[labels == k, 4 * k : 4 * k + 4] += 1.5
        weights[k, 4 * k : 4 * k + 4] = 1.0
    after = np.maximum(before, 0.0)
    return before, after, weights, after.mean(axis=(2, 3)) @ weights.T, labels


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("change", "slope", "offset"),
    [
        (lambda before, after: before, None, None),
        (lambda before, after: after + 1.0, 1.0, -4.0),
        (lambda before, after: 1000.0 * after, 1e-3, 0.0),
        (lambda before, after: 0.8 * after, 1.25, 0.0),
    ],
    ids=["before ReLU", "plus 1", "times 1000", "times 0.8"],
)
@pytest.mark.parametrize("is_number", [True, False])
def test_maps_that_differ_in_value_alone_are_told(
    seed, change, slope, offset, is_number
):
    """The correlation is above 0.99, and decisions of classes may be the same."""
    before, after, weights, outputs, labels = before_and_after(seed)
    head = weights
    if is_number:
        head, outputs = Head(weights[:1], np.zeros(1), None, "ridge"), outputs[:, 0]
        labels = outputs
    analysis = IntegratedFeatureAnalysis(head, n_permutations=0)
    with pytest.warns(UserWarning, match=OTHER + r".*\(R² .*: output = "):
        analysis.fit(change(before, after), labels, outputs)
    assert analysis.consistency_.min() > 0.99
    found = analysis.consistency_in_value_
    assert (found["r2"] < 0.95).all()
    if slope is not None:
        assert_allclose(found["slope"], slope, rtol=1e-6)
        assert_allclose(found["offset"], offset, atol=1e-6)
    analysis.fit(after, labels, outputs.astype(np.float16))
    assert_allclose(analysis.consistency_in_value_["r2"], 1.0, atol=1e-5)


@pytest.mark.filterwarnings("ignore:no sample of the classes:UserWarning")
def test_a_head_without_its_intercept_is_told():
    A, labels, (weights, intercept), outputs = study(0)
    with pytest.warns(UserWarning, match="may lack its intercept"):
        found = IntegratedFeatureAnalysis(weights).fit(A, labels, outputs)
    assert_allclose(found.consistency_in_value_["offset"], intercept)
    assert_allclose(found.consistency_in_value_["slope"], 1.0)


@pytest.mark.filterwarnings("ignore:no sample of the classes:UserWarning")
@pytest.mark.filterwarnings("ignore:outputs. the head on these maps:UserWarning")
def test_contributions_that_are_0_everywhere_are_named():
    outputs = np.random.default_rng(0).normal(size=(40, 2))
    analysis = IntegratedFeatureAnalysis(np.eye(2, 8), n_permutations=0)
    with pytest.warns(UserWarning, match="A is 0 at every position.* class token"):
        analysis.fit(np.zeros((40, 8, 3, 3)), np.arange(40) % 2, outputs)
    assert analysis.consistency_.isna().all()
    assert (analysis.consistency_in_value_["r2"] <= 0.0).all()


def test_names_of_classes_are_plain():
    A, labels, head, outputs = study(0)
    outputs[:, 2] = outputs[::-1, 2]
    with pytest.warns(UserWarning, match=OTHER) as said:
        IntegratedFeatureAnalysis(head).fit(A, labels.astype(np.int64), outputs)
    words = str(said[0].message)
    assert " of 2;" in words and "int64" not in words and "''" not in words


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
