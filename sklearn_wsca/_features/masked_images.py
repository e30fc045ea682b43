"""Images with parts removed, as maps of other resolution tell."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from scipy import ndimage

from sklearn_wsca._features.activation_scale import resize

# More channels than this are not told from positions.
MOST_CHANNELS = 4
# Standard deviation of the blur, in lengths of an axis: 22 pixels of 224.
BLUR = 1 / 10


@dataclass(frozen=True)
class Samples:
    """Maps (n, *coarse) and images of the same samples, with or without channels.

    `spatial` is the shape of the images without channels, and `channels` their axis:
    "first", "last" or None.
    """

    maps: np.ndarray
    images: Any
    spatial: tuple[int, ...]
    channels: str | None

    @classmethod
    def of(cls, maps: Any, images: Any, channels: str | None) -> Samples:
        """Check shapes, and find the channels.

        Raises
        ------
        ValueError
            If shapes do not fit, values of maps are not finite, or the channels are
            ambiguous.
        """
        maps = np.asarray(maps)
        if not hasattr(images, "shape") or not hasattr(images, "dtype"):
            images = np.asarray(images)
        _check_arrays(maps, images)
        shape = tuple(int(length) for length in images.shape[1:])
        if channels not in (None, "first", "last"):
            raise ValueError(f"channels: {channels!r}; pass 'first', 'last' or None.")
        if len(shape) == maps.ndim - 1:
            if channels is not None:
                raise ValueError(
                    f"channels: {channels!r}, but images of the shape {shape} have as "
                    f"many dimensions as maps of the shape {maps.shape[1:]}; leave it "
                    "out."
                )
            return cls(maps, images, shape, None)
        channels = _infer_channels(shape) if channels is None else channels
        spatial = shape[1:] if channels == "first" else shape[:-1]
        return cls(maps, images, spatial, channels)

    def __len__(self) -> int:
        return len(self.maps)

    @property
    def n_positions(self) -> int:
        """Number of positions of an image."""
        return int(np.prod(self.spatial, dtype=int))

    def image(self, row: int) -> np.ndarray:
        """One image, in single precision unless it is in double; a copy.

        Raises
        ------
        ValueError
            If a value is not finite.
        """
        image = np.array(self.images[row])
        if image.dtype != np.float64:
            image = image.astype(np.float32)
        if not np.isfinite(image).all():
            raise ValueError(
                f"images: number {row} (counted from 0) contains NaN or infinity; "
                "leave it out, with its map."
            )
        return image

    def background(self, image: np.ndarray, baseline: str | float) -> np.ndarray:
        """What stands at removed positions of an image."""
        if not isinstance(baseline, str):
            return np.full_like(image, baseline)
        if baseline == "mean":
            mean = image.mean(axis=self._axes, keepdims=True, dtype=np.float64)
            return np.broadcast_to(mean, image.shape).astype(image.dtype)
        widths = np.zeros(image.ndim)
        widths[list(self._axes)] = BLUR * np.array(self.spatial)
        return ndimage.gaussian_filter(image, widths, mode="nearest")

    def enlarge(self, values: np.ndarray) -> np.ndarray:
        """Map of one sample at the resolution of the images."""
        if values.shape == self.spatial:
            return values
        return resize(values[None], self.spatial)[0]

    def mix(
        self, image: np.ndarray, background: np.ndarray, share: np.ndarray
    ) -> np.ndarray:
        """Image where the share is 1, background where it is 0."""
        if self.channels is not None:
            share = np.expand_dims(share, 0 if self.channels == "first" else -1)
        share = share.astype(image.dtype)
        return share * image + (1 - share) * background

    @property
    def _axes(self) -> tuple[int, ...]:
        start = int(self.channels == "first")
        return tuple(range(start, start + len(self.spatial)))


def check_baseline(baseline: Any) -> str | float:
    """Return what stands at removed positions: "mean", "blur" or a number.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if isinstance(baseline, str) and baseline in ("mean", "blur"):
        return baseline
    is_number = isinstance(baseline, Real) and not isinstance(baseline, bool)
    if is_number and np.isfinite(baseline):
        return float(baseline)
    raise ValueError(f"baseline: {baseline!r}; pass 'mean', 'blur' or a number.")


def _check_arrays(maps: np.ndarray, images: Any) -> None:
    if maps.dtype.kind not in "fiub" or not 2 <= maps.ndim <= 4 or 0 in maps.shape:
        raise ValueError(
            f"maps: found the shape {maps.shape} and the type {maps.dtype}; pass "
            "numbers (n_samples, *spatial) with one to three spatial dimensions."
        )
    if not np.isfinite(maps).all():
        bad = ~np.isfinite(maps).reshape(len(maps), -1).all(axis=1)
        raise ValueError(
            f"maps: {np.count_nonzero(bad)} of {len(maps)} contain NaN or infinity, "
            f"such as number {np.flatnonzero(bad)[0]} (counted from 0)."
        )
    if np.dtype(str(images.dtype)).kind not in "fiub" or 0 in images.shape:
        raise ValueError(
            f"images: found the shape {tuple(images.shape)} and the type "
            f"{images.dtype}; pass numbers, none of the axes empty."
        )
    if len(images.shape) - maps.ndim not in (0, 1) or len(images) != len(maps):
        raise ValueError(
            f"images: found the shape {tuple(images.shape)} for maps of the shape "
            f"{maps.shape}; pass one image for each map, with the dimensions of the "
            "map and at most one for channels."
        )


def _infer_channels(shape: tuple[int, ...]) -> str:
    few = {"first": shape[0] <= MOST_CHANNELS, "last": shape[-1] <= MOST_CHANNELS}
    found = [name for name, is_short in few.items() if is_short]
    if len(found) == 1:
        return found[0]
    raise ValueError(
        f"channels: images of the shape {shape} may have their channels first or last; "
        "pass channels='first' or channels='last'."
    )
