"""Activation maps on one intensity scale for all samples of a class."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import ndimage

from sklearn_wsca._feature_maps import FeatureMaps, Survey

Scale = Literal["linear", "tanh"]

# Where tanh maps the ends of the range: 0.982 of its height.
STEEPNESS = 2.0


def common_ranges(survey: Survey, percentiles: tuple[float, float]) -> np.ndarray:
    """Common range of the maps of every class.

    The lower end is a percentile, over all samples, of the smallest value of each map;
    the upper end a percentile of the largest.

    Parameters
    ----------
    survey : Survey
        Extremes of the maps.
    percentiles : tuple of two floats
        Lower and upper one.

    Returns
    -------
    ndarray of shape (K, 2)
        Lower and upper ends.
    """
    low = np.percentile(survey.lowest, percentiles[0], axis=0)
    high = np.percentile(survey.highest, percentiles[1], axis=0)
    return np.stack([low, np.maximum(low, high)], axis=1)


def rescale(maps: np.ndarray, ranges: np.ndarray, scale: Scale) -> np.ndarray:
    """Bring maps to 0 ... 1.

    Parameters
    ----------
    maps : ndarray of shape (b, P)
        Activation maps.
    ranges : ndarray of shape (b, 2)
        Common range of the class of each map. A range without width gives 0.5.
    scale : {"linear", "tanh"}
        "linear" is 0 at the lower and 1 at the upper end, and cut off outside. "tanh"
        is ``(1 + tanh(2 z)) / 2`` with z running from -1 to 1 over the range: nothing
        is cut off.
    """
    low, high = ranges[:, :1], ranges[:, 1:]
    width = high - low
    # Divided by 1 where there is no width: the maps are constant and give the middle.
    position = np.where(width > 0, (maps - low) / np.where(width > 0, width, 1.0), 0.5)
    if scale == "linear":
        return np.clip(position, 0.0, 1.0)
    return (1.0 + np.tanh(STEEPNESS * (2.0 * position - 1.0))) / 2.0


def draw_maps(
    maps: FeatureMaps,
    weights: np.ndarray,
    rows: np.ndarray,
    ranges: np.ndarray,
    scale: Scale,
) -> np.ndarray:
    """Activation maps of all samples on the common scale: (n, *spatial), float32.

    Parameters
    ----------
    maps : FeatureMaps
        Activations.
    weights : ndarray of shape (K, C)
        Weights of the classes, 0 for features that are left out.
    rows : ndarray of shape (n,), dtype int
        Class of each sample.
    ranges : ndarray of shape (K, 2)
        Common ranges.
    scale : {"linear", "tanh"}
        See `rescale`.
    """
    drawn = np.empty((len(maps), maps.n_positions), dtype=np.float32)
    for at, block in maps.blocks():
        # One product per sample, so that its value does not hang on the others.
        own = weights[rows[at], None, :] @ block.astype(np.float64, copy=False)
        drawn[at] = rescale(own[:, 0], ranges[rows[at]], scale)
    return drawn.reshape(len(maps), *maps.spatial)


def resize(drawn: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Maps at the resolution of the images, by linear interpolation: (n, *shape)."""
    factors = [new / old for new, old in zip(shape, drawn.shape[1:], strict=True)]
    resized = np.empty((len(drawn), *shape), dtype=np.float32)
    for one, target in zip(drawn, resized, strict=True):
        ndimage.zoom(
            one, factors, output=target, order=1, mode="nearest", grid_mode=True
        )
    return resized
