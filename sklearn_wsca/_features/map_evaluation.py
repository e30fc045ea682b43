"""Whether activation maps point at what a model decides by."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
from scipy import integrate
from sklearn.utils import check_random_state

from sklearn_wsca._features.activation_scale import rescale
from sklearn_wsca._features.masked_images import Samples, check_baseline


def evaluate_activation_maps(
    maps: Any,
    images: Any,
    predict: Callable[[np.ndarray], Any],
    classes: Any = None,
    *,
    n_steps: int = 20,
    baseline: str | float = "mean",
    channels: str | None = None,
    batch_size: int = 64,
    random_state: Any = None,
) -> pd.DataFrame:
    r"""Measure whether the positions that maps highlight carry the prediction.

    Positions are removed from, and added to, each image by falling value of its map,
    and the images are weighted by their maps. Beside each measure is that of a control:
    the same map with its values at random positions.

    Parameters
    ----------
    maps : array-like of shape (n_samples, \*spatial)
        Activation maps with one to three dimensions, such as those of
        ``IntegratedFeatureAnalysis.activation_maps``. Coarser maps are enlarged to the
        images by linear interpolation. Only order and ratios of differences within a
        map count.
    images : array-like of shape (n_samples[, n_channels], \*spatial[, n_channels])
        What `predict` takes. Memory maps and other arrays that can be indexed by row
        are read one by one.
    predict : callable
        Returns scores of shape (n_rows, n_classes) or (n_rows,) for an array of images;
        better probabilities, for which all measures are defined. Images come as
        float64 if they are, otherwise as float32.
    classes : int or array-like of int of shape (n_samples,), default=None
        Columns of the scores: the class of the maps, one for all or one for each. None:
        the class that is predicted, or the only number.
    n_steps : int, default=20
        In how many steps positions are removed and added; at least 2.
    baseline : {"mean", "blur"} or float, default="mean"
        What stands at removed positions: the mean of the image (of each channel), the
        image blurred by a Gaussian with a standard deviation of 1/10 of each axis, or a
        number.
    channels : {"first", "last"}, default=None
        Axis of the channels, where images have one dimension more than maps. None takes
        the one with at most 4 entries and refuses to choose between two.
    batch_size : int, default=64
        Most images that `predict` gets at once.
    random_state : int, RandomState or None, default=None
        Seed of the control.

    Returns
    -------
    DataFrame
        One row per image; the columns but the first two are there again for the
        control, with the suffix _random.

        - class: column of the scores;
        - score: that of the image;
        - deletion: area under the score while positions are removed, lower is better;
        - insertion: area under the score while positions are added to the baseline,
          higher is better;
        - average_drop: lost share of the score, lower is better; the published measure
          is its mean over images; NaN, with a warning, for scores that are not
          positive;
        - increase: whether the score rises; the mean over images is a share, higher is
          better.

    Raises
    ------
    ValueError
        If shapes do not fit, the channels are ambiguous, values are not finite, or a
        class is no column of the scores.

    Notes
    -----
    With the score :math:`s(x)` of the class, the image x, the baseline b, and
    :math:`T_f` the share f of the positions with the largest values of the map (ties by
    position),

    .. math::

       \text{deletion} = \int_0^1 s(b_{T_f} + x_{\bar T_f}) \, df, \qquad
       \text{insertion} = \int_0^1 s(x_{T_f} + b_{\bar T_f}) \, df

    by the trapezoidal rule: mean scores along the way [1]_. With the map m brought to 0
    ... 1 by its own smallest and largest value (a constant map: 0.5) and the weighted
    image :math:`x_m = m x + (1 - m) b`,

    .. math::

       \text{drop} = \max\left(0, \frac{s(x) - s(x_m)}{s(x)}\right), \qquad
       \text{increase} = [s(x_m) > s(x)],

    where [2]_ has the baseline 0. The control permutes the values of a map before it is
    enlarged, so that it is as coarse as the map. Images with parts removed are not like
    those of the training: compare with the control, not with a number.

    References
    ----------
    .. [1] V. Petsiuk, A. Das, K. Saenko, "RISE: Randomized input sampling for
       explanation of black-box models", BMVC, 2018.
    .. [2] A. Chattopadhay, A. Sarkar, P. Howlader, V. N. Balasubramanian, "Grad-CAM++:
       Generalized gradient-based visual explanations for deep convolutional networks",
       WACV, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_wsca import evaluate_activation_maps
    >>> rng = np.random.default_rng(0)
    >>> images = rng.random((5, 8, 8))
    >>> images[:, :2, :2] += 3.0
    >>> def predict(images):  # looks at one corner
    ...     return images[:, :2, :2].mean(axis=(1, 2)) / 4
    >>> table = evaluate_activation_maps(images, images, predict, random_state=0)
    >>> bool((table["deletion"] < table["deletion_random"]).all())
    True
    """
    samples = Samples.of(maps, images, channels)
    background = check_baseline(baseline)
    check_count(n_steps, 2, "n_steps")
    check_count(batch_size, 1, "batch_size")
    random = check_random_state(random_state)
    plain = predict_all(predict, map(samples.image, range(len(samples))), batch_size)
    first = np.concatenate(list(plain))
    columns = _choose_columns(classes, first)
    own = first[np.arange(len(samples)), columns]
    # Positions that are changed in each step, from none to all.
    steps = np.linspace(0, samples.n_positions, n_steps + 1)
    counts = np.unique(steps.round().astype(int))
    variants = (
        variant
        for row in range(len(samples))
        for variant in _vary(samples, row, background, counts, random)
    )
    # The baseline; for map and control: insertion, deletion and a weighted image.
    n_variants = 1 + 2 * (2 * len(counts[1:-1]) + 1)
    tables = predict_all(predict, variants, batch_size)
    found = _pick(tables, columns, n_variants).reshape(len(samples), n_variants)
    _warn_of_drops(own)
    measured = _measure(own, found, counts)
    return pd.DataFrame({"class": columns, "score": own, **measured})


def read_columns(wanted: Any, n_columns: int, argument: str) -> np.ndarray:
    """Numbers of columns of a table of scores: one for all rows, or one for each.

    Raises
    ------
    ValueError
        If they are no integers, or the table has no such columns.
    """
    columns = np.asarray(wanted)
    if columns.dtype.kind not in "iu" or columns.ndim > 1:
        raise ValueError(
            f"{argument}: found an array of shape {columns.shape} and type "
            f"{columns.dtype}; pass the number of a column of the scores, or one for "
            "each sample."
        )
    if n_columns == 1:
        raise ValueError(
            f"{argument}: there is one score per sample, so that there is nothing to "
            "choose; leave it out. Of two classes, it is the score of the second."
        )
    refuse_outside(columns, n_columns, f"{argument}: {{}} numbers")
    return columns


def refuse_outside(columns: np.ndarray, n_columns: int, start: str) -> None:
    """Raise for numbers that are no columns, of which `start` says how many."""
    outside = columns[(columns < 0) | (columns >= n_columns)]
    if outside.size:
        raise ValueError(
            f"{start.format(outside.size)}, such as {outside.flat[0]}, are not among "
            f"the columns 0 ... {n_columns - 1} of the scores."
        )


def _vary(
    samples: Samples, row: int, baseline: str | float, counts: np.ndarray, random: Any
) -> Iterator[np.ndarray]:
    """Images with parts removed, in the order that `_measure` expects."""
    image, values = samples.image(row), samples.maps[row].astype(np.float64)
    background = samples.background(image, baseline)
    yield background
    permuted = random.permutation(values.ravel()).reshape(values.shape)
    for one in (values, permuted):
        for share in _shares(samples.enlarge(one), counts):
            yield samples.mix(image, background, share)


def _shares(values: np.ndarray, counts: np.ndarray) -> Iterator[np.ndarray]:
    """Share of the image at each position: insertion, deletion, weighting."""
    order = np.argsort(-values.ravel(), kind="stable")
    rank = np.empty(values.shape, dtype=int)
    rank.flat[order] = np.arange(len(order))
    inner = counts[1:-1]
    yield from (rank < count for count in inner)
    yield from (rank >= count for count in inner)
    ends = np.array([[values.min(), values.max()]])
    yield rescale(values.reshape(1, -1), ends, "linear").reshape(values.shape)


def _measure(
    own: np.ndarray, found: np.ndarray, counts: np.ndarray
) -> dict[str, np.ndarray]:
    """Columns of the table from scores of images (n,) and their variants (n, ...)."""
    empty, both = found[:, :1], np.split(found[:, 1:], 2, axis=1)
    tables = [_measure_map(own, empty, part, counts) for part in both]
    return {
        name + suffix: table[name]
        for name in tables[0]
        for table, suffix in zip(tables, ("", "_random"), strict=True)
    }


def _measure_map(own, empty, found, counts) -> dict[str, np.ndarray]:
    inserted, deleted, weighted = np.split(
        found, [len(counts) - 2, found.shape[1] - 1], axis=1
    )
    share, whole = counts / counts[-1], own[:, None]
    weighted = weighted[:, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        drop = np.maximum(0.0, (own - weighted) / own)
    return {
        "deletion": _area(share, whole, deleted, empty),
        "insertion": _area(share, empty, inserted, whole),
        "average_drop": np.where(own > 0, drop, np.nan),
        "increase": weighted > own,
    }


def _area(share: np.ndarray, *scores: np.ndarray) -> np.ndarray:
    return integrate.trapezoid(np.hstack(scores), share)


def check_count(value: Any, least: int, argument: str) -> None:
    is_count = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not is_count or value < least:
        raise ValueError(
            f"{argument}: {value!r}; pass an integer that is at least {least}."
        )


def predict_all(
    predict: Callable, images: Iterable[np.ndarray], batch_size: int
) -> Iterator[np.ndarray]:
    """Scores (b, K) of images, batch by batch."""
    images, n_columns = iter(images), None
    while batch := list(islice(images, batch_size)):
        scores = np.asarray(predict(np.stack(batch)))
        table = scores[:, None] if scores.ndim == 1 else scores
        n_columns = table.shape[-1] if n_columns is None and table.ndim else n_columns
        fits = n_columns and table.shape == (len(batch), n_columns)
        if not fits or table.dtype.kind not in "fiub":
            raise ValueError(
                f"predict: it returned an array of shape {scores.shape} and type "
                f"{scores.dtype} for {len(batch)} images; it must return numbers "
                "(n_rows, n_classes), always of the same classes, or (n_rows,)."
            )
        if not np.isfinite(table).all():
            raise ValueError(
                "predict: it returned NaN or infinity; try another baseline, if it "
                "does so only for images with parts removed."
            )
        yield table.astype(np.float64)


def _choose_columns(classes: Any, scores: np.ndarray) -> np.ndarray:
    """Column of the scores of each sample."""
    if classes is None:
        return scores.argmax(axis=1)
    columns = read_columns(classes, scores.shape[1], "classes")
    if columns.ndim and len(columns) != len(scores):
        raise ValueError(
            f"classes: {len(columns)} for {len(scores)} images; pass one for each, or "
            "one for all."
        )
    return np.broadcast_to(columns, len(scores)).astype(int)


def _pick(
    tables: Iterable[np.ndarray], columns: np.ndarray, n_variants: int
) -> np.ndarray:
    """Scores of the class of the sample that each variant belongs to."""
    picked = np.empty(len(columns) * n_variants)
    start = 0
    for table in tables:
        at = np.arange(start, start + len(table))
        picked[at] = table[np.arange(len(table)), columns[at // n_variants]]
        start += len(table)
    return picked


def _warn_of_drops(own: np.ndarray) -> None:
    n_bad = int(np.count_nonzero(own <= 0))
    if n_bad:
        warnings.warn(
            f"predict: {n_bad} of {len(own)} images have a score that is not positive, "
            "so that their average_drop is NaN; return probabilities.",
            UserWarning,
            stacklevel=3,
        )
