"""Activation maps, images and titles that a plot is given."""

from __future__ import annotations

from typing import Any

import numpy as np

ROUNDING = 1e-6


def check_maps(maps: Any) -> np.ndarray:
    """Maps between 0 and 1, or an error that says what they are instead."""
    maps = np.asarray(maps, dtype=np.float64)
    if not 2 <= maps.ndim <= 4 or not maps.size:
        raise ValueError(
            f"maps: they have the shape {maps.shape}; pass (n_samples, L), "
            "(n_samples, H, W) or (n_samples, D, H, W), not empty."
        )
    low, high = maps.min(), maps.max()
    if not (low >= -ROUNDING and high <= 1 + ROUNDING):
        raise ValueError(
            f"maps: their values reach from {low:.3g} to {high:.3g}, and the common "
            "scale from 0 to 1; pass what activation_maps of a fitted estimator "
            "returns."
        )
    return np.clip(maps, 0.0, 1.0)


def check_image_shape(shape: tuple, n_spatial: int) -> None:
    colour = n_spatial == 2 and len(shape) == 4 and shape[-1] in (3, 4)
    if len(shape) == 1 + n_spatial or colour:
        return
    turned = n_spatial == 2 and len(shape) == 4 and shape[1] in (1, 3, 4)
    hint = " Its channels come first: pass images[:, 0] or np.moveaxis(images, 1, -1)."
    raise ValueError(
        f"images: they have the shape {shape}, which is not (n_samples, *spatial) with "
        f"{n_spatial} spatial dimensions like the maps"
        + (", nor (n_samples, H, W, 3)." if n_spatial == 2 else ".")
        + (hint if turned else "")
    )


def check_images(images: Any, maps: np.ndarray) -> np.ndarray:
    """Images of the shape of their maps, or an error that says how they differ."""
    images = np.asarray(images)
    check_image_shape(images.shape, maps.ndim - 1)
    if images.shape[: maps.ndim] != maps.shape:
        raise ValueError(
            f"images: they have the shape {images.shape} and the maps {maps.shape}; "
            "enlarge the maps by resize_to of activation_maps."
        )
    if images.dtype.kind not in "fiub" or not np.isfinite(images).all():
        raise ValueError(
            f"images: they hold NaN, infinity or no numbers ({images.dtype}); replace "
            "such values."
        )
    if images.ndim == maps.ndim:
        return images.astype(np.float64)
    floats = images.dtype.kind == "f"
    if images.min() < 0 or images.max() > (1.0 if floats else 255):
        raise ValueError(
            f"images: colours reach from {images.min():.3g} to {images.max():.3g}; "
            "pass integers from 0 to 255, or floats from 0 to 1."
        )
    return images.astype(np.float64 if floats else np.uint8)


def take(values: Any, n: int, shown: slice, name: str) -> Any:
    """First ones of what there must be one of for each sample."""
    single = isinstance(values, str) or not hasattr(values, "__len__")
    if single or len(values) != n:
        count = 1 if single else len(values)
        raise ValueError(f"{name}: there are {count} for {n} maps; pass one for each.")
    values = values if hasattr(values, "ndim") else list(values)
    return (values.iloc if hasattr(values, "iloc") else values)[shown]
