"""Activation maps of several samples on one colour scale."""

from __future__ import annotations

from textwrap import fill
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_wsca._backend.file_rows import read_rows
from sklearn_wsca._displays._map_drawing import (
    LONGEST_TITLE,
    draw_map,
    explain_colours,
    label_positions,
    make_panels,
    name_panels,
)
from sklearn_wsca._displays._map_input import (
    check_image_shape,
    check_images,
    check_maps,
    take,
)
from sklearn_wsca._displays.display import Display, check_choice, check_count
from sklearn_wsca._displays.style import (
    INK,
    LITERAL,
    POINTS_PER_INCH,
    make_label,
    set_title,
)
from sklearn_wsca._features.activation_scale import place_zero
from sklearn_wsca._features.arguments import choose_rows, read_maps
from sklearn_wsca._features.contributions import predict_rows
from sklearn_wsca._features.maps import FeatureMaps, pool_maps

MOST = 16
PROJECTIONS = ("middle", "maximum")


class ActivationMapDisplay(Display):
    """Activation maps of several samples, with one colour bar for all of them.

    Maps of volumes are shown as one slice, or projected along the first axis; maps of
    signals as strips.

    Parameters
    ----------
    maps : array-like of shape (n_samples, L), (n_samples, H, W) or (n_samples, D, H, W)
        Activation maps between 0 and 1, such as `activation_maps` of a fitted
        estimator returns.
    images : array-like of the same shape, default=None
        What the maps are drawn over: signals, grey images or volumes; colour images
        have the shape (n_samples, H, W, 3) and values 0 to 255, or 0 to 1 as floats.
        Each grey image is shown in its own range.
    titles : list, default=None
        One for each sample.
    title : str, default=""
        Title of the figure.
    columns : int, default=None
        Maps side by side; None takes as many as fit.
    most : int, default=16
        Largest number of maps in the figure: the first ones are shown, and the title
        says how many there are.
    opacity : float, default=0.8
        Of the largest value of maps over images, between 0 and 1; it falls to a third
        of that for the smallest, so that the image shows where little is active. Maps
        without images are opaque.
    projection : {"middle", "maximum"}, default="middle"
        Of volumes: the middle slice along the first axis, or the largest value along
        it, of map and image alike.
    zero : float, default=None
        Value of maps, between 0 and 1, where nothing speaks for or against the class:
        it is marked on the colour bar.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        Axes of the maps, in their order.
    ax_ : matplotlib Axes
        The first of them.
    figure_ : matplotlib Figure
        Their figure.

    See Also
    --------
    IntegratedFeatureAnalysis.activation_maps : The numbers.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> import numpy as np
    >>> from sklearn_wsca import ActivationMapDisplay, IntegratedFeatureAnalysis
    >>> A = np.random.default_rng(0).random((20, 6, 5, 5))
    >>> analysis = IntegratedFeatureAnalysis().fit(A, ["a", "b"] * 10)
    >>> display = ActivationMapDisplay.from_estimator(analysis, A, target="a")
    >>> len(display.axes_)
    16
    >>> display.figure_.get_suptitle()
    'Activation maps of the given class, first 16 of 20'
    >>> display.figure_.clear()
    """

    def __init__(
        self,
        maps: Any,
        images: Any = None,
        titles: Any = None,
        *,
        title: str = "",
        columns: int | None = None,
        most: int = MOST,
        opacity: float = 0.8,
        projection: str = "middle",
        zero: float | None = None,
    ):
        self.maps = maps
        self.images = images
        self.titles = titles
        self.title = title
        self.columns = columns
        self.most = most
        self.opacity = opacity
        self.projection = projection
        self.zero = zero

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        A: Any,
        *,
        images: Any = None,
        target: Any = None,
        ratio: float | None = None,
        features: Any = None,
        titles: Any = None,
        columns: int | None = None,
        most: int = MOST,
        opacity: float = 0.8,
        projection: str = "middle",
        ax: Any = None,
    ) -> ActivationMapDisplay:
        r"""Draw activation maps of a fitted estimator.

        Parameters
        ----------
        estimator : IntegratedFeatureAnalysis
            Fitted estimator.
        A : array-like of shape (n_samples, n_features, \*spatial)
            Feature maps; only the first `most` samples are read.
        images : array-like of shape (n_samples, \*image[, 3]), default=None
            What the maps are drawn over; the maps are enlarged to it.
        target : class or array-like of shape (n_samples,), default=None
            Class of the maps; None takes the one that the head predicts.
        ratio : float, default=None
            Share of the features to draw; None draws all.
        features : array-like of int or bool, default=None
            Draw these features only.
        titles : list, default=None
            One for each sample; None names the class of the map, and the predicted one
            where that is another. For a continuous target it is the predicted number.
        columns, most, opacity, projection
            As in the constructor.
        ax : matplotlib Axes, default=None
            Axes for the map of a single sample; None makes a figure that fits.

        Returns
        -------
        ActivationMapDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the input cannot be drawn, `ax` is given for several samples, or maps of
            several classes have a range for each class and so no common colours.
        """
        check_is_fitted(estimator)
        check_count("most", most, "maps")
        maps = read_maps(estimator, A, reset=False)
        n, shown = len(maps), slice(min(len(maps), most))
        first = FeatureMaps(np.asarray(read_rows(maps.array, shown)))
        if target is not None and np.ndim(target):
            target = take(target, n, shown, "target")
        images, size = _read_images(images, maps, shown)
        drawn = estimator.activation_maps(
            first.array, target, ratio, features=features, resize_to=size
        )
        rows = choose_rows(estimator.head_, first, target)
        ranges = _common_range(estimator, rows)
        if titles is None:
            titles = _name_classes(estimator.head_, first, target)
        else:
            titles = take(titles, n, shown, "titles")
        title = _describe(estimator.head_, target, ratio, features is not None)
        display = cls(
            drawn,
            images,
            titles,
            title=title + _count(n, most),
            columns=columns,
            most=most,
            opacity=opacity,
            projection=projection,
            zero=place_zero(ranges[0], estimator.scale),
        )
        return display.plot(ax=ax)

    def _draw(self, ax: Any) -> Any:
        maps, images, titles = self._check()
        if ax is not None and len(maps) > 1:
            raise ValueError(
                f"ax: it takes a single map, and there are {len(maps)}; pass one "
                "sample, or leave out ax to get a figure for all of them."
            )
        pictures = [self._flatten(one) for one in maps]
        backs = [None if one is None else self._flatten(one) for one in images]
        own = ax is None
        axes = np.array([ax])
        if own:
            axes = make_panels(pictures, self.images is not None, self.columns)
        for panel, picture, back in zip(axes, pictures, backs, strict=True):
            drawn = draw_map(panel, picture, back, self.opacity)
        if pictures[0].ndim == 1:
            label_positions(axes, own)
        explain_colours(axes, drawn.norm, own, self.zero)
        self._add_titles(axes, titles, own)
        self.axes_ = axes
        return axes[0]

    def _check(self) -> tuple[np.ndarray, Any, list]:
        """Maps, images and titles that are shown; None for what is not there."""
        check_count("most", self.most, "maps")
        if self.columns is not None:
            check_count("columns", self.columns, "maps")
        if not 0 <= self.opacity <= 1:
            raise ValueError(f"opacity: {self.opacity!r} is not between 0 and 1.")
        check_choice("projection", self.projection, PROJECTIONS)
        maps = check_maps(self.maps)
        n, shown = len(maps), slice(min(len(maps), self.most))
        images: Any = [None] * n
        titles: Any = [None] * n
        if self.images is not None:
            images = check_images(take(self.images, n, slice(n), "images"), maps)
        if self.titles is not None:
            titles = take(self.titles, n, slice(n), "titles")
        return maps[shown], images[shown], titles[shown]

    def _flatten(self, values: np.ndarray) -> np.ndarray:
        """What is shown of a volume; signals and images as they are."""
        if values.ndim < 3 or np.ndim(self.maps) < 4:
            return values
        return values[len(values) // 2] if self._is_slice() else values.max(axis=0)

    def _is_slice(self) -> bool:
        return self.projection == "middle"

    def _note(self) -> str:
        """Say what is shown of volumes."""
        if np.ndim(self.maps) < 4:
            return ""
        if not self._is_slice():
            return "largest value along the first axis"
        depth = np.shape(self.maps)[1]
        return f"middle slice ({depth // 2 + 1} of {depth}) along the first axis"

    def _add_titles(self, axes: np.ndarray, titles: list, own: bool) -> None:
        """Title of the figure and of every map; on one of somebody else the latter."""
        note = self._note()
        if not own:
            name = "" if titles[0] is None else make_label(titles[0], LONGEST_TITLE)
            set_title(axes[0], name or self.title, note)
            return
        n, count = len(self.maps), _count(len(self.maps), self.most)
        whole = ", ".join(part for part in (self.title, note) if part)
        whole = (whole or f"Activation {'map' if n == 1 else 'maps'}") + count
        figure = axes[0].figure
        wide = int(figure.get_figwidth() * POINTS_PER_INCH / 5.5)
        figure.suptitle(fill(whole, wide), fontsize=9, color=INK, **LITERAL)
        if titles[0] is not None:
            name_panels(axes, titles)


def _common_range(estimator: Any, rows: np.ndarray) -> np.ndarray:
    """The range (1, 2) of all maps of these rows of the head."""
    ranges = np.unique(estimator.intensity_range_[rows], axis=0)
    if len(ranges) > 1:
        raise ValueError(
            f"target: the maps of {len(np.unique(rows))} classes have a range for each "
            "class, so that one bar cannot explain their colours; pass one class, or "
            "fit with common_range='all'."
        )
    return ranges


def _read_images(images: Any, maps: FeatureMaps, shown: slice) -> tuple[Any, Any]:
    """Images of the maps that are shown, and the size that maps are enlarged to."""
    if images is None or not maps.spatial:
        return images, None
    images = np.asarray(take(images, len(maps), shown, "images"))
    check_image_shape(images.shape, len(maps.spatial))
    return images, images.shape[1 : 1 + len(maps.spatial)]


def _name_classes(head: Any, maps: FeatureMaps, target: Any) -> list:
    """Class of each map, and the predicted one if that is another; or the number."""
    pooled = pool_maps(maps)
    if head.classes is None:
        return [f"{value:.3g}" for value in head.outputs(pooled)[:, 0]]
    predicted = [head.classes[k] for k in predict_rows(head, pooled)]
    if target is None:
        return predicted
    given = [target] * len(maps) if np.ndim(target) == 0 else list(target)
    return [
        one if one == guess else f"{one} (predicted {guess})"
        for one, guess in zip(given, predicted, strict=True)
    ]


def _describe(head: Any, target: Any, ratio: float | None, is_part: bool) -> str:
    """Say what is shown."""
    if head.classes is None:
        text = "Activation maps of the predicted number"
    else:
        which = "predicted" if target is None else "given"
        text = f"Activation maps of the {which} class"
    if is_part:
        return f"{text}, of chosen features"
    return text if ratio is None else f"{text}, {100 * ratio:g} % of the features"


def _count(n: int, most: int) -> str:
    return f", first {most} of {n}" if n > most else ""
