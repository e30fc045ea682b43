"""Activation maps on one intensity scale for all samples."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from scipy import ndimage, special

from sklearn_wsca._features.maps import FeatureMaps, Survey, refuse_non_finite

Scale = Literal["linear", "tanh", "raw"]
SCALES = ("linear", "tanh", "raw")

# Where tanh maps the ends of the range: 0.982 of its height.
STEEPNESS = 2.0
# The ends of 0 ... 1 that maps compressed by tanh never reach, in single precision.
INSIDE = np.nextafter(np.float32(0.0), np.float32(1.0)), 1.0 - 2.0**-24


def common_ranges(
    survey: Survey,
    percentiles: tuple[float, float],
    over: Literal["all", "class"],
    decided: np.ndarray | None = None,
) -> np.ndarray:
    """Common range of the maps of each class: (K, 2).

    The lower end is a percentile of the smallest value of each map; the upper end a
    percentile of the largest: of the maps of all classes together, or of each. Maps of
    the class (n,) that is decided for in each sample, if given, are a second set: the
    range is as wide as that of either, for of many classes they are too few to move a
    percentile of all.
    """
    n_classes = survey.lowest.shape[1]
    own = np.zeros(survey.lowest.shape, dtype=bool)
    if decided is not None:
        own[np.arange(len(own)), decided] = True
    ranges = np.empty((n_classes, 2))
    parts = (
        [slice(None)] if over == "all" else [slice(k, k + 1) for k in range(n_classes)]
    )
    for part in parts:
        low, high = survey.lowest[:, part], survey.highest[:, part]
        ends = _widest(low, high, own[:, part], percentiles)
        # Maps that are constant up to rounding have a range without width.
        is_constant = np.ptp(ends) <= survey.rounding[part].max()
        ranges[part] = ends[:1].repeat(2) if is_constant else ends
    return ranges


def _widest(
    lowest: np.ndarray,
    highest: np.ndarray,
    own: np.ndarray,
    percentiles: tuple[float, float],
) -> np.ndarray:
    """Ends that hold all maps and, by themselves, those that a mask names: (2,)."""
    low = np.percentile(lowest, percentiles[0])
    high = np.percentile(highest, percentiles[1])
    if own.any():
        low = min(low, np.percentile(lowest[own], percentiles[0]))
        high = max(high, np.percentile(highest[own], percentiles[1]))
    return np.array([low, high])


def rescale(maps: np.ndarray, ranges: np.ndarray, scale: Scale) -> np.ndarray:
    """Bring maps (b, P) to 0 ... 1 by ranges (b, 2); one without width gives 0.5.

    "linear" is 0 at the lower and 1 at the upper end, and cut off outside. "tanh" is
    ``(1 + tanh(2 z)) / 2`` with z running from -1 to 1 over the range: values outside
    are still told apart, and lie strictly between 0 and 1. "raw" leaves maps alone.
    """
    if scale == "raw":
        return maps
    low, high = ranges[:, :1], ranges[:, 1:]
    width = high - low
    # Divided by 1 where there is no width: the maps are constant and give the middle.
    position = np.where(width > 0, (maps - low) / np.where(width > 0, width, 1.0), 0.5)
    if scale == "linear":
        return np.clip(position, 0.0, 1.0)
    # The same as (1 + tanh(z)) / 2, without cancellation near 0.
    return np.clip(special.expit(2.0 * STEEPNESS * (2.0 * position - 1.0)), *INSIDE)


def place_zero(ends: np.ndarray, scale: Scale) -> float | None:
    """Value on the scale where a map is 0; None where that is outside of the range."""
    if not ends[0] <= 0.0 <= ends[1]:
        return None
    return float(rescale(np.zeros((1, 1)), ends[None], scale)[0, 0])


def draw_maps(
    maps: FeatureMaps,
    weights: np.ndarray,
    rows: np.ndarray,
    ranges: np.ndarray,
    scale: Scale,
) -> np.ndarray:
    """Activation maps of all samples on the common scale: (n, *spatial), float32.

    `rows` (n,) are those of the weights (K, C) and ranges (K, 2) for each sample.
    """
    drawn = np.empty((len(maps), maps.n_positions), dtype=np.float32)

    def draw(at: slice, block: np.ndarray) -> None:
        # One product per sample, so that its value does not hang on the others.
        own = (weights[rows[at], None, :] @ block.astype(np.float64, copy=False))[:, 0]
        finite = np.isfinite(own).all(axis=1, keepdims=True)
        drawn[at] = np.where(finite, rescale(own, ranges[rows[at]], scale), np.nan)

    for start, piece in maps.visit(draw):
        if np.isnan(drawn[start : start + len(piece)]).any():
            refuse_non_finite(piece, start)
    return drawn.reshape(len(maps), *maps.spatial)


def check_scale(scale: Any) -> Scale:
    """Raise if there is no such scale."""
    if scale not in SCALES:
        raise ValueError(f"scale: {scale!r} is none of {', '.join(map(repr, SCALES))}.")
    return scale


def check_shape(shape: Any, n_dimensions: int) -> tuple[int, ...]:
    """Shape of images.

    Raises
    ------
    ValueError
        If it is not as many positive whole numbers as the maps have dimensions.
    """
    lengths = (shape,) if np.ndim(shape) == 0 else tuple(shape)
    whole = all(isinstance(length, (int, np.integer)) for length in lengths)
    if not whole or min(lengths) < 1 or len(lengths) != n_dimensions:
        raise ValueError(
            f"resize_to: {shape!r} is no shape of images with {n_dimensions} "
            "dimensions, as the maps have; pass that many positive whole numbers."
        )
    return lengths


def resize(drawn: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Maps at the resolution of the images, by linear interpolation: (n, *shape)."""
    factors = [new / old for new, old in zip(shape, drawn.shape[1:], strict=True)]
    resized = np.empty((len(drawn), *shape), dtype=np.float32)
    for one, target in zip(drawn, resized, strict=True):
        ndimage.zoom(
            one, factors, output=target, order=1, mode="nearest", grid_mode=True
        )
    return resized
