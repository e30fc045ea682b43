"""Methods of other packages, each called as its documentation says."""

import doubleml
import numpy as np
from causallearn.utils.KCI.KCI import KCI_CInd
from dcor import partial_distance_correlation
from dcor.independence import partial_distance_covariance_test
from hidimstat import D0CRT
from mlconfound.stats import partial_confound_test
from shortcut_detect import SKLearnProbe
from sklearn.linear_model import LinearRegression

from benchmarks.rivals.residuals import hold_fixed, level_indicators, unit_outputs
from benchmarks.rivals.studies import Study


def partial_distance(study: Study, n_permutations: int) -> tuple[float, float]:
    """Partial distance covariance of outputs and column at fixed target."""
    tables = study.outputs, _indicators(study.column), _held_fixed(study)
    test = partial_distance_covariance_test(
        *tables, num_resamples=n_permutations, random_state=0
    )
    return float(partial_distance_correlation(*tables)), float(test.pvalue)


def kernel_test(study: Study, _n_permutations: int) -> tuple[float, float]:
    """Kernel test of conditional independence (Zhang and others 2011)."""
    tables = study.outputs, _indicators(study.column), _held_fixed(study)
    pvalue, statistic = KCI_CInd().compute_pvalue(*tables)
    return float(statistic), float(pvalue)


def partial_confound(study: Study, n_permutations: int) -> tuple[float, float]:
    """Partial confounder test (Spisak 2022) of the prediction.

    The prediction is the output, of two outputs their difference, and of more the
    class. Value: R2 of prediction and column beyond what the target leads to expect.
    """
    has_many = study.outputs.shape[1] > 2
    difference = study.outputs[:, -1] - study.outputs[:, :-1].sum(axis=1)
    prediction = study.outputs.argmax(axis=1) if has_many else difference
    result = partial_confound_test(
        study.target,
        prediction,
        study.column,
        num_perms=n_permutations,
        cat_y=study.has_classes,
        cat_yhat=has_many,
        cat_c=True,
        random_state=0,
        progress=False,
        n_jobs=1,
    )
    return float(result.r2_yhat_c - result.expected_r2_yhat_c[1]), float(result.p)


def double_learning(study: Study, _n_permutations: int) -> tuple[float, float]:
    """Partially linear regression of DoubleML, cross-fitted; Bonferroni.

    Outcome: an output. Treatment: a level. What is held fixed enters as a spline or as
    indicators, by least squares; groups are clusters.
    """
    design, levels = hold_fixed(study), level_indicators(study)
    clusters = None if study.groups is None else study.groups[:, None]
    effects, pvalues = [], []
    for output in unit_outputs(study).T:
        for level in levels.T:
            data = doubleml.DoubleMLData.from_arrays(
                design, output, level, cluster_vars=clusters
            )
            model = doubleml.DoubleMLPLR(data, LinearRegression(), LinearRegression())
            model.fit()
            effects.append(model.coef[0])
            pvalues.append(model.pval[0])
    size = float(np.sqrt(np.square(effects).sum()))
    return size, min(1.0, len(pvalues) * min(pvalues))


def distilled_randomisation(study: Study, _n: int) -> tuple[float, float]:
    """Distilled conditional randomization test of hidimstat; Bonferroni.

    Is a level important for an output, beside what is held fixed?
    """
    levels = level_indicators(study)
    features = np.column_stack([levels, hold_fixed(study)])
    sizes, pvalues = [], []
    for output in unit_outputs(study).T:
        test = D0CRT(LinearRegression(), screening_threshold=100, random_state=0)
        test.fit(features, output)
        sizes.append(np.abs(test.importance(features, output)[: levels.shape[1]]).max())
        pvalues.append(test.pvalues_[: levels.shape[1]].min())
    corrected = len(pvalues) * levels.shape[1] * min(pvalues)
    return float(max(sizes)), float(min(1.0, corrected))


def shortkit_probe(study: Study, _n_permutations: int) -> tuple[float, float]:
    """Probe of ShortKit-ML as it comes: it knows neither head nor target."""
    probe = SKLearnProbe().fit(study.embeddings, study.column)
    return float(probe.metric_value_), float(not probe.shortcut_detected_)


def _indicators(codes: np.ndarray) -> np.ndarray:
    return np.eye(codes.max() + 1)[codes]


def _held_fixed(study: Study) -> np.ndarray:
    return _indicators(study.target) if study.has_classes else study.target[:, None]
