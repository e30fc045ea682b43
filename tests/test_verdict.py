"""One word per column: the rules by hand-made rows, then whole analyses."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca._analysis.summary import SUMMARY_COLUMNS
from sklearn_wsca._verdict import EXPLAINED, VERDICTS, Rule, Verdict, answer, untestable
from sklearn_wsca.datasets import make_shortcut

RULE = Rule(significance=0.05, min_effect=0.1, held=["disease", "site"])
JUST = 1e-9


def row(**entries):
    """A column that is encoded, and neither used nor shown to be unused."""
    return {
        "encoding_pvalue": 0.01,
        "alignment_pvalue_fwer": 0.6,
        "alignment_qvalue": 0.6,
        "target_association": 0.43,
        "utilization": 0.08,
        "utilization_low": 0.0,
        "utilization_high": 0.24,
        "utilization_pvalue": 0.2,
        "utilization_qvalue": 0.3,
        "probability_shift": 3.2,
        "minimum_detectable_effect": 0.17,
    } | entries


def judge(upper=0.2, rule=RULE, **entries):
    return rule.judge(row(**entries), upper)


SIGNIFICANT = {"utilization_qvalue": 0.01}


# --- the rules -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "verdict"),
    [
        # significant, and the estimate or the lower limit reaches the margin
        ({"utilization": 0.3, "utilization_low": 0.05, **SIGNIFICANT}, "used"),
        ({"utilization": 0.1, **SIGNIFICANT}, "used"),
        ({"utilization": 0.1 - JUST, **SIGNIFICANT}, "inconclusive"),
        ({"utilization": 0.05, "utilization_low": 0.1, **SIGNIFICANT}, "used"),
        ({"utilization": 0.3, "utilization_qvalue": 0.05}, "used"),
        ({"utilization": 0.3, "utilization_qvalue": 0.05 + JUST}, "inconclusive"),
        # no better probe than chance is no obstacle to a use that is seen
        ({"utilization": 0.3, "encoding_pvalue": 0.7, **SIGNIFICANT}, "used"),
        ({"utilization": 0.3, "upper": 0.05, **SIGNIFICANT}, "used"),
        # the whole interval is below the margin
        ({"upper": 0.1 - JUST}, "not used"),
        ({"upper": 0.1}, "inconclusive"),
        ({"upper": 0.04, "encoding_pvalue": 0.05}, "not used"),
        ({"upper": 0.04, "encoding_pvalue": 0.05 + JUST}, "not encoded"),
        # significant but negligible
        ({"upper": 0.09, "utilization": 0.05, **SIGNIFICANT}, "not used"),
        # the two-sided interval of the table is not the one that counts
        ({"upper": 0.09, "utilization_high": 0.12}, "not used"),
        ({"upper": 0.2, "utilization_high": 0.09}, "inconclusive"),
        # no better than chance
        ({"encoding_pvalue": 0.05 + JUST}, "not encoded"),
        ({"encoding_pvalue": 0.05}, "inconclusive"),
        ({"encoding_pvalue": np.nan}, "inconclusive"),
        ({"encoding_pvalue": 0.8, "upper": 0.04}, "not encoded"),
        ({"encoding_pvalue": 0.8, "upper": 3.0}, "not encoded"),
    ],
)
def test_rules(entries, verdict):
    assert judge(**entries)[0] == verdict


def test_without_pvalues_nothing_is_claimed():
    entries = {"utilization_qvalue": np.nan, "encoding_pvalue": np.nan}
    for upper in (0.01, 5.0):
        assert judge(upper, **entries)[0] not in ("used", "not used")


def test_level_and_margin_are_those_of_the_rule():
    strict = Rule(significance=0.001, min_effect=0.1, held=["disease"])
    wide = Rule(significance=0.05, min_effect=0.5, held=["disease"])
    found = {"utilization": 0.3, "utilization_low": 0.2, **SIGNIFICANT}
    assert judge(0.4, **found)[0] == "used"
    assert judge(0.4, strict, **found)[0] == "not encoded"
    assert judge(0.4, strict, **found, encoding_pvalue=0.001)[0] == "inconclusive"
    assert judge(0.4, wide, **found)[0] == "not used"
    assert judge(0.6, wide, **found)[0] == "inconclusive"


def test_a_margin_of_zero_asks_for_significance_only():
    rule = Rule(significance=0.05, min_effect=0.0, held=["disease"])
    assert judge(0.01, rule, utilization=0.0, **SIGNIFICANT)[0] == "used"
    assert judge(0.0, rule)[0] == "inconclusive"


# --- the sentences -------------------------------------------------------------------

EFFECT = RULE.describe_effect(row())
MAY_FIND = "show a utilization of 0.17 or more in 80% of cases"


@pytest.mark.parametrize(
    ("entries", "parts"),
    [
        (
            {"utilization": 0.3, **SIGNIFICANT},
            ["outputs move by 0.3 of their standard", "0.01), the margin being 0.1"],
        ),
        (
            {"upper": 0.074},
            [f"encoded, but {EFFECT}; the whole 90% interval (up to 0.074) is below"],
        ),
        (
            {"encoding_pvalue": 0.4},
            ["a linear probe does no better than chance", EFFECT, MAY_FIND],
        ),
        ({}, ["neither a use nor its absence (margin 0.1) is shown", MAY_FIND]),
        (SIGNIFICANT, ["that it reaches the margin 0.1 is open"]),
    ],
    ids=["used", "not used", "not encoded", "nothing shown", "size is open"],
)
def test_sentences(entries, parts):
    for part in parts:
        assert part in judge(**entries)[1]


def test_untestable_gives_the_reason():
    assert untestable("too little") == ("untestable", "untestable: too little")


MOVED = {
    "utilization": 0.1234,
    "utilization_low": 0.05,
    "utilization_high": 0.2,
    "utilization_qvalue": 0.00123,
    "probability_shift": 7.4,
}


def test_an_effect_has_its_unit_interval_and_what_is_held_fixed():
    text = Rule(0.05, 0.1, ["disease", "age"]).describe_effect(MOVED)
    assert text == (
        "at fixed 'disease' and 'age' the outputs move by 0.12 of their standard "
        "deviation, predicted probabilities by 7 points (95% interval 0.05 to 0.2, "
        "q = 0.0012)"
    )


def test_probabilities_are_not_said_to_move_where_no_movement_is_not_excluded():
    text = Rule(0.05, 0.1, []).describe_effect(MOVED | {"utilization_low": 0.0})
    assert "probabilities" not in text


def test_outputs_that_are_no_probabilities_are_not_called_so():
    text = Rule(0.1, 0.1, []).describe_effect(MOVED | {"probability_shift": np.nan})
    assert text.startswith("the outputs move by 0.12 of their standard deviation (90%")


# --- explained by target -------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "flagged"),
    [
        ({}, True),
        ({"alignment_pvalue_fwer": 0.05}, True),
        ({"alignment_pvalue_fwer": 0.05 + JUST}, False),
        ({"utilization_qvalue": 0.05}, False),
        ({"utilization_qvalue": 0.05 + JUST}, True),
        ({"utilization_qvalue": np.nan}, False),
        # without max-T, under a stopping rule, the q-value takes its place
        ({"alignment_pvalue_fwer": np.nan, "alignment_qvalue": 0.05}, True),
        ({"alignment_pvalue_fwer": np.nan, "alignment_qvalue": 0.06}, False),
        ({"alignment_pvalue_fwer": np.nan, "alignment_qvalue": np.nan}, False),
    ],
)
def test_flag_of_aligned_columns_that_do_not_move_the_outputs(entries, flagged):
    entries = {"alignment_pvalue_fwer": 0.001, "utilization_qvalue": 0.5} | entries
    sentence = RULE.explained_by_target(row(**entries))
    assert bool(sentence) == flagged
    if flagged:
        assert sentence == (
            "explained by target: aligned, but the outputs do not move with it at "
            "fixed 'disease' and 'site'; the data, not the model, link the two "
            "(association 0.43)"
        )


# --- the answers ---------------------------------------------------------------------

ANALYSIS = {
    "primary_head": {"source": "trained"},
    "held_fixed": ["illness"],
    "significance": 0.05,
    "min_effect": 0.1,
}
FOUND = {
    "estimate": 0.31,
    "low": 0.07,
    "high": 0.52,
    "qvalue": 0.012,
    "probability_shift": 8.4,
    "minimum_detectable_effect": 0.22,
    "untestable": None,
}
MOVES = (
    "The network's output moves with it at fixed 'illness', by 0.31 of its standard "
)
INTERVAL = "interval 0.07 to 0.52)"
POWER = "A utilization of 0.22 or more would be found in 80% of data of this size."


def say(verdict, note="", analysis=ANALYSIS, **changes):
    column = {"verdict": verdict, "note": note, "utilization": FOUND | changes}
    return answer(column, analysis)


def test_answer_of_used():
    said = say("used")
    assert said.startswith(MOVES) and INTERVAL in said
    assert said.endswith(
        "; predicted probabilities differ by up to 8 percentage points."
    )


@pytest.mark.parametrize("change", [{"probability_shift": None}, {"low": 0.0}])
def test_probabilities_are_left_out_where_there_are_none_or_noise_is_not_excluded(
    change,
):
    assert "moves with it" in say("used", **change)
    assert "probabilities" not in say("used", **change)


def test_a_use_of_which_the_size_is_open():
    said = say("inconclusive")
    assert said.startswith(MOVES)
    assert "but whether that reaches the margin of 0.1 is open. " in said
    assert said.endswith(POWER)


@pytest.mark.parametrize("qvalue", [0.06, None])
def test_nothing_shown(qvalue):
    said = say("inconclusive", qvalue=qvalue)
    assert said.startswith(
        "Neither a use nor its absence is shown: 0.31 of the output's"
    )
    assert "moves" not in said and said.endswith(POWER)


def test_without_a_detectable_effect_none_is_named():
    assert POWER in say("not encoded")
    assert "would be found" not in say("not encoded", minimum_detectable_effect=None)


def test_an_alignment_that_the_data_explain_is_said():
    note = "explained by target: aligned, but ..."
    addition = " The heads align, but the data explain that"
    assert addition in say("not used", note)
    assert addition not in say("not used")


@pytest.mark.parametrize(
    ("untestable", "note", "reason"),
    [
        ("no labels", "a note", "no labels"),
        (None, "left out: constant", "left out: constant"),
        (None, "", "no reason was recorded"),
    ],
)
def test_untestable_columns_have_a_reason(untestable, note, reason):
    said = say("untestable", note, untestable=untestable)
    assert said == f"Nothing can be said: {reason}."


# --- whole analyses ------------------------------------------------------------------

SEEDS = range(4)


def analyse(seed, fit_options=None, **options):
    settings = {"n_samples": 300, "n_features": 12, "encoding": 2.0, "noise": 0.7}
    study = make_shortcut(random_state=seed, **settings | options)
    settings = {"target_head": study.head, "columns": ["scanner"]}
    settings |= {"n_permutations": 39, "random_state": seed} | (fit_options or {})
    return WeightSpaceCorrelation("target", **settings).fit(study.data, study.metadata)


@pytest.fixture(scope="module")
def used():
    return [analyse(seed, use=1.0, association=0.5) for seed in SEEDS]


@pytest.fixture(scope="module")
def associated():
    """Aligned by the association in the data; the head cannot see the scanner."""
    options = {"association": 0.8, "n_classes": 3, "encoding": 0.5}
    return [analyse(seed, **options) for seed in SEEDS]


@pytest.fixture(scope="module")
def unrelated():
    return [analyse(seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def not_encoded():
    return [analyse(seed, encoding=0.0) for seed in SEEDS]


def verdicts(fits):
    return [fitted.verdicts_["scanner"] for fitted in fits]


def notes(fits):
    return [fitted.summary_.loc["scanner", "note"] for fitted in fits]


def test_a_used_scanner_is_used(used):
    assert verdicts(used) == ["used"] * len(used)


def test_a_scanner_that_is_encoded_and_not_used_in_many_rows():
    found = analyse(0, n_samples=3000, association=0.3)
    assert found.verdicts_["scanner"] == "not used"
    assert notes([found])[0].startswith("encoded, but at fixed 'target' the outputs")
    assert found.utilization_ci_.loc["scanner", "high"] < 0.15
    # The same data with the smallest margin do not show it.
    found = analyse(0, {"min_effect": 1e-3}, n_samples=3000, association=0.3)
    assert found.verdicts_["scanner"] == "inconclusive"


def test_a_scanner_that_is_not_encoded_is_rarely_anything_else(not_encoded):
    assert verdicts(not_encoded).count("not encoded") >= len(not_encoded) - 1


def test_few_rows_are_inconclusive():
    found = [analyse(seed, n_samples=60, noise=0.5) for seed in SEEDS]
    assert verdicts(found).count("inconclusive") >= len(found) - 1
    assert max(fitted.encoding_pvalues_["scanner"] for fitted in found) <= 0.05
    detectable = [fitted.minimum_detectable_effect_["scanner"] for fitted in found]
    assert min(detectable) > 0.1
    for fitted, value in zip(found, detectable, strict=True):
        if fitted.verdicts_["scanner"] == "inconclusive":
            assert f"show a utilization of {value:.2g} or more" in notes([fitted])[0]


def test_an_alignment_that_the_data_explain_is_flagged(associated):
    for fitted, note in zip(associated, notes(associated), strict=True):
        assert fitted.pvalues_fwer_["scanner"] <= 0.05
        assert ("explained by target" in note) == (
            fitted.utilization_qvalues_["scanner"] > 0.05
        )
        association = fitted.summary_.loc["scanner", "target_association"]
        assert association > 0.5
    flagged = ["explained by target" in note for note in notes(associated)]
    assert sum(flagged) >= len(flagged) - 1


@pytest.mark.parametrize("fits", ["used", "unrelated", "not_encoded"])
def test_no_flag_for_what_is_used_or_not_aligned(fits, request):
    fits = request.getfixturevalue(fits)
    flagged = ["explained by target" in note for note in notes(fits)]
    assert sum(flagged) <= (1 if fits[0].verdicts_["scanner"] != "used" else 0)


def test_no_flag_where_the_alignment_is_adjusted_for_the_target():
    options = {"adjust_for_target": True}
    found = [
        analyse(seed, options, association=0.8, n_classes=3, encoding=0.5)
        for seed in SEEDS
    ]
    assert all(np.isfinite(fitted.pvalues_["scanner"]) for fitted in found)
    flagged = ["explained by target" in note for note in notes(found)]
    assert sum(flagged) <= 1


# --- what cannot be tested -----------------------------------------------------------


@pytest.fixture(scope="module")
def study():
    return make_shortcut(200, 8, encoding=2.0, use=1.0, random_state=0)


def fit(study, target="target", table=None, **options):
    settings = {"columns": ["scanner", "age"], "n_permutations": 59, "random_state": 0}
    settings["target_head"] = study.head
    table = study.metadata if table is None else table
    return WeightSpaceCorrelation(target, **settings | options).fit(study.data, table)


@pytest.mark.parametrize("trained", [False, True])
def test_without_a_target_nothing_is_held_fixed(study, trained):
    head = study.head if trained else None
    found = fit(study, None, target_head=head)
    assert (found.verdicts_ == "untestable").all()
    reason = "untestable: no target column, so there is nothing to hold fixed; name it"
    assert found.summary_["note"].str.startswith(reason).all()
    assert found.utilization_.isna().all()
    assert found.utilization_ci_.isna().all(axis=None)
    assert found.encoding_pvalues_.notna().all()


def test_without_permutations_there_are_estimates_and_no_verdict(study):
    found = fit(study, n_permutations=0)
    assert (found.verdicts_ == "untestable").all()
    reason = "untestable: n_permutations=0, so there are no p-values"
    assert found.summary_["note"].str.startswith(reason).all()
    assert found.utilization_["scanner"] > 0.3
    interval = found.utilization_ci_.loc["scanner"]
    assert 0.2 < interval["low"] < found.utilization_["scanner"] < interval["high"]
    assert found.minimum_detectable_effect_.gt(0).all()
    assert found.summary_["utilization_low"].notna().all()
    for name in ("utilization_pvalues_", "utilization_qvalues_", "pvalues_"):
        assert getattr(found, name).isna().all()
    # The interval is a matter of the sample, not of the permutations.
    pd.testing.assert_frame_equal(found.utilization_ci_, fit(study).utilization_ci_)


def test_a_trained_head_without_labels_is_untestable(study):
    rng = np.random.default_rng(0)
    heads = {"hospital": rng.normal(size=(3, 8))}
    columns = ["scanner", "hospital"]
    found = fit(study, heads=heads, columns=columns, null="sign_flip")
    assert found.summary_.index.tolist() == columns
    assert found.verdicts_["hospital"] == "untestable"
    assert found.verdicts_["scanner"] == "used"
    entry = found.summary_.loc["hospital"]
    assert entry["note"].startswith("untestable: there are no labels")
    assert "trained head without labels: no encoding" in entry["note"]
    assert entry["alignment_pvalue"] > 0
    assert np.isnan(entry["utilization"])


def test_a_column_that_the_target_determines_is_untestable(study):
    copy = study.metadata["target"].map({"class 0": "x", "class 1": "y"})
    found = fit(study, table=study.metadata.assign(copy=copy), columns=["copy"])
    assert found.verdicts_["copy"] == "untestable"
    note = found.summary_.loc["copy", "note"]
    assert "at fixed 'target' nothing is left to compare" in note


def test_outputs_that_do_not_vary_are_untestable(study):
    """The head reads a feature that is the same for all rows."""
    X, head = study.data.copy(), np.zeros(8)
    X[:, 0], head[0] = 1.0, 1.0
    found = WeightSpaceCorrelation(
        "target", target_head=head, n_permutations=0, n_components=None
    ).fit(X, study.metadata)
    reason = "untestable: the outputs of the primary head do not vary"
    assert found.summary_["note"].str.startswith(reason).all()


# --- the table -----------------------------------------------------------------------


def test_columns_and_types_of_the_table(study):
    table = study.metadata.assign(vendor="one")
    found = fit(study, table=table, columns=None).summary_
    # The order of the contract in the documentation.
    assert found.columns.tolist() == [
        *("kind", "n_samples", "n_levels", "target_association"),
        *("encoding_score", "encoding_pvalue"),
        *("alignment_score", "alignment_pvalue", "alignment_pvalue_fwer"),
        *("alignment_qvalue", "utilization", "utilization_low", "utilization_high"),
        *("utilization_pvalue", "utilization_qvalue", "probability_shift"),
        *("minimum_detectable_effect", "verdict", "note"),
    ]
    assert found.columns.tolist() == list(SUMMARY_COLUMNS)
    assert found.index.name == "column"
    assert (found.dtypes[["n_samples", "n_levels"]] == "Int64").all()
    assert (found.dtypes.iloc[3:17] == np.float64).all()
    for name in ("kind", "verdict", "note"):
        assert all(isinstance(v, str) for v in found[name].dropna())
    assert found["verdict"].notna().all()
    assert found["note"].str.len().gt(0).all()
    assert found["n_levels"].tolist()[:3] == [3, pd.NA, 4]


def test_attributes_are_the_columns_of_the_table(study):
    found = fit(study)
    table = found.summary_
    pairs = {
        "verdict": found.verdicts_,
        "utilization": found.utilization_,
        "utilization_low": found.utilization_ci_["low"],
        "utilization_high": found.utilization_ci_["high"],
        "utilization_pvalue": found.utilization_pvalues_,
        "utilization_qvalue": found.utilization_qvalues_,
        "minimum_detectable_effect": found.minimum_detectable_effect_,
        "encoding_pvalue": found.encoding_pvalues_,
        "alignment_score": found.alignment_scores_,
    }
    for name, series in pairs.items():
        pd.testing.assert_series_equal(table[name], series, check_names=False)
    assert found.utilization_ci_.columns.tolist() == ["low", "high"]
    assert table["utilization"].nunique() == 2


# --- the registry --------------------------------------------------------------------

ROOT = Path(__file__).parent.parent


def test_every_verdict_is_complete_and_looks_like_no_other():
    for name in ("word", "meaning", "remark", "colour", "marker", "symbol"):
        found = [getattr(verdict, name) for verdict in VERDICTS.values()]
        assert all(found) and len(set(found)) == len(found), name
    assert [verdict.word for verdict in VERDICTS.values()] == list(VERDICTS)


@pytest.mark.parametrize("low", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("encoding", [0.01, 0.5, np.nan])
@pytest.mark.parametrize("qvalue", [0.01, 0.5, np.nan])
@pytest.mark.parametrize("upper", [0.05, 0.5])
def test_the_rules_leave_no_row_without_a_verdict(low, encoding, qvalue, upper):
    numbers = {"utilization_low": low, "utilization_qvalue": qvalue}
    verdict, sentence = judge(upper, **numbers, encoding_pvalue=encoding)
    assert verdict in VERDICTS and verdict != "untestable"
    assert ("or more in 80% of cases" in sentence) == VERDICTS[verdict].is_open


def test_the_guide_says_what_the_registry_says():
    text = (ROOT / "docs" / "guide" / "which_number.md").read_text("utf-8")
    rows = re.findall(r"^\| `([\w ]+)` \| (.+?) \|", text, re.MULTILINE)
    expected = [(v.word, f"{v.meaning} {v.remark}") for v in VERDICTS.values()]
    assert rows == expected
    assert f"The flag *{EXPLAINED}* marks" in text


@pytest.mark.parametrize("page", ["README.md", "docs/index.md", "docs/command_line.md"])
def test_pages_list_every_verdict(page):
    text = re.sub(r"[*`]", "", " ".join((ROOT / page).read_text("utf-8").split()))
    (listed,) = re.findall(r"\bused, not used, [\w, ]+? or \w+", text)
    assert sorted(re.split(", | or ", listed)) == sorted(VERDICTS)


class Masked(Verdict):
    """A verdict that is not there."""

    word, meaning, remark = "masked", "Something hides the column.", "Look again."
    colour, marker, symbol, terminal = "#009e73", "v", "▼", "bold green"

    def holds(self, row, rule):
        return row["utilization"] > 0.3


@pytest.fixture
def masked():
    """A further verdict, in the first place."""
    kept = dict(VERDICTS)
    VERDICTS.clear()
    VERDICTS.update({"masked": Masked()} | kept)
    yield
    VERDICTS.clear()
    VERDICTS.update(kept)


def test_a_further_verdict_is_said_and_shown_everywhere(study, masked, capsys):
    for extra in ("matplotlib", "jinja2", "rich"):
        pytest.importorskip(extra)
    from rich.console import Console

    from sklearn_wsca import UtilizationDisplay
    from sklearn_wsca._cli._terminal import print_result

    found = fit(study)
    assert found.verdicts_["scanner"] == "masked"
    assert found.summary_.loc["scanner", "note"].startswith(Masked.meaning)
    page = found.to_html()
    assert ".badge-masked { background: #009e73; color: #000000; }" in page
    assert f"</span> masked</span></dt><dd>{Masked.meaning} {Masked.remark}" in page
    assert page.count(f"scanner</bdi></strong></a>: {Masked.meaning}") == 1
    assert f"**scanner: masked.** {Masked.meaning}" in found.to_markdown()
    print_result(Console(width=200), found.to_dict())
    assert f"▼ scanner: masked. {Masked.meaning}" in capsys.readouterr().out
    figure = UtilizationDisplay.from_estimator(found).figure_
    assert "masked" in [text.get_text() for text in figure.legends[0].get_texts()]
    figure.clear()
