"""Activations with the features on another axis: tokens, channels that come last."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklearn_wsca import IntegratedFeatureAnalysis
from sklearn_wsca._features.axes import put_features_first
from sklearn_wsca._features.maps import FeatureMaps
from tests.reference import make_maps

LAST = pytest.mark.filterwarnings("ignore:A. its last axis has the 6 features")


def study(spatial):
    A, labels, weights, intercept = make_maps(0, n_features=6, spatial=spatial)
    return A, labels, (weights, intercept)


@LAST
@pytest.mark.parametrize("spatial", [(4, 4), (7,), (5, 4), (3, 4, 2)])
def test_features_that_come_last_are_recognised(spatial):
    """Sixteen tokens are maps of 4 x 4."""
    A, labels, head = study(spatial)
    last = np.moveaxis(A, 1, -1)
    if spatial == (4, 4):
        last = last.reshape(len(A), 16, 6)
    expected = IntegratedFeatureAnalysis(head, random_state=0).fit(A, labels)
    found = IntegratedFeatureAnalysis(head, random_state=0).fit(last, labels)
    assert_array_equal(found.importance_, expected.importance_)
    assert_array_equal(found.activation_maps(last), expected.activation_maps(A))
    assert_array_equal(found.transform(last), expected.transform(A))
    assert found.compare(last, labels).equals(expected.compare(A, labels))


def test_what_was_done_is_said():
    A, labels, head = study((4, 4))
    tokens = np.moveaxis(A, 1, -1).reshape(len(A), 16, 6)
    match = r"^A: .*6 features at 4 x 4 positions"
    with pytest.warns(UserWarning, match=match) as said:
        IntegratedFeatureAnalysis(head).fit(tokens, labels)
    assert [one.filename for one in said] == [__file__]


def test_a_class_token_is_named():
    tokens = np.zeros((8, 17, 6))
    with pytest.raises(ValueError, match=r"^A: 17 tokens are 4 x 4 .*pass A\[:, 1:\]"):
        put_features_first(FeatureMaps(tokens), (6).__eq__)


@pytest.mark.parametrize("shape", [(8, 6, 6), (8, 6, 5), (8, 5, 4), (8, 5)])
def test_others_are_left_alone(shape):
    maps = FeatureMaps(np.zeros(shape))
    assert put_features_first(maps, (6).__eq__) is maps


def test_files_are_not_turned():
    class Stored:
        shape = (8, 16, 6)

    with pytest.raises(ValueError, match=r"^A: its last axis .*; store it as"):
        put_features_first(FeatureMaps(Stored()), (6).__eq__)


@pytest.mark.parametrize("seed", range(2))
def test_a_row_of_positions_of_which_one_is_active_is_told(seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(40) % 2
    A = np.zeros((40, 8, 17))
    A[:, :, 0] = rng.random((40, 8)) + np.eye(2, 8)[labels]
    analysis = IntegratedFeatureAnalysis(np.eye(2, 8), n_permutations=0)
    with pytest.warns(UserWarning, match="17 positions only number 0 .* class token"):
        analysis.fit(A, labels)
    A[:, :, 5] = 0.1 * rng.random((40, 8))
    analysis.fit(A, labels)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((16, 24), "16 features at 24 positions.*A.transpose"),
        ((4, 4, 24), "4 features at 4 x 24 .*moveaxis"),
    ],
)
def test_without_a_head_it_is_said_how_axes_are_taken(shape, words):
    rng = np.random.default_rng(0)
    A, labels = rng.random((40, *shape)), np.arange(40) % 2
    analysis = IntegratedFeatureAnalysis(n_permutations=0)
    with pytest.warns(UserWarning, match=f"^A: taken as {words}") as said:
        analysis.fit(A, labels)
    assert said[0].filename == __file__
    # As those of a head, or with features in front, they need no words.
    analysis.fit(np.moveaxis(A, -1, 1), labels)
    IntegratedFeatureAnalysis(np.eye(2, shape[0]), n_permutations=0).fit(A, labels)
