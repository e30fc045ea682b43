"""p-values of the alignment scores, and how they came about in words."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sklearn_wsca._alignment.inference import (
    check_null,
    describe_inference,
    infer_alignment,
)
from sklearn_wsca._alignment.null import NULLS
from tests.prepared_studies import Runner, compare_study, make_testing, read_study
from tests.reference import add_one_pvalue, besag_clifford, make_study, max_t

COLUMNS = ["site", "sex", "age", "noise"]
M = 39


def study(seed=0, n=120):
    """The last column knows nothing of the embeddings."""
    X, table = make_study(seed, n=n, shared=1.0)
    table["noise"] = np.random.default_rng(seed + 50).normal(300.0, 5.0, n)
    return X, table[["disease", *COLUMNS]]


def infer(*data, null="permutation", testing=None, **options):
    _, tasks, rows, comparison = compare_study(*data, **options)
    testing = make_testing(rows, **{"n_permutations": M} | (testing or {}))
    runner = Runner(rows)
    return infer_alignment(tasks, rows, comparison, null, testing, runner), comparison


# --- p-values ------------------------------------------------------------------------


@pytest.mark.parametrize("null", NULLS)
@pytest.mark.parametrize("seed", range(2))
def test_pvalues_come_from_the_permutations_and_are_corrected_over_columns(seed, null):
    found, comparison = infer(*study(seed), null=null)
    assert found.scores.equals(comparison.scores())
    permuted, scores = found.tests.null, found.scores
    assert permuted.shape == (M, len(COLUMNS))
    expected = [add_one_pvalue(scores[name], permuted[name]) for name in COLUMNS]
    np.testing.assert_allclose(found.tests.pvalues, expected)
    corrected = max_t(scores.to_numpy(), permuted.to_numpy())
    np.testing.assert_allclose(found.pvalues_fwer, corrected)
    np.testing.assert_allclose(found.qvalues, stats.false_discovery_control(expected))
    assert len(set(expected)) > 1
    assert (found.tests.used == M).all() and not found.tests.not_converged
    assert found.tests.extrapolated.isna().all()


def test_only_columns_that_align_have_small_pvalues():
    pvalues = []
    for seed in range(6):
        X, table = study(seed, n=80)
        rng = np.random.default_rng(seed)
        disease, wrong = table["disease"].to_numpy(), rng.random(80) < 0.05
        table["echo"] = np.where(wrong, rng.permutation(disease), disease)
        options = {"columns": ["echo", "noise"]}
        options["testing"] = {"n_permutations": 19, "seed": seed}
        pvalues.append(infer(X, table, **options)[0].tests.pvalues)
    small = (pd.DataFrame(pvalues) <= 0.05).sum()
    assert small["echo"] == 6 and small["noise"] <= 2


def test_under_a_stopping_rule_there_are_qvalues_but_no_max_t():
    full, _ = infer(*study())
    found, _ = infer(*study(), testing={"stop_after": 2})
    assert found.pvalues_fwer.isna().all()
    for name in COLUMNS:
        pvalue, used = besag_clifford(full.scores[name], full.tests.null[name], 2, 1e-6)
        assert (found.tests.pvalues[name], found.tests.used[name]) == (pvalue, used)
    expected = stats.false_discovery_control(found.tests.pvalues)
    np.testing.assert_allclose(found.qvalues, expected)
    assert (found.tests.used < M).any()


@pytest.mark.parametrize("why", ["no primary head", "no permutations"])
def test_without_a_null_there_are_no_pvalues(why):
    options = {"testing": {"n_permutations": 0}}
    if why == "no primary head":
        options = {"target": None, "columns": COLUMNS}
    found, _ = infer(*study(), **options)
    assert found.scores.isna().all() == (why == "no primary head")
    for values in (found.tests.pvalues, found.pvalues_fwer, found.qvalues):
        assert list(values.index) == COLUMNS and values.isna().all()
    assert found.tests.null.shape == (0, len(COLUMNS))
    assert (found.tests.used == 0).all()


def test_a_column_that_cannot_be_balanced_is_not_tested_and_the_others_are():
    X, table = study(1, n=200)
    lost = (table["site"] == "Cork") & (table["disease"] == "ill")
    X, table = X[~lost], table[~lost].reset_index(drop=True)
    found, comparison = infer(X, table, adjust_for_target=True)
    assert np.isfinite(comparison.scores()["site"])
    others = [name for name in COLUMNS if name != "site"]
    for values in (found.scores, found.tests.pvalues, found.pvalues_fwer):
        assert np.isnan(values["site"]) and values[others].notna().all()
    alone, _ = infer(X, table, adjust_for_target=True, columns=others)
    pd.testing.assert_series_equal(found.pvalues_fwer[others], alone.pvalues_fwer)
    pd.testing.assert_series_equal(found.qvalues[others], alone.qvalues)


# --- trained heads -------------------------------------------------------------------


def test_only_a_null_of_refits_is_refused_for_trained_heads():
    tasks = read_study(*study(), heads={"site": np.eye(3, 8), "age": np.ones(8)})[1]
    message = (
        r"heads: those of \['site', 'age'\] are trained and cannot be refitted, so "
        r"null='permutation' does not apply; set null='sign_flip', or n_permutations=0"
    )
    with pytest.raises(ValueError, match=message):
        check_null(tasks, "permutation", M)
    check_null(tasks, "permutation", 0)
    check_null(tasks, "sign_flip", M)
    # The primary head is not refitted in any case.
    check_null(read_study(*study(), target_head=np.ones(8))[1], "permutation", M)


# --- words ---------------------------------------------------------------------------

NO_PRIMARY = (
    "There is no primary head (target or target_head): heads are compared with each "
    "other only, and columns have no alignment score."
)
NO_PVALUES = "n_permutations=0: there are no p-values."
STOPPED = (
    "stop_after=7: permutations of a column end once 7 have reached its statistic "
    "(n_permutations_used_), so there is no correction by max-T; use alignment_qvalue."
)


def describe(m=99, null="permutation", primary=True, groups=None, adjusted=False, **of):
    rows = type("Rows", (), {"weights": np.ones(30)})
    testing = make_testing(rows, m, **of)
    return describe_inference(null, testing, primary, groups, adjusted)


def test_what_keeps_pvalues_from_being_there_is_said():
    assert describe(0) == [NO_PVALUES]
    assert describe(primary=False) == [NO_PRIMARY]
    assert describe(0, primary=False, stop_after=7) == [NO_PRIMARY, NO_PVALUES]


@pytest.mark.parametrize(
    ("options", "procedure"),
    [
        ({}, "permutation null): rows of each column permuted and its head"),
        ({"adjusted": True}, "rows of each column permuted within levels of the targ"),
        ({"groups": "patient"}, "groups (patient), or rows within them, of each col"),
        ({"null": "sign_flip"}, "(direction null): signs of the primary head's princi"),
    ],
)
def test_the_null_and_its_floor_are_said(options, procedure):
    (note,) = describe(**options)
    assert note.startswith("Alignment p-values (") and procedure in note
    assert note.endswith(", 99 draws, so no p-value is below 0.01.")
    assert describe(stop_after=7, **options) == [note, STOPPED]
