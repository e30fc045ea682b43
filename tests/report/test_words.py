"""What was asked and done, and what an analysis cannot say."""

import numpy as np
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca.datasets import make_shortcut
from sklearn_wsca.report import to_dict
from tests.report_studies import add_constant, analyse


def test_limits_follow_the_analysis(data, fitted, other_rows):
    own, refitted = to_dict(fitted), to_dict(analyse(data, target_head=None))
    table = fitted.audit(other_rows.data, add_constant(other_rows.metadata))
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
    analysis = WeightSpaceCorrelation("target", groups="patient", n_permutations=0)
    grouped = analysis.fit(data.data, metadata)
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
