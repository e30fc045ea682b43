"""Activation maps beside the outputs that they are to explain."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_wsca._displays.display import Display
from sklearn_wsca._displays.style import (
    COLOURS,
    MARKERS,
    OTHER_POINTS,
    add_legend,
    make_axes,
    make_label,
    name_axes,
    set_title,
    tidy,
)
from sklearn_wsca._features.arguments import read_maps, read_outputs
from sklearn_wsca._features.curve import correlate, spread
from sklearn_wsca._features.maps import survey_maps

MOST_NAMED = 10
# Points of all classes together.
MOST_POINTS = 20_000
INCHES_PER_CHARACTER = 0.065
TITLE = "Do activation maps follow the outputs?"
TITLE_OF_HEAD = "Activation maps and the head on them (1 by construction)"


class ConsistencyDisplay(Display):
    """Scatter plot of the mean of the activation map against the output, per class.

    Activation maps explain the outputs of a network as far as the two agree. Behind
    average pooling and a linear head they agree by construction.

    Up to ten classes have colours, marks and an entry of the legend each; more are
    grey, and the title gives the lowest correlation. Of many samples some are drawn, at
    equal distances; the correlation is that of all of them.

    Parameters
    ----------
    mean_activation : array-like of shape (n_samples, n_classes)
        Mean of the activation map of each class over its positions.
    outputs : array-like of shape (n_samples, n_classes)
        Scores of the classes, or predicted numbers.
    classes : sequence, default=None
        Names of the classes; None counts them.
    title : str, default="Do activation maps follow the outputs?"
        Title of the plot.

    Attributes
    ----------
    correlation_ : ndarray of shape (n_classes,)
        Correlation over all samples; NaN where one of the two is constant.
    ax_ : matplotlib Axes
        Axes of the plot.
    figure_ : matplotlib Figure
        Its figure.

    See Also
    --------
    IntegratedFeatureAnalysis : The estimator, with the same numbers in `consistency_`.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from sklearn_wsca import ConsistencyDisplay, IntegratedFeatureAnalysis
    >>> A = np.random.default_rng(0).random((20, 6, 5, 5))
    >>> analysis = IntegratedFeatureAnalysis().fit(A, ["a", "b"] * 10)
    >>> display = ConsistencyDisplay.from_estimator(analysis, A)
    >>> display.correlation_.round(6)
    array([1., 1.])
    >>> display.figure_.clear()
    """

    def __init__(
        self,
        mean_activation: Any,
        outputs: Any,
        *,
        classes: Sequence | None = None,
        title: str = TITLE,
    ):
        self.mean_activation = mean_activation
        self.outputs = outputs
        self.classes = classes
        self.title = title

    @classmethod
    def from_estimator(
        cls, estimator: Any, A: Any, outputs: Any = None, *, ax: Any = None
    ) -> ConsistencyDisplay:
        r"""Compare the activation maps of a fitted estimator with outputs.

        Parameters
        ----------
        estimator : IntegratedFeatureAnalysis
            Fitted estimator.
        A : array-like of shape (n_samples, n_features[, \*spatial])
            Feature maps, read in blocks of rows.
        outputs : array-like of shape (n_samples, n_classes), default=None
            What the network itself put out for these samples, such as its logits, in
            the order of the classes. A single score is that of the second of two
            classes, or the number. None takes the outputs of the head.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a new figure.

        Returns
        -------
        ConsistencyDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If numbers of features, samples or classes differ.
        """
        check_is_fitted(estimator)
        head, maps = estimator.head_, read_maps(estimator, A, reset=False)
        survey = survey_maps(maps, head.coef)
        title = TITLE if outputs is not None else TITLE_OF_HEAD
        if outputs is None:
            outputs = head.outputs(survey.pooled)
        else:
            outputs = read_outputs(outputs, head, len(maps))
        display = cls(survey.map_means, outputs, classes=head.row_names, title=title)
        return display.plot(ax=ax)

    def _draw(self, ax: Any) -> Any:
        means, outputs, names = self._check()
        own = ax is None
        if own:
            beside = 1.2 + INCHES_PER_CHARACTER * max(map(len, names))
            has_legend = 1 < len(names) <= MOST_NAMED
            ax = make_axes(5.0 + beside if has_legend else 5.0, 4.2)
        tidy(ax)
        self.correlation_ = correlate(means.T, outputs.T)
        some = spread(len(means), max(MOST_POINTS // len(names), 1))
        handles, labels = self._draw_classes(ax, means[some], outputs[some], names)
        name_axes(ax, "mean of the activation map", "output")
        if handles:
            add_legend(ax, handles, labels, "right" if own else "if room")
        summary = self._summarise(names)
        if len(some) < len(means):
            summary += f"; {len(some)} of {len(means)} samples shown"
        set_title(ax, self.title, summary)
        return ax

    def _check(self) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Both arrays and the names of the classes."""
        means = _as_table(self.mean_activation, "mean_activation")
        outputs = _as_table(self.outputs, "outputs")
        if means.shape != outputs.shape:
            raise ValueError(
                f"outputs: they have the shape {outputs.shape}, and the means of the "
                f"activation maps {means.shape}; pass one row per sample and one "
                "column per class."
            )
        classes = range(means.shape[1]) if self.classes is None else self.classes
        if len(classes) != means.shape[1]:
            raise ValueError(
                f"classes: {len(classes)} names for {means.shape[1]} classes."
            )
        return means, outputs, [make_label(name) for name in classes]

    def _draw_classes(
        self, ax: Any, means, outputs, names: list
    ) -> tuple[list, list[str]]:
        """Draw every class; returns the entries of the legend."""
        n_classes = len(names)
        look: dict[str, Any] = {"linestyle": "none", "markeredgewidth": 0}
        look["markersize"] = 3.5 if len(means) > 100 else 5
        look["alpha"] = 0.3 if n_classes > MOST_NAMED else 0.7
        handles, labels = [], []
        colours = zip(cycle(COLOURS), cycle(MARKERS[:-1]), strict=False)
        for k, (colour, marker) in zip(range(n_classes), colours, strict=False):
            if n_classes > MOST_NAMED:
                colour, marker = OTHER_POINTS, "o"
            look |= {"color": colour, "marker": marker}
            (points,) = ax.plot(means[:, k], outputs[:, k], **look)
            if 1 < n_classes <= MOST_NAMED:
                handles.append(points)
                labels.append(f"{names[k]}: r = {_format(self.correlation_[k])}")
        return handles, labels

    def _summarise(self, names: list[str]) -> str:
        """Say how well the two agree, in one line."""
        found = self.correlation_
        if len(found) == 1:
            return f"r = {_format(found[0])}"
        known = np.flatnonzero(~np.isnan(found))
        if not len(known):
            return "no class has values that differ"
        lowest = known[np.argmin(found[known])]
        parts = [
            f"{len(found)} classes, lowest r = {_format(found[lowest])} "
            f"('{names[lowest]}')"
        ]
        if len(known) < len(found):
            parts.append(f"{len(found) - len(known)} with constant values")
        return "; ".join(parts)


def _as_table(values: Any, name: str) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or not values.size:
        raise ValueError(
            f"{name}: it has the shape {values.shape}; pass (n_samples, n_classes), "
            "not empty."
        )
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        raise ValueError(
            f"{name}: {len(bad)} of {len(values)} rows hold NaN or infinity, the first "
            f"is row {bad[0]}; drop these samples."
        )
    return values


def _format(correlation: float) -> str:
    return "-" if np.isnan(correlation) else f"{correlation:.4f}"
