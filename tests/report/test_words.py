"""What was asked and done, and what an analysis cannot say."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._report.words import tell_doubts, tell_held_out, tell_performance
from sklearn_wsca.datasets import make_shortcut
from sklearn_wsca.report import to_dict
from tests.report_studies import add_constant, analyse


def test_limits_follow_the_analysis(data, fitted, other_rows):
    own, refitted = to_dict(fitted), to_dict(analyse(data, target_head=None))
    table = fitted.audit(other_rows.data, add_constant(other_rows.metadata))
    audited = to_dict(fitted, audit=table)
    no_head = "No trained head was given"
    declared = to_dict(analyse(data, held_out=True))
    unknown, crossed = "not known to be held out", "fitted without it (cross-fitting)"
    assert no_head in " ".join(refitted["limits"] + refitted["description"])
    assert no_head not in " ".join(own["limits"] + own["description"])
    assert unknown in " ".join(own["limits"])
    assert crossed in " ".join(refitted["limits"])
    for result in (audited, declared):
        assert tell_held_out(result["analysis"]) == ""
        assert unknown not in " ".join(result["limits"])
    assert "whether it has seen these rows is not known" in own["description"][2]
    assert "which has not seen these rows, as its user" in declared["description"][2]
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


@pytest.fixture(scope="module")
def twins():
    study = make_shortcut(
        600, 8, encoding=2.0, use=1.0, association=0.3, random_state=0
    )
    table = study.metadata.copy()
    rng = np.random.default_rng(0)
    moved = rng.random(len(table)) < 0.2
    table["hospital"] = table["scanner"]
    table.loc[moved, "hospital"] = rng.permutation(table["scanner"][moved])
    model = WeightSpaceCorrelation(
        "target", target_head=study.head, n_permutations=99, random_state=0
    )
    return model.fit(study.data, table), study.data, table


class TestDoubts:
    """How wrong the use of a column could be, from the estimator to the answers."""

    def test_a_used_column_has_its_doubts(self, twins):
        model, *_ = twins
        values = model.robustness_values_.loc["scanner"]
        at_fixed = model.confusable_.loc["scanner", "hospital"]
        result = to_dict(model)
        scanner = next(c for c in result["columns"] if c["name"] == "scanner")
        assert scanner["verdict"] == "used"
        assert scanner["utilization"]["robustness_to_margin"] == values["to_margin"]
        assert scanner["utilization"]["robustness_to_zero"] == values["to_zero"]
        assert scanner["confusable"] == [{"column": "hospital"} | at_fixed.to_dict()]
        robustness, pair = tell_doubts(scanner)
        assert f"explain {values.min():.0%} of what is left of both" in robustness
        assert "'scanner' and 'hospital' go together" in pair
        assert scanner["answer"].endswith(f"{robustness} {pair}")
        note = model.summary_.loc["scanner", "note"].lower()
        assert robustness.lower().strip(".") in note
        assert pair.lower().strip(".") in note

    def test_what_is_used_is_told_from_what_goes_with_it(self, twins):
        model, *_ = twins
        left = model.confusable_["utilization"]
        assert left.loc["scanner", "hospital"] > 0.2
        assert left.loc["hospital", "scanner"] < 0.1

    def test_other_columns_have_none(self, twins):
        model, *_ = twins
        for column in to_dict(model)["columns"]:
            if column["verdict"] != "used":
                assert tell_doubts(column) == []
                assert "unmeasured" not in column["answer"] + column["note"]
                break
        else:
            raise AssertionError("all are used")

    def test_an_audit_has_its_own(self, twins):
        model, X, table = twins
        audited = model.audit(X, table)
        values = pd.DataFrame(audited.attrs["robustness_values"]).set_index("column")
        assert list(values.index) == list(model.robustness_values_.index)
        pairs = pd.DataFrame(audited.attrs["confusable"])
        assert list(pairs["column"]) == [a for a, _ in model.confusable_.index]
        scanner = next(c for c in to_dict(audited)["columns"] if c["name"] == "scanner")
        expected = values.loc["scanner", "to_margin"]
        assert scanner["utilization"]["robustness_to_margin"] == expected
        assert "'hospital' go together" in scanner["answer"]


PERFORMANCE = {"n_rows": 997, "pvalue": 0.005, "finding": "better than chance"}
CLASSES = {"balanced_accuracy": 0.912, "accuracy": 0.9, "auroc": 0.96, "chance": 0.5}
NUMBER = {"r2": 0.61, "mae": 4.21, "correlation": 0.79}


def told(found, **analysis):
    settings = {
        "target": {"name": "diagnosis"},
        "judged_rows": "fit",
        "head_rows": "unknown",
        "primary_head": {"source": "trained"},
        "head_performance": PERFORMANCE | found,
    }
    return tell_performance(settings | analysis)


class TestPerformance:
    def test_is_the_headline(self):
        expected = (
            "The network predicts 'diagnosis' with balanced accuracy 0.91 (chance "
            "0.50) on these 997 rows."
        )
        assert told(CLASSES) == (expected, False)
        # An audit table knows no estimator.
        assert told(CLASSES, primary_head=None)[0] == expected

    def test_of_a_number(self):
        assert told(NUMBER)[0] == (
            "The network predicts 'diagnosis' with mean absolute error 4.2 and R2 "
            "0.61 (chance 0.00) on these 997 rows."
        )

    def test_of_a_number_in_another_unit(self):
        assert told(NUMBER | {"r2": -45.0}) == (
            "The outputs of the network and 'diagnosis' go together on these 997 rows "
            f"(correlation {NUMBER['correlation']:.2f}, chance 0.00), but not in unit "
            "or level: mean absolute error 4.2 and R2 -45.00.",
            False,
        )

    @pytest.mark.parametrize(
        "known", [{"judged_rows": "held out"}, {"head_rows": "held out"}]
    )
    def test_of_held_out_rows(self, known):
        assert "on these 997 held-out rows." in told(CLASSES, **known)[0]

    def test_of_a_fitted_head(self):
        sentence, _ = told(CLASSES, primary_head={"source": "fitted"})
        assert sentence.startswith("The linear head fitted here predicts")

    @pytest.mark.parametrize(
        ("finding", "words"),
        [
            (
                "not better than chance",
                "is not shown to predict 'diagnosis' better than",
            ),
            ("worse than chance", "predicts 'diagnosis' worse than chance"),
            ("better in another order", "better with its classes in another order"),
        ],
    )
    def test_is_a_warning(self, finding, words):
        sentence, doubtful = told(CLASSES | {"finding": finding})
        assert (
            doubtful
            and sentence.startswith("Warning: the network ")
            and words in sentence
        )
        assert "on these 997 rows (balanced accuracy 0.91, chance 0.50). " in sentence

    def test_a_lost_intercept_is_seen(self):
        poor = CLASSES | {"balanced_accuracy": 0.5}
        assert "(AUROC 0.96)" in told(poor)[0]
        assert "AUROC" not in told(poor | {"auroc": 0.52})[0] + told(CLASSES)[0]

    def test_is_left_out_where_nothing_is_known(self):
        assert tell_performance({"target": None}) == ("", False)
