"""Properties of the analysis over generated studies: what must not change, and ranges.

The studies of `generated_studies` are drawn the same in every run. Each change below is
one that a study must not notice; `test_invariances` looks at some of them more closely.
"""

from __future__ import annotations

from collections import Counter

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sklearn_wsca import WeightSpaceCorrelation, utilization_test
from tests.generated_studies import LEFT_OUT, N_PERMUTATIONS, PROFILE, studies
from tests.study_changes import CHANGES, EXACT, NO_TIES, SHAPES, Study

# Codes such as the number of pregnancies are among the columns on purpose.
pytestmark = [
    pytest.mark.filterwarnings("ignore:kinds. columns of few integers"),
    # Three outputs are tested at fixed targets of all kinds.
    pytest.mark.filterwarnings("ignore:outputs. there are 3 outputs"),
]

WORDS = ["kind", "verdict", "note", "consequence"]
VERDICTS = {"used", "not used", "not encoded", "inconclusive", "untestable"}
# Corrected over columns, or made of what is; all else belongs to its column alone.
CORRECTED = [
    "encoding_qvalue",
    "encoding_power",
    "alignment_pvalue_fwer",
    "alignment_qvalue",
    "utilization_qvalue",
    "minimum_detectable_effect",
    "performance_qvalue",
    "verdict",
    "note",
    "consequence",
]
ALIGNED = ["alignment_score"]
USE = ["utilization", "utilization_low", "utilization_high"]
BALANCED = [name.replace("utilization", "utilization_balanced") for name in USE]
SHIFT = ["probability_shift", "probability_shift_low", "probability_shift_high"]
PERFORMANCE = ["performance_gap", "performance_pvalue", "performance_qvalue"]
TESTED = ["encoding_pvalue", "utilization_pvalue", "utilization_qvalue"]
ALIGNMENT_TESTED = ["alignment_pvalue", "alignment_pvalue_fwer", "alignment_qvalue"]


def fit(study: Study, **options):
    estimator = WeightSpaceCorrelation(
        target_head=study.head, **(study.options | options)
    )
    return estimator.fit(study.X, study.table)


FITS: dict[str, WeightSpaceCorrelation] = {}


def fit_once(study: Study):
    """The fit of a study as it was drawn: most tests draw the same ones."""
    key = joblib.hash((study.X, study.table, study.head, study.options))
    if key not in FITS:
        FITS[key] = fit(study)
    return FITS[key]


def collected(strategy, look, max_examples):
    """What `look` returns for each of the studies."""
    found = []

    @settings(PROFILE, max_examples=max_examples)
    @given(strategy)
    def visit(study):
        found.append(look(study))

    visit()
    return found


def assert_same_numbers(first, second, tolerance, names=None):
    """Compare summary tables; `names` maps columns of the first to the second."""
    names = {} if names is None else names
    rows = [names.get(name, name) for name in first.index]
    second = second.loc[rows].set_axis(first.index)
    verdicts = zip(first["verdict"], second["verdict"], strict=True)
    differ = [set(pair) for pair in verdicts if pair[0] != pair[1]]
    # The power is estimated, and only one of these is said where it suffices.
    by_power = [{"not encoded", "inconclusive"}] * (tolerance > EXACT)
    assert all(pair in by_power for pair in differ)
    # Estimated with random columns that are planted along the axes of the embeddings.
    if tolerance > EXACT:
        first, second = (
            table.drop(columns="encoding_power", errors="ignore")
            for table in (first, second)
        )
    numbers, others = (
        table.drop(columns=WORDS, errors="ignore").astype(float)
        for table in (first, second)
    )
    np.testing.assert_allclose(others, numbers, atol=tolerance, rtol=tolerance)
    assert numbers["encoding_score"].notna().any()


# --- changes that a study must not notice --------------------------------------------


@pytest.mark.parametrize("name", CHANGES)
def test_nothing_changes_with(name):
    change = CHANGES[name]

    def look(study):
        other = change.of(study, np.random.default_rng(study.options["random_state"]))
        first, second = fit_once(study), fit(other)
        assert_same_numbers(
            first.summary_, second.summary_, change.tolerance, change.names
        )
        return first

    found = collected(studies(**(change.draws or {})), look, PROFILE.max_examples)
    # Neither all studies are without a test, nor are all nulls a single number.
    assert any((analysis.null_distribution_.std() > 1e-3).any() for analysis in found)
    assert any(analysis.utilization_pvalues_.notna().any() for analysis in found)


def test_the_comparison_notices_a_change():
    def look(study):
        sites = np.random.default_rng(3).permutation(study.table["site"])
        other = study.changed(table=study.table.assign(site=sites))
        with pytest.raises(AssertionError):
            assert_same_numbers(fit_once(study).summary_, fit(other).summary_, 1e-2)

    collected(studies(), look, 3)


def test_embeddings_on_disk(tmp_path):
    def look(study):
        np.save(tmp_path / "embeddings.npy", study.X)
        on_disk = np.load(tmp_path / "embeddings.npy", mmap_mode="r")
        first, second = fit_once(study), fit(study.changed(X=on_disk))
        assert_same_numbers(first.summary_, second.summary_, EXACT)

    collected(studies(), look, 3)


# --- columns do not know of each other -----------------------------------------------


def add_noise_column(study, kind):
    """A column that has nothing to do with anything."""
    rng = np.random.default_rng(7)
    n = len(study.X)
    values = {
        "numbers": rng.standard_normal(n),
        "levels": rng.choice(["x", "y", "z"], n),
        "gaps": np.where(rng.random(n) < 0.3, np.nan, rng.standard_normal(n)),
    }
    return study.changed(table=study.table.assign(noise=values[kind]))


@pytest.mark.parametrize("kind", ["numbers", "levels", "gaps"])
def test_an_irrelevant_column_changes_only_what_is_corrected_over_columns(kind):
    def look(study):
        first, second = fit_once(study), fit(add_noise_column(study, kind))
        alone = first.summary_.drop(columns=CORRECTED)
        beside = second.summary_.drop("noise").drop(columns=CORRECTED)
        pd.testing.assert_frame_equal(beside, alone, rtol=1e-9, atol=1e-9)
        names = list(first.null_distribution_)
        pd.testing.assert_frame_equal(
            second.null_distribution_[names], first.null_distribution_, rtol=1e-9
        )
        grown = second.minimum_detectable_effect_[names] / (
            first.minimum_detectable_effect_
        )
        tested = pd.notna(second.minimum_detectable_effect_["noise"])
        assert (grown.dropna() > 1.0).eq(tested).all()
        return alone

    found = collected(studies(shapes=NO_TIES), look, PROFILE.max_examples)
    assert any(table["utilization_pvalue"].notna().any() for table in found)


# --- the summary table is complete ---------------------------------------------------


def may_be_missing(study, row):
    """Numbers of a row that may be NaN, and what the note must then say.

    NaN is allowed in these cases only:

    - a column that is left out has neither a kind nor any number;
    - a number (kind "continuous") has no levels;
    - without a target there is neither an association nor a use;
    - without a primary head there is no alignment;
    - without permutations there are no p-values;
    - an untestable column has no use, but keeps encoding and alignment;
    - outputs that are no class scores have no probabilities;
    - levels of too few rows in a class have no performance to compare.
    """
    allowed = {*SHIFT, *PERFORMANCE}
    if row["note"].startswith("left out: "):
        return set(row.index) - {"verdict", "note"}, "left out: "
    if row["kind"] == "continuous":
        allowed |= {"n_levels"}
    if study.options["target"] is None:
        allowed |= {"target_association"}
        allowed |= set() if study.head is not None else {*ALIGNED, *ALIGNMENT_TESTED}
    if not study.options["n_permutations"]:
        allowed |= {*TESTED, *ALIGNMENT_TESTED}
        allowed |= {"encoding_qvalue", "encoding_skill", "encoding_power"}
    if row["verdict"] == "untestable":
        allowed |= {*USE, *BALANCED, *TESTED[1:], "minimum_detectable_effect"}
        return allowed, "untestable: "
    return allowed, ""


def check_ranges(study, row):
    """All numbers are where the documentation says, NaN aside."""
    lowest = 1.0 / (study.options["n_permutations"] + 1)
    for name in [*TESTED, *ALIGNMENT_TESTED]:
        assert not row[name] < lowest - 1e-12 and not row[name] > 1.0, name
    assert not row["utilization"] < 0.0
    assert not row["utilization_low"] < 0.0
    for low, value, high in (
        [USE[i] for i in (1, 0, 2)],
        [BALANCED[i] for i in (1, 0, 2)],
        [SHIFT[i] for i in (1, 0, 2)],
    ):
        assert not row[low] > row[value] + 1e-9
        assert not row[value] > row[high] + 1e-9
    assert not row["utilization_balanced_low"] < 0.0
    assert not abs(row["alignment_score"]) > 1.0 + 1e-9
    assert not row["encoding_score"] > 1.0
    assert not row["target_association"] > 1.0 + 1e-9
    assert not row["probability_shift"] > 100.0 + 1e-9
    assert not row["minimum_detectable_effect"] <= 0.0
    power = row.get("encoding_power", np.nan)
    assert not power < 0.0 and not power > 1.0
    assert row["verdict"] in VERDICTS


def check_summary(study, analysis):
    """Every column has a row, and each number is there or accounted for."""
    summary = analysis.summary_
    assert summary.index.tolist() == study.columns
    assert summary["note"].str.len().gt(0).all()
    for name, row in summary.iterrows():
        allowed, reason = may_be_missing(study, row)
        missing = {key for key in row.index if pd.isna(row[key])}
        assert missing <= allowed, (name, missing - allowed)
        assert row["note"].startswith(reason)
        numbers = row.drop(WORDS).dropna().astype(float)
        assert np.isfinite(numbers).all()
        check_ranges(study, row)
        if name in LEFT_OUT:
            assert analysis.dropped_columns_[name].startswith(LEFT_OUT[name])
            assert row["note"] == f"left out: {analysis.dropped_columns_[name]}"
    assert set(analysis.dropped_columns_) <= set(summary.index)


def test_every_number_of_the_summary_is_there_or_accounted_for():
    permutations = (N_PERMUTATIONS, N_PERMUTATIONS, N_PERMUTATIONS, 0)

    def look(study):
        analysis = fit_once(study)
        check_summary(study, analysis)
        return study, analysis.summary_

    found = collected(studies(permutations=permutations), look, 60)
    verdicts = Counter(v for _, summary in found for v in summary["verdict"])
    assert set(verdicts) == VERDICTS
    assert min(verdicts.values()) >= 2
    # All kinds of studies are there, and most numbers are no NaN.
    assert {study.shape for study, _ in found} == set(SHAPES)
    assert {study.options["target"] for study, _ in found} == {None, "disease"}
    assert {type(study.head) for study, _ in found} == {type(None), tuple, np.ndarray}
    assert {study.options["groups"] for study, _ in found} == {None, "patient"}
    for names in (TESTED, ALIGNMENT_TESTED, USE, ALIGNED):
        known = [summary[names].notna().all(axis=1) for _, summary in found]
        assert pd.concat(known).mean() > 0.25


# --- rows that were not in fit -------------------------------------------------------


@pytest.mark.parametrize("name", ["row order", "another unit", "column order"])
def test_an_audit_does_not_change_with(name):
    change = CHANGES[name]

    def halves(study):
        middle = len(study.X) // 2
        parts = (slice(None, middle), slice(middle, None))
        return [
            study.changed(X=study.X[part], table=study.table[part]) for part in parts
        ]

    def look(study):
        fitted, new = halves(study)
        rng = np.random.default_rng(5)
        changed_fit = change.of(fitted, rng) if name == "another unit" else fitted
        changed_new = change.of(new, rng)
        first = fit(fitted).audit(new.X, new.table)
        second = fit(changed_fit).audit(changed_new.X, changed_new.table)
        assert_same_numbers(first, second, change.tolerance)
        for _, row in first.iterrows():
            check_ranges(study, row)
        return first

    strategy = studies(groups=(False,), targets=("two classes", "number"))
    found = collected(strategy, look, 5)
    assert any(table["utilization_pvalue"].notna().any() for table in found)


# --- predictions only ----------------------------------------------------------------


def results_of(study, outputs):
    """Numbers of every column by name, or the reason why there are none."""
    names = [name for name in study.columns if name not in LEFT_OUT]
    target, groups = (study.options[role] for role in ("target", "groups"))
    try:
        found = utilization_test(
            outputs,
            study.table[names],
            target=None if target is None else study.table[target],
            groups=None if groups is None else study.table[groups],
            n_permutations=N_PERMUTATIONS,
            significance=0.5,
            random_state=0,
        )
    except ValueError as error:
        return str(error)
    return {
        name: [
            result.utilization,
            result.raw,
            result.low,
            result.high,
            result.pvalue,
            *result.null_distribution,
        ]
        for name, result in found.items()
    }


def assert_same_results(first, second):
    if isinstance(first, str):
        assert second == first
        return
    for name, numbers in first.items():
        # A length near 0 is the root of rounding.
        np.testing.assert_allclose(second[name], numbers, atol=1e-7, rtol=1e-7)


@pytest.mark.parametrize(
    "name",
    [
        *("row order", "column order", "another unit", "shift", "units of numbers"),
        *("class names in another order", "group names"),
    ],
)
def test_a_test_of_predictions_does_not_change_with(name):
    change = CHANGES[name]

    def look(study):
        # The outputs take the place of the embeddings.
        study = study.changed(X=study.X[:, :3], head=None)
        other = change.of(study, np.random.default_rng(1))
        first, second = (results_of(s, s.X) for s in (study, other))
        assert_same_results(first, second)
        return first

    found = collected(studies(shapes=NO_TIES), look, 8)
    assert sum(not isinstance(results, str) for results in found) >= 3


@given(study=studies(shapes=NO_TIES), kind=st.sampled_from(["numbers", "levels"]))
@PROFILE
def test_an_irrelevant_column_changes_no_result_of_predictions(study, kind):
    outputs = study.X[:, :3]
    first = results_of(study, outputs)
    second = results_of(add_noise_column(study, kind), outputs)
    # Of few patients it cannot be tested itself, which refuses the whole table.
    assume("column 'noise' cannot be tested" not in second)
    assert_same_results(first, second)
