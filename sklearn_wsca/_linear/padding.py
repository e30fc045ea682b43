"""Folds of unequal length side by side, so that one product serves all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sklearn_wsca._backend.namespace import is_tensor


def pad_folds(
    members: Sequence[np.ndarray], like: Any
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Put folds that are worked on at once side by side.

    Parameters
    ----------
    members : sequence of ndarray of shape (n_members,), dtype int
        The members of each fold, at least one.
    like : array
        Where the work is done: on an accelerator all folds are taken at once, else one
        after the other, whose rows stay in the cache of a core.

    Returns
    -------
    list of (members, filled), arrays of shape (f, m)
        Members of f folds, the last one repeated up to the length of the longest fold,
        and which of them are not such repeats.
    """
    if not is_tensor(like):
        return [(own[None], np.ones((1, len(own)), dtype=bool)) for own in members]
    counts = np.array([len(own) for own in members])[:, None]
    place = np.arange(counts.max())
    last = np.minimum(place, counts - 1)
    padded = [own[at] for own, at in zip(members, last, strict=True)]
    return [(np.stack(padded), place < counts)]
