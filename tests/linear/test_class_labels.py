"""Directions of class scores, alone and beside columns of more classes."""

import numpy as np
import pytest

from sklearn_wsca._linear.class_labels import (
    Labels,
    class_directions,
    column_bases,
    mean_curvature,
)


@pytest.mark.parametrize(
    "frequencies", [[0.3, 0.7], [0.5, 0.1, 0.4], [0.02, 0.08, 0.9]]
)
def test_penalty_and_curvature_are_diagonal(frequencies):
    free = np.array(frequencies[1:])
    penalty = np.eye(len(free)) - (1.0 / 3.0 if len(free) > 1 else 0.0)
    directions, curvature = class_directions(np.array(frequencies))
    np.testing.assert_allclose(
        directions.T @ penalty @ directions, np.eye(len(free)), atol=1e-12
    )
    hessian = np.diag(free) - np.outer(free, free)
    np.testing.assert_allclose(
        directions.T @ hessian @ directions, np.diag(curvature), atol=1e-12
    )
    assert curvature.max() > 0.01


@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_mean_curvature_is_that_of_the_basis(n_classes):
    frequencies = np.random.default_rng(0).dirichlet(np.ones(n_classes))
    directions, curvature = class_directions(frequencies)
    assert mean_curvature(frequencies) == pytest.approx(curvature.mean())
    if n_classes > 2:
        penalty = np.eye(n_classes - 1) - 1.0 / n_classes
        inverse = directions.T @ penalty
        np.testing.assert_allclose(
            inverse @ directions, np.eye(n_classes - 1), atol=1e-12
        )


def test_columns_of_fewer_classes_have_room_that_is_left_alone():
    rng = np.random.default_rng(0)
    few, many = np.arange(60) % 5 // 3, np.arange(60) % 7 // 2
    codes = np.stack([rng.permutation(own) for own in (few, few, many)])
    bases = column_bases([codes[:2], codes[2:]], (2, 4))
    labels = Labels(codes, (2, 4), np.array([0, 0, 1]), bases)
    directions, curvatures = labels.directions()
    alone = [Labels.of(codes[[i]], n).directions() for i, n in ((0, 2), (2, 4))]
    np.testing.assert_array_equal(directions[1], alone[1][0][0])
    np.testing.assert_array_equal(directions[0, :1, :1], alone[0][0][0])
    np.testing.assert_array_equal(directions[0, 1:], np.eye(3)[1:])
    np.testing.assert_array_equal(curvatures[0], [alone[0][1][0, 0], 1.0, 1.0])
    expected = [[True, True, True], [False, False, True], [False, False, True]]
    np.testing.assert_array_equal(labels.present(), np.transpose(expected))
    assert labels.take(np.array([2])).present() is None
    assert labels.take(np.array([0])).directions()[0][0].shape == (3, 3)
