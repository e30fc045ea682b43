"""What is said to be detectable is detected, in the share of audits that is said."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from sklearn_wsca import utilization_test
from sklearn_wsca._input.typed_columns import read_column
from sklearn_wsca._screening.detectable import (
    FURTHER,
    Critical,
    SimulatedAudits,
    ratio_at_power,
    upper_quantile,
)
from sklearn_wsca._screening.simulated_outputs import (
    Assumptions,
    draw_networks,
    give_target,
)
from sklearn_wsca._utilization.inference import combine
from tests.screening.tables import decision_of, draw_patients, draw_table

USUAL = Assumptions(0.9, 0.5)
N_NETWORKS = 30


def audits_of(table, name="scanner", level=0.05, seed=1, assumptions=USUAL, **held):
    decision = decision_of(table, **held)
    return SimulatedAudits(decision, read_column(table[name]), assumptions, level, seed)


def power(table, name, effect, groups=None):
    """Share of networks with this effect whose use is found by the public test."""
    decision = decision_of(table, groups=groups)
    base = give_target(decision.target, len(table), USUAL.separation)
    column = read_column(table[name])
    networks = draw_networks(N_NETWORKS, column, base, decision.groups, 0.5, 977)
    found = 0
    for number in range(N_NETWORKS):
        result = utilization_test(
            networks.outputs(np.array([effect]), slice(number, number + 1)),
            table[name],
            target=table["disease"],
            groups=None if groups is None else table[groups],
            n_permutations=59,
            random_state=number,
        )
        found += result.pvalue <= 0.05
    return found / N_NETWORKS


@pytest.mark.parametrize(
    ("draw", "groups"),
    [
        (lambda: draw_table(n=200, shares=(0.5, 0.4, 0.1)), None),
        (lambda: draw_patients(n=30, images=(2, 12)), "patient"),
        (lambda: draw_table(n=600, share=0.04), None),
    ],
    ids=["rare", "patients", "positives"],
)
def test_what_is_promised_is_found(draw, groups):
    """In 80 %; `benchmarks.screening` counts closer, and in more kinds of tables."""
    table = draw()
    found = audits_of(table, groups=groups).detectable()
    assert 0.05 < found.utilization < 0.6
    assert 0.6 <= power(table, "scanner", found.effect, groups) <= 0.96


def test_half_of_what_is_promised_is_found_less_often():
    table = draw_table(n=150)
    found = audits_of(table).detectable()
    assert power(table, "scanner", found.effect / 2) < 0.5


def test_four_times_the_rows_find_half_the_effect():
    small = audits_of(draw_table(n=400)).detectable()
    large = audits_of(draw_table(n=1600)).detectable()
    assert large.effect == pytest.approx(small.effect / 2, rel=0.15)
    wanted = large.utilization
    assert small.units_for(wanted, 400) == pytest.approx(1600, rel=0.3)


def test_what_is_there_already_needs_no_more_units():
    found = audits_of(draw_table(n=400)).detectable()
    assert np.isnan(found.units_for(2 * found.utilization, 400))
    assert np.isnan(found.units_for(0.0, 400))
    assert found.units_for(found.utilization / 2, 400) > 1200


@pytest.mark.parametrize(
    ("change", "larger"),
    [
        ({"level": 0.002}, True),
        ({"assumptions": Assumptions(0.6, 0.5)}, True),
        ({"assumptions": Assumptions(0.99, 0.5)}, False),
        ({"seed": 5}, None),
    ],
)
def test_what_it_depends_on(change, larger):
    usual = audits_of(draw_table()).detectable().utilization
    changed = audits_of(draw_table(), **change).detectable().utilization
    if larger is None:
        assert changed == pytest.approx(usual, rel=0.15)
    else:
        assert (changed > 1.1 * usual) == larger
        assert (changed < 0.9 * usual) != larger


def test_images_that_are_more_alike_tell_less():
    table = draw_patients()
    alike, other = (
        audits_of(table, assumptions=Assumptions(0.9, share), groups="patient")
        for share in (0.9, 0.1)
    )
    assert alike.detectable().effect > 1.5 * other.detectable().effect


def test_what_no_effect_can_reach_is_never_found():
    found = audits_of(draw_table(n=24), level=1e-12).detectable()
    assert np.isinf(found.effect)
    assert np.isnan(found.utilization)
    assert np.isnan(found.units_for(0.1, 24))


def test_it_is_the_same_for_the_same_seed():
    first, second = (audits_of(draw_table()).detectable() for _ in range(2))
    assert first.effect == second.effect


def test_statistics_are_combined_as_in_the_test():
    rng = np.random.default_rng(0)
    draws = rng.chisquare(2, (999, 3)) * np.array([1.0, 30.0, 0.0])
    critical = Critical.of(draws, 0.05)
    expected = combine(draws[:, None])[:, 0]
    assert critical.combine(draws) == pytest.approx(expected, abs=1e-6)
    assert np.mean(critical.combine(draws) > critical.value) == pytest.approx(
        0.05, abs=2e-3
    )
    exceeds = critical.excess(draws) > 0
    assert np.mean(exceeds) == pytest.approx(0.05, abs=2e-3)


def test_far_quantiles_of_few_draws():
    rng = np.random.default_rng(0)
    draws = 40.0 + 3.0 * rng.standard_normal(2000)
    for level in (0.05, 0.001, 1e-5):
        expected = 40.0 + 3.0 * stats.norm.isf(level)
        assert upper_quantile(draws, level) == pytest.approx(expected, abs=0.7)


def test_the_ratio_at_power_is_that_of_a_curve_with_noise():
    rng = np.random.default_rng(0)
    ratios = np.geomspace(0.5, 2.0, 2000)
    excess = 3.0 * (ratios - 1.0) + rng.standard_normal(2000)
    expected = 1.0 + stats.norm.ppf(0.8) / 3.0
    assert ratio_at_power(ratios, excess) == pytest.approx(expected, rel=0.05)
    assert ratio_at_power(ratios, excess - 20.0) == FURTHER
    assert ratio_at_power(ratios, excess + 20.0) == 1.0 / FURTHER


def test_the_outputs_of_the_decision_do_not_matter():
    audits = audits_of(draw_table())
    outputs = np.full((400, 7), 3.0)
    other = replace(audits, decision=replace(audits.decision, outputs=outputs))
    assert other.detectable().effect == audits.detectable().effect
