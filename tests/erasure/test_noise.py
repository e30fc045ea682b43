"""Columns of noise have the subspaces that columns of noise have."""

import numpy as np

from sklearn_wsca._erasure.erasure import Held
from sklearn_wsca._erasure.noise import Fold, Noise
from sklearn_wsca._input.column import Column
from tests.erasure.checks import K, N, coordinates, make_folds
from tests.erasure.test_erasure import (
    left_of_column,
    make_column,
    make_embeddings,
    make_weights,
)
from tests.erasure.test_erasure import weighted_covariance as covariance


def test_subspaces_of_noise_are_those_of_columns_of_noise():
    T, weights = coordinates(make_embeddings(0)), make_weights(0) + 0.1
    column, held = make_column(1, missing=8), [make_column(3), make_column(4)]
    spread = np.linspace(0.5, 2.0, K)
    folds = []
    for label in range(4):
        training = np.where(make_folds(0) == label, 0.0, weights)
        own = Held.of(column, training, held)
        rows = np.flatnonzero(make_folds(0) == label)
        fixed = own.factors.written_out().T @ T
        folds.append(Fold(rows, own.factors, np.zeros(K), fixed, np.zeros((K, 0))))
    shares = Held.of(column, weights, held).weights
    noise = Noise(T, shares, folds, [2, 1, 2, 2], spread, None)
    found = noise.frames(np.random.default_rng(0), 3)
    drawn = np.random.default_rng(0).standard_normal((3, 2, N), dtype=np.float32)
    for fold, frames, rank in zip(folds, found, noise.ranks, strict=True):
        assert frames.shape == (3, K, 2)
        assert not frames[..., rank:].any()
        training = np.where(np.isin(np.arange(N), fold.rows), 0.0, weights)
        for frame, numbers in zip(frames[..., :rank], drawn, strict=True):
            np.testing.assert_allclose(frame.T @ frame, np.eye(rank), atol=1e-6)
            crosses = []
            for own in numbers[:rank]:
                labels = own[column.rows].astype(float)
                as_column = Column("noise", "continuous", column.rows, labels)
                rows, left = left_of_column(as_column, held, training)
                crosses.append(covariance(T[rows], left, training[rows])[:, 0])
            whitened = np.transpose(crosses) / spread[:, None]
            whitened /= np.linalg.norm(whitened, axis=0)
            again = frame @ (frame.T @ whitened)
            np.testing.assert_allclose(again, whitened, atol=1e-5)
