"""The estimator of Integrated Feature Analysis: parameters and public methods."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_wsca._compat import Interval, StrOptions, _fit_context
from sklearn_wsca._features.activation_scale import (
    check_scale,
    check_shape,
    common_ranges,
    draw_maps,
    resize,
)
from sklearn_wsca._features.arguments import (
    check_percentiles,
    choose_rows,
    draw_features,
    is_spatial,
    read_labels,
    read_maps,
)
from sklearn_wsca._features.axes import warn_of_single_position
from sklearn_wsca._features.consistency import measure_consistency
from sklearn_wsca._features.contributions import (
    keep_top,
    measure_importance,
    predict_rows,
    rank_by_class,
    rank_features,
    score_features,
)
from sklearn_wsca._features.curve import Decomposition, measure_curve, smallest_share
from sklearn_wsca._features.labels import (
    encode_labels,
    read_class_head,
    refuse_several_numbers,
)
from sklearn_wsca._features.maps import pool_maps, survey_maps
from sklearn_wsca._features.profiles import (
    find_redundancy,
    outlier_scores,
    outlier_threshold,
)
from sklearn_wsca._features.shift import Contributions, compare_contributions
from sklearn_wsca._input.table import check_same_index


class IntegratedFeatureAnalysis(SelectorMixin, BaseEstimator):
    r"""Which features carry a decision, do they shift, and where do they act?

    It works on exported feature maps of the last convolutional layer and the linear
    head behind their average over the positions [1]_; neither images nor torch are
    needed. Maps on disk are read in blocks of rows.

    Parameters
    ----------
    head : array, pair (W, b), linear model, torch.nn.Linear, Head, default=None
        The trained head: weights of shape (K, n_features) or (n_features,). None fits a
        linear head to the labels on the pooled maps.
    ratio : float, default=0.25
        Share of the features that are kept as principal ones.
    ranking : str, default="difference"
        What features of a class are ranked by: "difference", their absolute difference
        from all; "importance", their absolute importance; "largest", their largest
        absolute contribution to a correctly classified sample of the class, which a
        single sample decides; "frequency", in how many of these samples they are among
        the share `ratio` with the largest absolute contributions, which no outlier
        moves. Features of all together are ranked by the largest of a class, by the
        overall importance, or by the frequency in all these samples.
    weighting : {"equal", "confidence"}, default="equal"
        Whether correctly classified samples count alike in the importance, or by the
        probability that the head gives their class. For numbers all count alike.
    decomposition : {"class", "shared"}, default="class"
        Whether the score and the maps of every class keep its own principal features
        [1]_, or those of all together. `transform` keeps the latter.
    fill : {"mean", "zero"}, default="mean"
        What a feature counts with where it is left out of the score of a class: with
        its mean over the samples (every class counts alike), which keeps the balance of
        the classes, or with nothing, as in the maps of a part of the features; that
        suits many classes with features of their own behind a ReLU.
    scale : {"linear", "tanh"}, default="linear"
        How activation maps are brought to 0 ... 1: cut off at the ends of the common
        range, or compressed without being cut off.
    percentiles : tuple of two floats, default=(1, 99)
        Of the smallest and of the largest values of the maps: the common range. It is
        as wide as that of the maps of all classes and that of the maps of the predicted
        class, of which there is only one in each sample.
    common_range : {"all", "class"}, default="all"
        Whether the maps of all classes have one range, as published, or those of each
        class one of their own: then maps of different classes cannot be compared.
    target : str, default=None
        Column of y with the labels; needed if y has several columns.
    metadata : list of str, default=None
        Columns of y that `compare` looks at; None takes all but target and groups.
    groups : str, default=None
        Column of y that names what is independent of others of its kind, such as the
        patient.
    n_permutations : int, default=999
        Permutations of `compare`; 0 gives no p-values.
    random_state : int, RandomState or None, default=None
        Seed of permutations and of random features.

    Attributes
    ----------
    head_ : Head
        The head, one row per class (for two classes too) or number.
    classes_ : ndarray of shape (n_classes,)
        Classes of its rows; only for class heads.
    importance_ : ndarray of shape (n_classes, n_features)
        Mean contribution over the correctly classified samples of each class (by
        `weighting`); NaN, with a warning, where there are none. For numbers over all.
    importance_overall_ : ndarray of shape (n_features,)
        Mean over all correctly classified samples, each to its own class.
    importance_difference_ : ndarray of shape (n_classes, n_features)
        `importance_` less `importance_overall_`. For a number: change of the
        contribution with one standard deviation of the target.
    n_correct_ : ndarray of shape (n_classes,)
        Correctly classified samples per class.
    ranking_ : ndarray of shape (n_features,)
        1 for the most important feature of all classes together.
    class_ranking_ : ndarray of shape (n_classes, n_features)
        1 for the most important feature of the class; `ranking_` where the class has no
        importance, and everywhere with a shared decomposition.
    intensity_range_ : ndarray of shape (n_classes, 2)
        Common range of the activation maps of each class; the same for all of them
        unless `common_range` is "class".
    consistency_ : Series
        Per class, correlation over samples of the mean of the activation map and the
        network's output for the class, if `fit` was given `outputs`; else the score
        that the head makes of the same maps, with which it is 1 by construction. The
        name of the Series says which. NaN, with a warning, for constant scores.
    consistency_in_value_ : DataFrame
        Per class, how outputs go with the scores of the head on the maps in value, in
        which maps of another unit or zero fail, though they correlate: slope and offset
        of the output on the score (1 and 0), and r2, 1 less the sum of the squared
        differences of both over that of the output from its mean. NaN where one is
        constant; 1, 0 and 1 by construction without `outputs`.
    agreement_ : float
        Share of samples for which the head on these maps decides as the network does;
        NaN without its outputs and for numbers.
    performance_curve_ : DataFrame
        Performance with a part of the features, and with random features: accuracy,
        balanced accuracy and AUROC, or R2, and agreement of the maps with those of all
        features. The decision is between the classes that samples have, of all features
        too; NaN if they have a single one.
    smallest_share_ : float
        Smallest share of the features that keeps 99 % of the balanced accuracy, or R2.
    outlier_scores_ : ndarray of shape (n_samples,)
        Robust distance of the features of each sample from those of its class; 1 is
        usual: the median of all samples.
    outlier_threshold_ : float
        Score that about one of a hundred usual samples exceeds.
    redundancy_ : DataFrame
        Per feature: share of the variance, whether it carries nothing, and the number
        of the group of features that carry the same (-1: none).
    n_features_in_ : int
        Number of features (channels).
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if pooled maps came as a DataFrame of named columns.

    See Also
    --------
    WeightSpaceCorrelation : Whether a head uses metadata.

    Notes
    -----
    With A_ic the map of feature c in sample i and w_kc the weight of that feature for
    class k, the contribution of the feature is

    .. math:: u_{ick} = w_{kc} \, \frac{1}{P} \sum_p A_{icp},

    P being the number of positions p. Contributions add up to the score of the class
    less its intercept. The activation map is :math:`M_{ik}(p) = \sum_c w_{kc} A_{icp}`.

    References
    ----------
    .. [1] Y. Li et al., "Integrated feature analysis for deep learning interpretation
       and class activation maps", arXiv:2407.01142, 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_wsca import IntegratedFeatureAnalysis
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 50)
    >>> A = rng.random((100, 8, 5, 5))
    >>> A[:50, 0, :2] += 1.0  # feature 0 is active at the top of class 0
    >>> A[50:, 1, 3:] += 1.0
    >>> head = np.eye(2, 8) * 10.0
    >>> analysis = IntegratedFeatureAnalysis(head, random_state=0).fit(A, y)
    >>> analysis.get_support(indices=True)
    array([0, 1])
    >>> analysis.activation_maps(A[:3]).shape
    (3, 5, 5)
    """

    _parameter_constraints: dict = {
        "head": "no_validation",
        "ratio": [Interval(Real, 0, 1, closed="right")],
        "ranking": [StrOptions({"difference", "importance", "largest", "frequency"})],
        "weighting": [StrOptions({"equal", "confidence"})],
        "decomposition": [StrOptions({"class", "shared"})],
        "fill": [StrOptions({"mean", "zero"})],
        "scale": [StrOptions({"linear", "tanh"})],
        "percentiles": [tuple, list],
        "common_range": [StrOptions({"all", "class"})],
        "target": [str, Integral, tuple, None],
        "metadata": ["array-like", str, None],
        "groups": [str, Integral, tuple, None],
        "n_permutations": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        head=None,
        *,
        ratio=0.25,
        ranking="difference",
        weighting="equal",
        decomposition="class",
        fill="mean",
        scale="linear",
        percentiles=(1, 99),
        common_range="all",
        target=None,
        metadata=None,
        groups=None,
        n_permutations=999,
        random_state=None,
    ):
        self.head = head
        self.ratio = ratio
        self.ranking = ranking
        self.weighting = weighting
        self.decomposition = decomposition
        self.fill = fill
        self.scale = scale
        self.percentiles = percentiles
        self.common_range = common_range
        self.target = target
        self.metadata = metadata
        self.groups = groups
        self.n_permutations = n_permutations
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, A, y, outputs=None):
        r"""Measure contributions, importance and the common scale.

        Parameters
        ----------
        A : array-like of shape (n_samples, n_features[, \*spatial])
            Activations of the last convolutional layer, pooled or with one to three
            spatial dimensions. Memory maps, zarr and h5py arrays are read in blocks.
            Tokens (n_samples, n_tokens, n_features) and channels that come last are
            recognised by the width of `head`, with a warning.
        y : array-like of shape (n_samples,) or DataFrame
            Labels; or a table with labels (`target`), groups and metadata.
        outputs : array-like of shape (n_samples, n_classes), default=None
            Logits of the network itself, or its numbers, in the order of the classes; a
            single score may be (n_samples,).
            With them consistency can fail: if the maps are not those that the head
            reads, such as those of another layer, unit or zero, there is a warning.

        Returns
        -------
        self : IntegratedFeatureAnalysis
            The fitted estimator.

        Raises
        ------
        ValueError
            If the input cannot be analysed; the message names the argument.
        """
        check_percentiles(self.percentiles)
        maps = read_maps(self, A, reset=True)
        check_same_index(A, y, ("A", "y"))
        refuse_several_numbers(self.head, maps)
        table = read_labels(self, y, len(maps))
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        head = read_class_head(self.head, table.labels, maps)
        labels = encode_labels(head, table.labels)
        survey = survey_maps(maps, head.coef)
        pooled = survey.pooled
        importance = measure_importance(head, pooled, labels, self.weighting)
        self._fitted_on_maps = bool(maps.spatial)
        self.head_ = head
        if head.classes is not None:
            self.classes_ = np.array(head.classes)
        self.importance_ = importance.by_class
        self.importance_overall_ = importance.overall
        self.importance_difference_ = importance.difference
        self.n_correct_ = importance.n_correct
        by_class, overall = score_features(
            head, pooled, labels, importance, self.ranking, self.ratio
        )
        self.ranking_ = rank_features(np.nan_to_num(overall))
        self.class_ranking_ = self._rank_by_class(by_class)
        self.intensity_range_ = common_ranges(
            survey, self.percentiles, self.common_range, predict_rows(head, pooled)
        )
        warn_of_single_position(maps)
        consistency = measure_consistency(head, survey, outputs)
        self.consistency_ = consistency.correlation
        self.consistency_in_value_ = consistency.values
        self.agreement_ = consistency.agreement
        decomposition = Decomposition.of(head, pooled, labels, maps, self.fill)
        self.performance_curve_ = measure_curve(
            decomposition, self.class_ranking_, seed
        )
        self.smallest_share_ = smallest_share(self.performance_curve_)
        self._reference = Contributions.of(head, pooled, labels, table.groups)
        self.outlier_scores_ = outlier_scores(pooled, self._reference.classes)
        self.outlier_threshold_ = outlier_threshold(self.outlier_scores_)
        self.redundancy_ = find_redundancy(pooled, head.coef)
        return self

    def transform(self, A):
        r"""Keep the principal features.

        Parameters
        ----------
        A : array-like of shape (n_samples, n_features[, \*spatial])
            Activations.

        Returns
        -------
        ndarray of shape (n_samples, n_kept[, \*spatial])
            The same without the other features.
        """
        check_is_fitted(self)
        if not is_spatial(A):
            return super().transform(A)
        return read_maps(self, A, reset=False).select(self.get_support())

    def compare(self, A, y, metadata=None):
        r"""Find features whose contributions shift between samples of the same class.

        The samples of `fit` are compared with new ones (comparison "split": a shift
        tells of overfitting, or of other circumstances), and the levels of each column
        that describes the new samples with each other (confounders).

        Parameters
        ----------
        A : array-like of shape (n_samples, n_features[, \*spatial])
            Activations of new samples, of the same layer.
        y : array-like of shape (n_samples,) or DataFrame
            Their labels; or a table with labels, groups and metadata, as in `fit`.
        metadata : DataFrame of n_samples rows, default=None
            Further columns to compare, with the rows of A.

        Returns
        -------
        DataFrame
            One row per comparison and feature, and below the features one each for what
            they add up to, since a shift that is spread over many features may be seen
            there alone: "own score", the score of the own class less the mean over
            classes, and "own margin", what it is above that of the best other class; of
            numbers "own score", the output, and "absolute error". A margin that is
            smaller in new samples than in those of `fit` tells of overfitting. Columns:

            - measure: what `smd` holds.
            - smd: standardised mean difference, the difference of class-adjusted means
              in standard deviations within class and level. For two levels it is
              positive if the feature is larger at the second one (in the new samples
              rather than those of `fit`), for more it is the largest absolute one of
              any pair. For a continuous column it is the partial correlation at fixed
              class.
            - ks: Kolmogorov-Smirnov distance, 0 to 1: the largest distance of the
              distribution functions of class-centred contributions, averaged over
              classes; the largest of any pair of levels. For a continuous column,
              between the halves above and below the median of the class.
            - explained: share of the variance within classes that the column explains,
              with effects of its own in each class; the statistic of the p-values.
            - pvalue: two-sided, from permutations of the column within classes.
            - pvalue_fwer: corrected for all rows of the comparison (max-T).
            - qvalue: the same by Benjamini and Hochberg. With m permutations none is
              below (n_features / number of shifted features) / (m + 1).
            - n_units: samples or groups that can be exchanged.

            ``attrs["comparisons"]`` says for each comparison which levels it has and
            what was permuted, ``attrs["left_out"]`` why columns are not compared.

        Raises
        ------
        ValueError
            If the input does not fit to what was fitted.

        Notes
        -----
        Contributions are those to the own class of the sample, times the sign of their
        weight: where a feature speaks for one class and against another, its shift
        would cancel otherwise. For numbers there is a single class.

        Groups are exchanged as a whole where the column is constant in each, samples
        within groups elsewhere. Groups of several classes are exchanged within those of
        the same most frequent class. There is no p-value for fewer than 20 units. A
        shift is an association at fixed class, not proof of a cause.
        """
        check_is_fitted(self)
        maps = read_maps(self, A, reset=False)
        table = read_labels(self, y, len(maps), metadata)
        labels = encode_labels(self.head_, table.labels)
        new = Contributions.of(self.head_, pool_maps(maps), labels, table.groups)
        features = getattr(self, "feature_names_in_", np.arange(self.n_features_in_))
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        return compare_contributions(
            self._reference, new, table.metadata, features, seed, self.n_permutations
        )

    def activation_maps(
        self, A, target=None, ratio=None, *, features=None, scale=None, resize_to=None
    ):
        r"""Draw activation maps on the common scale.

        Parameters
        ----------
        A : array-like of shape (n_samples, n_features, \*spatial)
            Feature maps. Their spatial shape may be another than in `fit`.
        target : class or array-like of shape (n_samples,), default=None
            Class of the maps, one for all or one for each sample; None takes the class
            that the head predicts.
        ratio : float, default=None
            Share of the features to draw, by `class_ranking_`; None draws all.
        features : array-like of int or bool, default=None
            Draw these features only, such as those that make up the utilization of a
            scanner (`WeightSpaceCorrelation.utilization_by_feature`).
        scale : {"linear", "tanh", "raw"}, default=None
            How they are brought to 0 ... 1, or "raw" for their own values, in units of
            the score; None takes that of the estimator.
        resize_to : tuple of int, default=None
            Shape of the images to enlarge the maps to, by linear interpolation.

        Returns
        -------
        ndarray of shape (n_samples, \*spatial), dtype float32
            Values between 0 and 1, comparable between samples (of a class, with a range
            for each class). The map of a sample does not depend on the others.
        """
        check_is_fitted(self)
        maps = read_maps(self, A, reset=False)
        if not maps.spatial:
            raise ValueError(
                "A: activation maps need feature maps (n_samples, n_features, "
                "*spatial), and these are pooled."
            )
        if not self._fitted_on_maps:
            raise ValueError(
                "A: fit was given pooled activations, which do not tell the common "
                "range of maps; fit on feature maps."
            )
        rows = choose_rows(self.head_, maps, target)
        kept = draw_features(ratio, features, self.class_ranking_)
        if resize_to is not None:
            resize_to = check_shape(resize_to, len(maps.spatial))
        weights = self.head_.coef * kept
        scale = self.scale if scale is None else check_scale(scale)
        drawn = draw_maps(maps, weights, rows, self.intensity_range_, scale)
        return drawn if resize_to is None else resize(drawn, resize_to)

    def _rank_by_class(self, scores):
        if self.decomposition == "shared":
            return np.tile(self.ranking_, (len(scores), 1))
        return rank_by_class(scores, self.ranking_)

    def _get_support_mask(self):
        check_is_fitted(self)
        return keep_top(self.ranking_, self.ratio)

    def __sklearn_tags__(self):
        """Tell scikit-learn that labels are required."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
