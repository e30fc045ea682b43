"""Studentised gaps: the same by either way of summing, and size under odd designs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sklearn_wsca._backend.jobs import SequentialRunner
from sklearn_wsca._input.groups import Groups
from sklearn_wsca._performance.gaps import (
    ComparedLevels,
    exchange_at_target,
    largest_difference,
    score_estimates,
)
from sklearn_wsca._performance.inference import infer_performance
from sklearn_wsca._performance.measures import compared_measures
from sklearn_wsca._permutation.exchangeability import exchange_units
from sklearn_wsca._permutation.plan import PermutationPlan
from tests.performance.studies import column_of, decisions_of, draw

RUNNER = SequentialRunner("permutations")


def compare(seed=0, **odd):
    scores, ill, level, patient = draw(seed, **odd)
    found = decisions_of(scores, ill, patient)
    column = column_of(level)
    exchange = exchange_at_target(exchange_units(column, found.groups), found.target)
    return ComparedLevels.of(
        column,
        found.judged,
        lambda rows: list(compared_measures(found.judged.take(rows))),
        exchange,
    )


def recalls_only(compared):
    """Without the AUROC, whose placements are others in permutations."""
    compared = compared.copy()
    compared[:, 3] = False
    return compared


@pytest.mark.parametrize("images", [None, (20, 20, 1), "within"])
def test_the_statistic_of_the_data_is_that_of_no_permutation(images):
    found = compare(images=images)
    compared = recalls_only(found.compared)
    assert compared.any()
    scored = found.cells
    codes = found.codes[None]
    if scored.clusters is not None:
        codes = codes[:, np.argsort(found.exchange.clusters, kind="stable")]
    unmoved = scored.largest(codes, compared)
    parts = score_estimates(found.estimates, scored, compared)
    assert unmoved == pytest.approx(largest_difference(*parts, compared)[0], abs=1e-6)
    assert unmoved[0] > 0.5


def test_levels_of_whole_patients_may_be_summed_by_patient_or_by_row():
    found = compare(images=(20, 20, 1))
    scores, ill, level, patient = draw(0, images=(20, 20, 1))
    own = decisions_of(scores, ill, patient)
    exchange = replace(
        exchange_units(column_of(level), own.groups), scheme="within groups"
    )
    rows = ComparedLevels.of(
        column_of(level),
        own.judged,
        lambda r: list(compared_measures(own.judged.take(r))),
        exchange,
    )
    drawn = np.random.default_rng(0).permutation(len(found.codes))[None]
    by_patient = found.cells.largest(found.codes[drawn], found.compared)
    moved = found.codes[drawn][:, found.exchange.unit]
    order = np.argsort(exchange.clusters, kind="stable")
    by_row = rows.cells.largest(moved[:, order], found.compared)
    assert by_row == pytest.approx(by_patient, rel=1e-5)


def test_a_level_of_few_units_is_not_compared():
    found = compare(n=100, shares=(0.5, 0.47, 0.03))
    assert not found.compared[2].all() and found.compared[:2].all()


# At 10 % more than 10 rejections of 40 studies have a chance of 0.5 %.
@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"noise": 3.0},
        {"images": (20, 20, 1)},
        {"images": "within", "n": 60},
        {"rate": 0.1, "n": 800, "shares": (0.4, 0.4, 0.2)},
    ],
    ids=["even", "noisier", "fewer images", "within patients", "rare positives"],
)
def test_size_and_power(odd):
    def pvalue(seed, **more):
        scores, ill, level, patient = draw(seed, **odd, **more)
        plan = PermutationPlan(seed, 19, len(ill))
        own = decisions_of(scores, ill, patient)
        found = infer_performance(own, {"c": column_of(level)}, plan, 0.05, RUNNER)
        return found.pvalues.loc["c", "pvalue"]

    null = np.array([pvalue(seed) for seed in range(40)])
    assert np.sum(null <= 0.1) <= 10
    moved = [pvalue(seed, loss=4.0 * odd.get("noise", 1.0)) for seed in range(8)]
    assert np.sum(np.array(moved) <= 0.05) >= 6


def test_strata_keep_the_target_of_rows_within_patients():
    _, ill, level, patient = draw(0, n=60, images="within")
    ill = np.random.default_rng(1).integers(0, 2, len(ill))
    column, groups = column_of(level), Groups.of(pd.Series(patient, name="patient"))
    target = replace(column, labels=ill, levels=(0, 1))
    exchange = exchange_at_target(exchange_units(column, groups), target)
    orders = np.stack([np.random.default_rng(0).permutation(len(ill))])
    sources = exchange.unit_sources(orders)[0]
    assert (ill[sources] == ill).all() and (patient[sources] == patient).all()
    assert (sources != np.arange(len(ill))).any()
