"""Verdicts of whole analyses, on made data of which the use is known."""

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca import WeightSpaceCorrelation
from sklearn_wsca.datasets import make_shortcut

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
    return [analyse(seed, {"min_effect": 0.3}, **options) for seed in SEEDS]


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
        highs = ["utilization_high", "utilization_balanced_high"]
        is_below = fitted.summary_.loc["scanner", highs].max() < 0.3
        assert ("explained by target" in note) == is_below
        association = fitted.summary_.loc["scanner", "target_association"]
        assert association > 0.5
    flagged = ["explained by target" in note for note in notes(associated)]
    # In the others a use beyond the margin is not excluded.
    assert sum(flagged) >= len(flagged) / 2


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
