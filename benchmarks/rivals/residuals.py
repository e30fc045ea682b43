"""Methods of the literature that are a few lines, and those of statsmodels."""

import warnings

import numpy as np
import statsmodels.api as sm
from scipy import stats
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import SplineTransformer

from benchmarks.rivals.studies import Study

N_KNOTS = 5
N_DRAWS = 499
N_NEIGHBOURS = 25


def hold_fixed(study: Study) -> np.ndarray:
    """Design of what is held fixed: classes, or a cubic spline of a numeric target."""
    if study.has_classes:
        return np.eye(study.target.max() + 1)[study.target]
    spline = SplineTransformer(N_KNOTS, knots="quantile")
    return spline.fit_transform(study.target[:, None])


def level_indicators(study: Study) -> np.ndarray:
    """Indicators of all levels but the first."""
    return np.eye(study.column.max() + 1)[study.column][:, 1:]


def unit_outputs(study: Study) -> np.ndarray:
    """Outputs, centred over classes, in their common standard deviation."""
    outputs = study.outputs
    if outputs.shape[1] > 1:
        outputs = outputs - outputs.mean(axis=1, keepdims=True)
    return outputs / np.sqrt(outputs.var(axis=0).sum())


def covariance_measure(study: Study, _n_permutations: int) -> tuple[float, float]:
    """Generalised covariance measure of Shah and Peters (2020).

    Products of the residuals of outputs and of indicators, both regressed on what is
    held fixed; the largest of their standardised means against normal draws.
    """
    design = hold_fixed(study)
    first, second = (
        values - design @ np.linalg.lstsq(design, values)[0]
        for values in (unit_outputs(study), level_indicators(study))
    )
    products = np.einsum("ni,nj->nij", first, second).reshape(len(first), -1)
    scales = products.std(axis=0)
    largest = np.sqrt(len(products)) * np.abs(products.mean(axis=0) / scales).max()
    draws = np.random.default_rng(0).standard_normal((N_DRAWS, len(products)))
    centred = (products - products.mean(axis=0)) / scales / np.sqrt(len(products))
    null = np.abs(draws @ centred).max(axis=1)
    pvalue = (1 + np.sum(null >= largest)) / (N_DRAWS + 1)
    return float(np.sqrt((products.mean(axis=0) ** 2).sum())), float(pvalue)


def robust_regression(study: Study, _n_permutations: int) -> tuple[float, float]:
    """Regression on target and column; Wald test with HC3 errors, Bonferroni."""

    def fit(output, design):
        return sm.OLS(output, design).fit(cov_type="HC3")

    return _wald(study, fit)


def estimating_equations(study: Study, _n_permutations: int) -> tuple[float, float]:
    """The same by generalised estimating equations, patients exchangeable."""

    def fit(output, design):
        structure = sm.cov_struct.Exchangeable()
        return sm.GEE(output, design, study.groups, cov_struct=structure).fit()

    return _wald(study, fit)


def mixed_model(study: Study, _n_permutations: int) -> tuple[float, float]:
    """The same by a mixed model with a random intercept of the patient."""

    def fit(output, design):
        with warnings.catch_warnings():
            # Variances of patients that are estimated as 0 are an answer.
            warnings.simplefilter("ignore")
            return sm.MixedLM(output, design, study.groups).fit()

    return _wald(study, fit)


def _wald(study: Study, fit) -> tuple[float, float]:
    """Size of the effects of the column, and the corrected p-value of any."""
    levels = level_indicators(study)
    design = np.column_stack([levels, hold_fixed(study)])
    n_levels = levels.shape[1]
    sizes, pvalues = [], []
    for output in unit_outputs(study).T:
        result = fit(output, design)
        effects = np.asarray(result.params)[:n_levels]
        covariance = np.asarray(result.cov_params())[:n_levels, :n_levels]
        square = effects @ np.linalg.pinv(covariance) @ effects
        pvalues.append(stats.chi2.sf(square, n_levels))
        sizes.append(np.append(effects, 0.0).var())
    return float(np.sqrt(sum(sizes))), min(1.0, len(pvalues) * min(pvalues))


def nearest_neighbours(study: Study, n_permutations: int) -> tuple[float, float]:
    """Are levels mixed among nearest neighbours of the outputs? (kBET, 2019)

    Mean chi-square of the levels of neighbours against their shares of all rows, with
    permuted levels as null. Nothing is held fixed.
    """
    outputs = unit_outputs(study)
    neighbours = NearestNeighbors(n_neighbors=N_NEIGHBOURS).fit(outputs)
    rows = neighbours.kneighbors(outputs, return_distance=False)
    indicators = np.eye(study.column.max() + 1)[study.column]
    value = _mean_square_of_counts(indicators, rows)
    generator = np.random.default_rng(0)
    null = [
        _mean_square_of_counts(generator.permutation(indicators), rows)
        for _ in range(n_permutations)
    ]
    return value, float((1 + np.sum(np.array(null) >= value)) / (n_permutations + 1))


def _mean_square_of_counts(indicators: np.ndarray, rows: np.ndarray) -> float:
    expected = N_NEIGHBOURS * indicators.mean(axis=0)
    counts = indicators[rows].sum(axis=1)
    return float(((counts - expected) ** 2 / expected).sum(axis=1).mean())
