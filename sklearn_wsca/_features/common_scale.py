"""One intensity scale for activation maps of any method."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sklearn_wsca._backend.namespace import is_tensor, to_numpy
from sklearn_wsca._compat import StrOptions, _fit_context
from sklearn_wsca._features.activation_scale import (
    SCALES,
    check_shape,
    common_ranges,
    draw_maps,
    place_zero,
    resize,
)
from sklearn_wsca._features.arguments import check_percentiles
from sklearn_wsca._features.maps import MOST_DIMENSIONS, FeatureMaps, survey_maps

# A map is a feature map that counts once.
ONCE = np.ones((1, 1))


class CommonScale(TransformerMixin, BaseEstimator):
    r"""One intensity scale for the activation maps of all samples, by any method.

    Most methods stretch every map to its own 0 ... 1, so that a map without anything in
    it looks like one that found something. Here one range is found for all maps of some
    samples, and any maps are brought to 0 ... 1 by it, as in
    `IntegratedFeatureAnalysis` [1]_.

    Parameters
    ----------
    scale : {"linear", "tanh", "raw"}, default="linear"
        Cut off at the ends of the range, compressed without being cut off, or as they
        are.
    percentiles : tuple of two floats, default=(1, 99)
        Of the smallest and of the largest values of the maps: the common range.
    resize_to : tuple of int, default=None
        Shape of the images that `transform` enlarges the maps to, by linear
        interpolation; None leaves them as coarse as they are.

    Attributes
    ----------
    intensity_range_ : ndarray of shape (2,)
        What is 0 and what is 1, in units of the maps.
    zero_ : float or None
        Where 0 in units of the maps lies on the scale: the `zero` of
        `ActivationMapDisplay`. None where 0 is outside of the common range, so that
        nothing is marked.

    See Also
    --------
    IntegratedFeatureAnalysis : The same scale for maps of a linear head.
    ActivationMapDisplay : Draws the maps with one colour bar.

    Notes
    -----
    The range is computed from the samples of `fit`: fit on a reference set and apply it
    to others to compare hospitals, and fit one scale per method and layer, since their
    units differ. The mean of the scaled maps of several layers is a map again.

    References
    ----------
    .. [1] Y. Li et al., "Integrated feature analysis for deep learning interpretation
       and class activation maps", arXiv:2407.01142, 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_wsca import CommonScale
    >>> rng = np.random.default_rng(0)
    >>> maps = rng.normal(size=(200, 7, 7))
    >>> maps[0] *= 0.1  # there is little in this one
    >>> scale = CommonScale().fit(maps)
    >>> bool(np.ptp(scale.transform(maps[:1])) < 0.1)
    True
    >>> bool(np.ptp(CommonScale().fit_transform(maps[:1])) == 1.0)
    True
    """

    _parameter_constraints: dict = {
        "scale": [StrOptions(set(SCALES))],
        "percentiles": [tuple, list],
        "resize_to": [tuple, list, None],
    }

    def __init__(self, scale="linear", *, percentiles=(1, 99), resize_to=None):
        self.scale = scale
        self.percentiles = percentiles
        self.resize_to = resize_to

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, maps, y=None):
        r"""Find the common range of maps.

        Parameters
        ----------
        maps : array-like of shape (n_samples, \*spatial)
            One map per sample with one to three spatial dimensions, read in blocks of
            rows.
        y : object, default=None
            Not used.

        Returns
        -------
        CommonScale
            The fitted scale.

        Raises
        ------
        ValueError
            If these are no maps, or they hold NaN or infinity.
        """
        check_percentiles(self.percentiles)
        survey = survey_maps(_read_maps(maps), ONCE)
        self._ranges = common_ranges(survey, tuple(self.percentiles), "all")
        self.intensity_range_ = self._ranges[0]
        self.zero_ = place_zero(self.intensity_range_, self.scale)
        return self

    def transform(self, maps):
        r"""Bring maps to the common scale.

        Parameters
        ----------
        maps : array-like of shape (n_samples, \*spatial)
            Maps of the same method and layer; their shape may be another than in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, \*spatial), dtype float32
            Values between 0 and 1 (unless `scale` is "raw"), comparable between
            samples.

        Raises
        ------
        ValueError
            If these are no maps, or they hold NaN or infinity.
        """
        check_is_fitted(self)
        given = _read_maps(maps)
        if self.resize_to is None:
            return self._draw(given)
        shape = check_shape(self.resize_to, len(given.spatial))
        return resize(self._draw(given), shape)

    def _draw(self, maps):
        first = np.zeros(len(maps), dtype=int)
        return draw_maps(maps, ONCE, first, self._ranges, self.scale)

    def __sklearn_tags__(self):
        """Tell scikit-learn that maps of images are read too."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _read_maps(maps) -> FeatureMaps:
    """Maps (n, *spatial) as those of one feature."""
    given = to_numpy(maps) if is_tensor(maps) else np.asanyarray(maps)
    if not 2 <= len(given.shape) < MOST_DIMENSIONS:
        raise ValueError(
            f"maps: they have the shape {tuple(given.shape)}; pass one map per sample, "
            "(n_samples, *spatial) with one to three spatial dimensions."
        )
    return FeatureMaps.of(given[:, None])
