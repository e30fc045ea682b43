"""What a scanner does to an image, in an amount from 0 (nothing) to 1 (obvious)."""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

WIDEST_BLUR = 1.6
STRONGEST_GAMMA = 1.2
TAG_SIZE = 3
BRIGHTEST_STRIPE = 0.6
STRIPE_DISTANCE = 4
LARGEST_NOISE = 0.3


def render_levels(
    pixels: np.ndarray, artefact: str, strength: float, n_levels: int
) -> np.ndarray:
    """Every image under every level; the first level leaves it as it is."""
    amounts = np.linspace(0.0, strength, n_levels)
    return np.stack([ARTEFACTS[artefact](pixels, amount) for amount in amounts])


def _blur(pixels: np.ndarray, amount: float) -> np.ndarray:
    width = WIDEST_BLUR * amount
    return gaussian_filter(pixels, (0.0, width, width))


def _gamma(pixels: np.ndarray, amount: float) -> np.ndarray:
    return pixels ** (1.0 + STRONGEST_GAMMA * amount)


def _tag(pixels: np.ndarray, amount: float) -> np.ndarray:
    tagged = pixels.copy()
    corner = tagged[:, :TAG_SIZE, :TAG_SIZE]
    corner += amount * (1.0 - corner)
    return tagged


def _stripes(pixels: np.ndarray, amount: float) -> np.ndarray:
    striped = pixels.copy()
    rows = striped[:, ::STRIPE_DISTANCE]
    rows += BRIGHTEST_STRIPE * amount * (1.0 - rows)
    return striped


def _noise(pixels: np.ndarray, amount: float) -> np.ndarray:
    # The same grains under every level, more visible under the later ones.
    grains = np.random.default_rng(0).standard_normal(pixels.shape)
    return np.clip(pixels + LARGEST_NOISE * amount * grains, 0.0, 1.0)


ARTEFACTS: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "blur": _blur,
    "gamma": _gamma,
    "tag": _tag,
    "stripes": _stripes,
    "noise": _noise,
}
