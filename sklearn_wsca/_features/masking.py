"""How well classes are still told when what maps mark is removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from sklearn_wsca._features.map_evaluation import (
    check_count,
    predict_all,
    refuse_outside,
)
from sklearn_wsca._features.masked_images import Samples, check_baseline
from sklearn_wsca._text import list_first

SHARES = (0.05, 0.1, 0.2, 0.5)
MEASURES = ("accuracy", "balanced_accuracy")


def accuracy_after_masking(
    maps: Any,
    images: Any,
    labels: Any,
    predict: Callable[[np.ndarray], Any],
    classes: Sequence | None = None,
    *,
    shares: Sequence[float] = SHARES,
    baseline: str | float = "mean",
    channels: str | None = None,
    batch_size: int = 64,
    n_random: int = 5,
    random_state: Any = None,
) -> pd.DataFrame:
    r"""Measure the accuracy when the positions that maps mark most are removed.

    Beside it is that of a control: as many positions by the same maps with their values
    at random places. Maps point at what the decision is made from if the accuracy falls
    faster than that of the control.

    Parameters
    ----------
    maps, images : array-like
        As in `evaluate_activation_maps`. For the decision by contributions alone,
        `images` are the feature maps themselves, with ``channels="first"`` and
        ``baseline=0.0``.
    labels : array-like of shape (n_samples,)
        Class of each sample: its column of the scores, or its name in `classes`.
    predict : callable
        Returns scores of shape (n_rows, n_classes) for an array of images, of which the
        largest is decided for: the network, or a head behind the mean over positions.
    classes : sequence of length n_classes, default=None
        Names of the columns of the scores; None where labels are their numbers.
    shares : sequence of float, default=(0.05, 0.1, 0.2, 0.5)
        Shares of the positions that are removed, above 0 and at most 1.
    baseline, channels, batch_size
        As in `evaluate_activation_maps`. A mean tells of what it stands for: take
        another baseline where positions are few.
    n_random : int, default=5
        How often the control is drawn for each sample.
    random_state : int, RandomState or None, default=None
        Seed of the control.

    Returns
    -------
    DataFrame
        One row per share, the first one 0: accuracy and balanced_accuracy (mean over
        the classes that samples have) without the positions marked most, and, with the
        suffix _random, of the control, mean over its draws.

    Raises
    ------
    ValueError
        If shapes do not fit, the channels are ambiguous, values are not finite, a label
        is none of the classes, or a share is none.

    See Also
    --------
    evaluate_activation_maps : The same for scores, sample by sample.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_wsca import IntegratedFeatureAnalysis, accuracy_after_masking
    >>> rng = np.random.default_rng(0)
    >>> labels = np.arange(60) % 2
    >>> A = rng.random((60, 8, 5, 5))
    >>> A[labels == 1, 1, :2] += 1.0  # what tells the classes is at the top
    >>> head = np.eye(2, 8), [0.0, -0.2]
    >>> analysis = IntegratedFeatureAnalysis(head, random_state=0).fit(A, labels)
    >>> def predict(A):
    ...     return analysis.head_.outputs(A.mean(axis=(2, 3)))
    >>> table = accuracy_after_masking(
    ...     analysis.activation_maps(A, 1), A, labels, predict, channels="first",
    ...     baseline=0.0, random_state=0,
    ... )
    >>> bool(table.loc[0.5, "accuracy"] < table.loc[0.5, "accuracy_random"] - 0.2)
    True
    """
    samples = Samples.of(maps, images, channels)
    background = check_baseline(baseline)
    check_count(n_random, 1, "n_random")
    check_count(batch_size, 1, "batch_size")
    counts = _count_positions(shares, samples.n_positions)
    codes = _read_codes(labels, classes, len(samples))
    # Before all of them, of which there may be many.
    (first,) = predict_all(predict, [samples.image(0)], 1)
    _check_columns(first.shape[1], codes, classes)
    random = check_random_state(random_state)
    variants = (
        variant
        for row in range(len(samples))
        for variant in _mask(samples, row, background, counts, n_random, random)
    )
    scores = predict_all(predict, variants, batch_size)
    decided = np.concatenate([batch.argmax(axis=1) for batch in scores])
    decided = decided.reshape(len(samples), -1)
    whole, by_map, by_chance = np.split(decided, [1, 1 + len(counts)], axis=1)
    by_chance = by_chance.reshape(len(samples), n_random, len(counts))
    unmasked = _measure(whole[:, 0], codes)
    rows = [unmasked | _add_random([unmasked])]
    for i in range(len(counts)):
        controls = [_measure(by_chance[:, j, i], codes) for j in range(n_random)]
        rows.append(_measure(by_map[:, i], codes) | _add_random(controls))
    return pd.DataFrame(rows, pd.Index([0.0, *shares], name="share"))


def _mask(
    samples: Samples,
    row: int,
    baseline: str | float,
    counts: list[int],
    n_random: int,
    random: Any,
) -> Iterator[np.ndarray]:
    """The image, and without the positions of its map, and of maps at random."""
    image, values = samples.image(row), samples.maps[row].astype(np.float64)
    background = samples.background(image, baseline)
    yield image
    drawn = [random.permutation(values.ravel()) for _ in range(n_random)]
    for one in (values, *(other.reshape(values.shape) for other in drawn)):
        enlarged = samples.enlarge(one)
        order = np.argsort(-enlarged.ravel(), kind="stable")
        rank = np.empty(enlarged.shape, dtype=int)
        rank.flat[order] = np.arange(len(order))
        for count in counts:
            yield samples.mix(image, background, rank >= count)


def _measure(decided: np.ndarray, codes: np.ndarray) -> dict[str, float]:
    """Accuracy, and its mean over the classes that occur."""
    correct = decided == codes
    _, own = np.unique(codes, return_inverse=True)
    by_class = np.bincount(own, weights=correct) / np.bincount(own)
    return dict(
        zip(MEASURES, (float(correct.mean()), float(by_class.mean())), strict=True)
    )


def _add_random(controls: list[dict[str, float]]) -> dict[str, float]:
    """Mean over the draws of the control."""
    return {
        f"{name}_random": float(np.mean([one[name] for one in controls]))
        for name in MEASURES
    }


def _count_positions(shares: Sequence[float], n_positions: int) -> list[int]:
    """Positions that are removed, at least one."""
    wrong = [share for share in shares if not 0 < share <= 1]
    if wrong or not len(shares):
        raise ValueError(
            f"shares: {list_first(wrong) or 'none'}; pass numbers above 0 and at most "
            "1, such as (0.1, 0.5)."
        )
    return [max(1, round(share * n_positions)) for share in shares]


def _read_codes(labels: Any, classes: Any, n_samples: int) -> np.ndarray:
    """Column of the scores that is the class of each sample."""
    labels = np.asarray(labels)
    if labels.shape != (n_samples,):
        raise ValueError(
            f"labels: they have the shape {labels.shape}; pass one for each of the "
            f"{n_samples} images."
        )
    if classes is None:
        if labels.dtype.kind not in "iu":
            raise ValueError(
                f"labels: they are of the type {labels.dtype}; name the columns of the "
                "scores in classes, or pass their numbers."
            )
        return labels
    names = list(classes)
    unknown = [label for label in labels.tolist() if label not in names]
    if unknown:
        raise ValueError(
            f"labels: {list_first(sorted(set(unknown), key=str))} are none of the "
            f"classes {list_first(names)}."
        )
    return np.array([names.index(label) for label in labels.tolist()])


def _check_columns(n_columns: int, codes: np.ndarray, classes: Any) -> None:
    if n_columns == 1 or (classes is not None and len(classes) != n_columns):
        raise ValueError(
            f"predict: it returned {n_columns} scores per image"
            f"{'' if classes is None else f' for {len(classes)} classes'}; return one "
            "for each class, of two classes too."
        )
    refuse_outside(codes, n_columns, "labels: {}")
