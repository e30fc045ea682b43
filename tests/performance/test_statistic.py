"""The studentised statistic: the same by either way of summing."""

from dataclasses import replace

import numpy as np
import pytest

from sklearn_wsca._performance import statistic
from sklearn_wsca._performance.gaps import ComparedLevels
from sklearn_wsca._performance.measures import compared_measures
from sklearn_wsca._performance.statistic import largest_difference, score_estimates
from sklearn_wsca._permutation.exchangeability import exchange_units
from sklearn_wsca._permutation.plan import PermutationPlan
from tests.performance.studies import column_of, compare, decisions_of, draw


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


@pytest.mark.parametrize("most", [1, 2**26])
@pytest.mark.parametrize("images", [None, (20, 20, 1), "within"])
def test_tensors_are_permuted_as_arrays_are(images, most, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(statistic, "NUMBERS_AT_ONCE_OF_TENSORS", most)
    found = compare(images=images)
    plan = PermutationPlan(0, 9, found.exchange.keys.max() + 1)
    sources = found.exchange.unit_sources(plan.orders(range(9)))
    expected = found.null(sources)
    there = found.null(torch.from_numpy(sources))
    assert isinstance(there, np.ndarray) and np.ptp(there) > 0.1
    np.testing.assert_allclose(there, expected, atol=2e-7)
