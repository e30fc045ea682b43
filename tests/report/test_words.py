"""What was asked and done, and what an analysis cannot say."""

import numpy as np
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca.datasets import make_shortcut
from sklearn_wsca.report import to_dict


def analyse(data, metadata=None, **parameters):
    settings = {"n_permutations": 99, "random_state": 0, "target_head": data.head}
    analysis = WeightSpaceCorrelation("target", **settings | parameters)
    return analysis.fit(data.data, data.metadata if metadata is None else metadata)


@pytest.fixture(scope="module")
def data():
    return make_shortcut(300, 16, random_state=0)


@pytest.fixture(scope="module")
def fitted(data):
    return analyse(data)


def test_limits_follow_the_analysis(data, fitted):
    other_rows = make_shortcut(200, 16, random_state=1)
    own, refitted = to_dict(fitted), to_dict(analyse(data, target_head=None))
    table = fitted.audit(other_rows.data, other_rows.metadata)
    audited = to_dict(fitted, audit=table)
    no_head = "No trained head was given"
    same_rows = "The rows judged are those that the linear models were fitted on"
    assert no_head in " ".join(refitted["limits"] + refitted["description"])
    assert no_head not in " ".join(own["limits"] + own["description"])
    assert same_rows in " ".join(own["limits"])
    assert same_rows not in " ".join(audited["limits"])
    assert "fitted on 300 other rows" in audited["description"][0]


def test_groups_end_the_warning_of_dependent_rows(data, fitted):
    metadata = data.metadata.assign(patient=np.arange(300) // 2)
    grouped = analyse(
        data, metadata, groups="patient", target_head=None, n_permutations=0
    )
    warning = "Rows were taken for independent"
    assert warning not in " ".join(to_dict(grouped)["limits"])
    assert warning in " ".join(to_dict(fitted)["limits"])


@pytest.mark.parametrize("use", [0.0, 1.0])
def test_answers_follow_the_verdict(use):
    data = make_shortcut(1000, 16, use=use, random_state=0)
    column = to_dict(analyse(data))["columns"][0]
    if use:
        assert column["verdict"] == "used"
        assert column["answer"].startswith(
            "The network's output moves with it at fixed 'target', by 0."
        )
    else:
        assert column["verdict"] == "not used"
        assert "moves less with it than 0.1" in column["answer"]


def test_untestable_answers_give_the_reason(data):
    result = to_dict(analyse(data, n_permutations=0))
    answers = [c["answer"] for c in result["columns"] if c["name"] == "scanner"]
    assert answers == [
        "Nothing can be said: n_permutations=0, so there are no p-values."
    ]
