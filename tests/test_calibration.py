"""Size and power in simulated studies: the quick version of benchmarks/calibration.py.

The benchmark prints the rates of at least 1000 studies in every cell.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.utils import check_random_state

from benchmarks import calibration
from benchmarks.calibration import Setting, simulate, true_utilization
from sklearn_wsca import utilization_test
from sklearn_wsca._input.column import LeftOutError
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._input.typed_columns import read_column
from sklearn_wsca._permutation.exchangeability import exchange_units
from sklearn_wsca._permutation.plan import PermutationPlan, permutation_pvalues
from sklearn_wsca._utilization.adjusted_effect import (
    examine,
)
from sklearn_wsca._utilization.decision import Decision
from sklearn_wsca._utilization.inference import combine
from sklearn_wsca._utilization.preparation import prepare_outputs

LEVEL, M = 0.05, 39
N_STUDIES = 200


def read(setting, seed, grouped=True, target=True):
    """Decision and column of a study, in the order in which the library permutes."""
    study = simulate(setting, seed)
    order = np.argsort((study.outputs - study.outputs.mean()) ** 2)
    table = study.table.iloc[order].reset_index(drop=True)
    decision = Decision(
        study.outputs[order, None],
        None,
        np.ones(len(order)),
        read_column(table["target"]) if target else None,
        [read_column(table["age"])] if setting.confounded else [],
        Groups.of(table["patient"]) if grouped and setting.images > 1 else None,
    )
    return decision, read_column(table["column"])


def pvalue(setting, seed, **options):
    """p-value as of `utilization_test`, without estimate and interval.

    NaN where a cell of column and target is empty, so that the package refuses.
    """
    decision, column = read(setting, seed, **options)
    n = len(decision.weights)
    try:
        model = prepare_outputs(
            decision.outputs,
            column,
            decision.target,
            decision.confounders,
            decision.weights,
            exchange_units(column, decision.groups),
        )
    except LeftOutError:
        return np.nan
    seed = check_random_state(seed).randint(np.iinfo(np.int32).max)
    permuted = model.permutations(PermutationPlan(seed, M, n).orders(range(M)))
    statistics = np.concatenate([model.observed()[None], permuted])[:, None, 1:]
    statistic = combine(statistics)
    return permutation_pvalues(statistic[0], statistic[1:])[0]


def count_rejected(setting, n_studies, **options):
    """Rejections, and studies that could be tested."""
    pvalues = [pvalue(setting, seed, **options) for seed in range(n_studies)]
    pvalues = np.array(pvalues)[~np.isnan(pvalues)]
    return np.sum(pvalues <= LEVEL), len(pvalues)


UNUSED = {
    "binary": Setting("binary", 0.8),
    "binary, 20 images": Setting("binary", 0.8, 20),
    "continuous": Setting("continuous", 0.8),
    "continuous, 20 images": Setting("continuous", 0.8, 20),
    "confounder (Freedman-Lane)": Setting("binary", 0.8, confounded=True),
}


@pytest.mark.parametrize("cell", UNUSED)
@pytest.mark.parametrize("seed", range(2))
def test_what_is_counted_is_the_pvalue_of_the_package(cell, seed):
    setting = UNUSED[cell]
    table = simulate(setting, seed).table
    found = utilization_test(
        simulate(setting, seed).outputs,
        table["column"],
        target=table["target"],
        confounders=table["age"] if setting.confounded else None,
        groups=table["patient"] if setting.images > 1 else None,
        n_permutations=M,
        random_state=seed,
    )
    assert found.pvalue == pvalue(setting, seed)
    assert ("Freedman-Lane" in found.scheme) == setting.confounded
    assert ("groups" in found.scheme) == (setting.images > 1)


# --- size ----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("cell", UNUSED)
def test_a_column_that_is_encoded_and_not_used_is_rejected_at_the_level(cell):
    """Column and target go together in 80 % of the samples."""
    rejected, tested = count_rejected(UNUSED[cell], N_STUDIES)
    assert tested > 0.95 * N_STUDIES
    low, high = stats.binom.interval(0.999, tested, LEVEL)
    assert low <= rejected <= high


@pytest.mark.parametrize("kind", ["binary", "continuous"])
def test_taking_images_of_a_patient_for_independent_gives_false_alarms(kind):
    """Negative control: the studies of the test above, without groups."""
    setting = Setting(kind, 0.8, 20)
    rejected, tested = count_rejected(setting, 40, grouped=False)
    assert rejected > 0.4 * tested > 12


@pytest.mark.parametrize("kind", ["binary", "4 levels", "continuous"])
def test_holding_nothing_fixed_finds_columns_that_are_not_used(kind):
    """Negative control: what the target explains is taken for use."""
    assert count_rejected(Setting(kind, 0.8), 20, target=False) == (20, 20)


def test_leaving_out_the_confounder_gives_false_alarms():
    """Negative control: age moves both the column and the outputs."""
    setting, rejected = Setting("continuous", confounded=True), 0
    assert count_rejected(setting, 20)[0] <= 4
    for seed in range(20):
        study = simulate(setting, seed)
        found = utilization_test(
            study.outputs,
            study.table["column"],
            target=study.table["target"],
            n_permutations=M,
            random_state=seed,
        )
        rejected += found.pvalue <= LEVEL
    assert rejected >= 18


# --- power ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["binary", "4 levels", "continuous"])
@pytest.mark.parametrize("association", [0.0, 0.4])
def test_a_use_of_0_3_is_found(kind, association):
    setting = Setting(kind, association, use=0.3, n_patients=400)
    rejected, tested = count_rejected(setting, 30)
    assert rejected >= 26
    assert tested == 30


def test_intervals_hold_the_true_utilization_of_the_benchmark():
    setting = Setting("binary", 0.4, 5, use=0.3)
    truth, covered = true_utilization(setting), 0
    assert 0.1 < truth < 0.3
    for seed in range(50):
        examined = examine(*read(setting, seed), LEVEL)
        low, high = examined.noise.interval(examined.raw, 0.95)
        covered += low <= truth <= high
    assert covered >= stats.binom.interval(0.999, 50, 0.95)[0]


# --- alignment -----------------------------------------------------------------------


@pytest.fixture
def few_permutations(monkeypatch):
    monkeypatch.setattr(calibration, "N_PERMUTATIONS", M)


def alignment_pvalues(setting, n_studies):
    found = [calibration.alignment_pvalue(setting, seed) for seed in range(n_studies)]
    return np.array(found)


@pytest.mark.parametrize(
    ("kind", "images"), [("binary", 1), ("continuous", 1), ("continuous", 5)]
)
def test_alignment_of_a_column_that_is_not_encoded_is_rejected_at_the_level(
    kind, images, few_permutations
):
    setting = Setting(kind, 0.4, images, encoding=0.0)
    pvalues = alignment_pvalues(setting, 80)
    assert not np.isnan(pvalues).any()
    low, high = stats.binom.interval(0.999, 80, LEVEL)
    assert low <= np.sum(pvalues <= LEVEL) <= high
    assert pd.Series(pvalues).between(1 / (M + 1), 1.0).all()


@pytest.mark.parametrize("kind", ["binary", "continuous"])
def test_alignment_of_a_column_that_is_used_is_found(kind, few_permutations):
    setting = Setting(kind, 0.4, use=1.0)
    assert np.sum(alignment_pvalues(setting, 10) <= LEVEL) >= 9


def test_target_effects_that_differ_between_patients_are_no_use_of_the_column():
    """Column and target vary within patients, who are held fixed."""
    rejected = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        unit = np.repeat(np.arange(40), 8)
        column = 70.0 + 9.0 * (
            2.0 * rng.standard_normal(40)[unit] + rng.standard_normal(320)
        )
        ill = rng.integers(0, 2, 320)
        score = 2.0 * ill * (1.0 + rng.standard_normal(40)[unit]) + rng.standard_normal(
            320
        )
        found = utilization_test(
            score, column, target=ill, groups=unit, n_permutations=39, random_state=seed
        )
        rejected += found.pvalue <= 0.05
    assert rejected <= stats.binom.ppf(0.999, 60, 0.05)
