"""scikit-learn's own checks on several instances of the estimator."""

from __future__ import annotations

from dataclasses import replace
from unittest import SkipTest

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_wsca import (
    Head,
    IntegratedFeatureAnalysis,
    MetadataEraser,
    WeightSpaceCorrelation,
)
from sklearn_wsca._heads.task import Task
from sklearn_wsca._input.table import as_table

# Check name -> why scikit-learn's expectation does not fit. Empty: all of them do.
EXPECTED_FAILURES: dict[str, str] = {}

# Check name -> why it may skip itself. No other check may.
ALLOWED_SKIPS = {
    "check_array_api_input": "SCIPY_ARRAY_API has to be set before scipy is imported"
}

# What `parametrize_with_checks` yields per instance on the oldest scikit-learn that is
# supported: fewer would mean that checks are skipped unseen.
FEWEST_CHECKS = 50

EXTRA_CHECKS = [
    "check_param_validation",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_dataframe_column_names_consistency",
    "check_inplace_ensure_writeable",
]


class WithSummingHead(WeightSpaceCorrelation):
    """Trained primary head: a vector of ones of whatever width a check comes with."""

    def _read_tasks(self, given):
        n_features = given.X.n_features
        head = Head(np.ones((1, n_features)), np.zeros(1), None, "ridge")
        primary = Task("primary", head=head, trained=True)
        return replace(super()._read_tasks(given), primary=primary)

    def _tests_alignment(self):
        return self.n_permutations > 0


class WithTarget(WeightSpaceCorrelation):
    """Target column next to the one column of y that the checks pass."""

    def _check_rows(self, X, y, sample_weight=None, needed=None, metadata=None):
        # The column that is needed is made here.
        y = pd.DataFrame(as_table(y)) if y is not None else None
        given = super()._check_rows(X, y, sample_weight, needed, metadata)
        table = given.table
        return replace(given, table=table.assign(target=table.iloc[:, 0]))


class WithHeldTarget(MetadataEraser):
    """Target column that the one column of y does not determine."""

    def fit(self, X, y, sample_weight=None, metadata=None):
        target = pd.util.hash_array(np.asarray(X)[:, 0].astype(float))
        y = as_table(y).assign(target=target % 2)
        return super().fit(X, y, sample_weight, metadata)


# Without permutations where they are not the subject, because the checks fit often.
INSTANCES = {
    "default": WeightSpaceCorrelation(n_permutations=0),
    "eraser": MetadataEraser(),
    "features": IntegratedFeatureAnalysis(),
}
# Of these only checks of what is computed: names, tags, parameters and the reading of
# input belong to the class.
VARIANTS = {
    "permutations": WithSummingHead(n_permutations=19, metric="score", random_state=0),
    "sign_flip": WithSummingHead(n_permutations=19, null="sign_flip", random_state=0),
    "ridge": WeightSpaceCorrelation(heads="ridge", n_permutations=0),
    "logistic": WeightSpaceCorrelation(heads="logistic", n_bins=3, n_permutations=0),
    "target": WithTarget("target", n_permutations=0, n_components=None),
    "eraser_at_fixed_target": WithHeldTarget(target="target", shrinkage=0.1),
    "features_by_importance": IntegratedFeatureAnalysis(
        ratio=0.5, ranking="importance", scale="tanh"
    ),
}
CHECKS_OF_RESULTS = {
    "check_dict_unchanged",
    "check_estimators_dtypes",
    "check_estimators_overwrite_params",
    "check_estimators_pickle",
    "check_fit2d_1feature",
    "check_fit2d_1sample",
    "check_fit_idempotent",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_pipeline_consistency",
    "check_sample_weight_equivalence_on_dense_data",
    "check_transformer_general",
}


def expected_failed_checks(_estimator):
    return EXPECTED_FAILURES


def checks_of(estimators):
    """Names and values of the parameters of scikit-learn's decorator, and its options.

    The values are made a list: pytest 9 warns about generators, which scikit-learn
    below 1.9 passes.
    """
    mark = parametrize_with_checks(
        list(estimators.values()), expected_failed_checks=expected_failed_checks
    ).mark
    names, values = mark.args[:2]
    return names, list(values), mark.kwargs


def name_of(value):
    """Name of the check of one set of parameters."""
    return getattr(value, "values", value)[1].func.__name__


NAMES, VALUES, OPTIONS = checks_of(INSTANCES)
OF_RESULTS = [v for v in checks_of(VARIANTS)[1] if name_of(v) in CHECKS_OF_RESULTS]


# Labels of the checks are the integers 0, 1 and 2, whose kind nobody says.
CODES = pytest.mark.filterwarnings("ignore:kinds. columns of few integers:UserWarning")


@CODES
# Some checks have three levels and two features, so that an eraser leaves nothing.
@pytest.mark.filterwarnings("ignore:X. the columns take all 2 directions:UserWarning")
@pytest.mark.parametrize(NAMES, [*VALUES, *OF_RESULTS], **OPTIONS)
def test_scikit_learn_check(estimator, check):
    try:
        check(estimator)
    except SkipTest:
        reason = ALLOWED_SKIPS.get(check.func.__name__)
        assert reason, f"{check.func.__name__} skips itself unseen"
        pytest.skip(reason)


def test_enough_checks_ran():
    assert len(VALUES) >= FEWEST_CHECKS * len(INSTANCES)
    assert {name_of(value) for value in OF_RESULTS} == CHECKS_OF_RESULTS
    assert len(OF_RESULTS) >= (len(CHECKS_OF_RESULTS) - 1) * len(VARIANTS)


def test_expected_failures_are_checks_that_exist():
    known = {name for name in dir(estimator_checks) if name.startswith("check_")}
    assert set(EXPECTED_FAILURES) <= known
    assert all(EXPECTED_FAILURES.values())
    assert all(ALLOWED_SKIPS.values())


@CODES
# These checks mix data frames and arrays in fit and transform, to see both outputs.
@pytest.mark.filterwarnings("ignore:X .* feature names:UserWarning")
@pytest.mark.parametrize("check_name", EXTRA_CHECKS)
@pytest.mark.parametrize("name", INSTANCES)
def test_extra_scikit_learn_check(name, check_name):
    estimator = clone(INSTANCES[name])
    getattr(estimator_checks, check_name)(type(estimator).__name__, estimator)
