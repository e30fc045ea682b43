"""Used and unequal, side by side, from a fit and from held-out rows."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation, performance_test
from sklearn_wsca._analysis.consequences import measure_consequences
from sklearn_wsca.datasets import load_heart_hospitals

# The network reads age and sex as features too, which is said.
pytestmark = pytest.mark.filterwarnings("ignore:X. feature")


@pytest.fixture(scope="module")
def fitted():
    heart = load_heart_hospitals()
    odd = np.arange(len(heart.data)) % 2 == 1
    given = {"target_head": heart.head, "n_permutations": 99, "random_state": 0}
    analysis = WeightSpaceCorrelation("disease", **given)
    analysis.fit(heart.data[odd], heart.metadata[odd])
    return analysis, heart.data[~odd], heart.metadata[~odd]


def test_a_fit_and_its_audit_say_the_same_of_their_own_rows(fitted):
    analysis, X, table = fitted
    audit = analysis.audit(X, table)
    held_out = pd.DataFrame(audit.attrs["performance_by_level"])
    assert {"column", "level", "sensitivity_low", "gap_pvalue"} <= set(held_out)
    logits = (X @ analysis.target_head_.coef.T + analysis.target_head_.intercept)[:, 0]
    alone = performance_test(
        logits, table["hospital"], table["disease"], n_permutations=0
    ).by_level
    own = held_out[held_out["column"] == "hospital"].set_index("level")
    for name in ("n_rows", "auroc", "specificity_high"):
        assert own[name].tolist() == pytest.approx(alone[name].tolist())
    fitted_rows = analysis.performance_by_level_.loc["hospital"]
    assert fitted_rows["auroc"].tolist() != pytest.approx(own["auroc"].tolist())
    for summary, gaps in (
        (analysis.summary_, analysis.performance_gaps_),
        (audit, pd.DataFrame(audit.attrs["performance_gaps"]).set_index("column")),
    ):
        assert summary["performance_gap"].tolist() == gaps["size"].tolist()
        assert summary["consequence"].str.contains("performance differs").all()


def test_every_format_says_the_sentence(fitted):
    analysis, _, _ = fitted
    sentence = analysis.summary_.loc["hospital", "consequence"]
    column = analysis.to_dict()["columns"][0]
    assert column["performance"]["sentence"] == sentence
    assert column["performance"]["case"] == "used and differs"
    assert len(column["performance"]["by_level"]) == 4
    assert sentence[:40] in analysis.to_markdown()


def test_without_diagnostics_or_decision_nothing_is_measured():
    heart = load_heart_hospitals()
    analysis = WeightSpaceCorrelation(
        "disease", target_head=heart.head, n_permutations=0, diagnostics=False
    ).fit(heart.data, heart.metadata)
    assert analysis.performance_by_level_.empty
    assert analysis.performance_gaps_["size"].isna().all()
    assert analysis.summary_["consequence"].str.endswith("was not tested.").all()
    tests = measure_consequences(None, None, {"x": None}, None, 0.05, None)
    assert tests.left_out == {"x": "there is no decision to judge"}
