"""Several columns: one correction, and what cannot be compared."""

import numpy as np
from scipy import stats

from sklearn_wsca._comparison.inference import compare_columns
from sklearn_wsca._permutation.plan import PermutationPlan
from sklearn_wsca._utilization.samples import read_samples
from tests.comparison.studies import draw


def compare(study, names, m=99):
    given = read_samples(
        {"outputs_a": study.a, "outputs_b": study.b},
        study.table[names],
        target=study.table["disease"],
        confounders=None,
        groups=None,
        kinds=None,
        adjustment="linear",
        stacklevel=2,
    )
    plan = PermutationPlan(0, m, len(study.a))
    return compare_columns(*given.decisions, given.tested, plan, 0.1, 0.05)


def test_pvalues_are_corrected_over_the_columns():
    study = draw(1, use_a=0.25, use_b=0.1)
    study.table["half"] = np.resize(["x", "y", "y"], len(study.a))
    both, untestable = compare(study, ["scanner", "age", "half"])
    assert untestable == {}
    single = np.array([found.pvalue for found in both.values()])
    fwer = np.array([found.pvalue_fwer for found in both.values()])
    assert (fwer >= single).all()
    assert (fwer > single).any()
    np.testing.assert_allclose(
        [found.qvalue for found in both.values()],
        stats.false_discovery_control(single, method="bh"),
    )
    alone, _ = compare(study, ["scanner"])
    assert alone["scanner"].pvalue == both["scanner"].pvalue
    assert alone["scanner"].pvalue == alone["scanner"].pvalue_fwer
    np.testing.assert_array_equal(
        alone["scanner"].null_distribution, both["scanner"].null_distribution
    )


def test_columns_that_cannot_be_compared_stop_no_others():
    study = draw()
    study.table["copy"] = study.table["disease"]
    found, untestable = compare(study, ["copy", "scanner"])
    assert list(found) == ["scanner"]
    assert "nothing is left to compare" in untestable["copy"]


def test_levels_that_are_left_out_are_told():
    study = draw(n=400)
    study.table.loc[:4, "scanner"] = "C"
    found, _ = compare(study, ["scanner"])
    assert found["scanner"].n_units == 395
    assert "'C' (5)" in found["scanner"].notes[0]


def test_without_permutations_there_are_estimates_only():
    found, _ = compare(draw(use_a=0.3, use_b=0.3, shared=0.9), ["scanner"], m=0)
    result = found["scanner"]
    assert np.isnan([result.pvalue, result.pvalue_fwer, result.qvalue]).all()
    assert result.low < result.same_low < result.same_high < result.high
    assert result.verdict == "same"
    assert len(result.null_distribution) == 0


def test_the_verdict_is_that_of_what_is_reported():
    names = ["scanner"]
    for seed in range(6):
        result = compare(draw(seed, use_a=0.3, use_b=0.05 * seed), names)[0]["scanner"]
        clear = result.qvalue <= 0.05 and result.high < 0.0
        within = max(-result.same_low, result.same_high) < 0.1
        assert (result.verdict == "less used") == (clear and not within)
