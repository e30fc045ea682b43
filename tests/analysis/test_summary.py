"""The summary table."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._analysis.summary import SUMMARY_COLUMNS, find_classes, make_summary
from sklearn_wsca._utilization.effects import Shift
from sklearn_wsca.datasets import make_shortcut


def test_table_has_the_columns_and_types_of_the_contract():
    table = make_summary(
        {
            "age": {"kind": "continuous", "n_samples": 40, "encoding_score": 0.5},
            ("a", 1): {"note": "left out: constant"},
        }
    )
    assert tuple(table.columns) == SUMMARY_COLUMNS
    assert table.index.tolist() == ["age", ("a", 1)]
    assert table["n_samples"].dtype == pd.Int64Dtype()
    assert table["alignment_score"].dtype == float
    assert table["note"].tolist() == ["", "left out: constant"]
    assert table.loc["age", "n_samples"] == 40


# --- the classes of the target -------------------------------------------------------

N_ROWS = [300, 300, 12]


def examined(entries, names=("a", "b", "c")):
    """What `find_classes` reads, from utilization, high and stands_out by class."""
    table = pd.DataFrame(
        entries,
        index=pd.Index(names, name="target_class"),
        columns=["utilization", "high", "stands_out"],
        dtype=float,
    )
    return SimpleNamespace(
        by_class=table,
        class_rows=np.array(N_ROWS[: len(names)]),
        carrier="most under 'S'",
        rare_sizes={"C": 0.3, "D": 0.02},
        shift=Shift(3.0, 1.0, 5.0, ("the probability", "higher")),
    )


SMALL, WIDE = (0.02, 0.06, 0), (0.05, 0.4, 0)
UNSEEN = (np.nan, np.nan, np.nan)


@pytest.mark.parametrize(
    ("entries", "above", "unseen", "doubt"),
    [
        ([SMALL, SMALL, SMALL], [], [], ""),
        # Of what moves on its own enough is known.
        ([SMALL, SMALL, (0.2, 0.4, 1)], ["c"], [], ""),
        # it stands out, but is below the margin; or is above it by chance
        ([SMALL, SMALL, (0.05, 0.08, 1)], [], [], ""),
        (
            [SMALL, SMALL, WIDE],
            [],
            [],
            "up to 0.4); about 190 rows of it",
        ),
        ([SMALL, UNSEEN, SMALL], [], ["b"], ""),
        ([WIDE, UNSEEN, (0.3, 0.39, 1)], ["c"], ["b"], "of the class 'a' (300 rows"),
    ],
)
def test_classes_that_move_or_cannot_be_judged(entries, above, unseen, doubt):
    found = find_classes(examined(entries), 0.1)
    assert found["classes_above"] == above
    assert found["classes_unseen"] == unseen
    assert found["levels_above"] == ["C"]
    assert doubt in found["class_in_doubt"]
    assert bool(doubt) == bool(found["class_in_doubt"])
    assert found["carrier"] == "most under 'S'"
    assert found["shift_sentence"] == ("the probability", "higher")


def test_a_target_of_one_class_has_no_classes_of_its_own():
    found = find_classes(examined([(0.3, 0.4, 1)], ["all"]), 0.1)
    assert found["classes_above"] == found["classes_unseen"] == []
    assert found["class_in_doubt"] == ""


def test_numbers_for_names_are_shown_as_they_are():
    found = find_classes(examined([SMALL, SMALL, WIDE], [0, 1, 2]), 0.1)
    assert "of the class 2 (12 rows" in found["class_in_doubt"]


# --- names in the sentences ----------------------------------------------------------


def test_names_with_signs_of_a_percentage_are_shown_as_they_are():
    study = make_shortcut(300, 8, encoding=2.0, use=1.5, random_state=0)
    table = study.metadata
    table["scanner"] = table["scanner"].map("{} at 100%s".format)
    table["target"] = table["target"].map("{}, 5% of %d".format)
    found = WeightSpaceCorrelation(
        "target",
        target_head=study.head,
        columns=["scanner"],
        n_permutations=39,
        random_state=0,
    ).fit(study.data, table)
    note = found.summary_.loc["scanner", "note"]
    assert found.verdicts_["scanner"] == "used"
    assert "the probability of 'class" in note and "5% of %d' is" in note
    assert "points higher under 'scanner" in note.replace("scanner ", "scanner")


# --- the table of a fit --------------------------------------------------------------


@pytest.fixture(scope="module")
def study():
    return make_shortcut(200, 8, encoding=2.0, use=1.0, random_state=0)


def fit(study, table, columns):
    settings = {"n_permutations": 59, "random_state": 0, "target_head": study.head}
    fitted = WeightSpaceCorrelation("target", columns=columns, **settings)
    return fitted.fit(study.data, table)


def test_columns_and_types_of_the_table(study):
    table = study.metadata.assign(vendor="one")
    found = fit(study, table, None).summary_
    # The order of the contract in the documentation.
    assert found.columns.tolist() == [
        *("kind", "n_samples", "n_levels", "target_association"),
        *("encoding_score", "encoding_pvalue", "encoding_qvalue"),
        *("encoding_skill", "encoding_power"),
        *("alignment_score", "alignment_pvalue", "alignment_pvalue_fwer"),
        *("alignment_qvalue", "utilization", "utilization_low", "utilization_high"),
        *("utilization_balanced", "utilization_balanced_low"),
        *("utilization_balanced_high", "utilization_pvalue", "utilization_qvalue"),
        *("probability_shift", "probability_shift_low", "probability_shift_high"),
        *("minimum_detectable_effect", "performance_gap", "performance_pvalue"),
        *("performance_qvalue", "verdict", "consequence", "note"),
    ]
    assert found.columns.tolist() == list(SUMMARY_COLUMNS)
    assert found.index.name == "column"
    assert (found.dtypes[["n_samples", "n_levels"]] == "Int64").all()
    assert (found.dtypes.iloc[3:28] == np.float64).all()
    for name in ("kind", "verdict", "consequence", "note"):
        assert all(isinstance(v, str) for v in found[name].dropna())
    assert found["verdict"].notna().all()
    assert found["note"].str.len().gt(0).all()
    assert found["n_levels"].tolist()[:3] == [3, pd.NA, 4]


def test_attributes_are_the_columns_of_the_table(study):
    found = fit(study, study.metadata, ["scanner", "age"])
    table = found.summary_
    pairs = {
        "verdict": found.verdicts_,
        "utilization": found.utilization_,
        "utilization_low": found.utilization_ci_["low"],
        "utilization_high": found.utilization_ci_["high"],
        "utilization_balanced": found.utilization_balanced_,
        "utilization_pvalue": found.utilization_pvalues_,
        "utilization_qvalue": found.utilization_qvalues_,
        "minimum_detectable_effect": found.minimum_detectable_effect_,
        "encoding_pvalue": found.encoding_pvalues_,
        "encoding_qvalue": found.encoding_qvalues_,
        "encoding_skill": found.encoding_skills_,
        "encoding_power": found.encoding_power_,
        "alignment_score": found.alignment_scores_,
    }
    for name, series in pairs.items():
        pd.testing.assert_series_equal(table[name], series, check_names=False)
    assert found.utilization_ci_.columns.tolist() == ["low", "high"]
    assert table["utilization"].nunique() == 2
