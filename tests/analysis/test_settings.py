"""Settings of an analysis as plain values."""

import json

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._analysis.settings import (
    HEAD_OUTPUTS,
    OWN,
    SETTINGS,
    describe_head,
    describe_settings,
)
from sklearn_wsca.datasets import make_shortcut


def test_all_parameters_are_there_but_those_of_one_network():
    found = describe_settings(WeightSpaceCorrelation("target", metric="score"))
    parameters = WeightSpaceCorrelation().get_params(deep=False)
    assert set(found) == set(parameters) - OWN
    assert set(parameters) > OWN
    assert found["metric"] == "score"


@pytest.mark.parametrize(
    ("options", "key", "expected"),
    [
        ({"columns": pd.Index(["a", "b"])}, "columns", ["a", "b"]),
        ({"n_components": np.float64(0.9)}, "n_components", 0.9),
        ({"heads": "ridge"}, "heads", "ridge"),
        (
            {"heads": {"a": "ridge", "b": np.ones((2, 3))}},
            "heads",
            {"a": "ridge", "b": "given"},
        ),
    ],
)
def test_they_are_plain(options, key, expected):
    found = describe_settings(WeightSpaceCorrelation("target", **options))
    assert found[key] == expected
    json.dumps(found)


def test_the_table_of_an_audit_carries_them():
    study = make_shortcut(120, 6, random_state=0)
    options = {"n_permutations": 0, "diagnostics": False, "random_state": 0}
    one = WeightSpaceCorrelation("target", target_head=study.head, **options)
    found = one.fit(study.data, study.metadata).audit(study.data, study.metadata)
    assert found.attrs[SETTINGS] == describe_settings(one)
    json.dumps(found.attrs)


def test_a_head_is_described_by_what_it_decides():
    study = make_shortcut(120, 6, random_state=0)
    options = {"n_permutations": 0, "diagnostics": False, "random_state": 0}
    one = WeightSpaceCorrelation("target", target_head=study.head, **options)
    one.fit(study.data, study.metadata)
    classes = sorted(study.metadata["target"].unique())
    expected = {"classes": classes, "n_outputs": len(study.head[0])}
    assert describe_head(one) == expected
    audited = one.audit(study.data, study.metadata)
    assert audited.attrs[HEAD_OUTPUTS] == expected
    columns_only = WeightSpaceCorrelation(None, columns=["scanner", "age"], **options)
    assert describe_head(columns_only.fit(study.data, study.metadata)) == {}
