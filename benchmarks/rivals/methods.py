"""Every method as a function of a study: its value, and whether it raises an alarm."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.rivals import packages, residuals
from benchmarks.rivals.studies import Study
from sklearn_wsca import WeightSpaceCorrelation, utilization_test

LEVEL = 0.05


@dataclass(frozen=True)
class Method:
    """A method, and what it can be asked.

    `measure` takes a study and a number of permutations; it returns the method's own
    measure of size and a p-value, or 0 for an alarm and 1 for none where the method
    has no p-value. Slow methods get fewer studies and permutations.
    """

    measure: Callable[[Study, int], tuple[float, float]]
    needs_groups: bool = False
    n_studies: int = 200
    n_permutations: int = 199
    n_permutations_of_networks: int = 199

    def takes(self, study: Study) -> bool:
        """Whether the method is meant for such a study."""
        return study.groups is not None or not self.needs_groups


def utilization(study: Study, n_permutations: int) -> tuple[float, float]:
    """The package, from outputs."""
    result = utilization_test(
        study.outputs,
        as_labels(study.column),
        target=as_labels(study.target) if study.has_classes else study.target,
        groups=study.groups,
        n_permutations=n_permutations,
        random_state=0,
    )
    return result.utilization, result.pvalue


def verdict_used(study: Study, n_permutations: int) -> tuple[float, float]:
    """The package's verdict, from embeddings and head."""
    target = as_labels(study.target) if study.has_classes else study.target
    table = pd.DataFrame({"target": target, "column": as_labels(study.column)})
    if study.groups is not None:
        table["group"] = study.groups
    analysis = WeightSpaceCorrelation(
        "target",
        target_head=(study.coef, study.intercept),
        columns=["column"],
        groups=None if study.groups is None else "group",
        n_permutations=n_permutations,
        random_state=0,
    ).fit(study.embeddings, table)
    is_used = analysis.verdicts_["column"] == "used"
    return analysis.utilization_["column"], float(not is_used)


def as_labels(codes: np.ndarray) -> np.ndarray:
    """Names that cannot be taken for numbers."""
    return np.char.add("level ", codes.astype(str))


METHODS: dict[str, Method] = {
    "sklearn_wsca, p of the utilization": Method(utilization),
    "sklearn_wsca, verdict `used`": Method(verdict_used),
    "generalised covariance measure, splines": Method(residuals.covariance_measure),
    "regression, HC3, splines": Method(residuals.robust_regression),
    "GEE, splines": Method(residuals.estimating_equations, needs_groups=True),
    "mixed model, splines": Method(residuals.mixed_model, needs_groups=True),
    "partially linear regression (DoubleML)": Method(packages.double_learning),
    "conditional randomization (hidimstat)": Method(packages.distilled_randomisation),
    "partial distance covariance (dcor)": Method(
        packages.partial_distance, n_permutations_of_networks=19
    ),
    "kernel test, KCI (causal-learn)": Method(packages.kernel_test),
    "partial confounder test (mlconfound)": Method(
        packages.partial_confound,
        n_studies=20,
        n_permutations=99,
        n_permutations_of_networks=19,
    ),
    "kNN batch test, after kBET": Method(residuals.nearest_neighbours),
    "probe (ShortKit-ML)": Method(packages.shortkit_probe),
}
