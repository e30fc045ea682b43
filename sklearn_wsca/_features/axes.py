"""Which axis of activations features are on: tokens, and channels that come last."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np

from sklearn_wsca._features.curve import spread
from sklearn_wsca._features.maps import FeatureMaps

MOST_LOOKED_AT = 50
MANY_TIMES = 2


def put_features_first(
    maps: FeatureMaps, fits: Callable[[int], bool], levels: int = 5
) -> FeatureMaps:
    """Feature maps (n, C, *spatial), whether features come in front or last.

    Tokens of a square of patches become maps of that square.

    Parameters
    ----------
    maps : FeatureMaps
        As they came.
    fits : callable
        Whether there may be so many features.
    levels : int, default=5
        The caller who is warned: that of fit, which scikit-learn wraps.

    Raises
    ------
    ValueError
        If there is a token beside those of the patches, or the axes would have to be
        exchanged in a file.
    """
    shape = tuple(maps.array.shape)
    if not maps.spatial or fits(shape[1]) or not fits(shape[-1]):
        return maps
    found = f"A: its last axis has the {shape[-1]} features of the head, not its second"
    if not isinstance(maps.array, np.ndarray):
        raise ValueError(
            f"{found}; store it as (n_samples, n_features, *spatial), or load it as a "
            "numpy array."
        )
    moved = np.moveaxis(maps.array, -1, 1)
    if len(shape) == 3:
        moved = moved.reshape(*moved.shape[:2], *_shape_of_patches(shape[1]))
    positions = " x ".join(map(str, moved.shape[2:]))
    warnings.warn(
        f"{found}: taken as {shape[-1]} features at {positions} positions. Pass "
        "(n_samples, n_features, *spatial) if it is meant otherwise.",
        UserWarning,
        stacklevel=levels,
    )
    return FeatureMaps(moved)


def warn_of_features_last(maps: FeatureMaps) -> None:
    """Say how axes are taken where no head tells, and features may be on the last one.

    Tokens usually have more features than there are tokens, and channels that come last
    are far more than positions along an axis.
    """
    *others, last = maps.array.shape[1:]
    if last <= (max(others) if len(others) == 1 else MANY_TIMES * max(others)):
        return
    positions = " x ".join(map(str, maps.spatial))
    turn = "A.transpose(0, 2, 1)" if len(others) == 1 else "np.moveaxis(A, -1, 1)"
    warnings.warn(
        f"A: taken as {maps.n_features} features at {positions} positions; there is no "
        f"head that tells. For tokens, or channels that come last, pass {turn}.",
        UserWarning,
        stacklevel=5,  # The caller of fit, which scikit-learn wraps.
    )


def warn_of_single_position(maps: FeatureMaps) -> None:
    """Say that a row of positions is 0 but for one, as with a class token.

    Only a row has a place for such a token.
    """
    if len(maps.spatial) != 1 or maps.n_positions < 3:
        return
    some = spread(len(maps), MOST_LOOKED_AT)
    active = np.any([one.any(axis=0) for one in maps.take(some)], axis=0)
    if np.count_nonzero(active) == 1:
        warnings.warn(
            f"A: of {maps.n_positions} positions only number {active.argmax()} "
            "(counted from 0) is not 0, as in contributions of tokens whose head reads "
            "a class token alone. Maps then tell nothing of places: take a layer in "
            "front of the last attention, without that token.",
            UserWarning,
            stacklevel=4,  # The caller of fit, which scikit-learn wraps.
        )


def _shape_of_patches(n_tokens: int) -> tuple[int, ...]:
    """Square of so many patches, or a row of them."""
    side = math.isqrt(n_tokens)
    if side**2 == n_tokens:
        return side, side
    side = math.isqrt(n_tokens - 1)
    if side > 1 and side**2 == n_tokens - 1:
        raise ValueError(
            f"A: {n_tokens} tokens are {side} x {side} patches and a class token. For "
            "a head behind the mean of the patches pass A[:, 1:]. A head that reads "
            "the class token tells nothing of positions: pass A[:, 0], or maps by "
            "sklearn_wsca.torch.extract_contributions. Positions of a signal: pass "
            "A.transpose(0, 2, 1)."
        )
    return (n_tokens,)
