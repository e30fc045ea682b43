"""What a result may never say, over all rows of numbers and over whole analyses.

Words are read back from notes and answers, as a reader would read them.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._analysis.audit import DESCRIPTION
from sklearn_wsca._analysis.summary import make_summary
from sklearn_wsca._text import column_text
from sklearn_wsca._verdicts.registry import judge
from sklearn_wsca._verdicts.rule import EXPLAINED, Rule
from sklearn_wsca.datasets import make_shortcut
from sklearn_wsca.report import to_dict, to_markdown
from tests.generated_studies import PROFILE, studies

NUMBER = r"(\d[\d.]*(?:e[+-]?\d+)?)"
INTERVAL = re.compile(rf"(\d+)% interval {NUMBER} to {NUMBER}")
NO_POINTS = re.compile(r"(?<![\d.])0 (?:percentage )?points?\b")
HELD = re.compile(r"at fixed ((?:(?:\([^)]*\)|'[^']*'|\d+)(?: and )?)+)")
HIGHS = ["utilization_high", "utilization_balanced_high"]
# Numbers are shown with two digits.
ROUNDED = 1.06


def held_in(text):
    """Names that a text says are held fixed."""
    names = " and ".join(HELD.findall(text))
    return [name.strip("'") for name in names.split(" and ") if name]


def check_claims(table, rule):
    """Everything that the notes and answers of a table must not say."""
    result = to_dict(table)
    level = f"{1 - rule.significance:.0%}".removesuffix("%")
    for (name, row), column in zip(table.iterrows(), result["columns"], strict=True):
        texts = row["note"], column["answer"]
        check_intervals(row, texts, rule, level)
        for text in texts:
            assert repr(name) not in held_in(text)
            assert column_text(name) not in held_in(text), text
            assert not NO_POINTS.search(text), text
        if EXPLAINED in row["note"]:
            check_explained(row, rule)
    assert not NO_POINTS.search(to_markdown(result))
    return result


def check_intervals(row, texts, rule, level):
    """One level; above 0 where something is used, below the margin where it is not."""
    for text in texts:
        for shown, low, high in INTERVAL.findall(text):
            assert shown == level
            assert float(low) <= float(high)
            if row["verdict"] == "used":
                assert float(low) > 0.0
            if row["verdict"] == "not used":
                assert float(high) <= rule.min_effect * ROUNDED
    if row["verdict"] == "used":
        assert row["utilization_qvalue"] <= rule.significance
        for text in texts:
            (size,) = re.findall(rf"by {NUMBER} of", text)
            (_, low, _) = INTERVAL.search(text).groups()
            assert max(float(size), float(low)) >= rule.min_effect / ROUNDED
    if row["verdict"] == "not used":
        assert row[HIGHS].max(skipna=False) < rule.min_effect


def check_explained(row, rule):
    """An alignment that the data explain is one, and there is no use."""
    aligned = row["alignment_pvalue_fwer"]
    aligned = row["alignment_qvalue"] if np.isnan(aligned) else aligned
    assert aligned <= rule.significance
    assert row[HIGHS].max(skipna=False) < rule.min_effect
    assert row["verdict"] != "used"


# --- all rows of numbers -------------------------------------------------------------

EDGES = [0.0, 1e-9, 0.004, 0.05, 0.1 - 1e-9, 0.1, 0.1 + 1e-9, 0.3, 0.7]
# Lists: what is drawn of floats depends on the constants of all modules in memory.
SIZES = st.sampled_from(EDGES) | st.sampled_from(np.linspace(0.0, 1.0, 200).tolist())
SHIFTS = st.sampled_from(np.linspace(-1.0, 60.0, 200).tolist())
PVALUES = st.just(0.001) | st.sampled_from([0.05, 0.05 + 1e-9, 0.6, np.nan])
NAMES = ["scanner", "site", "disease", ("site", "sex"), 7]
CLASSES = st.sampled_from([[], [], [], ["rare"]])


@st.composite
def rows(draw, name):
    """Numbers of a column as an analysis could give them, and others."""
    three = st.tuples(SIZES, SIZES, SIZES).map(sorted)
    scale = st.sampled_from([0.04, 0.04, 0.04, 1.0])
    pooled, balanced = (
        np.multiply(draw(scale), draw(three)).tolist() for _ in range(2)
    )
    if draw(st.booleans()):
        # What no drawing of sizes makes likely: both intervals reach 0.
        pooled[0] = balanced[0] = 0.0
    shift = sorted(draw(st.tuples(SHIFTS, SHIFTS, SHIFTS)))
    keys = ("_low", "", "_high")
    row = {f"utilization{k}": v for k, v in zip(keys, pooled, strict=True)}
    row |= {f"utilization_balanced{k}": v for k, v in zip(keys, balanced, strict=True)}
    row |= {f"probability_shift{k}": v for k, v in zip(keys, shift, strict=True)}
    for key in ("utilization_qvalue", "encoding_qvalue", "target_association_pvalue"):
        row[key] = draw(PVALUES)
    row |= {"alignment_pvalue_fwer": draw(PVALUES), "alignment_qvalue": draw(PVALUES)}
    return row | {
        "name": name,
        "kind": "categorical",
        "encoding_skill": draw(st.sampled_from([-6.8, 0.004, 0.01, 0.3, 0.3])),
        "encoding_power": draw(st.sampled_from([0.2, 0.8, 1.0, np.nan])),
        "target_association": 0.3,
        "minimum_detectable_effect": 0.2,
        "classes_above": draw(CLASSES),
        "levels_above": draw(CLASSES),
        "classes_unseen": draw(CLASSES),
        "class_in_doubt": draw(st.sampled_from(["", "least is known of 'rare'"])),
        "carrier": draw(st.sampled_from(["", "most under 'A'"])),
        "shift_sentence": ("the probability of 'ill' is", "higher under 'A'"),
    }


@st.composite
def judged(draw):
    """A table of several columns, with verdicts and notes by the rule, and the rule."""
    held = draw(st.lists(st.sampled_from(NAMES[1:]), unique=True, max_size=3))
    level = draw(st.sampled_from([0.01, 0.05, 0.1]))
    margin = draw(st.sampled_from([0.05, 0.1, 0.3]))
    rule = Rule(level, margin, held, draw(st.sampled_from(["", "", "seen"])))
    found = {name: draw(rows(name)) for name in NAMES}
    for row in found.values():
        row["verdict"], sentence = judge(row, rule)
        row["note"] = "; ".join(filter(None, [sentence, rule.explained_by_target(row)]))
    table = make_summary(found)
    table.attrs[DESCRIPTION] = {
        "held_fixed": held,
        "significance": level,
        "min_effect": margin,
        "withheld": rule.withheld or None,
    }
    return table, found, rule


def test_no_row_of_numbers_makes_a_result_contradict_itself():
    notes, verdicts = [], set()

    @settings(PROFILE, max_examples=150)
    @given(judged())
    def visit(drawn):
        table, found, rule = drawn
        check_claims(table, rule)
        for row in found.values():
            if EXPLAINED in row["note"]:
                assert row["target_association_pvalue"] <= rule.significance
            notes.append(row["note"])
            verdicts.add(row["verdict"])

    visit()
    # What was drawn could have been said wrongly.
    assert verdicts == {"used", "not used", "inconclusive", "not encoded"}
    for words in (EXPLAINED, "counted alike (", "percentage point"):
        assert sum(words in note for note in notes) > 10, words


# --- whole analyses ------------------------------------------------------------------

# Numbers of pregnancies, and classes coded 0 to 2, are read by their looks on purpose.
CODES = "ignore:kinds. columns of few integers:UserWarning"


@pytest.mark.filterwarnings(CODES)
@settings(PROFILE, max_examples=6)
@given(studies(targets=("two classes", "three classes", "number"), groups=(False,)))
def test_no_study_makes_a_result_contradict_itself(study):
    options = study.options | {"confounders": ["site"]}
    analysis = WeightSpaceCorrelation(target_head=study.head, **options)
    analysis.fit(study.X, study.table)
    check_analysis(analysis, study.X, study.table)


@pytest.mark.parametrize("association", [0.0, 0.8])
@pytest.mark.parametrize("use", [0.0, 0.4, 1.5])
def test_no_analysis_contradicts_itself(use, association):
    study = make_shortcut(
        400, 8, encoding=2.0, use=use, association=association, random_state=0
    )
    analysis = WeightSpaceCorrelation(
        "target",
        target_head=study.head,
        confounders=["scanner", "age"],
        n_permutations=99,
        min_effect=0.2,
        random_state=0,
    ).fit(study.data, study.metadata)
    check_analysis(analysis, study.data, study.metadata)


def check_analysis(analysis, X, table):
    """The claims of a fit and of an audit, which hold the confounders fixed."""
    held = [analysis.target, *analysis.confounders]
    rule = Rule(analysis.significance, analysis.min_effect, held)
    judged = analysis.summary_.copy()
    judged.attrs[DESCRIPTION] = analysis.description_
    for found in (judged, analysis.audit(X, table)):
        result = check_claims(found, rule)
        assert result["analysis"]["held_fixed"] == held
    for column in to_dict(analysis)["columns"]:
        assert column["name"] not in held_in(column["answer"])
